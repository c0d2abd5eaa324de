//! Pictures of the window's parts, drawn by the graphics adapter as the window is, and compared with those in `tests/snapshots`: what
//! no test of layout sees. After a change that is meant to be seen: `UPDATE_SNAPSHOTS=true cargo test -p beadscope-ui pictures`, and a
//! look at each picture that has changed.

use std::f64::consts::TAU;

use beadscope_engine::health::vitals::{Cpu, Vitals};
use beadscope_engine::latency::Percentiles;
use beadscope_engine::ledger::{Ledger, Lost};
use beadscope_engine::locks::{LocksState, XyState, ZPhase, ZState};
use beadscope_engine::roi::Roi;
use beadscope_engine::status::Health;
use beadscope_engine::track::backend::TrackedOn;
use beadscope_engine::tracks::{Flags, TrackRow};
use eframe::egui::{self, TexturesDelta, vec2};
use eframe::egui_wgpu::wgpu;
use eframe::egui_wgpu::{Renderer, RendererOptions, ScreenDescriptor};
use egui_kittest::{Harness, SnapshotOptions, TestRenderer};
use image::RgbaImage;

use crate::beads::Beads;
use crate::beads::tests::row;
use crate::history::History;
use crate::locking::Locking;
use crate::pace::Figures;
use crate::picture::Picture;
use crate::picture::tests::of_bytes;
use crate::plots::Plots;
use crate::status::{Facts, Status};
use crate::theme::{self, Look, Shade};
use crate::video::{Over, Video};

/// Pixels that may differ: adapters round the edges of letters and lines otherwise.
const MOST_OTHER: usize = 60;
const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// Draws with a software adapter if there is one: it is the same everywhere.
struct Painter {
    device: wgpu::Device,
    queue: wgpu::Queue,
    renderer: Renderer,
}

impl Painter {
    fn new() -> Self {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
        let is_hardware = |adapter: &wgpu::Adapter| adapter.get_info().device_type != wgpu::DeviceType::Cpu;
        let adapter = adapters.into_iter().min_by_key(is_hardware).expect("an adapter: see README.md");
        let (device, queue) =
            pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default())).unwrap();
        let renderer = Renderer::new(&device, FORMAT, RendererOptions::PREDICTABLE);
        Self { device, queue, renderer }
    }
}

impl TestRenderer for Painter {
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        for (id, images) in delta.set.drain() {
            for image in images {
                self.renderer.update_texture(&self.device, &self.queue, id, &image);
            }
        }
        delta.free.drain().for_each(|id| self.renderer.free_texture(&id));
    }

    fn render(&mut self, context: &egui::Context, output: &egui::FullOutput) -> Result<RgbaImage, String> {
        let scale = context.pixels_per_point();
        let size = context.content_rect().size() * scale;
        let size_px = [size.x.round() as u32, size.y.round() as u32];
        let screen = ScreenDescriptor { pixels_per_point: scale, size_in_pixels: size_px };
        let shapes = context.tessellate(output.shapes.clone(), scale);
        let extent = wgpu::Extent3d { width: size_px[0], height: size_px[1], depth_or_array_layers: 1 };
        let texture = self.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("picture"),
            size: extent,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: FORMAT,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let more = self.renderer.update_buffers(&self.device, &self.queue, &mut encoder, &shapes, &screen);
        {
            let attachment = wgpu::RenderPassColorAttachment {
                view: &view,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                    store: wgpu::StoreOp::Store,
                },
                depth_slice: None,
            };
            let descriptor =
                wgpu::RenderPassDescriptor { color_attachments: &[Some(attachment)], ..Default::default() };
            let mut pass = encoder.begin_render_pass(&descriptor).forget_lifetime();
            self.renderer.render(&mut pass, &shapes, &screen);
        }
        let row_bytes = (4 * size_px[0]).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("picture"),
            size: u64::from(row_bytes) * u64::from(size_px[1]),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let layout =
            wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row_bytes), rows_per_image: None };
        let into = wgpu::TexelCopyBufferInfo { buffer: &buffer, layout };
        encoder.copy_texture_to_buffer(texture.as_image_copy(), into, extent);
        self.queue.submit(more.into_iter().chain([encoder.finish()]));
        buffer.slice(..).map_async(wgpu::MapMode::Read, Result::unwrap);
        self.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|error| error.to_string())?;
        let bytes = buffer.slice(..).get_mapped_range().map_err(|error| error.to_string())?;
        let rows = bytes.chunks_exact(row_bytes as usize).map(|row| &row[..4 * size_px[0] as usize]);
        RgbaImage::from_raw(size_px[0], size_px[1], rows.flatten().copied().collect())
            .ok_or_else(|| "the picture has another size".to_owned())
    }
}

/// Draws a part of the window twice, so that all has its place, and compares.
fn compare(name: &str, size: [f32; 2], shade: Shade, mut draw: impl FnMut(&mut egui::Ui)) {
    let look = Look { shade, ..Look::default() };
    let mut harness =
        Harness::builder().with_size(vec2(size[0], size[1])).renderer(Painter::new()).build_ui(|ui| {
            theme::begin(ui.ctx(), &look);
            draw(ui);
        });
    (0..3).for_each(|_| harness.step());
    let options = SnapshotOptions::new().max_failed_pixels(MOST_OTHER);
    harness.snapshot_options(name, &options);
}

/// Three beads with rings: one selected, one a reference, one too near to the edge.
fn beads() -> Beads {
    let roi = |bead, left_px, top_px| Roi { bead, left_px, top_px, size_px: 64 };
    let mut beads = Beads::new(&[roi(0, 20, 20), roi(1, 120, 40), roi(2, 150, 100)], 100.0);
    beads.select(0);
    beads.all[1].is_reference = true;
    for (bead, x_px, y_px, flags) in
        [(0, 52.0, 50.0, 0), (1, 152.0, 72.0, 0), (2, 190.0, 132.0, Flags::EDGE.0)]
    {
        let Roi { left_px, top_px, .. } = beads.all[bead].roi;
        let row = TrackRow { x_px, y_px, corner_px: [left_px, top_px], ..row(bead as u32, flags) };
        assert_eq!(beads.take(bead, &row), Some(bead));
    }
    beads
}

fn rings() -> Picture {
    let (width_px, height_px) = (240, 180);
    let level = |x_px: usize, y_px: usize| {
        let ring = |center: (f64, f64)| {
            let r = (x_px as f64 - center.0).hypot(y_px as f64 - center.1);
            60.0 * (r / 4.0).cos() * (-r / 14.0).exp()
        };
        let sum: f64 = [(52.0, 50.0), (152.0, 72.0), (190.0, 132.0)].into_iter().map(ring).sum();
        // A corner that is over-exposed.
        if x_px > 200 && y_px < 30 { 255 } else { (110.0 + sum) as u8 }
    };
    let bytes = (0..width_px * height_px).map(|at| level(at % width_px, at / width_px)).collect();
    of_bytes(width_px, height_px, bytes)
}

/// Guards: grey levels in their places, ROIs with their colours and numbers (selected, reference, flagged), saturated pixels in red with
/// their number, crosses at positions, the scale bar.
#[test]
fn the_live_picture() {
    let (mut video, mut picture, mut beads) = (Video::default(), rings(), beads());
    compare("camera", [640.0, 480.0], Shade::Dark, |ui| {
        let over =
            Over { pixel_size_nm: 100.0, camera: "240 × 180 px, 8 bit", trails: &[], proposed: (&[], 0) };
        video.show(ui, &mut picture, &mut beads, &over);
    });
}

fn plots(name: &str, shade: Shade) {
    let mut history = History::new(3);
    for frame in 0..1000_u64 {
        // A second is missing.
        let time_s = 0.01 * frame as f64 + if frame < 600 { 0.0 } else { 1.0 };
        history.begin((1e9 * time_s) as u64, frame == 600);
        for bead in 0..3 {
            let phase = TAU * (0.2 + 0.1 * bead as f64) * time_s;
            let nm = 1000.0 * bead as f64;
            history.add(
                bead,
                [nm + 20.0 * phase.sin(), nm + 10.0 * phase.cos(), 300.0 + 50.0 * (0.5 * phase).sin()],
            );
        }
    }
    let mut beads = beads();
    beads.toggle(1);
    let mut plots = Plots::default();
    plots.marks.push((4.0, "magnets".to_owned()));
    compare(name, [760.0, 520.0], shade, |ui| {
        plots.show(ui, &mut beads, &history, &[], true);
    });
}

/// Guards: three panels with units, one colour for x, y and z each and another for a second bead, the gap, the marker.
#[test]
fn the_plots() {
    plots("plots", Shade::Dark);
}

/// Guards: that everything can be read on white too.
#[test]
fn the_plots_in_daylight() {
    plots("plots_light", Shade::Light);
}

/// Guards: both locks with their fields and units, what the Z-lock holds, and the drift.
#[test]
fn the_locks() {
    let mut locking = Locking::default();
    let state = |corrections: u64, error_nm| LocksState {
        xy: XyState { is_on: true, moved: 12, next_s: Some(4.0) },
        z: ZState {
            phase: ZPhase::Holding,
            beads: vec![1, 4],
            target_nm: Some(321.5),
            error_nm: Some(error_nm),
            corrections,
            focus_by_nm: 3.0 * corrections as f64,
            next_s: Some(0.5),
        },
        ..LocksState::default()
    };
    for correction in 0..60 {
        locking.take(2.0 * correction as f64, &state(correction, 6.0 * (0.3 * correction as f64).sin()));
    }
    compare("locking", [420.0, 640.0], Shade::Dark, |ui| {
        locking.show(ui, &state(60, -4.2), &[1, 4], true);
    });
}

/// Guards: that lost frames are white on red, with who has lost them; a slow camera and flagged beads in orange.
#[test]
fn the_bar_when_frames_were_lost() {
    let vitals = Vitals {
        unix_ns: 1,
        rate_hz: Some(431.0),
        asked_hz: 500.0,
        latency_10s_ms: Some(Percentiles { p50: 1.2, p99: 8.0, max: 12.5 }),
        cpu: Some(Cpu { process: 1.75, threads: Vec::new() }),
        ..Vitals::default()
    };
    let lost = Lost { camera: 12, ring_full: 3, ..Lost::default() };
    let ledger = Ledger { camera: 10_000, received: 9_985, tracked: 9_985, lost, ..Ledger::default() };
    let on = TrackedOn { backend: "cpu", ..TrackedOn::default() };
    let mut status = Status::default();
    status.settle(Health { vitals, ledger, on, ..Health::default() });
    let facts = Facts {
        beads: (100, 2),
        newest_s: 23.0,
        is_recording: true,
        missed: 0,
        locks: Some(("XY+Z -4 nm".to_owned(), false)),
        disk: (None, false),
        under_way: None,
        display: (40.0, Figures::default(), Figures::default()),
    };
    compare("status_lost", [1360.0, 40.0], Shade::Dark, |ui| status.show(ui, &facts));
}
