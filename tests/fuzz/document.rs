//! Documents that someone else wrote: what is read as one can be rendered in every format and comes back as it was. A table stays a
//! table, no cell becomes a formula, and nothing commands the terminal.

use std::io;
use std::path::Path;

use shakedown::record::folder;
use shakedown::record::run::{self, RunDocument};
use shakedown::record::suites::{self, SuitesDocument};
use shakedown::report;

type Render<'a> = &'a dyn Fn(&mut dyn io::Write) -> io::Result<()>;

/// The text of a rendering.
fn rendered(render: Render<'_>) -> String {
    let mut out = Vec::new();
    render(&mut out).expect("memory takes everything");
    String::from_utf8(out).expect("text")
}

fn check_text(render: Render<'_>) {
    let text = rendered(render);
    let command = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(command, None, "a control character for the terminal: {text:?}");
}

fn check_table(render: Render<'_>) {
    let text = rendered(render);
    // Rows of different lengths are an error here.
    for row in csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes()).records() {
        for cell in &row.expect("a table") {
            let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
            assert!(!formula, "a spreadsheet would run {cell:?}");
        }
    }
}

fn check_workbook(render: Render<'_>) {
    let mut out = Vec::new();
    render(&mut out).expect("memory takes everything");
    assert!(out.starts_with(b"PK"), "a workbook is a zip");
}

fn check_page(render: Render<'_>) {
    let page = rendered(render).to_lowercase();
    assert!(!page.contains("<script"), "a page without scripts");
    let command = page.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(command, None, "a control character in a page");
}

fn check_run(path: &Path, document: &RunDocument) {
    check_text(&|out| report::text::run(document, out));
    check_table(&|out| report::csv::summary(document, out));
    check_table(&|out| report::csv::series(document, out));
    check_table(&|out| report::csv::quantiles(document, out));
    check_workbook(&|out| report::xlsx::run(document, out));
    check_page(&|out| report::html::run(document, out));
    // A damaged histogram is an error, no panic.
    let _ = report::hdr::hlog(document, &mut io::sink());
    for latency in document.latency.named().into_iter().filter_map(|(_, latency)| latency) {
        let _ = report::hdr::hgrm(latency, &mut io::sink());
    }
    std::fs::write(path, serde_json::to_string(document).expect("it was JSON")).expect("room for it");
    let again = folder::load_run(path).expect("what was written can be read");
    assert!(again == *document, "it changed on the way: {document:?}");
}

fn check_suites(path: &Path, document: &SuitesDocument) {
    check_text(&|out| report::suites::text(document, out));
    check_table(&|out| report::suites::csv(document, out));
    check_workbook(&|out| report::xlsx::suites(document, out));
    check_page(&|out| report::html::suites(document, out));
    std::fs::write(path, serde_json::to_string(document).expect("it was JSON")).expect("room for it");
    let again: SuitesDocument = folder::load(path, suites::SCHEMA).expect("what was written can be read");
    assert!(again == *document, "it changed on the way: {document:?}");
}

/// The property.
pub(crate) fn check(input: &[u8]) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let path = file.path();
    std::fs::write(path, input).expect("room for it");
    if let Ok(document) = folder::load::<RunDocument>(path, run::SCHEMA) {
        check_run(path, &document);
    } else if let Ok(document) = folder::load::<SuitesDocument>(path, suites::SCHEMA) {
        check_suites(path, &document);
    }
}
