//! Camera thread: moves frames from the driver into the ring.
//!
//! Runs on: `beadscope-camera`, one per session. Between `start` and `stop` it never allocates, locks, logs or waits
//! for a reader. When the ring is full it drops the new frame, counts it, and writes the loss into the header of the
//! next frame that gets through.

use std::time::{Duration, Instant};

use beadscope_drivers::camera::{Camera, CameraConfig, CameraError, FrameInfo};

use crate::clock::Clock;
use crate::frame::{FrameHeader, Gap};
use crate::health::hot_loop::HotLoop;
use crate::ring::Writer;
use crate::status::{EndReason, Status};

/// How long one wait for a frame lasts at most, so that a stop is seen in time.
const READ_TIMEOUT: Duration = Duration::from_millis(100);
/// Silence after which a camera is taken for dead, beyond five frame periods.
const SILENCE: Duration = Duration::from_secs(5);

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
}

/// What the device's frame numbers have told so far.
#[derive(Default)]
struct DeviceFrames {
    first: Option<u64>,
    last: u64,
}

impl Acquisition<'_> {
    /// Reads frames until the session stops, the source ends or the camera fails.
    pub(crate) fn run(mut self) {
        // Where a frame goes when the ring is full. Written to now (a page of zeros would be fetched at its first use,
        // which is the worst moment) and before the camera starts.
        let mut overflow = vec![u8::MAX; self.config.frame_bytes()];
        if let Err(error) = self.camera.start() {
            self.status.end(EndReason::Camera(error.to_string()));
            return;
        }
        let reason = self.read_all(&mut overflow);
        self.status.end(reason);
        if let Err(error) = self.camera.stop() {
            tracing::warn!("the camera did not stop cleanly: {error}");
        }
    }

    fn read_all(&mut self, overflow: &mut [u8]) -> EndReason {
        let mut device = DeviceFrames::default();
        let mut gap = Gap::default();
        let mut published = 0;
        let mut hot_loop = HotLoop::default();
        let mut temperature_at = Instant::now();
        self.status.camera_temperature_c.set(self.camera.temperature_c());
        let silence = SILENCE + Duration::from_secs_f64(5.0 / self.config.rate_hz.max(1e-3));
        let mut last_frame = Instant::now();
        loop {
            if self.status.is_stopping() {
                return EndReason::Asked;
            }
            if self.frame_limit.is_some_and(|limit| self.status.received.get() >= limit) {
                return EndReason::FrameLimit;
            }
            match self.read_one(overflow, &mut device, &mut gap, &mut published, &mut hot_loop) {
                Ok(()) => {
                    last_frame = Instant::now();
                    if last_frame - temperature_at >= TEMPERATURE_EVERY {
                        temperature_at = last_frame;
                        self.status.camera_temperature_c.set(self.camera.temperature_c());
                    }
                }
                Err(CameraError::Timeout(_)) if last_frame.elapsed() < silence => {}
                Err(CameraError::Timeout(_)) => {
                    let seconds = silence.as_secs_f64();
                    return EndReason::Camera(format!(
                        "no frame for {seconds:.1} s; check its cable, trigger and exposure"
                    ));
                }
                Err(CameraError::Ended) => return EndReason::SourceEnded,
                Err(error) => return EndReason::Camera(error.to_string()),
            }
        }
    }

    fn read_one(
        &mut self,
        overflow: &mut [u8],
        device: &mut DeviceFrames,
        gap: &mut Gap,
        published: &mut u64,
        hot_loop: &mut HotLoop,
    ) -> Result<(), CameraError> {
        let Self { camera, ring, status, .. } = self;
        let mut read =
            |bytes: &mut [u8]| hot_loop.read(&status.camera_loop, || camera.read_into(bytes, READ_TIMEOUT));
        // Reading straight into the slot saves a copy. When there is none, the camera's own queue must be emptied all the
        // same, and a slot may have come free by then.
        let (info, overflowed) = match ring.claim() {
            Ok(mut slot) => (read(slot.bytes())?, false),
            Err(_full) => (read(overflow)?, true),
        };
        gap.camera += device.count(&info, self.status);
        let arrival_ns = stamp(self.status, &self.clock, &info);
        match self.ring.claim() {
            Ok(mut slot) => {
                if overflowed {
                    slot.bytes().copy_from_slice(overflow);
                }
                slot.publish(FrameHeader {
                    frame: *published,
                    device_frame: info.device_frame,
                    device_time_ns: info.device_time_ns,
                    arrival_ns,
                    gap: std::mem::take(gap),
                });
                *published += 1;
            }
            Err(_full) => {
                gap.ring_full += 1;
                self.status.lost_ring_full.add(1);
            }
        }
        Ok(())
    }
}

impl DeviceFrames {
    /// Enters a frame into the ledger; returns how many the camera lost before it.
    fn count(&mut self, info: &FrameInfo, status: &Status) -> u64 {
        let number = info.device_frame;
        let first = *self.first.get_or_insert(number);
        let lost = if number == first && status.received.get() == 0 {
            0
        } else if number <= self.last {
            status.out_of_order.add(1);
            return 0;
        } else {
            number - self.last - 1
        };
        self.last = number;
        status.lost_camera.add(lost);
        status.camera.set(number - first + 1);
        lost
    }
}

/// Counts an arrival; returns its time, ns.
fn stamp(status: &Status, clock: &Clock, info: &FrameInfo) -> u64 {
    let arrival_ns = clock.ns(info.arrival);
    if status.received.get() == 0 {
        status.first_arrival_ns.set(arrival_ns);
    }
    status.last_arrival_ns.set(arrival_ns);
    status.received.add(1);
    arrival_ns
}
