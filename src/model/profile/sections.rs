//! The sections of a profile beside its policy: what `run` and `suites` take from it where the command line says nothing.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::model::load::{Arrivals, LoadChoice, Unit};
use crate::model::slo::Slo;
use crate::model::suite::Suite;
use crate::model::suites::WorkloadKind;
use crate::model::toml_error::Fault;
use crate::units::{ByteCount, parse_duration};

/// What a profile says of a comparison of suites; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SuitesDefaults {
    /// `--workload`
    pub workloads: Option<Vec<WorkloadKind>>,
    /// `--size`
    pub sizes: Option<Vec<ByteCount>>,
    /// `--baseline`
    pub baseline: Option<Suite>,
    /// `--rounds`
    pub rounds: Option<u32>,
    /// `--trial`
    pub trial: Option<Duration>,
}

/// A value as TOML has it: `64` and `"64"` are the same here.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a number or a text")]
enum Scalar {
    Whole(i64),
    Real(f64),
    Text(String),
}

impl Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(n) => n.fmt(f),
            Self::Real(x) => x.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

type Value = Option<Spanned<Scalar>>;

/// `[load]`: the options of `run` by their names, with `_` for `-`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLoad {
    rate: Value,
    arrivals: Value,
    seed: Value,
    unit: Value,
    connections: Value,
    connect_concurrency: Value,
    threads: Value,
    duration: Value,
    warmup: Value,
    requests: Value,
    requests_per_connection: Value,
    timeout: Value,
    connect_timeout: Value,
    abort_on: Value,
    spin: Value,
}

impl RawLoad {
    pub(super) fn read(self) -> Result<LoadChoice, Fault> {
        Ok(LoadChoice {
            rate: parsed(self.rate)?,
            arrivals: named(self.arrivals, &[Arrivals::Poisson, Arrivals::Constant].map(|law| (law.name(), law)))?,
            seed: whole(self.seed)?,
            unit: named(self.unit, &[Unit::Requests, Unit::Sessions].map(|unit| (unit.name(), unit)))?,
            connections: whole(self.connections)?,
            connect_concurrency: whole(self.connect_concurrency)?,
            threads: whole(self.threads)?,
            duration: time(self.duration)?,
            warmup: time(self.warmup)?,
            max_requests: whole(self.requests)?,
            requests_per_connection: parsed(self.requests_per_connection)?,
            timeout: time(self.timeout)?,
            connect_timeout: time(self.connect_timeout)?,
            abort_on: parsed(self.abort_on)?,
            spin: time(self.spin)?,
            ..LoadChoice::default()
        })
    }
}

/// `[slo]`: the objectives of `capacity`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawObjectives {
    objectives: Option<Vec<Spanned<Scalar>>>,
}

impl RawObjectives {
    pub(super) fn read(self) -> Result<Vec<Slo>, Fault> {
        Ok(several(self.objectives)?.unwrap_or_default())
    }
}

/// `[suites]`: the options of `suites`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawComparison {
    workloads: Option<Vec<Spanned<Scalar>>>,
    sizes: Option<Vec<Spanned<Scalar>>>,
    baseline: Value,
    rounds: Value,
    trial: Value,
}

impl RawComparison {
    pub(super) fn read(self) -> Result<SuitesDefaults, Fault> {
        Ok(SuitesDefaults {
            workloads: several(self.workloads)?,
            sizes: several(self.sizes)?,
            baseline: parsed(self.baseline)?,
            rounds: whole(self.rounds)?,
            trial: time(self.trial)?,
        })
    }
}

/// Reads a value where there is one, with an error at its place.
fn read<T>(value: Value, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, Fault> {
    value.map(|value| parse(&value.get_ref().to_string()).map_err(|why| Fault::at(&value, why))).transpose()
}

fn parsed<T: FromStr<Err: Display>>(value: Value) -> Result<Option<T>, Fault> {
    read(value, |text| text.parse().map_err(|error: T::Err| error.to_string()))
}

fn several<T: FromStr<Err: Display>>(values: Option<Vec<Spanned<Scalar>>>) -> Result<Option<Vec<T>>, Fault> {
    let each = |value| Ok(parsed(Some(value))?.into_iter());
    let lists = values.map(|values| values.into_iter().map(each).collect::<Result<Vec<_>, Fault>>()).transpose()?;
    Ok(lists.map(|lists| lists.into_iter().flatten().collect()))
}

fn whole<T: FromStr>(value: Value) -> Result<Option<T>, Fault> {
    read(value, |text| text.parse().map_err(|_| format!("'{text}' is not a whole number that fits here")))
}

fn time(value: Value) -> Result<Option<Duration>, Fault> {
    read(value, |text| parse_duration(text).map_err(|error| error.to_string()))
}

fn named<T: Copy>(value: Value, known: &[(&str, T)]) -> Result<Option<T>, Fault> {
    read(value, |text| {
        let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        let names = || known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| format!("'{text}' is none of {}", names()))
    })
}
