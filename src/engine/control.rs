//! How a run is ended from outside: drain after the first request to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that any thread may raise; the workers look at it a few hundred times a second.
#[derive(Debug, Clone, Default)]
pub struct StopFlag {
    raised: Arc<AtomicBool>,
    /// The flag of what this one is a part of.
    outer: Option<Arc<AtomicBool>>,
}

impl StopFlag {
    /// The flag of a single run: raised with this one, while the run's own reasons to end are not for whoever makes several.
    pub(super) fn of_a_run(&self) -> Self {
        Self { raised: Arc::default(), outer: Some(Arc::clone(&self.raised)) }
    }

    /// Asks the run to end: nothing new is started, what is under way may finish.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::Relaxed);
    }

    /// Whether the run has been asked to end.
    pub fn is_raised(&self) -> bool {
        [Some(&self.raised), self.outer.as_ref()].into_iter().flatten().any(|flag| flag.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_with_all_and_not_the_other_way_round() {
        let all = StopFlag::default();
        let (first, second) = (all.of_a_run(), all.of_a_run());
        first.raise();
        assert!(first.is_raised() && !all.is_raised() && !second.is_raised());
        all.raise();
        assert!(second.is_raised());
    }
}
