//! What two sets differ in, for the price of the difference: a rateless invertible Bloom lookup table.
//!
//! Each side turns its set of words into a stream of coded symbols without end. Symbol 0 is the exclusive
//! or of all words, symbol i that of each with a probability of about 1 / (1 + i / 2). The difference of
//! the two streams is the stream of the difference: whatever both sets hold cancels out. A symbol that is
//! left with one word names it, and naming it takes it out of all other symbols. About 1.35 to 1.75
//! symbols a difference are enough, whatever the sizes of the sets, and nobody has to guess the difference
//! before.
//!
//! A word is 48 bits of a hash with 16 bits of check, and a symbol is no more than that. The paper's symbols
//! count their words too, which tells whose a word is that is left; but who looks for its entry knows that
//! anyway. What is named wrongly (2^-16 a symbol, and less where the symbol would not hold the word) is
//! found once more and put back. Two words of 48 bits that are equal hide each other or are both
//! sent, and the next round, which uses another salt, finds what this one missed.
//!
//! Source: L. Yang, Y. Gilad and M. Alizadeh, "Practical rateless set reconciliation", SIGCOMM 2024.

use std::collections::BTreeMap;

/// Bits of a word that are hash; those above are check.
const HASH_BITS: u32 = 48;

/// The word of an entry with this hash, as one round sees it. Another salt makes all other words.
#[must_use]
pub const fn word(hash: u64, salt: u64) -> u64 {
    let hash = salted(hash, salt) & ((1 << HASH_BITS) - 1);
    hash | check(hash) << HASH_BITS
}

/// A number that tells nothing of `hash` to another round.
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

const fn check(hash: u64) -> u64 {
    mix(hash ^ 0x6c69_6b65_7769_7365) >> HASH_BITS
}

/// Whether symbol number `index` is left with one word.
fn names_one(symbol: u64, index: usize) -> bool {
    let hash = symbol & ((1 << HASH_BITS) - 1);
    symbol != 0 && check(hash) == symbol >> HASH_BITS && Indexes::of(symbol).hold(index)
}

/// The symbols that a word is part of, in ascending order.
#[derive(Clone, Copy)]
struct Indexes {
    seed: u64,
    next: u32,
}

impl Indexes {
    const fn of(word: u64) -> Self {
        Self { seed: word, next: 0 }
    }

    /// The next one below `end`. The gaps grow so that symbol i is chosen with probability 1 / (1 + i/2).
    fn below(&mut self, end: usize) -> Option<usize> {
        let index = self.next;
        if index as usize >= end {
            return None;
        }
        self.seed = mix(self.seed);
        // Uniform in (0, 1], by 32 bits. Square roots are exact in IEEE 754, so all nodes agree.
        let uniform = ((self.seed >> 32) as f64 + 1.0) / (1u64 << 32) as f64;
        let gap = ((f64::from(index) + 1.5) * (uniform.sqrt().recip() - 1.0)).ceil();
        // A gap beyond the numbers of 32 bits is as good as none: nobody makes so many symbols.
        self.next = index.saturating_add((gap as u32).max(1));
        Some(index as usize)
    }

    fn hold(mut self, index: usize) -> bool {
        while let Some(held) = self.below(index + 1) {
            if held == index {
                return true;
            }
        }
        false
    }
}

/// Makes the symbols of a set, as many as are asked for and each once. The work can be done in pieces.
#[derive(Default)]
pub struct Encoder {
    cursors: Vec<Cursor>,
    /// How many of them have been added to the symbols under way.
    added: usize,
    /// How many symbols have been given out.
    made: usize,
    symbols: Vec<u64>,
}

/// A word, and where it is in its own indexes.
struct Cursor {
    word: u64,
    indexes: Indexes,
}

impl Encoder {
    /// Adds a word to the set, before any symbol is given out.
    pub fn insert(&mut self, word: u64) {
        debug_assert!(self.made == 0, "the symbols given out lack it");
        self.cursors.push(Cursor { word, indexes: Indexes::of(word) });
    }

    /// How many symbols have been given out.
    #[must_use]
    pub const fn made(&self) -> usize {
        self.made
    }

    /// Works on the symbols up to number `to`, for `words` words, and answers how many it took: less than
    /// that where it is done. O(words), and O(words log to) for all symbols.
    pub fn advance(&mut self, to: usize, words: usize) -> usize {
        self.symbols.resize(to.saturating_sub(self.made), 0);
        let until = self.cursors.len().min(self.added + words);
        for Cursor { word, indexes } in &mut self.cursors[self.added..until] {
            while let Some(index) = indexes.below(to) {
                self.symbols[index - self.made] ^= *word;
            }
        }
        let taken = until - self.added;
        self.added = until;
        taken
    }

    /// The symbols since the last that were given out, up to number `to`. O(words) for what
    /// [`Self::advance`] has not done.
    pub fn symbols(&mut self, to: usize) -> Vec<u64> {
        self.advance(to, usize::MAX - self.added);
        self.added = 0;
        self.made = to.max(self.made);
        std::mem::take(&mut self.symbols)
    }
}

/// The words in which two sets differ whose symbols from number 0 on differ by `symbols`, or how many could
/// be named where more symbols are needed. O(differences log symbols).
///
/// # Errors
/// That number.
pub fn decode(mut symbols: Vec<u64>) -> Result<Vec<u64>, usize> {
    // Whether a word is still taken for a difference.
    let mut named: BTreeMap<u64, bool> = BTreeMap::new();
    let mut ready: Vec<usize> =
        (0..symbols.len()).filter(|&index| names_one(symbols[index], index)).collect();
    // Each word is taken out once, and put back where that was wrong; forged symbols could go on for ever.
    let mut left = 2 * symbols.len() + 8;
    while let Some(at) = ready.pop() {
        let word = symbols[at];
        if !names_one(word, at) {
            continue;
        }
        // A word that was named wrongly stands alone where it should not have been taken out. It is put
        // back there, and would be named by the same symbol again, and so on.
        let is_new = !named.contains_key(&word);
        if left == 0 || named.get(&word) == Some(&false) {
            continue;
        }
        left -= 1;
        named.insert(word, is_new);
        let mut indexes = Indexes::of(word);
        while let Some(index) = indexes.below(symbols.len()) {
            symbols[index] ^= word;
            if names_one(symbols[index], index) {
                ready.push(index);
            }
        }
    }
    let found: Vec<u64> =
        named.into_iter().filter_map(|(word, is_found)| is_found.then_some(word)).collect();
    if symbols.iter().all(|&symbol| symbol == 0) { Ok(found) } else { Err(found.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoder(words: &[u64]) -> Encoder {
        let mut encoder = Encoder::default();
        words.iter().for_each(|&word| encoder.insert(word));
        encoder
    }

    /// How many symbols it takes, one more at a time, and the difference.
    fn reconcile(ours: &[u64], theirs: &[u64]) -> (usize, Vec<u64>) {
        for end in 1.. {
            let (ours, theirs) = (encoder(ours).symbols(end), encoder(theirs).symbols(end));
            let difference = ours.iter().zip(&theirs).map(|(a, b)| a ^ b).collect();
            if let Ok(found) = decode(difference) {
                return (end, found);
            }
        }
        unreachable!("the loop has no end")
    }

    fn words(numbers: std::ops::Range<u64>) -> Vec<u64> {
        numbers.map(|n| word(n, 7)).collect()
    }

    #[test]
    fn equal_sets_take_one_symbol() {
        assert_eq!(reconcile(&words(0..1_000), &words(0..1_000)), (1, vec![]));
    }

    #[test]
    fn exactly_the_difference_is_found_for_less_than_two_symbols_each() {
        for (ours, theirs) in [(0..1, 0..0), (0..50, 10..80), (0..1_000, 100..1_003)] {
            let (count, found) = reconcile(&words(ours.clone()), &words(theirs.clone()));
            let all = ours.start..ours.end.max(theirs.end);
            let differing = all.filter(|n| ours.contains(n) != theirs.contains(n));
            let mut expected: Vec<u64> = differing.map(|n| word(n, 7)).collect();
            expected.sort_unstable();
            assert_eq!(found, expected);
            assert!(count <= 2 * found.len() + 8, "{count} symbols for {}", found.len());
        }
    }

    #[test]
    fn symbols_are_the_same_in_parts_and_in_pieces_of_work() {
        let set = words(0..5_000);
        let whole = encoder(&set).symbols(100);
        let mut parts = encoder(&set);
        assert_eq!([parts.symbols(40), parts.symbols(40), parts.symbols(100)].concat(), whole);
        let mut pieces = encoder(&set);
        let mut taken = Vec::new();
        while taken.last() != Some(&0) {
            taken.push(pieces.advance(100, 2_000));
        }
        assert_eq!(taken, [2_000, 2_000, 1_000, 0]);
        assert_eq!(pieces.symbols(100), whole);
    }

    #[test]
    fn a_word_that_is_named_wrongly_is_put_back() {
        let looks_like_one = |&(a, b): &(u64, u64)| names_one(a ^ b, 0);
        let pair = (0..).map(|n| (word(2 * n, 7), word(2 * n + 1, 7))).find(looks_like_one);
        let (a, b) = pair.expect("one in 65,536 does");
        assert_eq!(decode(encoder(&[a, b]).symbols(1)), Ok(vec![a ^ b]));
        assert_eq!(decode(encoder(&[a, b]).symbols(20)), Ok(vec![a.min(b), a.max(b)]));
    }

    #[test]
    fn forged_symbols_come_to_an_end() {
        let _ = decode((1..200).map(|n| word(n, 7)).collect());
    }
}
