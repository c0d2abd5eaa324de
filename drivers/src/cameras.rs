//! Every camera: one file or folder each. [`simulated`] is the one to copy.

mod pace;
pub mod replay;
pub mod simulated;
