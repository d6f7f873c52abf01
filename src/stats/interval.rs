//! How far a sample quantile may be from the true one when successive times depend on each other.
//!
//! A quantile's 95 % interval is found on the scale of levels and then read back from the histogram (Woodruff, *JASA* 47,
//! 1952): if the share of times at or below the true p99 is, by chance, anywhere in `low..=high`, then the true p99 lies
//! between the sample's quantiles at `low` and at `high`. That share is a mean of zeros and ones, so its variance under
//! dependence can be had from batch means, which no order statistic gives:
//!
//! 1. Per batch b, count the times k_b at or below the estimate and all times n_b; p = Σk / Σn. The ratio estimator's
//!    variance over g groups of adjacent batches is g/(g−1) · Σ(k − p n)² / (Σn)² (Cochran, *Sampling Techniques*, §6.3).
//!    Divided by p(1−p)/Σn, which holds for independent times, it is the *design effect* d (Kish): one independent time is
//!    worth d of these.
//! 2. Batches that are short against the memory of the process are correlated and give too small a d. Where adjacent
//!    batches are merged the estimate grows until they are long enough, so d is taken over several numbers of groups and the
//!    widest result counts, each with its own Student t of g − 1 degrees of freedom. There is no test whether the batches
//!    are correlated: with 40 to 64 of them it would miss what matters.
//! 3. In the tail a run holds few independent episodes, and a run that had fewer of them than its share also shows too
//!    small a d. So a d that is plainly above 1 at a lower quantile counts for the higher ones too. Plainly is: less likely
//!    than `CHANCE` for independent times, for which (g − 1)d follows χ² with g − 1 degrees of freedom.
//! 4. The half-width is taken on the scale of arcsin √p, on which a share's variance does not depend on p (Anscombe,
//!    *Biometrika* 35, 1948), so that near 1 the interval is as lopsided as it has to be. It is never narrower than that for
//!    independent times.
//! 5. Where times depend on each other, d is no better known than the episodes seen allow, and the runs that look long
//!    enough are for a good part those whose d came out too small. The run's independent times N/d and the episodes beyond
//!    the quantile N(1 − q)/d therefore limit the degrees of freedom of t: one for every `TIMES_PER_DEGREE` of the former,
//!    one for every `EPISODES_PER_DEGREE` of the latter. No formula gives the two numbers: they are the smallest found
//!    with which the intervals that are given cover as they should at the edge too, where few runs get one (below).
//! 6. No interval is given for fewer than [`MIN_GROUPS`] batches, nor where its levels would reach 0 or 1. By rule 5 they do
//!    where less than about nine episodes lie beyond the quantile, or the run is worth less than about forty independent
//!    times.
//!
//! The tests simulate it: of the intervals that are given, 90 to 99 % cover the true quantile, for independent times and for
//! M/M/1 queues at 30 to 90 % load, for short runs and long ones, wherever a tenth of the runs or more get one. The price is
//! that dependent times need long runs: at 90 % load, the median about 5000 requests, p90 about 20 000 and p95 about 50 000,
//! to have an interval in half of the runs or more. What no run can tell is what it has not seen: where all that is slow
//! comes in rare bursts, a run between two of them has the times of an endpoint without bursts, and intervals to match.

use statrs::distribution::{ChiSquared, ContinuousCDF, StudentsT};

use super::batches::Batches;

/// The confidence of every interval.
pub const CONFIDENCE: f64 = 0.95;

/// The fewest batches that an interval is computed from.
pub const MIN_GROUPS: usize = 10;

/// Into how many groups the batches are gathered; those that are more than the batches are left out.
const GROUPS: [usize; 3] = [32, 20, MIN_GROUPS];

/// A design effect that independent times show with less than this probability is dependence. Small, since 21 are looked at
/// and since counts of ten times or so beyond a quantile scatter more than χ² says; not smaller, or the weak dependence of a
/// short run goes unseen.
const CHANCE: f64 = 1e-3;

/// How many independent times a run of dependent ones must be worth for each degree of freedom.
const TIMES_PER_DEGREE: f64 = 40.0;

/// How many independent episodes beyond the quantile it takes for each degree of freedom.
const EPISODES_PER_DEGREE: f64 = 6.0;

/// The normal quantile for [`CONFIDENCE`].
const NORMAL: f64 = 1.959_963_984_540_054;

/// Where a bucket of the batches holds more than this share of the smaller side of a quantile, it hides the dependence.
const CROWDED_BUCKET: f64 = 0.25;

/// The levels between which the true quantile lies with [`CONFIDENCE`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelInterval {
    /// The lower level, above 0 and at most the quantile's own.
    pub low: f64,
    /// The upper level, below 1 and at least the quantile's own.
    pub high: f64,
    /// The first and the last nanosecond of the batches' bucket that holds the estimate, where so many times fall into it
    /// that what happens inside cannot be judged: the interval has to span it.
    pub spans_ns: Option<(u64, u64)>,
}

/// The level intervals of quantiles, given as `(q, estimate in nanoseconds)` in ascending order; `None` for those that the
/// batches are too few to judge.
pub fn level_intervals(batches: &Batches, quantiles: &[(f64, u64)]) -> Vec<Option<LevelInterval>> {
    if batches.len() < MIN_GROUPS {
        return vec![None; quantiles.len()];
    }
    let cuts = Cuts::new(batches, quantiles);
    // What the levels so far have shown.
    let mut worst: f64 = 1.0;
    let mut plain_width: Option<f64> = None;
    let mut intervals = Vec::with_capacity(quantiles.len());
    for (i, &(q, _)) in quantiles.iter().enumerate() {
        let own = cuts.spread(i, q);
        if let Some(own) = own {
            worst = worst.max(own.design_effect);
            if own.is_plain {
                plain_width = Some(own.width.max(plain_width.unwrap_or(0.0)));
            }
        }
        let scarce_width =
            plain_width.map(|plain| plain.max(worst.sqrt() * student_t(degrees(cuts.total() / worst, q))));
        let width = [own.map(|own| own.width), scarce_width].into_iter().flatten().fold(NORMAL, f64::max);
        let spans_ns = (own.is_none() || cuts.is_crowded(i, q)).then(|| cuts.buckets[i]);
        intervals.push(around(q, width / (2.0 * cuts.total().sqrt()), spans_ns));
    }
    intervals
}

/// The degrees of freedom that a design effect has at best, in a run that is worth `times` independent ones.
fn degrees(times: f64, q: f64) -> f64 {
    let episodes = times * q.min(1.0 - q);
    (times / TIMES_PER_DEGREE).min(episodes / EPISODES_PER_DEGREE).max(1.0)
}

/// The levels within `half_width` of `q` on the scale of arcsin √p; `None` if they do not stay inside 0 to 1.
fn around(q: f64, half_width: f64, spans_ns: Option<(u64, u64)>) -> Option<LevelInterval> {
    let centre = q.sqrt().asin();
    let (low, high) = (centre - half_width, centre + half_width);
    (low > 0.0 && high < std::f64::consts::FRAC_PI_2).then(|| LevelInterval {
        low: low.sin().powi(2),
        high: high.sin().powi(2),
        spans_ns,
    })
}

/// How much more a share varies than it would for independent times.
#[derive(Debug, Clone, Copy)]
struct Spread {
    /// The factor on the variance.
    design_effect: f64,
    /// The factor on the standard error of independent times that gives the half-width: t · √(design effect).
    width: f64,
    /// Whether it is dependence rather than chance.
    is_plain: bool,
}

/// Per batch, how many times lie on either side of each estimate's bucket.
struct Cuts {
    sizes: Vec<f64>,
    /// Per quantile, per batch: times in buckets below that of the estimate.
    below: Vec<Vec<f64>>,
    /// Per quantile, per batch: times in buckets up to that of the estimate.
    up_to: Vec<Vec<f64>>,
    buckets: Vec<(u64, u64)>,
}

impl Cuts {
    fn new(batches: &Batches, quantiles: &[(f64, u64)]) -> Self {
        let batches = batches.as_slice();
        let buckets: Vec<_> = quantiles.iter().map(|&(_, ns)| batches[0].bucket(ns)).collect();
        let mut below = vec![Vec::with_capacity(batches.len()); quantiles.len()];
        let mut up_to = below.clone();
        for batch in batches {
            let counts = batch.counts_up_to(buckets.iter().map(|&(first, _)| first.saturating_sub(1)));
            below.iter_mut().zip(counts).for_each(|(of_quantile, count)| of_quantile.push(count as f64));
            let counts = batch.counts_up_to(buckets.iter().map(|&(_, last)| last));
            up_to.iter_mut().zip(counts).for_each(|(of_quantile, count)| of_quantile.push(count as f64));
        }
        Self { sizes: batches.iter().map(|b| b.len() as f64).collect(), below, up_to, buckets }
    }

    fn total(&self) -> f64 {
        self.sizes.iter().sum()
    }

    /// Whether so many times fall into the estimate's own bucket that its edges say little about the level `q`.
    fn is_crowded(&self, i: usize, q: f64) -> bool {
        let inside = self.up_to[i].iter().sum::<f64>() - self.below[i].iter().sum::<f64>();
        inside / self.total() > CROWDED_BUCKET * q.min(1.0 - q)
    }

    /// The spread at the edge of the estimate's bucket that is nearer to `q`; `None` if all times are on one side of both.
    fn spread(&self, i: usize, q: f64) -> Option<Spread> {
        let share = |counts: &[f64]| counts.iter().sum::<f64>() / self.total();
        [&self.below[i], &self.up_to[i]]
            .into_iter()
            .filter(|counts| share(counts) > 0.0 && share(counts) < 1.0)
            .min_by(|a, b| (share(a) - q).abs().total_cmp(&(share(b) - q).abs()))
            .map(|counts| self.spread_of(counts))
    }

    /// The widest spread over the numbers of groups.
    fn spread_of(&self, counts: &[f64]) -> Spread {
        let total = self.total();
        let p = counts.iter().sum::<f64>() / total;
        let rests: Vec<f64> = counts.iter().zip(&self.sizes).map(|(k, n)| k - p * n).collect();
        let groups = GROUPS.into_iter().filter(|&groups| groups <= rests.len());
        let mut spread = Spread { design_effect: 0.0, width: 0.0, is_plain: false };
        for groups in groups {
            let degrees = (groups - 1) as f64;
            let squares: f64 = gathered(&rests, groups).iter().map(|rest| rest * rest).sum();
            let design_effect = groups as f64 / degrees * squares / (total * p * (1.0 - p));
            spread.design_effect = spread.design_effect.max(design_effect);
            spread.width = spread.width.max(student_t(degrees) * design_effect.sqrt());
            spread.is_plain |= chi_squared_tail(degrees, degrees * design_effect) < CHANCE;
        }
        spread
    }
}

/// Sums of adjacent values in `groups` groups whose sizes differ by one at most.
fn gathered(values: &[f64], groups: usize) -> Vec<f64> {
    let mut sums = vec![0.0; groups];
    for (i, value) in values.iter().enumerate() {
        sums[i * groups / values.len()] += value;
    }
    sums
}

/// The two-sided Student t for [`CONFIDENCE`].
fn student_t(degrees: f64) -> f64 {
    StudentsT::new(0.0, 1.0, degrees)
        .expect("the degrees of freedom are at least 1")
        .inverse_cdf(f64::midpoint(1.0, CONFIDENCE))
}

/// The probability that χ² exceeds `value`.
fn chi_squared_tail(degrees: f64, value: f64) -> f64 {
    ChiSquared::new(degrees).expect("the degrees of freedom are at least 1").sf(value)
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{Binomial, DiscreteCDF};

    use super::super::simulation::Process::{self, Exponential, Lognormal, Queue};
    use super::super::summary::{QUANTILES, Summary};
    use super::super::{recorder::CoarseRecorder, recorder::Recorder};
    use super::*;

    const RUNS: u32 = 300;

    /// A quantile that fewer runs gave an interval for is not judged.
    const MIN_GIVEN: u32 = 30;

    /// What chance may do to a count of misses: more than a bound's is called so with this probability at most.
    const LUCK: f64 = 0.01;

    /// Per quantile: how many runs gave an interval, and how many of those intervals miss the truth.
    fn given_and_missed(process: Process, count: u32, slices: u32) -> Vec<(f64, u32, u32)> {
        let truths = QUANTILES.map(|q| process.quantile(q));
        let mut tally = [(0, 0); QUANTILES.len()];
        for seed in 0..RUNS {
            let (recorder, batches) = process.run(count, slices, u64::from(seed));
            let summary = Summary::new(&recorder, &batches).unwrap();
            for ((estimate, truth), (given, missed)) in summary.quantiles.iter().zip(truths).zip(&mut tally) {
                if let (Some(low), Some(high)) = (estimate.low_ns, estimate.high_ns) {
                    *given += 1;
                    *missed += u32::from(truth < low as f64 || truth > high as f64);
                }
            }
        }
        QUANTILES.into_iter().zip(tally).map(|(q, (given, missed))| (q, given, missed)).collect()
    }

    /// Whether `missed` of `given` intervals are what 90 to 99 % coverage allows: neither so many that 10 % misses would give
    /// them with less than [`LUCK`], nor so few that 1 % would.
    fn is_as_promised(given: u32, missed: u32) -> bool {
        let misses_at = |share: f64| Binomial::new(share, u64::from(given)).unwrap();
        let as_many = if missed == 0 { 1.0 } else { misses_at(0.1).sf(u64::from(missed) - 1) };
        as_many >= LUCK && misses_at(0.01).cdf(u64::from(missed)) >= LUCK
    }

    /// Asserts for runs of several `(length, slices)` that the intervals that are given cover as they should, wherever at
    /// least [`MIN_GIVEN`] of the runs give one, and that all runs but 5 % give one up to the quantile `always`.
    fn assert_coverage(process: Process, runs: &[(u32, u32, f64)]) {
        for &(count, slices, always) in runs {
            for (q, given, missed) in given_and_missed(process, count, slices) {
                let what = format!("{process:?}, {count} in {slices} slices, q = {q}: given {given}, missed {missed}");
                assert!(given < MIN_GIVEN || is_as_promised(given, missed), "{what}");
                assert!(q > always || f64::from(given) >= 0.95 * f64::from(RUNS), "{what}");
            }
        }
    }

    #[test]
    fn the_bounds_on_misses_are_those_of_the_binomial_distribution() {
        // 300 intervals: 10 % are 30 misses, give or take 5.2; 1 % are 3, of which none has a probability of 4.9 %.
        assert!(is_as_promised(300, 0) && is_as_promised(300, 30) && is_as_promised(300, 42));
        assert!(!is_as_promised(300, 44) && !is_as_promised(1000, 2) && !is_as_promised(30, 9));
    }

    #[test]
    fn independent_times_are_covered() {
        let runs = [(1_200, 40, 0.99), (5_000, 20, 0.99), (5_000, 64, 0.99), (20_000, 100, 0.999), (50_000, 64, 0.999)];
        assert_coverage(Exponential, &runs);
    }

    #[test]
    fn independent_times_with_a_heavy_tail_are_covered() {
        let runs = [(1_200, 64, 0.99), (5_000, 40, 0.99), (20_000, 64, 0.999), (50_000, 50, 0.999)];
        assert_coverage(Lognormal, &runs);
    }

    #[test]
    fn a_queue_at_three_tenths_load_is_covered() {
        let runs = [(1_200, 20, 0.9), (1_200, 64, 0.9), (5_000, 40, 0.95), (20_000, 64, 0.99)];
        assert_coverage(Queue(0.3), &runs);
    }

    #[test]
    fn a_queue_at_half_load_is_covered() {
        let runs = [(1_200, 64, 0.75), (5_000, 20, 0.9), (5_000, 40, 0.95), (20_000, 64, 0.95), (50_000, 100, 0.99)];
        assert_coverage(Queue(0.5), &runs);
    }

    #[test]
    fn a_queue_at_seven_tenths_load_is_covered() {
        let runs = [(1_200, 40, 0.5), (5_000, 64, 0.75), (5_000, 20, 0.75), (20_000, 50, 0.9), (50_000, 64, 0.95)];
        assert_coverage(Queue(0.7), &runs);
    }

    #[test]
    fn a_queue_at_nine_tenths_load_is_covered_or_has_too_few_times() {
        let runs = [(1_200, 64, 0.0), (5_000, 40, 0.0), (5_000, 20, 0.0), (20_000, 64, 0.5), (50_000, 50, 0.75)];
        assert_coverage(Queue(0.9), &runs);
        for (count, limit) in [(1_200, 0.5), (5_000, 0.75), (20_000, 0.9)] {
            for (q, given, _) in given_and_missed(Queue(0.9), count, 40).into_iter().filter(|&(q, ..)| q > limit) {
                assert!(given <= RUNS / 10, "{count}, q = {q}: given {given}");
            }
        }
    }

    fn batches_of(slices: &[&[u64]]) -> (Recorder, Batches) {
        let (mut recorder, mut batches) = (Recorder::new(), Batches::new(64));
        for times in slices {
            let mut slice = CoarseRecorder::new();
            for &ns in *times {
                recorder.record(ns);
                slice.record(ns);
            }
            batches.push(&slice);
        }
        (recorder, batches)
    }

    #[test]
    fn too_few_batches_give_no_interval() {
        let times: Vec<u64> = (1..=100).map(|i| i * 1000).collect();
        let (_, batches) = batches_of(&[&times[..]; MIN_GROUPS - 1]);
        assert_eq!(level_intervals(&batches, &[(0.5, 50_000)]), [None]);
        let (_, batches) = batches_of(&[&times[..]; MIN_GROUPS]);
        assert!(level_intervals(&batches, &[(0.5, 50_000)])[0].is_some());
        let (_, empty) = batches_of(&[&[][..]; 20]);
        assert_eq!(level_intervals(&empty, &[(0.5, 50_000)]), [None]);
        assert_eq!(level_intervals(&empty, &[]), []);
    }

    #[test]
    fn times_in_one_bucket_are_spanned_and_no_more() {
        let median = |times: &[u64]| {
            let (recorder, batches) = batches_of(&[times; 20]);
            let median = Summary::new(&recorder, &batches).unwrap().quantiles[0].clone();
            (median.low_ns.unwrap(), median.ns.unwrap(), median.high_ns.unwrap())
        };
        assert_eq!(median(&[1_000_000; 50]), (1_000_000, 1_000_000, 1_000_000));
        // All in one bucket of the batches, and in several of the recorder.
        let times: Vec<u64> = (0..50).map(|i| 996_000 + i * 60).collect();
        assert_eq!(CoarseRecorder::new().bucket(times[0]), CoarseRecorder::new().bucket(times[49]));
        let (low, ns, high) = median(&times);
        assert!((low, high) == (times[0], times[49]) && times[0] < ns && ns < times[49], "{low} to {high}, {ns}");
    }

    #[test]
    fn slices_that_differ_widen_the_interval() {
        let (slow, fast): (Vec<u64>, Vec<u64>) = (1..=100).map(|i| (3_000 + i * 100, i * 100)).unzip();
        let alternating: Vec<&[u64]> = (0..40).map(|i| if i / 2 % 2 == 0 { &slow[..] } else { &fast[..] }).collect();
        let mixed: Vec<u64> = slow.iter().chain(&fast).copied().collect();
        let width = |slices: &[&[u64]]| {
            let (recorder, batches) = batches_of(slices);
            let median = Summary::new(&recorder, &batches).unwrap().quantiles[0].clone();
            median.high_ns.unwrap() - median.low_ns.unwrap()
        };
        assert!(width(&alternating) > 3 * width(&[&mixed[..]; 20]));
    }

    #[test]
    fn a_run_of_two_long_states_is_too_short() {
        let (slow, fast): (Vec<u64>, Vec<u64>) = (1..=100).map(|i| (20_000 + i * 100, i * 100)).unzip();
        let states: Vec<&[u64]> = (0..40).map(|i| if i / 10 % 2 == 0 { &slow[..] } else { &fast[..] }).collect();
        let (recorder, batches) = batches_of(&states);
        let summary = Summary::new(&recorder, &batches).unwrap();
        assert!(summary.quantiles.iter().all(|estimate| estimate.low_ns.is_none()), "{summary:?}");
    }
}
