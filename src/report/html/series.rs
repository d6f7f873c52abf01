//! A run over time: quantiles of each second, and how much was done in it. A long series is thinned to the seconds that can be seen.

use maud::{Markup, html};

use super::axis::{Axis, Scale};
use super::chart::{Chart, Mark, Point, Series, Style};
use super::heat;
use super::table::Table;
use crate::record::run::{RunDocument, SeriesRow};
use crate::report::table::{maybe, real, whole};
use crate::units;

/// The most seconds that are drawn without thinning.
const MOST: usize = 300;

/// The spans that a longer series is cut into; of each at most four seconds are drawn.
const SPANS: usize = 75;

type Of = fn(&SeriesRow) -> Option<u64>;

/// What is drawn of times: name, colour, dash, figure.
const TIMES: [(&str, usize, usize, Of); 5] = [
    ("service p50", 0, 1, |row| row.service_p50_ns),
    ("service p99", 0, 0, |row| row.service_p99_ns),
    ("response p50", 1, 1, |row| row.response_p50_ns),
    ("response p99", 1, 0, |row| row.response_p99_ns),
    ("longest dispatch lag", 6, 2, |row| row.dispatch_lag_max_ns),
];

/// What is drawn of work.
const WORK: [(&str, usize, usize, Of); 3] = [
    ("requests succeeded", 2, 0, |row| Some(row.requests)),
    ("handshakes", 3, 1, |row| Some(row.handshakes)),
    ("failures", 5, 0, |row| Some(row.failures)),
];

/// The charts over time; nothing where there are no seconds.
pub(super) fn section(document: &RunDocument) -> Markup {
    if document.series.is_empty() {
        return html! {};
    }
    let stages = document.plan.scenario.iter().flat_map(|scenario| &scenario.stages);
    let stages = stages.map(|stage| (stage.start_s, stage.name.clone())).collect();
    html! {
        h2 { "Over time" }
        (heat::section(document))
        (charts(&document.series, stages))
    }
}

/// The charts of these seconds, with the places where stages begin.
pub(super) fn charts(series: &[SeriesRow], stages: Vec<(f64, String)>) -> Markup {
    if series.is_empty() {
        return html! {};
    }
    let rows = seen(series);
    let all = series.len();
    html! {
        @if rows.len() < all {
            p.note {
                "Thinned: of " (units::count(all as u64)) " seconds, " (units::count(rows.len() as u64)) " are drawn and listed: in each of "
                (SPANS) " equal spans the one with the longest p99, with the most and the fewest requests, and with the most failures. "
                "result.json and series.csv have all of them."
            }
        }
        figure {
            h3 { "Latency of each second" }
            (chart(&stages, "latency over time", "time (logarithmic)", Scale::Log, units::time, &TIMES, &rows))
            h3 { "Done in each second" }
            (chart(&stages, "work over time", "in each second", Scale::Linear, units::decimal, &WORK, &rows))
            (table(&rows).render())
        }
    }
}

/// All rows, or of each span those that stand out.
fn seen(series: &[SeriesRow]) -> Vec<&SeriesRow> {
    if series.len() <= MOST {
        return series.iter().collect();
    }
    let slowest = |row: &&SeriesRow| row.response_p99_ns.or(row.service_p99_ns);
    let of_span = |span: &'_ [SeriesRow]| -> Vec<usize> {
        let place = |found: Option<(usize, &SeriesRow)>| found.map(|(at, _)| at);
        let rows = || span.iter().enumerate();
        let mut kept: Vec<usize> = [
            place(rows().max_by_key(|(_, row)| slowest(row))),
            place(rows().max_by_key(|(_, row)| row.requests)),
            place(rows().min_by_key(|(_, row)| row.requests)),
            place(rows().max_by_key(|(_, row)| row.failures)),
        ]
        .into_iter()
        .flatten()
        .collect();
        kept.sort_unstable();
        kept.dedup();
        kept
    };
    let length = series.len().div_ceil(SPANS);
    series.chunks(length).flat_map(|span| of_span(span).into_iter().map(move |at| &span[at])).collect()
}

fn chart(
    stages: &[(f64, String)],
    name: &str,
    title: &str,
    scale: Scale,
    show: fn(f64) -> String,
    figures: &[(&str, usize, usize, Of)],
    rows: &[&SeriesRow],
) -> Markup {
    let series: Vec<Series> = figures
        .iter()
        .map(|&(name, colour, dash, of)| {
            let point = |row: &&SeriesRow| {
                let y = of(row)? as f64;
                let label = format!("{name} at {} s: {}", units::decimal(row.t_s), show(y));
                Some(Point { x: row.t_s, y, low: None, high: None, bound: false, label })
            };
            let points: Vec<Point> = rows.iter().filter_map(point).collect();
            Series { name: name.to_owned(), colour, dash, style: Style::Line, points }
        })
        .filter(|series| series.points.iter().any(|point| point.y > 0.0))
        .collect();
    let points = || series.iter().flat_map(|one| &one.points);
    let x = Axis::over(
        "seconds after the start of the measured time",
        Scale::Linear,
        points().map(|at| at.x),
        units::decimal,
    );
    let y = Axis::over(title, scale, points().map(|at| at.y), show);
    let (Some(x), Some(y)) = (x, y) else { return html! { p { "Nothing was recorded." } } };
    let marks = stages.iter().map(|(at, name)| Mark::Place(*at, name.clone())).collect();
    Chart { name: name.to_owned(), x, y, series, marks, hollow: "a lower bound (≥)" }.render()
}

fn table(rows: &[&SeriesRow]) -> Table {
    let columns = [
        "t_s",
        "requests",
        "failures",
        "handshakes",
        "open_connections",
        "service_p50_ns",
        "service_p99_ns",
        "response_p50_ns",
        "response_p99_ns",
        "dispatch_lag_max_ns",
        "stage",
    ];
    let mut table = Table::new("series.csv", &columns);
    for row in rows {
        table.row(vec![
            real(row.t_s),
            whole(row.requests),
            whole(row.failures),
            whole(row.handshakes),
            whole(row.open_connections),
            whole(row.service_p50_ns),
            whole(row.service_p99_ns),
            whole(row.response_p50_ns),
            whole(row.response_p99_ns),
            whole(row.dispatch_lag_max_ns),
            maybe(row.stage.as_deref()),
        ]);
    }
    table
}
