//! What the controllers count: how a speed and an acceleration are written differs among them.
//!
//! "Thorlabs APT Controllers, Host-Controller Communications Protocol", section "Positioning systems: conversion between position, velocity and
//! acceleration values in standard physical units and their equivalent APT parameters". With `c` the counts of one mm or degree:
//!
//! | controllers | speed of 1 | acceleration of 1 | with |
//! |---|---|---|---|
//! | TDC001, KDC101 | c T 65536 | c T² 65536 | T = 2048 / 6 000 000 s |
//! | TBD001, KBD101, BBD10x, BBD20x | c T 65536 | c T² 65536 | T = 102.4 µs |
//! | TST101, KST101, KST201, MST602, K10CR1, BSC20x | c 53.68 | c / 90.9 | 21 987 328 and 4506 at 409 600 in a mm |
//! | TST001, MST601, BSC00x, BSC10x | c | c | |
//!
//! `pylablib` has the same numbers, and so has a PRM1-Z8 on a KDC101: 1919.64, 42 941.66 and 14.66 in a degree.

/// What a controller writes for a speed of one count in a second, and for an acceleration of one count in a second squared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rates {
    pub(crate) speed: f64,
    pub(crate) acceleration: f64,
}

/// How often the loop of a brushed motor's servo runs, s.
const BRUSHED_S: f64 = 2048.0 / 6e6;
/// How often that of a brushless one runs, s.
const BRUSHLESS_S: f64 = 102.4e-6;
const TRINAMIC: Rates = Rates { speed: 21_987_328.0 / 409_600.0, acceleration: 4506.0 / 409_600.0 };
const PLAIN: Rates = Rates { speed: 1.0, acceleration: 1.0 };

const fn servo(period_s: f64) -> Rates {
    Rates { speed: 65_536.0 * period_s, acceleration: 65_536.0 * period_s * period_s }
}

/// How the names of models begin, as they tell them. The motherboard of a BSC20x calls itself so, its cards SCC20x.
const MODELS: &[(&str, Rates)] = &[
    ("TDC001", servo(BRUSHED_S)),
    ("KDC101", servo(BRUSHED_S)),
    ("TBD001", servo(BRUSHLESS_S)),
    ("KBD101", servo(BRUSHLESS_S)),
    ("BBD10", servo(BRUSHLESS_S)),
    ("BBD20", servo(BRUSHLESS_S)),
    ("TST101", TRINAMIC),
    ("KST101", TRINAMIC),
    ("KST201", TRINAMIC),
    ("MST602", TRINAMIC),
    ("K10CR1", TRINAMIC),
    ("BSC20", TRINAMIC),
    ("SCC20", TRINAMIC),
    ("TST001", PLAIN),
    ("MST601", PLAIN),
    ("BSC00", PLAIN),
    ("BSC10", PLAIN),
];

/// How this model writes speeds; `None` if nobody has told.
pub(crate) fn rates(model: &str) -> Option<Rates> {
    MODELS.iter().find(|(beginning, _)| model.starts_with(beginning)).map(|(_, rates)| *rates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_those_that_others_have() {
        // (model, counts in a mm or degree, what 1 mm/s and 1 mm/s² are), from users' programs that run these stages.
        for (model, counts, speed, acceleration) in [
            ("KDC101", 1_919.641_857_862_338_3, 42_941.66, 14.66),
            ("BSC203", 409_600.0, 21_987_328.0, 4506.0),
            // An MLS203 (20 000 in a mm) on a BBD203.
            ("BBD203", 20_000.0, 134_217.73, 13.744),
        ] {
            let rates = rates(model).unwrap();
            assert!((counts * rates.speed / speed - 1.0).abs() < 1e-5, "{model}");
            assert!((counts * rates.acceleration / acceleration - 1.0).abs() < 1e-3, "{model}");
        }
        assert_eq!(rates("PPC001"), None);
    }
}
