//! The command under test, and what must hold of every document it writes.

use std::fs;
use std::process::{Command, Output};

use shakedown::model::suite::Suite;
use shakedown::record::run::RunDocument;
use tempfile::TempDir;

/// One run of the command.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The output folder, kept until the test has looked at it.
    pub(crate) folder: TempDir,
}

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_shakedown");

/// `shakedown run URL`, short and small where `args` do not say otherwise.
pub(crate) fn run(url: &str, args: &[&str]) -> Ran {
    run_by(Command::new(BINARY), url, args)
}

/// As [`run`], by `command`, which ends in [`BINARY`].
pub(crate) fn run_by(mut command: Command, url: &str, args: &[&str]) -> Ran {
    let has = |name: &str| args.contains(&name);
    command.args(["run", url, "--no-progress"]).args(args);
    for (name, value) in [("--warmup", "100ms"), ("--duration", "500ms"), ("-c", "4"), ("-t", "1")] {
        if !has(name) {
            command.args([name, value]);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let Output { status, stdout, stderr } = command.arg("--out").arg(folder.path()).output().unwrap();
    Ran {
        code: status.code().expect("no signal ended it"),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
        folder,
    }
}

/// Runs with `--json`, and gives the document, for which all that every document promises was checked.
pub(crate) fn document(url: &str, args: &[&str]) -> RunDocument {
    document_of(&run(url, &[args, &["--json"]].concat()))
}

/// The document of a run with `--json`, for which all that every document promises was checked.
pub(crate) fn document_of(ran: &Ran) -> RunDocument {
    assert!(matches!(ran.code, 0 | 3), "exit {}: {}", ran.code, ran.stderr);
    let document: RunDocument = serde_json::from_str(&ran.stdout).expect("only the document on stdout");
    let kept = fs::read_to_string(ran.folder.path().join("result.json")).unwrap();
    assert_eq!(serde_json::from_str::<RunDocument>(&kept).unwrap(), document);
    assert_eq!(ran.code == 0, document.verdict.valid, "{:?}", document.verdict);
    assert_identities(&document);
    document
}

/// What the command says when nothing could be run: exit 4, nothing on stdout, one line that says why.
pub(crate) fn refusal(url: &str, args: &[&str]) -> String {
    refusal_of(run(url, &[args, &["--json"]].concat()))
}

/// What a run with `--json` said that could not be.
pub(crate) fn refusal_of(ran: Ran) -> String {
    assert_eq!(ran.code, 4, "{}{}", ran.stderr, ran.stdout);
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    let errors = ran.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "{}", ran.stderr);
    ran.stderr
}

/// The identities of the documents' contract.
fn assert_identities(document: &RunDocument) {
    let RunDocument { counts, connections, negotiated, .. } = document;
    assert_eq!(counts.scheduled, counts.attempted + counts.unsent, "{counts:?}");
    assert_eq!(counts.attempted, counts.succeeded + counts.failed, "{counts:?}");
    assert_eq!(counts.failed, counts.failures.values().sum::<u64>(), "{counts:?}");
    assert_eq!(connections.failed, connections.failures.values().sum::<u64>(), "{connections:?}");
    assert_eq!(connections.opened, connections.closed, "{connections:?}");
    assert_eq!(connections.opened, connections.handshakes.total() + connections.priming, "{connections:?}");
    for (of, total) in [("counts", counts.failed), ("connections", connections.failed)] {
        let details = document.failure_details.iter().filter(|detail| detail.of == of);
        assert_eq!(details.map(|detail| detail.n).sum::<u64>(), total, "{of}: {:?}", document.failure_details);
    }
    let seen = negotiated.iter().map(|row| row.count).sum::<u64>();
    assert_eq!(seen, connections.handshakes.total(), "{negotiated:?}, {connections:?}");
}

/// Requests that the server must have seen.
pub(crate) fn sent(document: &RunDocument) -> u64 {
    document.counts.sent + document.counts.warmup.sent
}

/// That something succeeded, and nothing failed, neither in the measured time nor before.
pub(crate) fn assert_no_failure(document: &RunDocument) {
    let RunDocument { counts, connections, .. } = document;
    assert!(counts.succeeded > 0, "{counts:?}");
    assert_eq!((counts.failed, counts.warmup.failed), (0, 0), "{:?}", document.failure_details);
    assert_eq!(connections.failed, 0, "{connections:?}");
}

/// That `suite` was negotiated, in its version of TLS, and no other.
pub(crate) fn assert_only(document: &RunDocument, suite: Suite) {
    assert!(!document.negotiated.is_empty());
    for row in &document.negotiated {
        assert_eq!((row.suite, row.version), (suite, suite.version()));
    }
}
