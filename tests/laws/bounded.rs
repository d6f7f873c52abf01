//! Runs that `--requests` bounds: exactly what was asked for is measured, and every rate is that of only this.

use std::time::Duration;

use super::common::noise::{alone, beside_others, despite_noise};
use super::common::server::{Answer, Server};
use super::common::{assert_only_noise, run};
use shakedown::record::run::RunDocument;

/// A server that takes `work` for each answer, on each connection by itself.
fn working(work: Duration) -> Server {
    Server::start(move |_| {
        std::thread::sleep(work);
        Answer::ok()
    })
}

/// What holds of every bounded run: as many as asked for, and rates that are theirs over the window.
fn assert_exact(document: &RunDocument, server: &Server, asked: u64) {
    assert_only_noise(document);
    let (counts, throughput) = (&document.counts, &document.throughput);
    assert_eq!((counts.scheduled, counts.succeeded), (asked, asked), "{counts:?}");
    assert_eq!(server.seen(), counts.sent + counts.warmup.sent);
    let in_window = throughput.requests_per_s * throughput.window_s;
    assert!((in_window - asked as f64).abs() < 1e-6, "{in_window} requests in the window");
    let in_series: u64 = document.series.iter().map(|second| second.requests).sum();
    assert_eq!(in_series, asked, "{:?}", document.series);
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".len() as f64;
    assert!((throughput.bytes_in_per_s * throughput.window_s - answer * asked as f64).abs() < 1e-3, "{throughput:?}");
    let last = document.series.last().unwrap().t_s;
    assert!(last <= throughput.window_s + 1e-9, "the series ends at {last} s, the window at {} s", throughput.window_s);
}

#[test]
fn one_request_is_not_counted_with_what_the_warmup_left_under_way() {
    let _beside = beside_others();
    let server = working(Duration::from_millis(3));
    let document = run(&server, &["-c", "32", "-t", "2", "--requests", "1", "--warmup", "300ms"]);
    assert_exact(&document, &server, 1);
    assert!(document.counts.warmup.succeeded > 32, "{:?}", document.counts.warmup);
    // The only request of the window took at least as long as the server worked on it.
    assert!(document.throughput.requests_per_s <= 1.0 / 0.003, "{:?}", document.throughput);
    assert_eq!(document.client.cpu_ns_per_request, None, "most of what ended in the window was the warm-up's");
}

#[test]
fn uneven_workers_share_what_is_to_be_done() {
    let _alone = alone();
    despite_noise(|| {
        let server = working(Duration::from_millis(10));
        // Two connections on one worker, one on the other: together three requests in ten milliseconds.
        let document = run(&server, &["-c", "3", "-t", "2", "--requests", "150", "--warmup", "100ms"]);
        assert_exact(&document, &server, 150);
        let rate = document.throughput.requests_per_s;
        assert!(rate < 301.0, "{rate}/s is more than three connections can do");
        if rate > 240.0 { Ok(()) } else { Err(format!("{rate}/s instead of about 300/s")) }
    });
}

#[test]
fn new_connections_do_not_overshoot() {
    let _beside = beside_others();
    for (requests, connections) in [("5", "64"), ("40", "8")] {
        let server = working(Duration::from_millis(1));
        let args = ["-c", connections, "-t", "2", "--requests", requests, "--requests-per-connection", "1"];
        let document = run(&server, &[&args[..], &["--warmup", "200ms"]].concat());
        assert_exact(&document, &server, requests.parse().unwrap());
    }
}

#[test]
fn an_open_loop_takes_the_first_arrivals_of_the_window() {
    let _beside = beside_others();
    for threads in ["1", "3"] {
        let server = working(Duration::from_millis(1));
        let args = ["--rate", "400/s", "--seed", "5", "-c", "16", "-t", threads, "--requests", "37"];
        let document = run(&server, &[&args[..], &["--warmup", "250ms"]].concat());
        assert_exact(&document, &server, 37);
        let response = document.latency.response.as_ref().unwrap();
        assert_eq!((response.count, response.censored), (37, 0));
    }
}

#[test]
fn the_servers_cost_is_read_at_the_windows_true_end() {
    let _beside = beside_others();
    let server = working(Duration::from_millis(1));
    let own = std::process::id().to_string();
    let document = run(&server, &["-c", "4", "-t", "1", "--requests", "50", "--warmup", "0", "--server-pid", &own]);
    assert_exact(&document, &server, 50);
    let cost = document.server.as_ref().expect("the server's CPU time was readable");
    // Some ticks of 10 ms at most: too few to be divided by requests.
    assert!(cost.cpu_s < 5.0 && (cost.cpu_s >= 0.5 || cost.cpu_ns_per_request.is_none()), "{cost:?}");
}

#[test]
fn a_run_that_lasts_its_time_counts_what_it_completed() {
    let _beside = beside_others();
    let server = working(Duration::from_millis(2));
    let document =
        run(&server, &["-c", "4", "-t", "2", "--requests", "1000000", "--warmup", "0", "--duration", "500ms"]);
    assert_only_noise(&document);
    assert!((document.throughput.window_s - 0.5).abs() < 1e-9, "{:?}", document.throughput);
    assert_eq!(server.seen(), document.counts.sent);
}

#[test]
fn arrivals_that_the_time_ends_before_leave_the_window_whole() {
    let _beside = beside_others();
    let server = working(Duration::from_millis(1));
    let args = ["--rate", "20/s", "--arrivals", "constant", "--requests", "1000", "-c", "4", "-t", "2"];
    let document = run(&server, &[&args[..], &["--warmup", "0", "--duration", "1s"]].concat());
    assert_only_noise(&document);
    // Twenty arrivals in the second, the last of them 50 ms before its end.
    let throughput = &document.throughput;
    assert!((throughput.window_s - 1.0).abs() < 1e-9 && document.counts.scheduled == 20, "{throughput:?}");
    assert!((throughput.requests_per_s - 20.0).abs() < 1e-9, "{throughput:?}");
}

#[test]
fn a_worker_without_work_is_neither_busy_nor_late() {
    let _beside = beside_others();
    let server = working(Duration::from_millis(20));
    for _ in 0..3 {
        let document = run(&server, &["-c", "8", "-t", "4", "--requests", "3", "--warmup", "0"]);
        assert_only_noise(&document);
        assert_eq!(document.verdict.limited_by, None, "{:?}", document.client.workers);
        assert!(document.client.workers.iter().all(|worker| worker.busy < 0.9), "{:?}", document.client.workers);
    }
}
