//! The Universal Scalability Law over the trials of a search, as it stands in documents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stats::usl;

/// The law, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Law {
    /// The trials that it was fitted to.
    pub points: Vec<LawPoint>,
    /// The law; null where it was refused.
    pub fit: Option<LawFit>,
    /// Why it was refused.
    pub refused: Option<String>,
}

/// One trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LawPoint {
    /// How many were in the system on average (Little's law).
    pub concurrency: f64,
    /// Achieved per second.
    pub throughput_per_s: f64,
    /// ln(measured ÷ fitted); null where no law was fitted.
    pub residual: Option<f64>,
}

/// X(N) = λN / (1 + σ(N − 1) + κN(N − 1)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LawFit {
    /// λ.
    pub lambda_per_s: f64,
    /// σ, contention.
    pub sigma: Bounded,
    /// κ, coherency.
    pub kappa: Bounded,
    /// The concurrency of the highest throughput; null where there is none.
    pub knee_concurrency: Option<Bounded>,
    /// The highest throughput.
    pub knee_per_s: Option<f64>,
    /// Whether the knee lies beyond what was measured.
    pub knee_extrapolated: Option<bool>,
    /// The share of the variance that it explains.
    pub r_squared: Option<f64>,
    /// Whether the residuals are small enough for the law to describe the endpoint.
    pub describes_well: bool,
    /// The least concurrency that was measured.
    pub measured_low: f64,
    /// The largest: what the law says beyond is extrapolated.
    pub measured_high: f64,
}

impl LawFit {
    /// The throughput that the law gives for `concurrency`, per second.
    pub fn throughput_per_s(&self, concurrency: f64) -> f64 {
        usl::throughput(self.lambda_per_s, self.sigma.value, self.kappa.value, concurrency)
    }
}

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bounded {
    /// The figure.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end; null where there is none.
    pub high: Option<f64>,
}

impl From<usl::Parameter> for Bounded {
    fn from(usl::Parameter { value, low, high }: usl::Parameter) -> Self {
        Self { value, low, high }
    }
}

impl From<&usl::Usl> for LawFit {
    fn from(law: &usl::Usl) -> Self {
        Self {
            lambda_per_s: law.lambda,
            sigma: law.sigma.into(),
            kappa: law.kappa.into(),
            knee_concurrency: law.knee.map(|knee| knee.concurrency.into()),
            knee_per_s: law.knee.map(|knee| knee.throughput),
            knee_extrapolated: law.knee.map(|knee| knee.extrapolated),
            r_squared: law.r_squared,
            describes_well: law.describes_well(),
            measured_low: law.measured.0,
            measured_high: law.measured.1,
        }
    }
}
