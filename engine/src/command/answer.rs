//! What comes back for a command: what was done, or why it was not.

use std::fmt;
use std::path::PathBuf;

use beadscope_drivers::camera::CameraConfig;
use beadscope_zlut::FileError;
use serde::Serialize;

use super::spec::RangeError;
use crate::acquire::control::ControlError;
use crate::bead_set::{Added, BeadError, Beads};
use crate::hardware::{AxisReading, HardwareError};
use crate::ledger::Ledger;
use crate::locks::{LockError, LocksState, ZPhase};
use crate::magnets::{ForceError, ForceState, RampState};
use crate::record::error::RecordError;
use crate::replace::Refused;
use crate::rois::RoisError;
use crate::settings::{Change, Setting, SettingError};
use crate::status::Health;
use crate::track::heights::HeightsError;
use crate::zlut_sweep::{SweepError, ZLutInUse, ZLutSweep};

/// What a command has done.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// As it was told.
    Done,
    /// The camera has this now.
    Camera(CameraConfig),
    /// A recording runs.
    Recording {
        /// Its file.
        file: PathBuf,
    },
    /// A recording has ended.
    Recorded {
        /// Its file.
        file: PathBuf,
        /// Where its frames went.
        ledger: Ledger,
    },
    /// A recording has ended, and the next goes on without a frame between them.
    NextRecording {
        /// The next one's file.
        file: PathBuf,
        /// The file of the one before.
        before: PathBuf,
        /// Where its frames went.
        ledger: Ledger,
    },
    /// A bead was added.
    Bead {
        /// Its number.
        bead: u32,
    },
    /// Beads were added.
    Added(Added),
    /// A setting was changed.
    Setting(Change),
    /// These are all settings.
    Settings(Vec<Setting>),
    /// The beads are now these.
    Beads(Beads),
    /// Where the axes are.
    Axes(Vec<AxisReading>),
    /// The force of the magnets; `None` if nobody has said what it is.
    Force(Option<Box<ForceState>>),
    /// How the locks are doing.
    Locks(Box<LocksState>),
    /// Heights are looked up in this Z-LUT now.
    ZLut(ZLutInUse),
    /// A Z-LUT was written.
    ZLutSaved {
        /// The file.
        file: PathBuf,
        /// What its format does not keep, a sentence each.
        not_kept: Vec<String>,
    },
    /// How the focus sweep is going.
    ZLutState(Box<ZLutSweep>),
    /// How the session is doing.
    Health(Box<Health>),
}

/// Why a command was refused; nothing is changed then, but for [`Unfinished`](Self::Unfinished).
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// An argument is out of its range.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The camera does not do it.
    #[error(transparent)]
    Camera(#[from] ControlError),
    /// The beads cannot be changed so.
    #[error(transparent)]
    Bead(#[from] BeadError),
    /// The ROI file cannot be used.
    #[error(transparent)]
    Rois(#[from] RoisError),
    /// The file is something else, and stays.
    #[error("only ROI files are replaced, and this is none; choose another file: {}", .0.display())]
    NotRois(PathBuf),
    /// A place has a column and a row.
    #[error("{columns} columns and {rows} rows are no places; give as many y_px as x_px")]
    Unpaired {
        /// Columns given.
        columns: usize,
        /// Rows given.
        rows: usize,
    },
    /// The recorder refuses.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// An axis does not do it.
    #[error(transparent)]
    Hardware(#[from] HardwareError),
    /// The force is not had.
    #[error(transparent)]
    Force(#[from] ForceError),
    /// The lock cannot be switched on.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The sweep cannot be begun or ended, or has no such Z-LUT.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// The Z-LUT file cannot be read or written.
    #[error(transparent)]
    ZLutFile(#[from] FileError),
    /// Heights cannot be looked up in this Z-LUT, or not without one.
    #[error(transparent)]
    Heights(#[from] HeightsError),
    /// What is there is no Z-LUT, and stays.
    #[error(transparent)]
    Replace(#[from] Refused),
    /// A recording says with which Z-LUT all of its heights were found.
    #[error(
        "a recording keeps the Z-LUT that it began with; end it with the command record.stop, and start another afterwards"
    )]
    ZLutWhileRecording,
    /// One of the two.
    #[error("name a bead of the last sweep (bead=NUMBER) or a file (path=\"FILE\"), one of the two")]
    WhichZLut,
    /// There is none to save.
    #[error("no Z-LUT is in use; name a bead of the last sweep (bead=NUMBER)")]
    NoZLut,
    /// Nothing is recorded.
    #[error("no recording runs; start one with the command record.start")]
    NotRecording,
    /// There is no such setting, or it may not be that.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A running session was made with another value.
    #[error(
        "{0} takes effect when a session starts; change it in the rig or with: beadscope rig --set {0}=VALUE"
    )]
    NextSession(String),
    /// A recording failed by itself before.
    #[error("the recording had stopped by itself: {0}")]
    RecordFailed(String),
    /// The file before refused to be closed.
    #[error("the recording before could not be finished: {error}; the next one runs: {}", next.display())]
    Unfinished {
        /// Why.
        error: RecordError,
        /// The file that is recorded now.
        next: PathBuf,
    },
    /// The system refuses.
    #[error("cannot {action}: {error}; choose another place: {}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// The session has ended.
    #[error("the session has ended; start another")]
    Ended,
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Camera(CameraConfig { rate_hz, exposure_us, .. }) => {
                write!(f, "{rate_hz} Hz, exposure {exposure_us} µs")
            }
            Self::Recording { file } => write!(f, "recording: {}", file.display()),
            Self::Recorded { file, ledger } => {
                let (recorded, lost) = (ledger.recorded, ledger.total_lost());
                write!(f, "{recorded} frames recorded, {lost} lost: {}", file.display())
            }
            Self::NextRecording { file, before, ledger } => {
                let (recorded, lost) = (ledger.recorded, ledger.total_lost());
                let (file, before) = (file.display(), before.display());
                write!(f, "recording: {file}; {recorded} frames recorded, {lost} lost: {before}")
            }
            Self::Bead { bead } => write!(f, "bead {bead}"),
            Self::Added(Added { first, added, left_out }) => {
                match added {
                    0 => f.write_str("no bead added")?,
                    1 => write!(f, "bead {first} added")?,
                    _ => write!(f, "beads {first} to {} added", first + (*added as u32 - 1))?,
                }
                match left_out {
                    0 => Ok(()),
                    _ => write!(f, "; {left_out} left out: the session has no room for more"),
                }
            }
            Self::Beads(Beads { rois, references }) => {
                write!(f, "{} beads, {} of them references", rois.len(), references.len())
            }
            Self::Setting(Change { name, new, .. }) => write!(f, "{name} = {new}"),
            Self::Settings(settings) => {
                f.write_str(&serde_json::to_string(settings).map_err(|_| fmt::Error)?)
            }
            Self::Axes(axes) if axes.is_empty() => f.write_str("there are no axes"),
            Self::Axes(axes) => {
                for (place, AxisReading { info, state, target, .. }) in axes.iter().enumerate() {
                    let comma = if place > 0 { ", " } else { "" };
                    let unit = info.unit.symbol();
                    match state {
                        Some(state) => write!(f, "{comma}{} at {:.4} {unit}", info.name, state.position)?,
                        None => write!(f, "{comma}{} nobody knows where", info.name)?,
                    }
                    // No motor is so exact that more would say more.
                    let rounded = |target: f64| (target * 1e4).round() / 1e4;
                    target.map_or(Ok(()), |target| write!(f, " (to {})", rounded(target)))?;
                }
                Ok(())
            }
            Self::Force(None) => f.write_str("the force of the magnets is not known"),
            Self::Force(Some(state)) => {
                match state.force {
                    Some(force) => write!(f, "{:.3} pN", force.pn)?,
                    None => f.write_str("nobody knows where the magnets are")?,
                }
                if state.force.is_some_and(|force| !force.is_calibrated) {
                    f.write_str(" or beyond: the magnets are where nobody has calibrated them")?;
                }
                write!(f, ", from {}", state.source)?;
                match &state.ramp {
                    Some(ramp) if ramp.is_running => {
                        write!(f, "; a ramp goes to {} pN at {} pN/s", ramp.to_pn, ramp.rate_pn_per_s)
                    }
                    Some(RampState { failure: Some(why), .. }) => {
                        write!(f, "; the last ramp has ended: {why}")
                    }
                    _ => Ok(()),
                }
            }
            Self::Locks(locks) => {
                let xy = if locks.xy.is_on { "on" } else { "off" };
                write!(f, "XY-lock {xy}, {} ROIs moved; Z-lock ", locks.xy.moved)?;
                match (&locks.z.phase, locks.z.target_nm, locks.z.error_nm) {
                    (ZPhase::Off, ..) => f.write_str("off"),
                    (ZPhase::Lost(why), ..) => write!(f, "off: {why}"),
                    (_, Some(target_nm), Some(error_nm)) => {
                        write!(f, "holds {target_nm:.1} nm, off by {error_nm:.1} nm")
                    }
                    _ => f.write_str("waits for heights"),
                }
            }
            Self::ZLut(ZLutInUse { hash, planes, range_nm: [low, high], doubts, .. }) => {
                write!(f, "Z-LUT {hash}: {planes} planes from {low:.0} to {high:.0} nm")?;
                doubts.iter().try_for_each(|doubt| write!(f, "; {doubt}"))
            }
            Self::ZLutSaved { file, not_kept } => {
                write!(f, "written: {}", file.display())?;
                not_kept.iter().try_for_each(|lost| write!(f, "; {lost}"))
            }
            Self::ZLutState(state) => f.write_str(&serde_json::to_string(state).map_err(|_| fmt::Error)?),
            Self::Health(health) => f.write_str(&serde_json::to_string(health).map_err(|_| fmt::Error)?),
        }
    }
}
