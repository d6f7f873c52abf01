//! What a run of the engine leaves behind, merged over its workers.

use std::net::SocketAddr;
use std::time::Duration;

use super::intervals::Interval;
use super::ledger::{Ledger, Metric};
use crate::model::failure::Failure;
use crate::stats::batches::Batches;
use crate::stats::recorder::Recorder;

/// Why a run could not be made at all.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CannotRun {
    /// No handshake ever succeeded; the most frequent reason.
    #[error("no TLS connection could be made: {}{failure}", if *mixed { "mostly " } else { "" })]
    NoHandshake {
        /// The most frequent failure.
        failure: Failure,
        /// Whether there were others too.
        mixed: bool,
    },
    /// Resumption was asked for, and the server gives no sessions.
    #[error(
        "{address} gives no session that could be resumed (neither ticket nor session id); use --resumption full, or turn \
         session tickets on at the server"
    )]
    NoTicket {
        /// The server.
        address: SocketAddr,
    },
    /// Only resumptions were asked for, and the server made a full handshake of each.
    #[error(
        "the server gives sessions but resumed none of them: {refused} of {refused} resumptions became full handshakes; use \
         --resumption full, or see to it that the server keeps its sessions or its ticket key"
    )]
    NeverResumed {
        /// How many it refused.
        refused: u64,
    },
    /// The user ended the run before it had begun.
    #[error("interrupted before the first connection was made")]
    Interrupted,
    /// A thread or a poll could not be made.
    #[error("the operating system refused a worker: {0}")]
    Worker(String),
    /// The server name cannot stand in a certificate.
    #[error("'{0}' is not a name that a certificate can be checked against; use --sni NAME")]
    ServerName(String),
}

/// One second of the measure window.
#[derive(Debug, Clone, PartialEq)]
pub struct Second {
    /// Its end, after the window's start.
    pub end: Duration,
    /// Successful requests.
    pub requests: u64,
    /// Failed requests or sessions.
    pub failures: u64,
    /// Completed handshakes.
    pub handshakes: u64,
    /// Connections open at its end.
    pub open_connections: u64,
    /// p50 and p99 of `service`, in nanoseconds.
    pub service: Option<(u64, u64)>,
    /// p50 and p99 of `response`, in nanoseconds.
    pub response: Option<(u64, u64)>,
    /// The longest dispatch lag, in nanoseconds.
    pub dispatch_lag_max_ns: Option<u64>,
}

/// What one worker cost and noticed.
#[derive(Debug, Clone)]
pub struct WorkerOutcome {
    /// Share of the window for which it wanted a core, 0 to 1: had work, ran, or waited for a core. Spinning is not work.
    pub busy: f64,
    /// CPU time within the window.
    pub cpu: Duration,
    /// The longest dispatch lag, in nanoseconds.
    pub dispatch_lag_max_ns: Option<u64>,
    /// Times for which it wanted to run and did not.
    pub gaps: Recorder,
    /// How long it was watched for `busy`, `cpu` and `gaps`: the window, to within the time that it took to notice the edges.
    pub watched: Duration,
    /// The window's true length; zero where `--requests` left it nothing to do.
    pub window: Duration,
}

/// A finished run.
#[derive(Debug)]
pub struct Outcome {
    /// Counts and latencies of all workers.
    pub ledger: Ledger,
    /// The latencies in slices of time, for intervals; by metric.
    pub batches: [Batches; Metric::COUNT],
    /// Finished work per slice, for the test of stationarity.
    pub slice_rates: Vec<f64>,
    /// The window, second by second.
    pub seconds: Vec<Second>,
    /// The latencies by intervals of a second or more, and of what ended after the window.
    pub intervals: Vec<Interval>,
    /// The workers, in order.
    pub workers: Vec<WorkerOutcome>,
    /// The window's true length: the longest of the workers'.
    pub window: Duration,
    /// Where there was a storm: how long it took until every worker had as many connections open as before; `None` where one never had.
    pub storm_took: Option<Duration>,
    /// Whether the user ended the run, or asked for its end while it drained.
    pub interrupted: bool,
    /// Whether the rule of `--abort-on` ended the run: the share of failures then.
    pub aborted_at: Option<f64>,
    /// By how much the run's clock and the kernel's had come apart at the end.
    pub clock_disagreement: Duration,
    /// How long the run took, from the first connect to the last close.
    pub elapsed: Duration,
}

#[cfg(test)]
impl Outcome {
    /// An outcome of `workers` that saw nothing remarkable in a window of ten seconds; tests put in what they are about.
    pub(crate) fn quiet(workers: usize) -> Self {
        let window = Duration::from_secs(10);
        let worker = WorkerOutcome {
            busy: 0.2,
            cpu: Duration::from_secs(2),
            dispatch_lag_max_ns: None,
            gaps: Recorder::new(),
            watched: window,
            window,
        };
        Self {
            ledger: Ledger::new(),
            batches: std::array::from_fn(|_| Batches::new(64)),
            slice_rates: Vec::new(),
            seconds: Vec::new(),
            intervals: Vec::new(),
            workers: vec![worker; workers],
            window,
            storm_took: None,
            interrupted: false,
            aborted_at: None,
            clock_disagreement: Duration::ZERO,
            elapsed: window,
        }
    }
}
