//! CSV for spreadsheets: RFC 4180, UTF-8, one header row, units in the column names, dots as decimal separator, empty cells
//! for figures that do not exist, and no cell that a spreadsheet would run as a formula.

use std::collections::BTreeSet;
use std::io;

use super::table::{Cell, Named, Table, maybe, moment, real, text, truth, whole};
use crate::model::failure::FailureKind;
use crate::record::run::{Latency, RunDocument, SeriesRow};
use crate::units::quantile_name;

/// The quantiles that have a column in [`summary`]; [`quantiles`] has them all.
const SUMMARY_QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

// Each table says whether the certificate was checked: a file may be read without the others.

/// One row for the run: when, what, where, verdict, all counts, rates, latencies and costs.
///
/// # Errors
/// Only those of `out`.
pub fn summary(document: &RunDocument, out: &mut dyn io::Write) -> io::Result<()> {
    summary_table(document).csv(out)
}

pub(super) fn summary_table(document: &RunDocument) -> Table {
    let mut row = Row::default();
    identity(&mut row, document);
    verdict(&mut row, document);
    counts(&mut row, document);
    connections(&mut row, document);
    for (name, latency) in document.latency.named() {
        distribution(&mut row, name, latency);
    }
    costs(&mut row, document);
    Table::named(vec![row.0])
}

/// The cells of a row, with the names of their columns.
#[derive(Default)]
struct Row(Named);

impl Row {
    fn add(&mut self, name: impl Into<String>, cell: Cell) {
        self.0.push((name.into(), cell));
    }
}

fn identity(row: &mut Row, document: &RunDocument) {
    let RunDocument { tool, host, target, plan, .. } = document;
    let negotiated: BTreeSet<_> = document.negotiated.iter().map(|n| (n.version, n.suite)).collect();
    let versions: BTreeSet<_> = negotiated.iter().map(|(version, _)| version.to_string()).collect();
    let suites: Vec<_> = negotiated.iter().map(|(_, suite)| suite.iana()).collect();
    let threads = u64::from(host.cpu.threads);
    row.add("started_at", moment(&document.started_at));
    row.add("url", text(&target.url));
    row.add("tool_version", text(&tool.version));
    row.add("crypto", text(&tool.crypto));
    row.add("host_cpu_model", maybe(host.cpu.model.as_deref()));
    row.add("host_cores", whole(host.cpu.cores.map(u64::from)));
    row.add("host_threads", whole(threads));
    row.add("unit", text(&document.counts.unit));
    row.add("loop", text(&plan.loop_kind));
    row.add("arrivals", maybe(plan.arrivals.as_deref()));
    row.add("seed", whole(plan.seed));
    row.add("rate_per_s", real(plan.rate_per_s));
    row.add("connections", whole(plan.connections));
    row.add("workers", whole(plan.threads));
    row.add("requests_per_connection", whole(plan.requests_per_connection));
    row.add("resumption_share", real(plan.resumption_share));
    row.add("warmup_s", real(plan.warmup_s));
    row.add("duration_s", real(plan.duration_s));
    row.add("window_s", real(document.throughput.window_s));
    row.add("tls_versions", text(&versions.into_iter().collect::<Vec<_>>().join(" ")));
    row.add("suites", text(&suites.join(" ")));
    row.add("insecure", truth(plan.insecure));
    let policy = document.policy.as_ref();
    row.add("policy", text(policy.map(|check| check.name.as_str()).unwrap_or_default()));
    row.add("policy_outcome", text(policy.map(|check| check.outcome.name()).unwrap_or_default()));
}

fn verdict(row: &mut Row, document: &RunDocument) {
    let verdict = &document.verdict;
    let codes = |remarks: &[crate::record::run::Remark]| {
        let codes: Vec<_> = remarks.iter().map(|remark| remark.code.as_str()).collect();
        text(&codes.join(" "))
    };
    row.add("verdict", text(if verdict.valid { "valid" } else { "invalid" }));
    row.add("limited_by", maybe(verdict.limited_by.as_deref()));
    row.add("reasons", codes(&verdict.reasons));
    row.add("warnings", codes(&verdict.warnings));
    row.add("interrupted", truth(document.interrupted));
}

fn counts(row: &mut Row, document: &RunDocument) {
    let (counts, rates) = (&document.counts, &document.throughput);
    row.add("scheduled", whole(counts.scheduled));
    row.add("unsent", whole(counts.unsent));
    row.add("attempted", whole(counts.attempted));
    row.add("sent", whole(counts.sent));
    row.add("succeeded", whole(counts.succeeded));
    row.add("failed", whole(counts.failed));
    for kind in FailureKind::ALL {
        // A kind that is not listed did not occur: here nought is a count, not a missing figure.
        row.add(format!("failed_{kind}"), whole(counts.failures.get(&kind).copied().unwrap_or(0)));
    }
    row.add("retried", whole(counts.retried));
    row.add("warmup_sent", whole(counts.warmup.sent));
    row.add("warmup_succeeded", whole(counts.warmup.succeeded));
    row.add("warmup_failed", whole(counts.warmup.failed));
    row.add("rates_are_lower_bounds", truth(document.verdict.limited_by.is_some()));
    row.add("requests_per_s", real(rates.requests_per_s));
    row.add("handshakes_per_s", real(rates.handshakes_per_s));
    row.add("bytes_in_per_s", real(rates.bytes_in_per_s));
    row.add("bytes_out_per_s", real(rates.bytes_out_per_s));
}

fn connections(row: &mut Row, document: &RunDocument) {
    let seen = &document.connections;
    row.add("connections_opened", whole(seen.opened));
    row.add("connections_closed", whole(seen.closed));
    row.add("connections_failed", whole(seen.failed));
    row.add("handshakes_full", whole(seen.handshakes.full));
    row.add("handshakes_full_with_hrr", whole(seen.handshakes.full_with_hrr));
    row.add("handshakes_resumed", whole(seen.handshakes.resumed));
    row.add("handshakes_resumed_with_hrr", whole(seen.handshakes.resumed_with_hrr));
    row.add("priming", whole(seen.priming));
    row.add("resumption_refused", whole(seen.resumption_refused));
}

/// The columns of one distribution. `…_lower_bounds` names those of its figures that are lower bounds only.
fn distribution(row: &mut Row, name: &str, latency: Option<&Latency>) {
    let censored = latency.is_some_and(|found| found.censored > 0);
    let mut bounds = Vec::new();
    row.add(format!("{name}_count"), whole(latency.map(|found| found.count)));
    row.add(format!("{name}_censored"), whole(latency.map(|found| found.censored)));
    // Without the censored values a mean would be too small by an unknown amount.
    row.add(format!("{name}_mean_ns"), real(latency.and_then(|found| found.mean_ns).filter(|_| !censored)));
    for q in SUMMARY_QUANTILES {
        let record = latency.and_then(|found| found.quantile(q));
        let label = quantile_name(q).replace('.', "_");
        row.add(format!("{name}_{label}_ns"), whole(record.and_then(|found| found.ns)));
        if record.is_some_and(|found| found.at_least && found.ns.is_some()) {
            bounds.push(label);
        }
    }
    row.add(format!("{name}_max_ns"), whole(latency.and_then(|found| found.max_ns)));
    if latency.is_some_and(|found| found.censored + found.over_range > 0) {
        bounds.push("max".to_owned());
    }
    row.add(format!("{name}_lower_bounds"), text(&bounds.join(" ")));
}

fn costs(row: &mut Row, document: &RunDocument) {
    let (client, server) = (&document.client, document.server.as_ref());
    row.add("client_cpu_s", real(client.cpu_s));
    row.add("client_cpu_ns_per_request", real(client.cpu_ns_per_request));
    row.add("client_cpu_ns_per_handshake", real(client.cpu_ns_per_handshake));
    row.add("client_cpu_s_per_gb", real(client.cpu_s_per_gb));
    row.add("client_busy_max", real(client.workers.iter().map(|worker| worker.busy).reduce(f64::max)));
    row.add("client_peak_rss_bytes", whole(client.peak_rss_bytes));
    row.add("server_cpu_s", real(server.map(|cost| cost.cpu_s)));
    row.add("server_cpu_ns_per_request", real(server.and_then(|cost| cost.cpu_ns_per_request)));
    row.add("server_cpu_ns_per_handshake", real(server.and_then(|cost| cost.cpu_ns_per_handshake)));
    row.add("server_source", text(server.map_or("", |cost| cost.source.as_str())));
}

/// One row for each second of the measure window.
///
/// # Errors
/// Only those of `out`.
pub fn series(document: &RunDocument, out: &mut dyn io::Write) -> io::Result<()> {
    series_table(document).csv(out)
}

pub(super) fn series_table(document: &RunDocument) -> Table {
    // The header does not depend on the rows: a run without any still says what would be there.
    let mut table = Table::named(vec![series_row(document, &SeriesRow::default()).0]);
    let cells = |second| series_row(document, second).0.into_iter().map(|(_, cell)| cell).collect();
    table.rows = document.series.iter().map(cells).collect();
    table
}

fn series_row(document: &RunDocument, second: &SeriesRow) -> Row {
    let mut row = Row::default();
    row.add("t_s", real(second.t_s));
    row.add("requests", whole(second.requests));
    row.add("failures", whole(second.failures));
    row.add("handshakes", whole(second.handshakes));
    row.add("open_connections", whole(second.open_connections));
    row.add("service_p50_ns", whole(second.service_p50_ns));
    row.add("service_p99_ns", whole(second.service_p99_ns));
    row.add("response_p50_ns", whole(second.response_p50_ns));
    row.add("response_p99_ns", whole(second.response_p99_ns));
    row.add("dispatch_lag_max_ns", whole(second.dispatch_lag_max_ns));
    row.add("insecure", truth(document.plan.insecure));
    row.add("stage", maybe(second.stage.as_deref()));
    row
}

/// One row for each quantile of each distribution, with its 95 % interval.
///
/// # Errors
/// Only those of `out`.
pub fn quantiles(document: &RunDocument, out: &mut dyn io::Write) -> io::Result<()> {
    quantiles_table(document).csv(out)
}

pub(super) fn quantiles_table(document: &RunDocument) -> Table {
    let columns = ["latency", "q", "ns", "low_ns", "high_ns", "at_least", "count", "censored", "insecure"];
    let mut table = Table { columns: columns.map(str::to_owned).to_vec(), rows: Vec::new() };
    for (name, latency) in document.latency.named() {
        let Some(latency) = latency else { continue };
        for record in &latency.quantiles {
            table.rows.push(vec![
                text(name),
                real(record.q),
                whole(record.ns),
                whole(record.low_ns),
                whole(record.high_ns),
                truth(record.at_least),
                whole(latency.count),
                whole(latency.censored),
                truth(document.plan.insecure),
            ]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    #[test]
    fn every_row_says_whether_the_certificate_was_checked() {
        for (document, insecure) in [(fixture::open_loop(), "true"), (fixture::closed_loop(), "false")] {
            for render in [summary, series, quantiles] {
                let mut out = Vec::new();
                render(&document, &mut out).unwrap();
                let mut reader = ::csv::Reader::from_reader(out.as_slice());
                let column = reader.headers().unwrap().iter().position(|name| name == "insecure").unwrap();
                let cells: Vec<_> = reader.records().map(|record| record.unwrap()[column].to_owned()).collect();
                assert!(!cells.is_empty() && cells.iter().all(|cell| cell == insecure), "{cells:?}");
            }
        }
    }

    #[test]
    fn every_row_has_the_cells_of_its_header_and_reads_back() {
        for document in [fixture::open_loop(), fixture::closed_loop(), fixture::handshakes()] {
            for render in [summary, series, quantiles] {
                let mut out = Vec::new();
                render(&document, &mut out).unwrap();
                let text = String::from_utf8(out).unwrap();
                assert!(text.ends_with("\r\n"));
                let mut reader = ::csv::Reader::from_reader(text.as_bytes());
                let names: BTreeSet<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
                assert_eq!(names.len(), reader.headers().unwrap().len(), "each name stands once");
                // A reader that is not flexible refuses rows of another length.
                assert!(reader.records().all(|record| record.is_ok()));
            }
        }
    }
}
