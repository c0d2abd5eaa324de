//! Kernels against the f64 reference of `reference/`, on images nobody has seen before: another seed in each run.
//!
//! Required: x and y to 1e-3 px and z to 0.1 nm, and nothing found where the reference finds nothing. An image of
//! which a decision was a near tie is counted and left out: f32 may decide it the other way. `BEADSCOPE_SEED=<number>`
//! repeats a run.

#![allow(clippy::unwrap_used, reason = "a test stops at what should not be")]
#![allow(clippy::print_stdout, reason = "how well they agree is the output of this test")]

mod reference;
mod scene;

use beadscope_shaders::flags::Flags;
use beadscope_shaders::pipeline::{Localization, Method, Params, Scratch, Tracker};
use beadscope_shaders::zlut_match::MatchTable;
use reference::{Answer, FINE_ARC_STEP_PX, Grid, Recipe, Zlut};
use scene::{Bead, N_PLANES, PLANE_STEP_NM, Random};

const METHODS: [Method; 2] = [Method::AutoConvolution, Method::QuadrantInterpolation];

/// Largest differences in x, y (px) and z (nm).
const LIMITS: [f64; 3] = [1e-3, 1e-3, 0.1];

/// Largest ROI of which `qi` does not keep to the limits, px.
///
/// A kernel stops at a step below 0.005 px and matches the profile around the point before that step. Of a whole bead
/// that is nothing; on the few rings of a small ROI z follows the centre. Of 10,800 beads these were beyond the limit
/// in z: 37 % at 8 and 9 px, 25 % to 12 px, 9 % to 16 px, 4 % to 30 px, 1 in 800 to 40 px, none above. The rms was
/// 0.5 nm at 8 and 9 px and 0.07 nm to 16 px. In x and y: 3 % to 12 px, the worst 0.02 px, and 1 in 400 to 20 px, the
/// worst 0.0013 px. Those are of the beads that are found, at 8 and 9 px one in eight: of the 60 images of a run 3.3 are
/// beyond on average, and of 590 runs none had more than 11.
const SMALL_ROI_PX: usize = 40;

/// Z of so few rings is a matter of the last digits, even where both ways stop at the same step: up to here, px ...
const TINY_ROI_PX: usize = 20;

/// ... these are the limits. The worst of 590 runs was 0.0004 px and 0.5 nm, above 12 px of 94 runs 0.06 nm.
const TINY_LIMITS: [f64; 3] = [5e-3, 5e-3, 2.0];

/// Decisions nearer to their threshold than this are ties. The kernels judge a profile up to 0.005 px from the answer.
const TIE: f64 = 1e-3;

/// Largest Z-LUT, px: larger ROIs match fewer rings than they have, as with a Z-LUT made for a smaller ROI.
const LARGEST_ZLUT_PX: usize = 64;

/// Another one in each run, unless asked for.
fn seed() -> u64 {
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let seed = std::env::var("BEADSCOPE_SEED").map_or_else(|_| now(), |seed| seed.parse().unwrap());
    println!("BEADSCOPE_SEED={seed}");
    seed
}

/// One image and what it was filmed with.
struct Film {
    image: Vec<f32>,
    max_level: f64,
}

/// Both ways to find beads in ROIs of one size.
struct Bench {
    roi_px: usize,
    table: MatchTable,
    zlut: Zlut,
    trackers: [(Tracker, Scratch); 2],
}

impl Bench {
    fn new(roi_px: usize) -> Self {
        Self::with_planes(roi_px, 1)
    }

    /// With every `nth` plane of the usual Z-LUT.
    fn with_planes(roi_px: usize, nth: usize) -> Self {
        let heights: Vec<f64> = scene::plane_heights().into_iter().step_by(nth).collect();
        let side = roi_px.min(LARGEST_ZLUT_PX);
        let middle = (side / 2) as f64;
        let grid =
            Grid { first_ring_px: 0.0, ring_step_px: 0.5, n_rings: side, arc_step_px: FINE_ARC_STEP_PX };
        let rows: Vec<f32> = heights
            .iter()
            .flat_map(|&z_nm| {
                let image = scene::render(side, &[Bead { x_px: middle, y_px: middle, z_nm }]);
                reference::radial_profile(&image, side, (middle, middle), grid)
            })
            .map(|level| 255.0 * level as f32)
            .collect();
        let exact: Vec<f64> = rows.iter().copied().map(f64::from).collect();
        Self {
            roi_px,
            table: MatchTable::new(&rows, &heights, grid.n_rings, 0.0, 0.5).unwrap(),
            zlut: Zlut::new(&exact, &heights, 0.0, 0.5),
            trackers: METHODS.map(|method| {
                let tracker = Tracker::new(roi_px, &Params { method, ..Params::default() }).unwrap();
                let scratch = tracker.scratch();
                (tracker, scratch)
            }),
        }
    }

    /// A bead up to 2 px off the middle and within the Z-LUT, by a camera of 8 or 16 bits in any light.
    fn bead(&self, random: &mut Random) -> Film {
        let middle = 0.5 * (self.roi_px as f64 - 1.0);
        let mut off = || 4.0 * random.uniform() - 2.0;
        let (x_px, y_px) = (middle + off(), middle + off());
        let z_nm = PLANE_STEP_NM * (1.0 + (N_PLANES - 3) as f64 * random.uniform());
        self.film(&[Bead { x_px, y_px, z_nm }], random)
    }

    fn film(&self, beads: &[Bead], random: &mut Random) -> Film {
        let max_level = if random.uniform() < 0.5 { 255.0 } else { 65_535.0 };
        let contrast = 0.5 + 0.7 * random.uniform();
        let mut image = scene::render(self.roi_px, beads);
        image.iter_mut().for_each(|level| *level = 0.45 + contrast * (*level - 0.45));
        // From 1000 photo-electrons, noisy, to so many that only rounding is left.
        let white_e = 1000.0 * 10.0f64.powf(5.0 * random.uniform());
        Film { image: scene::filmed_by(max_level, white_e, &image, random), max_level }
    }

    /// What the kernels and the reference find, method by method.
    fn compare(&mut self, recipe: Recipe, film: &Film) -> [(Localization, Answer); 2] {
        let exact: Vec<f64> = film.image.iter().copied().map(f64::from).collect();
        let Self { roi_px, table, zlut, trackers } = self;
        trackers.each_mut().map(|(tracker, scratch)| {
            let found = tracker.locate(&film.image, film.max_level as f32, Some(table), scratch);
            let method = tracker.method();
            (found, reference::locate_by(recipe, &exact, *roi_px, film.max_level, method, Some(zlut)))
        })
    }
}

fn differences(found: &Localization, truth: &Answer) -> [f64; 3] {
    [found.x_px - truth.x_px, found.y_px - truth.y_px, found.z_nm - truth.z_nm]
}

/// How far apart two ways are, over many images.
#[derive(Default)]
struct Tally {
    images: usize,
    ties: usize,
    worst: [f64; 3],
    squares: [f64; 3],
    counts: [usize; 3],
    /// What was further apart than allowed.
    beyond: Vec<String>,
}

impl Tally {
    fn add(&mut self, limits: [f64; 3], (found, truth): &(Localization, Answer)) {
        self.images += 1;
        if truth.margin < TIE {
            self.ties += 1;
            return;
        }
        let differences = differences(found, truth);
        let too_far = differences.iter().zip(limits).any(|(difference, limit)| difference.abs() > limit);
        let values = |x: f64, y: f64, z: f64| [x, y, z].map(f64::is_nan);
        let same_nan =
            values(found.x_px, found.y_px, found.z_nm) == values(truth.x_px, truth.y_px, truth.z_nm);
        if too_far || !same_nan || found.flags != truth.flags {
            self.beyond.push(format!("{differences:?}: {found:?} for {truth:?}"));
        }
        for i in (0..3).filter(|i| differences[*i].is_finite()) {
            self.worst[i] = self.worst[i].max(differences[i].abs());
            self.squares[i] += differences[i] * differences[i];
            self.counts[i] += 1;
        }
    }

    fn rms(&self) -> [f64; 3] {
        std::array::from_fn(|i| (self.squares[i] / self.counts[i] as f64).sqrt())
    }

    fn print(&self, name: &str) {
        let ([x, y, z], [rms_x, rms_y, rms_z]) = (self.worst, self.rms());
        println!(
            "{name:32} worst {x:.1e} {y:.1e} px {z:8.4} nm  rms {rms_x:.1e} {rms_y:.1e} px {rms_z:8.4} nm  \
             {:3} images, {:3} with x, {:3} with z, {} ties, {} beyond",
            self.images,
            self.counts[0],
            self.counts[2],
            self.ties,
            self.beyond.len()
        );
    }

    fn check(&self, name: &str) {
        self.print(name);
        assert!(self.beyond.is_empty(), "{name}: {:#?}", self.beyond);
        assert!(self.counts[0] > 0 && 5 * self.ties < self.images, "{name}: too little was compared");
    }
}

/// Sizes small and large, odd and even, and some by chance.
fn sizes(random: &mut Random) -> Vec<usize> {
    let mut sizes = vec![8, 9, 16, 64, 101, 256];
    for (low, high) in [(10, 20), (21, 40), (41, 63), (65, 100), (102, 255)] {
        sizes.push(low + (random.uniform() * (high + 1 - low) as f64) as usize);
    }
    sizes
}

#[test]
fn kernels_meet_the_reference_on_any_bead() {
    let mut random = Random(seed());
    let (mut autoconv, mut qi, mut qi_small, mut qi_as_far) = <(Tally, Tally, Tally, Tally)>::default();
    for roi_px in sizes(&mut random) {
        let mut bench = Bench::new(roi_px);
        let limits = if roi_px <= TINY_ROI_PX { TINY_LIMITS } else { LIMITS };
        for _ in 0..if roi_px > 128 { 3 } else { 12 } {
            let film = bench.bead(&mut random);
            let [by_autoconv, by_qi] = bench.compare(Recipe::Sound, &film);
            let [_, as_far] = bench.compare(Recipe::AtTolerance, &film);
            autoconv.add(limits, &by_autoconv);
            if roi_px > SMALL_ROI_PX { &mut qi } else { &mut qi_small }.add(LIMITS, &by_qi);
            qi_as_far.add(limits, &as_far);
        }
    }
    autoconv.check("autoconv");
    qi.check("qi");
    qi_small.print("qi, ROIs up to 40 px");
    qi_as_far.check("qi, reference stops as it does");
    assert!(3 * qi_small.beyond.len() < qi_small.images, "{:#?}", qi_small.beyond);
}

/// Beads, what is done to their image, and the flag that comes of it.
type Trouble = (&'static str, fn(&mut Random) -> Vec<Bead>, fn(&mut Film), Flags);

const TROUBLE_ROI_PX: usize = 48;

fn bead_at(random: &mut Random, spread_px: f64, z_nm: f64) -> Bead {
    let middle = 0.5 * TROUBLE_ROI_PX as f64;
    let mut place = || middle + spread_px * (2.0 * random.uniform() - 1.0);
    Bead { x_px: place(), y_px: place(), z_nm }
}

#[test]
fn what_the_reference_does_not_find_the_kernels_do_not_find() {
    let troubles: [Trouble; 7] = [
        ("noise alone", |_| vec![], |_| {}, Flags::LOW_CONTRAST),
        ("one grey level", |_| vec![], |film| film.image.fill(7.0), Flags::LOW_CONTRAST),
        (
            "bead at the edge",
            |random| {
                let bead = bead_at(random, 2.0, 1500.0);
                vec![Bead { x_px: 10.5 + 1.4 * random.uniform(), ..bead }]
            },
            |_| {},
            Flags::EDGE,
        ),
        ("below the Z-LUT", |random| vec![bead_at(random, 2.0, -400.0)], |_| {}, Flags::Z_OUT_OF_RANGE),
        ("above the Z-LUT", |random| vec![bead_at(random, 2.0, 4500.0)], |_| {}, Flags::Z_OUT_OF_RANGE),
        (
            "neighbour",
            |random| vec![bead_at(random, 2.0, 1500.0), bead_at(random, 20.0, 1500.0)],
            |_| {},
            Flags::NOT_ROUND,
        ),
        (
            "overexposed",
            |random| vec![bead_at(random, 2.0, 1000.0)],
            |film| {
                let max_level = film.max_level as f32;
                film.image.iter_mut().for_each(|level| *level = (2.0 * *level).min(max_level));
            },
            Flags::SATURATED,
        ),
    ];
    let mut random = Random(seed());
    let mut bench = Bench::new(TROUBLE_ROI_PX);
    for (name, beads, harm, flag) in troubles {
        let mut tally = Tally::default();
        let mut flagged = 0;
        for _ in 0..16 {
            let mut film = bench.film(&beads(&mut random), &mut random);
            harm(&mut film);
            for both in bench.compare(Recipe::Sound, &film) {
                flagged += usize::from(both.1.flags.contains(flag));
                // Where both find something that is no bead alone, how far apart is another question.
                tally.add([f64::INFINITY; 3], &both);
            }
        }
        println!("{name}: {flagged} of {} are {flag}, {} ties", tally.images, tally.ties);
        assert!(tally.beyond.is_empty(), "{name}: {:#?}", tally.beyond);
        assert!(flagged > 0 && 2 * tally.ties < tally.images, "{name}: too little was compared");
    }
}

#[test]
fn a_reference_with_a_mistake_is_not_met() {
    let mut random = Random(seed());
    // Planes 400 nm apart: of straight lines over 100 nm z would hardly suffer, by 0.1 nm.
    let mut bench = Bench::with_planes(TROUBLE_ROI_PX, 4);
    let films: Vec<Film> = (0..8).map(|_| bench.bead(&mut random)).collect();
    let [by_autoconv, by_qi] = [0, 1];
    for (recipe, method, axes) in [
        (Recipe::Sound, by_qi, 0..0),
        (Recipe::HalfPixelOff, by_qi, 0..2),
        // With steps in the image quadrant interpolation comes to rest nowhere.
        (Recipe::NearestPixel, by_autoconv, 2..3),
        (Recipe::NearestRing, by_qi, 2..3),
        (Recipe::LinearInZ, by_qi, 2..3),
        (Recipe::ParabolaInZ, by_qi, 2..3),
    ] {
        let mut tally = Tally::default();
        for film in &films {
            tally.add(LIMITS, &bench.compare(recipe, film)[method]);
        }
        tally.print(&format!("{recipe:?}"));
        // Of 590 runs two had one bead of the eight beyond without a mistake, and none less than four with one.
        let passes = 4 * tally.beyond.len() < films.len();
        assert_eq!(passes, recipe == Recipe::Sound, "{recipe:?}: {:#?}", tally.beyond);
        for axis in axes {
            assert!(tally.rms()[axis] > 3.0 * LIMITS[axis], "{recipe:?} passes on axis {axis}");
        }
    }
}
