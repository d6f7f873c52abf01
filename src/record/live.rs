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

/// Figures of one moment. While a run goes they are of what has ended in the measure window so far, though it began before: but for the latencies,
/// which are of what the window holds alone. Of a run that has ended, all are of what the window holds, whenever it ended.
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
    /// Connections that are open; `None` where that is not known: outside the measure window.
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
            requests: requests(document),
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

/// The requests of the window that succeeded. Where sessions are counted, each of them has several, or none: the times of their answers say how
/// many there were.
fn requests(document: &RunDocument) -> u64 {
    match document.counts.unit.as_str() {
        "sessions" => document.latency.service.as_ref().map_or(0, |service| service.count),
        _ => document.counts.succeeded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    #[test]
    fn sessions_are_not_taken_for_requests() {
        let mut document = fixture::open_loop();
        assert_eq!(Reading::of(&document).requests, document.counts.succeeded);
        document.counts.unit = "sessions".to_owned();
        document.latency.service = document.latency.response.clone();
        document.latency.service.as_mut().unwrap().count = 5 * document.counts.succeeded;
        assert_eq!(Reading::of(&document).requests, 5 * document.counts.succeeded);
        document.latency.service = None;
        assert_eq!(Reading::of(&document).requests, 0);
    }
}
