//! What clients do, and what nodes answer them.

use std::time::Duration;

use likewise_replica::input::Input;
use likewise_replica::output::Answer;
use likewise_replica::trace::TraceContext;
use likewise_replica::write::RequestId;
use likewise_state::length::CausalLength;

use super::{Happening, World};
use crate::clients::{ATTEMPTS_MAX, Asked, PATIENCE};

impl World {
    /// A client makes its next request.
    pub(super) fn act(&mut self, client: usize) {
        let it = &mut self.clients[client];
        if it.left > 0 {
            it.left -= 1;
            let operation = it.new_operation(&mut self.model);
            self.ask(client, operation);
        }
    }

    /// Asks some machine, once or with repetitions, and waits for an answer.
    fn ask(&mut self, client: usize, operation: usize) {
        let duplicates = if self.is_calm { 0.0 } else { self.options.duplicates };
        let it = &mut self.clients[client];
        it.operations[operation].attempts += 1;
        let attempt = it.operations[operation].attempts;
        for late in it.copies(duplicates) {
            let machine = self.clients[client].choice(self.machines.len());
            let wait = late + self.network.one_way();
            self.after(wait, Happening::Request { client, operation, machine });
        }
        self.after(PATIENCE, Happening::Refused { client, operation, attempt });
    }

    /// A request arrives at a machine.
    pub(super) fn request(&mut self, client: usize, operation: usize, machine: usize) {
        let asked = Asked { client, operation };
        let attempt = self.clients[client].operations[operation].attempts;
        if !self.machines[machine].is_open() {
            let wait = self.network.one_way() + Duration::from_millis(5);
            return self.after(wait, Happening::Refused { client, operation, attempt });
        }
        let operation = &self.clients[client].operations[operation];
        for wish in operation.wishes.iter().filter(|wish| wish.target().is_none()) {
            self.model.asked_for_one_more(wish.key);
        }
        let (trace, span) = ([client as u8; 16], [asked.operation as u8; 8]);
        let writes = operation.writes(&self.model).traced(TraceContext { trace, span, flags: 1 });
        let node = self.machines[machine].node.as_mut().expect("it is open");
        node.requests_taken += 1;
        let request = RequestId(node.requests_taken);
        node.requests.insert(request.0, asked);
        self.say(machine, "request", request.0, || {
            format!("client {client}, operation {}, {} writes", asked.operation, writes.len())
        });
        self.put_before(machine, Input::Write { request, writes });
    }

    /// A node answers.
    pub(super) fn answer(&mut self, machine: usize, request: RequestId, answer: Answer) {
        let node = self.machines[machine].node.as_mut().expect("it has just answered");
        if let Some(cast) = node.casts.remove(&request.0) {
            return self.voters_answer(machine, request, cast, answer);
        }
        let is_durable = node.storage.as_ref().is_some_and(|storage| storage.is_durable());
        let Some(Asked { client, operation }) = node.requests.remove(&request.0) else {
            return self.fail("each request is answered once", format!("n{machine}: {request:?}"));
        };
        let outcomes = match answer {
            Answer::Done(outcomes) => outcomes,
            refused => {
                self.figures.overloads += u64::from(refused == Answer::Overloaded);
                self.say(machine, "refuse", request.0, || format!("{refused:?}"));
                let attempt = self.clients[client].operations[operation].attempts;
                let wait = self.network.one_way() + Duration::from_millis(20);
                return self.after(wait, Happening::Refused { client, operation, attempt });
            }
        };
        let wishes = self.clients[client].operations[operation].wishes.clone();
        let mut lengths = Vec::with_capacity(wishes.len());
        for (wish, outcome) in wishes.iter().zip(&outcomes) {
            let Ok(written) = outcome else {
                let detail = format!("n{machine}: {:?}: {outcome:?}", wish.key);
                return self.fail("no honest client is refused", detail);
            };
            let length = written.length.value();
            if wish.target().is_some_and(|target| length < target) {
                let detail = format!("n{machine}: {:?}: {length} of {:?}", wish.key, wish.target());
                return self.fail("an answer is what was asked for, or more", detail);
            }
            lengths.push(length);
            let told = self.model.told(machine, wish.key, length, is_durable);
            self.check("a client is told of what is durable only", machine, told);
        }
        self.say(machine, "answer", request.0, || format!("{lengths:?}"));
        let wait = self.network.one_way();
        if !self.clients[client].answer_is_lost(if self.is_calm { 0.0 } else { self.options.loss })
        {
            self.after(wait, Happening::Answered { client, operation, lengths });
        }
    }

    /// A client hears an answer: the first counts.
    pub(super) fn answered(&mut self, client: usize, operation: usize, lengths: &[u32]) {
        let it = &mut self.clients[client];
        let wishes = it.operations[operation].wishes.clone();
        for (wish, &length) in wishes.iter().zip(lengths) {
            it.saw(wish.key, CausalLength::new(length).expect("a node has told it"));
        }
        if !std::mem::replace(&mut it.operations[operation].is_done, true) {
            self.rest_client(client);
        }
    }

    /// A client has waited for too long, or was turned away: it asks again, for as often as it does.
    pub(super) fn refused(&mut self, client: usize, operation: usize, attempt: u32) {
        let known = &mut self.clients[client].operations[operation];
        if known.is_done || known.attempts != attempt {
            return;
        }
        if attempt < ATTEMPTS_MAX {
            return self.ask(client, operation);
        }
        known.is_done = true;
        self.rest_client(client);
    }

    fn rest_client(&mut self, client: usize) {
        let wait = self.clients[client].rest(self.options.rest);
        self.after(wait, Happening::Act { client });
    }
}
