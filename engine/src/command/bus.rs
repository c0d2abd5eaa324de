//! Carries commands out, one after the other, on the thread of whoever sends them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use beadscope_drivers::camera::{CameraConfig, CameraRequest};
use serde::Serialize;

use super::list::Command;
use super::spec::RangeError;
use super::{Event, Sender};
use crate::acquire::control::{Control, ControlError};
use crate::bead_set::{BeadError, BeadSet, Beads};
use crate::clock::{Clock, unix_ns_now};
use crate::instrument::run_folder;
use crate::ledger::Ledger;
use crate::record::error::RecordError;
use crate::record::info::RunInfo;
use crate::record::{RecorderHandle, rig_path, tracks_path};
use crate::replace::{self, Output};
use crate::rig::RecordingSection;
use crate::roi::Roi;
use crate::rois::{self, RoisError};
use crate::status::{EndReason, Health, Status};

/// Sends commands; as many as there are senders.
#[derive(Clone)]
pub struct CommandBus(Arc<Shared>);

struct Shared {
    parts: Parts,
    state: Mutex<State>,
    /// The beads of `state`, for those who only look: never locked for long.
    beads: Mutex<Beads>,
}

/// What commands act on.
pub(crate) struct Parts {
    pub(crate) status: Arc<Status>,
    pub(crate) recorder: RecorderHandle,
    pub(crate) camera: Arc<Control>,
    pub(crate) retarget: SyncSender<Retarget>,
    pub(crate) clock: Clock,
    pub(crate) info: RunInfo,
    /// Where recordings go that do not say it.
    pub(crate) recordings: RecordingSection,
}

/// Asks the tracking thread to track other ROIs from the next batch on.
pub(crate) struct Retarget {
    pub(crate) rois: Arc<[Roi]>,
    /// Gets the ROIs before, so that the tracking thread frees nothing.
    pub(crate) answer: SyncSender<Arc<[Roi]>>,
}

struct State {
    beads: BeadSet,
    /// The file that is recorded, or was last.
    file: Option<PathBuf>,
    /// Folder and name of the recording begun last.
    place: RecordingSection,
}

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
    /// A bead was added.
    Bead {
        /// Its number.
        bead: u32,
    },
    /// The beads are now these.
    Beads(Beads),
    /// How the session is doing.
    Health(Box<Health>),
}

/// Why a command was refused; nothing is changed then.
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
    /// The file is not replaced.
    #[error(transparent)]
    Replace(#[from] replace::Refused),
    /// The recorder refuses.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Nothing is recorded.
    #[error("no recording runs; start one with the command record.start")]
    NotRecording,
    /// A recording failed by itself before.
    #[error("the recording had stopped by itself: {0}")]
    RecordFailed(String),
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

impl CommandBus {
    pub(crate) fn new(parts: Parts, beads: BeadSet, file: Option<PathBuf>) -> Self {
        let place = parts.recordings.clone();
        let shown = Mutex::new(beads.now().clone());
        Self(Arc::new(Shared { parts, state: Mutex::new(State { beads, file, place }), beads: shown }))
    }

    /// Carries a command out and says what was done. It waits while another is carried out, for the recorder and the disk if
    /// it is about a recording, and for the tracking thread's next look, 20 ms at most, if it is about beads. What changes
    /// anything goes into the log and, while one runs, into the recording, also if it was refused.
    ///
    /// # Errors
    /// Why it was refused; nothing is changed then.
    pub fn send(&self, sender: Sender, command: Command) -> Result<Applied, CommandError> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = &self.0.parts;
        let session_ns = parts.clock.now_ns();
        let line = command.to_string();
        let is_question = command.is_question();
        // The recording that it ends should hold it.
        let ends_recording =
            matches!(command, Command::RecordStop {} | Command::RecordNext {} | Command::Stop {});
        let event = |answer: String| Event {
            session_ns,
            unix_ns: parts.clock.unix_ns(session_ns),
            sender,
            command: line.clone(),
            answer,
        };
        if ends_recording {
            parts.recorder.note(event(String::new()));
        }
        let done = command.check().map_err(Into::into).and_then(|()| state.carry_out(parts, command));
        self.shown().clone_from(state.beads.now());
        if !is_question {
            let answer = done.as_ref().map_or_else(ToString::to_string, ToString::to_string);
            tracing::info!("{} ({}): {answer}", line, sender.name());
            if !ends_recording {
                parts.recorder.note(event(answer));
            }
        }
        done
    }

    /// The beads that are tracked. It waits for no command.
    pub fn beads(&self) -> Beads {
        self.shown().clone()
    }

    fn shown(&self) -> MutexGuard<'_, Beads> {
        self.0.beads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn carry_out(&mut self, parts: &Parts, command: Command) -> Result<Applied, CommandError> {
        match command {
            Command::Acquire { on } => {
                parts.camera.acquire(on)?;
                Ok(Applied::Done)
            }
            Command::CameraSet { rate_hz, exposure_us } => {
                let request = CameraRequest { rate_hz, exposure_us, ..CameraRequest::default() };
                Ok(Applied::Camera(parts.camera.configure(request)?))
            }
            Command::RecordStart { folder, name } => {
                let mut place = parts.recordings.clone();
                place.folder = folder.map_or(place.folder, |folder| PathBuf::from(folder.trim()));
                place.name = name.unwrap_or(place.name);
                self.start_recording(parts, place)
            }
            Command::RecordStop {} => self.stop_recording(parts),
            Command::RecordNext {} => {
                self.stop_recording(parts)?;
                self.start_recording(parts, self.place.clone())
            }
            Command::RoiAdd { x_px, y_px } => {
                self.edit(parts, |beads| beads.add((x_px, y_px)).map(|bead| Applied::Bead { bead }))
            }
            Command::RoiMove { bead, dx_px, dy_px } => {
                self.edit_beads(parts, |beads| beads.shift(bead, (dx_px, dy_px)))
            }
            Command::RoiRemove { beads: gone } => self.edit_beads(parts, |beads| beads.remove(&gone)),
            Command::RoiClear {} => self.edit_beads(parts, BeadSet::clear),
            Command::RoiRenumber {} => self.edit_beads(parts, BeadSet::renumber),
            Command::RoiLoad { path } => self.load(parts, Path::new(&path)),
            Command::RoiSave { path } => self.save(Path::new(&path)),
            Command::RoiList {} => Ok(Applied::Beads(self.beads.now().clone())),
            Command::RoiUndo {} => self.edit_beads(parts, BeadSet::undo),
            Command::RoiRedo {} => self.edit_beads(parts, BeadSet::redo),
            Command::ReferenceSet { beads: references } => {
                self.edit_beads(parts, |beads| beads.set_references(&references))
            }
            // Their being in the recording is what they do.
            Command::Mark { .. } | Command::Note { .. } => match parts.status.is_recording() {
                true => Ok(Applied::Done),
                false => Err(CommandError::NotRecording),
            },
            Command::Health {} => Ok(Applied::Health(Box::new(parts.status.health()))),
            Command::Stop {} => {
                parts.status.end(EndReason::Asked);
                Ok(Applied::Done)
            }
        }
    }

    fn start_recording(&mut self, parts: &Parts, place: RecordingSection) -> Result<Applied, CommandError> {
        let folder = run_folder(&place.folder, &place.name, unix_ns_now()).map_err(|error| {
            CommandError::Io { action: "make a run folder", path: place.folder.clone(), error }
        })?;
        let file = tracks_path(&folder);
        let rig = rig_path(&folder);
        let begun = parts
            .recorder
            .begin(&file, || parts.info.create_file(&file, &self.beads.now().rois))
            .map_err(CommandError::from)
            .and_then(|()| {
                let written = std::fs::write(&rig, &parts.info.settings_toml);
                written.map_err(|error| CommandError::Io { action: "write", path: rig.clone(), error })
            });
        if let Err(error) = begun {
            // Only an empty folder goes this way.
            let _ = std::fs::remove_dir(&folder);
            return Err(error);
        }
        self.file = Some(file.clone());
        self.place = place;
        Ok(Applied::Recording { file })
    }

    fn stop_recording(&mut self, parts: &Parts) -> Result<Applied, CommandError> {
        match (parts.recorder.end(), &self.file) {
            (Some(ledger), Some(file)) => Ok(Applied::Recorded { file: file.clone(), ledger: ledger? }),
            _ => Err(parts
                .status
                .record_error()
                .map_or(CommandError::NotRecording, CommandError::RecordFailed)),
        }
    }

    fn edit_beads(
        &mut self,
        parts: &Parts,
        edit: impl FnOnce(&mut BeadSet) -> Result<(), BeadError>,
    ) -> Result<Applied, CommandError> {
        self.edit(parts, |beads| edit(beads).map(|()| Applied::Beads(beads.now().clone())))
    }

    /// Edits the beads and, if ROIs have changed, has the tracking thread track the new ones.
    fn edit(
        &mut self,
        parts: &Parts,
        edit: impl FnOnce(&mut BeadSet) -> Result<Applied, BeadError>,
    ) -> Result<Applied, CommandError> {
        let mut edited = self.beads.clone();
        let applied = edit(&mut edited)?;
        if edited.now().rois != self.beads.now().rois {
            let (answer, answers) = sync_channel(1);
            let retarget = Retarget { rois: edited.now().rois.clone(), answer };
            parts.retarget.send(retarget).map_err(|_| CommandError::Ended)?;
            answers.recv().map_err(|_| CommandError::Ended)?;
        }
        self.beads = edited;
        Ok(applied)
    }

    fn load(&mut self, parts: &Parts, path: &Path) -> Result<Applied, CommandError> {
        let roi_px = self.beads.roi_px();
        let read = match rois::read(path, None) {
            Err(RoisError::NoSize(_)) => rois::read(path, Some(roi_px)),
            read => read,
        }?;
        self.edit_beads(parts, |beads| beads.replace(read.into()))
    }

    fn save(&self, path: &Path) -> Result<Applied, CommandError> {
        replace::check(path, Output::Other)?;
        let roi_px = self.beads.roi_px();
        let beads = self.beads.now().rois.iter().map(|roi| {
            let (x_px, y_px) = roi.center_px();
            (roi.bead, x_px, y_px, f32::NAN)
        });
        let text = rois::to_csv(roi_px, &beads.collect::<Vec<_>>());
        let written = std::fs::write(path, text);
        written.map_err(|error| CommandError::Io {
            action: "write the ROIs",
            path: path.to_owned(),
            error,
        })?;
        Ok(Applied::Done)
    }
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
            Self::Bead { bead } => write!(f, "bead {bead}"),
            Self::Beads(Beads { rois, references }) => {
                write!(f, "{} beads, {} of them references", rois.len(), references.len())
            }
            Self::Health(health) => f.write_str(&serde_json::to_string(health).map_err(|_| fmt::Error)?),
        }
    }
}
