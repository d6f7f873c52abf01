//! Arrival schedules: the n-th intended time as a function of the plan and a seed, with no clock inside.
//!
//! One global schedule serves all workers: worker *w* of *N* takes every arrival whose index is *w* modulo *N*, so that a seed gives the
//! same arrivals whatever the number of workers, and an arrival that waits needs no memory.

mod shape;

use crate::model::load::Arrivals;
use crate::units::Rate;

pub use shape::Shape;

/// One arrival: its index in the global schedule, and its time in nanoseconds after the schedule's zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Index in the global schedule, from 0.
    pub index: u64,
    /// Intended time, in nanoseconds after the schedule's zero.
    pub at_ns: u64,
}

/// The arrivals that one worker serves, in order; an endless iterator whose head can be looked at.
#[derive(Debug, Clone)]
pub struct Schedule {
    law: Arrivals,
    curve: Curve,
    seed: u64,
    stride: u64,
    /// The worker's next arrival.
    head: Arrival,
}

/// How the rate goes, and how far along it the schedule is.
#[derive(Debug, Clone)]
enum Curve {
    /// The same all the time.
    Even {
        /// Arrivals per second.
        rate: f64,
        /// The part of a nanosecond that `head.at_ns` leaves out, so that rounding never adds up.
        fraction: f64,
    },
    /// One that changes. A Poisson process at a rate that changes is one at a rate of 1 on a time in which as much is due as has passed (Çinlar,
    /// *Introduction to Stochastic Processes*, 1975, 4.7).
    Shaped {
        shape: Shape,
        /// The sum of the unit gaps so far.
        units: f64,
        /// The shape's piece in which `head` lies.
        piece: usize,
    },
}

impl Schedule {
    /// The share of worker `worker` of `workers` in the schedule that `law`, `rate` and `seed` define. The first arrival of a constant
    /// schedule is at zero; the first of a Poisson one after an exponential gap.
    pub fn new(law: Arrivals, rate: Rate, seed: u64, worker: usize, workers: usize) -> Self {
        Self::along(Curve::Even { rate: rate.as_per_second(), fraction: 0.0 }, law, seed, worker, workers)
    }

    /// The same, where the rate changes as `shape` says. The n-th arrival of a constant schedule, from 0, is at the time by which n are due.
    pub fn shaped(law: Arrivals, shape: Shape, seed: u64, worker: usize, workers: usize) -> Self {
        Self::along(Curve::Shaped { shape, units: 0.0, piece: 0 }, law, seed, worker, workers)
    }

    fn along(curve: Curve, law: Arrivals, seed: u64, worker: usize, workers: usize) -> Self {
        let mut schedule = Self { law, curve, seed, stride: workers as u64, head: Arrival { index: 0, at_ns: 0 } };
        match law {
            Arrivals::Poisson => schedule.add_gap(),
            Arrivals::Constant => schedule.place(),
        }
        schedule.skip(worker as u64);
        schedule
    }

    /// The next arrival, which stays next.
    pub fn peek(&self) -> Arrival {
        self.head
    }

    /// Takes the next arrival.
    pub fn pop(&mut self) -> Arrival {
        let arrival = self.head;
        self.skip(self.stride);
        arrival
    }

    fn skip(&mut self, steps: u64) {
        match self.law {
            Arrivals::Constant => {
                self.head.index += steps;
                self.place();
            }
            Arrivals::Poisson => {
                for _ in 0..steps {
                    self.head.index += 1;
                    self.add_gap();
                }
            }
        }
    }

    /// Sets the time of a constant schedule's arrival `head.index`.
    fn place(&mut self) {
        let index = self.head.index as f64;
        match &mut self.curve {
            Curve::Even { rate, .. } => self.head.at_ns = (index / *rate * 1e9) as u64,
            Curve::Shaped { shape, piece, .. } => self.head.at_ns = whole_ns(shape.due_ns(index, piece)),
        }
    }

    /// Adds the exponential gap before arrival `head.index`, by inversion: −ln(u) ÷ rate.
    fn add_gap(&mut self) {
        let bits = mix(self.seed ^ mix(self.head.index));
        // 53 random bits, centred in their cell: u lies strictly between 0 and 1.
        let u = ((bits >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        match &mut self.curve {
            Curve::Even { rate, fraction } => {
                let gap = -u.ln() / *rate * 1e9 + *fraction;
                let whole = gap.floor();
                self.head.at_ns += whole as u64;
                *fraction = gap - whole;
            }
            Curve::Shaped { shape, units, piece } => {
                *units -= u.ln();
                self.head.at_ns = whole_ns(shape.due_ns(*units, piece));
            }
        }
    }
}

/// The longest time that a schedule holds: beyond any run, and small enough to be added to a clock.
const NEVER_NS: u64 = 1 << 62;

fn whole_ns(due_ns: Option<f64>) -> u64 {
    due_ns.map_or(NEVER_NS, |ns| (ns as u64).min(NEVER_NS))
}

/// The index of the first arrival at or after `from_ns` nanoseconds of the schedule that `law`, `rate` and `seed` define. Takes as long as
/// drawing the arrivals before it: some nanoseconds each.
pub fn first_index_from(law: Arrivals, rate: Rate, seed: u64, from_ns: u64) -> u64 {
    let mut schedule = Schedule::new(law, rate, seed, 0, 1);
    while schedule.peek().at_ns < from_ns {
        schedule.pop();
    }
    schedule.peek().index
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that spreads a counter over all 64 bits.
pub fn mix(counter: u64) -> u64 {
    let mut z = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod shape_tests;
#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn first(schedule: &mut Schedule, n: usize) -> Vec<Arrival> {
        (0..n).map(|_| schedule.pop()).collect()
    }

    fn rate(per_second: f64) -> Rate {
        Rate::per_second(per_second).unwrap()
    }

    proptest! {
        #[test]
        fn workers_share_one_schedule(seed: u64, per_second in 0.5f64..1e7, workers in 1usize..9, poisson: bool) {
            let law = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let whole = first(&mut Schedule::new(law, rate(per_second), seed, 0, 1), 500);
            let mut shared: Vec<_> = (0..workers)
                .flat_map(|w| first(&mut Schedule::new(law, rate(per_second), seed, w, workers), 500usize.div_ceil(workers)))
                .filter(|arrival| arrival.index < 500)
                .collect();
            shared.sort_by_key(|arrival| arrival.index);
            prop_assert_eq!(&whole, &shared);
            prop_assert!(whole.windows(2).all(|pair| pair[0].at_ns <= pair[1].at_ns && pair[0].index + 1 == pair[1].index));
        }

        #[test]
        fn the_first_index_divides_the_schedule(seed: u64, per_second in 1.0f64..1e6, poisson: bool, share in 0.0f64..400.0) {
            let law = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let from_ns = (share / per_second * 1e9) as u64;
            let index = first_index_from(law, rate(per_second), seed, from_ns);
            for arrival in first(&mut Schedule::new(law, rate(per_second), seed, 0, 1), 800) {
                prop_assert_eq!(arrival.at_ns >= from_ns, arrival.index >= index);
            }
        }

        #[test]
        fn a_constant_schedule_never_drifts(per_second in 0.1f64..1e6) {
            let arrivals = first(&mut Schedule::new(Arrivals::Constant, rate(per_second), 0, 0, 1), 2000);
            for arrival in arrivals {
                let exact = arrival.index as f64 * 1e9 / per_second;
                prop_assert!((arrival.at_ns as f64 - exact).abs() <= 1.0 + exact * 1e-12);
            }
        }
    }

    #[test]
    fn poisson_gaps_are_exponential_and_independent() {
        let n = 200_000;
        let mut schedule = Schedule::new(Arrivals::Poisson, rate(1000.0), 42, 0, 1);
        let times: Vec<f64> = first(&mut schedule, n).iter().map(|a| a.at_ns as f64 / 1e6).collect();
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        // Mean 1 ms, standard error 1/√n.
        assert!((mean - 1.0).abs() < 5.0 / (n as f64).sqrt(), "mean gap {mean} ms");
        // Kolmogorov–Smirnov against 1 − e^−x at the 0.1 % level: 1.95/√n.
        let mut sorted = gaps.clone();
        sorted.sort_by(f64::total_cmp);
        let distance = sorted
            .iter()
            .enumerate()
            .map(|(i, gap)| ((1.0 - (-gap).exp()) - (i as f64 + 0.5) / sorted.len() as f64).abs())
            .fold(0.0, f64::max);
        assert!(distance < 1.95 / (n as f64).sqrt(), "KS distance {distance}");
        let correlation =
            gaps.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum::<f64>() / gaps.len() as f64;
        assert!(correlation.abs() < 5.0 / (n as f64).sqrt(), "lag-1 correlation {correlation}");
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        let draw = |seed| first(&mut Schedule::new(Arrivals::Poisson, rate(10.0), seed, 0, 1), 50);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
