//! The images that MagTrack's numbers in `expected.txt` belong to, and those numbers. `make_expected.py` has the same
//! formulas.
#![allow(dead_code, reason = "each test file uses its own part of this module")]
#![allow(clippy::unwrap_used, reason = "a test stops at what should not be")]

use beadscope_shaders::magtrack::Options;

const EXPECTED: &str = include_str!("expected.txt");

/// One set of options.
pub struct Case {
    /// As in the file: ROI in px, then `KEY = VALUE` between ` | `.
    pub title: String,
    pub roi_px: usize,
    pub options: Options,
    /// Every 4th bin of plane 10.
    pub zlut: Vec<f64>,
    /// x px, y px, z nm of each image.
    pub found: Vec<[f64; 3]>,
}

/// Every set of options in the file.
pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in EXPECTED.lines().filter(|line| !line.starts_with('#')) {
        let numbers = |text: &str| text.split(' ').map(|word| word.parse().unwrap()).collect::<Vec<f64>>();
        if let Some(title) = line.strip_prefix("case ") {
            let mut parts = title.split(" | ");
            let roi_px = parts.next().unwrap().parse().unwrap();
            let mut options = Options::default();
            for (key, value) in parts.map(|part| part.split_once(" = ").unwrap()) {
                options.set(key, value).unwrap();
            }
            cases.push(Case { title: title.to_owned(), roi_px, options, zlut: vec![], found: vec![] });
        } else if let Some(values) = line.strip_prefix("zlut ") {
            cases.last_mut().unwrap().zlut = numbers(values);
        } else {
            cases.last_mut().unwrap().found.push(numbers(line).try_into().unwrap());
        }
    }
    cases
}

/// x, y in px, z in nm of each image.
pub fn beads(roi_px: usize) -> [(f64, f64, f64); 6] {
    let middle = middle(roi_px);
    [
        (middle + 0.31, middle - 0.77, 1234.5),
        (middle - 2.6, middle + 1.93, 420.0),
        (middle + 3.5, middle + 2.5, 2071.3),
        (middle - 1.12, middle - 3.48, 1500.0),
        (middle + 0.2, middle + 0.1, 2990.0),
        (0.12 * roi_px as f64, middle + 0.4, 1500.0),
    ]
}

fn middle(roi_px: usize) -> f64 {
    (roi_px - 1) as f64 / 2.0
}

/// Rings and whole-numbered noise, rounded to grey levels so that both programs see the same.
pub fn image(roi_px: usize, (x0, y0, z_nm): (f64, f64, f64), seed: usize) -> Vec<f32> {
    let level = |place: usize| {
        let (x, y) = (place % roi_px, place / roi_px);
        let r = ((x as f64 - x0).powi(2) + (y as f64 - y0).powi(2)).sqrt();
        let rings = 60.0 * (r * (0.9 - 1e-4 * z_nm) + 1.5e-3 * z_nm).cos() * (-6.0 * r / roi_px as f64).exp();
        let noise = (x * 7919 + y * 104_729 + x * y * 31 + seed * 1_299_709) % 1009 % 9;
        (100.0 + rings + noise as f64).round() as f32
    };
    (0..roi_px * roi_px).map(level).collect()
}

/// Heights of the Z-LUT, nm.
pub fn zlut_z_nm() -> Vec<f64> {
    (0..31).map(|plane| 100.0 * f64::from(plane)).collect()
}

/// Where the bead of the Z-LUT is, px.
pub fn zlut_center_px(roi_px: usize) -> (f64, f64) {
    (middle(roi_px) + 0.25, middle(roi_px) - 0.4)
}
