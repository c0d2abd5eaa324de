//! From the camera's clock to the session's: when a frame was taken, freed of the jitter of its arrival.
//!
//! A frame arrives late by a delay that is never negative: `arrival = device + offset + rate · device + delay`. So the
//! line `offset + rate · device` lies below all points (device, arrival − device), and touches those that came without
//! delay. Of all lines below the points it is the one that is nearest to them on average: the edge of their lower convex
//! hull over the mean of `device` (S. B. Moon, P. Skelly, D. Towsley, "Estimation and removal of clock skew from network
//! delay measurements", INFOCOM 1999; by the hull: L. Zhang, Z. Liu, C. H. Xia, "Clock synchronization algorithms for
//! network measurements", INFOCOM 2002). The points are the earliest frame of each of up to 64 blocks of time, which grow
//! from 10 ms to 1.28 s and then slide, so that the line follows a clock that warms up.
//!
//! What no clock tells is the shortest delay itself (half the exposure, readout, transfer): it is in the offset, and the
//! same for all frames of a segment.
//!
//! A frame that arrives before the line by more than a tolerance cannot be: the camera's clock has jumped ahead. One that
//! was taken, by that clock, sooner than half a period after the frame before it, and is late: it has jumped back. If the
//! frame after it agrees with it, a new line begins; else it was a slip. A jump ahead is found one frame later where the
//! frame itself is as late as the jump is large. Not found are jumps ahead below the tolerance (1 ms and 20 times the
//! residual; 100 ms in the first frames) and jumps back below half a period.
//!
//! Runs on the camera thread: fixed memory, a few operations a frame and some hundred a block.

use crate::frame::FrameFlags;

/// Blocks of a line.
const BLOCKS: usize = 64;
/// The first blocks are this long, ns.
const FIRST_BLOCK_NS: u64 = 10_000_000;
/// And none is longer, ns: 64 of them, 82 s, is how long a clock may be taken for steady.
const LAST_BLOCK_NS: u64 = FIRST_BLOCK_NS << 7;
/// A quartz clock is right to 100 ppm; a line that is steeper than this was drawn through jitter.
const MAX_RATE: f64 = 500e-6;
/// Frames and blocks without which nothing is known of jitter and rate.
const YOUNG: (u64, usize) = (32, 8);
/// Jumps ahead that are told, ns: at least, per residual, and while the line is young.
const TOLERANCE_NS: (f64, f64, f64) = (1e6, 20.0, 100e6);

/// A frame in a block: the camera's clock since the line's origin, and how much later it arrived, ns.
#[derive(Clone, Copy, Default)]
struct Point {
    device: f64,
    late: f64,
}

/// What the clock says of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stamp {
    /// When it was taken, ns on the session's clock.
    pub(crate) time_ns: u64,
    /// What is wrong with the time of its own that it came with.
    pub(crate) flags: FrameFlags,
}

/// What the clock says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct ClockFigures {
    /// By how much the camera's clock is slow against the host's, ppm.
    pub rate_ppm: f64,
    /// Session's clock less camera's clock at the newest frame, ns.
    pub offset_ns: f64,
    /// How late the earliest frames of the blocks are on average, µs: what is left of the jitter.
    pub residual_us: f64,
}

/// A frame as the camera thread knows it.
#[derive(Clone, Copy)]
pub(crate) struct Timed {
    pub(crate) device_frame: u64,
    pub(crate) device_time_ns: Option<u64>,
    pub(crate) arrival_ns: u64,
    /// Its number is above all before.
    pub(crate) is_next: bool,
}

/// The line of one segment.
pub(crate) struct DeviceClock {
    /// Shortest time between two exposures that is taken for real, ns.
    half_period_ns: f64,
    line: Option<Line>,
    last: Option<Timed>,
    /// The frame before was off the line in a way that no delay explains.
    was_off: bool,
}

impl DeviceClock {
    /// A clock that has seen nothing yet, of a camera with this rate.
    pub(crate) fn new(rate_hz: f64) -> Self {
        Self { half_period_ns: 0.5e9 / rate_hz, line: None, last: None, was_off: false }
    }

    /// Enters a frame, and says when it was taken.
    pub(crate) fn stamp(&mut self, frame: &Timed) -> Stamp {
        let by_arrival =
            |flags| Stamp { time_ns: frame.arrival_ns, flags: flags | FrameFlags::TIME_BY_ARRIVAL };
        let Some(device_ns) = frame.device_time_ns else { return by_arrival(FrameFlags::NONE) };
        let Some(line) = &mut self.line else {
            self.begin(frame, device_ns);
            return Stamp { time_ns: frame.arrival_ns, flags: FrameFlags::NONE };
        };
        if !frame.is_next {
            // Repeated or late: its time tells nothing of the clock.
            return Stamp { time_ns: line.time_ns(device_ns), flags: FrameFlags::NONE };
        }
        let mut flags = FrameFlags::NONE;
        let point = line.point(device_ns, frame.arrival_ns);
        let (late, tolerance) = (line.late(point), line.tolerance());
        let before = self.last.replace(*frame);
        let passed = before.map_or(0, |before| frame.device_frame - before.device_frame);
        let stepped = before.and_then(|before| Some(signed(device_ns, before.device_time_ns?)));
        if stepped.is_some_and(|stepped| stepped <= 0.0) {
            flags |= FrameFlags::TIME_BACK;
        }
        let least = self.half_period_ns * passed as f64;
        let (is_early, is_late) = (late < -tolerance, late > tolerance.min(least));
        if std::mem::take(&mut self.was_off) && (is_early || is_late) {
            // Not a slip: the frame before told the camera's clock from now on.
            self.begin(frame, device_ns);
            return Stamp { time_ns: frame.arrival_ns, flags };
        }
        self.was_off = is_early || is_late && stepped.is_some_and(|stepped| stepped < least);
        if self.was_off {
            return by_arrival(flags | FrameFlags::TIME_JUMP);
        }
        line.take(point);
        Stamp { time_ns: line.time_ns(device_ns), flags }
    }

    /// What it found; `None` before the first frame with a time.
    pub(crate) fn figures(&self) -> Option<ClockFigures> {
        self.line.as_ref().map(Line::figures)
    }

    fn begin(&mut self, frame: &Timed, device_ns: u64) {
        self.line = Some(Line::new(device_ns, frame.arrival_ns));
        self.last = Some(*frame);
    }
}

/// A line below all points, and the points that it was found from.
struct Line {
    origin_device_ns: u64,
    origin_arrival_ns: u64,
    points: [Point; BLOCKS],
    n_points: usize,
    block_ns: u64,
    frames: u64,
    newest: f64,
    offset: f64,
    rate: f64,
    residual: f64,
}

/// `a - b`, ns; exact up to 104 days.
fn signed(a: u64, b: u64) -> f64 {
    if a >= b { (a - b) as f64 } else { -((b - a) as f64) }
}

impl Line {
    fn new(device_ns: u64, arrival_ns: u64) -> Self {
        Self {
            origin_device_ns: device_ns,
            origin_arrival_ns: arrival_ns,
            // The first is at the origin.
            points: [Point::default(); BLOCKS],
            n_points: 1,
            block_ns: FIRST_BLOCK_NS,
            frames: 1,
            newest: 0.0,
            offset: 0.0,
            rate: 0.0,
            residual: 0.0,
        }
    }

    fn point(&self, device_ns: u64, arrival_ns: u64) -> Point {
        let device = signed(device_ns, self.origin_device_ns);
        Point { device, late: signed(arrival_ns, self.origin_arrival_ns) - device }
    }

    /// How late a frame is by the line, ns.
    fn late(&self, point: Point) -> f64 {
        point.late - self.offset - self.rate * point.device
    }

    fn time_ns(&self, device_ns: u64) -> u64 {
        let device = signed(device_ns, self.origin_device_ns);
        let since = device + self.offset + self.rate * device;
        // A float-to-integer cast saturates.
        self.origin_arrival_ns.saturating_add_signed(since.floor() as i64)
    }

    fn tolerance(&self) -> f64 {
        let (least, per_residual, young) = TOLERANCE_NS;
        let is_young = self.frames < YOUNG.0 || self.n_points < YOUNG.1;
        if is_young { young } else { least + per_residual * self.residual }
    }

    /// Enters a frame that is not off.
    fn take(&mut self, point: Point) {
        self.frames += 1;
        self.newest = point.device;
        let newest = self.points[self.n_points - 1];
        if block_of(newest, self.block_ns) != block_of(point, self.block_ns) {
            self.draw();
            if self.n_points == BLOCKS {
                self.make_room();
            }
            self.points[self.n_points] = point;
            self.n_points += 1;
        } else if self.late(point) < self.late(newest) {
            self.points[self.n_points - 1] = point;
        }
        // No frame is taken after it has arrived: if this one was, the line was too high.
        self.offset += self.late(point).min(0.0);
    }

    /// Room for another block: longer blocks, or without the oldest.
    fn make_room(&mut self) {
        while self.n_points == BLOCKS && self.block_ns < LAST_BLOCK_NS {
            self.block_ns *= 2;
            let mut kept = 1;
            for place in 1..self.n_points {
                let (last, point) = (self.points[kept - 1], self.points[place]);
                if block_of(last, self.block_ns) != block_of(point, self.block_ns) {
                    self.points[kept] = point;
                    kept += 1;
                } else if self.late(point) < self.late(last) {
                    self.points[kept - 1] = point;
                }
            }
            self.n_points = kept;
        }
        if self.n_points == BLOCKS {
            self.points.copy_within(1.., 0);
            self.n_points -= 1;
        }
    }

    /// The line that is nearest to the points of all below them.
    fn draw(&mut self) {
        let points = &self.points[..self.n_points];
        let n = points.len() as f64;
        let mean = points.iter().map(|point| point.device).sum::<f64>() / n;
        // Andrew's monotone chain; the points are in order already. A place in `points` fits a byte.
        let (mut hull, mut corners) = ([0_u8; BLOCKS], 0);
        for place in 0..self.n_points {
            while corners >= 2 {
                let [a, b] = [hull[corners - 2], hull[corners - 1]].map(|corner| points[usize::from(corner)]);
                let c = points[place];
                if (b.device - a.device) * (c.late - a.late) > (c.device - a.device) * (b.late - a.late) {
                    break;
                }
                corners -= 1;
            }
            hull[corners] = place as u8;
            corners += 1;
        }
        let corner = |place: usize| points[usize::from(hull[place])];
        let edge = (1..corners).find(|&right| corner(right).device >= mean);
        let steepness = edge.map_or(0.0, |right| {
            let (a, b) = (corner(right - 1), corner(right));
            (b.late - a.late) / (b.device - a.device)
        });
        self.rate = steepness.clamp(-MAX_RATE, MAX_RATE);
        let heights = points.iter().map(|point| point.late - self.rate * point.device);
        self.offset = heights.clone().fold(f64::INFINITY, f64::min);
        self.residual = heights.sum::<f64>() / n - self.offset;
    }

    fn figures(&self) -> ClockFigures {
        let offset = self.offset + self.rate * self.newest;
        ClockFigures {
            rate_ppm: self.rate * 1e6,
            offset_ns: signed(self.origin_arrival_ns, self.origin_device_ns) + offset,
            residual_us: self.residual * 1e-3,
        }
    }
}

/// Which block of time a frame is in.
fn block_of(point: Point, block_ns: u64) -> i64 {
    (point.device / block_ns as f64).floor() as i64
}

#[cfg(test)]
mod tests;
