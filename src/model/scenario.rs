//! Scenarios: load in stages, as TOML. What is wrong in one is told with line and column.
//!
//! ```toml
//! [scenario]
//! name = "launch-day"
//!
//! [[scenario.stage]]
//! kind = "hold"
//! rate = "2000/s"
//! for = "30s"
//!
//! [[scenario.stage]]
//! kind = "ramp"
//! to = "8000/s"
//! for = "1m"
//! ```

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::toml_error::{self, Fault, TomlError};
use crate::units::{Rate, parse_duration};

/// Stages shorter than this say nothing.
const SHORTEST: Duration = Duration::from_millis(100);

/// The most stages that a scenario has.
const MOST_STAGES: usize = 1000;

/// The longest scenario, as long as any time that can be given.
const LONGEST: Duration = Duration::from_secs(3_600_000);

/// How the rate goes in a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageKind {
    /// One rate.
    Hold,
    /// From one rate to another in a straight line.
    Ramp,
    /// One rate for a while, after which the one before it is again where a ramp begins.
    Spike,
    /// Nothing arrives.
    Pause,
}

impl StageKind {
    /// The name in files and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Ramp => "ramp",
            Self::Spike => "spike",
            Self::Pause => "pause",
        }
    }
}

/// A stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Its name, which no other stage of the scenario has.
    pub name: String,
    /// Of which kind it is.
    pub kind: StageKind,
    /// Arrivals per second at its start; 0 or more.
    pub from_per_s: f64,
    /// Arrivals per second at its end.
    pub to_per_s: f64,
    /// How long it takes.
    pub length: Duration,
}

impl Stage {
    /// How many arrivals it holds on average.
    pub fn arrivals(&self) -> f64 {
        f64::midpoint(self.from_per_s, self.to_per_s) * self.length.as_secs_f64()
    }
}

/// All connections are dropped at one moment, and come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storm {
    /// When, after the first stage's start; before the last one's end.
    pub at: Duration,
    /// Within which time they try to come back, spread evenly over it; over before the last stage's end.
    pub within: Duration,
}

/// Load in stages: at least one, with at least one arrival on average in all.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    name: String,
    stages: Vec<Stage>,
    storm: Option<Storm>,
}

#[derive(Deserialize)]
struct RawFile {
    scenario: RawScenario,
}

/// `[scenario]`, as it stands in a file of its own or in a profile.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawScenario {
    name: Spanned<String>,
    #[serde(rename = "stage")]
    stages: Spanned<Vec<Spanned<RawStage>>>,
    storm: Option<RawStorm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStorm {
    at: Spanned<String>,
    within: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStage {
    kind: StageKind,
    name: Option<Spanned<String>>,
    rate: Option<Spanned<String>>,
    from: Option<Spanned<String>>,
    to: Option<Spanned<String>>,
    #[serde(rename = "for")]
    length: Spanned<String>,
}

impl Scenario {
    /// Parses the scenario in `text`, which is known as `file`.
    ///
    /// # Errors
    /// [`TomlError`], for what is not TOML, an unknown or a missing key, a value out of range, or a contradiction.
    pub fn parse(file: &str, text: &str) -> Result<Self, TomlError> {
        let raw: RawFile = toml_error::read(file, text)?;
        raw.scenario.parse().map_err(|fault| fault.locate(file, text))
    }

    fn check(&self, raw: &Spanned<Vec<Spanned<RawStage>>>) -> Result<(), Fault> {
        if self.stages.is_empty() || self.stages.len() > MOST_STAGES {
            return Err(Fault::at(raw, format!("{} stages; a scenario has 1 to {MOST_STAGES}", self.stages.len())));
        }
        if self.length() > LONGEST {
            return Err(Fault::at(raw, "the stages take more than 1000 hours together"));
        }
        if self.stages.iter().map(Stage::arrivals).sum::<f64>() < 1.0 {
            return Err(Fault::at(raw, "less than one arrival in all stages together: nothing would be measured"));
        }
        Ok(())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its stages, at least one.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Its storm, if it has one.
    pub fn storm(&self) -> Option<Storm> {
        self.storm
    }

    /// How long all stages take together.
    pub fn length(&self) -> Duration {
        self.stages.iter().map(|stage| stage.length).sum()
    }

    /// Arrivals per second over all of it.
    pub fn mean_rate(&self) -> Option<Rate> {
        let arrivals: f64 = self.stages.iter().map(Stage::arrivals).sum();
        Rate::per_second(arrivals / self.length().as_secs_f64())
    }

    /// The stage at a time after the start; the last one from its end on.
    pub fn stage_at(&self, at: Duration) -> &Stage {
        let mut end = Duration::ZERO;
        let found = self.stages.iter().find(|stage| {
            end += stage.length;
            at < end
        });
        found.unwrap_or(&self.stages[self.stages.len() - 1])
    }
}

impl RawScenario {
    /// What it means.
    pub(super) fn parse(self) -> Result<Scenario, Fault> {
        let Self { name, stages: raw, storm } = self;
        check_name(&name)?;
        let mut stages: Vec<Stage> = Vec::new();
        // Where a ramp begins that does not say so.
        let mut level = 0.0;
        for (place, stage) in raw.get_ref().iter().enumerate() {
            let stage = stage_of(stage, place, level)?;
            if stages.iter().any(|other| other.name == stage.name) {
                let message = format!("two stages are called '{}'; give each a name of its own", stage.name);
                return Err(Fault::at(&raw.get_ref()[place], message));
            }
            if matches!(stage.kind, StageKind::Hold | StageKind::Ramp) {
                level = stage.to_per_s;
            }
            stages.push(stage);
        }
        let mut scenario = Scenario { name: name.into_inner(), stages, storm: None };
        scenario.check(&raw)?;
        scenario.storm = storm.map(|storm| storm_of(&storm, scenario.length())).transpose()?;
        Ok(scenario)
    }
}

fn check_name(name: &Spanned<String>) -> Result<(), Fault> {
    let allowed = |c: char| c.is_alphanumeric() || " -_.".contains(c);
    let text = name.get_ref();
    if text.trim() != text || text.is_empty() || text.chars().count() > 40 || !text.chars().all(allowed) {
        return Err(Fault::at(
            name,
            format!("'{text}' is not a name of up to 40 letters, digits, spaces, '-', '_' and '.'"),
        ));
    }
    Ok(())
}

fn storm_of(raw: &RawStorm, length: Duration) -> Result<Storm, Fault> {
    let time = |text: &Spanned<String>| parse_duration(text.get_ref()).map_err(|error| Fault::at(text, error));
    let storm = Storm { at: time(&raw.at)?, within: time(&raw.within)? };
    if storm.at + storm.within >= length {
        let message = "the storm is not over before the stages are, and nobody would see whether all come back";
        return Err(Fault::at(&raw.at, message));
    }
    Ok(storm)
}

fn stage_of(raw: &Spanned<RawStage>, place: usize, level: f64) -> Result<Stage, Fault> {
    let RawStage { kind, name, rate, from, to, length } = raw.get_ref();
    let kind_name = kind.name();
    let needed = |key: &str, value: &Option<Spanned<String>>| {
        let missing = || Fault::at(raw, format!("a {kind_name} needs {key}, such as {key} = \"2000/s\""));
        value.as_ref().ok_or_else(missing).and_then(per_second)
    };
    let unwanted: &[(&str, &Option<Spanned<String>>)] = match kind {
        StageKind::Hold | StageKind::Spike => &[("from", from), ("to", to)],
        StageKind::Ramp => &[("rate", rate)],
        StageKind::Pause => &[("rate", rate), ("from", from), ("to", to)],
    };
    if let Some((key, Some(value))) = unwanted.iter().find(|(_, value)| value.is_some()) {
        let way = match kind {
            StageKind::Hold | StageKind::Spike => "it has rate",
            StageKind::Ramp => "it has to, and from where it does not begin at the rate before it",
            StageKind::Pause => "nothing arrives in it",
        };
        return Err(Fault::at(value, format!("a {kind_name} has no {key}: {way}")));
    }
    let (from_per_s, to_per_s) = match kind {
        StageKind::Hold | StageKind::Spike => {
            let rate = needed("rate", rate)?;
            (rate, rate)
        }
        StageKind::Ramp => (from.as_ref().map_or(Ok(level), per_second)?, needed("to", to)?),
        StageKind::Pause => (0.0, 0.0),
    };
    let time = parse_duration(length.get_ref()).map_err(|error| Fault::at(length, error))?;
    if time < SHORTEST {
        return Err(Fault::at(length, format!("'{}' is too short for a stage; use at least 100ms", length.get_ref())));
    }
    if let Some(name) = name {
        check_name(name)?;
    }
    let name = name.as_ref().map_or_else(|| format!("{} {kind_name}", place + 1), |name| name.get_ref().clone());
    Ok(Stage { name, kind: *kind, from_per_s, to_per_s, length: time })
}

/// A rate, which may be zero here.
fn per_second(text: &Spanned<String>) -> Result<f64, Fault> {
    if matches!(text.get_ref().trim(), "0" | "0/s") {
        return Ok(0.0);
    }
    text.get_ref().parse::<Rate>().map(Rate::as_per_second).map_err(|error| Fault::at(text, error))
}

#[cfg(test)]
mod tests;
