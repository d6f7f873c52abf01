//! A comparison of suites: for each workload a bar for each suite, with its interval and its ratio to the baseline.

use maud::{Markup, html};

use super::axis::Scale;
use super::bars::{self, Bar};
use super::table::Table;
use super::verdict;
use crate::model::suite::KeyType;
use crate::record::suites::{ArmRecord, Figure, SuitesDocument, TrustVerdict, WorkloadTrust};
use crate::report::layout::Page;
use crate::report::suites::{cells, heading, ratio, title, trust_of, words};
use crate::report::table::{maybe, real, text, truth, whole};
use crate::units;

pub(super) fn section(document: &SuitesDocument) -> Markup {
    let mut page = Page::default();
    heading(&mut page, document);
    html! {
        (verdict(&page))
        @for cell in cells(document) { (workload(cell, trust_of(&document.trustworthy, &cell[0]))) }
    }
}

fn workload(cell: &[ArmRecord], trust: Option<&WorkloadTrust>) -> Markup {
    let name = title(&cell[0]);
    let bulk = cell[0].object_bytes.is_some();
    let unit = match (bulk, cell[0].workload.as_str()) {
        (true, _) => "bytes per second at full load",
        (false, "request") => "requests per second at full load",
        (false, _) => "handshakes per second at full load",
    };
    let show: fn(f64) -> String = if bulk { units::bytes } else { units::decimal };
    let mut arms: Vec<&ArmRecord> = cell.iter().collect();
    // Stable, so that suites stay in their order.
    arms.sort_by_key(|arm| arm.certificate == KeyType::Rsa);
    let bars: Vec<Bar> = arms.iter().map(|arm| bar(arm, show)).collect();
    html! {
        h3 { (&name) }
        @if let Some(trust) = trust { p class=(note(trust)) { "A/A, " (trust.verdict.name().replace('_', " ")) ": " (&trust.text) } }
        @if bars.iter().any(|bar| bar.bound) { p.note { "Pale: limited by the client; the endpoint could do as much or more (≥)." } }
        figure {
            @if bars.iter().all(|bar| bar.value.is_none()) { p { "No rate is known." } }
            (bars::render(unit, if bulk { Scale::Bytes } else { Scale::Linear }, show, None, &bars))
            (table(&name, &arms).render())
        }
    }
}

fn note(trust: &WorkloadTrust) -> &'static str {
    if trust.verdict == TrustVerdict::Trusted { "note" } else { "note warn" }
}

fn rate(arm: &ArmRecord) -> Option<Figure> {
    if arm.object_bytes.is_some() { arm.estimate.bytes_per_s } else { arm.estimate.rate_per_s }
}

fn bar(arm: &ArmRecord, show: fn(f64) -> String) -> Bar {
    let figure = rate(arm);
    let suite = arm.suite.openssl();
    let name = if arm.control { "baseline again (A/A)".to_owned() } else { suite.to_owned() };
    let against = match &arm.versus_baseline {
        None => "baseline".to_owned(),
        Some(versus) => format!("{} {}", ratio(versus), words(versus)),
    };
    let bound = arm.limited_by.is_some();
    let value = figure.map_or_else(
        || "no rate is known".to_owned(),
        |figure| format!("{}{}{}", if bound { "≥" } else { "" }, show(figure.value), interval(figure, show)),
    );
    Bar {
        label: format!("{name}: {value}; {against}"),
        name,
        group: format!("{} certificate", if arm.certificate == KeyType::Rsa { "RSA" } else { "ECDSA" }),
        colour: if arm.baseline || arm.control { 6 } else { 0 },
        value: figure.map(|figure| figure.value),
        low: figure.and_then(|figure| figure.low),
        high: figure.and_then(|figure| figure.high),
        bound,
        note: against,
    }
}

fn interval(figure: Figure, show: fn(f64) -> String) -> String {
    match (figure.low, figure.high) {
        (Some(low), Some(high)) => format!(" (95 %: {} to {})", show(low), show(high)),
        _ => String::new(),
    }
}

fn table(name: &str, arms: &[&ArmRecord]) -> Table {
    let columns = [
        "suite",
        "certificate",
        "control",
        "rate_of",
        "limited_by",
        "rate_per_s",
        "rate_per_s_low",
        "rate_per_s_high",
        "bytes_per_s",
        "bytes_per_s_low",
        "bytes_per_s_high",
        "ratio_to_baseline",
        "ratio_low",
        "ratio_high",
        "verdict",
        "response_p50_ns",
        "response_p99_ns",
        "client_cpu_ns",
        "server_cpu_ns",
        "failed",
    ];
    let mut table = Table::new(&format!("suites-{}.csv", name.replace(' ', "-")), &columns);
    let value = |figure: Option<Figure>| real(figure.map(|figure| figure.value));
    let three = |figure: Option<Figure>| {
        let end = |of: fn(Figure) -> Option<f64>| real(figure.and_then(of));
        [value(figure), end(|figure| figure.low), end(|figure| figure.high)]
    };
    for arm in arms {
        let (estimate, versus) = (&arm.estimate, arm.versus_baseline.as_ref());
        let mut cells = vec![
            text(arm.suite.iana()),
            text(&arm.certificate.to_string()),
            truth(arm.control),
            text(&arm.rate_of),
            maybe(arm.limited_by.as_deref()),
        ];
        cells.extend(three(estimate.rate_per_s));
        cells.extend(three(estimate.bytes_per_s));
        cells.extend([
            real(versus.and_then(|versus| versus.ratio)),
            real(versus.and_then(|versus| versus.low)),
            real(versus.and_then(|versus| versus.high)),
            text(versus.map_or("baseline", |versus| &versus.verdict)),
            value(estimate.response_p50_ns),
            value(estimate.response_p99_ns),
            value(estimate.client_cpu_ns),
            value(estimate.server_cpu_ns),
            whole(estimate.failed),
        ]);
        table.row(cells);
    }
    table
}
