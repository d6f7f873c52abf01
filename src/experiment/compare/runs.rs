//! The figures of a load run that can be set beside those of another.

use super::{ALLOWANCE, ALLOWANCE_NS, Condition, Measured, figure};
use crate::record::compare::{Compared, Figure, Subject};
use crate::record::run::{Latency, RunDocument, SeriesRow};
use crate::stats::means;
use crate::units::quantile_name;

/// The quantiles that are compared.
const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// What the outcome follows from is a family, and the rest another: that there are many of the rest makes nothing of the former uncertain.
const FAMILY: &str = "run";
const LESSER: &str = "run, not leading";

/// Where none of n failed, up to this many may (the rule of three: 95 %).
const UNSEEN: f64 = 3.0;

pub(super) fn compared((path, document): &(String, RunDocument)) -> Compared {
    let verdict = &document.verdict;
    let compared = Compared {
        unreliable: verdict.reasons.clone(),
        limited_by: verdict.limited_by.clone(),
        warnings: verdict.warnings.clone(),
        ..Compared::new(path, &document.started_at, &document.tool, &document.host)
            .of_endpoint(&document.target.url, document.plan.insecure)
    };
    if document.interrupted && !verdict.reasons.iter().any(|reason| reason.code == "interrupted") {
        return compared.doubted("interrupted", "ended early");
    }
    if !verdict.valid && verdict.reasons.is_empty() {
        compared.doubted("invalid", "the run is INVALID")
    } else {
        compared
    }
}

pub(super) fn measured(document: &RunDocument) -> Vec<Measured> {
    let mut all = throughput(document);
    let user = what_a_user_feels(document);
    for (name, latency) in document.latency.named() {
        // The generator's own lateness is not a figure of the endpoint.
        let Some(latency) = latency.filter(|_| name != "dispatch_lag") else { continue };
        let opening = name == "connect" || name.starts_with("handshake");
        let condition = if opening && in_one_burst(document) { Condition::Burst } else { Condition::None };
        let quantiles = QUANTILES.into_iter().filter_map(|q| quantile(name, latency, q, user));
        all.extend(quantiles.map(|measured| Measured { condition: condition.clone(), ..measured }));
    }
    all.extend(costs(document));
    for measured in &mut all {
        measured.allowance = allowance(document, measured);
        if !measured.leading {
            measured.family = LESSER;
        }
    }
    all
}

/// What a figure of one run may differ by from that of another, beside the tolerance.
fn allowance(document: &RunDocument, measured: &Measured) -> f64 {
    // Neither the kernel nor another program makes requests fail.
    if measured.measure == "success_share" {
        return 0.0;
    }
    let value = measured.figure.value;
    // In a closed loop every connection waits for its answers one after the other; in an open one the schedule has the rate.
    let time = match measured.measure.as_str() {
        name if name.ends_with("_ns") => value,
        "requests_per_s" | "handshakes_per_s" if document.plan.loop_kind == "closed" => {
            document.plan.connections as f64 * 1e9 / value
        }
        _ => f64::INFINITY,
    };
    ALLOWANCE + if time > 0.0 { ALLOWANCE_NS / time } else { 0.0 }
}

/// Whether the run's work is handshakes alone.
fn handshakes_only(document: &RunDocument) -> bool {
    document.plan.requests_per_connection == Some(0)
}

/// Whether (nearly) all connections were opened at once, before the load: how long that took says how they crowded each other, and
/// a burst is one event, however many connections it has.
fn in_one_burst(document: &RunDocument) -> bool {
    let kept = document.counts.unit == "requests" && !handshakes_only(document);
    kept && document.connections.opened <= 2 * document.plan.connections
}

/// The latency whose median leads.
fn what_a_user_feels(document: &RunDocument) -> &'static str {
    match (document.plan.loop_kind.as_str(), handshakes_only(document)) {
        ("open", _) => "response",
        (_, false) => "service",
        (_, true) if document.plan.resumption_share >= 1.0 => "handshake_resumed",
        (_, true) => "handshake_full",
    }
}

fn quantile(name: &str, latency: &Latency, q: f64, user: &str) -> Option<Measured> {
    let record = latency.quantile(q)?;
    let ns = |ns: Option<u64>| ns.map(|ns| ns as f64);
    let found =
        Figure { value: ns(record.ns)?, low: ns(record.low_ns), high: ns(record.high_ns), at_least: record.at_least };
    let measure = format!("{name}_{}_ns", quantile_name(q).replace('.', "_"));
    Some(Measured { leading: name == user && q == 0.5, ..Measured::new(&Subject::default(), measure, found, FAMILY) })
}

fn throughput(document: &RunDocument) -> Vec<Measured> {
    let rates = &document.throughput;
    let handshakes = handshakes_only(document);
    // Where connections are kept, a handshake now and then is no rate.
    let opens = document.plan.requests_per_connection.is_some();
    let requests: fn(&SeriesRow) -> u64 = |second| second.requests;
    let completed: fn(&SeriesRow) -> u64 = |second| second.handshakes;
    let limited = document.verdict.limited_by.is_some();
    let rate = |measure: &str, value: f64, interval: Option<(f64, f64)>, leading: bool| Measured {
        higher_is_better: true,
        leading,
        condition: Condition::None,
        ..Measured::new(&Subject::default(), measure, Figure { at_least: limited, ..figure(value, interval) }, FAMILY)
    };
    let mut all = Vec::new();
    if !handshakes {
        let interval = rate_interval(document, rates.requests_per_s, requests);
        all.push(rate("requests_per_s", rates.requests_per_s, interval, true));
    }
    if opens {
        let interval = rate_interval(document, rates.handshakes_per_s, completed);
        all.push(rate("handshakes_per_s", rates.handshakes_per_s, interval, handshakes));
    }
    for (measure, value) in [("bytes_in_per_s", rates.bytes_in_per_s), ("bytes_out_per_s", rates.bytes_out_per_s)] {
        if value > 0.0 {
            all.push(rate(measure, value, None, false));
        }
    }
    all.extend(success(document, if handshakes { completed } else { requests }));
    all
}

/// The series' seconds that are whole: the last may be cut short, and its count is no rate.
fn whole_seconds(document: &RunDocument) -> Vec<&SeriesRow> {
    let whole = |(place, second): &(usize, &SeriesRow)| (second.t_s - (*place + 1) as f64).abs() < 1e-3;
    document.series.iter().enumerate().filter(whole).map(|(_, second)| second).collect()
}

/// The interval of a rate, from how it varied from second to second. None for a run that drifted, or was made in stages: it has no one rate.
fn rate_interval(document: &RunDocument, rate: f64, of: fn(&SeriesRow) -> u64) -> Option<(f64, f64)> {
    let drifted = document.verdict.warnings.iter().any(|warning| warning.code == "non_stationary");
    if drifted || document.plan.scenario.is_some() {
        return None;
    }
    let seconds: Vec<f64> = whole_seconds(document).into_iter().map(|second| of(second) as f64).collect();
    let total: f64 = seconds.iter().sum();
    let half = means::half_width(&seconds)?;
    // One more or less at the window's edges is always possible.
    let share = (half * seconds.len() as f64 / total).max(1.0 / total);
    (share < 1.0).then_some((rate * (1.0 - share), rate * (1.0 + share)))
}

/// What succeeded of all that was scheduled.
fn success(document: &RunDocument, of: fn(&SeriesRow) -> u64) -> Option<Measured> {
    let counts = &document.counts;
    if counts.scheduled == 0 {
        return None;
    }
    let share = counts.succeeded as f64 / counts.scheduled as f64;
    // What was never sent is in no second; and where a session has requests, the seconds count them, and not sessions.
    let alike = counts.unsent == 0 && (counts.unit == "requests" || document.plan.requests_per_connection == Some(0));
    let of_second = |second: &&SeriesRow| {
        let all = of(second) + second.failures;
        (all > 0).then(|| of(second) as f64 / all as f64)
    };
    let seconds: Vec<f64> = whole_seconds(document).iter().filter_map(of_second).collect();
    let interval = means::half_width(&seconds).filter(|_| alike).map(|half| {
        let half = half.max(UNSEEN / counts.scheduled as f64);
        ((share - half).max(0.0), (share + half).min(1.0))
    });
    Some(Measured {
        higher_is_better: true,
        leading: true,
        ..Measured::new(&Subject::default(), "success_share", figure(share, interval), FAMILY)
    })
}

/// CPU time of both sides. Each is one figure of the whole run, without an interval.
fn costs(document: &RunDocument) -> Vec<Measured> {
    let (client, server) = (&document.client, document.server.as_ref());
    let costs = [
        ("client_cpu_ns_per_request", client.cpu_ns_per_request),
        ("client_cpu_ns_per_handshake", client.cpu_ns_per_handshake),
        ("client_cpu_s_per_gb", client.cpu_s_per_gb),
        ("server_cpu_ns_per_request", server.and_then(|server| server.cpu_ns_per_request)),
        ("server_cpu_ns_per_handshake", server.and_then(|server| server.cpu_ns_per_handshake)),
    ];
    let one = |(measure, value): (&str, Option<f64>)| {
        value.map(|value| Measured::new(&Subject::default(), measure, figure(value, None), FAMILY))
    };
    costs.into_iter().filter_map(one).collect()
}
