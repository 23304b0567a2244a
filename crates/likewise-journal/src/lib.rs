//! The disk of a Likewise node. The state lives in memory; the disk is for coming back.
//!
//! ```text
//! submit ─┐
//! submit ─┼─> one record ─> one write ─> one fdatasync ─> Persisted ─> acknowledgements
//! submit ─┘       (a group commit)
//!
//! LOCK                      held while a process uses the folder
//! store                     whose folder this is: store id, node name, format version
//! incarnation               how often the store has been started
//! seats                     of a voter: what it keeps about votes
//! journal-0000000007.log    segments: records of merged deltas, of a size fixed when they are made
//! journal-0000000008.log
//! snapshot-0000000002.snap  the whole state; records in segments before it are no longer needed
//! snapshot-0000000003.snap  the newest two are kept, with the segments since the older one
//! ```
//!
//! Merging is idempotent, commutative and associative, and everything here leans on that: a snapshot
//! need not be a moment in time, recovery is "load the newest snapshot, merge every record since it
//! was begun", and to replay what the snapshot already holds changes nothing.
//!
//! What the journal promises, and what the tests hold it to:
//! - what was acknowledged under [`journal::Durability::Always`] is there after a power cut;
//! - damage is never passed over: a start with a damaged file is refused, and the error names the file,
//!   the offset, what was found and what can be done;
//! - a failed fsync is never tried again (the kernel may have dropped the data and forgotten it);
//! - a full disk tears nothing, because space is taken before it is needed.
//!
//! The modules, in reading order. All but [`writer`] know neither threads nor clocks, so a simulator
//! can run them on a disk that lies ([`disk::memory`]).

pub mod journal;

pub mod writer;

mod sync;

mod header;

mod record;

pub mod segment;

pub mod snapshot;

pub mod recovery;

pub mod store;

pub mod incarnation;

pub mod seats;

pub mod disk;

pub mod figures;

pub mod error;

pub mod limits;
