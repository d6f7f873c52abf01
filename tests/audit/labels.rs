//! `--profile` of the commands that send load: the short audit first, the load of the profile, and labels on what its policy does not allow.

use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use shakedown::model::policy::Standing;
use shakedown::model::profile::bundled_text;
use shakedown::model::suite::Suite;
use shakedown::record::audit::AuditOutcome;
use shakedown::record::capacity::CapacityDocument;
use shakedown::record::run::RunDocument;
use shakedown::record::suites::SuitesDocument;

use super::command::{BINARY, POLICY};
use super::nginx::{Nginx, Site};
use super::truth::{SIX, six_and};
use super::world::{HOST, World};

/// Runs a command that sends load, and gives its document and what it said on stderr.
fn load<D: DeserializeOwned>(command: &str, url: &str, ca: &str, profile: &Path, more: &[&str]) -> (D, String) {
    let folder = tempfile::tempdir().unwrap();
    let ended = std::process::Command::new(BINARY)
        .args([command, url, "--json", "--no-progress", "--ca", ca, "--threads", "1", "--profile"])
        .arg(profile)
        .args(more)
        .arg("--out")
        .arg(folder.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    // Two cores and a server: the figures may be INVALID, and nobody asks.
    assert!(matches!(ended.status.code(), Some(0 | 1 | 3)), "{command}: {stderr}");
    (serde_json::from_slice(&ended.stdout).expect(&stderr), stderr)
}

fn codes(warnings: &[shakedown::record::run::Remark]) -> Vec<&str> {
    warnings.iter().map(|warning| &*warning.code).collect()
}

#[test]
#[ignore = "needs nginx"]
fn load_under_a_profile_is_audited_first_and_labelled() {
    let world = World::new();
    let pair = world.pair("server", &[HOST]);
    let (six, more) = (SIX.join(":"), six_and("ECDHE-RSA-AES256-GCM-SHA384"));
    let kept = Site { protocols: "TLSv1.2 TLSv1.3", ..Site::new(&pair, &six) };
    let broken = Site { protocols: "TLSv1.2 TLSv1.3", ..Site::new(&pair, &more) };
    let sites = [kept, broken];
    let _nginx = Nginx::start(world.root(), &sites);
    let [kept, broken] = &sites;
    let profile = world.root().join("strict.toml");
    let strict = bundled_text(POLICY).unwrap().replace("tls13 = \"permit\"", "tls13 = \"strict\"");
    let sections = "[load]\nconnections = 3\nrate = \"200/s\"\nduration = \"500ms\"\nwarmup = \"0s\"\n\
                    [slo]\nobjectives = [\"response p50 < 5s\"]\n\
                    [suites]\nworkloads = [\"request\"]\nrounds = 5\ntrial = \"100ms\"\n";
    fs::write(&profile, format!("{strict}\n{sections}")).unwrap();

    // TLS 1.3 is preferred by both sides, and outside of this policy.
    let (run, stderr): (RunDocument, _) = load("run", &broken.url(), world.ca(), &profile, &[]);
    assert!(stderr.contains("FAIL by the audit's short form: the policy is broken: suites.none_outside"), "{stderr}");
    assert_eq!((run.plan.connections, run.plan.rate_per_s), (3, Some(200.0)));
    assert_eq!(run.policy.as_ref().unwrap().outcome, AuditOutcome::Fail);
    assert!(run.negotiated.iter().all(|row| row.standing == Some(Standing::Outside)), "{:?}", run.negotiated);
    let warnings = codes(&run.verdict.warnings);
    assert!(warnings.contains(&"policy") && warnings.contains(&"outside_policy"), "{warnings:?}");

    // The command line goes before the profile.
    let options = ["--rate", "100/s", "--tls", "1.2"];
    let (run, _): (RunDocument, _) = load("run", &kept.url(), world.ca(), &profile, &options);
    assert_eq!((run.plan.connections, run.plan.rate_per_s), (3, Some(100.0)));
    assert!(run.negotiated.iter().all(|row| row.standing == Some(Standing::Named)), "{:?}", run.negotiated);
    assert!(!codes(&run.verdict.warnings).contains(&"outside_policy"));

    // Compared are those suites that the policy allows, unless others are named.
    let (suites, _): (SuitesDocument, _) = load("suites", &kept.url(), world.ca(), &profile, &[]);
    let measured: Vec<_> = suites.arms.iter().filter(|arm| !arm.control).map(|arm| arm.suite).collect();
    let allowed: Vec<_> = Suite::all().filter(|suite| suite.key_type().is_some()).collect();
    assert!(allowed.len() == 6 && allowed.iter().all(|suite| measured.contains(suite)), "{measured:?}");
    assert!(measured.len() == 6 && suites.arms.iter().all(|arm| arm.standing == Some(Standing::Named)));
    let named = ["--suite", "TLS_AES_128_GCM_SHA256", "--cert-type", "rsa"];
    let (suites, _): (SuitesDocument, _) = load("suites", &kept.url(), world.ca(), &profile, &named);
    assert!(suites.arms.iter().all(|arm| arm.standing == Some(Standing::Outside)), "{:?}", suites.arms);
    assert!(codes(&suites.warnings).contains(&"outside_policy"));

    let search = [
        "--max",
        "100/s",
        "--start",
        "100/s",
        "--budget",
        "10s",
        "--confirm",
        "0s",
        "--trial",
        "500ms",
        "--warmup",
        "100ms",
    ];
    let (capacity, _): (CapacityDocument, _) = load("capacity", &kept.url(), world.ca(), &profile, &search);
    assert_eq!(capacity.slo[0].text, "response p50 < 5s");
    assert_eq!((capacity.plan.connections, capacity.plan.rate_per_s), (3, None));
    assert!(capacity.policy.is_some() && codes(&capacity.warnings).contains(&"outside_policy"));
}
