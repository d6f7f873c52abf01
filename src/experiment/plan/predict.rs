//! What searches for the capacities of single kinds of work predict of a mix, and how near that comes to what a search of the mix itself finds.

use std::fmt;

use super::{CannotPlan, Source, capacities};
use crate::model::demand::{Clauses, Demand};
use crate::model::load::{RequestsPerConnection, Unit};
use crate::model::plan::RunPlan;
use crate::record::capacity::{Capacity, PredictionRecord};
use crate::units;

/// The highest rate of a mix by what its parts cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    documents: Vec<String>,
    unit: Unit,
    /// By the lower ends of the parts' intervals, per second.
    pub lower: f64,
    /// By their upper ends; `None` where one of the parts is a lower bound only.
    pub upper: Option<f64>,
}

/// What `sources` predict of sessions as `plan` makes them: Σ dᵢ ÷ Cᵢ = 1, where each session needs dᵢ operations of which one server does Cᵢ a second
/// (utilisation law).
///
/// # Errors
/// [`CannotPlan`], where they lack a part of the mix or `plan` has no sessions.
pub fn predict(sources: &[(String, Source)], plan: &RunPlan) -> Result<Prediction, CannotPlan> {
    let load = &plan.load;
    let each = match load.requests_per_connection() {
        RequestsPerConnection::Exactly(n) => format!(", {n} requests each"),
        RequestsPerConnection::HandshakeOnly => String::new(),
        RequestsPerConnection::Unlimited => {
            let why = "the load is no mix: say with --requests-per-connection how many requests a session has, and with --resumption which share resumes";
            return Err(CannotPlan::Unanswerable(why.to_owned()));
        }
    };
    let resumed = plan.tls.resumption.share() * 100.0;
    let clauses: Clauses =
        format!("1 sessions/s, {resumed}% resumed{each}").parse().map_err(CannotPlan::Unanswerable)?;
    let demand = Demand::new(&clauses).map_err(CannotPlan::Unanswerable)?;
    let sets = capacities::of(sources)?;
    let searched = sets.iter().find(|set| set.arm.is_none());
    let uses = searched
        .ok_or_else(|| {
            CannotPlan::Unanswerable("a mix is predicted from documents of capacity, and none was named".to_owned())
        })?
        .uses(&demand)
        .map_err(CannotPlan::Unanswerable)?;
    // Requests are counted where the search counts them: so many for each session.
    let counted = match (load.unit(), load.requests_per_connection()) {
        (Unit::Requests, RequestsPerConnection::Exactly(n)) => n.get() as f64,
        _ => 1.0,
    };
    let takes: f64 = uses.iter().map(|part| part.demand_per_s / part.capacity_per_s).sum();
    let at_best: Option<f64> = uses
        .iter()
        .map(|part| Some(part.demand_per_s / part.capacity_high_per_s.filter(|_| part.lower_bound.is_none())?))
        .sum();
    Ok(Prediction {
        documents: sources.iter().map(|(path, _)| path.clone()).collect(),
        unit: load.unit(),
        lower: counted / takes,
        upper: at_best.map(|takes| counted / takes),
    })
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit.name();
        match self.upper {
            Some(upper) => write!(f, "{} to {} {unit}/s", units::decimal(self.lower), units::decimal(upper))?,
            None => write!(f, "≥ {} {unit}/s", units::decimal(self.lower))?,
        }
        write!(f, " by the utilisation law from {}", self.documents.join(", "))
    }
}

impl Prediction {
    /// The prediction beside what was `found`.
    pub fn beside(&self, found: &Capacity) -> PredictionRecord {
        let of_server = found.limited_by.as_deref() == Some("server");
        let (verdict, ratio) = verdict((self.lower, self.upper), (found.lower, found.upper.filter(|_| of_server)));
        let by = |ratio: f64| units::share((ratio - 1.0).abs());
        let judged = match (verdict, ratio) {
            ("agrees", _) => "what was found agrees with it".to_owned(),
            ("too_high", (Some(low), Some(high))) => format!(
                "that is {} to {} too high: beside each other the parts cost more than alone",
                by(low),
                by(high)
            ),
            ("too_high", (Some(low), None)) => {
                format!("that is at least {} too high: beside each other the parts cost more than alone", by(low))
            }
            ("too_low", (_, Some(high))) => {
                format!("that is at least {} too low: beside each other the parts cost less than alone", by(high))
            }
            _ => "what was found is too little to say whether it holds".to_owned(),
        };
        PredictionRecord {
            documents: self.documents.clone(),
            lower: self.lower,
            upper: self.upper,
            ratio_low: ratio.0,
            ratio_high: ratio.1,
            verdict: verdict.to_owned(),
            text: format!("{self}; {judged}"),
        }
    }
}

type Ends = (Option<f64>, Option<f64>);

/// Whether the predicted interval meets the one that was found, and the least and the greatest ratio of the one to the other that both allow.
fn verdict((low, high): (f64, Option<f64>), (found_low, found_high): Ends) -> (&'static str, Ends) {
    let ratio = (found_high.map(|found| low / found), high.zip(found_low).map(|(high, found)| high / found));
    let verdict = match ratio {
        (Some(least), _) if least > 1.0 => "too_high",
        (_, Some(most)) if most < 1.0 => "too_low",
        (Some(_), Some(_)) => "agrees",
        _ => "unknown",
    };
    (verdict, ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_that_meet_agree() {
        let of = |predicted, found| verdict(predicted, found).0;
        assert_eq!(of((100.0, Some(110.0)), (Some(105.0), Some(120.0))), "agrees");
        assert_eq!(of((130.0, Some(140.0)), (Some(105.0), Some(120.0))), "too_high");
        assert_eq!(of((80.0, Some(90.0)), (Some(105.0), Some(120.0))), "too_low");
        // Of bounds, what contradicts them only.
        assert_eq!(of((130.0, None), (Some(105.0), Some(120.0))), "too_high");
        assert_eq!(of((100.0, None), (Some(105.0), Some(120.0))), "unknown");
        assert_eq!(of((80.0, Some(90.0)), (Some(105.0), None)), "too_low");
        assert_eq!(of((100.0, Some(110.0)), (Some(105.0), None)), "unknown");
        assert_eq!(of((100.0, Some(110.0)), (None, None)), "unknown");
    }
}
