//! The second guess: one row and one column, to half a pixel.

use super::lines::{Along, Lines};
use crate::flags::Flags;

/// The mirror centre (x, y), px, of the row and the column through `center_px`; the error is the flag that says why not.
pub fn auto_conv(
    pixels: &[f64],
    roi_px: usize,
    center_px: (f64, f64),
    lines: &mut Lines,
) -> Result<(f64, f64), Flags> {
    debug_assert_eq!(pixels.len(), roi_px * roi_px);
    let mut mirror = |along| {
        let place = lines.convolve(pixels, along, center_px, 0).ok_or(Flags::EDGE)?;
        Ok(lines.center_from_place(place as f64))
    };
    Ok((mirror(Along::Row)?, mirror(Along::Column)?))
}
