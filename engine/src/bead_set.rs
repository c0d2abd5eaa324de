//! The beads that are tracked: their ROIs, which of them are references, and what was done to them.

use std::collections::{BTreeSet, HashSet, VecDeque};
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

/// What became of beads that were to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Added {
    /// The number of the first; the others follow it.
    pub first: u32,
    /// How many there are.
    pub added: usize,
    /// How many there was no room for.
    pub left_out: usize,
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

    /// Adds beads around these places in the frame, px, in their order. `as_fits`: those that come first, as many as there is room for,
    /// in place of a refusal.
    ///
    /// # Errors
    /// If there is no room or no number, or one of the ROIs would reach over the frame's edge; none is added then.
    pub fn add_several(&mut self, centers_px: &[(f64, f64)], as_fits: bool) -> Result<Added, BeadError> {
        let room = self.room.saturating_sub(self.now.rois.len());
        let numbers = (MAX_BEAD + 1).saturating_sub(self.next) as usize;
        let added = centers_px.len().min(room).min(numbers);
        if added < centers_px.len() && (added == 0 || !as_fits) {
            return Err(if room <= numbers { BeadError::NoRoom(self.room) } else { BeadError::NoNumber });
        }
        let first = self.next;
        let roi = |(bead, center_px)| self.check(Roi::around(bead, center_px, self.roi_px));
        let new = (first..).zip(centers_px[..added].iter().copied()).map(roi);
        let rois: Vec<Roi> = self.now.rois.iter().copied().map(Ok).chain(new).collect::<Result<_, _>>()?;
        self.edit(rois.into(), self.now.references.clone());
        self.next += added as u32;
        Ok(Added { first, added, left_out: centers_px.len() - added })
    }

    /// Moves the ROIs of beads together by whole pixels.
    ///
    /// # Errors
    /// If one of the beads is not there, or its ROI would reach over the frame's edge; none is moved then.
    pub fn shift(&mut self, beads: &[u32], (dx_px, dy_px): (i32, i32)) -> Result<(), BeadError> {
        let moved = self.known(beads)?;
        let shifted = |roi: &Roi| {
            if !moved.contains(&roi.bead) {
                return Ok(*roi);
            }
            let (left_px, top_px) = (roi.left_px.saturating_add(dx_px), roi.top_px.saturating_add(dy_px));
            self.check(Roi { left_px, top_px, ..*roi })
        };
        let rois: Vec<Roi> = self.now.rois.iter().map(shifted).collect::<Result<_, _>>()?;
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
            let roi = rois.iter_mut().find(|roi| roi.bead == *bead).ok_or(BeadError::Unknown(*bead))?;
            roi.left_px = roi.left_px.saturating_add(*dx_px);
            roi.top_px = roi.top_px.saturating_add(*dy_px);
        }
        if is_undone {
            self.edit(rois.into(), self.now.references.clone());
            return Ok(());
        }
        // Where they are now is where an edit that is undone leaves them.
        for beads in self.undo.iter_mut().chain(&mut self.redo) {
            let followed = |roi: &Roi| {
                let place = self.now.rois.iter().position(|now| now.bead == roi.bead && now.overlaps(roi));
                place.filter(|place| rois[*place] != self.now.rois[*place]).map_or(*roi, |place| rois[place])
            };
            beads.rois = beads.rois.iter().map(followed).collect();
        }
        self.now.rois = rois.into();
        Ok(())
    }

    /// Removes beads.
    ///
    /// # Errors
    /// If one of them is not there; none is removed then.
    pub fn remove(&mut self, beads: &[u32]) -> Result<(), BeadError> {
        let gone = self.known(beads)?;
        let rois = self.now.rois.iter().filter(|roi| !gone.contains(&roi.bead)).copied().collect();
        self.edit(rois, &self.now.references - &gone);
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
        let references = self.known(beads)?;
        self.edit(self.now.rois.clone(), references);
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

    /// These beads, if all of them are there.
    fn known(&self, beads: &[u32]) -> Result<BTreeSet<u32>, BeadError> {
        let here: HashSet<u32> = self.now.rois.iter().map(|roi| roi.bead).collect();
        let known = |bead: &u32| here.get(bead).copied().ok_or(BeadError::Unknown(*bead));
        beads.iter().map(known).collect()
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
        set.shift(&[0], (0, 0)).unwrap();
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
        set.shift(&[1], (3, -0)).unwrap();
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
    fn several_beads_are_moved_together_and_back_in_one_step() {
        let mut set = set();
        let left = |set: &BeadSet| set.now().rois.iter().map(|roi| roi.left_px).collect::<Vec<_>>();
        set.shift(&[0, 2], (5, 3)).unwrap();
        assert_eq!(left(&set), [5, 10, 25]);
        assert_eq!(set.now().rois.iter().map(|roi| roi.top_px).collect::<Vec<_>>(), [3, 0, 3]);
        // 2 would stay inside, 0 would not.
        assert!(matches!(set.shift(&[2, 0], (-6, 0)), Err(BeadError::Outside { left_px: -1, .. })));
        assert_eq!(set.shift(&[0, 9], (1, 0)), Err(BeadError::Unknown(9)));
        assert_eq!(left(&set), [5, 10, 25], "all or none");
        set.undo().unwrap();
        assert_eq!(left(&set), [0, 10, 20]);
        assert_eq!(set.undo(), Err(BeadError::NothingToUndo));
    }

    #[test]
    fn several_beads_are_added_in_one_step_and_as_many_as_fit_if_so_asked() {
        let mut set = set();
        let places = [(50.0, 40.0), (60.0, 40.0), (70.0, 40.0)];
        assert_eq!(set.add_several(&places, false), Err(BeadError::NoRoom(5)));
        let outside = [(50.0, 40.0), (99.0, 40.0)];
        assert!(matches!(set.add_several(&outside, true), Err(BeadError::Outside { .. })));
        assert_eq!(numbers(&set), [0, 1, 2], "all or none");
        assert_eq!(set.add_several(&places, true), Ok(Added { first: 3, added: 2, left_out: 1 }));
        assert_eq!((numbers(&set), set.now().rois[4].left_px), (vec![0, 1, 2, 3, 4], 52));
        assert_eq!(set.add_several(&places, true), Err(BeadError::NoRoom(5)), "none fits");
        set.undo().unwrap();
        assert_eq!(numbers(&set), [0, 1, 2], "one step");
        assert_eq!(set.add_several(&places[..1], false), Ok(Added { first: 5, added: 1, left_out: 0 }));
        set.renumber().unwrap();
        set.replace([Roi { bead: MAX_BEAD - 1, ..set.now().rois[0] }].into()).unwrap();
        assert_eq!(set.add_several(&places, false), Err(BeadError::NoNumber));
        assert_eq!(set.add_several(&places, true), Ok(Added { first: MAX_BEAD, added: 1, left_out: 2 }));
    }

    #[test]
    fn an_edit_that_is_undone_leaves_rois_where_a_lock_has_brought_them() {
        let mut set = set();
        let first = set.now().rois[0];
        set.set_references(&[first.bead]).unwrap();
        set.follow(&[(first.bead, (5, -3))], false).unwrap();
        let followed = Roi { left_px: first.left_px + 5, top_px: first.top_px - 3, ..first };
        assert_eq!(set.now().rois[0], followed);
        set.undo().unwrap();
        assert!(set.now().references.is_empty() && set.now().rois[0] == followed);
        set.redo().unwrap();
        assert_eq!((set.now().references.len(), set.now().rois[0]), (1, followed));
        assert!(set.follow(&[(77, (1, 1))], false).is_err());
    }

    #[test]
    fn what_cannot_be_is_refused_and_changes_nothing() {
        let mut set = set();
        let before = set.now().clone();
        assert_eq!(set.remove(&[0, 7]), Err(BeadError::Unknown(7)));
        assert_eq!(set.set_references(&[9]), Err(BeadError::Unknown(9)));
        assert_eq!(set.shift(&[7], (0, 0)), Err(BeadError::Unknown(7)));
        assert!(matches!(set.shift(&[0], (-1, 0)), Err(BeadError::Outside { left_px: -1, .. })));
        assert!(matches!(set.shift(&[0], (i32::MAX, 0)), Err(BeadError::Outside { .. })));
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
