//! A field of view from a real instrument: its beads are found and every one has a position or says why not.

mod common;

use std::fs;

use common::{beadscope_ok, real_data};

#[test]
fn beads_of_the_real_frame_have_positions_or_a_reason() {
    let Some(data) = real_data("beads_of_the_real_frame_have_positions_or_a_reason") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (rois, tracks) = (path("rois.csv"), path("tracks.csv"));
    let frame = data.join("qtrk_frame_00008153.jpg");
    beadscope_ok(&["find", frame.to_str().unwrap(), "--roi-px", "80", "--out", &rois]);
    let beads = fs::read_to_string(&rois).unwrap().lines().filter(|line| !line.starts_with('#')).count() - 1;
    assert!(beads >= 34, "{beads} beads");

    let zlut = data.join("qtrk_lut000.png");
    let (frame, zlut) = (frame.to_str().unwrap(), zlut.to_str().unwrap());
    beadscope_ok(&["track", frame, "--rois", &rois, "--zlut", zlut, "--out", &tracks]);
    let text = fs::read_to_string(&tracks).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("0,")).collect();
    assert_eq!(rows.len(), beads);
    let mut located = 0;
    for row in rows {
        let fields: Vec<&str> = row.split(',').collect();
        let whole = fields[2..5].iter().all(|field| field.parse::<f64>().unwrap().is_finite());
        assert!(whole || fields[6] != "ok", "a missing value without a reason: {row}");
        located += usize::from(fields[2] != "NaN");
    }
    assert!(located * 10 >= beads * 9, "{located} of {beads} isolated beads have x and y");
}
