//! What commands about Z-LUTs do: sweep, use, unload, save.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use beadscope_zlut::{ReadOptions, ZLut};

use super::{Applied, CommandError, Parts, Retarget, State};
use crate::instrument::read_options;
use crate::prepared_zlut::{correction_warning, pixel_size_warning};
use crate::replace::{self, Output};
use crate::zlut_sweep::{Asked, SweepError};

impl State {
    /// Begins a focus sweep of the beads that are tracked.
    pub(super) fn sweep(&self, parts: &Parts, asked: Asked) -> Result<Applied, CommandError> {
        if !parts.tracks {
            return Err(SweepError::NotTracking.into());
        }
        parts.sweeps.start(asked, self.beads.now().rois.clone())?;
        Ok(Applied::Done)
    }

    /// Looks heights up in the Z-LUT of a bead of the last sweep.
    pub(super) fn use_swept(&mut self, parts: &Parts, bead: u32) -> Result<Applied, CommandError> {
        let zlut = parts.sweeps.zlut_of(bead)?;
        let note = format!("heights are from {}, bead {bead}, not from tracking.zlut", zlut.origin.source);
        let used = self.use_zlut(parts, Some(zlut), Some(note))?;
        parts.sweeps.keep(bead);
        Ok(used)
    }

    /// Finds no heights any more.
    pub(super) fn unload(&mut self, parts: &Parts) -> Result<Applied, CommandError> {
        let note = "the Z-LUT was unloaded: x and y are tracked, z is not".to_owned();
        self.use_zlut(parts, None, Some(note))
    }

    /// Looks heights up in the Z-LUT of a file.
    pub(super) fn use_file(&mut self, parts: &Parts, path: &str) -> Result<Applied, CommandError> {
        let maker = parts.sweeps.maker();
        let z_step_nm = self.settings.rig().tracking.z_step_nm;
        let options = ReadOptions { z_step_nm, ..read_options(maker.params().method, maker.roi_px()) };
        let zlut = beadscope_zlut::file::read_named(Path::new(path), &options)?;
        let used = self.use_zlut(parts, Some(Arc::new(zlut)), None)?;
        // A recording's settings name the file that was used.
        let _ = self.settings.change("tracking.zlut", path);
        Ok(used)
    }

    /// Has the tracking thread look heights up in another Z-LUT, or in none.
    fn use_zlut(
        &mut self,
        parts: &Parts,
        zlut: Option<Arc<ZLut>>,
        note: Option<String>,
    ) -> Result<Applied, CommandError> {
        if !parts.tracks {
            return Err(SweepError::NotTracking.into());
        }
        if parts.status.is_recording() {
            return Err(CommandError::ZLutWhileRecording);
        }
        let maker = parts.sweeps.maker();
        let on_gpu = parts.status.tracked_on().backend == "gpu";
        let (heights, doubts) = maker.make(zlut.as_deref(), self.beads.now().rois.clone(), on_gpu)?;
        // Heights count from somewhere else from the next frame on.
        parts.locks.zlut_changes();
        let (answer, answers) = sync_channel(1);
        parts.retarget.send(Retarget::Heights(heights, answer)).map_err(|_| CommandError::Ended)?;
        // Those before are let go here, which may take a while.
        drop(answers.recv().map_err(|_| CommandError::Ended)?);
        self.zlut_note = note;
        let warnings = zlut.as_deref().map_or_else(Vec::new, |zlut| {
            let correction = maker.correction().map(|correction| &**correction);
            let pixels = pixel_size_warning(zlut, parts.info.pixel_size_nm);
            let assumed = zlut.origin.assumed.iter().cloned();
            assumed.chain(doubts).chain(pixels).chain(correction_warning(zlut, correction)).collect()
        });
        Ok(parts.sweeps.set_zlut(zlut, warnings).map_or(Applied::Done, Applied::ZLut))
    }
}

/// Writes a Z-LUT in the format that the file's name says.
pub(super) fn save(parts: &Parts, path: &Path, bead: Option<u32>) -> Result<Applied, CommandError> {
    let zlut = match bead {
        Some(bead) => parts.sweeps.zlut_of(bead)?,
        None => parts.sweeps.zlut().ok_or(CommandError::NoZLut)?,
    };
    replace::check(path, Output::ZLut)?;
    beadscope_zlut::file::write(path, &zlut)?;
    bead.into_iter().for_each(|bead| parts.sweeps.keep(bead));
    let not_kept = beadscope_zlut::file::not_kept(path, &zlut);
    Ok(Applied::ZLutSaved { file: path.to_owned(), not_kept })
}
