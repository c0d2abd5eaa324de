//! What a recording holds, on one page: where its frames went, how its beads move.

use std::collections::BTreeMap;

use beadscope_shaders::flags::Flags;
use serde::Serialize;

use super::noise::{Allan, Noise};
use super::tables::{EventRead, LatencyRead, SegmentRead};
use super::{About, Block, ReadError, Recording};
use crate::ledger::Ledger;
use crate::record::tracks_file::{Counts, Gap};

/// The stretches whose mean positions the Allan deviation compares, s.
pub const ALLAN_S: f64 = 1.0;
/// A rate above it is no camera's, and tells nothing of how many samples a second has, Hz.
const MAX_RATE_HZ: f64 = 1e6;
/// Gaps that are told one by one.
const LONGEST_GAPS: usize = 5;

/// All there is to know without looking at single rows.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The file.
    pub path: std::path::PathBuf,
    /// What it says of itself.
    #[serde(flatten)]
    pub about: About,
    /// The camera and what it applied.
    pub camera: toml::Table,
    /// How positions were found; from the settings.
    pub method: Option<String>,
    /// Frames, rows and batches in it.
    pub counts: Counts,
    /// Where every frame went; `None` in a recording that was never finished.
    pub ledger: Option<Ledger>,
    /// Frames lost just before those in it: by the camera, ring full, recorder late.
    pub lost_before: [u64; 3],
    /// How many gaps there are.
    pub gaps: usize,
    /// The longest of them.
    pub longest_gaps: Vec<Gap>,
    /// Runs of the camera.
    pub segments: Vec<SegmentRead>,
    /// Time of the first and last frame, ns since 1970 UTC; `None` without frames or times.
    pub unix_ns: Option<[u64; 2]>,
    /// From the first frame to the last, s.
    pub duration_s: f64,
    /// Frames per second inside the runs of the camera, as recorded.
    pub rate_hz: Option<f64>,
    /// Frames whose beads were located on the GPU.
    pub frames_on_gpu: u64,
    /// From arrival to rows.
    pub latency_ms: Option<LatencyRead>,
    /// The Z-LUTs in use.
    pub zluts: Vec<ZLutRead>,
    /// How far the reference beads have drifted on average, x, y, z, nm; `None` without one.
    pub drift_nm: Option<[Option<f64>; 3]>,
    /// Bead by bead.
    pub beads: Vec<BeadRead>,
    /// What the experimenter was told.
    pub notices: Vec<String>,
    /// Commands that were given.
    pub events: Vec<EventRead>,
}

/// A Z-LUT of the recording.
#[derive(Clone, Debug, Serialize)]
pub struct ZLutRead {
    /// The name that it is stored under.
    pub hash: String,
    /// Heights.
    pub planes: usize,
    /// Lowest and highest of them, nm.
    pub range_nm: [f64; 2],
    /// Where it comes from.
    pub source: String,
    /// When it was made.
    pub created_utc: Option<String>,
}

/// A bead over the whole recording. What is not known is `None`.
#[derive(Clone, Debug, Serialize)]
pub struct BeadRead {
    /// Its number.
    pub bead: u16,
    /// It is stuck to the surface.
    pub is_reference: bool,
    /// Frames that it has a row in.
    pub rows: u64,
    /// Share of all frames in which x and y are known.
    pub located: f64,
    /// Share of all frames in which z is known.
    pub with_z: f64,
    /// Rows with each flag.
    pub flags: BTreeMap<&'static str, u64>,
    /// Mean of x, y, z, nm.
    pub mean_nm: [Option<f64>; 3],
    /// Slope of the line through x, y, z, times the duration, nm.
    pub drift_nm: [Option<f64>; 3],
    /// Standard deviation of x, y, z, nm.
    pub deviation_nm: [Option<f64>; 3],
    /// Allan deviation at [`ALLAN_S`], nm.
    pub allan_nm: [Option<f64>; 3],
}

/// What gathers while the rows of a bead go by.
struct BeadPass {
    rows: u64,
    located: u64,
    with_z: u64,
    flags: [u64; Flags::NAMES.len()],
    noise: [Noise; 3],
    allan: Option<[Allan; 3]>,
    /// The frame after its last one, lost ones counted.
    next: u64,
}

/// What gathers while the frames go by.
struct Pass {
    beads: Vec<Option<Box<BeadPass>>>,
    /// Samples in the stretches of the Allan deviation, at the rate of the first segment.
    tau: Option<u64>,
    /// Segments of another rate, whose samples are left out there.
    other_rate: Vec<u64>,
    slot: u64,
    frames_on_gpu: u64,
    lost_before: [u64; 3],
    unix_ns: Option<[u64; 2]>,
    first_ns: Option<u64>,
    last: Option<(u64, u64)>,
    in_segments: (u64, f64),
}

/// Reads all of it. `progress` hears how many frames are done.
///
/// # Errors
/// If a part cannot be read.
pub fn summarise(recording: &Recording, progress: &dyn Fn(u64)) -> Result<Summary, ReadError> {
    let segments = recording.segments()?;
    let mut pass = Pass::new(&segments);
    recording.each_block(|block| -> Result<(), ReadError> {
        pass.take(block);
        progress(block.first_frame + block.frames() as u64);
        Ok(())
    })?;
    let references: Vec<u32> =
        recording.beads()?.iter().filter(|bead| bead.is_reference).map(|bead| bead.bead).collect();
    let about = recording.about.clone();
    let unix_ns = pass.unix_ns.filter(|_| about.has_times);
    let duration_s = unix_ns.map_or(0.0, |[first, last]| last.saturating_sub(first) as f64 * 1e-9);
    let beads = pass.beads(recording.counts.frames, duration_s, &references);
    let mut longest_gaps = recording.gaps()?;
    let gaps = longest_gaps.len();
    longest_gaps.sort_by_key(|gap| std::cmp::Reverse(gap.to_ns.saturating_sub(gap.from_ns)));
    longest_gaps.truncate(LONGEST_GAPS);
    let (intervals, seconds) = pass.in_segments;
    let settings: toml::Table = about.settings_toml.parse().unwrap_or_default();
    // Of images from disk it is not a setting of an instrument.
    let method = settings.get("tracking").and_then(|tracking| tracking.get("method"));
    let method = method.or_else(|| settings.get("method"));
    let zlut = |(hash, zlut): (String, beadscope_zlut::ZLut)| ZLutRead {
        hash,
        planes: zlut.n_planes(),
        range_nm: [zlut.z_nm()[0], zlut.z_nm()[zlut.n_planes() - 1]],
        source: zlut.origin.source,
        created_utc: zlut.origin.created_utc,
    };
    Ok(Summary {
        path: recording.path.clone(),
        camera: about.camera_toml.parse().unwrap_or_default(),
        method: method.and_then(|method| method.as_str()).map(str::to_owned),
        counts: recording.counts,
        ledger: recording.ledger()?,
        lost_before: pass.lost_before,
        gaps,
        longest_gaps,
        segments,
        unix_ns,
        duration_s,
        rate_hz: (seconds > 0.0 && about.has_times).then(|| intervals as f64 / seconds),
        frames_on_gpu: pass.frames_on_gpu,
        latency_ms: recording.latency_ms()?,
        zluts: recording.zluts()?.into_iter().map(zlut).collect(),
        drift_nm: mean_drift(&beads),
        beads,
        notices: recording.notices()?,
        events: recording.events()?,
        about,
    })
}

/// The mean of the references' drift.
fn mean_drift(beads: &[BeadRead]) -> Option<[Option<f64>; 3]> {
    let references: Vec<&BeadRead> = beads.iter().filter(|bead| bead.is_reference).collect();
    let mean = |axis: usize| {
        let known: Vec<f64> = references.iter().filter_map(|bead| bead.drift_nm[axis]).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    (!references.is_empty()).then(|| [0, 1, 2].map(mean))
}

impl Pass {
    fn new(segments: &[SegmentRead]) -> Self {
        let rate_hz = segments.first().map(|segment| segment.rate_hz);
        let other = segments.iter().filter(|segment| Some(segment.rate_hz) != rate_hz);
        Self {
            beads: Vec::new(),
            tau: rate_hz
                .filter(|rate_hz| *rate_hz <= MAX_RATE_HZ)
                .map(|rate_hz| (rate_hz * ALLAN_S).round() as u64)
                .filter(|tau| *tau > 0),
            other_rate: other.map(|segment| segment.segment).collect(),
            slot: 0,
            frames_on_gpu: 0,
            lost_before: [0; 3],
            unix_ns: None,
            first_ns: None,
            last: None,
            in_segments: (0, 0.0),
        }
    }

    fn take(&mut self, block: &Block) {
        for frame in 0..block.frames() {
            let (segment, time_ns, unix_ns) =
                (block.segment[frame], block.time_ns[frame], block.unix_ns[frame]);
            self.frames_on_gpu += u64::from(block.on_gpu[frame] != 0);
            for (sum, lost) in self.lost_before.iter_mut().zip(block.lost_before[frame]) {
                *sum += u64::from(lost);
            }
            let [first, last] = self.unix_ns.unwrap_or([unix_ns; 2]);
            self.unix_ns = Some([first.min(unix_ns), last.max(unix_ns)]);
            let lost: u64 = block.lost_before[frame].iter().map(|lost| u64::from(*lost)).sum();
            match self.last {
                Some((before, before_ns)) if before == segment => {
                    self.in_segments.0 += 1;
                    self.in_segments.1 += (time_ns as f64 - before_ns as f64) * 1e-9;
                    self.slot += 1 + lost;
                }
                // Nobody knows how many frames lie between two runs of the camera.
                _ => self.slot += 1 + 3 * self.tau.unwrap_or(0),
            }
            self.last = Some((segment, time_ns));
            let time_s = (time_ns as f64 - *self.first_ns.get_or_insert(time_ns) as f64) * 1e-9;
            let in_tau = !self.other_rate.contains(&segment);
            for row in block.rows(frame) {
                let bead = usize::from(block.bead[row]);
                if self.beads.len() <= bead {
                    self.beads.resize_with(bead + 1, || None);
                }
                let (slot, tau) = (self.slot, self.tau);
                let pass = self.beads[bead].get_or_insert_with(|| Box::new(BeadPass::new(slot, tau)));
                pass.add(slot, time_s, in_tau, block.position_nm[row], block.row_flags[row]);
            }
        }
    }

    fn beads(&self, frames: u64, duration_s: f64, references: &[u32]) -> Vec<BeadRead> {
        let passes = self.beads.iter().enumerate().filter_map(|(bead, pass)| Some((bead, pass.as_deref()?)));
        let read = |(bead, pass): (usize, &BeadPass)| {
            let share = |count: u64| count as f64 / frames.max(1) as f64;
            let named = Flags::NAMES.iter().zip(&pass.flags).filter(|(_, count)| **count > 0);
            let of = |value: fn(&Noise) -> Option<f64>| [0, 1, 2].map(|axis: usize| value(&pass.noise[axis]));
            let allan = pass.allan.as_ref();
            BeadRead {
                bead: bead as u16,
                is_reference: references.contains(&(bead as u32)),
                rows: pass.rows,
                located: share(pass.located),
                with_z: share(pass.with_z),
                flags: named.map(|((_, name), count)| (*name, *count)).collect(),
                mean_nm: of(Noise::mean),
                drift_nm: of(Noise::slope).map(|slope| Some(slope? * duration_s)),
                deviation_nm: of(Noise::deviation),
                allan_nm: [0, 1, 2].map(|axis: usize| allan.and_then(|allan| allan[axis].deviation())),
            }
        };
        passes.map(read).collect()
    }
}

impl BeadPass {
    fn new(slot: u64, tau: Option<u64>) -> Self {
        Self {
            rows: 0,
            located: 0,
            with_z: 0,
            flags: [0; Flags::NAMES.len()],
            noise: Default::default(),
            allan: tau.map(|tau| [0; 3].map(|_| Allan::new(tau))),
            next: slot,
        }
    }

    fn add(&mut self, slot: u64, time_s: f64, in_tau: bool, position_nm: [f64; 3], flags: u32) {
        self.rows += 1;
        let [x, y, z] = position_nm.map(f64::is_finite);
        self.located += u64::from(x && y);
        self.with_z += u64::from(z);
        for (count, (flag, _)) in self.flags.iter_mut().zip(Flags::NAMES) {
            *count += u64::from(Flags(flags).contains(flag));
        }
        let missing = slot.saturating_sub(self.next);
        self.next = slot + 1;
        for (axis, value) in position_nm.into_iter().enumerate() {
            let value = Some(value).filter(|value| value.is_finite());
            if let Some(value) = value {
                self.noise[axis].add(time_s, value);
            }
            if let Some(allan) = &mut self.allan {
                allan[axis].skip(missing);
                allan[axis].add(value.filter(|_| in_tau));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_no_camera_has_gives_no_allan_deviation() {
        let tau = |rate_hz| {
            let (cause, exposure_us) = ("start".to_owned(), 1.0);
            Pass::new(&[SegmentRead { segment: 0, first_frame: 0, rate_hz, exposure_us, cause }]).tau
        };
        assert_eq!([100.0, 1e6, 0.4].map(tau), [Some(100), Some(1_000_000), None]);
        assert_eq!([f64::INFINITY, f64::NAN, 1e300, -100.0].map(tau), [None; 4]);
    }
}
