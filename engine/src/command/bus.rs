//! Carries commands out, one after the other, on the thread of whoever sends them.

mod begun;
mod zlut;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use beadscope_drivers::camera::{CameraConfig, CameraRequest};

use super::Sender;
use super::answer::{Applied, CommandError};
use super::list::Command;
use crate::acquire::control::Control;
use crate::bead_set::{BeadError, BeadSet, Beads};
use crate::clock::Clock;
use crate::cut::Cut;
use crate::frame::FrameHeader;
use crate::hardware::HardwareHandle;
use crate::locks::{LockError, Locks};
use crate::magnets::Forces;
use crate::record::RecorderHandle;
use crate::record::error::RecordError;
use crate::record::info::{RunInfo, camera_text};
use crate::rig::RecordingSection;
use crate::ring::monitor::Monitor;
use crate::roi::Roi;
use crate::rois::{self, RoisError};
use crate::run_folder::RunFolder;
use crate::settings::Settings;
use crate::settings::keys::Applies;
use crate::status::{EndReason, Status};
use crate::track::heights::Heights;
use crate::video::film::{Ended, VideoHandle};
use crate::video::plan::Plan;
use crate::video::store::Store;
use crate::zlut_sweep::{Asked, SETTLE_MS, Sweeps};

pub use begun::Begun;

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
    pub(crate) hardware: HardwareHandle,
    pub(crate) forces: Forces,
    /// Counts the frames of the frame ring.
    pub(crate) frames: Monitor<FrameHeader>,
    pub(crate) clock: Clock,
    pub(crate) info: RunInfo,
    /// What was found out when the instrument was opened.
    pub(crate) notes: Vec<String>,
    /// Where the session films.
    pub(crate) video: Option<(Plan, VideoHandle)>,
    /// Beads are located.
    pub(crate) tracks: bool,
    /// ROIs and a focus that follow beads.
    pub(crate) locks: Locks,
    /// Focus sweeps, and the Z-LUT in use.
    pub(crate) sweeps: Sweeps,
}

/// Asks the tracking thread for something else from the next batch on. What there was before is the answer, so that the
/// tracking thread frees nothing.
pub(crate) enum Retarget {
    /// Tracks these ROIs.
    Rois(Arc<[Roi]>, SyncSender<Arc<[Roi]>>),
    /// Looks heights up in these.
    Heights(Box<Heights>, SyncSender<Box<Heights>>),
}

struct State {
    beads: BeadSet,
    /// The file that is recorded, or was last.
    file: Option<PathBuf>,
    /// Folder and name of the recording begun last.
    place: RecordingSection,
    settings: Settings,
    /// What a recording says of a Z-LUT that is not that of the settings.
    zlut_note: Option<String>,
}

impl CommandBus {
    pub(crate) fn new(parts: Parts, beads: BeadSet, settings: Settings, file: Option<PathBuf>) -> Self {
        let place = settings.rig().recording.clone();
        let shown = Mutex::new(beads.now().clone());
        let state = Mutex::new(State { beads, file, place, settings, zlut_note: None });
        Self(Arc::new(Shared { parts, state, beads: shown }))
    }

    /// Carries a command out and says what was done. It waits while another is carried out, for the recorder and the disk if
    /// it is about a recording, and for the tracking thread's next look, 20 ms at most, if it is about beads. What changes
    /// anything goes into the log and, while one runs, into the recording, also if it was refused.
    ///
    /// # Errors
    /// Why it was refused; nothing is changed then.
    pub fn send(&self, sender: Sender, command: Command) -> Result<Applied, CommandError> {
        self.begin(sender, command).finish()
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
    fn carry_out(
        &mut self,
        parts: &Parts,
        sender: Sender,
        command: Command,
    ) -> Result<Applied, CommandError> {
        match command {
            Command::Acquire { on } => {
                parts.camera.acquire(on)?;
                Ok(Applied::Done)
            }
            Command::CameraSet { rate_hz: None, exposure_us: None } => {
                Ok(Applied::Camera(parts.camera.config()))
            }
            Command::CameraSet { rate_hz, exposure_us } => {
                let config = self.set_camera(parts, rate_hz, exposure_us)?;
                Ok(Applied::Camera(config))
            }
            Command::SettingSet { name, value } => self.set(parts, &name, &value),
            Command::SettingList {} => Ok(Applied::Settings(self.settings.all())),
            Command::RecordStart { folder, name } => {
                let mut place = self.settings.rig().recording.clone();
                place.folder = folder.map_or(place.folder, |folder| PathBuf::from(folder.trim()));
                place.name = name.unwrap_or(place.name);
                self.start_recording(parts, place)
            }
            Command::RecordStop {} => self.stop_recording(parts),
            Command::RecordNext {} => self.next_recording(parts),
            Command::RoiAdd { x_px, y_px } => {
                self.edit(parts, |beads| beads.add((x_px, y_px)).map(|bead| Applied::Bead { bead }))
            }
            Command::RoiAddSeveral { x_px, y_px, as_fits } => {
                if x_px.len() != y_px.len() {
                    return Err(CommandError::Unpaired { columns: x_px.len(), rows: y_px.len() });
                }
                let centers_px: Vec<(f64, f64)> = x_px.into_iter().zip(y_px).collect();
                let as_fits = as_fits.unwrap_or(false);
                self.edit(parts, |beads| beads.add_several(&centers_px, as_fits).map(Applied::Added))
            }
            Command::RoiMove { bead, dx_px, dy_px } => {
                self.edit_beads(parts, |beads| beads.shift(&[bead], (dx_px, dy_px)))
            }
            Command::RoiMoveSeveral { beads: moved, dx_px, dy_px } => {
                self.edit_beads(parts, |beads| beads.shift(&moved, (dx_px, dy_px)))
            }
            Command::RoiRemove { beads: gone } => self.edit_beads(parts, |beads| beads.remove(&gone)),
            Command::RoiClear {} => self.edit_beads(parts, BeadSet::clear),
            Command::RoiRenumber {} => self.edit_beads(parts, BeadSet::renumber),
            Command::RoiLoad { path } => self.load(parts, Path::new(&path)),
            Command::RoiSave { path } => self.save(Path::new(&path)),
            Command::RoiCenter { beads } => self.center(parts, sender, beads),
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
            // Sent on before; the answer would be the same.
            Command::AxisMove { .. }
            | Command::AxisStep { .. }
            | Command::AxisDrive { .. }
            | Command::AxisHome { .. }
            | Command::AxisZero { .. }
            | Command::AxisTake { .. }
            | Command::AxisRelease { .. }
            | Command::AxisEmergencyStop {}
            | Command::AxisResume {}
            | Command::AxisStop { .. }
            | Command::AxisList {} => Ok(Applied::Axes(parts.hardware.readings())),
            Command::ForceGo { .. }
            | Command::ForceRamp { .. }
            | Command::ForceStop {}
            | Command::ForceState {} => Ok(Applied::Force(parts.forces.state().map(Box::new))),
            Command::LockXy { on } if on && !parts.tracks => Err(LockError::NotTracking.into()),
            Command::LockXy { on } => {
                parts.locks.set_xy(on);
                Ok(Applied::Locks(Box::new(parts.locks.state())))
            }
            Command::LockZ { on, beads, target_nm } => self.lock_z(parts, on, beads, target_nm),
            Command::LockState {} => Ok(Applied::Locks(Box::new(parts.locks.state()))),
            Command::ZLutSweep { from_nm, to_nm, step_nm, frames, settle_ms } => {
                let settle_ms = settle_ms.unwrap_or(SETTLE_MS);
                self.sweep(parts, Asked { from_nm, to_nm, step_nm, frames, settle_ms })
            }
            Command::ZLutCancel {} => {
                parts.sweeps.cancel()?;
                Ok(Applied::Done)
            }
            Command::ZLutUse { bead: Some(bead), path: None } => self.use_swept(parts, bead),
            Command::ZLutUse { bead: None, path: Some(path) } => self.use_file(parts, &path),
            Command::ZLutUse { .. } => Err(CommandError::WhichZLut),
            Command::ZLutUnload {} => self.unload(parts),
            Command::ZLutSave { path, bead } => zlut::save(parts, Path::new(&path), bead),
            Command::ZLutState {} => Ok(Applied::ZLutState(Box::new(parts.sweeps.state()))),
            Command::Health {} => Ok(Applied::Health(Box::new(parts.status.health()))),
            Command::Stop {} => {
                parts.status.end(EndReason::Asked);
                Ok(Applied::Done)
            }
        }
    }

    /// Sets the camera; what it has applied is what the settings say from then on.
    fn set_camera(
        &mut self,
        parts: &Parts,
        rate_hz: Option<f64>,
        exposure_us: Option<f64>,
    ) -> Result<CameraConfig, CommandError> {
        let request = CameraRequest { rate_hz, exposure_us, ..CameraRequest::default() };
        let config = parts.camera.configure(request)?;
        let applied = [
            ("camera.rate_hz", rate_hz.map(|_| config.rate_hz)),
            ("camera.exposure_us", exposure_us.map(|_| config.exposure_us)),
        ];
        for (name, value) in applied {
            // A camera may apply what a rig may not ask for: its own word stands in the recording's segments.
            let _ = value.map(|value| self.settings.change(name, &value.to_string()));
        }
        Ok(config)
    }

    fn set(&mut self, parts: &Parts, name: &str, value: &str) -> Result<Applied, CommandError> {
        let mut settings = self.settings.clone();
        let change = settings.change(name, value)?;
        if change.applies != Applies::Live {
            return Err(CommandError::NextSession(name.to_owned()));
        }
        let camera = &settings.rig().camera;
        match name {
            "camera.rate_hz" => self.set_camera(parts, Some(camera.rate_hz), None).map(Applied::Camera),
            "camera.exposure_us" => self.set_camera(parts, None, camera.exposure_us).map(Applied::Camera),
            _ => {
                parts.locks.set_rules(settings.rig().locks.clone());
                self.settings = settings;
                Ok(Applied::Setting(change))
            }
        }
    }

    /// What a recording that begins now says about its run.
    fn info(&self, parts: &Parts) -> RunInfo {
        let notes: Vec<String> = parts.notes.iter().chain(&self.zlut_note).cloned().collect();
        RunInfo {
            settings_toml: self.settings.describe(&notes),
            zlut: parts.sweeps.zlut().as_deref().cloned(),
            camera: camera_text(&self.settings.rig().camera.driver, &parts.camera.config()),
            ..parts.info.clone()
        }
    }

    fn start_recording(&mut self, parts: &Parts, place: RecordingSection) -> Result<Applied, CommandError> {
        let info = self.info(parts);
        let run = RunFolder::make(&info.settings_toml, &place, self.beads.now().rois.len())?;
        let file = run.tracks();
        let mut video = self.create_video(parts, &run).inspect_err(|_| run.remove())?;
        let cut = Cut::default();
        let create = || info.begin_recording(&file, self.beads.now());
        let begun = parts.recorder.begin(&file, create, &cut, || {
            if let (Some((_, film)), Some(store)) = (&parts.video, video.take()) {
                film.begin(store, &cut);
            }
            cut.set(parts.frames.published());
        });
        if let Err(error) = begun {
            abandon(parts, video, &cut, &run);
            return Err(error.into());
        }
        parts.hardware.record_all();
        self.file = Some(file.clone());
        self.place = place;
        Ok(Applied::Recording { file })
    }

    /// The video of a recording that is to begin, where the session films.
    fn create_video(&self, parts: &Parts, run: &RunFolder) -> Result<Option<Store>, RecordError> {
        let Some((plan, _)) = &parts.video else { return Ok(None) };
        plan.create(&run.path, self.beads.now().rois.len(), parts.camera.config().rate_hz).map(Some)
    }

    fn stop_recording(&mut self, parts: &Parts) -> Result<Applied, CommandError> {
        let (cut, mut filmed) = (Cut::default(), None);
        let recorded = parts.recorder.end(&cut, || {
            filmed = parts.video.as_ref().map(|(_, film)| film.end(None, &cut));
            cut.set(parts.frames.published());
        });
        // Positions are whole by now, however slow the disk of the video is.
        filmed.into_iter().for_each(Ended::wait);
        match (recorded, &self.file) {
            (Some(ledger), Some(file)) => Ok(Applied::Recorded { file: file.clone(), ledger: ledger? }),
            _ => Err(no_recording(parts)),
        }
    }

    /// Everything that may be refused comes before the recording that runs is touched.
    fn next_recording(&mut self, parts: &Parts) -> Result<Applied, CommandError> {
        let Some(before) = self.file.clone().filter(|_| parts.status.is_recording()) else {
            return Err(no_recording(parts));
        };
        let info = self.info(parts);
        let run = RunFolder::make(&info.settings_toml, &self.place, self.beads.now().rois.len())?;
        let file = run.tracks();
        let mut video = self.create_video(parts, &run).inspect_err(|_| run.remove())?;
        let (cut, mut filmed) = (Cut::default(), None);
        let created = match info.begin_recording(&file, self.beads.now()) {
            Ok(created) => created,
            Err(error) => {
                abandon(parts, video, &cut, &run);
                return Err(error.into());
            }
        };
        let recorded = parts.recorder.next(created, &cut, || {
            filmed = parts.video.as_ref().map(|(_, film)| film.end(video.take(), &cut));
            cut.set(parts.frames.published());
        });
        filmed.into_iter().for_each(Ended::wait);
        let Some(ledger) = recorded else {
            abandon(parts, video, &cut, &run);
            return Err(no_recording(parts));
        };
        parts.hardware.record_all();
        self.file = Some(file.clone());
        match ledger {
            Ok(ledger) => Ok(Applied::NextRecording { file, before, ledger }),
            Err(error) => Err(CommandError::Unfinished { error, next: file }),
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
            let rois = edited.now().rois.clone();
            if parts.tracks {
                let (answer, answers) = sync_channel(1);
                let retarget = Retarget::Rois(rois.clone(), answer);
                parts.retarget.send(retarget).map_err(|_| CommandError::Ended)?;
                answers.recv().map_err(|_| CommandError::Ended)?;
            }
            if let Some((_, video)) = &parts.video {
                video.set_rois(rois);
            }
        }
        self.beads = edited;
        Ok(applied)
    }

    /// Moves ROIs onto their beads. What a lock does so is not undone one by one.
    fn center(
        &mut self,
        parts: &Parts,
        sender: Sender,
        which: Option<Vec<u32>>,
    ) -> Result<Applied, CommandError> {
        let rois = &self.beads.now().rois;
        if let Some(unknown) = which.iter().flatten().find(|bead| rois.iter().all(|roi| roi.bead != **bead)) {
            return Err(BeadError::Unknown(*unknown).into());
        }
        let mut moves = parts.locks.moves(rois);
        moves.retain(|(bead, _)| which.as_ref().is_none_or(|which| which.contains(bead)));
        let is_undone = sender != Sender::Lock;
        self.edit_beads(parts, |beads| beads.follow(&moves, is_undone))
    }

    fn lock_z(
        &self,
        parts: &Parts,
        on: bool,
        beads: Option<Vec<u32>>,
        target_nm: Option<f64>,
    ) -> Result<Applied, CommandError> {
        if on {
            if !parts.tracks {
                return Err(LockError::NotTracking.into());
            }
            let now = self.beads.now();
            let beads = beads.unwrap_or_else(|| now.references.iter().copied().collect());
            if let Some(unknown) = beads.iter().find(|bead| now.rois.iter().all(|roi| roi.bead != **bead)) {
                return Err(BeadError::Unknown(*unknown).into());
            }
            parts.locks.begin_z(beads, target_nm, now)?;
        } else {
            parts.locks.end_z();
        }
        Ok(Applied::Locks(Box::new(parts.locks.state())))
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
        let roi_px = self.beads.roi_px();
        // What another program reads ROIs from may be replaced, and nothing else.
        if path.exists() && rois::read(path, Some(roi_px)).is_err() {
            return Err(CommandError::NotRois(path.to_owned()));
        }
        let beads = self.beads.now().rois.iter().map(|roi| {
            let (x_px, y_px) = roi.center_px();
            (roi.bead, x_px, y_px, f32::NAN)
        });
        let text = rois::to_csv(roi_px, &beads.collect::<Vec<_>>());
        let written = beadscope_zlut::aside::write(path, |aside| std::fs::write(aside, text));
        written.map_err(|error| CommandError::Io {
            action: "write the ROIs",
            path: path.to_owned(),
            error,
        })?;
        Ok(Applied::Done)
    }
}

/// Why there is nothing to end.
fn no_recording(parts: &Parts) -> CommandError {
    parts.status.record_error().map_or(CommandError::NotRecording, CommandError::RecordFailed)
}

/// Nothing is recorded in this folder: its video, begun or not, goes before it does.
fn abandon(parts: &Parts, video: Option<Store>, cut: &Cut, run: &RunFolder) {
    match (video, &parts.video) {
        (Some(store), _) => store.remove(),
        (None, Some((_, film))) => film.end(None, cut).wait(),
        (None, None) => {}
    }
    run.remove();
}
