//! `openssl s_server` with one suite, one group, one version: what cannot be negotiated, and the alert that says so.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use shakedown::model::failure::FailureKind;
use shakedown::model::suite::{Group, KeyType, Suite, TlsVersion};
use tempfile::TempDir;

use super::fixture::{Process, free_port};
use super::generator::{assert_no_failure, assert_only, document, refusal, sent};
use super::identity::Authority;

/// A server that speaks with one client at a time, and closes after each answer.
struct SServer {
    _process: Process,
    folder: TempDir,
    port: u16,
    ca: String,
}

impl SServer {
    /// With the suite alone, and `args`.
    fn start(suite: Suite, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let authority = Authority::new(root, "authority");
        let [rsa, ecdsa] = authority.pair();
        let identity = if suite.key_type() == Some(KeyType::Rsa) { rsa } else { ecdsa };
        fs::write(root.join("page"), "a page\n").unwrap();
        let port = free_port();
        let speaks = match suite.version() {
            TlsVersion::V12 => ["-tls1_2", "-cipher", suite.openssl()],
            TlsVersion::V13 => ["-tls1_3", "-ciphersuites", suite.openssl()],
        };
        let child = Command::new("openssl")
            .args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-WWW"])
            .args(speaks)
            .args(args)
            .arg("-cert")
            .arg(identity.cert)
            .arg("-key")
            .arg(identity.key)
            .current_dir(root)
            .stdin(Stdio::piped())
            .stdout(File::create(root.join("out")).unwrap())
            .stderr(File::create(root.join("log")).unwrap())
            .spawn()
            .expect("the openssl command is installed");
        let mut process = Process(child);
        // No connection to try it with: it would be one of those that the server counts.
        let out = root.join("out");
        process.wait_until("s_server", || fs::read_to_string(&out).unwrap().contains("ACCEPT"));
        let ca = authority.cert.display().to_string();
        Self { _process: process, folder, port, ca }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/page", self.port)
    }

    /// The pages that it has served.
    fn served(&self) -> u64 {
        let text = fs::read_to_string(self.folder.path().join("log")).unwrap();
        text.lines().filter(|line| *line == "FILE:page").count() as u64
    }
}

#[test]
#[ignore = "needs openssl"]
fn each_suite_alone() {
    for suite in Suite::all() {
        let server = SServer::start(suite, &[]);
        // All are offered, so the server's choice is what is seen.
        let document = document(&server.url(), &["-c", "1", "--ca", &server.ca]);
        assert_no_failure(&document);
        assert_only(&document, suite);
        assert_eq!(server.served(), sent(&document), "{suite}");
    }
}

#[test]
#[ignore = "needs openssl"]
fn a_server_with_another_suite_refuses_with_an_alert() {
    for suite in Suite::all() {
        let server = SServer::start(suite, &[]);
        // Of the same version and with the same certificate, where there is one: only the cipher differs.
        let same = |other: &Suite| {
            *other != suite && (other.version(), other.key_type()) == (suite.version(), suite.key_type())
        };
        for other in Suite::all().filter(same) {
            let why = refusal(&server.url(), &["-c", "1", "--suite", other.iana(), "--ca", &server.ca]);
            assert!(why.contains("tls_alert: handshake_failure"), "{suite} asked for {other}: {why}");
        }
    }
}

#[test]
#[ignore = "needs openssl"]
fn a_server_with_another_version_refuses_with_an_alert() {
    for (suite, tls) in [(Suite::EcdheEcdsaAes128Gcm, "1.3"), (Suite::Aes128GcmSha256, "1.2")] {
        let server = SServer::start(suite, &[]);
        let why = refusal(&server.url(), &["-c", "1", "--tls", tls, "--ca", &server.ca]);
        assert!(why.contains("tls_alert: protocol_version"), "{why}");
    }
}

#[test]
#[ignore = "needs openssl"]
fn each_group_alone() {
    for suite in [Suite::EcdheRsaAes128Gcm, Suite::Aes128GcmSha256] {
        for (group, openssl, other) in
            [("X25519", "X25519", "P-256"), ("P-256", "P-256", "P-384"), ("P-384", "P-384", "X25519")]
        {
            let server = SServer::start(suite, &["-groups", openssl]);
            let document = document(&server.url(), &["-c", "1", "--group", group, "--ca", &server.ca]);
            assert_no_failure(&document);
            assert_only(&document, suite);
            for row in &document.negotiated {
                assert_eq!(row.group, group.parse().ok(), "{suite}");
                assert_eq!(row.handshake, "full", "{suite} {group}");
            }
            assert_eq!(server.served(), sent(&document));
            let why = refusal(&server.url(), &["-c", "1", "--group", other, "--ca", &server.ca]);
            assert!(why.contains("tls_alert: handshake_failure"), "{suite} {group}, asked for {other}: {why}");
        }
    }
}

#[test]
#[ignore = "needs openssl"]
fn in_tls_1_2_the_groups_are_also_the_curves_of_certificates() {
    // RFC 8422, 5.1: one list for key exchange and for the keys in certificates; OpenSSL holds its P-256 certificate to that.
    let server = SServer::start(Suite::EcdheEcdsaAes128Gcm, &[]);
    let why = refusal(&server.url(), &["-c", "1", "--group", "X25519", "--ca", &server.ca]);
    assert!(why.contains("tls_alert: handshake_failure"), "{why}");
    let document = document(&server.url(), &["-c", "1", "--group", "X25519,P-256", "--ca", &server.ca]);
    assert_no_failure(&document);
    assert!(document.negotiated.iter().all(|row| row.group == Some(Group::X25519)), "{:?}", document.negotiated);
}

#[test]
#[ignore = "needs openssl"]
fn a_missing_client_certificate_is_an_alert() {
    let server = SServer::start(Suite::EcdheEcdsaAes128Gcm, &["-Verify", "1"]);
    let why = refusal(&server.url(), &["-c", "1", "--ca", &server.ca]);
    assert!(why.contains("tls_alert: handshake_failure"), "{why}");
    // In TLS 1.3 the client is done before the server has seen that it presented none: the alert meets the request.
    let server = SServer::start(Suite::Aes128GcmSha256, &["-Verify", "1"]);
    let document = document(&server.url(), &["-c", "1", "--ca", &server.ca]);
    assert_eq!((document.counts.succeeded, server.served()), (0, 0));
    assert!(document.counts.failures.contains_key(&FailureKind::TlsAlert), "{:?}", document.failure_details);
}
