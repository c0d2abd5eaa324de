//! Z look-up tables (Z-LUTs): the table, building it from a focus sweep, quality figures, files and a
//! picture.
//!
//! A Z-LUT holds the radial profiles of one bead at known heights. Tracking looks a bead's height up in it.
//! This crate knows neither how a profile is measured nor how a height is looked up.
//!
//! | module | what |
//! |---|---|
//! | [`mod@table`] | the table and where it came from |
//! | [`ProfileKind`] | how its profiles were measured |
//! | [`ImageTable`] | the bead's image at known heights, which a table may hold as well |
//! | [`mod@build`] | focus sweep → table |
//! | [`mod@quality`] | figures that tell whether heights can be told apart |
//! | [`mod@file`] | reading and writing, by content and extension |
//! | [`mod@hdf5`], [`mod@magscope`], [`mod@qtrk`], [`mod@image`] | one format each |
//! | [`mod@plot`] | a picture of the table |

pub mod aside;
mod assume;
pub mod build;
pub mod error;
pub mod file;
pub mod fnv;
mod font;
pub mod hdf5;
pub mod image;
mod image_table;
pub mod magscope;
pub mod plot;
mod profile_kind;
pub mod qtrk;
pub mod quality;
pub mod table;

pub use build::{build, build_f64};
pub use error::FileError;
pub use file::ReadOptions;
pub use image_table::ImageTable;
pub use profile_kind::ProfileKind;
pub use table::{Origin, TableError, ZLut};
