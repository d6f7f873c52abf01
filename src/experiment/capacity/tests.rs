//! What searches end with, in figures and words, and what trials count.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::conclude::{Ended, capacity, warnings};
use super::trial::Window;
use crate::engine::ledger::{Metric, Slice};
use crate::experiment::plan::{fixture, predict};
use crate::model::capacity::{CapacityChoice, CapacityPlan};
use crate::model::load::{Arrivals, LoadChoice, LoadPlan, RequestsPerConnection, Unit};
use crate::model::request::{ExpectStatus, Method, RequestPlan};
use crate::model::target::Target;
use crate::model::tls::{TlsChoice, TlsPlan};
use crate::pacing::Schedule;
use crate::record::capacity::{ObjectiveRecord, TrialRecord};
use crate::record::run::Remark;
use crate::stats::recorder::CoarseRecorder;
use crate::stats::search::{Bounds, End};

fn plan(max: Option<&str>, slo: &[&str]) -> CapacityPlan {
    let request = RequestPlan {
        method: Method::get(),
        path: "/".to_owned(),
        host: "localhost".to_owned(),
        headers: Vec::new(),
        body_bytes: None,
        expect_status: ExpectStatus::default(),
        body: Vec::new().into(),
    };
    let choice = CapacityChoice {
        slo: slo.iter().map(|text| text.parse().unwrap()).collect(),
        max: max.map(|max| max.parse().unwrap()),
        load: LoadChoice { threads: NonZeroUsize::new(2), ..LoadChoice::default() },
        ..CapacityChoice::default()
    };
    let target = Target::new("https://localhost/".parse().unwrap());
    let tls = TlsPlan::new(TlsChoice::default()).unwrap();
    CapacityPlan::new(target, request, tls, choice, NonZeroUsize::new(2).unwrap(), 7).unwrap()
}

fn usual() -> CapacityPlan {
    plan(None, &["response p99 < 50ms"])
}

/// A trial of `rate`, of which each arrival costs the client a tenth of a millisecond.
fn trial(rate: f64, verdict: &str) -> TrialRecord {
    let of = fixture::capacity("requests", 0.0, None, 1.0).trials[0].clone();
    let objective = ObjectiveRecord { verdict: "missed".into(), observed: None, low: None, high: None };
    TrialRecord {
        rate_per_s: rate,
        achieved_per_s: rate,
        duration_s: 10.0,
        client_cpu_s: rate * 10.0 * 1e-4,
        verdict: verdict.into(),
        objectives: vec![objective],
        ..of
    }
}

fn bounds(lower: Option<f64>, upper: Option<f64>, client: Option<f64>) -> Bounds {
    let firm = true;
    Bounds { lower, upper, client, lower_is_firm: firm, upper_is_firm: firm, confirmed: lower.is_some() }
}

const PRECISE: Ended = Ended::Of(End::Precise);

#[test]
fn the_servers_limit_is_an_interval() {
    let found = capacity(&usual(), &bounds(Some(990.0), Some(1000.0), None), &PRECISE, (&[], &[]));
    assert_eq!((found.lower, found.upper, found.limited_by.as_deref()), (Some(990.0), Some(1000.0), Some("server")));
    assert!(found.precise && found.confirmed && found.outcome == "found");
    assert_eq!(found.text, "the server's limit lies between 990 and 1 000 requests/s; 990 requests/s held for 1m");
    // Wider than what was asked for, or seen once only: it says so, and why.
    let wide = capacity(&usual(), &bounds(Some(500.0), Some(1000.0), None), &Ended::Of(End::OutOfTime), (&[], &[]));
    assert!(!wide.precise && wide.text.contains("not be narrowed to 2% in --budget"), "{}", wide.text);
    let once = Bounds { upper_is_firm: false, ..bounds(Some(990.0), Some(1000.0), None) };
    assert!(!capacity(&usual(), &once, &Ended::Of(End::OutOfTime), (&[], &[])).precise);
    let unconfirmed = Bounds { confirmed: false, ..bounds(Some(990.0), Some(1000.0), None) };
    let text = capacity(&usual(), &unconfirmed, &Ended::Interrupted, (&[], &[])).text;
    assert!(text.contains("there was no time to see 990 requests/s hold for 1m"), "{text}");
}

#[test]
fn the_clients_limit_is_a_lower_bound_with_the_cores_that_lack() {
    // 30 000/s at 0.1 ms each are 3 cores, at most 90 % busy: 3.33, so 4, of which there are 2.
    let trials = [trial(10_000.0, "good"), trial(20_000.0, "good"), trial(30_000.0, "client")];
    let found = capacity(&usual(), &bounds(Some(20_000.0), None, Some(30_000.0)), &PRECISE, (&trials, &[]));
    assert_eq!((found.limited_by.as_deref(), found.upper, found.client_cores_missing), (Some("client"), None, Some(2)));
    assert!(
        found.text.starts_with(
            "≥ 20 000 requests/s, the generator was the limit: 2 more client cores needed for 30 000 requests/s"
        ),
        "{}",
        found.text
    );
    // No core helps where ports have run out.
    let reasons = vec![Remark { code: "local_ports".into(), text: "none free".into() }];
    let invalid = TrialRecord { valid: false, reasons, ..trial(30_000.0, "invalid") };
    let trials = [trial(20_000.0, "good"), invalid];
    let found = capacity(&usual(), &bounds(Some(20_000.0), None, Some(30_000.0)), &PRECISE, (&trials, &[]));
    assert_eq!(found.client_cores_missing, None);
    assert!(found.text.contains("at 30 000 requests/s (local_ports)"), "{}", found.text);
    // The endpoint's limit lies below: the client's is nobody's concern.
    let found = capacity(&usual(), &bounds(Some(9000.0), Some(9100.0), None), &PRECISE, (&trials, &[]));
    assert_eq!((found.limited_by.as_deref(), found.client_cores_missing), (Some("server"), None));
}

#[test]
fn the_range_is_a_lower_bound_and_no_load_at_all_is_no_number() {
    let ranged = plan(Some("5000/s"), &["response p99 < 50ms"]);
    let found = capacity(&ranged, &bounds(Some(5000.0), None, None), &PRECISE, (&[], &[]));
    assert_eq!((found.limited_by.as_deref(), found.upper, found.precise), (Some("search_range"), None, true));
    assert!(found.text.starts_with("≥ 5 000 requests/s, the highest tried"), "{}", found.text);
    let open = capacity(&ranged, &bounds(Some(4000.0), None, None), &Ended::Of(End::OutOfTime), (&[], &[]));
    assert_eq!((open.limited_by, open.precise), (None, false));
    let trials = [trial(10.0, "bad")];
    let missed = capacity(&usual(), &bounds(None, Some(10.0), None), &Ended::Of(End::NothingCarried), (&trials, &[]));
    assert_eq!((missed.lower, missed.upper, missed.outcome.as_str()), (None, None, "missed"));
    assert!(
        missed.text.contains("lowest load, 10 requests/s, meets the objectives (response p99 < 50ms missed)"),
        "{}",
        missed.text
    );
    for (ended, words) in [
        (Ended::Of(End::OutOfTime), "held enough to show"),
        (Ended::Interrupted, "the user ended it"),
        (Ended::Gone(String::new()), "the endpoint was gone"),
    ] {
        let unknown = capacity(&usual(), &bounds(None, Some(80.0), None), &ended, (&trials, &[]));
        assert_eq!((unknown.outcome.as_str(), unknown.upper), ("inconclusive", Some(80.0)));
        assert_eq!((unknown.lower, unknown.limited_by), (None, None));
        assert!(unknown.text.contains(words) && unknown.text.contains("80 requests/s is too much"), "{}", unknown.text);
    }
}

#[test]
fn a_reader_is_warned_of_what_the_figures_do_not_say() {
    let codes = |plan: &CapacityPlan, ended: &Ended, trials: &[TrialRecord]| -> Vec<String> {
        let warnings = warnings(plan, ended, (trials, &[]));
        warnings.into_iter().map(|warning| warning.code).collect()
    };
    assert_eq!(codes(&usual(), &PRECISE, &[trial(1.0, "good")]), [""; 0]);
    assert_eq!(codes(&usual(), &Ended::Gone("refused".into()), &[]), ["endpoint_gone"]);
    assert_eq!(codes(&usual(), &PRECISE, &[trial(1.0, "invalid")]), ["invalid_trials"]);
    let falling = TrialRecord { steady: Some(false), ..trial(1.0, "bad") };
    assert_eq!(codes(&usual(), &PRECISE, &[falling]), ["unsteady"]);
    // 5 % may fail at once and p99 be met all the same.
    assert_eq!(codes(&plan(None, &["response p99 < 50ms", "errors < 5%"]), &PRECISE, &[]), ["only_answers"]);
}

#[test]
fn connections_that_are_the_limit_are_told_from_a_server_that_is() {
    let run = |rate: f64, service_ns: f64| {
        let mut run = crate::record::fixture::open_loop();
        run.plan.rate_per_s = Some(rate);
        run.throughput.requests_per_s = rate;
        if let Some(service) = &mut run.latency.service {
            service.mean_ns = Some(service_ns);
        }
        run
    };
    let told = |runs: &[crate::record::run::RunDocument]| {
        let found = capacity(&usual(), &bounds(Some(500.0), Some(640.0), None), &PRECISE, (&[], runs));
        let by_them = found.limited_by.as_deref() == Some("connections");
        assert!(by_them || found.limited_by.as_deref() == Some("server"), "{:?}", found.limited_by);
        assert_eq!(
            found.text.starts_with("≥ 500 requests/s, the connections were the limit: at 640 requests/s all 64"),
            by_them,
            "{}",
            found.text
        );
        by_them
    };
    // 64 connections at 100 ms each carry 640/s, however idle the server is.
    assert!(told(&[run(10.0, 1e8), run(640.0, 1.01e8)]));
    // As many in use because each takes ten times as long.
    assert!(!told(&[run(10.0, 1e7), run(640.0, 1e8)]));
    assert!(!told(&[run(10.0, 1e7), run(640.0, 1e7)]));
}

#[test]
fn a_warm_up_that_was_too_short_is_seen_in_the_window() {
    let steady = |median: &dyn Fn(u64) -> u64| {
        let length = Duration::from_millis(50);
        let mut window = Window::new(Duration::from_secs(2));
        for index in 0..40 {
            let mut slice = Slice::new(index);
            let mut responses = CoarseRecorder::new();
            // A little noise: what does not vary at all says nothing about chance.
            (0..20).for_each(|i| responses.record(median(index) + (index * 7919 + i) % 100 * median(index) / 2000));
            slice.latencies[Metric::Response as usize] = Some(Box::new(responses));
            window.take(&slice, length * (index as u32 + 1), length);
        }
        window.is_steady()
    };
    assert_eq!(steady(&|_| 1_000_000), Some(true));
    assert_eq!(steady(&|index| if index < 10 { 3_000_000 } else { 1_000_000 }), Some(false), "a cold start");
    assert_eq!(steady(&|index| 1_000_000 + index * 50_000), Some(true), "a rise is no matter of the warm-up");
    assert_eq!(Window::new(Duration::from_secs(2)).is_steady(), None);
}

#[test]
fn a_slice_at_the_windows_end_that_is_not_whole_is_no_part_of_the_flow() {
    let run = usual().trial("1000/s".parse().unwrap(), 3, Duration::ZERO, Duration::from_millis(1090));
    let mut window = Window::new(run.load.duration);
    let length = Duration::from_millis(20);
    for index in 0..55 {
        let slice = Slice { finished: 20, failures: 1, ..Slice::new(index) };
        window.take(&slice, length * (index as u32 + 1), length);
    }
    let flow = window.flow(&run);
    assert_eq!((flow.len(), window.succeeded()), (54, 55 * 19));
    let arrived: f64 = flow.iter().map(|slice| slice.arrived).sum();
    assert!((900.0..1260.0).contains(&arrived), "{arrived}");
    assert!(flow.iter().all(|slice| slice.ended == 20.0 && slice.failed == 1.0));
}

#[test]
fn the_arrivals_of_a_window_are_those_of_its_schedule() {
    let plan = usual();
    let [half, second] = [Duration::from_millis(500), Duration::from_secs(1)];
    let run = plan.trial("2000/s".parse().unwrap(), 3, half, second);
    let whole: f64 = super::trial::arrivals(&run, Duration::from_millis(20), 50).iter().sum();
    let mut schedule = Schedule::new(Arrivals::Poisson, "2000/s".parse().unwrap(), 3, 0, 1);
    let mut expected = 0.0;
    while schedule.peek().at_ns < 1_500_000_000 {
        expected += f64::from(u8::from(schedule.pop().at_ns >= 500_000_000));
    }
    assert_eq!(whole, expected);
}

#[test]
fn a_mix_is_predicted_from_its_parts() {
    let of = |unit: Unit, each: RequestsPerConnection| {
        let mut plan = usual().first().clone();
        plan.tls.resumption = "0.8".parse().unwrap();
        let choice = LoadChoice {
            rate: Some("1/s".parse().unwrap()),
            unit: Some(unit),
            requests_per_connection: Some(each),
            ..LoadChoice::default()
        };
        plan.load = LoadPlan::new(choice, NonZeroUsize::MIN, 7).unwrap();
        predict(&fixture::three(), &plan)
    };
    let twelve = RequestsPerConnection::Exactly(std::num::NonZeroU64::new(12).unwrap());
    // Full handshakes, resumed ones and requests at 1000, 4000 and 8000/s: 0.2 ÷ 1000 + 0.8 ÷ 4000 + 12 ÷ 8000 = 0.0019 s of a server.
    let close = |found: f64, known: f64| assert!((found / known - 1.0).abs() < 1e-9, "{found} against {known}");
    let sessions = of(Unit::Sessions, twelve).unwrap();
    close(sessions.lower, 1.0 / 0.0019);
    close(sessions.upper.unwrap(), 1.02 / 0.0019);
    close(of(Unit::Requests, twelve).unwrap().lower, 12.0 / 0.0019);
    close(of(Unit::Sessions, RequestsPerConnection::HandshakeOnly).unwrap().lower, 1.0 / 0.0004);
    let refused = of(Unit::Requests, RequestsPerConnection::Unlimited).unwrap_err().to_string();
    assert!(refused.contains("--requests-per-connection"), "{refused}");
    let found = capacity(&usual(), &bounds(Some(450.0), Some(500.0), None), &PRECISE, (&[], &[]));
    let beside = sessions.beside(&found);
    assert_eq!(beside.verdict, "too_high");
    close(beside.ratio_low.unwrap(), 1.0 / 0.0019 / 500.0);
    close(beside.ratio_high.unwrap(), 1.02 / 0.0019 / 450.0);
    assert!(
        beside.text.contains("526.3 to 536.8 sessions/s by the utilisation law from full, resumed, requests"),
        "{}",
        beside.text
    );
    assert!(beside.text.contains("that is 5.26 % to 19.3 % too high"), "{}", beside.text);
}
