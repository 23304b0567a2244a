//! A cluster from outside: real processes, real packets, and what may go wrong between them.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![expect(clippy::print_stderr, reason = "a failed test shows what its nodes said")]

mod ask;
mod nodes;

mod load;
mod record;

mod holdings;
mod steady;
mod update;

mod faults;
mod leaving;
mod rolling;

mod partition;
mod wires;

mod voters;

mod backups;

mod original;

mod strangers;

mod histories;
mod witnesses;

mod demonstration;
mod events;

mod collector;
mod traces;
