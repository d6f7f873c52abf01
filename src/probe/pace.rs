//! What an audit may use: connections at a pace, a number of them, a time; and how it is stopped.

use std::time::{Duration, Instant};

use crate::model::survey::Trouble;

/// How often a wait looks whether it has been stopped.
const GLANCE: Duration = Duration::from_millis(50);

/// The slowest pace that a throttling server brings about.
const SLOWEST: f64 = 1.0;

/// The bounds of an audit, over all of its places together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Connections per second; more than 0.
    pub per_second: f64,
    /// Connections in all.
    pub connections: u64,
    /// Time in all, from when the prober is made.
    pub total: Duration,
    /// Time for one connection, from its begin to the end of the answer.
    pub answer: Duration,
    /// How long one wait for a server that throttles may last in all.
    pub back_off: Duration,
}

/// Lets connections begin at the pace, as long as there is something left to spend.
pub(super) struct Pace<'a> {
    limits: Limits,
    stop: &'a dyn Fn() -> bool,
    /// The time between two connections, which grows where a server throttles.
    interval: Duration,
    /// When the next connection may begin.
    next: Instant,
    end: Instant,
    pub(super) used: u64,
}

impl<'a> Pace<'a> {
    pub(super) fn new(limits: Limits, stop: &'a dyn Fn() -> bool) -> Self {
        let now = Instant::now();
        let interval = Duration::try_from_secs_f64(1.0 / limits.per_second).unwrap_or(Duration::from_secs(1));
        Self { limits, stop, interval, next: now, end: now + limits.total, used: 0 }
    }

    /// Whether someone wants an end.
    pub(super) fn stop(&self) -> &'a dyn Fn() -> bool {
        self.stop
    }

    /// How long one wait for a server that throttles may last.
    pub(super) fn back_off(&self) -> Duration {
        self.limits.back_off
    }

    /// Waits until a connection may begin; by when its answer must be there.
    pub(super) fn connection(&mut self) -> Result<Instant, Trouble> {
        if self.used >= self.limits.connections {
            return Err(Trouble::Budget);
        }
        self.wait_until(self.next)?;
        let now = Instant::now();
        // A pause is no credit for a burst after it.
        self.next = now + self.interval;
        self.used += 1;
        Ok((now + self.limits.answer).min(self.end))
    }

    /// Waits for `pause`.
    pub(super) fn pause(&self, pause: Duration) -> Result<(), Trouble> {
        self.wait_until(Instant::now() + pause)
    }

    fn wait_until(&self, moment: Instant) -> Result<(), Trouble> {
        loop {
            self.check()?;
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }

    /// Whether there is time left, and nobody wants an end.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        if (self.stop)() {
            Err(Trouble::Interrupted)
        } else if Instant::now() >= self.end {
            Err(Trouble::Budget)
        } else {
            Ok(())
        }
    }

    /// Goes on at half the pace.
    pub(super) fn slow_down(&mut self) {
        self.interval = (self.interval * 2).min(Duration::from_secs_f64(1.0 / SLOWEST)).max(self.interval);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const LIMITS: Limits = Limits {
        per_second: 10_000.0,
        connections: 3,
        total: Duration::from_secs(60),
        answer: Duration::from_secs(5),
        back_off: Duration::from_secs(1),
    };

    #[test]
    fn connections_are_counted_and_then_spent() {
        let mut pace = Pace::new(LIMITS, &|| false);
        assert!((0..3).all(|_| pace.connection().is_ok()));
        assert_eq!(pace.connection(), Err(Trouble::Budget));
        assert_eq!(pace.used, 3);
        let mut late = Pace::new(Limits { total: Duration::ZERO, ..LIMITS }, &|| false);
        assert_eq!(late.connection(), Err(Trouble::Budget));
    }

    #[test]
    fn a_wait_ends_when_it_is_stopped() {
        let stopped = Cell::new(false);
        let stop = || stopped.replace(true);
        let pace = Pace::new(LIMITS, &stop);
        assert_eq!(pace.pause(Duration::from_secs(1000)), Err(Trouble::Interrupted));
    }

    #[test]
    fn the_pace_is_kept_and_halved_down_to_a_floor() {
        let mut pace = Pace::new(Limits { per_second: 100.0, ..LIMITS }, &|| false);
        let begun = Instant::now();
        assert!((0..3).all(|_| pace.connection().is_ok()));
        assert!(begun.elapsed() >= Duration::from_millis(20));
        (0..10).for_each(|_| pace.slow_down());
        assert_eq!(pace.interval, Duration::from_secs(1));
        let mut slow = Pace::new(Limits { per_second: 0.1, ..LIMITS }, &|| false);
        slow.slow_down();
        assert_eq!(slow.interval, Duration::from_secs(10));
    }
}
