//! The figures of a load run that can be set beside those of another.

use super::{Condition, Measured, figure};
use crate::record::compare::{Compared, Figure, Subject};
use crate::record::run::{Latency, Remark, RunDocument, SeriesRow};
use crate::stats::means;
use crate::units::quantile_name;

/// The quantiles that are compared.
const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// All figures of a run are one family.
const FAMILY: &str = "run";

/// Where none of n failed, up to this many may (the rule of three: 95 %).
const UNSEEN: f64 = 3.0;

pub(super) fn compared((path, document): &(String, RunDocument)) -> Compared {
    let mut unreliable = document.verdict.reasons.clone();
    if !document.verdict.valid && unreliable.is_empty() {
        unreliable.push(Remark { code: "invalid".to_owned(), text: "the run is INVALID".to_owned() });
    }
    if document.interrupted && !unreliable.iter().any(|reason| reason.code == "interrupted") {
        unreliable.push(Remark { code: "interrupted".to_owned(), text: "ended early".to_owned() });
    }
    Compared {
        path: path.clone(),
        started_at: document.started_at.clone(),
        tool: document.tool.clone(),
        host: document.host.clone(),
        url: Some(document.target.url.clone()),
        insecure: Some(document.plan.insecure),
        same_as_reference: false,
        unreliable,
    }
}

pub(super) fn measured(document: &RunDocument) -> Vec<Measured> {
    let mut all = throughput(document);
    let user = what_a_user_feels(document);
    for (name, latency) in document.latency.named() {
        // The generator's own lateness is not a figure of the endpoint.
        let Some(latency) = latency.filter(|_| name != "dispatch_lag") else { continue };
        all.extend(QUANTILES.into_iter().filter_map(|q| quantile(name, latency, q, user)));
    }
    all.extend(costs(document));
    all
}

/// Whether the run's work is handshakes alone.
fn handshakes_only(document: &RunDocument) -> bool {
    document.plan.requests_per_connection == Some(0)
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
