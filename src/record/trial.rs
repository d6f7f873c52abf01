//! `shakedown.trial/1`: the document of the trial that `shakedown` makes without arguments.

use serde::{Deserialize, Serialize};

use super::run::{Host, RunDocument, Tool};
use crate::model::suite::Suite;

/// The schema's name and version.
pub const SCHEMA: &str = "shakedown.trial/1";

/// The trial of the embedded endpoint: two runs for each suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialDocument {
    /// [`SCHEMA`].
    pub schema: String,
    /// What measured.
    pub tool: Tool,
    /// Where it ran.
    pub host: Host,
    /// When the trial started: RFC 3339, UTC.
    pub started_at: String,
    /// Whether the user ended it early; the suites that were not reached are missing then.
    pub interrupted: bool,
    /// The core that generator and server were each bound to; null where the machine has one core only.
    pub cores: Option<(usize, usize)>,
    /// One entry for each suite.
    pub suites: Vec<SuiteTrial>,
}

/// The two runs of one suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuiteTrial {
    /// The suite, by its IANA name.
    pub suite: Suite,
    /// Full handshakes, a new connection each.
    pub handshakes: RunDocument,
    /// Small requests on kept connections.
    pub requests: RunDocument,
}
