//! `beadscope track`.

use std::path::PathBuf;

use beadscope_shaders::pipeline::Method;
use clap::Args;

use super::shared::{BackendArguments, CorrectionArguments};
use super::values::{method_parser, parse_setting, roi_px_parser};

#[derive(Args)]
pub struct TrackArguments {
    /// A .npy stack in which each image is one ROI; or, with --rois, an image, a stack or a folder of frames. Or a run with
    /// video, which is tracked again as it was tracked live, but for what is said here.
    pub input: PathBuf,
    /// The Z-LUT; FILE#K takes table K of a file that holds several. Without it x and y only, or the Z-LUT of the run.
    #[arg(long, value_name = "FILE[#K]")]
    pub zlut: Option<PathBuf>,
    /// Distance between the planes of a Z-LUT that does not say it, nm.
    #[arg(long, value_name = "NM")]
    pub z_step_nm: Option<f64>,
    /// Centres of the beads, from `beadscope find` (default for a run: as they were filmed).
    #[arg(long, value_name = "FILE.csv")]
    pub rois: Option<PathBuf>,
    /// Side of a ROI, px (default: what the ROI file says, else the size of the images or that in the run).
    #[arg(long, value_name = "PX", value_parser = roi_px_parser())]
    pub roi_px: Option<u32>,
    /// How x and y are found (default: qi, or the method of the run).
    #[arg(long, value_parser = method_parser())]
    pub method: Option<Method>,
    /// An option of the method magtrack under MagTrack's name, such as "lookup_z.n_local=9"; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_setting)]
    pub magtrack: Vec<(String, String)>,
    #[command(flatten)]
    pub correction: CorrectionArguments,
    #[command(flatten)]
    pub backend: BackendArguments,
    /// Size of a camera pixel in the sample, nm; needed for .h5 unless the Z-LUT or the run says it.
    #[arg(long, value_name = "NM")]
    pub pixel_size_nm: Option<f64>,
    /// Where the positions go: .csv, .npy or .h5. Replaces a file of that name, but never an input or a
    /// recording. Images carry no time, so the times in .h5 are none, and its attribute `timestamps` says so; frames of a
    /// run keep their numbers and times, which .npy has no room for.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Prints a summary as one JSON object.
    #[arg(long)]
    pub json: bool,
}
