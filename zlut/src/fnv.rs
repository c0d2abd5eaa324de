//! A name for content: FNV-1a, 64 bit (<http://www.isthe.com/chongo/tech/comp/fnv/>).

/// A hash in the making. Good against mix-ups, useless against forgery; the same on every machine.
#[derive(Clone, Debug)]
pub struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self::new()
    }
}

impl Fnv {
    /// Of nothing.
    pub fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds `bytes`; in how many pieces they come does not matter.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// 16 hexadecimal digits.
    pub fn name(&self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_values() {
        // From the reference implementation's test vectors.
        for (text, name) in
            [("", "cbf29ce484222325"), ("a", "af63dc4c8601ec8c"), ("foobar", "85944171f73967e8")]
        {
            let mut hash = Fnv::new();
            text.bytes().for_each(|byte| hash.add(&[byte]));
            assert_eq!(hash.name(), name);
        }
    }
}
