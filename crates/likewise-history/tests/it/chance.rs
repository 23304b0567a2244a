//! Where the random histories come from: a seed, and the same numbers for it on every machine.
//!
//! Source: G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom number generators" (SplitMix), 2014.

/// Dice that the seed has loaded.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `n`, which must not be 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.number() % n
    }

    /// Whether what happens `of_hundred` times in a hundred happens now.
    pub(crate) fn is(&mut self, of_hundred: u64) -> bool {
        self.below(100) < of_hundred
    }
}
