//! What may happen to bytes: the changes that decoders break at.

use likewise_fuzz::MAX_INPUT;
use rand::RngExt;
use rand::rngs::SmallRng;

/// Numbers at which something overflows, wraps or is taken for a length.
const EXTREMES: [u64; 16] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
];

/// What formats of text break at.
const WORDS: [&str; 18] = [
    "18446744073709551615",
    "18446744073709551616",
    "2147483648",
    "-1",
    "1e999",
    "0",
    "null",
    "true",
    "\"\"",
    "[",
    "{\"a\":",
    "\\ud800",
    "%00",
    "%ff",
    "\r\n",
    "\0",
    "\u{feff}",
    "content-length: ",
];

/// Changes `input` in one way. `other` is another input of the same target.
pub(crate) fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut SmallRng) {
    let at = random.random_range(0..=input.len());
    match random.random_range(0..12) {
        0 => flip(input, random),
        1 => input.truncate(at),
        2 => drop(input.drain(at..(at + random.random_range(1..16)).min(input.len()))),
        3 => {
            // The front of one and the back of another.
            let from = random.random_range(0..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        4 => {
            let from = random.random_range(0..=other.len());
            let to = random.random_range(from..=other.len());
            insert(input, at, &other[from..to]);
        }
        5 => insert(input, at, &extreme(random)),
        6 => overwrite(input, at, &extreme(random)),
        7 => repeat(input, at, random),
        8 => insert(input, at, WORDS[random.random_range(0..WORDS.len())].as_bytes()),
        9 => inflate(input, random),
        10 => {
            let noise: Vec<u8> = (0..random.random_range(1..32)).map(|_| random.random()).collect();
            overwrite(input, at, &noise);
        }
        _ => match random.random_range(0..4) {
            // Now and then nothing of what makes sense.
            0 => *input = (0..random.random_range(0..400)).map(|_| random.random()).collect(),
            _ => flip(input, random),
        },
    }
}

fn flip(input: &mut [u8], random: &mut SmallRng) {
    for _ in 0..random.random_range(1..4) {
        if !input.is_empty() {
            let at = random.random_range(0..input.len());
            input[at] ^= 1 << random.random_range(0..8);
        }
    }
}

/// A number that is too large for something, as any format writes it.
fn extreme(random: &mut SmallRng) -> Vec<u8> {
    let number = EXTREMES[random.random_range(0..EXTREMES.len())];
    match random.random_range(0..9) {
        0 => (number as u8).to_le_bytes().to_vec(),
        1 => (number as u16).to_le_bytes().to_vec(),
        2 => (number as u16).to_be_bytes().to_vec(),
        3 => (number as u32).to_le_bytes().to_vec(),
        4 => (number as u32).to_be_bytes().to_vec(),
        5 => number.to_le_bytes().to_vec(),
        6 => number.to_be_bytes().to_vec(),
        7 => number.to_string().into_bytes(),
        _ => {
            let mut bytes = Vec::new();
            likewise_state::codec::put_varint(&mut bytes, number);
            bytes
        }
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    drop(input.splice(at..at, bytes.iter().copied()));
}

fn overwrite(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = (at + bytes.len()).min(input.len());
    drop(input.splice(at..end, bytes.iter().copied()));
}

/// The same block again and again: what nests or adds up.
fn repeat(input: &mut Vec<u8>, at: usize, random: &mut SmallRng) {
    let end = (at + random.random_range(1..40)).min(input.len());
    let block = input[at..end].to_vec();
    let times = 1usize << random.random_range(0..13);
    let room = MAX_INPUT.saturating_sub(input.len()) / block.len().max(1);
    insert(input, at, &block.repeat(times.min(room)));
}

/// A number that is there becomes larger: a length says more than there is.
fn inflate(input: &mut [u8], random: &mut SmallRng) {
    if input.is_empty() {
        return;
    }
    let at = random.random_range(0..input.len());
    let step = 1u8 << random.random_range(0..8);
    input[at] = input[at].saturating_add(step);
    if let Some(next) = input.get_mut(at + 1).filter(|_| random.random()) {
        *next = 0xff;
    }
}
