//! `beadscope rig`: settings. An example, what holds and why, changes of a file, MagScope's preferences as a rig.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use beadscope_engine::rig::EXAMPLE;
use beadscope_engine::settings::magscope::import;
use beadscope_engine::settings::{Saved, Setting, Settings, Target, user_file};
use beadscope_zlut::aside;
use serde::Serialize;

use crate::arguments::RigArguments;
use crate::output;

pub fn run(arguments: &RigArguments) -> Result<()> {
    let RigArguments { check: to_check, import_magscope, rig, .. } = arguments;
    if arguments.example {
        output::print(EXAMPLE)
    } else if let Some(path) = to_check {
        check(path)
    } else if let Some(preferences) = import_magscope {
        import_rig(preferences, arguments)
    } else if arguments.show {
        show(&super::read_settings(rig.as_deref())?.all(), arguments.json)
    } else {
        change(arguments)
    }
}

fn check(path: &Path) -> Result<()> {
    let settings = super::read_settings(Some(path))?;
    let (setup, _) = super::open(&settings)?;
    let window = setup.config.window;
    output::print(&format!(
        "{}: {} x {} px at {} Hz, {} beads\n",
        settings.rig().camera.driver,
        window.width_px,
        window.height_px,
        setup.config.rate_hz,
        setup.info.rois.len()
    ))
}

fn show(settings: &[Setting], json: bool) -> Result<()> {
    #[derive(Serialize)]
    struct Shown<'a> {
        settings: &'a [Setting],
    }
    if json {
        return output::print_json(&Shown { settings });
    }
    let line = |setting: &Setting| {
        format!(
            "{} = {}  [{}]\n    {}: {}\n",
            setting.name,
            setting.value_text(),
            setting.source_text(),
            setting.about,
            setting.allowed
        )
    };
    output::print(&settings.iter().map(line).collect::<String>())
}

/// Changes a file, and tells what holds now instead of what.
fn change(arguments: &RigArguments) -> Result<()> {
    let RigArguments { set, unset, rig, user, .. } = arguments;
    let user_s = user_file();
    let target = match rig {
        Some(rig) if !user => Target::Rig(rig),
        _ => Target::User(user_s.as_deref().context(
            "there is no place for a user's own settings here; set HOME, or change a rig.toml with --rig",
        )?),
    };
    let mut settings = Settings::load(rig.as_deref(), user_s.as_deref())?;
    for (name, text) in set {
        settings.change(name, text)?;
    }
    let saved = settings.save(target, unset)?;
    output::print(&saved.iter().map(describe).collect::<String>())
}

fn describe(Saved { name, before, after, overruled }: &Saved) -> String {
    let text = |setting: &Option<Setting>| {
        let text = |setting: &Setting| format!("{} ({})", setting.value_text(), setting.source);
        setting.as_ref().map_or_else(|| "not set".to_owned(), text)
    };
    if *overruled {
        return format!("{name}: written, but what holds lies over it: {}\n", text(after));
    }
    format!("{name}: {} -> {}\n", text(before), text(after))
}

fn import_rig(preferences: &Path, arguments: &RigArguments) -> Result<()> {
    let imported = import(preferences, arguments.camera_pixel_nm)?;
    let Some(out) = &arguments.out else { return output::print(&imported.rig_toml) };
    // A rig is written by hand.
    ensure!(!out.exists(), "the file exists already, nothing was written; give a new one: {}", out.display());
    aside::write(out, |path| std::fs::write(path, &imported.rig_toml))
        .with_context(|| format!("cannot write {}", out.display()))?;
    let taken = imported.taken.iter().map(|sentence| format!("taken: {sentence}\n"));
    let left = imported.left.iter().map(|sentence| format!("not taken: {sentence}\n"));
    output::print(&taken.chain(left).collect::<String>())
}
