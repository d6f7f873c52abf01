//! Charts that the spreadsheet draws from its own sheets. What a chart needs that no table has in that form (the lengths of error bars, points in order
//! of load, a fitted curve) stands in a sheet of its own.

use rust_xlsxwriter::{Chart, ChartErrorBars, ChartErrorBarsType, ChartRange, ChartType};

use super::super::table::{Cell, Table, real, text, whole};
use crate::record::capacity::{CapacityDocument, TrialRecord};
use crate::record::law::LawFit;
use crate::record::run::Latency;
use crate::record::suites::{ArmRecord, SuitesDocument};
use crate::units;

/// The sheet behind the charts of suites.
pub(super) const DATA: &str = "chart data";
/// The sheet behind the chart of latency against load.
pub(super) const CURVE: &str = "curve";
/// The sheet behind the chart of the scalability law.
pub(super) const LAW: &str = "law";

/// Nanoseconds, shown as milliseconds.
const AS_MS: &str = "#,##0.0##,,";

/// Points of a fitted curve.
const CURVE_POINTS: u32 = 50;

/// A chart of columns of the sheet `sheet` over another of its columns.
struct Plot<'a> {
    chart: Chart,
    sheet: &'a str,
    table: &'a Table,
    lines: usize,
}

impl<'a> Plot<'a> {
    fn new(of: ChartType, title: &str, axes: (&str, &str), sheet: &'a str, table: &'a Table) -> Self {
        let mut chart = Chart::new(of);
        chart.title().set_name(title);
        chart.x_axis().set_name(axes.0);
        chart.y_axis().set_name(axes.1);
        Self { chart, sheet, table, lines: 0 }
    }

    /// One more line, named by the column's header. A column without a single figure is left out.
    fn line(&mut self, x: &str, y: &str) {
        let place = |name| self.table.column(name).and_then(|at| u16::try_from(at).ok().map(|column| (at, column)));
        let (Some((_, x)), Some((at, y))) = (place(x), place(y)) else { return };
        if self.table.rows.iter().all(|row| row[at].is_empty()) {
            return;
        }
        let last = self.table.rows.len() as u32;
        self.lines += 1;
        let series = self.chart.add_series();
        series.set_name((self.sheet, 0, y));
        series.set_categories((self.sheet, 1, x, last, x)).set_values((self.sheet, 1, y, last, y));
    }

    /// The chart; `None` where it would have no line at all.
    fn chart(self) -> Option<Chart> {
        (self.lines > 0).then_some(self.chart)
    }

    fn in_ms(mut self) -> Self {
        self.chart.y_axis().set_num_format(AS_MS);
        self
    }
}

/// What happened in each second: counts, and quantiles. None where there was no second.
pub(super) fn series(table: &Table) -> Vec<Chart> {
    if table.rows.is_empty() {
        return Vec::new();
    }
    let axes = ("seconds after the window's start", "in each second");
    let mut counts = Plot::new(ChartType::ScatterStraight, "Completed in each second", axes, "series", table);
    for column in ["requests", "failures", "handshakes"] {
        counts.line("t_s", column);
    }
    let axes = ("seconds after the window's start", "ms");
    let mut times = Plot::new(ChartType::ScatterStraight, "Latency in each second", axes, "series", table).in_ms();
    for column in ["service_p50_ns", "service_p99_ns", "response_p50_ns", "response_p99_ns"] {
        times.line("t_s", column);
    }
    [counts.chart(), times.chart()].into_iter().flatten().collect()
}

/// The rates of each workload as bars with their intervals, and the sheet behind them. Controls are the baseline again, and left out.
pub(super) fn suites(document: &SuitesDocument) -> (Table, Vec<Chart>) {
    let columns = ["workload", "suite", "rate_per_s", "interval_below", "interval_above"].map(str::to_owned).to_vec();
    let mut table = Table { columns, rows: Vec::new() };
    let mut titles: Vec<String> = Vec::new();
    let mut charts = Vec::new();
    let shown: Vec<&ArmRecord> = document.arms.iter().filter(|arm| !arm.control).collect();
    for arm in &shown {
        let title = workload(arm);
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    for title in titles {
        let first = table.rows.len() as u32 + 1;
        table.rows.extend(shown.iter().filter(|arm| workload(arm) == title).filter_map(|arm| bar(arm, &title)));
        let last = table.rows.len() as u32;
        if last >= first {
            charts.push(bars(&title, first, last));
        }
    }
    (table, charts)
}

fn workload(arm: &ArmRecord) -> String {
    let direction = arm.direction.map(|direction| format!(", {}", direction.name())).unwrap_or_default();
    let size = arm.object_bytes.map(|n| format!(" of {}", units::bytes(n as f64))).unwrap_or_default();
    format!("{}{direction}{size}", arm.workload)
}

fn bar(arm: &ArmRecord, title: &str) -> Option<Vec<Cell>> {
    let rate = arm.estimate.rate_per_s?;
    // A rate that the client limited is a lower bound of the server's.
    let bound = if arm.limited_by.is_some() { "≥ " } else { "" };
    let name = format!("{bound}{} {} ({})", arm.suite.openssl(), arm.version, arm.certificate);
    let below = real(rate.low.map(|low| rate.value - low));
    Some(vec![text(title), text(&name), real(rate.value), below, real(rate.high.map(|high| high - rate.value))])
}

fn bars(title: &str, first: u32, last: u32) -> Chart {
    // Names of suites are long: they have room at the left of bars that lie, and the first one at the top.
    let mut chart = Chart::new(ChartType::Bar);
    chart.title().set_name(title);
    chart.legend().set_hidden();
    chart.y_axis().set_reverse();
    chart.x_axis().set_name("per second, with 95 % intervals (≥: the client was the limit)").set_min(0);
    let range = |column| ChartRange::new_from_range(DATA, first, column, last, column);
    let mut interval = ChartErrorBars::new();
    interval.set_type(ChartErrorBarsType::Custom(range(4), range(3)));
    let series = chart.add_series();
    series.set_name((DATA, 0, 2));
    series.set_categories((DATA, first, 1, last, 1)).set_values((DATA, first, 2, last, 2)).set_x_error_bars(&interval);
    chart
}

/// Response times against offered load, in order of load, with the objectives that are about them. Trials that are no evidence are left out, and
/// so are quantiles that are lower bounds only. `None` where nothing is left.
pub(super) fn curve(document: &CapacityDocument) -> Option<(Table, Chart)> {
    let mut trials: Vec<&TrialRecord> =
        document.trials.iter().filter(|trial| trial.valid && trial.verdict != "unsteady").collect();
    trials.sort_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s));
    let quantiles = [("response_p50_ns", 0.5), ("response_p99_ns", 0.99), ("response_p99_9_ns", 0.999)];
    let of = |latency: Option<&Latency>, q| latency?.quantile(q).filter(|found| !found.at_least)?.ns;
    let limits: Vec<_> = document.slo.iter().filter(|slo| slo.measure == "response" && slo.q.is_some()).collect();
    let mut columns: Vec<String> = ["trial", "offered_per_s", "achieved_per_s"].map(str::to_owned).to_vec();
    columns.extend(quantiles.iter().map(|(name, _)| (*name).to_owned()));
    columns.extend(limits.iter().map(|slo| format!("objective: {}", slo.text)));
    let row = |trial: &&TrialRecord| -> Vec<Cell> {
        let mut row = vec![whole(u64::from(trial.number)), real(trial.rate_per_s), real(trial.achieved_per_s)];
        row.extend(quantiles.map(|(_, q)| whole(of(trial.response.as_ref(), q))));
        row.extend(limits.iter().map(|slo| real(slo.limit)));
        row
    };
    let table = Table { rows: trials.iter().map(row).collect(), columns };
    let axes = ("offered per second", "response time, ms");
    let title = "Response time against offered load";
    let mut plot = Plot::new(ChartType::ScatterStraightWithMarkers, title, axes, CURVE, &table).in_ms();
    for column in &table.columns[3..] {
        plot.line("offered_per_s", column);
    }
    let chart = plot.chart()?;
    Some((table, chart))
}

/// Throughput against concurrency: the trials, and the law that was fitted to them. `None` where there are no points.
pub(super) fn law(document: &CapacityDocument) -> Option<(Table, Chart)> {
    let law = &document.law;
    let mut rows: Vec<Vec<Cell>> = law
        .points
        .iter()
        .map(|point| vec![real(point.concurrency), real(point.throughput_per_s), Cell::Empty])
        .collect();
    rows.extend(law.fit.iter().flat_map(fitted).map(|(n, x)| vec![real(n), Cell::Empty, real(x)]));
    let columns = ["concurrency", "measured_per_s", "law_per_s"].map(str::to_owned).to_vec();
    let table = Table { columns, rows };
    let axes = ("in the system at a time (concurrency)", "achieved per second");
    let title = "The Universal Scalability Law: a model, not what was searched for";
    let mut plot = Plot::new(ChartType::Scatter, title, axes, LAW, &table);
    for column in ["measured_per_s", "law_per_s"] {
        plot.line("concurrency", column);
    }
    let chart = plot.chart()?;
    Some((table, chart))
}

/// X(N) = λN / (1 + σ(N − 1) + κN(N − 1)), where it was measured.
fn fitted(fit: &LawFit) -> Vec<(f64, f64)> {
    let (sigma, kappa) = (fit.sigma.value, fit.kappa.value);
    let at = |n: f64| fit.lambda_per_s * n / (1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0));
    let step = (fit.measured_high - fit.measured_low) / f64::from(CURVE_POINTS);
    (0..=CURVE_POINTS).map(|i| fit.measured_low + step * f64::from(i)).map(|n| (n, at(n))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;
    use crate::report::xlsx;

    #[test]
    fn without_figures_there_are_no_charts_and_the_workbook_is_written_all_the_same() {
        let mut run = fixture::open_loop();
        for second in &mut run.series {
            (second.service_p50_ns, second.service_p99_ns) = (None, None);
            (second.response_p50_ns, second.response_p99_ns) = (None, None);
        }
        assert_eq!(series(&crate::report::csv::series_table(&run)).len(), 1, "the counts");
        xlsx::run(&run, &mut Vec::new()).unwrap();
        run.series.clear();
        xlsx::run(&run, &mut Vec::new()).unwrap();
        let capacity = fixture::no_capacity();
        assert!(law(&capacity).is_none_or(|(table, _)| !table.rows.is_empty()));
        xlsx::capacity(&capacity, &mut Vec::new()).unwrap();
    }

    #[test]
    fn trials_that_are_no_evidence_and_bounds_are_not_drawn() {
        let mut document = fixture::capacity();
        let drawn = curve(&document).unwrap().0.rows.len();
        document.trials[0].valid = false;
        document.trials[1].verdict = "unsteady".to_owned();
        for found in document.trials[2].response.iter_mut().flat_map(|response| &mut response.quantiles) {
            found.at_least = true;
        }
        let number = Cell::Whole(u64::from(document.trials[2].number));
        let (table, _) = curve(&document).unwrap();
        let bound = table.rows.iter().find(|row| row[0] == number).unwrap();
        assert!(bound[3..6].iter().all(Cell::is_empty), "{bound:?}");
        assert!((drawn - 2..drawn).contains(&table.rows.len()), "{} of {drawn}", table.rows.len());
    }

    #[test]
    fn the_law_goes_through_what_it_says() {
        let document = fixture::capacity();
        let fit = document.law.fit.as_ref().unwrap();
        let curve = fitted(fit);
        assert_eq!((curve[0].0, curve.last().unwrap().0), (fit.measured_low, fit.measured_high));
        if fit.measured_low == 1.0 {
            assert!((curve[0].1 - fit.lambda_per_s).abs() < 1e-9 * fit.lambda_per_s, "X(1) is λ");
        }
    }
}
