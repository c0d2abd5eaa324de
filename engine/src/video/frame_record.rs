//! A frame in a shard: a header that says which frame it is and where its beads were, and behind it the Zarr chunks.
//!
//! Zarr asks only where chunks are, not what is between them, so the shard itself tells after a crash what is in it.
//! All numbers are little-endian.

use super::crc32c::crc32c;
use super::layout::{Layout, Picture};
use crate::frame::FrameView;
use crate::roi::Roi;

/// Starts every header; the 1 is its version.
const MAGIC: &[u8; 8] = b"BSFRAME1";
/// Bytes of a header before its places.
pub(super) const FIXED_BYTES: usize = 64;
/// Bytes of a place: bead, left, top.
const PLACE_BYTES: usize = 12;
/// A place without a bead.
pub(super) const NO_BEAD: i32 = -1;

/// Which frame it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrameId {
    /// Frame number in the session.
    pub(crate) frame: u64,
    /// The camera's own.
    pub(crate) device_frame: u64,
    /// When it was taken, ns on the session's clock.
    pub(crate) time_ns: u64,
    /// When it was taken, ns since 1970-01-01 UTC.
    pub(crate) unix_ns: u64,
    /// The run of the camera.
    pub(crate) segment: u64,
}

/// A bead and the corner of its ROI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) bead: i32,
    pub(super) left_px: i32,
    pub(super) top_px: i32,
}

/// A header that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'a> {
    pub(super) id: FrameId,
    places: &'a [u8],
}

/// Bytes of a header with so many places.
pub(super) fn header_bytes(places: usize) -> usize {
    FIXED_BYTES + PLACE_BYTES * places
}

/// Writes a frame's record into `out`, which is [`Layout::record_bytes`] long. Crops are cut at the corners in `places`; of a ROI that reaches
/// over the frame's edge, what is outside is 0, and so are places without a bead. Does not allocate.
pub(super) fn write(
    out: &mut [u8],
    layout: &Layout,
    id: &FrameId,
    places: &[Option<Roi>],
    frame: &FrameView<'_>,
) {
    let (header, rest) = out.split_at_mut(header_bytes(places.len()));
    write_header(header, id, places);
    let (chunks, padding) = rest.split_at_mut(layout.chunks(places.len()) * layout.chunk_bytes());
    padding.fill(0);
    match layout.picture {
        Picture::Full => chunks.copy_from_slice(frame.bytes),
        Picture::Rois => {
            let mut crops = chunks.chunks_exact_mut(layout.picture_bytes());
            // The places first: a zip takes one more of what comes first.
            for (place, crop) in places.iter().zip(crops.by_ref()) {
                match place {
                    Some(roi) => cut(crop, layout, roi, frame),
                    None => crop.fill(0),
                }
            }
            crops.for_each(|crop| crop.fill(0));
        }
    }
}

fn write_header(out: &mut [u8], id: &FrameId, places: &[Option<Roi>]) {
    let (fixed, rows) = out.split_at_mut(FIXED_BYTES);
    let numbers = [id.frame, id.device_frame, id.time_ns, id.unix_ns, id.segment, places.len() as u64];
    fixed[..8].copy_from_slice(MAGIC);
    fixed[8..16].fill(0);
    for (out, number) in fixed[16..].chunks_exact_mut(8).zip(numbers) {
        out.copy_from_slice(&number.to_le_bytes());
    }
    for (row, place) in rows.chunks_exact_mut(PLACE_BYTES).zip(places) {
        let [bead, left_px, top_px] =
            place.map_or([NO_BEAD, 0, 0], |roi| [roi.bead as i32, roi.left_px, roi.top_px]);
        row[..4].copy_from_slice(&bead.to_le_bytes());
        row[4..8].copy_from_slice(&left_px.to_le_bytes());
        row[8..].copy_from_slice(&top_px.to_le_bytes());
    }
    let checksum = crc32c(out);
    out[8..12].copy_from_slice(&checksum.to_le_bytes());
}

/// Cuts a ROI out of a frame.
fn cut(crop: &mut [u8], layout: &Layout, roi: &Roi, frame: &FrameView<'_>) {
    let bytes_per_px = layout.format.bytes_per_px();
    let (width, stride) = (layout.width_px as i64, frame.width_px * bytes_per_px);
    // Columns of the crop that lie in the frame.
    let left = i64::from(roi.left_px);
    let from = (-left).clamp(0, width);
    let to = (frame.width_px as i64 - left).clamp(from, width);
    for (row, out) in (0..).zip(crop.chunks_exact_mut(layout.width_px * bytes_per_px)) {
        let y_px = i64::from(roi.top_px) + row;
        if from == to || y_px < 0 || y_px >= frame.height_px as i64 {
            out.fill(0);
            continue;
        }
        let inside = from as usize * bytes_per_px..to as usize * bytes_per_px;
        let first = y_px as usize * stride + (left + from) as usize * bytes_per_px;
        out[..inside.start].fill(0);
        out[inside.end..].fill(0);
        let length = inside.len();
        out[inside].copy_from_slice(&frame.bytes[first..first + length]);
    }
}

impl<'a> Header<'a> {
    /// How many places the header has whose first [`FIXED_BYTES`] these are; `None` if they start no header.
    pub(super) fn places_in(fixed: &[u8], layout: &Layout) -> Option<usize> {
        let places = usize::try_from(number(fixed, 7)?).ok()?;
        (fixed.starts_with(MAGIC) && places <= layout.places()).then_some(places)
    }

    /// The header at the start of `bytes`, if there is a whole one.
    pub(super) fn read(bytes: &'a [u8], layout: &Layout) -> Option<Self> {
        let places = Self::places_in(bytes, layout)?;
        let header = bytes.get(..header_bytes(places))?;
        let mut unsigned = header.to_vec();
        unsigned[8..12].fill(0);
        let is_whole = crc32c(&unsigned).to_le_bytes() == header[8..12];
        is_whole.then(|| Self::trust(bytes, layout))?
    }

    /// The same without a look at the checksum, for what never left this program.
    pub(super) fn trust(bytes: &'a [u8], layout: &Layout) -> Option<Self> {
        let places = Self::places_in(bytes, layout)?;
        let at = |place| number(bytes, place);
        let id = FrameId {
            frame: at(2)?,
            device_frame: at(3)?,
            time_ns: at(4)?,
            unix_ns: at(5)?,
            segment: at(6)?,
        };
        Some(Self { id, places: bytes.get(FIXED_BYTES..header_bytes(places))? })
    }

    /// How many places it has.
    pub(super) fn len(&self) -> usize {
        self.places.len() / PLACE_BYTES
    }

    /// Beads and corners.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + 'a {
        self.places.as_chunks::<PLACE_BYTES>().0.iter().map(|row| {
            let of = |at: usize| i32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
            Place { bead: of(0), left_px: of(4), top_px: of(8) }
        })
    }
}

/// The `place`-th number of eight bytes.
fn number(bytes: &[u8], place: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(8 * place..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use beadscope_drivers::camera::PixelFormat;

    use super::*;

    fn roi(bead: u32, left_px: i32, top_px: i32) -> Option<Roi> {
        Some(Roi { bead, left_px, top_px, size_px: 3 })
    }

    #[test]
    fn a_record_gives_back_what_was_written_and_crops_end_at_the_edge() {
        let format = PixelFormat::Mono12;
        let layout = Layout::new(Picture::Rois, (3, 3), format, 2, 5);
        let pixels: Vec<u8> = (1..=20_u16).flat_map(u16::to_le_bytes).collect();
        let frame = FrameView { bytes: &pixels, width_px: 5, height_px: 4, format };
        let id = FrameId { frame: 7, device_frame: 9, time_ns: 11, unix_ns: 13, segment: 2 };
        let places = [roi(3, 1, 1), None, roi(5, -1, 3)];
        let mut record = vec![0xee; layout.record_bytes(places.len())];
        write(&mut record, &layout, &id, &places, &frame);

        let header = Header::read(&record, &layout).unwrap();
        assert_eq!((header.id, header.len()), (id, 3));
        let beads: Vec<_> = header.places().map(|at| (at.bead, at.left_px, at.top_px)).collect();
        assert_eq!(beads, [(3, 1, 1), (NO_BEAD, 0, 0), (5, -1, 3)]);
        let levels = record[header_bytes(3)..].as_chunks::<2>().0.iter().map(|px| u16::from_le_bytes(*px));
        let levels: Vec<u16> = levels.take(4 * 9).collect();
        assert_eq!(levels[..9], [7, 8, 9, 12, 13, 14, 17, 18, 19]);
        assert_eq!(levels[9..18], [0; 9], "nobody is in this place");
        assert_eq!(levels[18..27], [0, 16, 17, 0, 0, 0, 0, 0, 0], "over the edge");
        assert_eq!(levels[27..], [0; 9], "the group's last place");
        record[70] ^= 1;
        assert!(Header::read(&record, &layout).is_none(), "the checksum holds the places");
    }
}
