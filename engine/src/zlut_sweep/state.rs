//! What a window sees of a sweep. A clone costs little: what is large is shared.

use std::collections::BTreeSet;
use std::sync::Arc;

use beadscope_zlut::ZLut;
use serde::Serialize;

use super::failure::SweepFailure;
use crate::roi::Roi;

/// What a sweep is at.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// There was none.
    #[default]
    Idle,
    /// The focus is on its way to a height, or comes to rest.
    Moving,
    /// Images are taken.
    Taking,
    /// The focus goes back to where it was, and Z-LUTs are built.
    Building,
    /// It is over; Z-LUTs are there.
    Done,
    /// It was ended by a command.
    Cancelled,
    /// It ended by itself, and why.
    Failed(SweepFailure),
}

impl Phase {
    /// A sweep is under way.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Moving | Self::Taking | Self::Building)
    }
}

/// A sweep of the focus, and the Z-LUTs of the last one that was finished.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ZLutSweep {
    /// What it is at.
    pub phase: Phase,
    /// The height it is at, from 0 in the order of the sweep.
    pub step: u32,
    /// Heights of the sweep, and one more: at last an early one is looked at again, which tells what has drifted.
    pub steps: u32,
    /// Frames that have counted.
    pub frames_taken: u64,
    /// Frames that it needs.
    pub frames_wanted: u64,
    /// Where the focus was when it was looked at last, nm.
    pub focus_nm: Option<f64>,
    /// Where it was at the start, to which it returns, nm.
    pub start_nm: Option<f64>,
    /// How long it may still take, s, as long as it goes on as so far; `None` before the first height is done.
    pub left_s: Option<f64>,
    /// What could not be done at its end, such as bringing the focus back: a sentence.
    pub notice: Option<String>,
    /// What was taken so far.
    #[serde(skip)]
    pub preview: Preview,
    /// The beads of the last sweep that was finished.
    pub beads: Arc<[SweptBead]>,
    /// Numbers of those whose Z-LUT was used or saved, whoever did it: the others are lost with the next sweep or the session.
    pub kept: BTreeSet<u32>,
    /// The Z-LUT that heights are looked up in now.
    pub in_use: Option<ZLutInUse>,
}

impl ZLutSweep {
    /// There are Z-LUTs of the last sweep, and none of them was used or saved.
    pub fn is_unkept(&self) -> bool {
        self.kept.is_empty() && self.beads.iter().any(|bead| bead.unusable.is_none())
    }

    /// The usable bead of the last sweep whose heights are the most exact where they are the least.
    pub fn best_bead(&self) -> Option<&SweptBead> {
        self.best_of(|_| true)
    }

    /// The same of those whose number is wanted.
    pub fn best_of(&self, is_wanted: impl Fn(u32) -> bool) -> Option<&SweptBead> {
        let usable = self.beads.iter().filter(|bead| bead.unusable.is_none() && is_wanted(bead.bead));
        let worst = |bead: &SweptBead| bead.sigma_z_nm.map_or(f64::INFINITY, |[_, worst]| worst);
        let key = |bead: &SweptBead| (!bead.doubts.is_empty(), worst(bead));
        usable.min_by(|a, b| key(a).0.cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1)))
    }
}

/// Profiles as they come, for a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preview {
    /// The beads that are swept, as they were at the start.
    pub rois: Arc<[Roi]>,
    /// Values of a profile.
    pub n_rings: usize,
    /// From one to the next, px; `None` if it is not known.
    pub ring_step_px: Option<f64>,
    /// Heights that are done, in the order of the sweep.
    pub planes: Vec<Arc<SweptPlane>>,
}

/// All beads at one height.
#[derive(Clone, Debug, PartialEq)]
pub struct SweptPlane {
    /// The height that it stands for in a Z-LUT: less the way of the focus, nm.
    pub z_nm: f64,
    /// Mean profiles, bead after bead in the order of the ROIs: grey levels, NaN where nothing was measured.
    pub profiles: Vec<f32>,
    /// Images in which each bead was found.
    pub located: Vec<u32>,
}

impl Preview {
    /// The growing table of the bead with this number: height in nm and profile, in the order of the sweep.
    pub fn table_of(&self, bead: u32) -> impl Iterator<Item = (f64, &[f32])> {
        let place = self.rois.iter().position(|roi| roi.bead == bead);
        let n_rings = self.n_rings.max(1);
        self.planes
            .iter()
            .filter_map(move |plane| Some((plane.z_nm, plane.profiles.chunks_exact(n_rings).nth(place?)?)))
    }
}

/// A bead of a finished sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweptBead {
    /// Its number.
    pub bead: u32,
    /// Images in which it was found, of all that were taken.
    pub located: u32,
    /// All that were taken.
    pub images: u32,
    /// Heights without any such image; its Z-LUT lacks them.
    pub missing: u32,
    /// Standard deviation of a profile's value from image to image, grey levels; NaN with one image each.
    pub spread: f64,
    /// Standard error of z of one image at the best and at the worst height, nm, with the noise of this camera, for the method
    /// fit; `None` where the Z-LUT does not tell.
    pub sigma_z_nm: Option<[f64; 2]>,
    /// How far planes are from what the others say, root mean square, nm; NaN where it cannot be said.
    pub planes_rms_nm: f64,
    /// How much higher it looked when the focus came back to an earlier height at the end, nm: what has drifted since. NaN where it
    /// was not found.
    pub drift_nm: f64,
    /// What may make heights wrong, a sentence each.
    pub doubts: Vec<String>,
    /// Why it makes no Z-LUT.
    pub unusable: Option<String>,
    /// Its Z-LUT.
    #[serde(skip)]
    pub zlut: Option<Arc<ZLut>>,
}

/// The Z-LUT that heights are looked up in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ZLutInUse {
    /// Hash of its content, by which a recording names it.
    pub hash: String,
    /// The bead that was swept, if it is known.
    pub bead: Option<String>,
    /// How it was made, or where it was read from.
    pub source: String,
    /// Heights.
    pub planes: usize,
    /// Lowest and highest, nm.
    pub range_nm: [f64; 2],
    /// What had to be assumed, and what may make heights wrong: a sentence each.
    pub doubts: Vec<String>,
}

impl ZLutInUse {
    pub(crate) fn new(zlut: &ZLut, doubts: Vec<String>) -> Self {
        let (low_nm, high_nm) = zlut.z_range_nm();
        Self {
            hash: zlut.hash(),
            bead: zlut.origin.bead.clone(),
            source: zlut.origin.source.clone(),
            planes: zlut.n_planes(),
            range_nm: [low_nm, high_nm],
            doubts,
        }
    }
}
