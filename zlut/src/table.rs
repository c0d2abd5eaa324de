//! The Z-LUT: radial profiles of one bead at known heights.

use crate::fnv::Fnv;
use crate::image_table::ImageTable;
use crate::profile_kind::ProfileKind;
use std::borrow::Cow;

/// What is known of where a Z-LUT came from. `None` means that the source did not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    /// Side of the ROI that the profiles were taken from, in px.
    pub roi_px: Option<u32>,
    /// Distance between neighbouring rings, in px. Ring `k` has radius `first_ring_px + k · ring_step_px`.
    pub ring_step_px: Option<f64>,
    /// Radius of ring 0, in px.
    pub first_ring_px: f64,
    /// How the profiles were measured. `None` also for files of other programs, which do not say it.
    pub profile_kind: Option<ProfileKind>,
    /// Size of a camera pixel in the sample plane, in nm.
    pub pixel_size_nm: Option<f64>,
    /// The bead that was swept.
    pub bead: Option<String>,
    /// When the sweep was made: UTC, ISO 8601.
    pub created_utc: Option<String>,
    /// What the images were corrected with before the profiles were taken: `dark`, `flat` or `dark and flat` frames, or
    /// `none`.
    pub correction: Option<String>,
    /// How the profiles were made or which file and format they were read from.
    pub source: String,
    /// What had to be assumed because the file does not say it, for the reader to confirm. One sentence each.
    pub assumed: Vec<String>,
}

/// A Z-LUT: `n_planes` radial profiles of `n_rings` grey levels, heights strictly increasing.
#[derive(Clone, Debug, PartialEq)]
pub struct ZLut {
    profiles: Vec<f32>,
    /// The same with all digits that were given, where `f32` does not hold them.
    digits: Option<Vec<f64>>,
    z_nm: Vec<f64>,
    n_rings: usize,
    image: Option<ImageTable>,
    /// Where it came from.
    pub origin: Origin,
}

/// Why a table is not a Z-LUT.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum TableError {
    /// A look-up needs neighbours on both sides.
    #[error("a Z-LUT needs at least {need} {what}, this one has {have}")]
    TooSmall {
        /// Planes or rings.
        what: &'static str,
        /// The least number.
        need: usize,
        /// The number found.
        have: usize,
    },
    /// The values do not fill planes × rings.
    #[error("{values} values do not make {planes} planes of {rings} rings")]
    Shape {
        /// Values given.
        values: usize,
        /// Heights given.
        planes: usize,
        /// Rings given.
        rings: usize,
    },
    /// A height is NaN, infinite, or the same as another.
    #[error("heights must be finite and all different; plane {plane} is at {z_nm} nm")]
    Heights {
        /// The offending plane, counted from 0 in the order given.
        plane: usize,
        /// Its height.
        z_nm: f64,
    },
    /// No plane has a finite profile with any contrast.
    #[error("the profiles hold no contrast: every plane is flat or not a number")]
    NoContrast,
    /// The model of the image is not made of numbers.
    #[error("the model of the image holds values that are not finite")]
    NotFinite,
}

/// The fewest planes that a cubic spline in z can be drawn through.
pub const MIN_PLANES: usize = 4;
/// The fewest rings that can tell heights apart.
pub const MIN_RINGS: usize = 4;

impl Origin {
    /// Radius of each of `n_rings` rings in px, or `None` where the distance between rings is not known.
    pub fn radius_px(&self, n_rings: usize) -> Option<Vec<f64>> {
        let step_px = self.ring_step_px?;
        Some((0..n_rings).map(|ring| self.first_ring_px + ring as f64 * step_px).collect())
    }
}

impl ZLut {
    /// A table from one profile per plane, `profiles` being planes × rings. The planes are sorted by height,
    /// for many sweeps run downwards.
    ///
    /// A profile value that is not finite means "not measured" and is kept as NaN.
    ///
    /// # Errors
    /// Fewer than [`MIN_PLANES`] planes or [`MIN_RINGS`] rings, values that do not fill planes × rings, a
    /// height that is not finite or occurs twice, or no plane with any contrast.
    pub fn new(
        z_nm: Vec<f64>,
        n_rings: usize,
        profiles: Vec<f32>,
        origin: Origin,
    ) -> Result<Self, TableError> {
        check_shape(z_nm.len(), n_rings, profiles.len())?;
        at_least("planes", MIN_PLANES, z_nm.len())?;
        at_least("rings", MIN_RINGS, n_rings)?;

        let order = order_of_heights(&z_nm)?;
        let mut sorted = Vec::with_capacity(profiles.len());
        for &plane in &order {
            let row = &profiles[plane * n_rings..(plane + 1) * n_rings];
            sorted.extend(row.iter().map(|&grey| if grey.is_finite() { grey } else { f32::NAN }));
        }
        if !sorted.chunks_exact(n_rings).any(has_contrast) {
            return Err(TableError::NoContrast);
        }
        let z_nm = order.iter().map(|&plane| z_nm[plane]).collect();
        Ok(Self { profiles: sorted, z_nm, n_rings, image: None, digits: None, origin })
    }

    /// The same with a model of the image, its planes in the order of [`ZLut::z_nm`].
    ///
    /// # Errors
    /// Values that do not fill planes x knots, or are not finite.
    pub fn with_image(self, image: ImageTable) -> Result<Self, TableError> {
        image.check(self.n_planes())?;
        Ok(Self { image: Some(image), ..self })
    }

    /// The bead's image as a function of radius and height; `None` where only profiles are known.
    pub fn image(&self) -> Option<&ImageTable> {
        self.image.as_ref()
    }

    /// As [`new`](Self::new), from profiles of more digits than `f32` holds; [`profiles_f64`](Self::profiles_f64) gives
    /// them back.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_f64(
        z_nm: Vec<f64>,
        n_rings: usize,
        profiles: Vec<f64>,
        origin: Origin,
    ) -> Result<Self, TableError> {
        let rounded = profiles.iter().map(|&grey| grey as f32).collect();
        let mut table = Self::new(z_nm.clone(), n_rings, rounded, origin)?;
        if profiles.iter().any(|&grey| grey.is_finite() && f64::from(grey as f32) != grey) {
            let rows = order_of_heights(&z_nm)?
                .into_iter()
                .flat_map(|plane| &profiles[plane * n_rings..][..n_rings]);
            table.digits = Some(rows.map(|&grey| if grey.is_finite() { grey } else { f64::NAN }).collect());
        }
        Ok(table)
    }

    /// Height of each plane in nm, strictly increasing.
    pub fn z_nm(&self) -> &[f64] {
        &self.z_nm
    }

    /// Number of heights.
    pub fn n_planes(&self) -> usize {
        self.z_nm.len()
    }

    /// Number of rings in each profile.
    pub fn n_rings(&self) -> usize {
        self.n_rings
    }

    /// All profiles in grey levels, planes × rings. NaN means "not measured".
    pub fn profiles(&self) -> &[f32] {
        &self.profiles
    }

    /// [`profiles`](Self::profiles) with all digits there are, for arithmetic that shows them.
    pub fn profiles_f64(&self) -> Cow<'_, [f64]> {
        match &self.digits {
            Some(digits) => Cow::Borrowed(digits),
            None => self.profiles.iter().map(|&grey| f64::from(grey)).collect(),
        }
    }

    /// Whether [`profiles_f64`](Self::profiles_f64) says more than [`profiles`](Self::profiles).
    pub fn is_f64(&self) -> bool {
        self.digits.is_some()
    }

    /// The profile of one plane in grey levels, innermost ring first. Empty beyond the last plane.
    pub fn profile(&self, plane: usize) -> &[f32] {
        self.profiles.chunks_exact(self.n_rings).nth(plane).unwrap_or_default()
    }

    /// Lowest and highest height in nm.
    pub fn z_range_nm(&self) -> (f64, f64) {
        (self.z_nm[0], self.z_nm[self.z_nm.len() - 1])
    }

    /// Mean distance between neighbouring planes in nm.
    pub fn z_step_nm(&self) -> f64 {
        let (low_nm, high_nm) = self.z_range_nm();
        (high_nm - low_nm) / (self.n_planes() - 1) as f64
    }

    /// A name for the content: 16 hexadecimal digits from heights, profiles and radii, the same on every
    /// machine.
    ///
    /// Where the table came from does not change it, nor which bits a NaN happens to have, nor digits beyond `f32`. It is FNV-1a, 64
    /// bit: good against mix-ups, useless against forgery.
    pub fn hash(&self) -> String {
        let mut hash = Fnv::new();
        hash.add(&(self.n_rings as u64).to_le_bytes());
        let radii = [self.origin.first_ring_px, self.origin.ring_step_px.unwrap_or(f64::NAN)];
        for value in self.z_nm.iter().chain(&radii) {
            hash.add(&if value.is_nan() { f64::NAN } else { *value }.to_le_bytes());
        }
        for grey in &self.profiles {
            hash.add(&grey.to_le_bytes()); // `new` wrote all NaN with the same bits
        }
        for value in self.image.iter().flat_map(|image| image.values.iter().chain(&image.misfit)) {
            hash.add(&value.to_le_bytes());
        }
        hash.name()
    }
}

/// Whether `values` fill planes × rings.
pub(crate) fn check_shape(planes: usize, rings: usize, values: usize) -> Result<(), TableError> {
    if planes.checked_mul(rings) == Some(values) {
        return Ok(());
    }
    Err(TableError::Shape { values, planes, rings })
}

fn at_least(what: &'static str, need: usize, have: usize) -> Result<(), TableError> {
    if have < need { Err(TableError::TooSmall { what, need, have }) } else { Ok(()) }
}

/// The planes in order of height. The sort is stable, so of two equal heights the later one is reported.
fn order_of_heights(z_nm: &[f64]) -> Result<Vec<usize>, TableError> {
    if let Some(plane) = z_nm.iter().position(|z| !z.is_finite()) {
        return Err(TableError::Heights { plane, z_nm: z_nm[plane] });
    }
    let mut order: Vec<usize> = (0..z_nm.len()).collect();
    order.sort_by(|&a, &b| z_nm[a].total_cmp(&z_nm[b]));
    match order.windows(2).find(|pair| z_nm[pair[0]] == z_nm[pair[1]]) {
        Some(pair) => Err(TableError::Heights { plane: pair[1], z_nm: z_nm[pair[1]] }),
        None => Ok(order),
    }
}

/// Whether two rings of a profile differ.
pub(crate) fn has_contrast(profile: &[f32]) -> bool {
    let mut finite = profile.iter().filter(|grey| grey.is_finite());
    finite.next().is_some_and(|first| finite.any(|grey| grey != first))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plane `p` at `z_nm[p]`, ring `r` has grey `10 p + r`.
    fn table(z_nm: &[f64]) -> Result<ZLut, TableError> {
        let profiles = (0..z_nm.len()).flat_map(|p| (0..4).map(move |r| (10 * p + r) as f32)).collect();
        ZLut::new(z_nm.to_vec(), 4, profiles, Origin::default())
    }

    #[test]
    fn a_descending_sweep_is_sorted_with_its_profiles() {
        let table = table(&[300.0, 200.0, 100.0, 0.0]).unwrap();
        assert_eq!(table.z_nm(), [0.0, 100.0, 200.0, 300.0]);
        assert_eq!(table.profile(0), [30.0, 31.0, 32.0, 33.0]);
        assert_eq!(table.profile(3), [0.0, 1.0, 2.0, 3.0]);
        assert!(table.profile(4).is_empty());
        assert_eq!(table.z_step_nm(), 100.0);
        assert_eq!(table.z_range_nm(), (0.0, 300.0));
    }

    #[test]
    fn bad_heights_are_named_by_the_order_given() {
        assert_eq!(table(&[3.0, 1.0, 2.0, 1.0]), Err(TableError::Heights { plane: 3, z_nm: 1.0 }));
        let message = table(&[0.0, f64::NAN, 2.0, 3.0]).unwrap_err().to_string();
        assert_eq!(message, "heights must be finite and all different; plane 1 is at NaN nm");
    }

    #[test]
    fn small_ragged_and_flat_tables_are_refused() {
        let refused = |z: usize, rings: usize, values: Vec<f32>| {
            ZLut::new((0..z).map(|k| k as f64).collect(), rings, values, Origin::default()).unwrap_err()
        };
        assert_eq!(refused(3, 4, vec![0.0; 12]), TableError::TooSmall { what: "planes", need: 4, have: 3 });
        assert_eq!(refused(4, 3, vec![0.0; 12]), TableError::TooSmall { what: "rings", need: 4, have: 3 });
        assert_eq!(refused(4, 4, vec![0.0; 15]), TableError::Shape { values: 15, planes: 4, rings: 4 });
        assert_eq!(refused(4, usize::MAX, vec![0.0; 4]).to_string().split(' ').next(), Some("4"));
        assert_eq!(refused(4, 4, vec![7.0; 16]), TableError::NoContrast);
        assert_eq!(refused(4, 4, vec![f32::NAN; 16]), TableError::NoContrast);
    }

    #[test]
    fn not_finite_grey_levels_become_nan() {
        let mut profiles: Vec<f32> = (0..16).map(|k| k as f32).collect();
        profiles[1] = f32::INFINITY;
        let table = ZLut::new(vec![0.0, 1.0, 2.0, 3.0], 4, profiles, Origin::default()).unwrap();
        assert!(table.profile(0)[1].is_nan());
        assert_eq!(table.profile(0)[2], 2.0);
    }

    #[test]
    fn digits_beyond_f32_are_kept_in_order_and_only_if_there_are_any() {
        let z_nm = vec![300.0, 200.0, 100.0, 0.0];
        let mut profiles: Vec<f64> = (0..16).map(f64::from).collect();
        let plain = ZLut::from_f64(z_nm.clone(), 4, profiles.clone(), Origin::default()).unwrap();
        assert!(!plain.is_f64());
        assert_eq!(plain.profiles_f64()[..4], [12.0, 13.0, 14.0, 15.0]);

        profiles[1] = 1.0 + 1e-12;
        profiles[2] = f64::INFINITY;
        let table = ZLut::from_f64(z_nm, 4, profiles, Origin::default()).unwrap();
        assert!(table.is_f64());
        assert_eq!(table.profiles_f64()[12..14], [0.0, 1.0 + 1e-12]);
        assert!(table.profiles_f64()[14].is_nan() && table.profiles()[13] == 1.0);
    }

    #[test]
    fn the_hash_follows_the_content_and_nothing_else() {
        let z = [0.0, 1.0, 2.0, 3.0];
        let first = table(&z).unwrap();
        let mut same = first.clone();
        same.origin.bead = Some("other name".into());
        assert_eq!(first.hash(), same.hash());
        assert_eq!(first.hash(), "72991a0fdb64ca68", "changing the hash orphans the names in old recordings");

        let mut radii = first.clone();
        radii.origin.ring_step_px = Some(1.0);
        let mut grey = first.profiles().to_vec();
        grey[5] += 1.0;
        let grey = ZLut::new(z.to_vec(), 4, grey, Origin::default()).unwrap();
        let moved = table(&[0.0, 1.0, 2.0, 3.5]).unwrap();
        for other in [radii, grey, moved] {
            assert_ne!(first.hash(), other.hash());
        }
    }

    #[test]
    fn radii_are_known_only_with_a_ring_step() {
        let mut origin = Origin { first_ring_px: 1.0, ..Origin::default() };
        assert_eq!(origin.radius_px(3), None);
        origin.ring_step_px = Some(0.5);
        assert_eq!(origin.radius_px(3), Some(vec![1.0, 1.5, 2.0]));
    }
}
