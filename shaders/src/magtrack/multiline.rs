//! The centre: several rows and several columns averaged, and a parabola through the top of each auto-convolution.

use super::lines::{Along, Lines};
use super::options::Options;
use super::vertex::vertex;
use crate::flags::Flags;

/// One pass from `center_px` to the next (x, y), px; the error is the flag that says why there is none.
pub fn multiline(
    pixels: &[f64],
    roi_px: usize,
    center_px: (f64, f64),
    options: &Options,
    lines: &mut Lines,
) -> Result<(f64, f64), Flags> {
    let half = (roi_px as f64 * options.line_ratio / 2.0).floor() as usize;
    let mut mirror = |along| {
        let place = lines.convolve(pixels, along, center_px, half).ok_or(Flags::EDGE)?;
        let refined = vertex(lines.convolution(), place, options.multiline_n_local);
        refined.map(|place| lines.center_from_place(place)).ok_or_else(|| {
            // Without a top the lines are flat; with one at an end the bead is outside the middle half of its ROI.
            if lines.convolution()[place] == 0.0 { Flags::LOW_CONTRAST } else { Flags::EDGE }
        })
    };
    Ok((mirror(Along::Row)?, mirror(Along::Column)?))
}
