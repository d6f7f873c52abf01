//! The law against data that it made itself, with and without noise, and against a queue.

use proptest::prelude::*;
use statrs::distribution::{Binomial, DiscreteCDF};

use super::super::simulation::Random;
use super::*;

const LEVELS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0];

/// The law written down a second time, straight from the book.
fn law((lambda, sigma, kappa): (f64, f64, f64), n: f64) -> f64 {
    lambda * n / (1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0))
}

/// Two trials at each level, each off by a lognormal share.
fn noisy(truth: (f64, f64, f64), noise: f64, seed: u64) -> Vec<Point> {
    let mut random = Random::new(seed);
    let levels = LEVELS.into_iter().chain(LEVELS);
    levels.map(|n| Point { concurrency: n, throughput: law(truth, n) * (noise * random.normal()).exp() }).collect()
}

fn holds(found: Parameter, truth: f64) -> bool {
    found.low <= truth && found.high.is_none_or(|high| truth <= high)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn what_the_law_made_is_found_again(lambda in 1.0..1e6_f64, sigma in 0.0..0.9_f64, kappa in 1e-6..0.05_f64) {
        let found = Usl::fit(&noisy((lambda, sigma, kappa), 0.0, 1)).unwrap();
        prop_assert!((found.lambda / lambda - 1.0).abs() < 1e-4, "{found:?}");
        prop_assert!((found.sigma.value - sigma).abs() < 1e-4, "{found:?}");
        prop_assert!((found.kappa.value - kappa).abs() < 1e-5, "{found:?}");
        prop_assert!(found.r_squared.unwrap() > 0.999_999 && found.describes_well());
    }

    #[test]
    fn no_data_panics_or_gives_a_figure_that_is_none(
        points in prop::collection::vec((1e-3..1e4_f64, 1e-3..1e6_f64), 0..14)
    ) {
        let points: Vec<Point> =
            points.into_iter().map(|(concurrency, throughput)| Point { concurrency, throughput }).collect();
        if let Ok(found) = Usl::fit(&points) {
            let figures = [found.lambda, found.sigma.value, found.kappa.value, found.r_squared.unwrap_or(0.0)];
            prop_assert!(figures.iter().all(|figure| figure.is_finite()), "{found:?}");
            prop_assert!(found.lambda > 0.0 && (0.0..=1.0).contains(&found.sigma.value) && found.kappa.value >= 0.0);
            for parameter in [found.sigma, found.kappa].into_iter().chain(found.knee.map(|knee| knee.concurrency)) {
                prop_assert!(holds(parameter, parameter.value), "{found:?}");
            }
        }
    }
}

#[test]
fn the_knee_is_where_the_book_has_it() {
    // √((1 − 0.04) ÷ 0.0006) = √1600 = 40; there 1000 × 40 ÷ (1 + 0.04 × 39 + 0.0006 × 40 × 39) = 40 000 ÷ 3.496.
    let found = Usl::fit(&noisy((1000.0, 0.04, 0.0006), 0.0, 1)).unwrap();
    let knee = found.knee.unwrap();
    assert!((knee.concurrency.value - 40.0).abs() < 1e-3 && (knee.throughput - 11_441.65).abs() < 0.1, "{knee:?}");
    assert!(!knee.extrapolated);
    // √(0.96 ÷ 0.0001) = 98: beyond the 64 that were measured.
    let beyond = Usl::fit(&noisy((1000.0, 0.04, 0.0001), 0.01, 1)).unwrap();
    assert!(beyond.knee.unwrap().extrapolated, "{beyond:?}");
}

#[test]
fn a_server_without_coherency_has_no_knee_or_no_end_to_it() {
    let found = Usl::fit(&noisy((1000.0, 0.1, 0.0), 0.0, 1)).unwrap();
    assert!(found.kappa.value < 1e-9 && found.knee.is_none_or(|knee| knee.extrapolated), "{found:?}");
    for seed in 1..=20 {
        let found = Usl::fit(&noisy((1000.0, 0.1, 0.0), 0.03, seed)).unwrap();
        if let Some(knee) = found.knee {
            assert!(knee.concurrency.high.is_none() || found.kappa.low > 0.0, "{found:?}");
        }
    }
}

/// Of `runs` fits to noisy data, in how many the intervals of σ, κ and N* hold the truth.
fn covered(truth: (f64, f64, f64), noise: f64, runs: u64) -> [u64; 3] {
    let (_, sigma, kappa) = truth;
    let mut counts = [0; 3];
    for seed in 1..=runs {
        let found = Usl::fit(&noisy(truth, noise, seed)).unwrap();
        let knee = ((1.0 - sigma) / kappa).sqrt();
        let holds_knee = if kappa > 0.0 {
            found.knee.is_none_or(|found| holds(found.concurrency, knee))
        } else {
            found.knee.is_none_or(|found| found.concurrency.high.is_none())
        };
        for (count, held) in counts.iter_mut().zip([holds(found.sigma, sigma), holds(found.kappa, kappa), holds_knee]) {
            *count += u64::from(held);
        }
    }
    counts
}

#[test]
fn intervals_cover_the_truth() {
    const RUNS: u64 = 200;
    // A true coverage of 92 % would fall below this once in a thousand times.
    let least = Binomial::new(0.92, RUNS).unwrap().inverse_cdf(0.001);
    for truth in [(1000.0, 0.05, 0.0005), (1000.0, 0.02, 0.0), (1000.0, 0.0, 0.001), (1000.0, 0.5, 0.0001)] {
        for noise in [0.01, 0.05] {
            let counts = covered(truth, noise, RUNS);
            assert!(counts.iter().all(|count| *count >= least), "{truth:?}, noise {noise}: {counts:?} of {RUNS}");
        }
    }
}

#[test]
fn an_open_queue_gives_half_its_rate_and_half_contention() {
    // M/M/1: N = ρ/(1 − ρ), hence X = μN/(1 + N) = (μ/2)N/(1 + ½(N − 1)).
    let mu = 500.0;
    let at = |rho: f64| Point { concurrency: rho / (1.0 - rho), throughput: mu * rho };
    let points: Vec<Point> = [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95].into_iter().map(at).collect();
    let found = Usl::fit(&points).unwrap();
    assert!((found.lambda - mu / 2.0).abs() < 1e-3 && (found.sigma.value - 0.5).abs() < 1e-5, "{found:?}");
    assert!(found.kappa.value < 1e-7, "{found:?}");
}

#[test]
fn too_little_is_refused_with_the_reason() {
    let all = noisy((1000.0, 0.05, 0.0005), 0.01, 1);
    let few = Usl::fit(&all[..5]).unwrap_err();
    assert_eq!(few, Refused::TooFew { levels: 5 });
    assert!(few.to_string().contains("from 6 on"), "{few}");
    // Repetitions, and what is as good as one, add no level.
    let again: Vec<Point> =
        all[..5].iter().flat_map(|p| [*p, Point { concurrency: p.concurrency * 1.05, ..*p }]).collect();
    assert_eq!(Usl::fit(&again).unwrap_err(), Refused::TooFew { levels: 5 });
    let close: Vec<Point> =
        (0..8).map(|step| Point { concurrency: 10.0 * 1.15_f64.powi(step), throughput: 100.0 }).collect();
    assert!(matches!(Usl::fit(&close).unwrap_err(), Refused::TooClose { .. }));
    for broken in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let mut points = all.clone();
        points[3].throughput = broken;
        assert_eq!(Usl::fit(&points).unwrap_err(), Refused::NotPositive);
    }
    assert_eq!(Usl::fit(&[]).unwrap_err(), Refused::TooFew { levels: 0 });
}

#[test]
fn what_the_law_does_not_describe_is_said() {
    let truth = noisy((1000.0, 0.05, 0.0005), 0.0, 1);
    let mut points = truth.clone();
    for point in points.iter_mut().step_by(3) {
        point.throughput *= 0.6;
    }
    assert!(Usl::fit(&truth).unwrap().describes_well());
    let poor = Usl::fit(&points).unwrap();
    assert!(!poor.describes_well() && poor.residuals.len() == points.len(), "{poor:?}");
}
