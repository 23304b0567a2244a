//! The checker under test: histories whose verdict is known by hand, by trying every order, and by how they
//! were made.

mod atomic;
mod chance;
mod known;
mod model;
mod post;
mod random;
mod seen;
