//! What one server does of each kind of work, by the documents: a set for all searches for capacity together, and one for each suite with each
//! type of certificate.

use super::{CannotPlan, Source};
use crate::model::demand::Demand;
use crate::model::load::Unit;
use crate::model::suite::{KeyType, Suite};
use crate::model::suites::{Direction, Workload};
use crate::record::capacity::CapacityDocument;
use crate::record::plan::Use;
use crate::record::suites::{ArmRecord, Figure, SuitesDocument};
use crate::units::{self, ByteCount};

/// The name in documents of what a search for capacity made as a whole.
const MIX: &str = "mix";

/// How a figure was taken for a size that was not measured.
pub(super) const INTERPOLATED: &str = "interpolated";
pub(super) const NEAREST: &str = "nearest";

/// How close two shares, or two numbers of requests, are the same.
const SAME: f64 = 1e-9;

/// One capacity; its demand is 0 until one is made of it.
#[derive(Debug, Clone)]
struct Known {
    what: What,
    figure: Use,
}

/// What a capacity is of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Full,
    Resumed,
    /// A request of the document's own URL.
    Request,
    /// A download of so many bytes.
    Object(u64),
    /// Sessions of so many requests each, of which a share resumes, counted by one or the other.
    Mix {
        resumed: f64,
        each: u64,
        unit: Unit,
    },
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Full => Workload::FullHandshake.name(),
            Self::Resumed => Workload::ResumedHandshake.name(),
            Self::Request | Self::Object(_) => Workload::Request.name(),
            Self::Mix { .. } => MIX,
        }
    }

    fn in_words(self) -> String {
        match self {
            Self::Full | Self::Resumed | Self::Request => format!("the capacity of {}s", self.name().replace('_', " ")),
            Self::Object(bytes) => format!("the capacity of downloads of {}", ByteCount(bytes)),
            Self::Mix { .. } => "the capacity of a mix".to_owned(),
        }
    }
}

/// What one server does of each kind of work.
#[derive(Debug, Clone)]
pub(super) struct Capacities {
    /// Which suite with which certificate; `None` for searches for capacity.
    pub(super) arm: Option<(Suite, KeyType)>,
    known: Vec<Known>,
    /// Why a search has no capacity, in words.
    without: Option<String>,
}

/// All sets that the documents have.
///
/// # Errors
/// [`CannotPlan::Twice`] and [`CannotPlan::Damaged`].
pub(super) fn of(sources: &[(String, Source)]) -> Result<Vec<Capacities>, CannotPlan> {
    let (mut searched, mut suites) = (Vec::new(), Vec::new());
    for (path, source) in sources {
        match source {
            Source::Capacity(document) => searched.push((path, document.as_ref())),
            Source::Suites(document) => suites.push((path, document.as_ref())),
        }
    }
    let mut sets = Vec::new();
    if !searched.is_empty() {
        sets.push(of_searches(&searched)?);
    }
    if let [(first, _), (second, _), ..] = suites.as_slice() {
        let what = "the rates of suites".to_owned();
        return Err(CannotPlan::Twice { first: (*first).clone(), second: (*second).clone(), what });
    }
    for (path, document) in suites {
        sets.extend(of_suites(path, document));
    }
    Ok(sets)
}

fn of_searches(searched: &[(&String, &CapacityDocument)]) -> Result<Capacities, CannotPlan> {
    let mut set = Capacities { arm: None, known: Vec::new(), without: None };
    let mut seen: Vec<(What, &String)> = Vec::new();
    for (path, document) in searched {
        let what = of_what(document);
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == what) {
            return Err(CannotPlan::Twice { first: (*first).clone(), second: (*path).clone(), what: what.in_words() });
        }
        seen.push((what, path));
        let (lower, upper) = (document.capacity.lower, document.capacity.upper);
        if let (Some(lower), Some(upper)) = (lower, upper)
            && lower > upper
        {
            return Err(CannotPlan::Damaged { path: (*path).clone(), lower, upper });
        }
        match document.capacity.lower.filter(|lower| *lower > 0.0) {
            Some(lower) => set.known.push(Known { what, figure: searched_figure(path, document, what, lower) }),
            None => set.without = Some(format!("{path} found no capacity: {}", document.capacity.text)),
        }
    }
    Ok(set)
}

fn of_what(document: &CapacityDocument) -> What {
    let (resumed, each) = (document.plan.resumption_share, document.plan.requests_per_connection);
    let sessions = document.capacity.unit == Unit::Sessions.name();
    match (sessions, each) {
        (true, None | Some(0)) if resumed == 0.0 => What::Full,
        (true, None | Some(0)) if (resumed - 1.0).abs() < SAME => What::Resumed,
        (true, each) => What::Mix { resumed, each: each.unwrap_or(0), unit: Unit::Sessions },
        (false, None | Some(0)) => What::Request,
        (false, Some(each)) => What::Mix { resumed, each, unit: Unit::Requests },
    }
}

fn searched_figure(path: &str, document: &CapacityDocument, what: What, lower: f64) -> Use {
    let found = &document.capacity;
    let bound = match (found.limited_by.as_deref(), found.upper) {
        (Some("server"), Some(_)) => shared(document).then_some("shared_host"),
        (Some("client"), _) => Some("client"),
        (Some("connections"), _) => Some("connections"),
        (Some("search_range"), _) => Some("search_range"),
        _ => Some("unfinished"),
    };
    Use {
        operation: what.name().to_owned(),
        demand_per_s: 0.0,
        capacity_per_s: lower,
        capacity_high_per_s: found.upper,
        lower_bound: bound.map(str::to_owned),
        sized: None,
        from: format!("{path}, within its objectives"),
    }
}

/// Whether generator and server shared cores: the server alone does more.
fn shared(document: &CapacityDocument) -> bool {
    document.warnings.iter().any(|warning| warning.code == "shared_host")
}

fn of_suites(path: &str, document: &SuitesDocument) -> Vec<Capacities> {
    let mut sets: Vec<Capacities> = Vec::new();
    for arm in document.arms.iter().filter(|arm| !arm.control) {
        let key = Some((arm.suite, arm.certificate));
        let place = sets.iter().position(|set| set.arm == key).unwrap_or_else(|| {
            sets.push(Capacities { arm: key, known: Vec::new(), without: None });
            sets.len() - 1
        });
        if let (Some(what), Some(rate)) = (what_of(arm), arm.estimate.rate_per_s) {
            sets[place].known.push(Known { what, figure: measured_figure(path, arm, what, rate) });
        }
    }
    sets
}

fn what_of(arm: &ArmRecord) -> Option<What> {
    let full = Workload::FullHandshake.name();
    match (arm.workload.as_str(), arm.direction, arm.object_bytes) {
        (name, ..) if name == full => Some(What::Full),
        (name, ..) if name == Workload::ResumedHandshake.name() => Some(What::Resumed),
        (name, ..) if name == Workload::Request.name() => Some(What::Request),
        (_, Some(Direction::Download), Some(bytes)) if bytes > 0 => Some(What::Object(bytes)),
        _ => None,
    }
}

fn measured_figure(path: &str, arm: &ArmRecord, what: What, rate: Figure) -> Use {
    let bound = match arm.rate_of.as_str() {
        "server" => None,
        "client" => Some("client"),
        _ => Some("shared_host"),
    };
    let named = match what {
        What::Object(bytes) => format!("downloads of {}", ByteCount(bytes)),
        _ => format!("{}s", what.name().replace('_', " ")),
    };
    let interval = if rate.low.is_some() { "" } else { ", of which too few rounds give no interval" };
    Use {
        operation: what.name().to_owned(),
        demand_per_s: 0.0,
        capacity_per_s: rate.low.unwrap_or(rate.value),
        capacity_high_per_s: rate.high,
        lower_bound: bound.map(str::to_owned),
        sized: None,
        from: format!("{path}, {named} at full load{interval}"),
    }
}

impl Capacities {
    /// The kinds of work that `demand` holds, each with what one server does of it.
    ///
    /// # Errors
    /// What is not known, and the way to know it.
    pub(super) fn uses(&self, demand: &Demand) -> Result<Vec<Use>, String> {
        if let Some(whole) = self.whole(demand) {
            return Ok(vec![whole]);
        }
        let mut uses = Vec::new();
        if let Some(sessions) = demand.sessions() {
            let (rate, resumed) = (sessions.rate.as_per_second(), sessions.resumed.as_fraction());
            for (what, demand_per_s) in [(What::Full, rate * (1.0 - resumed)), (What::Resumed, rate * resumed)] {
                if demand_per_s > 0.0 {
                    uses.push(Use { demand_per_s, ..self.find(what).ok_or_else(|| self.missing(what))?.clone() });
                }
            }
        }
        if let Some(requests) = demand.requests() {
            let figure = match requests.size {
                Some(ByteCount(bytes)) => self.of_size(bytes)?,
                None => self.find(What::Request).cloned().ok_or_else(|| self.missing(What::Request))?,
            };
            uses.push(Use { demand_per_s: requests.rate.as_per_second(), ..figure });
        }
        Ok(uses)
    }

    /// Full handshakes, which a storm is made of.
    pub(super) fn full_handshake(&self) -> Option<&Use> {
        self.find(What::Full)
    }

    fn find(&self, what: What) -> Option<&Use> {
        self.known.iter().find(|known| known.what == what).map(|known| &known.figure)
    }

    /// The demand as one kind of work, where a search for capacity was made with just this mix.
    fn whole(&self, demand: &Demand) -> Option<Use> {
        let sessions = demand.sessions()?;
        let (rate, share) = (sessions.rate.as_per_second(), sessions.resumed.as_fraction());
        let requests = demand.requests().map_or(0.0, |requests| requests.rate.as_per_second());
        let close = |a: f64, b: f64| (a - b).abs() <= SAME * a.abs().max(1.0);
        self.known.iter().find_map(|known| {
            let What::Mix { resumed, each, unit } = known.what else { return None };
            let same = close(share, resumed) && close(requests / rate, each as f64);
            let demand_per_s = if unit == Unit::Sessions { rate } else { requests };
            same.then(|| Use { demand_per_s, ..known.figure.clone() })
        })
    }

    /// What one server does of downloads of `bytes`. Between two measured sizes the time for one is taken to grow in a straight line; a
    /// smaller object to take as long as the smallest, a larger one as much longer than the largest as it is larger, both of which are too long.
    fn of_size(&self, bytes: u64) -> Result<Use, String> {
        let mut sizes: Vec<(u64, &Use)> = Vec::new();
        for known in &self.known {
            if let What::Object(size) = known.what {
                sizes.push((size, &known.figure));
            }
        }
        sizes.sort_by_key(|(size, _)| *size);
        let above = sizes.partition_point(|(size, _)| *size < bytes);
        match (above.checked_sub(1).map(|below| sizes[below]), sizes.get(above)) {
            (_, Some((size, figure))) if *size == bytes => Ok((*figure).clone()),
            (Some(below), Some(above)) => Ok(between(below, *above, bytes)),
            (None, Some((_, figure))) => Ok(beyond(figure, 1.0)),
            (Some((size, figure)), None) => Ok(beyond(figure, size as f64 / bytes as f64)),
            // A search for capacity does not know the size of its answers: the assumptions say so.
            (None, None) if self.arm.is_none() => {
                self.find(What::Request).cloned().ok_or_else(|| self.missing(What::Request))
            }
            (None, None) => Err(format!(
                "downloads were not measured, so that nobody knows what an answer of {size} costs: measure them with `shakedown suites \
                 --workload download --size {size}`, or leave the size out to plan with requests like those that were measured",
                size = ByteCount(bytes)
            )),
        }
    }

    fn missing(&self, what: What) -> String {
        if let Some(why) = &self.without {
            return why.clone();
        }
        let (searched, workload) = match what {
            What::Full => ("--unit sessions --requests-per-connection 0", "full"),
            What::Resumed => ("--unit sessions --requests-per-connection 0 --resumption resumed", "resumed"),
            _ => ("", "request"),
        };
        let way = match self.arm {
            None => format!("shakedown capacity … {searched}"),
            Some(_) => format!("shakedown suites … --workload {workload}"),
        };
        format!("{} is not known; `{}` measures it", what.in_words(), way.trim_end())
    }
}

/// The figure for a size between two measured ones.
fn between(below: (u64, &Use), above: (u64, &Use), bytes: u64) -> Use {
    let share = (bytes - below.0) as f64 / (above.0 - below.0) as f64;
    let at = |low: f64, high: f64| 1.0 / ((1.0 - share) / low + share / high);
    let high = below.1.capacity_high_per_s.zip(above.1.capacity_high_per_s).map(|(low, high)| at(low, high));
    let sizes = format!("between {} and {}", units::bytes(below.0 as f64), units::bytes(above.0 as f64));
    Use {
        capacity_per_s: at(below.1.capacity_per_s, above.1.capacity_per_s),
        capacity_high_per_s: high,
        lower_bound: below.1.lower_bound.clone().or_else(|| above.1.lower_bound.clone()),
        sized: Some(INTERPOLATED.to_owned()),
        from: format!("{}, {sizes}", below.1.from),
        ..below.1.clone()
    }
}

/// The figure for a size beyond the measured ones, by that of the nearest, of which it does so many times as many.
fn beyond(nearest: &Use, factor: f64) -> Use {
    Use {
        capacity_per_s: nearest.capacity_per_s * factor,
        capacity_high_per_s: nearest.capacity_high_per_s.map(|high| high * factor),
        lower_bound: nearest.lower_bound.clone().or_else(|| Some("size".to_owned())),
        sized: Some(NEAREST.to_owned()),
        from: format!("{}, the nearest size", nearest.from),
        ..nearest.clone()
    }
}
