//! The embedded endpoint and the generator count the same things, each by itself: where they differ, one of them is wrong.

mod common;

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
