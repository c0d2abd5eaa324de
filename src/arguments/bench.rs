//! `beadscope bench`.

use std::path::PathBuf;

use beadscope_engine::rig::DEFAULT_ROI_PX;
use beadscope_shaders::pipeline::{Method, Params};
use clap::builder::RangedI64ValueParser;
use clap::{Args, Subcommand};

use super::shared::BackendArguments;
use super::values::{method_parser, parse_duration, parse_rate, roi_px_parser};

#[derive(Subcommand)]
pub enum BenchCommand {
    /// Bead images per second, from pixels in memory to x, y, z.
    Track(BenchTrackArguments),
    /// The whole line, from the simulated camera to the recording, which is deleted: frames lost, latency, CPU. Prints what
    /// `beadscope run` prints, but no folder.
    Live(BenchLiveArguments),
    /// How much video a disk takes: whole frames, or the crops of beads. The video is deleted.
    Record(BenchRecordArguments),
}

#[derive(Args)]
pub struct BenchRecordArguments {
    /// Frames per second, Hz.
    #[arg(long, value_name = "HZ", default_value_t = 1000.0, value_parser = parse_rate)]
    pub rate_hz: f64,
    /// Columns of a frame, which has 8 bits a pixel.
    #[arg(long, value_name = "PX", default_value_t = 1024, value_parser = RangedI64ValueParser::<u32>::new().range(1..=16384))]
    pub width: u32,
    /// Rows of a frame.
    #[arg(long, value_name = "PX", default_value_t = 1024, value_parser = RangedI64ValueParser::<u32>::new().range(1..=16384))]
    pub height: u32,
    /// Writes crops of so many beads in place of whole frames.
    #[arg(long, value_parser = RangedI64ValueParser::<u32>::new().range(1..=65536))]
    pub beads: Option<u32>,
    /// Side of a crop, px.
    #[arg(long, value_name = "PX", default_value_t = DEFAULT_ROI_PX, value_parser = roi_px_parser())]
    pub roi_px: u32,
    /// How long to write.
    #[arg(long, value_parser = parse_duration, default_value = "5s")]
    pub duration: std::time::Duration,
    /// Folder on the disk to measure; the bench makes one of its own in it, and deletes that.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct BenchLiveArguments {
    /// Side of a ROI, px.
    #[arg(long, value_name = "PX", default_value_t = DEFAULT_ROI_PX, value_parser = roi_px_parser())]
    pub roi_px: u32,
    /// Beads in a frame, which is just large enough for them.
    #[arg(long, default_value_t = 24)]
    pub beads: u32,
    /// Frames per second of the camera, Hz.
    #[arg(long, value_name = "HZ", default_value_t = 1000.0, value_parser = parse_rate)]
    pub rate_hz: f64,
    /// How x and y are found.
    #[arg(long, default_value_t = Params::default().method, value_parser = method_parser())]
    pub method: Method,
    #[command(flatten)]
    pub backend: BackendArguments,
    /// How long to measure.
    #[arg(long, value_parser = parse_duration, default_value = "10s")]
    pub duration: std::time::Duration,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct BenchTrackArguments {
    /// Side of a ROI, px.
    #[arg(long, value_name = "PX", default_value_t = DEFAULT_ROI_PX, value_parser = roi_px_parser())]
    pub roi_px: u32,
    /// Beads in a frame.
    #[arg(long, default_value_t = 100)]
    pub beads: u32,
    /// Frames in memory.
    #[arg(long, default_value_t = 8)]
    pub frames: usize,
    /// How x and y are found.
    #[arg(long, default_value_t = Params::default().method, value_parser = method_parser())]
    pub method: Method,
    #[command(flatten)]
    pub backend: BackendArguments,
    /// Threads (default: all cores).
    #[arg(long)]
    pub threads: Option<usize>,
    /// How long to measure.
    #[arg(long, value_parser = parse_duration, default_value = "3s")]
    pub duration: std::time::Duration,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
}
