//! Before the schedule's zero: sessions to resume are made, and all connections are opened, a bounded number at a time.

use std::collections::VecDeque;

use super::clock::Ns;
use super::shared::Report;
use super::slot::Purpose;
use super::worker::{Phase, Worker};
use crate::model::failure::{Failure, FailureKind};

/// How often a connection is tried before the schedule begins, where the failure may pass.
const TRIES: u32 = 4;

/// Priming handshakes in a row that bring no ticket before the attempt is given up.
const BARREN: u32 = 3;

/// The wait after the first failure; it doubles with each further one up to [`MAX_BACKOFF`].
const FIRST_BACKOFF: Ns = 10_000_000;
const MAX_BACKOFF: Ns = 1_000_000_000;

/// Progress of the phases before the schedule.
#[derive(Debug, Default)]
pub(super) struct Opening {
    /// Slots whose connection is still to be begun.
    queue: VecDeque<usize>,
    /// Begun, and not yet open or failed.
    in_progress: usize,
    /// Failed, and to be tried again when their deadline comes.
    waiting: usize,
    /// Priming handshakes in a row without a ticket.
    barren: u32,
}

/// Whether a failure may be gone at the next attempt.
pub(super) fn may_pass(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::ConnectTimeout
            | FailureKind::Timeout
            | FailureKind::Reset
            | FailureKind::ClosedEarly
            | FailureKind::LocalPorts
            | FailureKind::LocalDescriptors
    )
}

/// The wait before a slot that failed `in_row` times is opened again.
pub(super) fn backoff(in_row: u32) -> Ns {
    (FIRST_BACKOFF << in_row.saturating_sub(1).min(10)).min(MAX_BACKOFF)
}

impl Worker<'_> {
    /// How many handshakes this worker may have in progress while it opens connections.
    fn concurrency(&self) -> usize {
        let load = &self.shared.plan.load;
        (load.connect_concurrency / load.threads()).max(1)
    }

    pub(super) fn begin_priming(&mut self) {
        if self.shared.plan.tls.resumption.share() == 0.0 {
            self.begin_opening();
        }
    }

    /// Opens priming connections until every address has given sessions enough: one suffices in TLS 1.2, each connection needs its own in 1.3.
    pub(super) fn prime(&mut self, now: Ns) {
        if self.opening.barren >= BARREN {
            let address = self.shared.addresses[0];
            self.shared.report(Report::NoTicket(address));
            self.opening.barren = 0;
        }
        let wanted = self.slots.len().div_ceil(self.configs.len());
        let short = (0..self.configs.len()).find(|address| self.configs[*address].sessions.tickets() < wanted);
        let Some(address) = short else {
            if self.opening.in_progress == 0 {
                self.begin_opening();
            }
            return;
        };
        // Each priming handshake brings a ticket or more; a few at a time are enough, and do not storm the server.
        if self.opening.in_progress < self.concurrency().min(8)
            && let Some(slot) = self.slots.iter().position(|slot| slot.connection.is_none())
        {
            self.opening.in_progress += 1;
            self.open_at(slot, Purpose::Prime, address, now);
        }
    }

    /// A priming connection has ended, with a ticket or without.
    pub(super) fn primed(&mut self, brought_ticket: bool) {
        self.opening.in_progress -= 1;
        self.opening.barren = if brought_ticket { 0 } else { self.opening.barren + 1 };
    }

    fn begin_opening(&mut self) {
        self.phase = Phase::Opening;
        if self.shared.plan.load.opens_first() {
            self.opening.queue = (0..self.slots.len()).collect();
        }
    }

    /// Begins as many connections as may be in progress; when all are open or given up, the worker is ready.
    pub(super) fn open_more(&mut self, now: Ns) {
        while self.opening.in_progress < self.concurrency() {
            let Some(slot) = self.opening.queue.pop_front() else { break };
            self.opening.in_progress += 1;
            self.open(slot, now);
        }
        if self.opening.queue.is_empty() && self.opening.in_progress == 0 && self.opening.waiting == 0 {
            self.become_ready();
        }
    }

    /// A connection of the opening phase is open.
    pub(super) fn opened(&mut self) {
        self.opening.in_progress -= 1;
    }

    /// A connection of the opening phase has failed: it is tried again later, or left to the run.
    pub(super) fn opening_failed(&mut self, slot: usize, failure: &Failure, now: Ns) {
        self.opening.in_progress -= 1;
        let tries = self.slots[slot].failures_in_row;
        if may_pass(failure) && tries < TRIES {
            self.opening.waiting += 1;
            self.set_deadline(slot, now + backoff(tries));
        }
    }

    /// The wait of a slot that failed to open is over.
    pub(super) fn reopen_in_opening(&mut self, slot: usize) {
        self.opening.waiting -= 1;
        self.opening.queue.push_back(slot);
    }
}
