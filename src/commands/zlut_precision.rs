//! What `beadscope zlut info` says about the errors that a Z-LUT allows.

use std::fmt;

use beadscope_engine::precision::{AtHeight, Attainable, CameraNoise, Precision, Unknown};
use beadscope_zlut::ZLut;

/// Heights that are shown, from the lowest plane to the highest.
const HEIGHTS: usize = 9;

/// The attainable errors along a Z-LUT, or why they are not known.
pub struct Attained {
    noise: CameraNoise,
    pixel_size_nm: Option<f64>,
    roi_px: Option<u32>,
    heights: Result<Vec<AtHeight>, Unknown>,
}

impl Attained {
    /// For one image with this noise.
    pub fn of(zlut: &ZLut, noise: CameraNoise) -> Self {
        let heights = Precision::new(Some(zlut), None).map(|mut it| it.along_z(&noise, HEIGHTS));
        let origin = &zlut.origin;
        Self { noise, pixel_size_nm: origin.pixel_size_nm, roi_px: origin.roi_px, heights }
    }

    /// The same for programs; null where it is not known.
    pub fn json(&self) -> serde_json::Value {
        let row = |height: &AtHeight| {
            let sigma = |part: fn(&Attainable) -> f64| height.attainable.as_ref().map(part);
            serde_json::json!({
                "z_nm": height.z_nm, "noise": height.noise, "level": height.level,
                "sigma_x_px": sigma(|it| it.sigma_x_px), "sigma_y_px": sigma(|it| it.sigma_y_px),
                "sigma_z_nm": sigma(|it| it.sigma_z_nm),
            })
        };
        self.heights.as_ref().map_or(serde_json::Value::Null, |heights| heights.iter().map(row).collect())
    }
}

impl fmt::Display for Attained {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heights = match &self.heights {
            Ok(heights) => heights,
            Err(why) => return writeln!(out, "attainable standard errors: not known, {why}"),
        };
        let noise = match self.noise {
            CameraNoise::AtBackground(noise) => format!("a noise of {noise} grey levels at the background"),
            CameraNoise::Electrons { at_white, white, read } => format!(
                "an assumed camera: {at_white} photo-electrons at grey level {white}, {read} of read noise, so {:.2} grey \
                 levels at the background; --noise takes yours",
                heights.first().map_or(f64::NAN, |height| height.noise)
            ),
        };
        let roi_px = self.roi_px.map_or_else(String::new, |roi_px| format!(", ROI {roi_px} px"));
        writeln!(out, "attainable standard errors of one image{roi_px} (Cramer-Rao), for {noise}")?;
        // Without the size of a pixel: thousandths of one.
        let (unit, per_px) = self.pixel_size_nm.map_or(("mpx", 1000.0), |size_nm| ("nm", size_nm));
        writeln!(out, "{:>10} {:>12} {:>12}", "z (nm)", format!("x, y ({unit})"), "z (nm)")?;
        for AtHeight { z_nm, attainable, .. } in heights {
            match attainable {
                Some(it) => {
                    // Alike in an image that is round.
                    let xy_px = f64::hypot(it.sigma_x_px, it.sigma_y_px) / std::f64::consts::SQRT_2;
                    writeln!(out, "{z_nm:>10.0} {:>12.3} {:>12.3}", per_px * xy_px, it.sigma_z_nm)?;
                }
                None => writeln!(out, "{z_nm:>10.0} {:>12} {:>12}", "–", "–")?,
            }
        }
        Ok(())
    }
}
