//! How work ends, well or badly; how connections end; and what their slots do next.

use super::address::close_by_reset;
use super::clock::Ns;
use super::ledger::Metric;
use super::opening::backoff;
use super::slot::{Purpose, Stage};
use super::worker::{Phase, Worker};
use crate::http::response::Response;
use crate::model::failure::{Failure, FailureKind};
use crate::model::load::{Close, RequestsPerConnection, Unit};

/// A connection that has carried nothing yet is taken for one that the server gave up after so long; a server that breaks new
/// connections is not excused by a retry.
const LONG_REST: Ns = 100_000_000;

/// What a close may take beyond the round trip to be noticed.
const AT_ONCE: Ns = 10_000_000;

impl Worker<'_> {
    /// Receiving: the response is complete.
    pub(super) fn on_response(&mut self, slot: usize, response: Response) {
        let now = self.shared.clock.now();
        let place = &mut self.slots[slot];
        let (Some(connection), Some(job)) = (place.connection.as_mut(), place.job.as_mut()) else { return };
        place.failures_in_row = 0;
        connection.answered += 1;
        job.answered += 1;
        let answered = job.answered;
        let reusable = response.reusable
            && !self.shared.is_last(connection.answered - 1)
            && !connection.session.as_ref().is_some_and(super::session::Session::worn_out);
        let result = if !self.shared.plan.request.expect_status.accepts(response.status) {
            Err(Failure::status(response.status))
        } else if connection.stage == Stage::Sending {
            Err(Failure::new(FailureKind::HttpProtocol, "success before the request was complete"))
        } else {
            Ok(())
        };
        if result.is_ok() {
            let (mark, first) = (connection.mark, connection.first_byte.unwrap_or(now));
            self.count_answer(slot, (mark, first, now), response.body_bytes);
        }
        let goal = match (self.shared.plan.load.unit(), self.shared.plan.load.requests_per_connection()) {
            (Unit::Sessions, RequestsPerConnection::Exactly(n)) => n.get(),
            _ => 1,
        };
        if result.is_ok() && answered < goal {
            if reusable {
                return self.start_request(slot);
            }
            let detail = format!("after {answered} of {goal} requests of the session");
            self.finish_job(slot, Err(&Failure::new(FailureKind::ClosedEarly, detail)), now);
        } else {
            self.finish_job(slot, result.as_ref().copied(), now);
        }
        if reusable { self.become_idle(slot, now) } else { self.close_in_order(slot, now) }
    }

    /// One successful answer: latencies by whether its work is measured, throughput by when it is complete.
    fn count_answer(&mut self, slot: usize, (started, first_byte, now): (Ns, Ns, Ns), body_bytes: u64) {
        if self.slots[slot].job.is_some_and(|job| self.is_measured(&job)) {
            self.ledger.record(Metric::FirstByte, first_byte - started);
            self.ledger.record(Metric::Service, now - started);
        }
        self.ledger.counts.ended_requests += u64::from(self.window.contains(now));
        if self.counts_in_throughput(slot, now) {
            self.ledger.counts.window_requests += 1;
            self.ledger.counts.window_body_bytes_in += body_bytes;
            self.ledger.slice.requests += 1;
        }
    }

    /// Work has ended: it is counted in its window, and leaves its slot.
    pub(super) fn finish_job(&mut self, slot: usize, result: Result<(), &Failure>, now: Ns) {
        let in_throughput = self.counts_in_throughput(slot, now);
        let Some(job) = self.slots[slot].job.take() else { return };
        self.in_flight -= 1;
        self.last_end = now;
        self.slots[slot].deadline.clear();
        let measured = self.is_measured(&job);
        let counts = &mut self.ledger.counts;
        if !measured {
            counts.warmup_sent += job.sent;
            match result {
                Ok(()) => counts.warmup_succeeded += 1,
                Err(_) => counts.warmup_failed += 1,
            }
        } else {
            counts.attempted += 1;
            counts.sent += job.sent;
            match result {
                Ok(()) => {
                    counts.succeeded += 1;
                    if let Some(at) = job.intended {
                        self.ledger.record(Metric::Response, now - at);
                    }
                }
                Err(failure) => {
                    self.ledger.failures.add(failure, 1);
                    let timed_out = matches!(failure.kind, FailureKind::Timeout | FailureKind::ConnectTimeout);
                    if let Some(at) = job.intended.filter(|_| timed_out) {
                        self.ledger.record_censored(Metric::Response, now - at);
                    }
                }
            }
        }
        if in_throughput {
            self.ledger.slice.finished += 1;
            self.ledger.slice.failures += u64::from(result.is_err());
        }
    }

    /// A connection has nothing to do: it takes the next work, or waits for it.
    pub(super) fn become_idle(&mut self, slot: usize, now: Ns) {
        let place = &mut self.slots[slot];
        let Some(connection) = place.connection.as_mut() else { return };
        (connection.stage, connection.idle_since) = (Stage::Idle, now);
        place.deadline.clear();
        if place.in_storm {
            return self.drop_in_storm(slot, now);
        }
        match self.phase {
            Phase::Opening => self.opened(),
            Phase::Running | Phase::Draining if self.schedule.is_some() => {
                self.enqueue_idle(slot);
                self.dispatch_due(now);
            }
            Phase::Running => self.next_job(slot, now),
            Phase::Priming | Phase::Ready | Phase::Draining | Phase::Ended => {}
        }
    }

    /// A deadline of `slot` has passed.
    pub(super) fn on_deadline(&mut self, slot: usize, now: Ns) {
        let Some(stage) = self.slots[slot].connection.as_ref().map(|connection| connection.stage) else {
            return self.on_backoff_over(slot, now);
        };
        match stage {
            Stage::Connecting => self.fail(slot, &FailureKind::ConnectTimeout.into(), now),
            Stage::Handshaking => self.fail(slot, &Failure::new(FailureKind::Timeout, "handshake"), now),
            Stage::Sending | Stage::Receiving => self.fail(slot, &FailureKind::Timeout.into(), now),
            Stage::AwaitingTicket => self.close_in_order(slot, now),
            Stage::Idle => {}
        }
    }

    /// A slot whose connection could not be made has waited long enough.
    fn on_backoff_over(&mut self, slot: usize, now: Ns) {
        match (self.phase, self.schedule.is_some()) {
            (Phase::Opening, _) => self.reopen_in_opening(slot),
            (Phase::Running, false) => self.next_job(slot, now),
            (Phase::Running, true) if self.slots[slot].job.is_none() => self.open(slot, now),
            _ => {}
        }
    }

    /// No socket could be had for a connection.
    pub(super) fn fail_to_open(&mut self, slot: usize, purpose: Purpose, failure: &Failure, now: Ns) {
        self.count_failed_connection(slot, failure);
        self.finish_job(slot, Err(failure), now);
        self.after_close(slot, purpose, Some(failure), now);
    }

    fn count_failed_connection(&mut self, slot: usize, failure: &Failure) {
        self.slots[slot].failures_in_row += 1;
        self.ledger.counts.connect_failed += 1;
        self.ledger.connect_failures.add(failure, 1);
        self.shared.note_failed(failure);
    }

    /// A connection has failed, and with it the work that was bound to it, unless that may be tried once more.
    pub(super) fn fail(&mut self, slot: usize, failure: &Failure, now: Ns) {
        let Some(connection) = self.slots[slot].connection.as_ref() else { return };
        let purpose = connection.purpose;
        let making = matches!(connection.stage, Stage::Connecting | Stage::Handshaking);
        // A connection that has served may end as its peer likes while nothing is asked of it.
        let ended = matches!(failure.kind, FailureKind::Reset | FailureKind::ClosedEarly);
        if making || (self.slots[slot].job.is_none() && !ended) {
            self.count_failed_connection(slot, failure);
        }
        if !self.retry_stale(slot, failure, now) {
            self.finish_job(slot, Err(failure), now);
        }
        self.drop_connection(slot);
        // While connections are opened, a refused resumption is one that could not be opened as planned.
        let not_as_planned = self.phase == Phase::Opening && failure.kind == FailureKind::ResumptionRefused;
        self.after_close(slot, purpose, (making || not_as_planned).then_some(failure), now);
    }

    /// The server may close an idle connection just as a request goes out: its end is then on the way already, and here within a round
    /// trip. Such a request was not served, and is sent once more; one that may not be done twice is not.
    fn retry_stale(&mut self, slot: usize, failure: &Failure, now: Ns) -> bool {
        let measured = self.slots[slot].job.is_some_and(|job| self.is_measured(&job));
        let idempotent = self.shared.plan.request.method.is_idempotent();
        let place = &mut self.slots[slot];
        let (Some(connection), Some(job)) = (place.connection.as_ref(), place.job.as_mut()) else { return false };
        let stale = (connection.answered > 0 || connection.rested >= LONG_REST)
            && connection.first_byte.is_none()
            && now - connection.mark <= 2 * connection.connect_took + AT_ONCE
            && idempotent
            && matches!(connection.stage, Stage::Sending | Stage::Receiving)
            && matches!(failure.kind, FailureKind::Reset | FailureKind::ClosedEarly)
            && self.shared.plan.load.unit() == Unit::Requests
            && !job.retried;
        if stale {
            (job.retried, job.sent, job.found_free) = (true, 0, false);
            self.ledger.counts.retried += u64::from(measured);
        }
        stale
    }

    /// Closes a connection that has done its work, or that the peer has closed.
    pub(super) fn close_in_order(&mut self, slot: usize, now: Ns) {
        let Some(connection) = self.slots[slot].connection.as_ref() else { return };
        let purpose = connection.purpose;
        self.say_goodbye(slot);
        let Some(connection) = self.slots[slot].connection.as_ref() else { return };
        let failed = purpose == Purpose::Prime && !connection.brought_ticket;
        self.drop_connection(slot);
        let no_ticket = Failure::new(FailureKind::ResumptionRefused, "no ticket");
        self.after_close(slot, purpose, failed.then_some(&no_ticket), now);
    }

    /// Tells the peer that the connection ends.
    pub(super) fn say_goodbye(&mut self, slot: usize) {
        let Some(connection) = self.slots[slot].connection.as_mut() else { return };
        if let Some(session) = connection.session.as_mut()
            && connection.unwritten.is_empty()
        {
            session.close_notify(&mut self.out);
            // The peer may be gone already, or not read: either way the close follows.
            let _ = std::io::Write::write(&mut connection.stream, self.out.filled());
            self.out.clear();
        }
    }

    /// Closes the socket and frees what belonged to it.
    pub(super) fn drop_connection(&mut self, slot: usize) {
        // What it had not written yet must not go out on the next connection, ahead of the hello.
        self.out.clear();
        let place = &mut self.slots[slot];
        place.deadline.clear();
        place.in_storm = false;
        let Some(connection) = place.connection.take() else { return };
        if !matches!(connection.stage, Stage::Connecting | Stage::Handshaking) {
            self.ledger.counts.closed += 1;
            self.open_connections -= 1;
            // A server that closes what it has not served would otherwise be stormed with new connections.
            place.failures_in_row += u32::from(connection.stage == Stage::Idle && connection.answered == 0);
        }
        if self.shared.plan.load.close == Close::Reset {
            close_by_reset(&connection.stream);
        }
    }

    /// What a slot does when its connection is gone; `failed`: it could not be made.
    fn after_close(&mut self, slot: usize, purpose: Purpose, failed: Option<&Failure>, now: Ns) {
        match self.phase {
            Phase::Priming => return self.primed(failed.is_none()),
            Phase::Opening => {
                if let Some(failure) = failed {
                    self.opening_failed(slot, failure, now);
                } else if purpose == Purpose::Prime {
                    // A session had to be made first; now the connection itself.
                    self.open(slot, now);
                }
                return;
            }
            Phase::Ready | Phase::Ended => return,
            Phase::Running | Phase::Draining => {}
        }
        if self.slots[slot].job.is_some() {
            if let Some(failure) = failed {
                // Priming brought nothing: there is no session to resume for this work.
                self.finish_job(slot, Err(failure), now);
            } else {
                return self.open(slot, now);
            }
        }
        match (self.schedule.is_some(), failed) {
            (false, None) => self.next_job(slot, now),
            (false, Some(_)) => self.wait_before_reopening(slot, now),
            (true, failed) => {
                let pooled = self.shared.plan.load.unit() == Unit::Requests;
                let healthy = failed.is_none() && self.slots[slot].failures_in_row == 0;
                if pooled && healthy && self.phase == Phase::Running {
                    self.open(slot, now);
                } else {
                    self.enqueue_free(slot, now);
                    if pooled {
                        self.wait_before_reopening(slot, now);
                    }
                }
            }
        }
    }

    fn wait_before_reopening(&mut self, slot: usize, now: Ns) {
        let wait = backoff(self.slots[slot].failures_in_row);
        self.set_deadline(slot, now + wait);
    }

    /// Ends everything: work that is still under way has outlived the drain, which lasts as long as a timeout.
    pub(super) fn close_all(&mut self, now: Ns) {
        self.phase = Phase::Ended;
        for slot in 0..self.slots.len() {
            self.finish_job(slot, Err(&FailureKind::Timeout.into()), now);
            self.close_in_order(slot, now);
        }
    }
}
