//! `crypto` against loops over the libraries' own interfaces, written apart from it; against what `openssl speed` printed; and what the
//! command leaves behind.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::noise::{alone, beside_others, despite_noise};
use common::{binary, names_in};
use rustix::process::{Pid, Signal, kill_process};
use shakedown::bench::exchange::Exchange;
use shakedown::bench::lane::{Lane, LaneSpec};
use shakedown::bench::timing::{Quota, Stopwatch, Work, repetition};
use shakedown::model::crypto::{Direction, Library, Operation, PublicKey};
use shakedown::model::suite::RecordCipher;
use shakedown::model::tls::Provider;
use shakedown::record::crypto::{CryptoDocument, SCHEMA};
use shakedown::record::folder;

/// How far both may be apart.
const TOLERANCE: f64 = 0.05;

/// Rounds in alternation.
const ROUNDS: usize = 15;

/// How long each side has in a round.
const TIME: Duration = Duration::from_millis(4);

const QUOTA: Quota = Quota { warmup: Duration::from_millis(1), measured: TIME };

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Nanoseconds that one call of `action` takes: the median over batches of `batch`, `refill` before each outside the time.
fn timed<S>(state: &mut S, batch: usize, refill: impl Fn(&mut S), action: impl Fn(&mut S, usize)) -> f64 {
    let (began, mut times) = (Instant::now(), Vec::new());
    while began.elapsed() < TIME || times.len() < 5 {
        refill(state);
        let start = Instant::now();
        (0..batch).for_each(|i| action(state, i));
        times.push(start.elapsed().as_nanos() as f64 / batch as f64);
    }
    median(times)
}

/// What a turn of either loop costs by itself in a test's build, in nanoseconds: a record of 64 bytes takes tens of them, and where the code
/// comes to lie decides.
const OF_A_LOOP: f64 = 4.0;

/// That `ours` and `theirs` take the same time, taken in alternation.
fn assert_same(what: &str, mut ours: impl FnMut() -> f64, mut theirs: impl FnMut() -> f64) -> Result<(), String> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        a.push(ours());
        b.push(theirs());
    }
    let (a, b) = (median(a), median(b));
    let told = format!("{what}: {a:.1} ns here, {b:.1} ns by the independent loop");
    println!("{told}");
    if (a - b).abs() <= TOLERANCE * b + OF_A_LOOP { Ok(()) } else { Err(told) }
}

/// The independent loop over aws-lc-rs and *ring*: one key, records in memory of their own, 13 bytes of additional data.
mod independent {
    use super::{RecordCipher, timed};

    const BATCH: usize = 32;

    macro_rules! loops {
        ($library:ident) => {
            pub(super) mod $library {
                use ::$library::aead;

                use super::*;

                fn key(cipher: RecordCipher) -> aead::LessSafeKey {
                    let algorithm = match cipher {
                        RecordCipher::Aes128Gcm => &aead::AES_128_GCM,
                        RecordCipher::Aes256Gcm => &aead::AES_256_GCM,
                        RecordCipher::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
                        RecordCipher::Aes128CbcSha256 => unreachable!("no AEAD of the library's"),
                    };
                    let bytes: Vec<u8> = (1..=algorithm.key_len() as u8).collect();
                    aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, &bytes).unwrap())
                }

                fn nonce(number: u64) -> aead::Nonce {
                    let mut bytes = [9; 12];
                    bytes[..8].copy_from_slice(&number.to_le_bytes());
                    aead::Nonce::assume_unique_for_key(bytes)
                }

                /// Nanoseconds to seal a record of `len` bytes.
                pub(in super::super) fn seal(cipher: RecordCipher, len: usize) -> f64 {
                    let mut state = (key(cipher), vec![3_u8; len + 16], 0_u64);
                    timed(
                        &mut state,
                        BATCH,
                        |_| (),
                        |(key, record, number), _| {
                            *number += 1;
                            let (content, tail) = record.split_at_mut(len);
                            let aad = aead::Aad::from([7; 13]);
                            let tag = key.seal_in_place_separate_tag(nonce(*number), aad, content).unwrap();
                            tail.copy_from_slice(tag.as_ref());
                        },
                    )
                }

                /// Nanoseconds to open one.
                pub(in super::super) fn open(cipher: RecordCipher, len: usize) -> f64 {
                    let key = key(cipher);
                    let seal = |number: usize| {
                        let mut record = vec![3_u8; len];
                        let (nonce, aad) = (nonce(number as u64), aead::Aad::from([7; 13]));
                        let tag = key.seal_in_place_separate_tag(nonce, aad, &mut record).unwrap();
                        record.extend_from_slice(tag.as_ref());
                        record
                    };
                    let sealed: Vec<_> = (0..BATCH).map(seal).collect();
                    let mut state = sealed.clone();
                    timed(
                        &mut state,
                        BATCH,
                        |records| records.clone_from(&sealed),
                        |records, i| {
                            key.open_in_place(nonce(i as u64), aead::Aad::from([7; 13]), &mut records[i]).unwrap();
                        },
                    )
                }
            }
        };
    }

    loops!(aws_lc_rs);
    loops!(ring);
}

#[test]
fn records_take_what_an_independent_loop_takes() {
    let _alone = alone();
    let watch = Stopwatch::default();
    for cipher in [RecordCipher::Aes128Gcm, RecordCipher::Aes256Gcm, RecordCipher::ChaCha20Poly1305] {
        for record_bytes in [64, 1024, 16384] {
            for provider in [Provider::AwsLc, Provider::Ring] {
                for direction in Direction::ALL {
                    let spec = LaneSpec { provider, cipher, direction, record_bytes };
                    let ours = || repetition(&mut Lane::new(spec).unwrap(), &watch, QUOTA).unwrap().ns[0];
                    let theirs = || match (provider, direction) {
                        (Provider::AwsLc, Direction::Seal) => independent::aws_lc_rs::seal(cipher, record_bytes),
                        (Provider::AwsLc, Direction::Open) => independent::aws_lc_rs::open(cipher, record_bytes),
                        (Provider::Ring, Direction::Seal) => independent::ring::seal(cipher, record_bytes),
                        (Provider::Ring, Direction::Open) => independent::ring::open(cipher, record_bytes),
                    };
                    despite_noise(|| assert_same(&format!("{spec:?}"), ours, theirs));
                }
            }
        }
    }
}

/// What rustls adds to a key exchange (a box, a copy of the public key) is small against it.
#[test]
fn key_exchanges_take_what_an_independent_loop_takes() {
    let _alone = alone();
    use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
    let (watch, random) = (Stopwatch::default(), ring::rand::SystemRandom::new());
    let ours = |operation| {
        let mut work = Exchange::new(Provider::Ring, PublicKey::X25519, operation).unwrap().unwrap();
        assert!(work.operations() > 0);
        repetition(&mut work, &watch, QUOTA).unwrap().ns[0]
    };
    let generate = || {
        timed(
            &mut (),
            4,
            |()| (),
            |(), _| {
                let key = EphemeralPrivateKey::generate(&X25519, &random).unwrap();
                std::hint::black_box(key.compute_public_key().unwrap());
            },
        )
    };
    let peer = EphemeralPrivateKey::generate(&X25519, &random).unwrap().compute_public_key().unwrap();
    let agree = || {
        let refill = |keys: &mut Vec<_>| {
            *keys = (0..4).map(|_| EphemeralPrivateKey::generate(&X25519, &random).unwrap()).collect();
        };
        timed(&mut Vec::new(), 4, refill, |keys: &mut Vec<EphemeralPrivateKey>, _| {
            let peer = UnparsedPublicKey::new(&X25519, &peer);
            agree_ephemeral(keys.pop().unwrap(), &peer, |secret| std::hint::black_box(secret[0])).unwrap();
        })
    };
    despite_noise(|| assert_same("X25519 generate", || ours(Operation::Generate), generate));
    despite_noise(|| assert_same("X25519 agree", || ours(Operation::Agree), agree));
}

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
    let document =
        measured(&out, &[&FAST[..], &["--provider", "ring,aws-lc", "--threads", "1,3", "--seed", "5"]].concat());
    assert_eq!(names_in(&out), ["crypto.csv", "result.json"]);
    assert_eq!((document.schema.as_str(), document.plan.seed, document.interrupted), (SCHEMA, 5, false));
    assert_eq!(document.aead.len(), 2 * 4 * 2 * 5 * 2);
    let records = document.aead.iter().map(|row| (row.record_bytes, &row.speed));
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

#[test]
fn rows_of_openssl_are_what_it_printed() {
    let _beside = beside_others();
    let folder = tempfile::tempdir().unwrap();
    // A program in OpenSSL's place, which runs it and keeps what it printed.
    let (wrapper, log) = (folder.path().join("openssl"), folder.path().join("log"));
    fs::write(&wrapper, format!("#!/bin/sh\nopenssl \"$@\" | tee -a '{}'\n", log.display())).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let document = measured(
        &folder.path().join("out"),
        &["--provider", "openssl", "--threads", "1", "--budget", "8s", "--openssl", wrapper.to_str().unwrap()],
    );
    let log = fs::read_to_string(log).unwrap();
    let said = Command::new("openssl").arg("version").output().unwrap();
    assert_eq!(document.openssl.version.as_deref(), text(&said.stdout).lines().next());
    let printed: Vec<f64> = log
        .lines()
        .filter(|line| line.starts_with("+F:"))
        .map(|line| line.rsplit(':').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!((printed.len(), document.aead.len(), document.openssl.runs.len()), (8, 8, 8), "{log}");
    for row in &document.aead {
        assert!(printed.contains(&row.speed.bytes_per_s), "{row:?} is not in {log}");
        assert_eq!((row.provider, row.speed.repetitions, row.speed.bytes_per_s_low), (Library::OpenSsl, 1, None));
        assert_eq!(row.whole_record, row.algorithm != RecordCipher::Aes128CbcSha256);
    }
    assert!(document.openssl.runs.iter().all(|run| log.lines().any(|line| line == run.printed)), "{log}");
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
        (&["--threads", "0"], 2, &["--threads"]),
        (&["--threads", "100000"], 2, &["--threads"]),
        (&["--repetitions", "0"], 2, &["--repetitions"]),
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
}
