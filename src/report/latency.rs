//! The distributions in words: one row each, the intervals of the one that matters, and what the names mean.

use super::layout::{Page, solid};
use crate::record::run::{Latencies, Latency, QuantileRecord, RunDocument};
use crate::units;

/// What stands where a figure does not exist.
const NONE: &str = "–";

/// The quantiles with a column of their own.
const COLUMNS: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

/// The table, and below it what a reader needs to take it rightly.
pub(super) fn write(page: &mut Page, document: &RunDocument) {
    let latency = &document.latency;
    let rows: Vec<Vec<String>> = latency
        .named()
        .into_iter()
        .filter_map(|(name, latency)| latency.map(|found| row(title(name), found)))
        .collect();
    if rows.is_empty() {
        page.line("latency", "nothing was recorded: nothing succeeded");
        return;
    }
    page.columns(&["latency", "count", "mean", "p50", "p90", "p99", "p99.9", "max"], &rows);
    page.gap();
    if let Some((name, main)) = main_latency(latency) {
        // The label's column has no room for the kind of handshake; the table above names it.
        let label = if name.starts_with("handshake") { "handshake" } else { title(name) };
        page.line(label, &precisions(main));
    }
    for (name, found) in latency.named() {
        remarks(page, title(name), found);
    }
    let failed = document.counts.failed;
    if failed > 0 && latency.service.is_some() {
        let text = format!("service and first byte are of successes only: {} failed", solid(&units::count(failed)));
        page.line("", &text);
    }
    page.line("", meaning(document));
}

/// A distribution's name in words.
pub(super) fn title(name: &str) -> &str {
    match name {
        "handshake_full" => "handshake full",
        "handshake_resumed" => "handshake resumed",
        "first_byte" => "first byte",
        "dispatch_lag" => "dispatch lag",
        other => other,
    }
}

fn row(title: &str, latency: &Latency) -> Vec<String> {
    // Without the censored values a mean would be too small by an unknown amount, and the maximum is at least what was seen.
    let mean = latency.mean_ns.filter(|_| latency.censored == 0).map_or(NONE.to_owned(), units::time);
    let max = bounded(latency.max_ns, latency.censored + latency.over_range > 0);
    let mut cells = vec![title.to_owned(), units::count(latency.count), mean];
    cells.extend(COLUMNS.iter().map(|q| latency.quantile(*q).map_or(NONE.to_owned(), value)));
    cells.push(max);
    cells
}

fn value(record: &QuantileRecord) -> String {
    bounded(record.ns, record.at_least)
}

fn bounded(ns: Option<u64>, at_least: bool) -> String {
    match ns {
        Some(ns) if at_least => format!("≥{}", units::time(ns as f64)),
        Some(ns) => units::time(ns as f64),
        None => NONE.to_owned(),
    }
}

/// What a user feels: the response time where it exists, otherwise the service time, otherwise the handshake.
fn main_latency(latency: &Latencies) -> Option<(&'static str, &Latency)> {
    let Latencies { handshake_full, handshake_resumed, service, response, .. } = latency;
    [
        ("response", response),
        ("service", service),
        ("handshake_full", handshake_full),
        ("handshake_resumed", handshake_resumed),
    ]
    .into_iter()
    .find_map(|(name, found)| found.as_ref().map(|found| (name, found)))
}

/// The median and the 99th percentile, each with its interval, or one word for both where neither can be told.
fn precisions(latency: &Latency) -> String {
    let known = |q| latency.quantile(q).is_some_and(|record| record.ns.is_some());
    if known(0.5) || known(0.99) {
        format!("{}; {}", precision(latency, 0.5), precision(latency, 0.99))
    } else {
        "too few samples for a quantile".to_owned()
    }
}

/// A quantile with its 95 % interval, or why there is none.
fn precision(latency: &Latency, q: f64) -> String {
    let name = units::quantile_name(q);
    let Some(record) = latency.quantile(q).filter(|record| record.ns.is_some()) else {
        return format!("{name}: too few samples for a figure");
    };
    let interval = match (record.low_ns, record.high_ns) {
        (Some(low), Some(high)) => format!("95 %: {}", range(low, high)),
        (Some(low), None) => format!("95 %: above {}", units::time(low as f64)),
        (None, _) => "too few independent times for an interval".to_owned(),
    };
    let interval = if interval.starts_with("95") { solid(&interval) } else { interval };
    format!("{} ({interval})", solid(&format!("{name} {}", value(record))))
}

/// `11.9–13.0 ms`, or `980 µs–1.02 ms` where the ends have different units.
fn range(low_ns: u64, high_ns: u64) -> String {
    let (low, high) = (units::time(low_ns as f64), units::time(high_ns as f64));
    match (low.split_once(' '), high.split_once(' ')) {
        (Some((number, low_unit)), Some((_, high_unit))) if low_unit == high_unit => format!("{number}–{high}"),
        _ => format!("{low}–{high}"),
    }
}

/// Why some figures of a row are bounds.
fn remarks(page: &mut Page, title: &str, latency: Option<&Latency>) {
    let Some(latency) = latency else { return };
    if latency.censored > 0 {
        let text = format!(
            "{title}: {} that timed out or were never sent count as at least the time that they waited; a figure that \
             falls among them is a lower bound (≥), and there is no mean",
            solid(&units::count(latency.censored))
        );
        page.line("", &text);
    }
    if latency.over_range > 0 {
        let text =
            format!("{title}: {} values above one hour are counted as one hour", units::count(latency.over_range));
        page.line("", &text);
    }
}

/// What the names mean in this run.
fn meaning(document: &RunDocument) -> &'static str {
    let latency = &document.latency;
    match (latency.response.is_some(), document.plan.requests_per_connection != Some(0)) {
        (true, true) => {
            "response: from the moment when the schedule wanted it to the last byte, every wait included; service: from \
             the first byte sent to the last byte received"
        }
        (true, false) => {
            "response: from the moment when the schedule wanted it to the end of the handshake, every wait included"
        }
        (false, _) if document.plan.loop_kind == "closed" => {
            "no response time and no dispatch lag: in a closed loop each connection waits for its answer before it sends \
             again, so that nothing has an intended time; use --rate to measure what users feel"
        }
        (false, _) => "no response time: nothing was completed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_share_a_unit_where_they_can() {
        assert_eq!(range(11_900_000, 13_000_000), "11.9–13.0 ms");
        assert_eq!(range(980_000, 1_020_000), "980 µs–1.02 ms");
        assert_eq!(range(125_000_000_000, 130_000_000_000), "2 min 05 s–2 min 10 s");
    }

    #[test]
    fn a_quantile_says_how_well_it_is_known() {
        let record = |ns, low_ns, high_ns, at_least| Latency {
            count: 10,
            censored: 0,
            min_ns: None,
            mean_ns: None,
            max_ns: None,
            stddev_ns: None,
            over_range: 0,
            histogram: None,
            quantiles: vec![QuantileRecord { q: 0.99, ns, low_ns, high_ns, at_least }],
        };
        for (latency, expected) in [
            (record(Some(12_400_000), Some(11_900_000), Some(13_000_000), false), "p99 12.4 ms (95 %: 11.9–13.0 ms)"),
            (record(Some(12_400_000), Some(11_900_000), None, true), "p99 ≥12.4 ms (95 %: above 11.9 ms)"),
            (record(Some(12_400_000), None, None, false), "p99 12.4 ms (too few independent times for an interval)"),
            (record(None, None, None, false), "p99: too few samples for a figure"),
        ] {
            assert_eq!(precision(&latency, 0.99).replace('\u{a0}', " "), expected);
        }
        assert_eq!(precision(&record(None, None, None, false), 0.5), "p50: too few samples for a figure");
        assert_eq!(precisions(&record(None, None, None, false)), "too few samples for a quantile");
        let known = precisions(&record(Some(12_400_000), None, None, false)).replace('\u{a0}', " ");
        assert_eq!(known, "p50: too few samples for a figure; p99 12.4 ms (too few independent times for an interval)");
    }
}
