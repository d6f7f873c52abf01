//! The result documents: plain data, versioned, one schema per experiment. Field names are the contract with scripts and
//! spreadsheets; a figure that does not exist is `null`, never 0. Nothing here knows the engine.

pub mod audit;
pub mod capacity;
pub mod compare;
pub mod crypto;
#[cfg(test)]
pub(crate) mod fixture;
pub mod folder;
pub mod intervals;
pub mod kept;
pub mod label;
pub mod law;
pub mod live;
pub mod plan;
pub mod run;
pub mod scenario;
#[cfg(test)]
mod schema;
pub mod suites;
pub mod trial;
