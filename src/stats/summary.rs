//! What a recorder says, as an immutable summary: counts, moments and quantiles with their intervals.

use super::batches::Batches;
use super::interval::{LevelInterval, level_intervals};
use super::recorder::Recorder;

/// The quantiles of every summary, ascending.
pub const QUANTILES: [f64; 7] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999];

/// A quantile is given only where at least this many times are expected beyond it: p99 from 1000 times on, p99.9 from
/// 10 000. With fewer it is one of the few largest times, and another run would give quite another.
pub const MIN_BEYOND: f64 = 10.0;

/// The figures of one measure, times in nanoseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// How many successes were recorded.
    pub count: u64,
    /// How many times were cut short, and are lower bounds only.
    pub censored: u64,
    /// How many of both were above 1 h, and recorded as 1 h.
    pub over_range: u64,
    /// The shortest success, exact. The moments are those of the successes: `None` if there was none.
    pub min_ns: Option<u64>,
    /// The arithmetic mean of the successes.
    pub mean_ns: Option<f64>,
    /// The longest success, exact.
    pub max_ns: Option<u64>,
    /// The sample standard deviation of the successes; 0 for a single one.
    pub stddev_ns: Option<f64>,
    /// One for each of [`QUANTILES`], in that order.
    pub quantiles: Vec<QuantileEstimate>,
}

/// A quantile of the successes and the censored times together, the latter placed where they were cut short.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantileEstimate {
    /// Which quantile: 0.99 is p99.
    pub q: f64,
    /// The estimate: the smallest recorded time such that a share `q` of all is at or below it, as the upper end of its
    /// bucket (HDR's convention: up to 0.1 % too high, never too low), at most the exact maximum. `None` where the sample
    /// is too small ([`MIN_BEYOND`]).
    pub ns: Option<u64>,
    /// The lower end of the 95 % interval, never below the shortest time, recorded or censored; `None` where there are too
    /// few independent times to tell.
    pub low_ns: Option<u64>,
    /// The upper end of the 95 % interval, never above the longest time; `None` as for the lower end, and where a censored
    /// time lies at or below it: its true length could be anything above.
    pub high_ns: Option<u64>,
    /// Whether some time at or below the estimate was censored, so that the estimate is a lower bound and prints as "≥".
    pub at_least: bool,
}

impl Summary {
    /// Sums up a recorder; `batches` are the same times, slice by slice, and serve the intervals. `None` if nothing was
    /// recorded, neither a success nor a censored time.
    pub fn new(recorder: &Recorder, batches: &Batches) -> Option<Self> {
        if recorder.is_empty() {
            return None;
        }
        Some(Self {
            count: recorder.len(),
            censored: recorder.censored(),
            over_range: recorder.over_range(),
            min_ns: recorder.min_ns(),
            mean_ns: recorder.mean_ns(),
            max_ns: recorder.max_ns(),
            stddev_ns: recorder.stddev_ns(),
            quantiles: estimates(recorder, batches, &QUANTILES),
        })
    }

    /// The estimate of the quantile `q`, if it is one of [`QUANTILES`].
    pub fn quantile(&self, q: f64) -> Option<&QuantileEstimate> {
        self.quantiles.iter().find(|estimate| estimate.q == q)
    }
}

/// The estimates of those of [`QUANTILES`] and of `q` itself, in ascending order: what is seen at one of them widens the intervals of those above.
/// Empty if nothing was recorded.
pub fn estimates_with(recorder: &Recorder, batches: &Batches, q: f64) -> Vec<QuantileEstimate> {
    let mut levels = QUANTILES.to_vec();
    if !levels.contains(&q) {
        levels.push(q);
        levels.sort_by(f64::total_cmp);
    }
    if recorder.is_empty() { Vec::new() } else { estimates(recorder, batches, &levels) }
}

/// The estimates of the quantiles `levels`, which must ascend.
fn estimates(recorder: &Recorder, batches: &Batches, levels: &[f64]) -> Vec<QuantileEstimate> {
    let all = recorder.combined();
    let total = all.len() as f64;
    let shortest = [recorder.min_ns(), recorder.min_censored_ns()].into_iter().flatten().min().unwrap_or(0);
    let longest = recorder.max_ns().max(recorder.max_censored_ns()).unwrap_or(u64::MAX);
    let read = |level: f64| all.value_at_quantile(level).min(longest);
    // 1 − 0.99 is a little more or less than 0.01 in binary; 1000 times must be enough for p99.
    let given = levels.iter().copied().filter(|q| total * (1.0 - q) >= MIN_BEYOND - 1e-6);
    let estimates: Vec<_> = given.map(|q| (q, read(q))).collect();
    let intervals = level_intervals(batches, &estimates);
    let estimate = |(i, q): (usize, f64)| {
        let ns = estimates.get(i).map(|&(_, ns)| ns);
        let ends = intervals.get(i).copied().flatten().map(|interval| {
            let (low, high) = ends(interval, |level| all.lowest_equivalent(read(level)), read);
            (low.max(shortest), high.min(longest))
        });
        let is_cut = |ns: u64| recorder.min_censored_ns().is_some_and(|shortest| shortest <= ns);
        QuantileEstimate {
            q,
            ns,
            low_ns: ends.map(|(low, _)| low),
            high_ns: ends.map(|(_, high)| high).filter(|&high| !is_cut(high)),
            at_least: ns.is_some_and(is_cut),
        }
    };
    levels.iter().copied().enumerate().map(estimate).collect()
}

/// The ends in nanoseconds of an interval of levels: the lower end of the one's bucket, the upper end of the other's.
fn ends(interval: LevelInterval, first: impl Fn(f64) -> u64, last: impl Fn(f64) -> u64) -> (u64, u64) {
    let (low, high) = (first(interval.low), last(interval.high));
    interval.spans_ns.map_or((low, high), |(from, to)| (low.min(from), high.max(to)))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::recorder::{CoarseRecorder, MAX_NS};
    use super::*;

    fn summary(successes: &[u64], censored: &[u64]) -> Option<Summary> {
        let mut recorder = Recorder::new();
        successes.iter().for_each(|&ns| recorder.record(ns));
        censored.iter().for_each(|&ns| recorder.record_censored(ns));
        Summary::new(&recorder, &Batches::new(64))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn quantiles_are_those_of_the_sorted_sample(mut values in vec(1..10_000_000_u64, 1..1200), cut in 0..20_usize) {
            let cut = cut.min(values.len());
            let summary = summary(&values[cut..], &values[..cut]).unwrap();
            let shortest_cut = values[..cut].iter().min().copied();
            values.sort_unstable();
            for estimate in &summary.quantiles {
                let enough = values.len() as f64 * (1.0 - estimate.q) >= MIN_BEYOND - 1e-6;
                prop_assert_eq!(estimate.ns.is_some(), enough);
                if let Some(ns) = estimate.ns {
                    let exact = values[(estimate.q * values.len() as f64).ceil() as usize - 1];
                    prop_assert!(ns >= exact && ns as f64 <= exact as f64 * 1.001, "{} for {}", ns, exact);
                    prop_assert!(ns <= values[values.len() - 1]);
                    prop_assert_eq!(estimate.at_least, shortest_cut.is_some_and(|cut| cut <= ns));
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn an_interval_holds_its_estimate_and_stays_within_what_was_recorded(
            times in prop_oneof![
                vec((1..10_000_000_000_u64, prop::bool::weighted(0.98)), 200..2000),
                // All in one bucket or two of the batches, most of them in one of the recorder.
                vec((prop_oneof![Just(1_234_567_u64), 1_230_000..1_240_000_u64], prop::bool::weighted(0.999)), 200..2000),
            ],
            slices in 10..70_usize,
        ) {
            let (mut recorder, mut batches) = (Recorder::new(), Batches::new(64));
            for times in times.chunks(times.len().div_ceil(slices)) {
                let mut slice = CoarseRecorder::new();
                for &(ns, success) in times {
                    if success { recorder.record(ns) } else { recorder.record_censored(ns) }
                    slice.record(ns);
                }
                batches.push(&slice);
            }
            let (shortest, longest) = (times.iter().map(|t| t.0).min().unwrap(), times.iter().map(|t| t.0).max().unwrap());
            let shortest_cut = times.iter().filter(|t| !t.1).map(|t| t.0).min();
            for estimate in &Summary::new(&recorder, &batches).unwrap().quantiles {
                if let (Some(ns), Some(low)) = (estimate.ns, estimate.low_ns) {
                    prop_assert!(shortest <= low && low <= ns, "{:?}, shortest {}", estimate, shortest);
                    let high = estimate.high_ns;
                    prop_assert!(high.is_none_or(|high| ns <= high && high <= longest), "{:?}, longest {}", estimate, longest);
                    prop_assert!(high.is_some() || shortest_cut.is_some(), "{:?} has no upper end", estimate);
                    prop_assert!(high.is_none_or(|high| shortest_cut.is_none_or(|cut| high < cut)), "{:?}", estimate);
                }
            }
        }
    }

    #[test]
    fn nothing_recorded_is_no_summary() {
        assert_eq!(summary(&[], &[]), None);
    }

    #[test]
    fn what_was_only_cut_short_has_bounds_but_no_moments() {
        let summary = summary(&[], &[1_000_000_000; 50]).unwrap();
        assert_eq!((summary.count, summary.censored, summary.mean_ns, summary.min_ns), (0, 50, None, None));
        let median = summary.quantile(0.5).unwrap();
        assert_eq!((median.ns, median.at_least), (Some(1_000_000_000), true));
    }

    #[test]
    fn a_quantile_below_the_censored_is_exact_and_one_among_them_a_bound() {
        let summary = summary(&[1_000_000; 950], &[10_000_000; 50]).unwrap();
        let [median, p99] = [0.5, 0.99].map(|q| summary.quantile(q).unwrap().clone());
        assert!(!median.at_least && (1_000_000..=1_001_000).contains(&median.ns.unwrap()));
        assert!(p99.at_least && p99.ns == Some(10_000_000));
        assert_eq!((summary.count, summary.max_ns, summary.stddev_ns), (950, Some(1_000_000), Some(0.0)));
        assert_eq!(summary.quantile(0.42), None);
    }

    #[test]
    fn a_thousand_times_are_enough_for_p99_and_no_more() {
        let given = |n: usize| summary(&vec![5; n], &[]).unwrap().quantiles.iter().filter(|e| e.ns.is_some()).count();
        assert_eq!([19, 20, 999, 1000, 9_999, 10_000, 99_999, 100_000].map(given), [0, 1, 4, 5, 5, 6, 6, 7]);
    }

    #[test]
    fn an_upper_end_among_the_censored_is_open() {
        let (mut recorder, mut batches) = (Recorder::new(), Batches::new(64));
        for _ in 0..20 {
            let mut slice = CoarseRecorder::new();
            for i in 1..=100_u64 {
                let ns = i * 10_000;
                if i < 92 {
                    recorder.record(ns);
                } else {
                    recorder.record_censored(ns);
                }
                slice.record(ns);
            }
            batches.push(&slice);
        }
        recorder.record(2 * MAX_NS);
        let summary = Summary::new(&recorder, &batches).unwrap();
        let [median, p90, p95] = [0.5, 0.9, 0.95].map(|q| summary.quantile(q).unwrap().clone());
        assert!(median.low_ns.is_some() && median.high_ns.is_some() && !median.at_least);
        assert!(p90.low_ns.is_some() && p90.high_ns.is_none() && !p90.at_least, "{p90:?}");
        assert!(p95.low_ns.is_some() && p95.high_ns.is_none() && p95.at_least, "{p95:?}");
        assert_eq!(summary.over_range, 1);
    }
}
