//! Z-LUTs measured on an instrument (QTrk's example data, MIT licence), read from beside the repository.
#![allow(clippy::unwrap_used, reason = "clippy knows #[test] functions, not their helpers")]

use std::{env, path::PathBuf};

use beadscope_zlut::{ReadOptions, ZLut, file, quality};

/// The file, or `None` with a line that says so.
fn real(name: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared"));
    let shared = env::var_os("BEADSCOPE_SHARED").map_or_else(beside, PathBuf::from);
    let path = shared.join("data/real").join(name);
    if !path.exists() {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}

fn read(name: &str, options: &ReadOptions) -> Option<ZLut> {
    Some(file::read(&real(name)?, options).unwrap())
}

#[test]
fn ten_beads_of_a_radialzlut() {
    let Some(path) = real("qtrk_10x.radialzlut") else { return };
    assert_eq!(file::bead_count(&path).unwrap(), 10);
    for bead in 0..10 {
        let options = ReadOptions { bead: Some(bead), ..ReadOptions::default() };
        let table = file::read(&path, &options).unwrap();
        assert_eq!((table.n_planes(), table.n_rings()), (150, 116));
        assert_eq!(table.z_range_nm(), (0.0, 7450.0));
        assert_eq!(table.origin.ring_step_px, None);
        // Neighbouring planes are alike, neighbouring rings are not: a table read on its side fails here.
        assert!(roughness(&table, 0, 1) < 0.5 * roughness(&table, 1, 0), "bead {bead}");
        // In two of the sweeps the rings jump; the picture shows it.
        let quality = quality::assess(&table);
        assert_eq!(quality.jumps_nm.is_empty(), ![1, 3].contains(&bead), "bead {bead}");
        eprintln!("bead {bead}: {}", quality.verdict());
    }
    // The first and the last number of the file, as `xxd` and numpy show them.
    let first = file::read(&path, &ReadOptions::default()).unwrap();
    assert_eq!(first.profile(0)[..2], [f32::from_bits(0xbfe7_9877), f32::from_bits(0xbfef_82d5)]);
}

#[test]
fn tables_drawn_as_pictures() {
    let expect = [
        ("qtrk_lut000.png", 150, 96),
        ("qtrk_lut000.jpg", 150, 96),
        ("qtrk_lv_lut000.jpg", 200, 110),
        ("qtrk_refbeadlut.jpg", 200, 140),
    ];
    for (name, planes, rings) in expect {
        let options = ReadOptions { roi_px: Some(2 * rings), ..ReadOptions::default() };
        let Some(table) = read(name, &options) else { continue };
        assert_eq!((table.n_planes(), table.n_rings()), (planes, rings as usize), "{name}");
        assert_eq!(table.origin.ring_step_px, Some(1.0));
        assert!(roughness(&table, 0, 1) < roughness(&table, 1, 0), "{name}");
        let jpeg = table.origin.assumed.iter().any(|sentence| sentence.contains("JPEG"));
        assert_eq!(jpeg, name.ends_with("jpg"));
        eprintln!("{name}: {}", quality::assess(&table).verdict());
    }
}

/// Mean squared step in grey between a value and the one `rings` rings and `planes` planes on.
fn roughness(table: &ZLut, rings: usize, planes: usize) -> f32 {
    let mut sum = 0.0;
    for plane in 0..table.n_planes() - planes {
        for ring in 0..table.n_rings() - rings {
            sum += (table.profile(plane + planes)[ring + rings] - table.profile(plane)[ring]).powi(2);
        }
    }
    sum / ((table.n_planes() - planes) * (table.n_rings() - rings)) as f32
}
