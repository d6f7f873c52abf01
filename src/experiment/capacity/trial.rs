//! One trial of a search: a run of its own on fresh connections, judged by the objectives and by the backlog in its window.

use std::time::Duration;

use super::super::run::{self, Surroundings};
use crate::engine::Event;
use crate::engine::ledger::{Metric, Slice};
use crate::engine::outcome::{CannotRun, Outcome};
use crate::model::load::Pace;
use crate::model::plan::RunPlan;
use crate::model::slo::{Measure, Slo, Timing};
use crate::pacing::Schedule;
use crate::record::capacity::{ObjectiveRecord, TrialRecord};
use crate::record::run::{Remark, RunDocument};
use crate::stats::judge::{self, Flow, Judged, Judgement};
use crate::stats::recorder::CoarseRecorder;
use crate::stats::search::{Fault, Order, Verdict};
use crate::stats::steady::{self, drift};
use crate::stats::summary::estimates_with;

/// A fall of the median response time over the window by less is not held against the warm-up.
const FALL: f64 = 0.2;

/// The reasons against a run that only say that the generator was late.
pub(super) const LATE: [&str; 2] = ["dispatch_lag", "scheduling_gap"];

/// What a trial left behind.
pub(super) struct Taken {
    pub(super) record: TrialRecord,
    pub(super) document: RunDocument,
    pub(super) verdict: Verdict,
    /// Whether what was measured, certain or not, misses an objective.
    pub(super) leans_bad: bool,
    /// What was sent and never answered in time may still keep the server busy.
    pub(super) timed_out: bool,
}

/// What is gathered while the window lasts.
pub(super) struct Window {
    duration: Duration,
    /// What ended, and what of it failed, in each slice.
    ended: Vec<(u64, u64)>,
    length: Duration,
    /// Response times in [`steady::MIN_SLICES`] equal parts of the window.
    parts: Vec<CoarseRecorder>,
}

impl Window {
    pub(super) fn new(duration: Duration) -> Self {
        let parts = vec![CoarseRecorder::new(); steady::MIN_SLICES];
        Self { duration, ended: Vec::new(), length: Duration::ZERO, parts }
    }

    pub(super) fn take(&mut self, slice: &Slice, at: Duration, length: Duration) {
        self.ended.push((slice.finished, slice.failures));
        self.length = length;
        let middle = at.saturating_sub(length / 2).div_duration_f64(self.duration);
        let part = ((middle * self.parts.len() as f64) as usize).min(self.parts.len() - 1);
        if let Some(responses) = &slice.latencies[Metric::Response as usize] {
            self.parts[part].merge(responses);
        }
    }

    /// What came and went in each whole slice.
    pub(super) fn flow(&self, plan: &RunPlan) -> Vec<Flow> {
        if self.length.is_zero() {
            return Vec::new();
        }
        let whole = (self.duration.as_nanos() / self.length.as_nanos()) as usize;
        let ended = &self.ended[..whole.min(self.ended.len())];
        let arrived = arrivals(plan, self.length, ended.len());
        let flow = |(arrived, (ended, failed)): (f64, &(u64, u64))| Flow {
            arrived,
            ended: *ended as f64,
            failed: *failed as f64,
        };
        arrived.into_iter().zip(ended).map(flow).collect()
    }

    /// Completed with success, all slices together.
    pub(super) fn succeeded(&self) -> u64 {
        self.ended.iter().map(|(ended, failed)| ended - failed).sum()
    }

    /// Whether the median response time did not fall over the window by more than chance; `None` where some part of it has none.
    pub(super) fn is_steady(&self) -> Option<bool> {
        let medians: Option<Vec<f64>> = self.parts.iter().map(|part| part.quantile(0.5).map(|ns| ns as f64)).collect();
        let change = drift(&medians?)?;
        Some(!(change.significant && change.relative_change <= -FALL))
    }
}

/// The arrivals that the schedule has in each of the first `slices` slices of the window.
pub(super) fn arrivals(plan: &RunPlan, length: Duration, slices: usize) -> Vec<f64> {
    let mut counts = vec![0.0; slices];
    let Pace::Open { rate, arrivals, seed } = plan.load.pace() else { return counts };
    let mut schedule = Schedule::new(arrivals, rate, seed, 0, 1);
    let (from, length) = (plan.load.warmup.as_nanos() as u64, length.as_nanos() as u64);
    loop {
        let at = schedule.pop().at_ns;
        match counts.get_mut((at.saturating_sub(from) / length) as usize) {
            Some(count) if at >= from => *count += 1.0,
            Some(_) => {}
            None => return counts,
        }
    }
}

/// Makes the trial that `plan` describes, number `number` of the search, as `order` wants it.
pub(super) fn take(
    plan: &RunPlan,
    slo: &[Slo],
    (number, order): (u32, Order),
    around: &Surroundings<'_>,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<Taken, CannotRun> {
    let mut window = Window::new(plan.load.duration);
    let (document, outcome) = run::measure(plan, around, &mut |event| {
        if let Event::Slice { slice, at, length } = &event {
            window.take(slice, *at, *length);
        }
        observe(event);
    })?;
    Ok(judged(plan, slo, (number, order), (document, &outcome), &window))
}

fn judged(
    plan: &RunPlan,
    slo: &[Slo],
    (number, order): (u32, Order),
    (document, outcome): (RunDocument, &Outcome),
    window: &Window,
) -> Taken {
    let flow = window.flow(plan);
    let counts = &document.counts;
    let missed = counts.failed + counts.unsent;
    let all: Vec<Judged> = slo.iter().map(|slo| judge(slo, outcome, &flow, (missed, counts.scheduled))).collect();
    let backlog = judge::backlog(&flow);
    let overloaded = backlog.is_some_and(|backlog| backlog.overloaded);
    let client_limited = document.verdict.limited_by.is_some();
    let (verdict, leans_bad) = Verdict::of(&all, overloaded, fault(&document.verdict.reasons), client_limited);
    let window_s = document.throughput.window_s;
    let achieved_per_s = if window_s > 0.0 { window.succeeded() as f64 / window_s } else { 0.0 };
    let response = document.latency.response.clone();
    // Little's law; without a balance, or with times that are only known in part, there is no average.
    let mean = response.as_ref().filter(|found| found.censored == 0 && !overloaded).and_then(|found| found.mean_ns);
    let record = TrialRecord {
        number,
        purpose: order.purpose.name().to_owned(),
        rate_per_s: order.load,
        seed: document.plan.seed.unwrap_or_default(),
        warmup_s: document.plan.warmup_s,
        duration_s: window_s,
        valid: document.verdict.valid,
        reasons: document.verdict.reasons.clone(),
        client_limited,
        steady: window.is_steady(),
        verdict: verdict.name().to_owned(),
        objectives: all.iter().map(objective).collect(),
        scheduled: counts.scheduled,
        succeeded: counts.succeeded,
        failed: counts.failed,
        unsent: counts.unsent,
        errors_share: (counts.scheduled > 0).then(|| missed as f64 / counts.scheduled as f64),
        achieved_per_s,
        in_flight_mean: mean.map(|ns| achieved_per_s * ns / 1e9),
        backlog_growth: backlog.map(|backlog| backlog.growth),
        overloaded,
        response,
        client_busy: document.client.workers.iter().map(|worker| worker.busy).fold(0.0, f64::max),
        client_cpu_s: document.client.cpu_s,
        server_cpu_s: document.server.as_ref().map(|server| server.cpu_s),
    };
    let timed_out = counts.unsent > 0 || record.response.as_ref().is_some_and(|found| found.censored > 0);
    Taken { record, document, verdict, leans_bad, timed_out }
}

/// The worst of what the generator did wrong.
fn fault(reasons: &[Remark]) -> Fault {
    match reasons {
        [] => Fault::None,
        reasons if reasons.iter().all(|reason| LATE.contains(&reason.code.as_str())) => Fault::Late,
        _ => Fault::Other,
    }
}

fn judge(slo: &Slo, outcome: &Outcome, flow: &[Flow], (missed, scheduled): (u64, u64)) -> Judged {
    let inclusive = slo.is_inclusive();
    match slo.measure() {
        Measure::Latency { timing, q, limit_ns } => {
            let metric = metric(timing) as usize;
            let estimates = estimates_with(&outcome.ledger.latencies[metric], &outcome.batches[metric], q);
            judge::latency(&estimates, q, limit_ns, inclusive)
        }
        Measure::Errors(limit) => judge::errors(flow, missed, scheduled, limit.as_fraction(), inclusive),
        Measure::Achieved(limit) => judge::achieved(flow, limit.as_fraction(), inclusive),
    }
}

fn metric(timing: Timing) -> Metric {
    match timing {
        Timing::Connect => Metric::Connect,
        Timing::HandshakeFull => Metric::HandshakeFull,
        Timing::HandshakeResumed => Metric::HandshakeResumed,
        Timing::FirstByte => Metric::FirstByte,
        Timing::Service => Metric::Service,
        Timing::Response => Metric::Response,
    }
}

fn objective(judged: &Judged) -> ObjectiveRecord {
    let verdict = match judged.judgement {
        Judgement::Met => "met",
        Judgement::Missed => "missed",
        Judgement::Undecided => "undecided",
    };
    ObjectiveRecord { verdict: verdict.to_owned(), observed: judged.observed, low: judged.low, high: judged.high }
}
