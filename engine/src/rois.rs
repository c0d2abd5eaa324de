//! ROI files: CSV with `bead,x_px,y_px` (the centres), further columns ignored, `# roi_px = N` above the header.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::bead_set::MAX_BEAD;
use crate::roi::Roi;

/// Why a ROI file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RoisError {
    /// The file cannot be read.
    #[error("cannot read the ROIs: {error}: {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// A line is not what it should be.
    #[error("{problem} (line {line} of {})", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// Nobody said how large the ROIs are.
    #[error("the file does not say how large its ROIs are; give --roi-px: {}", .0.display())]
    NoSize(PathBuf),
    /// There is a header and nothing below it.
    #[error("the file lists no bead: {}", .0.display())]
    Empty(PathBuf),
}

/// Reads ROIs. `roi_px` wins over the size that the file names.
///
/// # Errors
/// If the file cannot be read, a line is not understood, a bead is listed twice, or no size is known.
pub fn read(path: &Path, roi_px: Option<u32>) -> Result<Vec<Roi>, RoisError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| RoisError::Read { path: path.to_owned(), error })?;
    let fail =
        |line: usize, problem: String| RoisError::Line { path: path.to_owned(), line: line + 1, problem };
    let mut size_px = roi_px;
    let mut columns = None;
    let mut rois: Vec<Roi> = Vec::new();
    for (line, content) in text.lines().enumerate().map(|(line, content)| (line, content.trim())) {
        if let Some(comment) = content.strip_prefix('#') {
            let named = comment.split_once('=').filter(|(key, _)| key.trim() == "roi_px");
            size_px = size_px.or(named.and_then(|(_, value)| value.trim().parse().ok()));
        } else if content.is_empty() {
        } else if let Some(columns) = columns {
            let size_px = size_px.ok_or_else(|| RoisError::NoSize(path.to_owned()))?;
            let (bead, center_px) = parse_row(content, columns).map_err(|problem| fail(line, problem))?;
            if rois.iter().any(|roi| roi.bead == bead) {
                return Err(fail(line, format!("bead {bead} is listed twice")));
            }
            rois.push(Roi::around(bead, center_px, size_px));
        } else {
            columns = Some(parse_header(content).map_err(|problem| fail(line, problem))?);
        }
    }
    if rois.is_empty() { Err(RoisError::Empty(path.to_owned())) } else { Ok(rois) }
}

/// Where the columns `bead`, `x_px`, `y_px` stand.
fn parse_header(header: &str) -> Result<[usize; 3], String> {
    let names: Vec<&str> = header.split(',').map(str::trim).collect();
    let place = |wanted: &str| {
        names.iter().position(|name| *name == wanted).ok_or_else(|| {
            format!(
                "no column {wanted}: the header must be bead,x_px,y_px[,...], it is {:?}",
                first_chars(header)
            )
        })
    };
    Ok([place("bead")?, place("x_px")?, place("y_px")?])
}

fn parse_row(row: &str, columns: [usize; 3]) -> Result<(u32, (f64, f64)), String> {
    let fields: Vec<&str> = row.split(',').map(str::trim).collect();
    let field = |column: usize| {
        fields.get(column).copied().ok_or_else(|| format!("too few values in {:?}", first_chars(row)))
    };
    let number = |column: usize| {
        let text = field(column)?;
        let value = text.parse::<f64>().ok().filter(|value| value.abs() < 1e6);
        value.ok_or_else(|| format!("{text:?} is not a position in px"))
    };
    let bead = field(columns[0])?;
    let given = bead.parse().ok().filter(|given| *given <= MAX_BEAD);
    let bead = given.ok_or_else(|| format!("{bead:?} is not a bead number: 0 to {MAX_BEAD}"))?;
    Ok((bead, (number(columns[1])?, number(columns[2])?)))
}

fn first_chars(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The text of a ROI file: each bead's number, the centre found, and its score.
pub fn to_csv(roi_px: u32, beads: &[(u32, f64, f64, f32)]) -> String {
    let mut text = format!("# roi_px = {roi_px}\n# positions are centres, px, pixel centres at integers\n");
    text.push_str("bead,x_px,y_px,score\n");
    for (bead, x_px, y_px, score) in beads {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{bead},{x_px:.3},{y_px:.3},{score:.4}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str, roi_px: Option<u32>) -> Result<Vec<Roi>, RoisError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path(), roi_px)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let rois = read_text(&to_csv(80, &[(0, 100.4, 50.6, 0.9), (7, 20.0, 30.0, 0.8)]), None).unwrap();
        assert_eq!(rois[0], Roi { bead: 0, left_px: 60, top_px: 11, size_px: 80 });
        assert_eq!((rois[1].bead, rois.len()), (7, 2));
    }

    #[test]
    fn a_given_size_wins_over_the_file() {
        assert_eq!(read_text("# roi_px = 80\nbead,x_px,y_px\n0,50,50\n", Some(64)).unwrap()[0].size_px, 64);
        assert!(matches!(read_text("bead,x_px,y_px\n0,50,50\n", None), Err(RoisError::NoSize(_))));
    }

    #[test]
    fn damage_is_named_with_its_line() {
        for (text, line, word) in [
            ("bead,x_px,y_px\n0,50\n", 2, "too few"),
            ("bead,x_px,y_px\n0,50,50\n0,60,60\n", 3, "twice"),
            ("bead,x_px,y_px\n0,fifty,50\n", 2, "fifty"),
            ("bead,x_px,y_px\n-1,50,50\n", 2, "bead number"),
            ("bead,x_px,y_px\n65536,50,50\n", 2, "0 to 65535"),
            ("bead,x_px,y_px\n0,nan,50\n", 2, "position"),
            ("\n\nhello world\n", 3, "header"),
        ] {
            let error = read_text(text, Some(64)).unwrap_err();
            assert!(
                matches!(error, RoisError::Line { line: found, .. } if found == line),
                "{text:?}: {error}"
            );
            assert!(error.to_string().contains(word), "{error}");
        }
        assert!(matches!(read_text("", None), Err(RoisError::Empty(_))));
    }
}
