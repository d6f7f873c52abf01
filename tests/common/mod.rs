//! What the tests of the built binary share: a TLS server that keeps its own log and misbehaves on request, processes of other servers and
//! their certificates, names with several addresses, and runs of the binary.
#![allow(dead_code)] // each test file uses its part

pub(crate) mod endpoint;
pub(crate) mod fixture;
pub(crate) mod hosts;
pub(crate) mod identity;
pub(crate) mod noise;
pub(crate) mod server;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use shakedown::model::failure::FailureKind;
use shakedown::record::run::{Latency, RunDocument};
use tempfile::TempDir;

use server::Server;

/// The binary under test.
pub(crate) fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_shakedown"))
}

/// What the binary did when it was asked for something that cannot be.
pub(crate) struct Refusal {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the binary with `args`, in a folder of its own where it leaves nothing.
pub(crate) fn refuse(args: &[&str]) -> Refusal {
    let folder = tempfile::tempdir().unwrap();
    let ended = binary().current_dir(folder.path()).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let refusal = Refusal { code: ended.status.code(), stdout: text(ended.stdout), stderr: text(ended.stderr) };
    assert_eq!(names_in(folder.path()), [""; 0], "{args:?} left something behind");
    refusal
}

/// `text` as one line, with no more than a blank between words.
pub(crate) fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A run that is under way.
pub(crate) struct Running {
    child: Child,
    folder: TempDir,
}

/// A run that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    folder: TempDir,
}

/// Starts `run URL` against `server`, with its certificate trusted and the outputs in a new folder.
pub(crate) fn start(server: &Server, args: &[&str]) -> Running {
    start_by(binary(), server, args)
}

/// As [`start`], by `command`, which ends in the binary's path.
pub(crate) fn start_by(command: Command, server: &Server, args: &[&str]) -> Running {
    start_at(command, &server.url(), &server.ca(), args)
}

/// As [`start_by`], against whatever is at `url` and has a certificate that `ca` vouches for.
pub(crate) fn start_at(mut command: Command, url: &str, ca: &Path, args: &[&str]) -> Running {
    let folder = tempfile::tempdir().unwrap();
    command.args(["run", url, "--json", "--no-progress", "--ca"]).arg(ca);
    command.arg("--out").arg(folder.path().join("out")).args(args);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    Running { child, folder }
}

/// A whole run that ended with a document, whose identities hold.
pub(crate) fn run(server: &Server, args: &[&str]) -> RunDocument {
    let ended = start(server, args).wait();
    let document = ended.document();
    let expected = if document.verdict.valid { 0 } else { 3 };
    assert_eq!(ended.code, Some(expected), "{}", ended.stderr);
    document
}

impl Running {
    /// The process's number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends `signal` to the process.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end.
    pub(crate) fn wait(self) -> Ended {
        let Output { status, stdout, stderr } = self.child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ended = Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr), folder: self.folder };
        assert_ne!(ended.code, Some(101), "{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        ended
    }
}

impl Ended {
    /// The folder given as `--out`.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// The document, the same on stdout as on disk, whose identities hold.
    pub(crate) fn document(&self) -> RunDocument {
        let parsed = serde_json::from_str(&self.stdout);
        let document: RunDocument =
            parsed.unwrap_or_else(|error| panic!("exit {:?}, {error}: {}", self.code, self.stderr));
        let kept = shakedown::record::folder::load_run(&self.out()).unwrap();
        assert!(kept == document, "stdout and result.json differ");
        check_identities(&document);
        document
    }
}

/// The identities that hold whatever happens.
pub(crate) fn check_identities(document: &RunDocument) {
    let counts = &document.counts;
    assert_eq!(counts.scheduled, counts.attempted + counts.unsent, "{counts:?}");
    assert_eq!(counts.attempted, counts.succeeded + counts.failed, "{counts:?}");
    assert_eq!(counts.failed, counts.failures.values().sum::<u64>(), "{counts:?}");
    let detailed = |of: &str| document.failure_details.iter().filter(|d| d.of == of).map(|d| d.n).sum::<u64>();
    assert_eq!(counts.failed, detailed("counts"), "{:?}", document.failure_details);
    assert_eq!(document.connections.failed, document.connections.failures.values().sum::<u64>());
    let handshakes: u64 = document.negotiated.iter().map(|n| n.count).sum();
    assert_eq!(handshakes, document.connections.handshakes.total());
    assert!(document.connections.closed <= document.connections.opened, "{:?}", document.connections);
    assert_eq!(document.verdict.valid, document.verdict.reasons.is_empty());
    if let Some(service) = &document.latency.service {
        assert!(service.count <= counts.sent, "more answers than requests");
    }
    match &document.latency.response {
        None => assert!(document.plan.loop_kind == "closed" || counts.attempted == 0 || counts.succeeded == 0),
        Some(response) => assert_eq!(response.count, counts.succeeded),
    }
}

/// The reasons' codes.
pub(crate) fn reasons(document: &RunDocument) -> Vec<&str> {
    document.verdict.reasons.iter().map(|reason| reason.code.as_str()).collect()
}

/// Fails for reasons other than those that a busy machine gives.
pub(crate) fn assert_only_noise(document: &RunDocument) {
    let noise = ["dispatch_lag", "scheduling_gap"];
    assert!(reasons(document).iter().all(|code| noise.contains(code)), "{:?}", document.verdict);
}

/// That all failures are of `kind`, and how many they are.
pub(crate) fn only_failures(document: &RunDocument, kind: FailureKind) -> u64 {
    let failures = &document.counts.failures;
    assert!(failures.keys().all(|k| *k == kind) && !failures.is_empty(), "{:?}", document.failure_details);
    document.counts.failed
}

/// Quantile `q` of `latency`, in seconds.
pub(crate) fn quantile_s(latency: Option<&Latency>, q: f64) -> f64 {
    let record = latency.expect("the latency was measured").quantile(q).expect("the quantile is kept");
    record.ns.expect("the sample suffices") as f64 / 1e9
}

/// What lies in `folder`, sorted.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
