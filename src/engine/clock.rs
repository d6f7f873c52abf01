//! The run's clock: nanoseconds since the engine started, from the processor's time-stamp counter by way of `quanta`.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// A moment, in nanoseconds after the run's origin.
pub(super) type Ns = u64;

/// How often both clocks are read to find the reading in which nothing came between them.
const READINGS: usize = 5;

/// A clock shared by all workers, so that their moments compare.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    clock: quanta::Clock,
    origin: quanta::Instant,
    /// The kernel's monotonic clock at `origin`, to find out at the end whether the two agree.
    kernel_origin: Duration,
}

impl Clock {
    /// A clock whose origin is now.
    pub(super) fn start() -> Self {
        let clock = quanta::Clock::new();
        let (origin, kernel_origin) = together(&clock);
        Self { clock, origin, kernel_origin }
    }

    /// Nanoseconds since the origin.
    pub(super) fn now(&self) -> Ns {
        self.clock.now().saturating_duration_since(self.origin).as_nanos() as Ns
    }

    /// By how much this clock and the kernel's differ since the origin.
    pub(super) fn disagreement(&self) -> Duration {
        let (here, kernel) = together(&self.clock);
        kernel.saturating_sub(self.kernel_origin).abs_diff(here.saturating_duration_since(self.origin))
    }
}

/// Both clocks at one moment: the closest of a few readings, since a thread that is kept from running between the two would take its
/// own pause for a disagreement.
fn together(clock: &quanta::Clock) -> (quanta::Instant, Duration) {
    let read = || {
        let (before, kernel, after) = (clock.now(), since_boot(), clock.now());
        (after.saturating_duration_since(before), before, kernel)
    };
    let closer = |best: (Duration, _, _), next: (Duration, _, _)| if next.0 < best.0 { next } else { best };
    let (_, here, kernel) = (1..READINGS).map(|_| read()).fold(read(), closer);
    (here, kernel)
}

fn since_boot() -> Duration {
    to_duration(clock_gettime(ClockId::Monotonic))
}

/// The CPU time that the calling thread has used, user and system together.
pub(super) fn thread_cpu() -> Duration {
    to_duration(clock_gettime(ClockId::ThreadCPUTime))
}

fn to_duration(time: Timespec) -> Duration {
    // Both clocks count up from zero; a negative field would be a kernel bug, and reads as zero.
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}
