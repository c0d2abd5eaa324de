//! Heights from a Z-LUT of MagTrack's own profiles.

use super::lines::place_of_maximum;
use super::vertex::vertex;
use crate::flags::Flags;
use crate::match_table::MatchError;

/// A Z-LUT prepared for [`look_up`](Self::look_up): each plane less its mean. Bin 0, the pixel in the middle, is left
/// out of planes and profiles.
#[derive(Clone, Debug)]
pub struct Reference {
    z_nm: Vec<f64>,
    bins: usize,
    /// Planes x (bins - 1).
    planes: Vec<f64>,
    /// Root of the sum of squares of each plane.
    norms: Vec<f64>,
}

/// What a look-up found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Height {
    /// Height, nm; NaN if there is none.
    pub z_nm: f64,
    /// Pearson's correlation with the best plane.
    pub correlation: f64,
    /// Why there is no height.
    pub flags: Flags,
}

impl Reference {
    /// `profiles`: planes x `bins`, row-major. NaN means "no pixel there". `z_nm`: height of each plane.
    ///
    /// # Errors
    /// If values, planes and bins do not go together.
    pub fn new(profiles: &[f64], z_nm: &[f64], bins: usize) -> Result<Self, MatchError> {
        if Some(profiles.len()) != z_nm.len().checked_mul(bins) || profiles.is_empty() {
            return Err(MatchError::Shape { values: profiles.len(), planes: z_nm.len(), rings: bins });
        }
        let mut planes: Vec<f64> =
            profiles.chunks_exact(bins).flat_map(|plane| &plane[1..]).copied().collect();
        let norms = if bins == 1 {
            vec![0.0; z_nm.len()]
        } else {
            planes.chunks_exact_mut(bins - 1).map(center).collect()
        };
        Ok(Self { z_nm: z_nm.to_vec(), bins, planes, norms })
    }

    /// Bins of each profile.
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// Number of heights.
    pub fn planes(&self) -> usize {
        self.z_nm.len()
    }

    /// Looks `profile` up: the plane that correlates best, then the vertex of a parabola through the correlations of
    /// `n_local` planes, then the heights on both sides of it. With fewer planes than that the height of the best one.
    /// `correlations` is scratch, one value a plane. A `profile` of another length has no height.
    pub fn look_up(&self, profile: &mut [f64], n_local: usize, correlations: &mut [f64]) -> Height {
        let nothing = |flags| Height { z_nm: f64::NAN, correlation: f64::NAN, flags };
        if profile.len() != self.bins || correlations.len() != self.planes() || self.bins < 2 {
            return nothing(Flags::POOR_MATCH);
        }
        let profile = &mut profile[1..];
        let norm = center(profile);
        let planes = self.planes.chunks_exact(self.bins - 1).zip(&self.norms);
        for (correlation, (plane, plane_norm)) in correlations.iter_mut().zip(planes) {
            let product: f64 = plane.iter().zip(&*profile).map(|(a, b)| a * b).sum();
            *correlation = product / (norm * plane_norm);
        }
        let best = place_of_maximum(correlations);
        let correlation = correlations[best];
        if correlation.is_nan() {
            return nothing(Flags::POOR_MATCH);
        }
        if self.planes() < n_local {
            return Height { z_nm: self.z_nm[best], correlation, flags: Flags::NONE };
        }
        let place = vertex(correlations, best, n_local);
        match place.and_then(|place| self.z_at(place)) {
            Some(z_nm) => Height { z_nm, correlation, flags: Flags::NONE },
            None => Height { correlation, ..nothing(Flags::Z_OUT_OF_RANGE) },
        }
    }

    /// Height between planes, nm; `None` beyond the first and the last.
    fn z_at(&self, place: f64) -> Option<f64> {
        let last = self.planes() - 1;
        if !(0.0..=last as f64).contains(&place) {
            return None;
        }
        let below = (place as usize).min(last.saturating_sub(1));
        let above = (below + 1).min(last);
        Some(self.z_nm[below] + (self.z_nm[above] - self.z_nm[below]) * (place - below as f64))
    }
}

/// Takes the mean of what is a number off the values, makes what is none 0, and returns the root of their sum of
/// squares.
fn center(values: &mut [f64]) -> f64 {
    let numbers = values.iter().filter(|value| !value.is_nan());
    let (sum, count) = numbers.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    let mean = sum / count;
    let mut squares = 0.0;
    for value in values {
        *value = if value.is_nan() { 0.0 } else { *value - mean };
        squares += *value * *value;
    }
    squares.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten planes of six bins that turn from one shape into another; the first bin would spoil the match.
    fn reference(z_nm: &[f64]) -> Reference {
        let profiles: Vec<f64> = (0..z_nm.len()).flat_map(|plane| profile(plane as f64)).collect();
        Reference::new(&profiles, z_nm, 6).unwrap()
    }

    fn profile(plane: f64) -> [f64; 6] {
        let (s, c) = (0.1 * plane).sin_cos();
        [1e6 * (7.3 * plane).sin(), 5.0 + s, 5.0 + c, 5.0 - s, 5.0 - c, f64::NAN]
    }

    #[test]
    fn a_height_between_planes() {
        let z_nm: Vec<f64> = (0..10).map(|plane| f64::from(plane * plane)).collect();
        let height = reference(&z_nm).look_up(&mut profile(4.3), 5, &mut [0.0; 10]);
        // Linear from 16 to 25 nm; a cosine is no parabola, but this near its top it nearly is.
        assert!((height.z_nm - 18.7).abs() < 0.01, "{height:?}");
        assert!(height.correlation > 0.999 && height.flags == Flags::NONE);
    }

    #[test]
    fn few_planes_give_the_best_one_and_the_ends_none() {
        let z_nm: Vec<f64> = (0..6).map(f64::from).collect();
        let few = reference(&z_nm).look_up(&mut profile(4.3), 7, &mut [0.0; 6]);
        assert_eq!((few.z_nm, few.flags), (4.0, Flags::NONE));
        let end = reference(&z_nm).look_up(&mut profile(0.2), 5, &mut [0.0; 6]);
        assert!(end.z_nm.is_nan() && end.flags == Flags::Z_OUT_OF_RANGE && end.correlation > 0.99);
        let flat = reference(&z_nm).look_up(&mut [3.0; 6], 7, &mut [0.0; 6]);
        assert!(flat.z_nm.is_nan() && flat.flags == Flags::POOR_MATCH);
        assert!(reference(&z_nm).look_up(&mut [3.0; 5], 7, &mut [0.0; 6]).z_nm.is_nan());
    }

    #[test]
    fn a_table_that_is_none_is_refused() {
        assert!(Reference::new(&[1.0; 7], &[0.0, 1.0], 4).is_err());
        assert!(Reference::new(&[], &[], 0).is_err());
    }
}
