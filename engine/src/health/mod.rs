//! Health thread: measures how the session is doing, ten times a second, and tells the log once a minute.
//!
//! Runs on: `beadscope-health`, one per session. It has a thread of its own, since no other may do it: the camera and
//! tracking threads must not wait, the recorder waits for the disk just when it matters, and a window may be absent or
//! frozen. It reads counters and ring cursors, which are atomics, takes no lock that a hot thread takes, and sleeps.
//! What it finds are [`vitals::Vitals`].

pub(crate) mod gpu;
pub(crate) mod hot_loop;
mod losses;
pub(crate) mod process;
mod recent;
pub mod vitals;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::acquire::control::Control;
use crate::clock::Clock;
use crate::frame::FrameHeader;
use crate::ring::monitor::Monitor;
use crate::status::Status;
use crate::tracks::TracksHeader;
use gpu::GpuClock;
use losses::{Losses, News};
use process::CpuClock;
use recent::{Arrivals, RecentLatencies, RecentRate};
use vitals::{Cpu, GpuStage, Vitals, slow_reader};

/// Time between two looks at counters and cursors.
const LOOK: Duration = Duration::from_millis(100);
/// Looks between two at what the system must be asked for.
const LOOKS_A_SECOND: u64 = 10;
/// Looks between two lines in the log.
const LOOKS_A_MINUTE: u64 = 60 * LOOKS_A_SECOND;

/// What the health thread looks at.
pub(crate) struct Watch<'a> {
    pub(crate) status: &'a Status,
    pub(crate) clock: Clock,
    /// Knows which rate the camera has.
    pub(crate) asked: Arc<Control>,
    pub(crate) frames: Monitor<FrameHeader>,
    pub(crate) rows: Monitor<TracksHeader>,
}

/// What is compared with now.
struct Recent {
    rate: RecentRate,
    latencies: RecentLatencies,
    asked: Asked,
}

/// What the system was asked for, once a second.
#[derive(Default)]
struct Asked {
    cpu_clock: CpuClock,
    cpu: Option<Cpu>,
    memory_bytes: Option<u64>,
    gpu_clock: GpuClock,
    gpu: Option<(f64, Vec<GpuStage>)>,
}

impl Watch<'_> {
    /// Looks until the other end of `end` is dropped. The figures stay as they were when the session began to stop:
    /// what comes afterwards is no measure of it.
    pub(crate) fn run(self, end: &Receiver<()>) {
        let mut recent = Recent {
            rate: RecentRate::new(self.asked.config().rate_hz),
            latencies: RecentLatencies::default(),
            asked: Asked::default(),
        };
        let mut losses = Losses::default();
        for look in 0.. {
            let now_ns = self.clock.now_ns();
            self.tell_losses(&mut losses, now_ns, false);
            if !self.status.is_stopping() {
                self.look(look, now_ns, &mut recent);
            }
            if end.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout) {
                self.tell_losses(&mut losses, self.clock.now_ns(), true);
                return;
            }
        }
    }

    fn look(&self, look: u64, now_ns: u64, recent: &mut Recent) {
        if look.is_multiple_of(LOOKS_A_SECOND) {
            self.ask(&mut recent.asked, now_ns);
        }
        let vitals = self.vitals(now_ns, recent);
        if look.is_multiple_of(LOOKS_A_SECOND) {
            recent.latencies.remember(now_ns, &self.status.latencies);
        }
        if look % LOOKS_A_MINUTE == LOOKS_A_MINUTE - 1 {
            tracing::info!("{}", vitals.line(&self.status.ledger()));
        }
        self.status.set_vitals(vitals);
    }

    fn tell_losses(&self, losses: &mut Losses, now_ns: u64, is_over: bool) {
        match losses.look(now_ns, self.status.ledger().lost, is_over) {
            Some(begun @ News::Begun(_)) => tracing::warn!("{begun}"),
            Some(over @ News::Over(..)) => tracing::info!("{over}"),
            None => {}
        }
    }

    fn ask(&self, asked: &mut Asked, now_ns: u64) {
        asked.cpu = asked.cpu_clock.look(&self.status.threads);
        asked.memory_bytes = process::memory_bytes();
        asked.gpu = asked.gpu_clock.look(now_ns, self.status.tracked.get(), &self.status.gpu_stages);
    }

    fn vitals(&self, now_ns: u64, recent: &mut Recent) -> Vitals {
        let (status, Recent { rate, latencies, asked }) = (self.status, recent);
        let asked_hz = self.asked.config().rate_hz;
        rate.expect(asked_hz);
        let arrivals = Arrivals { received: status.received.get(), newest_ns: status.last_arrival_ns.get() };
        let readers: Vec<_> = self.frames.readers().chain(self.rows.readers()).collect();
        let since_ns = now_ns.saturating_sub(arrivals.newest_ns);
        Vitals {
            unix_ns: self.clock.unix_ns(now_ns),
            asked_hz,
            rate_hz: rate.look(now_ns, arrivals),
            since_last_frame_s: (arrivals.received > 0).then_some(since_ns as f64 / 1e9),
            camera_temperature_c: status.camera_temperature_c.get(),
            camera_loop_us: status.camera_loop.percentiles().times(1e3),
            slow_reader: slow_reader(&readers),
            readers,
            latency_10s_ms: latencies.look(&status.latencies),
            cpu: asked.cpu.clone(),
            gpu_share: asked.gpu.as_ref().map(|(share, _)| *share),
            gpu_stages: asked.gpu.as_ref().map_or_else(Vec::new, |(_, stages)| stages.clone()),
            memory_bytes: asked.memory_bytes,
            disk: status.disk(),
        }
    }
}
