//! What is known of a session's health, and the line that the log gets of it once a minute.

use serde::Serialize;

use crate::latency::Percentiles;
use crate::ledger::Ledger;
use crate::record::space::Disk;
use crate::ring::monitor::Reader;

/// What is measured ten times a second, or once where that is enough. `None` is not known: not yet, or not here.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Vitals {
    /// When it was measured, ns since 1970-01-01 UTC; 0 before the first time.
    pub unix_ns: u64,
    /// Frames per second that the camera was set to, Hz.
    pub asked_hz: f64,
    /// Frames per second that came in the last second, Hz.
    pub rate_hz: Option<f64>,
    /// Since the newest frame came, s.
    pub since_last_frame_s: Option<f64>,
    /// Temperature of the camera, °C, if it tells one.
    pub camera_temperature_c: Option<f64>,
    /// What the camera thread spends between two reads of the camera, since the first frame, µs.
    pub camera_loop_us: Percentiles,
    /// Who reads frames and rows, and how far behind each is.
    pub readers: Vec<Reader>,
    /// The reader that is too slow, if one is.
    pub slow_reader: Option<&'static str>,
    /// From arrival to tracked row, in the last ten seconds, ms.
    pub latency_10s_ms: Option<Percentiles>,
    /// Processor time in the last second.
    pub cpu: Option<Cpu>,
    /// Share of the last second in which the GPU computed, where its clock tells.
    pub gpu_share: Option<f64>,
    /// What it computed in that second, in the order of the stages.
    pub gpu_stages: Vec<GpuStage>,
    /// Main memory in use by the program, bytes.
    pub memory_bytes: Option<u64>,
    /// The disk of the recording that runs.
    pub disk: Option<Disk>,
}

/// Processor time as a share of the time that passed: 1 is one core.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cpu {
    /// The whole program.
    pub process: f64,
    /// The session's threads by name, its workers together.
    pub threads: Vec<ThreadCpu>,
}

/// Processor time of a thread, or of several that share a name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ThreadCpu {
    /// Its name.
    pub name: &'static str,
    /// Its share of a core; several can have more than one.
    pub share: f64,
}

/// A stage of tracking on the GPU.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GpuStage {
    /// Its name, that of its file in `shaders/`.
    pub name: &'static str,
    /// Time on the GPU for all beads of a frame, µs.
    pub us_per_frame: f64,
}

/// Who is too slow: whoever holds more than half of what it may hold. Of those that cost frames the one that is nearest
/// to it, and only then those that skip.
pub(super) fn slow_reader(readers: &[Reader]) -> Option<&'static str> {
    let fill = |reader: &Reader| reader.behind as f64 / reader.of.max(1) as f64;
    let late = readers.iter().filter(|reader| 2 * reader.behind > reader.of);
    late.max_by(|a, b| b.may_skip.cmp(&a.may_skip).then(fill(a).total_cmp(&fill(b))))
        .map(|reader| reader.name)
}

impl Vitals {
    /// Share of a core that a thread takes.
    pub fn share_of(&self, thread: &str) -> Option<f64> {
        let threads = &self.cpu.as_ref()?.threads;
        threads.iter().find(|known| known.name == thread).map(|known| known.share)
    }

    /// How full the ring is that this reader empties, 0 to 1.
    pub fn fill_of(&self, reader: &str) -> Option<f64> {
        let reader = self.readers.iter().find(|known| known.name == reader)?;
        Some(reader.behind as f64 / reader.of.max(1) as f64)
    }

    /// A line for the log.
    pub fn line(&self, ledger: &Ledger) -> String {
        let mut parts = vec![match (self.rate_hz, self.since_last_frame_s) {
            (Some(rate_hz), Some(since_s)) => {
                format!("camera {rate_hz:.1} of {:.1} Hz, newest frame {since_s:.2} s ago", self.asked_hz)
            }
            _ => "no frame yet".to_owned(),
        }];
        parts.push(format!("{} received, {} lost", ledger.received, ledger.total_lost()));
        for reader in &self.readers {
            let Reader { name, behind, of, .. } = reader;
            parts.push(format!("{name} {:.0} % behind", 100.0 * *behind as f64 / (*of).max(1) as f64));
        }
        parts.extend(self.slow_reader.map(|name| format!("{name} is slow")));
        parts.extend(self.latency_10s_ms.map(|ms| format!("latency {:.2} ms p99", ms.p99)));
        parts.extend(self.cpu.as_ref().map(|cpu| format!("{:.2} cores", cpu.process)));
        parts.extend(self.gpu_share.map(|share| format!("GPU {:.0} %", 100.0 * share)));
        parts.extend(self.memory_bytes.map(|bytes| format!("{:.0} MB memory", bytes as f64 / 1e6)));
        parts.extend(self.disk.as_ref().map(ToString::to_string));
        parts.extend(self.camera_temperature_c.map(|celsius| format!("camera {celsius:.1} °C")));
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(name: &'static str, behind: u64, may_skip: bool) -> Reader {
        Reader { name, behind, of: 100, may_skip }
    }

    #[test]
    fn the_slow_reader_is_the_one_that_costs_frames() {
        let slow = |tracking, recorder, plots| {
            slow_reader(&[
                reader("tracking", tracking, false),
                reader("recorder", recorder, false),
                reader("plots", plots, true),
            ])
        };
        assert_eq!(slow(50, 0, 0), None);
        assert_eq!(slow(51, 0, 0), Some("tracking"));
        assert_eq!(slow(51, 90, 0), Some("recorder"));
        assert_eq!(slow(0, 51, 100), Some("recorder"), "plots may skip");
        assert_eq!(slow(0, 50, 51), Some("plots"));
    }

    #[test]
    fn the_line_says_what_is_known_and_nothing_else() {
        let line = Vitals::default().line(&Ledger::default());
        assert_eq!(line, "no frame yet, 0 received, 0 lost");
        let vitals = Vitals {
            asked_hz: 100.0,
            rate_hz: Some(99.96),
            since_last_frame_s: Some(0.01),
            readers: vec![reader("tracking", 62, false)],
            slow_reader: Some("tracking"),
            memory_bytes: Some(512_000_000),
            ..Vitals::default()
        };
        assert_eq!(
            vitals.line(&Ledger { received: 5, ..Ledger::default() }),
            "camera 100.0 of 100.0 Hz, newest frame 0.01 s ago, 5 received, 0 lost, tracking 62 % behind, \
             tracking is slow, 512 MB memory"
        );
    }
}
