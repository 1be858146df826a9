//! Randomness as a value: the shell seeds it, the kernel only draws from it.

use uuid::{Builder, Uuid};

/// A generator of identifiers whose whole future follows from its seed.
#[derive(Clone, Debug)]
pub(crate) struct Entropy {
    state: u64,
}

impl Entropy {
    /// A generator that always yields the same identifiers for the same seed.
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits (splitmix64, Steele, Lea and Flood 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A generator of its own for a part of the work.
    #[must_use]
    pub(crate) fn split(&mut self) -> Self {
        Self { state: self.next() }
    }

    /// A number from zero to before `bound`, which must be positive.
    pub(crate) fn below(&mut self, bound: i64) -> i64 {
        ((u128::from(self.next()) * bound as u128) >> 64) as i64
    }

    /// A fresh random-form UUID as text.
    pub(crate) fn uuid(&mut self) -> String {
        let mut bytes = [0_u8; 16];
        bytes[..8].copy_from_slice(&self.next().to_be_bytes());
        bytes[8..].copy_from_slice(&self.next().to_be_bytes());
        let id: Uuid = Builder::from_random_bytes(bytes).into_uuid();
        id.to_string()
    }
}
