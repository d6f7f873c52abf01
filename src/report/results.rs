//! The runs that are kept, a paragraph for each: when, what, against what, on which machine, and what came of it.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::headline::what_failed;
use super::layout::Page;
use crate::record::compare::Outcome;
use crate::record::kept::{Document, Kept};
use crate::record::run::{Latency, RunDocument};
use crate::units;

/// One run that is kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct KeptRow {
    /// Its folder.
    pub path: String,
    /// What the user calls it; null where it has no name.
    pub name: Option<String>,
    /// The user's tags.
    pub tags: Vec<String>,
    /// When it was measured: RFC 3339, UTC; null where it cannot be read.
    pub started_at: Option<String>,
    /// The command that made it: `run`, `suites`, `capacity`, `audit`, `crypto`, `compare`, `plan` or `trial`; null where it cannot be read.
    pub kind: Option<String>,
    /// The URL that was loaded; null where there was none.
    pub target: Option<String>,
    /// The processor of the machine that measured; null where it is not known, or there was nothing to measure.
    pub host_cpu_model: Option<String>,
    /// The verdict in a word or two; null of a kind that has none.
    pub verdict: Option<String>,
    /// What came of it, in a sentence; or why the document cannot be read.
    pub headline: String,
}

impl KeptRow {
    /// What is told of `kept`.
    pub fn of(kept: &Kept) -> Self {
        let path = kept.path.display().to_string();
        let document = match &kept.document {
            Ok(document) => document,
            Err(error) => {
                let headline = format!("cannot be read: {error}");
                return Self { path, headline, ..Self::default() };
            }
        };
        let (kind, target, host_cpu_model, verdict, headline) = told(document);
        Self {
            path,
            name: document.label().name.clone(),
            tags: document.label().tags.clone(),
            started_at: Some(document.started_at().to_owned()),
            kind: Some(kind.to_owned()),
            target,
            host_cpu_model,
            verdict,
            headline: headline.replace('\u{a0}', " "),
        }
    }
}

type Told = (&'static str, Option<String>, Option<String>, Option<String>, String);

fn told(document: &Document) -> Told {
    let on = |host: &crate::record::run::Host| host.cpu.model.clone();
    let word = |text: &str| Some(text.to_owned());
    match document {
        Document::Run(run) => {
            let verdict = if run.verdict.valid { "VALID" } else { "INVALID" };
            ("run", word(&run.target.url), on(&run.host), word(verdict), of_run(run))
        }
        Document::Suites(suites) => {
            let verdict = suites.trustworthy.verdict.name().to_uppercase().replace('_', " ");
            let headline = suites.trustworthy.text.clone();
            ("suites", word(&suites.target.url), on(&suites.host), Some(verdict), headline)
        }
        Document::Capacity(capacity) => {
            let verdict = capacity.capacity.outcome.to_uppercase();
            let headline = capacity.capacity.text.clone();
            ("capacity", word(&capacity.target.url), on(&capacity.host), Some(verdict), headline)
        }
        Document::Audit(audit) => {
            let verdict = audit.outcome.name().to_uppercase();
            let headline = format!("{}: {}", audit.policy.name, audit.verdict);
            ("audit", word(&audit.target.url), on(&audit.host), Some(verdict), headline)
        }
        Document::Crypto(crypto) => {
            let advice: Vec<_> = crypto.advice.iter().map(|advice| advice.text.as_str()).collect();
            ("crypto", None, on(&crypto.host), None, advice.first().copied().unwrap_or("no advice").to_owned())
        }
        Document::Compare(compare) => {
            let verdict = match compare.outcome {
                Outcome::Pass => "PASS",
                Outcome::Regression => "REGRESSION",
                Outcome::Inconclusive => "INCONCLUSIVE",
            };
            let paths: Vec<_> = compare.documents.iter().map(|compared| compared.path.as_str()).collect();
            ("compare", None, None, word(verdict), format!("{}, by {}", paths.join(" and "), compare.kind))
        }
        Document::Plan(plan) => {
            let verdict = if plan.reasons.is_empty() { "CONCLUSIVE" } else { "INCONCLUSIVE" };
            ("plan", None, None, word(verdict), plan.demand.text.clone())
        }
        Document::Trial(trial) => {
            let headline = "of an embedded endpoint: a demonstration".to_owned();
            ("trial", None, on(&trial.host), trial.interrupted.then(|| "INTERRUPTED".to_owned()), headline)
        }
    }
}

/// The rates, and the latency that a user feels.
fn of_run(run: &RunDocument) -> String {
    let bound = if run.verdict.limited_by.is_some() { "≥ " } else { "" };
    let mut parts = Vec::new();
    for (rate, what) in
        [(run.throughput.requests_per_s, "requests/s"), (run.throughput.handshakes_per_s, "handshakes/s")]
    {
        if rate > 0.0 {
            parts.push(format!("{bound}{} {what}", units::decimal(rate)));
        }
    }
    let felt = [("response", &run.latency.response), ("service", &run.latency.service)];
    let p99 = |latency: &Latency| {
        let found = latency.quantile(0.99)?;
        Some(format!("{}{}", if found.at_least { "≥ " } else { "" }, units::time(found.ns? as f64)))
    };
    if let Some((name, p99)) = felt.into_iter().find_map(|(name, latency)| Some((name, p99(latency.as_ref()?)?))) {
        parts.push(format!("{name} p99 {p99}"));
    }
    parts.extend(what_failed(&run.counts, &run.failure_details));
    parts.extend(run.verdict.reasons.iter().map(|reason| reason.code.clone()));
    parts.join(", ")
}

/// Writes `rows` for people: UTF-8, within 80 columns.
///
/// # Errors
/// Only those of `out`.
pub fn text(rows: &[KeptRow], parent: &Path, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::default();
    if rows.is_empty() {
        page.line("", &format!("no such results in {}", parent.display()));
    }
    for row in rows {
        let kind = row.kind.as_deref().unwrap_or("?");
        let verdict = row.verdict.as_deref().map(|verdict| format!(": {verdict}")).unwrap_or_default();
        let at = row.target.as_deref().map(|target| format!(" of {target}")).unwrap_or_default();
        page.line(kind, &format!("{}{at}{verdict}", row.started_at.as_deref().unwrap_or("at an unknown time")));
        page.line("", &row.headline);
        if let Some(model) = &row.host_cpu_model {
            page.line("", &format!("on {model}"));
        }
        let tags = if row.tags.is_empty() { String::new() } else { format!("tagged {}", row.tags.join(", ")) };
        let label: Vec<&str> =
            row.name.as_deref().into_iter().chain([tags.as_str()]).filter(|s| !s.is_empty()).collect();
        if !label.is_empty() {
            page.line("", &label.join(", "));
        }
        page.line("", &row.path);
        page.gap();
    }
    out.write_all(page.finish().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    fn row(document: Document) -> KeptRow {
        KeptRow::of(&Kept { path: "results/x".into(), document: Ok(document) })
    }

    #[test]
    fn a_run_is_told_with_its_verdict_and_bounds_are_bounds() {
        let found = row(Document::Run(Box::new(fixture::open_loop())));
        assert_eq!(found.kind.as_deref(), Some("run"));
        assert_eq!(found.verdict.as_deref(), Some("INVALID"));
        let headline = found.headline;
        for part in ["≥ 4 791 requests/s", "response p99 ≥ 11.6 ms", "dispatch_lag", "never sent"] {
            assert!(headline.contains(part), "{part} in {headline}");
        }
        let closed = row(Document::Run(Box::new(fixture::closed_loop())));
        assert_eq!(closed.verdict.as_deref(), Some("VALID"));
        assert!(!closed.headline.contains('≥') && closed.headline.contains("service"), "{}", closed.headline);
    }

    #[test]
    fn the_list_is_safe_for_a_terminal_and_says_when_it_is_empty() {
        let rows = [
            row(Document::Run(Box::new(fixture::open_loop()))),
            row(Document::Suites(Box::new(fixture::suites()))),
            row(Document::Capacity(Box::new(fixture::capacity()))),
            row(Document::Audit(Box::new(fixture::audit()))),
            row(Document::Trial(Box::new(fixture::trial()))),
        ];
        let mut out = Vec::new();
        text(&rows, Path::new("results"), &mut out).unwrap();
        let told = String::from_utf8(out).unwrap();
        assert!(!told.chars().any(|c| c.is_control() && c != '\n'), "{told:?}");
        assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
        for row in &rows {
            assert!(told.contains(row.verdict.as_deref().unwrap_or("demonstration")), "{told}");
        }
        let mut out = Vec::new();
        text(&[], Path::new("results"), &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("no such results in results"));
    }
}
