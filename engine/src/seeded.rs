//! Chance that can be had again, for tests.

/// A generator (xorshift64*, S. Vigna 2016), so that a failing seed can be run again.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    /// From 0, below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 33) % limit
    }

    /// From 0, below 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}
