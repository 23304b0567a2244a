//! Stand-ins for the parts of the standard library that make threads, channels and time: whoever is
//! built over them runs in the order that [`shuttle`] chooses, one order after the other.
//!
//! The crate is for tests and is never shipped. The packages in `state` and `journal` build the sources
//! of the crates of these names once more, over these threads; nothing of the product is changed or
//! switched for it, so nothing can leak into the binary by a feature that cargo unifies.
//!
//! What the stand-ins can't show: memory orders weaker than sequentially consistent ones. There is one
//! atomic in what is tested, a flag that asks a snapshot to stop and that nothing else hangs on.

pub mod sync;

pub mod thread;

pub mod time;
