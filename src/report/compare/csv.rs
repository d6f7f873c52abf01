//! A comparison as one table: of runs a row for each document and figure, else a row for each document and thing measured.

use std::io;

use serde::Serialize;

use crate::record::compare::{CompareDocument, Figure, Row, Subject, VersusReference};
use crate::record::run;
use crate::record::suites::{self, Versus};
use crate::report::table::{Cell, Named, Table, maybe, moment, real, text, truth, whole};

/// Writes the table. Every row names its document and CPU, so that it can be grouped by either.
///
/// # Errors
/// Only those of `out`.
pub fn csv(document: &CompareDocument, out: &mut dyn io::Write) -> io::Result<()> {
    table(document).csv(out)
}

pub(in crate::report) fn table(document: &CompareDocument) -> Table {
    Table::named(if document.kind == run::SCHEMA { by_figure(document) } else { by_subject(document) })
}

fn cell(name: impl Into<String>, cell: Cell) -> (String, Cell) {
    (name.into(), cell)
}

/// Which document a row is of.
fn identity(document: &CompareDocument, place: usize) -> Named {
    let compared = &document.documents[place];
    let commit = compared.tool.commit.as_deref().unwrap_or_default();
    vec![
        cell("document", text(&compared.path)),
        cell("reference", truth(place == 0)),
        cell("host_cpu_model", maybe(compared.host.cpu.model.as_deref())),
        cell("host_threads", whole(u64::from(compared.host.cpu.threads))),
        cell("tool_version", text(&compared.tool.version)),
        cell("tool_commit", text(commit)),
        cell("crypto", text(&compared.tool.crypto)),
        cell("started_at", moment(&compared.started_at)),
        cell("url", maybe(compared.url.as_deref())),
        cell("insecure", compared.insecure.map(truth).unwrap_or_default()),
        cell("reliable", truth(compared.unreliable.is_empty())),
        cell("runs", whole(compared.repeats.len() as u64 + 1)),
        cell("limited_by", maybe(compared.limited_by.as_deref())),
        cell("tolerance", real(document.plan.tolerance)),
        cell("allowance", real(document.plan.allowance)),
    ]
}

/// A row for each document and figure.
fn by_figure(document: &CompareDocument) -> Vec<Named> {
    let mut rows = Vec::new();
    for row in &document.rows {
        for place in 0..document.documents.len() {
            let mut cells = identity(document, place);
            cells.push(cell("measure", text(&row.measure)));
            cells.push(cell("leading", truth(row.leading)));
            cells.extend(figure("", row.figures[place], versus(row, place)));
            rows.push(cells);
        }
    }
    rows
}

/// A row for each document and thing measured, with columns for every measure that any has.
fn by_subject(document: &CompareDocument) -> Vec<Named> {
    let mut subjects: Vec<&Subject> = Vec::new();
    let mut measures: Vec<&str> = Vec::new();
    for row in &document.rows {
        if !subjects.contains(&&row.subject) {
            subjects.push(&row.subject);
        }
        if !measures.contains(&row.measure.as_str()) {
            measures.push(&row.measure);
        }
    }
    let has: Vec<bool> = (0..subject_cells(&Subject::default()).len())
        .map(|column| subjects.iter().any(|subject| !subject_cells(subject)[column].1.is_empty()))
        .collect();
    let mut rows = Vec::new();
    for subject in subjects {
        let of_subject: Vec<&Row> = document.rows.iter().filter(|row| row.subject == *subject).collect();
        for place in 0..document.documents.len() {
            let mut cells = identity(document, place);
            let named = subject_cells(subject).into_iter().zip(&has);
            cells.extend(named.filter(|(_, has)| **has).map(|(cell, _)| cell));
            for measure in &measures {
                let row = of_subject.iter().find(|row| row.measure == *measure);
                let found = row.and_then(|row| row.figures[place]);
                cells.extend(figure(&format!("{measure}_"), found, row.and_then(|row| versus(row, place))));
            }
            if document.kind == suites::SCHEMA {
                let baseline = of_subject.iter().find(|row| !row.versus_baseline.is_empty());
                let whose = of_subject.iter().find_map(|row| row.rate_of.get(place)?.as_deref());
                cells.push(cell("rate_of", text(whose.unwrap_or_default())));
                cells.extend(baseline_cells(baseline.and_then(|row| row.versus_baseline[place].as_ref())));
            }
            rows.push(cells);
        }
    }
    rows
}

/// The reference is compared with nothing.
fn versus(row: &Row, place: usize) -> Option<&VersusReference> {
    row.versus_reference.get(place.checked_sub(1)?)
}

fn figure(prefix: &str, found: Option<Figure>, versus: Option<&VersusReference>) -> Named {
    let name = |column: &str| match column {
        "value" if !prefix.is_empty() => prefix.trim_end_matches('_').to_owned(),
        column => format!("{prefix}{column}"),
    };
    vec![
        cell(name("value"), real(found.map(|found| found.value))),
        cell(name("low"), real(found.and_then(|found| found.low))),
        cell(name("high"), real(found.and_then(|found| found.high))),
        cell(name("at_least"), found.map(|found| truth(found.at_least)).unwrap_or_default()),
        cell(name("ratio"), real(versus.and_then(|versus| versus.ratio))),
        cell(name("ratio_low"), real(versus.and_then(|versus| versus.low))),
        cell(name("ratio_high"), real(versus.and_then(|versus| versus.high))),
        cell(name("p"), real(versus.and_then(|versus| versus.p))),
        cell(name("verdict"), versus.map(|versus| word(&versus.verdict)).unwrap_or_default()),
        cell(name("why"), versus.and_then(|versus| versus.why).map(|why| word(&why)).unwrap_or_default()),
    ]
}

/// The word that the document has for it.
fn word(value: &impl Serialize) -> Cell {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(text)).unwrap_or_default()
}

fn baseline_cells(versus: Option<&Versus>) -> Named {
    vec![
        cell("rate_versus_baseline", real(versus.and_then(|versus| versus.ratio))),
        cell("rate_versus_baseline_low", real(versus.and_then(|versus| versus.low))),
        cell("rate_versus_baseline_high", real(versus.and_then(|versus| versus.high))),
        cell("rate_versus_baseline_verdict", versus.map(|versus| text(&versus.verdict)).unwrap_or_default()),
    ]
}

/// All that a subject may have. A table leaves out the columns that none of its rows has.
fn subject_cells(subject: &Subject) -> Named {
    let words = |value: &Option<String>| maybe(value.as_deref());
    let Subject {
        part,
        workload,
        suite,
        certificate,
        algorithm,
        operation,
        group,
        provider,
        direction,
        object_bytes,
        record_bytes,
        threads,
    } = subject;
    vec![
        cell("part", words(part)),
        cell("workload", words(workload)),
        cell("suite", suite.map(|suite| text(suite.iana())).unwrap_or_default()),
        cell("certificate", certificate.map(|certificate| text(&certificate.to_string())).unwrap_or_default()),
        cell("algorithm", words(algorithm)),
        cell("operation", words(operation)),
        cell("group", words(group)),
        cell("provider", words(provider)),
        cell("direction", words(direction)),
        cell("object_bytes", whole(*object_bytes)),
        cell("record_bytes", whole(*record_bytes)),
        cell("threads", whole(*threads)),
    ]
}
