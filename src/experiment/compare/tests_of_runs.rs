//! What runs of one thing differ by, and what is made of it: single runs, repeats, figures that decide nothing.

use time::OffsetDateTime;

use super::fixture::{run, slower, suites};
use super::*;
use crate::record::compare::{Outcome, Row, Verdict, Why};
use crate::record::run::Remark;
use crate::stats::simulation::Random;

/// How far runs of the same thing are from each other: the standard deviation of a time's logarithm.
const BETWEEN_RUNS: f64 = 0.04;

/// Series of six runs, or pairs of sides.
const SERIES: u64 = 60;

fn compared(documents: Vec<RunDocument>, after: Option<usize>) -> Result<CompareDocument, CannotCompare> {
    let named = (0_usize..).zip(documents).map(|(n, document)| (format!("run-{n}"), document)).collect();
    let how = How { tolerance: Tolerance::new(0.05).unwrap(), anyway: false, after };
    compare(&Documents::Runs(named), how, OffsetDateTime::UNIX_EPOCH)
}

fn row<'d>(document: &'d CompareDocument, measure: &str) -> &'d Row {
    document.rows.iter().find(|row| row.measure == measure).unwrap()
}

/// A run of something that takes `factor` times as long, in one of the states in which the machine happens to be.
fn one(random: &mut Random, factor: f64) -> RunDocument {
    slower(factor * (BETWEEN_RUNS * random.normal()).exp())
}

#[test]
fn runs_of_the_same_thing_are_seldom_called_worse_and_a_slowdown_of_thirty_percent_mostly_is() {
    let (mut pairs, mut worse, mut found) = (0, 0, 0);
    for seed in 0..SERIES {
        let mut random = Random::new(seed);
        let runs: Vec<RunDocument> = (0..6).map(|_| one(&mut random, 1.0)).collect();
        for (a, b) in (0..6).flat_map(|a| (0..6).filter(move |b| *b != a).map(move |b| (a, b))) {
            let outcome = compared(vec![runs[a].clone(), runs[b].clone()], None).unwrap().outcome;
            worse += u32::from(outcome == Outcome::Regression);
            pairs += 1;
        }
        let slow = one(&mut random, 1.3);
        found += u64::from(compared(vec![runs[0].clone(), slow], None).unwrap().outcome == Outcome::Regression);
    }
    assert!(worse * 20 <= pairs, "{worse} of {pairs} pairs of the same thing are called a regression");
    assert!(found * 10 >= SERIES * 8, "{found} of {SERIES} are found");
}

#[test]
fn repeats_tell_what_single_runs_cannot() {
    let (mut worse, mut found, mut by_single_runs) = (0, 0, 0);
    for seed in 0..SERIES {
        let mut random = Random::new(1000 + seed);
        let mut side = |factor: f64| -> Vec<RunDocument> { (0..4).map(|_| one(&mut random, factor)).collect() };
        let (before, same, slow) = (side(1.0), side(1.0), side(1.2));
        let outcome = |a: &[RunDocument], b: &[RunDocument]| compared([a, b].concat(), Some(a.len())).unwrap().outcome;
        worse += u64::from(outcome(&before, &same) == Outcome::Regression);
        found += u64::from(outcome(&before, &slow) == Outcome::Regression);
        let single = compared(vec![before[0].clone(), slow[0].clone()], None).unwrap();
        by_single_runs += u64::from(single.outcome == Outcome::Regression);
    }
    assert!(worse * 20 <= SERIES, "{worse} of {SERIES} are called a regression");
    assert!(
        found * 10 >= SERIES * 8 && found > by_single_runs,
        "{found} of {SERIES} are found, {by_single_runs} by single runs"
    );
}

#[test]
fn repeats_are_one_side_with_the_mean_and_the_scatter_of_its_runs() {
    let documents = vec![slower(1.0), slower(1.1), slower(1.5), slower(1.51)];
    let document = compared(documents, Some(2)).unwrap();
    assert_eq!((document.documents.len(), document.plan.allowance), (2, None));
    let [before, after] = [0, 1].map(|side| &document.documents[side]);
    assert_eq!((before.path.as_str(), before.repeats.as_slice()), ("run-0", &["run-1".to_owned()][..]));
    assert_eq!((after.path.as_str(), after.repeats.as_slice()), ("run-2", &["run-3".to_owned()][..]));
    let row = row(&document, "service_p50_ns");
    let figure = row.figures[0].unwrap();
    assert!((figure.value / (1_440_000.0 * 1.1_f64.sqrt()) - 1.0).abs() < 1e-5, "{figure:?}");
    // t₁ = 12.706 times ln(1.1) / 2.
    let half = 12.706 * 1.1_f64.ln() / 2.0;
    assert!((figure.high.unwrap() / figure.value / half.exp() - 1.0).abs() < 1e-3, "{figure:?}");
    let versus = &row.versus_reference[0];
    assert!((versus.ratio.unwrap() - (1.5 * 1.51 / 1.1_f64).sqrt()).abs() < 1e-4, "{versus:?}");
    // One run can stand against several, and as many as there are.
    let one = compared(vec![slower(1.0), slower(1.5), slower(1.51), slower(1.52)], Some(1)).unwrap();
    assert_eq!(one.documents[1].repeats.len(), 2);
    assert!(one.documents[0].repeats.is_empty() && one.rows.iter().any(|row| row.leading));
}

#[test]
fn what_cannot_be_repeats_is_refused() {
    let error = |documents, after| compared(documents, after).unwrap_err().to_string();
    let few = error(vec![slower(1.0), slower(1.1), slower(1.2)], Some(1));
    assert!(few.contains("--after needs at least 4 runs") && few.contains("3 were named"), "{few}");
    let twice = error(vec![slower(1.0), slower(1.1), slower(1.2), slower(1.1)], Some(2));
    assert!(twice.contains("run-1 and run-3 are the same measurement"), "{twice}");
    let how = How { tolerance: Tolerance::DEFAULT, anyway: false, after: Some(1) };
    let documents = vec![("a".to_owned(), suites(1.0, 0.5)), ("b".to_owned(), suites(2.0, 0.5))];
    let no_runs = compare(&Documents::Suites(documents), how, OffsetDateTime::UNIX_EPOCH).unwrap_err().to_string();
    assert!(no_runs.contains("shakedown.suites/1"), "{no_runs}");
}

#[test]
fn repeats_of_which_nothing_succeeds_are_a_regression() {
    let failing = |n: u32| {
        let mut document = slower(1.0 + f64::from(n) / 1000.0);
        (document.counts.failed, document.counts.succeeded) = (document.counts.attempted, 0);
        document.series.iter_mut().for_each(|second| (second.failures, second.requests) = (second.requests, 0));
        document
    };
    let document = compared(vec![run(), slower(1.001), failing(2), failing(3)], Some(2)).unwrap();
    let versus = &row(&document, "success_share").versus_reference[0];
    assert_eq!((versus.verdict, document.outcome), (Verdict::Worse, Outcome::Regression), "{versus:?}");
}

#[test]
fn repeats_that_differ_in_plan_are_refused_and_told_side_by_side() {
    let mut other = slower(1.2);
    other.plan.connections = 128;
    let documents = vec![slower(1.0), slower(1.1), other, slower(1.3)];
    assert!(matches!(compared(documents.clone(), Some(2)), Err(CannotCompare::PlansDiffer(_))));
    let named = documents.into_iter().map(|document| ("run".to_owned(), document)).collect();
    let how = How { tolerance: Tolerance::DEFAULT, anyway: true, after: Some(2) };
    let document = compare(&Documents::Runs(named), how, OffsetDateTime::UNIX_EPOCH).unwrap();
    let values: Vec<_> =
        document.differences.iter().map(|found| serde_json::to_string(&found.values).unwrap()).collect();
    assert_eq!(values, ["[64,[128,64]]"]);
}

#[test]
fn connections_opened_in_one_burst_get_no_verdict() {
    let slow = || {
        let mut document = run();
        for record in &mut document.latency.handshake_full.as_mut().unwrap().quantiles {
            let times = |ns: Option<u64>| ns.map(|ns| ns * 3);
            (record.ns, record.low_ns, record.high_ns) =
                (times(record.ns), times(record.low_ns), times(record.high_ns));
        }
        document
    };
    let document = compared(vec![run(), slow()], None).unwrap();
    let versus = &row(&document, "handshake_full_p50_ns").versus_reference[0];
    assert_eq!((versus.verdict, versus.why), (Verdict::CannotTell, Some(Why::Burst)));
    assert!((versus.ratio.unwrap() - 3.0).abs() < 1e-9 && document.outcome == Outcome::Pass, "{versus:?}");
    // Connections that came and went all the time are another matter.
    let often = |mut document: RunDocument| {
        document.connections.opened = 1000 * document.plan.connections;
        document
    };
    let document = compared(vec![often(run()), often(slow())], None).unwrap();
    assert_eq!(row(&document, "handshake_full_p50_ns").versus_reference[0].verdict, Verdict::Worse);
    // One burst among repeats is in their mean.
    let repeats = vec![often(run()), often(slower(1.01)), often(slow()), slower(1.02)];
    let repeated = compared(repeats, Some(2)).unwrap();
    assert_eq!(row(&repeated, "handshake_full_p50_ns").versus_reference[0].why, Some(Why::Burst));
    // It does not lead: it is told, and the outcome is another.
    assert_eq!(document.outcome, Outcome::Pass);
    let told: Vec<_> = document.warnings.iter().map(|warning| (warning.code.as_str(), warning.text.as_str())).collect();
    assert_eq!(told, [("lesser_worse", "worse by more than 5 %, of the figures that do not lead: full handshake p50")]);
}

#[test]
fn a_censored_quantile_without_an_interval_cannot_be_told() {
    let mut censored = run();
    for record in &mut censored.latency.service.as_mut().unwrap().quantiles {
        (record.low_ns, record.high_ns, record.at_least) = (None, None, true);
        record.ns = record.ns.map(|ns| ns * 100);
    }
    let document = compared(vec![run(), censored], None).unwrap();
    let versus = &row(&document, "service_p50_ns").versus_reference[0];
    assert_eq!((versus.verdict, versus.why), (Verdict::CannotTell, Some(Why::Bound)));
    assert_eq!((document.outcome, document.reasons[0].code.as_str()), (Outcome::Inconclusive, "bound"));
    assert!(document.reasons[0].text.contains("service p50"), "{:?}", document.reasons);
}

#[test]
fn what_the_documents_say_of_themselves_is_kept() {
    let mut warned = slower(1.001);
    warned.verdict.warnings = vec![Remark { code: "shared_host".into(), text: "the server is here".into() }];
    warned.verdict.limited_by = Some("client".into());
    let document = compared(vec![run(), warned.clone()], None).unwrap();
    let [before, after] = [0, 1].map(|place| &document.documents[place]);
    assert_eq!((before.limited_by.as_deref(), after.limited_by.as_deref()), (None, Some("client")));
    assert_eq!(after.warnings, warned.verdict.warnings);
    let mut text = Vec::new();
    crate::report::compare::text(&document, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    for part in ["B: shared_host: the server is here", "limited by the client", "only what varied within each run"] {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(part), "'{part}' is not in: {text}");
    }
    let of_suites = [suites(3000.0, 0.5), suites(3001.0, 0.5)].map(|document| ("suites".to_owned(), document)).to_vec();
    let how = How { tolerance: Tolerance::DEFAULT, anyway: false, after: None };
    let document = compare(&Documents::Suites(of_suites), how, OffsetDateTime::UNIX_EPOCH).unwrap();
    let rate = document.rows.iter().find(|row| row.measure == "rate_per_s").unwrap();
    assert_eq!(rate.rate_of, [Some("server".to_owned()), Some("server".to_owned())]);
}
