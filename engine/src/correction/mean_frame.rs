//! The mean of a stack of dark or flat frames.

use std::path::{Path, PathBuf};

use beadscope_drivers::stack::Stack;
use beadscope_zlut::fnv::Fnv;

use super::{CorrectionError, Kind, UsedFrames};
use crate::frame::FrameView;

/// More dead pixels than this part of all, and it is not the sensor that is wrong but the frames.
const MOST_DEAD: f64 = 0.05;

/// Frames averaged pixel by pixel.
pub(super) struct MeanFrame {
    kind: Kind,
    pub(super) path: PathBuf,
    pub(super) files: Vec<PathBuf>,
    frames: usize,
    hash: String,
    /// Mean grey level of each pixel.
    pub(super) levels: Vec<f32>,
    /// Whether a pixel reached the largest grey level in any frame: its mean is too low then.
    pub(super) is_saturated: Vec<bool>,
}

impl MeanFrame {
    /// Averages all frames at `path`, which must have the size and depth of `like`, and the hash `named` if there is one.
    pub(super) fn read(
        kind: Kind,
        path: &Path,
        named: Option<&str>,
        like: &FrameView<'_>,
    ) -> Result<Self, CorrectionError> {
        let cannot = |error| CorrectionError::Read { kind, error };
        let mut stack = Stack::open(path).map_err(cannot)?;
        check_fit(kind, path, &stack, like)?;
        if let Some(note) = stack.note() {
            tracing::warn!("{kind} frames: {note}");
        }
        let max_level = f32::from(like.format.max_level());
        // Sums of whole numbers, exact far beyond any stack: the mean and its hash are the same on every machine.
        let mut sums = vec![0.0_f64; like.width_px * like.height_px];
        let mut is_saturated = vec![false; sums.len()];
        let mut bytes = vec![0; stack.frame_bytes()];
        let mut row = vec![0.0; like.width_px];
        for index in 0..stack.len() {
            stack.read_frame(index, &mut bytes).map_err(cannot)?;
            let frame = FrameView { bytes: &bytes, ..*like };
            let rows = sums.chunks_exact_mut(like.width_px).zip(is_saturated.chunks_exact_mut(like.width_px));
            for (y_px, (sums, is_saturated)) in rows.enumerate() {
                frame.copy_row(0, y_px, &mut row);
                for ((level, sum), is_saturated) in row.iter().zip(sums).zip(is_saturated) {
                    *sum += f64::from(*level);
                    *is_saturated |= *level >= max_level;
                }
            }
        }
        let frames = stack.len();
        let levels: Vec<f32> = sums.iter().map(|sum| (sum / frames as f64) as f32).collect();
        let hash = hash_of(like.width_px, &levels);
        if let Some(named) = named.filter(|named| *named != hash) {
            let (named, path) = (named.to_owned(), path.to_owned());
            return Err(CorrectionError::Changed { kind, found: hash, named, path });
        }
        let files = stack.files().to_vec();
        Ok(Self { kind, path: path.to_owned(), files, frames, hash, levels, is_saturated })
    }

    /// Refuses frames in which too many pixels are dead.
    pub(super) fn check_dead(&self, is_dead: &[bool]) -> Result<(), CorrectionError> {
        let (dead_px, total_px) = (is_dead.iter().filter(|dead| **dead).count(), is_dead.len());
        if dead_px as f64 <= MOST_DEAD * total_px as f64 {
            return Ok(());
        }
        Err(CorrectionError::TooManyDead { kind: self.kind, dead_px, total_px, path: self.path.clone() })
    }

    pub(super) fn used(&self) -> UsedFrames {
        let path = self.path.to_string_lossy().into_owned();
        UsedFrames { path, frames: self.frames, hash: self.hash.clone() }
    }
}

fn check_fit(kind: Kind, path: &Path, stack: &Stack, like: &FrameView<'_>) -> Result<(), CorrectionError> {
    let found_px = (stack.width_px() as usize, stack.height_px() as usize);
    let wanted_px = (like.width_px, like.height_px);
    if found_px != wanted_px {
        return Err(CorrectionError::Size { kind, found_px, wanted_px, path: path.to_owned() });
    }
    let (found_bytes, wanted_bytes) = (stack.format().bytes_per_px(), like.format.bytes_per_px());
    if found_bytes != wanted_bytes {
        return Err(CorrectionError::Depth { kind, found_bytes, wanted_bytes, path: path.to_owned() });
    }
    Ok(())
}

fn hash_of(width_px: usize, levels: &[f32]) -> String {
    let mut hash = Fnv::new();
    hash.add(&(width_px as u64).to_le_bytes());
    levels.iter().for_each(|level| hash.add(&level.to_le_bytes()));
    hash.name()
}
