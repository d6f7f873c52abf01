//! From recorded times to figures that can be trusted: recorders, their summary with confidence intervals, and a test for
//! drift. Pure: no clock, no I/O, no threads.

pub mod batches;
pub mod interval;
pub mod order;
pub mod recorder;
pub mod steady;
pub mod summary;

#[cfg(test)]
mod simulation;
