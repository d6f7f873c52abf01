//! The search for the highest load that meets its objectives: which trial comes next, and what all of them say together.
//!
//! It follows the ideas of MLRsearch (Konstantynowicz and Polak, *Multiple Loss Ratio Search*, IETF draft-ietf-bmwg-mlrsearch) rather than plain
//! bisection, with trials that may also be undecided:
//!
//! 1. A load *is carried* where at most a third of its decided trials were bad, *is missed* where at least two thirds were, and is open otherwise:
//!    one odd trial decides nothing for good.
//! 2. *Growth*: the load doubles until a trial leans towards bad, and does so again.
//! 3. *Locating*: bisection by what short trials lean to, certain or not. This says only where to look; no bound comes from a leaning.
//! 4. *Narrowing*: from outside, the nearest load that is surely carried and the nearest that is surely missed. A trial that cannot tell is made again and
//!    longer; where the longest cannot tell, the bound stays further out. The answer is then a wider interval and not a wrong one.
//! 5. *Again*: both ends are seen twice before they count as firm; one that cannot be seen again is open.
//! 6. *Soak*: a long trial at the lower end, which holds where what was measured meets the objectives: that the load is likely to was shown before. Where
//!    it fails twice the load is no lower bound any more (and an upper one, if it was surely missed), and from then on only trials as long as the
//!    soak show that a load is carried.
//!
//! Pure: no clock, no I/O. Time is what the caller says is left.

use std::time::Duration;

mod place;
mod values;

pub use place::TOLERATED_BAD;
use place::{Place, Standing};
pub use values::{Bounds, End, Fault, Next, Order, Purpose, Settings, Trial, Verdict};

/// How much the load grows from trial to trial, and shrinks where the first is too much.
const GROWTH: f64 = 2.0;
const RETREAT: f64 = 4.0;

/// Locating ends when the leanings change within this share.
const LOCATED: f64 = 0.05;

/// How far outside the first bounds are looked for, as a share of the load; twice as far each time that it cannot be told.
const FIRST_STEP: f64 = 0.08;

/// How much of the way towards the middle a bound is moved at once.
const STRIDE: f64 = 0.6;

/// Near a limit times depend on each other, and it takes so many times more arrivals to tell than far from it.
const DEPENDENT: u32 = 5;

/// How much longer a trial is made that could not tell.
const LONGER: f64 = 2.5;

/// At most this share of the time is kept for soaks.
const SOAKING: f64 = 0.45;

/// A search under way.
#[derive(Debug, Clone)]
pub struct Search {
    settings: Settings,
    trials: Vec<Trial>,
}

impl Search {
    /// A search that has not begun.
    pub fn new(settings: Settings) -> Self {
        Self { settings, trials: Vec::new() }
    }

    /// Takes note of a trial.
    pub fn record(&mut self, trial: Trial) {
        self.trials.push(trial);
    }

    /// What is known so far.
    pub fn bounds(&self) -> Bounds {
        let places = self.places();
        let missed = |place: &&Place| matches!(place.standing, Standing::Missed { .. });
        let upper = places.iter().find(missed);
        let below = |place: &&Place| upper.is_none_or(|upper| place.load < upper.load);
        let lower = places.iter().filter(below).rfind(|place| matches!(place.standing, Standing::Carried { .. }));
        let above = |place: &&Place| lower.is_none_or(|lower| place.load > lower.load);
        let client = places.iter().filter(above).find(|place| place.standing == Standing::Client);
        let client = client.filter(|client| below(client));
        let firm = |place: Option<&Place>| place.is_some_and(Place::is_firm);
        Bounds {
            lower: lower.map(|place| place.load),
            upper: upper.map(|place| place.load),
            client: client.map(|place| place.load),
            lower_is_firm: firm(lower),
            upper_is_firm: firm(client.or(upper)),
            confirmed: lower.is_some_and(Place::is_confirmed),
        }
    }

    /// What comes next, with `left` of the time.
    pub fn next(&self, left: Duration) -> Next {
        let places = self.places();
        if let Some(order) = self.once_more(&places) {
            return self.if_it_fits(order, left).unwrap_or(Next::End(End::OutOfTime));
        }
        let bounds = self.bounds();
        if let Some(order) = self.soak_further_below(&places, &bounds) {
            return self.if_it_fits(order, left).unwrap_or(Next::End(End::OutOfTime));
        }
        let spare = left.saturating_sub(self.reserve(&places, &bounds));
        match self.explore(&places, &bounds, spare) {
            Some(Next::Trial(order)) if self.cost(order.duration) <= spare => Next::Trial(order),
            Some(Next::End(end)) => Next::End(end),
            _ => self.finish(&places, &bounds, left),
        }
    }

    fn places(&self) -> Vec<Place> {
        place::places(&self.trials, self.settings.confirm)
    }

    fn cost(&self, duration: Duration) -> Duration {
        duration + self.settings.overhead
    }

    fn if_it_fits(&self, order: Order, left: Duration) -> Option<Next> {
        (self.cost(order.duration) <= left).then_some(Next::Trial(order))
    }

    /// What has to be done at once: a trial that was no evidence, a first sign of the client's limit, a first bad soak.
    fn once_more(&self, places: &[Place]) -> Option<Order> {
        let Some(last) = self.trials.last() else {
            return Some(self.order(self.settings.start, self.settings.trial, Purpose::Growth));
        };
        let place = places.iter().find(|place| place.load == last.order.load)?;
        let again = match last.verdict {
            Verdict::Invalid | Verdict::Client => !place.is_decided() && place.standing != Standing::Client,
            Verdict::Bad | Verdict::Undecided => {
                let known = places.iter().any(Place::has_failed_soaks);
                last.order.purpose == Purpose::Soak && place.is_suspect() && !known
            }
            Verdict::Good => false,
        };
        again.then_some(last.order)
    }

    /// Where a soak failed and nothing is known to be carried for as long: another, well below the lowest that failed. That is where short trials said
    /// that more than this is carried, so what it measures is the last word on it as well.
    fn soak_further_below(&self, places: &[Place], bounds: &Bounds) -> Option<Order> {
        let lowest = places.iter().find(|place| place.fails_for_long())?.load;
        let load = rounded(lowest / RETREAT).max(self.settings.min);
        let wanted = bounds.lower.is_none() && load < lowest;
        wanted.then(|| self.order(load, self.settings.confirm, Purpose::Soak))
    }

    /// The time to keep for seeing the ends again, and for the soak.
    fn reserve(&self, places: &[Place], bounds: &Bounds) -> Duration {
        let again = |load: Option<f64>| {
            let place = places.iter().find(|place| Some(place.load) == load);
            self.cost(place.map_or(self.settings.trial, |place| place.decided_by))
        };
        let soaks = !self.settings.confirm.is_zero();
        let lower = match (soaks, bounds.confirmed, bounds.lower_is_firm) {
            // From then on every trial that counts is a soak itself.
            (true, ..) if place::soak_has_failed(&self.trials) => Duration::ZERO,
            // First there must be something to soak.
            (true, ..) if bounds.lower.is_none() => {
                self.cost(self.settings.confirm).min(self.settings.budget.mul_f64(SOAKING))
            }
            // It may fail, be made again, and two more be needed further below.
            (true, false, _) => (self.cost(self.settings.confirm) * 4).min(self.settings.budget.mul_f64(SOAKING)),
            (false, _, false) => again(bounds.lower),
            _ => Duration::ZERO,
        };
        let upper = match bounds.ceiling() {
            Some(_) if !bounds.upper_is_firm => again(bounds.ceiling()),
            // For a load that is plainly too much.
            None if places.iter().any(Place::leans_bad) => self.cost(self.settings.trial),
            _ => Duration::ZERO,
        };
        lower + upper
    }

    /// The next trial that would tell something new; `None` where the interval is as narrow as it should be, or as it can be made in time.
    fn explore(&self, places: &[Place], bounds: &Bounds, spare: Duration) -> Option<Next> {
        if bounds.is_within(self.settings.precision) {
            return None;
        }
        match place::split(places) {
            (good, None) => self.grow(places, good?),
            (None, Some(bad)) => self.retreat(places, bad),
            (Some(good), Some(bad)) => self.look_between(places, bounds, (good, bad), spare).map(Next::Trial),
        }
    }

    /// Nothing leans towards bad: the load grows, up to `max`.
    fn grow(&self, places: &[Place], good: f64) -> Option<Next> {
        match self.settings.max {
            Some(max) if good >= max => {
                let at_max = places.iter().find(|place| place.load == good)?;
                let open = !at_max.is_decided() && !at_max.is_exhausted(self.settings.longest);
                open.then(|| Next::Trial(self.longer(at_max, Purpose::Growth, self.settings.longest)))
            }
            max => {
                let load = (good * GROWTH).min(max.unwrap_or(crate::units::Rate::MAX_PER_SECOND));
                (load > good).then(|| Next::Trial(self.order(rounded(load), self.settings.trial, Purpose::Growth)))
            }
        }
    }

    /// Even the lowest load tried leans towards bad.
    fn retreat(&self, places: &[Place], bad: f64) -> Option<Next> {
        let lowest = places.first()?;
        if lowest.is_single() {
            return Some(Next::Trial(self.order(lowest.load, lowest.longest, Purpose::Growth)));
        }
        if bad > self.settings.min {
            let load = rounded(bad / RETREAT).max(self.settings.min);
            return Some(Next::Trial(self.order(load, self.settings.trial, Purpose::Growth)));
        }
        match lowest.standing {
            Standing::Missed { firm: true } => Some(Next::End(End::NothingCarried)),
            Standing::Missed { firm: false } => Some(Next::Trial(self.order(bad, lowest.decided_by, Purpose::Again))),
            Standing::Open if !lowest.is_exhausted(self.settings.longest) => {
                Some(Next::Trial(self.longer(lowest, Purpose::Growth, self.settings.longest)))
            }
            _ => Some(Next::End(End::OutOfTime)),
        }
    }

    /// Leanings change between `good` and `bad`: first that is made narrow, then the bounds are drawn up to it.
    fn look_between(
        &self,
        places: &[Place],
        bounds: &Bounds,
        (good, bad): (f64, f64),
        spare: Duration,
    ) -> Option<Order> {
        let seen_twice = |load: f64| places.iter().any(|place| place.load == load && !place.is_single());
        if bad > good * GROWTH * 0.99 && !seen_twice(bad) {
            let place = places.iter().find(|place| place.load == bad)?;
            return Some(self.order(bad, place.longest, Purpose::Growth));
        }
        let middle = rounded((good * bad).sqrt());
        let wide =
            !place::soak_has_failed(&self.trials) && bad - good > LOCATED.max(2.0 * self.settings.precision) * bad;
        if wide && middle > good && middle < bad {
            let duration = self.enough(middle).min(self.settings.trial * 5);
            return Some(self.order(middle, duration, Purpose::Locating));
        }
        let mut limit = self.settings.longest;
        loop {
            if let Some(order) = self.narrow(places, bounds, (good * bad).sqrt(), limit) {
                return Some(order);
            }
            limit *= 2;
            if self.cost(limit) > spare {
                return None;
            }
        }
    }

    /// A trial that draws the bound that is further from `centre` nearer to it, no longer than `limit`; `None` where both are stuck.
    fn narrow(&self, places: &[Place], bounds: &Bounds, centre: f64, limit: Duration) -> Option<Order> {
        let below = self.candidate(places, bounds.lower, centre, -1.0, limit);
        let above = self.candidate(places, bounds.ceiling(), centre, 1.0, limit);
        let gap = |end: Option<f64>| end.map_or(f64::INFINITY, |end| (end - centre).abs());
        let first_below = gap(bounds.lower) >= gap(bounds.ceiling());
        let load = if first_below { below.or(above) } else { above.or(below) }?;
        let known = places.iter().find(|place| place.load == load);
        if let Some(place) = known.filter(|place| place.was_narrowed()) {
            return Some(self.longer(place, Purpose::Narrowing, limit));
        }
        // Nearer to the centre it takes longer to tell.
        let outer = if load < centre { bounds.lower } else { bounds.ceiling() };
        let neighbour = places.iter().find(|place| Some(place.load) == outer);
        let duration =
            (self.enough(load) * DEPENDENT).max(neighbour.map_or(Duration::ZERO, |place| place.decided_by * 2));
        Some(self.order(load, duration.min(limit).max(self.least()), Purpose::Narrowing))
    }

    /// Where the bound `end` on one side (−1: below) of `centre` could be moved to; `None` where it is stuck, or near enough.
    fn candidate(&self, places: &[Place], end: Option<f64>, centre: f64, side: f64, limit: Duration) -> Option<f64> {
        let between = |place: &&Place| {
            let inside = (place.load - centre) * side >= 0.0;
            inside && end.is_none_or(|end| (end - place.load) * side > 0.0) && place.standing == Standing::Open
        };
        let open = || places.iter().filter(between).filter(|place| place.was_narrowed());
        if let Some(place) = open().find(|place| !place.is_exhausted(limit)) {
            return Some(place.load);
        }
        // The outermost of those that the longest trial could not tell.
        let stuck = open().map(|place| place.load).reduce(if side < 0.0 { f64::min } else { f64::max });
        let wanted = match (end, stuck) {
            (None, stuck) => {
                let steps = open().count().min(6) as i32;
                let from = stuck.unwrap_or(centre);
                from * (1.0 + side * FIRST_STEP * 2_f64.powi(steps)).max(0.1)
            }
            (Some(end), Some(stuck)) => f64::midpoint(end, stuck),
            (Some(end), None) => end + STRIDE * (centre - end),
        };
        let bounded = rounded(wanted).max(self.settings.min).min(self.settings.max.unwrap_or(f64::INFINITY));
        let least = 0.25 * self.settings.precision * centre;
        // Short of a load that could not be told, a few steps are enough.
        let least = stuck.zip(end).map_or(least, |(_, end)| least.max(0.15 * (end - centre).abs()));
        let far_enough = |other: f64| (bounded - other).abs() >= least;
        let is_new = end.is_none_or(far_enough) && stuck.is_none_or(far_enough);
        let is_open = places.iter().all(|place| place.load != bounded || place.standing == Standing::Open);
        (is_new && is_open && (bounded - centre) * side >= 0.0).then_some(bounded)
    }

    /// The ends once more, and the soak; as far as there is time.
    fn finish(&self, places: &[Place], bounds: &Bounds, left: Duration) -> Next {
        let find = |load: Option<f64>| places.iter().find(|place| Some(place.load) == load);
        let wants_soak = !self.settings.confirm.is_zero() && !bounds.confirmed;
        // A soak is a second look at the lower end, too.
        let soak = bounds.lower.filter(|_| wants_soak);
        let soak = soak.map(|load| self.order(load, self.settings.confirm, Purpose::Soak));
        let again = |place: &Place| self.longer(place, Purpose::Again, place.longest.max(self.settings.longest));
        let lower = find(bounds.lower).filter(|_| !bounds.lower_is_firm).map(again);
        let upper = find(bounds.ceiling()).filter(|_| !bounds.upper_is_firm).map(again);
        let last_resort = self.last_resort(places, bounds, left);
        let too_much = self.plainly_too_much(places, bounds);
        let mut orders = [soak, lower, too_much, last_resort, upper].into_iter().flatten();
        if let Some(next) = orders.find_map(|order| self.if_it_fits(order, left)) {
            return next;
        }
        let at_max = bounds.ceiling().is_none() && bounds.lower.is_some() && bounds.lower == self.settings.max;
        let is_precise = bounds.is_within(self.settings.precision) || at_max;
        Next::End(if is_precise { End::Precise } else { End::OutOfTime })
    }

    /// Where nothing is known to be carried, and time is short: all that is left for a load far enough below to be told.
    fn last_resort(&self, places: &[Place], bounds: &Bounds, left: Duration) -> Option<Order> {
        let lowest = places.iter().find(|place| place.was_narrowed()).or(places.first())?.load;
        let load = rounded(lowest / GROWTH).max(self.settings.min);
        let is_new = places.iter().all(|place| place.load != load || !place.was_narrowed());
        let duration = left.saturating_sub(self.settings.overhead).min(self.least().max(self.settings.longest * 2));
        let useful = bounds.lower.is_none() && is_new && duration >= self.least();
        useful.then(|| self.order(load, duration, Purpose::Narrowing))
    }

    /// Where loads lean towards bad and none is surely missed: one so far above that even the shortest trial can tell.
    fn plainly_too_much(&self, places: &[Place], bounds: &Bounds) -> Option<Order> {
        let highest = places.last().filter(|place| bounds.ceiling().is_none() && place.leans_bad())?;
        let most = self.settings.max.unwrap_or(crate::units::Rate::MAX_PER_SECOND);
        let load = rounded(highest.load * GROWTH).min(most);
        (load > highest.load).then(|| self.order(load, self.least(), Purpose::Narrowing))
    }

    /// The duration in which `load` brings enough arrivals to tell.
    fn enough(&self, load: f64) -> Duration {
        let seconds = (self.settings.arrivals / load).min(self.settings.longest.as_secs_f64());
        Duration::from_secs_f64(seconds).max(self.least())
    }

    /// The shortest trial that counts for a bound: as long as the soak once one has failed.
    fn least(&self) -> Duration {
        if place::soak_has_failed(&self.trials) {
            self.settings.confirm.max(self.settings.trial)
        } else {
            self.settings.trial
        }
    }

    fn longer(&self, place: &Place, purpose: Purpose, limit: Duration) -> Order {
        let duration = place.longest.mul_f64(LONGER).max(self.enough(place.load)).min(limit);
        self.order(place.load, duration.max(self.least()), purpose)
    }

    fn order(&self, load: f64, duration: Duration, purpose: Purpose) -> Order {
        // To the millisecond: nobody wants to read more.
        let duration = Duration::from_millis(duration.as_millis().try_into().unwrap_or(u64::MAX));
        Order { load, duration, purpose }
    }
}

/// A load that is easy to read: four significant digits.
fn rounded(load: f64) -> f64 {
    let unit = 10_f64.powf(load.log10().floor() - 3.0);
    // The division keeps 0.1 from becoming 0.1000000001.
    if unit >= 1.0 { (load / unit).round() * unit } else { (load / unit).round() / (1.0 / unit).round() }
}

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
