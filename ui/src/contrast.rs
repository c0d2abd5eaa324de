//! Which grey levels are shown as black and white, and how bright those between are.

use eframe::egui::Color32;

use crate::picture::Picture;

/// Pixels looked at for the contrast: a percentile of so many is good to a fraction of a grey level, in 0.1 ms.
const SAMPLE: usize = 16_384;
/// Of the pixels, %, that are shown as black, and as white, at first. Ring images need their tails, so few are.
const CLIPPED: f64 = 0.2;
/// More are never clipped, %.
pub const MOST_CLIPPED: f64 = 5.0;
/// Black and white move by this share of the way per frame, so that noise does not make the picture flicker.
const FOLLOW: f32 = 0.15;
/// Never stretch fewer levels than this over the whole screen: it would show only noise.
const LEAST_LEVELS: f32 = 8.0;

/// How grey levels become brightness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// From the frame's darkest to its brightest pixels.
    #[default]
    Auto,
    /// From 0 to the level of a saturated pixel.
    Full,
    /// Between two levels that were chosen.
    Fixed,
}

/// Saturated pixels, which tell nothing about the light.
const SATURATED: Color32 = Color32::from_rgb(255, 60, 60);

/// The levels shown as black and white.
pub struct Contrast {
    /// How they are chosen.
    pub mode: Mode,
    /// Exponent of the brightness, 0.2 to 5: below 1 dark levels are told apart better, above 1 bright ones.
    pub gamma: f32,
    /// In [`Mode::Auto`]: of the pixels, %, that are black, and as many that are white; 0 to [`MOST_CLIPPED`].
    pub clipped: f64,
    /// Black and white in [`Mode::Fixed`]; `None`: those on show when it was chosen.
    pub fixed: Option<(f32, f32)>,
    limits: Option<(f32, f32)>,
    /// Those on show.
    shown: Option<(f32, f32)>,
    seen: u64,
}

impl Default for Contrast {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            gamma: 1.0,
            clipped: CLIPPED,
            fixed: None,
            limits: None,
            shown: None,
            seen: 0,
        }
    }
}

/// How each grey level is shown.
pub struct Shades {
    table: Vec<Color32>,
}

impl Shades {
    /// From black at the first of the limits to white at the second; the greatest level there is, `max_level`, in red.
    pub fn new((low, high): (f32, f32), gamma: f32, max_level: u16) -> Self {
        let gain = 1.0 / (high - low).max(1.0);
        let shade = |level: u16| {
            if level == max_level {
                return SATURATED;
            }
            // The cast saturates: below black is 0, above white 255.
            let bright = ((f32::from(level) - low) * gain).clamp(0.0, 1.0).powf(gamma);
            Color32::from_gray((255.0 * bright) as u8)
        };
        Self { table: (0..=max_level).map(shade).collect() }
    }

    /// The colour of a level.
    pub fn of(&self, level: u16) -> Color32 {
        self.table.get(usize::from(level)).copied().unwrap_or(SATURATED)
    }
}

impl Contrast {
    /// Levels for black and white in this picture; follows the frames slowly.
    pub fn limits(&mut self, picture: &Picture) -> (f32, f32) {
        let full = (0.0, f32::from(picture.max_level).max(1.0));
        match self.mode {
            Mode::Full => {
                self.shown = Some(full);
                return full;
            }
            Mode::Fixed => return *self.fixed.get_or_insert(self.shown.unwrap_or(full)),
            Mode::Auto => {}
        }
        if let Some(limits) = self.limits.filter(|_| self.seen == picture.frame) {
            self.shown = Some(limits);
            return limits;
        }
        self.seen = picture.frame;
        let mut levels = picture.sample(SAMPLE);
        let Some(found) = stretch(&mut levels, self.clipped) else {
            return (0.0, f32::from(picture.max_level).max(1.0));
        };
        let limits = self.limits.map_or(found, |old| (follow(old.0, found.0), follow(old.1, found.1)));
        (self.limits, self.shown) = (Some(limits), Some(limits));
        limits
    }
}

/// A step from `old` towards `new`.
fn follow(old: f32, new: f32) -> f32 {
    old + FOLLOW * (new - old)
}

/// Black and white for these levels, with so many clipped at both ends, %; `None` for none.
fn stretch(levels: &mut [u16], clipped: f64) -> Option<(f32, f32)> {
    let low = f32::from(percentile(levels, clipped / 100.0)?);
    let high = f32::from(percentile(levels, 1.0 - clipped / 100.0)?);
    let lacking = (LEAST_LEVELS - (high - low)).max(0.0) / 2.0;
    Some((low - lacking, high + lacking))
}

/// The level that the share `share` (0 to 1) of the levels does not exceed; reorders them. `None` for none.
fn percentile(levels: &mut [u16], share: f64) -> Option<u16> {
    let last = levels.len().checked_sub(1)?;
    let place = (share.clamp(0.0, 1.0) * last as f64).round() as usize;
    Some(*levels.select_nth_unstable(place).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::tests::ramp;

    #[test]
    fn percentile_counts_from_the_darkest() {
        let mut levels: Vec<u16> = (0..=100).rev().collect();
        for (share, level) in [(0.0, 0), (0.25, 25), (0.5, 50), (1.0, 100), (7.0, 100)] {
            assert_eq!(percentile(&mut levels, share), Some(level), "{share}");
        }
        assert_eq!(percentile(&mut [], 0.5), None);
    }

    #[test]
    fn a_few_hot_pixels_do_not_darken_the_picture() {
        let mut levels: Vec<u16> =
            (0..10_000).map(|place| if place < 10 { 4095 } else { 100 + place % 50 }).collect();
        assert_eq!(stretch(&mut levels, CLIPPED), Some((100.0, 149.0)));
        assert_eq!(stretch(&mut levels, 0.0), Some((100.0, 4095.0)), "nothing is clipped");
        assert_eq!(stretch(&mut levels, MOST_CLIPPED), Some((102.0, 147.0)));
        assert_eq!(
            stretch(&mut [40; 100], CLIPPED),
            Some((36.0, 44.0)),
            "a flat frame is not stretched to noise"
        );
    }

    #[test]
    fn shades_are_clipped_bent_and_red_where_the_sensor_was_full() {
        let straight = Shades::new((12.0, 32.0), 1.0, 255);
        let gray = |level| Color32::from_gray(level);
        assert_eq!(
            [5, 12, 32, 200].map(|level| straight.of(level)),
            [gray(0), gray(0), gray(255), gray(255)]
        );
        assert_eq!(straight.of(21), gray((255.0_f32 * 9.0 / 20.0) as u8));
        assert_eq!((straight.of(255), straight.of(4000)), (SATURATED, SATURATED));
        assert!(Shades::new((0.0, 255.0), 0.5, 255).of(64).r() > 120, "gamma lifts the dark levels");
    }

    #[test]
    fn chosen_levels_stay_and_begin_with_those_on_show() {
        let mut contrast = Contrast::default();
        let picture = ramp(10, 10);
        let auto = contrast.limits(&picture);
        contrast.mode = Mode::Fixed;
        assert_eq!(contrast.limits(&picture), auto);
        (contrast.mode, contrast.fixed) = (Mode::Full, None);
        contrast.limits(&picture);
        contrast.mode = Mode::Fixed;
        assert_eq!(contrast.limits(&picture), (0.0, 255.0), "those that Full has shown");
        contrast.fixed = Some((3.0, 7.0));
        assert_eq!(contrast.limits(&ramp(4, 4)), (3.0, 7.0));
    }

    #[test]
    fn black_and_white_follow_slowly_and_once_per_frame() {
        let mut contrast = Contrast::default();
        let mut picture = ramp(10, 10);
        let first = contrast.limits(&picture);
        assert_eq!(first, (0.0, 99.0));
        picture = ramp(10, 5);
        assert_eq!(contrast.limits(&picture), first, "the same frame number");
        picture.frame = 2;
        let second = contrast.limits(&picture);
        assert!(second.1 < first.1 && second.1 > 90.0, "{second:?}");
        contrast.mode = Mode::Full;
        assert_eq!(contrast.limits(&picture), (0.0, 255.0));
    }
}
