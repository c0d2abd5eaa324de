//! The elasticity of DNA: the worm-like chain, extensible.

/// Coefficients of the polynomial that makes the formula of Marko and Siggia exact to 0.01 % (Bouchiat et al. 1999, Biophys. J. 76,
/// 409, table 1).
const BOUCHIAT: [f64; 6] = [-0.516_422_8, -2.737_418, 16.074_97, -38.876_07, 39.499_44, -14.177_18];

/// A worm-like chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    /// Contour length, nm.
    pub(crate) contour_nm: f64,
    /// Persistence length, nm.
    pub(crate) persistence_nm: f64,
    /// Stretch modulus, pN.
    pub(crate) stretch_pn: f64,
    /// Thermal energy, pN nm.
    pub(crate) kt: f64,
}

impl Chain {
    /// The extension, nm, under a force of at least 0 pN.
    pub(crate) fn extension(&self, force_pn: f64) -> f64 {
        let force_pn = force_pn.max(0.0);
        // Marko and Siggia's limit of strong forces, or the line of weak ones.
        let reduced = force_pn * self.persistence_nm / self.kt;
        let mut l = if reduced > 1.0 { 1.0 - 0.5 / reduced.sqrt() } else { reduced / 1.5 }.clamp(0.0, 0.999);
        for _ in 0..100 {
            let (force, slope) = self.force_of(l);
            let step = (force_pn - force) / slope;
            l = step_within(l, step);
            if step.abs() < 1e-12 {
                break;
            }
        }
        self.contour_nm * (l + force_pn / self.stretch_pn)
    }

    /// Force, pN, and stiffness along it, pN/nm, at this extension. `l` is the relative extension without stretching: any guess in, the
    /// answer out, so that the next call nearby is quick.
    pub(crate) fn pull(&self, extension_nm: f64, l: &mut f64) -> (f64, f64) {
        let aim = extension_nm / self.contour_nm;
        if l.is_nan() || *l >= 1.0 {
            *l = 0.5;
        }
        for _ in 0..100 {
            let (force, slope) = self.force_of(*l);
            let rest = aim - *l - force / self.stretch_pn;
            let step = rest / (1.0 + slope / self.stretch_pn);
            *l = step_within(*l, step);
            if step.abs() < 1e-9 {
                break;
            }
        }
        let (force, slope) = self.force_of(*l);
        (force, slope / (1.0 + slope / self.stretch_pn) / self.contour_nm)
    }

    /// Stiffness of the chain without a force, in any direction, pN/nm.
    pub(crate) fn entropic_stiffness(&self) -> f64 {
        1.5 * self.kt / (self.persistence_nm * self.contour_nm)
    }

    /// Force, pN, and its derivative, at a relative extension below 1.
    fn force_of(&self, l: f64) -> (f64, f64) {
        let scale = self.kt / self.persistence_nm;
        // Pushed through its anchor, a chain is a spring.
        if l <= 0.0 {
            return (1.5 * scale * l, 1.5 * scale);
        }
        let (mut bend, mut bend_slope, mut power) = (0.0, 0.0, l);
        for (exponent, a) in (2_u8..).zip(BOUCHIAT) {
            bend_slope += f64::from(exponent) * a * power;
            power *= l;
            bend += a * power;
        }
        let rest = 1.0 / (1.0 - l);
        let force = 0.25 * rest * rest - 0.25 + l + bend;
        (scale * force, scale * (0.5 * rest * rest * rest + 1.0 + bend_slope))
    }
}

/// A step of Newton's that stays below 1.
fn step_within(l: f64, step: f64) -> f64 {
    (l + step).min(0.5 * (1.0 + l))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: Chain = Chain { contour_nm: 1000.0, persistence_nm: 45.0, stretch_pn: 1e9, kt: 4.11 };

    #[test]
    fn the_force_is_that_of_the_paper() {
        // reference values for 45 nm and 4.11 pN nm, worked out from the paper's coefficients by hand.
        for (l, expected_pn) in [(0.5, 0.0982), (0.8, 0.575), (0.9, 2.287), (0.95, 9.14)] {
            let (force, _) = CHAIN.pull(l * 1000.0, &mut 0.1);
            assert!((force / expected_pn - 1.0).abs() < 0.002, "{l}: {force} pN");
            assert!((CHAIN.extension(force) - l * 1000.0).abs() < 1e-3, "{l}");
        }
    }

    #[test]
    fn force_and_extension_are_inverse_and_the_stiffness_is_the_slope() {
        let chain = Chain { stretch_pn: 1000.0, ..CHAIN };
        let mut guess = f64::NAN;
        for force_pn in [0.0, 0.001, 0.03, 0.4, 3.0, 20.0, 80.0, 1000.0] {
            let extension = chain.extension(force_pn);
            let (force, stiffness) = chain.pull(extension, &mut guess);
            assert!((force - force_pn).abs() < 1e-6 * (1.0 + force_pn), "{force_pn}: {force}");
            let slope = (chain.extension(force_pn + 1e-4) - chain.extension((force_pn - 1e-4).max(0.0)))
                / (1e-4 + force_pn.min(1e-4));
            assert!((stiffness * slope - 1.0).abs() < 1e-3, "{force_pn}: {stiffness} {slope}");
        }
        assert!((chain.pull(-1.0, &mut 0.9).1 / chain.entropic_stiffness() - 1.0).abs() < 0.01);
        // At 1000 pN the chain is straight and twice as long.
        assert!((chain.extension(1000.0) - 1995.0).abs() < 5.0);
    }
}
