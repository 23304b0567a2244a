//! The laws of the lattice, the state against a model, and the formats against files kept for ever.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod golden;
mod laws;
mod model;
