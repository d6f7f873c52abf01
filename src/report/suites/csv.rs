//! A comparison of suites as a table: a row for each suite, certificate type, workload and size.

use std::io;

use super::{Cost, trust_of};
use crate::model::suites::Direction;
use crate::record::suites::{ArmRecord, SuitesDocument};
use crate::report::table::{Cell, Table, moment, real, text as text_cell, truth, whole};

/// One row for each suite, certificate type, workload and size; a header even where there is none.
///
/// # Errors
/// Only those of `out`.
pub fn csv(document: &SuitesDocument, out: &mut dyn io::Write) -> io::Result<()> {
    table(document).csv(out)
}

pub(in crate::report) fn table(document: &SuitesDocument) -> Table {
    Table::of(columns(document), &document.arms)
}

/// A column: its name, and the cell of a row.
type Column<'a> = (String, Box<dyn Fn(&ArmRecord) -> Cell + 'a>);

fn columns(document: &SuitesDocument) -> Vec<Column<'_>> {
    let mut columns = identity(document);
    let trust = move |arm: &ArmRecord| trust_of(&document.trustworthy, arm);
    let mut add = |name: &str, cell: fn(&ArmRecord) -> Cell| columns.push((name.to_owned(), Box::new(cell)));
    add("rounds", |arm| whole(u64::from(arm.estimate.rounds)));
    add("disturbed_rounds", |arm| {
        whole(arm.rounds.iter().filter(|round| round.disturbed && round.rate_per_s.is_some()).count() as u64)
    });
    add("limited_by", |arm| text_cell(arm.limited_by.as_deref().unwrap_or_default()));
    add("rate_of", |arm| text_cell(&arm.rate_of));
    columns.push((
        "workload_trust".to_owned(),
        Box::new(move |arm| trust(arm).map(|trust| text_cell(trust.verdict.name())).unwrap_or_default()),
    ));
    columns.push(("noise_floor".to_owned(), Box::new(move |arm| real(trust(arm).and_then(|trust| trust.noise_floor)))));
    let mut add = |name: &str, cell: fn(&ArmRecord) -> Cell| columns.push((name.to_owned(), Box::new(cell)));
    add("groups", |arm| text_cell(&arm.groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")));
    let figures: [(&str, Cost); 8] = [
        ("rate_per_s", |arm| arm.estimate.rate_per_s),
        ("bytes_per_s", |arm| arm.estimate.bytes_per_s),
        ("client_cpu_ns", |arm| arm.estimate.client_cpu_ns),
        ("client_cpu_s_per_gb", |arm| arm.estimate.client_cpu_s_per_gb),
        ("server_cpu_ns", |arm| arm.estimate.server_cpu_ns),
        ("server_cpu_s_per_gb", |arm| arm.estimate.server_cpu_s_per_gb),
        ("response_p50_ns", |arm| arm.estimate.response_p50_ns),
        ("response_p99_ns", |arm| arm.estimate.response_p99_ns),
    ];
    for (name, figure) in figures {
        columns.push((name.to_owned(), Box::new(move |arm| real(figure(arm).map(|figure| figure.value)))));
        columns.push((format!("{name}_low"), Box::new(move |arm| real(figure(arm).and_then(|figure| figure.low)))));
        columns.push((format!("{name}_high"), Box::new(move |arm| real(figure(arm).and_then(|figure| figure.high)))));
    }
    let mut add = |name: &str, cell: fn(&ArmRecord) -> Cell| columns.push((name.to_owned(), Box::new(cell)));
    add("common_rate_per_s", |arm| real(arm.estimate.common_rate_per_s));
    add("responses", |arm| whole(arm.estimate.responses));
    add("failed", |arm| whole(arm.estimate.failed));
    for measure in ["rate", "response_p50", "client_cpu", "server_cpu"] {
        let of = move |arm: &ArmRecord| {
            arm.versus_baseline.iter().chain(&arm.also_versus_baseline).find(|v| v.measure == measure).cloned()
        };
        let name = format!("{measure}_versus_baseline");
        columns.push((name.clone(), Box::new(move |arm| real(of(arm).and_then(|versus| versus.ratio)))));
        columns.push((format!("{name}_low"), Box::new(move |arm| real(of(arm).and_then(|versus| versus.low)))));
        columns.push((format!("{name}_high"), Box::new(move |arm| real(of(arm).and_then(|versus| versus.high)))));
        let verdict = move |arm: &ArmRecord| of(arm).map(|versus| text_cell(&versus.verdict)).unwrap_or_default();
        columns.push((format!("{measure}_verdict"), Box::new(verdict)));
    }
    let limited_by = |arm: &ArmRecord| arm.versus_baseline.as_ref().and_then(|versus| versus.limited_by.clone());
    let cell = move |arm: &ArmRecord| text_cell(&limited_by(arm).unwrap_or_default());
    columns.push(("rate_verdict_limited_by".to_owned(), Box::new(cell)));
    columns
}

/// When, where, what.
fn identity(document: &SuitesDocument) -> Vec<Column<'_>> {
    let mut columns: Vec<Column<'_>> = Vec::new();
    let same = [
        ("started_at", moment(&document.started_at)),
        ("url", text_cell(&document.target.url)),
        ("host_cpu_model", text_cell(document.host.cpu.model.as_deref().unwrap_or_default())),
        ("crypto", text_cell(&document.tool.crypto)),
        ("insecure", truth(document.plan.insecure)),
        ("interrupted", truth(document.interrupted)),
        ("trusted", truth(document.trustworthy.trusted)),
    ];
    for (name, cell) in same {
        columns.push((name.to_owned(), Box::new(move |_| cell.clone())));
    }
    let mut add = |name: &str, cell: fn(&ArmRecord) -> Cell| columns.push((name.to_owned(), Box::new(cell)));
    add("suite", |arm| text_cell(arm.suite.iana()));
    add("suite_openssl", |arm| text_cell(arm.suite.openssl()));
    add("policy_standing", |arm| arm.standing.map(|standing| text_cell(standing.name())).unwrap_or_default());
    add("version", |arm| text_cell(&arm.version.to_string()));
    add("certificate", |arm| text_cell(&arm.certificate.to_string()));
    add("workload", |arm| text_cell(&arm.workload));
    add("direction", |arm| text_cell(arm.direction.map(Direction::name).unwrap_or_default()));
    add("object_bytes", |arm| whole(arm.object_bytes));
    add("baseline", |arm| truth(arm.baseline));
    add("control", |arm| truth(arm.control));
    columns
}
