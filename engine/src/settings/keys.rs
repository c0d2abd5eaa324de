//! The table of settings: name, unit, range, what each is and when a change of it takes effect. Validation, `beadscope
//! rig --show` and the tests of the example and of [`Rig`](crate::rig::Rig) read this one table; defaults are
//! `Rig::default()`'s.

use std::collections::BTreeMap;

use beadscope_drivers::axis::ControllerConfig;
use beadscope_shaders::magtrack::{Options, options};
use beadscope_shaders::params::{MAX_ROI_PX, MIN_ROI_PX, Method};
use serde::Serialize;
use toml::Value;

use crate::magtrack_options::{options_from_toml, toml_from_options};
use crate::run_name::{self, PLACEHOLDERS};
use crate::safety::SafetySection;
use crate::track::backend::Backend;
use crate::video::Mode;

/// Starts the names of what only the camera's driver understands.
pub const CAMERA_SETTINGS: &str = "camera.settings.";
/// Starts the names of MagTrack's options, which contain dots and spaces themselves.
pub const MAGTRACK: &str = "tracking.magtrack.";

/// One setting.
#[derive(Debug)]
pub struct Key {
    /// Section and name, `camera.rate_hz`.
    pub name: &'static str,
    /// What it may hold.
    pub values: Values,
    /// Its unit, or nothing.
    pub unit: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// What holds when nobody has set it and it has no default.
    pub left_out: &'static str,
    /// When a change takes effect.
    pub applies: Applies,
}

/// When a change of a setting takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Applies {
    /// Between two frames of the running session.
    Live,
    /// When the next session starts.
    NextSession,
    /// Never: a run writes it down.
    Fixed,
}

/// What a setting may hold.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// A number, from the first to the second.
    Number(f64, f64),
    /// A whole number, from the first to the second.
    Whole(i64, i64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Yes or no.
    Flag,
    /// Whole numbers, each from the first to the second.
    Wholes(i64, i64),
    /// Any text.
    Text,
    /// A text in which some words in braces are filled in.
    RunName,
    /// A file or a folder; a relative one counts from the file that names it.
    Path,
    /// What MagTrack's option of this name may hold.
    MagTrack,
    /// Only the driver knows.
    Any,
    /// Tables, which are checked by this.
    Tables(fn(&Value) -> Result<(), String>),
}

/// What is wrong with a value.
#[derive(Debug, PartialEq)]
pub(super) enum Wrong {
    /// It is of another kind than this.
    Kind(&'static str),
    /// It is beyond its range.
    Range,
    /// It is not as it should be, for this reason.
    Because(String),
}

/// No machine has more cores.
const MAX_CORE: i64 = 4095;

const METHODS: [&str; Method::NAMES.len()] = names(Method::NAMES);
const BACKENDS: [&str; Backend::NAMES.len()] = names(Backend::NAMES);
const MODES: [&str; Mode::NAMES.len()] = names(Mode::NAMES);

const fn names<T: Copy, const N: usize>(pairs: [(T, &'static str); N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut index = 0;
    while index < N {
        names[index] = pairs[index].1;
        index += 1;
    }
    names
}

const fn key(name: &'static str, values: Values, about: &'static str) -> Key {
    Key { name, values, unit: "", about, left_out: "", applies: Applies::NextSession }
}

impl Key {
    const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    const fn left_out(self, left_out: &'static str) -> Self {
        Self { left_out, ..self }
    }

    const fn applies(self, applies: Applies) -> Self {
        Self { applies, ..self }
    }
}

/// Every setting, in the order of the example.
pub static KEYS: &[Key] = &[
    key("camera.driver", Values::Text, "the camera's driver, a name from beadscope doctor"),
    key("camera.rate_hz", Values::Number(0.01, 1e5), "frames per second").unit("Hz").applies(Applies::Live),
    key("camera.exposure_us", Values::Number(0.1, 1e8), "exposure time")
        .unit("µs")
        .left_out("as the camera has it")
        .applies(Applies::Live),
    key("camera.settings.*", Values::Any, "what only the driver understands"),
    key("optics.pixel_size_nm", Values::Number(1.0, 1e5), "size of a camera pixel in the sample")
        .unit("nm")
        .left_out("as the camera says"),
    key("correction.dark", Values::Path, "frames without light").left_out("black is 0"),
    key("correction.flat", Values::Path, "frames with light and without a sample")
        .left_out("all pixels are alike"),
    key("correction.dark_hash", Values::Text, "hash of the mean of the dark frames, as a run stores it")
        .left_out("any frames are taken")
        .applies(Applies::Fixed),
    key("correction.flat_hash", Values::Text, "hash of the mean of the flat frames, as a run stores it")
        .left_out("any frames are taken")
        .applies(Applies::Fixed),
    key(
        "tracking.roi_px",
        Values::Whole(MIN_ROI_PX as i64, MAX_ROI_PX as i64),
        "side of the square around a bead",
    )
    .unit("px")
    .left_out("as the ROI file says, else 64"),
    key("tracking.method", Values::Word(&METHODS), "how beads are located"),
    key("tracking.rois", Values::Path, "the ROIs, from beadscope find")
        .left_out("beads are found in the first frame"),
    key("tracking.zlut", Values::Path, "the Z-LUT, FILE or FILE#K")
        .left_out("x and y only; a simulated camera brings its own"),
    key(
        "tracking.z_step_nm",
        Values::Number(-1e5, 1e5),
        "distance between planes of a Z-LUT that does not say it",
    )
    .unit("nm")
    .left_out("as the Z-LUT says"),
    key("tracking.backend", Values::Word(&BACKENDS), "what computes"),
    key("tracking.adapter", Values::Text, "part of the name of the GPU that computes")
        .left_out("the best that is there"),
    magtrack("tracking.magtrack.center_of_mass.background", "what the centre of mass takes off each pixel"),
    magtrack("tracking.magtrack.n auto_conv_multiline_sub_pixel", "passes of the averaged auto-convolution"),
    magtrack(
        "tracking.magtrack.auto_conv_multiline_sub_pixel.line_ratio",
        "lines averaged, as a part of the ROI",
    ),
    magtrack("tracking.magtrack.auto_conv_multiline_sub_pixel.n_local", "points of the parabola"),
    magtrack("tracking.magtrack.use fft_profile", "the FFT profile instead of the radial one"),
    magtrack("tracking.magtrack.fft_profile.oversample", "bins per frequency step"),
    magtrack("tracking.magtrack.fft_profile.rmin", "where the FFT profile starts, as a part of half the ROI"),
    magtrack("tracking.magtrack.fft_profile.rmax", "where the FFT profile ends, as a part of half the ROI"),
    magtrack("tracking.magtrack.fft_profile.gaus_factor", "the ROI over the sigma of the Gaussian"),
    magtrack("tracking.magtrack.radial_profile.oversample", "bins per px"),
    magtrack("tracking.magtrack.lookup_z.n_local", "planes of the parabola"),
    key("recording.folder", Values::Path, "each run makes a folder of its own in here")
        .applies(Applies::Live),
    key("recording.name", Values::RunName, "part of the name of a run's folder").applies(Applies::Live),
    key("recording.mode", Values::Word(&MODES), "what a run records: positions, video or both"),
    key(
        "recording.split_min",
        Values::Number(0.01, 1e5),
        "a recording goes on in another file after so long",
    )
    .unit("min")
    .left_out("never for its length"),
    key("recording.split_gb", Values::Number(0.001, 1e6), "a recording goes on in another file at this size")
        .unit("GB")
        .left_out("never for its size"),
    key("motors.poll_hz", Values::Number(1.0, 200.0), "how often each motor is asked where it is").unit("Hz"),
    key(
        "motors.controllers",
        Values::Tables(are_controllers),
        "the controllers that are connected, and their axes",
    )
    .left_out("a simulated microscope brings its own"),
    key("safety.axes", Values::Tables(are_axis_rules), "what each axis may do")
        .left_out("all that its controller allows"),
    key("safety.conditions", Values::Tables(are_conditions), "what axes may do while others are somewhere")
        .left_out("axes do not depend on each other"),
    key("magnets.bead", Values::Text, "the kind of bead for which their force was calibrated")
        .left_out("not said"),
    key("magnets.table", Values::Path, "a text file with two columns, height in mm and force in pN")
        .left_out("the formula below, if it is there"),
    key("magnets.greatest_pn", Values::Number(1e-3, 1e3), "force at height 0")
        .unit("pN")
        .left_out("a table, or no force is known"),
    key("magnets.near_share", Values::Number(0.0, 1.0), "share of the force that decays sooner")
        .left_out("a table, or no force is known"),
    key("magnets.near_decay_mm", Values::Number(1e-3, 1e3), "the shorter decay")
        .unit("mm")
        .left_out("a table, or no force is known"),
    key("magnets.far_decay_mm", Values::Number(1e-3, 1e3), "the longer decay")
        .unit("mm")
        .left_out("a table, or no force is known"),
    key("magnets.least_pn", Values::Number(0.0, 1e3), "force that remains far away")
        .unit("pN")
        .left_out("a table, or no force is known"),
    key("magnets.from_mm", Values::Number(-1e3, 1e3), "least height at which the force was calibrated")
        .unit("mm")
        .left_out("that of the table"),
    key("magnets.to_mm", Values::Number(-1e3, 1e3), "greatest height at which the force was calibrated")
        .unit("mm")
        .left_out("that of the table"),
    key(
        "locks.xy_every_s",
        Values::Number(0.1, 3600.0),
        "how often the XY-lock brings ROIs back onto their beads",
    )
    .unit("s")
    .applies(Applies::Live),
    key("locks.xy_most_px", Values::Whole(1, 512), "so far it moves a ROI at once")
        .unit("px")
        .applies(Applies::Live),
    key("locks.xy_frames", Values::Whole(1, 10_000), "frames whose mean says where a bead is")
        .applies(Applies::Live),
    key("locks.z_every_s", Values::Number(0.1, 3600.0), "how often the Z-lock corrects the focus")
        .unit("s")
        .applies(Applies::Live),
    key("locks.z_most_nm", Values::Number(0.1, 1e5), "so far it moves the focus at once")
        .unit("nm")
        .applies(Applies::Live),
    key("locks.z_frames", Values::Whole(1, 10_000), "frames whose mean says how high its beads are")
        .applies(Applies::Live),
    key("locks.z_gain", Values::Number(0.01, 1.0), "share of the error that a correction takes away")
        .applies(Applies::Live),
    key("locks.z_lost_nm", Values::Number(1.0, 1e5), "with a greater error the Z-lock gives up")
        .unit("nm")
        .applies(Applies::Live),
    key("locks.z_reversed", Values::Flag, "heights of the Z-LUT grow as the focus goes up, as MagScope's do")
        .applies(Applies::Live),
    key("threads.realtime", Values::Flag, "the camera thread goes before all that is not real-time"),
    key("threads.camera_core", Values::Whole(0, MAX_CORE), "the core of the camera thread, from 0")
        .left_out("as the system chooses"),
    key("threads.tracking_cores", Values::Wholes(0, MAX_CORE), "one tracking thread on each of these cores")
        .left_out("a thread for every core, where the system chooses"),
];

fn are_controllers(value: &Value) -> Result<(), String> {
    let controllers: Vec<ControllerConfig> = read(value)?;
    controllers.iter().try_for_each(|config| config.check().map_err(|error| error.to_string()))
}

fn are_axis_rules(value: &Value) -> Result<(), String> {
    let section = SafetySection { axes: read(value)?, conditions: Vec::new() };
    section.check().map_err(|error| error.to_string())
}

fn are_conditions(value: &Value) -> Result<(), String> {
    let section = SafetySection { axes: BTreeMap::new(), conditions: read(value)? };
    section.check().map_err(|error| error.to_string())
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, String> {
    // The rest of its text is a picture of the place, which we tell ourselves.
    let first_line = |error: toml::de::Error| error.message().lines().next().unwrap_or_default().to_owned();
    value.clone().try_into().map_err(first_line)
}

const fn magtrack(name: &'static str, about: &'static str) -> Key {
    key(name, Values::MagTrack, about)
}

/// The entry of the table for `name`.
pub fn find(name: &str) -> Option<&'static Key> {
    let is_driver_s = name.strip_prefix(CAMERA_SETTINGS).is_some_and(|rest| !rest.is_empty());
    let listed = if is_driver_s { "camera.settings.*" } else { name };
    // Nobody means the placeholder itself.
    KEYS.iter().find(|key| key.name == listed && name != "camera.settings.*")
}

/// The sections of a setting, and its name in the last.
pub(super) fn steps(name: &str) -> (Vec<&str>, &str) {
    let open = [CAMERA_SETTINGS, MAGTRACK].into_iter().find(|prefix| name.starts_with(prefix));
    let split = open.map_or_else(|| name.find('.').map_or(0, |dot| dot + 1), str::len);
    let (sections, name) = name.split_at(split);
    (sections.split_terminator('.').collect(), name)
}

impl Key {
    /// The values it may hold, with the unit: `0.01 to 100000 Hz`.
    pub fn allowed(&self) -> String {
        let unit =
            |range: String| if self.unit.is_empty() { range } else { format!("{range} {}", self.unit) };
        match self.values {
            Values::Number(low, high) => unit(format!("{low} to {}", short(high))),
            Values::Whole(low, high) => unit(format!("{low} to {high}")),
            Values::Word(words) => match words {
                [words @ .., last] if !words.is_empty() => format!("{} or {last}", words.join(", ")),
                words => words.concat(),
            },
            Values::Flag => "true or false".to_owned(),
            Values::Wholes(low, high) => unit(format!("a list of numbers, {low} to {high}")),
            Values::Text => "any text".to_owned(),
            Values::RunName => {
                let names = PLACEHOLDERS.map(|(name, about)| format!("{{{name}}} ({about})"));
                format!("any text; filled in are {}", names.join(", "))
            }
            Values::Path => "a file or a folder".to_owned(),
            Values::MagTrack => options::allowed(self.name.trim_start_matches(MAGTRACK)).to_owned(),
            Values::Any => "as the driver says".to_owned(),
            Values::Tables(_) => "tables; `beadscope rig --example` shows them".to_owned(),
        }
    }

    /// `value` as it is kept: whole numbers where fractions are allowed become fractions, MagTrack's words and counts
    /// are as MagTrack reads them.
    pub(super) fn check(&self, value: &Value) -> Result<Value, Wrong> {
        let within = |is_inside, value: Value| if is_inside { Ok(value) } else { Err(Wrong::Range) };
        match (self.values, value) {
            (Values::Number(low, high), Value::Float(number)) => {
                within((low..=high).contains(number), value.clone())
            }
            (Values::Number(low, high), Value::Integer(number)) => {
                // Far beyond any range before it is inexact.
                let number = *number as f64;
                within((low..=high).contains(&number), number.into())
            }
            (Values::Number(..), _) => Err(Wrong::Kind("a number")),
            (Values::Whole(low, high), Value::Integer(number)) => {
                within((low..=high).contains(number), value.clone())
            }
            (Values::Whole(..), _) => Err(Wrong::Kind("a whole number")),
            (Values::Flag, Value::Boolean(_)) => Ok(value.clone()),
            (Values::Flag, _) => Err(Wrong::Kind("true or false")),
            (Values::Wholes(low, high), Value::Array(numbers)) => {
                let numbers: Option<Vec<i64>> = numbers.iter().map(Value::as_integer).collect();
                let numbers = numbers.ok_or(Wrong::Kind("a list of whole numbers"))?;
                within(numbers.iter().all(|number| (low..=high).contains(number)), value.clone())
            }
            (Values::Wholes(..), _) => Err(Wrong::Kind("a list of whole numbers")),
            (Values::Word(words), Value::String(word)) => {
                within(words.contains(&word.as_str()), value.clone())
            }
            (Values::Path, Value::String(path)) => within(!path.is_empty(), value.clone()),
            (Values::RunName, Value::String(name)) => run_name::check(name)
                .map(|()| value.clone())
                .map_err(|error| Wrong::Because(error.to_string())),
            (Values::Text, Value::String(_)) => Ok(value.clone()),
            (Values::Word(_) | Values::Text | Values::RunName | Values::Path, _) => {
                Err(Wrong::Kind("text in quotes"))
            }
            (Values::MagTrack, _) => {
                let option = self.name.trim_start_matches(MAGTRACK);
                let table = toml::Table::from_iter([(option.to_owned(), value.clone())]);
                let options = options_from_toml(&table).map_err(|_| Wrong::Range)?;
                toml_from_options(&options).remove(option).ok_or(Wrong::Range)
            }
            (Values::Any, _) => Ok(value.clone()),
            (Values::Tables(check), _) => check(value).map(|()| value.clone()).map_err(Wrong::Because),
        }
    }

    /// Whether the setting `name`, for which this is the entry, names a file. A driver does not know where the rig lies,
    /// so its one key that names a file is known here.
    pub(super) fn is_path(&self, name: &str) -> bool {
        matches!(self.values, Values::Path) || name.strip_prefix(CAMERA_SETTINGS) == Some("path")
    }

    /// What somebody typed, as a value that [`check`](Self::check) may still refuse.
    pub(super) fn parse(&self, text: &str) -> Value {
        let number = text.trim();
        let whole = number.parse().ok().map(Value::Integer);
        let parsed = match self.values {
            Values::Number(..) => whole.or_else(|| number.parse().ok().map(Value::Float)),
            Values::Whole(..) => whole,
            // A word that is no TOML, such as a serial number with letters in it, is text.
            Values::Any | Values::Tables(_) | Values::Flag | Values::Wholes(..) => toml_value(text),
            Values::Word(_) | Values::MagTrack => Some(number.into()),
            Values::Text | Values::RunName | Values::Path => None,
        };
        parsed.unwrap_or_else(|| text.into())
    }

    /// Its default: `Rig::default()`'s, or MagTrack's.
    pub(super) fn default_in(&self, rig: &toml::Table) -> Option<Value> {
        if let Some(option) = self.name.strip_prefix(MAGTRACK) {
            return toml_from_options(&Options::default()).remove(option);
        }
        let (section, name) = self.name.split_once('.')?;
        rig.get(section)?.get(name).cloned()
    }
}

fn toml_value(text: &str) -> Option<Value> {
    // More than one line would be more than one value.
    let line = text.lines().next().filter(|line| line.len() == text.len())?;
    format!("value = {line}").parse::<toml::Table>().ok()?.remove("value")
}

/// 100000 is read at a glance, 100000000 is not.
fn short(number: f64) -> String {
    if number > 1e6 { format!("{number:e}") } else { number.to_string() }
}
