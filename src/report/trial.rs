//! The trial of the embedded endpoint: what it consists of, one after the other, and what to do next.

use std::io;

use super::layout::{FULL, Page};
use super::{audit, crypto, suites};
use crate::record::trial::TrialDocument;

/// Writes the trial for people: UTF-8, at most 100 columns.
///
/// # Errors
/// Only those of `out`.
pub fn text(document: &TrialDocument, out: &mut dyn io::Write) -> io::Result<()> {
    text_in(document, FULL, out)
}

/// Writes it with no table wider than `columns`, at least 80: those that are come in parts.
///
/// # Errors
/// Only those of `out`.
pub fn text_in(document: &TrialDocument, columns: usize, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::within(columns);
    heading(&mut page, document);
    page.gap();
    out.write_all(page.finish().as_bytes())?;
    if let Some(document) = &document.audit {
        audit::brief(document, out)?;
        writeln!(out)?;
    }
    suites::text_in(&document.suites, columns, out)?;
    if let Some(document) = &document.crypto {
        writeln!(out)?;
        crypto::brief(document, columns, out)?;
    }
    let mut page = Page::within(columns);
    page.gap();
    page.line("next", "shakedown run https://… loads an endpoint of yours and says how long its users wait");
    page.line("", "shakedown audit https://… --profile push-provisioning holds it against a policy");
    page.line("", "shakedown suites https://… compares the suites there, with more rounds and response times");
    page.line("", "shakedown crypto measures public keys, handshakes and several threads too, and takes two minutes");
    page.line("", "shakedown serve is this endpoint alone; docs/measurement.md says what each figure means");
    out.write_all(page.finish().as_bytes())
}

/// What it is, and where generator and server ran.
pub(super) fn heading(page: &mut Page, document: &TrialDocument) {
    page.line("TRIAL", "of an embedded endpoint on this machine: a demonstration, not a verdict on anything");
    let cpu = document.host.cpu.model.as_deref().unwrap_or("an unknown CPU");
    page.line(
        "",
        &match document.cores {
            Some((generator, server)) => format!("{cpu}: generator on core {generator}, server on core {server}"),
            None => {
                format!("{cpu}: generator and server share the only core, and every figure is that of both together")
            }
        },
    );
    if document.interrupted && !document.suites.interrupted && document.crypto.is_none() {
        page.line("INTERRUPTED", "ended by the user before the cryptography was measured");
    }
}
