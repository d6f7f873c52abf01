//! One load, and what all its trials say together.

use std::time::Duration;

use super::{Purpose, Trial, Verdict};

/// The share of bad ones among a load's decided trials up to which it is carried; it is missed where as many were good.
pub const TOLERATED_BAD: f64 = 1.0 / 3.0;

/// As many trials that could not show an end again take it back.
const UNREPEATABLE: u32 = 2;

/// As many INVALID trials, with none that told anything, are the generator's limit.
const HOPELESS: u32 = 3;

/// What is held of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not known.
    Open,
    /// A lower bound; firm: seen twice.
    Carried { firm: bool },
    /// An upper bound.
    Missed { firm: bool },
    /// The generator cannot make it.
    Client,
}

/// A load.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub(super) load: f64,
    pub(super) standing: Standing,
    /// The longest trial that was evidence; of those that decided, too.
    pub(super) longest: Duration,
    pub(super) decided_by: Duration,
    /// The longest that could not tell.
    undecided_for: Duration,
    good: u32,
    bad: u32,
    /// As long as the soak.
    long_good: u32,
    long_bad: u32,
    soaked_bad: u32,
    /// Whether one of them was bad beyond doubt.
    surely_bad: bool,
    unrepeated: u32,
    client: u32,
    invalid: u32,
    trials: u32,
    narrowed: bool,
    /// Time in trials that leaned towards good, less that in trials that leaned towards bad.
    lean_s: f64,
}

impl Place {
    fn new(load: f64) -> Self {
        Self {
            load,
            standing: Standing::Open,
            longest: Duration::ZERO,
            decided_by: Duration::ZERO,
            undecided_for: Duration::ZERO,
            good: 0,
            bad: 0,
            long_good: 0,
            long_bad: 0,
            soaked_bad: 0,
            surely_bad: false,
            unrepeated: 0,
            client: 0,
            invalid: 0,
            trials: 0,
            narrowed: false,
            lean_s: 0.0,
        }
    }

    fn take(&mut self, trial: &Trial, confirm: Duration) {
        let order = &trial.order;
        let is_long = !confirm.is_zero() && order.duration >= confirm;
        self.narrowed |= order.purpose == Purpose::Narrowing;
        match outcome(trial) {
            Verdict::Good => {
                self.good += 1;
                self.long_good += u32::from(is_long);
            }
            Verdict::Bad => {
                self.bad += 1;
                self.long_bad += u32::from(is_long);
                self.surely_bad |= trial.verdict == Verdict::Bad;
                self.soaked_bad += u32::from(order.purpose == Purpose::Soak);
            }
            Verdict::Undecided => {
                self.undecided_for = self.undecided_for.max(order.duration);
                self.unrepeated += u32::from(order.purpose == Purpose::Again);
            }
            Verdict::Client => self.client += 1,
            Verdict::Invalid => {
                self.invalid += 1;
                return;
            }
        }
        self.trials += 1;
        self.longest = self.longest.max(order.duration);
        if matches!(outcome(trial), Verdict::Good | Verdict::Bad) {
            self.decided_by = self.decided_by.max(order.duration);
        }
        let leans_bad = trial.leans_bad || matches!(trial.verdict, Verdict::Bad | Verdict::Client);
        self.lean_s += if leans_bad { -1.0 } else { 1.0 } * order.duration.as_secs_f64();
    }

    /// What is held of it; `strict`: only trials as long as the soak show that a load is carried.
    fn stand(&self, strict: bool) -> Standing {
        let good = if strict { self.long_good } else { self.good };
        let decided = good + self.bad;
        let bad_share = f64::from(self.bad) / f64::from(decided);
        let is_client = (self.client > 0 && self.client + self.invalid > 1) || self.invalid >= HOPELESS;
        match (good, self.bad) {
            // Of soaks, the last word is with soaks.
            _ if self.fails_for_long() => {
                let surely = self.long_bad > 1 && self.surely_bad;
                if surely { Standing::Missed { firm: true } } else { Standing::Open }
            }
            (0, 0) => {
                if is_client {
                    Standing::Client
                } else {
                    Standing::Open
                }
            }
            (1, 0) | (0, 1) if self.unrepeated >= UNREPEATABLE => Standing::Open,
            _ if bad_share <= TOLERATED_BAD => Standing::Carried { firm: good > 1 || self.long_good > 0 },
            _ if bad_share >= 1.0 - TOLERATED_BAD => Standing::Missed { firm: self.bad > 1 },
            _ => Standing::Open,
        }
    }

    pub(super) fn is_firm(&self) -> bool {
        matches!(self.standing, Standing::Carried { firm: true } | Standing::Missed { firm: true } | Standing::Client)
    }

    /// Whether it held for as long as the soak.
    pub(super) fn is_confirmed(&self) -> bool {
        self.long_good > 0 && matches!(self.standing, Standing::Carried { .. })
    }

    /// Whether a soak was bad, and that may have been chance.
    pub(super) fn is_suspect(&self) -> bool {
        self.soaked_bad == 1 && self.standing == Standing::Open
    }

    /// Whether soaks have said no more than once: chance is out of the question.
    pub(super) fn has_failed_soaks(&self) -> bool {
        self.soaked_bad > 1
    }

    /// Whether what says so includes a soak, and none held.
    pub(super) fn fails_for_long(&self) -> bool {
        self.soaked_bad > 0 && self.long_bad > self.long_good
    }

    /// Whether it was shown to be carried or missed.
    pub(super) fn is_decided(&self) -> bool {
        matches!(self.standing, Standing::Carried { .. } | Standing::Missed { .. })
    }

    /// Whether there was one trial only that was evidence.
    pub(super) fn is_single(&self) -> bool {
        self.trials == 1
    }

    /// Whether a bound was looked for here.
    pub(super) fn was_narrowed(&self) -> bool {
        self.narrowed
    }

    /// Whether a trial as long as `limit` could not tell, or soaks have said no.
    pub(super) fn is_exhausted(&self, limit: Duration) -> bool {
        self.undecided_for >= limit || self.has_failed_soaks()
    }

    pub(super) fn leans_bad(&self) -> bool {
        match self.standing {
            Standing::Carried { .. } => false,
            Standing::Missed { .. } | Standing::Client => true,
            Standing::Open => self.lean_s < 0.0,
        }
    }

    /// How much its leaning counts against that of others, in seconds.
    fn weight(&self) -> f64 {
        if self.standing == Standing::Open { self.lean_s.abs() } else { 1e9 }
    }
}

/// What a trial counts as. A soak is the last word on a load of which trials have already said that it is carried, each with an interval: where it misses
/// an objective by what it measured, that is hardly chance, and where it does not, it held.
fn outcome(trial: &Trial) -> Verdict {
    match (trial.order.purpose, trial.verdict) {
        (Purpose::Soak, Verdict::Undecided) if trial.leans_bad => Verdict::Bad,
        (Purpose::Soak, Verdict::Undecided) => Verdict::Good,
        (_, verdict) => verdict,
    }
}

/// Whether a load failed that shorter trials had shown to be carried.
pub(super) fn soak_has_failed(trials: &[Trial]) -> bool {
    trials.iter().any(|trial| trial.order.purpose == Purpose::Soak && outcome(trial) == Verdict::Bad)
}

/// All loads that were tried, ascending.
pub(super) fn places(trials: &[Trial], confirm: Duration) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for trial in trials {
        let load = trial.order.load;
        let at = places.partition_point(|place| place.load < load);
        if places.get(at).is_none_or(|place| place.load != load) {
            places.insert(at, Place::new(load));
        }
        places[at].take(trial, confirm);
    }
    let strict = soak_has_failed(trials);
    for place in &mut places {
        place.standing = place.stand(strict);
    }
    places
}

/// The neighbouring loads between which leanings change from good to bad, with as little as possible on the wrong side; `None` for one of
/// them where nothing is on its side. Loads that only INVALID trials were made at have no leaning.
pub(super) fn split(places: &[Place]) -> (Option<f64>, Option<f64>) {
    let places: Vec<_> = places.iter().filter(|place| place.trials > 0 || place.standing == Standing::Client).collect();
    let wrong = |cut: usize| -> f64 {
        let misplaced = places.iter().enumerate().filter(|(i, place)| place.leans_bad() == (*i < cut));
        misplaced.map(|(_, place)| place.weight()).sum()
    };
    let cut = (0..=places.len()).min_by(|a, b| wrong(*a).total_cmp(&wrong(*b))).unwrap_or(0);
    let good = cut.checked_sub(1).and_then(|i| places.get(i));
    (good.map(|place| place.load), places.get(cut).map(|place| place.load))
}
