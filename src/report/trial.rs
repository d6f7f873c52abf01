//! The trial's table: one row for each suite, as text and as CSV.

use std::io;

use super::csv::{real, text as text_cell, truth, whole, writer};
use super::layout::clean;
use crate::record::run::{Latency, RunDocument};
use crate::record::trial::{SuiteTrial, TrialDocument};
use crate::units;

/// The widest line of the table, in columns.
const WIDTH: usize = 100;

/// The columns: of the suite, of the handshakes, of the requests.
const HEAD: [&str; 9] = ["suite", "per s", "p50", "p99", "per s", "p50", "p99", "client", "server"];

/// The first column of the handshakes, and of the requests.
const GROUPS: [(usize, &str); 2] = [(1, "full handshakes"), (4, "64-byte requests, kept connections")];

/// The table that a person reads: UTF-8, at most 100 columns. Figures that are lower bounds, or not to be relied on, say so.
///
/// # Errors
/// Those of `out`.
pub fn text(document: &TrialDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let cpu = clean(document.host.cpu.model.as_deref().unwrap_or("unknown CPU"));
    writeln!(out, "TRIAL of the embedded endpoint on this machine: a demonstration, not a verdict")?;
    writeln!(out, "{cpu}, {} hardware threads", document.host.cpu.threads)?;
    match document.cores {
        Some((generator, server)) => writeln!(out, "generator on core {generator}, server on core {server}")?,
        None => writeln!(out, "generator and server share the only core: the figures are those of both together")?,
    }
    if document.interrupted {
        writeln!(out, "INTERRUPTED: the remaining suites were not run")?;
    }
    writeln!(out)?;
    table(document, out)?;
    writeln!(out)?;
    legend(document, out)
}

fn table(document: &TrialDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let rows: Vec<[String; 9]> = document.suites.iter().map(cells).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEAD[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; 9] = std::array::from_fn(width);
    let loose = widths.iter().sum::<usize>() + 2 * (HEAD.len() - 1) + GROUPS.len();
    let gap = if loose <= WIDTH { 2 } else { 1 };
    // A group stands a column further from what is before it.
    let start = |column: usize| gap + usize::from(GROUPS.iter().any(|(first, _)| *first == column));
    let mut groups = String::new();
    for (first, name) in GROUPS {
        let before: usize = widths[0] + (1..first).map(|column| start(column) + widths[column]).sum::<usize>();
        groups = format!("{groups:<0$}{name}", before + start(first));
    }
    writeln!(out, "{groups}")?;
    let line = |cells: [&str; 9]| {
        let mut line = format!("{:<1$}", cells[0], widths[0]);
        for column in 1..HEAD.len() {
            line += &format!("{:1$}{2:>3$}", "", start(column), cells[column], widths[column]);
        }
        line
    };
    writeln!(out, "{}", line(HEAD))?;
    for (row, suite) in rows.iter().zip(&document.suites) {
        writeln!(out, "{}", line(row.each_ref().map(String::as_str)))?;
        for remark in remarks(suite) {
            writeln!(out, "  {remark}")?;
        }
    }
    Ok(())
}

fn cells(row: &SuiteTrial) -> [String; 9] {
    let (handshakes, requests) = (&row.handshakes, &row.requests);
    let full = handshakes.latency.handshake_full.as_ref();
    let service = requests.latency.service.as_ref();
    let cell = |latency, q| shown(quantile(latency, q).map(|ns| ns as f64));
    let server = requests.server.as_ref().and_then(|server| server.cpu_ns_per_request);
    [
        row.suite.openssl().to_owned(),
        rate(handshakes, handshakes.throughput.handshakes_per_s),
        cell(full, 0.5),
        cell(full, 0.99),
        rate(requests, requests.throughput.requests_per_s),
        cell(service, 0.5),
        cell(service, 0.99),
        shown(requests.client.cpu_ns_per_request),
        shown(server),
    ]
}

/// A rate with its marks: `!` where it is not to be relied on, `≥` where it is a lower bound.
fn rate(run: &RunDocument, per_s: f64) -> String {
    let invalid = if run.verdict.valid { "" } else { "!" };
    // That nothing came is no bound on what could have come.
    let bound = if run.verdict.limited_by.is_some() && per_s > 0.0 { "≥" } else { "" };
    format!("{invalid}{bound}{}", units::count(per_s.round() as u64))
}

fn quantile(latency: Option<&Latency>, q: f64) -> Option<u64> {
    latency?.quantile(q)?.ns
}

fn shown(ns: Option<f64>) -> String {
    ns.map_or_else(|| "–".to_owned(), units::time)
}

/// The two halves of a row, with what they count.
fn halves(row: &SuiteTrial) -> [(&RunDocument, &'static str); 2] {
    [(&row.handshakes, "handshakes"), (&row.requests, "requests")]
}

/// What a reader must know of a row, a line each.
fn remarks(row: &SuiteTrial) -> Vec<String> {
    let mut remarks = Vec::new();
    for (run, what) in halves(row).into_iter().filter(|(run, _)| !run.verdict.valid) {
        let codes: Vec<_> = run.verdict.reasons.iter().map(|reason| reason.code.as_str()).collect();
        remarks.push(format!("INVALID {what}: {}", clean(&codes.join(", "))));
    }
    for (run, what) in halves(row).into_iter().filter(|(run, _)| run.counts.failed > 0) {
        let (failed, attempted) = (units::count(run.counts.failed), units::count(run.counts.attempted));
        remarks.push(format!("FAILED {what}: {failed} of {attempted}"));
    }
    remarks
}

fn legend(document: &TrialDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let runs = || document.suites.iter().flat_map(halves).map(|(run, _)| run);
    writeln!(out, "per s: what 16 connections sustained. client, server: CPU time per request.")?;
    if runs().any(|run| run.verdict.limited_by.is_some()) {
        writeln!(out, "≥: the generator was the limit: the endpoint carries at least so many, and the latencies hold")?;
        writeln!(out, "   the generator's own delay.")?;
    }
    if runs().any(|run| !run.verdict.valid) {
        writeln!(out, "!: INVALID: do not rely on the figures of this half of the row; the reason stands below it.")?;
    }
    if runs().all(|run| run.counts.failed == 0) {
        writeln!(out, "Nothing failed.")?;
    }
    Ok(())
}

/// One row for each suite and workload.
///
/// # Errors
/// Those of `out`.
pub fn csv(document: &TrialDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let mut writer = writer(out);
    writer.write_record([
        "cpu_model",
        "suite",
        "version",
        "workload",
        "valid",
        "limited_by",
        "attempted",
        "failed",
        "rate_per_s",
        "p50_ns",
        "p99_ns",
        "client_cpu_ns_per_operation",
        "server_cpu_ns_per_operation",
    ])?;
    for row in &document.suites {
        for (workload, run) in [("full_handshake", &row.handshakes), ("request", &row.requests)] {
            writer.write_record(csv_row(document, row, workload, run))?;
        }
    }
    writer.flush()
}

fn csv_row(document: &TrialDocument, row: &SuiteTrial, workload: &str, run: &RunDocument) -> [String; 13] {
    let handshakes = workload == "full_handshake";
    let (latency, rate) = if handshakes {
        (run.latency.handshake_full.as_ref(), run.throughput.handshakes_per_s)
    } else {
        (run.latency.service.as_ref(), run.throughput.requests_per_s)
    };
    let server = run.server.as_ref();
    let (client_cpu, server_cpu) = if handshakes {
        (run.client.cpu_ns_per_handshake, server.and_then(|server| server.cpu_ns_per_handshake))
    } else {
        (run.client.cpu_ns_per_request, server.and_then(|server| server.cpu_ns_per_request))
    };
    [
        text_cell(document.host.cpu.model.as_deref().unwrap_or_default()),
        row.suite.iana().to_owned(),
        row.suite.version().to_string(),
        workload.to_owned(),
        truth(run.verdict.valid),
        run.verdict.limited_by.clone().unwrap_or_default(),
        whole(run.counts.attempted),
        whole(run.counts.failed),
        real(rate),
        whole(quantile(latency, 0.5)),
        whole(quantile(latency, 0.99)),
        real(client_cpu),
        real(server_cpu),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    fn shown(document: &TrialDocument) -> String {
        let mut out = Vec::new();
        text(document, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn bounds_invalid_runs_and_failures_are_marked_where_they_are_and_explained() {
        let text = shown(&fixture::trial());
        let lines: Vec<_> = text.lines().collect();
        let row = |name: &str| lines.iter().position(|line| line.starts_with(name)).unwrap();
        let (plain, marked) = (row("TLS_AES_128_GCM_SHA256"), row("ECDHE-ECDSA-CHACHA20-POLY1305"));
        assert!(!lines[plain].contains(['≥', '!']) && !lines[plain + 1].starts_with(' '), "{text}");
        assert!(lines[marked].contains(" ≥2 000 ") && lines[marked].contains(" !≥123 457 "), "{text}");
        assert_eq!(lines[marked + 1], "  INVALID requests: scheduling_gap, interrupted");
        assert_eq!(lines[marked + 2], "  FAILED requests: 200 of 59 000");
        for legend in ["≥: the generator was the limit", "!: INVALID: do not rely"] {
            assert!(lines.iter().any(|line| line.starts_with(legend)), "{text}");
        }
        assert!(!text.contains("Nothing failed"), "{text}");
    }

    #[test]
    fn without_marks_there_is_no_legend_of_them() {
        let mut document = fixture::trial();
        document.suites.truncate(1);
        let text = shown(&document);
        assert!(!text.contains(['≥', '!']) && !text.contains("INVALID") && text.contains("Nothing failed."), "{text}");
    }

    #[test]
    fn columns_align_and_fit_a_hundred() {
        let mut document = fixture::trial();
        let widest = document.suites.last().unwrap().clone();
        document.suites.extend(vec![widest; 3]);
        for document in [fixture::trial(), document] {
            let text = shown(&document);
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
            let widths: std::collections::BTreeSet<_> = text
                .lines()
                .filter(|line| line.starts_with("suite ") || line.starts_with("TLS_") || line.starts_with("ECDHE"))
                .map(|line| line.chars().count())
                .collect();
            assert_eq!(widths.len(), 1, "{text}");
        }
    }
}
