//! What the tests of this room share: certificates made on the spot, and a client and a server that meet in memory.

use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::NamedTempFile;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Error, RootCertStore, ServerConfig, ServerConnection};

use super::config::{ClientConfigs, ClientMaterial};
use super::provider::everything;
use crate::model::suite::KeyType;
use crate::model::tls::{Provider, TlsPlan, Trust};

/// The name that the certificates are for where a test does not say otherwise.
pub(super) const HOST: &str = "server.example";

/// A certificate with its chain and key.
pub(super) struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) pem: String,
    pub(super) key: KeyPair,
}

impl Identity {
    pub(super) fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.serialize_der().into())
    }
}

pub(super) fn new_key(key_type: KeyType) -> KeyPair {
    match key_type {
        KeyType::Rsa => KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap(),
        KeyType::Ecdsa => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap(),
    }
}

/// An authority that is made once per test process.
pub(super) fn authority() -> &'static CertifiedIssuer<'static, KeyPair> {
    static AUTHORITY: OnceLock<CertifiedIssuer<'static, KeyPair>> = OnceLock::new();
    AUTHORITY.get_or_init(|| new_authority("shakedown test authority"))
}

pub(super) fn new_authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, new_key(KeyType::Ecdsa)).unwrap()
}

/// Parameters for a certificate with these names, valid now.
pub(super) fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

/// A certificate that the test authority issued.
pub(super) fn issued(params: &CertificateParams, key_type: KeyType) -> Identity {
    let key = new_key(key_type);
    let cert = params.signed_by(&key, authority()).unwrap();
    Identity { chain: vec![cert.der().clone()], pem: cert.pem(), key }
}

/// A certificate that nobody else issued.
pub(super) fn self_signed(params: &CertificateParams, key_type: KeyType) -> Identity {
    let key = new_key(key_type);
    let cert = params.self_signed(&key).unwrap();
    Identity { chain: vec![cert.der().clone()], pem: cert.pem(), key }
}

/// A file with this text, for as long as it is held.
pub(super) fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// The configurations of `plan`, with the test authority as its only root.
pub(super) fn trusting(mut plan: TlsPlan) -> ClientConfigs {
    let file = file(&authority().pem());
    plan.trust = Trust::Ca(file.path().into());
    ClientMaterial::load(&plan).unwrap().configs(16)
}

/// A server's identity for [`HOST`], made once per kind of key.
pub(super) fn server_identity(key_type: KeyType) -> &'static Identity {
    static RSA: OnceLock<Identity> = OnceLock::new();
    static ECDSA: OnceLock<Identity> = OnceLock::new();
    let cell = match key_type {
        KeyType::Rsa => &RSA,
        KeyType::Ecdsa => &ECDSA,
    };
    cell.get_or_init(|| issued(&params(&[HOST]), key_type))
}

/// A server that shows `identity` and speaks everything.
pub(super) fn server_config(library: Provider, identity: &Identity) -> ServerConfig {
    ServerConfig::builder_with_provider(everything(library))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain.clone(), identity.key_der())
        .unwrap()
}

/// Roots with the test authority alone.
pub(super) fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(authority().der().clone()).unwrap();
    roots
}

/// The two ends of a connection.
pub(super) struct Pair {
    pub(super) client: ClientConnection,
    pub(super) server: ServerConnection,
}

impl Pair {
    /// Both ends, before the first byte.
    pub(super) fn new(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, host: &str) -> Self {
        let name = ServerName::try_from(host.to_owned()).unwrap();
        Self {
            client: ClientConnection::new(client.clone(), name).unwrap(),
            server: ServerConnection::new(server.clone()).unwrap(),
        }
    }

    /// Carries bytes both ways until neither side has any; the client's error first, as it is the one under test.
    pub(super) fn pump(&mut self) -> Result<(), Error> {
        let mut wire = Vec::new();
        while self.client.wants_write() || self.server.wants_write() {
            let mut outcome = Ok(());
            while self.client.wants_write() {
                self.client.write_tls(&mut wire).unwrap();
            }
            let mut incoming = wire.as_slice();
            while !incoming.is_empty() && outcome.is_ok() {
                self.server.read_tls(&mut incoming).unwrap();
                outcome = self.server.process_new_packets().map(drop);
            }
            wire.clear();
            while self.server.wants_write() {
                self.server.write_tls(&mut wire).unwrap();
            }
            let mut incoming = wire.as_slice();
            while !incoming.is_empty() {
                self.client.read_tls(&mut incoming).unwrap();
                self.client.process_new_packets()?;
            }
            wire.clear();
            outcome?;
        }
        Ok(())
    }

    /// Sends `data` from one end, and gives what the other end read.
    pub(super) fn carry(&mut self, data: &[u8], upwards: bool) -> Vec<u8> {
        let mut received = Vec::new();
        for piece in data.chunks(8 << 10) {
            let mut buffer = [0; 16 << 10];
            let read = if upwards {
                self.client.writer().write_all(piece).unwrap();
                self.pump().unwrap();
                self.server.reader().read(&mut buffer).unwrap()
            } else {
                self.server.writer().write_all(piece).unwrap();
                self.pump().unwrap();
                self.client.reader().read(&mut buffer).unwrap()
            };
            received.extend_from_slice(&buffer[..read]);
        }
        received
    }
}

/// A handshake in memory.
pub(super) fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, host: &str) -> Result<Pair, Error> {
    let mut pair = Pair::new(client, server, host);
    pair.pump()?;
    Ok(pair)
}
