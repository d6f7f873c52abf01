//! Repeated runs that stand for one side of a comparison: a figure is the geometric mean over them, and its interval holds what
//! differed from run to run, which no single run shows.

use serde_json::Value;

use super::{Condition, Measured};
use crate::record::compare::{Compared, Differing, Figure};
use crate::record::run::Remark;
use crate::stats::compare::Estimate;

/// The figures of runs as those of one: each that all of them have. Where one is nought there is no geometric mean, but the mean, with
/// the widest interval that the runs themselves give.
pub(super) fn measured(runs: &[Vec<Measured>]) -> Vec<Measured> {
    let Some((first, others)) = runs.split_first() else { return Vec::new() };
    let merged = |one: &Measured| {
        let same = |run: &Vec<Measured>| {
            run.iter().find(|found| found.measure == one.measure && found.subject == one.subject).cloned()
        };
        let all: Option<Vec<Measured>> = others.iter().map(same).collect();
        all.map(|others| merge(one, &others))
    };
    first.iter().filter_map(merged).collect()
}

fn merge(first: &Measured, others: &[Measured]) -> Measured {
    if others.is_empty() {
        return Measured { runs: vec![first.figure.value], allowance: 0.0, ..first.clone() };
    }
    let all = || std::iter::once(first).chain(others);
    let values: Vec<f64> = all().map(|one| one.figure.value).collect();
    let ends = |of: fn(&Figure) -> Option<f64>, pick: fn(f64, f64) -> f64| {
        all().map(|one| of(&one.figure)).collect::<Option<Vec<f64>>>()?.into_iter().reduce(pick)
    };
    let (value, low, high) = match Estimate::over_runs(&values) {
        Some(Estimate { value, interval }) => {
            let (low, high) = interval.unzip();
            (value, low, high)
        }
        None => {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            (mean, ends(|figure| figure.low, f64::min), ends(|figure| figure.high, f64::max))
        }
    };
    let at_least = all().any(|one| one.figure.at_least);
    // What keeps one of them from being compared keeps their mean.
    let condition =
        all().map(|one| &one.condition).find(|of| **of != Condition::None).unwrap_or(&Condition::None).clone();
    let figure = Figure { value, low, high, at_least };
    // How runs differ is known: nothing need be allowed for it.
    Measured { figure, runs: values, allowance: 0.0, condition, ..first.clone() }
}

/// Runs as one document, named after the first: what is said against one is said against all.
pub(super) fn compared(runs: &[Compared]) -> Option<Compared> {
    let (first, others) = runs.split_first()?;
    let mut one = first.clone();
    for other in others {
        one.repeats.push(other.path.clone());
        let of_it = |remark: &Remark| Remark { text: format!("{}: {}", other.path, remark.text), ..remark.clone() };
        one.unreliable.extend(other.unreliable.iter().map(of_it));
        // Once is enough: repeats mostly warn of the same.
        let new: Vec<_> = other
            .warnings
            .iter()
            .filter(|new| one.warnings.iter().all(|known| known.code != new.code))
            .map(of_it)
            .collect();
        one.warnings.extend(new);
        one.limited_by = one.limited_by.or_else(|| other.limited_by.clone());
    }
    Some(one)
}

/// What differs between all runs, told of each side: the value that its runs share, or the list of theirs.
pub(super) fn differences(differences: Vec<Differing>, split: usize) -> Vec<Differing> {
    let of_side = |values: &[Value]| match values {
        [first, others @ ..] if others.iter().all(|other| other == first) => first.clone(),
        several => Value::Array(several.to_vec()),
    };
    let told = |differing: Differing| {
        let (before, after) = differing.values.split_at(split.min(differing.values.len()));
        Differing { values: vec![of_side(before), of_side(after)], ..differing }
    };
    differences.into_iter().map(told).collect()
}
