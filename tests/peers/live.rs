//! `--listen`: what a run tells while it goes, read as Prometheus's own Python library reads it, and `report --format openmetrics` of what it left.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::browser;
use super::common::server::{Answer, Server};
use super::common::{binary, start};
use super::fixture::{free_port, get};

/// Debian's own interpreter, for which its packages are.
const PYTHON: &str = "/usr/bin/python3";

/// Reads OpenMetrics strictly, and prints the samples as JSON: {name and labels: value}.
const PARSE: &str = r#"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
samples = {}
for family in parse(sys.stdin.read()):
    for s in family.samples:
        labels = ",".join(f"{k}={v}" for k, v in sorted(s.labels.items()))
        samples[f"{s.name}{{{labels}}}"] = s.value
json.dump(samples, sys.stdout)
"#;

fn parsed(text: &str) -> Value {
    let mut python = Command::new(PYTHON)
        .args(["-c", PARSE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 can be run");
    python.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let ended = python.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}\n{text}", String::from_utf8_lossy(&ended.stderr));
    serde_json::from_slice(&ended.stdout).unwrap()
}

fn value(samples: &Value, name: &str) -> u64 {
    samples[name].as_f64().unwrap_or_else(|| panic!("no {name} in {samples}")) as u64
}

const REQUESTS: &str = "shakedown_requests_total{}";

#[test]
#[ignore = "needs python3-prometheus-client"]
fn a_run_can_be_watched_and_ends_as_its_document_says() {
    let server = Server::start(|_| Answer::ok());
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = ["--listen", &listen, "--rate", "200", "--duration", "6s", "--warmup", "200ms", "-c", "4"];
    let running = start(&server, &args);
    // Gathered first and read afterwards: on a busy machine reading takes longer than the run.
    let (mut texts, mut page) = (Vec::new(), String::new());
    let begin = Instant::now();
    while (texts.len() < 4 || !page.contains("<svg")) && begin.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(400));
        // Headers, and the body after an empty line.
        texts.extend(get(port, "/metrics").and_then(|text| Some(text.split_once("\r\n\r\n")?.1.to_owned())));
        page = get(port, "/").unwrap_or(page);
    }
    let ended = running.wait();
    let told = |text: &String| {
        let samples = parsed(text);
        let (requests, answered) = (value(&samples, REQUESTS), samples["shakedown_response_seconds_count{}"].as_f64());
        // What the warm-up left under way counts when it ends, and its times do not.
        assert!(answered.is_none_or(|n| n <= requests as f64), "{samples}");
        requests
    };
    let seen: Vec<u64> = texts.iter().map(told).collect();
    assert!(seen.is_sorted() && seen.last() > Some(&0), "{seen:?}");
    assert!(
        page.contains("Load run, live") && page.contains("Content-Security-Policy") && page.contains("<svg"),
        "{page}"
    );
    let document = ended.document();
    assert!(*seen.last().unwrap() <= document.counts.succeeded, "{seen:?} against {:?}", document.counts);
    assert!(ended.stderr.contains(&format!("live at http://{listen}/")), "{}", ended.stderr);
    assert_eq!(get(port, "/metrics"), None, "it is gone with the run");
    let again = binary().arg("report").arg(ended.out()).args(["--format", "openmetrics"]).output().unwrap();
    let samples = parsed(&String::from_utf8(again.stdout).unwrap());
    let response = document.latency.response.as_ref().unwrap();
    assert_eq!(value(&samples, REQUESTS), document.counts.succeeded);
    assert_eq!(value(&samples, "shakedown_response_seconds_count{}"), response.count + response.censored);
    assert_eq!(value(&samples, "shakedown_response_seconds_bucket{le=+Inf}"), response.count + response.censored);
}

#[test]
#[ignore = "needs python3-prometheus-client"]
fn requests_are_requests_where_sessions_are_counted() {
    let server = Server::start(|_| Answer::ok());
    let args = ["--rate", "40", "--unit", "sessions", "--requests-per-connection", "5", "--requests", "20"];
    let ended = start(&server, &[&args[..], &["--warmup", "0s"]].concat()).wait();
    let document = ended.document();
    assert_eq!((document.counts.unit.as_str(), document.counts.succeeded), ("sessions", 20));
    let told = binary().arg("report").arg(ended.out()).args(["--format", "openmetrics"]).output().unwrap();
    let samples = parsed(&String::from_utf8(told.stdout).unwrap());
    assert_eq!(value(&samples, REQUESTS), 100, "{samples}");
}

#[test]
#[ignore = "needs chromium"]
fn a_browser_shows_the_live_page_in_peace() {
    let server = Server::start(|_| Answer::ok());
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = ["--listen", &listen, "--rate", "100", "--duration", "60s", "--warmup", "0s", "-c", "4"];
    let running = start(&server, &args);
    let begin = Instant::now();
    while !get(port, "/").is_some_and(|page| page.contains("<svg")) {
        assert!(begin.elapsed() < Duration::from_secs(60), "no chart has come");
        std::thread::sleep(Duration::from_millis(200));
    }
    let page = format!("http://{listen}/");
    let opened = browser::open(&page, 1000, false);
    running.signal(rustix::process::Signal::INT);
    running.wait();
    assert_eq!(opened.console, [""; 0]);
    // It asks for itself again, and for nothing else.
    assert!(opened.asked.iter().all(|url| *url == page), "{:?}", opened.asked);
    assert!(opened.screenshot.len() > 10_000, "an empty page");
}
