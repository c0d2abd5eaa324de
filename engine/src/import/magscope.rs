//! MagScope's tracking files: HDF5 with the group `/tracking` (`magscope/tracking_data.py`, schema 1, MagScope 1.0.0).

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use rust_hdf5::{H5File, H5Type, Hdf5Error};

use super::{BATCH_FRAMES, ImportError, Imported, NO_CORNERS, Target, Units, fill};
use crate::record::schema::{OURS, TRACKING};

const PROGRAM: &str = "MagScope";
/// Bead numbers that are looked at together.
const STRIDE: usize = 1 << 20;
/// Rows that are read together, but of a frame that has more: 8 MB.
const STRETCH_ROWS: u64 = 1 << 18;

pub(super) fn import(
    from: &Path,
    to: &Path,
    units: &Units,
    progress: &dyn Fn(u64, u64),
) -> Result<Imported, ImportError> {
    let theirs = Theirs::open(from)?;
    let beads = theirs.beads()?;
    let started = theirs.times_ns.iter().copied().min().unwrap_or(0);
    let target = Target::create(to, from, PROGRAM, &beads, units.pixel_size_nm, started)?;
    fill(target, PROGRAM, |target| {
        let (mut done, all) = (0, theirs.times_ns.len() as u64);
        for stretch in in_order(&theirs.times_ns, &theirs.offsets) {
            theirs.read(&stretch, done, target)?;
            done += stretch.len() as u64;
            progress(done, all);
        }
        let mut notices = vec![format!(
            "imported from {PROGRAM}, whose files have no frame numbers: frames that it lost are not known; the pixel size \
             is the one given"
        )];
        if !theirs.has_corners {
            notices.push(NO_CORNERS.to_owned());
        }
        let loose = theirs.rows - theirs.offsets.last().unwrap_or(&0);
        if loose > 0 {
            notices.push(format!("{loose} rows at the end belong to no frame and are left out"));
        }
        Ok(notices)
    })
}

/// A tracking file.
struct Theirs<'a> {
    file: H5File,
    path: &'a Path,
    times_ns: Vec<u64>,
    offsets: Vec<u64>,
    rows: u64,
    has_corners: bool,
}

impl<'a> Theirs<'a> {
    fn open(path: &'a Path) -> Result<Self, ImportError> {
        let unknown = |why: String| ImportError::Unknown { why, path: path.to_path_buf() };
        let file = H5File::options().no_locking().open(path).map_err(|error| unknown(error.to_string()))?;
        let root = file.root_group();
        if root.group(OURS).is_ok() {
            return Err(ImportError::Ours(path.to_path_buf()));
        }
        let tracking = root.group(TRACKING).map_err(|_| unknown(format!("it has no group /{TRACKING}")))?;
        // The library reads numbers as text, too: 1 as the character of that code.
        if tracking.attr_string("schema_version").is_ok_and(|version| version != "\u{1}") {
            return Err(unknown("its schema_version is not 1".to_owned()));
        }
        let mut theirs =
            Self { file, path, times_ns: Vec::new(), offsets: Vec::new(), rows: 0, has_corners: false };
        let rows = theirs.length("bead_ids")?;
        let corners = theirs.file.dataset("tracking/roi_positions_px").map(|corners| corners.shape());
        theirs.has_corners = corners.is_ok_and(|shape| shape == [rows, 2]);
        if theirs.length("positions_nm")? != rows {
            return Err(unknown("it has not as many positions as bead numbers".to_owned()));
        }
        theirs.rows = rows as u64;
        theirs.times_ns = theirs.slice("frame_timestamps_ns", 0, theirs.length("frame_timestamps_ns")?, 1)?;
        theirs.offsets = theirs.slice("frame_offsets", 0, theirs.length("frame_offsets")?, 1)?;
        let offsets = &theirs.offsets;
        let is_whole = offsets.len() == theirs.times_ns.len() + 1
            && offsets.windows(2).all(|pair| pair[0] <= pair[1])
            && offsets.first() == Some(&0)
            && offsets.last().is_some_and(|end| *end <= theirs.rows);
        if is_whole { Ok(theirs) } else { Err(unknown("its frame_offsets do not fit its frames".to_owned())) }
    }

    fn length(&self, name: &str) -> Result<usize, ImportError> {
        let dataset = self.file.dataset(&format!("{TRACKING}/{name}"));
        let shape = dataset.map_err(|error| self.damaged(name, &error))?.shape();
        Ok(shape.first().copied().unwrap_or(0))
    }

    fn slice<T: H5Type>(
        &self,
        name: &str,
        first: usize,
        count: usize,
        width: usize,
    ) -> Result<Vec<T>, ImportError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let read = || {
            let dataset = self.file.dataset(&format!("{TRACKING}/{name}"))?;
            match width {
                1 => dataset.read_slice(&[first], &[count]),
                _ => dataset.read_slice(&[first, 0], &[count, width]),
            }
        };
        let values: Vec<T> = read().map_err(|error| self.damaged(name, &error))?;
        if values.len() == count * width {
            Ok(values)
        } else {
            Err(ImportError::Unknown {
                why: format!("{name} has another shape"),
                path: self.path.to_path_buf(),
            })
        }
    }

    fn damaged(&self, name: &str, error: &Hdf5Error) -> ImportError {
        ImportError::Unknown { why: format!("{name}: {error}"), path: self.path.to_path_buf() }
    }

    fn beads(&self) -> Result<Vec<u32>, ImportError> {
        let (mut beads, rows) = (BTreeSet::new(), self.length("bead_ids")?);
        for first in (0..rows).step_by(STRIDE) {
            let some: Vec<u16> = self.slice("bead_ids", first, STRIDE.min(rows - first), 1)?;
            beads.extend(some.into_iter().map(u32::from));
        }
        Ok(beads.into_iter().collect())
    }

    /// Adds these frames, the first of which is number `number`.
    fn read(&self, frames: &Range<usize>, number: u64, target: &mut Target) -> Result<(), ImportError> {
        let ends = self.offsets[frames.start..=frames.end].iter().map(|end| *end as usize);
        let ends: Vec<usize> = ends.collect();
        let (first, rows) = (ends[0], ends[ends.len() - 1] - ends[0]);
        let beads: Vec<u16> = self.slice("bead_ids", first, rows, 1)?;
        let nm: Vec<f64> = self.slice("positions_nm", first, rows, 3)?;
        let corners: Vec<u16> = if self.has_corners {
            self.slice("roi_positions_px", first, rows, 2)?
        } else {
            vec![0; 2 * rows]
        };
        for (place, frame) in frames.clone().enumerate() {
            let its = ends[place] - first..ends[place + 1] - first;
            for row in its.clone() {
                let corner = [corners[2 * row], corners[2 * row + 1]].map(i32::from);
                target.row(beads[row].into(), [nm[3 * row], nm[3 * row + 1], nm[3 * row + 2]], corner);
            }
            target.end_frame(its.len(), number + place as u64, self.times_ns[frame])?;
        }
        Ok(())
    }
}

/// Frames by their times, since its processes finish in any order: stretches that lie one behind the other in the file, and
/// are no larger than what is read together.
pub(super) fn in_order(times_ns: &[u64], offsets: &[u64]) -> Vec<Range<usize>> {
    let mut order: Vec<usize> = (0..times_ns.len()).collect();
    order.sort_by_key(|frame| times_ns[*frame]);
    let mut stretches: Vec<Range<usize>> = Vec::new();
    for frame in order {
        match stretches.last_mut() {
            Some(last)
                if last.end == frame
                    && last.len() < BATCH_FRAMES
                    && offsets[frame + 1] - offsets[last.start] <= STRETCH_ROWS =>
            {
                last.end += 1;
            }
            _ => stretches.push(frame..frame + 1),
        }
    }
    stretches
}
