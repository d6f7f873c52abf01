//! From recorded times to figures that can be trusted: recorders, their summary with confidence intervals, a test for drift,
//! and comparisons of what was measured in rounds or apart. Pure: no clock, no I/O, no threads.

pub mod batches;
pub mod compare;
pub mod encoded;
pub mod interval;
pub mod judge;
pub mod means;
pub mod order;
pub mod recorder;
pub mod rounds;
pub mod search;
pub mod steady;
pub mod summary;
pub mod usl;

#[cfg(test)]
mod compare_simulation;
#[cfg(test)]
pub(crate) mod simulation;
