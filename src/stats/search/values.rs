//! What a search is given, asks for, is told, and knows.

use std::time::Duration;

use super::super::judge::{Judged, Judgement};

/// Against the client's limit an interval need not be narrower than this.
const CLIENT_PRECISION: f64 = 0.1;

/// What the generator did wrong in a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It was late, or kept from running, and nothing else.
    Late,
    /// Anything else.
    Other,
}

/// What one trial said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All objectives are surely met.
    Good,
    /// One is surely missed.
    Bad,
    /// Neither.
    Undecided,
    /// Missed, or likely so, while the generator was the limit.
    Client,
    /// The generator did not do what it should, and that may be why: no evidence at all.
    Invalid,
}

impl Verdict {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Undecided => "undecided",
            Self::Client => "client",
            Self::Invalid => "invalid",
        }
    }

    /// What follows from all that was judged in a trial, and whether it leans towards bad.
    ///
    /// A generator that was late makes times longer and arrivals come in bursts: what meets the objectives all the same, by its interval or by what was
    /// measured, stands.
    pub fn of(objectives: &[Judged], overloaded: bool, fault: Fault, client_limited: bool) -> (Self, bool) {
        let any = |judgement| objectives.iter().any(|judged| judged.judgement == judgement);
        let missed = overloaded || any(Judgement::Missed);
        let leans_bad = missed || objectives.iter().any(|judged| judged.leans_missed);
        let verdict = match (missed, any(Judgement::Undecided)) {
            _ if fault == Fault::Other || (fault == Fault::Late && leans_bad) => Self::Invalid,
            (true, _) if client_limited => Self::Client,
            (false, true) if client_limited && leans_bad => Self::Client,
            (true, _) => Self::Bad,
            (false, true) => Self::Undecided,
            (false, false) => Self::Good,
        };
        (verdict, leans_bad)
    }
}

/// What a trial is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To find a load that is too much.
    Growth,
    /// To find where the leanings change.
    Locating,
    /// To move an end of the interval.
    Narrowing,
    /// To see an end of the interval once more.
    Again,
    /// To see whether the lower end holds for long.
    Soak,
}

impl Purpose {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Growth => "growth",
            Self::Locating => "locating",
            Self::Narrowing => "narrowing",
            Self::Again => "again",
            Self::Soak => "soak",
        }
    }
}

/// A trial to be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Order {
    /// Arrivals per second.
    pub load: f64,
    /// The measure window.
    pub duration: Duration,
    /// What for.
    pub purpose: Purpose,
}

/// A trial that was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// As ordered.
    pub order: Order,
    /// What it said.
    pub verdict: Verdict,
    /// Whether what was measured, certain or not, misses an objective.
    pub leans_bad: bool,
}

/// What is searched, and by which means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The lowest load that may be tried.
    pub min: f64,
    /// The load of the first trial.
    pub start: f64,
    /// The highest load that may be tried.
    pub max: Option<f64>,
    /// The wanted width of the interval, as a share of its upper end.
    pub precision: f64,
    /// The shortest trial.
    pub trial: Duration,
    /// The longest trial at first; it is doubled while there is time and nothing else is left to do.
    pub longest: Duration,
    /// The soak; zero for none.
    pub confirm: Duration,
    /// The time for all.
    pub budget: Duration,
    /// What a trial takes beside its window.
    pub overhead: Duration,
    /// How many arrivals make it likely that a trial can tell.
    pub arrivals: f64,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// This trial.
    Trial(Order),
    /// Nothing: it is over.
    End(End),
}

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The interval is as narrow as was asked for, or `max` is carried.
    Precise,
    /// The time is used up, or what is left would not be enough to tell more.
    OutOfTime,
    /// Not even the lowest load is carried.
    NothingCarried,
}

/// What is known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bounds {
    /// The highest load that is carried.
    pub lower: Option<f64>,
    /// The lowest that is missed.
    pub upper: Option<f64>,
    /// The lowest above `lower` that the generator could not make.
    pub client: Option<f64>,
    /// Whether `lower` was seen twice, or for as long as the soak.
    pub lower_is_firm: bool,
    /// Whether `upper` (or `client`, where that is lower) was seen twice.
    pub upper_is_firm: bool,
    /// Whether the soak at `lower` was good.
    pub confirmed: bool,
}

impl Bounds {
    /// The lowest load that was not carried, for whatever reason.
    pub fn ceiling(&self) -> Option<f64> {
        self.upper.into_iter().chain(self.client).reduce(f64::min)
    }

    /// Whether the generator and not the endpoint kept the search from a higher load.
    pub fn is_client_limited(&self) -> bool {
        self.client.is_some() && self.ceiling() == self.client
    }

    /// Whether the interval is no wider than `precision`.
    pub fn is_within(&self, precision: f64) -> bool {
        let wanted = if self.is_client_limited() { precision.max(CLIENT_PRECISION) } else { precision };
        self.lower.zip(self.ceiling()).is_some_and(|(low, high)| high - low <= wanted * high)
    }
}
