//! The video of a run as frames to be tracked again: with the numbers, times and losses that the recording beside it tells.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use beadscope_drivers::camera::CameraConfig;

use super::source::{Next, Source, SourceError};
use crate::frame::{FrameHeader, FrameView, Gap};
use crate::record::read::{ReadError, Recording};
use crate::roi::Roi;
use crate::segment::{Cause, Segment};
use crate::video::layout::Picture;
use crate::video::reader::Reader;
use crate::video::video_path;

/// Frames of the recording that are read together.
const STRIDE: u64 = 1 << 14;

/// Why the video of a run cannot be tracked.
#[derive(Debug, thiserror::Error)]
pub enum FilmError {
    /// Only positions were recorded.
    #[error("this run has no video, so there are no pixels to track; record with --mode track+roi-video or track+full-video: {}", .0.display())]
    NoVideo(PathBuf),
    /// Nothing was filmed, or a crash left the first shard open.
    #[error("the video has no whole shard yet; if a crash left it, `beadscope recover` makes it whole: {}", .0.display())]
    Empty(PathBuf),
    /// Crops show what they show.
    #[error("the video holds crops of {0} px, so its ROIs cannot be others; leave out --rois and --roi-px")]
    Crops(u32),
    /// The size of the frames and of the ROIs is there.
    #[error("the recording beside the video does not say {0}, so its pixels have no place in the frame")]
    Unknown(&'static str),
    /// They were put together by somebody.
    #[error("the video is of another recording: its frame {frame} has another number or time there; see `beadscope verify`: {}", .path.display())]
    Other {
        /// The frame.
        frame: u64,
        /// The video.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("the video cannot be read: {error}; see what else with `beadscope verify`: {}", .path.display())]
    Read {
        /// The system's reason.
        error: io::Error,
        /// The video.
        path: PathBuf,
    },
    /// Nor can what is beside it.
    #[error(transparent)]
    Recording(#[from] ReadError),
}

/// The beads to look at.
#[derive(Clone, Debug)]
pub enum Beads {
    /// As they were filmed.
    Filmed,
    /// As they were filmed, in whole frames, with ROIs of another side, px.
    Resized(u32),
    /// Others, in whole frames.
    Given(Arc<[Roi]>),
}

/// The video of a run.
pub struct Film<'a> {
    path: PathBuf,
    reader: Reader,
    size_px: (usize, usize),
    /// Side of the ROIs while it was filmed, px.
    filmed_px: u32,
    beads: Beads,
    segments: Vec<Segment>,
    told: Told<'a>,
    last: Option<FrameHeader>,
    /// Frames of the session that are missing between those of the video.
    pub not_filmed: u64,
}

impl<'a> Film<'a> {
    /// Opens the video beside `recording`.
    ///
    /// # Errors
    /// If there is none, it cannot be read, or it does not show `beads`.
    pub fn open(recording: &'a Recording, beads: Beads) -> Result<Self, FilmError> {
        let path = video_path(recording.path.parent().unwrap_or(Path::new(".")));
        if !path.exists() {
            return Err(FilmError::NoVideo(recording.path.clone()));
        }
        let filmed_px = filmed_roi_px(recording)?;
        let camera: CameraConfig = toml::from_str(&recording.about.camera_toml)
            .map_err(|_| FilmError::Unknown("how large its frames are"))?;
        let reader =
            Reader::open(&path, filmed_px).map_err(|error| FilmError::Read { error, path: path.clone() })?;
        if reader.frames() == 0 {
            return Err(FilmError::Empty(path));
        }
        let beads = if matches!(beads, Beads::Resized(asked_px) if asked_px == filmed_px) {
            Beads::Filmed
        } else {
            beads
        };
        if reader.layout().picture == Picture::Rois && !matches!(beads, Beads::Filmed) {
            return Err(FilmError::Crops(filmed_px));
        }
        let segments = recording.segments()?.into_iter().filter_map(|segment| {
            let (number, cause) = (u32::try_from(segment.segment).ok()?, Cause::named(&segment.cause)?);
            Some(Segment { number, cause, rate_hz: segment.rate_hz, exposure_us: segment.exposure_us })
        });
        let (segments, told) = (segments.collect(), Told { recording, read: 0, some: VecDeque::new() });
        let size_px = (camera.window.width_px as usize, camera.window.height_px as usize);
        Ok(Self { path, reader, size_px, filmed_px, beads, segments, told, last: None, not_filmed: 0 })
    }

    /// The beads of the first frame.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn first_rois(&self) -> Result<Arc<[Roi]>, FilmError> {
        let first = Reader::open(&self.path, self.filmed_px).and_then(|mut reader| reader.next());
        let first = first.map_err(|error| self.unreadable(error))?;
        Ok(self.rois(first.map_or(Arc::from([]), |(_, rois)| rois)))
    }

    /// Side of the ROIs to look at, px.
    pub fn roi_px(&self) -> u32 {
        match &self.beads {
            Beads::Filmed => self.filmed_px,
            Beads::Resized(roi_px) => *roi_px,
            Beads::Given(rois) => rois.first().map_or(self.filmed_px, |roi| roi.size_px),
        }
    }

    /// It shows the ROIs, and nothing between them.
    pub fn has_only_crops(&self) -> bool {
        self.reader.layout().picture == Picture::Rois
    }

    fn unreadable(&self, error: io::Error) -> FilmError {
        FilmError::Read { error, path: self.path.clone() }
    }

    fn rois(&self, filmed: Arc<[Roi]>) -> Arc<[Roi]> {
        match &self.beads {
            Beads::Filmed => filmed,
            Beads::Resized(roi_px) => {
                filmed.iter().map(|roi| Roi::around(roi.bead, roi.center_px(), *roi_px)).collect()
            }
            Beads::Given(rois) => rois.clone(),
        }
    }
}

/// Side of the ROIs while it was filmed, px: one for all, in the whole session.
fn filmed_roi_px(recording: &Recording) -> Result<u32, FilmError> {
    if let Some(bead) = recording.beads()?.first() {
        return Ok(bead.roi_px);
    }
    let settings: toml::Table = recording.about.settings_toml.parse().unwrap_or_default();
    let roi_px = settings.get("tracking").and_then(|tracking| tracking.get("roi_px")?.as_integer());
    roi_px.and_then(|px| u32::try_from(px).ok()).ok_or(FilmError::Unknown("how large its ROIs are"))
}

impl Source for Film<'_> {
    fn frames(&self) -> u64 {
        self.reader.frames()
    }

    fn has_times(&self) -> bool {
        true
    }

    fn segments(&self) -> &[Segment] {
        &self.segments
    }

    fn shape(&self) -> FrameView<'static> {
        let (width_px, height_px) = self.size_px;
        FrameView { bytes: &[], width_px, height_px, format: self.reader.layout().format }
    }

    fn next(&mut self) -> Result<Option<Next>, SourceError> {
        let Some((id, filmed)) = self.reader.next().map_err(|error| self.unreadable(error))? else {
            return Ok(None);
        };
        let (told, mut gap) = self.told.meet(id.frame)?;
        let header = match told {
            Some((header, unix_ns)) if header.device_frame == id.device_frame && unix_ns == id.unix_ns => {
                header
            }
            Some(_) => return Err(FilmError::Other { frame: id.frame, path: self.path.clone() }.into()),
            // Its rows were lost, its pixels were not.
            None => FrameHeader {
                frame: id.frame,
                device_frame: id.device_frame,
                arrival_ns: self.last.map_or(0, |last| last.arrival_ns).max(id.time_ns),
                segment: u32::try_from(id.segment).unwrap_or(u32::MAX),
                time_ns: id.time_ns,
                ..FrameHeader::default()
            },
        };
        match self.last {
            None => gap = Gap::default(),
            // The session numbers all frames that reached it.
            Some(last) => gap.recorder_late = id.frame.saturating_sub(last.frame + 1),
        }
        self.not_filmed += gap.recorder_late;
        let header = FrameHeader { gap, ..header };
        self.last = Some(header);
        Ok(Some(Next { header, unix_ns: id.unix_ns, rois: Some(self.rois(filmed)) }))
    }

    fn read(&mut self, out: &mut [u8]) -> Result<(), SourceError> {
        let read = self.reader.read(out, self.size_px);
        Ok(read.map_err(|error| self.unreadable(error))?)
    }
}

/// The frames that the recording tells of, as those of the video meet them.
struct Told<'a> {
    recording: &'a Recording,
    /// Frames that were read of it.
    read: u64,
    /// Those that were not met yet.
    some: VecDeque<(FrameHeader, u64)>,
}

impl Told<'_> {
    /// What it tells of this frame, if anything, and what was lost before it and behind the one that was met last.
    fn meet(&mut self, frame: u64) -> Result<(Option<(FrameHeader, u64)>, Gap), FilmError> {
        let mut gap = Gap::default();
        loop {
            if self.some.is_empty() {
                self.some.extend(self.recording.frame_headers(self.read, STRIDE)?);
                self.read += self.some.len() as u64;
            }
            let Some((header, unix_ns)) = self.some.pop_front_if(|(header, _)| header.frame <= frame) else {
                return Ok((None, gap));
            };
            gap += header.gap;
            if header.frame == frame {
                return Ok((Some((header, unix_ns)), gap));
            }
        }
    }
}
