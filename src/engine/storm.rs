//! A storm: all connections are dropped at one moment, and come back within a time; and how long it takes until they have.

use super::clock::Ns;
use super::slot::Stage;
use super::worker::Worker;
use crate::model::scenario::Storm;
use crate::pacing::mix;

/// A worker's part in a storm.
#[derive(Debug)]
pub(super) struct StormWatch {
    plan: Storm,
    seed: u64,
    /// When it begins, once the schedule has begun.
    due: Ns,
    /// Connections that were open when it began; `None` before.
    before: Option<u64>,
    /// When as many were open again.
    over: Option<Ns>,
}

impl StormWatch {
    /// The part of worker `index` in `plan`; `seed` decides when each connection comes back.
    pub(super) fn new(plan: Storm, seed: u64, index: usize) -> Self {
        Self { plan, seed: mix(seed ^ mix(index as u64)), due: Ns::MAX, before: None, over: None }
    }

    /// The measure window begins at `from`.
    pub(super) fn begin_at(&mut self, from: Ns) {
        self.due = from + self.plan.at.as_nanos() as Ns;
    }

    /// From its moment until as many connections were open as before; `None` where that was never so.
    pub(super) fn took(&self) -> Option<Ns> {
        self.over.map(|over| over - self.due)
    }

    /// When the connection of `slot` is to come back: any time within the storm is as likely as any other.
    fn back(&self, slot: usize) -> Ns {
        let share = (mix(self.seed ^ mix(slot as u64)) >> 11) as f64 / (1_u64 << 53) as f64;
        self.due + (self.plan.within.as_nanos() as f64 * share) as Ns
    }
}

impl Worker<'_> {
    /// Begins the storm when it is due, and notes when it is over. A connection that carries a request is dropped when that is answered: what the
    /// server has been asked stays counted as it is, on both sides.
    pub(super) fn weather(&mut self, now: Ns) {
        let Some(storm) = self.storm.as_mut().filter(|storm| storm.over.is_none() && now >= storm.due) else { return };
        let Some(before) = storm.before else {
            storm.before = Some(self.open_connections);
            for slot in 0..self.slots.len() {
                match self.slots[slot].connection.as_ref().map(|connection| connection.stage) {
                    Some(Stage::Idle) => self.drop_in_storm(slot, now),
                    Some(Stage::Sending | Stage::Receiving) => self.slots[slot].in_storm = true,
                    // What is being made is on its way back already.
                    Some(Stage::Connecting | Stage::Handshaking | Stage::AwaitingTicket) | None => {}
                }
            }
            return;
        };
        if self.open_connections >= before && !self.slots.iter().any(|slot| slot.in_storm) {
            storm.over = Some(now);
        }
    }

    /// Drops the connection of `slot`, and sets the time at which it comes back.
    pub(super) fn drop_in_storm(&mut self, slot: usize, now: Ns) {
        self.say_goodbye(slot);
        self.drop_connection(slot);
        // Dropping an idle connection is this side's choice, and no failure of the server's.
        self.slots[slot].failures_in_row = 0;
        let back = self.storm.as_ref().map_or(now, |storm| storm.back(slot));
        self.set_deadline(slot, back.max(now));
    }
}
