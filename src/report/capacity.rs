//! A search for capacity: the answer first, then the curve as a table, the law, and a CSV with a row for each trial.

use std::io;

use super::law;
use super::layout::{FULL, Page, solid};
use super::table::{Cell, Table, moment, real, text as text_cell, truth, whole};
use crate::record::capacity::{CapacityDocument, ObjectiveRecord, SloRecord, TrialRecord};
use crate::units;

/// What stands where there is no figure.
const NONE: &str = "–";

/// The quantiles of the curve.
const CURVE: [f64; 3] = [0.5, 0.99, 0.999];

/// Writes the result for people: UTF-8, at most 100 columns, without colour.
///
/// # Errors
/// Only those of `out`.
pub fn text(document: &CapacityDocument, out: &mut dyn io::Write) -> io::Result<()> {
    text_in(document, FULL, out)
}

/// Writes it with no table wider than `columns`, at least 80: those that are come in parts.
///
/// # Errors
/// Only those of `out`.
pub fn text_in(document: &CapacityDocument, columns: usize, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::within(columns);
    heading(&mut page, document);
    page.gap();
    conditions(&mut page, document);
    page.gap();
    curve(&mut page, document);
    page.gap();
    page.line("model", "the Universal Scalability Law: a curve through the trials, not what was searched for");
    law::text(&mut page, &document.law, "");
    page.gap();
    let commit = document.tool.commit.as_deref().map(|commit| format!(" {commit}")).unwrap_or_default();
    let cpu = document.host.cpu.model.as_deref().unwrap_or("an unknown CPU");
    page.line(
        "measured",
        &format!(
            "{} for {} by shakedown {}{commit} ({}) on {cpu}",
            document.started_at,
            solid(&units::time(document.elapsed_s * 1e9)),
            document.tool.version,
            document.tool.crypto
        ),
    );
    out.write_all(page.finish().as_bytes())
}

pub(super) fn heading(page: &mut Page, document: &CapacityDocument) {
    let (label, prefix) = match document.capacity.outcome.as_str() {
        "found" => ("CAPACITY", ""),
        "missed" => ("NO CAPACITY", "no capacity: "),
        _ => ("INCONCLUSIVE", "inconclusive: "),
    };
    let text = &document.capacity.text;
    page.line(label, text.strip_prefix(prefix).unwrap_or(text));
    if let Some(prediction) = &document.prediction {
        page.line("PREDICTED", &prediction.text);
    }
    if document.interrupted {
        page.line("INTERRUPTED", "ended by the user: this is what was known by then");
    }
    if document.plan.insecure {
        page.line("NOT VERIFIED", "--insecure: the server's certificate was not checked");
    }
    for warning in document.warnings.iter().filter(|warning| warning.code != "insecure") {
        page.line("WARNING", &format!("{}: {}", warning.code, warning.text));
    }
}

fn conditions(page: &mut Page, document: &CapacityDocument) {
    let (plan, search, target) = (&document.plan, &document.search, &document.target);
    super::text::policy(page, document.policy.as_ref());
    page.line("target", &format!("{} at {}", target.url, target.addresses.join(", ")));
    for (i, slo) in document.slo.iter().enumerate() {
        page.line(if i == 0 { "objectives" } else { "" }, &slo.text);
    }
    let per_session = match (plan.unit.as_str(), plan.requests_per_connection) {
        ("sessions", None | Some(0)) => ", handshakes only".to_owned(),
        ("sessions", Some(n)) => format!(" of {n} requests"),
        (_, Some(n)) => format!(", at most {n} on each connection"),
        (_, None) => String::new(),
    };
    let resumed = match plan.resumption_share {
        share if share <= 0.0 => String::new(),
        share => format!(", {} resumed", solid(&units::share(share))),
    };
    page.list(
        "load",
        &[
            format!("{} arrivals of {}{per_session}{resumed}", plan.arrivals.as_deref().unwrap_or("open"), plan.unit),
            solid(&of_several(plan.connections, "connection")),
            solid(&of_several(plan.threads, "thread")),
            format!("seed {}", plan.seed.unwrap_or_default()),
        ],
    );
    let max = search.max_per_s.map_or_else(|| "no end".to_owned(), |max| format!("{}/s", units::decimal(max)));
    page.line(
        "search",
        &format!(
            "from {}/s up, {}/s at least, to {max}; to within {}, trials of {} or more, soak {}, budget {}",
            units::decimal(search.start_per_s),
            units::decimal(search.min_per_s),
            solid(&units::share(search.precision)),
            seconds(search.trial_s),
            if search.confirm_s > 0.0 { seconds(search.confirm_s) } else { "none".to_owned() },
            seconds(search.budget_s),
        ),
    );
}

fn seconds(s: f64) -> String {
    solid(&units::time(s * 1e9))
}

fn of_several(n: u64, what: &str) -> String {
    format!("{} {what}{}", units::count(n), if n == 1 { "" } else { "s" })
}

/// The trials by load; those at the same load in the order in which they were made.
fn curve(page: &mut Page, document: &CapacityDocument) {
    let unit = &document.capacity.unit;
    page.heading(&format!("{unit} per second; response times; shares of cores; by load"));
    let mut trials: Vec<&TrialRecord> = document.trials.iter().collect();
    trials.sort_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s));
    let row = |trial: &&TrialRecord| -> Vec<String> {
        let mut row = vec![units::decimal(trial.rate_per_s), units::decimal(trial.achieved_per_s)];
        row.extend(CURVE.map(|q| quantile(trial, q)));
        row.push(trial.errors_share.map_or(NONE.to_owned(), units::share));
        row.push(units::share(rounded(trial.client_busy)));
        row.push(
            trial
                .server_cpu_s
                .filter(|_| trial.duration_s > 0.0)
                .map_or_else(|| NONE.to_owned(), |cpu_s| units::share(rounded(cpu_s / trial.duration_s))),
        );
        row.push(seconds(trial.duration_s).replace('\u{a0}', " "));
        row.push(said(trial));
        row
    };
    let rows: Vec<Vec<String>> = trials.iter().map(row).collect();
    page.columns(
        &["offered", "achieved", "p50", "p99", "p99.9", "errors", "client", "server", "window", "verdict"],
        &rows,
    );
}

/// A share to a whole percent: nobody reads more of a core's use.
fn rounded(share: f64) -> f64 {
    (share * 100.0).round() / 100.0
}

fn said(trial: &TrialRecord) -> String {
    let verdict = if trial.verdict == "bad" && trial.overloaded { "overload" } else { &trial.verdict };
    if trial.purpose == "soak" { format!("{verdict}, soak") } else { verdict.to_owned() }
}

fn quantile(trial: &TrialRecord, q: f64) -> String {
    let found = trial.response.as_ref().and_then(|response| response.quantile(q));
    match found.and_then(|record| Some((record.ns?, record.at_least))) {
        Some((ns, at_least)) => format!("{}{}", if at_least { "≥" } else { "" }, units::time(ns as f64)),
        None => NONE.to_owned(),
    }
}

/// One row for each trial, in the order in which they were made; a header even where there is none.
///
/// # Errors
/// Only those of `out`.
pub fn csv(document: &CapacityDocument, out: &mut dyn io::Write) -> io::Result<()> {
    table(document).csv(out)
}

pub(in crate::report) fn table(document: &CapacityDocument) -> Table {
    Table::of(columns(document), &document.trials)
}

/// A column: its name, and the cell of a trial.
type Column<'a> = (String, Box<dyn Fn(&TrialRecord) -> Cell + 'a>);

fn columns(document: &CapacityDocument) -> Vec<Column<'_>> {
    let mut columns: Vec<Column<'_>> = Vec::new();
    let found = &document.capacity;
    let same = [
        ("started_at", moment(&document.started_at)),
        ("url", text_cell(&document.target.url)),
        ("unit", text_cell(&found.unit)),
        ("insecure", truth(document.plan.insecure)),
        ("outcome", text_cell(&found.outcome)),
        ("capacity_lower_per_s", real(found.lower)),
        ("capacity_upper_per_s", real(found.upper)),
        ("limited_by", text_cell(found.limited_by.as_deref().unwrap_or_default())),
        ("confirmed", truth(found.confirmed)),
    ];
    for (name, cell) in same {
        columns.push((name.to_owned(), Box::new(move |_| cell.clone())));
    }
    let mut add = |name: &str, cell: fn(&TrialRecord) -> Cell| columns.push((name.to_owned(), Box::new(cell)));
    add("trial", |trial| whole(u64::from(trial.number)));
    add("purpose", |trial| text_cell(&trial.purpose));
    add("verdict", |trial| text_cell(&trial.verdict));
    add("valid", |trial| truth(trial.valid));
    add("client_limited", |trial| truth(trial.client_limited));
    add("overloaded", |trial| truth(trial.overloaded));
    add("steady", |trial| trial.steady.map(truth).unwrap_or_default());
    add("offered_per_s", |trial| real(trial.rate_per_s));
    add("achieved_per_s", |trial| real(trial.achieved_per_s));
    add("duration_s", |trial| real(trial.duration_s));
    add("scheduled", |trial| whole(trial.scheduled));
    add("succeeded", |trial| whole(trial.succeeded));
    add("failed", |trial| whole(trial.failed));
    add("unsent", |trial| whole(trial.unsent));
    add("errors_share", |trial| real(trial.errors_share));
    for q in CURVE {
        let of = move |trial: &TrialRecord| trial.response.as_ref().and_then(|found| found.quantile(q)).cloned();
        let name = format!("response_{}", units::quantile_name(q).replace('.', "_"));
        columns.push((format!("{name}_ns"), Box::new(move |trial| whole(of(trial).and_then(|record| record.ns)))));
        let bound = move |trial: &TrialRecord| of(trial).map(|record| truth(record.at_least)).unwrap_or_default();
        columns.push((format!("{name}_is_lower_bound"), Box::new(bound)));
    }
    let mut add = |name: &str, cell: fn(&TrialRecord) -> Cell| columns.push((name.to_owned(), Box::new(cell)));
    add("in_flight_mean", |trial| real(trial.in_flight_mean));
    add("backlog_growth", |trial| real(trial.backlog_growth));
    add("client_busy", |trial| real(trial.client_busy));
    add("client_cpu_s", |trial| real(trial.client_cpu_s));
    add("server_cpu_s", |trial| real(trial.server_cpu_s));
    for (i, slo) in document.slo.iter().enumerate() {
        objective(&mut columns, i, slo);
    }
    columns
}

/// One of the figures of an objective.
type Figure = fn(&ObjectiveRecord) -> Option<f64>;

/// The columns of objective `i`, from 0: numbered, since several may be of the same measure.
fn objective<'a>(columns: &mut Vec<Column<'a>>, i: usize, slo: &'a SloRecord) {
    let unit = if slo.q.is_some() { "ns" } else { "share" };
    let of = move |trial: &TrialRecord| trial.objectives.get(i).cloned();
    let name = |what: &str| format!("slo{}_{what}", i + 1);
    columns.push((name("text"), Box::new(move |_| text_cell(&slo.text))));
    columns.push((
        name("verdict"),
        Box::new(move |trial| of(trial).map(|seen| text_cell(&seen.verdict)).unwrap_or_default()),
    ));
    let figures: [(&str, Figure); 3] =
        [("observed", |seen| seen.observed), ("low", |seen| seen.low), ("high", |seen| seen.high)];
    for (what, figure) in figures {
        columns.push((
            name(&format!("{what}_{unit}")),
            Box::new(move |trial| real(of(trial).and_then(|seen| figure(&seen)))),
        ));
    }
}
