//! Video thread: copies what is to be filmed out of the frame ring.
//!
//! Runs on: `beadscope-video`, one per session that films. It is a lossless reader of the frame ring, so it must not hold
//! it back: it waits for no disk, and what it copies to is taken before the start. Copying a frame allocates nothing; what it
//! is told between frames may. When the disk is so slow that all blocks are full, or it is behind by half of the ring
//! itself, a frame is not filmed and counted; its positions are tracked all the same.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SendError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use beadscope_drivers::camera::CameraConfig;

use super::block::Block;
use super::disk::{Disk, Message};
use super::frame_record::{self, FrameId};
use super::layout::Layout;
use super::places::Places;
use super::store::Store;
use crate::clock::Clock;
use crate::cut::Cut;
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
    /// From the cut on.
    Begin(Box<Store>, Cut),
    /// At the cut; with the video that goes on, if one does, and whom to tell.
    End(Option<Box<Store>>, Cut, SyncSender<()>),
    Rois(Arc<[Roi]>),
}

/// A video that ends once the frames before `until` are in it.
struct Ending {
    next: Option<Box<Store>>,
    until: u64,
    answer: SyncSender<()>,
}

/// Waits for the end of a video.
#[must_use]
pub(crate) struct Ended(Receiver<()>);

impl Ended {
    /// Returns once the video is finished on disk.
    pub(crate) fn wait(self) {
        // A session that has ended finishes its video all the same.
        let _ = self.0.recv();
    }
}

/// Begins and ends videos in a running session, and tells where the beads are.
pub(crate) struct VideoHandle(SyncSender<Order>);

impl VideoHandle {
    /// Films into `store` from the cut on; if the session has ended, it is removed.
    pub(crate) fn begin(&self, store: Store, cut: &Cut) {
        self.order(Order::Begin(Box::new(store), cut.clone()));
    }

    /// Finishes the video at the cut, if one runs, and goes on with `next`.
    pub(crate) fn end(&self, next: Option<Store>, cut: &Cut) -> Ended {
        let (answer, answers) = sync_channel(1);
        self.order(Order::End(next.map(Box::new), cut.clone(), answer));
        Ended(answers)
    }

    /// The beads are these from the next frame on.
    pub(crate) fn set_rois(&self, rois: Arc<[Roi]>) {
        self.order(Order::Rois(rois));
    }

    fn order(&self, order: Order) {
        if let Err(SendError(order)) = self.0.send(order) {
            order.refuse();
        }
    }
}

impl Order {
    /// The session has ended: nothing is begun.
    fn refuse(self) {
        if let Self::Begin(store, _) | Self::End(Some(store), ..) = self {
            store.remove();
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
    /// Number of the next frame in the ring.
    next_frame: u64,
    /// The video that is filmed.
    running: Option<Running>,
}

struct Running {
    layout: Layout,
    /// Its first frame.
    from: u64,
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
    /// Set at any time, it makes the disk thread pass over what waits.
    pub(crate) hurry: Arc<AtomicBool>,
}

/// Takes all memory, and films into `store` from the first frame on, or waits to be told.
pub(crate) fn prepare(source: Source, store: Option<Store>) -> Parts {
    let Source { frames, capacity, config, rois, room, max_record_bytes, pool_bytes, status, clock, hurry } =
        source;
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
        next_frame: 0,
        running: None,
    };
    if let Some(store) = store {
        film.begin(Box::new(store), 0);
    }
    let disk = Disk::new(to_disk, give_back, status, hurry);
    Parts { film, disk, handle: VideoHandle(order) }
}

impl Film {
    /// Films until the camera thread is gone and the frame ring is empty. The disk finishes the video once this has returned.
    pub(crate) fn run(mut self) {
        let mut ending: Option<Ending> = None;
        loop {
            let found = self.frames.wait(WAIT);
            // A recording that has failed by itself has no frames any more.
            if self.running.is_some() && self.status.recording_has_failed() {
                tracing::info!("the video ends with its recording");
                self.end(None);
            }
            while ending.is_none() {
                match self.orders.try_recv() {
                    Ok(Order::Begin(store, cut)) => self.begin(store, cut.frame()),
                    Ok(Order::Rois(rois)) => {
                        self.places.update(&rois);
                        self.rois = rois;
                    }
                    Ok(Order::End(next, cut, answer)) => {
                        ending = Some(Ending { next, until: cut.frame(), answer });
                    }
                    Err(_) => break,
                }
            }
            if let Available::Slots(slots) = found {
                self.take(slots, ending.as_ref().map_or(u64::MAX, |ending| ending.until));
            }
            if let Some(Ending { next, until, answer }) =
                ending.take_if(|ending| self.next_frame >= ending.until)
            {
                self.end(Some(answer));
                next.into_iter().for_each(|store| self.begin(store, until));
            } else if self.block_since.elapsed() >= GATHER {
                self.hand_over();
            }
            if found == Available::Closed {
                break;
            }
        }
        self.hand_over();
        self.orders.try_iter().for_each(Order::refuse);
    }

    fn begin(&mut self, store: Box<Store>, from: u64) {
        self.hand_over();
        self.places = Places::new(&self.rois, self.room);
        self.running = Some(Running { layout: store.layout().clone(), from, in_shard: 0 });
        self.send(Message::Begin(store));
    }

    fn end(&mut self, answer: Option<SyncSender<()>>) {
        self.hand_over();
        self.running = None;
        self.send(Message::End(answer));
    }

    /// Films up to the frame `until`.
    fn take(&mut self, slots: usize, until: u64) {
        for _ in 0..slots {
            let Some(number) = self.frames.peek(0).map(|(header, _)| header.frame) else { return };
            if number >= until {
                return;
            }
            // Asked anew for each: frames come while one is copied, and only who is far behind could hold the ring back.
            let behind = self.frames.available();
            self.film(matches!(behind, Available::Slots(behind) if behind > self.patience));
            self.frames.release(1);
            self.next_frame = number + 1;
        }
    }

    fn film(&mut self, is_late: bool) {
        let Some(Running { layout, from, in_shard }) = &mut self.running else { return };
        let Some((header, bytes)) = self.frames.peek(0).filter(|(header, _)| header.frame >= *from) else {
            return;
        };
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
    use std::sync::atomic::Ordering;

    use beadscope_drivers::camera::{PixelFormat, SensorWindow};

    use super::super::Mode;
    use super::super::layout::Picture;
    use super::super::plan::Plan;
    use super::super::status::VideoLost;
    use super::super::video_path;
    use super::super::zarr::{Description, read_extent};
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
            hurry: Arc::default(),
        };
        (writer, prepare(source, Some(store)), status)
    }

    #[test]
    fn a_disk_that_stands_still_costs_video_by_name_and_never_holds_the_ring() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ring, Parts { mut film, disk, handle: _handle }, status) = filming(folder.path());
        for frame in 0..20 {
            publish(&mut ring, frame);
            film.take(1, u64::MAX);
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
        film.take(CAPACITY, u64::MAX);
        assert_eq!(status.video.late.get(), CAPACITY as u64 / 2);
        (0..CAPACITY as u64).for_each(|frame| publish(&mut ring, frame));
        drop((ring, film));
        disk.run();
    }

    #[test]
    fn a_disk_that_refuses_ends_the_video_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ring, Parts { mut film, mut disk, handle: _handle }, status) = filming(folder.path());
        let _ = status.video.mode.set(Mode::FullVideo);
        (0..4).for_each(|frame| publish(&mut ring, frame));
        film.take(4, u64::MAX);
        // The block of the first three is full and on its way, after the video itself.
        disk.obey_next();
        disk.obey_next();
        disk.break_disk();
        drop(ring);
        film.run();
        disk.run();
        let health = status.health();
        let video = health.video.as_ref().unwrap();
        assert_eq!((video.frames, video.lost.video_late, video.lost.video_failed), (3, 0, 1));
        assert!(video.error.as_ref().is_some_and(|error| error.contains("disk is full")), "{video:?}");
        assert!(health.failures[0].starts_with("the video ended before its time"), "{:?}", health.failures);
        let notices = health.notices();
        assert!(notices[0].text.starts_with("the video ended 1 frames before its time"), "{notices:?}");
        assert_eq!(
            read_extent(&video_path(folder.path())).unwrap().frames,
            3,
            "closed around what was written"
        );
    }

    #[test]
    fn a_video_ends_with_a_recording_that_fails() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ring, Parts { film, disk, handle: _handle }, status) = filming(folder.path());
        std::thread::scope(|threads| {
            let film = threads.spawn(|| film.run());
            let disk = threads.spawn(|| disk.run());
            (0..3).for_each(|frame| publish(&mut ring, frame));
            wait_for(|| status.video.frames.get() == 3);
            status.end_recording(Some("the disk is full".to_owned()));
            wait_for(|| read_extent(&video_path(folder.path())).is_ok_and(|extent| extent.frames == 3));
            publish(&mut ring, 3);
            drop(ring);
            film.join().unwrap();
            disk.join().unwrap();
        });
        assert_eq!(status.video.frames.get(), 3);
        assert_eq!(status.video.lost(), VideoLost::default(), "nobody asked for what came later");
    }

    #[test]
    fn who_hurries_does_not_wait_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ring, Parts { mut film, disk, handle: _handle }, status) = filming(folder.path());
        (0..6).for_each(|frame| publish(&mut ring, frame));
        film.take(6, u64::MAX);
        disk.hurry.store(true, Ordering::Relaxed);
        drop(ring);
        film.run();
        disk.run();
        assert_eq!((status.video.frames.get(), status.video.late.get()), (0, 6));
    }

    #[test]
    fn what_would_begin_as_the_session_ends_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let next = tempfile::tempdir().unwrap();
        let (ring, Parts { film, disk, handle }, _status) = filming(folder.path());
        let video = video_path(next.path());
        let layout = film.running.as_ref().unwrap().layout.clone();
        let about = Description { software: String::new(), pixel_size_nm: 1.0, rate_hz: 1.0 };
        let store = || Store::create(&video, layout.clone(), &about).unwrap();
        drop(ring);
        std::thread::scope(|threads| {
            let disk = threads.spawn(|| disk.run());
            film.run();
            disk.join().unwrap();
        });
        handle.begin(store(), &Cut::from(0));
        assert!(!video.exists());
        handle.end(Some(store()), &Cut::from(0)).wait();
        assert!(!video.exists());
    }

    fn wait_for(is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_so() {
            assert!(Instant::now() < deadline, "nothing happens");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
