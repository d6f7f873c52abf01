//! Each misbehaviour of a server has its name, and is counted once.

use std::io::Write;
use std::time::Duration;

use shakedown::model::failure::FailureKind;
use shakedown::record::run::RunDocument;

use super::common::noise::beside_others;
use super::common::server::{Answer, Server, wait_for_the_end};
use super::common::{assert_only_noise, only_failures, run, start};

/// Twenty requests in a closed loop of two connections, after which the server has seen as many as were sent.
const TWENTY: [&str; 10] = ["-c", "2", "-t", "1", "--requests", "20", "--warmup", "0", "--duration", "10s"];

/// The failure of all twenty requests when each is answered with `answer`.
fn all_fail(answer: impl Fn() -> Answer + Send + Sync + 'static) -> (RunDocument, FailureKind, String) {
    let _beside = beside_others();
    let server = Server::start(move |_| answer());
    let document = run(&server, &TWENTY);
    assert_only_noise(&document);
    assert_eq!((document.counts.attempted, document.counts.failed), (20, 20));
    assert_eq!(server.seen(), document.counts.sent);
    assert!(document.latency.service.is_none(), "failures are not in the histograms");
    assert!(document.verdict.warnings.iter().any(|warning| warning.code == "no_success"));
    let detail = document.failure_details.iter().find(|detail| detail.of == "counts").unwrap().clone();
    assert_eq!(only_failures(&document, detail.kind), detail.n, "{:?}", document.failure_details);
    (document, detail.kind, detail.detail)
}

#[test]
fn a_reset_after_the_head() {
    assert_eq!(all_fail(|| Answer::Reset).1, FailureKind::Reset);
}

#[test]
fn a_close_before_any_byte() {
    let kind = |notify| all_fail(move || Answer::Close { bytes: Vec::new(), notify }).1;
    assert_eq!((kind(true), kind(false)), (FailureKind::ClosedEarly, FailureKind::ClosedEarly));
}

#[test]
fn half_a_body() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf!";
    let kind = |notify| all_fail(move || Answer::Close { bytes: half.to_vec(), notify }).1;
    assert_eq!((kind(true), kind(false)), (FailureKind::Truncated, FailureKind::Truncated));
}

/// An answer whose body ends with the connection.
const DELIMITED_BY_CLOSE: &[u8] = b"HTTP/1.1 200 OK\r\n\r\nall there is";

#[test]
fn a_body_that_ends_without_close_notify_may_be_cut_short() {
    let kind = all_fail(|| Answer::Close { bytes: DELIMITED_BY_CLOSE.to_vec(), notify: false }).1;
    assert_eq!(kind, FailureKind::Truncated);
}

#[test]
fn a_body_that_ends_with_close_notify_is_complete() {
    let _beside = beside_others();
    let server = Server::start(|_| Answer::Close { bytes: DELIMITED_BY_CLOSE.to_vec(), notify: true });
    let document = run(&server, &TWENTY);
    assert_eq!((document.counts.succeeded, document.counts.failed), (20, 0), "{:?}", document.failure_details);
    assert_eq!((server.seen(), document.counts.sent), (20, 20));
}

#[test]
fn garbage_instead_of_http() {
    let (_, kind, detail) = all_fail(|| Answer::Close { bytes: b"SSH-2.0-OpenSSH\r\n\r\n".to_vec(), notify: true });
    assert_eq!(kind, FailureKind::HttpProtocol);
    assert!(!detail.is_empty());
}

#[test]
fn a_status_that_is_no_success() {
    let busy = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let (document, kind, detail) = all_fail(|| Answer::Send(busy.to_vec()));
    assert_eq!((kind, detail.as_str()), (FailureKind::Status, "503"));
    assert_eq!(document.connections.opened, 2, "the connections stay open");
}

#[test]
fn no_answer_is_a_timeout_and_censors_the_response() {
    let _beside = beside_others();
    let server = Server::start(|request| if request.index % 4 == 0 { Answer::ok() } else { Answer::Hang });
    let args = ["--rate", "40/s", "-c", "40", "-t", "1", "--timeout", "300ms", "--warmup", "0", "--duration", "2s"];
    let document = run(&server, &args);
    assert_only_noise(&document);
    let timeouts = only_failures(&document, FailureKind::Timeout);
    assert!(timeouts > document.counts.succeeded && document.counts.succeeded > 0, "{:?}", document.counts);
    let response = document.latency.response.as_ref().unwrap();
    assert_eq!(response.censored, timeouts + document.counts.unsent);
    assert_eq!(response.count, document.counts.succeeded);
    let median = response.quantile(0.5).unwrap();
    assert!(median.at_least, "more than half have no known end: {median:?}");
    assert!(median.ns.is_none_or(|ns| ns >= 300_000_000), "{median:?}");
    assert_eq!(server.seen(), document.counts.sent);
}

#[test]
fn a_request_on_a_connection_just_closed_is_sent_once_more() {
    let _beside = beside_others();
    let server = Server::start(|request| match (request.index % 2, Answer::ok()) {
        (0, Answer::Send(bytes)) => Answer::Abandon { bytes, after: Duration::from_millis(1) },
        (_, answer) => answer,
    });
    let document = run(&server, &TWENTY);
    assert_eq!((document.counts.succeeded, document.counts.failed), (20, 0), "{:?}", document.failure_details);
    assert!(document.counts.retried >= 5, "{:?}", document.counts);
    assert_eq!((server.seen(), document.counts.sent), (20, 20), "a request not read was not served");
}

#[test]
fn idle_connections_that_the_server_closes_lose_no_request() {
    let _beside = beside_others();
    let server = Server::start(|_| {
        let Answer::Send(bytes) = Answer::ok() else { unreachable!("ok() is sent") };
        Answer::Abandon { bytes, after: Duration::from_millis(15) }
    });
    let args = ["--rate", "50/s", "--arrivals", "constant", "-c", "4", "-t", "1", "--warmup", "0", "--duration", "1s"];
    let document = run(&server, &args);
    assert_only_noise(&document);
    assert_eq!((document.counts.succeeded, document.counts.failed), (50, 0), "{:?}", document.failure_details);
    assert_eq!(server.seen(), document.counts.sent);
    assert!(document.connections.opened >= 50, "{:?}", document.connections);
}

/// What a server may say in place of its ServerHello.
const NO_HELLOS: [&[u8]; 2] = [b"HTTP/1.1 400 Bad Request\r\n\r\n", &[0x16, 3, 3, 0, 8, 99, 1, 2, 3, 4, 5, 6, 7]];

#[test]
fn no_tls_at_all_cannot_be_run() {
    let _beside = beside_others();
    for bytes in NO_HELLOS {
        let server = Server::start_with(
            |_| Answer::Hang,
            move |_, tcp| {
                // The end comes after the client's, so that it is no reset.
                let _ = tcp.write_all(bytes).and_then(|()| wait_for_the_end(tcp));
                false
            },
        );
        let ended = start(&server, &TWENTY).wait();
        assert_eq!(ended.code, Some(4), "{}", ended.stderr);
        assert!(ended.stderr.contains("tls_protocol") && ended.stdout.is_empty(), "{}", ended.stderr);
        assert!(!ended.out().exists(), "an empty folder stays");
    }
}

#[test]
fn tls_that_ends_in_mid_run_is_counted() {
    let _beside = beside_others();
    for bytes in NO_HELLOS {
        let server = Server::start_with(
            |_| Answer::ok(),
            move |connection, tcp| {
                if connection >= 4 {
                    let _ = tcp.write_all(bytes).and_then(|()| wait_for_the_end(tcp));
                }
                connection < 4
            },
        );
        let document = run(&server, &[&TWENTY[..], &["--requests-per-connection", "1"]].concat());
        assert_only_noise(&document);
        let failed = only_failures(&document, FailureKind::TlsProtocol);
        assert_eq!((document.counts.succeeded, document.counts.attempted), (4, 4 + failed));
        assert_eq!((server.seen(), document.counts.sent), (4, 4));
        assert_eq!(document.connections.failures.get(&FailureKind::TlsProtocol), Some(&failed));
    }
}

#[test]
fn a_handshake_that_never_ends_cannot_be_run() {
    let _beside = beside_others();
    let server = Server::start_with(
        |_| Answer::Hang,
        |_, tcp| {
            let _ = wait_for_the_end(tcp);
            false
        },
    );
    let ended = start(&server, &[&TWENTY[..], &["--connect-timeout", "200ms"]].concat()).wait();
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(ended.stderr.contains("timeout: handshake") && ended.stdout.is_empty(), "{}", ended.stderr);
    assert!(!ended.out().exists(), "an empty folder stays");
}

/// A server that answers every other request of a connection, and takes half a second over each of the others before it closes.
fn works_and_dies() -> Server {
    let seen = std::sync::Mutex::new(std::collections::HashMap::<usize, u64>::new());
    Server::start(move |request| {
        let turn = {
            let mut seen = seen.lock().unwrap();
            let turn = seen.entry(request.connection).or_default();
            *turn += 1;
            *turn
        };
        if turn % 2 == 1 {
            return Answer::ok();
        }
        std::thread::sleep(Duration::from_millis(500));
        Answer::Close { bytes: Vec::new(), notify: false }
    })
}

#[test]
fn a_request_that_was_worked_on_and_dropped_is_a_failure_and_not_sent_again() {
    let _beside = beside_others();
    let server = works_and_dies();
    let document = run(&server, &["-c", "2", "-t", "1", "--requests", "12", "--warmup", "0", "--duration", "10s"]);
    assert_only_noise(&document);
    let counts = &document.counts;
    assert_eq!((counts.retried, only_failures(&document, FailureKind::ClosedEarly)), (0, 6), "{counts:?}");
    assert_eq!((counts.succeeded, server.seen()), (6, counts.sent));
}

#[test]
fn a_request_on_a_connection_that_its_server_had_given_up_is_sent_again_unless_it_may_not_be() {
    let _beside = beside_others();
    for (method, retried) in [("GET", true), ("POST", false)] {
        // The second request of each connection meets a close at once, as if its idle time had just run out.
        let seen = std::sync::Mutex::new(std::collections::HashSet::<usize>::new());
        let server = Server::start(move |request| {
            if seen.lock().unwrap().insert(request.connection) {
                return Answer::ok();
            }
            Answer::Close { bytes: Vec::new(), notify: true }
        });
        let args = ["-c", "1", "-t", "1", "--requests", "10", "--warmup", "0", "--duration", "10s", "-X", method];
        let document = run(&server, &args);
        assert_only_noise(&document);
        let counts = &document.counts;
        if retried {
            assert_eq!((counts.succeeded, counts.failed), (10, 0), "{counts:?}");
            assert!(counts.retried >= 8, "{counts:?}");
            assert!(
                document.verdict.warnings.iter().any(|warning| warning.code == "retried"),
                "{:?}",
                document.verdict
            );
        } else {
            assert_eq!((counts.succeeded, counts.failed, counts.retried), (5, 5, 0), "{counts:?}");
        }
    }
}

#[test]
fn a_success_before_the_request_was_complete_is_none() {
    let _beside = beside_others();
    let server = Server::start(|_| match Answer::ok() {
        // It reads no further, so that the body cannot get out.
        Answer::Send(bytes) => Answer::Abandon { bytes, after: Duration::from_millis(500) },
        answer => answer,
    });
    let args = ["-c", "2", "-t", "1", "--requests", "6", "--body-size", "20MiB", "--warmup", "0", "--duration", "10s"];
    let document = run(&server, &args);
    assert_only_noise(&document);
    assert_eq!((document.counts.succeeded, document.counts.sent), (0, 0), "{:?}", document.counts);
    assert_eq!(only_failures(&document, FailureKind::HttpProtocol), 6, "{:?}", document.failure_details);
    let early = |detail: &str| detail.contains("before the request was complete");
    assert!(document.failure_details.iter().all(|found| early(&found.detail)), "{:?}", document.failure_details);
}
