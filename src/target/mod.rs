//! The embedded HTTPS endpoint: a known server to load where there is none, with counters that an experiment can hold its own against.
//!
//! `shakedown serve` runs it alone; `shakedown` without arguments runs it beside the load generator, in the same process, on
//! threads of its own. It speaks HTTP/1.1 over TLS 1.2 and 1.3 with exactly the suites that it was given, and shows an RSA or an
//! ECDSA certificate, whichever the client's offer demands. Nothing here prints.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | 64 bytes |
//! | `GET /bytes/N` | `N` bytes, at most [`MAX_BYTES`] |
//! | `GET /delay/MS` | 64 bytes after `MS` milliseconds, at most [`MAX_DELAY_MS`] |
//! | `POST /sink` | the number of body bytes received, as decimal text |
//!
//! `HEAD` works wherever `GET` does. Another path is answered with 404, another method with 405 and the ones allowed, a number
//! that is none or exceeds its limit with 400.

pub mod ca;
mod certificate;
mod config;
mod connection;
mod counters;
mod listener;
mod server;
mod service;
mod socket;

pub use config::Config;
pub use counters::{FailedHandshakes, HandshakeCount, HandshakeKind, Report};
pub use server::{STOP_BOUND, Server};
pub use service::{MAX_BYTES, MAX_DELAY_MS, SMALL_BYTES};

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// No cipher suite was given.
    #[error("the endpoint has no cipher suite to offer")]
    NoSuites,
    /// The number of threads is 0 or beyond [`Config::MAX_THREADS`].
    #[error("the endpoint needs between 1 and {max} threads, not {0}", max = Config::MAX_THREADS)]
    Threads(usize),
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address as configured.
        addr: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread could not be bound to its core.
    #[error("cannot bind a thread of the endpoint to core {core}: {source}")]
    Pin {
        /// The core as configured.
        core: usize,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread or its event loop could not be started.
    #[error("cannot start a thread of the endpoint: {0}")]
    Thread(#[source] std::io::Error),
    /// The certificates could not be made, for instance because a name is not one that a certificate can hold.
    #[error("cannot make the endpoint's certificates: {0}")]
    Certificate(#[from] ca::CaError),
    /// rustls refused the configuration.
    #[error("cannot configure TLS for the endpoint: {0}")]
    Tls(#[from] rustls::Error),
}
