//! Graphics adapters: what limits tracking on them, whether they find what the processor finds, and how fast.
//!
//! Each is tried on a thread of its own, so that a driver that hangs or panics is a finding, and not the end of `doctor`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use beadscope_shaders::pipeline::{Method, Params};
use bytemuck::Zeroable;
use tracing::subscriber::NoSubscriber;
use wgpu::DeviceType;

use super::{Finding, State};
use crate::bench::Film;
use crate::frame::FrameView;
use crate::gpu::{AdapterChoice, AdapterListing, Gpu, adapters};
use crate::track::cpu::CpuTracker;
use crate::track::difference::Difference;
use crate::track::gpu::GpuTracker;
use crate::tracks::TrackRow;

const ROI_PX: u32 = 64;
const BEADS: usize = 256;
/// Simulated frames.
const FRAMES: usize = 2;
/// Full loads that a GPU gets at once, from these frames over and over: enough that writing, computing and reading overlap as
/// they do in a run.
const LOADS: usize = 8;
/// Beads for a software adapter.
const FEW_BEADS: usize = 32;
/// How long tracking is timed.
const TIMED: Duration = Duration::from_millis(400);
/// The maker's number on the bus.
const NVIDIA: u32 = 0x10de;
/// A driver that needs longer for all of it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Simulated beads, and what the processor finds.
struct Sample {
    film: Film,
    cpu: CpuTracker,
    rows: Vec<TrackRow>,
    /// Bead images that the processor locates in a second.
    cpu_per_s: f64,
}

/// What an adapter finds.
struct Trial {
    per_s: f64,
    difference: Difference,
}

/// What there is, one or two findings an adapter, and what `auto` would take.
pub fn examine() -> Vec<Finding> {
    let all = adapters();
    if all.is_empty() {
        let advice = "install a Vulkan driver (Debian, Ubuntu: scripts/setup run); without one the window does not open";
        return vec![
            Finding::new("gpu", State::Warning, "no graphics adapter").advise(advice),
            auto(&all, has_nvidia()),
        ];
    }
    let mut findings = Vec::new();
    let sample = Sample::new().map(Arc::new);
    for listing in &all {
        findings.push(Finding::new("gpu", State::Ok, describe(listing)));
        findings.push(match &sample {
            Ok(sample) => judge(listing, sample.cpu_per_s, try_out(listing, sample)),
            Err(why) => Finding::new("gpu", State::Failed, format!("tracking cannot be tried: {why}"))
                .advise("please report this line"),
        });
    }
    findings.push(auto(&all, has_nvidia()));
    findings
}

/// Whether the kernel knows an NVIDIA GPU, which needs more than that to compute for us.
fn has_nvidia() -> bool {
    let mut devices = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    devices.any(|device| is_nvidia(&device.file_name().to_string_lossy()))
}

/// Containers are given any of a machine's GPUs, not the first ones. `nvidiactl` is there without a GPU.
fn is_nvidia(device: &str) -> bool {
    let number = device.strip_prefix("nvidia").unwrap_or_default();
    !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
}

fn auto(all: &[AdapterListing], has_nvidia: bool) -> Finding {
    let text = match AdapterChoice::Best.choose_among(all) {
        Ok(place) => format!("--backend auto tracks on {}", all[place].info.name),
        Err(_) => "--backend auto tracks on the CPU: there is no GPU".to_owned(),
    };
    if has_nvidia && !all.iter().any(|listing| listing.info.vendor == NVIDIA) {
        let text = text.replace(": there is no GPU", "");
        let text = format!("{text}, and not on the NVIDIA GPU of this machine: its Vulkan driver is missing");
        return Finding::new("gpu", State::Warning, text).advise(
            "install the Vulkan part of the driver in use (Debian: nvidia-vulkan-icd, Ubuntu: libnvidia-gl-VERSION) and \
             libvulkan1; in a container, start it with NVIDIA_DRIVER_CAPABILITIES=all",
        );
    }
    Finding::new("gpu", State::Ok, text)
}

fn describe(listing: &AdapterListing) -> String {
    let AdapterListing { info, limits, features, .. } = listing;
    let kind = match info.device_type {
        DeviceType::DiscreteGpu => "discrete",
        DeviceType::IntegratedGpu => "integrated",
        DeviceType::VirtualGpu => "virtual",
        DeviceType::Cpu => "software",
        DeviceType::Other => "unknown kind",
    };
    let subgroups = match (info.subgroup_min_size, info.subgroup_max_size) {
        _ if !features.contains(wgpu::Features::SUBGROUP) => "no subgroups".to_owned(),
        (least, most) if least == most => format!("subgroups of {least}"),
        (least, most) => format!("subgroups of {least} to {most}"),
    };
    let clock =
        if features.contains(wgpu::Features::TIMESTAMP_QUERY) { "timestamps" } else { "no timestamps" };
    format!(
        "{} ({kind}, {:?}, driver {}): binds {} MiB of a buffer of {} MiB; workgroups of {} with {} KiB; \
         {subgroups}; {clock}",
        info.name,
        info.backend,
        info.driver_info,
        limits.max_storage_buffer_binding_size >> 20,
        limits.max_buffer_size >> 20,
        limits.max_compute_invocations_per_workgroup,
        limits.max_compute_workgroup_storage_size >> 10
    )
}

fn judge(listing: &AdapterListing, cpu_per_s: f64, trial: Result<Trial, String>) -> Finding {
    let name = &listing.info.name;
    let update = "update its driver; until then track with --backend cpu";
    let Trial { per_s, difference } = match trial {
        Ok(trial) => trial,
        Err(why) => {
            return Finding::new("gpu", State::Failed, format!("{name} cannot track: {why}")).advise(update);
        }
    };
    let Difference { xy_px, z_nm, others, .. } = difference;
    let mut text = format!(
        "{name} tracks {} bead images/s (the CPU {}; qi with z, ROI {ROI_PX} px), and is off the CPU by at most \
         {xy_px:.0e} px and {z_nm:.0e} nm",
        rounded(per_s),
        rounded(cpu_per_s)
    );
    if others > 0 {
        text += &format!("; {others} beads are found by one of the two only, or with other flags");
    }
    if !difference.is_small() {
        Finding::new("gpu", State::Failed, text).advise(format!("its positions are wrong: {update}"))
    } else if listing.is_software() {
        Finding::new("gpu", State::Warning, text).advise(
            "a software adapter: it draws the window, but slowly; it tracks only when named with --adapter",
        )
    } else if per_s < cpu_per_s {
        Finding::new("gpu", State::Warning, text).advise("the CPU is faster here: track with --backend cpu")
    } else {
        Finding::new("gpu", State::Ok, text)
    }
}

/// Two digits are all that such a short trial tells.
fn rounded(per_s: f64) -> String {
    let step = 10f64.powf(per_s.max(10.0).log10().floor() - 1.0);
    format!("{:.0}", (per_s / step).round() * step)
}

/// On a thread that is left behind if it does not answer.
fn try_out(listing: &AdapterListing, sample: &Arc<Sample>) -> Result<Trial, String> {
    let (answer, answers) = sync_channel(1);
    let (listing, sample) = (listing.clone(), sample.clone());
    let attempt = move || {
        // wgpu panics where a driver breaks its word.
        let trial = catch_unwind(AssertUnwindSafe(|| {
            // How frames go up is of no interest here.
            tracing::subscriber::with_default(NoSubscriber::new(), || sample.track_on(&listing))
        }));
        // Nobody waits any more if it took too long.
        let _ = answer.send(trial.unwrap_or_else(|_| Err("the graphics library gave up".to_owned())));
    };
    let thread = std::thread::Builder::new().name("beadscope-doctor".to_owned()).spawn(attempt);
    thread.map_err(|error| format!("no thread: {error}"))?;
    let late = |_| format!("no answer within {} s", PATIENCE.as_secs());
    answers.recv_timeout(PATIENCE).unwrap_or_else(|error| Err(late(error)))
}

impl Sample {
    fn new() -> Result<Self, String> {
        let params = Params { method: Method::QuadrantInterpolation, ..Params::default() };
        let film = Film::new(ROI_PX, BEADS, FRAMES, &params).map_err(|error| error.to_string())?;
        let cpu = CpuTracker::new(ROI_PX, film.rois.clone(), &params, film.zlut.clone(), None)
            .map_err(|error| error.to_string())?;
        let mut rows = vec![TrackRow::zeroed(); BEADS * FRAMES];
        let views = film.views();
        let cpu_per_s = per_s(rows.len(), || {
            cpu.locate(FRAMES, &|frame| views.get(frame).copied(), &mut rows);
            Ok(())
        })?;
        drop(views);
        Ok(Self { film, cpu, rows, cpu_per_s })
    }

    fn track_on(&self, listing: &AdapterListing) -> Result<Trial, String> {
        let beads = if listing.is_software() { FEW_BEADS } else { BEADS };
        let gpu = Arc::new(Gpu::open_listed(listing).map_err(|error| error.to_string())?);
        let (kernels, rois) = (self.cpu.kernels(), self.cpu.rois()[..beads].into());
        let mut tracker = GpuTracker::new(gpu.clone(), kernels, rois, self.cpu.zlut(), None)
            .map_err(|error| error.to_string())?;
        let views: Vec<FrameView<'_>> = self.film.views();
        let view = |frame: usize| Some(views[frame % FRAMES]);
        // A software adapter would need seconds for a load.
        let load = if listing.is_software() { FRAMES } else { tracker.capacity().div_ceil(beads) };
        let mut rows = vec![TrackRow::zeroed(); beads * load * LOADS];
        let mut locate = |frames: usize| {
            let rows = &mut rows[..beads * frames];
            tracker.locate(frames, &view, rows).map_err(|error| error.to_string())
        };
        locate(load)?;
        let start = Instant::now();
        locate(load)?;
        let frames = load * loads_within(TIMED, start.elapsed());
        let per_s = per_s(beads * frames, || locate(frames))?;
        rows.truncate(beads * frames);
        if let Some(why) = gpu.lost() {
            return Err(why);
        }
        let expected: Vec<_> =
            (0..frames).flat_map(|frame| &self.rows[frame % FRAMES * BEADS..][..beads]).copied().collect();
        Ok(Trial { per_s, difference: Difference::of(&rows, &expected) })
    }
}

/// Loads of a round, where one alone takes `one`: no more than are done in about `time`.
fn loads_within(time: Duration, one: Duration) -> usize {
    (time.as_secs_f64() / one.as_secs_f64().max(1e-9)).clamp(1.0, LOADS as f64) as usize
}

/// How many `items` a second `round` does, after a round that warms up.
fn per_s(items: usize, mut round: impl FnMut() -> Result<(), String>) -> Result<f64, String> {
    round()?;
    let start = Instant::now();
    let mut rounds = 0;
    while start.elapsed() < TIMED {
        round()?;
        rounds += 1;
    }
    Ok((rounds * items) as f64 / start.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn llvmpipe() -> AdapterListing {
        adapters().into_iter().find(|listing| listing.info.name.contains("llvmpipe")).unwrap()
    }

    fn trial(per_s: f64, difference: Difference) -> Result<Trial, String> {
        Ok(Trial { per_s, difference })
    }

    #[test]
    fn wrong_positions_and_failures_are_failed_findings_with_advice() {
        let (software, mut real) = (llvmpipe(), llvmpipe());
        real.info.device_type = DeviceType::DiscreteGpu;
        let wrong = Difference { z_nm: 0.2, ..Difference::default() };
        for (listing, trial, state) in [
            (&real, trial(2e5, Difference::default()), State::Ok),
            (&real, trial(9e4, Difference::default()), State::Warning),
            (&software, trial(2e5, Difference::default()), State::Warning),
            (&real, trial(2e5, wrong.clone()), State::Failed),
            (&software, trial(2e5, wrong), State::Failed),
            (&real, Err("the graphics library gave up".to_owned()), State::Failed),
        ] {
            let finding = judge(listing, 1e5, trial);
            assert_eq!(finding.state, state, "{}", finding.text);
            let advice = finding.advice.unwrap_or_default();
            assert_eq!(advice.contains("update its driver"), state == State::Failed, "{advice}");
            assert_eq!(advice.is_empty(), state == State::Ok, "{advice}");
        }
    }

    #[test]
    fn the_choice_of_auto_is_told() {
        let mut real = llvmpipe();
        real.info.device_type = DeviceType::IntegratedGpu;
        real.info.name = "Card".to_owned();
        let told = auto(&[llvmpipe(), real], false);
        assert!(told.state == State::Ok && told.text.ends_with("tracks on Card"), "{told:?}");
        let told = auto(&[llvmpipe()], false);
        assert!(
            told.state == State::Ok && told.text.contains("tracks on the CPU: there is no GPU"),
            "{told:?}"
        );
    }

    #[test]
    fn an_nvidia_gpu_without_its_vulkan_driver_is_a_warning() {
        let mut real = llvmpipe();
        real.info.device_type = DeviceType::DiscreteGpu;
        for all in [vec![], vec![llvmpipe()], vec![llvmpipe(), real.clone()]] {
            let told = auto(&all, true);
            assert_eq!(told.state, State::Warning, "{told:?}");
            assert!(told.text.contains("not on the NVIDIA GPU") && !told.text.contains("no GPU"), "{told:?}");
            assert!(told.advice.unwrap().contains("NVIDIA_DRIVER_CAPABILITIES=all"));
        }
        real.info.vendor = NVIDIA;
        assert_eq!(auto(&[real], true).state, State::Ok);
    }

    #[test]
    fn a_containers_only_gpu_may_have_any_number() {
        let are = ["nvidia0", "nvidia12", "nvidia", "nvidiactl", "nvidia-uvm", "nvme0"].map(is_nvidia);
        assert_eq!(are, [true, true, false, false, false, false]);
    }

    #[test]
    fn a_fast_device_gets_several_loads_and_a_slow_one_a_single_one() {
        assert_eq!(loads_within(TIMED, Duration::from_millis(4)), LOADS);
        assert_eq!(loads_within(TIMED, Duration::from_millis(150)), 2);
        assert_eq!(loads_within(TIMED, Duration::from_secs(3)), 1);
    }

    #[test]
    fn a_software_adapter_tracks_what_the_processor_does() {
        let sample = Arc::new(Sample::new().unwrap());
        let Trial { per_s, difference } = try_out(&llvmpipe(), &sample).unwrap();
        assert!(per_s > 0.0 && difference.is_small() && difference.xy_px > 0.0, "{difference:?}");
        // The processor finds one bead elsewhere, by far less than a pixel.
        let mut other = Sample::new().unwrap();
        other.rows[FEW_BEADS / 2].x_px += 0.01;
        assert!(!try_out(&llvmpipe(), &Arc::new(other)).unwrap().difference.is_small());
    }

    #[test]
    fn two_digits_are_told() {
        assert_eq!([81_234.0, 1_249_000.0, 7.4, 0.0].map(rounded), ["81000", "1200000", "7", "0"]);
    }
}
