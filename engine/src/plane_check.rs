//! Whether the planes of a Z-LUT agree: each is left out and looked up in the others.
//!
//! The error found is what the planes' own noise and a wrong height do, and the error of the spline across a gap twice as
//! wide as when the table is used. That falls with the fourth power of the step (de Boor 1978, A Practical Guide to
//! Splines, ch. 5), so the figures bound the bias between planes from above: on simulated beads it is about a tenth of
//! them where the step rules. Where noise rules it is no smaller, and a table does not tell which does, so nothing is
//! scaled down.

use beadscope_shaders::zlut_match::{MatchScratch, MatchTable, zlut_match};
use beadscope_zlut::ZLut;

/// Planes on each side that a spline through the others is laid through. What the next one would add falls by 0.27 a
/// plane (the smaller root of x² − 4x + 1, which governs cubic splines): to 3e-5 after eight.
const NEIGHBOURS: usize = 8;

/// More than this is worth a warning, nm: the bias in z that we allow ourselves at plane steps of 100 nm. Simulated
/// tables of a good camera have 0.4 nm at steps of 25 nm, 0.9 nm at 100 nm and 9 nm at 200 nm.
const WARN_NM: f64 = 1.0;

/// How many of the planes that are furthest off may be the misplaced one: it puts its neighbours off as well.
const SUSPECTS: usize = 6;

/// Without a misplaced plane those around it agree this many times better. Without a good one they agree less.
const AGREE_BETTER: f64 = 2.0;

/// A misplaced plane is this many times further off than those around it are without it.
const STANDS_OUT: f64 = 4.0;

/// One plane, as the others see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeftOut {
    /// Height that the Z-LUT gives it, nm.
    pub z_nm: f64,
    /// Height that the other planes give its profile, less `z_nm`, nm.
    pub error_nm: f64,
}

/// All inner planes, each left out once.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaneCheck {
    /// Lowest first. Planes that the others do not find are missing.
    pub planes: Vec<LeftOut>,
    /// A plane whose height is not that of its image.
    pub misplaced: Option<LeftOut>,
}

impl PlaneCheck {
    /// Looks every inner plane up in the others. Takes some 0.1 ms a plane.
    pub fn new(zlut: &ZLut) -> Self {
        let mut lookup = Lookup::new(zlut);
        let inner = 1..zlut.n_planes() - 1;
        let found: Vec<(usize, LeftOut)> =
            inner.filter_map(|plane| Some((plane, lookup.of(plane, None)?))).collect();
        let misplaced = lookup.misplaced(&found);
        Self { planes: found.into_iter().map(|(_, left_out)| left_out).collect(), misplaced }
    }

    /// Root mean square of the errors, nm; NaN without any.
    pub fn rms_nm(&self) -> f64 {
        rms(self.planes.iter().map(|plane| plane.error_nm))
    }

    /// The plane with the largest error.
    pub fn worst(&self) -> Option<&LeftOut> {
        self.planes.iter().max_by(|a, b| a.error_nm.abs().total_cmp(&b.error_nm.abs()))
    }

    /// One line for a person; `None` if no plane could be looked up.
    pub fn summary(&self) -> Option<String> {
        let worst = self.worst()?;
        Some(format!(
            "planes looked up in the others: {:.2} nm rms, at worst {:+.2} nm at {:.0} nm; heights between planes are \
             less wrong than that",
            self.rms_nm(),
            worst.error_nm,
            worst.z_nm
        ))
    }

    /// What is wrong, one sentence; `None` if nothing is.
    pub fn warning(&self) -> Option<String> {
        if let Some(LeftOut { z_nm, error_nm }) = self.misplaced {
            return Some(format!(
                "the plane at {z_nm:.0} nm looks like one at {:.1} nm: its height is wrong, or the bead moved; leave it \
                 out or repeat the sweep",
                z_nm + error_nm
            ));
        }
        let rms_nm = self.rms_nm();
        (rms_nm > WARN_NM).then(|| {
            format!(
                "planes looked up in the others are {rms_nm:.1} nm off (rms): heights may be wrong by up to as much; \
                 sweep in smaller steps or average more images at each height"
            )
        })
    }
}

/// Height of a profile measured as those of a Z-LUT, nm; `None` if it is not between its planes.
pub(crate) fn height_of(zlut: &ZLut, profile: &[f32]) -> Option<f64> {
    let Lookup { first_px, step_px, weights, mut scratch, .. } = Lookup::new(zlut);
    let table = MatchTable::new(zlut.profiles(), zlut.z_nm(), zlut.n_rings(), first_px, step_px).ok()?;
    let found = zlut_match(&table, profile, &weights, &mut scratch)?;
    found.in_range.then_some(found.z_nm)
}

/// Looks planes of one Z-LUT up in others of it.
struct Lookup<'a> {
    zlut: &'a ZLut,
    first_px: f64,
    step_px: f64,
    weights: Vec<f32>,
    scratch: MatchScratch,
}

impl<'a> Lookup<'a> {
    fn new(zlut: &'a ZLut) -> Self {
        // Where the rings lie matters for their number of pixels only.
        let (first_px, step_px) = (zlut.origin.first_ring_px, zlut.origin.ring_step_px.unwrap_or(1.0));
        let weight = |ring: usize| (first_px + step_px * ring as f64) as f32;
        let weights = (0..zlut.n_rings()).map(weight).collect();
        Self { zlut, first_px, step_px, weights, scratch: MatchScratch::default() }
    }

    /// `plane` in those around it, but for itself and `without`.
    fn of(&mut self, plane: usize, without: Option<usize>) -> Option<LeftOut> {
        let (zlut, z_nm) = (self.zlut, self.zlut.z_nm());
        let others = around(plane, z_nm.len()).filter(|other| *other != plane && Some(*other) != without);
        let heights: Vec<f64> = others.clone().map(|other| z_nm[other]).collect();
        let rows: Vec<f32> = others.flat_map(|other| zlut.profile(other)).copied().collect();
        let table = MatchTable::new(&rows, &heights, zlut.n_rings(), self.first_px, self.step_px).ok()?;
        let found = zlut_match(&table, zlut.profile(plane), &self.weights, &mut self.scratch)?;
        found.in_range.then(|| LeftOut { z_nm: z_nm[plane], error_nm: found.z_nm - z_nm[plane] })
    }

    /// The plane without which those around it agree best, if they do so much better.
    fn misplaced(&mut self, found: &[(usize, LeftOut)]) -> Option<LeftOut> {
        let mut suspects: Vec<&(usize, LeftOut)> =
            found.iter().filter(|(_, left_out)| left_out.error_nm.abs() > WARN_NM).collect();
        suspects.sort_by(|a, b| b.1.error_nm.abs().total_cmp(&a.1.error_nm.abs()));
        let judged = suspects.into_iter().take(SUSPECTS).map(|(plane, left_out)| {
            let near = around(*plane, self.zlut.n_planes());
            let others: Vec<&(usize, LeftOut)> =
                found.iter().filter(|(other, _)| other != plane && near.contains(other)).collect();
            let with_it = rms(others.iter().map(|(_, left_out)| left_out.error_nm));
            let without = others.iter().filter_map(|(other, _)| self.of(*other, Some(*plane)));
            (*left_out, with_it, rms(without.map(|left_out| left_out.error_nm)))
        });
        let (left_out, with_it, without) = judged.min_by(|a, b| a.2.total_cmp(&b.2))?;
        let is_misplaced = AGREE_BETTER * without < with_it && left_out.error_nm.abs() > STANDS_OUT * without;
        is_misplaced.then_some(left_out)
    }
}

/// The planes around one of `n_planes`, itself among them.
fn around(plane: usize, n_planes: usize) -> std::ops::Range<usize> {
    plane.saturating_sub(NEIGHBOURS)..(plane + NEIGHBOURS + 1).min(n_planes)
}

/// Root mean square; NaN of nothing.
fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value * value, count + 1.0));
    f64::sqrt(sum / count)
}

#[cfg(test)]
mod tests {
    use beadscope_drivers::cameras::simulated::{Scene, Settings};

    use super::*;
    use crate::calibrate::zlut_from_sweep;

    /// The Z-LUT of a simulated bead from planes every 25 nm, `every` of which is kept.
    fn simulated(photons_at_white: f64, bits: i64, every: usize) -> ZLut {
        // Heights from -0.2 to 3 µm, seen from one place.
        let text = format!(
            "beads = 1\nphotons_at_white = {photons_at_white:?}\nbits = {bits}\nmolecule.length_bp = 7500\n\
             stage.focus = {{ start = 0.0, limits = [0.0, 0.0], speed = 1.0, acceleration = 1.0, play = 0.0, lag_s = 0.0 }}"
        );
        let table: toml::Table = text.parse().unwrap();
        let scene = Scene::new(&Settings::from_table(&table).unwrap()).unwrap();
        let all = zlut_from_sweep(&scene.focus_sweep(64).unwrap(), None, String::new()).unwrap();
        let kept: Vec<usize> = (0..all.n_planes()).step_by(every).collect();
        relabelled(&all, kept.iter().map(|plane| (*plane, all.z_nm()[*plane])))
    }

    /// Planes of `zlut` under other heights.
    fn relabelled(zlut: &ZLut, planes: impl Iterator<Item = (usize, f64)>) -> ZLut {
        let (planes, z_nm): (Vec<usize>, Vec<f64>) = planes.unzip();
        let rows = planes.iter().flat_map(|plane| zlut.profile(*plane)).copied().collect();
        ZLut::new(z_nm, zlut.n_rings(), rows, zlut.origin.clone()).unwrap()
    }

    #[test]
    fn a_plane_under_a_wrong_height_is_found_and_a_clean_table_has_none() {
        for (every, plane) in [(1, 50), (1, 3), (2, 30), (4, 16), (4, 28)] {
            let clean = simulated(5000.0, 8, every);
            let check = PlaneCheck::new(&clean);
            assert_eq!((check.misplaced, check.warning()), (None, None), "{:?}", check.summary());
            assert_eq!(check.planes.len(), clean.n_planes() - 2);
            assert!(check.rms_nm() < WARN_NM);

            let heights = clean.z_nm().iter().enumerate();
            let wrong = heights.map(|(k, z_nm)| (k, if k == plane { z_nm + 20.0 } else { *z_nm }));
            let check = PlaneCheck::new(&relabelled(&clean, wrong));
            let found = check.misplaced.unwrap();
            assert_eq!(found.z_nm, clean.z_nm()[plane] + 20.0);
            assert!((found.error_nm + 20.0).abs() < 4.0, "{found:?}");
            let told = check.warning().unwrap();
            assert!(told.contains(&format!("the plane at {:.0} nm", found.z_nm)), "{told}");
        }
    }

    #[test]
    fn the_error_falls_with_the_fourth_power_of_the_step_and_bounds_that_between_planes() {
        // As good as without noise.
        let all = simulated(1e7, 16, 1);
        let mut medians = Vec::new();
        for every in [2, 4, 8] {
            let table = simulated(1e7, 16, every);
            let check = PlaneCheck::new(&table);
            let mut sizes: Vec<f64> = check.planes.iter().map(|plane| plane.error_nm.abs()).collect();
            sizes.sort_by(f64::total_cmp);
            medians.push(sizes[sizes.len() / 2]);

            // The planes that the coarser table does not have are looked up in all of it.
            let (low_nm, high_nm) = table.z_range_nm();
            let step_px = table.origin.ring_step_px.unwrap();
            let whole =
                MatchTable::new(table.profiles(), table.z_nm(), table.n_rings(), 0.0, step_px).unwrap();
            let weights: Vec<f32> = (0..table.n_rings()).map(|ring| ring as f32).collect();
            let between =
                all.z_nm().iter().enumerate().filter(|(plane, z_nm)| {
                    !plane.is_multiple_of(every) && (low_nm..high_nm).contains(*z_nm)
                });
            let errors: Vec<f64> = between
                .map(|(plane, z_nm)| {
                    let found =
                        zlut_match(&whole, all.profile(plane), &weights, &mut MatchScratch::default());
                    found.unwrap().z_nm - z_nm
                })
                .collect();
            let rms_nm = rms(errors.into_iter());
            assert!(rms_nm < check.rms_nm(), "{rms_nm} {}", check.rms_nm());
            assert_eq!(check.misplaced, None);
            if every > 2 {
                assert!(rms_nm < check.rms_nm() / 8.0, "{rms_nm} {}", check.rms_nm());
            }
            // At 200 nm the bead's rings change too fast, and it is said.
            assert_eq!(check.warning().is_some(), every == 8, "{:?}", check.warning());
        }
        // Twice the step, 16 times the error: 12 and 15 here.
        for pair in medians.windows(2) {
            let order = (pair[1] / pair[0]).log2();
            assert!((3.4..4.4).contains(&order), "{medians:?}");
        }
    }

    #[test]
    fn tables_too_small_or_too_poor_to_check_are_no_panic() {
        let rows = |planes: usize| (0..planes * 5).map(|i| (i * i % 7) as f32).collect::<Vec<_>>();
        for planes in [4, 5] {
            let z_nm = (0..planes).map(|k| 50.0 * k as f64).collect();
            let zlut = ZLut::new(z_nm, 5, rows(planes), beadscope_zlut::Origin::default()).unwrap();
            assert!(PlaneCheck::new(&zlut).planes.len() <= planes - 2);
        }
        let none = PlaneCheck { planes: Vec::new(), misplaced: None };
        assert!(none.rms_nm().is_nan() && none.summary().is_none() && none.warning().is_none());
    }
}
