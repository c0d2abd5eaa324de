//! Checks a video against itself and against the rows beside it: every shard and its numbers, and whether its frames are
//! those of the recording. Pixels have a checksum once they are compressed, and are looked at then.

use std::fs;
use std::io;
use std::path::Path;

use super::frame_record::FrameId;
use super::layout::Layout;
use super::shard::{partial_path, shard_path};
use super::shard_reader::ShardReader;
use super::zarr::{self, Extent};
use crate::record::read::verify::Problems;
use crate::record::read::{ReadError, Recording};

/// Frames of the recording that are read together.
const STRIDE: u64 = 1 << 16;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoVerdict {
    /// Frames in the video.
    pub frames: u64,
    /// Frames of the recording that are not in it: its notices say why.
    pub not_filmed: u64,
    /// One line each; none if it is whole.
    pub problems: Vec<String>,
}

/// Checks the video in `folder`, whose rows are in `recording`. `progress` hears how many of how many frames are done.
///
/// # Errors
/// If the recording cannot be read.
pub fn verify(
    folder: &Path,
    recording: &Recording,
    progress: &dyn Fn(u64, u64),
) -> Result<VideoVerdict, ReadError> {
    let mut problems = Problems::default();
    let mut told = Told::new(recording);
    let read = zarr::read_layout(folder).and_then(|layout| Ok((layout, zarr::read_extent(folder)?)));
    let frames = match read {
        Ok((layout, extent)) => {
            let mut last = None;
            for number in 0..extent.frames.div_ceil(layout.frames_per_shard as u64) {
                match check_shard(folder, &layout, extent, number, &mut problems) {
                    Ok(ids) => told.meet(&ids, &mut last, &mut problems)?,
                    Err(error) => problems.note("a shard of the video cannot be read", || {
                        format!("{error}: {}", shard_path(folder, &layout, number).display())
                    }),
                }
                progress(((number + 1) * layout.frames_per_shard as u64).min(extent.frames), extent.frames);
            }
            check_behind(folder, &layout, extent, &mut problems);
            extent.frames
        }
        Err(error) => {
            problems.note("the video cannot be read", || {
                format!("{error}; if no program is writing it, `beadscope recover` mends it")
            });
            0
        }
    };
    if let Some(ledger) = recording.ledger()?
        && told.unknown > ledger.lost.recorder_late
    {
        problems.note("the video has frames that the recording does not know", || {
            format!("{}, of which its ledger has {} lost", told.unknown, ledger.lost.recorder_late)
        });
    }
    let not_filmed = recording.counts.frames - told.filmed;
    Ok(VideoVerdict { frames, not_filmed, problems: problems.lines() })
}

/// Checks a shard and what is beside it; which frames are in it.
fn check_shard(
    folder: &Path,
    layout: &Layout,
    extent: Extent,
    number: u64,
    problems: &mut Problems,
) -> io::Result<Vec<FrameId>> {
    let mut shard = ShardReader::open(folder, layout, number)?;
    let frames = shard.contents().frames() as u64;
    let expected =
        (extent.frames - number * layout.frames_per_shard as u64).min(layout.frames_per_shard as u64);
    if frames != expected {
        problems.note("a shard of the video has another number of frames", || {
            format!("{frames}, not {expected}: {}", shard_path(folder, layout, number).display())
        });
    }
    let place = || shard_path(folder, layout, number).display().to_string();
    match shard.has_its_pictures() {
        Ok(true) => {}
        Ok(false) => problems.note("the index of a shard is not that of its frames", place),
        Err(error) => problems.note("compressed pictures are damaged", || format!("{error}: {}", place())),
    }
    let contents = shard.contents();
    for (path, bytes) in contents.numbers(folder, layout, number) {
        if fs::read(&path).ok().as_ref() != Some(&bytes) {
            problems.note("numbers beside the pictures are missing or wrong", || {
                format!("`beadscope recover` writes those that are missing: {}", path.display())
            });
        }
    }
    Ok(contents.ids().to_vec())
}

/// What lies behind the last shard that the metadata know of.
fn check_behind(folder: &Path, layout: &Layout, extent: Extent, problems: &mut Problems) {
    let shards = extent.frames.div_ceil(layout.frames_per_shard as u64);
    let partial = (shards..shards + 3).map(|number| partial_path(folder, layout, number));
    if let Some(partial) = partial.into_iter().find(|partial| partial.exists()) {
        problems.note("the video was never finished", || {
            let place = partial.display();
            format!("if no program is writing it, `beadscope recover` makes it whole: {place}")
        });
    }
    let next = shard_path(folder, layout, shards);
    if next.exists() {
        problems.note("the video is longer than it says", || {
            format!("`beadscope recover` mends that: {}", next.display())
        });
    }
}

/// The frames that the recording tells of, as those of the video meet them.
struct Told<'a> {
    recording: &'a Recording,
    /// Of the frames in `some`, the place of the first in the recording.
    first: u64,
    some: Vec<[u64; 3]>,
    /// Place in `some` of the first frame that was not met.
    next: usize,
    filmed: u64,
    /// Frames of the video that it does not tell of, before its last one.
    unknown: u64,
}

impl<'a> Told<'a> {
    fn new(recording: &'a Recording) -> Self {
        Self { recording, first: 0, some: Vec::new(), next: 0, filmed: 0, unknown: 0 }
    }

    /// The first frame of the recording that is not before this one.
    fn find(&mut self, frame: u64) -> Result<Option<[u64; 3]>, ReadError> {
        loop {
            let left = &self.some[self.next..];
            self.next += left.partition_point(|[told, ..]| *told < frame);
            if let Some(found) = self.some.get(self.next) {
                return Ok(Some(*found));
            }
            self.first += self.some.len() as u64;
            (self.some, self.next) = (self.recording.frame_numbers(self.first, STRIDE)?, 0);
            if self.some.is_empty() {
                return Ok(None);
            }
        }
    }

    fn meet(
        &mut self,
        ids: &[FrameId],
        last: &mut Option<u64>,
        problems: &mut Problems,
    ) -> Result<(), ReadError> {
        for id in ids {
            let frame = id.frame;
            if last.replace(frame).is_some_and(|last| last >= frame) {
                problems.note("frame numbers of the video do not rise", || format!("at frame {frame}"));
                continue;
            }
            let [told, device_frame, unix_ns] = match self.find(frame)? {
                // A recording that failed ends before its video.
                None => return Ok(()),
                Some(found) => found,
            };
            if told != frame {
                self.unknown += 1;
                continue;
            }
            self.filmed += 1;
            if [id.device_frame, id.unix_ns] != [device_frame, unix_ns] {
                problems.note("the video is of another recording", || {
                    format!(
                        "its frame {frame} is the camera's {} at {} ns, the recording's is {device_frame} at {unix_ns} ns",
                        id.device_frame, id.unix_ns
                    )
                });
            }
        }
        Ok(())
    }
}
