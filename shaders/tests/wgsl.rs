//! The compute shaders are valid, and their structs lie in memory as those of Rust do.

#![allow(clippy::panic, reason = "the way a test fails with the compiler's own message")]
#![allow(clippy::unwrap_used, reason = "a test stops at what should not be")]

use beadscope_shaders::gpu::{Bead, Grid, Place, Ring, STAGES, Settings, Stage};
use naga::valid::{Capabilities, ValidationFlags, Validator};

fn parse(stage: &Stage) -> naga::Module {
    naga::front::wgsl::parse_str(stage.source)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string_with_path(stage.source, stage.name)))
}

#[test]
fn every_stage_is_valid_with_nothing_but_core_wgsl() {
    for stage in STAGES {
        let module = parse(&stage);
        // No capability beyond those that every adapter has.
        let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
        if let Err(error) = validator.validate(&module) {
            panic!("{}: {}", stage.name, error.emit_to_string_with_path(stage.source, stage.name));
        }
        assert!(module.entry_points.iter().any(|entry| entry.name == stage.name), "{}", stage.name);
        let overrides = module.overrides.iter().filter_map(|(_, constant)| constant.name.as_deref());
        assert_eq!(overrides.collect::<Vec<_>>(), stage.constants, "{}", stage.name);
    }
}

#[test]
fn structs_lie_in_memory_as_in_rust() {
    for (name, size, offsets) in [
        ("Settings", size_of::<Settings>(), Settings::OFFSETS),
        ("Bead", size_of::<Bead>(), Bead::OFFSETS),
        ("Grid", size_of::<Grid>(), Grid::OFFSETS),
        ("Place", size_of::<Place>(), Place::OFFSETS),
        ("Ring", size_of::<Ring>(), Ring::OFFSETS),
    ] {
        let mut stages = 0;
        for stage in STAGES {
            let module = parse(&stage);
            let mut types = module.types.iter().map(|(_, kind)| kind);
            let Some(found) = types.find(|kind| kind.name.as_deref() == Some(name)) else { continue };
            let naga::TypeInner::Struct { members, span } = found.inner.clone() else { panic!("{name}") };
            let members: Vec<_> =
                members.iter().map(|m| (m.name.as_deref().unwrap(), m.offset as usize)).collect();
            assert_eq!((span as usize, members.as_slice()), (size, offsets), "{name} in {}", stage.name);
            stages += 1;
        }
        assert!(stages > 0, "no stage has {name}");
    }
}
