//! A comparison of suites: a table for each workload, one of CPU times, and a CSV with a row for each suite, workload and size.

use std::io;

use super::csv::{real, text as text_cell, truth, whole, writer};
use super::layout::{Page, solid};
use crate::model::suite::{KeyType, Suite};
use crate::model::suites::Direction;
use crate::record::suites::{ArmRecord, Figure, SuitesDocument, Versus};
use crate::units::{self, ByteCount};

/// Writes the comparison for people: UTF-8, at most 100 columns, without colour.
///
/// # Errors
/// Only those of `out`.
pub fn text(document: &SuitesDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::default();
    heading(&mut page, document);
    for cell in cells(document) {
        page.gap();
        workload(&mut page, cell);
    }
    for (side, cpu) in [("client", cpu_of_client as Cpu), ("server", cpu_of_server as Cpu)] {
        if document.arms.iter().any(|arm| cpu(arm).is_some()) {
            page.gap();
            costs(&mut page, document, side, cpu);
        }
    }
    page.gap();
    legend(&mut page, document);
    out.write_all(page.finish().as_bytes())
}

fn heading(page: &mut Page, document: &SuitesDocument) {
    let (plan, target) = (&document.plan, &document.target);
    let trust = &document.trustworthy;
    page.line(if trust.trusted { "TRUSTED" } else { "NOT TRUSTED" }, &trust.text);
    if document.interrupted {
        page.line("INTERRUPTED", "ended by the user: only complete rounds are shown");
    }
    if plan.insecure {
        page.line("NOT VERIFIED", "--insecure: the server's certificate was not checked");
    }
    for warning in &document.warnings {
        page.line("WARNING", &format!("{}: {}", warning.code, warning.text));
    }
    page.gap();
    page.line("target", &format!("{} at {}", target.url, target.addresses.join(", ")));
    let measured = document.arms.iter().flat_map(|arm| &arm.rounds).map(|round| round.round).max().unwrap_or(0);
    page.list(
        "load",
        &[
            solid(&format!("{measured} rounds")),
            format!("runs of {}", seconds(plan.trial_s)),
            solid(&format!("{} connections", units::count(plan.connections))),
            solid(&format!("{} threads", units::count(plan.threads))),
            format!("seed {}", plan.seed),
        ],
    );
    page.line(
        "the same",
        &format!(
            "groups {}; {}; records of up to {} from this side; certificate checked {}",
            plan.groups.join(", "),
            plan.crypto,
            units::bytes(plan.record_bytes as f64),
            if plan.insecure { "never" } else { plan.verify.as_str() }
        ),
    );
    for refused in &document.refused {
        let what = match (&refused.suite, refused.certificate) {
            (Some(suite), Some(certificate)) if suite.key_type().is_none() => format!("{suite} ({certificate})"),
            (Some(suite), _) => suite.openssl().to_owned(),
            (None, _) => "all suites".to_owned(),
        };
        let under = refused.workload.as_ref().map(|workload| format!(", {workload}")).unwrap_or_default();
        page.line("REFUSED", &format!("{what}{under}: {}", refused.why));
    }
}

fn seconds(s: f64) -> String {
    solid(&format!("{} s", units::decimal(s)))
}

/// The rows of one workload after the other.
fn cells(document: &SuitesDocument) -> Vec<&[ArmRecord]> {
    document.arms.chunk_by(|a, b| key(a) == key(b)).collect()
}

fn key(arm: &ArmRecord) -> (&str, Option<Direction>, Option<u64>) {
    (&arm.workload, arm.direction, arm.object_bytes)
}

/// A workload's name: `full handshakes`, `download of 16.0 KiB`.
fn title(arm: &ArmRecord) -> String {
    match (arm.workload.as_str(), arm.direction, arm.object_bytes) {
        (_, Some(direction), Some(bytes)) => format!("{} of {}", direction.name(), ByteCount(bytes)),
        ("request", ..) => "small requests".to_owned(),
        (name, ..) => format!("{}s", name.replace('_', " ")),
    }
}

fn workload(page: &mut Page, rows: &[ArmRecord]) {
    let first = &rows[0];
    let bulk = first.object_bytes.is_some();
    let rate = if bulk { "bytes/s" } else { "per s" };
    let common = rows.iter().find_map(|row| row.estimate.common_rate_per_s);
    let at = common.map(|rate| format!("; response times at {}/s", units::decimal(rate))).unwrap_or_default();
    page.heading(&format!("{}{at}", title(first)));
    let table: Vec<Vec<String>> = rows.iter().map(|row| workload_row(row, bulk)).collect();
    page.columns(&["", rate, "against baseline", "", "p50", "p99"], &table);
}

fn workload_row(row: &ArmRecord, bulk: bool) -> Vec<String> {
    let estimate = &row.estimate;
    let bound = if row.limited_by.is_some() { "≥" } else { "" };
    let rate = match (bulk, estimate.bytes_per_s, estimate.rate_per_s) {
        (true, Some(bytes), _) => format!("{bound}{}", units::bytes(bytes.value)),
        (false, _, Some(rate)) => format!("{bound}{}", units::decimal(rate.value)),
        _ => "–".to_owned(),
    };
    let (ratio, verdict) = match &row.versus_baseline {
        None => ("baseline".to_owned(), String::new()),
        Some(versus) => (ratio(versus), words(versus, &row.rate_of)),
    };
    let time = |figure: Option<Figure>| figure.map_or_else(|| "–".to_owned(), |figure| units::time(figure.value));
    vec![name(row), rate, ratio, verdict, time(estimate.response_p50_ns), time(estimate.response_p99_ns)]
}

fn name(row: &ArmRecord) -> String {
    if row.control {
        return format!("  the {} baseline again", row.certificate);
    }
    arm_name(row.suite, row.certificate)
}

/// An arm's name: TLS 1.3 suites say which certificate they were used with, the others' names do.
pub(super) fn arm_name(suite: Suite, certificate: KeyType) -> String {
    if suite.key_type().is_some() {
        return suite.openssl().to_owned();
    }
    format!("{} {}", suite_name(suite), if certificate == KeyType::Rsa { "RSA" } else { "ECDSA" })
}

/// A suite's name, shorter where it is one of TLS 1.3.
pub(super) fn suite_name(suite: Suite) -> String {
    if suite.key_type().is_some() {
        return suite.openssl().to_owned();
    }
    let short = suite.iana().trim_start_matches("TLS_").trim_end_matches("_SHA256").trim_end_matches("_SHA384");
    format!("1.3 {short}")
}

fn ratio(versus: &Versus) -> String {
    match (versus.ratio, versus.low, versus.high) {
        (Some(ratio), Some(low), Some(high)) => format!("{ratio:.2} ({low:.2}–{high:.2})"),
        (Some(ratio), ..) => format!("{ratio:.2}"),
        (None, ..) => "–".to_owned(),
    }
}

/// The verdict in words; whose it is, where it is not the server's.
fn words(versus: &Versus, rate_of: &str) -> String {
    let words = match versus.verdict.as_str() {
        "no_difference" => "no difference seen",
        "too_few" => "too few rounds",
        word => word,
    };
    if rate_of == "client" { format!("{words} *") } else { words.to_owned() }
}

type Cpu = fn(&ArmRecord) -> Option<Figure>;

fn cpu_of_client(arm: &ArmRecord) -> Option<Figure> {
    arm.estimate.client_cpu_ns
}

fn cpu_of_server(arm: &ArmRecord) -> Option<Figure> {
    arm.estimate.server_cpu_ns
}

/// CPU time for each handshake, request or object: a row for each arm, a column for each workload.
fn costs(page: &mut Page, document: &SuitesDocument, side: &str, cpu: Cpu) {
    page.heading(&format!("CPU time of the {side} for each"));
    let cells = cells(document);
    let short = |cell: &&[ArmRecord]| match (cell[0].workload.as_str(), cell[0].direction, cell[0].object_bytes) {
        (_, Some(Direction::Download), Some(bytes)) => format!("↓{}", compact(bytes)),
        (_, Some(Direction::Upload), Some(bytes)) => format!("↑{}", compact(bytes)),
        ("full_handshake", ..) => "full".to_owned(),
        ("resumed_handshake", ..) => "resumed".to_owned(),
        (name, ..) => name.to_owned(),
    };
    let heads: Vec<String> = [String::new()].into_iter().chain(cells.iter().map(short)).collect();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for arm in document.arms.iter().filter(|arm| !arm.control) {
        let name = name(arm);
        if rows.iter().any(|row| row[0] == name) {
            continue;
        }
        let of_cell = |cell: &&[ArmRecord]| {
            let same = cell
                .iter()
                .find(|other| !other.control && (other.suite, other.certificate) == (arm.suite, arm.certificate));
            same.and_then(cpu).map_or_else(|| "–".to_owned(), |figure| units::time(figure.value))
        };
        rows.push([name].into_iter().chain(cells.iter().map(of_cell)).collect());
    }
    page.columns(&heads.iter().map(String::as_str).collect::<Vec<_>>(), &rows);
}

/// A size without a space: `16KiB`.
fn compact(bytes: u64) -> String {
    match bytes {
        n if n % (1 << 20) == 0 => format!("{}MiB", n >> 20),
        n if n % (1 << 10) == 0 => format!("{}KiB", n >> 10),
        n => format!("{n}B"),
    }
}

fn legend(page: &mut Page, document: &SuitesDocument) {
    let plan = &document.plan;
    page.line(
        "figures",
        &format!(
            "rates at full load, as geometric means over the rounds; ratios pair the arms of each round, with {} intervals \
             corrected for the number of comparisons (Holm) and a tolerance of {}",
            solid(&units::share(plan.confidence)),
            solid(&units::share(plan.tolerance))
        ),
    );
    if document.arms.iter().any(|arm| arm.limited_by.is_some()) {
        page.line(
            "≥ and *",
            "the generator was the limit: the rate is its own figure, and the server could carry more",
        );
    }
    if document.arms.iter().any(|arm| arm.rate_of == "both") {
        page.line("", "generator and server shared cores: no rate here is the server's alone");
    }
    let stamp = &document.started_at;
    let cpu = document.host.cpu.model.as_deref().unwrap_or("an unknown CPU");
    page.line(
        "measured",
        &format!("{stamp} by shakedown {} with {}, on {cpu}", document.tool.version, document.tool.crypto),
    );
}

/// One row for each suite, certificate type, workload and size.
///
/// # Errors
/// Only those of `out`.
pub fn csv(document: &SuitesDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let mut csv = writer(out);
    for (place, arm) in document.arms.iter().enumerate() {
        let row = csv_row(document, arm);
        if place == 0 {
            csv.write_record(row.iter().map(|(name, _)| name))?;
        }
        csv.write_record(row.iter().map(|(_, cell)| cell))?;
    }
    csv.flush()
}

fn csv_row(document: &SuitesDocument, arm: &ArmRecord) -> Vec<(String, String)> {
    let mut row = Vec::new();
    let mut add = |name: &str, cell: String| row.push((name.to_owned(), cell));
    let (host, plan, estimate) = (&document.host, &document.plan, &arm.estimate);
    add("started_at", text_cell(&document.started_at));
    add("url", text_cell(&document.target.url));
    add("host_cpu_model", text_cell(host.cpu.model.as_deref().unwrap_or_default()));
    add("crypto", text_cell(&document.tool.crypto));
    add("suite", arm.suite.iana().to_owned());
    add("suite_openssl", arm.suite.openssl().to_owned());
    add("version", arm.version.to_string());
    add("certificate", arm.certificate.to_string());
    add("workload", arm.workload.clone());
    add("direction", arm.direction.map(|d| d.name().to_owned()).unwrap_or_default());
    add("object_bytes", whole(arm.object_bytes));
    add("baseline", truth(arm.baseline));
    add("control", truth(arm.control));
    add("trusted", truth(document.trustworthy.trusted));
    add("insecure", truth(plan.insecure));
    add("rounds", whole(u64::from(estimate.rounds)));
    add("limited_by", arm.limited_by.clone().unwrap_or_default());
    add("rate_of", arm.rate_of.clone());
    let mut figure = |name: &str, figure: Option<Figure>| {
        add(name, real(figure.map(|figure| figure.value)));
        add(&format!("{name}_low"), real(figure.and_then(|figure| figure.low)));
        add(&format!("{name}_high"), real(figure.and_then(|figure| figure.high)));
    };
    figure("rate_per_s", estimate.rate_per_s);
    figure("bytes_per_s", estimate.bytes_per_s);
    figure("client_cpu_ns", estimate.client_cpu_ns);
    figure("client_cpu_s_per_gb", estimate.client_cpu_s_per_gb);
    figure("server_cpu_ns", estimate.server_cpu_ns);
    figure("server_cpu_s_per_gb", estimate.server_cpu_s_per_gb);
    figure("response_p50_ns", estimate.response_p50_ns);
    figure("response_p99_ns", estimate.response_p99_ns);
    add("common_rate_per_s", real(estimate.common_rate_per_s));
    add("responses", whole(estimate.responses));
    add("failed", whole(estimate.failed));
    for measure in ["rate", "response_p50", "client_cpu", "server_cpu"] {
        let versus = arm.versus_baseline.iter().chain(&arm.also_versus_baseline).find(|v| v.measure == measure);
        add(&format!("{measure}_versus_baseline"), real(versus.and_then(|versus| versus.ratio)));
        add(&format!("{measure}_versus_baseline_low"), real(versus.and_then(|versus| versus.low)));
        add(&format!("{measure}_versus_baseline_high"), real(versus.and_then(|versus| versus.high)));
        add(&format!("{measure}_verdict"), versus.map(|versus| versus.verdict.clone()).unwrap_or_default());
    }
    row
}
