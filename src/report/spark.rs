//! A run over time in one line each: how much was done in each second, and how long its 99th percentile was.

use super::layout::{Page, solid};
use crate::record::run::{RunDocument, SeriesRow};
use crate::units;

/// The most columns; more seconds than this share them.
const COLUMNS: usize = 40;

/// The fewest seconds that show a course.
const FEWEST: usize = 5;

/// Heights from the least to the greatest.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Adds both lines; nothing where there are too few whole seconds.
pub(super) fn write(page: &mut Page, document: &RunDocument) {
    // A last second that is cut short did less for that reason alone.
    let mut before = 0.0;
    let whole = |row: &&SeriesRow| row.t_s - std::mem::replace(&mut before, row.t_s) > 0.99;
    let rows: Vec<&SeriesRow> = document.series.iter().filter(whole).collect();
    if rows.len() < FEWEST {
        return;
    }
    let requests = rows.iter().any(|row| row.requests > 0);
    let done = |row: &SeriesRow| if requests { row.requests } else { row.handshakes } as f64;
    let unit = if requests { "requests" } else { "handshakes" };
    let rates: Vec<Option<f64>> =
        thinned(&rows, |group| Some(group.iter().map(|row| done(row)).sum::<f64>() / group.len() as f64));
    let (least, most) = ends(rows.iter().map(|row| done(row)));
    page.line(
        "each second",
        &format!("{} {} to {} {unit}", drawn(&rates), solid(&units::decimal(least)), solid(&units::decimal(most))),
    );
    let p99 = |row: &SeriesRow| row.response_p99_ns.or(row.service_p99_ns).map(|ns| ns as f64);
    let known: Vec<f64> = rows.iter().filter_map(|row| p99(row)).collect();
    if known.is_empty() {
        return;
    }
    let worst = thinned(&rows, |group| group.iter().filter_map(|row| p99(row)).reduce(f64::max));
    let (least, most) = ends(known.into_iter());
    page.line("", &format!("{} p99 {} to {}", drawn(&worst), solid(&units::time(least)), solid(&units::time(most))));
}

fn thinned(rows: &[&SeriesRow], of: impl Fn(&[&SeriesRow]) -> Option<f64>) -> Vec<Option<f64>> {
    rows.chunks(rows.len().div_ceil(COLUMNS)).map(of).collect()
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(least, most), value| (f64::min(least, value), f64::max(most, value)))
}

/// Each value by its share of the greatest; nothing for what is not known.
fn drawn(values: &[Option<f64>]) -> String {
    let most = values.iter().flatten().copied().fold(0.0, f64::max);
    let block = |value: &Option<f64>| match value {
        None => ' ',
        Some(value) if most > 0.0 => BLOCKS[((value / most * 8.0).ceil() as usize).clamp(1, 8) - 1],
        Some(_) => BLOCKS[0],
    };
    solid(&values.iter().map(block).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    #[test]
    fn heights_are_shares_of_the_greatest() {
        let solid_gap = drawn(&[Some(0.0), Some(1.0), Some(4.0), None, Some(8.0)]);
        assert_eq!(solid_gap.replace('\u{a0}', " "), "▁▁▄ █");
        assert_eq!(drawn(&[Some(0.0); 3]), "▁▁▁");
    }

    #[test]
    fn long_runs_are_thinned_and_short_ones_have_no_course() {
        let mut document = fixture::open_loop();
        let row = |t_s: f64| SeriesRow {
            t_s,
            requests: t_s as u64,
            response_p99_ns: Some(1_000_000),
            ..SeriesRow::default()
        };
        document.series = (1..=90).map(|n| row(f64::from(n))).chain([row(90.5)]).collect();
        let mut page = Page::default();
        write(&mut page, &document);
        let text = page.finish();
        assert!(text.contains(" 1 to 90 requests\n") && text.contains(" p99 1.00 ms to 1.00 ms\n"), "{text}");
        assert_eq!(text.lines().next().unwrap().chars().filter(|c| BLOCKS.contains(c)).count(), 30);
        document.series.truncate(4);
        let mut page = Page::default();
        write(&mut page, &document);
        assert_eq!(page.finish(), "");
    }
}
