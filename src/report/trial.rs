//! The trial's table: one row for each suite, as text and as CSV.

use std::io;

use super::csv::{real, text as text_cell, truth, whole, writer};
use crate::record::run::{Latency, RunDocument};
use crate::record::trial::{SuiteTrial, TrialDocument};
use crate::units;

/// The table that a person reads.
///
/// # Errors
/// Those of `out`.
pub fn text(document: &TrialDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let cpu = document.host.cpu.model.as_deref().unwrap_or("unknown CPU");
    writeln!(out, "TRIAL of the embedded endpoint on this machine ({cpu}, {} threads)", document.host.cpu.threads)?;
    match document.cores {
        Some((generator, server)) => {
            writeln!(out, "generator on core {generator}, server on core {server}; a demonstration, not a verdict")?;
        }
        None => writeln!(out, "generator and server share the only core: the figures are those of both together")?,
    }
    writeln!(out)?;
    writeln!(out, "{:30} {:^34}  {:^44}", "", "full handshakes", "64-byte requests, kept connections")?;
    writeln!(
        out,
        "{:30} {:>9} {:>8} {:>8} {:>6}  {:>9} {:>8} {:>8} {:>8} {:>8}",
        "suite", "per s", "p50", "p99", "failed", "per s", "p50", "p99", "client", "server"
    )?;
    for row in &document.suites {
        text_row(row, out)?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "client, server: CPU time per request. per s: what 16 connections sustained, limited by the busier side."
    )?;
    if document.interrupted {
        writeln!(out, "INTERRUPTED: the remaining suites were not run")?;
    }
    Ok(())
}

fn quantile(latency: Option<&Latency>, q: f64) -> Option<u64> {
    latency?.quantile(q)?.ns
}

fn shown(ns: Option<f64>) -> String {
    ns.map_or_else(|| "–".to_owned(), units::time)
}

fn text_row(row: &SuiteTrial, out: &mut dyn io::Write) -> io::Result<()> {
    let (handshakes, requests) = (&row.handshakes, &row.requests);
    let full = handshakes.latency.handshake_full.as_ref();
    let service = requests.latency.service.as_ref();
    let cell = |latency, q| shown(quantile(latency, q).map(|ns| ns as f64));
    let server = requests.server.as_ref().and_then(|server| server.cpu_ns_per_request);
    writeln!(
        out,
        "{:30} {:>9} {:>8} {:>8} {:>6}  {:>9} {:>8} {:>8} {:>8} {:>8}",
        row.suite.openssl(),
        units::count(handshakes.throughput.handshakes_per_s.round() as u64),
        cell(full, 0.5),
        cell(full, 0.99),
        units::count(handshakes.counts.failed + requests.counts.failed),
        units::count(requests.throughput.requests_per_s.round() as u64),
        cell(service, 0.5),
        cell(service, 0.99),
        shown(requests.client.cpu_ns_per_request),
        shown(server),
    )
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
