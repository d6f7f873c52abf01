//! `shakedown suites` against nginx: every arm was really run with its suite, by nginx's own log, and what nginx refuses has no row.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use shakedown::model::suite::{KeyType, Suite, TlsVersion};
use shakedown::record::suites::SuitesDocument;

use super::generator::BINARY;
use super::identity::Authority;
use super::nginx::{Log, Nginx};

/// A comparison of five short rounds that ended with a document.
fn compare(server: &Nginx, args: &[&str]) -> SuitesDocument {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(BINARY);
    command.args(["suites", &server.url("/"), "--json", "--no-progress", "--ca", &server.ca, "-c", "4", "-t", "1"]);
    command.args(["--rounds", "5", "--trial", "100ms"]).args(args).arg("--out").arg(folder.path().join("out"));
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(matches!(output.status.code(), Some(0 | 3)), "{stderr}");
    let document: SuitesDocument = serde_json::from_slice(&output.stdout).expect(&stderr);
    assert!(!document.interrupted);
    document
}

/// Requests by suite, as nginx logged them.
fn by_suite(log: &Log) -> BTreeMap<Suite, u64> {
    let mut counts = BTreeMap::new();
    for line in &log.lines {
        let suite: Suite = line.cipher.parse().unwrap_or_else(|_| panic!("no suite of ours: {line:?}"));
        let protocol = if suite.version() == TlsVersion::V13 { "TLSv1.3" } else { "TLSv1.2" };
        assert_eq!(line.protocol, protocol, "{line:?}");
        *counts.entry(suite).or_insert(0) += 1;
    }
    counts
}

/// Requests that the document's figures of `suite` tell of, whatever the certificate: those at full load that rates and windows say, and
/// the responses at the common rate.
fn told(document: &SuitesDocument, suite: Suite) -> u64 {
    let rows = document.arms.iter().filter(|arm| arm.suite == suite && !arm.workload.ends_with("handshake"));
    let of_row = |arm: &shakedown::record::suites::ArmRecord| {
        let at_full_load: f64 =
            arm.rounds.iter().filter_map(|round| round.rate_per_s).map(|rate| rate * document.plan.trial_s).sum();
        at_full_load.round() as u64 + arm.estimate.responses
    };
    rows.map(of_row).sum()
}

/// That nginx spoke the suites that have rows, and no other, and at least as often as the figures say; warm-up, first round, disturbed runs
/// and what was asked once are its surplus.
fn assert_agrees(document: &SuitesDocument, log: &Log) {
    let counts = by_suite(log);
    let shown: BTreeSet<Suite> = document.arms.iter().map(|arm| arm.suite).collect();
    assert_eq!(counts.keys().copied().collect::<BTreeSet<_>>(), shown);
    for (suite, count) in counts {
        let told = told(document, suite);
        // A window's true length may be a little more than planned.
        assert!(
            told > 0 && told as f64 <= count as f64 * 1.02,
            "{suite}: nginx answered {count}, the figures say {told}"
        );
    }
}

#[test]
#[ignore = "needs nginx"]
fn every_suite_was_run_as_itself() {
    let mut server = Nginx::start("");
    let document = compare(&server, &["--workload", "request"]);
    assert_eq!(document.refused, []);
    // Six of TLS 1.2, three of TLS 1.3 with both certificates, two baselines again.
    assert_eq!(document.arms.len(), 14);
    assert_agrees(&document, &server.log());
}

#[test]
#[ignore = "needs nginx"]
fn what_is_not_there_is_told_and_only_the_rest_is_sent() {
    let mut server = Nginx::start("");
    fs::create_dir(server.folder().join("html/o")).unwrap();
    fs::write(server.folder().join("html/o/3000"), vec![b'x'; 3000]).unwrap();
    fs::write(server.folder().join("html/o/4096"), vec![b'x'; 4095]).unwrap();
    let objects = [
        "--workload",
        "resumed,download,upload",
        "--size",
        "1KiB,3000B,4KiB",
        "--download",
        "/o/{bytes}",
        "--upload",
        "/o/x",
    ];
    let suites = ["--suite", "TLS_AES_128_GCM_SHA256,ECDHE-RSA-AES128-GCM-SHA256", "--cert-type", "rsa"];
    let document = compare(&server, &[&objects[..], &suites].concat());
    let log = server.log();
    let why: BTreeMap<_, _> =
        document.refused.iter().map(|refused| (refused.workload.clone().unwrap(), refused.why.as_str())).collect();
    assert_eq!(why["download of 1.00 KiB"], "status: 404");
    assert!(why["download of 4.00 KiB"].contains("answers with"), "{why:?}");
    assert!(why["upload of 2.93 KiB"].starts_with("status: 40"), "nginx takes no POST there: {why:?}");
    assert_eq!(why.len(), 5, "{why:?}");
    assert!(
        document.refused.iter().all(|refused| refused.suite.is_none()),
        "whatever the suite: {:?}",
        document.refused
    );
    let downloads: Vec<_> = document.arms.iter().filter_map(|arm| arm.object_bytes).collect();
    assert_eq!(downloads, [3000; 3]);
    assert_eq!(document.arms.iter().filter(|arm| arm.workload == "resumed_handshake").count(), 3);
    assert_agrees(&document, &log);
    // Beyond the single request that each refusal took, everything was the object that there is.
    let others =
        log.lines.iter().filter(|line| !(line.method == "GET" && line.status == 200 && line.bytes_sent >= 3000));
    assert_eq!(
        others.filter(|line| line.bytes_sent < 4096).count(),
        2 * 4,
        "one download and three uploads for each suite"
    );
}

#[test]
#[ignore = "needs nginx"]
fn a_certificate_that_the_server_does_not_have_is_refused_with_every_suite_of_its_type() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let [rsa, _] = authority.pair();
    let mut server = Nginx::with(folder, authority, &[rsa], "");
    let document = compare(&server, &["--workload", "request"]);
    assert!(document.arms.iter().all(|arm| arm.certificate == KeyType::Rsa), "{:?}", document.arms);
    assert_eq!(document.arms.len(), 7);
    let refused: BTreeSet<_> =
        document.refused.iter().map(|refused| (refused.suite.unwrap(), refused.certificate.unwrap())).collect();
    let ecdsa =
        Suite::all().filter(|suite| suite.key_type() != Some(KeyType::Rsa)).map(|suite| (suite, KeyType::Ecdsa));
    assert_eq!(refused, ecdsa.collect());
    assert!(
        document.refused.iter().all(|refused| refused.why == "tls_alert: handshake_failure"),
        "{:?}",
        document.refused
    );
    assert_agrees(&document, &server.log());
}
