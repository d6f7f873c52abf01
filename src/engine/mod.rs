//! The engine: the only sockets, threads and clocks of a load run.
//!
//! A coordinator starts one worker per thread. A worker owns its poll, its connections, its share of the schedule, its timers, its
//! recorders and its TLS configurations; nothing is shared on the hot path. [`run`] is the one way in.

mod address;
mod agreed;
mod clock;
pub mod control;
mod coordinator;
mod dispatch;
mod drive;
mod finish;
mod gaps;
pub mod intervals;
pub mod ledger;
mod opening;
pub mod outcome;
mod session;
mod shared;
mod slot;
mod spare;
mod storm;
mod timers;
mod worker;

pub use address::Addresses;
pub use coordinator::{Event, run};
