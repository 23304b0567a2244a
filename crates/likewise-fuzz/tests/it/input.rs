//! The inputs of a target by number, so that each can be made again by whoever knows its number.

use std::ops::Range;
use std::path::Path;

use likewise_fuzz::{MAX_INPUT, Target};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::mutation::mutate;

/// Makes the same inputs in each run, until somebody wants others.
const SEED: u64 = 0x6c69_6b65_7769_7365;

/// First the known ones: nothing at all, the seeds, what once broke the target. Then mutations without end.
pub(crate) struct Inputs {
    known: Vec<Vec<u8>>,
    /// Differs by target, so that they don't all get the same.
    seed: u64,
}

impl Inputs {
    pub(crate) fn new(target: &Target) -> Self {
        let mut known = vec![Vec::new()];
        known.extend((target.seeds)());
        known.extend(regressions(target.name));
        let seed =
            target.name.bytes().fold(SEED, |seed, byte| seed.rotate_left(5) ^ u64::from(byte));
        Self { known, seed }
    }

    pub(crate) fn known(&self) -> Range<u64> {
        0..self.known.len() as u64
    }

    /// Writes the known ones to the folder of the target under `corpus`, for cargo-fuzz to begin with.
    pub(crate) fn write_known(&self, target: &str, corpus: &Path) {
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        for (number, input) in self.known.iter().enumerate() {
            std::fs::write(folder.join(format!("known-{number}")), input).unwrap();
        }
    }

    pub(crate) fn mutations(&self, count: u64) -> Range<u64> {
        let first = self.known.len() as u64;
        first..first + count
    }

    pub(crate) fn make(&self, number: u64) -> Vec<u8> {
        if let Some(known) = self.known.get(number as usize) {
            return known.clone();
        }
        let mut random =
            SmallRng::seed_from_u64(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let pick = |random: &mut SmallRng| &self.known[random.random_range(0..self.known.len())];
        let mut input = pick(&mut random).clone();
        let other = pick(&mut random).clone();
        for _ in 0..random.random_range(1..6) {
            mutate(&mut input, &other, &mut random);
        }
        input.truncate(MAX_INPUT);
        input
    }
}

fn regressions(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions").join(name);
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}
