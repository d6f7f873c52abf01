//! A plan of capacity: servers and storm in tables, all that it takes for granted, and a CSV with a row for each suite.

use std::io;

use super::law;
use super::layout::{FULL, Page, solid};
use super::table::{Cell, Table, moment, real, text as text_cell, truth, whole};
use crate::model::suite::{KeyType, Suite};
use crate::record::plan::{Answer, PlanDocument, PlanRow, Storm, Use};
use crate::units::{self, ByteCount};

/// What stands where there is no figure.
const NONE: &str = "–";

/// The row of all searches for capacity.
const SEARCHED: &str = "capacity within its objectives";

/// Kinds of work, in the order of their columns.
const OPERATIONS: [&str; 4] = ["full_handshake", "resumed_handshake", "request", "mix"];

/// Writes the plan for people: UTF-8, at most 100 columns, without colour.
///
/// # Errors
/// Only those of `out`.
pub fn text(document: &PlanDocument, out: &mut dyn io::Write) -> io::Result<()> {
    text_in(document, FULL, out)
}

/// Writes it with no table wider than `columns`, at least 80: those that are come in parts.
///
/// # Errors
/// Only those of `out`.
pub fn text_in(document: &PlanDocument, columns: usize, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::within(columns);
    heading(&mut page, document);
    page.gap();
    servers(&mut page, document);
    page.gap();
    work(&mut page, document);
    if document.plan.sessions.is_some() {
        page.gap();
        storms(&mut page, document);
    }
    for law in &document.laws {
        page.gap();
        law::text(&mut page, &law.law, &format!(" of {}", law.document));
    }
    page.gap();
    for (place, assumed) in document.assumptions.iter().enumerate() {
        page.line(if place == 0 { "assumed" } else { "" }, &format!("- {}", assumed.text));
    }
    page.gap();
    let commit = document.tool.commit.as_deref().map(|commit| format!(" {commit}")).unwrap_or_default();
    page.line("planned", &format!("{} by shakedown {}{commit}", document.started_at, document.tool.version));
    out.write_all(page.finish().as_bytes())
}

pub(super) fn heading(page: &mut Page, document: &PlanDocument) {
    for reason in &document.reasons {
        page.line("INCONCLUSIVE", &reason.text);
    }
    for from in &document.documents {
        if from.insecure {
            page.line("NOT VERIFIED", &format!("{}: the server's certificate was not checked", from.path));
        }
        for remark in from.remarks.iter().filter(|remark| remark.code != "insecure") {
            page.line("WARNING", &format!("{}: {}: {}", from.path, remark.code, remark.text));
        }
    }
    if page_has_warnings(document) {
        page.gap();
    }
    page.line("demand", &demand(document));
    let plan = &document.plan;
    page.line(
        "reserve",
        &format!(
            "{} of each server stays free, {} to spare",
            solid(&units::share(plan.headroom)),
            of_several(plan.spare, "server")
        ),
    );
    for from in &document.documents {
        let cpu = from.host_cpu_model.as_deref().unwrap_or("an unknown CPU");
        page.line(
            "measured",
            &format!("{}: {} of {}, {}, from {cpu}", from.path, from.schema, from.url, from.started_at),
        );
    }
}

fn page_has_warnings(document: &PlanDocument) -> bool {
    !document.reasons.is_empty() || document.documents.iter().any(|from| from.insecure || !from.remarks.is_empty())
}

fn demand(document: &PlanDocument) -> String {
    let demand = &document.demand;
    let mut parts = Vec::new();
    if let Some(rate) = demand.sessions_per_s {
        let share = solid(&units::share(demand.resumed_share.unwrap_or(0.0)));
        parts.push(format!("{} new sessions/s, {share} of them resumed", solid(&units::decimal(rate))));
    }
    if let Some(rate) = demand.requests_per_s {
        let size =
            demand.answer_bytes.map(|bytes| format!(", each answered with {}", solid(&ByteCount(bytes).to_string())));
        parts.push(format!("{} requests/s{}", solid(&units::decimal(rate)), size.unwrap_or_default()));
    }
    format!("{} ({})", parts.join(" and "), demand.text)
}

fn of_several(n: u64, what: &str) -> String {
    format!("{} {what}{}", units::count(n), if n == 1 { "" } else { "s" })
}

/// Rows under a line for each type of certificate; those of searches for capacity come first and stand alone.
fn by_certificate(
    document: &PlanDocument,
    columns: usize,
    cells: impl Fn(&PlanRow) -> Option<Vec<String>>,
) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for certificate in [None, Some(KeyType::Ecdsa), Some(KeyType::Rsa)] {
        let of_type = document.rows.iter().filter(|row| row.certificate == certificate);
        let found: Vec<_> = of_type.filter_map(|row| Some((row, cells(row)?))).collect();
        if let (Some(certificate), false) = (certificate, found.is_empty()) {
            let name = if certificate == KeyType::Rsa { "RSA" } else { "ECDSA" };
            rows.push(
                [format!("{name} certificate")]
                    .into_iter()
                    .chain(std::iter::repeat_n(String::new(), columns))
                    .collect(),
            );
        }
        rows.extend(found.into_iter().map(|(row, cells)| [name(row)].into_iter().chain(cells).collect()));
    }
    rows
}

fn name(row: &PlanRow) -> String {
    row.suite.map_or_else(|| SEARCHED.to_owned(), |suite| format!(" {}", suite.openssl()))
}

fn servers(page: &mut Page, document: &PlanDocument) {
    page.heading("servers of this kind");
    let cells = |row: &PlanRow| {
        let Some(answer) = &row.answer else { return Some(vec![NONE.to_owned(); 4]) };
        let bound = if answer.at_most { "≤" } else { "" };
        Some(vec![
            format!("{bound}{}", units::decimal(answer.one_server_load)),
            format!("{bound}{}", units::count(answer.servers)),
            format!("{bound}{}", units::count(answer.servers_with_spare)),
            // With fewer servers than at most, the load of each is any.
            if answer.at_most { NONE.to_owned() } else { units::share(answer.load) },
        ])
    };
    let rows = by_certificate(document, 4, cells);
    page.columns(&["", "demand ÷ one server", "needed", "with spare", "load of each"], &rows);
    let mut whys: Vec<(&str, Vec<String>)> = Vec::new();
    for row in &document.rows {
        let Some(why) = row.unanswered.as_deref() else { continue };
        match whys.iter_mut().find(|(other, _)| *other == why) {
            Some((_, names)) => names.push(full_name(row)),
            None => whys.push((why, vec![full_name(row)])),
        }
    }
    for (why, names) in whys {
        page.line("NO FIGURE", &format!("{}: {why}", names.join(", ")));
    }
}

pub(super) fn full_name(row: &PlanRow) -> String {
    match (row.suite, row.certificate) {
        (Some(suite), Some(certificate)) if suite.key_type().is_none() => format!("{suite} ({certificate})"),
        (Some(suite), _) => suite.openssl().to_owned(),
        (None, _) => SEARCHED.to_owned(),
    }
}

/// What one server does of each kind of work, and which share of the demand's load that is.
fn work(page: &mut Page, document: &PlanDocument) {
    let uses = |row: &PlanRow| row.answer.as_ref().map(|answer| answer.uses.clone()).unwrap_or_default();
    let shown: Vec<&str> = OPERATIONS
        .into_iter()
        .filter(|operation| document.rows.iter().any(|row| uses(row).iter().any(|part| part.operation == *operation)))
        .collect();
    page.heading("what one server does per second and nothing else; in brackets the share of the demand's load");
    let cells = |row: &PlanRow| {
        let answer = row.answer.as_ref()?;
        let of = |operation: &&str| {
            answer
                .uses
                .iter()
                .find(|part| part.operation == *operation)
                .map_or_else(|| NONE.to_owned(), |part| capacity(part, answer))
        };
        Some(shown.iter().map(of).collect())
    };
    let titles: Vec<String> =
        [String::new()].into_iter().chain(shown.iter().map(|operation| plural(operation))).collect();
    let rows = by_certificate(document, shown.len(), cells);
    page.columns(&titles.iter().map(String::as_str).collect::<Vec<_>>(), &rows);
}

fn plural(operation: &str) -> String {
    match operation {
        "mix" => "of the mix".to_owned(),
        name => format!("{}s", name.replace('_', " ")),
    }
}

fn capacity(part: &Use, answer: &Answer) -> String {
    let bound = if part.lower_bound.is_some() { "≥" } else { "" };
    let share = part.demand_per_s / part.capacity_per_s / answer.one_server_load;
    format!("{bound}{} ({:.0} %)", units::decimal(part.capacity_per_s), share * 100.0)
}

fn storms(page: &mut Page, document: &PlanDocument) {
    let sessions = document.plan.sessions.unwrap_or(0);
    page.heading(&format!("storm: {} back after a restart, each by a full handshake", of_several(sessions, "session")));
    let cells = |row: &PlanRow| Some(row.storm.as_ref().map_or_else(|| vec![NONE.to_owned(); 4], storm));
    let rows = by_certificate(document, 4, cells);
    page.columns(&["", "servers", "handshakes/s of one", "nothing else", "beside the demand"], &rows);
    if document.rows.iter().any(|row| row.storm.is_none()) {
        page.line(NONE, "no capacity of full handshakes is known, or the number of servers is not");
    }
}

fn storm(storm: &Storm) -> Vec<String> {
    let time =
        |seconds: f64, at_most: bool| format!("{}{}", if at_most { "≤" } else { "" }, units::time(seconds * 1e9));
    let beside = storm.beside_demand_s.map(|seconds| time(seconds, storm.beside_demand_at_most));
    vec![
        units::count(storm.servers),
        format!("{}{}", if storm.at_most { "≥" } else { "" }, units::decimal(storm.full_handshakes_per_s)),
        time(storm.alone_s, storm.at_most),
        beside.unwrap_or_else(|| "never".to_owned()),
    ]
}

/// One row for each suite with each type of certificate, and one for all searches for capacity; a header even where there is none.
///
/// # Errors
/// Only those of `out`.
pub fn csv(document: &PlanDocument, out: &mut dyn io::Write) -> io::Result<()> {
    table(document).csv(out)
}

pub(in crate::report) fn table(document: &PlanDocument) -> Table {
    Table::of(columns(document), &document.rows)
}

/// A column: its name, and the cell of a row.
type Column<'a> = (String, Box<dyn Fn(&PlanRow) -> Cell + 'a>);

fn columns(document: &PlanDocument) -> Vec<Column<'_>> {
    let mut columns: Vec<Column<'_>> = Vec::new();
    let (demand, plan) = (&document.demand, &document.plan);
    let paths: Vec<&str> = document.documents.iter().map(|from| from.path.as_str()).collect();
    let same = [
        ("started_at", moment(&document.started_at)),
        ("documents", text_cell(&paths.join(" "))),
        ("insecure", truth(document.documents.iter().any(|from| from.insecure))),
        ("conclusive", truth(document.reasons.is_empty())),
        ("demand", text_cell(&demand.text)),
        ("demand_sessions_per_s", real(demand.sessions_per_s)),
        ("demand_resumed_share", real(demand.resumed_share)),
        ("demand_requests_per_s", real(demand.requests_per_s)),
        ("demand_answer_bytes", whole(demand.answer_bytes)),
        ("headroom", real(plan.headroom)),
        ("spare", whole(plan.spare)),
    ];
    for (name, cell) in same {
        columns.push((name.to_owned(), Box::new(move |_| cell.clone())));
    }
    let mut add = |name: &str, cell: fn(&PlanRow) -> Cell| columns.push((name.to_owned(), Box::new(cell)));
    add("suite", |row| text_cell(row.suite.map(Suite::iana).unwrap_or_default()));
    add("suite_openssl", |row| text_cell(row.suite.map(Suite::openssl).unwrap_or_default()));
    add("version", |row| row.version.map(|version| text_cell(&version.to_string())).unwrap_or_default());
    add("certificate", |row| {
        row.certificate.map(|certificate| text_cell(&certificate.to_string())).unwrap_or_default()
    });
    add("one_server_load", |row| real(row.answer.as_ref().map(|answer| answer.one_server_load)));
    add("servers", |row| whole(row.answer.as_ref().map(|answer| answer.servers)));
    add("servers_with_spare", |row| whole(row.answer.as_ref().map(|answer| answer.servers_with_spare)));
    add("servers_are_at_most", |row| row.answer.as_ref().map(|answer| truth(answer.at_most)).unwrap_or_default());
    add("load", |row| real(row.answer.as_ref().map(|answer| answer.load)));
    add("unanswered", |row| text_cell(row.unanswered.as_deref().unwrap_or_default()));
    for operation in OPERATIONS {
        let of =
            move |row: &PlanRow| row.answer.as_ref()?.uses.iter().find(|part| part.operation == operation).cloned();
        let mut add = |name: &str, cell: fn(Use) -> Cell| {
            columns.push((
                format!("{operation}_{name}"),
                Box::new(move |row: &PlanRow| of(row).map(cell).unwrap_or_default()),
            ));
        };
        add("demand_per_s", |part| real(part.demand_per_s));
        add("capacity_per_s", |part| real(part.capacity_per_s));
        add("capacity_high_per_s", |part| real(part.capacity_high_per_s));
        add("lower_bound", |part| text_cell(part.lower_bound.as_deref().unwrap_or_default()));
        add("sized", |part| text_cell(part.sized.as_deref().unwrap_or_default()));
    }
    let mut add = |name: &str, cell: fn(&PlanRow) -> Cell| columns.push((name.to_owned(), Box::new(cell)));
    add("storm_sessions", |row| whole(row.storm.as_ref().map(|storm| storm.sessions)));
    add("storm_servers", |row| whole(row.storm.as_ref().map(|storm| storm.servers)));
    add("storm_full_handshakes_per_s", |row| real(row.storm.as_ref().map(|storm| storm.full_handshakes_per_s)));
    add("storm_alone_s", |row| real(row.storm.as_ref().map(|storm| storm.alone_s)));
    add("storm_alone_is_at_most", |row| row.storm.as_ref().map(|storm| truth(storm.at_most)).unwrap_or_default());
    add("storm_beside_demand_s", |row| real(row.storm.as_ref().and_then(|storm| storm.beside_demand_s)));
    add("storm_beside_demand_is_at_most", |row| {
        row.storm.as_ref().map(|storm| truth(storm.beside_demand_at_most)).unwrap_or_default()
    });
    columns
}
