//! What two sets differ in, for the price of the difference: a rateless invertible Bloom lookup table.
//!
//! Each side turns its set of 64-bit hashes into a stream of coded symbols without end. Symbol 0 sums all
//! hashes, symbol i each with a probability of about 1 / (1 + i / 2). The difference of the two streams is
//! the stream of the difference: whatever both sets hold cancels out. A symbol that is left with one hash
//! names it, and naming it takes it out of all other symbols. About 1.35 to 1.75 symbols a difference are
//! enough, whatever the sizes of the sets, and nobody has to guess the difference before.
//!
//! A hash that is named wrongly is possible (2^-32 a symbol) and does no harm: nobody has an entry for it,
//! or one entry is sent too many, and the digests still differ at the next round, which uses another salt.
//!
//! Source: L. Yang, Y. Gilad and M. Alizadeh, "Practical rateless set reconciliation", SIGCOMM 2024.

use crate::codec::{DecodeCause, DecodeError, Reader, put_varint};

/// One coded symbol. 13 bytes on the wire, or a few more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Symbol {
    /// The hashes in it, by exclusive or.
    sum: u64,
    /// Their checks, likewise.
    check: u32,
    /// How many of the one side, less how many of the other.
    count: i64,
}

/// What was found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Hashes that only the minuend has.
    pub ours: Vec<u64>,
    /// Hashes that only the subtrahend has.
    pub theirs: Vec<u64>,
}

impl Symbol {
    fn add(&mut self, hash: u64, count: i64) {
        self.sum ^= hash;
        self.check ^= check(hash);
        self.count += count;
    }

    /// The sum of a symbol of `set` less that of the other side.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            sum: self.sum ^ other.sum,
            check: self.check ^ other.check,
            count: self.count.wrapping_sub(other.count),
        }
    }

    const fn is_empty(self) -> bool {
        self.sum == 0 && self.check == 0 && self.count == 0
    }

    fn names_one(self) -> bool {
        (self.count == 1 || self.count == -1) && check(self.sum) == self.check
    }

    /// Appends the symbol with number `index` of a set of `len` hashes: the count is near what is to be
    /// expected, so only the deviation is written.
    pub fn encode(self, index: usize, len: usize, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.sum.to_le_bytes());
        bytes.extend_from_slice(&self.check.to_le_bytes());
        let deviation = self.count - expected(index, len);
        put_varint(bytes, (deviation << 1 ^ deviation >> 63) as u64);
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// Where it is cut off.
    pub fn decode(index: usize, len: usize, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let sum = u64::from_le_bytes(reader.array()?);
        let check = u32::from_le_bytes(reader.array()?);
        let zigzag = reader.varint()?;
        let deviation = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        let count = expected(index, len).checked_add(deviation);
        let count = count.ok_or_else(|| reader.error(DecodeCause::NumberTooLarge))?;
        Ok(Self { sum, check, count })
    }
}

fn expected(index: usize, len: usize) -> i64 {
    // Sets are of at most some million hashes, so the product is far from the bound.
    (2 * len / (2 + index)) as i64
}

/// The hash of an entry as one round sees it. Another salt makes all other symbols.
#[must_use]
pub const fn salted(hash: u64, salt: u64) -> u64 {
    mix(hash ^ salt)
}

/// A mixer of 64 bits (S. Vigna's splitmix64): every bit of the input moves every bit of the output.
const fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const fn check(hash: u64) -> u32 {
    mix(hash ^ 0x6c69_6b65_7769_7365) as u32
}

/// The symbols that a hash is part of, in ascending order.
struct Indexes {
    seed: u64,
    next: u64,
}

impl Indexes {
    const fn of(hash: u64) -> Self {
        Self { seed: hash, next: 0 }
    }

    /// The next one below `end`. The gaps grow so that symbol i is chosen with probability 1 / (1 + i/2).
    fn below(&mut self, end: usize) -> Option<usize> {
        let index = self.next;
        if index >= end as u64 {
            return None;
        }
        self.seed = mix(self.seed);
        // Uniform in (0, 1], by 32 bits. Square roots are exact in IEEE 754, so all nodes agree.
        let uniform = ((self.seed >> 32) as f64 + 1.0) / (1u64 << 32) as f64;
        let gap = ((index as f64 + 1.5) * (uniform.sqrt().recip() - 1.0)).ceil();
        self.next = index + (gap as u64).max(1);
        Some(index as usize)
    }
}

/// Makes the symbols of a set, as many as are asked for and each once.
pub struct Encoder {
    cursors: Vec<Cursor>,
    made: usize,
}

/// A hash, and where it is in its own indexes.
struct Cursor {
    hash: u64,
    indexes: Indexes,
}

impl Encoder {
    /// The symbols of the set of these hashes, from number 0 on. O(hashes).
    #[must_use]
    pub fn new(hashes: impl Iterator<Item = u64>) -> Self {
        let cursors = hashes.map(|hash| Cursor { hash, indexes: Indexes::of(hash) });
        Self { cursors: cursors.collect(), made: 0 }
    }

    /// How many hashes the set has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.cursors.len()
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cursors.is_empty()
    }

    /// How many symbols have been made.
    #[must_use]
    pub const fn made(&self) -> usize {
        self.made
    }

    /// The next symbols, up to number `to`. O(hashes), and O(hashes log to) in all.
    pub fn extend(&mut self, to: usize) -> Vec<Symbol> {
        let from = self.made;
        self.made = to.max(from);
        let mut symbols = vec![Symbol::default(); self.made - from];
        for Cursor { hash, indexes } in &mut self.cursors {
            while let Some(index) = indexes.below(to) {
                symbols[index - from].add(*hash, 1);
            }
        }
        symbols
    }
}

/// The difference that `symbols` stand for, from number 0 on, or `None` where more of them are needed.
/// O(differences log symbols).
#[must_use]
pub fn decode(mut symbols: Vec<Symbol>) -> Option<Difference> {
    let mut found = Difference::default();
    let mut ready: Vec<usize> = (0..symbols.len()).filter(|&at| symbols[at].names_one()).collect();
    // Each hash is taken out once; forged symbols could name others for ever.
    let mut left = 2 * symbols.len();
    while let Some(at) = ready.pop() {
        let Symbol { sum: hash, count, .. } = symbols[at];
        if !symbols[at].names_one() {
            continue;
        }
        left = left.checked_sub(1)?;
        let side = if count > 0 { &mut found.ours } else { &mut found.theirs };
        side.push(hash);
        let mut indexes = Indexes::of(hash);
        while let Some(index) = indexes.below(symbols.len()) {
            symbols[index].add(hash, -count);
            if symbols[index].names_one() {
                ready.push(index);
            }
        }
    }
    symbols.iter().all(|symbol| symbol.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many symbols it takes, one more at a time, and the difference.
    fn reconcile(ours: &[u64], theirs: &[u64]) -> (usize, Difference) {
        for end in 1.. {
            let ours = Encoder::new(ours.iter().copied()).extend(end);
            let theirs = Encoder::new(theirs.iter().copied()).extend(end);
            let difference = ours.iter().zip(&theirs).map(|(a, b)| a.minus(*b)).collect();
            if let Some(mut found) = decode(difference) {
                found.ours.sort_unstable();
                found.theirs.sort_unstable();
                return (end, found);
            }
        }
        unreachable!("the loop has no end")
    }

    fn hashes(numbers: std::ops::Range<u64>) -> Vec<u64> {
        numbers.map(|n| salted(n, 7)).collect()
    }

    fn sorted(mut hashes: Vec<u64>) -> Vec<u64> {
        hashes.sort_unstable();
        hashes
    }

    #[test]
    fn equal_sets_take_one_symbol() {
        let (count, difference) = reconcile(&hashes(0..1_000), &hashes(0..1_000));
        assert_eq!((count, difference), (1, Difference::default()));
    }

    #[test]
    fn exactly_the_difference_is_found_for_less_than_two_symbols_each() {
        for (ours, theirs) in [(0..1, 0..0), (0..50, 10..80), (0..1_000, 100..1_003)] {
            let (count, found) = reconcile(&hashes(ours.clone()), &hashes(theirs.clone()));
            let only = |a: &std::ops::Range<u64>, b: &std::ops::Range<u64>| {
                sorted(a.clone().filter(|n| !b.contains(n)).map(|n| salted(n, 7)).collect())
            };
            assert_eq!(found.ours, only(&ours, &theirs));
            assert_eq!(found.theirs, only(&theirs, &ours));
            let differences = found.ours.len() + found.theirs.len();
            assert!(count <= 2 * differences + 8, "{count} symbols for {differences}");
        }
    }

    #[test]
    fn symbols_come_in_parts_and_back_from_their_bytes() {
        let set = hashes(0..5_000);
        let whole = Encoder::new(set.iter().copied()).extend(100);
        let mut parts = Encoder::new(set.iter().copied());
        assert_eq!([parts.extend(40), parts.extend(40), parts.extend(100)].concat(), whole);
        let mut bytes = Vec::new();
        for (index, symbol) in whole.iter().enumerate() {
            symbol.encode(index, set.len(), &mut bytes);
        }
        assert!(bytes.len() <= 100 * 15, "{}", bytes.len());
        let mut reader = Reader::new(&bytes);
        for (index, symbol) in whole.iter().enumerate() {
            assert_eq!(Symbol::decode(index, set.len(), &mut reader).as_ref(), Ok(symbol));
        }
        assert!(reader.is_at_end());
    }

    #[test]
    fn forged_symbols_come_to_an_end() {
        let forged = (1..200).map(|n| {
            let mut symbol = Symbol::default();
            symbol.add(mix(n), if n % 2 == 0 { 1 } else { -1 });
            symbol
        });
        let _ = decode(forged.collect());
    }
}
