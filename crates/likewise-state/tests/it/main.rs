//! The laws of the lattice, the state against a model, and the formats against files kept for ever.

mod golden;
mod laws;
mod model;
