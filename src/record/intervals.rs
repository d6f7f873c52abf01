//! The latencies of a run as HDR histograms: of the whole, and of its seconds.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stats::encoded::{Undecodable, decode};

/// An HDR histogram of nanoseconds, 1 ns to 1 h, as that project's logs hold it: version 2 of its encoding, deflated, in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct HistogramText(pub String);

impl HistogramText {
    /// The histogram itself.
    ///
    /// # Errors
    /// [`Undecodable`], where the document was damaged.
    pub fn decode(&self) -> Result<Histogram<u64>, Undecodable> {
        decode(&self.0)
    }
}

/// What ended in one stretch of time: a second, or more where the run was longer than an hour, or the time after the window in which what
/// was under way ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IntervalRecord {
    /// Its start, in seconds after the window's start.
    pub start_s: f64,
    /// Its length in seconds.
    pub length_s: f64,
    /// By the name of the latency: its values in this time to 2 significant digits, censored ones included. None where there was no value.
    pub histograms: BTreeMap<String, HistogramText>,
}

impl IntervalRecord {
    /// When it began, after the window's start, and how long it was; 0 where the document says what cannot be.
    pub fn time(&self) -> (Duration, Duration) {
        let of = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        (of(self.start_s), of(self.length_s))
    }
}
