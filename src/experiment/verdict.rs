//! Whether a run's figures can be trusted: a pure function of what the run left behind.
//!
//! INVALID is for the generator's own faults only. What the server did, and what a reader should know all the same, are warnings.

use std::time::Duration;

use crate::engine::ledger::{Counts, Metric};
use crate::engine::outcome::{Outcome, WorkerOutcome};
use crate::model::failure::FailureKind;
use crate::model::load::{Pace, Unit};
use crate::model::plan::RunPlan;
use crate::model::tls::Trust;
use crate::record::run::{Latencies, Latency, Remark, Verdict};
use crate::stats::steady::{Drift, drift};
use crate::stats::summary::MIN_BEYOND;
use crate::units;

/// A worker that waited for events less than a tenth of the time is taken for the limit.
const BUSY_LIMIT: f64 = 0.9;

/// The generator's own lateness may reach this share of the latency that it measures, and at least [`LAG_FLOOR_NS`].
const LAG_SHARE: f64 = 0.1;

/// Lateness below a millisecond is not held against the generator.
const LAG_FLOOR_NS: f64 = 1e6;

/// Gaps as long as the tolerated lateness may take this share of the window: the share that a 99th percentile leaves out.
const GAP_SHARE: f64 = 0.01;

/// A single gap as long as this voids a run, however long the run is, if it is above the tolerated lateness too: in a long run it is less
/// than a p99 would leave out, and the whole of what lies beyond.
const LONG_GAP_NS: u64 = 100_000_000;

/// Noticeable gaps of any length may take this share. A worker that is starved inflates the very latencies that the tolerated lateness
/// is taken from, so that there must be a bound that does not depend on them.
const STARVED_SHARE: f64 = 0.1;

/// A closed loop of fewer requests than this for each connection is mostly beginning and end.
const FEW_FOR_EACH: u64 = 10;

/// Requests sent again are worth a word above this share.
const OFTEN: f64 = 0.01;

/// A drift of the throughput is worth a warning from this size on.
const DRIFT_SIZE: f64 = 0.05;

/// What is known of where generator and server run.
#[derive(Debug, Clone, Copy)]
pub struct Placing {
    /// They are known not to share cores.
    pub apart: bool,
    /// The server's process is known.
    pub server_named: bool,
}

/// Judges a run.
pub fn judge(plan: &RunPlan, outcome: &Outcome, latencies: &Latencies, placing: Placing) -> Verdict {
    let reasons = reasons(plan, outcome, latencies);
    let busiest = outcome.workers.iter().map(|worker| worker.busy).fold(0.0, f64::max);
    Verdict {
        valid: reasons.is_empty(),
        limited_by: (busiest >= BUSY_LIMIT).then(|| "client".to_owned()),
        reasons,
        warnings: warnings(plan, outcome, latencies, placing),
    }
}

fn remark(code: &str, text: String) -> Remark {
    Remark { code: code.to_owned(), text }
}

/// The p99, or where the sample is too small for one, the highest quantile below it that it has.
fn p99_at_most(latency: Option<&Latency>) -> Option<f64> {
    let given = latency?.quantiles.iter().filter(|record| record.q <= 0.99).filter_map(|record| record.ns);
    given.max().map(|ns| ns as f64)
}

/// How late the latest hundredth of the arrivals were, or the latest [`MIN_BEYOND`] where these are more, or all where there are no more:
/// fewer may be chance, but a short run is not excused for being short.
fn lateness(outcome: &Outcome) -> Option<f64> {
    let lags = &outcome.ledger.latencies[Metric::DispatchLag as usize];
    let total = lags.len() as f64;
    let beyond = (total * 0.01).max(MIN_BEYOND).min(total);
    (total > 0.0).then(|| lags.histogram().value_at_quantile((total - beyond + 0.5) / total) as f64)
}

/// How late the generator may be: a tenth of the p99 of what it measures, and at least a millisecond.
fn tolerated_lag(latencies: &Latencies) -> f64 {
    let measured = [&latencies.response, &latencies.service, &latencies.handshake_full, &latencies.handshake_resumed];
    let reference = measured.into_iter().find_map(|latency| p99_at_most(latency.as_ref())).unwrap_or(0.0);
    (LAG_SHARE * reference).max(LAG_FLOOR_NS)
}

fn reasons(plan: &RunPlan, outcome: &Outcome, latencies: &Latencies) -> Vec<Remark> {
    let tolerated = tolerated_lag(latencies);
    let mut reasons = Vec::new();
    let gaps = scheduling_gaps(outcome, tolerated);
    if let Some(lag) = lateness(outcome).filter(|lag| *lag > tolerated) {
        // More threads help only where there are cores that they get: not where those that there are were kept from running.
        let way_out = match &gaps {
            Some(_) => "the generator was kept from running: see scheduling_gap",
            None => "lower --rate, or add --threads as far as this machine has free cores for them",
        };
        let text = format!(
            "1 % of the arrivals (ten at least) were dispatched {} late or more although a connection was free (tolerated: \
             {}); {way_out}",
            units::time(lag),
            units::time(tolerated)
        );
        reasons.push(remark("dispatch_lag", text));
    }
    reasons.extend(gaps);
    let counts = &outcome.ledger.counts;
    if counts.unsent_while_free > 0 {
        let n = units::count(counts.unsent_while_free);
        reasons.push(remark("unsent_while_free", format!("{n} arrivals were not sent although connections were free")));
    }
    reasons.extend(local_limits(plan, outcome));
    let tolerated_drift = Duration::from_millis(1) + outcome.elapsed / 1000;
    if outcome.clock_disagreement > tolerated_drift {
        let apart = units::time(outcome.clock_disagreement.as_nanos() as f64);
        let text = format!("the processor's clock and the kernel's came apart by {apart} during the run");
        reasons.push(remark("clock", text));
    }
    if let Some(share) = outcome.aborted_at {
        let text =
            format!("--abort-on ended the run: {} of the {} had failed", units::share(share), plan.load.unit().name());
        reasons.push(remark("aborted", text));
    }
    if outcome.interrupted {
        let text = if outcome.window < plan.load.duration {
            "the run was ended early by the user"
        } else {
            "the user asked for the end while the last requests were under way; the window itself is complete"
        };
        reasons.push(remark("interrupted", text.to_owned()));
    }
    reasons
}

/// Time for which a worker wanted to run and did not: in gaps that matter for a p99, where it is more than a p99 would leave out; or in
/// gaps of any length, where it is so much that the generator was starved.
fn scheduling_gaps(outcome: &Outcome, tolerated: f64) -> Option<Remark> {
    let lost = |worker: &WorkerOutcome, shortest: f64| -> f64 {
        let steps = worker.gaps.histogram().iter_recorded();
        let ns: f64 = steps
            .filter(|step| step.value_iterated_to() as f64 >= shortest)
            .map(|step| step.value_iterated_to() as f64 * step.count_at_value() as f64)
            .sum();
        ns / worker.watched.as_nanos() as f64
    };
    // One that `--requests` left nothing to do has delayed nothing.
    let worked = outcome.workers.iter().filter(|worker| !worker.window.is_zero() && !worker.watched.is_zero());
    let (share, longest) = worked
        .filter_map(|worker| {
            let (long, all) = (lost(worker, tolerated), lost(worker, 0.0));
            let longest = worker.gaps.max_ns().unwrap_or(0);
            let too_long = longest >= LONG_GAP_NS && longest as f64 >= tolerated;
            let share = if all > STARVED_SHARE { all } else { long };
            (all > STARVED_SHARE || long > GAP_SHARE || too_long).then_some((share, longest))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    let text = format!(
        "a worker wanted to run and was kept from it for {} of the window, {} at the longest; give each of its threads a core \
         of its own (taskset, --pin), with no more --threads than cores",
        units::share(share),
        units::time(longest as f64)
    );
    Some(remark("scheduling_gap", text))
}

fn local_limits(plan: &RunPlan, outcome: &Outcome) -> Vec<Remark> {
    let mut kinds = outcome.ledger.failures.by_kind();
    for (kind, n) in outcome.ledger.connect_failures.by_kind() {
        let most = kinds.entry(kind).or_default();
        *most = n.max(*most);
    }
    let mut reasons = Vec::new();
    if let Some(n) = kinds.get(&FailureKind::LocalPorts) {
        let text = format!(
            "{} connections found no free local port; add --source-ip, use --close reset, or widen net.ipv4.ip_local_port_range",
            units::count(*n)
        );
        reasons.push(remark("local_ports", text));
    }
    if let Some(n) = kinds.get(&FailureKind::LocalDescriptors) {
        let text = format!(
            "{} connections found no free descriptor; lower --connections {} or raise the limit (ulimit -n)",
            units::count(*n),
            plan.load.connections()
        );
        reasons.push(remark("local_descriptors", text));
    }
    reasons
}

fn warnings(plan: &RunPlan, outcome: &Outcome, latencies: &Latencies, placing: Placing) -> Vec<Remark> {
    let mut warnings = Vec::new();
    let mut warn = |code: &str, text: String| warnings.push(remark(code, text));
    let counts = &outcome.ledger.counts;
    if plan.tls.trust == Trust::Insecure {
        warn("insecure", "--insecure: the server's certificate and name were not checked".to_owned());
    }
    if plan.tls.key_log.is_some() {
        warn(
            "key_log",
            "--key-log: the session secrets were written to a file; whoever reads it can decrypt the traffic"
                .to_owned(),
        );
    }
    if let Some(text) = shared_host(placing) {
        warn("shared_host", text.to_owned());
    }
    if counts.succeeded == 0 && counts.attempted > 0 {
        warn(
            "no_success",
            format!("none of the {} attempted {} succeeded", units::count(counts.attempted), plan.load.unit().name()),
        );
    } else if counts.attempted == 0 {
        warn("nothing_measured", format!("no {} fell into the measure window", plan.load.unit().name()));
    }
    if counts.unsent > 0 {
        let text = format!(
            "{} arrivals got no connection within --timeout: the server did not keep up, or --connections {} is too few for the rate",
            units::count(counts.unsent),
            plan.load.connections()
        );
        warn("unsent", text);
    }
    let drifts = |change: &Drift| change.significant && change.relative_change.abs() >= DRIFT_SIZE;
    // A scenario is not meant to be stationary.
    let staged = plan.load.scenario().is_some();
    if let Some(change) = drift(&outcome.slice_rates).filter(|change| !staged && drifts(change)) {
        let direction = if change.relative_change > 0.0 { "rose" } else { "fell" };
        let text = format!(
            "not stationary: the rate of completed {} {direction} by {} over the window; a longer --warmup may help",
            plan.load.unit().name(),
            units::share(change.relative_change.abs())
        );
        warn("non_stationary", text);
    }
    few_requests(plan, &mut warn);
    retried(counts, &mut warn);
    if let Some(text) = behind_schedule(plan, outcome) {
        warn("behind_schedule", text);
    }
    if let Some(text) = late_tail(outcome, latencies) {
        warn("late_tail", text);
    }
    if let Some(gap) = longest_gap(outcome) {
        warn(
            "gap",
            format!(
                "a worker was kept from running for {} once; the tail of the latencies may be its own",
                units::time(gap)
            ),
        );
    }
    warnings
}

/// What to say where the two sides may have taken time from each other.
fn shared_host(placing: Placing) -> Option<&'static str> {
    match placing {
        Placing { apart: true, .. } => None,
        Placing { server_named: true, .. } => Some(
            "generator and server may run on the same cores, as far as the system tells: the figures of either include the other; \
             bind each to cores of its own with taskset",
        ),
        Placing { server_named: false, .. } => Some(
            "generator and server ran on the same machine and may have shared cores: the figures of either include the \
             other; give each its own with taskset, and name the server with --server-pid",
        ),
    }
}

/// Closed loop: with few requests for the connections, the window is mostly its beginning and its end, at which not all are busy.
fn few_requests(plan: &RunPlan, warn: &mut impl FnMut(&str, String)) {
    let connections = plan.load.connections() as u64;
    if let (Pace::Closed, Some(most)) = (plan.load.pace(), plan.load.max_requests)
        && most < FEW_FOR_EACH * connections
    {
        let text = format!(
            "--requests {most} is less than {FEW_FOR_EACH} for each of {connections} connections: not all of them were busy for most of the \
             window, and the rate is lower for it"
        );
        warn("few_requests", text);
    }
}

/// Requests that had to be sent again are served twice by the looks of the server, and once by ours.
fn retried(counts: &Counts, warn: &mut impl FnMut(&str, String)) {
    if counts.retried > 0 && counts.retried as f64 > OFTEN * counts.attempted as f64 {
        let text = format!(
            "{} requests were sent again, since the server closed their connection as they went out: it keeps connections for less time or \
             fewer requests than they are used for here",
            units::count(counts.retried)
        );
        warn("retried", text);
    }
}

/// Open loop: completions well below arrivals mean that a queue grew somewhere.
fn behind_schedule(plan: &RunPlan, outcome: &Outcome) -> Option<String> {
    let Pace::Open { rate, .. } = plan.load.pace() else { return None };
    let counts = &outcome.ledger.counts;
    let completed = match plan.load.unit() {
        Unit::Requests => counts.window_requests,
        Unit::Sessions => return None,
    };
    let window = outcome.window.as_secs_f64();
    let offered = rate.as_per_second() * window;
    let achieved = completed as f64 / offered;
    // A Poisson count may fall short by chance: three standard deviations are not worth a word.
    (window > 0.0 && counts.succeeded == counts.attempted && achieved < 0.99 - 3.0 / offered.sqrt()).then(|| {
        format!("only {} of the offered rate was completed within the window: a queue grew", units::share(achieved))
    })
}

/// Quantiles above p99 of `response` of which more than the tolerated share may be the generator's own lateness: the verdict speaks of p99.
fn late_tail(outcome: &Outcome, latencies: &Latencies) -> Option<String> {
    let lags = outcome.ledger.latencies[Metric::DispatchLag as usize].histogram();
    let response = latencies.response.as_ref()?;
    let late = response.quantiles.iter().filter(|record| record.q > 0.99).filter_map(|record| {
        let lag = lags.value_at_quantile(record.q) as f64;
        (!lags.is_empty() && lag > (LAG_SHARE * record.ns? as f64).max(LAG_FLOOR_NS)).then_some((record.q, lag))
    });
    // The summary's table has no column beyond p99.9 but the maximum.
    let place = |q: f64| if q > 0.999 { "beyond p99.9".to_owned() } else { format!("at {}", units::quantile_name(q)) };
    let names: Vec<_> =
        late.map(|(q, lag)| format!("{} (arrivals up to {} late)", place(q), units::time(lag))).collect();
    (!names.is_empty())
        .then(|| format!("of the response times {}, much may be the generator's own lateness", names.join(" and ")))
}

/// The longest gap, where it exceeds half of the longest latency that was measured and a millisecond.
fn longest_gap(outcome: &Outcome) -> Option<f64> {
    let gap = outcome.workers.iter().filter_map(|worker| worker.gaps.max_ns()).max()? as f64;
    let metrics = [Metric::Response, Metric::Service, Metric::HandshakeFull, Metric::HandshakeResumed];
    let worst = metrics.iter().filter_map(|m| outcome.ledger.latencies[*m as usize].max_ns()).max()? as f64;
    (gap >= 2.0 * LAG_FLOOR_NS && gap >= 0.5 * worst).then_some(gap)
}

#[cfg(test)]
mod tests;
