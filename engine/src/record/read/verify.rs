//! Checks a recording against itself: whether all of it is there, and no part contradicts another.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use beadscope_shaders::flags::Flags;

use super::{Block, ReadError, Recording};
use crate::frame::FrameFlags;
use crate::ledger::{Ledger, Lost};
use crate::record::schema::{
    AXIS_COLUMNS, BATCH_COLUMNS, CLOSING_COLUMNS, ColumnSpec, EVENT_COLUMNS, FRAME_COLUMNS, HEALTH_COLUMNS,
    NO_DEVICE_TIME, OFFSETS, ROW_COLUMNS, SEGMENT_COLUMNS, TRUTH_COLUMNS,
};
use crate::record::tracks_file::{Counts, Gap, MAX_GAPS};

/// Entries of a large column that are looked at together.
const STRIDE: u64 = 1 << 20;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Verdict {
    /// What of it is whole.
    pub counts: Counts,
    /// One line each; none if it is whole.
    pub problems: Vec<String>,
}

/// Problems so far: of each kind the first, and how many more there are.
#[derive(Default)]
pub(crate) struct Problems(BTreeMap<&'static str, (u64, String)>);

/// Checks the recording that `run` means. `progress` hears how many of how many frames are done.
///
/// # Errors
/// If it cannot be opened at all.
pub fn verify(run: &Path, progress: &dyn Fn(u64, u64)) -> Result<Verdict, ReadError> {
    let recording = match Recording::open(run) {
        Err(ReadError::Damaged { part, cause, .. }) => {
            let problems = vec![format!("it cannot be read: {part}: {cause}")];
            return Ok(Verdict { counts: Counts::default(), problems });
        }
        opened => opened?,
    };
    let mut problems = Problems::default();
    recording.check_end(&mut problems);
    if recording.about.partial {
        // Its datasets may end where the last second left them, so it is looked at as far as it is whole.
        recording.check_frames(None, &mut problems, progress);
    } else if recording.check_lengths(&mut problems) {
        recording.check_batches(&mut problems);
        let rows_are_there = recording.check_offsets(&mut problems);
        let ledger = recording.check_ledger(&mut problems);
        if rows_are_there {
            recording.check_frames(ledger.as_ref(), &mut problems, progress);
        }
    }
    recording.check_zluts(&mut problems);
    Ok(Verdict { counts: recording.counts, problems: problems.lines() })
}

impl Problems {
    pub(crate) fn note(&mut self, kind: &'static str, first: impl FnOnce() -> String) {
        self.0.entry(kind).or_insert_with(|| (0, first())).0 += 1;
    }

    pub(crate) fn fail(&mut self, kind: &'static str, error: impl Display) {
        self.note(kind, || error.to_string());
    }

    pub(crate) fn lines(self) -> Vec<String> {
        let line = |(kind, (count, first)): (&str, (u64, String))| match count {
            1 => format!("{kind}: {first}"),
            _ => format!("{kind}: {first}; and {} more", count - 1),
        };
        self.0.into_iter().map(line).collect()
    }
}

impl Recording {
    fn check_end(&self, problems: &mut Problems) {
        if !self.about.complete {
            let next = if self.about.partial {
                "if no program is writing it, `beadscope recover` makes a whole file of it"
            } else {
                "it was recovered after a crash: what came in its last second is missing"
            };
            problems.note("never finished", || next.to_owned());
        }
    }

    /// Every dataset is there and as long as those of its kind. False if none of the rest can be looked at.
    fn check_lengths(&self, problems: &mut Problems) -> bool {
        let [gaps @ .., _ledger, _notices] = &CLOSING_COLUMNS;
        let kinds: [(&'static str, &[ColumnSpec]); 9] = [
            ("rows", &ROW_COLUMNS),
            ("frames", &FRAME_COLUMNS),
            ("batches", &BATCH_COLUMNS),
            ("segments", &SEGMENT_COLUMNS),
            ("events", &EVENT_COLUMNS),
            ("health", &HEALTH_COLUMNS),
            ("axes", &AXIS_COLUMNS),
            ("truth", &TRUTH_COLUMNS),
            ("gaps", gaps),
        ];
        let mut is_readable = true;
        // Recordings of before there were axes have none of these two.
        let is_older =
            |columns: &[ColumnSpec]| columns.iter().all(|column| self.file.dataset(column.path).is_err());
        let newer = ["axes", "truth"];
        for (kind, columns) in
            kinds.into_iter().filter(|(kind, columns)| !newer.contains(kind) || !is_older(columns))
        {
            let mut lengths = Vec::new();
            for column in columns {
                let shape = match self.file.dataset(column.path) {
                    Ok(dataset) => dataset.shape(),
                    Err(error) => {
                        problems.fail("a dataset is missing", format!("{}: {error}", column.path));
                        is_readable = false;
                        continue;
                    }
                };
                let width = shape.get(1).copied().unwrap_or(1);
                if width != column.width {
                    problems.fail("a dataset has another width", format!("{}: {width}", column.path));
                    is_readable = false;
                }
                let length = shape.first().copied().unwrap_or(0) as u64;
                lengths.push((length.saturating_sub(u64::from(column.path == OFFSETS)), column.path));
            }
            let (shortest, longest) = (lengths.iter().min(), lengths.iter().max());
            if let (Some((short, of)), Some((long, than))) = (shortest, longest)
                && short < long
            {
                problems.note("datasets differ in length", || {
                    format!("those of {kind}, {of} has {short} and {than} has {long}")
                });
            }
        }
        is_readable
    }

    fn check_batches(&self, problems: &mut Problems) {
        let read = || -> Result<Vec<[u64; 4]>, ReadError> {
            let [_, columns @ ..] = BATCH_COLUMNS.map(|column| self.all::<u64>(column.path));
            let [frame, frames, row, rows] = columns;
            let (frame, frames, row, rows) = (frame?, frames?, row?, rows?);
            let batches = frame.iter().zip(&frames).zip(row.iter().zip(&rows));
            Ok(batches.map(|((frame, frames), (row, rows))| [*frame, *frames, *row, *rows]).collect())
        };
        let batches = match read() {
            Ok(batches) => batches,
            Err(error) => return problems.fail("batches cannot be read", error),
        };
        let mut next = [0_u64; 2];
        for (batch, [frame, frames, row, rows]) in batches.into_iter().enumerate() {
            if [frame, row] != next {
                problems.note("batches do not follow each other", || {
                    format!("batch {batch} begins at frame {frame} and row {row}, not at {next:?}")
                });
            }
            next = [frame.saturating_add(frames), row.saturating_add(rows)];
        }
        let lengths = [FRAME_COLUMNS[0].path, ROW_COLUMNS[0].path].map(|path| self.length(path));
        if next != lengths {
            problems.note("frames or rows are missing", || {
                let ([frames, rows], [is_frames, is_rows]) = (next, lengths);
                format!(
                    "the batches count {frames} frames and {rows} rows, there are {is_frames} and {is_rows}"
                )
            });
        }
    }

    /// The rows of every frame are there. False if they cannot be found.
    fn check_offsets(&self, problems: &mut Problems) -> bool {
        let (length, rows) = (self.length(OFFSETS), self.length(ROW_COLUMNS[0].path));
        let (mut before, mut first, mut is_good) = (0, 0, true);
        while first < length {
            let offsets: Vec<u64> = match self.slice(OFFSETS, first, STRIDE.min(length - first)) {
                Ok(offsets) => offsets,
                Err(error) => {
                    problems.fail("frame_offsets cannot be read", error);
                    return false;
                }
            };
            for (place, offset) in (first..).zip(&offsets) {
                if (place == 0 && *offset != 0) || *offset < before {
                    is_good = false;
                    problems
                        .note("frame_offsets fall", || format!("entry {place} is {offset} after {before}"));
                }
                before = before.max(*offset);
            }
            first += offsets.len() as u64;
        }
        if before != rows {
            is_good = false;
            problems.note("rows of frames are missing", || {
                format!("frame_offsets end at row {before}, there are {rows} rows")
            });
        }
        is_good
    }

    fn check_ledger(&self, problems: &mut Problems) -> Option<Ledger> {
        let ledger = match self.ledger() {
            Ok(ledger) => ledger,
            Err(error) => {
                problems.fail("the ledger cannot be read", error);
                None
            }
        };
        if ledger.is_none() && self.about.complete {
            problems.fail("the ledger is missing", "nobody knows where the frames went");
        }
        let ledger = ledger?;
        if let Err(equation) = ledger.check() {
            problems.fail("the ledger does not sum", equation);
        }
        let frames = self.length(FRAME_COLUMNS[0].path);
        if ledger.recorded != frames {
            let (told, is) = (ledger.recorded, frames);
            problems.note("the ledger counts other frames", || format!("{told} recorded, the file has {is}"));
        }
        Some(ledger)
    }

    fn check_frames(&self, ledger: Option<&Ledger>, problems: &mut Problems, progress: &dyn Fn(u64, u64)) {
        let (gaps, segments) = match (self.gaps(), self.segments()) {
            (Ok(gaps), Ok(segments)) => (gaps, segments),
            (Err(error), _) | (_, Err(error)) => return problems.fail("a table cannot be read", error),
        };
        // A recording that was never finished has none.
        let knows_gaps = ledger.is_some() && gaps.len() < MAX_GAPS;
        let mut pass = Pass::new(knows_gaps.then_some(gaps.as_slice()));
        pass.begins = segments.iter().map(|segment| (segment.segment, segment.first_frame)).collect();
        let read = self.each_block(|block| -> Result<(), ReadError> {
            pass.take(block, problems);
            progress(block.first_frame + block.frames() as u64, self.counts.frames);
            Ok(())
        });
        if let Err(error) = read {
            problems.fail("rows cannot be read", error);
        }
        pass.finish(ledger, problems);
        let times = self.magscope_times().filter(|_| !self.about.partial);
        if let Some((found, told)) = pass.times.zip(times)
            && found != told
        {
            problems.note("the first and last time differ from the attributes", || {
                format!("{found:?} in the frames, {told:?} in /tracking")
            });
        }
    }

    fn check_zluts(&self, problems: &mut Problems) {
        match self.zluts() {
            Err(error) => problems.fail("a Z-LUT cannot be read", error),
            Ok(zluts) => {
                for (name, zlut) in zluts {
                    let hash = zlut.hash();
                    if hash != name {
                        problems.note("a Z-LUT is not the one that was used", || {
                            format!("the content of {name} has the hash {hash}")
                        });
                    }
                }
            }
        }
    }

    fn length(&self, path: &str) -> u64 {
        let shape = self.file.dataset(path).map(|dataset| dataset.shape()).unwrap_or_default();
        shape.first().copied().unwrap_or(0) as u64
    }
}

/// What is kept from frame to frame.
struct Pass<'a> {
    /// The frame before.
    last: Option<Frame>,
    /// Gaps that no frame has met yet; `None` where they are not known.
    gaps: Option<&'a [Gap]>,
    lost_before: [u64; 3],
    /// Frames that damaged blocks of the journal held.
    failed: u64,
    /// First frame of each segment, as the table says.
    begins: BTreeMap<u64, u64>,
    times: Option<[u64; 2]>,
    beads: Vec<u16>,
}

#[derive(Clone, Copy)]
struct Frame {
    frame: u64,
    segment: u64,
    arrival_ns: u64,
    device_time_ns: u64,
    /// Nothing is remarkable about it.
    is_plain: bool,
    is_after_loss: bool,
}

impl<'a> Pass<'a> {
    fn new(gaps: Option<&'a [Gap]>) -> Self {
        let begins = BTreeMap::new();
        Self { last: None, gaps, lost_before: [0; 3], failed: 0, begins, times: None, beads: Vec::new() }
    }

    fn take(&mut self, block: &Block, problems: &mut Problems) {
        for place in 0..block.frames() {
            let frame = Frame {
                frame: block.frame[place],
                segment: block.segment[place],
                arrival_ns: block.arrival_ns[place],
                device_time_ns: block.device_time_ns[place],
                is_plain: FrameFlags(block.frame_flags[place]) == FrameFlags::NONE,
                is_after_loss: block.lost_before[place] != [0; 3],
            };
            self.check_order(&frame, problems);
            self.check_losses(&frame, block.lost_before[place], problems);
            let unix_ns = block.unix_ns[place];
            let [first, last] = self.times.unwrap_or([unix_ns; 2]);
            self.times = Some([first.min(unix_ns), last.max(unix_ns)]);
            self.check_rows(block, place, problems);
            self.last = Some(frame);
        }
    }

    fn check_order(&self, frame: &Frame, problems: &mut Problems) {
        let number = frame.frame;
        let new_segment = self.last.is_none_or(|last| last.segment != frame.segment);
        if new_segment && self.begins.get(&frame.segment).is_some_and(|begin| *begin != number) {
            problems.note("a segment begins elsewhere", || {
                format!("segment {} with frame {number}", frame.segment)
            });
        }
        let Some(last) = self.last else { return };
        if number <= last.frame {
            problems.note("frame numbers do not rise", || format!("frame {number} follows {}", last.frame));
        }
        if frame.segment < last.segment {
            problems.note("segments fall", || {
                format!("{} follows {} at frame {number}", frame.segment, last.segment)
            });
        }
        if frame.arrival_ns < last.arrival_ns {
            problems.note("arrivals run back", || format!("at frame {number}"));
        }
        // Its flags say where the camera's own clock runs back, or those of the frame before, or of one that was lost.
        let known = ![frame.device_time_ns, last.device_time_ns].contains(&NO_DEVICE_TIME);
        let is_plain = frame.is_plain && last.is_plain && !frame.is_after_loss;
        if !new_segment && known && is_plain && frame.device_time_ns < last.device_time_ns {
            problems.note("the camera's clock runs back without a flag", || format!("at frame {number}"));
        }
    }

    fn check_losses(&mut self, frame: &Frame, lost_before: [u32; 3], problems: &mut Problems) {
        let mut lost = lost_before.map(u64::from);
        if let Some(gaps) = self.gaps {
            let met = gaps.partition_point(|gap| gap.after_frame < frame.frame);
            let (met, later) = gaps.split_at(met);
            self.gaps = Some(later);
            let [others @ .., failed] = sum(met);
            if failed > 0 {
                // The frames that would tell of the other losses are themselves missing.
                self.failed += failed;
                lost = others;
            }
            self.check_gap(frame, others, lost, problems);
        }
        for (sum, lost) in self.lost_before.iter_mut().zip(lost) {
            *sum += lost;
        }
    }

    fn check_gap(&self, frame: &Frame, in_gaps: [u64; 3], lost: [u64; 3], problems: &mut Problems) {
        if in_gaps != lost {
            let number = frame.frame;
            problems.note("gaps and frames tell different losses", || {
                format!("before frame {number} the gaps have {in_gaps:?}, the frame {lost:?}")
            });
        }
    }

    fn check_rows(&mut self, block: &Block, place: usize, problems: &mut Problems) {
        let known = Flags::NAMES.iter().fold(0, |bits, (flag, _)| bits | flag.0);
        let rows = block.rows(place);
        for row in rows.clone() {
            let (position, flags) = (block.position_nm[row], block.row_flags[row]);
            let of = |row: usize| format!("row {}", block.first_row + row as u64);
            if position.iter().any(|value| value.is_nan()) && flags == 0 {
                problems.note("a position is NaN without a flag", || of(row));
            }
            if position.iter().any(|value| value.is_infinite()) {
                problems.note("a position is infinite", || of(row));
            }
            if flags & !known != 0 {
                problems.note("a row has flags that nobody knows", || of(row));
            }
        }
        self.beads.clear();
        self.beads.extend_from_slice(&block.bead[rows]);
        self.beads.sort_unstable();
        if self.beads.windows(2).any(|pair| pair[0] == pair[1]) {
            problems.note("a bead has two rows in one frame", || format!("frame {}", block.frame[place]));
        }
    }

    fn finish(&mut self, ledger: Option<&Ledger>, problems: &mut Problems) {
        let (Some(gaps), Some(ledger)) = (self.gaps, ledger) else { return };
        let Lost { camera, ring_full, recorder_late, record_failed } = ledger.lost;
        let [by_camera, by_ring, by_recorder] = self.lost_before;
        let [camera_behind, ring_behind, recorder_behind, failed] = sum(gaps);
        let found = [
            by_camera + camera_behind,
            by_ring + ring_behind,
            by_recorder + recorder_behind,
            self.failed + failed,
        ];
        let told = [camera, ring_full, recorder_late, record_failed];
        // A file without a frame has no gaps.
        if found != told && self.last.is_some() {
            problems.note("the ledger tells other losses than the frames", || {
                format!("{told:?} in the ledger, {found:?} in frames and gaps")
            });
        }
    }
}

/// The losses of these gaps: by the camera, ring full, recorder late, record failed.
fn sum(gaps: &[Gap]) -> [u64; 4] {
    let mut sum = [0; 4];
    for (name, count) in gaps.iter().flat_map(Gap::losses) {
        let names = ["camera", "ring_full", "recorder_late", "record_failed"];
        if let Some(place) = names.iter().position(|known| *known == name) {
            sum[place] += count;
        }
    }
    sum
}
