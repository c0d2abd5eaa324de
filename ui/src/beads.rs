//! The beads: their newest values, and which of them are selected.

use std::collections::{BTreeSet, HashMap};

use beadscope_engine::bead_set::Beads as BeadsNow;
use beadscope_engine::command::Command;
use beadscope_engine::rig::DEFAULT_ROI_PX;
use beadscope_engine::roi::Roi;
use beadscope_engine::tracks::{Flags, TrackRow};

use crate::history::CHANNELS;
use crate::precision::Figures;
use crate::spread::Spread;

/// One bead.
pub struct Bead {
    /// Its ROI.
    pub roi: Roi,
    /// It is stuck to the surface.
    pub is_reference: bool,
    /// Its row in the newest frame.
    pub newest: Option<TrackRow>,
    /// How much it scatters.
    pub spread: Spread,
    /// How precise it is, as computed last.
    pub figures: Option<Figures>,
}

impl Bead {
    fn new(roi: &Roi) -> Self {
        Self { roi: *roi, is_reference: false, newest: None, spread: Spread::default(), figures: None }
    }

    /// Its number, with an R if it is a reference.
    pub fn name(&self) -> String {
        format!("{}{}", if self.is_reference { "R " } else { "" }, self.roi.bead)
    }

    /// Why a value is missing or doubtful, in words; `None` if there is nothing to remark.
    pub fn remark(&self) -> Option<String> {
        if !self.is_flagged() {
            return None;
        }
        let flags = self.newest?.flags().to_string();
        let words: Vec<&str> = flags.split('|').filter(|name| *name != "no_zlut").map(in_words).collect();
        Some(words.join("; "))
    }

    /// There is something to remark.
    pub fn is_flagged(&self) -> bool {
        self.flags() != 0
    }

    /// Why a value is missing or doubtful, as bits. That there is no Z-LUT at all is said once for all beads, not here.
    pub fn flags(&self) -> u32 {
        self.newest.map_or(0, |row| row.flags & !Flags::NO_ZLUT.0)
    }

    /// The standard errors that the method `fit` told of x, y and z in the newest frame, nm; NaN from other methods.
    pub fn told_nm(&self, nm_per_px: f64) -> [f64; CHANNELS] {
        let [x_px, y_px, z_nm] = self.newest.map_or([f32::NAN; CHANNELS], |row| row.sigma).map(f64::from);
        [nm_per_px * x_px, nm_per_px * y_px, z_nm]
    }
}

/// A flag's name in words; a name that is new here stands for itself.
fn in_words(name: &str) -> &str {
    match name {
        "edge" => "over the edge of the frame or of its ROI",
        "z_out_of_range" => "beyond the Z-LUT",
        "low_contrast" => "no contrast: no bead to be seen",
        "not_converged" => "position not converged",
        "saturated" => "saturated pixels: z may be biased",
        "poor_match" => "does not look like its Z-LUT",
        "not_round" => "not round: a neighbour, dirt, or motion",
        "not_located" => "not located: the session was asked twice to stop",
        other => other,
    }
}

/// An ROI with its corner there overlaps this one.
fn is_near(roi: &Roi, [left_px, top_px]: [i32; 2]) -> bool {
    roi.left_px.abs_diff(left_px) < roi.size_px && roi.top_px.abs_diff(top_px) < roi.size_px
}

/// Where each number is.
fn places_of(rois: &[Roi]) -> HashMap<u32, usize> {
    rois.iter().enumerate().map(|(place, roi)| (roi.bead, place)).collect()
}

/// All beads.
pub struct Beads {
    /// In the order of their rows.
    pub all: Vec<Bead>,
    /// Place of the selected one in `all`.
    pub selected: Option<usize>,
    /// Numbers of those that are selected with it.
    pub also: BTreeSet<u32>,
    /// They are not edited by a slip of the mouse or a key.
    pub is_locked: bool,
    /// The selected one is new: it is brought into view.
    pub is_sought: bool,
    /// Why it is not known of any bead what is attainable; `None` if it may be known.
    pub no_prediction: Option<String>,
    /// No bead has had this number or a greater one.
    pub next_number: u32,
    /// Size of a pixel in the sample, nm.
    pub nm_per_px: f64,
    /// Side of a ROI, px.
    pub roi_px: u32,
    /// Counts the edits, so that whoever works something out of the beads sees that it is old.
    pub edits: u64,
    /// What was asked for and not answered yet.
    asked: Asked,
    place_of: HashMap<u32, usize>,
}

/// Edits that are under way: what is asked for next builds on them, not on what is still shown.
#[derive(Default)]
struct Asked {
    /// Beads that are being removed.
    leaving: BTreeSet<u32>,
    /// What the references will be, and how many commands that say so are not answered.
    references: Option<(BTreeSet<u32>, usize)>,
}

impl Beads {
    /// The beads of these ROIs, the first selected. `nm_per_px`: size of a pixel in the sample.
    pub fn new(rois: &[Roi], nm_per_px: f64) -> Self {
        Self {
            all: rois.iter().map(Bead::new).collect(),
            selected: (!rois.is_empty()).then_some(0),
            no_prediction: None,
            also: BTreeSet::new(),
            is_locked: false,
            is_sought: false,
            next_number: rois.iter().map(|roi| roi.bead + 1).max().unwrap_or(0),
            nm_per_px,
            roi_px: rois.first().map_or(DEFAULT_ROI_PX, |roi| roi.size_px),
            edits: 0,
            asked: Asked::default(),
            place_of: places_of(rois),
        }
    }

    /// Shows these beads from now on. Of each: the place where it was before, if it was there. A number that now looks at
    /// another part of the frame is another bead.
    pub fn replace(&mut self, now: &BeadsNow) -> Vec<Option<usize>> {
        self.edits += 1;
        let corner = |roi: &Roi| [roi.left_px, roi.top_px];
        let at_corner: HashMap<[i32; 2], usize> =
            self.all.iter().enumerate().map(|(place, bead)| (corner(&bead.roi), place)).collect();
        let was_at = |roi: &Roi| {
            // The same ROI is the same bead, also after a renumbering; one that has moved has kept its number.
            let by_number = self.place_of.get(&roi.bead).copied();
            let near = by_number.filter(|place| is_near(&self.all[*place].roi, corner(roi)));
            at_corner.get(&corner(roi)).copied().or(near)
        };
        let places: Vec<Option<usize>> = now.rois.iter().map(was_at).collect();
        let selected = self.selected;
        let also: BTreeSet<usize> =
            self.also.iter().filter_map(|bead| self.place_of.get(bead).copied()).collect();
        let mut old: Vec<Option<Bead>> = std::mem::take(&mut self.all).into_iter().map(Some).collect();
        let beads = now.rois.iter().zip(&places).map(|(roi, place)| {
            let kept = place.and_then(|place| old[place].take());
            let is_reference = now.references.contains(&roi.bead);
            Bead { roi: *roi, is_reference, ..kept.unwrap_or_else(|| Bead::new(roi)) }
        });
        self.all = beads.collect();
        self.place_of = places_of(&now.rois);
        let kept = places.iter().position(|place| place.is_some() && *place == selected);
        // If it is gone, the one that now is where it was.
        self.selected = kept.or(selected.map(|place| place.min(places.len().saturating_sub(1))));
        self.selected = self.selected.filter(|place| *place < places.len());
        // A bead that was added is looked at next.
        if let [.., None] = places[..] {
            self.select(places.len() - 1);
        }
        let is_new = matches!(places[..], [.., None]);
        let still = places
            .iter()
            .enumerate()
            .filter(|(_, old)| !is_new && old.is_some_and(|old| also.contains(&old)));
        self.also = still.map(|(place, _)| self.all[place].roi.bead).collect();
        if let Some(selected) = self.selected {
            self.also.remove(&self.all[selected].roi.bead);
        }
        let numbers = self.all.iter().map(|bead| bead.roi.bead + 1);
        self.next_number = numbers.max().unwrap_or(0).max(self.next_number);
        places
    }

    /// Takes a row over and says which bead it is; `expected` is where it most likely belongs.
    pub fn take(&mut self, expected: usize, row: &TrackRow) -> Option<usize> {
        let is_expected = self.all.get(expected).is_some_and(|bead| bead.roi.bead == row.bead);
        let place = if is_expected { Some(expected) } else { self.place_of.get(&row.bead).copied() }?;
        let bead = self.all.get_mut(place)?;
        // Rows of before a renumbering may be under way: there the number meant another bead.
        is_near(&bead.roi, row.corner_px).then(|| {
            bead.newest = Some(*row);
            place
        })
    }

    /// The selected bead.
    pub fn selected_bead(&self) -> Option<&Bead> {
        self.all.get(self.selected?)
    }

    /// Selects a bead and no other.
    pub fn select(&mut self, place: usize) {
        if place < self.all.len() {
            (self.selected, self.is_sought) = (Some(place), true);
            self.also.clear();
        }
    }

    /// Selects a bead beside the others, or no longer; the only one that is selected, too.
    pub fn toggle(&mut self, place: usize) {
        let Some(bead) = self.all.get(place).map(|bead| bead.roi.bead) else { return };
        match self.selected_bead().map(|selected| selected.roi.bead) {
            None => self.select(place),
            Some(selected) if selected == bead => {
                // The next of the others takes its place.
                let next = self.also.pop_first();
                self.selected = next.and_then(|next| self.place_of.get(&next).copied());
            }
            Some(_) if self.also.remove(&bead) => {}
            Some(_) => {
                self.also.insert(bead);
            }
        }
    }

    /// Selects these beads, the first of them as the one that is looked at; none changes nothing.
    pub fn select_all(&mut self, places: impl IntoIterator<Item = usize>) {
        let mut places = places.into_iter();
        let Some(first) = places.next() else { return };
        self.select(first);
        self.also = places.filter_map(|place| Some(self.all.get(place)?.roi.bead)).collect();
    }

    /// Whether a bead is selected, alone or with others.
    pub fn is_selected(&self, place: usize) -> bool {
        self.selected == Some(place)
            || self.all.get(place).is_some_and(|bead| self.also.contains(&bead.roi.bead))
    }

    /// Numbers of all that are selected.
    pub fn selected_numbers(&self) -> Vec<u32> {
        self.selected_bead().map(|bead| bead.roi.bead).into_iter().chain(self.also.iter().copied()).collect()
    }

    /// Places of those that are selected, the one that is looked at first; so many at most.
    pub fn shown(&self, most: usize) -> Vec<usize> {
        let also = self.also.iter().filter_map(|bead| self.place_of.get(bead).copied());
        self.selected.into_iter().chain(also).take(most).collect()
    }

    /// Places of the reference beads.
    pub fn references(&self) -> Vec<usize> {
        (0..self.all.len()).filter(|place| self.all[*place].is_reference).collect()
    }

    /// What makes the selected beads references; if they all are, makes them none. It is to be sent, and
    /// [`references_answered`](Self::references_answered) called when it is answered.
    pub fn ask_references(&mut self) -> Command {
        let selected: BTreeSet<u32> = self.selected_numbers().into_iter().collect();
        let (now, under_way) = match self.asked.references.take() {
            Some(asked) => asked,
            None => (self.references().into_iter().map(|place| self.all[place].roi.bead).collect(), 0),
        };
        let then = if selected.is_subset(&now) { &now - &selected } else { &now | &selected };
        let beads = then.iter().copied().collect();
        self.asked.references = Some((then, under_way + 1));
        Command::ReferenceSet { beads }
    }

    /// What [`ask_references`](Self::ask_references) has asked for was answered, whatever the answer.
    pub fn references_answered(&mut self) {
        if let Some((_, under_way)) = &mut self.asked.references {
            *under_way -= 1;
            if *under_way == 0 {
                self.asked.references = None;
            }
        }
    }

    /// The selected beads that are not being removed yet; they are from now on, until [`removal_answered`](Self::removal_answered).
    pub fn ask_removal(&mut self) -> Vec<u32> {
        let beads: Vec<u32> = self.selected_numbers();
        beads.into_iter().filter(|bead| self.asked.leaving.insert(*bead)).collect()
    }

    /// What was asked of these beads was done or refused.
    pub fn removal_answered(&mut self, beads: &[u32]) {
        self.asked.leaving.retain(|bead| !beads.contains(bead));
    }

    /// What moves the selected beads together; `None` if none is selected.
    pub fn move_command(&self, [dx_px, dy_px]: [i32; 2]) -> Option<Command> {
        match self.selected_numbers()[..] {
            [] => None,
            [bead] => Some(Command::RoiMove { bead, dx_px, dy_px }),
            ref beads => Some(Command::RoiMoveSeveral { beads: beads.to_vec(), dx_px, dy_px }),
        }
    }

    /// Selects the next (`step` 1) or the one before (−1), around the ends.
    pub fn step(&mut self, step: i64) {
        let count = self.all.len() as i64;
        if count > 0 {
            let next = (self.selected.map_or(-step.min(0), |place| place as i64 + step)).rem_euclid(count);
            self.select(usize::try_from(next).unwrap_or(0));
        }
    }

    /// The bead whose ROI holds this place in the frame; of several the one with the nearest centre.
    pub fn at(&self, x_px: f32, y_px: f32) -> Option<usize> {
        let distance = |roi: &Roi| {
            let half = roi.size_px as f32 / 2.0;
            let away = |at: f32, corner: i32| at - (corner as f32 - 0.5 + half);
            let (x, y) = (away(x_px, roi.left_px), away(y_px, roi.top_px));
            (x.abs() <= half && y.abs() <= half).then_some(x * x + y * y)
        };
        let inside =
            self.all.iter().enumerate().filter_map(|(place, bead)| Some((place, distance(&bead.roi)?)));
        inside.min_by(|one, other| one.1.total_cmp(&other.1)).map(|(place, _)| place)
    }

    /// Places of the beads whose ROI has its middle between two corners of a box, px.
    pub fn within(&self, one_px: (f32, f32), other_px: (f32, f32)) -> Vec<usize> {
        let between = |at: f64, a: f32, b: f32| (f64::from(a.min(b))..=f64::from(a.max(b))).contains(&at);
        let inside = |place: &usize| {
            let (x, y) = self.all[*place].roi.center_px();
            between(x, one_px.0, other_px.0) && between(y, one_px.1, other_px.1)
        };
        (0..self.all.len()).filter(inside).collect()
    }

    /// How many beads have a remark.
    pub fn flagged(&self) -> usize {
        self.all.iter().filter(|bead| bead.is_flagged()).count()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Beads 10 px apart, each in a ROI of 12 px.
    pub(crate) fn beads(count: u32) -> Beads {
        let rois: Vec<_> =
            (0..count).map(|bead| Roi { bead, left_px: 10 * bead as i32, top_px: 0, size_px: 12 }).collect();
        Beads::new(&rois, 100.0)
    }

    /// A row of one of them.
    pub(crate) fn row(bead: u32, flags: u32) -> TrackRow {
        TrackRow {
            x_px: 1.0,
            y_px: 2.0,
            z_nm: f64::NAN,
            quality: f32::NAN,
            flags,
            bead,
            corner_px: [10 * bead as i32, 0],
            sigma: [f32::NAN; 3],
        }
    }

    #[test]
    fn stepping_goes_around_both_ends() {
        let mut three = beads(3);
        three.step(-1);
        assert_eq!(three.selected, Some(2));
        three.step(1);
        assert_eq!(three.selected, Some(0));
        let mut none = beads(0);
        none.step(1);
        none.select(0);
        assert_eq!(none.selected, None);
    }

    #[test]
    fn a_click_finds_the_nearest_of_overlapping_rois() {
        let three = beads(3);
        // ROI 0 covers −0.5 to 11.5, ROI 1 covers 9.5 to 21.5: centres at 5.5 and 15.5.
        assert_eq!(three.at(10.0, 5.0), Some(0));
        assert_eq!(three.at(11.0, 5.0), Some(1));
        assert_eq!(three.at(-0.4, 5.0), Some(0));
        assert_eq!(three.at(5.0, 11.6), None);
        assert_eq!(three.within((30.0, 0.0), (10.0, 9.0)), [1, 2]);
        assert!(three.within((0.0, 0.0), (3.0, 3.0)).is_empty());
    }

    #[test]
    fn rows_find_their_bead_even_out_of_order() {
        let mut three = beads(3);
        assert_eq!(three.take(1, &row(1, 0)), Some(1));
        assert_eq!(three.take(0, &row(2, 0)), Some(2));
        assert_eq!(three.take(0, &row(99, 0)), None);
        assert!(three.all[0].newest.is_none() && three.all[2].newest.is_some());
    }

    #[test]
    fn an_edit_keeps_what_is_still_there() {
        let mut three = beads(3);
        three.select(1);
        (0..3).for_each(|place| assert_eq!(three.take(place, &row(place as u32, 0)), Some(place)));
        let roi = |bead, left_px| Roi { bead, left_px, top_px: 0, size_px: 12 };
        // 0 is gone, 1 has moved a little, 2 now is another bead, and 3 is new.
        let rois = [roi(1, 14), roi(2, 90), roi(3, 50)].into();
        let places = three.replace(&BeadsNow { rois, references: [1].into() });
        assert_eq!(places, [Some(1), None, None]);
        assert_eq!(three.selected, Some(2), "the one that was added");
        assert!(three.all[0].newest.is_some() && three.all[1].newest.is_none());
        assert_eq!((three.all[0].name(), three.all[1].name()), ("R 1".to_owned(), "2".to_owned()));
        assert_eq!(three.take(1, &row(2, 0)), None, "a row of the bead that had the number before");
        assert_eq!(three.take(0, &row(1, 0)), Some(0));
        three.select(0);
        three.replace(&BeadsNow { rois: [roi(9, 0), roi(1, 14)].into(), references: [].into() });
        assert_eq!(three.selected, Some(1), "the selected bead stays selected");
    }

    #[test]
    fn remarks_are_words_and_a_missing_zlut_is_none() {
        let mut two = beads(2);
        two.take(0, &row(0, 2));
        two.take(1, &row(1, 2 | 4 | 32));
        assert_eq!(two.all[0].remark(), None);
        assert_eq!(two.all[1].remark().unwrap(), "beyond the Z-LUT; saturated pixels: z may be biased");
        assert_eq!(two.flagged(), 1);
    }

    #[test]
    fn several_beads_are_selected_and_become_references_together() {
        let mut four = beads(4);
        four.select_all([1, 3]);
        assert_eq!((four.selected, four.selected_numbers()), (Some(1), vec![1, 3]));
        let toggled = |beads: &mut Beads| {
            let command = beads.ask_references();
            beads.references_answered();
            let Command::ReferenceSet { beads } = command else { unreachable!("{command:?}") };
            beads
        };
        assert_eq!(toggled(&mut four), [1, 3]);
        four.all[1].is_reference = true;
        four.all[3].is_reference = true;
        four.all[0].is_reference = true;
        assert_eq!(toggled(&mut four), [0], "they are, so they are no longer");
        four.toggle(2);
        assert_eq!(toggled(&mut four), [0, 1, 2, 3], "one of them is not");
        four.toggle(1);
        assert_eq!(
            (four.selected, four.shown(8)),
            (Some(2), vec![2, 3]),
            "the next takes the place of the first"
        );
        four.toggle(2);
        four.toggle(3);
        assert!(four.selected_numbers().is_empty(), "none stays");
        assert_eq!(four.move_command([1, 0]), None);
        four.select_all([3]);
        assert_eq!(four.move_command([1, -2]), Some(Command::RoiMove { bead: 3, dx_px: 1, dy_px: -2 }));
        four.select_all([]);
        assert_eq!(four.selected_numbers(), [3]);
        four.select_all([0, 3]);
        let together = Command::RoiMoveSeveral { beads: vec![0, 3], dx_px: 1, dy_px: -2 };
        assert_eq!(four.move_command([1, -2]), Some(together));
        let rois: Vec<Roi> = four.all.iter().map(|bead| bead.roi).filter(|roi| roi.bead != 3).collect();
        four.replace(&BeadsNow { rois: rois.into(), references: [].into() });
        assert_eq!(four.selected_numbers(), [0], "one that is gone is not selected");
        assert_eq!(four.next_number, 4, "its number is not given out again");
    }

    #[test]
    fn what_is_asked_for_twice_builds_on_what_is_under_way() {
        let mut three = beads(3);
        three.select_all([0, 1]);
        assert_eq!(three.ask_removal(), [0, 1]);
        three.toggle(2);
        assert_eq!(three.ask_removal(), [2], "the others are being removed");
        three.removal_answered(&[0, 1]);
        assert_eq!(three.ask_removal(), [0, 1], "they were not, so that it may be asked for again");
        let set = |beads: &[u32]| Command::ReferenceSet { beads: beads.to_vec() };
        three.select(1);
        assert_eq!(three.ask_references(), set(&[1]));
        assert_eq!(three.ask_references(), set(&[]), "though 1 is not shown as a reference yet");
        three.references_answered();
        three.select(2);
        assert_eq!(three.ask_references(), set(&[2]));
        three.references_answered();
        three.references_answered();
        three.all[0].is_reference = true;
        assert_eq!(three.ask_references(), set(&[0, 2]), "nothing is under way: what is shown counts");
    }

    #[test]
    fn a_renumbering_keeps_beads_and_selection_and_none_is_selected_twice() {
        let mut four = beads(4);
        let set = |rois: Vec<Roi>| BeadsNow { rois: rois.into(), references: [].into() };
        let rest: Vec<Roi> = four.all[1..].iter().map(|bead| bead.roi).collect();
        four.replace(&set(rest.clone()));
        four.select_all([0, 2]);
        (0..3).for_each(|place| assert_eq!(four.take(place, &row(place as u32 + 1, 0)), Some(place)));
        let renumbered = (0..).zip(&rest).map(|(bead, roi)| Roi { bead, ..*roi });
        assert_eq!(four.replace(&set(renumbered.collect())), [Some(0), Some(1), Some(2)]);
        assert_eq!(four.selected_numbers(), [0, 2], "the same beads by other numbers");
        assert!(four.all.iter().all(|bead| bead.newest.is_some()));
        four.select_all([1, 2]);
        let first_two: Vec<Roi> = four.all.iter().map(|bead| bead.roi).filter(|roi| roi.bead != 1).collect();
        four.replace(&set(first_two));
        assert_eq!(four.selected_numbers(), [2], "its neighbour is selected, once");
    }
}
