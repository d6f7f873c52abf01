//! From a TLS plan to a rustls configuration: the crypto provider with the nine suites, trust, resumption, identity.
//!
//! Nothing here opens a socket. Files are read once, when the plan's material is loaded, and never while load is made.

pub mod cbc;
pub mod provider;
#[cfg(test)]
mod testing;
