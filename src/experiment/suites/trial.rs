//! One run of one arm, and what is kept of it.

use std::collections::{BTreeSet, HashMap};

use super::super::run;
use super::Surroundings;
use crate::engine::Event;
use crate::engine::ledger::Metric;
use crate::engine::outcome::{CannotRun, Outcome};
use crate::model::suite::Group;
use crate::model::suites::{Arm, Direction, Intensity, SuitesPlan, Workload};
use crate::record::run::{Remark, RunDocument};
use crate::record::suites::RoundRecord;
use crate::stats::batches::Batches;
use crate::stats::recorder::Recorder;
use crate::tls::config::ClientMaterial;
use crate::units::{self, Rate};

/// The fewest steps of its clock that a server's CPU time must be in every round. A step more or less is noise that the rounds show.
pub(super) const SERVER_STEPS: u32 = 5;

/// The reasons against a run that a busy machine gives.
const NOISE: [&str; 2] = ["scheduling_gap", "dispatch_lag"];

/// Batches of response times that are kept over all rounds, for their quantiles' intervals.
const BATCHES: usize = 64;

/// One workload with its rows.
pub(super) struct Cell {
    pub(super) workload: Workload,
    /// The rate at which response times are taken; `None` where no arm has shown what it carries.
    pub(super) common_rate: Option<Rate>,
    pub(super) rows: Vec<Row>,
}

impl Cell {
    pub(super) fn new(workload: Workload, rows: Vec<Row>) -> Self {
        Self { workload, common_rate: None, rows }
    }
}

/// One arm under one workload, with what has been measured.
pub(super) struct Row {
    pub(super) arm: Arm,
    /// The row that it is compared with.
    pub(super) baseline: Option<usize>,
    pub(super) rounds: Vec<RoundRecord>,
    /// The groups that its handshakes agreed on.
    pub(super) groups: BTreeSet<Group>,
    /// Whether the server's CPU time was too short for its clock in any round. To keep only the rounds in which it was not would keep the
    /// dear ones.
    pub(super) coarse: bool,
    /// The response times at the common rate, of all rounds.
    pub(super) responses: Recorder,
    pub(super) batches: Batches,
}

impl Row {
    pub(super) fn new(arm: Arm) -> Self {
        let (responses, batches) = (Recorder::new(), Batches::new(BATCHES));
        let (rounds, groups) = (Vec::new(), BTreeSet::new());
        Self { arm, baseline: None, rounds, groups, coarse: false, responses, batches }
    }

    /// Adds what a run of round `round` has shown, at the common rate or at full load; `None`: there was no valid one.
    pub(super) fn note(&mut self, round: u32, common: bool, taken: Option<Taken>) {
        let Some(taken) = taken else { return };
        if self.rounds.last().is_none_or(|last| last.round != round) {
            self.rounds.push(RoundRecord { round, ..RoundRecord::default() });
        }
        let Some(record) = self.rounds.last_mut() else { return };
        record.failed += taken.failed;
        record.repeated += taken.repeated;
        self.groups.extend(taken.groups);
        if common && taken.valid {
            (record.response_p50_ns, record.response_p99_ns) = (taken.p50, taken.p99);
            self.responses.merge(&taken.responses);
            taken.batches.as_slice().iter().for_each(|batch| self.batches.push(batch));
        } else if !common && taken.usable {
            record.rate_per_s = taken.rate;
            record.disturbed = !taken.valid;
            record.client_limited = taken.client_limited;
            (record.client_cpu_ns, record.server_cpu_ns) = (taken.client_cpu_ns, taken.server_cpu_ns);
            self.coarse |= taken.coarse;
        }
        if self.coarse {
            self.rounds.iter_mut().for_each(|record| record.server_cpu_ns = None);
        }
    }
}

/// What is kept of one run.
pub(super) struct Taken {
    pub(super) valid: bool,
    /// Valid, or only disturbed by what every run of a busy machine is disturbed by.
    pub(super) usable: bool,
    /// Handshakes or requests per second; `None` where there was none.
    pub(super) rate: Option<f64>,
    pub(super) client_limited: bool,
    pub(super) client_cpu_ns: Option<f64>,
    pub(super) server_cpu_ns: Option<f64>,
    /// Whether the server's CPU time was read, and was only a few steps of its clock.
    pub(super) coarse: bool,
    pub(super) groups: BTreeSet<Group>,
    pub(super) p50: Option<u64>,
    pub(super) p99: Option<u64>,
    pub(super) failed: u64,
    pub(super) repeated: u32,
    pub(super) responses: Recorder,
    pub(super) batches: Batches,
}

/// Runs `arm` under `workload`.
pub(super) fn take(
    plan: &SuitesPlan,
    around: &Surroundings<'_>,
    material: &HashMap<Arm, ClientMaterial>,
    (arm, workload, intensity, round): (Arm, Workload, Intensity, u32),
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<Taken, CannotRun> {
    let run_plan = plan.run_plan(arm, workload, intensity, round).map_err(CannotRun::Worker)?;
    let (document, outcome) = run::measure(&run_plan, &surroundings(around, material, arm)?, observe)?;
    Ok(kept(&document, outcome, workload, around))
}

/// The surroundings of one run.
fn surroundings<'a>(
    around: &Surroundings<'a>,
    material: &'a HashMap<Arm, ClientMaterial>,
    arm: Arm,
) -> Result<run::Surroundings<'a>, CannotRun> {
    let of_arm = material.get(&Arm { control: false, ..arm });
    Ok(run::Surroundings {
        material: of_arm.ok_or_else(|| CannotRun::Worker(format!("{arm} is not part of this comparison")))?,
        addresses: around.addresses,
        server: around.server,
        apart: around.apart,
        stop: around.stop,
    })
}

fn kept(document: &RunDocument, outcome: Outcome, workload: Workload, around: &Surroundings<'_>) -> Taken {
    let counts = &outcome.ledger.counts;
    let (rate, operations) = if workload.counts_handshakes() {
        (document.throughput.handshakes_per_s, counts.ended_handshakes)
    } else {
        (document.throughput.requests_per_s, counts.ended_requests)
    };
    let each = |cpu_s: f64| (operations > 0 && document.counts.failed == 0).then(|| cpu_s * 1e9 / operations as f64);
    let least = around.server.map_or(0.0, |server| (server.resolution * SERVER_STEPS).as_secs_f64());
    let response = document.latency.response.as_ref();
    let quantile = |q| response?.quantile(q).filter(|found| !found.at_least)?.ns;
    let failed = document.counts.failed + document.counts.unsent;
    let Outcome { mut ledger, mut batches, .. } = outcome;
    // What was asked for is what must have come: a page of another size is another workload.
    let whole = is_whole(&ledger.counts, workload);
    let noise = |reason: &Remark| NOISE.contains(&reason.code.as_str());
    Taken {
        valid: document.verdict.valid && whole,
        usable: document.verdict.reasons.iter().all(noise) && whole,
        rate: Some(rate).filter(|rate| *rate > 0.0 && document.counts.failed == 0),
        // Who shares no core with the server was kept from running by somebody else: what it reached is no figure of the server's.
        client_limited: document.verdict.limited_by.is_some() || (around.apart && !document.verdict.valid),
        client_cpu_ns: each(document.client.cpu_s),
        server_cpu_ns: document.server.as_ref().and_then(|cost| each(cost.cpu_s)),
        coarse: document.server.as_ref().is_some_and(|cost| cost.cpu_s < least),
        groups: document.negotiated.iter().filter_map(|row| row.group).collect(),
        p50: quantile(0.5),
        p99: quantile(0.99),
        failed,
        repeated: 0,
        responses: std::mem::take(&mut ledger.latencies[Metric::Response as usize]),
        batches: std::mem::replace(&mut batches[Metric::Response as usize], Batches::new(1)),
    }
}

fn is_whole(counts: &crate::engine::ledger::Counts, workload: Workload) -> bool {
    match workload {
        Workload::Bulk(Direction::Download, bytes) => counts.window_body_bytes_in == bytes * counts.window_requests,
        _ => true,
    }
}

/// Asks the endpoint for one piece of work, and says why it did not take it.
pub(super) fn probe(
    plan: &SuitesPlan,
    around: &Surroundings<'_>,
    material: &HashMap<Arm, ClientMaterial>,
    arm: Arm,
    workload: Workload,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<(), String> {
    let run_plan = plan.probe_plan(arm, workload)?;
    let around_run = surroundings(around, material, arm).map_err(|error| error.to_string())?;
    let (document, outcome) = run::measure(&run_plan, &around_run, observe).map_err(|error| match error {
        CannotRun::NoHandshake { failure, .. } => failure.to_string(),
        CannotRun::NoTicket { .. } => "gives no session that could be resumed".to_owned(),
        CannotRun::NeverResumed { .. } => "gives sessions and resumes none of them".to_owned(),
        other => other.to_string(),
    })?;
    if let Some(failure) = document.failure_details.first() {
        let detail = if failure.detail.is_empty() { String::new() } else { format!(": {}", failure.detail) };
        return Err(format!("{}{detail}", failure.kind));
    }
    let counts = &outcome.ledger.counts;
    match workload {
        Workload::Bulk(Direction::Download, bytes) if !is_whole(counts, workload) => Err(format!(
            "{} answers with {} instead of {}; see --download",
            run_plan.request.path,
            units::bytes(counts.window_body_bytes_in as f64),
            units::bytes(bytes as f64)
        )),
        _ if document.counts.succeeded == 0 => Err("no answer in time".to_owned()),
        _ => Ok(()),
    }
}
