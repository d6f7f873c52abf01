//! The run's clock: nanoseconds since the engine started, from the processor's time-stamp counter by way of `quanta`.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// A moment, in nanoseconds after the run's origin.
pub(super) type Ns = u64;

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
        let origin = clock.now();
        Self { clock, origin, kernel_origin: since_boot() }
    }

    /// Nanoseconds since the origin.
    pub(super) fn now(&self) -> Ns {
        self.clock.now().saturating_duration_since(self.origin).as_nanos() as Ns
    }

    /// By how much this clock and the kernel's differ since the origin.
    pub(super) fn disagreement(&self) -> Duration {
        let kernel = since_boot().saturating_sub(self.kernel_origin);
        kernel.abs_diff(Duration::from_nanos(self.now()))
    }
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
