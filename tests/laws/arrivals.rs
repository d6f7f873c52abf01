//! Arrivals come as the schedule has them, whatever the threads.

use shakedown::model::load::Arrivals;
use shakedown::pacing::Schedule;
use shakedown::record::run::RunDocument;
use shakedown::units::Rate;

use super::common::noise::{alone, despite_noise};
use super::common::server::{Answer, Entry, Server};
use super::common::{assert_only_noise, run};

/// The arrivals of the schedule that `document` says was in force, in seconds after its zero: those before the window, and those in it.
pub(crate) fn schedule(document: &RunDocument) -> (Vec<f64>, Vec<f64>) {
    let plan = &document.plan;
    let law = if plan.arrivals.as_deref() == Some("constant") { Arrivals::Constant } else { Arrivals::Poisson };
    let rate = Rate::per_second(plan.rate_per_s.unwrap()).unwrap();
    let mut schedule = Schedule::new(law, rate, plan.seed.unwrap(), 0, 1);
    let from = (plan.warmup_s * 1e9) as u64;
    let to = from + (plan.duration_s * 1e9) as u64;
    let (mut before, mut inside) = (Vec::new(), Vec::new());
    while schedule.peek().at_ns < to {
        let at = schedule.pop().at_ns;
        if at < from { &mut before } else { &mut inside }.push(at as f64 / 1e9);
    }
    (before, inside)
}

/// The log's entries of the window: arrivals are served in order, so that those of the warm-up come first.
pub(crate) fn of_window(document: &RunDocument, server: &Server) -> Vec<Entry> {
    let log = server.log();
    let counts = &document.counts;
    assert_eq!(log.len() as u64, counts.sent + counts.warmup.sent, "what was sent is what arrived");
    log[counts.warmup.sent as usize..].to_vec()
}

/// Arrivals per second.
const RATE: f64 = 250.0;

/// A run against a quick server, in which exactly what the schedule has is scheduled, sent and seen.
fn as_drawn(law: &str, threads: &str) -> (RunDocument, Vec<Entry>) {
    let server = Server::start(|_| Answer::ok());
    let rate = format!("{RATE}/s");
    let args = ["--rate", &rate, "--arrivals", law, "--seed", "7", "-c", "32", "-t", threads];
    let phases = ["--warmup", "300ms", "--duration", "2s"];
    let document = run(&server, &[&args[..], &phases].concat());
    assert_only_noise(&document);
    let (before, inside) = schedule(&document);
    let counts = &document.counts;
    assert_eq!(counts.scheduled, inside.len() as u64, "{law}, {threads} threads");
    assert_eq!((counts.sent, counts.unsent), (counts.scheduled, 0));
    assert_eq!(counts.warmup.sent, before.len() as u64, "{law}, {threads} threads");
    assert_eq!((counts.succeeded, counts.retried), (counts.scheduled, 0));
    let entries = of_window(&document, &server);
    (document, entries)
}

/// The slope of the least-squares line through (x, y).
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (mx, my) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let product: f64 = points.iter().map(|(x, y)| (x - mx) * (y - my)).sum();
    product / points.iter().map(|(x, _)| (x - mx) * (x - mx)).sum::<f64>()
}

/// That the arrivals, from the first on, are at their intended times: no clock runs faster than 0.1 % against the other, and the middle
/// half lies within two milliseconds of the schedule, but for a common shift.
fn follows_the_schedule(intended: &[f64], arrived: &[f64]) -> Result<(), String> {
    let points: Vec<_> = intended.iter().map(|at| at - intended[0]).zip(arrived.iter().copied()).collect();
    let pace = slope(&points);
    if (pace - 1.0).abs() > 0.001 {
        return Err(format!("the arrivals took {pace} of the time that was drawn"));
    }
    let mut late: Vec<_> = points.iter().map(|(at, arrived)| arrived - at).collect();
    late.sort_by(f64::total_cmp);
    let spread = late[late.len() * 3 / 4] - late[late.len() / 4];
    if spread > 0.002 {
        return Err(format!("the arrivals spread over {spread} s around the schedule"));
    }
    Ok(())
}

/// How far the gaps are from exponential ones of this mean: the largest distance between the distributions (Kolmogorov's D).
fn distance_to_exponential(times: &[f64], mean: f64) -> f64 {
    let mut gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    let distances = gaps.iter().enumerate().map(|(rank, gap)| {
        let law = 1.0 - (-gap / mean).exp();
        (law - rank as f64 / n).abs().max((rank as f64 + 1.0) / n - law)
    });
    distances.fold(0.0, f64::max)
}

/// Runs with one thread and with two, whose arrivals are those of the schedule, and looks at them with `law_holds` too.
fn arrive_as_drawn(law: &str, law_holds: impl Fn(&[f64]) -> Result<(), String>) {
    let _alone = alone();
    despite_noise(|| {
        let mut scheduled = Vec::new();
        for threads in ["1", "2"] {
            let (document, entries) = as_drawn(law, threads);
            let (_, intended) = schedule(&document);
            let arrived: Vec<_> = entries.iter().map(|e| (e.arrived - entries[0].arrived).as_secs_f64()).collect();
            let judged = follows_the_schedule(&intended, &arrived).and_then(|()| law_holds(&arrived));
            judged.map_err(|why| format!("{law}, {threads} threads: {why}"))?;
            scheduled.push(intended);
        }
        assert_eq!(scheduled[0], scheduled[1], "{law}: the threads change the schedule");
        Ok(())
    });
}

#[test]
fn constant_arrivals_are_as_drawn_whatever_the_threads() {
    arrive_as_drawn("constant", |arrived| {
        assert_eq!(arrived.len() as f64, RATE * 2.0);
        // By arithmetic, without our schedule.
        follows_the_schedule(&(0..arrived.len()).map(|k| k as f64 / RATE).collect::<Vec<_>>(), arrived)
    });
}

#[test]
fn poisson_arrivals_are_as_drawn_whatever_the_threads() {
    arrive_as_drawn("poisson", |arrived| {
        let distance = distance_to_exponential(arrived, 1.0 / RATE);
        // Exceeded by chance once in a hundred seeds (Stephens 1974: 1.63 over the root of n), and this seed is not one of them.
        let critical = 1.63 / (arrived.len() as f64).sqrt();
        if distance > critical { Err(format!("the gaps are not exponential: {distance} > {critical}")) } else { Ok(()) }
    });
}

#[test]
fn these_checks_can_fail() {
    let drawn: Vec<f64> = (0..500).map(|k| f64::from(k) / RATE).collect();
    let shifted_by = |by: &dyn Fn(usize) -> f64| drawn.iter().enumerate().map(|(k, at)| at + by(k)).collect::<Vec<_>>();
    assert_eq!(follows_the_schedule(&drawn, &drawn), Ok(()));
    follows_the_schedule(&drawn, &shifted_by(&|k| drawn[k] * 0.0011)).unwrap_err();
    follows_the_schedule(&drawn, &shifted_by(&|k| drawn[k] * -0.0011)).unwrap_err();
    follows_the_schedule(&drawn, &shifted_by(&|k| (k % 2) as f64 * 0.0025)).unwrap_err();
    assert!(distance_to_exponential(&drawn, 1.0 / RATE) > 0.3, "equal gaps are not exponential");
}
