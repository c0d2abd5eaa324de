//! QTrk's `.radialzlut`: the Z-LUTs of one or more beads.
//!
//! Little-endian: `i32` tables, planes, rings, then `f32` in the order `[table][plane][ring]`. That is the
//! transpose of MagScope's text. It holds neither heights nor radii (QTrk, `utils.cpp`, `ReadLUTFile`). QTrk
//! rescales each table on loading; we do not, for matching is free of gain and offset.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use crate::{
    assume,
    error::FileError,
    file::{ReadOptions, file_name, read_error},
    table::{Origin, ZLut},
};

/// The format's name in messages.
const FORMAT: &str = "QTrk .radialzlut";
/// Three `i32`.
const HEADER_BYTES: u64 = 12;

/// The counts at the head of the file, checked against its length.
struct Header {
    tables: u64,
    planes: u64,
    rings: u64,
}

/// How many tables the file holds.
///
/// # Errors
/// A header that does not fit the length of the file.
pub fn bead_count(path: &Path) -> Result<usize, FileError> {
    let mut file = File::open(path).map_err(read_error(path))?;
    Ok(usize_from(read_header(&mut file, path)?.tables))
}

/// Reads the table of `options.bead`, the first by default.
///
/// # Errors
/// A header that does not fit the length of the file, a table number beyond the last, or content that is no
/// Z-LUT.
pub fn read(path: &Path, options: &ReadOptions) -> Result<ZLut, FileError> {
    let mut file = File::open(path).map_err(read_error(path))?;
    let header = read_header(&mut file, path)?;
    let bead = options.bead.unwrap_or(0);
    let have = usize_from(header.tables);
    if bead >= have {
        return Err(FileError::NoSuchBead { asked: bead, have, path: path.into() });
    }
    let table_bytes = 4 * header.planes * header.rings; // no overflow: `read_header` found the file that long
    let start = HEADER_BYTES + bead as u64 * table_bytes;
    let mut bytes = vec![0; usize_from(table_bytes)];
    file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut bytes)).map_err(read_error(path))?;
    let profiles = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();

    let mut origin = Origin {
        bead: Some(bead.to_string()),
        source: format!("{FORMAT} {}, table {bead} of {have}", file_name(path)),
        ..Origin::default()
    };
    if have > 1 && options.bead.is_none() {
        origin.assumed.push(format!("The file holds {have} tables and none was named: table 0 was taken."));
    }
    let n_rings = usize_from(header.rings);
    let z_nm = assume::heights_nm(&mut origin, usize_from(header.planes), options);
    assume::no_radii(&mut origin);
    ZLut::new(z_nm, n_rings, profiles, origin).map_err(|error| FileError::Table { error, path: path.into() })
}

/// Writes the table as the only one of the file at `path`, which is created or emptied.
///
/// # Errors
/// What the system says.
pub fn write(path: &Path, table: &ZLut) -> io::Result<()> {
    let mut file = io::BufWriter::new(File::create(path)?);
    for count in [1, table.n_planes(), table.n_rings()] {
        let count = i32::try_from(count).map_err(io::Error::other)?;
        file.write_all(&count.to_le_bytes())?;
    }
    for grey in table.profiles() {
        file.write_all(&grey.to_le_bytes())?;
    }
    file.flush()
}

/// Why the format would change the values, if it would: it has no heights, so they must be evenly spaced.
pub(crate) fn cannot_hold(table: &ZLut) -> Option<String> {
    let (low_nm, _) = table.z_range_nm();
    let step_nm = table.z_step_nm();
    let off_nm = |(plane, z_nm): (usize, &f64)| (z_nm - (low_nm + plane as f64 * step_nm)).abs();
    let worst_nm = table.z_nm().iter().enumerate().map(off_nm).fold(0.0, f64::max);
    // 1e-6 of a step: what decimal heights lose in print, far below what any stage can set.
    (worst_nm > 1e-6 * step_nm)
        .then(|| format!("it has no heights, and these are up to {worst_nm:.3} nm off even spacing"))
}

fn read_header(file: &mut File, path: &Path) -> Result<Header, FileError> {
    let wrong = |reason| FileError::Content { format: FORMAT, reason, path: path.into() };
    let length = file.metadata().map_err(read_error(path))?.len();
    if length < HEADER_BYTES {
        return Err(wrong(format!("the header takes {HEADER_BYTES} bytes, the file has {length}")));
    }
    let mut bytes = [0; HEADER_BYTES as usize];
    file.read_exact(&mut bytes).map_err(read_error(path))?;
    let counts: Vec<i32> = bytes.as_chunks::<4>().0.iter().map(|b| i32::from_le_bytes(*b)).collect();
    let says =
        format!("the header says {} tables of {} planes and {} rings", counts[0], counts[1], counts[2]);
    let [tables, planes, rings] = [counts[0], counts[1], counts[2]].map(|n| u64::try_from(n).unwrap_or(0));
    if tables == 0 || planes == 0 || rings == 0 {
        return Err(wrong(says));
    }
    // i32³ × 4 can exceed u64; such a file does not exist.
    let needed =
        (planes * rings).checked_mul(tables).and_then(|n| n.checked_mul(4)?.checked_add(HEADER_BYTES));
    match needed {
        Some(needed) if needed == length => Ok(Header { tables, planes, rings }),
        Some(needed) => Err(wrong(format!("{says}, {needed} bytes, the file has {length}"))),
        None => Err(wrong(says)),
    }
}

/// A count that was checked against the length of a file we are to hold in memory.
fn usize_from(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
