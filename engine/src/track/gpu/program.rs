//! The stages as pipelines, and the buffers that they share.

use beadscope_shaders::gpu::{
    Bead, Buffer, Place, Ring, SHARED_BYTES, SHARED_BYTES_PER_RING, Settings, Stage, Tables,
};
use wgpu::util::DeviceExt as _;

use super::GpuTrackError;
use crate::gpu::Gpu;

/// Largest buffer of one load: 4096 ROIs of 64 px as `f32`. Many more would keep a small device busy for longer than systems
/// let a dispatch take.
const LOAD_BYTES: u64 = 64 << 20;
/// The same on a card of its own, which works on thousands of ROIs side by side: with few more than those its units wait for
/// the last of each load.
const LOAD_BYTES_OF_A_CARD: u64 = 256 << 20;

/// Room of the settings in a staging buffer: copies start at multiples of this.
pub const SETTINGS_BYTES: u64 = 256;

/// Everything that stays the same from load to load.
pub struct Program {
    settings: Settings,
    buffers: Buffers,
    stages: Vec<Compiled>,
    shared: wgpu::BindGroup,
    capacity: usize,
    clock: Option<Clock>,
}

struct Buffers {
    settings: wgpu::Buffer,
    beads: wgpu::Buffer,
    pixels: wgpu::Buffer,
    raw: wgpu::Buffer,
    places: wgpu::Buffer,
    starts: wgpu::Buffer,
    offsets: wgpu::Buffer,
    profiles: wgpu::Buffer,
    zlut: wgpu::Buffer,
    model: wgpu::Buffer,
    rings: wgpu::Buffer,
}

struct Compiled {
    stage: Stage,
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    own: wgpu::BindGroup,
}

/// Times of the stages on the device.
struct Clock {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    ns_per_tick: f64,
}

impl Program {
    /// Compiles the stages and makes room for the beads of a load.
    pub fn new(gpu: &Gpu, tables: &Tables) -> Result<Self, GpuTrackError> {
        let device = &gpu.device;
        let capacity = capacity(&device.limits(), gpu.adapter.device_type, tables)?;
        let buffers = Buffers::new(device, tables, capacity as u64);
        let kinds = [BindingKind::Uniform, BindingKind::Written, BindingKind::Written];
        let shared_layout = layout(device, &kinds);
        let shared = bind(device, &shared_layout, &[&buffers.settings, &buffers.beads, &buffers.pixels]);
        let stages =
            tables.stages.iter().map(|stage| Compiled::new(gpu, &shared_layout, *stage, tables, &buffers));
        let stages = stages.collect();
        let clock = Clock::new(gpu, tables.stages.len());
        Ok(Self { settings: tables.settings, buffers, stages, shared, capacity, clock })
    }

    /// Runs every stage once, on no bead: drivers finish compiling at the first use, which must not be a frame.
    pub fn warm_up(&self, gpu: &Gpu) -> Result<(), GpuTrackError> {
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.clear_buffer(&self.buffers.settings, 0, None);
        for (index, compiled) in self.stages.iter().enumerate() {
            self.dispatch(&mut encoder, index, compiled, (1, 1));
        }
        gpu.queue.submit([encoder.finish()]);
        super::wait(gpu, None, super::first_patience(gpu))
    }

    fn dispatch(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        index: usize,
        compiled: &Compiled,
        (x, y): (u32, u32),
    ) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some(compiled.stage.name),
            timestamp_writes: self.clock.as_ref().map(|clock| clock.writes(index)),
        });
        pass.set_pipeline(&compiled.pipeline);
        pass.set_bind_group(0, &self.shared, &[]);
        pass.set_bind_group(1, &compiled.own, &[]);
        pass.dispatch_workgroups(x, y, 1);
    }

    /// Most beads of a load.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Most bytes of pixels that a load may bring.
    pub fn raw_limit(gpu: &Gpu) -> u64 {
        binding_limit(&gpu.device.limits())
    }

    /// The settings of a load of `n_beads`, whose pixels have `bits` and saturate at `max_level`.
    pub fn settings(&self, gpu: &Gpu, n_beads: usize, bits: u32, max_level: f32) -> Settings {
        let row_beads = (n_beads as u32).min(gpu.device.limits().max_compute_workgroups_per_dimension);
        Settings { n_beads: n_beads as u32, bits, row_beads, max_level, ..self.settings }
    }

    /// Makes sure that `bytes` of pixels as they come have room.
    pub fn make_room(&mut self, gpu: &Gpu, bytes: u64) {
        if self.buffers.raw.size() < bytes {
            self.buffers.raw = storage(&gpu.device, "raw", bytes);
            for compiled in &mut self.stages {
                compiled.own = bind_own(&gpu.device, &compiled.layout, compiled.stage, &self.buffers);
            }
        }
    }

    /// Writes down the work of a load: `staging`, with pixels from byte `raw_from` on, to the device, the stages, beads to
    /// `readback`.
    pub fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        settings: &Settings,
        (staging, raw_from): (&wgpu::Buffer, u64),
        readback: &wgpu::Buffer,
        raw_bytes: u64,
    ) {
        let n_beads = u64::from(settings.n_beads);
        let places_bytes = n_beads * size_of::<Place>() as u64;
        let Buffers { settings: settings_buffer, places, raw, beads, .. } = &self.buffers;
        encoder.copy_buffer_to_buffer(staging, 0, settings_buffer, 0, Some(size_of::<Settings>() as u64));
        encoder.copy_buffer_to_buffer(staging, SETTINGS_BYTES, places, 0, Some(places_bytes));
        encoder.copy_buffer_to_buffer(staging, raw_from, raw, 0, Some(raw_bytes));
        for (index, compiled) in self.stages.iter().enumerate() {
            let groups = (settings.row_beads, settings.n_beads.div_ceil(settings.row_beads));
            self.dispatch(encoder, index, compiled, groups);
        }
        let beads_bytes = n_beads * size_of::<Bead>() as u64;
        encoder.copy_buffer_to_buffer(beads, 0, readback, 0, Some(beads_bytes));
        if let Some(clock) = &self.clock {
            let ticks = 0..2 * self.stages.len() as u32;
            encoder.resolve_query_set(&clock.queries, ticks, &clock.resolved, 0);
            encoder.copy_buffer_to_buffer(
                &clock.resolved,
                0,
                readback,
                beads_bytes,
                Some(self.clock_bytes()),
            );
        }
    }

    /// How many stages there are.
    pub fn n_stages(&self) -> usize {
        self.stages.len()
    }

    /// Bytes of the stages' times behind the beads in a read-back buffer.
    pub fn clock_bytes(&self) -> u64 {
        if self.clock.is_some() { 16 * self.stages.len() as u64 } else { 0 }
    }

    /// Times of the stages, ns, from what came back behind the beads.
    pub fn stage_ns<'a>(&self, ticks: &'a [u64]) -> impl Iterator<Item = u64> + use<'a> {
        let ns_per_tick = self.clock.as_ref().map_or(0.0, |clock| clock.ns_per_tick);
        let (pairs, _) = ticks.as_chunks::<2>();
        pairs.iter().map(move |[from, to]| (to.saturating_sub(*from) as f64 * ns_per_tick) as u64)
    }
}

fn binding_limit(limits: &wgpu::Limits) -> u64 {
    // Indices are u32, of f32 at the largest.
    // Buffers are made in steps of 16 bytes.
    limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(u64::from(u32::MAX)) & !15
}

fn capacity(limits: &wgpu::Limits, kind: wgpu::DeviceType, tables: &Tables) -> Result<usize, GpuTrackError> {
    let limit = binding_limit(limits);
    let roi_px = u64::from(tables.settings.roi_px);
    let per_bead =
        (4 * roi_px * roi_px).max(16 * u64::from(tables.settings.fine.n_rings)).max(rings_bytes(tables));
    let rings_bytes_shared =
        (SHARED_BYTES_PER_RING * tables.constant("MAX_RINGS") as usize + SHARED_BYTES) as u64;
    let shared = u64::from(limits.max_compute_workgroup_storage_size);
    if rings_bytes_shared > shared {
        let what = "the rings of the Z-LUT";
        return Err(GpuTrackError::TooLarge { what, bytes: rings_bytes_shared, limit: shared });
    }
    let table_bytes = 4 * tables.zlut.len().max(tables.model.len()).max(2 * tables.offsets_px.len()) as u64;
    for (what, bytes) in [("an ROI", per_bead), ("a Z-LUT", table_bytes)] {
        if bytes > limit {
            return Err(GpuTrackError::TooLarge { what, bytes, limit });
        }
    }
    let load_bytes = if kind == wgpu::DeviceType::DiscreteGpu { LOAD_BYTES_OF_A_CARD } else { LOAD_BYTES };
    Ok((load_bytes.min(limit) / per_bead).max(1) as usize)
}

/// Of the narrow rings of a bead.
fn rings_bytes(tables: &Tables) -> u64 {
    (tables.rings_per_bead() * size_of::<Ring>()) as u64
}

fn storage(device: &wgpu::Device, label: &str, bytes: u64) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        // A binding must not be empty.
        size: bytes.next_multiple_of(16).max(16),
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    })
}

fn table(device: &wgpu::Device, label: &str, contents: &[u8]) -> wgpu::Buffer {
    let contents = if contents.is_empty() { &[0; 16] } else { contents };
    let usage = wgpu::BufferUsages::STORAGE;
    device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: Some(label), contents, usage })
}

impl Buffers {
    fn new(device: &wgpu::Device, tables: &Tables, capacity: u64) -> Self {
        let Settings { roi_px, fine, .. } = tables.settings;
        let roi_px = u64::from(roi_px);
        Self {
            settings: device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("settings"),
                size: SETTINGS_BYTES,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            }),
            beads: storage(device, "beads", capacity * size_of::<Bead>() as u64),
            pixels: storage(device, "pixels", capacity * 4 * roi_px * roi_px),
            raw: storage(device, "raw", 0),
            places: storage(device, "places", capacity * size_of::<Place>() as u64),
            starts: table(device, "starts", bytemuck::cast_slice(&tables.starts)),
            offsets: table(device, "offsets", bytemuck::cast_slice(&tables.offsets_px)),
            profiles: storage(device, "profiles", capacity * 16 * u64::from(fine.n_rings)),
            zlut: table(device, "zlut", bytemuck::cast_slice(&tables.zlut)),
            model: table(device, "model", bytemuck::cast_slice(&tables.model)),
            rings: storage(device, "rings", capacity * rings_bytes(tables)),
        }
    }

    fn get(&self, buffer: Buffer) -> &wgpu::Buffer {
        match buffer {
            Buffer::Raw => &self.raw,
            Buffer::Places => &self.places,
            Buffer::Starts => &self.starts,
            Buffer::Offsets => &self.offsets,
            Buffer::Profiles => &self.profiles,
            Buffer::ZLut => &self.zlut,
            Buffer::Model => &self.model,
            Buffer::Rings => &self.rings,
        }
    }
}

#[derive(Clone, Copy)]
enum BindingKind {
    Uniform,
    Read,
    Written,
}

fn layout(device: &wgpu::Device, kinds: &[BindingKind]) -> wgpu::BindGroupLayout {
    let entry = |(binding, kind): (usize, &BindingKind)| wgpu::BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: match kind {
                BindingKind::Uniform => wgpu::BufferBindingType::Uniform,
                BindingKind::Read => wgpu::BufferBindingType::Storage { read_only: true },
                BindingKind::Written => wgpu::BufferBindingType::Storage { read_only: false },
            },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    };
    let entries: Vec<_> = kinds.iter().enumerate().map(entry).collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
}

fn bind(device: &wgpu::Device, layout: &wgpu::BindGroupLayout, buffers: &[&wgpu::Buffer]) -> wgpu::BindGroup {
    let resources = buffers.iter().map(|buffer| buffer.as_entire_binding());
    let entries: Vec<_> =
        (0..).zip(resources).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
    device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
}

fn bind_own(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    stage: Stage,
    buffers: &Buffers,
) -> wgpu::BindGroup {
    let own: Vec<_> = stage.binds.iter().map(|buffer| buffers.get(*buffer)).collect();
    bind(device, layout, &own)
}

impl Compiled {
    fn new(
        gpu: &Gpu,
        shared: &wgpu::BindGroupLayout,
        stage: Stage,
        tables: &Tables,
        buffers: &Buffers,
    ) -> Self {
        let device = &gpu.device;
        let kind =
            |buffer: &Buffer| if buffer.is_written() { BindingKind::Written } else { BindingKind::Read };
        let kinds: Vec<_> = stage.binds.iter().map(kind).collect();
        let layout = layout(device, &kinds);
        let source = wgpu::ShaderSource::Wgsl(stage.source.into());
        let module =
            device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(stage.name), source });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(stage.name),
            bind_group_layouts: &[Some(shared), Some(&layout)],
            immediate_size: 0,
        });
        let constants: Vec<_> = stage.constants.iter().map(|name| (*name, tables.constant(name))).collect();
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(stage.name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some(stage.name),
            // Every stage writes before it reads.
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &constants,
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        let own = bind_own(device, &layout, stage, buffers);
        Self { stage, pipeline, layout, own }
    }
}

impl Clock {
    fn new(gpu: &Gpu, n_stages: usize) -> Option<Self> {
        if !gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        let count = 2 * n_stages as u32;
        let queries = gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("stages"),
            ty: wgpu::QueryType::Timestamp,
            count,
        });
        let resolved = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("stages"),
            size: u64::from(8 * count),
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        Some(Self { queries, resolved, ns_per_tick: f64::from(gpu.queue.get_timestamp_period()) })
    }

    fn writes(&self, stage: usize) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(2 * stage as u32),
            end_of_pass_write_index: Some(2 * stage as u32 + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use beadscope_shaders::pipeline::{Params, Tracker};
    use wgpu::DeviceType;

    use super::*;

    #[test]
    fn loads_are_larger_on_a_card_and_fit_what_can_be_bound() {
        let tables = Tables::new(&Tracker::new(64, &Params::default()).unwrap(), None).unwrap();
        let much = wgpu::Limits {
            max_storage_buffer_binding_size: 1 << 30,
            max_buffer_size: 1 << 30,
            ..wgpu::Limits::default()
        };
        let beads = |limits: &wgpu::Limits, kind| capacity(limits, kind, &tables).unwrap();
        assert_eq!(beads(&much, DeviceType::DiscreteGpu), 16_384);
        assert_eq!(beads(&much, DeviceType::IntegratedGpu), 4096);
        let little = wgpu::Limits { max_storage_buffer_binding_size: 1 << 20, ..much };
        assert_eq!(beads(&little, DeviceType::DiscreteGpu), 64);
    }
}
