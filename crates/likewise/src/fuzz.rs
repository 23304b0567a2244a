//! Doors for the fuzz targets of `crates/likewise-fuzz`: decoders of this crate that only its own callers
//! may use, each as a function of bytes.
//!
//! A hidden module, and no cargo feature: with a feature the crate would be compiled a second time for the
//! workspace's tests, and the bytes would meet other code than that which is shipped. Nothing in the program
//! calls these functions, so none of them is in it. They are no interface: they change as they like.

mod access;

mod client;

mod cluster;

pub use crate::http::fuzz::{
    BulkWrite, Parameter, Service, bulk_line, bulk_lines, certificates, client_address,
    cursor_after, network_holds, parameters, user_of_cursor,
};
pub use access::{Gate, jwks_file, tokens_file};
pub use client::{cluster_table, counts, import_answer, import_batches};
pub use cluster::{Noise, hello, hello_of, key_file, remembered};
