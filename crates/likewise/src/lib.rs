//! Likewise.
