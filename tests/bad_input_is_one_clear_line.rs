//! Whatever is wrong with an input: exit 1, one line that names it and says what to do, and no file left behind.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside #[test], where this is how a test fails")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use beadscope_drivers::camera::PixelFormat;
use beadscope_drivers::npy::NpyWriter;
use common::{beadscope, beadscope_ok};

/// Runs the program on bad input; returns its one line.
fn refuse(arguments: &[&str], out: Option<&Path>) -> String {
    let output = beadscope(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = stderr.lines().filter(|line| line.starts_with("beadscope:")).collect();
    assert_eq!(output.status.code(), Some(1), "beadscope {arguments:?}: {stderr}");
    assert_eq!(lines.len(), 1, "one line for {arguments:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    if let Some(out) = out {
        assert!(!out.exists(), "{} was left behind", out.display());
        let folder = out.parent().unwrap();
        let leftovers: Vec<_> =
            fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name()).collect();
        let hidden = leftovers.iter().any(|name| name.to_string_lossy().starts_with('.'));
        assert!(!hidden, "a partial file was left behind: {leftovers:?}");
    }
    assert_said_once(lines[0]);
    lines[0].to_owned()
}

/// A cause that is part of its message must not be told again after it.
fn assert_said_once(line: &str) {
    let message = line.trim_start_matches("beadscope: ");
    for clause in message.split(": ").flat_map(|part| part.split("; ")) {
        assert_eq!(message.matches(clause).count(), 1, "{clause:?} is said twice: {line}");
    }
}

/// The head of a `.npy` file of this shape, without the pixels.
fn npy_head(shape: &str) -> Vec<u8> {
    let mut text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
    text.extend(std::iter::repeat_n(' ', 117 - text.len()));
    text.push('\n');
    let mut head = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    head.extend(text.bytes());
    head
}

fn stack(frames: usize, side: usize) -> Vec<u8> {
    let mut bytes = npy_head(&format!("({frames}, {side}, {side})"));
    bytes.extend((0..frames * side * side).map(|index| (index * 7 % 251) as u8));
    bytes
}

#[test]
fn inputs_that_are_not_images() {
    let folder = tempfile::tempdir().unwrap();
    let mut truncated = stack(10, 64);
    truncated.truncate(5 * 64 * 64);
    let wide: Vec<u8> = [npy_head("(2, 32, 64)"), vec![0; 2 * 32 * 64]].concat();
    for (name, content) in [
        ("cut_short.npy", truncated),
        ("empty.npy", Vec::new()),
        ("text.npy", b"hello, this is not a stack\n".to_vec()),
        ("huge.npy", npy_head("(99999999999, 64, 64)")),
        ("not_square.npy", wide),
        ("empty.tif", Vec::new()),
        ("text.png", b"hello\n".to_vec()),
        ("unknown.xyz", b"hello\n".to_vec()),
    ] {
        let input = folder.path().join(name);
        fs::write(&input, content).unwrap();
        let out = folder.path().join("out.csv");
        let line = refuse(&["track", input.to_str().unwrap(), "--out", out.to_str().unwrap()], Some(&out));
        assert!(line.contains(name) || line.contains("32 px"), "the line names the file: {line}");
    }
    let missing = folder.path().join("missing.npy");
    let out = folder.path().join("out.npy");
    let line = refuse(&["track", missing.to_str().unwrap(), "--out", out.to_str().unwrap()], Some(&out));
    assert!(line.contains("missing.npy"), "{line}");
}

#[test]
fn zluts_that_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("stack.npy");
    fs::write(&input, stack(3, 64)).unwrap();
    let row = |first: f64| {
        (0..8).map(|column| (first + f64::from(column)).to_string()).collect::<Vec<_>>().join(" ")
    };
    let of_roi_50: String = (0..26).map(|ring| row(f64::from(ring * ring)) + "\n").collect();
    let nan = "nan nan nan nan nan nan nan nan\n";
    let of_mostly_nan =
        format!("{}{}{}", row(0.0) + "\n", row(0.0) + "\n" + &row(9.0) + "\n", nan.repeat(30));
    for (name, content, word) in [
        ("roi50.txt", of_roi_50.clone(), "64 px"),
        ("ragged.txt", of_roi_50.replacen("1 2 3", "1 2", 1), "ragged.txt"),
        ("words.txt", "these are words\nand more words\n".to_owned(), "words.txt"),
        ("empty.txt", String::new(), "empty.txt"),
        ("short.radialzlut", "\u{1}".to_owned(), "short.radialzlut"),
        ("few.txt", of_mostly_nan, "0 planes"),
        ("missing/bead.txt", String::new(), "missing/bead.txt"),
        ("not_hdf5.zlut.h5", "hello".to_owned(), "not_hdf5.zlut.h5"),
    ] {
        let zlut = folder.path().join(name);
        if !name.starts_with("missing") {
            fs::write(&zlut, content).unwrap();
        }
        let out = folder.path().join("out.csv");
        let arguments = [
            "track",
            input.to_str().unwrap(),
            "--zlut",
            zlut.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ];
        let line = refuse(&arguments, Some(&out));
        assert!(line.contains(word), "{name}: {line}");
    }
}

#[test]
fn rois_that_are_not_in_the_frame() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("frame.npy");
    fs::write(&input, stack(1, 128)).unwrap();
    for (name, content, word) in [
        ("outside.csv", "bead,x_px,y_px\n0,64,64\n1,900,64\n", "bead 1"),
        ("empty.csv", "", "empty.csv"),
        ("words.csv", "hello\n", "header"),
        ("nan.csv", "bead,x_px,y_px\n0,nan,3\n", "line 2"),
    ] {
        let rois = folder.path().join(name);
        fs::write(&rois, content).unwrap();
        let out = folder.path().join("out.csv");
        let (input, rois, to) = (input.to_str().unwrap(), rois.to_str().unwrap(), out.to_str().unwrap());
        let line = refuse(&["track", input, "--rois", rois, "--roi-px", "64", "--out", to], Some(&out));
        assert!(line.contains(word), "{name}: {line}");
    }
}

#[test]
fn dark_and_flat_frames_that_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, head: &str, pixels: Vec<u8>| {
        fs::write(folder.path().join(name), [npy_head(head), pixels].concat()).unwrap();
    };
    let pixels = 64 * 64;
    fs::write(path("stack.npy"), stack(3, 64)).unwrap();
    write("dark.npy", "(64, 64)", vec![10; pixels]);
    write("flat.npy", "(64, 64)", vec![150; pixels]);
    write("larger.npy", "(128, 64)", vec![150; 2 * pixels]);
    write("white.npy", "(2, 64, 64)", vec![255; 2 * pixels]);
    write("half_dead.npy", "(64, 64)", (0..pixels).map(|pixel| 150 * (pixel % 2) as u8).collect());
    let hole = |pixel: usize| if pixel % 64 < 12 && pixel / 64 < 12 { 10 } else { 150 };
    write("hole.npy", "(64, 64)", (0..pixels).map(hole).collect());
    let mut deep = NpyWriter::create(&folder.path().join("deep.npy"), 64, 64, PixelFormat::Mono12).unwrap();
    deep.append(&vec![10; 2 * pixels]).unwrap();
    deep.finish().unwrap();
    fs::write(path("text.npy"), "hello").unwrap();
    fs::create_dir(path("empty")).unwrap();
    let (input, out, z) = (path("stack.npy"), path("out.csv"), path("z.npy"));
    for (given, words) in [
        (&["--flat", "missing.npy"][..], ["missing.npy", "flat"]),
        (&["--dark", "text.npy"], ["text.npy", "dark"]),
        (&["--dark", "empty"], ["empty", "folder"]),
        (&["--dark", "larger.npy"], ["64 x 128 px", "64 x 64 px"]),
        (&["--flat", "deep.npy"], ["16 bits", "deep.npy"]),
        (&["--dark", "flat.npy", "--flat", "dark.npy"], ["dark.npy", "swapped"]),
        (&["--dark", "dark.npy", "--flat", "dark.npy"], ["dark.npy", "no light"]),
        (&["--flat", "white.npy"], ["white.npy", "4096 of 4096"]),
        (&["--dark", "white.npy"], ["white.npy", "without any light"]),
        (&["--dark", "dark.npy", "--flat", "half_dead.npy"], ["half_dead.npy", "2048 of 4096"]),
        (&["--dark", "dark.npy", "--flat", "hole.npy"], ["hole.npy", "lie together"]),
    ] {
        let given: Vec<String> = given
            .iter()
            .map(|word| if word.starts_with("--") { (*word).to_owned() } else { path(word) })
            .collect();
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        for command in [
            &["track", &input, "--out", &out][..],
            &["find", &input, "--roi-px", "32", "--out", &out],
            &["zlut", "build", &input, "--z", &z, "--out", &out],
        ] {
            let line = refuse(&[command, &given].concat(), Some(Path::new(&out)));
            assert!(words.iter().all(|word| line.contains(word)), "{given:?}: {line}");
        }
        let rig = path("rig.toml");
        fs::write(&rig, "[camera]\ndriver = 'replay'\nsettings = { path = 'stack.npy' }\n[optics]\npixel_size_nm = 100.0\n").unwrap();
        let runs = path("runs");
        let line =
            refuse(&[&["run", "--rig", &rig, "--out", &runs], &given[..]].concat(), Some(Path::new(&runs)));
        assert!(words.iter().all(|word| line.contains(word)), "{given:?}: {line}");
    }
}

#[test]
fn a_roi_over_the_edge_is_flagged_not_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (input, rois, out) =
        (folder.path().join("frame.npy"), folder.path().join("rois.csv"), folder.path().join("out.csv"));
    fs::write(&input, stack(1, 128)).unwrap();
    fs::write(&rois, "bead,x_px,y_px\n0,10,64\n").unwrap();
    let (input, rois, to) = (input.to_str().unwrap(), rois.to_str().unwrap(), out.to_str().unwrap());
    beadscope_ok(&["track", input, "--rois", rois, "--roi-px", "64", "--out", to]);
    let row = fs::read_to_string(&out).unwrap().lines().last().unwrap().to_owned();
    assert_eq!(row, "0,0,NaN,NaN,NaN,NaN,edge");
}

#[test]
fn rigs_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    for (content, word) in [
        ("[camera]\ndriver = 'nikon'\n", "simulated, replay (line 2 of "),
        ("[camera]\nrate_hz = 'fast'\n", "line 2"),
        ("[camera\n", "line 1"),
        ("[tracking]\nroi_px = 2\n", "8 to 512 px (line 2 of "),
        ("[tracking]\nmethod = 'magic'\n", "com, autoconv, qi, fit or magtrack (line 2 of "),
        (
            "[tracking]\nmethod = 'magtrack'\nmagtrack = { 'lookup_z.n_local' = 1 }\n",
            "an odd number, 3 to 1001",
        ),
        ("[tracking]\nmagtrack = { 'lookup_z.n_local' = 5 }\n", "set method = \"magtrack\""),
        ("[camera]\n\nsettings = { bead = 3 }\n", "(line 3 of "),
        ("[camera.settings]\nseed = 1\nbeads = -1\n", "(line 3 of "),
        ("[camera.settings]\nseed = 1\nwidth_px = 10\n", "(line 3 of "),
        ("[camera.settings]\nseed = 1\nbeads = 'many'\n", "(line 3 of "),
        ("[tracking]\nzlut = 'missing.zlut.h5'\n", "missing.zlut.h5"),
    ] {
        let rig = folder.path().join("rig.toml");
        fs::write(&rig, content).unwrap();
        let out = folder.path().join("runs");
        let arguments =
            ["run", "--rig", rig.to_str().unwrap(), "--frames", "3", "--out", out.to_str().unwrap()];
        let line = refuse(&arguments, Some(&out));
        assert!(line.contains(word), "{content}: {line}");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let sealed = folder.path().join("sealed");
    fs::create_dir(&sealed).unwrap();
    fs::set_permissions(&sealed, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(sealed.join("probe"), "").is_ok() {
        // The superuser may write anywhere; a file in place of the folder is refused to everyone.
        fs::remove_file(sealed.join("probe")).unwrap();
        fs::remove_dir(&sealed).unwrap();
        fs::write(&sealed, "a file").unwrap();
    }
    let input = folder.path().join("stack.npy");
    fs::write(&input, stack(2, 64)).unwrap();
    for name in ["out.csv", "out.npy"] {
        let out = sealed.join(name);
        let line = refuse(&["track", input.to_str().unwrap(), "--out", out.to_str().unwrap()], None);
        assert!(line.contains(name), "{line}");
    }
    let line = refuse(&["run", "--frames", "3", "--out", sealed.join("runs").to_str().unwrap()], None);
    assert!(line.contains("sealed"), "{line}");
}

/// Two frames of one simulated bead, with all that belongs to them.
fn simulate(folder: &Path) {
    beadscope_ok(&["simulate", "--beads", "1", "--frames", "2", "--out", folder.to_str().unwrap()]);
}

/// Every file below a folder with its content.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(contents(&entry.path()));
        } else {
            found.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
    found
}

#[test]
fn an_output_never_replaces_an_input() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [sim, frames, rois, zlut, z, images] =
        ["", "frames.npy", "rois.csv", "bead.zlut.h5", "truth.csv", "images"].map(path);
    fs::create_dir(&images).unwrap();
    let image = path("images/1.png");
    beadscope_ok(&["zlut", "plot", &zlut, "--out", &image]);
    let dotted = path("images/../frames.npy");
    let dark = path("dark.npy");
    fs::copy(&frames, &dark).unwrap();
    let before = contents(folder.path());
    for arguments in [
        &["track", &frames, "--rois", &rois, "--out", &frames][..],
        &["track", &sim, "--rois", &rois, "--out", &frames],
        &["track", &frames, "--rois", &rois, "--out", &dotted],
        &["track", &frames, "--rois", &rois, "--out", &rois],
        &["track", &frames, "--rois", &rois, "--zlut", &zlut, "--out", &zlut],
        &["find", &frames, "--roi-px", "64", "--out", &frames],
        &["find", &images, "--roi-px", "64", "--out", &image],
        &["find", &frames, "--dark", &dark, "--roi-px", "64", "--out", &dark],
        &["track", &frames, "--rois", &rois, "--dark", &dark, "--out", &dark],
        &["zlut", "build", &frames, "--z", &z, "--dark", &dark, "--out", &dark],
        &["zlut", "build", &frames, "--z", &z, "--out", &frames],
        &["zlut", "build", &frames, "--z", &z, "--out", &z],
        &["zlut", "convert", &zlut, &zlut],
        &["zlut", "plot", &image, "--out", &image],
    ] {
        let line = refuse(arguments, None);
        assert!(line.contains("would replace an input"), "{arguments:?}: {line}");
        assert!(contents(folder.path()) == before, "{arguments:?} changed a file");
    }
}

#[test]
fn no_command_replaces_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = beadscope_ok(&["run", "--frames", "3", "--beads", "2", "--out", &path("runs"), "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&run).unwrap();
    let recording = Path::new(summary["run"].as_str().unwrap()).join("tracks.h5");
    // Under any name, since what a command writes is known by its extension, and damaged.
    let named = |name: &str| {
        fs::copy(&recording, path(name)).unwrap();
        path(name)
    };
    let recordings =
        ["copy.h5.partial", "copy.csv", "copy.npy", "copy.txt", "copy.radialzlut", "copy.png"].map(named);
    fs::write(path("damaged.h5"), &fs::read(&recording).unwrap()[100..]).unwrap();
    let (frames, rois, zlut, z) = (path("frames.npy"), path("rois.csv"), path("bead.zlut.h5"), path("z.npy"));
    let writers = [
        &["track", &frames, "--rois", &rois, "--pixel-size-nm", "100", "--out"][..],
        &["find", &frames, "--roi-px", "64", "--out"],
        &["zlut", "build", &frames, "--z", &z, "--out"],
        &["zlut", "convert", &zlut],
        &["zlut", "plot", &zlut, "--out"],
    ];
    let before = contents(folder.path());
    let outs = recordings.iter().cloned().chain([path("damaged.h5"), recording.to_str().unwrap().to_owned()]);
    for out in outs {
        for writer in writers {
            let line = refuse(&[writer, &[&out]].concat(), None);
            let is_told = line.contains("would replace a recording") && line.ends_with(&out);
            let is_no_format = writer[0] == "track" && line.contains("results are written to");
            assert!(is_told || is_no_format, "{writer:?} {out}: {line}");
            assert!(contents(folder.path()) == before, "{writer:?} changed a file");
        }
    }
    assert!(refuse(&[writers[4], &[&zlut]].concat(), None).contains("replace"), "nor a Z-LUT by a picture");
}

#[test]
fn what_can_be_made_again_is_replaced_by_its_own_kind() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (frames, rois, zlut) = (path("frames.npy"), path("rois.csv"), path("bead.zlut.h5"));
    let (results, table) = (path("results.h5"), path("table.h5"));
    let track = ["track", &frames, "--rois", &rois, "--pixel-size-nm", "100", "--out", &results];
    let convert = ["zlut", "convert", &zlut, &table];
    for writer in [&track[..], &convert, &track, &convert] {
        beadscope_ok(writer);
    }
    let before = contents(folder.path());
    for writer in [[&track[..7], &[&table]].concat(), [&convert[..3], &[&results]].concat()] {
        assert!(refuse(&writer, None).contains("a file of something else"), "{writer:?}");
        assert!(contents(folder.path()) == before, "{writer:?} changed a file");
    }
}

#[test]
fn simulate_replaces_nothing() {
    for name in ["frames.npy", "truth.csv", "rois.csv", "bead.zlut.h5", "rig.toml"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), "precious").unwrap();
        let before = contents(folder.path());
        let out = folder.path().to_str().unwrap();
        let line = refuse(&["simulate", "--beads", "1", "--frames", "2", "--out", out], None);
        assert!(line.contains(name) && line.contains("new folder"), "{line}");
        assert!(contents(folder.path()) == before, "something beside {name} was written");
    }
}

#[cfg(unix)]
#[test]
fn simulate_leaves_no_half_file_on_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    // 512-byte blocks: files cannot grow beyond 2 MB, which is less than two frames. A write beyond fails then, as on a
    // full disk, instead of ending the process.
    let script = "trap '' XFSZ; ulimit -f 4096; exec \"$0\" simulate --beads 1 --frames 5 --out \"$1\"";
    let program = env!("CARGO_BIN_EXE_beadscope");
    let output = Command::new("sh").args(["-c", script, program]).arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write into"), "{said}");
    assert_eq!(contents(folder.path()).keys().collect::<Vec<_>>(), Vec::<&PathBuf>::new());
}

#[cfg(unix)]
#[test]
fn a_folder_whose_name_is_not_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join(std::ffi::OsStr::from_bytes(b"runs\xff"));
    let output = common::program().args(["run", "--frames", "3", "--out"]).arg(&out).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("UTF-8"), "{said}");
    said.lines().filter(|line| line.starts_with("beadscope:")).for_each(assert_said_once);
    assert!(!out.exists(), "a run that cannot be described is not begun");
}

#[test]
fn a_bead_number_of_more_than_16_bit_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let (rois, runs) = (folder.path().join("rois.csv"), folder.path().join("runs"));
    fs::write(&rois, "bead,x_px,y_px\n70000,200,200\n").unwrap();
    let (rois, out) = (rois.to_str().unwrap(), runs.to_str().unwrap());
    let line = refuse(&["run", "--frames", "3", "--rois", rois, "--out", out], None);
    assert!(line.contains("\"70000\" is not a bead number: 0 to 65535 (line 2 of"), "{line}");
    assert!(!runs.exists(), "nothing was begun");
}

#[cfg(unix)]
#[test]
fn a_run_that_cannot_start_leaves_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    // No file may grow: the folder of the run can be made, its files cannot.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    let mut program = Command::new("sh");
    program
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_beadscope"), "run", "--frames", "3", "--out"])
        .arg(&runs);
    program.env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR")).env("BEADSCOPE_USER_CONFIG", "");
    let output = program.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.lines().any(|line| line.starts_with("beadscope: could not write the settings")), "{said}");
    assert_eq!(fs::read_dir(&runs).unwrap().count(), 0, "a folder of a run that never was");
}

#[test]
fn commands_that_cannot_be_read_start_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let refused = |commands: &Path| {
        let (commands, out) = (commands.to_str().unwrap(), runs.to_str().unwrap());
        refuse(&["run", "--frames", "3", "--commands", commands, "--out", out], Some(&runs))
    };
    let line = refused(&folder.path().join("none.txt"));
    assert!(line.contains("cannot read the commands") && line.contains("none.txt"), "{line}");
    let line = refused(folder.path());
    assert!(line.contains("the commands are a folder"), "{line}");
}

#[test]
fn a_bench_that_cannot_start_says_why_and_leaves_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let output = common::program()
        .args(["bench", "live", "--backend", "gpu", "--adapter", "no such adapter"])
        .envs(["TMPDIR", "TMP"].map(|name| (name, folder.path())))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no such adapter"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "what it makes is deleted");
}

#[test]
fn wrong_usage_exits_with_two() {
    let huge = ["--roi-px", "3000000000"];
    for arguments in [
        &["track"][..],
        &["run", "--duration", "soon"],
        &["fly"],
        &["find", "a.png"],
        &["track", "a.npy", "--out", "a.csv", "--method", "magic"],
        &["bench", "track", "--method", "magic"],
        &["zlut", "build", "a.npy", "--z", "z.npy", "--out", "a.zlut.h5", "--method", "com"],
        &[&["bench", "track"], &huge[..]].concat(),
        &[&["run", "--frames", "1"], &huge[..]].concat(),
        &[&["track", "a.npy", "--out", "a.csv"], &huge[..]].concat(),
        &[&["find", "a.png"], &huge[..]].concat(),
        &[&["simulate", "--out", "a"], &huge[..]].concat(),
        &[&["zlut", "info", "a.txt"], &huge[..]].concat(),
        &["find", "a.png", "--roi-px", "7"],
    ] {
        assert_eq!(beadscope(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
