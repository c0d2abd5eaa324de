//! How precise each bead is: the spread seen, beside what its image allows. Renewed about once a second.
//!
//! What is attainable is computed here, on the window's thread, for a few beads each time a new frame is drawn, so that
//! neither drawing nor tracking waits.

use std::time::{Duration, Instant};

use beadscope_engine::frame::FrameView;
use beadscope_engine::precision::{Precision as Prediction, Profiles, SeenProfile};
use beadscope_engine::rig::DEFAULT_ROI_PX;
use beadscope_engine::roi::Roi;
use beadscope_engine::session::Session;

use crate::beads::{Bead, Beads};
use crate::history::CHANNELS;

/// A bead's figures are this old before they are renewed.
const RENEW: Duration = Duration::from_secs(1);
/// Time for this in one drawn frame; one bead is always done.
const BUDGET: Duration = Duration::from_millis(2);

/// Standard deviations of x, y and z, nm; NaN where not known.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Seen from frame to frame.
    pub seen: [f64; CHANNELS],
    /// The least that the image allows at its height.
    pub attainable: [f64; CHANNELS],
    /// When they were computed.
    pub at: Instant,
}

/// Renews the figures of all beads, one after the other.
pub struct Precision {
    prediction: Option<Prediction>,
    /// Measures rings where there is no prediction.
    rings: Option<Profiles>,
    pixel_size_nm: f64,
    next: usize,
}

impl Precision {
    /// For the beads of this session; and why nothing is known to be attainable, if so.
    pub fn new(session: &Session) -> (Self, Option<String>) {
        let info = session.info();
        let roi_px = info.rois.first().map(|roi| roi.size_px);
        let prediction = Prediction::new(session.zlut().as_deref(), roi_px);
        let why = prediction.as_ref().err().map(ToString::to_string);
        let correction = session.correction().cloned();
        let rings = Profiles::new(roi_px.unwrap_or(DEFAULT_ROI_PX), correction.clone()).ok();
        let prediction = prediction.ok().map(|it| it.with_correction(correction));
        (Self { prediction, rings, pixel_size_nm: info.pixel_size_nm, next: 0 }, why)
    }

    /// The rings of a bead in this frame, where the Z-LUT has them if there is one; `None` if it is not found.
    pub fn profile(&mut self, frame: &FrameView<'_>, roi: &Roi) -> Option<SeenProfile> {
        match &mut self.prediction {
            Some(prediction) => prediction.profile(frame, roi),
            None => self.rings.as_mut()?.of(frame, roi),
        }
    }

    /// Renews what is old, from this frame, as far as the budget goes.
    pub fn renew(&mut self, frame: &FrameView<'_>, beads: &mut Beads) {
        let nm = self.pixel_size_nm;
        let prediction = &mut self.prediction;
        let now = Instant::now();
        renew_due(
            &mut self.next,
            now,
            || now.elapsed(),
            &mut beads.all,
            |roi| {
                let found = prediction.as_mut()?.in_frame(frame, roi)?;
                Some([nm * found.sigma_x_px, nm * found.sigma_y_px, found.sigma_z_nm])
            },
        );
    }
}

/// Renews the beads from `next` on, until one is not due at `now` or, by the time `spent`, the budget is.
fn renew_due(
    next: &mut usize,
    now: Instant,
    spent: impl Fn() -> Duration,
    beads: &mut [Bead],
    mut attainable: impl FnMut(&Roi) -> Option<[f64; CHANNELS]>,
) {
    for _ in 0..beads.len() {
        *next %= beads.len();
        let bead = &mut beads[*next];
        // The one that has waited longest is not due yet.
        if bead.figures.is_some_and(|figures| now - figures.at < RENEW) {
            return;
        }
        let attainable = attainable(&bead.roi).unwrap_or([f64::NAN; CHANNELS]);
        bead.figures = Some(Figures { seen: bead.spread.sigma(), attainable, at: now });
        *next += 1;
        if spent() > BUDGET {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn every_bead_has_its_turn_once_a_second_and_within_the_budget() {
        let rois: Vec<Roi> = (0..5).map(|bead| Roi { bead, left_px: 0, top_px: 0, size_px: 12 }).collect();
        let mut beads = Beads::new(&rois, 100.0).all;
        let (mut next, start) = (0, Instant::now());
        let mut turn = |after: Duration, cost: Duration| {
            let mut done = Vec::new();
            let spent = Cell::new(Duration::ZERO);
            renew_due(
                &mut next,
                start + after,
                || spent.get(),
                &mut beads,
                |roi| {
                    done.push(roi.bead);
                    spent.set(spent.get() + cost);
                    (roi.bead != 3).then_some([1.0; CHANNELS])
                },
            );
            done
        };
        let (none, slow) = (Duration::ZERO, BUDGET + Duration::from_millis(1));
        assert_eq!(turn(none, slow), [0], "one bead is always done");
        assert_eq!(turn(none, slow), [1]);
        assert_eq!(turn(RENEW / 2, none), [2, 3, 4], "0 and 1 are not due");
        assert!(turn(RENEW / 2, none).is_empty());
        assert_eq!(turn(RENEW, none), [0, 1]);
        assert_eq!(turn(3 * RENEW, BUDGET / 2), [2, 3, 4]);
        assert_eq!(turn(3 * RENEW, none), [0, 1]);
        assert!(beads[3].figures.unwrap().attainable[0].is_nan());
        assert_eq!(beads[4].figures.unwrap().attainable, [1.0; CHANNELS]);
    }
}
