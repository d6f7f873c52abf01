//! Whether this worker ran when it wanted to, and what it used: CPU time that was taken from it, sleeps that lasted too long, waits for
//! a core, and the time for which it had work.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use super::clock::{Clock, Ns, thread_cpu};
use crate::stats::recorder::Recorder;

/// Gaps below this are the machine's ordinary noise: the wake-ups of a loaded machine take microseconds each.
const NOTICEABLE: Ns = 200_000;

/// How far apart the readings of the kernel's clocks are while the worker is busy; each costs two system calls.
const READING: Ns = 1_000_000;

/// What a worker has found out about itself within the measure window.
#[derive(Debug, Clone)]
pub(super) struct Usage {
    /// Each noticeable time for which it wanted to run and did not; several within one reading are one.
    pub(super) gaps: Recorder,
    /// CPU time, user and system.
    pub(super) cpu: Duration,
    /// Time for which it wanted a core: that for which it had work, or that for which it ran or waited for one, whichever is longer.
    /// Spinning is not work.
    pub(super) busy: Duration,
    /// How long it was watched: the window, to within the time that it took to notice the edges.
    pub(super) watched: Duration,
}

/// Watches one worker's loop.
pub(super) struct GapWatch {
    gaps: Recorder,
    queue: RunQueue,
    /// Whether the measure window is open.
    recording: bool,
    /// Last reading of the clocks.
    mark: Reading,
    /// Time spent outside the poll since then, and beyond the end that a sleep should have had.
    worked_since: Ns,
    overslept_since: Ns,
    /// The reading at the window's start, and what has gathered since.
    opened: Reading,
    worked: Ns,
    spun: Ns,
    usage: Option<Usage>,
}

/// The clocks of one thread at one moment.
#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    at: Ns,
    cpu: Duration,
    /// Time spent runnable without a core since the thread began.
    waited: Duration,
}

impl GapWatch {
    /// Begins to watch the calling thread.
    pub(super) fn new(clock: &Clock) -> Self {
        let queue = RunQueue::of_this_thread();
        let mark = queue.reading(clock.now());
        Self {
            gaps: Recorder::new(),
            queue,
            recording: false,
            mark,
            worked_since: 0,
            overslept_since: 0,
            opened: mark,
            worked: 0,
            spun: 0,
            usage: None,
        }
    }

    /// The measure window has begun at `from`, which is noticed `now`. Of a gap that lies across its start the part within it counts.
    pub(super) fn open_window(&mut self, from: Ns, now: Ns) {
        let reading = self.queue.reading(now);
        let across = self.gap_until(reading).min(now - from);
        self.recording = true;
        self.record(across);
        (self.opened, self.worked, self.spun) = (Reading { at: from, ..reading }, 0, 0);
        self.mark(reading);
    }

    /// The measure window is over.
    pub(super) fn close_window(&mut self, now: Ns) {
        let end = self.queue.reading(now);
        self.record(self.gap_until(end));
        self.mark(end);
        self.recording = false;
        let cpu = end.cpu.saturating_sub(self.opened.cpu);
        let wanted =
            (cpu + end.waited.saturating_sub(self.opened.waited)).saturating_sub(Duration::from_nanos(self.spun));
        self.usage = Some(Usage {
            gaps: std::mem::take(&mut self.gaps),
            cpu,
            busy: wanted.max(Duration::from_nanos(self.worked)),
            watched: Duration::from_nanos(now - self.opened.at),
        });
    }

    /// The worker woke at `woke`, and had asked to be woken by `wanted` at the latest.
    pub(super) fn woke(&mut self, wanted: Ns, woke: Ns) {
        let late = woke.saturating_sub(wanted);
        // Every timer is some microseconds late: with tens of arrivals between two readings these would add up to what is no gap.
        if late >= NOTICEABLE {
            self.overslept_since += late;
        }
    }

    /// From `since` until `now` it asked without waiting, and looked at the clock: nothing had happened, and an arrival is near.
    pub(super) fn spun(&mut self, since: Ns, now: Ns) {
        self.spun += now.saturating_sub(since.max(self.opened.at));
        self.look(now);
    }

    /// The worker worked from `woke` until `now`, without waiting.
    pub(super) fn worked(&mut self, woke: Ns, now: Ns) {
        // The window may have opened since: what was before is not part of it.
        let worked = now.saturating_sub(woke.max(self.mark.at));
        self.worked_since += worked;
        self.worked += worked;
        self.look(now);
    }

    /// Reads the clocks, if that is due. Before the window too: a gap may lie across its start.
    fn look(&mut self, now: Ns) {
        if now.saturating_sub(self.mark.at) >= READING {
            let reading = self.queue.reading(now);
            self.record(self.gap_until(reading));
            self.mark(reading);
        }
    }

    /// The gap since the last reading. What the kernel took away, a sleep that was too long and a wait for a core may be the same time
    /// seen three ways, so that the longest counts: what is found is too little rather than too much.
    fn gap_until(&self, reading: Reading) -> Ns {
        let cpu = reading.cpu.saturating_sub(self.mark.cpu).as_nanos() as Ns;
        let waited = reading.waited.saturating_sub(self.mark.waited).as_nanos() as Ns;
        // System time inside the poll counts as CPU but not as work.
        let taken = self.worked_since.saturating_sub(cpu);
        taken.max(waited).max(self.overslept_since)
    }

    fn record(&mut self, gap: Ns) {
        if self.recording && gap >= NOTICEABLE {
            self.gaps.record(gap);
        }
    }

    fn mark(&mut self, reading: Reading) {
        self.mark = reading;
        (self.worked_since, self.overslept_since) = (0, 0);
    }

    /// What was found out; nothing where the window never was.
    pub(super) fn finish(self) -> Usage {
        let (cpu, busy, watched) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        self.usage.unwrap_or_else(|| Usage { gaps: Recorder::new(), cpu, busy, watched })
    }
}

/// The kernel's account of how long a thread was runnable and had no core (`/proc/PID/task/TID/schedstat`, second field).
#[derive(Debug)]
struct RunQueue(Option<File>);

impl RunQueue {
    /// That of the calling thread; a kernel without scheduler statistics has none, and its waits then count as nothing.
    fn of_this_thread() -> Self {
        Self(File::open("/proc/thread-self/schedstat").ok())
    }

    fn waited(&self) -> Option<Duration> {
        let mut text = [0; 96];
        let length = self.0.as_ref()?.read_at(&mut text, 0).ok()?;
        parse_waited(&text[..length])
    }

    fn reading(&self, at: Ns) -> Reading {
        Reading { at, cpu: thread_cpu(), waited: self.waited().unwrap_or_default() }
    }
}

/// The second of the fields: time on a core, time waiting for one, both in nanoseconds, and the number of turns.
fn parse_waited(text: &[u8]) -> Option<Duration> {
    let fields = std::str::from_utf8(text).ok()?;
    fields.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A watch whose window has been open for a second, in which it worked for `worked` in one go.
    fn watch(clock: &Clock) -> GapWatch {
        let mut watch = GapWatch::new(clock);
        let now = clock.now();
        watch.open_window(now, now);
        watch
    }

    #[test]
    fn the_second_field_is_the_wait() {
        assert_eq!(parse_waited(b"123 4567 8\n"), Some(Duration::from_nanos(4567)));
        for text in [&b""[..], b"1", b"1 x 2", b"1 -4 2", b"\xff 1 1", b"1 99999999999999999999 1"] {
            assert_eq!(parse_waited(text), None);
        }
    }

    #[test]
    fn a_sleep_that_lasts_too_long_is_a_gap_and_an_ordinary_one_is_none() {
        let clock = Clock::start();
        let mut watch = watch(&clock);
        let from = clock.now();
        watch.woke(from + 5_000_000, from + 4_000_000);
        watch.worked(from + 4_000_000, from + 4_010_000);
        watch.woke(from + 5_000_000, from + 505_000_000);
        watch.worked(from + 505_000_000, from + 505_010_000);
        watch.close_window(from + 506_000_000);
        let usage = watch.finish();
        assert_eq!((usage.gaps.len(), usage.gaps.max_ns()), (1, Some(500_000_000)));
    }

    #[test]
    fn timers_that_are_a_little_late_are_no_gap_however_many() {
        let clock = Clock::start();
        let mut watch = watch(&clock);
        let from = clock.now();
        for turn in 1..=1000 {
            let wanted = from + turn * 50_000;
            watch.woke(wanted, wanted + 30_000);
            watch.worked(wanted + 30_000, wanted + 31_000);
        }
        watch.close_window(from + 51_000_000);
        // What else ran on the core meanwhile may show, but not a third of the time.
        let usage = watch.finish();
        let sum: f64 = usage.gaps.mean_ns().unwrap_or(0.0) * usage.gaps.len() as f64;
        assert!(sum < 10e6, "{sum} ns in {} gaps", usage.gaps.len());
    }

    #[test]
    fn work_without_cpu_time_is_a_gap_and_counts_as_busy() {
        let clock = Clock::start();
        let mut watch = watch(&clock);
        let from = clock.now();
        // The thread's CPU clock hardly moves between these calls, whatever the moments say.
        watch.worked(from, from + 80_000_000);
        watch.close_window(from + 100_000_000);
        let usage = watch.finish();
        assert!(usage.gaps.max_ns().unwrap() > 40_000_000, "{:?}", usage.gaps.max_ns());
        assert!(usage.busy >= Duration::from_millis(80));
    }

    #[test]
    fn of_a_gap_across_the_windows_start_the_part_within_counts() {
        let clock = Clock::start();
        let mut watch = GapWatch::new(&clock);
        let (from, slept) = (clock.now() + 100_000_000, clock.now());
        // Asleep from before the window on, and woken 300 ms after its start instead of before it.
        watch.woke(slept + 5_000_000, from + 300_000_000);
        watch.open_window(from, from + 300_000_000);
        watch.close_window(from + 1_000_000_000);
        let usage = watch.finish();
        assert_eq!((usage.gaps.max_ns(), usage.watched), (Some(300_000_000), Duration::from_secs(1)));
    }

    #[test]
    fn work_from_before_the_window_is_no_gap_in_it() {
        let clock = Clock::start();
        let mut watch = GapWatch::new(&clock);
        let woke = clock.now();
        // Half a second of one batch of events, then the window opens within it.
        watch.open_window(woke + 500_000_000, woke + 500_000_000);
        watch.worked(woke, woke + 500_010_000);
        watch.close_window(woke + 501_000_000);
        let usage = watch.finish();
        assert!(usage.busy < Duration::from_millis(100), "{:?}", usage.busy);
        assert!(usage.gaps.max_ns().is_none_or(|ns| ns < 400_000_000), "{:?}", usage.gaps.max_ns());
    }

    #[test]
    fn spinning_costs_cpu_time_and_is_no_work() {
        let clock = Clock::start();
        let mut watch = watch(&clock);
        let from = clock.now();
        let mut now = from;
        while now - from < 30_000_000 {
            let since = now;
            now = clock.now();
            watch.spun(since, now);
        }
        watch.close_window(now);
        let usage = watch.finish();
        // Another process may take some of the time; what the spinning got of it is CPU time all the same.
        assert!(usage.cpu > Duration::from_millis(1), "{:?}", usage.cpu);
        assert!(usage.busy < usage.cpu / 2 + Duration::from_millis(2), "{:?} of {:?}", usage.busy, usage.cpu);
    }
}
