//! Space on the disk of a recording: how long it lasts at the rate at which the recording grows, and when to end.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use beadscope_drivers::camera::CameraConfig;

use super::error::RecordError;
use super::schema::{FRAME_COLUMNS, ROW_COLUMNS, bytes_of};
use crate::video::Mode;

/// A recording ends when no more than this is free, bytes: what shares the disk must go on, and the file be closed.
const KEEP_FREE_BYTES: u64 = 1_000_000_000;
/// Or what it writes in this time, if that is more.
const RESERVE_TIME: Duration = Duration::from_secs(5 * 60);
/// A video ends when no more than so many times that is free: the recording goes on.
const VIDEO_RESERVES: u64 = 2;
/// The experimenter is warned when there is less time left.
const WARN_TIME: Duration = Duration::from_secs(30 * 60);
/// The rate is that of the last so long.
const RATE_OVER: Duration = Duration::from_secs(10);

/// The disk that a recording goes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Disk {
    /// Space that is free, bytes.
    pub free_bytes: u64,
    /// By how much the recording and its video grew a second, in the last ten seconds; `None` in the first one.
    pub write_bytes_per_s: Option<f64>,
    /// Space that stays free: the recording is ended before, bytes.
    pub reserve_bytes: u64,
    /// Time until the recording is ended for want of space, or its video, which is first, s; `None` as long as it does not grow.
    pub time_left_s: Option<f64>,
    /// What the experimenter should know.
    pub notice: Option<String>,
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "disk {:.1} GB free", self.free_bytes as f64 / 1e9)?;
        if let Some(rate) = self.write_bytes_per_s {
            write!(f, " at {:.2} MB/s", rate / 1e6)?;
        }
        self.time_left_s.map_or(Ok(()), |left_s| write!(f, ", {:.1} h left", left_s / 3600.0))
    }
}

/// Whether a recording may begin in this folder, as far as its disk tells.
///
/// # Errors
/// [`RecordError::Reserve`] if it would have to end at once.
pub(crate) fn check(folder: &Path) -> Result<(), RecordError> {
    Space::new(folder.to_path_buf()).look(Instant::now(), [0; 2]).map(|_| ())
}

/// Whether a video may go on in this folder, beside a recording that goes to `disk`.
///
/// # Errors
/// [`RecordError::Reserve`] if the space that is left is the recording's.
pub(crate) fn check_video(folder: &Path, disk: Option<&Disk>) -> Result<(), RecordError> {
    let reserve_bytes = VIDEO_RESERVES * disk.map_or(0, |disk| disk.reserve_bytes).max(KEEP_FREE_BYTES);
    match fs4::available_space(folder) {
        Ok(free_bytes) if free_bytes <= reserve_bytes => {
            Err(RecordError::Reserve { free_bytes, reserve_bytes, path: folder.to_path_buf() })
        }
        // A file system that answers with an error may write all the same.
        _ => Ok(()),
    }
}

/// Space that is free for a folder, which need not be there yet, bytes; `None` if the system does not tell. It waits for the disk.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    fs4::available_space(folder.ancestors().find(|folder| folder.exists())?).ok()
}

/// Bytes a second that a recording of so many beads with ROIs of this side would grow by, uncompressed: its file is smaller.
pub fn expected_bytes_per_s(mode: Mode, config: &CameraConfig, beads: usize, roi_px: u32) -> f64 {
    let rows = if mode.tracks() { beads as u64 * bytes_of(&ROW_COLUMNS) } else { 0 };
    let frame = (rows + bytes_of(&FRAME_COLUMNS)) as f64;
    frame * config.rate_hz + mode.video_bytes_per_s(config, beads, roi_px)
}

/// A disk that nothing is recorded on yet, and how long a recording would last on it.
pub fn outlook(free_bytes: u64, bytes_per_s: f64) -> Disk {
    let reserve_bytes = KEEP_FREE_BYTES.max((bytes_per_s * RESERVE_TIME.as_secs_f64()) as u64);
    let left_s = free_bytes.saturating_sub(reserve_bytes) as f64 / bytes_per_s;
    let time_left_s = Some(left_s).filter(|left_s| left_s.is_finite());
    Disk { free_bytes, write_bytes_per_s: Some(bytes_per_s), reserve_bytes, time_left_s, notice: None }
}

/// Watches the disk of one recording.
pub(super) struct Space {
    file: PathBuf,
    /// Bytes of the recording, and of its video, at moments of the last seconds.
    grown: VecDeque<(Instant, [u64; 2])>,
    /// What is going to end, and the sentence.
    notice: Option<(&'static str, String)>,
}

impl Space {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, grown: VecDeque::new(), notice: None }
    }

    /// Looks at the disk, once a second; the recording and its video have `bytes` now. `None` if the system does not tell
    /// what is free.
    ///
    /// # Errors
    /// [`RecordError::Reserve`] if the recording must end.
    pub(super) fn look(&mut self, now: Instant, bytes: [u64; 2]) -> Result<Option<Disk>, RecordError> {
        // A file system that answers with an error may write all the same.
        let Ok(free_bytes) = fs4::available_space(&self.file) else { return Ok(None) };
        self.judge(now, bytes, free_bytes).map(Some)
    }

    fn judge(&mut self, now: Instant, bytes: [u64; 2], free_bytes: u64) -> Result<Disk, RecordError> {
        let rates = self.rates(now, bytes);
        let [rows, video] = rates.unwrap_or_default();
        let reserve_bytes = KEEP_FREE_BYTES.max((rows * RESERVE_TIME.as_secs_f64()) as u64);
        if free_bytes <= reserve_bytes {
            return Err(RecordError::Reserve { free_bytes, reserve_bytes, path: self.file.clone() });
        }
        let video_reserve_bytes = VIDEO_RESERVES * reserve_bytes;
        let (what, rate, stay_bytes) = if video > 0.0 && free_bytes > video_reserve_bytes {
            ("video", rows + video, video_reserve_bytes)
        } else {
            ("recording", rows, reserve_bytes)
        };
        let left_s = (free_bytes - stay_bytes) as f64 / rate;
        // Told once: the notice does not change with every second, and goes when space was made.
        if left_s > 1.2 * WARN_TIME.as_secs_f64() || self.notice.as_ref().is_some_and(|(of, _)| *of != what) {
            self.notice = None;
        }
        if left_s < WARN_TIME.as_secs_f64() && self.notice.is_none() {
            let notice = format!(
                "the {what} ends in {:.0} min for want of disk space ({:.2} MB/s, {:.1} GB free, of which {:.1} GB \
                 stay): free space",
                (left_s / 60.0).floor(),
                rate / 1e6,
                free_bytes as f64 / 1e9,
                stay_bytes as f64 / 1e9,
            );
            tracing::warn!("{notice}");
            self.notice = Some((what, notice));
        }
        Ok(Disk {
            free_bytes,
            write_bytes_per_s: rates.map(|[rows, video]| rows + video),
            reserve_bytes,
            time_left_s: Some(left_s).filter(|left_s| left_s.is_finite()),
            notice: self.notice.as_ref().map(|(_, notice)| notice.clone()),
        })
    }

    fn rates(&mut self, now: Instant, bytes: [u64; 2]) -> Option<[f64; 2]> {
        while self.grown.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= RATE_OVER) {
            self.grown.pop_front();
        }
        self.grown.push_back((now, bytes));
        let (then, before) = self.grown.front()?;
        let seconds = now.duration_since(*then).as_secs_f64();
        let rate = |of: usize| bytes[of].saturating_sub(before[of]) as f64 / seconds;
        (seconds > 0.5).then(|| [rate(0), rate(1)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;

    /// Looks for 20 s at a recording that grows by `rate` bytes a second; the last answer.
    fn judge(rate: u64, free_bytes: u64) -> Result<Disk, RecordError> {
        let (mut space, start) = (Space::new("run/tracks.h5.partial".into()), Instant::now());
        let mut last = space.judge(start, [0; 2], 1_000 * GB)?;
        for second in 1..=20 {
            last = space.judge(start + Duration::from_secs(second), [second * rate, 0], free_bytes)?;
        }
        Ok(last)
    }

    #[test]
    fn the_reserve_is_a_gigabyte_or_five_minutes() {
        assert!(judge(0, GB + 1).is_ok());
        let error = judge(0, GB).unwrap_err().to_string();
        assert!(error.contains("1.0 GB") && error.ends_with("tracks.h5.partial"), "{error}");
        // 10 MB/s for 300 s.
        assert!(judge(GB / 100, 3 * GB + 1).is_ok());
        assert!(matches!(judge(GB / 100, 3 * GB), Err(RecordError::Reserve { reserve_bytes, .. })
            if reserve_bytes == 3 * GB));
    }

    #[test]
    fn half_an_hour_before_the_end_it_is_told() {
        let disk = judge(GB / 100, 21 * GB + GB / 10).unwrap();
        assert_eq!((disk.write_bytes_per_s, disk.notice), (Some(1e7), None));
        assert!((disk.time_left_s.unwrap() - 1810.0).abs() < 1e-6);
        let notice = judge(GB / 100, 21 * GB - GB / 10).unwrap().notice.unwrap();
        assert!(notice.contains("29 min") && notice.contains("10.00 MB/s"), "{notice}");
        assert_eq!(judge(0, 2 * GB).unwrap().time_left_s, None, "a recording that does not grow");
    }

    #[test]
    fn a_video_ends_before_positions_do() {
        // 200 000 rows a second, and a video of 1 GB/s.
        let rows = 200_000 * bytes_of(&ROW_COLUMNS);
        let (mut space, start) = (Space::new("run/tracks.h5.partial".into()), Instant::now());
        space.judge(start, [0; 2], 100 * GB).unwrap();
        let mut second = 0;
        let mut judge = |video, free_bytes| {
            second += 1;
            space.judge(start + Duration::from_secs(second), [second * rows, video], free_bytes)
        };
        let disk = judge(GB, 10 * GB).unwrap();
        assert_eq!(disk.reserve_bytes, 300 * rows);
        assert!(disk.reserve_bytes > 2 * GB, "more than any fixed number would keep");
        let left_s = (10 * GB - 600 * rows) as f64 / (GB + rows) as f64;
        assert!((disk.time_left_s.unwrap() - left_s).abs() < 1e-3, "{disk:?}");
        assert!(disk.notice.unwrap().contains("the video ends in 0 min"));
        // The video has ended; the recording has as long as the reserve lasts.
        let disk = judge(GB, 600 * rows).unwrap();
        assert!((disk.time_left_s.unwrap() - 300.0).abs() < 1e-3, "{disk:?}");
        assert!(disk.notice.unwrap().contains("the recording ends in 5 min"));
        assert!(judge(GB, 300 * rows).is_err());
    }

    #[test]
    fn a_video_leaves_what_the_recording_keeps() {
        let folder = tempfile::tempdir().unwrap();
        let free_bytes = fs4::available_space(folder.path()).unwrap();
        let beside = |reserve_bytes| {
            check_video(folder.path(), Some(&Disk { reserve_bytes, ..Disk::default() })).is_ok()
        };
        assert!(beside(free_bytes / 4) && !beside(free_bytes), "{free_bytes} bytes are free");
    }

    #[test]
    fn before_a_recording_it_is_known_how_long_one_would_last() {
        let disk = outlook(4 * GB, 1e7);
        assert_eq!((disk.reserve_bytes, disk.time_left_s), (3 * GB, Some(100.0)), "five minutes stay");
        assert_eq!(outlook(GB / 2, 1e7).time_left_s, Some(0.0));
        assert_eq!(outlook(GB, 0.0).time_left_s, None);
        let folder = tempfile::tempdir().unwrap();
        assert!(free_bytes(&folder.path().join("new/deeper")).is_some_and(|bytes| bytes > 0));
    }

    #[test]
    fn the_warning_goes_when_space_was_made() {
        let (mut space, start) = (Space::new("run/tracks.h5.partial".into()), Instant::now());
        let mut warned = |second: u64, free_bytes| {
            let now = start + Duration::from_secs(second);
            space.judge(now, [second * GB / 100, 0], free_bytes).unwrap().notice.is_some()
        };
        let seen =
            [(0, 100 * GB), (10, 20 * GB), (11, 22 * GB), (12, 100 * GB)].map(|(s, free)| warned(s, free));
        assert_eq!(seen, [false, true, true, false], "at 31 min it stays, so that it does not flicker");
    }
}
