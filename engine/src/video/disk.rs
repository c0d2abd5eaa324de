//! Video disk thread: writes what was filmed.
//!
//! Runs on: `beadscope-video-disk`, one per session that films; it may block on the disk, and no frame is lost by it as
//! long as the blocks hold. A failure ends the video, never the recording of positions: what was written is closed, and later
//! frames count as lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use super::block::Block;
use super::store::Store;
use crate::record::error::RecordError;
use crate::record::space::check_video;
use crate::status::Status;

/// Free space is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// For tests: a write takes so many ms longer, as on a disk that is far away or busy for others.
const SLOW_DISK: &str = "BEADSCOPE_SLOW_VIDEO_MS";

/// What the disk thread is given.
pub(super) enum Message {
    Begin(Box<Store>),
    Block(Block),
    /// With whom to tell once the video is finished, if anybody waits.
    End(Option<SyncSender<()>>),
}

/// The disk thread's whole state.
pub(crate) struct Disk {
    messages: Receiver<Message>,
    give_back: SyncSender<Block>,
    status: Arc<Status>,
    pub(super) hurry: Arc<AtomicBool>,
    store: Option<Store>,
    slow_disk: Option<Duration>,
    looked: Instant,
}

impl Disk {
    pub(super) fn new(
        messages: Receiver<Message>,
        give_back: SyncSender<Block>,
        status: Arc<Status>,
        hurry: Arc<AtomicBool>,
    ) -> Self {
        let longer: Option<u64> = std::env::var(SLOW_DISK).ok().and_then(|text| text.parse().ok());
        let (slow_disk, looked) = (longer.map(Duration::from_millis), Instant::now());
        Self { messages, give_back, status, hurry, store: None, slow_disk, looked }
    }

    /// Writes until the video thread is gone.
    pub(crate) fn run(mut self) {
        while let Ok(message) = self.messages.recv() {
            self.obey(message);
        }
        self.finish();
    }

    fn obey(&mut self, message: Message) {
        match message {
            Message::Begin(store) => {
                // One whose recording has failed may still be open.
                self.finish();
                tracing::info!("video goes to {}", store.folder().display());
                self.status.video.begin(store.is_direct());
                self.store = Some(*store);
            }
            Message::Block(mut block) => {
                self.write(&block);
                block.clear();
                // A thread that is gone needs no block.
                let _ = self.give_back.send(block);
            }
            Message::End(answer) => {
                self.finish();
                // The asker may have gone; the video is finished all the same.
                answer.map(|answer| answer.send(()));
            }
        }
    }

    /// Obeys one message that waits.
    #[cfg(test)]
    pub(super) fn obey_next(&mut self) {
        let message = self.messages.try_recv().unwrap();
        self.obey(message);
    }

    /// The disk takes nothing more.
    #[cfg(test)]
    pub(super) fn break_disk(&mut self) {
        self.store.as_mut().unwrap().break_disk();
    }

    fn write(&mut self, block: &Block) {
        let video = &self.status.video;
        let Some(store) = &mut self.store else {
            video.failed.add(block.frames);
            return;
        };
        if self.hurry.load(Ordering::Relaxed) {
            video.late.add(block.frames);
            return;
        }
        let started = Instant::now();
        self.slow_disk.inspect(|longer| std::thread::sleep(*longer));
        let before = store.frames();
        let is_time = self.looked.elapsed() >= LOOK_EVERY;
        let written = if is_time {
            self.looked = started;
            check_video(store.folder(), self.status.disk().as_ref()).and_then(|()| store.write(block))
        } else {
            store.write(block)
        };
        let frames = store.frames() - before;
        video.frames.add(frames);
        video.failed.add(block.frames - frames);
        video.set_direct(store.is_direct());
        match written {
            Ok(()) => video.wrote(block.bytes().len() as u64, started),
            Err(error) => {
                self.fail(&error);
                // Closed around what was written.
                self.finish();
            }
        }
    }

    fn finish(&mut self) {
        let Some(store) = self.store.take() else { return };
        match store.finish() {
            Ok(frames) => tracing::info!("video finished, {frames} frames"),
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&self, error: &RecordError) {
        tracing::error!("the video ends, positions go on: {error}");
        self.status.video.fail(error.to_string());
        self.status.fail(format!("the video ended before its time, positions are whole: {error}"));
    }
}
