//! Whole handshakes in memory, the time of each side by itself.
//!
//! The client is configured as `run` configures it: the certificate's chain is walked when first seen and compared afterwards, the
//! handshake's signature is checked every time. The server gives tickets, as servers do. A side's time is that of all its calls, from the
//! connection's making until nothing is left to read; carrying the bytes between them is in neither.

use std::sync::Arc;

use rustls::crypto::{aws_lc_rs, ring};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection};

use super::timing::{Stopwatch, Work};
use super::{BenchError, Identity};
use crate::model::crypto::Handshake;
use crate::model::suite::{Group, KeyType, Suite, TlsVersion};
use crate::model::tls::{Provider, TlsChoice, TlsPlan, Trust};
use crate::tls::config::ClientMaterial;
use crate::tls::provider::provider;

/// Tickets that the client keeps: a resumption in TLS 1.3 takes one and brings some.
const TICKETS: usize = 8;

/// The bytes of a flight; more are made room for.
const FLIGHT: usize = 8 << 10;

/// Both sides' configurations for one suite, key and group.
pub(super) struct Configs {
    pub(super) client: Arc<ClientConfig>,
    pub(super) server: Arc<ServerConfig>,
}

impl Configs {
    pub(super) fn new(
        library: Provider,
        suite: Suite,
        key_type: KeyType,
        group: Group,
        kind: Handshake,
        identity: &Identity,
    ) -> Result<Self, BenchError> {
        let what = || format!("{suite} by {}", library.name());
        let choice = TlsChoice { suites: vec![suite], groups: vec![group], provider: library, ..TlsChoice::default() };
        let mut plan = TlsPlan::new(choice).map_err(|error| BenchError::new(what(), error))?;
        let authority = identity.authority_file()?;
        plan.trust = Trust::Ca(authority.path().to_owned());
        let material = ClientMaterial::load(&plan).map_err(|error| BenchError::new(what(), error))?;
        let configs = material.configs(TICKETS);
        let client = match kind {
            Handshake::Full => configs.full,
            Handshake::Resumed => configs.resuming,
        };
        let server =
            server(library, suite, key_type, group, identity).map_err(|error| BenchError::new(what(), error))?;
        Ok(Self { client, server: Arc::new(server) })
    }
}

fn server(
    library: Provider,
    suite: Suite,
    key_type: KeyType,
    group: Group,
    identity: &Identity,
) -> Result<ServerConfig, rustls::Error> {
    let version = match suite.version() {
        TlsVersion::V12 => &rustls::version::TLS12,
        TlsVersion::V13 => &rustls::version::TLS13,
    };
    let leaf = identity.leaf(key_type);
    let mut config = ServerConfig::builder_with_provider(provider(library, &[suite], &[group]))
        .with_protocol_versions(&[version])?
        .with_no_client_auth()
        .with_single_cert(leaf.chain.clone(), leaf.key())?;
    config.ticketer = match library {
        Provider::AwsLc => aws_lc_rs::Ticketer::new()?,
        Provider::Ring => ring::Ticketer::new()?,
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// A handshake that is complete, its time unknown.
pub(super) fn complete(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> Result<(ClientConnection, ServerConnection), BenchError> {
    let (pair, _) = connect(client, server, &Stopwatch::default(), &mut Vec::with_capacity(FLIGHT))?;
    Ok(pair)
}

type Pair = (ClientConnection, ServerConnection);

/// Both ends after the handshake, and the nanoseconds that each side took.
fn connect(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    watch: &Stopwatch,
    wire: &mut Vec<u8>,
) -> Result<(Pair, [f64; 2]), BenchError> {
    let name = Identity::name();
    let start = watch.read();
    let mut client = ClientConnection::new(client.clone(), name).map_err(BenchError::at("the client"))?;
    let mut client_ns = watch.since(start);
    let start = watch.read();
    let mut server = ServerConnection::new(server.clone()).map_err(BenchError::at("the server"))?;
    let mut server_ns = watch.since(start);
    while client.wants_write() || server.wants_write() {
        client_ns += side(watch, || write_all(&mut client, wire))?;
        server_ns += side(watch, || read_all(&mut server, wire))?;
        server_ns += side(watch, || write_all(&mut server, wire))?;
        client_ns += side(watch, || read_all(&mut client, wire))?;
    }
    if client.is_handshaking() || server.is_handshaking() {
        return Err(BenchError::new("handshake", "neither side goes on"));
    }
    Ok(((client, server), [client_ns, server_ns]))
}

/// The nanoseconds that `action` takes.
fn side(watch: &Stopwatch, action: impl FnOnce() -> Result<(), BenchError>) -> Result<f64, BenchError> {
    let start = watch.read();
    action()?;
    Ok(watch.since(start))
}

fn write_all<Data>(
    end: &mut impl std::ops::DerefMut<Target = rustls::ConnectionCommon<Data>>,
    wire: &mut Vec<u8>,
) -> Result<(), BenchError> {
    wire.clear();
    while end.wants_write() {
        end.write_tls(wire).map_err(BenchError::at("handshake"))?;
    }
    Ok(())
}

fn read_all<Data: rustls::SideData>(
    end: &mut impl std::ops::DerefMut<Target = rustls::ConnectionCommon<Data>>,
    wire: &mut Vec<u8>,
) -> Result<(), BenchError> {
    let mut incoming = wire.as_slice();
    while !incoming.is_empty() {
        end.read_tls(&mut incoming).map_err(BenchError::at("handshake"))?;
        end.process_new_packets().map_err(BenchError::at("handshake"))?;
    }
    Ok(())
}

/// What is agreed on in each handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandshakeSpec {
    /// Whose code, on both sides.
    pub provider: Provider,
    /// The suite.
    pub suite: Suite,
    /// The server's key.
    pub key_type: KeyType,
    /// The group of the key exchange.
    pub group: Group,
    /// Full or resumed.
    pub kind: Handshake,
}

/// One handshake after the other.
pub struct Handshakes {
    spec: HandshakeSpec,
    configs: Configs,
    wire: Vec<u8>,
}

impl Handshakes {
    /// Handshakes by `spec`, the first of them made: it walks the certificate's chain, and brings the tickets for those that resume.
    ///
    /// # Errors
    /// [`BenchError`] if it fails, or ends in something else than was asked for.
    pub fn new(spec: HandshakeSpec, identity: &Identity) -> Result<Self, BenchError> {
        let HandshakeSpec { provider, suite, key_type, group, kind } = spec;
        let configs = Configs::new(provider, suite, key_type, group, kind, identity)?;
        let mut this = Self { spec, configs, wire: Vec::with_capacity(FLIGHT) };
        let (first, _) = connect(&this.configs.client, &this.configs.server, &Stopwatch::default(), &mut this.wire)?;
        this.check(&first, Handshake::Full)?;
        Ok(this)
    }

    fn check(&self, (client, server): &Pair, kind: Handshake) -> Result<(), BenchError> {
        let expected = match kind {
            Handshake::Full => HandshakeKind::Full,
            Handshake::Resumed => HandshakeKind::Resumed,
        };
        let suite = client.negotiated_cipher_suite().map(|suite| u16::from(suite.suite()));
        let as_asked = client.handshake_kind() == Some(expected)
            && server.handshake_kind() == Some(expected)
            && suite == Some(self.spec.suite.code());
        if as_asked {
            return Ok(());
        }
        let found = format!("{:?}, suite {suite:?}", client.handshake_kind());
        Err(BenchError::new(format!("{} handshake with {}", kind.name(), self.spec.suite), found))
    }
}

impl Work<2> for Handshakes {
    fn operations(&self) -> usize {
        1
    }

    /// The client's time, and the server's.
    fn slice(&mut self, watch: &Stopwatch) -> Result<[f64; 2], BenchError> {
        let (pair, ns) = connect(&self.configs.client, &self.configs.server, watch, &mut self.wire)?;
        self.check(&pair, self.spec.kind)?;
        Ok(ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::peer::{group_of, peer_key_type};

    #[test]
    fn each_suite_key_and_group_is_what_was_asked_for_both_ways() {
        let (identity, watch) = (Identity::new().unwrap(), Stopwatch::default());
        for provider in [Provider::AwsLc, Provider::Ring] {
            for suite in Suite::all() {
                for key_type in [KeyType::Ecdsa, KeyType::Rsa] {
                    if suite.key_type().is_some_and(|needed| needed != key_type) {
                        continue;
                    }
                    for kind in [Handshake::Full, Handshake::Resumed] {
                        let spec = HandshakeSpec { provider, suite, key_type, group: Group::Secp384r1, kind };
                        let mut handshakes = Handshakes::new(spec, &identity).unwrap();
                        for _ in 0..4 {
                            let ns = handshakes.slice(&watch).unwrap();
                            assert!(ns.iter().all(|ns| *ns > 0.0), "{spec:?}");
                        }
                        let (client, _) = complete(&handshakes.configs.client, &handshakes.configs.server).unwrap();
                        let group = client.negotiated_key_exchange_group().and_then(|group| group_of(group.name()));
                        let exchanged = kind == Handshake::Full || suite.version() == TlsVersion::V13;
                        assert_eq!(group, exchanged.then_some(Group::Secp384r1), "{spec:?}");
                        let shown = client.peer_certificates().and_then(|chain| peer_key_type(chain.first()?));
                        assert_eq!(shown, Some(key_type), "{spec:?}");
                    }
                }
            }
        }
    }
}
