//! Resumption as nginx saw it: tickets and session ids in TLS 1.2, pre-shared keys in TLS 1.3, and servers that refuse.

use shakedown::model::failure::FailureKind;
use shakedown::model::suite::Suite;
use shakedown::record::run::{FailureDetail, RunDocument};

use super::generator::{assert_no_failure, assert_only, document, refusal, sent};
use super::nginx::{Log, Nginx};
use super::suites::assert_agrees;

/// Session ids in place of tickets.
const SESSION_IDS: &str = "ssl_session_tickets off; ssl_session_cache shared:s:10m;";

/// That the server resumed as often as the document says. A connection that the end of the run found without a request has a
/// handshake and no line.
fn assert_resumed_as_logged(document: &RunDocument, log: &Log) {
    assert_agrees(document, log);
    let connections = &document.connections;
    let handshakes = &connections.handshakes;
    let silent = connections.opened - connections.priming - log.connections();
    assert!(silent <= document.plan.connections, "{connections:?}");
    let reused = log.lines.iter().filter(|line| line.reused).count() as u64;
    let resumed = handshakes.resumed + handshakes.resumed_with_hrr;
    assert!(
        (resumed - silent.min(resumed)..=resumed).contains(&reused),
        "nginx resumed {reused}, {silent} silent: {connections:?}"
    );
    let full = handshakes.full + handshakes.full_with_hrr;
    let not_reused = log.len() - reused;
    assert!((full - silent.min(full)..=full).contains(&not_reused), "nginx made {not_reused}: {connections:?}");
}

fn arguments<'a>(server: &'a Nginx, tls: &'a str, resumption: &'a str) -> [&'a str; 8] {
    ["--tls", tls, "--resumption", resumption, "--requests-per-connection", "1", "--ca", &server.ca]
}

#[test]
#[ignore = "needs nginx"]
fn every_connection_resumes() {
    for (tls, settings) in [("1.2", ""), ("1.2", SESSION_IDS), ("1.3", ""), ("1.3", SESSION_IDS)] {
        let mut server = Nginx::start(settings);
        let document = document(&server.url("/"), &arguments(&server, tls, "resumed"));
        let log = server.log();
        assert_no_failure(&document);
        assert_resumed_as_logged(&document, &log);
        let connections = &document.connections;
        assert_eq!(connections.handshakes.full, 0, "TLS {tls}, {settings}: {connections:?}");
        assert!(log.lines.iter().all(|line| line.reused && line.nth == 1), "TLS {tls}, {settings}");
        assert!(connections.priming > 0);
        assert!(document.latency.handshake_resumed.is_some() && document.latency.handshake_full.is_none());
    }
}

#[test]
#[ignore = "needs nginx"]
fn half_of_the_connections_resume() {
    for (tls, settings) in [("1.2", ""), ("1.2", SESSION_IDS), ("1.3", ""), ("1.3", SESSION_IDS)] {
        let mut server = Nginx::start(settings);
        let document = document(&server.url("/"), &arguments(&server, tls, "0.5"));
        assert_no_failure(&document);
        assert_resumed_as_logged(&document, &server.log());
        let handshakes = &document.connections.handshakes;
        let share = handshakes.resumed as f64 / handshakes.total() as f64;
        assert!((0.4..=0.6).contains(&share), "TLS {tls}, {settings}: {handshakes:?}");
    }
}

#[test]
#[ignore = "needs nginx"]
fn each_suite_resumes() {
    let mut server = Nginx::start("");
    for suite in Suite::all() {
        let args = ["--suite", suite.iana(), "--resumption", "resumed", "--requests-per-connection", "2"];
        let document = document(&server.url("/"), &[&args[..], &["--ca", &server.ca]].concat());
        let log = server.log();
        assert_no_failure(&document);
        assert_agrees(&document, &log);
        assert_only(&document, suite);
        assert!(log.lines.iter().all(|line| line.reused && line.cipher == suite.openssl()), "{suite}");
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_resumption_may_need_a_second_hello() {
    let mut server = Nginx::start("ssl_ecdh_curve secp384r1;");
    let document = document(&server.url("/"), &arguments(&server, "1.3", "resumed"));
    assert_no_failure(&document);
    assert_resumed_as_logged(&document, &server.log());
    let handshakes = &document.connections.handshakes;
    assert!(handshakes.resumed + handshakes.resumed_with_hrr > 0, "{handshakes:?}");
    assert_eq!(handshakes.full + handshakes.full_with_hrr, 0, "{handshakes:?}");
}

#[test]
#[ignore = "needs nginx"]
fn sessions_in_an_open_loop_resume() {
    for tls in ["1.2", "1.3"] {
        let mut server = Nginx::start("");
        let args = arguments(&server, tls, "resumed");
        let document = document(&server.url("/"), &[&args[..], &["--rate", "100/s", "--unit", "sessions"]].concat());
        assert_no_failure(&document);
        assert_resumed_as_logged(&document, &server.log());
        assert_eq!(document.connections.handshakes.full, 0);
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_server_that_does_not_resume_is_no_target() {
    // In TLS 1.3 it gives tickets all the same, and knows none of them later.
    for (tls, why) in
        [("1.2", "gives no session that could be resumed"), ("1.3", "gives sessions but resumed none of them")]
    {
        let mut server = Nginx::start("ssl_session_tickets off; ssl_session_cache off;");
        let message = refusal(&server.url("/"), &arguments(&server, tls, "resumed"));
        assert!(message.contains(why), "TLS {tls}: {message}");
        assert_eq!(server.log().len(), 0, "nothing is sent on a connection of the wrong kind");
        document(&server.url("/"), &arguments(&server, tls, "full"));
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_refused_resumption_leaves_nothing_behind_for_the_next_connection() {
    // In TLS 1.3 this server gives tickets, and knows none of them later. Half of the connections want no resumption.
    let mut server = Nginx::start("ssl_session_tickets off; ssl_session_cache off;");
    let document = document(&server.url("/"), &arguments(&server, "1.3", "0.5"));
    let log = server.log();
    assert_eq!(log.len(), sent(&document));
    assert!(log.lines.iter().all(|line| line.status == 200 && !line.reused));
    assert!(document.counts.succeeded > 0 && document.connections.resumption_refused > 0, "{:?}", document.connections);
    let refused = |failure: &FailureDetail| failure.kind == FailureKind::ResumptionRefused;
    assert!(document.failure_details.iter().all(refused), "{:?}", document.failure_details);
}

#[test]
#[ignore = "needs nginx"]
fn a_limit_of_requests_per_connection_is_kept_count_of() {
    let mut server = Nginx::start("keepalive_requests 10;");
    for tls in ["1.2", "1.3"] {
        for pace in [&[][..], &["--rate", "300/s"]] {
            let document = document(&server.url("/"), &[&["--tls", tls, "--ca", &server.ca], pace].concat());
            let log = server.log();
            assert_no_failure(&document);
            assert_agrees(&document, &log);
            assert!(log.lines.iter().all(|line| line.nth <= 10 && line.status == 200));
            assert!(log.connections() > 4, "the server ends connections");
            assert!(log.connections() <= document.connections.opened);
        }
    }
}
