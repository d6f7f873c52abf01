//! What the endpoint is asked to be, and the rustls configuration that follows from it.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{aws_lc_rs, ring};
use rustls::server::{NoServerSessionStorage, ProducesTickets, ServerSessionMemoryCache};

use super::TargetError;
use super::ca::Issued;
use super::certificate::Resolver;
use crate::model::suite::{Suite, TlsVersion};
use crate::model::tls::Provider;

/// How many sessions of TLS 1.2 are remembered by session id, for clients that use no tickets. Enough for a load test to come
/// back to; the table takes some megabytes.
const SESSION_IDS: usize = 1 << 16;

/// Everything that decides how the endpoint serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 lets the system choose. An address that is not the unspecified one is added to the certificates.
    pub listen: SocketAddr,
    /// The suites served, and no other. Their order does not matter: the client's does.
    pub suites: Vec<Suite>,
    /// The cryptography library.
    pub provider: Provider,
    /// Whether sessions can be resumed: with tickets in both versions and session ids in TLS 1.2, or not at all.
    pub tickets: bool,
    /// How many threads serve, 1 to [`Config::MAX_THREADS`]. Each owns its share of the connections.
    pub threads: usize,
    /// Names for the certificates beside `localhost`, `127.0.0.1` and `::1`: DNS names or IP addresses.
    pub extra_names: Vec<String>,
    /// The cores for the threads, the n-th thread on the n-th core, from the first again when they run out. `None` or empty: the
    /// system places them.
    pub pin: Option<Vec<usize>>,
}

impl Config {
    /// The most threads that can be asked for.
    pub const MAX_THREADS: usize = 1024;

    /// An endpoint at `listen` with all nine suites, resumption and `threads` threads that are not pinned.
    pub fn new(listen: SocketAddr, threads: usize) -> Self {
        Self {
            listen,
            suites: Suite::all().collect(),
            provider: Provider::default(),
            tickets: true,
            threads,
            extra_names: Vec::new(),
            pin: None,
        }
    }

    /// The core of thread number `index`, where threads are pinned.
    pub(super) fn core(&self, index: usize) -> Option<usize> {
        let cores = self.pin.as_deref().filter(|cores| !cores.is_empty())?;
        Some(cores[index % cores.len()])
    }

    /// The names for the certificates, with the address listened on where it is one that a client could dial.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = self.extra_names.clone();
        if !self.listen.ip().is_unspecified() {
            names.push(self.listen.ip().to_string());
        }
        names
    }

    /// The rustls configuration, one for all threads, so that a session made on one can be resumed on another.
    pub(super) fn tls(&self, issued: Issued) -> Result<Arc<ServerConfig>, TargetError> {
        let provider = crate::tls::provider::provider(self.provider, &self.suites, self.provider.groups());
        let mut versions: Vec<&'static rustls::SupportedProtocolVersion> = Vec::with_capacity(2);
        for (version, supported) in
            [(TlsVersion::V13, &rustls::version::TLS13), (TlsVersion::V12, &rustls::version::TLS12)]
        {
            if self.suites.iter().any(|suite| suite.version() == version) {
                versions.push(supported);
            }
        }
        if versions.is_empty() {
            return Err(TargetError::NoSuites);
        }
        let resolver = Resolver::new(&self.suites, issued, &provider)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        // A load tool asks for what it wants to measure: its order wins.
        config.ignore_client_order = false;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if self.tickets {
            config.ticketer = ticketer(self.provider)?;
            config.session_storage = ServerSessionMemoryCache::new(SESSION_IDS);
        } else {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Arc::new(config))
    }
}

fn ticketer(provider: Provider) -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    match provider {
        Provider::AwsLc => aws_lc_rs::Ticketer::new(),
        Provider::Ring => ring::Ticketer::new(),
    }
}
