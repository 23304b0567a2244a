//! Which operations may be next: the events that are left, in a list that things can be taken out of and put
//! back into at once.
//!
//! Source: the list of J. Wing and C. Gong, 1993, as G. Lowe, 2017, has it.

use crate::steps::Step;

/// The begins and the ends of the steps that are left, by time.
#[derive(Debug)]
pub(crate) struct Timeline {
    events: Vec<Event>,
    /// Where each step's begin is, and its end if it has one.
    places: Vec<(usize, Option<usize>)>,
}

#[derive(Debug)]
struct Event {
    /// Of this step the begin, or the end, where a step that waits for it can't be next. No step stands at
    /// [`EDGE`].
    step: usize,
    is_end: bool,
    before: usize,
    after: usize,
}

/// The event before the first and after the last.
const EDGE: usize = 0;

impl Timeline {
    pub(crate) fn new(steps: &[Step]) -> Self {
        let mut order: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * steps.len());
        for (number, step) in steps.iter().enumerate() {
            order.push((step.begin, false, number));
            if step.ended {
                order.push((step.end, true, number));
            }
        }
        // At equal times begins come first: only what had ended strictly before is waited for.
        order.sort_unstable();
        let count = order.len() + 1;
        let mut events = vec![Event { step: 0, is_end: true, before: count - 1, after: 1 % count }];
        let mut places = vec![(EDGE, None); steps.len()];
        for (number, &(_, is_end, step)) in order.iter().enumerate() {
            let place = number + 1;
            events.push(Event { step, is_end, before: number, after: (place + 1) % count });
            if is_end {
                places[step].1 = Some(place);
            } else {
                places[step].0 = place;
            }
        }
        Self { events, places }
    }

    /// The steps that wait for no other: all that began before the first end.
    pub(crate) fn open(&self) -> impl Iterator<Item = usize> {
        let mut place = EDGE;
        std::iter::from_fn(move || {
            place = self.events[place].after;
            let event = &self.events[place];
            (!event.is_end).then_some(event.step)
        })
    }

    /// Takes a step out.
    pub(crate) fn take(&mut self, step: usize) {
        let (begin, end) = self.places[step];
        self.unlink(begin);
        if let Some(end) = end {
            self.unlink(end);
        }
    }

    /// Puts a step back. What was taken out last has to be put back first.
    pub(crate) fn put_back(&mut self, step: usize) {
        let (begin, end) = self.places[step];
        if let Some(end) = end {
            self.link(end);
        }
        self.link(begin);
    }

    fn unlink(&mut self, place: usize) {
        let Event { before, after, .. } = self.events[place];
        self.events[before].after = after;
        self.events[after].before = before;
    }

    fn link(&mut self, place: usize) {
        let Event { before, after, .. } = self.events[place];
        self.events[before].after = place;
        self.events[after].before = place;
    }
}
