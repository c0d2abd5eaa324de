//! The beads that are tracked: their ROIs, which of them are references, and what was done to them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use serde::Serialize;

use crate::roi::Roi;

/// Highest number of a bead: MagScope's `bead_ids` are 16 bit.
pub const MAX_BEAD: u32 = u16::MAX as u32;
/// Edits that can be undone.
const MOST_UNDO: usize = 100;

/// ROIs and references as they were at one time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Beads {
    /// One a bead, in the order of the rows; all of one size.
    pub rois: Arc<[Roi]>,
    /// Beads that are stuck to the surface: their motion is the drift of the instrument.
    pub references: BTreeSet<u32>,
}

impl From<Vec<Roi>> for Beads {
    /// None of them is a reference.
    fn from(rois: Vec<Roi>) -> Self {
        Self { rois: rois.into(), references: BTreeSet::new() }
    }
}

/// The beads of a session, with undo. A number is given once: a bead that is removed leaves it unused, so that it never
/// means two beads in one recording, until [`renumber`](Self::renumber) or [`replace`](Self::replace) say otherwise.
#[derive(Clone, Debug)]
pub struct BeadSet {
    now: Beads,
    undo: VecDeque<Beads>,
    redo: Vec<Beads>,
    next: u32,
    room: usize,
    frame_px: (usize, usize),
    roi_px: u32,
}

/// Why an edit was refused; nothing is changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BeadError {
    /// No bead has this number.
    #[error("there is no bead {0}; the beads are listed by the command roi.list")]
    Unknown(u32),
    /// The ROI would reach over the frame's edge.
    #[error(
        "the ROI of {roi_px} px at {left_px}, {top_px} px would reach over the edge of the frame of {width_px} x {height_px} px"
    )]
    Outside {
        /// Leftmost column.
        left_px: i32,
        /// Topmost row.
        top_px: i32,
        /// Its side.
        roi_px: u32,
        /// Columns of the frame.
        width_px: usize,
        /// Rows of the frame.
        height_px: usize,
    },
    /// The memory that a session takes at its start is full.
    #[error("this session has room for {0} beads; remove some, or start a new session with all of them")]
    NoRoom(usize),
    /// All numbers were given.
    #[error("all bead numbers up to {MAX_BEAD} were given; renumber the beads with the command roi.renumber")]
    NoNumber,
    /// The kernels and the Z-LUT are for one size.
    #[error("ROIs of {roi_px} px in a session of {session_px} px; start a new session with them")]
    OtherSize {
        /// Side of the ROI.
        roi_px: u32,
        /// Side of the session's ROIs.
        session_px: u32,
    },
    /// Nothing to undo.
    #[error("there is no edit of the beads to undo")]
    NothingToUndo,
    /// Nothing to redo.
    #[error("no edit of the beads was undone")]
    NothingToRedo,
}

impl BeadSet {
    /// The beads of `rois`, all of side `roi_px`, of which there may be `room`, in frames of this size.
    pub fn new(rois: Arc<[Roi]>, roi_px: u32, room: usize, frame_px: (usize, usize)) -> Self {
        let next = rois.iter().map(|roi| roi.bead + 1).max().unwrap_or(0);
        let now = Beads { rois, references: BTreeSet::new() };
        Self { now, undo: VecDeque::new(), redo: Vec::new(), next, room, frame_px, roi_px }
    }

    /// Side of every ROI, px.
    pub fn roi_px(&self) -> u32 {
        self.roi_px
    }

    /// The beads now.
    pub fn now(&self) -> &Beads {
        &self.now
    }

    /// Adds a bead around a place in the frame, px; returns its number.
    ///
    /// # Errors
    /// If there is no room, no number, or the ROI would reach over the frame's edge.
    pub fn add(&mut self, center_px: (f64, f64)) -> Result<u32, BeadError> {
        if self.now.rois.len() >= self.room {
            return Err(BeadError::NoRoom(self.room));
        }
        let bead = self.next;
        if bead > MAX_BEAD {
            return Err(BeadError::NoNumber);
        }
        let roi = self.check(Roi::around(bead, center_px, self.roi_px))?;
        self.edit(self.now.rois.iter().copied().chain([roi]).collect(), self.now.references.clone());
        self.next += 1;
        Ok(bead)
    }

    /// Moves the ROI of a bead by whole pixels.
    ///
    /// # Errors
    /// If there is no such bead, or the ROI would reach over the frame's edge.
    pub fn shift(&mut self, bead: u32, (dx_px, dy_px): (i32, i32)) -> Result<(), BeadError> {
        let place = self.place_of(bead)?;
        let mut rois = self.now.rois.to_vec();
        let Roi { left_px, top_px, .. } = rois[place];
        let (left_px, top_px) = (left_px.saturating_add(dx_px), top_px.saturating_add(dy_px));
        rois[place] = self.check(Roi { left_px, top_px, ..rois[place] })?;
        self.edit(rois.into(), self.now.references.clone());
        Ok(())
    }

    /// Moves ROIs by whole pixels, wherever that is; `is_undone`: as one edit that can be taken back.
    ///
    /// # Errors
    /// If one of them is not there; none is moved then.
    pub fn follow(&mut self, moves: &[(u32, (i32, i32))], is_undone: bool) -> Result<(), BeadError> {
        let mut rois = self.now.rois.to_vec();
        for (bead, (dx_px, dy_px)) in moves {
            let roi = &mut rois[self.place_of(*bead)?];
            roi.left_px = roi.left_px.saturating_add(*dx_px);
            roi.top_px = roi.top_px.saturating_add(*dy_px);
        }
        if is_undone {
            self.edit(rois.into(), self.now.references.clone());
        } else {
            self.now.rois = rois.into();
        }
        Ok(())
    }

    /// Removes beads.
    ///
    /// # Errors
    /// If one of them is not there; none is removed then.
    pub fn remove(&mut self, beads: &[u32]) -> Result<(), BeadError> {
        beads.iter().try_for_each(|bead| self.place_of(*bead).map(|_| ()))?;
        let rois = self.now.rois.iter().filter(|roi| !beads.contains(&roi.bead)).copied().collect();
        let references = self.now.references.iter().filter(|bead| !beads.contains(bead)).copied().collect();
        self.edit(rois, references);
        Ok(())
    }

    /// Removes all beads.
    ///
    /// # Errors
    /// None; as the other edits.
    pub fn clear(&mut self) -> Result<(), BeadError> {
        self.edit(Arc::default(), BTreeSet::new());
        Ok(())
    }

    /// Tracks these in place of those there are, with the numbers that they come with. A reference stays one if its number
    /// does and its old and new ROI have a place in common.
    ///
    /// # Errors
    /// If there is no room, one is outside the frame, of another size, or has a number that is not 16 bit.
    pub fn replace(&mut self, rois: Arc<[Roi]>) -> Result<(), BeadError> {
        if rois.len() > self.room {
            return Err(BeadError::NoRoom(self.room));
        }
        let (width_px, height_px) = self.frame_px;
        for roi in rois.iter() {
            if roi.size_px != self.roi_px {
                return Err(BeadError::OtherSize { roi_px: roi.size_px, session_px: self.roi_px });
            }
            if roi.bead > MAX_BEAD {
                return Err(BeadError::NoNumber);
            }
            // As at the start of a session: what reaches over the edge is flagged while tracking.
            if !roi.touches(width_px, height_px) {
                return self.check(*roi).map(|_| ());
            }
        }
        let is_same = |bead: &&u32| {
            let of = |rois: &[Roi]| rois.iter().find(|roi| roi.bead == **bead).copied();
            of(&self.now.rois).zip(of(&rois)).is_some_and(|(old, new)| old.overlaps(&new))
        };
        let references = self.now.references.iter().filter(is_same).copied().collect();
        self.edit(rois, references);
        self.keep_numbers();
        Ok(())
    }

    /// Numbers the beads from 0 on in their order.
    ///
    /// # Errors
    /// None; as the other edits.
    pub fn renumber(&mut self) -> Result<(), BeadError> {
        let numbered = |(bead, roi): (u32, &Roi)| Roi { bead, ..*roi };
        let rois: Arc<[Roi]> = (0..).zip(self.now.rois.iter()).map(numbered).collect();
        let old_and_new = self.now.rois.iter().zip(rois.iter());
        let references = old_and_new
            .filter(|(old, _)| self.now.references.contains(&old.bead))
            .map(|(_, new)| new.bead)
            .collect();
        self.next = rois.len() as u32;
        self.edit(rois, references);
        Ok(())
    }

    /// Makes these beads, and no others, the references.
    ///
    /// # Errors
    /// If one of them is not there.
    pub fn set_references(&mut self, beads: &[u32]) -> Result<(), BeadError> {
        beads.iter().try_for_each(|bead| self.place_of(*bead).map(|_| ()))?;
        self.edit(self.now.rois.clone(), beads.iter().copied().collect());
        Ok(())
    }

    /// Takes the last edit back.
    ///
    /// # Errors
    /// If there is none.
    pub fn undo(&mut self) -> Result<(), BeadError> {
        let before = self.undo.pop_back().ok_or(BeadError::NothingToUndo)?;
        self.redo.push(std::mem::replace(&mut self.now, before));
        self.keep_numbers();
        Ok(())
    }

    /// Does the edit again that was taken back last.
    ///
    /// # Errors
    /// If there is none.
    pub fn redo(&mut self) -> Result<(), BeadError> {
        let after = self.redo.pop().ok_or(BeadError::NothingToRedo)?;
        self.undo.push_back(std::mem::replace(&mut self.now, after));
        self.keep_numbers();
        Ok(())
    }

    /// An edit that changes nothing is none: nothing is to be undone.
    fn edit(&mut self, rois: Arc<[Roi]>, references: BTreeSet<u32>) {
        let edited = Beads { rois, references };
        if edited == self.now {
            return;
        }
        self.redo.clear();
        self.undo.push_back(std::mem::replace(&mut self.now, edited));
        if self.undo.len() > MOST_UNDO {
            self.undo.pop_front();
        }
    }

    /// After a renumbering was undone, the old numbers are taken again.
    fn keep_numbers(&mut self) {
        let used = self.now.rois.iter().map(|roi| roi.bead + 1).max().unwrap_or(0);
        self.next = self.next.max(used);
    }

    fn place_of(&self, bead: u32) -> Result<usize, BeadError> {
        self.now.rois.iter().position(|roi| roi.bead == bead).ok_or(BeadError::Unknown(bead))
    }

    fn check(&self, roi: Roi) -> Result<Roi, BeadError> {
        let (width_px, height_px) = self.frame_px;
        if roi.is_inside(width_px, height_px) {
            return Ok(roi);
        }
        let Roi { left_px, top_px, size_px: roi_px, .. } = roi;
        Err(BeadError::Outside { left_px, top_px, roi_px, width_px, height_px })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> BeadSet {
        let roi = |bead| Roi { bead, left_px: 10 * bead as i32, top_px: 0, size_px: 16 };
        BeadSet::new((0..3).map(roi).collect(), 16, 5, (100, 80))
    }

    fn numbers(set: &BeadSet) -> Vec<u32> {
        set.now().rois.iter().map(|roi| roi.bead).collect()
    }

    #[test]
    fn an_edit_that_changes_nothing_takes_no_undo_and_no_redo() {
        let mut set = set();
        set.remove(&[2]).unwrap();
        set.undo().unwrap();
        set.set_references(&[]).unwrap();
        set.shift(0, (0, 0)).unwrap();
        set.redo().unwrap();
        assert_eq!(set.now().rois.len(), 2, "it could be done again");
    }

    #[test]
    fn a_number_is_given_once_until_the_beads_are_renumbered() {
        let mut set = set();
        set.remove(&[2]).unwrap();
        assert_eq!(set.add((50.0, 40.0)), Ok(3));
        set.undo().unwrap();
        assert_eq!(set.add((50.0, 40.0)), Ok(4), "the bead that was taken back keeps its number");
        assert_eq!(numbers(&set), [0, 1, 4]);
        set.set_references(&[4]).unwrap();
        set.renumber().unwrap();
        assert_eq!(numbers(&set), [0, 1, 2]);
        assert_eq!(set.now().references, BTreeSet::from([2]), "a reference stays the same bead");
        assert_eq!(set.add((50.0, 40.0)), Ok(3));
        set.undo().unwrap();
        set.undo().unwrap();
        assert_eq!(numbers(&set), [0, 1, 4]);
        assert_eq!(set.add((50.0, 40.0)), Ok(5));
    }

    #[test]
    fn every_edit_can_be_undone_and_redone() {
        let mut set = set();
        let mut seen = vec![set.now().clone()];
        set.add((50.0, 40.0)).unwrap();
        seen.push(set.now().clone());
        set.shift(1, (3, -0)).unwrap();
        seen.push(set.now().clone());
        set.set_references(&[0, 1]).unwrap();
        seen.push(set.now().clone());
        set.remove(&[0]).unwrap();
        assert_eq!(set.now().references, BTreeSet::from([1]), "what is gone is no reference");
        seen.push(set.now().clone());
        set.renumber().unwrap();
        seen.push(set.now().clone());
        set.clear().unwrap();
        seen.push(set.now().clone());
        let roi = Roi { bead: 9, left_px: -3, top_px: 70, size_px: 16 };
        set.replace([roi].into()).unwrap();
        seen.push(set.now().clone());
        set.set_references(&[9]).unwrap();
        seen.push(set.now().clone());
        set.replace([Roi { left_px: 12, ..roi }].into()).unwrap();
        assert_eq!(set.now().references, BTreeSet::from([9]), "the same bead");
        seen.push(set.now().clone());
        set.replace([Roi { left_px: 60, ..roi }].into()).unwrap();
        assert_eq!(set.now().references, BTreeSet::new(), "another bead of the same number");
        seen.push(set.now().clone());
        for before in seen.iter().rev().skip(1) {
            set.undo().unwrap();
            assert_eq!(set.now(), before);
        }
        assert_eq!(set.undo(), Err(BeadError::NothingToUndo));
        for after in &seen[1..] {
            set.redo().unwrap();
            assert_eq!(set.now(), after);
        }
        assert_eq!(set.redo(), Err(BeadError::NothingToRedo));
        set.undo().unwrap();
        set.add((50.0, 40.0)).unwrap();
        assert_eq!(set.redo(), Err(BeadError::NothingToRedo), "another edit came between");
    }

    #[test]
    fn what_cannot_be_is_refused_and_changes_nothing() {
        let mut set = set();
        let before = set.now().clone();
        assert_eq!(set.remove(&[0, 7]), Err(BeadError::Unknown(7)));
        assert_eq!(set.set_references(&[9]), Err(BeadError::Unknown(9)));
        assert_eq!(set.shift(7, (0, 0)), Err(BeadError::Unknown(7)));
        assert!(matches!(set.shift(0, (-1, 0)), Err(BeadError::Outside { left_px: -1, .. })));
        assert!(matches!(set.shift(0, (i32::MAX, 0)), Err(BeadError::Outside { .. })));
        for center_px in [(2.0, 40.0), (99.0, 40.0), (50.0, -1.0), (f64::INFINITY, 5.0)] {
            assert!(matches!(set.add(center_px), Err(BeadError::Outside { .. })), "{center_px:?}");
        }
        let roi = Roi { bead: 0, left_px: -16, top_px: 0, size_px: 16 };
        assert!(matches!(set.replace([roi].into()), Err(BeadError::Outside { .. })));
        let roi = Roi { size_px: 32, ..roi };
        assert!(matches!(set.replace([roi].into()), Err(BeadError::OtherSize { roi_px: 32, .. })));
        assert_eq!(set.replace(vec![roi; 6].into()), Err(BeadError::NoRoom(5)));
        assert_eq!(set.undo(), Err(BeadError::NothingToUndo));
        assert_eq!(set.now(), &before);
        set.add((50.0, 40.0)).unwrap();
        set.add((50.0, 40.0)).unwrap();
        assert_eq!(set.add((50.0, 40.0)), Err(BeadError::NoRoom(5)));
    }
}
