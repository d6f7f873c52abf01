//! Every format, byte for byte, against the files in `tests/golden`. After a wanted change:
//! `UPDATE_GOLDEN=1 cargo test --lib golden`, and read the difference.

use std::io;
use std::path::Path;

use super::{audit, capacity, compare, crypto, csv, hdr, html, openmetrics, plan, suites, text, trial};
use crate::experiment::compare::fixture as compared;
use crate::experiment::plan::fixture as planned;
use crate::record;
use crate::record::audit::AuditDocument;
use crate::record::capacity::CapacityDocument;
use crate::record::compare::{CompareDocument, Comparer};
use crate::record::crypto::CryptoDocument;
use crate::record::fixture;
use crate::record::live::Reading;
use crate::record::plan::PlanDocument;
use crate::record::run::RunDocument;
use crate::record::suites::SuitesDocument;

type Render<D> = fn(&D, &mut dyn io::Write) -> io::Result<()>;

#[test]
fn each_format_is_as_it_was() {
    let json: Render<RunDocument> = |document, out| {
        serde_json::to_writer_pretty(&mut *out, document)?;
        out.write_all(b"\n")
    };
    let formats: [(&str, Render<RunDocument>); 6] = [
        ("result.json", json),
        ("summary.txt", text::run),
        ("summary.csv", csv::summary),
        ("series.csv", csv::series),
        ("quantiles.csv", csv::quantiles),
        (html::FILE, html::run),
    ];
    let documents = [
        ("run-open", fixture::open_loop()),
        ("run-closed", fixture::closed_loop()),
        ("run-handshakes", fixture::handshakes()),
    ];
    for (folder, document) in &documents {
        hold(folder, document, &formats);
    }
    let of_response: Render<RunDocument> =
        |document, out| hdr::hgrm(document.latency.response.as_ref().expect("it has one"), out);
    let metrics: Render<RunDocument> = |document, out| openmetrics::write(&Reading::of(document), out);
    hold(
        "run-open",
        &documents[0].1,
        &[("latency.hlog", hdr::hlog as Render<RunDocument>), ("response.hgrm", of_response), ("metrics.txt", metrics)],
    );
}

/// A narrow terminal shows the same, with tables in parts.
#[test]
fn a_narrow_terminal_loses_nothing() {
    fn hold<D>(document: &D, text: fn(&D, usize, &mut dyn io::Write) -> io::Result<()>) {
        let shown = |columns| {
            let mut out = Vec::new();
            text(document, columns, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let (wide, narrow) = (shown(super::FULL), shown(80));
        for line in narrow.lines() {
            assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
        }
        let words = |text: &str| {
            let mut count = std::collections::BTreeMap::new();
            text.split_whitespace().for_each(|word| *count.entry(word.to_owned()).or_insert(0) += 1);
            count
        };
        let narrow = words(&narrow);
        for (word, n) in words(&wide) {
            assert!(narrow.get(&word).is_some_and(|m| *m >= n), "'{word}' is lost");
        }
    }
    hold(&fixture::open_loop(), text::run_in);
    hold(&fixture::handshakes(), text::run_in);
    hold(&fixture::suites(), suites::text_in);
    hold(&fixture::capacity(), capacity::text_in);
    hold(&fixture::audit(), audit::text_in);
    hold(&record::crypto::fixture::document(), crypto::text_in);
    hold(&fixture::trial(), trial::text_in);
    for (_, document) in compared::all() {
        hold(&document, compare::text_in);
    }
    for (_, document) in planned::all() {
        hold(&document, plan::text_in);
    }
}

#[test]
fn each_format_of_suites_is_as_it_was() {
    let json: Render<SuitesDocument> = |document, out| {
        serde_json::to_writer_pretty(&mut *out, document)?;
        out.write_all(b"\n")
    };
    let formats =
        [("result.json", json), ("summary.txt", suites::text), ("suites.csv", suites::csv), (html::FILE, html::suites)];
    hold("suites", &fixture::suites(), &formats);
    hold("suites-untrusted", &fixture::untrusted_suites(), &formats);
}

#[test]
fn each_format_of_an_audit_is_as_it_was() {
    let json: Render<AuditDocument> = |document, out| {
        serde_json::to_writer_pretty(&mut *out, document)?;
        out.write_all(b"\n")
    };
    let formats =
        [("result.json", json), ("summary.txt", audit::text), ("audit.csv", audit::csv), (html::FILE, html::audit)];
    hold("audit", &fixture::audit(), &formats);
}

#[test]
fn each_format_of_a_search_for_capacity_is_as_it_was() {
    let json: Render<CapacityDocument> = |document, out| {
        serde_json::to_writer_pretty(&mut *out, document)?;
        out.write_all(b"\n")
    };
    let formats = [
        ("result.json", json),
        ("summary.txt", capacity::text),
        ("capacity.csv", capacity::csv),
        (html::FILE, html::capacity),
    ];
    for (folder, document) in [("capacity", fixture::capacity()), ("capacity-none", fixture::no_capacity())] {
        let mut text = Vec::new();
        capacity::text(&document, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        hold(folder, &document, &formats);
    }
}

#[test]
fn each_format_of_crypto_is_as_it_was() {
    let json: Render<CryptoDocument> = |document, out| {
        serde_json::to_writer_pretty(&mut *out, document)?;
        out.write_all(b"\n")
    };
    let formats =
        [("result.json", json), ("summary.txt", crypto::text), ("crypto.csv", crypto::csv), (html::FILE, html::crypto)];
    hold("crypto", &record::crypto::fixture::document(), &formats);
}

#[test]
fn each_format_of_a_comparison_is_as_it_was() {
    let json: Render<CompareDocument> = |document, out| {
        serde_json::to_writer_pretty(&mut *out, document)?;
        out.write_all(b"\n")
    };
    let formats = [
        ("result.json", json),
        ("summary.txt", compare::text),
        ("compare.csv", compare::csv),
        (html::FILE, html::compare),
    ];
    for (folder, document) in compared::all() {
        let mut text = Vec::new();
        compare::text(&document, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        hold(folder, &document, &formats);
    }
}

#[test]
fn the_text_of_the_trial_is_as_it_was() {
    hold("trial", &fixture::trial(), &[("summary.txt", trial::text), (html::FILE, html::trial)]);
    hold(
        "trial-interrupted",
        &fixture::interrupted_trial(),
        &[("summary.txt", trial::text), (html::FILE, html::trial)],
    );
}

#[test]
fn each_format_of_a_plan_is_as_it_was() {
    let json: Render<PlanDocument> = |document, out| {
        serde_json::to_writer_pretty(&mut *out, document)?;
        out.write_all(b"\n")
    };
    let formats =
        [("result.json", json), ("summary.txt", plan::text), ("plan.csv", plan::csv), (html::FILE, html::plan)];
    for (folder, mut document) in planned::all() {
        // The program that is tested has another commit each day.
        document.tool = Comparer { version: "0.1.0".into(), commit: Some("1ec41a7".into()) };
        let mut text = Vec::new();
        plan::text(&document, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        hold(folder, &document, &formats);
    }
}

/// Holds what each of `formats` makes of `document` against the file of that name in `folder`.
fn hold<D>(folder: &str, document: &D, formats: &[(&str, Render<D>)]) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut differing = Vec::new();
    for (name, render) in formats {
        let mut rendered = Vec::new();
        render(document, &mut rendered).unwrap();
        let path = golden.join(folder).join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &rendered).unwrap();
        } else if std::fs::read(&path).ok().as_ref() != Some(&rendered) {
            differing.push(path);
        }
    }
    assert!(differing.is_empty(), "UPDATE_GOLDEN=1 accepts what changed in {differing:?}");
}
