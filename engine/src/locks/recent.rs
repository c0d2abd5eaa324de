//! Where beads were in the newest frames.

use std::collections::{HashMap, VecDeque};

use beadscope_shaders::flags::Flags;

use crate::roi::Roi;
use crate::tracks::TrackRow;

/// Memory, at most: with more beads there are fewer frames.
const MOST_BYTES: usize = 64 << 20;

/// The mean of what was found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Mean {
    /// Column and row, px; `None` if it was found in fewer than half of the frames.
    pub(super) place_px: Option<[f64; 2]>,
    /// Height, nm; the same.
    pub(super) z_nm: Option<f64>,
}

/// A bead in one frame.
#[derive(Clone, Copy)]
struct Found {
    bead: u32,
    corner_px: [i32; 2],
    place_px: [f64; 2],
    z_nm: f64,
}

struct Frame {
    arrival_ns: u64,
    found: Vec<Found>,
}

/// The newest frames.
#[derive(Default)]
pub(super) struct Recent {
    frames: VecDeque<Frame>,
}

impl Recent {
    /// Adds a frame; no more than `keep` are kept. Doubtful values count as none: nothing is moved by them.
    pub(super) fn take(&mut self, arrival_ns: u64, rows: &[TrackRow], keep: usize) {
        let keep = keep.min(MOST_BYTES / size_of::<Found>() / rows.len().max(1)).max(1);
        let mut found = Vec::new();
        while self.frames.len() >= keep {
            found = self.frames.pop_front().map(|frame| frame.found).unwrap_or_default();
        }
        found.clear();
        found.extend(rows.iter().map(|row| {
            let is_round = row.flags & Flags::NOT_ROUND.0 == 0;
            let is_sure = is_round && row.flags & (Flags::POOR_MATCH | Flags::SATURATED).0 == 0;
            Found {
                bead: row.bead,
                corner_px: row.corner_px,
                place_px: if is_round { [row.x_px, row.y_px] } else { [f64::NAN; 2] },
                z_nm: if is_sure { row.z_nm } else { f64::NAN },
            }
        }));
        self.frames.push_back(Frame { arrival_ns, found });
    }

    /// How many frames arrived after that, of the newest `frames`.
    pub(super) fn count(&self, frames: usize, after_ns: u64) -> usize {
        self.newest(frames, after_ns).count()
    }

    fn newest(&self, frames: usize, after_ns: u64) -> impl Iterator<Item = &Frame> {
        self.frames.iter().rev().take(frames).take_while(move |frame| frame.arrival_ns > after_ns)
    }

    /// The mean of each of these beads over the newest `frames` frames, of those that arrived after `after_ns`. Rows from before a ROI
    /// got another place, as after a renumbering, are of another bead and left out.
    pub(super) fn means(&self, rois: &[Roi], frames: usize, after_ns: u64) -> HashMap<u32, Mean> {
        let places: HashMap<u32, usize> =
            rois.iter().enumerate().map(|(place, roi)| (roi.bead, place)).collect();
        let mut sums = vec![([0.0; 2], 0, 0.0, 0); rois.len()];
        let mut count = 0;
        for frame in self.newest(frames, after_ns) {
            count += 1;
            for (expected, found) in frame.found.iter().enumerate() {
                let is_expected = rois.get(expected).is_some_and(|roi| roi.bead == found.bead);
                let place = if is_expected { Some(expected) } else { places.get(&found.bead).copied() };
                let Some(place) = place else { continue };
                let [left_px, top_px] = found.corner_px;
                if !rois[place].overlaps(&Roi { left_px, top_px, ..rois[place] }) {
                    continue;
                }
                let (place_sum, places, z_sum, heights) = &mut sums[place];
                if found.place_px.iter().all(|px| px.is_finite()) {
                    *places += 1;
                    (place_sum[0], place_sum[1]) =
                        (place_sum[0] + found.place_px[0], place_sum[1] + found.place_px[1]);
                }
                if found.z_nm.is_finite() {
                    *heights += 1;
                    *z_sum += found.z_nm;
                }
            }
        }
        let mean = |(place_sum, places, z_sum, heights): ([f64; 2], usize, f64, usize)| Mean {
            place_px: (2 * places >= count.max(1)).then(|| place_sum.map(|sum| sum / places as f64)),
            z_nm: (2 * heights >= count.max(1)).then(|| z_sum / heights as f64),
        };
        rois.iter().map(|roi| roi.bead).zip(sums.into_iter().map(mean)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roi(bead: u32, left_px: i32) -> Roi {
        Roi { bead, left_px, top_px: 0, size_px: 64 }
    }

    fn row(bead: u32, place_px: [f64; 2], z_nm: f64) -> TrackRow {
        let missing = TrackRow::missing(&roi(bead, 0), Flags::NONE);
        TrackRow { x_px: place_px[0], y_px: place_px[1], z_nm, ..missing }
    }

    #[test]
    fn a_mean_is_of_the_newest_frames_after_a_moment_in_which_the_bead_was_found() {
        let mut recent = Recent::default();
        for (frame, z_nm) in [500.0, 10.0, 20.0, f64::NAN].into_iter().enumerate() {
            let place = if frame == 1 { [f64::NAN; 2] } else { [frame as f64, 1.0] };
            recent.take(100 * frame as u64, &[row(7, place, z_nm), row(8, [f64::NAN; 2], f64::NAN)], 10);
        }
        let rois = [roi(7, 0), roi(8, 0)];
        let means = recent.means(&rois, 3, 0);
        assert_eq!(
            (recent.count(3, 0), means[&7].z_nm, means[&7].place_px),
            (3, Some(15.0), Some([2.5, 1.0]))
        );
        assert_eq!(means[&8], Mean::default(), "nobody saw it");
        // The last frame alone has no height, and of the last two one has: half is enough.
        assert_eq!(recent.means(&rois, 1, 0)[&7].z_nm, None);
        assert_eq!(recent.means(&rois, 10, 150)[&7].z_nm, Some(20.0));
        assert_eq!(recent.count(10, 300), 0, "what arrived before does not count");
    }

    #[test]
    fn rows_of_another_bead_with_that_number_and_doubtful_ones_do_not_count() {
        let mut recent = Recent::default();
        let poor = TrackRow { flags: Flags::POOR_MATCH.0, ..row(1, [5.0, 5.0], 9.0) };
        let oval = TrackRow { flags: Flags::NOT_ROUND.0, ..row(2, [5.0, 5.0], 9.0) };
        recent.take(1, &[row(0, [5.0, 5.0], 9.0), poor, oval], 10);
        // Bead 0 was far from where it is now: the beads were numbered anew. The order may be another one, too.
        let means = recent.means(&[roi(2, 0), roi(1, 0), roi(0, 64)], 10, 0);
        assert_eq!(means[&0], Mean::default());
        assert_eq!(means[&1], Mean { place_px: Some([5.0, 5.0]), z_nm: None });
        assert_eq!(means[&2], Mean::default());
        assert_eq!(recent.means(&[roi(0, 63)], 10, 0)[&0].z_nm, Some(9.0));
    }

    #[test]
    fn no_more_is_kept_than_asked_for_and_memory_is_bounded() {
        let mut recent = Recent::default();
        (0..50).for_each(|frame| recent.take(frame + 1, &[row(0, [0.0; 2], frame as f64)], 5));
        assert_eq!(recent.count(100, 0), 5);
        let many: Vec<_> = (0..60_000).map(|bead| row(bead, [0.0; 2], 0.0)).collect();
        (0..100).for_each(|frame| recent.take(1000 + frame, &many, 1000));
        assert!(recent.frames.len() * many.len() * size_of::<Found>() <= MOST_BYTES);
    }
}
