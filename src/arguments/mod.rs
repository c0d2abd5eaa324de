//! The command line as data. What each argument does is said here once and printed by `--help`.

mod bench;
mod drivers;
mod recordings;
mod rig;
mod run;
mod shared;
mod track;
mod values;
mod zlut;

use std::path::PathBuf;

use beadscope_engine::rig::DEFAULT_ROI_PX;
use clap::{Args, Parser, Subcommand};

pub use self::bench::{BenchCommand, BenchLiveArguments, BenchRecordArguments, BenchTrackArguments};
pub use self::drivers::{
    DriversCheckArguments, DriversCommand, DriversListArguments, DriversSimulateArguments,
};
pub use self::recordings::{
    CompressArguments, ExportArguments, ExportFormat, ImportArguments, InfoArguments, VerifyArguments,
};
pub use self::rig::RigArguments;
pub use self::run::RunArguments;
pub use self::shared::CorrectionArguments;
pub use self::track::TrackArguments;
use self::values::{parse_point, parse_rate, roi_px_parser};
pub use self::zlut::{
    ZLutBuildArguments, ZLutCommand, ZLutConvertArguments, ZLutFile, ZLutInfoArguments, ZLutPlotArguments,
};

/// Runs a magnetic-tweezers microscope: films beads, tracks them in x, y, z, and loses nothing.
///
/// Without a command it opens the window; with no rig it runs the simulated microscope.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub window: WindowArguments,
}

#[derive(Subcommand)]
pub enum Command {
    /// Runs the instrument without a window and records.
    Run(RunArguments),
    /// Tracks images or stacks from disk, or the video of a run again.
    Track(TrackArguments),
    /// Finds the beads in an image.
    Find(FindArguments),
    /// Builds, describes, converts and draws Z look-up tables.
    Zlut {
        #[command(subcommand)]
        command: ZLutCommand,
    },
    /// Writes simulated frames with the true positions beside them.
    Simulate(SimulateArguments),
    /// Measures how fast this machine is.
    Bench {
        #[command(subcommand)]
        command: BenchCommand,
    },
    /// Lists the commands that a running instrument obeys, with arguments, units and ranges.
    Commands(CommandsArguments),
    /// Says what works here, what does not, and what to do about it.
    Doctor(DoctorArguments),
    /// Drivers of cameras and motors: which there are, whether they work, simulated controllers.
    Drivers {
        #[command(subcommand)]
        command: DriversCommand,
    },
    /// Makes a whole file of a recording that a crash or a power cut left behind.
    Recover(RecoverArguments),
    /// Describes a recording: when, with what, where its frames went, how its beads move.
    Info(InfoArguments),
    /// Checks that a recording is whole; exits 1 and prints one line for each thing that is wrong.
    Verify(VerifyArguments),
    /// Makes the video of a run smaller, without loss, and reads it back before the larger one goes. It can be stopped and goes on
    /// from there.
    Compress(CompressArguments),
    /// Writes a recording in the format of another program.
    Export(ExportArguments),
    /// Makes a recording of the file of another program, MagScope or QTrk, for info, verify, export and scripts.
    Import(ImportArguments),
    /// Settings: an example, what holds and why, changes, MagScope's preferences.
    Rig(RigArguments),
}

#[derive(Args)]
pub struct WindowArguments {
    /// The instrument (default: the simulated microscope).
    #[arg(long, value_name = "RIG.toml")]
    pub rig: Option<PathBuf>,
    /// Folder for recordings.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Args)]
pub struct FindArguments {
    /// An image, or a stack whose first frame is taken.
    pub image: PathBuf,
    /// Side of a ROI, px.
    #[arg(long, value_name = "PX", value_parser = roi_px_parser())]
    pub roi_px: u32,
    /// Centre of one good bead, px; others must look like it. Without it, any ringed round thing is a bead.
    #[arg(long, value_name = "X,Y", value_parser = parse_point)]
    pub seed: Option<(f64, f64)>,
    /// Least score, 0 to 1 (default: chosen from the scores).
    #[arg(long)]
    pub threshold: Option<f32>,
    #[command(flatten)]
    pub correction: CorrectionArguments,
    /// Where the list goes (default: standard output).
    #[arg(long, value_name = "FILE.csv")]
    pub out: Option<PathBuf>,
    /// Also lists what was left out, with the reason, on standard error.
    #[arg(long)]
    pub explain: bool,
}

#[derive(Args)]
pub struct SimulateArguments {
    /// Beads in the field.
    #[arg(long, default_value_t = 50)]
    pub beads: u32,
    /// Frames to write.
    #[arg(long, default_value_t = 100)]
    pub frames: u64,
    /// Same seed, same frames.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Frames per second, Hz.
    #[arg(long, value_name = "HZ", default_value_t = 100.0, value_parser = parse_rate)]
    pub rate_hz: f64,
    /// Side of the ROIs and of the Z-LUT's images, px.
    #[arg(long, value_name = "PX", default_value_t = DEFAULT_ROI_PX, value_parser = roi_px_parser())]
    pub roi_px: u32,
    /// A new folder: frames.npy, truth.csv, rois.csv, bead.zlut.h5 and a rig.toml that replays it. Nothing is replaced.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

#[derive(Args)]
pub struct CommandsArguments {
    /// Lists MagScope's commands, with what stands for them here.
    #[arg(long)]
    pub magscope: bool,
    /// Prints one JSON array.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct DoctorArguments {
    /// Folder where recordings would go.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// Opens every serial port and asks who is there; opening resets some controllers, those on Arduino boards.
    #[arg(long)]
    pub ask_ports: bool,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct RecoverArguments {
    /// The folder of a run, its tracks.h5.partial, or its video.ome.zarr.
    pub run: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
