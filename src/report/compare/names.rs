//! What the rows of a comparison are called: a title for those that belong together, and a name under it.

use crate::record::compare::{Row, Subject, measure_in_words};
use crate::report::suites::{arm_name, suite_name};
use crate::units::{self, ByteCount};

/// The rows under each title, in the order in which the titles first occur.
pub(super) fn by_title<'r>(rows: &[&'r Row]) -> Vec<(String, Vec<&'r Row>)> {
    let mut groups: Vec<(String, Vec<&Row>)> = Vec::new();
    for row in rows {
        let title = title(row);
        match groups.iter_mut().find(|(other, _)| *other == title) {
            Some((_, group)) => group.push(row),
            None => groups.push((title, vec![row])),
        }
    }
    groups
}

/// What was done, and the measure; empty for runs, where each row has a measure of its own.
fn title(row: &Row) -> String {
    match group(&row.subject) {
        Some(group) => format!("{group}: {}", measure_in_words(&row.measure)),
        None => String::new(),
    }
}

fn group(subject: &Subject) -> Option<String> {
    if let Some(part) = &subject.part {
        let size = units::record_size(subject.record_bytes.unwrap_or(0));
        let provider = subject.provider.as_deref().unwrap_or_default();
        return Some(match (part.as_str(), subject.threads) {
            ("aead", Some(threads @ 2..)) => format!("records of {size}, {threads} threads"),
            ("aead", _) => format!("records of {size}, one thread"),
            ("record_layer", _) => format!("record layer, records of {size}"),
            ("handshakes", _) => {
                format!("{} handshakes with {provider}", subject.operation.as_deref().unwrap_or_default())
            }
            ("primitives", _) => "public keys".to_owned(),
            (other, _) => other.replace('_', " "),
        });
    }
    let workload = subject.workload.as_ref()?;
    Some(match (&subject.direction, subject.object_bytes, workload.as_str()) {
        (Some(direction), Some(bytes), _) => format!("{direction} of {}", ByteCount(bytes)),
        (.., "request") => "small requests".to_owned(),
        (.., name) => format!("{}s", name.replace('_', " ")),
    })
}

/// What a row is, under its title.
pub(super) fn name(row: &Row) -> String {
    let subject = &row.subject;
    let suite = match (subject.suite, subject.certificate) {
        (Some(suite), Some(certificate)) => Some(arm_name(suite, certificate)),
        (suite, _) => suite.map(suite_name),
    };
    let provider = subject.provider.clone().filter(|_| subject.part.as_deref() != Some("handshakes"));
    let operation = subject.operation.clone().filter(|_| subject.part.as_deref() == Some("primitives"));
    let direction = subject.direction.clone().filter(|_| subject.object_bytes.is_none());
    let parts = [suite, subject.algorithm.clone(), operation, subject.group.clone(), provider, direction];
    let name: Vec<String> = parts.into_iter().flatten().collect();
    if name.is_empty() { measure_in_words(&row.measure) } else { name.join(" ") }
}

/// What a row is, by itself.
pub(in crate::report) fn in_full(row: &Row) -> String {
    let (title, name) = (title(row), name(row));
    if title.is_empty() { name } else { format!("{name} ({title})") }
}
