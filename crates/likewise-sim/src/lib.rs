//! A world that tries to break Likewise.
//!
//! Many machines in one thread, each with the real replica, the real membership and the real journal on a
//! disk in memory; between them a network that loses, repeats, delays and cuts, and around them clients that
//! repeat themselves. One seed decides everything, so whatever went wrong can be seen again:
//!
//! ```text
//! cargo run --release -p likewise-sim -- --seed 17          one run, line by line
//! cargo run --release -p likewise-sim -- --runs 10000       many, and the shortest way to what fails
//! ```
//!
//! A run has two parts. First everything may go wrong that its [`options`] and its [`schedule`] say; nothing
//! that was promised may be broken meanwhile. Then all is mended, and within a bounded time all nodes must
//! be equal, agree on who is there, and hold every like that a client was told of, once.
//!
//! Reading order: [`world`] and its modules, `machine`, `storage`, `network`, `clients`, `polls`; `electorate`; `model`, which knows
//! what must be true; [`run`], which makes a run of a seed, and looks for the shortest one that fails;
//! [`sweep`], which makes the same of many runs in whatever order they end.

pub mod chance;

pub mod clock;

pub mod options;

pub mod schedule;

pub mod trace;

pub mod world;

mod machine;

mod storage;

mod network;

mod clients;

mod polls;

mod electorate;

mod model;

pub mod run;

pub mod sweep;
