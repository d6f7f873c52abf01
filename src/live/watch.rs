//! What the coordinator tells of a run, added up.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::engine::Event;
use crate::engine::ledger::{Metric, Slice};
use crate::record::live::{Phase, Reading};
use crate::record::run::SeriesRow;
use crate::stats::recorder::CoarseRecorder;

/// A second of the window in the making.
#[derive(Default)]
struct Second {
    row: SeriesRow,
    service: CoarseRecorder,
    response: CoarseRecorder,
    gathered: Duration,
}

#[derive(Default)]
struct State {
    phase: Phase,
    window: Duration,
    requests: u64,
    handshakes: u64,
    failures: u64,
    /// At the end of the last slice.
    open_connections: Option<u64>,
    latencies: [Option<CoarseRecorder>; Metric::COUNT],
    second: Second,
    series: Vec<SeriesRow>,
}

/// The run as far as it has got. Its lock is held for as long as it takes to add a slice up, or to copy what is known; no worker takes it.
pub struct Watch {
    url: String,
    started_at: String,
    planned: Duration,
    state: Mutex<State>,
}

impl Watch {
    /// A run of `url` that starts at `started_at` and whose measure window is to last as long as `planned`.
    pub fn new(url: &str, started_at: &str, planned: Duration) -> Self {
        Self { url: url.to_owned(), started_at: started_at.to_owned(), planned, state: Mutex::default() }
    }

    /// Adds what is told.
    pub fn see(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Opening => state.phase = Phase::Opening,
            Event::Warmup => state.phase = Phase::Warmup,
            Event::WindowOpened => state.phase = Phase::Measuring,
            Event::WindowClosed => state.phase = Phase::Draining,
            Event::Slice { slice, at, length } => state.add(slice, *at, *length),
        }
    }

    /// What is known now.
    pub fn reading(&self) -> Reading {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let latencies = state.latencies.clone();
        let reading = Reading {
            url: self.url.clone(),
            started_at: self.started_at.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            phase: state.phase,
            window_s: state.window.as_secs_f64(),
            planned_s: self.planned.as_secs_f64(),
            requests: state.requests,
            handshakes: state.handshakes,
            failures: vec![(None, state.failures)],
            // The coordinator hears of them with the slices of the window only; before and after, another number would be made up.
            open_connections: state.open_connections.filter(|_| state.phase == Phase::Measuring),
            latencies: Vec::new(),
            series: state.series.clone(),
        };
        // This takes its time, and the coordinator is not to wait for it.
        drop(state);
        let latency = |metric: &Metric| Some((metric.name(), fine(latencies[*metric as usize].as_ref()?)?));
        Reading { latencies: Metric::ALL.iter().filter_map(latency).collect(), ..reading }
    }
}

/// The same histogram with wider counters.
fn fine(recorder: &CoarseRecorder) -> Option<Histogram<u64>> {
    crate::stats::encoded::decode(&recorder.encoded()).ok()
}

impl State {
    fn add(&mut self, slice: &Slice, at: Duration, length: Duration) {
        self.window = at;
        self.requests += slice.requests;
        self.handshakes += slice.handshakes;
        self.failures += slice.failures;
        self.open_connections = Some(slice.open_connections);
        for (mine, theirs) in self.latencies.iter_mut().zip(&slice.latencies) {
            if let Some(theirs) = theirs {
                mine.get_or_insert_default().merge(theirs);
            }
        }
        let second = &mut self.second;
        second.row.requests += slice.requests;
        second.row.handshakes += slice.handshakes;
        second.row.failures += slice.failures;
        second.row.open_connections = slice.open_connections;
        second.row.dispatch_lag_max_ns = second.row.dispatch_lag_max_ns.max(slice.dispatch_lag_max_ns);
        for (mine, metric) in [(&mut second.service, Metric::Service), (&mut second.response, Metric::Response)] {
            if let Some(theirs) = &slice.latencies[metric as usize] {
                mine.merge(theirs);
            }
        }
        second.gathered += length;
        if second.gathered >= Duration::from_secs(1) {
            let Second { mut row, service, response, .. } = std::mem::take(second);
            row.t_s = at.as_secs_f64();
            (row.service_p50_ns, row.service_p99_ns) = (service.quantile(0.5), service.quantile(0.99));
            (row.response_p50_ns, row.response_p99_ns) = (response.quantile(0.5), response.quantile(0.99));
            self.series.push(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_add_up_to_seconds_and_to_the_whole() {
        let watch = Watch::new("https://a/", "now", Duration::from_secs(2));
        for event in [Event::Opening, Event::Warmup, Event::WindowOpened] {
            watch.see(&event);
            assert_eq!(watch.reading().open_connections, None, "no slice has told of any");
        }
        for n in 1..=4_u64 {
            let mut slice = Slice::new(n - 1);
            (slice.requests, slice.failures, slice.open_connections) = (10 * n, 1, 3);
            let mut recorder = CoarseRecorder::new();
            (0..10 * n).for_each(|_| recorder.record(n * 1_000_000));
            slice.latencies[Metric::Service as usize] = Some(Box::new(recorder));
            let length = Duration::from_millis(500);
            watch.see(&Event::Slice { slice: &slice, at: length * n as u32, length });
        }
        let reading = watch.reading();
        assert_eq!(
            (reading.requests, &reading.failures[..], reading.open_connections),
            (100, &[(None, 4)][..], Some(3))
        );
        assert_eq!((reading.phase, reading.window_s), (Phase::Measuring, 2.0));
        assert_eq!(
            reading.series.iter().map(|row| (row.t_s, row.requests)).collect::<Vec<_>>(),
            [(1.0, 30), (2.0, 70)]
        );
        let [(name, histogram)] = &reading.latencies[..] else { panic!("{:?}", reading.latencies) };
        assert_eq!((*name, histogram.len()), ("service", 100));
        // 20 of 30 took 2 ms, to 1 %.
        assert!((reading.series[0].service_p50_ns.unwrap() as f64 / 2e6 - 1.0).abs() < 0.01);
        watch.see(&Event::WindowClosed);
        assert_eq!(watch.reading().open_connections, None, "what closes in the drain is not told");
    }
}
