//! The table of settings, the rig and the example say the same.

use beadscope_shaders::magtrack::options;

use super::*;
use crate::rig::EXAMPLE;
use crate::settings::keys::Values as Allowed;

/// The fields of a section as serde knows them, which is every one, set by default or not.
fn fields(section: &str) -> Vec<String> {
    let text = if section.is_empty() {
        "no_such_field = 1".into()
    } else {
        format!("[{section}]\nno_such_field = 1")
    };
    let error = toml::from_str::<Rig>(&text).unwrap_err();
    let expected = error.message().split_once("expected").unwrap().1.to_owned();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_table_has_every_field_of_a_rig_and_no_other() {
    let mut in_rig = Vec::new();
    for section in fields("") {
        in_rig.extend(fields(&section).iter().map(|field| format!("{section}.{field}")));
    }
    let of_magtrack = options::KEYS.map(|key| format!("{MAGTRACK}{key}"));
    in_rig.retain(|name| name != "tracking.magtrack");
    in_rig.extend(of_magtrack);
    in_rig.iter_mut().filter(|name| *name == "camera.settings").for_each(|name| name.push_str(".*"));
    let mut in_table: Vec<String> = KEYS.iter().map(|key| key.name.to_owned()).collect();
    in_rig.sort();
    in_table.sort();
    assert_eq!(in_table, in_rig);
}

#[test]
fn the_example_mentions_every_setting_with_its_range() {
    let mut section = String::new();
    let mut mentioned = Vec::new();
    for line in EXAMPLE.lines() {
        let line = line.trim_start_matches("# ");
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            section = name.0.to_owned();
        } else if let Some((name, rest)) = line.split_once(" = ") {
            mentioned.push((format!("{section}.{}", name.trim_matches('"')), rest.to_owned()));
        }
    }
    for key in KEYS.iter().filter(|key| key.applies != Applies::Fixed) {
        let line = mentioned.iter().find(|(name, _)| name == key.name);
        match (key.values, line) {
            (Allowed::Any, _) => {}
            (Allowed::Tables(_), _) => {
                let is_shown = |begin: &str| EXAMPLE.contains(&format!("# [{begin}{}", key.name));
                assert!(is_shown("") || is_shown("["), "{}", key.name);
            }
            (Allowed::Number(..) | Allowed::Whole(..), Some((_, rest))) => {
                let range = key.allowed();
                assert!(rest.contains(&range), "{}: {rest}: {range}", key.name);
            }
            (Allowed::Word(words), Some((_, rest))) => {
                let said = |word: &str| {
                    rest.split(|letter: char| !letter.is_alphanumeric() && !"+-".contains(letter))
                        .any(|said| said == word)
                };
                assert!(words.iter().all(|word| said(word)), "{}: {rest}", key.name);
            }
            (_, line) => assert!(line.is_some(), "the example does not mention {}", key.name),
        }
    }
}

#[test]
fn the_example_shows_magtracks_defaults() {
    let commented = EXAMPLE.split_once("# [tracking.magtrack]").unwrap().1;
    let lines = commented.lines().skip(1).take_while(|line| line.starts_with("# \""));
    let text: Vec<&str> = lines.map(|line| line.trim_start_matches("# ")).collect();
    let shown = read(&format!("[tracking]\nmethod = 'magtrack'\n[tracking.magtrack]\n{}", text.join("\n")));
    assert_eq!(text.len(), options::KEYS.len());
    assert_eq!(shown.tracking, read("[tracking]\nmethod = 'magtrack'\n").tracking);
}

/// A value that the setting may hold, as typed.
fn some_value(key: &keys::Key) -> String {
    match key.values {
        Allowed::Number(low, _) => low.to_string(),
        Allowed::Whole(low, _) => low.to_string(),
        Allowed::Word(words) => words[0].to_owned(),
        Allowed::Flag => "true".to_owned(),
        Allowed::Wholes(low, high) => format!("[{low}, {high}]"),
        Allowed::Text | Allowed::RunName | Allowed::Path | Allowed::Any => "x".to_owned(),
        Allowed::Tables(_) => match key.name {
            "motors.controllers" => "[{ driver = 'zaber', axes = [{ name = 'focus', unit = 'nm' }] }]",
            "safety.axes" => "{ focus = { limits = [0.0, 1.0] } }",
            _ => "[{ axis = 'a', between = [0.0, 1.0], keeps = 'b', within = [0.0, 1.0], why = 'so' }]",
        }
        .to_owned(),
        Allowed::MagTrack => Settings::load(None, None)
            .unwrap()
            .get(key.name)
            .unwrap()
            .value
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .unwrap(),
    }
}

#[test]
fn every_setting_can_be_changed_and_reaches_the_rig() {
    for key in KEYS.iter().filter(|key| key.applies != Applies::Fixed) {
        let name = key.name.replace('*', "x");
        let mut settings = Files::new("[tracking]\nmethod = 'magtrack'\n", "").load().unwrap();
        if name == "tracking.adapter" {
            settings.change("tracking.method", "qi").unwrap();
        }
        let change = settings.change(&name, &some_value(key)).unwrap();
        let written = Files::new(&settings.rig().to_toml().unwrap(), "").load().unwrap();
        if let Allowed::Tables(_) = key.values {
            assert_eq!(written.rig(), settings.rig(), "{name}");
            assert_ne!(*written.rig(), Rig::default(), "{name}");
        } else {
            assert_eq!(written.get(&name).unwrap().value, Some(change.new), "{name}");
        }
        assert!(
            !key.about.is_empty()
                && (key.left_out.is_empty()
                    == settings.layers[&Layer::Default].get(&name).is_none_or(|given| given.value.is_some())),
            "{name}"
        );
    }
}
