//! From values of the model and the engine to the plain data of a run's document.

use std::time::Duration;

use crate::engine::intervals::Interval;
use crate::engine::ledger::{Counts as Sums, Ledger, Metric, NegotiatedKey};
use crate::engine::outcome::{Outcome, Second};
use crate::model::load::{Close, Pace, RequestsPerConnection};
use crate::model::plan::RunPlan;
use crate::model::scenario::Scenario;
use crate::model::tls::{Trust, Verify};
use crate::record::intervals::{HistogramText, IntervalRecord};
use crate::record::run::{
    ClientCost, Connections, Counts, FailureDetail, Handshakes, Latencies, Latency, Negotiated, PlanRecord,
    QuantileRecord, SeriesRow, Throughput, WarmupCounts, WorkerCost,
};
use crate::record::scenario::{ScenarioRecord, StageRecord, StormRecord};
use crate::stats::encoded::encode;
use crate::stats::summary::Summary;

/// Handshakes may be this share of the requests before their cost blurs the cost of a request.
const NEGLIGIBLE: f64 = 1e-4;

/// All that ended in the window may be this many times what was asked for, before its cost is not that of what was asked for.
const MOSTLY: f64 = 1.1;

pub(super) fn plan(plan: &RunPlan) -> PlanRecord {
    let RunPlan { target, request, tls, load } = plan;
    let (rate_per_s, arrivals, seed) = match load.pace() {
        Pace::Closed => (None, None, None),
        Pace::Open { rate, arrivals, seed } => {
            (Some(rate.as_per_second()), Some(arrivals.name().to_owned()), Some(seed))
        }
    };
    let (trust, ca_file) = trust_of(&tls.trust);
    PlanRecord {
        loop_kind: if rate_per_s.is_some() { "open" } else { "closed" }.to_owned(),
        unit: load.unit().name().to_owned(),
        rate_per_s,
        arrivals,
        seed,
        connections: load.connections() as u64,
        connect_concurrency: load.connect_concurrency as u64,
        threads: load.threads() as u64,
        pin: load.pin,
        duration_s: load.duration.as_secs_f64(),
        warmup_s: load.warmup.as_secs_f64(),
        max_requests: load.max_requests,
        requests_per_connection: match load.requests_per_connection() {
            RequestsPerConnection::Unlimited => None,
            RequestsPerConnection::Exactly(n) => Some(n.get()),
            RequestsPerConnection::HandshakeOnly => Some(0),
        },
        timeout_s: load.timeout.as_secs_f64(),
        connect_timeout_s: load.connect_timeout.as_secs_f64(),
        close: if load.close == Close::Reset { "reset" } else { "fin" }.to_owned(),
        abort_on_errors_above: load.abort_on.map(|rule| rule.errors_above.as_fraction()),
        spin_s: load.spin.as_secs_f64(),
        method: request.method.as_str().to_owned(),
        path: request.path.clone(),
        host_header: request.host.clone(),
        headers: request.headers.iter().map(|header| format!("{}: {}", header.name, header.value)).collect(),
        body_bytes: request.body_bytes,
        expect_status: request.expect_status.to_string(),
        tls_versions: tls.versions().to_vec(),
        suites: tls.suites().to_vec(),
        groups: tls.groups().to_vec(),
        cert_type: tls.cert_type().map_or_else(|| "any".to_owned(), |kind| kind.to_string()),
        resumption_share: tls.resumption.share(),
        trust: trust.to_owned(),
        ca_file,
        verify: if tls.verify == Verify::Once { "once" } else { "every" }.to_owned(),
        insecure: tls.trust == Trust::Insecure,
        client_certificate: tls.identity.as_ref().map(|identity| identity.cert.display().to_string()),
        sni: target.server_name.to_string(),
        alpn: tls.alpn.clone(),
        connect_to: target.connect_to.as_ref().map(ToString::to_string),
        source_ips: target.source_ips.iter().map(ToString::to_string).collect(),
        key_log: tls.key_log.as_ref().map(|path| path.display().to_string()),
        crypto: tls.provider().name().to_owned(),
        scenario: load.scenario().map(scenario),
    }
}

fn scenario(scenario: &Scenario) -> ScenarioRecord {
    let mut start = Duration::ZERO;
    let stages = scenario.stages().iter().map(|stage| {
        let start_s = start.as_secs_f64();
        start += stage.length;
        StageRecord {
            name: stage.name.clone(),
            kind: stage.kind.name().to_owned(),
            from_per_s: stage.from_per_s,
            to_per_s: stage.to_per_s,
            start_s,
            length_s: stage.length.as_secs_f64(),
        }
    });
    let storm = scenario
        .storm()
        .map(|storm| StormRecord { at_s: storm.at.as_secs_f64(), within_s: storm.within.as_secs_f64() });
    ScenarioRecord { name: scenario.name().to_owned(), stages: stages.collect(), storm }
}

/// The word for what is trusted, and the file where that is one.
pub(super) fn trust_of(trust: &Trust) -> (&'static str, Option<String>) {
    match trust {
        Trust::Mozilla => ("mozilla", None),
        Trust::System => ("system", None),
        Trust::Ca(path) => ("ca", Some(path.display().to_string())),
        Trust::Insecure => ("insecure", None),
    }
}

pub(super) fn counts(plan: &RunPlan, ledger: &Ledger) -> Counts {
    let Sums { attempted, unsent, sent, succeeded, retried, warmup_sent, warmup_succeeded, warmup_failed, .. } =
        ledger.counts;
    Counts {
        unit: plan.load.unit().name().to_owned(),
        scheduled: attempted + unsent,
        unsent,
        attempted,
        sent,
        succeeded,
        failed: ledger.failures.total(),
        failures: ledger.failures.by_kind(),
        retried,
        warmup: WarmupCounts { sent: warmup_sent, succeeded: warmup_succeeded, failed: warmup_failed },
    }
}

fn kind_of(key: &NegotiatedKey) -> &'static str {
    match (key.resumed, key.retried_hello) {
        (false, false) => "full",
        (false, true) => "full_with_hrr",
        (true, false) => "resumed",
        (true, true) => "resumed_with_hrr",
    }
}

pub(super) fn connections(ledger: &Ledger) -> Connections {
    let mut handshakes = Handshakes::default();
    for (key, n) in &ledger.negotiated {
        *match (key.resumed, key.retried_hello) {
            (false, false) => &mut handshakes.full,
            (false, true) => &mut handshakes.full_with_hrr,
            (true, false) => &mut handshakes.resumed,
            (true, true) => &mut handshakes.resumed_with_hrr,
        } += n;
    }
    Connections {
        opened: ledger.counts.opened,
        closed: ledger.counts.closed,
        failed: ledger.counts.connect_failed,
        failures: ledger.connect_failures.by_kind(),
        handshakes,
        priming: ledger.counts.priming,
        resumption_refused: ledger.counts.resumption_refused,
    }
}

pub(super) fn negotiated(ledger: &Ledger) -> Vec<Negotiated> {
    let row = |(key, count): (&NegotiatedKey, &u64)| Negotiated {
        version: key.version,
        suite: key.suite,
        group: key.group,
        handshake: kind_of(key).to_owned(),
        count: *count,
        standing: None,
    };
    ledger.negotiated.iter().map(row).collect()
}

pub(super) fn failure_details(ledger: &Ledger) -> Vec<FailureDetail> {
    let of_work = ledger.failures.iter().map(|entry| ("counts", entry));
    let of_connections = ledger.connect_failures.iter().map(|entry| ("connections", entry));
    let row = |(of, (failure, n)): (&str, (&crate::model::failure::Failure, u64))| FailureDetail {
        kind: failure.kind,
        detail: failure.detail().to_owned(),
        n,
        of: of.to_owned(),
    };
    of_work.chain(of_connections).map(row).collect()
}

pub(super) fn latencies(outcome: &Outcome) -> Latencies {
    let one = |metric: Metric| {
        let recorder = &outcome.ledger.latencies[metric as usize];
        let summary = Summary::new(recorder, &outcome.batches[metric as usize])?;
        Some(latency(summary, HistogramText(encode(&recorder.combined()))))
    };
    Latencies {
        connect: one(Metric::Connect),
        handshake_full: one(Metric::HandshakeFull),
        handshake_resumed: one(Metric::HandshakeResumed),
        first_byte: one(Metric::FirstByte),
        service: one(Metric::Service),
        response: one(Metric::Response),
        dispatch_lag: one(Metric::DispatchLag),
    }
}

fn latency(summary: Summary, histogram: HistogramText) -> Latency {
    let Summary { count, censored, over_range, min_ns, mean_ns, max_ns, stddev_ns, quantiles } = summary;
    let record = |estimate: crate::stats::summary::QuantileEstimate| QuantileRecord {
        q: estimate.q,
        ns: estimate.ns,
        low_ns: estimate.low_ns,
        high_ns: estimate.high_ns,
        at_least: estimate.at_least,
    };
    let quantiles = quantiles.into_iter().map(record).collect();
    Latency { count, censored, min_ns, mean_ns, max_ns, stddev_ns, over_range, quantiles, histogram: Some(histogram) }
}

pub(super) fn throughput(outcome: &Outcome) -> Throughput {
    let window_s = outcome.window.as_secs_f64();
    let counts = &outcome.ledger.counts;
    let per_second = |n: u64| if window_s > 0.0 { n as f64 / window_s } else { 0.0 };
    Throughput {
        requests_per_s: per_second(counts.window_requests),
        handshakes_per_s: per_second(counts.window_handshakes),
        bytes_in_per_s: per_second(counts.window_bytes_in),
        bytes_out_per_s: per_second(counts.window_bytes_out),
        window_s,
    }
}

/// CPU time per request and per handshake, each null where the window mixes the two.
pub(super) fn cost_per_operation(outcome: &Outcome, cpu_s: f64) -> (Option<f64>, Option<f64>) {
    let counts = &outcome.ledger.counts;
    let (requests, handshakes) = (counts.ended_requests as f64, counts.ended_handshakes as f64);
    let failures = outcome.ledger.failures.total() as f64;
    // Failed work costs too, and is in neither count.
    let failed = failures > NEGLIGIBLE * (requests + handshakes);
    let alone = |mine: f64, other: f64| {
        let clear = !failed && is_mostly_asked_for(outcome) && other <= NEGLIGIBLE * mine;
        (mine > 0.0 && clear).then(|| cpu_s * 1e9 / mine)
    };
    (alone(requests, handshakes), alone(handshakes, requests))
}

/// Whether most of what ended in the window was asked for in it. What was under way when it opened was paid for in part before: where
/// `--requests` makes the window short, that can be most of it.
fn is_mostly_asked_for(outcome: &Outcome) -> bool {
    let counts = &outcome.ledger.counts;
    let mostly = |ended: u64, asked_for: u64| ended as f64 <= asked_for as f64 * MOSTLY;
    mostly(counts.ended_requests, counts.window_requests) && mostly(counts.ended_handshakes, counts.window_handshakes)
}

pub(super) fn client_cost(plan: &RunPlan, outcome: &Outcome) -> ClientCost {
    let cpu_s = outcome.workers.iter().map(|worker| worker.cpu.as_secs_f64()).sum();
    // Spinning costs what there is, whatever is done.
    let spins = !plan.load.spin.is_zero();
    let (cpu_ns_per_request, cpu_ns_per_handshake) =
        if spins { (None, None) } else { cost_per_operation(outcome, cpu_s) };
    let bytes = outcome.ledger.counts.window_bytes_in + outcome.ledger.counts.window_bytes_out;
    let workers = outcome.workers.iter().map(|worker| WorkerCost {
        busy: worker.busy,
        cpu_s: worker.cpu.as_secs_f64(),
        dispatch_lag_max_ns: worker.dispatch_lag_max_ns,
        scheduling_gap_max_ns: worker.gaps.max_ns().unwrap_or(0),
    });
    ClientCost {
        cpu_s,
        cpu_ns_per_request,
        cpu_ns_per_handshake,
        cpu_s_per_gb: (bytes > 0 && !spins && is_mostly_asked_for(outcome)).then(|| cpu_s * 1e9 / bytes as f64),
        peak_rss_bytes: crate::host::cputime::peak_rss_bytes(),
        workers: workers.collect(),
    }
}

pub(super) fn series(plan: &RunPlan, outcome: &Outcome) -> Vec<SeriesRow> {
    let mut start = Duration::ZERO;
    let row = |second: &Second| SeriesRow {
        stage: plan.load.scenario().map(|scenario| {
            let middle = start + second.end.saturating_sub(start) / 2;
            start = second.end;
            scenario.stage_at(middle).name.clone()
        }),
        t_s: second.end.as_secs_f64(),
        requests: second.requests,
        failures: second.failures,
        handshakes: second.handshakes,
        open_connections: second.open_connections,
        service_p50_ns: second.service.map(|(p50, _)| p50),
        service_p99_ns: second.service.map(|(_, p99)| p99),
        response_p50_ns: second.response.map(|(p50, _)| p50),
        response_p99_ns: second.response.map(|(_, p99)| p99),
        dispatch_lag_max_ns: second.dispatch_lag_max_ns,
    };
    outcome.seconds.iter().map(row).collect()
}

pub(super) fn intervals(outcome: &Outcome) -> Vec<IntervalRecord> {
    let record = |interval: &Interval| {
        let texts = Metric::ALL.iter().zip(&interval.histograms);
        let named =
            |(metric, text): (&Metric, &Option<String>)| Some((metric.name().to_owned(), HistogramText(text.clone()?)));
        IntervalRecord {
            start_s: interval.start.as_secs_f64(),
            length_s: interval.length.as_secs_f64(),
            histograms: texts.filter_map(named).collect(),
        }
    };
    outcome.intervals.iter().map(record).collect()
}
