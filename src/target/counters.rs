//! What the endpoint saw: counters that each thread keeps for itself, and the report that adds them up.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConnection;
use serde::{Serialize, Serializer};

use crate::model::suite::{Group, Suite, TlsVersion};

/// How a session came about, as the server saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HandshakeKind {
    /// With certificate and signature.
    Full,
    /// The same, after the server asked for a hello with another key share (TLS 1.3).
    FullWithHrr,
    /// From an earlier session.
    Resumed,
}

impl HandshakeKind {
    const ALL: [Self; 3] = [Self::Full, Self::FullWithHrr, Self::Resumed];

    fn from_rustls(kind: rustls::HandshakeKind) -> Self {
        match kind {
            rustls::HandshakeKind::Full => Self::Full,
            rustls::HandshakeKind::FullWithHelloRetryRequest => Self::FullWithHrr,
            rustls::HandshakeKind::Resumed => Self::Resumed,
        }
    }
}

impl fmt::Display for HandshakeKind {
    /// In words, such as `full after HelloRetryRequest`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::FullWithHrr => "full after HelloRetryRequest",
            Self::Resumed => "resumed",
        })
    }
}

/// How many handshakes ended with the same outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HandshakeCount {
    /// The version negotiated.
    pub version: TlsVersion,
    /// The suite negotiated.
    pub suite: Suite,
    /// The group of the key exchange; `None` where there was none: a resumed session of TLS 1.2.
    pub group: Option<Group>,
    /// Full or resumed.
    pub kind: HandshakeKind,
    /// How many; never 0.
    pub count: u64,
}

/// How many handshakes failed for the same cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedHandshakes {
    /// A [`crate::model::failure::Failure`] as text, such as `tls_alert: unknown_ca`; [`FailedHandshakes::OTHER`] beyond the limit of
    /// distinct causes.
    pub cause: String,
    /// How many; never 0.
    pub count: u64,
}

impl FailedHandshakes {
    /// The cause under which those beyond [`FailedHandshakes::MAX_CAUSES`] distinct ones are counted.
    pub const OTHER: &str = "other causes";
    /// How many distinct causes are told apart; a peer cannot make the list grow without end.
    pub const MAX_CAUSES: usize = 32;
}

/// Counts by cause, at most [`FailedHandshakes::MAX_CAUSES`] and one more for the rest.
type Causes = BTreeMap<String, u64>;

fn add_cause(causes: &mut Causes, cause: &str, count: u64) {
    let known = causes.contains_key(cause) || causes.len() < FailedHandshakes::MAX_CAUSES;
    *causes.entry(if known { cause } else { FailedHandshakes::OTHER }.to_owned()).or_default() += count;
}

/// Every group, and none.
const GROUPS: usize = Group::ALL.len() + 1;
const SUITES: usize = 9;
const KINDS: usize = HandshakeKind::ALL.len();

/// The counters of one thread. Only that thread writes on the hot path, and the alignment keeps others' lines apart.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) closed: AtomicU64,
    pub(super) accept_errors: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) responses: AtomicU64,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
    /// The thread's CPU time when it last told, in nanoseconds.
    pub(super) cpu_ns: AtomicU64,
    handshakes: [AtomicU64; SUITES * GROUPS * KINDS],
    failed: Mutex<Causes>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            accepted: AtomicU64::default(),
            closed: AtomicU64::default(),
            accept_errors: AtomicU64::default(),
            requests: AtomicU64::default(),
            responses: AtomicU64::default(),
            bytes_in: AtomicU64::default(),
            bytes_out: AtomicU64::default(),
            cpu_ns: AtomicU64::default(),
            handshakes: [const { AtomicU64::new(0) }; SUITES * GROUPS * KINDS],
            failed: Mutex::default(),
        }
    }
}

impl Counters {
    /// Connections accepted and not yet closed.
    pub(super) fn open(&self) -> u64 {
        // In this order a close between the two reads cannot make the difference negative.
        let closed = self.closed.load(Relaxed);
        self.accepted.load(Relaxed).saturating_sub(closed)
    }

    /// Counts a finished handshake under what was negotiated.
    pub(super) fn count_handshake(&self, session: &ServerConnection) {
        let suite = session.negotiated_cipher_suite().and_then(|suite| Suite::from_code(u16::from(suite.suite())));
        let (Some(suite), Some(kind)) = (suite, session.handshake_kind().map(HandshakeKind::from_rustls)) else {
            // The configuration holds nothing but the nine; should that ever change, nothing is counted under a wrong name.
            return self.count_failed("negotiated_other: finished with a suite that was not configured");
        };
        let group = session
            .negotiated_key_exchange_group()
            .and_then(|group| Group::ALL.into_iter().position(|known| known.code() == u16::from(group.name())));
        self.handshakes[index(suite, group, kind)].fetch_add(1, Relaxed);
    }

    /// Counts a handshake that failed for `cause`.
    pub(super) fn count_failed(&self, cause: &str) {
        add_cause(&mut self.failed.lock().unwrap_or_else(PoisonError::into_inner), cause, 1);
    }
}

/// Where a handshake is counted; `group` is a place in [`Group::ALL`].
fn index(suite: Suite, group: Option<usize>, kind: HandshakeKind) -> usize {
    (suite as usize * GROUPS + group.unwrap_or(Group::ALL.len())) * KINDS + kind as usize
}

/// An open connection: counted as accepted when made, as closed when dropped, however it ends.
#[derive(Debug)]
pub(super) struct OpenConnection(pub(super) Arc<Counters>);

impl OpenConnection {
    pub(super) fn new(counters: &Arc<Counters>) -> Self {
        counters.accepted.fetch_add(1, Relaxed);
        Self(Arc::clone(counters))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.closed.fetch_add(1, Relaxed);
    }
}

/// What the endpoint saw since it was started, or between two reports ([`Report::since`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// TCP connections accepted.
    pub connections: u64,
    /// Connections accepted and not closed at the time of the report.
    pub open_connections: u64,
    /// Times that the system refused to hand over a connection, mostly for want of descriptors.
    pub accept_errors: u64,
    /// Finished handshakes, by what was negotiated, in the order of suites, groups and kinds.
    pub handshakes: Vec<HandshakeCount>,
    /// Handshakes that did not finish, by cause.
    pub failed_handshakes: Vec<FailedHandshakes>,
    /// Requests whose head was received in full and could be parsed.
    pub requests: u64,
    /// Responses whose body was handed to the connection in full. A client counts an answer when it has received it.
    pub responses: u64,
    /// Body bytes of requests read.
    pub bytes_in: u64,
    /// Body bytes of responses handed to the connections.
    pub bytes_out: u64,
    /// CPU time of the server's own threads, user and system; serialized in seconds.
    #[serde(rename = "cpu_s", serialize_with = "seconds")]
    pub cpu: Duration,
    /// Time since the start, or between the two reports; serialized in seconds.
    #[serde(rename = "wall_s", serialize_with = "seconds")]
    pub wall: Duration,
}

fn seconds<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(value.as_secs_f64())
}

impl Report {
    /// Adds up the threads' counters.
    pub(super) fn collect<'a>(threads: impl Iterator<Item = &'a Arc<Counters>>, wall: Duration) -> Self {
        let total = Counters::default();
        let mut open_connections = 0;
        let mut causes = Causes::new();
        for counters in threads {
            let Counters {
                accepted,
                closed,
                accept_errors,
                requests,
                responses,
                bytes_in,
                bytes_out,
                cpu_ns,
                handshakes,
                failed,
            } = counters.as_ref();
            open_connections += counters.open();
            for (sum, part) in [
                (&total.accepted, accepted),
                (&total.closed, closed),
                (&total.accept_errors, accept_errors),
                (&total.requests, requests),
                (&total.responses, responses),
                (&total.bytes_in, bytes_in),
                (&total.bytes_out, bytes_out),
                (&total.cpu_ns, cpu_ns),
            ]
            .into_iter()
            .chain(total.handshakes.iter().zip(handshakes))
            {
                sum.fetch_add(part.load(Relaxed), Relaxed);
            }
            for (cause, count) in failed.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                add_cause(&mut causes, cause, *count);
            }
        }
        Self {
            connections: total.accepted.into_inner(),
            open_connections,
            accept_errors: total.accept_errors.into_inner(),
            handshakes: rows(&total.handshakes),
            failed_handshakes: causes.into_iter().map(|(cause, count)| FailedHandshakes { cause, count }).collect(),
            requests: total.requests.into_inner(),
            responses: total.responses.into_inner(),
            bytes_in: total.bytes_in.into_inner(),
            bytes_out: total.bytes_out.into_inner(),
            cpu: Duration::from_nanos(total.cpu_ns.into_inner()),
            wall,
        }
    }

    /// What happened between `earlier`, a report of the same server, and this one; connections open are those open now.
    pub fn since(&self, earlier: &Self) -> Self {
        let Self {
            connections,
            open_connections: _,
            accept_errors,
            handshakes,
            failed_handshakes,
            requests,
            responses,
            bytes_in,
            bytes_out,
            cpu,
            wall,
        } = earlier;
        let mut difference = self.clone();
        difference.connections -= connections;
        difference.accept_errors -= accept_errors;
        difference.requests -= requests;
        difference.responses -= responses;
        difference.bytes_in -= bytes_in;
        difference.bytes_out -= bytes_out;
        difference.cpu = difference.cpu.saturating_sub(*cpu);
        difference.wall = difference.wall.saturating_sub(*wall);
        for row in &mut difference.handshakes {
            let same = |old: &&HandshakeCount| (old.suite, old.group, old.kind) == (row.suite, row.group, row.kind);
            row.count -= handshakes.iter().find(same).map_or(0, |old| old.count);
        }
        difference.handshakes.retain(|row| row.count > 0);
        for row in &mut difference.failed_handshakes {
            row.count -= failed_handshakes.iter().find(|old| old.cause == row.cause).map_or(0, |old| old.count);
        }
        difference.failed_handshakes.retain(|row| row.count > 0);
        difference
    }

    /// Finished handshakes of `kind`.
    pub fn handshakes_of(&self, kind: HandshakeKind) -> u64 {
        self.handshakes.iter().filter(|row| row.kind == kind).map(|row| row.count).sum()
    }
}

fn rows(handshakes: &[AtomicU64]) -> Vec<HandshakeCount> {
    let mut rows = Vec::new();
    for suite in Suite::all() {
        for group in (0..Group::ALL.len()).map(Some).chain([None]) {
            for kind in HandshakeKind::ALL {
                let count = handshakes[index(suite, group, kind)].load(Relaxed);
                if count > 0 {
                    let group = group.map(|place| Group::ALL[place]);
                    rows.push(HandshakeCount { version: suite.version(), suite, group, kind, count });
                }
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_place_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for suite in Suite::all() {
            for group in (0..Group::ALL.len()).map(Some).chain([None]) {
                seen.extend(HandshakeKind::ALL.map(|kind| index(suite, group, kind)));
            }
        }
        assert_eq!(seen.len(), SUITES * GROUPS * KINDS);
        assert_eq!(seen.last(), Some(&(SUITES * GROUPS * KINDS - 1)));
    }

    #[test]
    fn causes_are_bounded_and_none_is_lost() {
        let counters = [Arc::new(Counters::default()), Arc::new(Counters::default())];
        for n in 0..100 {
            counters[n % 2].count_failed(&format!("cause {n:03}"));
        }
        let report = Report::collect(counters.iter(), Duration::ZERO);
        assert_eq!(report.failed_handshakes.len(), FailedHandshakes::MAX_CAUSES + 1);
        assert_eq!(report.failed_handshakes.iter().map(|row| row.count).sum::<u64>(), 100);
    }

    #[test]
    fn reports_add_up_subtract_and_carry_their_units() {
        let counters = [Arc::new(Counters::default()), Arc::new(Counters::default())];
        let open = OpenConnection::new(&counters[0]);
        drop(OpenConnection::new(&counters[1]));
        counters[0].requests.fetch_add(3, Relaxed);
        counters[1].cpu_ns.fetch_add(1_500_000_000, Relaxed);
        let place = index(Suite::EcdheRsaAes128Cbc, None, HandshakeKind::Resumed);
        counters[1].handshakes[place].fetch_add(2, Relaxed);
        let earlier = Report::collect(counters.iter(), Duration::from_secs(1));
        assert_eq!((earlier.connections, earlier.open_connections, earlier.requests), (2, 1, 3));
        assert_eq!(earlier.handshakes_of(HandshakeKind::Resumed), 2);
        drop(open);
        counters[1].handshakes[place].fetch_add(1, Relaxed);
        let later = Report::collect(counters.iter(), Duration::from_secs(3)).since(&earlier);
        assert_eq!((later.connections, later.open_connections, later.requests), (0, 0, 0));
        assert_eq!(later.handshakes[0].count, 1);
        assert_eq!(later.wall, Duration::from_secs(2));
        let json = serde_json::to_value(&earlier).unwrap();
        assert_eq!(json["cpu_s"], 1.5);
        assert_eq!(json["handshakes"][0]["kind"], "resumed");
        assert_eq!(json["handshakes"][0]["suite"], "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256");
        assert!(json["handshakes"][0]["group"].is_null());
    }
}
