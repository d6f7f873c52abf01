//! How much a comparison of suites is: its runs, and how long they take.

use std::time::Duration;

use super::{SuitesPlan, WARMUP_SHARE};
use crate::model::suite::KeyType;

/// What a run takes beside its load: threads start, connections are opened, what is under way ends. A guess for an endpoint nearby.
const AROUND_A_RUN: Duration = Duration::from_millis(30);

/// How much a comparison is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Arms under workloads, controls included: each is a row of the result.
    pub rows: usize,
    /// Runs in all rounds, the first, which is not counted, included.
    pub runs: usize,
    /// For how long the endpoint is loaded in all.
    pub loaded: Duration,
}

impl Extent {
    /// How long it takes in all, as far as can be said beforehand: what takes longer are runs that are made again, and endpoints far away.
    pub fn about(&self) -> Duration {
        // As many as memory could hold rows of are far from the end of a u32.
        self.loaded + AROUND_A_RUN * u32::try_from(self.runs).unwrap_or(u32::MAX)
    }
}

impl SuitesPlan {
    /// How much it is with so many rows.
    pub fn extent(&self, rows: usize) -> Extent {
        let in_a_round = if self.load_share().is_some() { 2 } else { 1 };
        let runs = rows * (1 + in_a_round * self.rounds() as usize);
        // The warm-up at full load varies around its share.
        Extent { rows, runs, loaded: self.trial().mul_f64((1.0 + WARMUP_SHARE) * runs as f64) }
    }

    /// How much it is where the endpoint refuses nothing.
    pub fn greatest_extent(&self) -> Extent {
        let types = [KeyType::Ecdsa, KeyType::Rsa];
        let controls = types.iter().filter(|kind| self.arms().iter().any(|arm| arm.certificate == **kind)).count();
        self.extent((self.arms().len() + controls) * self.workloads().len())
    }
}
