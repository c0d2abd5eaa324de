//! `beadscope run`.

use std::path::PathBuf;

use beadscope_engine::video::Mode;
use clap::Args;
use clap::builder::PossibleValuesParser;

use super::shared::{BackendArguments, CorrectionArguments};
use super::values::{parse_duration, roi_px_parser};

#[derive(Args)]
pub struct RunArguments {
    /// The instrument (default: the simulated microscope).
    #[arg(long, value_name = "RIG.toml")]
    pub rig: Option<PathBuf>,
    /// How long to run: 10s, 5min, 2h. Without it and --frames: until Ctrl-C or the camera ends.
    #[arg(long, value_parser = parse_duration, conflicts_with = "frames")]
    pub duration: Option<std::time::Duration>,
    /// How many frames to take.
    #[arg(long)]
    pub frames: Option<u64>,
    /// What to record: positions, the pixels of every ROI, whole frames (default: what the rig says, else track).
    #[arg(long, value_parser = PossibleValuesParser::new(Mode::NAMES.map(|(_, name)| name)))]
    pub mode: Option<String>,
    /// The ROIs (default: those of the rig, else found in the first frame).
    #[arg(long, value_name = "FILE.csv")]
    pub rois: Option<PathBuf>,
    /// The Z-LUT; FILE#K takes table K of a file that holds several (default: that of the rig; the simulated microscope
    /// makes its own).
    #[arg(long, value_name = "FILE[#K]")]
    pub zlut: Option<PathBuf>,
    /// Distance between the planes of a Z-LUT that does not say it, nm.
    #[arg(long, value_name = "NM")]
    pub z_step_nm: Option<f64>,
    #[command(flatten)]
    pub correction: CorrectionArguments,
    #[command(flatten)]
    pub backend: BackendArguments,
    /// Folder in which the run makes its own folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Frames per second of the camera, Hz.
    #[arg(long, value_name = "HZ")]
    pub rate_hz: Option<f64>,
    /// Beads of the simulated microscope.
    #[arg(long)]
    pub beads: Option<u32>,
    /// Side of a ROI, px (default: what the rig, else the ROI file says).
    #[arg(long, value_name = "PX", value_parser = roi_px_parser())]
    pub roi_px: Option<u32>,
    /// Carries out the commands in a file or pipe as they come, one a line, such as: mark text="magnets in". "-" is the
    /// standard input; `beadscope commands` lists them.
    #[arg(long, value_name = "FILE")]
    pub commands: Option<PathBuf>,
    /// Tries the motions of --commands against the rules of the rig, from where everything is now, and moves nothing: exits 1 and
    /// names the lines that would be refused.
    #[arg(long, requires = "commands")]
    pub rehearse: bool,
    /// Prints one JSON object at the end.
    #[arg(long)]
    pub json: bool,
}
