//! A load run: latency by percentile, latency and rate over time, what failed and what was negotiated.

use maud::{Markup, html};

use super::axis::{Axis, Scale};
use super::chart::{Chart, Point, Series, Style};
use super::series;
use super::table::Table;
use super::verdict;
use crate::record::run::{Latency, QuantileRecord, RunDocument};
use crate::report::latency::title;
use crate::report::layout::Page;
use crate::report::table::{real, text, truth, whole};
use crate::units;

pub(super) fn section(document: &RunDocument) -> Markup {
    let mut page = Page::default();
    crate::report::text::heading(&mut page, document);
    html! {
        (verdict(&page))
        (percentiles(document))
        (series::section(document))
        (outcomes(document))
    }
}

/// Where a quantile stands: each nine more is as far again, as HdrHistogram's own plots have it.
fn place(q: f64) -> f64 {
    -(1.0 - q).log10()
}

fn percentiles(document: &RunDocument) -> Markup {
    let mut series = Vec::new();
    let mut table =
        Table::new("latency.csv", &["latency", "count", "censored", "q", "ns", "low_ns", "high_ns", "at_least"]);
    for (n, (name, latency)) in document.latency.named().into_iter().enumerate() {
        let Some(latency) = latency else { continue };
        for record in &latency.quantiles {
            table.row(vec![
                text(name),
                whole(latency.count),
                whole(latency.censored),
                real(record.q),
                whole(record.ns),
                whole(record.low_ns),
                whole(record.high_ns),
                truth(record.at_least),
            ]);
        }
        // What a user feels is drawn in the first colours, and what is the generator's own in the last.
        let colour = [3, 4, 2, 5, 0, 1, 6][n];
        let dash = usize::from(name == "dispatch_lag");
        let points = latency.quantiles.iter().filter_map(|record| point(title(name), record)).collect();
        series.push(Series { name: named(name, latency), colour, dash, style: Style::Line, points });
    }
    let values = series.iter().flat_map(|one| &one.points).flat_map(|point| [Some(point.y), point.low, point.high]);
    let y = Axis::over("time (logarithmic)", Scale::Log, values.flatten(), units::time);
    let levels: Vec<f64> = series.iter().flat_map(|one| &one.points).map(|point| point.x).collect();
    let ticks = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999].map(|q| (place(q), units::quantile_name(q)));
    let last = levels.iter().copied().fold(place(0.9), f64::max);
    let x = Axis::over("percentile, a step for each nine", Scale::Linear, levels, |_| String::new());
    let (Some(x), Some(y)) = (x, y) else {
        return html! { h2 { "Latency" } p { "Too little was recorded for a quantile." } (table.render()) };
    };
    let x = x.within(place(0.5) - 0.1, last + 0.1).with_ticks(ticks.to_vec());
    let chart = Chart {
        name: "latency by percentile".to_owned(),
        x,
        y,
        series,
        marks: Vec::new(),
        hollow: "a lower bound (≥)",
    };
    html! {
        h2 { "Latency by percentile" }
        p.note { "Bands and whiskers are 95 % intervals, where the sample allows one; both axes are logarithmic." }
        figure { (chart.render()) (table.render()) }
    }
}

fn named(name: &str, latency: &Latency) -> String {
    format!("{} ({})", title(name), units::count(latency.count))
}

fn point(name: &str, record: &QuantileRecord) -> Option<Point> {
    let ns = record.ns? as f64;
    let (low, high) = (record.low_ns.map(|ns| ns as f64), record.high_ns.map(|ns| ns as f64));
    let interval = match (low, high) {
        (Some(low), Some(high)) => format!(" (95 %: {} to {})", units::time(low), units::time(high)),
        (Some(low), None) => format!(" (95 %: above {})", units::time(low)),
        (None, _) => String::new(),
    };
    let bound = if record.at_least { "≥" } else { "" };
    let label = format!("{name} {}: {bound}{}{interval}", units::quantile_name(record.q), units::time(ns));
    Some(Point { x: place(record.q), y: ns, low, high, bound: record.at_least, label })
}

fn outcomes(document: &RunDocument) -> Markup {
    let mut failures = Table::new("failures.csv", &["of", "kind", "detail", "n"]);
    for row in &document.failure_details {
        failures.row(vec![text(&row.of), text(&row.kind.to_string()), text(&row.detail), whole(row.n)]);
    }
    let mut agreed = Table::new("negotiated.csv", &["version", "suite", "group", "handshake", "count"]);
    for row in &document.negotiated {
        agreed.row(vec![
            text(&row.version.to_string()),
            text(row.suite.iana()),
            row.group.map(|group| text(&group.to_string())).unwrap_or_default(),
            text(&row.handshake),
            whole(row.count),
        ]);
    }
    html! {
        @if !document.failure_details.is_empty() { h2 { "Failures" } (failures.render()) }
        @if !document.negotiated.is_empty() { h2 { "Negotiated" } (agreed.render()) }
    }
}
