//! Makes `tracks.h5` anew from the blocks of a journal, some of which may be missing.
//!
//! Frames in lost blocks are a gap, and count as not recorded. Where the first blocks are lost, the recording begins with
//! the first frame that is left, and so do its ledger and its gaps, as those of any other recording.

use rust_hdf5::Hdf5Error;
use rust_hdf5::swmr::SwmrFileWriter;

use crate::frame::FrameHeader;
use crate::ledger::{Ledger, Lost};
use crate::record::journal::{Block, Damage, SoFar, Table};
use crate::record::schema::TRACKING;
use crate::record::tracks_file::columns::Columns;
use crate::record::tracks_file::{Counts, Gap};

/// What tells in the file's notices that its journal was damaged.
pub(super) const DAMAGED: &str = "journal: ";

/// A file that is made anew.
pub(super) struct Rebuilt {
    file: SwmrFileWriter,
    columns: Columns,
    pub(super) counts: Counts,
    /// What the blocks so far count, those that were lost among them included.
    counted: Counts,
    /// First and last time, ns since 1970 UTC.
    times_ns: [u64; 2],
    first_segment: u64,
    /// The last frame, with the highest of the camera's numbers in its segment.
    last: Option<FrameAt>,
    /// The last segment that the table has.
    known_segment: Option<u64>,
    /// The recording's, as of the last block with frames.
    ledger: Ledger,
    /// What of it is not this file's: what came before its first frame.
    before: Ledger,
    /// The recording's, as of the last block, if that is without frames and those before it are lost.
    behind: Option<Ledger>,
    gaps: Vec<Gap>,
}

/// A frame, as far as a gap beside it tells.
#[derive(Clone, Copy)]
struct FrameAt {
    frame: u64,
    device_frame: u64,
    arrival_ns: u64,
    segment: u64,
}

/// Columns of [`Table::Frames`], by the last part of their path.
fn column(name: &str) -> usize {
    let is_it = |path: &str| path.rsplit('/').next() == Some(name);
    Table::Frames.columns().iter().position(|column| is_it(column.path)).unwrap_or_default()
}

impl Rebuilt {
    pub(super) fn new((file, columns): (SwmrFileWriter, Columns)) -> Self {
        Self {
            file,
            columns,
            counts: Counts::default(),
            counted: Counts::default(),
            times_ns: [u64::MAX, 0],
            first_segment: 0,
            last: None,
            known_segment: None,
            ledger: Ledger::default(),
            before: Ledger::default(),
            behind: None,
            gaps: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, block: Block) -> Result<(), Hdf5Error> {
        let Block { mut so_far, mut tables, .. } = block;
        if let Some(batches) = entries(&mut tables, Table::Batches) {
            let [batches, frames, rows] = [0, 1, 3].map(|column| number(Table::Batches, batches, column, 0));
            self.counted = Counts { batches, frames, rows };
        }
        if let Some(frames) = entries(&mut tables, Table::Frames) {
            let first = frame_at(frames, 0);
            if so_far.before.recorded > self.ledger.recorded {
                // The frame that they follow is missing.
                so_far.gaps.retain(|gap| gap.after_frame >= first.frame);
                match self.last {
                    None => self.begin(&so_far, frames),
                    Some(last) => self.gaps.push(self.gap(&last, &first, &so_far)),
                }
            }
            let begun = entries(&mut tables, Table::Segments);
            self.add_segment(&first, &so_far, begun.map(|begun| number(Table::Segments, begun, 0, 0)))?;
            self.ledger = so_far.ledger;
            self.behind = None;
        } else if so_far.before.recorded == self.ledger.recorded {
            // What was lost behind the last frame.
            self.ledger = so_far.ledger;
        } else {
            // The frames that they follow may come yet, or are the last of the recording.
            so_far.gaps.clear();
            self.behind = Some(so_far.ledger);
        }
        for (table, mut entries) in tables {
            self.move_up(table, &mut entries);
            self.columns.push_news(&mut self.file, table, &entries)?;
            self.count(table, &entries);
        }
        self.gaps.append(&mut so_far.gaps);
        Ok(())
    }

    /// Nothing before this frame is left: what was lost before it is not the recording's loss.
    fn begin(&mut self, so_far: &SoFar, frames: &mut [u8]) {
        self.before = so_far.before;
        let (column, entries) = (column("lost_before"), length(Table::Frames, frames));
        let lost = &mut frames[Table::Frames.place(column, entries)];
        lost[..Table::Frames.columns()[column].entry_bytes()].fill(0);
    }

    /// The gap that lost blocks leave between two frames: theirs, and those that others lost meanwhile.
    fn gap(&self, last: &FrameAt, first: &FrameAt, so_far: &SoFar) -> Gap {
        let (now, then) = (&so_far.before, &self.ledger);
        let since = |of: fn(&Ledger) -> u64| of(now).saturating_sub(of(then));
        let is_same = last.segment == first.segment;
        let cause = so_far.segment.filter(|_| !is_same).map(|segment| segment.cause);
        let counts = [
            ("record_failed", since(|ledger| ledger.recorded)),
            ("camera", since(|ledger| ledger.lost.camera)),
            ("ring_full", since(|ledger| ledger.lost.ring_full)),
            ("recorder_late", since(|ledger| ledger.lost.recorder_late)),
        ];
        Gap {
            first_device_frame: last.device_frame.saturating_add(1),
            last_device_frame: is_same
                .then(|| last.device_frame.saturating_add(since(|ledger| ledger.camera))),
            after_frame: last.frame,
            segment: u32::try_from(first.segment).unwrap_or(u32::MAX),
            from_ns: last.arrival_ns,
            to_ns: first.arrival_ns,
            reason: Gap::reason_of(cause, &counts),
        }
    }

    /// The segment of a block's first frame is in the table, although it may have begun in a block that was lost. `begun`
    /// is the first that the block itself has.
    fn add_segment(&mut self, first: &FrameAt, so_far: &SoFar, begun: Option<u64>) -> Result<(), Hdf5Error> {
        let FrameAt { frame, device_frame, arrival_ns, segment } = *first;
        if self.last.is_none() {
            self.first_segment = segment;
        }
        let is_known = self.known_segment == Some(segment) || begun == Some(segment);
        if let Some(segment) = so_far.segment.filter(|_| !is_known) {
            let first = FrameHeader { frame, device_frame, arrival_ns, ..FrameHeader::default() };
            self.columns.begin_segment(&mut self.file, &segment, &first)?;
        }
        Ok(())
    }

    /// Enters what was pushed.
    fn count(&mut self, table: Table, entries: &[u8]) {
        let added = length(table, entries) as u64;
        let mut new = Counts::default();
        match table {
            Table::Rows => new.rows = added,
            Table::Batches => new.batches = added,
            Table::Frames => {
                new.frames = added;
                for entry in 0..length(table, entries) {
                    self.count_frame(number(table, entries, 0, entry), frame_at(entries, entry));
                }
            }
            Table::Segments | Table::Events | Table::Health | Table::Axes | Table::Truth => {}
        }
        for counts in [&mut self.counts, &mut self.counted] {
            counts.batches += new.batches;
            counts.frames += new.frames;
            counts.rows += new.rows;
        }
    }

    fn count_frame(&mut self, unix_ns: u64, frame: FrameAt) {
        self.times_ns = [self.times_ns[0].min(unix_ns), self.times_ns[1].max(unix_ns)];
        let before = self.last.filter(|last| last.segment == frame.segment);
        let highest = before.map_or(0, |last| last.device_frame).max(frame.device_frame);
        self.last = Some(FrameAt { device_frame: highest, ..frame });
        self.known_segment = Some(frame.segment);
    }

    /// Frames and batches tell where they begin: behind lost blocks, earlier than they say.
    fn move_up(&self, table: Table, entries: &mut [u8]) {
        let lost = |of: fn(&Counts) -> u64| of(&self.counted).saturating_sub(of(&self.counts));
        let [batches, frames, rows] = [lost(|it| it.batches), lost(|it| it.frames), lost(|it| it.rows)];
        let columns: &[(usize, u64)] = match table {
            Table::Frames => &[(1, rows), (2, batches)],
            Table::Batches => &[(0, batches), (1, frames), (3, rows)],
            _ => &[],
        };
        for (column, lost) in columns {
            let place = table.place(*column, length(table, entries));
            for number in entries[place].as_chunks_mut::<8>().0 {
                *number = u64::from_le_bytes(*number).saturating_sub(*lost).to_le_bytes();
            }
        }
    }

    pub(super) fn finish(mut self, damages: &[Damage]) -> Result<(), Hdf5Error> {
        self.close_gap();
        let ledger = self.own_ledger();
        let recovered = "recovered after a crash: what came in its last second is missing".to_owned();
        let damages = damages.iter().map(|damage| format!("{DAMAGED}{damage}"));
        let notices: Vec<String> = [recovered].into_iter().chain(damages).collect();
        self.columns.write_through(&mut self.file)?;
        let json = serde_json::to_string(&ledger).unwrap_or_default();
        self.columns.close(&mut self.file, &json, &self.gaps, &notices)?;
        let tracking = format!("/{TRACKING}");
        self.file.set_group_attr_numeric(&tracking, "min_frame_timestamp_ns", &self.times_ns[0])?;
        self.file.set_group_attr_numeric(&tracking, "max_frame_timestamp_ns", &self.times_ns[1])?;
        self.file.close()
    }

    /// Lost blocks behind the last frame that is left are a gap, too, as far as a later block without frames tells.
    fn close_gap(&mut self) {
        let Some(behind) = self.behind.take() else { return };
        if let Some(last) = self.last {
            // The block tells how many segments began, but not when the last frame came.
            let begun = behind.segments.saturating_sub(self.ledger.segments);
            let end = FrameAt { segment: last.segment + begun, ..last };
            self.gaps.push(self.gap(&last, &end, &SoFar { before: behind, ..SoFar::default() }));
        }
        self.ledger = behind;
    }

    /// The recording's, from the first frame that is left; frames in lost blocks were not recorded.
    fn own_ledger(&self) -> Ledger {
        let since = |of: fn(&Ledger) -> u64| of(&self.ledger).saturating_sub(of(&self.before));
        let recorded = self.counts.frames;
        let (camera, out_of_order) =
            (since(|ledger| ledger.lost.camera), since(|ledger| ledger.out_of_order));
        let last_segment = self.last.map(|last| last.segment);
        Ledger {
            camera: since(|ledger| ledger.camera),
            received: since(|ledger| ledger.received),
            tracked: since(|ledger| ledger.tracked),
            recorded,
            not_asked: since(|ledger| ledger.not_asked),
            out_of_order,
            // One that was lost before the first frame is late for what came before, not for the file.
            late: since(|ledger| ledger.late).min(camera).min(out_of_order),
            segments: last_segment.map_or(0, |last| last.saturating_sub(self.first_segment) + 1),
            lost: Lost {
                camera,
                ring_full: since(|ledger| ledger.lost.ring_full),
                recorder_late: since(|ledger| ledger.lost.recorder_late),
                record_failed: since(|ledger| ledger.recorded).saturating_sub(recorded),
            },
        }
    }
}

/// Those of a table, if there are any.
fn entries(tables: &mut [(Table, Vec<u8>)], table: Table) -> Option<&mut [u8]> {
    let (_, entries) = tables.iter_mut().find(|(it, entries)| *it == table && !entries.is_empty())?;
    Some(entries)
}

fn length(table: Table, entries: &[u8]) -> usize {
    entries.len() / table.entry_bytes()
}

fn frame_at(entries: &[u8], entry: usize) -> FrameAt {
    let of = |name: &str| number(Table::Frames, entries, column(name), entry);
    FrameAt {
        frame: of("frame"),
        device_frame: of("device_frame"),
        arrival_ns: of("arrival_ns"),
        segment: of("segment"),
    }
}

/// An entry of a column of 8-byte numbers; 0 where there is none.
fn number(table: Table, entries: &[u8], column: usize, entry: usize) -> u64 {
    let numbers = entries[table.place(column, length(table, entries))].as_chunks::<8>().0;
    numbers.get(entry).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
