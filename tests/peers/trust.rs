//! Certificates that must not be trusted, and those that may: the reason is said in words. Client certificates as well.

use std::process::Command;

use rcgen::date_time_ymd;
use shakedown::model::failure::FailureKind;
use shakedown::model::suite::KeyType;

use super::generator::{BINARY, assert_no_failure, document, document_of, refusal, refusal_of, run, run_by, sent};
use super::identity::{Authority, Identity, NAMES, self_signed};
use super::nginx::Nginx;
use super::suites::assert_agrees;

/// A server with one certificate, made by `make`.
fn server(make: impl FnOnce(&Authority) -> Identity) -> Nginx {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let identity = make(&authority);
    Nginx::with(folder, authority, &[identity], "")
}

/// What is said of the server's certificate when `ca` is trusted.
fn refused(server: &Nginx, host: &str, ca: &str) -> String {
    let why = refusal(&format!("https://{host}/"), &["--connect-to", &server.address(), "--ca", ca]);
    assert!(why.contains("certificate: "), "{why}");
    why
}

/// That the server can be loaded all the same when the user says so, and that every output says it too.
fn assert_insecure_works(server: &mut Nginx) {
    server.log();
    let document = document(&server.url("/"), &["--insecure", "--connect-to", &server.address()]);
    assert_no_failure(&document);
    assert_agrees(&document, &server.log());
    assert!(document.plan.insecure);
    assert_eq!((document.plan.trust.as_str(), &document.plan.ca_file), ("insecure", &None));
    let text = run(&server.url("/"), &["-k", "--connect-to", &server.address()]);
    assert!(text.stdout.to_lowercase().contains("insecure"), "{}", text.stdout);
}

#[test]
#[ignore = "needs nginx"]
fn an_expired_certificate() {
    let mut server = server(|authority| {
        authority.issue("expired", KeyType::Ecdsa, &NAMES, |params| {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 2, 3);
        })
    });
    let why = refused(&server, "localhost", &server.ca);
    assert!(why.contains("expired on 2020-02-03"), "{why}");
    assert_insecure_works(&mut server);
}

#[test]
#[ignore = "needs nginx"]
fn a_certificate_that_is_not_valid_yet() {
    let mut server = server(|authority| {
        authority.issue("early", KeyType::Rsa, &NAMES, |params| params.not_before = date_time_ymd(3000, 1, 2))
    });
    let why = refused(&server, "localhost", &server.ca);
    assert!(why.contains("not valid before 3000-01-02"), "{why}");
    assert_insecure_works(&mut server);
}

#[test]
#[ignore = "needs nginx"]
fn a_certificate_for_another_name() {
    let mut server = server(|authority| authority.issue("other", KeyType::Ecdsa, &["other.example"], |_| {}));
    let why = refused(&server, "localhost", &server.ca);
    assert!(why.contains("name mismatch: the certificate is for other.example"), "{why}");
    let args = ["--connect-to", &server.address(), "--ca", &server.ca];
    assert_no_failure(&document("https://other.example/", &args));
    assert_no_failure(&document("https://localhost/", &[&args[..], &["--sni", "other.example"]].concat()));
    assert_insecure_works(&mut server);
}

#[test]
#[ignore = "needs nginx"]
fn a_wildcard_is_for_one_label() {
    let server = server(|authority| authority.issue("wildcard", KeyType::Rsa, &["*.wild.example"], |_| {}));
    let args = ["--connect-to", &server.address(), "--ca", &server.ca];
    assert_no_failure(&document("https://a.wild.example/", &args));
    for name in ["a.b.wild.example", "wild.example"] {
        let why = refused(&server, name, &server.ca);
        assert!(why.contains("name mismatch: the certificate is for *.wild.example"), "{why}");
    }
}

#[test]
#[ignore = "needs nginx"]
fn an_issuer_that_is_not_trusted() {
    let mut server = server(|authority| authority.pair()[1].clone());
    let stranger = Authority::new(server.folder(), "stranger").cert.display().to_string();
    let why = refused(&server, "localhost", &stranger);
    assert!(why.contains("unknown issuer"), "{why}");
    // Nor is a private authority among the world's roots.
    let why = refusal(&server.url("/"), &["--connect-to", &server.address()]);
    assert!(why.contains("certificate: unknown issuer"), "{why}");
    assert_insecure_works(&mut server);
}

#[test]
#[ignore = "needs nginx"]
fn a_self_signed_certificate_is_trusted_when_given() {
    let folder = tempfile::tempdir().unwrap();
    let identity = self_signed(folder.path());
    let authority = Authority::new(folder.path(), "authority");
    let mut server = Nginx::with(folder, authority, std::slice::from_ref(&identity), "");
    let given = identity.cert.display().to_string();
    for verify in ["once", "every"] {
        for tls in ["1.2", "1.3"] {
            let args = ["--ca", &given, "--verify", verify, "--tls", tls, "--requests-per-connection", "5"];
            let document = document(&server.url("/"), &args);
            assert_no_failure(&document);
            assert_agrees(&document, &server.log());
        }
    }
    let why = refused(&server, "localhost", &server.ca);
    assert!(why.contains("self-signed") || why.contains("unknown issuer"), "{why}");
    let why = refused(&server, "other.example", &given);
    assert!(why.contains("name mismatch"), "{why}");
    assert_insecure_works(&mut server);
}

#[test]
#[ignore = "needs nginx"]
fn a_client_certificate_opens_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let identities = authority.pair();
    let verify = format!("ssl_verify_client on; ssl_client_certificate {};", authority.cert.display());
    let mut server = Nginx::with(folder, authority, &identities, &verify);
    for key_type in [KeyType::Rsa, KeyType::Ecdsa] {
        let edit = |params: &mut rcgen::CertificateParams| {
            params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        };
        let client = server.authority.issue("client", key_type, &[], edit);
        let (cert, key) = (client.cert.display().to_string(), client.key.display().to_string());
        for tls in ["1.2", "1.3"] {
            let args = ["--tls", tls, "--ca", &server.ca, "--requests-per-connection", "5"];
            let document = document(&server.url("/"), &[&args[..], &["--cert", &cert, "--key", &key]].concat());
            let log = server.log();
            assert_no_failure(&document);
            assert_agrees(&document, &log);
            assert!(log.lines.iter().all(|line| line.client == "SUCCESS" && line.status == 200));
        }
    }
}

#[test]
#[ignore = "needs nginx"]
fn without_a_client_certificate_the_door_stays_shut() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let identities = authority.pair();
    let verify = format!("ssl_verify_client on; ssl_client_certificate {};", authority.cert.display());
    let mut server = Nginx::with(folder, authority, &identities, &verify);
    for tls in ["1.2", "1.3"] {
        // nginx completes the handshake, and answers 400.
        let document = document(&server.url("/"), &["--tls", tls, "--ca", &server.ca]);
        let log = server.log();
        assert_eq!(log.len(), sent(&document));
        assert!(log.lines.iter().all(|line| line.client == "NONE" && line.status == 400));
        assert_eq!(document.counts.succeeded, 0);
        assert_eq!(document.counts.failures.get(&FailureKind::Status), Some(&document.counts.failed));
        let details: Vec<_> = document.failure_details.iter().map(|failure| failure.detail.as_str()).collect();
        assert_eq!(details, ["400"]);
    }
}

#[test]
#[ignore = "needs nginx"]
fn the_systems_roots_are_those_that_openssls_variables_name() {
    let mut server = Nginx::start("");
    let folder = tempfile::tempdir().unwrap();
    let stranger = Authority::new(folder.path(), "stranger");
    // Where no folder is named, only the file counts.
    let by = |roots: &str| {
        let mut command = Command::new(BINARY);
        command.env("SSL_CERT_FILE", roots).env_remove("SSL_CERT_DIR");
        run_by(command, &server.url("/"), &["--roots", "system", "--json"])
    };
    let document = document_of(&by(&server.ca));
    let why = refusal_of(by(stranger.cert.to_str().unwrap()));
    assert_no_failure(&document);
    assert_eq!(document.plan.trust, "system");
    assert!(why.contains("certificate: unknown issuer"), "{why}");
    assert_agrees(&document, &server.log());
    // Those of Mozilla have not heard of it, whatever the variables say.
    let mut command = Command::new(BINARY);
    command.env("SSL_CERT_FILE", &server.ca);
    let why = refusal_of(run_by(command, &server.url("/"), &["--json"]));
    assert!(why.contains("certificate: unknown issuer"), "{why}");
}
