//! What objects for Kubernetes must be and no schema sees.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod shape;

mod connections;

mod pods;

mod security;

mod settings;

mod client;

mod chart;

mod image;
