//! Which work goes to which slot, and when a connection is begun for it.

use mio::{Interest, Token};

use super::address::dial;
use super::clock::Ns;
use super::ledger::Metric;
use super::slot::{Connection, Job, Purpose, Stage};
use super::worker::{Phase, Worker};
use crate::http::response::ResponseReader;
use crate::model::failure::{Failure, FailureKind};
use crate::model::load::Unit;

/// The token of a slot's present connection: an event of an earlier one carries an earlier generation.
pub(super) fn token(slot: usize, generation: u32) -> Token {
    Token((generation as usize & 0xff_ffff) << 32 | slot)
}

/// The slot and the generation in a token.
pub(super) fn from_token(token: Token) -> (usize, u32) {
    (token.0 & 0xffff_ffff, (token.0 >> 32) as u32)
}

impl Worker<'_> {
    /// The next arrival of this run, if there is one.
    pub(super) fn next_arrival(&self) -> Option<Ns> {
        let next = self.schedule.as_ref()?.peek();
        if self.phase < Phase::Running || !self.shared.is_wanted(next.index) {
            return None;
        }
        Some(self.zero + next.at_ns).filter(|at| *at < self.window.to)
    }

    /// The schedule begins: every slot gets its first work, or waits for it.
    pub(super) fn start_work(&mut self, now: Ns) {
        for slot in 0..self.slots.len() {
            let idle = self.slots[slot].connection.is_some();
            match (self.schedule.is_some(), idle) {
                (true, true) => self.enqueue_idle(slot),
                (true, false) => self.enqueue_free(slot, now),
                (false, _) => self.next_job(slot, now),
            }
        }
    }

    /// Gives every arrival that is due a place, as long as there are places; those that waited too long are counted as unsent.
    pub(super) fn dispatch_due(&mut self, now: Ns) {
        let patience = self.shared.plan.load.timeout.as_nanos() as Ns;
        while let Some(at) = self.next_arrival().filter(|at| *at <= now) {
            if now - at > patience {
                self.pop_arrival();
                self.count_unsent(at, now);
                continue;
            }
            let Some(slot) = self.take_place() else { break };
            self.pop_arrival();
            self.begin(slot, Job::new(Some(at), now), now);
        }
    }

    fn pop_arrival(&mut self) {
        if let Some(schedule) = &mut self.schedule {
            schedule.pop();
        }
    }

    fn count_unsent(&mut self, at: Ns, now: Ns) {
        if !self.window.contains(at) {
            return;
        }
        self.ledger.counts.unsent += 1;
        if self.idle_since_before(at) {
            self.ledger.counts.unsent_while_free += 1;
        }
        self.ledger.record_censored(Metric::Response, now - at);
    }

    /// Whether some connection has been idle since before `at`.
    fn idle_since_before(&self, at: Ns) -> bool {
        self.idle.iter().any(|(slot, generation)| {
            let slot = &self.slots[*slot];
            slot.generation == *generation
                && slot.connection.as_ref().is_some_and(|c| c.stage == Stage::Idle && c.idle_since <= at)
        })
    }

    /// At the end of the drain: arrivals that still wait are unsent.
    pub(super) fn give_up_waiting(&mut self, now: Ns) {
        while let Some(at) = self.next_arrival().filter(|at| *at <= now) {
            self.pop_arrival();
            self.count_unsent(at, now);
        }
    }

    /// A slot for an arrival: the longest idle connection, or one to be opened, or one being opened for nobody.
    fn take_place(&mut self) -> Option<usize> {
        while let Some((slot, generation)) = self.idle.pop_front() {
            let candidate = &self.slots[slot];
            if candidate.generation == generation
                && candidate.connection.as_ref().is_some_and(|c| c.stage == Stage::Idle)
            {
                return Some(slot);
            }
        }
        while let Some(slot) = self.free.pop_front() {
            self.slots[slot].in_free = false;
            if self.slots[slot].connection.is_none() && self.slots[slot].job.is_none() {
                return Some(slot);
            }
        }
        while let Some(slot) = self.unbound.pop_front() {
            self.slots[slot].in_unbound = false;
            let making = |c: &Connection| matches!(c.stage, Stage::Connecting | Stage::Handshaking);
            if self.slots[slot].job.is_none() && self.slots[slot].connection.as_ref().is_some_and(making) {
                return Some(slot);
            }
        }
        None
    }

    pub(super) fn enqueue_idle(&mut self, slot: usize) {
        let generation = self.slots[slot].generation;
        self.idle.push_back((slot, generation));
        if self.idle.len() > 2 * self.slots.len() + 16 {
            // Entries of connections that were closed while idle; they are few unless nothing arrives.
            let slots = &self.slots;
            self.idle.retain(|(slot, generation)| slots[*slot].generation == *generation);
        }
    }

    pub(super) fn enqueue_free(&mut self, slot: usize, now: Ns) {
        self.slots[slot].free_since = now;
        if !self.slots[slot].in_free {
            self.slots[slot].in_free = true;
            self.free.push_back(slot);
        }
    }

    /// Closed loop: the next piece of work of `slot`, unless the run is over.
    pub(super) fn next_job(&mut self, slot: usize, now: Ns) {
        if self.phase != Phase::Running || now >= self.window.to {
            return;
        }
        let in_window = now >= self.window.from;
        if in_window && !self.shared.take_grant() {
            return;
        }
        self.begin(slot, Job { granted: in_window, ..Job::new(None, now) }, now);
    }

    /// Closed loop: work that was begun before the window and starts in it counts in it, as long as there are grants.
    pub(super) fn grant_late(&self, job: &mut Job) {
        if job.intended.is_none() && !job.granted && self.window.contains(job.counts_at()) {
            job.granted = self.shared.take_grant();
        }
    }

    /// Whether `job` counts in the measure window: by its moment, or by its grant. The last work that `--requests` grants may have to wait
    /// for a connection first and start when the window is over: it is one of those granted all the same.
    pub(super) fn is_measured(&self, job: &Job) -> bool {
        if self.shared.counts_by_grant() { job.granted } else { self.window.contains(job.counts_at()) }
    }

    /// Whether what `slot` does at `now` counts in the window's throughput. Where `--requests` bounds the window, nothing counts but
    /// what it asks for: a short window would otherwise show what the warm-up left under way.
    pub(super) fn counts_in_throughput(&self, slot: usize, now: Ns) -> bool {
        let bounded = self.shared.plan.load.max_requests.is_some();
        self.window.contains(now) && (!bounded || self.slots[slot].job.as_ref().is_none_or(|job| self.is_measured(job)))
    }

    /// Binds `job` to `slot`: it is sent at once on an idle connection, and otherwise when the connection is there.
    fn begin(&mut self, slot: usize, job: Job, now: Ns) {
        self.in_flight += 1;
        let place = &mut self.slots[slot];
        let job = place.job.insert(job);
        match place.connection.as_ref().map(|connection| (connection.stage, connection.idle_since)) {
            Some((Stage::Idle, since)) => {
                job.found_free = job.intended.is_some_and(|at| since <= at);
                self.start_request(slot);
            }
            Some(_) => {}
            None => {
                let intended = job.intended;
                if let Some(at) = intended
                    && self.shared.plan.load.unit() == Unit::Sessions
                    && self.slots[slot].free_since <= at
                    && self.window.contains(at)
                {
                    let lag = self.shared.clock.now() - at;
                    self.ledger.record(Metric::DispatchLag, lag);
                }
                self.open(slot, now);
            }
        }
    }

    /// Begins a connection in `slot`, to the address whose turn it is, resuming a session where the plan's share wants it.
    pub(super) fn open(&mut self, slot: usize, now: Ns) {
        let address = self.begun % self.shared.addresses.len();
        let share = self.shared.plan.tls.resumption.share();
        let credit = &mut self.resume_credit[address];
        *credit += share;
        let purpose = if *credit < 1.0 {
            Purpose::Full
        } else if self.configs[address].sessions.tickets() > 0 {
            *credit -= 1.0;
            Purpose::Resume
        } else {
            // No session left to resume: one is made first, and the work waits for it.
            *credit -= share;
            Purpose::Prime
        };
        self.open_at(slot, purpose, address, now);
    }

    /// Begins a connection in `slot` to the address with this index.
    pub(super) fn open_at(&mut self, slot: usize, purpose: Purpose, address: usize, now: Ns) {
        let sources = &self.shared.plan.target.source_ips;
        // Each address is reached from each source: the sources' turn is over when that of the addresses is.
        let turn = self.begun / self.shared.addresses.len();
        let source = (!sources.is_empty()).then(|| sources[turn % sources.len()]);
        self.begun += 1;
        let mark = self.shared.clock.now();
        let stream = match dial(self.shared.addresses[address], source) {
            Ok(stream) => stream,
            Err(failure) => return self.fail_to_open(slot, purpose, &failure, now),
        };
        let place = &mut self.slots[slot];
        place.generation = (place.generation + 1) & 0xff_ffff;
        let mut connection = Connection {
            stream,
            session: None,
            stage: Stage::Connecting,
            purpose,
            address,
            mark,
            idle_since: mark,
            rested: 0,
            answered: 0,
            reader: ResponseReader::new(),
            first_byte: None,
            peer_closed: false,
            unwritten: Vec::new(),
            encrypted: 0,
            brought_ticket: false,
        };
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = token(slot, place.generation);
        if let Err(error) = self.poll.registry().register(&mut connection.stream, token, interest) {
            let failure = Failure::new(FailureKind::LocalDescriptors, error.to_string());
            return self.fail_to_open(slot, purpose, &failure, now);
        }
        place.connection = Some(connection);
        let unbound = place.job.is_none() && !place.in_unbound && self.phase == Phase::Running;
        if unbound && self.schedule.is_some() {
            place.in_unbound = true;
            self.unbound.push_back(slot);
        }
        self.set_deadline(slot, now + self.shared.plan.load.connect_timeout.as_nanos() as Ns);
    }

    pub(super) fn set_deadline(&mut self, slot: usize, due: Ns) {
        self.timers.set(slot, &mut self.slots[slot].deadline, due);
    }
}
