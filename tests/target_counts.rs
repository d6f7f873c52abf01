//! The embedded endpoint and the generator count the same things, each by itself: where they differ, one of them is wrong.

mod common;

use std::process::Stdio;
use std::time::{Duration, Instant};

use shakedown::record::run::RunDocument;
use shakedown::target::{Config, HandshakeKind, Report, Server};

/// The report once all connections are closed, or the last one after five seconds.
fn settled(server: &Server) -> Report {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let report = server.counters();
        if report.open_connections == 0 || Instant::now() > deadline {
            return report;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What a load run of handshakes only counts against `server`.
fn load_with_handshakes(server: &Server, more: &[&str]) -> RunDocument {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, server.ca_pem()).unwrap();
    let mut command = common::binary();
    command.args(["run", &format!("https://{}/", server.addr()), "--json", "--no-progress"]);
    let load = "--requests-per-connection 0 --requests 400 --warmup 0 --duration 20s -c 8";
    command.args(load.split(' '));
    command.args(more).arg("--ca").arg(ca).arg("--out").arg(folder.path().join("out"));
    let ended = command.output().unwrap();
    serde_json::from_slice(&ended.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ended.stderr)))
}

#[test]
fn client_and_server_count_the_same_handshakes_however_the_client_goes() {
    for tls in ["1.2", "1.3"] {
        for close in ["reset", "fin"] {
            for (resumption, tickets) in [("full", true), ("full", false), ("resumed", true)] {
                agree(tls, close, resumption, tickets);
            }
        }
    }
}

fn agree(tls: &str, close: &str, resumption: &str, tickets: bool) {
    let case = format!("TLS {tls}, {close}, {resumption}, tickets {tickets}");
    let server = Server::start(&Config { tickets, ..Config::new("127.0.0.1:0".parse().unwrap(), 2) }).unwrap();
    let run = load_with_handshakes(&server, &["--tls", tls, "--close", close, "--resumption", resumption]);
    let report = settled(&server);
    let (seen, counted) = (&run.connections, &run.connections.handshakes);
    assert!(counted.total() >= 400 && seen.failed == 0, "{case}: {seen:?}");
    assert_eq!(report.failed_handshakes, [], "{case}: {seen:?}");
    assert_eq!(report.handshakes_of(HandshakeKind::Full), counted.full + seen.priming, "{case}");
    assert_eq!(report.handshakes_of(HandshakeKind::Resumed), counted.resumed, "{case}");
    assert_eq!((report.connections, report.open_connections), (counted.total() + seen.priming, 0), "{case}");
}

/// `serve` as a process of its own, until SIGTERM: what it wrote on stdout and on stderr, and what the client counted.
fn served(args: &[&str], path: &str, load: &[&str]) -> (String, String, RunDocument) {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (listen, url) = (format!("127.0.0.1:{port}"), format!("https://127.0.0.1:{port}{path}"));
    let mut command = common::binary();
    command.args(["serve", "--listen", &listen, "--write-ca"]).arg(&ca).args(args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !ca.exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut command = common::binary();
    command.args(["run", &url, "--quiet", "--json", "--out"]).arg(folder.path().join("out")).args(load);
    let run = command.arg("--ca").arg(&ca).output().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    let ended = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let document = serde_json::from_slice(&run.stdout).unwrap_or_else(|_| panic!("{}", text(run.stderr.clone())));
    (text(ended.stdout), text(ended.stderr), document)
}

const UPLOADS: [&str; 9] = ["--method", "POST", "--body-size", "3000", "--requests", "200", "--warmup", "0", "-c4"];

#[test]
fn serve_prints_what_it_counted_as_text_or_as_nothing_but_json() {
    let (stdout, stderr, run) = served(&["--json"], "/sink", &UPLOADS);
    assert!(stderr.starts_with("listening on https://127.0.0.1:"), "{stderr}");
    let counted: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let sent = run.counts.sent;
    assert!(sent >= 200 && run.counts.succeeded == sent, "{:?}", run.counts);
    assert_eq!(counted["bytes_in"], 3000 * sent);
    assert_eq!((&counted["requests"], &counted["responses"]), (&sent.into(), &sent.into()));

    let (stdout, stderr, run) = served(&[], "/", &UPLOADS[4..]);
    assert!(stderr.is_empty() && stdout.starts_with("listening on https://127.0.0.1:"), "{stderr}{stdout}");
    let line = |label: &str| stdout.lines().find(|line| line.starts_with(label)).unwrap_or_else(|| panic!("{stdout}"));
    let count = |label: &str| line(label)[14..26].replace(' ', "").parse::<u64>().unwrap();
    assert_eq!((count("requests"), count("responses")), (run.counts.sent, run.counts.sent), "{stdout}");
    assert_eq!((count("connections"), count("handshakes")), (4, 4), "{stdout}");
}
