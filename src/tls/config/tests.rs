//! The configurations at work: resumption, client certificates, key log, and refusals of wrong files.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::{HandshakeKind, ServerConfig};

use super::*;
use crate::model::suite::{KeyType, Suite};
use crate::model::tls::{Provider, TlsChoice, Trust};
use crate::tls::testing::{self, HOST};

fn plan(version: TlsVersion, provider: Provider) -> TlsPlan {
    TlsPlan::new(TlsChoice { version: Some(version), provider, ..TlsChoice::default() }).unwrap()
}

fn server(version: TlsVersion) -> ServerConfig {
    let mut server = testing::server_config(Provider::AwsLc, testing::server_identity(KeyType::Ecdsa));
    if version == TlsVersion::V12 {
        server.session_storage = ServerSessionMemoryCache::new(16);
    }
    server
}

fn kind(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> HandshakeKind {
    testing::handshake(client, server, HOST).unwrap().client.handshake_kind().unwrap()
}

#[test]
fn tls_1_3_tickets_are_used_once_each() {
    for provider in [Provider::AwsLc, Provider::Ring] {
        let configs = testing::trusting(plan(TlsVersion::V13, provider));
        let server = Arc::new(server(TlsVersion::V13));
        assert_eq!(configs.sessions.tickets(), 0);
        assert_eq!(kind(&configs.resuming, &server), HandshakeKind::Full);
        let primed = configs.sessions.tickets();
        assert!(primed > 0 && primed < usize::MAX);
        assert_eq!(kind(&configs.full, &server), HandshakeKind::Full);
        assert_eq!(configs.sessions.tickets(), primed, "a full handshake takes nothing and leaves nothing");
        let mut client = testing::Pair::new(&configs.resuming, &server, HOST);
        assert_eq!(configs.sessions.tickets(), primed - 1, "the ticket is gone once it is offered");
        client.pump().unwrap();
        assert_eq!(client.client.handshake_kind(), Some(HandshakeKind::Resumed));
        for _ in 0..40 {
            assert_eq!(kind(&configs.resuming, &server), HandshakeKind::Resumed);
        }
        assert!(configs.sessions.tickets() <= 16, "the store is bounded");
    }
}

#[test]
fn a_ticket_never_goes_to_another_name() {
    let names = testing::issued(&testing::params(&[HOST, "other.example"]), KeyType::Ecdsa);
    let server = Arc::new(testing::server_config(Provider::AwsLc, &names));
    let configs = testing::trusting(plan(TlsVersion::V13, Provider::AwsLc));
    testing::handshake(&configs.resuming, &server, HOST).unwrap();
    let primed = configs.sessions.tickets();
    let pair = testing::handshake(&configs.resuming, &server, "other.example").unwrap();
    assert_eq!(pair.client.handshake_kind(), Some(HandshakeKind::Full));
    assert_eq!(configs.sessions.tickets(), primed);
}

#[test]
fn tls_1_2_sessions_resume_again_and_again_by_id_and_by_ticket() {
    for provider in [Provider::AwsLc, Provider::Ring] {
        for by_ticket in [false, true] {
            let mut server = server(TlsVersion::V12);
            if by_ticket {
                server.session_storage = Arc::new(NoServerSessionStorage {});
                server.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
            }
            let server = Arc::new(server);
            for suite in [Suite::EcdheEcdsaAes128Gcm, Suite::EcdheEcdsaAes128Cbc] {
                let choice = TlsChoice { suites: vec![suite], provider, ..TlsChoice::default() };
                let configs = testing::trusting(TlsPlan::new(choice).unwrap());
                assert_eq!(kind(&configs.resuming, &server), HandshakeKind::Full);
                assert_eq!(configs.sessions.tickets(), usize::MAX);
                for _ in 0..3 {
                    assert_eq!(kind(&configs.resuming, &server), HandshakeKind::Resumed, "{suite}, ticket {by_ticket}");
                    assert_eq!(kind(&configs.full, &server), HandshakeKind::Full);
                }
            }
        }
    }
}

#[test]
fn workers_share_no_session() {
    let file = testing::file(&testing::authority().pem());
    let mut plan = plan(TlsVersion::V12, Provider::AwsLc);
    plan.trust = Trust::Ca(file.path().into());
    let material = ClientMaterial::load(&plan).unwrap();
    // The file is read once: it may go.
    drop(file);
    let (one, other) = (material.configs(1), material.configs(1));
    let server = Arc::new(server(TlsVersion::V12));
    assert_eq!(kind(&one.resuming, &server), HandshakeKind::Full);
    assert_eq!(kind(&one.resuming, &server), HandshakeKind::Resumed);
    assert_eq!(kind(&other.resuming, &server), HandshakeKind::Full);
}

#[test]
fn a_configuration_offers_what_the_plan_says() {
    let mut both = TlsPlan::new(TlsChoice::default()).unwrap();
    both.alpn = vec!["h2".to_owned(), "http/1.1".to_owned()];
    let config = testing::trusting(both).full;
    assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    assert!(config.enable_sni && !config.enable_early_data && !config.enable_secret_extraction);
    for version in [TlsVersion::V12, TlsVersion::V13] {
        let config = testing::trusting(plan(version, Provider::Ring)).full;
        let everything = Arc::new(testing::server_config(Provider::AwsLc, testing::server_identity(KeyType::Rsa)));
        let pair = testing::handshake(&config, &everything, HOST).unwrap();
        assert_eq!(crate::tls::peer::version_of(pair.client.protocol_version().unwrap()), Some(version));
    }
}

#[test]
fn the_mozilla_and_the_systems_roots_are_loaded_and_trust_no_stranger() {
    for trust in [Trust::Mozilla, Trust::System] {
        let mut plan = plan(TlsVersion::V13, Provider::AwsLc);
        plan.trust = trust.clone();
        let material = match (ClientMaterial::load(&plan), trust) {
            (Ok(material), _) => material,
            // A machine without roots is told so.
            (Err(error @ TlsSetupError::NoSystemRoots { .. }), Trust::System) => {
                assert!(error.to_string().contains("--ca"));
                continue;
            }
            (Err(error), _) => panic!("{error}"),
        };
        let error = testing::handshake(&material.configs(1).full, &Arc::new(server(TlsVersion::V13)), HOST).err();
        assert_eq!(error, Some(rustls::CertificateError::UnknownIssuer.into()));
    }
}

fn with_identity(provider: Provider, cert: &Path, key: &Path) -> Result<ClientMaterial, TlsSetupError> {
    let mut plan = plan(TlsVersion::V13, provider);
    plan.trust = Trust::Insecure;
    plan.identity = Some(ClientIdentity { cert: cert.into(), key: key.into() });
    ClientMaterial::load(&plan)
}

#[test]
fn a_client_certificate_is_shown_to_a_server_that_asks() {
    let issued = testing::issued(&testing::params(&["client"]), KeyType::Rsa);
    let (cert, key) = (testing::file(&issued.pem), testing::file(&issued.key.serialize_pem()));
    let provider = crate::tls::provider::everything(Provider::AwsLc);
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(testing::roots()), provider.clone());
    let identity = testing::server_identity(KeyType::Ecdsa);
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(identity.chain.clone(), identity.key_der())
        .unwrap();
    let server = Arc::new(server);
    for library in [Provider::AwsLc, Provider::Ring] {
        let client = with_identity(library, cert.path(), key.path()).unwrap().configs(1).full;
        let pair = testing::handshake(&client, &server, HOST).unwrap();
        assert_eq!(pair.server.peer_certificates().unwrap(), issued.chain);
    }
    let without = testing::trusting(plan(TlsVersion::V13, Provider::AwsLc)).full;
    let error = testing::handshake(&without, &server, HOST).err().unwrap();
    assert!(matches!(error, Error::AlertReceived(_) | Error::NoCertificatesPresented), "{error}");
}

#[test]
fn wrong_files_are_refused_with_name_cause_and_way_out() {
    let one = testing::issued(&testing::params(&["client"]), KeyType::Ecdsa);
    let other = testing::new_key(KeyType::Ecdsa);
    let (cert, key) = (testing::file(&one.pem), testing::file(&one.key.serialize_pem()));
    let wrong_key = testing::file(&other.serialize_pem());
    let empty = testing::file("nothing here\n");
    let cut = testing::file(&one.pem[..one.pem.len() / 2]);
    let not_a_cert = testing::file("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let absent = PathBuf::from("/nonexistent/client.pem");
    for (cert, key, file, says) in [
        (cert.path(), wrong_key.path(), wrong_key.path(), "does not belong"),
        (cert.path(), empty.path(), empty.path(), "no private key"),
        (empty.path(), key.path(), empty.path(), "BEGIN CERTIFICATE"),
        (cut.path(), key.path(), cut.path(), "not valid PEM"),
        (not_a_cert.path(), key.path(), not_a_cert.path(), "certificate 1 in"),
        (&absent, key.path(), &absent, "cannot read the client certificate"),
        (cert.path(), &absent, &absent, "cannot read the client key"),
    ] {
        for library in [Provider::AwsLc, Provider::Ring] {
            let error = with_identity(library, cert, key).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains(file.to_str().unwrap()), "{error}");
        }
    }
    let mut plan = plan(TlsVersion::V13, Provider::AwsLc);
    plan.trust = Trust::Ca(key.path().into());
    let error = ClientMaterial::load(&plan).unwrap_err().to_string();
    assert!(error.contains("--ca") && error.contains("BEGIN CERTIFICATE"), "{error}");
}

#[test]
fn the_key_log_has_a_line_a_secret_and_only_its_owner_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.log");
    for (version, lines) in [(TlsVersion::V12, 1), (TlsVersion::V13, 5)] {
        let before = std::fs::read_to_string(&path).unwrap_or_default().lines().count();
        let mut plan = plan(version, Provider::AwsLc);
        plan.trust = Trust::Insecure;
        plan.key_log = Some(path.clone());
        let material = ClientMaterial::load(&plan).unwrap();
        kind(&material.configs(1).full, &Arc::new(server(version)));
        assert_eq!(material.key_log_failure(), None);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count() - before, lines, "{text}");
        for line in text.lines() {
            let fields: Vec<_> = line.split(' ').collect();
            assert_eq!((fields.len(), fields[1].len()), (3, 64), "{line}");
            assert!(fields[1..].iter().all(|field| field.bytes().all(|c| c.is_ascii_hexdigit())), "{line}");
        }
    }
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut plan = plan(TlsVersion::V13, Provider::AwsLc);
    plan.key_log = Some(folder.path().join("no/such/folder"));
    assert!(ClientMaterial::load(&plan).unwrap_err().to_string().contains("--key-log"));
}
