use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tempfile::TempDir;

use super::*;
use crate::seeded::Seeded;
use crate::segment::Cause;

const DESCRIPTION_BYTES: &[u8] = b"how the file begins";
const BLOCKS: u32 = 40;

static CONTENT: LazyLock<Vec<Block>> = LazyLock::new(|| (0..BLOCKS).map(content).collect());

/// What block `number` holds: two tables, and more rows in some blocks than in others.
fn content(number: u32) -> Block {
    let mut random = Seeded(u64::from(number) + 1);
    let mut entries = |table: Table, count: usize| {
        (table, (0..count * table.entry_bytes()).map(|_| random.below(256) as u8).collect())
    };
    let tables = vec![entries(Table::Rows, 7 * (number as usize % 9)), entries(Table::Frames, 9)];
    let ledger = Ledger { recorded: u64::from(number), ..Ledger::default() };
    Block { number, so_far: SoFar { ledger, ..SoFar::default() }, tables }
}

/// A journal of [`BLOCKS`] blocks, and where each ends.
fn written(folder: &TempDir) -> (PathBuf, Vec<u64>) {
    let path = folder.path().join("a.journal.mcap");
    let mut journal = JournalWriter::create(&path, DESCRIPTION_BYTES).unwrap();
    let length = || fs::metadata(&path).unwrap().len();
    let mut ends = vec![length()];
    for number in 0..BLOCKS {
        let Block { so_far, tables, .. } = &CONTENT[number as usize];
        journal.write(so_far, tables.iter().map(|(table, entries)| (*table, &entries[..]))).unwrap();
        ends.push(length());
    }
    (path, ends)
}

/// The numbers of the blocks that can be read, each of which is as it was written, and what is damaged.
fn read(path: &Path) -> (Vec<u32>, Vec<Damage>) {
    let mut journal = Journal::open(path).unwrap();
    assert_eq!(journal.description, DESCRIPTION_BYTES);
    let mut numbers = Vec::new();
    while let Some(block) = journal.next() {
        assert!(block == CONTENT[block.number as usize], "block {}", block.number);
        numbers.push(block.number);
    }
    (numbers, journal.damages)
}

#[test]
fn blocks_come_back_as_they_were() {
    let folder = TempDir::new().unwrap();
    let (path, _) = written(&folder);
    assert_eq!(read(&path), ((0..BLOCKS).collect(), Vec::new()));
}

#[test]
fn what_a_camera_says_of_its_rate_costs_no_block() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.journal.mcap");
    let mut journal = JournalWriter::create(&path, DESCRIPTION_BYTES).unwrap();
    let segment = Segment { number: 3, cause: Cause::Start, rate_hz: f64::INFINITY, exposure_us: f64::NAN };
    let so_far = SoFar { segment: Some(segment), ..SoFar::default() };
    let rows = vec![1; Table::Rows.entry_bytes()];
    journal.write(&so_far, [(Table::Rows, &rows[..])].into_iter()).unwrap();
    let mut journal = Journal::open(&path).unwrap();
    let block = journal.next().unwrap();
    let found = block.so_far.segment.unwrap();
    assert_eq!((found.number, found.cause, block.tables), (3, Cause::Start, vec![(Table::Rows, rows)]));
    assert!(found.rate_hz.is_nan() && found.exposure_us.is_nan());
    assert!(journal.next().is_none() && journal.damages.is_empty());
}

#[test]
fn cut_off_anywhere_it_is_whole_up_to_the_last_block_before() {
    let folder = TempDir::new().unwrap();
    let (path, ends) = written(&folder);
    let length = *ends.last().unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    for cut in (length.saturating_sub(64 * 1024).max(ends[0])..length).rev() {
        file.set_len(cut).unwrap();
        let whole = ends.partition_point(|end| *end <= cut) as u32 - 1;
        let (numbers, damages) = read(&path);
        assert!(numbers.into_iter().eq(0..whole), "cut at {cut}");
        let from = ends[whole as usize];
        let damage = (from < cut).then_some(Damage { from, to: cut, block: whole });
        assert_eq!(damages, Vec::from_iter(damage), "cut at {cut}");
    }
}

#[test]
fn one_flipped_bit_costs_its_own_block_at_most_and_is_told() {
    let folder = TempDir::new().unwrap();
    let (path, ends) = written(&folder);
    let whole = fs::read(&path).unwrap();
    let mut random = Seeded(6);
    // The head of a block, bit by bit, and bits anywhere.
    let head = ends[20] * 8..(ends[20] + 60) * 8;
    let blocks = (whole.len() as u64 - ends[0]) * 8;
    let anywhere = (0..3000).map(|_| ends[0] * 8 + random.below(blocks));
    let mut harmless = 0;
    for bit in head.chain(anywhere) {
        let (byte, mut flipped) = (bit / 8, whole.clone());
        flipped[byte as usize] ^= 1 << (bit % 8);
        fs::write(&path, &flipped).unwrap();
        let hit = ends.partition_point(|end| *end <= byte) as u32 - 1;
        let (numbers, damages) = read(&path);
        if damages.is_empty() {
            // The times of a chunk, which nobody reads.
            assert!((9..25).contains(&(byte - ends[hit as usize])), "bit {bit}");
            assert!(numbers.into_iter().eq(0..BLOCKS));
            harmless += 1;
            continue;
        }
        assert!(
            numbers.into_iter().eq((0..BLOCKS).filter(|number| *number != hit)),
            "bit {bit} of block {hit}: {damages:?}"
        );
        let [from, to] = [ends[hit as usize], ends[hit as usize + 1]];
        assert_eq!(damages, [Damage { from, to, block: hit }], "bit {bit}");
    }
    assert!(harmless >= 128, "of the head, {harmless}");
}

/// A disk of which some bytes cannot be read.
struct Unreadable {
    bytes: std::io::Cursor<Vec<u8>>,
    from: u64,
    to: u64,
}

impl std::io::Read for Unreadable {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let place = self.bytes.position();
        if (self.from..self.to).contains(&place) {
            return Err(std::io::Error::from_raw_os_error(5));
        }
        let most = if place < self.from { (self.from - place) as usize } else { usize::MAX };
        let length = buffer.len().min(most);
        self.bytes.read(&mut buffer[..length])
    }
}

impl std::io::Seek for Unreadable {
    fn seek(&mut self, place: std::io::SeekFrom) -> std::io::Result<u64> {
        self.bytes.seek(place)
    }
}

#[test]
fn what_a_disk_cannot_read_costs_the_blocks_it_lies_in() {
    let folder = TempDir::new().unwrap();
    let (path, ends) = written(&folder);
    let bytes = fs::read(&path).unwrap();
    let length = bytes.len() as u64;
    for page in ends[0].div_ceil(4096)..length / 4096 {
        let (from, to) = (page * 4096, (page + 1) * 4096);
        let disk = Unreadable { bytes: std::io::Cursor::new(bytes.clone()), from, to };
        let mut journal = Journal::of(disk, length).unwrap();
        let mut found = Vec::new();
        while let Some(block) = journal.next() {
            found.push(block.number);
        }
        let touches = |block: &u32| ends[*block as usize] < to && from < ends[*block as usize + 1];
        let left: Vec<u32> = (0..BLOCKS).filter(|block| !touches(block)).collect();
        assert_eq!(found, left, "page {page}");
        assert_eq!(journal.damages.len(), 1, "page {page}");
    }
}

#[test]
fn a_damaged_beginning_costs_nothing_as_long_as_one_copy_is_whole() {
    let folder = TempDir::new().unwrap();
    let (path, ends) = written(&folder);
    let whole = fs::read(&path).unwrap();
    for byte in 0..usize::try_from(ends[0]).unwrap() {
        let mut flipped = whole.clone();
        flipped[byte] ^= 0x10;
        fs::write(&path, &flipped).unwrap();
        assert_eq!(read(&path), ((0..BLOCKS).collect(), Vec::new()), "byte {byte}");
    }
    let mut neither = whole;
    for byte in 0..usize::try_from(ends[0]).unwrap() {
        if neither[byte..].starts_with(DESCRIPTION_BYTES) {
            neither[byte] ^= 1;
        }
    }
    fs::write(&path, neither).unwrap();
    assert!(matches!(Journal::open(&path), Err(JournalError::NoDescription)));
    fs::write(&path, b"").unwrap();
    assert!(matches!(Journal::open(&path), Err(JournalError::NoDescription)));
}
