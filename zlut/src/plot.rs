//! A picture of a Z-LUT that a person looks at: x = height, y = radius, grey = grey level.

use image::{Rgb, RgbImage};

use crate::{
    font::{self, Run},
    table::ZLut,
};

/// Size of the picture in px.
const SIZE: (u32, u32) = (1200, 800);
/// px per font pixel.
const TEXT: u32 = 2;
/// Length of a tick in px.
const TICK: u32 = 8;
const BLACK: Rgb<u8> = Rgb([0, 0, 0]);
/// Not measured: a colour that no grey level has.
const NOT_MEASURED: Rgb<u8> = Rgb([235, 160, 150]);

/// A rectangle of the picture in px: left, top, width, height.
#[derive(Clone, Copy)]
struct Area {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

const MAP: Area = Area { x: 110, y: 60, width: 900, height: 650 };
const BAR: Area = Area { x: 1045, y: 60, width: 28, height: 650 };

/// An axis: the values at its two ends and what they are.
struct Axis {
    from: f64,
    to: f64,
    label: &'static str,
}

/// Draws the table with axes, ticks, units and a grey scale. Radii are in px where they are known, else ring
/// numbers. Each pixel shows the plane and the ring nearest to it, nothing in between. What was not measured
/// is red.
pub fn picture(table: &ZLut) -> RgbImage {
    let mut picture = RgbImage::from_pixel(SIZE.0, SIZE.1, Rgb([255, 255, 255]));
    let (z_axis, radius_axis, grey_axis) = axes(table);
    draw_map(&mut picture, table, &z_axis, &grey_axis);
    draw_bar(&mut picture);
    frame(&mut picture, MAP);
    frame(&mut picture, BAR);
    draw_x_axis(&mut picture, &z_axis);
    draw_left_axis(&mut picture, &radius_axis);
    draw_right_axis(&mut picture, &grey_axis);
    draw_title(&mut picture, table);
    picture
}

/// Half a plane and half a ring stick out at each end, so that the outermost are as wide as the others.
fn axes(table: &ZLut) -> (Axis, Axis, Axis) {
    let z_nm = table.z_nm();
    let last = z_nm.len() - 1;
    let z_axis = Axis {
        from: z_nm[0] - (z_nm[1] - z_nm[0]) / 2.0,
        to: z_nm[last] + (z_nm[last] - z_nm[last - 1]) / 2.0,
        label: "z (nm)",
    };
    let (first, step, label) = match table.origin.ring_step_px {
        Some(step_px) => (table.origin.first_ring_px, step_px, "radius (px)"),
        None => (0.0, 1.0, "ring"),
    };
    let radius_axis =
        Axis { from: first - step / 2.0, to: first + (table.n_rings() as f64 - 0.5) * step, label };
    let finite = || table.profiles().iter().copied().filter(|grey| grey.is_finite());
    let (darkest, brightest) =
        (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max));
    let grey_axis = Axis { from: f64::from(darkest), to: f64::from(brightest), label: "grey level" };
    (z_axis, radius_axis, grey_axis)
}

fn draw_map(picture: &mut RgbImage, table: &ZLut, z_axis: &Axis, grey_axis: &Axis) {
    for column in 0..MAP.width {
        let z_nm = z_axis.at((f64::from(column) + 0.5) / f64::from(MAP.width));
        let profile = table.profile(nearest(table.z_nm(), z_nm));
        for row in 0..MAP.height {
            // Ring 0 at the bottom.
            let ring = (MAP.height - 1 - row) as usize * table.n_rings() / MAP.height as usize;
            let grey = f64::from(profile[ring]);
            let color = if grey.is_nan() { NOT_MEASURED } else { shade(grey_axis.part(grey)) };
            picture.put_pixel(MAP.x + column, MAP.y + row, color);
        }
    }
}

fn draw_bar(picture: &mut RgbImage) {
    for row in 0..BAR.height {
        let color = shade(1.0 - (f64::from(row) + 0.5) / f64::from(BAR.height));
        for column in 0..BAR.width {
            picture.put_pixel(BAR.x + column, BAR.y + row, color);
        }
    }
}

fn draw_x_axis(picture: &mut RgbImage, axis: &Axis) {
    let bottom = MAP.y + MAP.height;
    for (value, text) in axis.ticks() {
        let x = MAP.x + place(axis.part(value), MAP.width);
        (0..TICK).for_each(|k| picture.put_pixel(x, bottom + k, BLACK));
        let left = i64::from(x) - i64::from(font::length_px(&text, TEXT) / 2);
        font::draw(picture, &text, (left, i64::from(bottom + TICK + 6)), TEXT, Run::Right);
    }
    let left = MAP.x + (MAP.width - font::length_px(axis.label, TEXT)) / 2;
    font::draw(picture, axis.label, (i64::from(left), i64::from(bottom + 45)), TEXT, Run::Right);
}

fn draw_left_axis(picture: &mut RgbImage, axis: &Axis) {
    for (value, text) in axis.ticks() {
        let y = MAP.y + MAP.height - 1 - place(axis.part(value), MAP.height);
        (1..=TICK).for_each(|k| picture.put_pixel(MAP.x - k, y, BLACK));
        let left = i64::from(MAP.x - TICK - 6) - i64::from(font::length_px(&text, TEXT));
        font::draw(picture, &text, (left, middle(y)), TEXT, Run::Right);
    }
    draw_upright_label(picture, axis.label, 20, MAP);
}

fn draw_right_axis(picture: &mut RgbImage, axis: &Axis) {
    let right = BAR.x + BAR.width;
    let mut longest = 0;
    for (value, text) in axis.ticks() {
        let y = BAR.y + BAR.height - 1 - place(axis.part(value), BAR.height);
        (0..TICK).for_each(|k| picture.put_pixel(right + k, y, BLACK));
        font::draw(picture, &text, (i64::from(right + TICK + 6), middle(y)), TEXT, Run::Right);
        longest = longest.max(font::length_px(&text, TEXT));
    }
    draw_upright_label(picture, axis.label, right + TICK + 6 + longest + 16, BAR);
}

fn draw_upright_label(picture: &mut RgbImage, label: &str, x: u32, beside: Area) {
    let bottom = beside.y + (beside.height + font::length_px(label, TEXT)) / 2;
    font::draw(picture, label, (i64::from(x), i64::from(bottom)), TEXT, Run::Up);
}

fn draw_title(picture: &mut RgbImage, table: &ZLut) {
    let bead = table.origin.bead.as_ref().map(|bead| format!(", bead {bead}")).unwrap_or_default();
    let title = format!(
        "Z-LUT {}{bead}: {} planes × {} rings, {} nm per plane",
        table.hash(),
        table.n_planes(),
        table.n_rings(),
        label_of(table.z_step_nm(), table.z_step_nm() / 1000.0)
    );
    font::draw(picture, &title, (i64::from(MAP.x), 24), TEXT, Run::Right);
}

impl Axis {
    /// The value at a part of the axis, 0 at its start and 1 at its end.
    fn at(&self, part: f64) -> f64 {
        self.from + part * (self.to - self.from)
    }

    /// The reverse of [`Self::at`], held within the axis.
    fn part(&self, value: f64) -> f64 {
        ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }

    /// Five to ten round values within the axis, with their texts.
    fn ticks(&self) -> Vec<(f64, String)> {
        let rough = (self.to - self.from) / 10.0;
        let decade = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|k| k * decade).into_iter().find(|step| *step >= rough);
        let Some(step) = step.filter(|step| step.is_finite() && *step > 0.0) else {
            return Vec::new(); // heights so far apart that their distance is no f64
        };
        let first = (self.from / step).ceil();
        let values = (0..=10).map(|k| (first + f64::from(k)) * step).filter(|value| *value <= self.to);
        values.map(|value| (value, label_of(value, step))).collect()
    }
}

/// A number with as many decimals as `step` needs.
fn label_of(value: f64, step: f64) -> String {
    let decimals = -step.log10().floor();
    if value.abs() >= 1e7 || decimals > 6.0 {
        return format!("{value:.2e}").replace('-', "\u{2212}");
    }
    let text = format!("{:.*}", decimals.max(0.0) as usize, value);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.replace('-', "\u{2212}") }
}

/// The index of the height nearest to `z_nm`; `heights_nm` increases strictly.
fn nearest(heights_nm: &[f64], z_nm: f64) -> usize {
    let above = heights_nm.partition_point(|height| *height < z_nm).min(heights_nm.len() - 1);
    let below = above.saturating_sub(1);
    if z_nm - heights_nm[below] < heights_nm[above] - z_nm { below } else { above }
}

/// Black at 0, white at 1.
fn shade(part: f64) -> Rgb<u8> {
    let grey = (part * 255.0).round() as u8;
    Rgb([grey, grey, grey])
}

/// A part of a length, as a pixel within it.
fn place(part: f64, length: u32) -> u32 {
    (part * f64::from(length - 1)).round() as u32
}

/// Where a text starts that is centred on row `y`.
fn middle(y: u32) -> i64 {
    i64::from(y) - i64::from(font::height_px(TEXT) / 2)
}

/// A line one px wide just outside the area.
fn frame(picture: &mut RgbImage, area: Area) {
    for x in area.x - 1..=area.x + area.width {
        picture.put_pixel(x, area.y - 1, BLACK);
        picture.put_pixel(x, area.y + area.height, BLACK);
    }
    for y in area.y - 1..=area.y + area.height {
        picture.put_pixel(area.x - 1, y, BLACK);
        picture.put_pixel(area.x + area.width, y, BLACK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Origin;

    /// Brighter with height in ring 0, flat elsewhere, one ring not measured.
    fn table() -> ZLut {
        let rows = |plane: u8| [f32::from(plane) * 20.0, 0.0, 100.0, f32::NAN];
        ZLut::new(vec![-100.0, 0.0, 100.0, 400.0], 4, (0..4).flat_map(rows).collect(), Origin::default())
            .unwrap()
    }

    #[test]
    fn height_runs_right_and_radius_runs_up() {
        let picture = picture(&table());
        let at = |x_part: f64, y_part: f64| {
            let x = MAP.x + place(x_part, MAP.width);
            *picture.get_pixel(x, MAP.y + MAP.height - 1 - place(y_part, MAP.height))
        };
        assert_eq!(at(0.0, 0.1), Rgb([0, 0, 0]), "plane 0, ring 0");
        assert_eq!(at(1.0, 0.1), Rgb([153, 153, 153]), "plane 3, ring 0: 60 of 100");
        assert_eq!(at(1.0, 0.4), Rgb([0, 0, 0]), "ring 1");
        assert_eq!(at(0.5, 0.6), Rgb([255, 255, 255]), "ring 2");
        assert_eq!(at(0.5, 0.9), NOT_MEASURED);
        // The axis runs from -150 to 550 nm: the plane at 100 nm reaches to 250 nm, 4/7 of the way.
        assert_eq!(at(0.56, 0.1), Rgb([102, 102, 102]), "plane 2 by height, not by number");
        assert_eq!(at(0.58, 0.1), Rgb([153, 153, 153]), "plane 3");
    }

    #[test]
    fn ticks_are_round_and_within_the_axis() {
        let texts = |from, to| {
            let axis = Axis { from, to, label: "" };
            axis.ticks().into_iter().map(|(_, text)| text).collect::<Vec<_>>()
        };
        assert_eq!(texts(-150.0, 550.0), ["\u{2212}100", "0", "100", "200", "300", "400", "500"]);
        assert_eq!(
            texts(-0.05, 0.45),
            ["\u{2212}0.05", "0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.35", "0.4", "0.45"]
        );
        assert_eq!(texts(0.0, 2e9)[1], "2.00e8");
        assert_eq!(texts(f64::MIN, f64::MAX), [""; 0]);
    }

    #[test]
    fn every_label_has_its_letters() {
        let mut blank = RgbImage::from_pixel(60, 20, Rgb([255, 255, 255]));
        font::draw(&mut blank, "\u{1}", (0, 0), 1, Run::Right);
        let unknown = blank.clone();
        for letter in "0123456789.\u{2212}eabcdfhglnprtuvwxyzLUTZ(),:×-".chars() {
            blank.pixels_mut().for_each(|pixel| *pixel = Rgb([255, 255, 255]));
            font::draw(&mut blank, &letter.to_string(), (0, 0), 1, Run::Right);
            assert_ne!(blank, unknown, "{letter}");
        }
    }
}
