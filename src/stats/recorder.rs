//! Recording times: a fine recorder for a whole measure window and a coarse one for a slice of it.
//!
//! Both are HDR histograms (G. Tene, <http://hdrhistogram.org>) with fixed bounds, so that recording never allocates, and
//! both merge exactly: counters add up, and the order of merging does not matter.

use std::borrow::Cow;

use hdrhistogram::{Counter, Histogram};

/// The longest time that is told apart, in nanoseconds: 1 hour. What is longer is recorded as this.
pub const MAX_NS: u64 = 3_600_000_000_000;

/// The shortest time that is told apart, in nanoseconds. A time of 0 is recorded as this.
pub const MIN_NS: u64 = 1;

/// Significant decimal digits of [`Recorder`]: a bucket is at most 0.1 % wide.
const FINE_DIGITS: u8 = 3;

/// Significant decimal digits of [`CoarseRecorder`]: a bucket is at most 1 % wide.
const COARSE_DIGITS: u8 = 2;

fn histogram<C: Counter>(digits: u8) -> Histogram<C> {
    Histogram::new_with_bounds(MIN_NS, MAX_NS, digits).expect("the bounds are constants that the histogram accepts")
}

fn add<C: Counter>(to: &mut Histogram<C>, from: &Histogram<C>) {
    to.add(from).expect("histograms made with the same bounds add up");
}

/// The times of successes over a whole measure window, with those that were cut short kept apart.
///
/// Times are in nanoseconds, 1 ns to 1 h, told apart to 3 significant digits. Minimum, maximum, sum and sum of squares are
/// exact: they do not come from bucket midpoints. It takes about 270 kB, and as much again once something was cut short.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorder {
    values: Histogram<u64>,
    /// Allocated at the first censored time: most recorders never see one.
    censored: Option<Box<Censored>>,
    min_ns: u64,
    max_ns: u64,
    // Integers, so that merging is associative to the last bit; 1 h squared, 2.6e13 times, fits.
    sum: u128,
    sum_of_squares: u128,
    over_range: u64,
}

/// The times that are lower bounds only.
#[derive(Debug, Clone, PartialEq)]
struct Censored {
    waited: Histogram<u64>,
    min_ns: u64,
    max_ns: u64,
}

impl Censored {
    fn new() -> Box<Self> {
        Box::new(Self { waited: histogram(FINE_DIGITS), min_ns: u64::MAX, max_ns: 0 })
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// An empty recorder.
    pub fn new() -> Self {
        Self {
            values: histogram(FINE_DIGITS),
            censored: None,
            min_ns: u64::MAX,
            max_ns: 0,
            sum: 0,
            sum_of_squares: 0,
            over_range: 0,
        }
    }

    /// Records a time of `ns` nanoseconds. A time above [`MAX_NS`] is recorded as [`MAX_NS`], in the sums too, and counted
    /// in [`Recorder::over_range`]; 0 is recorded as [`MIN_NS`].
    pub fn record(&mut self, ns: u64) {
        let value = self.clamped(ns);
        self.values.saturating_record(value);
        self.min_ns = self.min_ns.min(value);
        self.max_ns = self.max_ns.max(value);
        self.sum += u128::from(value);
        self.sum_of_squares += u128::from(value) * u128::from(value);
    }

    /// Records something that had taken `ns` nanoseconds when it was given up (a timeout, an arrival never sent): its true
    /// time is at least that. It is clamped as in [`Recorder::record`], and counted in [`Recorder::censored`] only.
    pub fn record_censored(&mut self, ns: u64) {
        let value = self.clamped(ns);
        let censored = self.censored.get_or_insert_with(Censored::new);
        censored.waited.saturating_record(value);
        censored.min_ns = censored.min_ns.min(value);
        censored.max_ns = censored.max_ns.max(value);
    }

    fn clamped(&mut self, ns: u64) -> u64 {
        self.over_range += u64::from(ns > MAX_NS);
        ns.clamp(MIN_NS, MAX_NS)
    }

    /// Adds everything that `other` has recorded.
    pub fn merge(&mut self, other: &Self) {
        let Self { values, censored, min_ns, max_ns, sum, sum_of_squares, over_range } = other;
        add(&mut self.values, values);
        match (&mut self.censored, censored) {
            (_, None) => {}
            (mine @ None, Some(theirs)) => *mine = Some(theirs.clone()),
            (Some(mine), Some(theirs)) => {
                let Censored { waited, min_ns, max_ns } = &**theirs;
                add(&mut mine.waited, waited);
                mine.min_ns = mine.min_ns.min(*min_ns);
                mine.max_ns = mine.max_ns.max(*max_ns);
            }
        }
        self.min_ns = self.min_ns.min(*min_ns);
        self.max_ns = self.max_ns.max(*max_ns);
        self.sum += sum;
        self.sum_of_squares += sum_of_squares;
        self.over_range += over_range;
    }

    /// How many successes were recorded.
    pub fn len(&self) -> u64 {
        self.values.len()
    }

    /// How many times were recorded that are lower bounds only.
    pub fn censored(&self) -> u64 {
        self.censored.as_ref().map_or(0, |c| c.waited.len())
    }

    /// How many times, of successes and of censored ones, were above [`MAX_NS`] and recorded as that.
    pub fn over_range(&self) -> u64 {
        self.over_range
    }

    /// Whether nothing was recorded, neither a success nor a censored time.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.censored() == 0
    }

    /// The shortest success, exact, in nanoseconds.
    pub fn min_ns(&self) -> Option<u64> {
        (!self.values.is_empty()).then_some(self.min_ns)
    }

    /// The longest success, exact, in nanoseconds.
    pub fn max_ns(&self) -> Option<u64> {
        (!self.values.is_empty()).then_some(self.max_ns)
    }

    /// The shortest time that any censored one had waited, exact, in nanoseconds.
    pub fn min_censored_ns(&self) -> Option<u64> {
        self.censored.as_ref().map(|c| c.min_ns)
    }

    /// The longest time that any censored one had waited, exact, in nanoseconds.
    pub fn max_censored_ns(&self) -> Option<u64> {
        self.censored.as_ref().map(|c| c.max_ns)
    }

    /// The arithmetic mean of the successes, in nanoseconds.
    pub fn mean_ns(&self) -> Option<f64> {
        (!self.values.is_empty()).then(|| self.sum as f64 / self.len() as f64)
    }

    /// The sample standard deviation (divisor n − 1) of the successes, in nanoseconds; 0 for a single one.
    ///
    /// Computed in integers around the mean's whole part m: Σ(x−m)² = Σx² − 2mΣx + nm². The textbook difference of two
    /// large floating-point sums would lose all digits where the spread is small against the mean.
    pub fn stddev_ns(&self) -> Option<f64> {
        let n = u128::from(self.len());
        if n == 0 {
            return None;
        }
        let whole = self.sum / n;
        let around_whole = self.sum_of_squares + n * whole * whole - 2 * whole * self.sum;
        let rest = (self.sum % n) as f64;
        let squares = (around_whole as f64 - rest * rest / n as f64).max(0.0);
        Some((squares / (n - 1).max(1) as f64).sqrt())
    }

    /// The histogram of the successes: 1 ns to 1 h, 3 significant digits.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.values
    }

    /// The histogram of the censored times, each at the time that it had waited; `None` if there are none.
    pub fn censored_histogram(&self) -> Option<&Histogram<u64>> {
        self.censored.as_ref().map(|c| &c.waited)
    }

    /// The histogram of successes and censored times together: what quantiles are read from.
    pub fn combined(&self) -> Cow<'_, Histogram<u64>> {
        match &self.censored {
            None => Cow::Borrowed(&self.values),
            Some(censored) => {
                let mut all = self.values.clone();
                add(&mut all, &censored.waited);
                Cow::Owned(all)
            }
        }
    }
}

/// The times of one slice of the measure window: 1 ns to 1 h, told apart to 2 significant digits, in about 19 kB.
///
/// A slice serves to see how much a share of slow requests varies from one slice to the next; the figures that are printed
/// come from [`Recorder`].
#[derive(Debug, Clone, PartialEq)]
pub struct CoarseRecorder {
    all: Histogram<u32>,
}

impl Default for CoarseRecorder {
    fn default() -> Self {
        Self::new()
    }
}

impl CoarseRecorder {
    /// An empty recorder.
    pub fn new() -> Self {
        Self { all: histogram(COARSE_DIGITS) }
    }

    /// Records a time of `ns` nanoseconds, clamped to [`MIN_NS`]..=[`MAX_NS`].
    pub fn record(&mut self, ns: u64) {
        self.all.saturating_record(ns.clamp(MIN_NS, MAX_NS));
    }

    /// Records a censored time where it was cut short: it counts as a time of `ns` nanoseconds, as it does in the quantiles
    /// of a summary.
    pub fn record_censored(&mut self, ns: u64) {
        self.record(ns);
    }

    /// Adds everything that `other` has recorded.
    pub fn merge(&mut self, other: &Self) {
        let Self { all } = other;
        add(&mut self.all, all);
    }

    /// Forgets everything, keeping the memory.
    pub fn reset(&mut self) {
        self.all.reset();
    }

    /// How many times were recorded, censored ones included.
    pub fn len(&self) -> u64 {
        self.all.len()
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The value, in nanoseconds, at or below which a share `q` (0 to 1) of the recorded times lies: the upper end of its
    /// bucket, so at most 1 % too high. `None` if nothing was recorded.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        (!self.is_empty()).then(|| self.all.value_at_quantile(q).min(MAX_NS))
    }

    /// All of it as text: see [`super::encoded`].
    pub fn encoded(&self) -> String {
        super::encoded::encode(&self.all)
    }

    /// The first and the last nanosecond of the bucket that holds `ns`.
    pub fn bucket(&self, ns: u64) -> (u64, u64) {
        (self.all.lowest_equivalent(ns), self.all.highest_equivalent(ns))
    }

    /// How many times were recorded in buckets up to and including each of those that hold `bounds`, which must ascend.
    pub fn counts_up_to<'a>(&'a self, bounds: impl Iterator<Item = u64> + 'a) -> impl Iterator<Item = u64> + 'a {
        let mut from = self.all.min();
        let mut below = 0;
        bounds.map(move |bound| {
            if bound >= from {
                below += self.all.count_between(from, bound);
                from = self.all.highest_equivalent(bound).saturating_add(1);
            }
            below
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Times of every magnitude, some of them beyond 1 h, each a success or censored.
    fn times() -> impl Strategy<Value = Vec<(u64, bool)>> {
        let ns = prop_oneof![Just(0), 1..10_000_u64, 10_000..1_000_000_000_u64, 1_000_000_000..2 * MAX_NS];
        vec((ns, prop::bool::weighted(0.8)), 0..60)
    }

    fn recorder(times: &[(u64, bool)]) -> Recorder {
        let mut recorder = Recorder::new();
        for &(ns, success) in times {
            if success { recorder.record(ns) } else { recorder.record_censored(ns) }
        }
        recorder
    }

    fn merged(a: &Recorder, b: &Recorder) -> Recorder {
        let mut sum = a.clone();
        sum.merge(b);
        sum
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn merging_is_recording_all_in_any_order(a in times(), b in times(), c in times()) {
            let [ra, rb, rc] = [&a, &b, &c].map(|times| recorder(times));
            prop_assert_eq!(merged(&ra, &rb), merged(&rb, &ra));
            let left = merged(&merged(&ra, &rb), &rc);
            prop_assert_eq!(&left, &merged(&ra, &merged(&rb, &rc)));
            prop_assert_eq!(&left, &recorder(&[a, b, c].concat()));
            prop_assert_eq!(&merged(&left, &Recorder::new()), &left);
        }

        #[test]
        fn counts_and_moments_are_exact(times in times()) {
            let recorder = recorder(&times);
            let clamped = |&(ns, _): &(u64, bool)| ns.clamp(MIN_NS, MAX_NS);
            let values: Vec<u64> = times.iter().filter(|(_, success)| *success).map(clamped).collect();
            prop_assert_eq!(recorder.len(), values.len() as u64);
            prop_assert_eq!(recorder.censored(), (times.len() - values.len()) as u64);
            prop_assert_eq!(recorder.is_empty(), times.is_empty());
            prop_assert_eq!(recorder.over_range(), times.iter().filter(|(ns, _)| *ns > MAX_NS).count() as u64);
            prop_assert_eq!(recorder.combined().len(), times.len() as u64);
            prop_assert_eq!(recorder.min_ns(), values.iter().min().copied());
            prop_assert_eq!(recorder.max_ns(), values.iter().max().copied());
            let censored = || times.iter().filter(|(_, success)| !success).map(clamped);
            prop_assert_eq!(recorder.min_censored_ns(), censored().min());
            prop_assert_eq!(recorder.max_censored_ns(), censored().max());
            if !values.is_empty() {
                let n = values.len() as f64;
                let mean = values.iter().map(|&v| v as f64).sum::<f64>() / n;
                let squares: f64 = values.iter().map(|&v| (v as f64 - mean).powi(2)).sum();
                let stddev = (squares / (n - 1.0).max(1.0)).sqrt();
                prop_assert!((recorder.mean_ns().unwrap() - mean).abs() <= 1e-9 * mean);
                prop_assert!((recorder.stddev_ns().unwrap() - stddev).abs() <= 1e-9 * mean);
            }
        }

        #[test]
        fn coarse_quantiles_are_within_one_percent(values in vec(1..10_000_000_u64, 1..200), q in 0.01..1.0_f64) {
            let mut coarse = CoarseRecorder::new();
            values.iter().for_each(|&ns| coarse.record(ns));
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let exact = sorted[(q * values.len() as f64).ceil() as usize - 1];
            let read = coarse.quantile(q).unwrap();
            prop_assert!(read >= exact && read as f64 <= exact as f64 * 1.01, "{read} for {exact}");
        }

        #[test]
        fn coarse_counts_follow_the_buckets(values in vec(1..100_000_u64, 0..100), mut bounds in vec(0..200_000_u64, 1..5)) {
            let mut coarse = CoarseRecorder::new();
            values.iter().for_each(|&ns| coarse.record(ns));
            bounds.sort_unstable();
            let counts: Vec<u64> = coarse.counts_up_to(bounds.iter().copied()).collect();
            let within = |bound: &u64| values.iter().filter(|&&v| v <= coarse.bucket(*bound).1).count() as u64;
            prop_assert_eq!(counts, bounds.iter().map(within).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_spread_survives_a_large_mean() {
        let mut recorder = Recorder::new();
        for ns in [MAX_NS - 2, MAX_NS - 1, MAX_NS] {
            recorder.record(ns);
        }
        assert_eq!(recorder.stddev_ns(), Some(1.0));
        assert_eq!(recorder.mean_ns(), Some((MAX_NS - 1) as f64));
    }

    #[test]
    fn an_empty_recorder_has_no_figures() {
        let recorder = Recorder::new();
        assert!(recorder.is_empty() && recorder.censored_histogram().is_none());
        assert_eq!((recorder.min_ns(), recorder.max_ns()), (None, None));
        assert_eq!((recorder.mean_ns(), recorder.stddev_ns()), (None, None));
        assert_eq!(CoarseRecorder::new().quantile(0.5), None);
    }

    #[test]
    fn a_coarse_recorder_merges_counts_censored_and_resets() {
        let (mut a, mut b) = (CoarseRecorder::new(), CoarseRecorder::new());
        a.record(2 * MAX_NS);
        b.record_censored(5);
        a.merge(&b);
        assert_eq!((a.len(), a.quantile(0.5), a.quantile(1.0)), (2, Some(5), Some(MAX_NS)));
        a.reset();
        assert_eq!(a, CoarseRecorder::new());
    }
}
