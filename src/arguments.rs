//! The command line as data. What each argument does is said here once and printed by `--help`.

use std::path::PathBuf;

use beadscope_engine::rig::DEFAULT_ROI_PX;
use beadscope_engine::settings::CommandLineOption;
use beadscope_engine::track::backend::{Backend, BackendRequest};
use beadscope_engine::video::Mode;
use beadscope_shaders::params::{MAX_ROI_PX, MIN_ROI_PX};
use beadscope_shaders::pipeline::{Method, Params};
use clap::builder::{PossibleValuesParser, RangedI64ValueParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand};

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
    /// Tracks images or stacks from disk.
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
    /// Makes a whole file of a recording that a crash or a power cut left behind.
    Recover(RecoverArguments),
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

/// Frames that make all pixels alike.
#[derive(Args, Clone)]
pub struct CorrectionArguments {
    /// Frames taken without light, of the size of those to correct: an image, a .npy or TIFF stack, or a folder of
    /// images. Their mean is subtracted.
    #[arg(long, value_name = "FILE")]
    pub dark: Option<PathBuf>,
    /// Frames taken with light and without a sample. What their mean shows to be uneven, in light or pixels, is evened
    /// out; dead pixels are replaced by their neighbours. Without --dark, black is taken to be grey level 0.
    #[arg(long, value_name = "FILE")]
    pub flat: Option<PathBuf>,
}

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
    /// Prints one JSON object at the end.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct TrackArguments {
    /// A .npy stack in which each image is one ROI; or, with --rois, an image, a stack or a folder of frames.
    pub input: PathBuf,
    /// The Z-LUT; FILE#K takes table K of a file that holds several. Without it x and y only.
    #[arg(long, value_name = "FILE[#K]")]
    pub zlut: Option<PathBuf>,
    /// Distance between the planes of a Z-LUT that does not say it, nm.
    #[arg(long, value_name = "NM")]
    pub z_step_nm: Option<f64>,
    /// Centres of the beads, from `beadscope find`.
    #[arg(long, value_name = "FILE.csv")]
    pub rois: Option<PathBuf>,
    /// Side of a ROI, px (default: what the ROI file says, or the size of the images).
    #[arg(long, value_name = "PX", value_parser = roi_px_parser())]
    pub roi_px: Option<u32>,
    /// How x and y are found.
    #[arg(long, default_value_t = Params::default().method, value_parser = method_parser())]
    pub method: Method,
    /// An option of the method magtrack under MagTrack's name, such as "lookup_z.n_local=9"; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_setting)]
    pub magtrack: Vec<(String, String)>,
    #[command(flatten)]
    pub correction: CorrectionArguments,
    #[command(flatten)]
    pub backend: BackendArguments,
    /// Size of a camera pixel in the sample, nm; needed for .h5 unless the Z-LUT says it.
    #[arg(long, value_name = "NM")]
    pub pixel_size_nm: Option<f64>,
    /// Where the positions go: .csv, .npy or .h5. Replaces a file of that name, but never an input or a
    /// recording. Images carry no time, so the times in .h5 are none, and its attribute `timestamps` says so.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Prints a summary as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Where tracking computes.
#[derive(Args, Clone)]
pub struct BackendArguments {
    /// What computes: auto is a GPU if there is one, else the CPU; gpu is never without one (default: what the rig says,
    /// else auto).
    #[arg(long, value_parser = backend_parser())]
    pub backend: Option<Backend>,
    /// Part of the name of the GPU that computes, as `beadscope doctor` lists them; the only way to a software adapter
    /// such as llvmpipe (default: the best GPU).
    #[arg(long, value_name = "NAME")]
    pub adapter: Option<String>,
}

impl BackendArguments {
    /// As settings.
    pub fn options(&self) -> [CommandLineOption; 2] {
        let name_of = |backend| Backend::NAMES.iter().find(|(known, _)| *known == backend);
        let backend = self.backend.and_then(name_of).map(|(_, name)| (*name).into());
        [
            ("--backend", "tracking.backend", backend),
            ("--adapter", "tracking.adapter", self.adapter.clone().map(Into::into)),
        ]
    }

    /// What is asked for.
    pub fn request(&self) -> BackendRequest {
        BackendRequest { backend: self.backend.unwrap_or_default(), adapter: self.adapter.clone() }
    }
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

#[derive(Subcommand)]
pub enum ZLutCommand {
    /// Builds a Z-LUT from images of one bead at known heights.
    Build(ZLutBuildArguments),
    /// Describes a Z-LUT: how well it tells heights apart, whether its planes agree, which errors it allows.
    Info(ZLutInfoArguments),
    /// Converts between .zlut.h5 (ours), .txt (MagScope), .radialzlut (QTrk) and reads image Z-LUTs.
    Convert(ZLutConvertArguments),
    /// Draws a Z-LUT.
    Plot(ZLutPlotArguments),
}

#[derive(Args)]
pub struct ZLutBuildArguments {
    /// Images of the bead: .npy, TIFF, or a folder of images.
    pub stack: PathBuf,
    /// Heights of the images, nm: .npy with one number an image.
    #[arg(long, value_name = "ZPOS.npy")]
    pub z: PathBuf,
    /// Centre of the bead, px (default: tracked in every image).
    #[arg(long, value_name = "X,Y", value_parser = parse_point)]
    pub center: Option<(f64, f64)>,
    /// The method whose profiles the Z-LUT holds: qi, for com, autoconv and fit as well, or magtrack (MagTrack 1.0.0).
    #[arg(long, default_value_t = Method::QuadrantInterpolation, value_parser = parser_of(ZLUT_METHODS))]
    pub method: Method,
    /// An option of the method magtrack under MagTrack's name, such as "radial_profile.oversample=2"; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_setting)]
    pub magtrack: Vec<(String, String)>,
    #[command(flatten)]
    pub correction: CorrectionArguments,
    /// Size of a camera pixel in the sample, nm.
    #[arg(long, value_name = "NM")]
    pub pixel_size_nm: Option<f64>,
    /// Where the Z-LUT goes: .zlut.h5, .txt or .radialzlut.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// A Z-LUT file, and what it may not say itself.
#[derive(Args)]
pub struct ZLutFile {
    /// The file; FILE#K takes table K of a file that holds several.
    #[arg(value_name = "FILE[#K]")]
    pub file: PathBuf,
    /// Which table, if the file holds several; from 0.
    #[arg(long)]
    pub bead: Option<usize>,
    /// Distance between planes, nm, if the file does not say it.
    #[arg(long, value_name = "NM")]
    pub z_step_nm: Option<f64>,
    /// Side of the ROI that the Z-LUT was made with, px, if the file does not say it.
    #[arg(long, value_name = "PX", value_parser = roi_px_parser())]
    pub roi_px: Option<u32>,
}

#[derive(Args)]
pub struct ZLutInfoArguments {
    #[command(flatten)]
    pub zlut: ZLutFile,
    /// Noise of one image for the attainable errors: standard deviation of a background pixel, grey levels (default: that
    /// of 5 000 photo-electrons at white and 7 of read noise).
    #[arg(long, value_name = "GREY", value_parser = parse_positive)]
    pub noise: Option<f64>,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct ZLutConvertArguments {
    #[command(flatten)]
    pub zlut: ZLutFile,
    /// Where the Z-LUT goes; the extension names the format.
    pub out: PathBuf,
}

#[derive(Args)]
pub struct ZLutPlotArguments {
    #[command(flatten)]
    pub zlut: ZLutFile,
    /// Where the picture goes.
    #[arg(long, value_name = "PNG")]
    pub out: PathBuf,
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
    #[arg(long, value_name = "HZ", default_value_t = 100.0)]
    pub rate_hz: f64,
    /// Side of the ROIs and of the Z-LUT's images, px.
    #[arg(long, value_name = "PX", default_value_t = DEFAULT_ROI_PX, value_parser = roi_px_parser())]
    pub roi_px: u32,
    /// A new folder: frames.npy, truth.csv, rois.csv, bead.zlut.h5 and a rig.toml that replays it. Nothing is replaced.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

#[derive(Subcommand)]
pub enum BenchCommand {
    /// Bead images per second, from pixels in memory to x, y, z.
    Track(BenchTrackArguments),
    /// The whole line, from the simulated camera to the recording, which is deleted: frames lost, latency, CPU. Prints what
    /// `beadscope run` prints.
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
    #[arg(long, value_name = "HZ", default_value_t = 1000.0)]
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
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct RecoverArguments {
    /// The folder of a run, its tracks.h5.partial, or its video.ome.zarr.
    pub run: PathBuf,
}

#[derive(Args)]
#[command(group(ArgGroup::new("what").required(true).multiple(true)))]
pub struct RigArguments {
    /// Prints a complete, commented rig.toml.
    #[arg(long, group = "what", exclusive = true)]
    pub example: bool,
    /// Checks a rig.toml and says what it opens.
    #[arg(long, value_name = "RIG.toml", group = "what", exclusive = true)]
    pub check: Option<PathBuf>,
    /// Prints every setting with its value, its range, where it comes from and what it would be otherwise.
    #[arg(long, group = "what", conflicts_with_all = ["set", "unset", "import_magscope"])]
    pub show: bool,
    /// Writes a setting into the user's own file, or with --rig into that: camera.rate_hz=200; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_setting, group = "what")]
    pub set: Vec<(String, String)>,
    /// Takes a setting out of the same file, so that it is inherited again; may be repeated.
    #[arg(long, value_name = "KEY", group = "what", conflicts_with = "import_magscope")]
    pub unset: Vec<String>,
    /// The instrument to show or to change.
    #[arg(long, value_name = "RIG.toml", conflicts_with = "import_magscope")]
    pub rig: Option<PathBuf>,
    /// With --rig: changes the user's own file all the same.
    #[arg(long, requires = "rig", conflicts_with = "show")]
    pub user: bool,
    /// Prints one JSON object; for --show.
    #[arg(long, requires = "show")]
    pub json: bool,
    /// Makes a rig.toml of MagScope's preferences, exported as YAML, and lists what has no counterpart.
    #[arg(long, value_name = "PREFS.yaml", group = "what", conflicts_with = "set")]
    pub import_magscope: Option<PathBuf>,
    /// Size of a pixel of the camera's chip, nm: divided by MagScope's magnification, it is that in the sample.
    #[arg(long, value_name = "NM", value_parser = parse_positive, requires = "import_magscope")]
    pub camera_pixel_nm: Option<f64>,
    /// Where the imported rig goes, a new file (default: standard output).
    #[arg(long, value_name = "RIG.toml", requires = "import_magscope")]
    pub out: Option<PathBuf>,
}

/// The sides of a ROI that can be tracked, px.
fn roi_px_parser() -> RangedI64ValueParser<u32> {
    RangedI64ValueParser::new().range(MIN_ROI_PX as i64..=MAX_ROI_PX as i64)
}

/// The methods that have a kind of profile of their own.
const ZLUT_METHODS: [Method; 2] = [Method::QuadrantInterpolation, Method::MagTrack];

/// All methods, by the names that they have everywhere.
fn method_parser() -> impl TypedValueParser<Value = Method> {
    parser_of(Method::NAMES.map(|(method, _)| method))
}

fn parser_of<const N: usize>(methods: [Method; N]) -> impl TypedValueParser<Value = Method> {
    PossibleValuesParser::new(methods.map(Method::name)).try_map(|name| name.parse::<Method>())
}

/// All back ends, by the names that they have everywhere.
fn backend_parser() -> impl TypedValueParser<Value = Backend> {
    PossibleValuesParser::new(Backend::NAMES.map(|(_, name)| name)).try_map(|asked| {
        let found = Backend::NAMES.iter().find(|(_, name)| *name == asked);
        found.map(|(backend, _)| *backend).ok_or("not a back end")
    })
}

/// A rate that frames can come at, Hz.
fn parse_rate(text: &str) -> Result<f64, String> {
    let rate_hz: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.01..=1e6).contains(&rate_hz) { Ok(rate_hz) } else { Err("0.01 to 1000000 Hz".to_owned()) }
}

/// `10s`, `5min`, `2h`, `500ms`; a bare number is seconds.
fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let split = text.find(|letter: char| letter.is_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds_per_unit = match unit {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("{unit:?} is not a unit of time: ms, s, min or h")),
    };
    let number: f64 = number.trim().parse().map_err(|_| format!("{number:?} is not a number"))?;
    let seconds = number * seconds_per_unit;
    if !(1e-3..=1e8).contains(&seconds) {
        return Err("a duration is from 1ms to 1e8 s".to_owned());
    }
    Ok(std::time::Duration::from_secs_f64(seconds))
}

/// `KEY=VALUE`.
fn parse_setting(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| format!("{text:?} is no setting: give KEY=VALUE"))?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// A number above 0.
fn parse_positive(text: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0);
    number.ok_or_else(|| format!("{text:?} is not a number above 0"))
}

/// `X,Y`.
fn parse_point(text: &str) -> Result<(f64, f64), String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    let point = text.split_once(',').and_then(|(x, y)| Some((number(x)?, number(y)?)));
    point.ok_or_else(|| format!("{text:?} is not a point: give X,Y in px"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("1.5min").unwrap().as_secs(), 90);
        assert_eq!(parse_duration("20").unwrap().as_secs(), 20);
        assert_eq!(parse_duration("250ms").unwrap().as_millis(), 250);
        for wrong in ["", "fast", "-1s", "0", "nan", "10 years"] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn settings() {
        let parsed = parse_setting("n auto_conv = 5").unwrap();
        assert_eq!(parsed, ("n auto_conv".to_owned(), "5".to_owned()));
        assert!(parse_setting("n auto_conv 5").is_err());
    }

    #[test]
    fn positive_numbers() {
        assert_eq!(parse_positive(" 2.5"), Ok(2.5));
        for wrong in ["", "0", "-1", "nan", "inf", "two"] {
            assert!(parse_positive(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn points() {
        assert_eq!(parse_point("1.5, -2"), Ok((1.5, -2.0)));
        for wrong in ["", "1", "1,nan", "a,b"] {
            assert!(parse_point(wrong).is_err(), "{wrong:?}");
        }
    }
}
