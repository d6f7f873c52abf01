//! From a TLS plan to a rustls configuration: the crypto provider with the nine suites, trust, resumption, identity.
//!
//! Nothing here opens a socket. Files are read once, when the plan's material is loaded, and never while load is made; only
//! a key log is written then.

pub mod cbc;
pub mod config;
pub mod failure;
mod files;
pub mod inspect;
pub mod key_log;
pub mod peer;
pub mod provider;
pub mod session;
#[cfg(test)]
mod testing;
mod trust;
pub mod verifier;
