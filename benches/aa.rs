//! How often `shakedown suites` says what is true: of an endpoint that does not differ from itself, and of a cost of a tenth that is put on one
//! suite. Whole comparisons by the real program; `benches/aa.sh` runs it, on a calm machine with two cores at least.

#[path = "../tests/common/mod.rs"]
mod common;

use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use common::endpoint::Endpoint;
use common::server::{Answer, Server};
use shakedown::model::suite::Suite;
use shakedown::record::suites::{ArmRecord, SuitesDocument, Versus};

/// How many comparisons of each kind are made where no number is given, and how many of ten must be right.
const COMPARISONS: usize = 10;
const OF_TEN: usize = 9;

/// What the slow suite's requests take against those of the others.
const COST: f64 = 1.1;

/// The server's core and the client's: what is started here inherits the first.
const SERVER_CORE: &str = "0";
const CLIENT_CORE: &str = "1";

fn main() -> ExitCode {
    let number = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let comparisons: usize = number.unwrap_or(COMPARISONS);
    let mut pinned = taskset(&["-a", "-c", "-p", SERVER_CORE, &std::process::id().to_string()]);
    if !pinned.stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        eprintln!("error: this needs taskset (util-linux), and two cores");
        return ExitCode::from(4);
    }
    let equal = same_as_itself(comparisons);
    let found = with_a_cost(comparisons);
    println!("\n{:<52}{:>12}{:>10}{:>10}", "", "comparisons", "right", "trusted");
    let mut all_right = true;
    for (what, right, trusted) in [
        ("A/A: no difference seen, over all comparisons", equal.silent, equal.trusted),
        ("  and none had too few rounds to tell", equal.told, equal.trusted),
        ("a cost of a tenth on one suite: found", found.found, found.trusted),
        ("  its interval covers the truth", found.covered, found.trusted),
        ("  nothing else is called different", found.silent, found.trusted),
        ("  and nothing had too few rounds to tell", found.told, found.trusted),
    ] {
        println!("{what:<52}{comparisons:>12}{right:>10}{trusted:>10}");
        all_right &= 10 * right >= OF_TEN * comparisons;
    }
    if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many comparisons said what.
#[derive(Default)]
struct Tally {
    /// The difference that there is.
    found: usize,
    /// An interval that holds its true ratio.
    covered: usize,
    /// No difference where there is none.
    silent: usize,
    /// Something of everything that was asked.
    told: usize,
    /// That they can be trusted.
    trusted: usize,
}

fn taskset(args: &[&str]) -> Command {
    let mut command = Command::new("taskset");
    command.args(args);
    command
}

/// A whole comparison by the real program, on the client's core.
fn compare(url: &str, ca: &std::path::Path, seed: usize, args: &[&str]) -> SuitesDocument {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command =
        taskset(&["-c", CLIENT_CORE, env!("CARGO_BIN_EXE_shakedown"), "suites", url, "--json", "--quiet"]);
    command.args(["-t", "1", "--cert-type", "ecdsa", "--seed", &seed.to_string()]).args(args);
    command.arg("--ca").arg(ca).arg("--out").arg(folder.path().join("out"));
    let output = command.stdin(Stdio::null()).output().expect("taskset runs");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// Everything that is said of an arm against its baseline.
fn all_of(arm: &ArmRecord) -> impl Iterator<Item = &Versus> {
    arm.versus_baseline.iter().chain(&arm.also_versus_baseline)
}

/// What was called different, in words.
fn differing<'a>(arms: impl Iterator<Item = &'a ArmRecord>) -> Vec<String> {
    let is_same = |versus: &&Versus| matches!(versus.verdict.as_str(), "no_difference" | "bound" | "too_few");
    let told = |arm: &'a ArmRecord| {
        all_of(arm).filter(move |versus| !is_same(versus)).map(|versus| {
            format!("{} of {} under {}: {} {:?}", versus.measure, arm.suite, arm.workload, versus.verdict, versus.ratio)
        })
    };
    arms.flat_map(told).collect()
}

/// Whether every comparison had enough rounds.
fn is_told(document: &SuitesDocument) -> bool {
    document.arms.iter().flat_map(all_of).all(|versus| versus.verdict != "too_few")
}

fn tell(kind: &str, nth: usize, document: &SuitesDocument, what: &str) {
    let floor =
        document.trustworthy.noise_floor.map_or("unknown".to_owned(), |floor| format!("{:.1} %", floor * 100.0));
    println!("{kind} {}: {}; {}, noise floor {floor}", nth + 1, what.trim(), document.trustworthy.verdict.name());
}

/// The embedded endpoint under every workload, one suite: nothing but the baseline against itself.
fn same_as_itself(comparisons: usize) -> Tally {
    let endpoint = Endpoint::start(&[]);
    let pid = endpoint.pid().to_string();
    let mut tally = Tally::default();
    for nth in 0..comparisons {
        let args = [
            "--suite",
            "TLS_AES_128_GCM_SHA256",
            "--size",
            "16KiB",
            "--trial",
            "100ms",
            "-c",
            "16",
            "--server-pid",
            &pid,
        ];
        let document = compare(&endpoint.url("/").text, &endpoint.ca(), nth, &args);
        let different = differing(document.arms.iter());
        tally.silent += usize::from(different.is_empty());
        tally.told += usize::from(is_told(&document));
        tally.trusted += usize::from(document.trustworthy.trusted);
        let what = if different.is_empty() { "no difference seen".to_owned() } else { different.join("; ") };
        tell("A/A", nth, &document, &what);
    }
    tally
}

/// A server whose answers take a tenth longer with one suite.
fn with_a_cost(comparisons: usize) -> Tally {
    let server = Server::start(|request| {
        // From 8 to 12 ms: connections that went in step would end in whole batches, and a window would cut off a part of one.
        let time = Duration::from_millis(8) + Duration::from_micros(request.index as u64 * 1237 % 4001);
        let slow = request.suite == rustls::CipherSuite::TLS13_AES_256_GCM_SHA384;
        std::thread::sleep(time.mul_f64(if slow { COST } else { 1.0 }));
        Answer::ok()
    });
    let mut tally = Tally::default();
    for nth in 0..comparisons {
        let suites = "TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384";
        let args = ["--suite", suites, "--workload", "request", "--trial", "200ms", "-c", "8"];
        let document = compare(&server.url(), &server.ca(), nth, &args);
        let is_slow = |arm: &&ArmRecord| arm.suite == Suite::Aes256GcmSha384;
        let slow = document.arms.iter().find(is_slow).and_then(|arm| arm.versus_baseline.clone());
        let slow = slow.expect("the slow suite has a row");
        let truth = COST.recip();
        let covers = slow.low.zip(slow.high).is_some_and(|(low, high)| (low..=high).contains(&truth));
        let different = differing(document.arms.iter().filter(|arm| !is_slow(arm)));
        tally.found += usize::from(slow.verdict == "slower");
        tally.told += usize::from(is_told(&document));
        tally.covered += usize::from(covers);
        tally.silent += usize::from(different.is_empty());
        tally.trusted += usize::from(document.trustworthy.trusted);
        let interval =
            slow.low.zip(slow.high).map_or("no interval".to_owned(), |(low, high)| format!("{low:.3} to {high:.3}"));
        let what = format!("{} ({interval}, the truth is {truth:.3}) {}", slow.verdict, different.join("; "));
        tell("cost", nth, &document, &what);
    }
    tally
}
