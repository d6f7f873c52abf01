//! `shakedown.suites/1`: the document of a comparison of suites.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::audit::PolicyCheck;
use super::label::Label;
use super::run::{Host, Remark, TargetRecord, Tool};
use crate::model::policy::Standing;
use crate::model::suite::{Group, KeyType, Suite, TlsVersion};
use crate::model::suites::Direction;

/// The schema's name and version.
pub const SCHEMA: &str = "shakedown.suites/1";

/// A comparison of suites, complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SuitesDocument {
    /// [`SCHEMA`].
    pub schema: String,
    /// What measured.
    pub tool: Tool,
    /// Where it ran.
    pub host: Host,
    /// What was loaded.
    pub target: TargetRecord,
    /// What was the same for all arms.
    pub plan: SuitesPlanRecord,
    /// When it started: RFC 3339, UTC.
    pub started_at: String,
    /// What the user calls it; absent where it has neither name nor tags.
    #[serde(default, skip_serializing_if = "Label::is_none")]
    pub label: Label,
    /// Whether the user ended it early; what was not complete is left out then.
    pub interrupted: bool,
    /// Whether the differences found can be believed: what the arms that are the baseline again say.
    pub trustworthy: Trustworthy,
    /// What the policy of `--profile` says of the endpoint; null without it.
    #[serde(default)]
    pub policy: Option<PolicyCheck>,
    /// What a reader should know.
    pub warnings: Vec<Remark>,
    /// One entry for each workload and arm, in the order in which they are shown.
    pub arms: Vec<ArmRecord>,
    /// What the endpoint did not take, and is in no other row.
    pub refused: Vec<Refused>,
}

/// Which handshakes resume a session: it is the workload that says so, for all arms alike.
pub const RESUMPTION: &str = "full, and resumed under resumed_handshake";

fn resumption() -> String {
    RESUMPTION.to_owned()
}

/// What was the same for all arms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // each is the command-line option of the same name
pub struct SuitesPlanRecord {
    pub rounds: u32,
    pub trial_s: f64,
    pub warmup_s: f64,
    /// The common rate, as a share of what the slowest arm carried in a first round that is not counted; null where no response
    /// times were taken.
    pub load_share: Option<f64>,
    pub seed: u64,
    pub connections: u64,
    pub threads: u64,
    pub pin: bool,
    pub path: String,
    /// What was asked for; null: AES-128-GCM, as the docs say.
    #[serde(default)]
    pub baseline: Option<Suite>,
    pub groups: Vec<String>,
    /// [`RESUMPTION`]
    #[serde(default = "resumption")]
    pub resumption: String,
    pub crypto: String,
    /// The longest record that this side writes; the server's are its own choice.
    pub record_bytes: u64,
    pub trust: String,
    pub verify: String,
    pub insecure: bool,
    /// Differences below this share are not called differences.
    pub tolerance: f64,
    /// The confidence of all intervals.
    pub confidence: f64,
}

/// What can be made of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrustVerdict {
    /// The baselines do not differ from themselves, and what is small enough to matter would have been seen.
    Trusted,
    /// Nothing speaks against it, but too little was measured, or under too much noise, to tell.
    Inconclusive,
    /// Something other than the suite makes a difference.
    NotTrusted,
}

impl TrustVerdict {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Inconclusive => "inconclusive",
            Self::NotTrusted => "not_trusted",
        }
    }
}

/// What the arms that are the baseline again say of all the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "StoredTrustworthy")]
pub struct Trustworthy {
    /// Of the comparison as a whole.
    pub verdict: TrustVerdict,
    /// Whether that is `trusted`.
    pub trusted: bool,
    /// The largest share by which the baseline's rate could differ from itself: what is smaller cannot be seen everywhere.
    pub noise_floor: Option<f64>,
    /// Why, in a sentence.
    pub text: String,
    /// The same of each workload, in the order in which they are shown.
    pub workloads: Vec<WorkloadTrust>,
}

/// As [`Trustworthy`], and as documents hold it that were written when it had two values only, and none for each workload.
#[derive(Deserialize, JsonSchema)]
struct StoredTrustworthy {
    verdict: Option<TrustVerdict>,
    trusted: bool,
    noise_floor: Option<f64>,
    text: String,
    #[serde(default)]
    workloads: Vec<WorkloadTrust>,
}

impl From<StoredTrustworthy> for Trustworthy {
    fn from(stored: StoredTrustworthy) -> Self {
        let StoredTrustworthy { verdict, trusted, noise_floor, text, workloads } = stored;
        let of_two = if trusted { TrustVerdict::Trusted } else { TrustVerdict::NotTrusted };
        Self { verdict: verdict.unwrap_or(of_two), trusted, noise_floor, text, workloads }
    }
}

/// What the controls of one workload say of its other arms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadTrust {
    /// As of [`ArmRecord`].
    pub workload: String,
    /// The same.
    pub direction: Option<Direction>,
    /// The same.
    pub object_bytes: Option<u64>,
    /// What can be made of its arms.
    pub verdict: TrustVerdict,
    /// The largest share by which the baseline's rate could differ from itself: what is smaller cannot be seen under this workload.
    pub noise_floor: Option<f64>,
    /// Why, in a sentence.
    pub text: String,
}

/// One arm under one workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmRecord {
    /// The suite, by its IANA name.
    pub suite: Suite,
    /// What the policy of `--profile` says of it; null without it.
    #[serde(default)]
    pub standing: Option<Standing>,
    /// Its version.
    pub version: TlsVersion,
    /// The type of the server's certificate.
    pub certificate: KeyType,
    /// `full_handshake`, `resumed_handshake`, `request` or `bulk`.
    pub workload: String,
    /// Of bulk: which way.
    pub direction: Option<Direction>,
    /// Of bulk: the size.
    pub object_bytes: Option<u64>,
    /// Whether the other arms with this certificate are compared with this one.
    pub baseline: bool,
    /// Whether it is the baseline again.
    pub control: bool,
    /// `client` where the generator was the limit, or was kept from running, in most rounds: the rate is a lower bound of the server's then.
    pub limited_by: Option<String>,
    /// Whose figure the rate is: `both` where they shared cores, or are not known not to; else `client` where that was the limit, or `server`.
    pub rate_of: String,
    /// The groups that its handshakes agreed on; empty where no key was exchanged.
    pub groups: Vec<Group>,
    /// What each round measured.
    pub rounds: Vec<RoundRecord>,
    /// What they say together.
    pub estimate: Estimates,
    /// The rate against that of the baseline; null for the baseline itself.
    pub versus_baseline: Option<Versus>,
    /// Other figures against the baseline's.
    pub also_versus_baseline: Vec<Versus>,
}

/// One arm in one round. A figure that the round did not yield is null.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct RoundRecord {
    /// The round, from 1.
    pub round: u32,
    /// Handshakes or requests per second at full load.
    pub rate_per_s: Option<f64>,
    /// The client's CPU time for each, in nanoseconds.
    pub client_cpu_ns: Option<f64>,
    /// The server's.
    pub server_cpu_ns: Option<f64>,
    /// Quantiles of the response time at the common rate, in nanoseconds.
    pub response_p50_ns: Option<u64>,
    /// The same.
    pub response_p99_ns: Option<u64>,
    /// Whether the client was the limit at full load.
    pub client_limited: bool,
    /// Whether the client was kept from running at full load, more than a single run may be: its rate and cost are kept, since every arm
    /// may be hit and the rounds show by how much; response times of such a run are not.
    pub disturbed: bool,
    /// What failed or was never sent, at either load.
    pub failed: u64,
    /// Runs that were made again, since the generator was disturbed.
    pub repeated: u32,
}

/// A figure over all rounds, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// The interval's ends; null with too few rounds.
    pub low: Option<f64>,
    /// The same.
    pub high: Option<f64>,
}

/// The figures of one arm over all rounds: geometric means, but for the quantiles, which are those of all rounds' response times together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Estimates {
    /// Rounds that have a rate.
    pub rounds: u32,
    /// Handshakes or requests per second at full load.
    pub rate_per_s: Option<Figure>,
    /// Bulk: the objects' bytes per second at full load.
    pub bytes_per_s: Option<Figure>,
    /// The client's CPU time for each handshake or request.
    pub client_cpu_ns: Option<Figure>,
    /// Bulk: the client's CPU seconds per 10^9 bytes of objects.
    pub client_cpu_s_per_gb: Option<Figure>,
    /// The server's CPU time for each handshake or request.
    pub server_cpu_ns: Option<Figure>,
    /// Bulk: the server's CPU seconds per 10^9 bytes of objects.
    pub server_cpu_s_per_gb: Option<Figure>,
    /// The common rate at which response times were taken.
    pub common_rate_per_s: Option<f64>,
    /// How many response times there are.
    pub responses: u64,
    /// The median response time at the common rate.
    pub response_p50_ns: Option<Figure>,
    /// The 99th percentile; null where there are too few.
    pub response_p99_ns: Option<Figure>,
    /// What failed, over all rounds.
    pub failed: u64,
}

/// An arm's figure against the baseline's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Versus {
    /// `rate`, `response_p50`, `client_cpu` or `server_cpu`.
    pub measure: String,
    /// Arm / baseline; null where there is nothing to compare.
    pub ratio: Option<f64>,
    /// The ends of its interval, corrected for the number of comparisons.
    pub low: Option<f64>,
    /// The same.
    pub high: Option<f64>,
    /// The p-value, corrected in the same way.
    pub p: Option<f64>,
    /// `faster`, `slower` (of CPU time: `cheaper`, `dearer`), `no_difference`, `too_few` rounds to tell; or `bound`: the client was the limit
    /// of one of the two only, and the ratio of the server's own rates may lie on the other side.
    pub verdict: String,
    /// Of `rate`: `client` where the client was the limit of both, so that the verdict is about what they cost the client; else null.
    #[serde(default)]
    pub limited_by: Option<String>,
}

/// Something that the endpoint did not take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Refused {
    /// The suite; null where a workload was refused whatever the suite.
    pub suite: Option<Suite>,
    /// The type of certificate it was asked for with.
    pub certificate: Option<KeyType>,
    /// The workload; null where the suite was refused whatever the workload.
    pub workload: Option<String>,
    /// Why: the alert, or what else the endpoint did.
    pub why: String,
}
