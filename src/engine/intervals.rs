//! The latencies of a run in stretches of whole seconds, for logs and heat maps. Each is put into text as it ends, so that a long run keeps
//! some hundred bytes of it and no recorder.

use std::time::Duration;

use super::clock::Ns;
use super::ledger::{Metric, Slice};
use crate::stats::recorder::CoarseRecorder;

/// The most intervals of a window: a longer one has longer intervals.
const MOST: u64 = 3_600;

const SECOND: Ns = 1_000_000_000;

/// What ended in one stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval {
    /// Its start, after the measure window's.
    pub start: Duration,
    /// Its length.
    pub length: Duration,
    /// Histograms by metric as text (see [`crate::stats::encoded`]), censored times included; `None` where nothing was recorded.
    pub histograms: [Option<String>; Metric::COUNT],
}

/// Intervals in the making.
#[derive(Debug)]
pub(super) struct Intervals {
    length: Ns,
    start: Ns,
    filling: Slice,
    ended: Vec<Interval>,
}

impl Intervals {
    /// For a window of `duration`: of one second each, or of as many whole seconds as keep them few.
    pub(super) fn of(duration: Duration) -> Self {
        let seconds = duration.as_secs().max(1).div_ceil(MOST);
        Self { length: seconds * SECOND, start: 0, filling: Slice::new(0), ended: Vec::new() }
    }

    /// Adds the slice that follows and ends at `end`.
    pub(super) fn add(&mut self, slice: &Slice, end: Ns) {
        self.filling.merge(slice);
        if end >= self.start + self.length {
            self.close(end);
        }
    }

    fn close(&mut self, end: Ns) {
        let Slice { latencies, .. } = std::mem::replace(&mut self.filling, Slice::new(0));
        let text = |recorder: Option<Box<CoarseRecorder>>| recorder.map(|recorder| recorder.encoded());
        let histograms = latencies.map(text);
        if histograms.iter().any(Option::is_some) {
            let length = Duration::from_nanos(end.saturating_sub(self.start));
            self.ended.push(Interval { start: Duration::from_nanos(self.start), length, histograms });
        }
        self.start = end;
    }

    /// All of them, with the last, shorter one up to the window's end and, as one more, what ended after it, until `drained`.
    pub(super) fn finish(mut self, window: Ns, tail: &Slice, drained: Ns) -> Vec<Interval> {
        self.close(window.max(self.start));
        self.filling.merge(tail);
        self.close(drained.max(self.start));
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::encoded::decode;

    fn slice(times: u64) -> Slice {
        let mut slice = Slice::new(0);
        let mut recorder = CoarseRecorder::new();
        (0..times).for_each(|n| recorder.record(1_000 + n));
        slice.latencies[Metric::Service as usize] = Some(Box::new(recorder));
        slice
    }

    fn told(intervals: &[Interval]) -> Vec<(f64, f64, u64)> {
        let count = |one: &Interval| {
            let text = one.histograms[Metric::Service as usize].as_ref().unwrap();
            (one.start.as_secs_f64(), one.length.as_secs_f64(), decode(text).unwrap().len())
        };
        intervals.iter().map(count).collect()
    }

    #[test]
    fn each_second_is_one_and_what_drains_is_the_last() {
        let mut intervals = Intervals::of(Duration::from_millis(2_500));
        for n in 1..=5 {
            intervals.add(&slice(n), n * SECOND / 2);
        }
        let ended = intervals.finish(2_500_000_000, &slice(7), 2_700_000_000);
        assert_eq!(told(&ended), [(0.0, 1.0, 3), (1.0, 1.0, 7), (2.0, 0.5, 5), (2.5, 0.2, 7)]);
    }

    #[test]
    fn empty_stretches_have_none_and_long_windows_longer_ones() {
        let mut intervals = Intervals::of(Duration::from_secs(7_201));
        for n in 1..=6 {
            intervals.add(&if n < 4 { Slice::new(0) } else { slice(1) }, n * SECOND);
        }
        assert_eq!(told(&intervals.finish(6 * SECOND, &Slice::new(0), 6 * SECOND)), [(3.0, 3.0, 3)]);
    }
}
