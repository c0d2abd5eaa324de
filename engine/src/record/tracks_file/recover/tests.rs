use rust_hdf5::H5File;
use tempfile::TempDir;

use super::super::tests::{SEGMENT, age, append, gap, health, read, run};
use super::super::{Gap, TracksFile, partial_path};
use super::*;
use crate::frame::FrameHeader;
use crate::ledger::{Ledger, Lost};
use crate::record::journal::{JournalWriter, SoFar, Table};
use crate::record::read::verify::verify;
use crate::record::schema::{ColumnSpec, Element};
use crate::segment::Segment;

const BEADS: [u32; 2] = [1, 2];

/// A recording of 5 frames a block.
struct Growing {
    folder: TempDir,
    file: TracksFile,
}

impl Growing {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut file =
            TracksFile::create_with_journal(&folder.path().join("tracks.h5"), &run(&BEADS)).unwrap();
        // Frame 0 of the camera is numbered 5.
        let first = FrameHeader { device_frame: 5, ..FrameHeader::default() };
        file.begin_segment(&Segment { number: 0, ..SEGMENT }, &first).unwrap();
        Self { folder, file }
    }

    /// Adds block `number`, in two batches; the journal gets `gaps`.
    fn add(&mut self, number: u64, gaps: Vec<Gap>) {
        append(&mut self.file, 5 * number..5 * number + 2, &BEADS);
        append(&mut self.file, 5 * number + 2..5 * number + 5, &BEADS);
        self.file.append_health(&health(number + 1)).unwrap();
        let [before, ledger] = [5 * number, 5 * (number + 1)].map(ledger);
        self.file.log(&SoFar { before, ledger, gaps, segment: None }).unwrap();
        self.file.flush().unwrap();
    }

    /// What a crash would leave, as recording `name`.
    fn crash(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        let crashed = partial_path(&path);
        fs::copy(self.file.partial_path(), &crashed).unwrap();
        fs::copy(journal_path(&self.folder.path().join("tracks.h5")), journal_path(&path)).unwrap();
        age(&crashed); // where there are no locks, it must have been at rest
        crashed
    }

    fn journal_bytes(&self) -> usize {
        fs::read(journal_path(&self.folder.path().join("tracks.h5"))).unwrap().len()
    }
}

fn ledger(frames: u64) -> Ledger {
    Ledger {
        camera: frames,
        received: frames,
        tracked: frames,
        recorded: frames,
        segments: 1,
        ..Ledger::default()
    }
}

/// Every column, bit by bit.
fn contents(path: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let file = H5File::open(path).unwrap();
    let bytes = |column: &ColumnSpec| {
        fn raw<T: rust_hdf5::H5Type + bytemuck::Pod>(file: &H5File, path: &str) -> Vec<u8> {
            bytemuck::cast_slice(&read::<T>(file, path)).to_vec()
        }
        match column.element {
            Element::U16 => raw::<u16>(&file, column.path),
            Element::U32 => raw::<u32>(&file, column.path),
            Element::U64 => raw::<u64>(&file, column.path),
            Element::F32 => raw::<f32>(&file, column.path),
            Element::F64 => raw::<f64>(&file, column.path),
            Element::Text(_) => file.dataset(column.path).unwrap().read_strings().unwrap().join("\n").into(),
        }
    };
    Table::ALL.iter().flat_map(|table| table.columns()).map(|column| (column.path, bytes(column))).collect()
}

fn is_complete(path: &Path) -> bool {
    Recording::open(path).unwrap().about.complete
}

#[test]
fn what_a_crash_leaves_is_the_same_bit_by_bit() {
    let mut growing = Growing::new();
    for number in 0..4 {
        growing.add(number, Vec::new());
    }
    let crashed = growing.crash("crashed.h5");
    // The last HDF5 flush was torn: nothing of that file is of use.
    fs::write(&crashed, [0; 4096]).unwrap();
    age(&crashed);
    let recovered = recover(&crashed).unwrap();
    let path = growing.folder.path().join("crashed.h5");
    let counts = Counts { batches: 8, frames: 20, rows: 40 };
    assert_eq!(recovered, Recovered { path: path.clone(), counts, damages: Vec::new(), kept: None });
    assert!(!crashed.exists() && !journal_path(&path).exists(), "nothing is left behind");

    let undisturbed = growing.folder.path().join("tracks.h5");
    growing.file.finish("{}", &[], &[]).unwrap();
    assert!(!journal_path(&undisturbed).exists(), "a finished recording needs none");
    assert!(is_complete(&undisturbed) && !is_complete(&path));
    assert!(contents(&path) == contents(&undisturbed));
    let verdict = verify(&path, &|_, _| ()).unwrap();
    let [problem] = &verdict.problems[..] else { panic!("{:?}", verdict.problems) };
    assert!(problem.contains("recovered after a crash"), "{problem}");
}

#[test]
fn a_damaged_block_is_a_gap_and_what_follows_it_is_kept() {
    let mut growing = Growing::new();
    growing.add(0, Vec::new());
    let from = growing.journal_bytes();
    growing.add(1, vec![gap(11)]);
    let to = growing.journal_bytes();
    growing.add(2, Vec::new());
    let crashed = growing.crash("crashed.h5");
    let path = growing.folder.path().join("crashed.h5");
    let journal = journal_path(&path);
    let mut bytes = fs::read(&journal).unwrap();
    bytes[to - 40] ^= 4;
    fs::write(&journal, bytes).unwrap();
    let recovered = recover(&crashed).unwrap();
    assert_eq!(recovered.counts, Counts { batches: 4, frames: 10, rows: 20 });
    let damage = Damage { from: from as u64, to: to as u64, block: 1 };
    assert_eq!(recovered.damages, [damage]);
    assert!(
        recovered.kept.as_ref() == Some(&journal) && journal.exists(),
        "a better program may read more of it"
    );

    let file = H5File::open(&path).unwrap();
    assert_eq!(read::<u64>(&file, "beadscope/frames/frame"), [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
    assert_eq!(read::<u64>(&file, "tracking/frame_offsets")[5..], [10, 12, 14, 16, 18, 20]);
    assert_eq!(read::<u64>(&file, "tracking/batch_frame_start"), [0, 2, 5, 7]);
    let texts = |path: &str| file.dataset(path).unwrap().read_strings().unwrap();
    assert_eq!(texts("beadscope/gaps/reason"), ["record_failed=5"]);
    assert_eq!(read::<u64>(&file, "beadscope/gaps/first_device_frame"), [10]);
    assert_eq!(read::<u64>(&file, "beadscope/gaps/last_device_frame"), [14]);
    let kept: Ledger = serde_json::from_str(&texts("beadscope/ledger_json").concat()).unwrap();
    assert_eq!((kept.recorded, kept.lost.record_failed, kept.check()), (10, 5, Ok(())));
    assert!(texts("beadscope/notices").iter().any(|notice| notice.contains("block 1 is damaged")));
    let problems = verify(&path, &|_, _| ()).unwrap().problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn frames_that_are_lost_behind_the_last_one_left_are_told() {
    let mut growing = Growing::new();
    growing.add(0, Vec::new());
    let from = growing.journal_bytes();
    growing.add(1, Vec::new());
    let to = growing.journal_bytes();
    // The camera waits for its trigger; then one of its frames is missing.
    growing.file.append_health(&health(3)).unwrap();
    let before = ledger(10);
    let lost = Lost { camera: 1, ..Lost::default() };
    let behind = Ledger { camera: 11, lost, ..before };
    growing.file.log(&SoFar { before, ledger: behind, gaps: vec![gap(15)], segment: None }).unwrap();
    let crashed = growing.crash("crashed.h5");
    let path = growing.folder.path().join("crashed.h5");
    let whole = fs::read(journal_path(&path)).unwrap();
    // Of both blocks with frames one is lost, and then the other, too.
    for (damaged, frames) in [(vec![to - 40], 5), (vec![from - 40, to - 40], 0)] {
        let mut bytes = whole.clone();
        damaged.iter().for_each(|byte| bytes[*byte] ^= 4);
        fs::write(journal_path(&path), bytes).unwrap();
        age(&journal_path(&path)); // of the second recovery, it is all there is
        assert_eq!(recover(&crashed).unwrap().counts.frames, frames);
        let recording = Recording::open(&path).unwrap();
        let kept = recording.ledger().unwrap().unwrap();
        assert_eq!(kept.lost, Lost { record_failed: 10 - frames, ..lost });
        assert_eq!((kept.recorded, kept.check()), (frames, Ok(())));
        let gaps: Vec<_> =
            recording.gaps().unwrap().into_iter().map(|gap| (gap.after_frame, gap.reason)).collect();
        let told = (4, "record_failed=5 camera=1".to_owned());
        assert_eq!(gaps, Vec::from_iter((frames > 0).then_some(told)));
        let problems = verify(&path, &|_, _| ()).unwrap().problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_journal_that_a_crash_left_beside_a_finished_file_is_removed() {
    let mut growing = Growing::new();
    growing.add(0, Vec::new());
    let path = growing.folder.path().join("crashed.h5");
    let crashed = growing.crash("crashed.h5");
    growing.file.finish(&serde_json::to_string(&ledger(5)).unwrap(), &[], &[]).unwrap();
    fs::copy(growing.folder.path().join("tracks.h5"), &path).unwrap();
    let error = recover(&crashed).unwrap_err();
    assert!(matches!(error, RecordError::Exists { .. }), "{error}");
    fs::remove_file(&crashed).unwrap();
    #[cfg(unix)] // elsewhere there is no lock
    {
        let writer = fs::File::open(&path).unwrap();
        writer.try_lock_shared().unwrap();
        let error = recover(&crashed).unwrap_err();
        assert!(matches!(error, RecordError::InUse { .. }), "its writer looks whether it is whole: {error}");
    }
    age(&path); // where there are no locks, it must have been at rest
    assert_eq!(recover(&crashed).unwrap().counts.frames, 5);
    assert!(path.exists() && !journal_path(&path).exists());
}

#[test]
fn a_recovery_that_was_interrupted_goes_on() {
    let mut growing = Growing::new();
    growing.add(0, Vec::new());
    let path = growing.folder.path().join("crashed.h5");
    let crashed = growing.crash("crashed.h5");
    let journal = journal_path(&path);
    let [partial_bytes, journal_bytes] = [&crashed, &journal].map(|path| fs::read(path).unwrap());
    // While the file was being made: what there is of it counts for nothing.
    fs::write(sibling(&path, ".recovering"), "half a file").unwrap();
    let recovered = recover(&crashed).unwrap();
    assert_eq!(
        fs::read_dir(growing.folder.path()).unwrap().count(),
        3,
        "its file, and the two of the one that grows"
    );
    // When it had its name, before either file was removed, and between the two.
    for is_partial_left in [true, false] {
        fs::write(&journal, &journal_bytes).unwrap();
        if is_partial_left {
            fs::write(&crashed, &partial_bytes).unwrap();
            age(&crashed);
        }
        age(&path);
        assert_eq!(recover(&crashed).unwrap(), recovered);
        assert!(path.exists() && !journal.exists() && !crashed.exists());
    }
}

#[test]
fn a_recovery_that_fails_leaves_all_as_it_was() {
    let mut growing = Growing::new();
    growing.add(0, Vec::new());
    let crashed = growing.crash("crashed.h5");
    let journal = journal_path(&growing.folder.path().join("crashed.h5"));
    // Its description is whole, and is no HDF5 file.
    fs::remove_file(&journal).unwrap();
    drop(JournalWriter::create(&journal, b"no HDF5 file").unwrap());
    let files = || fs::read_dir(growing.folder.path()).unwrap().count();
    let before = files();
    recover(&crashed).unwrap_err();
    assert!(crashed.exists() && journal.exists() && files() == before);
}

#[test]
fn what_a_failing_disk_may_not_have_written_stays_in_the_journal() {
    let mut growing = Growing::new();
    growing.add(0, Vec::new());
    growing.file.break_disk();
    let path = growing.folder.path().join("tracks.h5");
    let Growing { folder: _folder, file } = growing;
    file.finish(&serde_json::to_string(&ledger(5)).unwrap(), &[], &[]).unwrap();
    let journal = journal_path(&path);
    assert!(is_complete(&path) && journal.exists());
    age(&path);
    let recovered = recover(&partial_path(&path)).unwrap();
    assert_eq!((recovered.counts.frames, recovered.kept), (5, Some(journal.clone())));
    // Should the file be of no use, the journal is.
    fs::remove_file(&path).unwrap();
    age(&journal);
    assert_eq!(recover(&partial_path(&path)).unwrap().counts.frames, 5);
    assert!(path.exists() && !journal.exists());
}

#[test]
fn a_file_that_lacks_something_keeps_its_journal() {
    let mut growing = Growing::new();
    growing.add(0, Vec::new());
    let path = growing.folder.path().join("tracks.h5");
    let row = vec![0; Table::Rows.entry_bytes()];
    let journal = growing.file.journal.as_mut().unwrap();
    journal.write(&SoFar::default(), [(Table::Rows, &row[..])].into_iter()).unwrap();
    growing.file.pushed.counts.rows += 1;
    let Growing { folder: _folder, file } = growing;
    let error = file.finish("{}", &[], &[]).unwrap_err();
    assert!(matches!(error, RecordError::NotWhole { .. }), "{error}");
    age(&path);
    let error = recover(&partial_path(&path)).unwrap_err();
    assert!(matches!(error, RecordError::NotWhole { .. }), "{error}");
    let journal = journal_path(&path);
    assert!(journal.exists());
    // A block that cannot be read may hold what the file lacks.
    let mut bytes = fs::read(&journal).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 4;
    fs::write(&journal, bytes).unwrap();
    assert_eq!(recover(&partial_path(&path)).unwrap().kept, Some(journal.clone()));
    assert!(journal.exists());
}

#[test]
#[cfg(unix)] // elsewhere there is no lock
fn a_recording_that_was_let_go_is_recovered_at_once() {
    let mut growing = Growing::new();
    growing.add(0, Vec::new());
    let Growing { folder: _folder, file } = growing;
    let partial = file.partial_path().to_path_buf();
    drop(file);
    assert_eq!(recover(&partial).unwrap().counts.frames, 5);
}

#[test]
fn what_cannot_be_recovered_is_left_alone() {
    let mut growing = Growing::new();
    growing.add(0, Vec::new());
    #[cfg(unix)] // elsewhere there is no lock
    {
        age(growing.file.partial_path());
        let error = recover(growing.file.partial_path()).unwrap_err();
        assert!(matches!(error, RecordError::InUse { .. }), "a recording at rest: {error}");
    }
    let path = growing.folder.path().join("crashed.h5");
    let crashed = growing.crash("crashed.h5");
    let before = fs::read(&crashed).unwrap();
    fs::write(&path, "precious").unwrap();
    let error = recover(&crashed).unwrap_err();
    assert!(matches!(error, RecordError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    assert!(fs::read(&crashed).unwrap() == before);

    let error = recover(&path).unwrap_err();
    assert!(matches!(error, RecordError::NotPartial { .. }), "{error}");
    let error = recover(&growing.folder.path().join("none.h5.partial")).unwrap_err();
    assert!(error.to_string().contains("none.h5.partial"), "{error}");
    fs::remove_file(&path).unwrap();
    fs::write(journal_path(&path), "no journal").unwrap();
    let error = recover(&crashed).unwrap_err();
    assert!(matches!(error, RecordError::Journal { .. }), "{error}");
    assert!(fs::read(&crashed).unwrap() == before && !path.exists());
}
