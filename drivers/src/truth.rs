//! The truth of a simulated sample on its way into a recording, beside what was measured.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::queue::ArrayQueue;

/// Rows that wait at most: a second of 100 beads at 1 kHz is 100 000.
const CAPACITY: usize = 1 << 17;

/// Where a bead truly was in a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TruthRow {
    /// How often the camera had been started; its numbers begin anew each time.
    pub camera_run: u32,
    /// The camera's number of the frame.
    pub device_frame: u64,
    /// The simulated bead, from 0; the session may number its beads otherwise.
    pub bead: u32,
    /// Column and row of its centre in the sensor, in px; NaN if it has torn off.
    pub position_px: [f64; 2],
    /// Height that its image shows, in nm; NaN if it has torn off.
    pub z_nm: f64,
    /// Force on its molecule, in pN.
    pub force_pn: f64,
    /// State of its molecule: 1 if a hairpin is unfolded, or the steps done.
    pub state: u32,
}

/// From the camera thread to the recorder. Neither waits: what has no room is lost and counted.
pub struct Truth {
    rows: ArrayQueue<TruthRow>,
    lost: AtomicU64,
}

impl Default for Truth {
    fn default() -> Self {
        Self { rows: ArrayQueue::new(CAPACITY), lost: AtomicU64::new(0) }
    }
}

impl Truth {
    /// Adds a row. Does not allocate.
    pub fn push(&self, row: TruthRow) {
        if self.rows.push(row).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes all rows that there are now.
    pub fn take(&self) -> impl Iterator<Item = TruthRow> {
        let now = self.rows.len();
        (0..now).map_while(|_| self.rows.pop())
    }

    /// Rows that had no room since the last time.
    pub fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_counted() {
        let truth = Truth::default();
        for bead in 0..CAPACITY as u32 + 3 {
            truth.push(TruthRow { bead, ..TruthRow::default() });
        }
        assert_eq!((truth.take_lost(), truth.take_lost()), (3, 0));
        assert!(truth.take().map(|row| row.bead).eq(0..CAPACITY as u32));
        assert_eq!(truth.take().count(), 0);
    }
}
