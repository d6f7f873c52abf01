//! A processor's cryptography: records over their sizes with a line for each algorithm and library, public keys and handshakes.

use maud::{Markup, html};

use super::axis::{Axis, Scale};
use super::bars::{self, Bar};
use super::chart::{Chart, Point, Series, Style};
use super::table::Table;
use super::verdict;
use crate::model::crypto::{Direction, Library};
use crate::model::suite::RecordCipher;
use crate::record::crypto::{AeadRow, CryptoDocument, HandshakeRow, OperationSpeed, PrimitiveRow};
use crate::report::layout::Page;
use crate::report::table::{Cell, real, text, truth, whole};
use crate::units;

pub(super) fn section(document: &CryptoDocument) -> Markup {
    let mut page = Page::default();
    if document.interrupted {
        page.line("INTERRUPTED", "ended by the user before its time");
    }
    crate::report::crypto::advice(&mut page, document);
    for warning in &document.warnings {
        page.line("WARNING", &format!("{}: {}", warning.code, warning.text));
    }
    html! {
        (verdict(&page))
        @for rows in document.aead.chunk_by(|a, b| a.threads == b.threads) { (records(rows)) }
        @if !document.primitives.is_empty() { (primitives(&document.primitives)) }
        @if !document.handshakes.is_empty() { (handshakes(&document.handshakes)) }
        @if !document.record_layer.is_empty() { (record_layer(document)) }
    }
}

/// Records by one number of threads: a chart for each direction, and the data of both.
fn records(rows: &[AeadRow]) -> Markup {
    let threads = rows[0].threads;
    let plural = if threads == 1 { "" } else { "s" };
    html! {
        h2 { "Records by size, " (threads) " thread" (plural) }
        p.note { "The higher the faster. Whiskers are 95 % intervals; a hollow dot is an upper bound, since openssl speed leaves a part of a record's work out." }
        figure {
            @for direction in [Direction::Seal, Direction::Open] {
                @if let Some(chart) = over_sizes(rows, direction) { h3 { (direction.name()) } (chart) }
            }
            (records_table(rows, threads).render())
        }
    }
}

fn over_sizes(rows: &[AeadRow], direction: Direction) -> Option<Markup> {
    let mut series: Vec<Series> = Vec::new();
    let mut sizes: Vec<u64> = Vec::new();
    for row in rows.iter().filter(|row| row.direction == direction) {
        let name = format!("{} {}", row.algorithm.name(), row.provider.name());
        let speed = &row.speed;
        let bound = if row.whole_record { "" } else { "≤" };
        let label = format!(
            "{name}, {}: {bound}{} GB/s, {} each",
            units::record_size(row.record_bytes),
            units::gigabytes_per_second(speed.bytes_per_s),
            units::time(speed.ns_per_record)
        );
        let point = Point {
            x: row.record_bytes as f64,
            y: speed.bytes_per_s,
            low: speed.bytes_per_s_low,
            high: speed.bytes_per_s_high,
            bound: !row.whole_record,
            label,
        };
        sizes.push(row.record_bytes);
        match series.iter_mut().find(|series| series.name == name) {
            Some(series) => series.points.push(point),
            None => series.push(Series {
                name,
                colour: RecordCipher::ALL.iter().position(|cipher| *cipher == row.algorithm).unwrap_or(0),
                dash: dash(row.provider),
                style: Style::Line,
                points: vec![point],
            }),
        }
    }
    sizes.sort_unstable();
    sizes.dedup();
    let values = series.iter().flat_map(|one| &one.points).flat_map(|at| [Some(at.y), at.low, at.high]).flatten();
    let gigabytes = |at: f64| format!("{} GB/s", units::gigabytes_per_second(at));
    let y = Axis::over("plaintext per second (logarithmic)", Scale::Log, values, gigabytes)?;
    let (least, most) = (*sizes.first()? as f64, *sizes.last()? as f64);
    let ticks = sizes.iter().map(|size| (*size as f64, units::record_size(*size))).collect();
    let x = Axis::over("size of a record (logarithmic)", Scale::Log, [least, most], |_| String::new())?;
    let x = x.within(least * 0.85, most * 1.2).with_ticks(ticks);
    let name = format!("records over sizes, {}", direction.name());
    Some(Chart { name, x, y, series, marks: Vec::new(), hollow: "an upper bound (≤)" }.render())
}

fn dash(library: Library) -> usize {
    match library {
        Library::AwsLc => 0,
        Library::Ring => 1,
        Library::OpenSsl => 2,
    }
}

fn records_table(rows: &[AeadRow], threads: u64) -> Table {
    let columns = [
        "algorithm",
        "provider",
        "direction",
        "record_bytes",
        "threads",
        "whole_record",
        "bytes_per_s",
        "bytes_per_s_low",
        "bytes_per_s_high",
        "ns_per_record",
        "ns_per_record_low",
        "ns_per_record_high",
    ];
    let mut table = Table::new(&format!("records-{threads}.csv"), &columns);
    for row in rows {
        let speed = &row.speed;
        table.row(vec![
            text(row.algorithm.name()),
            text(row.provider.name()),
            text(row.direction.name()),
            whole(row.record_bytes),
            whole(row.threads),
            truth(row.whole_record),
            real(speed.bytes_per_s),
            real(speed.bytes_per_s_low),
            real(speed.bytes_per_s_high),
            real(speed.ns_per_record),
            real(speed.ns_per_record_low),
            real(speed.ns_per_record_high),
        ]);
    }
    table
}

/// What is known of the time for one operation, as a dot.
fn dot(name: String, group: String, colour: usize, speed: &OperationSpeed) -> Bar {
    let interval = match (speed.ns_low, speed.ns_high) {
        (Some(low), Some(high)) => format!(" (95 %: {} to {})", units::time(low), units::time(high)),
        _ => String::new(),
    };
    let note = format!("{}, {}/s", units::time(speed.ns), units::decimal(speed.per_s));
    Bar {
        label: format!("{name}: {note}{interval}"),
        name,
        group,
        colour,
        value: Some(speed.ns),
        low: speed.ns_low,
        high: speed.ns_high,
        bound: false,
        note,
    }
}

const SPEED: [&str; 4] = ["ns", "ns_low", "ns_high", "per_s"];

fn speed_cells(speed: &OperationSpeed) -> [Cell; 4] {
    [real(speed.ns), real(speed.ns_low), real(speed.ns_high), real(speed.per_s)]
}

fn primitives(rows: &[PrimitiveRow]) -> Markup {
    let bars: Vec<Bar> = rows
        .iter()
        .map(|row| {
            let name = format!("{} {}", row.operation.name(), row.provider.name());
            dot(name, row.algorithm.name().to_owned(), dash(row.provider), &row.speed)
        })
        .collect();
    let mut table = Table::new("public-keys.csv", &[&["algorithm", "operation", "provider"][..], &SPEED].concat());
    for row in rows {
        let names = [row.algorithm.name(), row.operation.name(), row.provider.name()].map(text);
        table.row(names.into_iter().chain(speed_cells(&row.speed)).collect());
    }
    html! {
        h2 { "Public keys" }
        figure { (bars::render("time for one, one thread (logarithmic)", Scale::Log, units::time, None, &bars)) (table.render()) }
    }
}

fn handshakes(rows: &[HandshakeRow]) -> Markup {
    let columns = ["suite", "version", "certificate", "group", "handshake", "provider", "side"];
    let mut table = Table::new("handshakes.csv", &[&columns[..], &SPEED].concat());
    let mut bars = Vec::new();
    for row in rows {
        let certificate = row.certificate.map(|kind| kind.to_string()).unwrap_or_default();
        let group = row.group.map(|group| group.to_string()).unwrap_or_default();
        let head = [row.handshake.name(), row.suite.openssl(), &certificate, &group];
        let head = head.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
        for (colour, side, speed) in [(0, "client", &row.client), (1, "server", &row.server)] {
            bars.push(dot(format!("{side} {}", row.provider.name()), head.clone(), colour, speed));
            let names = [
                row.suite.iana(),
                &row.version.to_string(),
                &certificate,
                &group,
                row.handshake.name(),
                row.provider.name(),
                side,
            ]
            .map(text);
            table.row(names.into_iter().chain(speed_cells(speed)).collect());
        }
    }
    html! {
        h2 { "Whole handshakes in memory" }
        figure { (bars::render("time for one side, one thread (logarithmic)", Scale::Log, units::time, None, &bars)) (table.render()) }
    }
}

fn record_layer(document: &CryptoDocument) -> Markup {
    let columns = ["suite", "version", "provider", "direction", "record_bytes", "bytes_per_s", "ns_per_record"];
    let mut table = Table::new("record-layer.csv", &columns);
    for row in &document.record_layer {
        table.row(vec![
            text(row.suite.iana()),
            text(&row.version.to_string()),
            text(row.provider.name()),
            text(row.direction.name()),
            whole(row.record_bytes),
            real(row.speed.bytes_per_s),
            real(row.speed.ns_per_record),
        ]);
    }
    html! { h2 { "Records through a whole rustls connection" } (table.render()) }
}
