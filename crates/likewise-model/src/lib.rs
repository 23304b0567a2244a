//! The linearizable protocol of Likewise in small, looked at in every order.
//!
//! Three voters, up to four clients, messages that are late, lost and out of order; and
//! [stateright](https://www.stateright.rs), which tries every way in which that can go. After each answer a
//! judge says whether one copy of the post, doing one thing at a time, could have answered so.
//!
//! What is checked here is the protocol, not its implementation: it is said once more, as shortly as possible.
//! Then it is said wrong, in each way that somebody has thought of, and the search must show a history that
//! clients could complain about. A search that finds nothing has proved nothing until then.
//!
//! Reading order: [`post`], what users see; [`protocol`], the rules by name; [`client`], what is asked and
//! what is made of the votes; [`voter`]; [`history`], the judge; [`world`], what may happen; [`scenario`], who
//! asks for what; [`search`], the verdict. `cargo test -p likewise-model -- --nocapture` shows the table.

pub mod post;

pub mod protocol;

pub mod client;

pub mod voter;

pub mod history;

pub mod state;

pub mod seats;

pub mod scenario;

pub mod world;

pub mod search;
