//! How a video lies in its files: what is fixed when it begins.

use beadscope_drivers::camera::PixelFormat;
use serde::{Deserialize, Serialize};

use super::frame_record;

/// Frame records begin at multiples of this in a file and in memory: what O_DIRECT asks for, on every disk.
pub const ALIGN: usize = 4096;
/// A shard has about this size: less would be many files, more would keep what was filmed from readers for long.
const SHARD_BYTES: usize = 128 << 20;
/// Frames of a shard, at least and at most.
const SHARD_FRAMES: (usize, usize) = (16, 4096);
/// A shard's index is no longer, since readers read all of it for any of its frames.
const INDEX_BYTES: usize = 4 << 20;

/// What is filmed of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Picture {
    /// All of it.
    Full,
    /// The ROI of every bead.
    Rois,
}

/// How the chunks of pixels are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Packing {
    /// As the camera sent them, which is how they are filmed.
    #[default]
    Raw,
    /// Compressed afterwards, each chunk for itself (RFC 8878), with a checksum of its pixels.
    Zstd,
}

impl Packing {
    /// The Zarr array that the pictures are in: one of its own for each, since an array has one way to store its chunks.
    pub(super) fn array(self) -> &'static str {
        match self {
            Self::Raw => "0",
            Self::Zstd => "zstd",
        }
    }
}

/// How a video lies in its files. Every bead has a place in the arrays, which it keeps as long as it is there; places
/// go in groups, so that a bead that is added makes the video of the others no larger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// What is filmed.
    pub picture: Picture,
    /// Columns of the frame, or of a ROI.
    pub width_px: usize,
    /// Rows.
    pub height_px: usize,
    /// How a pixel is stored.
    pub format: PixelFormat,
    /// Places in a group: the beads that there were at the beginning. The crops of a group are one Zarr chunk.
    pub group: usize,
    /// Groups that there may be.
    pub groups: usize,
    /// Frames of a shard.
    pub frames_per_shard: usize,
    /// How the chunks are stored.
    #[serde(default)]
    pub packing: Packing,
}

impl Layout {
    /// A video of pictures of this size that begins with `beads` beads and may come to have `room`.
    pub fn new(
        picture: Picture,
        (width_px, height_px): (usize, usize),
        format: PixelFormat,
        beads: usize,
        room: usize,
    ) -> Self {
        let group = beads.max(1);
        let groups = room.max(group).div_ceil(group);
        let packing = Packing::Raw;
        let layout =
            Self { picture, width_px, height_px, format, group, groups, frames_per_shard: 1, packing };
        let (least, most) = SHARD_FRAMES;
        let most = most.min(INDEX_BYTES / layout.index_bytes());
        let frames_per_shard = (SHARD_BYTES / layout.record_bytes(beads)).clamp(least, most.max(least));
        Self { frames_per_shard, ..layout }
    }

    /// Whether a video can lie so in its files; what was read from a damaged one need not.
    pub(super) fn is_possible(&self) -> bool {
        let Self { width_px, height_px, group, groups, frames_per_shard, .. } = *self;
        let product = |factors: &[usize]| factors.iter().try_fold(1_usize, |all, one| all.checked_mul(*one));
        let is_within = |factors: &[usize], most: usize| {
            product(factors).is_some_and(|product| (1..=most).contains(&product))
        };
        // No sensor, and no number of beads, is larger.
        is_within(&[width_px], 1 << 17)
            && is_within(&[height_px], 1 << 17)
            && is_within(&[group, groups], 1 << 18)
            && is_within(&[frames_per_shard], 1 << 16)
            && is_within(&[frames_per_shard, group, groups], 1 << 30)
            && product(&[width_px, height_px, group, groups, 2]).is_some()
    }

    /// Beads that there may be.
    pub fn places(&self) -> usize {
        self.group * self.groups
    }

    /// Bytes of a Zarr chunk: a frame, or the crops of a group.
    pub fn chunk_bytes(&self) -> usize {
        let pictures = if self.picture == Picture::Full { 1 } else { self.group };
        pictures * self.picture_bytes()
    }

    /// Bytes of a frame, or of a crop.
    pub fn picture_bytes(&self) -> usize {
        self.width_px * self.height_px * self.format.bytes_per_px()
    }

    /// Zarr chunks of a frame of which the first `places` places are in use.
    pub fn chunks(&self, places: usize) -> usize {
        if self.picture == Picture::Full { 1 } else { places.div_ceil(self.group) }
    }

    /// Zarr chunks of a frame that a shard has room for.
    pub fn chunks_per_frame(&self) -> usize {
        if self.picture == Picture::Full { 1 } else { self.groups }
    }

    /// Bytes of a frame's record: header, chunks, and what is missing to a multiple of [`ALIGN`].
    pub fn record_bytes(&self, places: usize) -> usize {
        let bytes = frame_record::header_bytes(places) + self.chunks(places) * self.chunk_bytes();
        bytes.next_multiple_of(ALIGN)
    }

    /// Bytes from the header of a frame to the next in a shard: compressed pictures are behind all headers.
    pub(super) fn stride_bytes(&self, places: usize) -> usize {
        match self.packing {
            Packing::Raw => self.record_bytes(places),
            Packing::Zstd => frame_record::header_bytes(places),
        }
    }

    /// The most that a record can have.
    pub fn max_record_bytes(&self) -> usize {
        self.record_bytes(self.places())
    }

    /// Bytes of a shard's index: offset and length of every chunk, and a checksum.
    pub fn index_bytes(&self) -> usize {
        16 * self.frames_per_shard * self.chunks_per_frame() + 4
    }
}
