//! A result as one page: the verdict first, charts with their data, and the whole of it in words. It runs no script and asks no network for
//! anything, so that it opens from disk years later.
//!
//! `maud` escapes all that is spliced in, and `clean` takes control characters out of the whole page, since servers and users had a hand in the
//! texts. The charts are a few lines of SVG each, written here: drawing libraries bring fonts and bitmaps, and know neither the page's colours
//! nor tables.

mod audit;
mod axis;
mod bars;
mod capacity;
mod chart;
mod compare;
mod crypto;
mod frame;
mod heat;
mod live;
mod plan;
mod run;
mod series;
mod suites;
mod table;
#[cfg(test)]
mod tests;

use std::io;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::layout::{Page, clean};
use crate::record::audit::AuditDocument;
use crate::record::capacity::CapacityDocument;
use crate::record::compare::CompareDocument;
use crate::record::crypto::CryptoDocument;
use crate::record::live::Reading;
use crate::record::plan::PlanDocument;
use crate::record::run::RunDocument;
use crate::record::suites::SuitesDocument;
use crate::record::trial::TrialDocument;

/// The media type of a page.
pub const MEDIA_TYPE: &str = "text/html; charset=utf-8";

/// The file in a results folder.
pub const FILE: &str = "report.html";

/// Whatever a server or a user brought into it, a browser runs no script of the page and loads nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

type Text<D> = fn(&D, &mut dyn io::Write) -> io::Result<()>;

/// Writes a load run as a page.
///
/// # Errors
/// Only those of `out`.
pub fn run(document: &RunDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let body = html! { (run::section(document)) (in_words(document, super::text::run)) };
    write(out, "Load run", &document.target.url, &document.started_at, &body)
}

/// Writes a comparison of suites as a page.
///
/// # Errors
/// Only those of `out`.
pub fn suites(document: &SuitesDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let body = html! { (suites::section(document)) (in_words(document, super::suites::text)) };
    write(out, "Comparison of cipher suites", &document.target.url, &document.started_at, &body)
}

/// Writes a search for capacity as a page.
///
/// # Errors
/// Only those of `out`.
pub fn capacity(document: &CapacityDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let body = html! { (capacity::section(document)) (in_words(document, super::capacity::text)) };
    write(out, "Search for capacity", &document.target.url, &document.started_at, &body)
}

/// Writes the measurement of this processor's cryptography as a page.
///
/// # Errors
/// Only those of `out`.
pub fn crypto(document: &CryptoDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let body = html! { (crypto::section(document)) (in_words(document, super::crypto::text)) };
    let cpu = document.host.cpu.model.as_deref().unwrap_or("an unknown CPU");
    write(out, "Cryptography of a processor", cpu, &document.started_at, &body)
}

/// Writes an audit as a page.
///
/// # Errors
/// Only those of `out`.
pub fn audit(document: &AuditDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let body = html! { (audit::section(document)) (in_words(document, super::audit::text)) };
    write(out, "Audit", &document.target.url, &document.started_at, &body)
}

/// Writes a comparison of documents as a page.
///
/// # Errors
/// Only those of `out`.
pub fn compare(document: &CompareDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let body = html! { (compare::section(document)) (in_words(document, super::compare::text)) };
    let of = document.documents.iter().map(|compared| compared.path.as_str()).collect::<Vec<_>>().join(", ");
    write(out, "Comparison of results", &of, &document.started_at, &body)
}

/// Writes a plan of capacity as a page.
///
/// # Errors
/// Only those of `out`.
pub fn plan(document: &PlanDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let body = html! { (plan::section(document)) (in_words(document, super::plan::text)) };
    write(out, "Plan of capacity", &document.demand.text, &document.started_at, &body)
}

/// Writes the trial of the embedded endpoint as a page, with all that it consists of.
///
/// # Errors
/// Only those of `out`.
pub fn trial(document: &TrialDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::default();
    super::trial::heading(&mut page, document);
    let body = html! {
        (verdict(&page))
        @if let Some(audit) = &document.audit { h2 { "Audit" } (audit::section(audit)) }
        h2 { "Cipher suites" } (suites::section(&document.suites))
        @if let Some(crypto) = &document.crypto { h2 { "Cryptography" } (crypto::section(crypto)) }
        (in_words(document, super::trial::text))
    };
    write(out, "Trial of an embedded endpoint", "localhost", &document.started_at, &body)
}

/// Writes a run while it goes, as a page that comes again by itself every two seconds.
///
/// # Errors
/// Only those of `out`.
pub fn live(reading: &Reading, out: &mut dyn io::Write) -> io::Result<()> {
    write_again(out, "Load run, live", &reading.url, &reading.started_at, &live::section(reading), Some(2))
}

fn write(out: &mut dyn io::Write, kind: &str, of: &str, when: &str, body: &Markup) -> io::Result<()> {
    write_again(out, kind, of, when, body, None)
}

/// The page, which comes again after `every` seconds if there is such a time.
fn write_again(
    out: &mut dyn io::Write,
    kind: &str,
    of: &str,
    when: &str,
    body: &Markup,
    every: Option<u32>,
) -> io::Result<()> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                @if let Some(every) = every { meta http-equiv="refresh" content=(every); }
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (kind) ": " (of) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                header { h1 { (kind) } p { (of) } p { (when) ", by shakedown" } }
                main { (body) }
            }
        }
    };
    // Here and nowhere else, so that no text is forgotten.
    let lines = page.into_string();
    let lines: Vec<String> = lines.split('\n').map(clean).collect();
    out.write_all(lines.join("\n").as_bytes())
}

/// What `page` says in lines with a label, the weighty ones in colour.
fn verdict(page: &Page) -> Markup {
    html! {
        dl.verdict {
            @for (label, text) in page.entries() { dt class=[weight(label)] { (label) } dd { (text) } }
        }
    }
}

/// How a label is coloured: the word itself says the same.
fn weight(label: &str) -> Option<&'static str> {
    match label {
        "VALID" | "TRUSTED" | "PASS" | "CAPACITY" => Some("good"),
        "INVALID" | "NOT TRUSTED" | "FAIL" | "REGRESSION" | "NO CAPACITY" => Some("bad"),
        "WARNING" | "warning" | "INCONCLUSIVE" | "INTERRUPTED" | "NOT VERIFIED" | "KEY LOG" | "REFUSED" => Some("warn"),
        _ => None,
    }
}

/// The text that a terminal shows.
fn in_words<D>(document: &D, text: Text<D>) -> Markup {
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = text(document, &mut bytes);
    html! {
        h2 { "In words" }
        p.note { "The whole result, as the terminal shows it." }
        pre { (String::from_utf8_lossy(&bytes)) }
    }
}
