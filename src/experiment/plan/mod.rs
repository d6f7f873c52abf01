//! From what was measured of one server to how many a demand needs: a pure function of the documents.
//!
//! One resource, the CPU, is taken to do all the work, and operations to cost what they cost alone, so that their shares of a server add up: by the
//! utilisation law a demand of dᵢ per second of operations of which one server does Cᵢ loads it by Σ dᵢ ÷ Cᵢ. Of every Cᵢ the lower end
//! of its interval is taken.

mod assumptions;
mod capacities;
#[cfg(test)]
pub(crate) mod fixture;
mod predict;
#[cfg(test)]
mod tests;

use std::num::NonZeroU64;

use time::OffsetDateTime;

use super::law;
use super::run::stamp;
use crate::model::demand::Demand;
use crate::model::suite::{KeyType, Suite};
use crate::record::capacity::{self, CapacityDocument};
use crate::record::compare::Comparer;
use crate::record::plan::{
    Answer, DemandRecord, LawRecord, PlanDocument, PlanRow, PlannedFrom, ReserveRecord, SCHEMA, Storm, Use,
};
use crate::record::run::Remark;
use crate::record::suites::{self, SuitesDocument};
use crate::units::{self, Percent};
use capacities::Capacities;

pub use predict::{Prediction, predict};

/// Less than what rounding adds to a sum of quotients: 4.000000000001 servers are four.
const ROUNDING: f64 = 1e-9;

/// A document that a plan can rest on.
#[derive(Debug, Clone)]
pub enum Source {
    /// A search for capacity.
    Capacity(Box<CapacityDocument>),
    /// A comparison of suites.
    Suites(Box<SuitesDocument>),
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The demand as it was written.
    pub text: String,
    /// The same as values.
    pub demand: Demand,
    /// The share of each server that stays free; below 1.
    pub headroom: Percent,
    /// Servers beyond those that are needed.
    pub spare: u32,
    /// Sessions that come back after a restart.
    pub sessions: Option<NonZeroU64>,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CannotPlan {
    /// Two documents say the same of a server, or of two.
    #[error("{first} and {second} both give {what}: name one of them")]
    Twice {
        /// One document.
        first: String,
        /// The other.
        second: String,
        /// What both have.
        what: String,
    },
    /// A document says what cannot be.
    #[error("{path} is damaged: its capacity lies between {lower} and {upper} per second")]
    Damaged {
        /// The document.
        path: String,
        /// The lower end.
        lower: f64,
        /// The upper end, which is below.
        upper: f64,
    },
    /// The documents have no figure for what is demanded.
    #[error("the documents do not answer the demand: {0}")]
    Unanswerable(String),
}

/// Plans for `ask` by `sources`, each with the path that it was read from; `at` is now.
///
/// # Errors
/// [`CannotPlan`].
pub fn plan(sources: &[(String, Source)], ask: &Ask, at: OffsetDateTime) -> Result<PlanDocument, CannotPlan> {
    let sets = capacities::of(sources)?;
    let answers: Vec<Result<Answer, String>> = sets.iter().map(|set| answer(set, ask)).collect();
    if answers.iter().all(Result::is_err) {
        let mut whys: Vec<String> = answers.into_iter().filter_map(Result::err).collect();
        whys.dedup();
        return Err(CannotPlan::Unanswerable(whys.first().cloned().unwrap_or_default()));
    }
    // Where a suite's own figures do not say how many servers there are, the search for capacity does.
    let fallback =
        sets.iter().zip(&answers).find(|(set, _)| set.arm.is_none()).and_then(|(_, found)| found.clone().ok());
    let rows: Vec<PlanRow> =
        sets.iter().zip(answers).map(|(set, found)| row(set, found, fallback.as_ref(), ask)).collect();
    Ok(PlanDocument {
        label: Default::default(),
        schema: SCHEMA.to_owned(),
        tool: Comparer {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("SHAKEDOWN_COMMIT").map(str::to_owned),
        },
        started_at: stamp(at),
        demand: demand_record(ask),
        plan: ReserveRecord {
            headroom: ask.headroom.as_fraction(),
            spare: u64::from(ask.spare),
            sessions: ask.sessions.map(NonZeroU64::get),
        },
        reasons: sources.iter().filter_map(|(path, source)| distrust(path, source)).collect(),
        documents: sources.iter().map(|(path, source)| planned_from(path, source)).collect(),
        assumptions: assumptions::of(sources, ask, &rows),
        laws: sources.iter().filter_map(|(path, source)| law_of(path, source)).collect(),
        rows,
    })
}

/// How many servers the demand needs by one set of capacities, or why that cannot be told.
fn answer(set: &Capacities, ask: &Ask) -> Result<Answer, String> {
    let uses = set.uses(&ask.demand)?;
    let one_server_load: f64 = uses.iter().map(|part| part.demand_per_s / part.capacity_per_s).sum();
    let full = 1.0 - ask.headroom.as_fraction();
    let servers = ((one_server_load / full) * (1.0 - ROUNDING)).ceil().max(1.0);
    Ok(Answer {
        at_most: uses.iter().any(|part| part.lower_bound.is_some()),
        one_server_load,
        servers: servers as u64,
        servers_with_spare: servers as u64 + u64::from(ask.spare),
        load: one_server_load / servers,
        uses,
    })
}

fn row(set: &Capacities, found: Result<Answer, String>, fallback: Option<&Answer>, ask: &Ask) -> PlanRow {
    let (suite, certificate): (Option<Suite>, Option<KeyType>) = (set.arm.map(|arm| arm.0), set.arm.map(|arm| arm.1));
    let (answer, unanswered) = match found {
        Ok(answer) => (Some(answer), None),
        Err(why) => (None, Some(why)),
    };
    let storm = ask.sessions.and_then(|sessions| storm(set.full_handshake()?, answer.as_ref().or(fallback)?, sessions));
    PlanRow { suite, version: suite.map(Suite::version), certificate, answer, unanswered, storm }
}

/// How long `sessions` take to come back on the servers that `answer` needs, if one makes as many full handshakes as `full` has.
fn storm(full: &Use, answer: &Answer, sessions: NonZeroU64) -> Option<Storm> {
    let together = answer.servers as f64 * full.capacity_per_s;
    let alone_s = sessions.get() as f64 / together;
    let free = 1.0 - answer.load;
    (alone_s.is_finite()).then(|| Storm {
        sessions: sessions.get(),
        servers: answer.servers,
        full_handshakes_per_s: full.capacity_per_s,
        alone_s,
        beside_demand_s: (free > ROUNDING).then(|| alone_s / free),
        at_most: full.lower_bound.is_some(),
        beside_demand_at_most: full.lower_bound.is_some() || answer.at_most,
    })
}

fn demand_record(ask: &Ask) -> DemandRecord {
    let (sessions, requests) = (ask.demand.sessions(), ask.demand.requests());
    DemandRecord {
        text: ask.text.clone(),
        sessions_per_s: sessions.map(|sessions| sessions.rate.as_per_second()),
        resumed_share: sessions.map(|sessions| sessions.resumed.as_fraction()),
        requests_per_s: requests.map(|requests| requests.rate.as_per_second()),
        answer_bytes: requests.and_then(|requests| requests.size).map(|size| size.0),
    }
}

/// Why no plan can rest on a document.
fn distrust(path: &str, source: &Source) -> Option<Remark> {
    match source {
        Source::Suites(document) if !document.trustworthy.trusted => {
            let text = format!("{path} is NOT TRUSTED: {}", document.trustworthy.text);
            Some(Remark { code: "not_trusted".to_owned(), text })
        }
        _ => None,
    }
}

fn planned_from(path: &str, source: &Source) -> PlannedFrom {
    match source {
        Source::Capacity(document) => {
            let mut remarks = document.warnings.clone();
            if document.interrupted {
                remarks.push(remark("interrupted", "the search was ended by the user"));
            }
            if let (false, Some(lower), Some(upper)) =
                (document.capacity.precise, document.capacity.lower, document.capacity.upper)
            {
                remarks.push(remark(
                    "wide_interval",
                    &format!(
                        "the limit was not narrowed as far as was asked for: it lies between {} and {} {}/s, of which the lower end is planned with; fewer \
                         servers may do",
                        units::decimal(lower),
                        units::decimal(upper),
                        document.capacity.unit
                    ),
                ));
            }
            if !document.capacity.confirmed {
                remarks.push(remark(
                    "unconfirmed",
                    "no soak has confirmed that the lower end is carried for longer than a trial",
                ));
            }
            PlannedFrom {
                path: path.to_owned(),
                schema: capacity::SCHEMA.to_owned(),
                started_at: document.started_at.clone(),
                url: document.target.url.clone(),
                host_cpu_model: document.host.cpu.model.clone(),
                insecure: document.plan.insecure,
                remarks,
            }
        }
        Source::Suites(document) => {
            let mut remarks = document.warnings.clone();
            if document.interrupted {
                remarks.push(remark("interrupted", "the comparison was ended by the user"));
            }
            PlannedFrom {
                path: path.to_owned(),
                schema: suites::SCHEMA.to_owned(),
                started_at: document.started_at.clone(),
                url: document.target.url.clone(),
                host_cpu_model: document.host.cpu.model.clone(),
                insecure: document.plan.insecure,
                remarks,
            }
        }
    }
}

fn remark(code: &str, text: &str) -> Remark {
    Remark { code: code.to_owned(), text: text.to_owned() }
}

fn law_of(path: &str, source: &Source) -> Option<LawRecord> {
    let Source::Capacity(document) = source else { return None };
    Some(LawRecord { document: path.to_owned(), law: law::over(&document.trials, document.plan.connections) })
}
