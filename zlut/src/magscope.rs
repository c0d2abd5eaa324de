//! MagScope's Z-LUT text: a matrix as `numpy.savetxt` writes it.
//!
//! Row 0 holds the heights in nm, one column per plane; row `1 + k` holds ring `k`. That is the transpose of
//! QTrk's files. The text says neither radii nor ROI. Our own files keep them in comment lines `# beadscope
//! KEY VALUE`, which
//! `numpy.loadtxt`, and so MagScope, skips.
//!
//! MagScope's profile has (ROI / 2) × oversample rings and ring `k` collects the pixels about `k` /
//! oversample px from the centre. Measured with MagTrack on an image whose grey level is the distance to the
//! centre: 25 rings for ROI 50, ring `k` reads `k` px within 0.2 px beyond the centre.

use std::{fs, io, path::Path};

use crate::{
    assume,
    error::FileError,
    file::{ReadOptions, file_name, read_whole, too_large},
    profile_kind::ProfileKind,
    table::{Origin, ZLut},
};

const FORMAT: &str = "MagScope text";
/// No Z-LUT is that large; a video given by mistake is, and must not fill the memory.
const MAX_BYTES: u64 = 256 << 20;
/// What our own comment lines start with.
const KEY_PREFIX: &str = "# beadscope ";

/// Reads a matrix that `numpy.loadtxt` accepts: any white space, `#` comments, blank lines, any line ending.
///
/// # Errors
/// A line that is not as long as the first, or a word that is no number, named by line and column counted
/// from 1; a matrix that is no Z-LUT; more than 256 MiB.
pub fn read(path: &Path, options: &ReadOptions) -> Result<ZLut, FileError> {
    let wrong = |reason| FileError::Content { format: FORMAT, reason, path: path.into() };
    let bytes = read_whole(path, MAX_BYTES)?.ok_or_else(|| wrong(too_large(MAX_BYTES)))?;
    // Comments may be in any encoding; numbers are ASCII.
    let text = String::from_utf8_lossy(&bytes);
    let rows = parse_matrix(text.trim_start_matches('\u{feff}')).map_err(wrong)?;
    let Some((z_nm, rings)) = rows.split_first() else {
        return Err(wrong("it has no rows".into()));
    };

    let n_rings = rings.len();
    let mut profiles = Vec::with_capacity(n_rings * z_nm.len());
    for plane in 0..z_nm.len() {
        profiles.extend(rings.iter().map(|ring| ring[plane]));
    }
    let mut origin = Origin { source: format!("{FORMAT} {}", file_name(path)), ..Origin::default() };
    let mut is_ours = false;
    for line in text.lines().filter_map(|line| line.strip_prefix(KEY_PREFIX)) {
        is_ours = true;
        take_key(&mut origin, line);
    }
    if !is_ours && options.roi_px.is_none() {
        assume::rings_one_px_apart(&mut origin, n_rings);
    }
    ZLut::from_f64(z_nm.clone(), n_rings, profiles, origin)
        .map_err(|error| FileError::Table { error, path: path.into() })
}

/// The rows of a matrix of numbers, all of one length.
fn parse_matrix(text: &str) -> Result<Vec<Vec<f64>>, String> {
    let mut rows: Vec<Vec<f64>> = Vec::new();
    let text = text.replace("\r\n", "\n");
    for (index, line) in text.split(['\n', '\r']).enumerate() {
        let numbers = line.split('#').next().unwrap_or_default();
        let row = parse_row(numbers).map_err(|reason| format!("line {}, {reason}", index + 1))?;
        if row.is_empty() {
            continue;
        }
        let want = rows.first().map_or(row.len(), Vec::len);
        if row.len() != want {
            let have = row.len();
            return Err(format!(
                "line {}, column {}: {have} numbers where the first row has {want}",
                index + 1,
                have.min(want) + 1
            ));
        }
        rows.push(row);
    }
    Ok(rows)
}

fn parse_row(line: &str) -> Result<Vec<f64>, String> {
    let words = line.split_whitespace().enumerate();
    words
        .map(|(column, word)| {
            word.parse().map_err(|_| {
                let start: String = word.chars().take(20).collect();
                format!("column {}: {start:?} is not a number", column + 1)
            })
        })
        .collect()
}

/// Writes the table as text that `numpy.loadtxt` and MagScope read; every number reads back as the same
/// number.
///
/// # Errors
/// What the system says.
pub fn write(path: &Path, table: &ZLut) -> io::Result<()> {
    let mut text =
        String::from("# Z-LUT: the first row is z in nm, one column per plane; row 1 + k is ring k.\n");
    for (key, value) in keys(&table.origin) {
        let one_line = value.split_whitespace().collect::<Vec<_>>().join(" ");
        text.push_str(&format!("{KEY_PREFIX}{key} {one_line}\n"));
    }
    push_row(&mut text, table.z_nm().iter().map(|z_nm| format!("{z_nm:?}")));
    let digits = table.is_f64().then(|| table.profiles_f64());
    let word = |place: usize| match &digits {
        Some(digits) => format!("{:?}", digits[place]),
        None => format!("{:?}", table.profiles()[place]),
    };
    for ring in 0..table.n_rings() {
        push_row(&mut text, (0..table.n_planes()).map(|plane| word(plane * table.n_rings() + ring)));
    }
    fs::write(path, text)
}

fn push_row(text: &mut String, numbers: impl Iterator<Item = String>) {
    text.push_str(&numbers.collect::<Vec<_>>().join(" "));
    text.push('\n');
}

/// What our comment lines say, as key and value.
fn keys(origin: &Origin) -> Vec<(&'static str, String)> {
    let mut keys = vec![("first_ring_px", format!("{:?}", origin.first_ring_px))];
    keys.extend(origin.ring_step_px.map(|px| ("ring_step_px", format!("{px:?}"))));
    keys.extend(origin.roi_px.map(|px| ("roi_px", px.to_string())));
    keys.extend(origin.profile_kind.map(|kind| ("profile_kind", kind.name().to_owned())));
    keys.extend(origin.pixel_size_nm.map(|nm| ("pixel_size_nm", format!("{nm:?}"))));
    keys.extend(origin.bead.clone().map(|bead| ("bead", bead)));
    keys.extend(origin.created_utc.clone().map(|utc| ("created_utc", utc)));
    keys.extend(origin.correction.clone().map(|correction| ("correction", correction)));
    keys.push(("source", origin.source.clone()));
    keys.extend(origin.assumed.iter().map(|sentence| ("assumed", sentence.clone())));
    keys
}

/// The reverse of [`keys`]. A line that makes no sense is a comment like any other.
fn take_key(origin: &mut Origin, line: &str) {
    let line = line.trim_end();
    let (key, value) = line.split_once(' ').unwrap_or((line, ""));
    let positive = |value: &str| value.parse().ok().filter(|px: &f64| px.is_finite() && *px > 0.0);
    match key {
        "first_ring_px" => {
            origin.first_ring_px = value.parse().ok().filter(|px: &f64| px.is_finite()).unwrap_or(0.0)
        }
        "ring_step_px" => origin.ring_step_px = positive(value),
        "roi_px" => origin.roi_px = value.parse().ok(),
        "profile_kind" => origin.profile_kind = ProfileKind::from_name(value),
        "pixel_size_nm" => origin.pixel_size_nm = positive(value),
        "bead" => origin.bead = Some(value.into()),
        "created_utc" => origin.created_utc = Some(value.into()),
        "correction" => origin.correction = Some(value.into()),
        "source" => origin.source = value.into(),
        "assumed" => origin.assumed.push(value.into()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_numpy_reads_it() {
        let text = "# head\n\n 1 2.5e0\t+3 # tail\r\n-4 nan INF\r.5\x0b6. -Infinity\n\n#end";
        let rows = parse_matrix(text).unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0], [1.0, 2.5, 3.0]);
        assert!(rows[1][1].is_nan());
        assert_eq!(rows[2], [0.5, 6.0, f64::NEG_INFINITY]);
    }

    #[test]
    fn what_is_wrong_is_named_by_line_and_column() {
        let wrong = |text| parse_matrix(text).unwrap_err();
        assert_eq!(wrong("# a\n1 2 3\n4 x5 6"), "line 3, column 2: \"x5\" is not a number");
        assert_eq!(wrong("1 2 3\n\n4 5\n"), "line 3, column 3: 2 numbers where the first row has 3");
        assert_eq!(wrong("1 2\r\n4 5 6"), "line 2, column 3: 3 numbers where the first row has 2");
        assert_eq!(wrong("1,2 3"), "line 1, column 1: \"1,2\" is not a number");
        assert_eq!(wrong("1_0 3"), "line 1, column 1: \"1_0\" is not a number");
        assert!(wrong(&"\u{1b}".repeat(1000)).len() < 200, "a binary file must not flood the terminal");
    }

    #[test]
    fn the_origin_survives_comment_lines() {
        let origin = Origin {
            roi_px: Some(50),
            ring_step_px: Some(0.1 + 0.2),
            first_ring_px: 0.25,
            profile_kind: Some(ProfileKind::MagTrackFft),
            pixel_size_nm: Some(120.5),
            bead: Some("bead 7".into()),
            created_utc: Some("2026-11-21T03:00:00Z".into()),
            correction: Some("dark and flat".into()),
            source: "a sweep".into(),
            assumed: vec!["One.".into(), "Two.".into()],
        };
        let mut back = Origin::default();
        for (key, value) in keys(&origin) {
            take_key(&mut back, &format!("{key} {value}"));
        }
        assert_eq!(back, origin);
    }
}
