//! What the GPU spends its time on, stage by stage, where it has a clock.

use beadscope_shaders::gpu::STAGES;

use super::vitals::GpuStage;
use crate::status::Counter;

/// Time that each stage has computed so far, ns; 0 where the clock of the GPU does not tell.
#[derive(Default)]
pub(crate) struct StageTimes([Counter; STAGES.len()]);

impl StageTimes {
    /// Told by the tracking thread, of the stages that it runs.
    pub(crate) fn set(&self, times: &[(&'static str, u64)]) {
        for (name, ns) in times {
            if let Some(place) = STAGES.iter().position(|stage| stage.name == *name) {
                self.0[place].set(*ns);
            }
        }
    }
}

/// What was counted at one moment.
struct Counts {
    at_ns: u64,
    frames: u64,
    stages_ns: [u64; STAGES.len()],
}

/// Measures what the GPU did between two looks.
#[derive(Default)]
pub(super) struct GpuClock(Option<Counts>);

impl GpuClock {
    /// Share of the time in which it computed, and its stages; `None` at the first look, and where its clock does not
    /// tell.
    pub(super) fn look(
        &mut self,
        at_ns: u64,
        frames: u64,
        times: &StageTimes,
    ) -> Option<(f64, Vec<GpuStage>)> {
        let now = Counts { at_ns, frames, stages_ns: times.0.each_ref().map(Counter::get) };
        let then = self.0.replace(now)?;
        let now = self.0.as_ref()?;
        if now.stages_ns.iter().all(|ns| *ns == 0) {
            return None;
        }
        let spent_ns = |place: usize| now.stages_ns[place].saturating_sub(then.stages_ns[place]);
        let total_ns: u64 = (0..STAGES.len()).map(spent_ns).sum();
        let frames = frames.saturating_sub(then.frames).max(1) as f64;
        let stage = |place: usize| GpuStage {
            name: STAGES[place].name,
            us_per_frame: spent_ns(place) as f64 * 1e-3 / frames,
        };
        let stages = (0..STAGES.len()).filter(|place| spent_ns(*place) > 0).map(stage).collect();
        Some((total_ns as f64 / at_ns.saturating_sub(then.at_ns).max(1) as f64, stages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_stage_is_divided_by_the_frames_of_that_second() {
        let (times, mut clock) = (StageTimes::default(), GpuClock::default());
        times.set(&[("background", 7_000_000)]);
        assert_eq!(clock.look(0, 0, &times), None, "nothing to compare with");
        times.set(&[("background", 107_000_000), ("fit", 300_000_000), ("unknown", 1)]);
        let (share, stages) = clock.look(1_000_000_000, 100, &times).unwrap();
        assert!((share - 0.4).abs() < 1e-9, "{share}");
        let stages: Vec<_> = stages.iter().map(|stage| (stage.name, stage.us_per_frame)).collect();
        assert_eq!(stages, [("background", 1000.0), ("fit", 3000.0)], "in the order in which they run");
        // Beads are tracked on the processor since.
        assert_eq!(clock.look(2_000_000_000, 200, &times), Some((0.0, Vec::new())));
        let no_clock = StageTimes::default();
        let mut clock = GpuClock::default();
        clock.look(0, 0, &no_clock);
        assert_eq!(clock.look(1_000_000_000, 100, &no_clock), None);
    }
}
