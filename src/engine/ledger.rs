//! What a worker writes down: counts, failures, latencies. Owned by one worker, merged when all have ended; the slices go to the
//! coordinator while the run lasts.

use std::collections::BTreeMap;

use super::clock::Ns;
use super::session::Agreed;
use crate::model::failure::{Failure, FailureKind};
use crate::model::suite::{Group, Suite, TlsVersion};
use crate::stats::recorder::{CoarseRecorder, Recorder};

/// The latencies that are measured; `docs/measurement.md` defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// connect() → writable.
    Connect,
    /// ClientHello queued → complete, full handshakes.
    HandshakeFull,
    /// The same, resumed handshakes.
    HandshakeResumed,
    /// Started → first response byte.
    FirstByte,
    /// Started → last byte.
    Service,
    /// Intended → last byte.
    Response,
    /// Intended → started, when a connection was free.
    DispatchLag,
}

impl Metric {
    /// How many there are.
    pub const COUNT: usize = 7;

    /// All of them, in their order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Connect,
        Self::HandshakeFull,
        Self::HandshakeResumed,
        Self::FirstByte,
        Self::Service,
        Self::Response,
        Self::DispatchLag,
    ];

    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::HandshakeFull => "handshake_full",
            Self::HandshakeResumed => "handshake_resumed",
            Self::FirstByte => "first_byte",
            Self::Service => "service",
            Self::Response => "response",
            Self::DispatchLag => "dispatch_lag",
        }
    }
}

/// A handshake, as it is counted under `negotiated`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NegotiatedKey {
    /// The version.
    pub version: TlsVersion,
    /// The suite.
    pub suite: Suite,
    /// The group, where a key was exchanged.
    pub group: Option<Group>,
    /// Whether a session was resumed.
    pub resumed: bool,
    /// Whether the server asked for a second hello.
    pub retried_hello: bool,
}

impl From<Agreed> for NegotiatedKey {
    fn from(agreed: Agreed) -> Self {
        let Agreed { version, suite, group, resumed, retried_hello } = agreed;
        Self { version, suite, group, resumed, retried_hello }
    }
}

/// Plain sums; all of them add up over workers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the names are those of the document
pub struct Counts {
    pub attempted: u64,
    pub unsent: u64,
    pub unsent_while_free: u64,
    pub sent: u64,
    pub succeeded: u64,
    pub retried: u64,
    pub warmup_sent: u64,
    pub warmup_succeeded: u64,
    pub warmup_failed: u64,
    pub opened: u64,
    pub closed: u64,
    pub connect_failed: u64,
    pub priming: u64,
    pub resumption_refused: u64,
    /// Requests answered and handshakes completed within the measure window, whatever they count for and those that primed included: what
    /// its CPU time was spent on.
    pub ended_requests: u64,
    pub ended_handshakes: u64,
    /// Within the measure window, by completion: successful requests, handshakes, plaintext bytes in and out. Where `--requests` bounds
    /// the window, of what it asks for only.
    pub window_requests: u64,
    pub window_handshakes: u64,
    pub window_bytes_in: u64,
    pub window_bytes_out: u64,
    /// The content of the successful requests.
    pub window_body_bytes_in: u64,
}

impl Counts {
    fn merge(&mut self, other: &Self) {
        let Self {
            attempted,
            unsent,
            unsent_while_free,
            sent,
            succeeded,
            retried,
            warmup_sent,
            warmup_succeeded,
            warmup_failed,
            opened,
            closed,
            connect_failed,
            priming,
            resumption_refused,
            ended_requests,
            ended_handshakes,
            window_requests,
            window_handshakes,
            window_bytes_in,
            window_bytes_out,
            window_body_bytes_in,
        } = other;
        self.attempted += attempted;
        self.unsent += unsent;
        self.unsent_while_free += unsent_while_free;
        self.sent += sent;
        self.succeeded += succeeded;
        self.retried += retried;
        self.warmup_sent += warmup_sent;
        self.warmup_succeeded += warmup_succeeded;
        self.warmup_failed += warmup_failed;
        self.opened += opened;
        self.closed += closed;
        self.connect_failed += connect_failed;
        self.priming += priming;
        self.resumption_refused += resumption_refused;
        self.ended_requests += ended_requests;
        self.ended_handshakes += ended_handshakes;
        self.window_requests += window_requests;
        self.window_handshakes += window_handshakes;
        self.window_bytes_in += window_bytes_in;
        self.window_bytes_out += window_bytes_out;
        self.window_body_bytes_in += window_body_bytes_in;
    }
}

/// Failures with their details. A server that makes up a new detail each time fills one entry called "other".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failures {
    by_detail: BTreeMap<Failure, u64>,
}

impl Failures {
    /// How many distinct details are kept.
    const MAX_DISTINCT: usize = 256;

    pub(crate) fn add(&mut self, failure: &Failure, n: u64) {
        if let Some(count) = self.by_detail.get_mut(failure) {
            *count += n;
        } else if self.by_detail.len() < Self::MAX_DISTINCT {
            self.by_detail.insert(failure.clone(), n);
        } else {
            *self.by_detail.entry(Failure::new(failure.kind, "other")).or_default() += n;
        }
    }

    fn merge(&mut self, other: &Self) {
        for (failure, n) in &other.by_detail {
            self.add(failure, *n);
        }
    }

    /// All failures with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (&Failure, u64)> {
        self.by_detail.iter().map(|(failure, n)| (failure, *n))
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.by_detail.values().sum()
    }

    /// The counts by kind.
    pub fn by_kind(&self) -> BTreeMap<FailureKind, u64> {
        let mut kinds = BTreeMap::new();
        for (failure, n) in self.iter() {
            *kinds.entry(failure.kind).or_default() += n;
        }
        kinds
    }
}

/// What happened within one slice of the measure window, by completion.
#[derive(Debug)]
pub struct Slice {
    /// The slice's place in the window, from 0.
    pub index: u64,
    /// Successful requests.
    pub requests: u64,
    /// Failed requests or sessions.
    pub failures: u64,
    /// Completed handshakes.
    pub handshakes: u64,
    /// Connections open at the slice's end.
    pub open_connections: u64,
    /// What ended, successful or not, of the unit that is counted.
    pub finished: u64,
    /// The longest dispatch lag.
    pub dispatch_lag_max_ns: Option<u64>,
    /// The latencies that were recorded, by metric.
    pub latencies: [Option<Box<CoarseRecorder>>; Metric::COUNT],
}

impl Slice {
    pub(crate) fn new(index: u64) -> Self {
        Self {
            index,
            requests: 0,
            failures: 0,
            handshakes: 0,
            open_connections: 0,
            finished: 0,
            dispatch_lag_max_ns: None,
            latencies: [const { None }; Metric::COUNT],
        }
    }

    /// Adds what another worker saw in the same slice.
    pub(super) fn merge(&mut self, other: &Self) {
        let Self {
            index: _,
            requests,
            failures,
            handshakes,
            open_connections,
            finished,
            dispatch_lag_max_ns,
            latencies,
        } = other;
        self.requests += requests;
        self.failures += failures;
        self.handshakes += handshakes;
        self.open_connections += open_connections;
        self.finished += finished;
        self.dispatch_lag_max_ns = self.dispatch_lag_max_ns.max(*dispatch_lag_max_ns);
        for (mine, theirs) in self.latencies.iter_mut().zip(latencies) {
            if let Some(theirs) = theirs {
                mine.get_or_insert_with(|| Box::new(CoarseRecorder::new())).merge(theirs);
            }
        }
    }

    fn latency(&mut self, metric: Metric) -> &mut CoarseRecorder {
        self.latencies[metric as usize].get_or_insert_with(|| Box::new(CoarseRecorder::new()))
    }
}

/// Everything that a worker counts and records.
#[derive(Debug)]
pub struct Ledger {
    /// Sums.
    pub counts: Counts,
    /// Failures of requests (or sessions) of the measure window.
    pub failures: Failures,
    /// Why connections were not completed, over the whole run, whether work was bound to them or not.
    pub connect_failures: Failures,
    /// Completed handshakes, priming ones left out.
    pub negotiated: BTreeMap<NegotiatedKey, u64>,
    /// The latencies by metric.
    pub latencies: [Recorder; Metric::COUNT],
    pub(super) slice: Slice,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self {
            counts: Counts::default(),
            failures: Failures::default(),
            connect_failures: Failures::default(),
            negotiated: BTreeMap::new(),
            latencies: std::array::from_fn(|_| Recorder::new()),
            slice: Slice::new(0),
        }
    }

    pub(crate) fn record(&mut self, metric: Metric, value: Ns) {
        self.latencies[metric as usize].record(value);
        self.slice.latency(metric).record(value);
        if metric == Metric::DispatchLag {
            self.slice.dispatch_lag_max_ns = self.slice.dispatch_lag_max_ns.max(Some(value));
        }
    }

    /// Records that a value exceeds `waited`, by an unknown amount.
    pub(super) fn record_censored(&mut self, metric: Metric, waited: Ns) {
        self.latencies[metric as usize].record_censored(waited);
        self.slice.latency(metric).record_censored(waited);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        let Self { counts, failures, connect_failures, negotiated, latencies, slice: _ } = other;
        self.counts.merge(counts);
        self.failures.merge(failures);
        self.connect_failures.merge(connect_failures);
        for (key, n) in negotiated {
            *self.negotiated.entry(*key).or_default() += n;
        }
        for (mine, theirs) in self.latencies.iter_mut().zip(latencies) {
            mine.merge(theirs);
        }
    }
}
