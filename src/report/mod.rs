//! What people and their tools read of a document: text for a terminal, a page for a browser, CSV for a spreadsheet.
//!
//! Each renderer is a function from a document to a writer; it prints nothing and measures nothing, so that an old document
//! renders again without a rerun. Where a figure is only a bound, or does not exist, every format says so.

pub mod audit;
pub mod capacity;
pub mod compare;
pub mod crypto;
pub mod csv;
#[cfg(test)]
mod golden;
pub mod hdr;
mod headline;
pub mod html;
mod latency;
mod law;
pub(crate) mod layout;
pub mod openmetrics;
pub mod plan;
pub mod results;
mod spark;
mod stages;
pub mod suites;
mod table;
pub mod text;
pub mod trial;
pub mod xlsx;

pub use layout::FULL;
