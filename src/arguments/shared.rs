//! What several commands are told in the same words.

use std::path::PathBuf;

use beadscope_engine::settings::CommandLineOption;
use beadscope_engine::track::backend::{Backend, BackendRequest};
use clap::Args;

use super::values::backend_parser;

/// Frames that make all pixels alike.
#[derive(Args, Clone)]
pub struct CorrectionArguments {
    /// Frames taken without light, of the size of those to correct: an image, a .npy or TIFF stack, or a folder of
    /// images. Their mean is subtracted.
    #[arg(long, value_name = "FILE")]
    pub dark: Option<PathBuf>,
    /// Frames taken with light and without a sample. What their mean shows to be uneven, in light or pixels, is evened
    /// out; dead pixels are replaced by their neighbours. Without --dark, black is taken to be grey level 0.
    #[arg(long, value_name = "FILE")]
    pub flat: Option<PathBuf>,
}

/// Where tracking computes.
#[derive(Args, Clone)]
pub struct BackendArguments {
    /// What computes: auto is a GPU if there is one, else the CPU; gpu is never without one (default: what the rig says,
    /// else auto).
    #[arg(long, value_parser = backend_parser())]
    pub backend: Option<Backend>,
    /// Part of the name of the GPU that computes, as `beadscope doctor` lists them; the only way to a software adapter
    /// such as llvmpipe (default: the best GPU).
    #[arg(long, value_name = "NAME")]
    pub adapter: Option<String>,
}

impl BackendArguments {
    /// As settings.
    pub fn options(&self) -> [CommandLineOption; 2] {
        let name_of = |backend| Backend::NAMES.iter().find(|(known, _)| *known == backend);
        let backend = self.backend.and_then(name_of).map(|(_, name)| (*name).into());
        [
            ("--backend", "tracking.backend", backend),
            ("--adapter", "tracking.adapter", self.adapter.clone().map(Into::into)),
        ]
    }

    /// What is asked for.
    pub fn request(&self) -> BackendRequest {
        BackendRequest { backend: self.backend.unwrap_or_default(), adapter: self.adapter.clone() }
    }
}
