//! The kernels as compute shaders: their sources, the tables they read, and what comes back. Knows no graphics library.
//!
//! Each kernel has a twin in WGSL beside it. One dispatch a stage, one workgroup a bead, whatever the number of beads;
//! a bead's state goes from stage to stage in [`Bead`] and nothing comes back between them. Shared functions are joined
//! in front of a stage, so that no preprocessor is needed.
//!
//! Sums are `f32` on a device, where the processor has `f64` for some: positions agree to about 1e-5 px and 0.003 nm, half of
//! them to less (`engine/tests/gpu_parity.rs`).

mod layout;
mod stages;
mod tables;

pub use layout::{Bead, Grid, Place, Ring, Settings};
pub use stages::{
    AUTO_CONVOLUTION, BACKGROUND, Buffer, CENTER_OF_MASS, FIT, QUADRANT_INTERPOLATION, SHARED_BYTES,
    SHARED_BYTES_PER_RING, STAGES, Stage, ZLUT_MATCH,
};
pub use tables::Tables;

#[cfg(test)]
mod tests {
    use super::layout::{CENTER, HEIGHT, QUALITY, SIGMA};
    use super::*;
    use crate::fit::{self, bins, noise, sideways};
    use crate::flags::Flags;
    use crate::{
        auto_convolution, background, match_table, pipeline, quadrant_interpolation, radial_profile,
        radial_spline, sampling, zlut_match,
    };

    /// The numbers that a stage and its twin must have in common.
    #[test]
    fn constants_are_those_of_the_twins() {
        let count = |value: usize| value as f64;
        let bin_px = bins::BIN_PX;
        for (stage, name, value) in [
            (BACKGROUND, "LEAST_CONTRAST", f64::from(background::LEAST_CONTRAST)),
            (BACKGROUND, "SCATTER", f64::from(background::SCATTER)),
            (BACKGROUND, "ROUNDING", f64::from(background::ROUNDING)),
            (BACKGROUND, "TINY", f64::from(f32::MIN_POSITIVE)),
            (BACKGROUND, "LAST_DIGIT", f64::from(f32::EPSILON)),
            (CENTER_OF_MASS, "SMALLEST_RADIUS", quadrant_interpolation::SMALLEST_RADIUS),
            (CENTER_OF_MASS, "SMALLEST_RADIUS_PX", quadrant_interpolation::SMALLEST_RADIUS_PX),
            (CENTER_OF_MASS, "DEAD_ZONE", f64::from(pipeline::DEAD_ZONE)),
            (AUTO_CONVOLUTION, "FAR_SEARCH", pipeline::SEARCH[0]),
            (AUTO_CONVOLUTION, "NEAR_SEARCH", pipeline::SEARCH[1]),
            (AUTO_CONVOLUTION, "SHORTEST_SEARCH_PX", pipeline::SHORTEST_SEARCH_PX),
            (AUTO_CONVOLUTION, "BAND_PX", count(auto_convolution::BAND_PX)),
            (QUADRANT_INTERPOLATION, "CUBIC_UP_TO_PX", sampling::CUBIC_UP_TO_PX),
            (QUADRANT_INTERPOLATION, "CUBIC_MARGIN_PX", sampling::CUBIC_MARGIN_PX),
            (QUADRANT_INTERPOLATION, "DARKEST_LEVEL", f64::from(radial_profile::DARKEST_LEVEL)),
            (QUADRANT_INTERPOLATION, "NOISE_IN_SAMPLES", radial_profile::NOISE_IN_SAMPLES),
            (ZLUT_MATCH, "MIN_ROUND_RINGS", count(radial_profile::MIN_ROUND_RINGS)),
            (QUADRANT_INTERPOLATION, "LONGEST_STEP_PX", quadrant_interpolation::LONGEST_STEP_PX),
            (QUADRANT_INTERPOLATION, "COARSE_UNTIL_PX", quadrant_interpolation::COARSE_UNTIL_PX),
            (QUADRANT_INTERPOLATION, "LEAST_FACTOR", quadrant_interpolation::LEAST_FACTOR),
            (QUADRANT_INTERPOLATION, "LARGEST_FACTOR", quadrant_interpolation::LARGEST_FACTOR),
            (ZLUT_MATCH, "MIN_RINGS", count(match_table::MIN_RINGS)),
            (ZLUT_MATCH, "MAX_STEPS", count(zlut_match::MAX_STEPS)),
            (ZLUT_MATCH, "LAST_STEP", zlut_match::LAST_STEP),
            (ZLUT_MATCH, "LEAST_AHEAD", zlut_match::LEAST_AHEAD),
            (ZLUT_MATCH, "MOST_AHEAD", zlut_match::MOST_AHEAD),
            (FIT, "BINS_PER_KNOT", count(bins::BINS_PER_KNOT)),
            (FIT, "KNOT_STEP_PX", radial_spline::KNOT_STEP_PX),
            (FIT, "BIN_PX", bin_px),
            (FIT, "BINS_PER_PX", 1.0 / bin_px),
            (FIT, "REBIN_PX", fit::REBIN_PX),
            (FIT, "MAX_PASSES", count(fit::MAX_PASSES)),
            (FIT, "MAX_STEPS", count(fit::MAX_STEPS)),
            (FIT, "LAST_STEP", fit::LAST_STEP),
            (FIT, "FARTHEST_PX", fit::FARTHEST_PX),
            (FIT, "LEAST_ROOM_PX", fit::LEAST_ROOM_PX),
            (FIT, "LARGEST_RISE", fit::LARGEST_RISE),
            (FIT, "MISFIT_SHARE", fit::MISFIT_SHARE),
            (FIT, "EXCESS_REACH", count(sideways::EXCESS_REACH)),
            (FIT, "MOST_EXPECTED", sideways::MOST_EXPECTED),
            (FIT, "DARKEST", noise::DARKEST),
            (FIT, "NOISE_PIXELS", count(bins::NOISE_PIXELS)),
            (BACKGROUND, "EDGE", f64::from(Flags::EDGE.0)),
            (BACKGROUND, "NO_ZLUT", f64::from(Flags::NO_ZLUT.0)),
            (BACKGROUND, "Z_OUT_OF_RANGE", f64::from(Flags::Z_OUT_OF_RANGE.0)),
            (BACKGROUND, "LOW_CONTRAST", f64::from(Flags::LOW_CONTRAST.0)),
            (BACKGROUND, "NOT_CONVERGED", f64::from(Flags::NOT_CONVERGED.0)),
            (BACKGROUND, "SATURATED", f64::from(Flags::SATURATED.0)),
            (BACKGROUND, "POOR_MATCH", f64::from(Flags::POOR_MATCH.0)),
            (BACKGROUND, "NOT_ROUND", f64::from(Flags::NOT_ROUND.0)),
            (BACKGROUND, "CENTER", f64::from(CENTER)),
            (BACKGROUND, "HEIGHT", f64::from(HEIGHT)),
            (BACKGROUND, "QUALITY", f64::from(QUALITY)),
            (BACKGROUND, "SIGMA", f64::from(SIGMA)),
        ] {
            let module = naga::front::wgsl::parse_str(stage.source).unwrap();
            let constant = module.constants.iter().find(|(_, found)| found.name.as_deref() == Some(name));
            let found = constant.map(|(_, found)| module.global_expressions[found.init].clone());
            let found = match found {
                Some(naga::Expression::Literal(naga::Literal::F32(value))) => f64::from(value),
                Some(naga::Expression::Literal(naga::Literal::U32(value))) => f64::from(value),
                other => panic!("{name} of {}: {other:?}", stage.name),
            };
            assert!((found - value).abs() <= 1e-6 * value, "{name} of {}: {found}, not {value}", stage.name);
        }
    }
}
