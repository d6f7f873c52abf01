//! The verdict's rules one by one: each just inside its limit and just beyond it.

use std::num::NonZeroUsize;

use super::super::describe;
use super::*;
use crate::model::load::{LoadChoice, LoadPlan};
use crate::model::request::RequestPlan;
use crate::model::target::{HttpsUrl, Target};
use crate::model::tls::{TlsChoice, TlsPlan};

const MS: u64 = 1_000_000;

const APART: Placing = Placing { apart: true, server_named: true };

fn plan(rate: Option<&str>) -> RunPlan {
    let url: HttpsUrl = "https://localhost/".parse().unwrap();
    let request = RequestPlan::get(&url);
    let choice = LoadChoice { rate: rate.map(|rate| rate.parse().unwrap()), ..LoadChoice::default() };
    let load = LoadPlan::new(choice, NonZeroUsize::MIN, 7).unwrap();
    RunPlan { target: Target::new(url), request, tls: TlsPlan::new(TlsChoice::default()).unwrap(), load }
}

/// An outcome in which 10 000 requests took `service_ns`, in a closed loop.
fn closed(service_ns: u64) -> Outcome {
    let mut outcome = Outcome::quiet(2);
    for _ in 0..10_000 {
        outcome.ledger.record(Metric::Service, service_ns);
    }
    let counts = &mut outcome.ledger.counts;
    (counts.attempted, counts.succeeded, counts.window_requests) = (10_000, 10_000, 10_000);
    outcome
}

/// The same in an open loop, in which the last `late` of the arrivals were dispatched `lag_ns` late.
fn open(response_ns: u64, late: usize, lag_ns: u64) -> Outcome {
    let mut outcome = closed(response_ns);
    for i in 0..10_000 {
        outcome.ledger.record(Metric::Response, response_ns);
        outcome.ledger.record(Metric::DispatchLag, if i < late { lag_ns } else { 1000 });
    }
    outcome
}

fn verdict(plan: &RunPlan, outcome: &Outcome) -> Verdict {
    judge(plan, outcome, &describe::latencies(outcome), APART)
}

fn codes(remarks: &[Remark]) -> Vec<&str> {
    remarks.iter().map(|remark| remark.code.as_str()).collect()
}

/// The reasons against `outcome`, with which its validity must agree.
fn reasons(plan: &RunPlan, outcome: &Outcome) -> Vec<String> {
    let verdict = verdict(plan, outcome);
    assert_eq!(verdict.valid, verdict.reasons.is_empty());
    codes(&verdict.reasons).into_iter().map(str::to_owned).collect()
}

fn warnings(plan: &RunPlan, outcome: &Outcome) -> Vec<String> {
    codes(&verdict(plan, outcome).warnings).into_iter().map(str::to_owned).collect()
}

#[test]
fn a_quiet_run_is_valid_and_has_nothing_to_say() {
    let found = verdict(&plan(None), &closed(5 * MS));
    assert!(found.valid && found.reasons.is_empty() && found.warnings.is_empty(), "{found:?}");
    assert_eq!(found.limited_by, None);
    assert_eq!(reasons(&plan(Some("1000/s")), &open(5 * MS, 0, 0)), [""; 0]);
}

#[test]
fn lateness_of_one_in_a_hundred_voids_the_run_beyond_a_millisecond() {
    let plan = plan(Some("1000/s"));
    for (late, lag_ns, expected) in [(150, 2 * MS, true), (50, 2 * MS, false), (150, 9 * MS / 10, false)] {
        let found = reasons(&plan, &open(5 * MS, late, lag_ns));
        assert_eq!(found == ["dispatch_lag"], expected, "{late} late by {lag_ns} ns: {found:?}");
    }
}

#[test]
fn lateness_is_tolerated_up_to_a_tenth_of_what_is_measured() {
    let plan = plan(Some("1000/s"));
    assert_eq!(reasons(&plan, &open(100 * MS, 200, 9 * MS)), [""; 0]);
    assert_eq!(reasons(&plan, &open(100 * MS, 200, 11 * MS)), ["dispatch_lag"]);
}

fn with_gaps(mut outcome: Outcome, worker: usize, count: usize, ns: u64) -> Outcome {
    (0..count).for_each(|_| outcome.workers[worker].gaps.record(ns));
    outcome
}

#[test]
fn long_gaps_void_the_run_from_a_hundredth_of_the_window_on() {
    let plan = plan(None);
    // A hundredth of ten seconds is 100 ms: 33 gaps of 3 ms are less, 35 are more.
    assert_eq!(reasons(&plan, &with_gaps(closed(MS / 5), 1, 33, 3 * MS)), [""; 0]);
    assert_eq!(reasons(&plan, &with_gaps(closed(MS / 5), 1, 35, 3 * MS)), ["scheduling_gap"]);
    // Where a request takes 100 ms, a gap of 3 ms is within the tolerance.
    assert_eq!(reasons(&plan, &with_gaps(closed(100 * MS), 1, 35, 3 * MS)), [""; 0]);
    assert_eq!(reasons(&plan, &with_gaps(closed(100 * MS), 1, 1, 500 * MS)), ["scheduling_gap"]);
}

#[test]
fn one_long_gap_voids_a_run_of_any_length() {
    let plan = plan(None);
    let hour = |gap_ns| {
        let mut outcome = with_gaps(closed(MS), 0, 1, gap_ns);
        outcome.workers.iter_mut().for_each(|worker| worker.watched = Duration::from_secs(3600));
        reasons(&plan, &outcome)
    };
    assert_eq!(hour(500 * MS), ["scheduling_gap"]);
    assert_eq!(hour(90 * MS), [""; 0]);
    // Requests of ten seconds are not spoiled by half a second.
    assert_eq!(reasons(&plan, &with_gaps(closed(10_000 * MS), 0, 1, 500 * MS)), [""; 0]);
}

#[test]
fn a_tail_that_may_be_the_generators_own_is_told() {
    let plan = plan(Some("1000/s"));
    let outcome = open(5 * MS, 50, 8 * MS);
    assert_eq!(reasons(&plan, &outcome), [""; 0]);
    let told = verdict(&plan, &outcome).warnings;
    assert_eq!(codes(&told), ["late_tail"]);
    assert!(told[0].text.contains("at p99.9 (") && !told[0].text.contains("p99 ("), "{}", told[0].text);
}

#[test]
fn a_tail_beyond_the_tables_last_quantile_is_told_without_a_name_that_the_table_lacks() {
    let mut outcome = open(5 * MS, 0, 0);
    for i in 0..190_000 {
        outcome.ledger.record(Metric::Response, 5 * MS);
        outcome.ledger.record(Metric::DispatchLag, if i < 60 { 8 * MS } else { 1000 });
    }
    let told = verdict(&plan(Some("1000/s")), &outcome).warnings;
    let tail = told.iter().find(|warning| warning.code == "late_tail").unwrap();
    assert!(tail.text.contains("times beyond p99.9 (arrivals") && !tail.text.contains("p99.99"), "{}", tail.text);
}

#[test]
fn advice_does_not_contradict_itself() {
    let plan = plan(Some("1000/s"));
    let late = open(5 * MS, 150, 2 * MS);
    assert!(verdict(&plan, &late).reasons[0].text.contains("add --threads"));
    let starved = verdict(&plan, &with_gaps(open(5 * MS, 150, 2 * MS), 0, 100, 50 * MS));
    assert_eq!(codes(&starved.reasons), ["dispatch_lag", "scheduling_gap"]);
    assert!(!starved.reasons.iter().any(|reason| reason.text.contains("add --threads")), "{:?}", starved.reasons);
}

#[test]
fn starvation_voids_the_run_although_it_inflates_what_it_is_held_against() {
    let plan = plan(None);
    // A tenth of the window in gaps of 3 ms, which have made the requests take 100 ms.
    assert_eq!(reasons(&plan, &with_gaps(closed(100 * MS), 0, 340, 3 * MS)), ["scheduling_gap"]);
    assert_eq!(reasons(&plan, &with_gaps(closed(100 * MS), 0, 330, 3 * MS)), [""; 0]);
}

#[test]
fn a_worker_with_nothing_to_do_delays_nothing() {
    let mut outcome = with_gaps(closed(MS), 1, 100, 50 * MS);
    outcome.workers[1].window = Duration::ZERO;
    assert_eq!(reasons(&plan(None), &outcome), [""; 0]);
}

#[test]
fn a_worker_that_hardly_waits_is_the_limit_but_no_fault() {
    for (busy, limited) in [(0.89, false), (0.9, true)] {
        let mut outcome = closed(MS);
        outcome.workers[1].busy = busy;
        let found = verdict(&plan(None), &outcome);
        assert!(found.valid);
        assert_eq!(found.limited_by.is_some(), limited, "{busy}");
    }
}

#[test]
fn the_generators_other_faults_have_their_names() {
    let plan = plan(Some("1000/s"));
    let spoiled = |spoil: &dyn Fn(&mut Outcome)| {
        let mut outcome = open(5 * MS, 0, 0);
        spoil(&mut outcome);
        reasons(&plan, &outcome)
    };
    assert_eq!(spoiled(&|o| o.ledger.counts.unsent_while_free = 1), ["unsent_while_free"]);
    assert_eq!(spoiled(&|o| o.clock_disagreement = Duration::from_millis(12)), ["clock"]);
    assert_eq!(spoiled(&|o| o.clock_disagreement = Duration::from_millis(10)), [""; 0]);
    assert_eq!(spoiled(&|o| o.interrupted = true), ["interrupted"]);
    assert_eq!(spoiled(&|o| o.aborted_at = Some(0.6)), ["aborted"]);
    for (kind, code) in [(FailureKind::LocalPorts, "local_ports"), (FailureKind::LocalDescriptors, "local_descriptors")]
    {
        assert_eq!(spoiled(&|o| o.ledger.failures.add(&kind.into(), 2)), [code]);
        assert_eq!(spoiled(&|o| o.ledger.connect_failures.add(&kind.into(), 1)), [code]);
    }
    assert_eq!(spoiled(&|o| o.ledger.failures.add(&FailureKind::Timeout.into(), 9000)), [""; 0]);
}

#[test]
fn what_the_server_did_is_a_warning() {
    let plan = plan(Some("1000/s"));
    let warned = |spoil: &dyn Fn(&mut Outcome)| {
        let mut outcome = open(5 * MS, 0, 0);
        spoil(&mut outcome);
        assert!(verdict(&plan, &outcome).valid);
        warnings(&plan, &outcome)
    };
    assert_eq!(warned(&|_| ()), [""; 0]);
    assert_eq!(warned(&|o| o.ledger.counts.unsent = 3), ["unsent"]);
    assert_eq!(warned(&|o| o.ledger.counts.succeeded = 0), ["no_success"]);
    assert_eq!(warned(&|o| o.ledger.counts.window_requests = 9_000), ["behind_schedule"]);
    assert_eq!(warned(&|o| o.slice_rates = (0..40).map(|i| f64::from(1000 - 10 * i)).collect()), ["non_stationary"]);
    assert_eq!(warned(&|o| o.workers[0].gaps.record(4 * MS)), ["gap"]);
    assert_eq!(warned(&|o| o.workers[0].gaps.record(2 * MS)), [""; 0], "less than half of the longest response");
}

#[test]
fn what_weakens_the_run_is_told_in_every_verdict() {
    let outcome = closed(5 * MS);
    let mut plan = plan(None);
    plan.tls.trust = Trust::Insecure;
    plan.tls.key_log = Some("keys".into());
    let found =
        |server_named| judge(&plan, &outcome, &describe::latencies(&outcome), Placing { apart: false, server_named });
    for (server_named, asked_for) in [(false, true), (true, false)] {
        let warnings = found(server_named).warnings;
        assert_eq!(codes(&warnings), ["insecure", "key_log", "shared_host"]);
        assert_eq!(warnings[2].text.contains("--server-pid"), asked_for, "{}", warnings[2].text);
    }
    let nothing = verdict(&plan, &Outcome::quiet(1));
    assert!(codes(&nothing.warnings).contains(&"nothing_measured"));
}
