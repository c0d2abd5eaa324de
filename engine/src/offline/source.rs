//! Where frames on disk come from: a stack of images.

use std::sync::Arc;

use beadscope_drivers::stack::{Stack, StackError};

use crate::frame::{FrameHeader, FrameView};
use crate::offline::film::FilmError;
use crate::roi::Roi;
use crate::segment::Segment;

/// Frames on disk, one after the other.
pub trait Source {
    /// How many there are.
    fn frames(&self) -> u64;

    /// They have times of their own.
    fn has_times(&self) -> bool;

    /// Runs of the camera that they are from.
    fn segments(&self) -> &[Segment];

    /// A frame, but for its pixels.
    fn shape(&self) -> FrameView<'static>;

    /// Goes on to the next frame; `None` behind the last.
    ///
    /// # Errors
    /// If it cannot be read.
    fn next(&mut self) -> Result<Option<Next>, SourceError>;

    /// Writes the pixels of the frame that [`next`](Self::next) gave into `out`: in the ROIs all, elsewhere some.
    ///
    /// # Errors
    /// If they cannot be read.
    fn read(&mut self, out: &mut [u8]) -> Result<(), SourceError>;
}

/// The next frame of a [`Source`].
#[derive(Clone, Debug)]
pub struct Next {
    /// Which frame, and when.
    pub header: FrameHeader,
    /// When it was taken, ns since 1970 UTC.
    pub unix_ns: u64,
    /// The beads in it; `None`: as before.
    pub rois: Option<Arc<[Roi]>>,
}

/// Why frames cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Of a stack.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// Of a video.
    #[error(transparent)]
    Film(#[from] FilmError),
}

/// A stack of images. They carry no time: that of the start of tracking and the number of the frame in ns keep their order
/// and say that they are none.
pub struct StackSource {
    stack: Stack,
    started_unix_ns: u64,
    met: usize,
}

impl StackSource {
    /// The frames of `stack`, whose tracking starts at this time.
    pub fn new(stack: Stack, started_unix_ns: u64) -> Self {
        Self { stack, started_unix_ns, met: 0 }
    }
}

impl Source for StackSource {
    fn frames(&self) -> u64 {
        self.stack.len() as u64
    }

    fn has_times(&self) -> bool {
        false
    }

    fn segments(&self) -> &[Segment] {
        &[]
    }

    fn shape(&self) -> FrameView<'static> {
        FrameView::of_stack(&self.stack, &[])
    }

    fn next(&mut self) -> Result<Option<Next>, SourceError> {
        let frame = self.met as u64;
        let header = FrameHeader { frame, device_frame: frame, ..FrameHeader::default() };
        let next = Next { header, unix_ns: self.started_unix_ns + frame, rois: None };
        self.met += 1;
        Ok((frame < self.frames()).then_some(next))
    }

    fn read(&mut self, out: &mut [u8]) -> Result<(), SourceError> {
        Ok(self.stack.read_frame(self.met - 1, out)?)
    }
}
