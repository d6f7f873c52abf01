//! An audit for people and spreadsheets: the verdict first, then each rule with what it expects and what was seen.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::layout::{FULL, Page, solid};
use super::table::{Table, moment, text as cell, truth};
use crate::model::policy::Standing;
use crate::model::registry::SuiteCode;
use crate::model::survey::Version;
use crate::record::audit::{AcceptedRecord, AuditDocument, CertificateRecord, Finding};
use crate::units;

/// Names of places that a row of the table of suites spells out.
const MOST_PLACES: usize = 2;

/// Writes the audit for people: UTF-8, paragraphs within 80 columns. Lines of configuration are not broken.
///
/// # Errors
/// Only those of `out`.
pub fn text(document: &AuditDocument, out: &mut dyn io::Write) -> io::Result<()> {
    text_in(document, FULL, out)
}

/// Writes it with no table wider than `columns`, at least 80: those that are come in parts.
///
/// # Errors
/// Only those of `out`.
pub fn text_in(document: &AuditDocument, columns: usize, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::within(columns);
    heading(&mut page, document);
    page.gap();
    for finding in &document.findings {
        rule(&mut page, finding);
    }
    suites(&mut page, document);
    open(&mut page, document);
    for shown in &document.certificates {
        page.gap();
        certificate(&mut page, shown);
    }
    facts(&mut page, document);
    out.write_all(page.finish().as_bytes())
}

/// The verdict, what was asked of whom, and what a reader should know beyond the rules.
pub(super) fn heading(page: &mut Page, document: &AuditDocument) {
    let policy = &document.policy;
    page.line(&document.outcome.name().to_uppercase(), &document.verdict);
    page.line("target", &document.target.url);
    page.line("addresses", &document.target.addresses.join(", "));
    page.line("policy", &format!("{} ({}): {}", policy.name, policy.version, policy.source));
    page.line("asked", &asked(document));
    for warning in &document.warnings {
        page.line("warning", &warning.text);
    }
}

/// Writes the verdict and the rules, a line for each, without what else was seen.
///
/// # Errors
/// Only those of `out`.
pub fn brief(document: &AuditDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::default();
    page.line(
        "AUDIT",
        &format!("{}: {}: {}", document.policy.name, document.outcome.name().to_uppercase(), document.verdict),
    );
    for finding in &document.findings {
        page.line(
            finding.outcome.name(),
            &format!("{} ({}): {}", finding.rule, finding.level.name(), finding.observed),
        );
    }
    out.write_all(page.finish().as_bytes())
}

fn asked(document: &AuditDocument) -> String {
    let names = document.plan.server_names.iter().map(|name| name.as_deref().unwrap_or("none"));
    let names = names.collect::<Vec<_>>().join(", ");
    let connections = units::count(document.connections);
    format!("{connections} connections in {}; server names sent: {names}", seconds(document.elapsed_s))
}

fn seconds(s: f64) -> String {
    solid(&units::time(s * 1e9))
}

fn rule(page: &mut Page, finding: &Finding) {
    page.line(finding.outcome.name(), &format!("{} ({})", finding.rule, finding.level.name()));
    page.line("", &format!("expected: {}", finding.expected));
    page.line("", &format!("observed: {}", finding.observed));
    if let Some(quote) = &finding.quote {
        page.line("", &format!("source: “{quote}”"));
    }
    for remedy in &finding.remedies {
        match &remedy.server {
            // To be copied: it must not be broken.
            Some(server) => page.heading(&format!("{:14}{server}: {}", "", remedy.text)),
            None => page.line("", &format!("way out: {}", remedy.text)),
        }
    }
}

/// The suites that were chosen: one row for all places where the server did alike.
fn suites(page: &mut Page, document: &AuditDocument) {
    let mut rows: BTreeMap<(Version, SuiteCode, [String; 3]), Vec<String>> = BTreeMap::new();
    for accepted in &document.accepted {
        let certificate = accepted.certificate.map_or_else(|| "–".to_owned(), |kind| kind.to_string());
        let words = [certificate, standing(accepted.standing).to_owned(), shown_by(accepted).to_owned()];
        let at = rows.entry((accepted.version, accepted.suite, words)).or_default();
        at.push(where_seen(&accepted.address, accepted.server_name.as_deref()));
    }
    if rows.is_empty() {
        return;
    }
    let everywhere: BTreeSet<_> = document.versions.iter().map(|row| (&row.address, &row.server_name)).collect();
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|((version, suite, words), at)| {
            let at = if at.len() == everywhere.len() { "everywhere".to_owned() } else { some(&at) };
            [suite.to_string(), version.to_string()].into_iter().chain(words).chain([at]).collect()
        })
        .collect();
    page.gap();
    page.columns(&["accepted", "version", "cert", "policy", "shown by", "where"], &rows);
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Named => "named",
        Standing::Mapped => "mapped",
        Standing::PermittedByVersion => "permitted",
        Standing::Outside => "OUTSIDE",
    }
}

/// How a suite is known to be accepted.
fn shown_by(accepted: &AcceptedRecord) -> &'static str {
    match accepted.confirmed {
        Some(true) => "handshake",
        Some(false) => "hello; FAILS",
        None => "hello",
    }
}

fn where_seen(address: &str, name: Option<&str>) -> String {
    name.map_or_else(|| format!("{address}, no SNI"), |name| format!("{address}, {name}"))
}

/// The first places, and how many more there are.
fn some(places: &[String]) -> String {
    let more = places.len().saturating_sub(MOST_PLACES);
    let shown = places.iter().take(MOST_PLACES).cloned().collect::<Vec<_>>().join("; ");
    if more == 0 { shown } else { format!("{shown}; {more} more") }
}

/// What stayed without an answer, each reason once.
fn open(page: &mut Page, document: &AuditDocument) {
    let each: BTreeSet<_> = document
        .open
        .iter()
        .map(|open| {
            let at = where_seen(&open.address, open.server_name.as_deref());
            format!("{} in {} at {at}: {}", open.question, open.version, open.why)
        })
        .collect();
    if each.is_empty() {
        return;
    }
    page.gap();
    for (i, line) in each.iter().enumerate() {
        page.line(if i == 0 { "not answered" } else { "" }, line);
    }
}

fn certificate(page: &mut Page, shown: &CertificateRecord) {
    let kind = shown.key_type.map_or_else(|| "certificate".to_owned(), |kind| format!("{kind} cert"));
    page.line(&kind, &format!("{}, signed with {}, serial {}", shown.key, shown.signature_algorithm, shown.serial));
    page.line("", &format!("names: {}", or_none(&shown.names)));
    page.line("", &format!("common name: {}; issued by {}", or_none(&shown.common_names), shown.issuer));
    page.line("", &format!("valid from {} to {} ({} days left)", shown.not_before, shown.not_after, shown.days_left));
    page.line("", &format!("chain as sent: {}", shown.chain.join(" → ")));
    page.line("", &format!("path: {}", shown.path));
    page.line("", &format!("OCSP staple: {}", shown.staple));
    for line in &shown.revocation {
        page.line("", &format!("revocation: {line}"));
    }
    page.line("", &format!("sent by {}", some(&shown.seen_at)));
}

fn or_none(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

/// Information, where it is the same at all places in one line.
fn facts(page: &mut Page, document: &AuditDocument) {
    let mut rows: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    for fact in &document.facts {
        let words =
            if fact.outcome == "accepted" { fact.value.clone() } else { format!("{} ({})", fact.outcome, fact.value) };
        let at = where_seen(&fact.address, fact.server_name.as_deref());
        rows.entry((&fact.name, words)).or_default().push(at);
    }
    if rows.is_empty() {
        return;
    }
    page.gap();
    page.heading("for information");
    let different: BTreeSet<_> = {
        let mut seen = BTreeSet::new();
        rows.keys().filter(|(name, _)| !seen.insert(*name)).map(|(name, _)| *name).collect()
    };
    for ((name, words), at) in &rows {
        let at = if different.contains(name) { format!(" – {}", some(at)) } else { String::new() };
        page.line("", &format!("{name}: {words}{at}"));
    }
}

/// One row for each finding: the rules, how they fared, and what to change.
///
/// # Errors
/// Only those of `out`.
pub fn csv(document: &AuditDocument, out: &mut dyn io::Write) -> io::Result<()> {
    table(document).csv(out)
}

pub(super) fn table(document: &AuditDocument) -> Table {
    let columns = [
        "started_at",
        "url",
        "policy",
        "policy_version",
        "audit_outcome",
        "interrupted",
        "rule",
        "level",
        "outcome",
        "decides",
        "expected",
        "observed",
        "source_quote",
        "remedy_nginx",
        "remedy_apache",
        "remedy_haproxy",
        "remedy_other",
    ];
    let row = |finding: &Finding| {
        let remedy = |server: Option<&str>| {
            let texts = finding.remedies.iter().filter(|remedy| remedy.server.as_deref() == server);
            cell(&texts.map(|remedy| remedy.text.as_str()).collect::<Vec<_>>().join("; "))
        };
        vec![
            moment(&document.started_at),
            cell(&document.target.url),
            cell(&document.policy.name),
            cell(&document.policy.version),
            cell(document.outcome.name()),
            truth(document.interrupted),
            cell(&finding.rule),
            cell(finding.level.name()),
            cell(finding.outcome.code()),
            truth(finding.level >= document.policy.decided_by),
            cell(&finding.expected),
            cell(&finding.observed),
            cell(finding.quote.as_deref().unwrap_or_default()),
            remedy(Some("nginx")),
            remedy(Some("Apache httpd")),
            remedy(Some("haproxy")),
            remedy(None),
        ]
    };
    Table { columns: columns.map(str::to_owned).to_vec(), rows: document.findings.iter().map(row).collect() }
}
