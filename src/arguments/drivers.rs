//! `beadscope drivers`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub enum DriversCommand {
    /// Lists the drivers of cameras and motors; of one motor driver, all that a rig may say.
    List(DriversListArguments),
    /// Checks that a driver does what Beadscope relies on: on its simulated device, or on a real one.
    Check(DriversCheckArguments),
    /// Runs a simulated controller behind a pseudo-terminal, for Beadscope or any other program to talk to, until Ctrl-C.
    Simulate(DriversSimulateArguments),
}

#[derive(Args)]
pub struct DriversListArguments {
    /// A driver of motors.
    pub name: Option<String>,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct DriversCheckArguments {
    /// The driver.
    pub name: String,
    /// The port of a real device (default: a simulated device).
    #[arg(long, value_name = "PORT")]
    pub port: Option<String>,
    /// A file with the [[motors.controllers]] table of the device, without its name (default, for a simulated device: the driver's
    /// example); of a camera its [camera.settings].
    #[arg(long, value_name = "FILE.toml")]
    pub settings: Option<PathBuf>,
    /// The part of its range by which each axis of a real device may be moved, 0 to 1 (default: nothing moves).
    #[arg(long, value_name = "PART", default_value_t = 0.0)]
    pub may_move: f64,
    /// Homes an axis of a real device that has no reference; it may go all of its way.
    #[arg(long, requires = "may_move")]
    pub may_home: bool,
    /// Writes what went over the port into a file.
    #[arg(long, value_name = "FILE")]
    pub transcript: Option<PathBuf>,
    /// Prints one JSON array.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct DriversSimulateArguments {
    /// The driver of motors.
    pub name: String,
    /// Where to make the link to the pseudo-terminal (default: a new name in the folder for temporary files).
    #[arg(long, value_name = "LINK")]
    pub pty: Option<PathBuf>,
    /// A file with the [[motors.controllers]] table of the device, without its name (default: the driver's example).
    #[arg(long, value_name = "FILE.toml")]
    pub settings: Option<PathBuf>,
}
