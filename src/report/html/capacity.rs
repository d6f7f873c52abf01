//! A search for capacity: each objective against the offered load with its limit and the interval found, and the scalability law.

use maud::{Markup, html};

use super::axis::{Axis, Scale};
use super::chart::{Chart, Mark, Point, Series, Style};
use super::table::Table;
use super::verdict;
use crate::record::capacity::{CapacityDocument, SloRecord, TrialRecord};
use crate::record::law::{Law, LawFit};
use crate::report::layout::Page;
use crate::report::table::{real, text, truth, whole};
use crate::units;

/// Verdicts of trials with their colours, in the order of the legend.
const VERDICTS: [(&str, usize); 6] =
    [("good", 2), ("bad", 1), ("undecided", 4), ("client", 3), ("unsteady", 6), ("invalid", 6)];

/// Places at which the law is drawn.
const STEPS: u32 = 80;

pub(super) fn section(document: &CapacityDocument) -> Markup {
    let mut page = Page::default();
    crate::report::capacity::heading(&mut page, document);
    html! {
        (verdict(&page))
        h2 { "Objectives against offered load" }
        @for (n, slo) in document.slo.iter().enumerate() { figure { h3 { (&slo.text) } (objective(document, n, slo)) } }
        (trials(document).render())
        h2 { "Throughput against concurrency" }
        p.note { "The Universal Scalability Law: a curve through the trials, not what was searched for." }
        (law(&document.law, "law.csv"))
    }
}

fn objective(document: &CapacityDocument, n: usize, slo: &SloRecord) -> Markup {
    let time = slo.q.is_some();
    let show: fn(f64) -> String = if time { units::time } else { units::share };
    let point = |trial: &TrialRecord| {
        let objective = trial.objectives.get(n)?;
        let y = objective.observed?;
        let label = format!(
            "trial {}: {} per s offered, {}: {}",
            trial.number,
            units::decimal(trial.rate_per_s),
            show(y),
            trial.verdict
        );
        Some(Point { x: trial.rate_per_s, y, low: objective.low, high: objective.high, bound: false, label })
    };
    let series: Vec<Series> = VERDICTS
        .iter()
        .map(|&(name, colour)| {
            let points = document.trials.iter().filter(|trial| trial.verdict == name).filter_map(point).collect();
            Series { name: name.to_owned(), colour, dash: 0, style: Style::Dots, points }
        })
        .filter(|series| !series.points.is_empty())
        .collect();
    let values = || series.iter().flat_map(|one| &one.points);
    let heights = values().flat_map(|at| [Some(at.y), at.low, at.high]).flatten().chain([slo.limit]);
    let (scale, title) = if time { (Scale::Log, "time (logarithmic)") } else { (Scale::Linear, "share") };
    let y = Axis::over(title, scale, heights, show);
    let unit = format!("{} per second offered", document.capacity.unit);
    let ends = [document.capacity.lower, document.capacity.upper];
    let x = Axis::over(&unit, Scale::Linear, values().map(|at| at.x).chain(ends.into_iter().flatten()), units::decimal);
    let (false, Some(x), Some(y)) = (series.is_empty(), x, y) else {
        return html! { p { "No trial could tell." } };
    };
    let mut marks = vec![Mark::Level(slo.limit, format!("limit {}", show(slo.limit)))];
    match ends {
        [Some(low), Some(high)] => {
            let text = format!("capacity {} to {}", units::decimal(low), units::decimal(high));
            marks.push(Mark::Span(low, high, text));
        }
        [Some(low), None] => marks.push(Mark::Place(low, format!("capacity ≥{}", units::decimal(low)))),
        [None, Some(high)] => marks.push(Mark::Place(high, format!("missed at {}", units::decimal(high)))),
        [None, None] => {}
    }
    Chart { name: slo.text.clone(), x, y, series, marks, hollow: "a lower bound (≥)" }.render()
}

fn trials(document: &CapacityDocument) -> Table {
    let mut columns: Vec<String> = [
        "number",
        "purpose",
        "rate_per_s",
        "duration_s",
        "verdict",
        "valid",
        "client_limited",
        "overloaded",
        "scheduled",
        "succeeded",
        "failed",
        "unsent",
        "achieved_per_s",
        "in_flight_mean",
        "client_busy",
    ]
    .map(str::to_owned)
    .to_vec();
    for (n, slo) in document.slo.iter().enumerate() {
        let unit = if slo.q.is_some() { "_ns" } else { "" };
        columns.extend(["observed", "low", "high"].map(|what| format!("objective{}_{what}{unit}", n + 1)));
        columns.push(format!("objective{}", n + 1));
    }
    let mut table = Table::new("trials.csv", &columns.iter().map(String::as_str).collect::<Vec<_>>());
    for trial in &document.trials {
        let mut cells = vec![
            whole(u64::from(trial.number)),
            text(&trial.purpose),
            real(trial.rate_per_s),
            real(trial.duration_s),
            text(&trial.verdict),
            truth(trial.valid),
            truth(trial.client_limited),
            truth(trial.overloaded),
            whole(trial.scheduled),
            whole(trial.succeeded),
            whole(trial.failed),
            whole(trial.unsent),
            real(trial.achieved_per_s),
            real(trial.in_flight_mean),
            real(trial.client_busy),
        ];
        for n in 0..document.slo.len() {
            let of = trial.objectives.get(n);
            cells
                .extend([of.and_then(|of| of.observed), of.and_then(|of| of.low), of.and_then(|of| of.high)].map(real));
            cells.push(of.map(|of| text(&of.verdict)).unwrap_or_default());
        }
        table.row(cells);
    }
    table
}

/// A law as its points and its curve, with their data saved as `file`.
pub(super) fn law(law: &Law, file: &str) -> Markup {
    let mut table = Table::new(file, &["concurrency", "throughput_per_s", "residual"]);
    let mut points = Vec::new();
    for point in &law.points {
        table.row(vec![real(point.concurrency), real(point.throughput_per_s), real(point.residual)]);
        let (x, y) = (point.concurrency, point.throughput_per_s);
        let label = format!("{} at a time: {} per s", units::decimal(x), units::decimal(y));
        points.push(Point { x, y, low: None, high: None, bound: false, label });
    }
    let mut series = vec![Series { name: "trials".to_owned(), colour: 0, dash: 0, style: Style::Dots, points }];
    if let Some(fit) = &law.fit {
        series.push(curve(fit, "the law where it was measured", 0, fit.measured_low, fit.measured_high));
        if let (Some(true), Some(knee)) = (fit.knee_extrapolated, fit.knee_concurrency) {
            series.push(curve(fit, "EXTRAPOLATED to its knee", 1, fit.measured_high, knee.value));
        }
    }
    let values = || series.iter().flat_map(|one| &one.points);
    let x = Axis::over("in the system at a time", Scale::Linear, values().map(|at| at.x), units::decimal);
    let y = Axis::over("achieved per second", Scale::Linear, values().map(|at| at.y), units::decimal);
    let chart = x.zip(y).map(|(x, y)| {
        Chart { name: "scalability law".to_owned(), x, y, series, marks: Vec::new(), hollow: "a lower bound (≥)" }
            .render()
    });
    html! {
        @if law.fit.as_ref().is_some_and(|fit| !fit.describes_well) {
            p.warn { "POOR FIT: the law does not describe these trials; read nothing into its curve." }
        }
        @if let Some(refused) = &law.refused { p { "No law: " (refused) } }
        figure { @if let Some(chart) = chart { (chart) } (table.render()) }
    }
}

fn curve(fit: &LawFit, name: &str, dash: usize, from: f64, to: f64) -> Series {
    let at = |n: u32| {
        let x = from + (to - from) * f64::from(n) / f64::from(STEPS);
        Point { x, y: fit.throughput_per_s(x), low: None, high: None, bound: false, label: String::new() }
    };
    Series { name: name.to_owned(), colour: 1, dash, style: Style::Curve, points: (0..=STEPS).map(at).collect() }
}
