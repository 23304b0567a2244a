//! A Likewise node: sockets, timers, threads and files around the replica, and no protocol logic.
//!
//! How a like travels: [`http`] makes an operation of a request, [`node`] hands it to the replica, which
//! merges it; the journal makes it durable; the answer goes back the same way. [`server`] puts the parts
//! together and takes them apart again. [`args`] is what was typed, [`config`] what it means.

pub mod args;
pub mod banner;
pub mod client;
pub mod config;
pub mod http;
pub mod load;
pub mod metrics;
pub mod node;
pub mod server;
pub mod transfer;

pub use config::Config;
pub use server::{Server, StartError};
