//! A run while it goes: a page that comes again by itself, with the charts of the report as far as the run has got.

use maud::{Markup, html};

use super::series;
use crate::record::live::{Phase, Reading};
use crate::report::latency::title;
use crate::units;

/// Quantiles that the page lists.
const QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

pub(super) fn section(reading: &Reading) -> Markup {
    let failed: u64 = reading.failures.iter().map(|(_, n)| n).sum();
    html! {
        dl.verdict {
            dt { (reading.phase.name()) }
            dd {
                @if reading.phase == Phase::Opening || reading.phase == Phase::Warmup {
                    "nothing is counted before the measured time of " (seconds(reading.planned_s))
                } @else {
                    (seconds(reading.window_s)) " of " (seconds(reading.planned_s)) " measured"
                }
            }
            dt { "requests" } dd { (units::count(reading.requests)) " succeeded" }
            dt { "handshakes" } dd { (units::count(reading.handshakes)) }
            dt class=[(failed > 0).then_some("bad")] { "failures" } dd { (units::count(failed)) }
            @if let Some(open) = reading.open_connections { dt { "connections" } dd { (units::count(open)) " open" } }
        }
        p.note { "What has ended so far, without a verdict: whether these figures can be trusted is told at the end. The page comes again every two seconds; /metrics has the same for machines." }
        (series::charts(&reading.series, Vec::new()))
        @if !reading.latencies.is_empty() {
            h2 { "Latency so far" }
            div.wide { table {
                thead { tr { th { "latency" } th { "count" } @for q in QUANTILES { th { (units::quantile_name(q)) } } th { "longest" } } }
                tbody { @for (name, histogram) in &reading.latencies { tr {
                    td { (title(name)) } td.n { (units::count(histogram.len())) }
                    @for q in QUANTILES { td.n { (units::time(histogram.value_at_quantile(q) as f64)) } }
                    td.n { (units::time(histogram.max() as f64)) }
                } } }
            } }
        }
    }
}

fn seconds(s: f64) -> String {
    format!("{} s", units::decimal(s))
}
