//! The first sheet: the verdict and its reasons, then where it comes from, then the figures that a reader asks for first.

use super::super::csv;
use super::super::headline;
use super::super::table::{Cell, Named, Table, maybe, moment, real, text, truth};
use crate::record::audit::AuditDocument;
use crate::record::capacity::CapacityDocument;
use crate::record::compare::{CompareDocument, Comparer, Outcome};
use crate::record::crypto::CryptoDocument;
use crate::record::plan::PlanDocument;
use crate::record::run::{Host, Remark, RunDocument, TargetRecord, Tool};
use crate::record::suites::SuitesDocument;
use crate::record::trial::TrialDocument;

/// Lines of the sheet: what, and its value.
#[derive(Default)]
struct Lines(Named);

impl Lines {
    fn add(&mut self, what: impl Into<String>, value: Cell) {
        if !value.is_empty() {
            self.0.push((what.into(), value));
        }
    }

    fn remarks(&mut self, what: &str, remarks: &[Remark]) {
        for remark in remarks {
            self.add(format!("{what}: {}", remark.code), text(&remark.text));
        }
    }

    fn interrupted(&mut self, interrupted: bool) {
        if interrupted {
            self.add("interrupted", text("ended by the user before it was complete"));
        }
    }

    fn insecure(&mut self, insecure: bool) {
        if insecure {
            self.add("not verified", text("the server's certificate was not checked (--insecure)"));
        }
    }

    fn target(&mut self, target: &TargetRecord) {
        self.add("url", text(&target.url));
        self.add("addresses", text(&target.addresses.join(" ")));
    }

    fn origin(&mut self, started_at: &str, host: &Host, tool: &Tool) {
        self.add("started_at", moment(started_at));
        self.add("host_cpu_model", maybe(host.cpu.model.as_deref()));
        self.add("tool_version", text(&tool.version));
        self.add("tool_commit", maybe(tool.commit.as_deref()));
        self.add("crypto", text(&tool.crypto));
    }

    fn comparer(&mut self, started_at: &str, tool: &Comparer) {
        self.add("started_at", moment(started_at));
        self.add("tool_version", text(&tool.version));
        self.add("tool_commit", maybe(tool.commit.as_deref()));
    }

    fn table(self) -> Table {
        let rows = self.0.into_iter().map(|(what, value)| vec![Cell::Text(what), value]).collect();
        Table { columns: vec!["what".to_owned(), "value".to_owned()], rows }
    }
}

pub(super) fn run(document: &RunDocument) -> Table {
    let mut lines = Lines::default();
    let verdict = &document.verdict;
    lines.add("verdict", text(if verdict.valid { "VALID" } else { "INVALID" }));
    if verdict.limited_by.is_some() {
        lines.add("limited by", text("the client: the rates are lower bounds of the server's"));
    }
    lines.remarks("reason", &verdict.reasons);
    lines.interrupted(document.interrupted);
    lines.insecure(document.plan.insecure);
    if let Some(failed) = headline::what_failed(&document.counts, &document.failure_details) {
        // A sheet has no lines to break.
        lines.add("failures", text(&failed.replace('\u{a0}', " ")));
    }
    lines.remarks("warning", &verdict.warnings);
    if let Some(policy) = &document.policy {
        lines.add(format!("policy: {}", policy.name), text(&policy.verdict));
    }
    lines.add("tool_commit", maybe(document.tool.commit.as_deref()));
    let row = csv::summary_table(document);
    for (name, cell) in row.columns.into_iter().zip(row.rows.into_iter().flatten()) {
        // They stand above in words.
        if !matches!(name.as_str(), "verdict" | "limited_by" | "reasons" | "warnings" | "interrupted") {
            lines.add(name, cell);
        }
    }
    lines.table()
}

fn of_suites(lines: &mut Lines, document: &SuitesDocument) {
    lines.add("verdict", text(document.trustworthy.verdict.name()));
    lines.add("reason", text(&document.trustworthy.text));
    for of in &document.trustworthy.workloads {
        let size = of.object_bytes.map(|bytes| format!(" of {bytes} bytes")).unwrap_or_default();
        let direction = of.direction.map(|direction| format!(" {}", direction.name())).unwrap_or_default();
        lines.add(format!("{}{direction}{size}", of.workload), text(&format!("{}: {}", of.verdict.name(), of.text)));
    }
    lines.interrupted(document.interrupted);
    lines.insecure(document.plan.insecure);
    lines.remarks("warning", &document.warnings);
    for refused in &document.refused {
        let certificate = refused.certificate.map(|key| format!(" ({key})")).unwrap_or_default();
        let suite = refused.suite.map_or("every suite", |suite| suite.iana());
        let workload = refused.workload.as_deref().map(|of| format!(", {of}")).unwrap_or_default();
        lines.add(format!("refused: {suite}{certificate}{workload}"), text(&refused.why));
    }
    if let Some(policy) = &document.policy {
        lines.add(format!("policy: {}", policy.name), text(&policy.verdict));
    }
}

pub(super) fn suites(document: &SuitesDocument) -> Table {
    let mut lines = Lines::default();
    of_suites(&mut lines, document);
    lines.target(&document.target);
    lines.origin(&document.started_at, &document.host, &document.tool);
    lines.table()
}

pub(super) fn capacity(document: &CapacityDocument) -> Table {
    let mut lines = Lines::default();
    let found = &document.capacity;
    lines.add("verdict", text(&found.outcome));
    lines.add("reason", text(&found.text));
    lines.interrupted(document.interrupted);
    lines.insecure(document.plan.insecure);
    lines.remarks("warning", &document.warnings);
    lines.add("capacity_lower_per_s", real(found.lower));
    lines.add("capacity_upper_per_s", real(found.upper));
    lines.add("unit", text(&found.unit));
    lines.add("limited_by", maybe(found.limited_by.as_deref()));
    lines.add("confirmed", truth(found.confirmed));
    lines.add("precise", truth(found.precise));
    for slo in &document.slo {
        lines.add("objective", text(&slo.text));
    }
    if let Some(policy) = &document.policy {
        lines.add(format!("policy: {}", policy.name), text(&policy.verdict));
    }
    lines.target(&document.target);
    lines.origin(&document.started_at, &document.host, &document.tool);
    lines.table()
}

fn of_audit(lines: &mut Lines, document: &AuditDocument) {
    lines.add("verdict", text(document.outcome.name()));
    lines.add("reason", text(&document.verdict));
    lines.interrupted(document.interrupted);
    lines.remarks("warning", &document.warnings);
    lines.add("policy", text(&document.policy.name));
    lines.add("policy_version", text(&document.policy.version));
    lines.add("policy_source", text(&document.policy.source));
}

pub(super) fn audit(document: &AuditDocument) -> Table {
    let mut lines = Lines::default();
    of_audit(&mut lines, document);
    lines.target(&document.target);
    lines.origin(&document.started_at, &document.host, &document.tool);
    lines.table()
}

fn of_crypto(lines: &mut Lines, document: &CryptoDocument) {
    lines.interrupted(document.interrupted);
    lines.remarks("advice", &document.advice);
    lines.remarks("warning", &document.warnings);
}

pub(super) fn crypto(document: &CryptoDocument) -> Table {
    let mut lines = Lines::default();
    of_crypto(&mut lines, document);
    lines.origin(&document.started_at, &document.host, &document.tool);
    lines.table()
}

pub(super) fn compare(document: &CompareDocument) -> Table {
    let mut lines = Lines::default();
    lines.add(
        "verdict",
        text(match document.outcome {
            Outcome::Pass => "pass",
            Outcome::Regression => "regression",
            Outcome::Inconclusive => "inconclusive",
        }),
    );
    lines.remarks("reason", &document.reasons);
    lines.remarks("warning", &document.warnings);
    lines.add("tolerance", real(document.plan.tolerance));
    lines.add("kind", text(&document.kind));
    for (place, of) in document.documents.iter().enumerate() {
        lines.add(if place == 0 { "reference" } else { "document" }, text(&of.path));
        lines.insecure(of.insecure == Some(true));
        lines.remarks("unreliable", &of.unreliable);
    }
    lines.comparer(&document.started_at, &document.tool);
    lines.table()
}

pub(super) fn plan(document: &PlanDocument) -> Table {
    let mut lines = Lines::default();
    lines.add("verdict", text(if document.reasons.is_empty() { "conclusive" } else { "inconclusive" }));
    lines.remarks("reason", &document.reasons);
    lines.add("demand", text(&document.demand.text));
    lines.add("headroom", real(document.plan.headroom));
    for from in &document.documents {
        lines.add("document", text(&from.path));
        lines.insecure(from.insecure);
        lines.remarks("of the document", &from.remarks);
    }
    lines.remarks("assumption", &document.assumptions);
    lines.comparer(&document.started_at, &document.tool);
    lines.table()
}

pub(super) fn trial(document: &TrialDocument) -> Table {
    let mut lines = Lines::default();
    lines.add("trial", text("of an embedded endpoint on this machine: a demonstration, not a verdict on anything"));
    lines.interrupted(document.interrupted);
    if let Some(audit) = &document.audit {
        lines.add("part", text("audit"));
        of_audit(&mut lines, audit);
    }
    lines.add("part", text("suites"));
    of_suites(&mut lines, &document.suites);
    if let Some(crypto) = &document.crypto {
        lines.add("part", text("crypto"));
        of_crypto(&mut lines, crypto);
    }
    lines.origin(&document.started_at, &document.host, &document.tool);
    lines.table()
}
