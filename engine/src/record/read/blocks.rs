//! Frames with their rows, so many at a time that they fit into a few MB.

use std::ops::Range;

use super::{ReadError, Recording};
use crate::record::schema::OFFSETS;

/// Frames in a block at most: a chunk of the file.
const MAX_FRAMES: u64 = 4096;
/// Rows in a block at most, unless one frame has more: 13 MB.
const MAX_ROWS: u64 = 1 << 18;

/// Consecutive frames and their rows: column by column, entry `i` of each belongs to the same frame or row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// Place of the first frame in the file.
    pub first_frame: u64,
    /// Place of the first row in the file.
    pub first_row: u64,
    /// Where the rows of the frames begin and the last end, from 0.
    pub offsets: Vec<usize>,
    /// Frame numbers in the session.
    pub frame: Vec<u64>,
    /// The camera's frame numbers.
    pub device_frame: Vec<u64>,
    /// The camera's clock, ns.
    pub device_time_ns: Vec<u64>,
    /// Arrivals on the session's clock, ns.
    pub arrival_ns: Vec<u64>,
    /// Located on the GPU.
    pub on_gpu: Vec<u64>,
    /// Runs of the camera.
    pub segment: Vec<u64>,
    /// When the frames were taken, on the session's clock, ns.
    pub time_ns: Vec<u64>,
    /// The same since 1970 UTC, ns.
    pub unix_ns: Vec<u64>,
    /// [`crate::frame::FrameFlags`].
    pub frame_flags: Vec<u64>,
    /// Frames lost before each: by the camera, ring full, recorder late.
    pub lost_before: Vec<[u32; 3]>,
    /// Bead numbers.
    pub bead: Vec<u16>,
    /// x, y, z, nm.
    pub position_nm: Vec<[f64; 3]>,
    /// Corners of the ROIs, px.
    pub corner_px: Vec<[u16; 2]>,
    /// Likeness to the Z-LUT.
    pub quality: Vec<f32>,
    /// [`beadscope_shaders::flags::Flags`].
    pub row_flags: Vec<u32>,
}

impl Block {
    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.frame.len()
    }

    /// The rows of frame `i` of the block.
    pub fn rows(&self, frame: usize) -> Range<usize> {
        self.offsets[frame]..self.offsets[frame + 1]
    }
}

impl Recording {
    /// Hands all frames that are whole to `sink`, block after block.
    ///
    /// # Errors
    /// If a part cannot be read, or `sink` refuses.
    pub fn each_block<E: From<ReadError>>(
        &self,
        mut sink: impl FnMut(&Block) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut first = 0;
        while first < self.counts.frames {
            let block = self.block(first)?;
            first += block.frames() as u64;
            sink(&block)?;
        }
        Ok(())
    }

    fn block(&self, first: u64) -> Result<Block, ReadError> {
        let most = MAX_FRAMES.min(self.counts.frames - first);
        let mut ends: Vec<u64> = self.slice(OFFSETS, first, most + 1)?;
        let start = ends[0];
        if ends.windows(2).any(|pair| pair[0] > pair[1]) || ends[ends.len() - 1] > self.counts.rows {
            return Err(self.damaged(OFFSETS, "they do not rise to the number of rows"));
        }
        let fit = ends.partition_point(|end| end - start <= MAX_ROWS).max(2);
        ends.truncate(fit);
        let (frames, rows) = (ends.len() as u64 - 1, ends[ends.len() - 1] - start);
        let frame = |name: &str| self.slice::<u64>(&format!("beadscope/frames/{name}"), first, frames);
        let lost: Vec<u32> = self.slice("beadscope/frames/lost_before", first, frames)?;
        let positions: Vec<f64> = self.slice("tracking/positions_nm", start, rows)?;
        let corners: Vec<u16> = self.slice("tracking/roi_positions_px", start, rows)?;
        Ok(Block {
            first_frame: first,
            first_row: start,
            offsets: ends.iter().map(|end| usize::try_from(end - start).unwrap_or(usize::MAX)).collect(),
            frame: frame("frame")?,
            device_frame: frame("device_frame")?,
            device_time_ns: frame("device_time_ns")?,
            arrival_ns: frame("arrival_ns")?,
            on_gpu: frame("on_gpu")?,
            segment: frame("segment")?,
            time_ns: frame("time_ns")?,
            unix_ns: self.slice("tracking/frame_timestamps_ns", first, frames)?,
            frame_flags: frame("flags")?,
            lost_before: lost.as_chunks::<3>().0.to_vec(),
            bead: self.slice("tracking/bead_ids", start, rows)?,
            position_nm: positions.as_chunks::<3>().0.to_vec(),
            corner_px: corners.as_chunks::<2>().0.to_vec(),
            quality: self.slice("beadscope/rows/quality", start, rows)?,
            row_flags: self.slice("beadscope/rows/flags", start, rows)?,
        })
    }
}
