//! The progress line: shown on stderr, only on a terminal, and gone when the run ends. What matters most comes first, and what does
//! not fit into the terminal is left out.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::Event;
use crate::engine::ledger::{Metric, Slice};
use crate::model::load::RequestsPerConnection;
use crate::model::plan::RunPlan;
use crate::model::tls::Trust;
use crate::stats::recorder::CoarseRecorder;
use crate::units;

/// How often the figures change: often enough to be alive, seldom enough to be read.
const REFRESH: Duration = Duration::from_millis(500);

/// The widest and the narrowest bar: one that is shorter shows nothing.
const BAR: (usize, usize) = (24, 6);

/// What a terminal that does not tell its width is taken for.
const COLUMNS: usize = 80;

/// One line that follows a run.
pub(super) struct Progress {
    bar: ProgressBar,
    /// The bar's width as last drawn.
    bar_width: Option<usize>,
    duration: Duration,
    insecure: bool,
    handshakes_only: bool,
    /// What has gathered since the figures last changed.
    requests: u64,
    handshakes: u64,
    gathered: Duration,
    latency: CoarseRecorder,
    /// Since the window's start.
    failures: u64,
}

impl Progress {
    /// A line for a run of `plan`; `wanted`: the user has not asked for silence.
    pub(super) fn new(plan: &RunPlan, wanted: bool) -> Self {
        let duration = plan.load.duration;
        let insecure = plan.tls.trust == Trust::Insecure;
        let handshakes_only = plan.load.requests_per_connection() == RequestsPerConnection::HandshakeOnly;
        let shown = wanted && std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(duration.as_millis() as u64), target);
        let latency = CoarseRecorder::new();
        let (requests, handshakes, failures, gathered) = (0, 0, 0, Duration::ZERO);
        Self {
            bar,
            bar_width: None,
            duration,
            insecure,
            handshakes_only,
            requests,
            handshakes,
            gathered,
            latency,
            failures,
        }
    }

    pub(super) fn observe(&mut self, event: &Event<'_>) {
        match event {
            Event::Opening => self.say(&["opening connections".to_owned()]),
            Event::Warmup => self.say(&["warm-up".to_owned()]),
            Event::WindowOpened => self.say(&["measuring".to_owned()]),
            Event::Slice { slice, at, length } => self.take(slice, *at, *length),
            Event::WindowClosed => self.say(&["draining: waiting for the last answers".to_owned()]),
        }
    }

    /// Shows as many of `items` as fit, with a bar in what is left of the line.
    fn say(&mut self, items: &[String]) {
        let (width, message) = layout(columns(), items);
        if self.bar_width != Some(width) {
            let template = if width == 0 { "{msg}".to_owned() } else { format!("{{bar:{width}}} {{msg}}") };
            // A mistake in the template would show in every run.
            if let Ok(style) = ProgressStyle::with_template(&template) {
                self.bar.set_style(style.progress_chars("━╸─"));
            }
            self.bar_width = Some(width);
        }
        self.bar.set_message(message);
        self.bar.tick();
    }

    fn take(&mut self, slice: &Slice, at: Duration, length: Duration) {
        self.requests += slice.requests;
        self.handshakes += slice.handshakes;
        self.failures += slice.failures;
        self.gathered += length;
        let all = [Metric::Response, Metric::Service, Metric::HandshakeFull, Metric::HandshakeResumed];
        let felt = if self.handshakes_only { &all[..] } else { &all[..2] };
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
        let (n, unit) = if self.handshakes_only { (self.handshakes, "handshakes/s") } else { (self.requests, "req/s") };
        let quantile = |q| self.latency.quantile(q).map_or("–".to_owned(), |ns| units::time(ns as f64));
        let mut items = vec![
            format!("{:.0}/{} s", at.as_secs_f64(), self.duration.as_secs_f64().ceil()),
            format!("{} {unit}", units::decimal(n as f64 / seconds)),
            format!("{} failed", units::count(self.failures)),
            format!("p50 {}", quantile(0.5)),
            format!("p99 {}", quantile(0.99)),
            format!("{} open", units::count(open)),
        ];
        if self.insecure {
            items.insert(3, "NOT VERIFIED".to_owned());
        }
        self.say(&items);
        (self.requests, self.handshakes, self.gathered) = (0, 0, Duration::ZERO);
        self.latency.reset();
    }

    pub(super) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// The columns of the terminal that stderr is.
fn columns() -> usize {
    match rustix::termios::tcgetwinsize(std::io::stderr()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => COLUMNS,
    }
}

/// How wide the bar is, 0 for none, and the text beside it, for a terminal of `columns`: as many of `items` as fit whole, from the
/// first on, then the bar. One column stays free, since some terminals wrap a line that fills the last one.
fn layout(columns: usize, items: &[String]) -> (usize, String) {
    let room = columns.saturating_sub(1);
    let mut text = String::new();
    let mut used = 0;
    for item in items {
        let gap = if text.is_empty() { 0 } else { 2 };
        let more = gap + item.chars().count();
        if used + more > room {
            break;
        }
        text += &" ".repeat(gap);
        text += item;
        used += more;
    }
    let (most, least) = BAR;
    let left = room.saturating_sub(used + 1);
    (if left < least { 0 } else { left.min(most) }, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items() -> Vec<String> {
        ["12/30 s", "41 133 req/s", "0 failed", "p50 1.23 ms", "p99 12.3 ms", "64 open"].map(str::to_owned).to_vec()
    }

    #[test]
    fn eighty_columns_hold_all_figures_and_the_bar_takes_what_is_left() {
        let all = "12/30 s  41 133 req/s  0 failed  p50 1.23 ms  p99 12.3 ms  64 open";
        for (columns, bar) in [(200, 24), (92, 24), (91, 23), (80, 12), (74, 6), (73, 0), (67, 0)] {
            assert_eq!(layout(columns, &items()), (bar, all.to_owned()), "{columns}");
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out_from_the_end() {
        for (columns, text) in [
            (66, "12/30 s  41 133 req/s  0 failed  p50 1.23 ms  p99 12.3 ms"),
            (40, "12/30 s  41 133 req/s  0 failed"),
            (20, "12/30 s"),
            (7, ""),
            (0, ""),
        ] {
            let (bar, shown) = layout(columns, &items());
            assert_eq!(shown, text, "{columns}");
            let drawn = if bar == 0 { 0 } else { bar + 1 };
            assert!(drawn + shown.chars().count() <= columns.saturating_sub(1), "{columns}: {bar} {shown}");
        }
        // The longest figures that there are: failures stay in sight, and only the open connections go.
        let long =
            ["3600/3600 s", "123 456 handshakes/s", "1 234 567 failed", "p50 1.23 ms", "p99 12.3 ms", "9 999 open"];
        let (bar, text) = layout(80, &long.map(str::to_owned));
        assert_eq!((bar, text.contains("failed"), text.contains("p99"), text.contains("open")), (0, true, true, false));
    }
}
