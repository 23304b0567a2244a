//! Inputs of several steps: bytes that say what happens, and in which order.

/// The longest input that the harness makes. Longer ones find nothing that these don't, and take longer.
pub const MAX_INPUT: usize = 64 << 10;

/// Takes pieces from the front of an input. Where it ends early the rest is what is left, or nothing.
pub(crate) struct Script<'a>(pub(crate) &'a [u8]);

impl<'a> Script<'a> {
    /// The next byte; 0 at the end.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// The next number, little-endian.
    pub(crate) fn u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        bytes.iter_mut().for_each(|byte| *byte = self.byte());
        u64::from_le_bytes(bytes)
    }

    /// The next piece behind its length in two bytes; `None` at the end.
    pub(crate) fn piece(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let len = usize::from(u16::from_le_bytes([self.byte(), self.byte()]));
        let (piece, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        Some(piece)
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

/// What [`Script::piece`] gives back.
pub(crate) fn put_piece(script: &mut Vec<u8>, piece: &[u8]) {
    let len = u16::try_from(piece.len()).expect("seeds are short");
    script.extend_from_slice(&len.to_le_bytes());
    script.extend_from_slice(piece);
}

/// Some pieces in a row.
pub(crate) fn pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut script = Vec::new();
    pieces.into_iter().for_each(|piece| put_piece(&mut script, piece));
    script
}
