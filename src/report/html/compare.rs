//! Documents side by side: each figure's ratio to the reference, with its interval.

use maud::{Markup, html};

use super::axis::Scale;
use super::bars::{self, Bar};
use super::table::Table;
use super::verdict;
use crate::record::compare::{CompareDocument, Row, Subject, Verdict, VersusReference, measure_in_words};
use crate::report::compare::{heading, in_full, letter, ratio, times, words};
use crate::report::layout::Page;
use crate::report::table::{real, text, truth};

/// The most figures that are drawn of one document; the table has all.
const MOST: usize = 120;

pub(super) fn section(document: &CompareDocument) -> Markup {
    let mut page = Page::default();
    heading(&mut page, document);
    html! {
        (verdict(&page))
        @for other in 1..document.documents.len() { (against(document, other)) }
    }
}

fn against(document: &CompareDocument, other: usize) -> Markup {
    let of = |row: &Row| row.versus_reference.get(other - 1).cloned();
    let pairs: Vec<(&Row, VersusReference)> = document.rows.iter().filter_map(|row| Some((row, of(row)?))).collect();
    let known: Vec<_> = pairs.iter().filter(|(_, versus)| versus.ratio.is_some()).collect();
    let mut drawn = known.clone();
    // Stable: those that decide come first where there is no room for all.
    if known.len() > MOST {
        drawn.sort_by_key(|(row, _)| !row.leading);
        drawn.truncate(MOST);
    }
    let bars: Vec<Bar> = drawn.iter().map(|(row, versus)| bar(row, versus)).collect();
    let title = format!("{} against {}", letter(other), letter(0));
    html! {
        h2 { (title) }
        p.note { (letter(other)) ": " (&document.documents[other].path) ". " (letter(0)) ": " (&document.documents[0].path) "." }
        @if drawn.len() < known.len() { p.note { "Drawn: " (drawn.len()) " of " (known.len()) " figures, those that lead first; the table has all." } }
        figure {
            (bars::render("ratio (logarithmic)", Scale::Log, tick, Some(1.0), &bars))
            (table(&title, &pairs, other).render())
        }
    }
}

/// A ratio beside the axis, where one that is too small for three digits is still not zero.
fn tick(ratio: f64) -> String {
    if ratio < 0.001 { format!("{ratio:.0e}") } else { times(ratio) }
}

fn bar(row: &Row, versus: &VersusReference) -> Bar {
    let note = format!("{} {}", ratio(versus), words(versus));
    let measure = measure_in_words(&row.measure);
    Bar {
        label: format!("{}, {measure}: {note}", in_full(row)),
        group: if row.subject == Subject::default() { String::new() } else { in_full(row) },
        name: measure,
        colour: match versus.verdict {
            Verdict::Better => 2,
            Verdict::Worse => 1,
            Verdict::NoDifference => 0,
            Verdict::CannotTell => 6,
        },
        value: versus.ratio,
        low: versus.low,
        high: versus.high,
        bound: false,
        note,
    }
}

fn table(title: &str, pairs: &[(&Row, VersusReference)], other: usize) -> Table {
    let columns = [
        "subject",
        "measure",
        "leading",
        "reference",
        "value",
        "at_least",
        "ratio",
        "ratio_low",
        "ratio_high",
        "verdict",
    ];
    let mut table = Table::new(&format!("{}.csv", title.replace(' ', "-")), &columns);
    for (row, versus) in pairs {
        let figure = |place: usize| row.figures.get(place).copied().flatten();
        table.row(vec![
            text(&in_full(row)),
            text(&row.measure),
            truth(row.leading),
            real(figure(0).map(|figure| figure.value)),
            real(figure(other).map(|figure| figure.value)),
            figure(other).map(|figure| truth(figure.at_least)).unwrap_or_default(),
            real(versus.ratio),
            real(versus.low),
            real(versus.high),
            text(words(versus)),
        ]);
    }
    table
}
