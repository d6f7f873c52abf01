//! Bodies both ways against nginx, and all the ways in which an answer can end.

use shakedown::record::run::RunDocument;

use super::generator::{assert_no_failure, document, sent};
use super::nginx::{LARGE, Log, Nginx, OK, SMALL};
use super::suites::assert_agrees;

fn run(server: &mut Nginx, path: &str, args: &[&str]) -> (RunDocument, Log) {
    let document = document(&server.url(path), &[args, &["--ca", &server.ca]].concat());
    let log = server.log();
    assert_no_failure(&document);
    assert_agrees(&document, &log);
    (document, log)
}

/// That the bytes of the window are those of the requests completed in it: more only by what was under way at its start, less
/// only by what had arrived before it, and in no case more than the server sent.
fn assert_bytes_in(document: &RunDocument, log: &Log, body: usize) {
    let throughput = &document.throughput;
    let bytes = throughput.bytes_in_per_s * throughput.window_s;
    let completed = throughput.requests_per_s * throughput.window_s;
    let under_way = document.plan.connections as f64;
    assert!(bytes >= (completed - under_way) * body as f64, "{bytes} for {completed} requests");
    let from_server: u64 = log.lines.iter().map(|line| line.bytes_sent).sum();
    assert!(bytes <= from_server as f64 + 0.5, "{bytes}, but the server sent {from_server}");
}

#[test]
#[ignore = "needs nginx"]
fn objects_come_down_whole() {
    let mut server = Nginx::start("");
    for suite in ["TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"] {
        for (path, size) in [("/", OK.len()), ("/64k", SMALL), ("/1m", LARGE)] {
            let (document, log) = run(&mut server, path, &["--suite", suite]);
            assert!(log.lines.iter().all(|line| line.status == 200 && line.bytes_sent > size as u64), "{path}");
            assert_bytes_in(&document, &log, size);
        }
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_mebibyte_goes_up_whole() {
    let mut server = Nginx::start("");
    for suite in ["TLS_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-AES128-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"] {
        let args = ["--suite", suite, "--method", "PUT", "--body-size", "1MiB"];
        let (document, log) = run(&mut server, "/upload", &args);
        let kept = server.folder().join("html/upload");
        assert_eq!(std::fs::metadata(kept).unwrap().len(), LARGE as u64);
        for line in &log.lines {
            // Created once, replaced after that.
            assert!(matches!(line.status, 201 | 204) && line.method == "PUT", "{line:?}");
            assert!((LARGE as u64..LARGE as u64 + 1024).contains(&line.request_bytes), "{line:?}");
        }
        let throughput = &document.throughput;
        let bytes = throughput.bytes_out_per_s * throughput.window_s;
        let to_server: u64 = log.lines.iter().map(|line| line.request_bytes).sum();
        assert!(bytes > 0.0 && bytes <= to_server as f64 + 0.5, "{bytes}, but the server got {to_server}");
        let completed = throughput.requests_per_s * throughput.window_s;
        assert!(bytes >= (completed - document.plan.connections as f64) * LARGE as f64, "{bytes}");
    }
}

#[test]
#[ignore = "needs nginx"]
fn an_answer_may_come_before_the_body_has_gone_out() {
    let mut server = Nginx::start("");
    // `return` answers when it has the head, and throws the body away; a second request may then follow.
    let document = document(&server.url("/"), &["--method", "POST", "--body-size", "1MiB", "--ca", &server.ca]);
    let log = server.log();
    assert_eq!(document.counts.warmup.succeeded + document.counts.succeeded, log.len(), "{document:?}");
    assert!(document.counts.succeeded > 0);
    assert!(log.lines.iter().all(|line| line.method == "POST" && line.status == 200));
}

#[test]
#[ignore = "needs nginx"]
fn a_head_has_no_body() {
    let mut server = Nginx::start("");
    for tls in ["1.2", "1.3"] {
        let (document, log) = run(&mut server, "/1m", &["--method", "HEAD", "--tls", tls]);
        assert!(log.lines.iter().all(|line| line.method == "HEAD" && line.bytes_sent < 1024));
        assert_bytes_in(&document, &log, 0);
        assert_eq!(document.connections.opened, 4, "the connections are kept");
    }
}

#[test]
#[ignore = "needs nginx"]
fn an_answer_may_be_chunked() {
    // A substitution that finds nothing: nginx does not know the length in advance any more.
    let chunked = "location = /chunked { alias html/64k; sub_filter_types *; sub_filter nothing nothing; }";
    let mut server = Nginx::start(chunked);
    for tls in ["1.2", "1.3"] {
        let (document, log) = run(&mut server, "/chunked", &["--tls", tls]);
        assert!(log.lines.iter().all(|line| line.status == 200 && line.bytes_sent > SMALL as u64));
        assert_bytes_in(&document, &log, SMALL);
        assert_eq!(document.connections.opened, 4, "the connections are kept");
    }
}

#[test]
#[ignore = "needs nginx"]
fn an_answer_may_end_with_its_connection() {
    let until_close = "chunked_transfer_encoding off;
        location = /until-close { alias html/64k; sub_filter_types *; sub_filter nothing nothing; }";
    let mut server = Nginx::start(until_close);
    for tls in ["1.2", "1.3"] {
        let (document, log) = run(&mut server, "/until-close", &["--tls", tls]);
        assert_bytes_in(&document, &log, SMALL);
        assert_eq!(log.connections(), log.len());
        assert!(document.connections.opened >= log.len());
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_server_may_close_after_every_answer() {
    let mut server = Nginx::start("keepalive_timeout 0;");
    for tls in ["1.2", "1.3"] {
        for pace in [&[][..], &["--rate", "200/s"]] {
            let (document, log) = run(&mut server, "/64k", &[&["--tls", tls], pace].concat());
            assert_bytes_in(&document, &log, SMALL);
            assert_eq!(log.connections(), log.len());
        }
    }
}

#[test]
#[ignore = "needs nginx"]
fn a_status_that_is_not_expected_is_a_failure_with_its_number() {
    let mut server = Nginx::start("");
    let document = document(&server.url("/missing"), &["--ca", &server.ca]);
    let log = server.log();
    assert_agrees(&document, &log);
    assert!(log.lines.iter().all(|line| line.status == 404));
    assert_eq!((document.counts.succeeded, document.counts.warmup.succeeded), (0, 0));
    assert_eq!(document.counts.failed + document.counts.warmup.failed, sent(&document));
    let details: Vec<_> = document.failure_details.iter().map(|failure| failure.detail.as_str()).collect();
    assert_eq!(details, ["404"]);
    let (document, log) = run(&mut server, "/missing", &["--expect-status", "404"]);
    assert!(document.counts.succeeded > 0 && log.lines.iter().all(|line| line.status == 404));
}

#[test]
#[ignore = "needs nginx"]
fn a_body_that_the_server_refuses_is_a_status() {
    let mut server = Nginx::start("");
    for tls in ["1.2", "1.3"] {
        // More than nginx accepts: it answers when it has the head, reads on for a while, and closes.
        let args = ["--method", "POST", "--body-size", "16MiB", "--tls", tls, "--ca", &server.ca];
        let document = document(&server.url("/1m"), &args);
        let log = server.log();
        assert!(log.lines.iter().all(|line| line.status == 413));
        // Hardly any is `sent`, which means in full; but each is one that the server has answered.
        let counts = &document.counts;
        assert_eq!(log.len(), counts.attempted + counts.warmup.failed, "{counts:?}");
        assert_eq!((counts.succeeded, counts.warmup.succeeded), (0, 0));
        let details: Vec<_> = document.failure_details.iter().map(|failure| failure.detail.as_str()).collect();
        assert_eq!(details, ["413"]);
    }
}
