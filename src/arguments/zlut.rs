//! `beadscope zlut`.

use std::path::PathBuf;

use beadscope_shaders::pipeline::Method;
use clap::{Args, Subcommand};

use super::shared::CorrectionArguments;
use super::values::{ZLUT_METHODS, parse_point, parse_positive, parse_setting, parser_of, roi_px_parser};

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
