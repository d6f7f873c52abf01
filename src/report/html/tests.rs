//! Pages of every kind: as they were, harmless whatever a document holds, true to its numbers, and small.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::*;
use crate::experiment::{compare, plan};
use crate::record;
use crate::record::fixture;
use crate::record::run::SeriesRow;

type Render<D> = fn(&D, &mut dyn io::Write) -> io::Result<()>;

/// Strings that would do harm where they were not escaped.
const HOSTILE: [&str; 5] = [
    "</title></style><script>alert(1)</script><img src=x onerror=alert(2)>",
    "\"'><a href=javascript:alert(3)>x</a>",
    "\u{1b}[31m\u{7}\u{0}\u{202e}",
    "=HYPERLINK(\"http://evil.example\")",
    "&lt;script&gt;",
];

fn rendered<D>(document: &D, render: Render<D>) -> String {
    let mut page = Vec::new();
    render(document, &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

/// Holds the page of `document` with every string in it replaced that may be any string.
fn hostile<D: Serialize + DeserializeOwned>(document: &D, render: Render<D>) {
    let honest = serde_json::to_value(document).unwrap();
    let mut paths = Vec::new();
    strings(&honest, &mut String::new(), &mut paths);
    // The names of suites, groups and kinds can be no other string.
    paths.retain(|path| {
        let mut one = honest.clone();
        *one.pointer_mut(path).unwrap() = Value::from(HOSTILE[0]);
        serde_json::from_value::<D>(one).is_ok()
    });
    for (n, text) in HOSTILE.iter().enumerate() {
        let mut all = honest.clone();
        for path in &paths {
            *all.pointer_mut(path).unwrap() = Value::from(*text);
        }
        let page = rendered(&serde_json::from_value::<D>(all).unwrap(), render);
        harmless(&page, n);
    }
    assert!(paths.len() > 8, "only {paths:?} were tried");
}

fn strings(value: &Value, at: &mut String, found: &mut Vec<String>) {
    let length = at.len();
    match value {
        Value::String(_) => found.push(at.clone()),
        Value::Array(items) => {
            // Two of each: rows of one list are rendered alike.
            for (n, item) in items.iter().enumerate().take(2) {
                *at += &format!("/{n}");
                strings(item, at, found);
                at.truncate(length);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                *at += &format!("/{}", name.replace('~', "~0").replace('/', "~1"));
                strings(field, at, found);
                at.truncate(length);
            }
        }
        _ => {}
    }
}

fn harmless(page: &str, n: usize) {
    let lower = page.to_lowercase();
    for bad in ["<script", "<img", "<iframe", "<link", "@import"] {
        assert!(!lower.contains(bad), "hostile string {n}: {bad} in the page");
    }
    let control = page.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
    assert_eq!(control, None, "hostile string {n}");
    assert_eq!((page.matches("<style>").count(), page.matches("</style>").count()), (1, 1));
    // Every element that is opened is closed, so that nothing has broken out of its place.
    for name in ["details", "svg", "table", "figure", "dl", "pre", "title"] {
        let opened = page.matches(&format!("<{name}>")).count() + page.matches(&format!("<{name} ")).count();
        assert_eq!(opened, page.matches(&format!("</{name}>")).count(), "hostile string {n}: <{name}>");
    }
    for href in page.split("href=\"").skip(1) {
        assert!(href.starts_with("data:text/csv;charset=utf-8,"), "hostile string {n}: a link to elsewhere");
    }
    // Text and attributes have their `<`, `>` and `"` escaped: what lies between two is a tag, and every second part of it is outside of quotes.
    for tag in page.split('<').skip(1).map(|tag| tag.split('>').next().unwrap_or_default()) {
        let outside: String = tag.split('"').step_by(2).collect();
        for bad in [" src=", " onerror=", " onload=", "javascript:"] {
            assert!(!outside.contains(bad), "hostile string {n}: {bad} in <{tag}>");
        }
    }
}

/// Every number in a table stands in the document.
fn true_to<D: Serialize>(document: &D, render: Render<D>) {
    let mut known = Vec::new();
    numbers(&serde_json::to_value(document).unwrap(), &mut known);
    let page = rendered(document, render);
    let mut seen = 0;
    for cell in page.split("<td class=\"n\">").skip(1) {
        let cell: f64 = cell.split('<').next().unwrap().parse().unwrap();
        assert!(known.contains(&cell), "{cell} is not in the document");
        seen += 1;
    }
    assert!(seen > 5, "only {seen} numbers are shown");
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
}

fn numbers(value: &Value, found: &mut Vec<f64>) {
    match value {
        Value::Number(number) => found.push(number.as_f64().unwrap()),
        // A detail may be a number in words, such as a status.
        Value::String(text) => found.extend(text.parse::<f64>().ok()),
        Value::Array(items) => items.iter().for_each(|item| numbers(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| numbers(field, found)),
        _ => {}
    }
}

#[test]
fn no_string_of_a_document_harms_its_page() {
    hostile(&fixture::open_loop(), run);
    hostile(&fixture::suites(), suites);
    hostile(&fixture::capacity(), capacity);
    hostile(&record::crypto::fixture::document(), crypto);
    hostile(&fixture::audit(), audit);
    hostile(&fixture::trial(), trial);
    for (_, document) in compare::fixture::all() {
        hostile(&document, compare);
    }
    for (_, document) in plan::fixture::all() {
        hostile(&document, plan);
    }
}

#[test]
fn every_number_in_a_table_is_the_documents() {
    for mut document in [fixture::open_loop(), fixture::closed_loop(), fixture::handshakes()] {
        // What the heat map counts stands in no number of the document: its own tests hold it against the histograms.
        document.intervals.clear();
        true_to(&document, run);
    }
    true_to(&fixture::suites(), suites);
    true_to(&fixture::capacity(), capacity);
    true_to(&record::crypto::fixture::document(), crypto);
    true_to(&fixture::trial(), trial);
    for (_, document) in compare::fixture::all() {
        true_to(&document, compare);
    }
}

#[test]
fn each_figure_has_a_place_in_the_tables() {
    let document = fixture::open_loop();
    let page = rendered(&document, run);
    for (_, latency) in document.latency.named() {
        for record in latency.iter().flat_map(|latency| &latency.quantiles) {
            for ns in [record.ns, record.low_ns, record.high_ns].into_iter().flatten() {
                assert!(page.contains(&format!("<td class=\"n\">{ns}</td>")), "{ns}");
            }
        }
    }
}

#[test]
fn a_long_series_is_thinned_to_what_can_be_seen_and_says_so() {
    let row = |n: u32| SeriesRow {
        t_s: f64::from(n) + 1.0,
        requests: u64::from(1000 + n % 97),
        service_p50_ns: Some(u64::from(1_000_000 + n % 1009)),
        service_p99_ns: Some(u64::from(5_000_000 + n % 2003)),
        ..SeriesRow::default()
    };
    let mut document = fixture::closed_loop();
    document.series = (0..1_000_000).map(row).collect();
    document.series[765_432].service_p99_ns = Some(9_876_543_210);
    document.series[123_456].failures = 4_321;
    document.series[345_678].requests = 3;
    let page = rendered(&document, run);
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    assert!(page.contains("Thinned: of 1 000 000 seconds"), "it says so");
    for outlier in ["9876543210", "4321", "345679</td><td class=\"n\">3"] {
        assert!(page.contains(&format!("<td class=\"n\">{outlier}</td>")), "{outlier} can be seen");
    }
    document.series.truncate(300);
    assert!(!rendered(&document, run).contains("Thinned"), "a short one is whole");
}

#[test]
fn the_verdict_comes_before_all_else() {
    let page = rendered(&fixture::open_loop(), run);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}"));
    assert!(at("INVALID") < at("requests started late") && at("requests started late") < at("<svg"));
    assert!(at("Content-Security-Policy") < at("<title>"));
    let page = rendered(&fixture::audit(), audit);
    assert!(page.contains("ssl_protocols") || page.contains("to do: "), "remedies are shown");
}
