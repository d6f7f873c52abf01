//! Arms measured in rounds: one figure of each arm in each round, and how far an arm is from another over all of them.
//!
//! What disturbs a whole round, such as a machine that slowly warms up, disturbs all its arms alike. So an arm is compared with
//! the baseline round by round, and the differences of logarithms go into a paired t. Their mean is the logarithm of the
//! ratio of geometric means; a median would waste a third of the rounds. An exact test by flipping signs has no p below
//! 2^(1 − n) for n rounds, and could never find one difference among twenty in seven. Where nothing differs, differences are
//! as likely up as down, and for such the t errs on the safe side if tails are heavy (Benjamini, *JASA* 78, 1983): outliers
//! cost it finds, and make no false ones. What it does need is that an arm's noise in one round does not depend on that in
//! the round before, so the order of the arms is to be shuffled in each; what drifts with the time is shared and drops out.
//!
//! Its limit is noise of an arm that is louder than the baseline's and bounded. If such noise is uniform, five rounds and a
//! family of twenty have a false verdict in up to one of ten cases. If it jumps between two states with little noise in either,
//! nothing tells it from a difference while it stays in the one: in all of five rounds once in sixteen cases, of ten once
//! in 512.

use super::compare::{Comparison, Difference, Estimate, Tolerance, judge};

/// One figure of each arm in each of several rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Rounds {
    /// Per arm, per round: the figure's logarithm.
    logs: Vec<Vec<Option<f64>>>,
}

/// A round that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BadRound {
    /// As many figures as there are arms were expected.
    #[error("the round has {given} figures, expected {arms}: one for each arm")]
    Arms {
        /// How many arms there are.
        arms: usize,
        /// How many figures the round has.
        given: usize,
    },
    /// A figure without a logarithm.
    #[error("arm {arm} has the figure {value}, expected a positive number")]
    NotPositive {
        /// Which arm, from 0.
        arm: usize,
        /// Its figure.
        value: f64,
    },
}

impl Rounds {
    /// No rounds yet, of `arms` arms.
    pub fn new(arms: usize) -> Self {
        Self { logs: vec![Vec::new(); arms] }
    }

    /// Adds a round: a positive figure for each arm, or `None` where the arm has none in it.
    ///
    /// # Errors
    /// [`BadRound`] if the number of figures is not that of the arms, or one is not positive and finite.
    pub fn push(&mut self, values: &[Option<f64>]) -> Result<(), BadRound> {
        if values.len() != self.logs.len() {
            return Err(BadRound::Arms { arms: self.logs.len(), given: values.len() });
        }
        for (arm, value) in values.iter().enumerate() {
            if let Some(value) = value.filter(|value| !(*value > 0.0 && value.is_finite())) {
                return Err(BadRound::NotPositive { arm, value });
            }
        }
        for (logs, value) in self.logs.iter_mut().zip(values) {
            logs.push(value.map(f64::ln));
        }
        Ok(())
    }

    /// The geometric mean of an arm's figures with its 95 % interval, which is that of this arm alone: it holds the noise that
    /// all arms of a round share, and is no means to tell arms apart. `None` without a figure; no interval with fewer than
    /// [`MIN_ROUNDS`](super::compare::MIN_ROUNDS).
    ///
    /// # Panics
    /// If there is no such arm.
    pub fn estimate(&self, arm: usize) -> Option<Estimate> {
        let logs: Vec<f64> = self.logs[arm].iter().flatten().copied().collect();
        Some(Difference::mean_of(&logs)?.estimate())
    }

    /// An arm against the baseline, over the rounds in which both have a figure; `None` if there is none. Where rounds are
    /// missing the ratio need not be that of the two arms' estimates.
    ///
    /// # Panics
    /// If there is no such arm.
    pub fn difference(&self, arm: usize, baseline: usize) -> Option<Difference> {
        let pairs = self.logs[arm].iter().zip(&self.logs[baseline]);
        let logs: Vec<f64> = pairs.filter_map(|(a, b)| Some((*a)? - (*b)?)).collect();
        Difference::mean_of(&logs)
    }

    /// Every arm against the baseline, judged as one family, in the arms' order; `None` for the baseline itself. Where several
    /// rounds make one family (the same arms under several loads), [`judge`] takes all their differences together.
    ///
    /// # Panics
    /// If there is no such arm.
    pub fn compare(&self, baseline: usize, tolerance: Tolerance) -> Vec<Option<Comparison>> {
        let others = (0..self.logs.len()).filter(|arm| *arm != baseline);
        let differences: Vec<_> = others.map(|arm| self.difference(arm, baseline)).collect();
        let mut comparisons: Vec<_> = judge(&differences, tolerance).into_iter().map(Some).collect();
        comparisons.insert(baseline, None);
        comparisons
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::compare::{MIN_ROUNDS, Verdict};
    use super::*;

    fn none() -> Tolerance {
        Tolerance::new(0.0).unwrap()
    }

    fn rounds(rows: &[Vec<Option<f64>>]) -> Rounds {
        let mut rounds = Rounds::new(rows[0].len());
        rows.iter().for_each(|row| rounds.push(row).unwrap());
        rounds
    }

    /// Up to 12 rounds of 2 to 6 arms, some figures missing; arms differ, some by much more than the noise.
    fn any_rows() -> impl Strategy<Value = Vec<Vec<Option<f64>>>> {
        (2..7_usize, 1..12_usize).prop_flat_map(|(arms, rounds)| {
            let noise = vec(vec((-0.1..0.1_f64, prop::bool::weighted(0.95)), arms), rounds);
            (vec(-0.3..0.3_f64, arms), noise).prop_map(|(levels, noise)| {
                let figure = |level: &f64, (noise, there): (f64, bool)| there.then(|| (5.0 + level + noise).exp());
                noise
                    .into_iter()
                    .map(|row| levels.iter().zip(row).map(|(level, noise)| figure(level, noise)).collect())
                    .collect()
            })
        })
    }

    fn is_near(a: Option<f64>, b: Option<f64>) -> bool {
        a.zip(b).map_or(a.is_none() && b.is_none(), |(a, b)| (a - b).abs() <= 1e-8 * a.abs().max(b.abs()))
    }

    /// Whether two comparisons are the same but for rounding.
    fn agree(a: &Comparison, b: &Comparison) -> bool {
        let end = |c: &Comparison| (c.interval.map(|i| i.0), c.interval.map(|i| i.1));
        let (a_ends, b_ends) = (end(a), end(b));
        a.verdict == b.verdict
            && is_near(a.ratio, b.ratio)
            && is_near(a_ends.0, b_ends.0)
            && is_near(a_ends.1, b_ends.1)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn units_drift_and_the_order_of_rounds_do_not_matter(rows in any_rows(), unit in 1e-9..1e9_f64, drift in -0.5..0.5_f64) {
            let original = rounds(&rows).compare(0, Tolerance::DEFAULT);
            let mut changed = rows.clone();
            for (i, row) in changed.iter_mut().enumerate() {
                let factor = unit * (drift * i as f64).exp();
                row.iter_mut().flatten().for_each(|value| *value *= factor);
            }
            changed.reverse();
            let changed = rounds(&changed).compare(0, Tolerance::DEFAULT);
            for (a, b) in original.iter().zip(&changed) {
                prop_assert!(a.zip(*b).is_none_or(|(a, b)| agree(&a, &b)), "{:?} and {:?}", a, b);
            }
            prop_assert!(original[0].is_none() && original.len() == rows[0].len());
        }

        #[test]
        fn swapping_arm_and_baseline_inverts_the_ratio(rows in any_rows()) {
            let rows: Vec<_> = rows.into_iter().map(|row| row[..2].to_vec()).collect();
            let rounds = rounds(&rows);
            let there = rounds.compare(0, Tolerance::DEFAULT)[1].unwrap();
            let back = rounds.compare(1, Tolerance::DEFAULT)[0].unwrap();
            let inverted = Comparison {
                ratio: back.ratio.map(f64::recip),
                interval: back.interval.map(|(low, high)| (high.recip(), low.recip())),
                p: back.p,
                verdict: match back.verdict {
                    Verdict::Higher => Verdict::Lower,
                    Verdict::Lower => Verdict::Higher,
                    other => other,
                },
            };
            prop_assert!(agree(&there, &inverted) && is_near(there.p, inverted.p), "{:?} and {:?}", there, back);
        }

        #[test]
        fn interval_p_and_verdict_agree_within_a_family(rows in any_rows(), tolerance in 0.0..0.05_f64) {
            let rounds = rounds(&rows);
            let tolerance = Tolerance::new(tolerance).unwrap();
            for (arm, comparison) in rounds.compare(0, tolerance).into_iter().enumerate().skip(1) {
                let comparison = comparison.unwrap();
                let pairs = rows.iter().filter(|row| row[0].is_some() && row[arm].is_some()).count();
                prop_assert_eq!(comparison.ratio.is_some(), pairs > 0);
                prop_assert_eq!(comparison.verdict == Verdict::TooFew, pairs < MIN_ROUNDS);
                prop_assert_eq!(comparison.interval.is_some(), pairs >= MIN_ROUNDS);
                let (Some(ratio), Some((low, high)), Some(p)) = (comparison.ratio, comparison.interval, comparison.p) else {
                    continue;
                };
                prop_assert_eq!(comparison.verdict == Verdict::Higher, low > 1.0);
                prop_assert_eq!(comparison.verdict == Verdict::Lower, high < 1.0);
                prop_assert!((0.0..=1.0).contains(&p));
                prop_assert!((p - 0.05).abs() < 1e-6 || (p < 0.05) == (low > 1.0 || high < 1.0), "{:?}", comparison);
                // Never narrower than the comparison would have by itself.
                let alone = judge(&[rounds.difference(arm, 0)], tolerance)[0].interval.unwrap();
                prop_assert!(low <= alone.0 && alone.0 < ratio && ratio < alone.1 && alone.1 <= high);
            }
        }
    }

    #[test]
    fn the_paired_t_is_that_of_the_textbook() {
        // Differences 0.1 0.2 0.1 0.3 0.2: mean 0.18, standard error √(0.028 / 4 / 5); t₄ at 97.5 % is 2.7764.
        let figures = [0.1_f64, 0.2, 0.1, 0.3, 0.2];
        let rows: Vec<_> =
            figures.iter().zip(1..).map(|(d, n)| vec![Some(f64::from(n)), Some(f64::from(n) * d.exp())]).collect();
        let comparison = rounds(&rows).compare(0, none())[1].unwrap();
        let (low, high) = comparison.interval.unwrap();
        let half_width = 2.7764 * (0.028_f64 / 20.0).sqrt();
        assert!((comparison.ratio.unwrap().ln() - 0.18).abs() < 1e-9);
        assert!((low.ln() - (0.18 - half_width)).abs() < 1e-5 && (high.ln() - (0.18 + half_width)).abs() < 1e-5);
        // t = 4.811: between the table's 4.604 for 1 % and 5.598 for 0.5 %.
        let p = comparison.p.unwrap();
        assert!((0.005..0.01).contains(&p) && comparison.verdict == Verdict::Higher, "{comparison:?}");
        let tolerant = rounds(&rows).compare(0, Tolerance::new(0.1).unwrap())[1].unwrap();
        assert!((tolerant.interval.unwrap().0 * 1.1 - low).abs() < 1e-9 && tolerant.verdict == Verdict::NoDifference);
    }

    #[test]
    fn equal_figures_do_not_differ_and_exact_ones_do() {
        let constant = |ratio: f64| rounds(&vec![vec![Some(1.0), Some(ratio)]; 8]);
        for tolerance in [none(), Tolerance::DEFAULT] {
            let same = constant(1.0).compare(0, tolerance)[1].unwrap();
            assert_eq!((same.verdict, same.ratio, same.p), (Verdict::NoDifference, Some(1.0), Some(1.0)));
            let double = constant(2.0).compare(0, tolerance)[1].unwrap();
            assert!(double.verdict == Verdict::Higher && double.p.unwrap() < 1e-9, "{double:?}");
        }
        assert_eq!(constant(1.0 + 1e-14).compare(0, none())[1].unwrap().verdict, Verdict::NoDifference);
        assert_eq!(constant(1.009).compare(0, Tolerance::DEFAULT)[1].unwrap().verdict, Verdict::NoDifference);
        assert_eq!(constant(0.98).compare(0, Tolerance::DEFAULT)[1].unwrap().verdict, Verdict::Lower);
    }

    #[test]
    fn an_arm_without_figures_has_no_comparison() {
        let rows = vec![vec![Some(1.0), None, Some(2.0)]; 4];
        let rounds = rounds(&rows);
        let comparisons = rounds.compare(0, none());
        assert_eq!(comparisons[1], Some(Comparison { ratio: None, interval: None, p: None, verdict: Verdict::TooFew }));
        assert_eq!(comparisons[2].map(|c| (c.ratio, c.verdict)), Some((Some(2.0), Verdict::TooFew)));
        assert_eq!((rounds.estimate(1), rounds.difference(1, 2)), (None, None));
        assert_eq!(rounds.estimate(2), Some(Estimate { value: 2.0, interval: None }));
    }

    #[test]
    fn an_estimate_is_the_geometric_mean_with_its_interval() {
        let rows: Vec<_> = [1.0, 2.0, 4.0, 8.0, 16.0].into_iter().map(|value| vec![Some(value)]).collect();
        let Estimate { value, interval } = rounds(&rows).estimate(0).unwrap();
        // ln 2 times −2 … 2: the standard error is ln 2 · √(10 / 4 / 5).
        let factor = (2.7764 * 2.0_f64.ln() * 0.5_f64.sqrt()).exp();
        let (low, high) = interval.unwrap();
        assert!((value - 4.0).abs() < 1e-9 && (low * factor - 4.0).abs() < 1e-3 && (high / factor - 4.0).abs() < 1e-3);
    }

    #[test]
    fn rounds_that_do_not_fit_are_refused() {
        let mut rounds = Rounds::new(2);
        assert_eq!(rounds.push(&[Some(1.0)]), Err(BadRound::Arms { arms: 2, given: 1 }));
        for value in [0.0, -1.0, f64::INFINITY] {
            assert_eq!(rounds.push(&[None, Some(value)]), Err(BadRound::NotPositive { arm: 1, value }));
        }
        assert!(matches!(rounds.push(&[Some(f64::NAN), None]), Err(BadRound::NotPositive { arm: 0, .. })));
        assert_eq!(rounds, Rounds::new(2));
    }
}
