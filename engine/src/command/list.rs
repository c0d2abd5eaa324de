//! Every command there is, in one table: the type, what prints itself and what is checked come from it.

use serde::{Deserialize, Serialize};

use super::spec::{Argument, ArgumentSpec, CommandSpec, RangeError};

/// Longest text of a marker or a note, bytes: so much of it a recording keeps.
pub const MAX_TEXT_BYTES: usize = 400;
const TEXT: f64 = MAX_TEXT_BYTES as f64;
/// Longest path or name, bytes.
const PATH: f64 = 4096.0;
/// No sensor is larger, px.
const FAR: f64 = 100_000.0;
/// Bead numbers are 16 bit.
const BEAD: f64 = crate::bead_set::MAX_BEAD as f64;

macro_rules! commands {
    ($(
        $(#[doc = $help:literal])+
        $name:literal $variant:ident {
            $( $(#[doc = $argument_help:literal])+ $argument:ident: $type:ty [ $unit:literal $least:expr, $greatest:expr ], )*
        }
    )+) => {
        /// What a button, a line of a script, a message from the network or a lock asks of the instrument.
        ///
        /// As JSON `{"command": "roi.move", "bead": 3, "dx_px": 1, "dy_px": 0}`, as a line
        /// `roi.move bead=3, dx_px=1, dy_px=0`.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "command", deny_unknown_fields)]
        pub enum Command {
            $(
                $(#[doc = $help])+
                #[serde(rename = $name)]
                $variant { $( $(#[doc = $argument_help])+ $argument: $type, )* },
            )+
        }

        /// All commands, in the order of this file.
        pub const COMMANDS: &[CommandSpec] = &[$(
            CommandSpec {
                name: $name,
                help: &[$($help),+],
                arguments: &[$(
                    ArgumentSpec {
                        name: stringify!($argument),
                        kind: <$type as Argument>::KIND,
                        is_optional: <$type as Argument>::IS_OPTIONAL,
                        unit: $unit,
                        least: $least,
                        greatest: $greatest,
                        help: &[$($argument_help),+],
                    },
                )*],
            },
        )+];

        impl Command {
            /// Its name, as in [`COMMANDS`].
            pub fn name(&self) -> &'static str {
                match self { $( Self::$variant { .. } => $name, )+ }
            }

            /// Whether every argument is in its range.
            ///
            /// # Errors
            /// The first that is not, with its range and unit.
            pub fn check(&self) -> Result<(), RangeError> {
                match self {
                    $( Self::$variant { $($argument),* } => {
                        $( $argument.check($name, stringify!($argument), $unit, $least..=$greatest)?; )*
                        Ok(())
                    } )+
                }
            }
        }
    };
}

impl Command {
    /// It changes nothing.
    pub fn is_question(&self) -> bool {
        matches!(
            self,
            Self::Health {}
                | Self::RoiList {}
                | Self::SettingList {}
                | Self::AxisList {}
                | Self::ForceState {}
                | Self::ZLutState {}
                | Self::LockState {}
                | Self::CameraSet { rate_hz: None, exposure_us: None }
        )
    }
}

commands! {
    /// Lets frames come from the camera, or none. A recording goes on, without frames.
    "acquire" Acquire {
        /// Whether frames come.
        on: bool ["" 0.0, 1.0],
    }
    /// Sets the camera, between two frames. What is left out stays; without arguments nothing changes. Answered with what
    /// the camera has.
    "camera.set" CameraSet {
        /// Frames per second.
        rate_hz: Option<f64> ["Hz" 0.01, 100_000.0],
        /// Exposure time.
        exposure_us: Option<f64> ["µs" 0.1, 1e8],
    }
    /// Changes a setting of the session, between two frames. The rig stays as it is. Answered with what holds now.
    "setting.set" SettingSet {
        /// Section and name, as camera.rate_hz: see the command setting.list.
        name: String ["bytes" 1.0, 200.0],
        /// What it is to be, as in a rig.
        value: String ["bytes" 1.0, PATH],
    }
    /// Lists all settings: value, unit, what is allowed, when a change takes effect, and where the value comes from.
    "setting.list" SettingList {}
    /// Records from the next frame on, in a new run folder. Answered with the file.
    "record.start" RecordStart {
        /// Folder in which the run's folder is made; left out, that of the rig.
        folder: Option<String> ["bytes" 1.0, PATH],
        /// Goes into the name of the run's folder; left out, that of the rig.
        name: Option<String> ["bytes" 1.0, 200.0],
    }
    /// Ends the recording. Answered with its file and ledger.
    "record.stop" RecordStop {}
    /// Ends the recording and begins another in a new run folder of the same name; every frame is in one of the two.
    "record.next" RecordNext {}
    /// Adds a bead. Answered with its number.
    "roi.add" RoiAdd {
        /// Column of its centre in the frame.
        x_px: f64 ["px" 0.0, FAR],
        /// Row of its centre in the frame.
        y_px: f64 ["px" 0.0, FAR],
    }
    /// Adds several beads in one edit, or none of them. Answered with their numbers.
    "roi.add_several" RoiAddSeveral {
        /// Columns of their centres in the frame.
        x_px: Vec<f64> ["px" 0.0, FAR],
        /// Rows of their centres, in the same order.
        y_px: Vec<f64> ["px" 0.0, FAR],
        /// Those that come first, as many as there is room for, in place of a refusal; left out, false.
        as_fits: Option<bool> ["" 0.0, 1.0],
    }
    /// Moves the ROI of a bead.
    "roi.move" RoiMove {
        /// The bead.
        bead: u32 ["" 0.0, BEAD],
        /// To the right.
        dx_px: i32 ["px" -FAR, FAR],
        /// Down.
        dy_px: i32 ["px" -FAR, FAR],
    }
    /// Moves the ROIs of several beads together in one edit, or none of them.
    "roi.move_several" RoiMoveSeveral {
        /// The beads.
        beads: Vec<u32> ["" 0.0, BEAD],
        /// To the right.
        dx_px: i32 ["px" -FAR, FAR],
        /// Down.
        dy_px: i32 ["px" -FAR, FAR],
    }
    /// Removes beads.
    "roi.remove" RoiRemove {
        /// The beads.
        beads: Vec<u32> ["" 0.0, BEAD],
    }
    /// Removes all beads.
    "roi.clear" RoiClear {}
    /// Numbers the beads from 0 on, in their order.
    "roi.renumber" RoiRenumber {}
    /// Tracks the beads of a ROI file in place of those there are.
    "roi.load" RoiLoad {
        /// The file: CSV with bead, x_px, y_px.
        path: String ["bytes" 1.0, PATH],
    }
    /// Writes the beads into a ROI file. Another ROI file is replaced, any other file is not.
    "roi.save" RoiSave {
        /// The file.
        path: String ["bytes" 1.0, PATH],
    }
    /// Moves ROIs onto their beads, by whole pixels and as far as locks.xy_most_px allows.
    "roi.center" RoiCenter {
        /// Which; left out, all.
        beads: Option<Vec<u32>> ["" 0.0, BEAD],
    }
    /// Lists the beads.
    "roi.list" RoiList {}
    /// Takes the last edit of the beads back.
    "roi.undo" RoiUndo {}
    /// Does the edit of the beads again that was taken back last.
    "roi.redo" RoiRedo {}
    /// Makes these beads the references, and no others.
    "reference.set" ReferenceSet {
        /// Beads that are stuck to the surface; none takes all references away.
        beads: Vec<u32> ["" 0.0, BEAD],
    }
    /// Marks this moment in the recording.
    "mark" Mark {
        /// What happens.
        text: String ["bytes" 1.0, TEXT],
    }
    /// Writes a note into the recording.
    "note" Note {
        /// What there is to say.
        text: String ["bytes" 1.0, TEXT],
    }
    /// Sends a motor to a position. Answered with where all of them are.
    "axis.move" AxisMove {
        /// Which: magnet_height, magnet_turns, focus, or another of the rig.
        axis: String ["bytes" 1.0, 100.0],
        /// Where to, in its unit: see the command axis.list.
        to: f64 ["" -1e9, 1e9],
        /// At most so fast, in its unit per second; left out, as its rig says, else as fast as the last time.
        speed: Option<f64> ["" 1e-9, 1e9],
        /// As near as it may go, in place of a refusal; left out, false.
        clamp: Option<bool> ["" 0.0, 1.0],
    }
    /// Sends a motor on by so much, from where it was sent last.
    "axis.step" AxisStep {
        /// Which.
        axis: String ["bytes" 1.0, 100.0],
        /// How far, in its unit.
        by: f64 ["" -1e9, 1e9],
    }
    /// Has a motor go on at a speed, as far as it may or until axis.stop.
    "axis.drive" AxisDrive {
        /// Which.
        axis: String ["bytes" 1.0, 100.0],
        /// How fast, in its unit per second; below 0 downwards.
        speed: f64 ["" -1e9, 1e9],
    }
    /// Has a motor look for its reference. It may go through all of its way.
    "axis.home" AxisHome {
        /// Which.
        axis: String ["bytes" 1.0, 100.0],
    }
    /// Calls the position of a motor that counts turns 0; nothing moves. Its limits and rules keep their places.
    "axis.zero" AxisZero {
        /// Which.
        axis: String ["bytes" 1.0, 100.0],
    }
    /// Holds a motor: nobody else moves it, though everybody stops it. The window takes it from anybody. A focus sweep, a force
    /// ramp and a lock hold what they move, until somebody stops it.
    "axis.take" AxisTake {
        /// Which.
        axis: String ["bytes" 1.0, 100.0],
    }
    /// Gives a motor back that is held.
    "axis.release" AxisRelease {
        /// Which.
        axis: String ["bytes" 1.0, 100.0],
    }
    /// Brings all motors to rest as fast as they can; nothing moves again before axis.resume.
    "axis.emergency_stop" AxisEmergencyStop {}
    /// Lets motors move again after an emergency stop.
    "axis.resume" AxisResume {}
    /// Brings motors to rest.
    "axis.stop" AxisStop {
        /// Which; left out, all.
        axis: Option<String> ["bytes" 1.0, 100.0],
    }
    /// Lists the motors: unit, limits, position, target.
    "axis.list" AxisList {}
    /// Sends the magnets to where their force is that. Answered with where all motors are.
    "force.go" ForceGo {
        /// The force.
        force_pn: f64 ["pN" 0.0, 1000.0],
    }
    /// Changes the force steadily, from what it is now. Answered at once; force.state tells how it goes.
    "force.ramp" ForceRamp {
        /// The force at its end.
        to_pn: f64 ["pN" 0.0, 1000.0],
        /// How fast.
        rate_pn_per_s: f64 ["pN/s" 1e-4, 1e4],
    }
    /// Ends the ramp; the magnets stay where they are.
    "force.stop" ForceStop {}
    /// Tells the force of the magnets, from what it is known, and how a ramp goes.
    "force.state" ForceState {}
    /// Has ROIs follow their beads: roi.center again and again, as the settings locks.xy_* say.
    "lock.xy" LockXy {
        /// Whether they do.
        on: bool ["" 0.0, 1.0],
    }
    /// Has the focus follow beads that are stuck to the surface, as the settings locks.z_* say. It holds the focus meanwhile; whoever
    /// stops that ends it.
    "lock.z" LockZ {
        /// Whether it does.
        on: bool ["" 0.0, 1.0],
        /// The beads; left out, the references.
        beads: Option<Vec<u32>> ["" 0.0, BEAD],
        /// Their mean height as it is to be; left out, as it is now.
        target_nm: Option<f64> ["nm" -1e6, 1e6],
    }
    /// Tells what the locks do.
    "lock.state" LockState {}
    /// Records a Z-LUT of every bead: moves the focus from height to height, takes images at each, and brings it back. Answered
    /// at once; zlut.state tells how it goes.
    "zlut.sweep" ZLutSweep {
        /// First focus, from where it is now.
        from_nm: f64 ["nm" -1e6, 1e6],
        /// Last focus, from where it is now: a whole number of steps from the first, up or down.
        to_nm: f64 ["nm" -1e6, 1e6],
        /// From one focus to the next.
        step_nm: f64 ["nm" 0.1, 1e5],
        /// Images of each bead at each height.
        frames: u32 ["" 1.0, 10_000.0],
        /// How long the focus rests before images count; left out, 100 ms.
        settle_ms: Option<f64> ["ms" 0.0, 60_000.0],
    }
    /// Ends the sweep; the focus goes back to where it was.
    "zlut.cancel" ZLutCancel {}
    /// Looks heights of all beads up in another Z-LUT from the next frame on: that of a bead of the last sweep, or of a file.
    /// Not while a recording runs, which keeps the Z-LUT that it began with. Answered with what may make heights wrong.
    "zlut.use" ZLutUse {
        /// The bead of the last sweep.
        bead: Option<u32> ["" 0.0, BEAD],
        /// The file, or FILE#K for table K of one that holds several.
        path: Option<String> ["bytes" 1.0, PATH],
    }
    /// Finds no heights any more. Not while a recording runs.
    "zlut.unload" ZLutUnload {}
    /// Writes a Z-LUT into a file: .zlut.h5, .txt (MagScope) or .radialzlut (QTrk). Answered with what that format does not keep.
    "zlut.save" ZLutSave {
        /// The file. Another Z-LUT is replaced, a recording is not.
        path: String ["bytes" 1.0, PATH],
        /// The bead of the last sweep; left out, the Z-LUT in use.
        bead: Option<u32> ["" 0.0, BEAD],
    }
    /// Tells how the sweep goes, what the beads of the last one are worth, and which Z-LUT is in use.
    "zlut.state" ZLutState {}
    /// Tells how the session is doing: where every frame went, rates, latencies.
    "health" Health {}
    /// Ends the session: what has arrived is tracked and recorded.
    "stop" Stop {}
}
