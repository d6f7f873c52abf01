//! The built command against servers that nobody here wrote: nginx, haproxy and OpenSSL. Each suite by itself, resumption, trust,
//! client certificates, bodies both ways. What the document says is held against the server's own log, exactly: a load generator
//! that miscounts by one request measures something else. `tests/all.sh` runs these with `--include-ignored`, where the peers are
//! installed; everything stays on the loopback interface.
//!
//! A run here is short and shares its machine with other tests, so its verdict may well be INVALID (exit 3): the counts must
//! hold all the same, and no time is asserted.

mod addresses;
mod bodies;
mod browser;
mod capacity;
#[path = "../common/mod.rs"]
mod common;
mod comparison;
mod generator;
mod haproxy;
mod histograms;
mod limits;
mod live;
mod nginx;
mod openssl;
mod options;
mod rekeying;
mod resumption;
mod schemas;
mod spreadsheets;
mod suites;
mod terminal;
mod trust;
mod workbooks;

use common::{fixture, identity};
