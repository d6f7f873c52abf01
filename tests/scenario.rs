//! Load in stages against a server that keeps its own log: how much arrives in all is exact, and no second of a pause carries what a stage does.

mod common;

use std::fs;

use common::server::{Answer, Server};
use common::{binary, check_identities, run};

const STAGES: &str = r#"
[scenario]
name = "three"

[[scenario.stage]]
kind = "hold"
rate = "100/s"
for = "2s"

[[scenario.stage]]
kind = "pause"
for = "3s"

[[scenario.stage]]
name = "up"
kind = "ramp"
from = "100/s"
to = "300/s"
for = "2s"
"#;

#[test]
fn the_load_comes_in_stages() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("three.toml");
    fs::write(&file, STAGES).unwrap();
    let server = Server::start(|_| Answer::ok());
    let path = file.display().to_string();
    let args =
        ["--scenario", &path, "--arrivals", "constant", "--warmup", "1s", "--connections", "4", "--threads", "2"];
    let document = run(&server, &args);
    check_identities(&document);
    // 100 × 2 + 0 × 3 + (100 + 300) ÷ 2 × 2, and a second of warm-up as the first stage begins.
    assert_eq!((document.counts.scheduled, document.counts.warmup.sent), (600, 100));
    assert_eq!(server.seen(), 700);
    let scenario = document.plan.scenario.as_ref().unwrap();
    let names: Vec<&str> = scenario.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["1 hold", "2 pause", "up"]);
    assert_eq!(document.plan.duration_s, 7.0);
    let seconds: Vec<&str> = document.series.iter().filter_map(|second| second.stage.as_deref()).collect();
    assert_eq!(seconds[..7], ["1 hold", "1 hold", "2 pause", "2 pause", "2 pause", "up", "up"]);
    // What a machine that stalls brings late comes in the first second of the pause; in its middle nothing is due.
    assert_eq!(document.series[3].requests, 0, "{:?}", document.series);
    assert!(!document.verdict.warnings.iter().any(|warning| warning.code == "non_stationary"));
}

#[test]
fn a_storm_drops_all_connections_which_come_back() {
    const CONNECTIONS: u64 = 12;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("storm.toml");
    let path = file.display().to_string();
    for within in ["0", "1s"] {
        let hold = "[[scenario.stage]]\nkind = \"hold\"\nrate = \"200/s\"\nfor = \"5s\"\n";
        let storm = format!("[scenario.storm]\nat = \"1s\"\nwithin = \"{within}\"\n");
        fs::write(&file, format!("[scenario]\nname = \"storm\"\n{hold}{storm}")).unwrap();
        let server = Server::start(|_| Answer::ok());
        let args = ["--scenario", &path, "--warmup", "0", "--connections", "12", "--threads", "2", "--seed", "1"];
        let document = run(&server, &args);
        check_identities(&document);
        // Each connection once more, and no request lost or sent twice.
        let seen = &document.connections;
        assert_eq!((seen.opened, seen.closed, seen.failed), (2 * CONNECTIONS, 2 * CONNECTIONS, 0));
        assert_eq!((document.counts.failed, document.counts.unsent, document.counts.retried), (0, 0, 0));
        assert_eq!(server.seen(), document.counts.sent + document.counts.warmup.sent);
        let recovered = document.storm_recovered_s.unwrap();
        assert!(recovered > 0.0 && recovered < 4.0, "{recovered}");
        if within == "1s" {
            // Of twelve moments spread over a second the last is in the first tenth in one case of 10^12.
            assert!(recovered > 0.1, "{recovered}");
        }
        let storm = document.plan.scenario.unwrap().storm.unwrap();
        assert_eq!(storm.at_s, 1.0);
    }
}

#[test]
fn a_mistake_in_the_file_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.toml"), STAGES.replace("100/s\"\nfor", "fast\"\nfor")).unwrap();
    fs::write(folder.path().join("good.toml"), STAGES).unwrap();
    for (args, code, says) in [
        (&["--scenario", "bad.toml"][..], 2, "--scenario bad.toml:7:8: 'fast' is not a rate"),
        (&["--scenario", "none.toml"], 4, "--scenario none.toml: "),
        (&["--scenario", "good.toml", "--rate", "5/s"], 2, "--rate"),
        (&["--scenario", "good.toml", "--duration", "5s"], 2, "--duration"),
    ] {
        let ended =
            binary().current_dir(folder.path()).args(["run", "https://localhost:1/"]).args(args).output().unwrap();
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.code() == Some(code) && stderr.contains(says), "{args:?}: {stderr}");
    }
    let args = ["run", "https://localhost:1/", "--scenario", "good.toml", "--dry-run"];
    let dry = binary().current_dir(folder.path()).args(args).output().unwrap();
    let shown = String::from_utf8(dry.stdout).unwrap();
    assert!(shown.contains("scenario three in 3 stages"), "{shown}");
}
