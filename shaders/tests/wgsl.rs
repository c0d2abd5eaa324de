//! The compute shaders are valid, can be written for every system, share no more memory than is reckoned with, and their
//! structs lie in memory as those of Rust do.

#![allow(clippy::panic, reason = "the way a test fails with the compiler's own message")]
#![allow(clippy::unwrap_used, reason = "a test stops at what should not be")]

use std::borrow::Cow;
use std::collections::HashMap;

use beadscope_shaders::gpu::{
    Bead, Grid, Place, Ring, SHARED_BYTES, SHARED_BYTES_PER_RING, STAGES, Settings, Stage,
};
use beadscope_shaders::image_model::knots_for_roi;
use beadscope_shaders::params::MAX_ROI_PX;
use naga::back::{hlsl, msl, pipeline_constants, spv};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy, Layouter};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ShaderStage};

fn parse(stage: &Stage) -> Module {
    naga::front::wgsl::parse_str(stage.source)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string_with_path(stage.source, stage.name)))
}

/// A stage whose constants all have this value, as a graphics library gets it.
fn with_constants(stage: &Stage, value: usize) -> (Module, ModuleInfo) {
    let module = parse(stage);
    // No capability beyond those that every adapter has.
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module);
    let info = info.unwrap_or_else(|error| {
        panic!("{}: {}", stage.name, error.emit_to_string_with_path(stage.source, stage.name))
    });
    let constants: HashMap<_, _> =
        stage.constants.iter().map(|name| ((*name).to_owned(), value as f64)).collect();
    let entry = Some((ShaderStage::Compute, stage.name));
    let (module, info) =
        pipeline_constants::process_overrides(&module, &info, entry, &constants.into_iter().collect())
            .map(|(module, info)| (Cow::into_owned(module), Cow::into_owned(info)))
            .unwrap();
    (module, info)
}

/// No device is needed to see that Vulkan, Direct3D 12 and Metal can be given it.
#[test]
fn every_stage_can_be_written_for_every_system() {
    for stage in STAGES {
        let (module, info) = with_constants(&stage, 64);
        let entry = (ShaderStage::Compute, stage.name.to_owned());
        // As wgpu asks for it: no index reaches beyond a buffer.
        let limits = BoundsCheckPolicies {
            index: BoundsCheckPolicy::Restrict,
            buffer: BoundsCheckPolicy::Restrict,
            ..BoundsCheckPolicies::default()
        };
        let options = spv::Options { bounds_check_policies: limits, ..spv::Options::default() };
        let for_entry = spv::PipelineOptions { shader_stage: entry.0, entry_point: entry.1.clone() };
        let words = spv::write_vec(&module, &info, &options, Some(&for_entry))
            .unwrap_or_else(|error| panic!("{} for Vulkan: {error}", stage.name));
        assert!(words.len() > 100, "{}", stage.name);

        let options = hlsl::Options { shader_model: hlsl::ShaderModel::V6_0, ..hlsl::Options::default() };
        let for_entry = hlsl::PipelineOptions { entry_point: Some(entry.clone()) };
        let mut text = String::new();
        hlsl::Writer::new(&mut text, &options, &for_entry)
            .write(&module, &info, None)
            .unwrap_or_else(|error| panic!("{} for Direct3D 12: {error}", stage.name));
        assert!(text.contains(&format!("void {}", stage.name)), "{text}");

        let options =
            msl::Options { lang_version: (2, 4), bounds_check_policies: limits, ..msl::Options::default() };
        let for_entry = msl::PipelineOptions { entry_point: Some(entry), ..msl::PipelineOptions::default() };
        let (text, written) = msl::write_string(&module, &info, &options, &for_entry)
            .unwrap_or_else(|error| panic!("{} for Metal: {error}", stage.name));
        assert!(text.contains("kernel void"), "{text}");
        assert!(written.entry_point_names.iter().all(Result::is_ok), "{:?}", written.entry_point_names);
    }
}

/// Bytes that a workgroup shares.
fn shared_bytes(stage: &Stage, constant: usize) -> usize {
    let (module, _) = with_constants(stage, constant);
    let mut layouter = Layouter::default();
    layouter.update(module.to_ctx()).unwrap();
    let shared = module.global_variables.iter().filter(|(_, v)| v.space == AddressSpace::WorkGroup);
    // Each begins where any type may.
    shared.map(|(_, variable)| layouter[variable.ty].size.next_multiple_of(16) as usize).sum()
}

#[test]
fn workgroups_share_no_more_memory_than_is_reckoned_with() {
    for stage in STAGES {
        for n_rings in [8, MAX_ROI_PX, 2000].into_iter().filter(|_| stage.constants == ["MAX_RINGS"]) {
            let (shared, limit) =
                (shared_bytes(&stage, n_rings), SHARED_BYTES_PER_RING * n_rings + SHARED_BYTES);
            assert!(shared <= limit, "{} with {n_rings} rings: {shared} bytes, not {limit}", stage.name);
            assert!(stage.name != "zlut_match" || limit - shared < 512, "{shared} bytes, not {limit}");
        }
        let largest = match stage.constants {
            ["LARGEST_BORDER"] => 4 * (MAX_ROI_PX - 1),
            ["MAX_KNOTS"] => knots_for_roi(MAX_ROI_PX),
            _ => MAX_ROI_PX,
        };
        // What every adapter of WebGPU has.
        assert!(shared_bytes(&stage, largest) <= 16 << 10, "{}", stage.name);
    }
}

#[test]
fn every_stage_is_valid_with_nothing_but_core_wgsl() {
    for stage in STAGES {
        with_constants(&stage, 64);
        let module = parse(&stage);
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
