//! Whether a trial meets a limit: yes or no only where its 95 % interval lies on one side, and otherwise undecided.

use statrs::distribution::{Beta, ContinuousCDF};

use super::interval::{CONFIDENCE, MIN_GROUPS};
use super::means;
use super::summary::QuantileEstimate;

/// Growth of the backlog below this share of what arrived is not called overload.
const NOTICEABLE: f64 = 0.01;

/// What a trial says of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The whole interval is on the right side.
    Met,
    /// The whole interval is on the wrong side.
    Missed,
    /// The limit lies within, or there is no interval.
    Undecided,
}

/// A judgement with what it is made from; in the unit of the limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// What follows.
    pub judgement: Judgement,
    /// What was measured, where there was enough for it.
    pub observed: Option<f64>,
    /// The ends of its interval.
    pub low: Option<f64>,
    /// The same.
    pub high: Option<f64>,
    /// Whether what was measured, certain or not, lies on the wrong side.
    pub leans_missed: bool,
}

/// Judges quantile `q` of a latency by its estimate among `estimates`, which ascend, against an upper limit.
///
/// Quantiles ascend: where a lower one is surely above the limit this one is, and where a higher one is surely below. Intervals of the lower ones
/// are there first.
pub fn latency(estimates: &[QuantileEstimate], q: f64, limit_ns: u64, inclusive: bool) -> Judged {
    let within = |ns: u64| if inclusive { ns <= limit_ns } else { ns < limit_ns };
    let own = estimates.iter().find(|estimate| estimate.q == q);
    let missed = estimates.iter().any(|other| other.q <= q && other.low_ns.is_some_and(|low| !within(low)));
    let met = estimates.iter().any(|other| other.q >= q && other.high_ns.is_some_and(within));
    let judgement = match (met, missed) {
        (true, false) => Judgement::Met,
        (false, true) => Judgement::Missed,
        _ => Judgement::Undecided,
    };
    let seen = |other: &QuantileEstimate| other.q <= q && other.ns.is_some_and(|ns| !within(ns));
    let number = |ns: Option<u64>| ns.map(|ns| ns as f64);
    Judged {
        judgement,
        observed: number(own.and_then(|own| own.ns)),
        low: number(own.and_then(|own| own.low_ns)),
        high: number(own.and_then(|own| own.high_ns)),
        leans_missed: estimates.iter().any(seen),
    }
}

/// What came and went in equal consecutive slices of a window.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Flow {
    /// Arrivals.
    pub arrived: f64,
    /// What ended, with success or not.
    pub ended: f64,
    /// Of these, what failed.
    pub failed: f64,
}

/// Judges the share of errors, `failed` of `all`, against an upper limit.
///
/// The interval is that of Clopper and Pearson (*Biometrika* 26, 1934) for as many independent ones as these are worth: failures come in bursts, and
/// their design effect is taken from batches of the slices in `flow`.
pub fn errors(flow: &[Flow], failed: u64, all: u64, limit: f64, inclusive: bool) -> Judged {
    if all == 0 {
        return Judged { judgement: Judgement::Undecided, observed: None, low: None, high: None, leans_missed: false };
    }
    let effect = burstiness(flow);
    let (k, n) = (failed as f64 / effect, all as f64 / effect);
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let quantile = |a: f64, b: f64, p: f64| Beta::new(a, b).map_or(f64::NAN, |beta| beta.inverse_cdf(p));
    let low = if failed == 0 { 0.0 } else { quantile(k, n - k + 1.0, tail) };
    let high = if failed == all { 1.0 } else { quantile(k + 1.0, (n - k).max(1e-9), 1.0 - tail) };
    let observed = failed as f64 / all as f64;
    let within = |share: f64| if inclusive { share <= limit } else { share < limit };
    judged(observed, low.min(observed), high.max(observed), within)
}

/// The design effect of failures over batches of slices, at least 1.
fn burstiness(flow: &[Flow]) -> f64 {
    let (ended, failed) = flow.iter().fold((0.0, 0.0), |(n, k), slice| (n + slice.ended, k + slice.failed));
    let p = failed / ended;
    if flow.len() < MIN_GROUPS || !(p > 0.0 && p < 1.0) {
        return 1.0;
    }
    let over = |groups: usize| {
        let mut rests = vec![0.0; groups];
        for (i, slice) in flow.iter().enumerate() {
            rests[i * groups / flow.len()] += slice.failed - p * slice.ended;
        }
        let squares: f64 = rests.iter().map(|rest| rest * rest).sum();
        groups as f64 / (groups - 1) as f64 * squares / (ended * p * (1.0 - p))
    };
    over(MIN_GROUPS).max(over(flow.len().min(32))).max(1.0)
}

/// How a backlog behaved in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backlog {
    /// By how much it grew, as a share of what arrived.
    pub growth: f64,
    /// The half-width of its 95 % interval; `None` with too few slices to tell.
    pub half_width: Option<f64>,
    /// Whether it grew in both halves of the window, noticeably and more than by chance. A stall falls into one half only, as a rule.
    pub overloaded: bool,
}

/// How the backlog behaved, by what arrived and what ended. `None` where nothing arrived.
pub fn backlog(flow: &[Flow]) -> Option<Backlog> {
    growth(flow, |slice| slice.arrived - slice.ended)
}

/// Judges what was completed with success, as a share of what was offered in the same time, against a lower limit.
pub fn achieved(flow: &[Flow], limit: f64, inclusive: bool) -> Judged {
    let within = |share: f64| if inclusive { share >= limit } else { share > limit };
    match growth(flow, |slice| slice.arrived - (slice.ended - slice.failed)) {
        Some(Backlog { growth, half_width: Some(half_width), .. }) => {
            let observed = 1.0 - growth;
            judged(observed, observed - half_width, observed + half_width, within)
        }
        _ => Judged { judgement: Judgement::Undecided, observed: None, low: None, high: None, leans_missed: false },
    }
}

fn growth(flow: &[Flow], net: impl Fn(&Flow) -> f64) -> Option<Backlog> {
    let arrived: f64 = flow.iter().map(|slice| slice.arrived).sum();
    if arrived <= 0.0 {
        return None;
    }
    let nets: Vec<f64> = flow.iter().map(net).collect();
    let (first, second) = nets.split_at(nets.len() / 2);
    let halves: [f64; 2] = [first.iter().sum(), second.iter().sum()];
    let growth = (halves[0] + halves[1]) / arrived;
    let half_width = means::half_width(&nets).map(|width| width * nets.len() as f64 / arrived);
    let in_both = halves.iter().all(|half| *half > 0.0);
    let overloaded = in_both && growth >= NOTICEABLE && half_width.is_some_and(|width| growth > width);
    Some(Backlog { growth, half_width, overloaded })
}

fn judged(observed: f64, low: f64, high: f64, within: impl Fn(f64) -> bool) -> Judged {
    let judgement = match (within(low), within(high)) {
        (true, true) => Judgement::Met,
        (false, false) => Judgement::Missed,
        _ => Judgement::Undecided,
    };
    Judged { judgement, observed: Some(observed), low: Some(low), high: Some(high), leans_missed: !within(observed) }
}

#[cfg(test)]
mod tests {
    use super::super::simulation::Random;
    use super::*;

    fn estimate(q: f64, ns: Option<u64>, ends: Option<(u64, u64)>) -> QuantileEstimate {
        let (low_ns, high_ns) = (ends.map(|ends| ends.0), ends.map(|ends| ends.1));
        QuantileEstimate { q, ns, low_ns, high_ns, at_least: false }
    }

    #[test]
    fn a_latency_is_judged_by_its_interval_and_by_those_of_other_quantiles() {
        let both = [estimate(0.5, Some(10), Some((8, 12))), estimate(0.99, Some(50), Some((40, 60)))];
        let judge = |limit, inclusive| latency(&both, 0.99, limit, inclusive).judgement;
        assert_eq!([61, 60, 50, 40, 39].map(|limit| judge(limit, false)), {
            use Judgement::{Met, Missed, Undecided};
            [Met, Undecided, Undecided, Missed, Missed]
        });
        assert_eq!((judge(60, true), judge(40, true)), (Judgement::Met, Judgement::Undecided));
        // p99 has no interval: the median's lower end above the limit is enough for no, and nothing for yes.
        let few = [estimate(0.5, Some(10), Some((8, 12))), estimate(0.99, None, None)];
        assert_eq!(latency(&few, 0.99, 7, false).judgement, Judgement::Missed);
        let open = latency(&few, 0.99, 1000, false);
        assert_eq!((open.judgement, open.observed, open.leans_missed), (Judgement::Undecided, None, false));
        assert!(latency(&few, 0.99, 9, false).leans_missed);
        // A higher quantile's upper end below the limit is enough for yes.
        assert_eq!(latency(&both, 0.5, 61, false).judgement, Judgement::Met);
        assert_eq!(latency(&[], 0.5, 61, false).judgement, Judgement::Undecided);
    }

    #[test]
    fn errors_are_judged_as_a_share_of_so_many() {
        let judge = |failed, all| errors(&[], failed, all, 0.001, false);
        // With none of n, the upper end is 1 − 0.025^(1/n).
        assert!((judge(0, 100).high.unwrap() - 0.036_217).abs() < 1e-6);
        assert_eq!(judge(0, 1000).judgement, Judgement::Undecided);
        assert_eq!(judge(0, 4000).judgement, Judgement::Met);
        assert_eq!(judge(40, 4000).judgement, Judgement::Missed);
        let all = judge(50, 50);
        assert_eq!((all.judgement, all.high), (Judgement::Missed, Some(1.0)));
        assert_eq!(judge(0, 0).judgement, Judgement::Undecided);
    }

    #[test]
    fn a_burst_of_failures_is_worth_less_than_as_many_spread_out() {
        let spread: Vec<_> = (0..40).map(|_| Flow { arrived: 1000.0, ended: 1000.0, failed: 2.0 }).collect();
        let mut burst = vec![Flow { arrived: 1000.0, ended: 1000.0, failed: 0.0 }; 40];
        burst[7].failed = 80.0;
        let judge = |flow: &[Flow]| errors(flow, 80, 40_000, 0.001, false).judgement;
        assert_eq!((judge(&spread), judge(&burst)), (Judgement::Missed, Judgement::Undecided));
    }

    /// A window of 40 slices in which `arriving` come and at most `served` go in each.
    fn window(arriving: f64, served: impl Fn(usize) -> f64, seed: u64) -> Vec<Flow> {
        let mut random = Random::new(seed);
        let mut poisson = |mean: f64| (mean + mean.sqrt() * random.normal()).round().max(0.0);
        let mut waiting = 0.0;
        let slice = |i| {
            let arrived = poisson(arriving);
            let capable = poisson(served(i));
            let ended = (waiting + arrived).min(capable);
            waiting += arrived - ended;
            Flow { arrived, ended, failed: 0.0 }
        };
        (0..40).map(slice).collect()
    }

    #[test]
    fn overload_is_seen_and_neither_a_stall_nor_chance_is_taken_for_it() {
        let of = |arriving, served: &dyn Fn(usize) -> f64| {
            (1..=200).filter(|seed| backlog(&window(arriving, served, *seed)).unwrap().overloaded).count()
        };
        assert!(of(110.0, &|_| 100.0) >= 190, "overload by a tenth: {}", of(110.0, &|_| 100.0));
        assert!(of(90.0, &|_| 100.0) <= 2, "load of 90 %: {}", of(90.0, &|_| 100.0));
        assert!(of(50.0, &|i| if i > 35 { 0.0 } else { 100.0 }) <= 2, "a stall at the end");
    }

    #[test]
    fn what_is_achieved_is_judged_in_the_window() {
        let judge = |arriving, served: f64| achieved(&window(arriving, |_| served, 5), 0.97, false).judgement;
        assert_eq!(judge(100.0, 200.0), Judgement::Met);
        assert_eq!(judge(200.0, 100.0), Judgement::Missed);
        let failing = [Flow { arrived: 100.0, ended: 100.0, failed: 5.0 }; 40];
        assert_eq!(achieved(&failing, 0.97, false).judgement, Judgement::Missed);
        assert_eq!(achieved(&failing[..5], 0.97, false).judgement, Judgement::Undecided);
        assert_eq!(backlog(&[]), None);
    }
}
