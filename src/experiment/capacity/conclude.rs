//! What a search ended with, in figures and in words: a pure function of its bounds and trials.

use super::trial::LATE;
use crate::model::capacity::CapacityPlan;
use crate::model::load::Unit;
use crate::record::capacity::{Capacity, TrialRecord};
use crate::record::run::{Remark, RunDocument};
use crate::stats::search::{Bounds, End};
use crate::units::{self, quantile_name};

/// A worker that is to keep up may be busy for this share of the time.
const BUSY_ENOUGH: f64 = 0.9;

/// Warnings of single runs that hold for the whole search.
const OF_ALL: [&str; 3] = ["insecure", "key_log", "shared_host"];

/// Connections are taken for the limit where so many of them were in use, while each answer took no more than so many times what it takes at
/// the lowest load: a server at its limit keeps them longer.
const IN_USE: f64 = 0.8;
const NO_LONGER: f64 = 1.5;

/// How a search ended.
pub(super) enum Ended {
    /// By itself.
    Of(End),
    /// By the user.
    Interrupted,
    /// The endpoint, which had answered, could not be reached any more; why.
    Gone(String),
}

/// What the endpoint carries.
pub(super) fn capacity(
    plan: &CapacityPlan,
    bounds: &Bounds,
    ended: &Ended,
    (trials, runs): (&[TrialRecord], &[RunDocument]),
) -> Capacity {
    let at_max = bounds.lower.is_some() && bounds.lower == plan.search().max.map(units::Rate::as_per_second);
    let limited_by = match bounds.lower {
        None => None,
        Some(_) if bounds.is_client_limited() => Some("client"),
        Some(_) if all_connections_in_use(plan, bounds, runs) => Some("connections"),
        Some(_) if bounds.upper.is_some() => Some("server"),
        Some(_) if at_max => Some("search_range"),
        Some(_) => None,
    };
    let outcome = match (bounds.lower, ended) {
        (Some(_), _) => "found",
        (None, Ended::Of(End::NothingCarried)) => "missed",
        (None, _) => "inconclusive",
    };
    let firm = bounds.lower_is_firm && (at_max || bounds.upper_is_firm);
    let mut capacity = Capacity {
        lower: bounds.lower,
        // Where nothing is carried there is no interval.
        upper: bounds.upper.filter(|_| outcome != "missed"),
        unit: plan.first().load.unit().name().to_owned(),
        limited_by: limited_by.map(str::to_owned),
        confirmed: bounds.confirmed,
        precise: firm && (at_max || bounds.is_within(plan.search().precision.as_fraction())),
        outcome: outcome.to_owned(),
        text: String::new(),
        client_cores_missing: None,
    };
    if let Some(load) = bounds.client.filter(|_| limited_by == Some("client")) {
        capacity.client_cores_missing = cores_missing(plan, load, trials);
    }
    capacity.text = text(plan, &capacity, bounds, ended, trials);
    capacity
}

/// By the cost of an arrival in the highest trial that was carried: how many cores `load` takes beyond those of the workers. `None` where no core
/// would help, or the cost is not known.
fn cores_missing(plan: &CapacityPlan, load: f64, trials: &[TrialRecord]) -> Option<u32> {
    if let Some(code) = local_limit(load, trials) {
        return LATE.contains(&code).then_some(1);
    }
    let good = trials.iter().filter(|trial| trial.valid && trial.achieved_per_s > 0.0 && trial.duration_s > 0.0);
    let dearest = good.filter(|trial| trial.rate_per_s < load).max_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s))?;
    let cost_s = dearest.client_cpu_s / (dearest.achieved_per_s * dearest.duration_s);
    let cores = (cost_s * load / BUSY_ENOUGH).ceil() - plan.first().load.threads() as f64;
    Some(cores.clamp(1.0, 1e6) as u32)
}

/// Why the trials at `load` were INVALID, if it was that which made them the generator's limit: the first reason's code.
fn local_limit(load: f64, trials: &[TrialRecord]) -> Option<&str> {
    let there = || trials.iter().filter(|trial| trial.rate_per_s == load);
    if there().any(|trial| trial.valid) {
        return None;
    }
    let reason = there().flat_map(|trial| &trial.reasons).next()?;
    Some(&reason.code)
}

fn rate(per_s: f64, unit: &str) -> String {
    format!("{} {unit}/s", units::decimal(per_s))
}

fn text(plan: &CapacityPlan, found: &Capacity, bounds: &Bounds, ended: &Ended, trials: &[TrialRecord]) -> String {
    let unit = found.unit.as_str();
    let Some(lower) = found.lower else { return without_number(plan, bounds, ended, trials) };
    let lowest = rate(lower, unit);
    let main = match (found.limited_by.as_deref(), found.upper) {
        (Some("server"), Some(upper)) => {
            format!("the server's limit lies between {} and {}", units::decimal(lower), rate(upper, unit))
        }
        (Some("connections"), Some(upper)) => format!(
            "≥ {lowest}, the connections were the limit: at {} all {} of --connections were in use, while each answer took hardly longer than at \
             the lowest load; with more of them the server may carry more",
            rate(upper, unit),
            plan.first().load.connections()
        ),
        (Some("client"), _) => client_text(&lowest, found, bounds, trials),
        (Some("search_range"), _) => format!("≥ {lowest}, the highest tried: --max kept the search from more"),
        _ => format!("≥ {lowest}: no load above it was surely too much before the search ended"),
    };
    let soak = plan.search().confirm;
    let held = match (soak.is_zero(), found.confirmed) {
        (_, true) => format!("; {lowest} held for {}", units::duration(soak)),
        (true, false) => String::new(),
        (false, false) => format!("; there was no time to see {lowest} hold for {}", units::duration(soak)),
    };
    let wide = if found.precise {
        String::new()
    } else {
        let why = match ended {
            Ended::Of(_) => "in --budget".to_owned(),
            Ended::Interrupted => "before the user ended it".to_owned(),
            Ended::Gone(_) => "before the endpoint was gone".to_owned(),
        };
        format!("; it could not be narrowed to {} {why}, with both ends seen twice", plan.search().precision)
    };
    format!("{main}{held}{wide}")
}

fn client_text(lowest: &str, found: &Capacity, bounds: &Bounds, trials: &[TrialRecord]) -> String {
    let load = bounds.client.unwrap_or_default();
    let tried = rate(load, &found.unit);
    let why = local_limit(load, trials).map(|code| format!(" ({code})")).unwrap_or_default();
    let remedy = match found.client_cores_missing {
        Some(1) => format!(": 1 more client core needed for {tried}"),
        Some(cores) => format!(": {cores} more client cores needed for {tried}"),
        None => format!(" at {tried}"),
    };
    format!("≥ {lowest}, the generator was the limit{remedy}{why}")
}

fn without_number(plan: &CapacityPlan, bounds: &Bounds, ended: &Ended, trials: &[TrialRecord]) -> String {
    let unit = plan.first().load.unit().name();
    let upper = bounds.upper.map(|upper| format!("; {} is too much", rate(upper, unit))).unwrap_or_default();
    match ended {
        Ended::Of(End::NothingCarried) => {
            let lowest = rate(plan.search().min.as_per_second(), unit);
            format!("no capacity: not even the lowest load, {lowest}, meets the objectives{}", missed(plan, trials))
        }
        Ended::Of(_) if bounds.is_client_limited() => {
            let load = bounds.client.unwrap_or_default();
            let why = local_limit(load, trials).map(|code| format!(" ({code})")).unwrap_or_default();
            let tried = rate(load, unit);
            format!("inconclusive: at {tried} the generator was the limit{why}, and below nothing is surely carried")
        }
        Ended::Of(_) => format!(
            "inconclusive: no trial in --budget held enough to show that a load is carried{upper}; give it a longer --budget, or objectives that \
             fewer {unit} can show"
        ),
        Ended::Interrupted => format!("inconclusive: the user ended it before any load was known to be carried{upper}"),
        Ended::Gone(_) => format!("inconclusive: the endpoint was gone before any load was known to be carried{upper}"),
    }
}

/// Which objectives the last bad trial at the lowest load missed, by what was measured.
fn missed(plan: &CapacityPlan, trials: &[TrialRecord]) -> String {
    let Some(trial) = trials.iter().rfind(|trial| trial.verdict == "bad") else { return String::new() };
    let of = plan.slo().iter().zip(&trial.objectives).filter(|(_, seen)| seen.verdict == "missed");
    let texts: Vec<String> = of.map(|(slo, _)| slo.to_string()).collect();
    match (texts.is_empty(), trial.overloaded) {
        (false, _) => format!(" ({} missed)", texts.join(" and ")),
        (true, true) => " (work came in faster than it was done)".to_owned(),
        (true, false) => String::new(),
    }
}

/// What a reader should know.
pub(super) fn warnings(
    plan: &CapacityPlan,
    ended: &Ended,
    (trials, runs): (&[TrialRecord], &[RunDocument]),
) -> Vec<Remark> {
    let mut warnings: Vec<Remark> = Vec::new();
    for code in OF_ALL {
        let all = || runs.iter().flat_map(|run| &run.verdict.warnings);
        warnings.extend(all().find(|warning| warning.code == code).cloned());
    }
    let mut warn = |code: &str, text: String| warnings.push(Remark { code: code.to_owned(), text });
    if let Ended::Gone(why) = ended {
        warn("endpoint_gone", format!("the endpoint answered at first and could not be reached any more: {why}"));
    }
    let invalid = trials.iter().filter(|trial| trial.verdict == "invalid").count();
    if invalid > 0 {
        let text = format!(
            "{invalid} of {} trials were INVALID by the generator's own fault, and are no evidence",
            trials.len()
        );
        warn("invalid_trials", text);
    }
    let settled = |trial: &&TrialRecord| trial.steady == Some(false) && trial.verdict == "bad" && !trial.overloaded;
    let unsettled = trials.iter().filter(settled).count();
    if unsettled > 0 {
        let text = format!(
            "in {unsettled} trials that count as bad response times still fell over the window; a longer --warmup may find more"
        );
        warn("unsteady", text);
    }
    if let Some(text) = unanswered(plan) {
        warn("only_answers", text);
    }
    warnings
}

/// Whether the connections, and not what serves them, are what the upper end is of.
fn all_connections_in_use(plan: &CapacityPlan, bounds: &Bounds, runs: &[RunDocument]) -> bool {
    let mean = |run: &RunDocument| run.latency.service.as_ref().and_then(|service| service.mean_ns);
    let rate = |run: &RunDocument| run.plan.rate_per_s.unwrap_or(0.0);
    let upper = bounds.upper.filter(|_| plan.first().load.unit() == Unit::Requests);
    let full = upper.and_then(|upper| runs.iter().find(|run| rate(run) == upper && mean(run).is_some()));
    let idle = runs.iter().filter(|run| mean(run).is_some()).min_by(|a, b| rate(a).total_cmp(&rate(b)));
    let (Some(full), Some(idle)) = (full, idle) else { return false };
    let (Some(took), Some(takes)) = (mean(full), mean(idle)) else { return false };
    let in_use = full.throughput.requests_per_s * took / 1e9;
    in_use >= IN_USE * plan.first().load.connections() as f64 && took <= NO_LONGER * takes
}

/// Objectives on a latency speak of what was answered; the one on errors is what keeps failures from passing for speed.
fn unanswered(plan: &CapacityPlan) -> Option<String> {
    use crate::model::slo::Measure;
    let errors = plan.slo().iter().find_map(|slo| match slo.measure() {
        Measure::Errors(limit) if limit.as_fraction() > 0.0 => Some(limit.as_fraction()),
        _ => None,
    })?;
    let strictest = plan.slo().iter().filter_map(|slo| match slo.measure() {
        Measure::Latency { q, .. } => Some(q),
        _ => None,
    });
    let q = strictest.fold(0.0, f64::max);
    // More may fail than the quantile leaves out.
    (q > 0.0 && errors > 1.0 - q + 1e-9).then(|| {
        format!(
            "errors may reach {}, more than the {} beyond {}: what failed at once is in no latency",
            units::share(errors),
            units::share(1.0 - q),
            quantile_name(q)
        )
    })
}
