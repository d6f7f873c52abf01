//! Simulated runs with a known truth, for the tests: independent times, a queue, and autocorrelated series.

use super::batches::Batches;
use super::recorder::{CoarseRecorder, Recorder};

/// SplitMix64 (Steele, Lea, Flood, *OOPSLA* 2014): small, seeded, good enough for a simulation.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D))
    }

    /// Uniform between 0 and 1, both excluded.
    pub(super) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((z ^ (z >> 31)) >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
    }

    /// Exponential with mean 1.
    pub(super) fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }

    /// Standard normal (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        (2.0 * self.exponential()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// What produces the times of a simulated run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Process {
    /// Independent, exponential.
    Exponential,
    /// Independent, lognormal with σ = 1.
    Lognormal,
    /// Response times of an M/M/1 queue at this utilisation, first come first served, from its steady state on.
    Queue(f64),
}

/// Nanoseconds per unit of simulated time.
const SCALE: f64 = 1e6;

impl Process {
    /// The true quantile in nanoseconds. The response time of M/M/1 is exponential with rate μ − λ.
    pub(super) fn quantile(self, q: f64) -> f64 {
        use statrs::distribution::{ContinuousCDF, Normal};
        let exponential = -(1.0 - q).ln();
        SCALE
            * match self {
                Self::Exponential => exponential,
                Self::Lognormal => Normal::new(0.0, 1.0).unwrap().inverse_cdf(q).exp(),
                Self::Queue(utilisation) => exponential / (1.0 - utilisation),
            }
    }

    /// A run of about `count` Poisson arrivals, over `slices` slices of equal time.
    pub(super) fn run(self, count: u32, slices: u32, seed: u64) -> (Recorder, Batches) {
        let mut random = Random::new(seed);
        let (mut recorder, mut batches, mut slice) = (Recorder::new(), Batches::new(64), CoarseRecorder::new());
        let rate = if let Self::Queue(utilisation) = self { utilisation } else { 1.0 };
        let slice_length = f64::from(count) / rate / f64::from(slices);
        // The steady state: nobody before the first arrival, or an exponential time's worth of work.
        let mut work = match self {
            Self::Queue(rho) if random.uniform() < rho => random.exponential() / (1.0 - rho),
            _ => 0.0,
        };
        let mut until_slice_ends = slice_length;
        let mut done = 0;
        loop {
            let gap = random.exponential() / rate;
            until_slice_ends -= gap;
            while until_slice_ends < 0.0 {
                batches.push(&slice);
                slice.reset();
                until_slice_ends += slice_length;
                done += 1;
                if done == slices {
                    return (recorder, batches);
                }
            }
            let time = match self {
                Self::Exponential => random.exponential(),
                Self::Lognormal => random.normal().exp(),
                Self::Queue(_) => {
                    // Lindley's recursion.
                    work = (work - gap).max(0.0) + random.exponential();
                    work
                }
            };
            let ns = (time * SCALE) as u64;
            recorder.record(ns);
            slice.record(ns);
        }
    }
}
