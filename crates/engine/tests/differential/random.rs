//! Draws that follow from a seed (SplitMix64; Steele, Lea and Flood, "Fast splittable pseudorandom number generators").

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// True in so many of a hundred draws.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// One of what is listed, with its weight.
    pub(crate) fn weighted<T: Clone>(&mut self, from: &[(usize, T)]) -> Option<T> {
        let total = from.iter().map(|(weight, _)| weight).sum::<usize>();
        if total == 0 {
            return None;
        }
        let mut place = self.below(total);
        for (weight, item) in from {
            if place < *weight {
                return Some(item.clone());
            }
            place -= weight;
        }
        None
    }
}
