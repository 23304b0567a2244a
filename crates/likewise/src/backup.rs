//! Backups: all likes of a node in one file, made while it serves, and merged back into any cluster.
//!
//! In reading order: [`mod@format`] (the bytes, and every bound), [`error`] (what can be wrong with them), [`writer`] and
//! [`reader`] (both push and pull, without files or sockets, so that node and client share them), then the
//! commands: [`keep`] (what becomes of a file that is being written), [`take`] and [`restore`].
//! `http/backup.rs` and `http/restore.rs` are the node's side.
//!
//! A backup is no copy of a data folder: it holds likes, and nothing that says who a node is or how it votes. To
//! restore is to merge, as mail from another node is merged, so it takes nothing back and may be repeated.

pub mod format;

pub mod error;

pub mod writer;

pub mod reader;

mod keep;

pub(crate) mod take;

pub(crate) mod restore;
