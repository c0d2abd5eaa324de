//! Video disk thread: writes what was filmed.
//!
//! Runs on: `beadscope-video-disk`, one per session that films; it may block on the disk, and no frame is lost by it as
//! long as the blocks hold. A failure ends the video, never the recording of positions: what was written is closed, and later
//! frames count as lost.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use super::block::Block;
use super::store::Store;
use crate::record::error::RecordError;
use crate::status::Status;

/// For tests: a write takes so many ms longer, as on a disk that is far away or busy for others.
const SLOW_DISK: &str = "BEADSCOPE_SLOW_VIDEO_MS";

/// What the disk thread is given.
pub(super) enum Message {
    Begin(Box<Store>),
    Block(Block),
    /// With whom to tell once the video is finished.
    End(SyncSender<()>),
}

/// The disk thread's whole state.
pub(crate) struct Disk {
    messages: Receiver<Message>,
    give_back: SyncSender<Block>,
    status: Arc<Status>,
    store: Option<Store>,
    slow_disk: Option<Duration>,
}

impl Disk {
    pub(super) fn new(
        messages: Receiver<Message>,
        give_back: SyncSender<Block>,
        status: Arc<Status>,
    ) -> Self {
        let longer = std::env::var(SLOW_DISK).ok().and_then(|text| text.parse().ok());
        Self { messages, give_back, status, store: None, slow_disk: longer.map(Duration::from_millis) }
    }

    /// Writes until the video thread is gone.
    pub(crate) fn run(mut self) {
        while let Ok(message) = self.messages.recv() {
            match message {
                Message::Begin(store) => {
                    // One whose recording has failed is still open.
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
                    let _ = answer.send(());
                }
            }
        }
        self.finish();
    }

    fn write(&mut self, block: &Block) {
        let video = &self.status.video;
        let Some(store) = &mut self.store else {
            video.failed.add(block.frames);
            return;
        };
        let started = Instant::now();
        self.slow_disk.inspect(|longer| std::thread::sleep(*longer));
        let before = store.frames();
        let written = store.write(block);
        let frames = store.frames() - before;
        video.frames.add(frames);
        if let Err(error) = written {
            video.failed.add(block.frames - frames);
            self.fail(&error);
            return;
        }
        video.wrote(block.bytes().len() as u64, started);
    }

    /// Closes the video around what was written.
    fn fail(&mut self, error: &RecordError) {
        tracing::error!("the video ends, positions go on: {error}");
        self.status.video.fail(error.to_string());
        // If even this fails, `recover` closes it.
        self.store.take().map(Store::finish);
    }

    fn finish(&mut self) {
        let Some(store) = self.store.take() else { return };
        match store.finish() {
            Ok(frames) => tracing::info!("video finished, {frames} frames"),
            Err(error) => {
                tracing::error!("{error}; try: beadscope recover");
                self.status.video.fail(error.to_string());
            }
        }
    }
}
