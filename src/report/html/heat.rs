//! Latency over time as a heat map: how many of each stretch of time took how long. It shows what a quantile hides: two modes, a tail that comes and
//! goes, a stall.

use std::fmt::Write;

use hdrhistogram::Histogram;
use maud::{Markup, html};

use super::axis::{Axis, Scale};
use super::frame::{self, px};
use super::table::Table;
use crate::record::intervals::IntervalRecord;
use crate::record::run::RunDocument;
use crate::report::latency::title;
use crate::report::table::{Cell, real, whole};
use crate::units;

/// The most columns; more intervals than this are drawn several to a column.
const COLUMNS: usize = 120;

/// Rows to a factor of ten, so that a row is a quarter wider at its upper end than at its lower.
const ROWS_PER_DECADE: f64 = 10.0;

/// Shades of a cell that is not empty.
const SHADES: u32 = 6;

/// What the map is of: the first of these that was recorded.
const MEASURES: [&str; 4] = ["response", "service", "handshake_full", "handshake_resumed"];

/// A stretch of time.
struct Column {
    from: f64,
    to: f64,
    values: Histogram<u64>,
}

/// The map; nothing where no interval has a histogram.
pub(super) fn section(document: &RunDocument) -> Markup {
    let window = document.throughput.window_s;
    // What ended after the window is of no second of it.
    let within: Vec<&IntervalRecord> = document.intervals.iter().filter(|one| one.start_s < window).collect();
    let kept = |name: &&&str| within.iter().any(|one| one.histograms.contains_key(**name));
    let Some(measure) = MEASURES.iter().find(kept) else { return html! {} };
    let columns = columns(&within, measure);
    let rows = rows(&columns);
    let cells: Vec<Vec<u64>> = columns.iter().map(|column| counts(&column.values, &rows)).collect();
    let most = cells.iter().flatten().copied().max().unwrap_or_default();
    let time = Axis::over(
        "seconds after the start of the measured time",
        Scale::Linear,
        columns.iter().map(|column| column.to),
        units::decimal,
    );
    let edges = rows.iter().flat_map(|row| [edge(*row), edge(*row + 1)]);
    let latency = Axis::over("time (logarithmic)", Scale::Log, edges, units::time);
    let (Some(x), Some(y)) = (time, latency) else { return html! {} };
    html! {
        h3 { "How many took how long: " (title(measure)) }
        p.note { "The stronger the colour of a cell, the more ended then and took so long, on a logarithmic scale: " (units::count(most)) " in the strongest, none where it is blank." }
        figure {
            div.wide {
                svg viewBox=(frame::view()) role="img" aria-label="latency over time, as a heat map" {
                    (frame::axes(&x, &y))
                    g.c0 { @for (shade, path) in shades(&columns, &rows, &cells, most, &x, &y) { path class=(format!("heat h{shade}")) d=(path) {} } }
                    @for column in &columns { (hover(column, &x)) }
                }
            }
            (table(&columns, &rows, &cells).render())
        }
    }
}

fn columns(intervals: &[&IntervalRecord], measure: &str) -> Vec<Column> {
    let each = intervals.len().div_ceil(COLUMNS).max(1);
    let mut columns: Vec<Column> = Vec::new();
    for group in intervals.chunks(each) {
        let mut all: Option<Histogram<u64>> = None;
        for values in group.iter().filter_map(|one| one.histograms.get(measure)?.decode().ok()) {
            match &mut all {
                Some(all) => drop(all.add(&values)),
                None => all = Some(values),
            }
        }
        let (first, last) = (group[0], group[group.len() - 1]);
        columns.extend(all.map(|values| Column { from: first.start_s, to: last.start_s + last.length_s, values }));
    }
    columns
}

/// The row that holds `ns`.
fn row(ns: u64) -> i32 {
    ((ns.max(1) as f64).log10() * ROWS_PER_DECADE).floor() as i32
}

/// The lower end of a row, in nanoseconds.
fn edge(row: i32) -> f64 {
    10f64.powf(f64::from(row) / ROWS_PER_DECADE)
}

/// The rows from the shortest time to the longest.
fn rows(columns: &[Column]) -> Vec<i32> {
    let low = columns.iter().map(|column| row(column.values.min_nz())).min();
    let high = columns.iter().map(|column| row(column.values.max())).max();
    low.zip(high).map_or_else(Vec::new, |(low, high)| (low..=high).collect())
}

/// How many values lie in each row. A bucket belongs to the row of its middle.
fn counts(values: &Histogram<u64>, rows: &[i32]) -> Vec<u64> {
    let mut counts = vec![0; rows.len()];
    for bucket in values.iter_recorded() {
        let at = row(values.median_equivalent(bucket.value_iterated_to())) - rows[0];
        let last = rows.len() - 1;
        counts[usize::try_from(at).unwrap_or_default().min(last)] += bucket.count_at_value();
    }
    counts
}

/// The shade of `n` where the most is `most`: 1 for a single one, [`SHADES`] for the most, by the logarithm between.
fn shade(n: u64, most: u64) -> u32 {
    let share = if most > 1 { (n as f64).ln() / (most as f64).ln() } else { 1.0 };
    1 + (share * f64::from(SHADES - 1)).round() as u32
}

/// The cells of each shade as one path.
fn shades(columns: &[Column], rows: &[i32], cells: &[Vec<u64>], most: u64, x: &Axis, y: &Axis) -> Vec<(u32, String)> {
    let mut paths = vec![String::new(); SHADES as usize];
    for (column, counts) in columns.iter().zip(cells) {
        let (Some(left), Some(right)) = (frame::x_of(x, column.from), frame::x_of(x, column.to)) else { continue };
        for (row, n) in rows.iter().zip(counts).filter(|(_, n)| **n > 0) {
            let (Some(low), Some(high)) = (frame::y_of(y, edge(*row)), frame::y_of(y, edge(*row + 1))) else {
                continue;
            };
            let (wide, tall) = (right - left, low - high);
            let path = &mut paths[shade(*n, most) as usize - 1];
            let _ = write!(path, "M{left:.1} {high:.1}h{wide:.1}v{tall:.1}h-{wide:.1}z");
        }
    }
    (1..).zip(paths).filter(|(_, path)| !path.is_empty()).collect()
}

/// What shows where the pointer rests on a column.
fn hover(column: &Column, x: &Axis) -> Markup {
    let (Some(left), Some(right)) = (frame::x_of(x, column.from), frame::x_of(x, column.to)) else { return html! {} };
    let quantile = |q| units::time(column.values.value_at_quantile(q) as f64);
    html! {
        rect.hover x=(px(left)) width=(px(right - left)) y=(frame::TOP) height=(frame::HEIGHT - frame::BOTTOM - frame::TOP) {
            title {
                (units::decimal(column.from)) " to " (units::decimal(column.to)) " s: " (units::count(column.values.len())) ", p50 " (quantile(0.5))
                ", p99 " (quantile(0.99)) ", longest " (units::time(column.values.max() as f64))
            }
        }
    }
}

fn table(columns: &[Column], rows: &[i32], cells: &[Vec<u64>]) -> Table {
    let bounds = rows.iter().map(|row| format!("up_to_{}_ns", edge(*row + 1).round()));
    let names: Vec<String> = ["from_s", "to_s", "count"].map(str::to_owned).into_iter().chain(bounds).collect();
    let mut table = Table::new("heat.csv", &names.iter().map(String::as_str).collect::<Vec<_>>());
    for (column, counts) in columns.iter().zip(cells) {
        let head = [real(column.from), real(column.to), whole(column.values.len())];
        let count = |n: &u64| if *n == 0 { Cell::Empty } else { whole(*n) };
        table.row(head.into_iter().chain(counts.iter().map(count)).collect());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    #[test]
    fn every_value_is_in_one_cell() {
        let document = fixture::open_loop();
        let intervals: Vec<_> = document.intervals.iter().collect();
        let columns = columns(&intervals, "response");
        let rows = rows(&columns);
        for column in &columns {
            let counts = counts(&column.values, &rows);
            assert_eq!(counts.iter().sum::<u64>(), 100);
            for (row, n) in rows.iter().zip(counts) {
                let inside = |ns: &u64| super::row(*ns) == *row;
                let known = (1..=100).map(|n| n * (column.values.max() / 100)).filter(inside).count() as f64;
                assert!((n as f64 - known).abs() <= 3.0, "{row}: {n} against {known}");
            }
        }
    }

    #[test]
    fn shades_go_from_one_to_the_most() {
        assert_eq!(
            [shade(1, 1), shade(1, 1_000_000), shade(1_000, 1_000_000), shade(1_000_000, 1_000_000)],
            [6, 1, 4, 6]
        );
    }

    #[test]
    fn long_runs_stay_small_and_damaged_histograms_are_left_out() {
        let mut document = fixture::open_loop();
        let one = document.intervals[0].clone();
        let at = |n: u32| IntervalRecord { start_s: f64::from(n), ..one.clone() };
        document.throughput.window_s = 3_600.0;
        document.intervals = (0..3_600).map(at).collect();
        document.intervals[7]
            .histograms
            .insert("response".into(), crate::record::intervals::HistogramText("damaged".into()));
        let page = section(&document).into_string();
        assert!(page.len() < 300_000, "{}", page.len());
        let columns = columns(&document.intervals.iter().collect::<Vec<_>>(), "response");
        assert_eq!(columns.len(), COLUMNS);
        assert_eq!(columns.iter().map(|column| column.values.len()).sum::<u64>(), 3_599 * 100);
    }
}
