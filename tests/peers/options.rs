//! Options that change how a run connects, ends or fails, against nginx: the counts hold whichever is given.

use shakedown::model::failure::FailureKind;

use super::fixture::free_port;
use super::generator::{assert_no_failure, document, sent};
use super::nginx::Nginx;
use super::suites::assert_agrees;

#[test]
#[ignore = "needs nginx"]
fn whatever_the_connections_are_like_the_counts_hold() {
    let mut server = Nginx::start("");
    let variants: [&[&str]; 7] = [
        &["--close", "fin", "--requests-per-connection", "3"],
        &["-t", "2", "-c", "7", "--requests-per-connection", "3"],
        &["-t", "2", "-c", "7", "--rate", "400/s", "--arrivals", "constant"],
        &["--alpn", "none"],
        &["--verify", "every", "--requests-per-connection", "1"],
        &["--source-ip", "127.0.0.1", "--connect-concurrency", "1"],
        &["--warmup", "0s", "--duration", "300ms"],
    ];
    for variant in variants {
        for tls in ["1.2", "1.3"] {
            let document = document(&server.url("/"), &[variant, &["--tls", tls, "--ca", &server.ca]].concat());
            assert_no_failure(&document);
            assert_agrees(&document, &server.log());
        }
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_number_of_requests_is_exact() {
    let mut server = Nginx::start("");
    let one_each = ["--requests-per-connection", "1"];
    for pace in [&[][..], &["--rate", "500/s"], &one_each, &["--requests-per-connection", "4"], &["-t", "2"]] {
        let args = ["--requests", "50", "--warmup", "0s", "--duration", "20s", "--ca", &server.ca];
        let document = document(&server.url("/"), &[&args[..], pace].concat());
        let log = server.log();
        assert_no_failure(&document);
        assert_agrees(&document, &log);
        assert_eq!((document.counts.attempted, log.len()), (50, 50), "{pace:?}");
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_server_with_http_2_is_asked_for_http_1_1() {
    let port = free_port();
    let mut server = Nginx::start(&format!("listen 127.0.0.1:{port} ssl http2;"));
    let document = document(&format!("https://localhost:{port}/"), &["--ca", &server.ca]);
    assert_no_failure(&document);
    assert_agrees(&document, &server.log());
}

#[test]
#[ignore = "needs nginx"]
fn the_other_loopback_address_too() {
    let port = free_port();
    let mut server = Nginx::start(&format!("listen [::1]:{port} ssl;"));
    let to = format!("[::1]:{port}");
    let document = document("https://localhost/", &["--ca", &server.ca, "--connect-to", &to, "--ipv6"]);
    assert_no_failure(&document);
    assert_agrees(&document, &server.log());
    assert_eq!(document.target.addresses, [to]);
}

#[test]
#[ignore = "needs nginx"]
fn a_server_that_hangs_up_was_sent_the_request_all_the_same() {
    let mut server = Nginx::start("location = /hang-up { return 444; }");
    for tls in ["1.2", "1.3"] {
        let document = document(&server.url("/hang-up"), &["--tls", tls, "--ca", &server.ca]);
        let log = server.log();
        assert_agrees(&document, &log);
        assert!(log.lines.iter().all(|line| line.status == 444));
        let counts = &document.counts;
        assert_eq!((counts.succeeded, counts.retried), (0, 0));
        assert!(counts.failed > 0);
        let ended = |kind: &FailureKind| matches!(kind, FailureKind::ClosedEarly | FailureKind::Reset);
        assert!(counts.failures.keys().all(ended), "{:?}", counts.failures);
        assert_eq!(counts.attempted + counts.warmup.failed, sent(&document));
    }
}

#[test]
#[ignore = "needs nginx"]
fn an_answer_that_takes_too_long_is_a_timeout() {
    let mut server = Nginx::start("location = /slow { alias html/1m; limit_rate 10k; }");
    for tls in ["1.2", "1.3"] {
        let args = ["--tls", tls, "--timeout", "150ms", "--ca", &server.ca];
        let document = document(&server.url("/slow"), &args);
        // nginx writes the line when it notices that the client has gone.
        let log = server.log_of(sent(&document));
        assert_agrees(&document, &log);
        let counts = &document.counts;
        assert_eq!((counts.succeeded, counts.failures.get(&FailureKind::Timeout)), (0, Some(&counts.failed)));
        assert_eq!(document.connections.opened, log.len(), "a timeout closes its connection, and another is opened");
    }
}
