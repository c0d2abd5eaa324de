//! Video thread: copies what is to be filmed out of the frame ring.
//!
//! Runs on: `beadscope-video`, one per session that films. It is a lossless reader of the frame ring, so it must not hold
//! it back: it waits for no disk, and what it copies to is taken before the start. While frames come it allocates
//! nothing. When the disk is so slow that all blocks are full, or it is behind by half of the ring itself, a frame is not filmed and
//! counted; its positions are tracked all the same.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use beadscope_drivers::camera::CameraConfig;

use super::block::Block;
use super::disk::{Disk, Message};
use super::frame_record::{self, FrameId};
use super::layout::Layout;
use super::places::Places;
use super::store::Store;
use crate::clock::Clock;
use crate::frame::{FrameHeader, FrameView};
use crate::ring::{Available, LosslessReader};
use crate::roi::Roi;
use crate::status::Status;

/// How often the thread looks up from an empty ring.
const WAIT: Duration = Duration::from_millis(20);
/// What was filmed goes to the disk after this long, however little it is: a crash costs no more.
const GATHER: Duration = Duration::from_millis(200);
/// Memory of all blocks: what a disk may be late by.
pub(crate) const POOL_BYTES: usize = 256 << 20;
/// Of one block, unless a frame needs more: a disk is slower at smaller writes.
const BLOCK_BYTES: usize = 4 << 20;
/// One that is filled, one that is written, and two between them.
const MIN_BLOCKS: usize = 4;
/// Orders under way, at most: whoever begins or ends waits for the answer, and edits of beads come one after the other.
const MAX_ORDERS: usize = 64;

/// What the thread is asked to do.
enum Order {
    /// With whom to tell.
    Begin(Box<Store>, SyncSender<()>),
    /// With the video that goes on, if one does: every frame is in one of the two.
    End(Option<Box<Store>>, SyncSender<()>),
    Rois(Arc<[Roi]>),
}

/// Begins and ends videos in a running session, and tells where the beads are.
pub(crate) struct VideoHandle(SyncSender<Order>);

impl VideoHandle {
    /// Films into `store` from the next frame on. If the session has ended, it is left without frames.
    pub(crate) fn begin(&self, store: Store) {
        self.ask(|answer| Order::Begin(Box::new(store), answer));
    }

    /// Finishes the video, if one runs.
    pub(crate) fn end(&self) {
        self.ask(|answer| Order::End(None, answer));
    }

    /// The same, and goes on with `store`.
    pub(crate) fn next(&self, store: Store) {
        self.ask(|answer| Order::End(Some(Box::new(store)), answer));
    }

    /// The beads are these from the next frame on.
    pub(crate) fn set_rois(&self, rois: Arc<[Roi]>) {
        // A thread that is gone films nothing.
        let _ = self.0.send(Order::Rois(rois));
    }

    fn ask(&self, order: impl FnOnce(SyncSender<()>) -> Order) {
        let (answer, answers) = sync_channel(1);
        if self.0.send(order(answer)).is_ok() {
            // A thread that is gone has finished its video.
            let _ = answers.recv();
        }
    }
}

/// The video thread's whole state.
pub(crate) struct Film {
    frames: LosslessReader<FrameHeader>,
    /// Frames that it may be behind.
    patience: usize,
    config: CameraConfig,
    status: Arc<Status>,
    clock: Clock,
    orders: Receiver<Order>,
    free: Receiver<Block>,
    filled: SyncSender<Message>,
    block: Option<Block>,
    block_since: Instant,
    places: Places,
    rois: Arc<[Roi]>,
    room: usize,
    /// The video that is filmed.
    running: Option<Running>,
}

struct Running {
    layout: Layout,
    /// Frames of the shard that were given to the disk or wait in the block.
    in_shard: usize,
}

/// What a session films with: the two threads, not yet started, and who commands them.
pub(crate) struct Parts {
    pub(crate) film: Film,
    pub(crate) disk: Disk,
    pub(crate) handle: VideoHandle,
}

/// What the threads look at.
pub(crate) struct Source {
    pub(crate) frames: LosslessReader<FrameHeader>,
    /// Frames that the ring holds.
    pub(crate) capacity: usize,
    pub(crate) config: CameraConfig,
    pub(crate) rois: Arc<[Roi]>,
    /// Beads that there may be.
    pub(crate) room: usize,
    /// The longest record that there may be.
    pub(crate) max_record_bytes: usize,
    /// Memory that all blocks may take, but for [`MIN_BLOCKS`].
    pub(crate) pool_bytes: usize,
    pub(crate) status: Arc<Status>,
    pub(crate) clock: Clock,
}

/// Takes all memory, and films into `store` from the first frame on, or waits to be told.
pub(crate) fn prepare(source: Source, store: Option<Store>) -> Parts {
    let Source { frames, capacity, config, rois, room, max_record_bytes, pool_bytes, status, clock } = source;
    let block_bytes = max_record_bytes.max(BLOCK_BYTES);
    let blocks = (pool_bytes / block_bytes).max(MIN_BLOCKS);
    let (order, orders) = sync_channel(MAX_ORDERS);
    let (give_back, free) = sync_channel(blocks);
    // As many as there are blocks, and one for each order that is under way.
    let (filled, to_disk) = sync_channel(blocks + MAX_ORDERS);
    for _ in 0..blocks {
        // The other end is in our hand, and it has room for all.
        let _ = give_back.send(Block::new(block_bytes));
    }
    let mut film = Film {
        frames,
        patience: (capacity / 2).max(1),
        config,
        status: status.clone(),
        clock,
        orders,
        free,
        filled,
        block: None,
        block_since: Instant::now(),
        places: Places::new(&rois, room),
        rois,
        room,
        running: None,
    };
    if let Some(store) = store {
        film.begin(Box::new(store));
    }
    let disk = Disk::new(to_disk, give_back, status);
    Parts { film, disk, handle: VideoHandle(order) }
}

impl Film {
    /// Films until the camera thread is gone and the frame ring is empty. The disk finishes the video once this has returned.
    pub(crate) fn run(mut self) {
        loop {
            let found = self.frames.wait(WAIT);
            // A video has the frames that come after its begin and before its end: see the recorder.
            let end = loop {
                match self.orders.try_recv() {
                    Ok(Order::Begin(store, answer)) => {
                        self.begin(store);
                        let _ = answer.send(());
                    }
                    Ok(Order::Rois(rois)) => {
                        self.places.update(&rois);
                        self.rois = rois;
                    }
                    Ok(Order::End(next, answer)) => break Some((next, answer)),
                    Err(_) => break None,
                }
            };
            match found {
                Available::Slots(slots) => self.take(slots),
                Available::Nothing => {}
                Available::Closed => break,
            }
            if let Some((next, answer)) = end {
                self.end(next, answer);
            } else if self.block_since.elapsed() >= GATHER {
                self.hand_over();
            }
        }
        self.hand_over();
    }

    fn begin(&mut self, store: Box<Store>) {
        self.hand_over();
        self.places = Places::new(&self.rois, self.room);
        self.running = Some(Running { layout: store.layout().clone(), in_shard: 0 });
        self.send(Message::Begin(store));
    }

    fn end(&mut self, next: Option<Box<Store>>, answer: SyncSender<()>) {
        if let Available::Slots(slots) = self.frames.available() {
            self.take(slots);
        }
        self.hand_over();
        self.running = None;
        self.send(Message::End(answer));
        if let Some(store) = next {
            self.begin(store);
        }
    }

    fn take(&mut self, slots: usize) {
        for _ in 0..slots {
            // Asked anew for each: frames come while one is copied, and only who is far behind could hold the ring back.
            let behind = self.frames.available();
            self.film(matches!(behind, Available::Slots(behind) if behind > self.patience));
            self.frames.release(1);
        }
    }

    fn film(&mut self, is_late: bool) {
        let Some(Running { layout, in_shard }) = &mut self.running else { return };
        let Some((header, bytes)) = self.frames.peek(0) else { return };
        let places = self.places.used();
        let record_bytes = layout.record_bytes(places.len());
        if self.block.as_ref().is_some_and(|block| block.room() < record_bytes) {
            pass_on(&self.filled, &mut self.block);
        }
        if self.block.is_none() && !is_late {
            self.block = self.free.try_recv().ok();
            self.block_since = Instant::now();
        }
        let block = self.block.as_mut().filter(|_| !is_late);
        let Some(record) = block.and_then(|block| block.add(record_bytes)) else {
            self.status.video.late.add(1);
            return;
        };
        let id = FrameId {
            frame: header.frame,
            device_frame: header.device_frame,
            time_ns: header.time_ns,
            unix_ns: self.clock.unix_ns(header.time_ns),
            segment: u64::from(header.segment),
        };
        frame_record::write(record, layout, &id, places, &FrameView::new(&self.config, bytes));
        *in_shard += 1;
        if *in_shard == layout.frames_per_shard {
            *in_shard = 0;
            pass_on(&self.filled, &mut self.block);
        }
    }

    fn hand_over(&mut self) {
        pass_on(&self.filled, &mut self.block);
    }

    fn send(&self, message: Message) {
        // The disk thread lives as long as we do, unless it panicked, which ends the session.
        let _ = self.filled.send(message);
    }
}

fn pass_on(filled: &SyncSender<Message>, block: &mut Option<Block>) {
    if let Some(block) = block.take() {
        let _ = filled.send(Message::Block(block));
    }
}

#[cfg(test)]
mod tests {
    use beadscope_drivers::camera::{PixelFormat, SensorWindow};

    use super::super::Mode;
    use super::super::layout::Picture;
    use super::super::plan::Plan;
    use super::super::video_path;
    use super::super::zarr::read_extent;
    use super::*;
    use crate::ring::{Ends, Writer, ring};

    const SIDE_PX: u32 = 1024;
    const CAPACITY: usize = 8;

    fn publish(ring: &mut Writer<FrameHeader>, frame: u64) {
        let header = FrameHeader { frame, device_frame: frame, time_ns: frame, ..FrameHeader::default() };
        ring.claim().unwrap_or_else(|full| panic!("{} holds the ring", full.slowest)).publish(header);
    }

    /// Films frames of 1 MiB into a pool of four blocks, three frames each, while no disk writes.
    fn filming(run: &std::path::Path) -> (Writer<FrameHeader>, Parts, Arc<Status>) {
        let window = SensorWindow { x_px: 0, y_px: 0, width_px: SIDE_PX, height_px: SIDE_PX };
        let config = CameraConfig { window, format: PixelFormat::Mono8, rate_hz: 100.0, exposure_us: 100.0 };
        let (picture, roi_px, beads, room) = (Picture::Full, 16, 1, 2);
        let plan = Plan { picture, config, roi_px, beads, room, pixel_size_nm: 100.0 };
        let store = plan.create(run, 1, 100.0).unwrap();
        let Ends { writer, lossless: [frames], skipping: [] } =
            ring::<FrameHeader, 1, 0>(CAPACITY, config.frame_bytes(), ["video"]);
        let status = Arc::new(Status::default());
        let source = Source {
            frames,
            capacity: CAPACITY,
            config,
            rois: Arc::from([Roi { bead: 0, left_px: 0, top_px: 0, size_px: 16 }]),
            room,
            max_record_bytes: plan.max_record_bytes(),
            pool_bytes: 0,
            status: status.clone(),
            clock: Clock::start(),
        };
        (writer, prepare(source, Some(store)), status)
    }

    #[test]
    fn a_disk_that_stands_still_costs_video_by_name_and_never_holds_the_ring() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ring, Parts { mut film, disk, handle: _handle }, status) = filming(folder.path());
        for frame in 0..20 {
            publish(&mut ring, frame);
            film.take(1);
        }
        assert_eq!(status.video.late.get(), 20 - 4 * 3);
        drop(ring);
        film.run();
        disk.run();
        let _ = status.video.mode.set(Mode::FullVideo);
        let health = status.video.health().unwrap();
        assert_eq!((health.frames, health.lost.video_late, health.lost.video_failed), (12, 8, 0));
        assert!(health.error.is_none() && health.bytes > 12 << 20);
        assert_eq!(read_extent(&video_path(folder.path())).unwrap().frames, 12);
    }

    #[test]
    fn who_is_behind_by_half_of_the_ring_lets_go_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ring, Parts { mut film, disk, handle: _handle }, status) = filming(folder.path());
        (0..CAPACITY as u64).for_each(|frame| publish(&mut ring, frame));
        film.take(CAPACITY);
        assert_eq!(status.video.late.get(), CAPACITY as u64 / 2);
        (0..CAPACITY as u64).for_each(|frame| publish(&mut ring, frame));
        drop((ring, film));
        disk.run();
    }
}
