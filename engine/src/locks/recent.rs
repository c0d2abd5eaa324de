//! Where beads were in the newest frames.

use std::collections::{HashMap, VecDeque};

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
    /// Adds a frame; no more than `keep` are kept.
    pub(super) fn take(&mut self, arrival_ns: u64, rows: &[TrackRow], keep: usize) {
        let keep = keep.min(MOST_BYTES / size_of::<Found>() / rows.len().max(1)).max(1);
        let mut found = Vec::new();
        while self.frames.len() >= keep {
            found = self.frames.pop_front().map(|frame| frame.found).unwrap_or_default();
        }
        found.clear();
        found.extend(rows.iter().map(|row| Found {
            bead: row.bead,
            place_px: [row.x_px, row.y_px],
            z_nm: row.z_nm,
        }));
        self.frames.push_back(Frame { arrival_ns, found });
    }

    /// The means over the newest `frames` frames, of those that arrived after `after_ns`; how many frames those are, first.
    pub(super) fn means(&self, frames: usize, after_ns: u64) -> (usize, HashMap<u32, Mean>) {
        let newest = self.frames.iter().rev().take(frames).take_while(|frame| frame.arrival_ns > after_ns);
        let (mut count, mut sums) = (0, HashMap::<u32, ([f64; 2], usize, f64, usize)>::new());
        for frame in newest {
            count += 1;
            for Found { bead, place_px, z_nm } in &frame.found {
                let (place_sum, places, z_sum, heights) = sums.entry(*bead).or_default();
                if place_px.iter().all(|px| px.is_finite()) {
                    *places += 1;
                    (place_sum[0], place_sum[1]) = (place_sum[0] + place_px[0], place_sum[1] + place_px[1]);
                }
                if z_nm.is_finite() {
                    *heights += 1;
                    *z_sum += z_nm;
                }
            }
        }
        let mean = |(place_sum, places, z_sum, heights): ([f64; 2], usize, f64, usize)| Mean {
            place_px: (2 * places >= count.max(1)).then(|| place_sum.map(|sum| sum / places as f64)),
            z_nm: (2 * heights >= count.max(1)).then(|| z_sum / heights as f64),
        };
        (count, sums.into_iter().map(|(bead, sums)| (bead, mean(sums))).collect())
    }
}

#[cfg(test)]
mod tests {
    use beadscope_shaders::flags::Flags;

    use super::*;
    use crate::roi::Roi;

    fn row(bead: u32, place_px: [f64; 2], z_nm: f64) -> TrackRow {
        let roi = Roi { bead, left_px: 0, top_px: 0, size_px: 64 };
        TrackRow { x_px: place_px[0], y_px: place_px[1], z_nm, ..TrackRow::missing(&roi, Flags::default()) }
    }

    #[test]
    fn a_mean_is_of_the_newest_frames_after_a_moment_in_which_the_bead_was_found() {
        let mut recent = Recent::default();
        for (frame, z_nm) in [500.0, 10.0, 20.0, f64::NAN].into_iter().enumerate() {
            let place = if frame == 1 { [f64::NAN; 2] } else { [frame as f64, 1.0] };
            recent.take(100 * frame as u64, &[row(7, place, z_nm), row(8, [f64::NAN; 2], f64::NAN)], 10);
        }
        let (frames, means) = recent.means(3, 0);
        assert_eq!((frames, means[&7].z_nm, means[&7].place_px), (3, Some(15.0), Some([2.5, 1.0])));
        assert_eq!(means[&8], Mean::default(), "nobody saw it");
        // The last frame alone has no height, and of the last two one has: half is enough.
        assert_eq!(recent.means(1, 0).1[&7].z_nm, None);
        assert_eq!(recent.means(10, 150).1[&7].z_nm, Some(20.0));
        assert_eq!(recent.means(10, 300).0, 0, "what arrived before does not count");
    }

    #[test]
    fn no_more_is_kept_than_asked_for_and_memory_is_bounded() {
        let mut recent = Recent::default();
        (0..50).for_each(|frame| recent.take(frame + 1, &[row(0, [0.0; 2], frame as f64)], 5));
        assert_eq!(recent.means(100, 0).0, 5);
        let many: Vec<_> = (0..60_000).map(|bead| row(bead, [0.0; 2], 0.0)).collect();
        (0..100).for_each(|frame| recent.take(1000 + frame, &many, 1000));
        assert!(recent.frames.len() * many.len() * size_of::<Found>() <= MOST_BYTES);
    }
}
