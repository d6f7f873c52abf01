//! The audit under test, and what must hold of every one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use shakedown::model::policy::{Level, Standing};
use shakedown::record::audit::{AuditDocument, AuditOutcome, Finding, FindingOutcome};

use super::truth::Spoken;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_shakedown");

/// The policy that most tests hold servers against.
pub(crate) const POLICY: &str = "push-provisioning";

/// An audit that has ended with a document.
pub(crate) struct Audited {
    pub(crate) code: i32,
    pub(crate) document: AuditDocument,
}

/// How an audit must end: its exit code, and exactly which rules are broken and which could not be told.
pub(crate) struct Expected<'a> {
    pub(crate) code: i32,
    pub(crate) broken: &'a [&'a str],
    pub(crate) untold: &'a [&'a str],
    /// Words that must be in what was observed of a rule.
    pub(crate) words: &'a [(&'a str, &'a str)],
}

impl<'a> Expected<'a> {
    /// The policy is met.
    pub(crate) const PASS: Self = Self { code: 0, broken: &[], untold: &[], words: &[] };

    /// These rules are broken, and no others.
    pub(crate) const fn broken(rules: &'a [&'a str]) -> Self {
        Self { code: 1, broken: rules, ..Self::PASS }
    }

    /// And of these rules it cannot be told.
    pub(crate) const fn leaving(self, untold: &'a [&'a str]) -> Self {
        Self { untold, ..self }
    }

    /// And what was observed of these rules has these words.
    pub(crate) const fn saying(self, words: &'a [(&'a str, &'a str)]) -> Self {
        Self { words, ..self }
    }
}

/// Runs `shakedown audit URL` with `args`; the policy is [`POLICY`] where they do not say otherwise.
pub(crate) fn audit(url: &str, args: &[&str]) -> Audited {
    audit_by(Command::new(BINARY), url, args)
}

/// As [`audit`], by `command`, which ends in [`BINARY`].
pub(crate) fn audit_by(command: Command, url: &str, args: &[&str]) -> Audited {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(command, url, args, folder.path());
    let code = ended.status.code().expect("no signal ended it");
    let (stdout, stderr) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    assert!(matches!(code, 0 | 1 | 3) && !stderr.contains("panicked"), "{url} {args:?}: exit {code}: {stderr}");
    let document: AuditDocument = serde_json::from_str(&stdout).expect("only the document on stdout");
    let kept = fs::read_to_string(folder.path().join("result.json")).unwrap();
    assert_eq!(serde_json::from_str::<AuditDocument>(&kept).unwrap(), document);
    assert!(folder.path().join("audit.csv").exists());
    let audited = Audited { code, document };
    audited.assert_consistent();
    audited
}

/// An audit that came to no document: its exit code, and what it said.
pub(crate) fn refusal(url: &str, args: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(Command::new(BINARY), url, args, folder.path());
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.stdout.is_empty() && stderr.contains("error: "), "{stderr}");
    (ended.status.code().expect("no signal ended it"), stderr)
}

fn run(mut command: Command, url: &str, args: &[&str], folder: &Path) -> Output {
    command.args(["audit", url, "--json", "--no-progress"]).args(args).arg("--out").arg(folder);
    let limits = [("--profile", POLICY), ("--max-connections-per-second", "2000/s"), ("--budget", "60s")];
    for (name, value) in limits.into_iter().filter(|(name, _)| !args.contains(name)) {
        command.args([name, value]);
    }
    command.output().unwrap()
}

impl Audited {
    /// What holds of every document: the outcome follows from the findings, and the findings from what was accepted.
    fn assert_consistent(&self) {
        let document = &self.document;
        let code = match document.outcome {
            AuditOutcome::Pass => 0,
            AuditOutcome::Fail => 1,
            AuditOutcome::Inconclusive => 3,
        };
        assert_eq!(self.code, code, "{}", document.verdict);
        let decides = |finding: &&Finding| finding.level >= document.policy.decided_by;
        let any = |outcome| document.findings.iter().filter(decides).any(|finding| finding.outcome == outcome);
        let expected = if any(FindingOutcome::Fail) {
            AuditOutcome::Fail
        } else if any(FindingOutcome::Inconclusive) {
            AuditOutcome::Inconclusive
        } else {
            AuditOutcome::Pass
        };
        assert_eq!(document.outcome, expected, "{:?}", document.findings);
        let outside = document.accepted.iter().any(|accepted| accepted.standing == Standing::Outside);
        assert_eq!(outside, self.outcome("suites.none_outside") == FindingOutcome::Fail, "{}", self.told());
        if document.outcome == AuditOutcome::Pass {
            assert!(document.open.is_empty() || document.policy.decided_by == Level::Must, "{:?}", document.open);
            assert!(!document.accepted.is_empty() && !document.certificates.is_empty(), "passed without a look");
            assert!(!document.interrupted);
        }
        for finding in document.findings.iter().filter(|finding| finding.outcome == FindingOutcome::Fail) {
            assert!(!finding.expected.is_empty() && !finding.observed.is_empty(), "{finding:?}");
        }
    }

    /// All findings about `rule`, which must be there.
    pub(crate) fn findings(&self, rule: &str) -> Vec<&Finding> {
        let of: Vec<_> = self.document.findings.iter().filter(|finding| finding.rule == rule).collect();
        assert!(!of.is_empty(), "nothing about {rule}: {}", self.told());
        of
    }

    /// The worst outcome of `rule`.
    pub(crate) fn outcome(&self, rule: &str) -> FindingOutcome {
        self.findings(rule).into_iter().map(|finding| finding.outcome).max().unwrap()
    }

    /// The rules with this outcome.
    pub(crate) fn rules(&self, outcome: FindingOutcome) -> BTreeSet<&str> {
        self.document.findings.iter().filter(|f| f.outcome == outcome).map(|f| &*f.rule).collect()
    }

    /// The suites that were accepted under this server name, at any address.
    pub(crate) fn accepted(&self, name: Option<&str>) -> BTreeSet<Spoken> {
        let under = self.document.accepted.iter().filter(|accepted| accepted.server_name.as_deref() == name);
        under.map(|accepted| (accepted.version, accepted.suite, accepted.certificate)).collect()
    }

    /// The findings in words, for messages.
    pub(crate) fn told(&self) -> String {
        let line = |f: &Finding| format!("{:?} {} ({}): {}\n", f.outcome, f.rule, f.level, f.observed);
        let findings: String = self.document.findings.iter().map(line).collect();
        format!("exit {}: {}\n{findings}", self.code, self.document.verdict)
    }

    /// That it ended as `expected`.
    pub(crate) fn assert(&self, what: &str, expected: &Expected<'_>) {
        let told = self.told();
        let broken: BTreeSet<_> = expected.broken.iter().copied().collect();
        assert_eq!(self.rules(FindingOutcome::Fail), broken, "{what}: broken\n{told}");
        let untold: BTreeSet<_> = expected.untold.iter().copied().collect();
        assert_eq!(self.rules(FindingOutcome::Inconclusive), untold, "{what}: not told\n{told}");
        assert_eq!(self.code, expected.code, "{what}\n{told}");
        for (rule, words) in expected.words {
            let said = self.findings(rule).iter().any(|finding| finding.observed.contains(words));
            assert!(said, "{what}: {rule} does not say {words:?}\n{told}");
        }
    }
}
