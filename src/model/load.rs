//! The load side of a plan: how many connections, at what pace, for how long, and when to stop early.

use std::num::{NonZeroU64, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use super::scenario::Scenario;
use crate::units::{self, Percent, Rate};

/// The arrival process of an open loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arrivals {
    /// Exponential gaps: many independent users.
    #[default]
    Poisson,
    /// Equal gaps.
    Constant,
}

impl Arrivals {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Poisson => "poisson",
            Self::Constant => "constant",
        }
    }
}

/// What arrives, and what `counts` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A request, on any free connection.
    Requests,
    /// A new connection with all its requests.
    Sessions,
}

impl Unit {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Sessions => "sessions",
        }
    }
}

/// What decides when the next piece of work starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Each connection starts when it has its answer.
    Closed,
    /// Work arrives by a schedule, whatever the server does.
    Open {
        /// Arrivals per second, in total.
        rate: Rate,
        /// Their law.
        arrivals: Arrivals,
        /// Repeats the same arrivals.
        seed: u64,
    },
}

/// How many requests a connection carries before it is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestsPerConnection {
    /// As many as the server lets it.
    Unlimited,
    /// This many.
    Exactly(NonZeroU64),
    /// None: connect, handshake, close.
    HandshakeOnly,
}

impl FromStr for RequestsPerConnection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "unlimited" => Ok(Self::Unlimited),
            other => match other.parse::<u64>() {
                Ok(n) => Ok(NonZeroU64::new(n).map_or(Self::HandshakeOnly, Self::Exactly)),
                Err(_) => Err(format!("'{other}' is not a number of requests, 'unlimited', or 0 for handshakes only")),
            },
        }
    }
}

/// How a connection is closed after close_notify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Close {
    /// By a reset: the port is free at once.
    #[default]
    Reset,
    /// In order: the port stays in TIME_WAIT.
    Fin,
}

/// Ends a run when too much fails: `errors > 50%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AbortRule {
    /// The share of failed requests (or sessions) above which the run ends.
    pub errors_above: Percent,
}

impl AbortRule {
    /// How much must have ended before the share means anything.
    pub const MIN_SAMPLE: u64 = 100;
}

impl FromStr for AbortRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("'{text}' is not a rule such as 'errors > 50%'");
        let (subject, limit) = text.split_once('>').ok_or_else(error)?;
        if subject.trim() != "errors" {
            return Err(error());
        }
        Ok(Self { errors_above: limit.parse().map_err(|_| error())? })
    }
}

/// What a user chose of the load; `None` where nothing was said.
#[derive(Debug, Clone, Default)]
pub struct LoadChoice {
    /// `--rate`
    pub rate: Option<Rate>,
    /// `--arrivals`
    pub arrivals: Option<Arrivals>,
    /// `--seed`
    pub seed: Option<u64>,
    /// `--unit`
    pub unit: Option<Unit>,
    /// `--connections`
    pub connections: Option<NonZeroUsize>,
    /// `--connect-concurrency`
    pub connect_concurrency: Option<NonZeroUsize>,
    /// `--threads`
    pub threads: Option<NonZeroUsize>,
    /// `--pin`
    pub pin: bool,
    /// `--duration`
    pub duration: Option<Duration>,
    /// `--warmup`
    pub warmup: Option<Duration>,
    /// `--requests`
    pub max_requests: Option<NonZeroU64>,
    /// `--requests-per-connection`
    pub requests_per_connection: Option<RequestsPerConnection>,
    /// `--timeout`
    pub timeout: Option<Duration>,
    /// `--connect-timeout`
    pub connect_timeout: Option<Duration>,
    /// `--close`
    pub close: Close,
    /// `--abort-on`
    pub abort_on: Option<AbortRule>,
    /// `--spin`
    pub spin: Option<Duration>,
    /// `--scenario`: it says rate and duration.
    pub scenario: Option<Scenario>,
}

impl LoadChoice {
    /// What of this concerns the connections, whatever is done with them.
    pub fn only_pool(&self) -> Self {
        Self {
            connections: self.connections,
            connect_concurrency: self.connect_concurrency,
            threads: self.threads,
            pin: self.pin,
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            close: self.close,
            ..Self::default()
        }
    }

    /// Everything but how much arrives, when it is measured, and what ends it early.
    pub fn without_amount(&self) -> Self {
        Self {
            rate: None,
            duration: None,
            warmup: None,
            max_requests: None,
            abort_on: None,
            scenario: None,
            ..self.clone()
        }
    }

    /// What was chosen, and what `other` chose where nothing was said. A scenario says how much arrives and for how long, and so do
    /// `rate`, `duration` and `max_requests`: what was chosen of these puts the other's aside.
    pub fn or(self, other: Self) -> Self {
        let other = if self.scenario.is_some() {
            Self { rate: None, duration: None, max_requests: None, ..other }
        } else if self.rate.is_some() || self.duration.is_some() || self.max_requests.is_some() {
            Self { scenario: None, ..other }
        } else {
            other
        };
        let Self {
            rate,
            arrivals,
            seed,
            unit,
            connections,
            connect_concurrency,
            threads,
            pin,
            duration,
            warmup,
            max_requests,
            requests_per_connection,
            timeout,
            connect_timeout,
            close,
            abort_on,
            spin,
            scenario,
        } = self;
        Self {
            rate: rate.or(other.rate),
            arrivals: arrivals.or(other.arrivals),
            seed: seed.or(other.seed),
            unit: unit.or(other.unit),
            connections: connections.or(other.connections),
            connect_concurrency: connect_concurrency.or(other.connect_concurrency),
            threads: threads.or(other.threads),
            pin,
            duration: duration.or(other.duration),
            warmup: warmup.or(other.warmup),
            max_requests: max_requests.or(other.max_requests),
            requests_per_connection: requests_per_connection.or(other.requests_per_connection),
            timeout: timeout.or(other.timeout),
            connect_timeout: connect_timeout.or(other.connect_timeout),
            close,
            abort_on: abort_on.or(other.abort_on),
            spin: spin.or(other.spin),
            scenario: scenario.or(other.scenario),
        }
    }
}

/// How the load is made. Built by [`LoadPlan::new`], so that its parts fit each other.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadPlan {
    pace: Pace,
    unit: Unit,
    connections: usize,
    threads: usize,
    requests_per_connection: RequestsPerConnection,
    scenario: Option<Scenario>,
    /// Handshakes in progress at once while connections are opened, at least 1.
    pub connect_concurrency: usize,
    /// Whether each worker is bound to a core.
    pub pin: bool,
    /// The measure window.
    pub duration: Duration,
    /// Load before the window, not measured.
    pub warmup: Duration,
    /// Ends the window once this many requests (or sessions) have started in it, and ended.
    pub max_requests: Option<u64>,
    /// The longest wait for an answer; also the length of the drain.
    pub timeout: Duration,
    /// The longest wait for TCP and TLS together.
    pub connect_timeout: Duration,
    /// How connections end.
    pub close: Close,
    /// When to give up.
    pub abort_on: Option<AbortRule>,
    /// How long before an arrival the worker stops sleeping and spins.
    pub spin: Duration,
}

impl LoadPlan {
    /// The load that `choice` describes, on a machine with `cores` cores. See `docs` of `shakedown run` for the defaults.
    ///
    /// # Errors
    /// A sentence that names the options that contradict each other or are out of range.
    pub fn new(choice: LoadChoice, cores: NonZeroUsize, fresh_seed: u64) -> Result<Self, String> {
        let choice = Self::with_scenario(choice)?;
        let requests_per_connection = choice.requests_per_connection.unwrap_or(RequestsPerConnection::Unlimited);
        let unit = Self::resolve_unit(&choice, requests_per_connection)?;
        if unit == Unit::Sessions && choice.scenario.as_ref().is_some_and(|scenario| scenario.storm().is_some()) {
            return Err("--scenario: a storm drops connections that are kept, and with sessions as the unit none are; leave one of the two \
                        out"
                .to_owned());
        }
        let pace = Self::resolve_pace(&choice, fresh_seed)?;
        let duration = choice.duration.unwrap_or(Duration::from_secs(30));
        if duration < Duration::from_millis(100) {
            let given = units::duration(duration);
            return Err(format!("--duration {given} is too short to measure anything; use at least 100ms"));
        }
        let timeout = choice.timeout.unwrap_or(Duration::from_secs(10));
        let connect_timeout = choice.connect_timeout.unwrap_or(Duration::from_secs(5));
        for (option, value) in [("--timeout", timeout), ("--connect-timeout", connect_timeout)] {
            if value < Duration::from_millis(1) || value > Duration::from_secs(3600) {
                return Err(format!("{option} {} is out of range; use 1ms to 1h", units::duration(value)));
            }
        }
        let spin = choice.spin.unwrap_or_default();
        if spin > Duration::from_millis(1) {
            return Err(format!("--spin {} would burn a core; use at most 1ms", units::duration(spin)));
        }
        let connections = choice.connections.map_or(64, NonZeroUsize::get);
        if connections > 4_000_000 {
            return Err(format!("--connections {connections} is more than one process can hold; use at most 4000000"));
        }
        let threads = choice.threads.unwrap_or(cores).get();
        if threads > 1024 {
            return Err(format!("--threads {threads} is out of range; use 1 to 1024 (this machine has {cores} cores)"));
        }
        Ok(Self {
            pace,
            unit,
            connections,
            threads: threads.min(connections),
            requests_per_connection,
            scenario: choice.scenario,
            connect_concurrency: choice.connect_concurrency.map_or(256, NonZeroUsize::get),
            pin: choice.pin,
            duration,
            warmup: choice.warmup.unwrap_or(Duration::from_secs(3)),
            max_requests: choice.max_requests.map(NonZeroU64::get),
            timeout,
            connect_timeout,
            close: choice.close,
            abort_on: choice.abort_on,
            spin,
        })
    }

    /// `choice` with the rate and the duration that its scenario has; the rate is that over all of it.
    fn with_scenario(choice: LoadChoice) -> Result<LoadChoice, String> {
        let Some(scenario) = &choice.scenario else { return Ok(choice) };
        let given = [
            ("--rate", choice.rate.is_some()),
            ("--duration", choice.duration.is_some()),
            ("--requests", choice.max_requests.is_some()),
        ];
        if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
            return Err(format!(
                "{option} contradicts --scenario, which says how much arrives and for how long; leave one out"
            ));
        }
        let rate = scenario.mean_rate().ok_or("--scenario: its rates are beyond 10^9 per second")?;
        let duration = scenario.length();
        Ok(LoadChoice { rate: Some(rate), duration: Some(duration), ..choice })
    }

    fn resolve_unit(choice: &LoadChoice, per_connection: RequestsPerConnection) -> Result<Unit, String> {
        match (choice.unit, per_connection) {
            (Some(Unit::Requests), RequestsPerConnection::HandshakeOnly) => {
                Err("--unit requests contradicts --requests-per-connection 0, which sends none".to_owned())
            }
            (Some(Unit::Sessions), RequestsPerConnection::Unlimited) => {
                Err("--unit sessions needs an end to each session; add --requests-per-connection N".to_owned())
            }
            (Some(Unit::Sessions), _)
                if choice.rate.is_none() && per_connection != RequestsPerConnection::HandshakeOnly =>
            {
                Err("--unit sessions says what arrives in an open loop; add --rate, such as --rate 100/s".to_owned())
            }
            (_, RequestsPerConnection::HandshakeOnly) => Ok(Unit::Sessions),
            (unit, _) => Ok(unit.unwrap_or(Unit::Requests)),
        }
    }

    fn resolve_pace(choice: &LoadChoice, fresh_seed: u64) -> Result<Pace, String> {
        let Some(rate) = choice.rate else {
            let open_only = [
                ("--arrivals", choice.arrivals.is_some()),
                ("--seed", choice.seed.is_some()),
                ("--spin", choice.spin.is_some()),
            ];
            return match open_only.iter().find(|(_, given)| *given) {
                Some((option, _)) => {
                    Err(format!("{option} belongs to an open loop; add --rate, such as --rate 2000/s"))
                }
                None => Ok(Pace::Closed),
            };
        };
        Ok(Pace::Open { rate, arrivals: choice.arrivals.unwrap_or_default(), seed: choice.seed.unwrap_or(fresh_seed) })
    }

    /// What decides when work starts.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// The same load at a constant rate of its own, for a time of its own.
    pub(super) fn at(&self, rate: Rate, seed: u64, warmup: Duration, duration: Duration) -> Self {
        let arrivals = match self.pace {
            Pace::Open { arrivals, .. } => arrivals,
            Pace::Closed => Arrivals::default(),
        };
        Self { pace: Pace::Open { rate, arrivals, seed }, scenario: None, warmup, duration, ..self.clone() }
    }

    /// How the rate changes, where it does; that of [`LoadPlan::pace`] is its mean then.
    pub fn scenario(&self) -> Option<&Scenario> {
        self.scenario.as_ref()
    }

    /// What arrives and is counted.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// How many connections, in total; at least as many as [`LoadPlan::threads`].
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// How many workers.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// How many requests each connection carries.
    pub fn requests_per_connection(&self) -> RequestsPerConnection {
        self.requests_per_connection
    }

    /// Whether all connections are opened before the schedule begins: where requests are the unit.
    pub fn opens_first(&self) -> bool {
        self.unit == Unit::Requests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(choice: LoadChoice) -> Result<LoadPlan, String> {
        LoadPlan::new(choice, NonZeroUsize::new(8).unwrap(), 7)
    }

    #[test]
    fn the_defaults_are_a_closed_loop_of_requests() {
        let plan = plan(LoadChoice::default()).unwrap();
        assert_eq!(
            (plan.pace(), plan.unit(), plan.connections(), plan.threads()),
            (Pace::Closed, Unit::Requests, 64, 8)
        );
    }

    #[test]
    fn no_requests_means_sessions_and_few_connections_mean_few_threads() {
        let choice = LoadChoice {
            requests_per_connection: Some(RequestsPerConnection::HandshakeOnly),
            connections: NonZeroUsize::new(3),
            ..LoadChoice::default()
        };
        let plan = plan(choice).unwrap();
        assert_eq!((plan.unit(), plan.threads()), (Unit::Sessions, 3));
    }

    #[test]
    fn contradictions_name_the_way_out() {
        let sessions = LoadChoice { unit: Some(Unit::Sessions), ..LoadChoice::default() };
        assert!(plan(sessions).unwrap_err().contains("--requests-per-connection"));
        let seed = LoadChoice { seed: Some(1), ..LoadChoice::default() };
        assert!(plan(seed).unwrap_err().contains("--rate"));
        let spin = LoadChoice { spin: Some(Duration::from_micros(20)), ..LoadChoice::default() };
        assert!(plan(spin.clone()).unwrap_err().contains("--spin belongs to an open loop"));
        assert!(plan(LoadChoice { rate: "5/s".parse().ok(), ..spin }).is_ok());
        let short = LoadChoice { duration: Some(Duration::from_millis(1)), ..LoadChoice::default() };
        assert!(plan(short).unwrap_err().contains("100ms"));
        let text = "[scenario]\nname = \"x\"\n[[scenario.stage]]\nkind = \"hold\"\nrate = \"5/s\"\nfor = \"90s\"\n";
        let scenario = Scenario::parse("x.toml", text).ok();
        let staged = LoadChoice { scenario: scenario.clone(), ..LoadChoice::default() };
        let long = plan(staged).unwrap();
        assert!(matches!(long.pace(), Pace::Open { rate, .. } if rate.as_per_second() == 5.0));
        assert_eq!((long.duration, long.scenario()), (Duration::from_secs(90), scenario.as_ref()));
        let twice = LoadChoice { scenario, rate: "5/s".parse().ok(), ..LoadChoice::default() };
        assert!(plan(twice).unwrap_err().contains("--rate contradicts --scenario"));
        assert!("errors > 50%".parse::<AbortRule>().is_ok());
        assert!("latency > 50%".parse::<AbortRule>().unwrap_err().contains("errors > 50%"));
    }
}
