//! Simulated rounds with a known truth: how often a baseline differs from itself, how often a known cost is found, and what is said of
//! arms that the generator held back or that lack rounds.

use super::*;
use crate::model::suite::{KeyType, Suite};
use crate::model::suites::{Arm, Direction};
use crate::record::suites::TrustVerdict;

/// Simulated comparisons of each kind.
const COMPARISONS: usize = 100;

/// The default of `--rounds`.
const ROUNDS: u32 = 10;

const SIZES: [u64; 3] = [1 << 10, 1 << 14, 1 << 20];

/// The noise of one arm in one round, on the scale of logarithms, with a standard deviation of about 1.
#[derive(Debug, Clone, Copy)]
enum Noise {
    Normal,
    /// Student's t with 3 degrees of freedom.
    HeavyTails,
    /// Every other arm is four times as loud.
    Unequal,
}

struct Simulation {
    random: fastrand::Rng,
    noise: Noise,
    /// The standard deviation of one arm's figure in one round, as a share; the ratio to another's is √2 times as uncertain.
    deviation: f64,
}

impl Simulation {
    fn normal(&mut self) -> f64 {
        let exponential = -(1.0 - self.random.f64()).ln();
        (2.0 * exponential).sqrt() * (std::f64::consts::TAU * self.random.f64()).cos()
    }

    fn noise_of(&mut self, row: usize) -> f64 {
        let normal = self.normal();
        self.deviation
            * match self.noise {
                Noise::Normal => normal,
                Noise::HeavyTails => normal / (0..3).map(|_| self.normal().powi(2)).sum::<f64>().sqrt(),
                Noise::Unequal => normal * if row.is_multiple_of(2) { 1.0 } else { 4.0 },
            }
    }

    /// Fills all rounds of all cells. `truth` gives the ratio of a row's rate to that of its baseline; CPU and response times go the
    /// other way. All rows of a round share a drift (a random walk) and a noise of the round's own.
    fn fill(&mut self, cells: &mut [Cell], truth: impl Fn(usize, usize) -> f64) {
        for (place, cell) in cells.iter_mut().enumerate() {
            cell.rows.iter_mut().for_each(|row| row.rounds.clear());
            let mut drift = 0.0;
            for round in 1..=ROUNDS {
                drift += 0.05 * self.normal();
                let shared = drift + 0.1 * self.normal();
                for (place_of_row, row) in cell.rows.iter_mut().enumerate() {
                    let truth = truth(place, place_of_row);
                    let mut figure =
                        |level: f64, ratio: f64| level * ratio * (shared + self.noise_of(place_of_row)).exp();
                    row.rounds.push(RoundRecord {
                        round,
                        rate_per_s: Some(figure(1e3, truth)),
                        client_cpu_ns: Some(figure(2e5, truth.recip())),
                        server_cpu_ns: Some(figure(3e5, truth.recip())),
                        response_p50_ns: Some(figure(1e6, truth.recip()) as u64),
                        ..RoundRecord::default()
                    });
                }
            }
        }
    }
}

/// All suites with both types of certificate and a control each, under all workloads: 14 rows in each of 9 cells.
fn cells() -> Vec<Cell> {
    let bulk = [Direction::Download, Direction::Upload]
        .into_iter()
        .flat_map(|direction| SIZES.map(|bytes| Workload::Bulk(direction, bytes)));
    [Workload::FullHandshake, Workload::ResumedHandshake, Workload::Request]
        .into_iter()
        .chain(bulk)
        .map(|workload| Cell::new(workload, rows()))
        .collect()
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for certificate in [KeyType::Ecdsa, KeyType::Rsa] {
        let first = rows.len();
        let suites = Suite::all().filter(|suite| suite.key_type().is_none_or(|kind| kind == certificate));
        rows.extend(suites.map(|suite| Row::new(Arm { suite, certificate, control: false })));
        rows.push(Row::new(Arm { control: true, ..rows[first].arm }));
        rows[first..].iter_mut().for_each(|row| row.baseline = Some(first));
    }
    rows
}

/// One cell of a baseline, an arm and the control, without noise: the arm's rate is a tenth higher.
fn small() -> Vec<Cell> {
    let mut cells = vec![Cell::new(Workload::Bulk(Direction::Download, 1 << 20), rows().into_iter().take(2).collect())];
    let arm = cells[0].rows[0].arm;
    let mut control = Row::new(Arm { control: true, ..arm });
    control.baseline = Some(0);
    cells[0].rows.push(control);
    let mut simulation = Simulation { random: fastrand::Rng::with_seed(1), noise: Noise::Normal, deviation: 0.0 };
    simulation.fill(&mut cells, |_, row| if row == 1 { 1.1 } else { 1.0 });
    cells
}

fn verdict_of(arm: &ArmRecord) -> &str {
    &arm.versus_baseline.as_ref().unwrap().verdict
}

fn is_found(versus: &Versus) -> bool {
    !matches!(versus.verdict.as_str(), "no_difference" | "too_few")
}

fn all_of(arm: &ArmRecord) -> impl Iterator<Item = &Versus> {
    arm.versus_baseline.iter().chain(&arm.also_versus_baseline)
}

#[test]
fn the_size_is_that_of_a_comparison_of_everything() {
    let mut cells = cells();
    let mut simulation = Simulation { random: fastrand::Rng::with_seed(1), noise: Noise::Normal, deviation: 0.01 };
    simulation.fill(&mut cells, |_, _| 1.0);
    let judged = judge(&cells, true);
    assert_eq!(judged.arms.len(), 14 * 9);
    assert_eq!(judged.arms.iter().flat_map(all_of).count(), 12 * 9 * 4);
    assert_eq!(judged.arms.iter().filter(|arm| arm.control).count(), 2 * 9);
    for arm in &judged.arms {
        assert_eq!(arm.baseline, arm.versus_baseline.is_none());
        assert!(arm.versus_baseline.iter().all(|versus| versus.measure == "rate"));
        let others = ["response_p50", "client_cpu", "server_cpu"];
        let measures = arm.also_versus_baseline.iter().map(|versus| versus.measure.as_str());
        assert!(arm.baseline || measures.eq(others), "{arm:?}");
    }
}

#[test]
fn where_nothing_differs_the_controls_and_everything_else_say_so() {
    let mut cells = cells();
    for (noise, deviation) in [
        (Noise::Normal, 0.003),
        (Noise::Normal, 0.02),
        (Noise::Normal, 0.1),
        (Noise::HeavyTails, 0.05),
        (Noise::Unequal, 0.02),
    ] {
        let mut simulation = Simulation { random: fastrand::Rng::with_seed(11), noise, deviation };
        let (mut trusted, mut silent) = (0, 0);
        for _ in 0..COMPARISONS {
            simulation.fill(&mut cells, |_, _| 1.0);
            let judged = judge(&cells, true);
            // Noise may hide much, and that is another thing.
            trusted += usize::from(judged.trustworthy.verdict != TrustVerdict::NotTrusted);
            let little = matches!(noise, Noise::Normal) && deviation <= 0.02;
            assert!(!little || judged.trustworthy.verdict != TrustVerdict::Inconclusive, "{:?}", judged.trustworthy);
            silent += usize::from(!judged.arms.iter().flat_map(all_of).any(is_found));
        }
        // One in twenty at most is promised; nine in ten is what must be seen.
        assert!(
            trusted >= 95 && silent >= 95,
            "{noise:?}, {deviation}: {trusted} in which no baseline differs from itself, {silent} without a difference"
        );
    }
}

#[test]
fn where_suites_do_differ_the_controls_still_do_not() {
    let mut cells = cells();
    let mut simulation = Simulation { random: fastrand::Rng::with_seed(12), noise: Noise::Normal, deviation: 0.05 };
    let mut trusted = 0;
    for _ in 0..COMPARISONS {
        // Differences so large that all of them are found: the controls are judged among themselves then.
        simulation.fill(&mut cells, |_, row| if row.is_multiple_of(7) || row % 7 == 6 { 1.0 } else { 2.0 });
        trusted += usize::from(judge(&cells, true).trustworthy.trusted);
    }
    assert!(trusted >= 95, "{trusted} trusted");
}

#[test]
fn a_cost_of_ten_percent_is_found() {
    let mut cells = cells();
    // One among 432 comparisons, none of which helps it by being found first. At 4 % it takes more rounds than these.
    for ratio_noise in [0.01, 0.02, 0.03] {
        let deviation = ratio_noise / 2.0_f64.sqrt();
        let mut simulation = Simulation { random: fastrand::Rng::with_seed(13), noise: Noise::Normal, deviation };
        let (mut found, mut covered, mut dearer) = (0, 0, 0);
        for _ in 0..COMPARISONS {
            simulation.fill(&mut cells, |cell, row| if (cell, row) == (2, 3) { 1.0 / 1.1 } else { 1.0 });
            let judged = judge(&cells, true);
            let arm = &judged.arms[2 * 14 + 3];
            let rate = arm.versus_baseline.as_ref().unwrap();
            found += usize::from(rate.verdict == "slower");
            covered += usize::from(rate.low.unwrap() <= 1.0 / 1.1 && 1.0 / 1.1 <= rate.high.unwrap());
            dearer += usize::from(arm.also_versus_baseline[1].verdict == "dearer");
        }
        let least = if ratio_noise > 0.025 { 85 } else { 95 };
        let what = format!("{ratio_noise}: {found} found, {covered} covered, {dearer} found dearer");
        assert!(found >= 90 && covered >= 95 && dearer >= least, "{what}");
    }
}

#[test]
fn a_control_that_differs_takes_the_word_of_all_others() {
    let mut cells = small();
    assert!(judge(&cells, true).trustworthy.trusted);
    for round in &mut cells[0].rows[2].rounds {
        round.client_cpu_ns = round.client_cpu_ns.map(|ns| ns * 1.05);
    }
    let judged = judge(&cells, true);
    assert_eq!((verdict_of(&judged.arms[2]), verdict_of(&judged.arms[1])), ("no_difference", "faster"));
    assert_eq!((judged.trustworthy.verdict, judged.trustworthy.trusted), (TrustVerdict::NotTrusted, false));
    let text = &judged.trustworthy.text;
    assert!(text.starts_with("1 of 4 comparisons of a baseline with itself show a difference"), "{text}");
}

#[test]
fn figures_follow_from_the_rounds() {
    let mut cells = small();
    // Both rows of a pair have the round's own noise, so what is left of it is the ratio, which is exact here.
    let judged = judge(&cells, true);
    let versus = judged.arms[1].versus_baseline.clone().unwrap();
    assert!((versus.ratio.unwrap() - 1.1).abs() < 1e-9 && versus.verdict == "faster", "{versus:?}");
    // The tolerance is what the interval is wide then.
    assert!((versus.low.unwrap() * 1.01 - 1.1).abs() < 1e-6 && (versus.high.unwrap() / 1.01 - 1.1).abs() < 1e-6);
    let verdicts: Vec<_> = judged.arms[1].also_versus_baseline.iter().map(|versus| versus.verdict.as_str()).collect();
    assert_eq!(verdicts, ["faster", "cheaper", "cheaper"]);
    for (row, level) in cells[0].rows.iter_mut().zip([1000.0, 1100.0, 1000.0]) {
        row.rounds.iter_mut().for_each(|round| (round.rate_per_s, round.client_cpu_ns) = (Some(level), Some(2e6)));
    }
    let estimate = &judge(&cells, true).arms[1].estimate;
    let value = |figure: Option<Figure>| figure.unwrap().value;
    assert!((value(estimate.rate_per_s) - 1100.0).abs() < 1e-6);
    assert!((value(estimate.bytes_per_s) - 1100.0 * 1_048_576.0).abs() < 1.0);
    // 2 ms for each MiB are 1.907 s for 10^9 bytes.
    assert!((value(estimate.client_cpu_s_per_gb) - 1.9073).abs() < 1e-3, "{estimate:?}");
}

#[test]
fn whose_the_rate_is_follows_from_most_rounds() {
    let mut cells = small();
    let whose = |cells: &[Cell], apart| {
        let arm = judge(cells, apart).arms.swap_remove(1);
        (arm.rate_of, arm.limited_by)
    };
    let client = || ("client".to_owned(), Some("client".to_owned()));
    assert_eq!(whose(&cells, true), ("server".to_owned(), None));
    assert_eq!(whose(&cells, false), ("both".to_owned(), None));
    cells[0].rows[1].rounds.iter_mut().take(5).for_each(|round| round.client_limited = true);
    assert_eq!(whose(&cells, true), ("server".to_owned(), None));
    // Of the rounds that count it is now the greater part.
    cells[0].rows[1].rounds[9].rate_per_s = None;
    // On shared cores what the client could not do may be what the server took from it.
    let both = ("both".to_owned(), Some("client".to_owned()));
    assert_eq!((whose(&cells, true), whose(&cells, false)), (client(), both));
}

#[test]
fn rounds_that_are_missing_are_missed_by_the_pair_that_lacks_them() {
    let mut cells = small();
    let without = |cells: &mut [Cell], row: usize, rounds: usize| {
        cells[0].rows[row].rounds.iter_mut().take(rounds).for_each(|round| round.rate_per_s = None);
    };
    without(&mut cells, 1, 4);
    let judged = judge(&cells, true);
    assert_eq!((judged.arms[1].estimate.rounds, verdict_of(&judged.arms[1])), (6, "faster"));
    without(&mut cells, 1, 6);
    // A row that lacks a round altogether is the same as one that lacks its figures.
    cells[0].rows[1].rounds.remove(0);
    let judged = judge(&cells, true);
    let versus = judged.arms[1].versus_baseline.clone().unwrap();
    assert_eq!((judged.arms[1].estimate.rounds, versus.verdict.as_str(), versus.low), (4, "too_few", None));
    assert!((versus.ratio.unwrap() - 1.1).abs() < 1e-9, "the pairs are still those of one round: {versus:?}");
    assert!(judged.trustworthy.trusted, "the control has all its rounds");
    without(&mut cells, 2, 6);
    let judged = judge(&cells, true);
    assert_eq!(judged.trustworthy.verdict, TrustVerdict::Inconclusive);
    assert!(judged.trustworthy.text.contains("too few valid rounds"), "{}", judged.trustworthy.text);
    without(&mut cells, 1, 10);
    let judged = judge(&cells, true);
    assert_eq!(judged.arms[1].estimate.rate_per_s, None);
    assert_eq!(judged.arms[1].versus_baseline.clone().unwrap().ratio, None);
}

#[test]
fn a_ratio_of_a_bound_keeps_only_the_verdict_that_the_bound_cannot_turn() {
    let judged = |verdict: &str, arm, baseline| {
        let mut versus = Versus {
            measure: "rate".to_owned(),
            ratio: Some(1.0),
            low: None,
            high: None,
            p: None,
            verdict: verdict.to_owned(),
            limited_by: None,
        };
        bound(&mut versus, arm, baseline);
        assert_eq!(versus.limited_by.is_some(), arm && baseline);
        versus.verdict
    };
    for (verdict, arm, baseline, expected) in [
        ("slower", false, false, "slower"),
        ("slower", true, true, "slower"),
        // At least this fast: faster it is, slower it may not be.
        ("faster", true, false, "faster"),
        ("slower", true, false, "bound"),
        ("no_difference", true, false, "bound"),
        // Against a baseline that is at least this fast.
        ("slower", false, true, "slower"),
        ("faster", false, true, "bound"),
        ("too_few", true, false, "too_few"),
    ] {
        assert_eq!(judged(verdict, arm, baseline), expected, "{verdict}, arm {arm}, baseline {baseline}");
    }
}
