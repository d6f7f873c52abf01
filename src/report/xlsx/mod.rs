//! A document as a workbook: a summary with the verdict and its reasons first, then the tables of the CSV files with typed cells, frozen headers
//! and filters, and charts that the spreadsheet draws itself.

mod book;
mod charts;
mod summary;

use std::io;

use super::{audit, capacity, compare, crypto, csv, plan, suites};
use crate::record::audit::AuditDocument;
use crate::record::capacity::CapacityDocument;
use crate::record::compare::CompareDocument;
use crate::record::crypto::CryptoDocument;
use crate::record::plan::PlanDocument;
use crate::record::run::RunDocument;
use crate::record::suites::SuitesDocument;
use crate::record::trial::TrialDocument;
use book::Book;

/// A load run: `summary`, `run` (the row of `summary.csv`), `series`, `quantiles`, and charts over the seconds.
///
/// # Errors
/// Those of `out`, and more rows or columns than a sheet holds.
pub fn run(document: &RunDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let mut book = Book::new(&document.started_at);
    let series = csv::series_table(document);
    book.table("summary", &summary::run(document))?;
    book.table("run", &csv::summary_table(document))?;
    book.table("series", &series)?;
    book.table("quantiles", &csv::quantiles_table(document))?;
    book.charts(charts::series(&series))?;
    book.finish(out)
}

/// A comparison of suites: `summary`, `suites`, and a chart for each workload.
///
/// # Errors
/// As [`run`].
pub fn suites(document: &SuitesDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let mut book = Book::new(&document.started_at);
    book.table("summary", &summary::suites(document))?;
    of_suites(&mut book, document)?;
    book.finish(out)
}

fn of_suites(book: &mut Book, document: &SuitesDocument) -> io::Result<()> {
    book.table("suites", &suites::table(document))?;
    let (data, charts) = charts::suites(document);
    if charts.is_empty() {
        return Ok(());
    }
    book.table(charts::DATA, &data)?;
    book.charts(charts)
}

/// A search for capacity: `summary`, `capacity`, and charts of latency against load and of the scalability law.
///
/// # Errors
/// As [`run`].
pub fn capacity(document: &CapacityDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let mut book = Book::new(&document.started_at);
    book.table("summary", &summary::capacity(document))?;
    book.table("capacity", &capacity::table(document))?;
    let curve = charts::curve(document);
    let law = charts::law(document);
    let mut charts = Vec::new();
    for (name, (data, chart)) in
        [(charts::CURVE, curve), (charts::LAW, law)].into_iter().filter_map(|(n, c)| Some((n, c?)))
    {
        book.table(name, &data)?;
        charts.push(chart);
    }
    book.charts(charts)?;
    book.finish(out)
}

/// An audit: `summary`, `audit`.
///
/// # Errors
/// As [`run`].
pub fn audit(document: &AuditDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let mut book = Book::new(&document.started_at);
    book.table("summary", &summary::audit(document))?;
    book.table("audit", &audit::table(document))?;
    book.finish(out)
}

/// This processor's cryptography: `summary`, `crypto`.
///
/// # Errors
/// As [`run`].
pub fn crypto(document: &CryptoDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let mut book = Book::new(&document.started_at);
    book.table("summary", &summary::crypto(document))?;
    book.table("crypto", &crypto::table(document))?;
    book.finish(out)
}

/// A comparison: `summary`, `compare`.
///
/// # Errors
/// As [`run`].
pub fn compare(document: &CompareDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let mut book = Book::new(&document.started_at);
    book.table("summary", &summary::compare(document))?;
    book.table("compare", &compare::csv_table(document))?;
    book.finish(out)
}

/// A plan: `summary`, `plan`.
///
/// # Errors
/// As [`run`].
pub fn plan(document: &PlanDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let mut book = Book::new(&document.started_at);
    book.table("summary", &summary::plan(document))?;
    book.table("plan", &plan::table(document))?;
    book.finish(out)
}

/// The trial: `summary`, `suites` with its charts, and `audit` and `crypto` as far as they were come to.
///
/// # Errors
/// As [`run`].
pub fn trial(document: &TrialDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let mut book = Book::new(&document.started_at);
    book.table("summary", &summary::trial(document))?;
    if let Some(document) = &document.audit {
        book.table("audit", &audit::table(document))?;
    }
    if let Some(document) = &document.crypto {
        book.table("crypto", &crypto::table(document))?;
    }
    of_suites(&mut book, &document.suites)?;
    book.finish(out)
}
