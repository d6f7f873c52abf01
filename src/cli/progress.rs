//! The progress line: shown on stderr, only on a terminal, and gone when the run ends.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::Event;
use crate::engine::ledger::{Metric, Slice};
use crate::stats::recorder::CoarseRecorder;
use crate::units;

/// How often the figures change: often enough to be alive, seldom enough to be read.
const REFRESH: Duration = Duration::from_millis(500);

/// One line that follows a run.
pub(super) struct Progress {
    bar: ProgressBar,
    duration: Duration,
    /// What has gathered since the figures last changed.
    requests: u64,
    handshakes: u64,
    gathered: Duration,
    latency: CoarseRecorder,
    /// Since the window's start.
    failures: u64,
}

impl Progress {
    /// A line for a window of `duration`; `wanted`: the user has not asked for silence.
    pub(super) fn new(duration: Duration, wanted: bool) -> Self {
        let shown = wanted && std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(duration.as_millis() as u64), target);
        // The template is a constant: a mistake in it would show in every run.
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {prefix} {wide_msg}") {
            bar.set_style(style.progress_chars("━╸─"));
        }
        let latency = CoarseRecorder::new();
        Self { bar, duration, requests: 0, handshakes: 0, gathered: Duration::ZERO, latency, failures: 0 }
    }

    pub(super) fn observe(&mut self, event: &Event<'_>) {
        match event {
            Event::Opening => self.say("opening", String::new()),
            Event::Warmup => self.say("warm-up", String::new()),
            Event::WindowOpened => self.say("measuring", String::new()),
            Event::Slice { slice, at, length } => self.take(slice, *at, *length),
            Event::WindowClosed => self.say("draining", String::new()),
        }
    }

    fn say(&self, phase: &'static str, message: String) {
        self.bar.set_prefix(phase);
        self.bar.set_message(message);
        self.bar.tick();
    }

    fn take(&mut self, slice: &Slice, at: Duration, length: Duration) {
        self.requests += slice.requests;
        self.handshakes += slice.handshakes;
        self.failures += slice.failures;
        self.gathered += length;
        let felt = [Metric::Response, Metric::Service, Metric::HandshakeFull, Metric::HandshakeResumed];
        if let Some(latency) = felt.iter().find_map(|metric| slice.latencies[*metric as usize].as_ref()) {
            self.latency.merge(latency);
        }
        self.bar.set_position(at.min(self.duration).as_millis() as u64);
        if self.gathered >= REFRESH {
            self.show(slice.open_connections, at);
        }
    }

    fn show(&mut self, open: u64, at: Duration) {
        let seconds = self.gathered.as_secs_f64();
        let (n, unit) = if self.requests > 0 { (self.requests, "req/s") } else { (self.handshakes, "handshakes/s") };
        let quantile = |q| self.latency.quantile(q).map_or("–".to_owned(), |ns| units::time(ns as f64));
        let message = format!(
            "{:.0}/{} s  {} {unit}  p50 {}  p99 {}  {} failed  {open} open",
            at.as_secs_f64(),
            self.duration.as_secs(),
            units::decimal(n as f64 / seconds),
            quantile(0.5),
            quantile(0.99),
            units::count(self.failures),
        );
        self.say("measuring", message);
        (self.requests, self.handshakes, self.gathered) = (0, 0, Duration::ZERO);
        self.latency.reset();
    }

    pub(super) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
