//! What is known of a run at one moment: while it goes, or of one that has ended.

use hdrhistogram::Histogram;

use super::run::{RunDocument, SeriesRow};
use crate::model::failure::FailureKind;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Connections are made and opened.
    #[default]
    Opening,
    /// Load before the measure window.
    Warmup,
    /// The measure window is open.
    Measuring,
    /// It is over; what is under way may finish.
    Draining,
    /// All is over.
    Ended,
}

impl Phase {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Warmup => "warm-up",
            Self::Measuring => "measuring",
            Self::Draining => "draining",
            Self::Ended => "ended",
        }
    }
}

/// Figures of one moment. While a run goes they are of what has ended in the measure window so far; of a run that has ended, of all that the
/// window holds, whenever it ended.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// What is loaded.
    pub url: String,
    /// When the run started: RFC 3339, UTC.
    pub started_at: String,
    /// The program's version.
    pub version: String,
    /// How far it is.
    pub phase: Phase,
    /// Time in the measure window.
    pub window_s: f64,
    /// The window's planned length.
    pub planned_s: f64,
    /// Requests that succeeded.
    pub requests: u64,
    /// Handshakes that were completed.
    pub handshakes: u64,
    /// Requests or sessions that failed, by kind where that is known.
    pub failures: Vec<(Option<FailureKind>, u64)>,
    /// Connections that are open; `None` when all is over.
    pub open_connections: Option<u64>,
    /// Times by the name of the latency, in nanoseconds, censored ones at the time that they had waited.
    pub latencies: Vec<(&'static str, Histogram<u64>)>,
    /// The window's seconds.
    pub series: Vec<SeriesRow>,
}

impl Reading {
    /// That of a run that has ended. A histogram that is damaged, or not kept, is left out.
    pub fn of(document: &RunDocument) -> Self {
        let handshakes = &document.connections.handshakes;
        let latencies = document.latency.named().into_iter();
        Self {
            url: document.target.url.clone(),
            started_at: document.started_at.clone(),
            version: document.tool.version.clone(),
            phase: Phase::Ended,
            window_s: document.throughput.window_s,
            planned_s: document.plan.duration_s,
            requests: if document.plan.requests_per_connection == Some(0) { 0 } else { document.counts.succeeded },
            handshakes: handshakes.full + handshakes.full_with_hrr + handshakes.resumed + handshakes.resumed_with_hrr,
            failures: document.counts.failures.iter().map(|(kind, n)| (Some(*kind), *n)).collect(),
            open_connections: None,
            latencies: latencies
                .filter_map(|(name, one)| Some((name, one?.histogram.as_ref()?.decode().ok()?)))
                .collect(),
            series: document.series.clone(),
        }
    }
}
