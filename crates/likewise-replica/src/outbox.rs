//! What one peer has not been told yet, and what it has been told but has not acknowledged.
//!
//! It holds places, not entries: the length is looked up when a frame is made, so a like that changes
//! while it waits is sent once, as it is then. It never grows beyond a bound: at the bound it is emptied,
//! and repair finds what was in it.
//!
//! Beside the places it holds where their writes belong in traces, for a peer that wants to know.

use std::collections::VecDeque;
use std::time::Duration;

use likewise_state::chunk::ChunkWriter;
use likewise_state::place::Place;
use likewise_state::state::State;

use crate::limits::Bounds;
use crate::message::Message;
use crate::trace::{TraceContext, Waiting};

/// The outbox of one open link.
pub(crate) struct Outbox {
    bounds: Bounds,
    places: VecDeque<Place>,
    contexts: Waiting,
    /// A frame that goes right behind its contexts.
    behind: Option<Message>,
    /// Since when the oldest of them waits.
    waiting_since: Option<Duration>,
    /// Slots to be sent as a whole.
    whole: VecDeque<u16>,
    /// The stream that the slots are sent in, while it lasts, and what is ready of it.
    stream: Option<ChunkWriter>,
    chunks: VecDeque<Vec<u8>>,
    chunks_sent: u64,
    in_flight: VecDeque<Frame>,
    last_frame: u64,
    /// When the next frame that is not full may go.
    due: Duration,
}

struct Frame {
    number: u64,
    entries: usize,
    since: Duration,
}

impl Outbox {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            places: VecDeque::new(),
            contexts: Waiting::default(),
            behind: None,
            waiting_since: None,
            whole: VecDeque::new(),
            stream: None,
            chunks: VecDeque::new(),
            chunks_sent: 0,
            in_flight: VecDeque::new(),
            last_frame: 0,
            due: Duration::ZERO,
        }
    }

    /// Adds an entry. False where that emptied the outbox because it was full.
    pub(crate) fn push(&mut self, place: Place, now: Duration) -> bool {
        self.waiting_since.get_or_insert(now);
        self.places.push_back(place);
        if self.places.len() <= self.bounds.outbox_entries {
            return true;
        }
        self.places = VecDeque::new();
        self.contexts.clear();
        self.waiting_since = None;
        false
    }

    /// What was added last belongs to a trace.
    pub(crate) fn trace(&mut self, context: TraceContext) {
        // Where the outbox has just been emptied, it goes by repair and without.
        if !self.places.is_empty() {
            self.contexts.push(self.places.len(), context);
        }
    }

    /// How many entries more it can hold.
    pub(crate) fn room(&self) -> usize {
        self.bounds.outbox_entries.saturating_sub(self.places.len())
    }

    /// Adds whole slots.
    pub(crate) fn push_whole(&mut self, slots: impl Iterator<Item = u16>) {
        for slot in slots {
            if !self.whole.contains(&slot) {
                self.whole.push_back(slot);
            }
        }
    }

    /// Takes back what the peer has made durable.
    pub(crate) fn acknowledged(&mut self, frame: u64) {
        while self.in_flight.front().is_some_and(|first| first.number <= frame) {
            self.in_flight.pop_front();
        }
    }

    /// The next frame, where one is due, or the contexts that go before it.
    pub(crate) fn poll(&mut self, state: &State, now: Duration, tick: Duration) -> Option<Message> {
        if let Some(frame) = self.behind.take() {
            return Some(frame);
        }
        if self.in_flight.len() >= self.bounds.frames_in_flight {
            return None;
        }
        let is_due = self.places.len() >= self.bounds.frame_entries || now >= self.due;
        if !self.places.is_empty() && is_due {
            self.due = now + tick;
            let since = self.waiting_since.take().unwrap_or(now);
            let taken = self.places.len().min(self.bounds.frame_entries);
            let mut places: Vec<Place> = self.places.drain(..taken).collect();
            places.sort_unstable();
            places.dedup();
            self.waiting_since = (!self.places.is_empty()).then_some(since);
            let delta = state.delta_of(&places);
            let frame = self.frame(delta.len(), since);
            let (contexts, delta) = (self.contexts.take(taken), Message::Delta { frame, delta });
            if contexts.is_empty() {
                return Some(delta);
            }
            self.behind = Some(delta);
            return Some(Message::Contexts { frame, contexts });
        }
        let chunk = self.next_chunk(state)?;
        self.chunks_sent += 1;
        let frame = self.frame(0, now);
        Some(Message::Chunk { frame, first: self.chunks_sent == 1, chunk })
    }

    fn frame(&mut self, entries: usize, since: Duration) -> u64 {
        self.last_frame += 1;
        self.in_flight.push_back(Frame { number: self.last_frame, entries, since });
        self.last_frame
    }

    fn next_chunk(&mut self, state: &State) -> Option<Vec<u8>> {
        loop {
            if let Some(chunk) = self.chunks.pop_front() {
                return Some(chunk);
            }
            match self.whole.pop_front() {
                Some(slot) => {
                    if self.stream.is_none() {
                        self.chunks_sent = 0;
                    }
                    let stream = self.stream.get_or_insert_default();
                    self.chunks = stream.slot(state, usize::from(slot)).into();
                }
                None => return self.stream.take()?.finish(),
            }
        }
    }

    /// When [`Self::poll`] has something to give, if nothing else happens before.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let is_open = self.in_flight.len() < self.bounds.frames_in_flight;
        if is_open && self.is_sending_whole() {
            return Some(Duration::ZERO);
        }
        (is_open && !self.places.is_empty()).then_some(self.due)
    }

    /// Whether whole slots are still to be sent.
    pub(crate) fn is_sending_whole(&self) -> bool {
        !self.whole.is_empty() || !self.chunks.is_empty() || self.stream.is_some()
    }

    /// The number of the last frame that was sent.
    pub(crate) const fn last_frame(&self) -> u64 {
        self.last_frame
    }

    /// Whether the peer has acknowledged all frames up to this one.
    pub(crate) fn has_acknowledged(&self, frame: u64) -> bool {
        self.in_flight.front().is_none_or(|first| first.number > frame)
    }

    /// Whether the peer has acknowledged everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.in_flight.is_empty() && !self.is_sending_whole()
    }

    /// Entries that wait to be sent.
    pub(crate) fn waiting(&self) -> usize {
        self.places.len()
    }

    /// Frames that the peer has not acknowledged.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Entries that the peer has not acknowledged.
    pub(crate) fn entries(&self) -> usize {
        self.places.len() + self.in_flight.iter().map(|frame| frame.entries).sum::<usize>()
    }

    /// How long the oldest of them has been waiting.
    pub(crate) fn lag(&self, now: Duration) -> Duration {
        let oldest = self.in_flight.front().map(|frame| frame.since).or(self.waiting_since);
        oldest.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }
}
