//! Of a run in stages: the stages, and the storm.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Load in stages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioRecord {
    /// Its name.
    pub name: String,
    /// Its stages.
    pub stages: Vec<StageRecord>,
    /// Its storm.
    #[serde(default)]
    pub storm: Option<StormRecord>,
}

/// All connections dropped at one moment, to come back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StormRecord {
    /// When, in seconds after the window's start.
    pub at_s: f64,
    /// Within which time they try to come back.
    pub within_s: f64,
}

/// A stage of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageRecord {
    /// Its name, which no other stage has.
    pub name: String,
    /// `hold`, `ramp`, `spike` or `pause`.
    pub kind: String,
    /// Arrivals per second at its start.
    pub from_per_s: f64,
    /// Arrivals per second at its end.
    pub to_per_s: f64,
    /// Its start, in seconds after that of the measure window.
    pub start_s: f64,
    /// Its length.
    pub length_s: f64,
}
