//! A comparison of suites: each arm is asked for once, then all are loaded in rounds of shuffled order, and judged together.

mod estimate;
mod trial;
mod trust;
mod warnings;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::run::{self, MeteredServer};
use crate::engine::control::StopFlag;
use crate::engine::outcome::CannotRun;
use crate::engine::{Addresses, Event};
use crate::host;
use crate::model::failure::FailureKind;
use crate::model::suite::{KeyType, Suite};
use crate::model::suites::{Arm, Extent, Intensity, SuitesPlan, Workload};
use crate::record::run::{DroppedAddress, Remark, TargetRecord};
use crate::record::suites::{Refused, SCHEMA, SuitesDocument};
use crate::tls::config::{ClientMaterial, TlsSetupError};
use crate::units::Rate;

use trial::{Cell, Row, Taken};

/// How often a run is made again whose generator was disturbed, before its round goes without.
const REPEATS: u32 = 2;

/// How often an arm is asked for before it is taken for refused, where it failed by what may be chance.
const ASKED: u32 = 3;
const BY_CHANCE: [FailureKind; 4] =
    [FailureKind::Reset, FailureKind::ClosedEarly, FailureKind::Timeout, FailureKind::ConnectTimeout];

/// Why a comparison could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CannotCompare {
    /// Roots or the client's certificate could not be read.
    #[error(transparent)]
    Setup(#[from] TlsSetupError),
    /// No arm could be run; the first one's reason.
    #[error("none of the suites could be used: {0}")]
    NoArm(String),
    /// None of the workloads could be run.
    #[error("none of the workloads could be run: {0}")]
    NoWorkload(String),
    /// The suite that all others were to be compared with.
    #[error(
        "--baseline {suite} is refused ({why}), so that nothing can be compared with it; name one of what is taken ({taken}), or leave \
         --baseline out"
    )]
    NoBaseline {
        /// What was asked for.
        suite: Suite,
        /// Why the endpoint refused it.
        why: String,
        /// The suites that it took.
        taken: String,
    },
}

/// What a comparison needs beyond its plan.
pub struct Surroundings<'a> {
    /// Where to connect.
    pub addresses: &'a Addresses,
    /// The server's cost, where it can be read.
    pub server: Option<MeteredServer<'a>>,
    /// Whether generator and server are known to run on cores of their own, or on machines of their own.
    pub apart: bool,
    /// Ends it early.
    pub stop: &'a StopFlag,
}

/// What a comparison tells while it goes.
pub enum Step<'a> {
    /// The endpoint is asked for this arm.
    Asking(Arm),
    /// What the endpoint takes is known: how much is to be run.
    Begins(Extent),
    /// A run begins: the how-manieth of how many, and how long those that are left will take by what the others took.
    Trial {
        /// Which arm.
        arm: Arm,
        /// Under which workload.
        workload: Workload,
        /// The round; 0 is the one that is not counted.
        round: u32,
        /// How many are counted.
        rounds: u32,
        /// Runs done.
        done: usize,
        /// Runs in all.
        total: usize,
        /// What is left of the time.
        left: Option<Duration>,
    },
    /// Something of the run under way.
    Run(Event<'a>),
}

/// Compares the plan's suites. What the user ends early has the rounds that were complete, if there were any.
///
/// # Errors
/// [`CannotCompare`] when there is nothing to compare.
pub fn run(
    plan: &SuitesPlan,
    around: &Surroundings<'_>,
    observe: &mut dyn FnMut(Step<'_>),
) -> Result<SuitesDocument, CannotCompare> {
    let started_at = OffsetDateTime::now_utc();
    let mut comparison = Comparison::new(plan, around, observe)?;
    comparison.ask()?;
    comparison.first_round()?;
    while comparison.rounds < plan.rounds() && !around.stop.is_raised() {
        comparison.round();
    }
    Ok(comparison.document(started_at))
}

/// A comparison under way.
struct Comparison<'a, 'o> {
    plan: &'a SuitesPlan,
    around: &'a Surroundings<'a>,
    observe: &'o mut dyn FnMut(Step<'_>),
    material: HashMap<Arm, ClientMaterial>,
    cells: Vec<Cell>,
    refused: Vec<Refused>,
    /// Complete rounds.
    rounds: u32,
    /// Runs made and to be made, and since when.
    done: usize,
    total: usize,
    since: Instant,
    /// Runs that were made again.
    repeated: usize,
}

impl<'a, 'o> Comparison<'a, 'o> {
    fn new(
        plan: &'a SuitesPlan,
        around: &'a Surroundings<'a>,
        observe: &'o mut dyn FnMut(Step<'_>),
    ) -> Result<Self, CannotCompare> {
        let mut material = HashMap::new();
        for arm in plan.arms() {
            // The plan was made of plans that narrow; a suite that cannot be narrowed is none of its arms.
            if let Ok(tls) = plan.tls().narrowed(arm.suite, arm.certificate) {
                material.insert(*arm, ClientMaterial::load(&tls)?);
            }
        }
        Ok(Self {
            plan,
            around,
            observe,
            material,
            cells: Vec::new(),
            refused: Vec::new(),
            rounds: 0,
            done: 0,
            total: 0,
            since: Instant::now(),
            repeated: 0,
        })
    }

    /// Asks the endpoint for each arm, and for each workload with every arm that it took; what it does not take is noted with its reason, and
    /// in no row.
    fn ask(&mut self) -> Result<(), CannotCompare> {
        let all = self.plan.arms().to_vec();
        let accepted = self.ask_each(&all, None);
        if self.around.stop.is_raised() {
            return Ok(());
        }
        self.check_accepted(&accepted)?;
        for workload in self.plan.workloads() {
            let arms = self.ask_each(&accepted, Some(*workload));
            if self.around.stop.is_raised() {
                return Ok(());
            }
            if !arms.is_empty() {
                self.cells.push(Cell::new(*workload, self.rows(&arms)));
            }
        }
        self.merge_refusals(accepted.len());
        if self.cells.is_empty() {
            let why = self.refused.last().map_or_else(String::new, |last| last.why.clone());
            return Err(CannotCompare::NoWorkload(why));
        }
        Ok(())
    }

    /// Those of `arms` that the endpoint takes: under `workload`, or at all. What the user ends is no refusal.
    fn ask_each(&mut self, arms: &[Arm], workload: Option<Workload>) -> Vec<Arm> {
        let mut taken = Vec::new();
        for arm in arms {
            (self.observe)(Step::Asking(*arm));
            let result = self.probe(*arm, workload.unwrap_or(Workload::FullHandshake));
            if self.around.stop.is_raised() {
                break;
            }
            match result {
                Ok(()) => taken.push(*arm),
                Err(why) => self.refuse(Some(*arm), workload, why),
            }
        }
        taken
    }

    /// There must be something to compare, and what it is to be compared with.
    fn check_accepted(&self, accepted: &[Arm]) -> Result<(), CannotCompare> {
        if accepted.is_empty() {
            let why =
                self.refused.first().map_or_else(|| "nothing was asked for".to_owned(), |first| first.why.clone());
            return Err(CannotCompare::NoArm(why));
        }
        match self.plan.named_baseline() {
            Some(suite) if !accepted.iter().any(|arm| arm.suite == suite) => {
                let refused = self.refused.iter().find(|refused| refused.suite == Some(suite));
                let taken: BTreeSet<Suite> = accepted.iter().map(|arm| arm.suite).collect();
                Err(CannotCompare::NoBaseline {
                    suite,
                    why: refused.map(|refused| refused.why.clone()).unwrap_or_default(),
                    taken: taken.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                })
            }
            _ => Ok(()),
        }
    }

    fn refuse(&mut self, arm: Option<Arm>, workload: Option<Workload>, why: String) {
        self.refused.push(Refused {
            suite: arm.map(|arm| arm.suite),
            certificate: arm.map(|arm| arm.certificate),
            workload: workload.map(|workload| workload.to_string()),
            why,
        });
    }

    /// Where every accepted arm was refused a workload for the same reason, that is one refusal.
    fn merge_refusals(&mut self, accepted: usize) {
        let all = std::mem::take(&mut self.refused);
        for refusal in &all {
            let same =
                all.iter().filter(|other| other.workload == refusal.workload && other.why == refusal.why).count();
            let merged = refusal.workload.is_some() && same == accepted && accepted > 1;
            let kept =
                if merged { Refused { suite: None, certificate: None, ..refusal.clone() } } else { refusal.clone() };
            if !self.refused.contains(&kept) {
                self.refused.push(kept);
            }
        }
    }

    /// The arms with each certificate's baseline once more at its end.
    fn rows(&self, arms: &[Arm]) -> Vec<Row> {
        let mut rows = Vec::new();
        for certificate in [KeyType::Ecdsa, KeyType::Rsa] {
            let Some(baseline) = self.plan.baseline(arms, certificate) else { continue };
            let of_type = arms.iter().filter(|arm| arm.certificate == certificate);
            let first = rows.len();
            rows.extend(of_type.map(|arm| Row::new(*arm)));
            rows.push(Row::new(Arm { control: true, ..baseline }));
            let place = rows[first..].iter().position(|row| row.arm == baseline).map(|place| first + place);
            rows[first..].iter_mut().for_each(|row| row.baseline = place);
        }
        rows
    }

    /// The round that is not counted: caches fill, clocks rise, and what the slowest arm carries decides the common rate.
    fn first_round(&mut self) -> Result<(), CannotCompare> {
        if self.around.stop.is_raised() {
            return Ok(());
        }
        let extent = self.plan.extent(self.cells.iter().map(|cell| cell.rows.len()).sum());
        (self.observe)(Step::Begins(extent));
        self.total = extent.runs;
        self.since = Instant::now();
        let mut why = String::new();
        let mut nothing_ran = true;
        for place in 0..self.cells.len() {
            let mut slowest: Option<f64> = None;
            for row in 0..self.cells[place].rows.len() {
                let taken = self.take(place, row, Intensity::Full, 0);
                if self.around.stop.is_raised() {
                    return Ok(());
                }
                match taken {
                    // One in which something failed has shown nothing; the others decide.
                    Ok(taken) => slowest = slowest.into_iter().chain(taken.rate).reduce(f64::min),
                    Err(error) => why = error.to_string(),
                }
            }
            if let (Some(rate), Some(share)) = (slowest, self.plan.load_share()) {
                self.cells[place].common_rate = Rate::per_second(two_digits(rate * share));
            }
            nothing_ran &= slowest.is_none();
        }
        if nothing_ran {
            return Err(CannotCompare::NoWorkload(why));
        }
        Ok(())
    }

    /// One round: the workloads in shuffled order, in each the arms in shuffled order, at full load and then at the common rate. A round
    /// that is cut short counts for nothing.
    fn round(&mut self) {
        let round = self.rounds + 1;
        let mut taken = Vec::new();
        for place in self.plan.order(round, 0, self.cells.len()) {
            for (what, common) in [(1, false), (2, true)] {
                let intensity = match (common, self.cells[place].common_rate) {
                    (false, _) => Intensity::Full,
                    (true, Some(rate)) => Intensity::At(rate),
                    (true, None) => continue,
                };
                let order = self.plan.order(round, 3 * place as u64 + what, self.cells[place].rows.len());
                for row in order {
                    let result = self.take(place, row, intensity, round).ok();
                    if self.around.stop.is_raised() {
                        return;
                    }
                    taken.push((place, row, common, result));
                }
            }
        }
        for (place, row, common, result) in taken {
            self.cells[place].rows[row].note(round, common, result);
        }
        self.rounds = round;
    }

    /// One run, made again where the generator was disturbed, as long as that does not happen to one in five: on a machine that is never
    /// calm it would only take longer.
    fn take(&mut self, place: usize, row: usize, intensity: Intensity, round: u32) -> Result<Taken, CannotRun> {
        let (workload, arm) = (self.cells[place].workload, self.cells[place].rows[row].arm);
        let (done, total) = (self.done, self.total);
        let left = (done > 0).then(|| self.since.elapsed().mul_f64((total - done.min(total)) as f64 / done as f64));
        (self.observe)(Step::Trial { arm, workload, round, rounds: self.plan.rounds(), done, total, left });
        self.done += 1;
        let mut repeats = 0;
        loop {
            let observe = &mut *self.observe;
            let what = (arm, workload, intensity, round);
            let mut taken =
                trial::take(self.plan, self.around, &self.material, what, &mut |event| observe(Step::Run(event)))?;
            let may_repeat = repeats < REPEATS && 5 * self.repeated <= self.done && !self.around.stop.is_raised();
            if taken.valid || !may_repeat {
                taken.repeated = repeats;
                return Ok(taken);
            }
            repeats += 1;
            self.repeated += 1;
        }
    }

    /// Asks for one piece of work; again where what went wrong may have been chance.
    fn probe(&mut self, arm: Arm, workload: Workload) -> Result<(), String> {
        let mut result = Ok(());
        for _ in 0..ASKED {
            let observe = &mut *self.observe;
            result = trial::probe(self.plan, self.around, &self.material, arm, workload, &mut |event| {
                observe(Step::Run(event));
            });
            let by_chance = |why: &String| BY_CHANCE.iter().any(|kind| why.starts_with(kind.name()));
            if !result.as_ref().is_err_and(by_chance) {
                break;
            }
        }
        result
    }

    fn document(self, started_at: OffsetDateTime) -> SuitesDocument {
        let interrupted = self.rounds < self.plan.rounds();
        let mut warnings = warnings::warnings(self.plan, &self.cells, self.around);
        // All arms write into the same file.
        if let Some(why) = self.material.values().find_map(ClientMaterial::key_log_failure) {
            warnings.push(Remark { code: "key_log".to_owned(), text: format!("--key-log: {why}") });
        }
        let judged = estimate::judge(&self.cells, self.around.apart);
        SuitesDocument {
            label: Default::default(),
            schema: SCHEMA.to_owned(),
            tool: run::tool(self.plan.tls().provider()),
            host: host::facts::read(),
            target: TargetRecord {
                url: self.plan.target().url.text.clone(),
                addresses: self.around.addresses.used.iter().map(ToString::to_string).collect(),
                dropped_addresses: (self.around.addresses.dropped.iter())
                    .map(|(address, why)| DroppedAddress { address: address.to_string(), reason: why.to_string() })
                    .collect(),
                server_name: self.plan.target().server_name.to_string(),
            },
            plan: estimate::plan_record(self.plan),
            started_at: run::stamp(started_at),
            interrupted,
            trustworthy: judged.trustworthy,
            policy: None,
            warnings,
            arms: judged.arms,
            refused: self.refused,
        }
    }
}

/// A rate that is easy to read: two significant digits, rounded down.
fn two_digits(rate: f64) -> f64 {
    if !(rate > 0.0 && rate.is_finite()) {
        return 0.0;
    }
    let unit = 10_f64.powf(rate.log10().floor() - 1.0);
    (rate / unit).floor() * unit
}
