//! Schedules whose rate changes: counts are the integral of the rate, times never fall, and workers share one schedule.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::scenario::{Stage, StageKind};

fn stage(from_per_s: f64, to_per_s: f64, length_ms: u64) -> Stage {
    Stage { name: String::new(), kind: StageKind::Ramp, from_per_s, to_per_s, length: Duration::from_millis(length_ms) }
}

/// Stages of rates from 0 to 2000 and lengths from 0.1 to 3 s, of which the first arrives at something.
fn stages() -> impl Strategy<Value = Vec<Stage>> {
    let rate = prop_oneof![Just(0.0), 1.0..2000.0_f64];
    let any = (rate.clone(), rate, 100_u64..3000).prop_map(|(from, to, ms)| stage(from, to, ms));
    let first = (1.0..2000.0_f64, 100_u64..3000).prop_map(|(rate, ms)| stage(rate, rate, ms));
    (first, prop::collection::vec(any, 0..6)).prop_map(|(first, rest)| [first].into_iter().chain(rest).collect())
}

/// Arrivals that are due by `at_s` seconds, summed up in small steps: the integral, written down a second time.
fn due(stages: &[Stage], at_s: f64) -> f64 {
    let (mut start, mut sum) = (0.0, 0.0);
    for stage in stages {
        let length = stage.length.as_secs_f64();
        let within = (at_s - start).clamp(0.0, length);
        let steps = 1000;
        let width = within / f64::from(steps);
        for step in 0..steps {
            let share = (f64::from(step) + 0.5) * width / length;
            sum += width * (stage.from_per_s + (stage.to_per_s - stage.from_per_s) * share);
        }
        start += length;
    }
    sum
}

fn all(law: Arrivals, stages: &[Stage], seed: u64, worker: usize, workers: usize, until_ns: u64) -> Vec<Arrival> {
    let mut schedule = Schedule::shaped(law, Shape::new(Duration::ZERO, stages), seed, worker, workers);
    let mut arrivals = Vec::new();
    while schedule.peek().at_ns < until_ns {
        arrivals.push(schedule.pop());
    }
    arrivals
}

fn length_ns(stages: &[Stage]) -> u64 {
    stages.iter().map(|stage| stage.length.as_nanos() as u64).sum()
}

proptest! {
    #[test]
    fn constant_counts_are_the_integral_of_the_rate(stages in stages(), share in 0.0..1.0_f64) {
        let until = (length_ns(&stages) as f64 * share) as u64;
        let counted = all(Arrivals::Constant, &stages, 0, 0, 1, until).len() as f64;
        let exact = due(&stages, until as f64 / 1e9);
        // The first arrival is at zero: as many as are due, rounded up.
        prop_assert!((counted - exact).abs() <= 1.0 + 1e-6 * exact, "{counted} against {exact}");
    }

    #[test]
    fn poisson_counts_are_the_integral_of_the_rate_but_for_chance(stages in stages(), seed: u64) {
        let counted = all(Arrivals::Poisson, &stages, seed, 0, 1, length_ns(&stages)).len() as f64;
        let exact = due(&stages, length_ns(&stages) as f64 / 1e9);
        // Six standard deviations of a Poisson count.
        prop_assert!((counted - exact).abs() <= 6.0 * exact.sqrt() + 6.0, "{counted} against {exact}");
    }

    #[test]
    fn workers_share_one_schedule_whose_times_never_fall(
        stages in stages(), seed: u64, workers in 1_usize..9, poisson: bool
    ) {
        let law = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
        let until = length_ns(&stages);
        let whole = all(law, &stages, seed, 0, 1, until);
        let mut shared: Vec<_> = (0..workers).flat_map(|w| all(law, &stages, seed, w, workers, until)).collect();
        shared.sort_by_key(|arrival| arrival.index);
        prop_assert_eq!(&whole, &shared);
        prop_assert!(whole.windows(2).all(|pair| pair[0].at_ns <= pair[1].at_ns && pair[0].index + 1 == pair[1].index));
    }

    #[test]
    fn one_stage_is_an_even_schedule(per_second in 1.0..1e5_f64, seed: u64, poisson: bool) {
        let law = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
        let rate = Rate::per_second(per_second).unwrap();
        let mut even = Schedule::new(law, rate, seed, 0, 1);
        let shape = Shape::new(Duration::from_secs(1), &[stage(per_second, per_second, 2000)]);
        let mut shaped = Schedule::shaped(law, shape, seed, 0, 1);
        for _ in 0..1000 {
            let (a, b) = (even.pop(), shaped.pop());
            prop_assert!(a.index == b.index && a.at_ns.abs_diff(b.at_ns) <= 2, "{a:?} against {b:?}");
        }
    }
}

#[test]
fn nothing_arrives_in_a_pause_and_the_warm_up_is_as_the_first_stage_begins() {
    let stages = [stage(100.0, 100.0, 1000), stage(0.0, 0.0, 5000), stage(100.0, 300.0, 1000)];
    let mut schedule = Schedule::shaped(Arrivals::Constant, Shape::new(Duration::from_secs(2), &stages), 0, 0, 1);
    let arrivals: Vec<Arrival> = (0..500).map(|_| schedule.pop()).collect();
    let within = |from: u64, to: u64| arrivals.iter().filter(|a| (from..to).contains(&(a.at_ns / 1_000_000))).count();
    // Warm-up: 2 s at 100/s; the stage: 100; the pause: none; the ramp: (100 + 300) ÷ 2.
    assert_eq!([within(0, 2000), within(2000, 3000), within(3000, 8000), within(8000, 9000)], [200, 100, 0, 200]);
    // The ramp by hand: 100 x + 100 x² = 75 at x = 0.5, so that the 75th of it comes half a second in.
    assert_eq!(arrivals[375].at_ns, 8_500_000_000);
}

#[test]
fn poisson_arrivals_of_a_ramp_are_spread_as_the_rate_is() {
    // A ramp from 0: half of what is due comes in the last 1 − 1/√2 of it.
    let stages = [stage(0.0, 20_000.0, 10_000)];
    let arrivals = all(Arrivals::Poisson, &stages, 7, 0, 1, 10_000_000_000);
    let n = arrivals.len() as f64;
    let early = arrivals.iter().filter(|a| (a.at_ns as f64) < 10e9 / 2_f64.sqrt()).count() as f64;
    assert!((early / n - 0.5).abs() < 5.0 * 0.5 / n.sqrt(), "{early} of {n}");
}
