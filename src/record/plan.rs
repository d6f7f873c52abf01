//! `shakedown.plan/1`: how many servers a demand needs, by what was measured of one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::compare::Comparer;
use super::label::Label;
use super::law::Law;
use super::run::Remark;
use crate::model::suite::{KeyType, Suite, TlsVersion};

/// The schema's name and version.
pub const SCHEMA: &str = "shakedown.plan/1";

/// A plan of capacity, complete: all outputs are rendered from this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanDocument {
    /// [`SCHEMA`].
    pub schema: String,
    /// What planned.
    pub tool: Comparer,
    /// When: RFC 3339, UTC.
    pub started_at: String,
    /// What the user calls it; absent where it has neither name nor tags.
    #[serde(default, skip_serializing_if = "Label::is_none")]
    pub label: Label,
    /// What is demanded of all servers together.
    pub demand: DemandRecord,
    /// What is kept in reserve.
    pub plan: ReserveRecord,
    /// Why the documents cannot carry a plan; empty where they can.
    pub reasons: Vec<Remark>,
    /// The documents that it rests on.
    pub documents: Vec<PlannedFrom>,
    /// All that is taken for granted.
    pub assumptions: Vec<Remark>,
    /// One row for all searches for capacity together, then one for each suite with each type of certificate.
    pub rows: Vec<PlanRow>,
    /// The scalability law of each search for capacity.
    pub laws: Vec<LawRecord>,
}

/// What is demanded. A figure that was not demanded is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DemandRecord {
    /// As it was written.
    pub text: String,
    /// New sessions per second.
    pub sessions_per_s: Option<f64>,
    /// The share of them that resumes.
    pub resumed_share: Option<f64>,
    /// Requests per second.
    pub requests_per_s: Option<f64>,
    /// The size of each answer.
    pub answer_bytes: Option<u64>,
}

/// What is kept in reserve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReserveRecord {
    /// The share of each server's capacity that stays free, 0 to 1.
    pub headroom: f64,
    /// Servers beyond those that are needed.
    pub spare: u64,
    /// Sessions that come back after a restart.
    pub sessions: Option<u64>,
}

/// A document that the plan rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedFrom {
    /// The path that it was read from.
    pub path: String,
    /// Its schema.
    pub schema: String,
    /// When it was measured.
    pub started_at: String,
    /// What was loaded.
    pub url: String,
    /// The processor of the generator's machine, which is the server's where they were one.
    pub host_cpu_model: Option<String>,
    /// Whether the certificate was not checked.
    pub insecure: bool,
    /// What makes its figures less sure.
    pub remarks: Vec<Remark>,
}

/// What is planned by one set of figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanRow {
    /// The suite; null for searches for capacity.
    pub suite: Option<Suite>,
    /// Its version.
    pub version: Option<TlsVersion>,
    /// The type of the server's certificate; null for searches for capacity.
    pub certificate: Option<KeyType>,
    /// How the demand is met; null where the figures do not answer it.
    pub answer: Option<Answer>,
    /// Why not.
    pub unanswered: Option<String>,
    /// How long sessions take to come back; null where that was not asked, or cannot be told.
    pub storm: Option<Storm>,
}

/// How a demand is met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// What the demand is made of.
    pub uses: Vec<Use>,
    /// The demand in capacities of one server: the sum of `demand_per_s` ÷ `capacity_per_s`.
    pub one_server_load: f64,
    /// Servers that are needed, without those to spare.
    pub servers: u64,
    /// With those to spare.
    pub servers_with_spare: u64,
    /// The load of each when only those that are needed run, 0 to 1.
    pub load: f64,
    /// Whether a capacity is a lower bound only: that many servers at most.
    pub at_most: bool,
}

/// One kind of work that the demand holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Use {
    /// `full_handshake`, `resumed_handshake`, `request`, or `mix`: sessions or requests as the search for capacity made them.
    pub operation: String,
    /// How many of it are demanded per second.
    pub demand_per_s: f64,
    /// How many of it one server does per second and nothing else: the lower end of what was measured.
    pub capacity_per_s: f64,
    /// The upper end; null where there is none.
    pub capacity_high_per_s: Option<f64>,
    /// Why the server's capacity may be above even `capacity_high_per_s`: `client`, `search_range`, `unfinished`, `shared_host`,
    /// `size` (the size demanded was not measured, and what was costs no less); null where it may not.
    pub lower_bound: Option<String>,
    /// How it was taken for the size of answers that is demanded: `interpolated` between two that were measured, or as the `nearest`; null where
    /// it was measured as it is used.
    pub sized: Option<String>,
    /// Which figure it is, in words.
    pub from: String,
}

/// All sessions coming back after a restart, each by a full handshake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Storm {
    /// How many come back.
    pub sessions: u64,
    /// On how many servers: those that are needed, without those to spare.
    pub servers: u64,
    /// Full handshakes per second that one server makes and does nothing else: the lower end.
    pub full_handshakes_per_s: f64,
    /// How long it takes them if they do nothing else.
    pub alone_s: f64,
    /// How long it takes beside the whole demand; null where that leaves nothing free.
    pub beside_demand_s: Option<f64>,
    /// Whether the rate is a lower bound: that long at most.
    pub at_most: bool,
    /// Whether that or what the demand leaves free is one: that long beside the demand at most.
    pub beside_demand_at_most: bool,
}

/// The Universal Scalability Law over the trials of one search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LawRecord {
    /// The document, by its path.
    pub document: String,
    /// The law.
    #[serde(flatten)]
    pub law: Law,
}
