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
    /// The lower end of the 95 % interval; `None` where there are too few independent times to tell.
    pub low_ns: Option<u64>,
    /// The upper end of the 95 % interval; `None` as for the lower end, and where a censored time lies at or below it: its
    /// true length could be anything above.
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
            quantiles: quantiles(recorder, batches),
        })
    }

    /// The estimate of the quantile `q`, if it is one of [`QUANTILES`].
    pub fn quantile(&self, q: f64) -> Option<&QuantileEstimate> {
        self.quantiles.iter().find(|estimate| estimate.q == q)
    }
}

fn quantiles(recorder: &Recorder, batches: &Batches) -> Vec<QuantileEstimate> {
    let all = recorder.combined();
    let total = all.len() as f64;
    let longest = recorder.max_ns().max(recorder.max_censored_ns()).unwrap_or(u64::MAX);
    let read = |level: f64| all.value_at_quantile(level).min(longest);
    // 1 − 0.99 is a little more or less than 0.01 in binary; 1000 times must be enough for p99.
    let given = QUANTILES.into_iter().filter(|q| total * (1.0 - q) >= MIN_BEYOND - 1e-6);
    let estimates: Vec<_> = given.map(|q| (q, read(q))).collect();
    let intervals = level_intervals(batches, &estimates);
    let estimate = |(i, q): (usize, f64)| {
        let ns = estimates.get(i).map(|&(_, ns)| ns);
        let ends = intervals
            .get(i)
            .copied()
            .flatten()
            .map(|interval| ends(interval, |level| all.lowest_equivalent(read(level)), read));
        let is_cut = |ns: u64| recorder.min_censored_ns().is_some_and(|shortest| shortest <= ns);
        QuantileEstimate {
            q,
            ns,
            low_ns: ends.map(|(low, _)| low),
            high_ns: ends.map(|(_, high)| high).filter(|&high| !is_cut(high)),
            at_least: ns.is_some_and(is_cut),
        }
    };
    QUANTILES.into_iter().enumerate().map(estimate).collect()
}

/// The ends in nanoseconds of an interval of levels: the lower end of the one's bucket, the upper end of the other's.
fn ends(interval: LevelInterval, first: impl Fn(f64) -> u64, last: impl Fn(f64) -> u64) -> (u64, u64) {
    let (low, high) = (first(interval.low), last(interval.high));
    interval.spans_ns.map_or((low, high), |(from, to)| (low.min(from), high.max(to)))
}
