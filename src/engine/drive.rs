//! The life of a connection, a method per state: connecting, handshaking, sending, receiving, idle.

use std::io::{self, Read, Write};

use mio::event::Event;

use super::address::{connect_failure, io_failure};
use super::agreed::{Shown, as_asked};
use super::clock::Ns;
use super::dispatch::from_token;
use super::ledger::{Metric, NegotiatedKey};
use super::session::{Progress, Session};
use super::slot::{Connection, Purpose, Stage};
use super::worker::{Phase, Worker};
use crate::http::response::{Progress as Reading, Response};
use crate::http::{EndError, HttpError};
use crate::model::failure::{Failure, FailureKind};
use crate::model::load::RequestsPerConnection;
use crate::model::suite::TlsVersion;

/// How much of a request is encrypted before the socket is asked to take it.
const CHUNK: usize = 64 * 1024;

/// How long a connection whose work is done waits for its ticket. It comes right after the handshake, or not at all.
const TICKET_PATIENCE: Ns = 1_000_000_000;

/// What one read brought.
enum Arrived {
    /// Nothing more for now.
    Blocked,
    /// TCP's end.
    Eof,
    /// Ciphertext, decoded.
    Decoded {
        progress: Progress,
        /// The end of a response, or why it is none; and whether bytes came that nobody asked for.
        response: Option<Result<Response, HttpError>>,
        surplus: bool,
        /// The read took all that the socket had.
        drained: bool,
        /// Plaintext, in bytes.
        bytes: u64,
    },
}

impl Worker<'_> {
    /// Hands an event of the poll to the connection that it is of, if that is still there. Gives the last moment that was looked at, 0 if
    /// none was.
    pub(super) fn on_event(&mut self, event: &Event) -> Ns {
        let (slot, generation) = from_token(event.token());
        let place = &self.slots[slot];
        let Some(connection) = place.connection.as_ref().filter(|_| place.generation == generation) else { return 0 };
        if connection.stage == Stage::Connecting {
            if !(event.is_writable() || event.is_error() || event.is_read_closed()) {
                return 0;
            }
            // What a peer says, or its end, before it is spoken to may be part of this event: no other edge would tell of it.
            self.on_connected(slot);
        } else if event.is_writable() && !connection.unwritten.is_empty() {
            self.on_writable(slot);
        }
        let alive = self.slots[slot].generation == generation && self.slots[slot].connection.is_some();
        if alive && (event.is_readable() || event.is_read_closed() || event.is_error()) {
            return self.on_readable(slot, generation, event.is_read_closed() || event.is_error());
        }
        0
    }

    fn connection(&mut self, slot: usize) -> &mut Connection {
        self.slots[slot].connection.as_mut().expect("the caller has seen the slot's connection")
    }

    /// Connecting: TCP is through, or not.
    fn on_connected(&mut self, slot: usize) {
        let now = self.shared.clock.now();
        let connection = self.connection(slot);
        match connection.stream.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => return self.fail(slot, &connect_failure(&error), now),
        }
        let (begun, purpose, address) = (connection.mark, connection.purpose, connection.address);
        let configs = &self.configs[address];
        let config = if purpose == Purpose::Full { &configs.full } else { &configs.resuming };
        // To prime means to offer no session, and to keep the one that comes.
        configs.sessions.withhold(purpose == Purpose::Prime);
        let session = Session::new(config, &self.shared.server_name);
        configs.sessions.withhold(false);
        if purpose != Purpose::Prime && self.records_connection(slot, begun) {
            self.ledger.record(Metric::Connect, now - begun);
        }
        let mark = self.shared.clock.now();
        let mut session = match session {
            Ok(session) => session,
            Err(failure) => return self.fail(slot, &failure, now),
        };
        let hello = session.start(&mut self.out);
        let connection = self.connection(slot);
        (connection.session, connection.stage) = (Some(session), Stage::Handshaking);
        connection.mark = mark;
        match hello.and_then(|_| self.flush(slot)) {
            Ok(()) => {}
            Err(failure) => self.fail(slot, &failure, now),
        }
    }

    /// Whether the connection of `slot`, begun at `at`, enters the histograms: with its work, where it has been begun for some; else if
    /// it was begun in the window, or before the schedule.
    fn records_connection(&self, slot: usize, at: Ns) -> bool {
        let measured = self.slots[slot].job.map_or_else(|| self.window.contains(at), |job| self.is_measured(&job));
        self.phase < Phase::Running || measured
    }

    /// The socket takes bytes again.
    fn on_writable(&mut self, slot: usize) {
        let now = self.shared.clock.now();
        let connection = self.slots[slot].connection.as_mut().expect("the caller has seen the slot's connection");
        let result = connection.stream.write(&connection.unwritten);
        match result {
            Ok(written) if written == connection.unwritten.len() => self.spares.reclaim(&mut connection.unwritten),
            Ok(written) => {
                connection.unwritten.drain(..written);
                return;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => return self.fail(slot, &io_failure(&error), now),
        }
        if connection.stage == Stage::Sending {
            self.send_more(slot, now);
        }
    }

    /// Writes what has been collected for `slot`; what the socket does not take is kept with the connection.
    fn flush(&mut self, slot: usize) -> Result<(), Failure> {
        let connection = self.slots[slot].connection.as_mut().expect("the caller has seen the slot's connection");
        let mut bytes = self.out.filled();
        if connection.unwritten.is_empty() {
            while !bytes.is_empty() {
                match connection.stream.write(bytes) {
                    Ok(written) => bytes = &bytes[written..],
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        self.out.clear();
                        return Err(io_failure(&error));
                    }
                }
            }
        }
        self.spares.append(&mut connection.unwritten, bytes);
        self.out.clear();
        Ok(())
    }

    /// Reads until the socket is empty, and gives the moment of the last read. A read that did not fill the buffer has emptied it, unless
    /// the peer has closed: data and FIN come as one edge.
    fn on_readable(&mut self, slot: usize, generation: u32, closing: bool) -> Ns {
        loop {
            let arrived = self.read_once(slot);
            let now = self.shared.clock.now();
            match arrived {
                Err(failure) => {
                    // An alert may have been queued; it goes out if the socket takes it.
                    let _ = self.flush(slot);
                    self.fail(slot, &failure, now);
                    return now;
                }
                Ok(Arrived::Blocked) => return now,
                Ok(Arrived::Eof) => {
                    self.on_end(slot, false, now);
                    return now;
                }
                Ok(Arrived::Decoded { progress, response, surplus, drained, bytes }) => {
                    if bytes > 0 && self.counts_in_throughput(slot, now) {
                        self.ledger.counts.window_bytes_in += bytes;
                    }
                    self.after_read(slot, progress, response, surplus, now);
                    let gone = self.slots[slot].generation != generation || self.slots[slot].connection.is_none();
                    if gone || (drained && !closing) {
                        return now;
                    }
                }
            }
        }
    }

    /// One read, decoded and fed to the response's reader.
    fn read_once(&mut self, slot: usize) -> Result<Arrived, Failure> {
        let connection = self.slots[slot].connection.as_mut().expect("the caller has seen the slot's connection");
        let session = connection.session.as_mut().expect("a connection past connecting has a session");
        let kept = session.restore_leftover(&mut self.read_buffer, &mut self.spares);
        let read = loop {
            match connection.stream.read(&mut self.read_buffer[kept..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let read = match read {
            Ok(0) => return Ok(Arrived::Eof),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                session.keep(&self.read_buffer[..kept], &mut self.spares)?;
                return Ok(Arrived::Blocked);
            }
            Err(error) => return Err(io_failure(&error)),
        };
        let drained = read < self.read_buffer.len() - kept;
        let awaiting = matches!(connection.stage, Stage::Sending | Stage::Receiving);
        let store = &self.configs[connection.address].sessions;
        let sessions_before = if connection.purpose == Purpose::Full { 0 } else { store.received() };
        let (reader, first_byte, clock) = (&mut connection.reader, &mut connection.first_byte, &self.shared.clock);
        let mut response = None;
        let (mut surplus, mut bytes) = (false, 0);
        let incoming = &mut self.read_buffer[..kept + read];
        let progress = session.process(incoming, &mut self.out, &mut self.spares, |data| {
            bytes += data.len() as u64;
            if !awaiting || response.is_some() {
                surplus |= !data.is_empty();
                return;
            }
            first_byte.get_or_insert_with(|| clock.now());
            match reader.push(data) {
                Ok((_, Reading::NeedMore)) => {}
                Ok((used, Reading::Complete(complete))) => {
                    response = Some(Ok(complete));
                    surplus = used < data.len();
                }
                Err(error) => response = Some(Err(error)),
            }
        })?;
        connection.brought_ticket |= connection.purpose != Purpose::Full && store.received() > sessions_before;
        Ok(Arrived::Decoded { progress, response, surplus, drained, bytes })
    }

    fn after_read(
        &mut self,
        slot: usize,
        progress: Progress,
        response: Option<Result<Response, HttpError>>,
        surplus: bool,
        now: Ns,
    ) {
        let connection = self.connection(slot);
        connection.peer_closed |= progress.peer_closed;
        match connection.stage {
            // The client's last flight and the first request leave together.
            Stage::Handshaking if progress.ready => return self.on_handshake_done(slot),
            _ => {}
        }
        if let Err(failure) = self.flush(slot) {
            return self.fail(slot, &failure, now);
        }
        match response {
            Some(Ok(mut response)) => {
                let connection = self.connection(slot);
                // Bytes after the answer would be taken for the next one.
                response.reusable &= !surplus && !connection.peer_closed && connection.stage == Stage::Receiving;
                return self.on_response(slot, response);
            }
            Some(Err(error)) => {
                return self.fail(slot, &Failure::new(FailureKind::HttpProtocol, error.to_string()), now);
            }
            None if surplus => {
                return self.fail(slot, &Failure::new(FailureKind::HttpProtocol, "bytes that nobody asked for"), now);
            }
            None => {}
        }
        if progress.peer_closed {
            return self.on_end(slot, true, now);
        }
        if self.connection(slot).stage == Stage::AwaitingTicket && self.connection(slot).brought_ticket {
            self.close_in_order(slot, now);
        }
    }

    /// Handshaking: complete. What was agreed on is checked against the plan and counted; then the connection does what it is for.
    fn on_handshake_done(&mut self, slot: usize) {
        let now = self.shared.clock.now();
        self.shared.note_connected();
        let connection = self.connection(slot);
        let (mark, purpose) = (connection.mark, connection.purpose);
        let session = session_of(&self.slots[slot].connection);
        let shown = Shown { key_type: session.peer_key_type(), alpn: session.alpn() };
        let agreed = match as_asked(&self.shared.plan.tls, session.agreed(), shown) {
            Ok(agreed) => agreed,
            Err(failure) => return self.fail(slot, &failure, now),
        };
        if purpose == Purpose::Prime {
            self.ledger.counts.priming += 1;
        } else {
            *self.ledger.negotiated.entry(NegotiatedKey::from(agreed)).or_default() += 1;
            if self.records_connection(slot, mark) {
                let metric = if agreed.resumed { Metric::HandshakeResumed } else { Metric::HandshakeFull };
                self.ledger.record(metric, now - mark);
            }
            self.ledger.counts.ended_handshakes += u64::from(self.window.contains(now));
            if self.counts_in_throughput(slot, now) {
                self.ledger.counts.window_handshakes += 1;
                self.ledger.slice.handshakes += 1;
            }
        }
        self.ledger.counts.opened += 1;
        self.open_connections += 1;
        self.connection(slot).stage = Stage::Idle;
        if agreed.resumed {
            self.shared.note_resumed();
        } else if purpose == Purpose::Resume {
            self.shared.note_refused();
            self.ledger.counts.resumption_refused += 1;
            // The handshake counts as complete, so it is completed for the server too, if the socket takes it.
            let _ = self.flush(slot);
            return self.fail(slot, &FailureKind::ResumptionRefused.into(), now);
        }
        self.after_handshake(slot, purpose, agreed.version, now);
    }

    fn after_handshake(&mut self, slot: usize, purpose: Purpose, version: TlsVersion, now: Ns) {
        let handshake_only = self.shared.plan.load.requests_per_connection() == RequestsPerConnection::HandshakeOnly;
        if purpose != Purpose::Prime && !handshake_only {
            if self.slots[slot].job.is_some() {
                return self.start_request(slot);
            }
            return match self.flush(slot) {
                Ok(()) => self.become_idle(slot, now),
                Err(failure) => self.fail(slot, &failure, now),
            };
        }
        if let Err(failure) = self.flush(slot) {
            return self.fail(slot, &failure, now);
        }
        if purpose != Purpose::Prime {
            self.slots[slot].failures_in_row = 0;
            self.finish_job(slot, Ok(()), now);
        }
        let awaits = purpose == Purpose::Prime || (purpose == Purpose::Resume && version == TlsVersion::V13);
        if awaits && !self.connection(slot).brought_ticket {
            self.connection(slot).stage = Stage::AwaitingTicket;
            self.set_deadline(slot, now + TICKET_PATIENCE);
        } else {
            self.close_in_order(slot, now);
        }
    }

    /// Idle, with work bound: the request goes out.
    pub(super) fn start_request(&mut self, slot: usize) {
        let head_only = self.shared.requests.more.head_only();
        let started = self.shared.clock.now();
        let place = &mut self.slots[slot];
        let (Some(connection), Some(mut job)) = (place.connection.as_mut(), place.job) else { return };
        connection.rested = if connection.stage == Stage::Idle { started - connection.idle_since } else { 0 };
        connection.stage = Stage::Sending;
        connection.reader.begin(head_only);
        (connection.first_byte, connection.encrypted, connection.mark) = (None, 0, started);
        if job.started.is_none() {
            job.started = Some(started);
            self.grant_late(&mut job);
            if let Some(at) = job.intended.filter(|at| job.found_free && self.window.contains(*at)) {
                self.ledger.record(Metric::DispatchLag, started - at);
            }
        }
        self.slots[slot].job = Some(job);
        self.set_deadline(slot, started + self.shared.plan.load.timeout.as_nanos() as Ns);
        self.send_more(slot, started);
    }

    /// Sending: encrypts and writes until the request is out, or the socket is full.
    fn send_more(&mut self, slot: usize, now: Ns) {
        let requests = &self.shared.requests;
        loop {
            let connection = self.slots[slot].connection.as_mut().expect("the caller has seen the slot's connection");
            let request = if self.shared.is_last(connection.answered) { &requests.last } else { &requests.more };
            let rest = request.remaining(connection.encrypted);
            let chunk = &rest[..rest.len().min(CHUNK)];
            let session = connection.session.as_mut().expect("a connection past connecting has a session");
            connection.encrypted += chunk.len();
            let complete = connection.encrypted == request.total_len();
            let length = chunk.len() as u64;
            let result = session.encrypt(chunk, &mut self.out).and_then(|()| self.flush(slot));
            if let Err(failure) = result {
                return self.fail(slot, &failure, now);
            }
            if self.counts_in_throughput(slot, now) {
                self.ledger.counts.window_bytes_out += length;
            }
            if complete {
                self.connection(slot).stage = Stage::Receiving;
                if let Some(job) = &mut self.slots[slot].job {
                    job.sent += 1;
                }
                return;
            }
            if !self.connection(slot).unwritten.is_empty() {
                return;
            }
        }
    }

    /// The peer will send nothing more; `clean`: it said so by close_notify.
    fn on_end(&mut self, slot: usize, clean: bool, now: Ns) {
        let connection = self.connection(slot);
        match connection.stage {
            Stage::Connecting | Stage::Handshaking => self.fail(slot, &FailureKind::ClosedEarly.into(), now),
            Stage::Idle | Stage::AwaitingTicket => self.close_in_order(slot, now),
            Stage::Sending | Stage::Receiving => match connection.reader.end(clean) {
                Ok(response) => self.on_response(slot, Response { reusable: false, ..response }),
                Err(EndError::NothingReceived) => self.fail(slot, &FailureKind::ClosedEarly.into(), now),
                Err(EndError::Truncated) => self.fail(slot, &FailureKind::Truncated.into(), now),
            },
        }
    }
}

fn session_of(connection: &Option<Connection>) -> &Session {
    connection.as_ref().and_then(|c| c.session.as_ref()).expect("a connection past connecting has a session")
}
