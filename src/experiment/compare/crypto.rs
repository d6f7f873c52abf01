//! The figures of a processor's cryptography that can be set beside those of another.

use super::Measured;
use crate::model::crypto::Library;
use crate::record::compare::{Compared, Figure, Subject};
use crate::record::crypto::{
    AeadRow, CryptoDocument, HandshakeRow, OperationSpeed, PrimitiveRow, RecordLayerRow, RecordSpeed,
};

pub(super) fn compared((path, document): &(String, CryptoDocument)) -> Compared {
    let compared = Compared {
        warnings: document.warnings.clone(),
        ..Compared::new(path, &document.started_at, &document.tool, &document.host)
    };
    if document.interrupted { compared.doubted("interrupted", "ended early") } else { compared }
}

/// Each part is a family of its own. What this program measured itself leads: whole records of the greatest size by one thread,
/// public-key operations, and handshakes.
pub(super) fn measured(document: &CryptoDocument) -> Vec<Measured> {
    let greatest = document.plan.record_bytes.iter().copied().max().unwrap_or(0);
    // What leaves a part of the work out is a bound of unknown distance, on each CPU another.
    let records = document.aead.iter().filter(|row| row.whole_record).map(|row| record(row, greatest));
    let mut all: Vec<Measured> = records.collect();
    all.extend(document.record_layer.iter().map(record_layer));
    all.extend(document.primitives.iter().map(primitive));
    all.extend(document.handshakes.iter().flat_map(handshake));
    all
}

fn of_part(part: &str, provider: Library) -> Subject {
    Subject { part: Some(part.to_owned()), provider: Some(provider.name().to_owned()), ..Subject::default() }
}

fn record(row: &AeadRow, greatest: u64) -> Measured {
    let subject = Subject {
        algorithm: Some(row.algorithm.name().to_owned()),
        direction: Some(row.direction.name().to_owned()),
        record_bytes: Some(row.record_bytes),
        threads: Some(row.threads),
        ..of_part("aead", row.provider)
    };
    let leading = row.provider != Library::OpenSsl && row.threads == 1 && row.record_bytes == greatest;
    Measured { leading, ..bytes(&subject, &row.speed, "aead") }
}

fn record_layer(row: &RecordLayerRow) -> Measured {
    let subject = Subject {
        suite: Some(row.suite),
        direction: Some(row.direction.name().to_owned()),
        record_bytes: Some(row.record_bytes),
        ..of_part("record_layer", row.provider)
    };
    bytes(&subject, &row.speed, "record_layer")
}

fn primitive(row: &PrimitiveRow) -> Measured {
    let subject = Subject {
        algorithm: Some(row.algorithm.name().to_owned()),
        operation: Some(row.operation.name().to_owned()),
        ..of_part("primitives", row.provider)
    };
    let leading = row.provider != Library::OpenSsl;
    Measured { leading, ..Measured::new(&subject, "operation_ns", time(&row.speed), "primitives") }
}

fn handshake(row: &HandshakeRow) -> [Measured; 2] {
    let subject = Subject {
        suite: Some(row.suite),
        certificate: row.certificate,
        group: row.group.map(|group| group.to_string()),
        operation: Some(row.handshake.name().to_owned()),
        ..of_part("handshakes", row.provider)
    };
    [("client_ns", &row.client), ("server_ns", &row.server)].map(|(measure, speed)| Measured {
        leading: true,
        ..Measured::new(&subject, measure, time(speed), "handshakes")
    })
}

fn bytes(subject: &Subject, speed: &RecordSpeed, family: &'static str) -> Measured {
    let RecordSpeed { bytes_per_s: value, bytes_per_s_low: low, bytes_per_s_high: high, .. } = *speed;
    let figure = Figure { value, low, high, at_least: false };
    Measured { higher_is_better: true, ..Measured::new(subject, "bytes_per_s", figure, family) }
}

fn time(speed: &OperationSpeed) -> Figure {
    Figure { value: speed.ns, low: speed.ns_low, high: speed.ns_high, at_least: false }
}
