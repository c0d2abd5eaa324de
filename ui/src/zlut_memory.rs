//! The Z-LUT that was loaded is loaded again at the next start: its file is kept in the user's settings. One that came with the
//! instrument, or that nobody has put into a file, is not.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use beadscope_engine::command::{Applied, Command};
use beadscope_engine::settings::{Layer, SettingError, Settings, Target};
use beadscope_zlut::ZLut;

use crate::errands::{Done, Errand};

const SETTING: &str = "tracking.zlut";

/// What a command does with Z-LUTs.
#[derive(Clone)]
pub enum Deed {
    /// Loads this file.
    Load(String),
    /// Uses that of a bead that was swept.
    UseSwept,
    /// Uses none.
    Unload,
    /// Writes one into this file; `None`: the one in use.
    Save(String, Option<Weak<ZLut>>),
}

impl Deed {
    /// Of this command, if it does any. `swept`: the Z-LUT of a bead of the last sweep.
    pub fn of(command: &Command, swept: impl FnOnce(u32) -> Option<Arc<ZLut>>) -> Option<Self> {
        match command {
            Command::ZLutUse { bead: None, path: Some(path) } => Some(Self::Load(path.clone())),
            Command::ZLutUse { .. } => Some(Self::UseSwept),
            Command::ZLutUnload {} => Some(Self::Unload),
            Command::ZLutSave { path, bead: None } => Some(Self::Save(path.clone(), None)),
            Command::ZLutSave { path, bead: Some(bead) } => {
                Some(Self::Save(path.clone(), Some(Arc::downgrade(&swept(*bead)?))))
            }
            _ => None,
        }
    }
}

/// What was done with Z-LUTs in this window.
pub struct ZLutMemory {
    user: Option<PathBuf>,
    rig: Option<PathBuf>,
    /// Those that were swept and are in a file.
    saved: Vec<(Weak<ZLut>, String)>,
    /// The one that was used last of a bead that was swept.
    swept: Weak<ZLut>,
}

impl ZLutMemory {
    /// Keeps it in `user`, over the settings of `rig`.
    pub fn new(user: Option<PathBuf>, rig: Option<PathBuf>) -> Self {
        Self { user, rig, saved: Vec::new(), swept: Weak::new() }
    }

    /// A command was carried out; what is to be kept, or taken out again. `in_use`: the Z-LUT that heights are looked up in now.
    pub fn learn(&mut self, deed: Deed, applied: &Applied, in_use: Option<&Arc<ZLut>>) -> Option<Errand> {
        let is_in_use = |zlut: &Weak<ZLut>| in_use.is_some_and(|used| zlut.as_ptr() == Arc::as_ptr(used));
        let file = match deed {
            Deed::Load(path) => Some(path),
            Deed::Unload => None,
            Deed::UseSwept => {
                self.swept = in_use.map_or_else(Weak::new, Arc::downgrade);
                Some(self.saved.iter().find(|(zlut, _)| is_in_use(zlut))?.1.clone())
            }
            Deed::Save(path, zlut) => {
                // A format that loses something would load another Z-LUT.
                let is_whole = matches!(applied, Applied::ZLutSaved { not_kept, .. } if not_kept.is_empty());
                let zlut = zlut.unwrap_or_else(|| self.swept.clone());
                if !is_whole || zlut.strong_count() == 0 {
                    return None;
                }
                self.saved.retain(|(_, other)| *other != path);
                self.saved.push((zlut.clone(), path.clone()));
                let is_swept = zlut.ptr_eq(&self.swept) && is_in_use(&zlut);
                Some(path).filter(|_| is_swept)?.into()
            }
        };
        let (user, rig) = (self.user.clone()?, self.rig.clone());
        Some(Box::new(move || {
            let kept = keep(&user, rig.as_deref(), file.as_deref());
            Done::Kept(kept.map_err(|error| format!("the Z-LUT of the next start is as it was: {error}")))
        }))
    }
}

/// Writes the file of the Z-LUT into the user's settings, or takes it out; what was done, if anything.
fn keep(user: &Path, rig: Option<&Path>, file: Option<&str>) -> Result<Option<String>, SettingError> {
    let mut settings = Settings::load(rig, Some(user))?;
    let kept = settings.get(SETTING).filter(|setting| setting.source.layer() == Layer::User);
    match file {
        Some(file) => {
            let before = settings.get(SETTING).map(|setting| setting.value);
            let change = settings.change(SETTING, file)?;
            if before.is_some_and(|before| before == Some(change.new)) {
                return Ok(None);
            }
            settings.save(Target::User(user), &[])?;
            Ok(Some(format!("this Z-LUT is loaded at the next start too: {file}")))
        }
        None if kept.is_some() => {
            settings.save(Target::User(user), &[SETTING.to_owned()])?;
            Ok(Some("the next start loads no Z-LUT for your settings any more".to_owned()))
        }
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use beadscope_zlut::Origin;

    use super::*;

    fn zlut() -> Arc<ZLut> {
        let rows = (0..25).map(|i| (i * i % 7) as f32).collect();
        Arc::new(ZLut::new((0..5).map(f64::from).collect(), 5, rows, Origin::default()).unwrap())
    }

    struct Bench {
        folder: tempfile::TempDir,
        memory: ZLutMemory,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let memory = ZLutMemory::new(Some(folder.path().join("user.toml")), None);
            Self { folder, memory }
        }

        /// What the user's file says after this was done.
        fn after(&mut self, deed: Deed, applied: &Applied, in_use: Option<&Arc<ZLut>>) -> Option<String> {
            if let Some(errand) = self.memory.learn(deed, applied, in_use) {
                let Done::Kept(kept) = errand() else { unreachable!("it keeps") };
                kept.unwrap();
            }
            let text = std::fs::read_to_string(self.folder.path().join("user.toml")).unwrap_or_default();
            let table: toml::Table = text.parse().unwrap();
            Some(table.get("tracking")?.get("zlut")?.as_str()?.to_owned())
        }
    }

    fn saved(not_kept: &[&str]) -> Applied {
        let not_kept = not_kept.iter().map(|text| (*text).to_owned()).collect();
        Applied::ZLutSaved { file: "f".into(), not_kept }
    }

    #[test]
    fn a_file_that_was_loaded_is_kept_until_it_is_unloaded() {
        let (mut bench, zlut) = (Bench::new(), zlut());
        let kept = bench.after(Deed::Load("/data/a.zlut.h5".to_owned()), &Applied::Done, Some(&zlut));
        assert_eq!(kept.as_deref(), Some("/data/a.zlut.h5"));
        let kept = bench.after(Deed::Load("/data/b.zlut.h5".to_owned()), &Applied::Done, Some(&zlut));
        assert_eq!(kept.as_deref(), Some("/data/b.zlut.h5"));
        assert_eq!(bench.after(Deed::Unload, &Applied::Done, None), None);
        assert_eq!(
            bench.after(Deed::Unload, &Applied::Done, None),
            None,
            "again, nothing is there to take out"
        );
    }

    #[test]
    fn a_swept_one_is_kept_once_it_is_used_and_in_a_file_in_either_order() {
        let (mut bench, zlut) = (Bench::new(), zlut());
        assert_eq!(bench.after(Deed::UseSwept, &Applied::Done, Some(&zlut)), None, "it is in no file");
        let save =
            |path: &str, zlut: Option<&Arc<ZLut>>| Deed::Save(path.to_owned(), zlut.map(Arc::downgrade));
        let text = bench.after(save("/data/a.txt", None), &saved(&["the model of the image"]), Some(&zlut));
        assert_eq!(text, None, "the file is another Z-LUT than the one in use");
        let kept = bench.after(save("/data/a.zlut.h5", None), &saved(&[]), Some(&zlut));
        assert_eq!(kept.as_deref(), Some("/data/a.zlut.h5"));
        let other = self::zlut();
        let kept = bench.after(save("/data/b.zlut.h5", Some(&other)), &saved(&[]), Some(&zlut));
        assert_eq!(kept.as_deref(), Some("/data/a.zlut.h5"), "the other is not used");
        let kept = bench.after(Deed::UseSwept, &Applied::Done, Some(&other));
        assert_eq!(kept.as_deref(), Some("/data/b.zlut.h5"));
    }

    #[test]
    fn what_came_with_the_instrument_is_not_kept_because_somebody_saves_it() {
        let (mut bench, zlut) = (Bench::new(), zlut());
        let save = Deed::Save("/data/default.zlut.h5".to_owned(), None);
        assert_eq!(bench.after(save, &saved(&[]), Some(&zlut)), None, "nobody chose it");
    }

    #[test]
    fn other_settings_stay_and_a_broken_file_is_told() {
        let mut bench = Bench::new();
        let file = bench.folder.path().join("user.toml");
        std::fs::write(&file, "# mine\n[camera]\nrate_hz = 250.0\n").unwrap();
        bench.after(Deed::Load("/data/a.zlut.h5".to_owned()), &Applied::Done, None);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("# mine") && text.contains("rate_hz = 250.0"), "{text}");
        std::fs::write(&file, "[camera\n").unwrap();
        let errand = bench.memory.learn(Deed::Unload, &Applied::Done, None).unwrap();
        let Done::Kept(Err(why)) = errand() else { unreachable!("it cannot be read") };
        assert!(why.contains("as it was") && why.contains("user.toml"), "{why}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "[camera\n", "nothing is written over it");
    }
}
