//! Documents of one kind side by side, the first of them the reference: what differs between them, figure by figure, and whether
//! any is surely worse. A pure function of the documents.

mod crypto;
mod judge;
mod repeats;
mod runs;
mod settings;
mod suites;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_runs;

use time::OffsetDateTime;

use super::run::stamp;
use crate::record::compare::{
    CompareDocument, ComparePlanRecord, Compared, Comparer, Differing, Figure, SCHEMA, Subject,
};
use crate::record::crypto::{self as crypto_record, CryptoDocument};
use crate::record::run::{self, RunDocument};
use crate::record::suites::{self as suites_record, SuitesDocument, Versus};
use crate::stats::compare::Tolerance;
use crate::stats::interval::CONFIDENCE;

/// The documents that are compared, the reference first, each with the path it was read from.
#[derive(Debug, Clone)]
pub enum Documents {
    /// Load runs.
    Runs(Vec<(String, RunDocument)>),
    /// Comparisons of suites.
    Suites(Vec<(String, SuitesDocument)>),
    /// Processors' cryptography.
    Crypto(Vec<(String, CryptoDocument)>),
}

/// How to compare.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// A figure is worse, or better, where it surely differs by more than this.
    pub tolerance: Tolerance,
    /// Whether plans that differ are compared all the same.
    pub anyway: bool,
    /// Where the second side begins, if the documents are repeated runs of two sides: those before it are repeats of the reference.
    /// `None`: each document stands for itself, and is compared with the first.
    pub after: Option<usize>,
}

/// The fewest repeated runs, on both sides together, that tell how runs differ among themselves.
pub const MIN_REPEATS: usize = 4;

/// By how much more than the tolerance, as a share, single runs must differ: what runs of the same thing differ by for no reason that the
/// intervals within them hold, such as what else the machine did that minute.
const ALLOWANCE: f64 = 0.1;

/// And by how much in the time that a request takes, in nanoseconds: on which cores the kernel put threads, and how it wakes them, stays the same
/// for a run and is another in the next.
const ALLOWANCE_NS: f64 = 50_000.0;

/// Why documents cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CannotCompare {
    /// What was measured is not the same thing.
    #[error(
        "the documents were not measured alike: {}; measure them alike, or add --anyway to compare them all the same",
        settings::in_words(.0)
    )]
    PlansDiffer(Vec<Differing>),
    /// Only runs have repeats: other documents hold rounds or repetitions of their own.
    #[error("--after takes repeated runs, and these are {0} documents; compare two of them without it")]
    NoRuns(&'static str),
    /// Too few runs.
    #[error("--after needs at least {MIN_REPEATS} runs on both sides together, and {0} were named; make more of them")]
    FewRepeats(usize),
    /// A run beside itself would look as if runs did not differ.
    #[error("{0} and {1} are the same measurement, which would look as if runs did not differ; name each run once")]
    Twice(String, String),
}

/// One figure of one document, ready to be set beside those of the others.
#[derive(Debug, Clone)]
struct Measured {
    subject: Subject,
    measure: String,
    higher_is_better: bool,
    leading: bool,
    /// Figures of one family are judged together.
    family: &'static str,
    figure: Figure,
    /// By how much more than the tolerance it must differ from another, as a share.
    allowance: f64,
    /// What each of repeated runs has; empty for one document.
    runs: Vec<f64>,
    condition: Condition,
    /// Of a suite's rate: whose it is.
    rate_of: Option<String>,
    /// Of a suite's rate: what its document says of it against the baseline.
    versus_baseline: Option<Option<Versus>>,
}

impl Measured {
    fn new(subject: &Subject, measure: impl Into<String>, figure: Figure, family: &'static str) -> Self {
        Self {
            subject: subject.clone(),
            measure: measure.into(),
            higher_is_better: false,
            leading: false,
            family,
            figure,
            allowance: 0.0,
            runs: Vec::new(),
            condition: Condition::None,
            rate_of: None,
            versus_baseline: None,
        }
    }
}

/// What two figures must share, or they are not of the same thing.
#[derive(Debug, Clone, PartialEq)]
enum Condition {
    /// Nothing but subject and measure.
    None,
    /// The rate at which it was measured.
    Rate(Option<f64>),
    /// Whose limit it is.
    Limit(String),
    /// Connections that were opened all at once: nothing is compared.
    Burst,
}

/// Compares `documents`; `at` is now.
///
/// # Errors
/// [`CannotCompare`].
pub fn compare(documents: &Documents, how: How, at: OffsetDateTime) -> Result<CompareDocument, CannotCompare> {
    let Sides { kind, compared, differences, measured } = match documents {
        Documents::Runs(all) => {
            let each = Sides::new(run::SCHEMA, all, runs::compared, settings::of_runs(all), runs::measured);
            match how.after {
                Some(split) => each.of_repeats(all, split)?,
                None => each,
            }
        }
        Documents::Suites(_) if how.after.is_some() => return Err(CannotCompare::NoRuns(suites_record::SCHEMA)),
        Documents::Crypto(_) if how.after.is_some() => return Err(CannotCompare::NoRuns(crypto_record::SCHEMA)),
        Documents::Suites(all) => {
            Sides::new(suites_record::SCHEMA, all, suites::compared, settings::of_suites(all), suites::measured)
        }
        Documents::Crypto(all) => {
            Sides::new(crypto_record::SCHEMA, all, crypto::compared, settings::of_crypto(all), crypto::measured)
        }
    };
    if !how.anyway {
        let refused: Vec<_> = differences.iter().filter(|differing| differing.needs_anyway).cloned().collect();
        if !refused.is_empty() {
            return Err(CannotCompare::PlansDiffer(refused));
        }
    }
    let same: Vec<bool> = compared.iter().map(|document| document.same_as_reference).collect();
    let single_runs = kind == run::SCHEMA && how.after.is_none();
    let rows = judge::rows(&measured, &same, how.tolerance);
    let (outcome, reasons) = judge::outcome(&compared, &rows, how.tolerance);
    Ok(CompareDocument {
        label: Default::default(),
        schema: SCHEMA.to_owned(),
        tool: Comparer {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("SHAKEDOWN_COMMIT").map(str::to_owned),
        },
        started_at: stamp(at),
        kind: kind.to_owned(),
        plan: ComparePlanRecord {
            tolerance: how.tolerance.share(),
            allowance: single_runs.then_some(ALLOWANCE),
            allowance_ns: single_runs.then_some(ALLOWANCE_NS),
            confidence: CONFIDENCE,
            anyway: how.anyway,
        },
        outcome,
        reasons,
        warnings: judge::warnings(&rows, how.tolerance),
        documents: compared,
        differences,
        rows,
    })
}

/// What is to be compared of documents of one kind.
struct Sides {
    kind: &'static str,
    compared: Vec<Compared>,
    differences: Vec<Differing>,
    measured: Vec<Vec<Measured>>,
}

impl Sides {
    fn new<D: PartialEq>(
        kind: &'static str,
        documents: &[(String, D)],
        compared: fn(&(String, D)) -> Compared,
        differences: Vec<Differing>,
        measured: fn(&D) -> Vec<Measured>,
    ) -> Self {
        let is_reference = |document: &D| documents.first().is_some_and(|(_, reference)| reference == document);
        let one = |named: &(String, D)| Compared { same_as_reference: is_reference(&named.1), ..compared(named) };
        Self {
            kind,
            compared: documents.iter().map(one).collect(),
            differences,
            measured: documents.iter().map(|(_, document)| measured(document)).collect(),
        }
    }

    /// The same as two sides: the first `split` are repeats of the reference, the others of what is compared with it.
    fn of_repeats<D: PartialEq>(self, documents: &[(String, D)], split: usize) -> Result<Self, CannotCompare> {
        if documents.len() < MIN_REPEATS {
            return Err(CannotCompare::FewRepeats(documents.len()));
        }
        for (place, (path, document)) in documents.iter().enumerate() {
            if let Some((first, _)) = documents[..place].iter().find(|(_, earlier)| earlier == document) {
                return Err(CannotCompare::Twice(first.clone(), path.clone()));
            }
        }
        let (before, after) = self.measured.split_at(split.min(self.measured.len()));
        let sides = self.compared.split_at(split.min(self.compared.len()));
        Ok(Self {
            kind: self.kind,
            compared: [sides.0, sides.1].into_iter().filter_map(repeats::compared).collect(),
            differences: repeats::differences(self.differences, split),
            measured: vec![repeats::measured(before), repeats::measured(after)],
        })
    }
}

/// The ends of an interval that both exist, with the value; a figure without either has none.
fn figure(value: f64, interval: Option<(f64, f64)>) -> Figure {
    Figure { value, low: interval.map(|(low, _)| low), high: interval.map(|(_, high)| high), at_least: false }
}
