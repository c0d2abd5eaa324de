//! The small tables of a recording: beads, segments, gaps, ledger, events, notices, seconds of health.

use serde::Serialize;

use super::{ReadError, Recording};
use crate::frame::{self, FrameFlags, FrameHeader};
use crate::ledger::Ledger;
use crate::record::schema::{EVENT_COLUMNS, NO_DEVICE_TIME, NOT_KNOWN, SEGMENT_COLUMNS};
use crate::record::tracks_file::Gap;

/// A bead at the start of the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BeadAtStart {
    /// Its number.
    pub bead: u32,
    /// It is stuck to the surface.
    pub is_reference: bool,
    /// Side of its ROI, px.
    pub roi_px: u32,
}

/// One run of the camera.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentRead {
    /// Its number in the session.
    pub segment: u64,
    /// Number of its first frame.
    pub first_frame: u64,
    /// Frames per second that the camera applied.
    pub rate_hz: f64,
    /// Exposure that the camera applied, µs.
    pub exposure_us: f64,
    /// Why it began.
    pub cause: String,
}

/// A command that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventRead {
    /// When, ns since 1970 UTC.
    pub unix_ns: u64,
    /// Who gave it.
    pub sender: String,
    /// The command.
    pub command: String,
    /// What was done.
    pub answer: String,
}

/// From arrival to rows, over the recording.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LatencyRead {
    /// Median of the medians of ten seconds, ms.
    pub p50: f64,
    /// Highest 99th percentile of ten seconds, ms.
    pub p99: f64,
    /// Longest, ms.
    pub max: f64,
}

impl Recording {
    /// The beads at its start.
    ///
    /// # Errors
    /// If the table cannot be read; so of all functions here.
    pub fn beads(&self) -> Result<Vec<BeadAtStart>, ReadError> {
        let numbers: Vec<i64> = self.all("beadscope/rois/bead")?;
        let references: Vec<i64> = self.all("beadscope/rois/is_reference")?;
        let sides: Vec<i64> = self.all("beadscope/rois/size_px")?;
        let bead = |((number, reference), side): ((&i64, &i64), &i64)| BeadAtStart {
            bead: u32::try_from(*number).unwrap_or(u32::MAX),
            is_reference: *reference != 0,
            roi_px: u32::try_from(*side).unwrap_or(0),
        };
        Ok(numbers.iter().zip(&references).zip(&sides).map(bead).collect())
    }

    /// Runs of the camera; none where images from disk were tracked.
    pub fn segments(&self) -> Result<Vec<SegmentRead>, ReadError> {
        let [segment, first_frame, .., rate_hz, exposure_us, cause] =
            SEGMENT_COLUMNS.map(|column| column.path);
        let (segment, first_frame): (Vec<u64>, Vec<u64>) = (self.all(segment)?, self.all(first_frame)?);
        let (rate_hz, exposure_us): (Vec<f64>, Vec<f64>) = (self.all(rate_hz)?, self.all(exposure_us)?);
        let causes = self.texts(cause)?;
        // A crash may leave some of the columns longer.
        let length = [segment.len(), first_frame.len(), rate_hz.len(), exposure_us.len(), causes.len()];
        let length = length.into_iter().min().unwrap_or(0);
        let read = |place: usize| SegmentRead {
            segment: segment[place],
            first_frame: first_frame[place],
            rate_hz: rate_hz[place],
            exposure_us: exposure_us[place],
            cause: causes[place].clone(),
        };
        Ok((0..length).map(read).collect())
    }

    /// What is missing; none before a recording is finished.
    pub fn gaps(&self) -> Result<Vec<Gap>, ReadError> {
        let column = |name: &str| self.all::<u64>(&format!("beadscope/gaps/{name}"));
        let (first, last, after) =
            (column("first_device_frame")?, column("last_device_frame")?, column("after_frame")?);
        let (segment, from, to) = (column("segment")?, column("from_ns")?, column("to_ns")?);
        let reasons = self.texts("beadscope/gaps/reason")?;
        let length = [&first, &last, &after, &segment, &from, &to].map(Vec::len).into_iter().min();
        let read = |place: usize| Gap {
            first_device_frame: first[place],
            last_device_frame: Some(last[place]).filter(|last| *last != NOT_KNOWN),
            after_frame: after[place],
            segment: u32::try_from(segment[place]).unwrap_or(u32::MAX),
            from_ns: from[place],
            to_ns: to[place],
            reason: reasons[place].clone(),
        };
        Ok((0..length.unwrap_or(0).min(reasons.len())).map(read).collect())
    }

    /// Where every frame went; `None` before a recording is finished.
    ///
    /// # Errors
    /// Also if it is no ledger.
    pub fn ledger(&self) -> Result<Option<Ledger>, ReadError> {
        let text = self.texts("beadscope/ledger_json")?.concat();
        if text.is_empty() {
            return Ok(None);
        }
        serde_json::from_str(&text).map(Some).map_err(|error| self.damaged("ledger_json", error))
    }

    /// Commands that were given while it ran.
    pub fn events(&self) -> Result<Vec<EventRead>, ReadError> {
        let [_, unix_ns, sender, command, answer] = EVENT_COLUMNS.map(|column| column.path);
        let times: Vec<u64> = self.all(unix_ns)?;
        let texts = [self.texts(sender)?, self.texts(command)?, self.texts(answer)?];
        let length = texts.iter().map(Vec::len).min().unwrap_or(0).min(times.len());
        let read = |place: usize| {
            let [sender, command, answer] = [0, 1, 2].map(|column: usize| texts[column][place].clone());
            EventRead { unix_ns: times[place], sender, command, answer }
        };
        Ok((0..length).map(read).collect())
    }

    /// Which frames are in it, from place `first` on, at most `frames` of them: the session's number, the camera's, and when
    /// it was taken, ns since 1970 UTC.
    pub(crate) fn frame_numbers(&self, first: u64, frames: u64) -> Result<Vec<[u64; 3]>, ReadError> {
        let count = frames.min(self.counts.frames.saturating_sub(first));
        let column = |path: &str| self.slice::<u64>(path, first, count);
        let (frame, device_frame, unix_ns) = (
            column("beadscope/frames/frame")?,
            column("beadscope/frames/device_frame")?,
            column("tracking/frame_timestamps_ns")?,
        );
        let numbers = frame.iter().zip(&device_frame).zip(&unix_ns);
        Ok(numbers.map(|((frame, device_frame), unix_ns)| [*frame, *device_frame, *unix_ns]).collect())
    }

    /// The same frames as they came, each with when it was taken, ns since 1970 UTC.
    pub(crate) fn frame_headers(
        &self,
        first: u64,
        frames: u64,
    ) -> Result<Vec<(FrameHeader, u64)>, ReadError> {
        let count = frames.min(self.counts.frames.saturating_sub(first));
        let column = |name: &str| self.slice::<u64>(&format!("beadscope/frames/{name}"), first, count);
        let (frame, device_frame, device_time_ns) =
            (column("frame")?, column("device_frame")?, column("device_time_ns")?);
        let (arrival_ns, segment, time_ns, flags) =
            (column("arrival_ns")?, column("segment")?, column("time_ns")?, column("flags")?);
        let unix_ns: Vec<u64> = self.slice("tracking/frame_timestamps_ns", first, count)?;
        let lost: Vec<u32> = self.slice("beadscope/frames/lost_before", first, count)?;
        let read = |(place, [camera, ring_full, recorder_late]): (usize, &[u32; 3])| {
            let gap = frame::Gap {
                camera: (*camera).into(),
                ring_full: (*ring_full).into(),
                recorder_late: (*recorder_late).into(),
            };
            let header = FrameHeader {
                frame: frame[place],
                device_frame: device_frame[place],
                device_time_ns: Some(device_time_ns[place]).filter(|ns| *ns != NO_DEVICE_TIME),
                arrival_ns: arrival_ns[place],
                gap,
                segment: u32::try_from(segment[place]).unwrap_or(u32::MAX),
                time_ns: time_ns[place],
                flags: FrameFlags(flags[place]),
                ..FrameHeader::default()
            };
            (header, unix_ns[place])
        };
        Ok(lost.as_chunks::<3>().0.iter().enumerate().map(read).collect())
    }

    /// Time of the first frame, ns since 1970 UTC.
    pub fn first_unix_ns(&self) -> Result<Option<u64>, ReadError> {
        let first = self.slice("tracking/frame_timestamps_ns", 0, self.counts.frames.min(1))?;
        Ok(first.first().copied())
    }

    /// What the experimenter was told.
    pub fn notices(&self) -> Result<Vec<String>, ReadError> {
        self.texts("beadscope/notices")
    }

    /// Latency; `None` where nobody measured it.
    pub fn latency_ms(&self) -> Result<Option<LatencyRead>, ReadError> {
        let values: Vec<f64> = self.all("beadscope/health/latency_ms")?;
        let seconds = values.as_chunks::<3>().0.iter().filter(|row| row.iter().all(|ms| ms.is_finite()));
        let seconds: Vec<&[f64; 3]> = seconds.collect();
        let mut medians: Vec<f64> = seconds.iter().map(|row| row[0]).collect();
        medians.sort_by(f64::total_cmp);
        let Some(p50) = medians.get(medians.len() / 2).copied() else { return Ok(None) };
        let highest = |column: usize| seconds.iter().map(|row| row[column]).fold(0.0, f64::max);
        Ok(Some(LatencyRead { p50, p99: highest(1), max: highest(2) }))
    }

    fn texts(&self, path: &str) -> Result<Vec<String>, ReadError> {
        let read = || self.file.dataset(path)?.read_strings_lossy();
        read().map_err(|error: rust_hdf5::Hdf5Error| self.damaged(path, error))
    }
}
