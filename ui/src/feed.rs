//! What the window takes from the session each time it draws: the newest frame, and the rows that have come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use beadscope_engine::bead_set::Beads as BeadsNow;
use beadscope_engine::frame::{FrameHeader, FrameView};
use beadscope_engine::precision::SeenProfile;
use beadscope_engine::session::{Session, View};
use beadscope_engine::tracks::rows_of;
use beadscope_zlut::ZLut;

use crate::beads::Beads;
use crate::history::History;
use crate::picture::Picture;
use crate::precision::Precision;
use crate::samples::Samples;

/// Rows are taken for this long at most: a window that falls behind misses rows, but goes on drawing.
const BUDGET: Duration = Duration::from_millis(8);

/// The session's data as the window has it.
pub struct Feed {
    view: View,
    /// The frame on show.
    pub picture: Picture,
    /// The beads with their newest rows.
    pub beads: Beads,
    known: BeadsNow,
    /// What the plots draw.
    pub history: History,
    /// What noise is worked out from.
    pub samples: Samples,
    /// The rings of the selected bead and its number, if they were wanted.
    pub profile: Option<(u32, SeenProfile)>,
    /// They are wanted.
    pub wants_profile: bool,
    /// Time of the newest frame tracked, s since the session's start.
    pub newest_s: f64,
    precision: Precision,
    /// The Z-LUT in use.
    zlut: Option<Arc<ZLut>>,
    pixel_size_nm: f64,
    last: Option<FrameHeader>,
}

impl Feed {
    /// A feed of this session.
    pub fn new(session: &Session, view: View) -> Self {
        let info = session.info();
        let (precision, why) = Precision::new(session);
        let mut beads = Beads::new(&info.rois, info.pixel_size_nm);
        beads.no_prediction = why;
        Self {
            view,
            picture: Picture::default(),
            beads,
            known: session.commands().beads(),
            precision,
            zlut: session.zlut(),
            history: History::new(info.rois.len()),
            samples: Samples::new(info.rois.len()),
            profile: None,
            wants_profile: false,
            newest_s: 0.0,
            pixel_size_nm: info.pixel_size_nm,
            last: None,
        }
    }

    /// Takes edits of the beads over. If there were any: of each bead, where it was before.
    pub fn take_edits(&mut self, session: &Session) -> Option<Vec<Option<usize>>> {
        let now = session.commands().beads();
        if now == self.known {
            return None;
        }
        let before = self.beads.all.len();
        let places = self.beads.replace(&now);
        self.known = now;
        // Beads that were only moved or became references keep everything.
        let is_same = places.len() == before && places.iter().enumerate().all(|(new, old)| *old == Some(new));
        if !is_same {
            self.history.keep(&places);
            self.samples.keep(&places);
        }
        Some(places)
    }

    /// Takes over that another Z-LUT is in use; true if so.
    pub fn take_zlut(&mut self, session: &Session) -> bool {
        let now = session.zlut();
        let is_other = now.as_ref().map(Arc::as_ptr) != self.zlut.as_ref().map(Arc::as_ptr);
        if is_other {
            self.zlut = now;
            (self.precision, self.beads.no_prediction) = Precision::new(session);
        }
        is_other
    }

    /// Takes the newest frame, if there is a newer one, and renews what it tells of the beads' precision.
    pub fn take_picture(&mut self, session: &Session) {
        if let Some((header, bytes)) = self.view.frames.newest() {
            let frame = FrameView::new(&session.config(), bytes);
            self.picture.take(header.frame, &frame);
            self.precision.renew(&frame, &mut self.beads);
            let roi = self.beads.selected_bead().map(|bead| bead.roi).filter(|_| self.wants_profile);
            self.profile = roi.and_then(|roi| Some((roi.bead, self.precision.profile(&frame, &roi)?)));
        }
    }

    /// Takes the rows that have come, as many as the budget allows.
    pub fn take_rows(&mut self) {
        let started = Instant::now();
        while let Some((header, bytes)) = self.view.tracks.take_next() {
            let frame = header.frame;
            let follows = self.last.is_none_or(|last| follows(&last, &frame));
            self.last = Some(frame);
            self.newest_s = frame.arrival_ns as f64 * 1e-9;
            self.history.begin(frame.arrival_ns, !follows);
            self.samples.begin(self.newest_s, !follows);
            for (expected, row) in rows_of(header, bytes).iter().enumerate() {
                let nm = self.pixel_size_nm;
                let values = [row.x_px * nm, row.y_px * nm, row.z_nm];
                if let Some(bead) = self.beads.take(expected, row) {
                    self.history.add(bead, values);
                    self.samples.add(bead, values);
                    self.beads.all[bead].spread.take(values, follows);
                }
            }
            if started.elapsed() > BUDGET {
                break;
            }
        }
    }

    /// Frames whose rows the plots have missed; the recording has them all the same.
    pub fn missed(&self) -> u64 {
        self.view.tracks.skipped()
    }
}

/// No frame is missing between the two, and the camera did not stop: it has not been lost, paused or set.
fn follows(last: &FrameHeader, frame: &FrameHeader) -> bool {
    frame.frame == last.frame + 1 && frame.segment == last.segment && frame.gap.total() == 0
}

#[cfg(test)]
mod tests {
    use beadscope_engine::frame::Gap;

    use super::*;

    #[test]
    fn lines_break_where_rows_or_frames_are_missing_and_where_the_camera_stopped() {
        let last = FrameHeader { frame: 7, segment: 1, ..FrameHeader::default() };
        let next = FrameHeader { frame: 8, ..last };
        assert!(follows(&last, &next));
        assert!(!follows(&last, &FrameHeader { frame: 9, ..next }), "rows were passed over");
        assert!(!follows(&last, &FrameHeader { segment: 2, ..next }), "an outage or a pause");
        let gap = Gap { camera: 1, ..Gap::default() };
        assert!(!follows(&last, &FrameHeader { gap, ..next }), "frames were lost");
    }
}
