//! MagScope's preferences, as MagScope 1.0 exports them to YAML (the bundle of its dialog, or its settings alone), as a
//! `rig.toml`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::settings::file::checked;
use crate::settings::keys::{self, MAGTRACK};
use crate::settings::save::with;
use crate::settings::source::Source;

/// The version of the bundle that MagScope 1.0 writes.
const BUNDLE_VERSION: u64 = 1;

/// MagScope's settings that have no counterpart here, and why. `magnification` has one.
const WITHOUT_COUNTERPART: [(&str, &str); 9] = [
    ("tracks max datapoints", "the window limits its plots itself, a recording keeps every row"),
    ("video buffer n images", "frames are tracked one by one, not in stacks"),
    ("video buffer n stacks", "frames wait in a ring whose memory is fixed"),
    ("video processors n", "every core tracks"),
    ("save tracking ROI positions", "every recording holds its ROIs"),
    (
        "tracking data file rotation enabled",
        "a recording is one file, which beadscope recover mends after a crash",
    ),
    ("tracking data file rotation interval minutes", "a recording is one file"),
    ("gui accent color", "the window's looks are not settings"),
    ("gui live plot progress bar", "the window's looks are not settings"),
];

/// Those that have one, and its name here.
const COUNTERPARTS: [(&str, &str); 7] = [
    ("ROI", "tracking.roi_px"),
    ("xy-lock default interval", "locks.xy_every_s"),
    ("xy-lock default max", "locks.xy_most_px"),
    ("xy-lock default window", "locks.xy_frames"),
    ("z-lock default interval", "locks.z_every_s"),
    ("z-lock default max", "locks.z_most_nm"),
    ("z-lock default window", "locks.z_frames"),
];

/// What became of a file of preferences.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// A rig with what has a counterpart, and what has none as comments.
    pub rig_toml: String,
    /// What was taken over, one sentence each.
    pub taken: Vec<String>,
    /// What was not, one sentence each with the reason.
    pub left: Vec<String>,
}

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("cannot read the preferences: {error}: {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// It is not YAML.
    #[error("{message}; MagScope exports its preferences as YAML: {}", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        message: String,
    },
    /// It is YAML of something else.
    #[error("these are not MagScope's preferences: {why}; export them in its dialog Preferences: {}", path.display())]
    NotMagScope {
        /// The file.
        path: PathBuf,
        /// How that is seen.
        why: String,
    },
}

/// Reads the preferences at `path`. MagScope does not know the size of a pixel by its preferences: `camera_pixel_nm` is
/// that of the camera's chip, nm, and its magnification makes it one in the sample.
///
/// # Errors
/// If the file cannot be read, or is not MagScope's.
pub fn import(path: &Path, camera_pixel_nm: Option<f64>) -> Result<Import, ImportError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| ImportError::Read { path: path.to_owned(), error })?;
    let preferences = Preferences::parse(&text).map_err(|refused| match refused {
        Refused::Yaml(message) => ImportError::Yaml { path: path.to_owned(), message },
        Refused::NotMagScope(why) => ImportError::NotMagScope { path: path.to_owned(), why },
    })?;
    Ok(preferences.convert(camera_pixel_nm))
}

enum Refused {
    Yaml(String),
    NotMagScope(String),
}

/// The sections of a bundle; its settings alone when MagScope's scripts exported them.
struct Preferences {
    magscope: Map<String, Value>,
    tracking: Map<String, Value>,
    /// Names of what else is there.
    others: Vec<String>,
}

impl Preferences {
    fn parse(text: &str) -> Result<Self, Refused> {
        let value: Value = serde_saphyr::from_str(text).map_err(|error| {
            Refused::Yaml(error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
        })?;
        let not = |why: &str| Err(Refused::NotMagScope(why.to_owned()));
        let Value::Object(mut all) = value else { return not("there are no names with values in it") };
        if all.contains_key("ROI") {
            return Ok(Self { magscope: all, tracking: Map::new(), others: Vec::new() });
        }
        let (Some(Value::Object(magscope)), Some(version)) = (all.remove("magscope"), all.remove("version"))
        else {
            return not("there is neither a setting ROI nor a section magscope with a version");
        };
        if version.as_u64() != Some(BUNDLE_VERSION) {
            return not(&format!("their version is {version}, and only {BUNDLE_VERSION} is known"));
        }
        let tracking = match all.remove("tracking") {
            None => Map::new(),
            Some(Value::Object(tracking)) => tracking,
            Some(_) => return not("the section tracking is none"),
        };
        Ok(Self { magscope, tracking, others: all.into_iter().map(|(name, _)| name).collect() })
    }

    fn convert(&self, camera_pixel_nm: Option<f64>) -> Import {
        let mut rig = Builder::default();
        for (name, value) in &self.magscope {
            match name.as_str() {
                "magnification" => rig.take_magnification(value, camera_pixel_nm),
                theirs => match COUNTERPARTS.iter().find(|(known, _)| *known == theirs) {
                    Some((_, ours)) => rig.take(name, ours, value),
                    None => {
                        let known = WITHOUT_COUNTERPART.iter().find(|(known, _)| *known == theirs);
                        rig.leave(
                            name,
                            value,
                            known.map_or("MagScope 1.0 has no such setting", |(_, why)| why),
                        );
                    }
                },
            }
        }
        if !self.tracking.is_empty() {
            rig.set("tracking.method", &Value::from("magtrack"), "MagScope tracks with MagTrack");
        }
        for (name, value) in &self.tracking {
            match value {
                // The bundle writes `lookup_z.n_local` as a section with a name in it.
                Value::Object(inner) => {
                    for (rest, value) in inner {
                        rig.take_option(&format!("{name}.{rest}"), value);
                    }
                }
                value => rig.take_option(name, value),
            }
        }
        for name in &self.others {
            let why = if name == "appearance_layout" {
                "it arranges MagScope's window"
            } else {
                "MagScope 1.0 has no such section"
            };
            rig.left.push(format!("{name}: {why}"));
        }
        rig.finish()
    }
}

#[derive(Default)]
struct Builder {
    text: String,
    taken: Vec<String>,
    left: Vec<String>,
}

impl Builder {
    fn take(&mut self, theirs: &str, ours: &str, value: &Value) {
        self.set(ours, value, &format!("{theirs} = {value}"));
    }

    fn take_option(&mut self, name: &str, value: &Value) {
        let ours = format!("{MAGTRACK}{name}");
        if keys::find(&ours).is_some() {
            self.take(name, &ours, value);
        } else {
            self.leave(name, value, "MagTrack 1.0 has no such option");
        }
    }

    fn take_magnification(&mut self, value: &Value, camera_pixel_nm: Option<f64>) {
        let magnification =
            plain(value).trim().parse::<f64>().ok().filter(|times| *times >= 1.0 && times.is_finite());
        match (magnification, camera_pixel_nm) {
            (None, _) => self.leave("magnification", value, "it must be a number of at least 1"),
            (Some(times), Some(nm)) => {
                let why = format!("{nm} nm of the camera / magnification = {value}");
                self.set("optics.pixel_size_nm", &Value::from(nm / times), &why);
            }
            (Some(_), None) => self.leave(
                "magnification",
                value,
                "set [optics] pixel_size_nm to the camera's own pixel size over it, or give --camera-pixel-nm",
            ),
        }
    }

    fn set(&mut self, ours: &str, value: &Value, because: &str) {
        let Some(key) = keys::find(ours) else { return };
        // None of them is a path, which alone would need a folder.
        match checked(ours, key.parse(&plain(value)), &Source::Session, Path::new("")) {
            Ok(value) => {
                self.text = with(&self.text, ours, &value);
                self.taken.push(format!("{ours} = {value}: {because}"));
            }
            Err(error) => self.left.push(format!("{because}: {error}")),
        }
    }

    fn leave(&mut self, name: &str, value: &Value, why: &str) {
        self.left.push(format!("{name} = {value}: {why}"));
    }

    fn finish(self) -> Import {
        let Self { text, taken, left } = self;
        let mut rig_toml = "# From MagScope's preferences. Not taken over:\n".to_owned();
        for sentence in &left {
            rig_toml.push_str(&format!("#   {}\n", sentence.replace(char::is_control, " ")));
        }
        rig_toml.push('\n');
        rig_toml.push_str(&text);
        Import { rig_toml, taken, left }
    }
}

/// A value as MagScope's own dialog would show it: text without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
