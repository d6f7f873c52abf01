//! Each of the nine suites, by itself, against nginx: what was asked is what nginx says it spoke, and both count the same.

use shakedown::model::suite::{Suite, TlsVersion};
use shakedown::record::run::RunDocument;

use super::generator::{assert_no_failure, assert_only, document, refusal, sent};
use super::nginx::{Log, Nginx};

/// What every run must have in common with nginx's log. The end of a run may cut off handshakes of connections that nobody was
/// waiting for: as many as there are connections, no more.
pub(crate) fn assert_agrees(document: &RunDocument, log: &Log) {
    assert_eq!(log.len(), sent(document), "requests: {:?}", document.counts);
    let connections = &document.connections;
    let told = connections.opened + connections.failed;
    let cut_off = log.accepted.checked_sub(told).expect("nginx saw every connection");
    assert!(cut_off <= document.plan.connections, "nginx accepted {}: {connections:?}", log.accepted);
}

fn assert_suite(document: &RunDocument, log: &Log, suite: Suite) {
    assert_only(document, suite);
    assert_no_failure(document);
    assert_agrees(document, log);
    for line in &log.lines {
        assert_eq!((line.cipher.as_str(), line.protocol.as_str()), (suite.openssl(), version(suite)), "{line:?}");
        assert_eq!(line.status, 200);
    }
}

fn version(suite: Suite) -> &'static str {
    match suite.version() {
        TlsVersion::V12 => "TLSv1.2",
        TlsVersion::V13 => "TLSv1.3",
    }
}

#[test]
#[ignore = "needs nginx"]
fn each_suite_alone_in_a_closed_loop() {
    let mut server = Nginx::start("");
    for suite in Suite::all() {
        let document = document(&server.url("/"), &["--suite", suite.iana(), "--ca", &server.ca]);
        let log = server.log();
        assert_suite(&document, &log, suite);
        // Each connection had the whole of the time for its requests.
        assert_eq!((document.connections.opened, log.connections(), log.accepted), (4, 4, 4), "{suite}");
        assert_eq!(document.connections.handshakes.full, 4);
    }
}

#[test]
#[ignore = "needs nginx"]
fn each_suite_alone_with_a_connection_for_each_request() {
    let mut server = Nginx::start("");
    for suite in Suite::all() {
        let args = ["--suite", suite.openssl(), "--ca", &server.ca, "--requests-per-connection", "1"];
        let document = document(&server.url("/"), &args);
        let log = server.log();
        assert_suite(&document, &log, suite);
        assert_eq!(log.connections(), log.len(), "{suite}");
        assert!(log.connections() > 4, "{suite}: new connections are opened");
        assert!(log.lines.iter().all(|line| line.nth == 1 && !line.reused));
    }
}

#[test]
#[ignore = "needs nginx"]
fn each_suite_alone_in_an_open_loop() {
    let mut server = Nginx::start("");
    for suite in Suite::all() {
        for unit in ["requests", "sessions"] {
            let args = ["--suite", suite.iana(), "--ca", &server.ca, "--rate", "200/s", "--unit", unit, "--seed", "7"];
            let document = document(&server.url("/"), &[&args[..], &["--requests-per-connection", "3"]].concat());
            let log = server.log();
            assert_eq!(document.counts.unit, unit);
            assert_suite(&document, &log, suite);
            assert!(log.lines.iter().all(|line| line.nth <= 3));
        }
    }
}

#[test]
#[ignore = "needs nginx"]
fn handshakes_alone_send_nothing() {
    let mut server = Nginx::start("");
    for suite in Suite::all() {
        let args = ["--suite", suite.iana(), "--ca", &server.ca, "--requests-per-connection", "0"];
        let document = document(&server.url("/"), &args);
        assert_suite(&document, &server.log(), suite);
        assert_eq!((document.counts.unit.as_str(), sent(&document)), ("sessions", 0));
        assert!(document.connections.handshakes.full >= document.counts.succeeded);
    }
}

#[test]
#[ignore = "needs nginx"]
fn the_certificate_of_tls_1_3_is_chosen_by_type() {
    // nginx does not log which certificate it used; a server with only one of them shows that the demand is made.
    let mut both = Nginx::start("");
    for cert_type in ["rsa", "ecdsa"] {
        let args = ["--tls", "1.3", "--cert-type", cert_type, "--ca", &both.ca];
        let document = document(&both.url("/"), &args);
        assert_no_failure(&document);
        assert_agrees(&document, &both.log());
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = super::identity::Authority::new(folder.path(), "authority");
    let [rsa, _] = authority.pair();
    let server = Nginx::with(folder, authority, &[rsa], "");
    document(&server.url("/"), &["--tls", "1.3", "--cert-type", "rsa", "--ca", &server.ca]);
    for args in [["--tls", "1.3"], ["--tls", "1.2"]] {
        let why = refusal(&server.url("/"), &[&args[..], &["--cert-type", "ecdsa", "--ca", &server.ca]].concat());
        assert!(why.contains("tls_alert: handshake_failure"), "{why}");
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_group_that_the_server_wants_costs_a_second_hello() {
    let mut server = Nginx::start("ssl_ecdh_curve secp384r1;");
    let document = document(&server.url("/"), &["--tls", "1.3", "--ca", &server.ca]);
    let log = server.log();
    assert_no_failure(&document);
    assert_agrees(&document, &log);
    assert_eq!(document.connections.handshakes.full_with_hrr, document.connections.opened);
    assert!(log.lines.iter().all(|line| line.curve == "secp384r1"));
}

#[test]
#[ignore = "needs nginx"]
fn either_library_agrees_with_the_log() {
    let mut server = Nginx::start("");
    for suite in Suite::all() {
        let args = ["--crypto", "ring", "--suite", suite.iana(), "--ca", &server.ca, "--requests-per-connection", "5"];
        let document = document(&server.url("/"), &args);
        assert_suite(&document, &server.log(), suite);
    }
}
