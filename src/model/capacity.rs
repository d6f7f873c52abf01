//! What a search for the highest load within objectives is asked for: objectives, range, precision, and the times that it may take.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::load::{LoadChoice, LoadPlan, RequestsPerConnection, Unit};
use super::plan::RunPlan;
use super::request::RequestPlan;
use super::slo::{Measure, Slo};
use super::target::Target;
use super::tls::TlsPlan;
use crate::units::{self, Percent, Rate};

/// The objective that goes with all others where none speaks of errors: what fails at once is fast, and would meet any objective of time.
const DEFAULT_ERRORS: &str = "errors < 1%";

/// The first load, and the lowest, where nothing was said.
const START_PER_S: f64 = 100.0;
const MIN_PER_S: f64 = 10.0;

/// The shortest trial: it must have slices enough to judge a backlog by.
const SHORTEST: Duration = Duration::from_millis(500);

/// A budget must hold so many of the shortest trials.
const FEWEST_TRIALS: u32 = 10;

/// The largest share of the budget that one soak may take, and the one that it takes where nothing was said.
const LONGEST_SOAK: f64 = 0.25;
const USUAL_SOAK: f64 = 0.1;

/// What a user chose; `None` where nothing was said.
#[derive(Debug, Clone, Default)]
pub struct CapacityChoice {
    /// `--slo`
    pub slo: Vec<Slo>,
    /// `--min`
    pub min: Option<Rate>,
    /// `--start`
    pub start: Option<Rate>,
    /// `--max`
    pub max: Option<Rate>,
    /// `--precision`
    pub precision: Option<Percent>,
    /// `--trial`
    pub trial: Option<Duration>,
    /// `--warmup`
    pub warmup: Option<Duration>,
    /// `--budget`
    pub budget: Option<Duration>,
    /// `--confirm`
    pub confirm: Option<Duration>,
    /// Connections, arrivals, unit and seed; its rate and times are each trial's own.
    pub load: LoadChoice,
}

/// The range of loads, and the times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchPlan {
    /// The lowest load that may be tried.
    pub min: Rate,
    /// The load of the first trial.
    pub start: Rate,
    /// The highest load that may be tried.
    pub max: Option<Rate>,
    /// The wanted width of the interval, as a share of its upper end.
    pub precision: Percent,
    /// The measured time of the shortest trials.
    pub trial: Duration,
    /// The load before the window of the first trial.
    pub warmup: Duration,
    /// The time for all.
    pub budget: Duration,
    /// The measured time of the soak; zero for none.
    pub confirm: Duration,
}

/// A search, described completely.
#[derive(Debug, Clone, PartialEq)]
pub struct CapacityPlan {
    first: RunPlan,
    slo: Vec<Slo>,
    search: SearchPlan,
    seed: u64,
}

impl CapacityPlan {
    /// The search that `choice` describes, on a machine with `cores` cores.
    ///
    /// # Errors
    /// A sentence that names the option, what is wrong, and the way out.
    pub fn new(
        target: Target,
        request: RequestPlan,
        tls: TlsPlan,
        choice: CapacityChoice,
        cores: NonZeroUsize,
        fresh_seed: u64,
    ) -> Result<Self, String> {
        let search = SearchPlan::new(&choice)?;
        let mut load = choice.load;
        // A session without an end is none; handshakes are what sessions are asked for.
        if load.unit == Some(Unit::Sessions) && load.requests_per_connection.is_none() {
            load.requests_per_connection = Some(RequestsPerConnection::HandshakeOnly);
        }
        let seed = load.seed.unwrap_or(fresh_seed);
        let load = LoadChoice {
            rate: Some(search.start),
            duration: Some(search.trial),
            warmup: Some(search.warmup),
            seed: Some(seed),
            ..load
        };
        let load = LoadPlan::new(load, cores, fresh_seed)?;
        let slo = objectives(choice.slo, &load, &tls)?;
        Ok(Self { first: RunPlan { target, request, tls, load }, slo, search, seed })
    }

    /// The first trial: what all have in common.
    pub fn first(&self) -> &RunPlan {
        &self.first
    }

    /// The objectives, at least one; a load must meet all of them.
    pub fn slo(&self) -> &[Slo] {
        &self.slo
    }

    /// Range and times.
    pub fn search(&self) -> &SearchPlan {
        &self.search
    }

    /// The seed that those of the trials follow from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A trial.
    pub fn trial(&self, rate: Rate, seed: u64, warmup: Duration, duration: Duration) -> RunPlan {
        RunPlan { load: self.first.load.at(rate, seed, warmup, duration), ..self.first.clone() }
    }
}

impl SearchPlan {
    fn new(choice: &CapacityChoice) -> Result<Self, String> {
        let rate = |per_second: f64| Rate::per_second(per_second).ok_or("a rate out of range");
        let lowest = |rates: [Option<Rate>; 2], usual: f64| -> Result<Rate, String> {
            let least = rates.into_iter().flatten().map(Rate::as_per_second).fold(usual, f64::min);
            Ok(rate(least)?)
        };
        let start = match choice.start {
            Some(start) => start,
            None => lowest([choice.max, None], START_PER_S.max(choice.min.map_or(0.0, Rate::as_per_second)))?,
        };
        let min = match choice.min {
            Some(min) => min,
            None => lowest([choice.max, Some(start)], MIN_PER_S)?,
        };
        in_order([("--min", min), ("--start", start)])?;
        if let Some(max) = choice.max {
            in_order([("--min", min), ("--max", max)])?;
            in_order([("--start", start), ("--max", max)])?;
        }
        let precision = match choice.precision {
            Some(precision) => precision,
            None => "2%".parse().map_err(|error: units::UnitError| error.to_string())?,
        };
        if !(0.001..=0.5).contains(&precision.as_fraction()) {
            return Err(format!("--precision {precision} is out of range; use 0.1% to 50%"));
        }
        let trial = choice.trial.unwrap_or(Duration::from_secs(2));
        if trial < SHORTEST {
            let (given, shortest) = (units::duration(trial), units::duration(SHORTEST));
            return Err(format!("--trial {given} is too short to see a backlog grow; use at least {shortest}"));
        }
        let warmup = choice.warmup.unwrap_or(Duration::from_secs(1));
        let budget = choice.budget.unwrap_or(Duration::from_secs(600));
        let least = FEWEST_TRIALS * (trial + warmup);
        if budget < least {
            return Err(format!(
                "--budget {} holds fewer than {FEWEST_TRIALS} trials of --trial {} and --warmup {}; give it {} at least, or make those shorter",
                units::duration(budget),
                units::duration(trial),
                units::duration(warmup),
                units::duration(least)
            ));
        }
        let confirm = Self::confirm(choice.confirm, budget)?;
        Ok(Self { min, start, max: choice.max, precision, trial, warmup, budget, confirm })
    }

    fn confirm(given: Option<Duration>, budget: Duration) -> Result<Duration, String> {
        let Some(confirm) = given else {
            return Ok(Duration::from_secs(budget.mul_f64(USUAL_SOAK).as_secs().min(60)));
        };
        let longest = budget.mul_f64(LONGEST_SOAK);
        if confirm > longest {
            return Err(format!(
                "--confirm {}: a soak that fails is made again, and others below it, so that it may take a quarter of --budget {}; give a \
                 longer budget, or --confirm 0 for no soak",
                units::duration(confirm),
                units::duration(budget)
            ));
        }
        Ok(confirm)
    }
}

fn in_order([(low_name, low), (high_name, high)]: [(&str, Rate); 2]) -> Result<(), String> {
    if low <= high {
        return Ok(());
    }
    Err(format!("{low_name} {low} is above {high_name} {high}; the search goes from the one to the other"))
}

/// The objectives with the one on errors, each of which trials of this kind measure.
fn objectives(mut slo: Vec<Slo>, load: &LoadPlan, tls: &TlsPlan) -> Result<Vec<Slo>, String> {
    if slo.is_empty() {
        return Err(
            "--slo is missing: a capacity is the highest load that still meets an objective; add one, such as \
                    --slo 'response p99 < 50ms'"
                .to_owned(),
        );
    }
    for objective in &slo {
        objective.fits(load.unit(), load.requests_per_connection(), tls.resumption.share())?;
    }
    if !slo.iter().any(|objective| matches!(objective.measure(), Measure::Errors(_))) {
        slo.push(DEFAULT_ERRORS.parse()?);
    }
    Ok(slo)
}

#[cfg(test)]
mod tests {
    use super::super::load::Pace;
    use super::super::request::{ExpectStatus, Method};
    use super::super::tls::TlsChoice;
    use super::*;

    fn plan(choice: CapacityChoice) -> Result<CapacityPlan, String> {
        let request = RequestPlan {
            method: Method::get(),
            path: "/".to_owned(),
            host: "localhost".to_owned(),
            headers: Vec::new(),
            body_bytes: None,
            expect_status: ExpectStatus::default(),
            body: Vec::new().into(),
        };
        let target = Target::new("https://localhost/".parse().unwrap());
        let tls = TlsPlan::new(TlsChoice::default()).unwrap();
        CapacityPlan::new(target, request, tls, choice, NonZeroUsize::new(2).unwrap(), 7)
    }

    fn choice() -> CapacityChoice {
        CapacityChoice { slo: vec!["response p99 < 50ms".parse().unwrap()], ..CapacityChoice::default() }
    }

    #[test]
    fn an_objective_on_errors_goes_with_the_others() {
        let texts = |slo: &[&str]| -> Vec<String> {
            let slo = slo.iter().map(|text| text.parse().unwrap()).collect();
            let plan = plan(CapacityChoice { slo, ..CapacityChoice::default() }).unwrap();
            plan.slo().iter().map(ToString::to_string).collect()
        };
        assert_eq!(texts(&["response p99 < 50ms"]), ["response p99 < 50ms", "errors < 1%"]);
        assert_eq!(texts(&["errors < 5%"]), ["errors < 5%"]);
        assert!(plan(CapacityChoice::default()).unwrap_err().contains("--slo is missing"));
    }

    #[test]
    fn defaults_follow_what_was_given() {
        let rate = |text: &str| Some(text.parse().unwrap());
        let range = |min, start, max| {
            let plan = plan(CapacityChoice { min, start, max, ..choice() }).unwrap();
            [plan.search().min, plan.search().start].map(Rate::as_per_second)
        };
        assert_eq!(range(None, None, None), [10.0, 100.0]);
        assert_eq!(range(None, None, rate("50/s")), [10.0, 50.0]);
        assert_eq!(range(None, None, rate("5/s")), [5.0, 5.0]);
        assert_eq!(range(rate("500/s"), None, None), [500.0, 500.0]);
        assert_eq!(range(None, rate("3/s"), None), [3.0, 3.0]);
        let soak = |budget| plan(CapacityChoice { budget: Some(Duration::from_secs(budget)), ..choice() }).unwrap();
        assert_eq!([600, 100, 6000].map(|budget| soak(budget).search().confirm.as_secs()), [60, 10, 60]);
    }

    #[test]
    fn what_cannot_be_searched_names_the_option_and_the_way_out() {
        let rate = |text: &str| Some(text.parse().unwrap());
        let seconds = |n| Some(Duration::from_secs(n));
        for (choice, parts) in [
            (CapacityChoice { min: rate("9/s"), start: rate("5/s"), ..choice() }, ["--min 9/s", "--start 5/s"]),
            (CapacityChoice { start: rate("9/s"), max: rate("5/s"), ..choice() }, ["--start 9/s", "--max 5/s"]),
            (CapacityChoice { precision: "0%".parse().ok(), ..choice() }, ["--precision 0%", "0.1%"]),
            (CapacityChoice { trial: Some(Duration::from_millis(10)), ..choice() }, ["--trial 10ms", "500ms"]),
            (CapacityChoice { budget: seconds(20), ..choice() }, ["--budget 20s", "30s at least"]),
            (CapacityChoice { confirm: seconds(200), ..choice() }, ["--confirm 200s", "--confirm 0"]),
        ] {
            let error = plan(choice).unwrap_err().replace("3m20s", "200s");
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }

    #[test]
    fn sessions_without_requests_are_handshakes_and_each_trial_has_its_own_load() {
        let load = LoadChoice { unit: Some(Unit::Sessions), ..LoadChoice::default() };
        let plan = plan(CapacityChoice { load, ..choice() }).unwrap();
        assert_eq!(plan.first().load.requests_per_connection(), RequestsPerConnection::HandshakeOnly);
        let [second, half] = [Duration::from_secs(1), Duration::from_millis(500)];
        let trial = plan.trial("70/s".parse().unwrap(), 9, half, second).load;
        let Pace::Open { rate, seed, .. } = trial.pace() else { panic!("{trial:?}") };
        assert_eq!((rate.as_per_second(), seed, trial.warmup, trial.duration), (70.0, 9, half, second));
        assert_eq!(trial.unit(), Unit::Sessions);
    }
}
