//! `crypto` against what `openssl speed` printed, and what the command leaves behind. `crypto_loops.rs` holds its figures against loops
//! written apart from it.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::noise::beside_others;
use common::{binary, names_in};
use rustix::process::{Pid, Signal, kill_process};
use shakedown::model::crypto::{Direction, Library, Operation};
use shakedown::model::suite::RecordCipher;
use shakedown::record::crypto::{AeadRow, CryptoDocument, SCHEMA};
use shakedown::record::folder;

fn crypto(args: &[&str]) -> Output {
    binary().arg("crypto").args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A whole run, its document the same on stdout as on disk.
fn measured(out: &Path, args: &[&str]) -> CryptoDocument {
    let ended = crypto(&[args, &["--json", "--out", out.to_str().unwrap()]].concat());
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    let document: CryptoDocument = serde_json::from_slice(&ended.stdout).unwrap();
    assert!(folder::load::<CryptoDocument>(out, SCHEMA).unwrap() == document, "stdout and result.json differ");
    document
}

const FAST: [&str; 4] = ["--repetitions", "6", "--time", "1ms"];

#[test]
fn a_run_leaves_figures_that_agree_with_each_other() {
    let _beside = beside_others();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let cores = std::thread::available_parallelism().unwrap().get();
    let threads = format!("1,{cores}");
    let document =
        measured(&out, &[&FAST[..], &["--provider", "ring,aws-lc", "--threads", &threads, "--seed", "5"]].concat());
    assert_eq!(names_in(&out), ["crypto.csv", "report.html", "result.json"]);
    assert_eq!((document.schema.as_str(), document.plan.seed, document.interrupted), (SCHEMA, 5, false));
    assert_eq!(document.aead.len(), 2 * 4 * 2 * 5 * if cores > 1 { 2 } else { 1 });
    // The rate is that of all threads together, the time that of one.
    let records = document.aead.iter().map(|row| (row.threads * row.record_bytes, &row.speed));
    for (bytes, speed) in records.chain(document.record_layer.iter().map(|row| (row.record_bytes, &row.speed))) {
        assert!((speed.bytes_per_s * speed.ns_per_record / (bytes as f64 * 1e9) - 1.0).abs() < 1e-9, "{speed:?}");
        let within = |low: Option<f64>, value: f64, high: Option<f64>| low.unwrap() <= value && value <= high.unwrap();
        assert!(within(speed.bytes_per_s_low, speed.bytes_per_s, speed.bytes_per_s_high), "{speed:?}");
        assert!(within(speed.ns_per_record_low, speed.ns_per_record, speed.ns_per_record_high), "{speed:?}");
        assert_eq!(speed.repetitions, 6);
    }
    let sides = document.handshakes.iter().flat_map(|row| [&row.client, &row.server]);
    for speed in document.primitives.iter().map(|row| &row.speed).chain(sides) {
        assert!((speed.per_s * speed.ns / 1e9 - 1.0).abs() < 1e-9, "{speed:?}");
        assert!(speed.ns_low.unwrap() <= speed.ns && speed.ns <= speed.ns_high.unwrap(), "{speed:?}");
    }
    assert!(document.openssl.version.is_none() && document.openssl.missing.is_some());
    assert!(document.advice.iter().any(|remark| remark.code == "small_records"), "{:?}", document.advice);

    // The same again, from the document.
    let report = |format: &str| binary().args(["report", "--format", format]).arg(&out).output().unwrap();
    assert_eq!(text(&report("csv").stdout), fs::read_to_string(out.join("crypto.csv")).unwrap());
    let shown = report("text");
    assert!(shown.status.success() && text(&shown.stdout).contains(&document.advice[0].text[..20]));
    assert!(text(&shown.stdout).lines().all(|line| line.chars().count() <= 100));
    // The key of a signature decides what the server pays: RSA much more than ECDSA.
    let server = |name: &str| {
        let is = |row: &&shakedown::record::crypto::PrimitiveRow| {
            row.provider == Library::Ring && row.operation == Operation::Sign && row.algorithm.name().starts_with(name)
        };
        document.primitives.iter().find(is).unwrap().speed.ns
    };
    assert!(server("RSA") > 3.0 * server("ECDSA"));
}

/// What a person would type for the figures of `row`.
fn openssl_command(row: &AeadRow) -> String {
    let (aead, name) = match row.algorithm {
        RecordCipher::Aes128Gcm => (" -aead", "aes-128-gcm"),
        RecordCipher::Aes256Gcm => (" -aead", "aes-256-gcm"),
        RecordCipher::ChaCha20Poly1305 => (" -aead", "chacha20-poly1305"),
        RecordCipher::Aes128CbcSha256 => ("", "aes-128-cbc-hmac-sha256"),
    };
    let decrypt = if row.direction == Direction::Open { " -decrypt" } else { "" };
    let several = if row.threads > 1 { format!(" -elapsed -multi {}", row.threads) } else { String::new() };
    format!("speed -mr -seconds 1 -bytes {}{aead}{decrypt}{several} -evp {name}", row.record_bytes)
}

#[test]
fn rows_of_openssl_are_what_it_printed() {
    let _beside = beside_others();
    let folder = tempfile::tempdir().unwrap();
    // A program in OpenSSL's place, which runs it, and keeps each command with what it printed, in a file of its own.
    let (wrapper, logs) = (folder.path().join("openssl"), folder.path().join("logs"));
    fs::create_dir(&logs).unwrap();
    fs::write(
        &wrapper,
        format!("#!/bin/sh\necho \"$*\" > '{0}'/$$\nopenssl \"$@\" | tee -a '{0}'/$$\n", logs.display()),
    )
    .unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let document = measured(
        &folder.path().join("out"),
        &["--provider", "openssl", "--threads", "1", "--budget", "8s", "--openssl", wrapper.to_str().unwrap()],
    );
    let said = Command::new("openssl").arg("version").output().unwrap();
    assert_eq!(document.openssl.version.as_deref(), text(&said.stdout).lines().next());
    let logs: Vec<String> = names_in(&logs).iter().map(|name| fs::read_to_string(logs.join(name)).unwrap()).collect();
    let printed = |command: &str| {
        let of_it: Vec<_> = logs.iter().filter(|log| log.lines().next() == Some(command)).collect();
        let [log] = of_it[..] else { panic!("{command} was run {} times: {logs:?}", of_it.len()) };
        log.lines().find(|line| line.starts_with("+F:")).unwrap_or_else(|| panic!("{log}")).to_owned()
    };
    assert_eq!((document.aead.len(), document.openssl.runs.len()), (8, 8), "{logs:?}");
    let mut once: Vec<String> = document.aead.iter().map(openssl_command).collect();
    for row in &document.aead {
        let line = printed(&openssl_command(row));
        let figure: f64 = line.rsplit(':').next().unwrap().parse().unwrap();
        assert_eq!(row.speed.bytes_per_s, figure, "{row:?} is not {line}");
        assert_eq!((row.provider, row.speed.repetitions, row.speed.bytes_per_s_low), (Library::OpenSsl, 1, None));
        assert_eq!(row.whole_record, row.algorithm != RecordCipher::Aes128CbcSha256);
    }
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), 8, "a row for each command");
    for run in &document.openssl.runs {
        let (_, command) = run.command.split_once(' ').unwrap();
        assert_eq!(run.printed, printed(command), "{run:?}");
    }
    // What eight seconds leave out is said, with what would not.
    let missing = document.openssl.missing.as_deref().unwrap();
    for part in ["a budget of 8s leaves out", "P-384", "runs with records by one thread", "--budget 47s has all"] {
        assert!(missing.contains(part), "'{part}' is not in: {missing}");
    }
}

#[test]
fn a_machine_without_openssl_has_the_other_rows_and_says_so() {
    let _beside = beside_others();
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no-such-command");
    let args = ["--openssl", missing.to_str().unwrap(), "--threads", "1"];
    let document = measured(&folder.path().join("out"), &[&FAST[..], &args].concat());
    assert!(document.aead.iter().all(|row| row.provider != Library::OpenSsl) && !document.aead.is_empty());
    assert!(document.openssl.missing.as_ref().is_some_and(|why| why.contains("no-such-command")));
    let shown = binary().arg("report").arg(folder.path().join("out")).output().unwrap();
    assert!(text(&shown.stdout).contains("missing:"), "{}", text(&shown.stdout));
}

#[test]
fn what_cannot_be_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let out: PathBuf = folder.path().join("a/b");
    for (args, code, parts) in [
        (&["--budget", "500ms"][..], 2, &["--budget", "500ms"][..]),
        (&["--time", "5s"], 2, &["--time", "5s", "1ms"]),
        (&["--time", "0"], 2, &["--time"]),
        (&["--threads", "0"], 2, &["--threads '0' is not a whole number from 1 on"]),
        (&["--threads", "100000"], 2, &["--threads 100000", "hardware threads", "name at most"]),
        (&["--repetitions", "0"], 2, &["--repetitions '0' is not a whole number from 1 on"]),
        (&["--seed", "x"], 2, &["--seed 'x' is not a whole number from 0 on"]),
        (&["--provider", "nss"], 2, &["--provider", "aws-lc"]),
        (&["--quick", "--budget", "5s"], 2, &["--quick", "--budget"]),
        (&["--quick", "--time", "5ms"], 2, &["--quick", "--time"]),
        (&["--provider", "openssl", "--openssl", "/nowhere/openssl"], 4, &["/nowhere/openssl", "--openssl"]),
        (&["--provider", "openssl", "--budget", "2s"], 2, &["--budget", "4 s"]),
    ] {
        let ended = crypto(&[args, &["--out", out.to_str().unwrap()]].concat());
        let stderr = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(ended.stdout.is_empty() && stderr.starts_with("error: "), "{args:?}: {stderr}");
        assert!(stderr.contains("try '--help'") || stderr.trim_end().lines().count() == 1, "{args:?}: {stderr}");
        assert!(parts.iter().all(|part| stderr.contains(part)), "{args:?}: {stderr}");
        assert_eq!(names_in(folder.path()), [""; 0], "{args:?} left something behind");
    }
}

/// A run that gets SIGINT after `wait`.
fn interrupted(out: &Path, wait: Duration) -> Output {
    let mut command = binary();
    command
        .args(["crypto", "--provider", "ring", "--time", "20ms", "--repetitions", "500", "--json", "--out"])
        .arg(out);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(wait);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn an_interrupted_run_keeps_what_it_has_measured() {
    let _beside = beside_others();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    // A busy machine may not have come to its first figure when the signal comes, and says so.
    let ended = [2, 8, 32].map(Duration::from_secs).into_iter().map(|wait| interrupted(&out, wait));
    let ended = ended.into_iter().find(|ended| ended.status.code() != Some(4)).expect("something is measured in time");
    assert_eq!(ended.status.code(), Some(3), "{}", text(&ended.stderr));
    let document: CryptoDocument = serde_json::from_slice(&ended.stdout).unwrap();
    assert!(document.interrupted && !document.aead.is_empty());
    assert!(document.aead.iter().all(|row| row.speed.repetitions < 500));
    // What was done is said, and not what was planned.
    let (fewest, most) = document.repetitions_made().unwrap();
    assert_eq!(document.plan.repetitions, 500);
    let shown = binary().arg("report").arg(&out).output().unwrap();
    let shown = text(&shown.stdout).split_whitespace().collect::<Vec<_>>().join(" ").replace('\u{a0}', " ");
    let from = if fewest < most { format!("{fewest} to ") } else { String::new() };
    assert!(
        shown.contains(&format!("medians of {from}{most} repetition")) && shown.contains("(500 planned)"),
        "{shown}"
    );
}
