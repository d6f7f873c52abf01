//! Documents for plans, with figures that can be reckoned with by hand, and plans made of them.

use time::OffsetDateTime;

use super::{Ask, Source, plan};
use crate::model::demand::{Clauses, Demand};
use crate::model::suite::Suite;
use crate::record::capacity::{Capacity, CapacityDocument, SCHEMA, SearchRecord, SloRecord, TrialRecord};
use crate::record::fixture;
use crate::record::plan::PlanDocument;
use crate::record::run::PlanRecord;
use crate::record::suites::{ArmRecord, Estimates, Figure, SuitesDocument};

/// What is asked by `demand`, with 30 % of headroom, one server to spare, and a million sessions.
pub(crate) fn ask(demand: &str) -> Ask {
    let clauses: Clauses = demand.parse().unwrap();
    Ask {
        text: clauses.text().to_owned(),
        demand: Demand::new(&clauses).unwrap(),
        headroom: "30%".parse().unwrap(),
        spare: 1,
        sessions: std::num::NonZeroU64::new(1_000_000),
    }
}

fn trial(number: u32, throughput: f64, in_flight: Option<f64>) -> TrialRecord {
    TrialRecord {
        number,
        purpose: "growth".into(),
        rate_per_s: throughput,
        seed: u64::from(number),
        warmup_s: 1.0,
        duration_s: 5.0,
        valid: true,
        reasons: vec![],
        client_limited: false,
        steady: Some(true),
        verdict: "good".into(),
        objectives: vec![],
        scheduled: (throughput * 5.0) as u64,
        succeeded: (throughput * 5.0) as u64,
        failed: 0,
        unsent: 0,
        errors_share: Some(0.0),
        achieved_per_s: throughput,
        in_flight_mean: in_flight,
        backlog_growth: Some(0.0),
        overloaded: in_flight.is_none(),
        response: None,
        client_busy: 0.5,
        client_cpu_s: 1.0,
        server_cpu_s: None,
    }
}

/// A search for the capacity of `unit`, which ended with the interval from `lower` to 2 % above. Its trials obey the law with λ = 1000,
/// σ = 1/16 and κ = 3/5120, to within a few percent.
pub(crate) fn capacity(unit: &str, resumed: f64, each: Option<u64>, lower: f64) -> CapacityDocument {
    let run = fixture::closed_loop();
    let law = |n: f64| 1000.0 * n / (1.0 + (n - 1.0) / 16.0 + 3.0 * n * (n - 1.0) / 5120.0);
    let levels = [(1.0, 1.01), (2.0, 0.99), (4.0, 1.0), (8.0, 1.02), (16.0, 0.98), (24.0, 1.0), (32.0, 1.01)];
    let trials = levels.iter().zip(1..).map(|((n, off), number)| trial(number, law(*n) * off, Some(*n)));
    let trials: Vec<_> = trials.chain([trial(8, 11_000.0, None)]).collect();
    CapacityDocument {
        label: Default::default(),
        schema: SCHEMA.into(),
        tool: run.tool,
        host: run.host,
        target: run.target,
        plan: PlanRecord {
            unit: unit.into(),
            loop_kind: "open".into(),
            resumption_share: resumed,
            requests_per_connection: each,
            ..run.plan
        },
        search: SearchRecord {
            min_per_s: 100.0,
            start_per_s: 1000.0,
            max_per_s: None,
            precision: 0.02,
            trial_s: 5.0,
            warmup_s: 1.0,
            budget_s: 600.0,
            confirm_s: 60.0,
            tolerated_bad: 0.2,
        },
        started_at: run.started_at,
        elapsed_s: 300.0,
        interrupted: false,
        policy: None,
        slo: vec![SloRecord {
            text: "response p99 < 50ms".into(),
            measure: "response".into(),
            q: Some(0.99),
            limit: 5e7,
        }],
        capacity: Capacity {
            lower: Some(lower),
            upper: Some(lower * 1.02),
            unit: unit.into(),
            limited_by: Some("server".into()),
            confirmed: true,
            precise: true,
            outcome: "found".into(),
            text: "found".into(),
            client_cores_missing: None,
        },
        prediction: None,
        warnings: vec![],
        law: super::super::law::over(&trials, 64),
        trials,
    }
}

/// `document` as a source under `path`.
pub(crate) fn searched(path: &str, document: CapacityDocument) -> (String, Source) {
    (path.to_owned(), Source::Capacity(Box::new(document)))
}

/// `document` as a source under `path`.
pub(crate) fn compared(path: &str, document: SuitesDocument) -> (String, Source) {
    (path.to_owned(), Source::Suites(Box::new(document)))
}

/// Searches for the capacities of full handshakes, resumed ones and requests: 1000, 4000 and 8000 per second.
pub(crate) fn three() -> Vec<(String, Source)> {
    vec![
        searched("full", capacity("sessions", 0.0, Some(0), 1000.0)),
        searched("resumed", capacity("sessions", 1.0, Some(0), 4000.0)),
        searched("requests", capacity("requests", 0.0, None, 8000.0)),
    ]
}

/// A comparison that has of one suite with one certificate: full and resumed handshakes at 1000 and 4000 per second, requests at 8000, and
/// downloads of 1 KiB at 8000 and of 16 KiB at 2000; the lower ends of their intervals.
pub(crate) fn one_suite() -> SuitesDocument {
    let good = fixture::suites();
    let template = good.arms.iter().find(|arm| arm.suite == Suite::EcdheRsaAes128Gcm && !arm.control).unwrap().clone();
    let arm = |workload: &str, bytes: Option<u64>, low: f64| ArmRecord {
        workload: workload.into(),
        direction: bytes.map(|_| crate::model::suites::Direction::Download),
        object_bytes: bytes,
        estimate: Estimates {
            rate_per_s: Some(Figure { value: low * 1.05, low: Some(low), high: Some(low * 1.1) }),
            ..template.estimate.clone()
        },
        ..template.clone()
    };
    SuitesDocument {
        arms: vec![
            arm("full_handshake", None, 1000.0),
            arm("resumed_handshake", None, 4000.0),
            arm("request", None, 8000.0),
            arm("bulk", Some(1 << 10), 8000.0),
            arm("bulk", Some(1 << 14), 2000.0),
        ],
        warnings: vec![],
        ..good
    }
}

/// Plans whose renderings are held byte for byte, each with its folder's name: by searches for capacity; by a comparison of suites with
/// bounds and gaps; by documents that nobody should plan with.
pub(crate) fn all() -> Vec<(&'static str, PlanDocument)> {
    let at = OffsetDateTime::UNIX_EPOCH;
    let mix = ask("2000 new sessions/s, 80% resumed, 12 requests each of 4 KiB");
    let mut limited = capacity("requests", 0.0, None, 8000.0);
    limited.capacity.limited_by = Some("client".into());
    limited.capacity.upper = None;
    limited.capacity.confirmed = false;
    limited.plan.insecure = true;
    limited.trials.truncate(4);
    let untrusted = vec![searched("limited", limited), compared("untrusted", fixture::untrusted_suites())];
    vec![
        ("plan-capacity", plan(&three(), &mix, at).unwrap()),
        ("plan-suites", plan(&[compared("suites", fixture::suites())], &ask("200k req/s"), at).unwrap()),
        ("plan-untrusted", plan(&untrusted, &ask("200k req/s"), at).unwrap()),
    ]
}
