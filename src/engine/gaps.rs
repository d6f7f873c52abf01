//! Whether this worker ran when it wanted to: CPU time that was taken from it, and sleeps that lasted too long.

use std::time::Duration;

use super::clock::{Clock, Ns, thread_cpu};
use crate::stats::recorder::Recorder;

/// Gaps below this are the machine's ordinary noise.
const NOTICEABLE: Ns = 200_000;

/// How far apart the readings of the thread's CPU clock are while the worker is busy; each costs a system call.
const READING: Ns = 1_000_000;

/// What a worker has found out about its own scheduling within the measure window.
#[derive(Debug, Clone)]
pub(super) struct Gaps {
    /// Each noticeable gap.
    pub(super) lengths: Recorder,
    /// Time not spent waiting for events.
    pub(super) busy: Duration,
}

/// Watches one worker's loop.
pub(super) struct GapWatch {
    gaps: Gaps,
    /// Whether the measure window is open.
    recording: bool,
    /// Last reading of the CPU clock.
    mark_cpu: Duration,
    /// When that was.
    mark: Ns,
    /// Time spent outside the poll since the reading.
    busy_since_mark: Ns,
}

impl GapWatch {
    pub(super) fn new(clock: &Clock) -> Self {
        Self {
            gaps: Gaps { lengths: Recorder::new(), busy: Duration::ZERO },
            recording: false,
            mark_cpu: thread_cpu(),
            mark: clock.now(),
            busy_since_mark: 0,
        }
    }

    /// Whether what follows is inside the measure window.
    pub(super) fn set_recording(&mut self, recording: bool) {
        self.recording = recording;
    }

    /// The worker woke at `woke`, and had asked to be woken by `wanted` at the latest.
    pub(super) fn woke(&mut self, wanted: Ns, woke: Ns) {
        self.note(woke.saturating_sub(wanted));
    }

    /// The worker worked from `woke` until `now`, without waiting.
    pub(super) fn worked(&mut self, woke: Ns, now: Ns) {
        let worked = now - woke;
        self.busy_since_mark += worked;
        if self.recording {
            self.gaps.busy += Duration::from_nanos(worked);
        }
        if now - self.mark < READING {
            return;
        }
        let cpu = thread_cpu();
        // System time inside the poll counts as CPU but not as work, so that what is found is too little rather than too much.
        let stolen = self.busy_since_mark.saturating_sub((cpu - self.mark_cpu).as_nanos() as Ns);
        self.note(stolen);
        (self.mark, self.mark_cpu, self.busy_since_mark) = (now, cpu, 0);
    }

    fn note(&mut self, gap: Ns) {
        if self.recording && gap >= NOTICEABLE {
            self.gaps.lengths.record(gap);
        }
    }

    pub(super) fn finish(self) -> Gaps {
        self.gaps
    }
}
