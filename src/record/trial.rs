//! `shakedown.trial/1`: the document of the trial that `shakedown` makes without arguments.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::audit::AuditDocument;
use super::crypto::CryptoDocument;
use super::label::Label;
use super::run::{Host, Tool};
use super::suites::SuitesDocument;

/// The schema's name and version.
pub const SCHEMA: &str = "shakedown.trial/1";

/// The trial of the embedded endpoint, with the documents of what it consists of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrialDocument {
    /// [`SCHEMA`].
    pub schema: String,
    /// What measured.
    pub tool: Tool,
    /// Where it ran.
    pub host: Host,
    /// When the trial started: RFC 3339, UTC.
    pub started_at: String,
    /// What the user calls it; absent where it has neither name nor tags.
    #[serde(default, skip_serializing_if = "Label::is_none")]
    pub label: Label,
    /// Whether the user ended it early.
    pub interrupted: bool,
    /// The core that generator and server were each bound to; null where the machine has one core only.
    pub cores: Option<(usize, usize)>,
    /// Every suite against the endpoint, compared.
    pub suites: SuitesDocument,
    /// The endpoint against the policy that this project was made for; null where the trial was ended before.
    #[serde(default)]
    pub audit: Option<AuditDocument>,
    /// What this processor makes of the cryptography by itself; null where the trial was ended before.
    pub crypto: Option<CryptoDocument>,
}
