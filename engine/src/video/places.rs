//! Which bead has which place in the arrays of a video.

use std::collections::BTreeMap;

use crate::roi::Roi;

/// The places, and who is in them.
pub(super) struct Places {
    places: Vec<Option<Roi>>,
    used: usize,
}

impl Places {
    /// The places of `rois`, in order, of which there may be `room`.
    pub(super) fn new(rois: &[Roi], room: usize) -> Self {
        let mut places: Vec<_> = rois.iter().copied().map(Some).collect();
        places.resize(room.max(rois.len()), None);
        Self { places, used: rois.len() }
    }

    /// Beads that are still there keep their places, at the corners that they have now; those that are new take the first that are free.
    pub(super) fn update(&mut self, rois: &[Roi]) {
        let mut new: BTreeMap<u32, Roi> = rois.iter().map(|roi| (roi.bead, *roi)).collect();
        for place in &mut self.places {
            *place = place.and_then(|roi| new.remove(&roi.bead));
        }
        let free = self.places.iter_mut().filter(|place| place.is_none());
        free.zip(new.into_values()).for_each(|(place, roi)| *place = Some(roi));
        self.used = self.places.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    }

    /// Those up to the last that is in use.
    pub(super) fn used(&self) -> &[Option<Roi>] {
        &self.places[..self.used]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bead_keeps_its_place_and_a_new_one_takes_a_free_one() {
        let roi = |bead| Roi { bead, left_px: 0, top_px: 0, size_px: 8 };
        let mut places = Places::new(&[roi(0), roi(1), roi(2)], 4);
        let beads = |places: &Places| -> Vec<_> {
            places.used().iter().map(|place| place.map(|roi| roi.bead)).collect()
        };
        let moved = Roi { left_px: 5, ..roi(2) };
        places.update(&[roi(0), moved]);
        assert_eq!(beads(&places), [Some(0), None, Some(2)]);
        assert_eq!(places.used()[2], Some(moved));
        places.update(&[roi(3), roi(4), roi(0)]);
        assert_eq!(beads(&places), [Some(0), Some(3), Some(4)]);
        places.update(&[]);
        assert!(places.used().is_empty());
    }
}
