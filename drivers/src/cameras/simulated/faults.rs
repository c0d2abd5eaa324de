//! What goes wrong with real cameras, on order: for trying and testing what the program does then.
//!
//! A camera around the simulated one. Which frames are hit follows from the seed and the frame's number alone, so a run
//! can be repeated. Memory is taken in `start`; `read_into` copies each frame once more while there are faults.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::camera::{Camera, CameraConfig, CameraError, CameraRequest, FrameInfo};
use crate::microscope::noise::Rng;
use crate::microscope::stage;
use crate::sweep::FocusSweep;
use crate::truth::Truth;

/// The `[camera.settings.faults]` table. Shares are of frames, 0 to 0.5; times are in s, 0 to 86 400. All are 0 by
/// default, which is: never.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Seed of the choice of frames, default 0.
    pub seed: u64,
    /// Share of frames that the camera exposes and never sends.
    pub lost: f64,
    /// Share of frames that it sends twice.
    pub repeated: f64,
    /// Share of frames that it sends after the frame that follows them.
    pub reordered: f64,
    /// Share of frames of another size than was configured.
    pub bad_size: f64,
    /// Share of frames at which its clock jumps for good, by [`Self::clock_jump_ms`].
    pub clock_jump: f64,
    /// How far its clock jumps, in ms; -86 400 000 to 86 400 000.
    pub clock_jump_ms: f64,
    /// Share of frames whose own time is before that of the frame before.
    pub clock_back: f64,
    /// It falls silent every so many seconds.
    pub stall_every_s: f64,
    /// How long it stays silent.
    pub stall_s: f64,
    /// Its cable is pulled every so many seconds.
    pub unplug_every_s: f64,
    /// How long it takes until the cable is back.
    pub unplug_s: f64,
}

impl Faults {
    /// The first field that is out of range.
    pub(crate) fn check(&self) -> Result<(), CameraError> {
        let shares = [
            ("lost", self.lost),
            ("repeated", self.repeated),
            ("reordered", self.reordered),
            ("bad_size", self.bad_size),
            ("clock_jump", self.clock_jump),
            ("clock_back", self.clock_back),
        ];
        let times_s = [
            ("stall_every_s", self.stall_every_s),
            ("stall_s", self.stall_s),
            ("unplug_every_s", self.unplug_every_s),
            ("unplug_s", self.unplug_s),
        ];
        let jump_ms = [("clock_jump_ms", self.clock_jump_ms)];
        let with_range = |[least, greatest]: [f64; 2]| {
            move |&(name, value): &(&'static str, f64)| (name, value, least, greatest)
        };
        let shares = shares.iter().map(with_range([0.0, 0.5]));
        let times_s = times_s.iter().map(with_range([0.0, 86_400.0]));
        let jump_ms = jump_ms.iter().map(with_range([-86_400_000.0, 86_400_000.0]));
        for (name, value, least, greatest) in shares.chain(times_s).chain(jump_ms) {
            crate::microscope::in_range(&format!("faults.{name}"), value, least, greatest)?;
        }
        Ok(())
    }

    /// `camera` with these faults; as it was if there are none.
    pub(super) fn around(&self, camera: impl Camera + 'static) -> Box<dyn Camera> {
        if *self == (Self { seed: self.seed, ..Self::default() }) {
            return Box::new(camera);
        }
        Box::new(Faulty {
            camera,
            faults: *self,
            began: None,
            unplugged_at: None,
            clock_ns: CLOCK_START_NS,
            held: Vec::new(),
            pending: None,
        })
    }
}

/// Where the clock of a camera with faults begins, ns: no jump takes it below 0.
const CLOCK_START_NS: i64 = 1 << 60;

/// A camera with faults.
struct Faulty<C> {
    camera: C,
    faults: Faults,
    /// When it was started first: its time begins there.
    began: Option<Instant>,
    /// Number of the last pulled cable, so that each is pulled once.
    unplugged_at: Option<u64>,
    /// How far its clock has jumped, ns.
    clock_ns: i64,
    /// A frame that is still to be sent.
    held: Vec<u8>,
    pending: Option<FrameInfo>,
}

impl<C: Camera> Faulty<C> {
    /// Which of the periods of `every_s` that is, and how long ago it began; `None` in the first.
    fn period(&self, every_s: f64) -> Option<(u64, f64)> {
        let elapsed_s = self.began.filter(|_| every_s > 0.0)?.elapsed().as_secs_f64();
        // A float-to-integer cast saturates.
        Some(((elapsed_s / every_s) as u64, elapsed_s % every_s)).filter(|(period, _)| *period > 0)
    }

    /// The cable, and whether the camera sends at all.
    fn is_there(&mut self) -> Result<(), CameraError> {
        let Faults { unplug_every_s, unplug_s, .. } = self.faults;
        let Some((pull, ago_s)) = self.period(unplug_every_s) else { return Ok(()) };
        // A cable that was back before anybody looked has been pulled all the same.
        let is_news = self.unplugged_at != Some(pull);
        self.unplugged_at = Some(pull);
        if is_news || ago_s < unplug_s {
            return Err(CameraError::Unplugged(
                "its cable was pulled, as [camera.settings.faults] asks".to_owned(),
            ));
        }
        Ok(())
    }

    /// The next frame that the camera sends.
    fn read_sent(&mut self, slot: &mut [u8], until: Instant) -> Result<(FrameInfo, Rng), CameraError> {
        loop {
            let timeout = until.saturating_duration_since(Instant::now());
            let info = self.camera.read_into(slot, timeout)?;
            // Each number has random numbers of its own: which frames are hit does not depend on who was late.
            let mut rng = Rng::new(self.faults.seed ^ info.device_frame.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            if rng.uniform() >= self.faults.lost {
                return Ok((info, rng));
            }
        }
    }

    fn set_time(&mut self, info: &mut FrameInfo, rng: &mut Rng) {
        if rng.uniform() < self.faults.clock_jump {
            // A float-to-integer cast saturates; the range is checked.
            self.clock_ns = self.clock_ns.saturating_add((self.faults.clock_jump_ms * 1e6) as i64);
        }
        let back_ns = if rng.uniform() < self.faults.clock_back { 1_000_000_000 } else { 0 };
        let moved = |time_ns: u64| time_ns.saturating_add_signed(self.clock_ns).saturating_sub(back_ns);
        info.device_time_ns = info.device_time_ns.map(moved);
    }
}

impl<C: Camera> Camera for Faulty<C> {
    fn configure(&mut self, request: &CameraRequest) -> Result<CameraConfig, CameraError> {
        self.camera.configure(request)
    }

    fn start(&mut self) -> Result<(), CameraError> {
        self.began.get_or_insert_with(Instant::now);
        let frame_bytes = self.camera.configure(&CameraRequest::default())?.frame_bytes();
        self.held.resize(frame_bytes, 0);
        self.pending = None;
        self.camera.start()
    }

    fn read_into(&mut self, slot: &mut [u8], timeout: Duration) -> Result<FrameInfo, CameraError> {
        let until = Instant::now() + timeout;
        self.is_there()?;
        let stall = self.period(self.faults.stall_every_s);
        if stall.is_some_and(|(_, ago_s)| ago_s < self.faults.stall_s) {
            std::thread::sleep(timeout);
            return Err(CameraError::Timeout(timeout));
        }
        if let Some(info) = self.pending.take().filter(|_| self.held.len() == slot.len()) {
            slot.copy_from_slice(&self.held);
            return Ok(FrameInfo { arrival: Instant::now(), ..info });
        }
        let (mut info, mut rng) = self.read_sent(slot, until)?;
        self.set_time(&mut info, &mut rng);
        if rng.uniform() < self.faults.bad_size {
            let (sent, size) = (slot.len() / 2, slot.len());
            return Err(CameraError::BadFrame(format!("it has {sent} bytes, not {size}")));
        }
        if rng.uniform() < self.faults.repeated {
            self.held.copy_from_slice(slot);
            self.pending = Some(info);
        } else if rng.uniform() < self.faults.reordered {
            self.held.copy_from_slice(slot);
            match self.read_sent(slot, until) {
                Ok((mut next, mut rng)) => {
                    self.set_time(&mut next, &mut rng);
                    self.pending = Some(info);
                    return Ok(next);
                }
                // The next one is not there yet, so they keep their order; half of it may be in the slot.
                Err(CameraError::Timeout(_)) => slot.copy_from_slice(&self.held),
                Err(error) => return Err(error),
            }
        }
        Ok(info)
    }

    fn stop(&mut self) -> Result<(), CameraError> {
        self.pending = None;
        self.camera.stop()
    }

    fn reconnect(&mut self) -> Result<CameraConfig, CameraError> {
        self.is_there()?;
        self.camera.reconnect()
    }

    fn focus_sweep(&self, roi_px: u32) -> Option<FocusSweep> {
        self.camera.focus_sweep(roi_px)
    }

    fn stage(&self) -> Option<stage::Shared> {
        self.camera.stage()
    }

    fn force_table(&self) -> Vec<[f64; 2]> {
        self.camera.force_table()
    }

    fn truth(&self) -> Option<Arc<Truth>> {
        self.camera.truth()
    }

    fn pixel_size_nm(&self) -> Option<f64> {
        self.camera.pixel_size_nm()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::CameraDriver;
    use crate::cameras::simulated::Driver;

    /// What the camera answers to so many reads at 1000 Hz, in short: a number, or the first word of an error.
    fn told(faults: &str, reads: usize) -> (Vec<String>, Vec<u64>) {
        let text =
            format!("width_px = 64\nheight_px = 64\nbeads = 0\nbuffer_frames = 10000\n[faults]\n{faults}");
        let mut camera = Driver.open(&text.parse().unwrap()).unwrap();
        let rate =
            CameraRequest { rate_hz: Some(1000.0), exposure_us: Some(100.0), ..CameraRequest::default() };
        let mut slot = vec![0; camera.configure(&rate).unwrap().frame_bytes()];
        camera.start().unwrap();
        let (mut words, mut times) = (Vec::new(), Vec::new());
        for _ in 0..reads {
            match camera.read_into(&mut slot, Duration::from_millis(20)) {
                Ok(info) => {
                    words.push(info.device_frame.to_string());
                    times.push(info.device_time_ns.unwrap());
                }
                Err(error) => words.push(error.to_string().split(' ').next().unwrap().to_owned()),
            }
        }
        (words, times)
    }

    fn numbers(words: &[String]) -> Vec<u64> {
        words.iter().map(|word| word.parse().unwrap()).collect()
    }

    #[test]
    fn faults_hit_as_many_frames_as_asked_and_the_same_ones_every_time() {
        let (first, _) = told("lost = 0.2\nseed = 3", 200);
        let missing = numbers(&first).last().unwrap() + 1 - 200;
        assert!((25..=80).contains(&missing), "{missing} of about 250 lost");
        assert_eq!(told("lost = 0.2\nseed = 3", 200).0, first);
        assert_ne!(told("lost = 0.2\nseed = 4", 200).0, first);

        let repeats =
            numbers(&told("repeated = 0.2", 200).0).windows(2).filter(|two| two[0] == two[1]).count();
        assert!((20..=50).contains(&repeats), "{repeats} of about 33 repeated");

        let (words, _) = told("reordered = 0.2", 200);
        let mut order = numbers(&words);
        assert!(order.windows(2).any(|two| two[1] + 1 == two[0]), "{order:?}");
        order.sort_unstable();
        assert!(order.windows(2).all(|two| two[1] == two[0] + 1), "none is lost or doubled");

        let bad = told("bad_size = 0.2", 200).0.iter().filter(|word| *word == "bad").count();
        assert!((20..=65).contains(&bad), "{bad} of about 40 bad");
    }

    #[test]
    fn its_clock_jumps_and_runs_back() {
        let steps = |times: &[u64]| -> Vec<i64> {
            times.windows(2).map(|two| two[1].cast_signed() - two[0].cast_signed()).collect()
        };
        let (_, times) = told("clock_jump = 0.05\nclock_jump_ms = 500.0", 100);
        let jumps = steps(&times).iter().filter(|step| **step == 501_000_000).count();
        assert!((1..=12).contains(&jumps), "{jumps} of about 5");
        assert!(steps(&times).iter().all(|step| [1_000_000, 501_000_000].contains(step)));
        let (_, times) = told("clock_back = 0.05", 100);
        assert!(steps(&times).iter().any(|step| *step < 0));
    }

    #[test]
    fn it_falls_silent_and_is_unplugged_and_comes_back_without_its_settings() {
        let (words, _) = told("stall_every_s = 0.05\nstall_s = 0.01", 60);
        assert!(words.contains(&"no".to_owned()), "{words:?}");
        let text = "width_px = 64\nheight_px = 64\nbeads = 0\n[faults]\nunplug_every_s = 0.2\nunplug_s = 0.1";
        let mut camera = Driver.open(&text.parse().unwrap()).unwrap();
        let rate = CameraRequest { rate_hz: Some(500.0), ..CameraRequest::default() };
        let config = camera.configure(&rate).unwrap();
        let mut slot = vec![0; config.frame_bytes()];
        camera.start().unwrap();
        let error = loop {
            if let Err(error) = camera.read_into(&mut slot, Duration::from_millis(20)) {
                break error;
            }
        };
        assert!(matches!(error, CameraError::Unplugged(_)), "{error}");
        camera.stop().unwrap();
        assert!(matches!(camera.reconnect(), Err(CameraError::Unplugged(_))), "the cable is not back");
        std::thread::sleep(Duration::from_millis(110));
        let found = camera.reconnect().unwrap();
        assert!(found.rate_hz < config.rate_hz, "{found:?}");
    }

    #[test]
    fn faults_out_of_range_are_refused_by_name() {
        for (line, word) in
            [("lost = 0.6", "faults.lost"), ("stall_s = -1.0", "faults.stall_s"), ("gap = 1", "gap")]
        {
            let error = Driver.open(&format!("[faults]\n{line}").parse().unwrap()).err().unwrap();
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
