//! Where everything that could be otherwise comes from: dice that the seed has loaded.
//!
//! Each part of the world has dice of its own, so that leaving something out of one part (as shrinking
//! does) changes as little as possible in the others.

use std::hash::Hasher;
use std::ops::Range;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Dice.
#[derive(Debug)]
pub struct Chance(SmallRng);

impl Chance {
    /// The dice of one part of the run with this seed.
    #[must_use]
    pub fn new(seed: u64, part: &str) -> Self {
        let mut hasher = Fnv::default();
        hasher.write_u64(seed);
        hasher.write(part.as_bytes());
        Self(SmallRng::seed_from_u64(hasher.finish()))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.random()
    }

    /// Any sixteen bytes.
    pub fn bytes(&mut self) -> [u8; 16] {
        let (low, high) = (self.number(), self.number());
        (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
    }

    /// A number of the range, which must not be empty.
    pub fn of(&mut self, range: Range<u64>) -> u64 {
        self.0.random_range(range)
    }

    /// A number below `n`, which must not be 0.
    pub fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n)
    }

    /// Whether something of this probability happens.
    pub fn is(&mut self, probability: f64) -> bool {
        self.0.random::<f64>() < probability
    }

    /// A time of the range.
    pub fn time(&mut self, range: Range<Duration>) -> Duration {
        let nanos = range.start.as_nanos() as u64..range.end.as_nanos() as u64;
        Duration::from_nanos(self.of(nanos))
    }

    /// A time near `usual`, and now and then one that is up to a hundred times as long.
    pub fn about(&mut self, usual: Duration, tail: f64) -> Duration {
        let factor = self.0.random_range(0.5..1.5);
        let stretch = if self.is(tail) { self.0.random_range(2.0f64..100.0) } else { 1.0 };
        usual.mul_f64(factor * stretch)
    }

    /// One of these, of which there must be any.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// The hash of the trace and of the dice: the same on every machine, in every process and for ever.
///
/// Source: G. Fowler, L. C. Noll and K.-P. Vo, the FNV hash (RFC 9923), its 64 bit variant 1a.
pub struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.write(&n.to_le_bytes());
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
