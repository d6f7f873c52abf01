//! Whether figures differ: ratios to a baseline, with intervals and verdicts that hold for a whole family of comparisons.
//!
//! All figures compared are positive (rates, times, CPU time per operation), so everything is done on logarithms: a ratio and
//! its inverse are equally far from 1, and noise that is a share of the figure has the same size everywhere.
//!
//! 1. *Over rounds* of the same arms, [`super::rounds`] says how far one is from another.
//! 2. *Without rounds*, two estimates with 95 % intervals are compared as if independent: their half-widths on the scale of
//!    logarithms add in quadrature, the lower one of the one with the upper one of the other (Zou and Donner, *Stat. Med.* 27,
//!    2008). That allows for what varies within each run, and for nothing that changed between the two. *Repeated runs* of either
//!    show that too: Student's t for two samples on their logarithms.
//! 3. *Tolerance.* Repeating does not average out what stays the same for all rounds: where code and data came to lie, which
//!    core it was (Mytkowicz and others, *ASPLOS* 2009). An interval is therefore widened by the tolerance on either side,
//!    and a difference that is surely there but smaller than that is not called one.
//! 4. *Families.* Of twenty comparisons where nothing differs, one in twenty would be called a difference. Verdicts follow
//!    Holm's step-down (*Scand. J. Stat.* 6, 1979): the most significant of m is judged at α/m, the next at α/(m − 1), until one
//!    fails; then all the rest fail. So a family in which nothing differs has a false verdict with a probability of at most α.
//!    Each interval has the level at which its comparison was judged, and those after the first failure have the level of that.
//!    An interval thus excludes 1 if, and only if, the verdict says that there is a difference, and since no level is above α
//!    each by itself covers at least at [`CONFIDENCE`].

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::interval::{CONFIDENCE, MIN_GROUPS};

/// The fewest rounds that an interval is computed from. With fewer, noise that knows two states puts an arm into the one and
/// the baseline into the other in every round too often, which looks like a difference without any noise.
pub const MIN_ROUNDS: usize = 5;

/// Less than rounding makes of two equal figures' logarithms.
const ROUNDING: f64 = 1e-12;

/// A positive figure, and the ends of its 95 % interval where there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The figure, in whatever unit it was measured.
    pub value: f64,
    /// The lower and the upper end.
    pub interval: Option<(f64, f64)>,
}

impl Estimate {
    /// The geometric mean of a figure over runs, with its interval by Student's t where there are two or more. `None` if there is none,
    /// or one is not positive.
    pub fn over_runs(values: &[f64]) -> Option<Self> {
        let logs = logs(values)?;
        let (n, Scatter { mean, squares }) = (logs.len() as f64, Scatter::of(&logs));
        let interval = (logs.len() > 1).then(|| {
            let t = student(n - 1.0).inverse_cdf(f64::midpoint(1.0, CONFIDENCE));
            let half = t * (squares / (n - 1.0) / n).sqrt();
            ((mean - half).exp(), (mean + half).exp())
        });
        Some(Self { value: mean.exp(), interval })
    }
}

/// The mean of some values, and the sum of the squares of their distances from it.
struct Scatter {
    mean: f64,
    squares: f64,
}

impl Scatter {
    fn of(values: &[f64]) -> Self {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Self { mean, squares: values.iter().map(|value| (value - mean).powi(2)).sum() }
    }
}

/// Their logarithms; `None` if there is none, or one is not positive.
fn logs(values: &[f64]) -> Option<Vec<f64>> {
    let positive = !values.is_empty() && values.iter().all(|value| *value > 0.0 && value.is_finite());
    positive.then(|| values.iter().map(|value| value.ln()).collect())
}

/// By which share a figure may differ without being called different; at least 0, below 1. Not smaller than the figures'
/// resolution: rounding is the same in all rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance(f64);

impl Tolerance {
    /// 1 %: what the same work on the same machine may differ by for no reason that anybody would act upon.
    pub const DEFAULT: Self = Self(0.01);

    /// `None` unless `share` is at least 0 and below 1.
    pub fn new(share: f64) -> Option<Self> {
        (0.0..1.0).contains(&share).then_some(Self(share))
    }

    /// The share.
    pub fn share(self) -> f64 {
        self.0
    }

    fn log(self) -> f64 {
        self.0.ln_1p()
    }
}

/// How far a figure is from another, and how uncertain that is, before it is judged in its family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// ln(arm / baseline).
    log_ratio: f64,
    /// `None` if there was too little to tell.
    error: Option<Uncertainty>,
    /// The logarithm of what is allowed beside the tolerance.
    allowed: f64,
}

/// Standard errors towards either side, and how well they are known.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Uncertainty {
    down: f64,
    up: f64,
    /// The degrees of freedom of their Student t.
    degrees: f64,
}

impl Uncertainty {
    /// The half-widths of an interval that misses with a probability of `level`.
    fn half_widths(self, level: f64) -> (f64, f64) {
        let t = student(self.degrees).inverse_cdf(1.0 - level / 2.0);
        (t * self.down, t * self.up)
    }
}

impl Difference {
    /// The mean of the logarithms of ratios, one a round; uncertain by their scatter. `None` if there is none, and without an
    /// interval if there are fewer than [`MIN_ROUNDS`].
    pub(super) fn mean_of(logs: &[f64]) -> Option<Self> {
        if logs.is_empty() {
            return None;
        }
        let n = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / n;
        let error = (logs.len() >= MIN_ROUNDS).then(|| {
            let Scatter { squares, .. } = Scatter::of(logs);
            let standard = (squares / (n - 1.0) / n).sqrt();
            Uncertainty { down: standard, up: standard, degrees: n - 1.0 }
        });
        Some(Self { log_ratio: mean, error, allowed: 0.0 })
    }

    /// The same, which must lie beyond the tolerance by another `share`.
    #[must_use]
    pub fn allowing(self, share: f64) -> Self {
        Self { allowed: share.ln_1p(), ..self }
    }

    /// The ratio itself, with the 95 % interval that it has outside any family.
    pub fn estimate(self) -> Estimate {
        let ends = |error: Uncertainty| {
            let (down, up) = error.half_widths(1.0 - CONFIDENCE);
            ((self.log_ratio - down).exp(), (self.log_ratio + up).exp())
        };
        Estimate { value: self.log_ratio.exp(), interval: self.error.map(ends) }
    }

    /// Two figures that were measured apart, each with its 95 % interval: rule 2 above. In a family of several, whose intervals
    /// are wider than 95 % ones, the half-widths grow as those of a t with as few degrees of freedom as any quantile's
    /// interval over batches has. There is only the ratio where one has no interval, or its ends are not around the value.
    ///
    /// `None` if a value is not positive.
    pub fn between(arm: Estimate, baseline: Estimate) -> Option<Self> {
        if !(arm.value > 0.0 && baseline.value > 0.0) {
            return None;
        }
        let sides = |estimate: Estimate| {
            let (low, high) = estimate.interval?;
            let surrounds = 0.0 < low && low <= estimate.value && estimate.value <= high && high.is_finite();
            surrounds.then(|| ((estimate.value / low).ln(), (high / estimate.value).ln()))
        };
        let error = sides(arm).zip(sides(baseline)).map(|((arm_down, arm_up), (baseline_down, baseline_up))| {
            let degrees = (MIN_GROUPS - 1) as f64;
            let t = student(degrees).inverse_cdf(f64::midpoint(1.0, CONFIDENCE));
            Uncertainty { down: arm_down.hypot(baseline_up) / t, up: arm_up.hypot(baseline_down) / t, degrees }
        });
        Some(Self { log_ratio: (arm.value / baseline.value).ln(), error, allowed: 0.0 })
    }

    /// Two sides that were each measured in several runs: the means of the runs' logarithms, uncertain by how the runs of either side
    /// scatter, which is taken to be alike on both (Student's t for two samples). So one run can stand against several.
    ///
    /// `None` if a figure is not positive, a side has none, or there are fewer than three in all.
    pub fn between_runs(arm: &[f64], baseline: &[f64]) -> Option<Self> {
        let (arm, baseline) = (logs(arm)?, logs(baseline)?);
        let (n, m) = (arm.len() as f64, baseline.len() as f64);
        let degrees = n + m - 2.0;
        if degrees < 1.0 {
            return None;
        }
        let (a, b) = (Scatter::of(&arm), Scatter::of(&baseline));
        let standard = ((a.squares + b.squares) / degrees * (1.0 / n + 1.0 / m)).sqrt();
        let error = Some(Uncertainty { down: standard, up: standard, degrees });
        Some(Self { log_ratio: a.mean - b.mean, error, allowed: 0.0 })
    }

    /// The probability of a difference at least as far beyond the tolerance by chance.
    fn p(self, tolerance: Tolerance) -> Option<f64> {
        let error = self.error?;
        let beyond = self.log_ratio.abs() - tolerance.log() - self.allowed - ROUNDING;
        if beyond <= 0.0 {
            return Some(1.0);
        }
        let towards_one = if self.log_ratio > 0.0 { error.down } else { error.up };
        Some(2.0 * student(error.degrees).sf(beyond / towards_one))
    }

    /// The ends of the ratio's interval that misses with a probability of `level`, tolerance included.
    fn ends(self, level: f64, tolerance: Tolerance) -> Option<(f64, f64)> {
        let (down, up) = self.error?.half_widths(level);
        let margin = tolerance.log() + self.allowed + ROUNDING;
        Some(((self.log_ratio - down - margin).exp(), (self.log_ratio + up + margin).exp()))
    }
}

/// What a comparison says. Whether higher is better is for the caller to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The arm's figure is higher than the baseline's: the interval is above 1.
    Higher,
    /// It is lower: the interval is below 1.
    Lower,
    /// No difference was found: the interval holds 1. One that is smaller than the interval is wide may still be there.
    NoDifference,
    /// There is no interval.
    TooFew,
}

/// A difference as judged in its family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Arm / baseline; `None` if one of them has no figure, or they have none in the same round.
    pub ratio: Option<f64>,
    /// The ends of the ratio's interval: of at least 95 %, adjusted for the family, and widened by the tolerance.
    pub interval: Option<(f64, f64)>,
    /// The p-value, adjusted for the family (Holm): a difference is found where it is at most 0.05.
    pub p: Option<f64>,
    /// It agrees with the interval.
    pub verdict: Verdict,
}

/// Judges differences as one family: every question that is asked of the same experiment. In their order; those without an
/// interval do not count as part of the family.
pub fn judge(differences: &[Option<Difference>], tolerance: Tolerance) -> Vec<Comparison> {
    let mut comparisons: Vec<_> = differences.iter().map(|difference| unjudged(*difference)).collect();
    let judged = differences.iter().enumerate();
    let mut ranked: Vec<(usize, Difference, f64)> = judged
        .filter_map(|(i, difference)| difference.and_then(|difference| Some((i, difference, difference.p(tolerance)?))))
        .collect();
    ranked.sort_by(|(_, _, a), (_, _, b)| a.total_cmp(b));
    let family = ranked.len();
    // The level of the first comparison that failed, which is that of all after it.
    let mut failed_at = None;
    let mut adjusted: f64 = 0.0;
    for (rank, (i, difference, p)) in ranked.into_iter().enumerate() {
        let rest = (family - rank) as f64;
        adjusted = adjusted.max((rest * p).min(1.0));
        let level = failed_at.unwrap_or((1.0 - CONFIDENCE) / rest);
        let Some((low, high)) = difference.ends(level, tolerance) else { continue };
        let verdict = if low > 1.0 {
            Verdict::Higher
        } else if high < 1.0 {
            Verdict::Lower
        } else {
            failed_at = Some(level);
            Verdict::NoDifference
        };
        comparisons[i].interval = Some((low, high));
        comparisons[i].p = Some(adjusted);
        comparisons[i].verdict = verdict;
    }
    comparisons
}

fn unjudged(difference: Option<Difference>) -> Comparison {
    let ratio = difference.map(|difference| difference.log_ratio.exp());
    Comparison { ratio, interval: None, p: None, verdict: Verdict::TooFew }
}

fn student(degrees: f64) -> StudentsT {
    StudentsT::new(0.0, 1.0, degrees).expect("the degrees of freedom are at least 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Tolerance = Tolerance(0.0);

    /// A difference whose t with 10 degrees of freedom is `t`.
    fn with_t(t: f64) -> Option<Difference> {
        Some(Difference { log_ratio: t, error: Some(Uncertainty { down: 1.0, up: 1.0, degrees: 10.0 }), allowed: 0.0 })
    }

    #[test]
    fn holm_steps_down_until_one_fails() {
        // Two-sided p of t₁₀ by table: 3.169 1 %, 2.764 2 %, 2.527 3 %, 2.359 4 %.
        let verdicts = |ts: [f64; 3]| judge(&ts.map(with_t), NONE).iter().map(|c| c.verdict).collect::<Vec<_>>();
        assert_eq!(verdicts([-2.359, 3.169, 2.764]), [Verdict::Lower, Verdict::Higher, Verdict::Higher]);
        let stopped = judge(&[with_t(3.169), with_t(2.359), with_t(2.527)], NONE);
        assert_eq!(
            stopped.iter().map(|c| c.verdict).collect::<Vec<_>>(),
            [Verdict::Higher, Verdict::NoDifference, Verdict::NoDifference]
        );
        for (comparison, p) in stopped.iter().zip([0.03, 0.06, 0.06]) {
            assert!((comparison.p.unwrap() - p).abs() < 2e-4, "{comparison:?}");
        }
        assert_eq!(judge(&[], NONE), []);
        // 4 % would be found alone; what cannot be judged does not count in the family.
        assert_eq!(judge(&[with_t(2.359), None], NONE)[0].verdict, Verdict::Higher);
    }

    #[test]
    fn half_widths_of_two_estimates_add_in_quadrature() {
        let estimate = |value: f64, low: f64, high: f64| Estimate { value, interval: Some((low, high)) };
        let (arm, baseline) = (estimate(200.0, 190.0, 230.0), estimate(100.0, 98.0, 101.0));
        let comparison = judge(&[Difference::between(arm, baseline)], NONE)[0];
        let (low, high) = comparison.interval.unwrap();
        let down = (200.0_f64 / 190.0).ln().hypot((101.0_f64 / 100.0).ln());
        let up = (230.0_f64 / 200.0).ln().hypot((100.0_f64 / 98.0).ln());
        assert!((low - 2.0 * (-down).exp()).abs() < 1e-6 && (high - 2.0 * up.exp()).abs() < 1e-6, "{low} to {high}");
        assert_eq!(comparison.verdict, Verdict::Higher);
        let unsure = judge(&[Difference::between(arm, Estimate { value: 100.0, interval: None })], NONE)[0];
        assert_eq!((unsure.ratio.map(f64::round), unsure.verdict), (Some(2.0), Verdict::TooFew));
        assert_eq!(Difference::between(Estimate { value: 0.0, interval: None }, baseline), None);
    }

    #[test]
    fn an_interval_that_is_not_around_its_value_is_none() {
        let figure = |interval| Estimate { value: 100.0, interval: Some(interval) };
        for interval in [(0.0, 200.0), (101.0, 102.0), (98.0, 99.0), (99.0, f64::INFINITY), (f64::NAN, 101.0)] {
            let difference = Difference::between(figure(interval), figure((99.0, 101.0))).unwrap();
            assert_eq!(difference.estimate(), Estimate { value: 1.0, interval: None });
        }
    }

    #[test]
    fn what_is_allowed_comes_on_top_of_the_tolerance() {
        let tight = |value: f64| Estimate { value, interval: Some((value / 1.001, value * 1.001)) };
        let tolerance = Tolerance(0.05);
        let found = |ratio: f64, share: f64| {
            let difference = Difference::between(tight(ratio), tight(1.0)).map(|difference| difference.allowing(share));
            judge(&[difference], tolerance)[0].verdict
        };
        assert_eq!((found(1.14, 0.0), found(1.14, 0.1)), (Verdict::Higher, Verdict::NoDifference));
        assert_eq!((found(1.17, 0.1), found(1.0 / 1.17, 0.1)), (Verdict::Higher, Verdict::Lower));
    }

    #[test]
    fn runs_are_told_apart_by_a_t_test_of_two_samples() {
        // ln 1 and ln 1.1 against ln 1.5 and ln 1.6: means 0.0477 and 0.4377, pooled variance (0.1² / 2 + …) / 2 by hand.
        let difference = Difference::between_runs(&[1.5, 1.6], &[1.0, 1.1]).unwrap();
        let (a, b) = (1.1_f64.ln(), (1.6_f64 / 1.5).ln());
        let standard = ((a * a / 2.0 + b * b / 2.0) / 2.0).sqrt();
        let Estimate { value, interval } = difference.estimate();
        assert!((value - (2.4_f64 / 1.1).sqrt()).abs() < 1e-9);
        // t₂ = 4.303.
        let half = (interval.unwrap().1 / value).ln();
        assert!((half / standard - 4.303).abs() < 1e-3, "{half} {standard}");
        // One against three knows the scatter of three; one against one knows none.
        assert!(Difference::between_runs(&[1.5], &[1.0, 1.1, 1.2]).unwrap().estimate().interval.is_some());
        assert_eq!(Difference::between_runs(&[1.5], &[1.0]), None);
        assert_eq!(Difference::between_runs(&[1.5, 0.0], &[1.0, 1.1]), None);
        assert_eq!(Estimate::over_runs(&[]), None);
        assert_eq!(Estimate::over_runs(&[2.0]), Some(Estimate { value: 2.0, interval: None }));
    }

    #[test]
    fn a_tolerance_is_a_share() {
        assert_eq!([-0.01, 1.0, f64::NAN].map(Tolerance::new), [None; 3]);
        assert_eq!(Tolerance::new(0.01), Some(Tolerance::DEFAULT));
    }
}
