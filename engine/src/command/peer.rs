//! What became of MagScope's commands, so that who comes from there finds them again.

/// What stands for one of MagScope's commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// These commands.
    Commands(&'static [&'static str]),
    /// Nothing is needed, and why.
    NotNeeded(&'static str),
}

use Place::{Commands, NotNeeded};

const ONE_PROCESS: Place = NotNeeded("one process: whoever needs it reads the engine's state");
const LOCK_SETTING: Place = Commands(&["setting.set"]);
const SCRIPTS: Place =
    NotNeeded("a script is a list of commands and pauses, in the pane Experiment or for `run --commands`");
const SWEEP: Place = NotNeeded("one command, zlut.sweep, and one thread that takes the images");

/// Every command of MagScope 1.0.0 (`magscope/ipc_commands.py`), without the ending `Command`.
pub const MAGSCOPE: &[(&str, Place)] = &[
    ("Quit", Commands(&["stop"])),
    ("SetSettings", Commands(&["setting.set"])),
    ("SetAcquisitionOn", Commands(&["acquire"])),
    ("SetAcquisitionDir", Commands(&["record.start"])),
    ("SetAcquisitionDirOn", Commands(&["record.start", "record.stop"])),
    (
        "SetAcquisitionMode",
        NotNeeded("set in rig.toml or with run --mode: video takes its memory before the session starts"),
    ),
    ("UpdateBeadRois", ONE_PROCESS),
    ("UpdateSettings", Commands(&["setting.list"])),
    ("LogException", NotNeeded("a panic ends the session with its reason, on screen and in the exit code")),
    ("StartupReady", ONE_PROCESS),
    ("GetCameraSetting", Commands(&["camera.set"])),
    ("SetCameraSetting", Commands(&["camera.set"])),
    ("SetSimulatedFocus", Commands(&["axis.move"])),
    (
        "UpdateTrackingOptions",
        NotNeeded("set in rig.toml: a change makes other positions, so it makes another session"),
    ),
    ("StartNewTrackingDataFile", Commands(&["record.next"])),
    ("WaitUntilAcquisitionOn", SCRIPTS),
    ("LoadZLUT", Commands(&["zlut.use"])),
    ("UnloadZLUT", Commands(&["zlut.unload"])),
    ("RequestProfileLength", ONE_PROCESS),
    ("RequestZLUTProfileLength", ONE_PROCESS),
    ("ClearPendingZLUTProfileLength", ONE_PROCESS),
    ("ArmZLUTSweepCapture", SWEEP),
    ("DisarmZLUTSweepCapture", SWEEP),
    ("StartZLUTGeneration", Commands(&["zlut.sweep"])),
    ("CancelZLUTGeneration", Commands(&["zlut.cancel"])),
    ("ReportZLUTProfileLength", ONE_PROCESS),
    ("ReportFocusMotorLimits", ONE_PROCESS),
    ("ZLUTSweepCaptureComplete", ONE_PROCESS),
    ("SelectGeneratedZLUTBead", Commands(&["zlut.use", "zlut.save"])),
    ("SaveGeneratedZLUT", Commands(&["zlut.save"])),
    ("CancelGeneratedZLUTEvaluation", NotNeeded("what was swept is kept until the next sweep is done")),
    ("ExecuteXYLock", Commands(&["roi.center"])),
    ("ExecuteZLock", NotNeeded("the Z-lock corrects as soon as it is on; it is switched off again")),
    ("SetXYLockOn", Commands(&["lock.xy"])),
    ("SetXYLockInterval", LOCK_SETTING),
    ("SetXYLockMax", LOCK_SETTING),
    ("SetXYLockWindow", LOCK_SETTING),
    ("SetZLockOn", Commands(&["lock.z"])),
    ("SetZLockBead", Commands(&["lock.z"])),
    ("SetZLockTarget", Commands(&["lock.z"])),
    ("SetZLockInterval", LOCK_SETTING),
    ("SetZLockMax", LOCK_SETTING),
    ("SetZLockWindow", LOCK_SETTING),
    ("RemoveBeadFromPendingMoves", ONE_PROCESS),
    ("RemoveBeadsFromPendingMoves", ONE_PROCESS),
    ("MoveFocusMotorAbsolute", Commands(&["axis.move"])),
    ("RequestFocusMotorLimits", Commands(&["axis.list"])),
    ("MoveBeads", Commands(&["roi.move"])),
    ("AddRandomBeads", NotNeeded("beads are found (beadscope find), not scattered; roi.add adds one")),
    ("UpdateCameraSetting", ONE_PROCESS),
    ("UpdateVideoBufferPurge", NotNeeded("frames are never purged; health tells which were lost and why")),
    ("UpdateXYLockEnabled", ONE_PROCESS),
    ("UpdateXYLockInterval", ONE_PROCESS),
    ("UpdateXYLockMax", ONE_PROCESS),
    ("UpdateXYLockWindow", ONE_PROCESS),
    ("UpdateZLockEnabled", ONE_PROCESS),
    ("UpdateZLockBead", ONE_PROCESS),
    ("UpdateZLockTarget", ONE_PROCESS),
    ("UpdateZLockInterval", ONE_PROCESS),
    ("UpdateZLockMax", ONE_PROCESS),
    ("UpdateZLockWindow", ONE_PROCESS),
    ("UpdateScriptStatus", ONE_PROCESS),
    ("UpdateScriptStep", ONE_PROCESS),
    ("ShowMessage", SCRIPTS),
    ("ShowWarning", SCRIPTS),
    ("ShowError", SCRIPTS),
    ("UpdateZLUTMetadata", ONE_PROCESS),
    ("ClearPendingZLUTLoadRequest", ONE_PROCESS),
    ("UpdateZLUTGenerationState", ONE_PROCESS),
    ("UpdateZLUTGenerationProgress", ONE_PROCESS),
    ("UpdateZLUTGenerationEvaluation", ONE_PROCESS),
    ("ReportProfileLength", ONE_PROCESS),
    ("LoadScript", SCRIPTS),
    ("StartScript", SCRIPTS),
    ("PauseScript", SCRIPTS),
    ("ResumeScript", SCRIPTS),
    ("Sleep", SCRIPTS),
    ("UpdateWaiting", SCRIPTS),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::command::COMMANDS;

    #[test]
    fn every_command_of_magscope_has_a_place_and_ours_exist() {
        let names: BTreeSet<&str> = MAGSCOPE.iter().map(|(name, _)| *name).collect();
        assert_eq!((names.len(), MAGSCOPE.len()), (78, 78), "MagScope 1.0.0 has 78 commands");
        for (name, place) in MAGSCOPE {
            let Commands(ours) = place else { continue };
            for command in *ours {
                assert!(COMMANDS.iter().any(|spec| spec.name == *command), "{name}: {command}");
            }
        }
    }
}
