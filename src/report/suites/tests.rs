//! What the page and the table of a comparison must hold, whatever is in the document.

use super::*;
use crate::record::fixture;

fn rendered(document: &SuitesDocument) -> (String, String) {
    let (mut page, mut table) = (Vec::new(), Vec::new());
    text(document, &mut page).unwrap();
    csv(document, &mut table).unwrap();
    (String::from_utf8(page).unwrap(), String::from_utf8(table).unwrap())
}

#[test]
fn no_line_is_wider_than_a_page() {
    for document in [fixture::suites(), fixture::untrusted_suites()] {
        let (page, _) = rendered(&document);
        let widest = page.lines().max_by_key(|line| line.chars().count()).unwrap();
        assert!(widest.chars().count() <= 100, "{widest}");
        assert!(page.chars().all(|c| c == '\n' || !c.is_control()), "{page:?}");
    }
}

#[test]
fn cells_are_numbers_or_empty_where_a_column_is_of_numbers() {
    const TEXTS: [&str; 19] = [
        "started_at",
        "url",
        "host_cpu_model",
        "crypto",
        "suite",
        "suite_openssl",
        "version",
        "certificate",
        "workload",
        "direction",
        "limited_by",
        "rate_of",
        "groups",
        "rate_verdict",
        "response_p50_verdict",
        "client_cpu_verdict",
        "server_cpu_verdict",
        "workload_trust",
        "rate_verdict_limited_by",
    ];
    const TRUTHS: [&str; 5] = ["insecure", "interrupted", "trusted", "baseline", "control"];
    for document in [fixture::suites(), fixture::untrusted_suites()] {
        let (_, table) = rendered(&document);
        // It refuses rows of another length than the header's.
        let mut reader = ::csv::Reader::from_reader(table.as_bytes());
        let header = reader.headers().unwrap().clone();
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), document.arms.len());
        let mut numbers = 0;
        for (row, arm) in rows.iter().zip(&document.arms) {
            for (name, cell) in header.iter().zip(row) {
                if TRUTHS.contains(&name) {
                    assert!(matches!(cell, "true" | "false"), "{name}: {cell}");
                } else if TEXTS.contains(&name) {
                    assert!(!cell.starts_with(['=', '+', '-', '@']), "{name}: {cell}");
                } else if !cell.is_empty() {
                    let number: f64 = cell.parse().unwrap_or_else(|_| panic!("{name}: {cell}"));
                    assert!(number.is_finite() && !cell.contains(['e', 'E']), "{name}: {cell}");
                    numbers += 1;
                }
            }
            let cell = |name: &str| &row[header.iter().position(|column| column == name).unwrap()];
            let rate = arm.estimate.rate_per_s.map(|figure| figure.value);
            assert_eq!(cell("rate_per_s").parse().ok(), rate);
            assert_eq!((cell("suite"), cell("control")), (arm.suite.iana(), &*arm.control.to_string()));
            assert_eq!(cell("object_bytes").parse().ok(), arm.object_bytes);
        }
        assert!(numbers > 20 * rows.len(), "{numbers}");
    }
}

#[test]
fn what_ended_before_its_first_round_has_no_tables() {
    let mut document = SuitesDocument { interrupted: true, ..fixture::suites() };
    for arm in &mut document.arms {
        (arm.rounds, arm.estimate) = (Vec::new(), Default::default());
    }
    let (page, _) = rendered(&document);
    assert!(page.contains("INTERRUPTED   ended by the user: before a round was complete"), "{page}");
    assert!(page.contains("0 of 10 rounds") && !page.contains("÷ baseline") && !page.contains("per s"), "{page}");
}

#[test]
fn a_verdict_on_the_client_says_so_in_its_row_and_in_the_table() {
    let document = fixture::suites();
    let (page, table) = rendered(&document);
    let mut reader = ::csv::Reader::from_reader(table.as_bytes());
    let column = reader.headers().unwrap().iter().position(|name| name == "rate_verdict_limited_by").unwrap();
    let limited = reader.records().filter(|row| &row.as_ref().unwrap()[column] == "client").count();
    assert_eq!((page.matches("(client)\n").count(), page.matches("(client)  ").count()), (0, limited + 1), "{page}");
}

#[test]
fn the_header_stands_by_itself_too() {
    let (_, full) = rendered(&fixture::suites());
    let (page, empty) = rendered(&SuitesDocument { arms: Vec::new(), ..fixture::suites() });
    assert_eq!(empty.lines().count(), 1);
    assert_eq!(empty.lines().next(), full.lines().next());
    assert!(page.contains("REFUSED"), "{page}");
}
