//! Every axis: one file each.

pub mod simulated;
