//! This processor's cryptography in words: records, a connection's record layer, public keys, handshakes, and what follows. `csv` has the
//! same for a spreadsheet.

mod csv;

use std::io;

use super::layout::{FULL, Page, solid};
use crate::model::crypto::{Direction, Handshake, Library, Operation, PublicKey};
use crate::model::suite::{Group, KeyType, RecordCipher, Suite};
use crate::record::crypto::{
    AeadRow, CoreFrequency, CryptoDocument, HandshakeRow, OperationSpeed, RecordLayerRow, RecordSpeed,
};
use crate::units;

pub use csv::csv;
pub(super) use csv::table;

/// What stands where a figure does not exist.
const NONE: &str = "–";

/// Writes the summary that a person reads: UTF-8, at most 100 columns, without colour.
///
/// # Errors
/// Only those of `out`.
pub fn text(document: &CryptoDocument, out: &mut dyn io::Write) -> io::Result<()> {
    text_in(document, FULL, out)
}

/// Writes it with no table wider than `columns`, at least 80: those that are come in parts.
///
/// # Errors
/// Only those of `out`.
pub fn text_in(document: &CryptoDocument, columns: usize, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::within(columns);
    machine(&mut page, document);
    let mut threads: Vec<u64> = document.aead.iter().map(|row| row.threads).collect();
    threads.dedup();
    for threads in threads {
        page.gap();
        aead(&mut page, document, threads);
    }
    if !document.record_layer.is_empty() {
        page.gap();
        record_layer(&mut page, document);
    }
    if !document.primitives.is_empty() {
        page.gap();
        primitives(&mut page, document);
    }
    if !document.handshakes.is_empty() {
        page.gap();
        handshakes(&mut page, document);
    }
    page.gap();
    notes(&mut page, document);
    advice(&mut page, document);
    footer(&mut page, document);
    out.write_all(page.finish().as_bytes())
}

/// Writes the part of it that most readers look for: records by one thread, and the advice.
///
/// # Errors
/// Only those of `out`.
pub fn brief(document: &CryptoDocument, columns: usize, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::within(columns);
    machine(&mut page, document);
    page.gap();
    aead(&mut page, document, 1);
    page.gap();
    notes(&mut page, document);
    advice(&mut page, document);
    out.write_all(page.finish().as_bytes())
}

/// What follows from the figures.
pub(super) fn advice(page: &mut Page, document: &CryptoDocument) {
    for (label, remark) in ["ADVICE"].into_iter().chain(std::iter::repeat("")).zip(&document.advice) {
        page.line(label, &remark.text);
    }
}

fn machine(page: &mut Page, document: &CryptoDocument) {
    let cpu = &document.host.cpu;
    let virtual_machine = if document.host.virtualized == Some(true) { ", in a virtual machine" } else { "" };
    page.line(
        "CRYPTO",
        &format!(
            "on {}, {}{virtual_machine}; no network",
            cpu.model.as_deref().unwrap_or("an unknown processor"),
            plural(cpu.threads.into(), "hardware thread")
        ),
    );
    if document.interrupted {
        page.line("INTERRUPTED", "ended by the user before its time: the figures are of what was measured until then");
    }
    for warning in &document.warnings {
        page.line("WARNING", &format!("{}: {}", warning.code, warning.text));
    }
    let features = if cpu.features.is_empty() { "unknown".to_owned() } else { cpu.features.join(" ") };
    page.line("features", &features);
    let at = |frequency: &Option<CoreFrequency>| {
        frequency.as_ref().map_or("unknown".to_owned(), |found| solid(&format!("{:.0} MHz", found.mean_mhz)))
    };
    let governor = document.host.governor.as_deref().unwrap_or("unknown");
    let (before, after) = (at(&document.frequency.before), at(&document.frequency.after));
    page.line("frequency", &format!("{before} before, {after} after; governor {governor}"));
    let plan = &document.plan;
    if let Some((fewest, most)) = document.repetitions_made() {
        let planned =
            if fewest < plan.repetitions { format!(" ({} planned)", plan.repetitions) } else { String::new() };
        let from = if fewest < most { format!("{fewest} to ") } else { String::new() };
        let repetitions = solid(&format!("{from}{}{planned}", plural(most, "repetition")));
        // A budget makes later ones shorter where the machine is slower than planned.
        let bound = if plan.budget_s.is_some() { "at most " } else { "" };
        let time = solid(&units::time(plan.time_s * 1e9));
        page.line("measured", &format!("medians of {repetitions} of {bound}{time} each, in shuffled order"));
    }
}

fn plural(n: u64, thing: &str) -> String {
    solid(&format!("{} {thing}{}", units::count(n), if n == 1 { "" } else { "s" }))
}

/// Records by algorithm, library and direction: GB/s for each size, and the time for the smallest and the largest.
fn aead(page: &mut Page, document: &CryptoDocument, threads: u64) {
    let sizes = &document.plan.record_bytes;
    let title = if threads == 1 {
        "one thread: GB/s of plaintext by size of record; time for a record".to_owned()
    } else {
        format!("{threads} threads: GB/s of plaintext by all together, by size of record; time for a record on each")
    };
    page.line("records", &title);
    let rows: Vec<&AeadRow> = document.aead.iter().filter(|row| row.threads == threads).collect();
    let mut table = Vec::new();
    for algorithm in RecordCipher::ALL {
        for library in Library::ALL {
            for direction in Direction::ALL {
                let here: Vec<_> = rows
                    .iter()
                    .copied()
                    .filter(|row| (row.algorithm, row.provider, row.direction) == (algorithm, library, direction))
                    .collect();
                if here.is_empty() {
                    continue;
                }
                let row = |bytes: &u64| here.iter().find(|row| row.record_bytes == *bytes).copied();
                let mut cells = vec![format!("{:<24}{:<8}{}", algorithm.name(), library.name(), direction.name())];
                cells.extend(sizes.iter().map(|bytes| rate(row(bytes))));
                let ends = [sizes.first(), sizes.last()];
                cells.extend(ends.map(|bytes| each(bytes.and_then(row))));
                table.push(cells);
            }
        }
    }
    let mut head = vec![String::new()];
    head.extend(sizes.iter().map(|bytes| units::record_size(*bytes)));
    head.extend(
        [sizes.first(), sizes.last()]
            .map(|bytes| bytes.map_or(String::new(), |bytes| format!("per {}", units::record_size(*bytes)))),
    );
    page.columns(&head.iter().map(String::as_str).collect::<Vec<_>>(), &table);
}

/// A rate, with the sign of a bound where something was left out.
fn rate(row: Option<&AeadRow>) -> String {
    let bound = |row: &AeadRow| if row.whole_record { "" } else { "≤" };
    row.map_or(NONE.to_owned(), |row| bound(row).to_owned() + &units::gigabytes_per_second(row.speed.bytes_per_s))
}

/// The time for a record, likewise.
fn each(row: Option<&AeadRow>) -> String {
    let bound = |row: &AeadRow| if row.whole_record { "" } else { "≥" };
    row.map_or(NONE.to_owned(), |row| bound(row).to_owned() + &units::time(row.speed.ns_per_record))
}

/// A rustls connection, sender and receiver one after the other.
fn record_layer(page: &mut Page, document: &CryptoDocument) {
    let sizes = &document.plan.record_bytes;
    page.line("record layer", "a rustls connection in memory, one thread: GB/s through sender and receiver together");
    let mut lines: Vec<(Suite, Library)> = document.record_layer.iter().map(|row| (row.suite, row.provider)).collect();
    lines.dedup();
    let rows = lines.into_iter().map(|(suite, library)| {
        let both = |bytes: &u64| {
            let end = |direction| {
                let is = |row: &&RecordLayerRow| {
                    (row.suite, row.provider, row.direction, row.record_bytes) == (suite, library, direction, *bytes)
                };
                document.record_layer.iter().find(is).map(|row| row.speed.ns_per_record)
            };
            let ns = end(Direction::Seal)? + end(Direction::Open)?;
            Some(units::gigabytes_per_second(*bytes as f64 * 1e9 / ns))
        };
        let mut cells = vec![format!("{:<32}{:<8}", suite.openssl(), library.name())];
        cells.extend(sizes.iter().map(|bytes| both(bytes).unwrap_or(NONE.to_owned())));
        cells
    });
    let head: Vec<String> =
        [String::new()].into_iter().chain(sizes.iter().map(|bytes| units::record_size(*bytes))).collect();
    page.columns(&head.iter().map(String::as_str).collect::<Vec<_>>(), &rows.collect::<Vec<_>>());
}

/// Public-key operations: how many a second, and the time for one, by library.
fn primitives(page: &mut Page, document: &CryptoDocument) {
    page.line("public keys", "one thread: operations per second, and the time for one");
    let libraries: Vec<Library> = Library::ALL
        .into_iter()
        .filter(|library| document.primitives.iter().any(|row| row.provider == *library))
        .collect();
    let cells =
        |algorithm: PublicKey, operation: Operation| {
            let mut cells = vec![format!("{:<22}{}", algorithm.name(), operation.name())];
            for library in &libraries {
                let row = document
                    .primitives
                    .iter()
                    .find(|row| (row.algorithm, row.operation, row.provider) == (algorithm, operation, *library));
                cells.extend(row.map_or([NONE.to_owned(), NONE.to_owned()], |row| {
                    [per_second(&row.speed), units::time(row.speed.ns)]
                }));
            }
            cells
        };
    let rows = PublicKey::ALL
        .into_iter()
        .flat_map(|algorithm| algorithm.operations().iter().map(move |operation| (algorithm, *operation)));
    let rows = rows.filter(|(a, o)| document.primitives.iter().any(|row| (row.algorithm, row.operation) == (*a, *o)));
    let rows: Vec<_> = rows.map(|(algorithm, operation)| cells(algorithm, operation)).collect();
    let heads: Vec<String> = libraries.iter().map(|library| format!("{}/s", library.name())).collect();
    let mut head = vec![""];
    head.extend(heads.iter().flat_map(|name| [name.as_str(), "time"]));
    page.columns(&head, &rows);
}

fn per_second(speed: &OperationSpeed) -> String {
    units::count(speed.per_s.round() as u64)
}

/// Handshakes: how many a second one core of each side makes, by library.
fn handshakes(page: &mut Page, document: &CryptoDocument) {
    page.line("handshakes", "how many one core makes in a second, as client (c) and as server (s)");
    let libraries: Vec<Library> = Library::ALL
        .into_iter()
        .filter(|library| document.handshakes.iter().any(|row| row.provider == *library))
        .collect();
    type Line = (Suite, Handshake, Option<KeyType>, Option<Group>);
    let line = |row: &HandshakeRow| -> Line { (row.suite, row.handshake, row.certificate, row.group) };
    let mut lines: Vec<Line> = Vec::new();
    for row in &document.handshakes {
        if !lines.contains(&line(row)) {
            lines.push(line(row));
        }
    }
    let rows = lines.into_iter().map(|found| {
        let (suite, handshake, certificate, group) = found;
        let kind = certificate.map_or(handshake.name().to_owned(), |key| key.to_string());
        let group = group.map_or("no key exchange", Group::iana);
        let mut cells = vec![format!("{:<30}{kind:<8}{group:<15}", suite.openssl())];
        for library in &libraries {
            let row = document.handshakes.iter().find(|row| line(row) == found && row.provider == *library);
            cells.extend(
                row.map_or([NONE.to_owned(), NONE.to_owned()], |row| [&row.client, &row.server].map(per_second)),
            );
        }
        cells
    });
    let heads: Vec<[String; 2]> =
        libraries.iter().map(|library| [format!("{} c", library.name()), format!("{} s", library.name())]).collect();
    let mut head = vec![""];
    head.extend(heads.iter().flatten().map(String::as_str));
    page.columns(&head, &rows.collect::<Vec<_>>());
}

/// What a reader needs to take the figures rightly.
fn notes(page: &mut Page, document: &CryptoDocument) {
    if !document.record_layer.is_empty() {
        page.line("intervals", &intervals(document));
    }
    let openssl = &document.openssl;
    if let Some(version) = &openssl.version {
        let told = "what `openssl speed` printed, one run of a second each, without an interval; \
                    ≤: it enciphers and hashes the content only, without header, padding and the HMAC's end";
        page.line("openssl", &format!("{version}: {told}"));
    }
    if let Some(missing) = &openssl.missing {
        page.line(if openssl.version.is_some() { "" } else { "openssl" }, &format!("missing: {missing}"));
    }
}

/// How wide the 95 % intervals are, as shares of their medians to either side.
fn intervals(document: &CryptoDocument) -> String {
    let half = |middle: f64, low: Option<f64>, high: Option<f64>| Some((high? - low?) / 2.0 / middle);
    let of_record = |s: &RecordSpeed| half(s.ns_per_record, s.ns_per_record_low, s.ns_per_record_high);
    let (one, several): (Vec<_>, Vec<_>) = document.aead.iter().partition(|row| row.threads == 1);
    let records = one.iter().map(|row| &row.speed).chain(document.record_layer.iter().map(|row| &row.speed));
    let sides = document.handshakes.iter().flat_map(|row| [&row.client, &row.server]);
    let operations = document.primitives.iter().map(|row| &row.speed).chain(sides);
    let one = records.filter_map(of_record).chain(operations.filter_map(|s| half(s.ns, s.ns_low, s.ns_high)));
    let told: Vec<_> =
        [("one thread", one.collect()), ("several", several.iter().filter_map(|row| of_record(&row.speed)).collect())]
            .into_iter()
            .filter_map(|(who, widths)| spread(who, widths))
            .collect();
    if told.is_empty() {
        let made = document.repetitions_made().map_or(0, |(_, most)| most);
        return format!("none: {} {} too few", plural(made, "repetition"), if made == 1 { "is" } else { "are" });
    }
    format!("95 % of the median: {}; crypto.csv has each", told.join("; "))
}

fn spread(who: &str, mut widths: Vec<f64>) -> Option<String> {
    widths.sort_unstable_by(f64::total_cmp);
    let at =
        |share: usize| widths.get(widths.len() * share / 20).map(|width| solid(&format!("±{:.1} %", width * 100.0)));
    Some(format!("{who} half of them within {}, 19 of 20 within {}", at(10)?, at(19)?))
}

fn footer(page: &mut Page, document: &CryptoDocument) {
    let tool = &document.tool;
    let commit = tool.commit.as_ref().map_or(String::new(), |commit| format!(" ({commit})"));
    page.line("run", &format!("{} by shakedown {}{commit}", document.started_at, tool.version));
}
