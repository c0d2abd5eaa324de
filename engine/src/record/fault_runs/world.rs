//! What the script makes happen, and what is to be expected of it.

use super::*;

/// What the script does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    Frame,
    CameraLoses,
    Repeat,
    ComesLate,
    ClockJump,
    Unplug,
    Silent,
    BadFrame,
    Track,
    Record,
    DiskFails,
}

/// A frame as the file should tell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) segment: u64,
    pub(super) number: u64,
    pub(super) flags: u64,
    pub(super) lost_before: Gap,
}

/// Everything but the camera thread, and what is to be expected of it.
pub(super) struct World {
    pub(super) random: Seeded,
    pub(super) events_left: u64,
    pub(super) tracking: Option<Tracking<'static>>,
    pub(super) recorder: Option<Recorder>,
    pub(super) rows: Vec<TrackRow>,
    pub(super) lost_rows: Gap,

    /// Exposure time of the next frame, ms, and how far the camera's clock is moved, ns.
    pub(super) now_ms: u64,
    pub(super) moved_ns: i64,
    pub(super) next_number: u64,
    /// Numbers that the camera has sent or lost in the segment, with their exposure time, ms.
    pub(super) sent: Vec<(u64, u64)>,
    pub(super) missing: Vec<(u64, u64)>,
    pub(super) frames_since_jump: u64,
    pub(super) is_away: bool,

    pub(super) rings: [u64; 2],
    pub(super) held: [u64; 2],
    pub(super) is_recording: bool,
    pub(super) disk_is_broken: bool,
    pub(super) expected: Ledger,
    pub(super) jumps: u64,
    pub(super) backward: u64,
    /// Lost before the next frame that gets through, at the camera and behind tracking.
    pub(super) gaps: [Gap; 2],
    /// Frames on their way, by hop, then those in the file.
    pub(super) on_their_way: [VecDeque<Sent>; 2],
    pub(super) recorded: Vec<Sent>,
    pub(super) injected: BTreeMap<Happening, u64>,
}

impl World {
    pub(super) fn event(&mut self) -> Happening {
        use Happening::*;
        // As often as they stand here.
        let events = [
            Frame,
            Frame,
            Frame,
            Frame,
            Frame,
            Frame,
            Frame,
            Frame,
            Track,
            Track,
            Track,
            Record,
            CameraLoses,
            Repeat,
            ComesLate,
            ClockJump,
            Unplug,
            Silent,
            BadFrame,
        ];
        let event = events[self.random.below(events.len() as u64) as usize];
        // A fault that ends what the others need is rarer.
        let is_rare = match event {
            Unplug | BadFrame => self.random.below(3) > 0,
            // It takes the patience of five frame periods.
            Silent => self.random.below(30) > 0,
            _ => false,
        };
        let breaks = self.is_recording && !self.disk_is_broken && self.random.below(200) == 0;
        if breaks {
            DiskFails
        } else if is_rare {
            Frame
        } else {
            event
        }
    }

    pub(super) fn note(&mut self, event: Happening) {
        *self.injected.entry(event).or_default() += 1;
    }

    /// Up to `count` frames go through tracking.
    pub(super) fn track(&mut self, count: u64) {
        let batch = count.min(self.held[0]).min(MAX_BATCH);
        let Self { tracking: Some(tracking), rows, lost_rows, .. } = self else { return };
        if batch > 0 {
            tracking.take(batch as usize, rows, lost_rows);
        }
        self.held[0] -= batch;
        for _ in 0..batch {
            let mut frame = self.on_their_way[0].pop_front().unwrap();
            self.expected.tracked += 1;
            frame.lost_before += self.gaps[1];
            if self.held[1] < self.rings[1] {
                self.held[1] += 1;
                self.gaps[1] = Gap::default();
                self.on_their_way[1].push_back(frame);
            } else {
                self.expected.lost.recorder_late += 1;
                self.gaps[1] = frame.lost_before;
                self.gaps[1].recorder_late += 1;
            }
        }
    }

    /// The recorder takes and writes all that has come.
    pub(super) fn record(&mut self) {
        let Self { recorder: Some(recorder), .. } = self else { return };
        recorder.take(self.held[1] as usize, u64::MAX);
        recorder.write();
        self.expect_recorded();
    }

    pub(super) fn expect_recorded(&mut self) {
        let frames = std::mem::take(&mut self.on_their_way[1]);
        let count = std::mem::take(&mut self.held[1]);
        assert_eq!(frames.len() as u64, count);
        match (self.is_recording, self.disk_is_broken) {
            (false, _) => self.expected.not_asked += count,
            (true, true) => self.expected.lost.record_failed += count,
            (true, false) => {
                self.expected.recorded += count;
                self.recorded.extend(frames);
            }
        }
    }

    /// A frame that the camera sends now.
    pub(super) fn deliver(
        &mut self,
        number: u64,
        taken_ms: u64,
        flags: FrameFlags,
        clock: Instant,
    ) -> FrameInfo {
        self.expected.received += 1;
        let segment = self.expected.segments - 1;
        if self.held[0] < self.rings[0] {
            self.held[0] += 1;
            let lost_before = std::mem::take(&mut self.gaps[0]);
            self.on_their_way[0].push_back(Sent { segment, number, flags: flags.0, lost_before });
        } else {
            self.expected.lost.ring_full += 1;
            self.gaps[0].ring_full += 1;
        }
        let device_time_ns =
            Some((taken_ms * MS).strict_add_signed(1_000_000_000 * MS as i64 + self.moved_ns));
        let arrival = clock + Duration::from_nanos(self.now_ms * MS);
        FrameInfo { device_frame: number, device_time_ns, arrival }
    }

    /// The next number, which the camera exposes now; the clock may jump at it.
    pub(super) fn expose(&mut self) -> (u64, u64) {
        let frame = (self.next_number, self.now_ms);
        self.next_number += 1;
        self.now_ms += 1;
        self.expected.segments += u64::from(self.sent.is_empty() && self.missing.is_empty());
        self.expected.camera += 1;
        frame
    }

    /// What the camera answers next; `None` for an event that is none of its.
    pub(super) fn act(&mut self, event: Happening, clock: Instant) -> Option<Result<FrameInfo, CameraError>> {
        let has_begun = !self.sent.is_empty();
        match event {
            Happening::Track => {
                let count = 1 + self.random.below(12);
                self.track(count);
                return None;
            }
            Happening::Record => {
                self.record();
                return None;
            }
            Happening::DiskFails => {
                self.disk_is_broken = true;
                self.recorder.as_mut().and_then(|recorder| recorder.open.as_mut()).unwrap().break_disk();
                self.note(event);
                return None;
            }
            Happening::CameraLoses if has_begun => {
                let count = 1 + self.random.below(5);
                for _ in 0..count {
                    let lost = self.expose();
                    self.missing.push(lost);
                }
                self.expected.lost.camera += count;
                self.gaps[0].camera += count;
                *self.injected.entry(event).or_default() += count;
                // It is seen at the frame after it.
            }
            Happening::Repeat if has_begun => {
                let back = self.random.below(self.sent.len().min(10) as u64) as usize;
                let (number, taken_ms) = self.sent[self.sent.len() - 1 - back];
                self.expected.out_of_order += 1;
                self.note(event);
                return Some(Ok(self.deliver(number, taken_ms, FrameFlags::REPEATED, clock)));
            }
            Happening::ComesLate if has_begun => {
                let highest = self.sent.iter().map(|(number, _)| *number).max().unwrap();
                self.missing.retain(|(number, _)| highest - number < 64);
                if self.missing.is_empty() {
                    return None;
                }
                let place = self.random.below(self.missing.len() as u64) as usize;
                let (number, taken_ms) = self.missing.remove(place);
                self.sent.push((number, taken_ms));
                self.expected.out_of_order += 1;
                self.expected.late += 1;
                self.note(event);
                return Some(Ok(self.deliver(number, taken_ms, FrameFlags::LATE, clock)));
            }
            Happening::ClockJump if has_begun && self.frames_since_jump > 2 => {
                let size = 1000 * MS as i64 * (1 + self.random.below(100) as i64);
                let size = if self.random.below(2) == 0 { size } else { -size };
                self.moved_ns += size;
                self.frames_since_jump = 0;
                self.jumps += 1;
                self.backward += u64::from(size < 0);
                self.note(event);
                let back = if size < 0 { FrameFlags::TIME_BACK } else { FrameFlags::NONE };
                let flags = FrameFlags::TIME_JUMP | FrameFlags::TIME_BY_ARRIVAL | back;
                return Some(Ok(self.send_next(flags, clock)));
            }
            Happening::Unplug | Happening::Silent | Happening::BadFrame => {
                self.is_away = true;
                self.note(event);
                return Some(Err(match event {
                    Happening::Unplug => CameraError::Unplugged("the cable was pulled".to_owned()),
                    Happening::Silent => CameraError::Timeout(Duration::ZERO),
                    _ => CameraError::BadFrame("it is too short".to_owned()),
                }));
            }
            _ => {}
        }
        Some(Ok(self.send_next(FrameFlags::NONE, clock)))
    }

    pub(super) fn send_next(&mut self, flags: FrameFlags, clock: Instant) -> FrameInfo {
        let (number, taken_ms) = self.expose();
        self.sent.push((number, taken_ms));
        self.frames_since_jump += 1;
        self.note(Happening::Frame);
        self.deliver(number, taken_ms, flags, clock)
    }
}
