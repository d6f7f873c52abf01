//! How work is timed: slice by slice, by the time-stamp counter, what only prepares a slice left out.
//!
//! A slice is short, some ten to some hundred microseconds, and a repetition is many of them. A repetition's value is the median of its
//! slices, so that those in which the thread was interrupted do not count; where several threads run together it is the sum instead, since
//! being interrupted is then part of what they share.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::BenchError;

/// The fewest slices of a repetition, however long they take.
const MIN_SLICES: usize = 5;

/// How long one repetition takes, the preparation of its slices included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Before it counts: caches, branch predictors and the core's frequency settle.
    pub warmup: Duration,
    /// While it counts.
    pub measured: Duration,
}

/// What one repetition found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<const PARTS: usize> {
    /// Nanoseconds per operation, for each part of the work.
    pub ns: [f64; PARTS],
    /// The share of the time for which the thread was running, 0 to 1.
    pub cpu_share: f64,
}

/// Reads the time-stamp counter.
#[derive(Debug, Clone)]
pub struct Stopwatch(quanta::Clock);

impl Default for Stopwatch {
    fn default() -> Self {
        Self(quanta::Clock::new())
    }
}

impl Stopwatch {
    /// A reading.
    pub(super) fn read(&self) -> u64 {
        self.0.raw()
    }

    /// Nanoseconds from one reading until now.
    pub(super) fn since(&self, start: u64) -> f64 {
        self.0.delta_as_nanos(start, self.0.raw()) as f64
    }
}

/// Work that is timed slice by slice, in one part or in several, such as the client's and the server's.
pub trait Work<const PARTS: usize> {
    /// How many operations a slice is.
    fn operations(&self) -> usize;

    /// Does one slice, and gives the nanoseconds that each part took; what only prepares it is not in them.
    ///
    /// # Errors
    /// [`BenchError`] when an operation fails: its time would mean nothing.
    fn slice(&mut self, watch: &Stopwatch) -> Result<[f64; PARTS], BenchError>;
}

/// One repetition of `work` by this thread.
///
/// # Errors
/// That of the work.
pub fn repetition<const PARTS: usize>(
    work: &mut impl Work<PARTS>,
    watch: &Stopwatch,
    quota: Quota,
) -> Result<Sample<PARTS>, BenchError> {
    warm_up(work, watch, quota.warmup)?;
    let mut slices: [Vec<f64>; PARTS] = std::array::from_fn(|_| Vec::with_capacity(1024));
    let (began, cpu) = (Instant::now(), thread_cpu());
    while slices[0].len() < MIN_SLICES || began.elapsed() < quota.measured {
        for (part, ns) in slices.iter_mut().zip(work.slice(watch)?) {
            part.push(ns);
        }
    }
    let cpu_share = share(thread_cpu().saturating_sub(cpu), began.elapsed());
    let operations = work.operations() as f64;
    Ok(Sample { ns: slices.map(|part| middle(part) / operations), cpu_share })
}

/// One repetition by `threads` threads at once, each with work of its own that `make` builds. They start together, and run until the same
/// moment. The value is nanoseconds per operation of all together: the reciprocal of the sum of their rates.
///
/// # Errors
/// That of the work.
pub fn together<W: Work<1>>(
    threads: usize,
    make: impl Fn() -> Result<W, BenchError> + Sync,
    watch: &Stopwatch,
    quota: Quota,
) -> Result<Sample<1>, BenchError> {
    let start = Barrier::new(threads);
    let one = || {
        // Who fails must meet the others at the barrier all the same: they would wait for ever.
        let ready = make().and_then(|mut work| warm_up(&mut work, watch, quota.warmup).map(|()| work));
        start.wait();
        share_of_common_time(&mut ready?, watch, quota.measured)
    };
    let shares: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        running.into_iter().map(|thread| thread.join().expect("a measuring thread does not panic")).collect()
    });
    let shares = shares.into_iter().collect::<Result<Vec<_>, _>>()?;
    let rate: f64 = shares.iter().map(|(per_ns, _)| per_ns).sum();
    let cpu_share = shares.iter().map(|(_, share)| share).sum::<f64>() / threads as f64;
    Ok(Sample { ns: [1.0 / rate], cpu_share })
}

/// One thread's operations per nanosecond, and its share of the processor.
fn share_of_common_time(
    work: &mut impl Work<1>,
    watch: &Stopwatch,
    measured: Duration,
) -> Result<(f64, f64), BenchError> {
    let (began, cpu) = (Instant::now(), thread_cpu());
    let (mut slices, mut ns) = (0, 0.0);
    while slices < MIN_SLICES || began.elapsed() < measured {
        ns += work.slice(watch)?[0];
        slices += 1;
    }
    let cpu_share = share(thread_cpu().saturating_sub(cpu), began.elapsed());
    Ok(((slices * work.operations()) as f64 / ns, cpu_share))
}

fn warm_up<const PARTS: usize>(
    work: &mut impl Work<PARTS>,
    watch: &Stopwatch,
    warmup: Duration,
) -> Result<(), BenchError> {
    let began = Instant::now();
    work.slice(watch)?;
    while began.elapsed() < warmup {
        work.slice(watch)?;
    }
    Ok(())
}

fn middle(mut values: Vec<f64>) -> f64 {
    let at = values.len() / 2;
    *values.select_nth_unstable_by(at, f64::total_cmp).1
}

fn share(cpu: Duration, wall: Duration) -> f64 {
    (cpu.as_secs_f64() / wall.as_secs_f64()).min(1.0)
}

/// The CPU time that this thread has used, user and system together.
fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { warmup: Duration::from_micros(100), measured: Duration::from_millis(2) };

    /// Work that says how long it took, in turn.
    struct Scripted {
        times: Vec<f64>,
        done: usize,
    }

    impl Work<2> for Scripted {
        fn operations(&self) -> usize {
            10
        }

        fn slice(&mut self, _: &Stopwatch) -> Result<[f64; 2], BenchError> {
            let ns = self.times[self.done % self.times.len()];
            self.done += 1;
            Ok([ns, 2.0 * ns])
        }
    }

    #[test]
    fn an_interrupted_slice_does_not_count() {
        let mut work = Scripted { times: vec![100.0, 100.0, 100.0, 100.0, 5e6], done: 0 };
        let sample = repetition(&mut work, &Stopwatch::default(), QUOTA).unwrap();
        assert_eq!(sample.ns, [10.0, 20.0]);
        assert!((0.0..=1.0).contains(&sample.cpu_share));
    }

    /// Work that counts the slices that it was made for.
    struct Spinning;

    impl Work<1> for Spinning {
        fn operations(&self) -> usize {
            4
        }

        fn slice(&mut self, _: &Stopwatch) -> Result<[f64; 1], BenchError> {
            Ok([40.0])
        }
    }

    #[test]
    fn the_rates_of_threads_add_up() {
        for threads in [1, 2, 5] {
            let sample = together(threads, || Ok(Spinning), &Stopwatch::default(), QUOTA).unwrap();
            let expected = 10.0 / threads as f64;
            assert!((sample.ns[0] - expected).abs() < 1e-9, "{threads}: {sample:?}");
        }
    }

    #[test]
    fn one_thread_that_fails_ends_them_all() {
        let made = std::sync::atomic::AtomicUsize::new(0);
        let make = || match made.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Err(BenchError::new("work", "none today")),
            _ => Ok(Spinning),
        };
        let error = together(3, make, &Stopwatch::default(), QUOTA).unwrap_err();
        assert_eq!(error.to_string(), "work: none today");
    }
}
