//! The protocol under test: right in every order, and each mistake found.

mod right;
