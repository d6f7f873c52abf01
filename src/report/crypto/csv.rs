//! One row for each measurement, whatever was measured: the columns that do not apply are empty.

use std::io;

use crate::record::crypto::{
    AeadRow, CryptoDocument, HandshakeRow, OperationSpeed, PrimitiveRow, RecordLayerRow, RecordSpeed,
};
use crate::report::table::{Cell, Table, maybe, moment, real, text, truth, whole};

const COLUMNS: [&str; 23] = [
    "started_at",
    "cpu_model",
    "measurement",
    "provider",
    "algorithm",
    "operation",
    "version",
    "certificate",
    "group",
    "side",
    "record_bytes",
    "threads",
    "whole_record",
    "repetitions",
    "bytes_per_s",
    "bytes_per_s_low",
    "bytes_per_s_high",
    "ns_per_operation",
    "ns_per_operation_low",
    "ns_per_operation_high",
    "operations_per_s",
    "operations_per_s_low",
    "operations_per_s_high",
];

/// What was measured, in the words of the columns from `measurement` to `threads`.
#[derive(Default)]
struct What {
    measurement: &'static str,
    provider: &'static str,
    algorithm: &'static str,
    operation: &'static str,
    version: String,
    certificate: String,
    group: &'static str,
    side: &'static str,
    record_bytes: Option<u64>,
    threads: u64,
    /// Of records only.
    whole_record: Option<bool>,
}

/// A median with its interval.
#[derive(Clone, Copy)]
struct Figure {
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
}

impl Figure {
    /// The same as a rate: `scale` ÷ time, so that the ends change places.
    fn per(self, scale: f64) -> Self {
        let turned = |ns: f64| scale / ns;
        Self { value: turned(self.value), low: self.high.map(turned), high: self.low.map(turned) }
    }

    fn cells(self) -> [Cell; 3] {
        [real(self.value), real(self.low), real(self.high)]
    }
}

/// One row for each measurement: records, record layer, public-key operations, and each side of each handshake.
///
/// # Errors
/// Only those of `out`.
pub fn csv(document: &CryptoDocument, out: &mut dyn io::Write) -> io::Result<()> {
    table(document).csv(out)
}

pub(in crate::report) fn table(document: &CryptoDocument) -> Table {
    let mut rows = Vec::new();
    let records = document.aead.iter().map(aead).chain(document.record_layer.iter().map(record_layer));
    for (what, speed) in records {
        let bytes =
            Figure { value: speed.bytes_per_s, low: speed.bytes_per_s_low, high: speed.bytes_per_s_high }.cells();
        let ns = Figure { value: speed.ns_per_record, low: speed.ns_per_record_low, high: speed.ns_per_record_high };
        let all = ns.per(1e9 * what.threads as f64);
        rows.push(row(document, what, speed.repetitions, bytes, ns, all));
    }
    let sides = document.handshakes.iter().flat_map(handshake);
    for (what, speed) in document.primitives.iter().map(primitive).chain(sides) {
        let ns = Figure { value: speed.ns, low: speed.ns_low, high: speed.ns_high };
        let per_s = Figure { value: speed.per_s, ..ns.per(1e9) };
        rows.push(row(document, what, speed.repetitions, Default::default(), ns, per_s));
    }
    Table { columns: COLUMNS.map(str::to_owned).to_vec(), rows }
}

fn row(
    document: &CryptoDocument,
    what: What,
    repetitions: u64,
    bytes: [Cell; 3],
    ns: Figure,
    per_s: Figure,
) -> Vec<Cell> {
    let [bytes_per_s, bytes_low, bytes_high] = bytes;
    let [ns_value, ns_low, ns_high] = ns.cells();
    let [per_s, per_s_low, per_s_high] = per_s.cells();
    vec![
        moment(&document.started_at),
        maybe(document.host.cpu.model.as_deref()),
        text(what.measurement),
        text(what.provider),
        text(what.algorithm),
        text(what.operation),
        text(&what.version),
        text(&what.certificate),
        text(what.group),
        text(what.side),
        whole(what.record_bytes),
        whole(what.threads),
        what.whole_record.map(truth).unwrap_or_default(),
        whole(repetitions),
        bytes_per_s,
        bytes_low,
        bytes_high,
        ns_value,
        ns_low,
        ns_high,
        per_s,
        per_s_low,
        per_s_high,
    ]
}

fn aead(row: &AeadRow) -> (What, &RecordSpeed) {
    let what = What {
        measurement: "aead",
        provider: row.provider.name(),
        algorithm: row.algorithm.name(),
        operation: row.direction.name(),
        record_bytes: Some(row.record_bytes),
        threads: row.threads,
        whole_record: Some(row.whole_record),
        ..What::default()
    };
    (what, &row.speed)
}

fn record_layer(row: &RecordLayerRow) -> (What, &RecordSpeed) {
    let what = What {
        measurement: "record_layer",
        provider: row.provider.name(),
        algorithm: row.suite.iana(),
        operation: row.direction.name(),
        version: row.version.to_string(),
        record_bytes: Some(row.record_bytes),
        threads: 1,
        whole_record: Some(true),
        ..What::default()
    };
    (what, &row.speed)
}

fn primitive(row: &PrimitiveRow) -> (What, &OperationSpeed) {
    let what = What {
        measurement: "primitive",
        provider: row.provider.name(),
        algorithm: row.algorithm.name(),
        operation: row.operation.name(),
        threads: 1,
        ..What::default()
    };
    (what, &row.speed)
}

fn handshake(row: &HandshakeRow) -> [(What, &OperationSpeed); 2] {
    [("client", &row.client), ("server", &row.server)].map(|(side, speed)| {
        let what = What {
            measurement: "handshake",
            provider: row.provider.name(),
            algorithm: row.suite.iana(),
            operation: row.handshake.name(),
            version: row.version.to_string(),
            certificate: row.certificate.map(|key| key.to_string()).unwrap_or_default(),
            group: row.group.map_or("", |group| group.iana()),
            side,
            threads: 1,
            ..What::default()
        };
        (what, speed)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::record::crypto::fixture;

    #[test]
    fn every_measurement_is_a_row_of_numbers_that_agree() {
        let document = fixture::document();
        let mut out = Vec::new();
        csv(&document, &mut out).unwrap();
        let mut reader = ::csv::Reader::from_reader(out.as_slice());
        let header: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        assert_eq!(header.iter().collect::<BTreeSet<_>>().len(), header.len(), "each name stands once");
        // A reader that is not flexible refuses rows of another length.
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        let expected = document.aead.len() + document.record_layer.len() + document.primitives.len();
        assert_eq!(rows.len(), expected + 2 * document.handshakes.len());
        let at = |name: &str| header.iter().position(|column| column == name).unwrap();
        for row in &rows {
            let number = |name: &str| row[at(name)].parse::<f64>().ok();
            let ns = number("ns_per_operation").unwrap();
            // The rate is that of all threads together, the time that of one.
            let all = number("threads").unwrap() * 1e9;
            assert!((number("operations_per_s").unwrap() * ns / all - 1.0).abs() < 1e-9, "{row:?}");
            if let Some(bytes) = number("record_bytes") {
                assert!((number("bytes_per_s").unwrap() * ns / (bytes * all) - 1.0).abs() < 1e-9, "{row:?}");
            }
            let once = number("repetitions") == Some(1.0);
            for figure in ["bytes_per_s", "ns_per_operation", "operations_per_s"] {
                let Some(value) = number(figure) else { continue };
                let (low, high) = (number(&format!("{figure}_low")), number(&format!("{figure}_high")));
                assert_eq!((low.is_none(), high.is_none()), (once, once), "{figure} {row:?}");
                assert!(once || (low.unwrap() < value && value < high.unwrap()), "{figure} {row:?}");
            }
        }
    }
}
