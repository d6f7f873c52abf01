//! The search for the highest load that an endpoint carries within its objectives: `stats::search` says which trial comes next, this makes
//! them, and `conclude` says what all of them together mean.

mod conclude;
#[cfg(test)]
mod tests;
mod trial;

use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::run::{self, Surroundings};
use super::{describe, law};
use crate::engine::Event;
use crate::engine::outcome::CannotRun;
use crate::host;
use crate::model::capacity::CapacityPlan;
use crate::model::slo::{Measure, Slo};
use crate::pacing::mix;
use crate::record::capacity::{CapacityDocument, SCHEMA, SearchRecord, SloRecord, TrialRecord};
use crate::record::run::{DroppedAddress, PlanRecord, RunDocument, TargetRecord};
use crate::stats::search::{Bounds, Next, Order, Search, Settings, TOLERATED_BAD, Trial, Verdict};
use crate::units::Rate;

use conclude::Ended;
use trial::Taken;

/// Between trials, so that what is left of one is no part of the next; and after one that left work unfinished at the server.
const PAUSE: Duration = Duration::from_millis(300);
const LONG_PAUSE: Duration = Duration::from_secs(3);

/// About what opening and closing connections takes.
const OPENING: Duration = Duration::from_millis(500);

/// How often the warm-up may be doubled because a trial was not steady.
const LENGTHENED: u32 = 2;

/// How often an endpoint that has answered before is tried to be reached, and the pause before each.
const REACHED_FOR: u32 = 3;

/// The longest trial but for soaks, in shortest ones.
const LONGEST: u32 = 15;

/// What a search tells while it goes.
pub enum Step<'a> {
    /// A trial begins.
    Trial {
        /// From 1.
        number: u32,
        /// Which.
        order: Order,
        /// What is known so far.
        bounds: Bounds,
        /// What is left of the budget.
        left: Duration,
    },
    /// Something of the run under way.
    Run(Event<'a>),
}

/// What a search found: its document, and those of its trials in order.
pub struct Found {
    /// The result.
    pub document: CapacityDocument,
    /// Each trial in full.
    pub runs: Vec<RunDocument>,
}

/// Searches.
///
/// # Errors
/// [`CannotRun`] where not even the first trial could be made.
pub fn run(
    plan: &CapacityPlan,
    around: &Surroundings<'_>,
    observe: &mut dyn FnMut(Step<'_>),
) -> Result<Found, CannotRun> {
    let started_at = OffsetDateTime::now_utc();
    let mut hunt = Hunt::new(plan, around, observe);
    let ended = hunt.search()?;
    Ok(hunt.found(ended, started_at))
}

/// A search under way.
struct Hunt<'a, 'o> {
    plan: &'a CapacityPlan,
    around: &'a Surroundings<'a>,
    observe: &'o mut dyn FnMut(Step<'_>),
    search: Search,
    since: Instant,
    warmup: Duration,
    lengthened: u32,
    trials: Vec<TrialRecord>,
    runs: Vec<RunDocument>,
}

impl<'a, 'o> Hunt<'a, 'o> {
    fn new(plan: &'a CapacityPlan, around: &'a Surroundings<'a>, observe: &'o mut dyn FnMut(Step<'_>)) -> Self {
        Self {
            plan,
            around,
            observe,
            search: Search::new(settings(plan)),
            since: Instant::now(),
            warmup: plan.search().warmup,
            lengthened: 0,
            trials: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// Makes trials until the search is over, the user ends it, or the endpoint is gone.
    fn search(&mut self) -> Result<Ended, CannotRun> {
        loop {
            let stopped = || self.around.stop.is_raised();
            if stopped() {
                return if self.trials.is_empty() { Err(CannotRun::Interrupted) } else { Ok(Ended::Interrupted) };
            }
            let left = self.plan.search().budget.saturating_sub(self.since.elapsed());
            let order = match self.search.next(left) {
                Next::End(end) => return Ok(Ended::Of(end)),
                Next::Trial(order) => order,
            };
            match self.attempt(order, left) {
                // One that was cut short says nothing.
                Ok(taken) if taken.document.interrupted && stopped() => {}
                Ok(taken) => self.keep(order, taken),
                Err(CannotRun::Interrupted) if stopped() => {}
                Err(error) if self.trials.is_empty() => return Err(error),
                Err(error) => return Ok(Ended::Gone(error.to_string())),
            }
        }
    }

    /// One trial; an endpoint that cannot be reached any more gets a little time to come back.
    fn attempt(&mut self, order: Order, left: Duration) -> Result<Taken, CannotRun> {
        let number = self.trials.len() as u32 + 1;
        (self.observe)(Step::Trial { number, order, bounds: self.search.bounds(), left });
        let seed = mix(self.plan.seed() ^ mix(u64::from(number))) >> 32;
        // The search stays within what a rate can be.
        let rate = Rate::per_second(order.load).unwrap_or(self.plan.search().min);
        let plan = self.plan.trial(rate, seed, self.warmup, order.duration);
        let mut tries = 1;
        loop {
            let observe = &mut *self.observe;
            let mut watch = |event: Event<'_>| observe(Step::Run(event));
            let result = trial::take(&plan, self.plan.slo(), (number, order), self.around, &mut watch);
            let again = matches!(result, Err(CannotRun::NoHandshake { .. })) && number > 1 && tries < REACHED_FOR;
            if !again || self.around.stop.is_raised() {
                return result;
            }
            tries += 1;
            self.pause(LONG_PAUSE);
        }
    }

    /// Takes note of a trial. One that was not steady says nothing where it is not good all the same: it is made again with a longer warm-up.
    fn keep(&mut self, order: Order, taken: Taken) {
        let Taken { mut record, document, verdict, leans_bad, timed_out } = taken;
        let settling = record.steady == Some(false) && !record.overloaded && record.valid;
        if settling && verdict != Verdict::Good && self.lengthened < LENGTHENED {
            self.lengthened += 1;
            self.warmup *= 2;
            "unsteady".clone_into(&mut record.verdict);
        } else {
            self.search.record(Trial { order, verdict, leans_bad });
        }
        self.trials.push(record);
        self.runs.push(document);
        self.pause(if timed_out { LONG_PAUSE } else { PAUSE });
    }

    fn pause(&self, length: Duration) {
        let until = Instant::now() + length;
        while Instant::now() < until && !self.around.stop.is_raised() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn found(self, ended: Ended, started_at: OffsetDateTime) -> Found {
        let first = self.plan.first();
        let bounds = self.search.bounds();
        let capacity = conclude::capacity(self.plan, &bounds, &ended, (&self.trials, &self.runs));
        let warnings = conclude::warnings(self.plan, &ended, (&self.trials, &self.runs));
        let dropped = self.around.addresses.dropped.iter();
        let document = CapacityDocument {
            label: Default::default(),
            schema: SCHEMA.to_owned(),
            tool: run::tool(first.tls.provider()),
            host: host::facts::read(),
            target: TargetRecord {
                url: first.target.url.text.clone(),
                addresses: self.around.addresses.used.iter().map(ToString::to_string).collect(),
                dropped_addresses: dropped
                    .map(|(address, why)| DroppedAddress { address: address.to_string(), reason: why.to_string() })
                    .collect(),
                server_name: first.target.server_name.to_string(),
            },
            plan: PlanRecord {
                rate_per_s: None,
                warmup_s: 0.0,
                duration_s: 0.0,
                seed: Some(self.plan.seed()),
                ..describe::plan(first)
            },
            search: search_record(self.plan),
            started_at: run::stamp(started_at),
            elapsed_s: self.since.elapsed().as_secs_f64(),
            interrupted: matches!(ended, Ended::Interrupted),
            policy: None,
            slo: self.plan.slo().iter().map(slo_record).collect(),
            capacity,
            prediction: None,
            warnings,
            law: law::over(&self.trials, self.plan.first().load.connections() as u64),
            trials: self.trials,
        };
        Found { document, runs: self.runs }
    }
}

/// What the search is told of `plan`.
fn settings(plan: &CapacityPlan) -> Settings {
    let search = plan.search();
    Settings {
        min: search.min.as_per_second(),
        start: search.start.as_per_second(),
        max: search.max.map(Rate::as_per_second),
        precision: search.precision.as_fraction(),
        trial: search.trial,
        longest: (search.trial * LONGEST).min(search.budget / 10).max(search.trial),
        confirm: search.confirm,
        budget: search.budget,
        overhead: search.warmup + OPENING + PAUSE,
        arrivals: plan.slo().iter().map(Slo::arrivals_needed).fold(0.0, f64::max),
    }
}

fn search_record(plan: &CapacityPlan) -> SearchRecord {
    let search = plan.search();
    SearchRecord {
        min_per_s: search.min.as_per_second(),
        start_per_s: search.start.as_per_second(),
        max_per_s: search.max.map(Rate::as_per_second),
        precision: search.precision.as_fraction(),
        trial_s: search.trial.as_secs_f64(),
        warmup_s: search.warmup.as_secs_f64(),
        budget_s: search.budget.as_secs_f64(),
        confirm_s: search.confirm.as_secs_f64(),
        tolerated_bad: TOLERATED_BAD,
    }
}

fn slo_record(slo: &Slo) -> SloRecord {
    let (measure, q, limit) = match slo.measure() {
        Measure::Latency { timing, q, limit_ns } => (timing.name(), Some(q), limit_ns as f64),
        Measure::Errors(limit) => ("errors", None, limit.as_fraction()),
        Measure::Achieved(limit) => ("achieved", None, limit.as_fraction()),
    };
    SloRecord { text: slo.to_string(), measure: measure.to_owned(), q, limit }
}
