//! Videos as files: what is written, what a crash leaves, what is made of it.

use std::cell::RefCell;
use std::fs;
use std::sync::atomic::AtomicBool;

use beadscope_drivers::camera::PixelFormat;

use super::block::Block;
use super::compress::{CompressError, compress};
use super::crc32c::crc32c;
use super::frame_record::{self, FrameId};
use super::layout::{Layout, Packing, Picture};
use super::recover::recover;
use super::shard::{Shard, partial_path, shard_path};
use super::store::Store;
use super::zarr::{self, Description};
use super::*;
use crate::frame::FrameView;
use crate::record::error::RecordError;
use crate::roi::Roi;

const SIZE_PX: (usize, usize) = (7, 5);

/// Small shards, so that a few frames fill several.
fn layout(picture: Picture) -> Layout {
    let size_px = if picture == Picture::Full { SIZE_PX } else { (3, 3) };
    Layout { frames_per_shard: 4, ..Layout::new(picture, size_px, PixelFormat::Mono8, 2, 5) }
}

fn create(run: &Path, layout: &Layout) -> Store {
    let about = Description { software: "test".to_owned(), pixel_size_nm: 100.0, rate_hz: 50.0 };
    Store::create(&video_path(run), layout.clone(), &about).unwrap()
}

fn film(store: &mut Store, numbers: std::ops::Range<u64>) {
    let layout = store.layout().clone();
    numbers.for_each(|number| store.write(&block(&layout, number)).unwrap());
}

/// Frame `number`, of which all pixels are `number`.
fn block(layout: &Layout, number: u64) -> Block {
    let roi = |bead, left_px| Some(Roi { bead, left_px, top_px: 1, size_px: 3 });
    let places = [roi(4, 0), roi(9, 2)];
    let pixels = [number as u8; SIZE_PX.0 * SIZE_PX.1];
    let frame =
        FrameView { bytes: &pixels, width_px: SIZE_PX.0, height_px: SIZE_PX.1, format: layout.format };
    let id = FrameId { frame: number, device_frame: 100 + number, time_ns: 7, unix_ns: 8, segment: 0 };
    let bytes = layout.record_bytes(places.len());
    let mut block = Block::new(bytes);
    frame_record::write(block.add(bytes).unwrap(), layout, &id, &places, &frame);
    block
}

/// The first pixel of each frame in a closed shard, found by its index alone; `None` where it has no chunk.
fn by_index(video: &Path, layout: &Layout, number: u64) -> Vec<Option<u8>> {
    let file = fs::read(shard_path(video, layout, number)).unwrap();
    let index = &file[file.len() - layout.index_bytes()..];
    let (entries, checksum) = index.split_at(index.len() - 4);
    assert_eq!(crc32c(entries).to_le_bytes(), checksum);
    let numbers: Vec<u64> =
        entries.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
    numbers
        .chunks_exact(2 * layout.chunks_per_frame())
        .map(|chunks| {
            let is_there = chunks[0] != u64::MAX;
            assert!(!is_there || chunks[1] == layout.chunk_bytes() as u64);
            is_there.then(|| file[chunks[0] as usize])
        })
        .collect()
}

/// Numbers in an array with one for each frame.
fn numbers(video: &Path, array: &str, shard: u64) -> Vec<u64> {
    let bytes = fs::read(video.join(array).join("c").join(shard.to_string())).unwrap();
    bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect()
}

#[test]
fn closed_shards_can_be_read_while_the_next_one_is_written() {
    for picture in [Picture::Full, Picture::Rois] {
        let folder = tempfile::tempdir().unwrap();
        let (layout, video) = (layout(picture), video_path(folder.path()));
        let mut store = create(folder.path(), &layout);
        film(&mut store, 0..6);
        assert_eq!(zarr::read_extent(&video).unwrap(), zarr::Extent { frames: 4, places: 2 });
        assert_eq!(by_index(&video, &layout, 0), [0, 1, 2, 3].map(Some));
        assert_eq!(numbers(&video, "device_frame", 0), [100, 101, 102, 103]);
        assert_eq!(store.finish().unwrap(), 6);
        assert_eq!(zarr::read_extent(&video).unwrap().frames, 6);
        assert_eq!(by_index(&video, &layout, 1), [Some(4), Some(5), None, None]);
        assert_eq!(numbers(&video, "frame", 1), [4, 5, 0, 0]);
        assert!(recover(&video).unwrap().is_none(), "it is whole");
        let left: Vec<_> = fs::read_dir(shard_path(&video, &layout, 0).parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}

#[test]
fn a_crash_keeps_every_whole_frame() {
    for picture in [Picture::Full, Picture::Rois] {
        let folder = tempfile::tempdir().unwrap();
        let (layout, video) = (layout(picture), video_path(folder.path()));
        let mut store = create(folder.path(), &layout);
        film(&mut store, 0..7);
        assert!(matches!(recover(&video), Err(RecordError::InUse { .. })), "it is being written");
        drop(store);
        // The crash came amid the last frame.
        let partial = partial_path(&video, &layout, 1);
        let length = partial.metadata().unwrap().len();
        assert_eq!(length, 3 * layout.record_bytes(2) as u64, "the length tells the frames");
        fs::OpenOptions::new().write(true).open(&partial).unwrap().set_len(length - 1).unwrap();

        assert_eq!(recover(&video).unwrap().unwrap().frames, 6);
        assert_eq!(zarr::read_extent(&video).unwrap(), zarr::Extent { frames: 6, places: 2 });
        assert_eq!(by_index(&video, &layout, 1), [Some(4), Some(5), None, None]);
        assert_eq!(numbers(&video, "device_frame", 1), [104, 105, 0, 0]);
        assert!(!partial.exists() && !partial_path(&video, &layout, 2).exists());
        assert!(recover(&video).unwrap().is_none(), "it is done once");
    }
}

#[test]
fn a_file_system_that_refuses_direct_writing_gets_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let layout = layout(Picture::Rois);
    let mut shard = Shard::create(folder.path(), &layout, 0, 2, true).unwrap();
    for number in 0..4 {
        if number == 2 {
            shard.go_through_the_cache().unwrap();
        }
        shard.write(&layout, &block(&layout, number)).unwrap();
    }
    assert!(!shard.is_direct());
    shard.finish(folder.path(), &layout).unwrap();
    assert_eq!(by_index(folder.path(), &layout, 0), [0, 1, 2, 3].map(Some));
}

#[test]
fn a_crash_between_a_shard_and_the_metadata_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, video) = (layout(Picture::Full), video_path(folder.path()));
    let mut store = create(folder.path(), &layout);
    film(&mut store, 0..6);
    store.finish().unwrap();
    zarr::write_arrays(&video, &layout, zarr::Extent { frames: 4, places: 2 }).unwrap();
    assert_eq!(recover(&video).unwrap().unwrap().frames, 6);
    assert_eq!(zarr::read_extent(&video).unwrap().frames, 6);
}

#[test]
fn what_a_power_cut_takes_beside_the_records_is_written_again() {
    for picture in [Picture::Full, Picture::Rois] {
        let folder = tempfile::tempdir().unwrap();
        let (layout, video) = (layout(picture), video_path(folder.path()));
        let mut store = create(folder.path(), &layout);
        film(&mut store, 0..10);
        store.finish().unwrap();
        let chunks = ["device_frame/c/0", "bead/c/1/0", "corner_px/c/2/0/0"].map(|chunk| video.join(chunk));
        let before = chunks.each_ref().map(|chunk| fs::read(chunk).unwrap());
        fs::remove_file(&chunks[0]).unwrap();
        fs::write(&chunks[1], "").unwrap();
        fs::write(&chunks[2], &before[2][..4]).unwrap();
        // The arrays' descriptions are replaced in place, so they may be anything.
        fs::write(video.join("bead/zarr.json"), "").unwrap();

        assert_eq!(recover(&video).unwrap().unwrap().frames, 10);
        assert_eq!(chunks.map(|chunk| fs::read(chunk).unwrap()), before);
        assert_eq!(zarr::read_extent(&video).unwrap(), zarr::Extent { frames: 10, places: 2 });
        assert!(recover(&video).unwrap().is_none(), "it is done once");
    }
}

#[test]
fn a_shard_that_cannot_be_closed_keeps_its_frames_for_recover() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, video) = (layout(Picture::Full), video_path(folder.path()));
    let mut store = create(folder.path(), &layout);
    film(&mut store, 0..3);
    // Where the numbers should go is a file.
    let numbers = video.join("segment/c");
    fs::write(&numbers, "in the way").unwrap();
    let error = store.write(&block(&layout, 3)).unwrap_err();
    assert!(matches!(error, RecordError::VideoUnfinished { .. }), "{error}");
    assert!(error.to_string().contains("beadscope recover"), "{error}");
    assert_eq!(store.frames(), 4, "they are on the disk");
    assert!(matches!(store.write(&block(&layout, 4)), Err(RecordError::Stopped { .. })));
    store.finish().unwrap();
    fs::remove_file(numbers).unwrap();
    assert_eq!(recover(&video).unwrap().unwrap().frames, 4);
    assert_eq!(by_index(&video, &layout, 0), [0, 1, 2, 3].map(Some));
}

#[test]
fn a_video_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    create(folder.path(), &layout(Picture::Full)).remove();
    fs::create_dir(video_path(folder.path())).unwrap();
    let about = Description { software: String::new(), pixel_size_nm: 1.0, rate_hz: 1.0 };
    let again = Store::create(&video_path(folder.path()), layout(Picture::Full), &about);
    assert!(matches!(again, Err(RecordError::Exists { .. })));
}

/// A video of two shards.
fn films(folder: &Path, picture: Picture) -> (Layout, PathBuf) {
    let (layout, video) = (layout(picture), video_path(folder));
    let mut store = create(folder, &layout);
    film(&mut store, 0..6);
    store.finish().unwrap();
    (layout, video)
}

/// Numbers, beads and pixels of each frame.
fn read_all(video: &Path) -> Vec<(FrameId, Vec<Roi>, Vec<u8>)> {
    let mut reader = reader::Reader::open(video, 3).unwrap();
    let mut frames = Vec::new();
    while let Some((id, rois)) = reader.next().unwrap() {
        let mut pixels = vec![0; SIZE_PX.0 * SIZE_PX.1];
        reader.read(&mut pixels, SIZE_PX).unwrap();
        frames.push((id, rois.to_vec(), pixels));
    }
    frames
}

#[test]
fn a_compressed_video_is_the_same_and_what_was_filmed_goes_last() {
    for picture in [Picture::Full, Picture::Rois] {
        let folder = tempfile::tempdir().unwrap();
        let (_, video) = films(folder.path(), picture);
        let before = read_all(&video);
        assert_eq!(before.len(), 6);
        let told = RefCell::new(Vec::new());
        let progress = |done, all| told.borrow_mut().push((done, all));
        let compressed = compress(&video, &AtomicBool::new(false), &progress).unwrap().unwrap();
        assert_eq!((compressed.frames, told.borrow().last()), (6, Some(&(6, 6))));
        assert_eq!(read_all(&video), before);
        assert!(!video.join("0").exists() && recover(&video).unwrap().is_none());
        assert_eq!(compress(&video, &AtomicBool::new(false), &progress).unwrap(), None);
        // A pixel that is another is known by its checksum.
        let packed = Layout { packing: Packing::Zstd, ..zarr::read_layout(&video).unwrap() };
        let path = shard_path(&video, &packed, 0);
        let whole = fs::read(&path).unwrap();
        let index = whole.len() - packed.index_bytes();
        let at = u64::from_le_bytes(whole[index..index + 8].try_into().unwrap()) as usize;
        for place in at..index {
            let mut bytes = whole.clone();
            bytes[place] ^= 4;
            fs::write(&path, bytes).unwrap();
            let seen = shard_reader::ShardReader::open(&video, &packed, 0).unwrap().has_its_pictures();
            assert!(seen.is_err(), "byte {place}");
        }
    }
}

#[test]
fn a_video_that_is_not_finished_or_differs_is_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, video) = films(folder.path(), Picture::Rois);
    let before = read_all(&video);
    let go = || compress(&video, &AtomicBool::new(false), &|_, _| {});
    // A damaged header hides the frames behind it: they must not go with what was filmed.
    let first = shard_path(&video, &layout, 0);
    let whole = fs::read(&first).unwrap();
    let mut damaged = whole.clone();
    damaged[layout.record_bytes(2) + 20] ^= 1;
    fs::write(&first, damaged).unwrap();
    assert!(matches!(go(), Err(CompressError::Damaged(_))) && video.join("0").exists());
    fs::write(&first, whole).unwrap();
    // Nor may that of a recording which is still going on.
    let recording = folder.path().join("tracks.h5.partial");
    fs::write(&recording, "").unwrap();
    assert!(matches!(go(), Err(CompressError::Unfinished(_))));
    fs::remove_file(recording).unwrap();
    let stopped = compress(&video, &AtomicBool::new(true), &|_, _| {}).unwrap_err();
    assert!(matches!(stopped, CompressError::Stopped { done: 0, all: 2 }), "{stopped}");
    let next = partial_path(&video, &layout, 2);
    fs::create_dir_all(next.parent().unwrap()).unwrap();
    fs::write(&next, "").unwrap();
    assert!(matches!(go(), Err(CompressError::Unfinished(_))));
    fs::remove_file(next).unwrap();
    // In the way of the second shard.
    let packed = Layout { packing: Packing::Zstd, ..layout.clone() };
    let in_the_way = shard_path(&video, &packed, 1).ancestors().nth(3).unwrap().to_path_buf();
    fs::create_dir_all(in_the_way.parent().unwrap()).unwrap();
    fs::write(&in_the_way, "").unwrap();
    assert!(matches!(go(), Err(CompressError::Io { .. })));
    assert_eq!(read_all(&video), before);
    fs::remove_file(in_the_way).unwrap();
    // The first one is done, and is not done again.
    let first = shard_path(&video, &packed, 0);
    let when = first.metadata().unwrap().modified().unwrap();
    assert!(go().unwrap().is_some() && first.metadata().unwrap().modified().unwrap() == when);
    assert_eq!(read_all(&video), before);
}

/// Whatever a damaged description says: nobody panics, and nobody writes what is not so.
#[test]
fn a_layout_that_cannot_be_is_refused_by_all() {
    let folder = tempfile::tempdir().unwrap();
    let (_, video) = films(folder.path(), Picture::Rois);
    let description = video.join(zarr::METADATA);
    let whole = fs::read_to_string(&description).unwrap();
    let before = fs::read(video.join("0/zarr.json")).unwrap();
    for key in ["width_px", "height_px", "group", "groups", "frames_per_shard"] {
        for value in ["0", "18446744073709551615", "1099511627776"] {
            let mut group: serde_json::Value = serde_json::from_str(&whole).unwrap();
            group["attributes"]["beadscope"]["layout"][key] = value.parse::<u64>().unwrap().into();
            fs::write(&description, group.to_string()).unwrap();
            let what = format!("{key} = {value}");
            assert!(recover(&video).is_err(), "{what}");
            assert!(compress(&video, &AtomicBool::new(false), &|_, _| {}).is_err(), "{what}");
            assert!(reader::Reader::open(&video, 3).is_err(), "{what}");
            assert!(tiff::write(&video, &folder.path().join("out"), &|_, _| {}).is_err(), "{what}");
        }
    }
    assert_eq!(fs::read(video.join("0/zarr.json")).unwrap(), before);
    fs::write(&description, whole).unwrap();
    assert_eq!(read_all(&video).len(), 6);
}

#[test]
fn shards_are_neither_many_nor_long() {
    let layout = |beads| Layout::new(Picture::Rois, (64, 64), PixelFormat::Mono8, beads, 2 * beads.max(128));
    // 50 beads: 200 KiB of pixels, and a header of 664 bytes in a page of its own.
    assert_eq!(layout(50).record_bytes(50), 51 * 4096);
    assert_eq!(layout(50).frames_per_shard, 642);
    // One bead may become 256, so each frame has 4 KiB of index.
    assert_eq!(layout(1).frames_per_shard, 1023);
    let full = |side| Layout::new(Picture::Full, (side, side), PixelFormat::Mono16, 50, 256);
    assert_eq!((full(1024).frames_per_shard, full(5120).frames_per_shard), (63, 16));
}
