//! `shakedown.audit/1`: the document of an endpoint held against a policy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::label::Label;
use super::run::{Host, Remark, TargetRecord, Tool};
use crate::model::policy::{Level, Standing};
use crate::model::registry::SuiteCode;
use crate::model::suite::KeyType;
use crate::model::survey::Version;

/// The schema's name and version.
pub const SCHEMA: &str = "shakedown.audit/1";

/// An endpoint held against a policy, complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditDocument {
    /// [`SCHEMA`].
    pub schema: String,
    /// What audited.
    pub tool: Tool,
    /// From where.
    pub host: Host,
    /// What was audited.
    pub target: TargetRecord,
    /// The policy.
    pub policy: PolicyRecord,
    /// How it was asked.
    pub plan: AuditPlanRecord,
    /// When it started: RFC 3339, UTC.
    pub started_at: String,
    /// What the user calls it; absent where it has neither name nor tags.
    #[serde(default, skip_serializing_if = "Label::is_none")]
    pub label: Label,
    /// How long it took, in seconds.
    pub elapsed_s: f64,
    /// The connections that it made.
    pub connections: u64,
    /// Whether the user ended it early.
    pub interrupted: bool,
    /// Whether the endpoint meets the policy.
    pub outcome: AuditOutcome,
    /// Why, in a sentence.
    pub verdict: String,
    /// What a reader should know beyond the rules.
    pub warnings: Vec<Remark>,
    /// One entry for each rule, and each certificate where the rule is about them.
    pub findings: Vec<Finding>,
    /// Every suite that was chosen, by address, server name, version and certificate.
    pub accepted: Vec<AcceptedRecord>,
    /// Every version that was asked for.
    pub versions: Vec<VersionRecord>,
    /// What stayed without an answer.
    pub open: Vec<OpenRecord>,
    /// What is reported and decides nothing: preference, groups, extensions.
    pub facts: Vec<FactRecord>,
    /// The certificates of each different chain that was sent.
    pub certificates: Vec<CertificateRecord>,
}

/// The three ends of an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// Every rule that decides is kept.
    Pass,
    /// At least one is broken.
    Fail,
    /// None is known to be broken, but one that decides could not be told.
    Inconclusive,
}

/// The policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyRecord {
    /// The profile's name.
    pub name: String,
    /// Which issue of the policy.
    pub version: String,
    /// Where it is written.
    pub source: String,
    /// The lowest level that decides: `must`, or `should`.
    pub decided_by: Level,
    /// The suites that it names.
    pub suites: Vec<SuiteCode>,
    /// How suites of TLS 1.3 count: `permit`, `map`, `strict`; null where the policy names them.
    pub tls13: Option<String>,
}

/// What the short form of an audit said of an endpoint, in documents of another kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyCheck {
    /// The profile's name.
    pub name: String,
    /// Which issue of the policy.
    pub version: String,
    /// Whether the endpoint meets it.
    pub outcome: AuditOutcome,
    /// Why, in a sentence.
    pub verdict: String,
}

/// How it was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // each is the command-line option of the same name
pub struct AuditPlanRecord {
    pub max_connections_per_second: f64,
    pub budget_s: f64,
    pub timeout_s: f64,
    /// The names that were sent as SNI; null: without.
    pub server_names: Vec<Option<String>>,
    /// `mozilla`, `system` or `ca`.
    pub trust: String,
    pub ca_file: Option<String>,
    pub crl_files: Vec<String>,
    pub fetch_crls: bool,
}

/// How a rule fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingOutcome {
    /// Kept.
    Pass,
    /// Nothing was asked, or nothing could be.
    NotAsked,
    /// Kept, with something that a reader should know.
    Warn,
    /// It could not be told.
    Inconclusive,
    /// Broken.
    Fail,
}

impl AuditOutcome {
    /// The word in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl FindingOutcome {
    /// The word in documents.
    pub fn code(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::NotAsked => "not_asked",
            Self::Warn => "warn",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
        }
    }

    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::NotAsked => "not asked",
            Self::Warn => "warn",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "FAIL",
        }
    }
}

/// One rule, and what was seen of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule's name, such as `suites.none_outside`.
    pub rule: String,
    /// How much it weighs.
    pub level: Level,
    /// How it fared.
    pub outcome: FindingOutcome,
    /// What the policy expects, in words.
    pub expected: String,
    /// What was seen, in words.
    pub observed: String,
    /// The source's words; null where the rule is the profile's own.
    pub quote: Option<String>,
    /// What to change; empty where nothing is broken.
    pub remedies: Vec<Remedy>,
}

/// What to change in a server's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Remedy {
    /// `nginx`, `Apache httpd`, `haproxy`, or null where it is no matter of configuration.
    pub server: Option<String>,
    /// The line of configuration, or what to do.
    pub text: String,
}

/// A suite that the endpoint chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedRecord {
    /// In which version.
    pub version: Version,
    /// Which: IANA's name, or the code where it is not registered.
    pub suite: SuiteCode,
    /// OpenSSL's name, where it has one.
    pub openssl: Option<String>,
    /// The certificate that came with it; null where it was neither kind.
    pub certificate: Option<KeyType>,
    /// Where.
    pub address: String,
    /// The name sent as SNI; null: none.
    pub server_name: Option<String>,
    /// What the policy says of it.
    pub standing: Standing,
    /// Whether a whole handshake was made with it; null where we do not speak it.
    pub confirmed: Option<bool>,
    /// Why a handshake with it failed.
    pub detail: Option<String>,
}

/// A version that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VersionRecord {
    /// Which.
    pub version: Version,
    /// Where.
    pub address: String,
    /// The name sent as SNI; null: none.
    pub server_name: Option<String>,
    /// `accepted`, `refused`, `inconclusive` or `not_asked`.
    pub outcome: String,
    /// How it was refused, or why it cannot be told.
    pub detail: Option<String>,
}

/// A set of questions without an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenRecord {
    /// In which version.
    pub version: Version,
    /// Where.
    pub address: String,
    /// The name sent as SNI; null: none.
    pub server_name: Option<String>,
    /// What was asked.
    pub question: String,
    /// Why there is no answer.
    pub why: String,
    /// The suites that are neither known to be accepted nor known to be refused.
    pub suites: Vec<SuiteCode>,
}

/// A fact that decides nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FactRecord {
    /// Where.
    pub address: String,
    /// The name sent as SNI; null: none.
    pub server_name: Option<String>,
    /// What it is about, such as `preference TLSv1.2`, `groups` or `compression`.
    pub name: String,
    /// `accepted`, `refused`, `inconclusive` or `not_asked`.
    pub outcome: String,
    /// In words.
    pub value: String,
}

/// A chain that was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CertificateRecord {
    /// The kind of its key; null where it is neither.
    pub key_type: Option<KeyType>,
    /// Whether the rules were held against it: it was sent under the endpoint's own name.
    pub judged: bool,
    /// Where it was sent: addresses and server names.
    pub seen_at: Vec<String>,
    /// The subject's common names.
    pub common_names: Vec<String>,
    /// The names and addresses in subjectAltName.
    pub names: Vec<String>,
    /// The issuer.
    pub issuer: String,
    /// In hex.
    pub serial: String,
    /// RFC 3339, UTC.
    pub not_before: String,
    /// RFC 3339, UTC.
    pub not_after: String,
    /// Whole days until it expires; negative once it has.
    pub days_left: i64,
    /// Such as `RSA 2048`.
    pub key: String,
    /// Such as `sha256WithRSAEncryption`.
    pub signature_algorithm: String,
    /// The certificates that were sent, by subject, in their order.
    pub chain: Vec<String>,
    /// Where its path ends, or why it has none.
    pub path: String,
    /// What the stapled OCSP response says.
    pub staple: String,
    /// What CRLs say, of each certificate.
    pub revocation: Vec<String>,
}
