//! Which grey levels are shown as black and white.

use crate::picture::Picture;

/// Pixels looked at for the contrast: a percentile of so many is good to a fraction of a grey level, in 0.1 ms.
const SAMPLE: usize = 16_384;
/// Levels below and above these shares of the pixels are clipped. Ring images need their tails, so few are.
const CLIPPED: (f64, f64) = (0.002, 0.998);
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
}

/// The levels shown as black and white.
#[derive(Default)]
pub struct Contrast {
    /// How they are chosen.
    pub mode: Mode,
    limits: Option<(f32, f32)>,
    seen: u64,
}

impl Contrast {
    /// Levels for black and white in this picture; follows the frames slowly.
    pub fn limits(&mut self, picture: &Picture) -> (f32, f32) {
        if self.mode == Mode::Full {
            return (0.0, f32::from(picture.max_level).max(1.0));
        }
        if let Some(limits) = self.limits.filter(|_| self.seen == picture.frame) {
            return limits;
        }
        self.seen = picture.frame;
        let mut levels = picture.sample(SAMPLE);
        let Some(found) = stretch(&mut levels) else { return (0.0, f32::from(picture.max_level).max(1.0)) };
        let limits = self.limits.map_or(found, |old| (follow(old.0, found.0), follow(old.1, found.1)));
        self.limits = Some(limits);
        limits
    }
}

/// A step from `old` towards `new`.
fn follow(old: f32, new: f32) -> f32 {
    old + FOLLOW * (new - old)
}

/// Black and white for these levels; `None` for none.
fn stretch(levels: &mut [u16]) -> Option<(f32, f32)> {
    let low = f32::from(percentile(levels, CLIPPED.0)?);
    let high = f32::from(percentile(levels, CLIPPED.1)?);
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
        assert_eq!(stretch(&mut levels), Some((100.0, 149.0)));
        assert_eq!(stretch(&mut [40; 100]), Some((36.0, 44.0)), "a flat frame is not stretched to noise");
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
