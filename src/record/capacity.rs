//! `shakedown.capacity/1`: the document of a search for the highest load within objectives.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::audit::PolicyCheck;
use super::label::Label;
use super::law::Law;
use super::run::{Host, Latency, PlanRecord, Remark, TargetRecord, Tool};

/// The schema's name and version.
pub const SCHEMA: &str = "shakedown.capacity/1";

/// A search for the highest load that an endpoint carries within its objectives, complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapacityDocument {
    /// [`SCHEMA`].
    pub schema: String,
    /// What measured.
    pub tool: Tool,
    /// Where it ran.
    pub host: Host,
    /// What was loaded.
    pub target: TargetRecord,
    /// What was the same in all trials. `rate_per_s`, `warmup_s` and `duration_s` are each trial's own, and null or 0 here; `seed` is the one
    /// that the trials' seeds follow from.
    pub plan: PlanRecord,
    /// How was searched.
    pub search: SearchRecord,
    /// When it started: RFC 3339, UTC.
    pub started_at: String,
    /// What the user calls it; absent where it has neither name nor tags.
    #[serde(default, skip_serializing_if = "Label::is_none")]
    pub label: Label,
    /// How long it took.
    pub elapsed_s: f64,
    /// Whether the user ended it early: what was known by then is in `capacity`.
    pub interrupted: bool,
    /// What the short form of the audit said before, where a profile with a policy was named.
    #[serde(default)]
    pub policy: Option<PolicyCheck>,
    /// The objectives; a load must meet all of them.
    pub slo: Vec<SloRecord>,
    /// What the endpoint carries.
    pub capacity: Capacity,
    /// What other searches predicted of this one's mix, and how near it came; absent where nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction: Option<PredictionRecord>,
    /// What a reader should know.
    pub warnings: Vec<Remark>,
    /// How throughput grew with concurrency over the trials: a model, and not what was searched for.
    pub law: Law,
    /// Every trial, in the order in which they were made.
    pub trials: Vec<TrialRecord>,
}

/// How was searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // each is the command-line option of the same name
pub struct SearchRecord {
    /// The lowest load that may be tried.
    pub min_per_s: f64,
    /// The load of the first trial.
    pub start_per_s: f64,
    /// The highest load that may be tried; null where none was given.
    pub max_per_s: Option<f64>,
    /// The wanted width of the interval, as a share of its upper end.
    pub precision: f64,
    /// The measured time of the shortest trials.
    pub trial_s: f64,
    /// The load before the window of the first trial. It is doubled where a trial was not steady.
    pub warmup_s: f64,
    /// The time for all together.
    pub budget_s: f64,
    /// The measured time of the soak at the lower end; 0: none.
    pub confirm_s: f64,
    /// The share of trials at one load that may miss the objectives, and the load still counts as carried.
    pub tolerated_bad: f64,
}

/// One objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SloRecord {
    /// As it can be given to `--slo` again, such as `response p99 < 50ms`.
    pub text: String,
    /// `connect`, `handshake_full`, `handshake_resumed`, `first_byte`, `service`, `response`; `errors`; or `achieved`.
    pub measure: String,
    /// Of a latency: which quantile, 0 to 1.
    pub q: Option<f64>,
    /// The limit in the measure's unit: nanoseconds of a latency, a share (0 to 1) of the others.
    pub limit: f64,
}

/// What the endpoint carries. Rates are arrivals per second of `unit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Capacity {
    /// The highest load that was found to meet the objectives; null where none was.
    pub lower: Option<f64>,
    /// The lowest load that was found to miss them; null where none was: then `lower` is a lower bound only (≥).
    pub upper: Option<f64>,
    /// `requests` or `sessions`.
    pub unit: String,
    /// What kept the search from a higher load: `server` (the objectives were missed above `lower`), `client` (the generator could not make
    /// more), `connections` (all of them were in use at `upper`, while answers took no longer: the server may carry more), or `search_range` (`--max` was carried). Null where the search ended before that was known.
    pub limited_by: Option<String>,
    /// Whether the soak at `lower` met the objectives.
    pub confirmed: bool,
    /// Whether the interval is as narrow as was asked for, and both of its ends were seen twice.
    pub precise: bool,
    /// How it ended: `found`, `missed` (not even the lowest load meets the objectives), or `inconclusive` (it ended before anything was known).
    pub outcome: String,
    /// The result in words.
    pub text: String,
    /// Where the client limited it: how many more cores the generator would have needed for the load that it could not make, if its cost
    /// for each request stays what it was.
    pub client_cores_missing: Option<u32>,
}

/// What searches for single kinds of work predicted of a mix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PredictionRecord {
    /// The documents that it is from.
    pub documents: Vec<String>,
    /// The highest rate by the lower ends of their intervals, in the search's unit.
    pub lower: f64,
    /// By the upper ends; null where one of them is a lower bound only.
    pub upper: Option<f64>,
    /// The least ratio of what was predicted to what was found that both intervals allow; null where the search has no upper end of the server's.
    pub ratio_low: Option<f64>,
    /// The greatest; null where either has no end for it.
    pub ratio_high: Option<f64>,
    /// `agrees` (the intervals meet), `too_high`, `too_low`, or `unknown`.
    pub verdict: String,
    /// The same in words.
    pub text: String,
}

/// One trial: a run of its own, kept in full as `trials/NNN.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrialRecord {
    /// From 1.
    pub number: u32,
    /// What it was made for: `growth`, `locating` (where to look), `narrowing`, `again` (an end of the interval once more), or `soak`.
    pub purpose: String,
    /// Offered load, arrivals per second.
    pub rate_per_s: f64,
    /// Its own seed.
    pub seed: u64,
    /// Load before the window.
    pub warmup_s: f64,
    /// The measure window's true length.
    pub duration_s: f64,
    /// Whether the generator did what it should have. An INVALID trial is no evidence and is made again, unless it was only late and what was measured
    /// meets the objectives all the same: lateness makes times longer.
    pub valid: bool,
    /// Why not, by the run's verdict.
    pub reasons: Vec<Remark>,
    /// Whether a worker was busy for 90 % of the window: what is missed then may be the generator's own doing.
    pub client_limited: bool,
    /// False where response times fell over the window by more than chance: the warm-up was too short. Null where there are too few to tell.
    pub steady: Option<bool>,
    /// `good` (all objectives met), `bad` (one missed), `undecided`, `client` (missed, but the generator was the limit), `invalid`, or `unsteady` (made
    /// again with a longer warm-up, and not counted).
    pub verdict: String,
    /// Each objective, in the order of `slo`.
    pub objectives: Vec<ObjectiveRecord>,
    /// Arrivals that fell into the window.
    pub scheduled: u64,
    /// Of these, what succeeded, whenever it ended.
    pub succeeded: u64,
    /// Failed.
    pub failed: u64,
    /// Never sent, since no connection was free for `--timeout`.
    pub unsent: u64,
    /// (Failed + unsent) ÷ scheduled; null where nothing was scheduled.
    pub errors_share: Option<f64>,
    /// Of the trial's unit: completed with success within the window, per second.
    pub achieved_per_s: f64,
    /// How many were in the system at a time on average, waiting ones included: achieved rate × mean response time (Little's law). Null where
    /// there is no mean, or where the backlog grew, so that there is no average.
    pub in_flight_mean: Option<f64>,
    /// By how much the backlog grew in the window, as a share of what arrived; negative where it shrank.
    pub backlog_growth: Option<f64>,
    /// Whether it grew in both halves of the window, and by more than chance: the endpoint was overloaded, whatever the objectives.
    pub overloaded: bool,
    /// From intended to done.
    pub response: Option<Latency>,
    /// The share of the window for which the busiest worker wanted a core.
    pub client_busy: f64,
    /// CPU time of all workers in the window.
    pub client_cpu_s: f64,
    /// CPU time of the server in the window, where it can be read.
    pub server_cpu_s: Option<f64>,
}

/// One objective in one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectiveRecord {
    /// `met`, `missed` or `undecided`.
    pub verdict: String,
    /// What was measured: nanoseconds of a latency, a share of the others; null where the trial holds too few arrivals to tell.
    pub observed: Option<f64>,
    /// The ends of its 95 % interval; null where the trial cannot tell.
    pub low: Option<f64>,
    /// The same.
    pub high: Option<f64>,
}
