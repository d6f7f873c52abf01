//! Simulated comparisons with a known truth: how often a family has a false verdict, how often a difference is found, how
//! often an interval covers. Tests only.

use statrs::distribution::{Binomial, DiscreteCDF};

use super::compare::{Comparison, Difference, Estimate, Tolerance, Verdict, judge};
use super::rounds::Rounds;
use super::simulation::Process::{self, Exponential, Queue};
use super::simulation::Random;
use super::summary::Summary;

/// The noise of one arm in one round, on the scale of logarithms, with a standard deviation of about 1.
#[derive(Debug, Clone, Copy)]
enum Noise {
    Normal,
    /// Student's t with 3 degrees of freedom.
    HeavyTails,
    /// One in ten far off, always to the same side.
    Outliers,
    /// An arm is in one of two states, by the toss of a coin.
    TwoStates,
    Uniform,
}

impl Noise {
    const ALL: [Self; 5] = [Self::Normal, Self::HeavyTails, Self::Outliers, Self::TwoStates, Self::Uniform];

    fn draw(self, random: &mut Random) -> f64 {
        match self {
            Self::Normal => random.normal(),
            Self::HeavyTails => {
                let chi_squared: f64 = (0..3).map(|_| random.normal().powi(2)).sum();
                random.normal() / chi_squared.sqrt()
            }
            Self::Outliers if random.uniform() < 0.1 => 3.0 + random.normal().abs(),
            Self::Outliers => 0.5 * random.normal(),
            Self::TwoStates if random.uniform() < 0.5 => 1.0 + 0.05 * random.normal(),
            Self::TwoStates => -1.0 + 0.05 * random.normal(),
            Self::Uniform => (random.uniform() - 0.5) * 12.0_f64.sqrt(),
        }
    }
}

/// An experiment: how its arms differ from the first, and by how much their figures scatter.
struct Experiment<'a> {
    rounds: usize,
    noise: Noise,
    /// Per arm: the true ratio to the first, and the standard deviation of the noise.
    arms: &'a [(f64, f64)],
}

impl Experiment<'_> {
    /// The comparisons with the first arm. All arms of a round share a drift (a random walk) and an autocorrelated noise.
    fn run(&self, tolerance: Tolerance, random: &mut Random) -> Vec<Comparison> {
        let mut rounds = Rounds::new(self.arms.len());
        let (mut drift, mut shared) = (0.0, random.normal());
        for _ in 0..self.rounds {
            drift += 0.05 * random.normal();
            shared = 0.8 * shared + 0.6 * random.normal();
            let figure = |(ratio, deviation): &(f64, f64)| {
                Some(500.0 * ratio * (drift + 0.1 * shared + deviation * self.noise.draw(random)).exp())
            };
            rounds.push(&self.arms.iter().map(figure).collect::<Vec<_>>()).unwrap();
        }
        rounds.compare(0, tolerance).into_iter().flatten().collect()
    }
}

fn is_different(comparison: &Comparison) -> bool {
    matches!(comparison.verdict, Verdict::Higher | Verdict::Lower)
}

fn covers(comparison: &Comparison, truth: f64) -> bool {
    comparison.interval.is_some_and(|(low, high)| low <= truth && truth <= high)
}

fn exactly() -> Tolerance {
    Tolerance::new(0.0).unwrap()
}

/// Whether `count` of `of` is more than a probability of `share` gives in all but one case in a hundred.
fn is_more_than(share: f64, count: usize, of: usize) -> bool {
    count > 0 && Binomial::new(share, of as u64).unwrap().sf(count as u64 - 1) < 0.01
}

const FAMILIES: usize = 1000;

#[test]
fn a_family_in_which_nothing_differs_has_a_false_verdict_in_one_of_twenty_cases_at_most() {
    let quiet = [(1.0, 0.01); 21];
    let loud = [(1.0, 0.15); 21];
    // A quiet baseline and a loud arm after each quiet one.
    let mixed: Vec<_> = (0..21).map(|i| (1.0, if i % 2 == 0 { 0.01 } else { 0.15 })).collect();
    let mut random = Random::new(1);
    for noise in Noise::ALL {
        for rounds in [5, 7, 10] {
            for arms in [&quiet[..], &loud, &mixed] {
                // Bounded noise of an arm that is louder than the baseline needs more than five rounds: see stats::rounds.
                if matches!(noise, Noise::TwoStates | Noise::Uniform) && arms == mixed {
                    continue;
                }
                let experiment = Experiment { rounds, noise, arms };
                let is_false = |_: &usize| experiment.run(exactly(), &mut random).iter().any(is_different);
                let count = (0..FAMILIES).filter(is_false).count();
                assert!(!is_more_than(0.05, count, FAMILIES), "{noise:?}, {rounds} rounds, {:?}: {count}", &arms[..2]);
            }
        }
    }
}

#[test]
fn differences_make_no_false_verdicts_among_the_arms_that_do_not_differ() {
    let arms: Vec<_> = (0..21).map(|i| (if i > 10 { 1.5 } else { 1.0 }, 0.03)).collect();
    let mut random = Random::new(2);
    for rounds in [5, 7, 10] {
        let experiment = Experiment { rounds, noise: Noise::Normal, arms: &arms };
        let is_false = |_: &usize| experiment.run(exactly(), &mut random)[..10].iter().any(is_different);
        let count = (0..FAMILIES).filter(is_false).count();
        assert!(!is_more_than(0.05, count, FAMILIES), "{rounds} rounds: {count}");
    }
}

/// The share of families in which the second arm's difference of 10 % is found, and that in which its interval covers.
fn found_and_covered(rounds: usize, noise: Noise, arms: &[(f64, f64)], tolerance: Tolerance) -> (f64, f64) {
    let mut random = Random::new(3);
    let experiment = Experiment { rounds, noise, arms };
    let (mut found, mut covered) = (0, 0);
    for _ in 0..FAMILIES {
        let second = experiment.run(tolerance, &mut random)[0];
        found += usize::from(second.verdict == Verdict::Higher);
        covered += usize::from(covers(&second, arms[1].0));
    }
    (found as f64 / FAMILIES as f64, covered as f64 / FAMILIES as f64)
}

/// One arm that is 10 % higher, among `others` that are not. A round's ratio scatters by `scatter`, that of an arm and that of
/// the baseline together.
fn one_of(others: usize, scatter: f64) -> Vec<(f64, f64)> {
    let deviation = scatter / 2.0_f64.sqrt();
    let mut arms = vec![(1.0, deviation); others + 2];
    arms[1].0 = 1.1;
    arms
}

#[test]
fn a_difference_of_ten_percent_is_found_in_nine_of_ten_cases() {
    for rounds in [7, 8, 10] {
        for others in [0, 7, 19] {
            let (found, covered) = found_and_covered(rounds, Noise::Normal, &one_of(others, 0.03), Tolerance::DEFAULT);
            assert!(found >= 0.9 && covered >= 0.93, "{rounds} rounds, {others} others: {found}, {covered}");
        }
    }
    // Where each arm scatters by 3 % the ratio does by 4.2 %, and a large family needs more rounds.
    for (rounds, others) in [(7, 0), (9, 7), (10, 19)] {
        let arms = one_of(others, 0.03 * 2.0_f64.sqrt());
        let (found, covered) = found_and_covered(rounds, Noise::Normal, &arms, Tolerance::DEFAULT);
        assert!(found >= 0.9 && covered >= 0.93, "{rounds} rounds, {others} others: {found}, {covered}");
    }
}

#[test]
fn an_interval_by_itself_covers_in_nineteen_of_twenty_cases() {
    for rounds in [5, 7, 10] {
        let (_, covered) = found_and_covered(rounds, Noise::Normal, &one_of(0, 0.03), exactly());
        assert!((0.93..=0.97).contains(&covered), "{rounds} rounds: {covered}");
        for noise in Noise::ALL {
            let (_, covered) = found_and_covered(rounds, noise, &one_of(0, 0.03), exactly());
            assert!(covered >= 0.93, "{noise:?}, {rounds} rounds: {covered}");
        }
    }
}

#[test]
fn what_differs_by_less_than_the_tolerance_is_not_called_different() {
    // Much less noise than bias: without the tolerance each of them is found.
    let arms: Vec<_> = (0..21).map(|i| (1.0 + 0.009 * f64::from(i % 2), 0.002)).collect();
    let experiment = Experiment { rounds: 7, noise: Noise::Normal, arms: &arms };
    let mut random = Random::new(4);
    let mut families =
        |tolerance| (0..FAMILIES).filter(|_| experiment.run(tolerance, &mut random).iter().any(is_different)).count();
    assert!(!is_more_than(0.05, families(Tolerance::DEFAULT), FAMILIES));
    assert!(families(exactly()) > FAMILIES * 9 / 10);
}

/// The median, p90, p95 and p99 of a simulated run, all of it slower by `factor`.
fn quantiles(process: Process, factor: f64, seed: u64) -> Vec<Estimate> {
    let (recorder, batches) = process.run(5_000, 64, seed);
    let summary = Summary::new(&recorder, &batches).unwrap();
    let estimate = |q: f64| {
        let quantile = summary.quantile(q).unwrap();
        let scaled = |ns: u64| ns as f64 * factor;
        let interval = quantile.low_ns.zip(quantile.high_ns).map(|(low, high)| (scaled(low), scaled(high)));
        Estimate { value: scaled(quantile.ns.unwrap()), interval }
    };
    [0.5, 0.9, 0.95, 0.99].map(estimate).to_vec()
}

#[test]
fn two_runs_are_told_apart_by_their_quantiles_intervals() {
    const PAIRS: usize = 300;
    for process in [Exponential, Queue(0.3), Queue(0.5)] {
        let (mut false_families, mut given, mut missed, mut found) = (0, 0, 0, 0);
        for seed in 0..PAIRS as u64 {
            let (baseline, same) = (quantiles(process, 1.0, 2 * seed), quantiles(process, 1.0, 2 * seed + 1));
            let slower = quantiles(process, 1.3, 2 * seed + 1);
            let differences = |arm: &[Estimate]| -> Vec<_> {
                arm.iter().zip(&baseline).map(|(arm, baseline)| Difference::between(*arm, *baseline)).collect()
            };
            false_families += usize::from(judge(&differences(&same), exactly()).iter().any(is_different));
            found += usize::from(judge(&differences(&slower), exactly())[0].verdict == Verdict::Higher);
            for difference in differences(&slower) {
                let alone = judge(&[difference], exactly())[0];
                given += usize::from(alone.interval.is_some());
                missed += usize::from(alone.interval.is_some() && !covers(&alone, 1.3));
            }
        }
        let what = format!("{process:?}: {false_families} false, {missed} of {given} missed, {found} of {PAIRS} found");
        assert!(
            !is_more_than(0.05, false_families, PAIRS) && given > PAIRS && !is_more_than(0.07, missed, given),
            "{what}"
        );
        assert!(found >= PAIRS * 9 / 10, "{what}");
    }
}
