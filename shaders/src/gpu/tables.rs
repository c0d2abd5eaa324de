//! The stages of a method, its settings, and the tables that it reads.

use super::layout::{Grid, Settings};
use super::stages::{
    AUTO_CONVOLUTION, BACKGROUND, CENTER_OF_MASS, FIT, LARGEST_BORDER, LARGEST_ROI, MAX_KNOTS,
    QUADRANT_INTERPOLATION, Stage, ZLUT_MATCH,
};
use crate::fit::bins::BINS_PER_KNOT;
use crate::image_model::ImageModel;
use crate::params::{Method, Params};
use crate::pipeline::{GUESS_WINDOW, Tracker};
use crate::rings::PolarGrid;
use crate::zlut_match::MatchTable;

/// The stages of a method, and the tables that they read; the same for all images.
#[derive(Clone, Debug)]
pub struct Tables {
    /// One dispatch each, in this order.
    pub stages: Vec<Stage>,
    /// `n_beads`, `bits`, `row_beads` and `max_level` are left for each dispatch to fill in.
    pub settings: Settings,
    /// For each ring of each grid, its first offset; behind the last ring of a grid, where that one ends.
    pub starts: Vec<u32>,
    /// Offsets of samples from the centre, first quadrant, px.
    pub offsets_px: Vec<[f32; 2]>,
    /// Heights of planes, usable rings, values and curvatures: see `zlut_match.wgsl`.
    pub zlut: Vec<f32>,
    /// The model of the image: see `fit.wgsl`.
    pub model: Vec<f32>,
    /// Height of the first plane, nm; heights on the device count from it.
    pub first_nm: f64,
}

impl Tables {
    /// The tables of a tracker. `None` if its method runs on the processor only.
    pub fn new(tracker: &Tracker, zlut: Option<&MatchTable>) -> Option<Self> {
        let params = tracker.params();
        let last_stage = match params.method {
            Method::CenterOfMass => 0,
            Method::AutoConvolution => 1,
            Method::QuadrantInterpolation | Method::Fit => 2,
            Method::MagTrack => return None,
        };
        let (coarse, fine) = tracker.grids();
        let mut tables = Self {
            stages: stages(last_stage, zlut.is_some()),
            model: Vec::new(),
            settings: settings(tracker.roi_px(), params, last_stage),
            starts: Vec::new(),
            offsets_px: Vec::new(),
            zlut: Vec::new(),
            first_nm: 0.0,
        };
        tables.settings.coarse = tables.add_grid(coarse);
        tables.settings.fine = tables.add_grid(fine);
        if let Some(zlut) = zlut {
            tables.settings.zlut = tables.add_grid(zlut.grid());
            // Others never lie whole in an ROI.
            let n_rings = zlut.grid().rings().up_to(0.5 * (tracker.roi_px() as f64 - 1.0)) as u32;
            tables.settings.zlut.n_rings = n_rings;
            tables.settings.same_rings = u32::from(last_stage == 2 && zlut.grid().rings() == fine.rings());
            tables.add_zlut(zlut);
            if let (Method::Fit, Some(model)) = (params.method, zlut.image_model()) {
                tables.add_model(model);
                tables.stages.push(FIT);
            }
        }
        Some(tables)
    }

    /// Value of a constant of [`Stage::constants`].
    pub fn constant(&self, name: &str) -> f64 {
        let Settings { roi_px, coarse, fine, zlut, n_knots, .. } = self.settings;
        f64::from(match name {
            LARGEST_BORDER => 4 * (roi_px - 1),
            LARGEST_ROI => roi_px,
            MAX_KNOTS => n_knots,
            _ => coarse.n_rings.max(fine.n_rings).max(zlut.n_rings),
        })
    }

    /// Narrow rings that `fit` needs for each bead; 0 for other methods.
    pub fn rings_per_bead(&self) -> usize {
        self.settings.n_knots.saturating_sub(1) as usize * BINS_PER_KNOT
    }

    fn add_grid(&mut self, grid: &PolarGrid) -> Grid {
        let rings = grid.rings();
        let first_start = self.starts.len() as u32;
        for k in 0..rings.n_rings {
            self.starts.push(self.offsets_px.len() as u32);
            self.offsets_px.extend_from_slice(grid.first_quadrant_px(k));
        }
        self.starts.push(self.offsets_px.len() as u32);
        Grid {
            first_ring_px: rings.first_ring_px as f32,
            ring_step_px: rings.ring_step_px as f32,
            n_rings: rings.n_rings as u32,
            first_start,
        }
    }

    fn add_zlut(&mut self, table: &MatchTable) {
        let spline = &table.spline;
        let z_nm = spline.z_nm();
        let n_rings = self.settings.zlut.n_rings as usize;
        let (first_nm, last_nm) = table.range_nm();
        self.first_nm = first_nm;
        self.settings.n_planes = z_nm.len() as u32;
        self.settings.plane_step_nm = ((last_nm - first_nm) / (z_nm.len() - 1) as f64) as f32;
        self.zlut.extend(z_nm.iter().map(|z| (z - first_nm) as f32));
        self.zlut.extend(table.usable[..n_rings].iter().map(|usable| f32::from(u8::from(*usable))));
        // Ring after ring, so that neighbouring threads, which take neighbouring planes, read neighbouring values.
        for k in 0..n_rings {
            self.zlut.extend((0..z_nm.len()).map(|plane| spline.plane(plane)[k]));
        }
        for k in 0..n_rings {
            self.zlut.extend((0..z_nm.len()).map(|plane| spline.curvature(plane)[k]));
        }
    }

    fn add_model(&mut self, model: &ImageModel) {
        let spline = &model.spline;
        let planes = 0..spline.z_nm().len();
        self.settings.n_knots = model.n_knots() as u32;
        self.settings.n_model_planes = planes.len() as u32;
        self.model.extend(spline.z_nm().iter().map(|z| (z - self.first_nm) as f32));
        self.model.extend_from_slice(&model.misfit_variance);
        self.model.extend(planes.clone().flat_map(|plane| spline.plane(plane)));
        self.model.extend(planes.flat_map(|plane| spline.curvature(plane)));
    }
}

fn stages(last_stage: u32, with_zlut: bool) -> Vec<Stage> {
    let centers = [CENTER_OF_MASS, AUTO_CONVOLUTION, QUADRANT_INTERPOLATION];
    let mut stages = vec![BACKGROUND];
    stages.extend(&centers[..=last_stage as usize]);
    if with_zlut {
        stages.push(ZLUT_MATCH);
    }
    stages
}

fn settings(roi_px: usize, params: &Params, last_stage: u32) -> Settings {
    let roi = roi_px as f64;
    Settings {
        roi_px: roi_px as u32,
        guess_px: if last_stage == 0 { 0.0 } else { (GUESS_WINDOW * roi) as f32 },
        window_px: (params.window * roi) as f32,
        tolerance_px: params.tolerance_px as f32,
        max_steps: params.max_steps as u32,
        min_ring_share: params.min_ring_share,
        min_roundness: params.min_roundness,
        min_quality: params.min_quality,
        last_stage,
        ..Settings::default()
    }
}
