//! QTrk's traces, binary and text (`ResultManager.cpp`, `bintrace_format.txt` and `qtrk_read_bin_trace.m` of QTrk's
//! repository, dd1413c). All numbers are little-endian; `long` has 4 bytes where it was built for Windows, else 8.
//!
//! ```text
//! header   i32 version, not in the oldest · i32 beads · i32 columns of information · long place of the data · names, each with NUL
//! frame    u32 number · f64 time, s · f32 a column · 3 × f32 a bead: x y z · i32 a bead: error · f32 a bead: mean level, from version 3 on
//! text     number, time, x y z of each bead: separated by tabs, a frame a line
//! ```
//!
//! A bead that was not found is at 0, 0, 0.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::{ImportError, Imported, NO_CORNERS, Target, Units, fill};

const PROGRAM: &str = "QTrk";
/// More beads than any camera sees: the number is another file's.
const MOST_BEADS: usize = 65_536;
const MOST_COLUMNS: usize = 4096;

/// How a binary trace is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    beads: usize,
    columns: usize,
    /// Where the first frame is.
    data: usize,
    /// Numbers of 4 bytes that each bead has in a frame.
    bead_words: usize,
}

impl Layout {
    /// The layout that the start of a file tells, tried newest first.
    fn of(start: &[u8]) -> Option<Self> {
        let number = |at: usize| start.get(at..)?.first_chunk().map(|bytes| i32::from_le_bytes(*bytes));
        let versions = [(3, 4, 5), (2, 4, 4), (0, 0, 4)];
        versions.into_iter().find_map(|(version, at, bead_words)| {
            if version > 0 && number(0)? != version {
                return None;
            }
            let [beads, columns] =
                [at, at + 4].map(|at| number(at).and_then(|count| usize::try_from(count).ok()));
            let (beads, columns) = (beads?, columns?);
            if !(1..=MOST_BEADS).contains(&beads) || columns > MOST_COLUMNS {
                return None;
            }
            let data = [4, 8].into_iter().find_map(|bytes| {
                let place = start.get(at + 8..at + 8 + bytes)?;
                let data = place.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
                let names = start.get(at + 8 + bytes..)?;
                let mut ends =
                    names.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(end, _)| end + 1);
                let end = if columns == 0 { 0 } else { ends.nth(columns - 1)? };
                (data == (at + 8 + bytes + end) as u64).then_some(data)
            })?;
            Some(Self { beads, columns, data: usize::try_from(data).ok()?, bead_words })
        })
    }

    fn frame_bytes(&self) -> usize {
        12 + 4 * self.columns + 4 * self.beads * self.bead_words
    }
}

pub(super) fn import(
    from: &Path,
    start: &[u8],
    to: &Path,
    units: &Units,
    progress: &dyn Fn(u64, u64),
) -> Result<Imported, ImportError> {
    let is_text =
        !start.is_empty() && start.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    let layout = Layout::of(start);
    let open = || File::open(from).map_err(ImportError::reading(from));
    let beads = match layout {
        Some(layout) => layout.beads,
        None if is_text => text_beads(open()?).map_err(ImportError::reading(from))?,
        None => 0,
    };
    if beads == 0 {
        let why = if is_text {
            "its lines are not number, time and x y z of beads"
        } else {
            "its beginning is no header"
        };
        return Err(ImportError::Unknown { why: why.to_owned(), path: from.to_path_buf() });
    }
    let scale = units.trace_nm.ok_or(ImportError::NoUnits)?;
    let numbers: Vec<u32> = (0..beads as u32).collect();
    let file = open()?;
    let target = Target::create(to, from, PROGRAM, &numbers, units.pixel_size_nm, 0)?;
    fill(target, PROGRAM, |target| {
        let mut trace = Trace { from, target, scale, lost: 0, at_zero: 0 };
        let cut = match layout {
            Some(layout) => trace.read_binary(file, &layout, progress)?,
            None => trace.read_text(file, beads, progress)?,
        };
        let mut notices = vec![
            format!(
                "imported from {PROGRAM}: times count from the trace's own zero, and the units are those given"
            ),
            NO_CORNERS.to_owned(),
        ];
        if trace.lost > 0 {
            notices.push(format!("{} positions were 0, 0, 0: not found", trace.lost));
        }
        if trace.at_zero > 0 {
            notices.push(format!(
                "{} positions have a z of exactly 0: it is kept, though it may not have been measured",
                trace.at_zero
            ));
        }
        if cut {
            notices.push("the last frame was cut short and is left out".to_owned());
        }
        Ok(notices)
    })
}

/// Beads in the first whole line of numbers; 0 if there is none.
fn text_beads(file: File) -> io::Result<usize> {
    let (mut file, mut line) = (BufReader::new(file), String::new());
    while file.read_line(&mut line)? > 0 {
        if is_data(&line) && line.ends_with('\n') {
            let columns = line.split_whitespace().count();
            return Ok(if columns >= 5 && (columns - 2).is_multiple_of(3) { (columns - 2) / 3 } else { 0 });
        }
        line.clear();
    }
    Ok(0)
}

/// A heading may stand above the numbers.
fn is_data(line: &str) -> bool {
    line.split_whitespace().next().is_some_and(|first| first.parse::<f64>().is_ok())
}

/// A trace on its way into a recording.
struct Trace<'a> {
    from: &'a Path,
    target: &'a mut Target,
    scale: [f64; 2],
    /// Positions that were 0, 0, 0.
    lost: u64,
    /// Others whose z was 0.
    at_zero: u64,
}

impl Trace<'_> {
    /// Whether the last frame was cut short.
    fn read_binary(
        &mut self,
        mut file: File,
        layout: &Layout,
        progress: &dyn Fn(u64, u64),
    ) -> Result<bool, ImportError> {
        let unread = ImportError::reading(self.from);
        let all = file.metadata().map_err(&unread)?.len();
        file.seek(SeekFrom::Start(layout.data as u64)).map_err(&unread)?;
        let mut file = BufReader::with_capacity(1 << 20, file);
        let mut frame = vec![0; layout.frame_bytes()];
        let frames = (all - layout.data as u64) / frame.len() as u64;
        for number in 0..frames {
            file.read_exact(&mut frame).map_err(&unread)?;
            let word = |at: usize| frame[at..].first_chunk::<4>().copied().unwrap_or_default();
            let seconds = frame[4..].first_chunk().map_or(f64::NAN, |bytes| f64::from_le_bytes(*bytes));
            let positions = 12 + 4 * layout.columns;
            for bead in 0..layout.beads {
                let place = |axis: usize| positions + 4 * (3 * bead + axis);
                self.add(bead, [0, 1, 2].map(|axis| f64::from(f32::from_le_bytes(word(place(axis))))));
            }
            self.end(layout.beads, u32::from_le_bytes(word(0)).into(), seconds, number + 1)?;
            if number.is_multiple_of(1024) {
                progress(number * frame.len() as u64, all);
            }
        }
        Ok(frames * frame.len() as u64 + (layout.data as u64) < all)
    }

    /// Whether the last line was cut short.
    fn read_text(
        &mut self,
        file: File,
        beads: usize,
        progress: &dyn Fn(u64, u64),
    ) -> Result<bool, ImportError> {
        let unread = ImportError::reading(self.from);
        let all = file.metadata().map_err(&unread)?.len();
        let (mut file, mut line, mut done, mut numbers) =
            (BufReader::new(file), String::new(), 0, Vec::new());
        let mut has_begun = false;
        for place in 1.. {
            line.clear();
            let length = file.read_line(&mut line).map_err(&unread)?;
            done += length as u64;
            if length > 0 && !line.ends_with('\n') {
                return Ok(true);
            }
            has_begun |= is_data(&line);
            if has_begun && !line.trim().is_empty() {
                numbers.clear();
                numbers.extend(line.split_whitespace().map_while(|number| number.parse::<f64>().ok()));
                let is_whole =
                    numbers.len() == 2 + 3 * beads && line.split_whitespace().count() == numbers.len();
                // Binary traces have 32 bits for the number, too.
                let is_number =
                    |number: f64| (0.0..=f64::from(u32::MAX)).contains(&number) && number.fract() == 0.0;
                if !is_whole || !is_number(numbers[0]) {
                    let why = format!("line {place} is not a number, a time and x y z of {beads} beads");
                    return Err(ImportError::Unknown { why, path: self.from.to_path_buf() });
                }
                for (bead, xyz) in numbers[2..].as_chunks::<3>().0.iter().enumerate() {
                    self.add(bead, *xyz);
                }
                self.end(beads, numbers[0] as u64, numbers[1], place)?;
            }
            if length == 0 {
                break;
            }
            progress(done, all);
        }
        Ok(false)
    }

    fn add(&mut self, bead: usize, xyz: [f64; 3]) {
        let is_lost = xyz == [0.0; 3];
        self.lost += u64::from(is_lost);
        self.at_zero += u64::from(!is_lost && xyz[2] == 0.0);
        let [xy, z] = self.scale;
        let nm = if is_lost { [f64::NAN; 3] } else { [xyz[0] * xy, xyz[1] * xy, xyz[2] * z] };
        self.target.row(bead as u32, nm, [0; 2]);
    }

    fn end(&mut self, beads: usize, number: u64, seconds: f64, place: u64) -> Result<(), ImportError> {
        // Until the year 2500; from 1904 on, if it is LabVIEW's clock.
        if !(0.0..2e10).contains(&seconds) {
            let why = format!("the time of frame {place} is {seconds} s");
            return Err(ImportError::Unknown { why, path: self.from.to_path_buf() });
        }
        Ok(self.target.end_frame(beads, number, (seconds * 1e9).round() as u64)?)
    }
}
