//! What a run is made of, as values: target, suites, TLS plan, load plan, failure kinds.
//!
//! Nothing here does I/O. A value that exists is valid: every constructor parses, and refuses with a sentence that names
//! the value, what was expected, and the way out.

pub mod audit;
pub mod capacity;
pub mod crypto;
pub mod demand;
pub mod failure;
pub mod load;
pub mod plan;
pub mod policy;
pub mod profile;
pub mod registry;
pub mod request;
pub mod scenario;
pub mod slo;
pub mod suite;
pub mod suites;
pub mod survey;
pub mod target;
pub mod tls;
pub mod toml_error;
pub mod x509;
