//! A plan's rustls client configurations: what is read from disk once, and what each worker builds of it.

use std::sync::Arc;

use rustls::client::{Resumption, Tls12Resumption};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, Error, SupportedProtocolVersion};

use super::files;
pub use super::files::TlsSetupError;
use super::key_log::KeyLogFile;
use super::provider::provider;
use super::session::SessionStore;
use super::trust::{self, Anchors};
use super::verifier::ChainVerifier;
use crate::model::suite::TlsVersion;
use crate::model::tls::{ClientIdentity, TlsPlan};

/// Everything that a plan's TLS needs from disk, read once before the run.
#[derive(Debug)]
pub struct ClientMaterial {
    plan: TlsPlan,
    anchors: Option<Arc<Anchors>>,
    identity: Option<Identity>,
    key_log: Option<Arc<KeyLogFile>>,
}

/// The client's certificate and key, known to belong together.
#[derive(Debug)]
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// The configurations of one worker for one address. They share the verifier, and nothing with another worker's that a
/// handshake would write to.
#[derive(Debug, Clone)]
pub struct ClientConfigs {
    /// Makes full handshakes only: neither offers a session nor keeps one.
    pub full: Arc<ClientConfig>,
    /// Resumes a session of `sessions` where there is one, and puts new ones there: it also makes the handshakes that prime.
    pub resuming: Arc<ClientConfig>,
    /// The sessions that `resuming` uses.
    pub sessions: Arc<SessionStore>,
}

impl ClientMaterial {
    /// Reads roots and the client's identity, and opens the key log.
    ///
    /// # Errors
    /// A [`TlsSetupError`], which names the file, the cause and the way out.
    pub fn load(plan: &TlsPlan) -> Result<Self, TlsSetupError> {
        Ok(Self {
            anchors: trust::load(&plan.trust)?,
            identity: plan.identity.as_ref().map(|identity| Identity::load(plan, identity)).transpose()?,
            key_log: plan.key_log.as_deref().map(KeyLogFile::open).transpose()?.map(Arc::new),
            plan: plan.clone(),
        })
    }

    /// All for which [`ClientMaterial::load`] would refuse `plan`, found without creating a file.
    pub fn obstacles(plan: &TlsPlan) -> Vec<TlsSetupError> {
        let anchors = trust::load(&plan.trust).err();
        let identity = plan.identity.as_ref().and_then(|identity| Identity::load(plan, identity).err());
        let key_log = plan.key_log.as_deref().and_then(|path| KeyLogFile::check(path).err());
        [anchors, identity, key_log].into_iter().flatten().collect()
    }

    /// Configurations for one worker and one address, with room for `session_capacity` TLS 1.3 tickets.
    pub fn configs(&self, session_capacity: usize) -> ClientConfigs {
        let sessions = Arc::new(SessionStore::new(session_capacity));
        let mut full = self.base();
        full.resumption = Resumption::disabled();
        let mut resuming = full.clone();
        resuming.resumption = Resumption::store(sessions.clone()).tls12_resumption(Tls12Resumption::SessionIdOrTickets);
        ClientConfigs { full: Arc::new(full), resuming: Arc::new(resuming), sessions }
    }

    /// Why the key log is incomplete, if there is one and it is: to be told after the run.
    pub fn key_log_failure(&self) -> Option<String> {
        self.key_log.as_ref().and_then(|log| log.failure())
    }

    fn base(&self) -> ClientConfig {
        let plan = &self.plan;
        let provider = provider(plan.provider(), plan.suites(), plan.groups());
        let verifier = ChainVerifier::new(self.anchors.clone(), &provider, plan.cert_type(), plan.verify);
        let versions: Vec<_> = plan.versions().iter().map(|version| protocol(*version)).collect();
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .expect("a plan has a suite and a group for each of its versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.identity {
            Some(identity) => builder
                .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
                .expect("the pair was tried with this library when it was loaded"),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = plan.alpn.iter().map(|name| name.clone().into_bytes()).collect();
        config.enable_sni = true;
        config.enable_early_data = false;
        config.enable_secret_extraction = false;
        config.max_fragment_size = None;
        if let Some(log) = &self.key_log {
            config.key_log = log.clone();
        }
        config
    }
}

impl Identity {
    fn load(plan: &TlsPlan, files: &ClientIdentity) -> Result<Self, TlsSetupError> {
        let chain = files::certificates("the client certificate of --cert", &files.cert)?;
        let key = files::private_key("the client key of --key", &files.key)?;
        let library = provider(plan.provider(), plan.suites(), plan.groups());
        match CertifiedKey::from_der(chain.clone(), key.clone_key(), &library) {
            Ok(_) => Ok(Self { chain, key }),
            Err(Error::InconsistentKeys(_)) => {
                Err(TlsSetupError::KeyMismatch { cert: files.cert.clone(), key: files.key.clone() })
            }
            Err(error) => Err(TlsSetupError::Key {
                key: files.key.clone(),
                provider: plan.provider().name(),
                cause: error.to_string(),
            }),
        }
    }
}

fn protocol(version: TlsVersion) -> &'static SupportedProtocolVersion {
    match version {
        TlsVersion::V12 => &rustls::version::TLS12,
        TlsVersion::V13 => &rustls::version::TLS13,
    }
}

#[cfg(test)]
mod tests;
