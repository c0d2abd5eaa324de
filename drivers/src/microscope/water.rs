//! Water: thermal energy, viscosity, and how a wall slows a sphere.

/// Boltzmann's constant in pN nm / K (exact since 2019).
const BOLTZMANN: f64 = 1.380_649e-2;

/// Water at one temperature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Water {
    /// Thermal energy in pN nm: 4.12 at 25 °C.
    pub(crate) kt: f64,
    /// Viscosity in pN s / nm²: 0.89e-9 at 25 °C, which is 0.89 mPa s.
    viscosity: f64,
}

impl Water {
    /// Water at so many °C.
    pub(crate) fn at(temperature_c: f64) -> Self {
        let kelvin = temperature_c + 273.15;
        // Vogel's equation for water, good to 2.5 % from 0 to 370 °C (Al-Shemmeri 2012, Engineering Fluid Mechanics).
        let millipascal_s = 2.414e-2 * 10_f64.powf(247.8 / (kelvin - 140.0));
        Self { kt: BOLTZMANN * kelvin, viscosity: millipascal_s * 1e-9 }
    }

    /// Stokes' drag of a sphere far from any wall, in pN s / nm.
    pub(crate) fn drag(&self, radius_nm: f64) -> f64 {
        6.0 * std::f64::consts::PI * self.viscosity * radius_nm
    }
}

/// By how much less a sphere is dragged sideways far from a wall than with `gap_nm` between them: 0 at contact to 1.
///
/// Faxén's series (Happel and Brenner 1983, Low Reynolds Number Hydrodynamics, eq. 7-4.28), 1 % at a gap of half a radius.
pub(crate) fn lateral_mobility(radius_nm: f64, gap_nm: f64) -> f64 {
    let q = ratio(radius_nm, gap_nm);
    // At contact the series ends at 0.35, where it is wrong; a bead that rolls there is none of ours.
    1.0 - 9.0 / 16.0 * q + q.powi(3) / 8.0 - 45.0 / 256.0 * q.powi(4) - q.powi(5) / 16.0
}

/// The same towards the wall, and its derivative by the gap in 1/nm.
///
/// Schäffer, Nørrelykke and Howard 2007 (Langmuir 23, 3654, eq. C3), 0.3 % of Brenner's exact solution at any gap.
pub(crate) fn axial_mobility(radius_nm: f64, gap_nm: f64) -> (f64, f64) {
    let q = ratio(radius_nm, gap_nm);
    let (q2, q3, q4) = (q * q, q * q * q, q * q * q * q);
    let q10 = q4 * q4 * q2;
    let mobility = 1.0 - 9.0 / 8.0 * q + q3 / 2.0 - 57.0 / 100.0 * q4 + q4 * q / 5.0 + 7.0 / 200.0 * q10 * q
        - q10 * q2 / 25.0;
    let by_q = -9.0 / 8.0 + 1.5 * q2 - 2.28 * q3 + q4 + 77.0 / 200.0 * q10 - 12.0 / 25.0 * q10 * q;
    (mobility, -by_q * q2 / radius_nm)
}

/// Radius over the height of the centre.
fn ratio(radius_nm: f64, gap_nm: f64) -> f64 {
    radius_nm / (radius_nm + gap_nm.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn water_at_room_temperature_is_what_tables_say() {
        // CRC Handbook: 0.890 mPa s at 25 °C, 1.002 at 20 °C.
        for (temperature_c, millipascal_s) in [(20.0, 1.002), (25.0, 0.890)] {
            let water = Water::at(temperature_c);
            assert!((water.viscosity * 1e9 / millipascal_s - 1.0).abs() < 0.01, "{water:?}");
        }
        assert!((Water::at(25.0).kt - 4.116).abs() < 0.001);
        // 6 pi 0.89 mPa s 0.5 µm.
        assert!((Water::at(25.0).drag(500.0) - 8.39e-6).abs() < 0.02e-6);
    }

    /// Brenner 1961 (Chem. Eng. Sci. 16, 242), the exact series for a sphere that nears a wall.
    fn brenner(radius_nm: f64, gap_nm: f64) -> f64 {
        let alpha = ((radius_nm + gap_nm) / radius_nm).acosh();
        let sum: f64 = (1..400)
            .map(|n| {
                let n = f64::from(n);
                let above = 2.0 * ((2.0 * n + 1.0) * alpha).sinh() + (2.0 * n + 1.0) * (2.0 * alpha).sinh();
                let below =
                    4.0 * ((n + 0.5) * alpha).sinh().powi(2) - (2.0 * n + 1.0).powi(2) * alpha.sinh().powi(2);
                let term = n * (n + 1.0) / ((2.0 * n - 1.0) * (2.0 * n + 3.0)) * (above / below - 1.0);
                if term.is_finite() { term } else { 0.0 }
            })
            .sum();
        4.0 / 3.0 * alpha.sinh() * sum
    }

    #[test]
    fn a_wall_slows_a_bead_that_nears_it_as_brenner_says() {
        for gap_nm in [50.0, 520.0, 2000.0] {
            let (mobility, slope) = axial_mobility(520.0, gap_nm);
            let ratio = mobility * brenner(520.0, gap_nm);
            assert!((ratio - 1.0).abs() < 0.005, "{gap_nm} nm: {ratio}");
            let difference = axial_mobility(520.0, gap_nm + 0.1).0 - axial_mobility(520.0, gap_nm - 0.1).0;
            assert!((slope / (difference / 0.2) - 1.0).abs() < 1e-4, "{gap_nm} nm: {slope}");
        }
    }

    #[test]
    fn a_wall_slows_a_bead_beside_it_as_goldman_cox_and_brenner_say() {
        // Their table of 1967 (Chem. Eng. Sci. 22, 637): height of the centre in radii, drag.
        for (height, drag, tolerance) in
            [(10.0677, 1.0591, 0.001), (3.7622, 1.1738, 0.003), (1.5431, 1.5675, 0.015)]
        {
            let ratio = lateral_mobility(520.0, (height - 1.0) * 520.0) * drag;
            assert!((ratio - 1.0).abs() < tolerance, "{height}: {ratio}");
        }
    }
}
