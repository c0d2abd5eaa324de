//! Camera thread: moves frames from the driver into the ring.
//!
//! Runs on: `beadscope-camera`, one per session. Between `start` and `stop` of the camera it never allocates, locks, logs
//! or waits for a reader. When the ring is full it drops the new frame, counts it, and writes the loss into the header of
//! the next frame that gets through. What others ask of it (`control.rs`), and what it does about a camera that failed
//! (`outage.rs`), it does while the camera stands still; a new segment begins then.

pub(crate) mod control;
mod numbers;
pub(crate) mod outage;

use std::time::{Duration, Instant};

use beadscope_drivers::camera::{Camera, CameraConfig, CameraError, FrameInfo};

use crate::clock::Clock;
use crate::clock::device::{DeviceClock, Timed};
use crate::frame::{FrameHeader, Gap};
use crate::health::hot_loop::HotLoop;
use crate::ring::Writer;
use crate::segment::{Cause, Segment};
use crate::status::{EndReason, Status};
use control::Orders;
use numbers::DeviceFrames;
use outage::{Loss, Outage, Patience};

/// How long one wait for a frame lasts at most, so that a stop is seen in time.
const READ_TIMEOUT: Duration = Duration::from_millis(100);

/// How often the camera is asked for its temperature.
const TEMPERATURE_EVERY: Duration = Duration::from_secs(1);

/// The camera thread's whole state.
pub(crate) struct Acquisition<'a> {
    pub(crate) camera: Box<dyn Camera>,
    pub(crate) config: CameraConfig,
    pub(crate) ring: Writer<FrameHeader>,
    pub(crate) status: &'a Status,
    pub(crate) clock: Clock,
    pub(crate) frame_limit: Option<u64>,
    pub(crate) orders: Orders,
    pub(crate) patience: Patience,
}

/// What it has made of the frames so far.
struct Stream {
    /// Where a frame goes when the ring is full. Written to before the camera starts: a page of zeros would be fetched
    /// at its first use, which is the worst moment.
    overflow: Vec<u8>,
    numbers: DeviceFrames,
    times: DeviceClock,
    segment: u32,
    /// Lost since the last frame that got through.
    gap: Gap,
    published: u64,
    /// The camera is lost, or was and no frame has come since.
    outage: Option<Outage>,
}

/// Why frames come no more for now.
enum Halt {
    End(EndReason),
    /// Somebody asks something.
    Asked,
    Lost(Loss),
}

impl Acquisition<'_> {
    /// Reads frames until the session stops, the source ends or the camera fails for good.
    pub(crate) fn run(mut self) {
        let mut stream = Stream {
            overflow: vec![u8::MAX; self.config.frame_bytes()],
            numbers: DeviceFrames::default(),
            times: DeviceClock::new(self.config.rate_hz),
            segment: 0,
            gap: Gap::default(),
            published: 0,
            outage: None,
        };
        if let Err(error) = self.start(&mut stream, Cause::Start) {
            self.status.end(EndReason::Camera(error.to_string()));
            return;
        }
        let reason = loop {
            let ready = match self.read_all(&mut stream) {
                Halt::End(reason) => Err(reason),
                Halt::Lost(loss) => self.bring_back(loss, &mut stream),
                Halt::Asked => match self.obey(&mut stream) {
                    Ok(()) => Ok(()),
                    Err(loss) => self.bring_back(loss, &mut stream),
                },
            };
            if let Err(reason) = ready {
                break reason;
            }
        };
        self.status.end(reason);
        if let Err(error) = self.camera.stop() {
            tracing::warn!("the camera did not stop cleanly: {error}");
        }
    }

    /// Starts the camera, and a segment with it. One that has had no frame yet is begun again.
    fn start(&mut self, stream: &mut Stream, cause: Cause) -> Result<(), CameraError> {
        stream.segment += u32::from(stream.numbers.has_begun());
        stream.numbers.begin_segment();
        stream.times = DeviceClock::new(self.config.rate_hz);
        let CameraConfig { rate_hz, exposure_us, .. } = self.config;
        self.status.seen.begin_segment(Segment { number: stream.segment, cause, rate_hz, exposure_us });
        self.camera.start()
    }

    fn read_all(&mut self, stream: &mut Stream) -> Halt {
        let silence = self.patience.silence(self.config.rate_hz);
        let mut hot_loop = HotLoop::default();
        let mut temperature_at = Instant::now();
        self.status.camera_temperature_c.set(self.camera.temperature_c());
        let mut last_frame = Instant::now();
        loop {
            if self.status.is_stopping() {
                return Halt::End(EndReason::Asked);
            }
            if self.is_at_limit() {
                return Halt::End(EndReason::FrameLimit);
            }
            if self.orders.are_waiting() {
                return Halt::Asked;
            }
            match self.read_one(stream, &mut hot_loop, READ_TIMEOUT) {
                Ok(()) => {
                    last_frame = Instant::now();
                    if last_frame - temperature_at >= TEMPERATURE_EVERY {
                        temperature_at = last_frame;
                        self.status.camera_temperature_c.set(self.camera.temperature_c());
                    }
                }
                Err(CameraError::Timeout(_)) if last_frame.elapsed() < silence => {}
                Err(CameraError::Timeout(_)) => return Halt::Lost(Loss::silent(silence)),
                Err(CameraError::Ended) => return Halt::End(EndReason::SourceEnded),
                Err(error) => return Halt::Lost(error.into()),
            }
        }
    }

    fn is_at_limit(&self) -> bool {
        self.frame_limit.is_some_and(|limit| self.status.received.get() >= limit)
    }

    fn read_one(
        &mut self,
        stream: &mut Stream,
        hot_loop: &mut HotLoop,
        timeout: Duration,
    ) -> Result<(), CameraError> {
        let Self { camera, ring, status, .. } = self;
        let mut read =
            |bytes: &mut [u8]| hot_loop.read(&status.camera_loop, || camera.read_into(bytes, timeout));
        // Reading straight into the slot saves a copy. When there is none, the camera's own queue must be emptied all the
        // same, and a slot may have come free by then.
        let (info, overflowed) = match ring.claim() {
            Ok(mut slot) => (read(slot.bytes())?, false),
            Err(_full) => (read(&mut stream.overflow)?, true),
        };
        let mut header = stream.enter(&info, &self.clock, self.status);
        match self.ring.claim() {
            Ok(mut slot) => {
                if overflowed {
                    slot.bytes().copy_from_slice(&stream.overflow);
                }
                header.gap = std::mem::take(&mut stream.gap);
                slot.publish(header);
                stream.published += 1;
            }
            Err(_full) => {
                stream.gap.ring_full += 1;
                self.status.lost_ring_full.add(1);
            }
        }
        Ok(())
    }
}

impl Stream {
    /// Counts a frame that has come; its header, but for the gap before it.
    fn enter(&mut self, info: &FrameInfo, clock: &Clock, status: &Status) -> FrameHeader {
        let &FrameInfo { device_frame, device_time_ns, .. } = info;
        let is_first = !self.numbers.has_begun();
        let numbered = self.numbers.count(device_frame);
        self.gap.camera = self.gap.camera.saturating_add(numbered.lost);
        if self.outage.take().is_some() {
            status.seen.frame_has_come();
        }
        let arrival_ns = clock.ns(info.arrival);
        let is_next = numbered.flags.0 == 0;
        let stamp = self.times.stamp(&Timed { device_frame, device_time_ns, arrival_ns, is_next });
        let flags = numbered.flags | stamp.flags;

        if status.received.get() == 0 {
            status.first_arrival_ns.set(arrival_ns);
        }
        status.last_arrival_ns.set(arrival_ns);
        status.lost_camera.add(numbered.lost);
        status.camera.set(numbered.counted.exposed);
        status.out_of_order.set(numbered.counted.out_of_order);
        status.seen.late.set(numbered.counted.late);
        status.seen.segments.add(u64::from(is_first));
        status.seen.clock.count(flags, self.times.figures());
        status.received.add(1);
        FrameHeader {
            frame: self.published,
            device_frame,
            device_time_ns,
            arrival_ns,
            gap: Gap::default(),
            segment: self.segment,
            time_ns: stamp.time_ns,
            flags,
            counted: numbered.counted,
        }
    }
}
