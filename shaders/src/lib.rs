//! Kernels of bead tracking, in the order in which they run.
//!
//! | kernel | input | output | units | after |
//! |---|---|---|---|---|
//! | [`background`] | image | level, noise, spread; image less level | grey levels | Immerkaer 1996 (noise) |
//! | [`center_of_mass`] | image less level | first guess of x, y | px | |
//! | [`auto_convolution`] | image less level, guess | second guess of x, y | px | Gosse and Croquette 2002 |
//! | [`quadrant_interpolation`] | image less level, guess | x, y; profile | px | van Loenhout et al. 2012 |
//! | [`radial_profile`] | image less level, x, y | mean, variance and sides of each ring | grey levels | Gosse and Croquette 2002 |
//! | [`zlut_match`] | profile, ring weights, Z-LUT | z, correlation | nm, 1 | |
//! | [`fit`] | image less level, x, y, z, [`image_model`] | x, y, z and their standard errors | px, nm | Fisher scoring |
//! | [`fit::attainable`] | [`image_model`], x, y, z, gain, offset, noise | the least standard errors of x, y, z | px, nm | Cramer-Rao (Kay 1993) |
//!
//! Kernels that measure rings read between pixels: [`rings`] says where, [`sampling`] how, and how far the ROI reaches.
//! [`z_spline`], [`match_table`], [`radial_spline`] and [`image_model`] prepare a Z-LUT. [`simd`] makes loops wide and
//! holds the ring sampler written by hand. [`pipeline`] chains the kernels for one bead, [`params`] holds
//! the settings, [`flags`] says why a value is missing.
//!
//! [`magtrack`] is another pipeline beside this one: MagTrack's, for labs that reproduce their old numbers.
//!
//! Pixel centres are at integers, x to the right, y down. Pixels are f32; sums that need it are f64. The kernels
//! are plain loops over arrays on the processor, or over rows of four or eight numbers, but for the ring sampler, which
//! has a second half written for AVX2. No kernel allocates, locks, logs, or knows of a file or a window.

pub mod auto_convolution;
pub mod background;
pub mod center_of_mass;
pub mod fit;
pub mod flags;
pub mod gpu;
pub mod image_model;
pub mod magtrack;
pub mod match_table;
pub mod params;
pub mod pipeline;
pub mod quadrant_interpolation;
pub mod radial_profile;
pub mod radial_spline;
pub mod rings;
pub mod sampling;
pub mod simd;
pub mod z_spline;
pub mod zlut_match;
