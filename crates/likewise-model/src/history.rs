//! What the clients saw: which operation was over before which began, and the answers.
//!
//! Nothing more may be in it, or states that differ in nothing that matters would be looked at again. For
//! each operation it keeps the set of those that were over when it began; [`History::is_linearizable`]
//! makes a sequence of calls and returns of it and hands that to stateright.

use stateright::semantics::{ConsistencyTester, LinearizabilityTester};

use crate::post::{Answer, Op, Post};

/// One operation that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// Whose it is.
    pub client: u8,
    /// What it is.
    pub op: Op,
    /// Which calls were over when it began, one bit each.
    before: u8,
    /// Whether anybody else may have seen something of it. A read shows nothing.
    shows: bool,
    /// What the client was told, if it was.
    pub answer: Option<Answer>,
}

/// All calls of all clients, each at its fixed place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct History(Vec<Option<Call>>);

impl History {
    /// Room for so many calls.
    #[must_use]
    pub fn new(calls: usize) -> Self {
        assert!(calls <= 8, "{calls} calls do not fit into the bits of a byte: ask for fewer");
        Self(vec![None; calls])
    }

    /// The call at a place begins.
    pub fn call(&mut self, place: usize, client: usize, op: Op) {
        let is_over = |call: &Option<Call>| call.is_some_and(|call| call.answer.is_some());
        let over = (0..self.0.len()).filter(|place| is_over(&self.0[*place]));
        let before = over.fold(0, |bits, place| bits | 1 << place);
        let client = u8::try_from(client).expect("clients are few");
        self.0[place] = Some(Call { client, op, before, shows: false, answer: None });
    }

    /// Others may have seen something of it from now on.
    pub fn shows(&mut self, place: usize) {
        self.begun(place).shows = true;
    }

    /// The client is told.
    pub fn answer(&mut self, place: usize, answer: Answer) {
        self.begun(place).answer = Some(answer);
    }

    fn begun(&mut self, place: usize) -> &mut Call {
        self.0[place].as_mut().expect("only what has begun goes on")
    }

    /// What has begun, in places of the scenario.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.0.iter().flatten()
    }

    /// Whether one copy that does one operation at a time could have answered so.
    ///
    /// A write that was never answered may have happened or not. A like without `seen` that has written
    /// nothing yet has not happened, and the judge is not even told of it: this is stricter.
    #[must_use]
    pub fn is_linearizable(&self, start: Post) -> bool {
        let mut places: Vec<usize> = (0..self.0.len()).collect();
        let matters = |call: &Call| call.answer.is_some() || call.shows;
        places.retain(|place| self.0[*place].as_ref().is_some_and(matters));
        // What was over is a set that only grows, so its size tells who began first.
        places.sort_by_key(|place| self.0[*place].map(|call| call.before.count_ones()));
        let mut judge = LinearizabilityTester::new(start);
        let mut told = 0_u8;
        for place in places {
            let Some(call) = self.0[place] else { continue };
            self.tell(&mut judge, &mut told, call.before);
            judge.on_invoke(call.client, call.op).expect("a client does one thing at a time");
        }
        self.tell(&mut judge, &mut told, u8::MAX);
        judge.is_consistent()
    }

    fn tell(&self, judge: &mut LinearizabilityTester<u8, Post>, told: &mut u8, over: u8) {
        for (place, call) in self.0.iter().enumerate() {
            let bit = 1 << place;
            if let Some(Call { client, answer: Some(answer), .. }) = call
                && over & bit != 0
                && *told & bit == 0
            {
                judge.on_return(*client, *answer).expect("what is answered was asked");
                *told |= bit;
            }
        }
    }
}
