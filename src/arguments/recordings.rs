//! What `beadscope info`, `verify`, `compress`, `export` and `import` take.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::values::parse_positive;

#[derive(Args)]
pub struct InfoArguments {
    /// The folder of a run or its tracks.h5; a .partial one is described as far as it is whole.
    pub run: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct VerifyArguments {
    /// The folder of a run, its tracks.h5 or a .partial one.
    pub run: PathBuf,
}

#[derive(Args)]
pub struct CompressArguments {
    /// The folder of a run.
    pub run: PathBuf,
}

#[derive(Args)]
pub struct ExportArguments {
    /// The folder of a run or its tracks.h5; a .partial one is exported as far as it is whole.
    pub run: PathBuf,
    /// The format.
    #[arg(long, value_enum)]
    pub to: ExportFormat,
    /// Where it goes. Replaces a file of that name, but never a recording.
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
}

#[derive(Args)]
pub struct ImportArguments {
    /// A tracking file of MagScope (HDF5), or a trace of QTrk (binary or text).
    pub file: PathBuf,
    /// Side of a camera pixel in the sample plane, nm, which neither file tells.
    #[arg(long, value_name = "NM", value_parser = parse_positive)]
    pub pixel_size_nm: f64,
    /// A unit of x and y of a QTrk trace, nm: what the lab has configured; the pixel size if it was pixels.
    #[arg(long, value_name = "NM", value_parser = parse_positive, requires = "z_nm")]
    pub xy_nm: Option<f64>,
    /// A unit of z of a QTrk trace, nm.
    #[arg(long, value_name = "NM", value_parser = parse_positive, requires = "xy_nm")]
    pub z_nm: Option<f64>,
    /// Where it goes: a tracks.h5. Replaces an earlier import, but never a recording.
    #[arg(long, value_name = "FILE.h5")]
    pub out: PathBuf,
}

/// What other programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// frame,bead,x_px,y_px,z_nm,quality,flags,time_s; lines that start with # are metadata.
    Csv,
    /// MagScope's HDF5 file, with its group /tracking and nothing else.
    Magscope,
    /// The columns of csv with all digits, for pandas, polars, R and databases: a Parquet file; its metadata say pixel size and settings.
    Parquet,
    /// An HDF5 file that lumicks.pylake opens: channels x, y, z in nm in a group for each bead.
    Pylake,
    /// A new folder with the video as BigTIFF, for ImageJ: frames.tif, or bead_N.tif for each bead, and frames.csv with a line for each page.
    Tiff,
    /// A new folder for Tweezepy: of each bead the longest trace without a gap, in nm (.npy), and the Python that reads them.
    Tweezepy,
}
