//! An audit as a checklist: each rule with what is expected, what was seen, and what to change.

use maud::{Markup, html};

use super::table::Table;
use super::verdict;
use crate::record::audit::{AuditDocument, Finding, FindingOutcome};
use crate::report::csv::{truth, whole};
use crate::report::layout::Page;

pub(super) fn section(document: &AuditDocument) -> Markup {
    let mut page = Page::default();
    crate::report::audit::heading(&mut page, document);
    html! {
        (verdict(&page))
        h2 { "Rules" }
        ul.rules { @for finding in &document.findings { (rule(finding)) } }
        (findings(document).render())
        h2 { "Suites accepted" }
        (accepted(document).render())
        @if !document.certificates.is_empty() { h2 { "Certificates" } (certificates(document).render()) }
    }
}

fn weight(outcome: FindingOutcome) -> Option<&'static str> {
    match outcome {
        FindingOutcome::Pass => Some("good"),
        FindingOutcome::Fail => Some("bad"),
        FindingOutcome::Warn | FindingOutcome::Inconclusive => Some("warn"),
        FindingOutcome::NotAsked => None,
    }
}

fn sign(outcome: FindingOutcome) -> &'static str {
    match outcome {
        FindingOutcome::Pass => "✓",
        FindingOutcome::Fail => "✗",
        FindingOutcome::Warn => "!",
        FindingOutcome::Inconclusive => "?",
        FindingOutcome::NotAsked => "–",
    }
}

fn rule(finding: &Finding) -> Markup {
    html! {
        li class=[weight(finding.outcome)] {
            p {
                b class=[weight(finding.outcome)] { (sign(finding.outcome)) " " (finding.outcome.name()) } " "
                b { (&finding.rule) } " (" (finding.level.name()) ")"
            }
            p { span.note { "expected: " } (&finding.expected) }
            p { span.note { "observed: " } (&finding.observed) }
            @if let Some(quote) = &finding.quote { p.note { "“" (quote) "”" } }
            @for remedy in &finding.remedies {
                p { span.note { @match &remedy.server { Some(server) => { (server) ": " }, None => { "to do: " } } } code { (&remedy.text) } }
            }
        }
    }
}

fn findings(document: &AuditDocument) -> Table {
    let mut table = Table::new("findings.csv", &["rule", "level", "outcome", "expected", "observed"]);
    for finding in &document.findings {
        table.row(vec![
            finding.rule.clone(),
            finding.level.name().to_owned(),
            finding.outcome.code().to_owned(),
            finding.expected.clone(),
            finding.observed.clone(),
        ]);
    }
    table
}

fn accepted(document: &AuditDocument) -> Table {
    let columns = ["version", "suite", "openssl", "certificate", "address", "server_name", "confirmed", "detail"];
    let mut table = Table::new("accepted.csv", &columns);
    for row in &document.accepted {
        table.row(vec![
            row.version.name().to_owned(),
            row.suite.to_string(),
            row.openssl.clone().unwrap_or_default(),
            row.certificate.map(|kind| kind.to_string()).unwrap_or_default(),
            row.address.clone(),
            row.server_name.clone().unwrap_or_default(),
            row.confirmed.map(truth).unwrap_or_default(),
            row.detail.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn certificates(document: &AuditDocument) -> Table {
    let columns = [
        "common_names",
        "names",
        "issuer",
        "serial",
        "not_before",
        "not_after",
        "days_left",
        "key",
        "signature",
        "path",
        "staple",
    ];
    let mut table = Table::new("certificates.csv", &columns);
    for row in &document.certificates {
        let days = whole(row.days_left.unsigned_abs());
        table.row(vec![
            row.common_names.join(", "),
            row.names.join(", "),
            row.issuer.clone(),
            row.serial.clone(),
            row.not_before.clone(),
            row.not_after.clone(),
            if row.days_left < 0 { format!("-{days}") } else { days },
            row.key.clone(),
            row.signature_algorithm.clone(),
            row.path.clone(),
            row.staple.clone(),
        ]);
    }
    table
}
