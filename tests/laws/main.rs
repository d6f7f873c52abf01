//! The laws that every figure obeys, checked with the built binary against servers that are not ours and keep their own log: what was
//! scheduled arrives, a queue's waiting is measured in full, each misbehaviour has its name, and as many are counted as were asked for.

mod arrivals;
mod bounded;
#[path = "../common/mod.rs"]
mod common;
mod connects;
mod counts;
mod generator;
mod handshakes;
mod misbehaviour;
mod noise;
mod waiting;
