//! Where threads, channels and the clock come from: the standard library, always.
//!
//! `crates/likewise-schedules` builds these sources once more over stand-ins, to try the writer under many
//! orders of its threads. The build script of that package alone sets `schedules`: no feature does.

#[cfg(not(schedules))]
pub(crate) use std::{
    sync::{Arc, Mutex, PoisonError, atomic, mpsc},
    thread,
    time::Instant,
};

#[cfg(schedules)]
pub(crate) use likewise_schedules::{
    sync::{Arc, Mutex, PoisonError, atomic, mpsc},
    thread,
    time::Instant,
};
