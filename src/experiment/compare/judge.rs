//! Figures of all documents set side by side, each judged against the reference's, and what they come to.

use super::{Condition, Measured};
use crate::record::compare::{
    Compared, Figure, Outcome, Row, Subject, Verdict, VersusReference, Why, measure_in_words,
};
use crate::record::run::Remark;
use crate::stats::compare::{self, Difference, Estimate, Tolerance};
use crate::units;

/// Why a leading figure may not be told, in the order in which it is said.
const UNTOLD: [Why; 8] = [
    Why::Missing,
    Why::NoInterval,
    Why::Bound,
    Why::OtherRate,
    Why::OtherLimit,
    Why::Burst,
    Why::TooWide,
    Why::SingleRuns,
];

/// How many figures a remark names.
const NAMED: usize = 3;

/// The figures of one thing in all documents, where they have it.
struct Line<'m> {
    first: &'m Measured,
    of: Vec<Option<&'m Measured>>,
}

/// Sets the figures of all documents side by side: those of the reference in their order, then what only others have. `same`: which
/// documents are the reference's very measurement.
pub(super) fn rows(documents: &[Vec<Measured>], same: &[bool], tolerance: Tolerance) -> Vec<Row> {
    let lines = lines(documents);
    let mut families: Vec<&str> = lines.iter().map(|line| line.first.family).collect();
    families.sort_unstable();
    families.dedup();
    let others = documents.len() - 1;
    let mut versus: Vec<Vec<Option<VersusReference>>> = lines.iter().map(|_| vec![None; others]).collect();
    for family in families {
        let asked: Vec<(usize, usize)> = (0..lines.len())
            .filter(|line| lines[*line].first.family == family)
            .flat_map(|line| (0..others).map(move |other| (line, other)))
            .collect();
        let pairs: Vec<Pair> =
            asked.iter().map(|(line, other)| Pair::new(&lines[*line], other + 1, same[other + 1])).collect();
        let judgeable: Vec<_> = pairs.iter().map(Pair::judgeable).collect();
        let judged = compare::judge(&judgeable, tolerance);
        for (((line, other), pair), comparison) in asked.into_iter().zip(&pairs).zip(judged) {
            versus[line][other] = Some(pair.judged(comparison, tolerance));
        }
    }
    // Of what not all have measured nothing leads: that was refused, or the user has said to compare all the same.
    let everywhere = |subject: &Subject| documents.iter().all(|all| all.iter().any(|found| found.subject == *subject));
    let row = |(line, versus): (&Line<'_>, _)| row(line, everywhere(&line.first.subject), versus);
    lines.iter().zip(versus).map(row).collect()
}

fn lines(documents: &[Vec<Measured>]) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for (place, document) in documents.iter().enumerate() {
        for measured in document {
            let same =
                |line: &&mut Line<'_>| line.first.measure == measured.measure && line.first.subject == measured.subject;
            match lines.iter_mut().find(same) {
                Some(line) => line.of[place] = Some(measured),
                None => {
                    let mut of = vec![None; documents.len()];
                    of[place] = Some(measured);
                    lines.push(Line { first: measured, of });
                }
            }
        }
    }
    lines
}

fn row(line: &Line<'_>, everywhere: bool, versus: Vec<Option<VersusReference>>) -> Row {
    let Measured { subject, measure, higher_is_better, .. } = line.first;
    let baselines = line.of.iter().map(|found| found.and_then(|found| found.versus_baseline.clone()).flatten());
    let whose = line.of.iter().map(|found| found.and_then(|found| found.rate_of.clone()));
    Row {
        subject: subject.clone(),
        measure: measure.clone(),
        higher_is_better: *higher_is_better,
        leading: everywhere && line.of.iter().flatten().any(|found| found.leading),
        figures: line.of.iter().map(|found| found.map(|found| found.figure)).collect(),
        versus_reference: versus.into_iter().flatten().collect(),
        rate_of: if line.first.rate_of.is_some() { whose.collect() } else { Vec::new() },
        versus_baseline: if line.first.versus_baseline.is_some() { baselines.collect() } else { Vec::new() },
    }
}

/// A figure with the reference's, before it is judged in its family.
struct Pair {
    /// The document's, then the reference's.
    figures: Option<(Figure, Figure)>,
    difference: Option<Difference>,
    higher_is_better: bool,
    /// Why nothing can be said whatever the figures are.
    why: Option<Why>,
    /// The only verdict that stands, where one of the two is a lower bound: the true ratio is at least what was found, or at most.
    stands: Option<compare::Verdict>,
    /// Whether the two are one measurement.
    same: bool,
}

impl Pair {
    fn new(line: &Line<'_>, place: usize, same: bool) -> Self {
        let higher_is_better = line.first.higher_is_better;
        let (Some(arm), Some(reference)) = (line.of[place], line.of[0]) else {
            return Self {
                figures: None,
                difference: None,
                higher_is_better,
                why: Some(Why::Missing),
                stands: None,
                same,
            };
        };
        let why = match (&arm.condition, &reference.condition) {
            (Condition::Burst, _) | (_, Condition::Burst) => Some(Why::Burst),
            (Condition::Rate(a), Condition::Rate(b)) if a != b => Some(Why::OtherRate),
            _ if arm.figure.at_least && reference.figure.at_least => Some(Why::Bound),
            // Whatever else is said of a bound, the server's figure is beyond it.
            _ if arm.figure.at_least || reference.figure.at_least => None,
            (a, b) if a != b => Some(Why::OtherLimit),
            _ => None,
        };
        let stands = match (arm.figure.at_least, reference.figure.at_least) {
            (true, false) => Some(compare::Verdict::Higher),
            (false, true) => Some(compare::Verdict::Lower),
            _ => None,
        };
        let difference = Difference::between_runs(&arm.runs, &reference.runs)
            .or_else(|| Difference::between(estimate(arm.figure), estimate(reference.figure)));
        Self {
            figures: Some((arm.figure, reference.figure)),
            difference: difference.map(|found| found.allowing(arm.allowance.max(reference.allowance))),
            higher_is_better,
            why,
            stands,
            same,
        }
    }

    fn judgeable(&self) -> Option<Difference> {
        self.difference.filter(|_| self.why.is_none() && !self.same)
    }

    /// `comparison` is what the family says of it.
    fn judged(&self, comparison: compare::Comparison, tolerance: Tolerance) -> VersusReference {
        if self.same {
            // An interval is about what another measurement would give; this is not another.
            let (one, verdict) = (Some(1.0), Verdict::NoDifference);
            return VersusReference { ratio: one, low: one, high: one, p: one, verdict, why: None };
        }
        if let Some(worse) = self.nothing_left(tolerance) {
            return worse;
        }
        let alone = self.difference.map(Difference::estimate);
        // Response times at different rates have no ratio that means anything.
        let shown = alone.filter(|_| self.why != Some(Why::OtherRate));
        let interval = shown.and_then(|estimate| estimate.interval);
        let (verdict, why) = match (self.why, comparison.verdict, self.higher_is_better) {
            (Some(why), ..) => (Verdict::CannotTell, Some(why)),
            (None, found, _) if self.stands.is_some_and(|stands| stands != found) => {
                (Verdict::CannotTell, Some(Why::Bound))
            }
            (None, compare::Verdict::Higher, true) | (None, compare::Verdict::Lower, false) => (Verdict::Better, None),
            (None, compare::Verdict::Higher, false) | (None, compare::Verdict::Lower, true) => (Verdict::Worse, None),
            (None, compare::Verdict::TooFew, _) => (Verdict::CannotTell, Some(Why::NoInterval)),
            (None, compare::Verdict::NoDifference, _) => match interval {
                Some(interval) if !self.may_be_worse(interval, tolerance) => (Verdict::NoDifference, None),
                Some(interval) if self.is_worse(interval, tolerance) => (Verdict::CannotTell, Some(Why::SingleRuns)),
                _ => (Verdict::CannotTell, Some(Why::TooWide)),
            },
        };
        VersusReference {
            ratio: shown.map(|estimate| estimate.value),
            low: interval.map(|(low, _)| low),
            high: interval.map(|(_, high)| high),
            p: comparison.p,
            verdict,
            why,
        }
    }

    /// Whether a ratio's interval reaches beyond the tolerance on the side that is worse.
    fn may_be_worse(&self, (low, high): (f64, f64), tolerance: Tolerance) -> bool {
        let most = 1.0 + tolerance.share();
        if self.higher_is_better { low < 1.0 / most } else { high > most }
    }

    /// Whether all of it lies there.
    fn is_worse(&self, (low, high): (f64, f64), tolerance: Tolerance) -> bool {
        let most = 1.0 + tolerance.share();
        if self.higher_is_better { high < 1.0 / most } else { low > most }
    }

    /// Nought has no logarithm. Where the document has nothing left of what the reference has, the intervals themselves
    /// say whether that is worse.
    fn nothing_left(&self, tolerance: Tolerance) -> Option<VersusReference> {
        let (arm, reference) = self.figures.filter(|_| self.why.is_none())?;
        let gone = self.higher_is_better && arm.value == 0.0 && reference.value > 0.0;
        let worse = gone && arm.high? < reference.low? / (1.0 + tolerance.share());
        let high = reference.low.zip(arm.high).map(|(low, high)| high / low);
        let found =
            VersusReference { ratio: Some(0.0), low: Some(0.0), high, p: None, verdict: Verdict::Worse, why: None };
        worse.then_some(found)
    }
}

fn estimate(figure: Figure) -> Estimate {
    Estimate { value: figure.value, interval: figure.low.zip(figure.high) }
}

/// What all rows come to, and why where nobody can tell.
pub(super) fn outcome(documents: &[Compared], rows: &[Row], tolerance: Tolerance) -> (Outcome, Vec<Remark>) {
    let unreliable = documents.iter().filter(|document| !document.unreliable.is_empty());
    let mut reasons: Vec<Remark> = unreliable
        .map(|document| {
            let why: Vec<_> = document.unreliable.iter().map(|remark| remark.text.as_str()).collect();
            remark("unreliable", format!("{} cannot be relied on: {}", document.path, why.join("; ")))
        })
        .collect();
    if !reasons.is_empty() {
        return (Outcome::Inconclusive, reasons);
    }
    if rows.iter().any(|row| row.leading && is_worse(row)) {
        return (Outcome::Regression, Vec::new());
    }
    reasons.extend(untold(rows, tolerance));
    (if reasons.is_empty() { Outcome::Pass } else { Outcome::Inconclusive }, reasons)
}

fn is_worse(row: &Row) -> bool {
    row.versus_reference.iter().any(|versus| versus.verdict == Verdict::Worse)
}

/// What is worse of the figures that decide nothing.
pub(super) fn warnings(rows: &[Row], tolerance: Tolerance) -> Vec<Remark> {
    let worse: Vec<String> = rows.iter().filter(|row| !row.leading && is_worse(row)).map(named).collect();
    let (shown, more) = (worse.len().min(NAMED), worse.len().saturating_sub(NAMED));
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let beyond = units::share(tolerance.share());
    let text =
        format!("worse by more than {beyond}, of the figures that do not lead: {}{rest}", worse[..shown].join(", "));
    if worse.is_empty() { Vec::new() } else { vec![remark("lesser_worse", text)] }
}

/// Why the leading figures do not tell, one remark for each cause.
fn untold(rows: &[Row], tolerance: Tolerance) -> Vec<Remark> {
    let leading = || rows.iter().filter(|row| row.leading);
    let because = |why: Why| {
        leading()
            .flat_map(move |row| row.versus_reference.iter().filter(move |v| v.why == Some(why)).map(move |v| (row, v)))
    };
    let asked = leading().map(|row| row.versus_reference.len()).sum::<usize>();
    let mut reasons = Vec::new();
    if asked == 0 {
        reasons.push(remark("nothing_leading", "the documents have none of the leading figures".to_owned()));
    }
    for why in UNTOLD {
        let n = because(why).count();
        let Some((first, _)) = because(why).next() else { continue };
        let those = format!("{n} of {asked} leading comparisons, such as that of {}", named(first));
        let (code, text) = match why {
            Why::Missing => ("missing", format!("{those}: not every document has the figure")),
            Why::NoInterval => {
                ("no_interval", format!("{those}: a document gives it without an interval; measure for longer"))
            }
            Why::Bound => (
                "bound",
                format!("{those}: only a lower bound is known; lower the load, or give the generator more cores"),
            ),
            Why::OtherRate => ("other_rate", format!("{those}: measured at different rates")),
            Why::OtherLimit => ("other_limit", format!("{those}: the one is the server's figure, the other is not")),
            Why::Burst => ("burst", format!("{those}: connections opened in one burst")),
            Why::SingleRuns => {
                let text = format!(
                    "{those}: worse by more than {} within the runs, but runs of the same thing may differ by as much; repeat both, \
                     and name the repeats with --after",
                    units::share(tolerance.share())
                );
                ("single_runs", text)
            }
            Why::TooWide => {
                let reach = because(why).filter_map(|(row, versus)| reach(row, versus)).reduce(f64::max).unwrap_or(0.0);
                let enough = (reach * 100.0).ceil();
                // There is no tolerance of 100 % or more.
                let way_out = if enough < 100.0 {
                    format!("--tolerance {enough}% could be told from these documents, a smaller one from longer runs")
                } else {
                    "longer runs, or a calmer machine, could tell".to_owned()
                };
                let text = format!(
                    "{those}: may be worse by more than {}, or not; {way_out}",
                    units::share(tolerance.share())
                );
                ("too_wide", text)
            }
        };
        reasons.push(remark(code, text));
    }
    reasons
}

/// By which share the figure may be worse.
fn reach(row: &Row, versus: &VersusReference) -> Option<f64> {
    let most = if row.higher_is_better { 1.0 / versus.low? } else { versus.high? };
    Some(most - 1.0)
}

/// A row's measure, and what it is of.
fn named(row: &Row) -> String {
    let subject = &row.subject;
    let of = [
        subject.workload.clone(),
        subject.suite.map(|suite| suite.to_string()),
        subject.certificate.map(|certificate| certificate.to_string()),
        subject.algorithm.clone(),
        subject.provider.clone(),
        subject.direction.clone(),
    ];
    let of: Vec<String> = of.into_iter().flatten().collect();
    let measure = measure_in_words(&row.measure);
    if of.is_empty() { measure } else { format!("{measure} of {}", of.join(" ")) }
}

fn remark(code: &str, text: String) -> Remark {
    Remark { code: code.to_owned(), text }
}
