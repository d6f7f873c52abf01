//! Cryptography in memory, for `crypto`: records sealed and opened, a whole connection's record layer, the public-key operations of a
//! handshake, whole handshakes; and the machine's own `openssl speed`. No sockets.
//!
//! What is timed is what TLS calls: the same functions of the same libraries that rustls' providers use, or rustls itself. Each kind of
//! work proves once, before it is timed, that it does what its name says.

pub mod exchange;
pub mod handshake;
mod identity;
pub mod lane;
pub mod openssl;
pub mod record_layer;
pub mod signature;
pub mod timing;

pub use identity::Identity;

/// Why something could not be measured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct BenchError {
    what: String,
    why: String,
}

impl BenchError {
    fn new(what: impl ToString, why: impl ToString) -> Self {
        Self { what: what.to_string(), why: why.to_string() }
    }

    /// An algorithm that the library does not have, although it was asked for.
    pub fn absent(algorithm: &str) -> Self {
        Self::new(algorithm, "the library does not have it")
    }

    /// For [`Result::map_err`]: an error of a library while `what` was done.
    fn at<E: ToString>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |why| Self::new(what, why)
    }
}
