//! Whether the frames of a recording follow each other at one rate, as formats without times need it.

use std::collections::BTreeMap;

use super::ExportError;
use crate::record::read::{ReadError, Recording};
use crate::video::video_path;

/// Entries of a column that are looked at together.
const STRIDE: u64 = 1 << 18;

/// The times of a recording.
pub(super) struct Timing {
    /// Time of the first frame, ns since 1970 UTC.
    pub(super) first_unix_ns: i64,
    /// Between frames on average, ns; 0 below two frames.
    pub(super) period_ns: i64,
    /// No frame is missing, the camera ran through, and each frame was taken within half a period of where it belongs.
    pub(super) is_even: bool,
    /// Beads and their rows.
    pub(super) beads: BTreeMap<u16, u64>,
}

impl Timing {
    /// Looks at all frames and bead numbers.
    ///
    /// # Errors
    /// If the recording has no times, no frames, no rows, or cannot be read.
    pub(super) fn of(recording: &Recording) -> Result<Self, ExportError> {
        let frames = recording.counts.frames;
        if recording.counts.rows == 0 && frames > 0 {
            let video = recording.path.parent().map(video_path).filter(|video| video.exists());
            return Err(match video {
                Some(video) => ExportError::OnlyVideo(video),
                None => ExportError::NoRows(recording.path.clone()),
            });
        }
        if !recording.about.has_times || frames == 0 {
            return Err(ExportError::NoTimes(recording.path.clone()));
        }
        let time = |frame: u64| -> Result<i64, ReadError> {
            let times: Vec<u64> = recording.slice("tracking/frame_timestamps_ns", frame, 1)?;
            Ok(signed(times[0]))
        };
        let (first_unix_ns, last) = (time(0)?, time(frames - 1)?);
        let intervals = i64::try_from(frames - 1).unwrap_or(i64::MAX).max(1);
        let period_ns = (last - first_unix_ns + intervals / 2) / intervals;
        let mut is_even = period_ns > 0;
        let mut segment = None;
        for first in (0..frames).step_by(STRIDE as usize) {
            let count = STRIDE.min(frames - first);
            let times: Vec<u64> = recording.slice("tracking/frame_timestamps_ns", first, count)?;
            let places = (first..).map(|place| first_unix_ns + signed(place) * period_ns);
            is_even &=
                times.iter().zip(places).all(|(time, place)| 2 * (signed(*time) - place).abs() <= period_ns);
            let lost: Vec<u32> = recording.slice("beadscope/frames/lost_before", first, count)?;
            // What was lost before the first frame is no gap of the recording.
            let own = if first == 0 { &lost[3..] } else { &lost[..] };
            is_even &= own.iter().all(|lost| *lost == 0);
            let segments: Vec<u64> = recording.slice("beadscope/frames/segment", first, count)?;
            is_even &= segments.iter().all(|found| *segment.get_or_insert(*found) == *found);
        }
        let mut beads = BTreeMap::new();
        for first in (0..recording.counts.rows).step_by(STRIDE as usize) {
            let count = STRIDE.min(recording.counts.rows - first);
            for bead in recording.slice::<u16>("tracking/bead_ids", first, count)? {
                *beads.entry(bead).or_default() += 1;
            }
        }
        Ok(Self { first_unix_ns, period_ns, is_even, beads })
    }
}

pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
