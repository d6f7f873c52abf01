//! Documents side by side, for people: what they differ in, every leading figure of each against the reference's, and what else changed.

mod csv;
mod names;

use std::io;

use serde_json::Value;

use super::layout::{FULL, Page, solid};
use crate::record::compare::{
    CompareDocument, Compared, Differing, Figure, Outcome, Row, Verdict, VersusReference, Why,
};
use crate::record::run::Remark;
use crate::record::{run, suites};
use crate::units;

pub use csv::csv;
pub(super) use csv::table as csv_table;
pub(super) use names::in_full;

/// What stands where a figure does not exist.
const NONE: &str = "–";

/// How many rows of what changed beside the leading figures are printed; the CSV has them all.
const MAX_CHANGED: usize = 25;

/// How many documents stand side by side in a table of their own suites.
const ABREAST: usize = 4;

/// Writes the comparison for people: UTF-8, at most 100 columns, without colour.
///
/// # Errors
/// Only those of `out`.
pub fn text(document: &CompareDocument, out: &mut dyn io::Write) -> io::Result<()> {
    text_in(document, FULL, out)
}

/// Writes it with no table wider than `columns`, at least 80: those that are come in parts.
///
/// # Errors
/// Only those of `out`.
pub fn text_in(document: &CompareDocument, columns: usize, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::within(columns);
    heading(&mut page, document);
    page.gap();
    for (place, compared) in document.documents.iter().enumerate() {
        page.line(&letter(place), &described(place, compared));
    }
    differences(&mut page, document);
    for other in 1..document.documents.len() {
        side_by_side(&mut page, document, other);
    }
    if document.kind == suites::SCHEMA {
        fastest(&mut page, document);
    }
    page.gap();
    legend(&mut page, document);
    out.write_all(page.finish().as_bytes())
}

/// The name of a document in the tables.
pub(super) fn letter(place: usize) -> String {
    match u8::try_from(place) {
        Ok(place @ 0..26) => char::from(b'A' + place).to_string(),
        _ => format!("#{}", place + 1),
    }
}

pub(super) fn heading(page: &mut Page, document: &CompareDocument) {
    let tolerance = solid(&units::share(document.plan.tolerance));
    match document.outcome {
        Outcome::Pass => {
            page.line("PASS", &format!("no leading figure can be worse than in A by more than {tolerance}"));
        }
        Outcome::Regression => {
            let text = format!("surely worse than in A by more than {tolerance}: {}", worse(document));
            page.line("REGRESSION", &text);
        }
        Outcome::Inconclusive => {
            for reason in &document.reasons {
                page.line("INCONCLUSIVE", &reason.text);
            }
        }
    }
    for warning in &document.warnings {
        page.line("WARNING", &warning.text);
    }
    for (place, compared) in document.documents.iter().enumerate() {
        for Remark { code, text } in &compared.warnings {
            page.line("WARNING", &format!("{}: {code}: {text}", letter(place)));
        }
        if compared.insecure == Some(true) {
            page.line(
                "NOT VERIFIED",
                &format!("{}: the server's certificate was not checked (--insecure)", letter(place)),
            );
        }
    }
}

fn versus(document: &CompareDocument) -> impl Iterator<Item = &VersusReference> {
    document.rows.iter().flat_map(|row| &row.versus_reference)
}

fn count(document: &CompareDocument, verdict: Verdict) -> usize {
    versus(document).filter(|versus| versus.verdict == verdict).count()
}

/// Which leading figures got worse, in a few words: the first three, and how many more.
pub fn worse(document: &CompareDocument) -> String {
    let is_worse =
        |row: &&Row| row.leading && row.versus_reference.iter().any(|versus| versus.verdict == Verdict::Worse);
    let names: Vec<String> = document.rows.iter().filter(is_worse).map(in_full).collect();
    let more = names.len().saturating_sub(3);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", names[..names.len() - more].join(", "))
}

fn all(document: &CompareDocument) -> usize {
    versus(document).count()
}

fn described(place: usize, compared: &Compared) -> String {
    let (cpu, tool) = (&compared.host.cpu, &compared.tool);
    let commit = tool.commit.as_ref().map(|commit| format!(" ({commit})")).unwrap_or_default();
    let repeats = match compared.repeats.as_slice() {
        [] => String::new(),
        [one] => format!(" and its repeat {one}"),
        several => format!(" and its repeats {}", several.join(", ")),
    };
    let mut parts = vec![
        format!("{}{repeats}: {}", compared.path, cpu.model.as_deref().unwrap_or("an unknown CPU")),
        solid(&format!("{} hardware thread{}", cpu.threads, if cpu.threads == 1 { "" } else { "s" })),
        format!("shakedown {}{commit} with {}", tool.version, tool.crypto),
        compared.started_at.clone(),
    ];
    parts.extend(compared.url.clone());
    if place == 0 {
        parts.push("the reference".to_owned());
    } else if compared.same_as_reference {
        parts.push("the same measurement as A".to_owned());
    }
    if !compared.unreliable.is_empty() {
        parts.push("NOT TO BE RELIED ON".to_owned());
    }
    if let Some(limit) = &compared.limited_by {
        parts.push(format!("limited by the {limit}: its rates are lower bounds of the server's"));
    }
    parts.join(", ")
}

fn differences(page: &mut Page, document: &CompareDocument) {
    if document.differences.is_empty() {
        return;
    }
    page.gap();
    let mut label = "differing";
    for differing in &document.differences {
        let values: Vec<String> = shown_values(differing)
            .into_iter()
            .enumerate()
            .map(|(place, value)| format!("{} {value}", letter(place)))
            .collect();
        let anyway = if differing.needs_anyway { " (--anyway)" } else { "" };
        page.line(label, &format!("{} {}{anyway}: {}", differing.section, differing.setting, values.join(" | ")));
        label = "";
    }
}

/// Of lists only what not all have: the rest says nothing of a difference.
fn shown_values(differing: &Differing) -> Vec<String> {
    let lists: Option<Vec<&Vec<Value>>> = differing.values.iter().map(Value::as_array).collect();
    let Some(lists) = lists else { return differing.values.iter().map(value).collect() };
    let everywhere = |item: &&Value| lists.iter().all(|list| list.contains(item));
    let only = |list: &&Vec<Value>| list.iter().filter(|item| !everywhere(item)).map(value).collect::<Vec<_>>();
    let only: Vec<Vec<String>> = lists.iter().map(only).collect();
    if only.iter().all(Vec::is_empty) {
        // The same in another order.
        return differing.values.iter().map(value).collect();
    }
    only.into_iter().map(|items| if items.is_empty() { NONE.to_owned() } else { items.join(", ") }).collect()
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => NONE.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(self::value).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => fields.values().map(self::value).collect::<Vec<_>>().join(" "),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        Value::Bool(truth) => truth.to_string(),
    }
}

/// The tables of one document against the reference.
fn side_by_side(page: &mut Page, document: &CompareDocument, other: usize) {
    let exists = |row: &&Row| row.figures[0].or(row.figures[other]).is_some();
    let shown = |row: &&Row| (row.leading || document.kind == run::SCHEMA) && exists(row);
    tables(page, &document.rows.iter().filter(shown).collect::<Vec<_>>(), other);
    let changed =
        |row: &&Row| !shown(row) && matches!(row.versus_reference[other - 1].verdict, Verdict::Better | Verdict::Worse);
    let changed: Vec<&Row> = document.rows.iter().filter(changed).collect();
    if !changed.is_empty() {
        page.gap();
        let more = match changed.len() {
            n if n > MAX_CHANGED => format!("; the first {MAX_CHANGED} of {n}, compare.csv has all"),
            _ => String::new(),
        };
        page.line("BESIDE THESE", &format!("what else is better or worse in {}{more}", letter(other)));
        tables(page, &changed[..changed.len().min(MAX_CHANGED)], other);
    }
}

/// A table for each title, in the order in which they first occur.
fn tables(page: &mut Page, rows: &[&Row], other: usize) {
    for (title, rows) in names::by_title(rows) {
        page.gap();
        if !title.is_empty() {
            page.heading(&format!("{title}{}", whose(&rows, other)));
        }
        table(page, &rows, other);
    }
}

/// Whose figures the rates of a table are, in both documents.
fn whose(rows: &[&Row], other: usize) -> String {
    let of = |place: usize| {
        let mut found: Vec<&str> = rows.iter().filter_map(|row| row.rate_of.get(place)?.as_deref()).collect();
        found.dedup();
        match found.as_slice() {
            [] => None,
            ["both"] => Some("client and server on shared cores"),
            ["server"] => Some("the server"),
            ["client"] => Some("the client"),
            _ => Some("one or the other (compare.csv)"),
        }
    };
    match (of(0), of(other)) {
        (Some(a), Some(b)) if a == b => format!(", of {a}"),
        (Some(a), Some(b)) => format!(", in A of {a}, in {} of {b}", letter(other)),
        _ => String::new(),
    }
}

fn table(page: &mut Page, rows: &[&Row], other: usize) {
    let document = letter(other);
    let line = |row: &&Row| {
        let versus = &row.versus_reference[other - 1];
        let cell = |place: usize| row.figures[place].map_or(NONE.to_owned(), |figure| shown(row, figure));
        let mark = if row.leading { "" } else { " °" };
        vec![format!("{}{mark}", names::name(row)), cell(0), cell(other), ratio(versus), words(versus).to_owned()]
    };
    let head = ["", "A", &document, &format!("{document} / A"), ""];
    page.columns(&head, &rows.iter().map(line).collect::<Vec<_>>());
}

/// A figure with its unit, as the measure's name has it, and in the unit that its own document is shown in.
fn shown(row: &Row, figure: Figure) -> String {
    let value = figure.value;
    let text = match row.measure.as_str() {
        // Of cryptography GB/s throughout, whatever the library and the size.
        name if name.starts_with("bytes_") && row.subject.part.is_some() => {
            format!("{} GB/s", units::gigabytes_per_second(value))
        }
        name if name.starts_with("bytes_") => format!("{}/s", units::bytes(value)),
        name if name.ends_with("_share") => units::share(value),
        name if name.contains("_s_per_gb") => format!("{} s", units::decimal(value)),
        name if name.ends_with("_ns") || name.contains("_ns_per_") => units::time(value),
        _ => units::decimal(value),
    };
    format!("{}{text}", if figure.at_least { "≥" } else { "" })
}

pub(super) fn ratio(versus: &VersusReference) -> String {
    match (versus.ratio, versus.low, versus.high) {
        (Some(ratio), Some(low), Some(high)) => format!("{} ({}–{})", times(ratio), times(low), times(high)),
        (Some(ratio), ..) => times(ratio),
        (None, ..) => NONE.to_owned(),
    }
}

/// A ratio with three digits or so.
pub(super) fn times(ratio: f64) -> String {
    match ratio {
        r if r >= 99.95 => units::decimal(r.round()),
        r if r >= 9.995 => format!("{r:.1}"),
        r if r >= 0.0995 => format!("{r:.2}"),
        r => format!("{r:.3}"),
    }
}

pub(super) fn words(versus: &VersusReference) -> &'static str {
    match (versus.verdict, versus.why) {
        (Verdict::Better, _) => "better",
        (Verdict::Worse, _) => "WORSE",
        (Verdict::NoDifference, _) => "no difference seen",
        (Verdict::CannotTell, Some(Why::Missing)) => "not in both",
        (Verdict::CannotTell, Some(Why::NoInterval)) => "no interval",
        (Verdict::CannotTell, Some(Why::Bound)) => "a bound only",
        (Verdict::CannotTell, Some(Why::OtherRate)) => "at other rates",
        (Verdict::CannotTell, Some(Why::OtherLimit)) => "of other sides",
        (Verdict::CannotTell, Some(Why::Burst)) => "in one burst",
        (Verdict::CannotTell, Some(Why::SingleRuns)) => "may be chance",
        (Verdict::CannotTell, _) => "cannot tell",
    }
}

/// Which suite is faster than its baseline in each document: a row for each suite, a column for each document.
fn fastest(page: &mut Page, document: &CompareDocument) {
    let rows: Vec<&Row> = document.rows.iter().filter(|row| !row.versus_baseline.is_empty()).collect();
    let places: Vec<usize> = (0..document.documents.len()).collect();
    for (title, group) in names::by_title(&rows) {
        for places in places.chunks(ABREAST) {
            page.gap();
            page.heading(&format!("{title} against each document's own baseline"));
            let letters: Vec<String> = places.iter().map(|place| letter(*place)).collect();
            let head: Vec<&str> = [""].into_iter().chain(letters.iter().map(String::as_str)).collect();
            let line = |row: &&Row| {
                let cells = places.iter().map(|place| against_baseline(row, *place));
                [names::name(row)].into_iter().chain(cells).collect()
            };
            page.columns(&head, &group.iter().map(line).collect::<Vec<_>>());
        }
    }
}

fn against_baseline(row: &Row, place: usize) -> String {
    match (row.figures[place], &row.versus_baseline[place]) {
        (None, _) => NONE.to_owned(),
        (Some(_), None) => "baseline".to_owned(),
        (Some(_), Some(versus)) => {
            let ratio = versus.ratio.map_or(NONE.to_owned(), times);
            match versus.verdict.as_str() {
                word @ ("faster" | "slower") => format!("{ratio} {word}"),
                _ => ratio,
            }
        }
    }
}

/// What the intervals hold, and what they do not.
fn held(document: &CompareDocument) -> String {
    let repeated = document.documents.iter().any(|compared| !compared.repeats.is_empty());
    match document.plan.allowance {
        Some(allowance) => {
            let allowance = solid(&units::share(allowance));
            format!(
                "hold only what varied within each run, and runs of the same thing differ beyond that: so better and worse must lie \
                 beyond the tolerance by another {allowance}. Repeats tell more: shakedown compare A1 A2 A3 --after B1 B2 B3"
            )
        }
        None if repeated => {
            "hold what differed from run to run; a difference between the two times is in the ratio".to_owned()
        }
        None => {
            "hold only what varied within each document, not what else was different when it was measured".to_owned()
        }
    }
}

fn legend(page: &mut Page, document: &CompareDocument) {
    let [better, worse, none, untold] = [Verdict::Better, Verdict::Worse, Verdict::NoDifference, Verdict::CannotTell]
        .map(|verdict| count(document, verdict));
    page.line(
        "in all",
        &format!(
            "{} comparisons: {better} better, {worse} worse, {none} no difference seen, {untold} cannot be told",
            all(document)
        ),
    );
    page.line(
        "figures",
        &format!(
            "ratios to A with {} intervals, as far as the documents allow; better and worse: surely so by more than {}, corrected \
             for the number of comparisons (Holm)",
            solid(&units::share(document.plan.confidence)),
            solid(&units::share(document.plan.tolerance))
        ),
    );
    page.line("intervals", &held(document));
    if document.rows.iter().any(|row| !row.leading) {
        page.line("°", "does not lead: better or worse is told, but the outcome does not follow from it");
    }
    if document.kind == suites::SCHEMA {
        page.line("", "against a baseline, a ratio without a word: no difference seen, or too few rounds to tell");
    }
    if document.rows.iter().flat_map(|row| &row.figures).flatten().any(|figure| figure.at_least) {
        page.line("≥", "a lower bound: a quantile among timeouts, or a rate that the generator limited");
    }
    page.line("compared", &format!("{} by shakedown {}", document.started_at, document.tool.version));
}
