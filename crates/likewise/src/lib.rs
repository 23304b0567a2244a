//! A Likewise node: sockets, timers, threads and files around the replica, and no protocol logic.
//!
//! How a like travels: [`http`] makes an operation of a request, [`node`] hands it to the replica, which
//! merges it; the journal makes it durable; the answer goes back the same way. [`server`] puts the parts
//! together and takes them apart again. [`args`] is what was typed, [`config`] what it means.

pub mod http;

pub mod node;

pub mod cluster;

pub mod server;

pub mod metrics;

pub mod traces;

pub mod args;

pub mod config;

pub mod consistency;

pub mod access;

pub mod banner;

pub mod logging;

pub mod signals;

pub mod open_files;

pub mod commands;

pub mod client;

pub mod transfer;

pub mod backup;

pub mod load;

mod reload;

mod demo;

#[doc(hidden)]
pub mod fuzz;

pub use config::Config;
pub use server::Server;
pub use server::error::StartError;
