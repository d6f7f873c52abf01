//! What a stranger types first: the trial without arguments works, whole, and says what it measured.

mod common;

use std::collections::BTreeSet;
use std::process::Output;

use common::noise::alone;
use common::{binary, names_in};
use shakedown::model::suite::Suite;
use shakedown::record::audit::AuditOutcome;
use shakedown::record::trial::{SCHEMA, TrialDocument};

#[test]
#[ignore = "takes a minute"]
fn every_suite_is_compared_and_the_cryptography_measured() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let Output { status, stdout, stderr } = binary().arg("--out").arg(&out).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "{stdout}");
    assert_eq!(names_in(&out), ["audit.csv", "crypto.csv", "report.html", "result.json", "suites.csv"]);
    let document: TrialDocument = serde_json::from_slice(&std::fs::read(out.join("result.json")).unwrap()).unwrap();
    assert_eq!((document.schema.as_str(), document.interrupted), (SCHEMA, false));

    // Four workloads, in each the nine suites, and the two baselines once more.
    let suites = &document.suites;
    assert!(suites.refused.is_empty(), "{:?}", suites.refused);
    assert_eq!(suites.arms.len(), 4 * (9 + 2));
    let all: BTreeSet<Suite> = Suite::all().collect();
    for workload in ["full_handshake", "resumed_handshake", "request", "bulk"] {
        let rows = || suites.arms.iter().filter(|arm| arm.workload == workload);
        let measured: BTreeSet<Suite> = rows().filter(|arm| !arm.control).map(|arm| arm.suite).collect();
        assert_eq!((rows().count(), &measured), (11, &all), "{workload}");
        assert_eq!(rows().filter(|arm| arm.control).count(), 2, "{workload}");
        for arm in rows() {
            let rate = arm.estimate.rate_per_s.expect("every suite has a rate");
            assert!(rate.value > 0.0 && arm.estimate.failed == 0, "{workload}, {}: {:?}", arm.suite, arm.estimate);
        }
    }
    let crypto = document.crypto.as_ref().expect("the cryptography was measured");
    assert!(!crypto.aead.is_empty() && !crypto.advice.is_empty());

    // The embedded endpoint has the six and TLS 1.3's three, and a certificate of an authority that is given.
    let audit = document.audit.as_ref().expect("the endpoint was audited");
    assert_eq!(audit.outcome, AuditOutcome::Pass, "{}", audit.verdict);
    let accepted: BTreeSet<_> = audit.accepted.iter().map(|accepted| accepted.suite).collect();
    assert_eq!(accepted, all.iter().map(|suite| (*suite).into()).collect());

    // What was printed is what the document says, and can be printed again.
    let again = binary().arg("report").arg(&out).output().unwrap();
    let printed = stdout.rsplit_once("\nwritten to ").expect("it says where").0;
    assert_eq!(String::from_utf8(again.stdout).unwrap(), printed);
    assert!(all.iter().all(|suite| printed.contains(suite.openssl())), "{printed}");
    assert!(printed.lines().all(|line| line.chars().count() <= 100), "{printed}");
}
