//! What stands beside the verdict in the first line: the share of the work that failed or was never sent, and why.

use super::layout::solid;
use crate::record::run::{Counts, FailureDetail};
use crate::units;

/// The longest detail that the first line quotes, in characters; the list of failures has all of it.
const MAX_DETAIL: usize = 40;

/// How much of what was measured did not work, as a clause after "but"; `None` where all of it did.
pub(super) fn what_failed(counts: &Counts, details: &[FailureDetail]) -> Option<String> {
    let unit = &counts.unit;
    if counts.scheduled == 0 {
        return Some(format!("no {} fell into the measured time", unit.trim_end_matches('s')));
    }
    let failed = (counts.failed > 0).then(|| {
        let cause = cause(counts, details).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{} of the {unit} failed{cause}", share_text(counts.failed, counts.attempted))
    });
    let unsent = (counts.unsent > 0)
        .then(|| format!("{} of the {unit} were never sent", share_text(counts.unsent, counts.scheduled)));
    let parts: Vec<_> = [failed, unsent].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// The most frequent failure, and "mostly" before it where it is not the only one.
fn cause(counts: &Counts, details: &[FailureDetail]) -> Option<String> {
    let (kind, of_kind) = counts.failures.iter().max_by_key(|(_, n)| **n)?;
    let mine = details.iter().filter(|row| row.of == "counts" && row.kind == *kind);
    let quoted = mine.filter(|row| !row.detail.is_empty() && row.detail.chars().count() <= MAX_DETAIL);
    let (text, n) = match quoted.max_by_key(|row| row.n) {
        // A detail that is only a few of its kind would speak for the others.
        Some(row) if row.n * 2 > *of_kind => (format!("{kind}: {}", row.detail), row.n),
        _ => (kind.to_string(), *of_kind),
    };
    Some(if n == counts.failed { text } else { format!("mostly {text}") })
}

/// `0.32 %`, as one word. A share is never rounded to none or to all when it is neither.
pub(super) fn share_text(part: u64, whole: u64) -> String {
    let text = match units::share(part as f64 / whole as f64) {
        text if text == "0 %" && part > 0 => "< 0.01 %".to_owned(),
        text if text == "100 %" && part < whole => "> 99.99 %".to_owned(),
        text => text,
    };
    solid(&text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::failure::FailureKind;

    fn counts(unsent: u64, failures: &[(FailureKind, u64)]) -> Counts {
        let failed = failures.iter().map(|(_, n)| n).sum();
        Counts {
            unit: "requests".to_owned(),
            scheduled: 1000 + unsent,
            unsent,
            attempted: 1000,
            succeeded: 1000 - failed,
            failed,
            failures: BTreeMap::from_iter(failures.iter().copied()),
            ..Counts::default()
        }
    }

    fn detail(kind: FailureKind, detail: &str, n: u64) -> FailureDetail {
        FailureDetail { kind, detail: detail.to_owned(), n, of: "counts".to_owned() }
    }

    #[test]
    fn the_share_and_the_cause_are_told_whether_all_failed_or_some() {
        use FailureKind::{ConnectRefused, Status, Timeout};
        let statuses = [detail(Status, "503", 30), detail(Status, "500", 10)];
        for (counts, details, expected) in [
            (counts(0, &[]), &[][..], None),
            (counts(0, &[(ConnectRefused, 1000)]), &[], Some("100 % of the requests failed: connect_refused")),
            (counts(0, &[(Status, 40)]), &statuses, Some("4 % of the requests failed: mostly status: 503")),
            (counts(0, &[(Status, 30)]), &statuses[..1], Some("3 % of the requests failed: status: 503")),
            (counts(0, &[(Status, 100)]), &statuses, Some("10 % of the requests failed: status")),
            (counts(0, &[(Status, 2), (Timeout, 3)]), &[], Some("0.5 % of the requests failed: mostly timeout")),
            (counts(1000, &[]), &[], Some("50 % of the requests were never sent")),
            (
                counts(1000, &[(Timeout, 10)]),
                &[],
                Some("1 % of the requests failed: timeout; 50 % of the requests were never sent"),
            ),
            (
                Counts { unit: "sessions".to_owned(), ..Counts::default() },
                &[],
                Some("no session fell into the measured time"),
            ),
        ] {
            let told = what_failed(&counts, details).map(|text| text.replace('\u{a0}', " "));
            assert_eq!(told.as_deref(), expected);
        }
    }

    #[test]
    fn a_long_detail_stays_in_the_list() {
        let long = detail(FailureKind::TlsProtocol, &"x".repeat(MAX_DETAIL + 1), 7);
        let told = what_failed(&counts(0, &[(FailureKind::TlsProtocol, 7)]), &[long]).unwrap();
        assert!(told.ends_with("failed: tls_protocol"), "{told}");
    }
}
