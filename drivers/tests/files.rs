//! Stacks and numbers in files: what is written is read, and bad input is one line that names the file.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, helpers of tests too")]

use std::fs;
use std::path::{Path, PathBuf};

use beadscope_drivers::camera::PixelFormat;
use beadscope_drivers::npy::{NpyWriter, read_npy_f64, write_npy_f64x3};
use beadscope_drivers::stack::{Stack, StackError};

fn npy(path: &Path, descr: &str, order: &str, shape: &str, data: &[u8]) {
    let header = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len() + 1).unwrap().to_le_bytes());
    bytes.extend(header.bytes());
    bytes.push(b'\n');
    bytes.extend(data);
    fs::write(path, bytes).unwrap();
}

/// The message of an error, which must be one line and name the file.
fn message(error: &StackError, path: &Path) -> String {
    let message = error.to_string();
    assert!(!message.contains('\n') && message.contains(path.to_str().unwrap()), "{message}");
    message
}

fn open_error(path: &Path) -> String {
    message(&Stack::open(path).unwrap_err(), path)
}

#[test]
fn a_written_stack_is_read_back_frame_by_frame() {
    let folder = tempfile::tempdir().unwrap();
    for format in [PixelFormat::Mono8, PixelFormat::Mono12] {
        let path = folder.path().join("stack.npy");
        let frame = |n: u8| -> Vec<u8> { (0..6 * format.bytes_per_px()).map(|i| n * 20 + i as u8).collect() };
        let mut writer = NpyWriter::create(&path, 3, 2, format).unwrap();
        for n in 0..5 {
            writer.append(&frame(n)).unwrap();
        }
        assert!(matches!(writer.append(&[0; 5]), Err(StackError::WrongSize { got: 5, .. })));
        assert_eq!(writer.finish().unwrap(), 5);
        let mut stack = Stack::open(&path).unwrap();
        assert_eq!((stack.len(), stack.width_px(), stack.height_px()), (5, 3, 2));
        assert_eq!(stack.format().bytes_per_px(), format.bytes_per_px());
        let mut out = vec![0; stack.frame_bytes()];
        for n in [4, 0, 2_u8] {
            stack.read_frame(usize::from(n), &mut out).unwrap();
            assert_eq!(out, frame(n));
        }
        assert!(matches!(
            stack.read_frame(5, &mut out),
            Err(StackError::NoSuchFrame { index: 5, len: 5, .. })
        ));
        assert!(matches!(stack.read_frame(0, &mut out[1..]), Err(StackError::WrongSize { .. })));
    }
}

#[test]
fn a_stack_that_was_not_finished_says_how_much_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.npy");
    let mut writer = NpyWriter::create(&path, 4, 4, PixelFormat::Mono8).unwrap();
    for _ in 0..3 {
        writer.append(&[7; 16]).unwrap();
    }
    drop(writer);
    assert!(open_error(&path).contains("3 whole frames"));
}

#[test]
fn bad_npy_files_are_refused_with_their_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.npy");
    for (descr, order, shape, data, word) in [
        ("'<u2'", "False", "(3, 4, 4)", 80, "2 whole frames"),
        ("'<f8'", "False", "(1, 2, 2)", 32, "<f8"),
        ("'>u2'", "False", "(1, 2, 2)", 8, ">u2"),
        ("'<i2'", "False", "(1, 2, 2)", 8, "<i2"),
        ("'|u1'", "True", "(1, 2, 2)", 4, "Fortran"),
        ("[('a', '|u1')]", "False", "(1, 2, 2)", 4, "structured"),
        ("'|u1'", "False", "(2, 2, 2, 2)", 16, "(2, 2, 2, 2)"),
        ("'|u1'", "False", "(4,)", 4, "(n, h, w)"),
        ("'|u1'", "False", "(0, 2, 2)", 0, "0 frames"),
        ("'|u1'", "False", "(1, 0, 2)", 0, "0 px"),
        ("'|u1'", "False", "(9999999999999999, 4000000000, 4000000000)", 4, "claims"),
        ("'|u1'", "False", "(1, 18446744073709551615, 18446744073709551615)", 4, "claims"),
        ("'|u1'", "False", "(99999999999999999999999, 2, 2)", 4, "shape"),
    ] {
        npy(&path, descr, order, shape, &vec![1; data]);
        let message = open_error(&path);
        assert!(message.contains(word), "{descr} {shape}: {message}");
    }
    fs::write(&path, b"\x93NUMPY\x02\x00\xff\xff\xff\xff").unwrap();
    assert!(open_error(&path).contains("claims 4294967295 bytes"));
    fs::write(&path, b"\x93NUMPY\x01\x00\xff\x00{'descr'").unwrap();
    assert!(open_error(&path).contains("cut short"));
    fs::write(&path, b"\x93NUMPY\x09\x00").unwrap();
    assert!(open_error(&path).contains("version 9"));
    fs::write(&path, b"").unwrap();
    assert!(open_error(&path).contains("empty"));
    fs::write(&path, b"x,y\n1,2\n").unwrap();
    assert!(open_error(&path).contains("not .npy"));
    assert!(open_error(&folder.path().join("none.npy")).contains("cannot read"));
}

#[test]
fn numbers_of_every_plain_type_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("z.npy");
    let cases: [(&str, Vec<u8>); 5] = [
        ("'<f8'", [1.0_f64, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect()),
        ("'<f4'", [1.0_f32, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect()),
        ("'<i8'", [1_i64, -2].iter().flat_map(|x| x.to_le_bytes()).collect()),
        ("'<i2'", [1_i16, -2].iter().flat_map(|x| x.to_le_bytes()).collect()),
        ("'|i1'", vec![1, 0xfe]),
    ];
    for (descr, data) in cases {
        npy(&path, descr, "False", "(2,)", &data);
        assert_eq!(read_npy_f64(&path).unwrap(), [1.0, -2.0], "{descr}");
    }
    for (descr, shape, word) in
        [("'<c16'", "(1,)", "<c16"), ("'<f8'", "(1, 1)", "(n,)"), ("'<f8'", "(2,)", "the file holds 1")]
    {
        npy(&path, descr, "False", shape, &[0; 8]);
        let message = message(&read_npy_f64(&path).unwrap_err(), &path);
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn positions_are_written_row_by_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("xyz.npy");
    write_npy_f64x3(&path, &[[1.0, 2.0, 3.0], [4.0, 5.0, f64::NAN]]).unwrap();
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.starts_with(
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }"
    ));
    assert_eq!(bytes.len(), 128 + 48);
    assert_eq!(bytes[128 + 24..128 + 32], 4.0_f64.to_le_bytes());
}

fn grey_png(path: &Path, level: u8) {
    image::GrayImage::from_pixel(5, 4, image::Luma([level])).save(path).unwrap();
}

#[test]
fn a_folder_is_a_stack_in_natural_order() {
    let folder = tempfile::tempdir().unwrap();
    for n in [10, 9, 1, 100_u8] {
        grey_png(&folder.path().join(format!("frame{n}.png")), n);
    }
    fs::write(folder.path().join("notes.txt"), "not an image").unwrap();
    let mut stack = Stack::open(folder.path()).unwrap();
    let mut out = [0; 20];
    let mut levels = Vec::new();
    for index in 0..stack.len() {
        stack.read_frame(index, &mut out).unwrap();
        levels.push(out[19]);
    }
    assert_eq!(levels, [1, 9, 10, 100]);
    image::GrayImage::new(6, 4).save(folder.path().join("frame200.png")).unwrap();
    let mut stack = Stack::open(folder.path()).unwrap();
    let error = stack.read_frame(4, &mut out).unwrap_err();
    assert!(message(&error, &folder.path().join("frame200.png")).contains("6 x 4"));
}

#[test]
fn an_empty_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(open_error(folder.path()).contains("no PNG"));
}

#[test]
fn images_become_frames_and_colour_becomes_luma_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.png");
    image::ImageBuffer::from_pixel(3, 2, image::Luma([0x1234_u16])).save(&path).unwrap();
    let mut stack = Stack::open(&path).unwrap();
    assert_eq!((stack.format(), stack.note()), (PixelFormat::Mono16, None));
    let mut out = [0; 12];
    stack.read_frame(0, &mut out).unwrap();
    assert_eq!(out[10..], [0x34, 0x12]);

    image::RgbImage::from_pixel(3, 2, image::Rgb([255, 0, 0])).save(&path).unwrap();
    let mut stack = Stack::open(&path).unwrap();
    assert!(stack.note().unwrap().contains("luma"));
    stack.read_frame(0, &mut out[..6]).unwrap();
    // Rec. 709: red is 0.2126 of white.
    assert_eq!(out[0], 54);
}

/// A truncated image must never pass for a measurement, whatever the decoder makes of it.
#[test]
fn truncated_images_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let noisy = image::GrayImage::from_fn(64, 64, |x, y| image::Luma([(x * 37 + y * 101 + x * y) as u8]));
    for name in ["image.png", "image.jpg"] {
        let path = folder.path().join(name);
        noisy.save(&path).unwrap();
        assert!(Stack::open(&path).is_ok());
        let whole = fs::read(&path).unwrap();
        for part in [0.1, 0.5, 0.9] {
            fs::write(&path, &whole[..(whole.len() as f64 * part) as usize]).unwrap();
            open_error(&path);
        }
    }
}

fn tiff_pages(path: &Path, levels: &[u16]) {
    let mut encoder = tiff::encoder::TiffEncoder::new(fs::File::create(path).unwrap()).unwrap();
    for level in levels {
        encoder.write_image::<tiff::encoder::colortype::Gray16>(8, 4, &[*level; 32]).unwrap();
    }
}

#[test]
fn tiff_pages_are_frames_in_any_order_of_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stack.tif");
    tiff_pages(&path, &[100, 200, 300]);
    let mut stack = Stack::open(&path).unwrap();
    assert_eq!((stack.len(), stack.format()), (3, PixelFormat::Mono16));
    let mut out = [0; 64];
    for (index, level) in [(2, 300_u16), (0, 100), (1, 200), (1, 200)] {
        stack.read_frame(index, &mut out).unwrap();
        assert_eq!(out[62..], level.to_le_bytes());
    }
}

#[test]
fn truncated_or_coloured_tiffs_are_refused_at_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stack.tif");
    tiff_pages(&path, &[100, 200, 300]);
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        // Trailing bytes of the last directory may be padding; all that opens must read to the end.
        if let Ok(mut stack) = Stack::open(&path) {
            let mut out = [0; 64];
            for index in 0..stack.len() {
                stack.read_frame(index, &mut out).unwrap();
            }
            assert_eq!(stack.len(), 3, "{length} of {} bytes", whole.len());
        }
    }
    let mut encoder = tiff::encoder::TiffEncoder::new(fs::File::create(&path).unwrap()).unwrap();
    encoder.write_image::<tiff::encoder::colortype::RGB8>(2, 2, &[9; 12]).unwrap();
    assert!(open_error(&path).contains("grey"));
}

/// Damage anywhere in a file is an error or another image, never a panic.
#[test]
fn flipped_bits_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let noisy = image::GrayImage::from_fn(16, 16, |x, y| image::Luma([(x * 37 + y * 101) as u8]));
    let files: [PathBuf; 4] = ["a.png", "a.jpg", "a.tif", "a.npy"].map(|name| folder.path().join(name));
    noisy.save(&files[0]).unwrap();
    noisy.save(&files[1]).unwrap();
    tiff_pages(&files[2], &[1, 2]);
    npy(&files[3], "'|u1'", "False", "(2, 3, 4)", &[5; 24]);
    for path in files {
        let whole = fs::read(&path).unwrap();
        for at in (0..whole.len().min(600)).step_by(2) {
            for flip in [0x01, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] ^= flip;
                fs::write(&path, damaged).unwrap();
                if let Ok(mut stack) = Stack::open(&path)
                    && stack.frame_bytes() < 1 << 24
                {
                    let mut out = vec![0; stack.frame_bytes()];
                    let _ = stack.read_frame(0, &mut out);
                }
            }
        }
    }
}

/// Real images of the field, where they are at hand.
#[test]
fn real_bead_images_open() {
    let shared = std::env::var_os("BEADSCOPE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let path = shared.join("data/real/qtrk_frame_00008153.jpg");
    if !path.exists() {
        println!("skipped: no real data at {}", path.display());
        return;
    }
    let stack = Stack::open(&path).unwrap();
    assert_eq!((stack.width_px(), stack.height_px(), stack.format()), (1398, 1022, PixelFormat::Mono8));
}
