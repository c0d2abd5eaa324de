//! Where beads lie: on a grid with cells as large as the sensor allows, each somewhere in its cell.

use super::noise::Rng;
use super::settings::Settings;
use crate::camera::CameraError;

/// Free border of a cell, in parts of the ROI: beads are at least 5/4 of an ROI apart, so that their rings end before
/// their neighbour's begin to count (the image radius is 5/8 of the ROI).
const SPACING: f64 = 1.25;
/// Distance from the ROI of the outermost bead to the edge of the sensor, in px: room for motion and drift.
const EDGE_PX: f64 = 4.0;

/// Mean positions (x, y) of all beads, in sensor px, in random order.
///
/// # Errors
/// [`CameraError::Settings`] if so many beads do not fit; it says how many do.
pub(super) fn place(settings: &Settings, rng: &mut Rng) -> Result<Vec<[f64; 2]>, CameraError> {
    if settings.beads == 0 {
        return Ok(Vec::new());
    }
    let spacing = SPACING * f64::from(settings.roi_px);
    let border = f64::from(settings.roi_px) / 2.0 + EDGE_PX;
    // Centres lie in a field this large; cells may stick out by half a spacing on each side.
    let field =
        [settings.width_px, settings.height_px].map(|side_px| f64::from(side_px) - 1.0 - 2.0 * border);
    let count = |cell: f64| {
        field.map(|side| if side < 0.0 { 0 } else { ((side + spacing) / cell.max(spacing)) as usize })
    };
    let most = count(spacing)[0] * count(spacing)[1];
    if settings.beads > most {
        return Err(CameraError::Settings(format!(
            "beads = {} do not fit: {most} of roi_px = {} fit on {} x {} px; take fewer beads, a smaller roi_px or a \
             larger sensor",
            settings.beads, settings.roi_px, settings.width_px, settings.height_px
        )));
    }
    let mut cell = ((field[0] + spacing) * (field[1] + spacing) / settings.beads as f64).sqrt();
    while count(cell)[0] * count(cell)[1] < settings.beads {
        cell *= 0.99;
    }
    let [columns, rows] = count(cell);
    let mut cells: Vec<usize> = (0..columns * rows).collect();
    // Fisher and Yates: the first `beads` cells of a random order.
    for i in 0..settings.beads {
        let j = i + rng.below(cells.len() - i);
        cells.swap(i, j);
    }
    let along = |index: usize, n: usize, side: f64, rng: &mut Rng| {
        let pitch = (side + spacing) / n as f64;
        border + index as f64 * pitch + rng.between([0.0, (pitch - spacing).max(0.0)])
    };
    let position = |cell: &usize| {
        [along(cell % columns, columns, field[0], rng), along(cell / columns, rows, field[1], rng)]
    };
    Ok(cells[..settings.beads].iter().map(position).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beads_keep_their_distance_and_stay_inside() {
        for (beads, roi_px) in [(1, 64), (50, 64), (180, 64), (9, 256)] {
            let settings = Settings { beads, roi_px, ..Settings::default() };
            let places = place(&settings, &mut Rng::new(5)).unwrap();
            assert_eq!(places.len(), beads);
            for (i, [x, y]) in places.iter().enumerate() {
                let half = f64::from(roi_px) / 2.0;
                assert!((half..1279.0 - half).contains(x) && (half..1023.0 - half).contains(y), "({x}, {y})");
                for [other_x, other_y] in &places[..i] {
                    assert!((x - other_x).hypot(y - other_y) >= 1.25 * f64::from(roi_px) - 1e-9);
                }
            }
        }
    }

    #[test]
    fn too_many_beads_are_refused_with_the_number_that_fits() {
        let settings = Settings { beads: 1000, ..Settings::default() };
        let message = place(&settings, &mut Rng::new(5)).unwrap_err().to_string();
        let fits: usize = message.split(": ").nth(2).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(place(&Settings { beads: fits, ..Settings::default() }, &mut Rng::new(5)).is_ok());
        assert!(place(&Settings { beads: fits + 1, ..Settings::default() }, &mut Rng::new(5)).is_err());
    }

    #[test]
    fn a_sensor_smaller_than_an_roi_holds_none() {
        let settings = Settings { width_px: 64, height_px: 64, beads: 1, ..Settings::default() };
        assert!(place(&settings, &mut Rng::new(5)).unwrap_err().to_string().contains("0 of roi_px"));
    }
}
