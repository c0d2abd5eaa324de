//! Tracking on a graphics processor: the stages of `beadscope_shaders::gpu`, one dispatch each for many beads at once.
//!
//! Runs on: the thread that calls [`GpuTracker::locate`], which alone talks to the queue for tracking, and rayon's workers of
//! that thread, which write pixels. Beads go in loads: while the device works on one, the next is written into mapped memory
//! and the rows of the one before are read. A session makes room for full loads at its start, so that a backlog meets none
//! that grows.

mod flight;
mod load;
mod program;

use std::sync::Arc;
use std::time::Duration;

use beadscope_shaders::flags::Flags;
use beadscope_shaders::gpu::{Bead, Place, Settings, Tables};
use beadscope_shaders::pipeline::Tracker;
use beadscope_shaders::zlut_match::MatchTable;

use crate::correction::Correction;
use crate::frame::FrameView;
use crate::gpu::Gpu;
use crate::roi::Roi;
use crate::tracks::TrackRow;

use flight::Flight;
use load::{Load, Loader, Upload};
use program::{Program, SETTINGS_BYTES};

/// Loads under way at once: one being written, one computed, one read.
const FLIGHTS: usize = 3;

/// Why tracking on a graphics processor cannot begin, or go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GpuTrackError {
    /// The method has no shaders.
    #[error("it has no kernels of the method {0}")]
    Method(String),
    /// Not even a single ROI fits a binding.
    #[error("{what} of {bytes} bytes is more than it can bind ({limit} bytes)")]
    TooLarge {
        /// What does not fit.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The adapter's limit.
        limit: u64,
    },
    /// The device is gone, out of memory, or refuses.
    #[error("{0}")]
    Device(String),
}

/// What went to the device and back since the tracker was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Loads.
    pub loads: u64,
    /// Dispatches.
    pub dispatches: u64,
    /// Bytes to the device.
    pub bytes_up: u64,
    /// Bytes from it.
    pub bytes_down: u64,
    /// Each stage with its time on the device, ns; 0 where it has no clock.
    pub stage_ns: Vec<(&'static str, u64)>,
}

/// Where the pixels of so many beads begin in what goes to the device: behind the settings and the places.
fn raw_from(n_beads: usize) -> u64 {
    (SETTINGS_BYTES + (n_beads * size_of::<Place>()) as u64).next_multiple_of(SETTINGS_BYTES)
}

/// Whether the device still works.
fn check(gpu: &Gpu) -> Result<(), GpuTrackError> {
    gpu.lost().map_or(Ok(()), |why| Err(GpuTrackError::Device(why)))
}

/// Waits until the device has done what was submitted up to `submission`, or all.
fn wait(
    gpu: &Gpu,
    submission: Option<wgpu::SubmissionIndex>,
    patience: Duration,
) -> Result<(), GpuTrackError> {
    let wait = wgpu::PollType::Wait { submission_index: submission, timeout: Some(patience) };
    let waited = gpu.device.poll(wait);
    // Why the device is gone says more than that waiting for it failed.
    check(gpu)?;
    waited.map(|_| ()).map_err(|error| GpuTrackError::Device(error.to_string()))
}

/// A device that needs longer for a load hangs. Until then no frame is tracked, so a card of its own, which is there for high
/// rates and does a load in some hundredths of a second, gets less time than a small one that may be busy with fits.
fn patience(gpu: &Gpu) -> Duration {
    match gpu.adapter.device_type {
        wgpu::DeviceType::DiscreteGpu => Duration::from_secs(1),
        // Slow without being stuck.
        wgpu::DeviceType::Cpu => Duration::from_secs(300),
        _ => Duration::from_secs(5),
    }
}

/// The same before there are frames, when drivers compile.
fn first_patience(gpu: &Gpu) -> Duration {
    patience(gpu).max(Duration::from_secs(5))
}

/// A load and what carries it.
struct Trip {
    flight: Flight,
    load: Load,
    /// What the processor has found of each bead: only where it looks at pixels.
    flags: Vec<Flags>,
}

/// Locates beads in frames on a graphics processor.
pub struct GpuTracker {
    gpu: Arc<Gpu>,
    loader: Loader,
    program: Program,
    /// As many as [`FLIGHTS`], each with as much room; none before room is made, and after a failure.
    trips: Vec<Trip>,
    /// Height of the first plane of the Z-LUT, nm.
    first_nm: f64,
    traffic: Traffic,
}

impl GpuTracker {
    /// Prepares to track `rois`, all of the size that `kernels` were made for, with their method.
    ///
    /// # Errors
    /// A method that has no shaders, or a device that refuses.
    pub fn new(
        gpu: Arc<Gpu>,
        kernels: &Tracker,
        rois: Arc<[Roi]>,
        zlut: Option<&MatchTable>,
        correction: Option<Arc<Correction>>,
    ) -> Result<Self, GpuTrackError> {
        let Some(tables) = Tables::new(kernels, zlut) else {
            return Err(GpuTrackError::Method(kernels.method().to_string()));
        };
        Self::with_tables(gpu, &tables, rois, correction)
    }

    /// The same for stages and tables at hand.
    ///
    /// # Errors
    /// A device that refuses.
    pub fn with_tables(
        gpu: Arc<Gpu>,
        tables: &Tables,
        rois: Arc<[Roi]>,
        correction: Option<Arc<Correction>>,
    ) -> Result<Self, GpuTrackError> {
        let program = Program::new(&gpu, tables)?;
        let roi_px = tables.settings.roi_px as usize;
        let loader = Loader::new(rois, roi_px, correction, Program::raw_limit(&gpu));
        let stage_ns = tables.stages.iter().map(|stage| (stage.name, 0)).collect();
        let traffic = Traffic { stage_ns, ..Traffic::default() };
        program.warm_up(&gpu)?;
        let first_nm = tables.first_nm;
        Ok(Self { gpu, loader, program, trips: Vec::new(), first_nm, traffic })
    }

    /// Makes room for full loads of frames like `frame`, whose pixels need not be there, whichever beads are tracked.
    pub(crate) fn make_room(&mut self, frame: &FrameView<'_>) {
        let capacity = self.program.capacity();
        let raw_bytes = self.loader.full_bytes(frame, capacity);
        let (up, down) = (raw_from(capacity) + raw_bytes, self.bytes_back(capacity));
        if self.trips.first().is_none_or(|trip| !trip.flight.holds(up, down)) {
            self.program.make_room(&self.gpu, raw_bytes);
            self.trips.clear();
            self.trips.extend((0..FLIGHTS).map(|_| Trip {
                flight: Flight::new(&self.gpu, up, down),
                load: Load::default(),
                flags: Vec::with_capacity(capacity),
            }));
        }
    }

    /// Beads of a full load.
    pub fn capacity(&self) -> usize {
        self.program.capacity()
    }

    /// Beads that keep the device busy while others are written and read.
    pub(crate) fn rows_at_once(&self) -> usize {
        FLIGHTS * self.capacity()
    }

    /// Tracks these from now on, all of the size of those before.
    pub(crate) fn set_rois(&mut self, rois: Arc<[Roi]>) {
        self.loader.rois = rois;
    }

    /// What went to the device and back so far.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Locates every bead in frames `0..frames` and fills `rows`, as [`super::cpu::CpuTracker::locate`] does.
    ///
    /// # Errors
    /// If the device fails. `rows` are then as good as unwritten.
    pub fn locate<'a>(
        &mut self,
        frames: usize,
        view: &(impl Fn(usize) -> Option<FrameView<'a>> + Sync),
        rows: &mut [TrackRow],
    ) -> Result<(), GpuTrackError> {
        debug_assert_eq!(rows.len(), self.loader.rois.len() * frames, "one row a bead and frame");
        let located = self.locate_in_loads(frames, view, rows);
        if located.is_err() {
            // What is under way, or mapped, is of no use any more.
            self.trips.clear();
        }
        located
    }

    fn locate_in_loads<'a>(
        &mut self,
        frames: usize,
        view: &(impl Fn(usize) -> Option<FrameView<'a>> + Sync),
        rows: &mut [TrackRow],
    ) -> Result<(), GpuTrackError> {
        let Some(any) = (0..frames).find_map(view).filter(|_| !rows.is_empty()) else { return Ok(()) };
        let capacity = self.program.capacity();
        let upload = self.loader.choose(&any, capacity);
        self.make_room(&any);
        let (mut next, mut sent, mut collected) = (0, 0, 0);
        while next < rows.len() || collected < sent {
            if next < rows.len() && sent - collected < FLIGHTS {
                let load = self.loader.plan(upload, &any, next..rows.len(), capacity);
                next = load.items.end;
                self.send(sent % FLIGHTS, load, &any, view)?;
                sent += 1;
            } else {
                self.collect(collected % FLIGHTS, view, rows)?;
                collected += 1;
            }
        }
        Ok(())
    }

    fn send<'a>(
        &mut self,
        trip: usize,
        load: Load,
        any: &FrameView<'a>,
        view: &(impl Fn(usize) -> Option<FrameView<'a>> + Sync),
    ) -> Result<(), GpuTrackError> {
        let n_beads = load.items.len();
        let (bits, max_level) = match load.upload {
            Upload::Levels => (32, f32::MAX),
            _ => (8 * any.format.bytes_per_px() as u32, f32::from(any.format.max_level())),
        };
        let settings = self.program.settings(&self.gpu, n_beads, bits, max_level);
        let raw_from = raw_from(n_beads);
        let down = self.bytes_back(n_beads);
        let Trip { flight, load: carried, flags } = &mut self.trips[trip];
        {
            let mut head = flight.cargo(0..raw_from)?;
            head.slice(..size_of::<Settings>()).copy_from_slice(bytemuck::bytes_of(&settings));
            let (places, _) = head.slice(SETTINGS_BYTES as usize..).into_chunks::<{ size_of::<Place>() }>();
            let places_of_load = self.loader.places(&load, any);
            places.into_slice(..n_beads).write_iter(places_of_load.map(bytemuck::cast));
        }
        self.loader.write(&load, view, (flight, raw_from), flags)?;
        let program = &self.program;
        flight.depart(&self.gpu, |encoder, staging, readback| {
            program.encode(encoder, &settings, (staging, raw_from), readback, load.raw_bytes);
        });
        self.traffic.loads += 1;
        self.traffic.dispatches += program.n_stages() as u64;
        self.traffic.bytes_up += raw_from + load.raw_bytes;
        self.traffic.bytes_down += down;
        *carried = load;
        Ok(())
    }

    fn collect<'a>(
        &mut self,
        trip: usize,
        view: &(impl Fn(usize) -> Option<FrameView<'a>> + Sync),
        rows: &mut [TrackRow],
    ) -> Result<(), GpuTrackError> {
        let n_beads = self.trips[trip].load.items.len();
        let down = self.bytes_back(n_beads);
        let (rois, first_nm) = (&self.loader.rois, self.first_nm);
        let (program, stage_ns) = (&self.program, &mut self.traffic.stage_ns);
        let Trip { flight, load, flags } = &mut self.trips[trip];
        flight.land(&self.gpu, down, |bytes| {
            let (beads, ticks) = bytes.split_at(n_beads * size_of::<Bead>());
            let beads: &[Bead] = bytemuck::cast_slice(beads);
            for (index, (row, bead)) in rows[load.items.clone()].iter_mut().zip(beads).enumerate() {
                let item = load.items.start + index;
                let Some(frame) = view(item / rois.len()) else { continue };
                let roi = &rois[item % rois.len()];
                *row = if roi.is_inside(frame.width_px, frame.height_px) {
                    let mut found = bead.localization(first_nm);
                    found.flags |= flags.get(index).copied().unwrap_or(Flags::NONE);
                    TrackRow::new(roi, &found)
                } else {
                    TrackRow::missing(roi, Flags::EDGE)
                };
            }
            for ((_, sum), ns) in stage_ns.iter_mut().zip(program.stage_ns(bytemuck::cast_slice(ticks))) {
                *sum += ns;
            }
        })
    }

    /// Bytes that come back of a load.
    fn bytes_back(&self, n_beads: usize) -> u64 {
        (n_beads * size_of::<Bead>()) as u64 + self.program.clock_bytes()
    }
}
