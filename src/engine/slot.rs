//! A slot: the place of one connection in its worker, with the connection that is in it now and the work that is bound to it.

use mio::net::TcpStream;

use super::clock::Ns;
use super::session::Session;
use super::timers::Deadline;
use crate::http::response::ResponseReader;

/// A piece of work: one request, or one session with all its requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    /// Open loop: when the schedule wanted it.
    pub(super) intended: Option<Ns>,
    /// When it was given a connection, or a connect was begun for it.
    pub(super) begun: Ns,
    /// When its first byte was handed to TLS.
    pub(super) started: Option<Ns>,
    /// Requests written in full on its behalf.
    pub(super) sent: u64,
    /// Requests answered on its behalf.
    pub(super) answered: u64,
    /// Whether it had to be sent again on another connection.
    pub(super) retried: bool,
    /// Whether a connection was idle when it was intended, so that its lateness is the generator's own.
    pub(super) found_free: bool,
    /// Closed loop: whether it has taken one of the grants of `--requests`.
    pub(super) granted: bool,
}

impl Job {
    /// Work that begins now: intended then, in an open loop.
    pub(super) fn new(intended: Option<Ns>, begun: Ns) -> Self {
        Self { intended, begun, started: None, sent: 0, answered: 0, retried: false, found_free: false, granted: false }
    }

    /// The moment that decides in which window the work counts: as intended, or else as started, or else as begun.
    pub(super) fn counts_at(&self) -> Ns {
        self.intended.or(self.started).unwrap_or(self.begun)
    }
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// connect() has been called.
    Connecting,
    /// The ClientHello has been queued.
    Handshaking,
    /// The session's work is done, or it is only there to prime: a ticket is still to come.
    AwaitingTicket,
    /// Nothing is asked of the connection.
    Idle,
    /// A request is being written.
    Sending,
    /// A request has been written; its answer is not complete.
    Receiving,
}

/// Why a connection was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To carry work, with a full handshake.
    Full,
    /// To carry work, with a resumed handshake.
    Resume,
    /// To get a ticket.
    Prime,
}

/// One connection, from connect() to close().
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) session: Option<Session>,
    pub(super) stage: Stage,
    pub(super) purpose: Purpose,
    /// Index of the address among those of the run.
    pub(super) address: usize,
    /// When connect() was called; from then on [`Connection::mark`] follows the stage.
    pub(super) mark: Ns,
    /// How long TCP took to connect: a round trip, or more.
    pub(super) connect_took: Ns,
    /// Since when the connection has been idle.
    pub(super) idle_since: Ns,
    /// How long it had been idle when its present request was started: the server may have closed it in that time.
    pub(super) rested: Ns,
    /// Requests answered so far.
    pub(super) answered: u64,
    pub(super) reader: ResponseReader,
    /// When the first byte of the answer came.
    pub(super) first_byte: Option<Ns>,
    /// Whether the peer has said that it will send nothing more.
    pub(super) peer_closed: bool,
    /// Ciphertext that the socket did not take. Holds no capacity while empty.
    pub(super) unwritten: Vec<u8>,
    /// How much of the request has been encrypted.
    pub(super) encrypted: usize,
    /// Whether the connection has brought a session that can be resumed.
    pub(super) brought_ticket: bool,
}

/// The place of one connection.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) connection: Option<Connection>,
    pub(super) job: Option<Job>,
    /// Distinguishes the connections that the slot has held, so that late events and stale queue entries are recognised.
    pub(super) generation: u32,
    pub(super) deadline: Deadline,
    /// Connections that failed in a row.
    pub(super) failures_in_row: u32,
    /// Since when the slot has had no connection.
    pub(super) free_since: Ns,
    /// Whether the slot stands in the worker's `free`, and in its `unbound`: each holds it at most once.
    pub(super) in_free: bool,
    pub(super) in_unbound: bool,
    /// Whether a storm drops its connection when its present request is answered.
    pub(super) in_storm: bool,
}
