//! An audit as a checklist: each rule with what is expected, what was seen, and what to change.

use maud::{Markup, html};

use super::table::Table;
use super::verdict;
use crate::record::audit::{AuditDocument, Finding, FindingOutcome};
use crate::report::layout::Page;
use crate::report::table::{maybe, moment, real, text, truth};

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
            text(&finding.rule),
            text(finding.level.name()),
            text(finding.outcome.code()),
            text(&finding.expected),
            text(&finding.observed),
        ]);
    }
    table
}

fn accepted(document: &AuditDocument) -> Table {
    let columns = ["version", "suite", "openssl", "certificate", "address", "server_name", "confirmed", "detail"];
    let mut table = Table::new("accepted.csv", &columns);
    for row in &document.accepted {
        table.row(vec![
            text(row.version.name()),
            text(&row.suite.to_string()),
            maybe(row.openssl.as_deref()),
            row.certificate.map(|kind| text(&kind.to_string())).unwrap_or_default(),
            text(&row.address),
            maybe(row.server_name.as_deref()),
            row.confirmed.map(truth).unwrap_or_default(),
            maybe(row.detail.as_deref()),
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
        table.row(vec![
            text(&row.common_names.join(", ")),
            text(&row.names.join(", ")),
            text(&row.issuer),
            text(&row.serial),
            moment(&row.not_before),
            moment(&row.not_after),
            real(i32::try_from(row.days_left).ok().map(f64::from)),
            text(&row.key),
            text(&row.signature_algorithm),
            text(&row.path),
            text(&row.staple),
        ]);
    }
    table
}
