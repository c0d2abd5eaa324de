//! `beadscope rig`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::values::{parse_positive, parse_setting};

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
