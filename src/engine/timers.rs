//! Deadlines of connections: a heap with at most a few entries per connection, lazily re-armed, so that a request that is
//! answered in time costs a comparison and no heap operation.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::clock::Ns;

/// What a slot owns of the timers: its deadline, and when the heap will next look at it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Deadline {
    due: Option<Ns>,
    armed: Option<Ns>,
}

/// The heap.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Ns, usize)>>,
}

impl Timers {
    /// Sets the deadline of `slot`. A later deadline than the armed one waits for the old entry to surface.
    pub(super) fn set(&mut self, slot: usize, deadline: &mut Deadline, due: Ns) {
        deadline.due = Some(due);
        if deadline.armed.is_none_or(|armed| armed > due) {
            deadline.armed = Some(due);
            self.heap.push(Reverse((due, slot)));
        }
    }

    /// The earliest moment at which [`Timers::pop`] can yield something.
    pub(super) fn next(&self) -> Option<Ns> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the next entry whose time has come. The caller asks [`Timers::expired`] whether the slot's deadline has really passed.
    pub(super) fn pop(&mut self, now: Ns) -> Option<usize> {
        self.heap.peek().filter(|Reverse((at, _))| *at <= now)?;
        self.heap.pop().map(|Reverse((_, slot))| slot)
    }

    /// Whether the deadline of `slot` has passed; clears it if so, and arms the slot again if it is still to come.
    pub(super) fn expired(&mut self, slot: usize, deadline: &mut Deadline, now: Ns) -> bool {
        // An entry of an earlier arming may surface while a sooner or later one stands: only the latest counts.
        if deadline.armed.is_some_and(|armed| armed > now) {
            return false;
        }
        deadline.armed = None;
        match deadline.due {
            None => false,
            Some(due) if due <= now => {
                deadline.due = None;
                true
            }
            Some(due) => {
                self.set(slot, deadline, due);
                false
            }
        }
    }
}

impl Deadline {
    /// Forgets the deadline; the heap's entry, if any, will find nothing to do.
    pub(super) fn clear(&mut self) {
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fire(timers: &mut Timers, deadlines: &mut [Deadline], now: Ns) -> Vec<usize> {
        let mut fired = Vec::new();
        while let Some(slot) = timers.pop(now) {
            if timers.expired(slot, &mut deadlines[slot], now) {
                fired.push(slot);
            }
        }
        fired
    }

    #[test]
    fn a_deadline_moved_ahead_fires_once_and_at_its_last_value() {
        let (mut timers, mut slots) = (Timers::default(), [Deadline::default(); 2]);
        for due in [10, 20, 30] {
            timers.set(0, &mut slots[0], due);
        }
        timers.set(1, &mut slots[1], 15);
        assert_eq!(timers.heap.len(), 2, "a later deadline adds no entry");
        assert_eq!(fire(&mut timers, &mut slots, 14), [0usize; 0]);
        assert_eq!(fire(&mut timers, &mut slots, 29), [1]);
        assert_eq!(fire(&mut timers, &mut slots, 30), [0]);
        assert_eq!(fire(&mut timers, &mut slots, 1000), [0usize; 0]);
    }

    #[test]
    fn an_earlier_deadline_overtakes_and_a_cleared_one_is_silent() {
        let (mut timers, mut slots) = (Timers::default(), [Deadline::default(); 1]);
        timers.set(0, &mut slots[0], 100);
        timers.set(0, &mut slots[0], 10);
        assert_eq!(fire(&mut timers, &mut slots, 10), [0]);
        timers.set(0, &mut slots[0], 50);
        slots[0].clear();
        assert_eq!(fire(&mut timers, &mut slots, 200), [0usize; 0]);
    }
}
