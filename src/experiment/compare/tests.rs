//! What a comparison says, against documents in which the answer is known.

use proptest::prelude::*;
use time::OffsetDateTime;

use super::fixture::{run, slower, suites, suites_elsewhere};
use super::*;
use crate::record::compare::{Outcome, Row, Verdict, VersusReference, Why};
use crate::record::fixture;
use crate::record::run::{Remark, SeriesRow};
use crate::record::scenario::ScenarioRecord;
use crate::record::suites::TrustVerdict;

fn how(tolerance: f64, anyway: bool) -> How {
    How { tolerance: Tolerance::new(tolerance).unwrap(), anyway, after: None }
}

fn named<D>(documents: Vec<D>) -> Vec<(String, D)> {
    documents.into_iter().enumerate().map(|(n, document)| (format!("doc-{n}"), document)).collect()
}

fn try_runs(documents: Vec<RunDocument>, how: How) -> Result<CompareDocument, CannotCompare> {
    compare(&Documents::Runs(named(documents)), how, OffsetDateTime::UNIX_EPOCH)
}

fn runs(documents: Vec<RunDocument>, tolerance: f64) -> CompareDocument {
    try_runs(documents, how(tolerance, false)).unwrap()
}

fn suites_of(documents: Vec<SuitesDocument>, how: How) -> Result<CompareDocument, CannotCompare> {
    compare(&Documents::Suites(named(documents)), how, OffsetDateTime::UNIX_EPOCH)
}

fn row<'d>(document: &'d CompareDocument, measure: &str) -> &'d Row {
    document.rows.iter().find(|row| row.measure == measure).unwrap()
}

fn versus<'d>(document: &'d CompareDocument, measure: &str) -> &'d VersusReference {
    &row(document, measure).versus_reference[0]
}

fn codes(document: &CompareDocument) -> Vec<&str> {
    document.reasons.iter().map(|reason| reason.code.as_str()).collect()
}

#[test]
fn a_document_compared_with_itself_shows_no_difference() {
    let all = [
        runs(vec![run(), run(), run()], 0.0),
        runs(vec![fixture::closed_loop(), fixture::closed_loop()], 0.05),
        runs(vec![fixture::handshakes(), fixture::handshakes()], 0.05),
        suites_of(vec![suites(3000.0, 0.5), suites(3000.0, 0.5)], how(0.05, false)).unwrap(),
    ];
    for document in all {
        assert_eq!((document.outcome, document.reasons.len(), document.differences.len()), (Outcome::Pass, 0, 0));
        assert!(!document.rows.is_empty());
        for versus in document.rows.iter().flat_map(|row| &row.versus_reference) {
            assert_eq!((versus.ratio, versus.verdict), (Some(1.0), Verdict::NoDifference));
        }
        assert!(document.documents.iter().all(|document| document.same_as_reference));
    }
    // An INVALID one stays so.
    let invalid = try_runs(vec![fixture::open_loop(), fixture::open_loop()], how(0.05, false)).unwrap();
    assert_eq!((invalid.outcome, codes(&invalid)), (Outcome::Inconclusive, vec!["unreliable"; 2]));
}

#[test]
fn a_known_difference_is_found_and_nothing_else() {
    let document = runs(vec![run(), slower(1.25)], 0.05);
    assert_eq!((document.outcome, document.reasons.len()), (Outcome::Regression, 0));
    for measure in ["service_p50_ns", "service_p90_ns", "service_p99_ns"] {
        let versus = versus(&document, measure);
        assert_eq!((versus.verdict, versus.why), (Verdict::Worse, None), "{measure}");
        // Half-widths of ln(100/99) and ln(101/100) add in quadrature.
        let down = (100.0_f64 / 99.0).ln().hypot((101.0_f64 / 100.0).ln());
        let (ratio, low) = (versus.ratio.unwrap(), versus.low.unwrap());
        assert!((ratio - 1.25).abs() < 1e-4 && (low - 1.25 * (-down).exp()).abs() < 1e-3, "{versus:?}");
        assert!(versus.p.unwrap() < 0.05);
    }
    let worse = document.rows.iter().filter(|row| row.versus_reference[0].verdict == Verdict::Worse).count();
    assert_eq!(worse, 3);
    assert_eq!(versus(&document, "requests_per_s").verdict, Verdict::NoDifference);
    // Seen from the other side it is an improvement.
    let better = runs(vec![slower(1.25), run()], 0.05);
    assert_eq!((better.outcome, versus(&better, "service_p50_ns").verdict), (Outcome::Pass, Verdict::Better));
    // The third of three is judged too.
    assert_eq!(runs(vec![run(), run(), slower(1.25)], 0.05).outcome, Outcome::Regression);
}

#[test]
fn more_is_better_of_rates_and_worse_of_times() {
    let mut half = run();
    half.throughput.requests_per_s /= 2.0;
    let document = runs(vec![run(), half.clone()], 0.05);
    assert_eq!((document.outcome, versus(&document, "requests_per_s").verdict), (Outcome::Regression, Verdict::Worse));
    assert_eq!(versus(&runs(vec![half, run()], 0.05), "requests_per_s").verdict, Verdict::Better);
    assert!(
        document
            .rows
            .iter()
            .all(|row| row.higher_is_better == (row.measure.ends_with("_per_s") || row.measure.ends_with("_share")))
    );
}

#[test]
fn the_tolerance_decides() {
    // The interval of the ratio 1.25 begins at 1.25 × e^(−0.0142) = 1.2324, and that of its family is wider.
    let found = |tolerance: f64| runs(vec![run(), slower(1.25)], tolerance);
    let outcome = |tolerance: f64| found(tolerance).outcome;
    assert_eq!([0.0, 0.05].map(outcome), [Outcome::Regression; 2]);
    // It lies beyond 1.15, but not beyond what single runs may differ by on top of it: 1.15 × 1.1.
    assert_eq!((outcome(0.15), codes(&found(0.15))), (Outcome::Inconclusive, vec!["single_runs"]));
    assert_eq!(versus(&found(0.15), "service_p50_ns").why, Some(Why::SingleRuns));
    // Within the interval nobody can tell; beyond its end, 1.25 × e^0.0142 = 1.2679, it is surely no more.
    assert_eq!([0.24, 0.26].map(outcome), [Outcome::Inconclusive; 2]);
    assert_eq!([0.27, 0.5].map(outcome), [Outcome::Pass; 2]);
    let between = runs(vec![run(), slower(1.25)], 0.25);
    assert_eq!(codes(&between), ["too_wide"]);
    // What is said to be told is told.
    assert!(between.reasons[0].text.contains("--tolerance 27%"), "{:?}", between.reasons);
    assert_eq!(versus(&between, "service_p50_ns").why, Some(Why::TooWide));
    // No tolerance reaches as far as this.
    let far = runs(vec![run(), slower(2.0)], 0.99);
    assert_eq!((far.outcome, codes(&far)), (Outcome::Inconclusive, vec!["too_wide"]));
    assert!(!far.reasons[0].text.contains("--tolerance"), "{:?}", far.reasons);
}

#[test]
fn figures_without_an_interval_get_a_ratio_and_no_verdict() {
    let mut other = run();
    other.client.cpu_ns_per_request = Some(2.0 * 17_990.0);
    let document = runs(vec![run(), other], 0.05);
    let cpu = versus(&document, "client_cpu_ns_per_request");
    assert_eq!(
        (cpu.ratio, cpu.low, cpu.verdict, cpu.why),
        (Some(2.0), None, Verdict::CannotTell, Some(Why::NoInterval))
    );
    // It does not lead: all that does is told.
    assert_eq!(document.outcome, Outcome::Pass);
    // Nine seconds are too few for the interval of a rate.
    let mut short = run();
    short.series.truncate(9);
    let document = runs(vec![run(), short], 0.05);
    assert_eq!((document.outcome, codes(&document)), (Outcome::Inconclusive, vec!["no_interval"]));
}

#[test]
fn a_second_that_was_cut_short_and_a_run_that_drifts_say_nothing_of_a_rate() {
    let interval =
        |document: RunDocument| row(&runs(vec![run(), document], 0.05), "requests_per_s").figures[1].unwrap().low;
    let whole = interval(run());
    let mut cut = run();
    cut.series.push(SeriesRow { t_s: 30.25, requests: 7, ..SeriesRow::default() });
    assert!(whole.is_some() && interval(cut) == whole);
    let mut staged = run();
    staged.plan.scenario = Some(ScenarioRecord { name: "x".into(), stages: vec![], storm: None });
    let same = runs(vec![staged.clone(), RunDocument { started_at: String::new(), ..staged }], 0.05);
    assert_eq!(row(&same, "requests_per_s").figures[1].unwrap().low, None);
    let mut drifting = run();
    let drift = Remark { code: "non_stationary".into(), text: "completions drift".into() };
    drifting.verdict.warnings.push(drift);
    assert_eq!(interval(drifting), None);
}

#[test]
fn the_interval_of_a_rate_is_that_of_its_seconds() {
    let document = runs(vec![run(), slower(1.0001)], 0.05);
    let figure = row(&document, "requests_per_s").figures[0].unwrap();
    let seconds: Vec<f64> = run().series.iter().map(|second| second.requests as f64).collect();
    let mean = seconds.iter().sum::<f64>() / 30.0;
    let share = crate::stats::means::half_width(&seconds).unwrap() / mean;
    assert!(share > 0.001 && share < 0.01);
    assert!((figure.low.unwrap() / figure.value - (1.0 - share)).abs() < 1e-9);
    assert!((figure.high.unwrap() / figure.value - (1.0 + share)).abs() < 1e-9);
}

#[test]
fn failures_are_a_regression_though_what_succeeds_is_as_fast() {
    let failing = |share: u64| {
        let mut document = run();
        document.counts.failed = document.counts.attempted * share / 100;
        document.counts.succeeded = document.counts.attempted - document.counts.failed;
        for second in &mut document.series {
            second.failures = second.requests * share / 100;
            second.requests -= second.failures;
        }
        document
    };
    let document = runs(vec![run(), failing(20)], 0.05);
    let share = versus(&document, "success_share");
    assert_eq!((document.outcome, share.verdict), (Outcome::Regression, Verdict::Worse));
    assert!((share.ratio.unwrap() - 0.8).abs() < 1e-6);
    let all = runs(vec![run(), failing(100)], 0.05);
    let share = versus(&all, "success_share");
    assert_eq!((share.ratio, share.verdict, all.outcome), (Some(0.0), Verdict::Worse, Outcome::Regression));
    assert_eq!(versus(&runs(vec![run(), failing(1)], 0.05), "success_share").verdict, Verdict::NoDifference);
}

#[test]
fn a_bound_is_no_figure() {
    let mut censored = run();
    censored.latency.service.as_mut().unwrap().quantiles.iter_mut().for_each(|record| record.at_least = true);
    let document = runs(vec![run(), censored], 0.05);
    assert_eq!(versus(&document, "service_p50_ns").why, Some(Why::Bound));
    assert_eq!((document.outcome, codes(&document)), (Outcome::Inconclusive, vec!["bound"]));
    let mut limited = run();
    limited.verdict.limited_by = Some("client".into());
    let document = runs(vec![limited, run()], 0.05);
    assert_eq!(versus(&document, "requests_per_s").why, Some(Why::Bound));
    assert!(row(&document, "requests_per_s").figures[0].unwrap().at_least);
}

#[test]
fn a_bound_that_the_other_is_beyond_is_told() {
    let mut half = run();
    half.throughput.requests_per_s /= 2.0;
    let mut limited = run();
    limited.verdict.limited_by = Some("client".into());
    // At least so much before, and half of it now: however much more it was, it has become worse.
    let document = runs(vec![limited.clone(), half.clone()], 0.05);
    let rate = versus(&document, "requests_per_s");
    assert_eq!((rate.verdict, rate.why, document.outcome), (Verdict::Worse, None, Outcome::Regression));
    // At least twice as much now: better. At least half now: who knows.
    assert_eq!(versus(&runs(vec![half.clone(), limited.clone()], 0.05), "requests_per_s").verdict, Verdict::Better);
    half.verdict.limited_by = Some("client".into());
    assert_eq!(versus(&runs(vec![run(), half.clone()], 0.05), "requests_per_s").why, Some(Why::Bound));
    assert_eq!(versus(&runs(vec![limited, half], 0.05), "requests_per_s").why, Some(Why::Bound));
}

#[test]
fn a_figure_that_is_gone_is_missed() {
    let mut other = run();
    other.latency.service = None;
    let document = runs(vec![run(), other], 0.05);
    assert_eq!(versus(&document, "service_p50_ns").why, Some(Why::Missing));
    assert_eq!((document.outcome, codes(&document)), (Outcome::Inconclusive, vec!["missing"]));
}

#[test]
fn plans_that_differ_are_refused_with_every_setting() {
    let mut other = run();
    (other.plan.duration_s, other.plan.connections, other.plan.crypto) = (10.0, 128, "ring".into());
    other.plan.suites.truncate(1);
    let refused = try_runs(vec![run(), other.clone()], how(0.05, false)).unwrap_err().to_string();
    for part in [
        "duration_s is 30 and 10",
        "connections is 64 and 128",
        "crypto is aws-lc and ring",
        "suites is TLS_",
        "--anyway",
    ] {
        assert!(refused.contains(part), "'{part}' is not in: {refused}");
    }
    let document = try_runs(vec![run(), other], how(0.05, true)).unwrap();
    let settings: Vec<_> = document.differences.iter().map(|found| found.setting.as_str()).collect();
    assert_eq!(settings, ["connections", "crypto", "duration_s", "suites"]);
    assert!(document.differences.iter().all(|found| found.section == "plan" && found.needs_anyway));
}

#[test]
fn every_setting_of_a_plan_is_compared() {
    // Whatever fields a plan has: each in turn is made another.
    let plan = serde_json::to_value(run().plan).unwrap();
    let changed = |setting: &str| {
        let mut document = serde_json::to_value(run()).unwrap();
        let value = &mut document["plan"][setting];
        *value = match value.take() {
            serde_json::Value::Null if setting.ends_with("_s") || setting.contains("above") => 0.25.into(),
            serde_json::Value::Null
                if matches!(setting, "seed" | "max_requests" | "requests_per_connection" | "body_bytes") =>
            {
                7.into()
            }
            serde_json::Value::Null if setting == "scenario" => serde_json::json!({ "name": "another", "stages": [] }),
            serde_json::Value::Null => "another".into(),
            serde_json::Value::Bool(value) => (!value).into(),
            serde_json::Value::Number(value) if value.is_u64() => (value.as_u64().unwrap() + 1).into(),
            serde_json::Value::Number(value) => (value.as_f64().unwrap() + 0.5).into(),
            serde_json::Value::String(value) => format!("{value}x").into(),
            serde_json::Value::Array(mut values) if !values.is_empty() && setting != "alpn" => {
                values.pop();
                values.into()
            }
            _ => vec!["another"].into(),
        };
        serde_json::from_value::<RunDocument>(document).unwrap()
    };
    for setting in plan.as_object().unwrap().keys() {
        let refused = try_runs(vec![run(), changed(setting)], how(0.05, false));
        assert_eq!(refused.is_err(), setting != "seed", "{setting}");
        if let Err(error) = refused {
            let named = if setting == "scenario" { "scenario.name" } else { setting };
            assert!(error.to_string().contains(&format!("alike: {named} is ")), "{error}");
        }
    }
}

#[test]
fn where_a_file_lies_is_no_difference() {
    let with_ca = |path: Option<&str>| {
        let mut document = run();
        document.plan.ca_file = path.map(str::to_owned);
        document
    };
    assert!(try_runs(vec![with_ca(Some("a.pem")), with_ca(Some("b.pem"))], how(0.05, false)).is_ok());
    assert!(try_runs(vec![with_ca(Some("a.pem")), with_ca(None)], how(0.05, false)).is_err());
}

#[test]
fn host_tool_and_what_was_negotiated_are_told() {
    let mut other = slower(1.0001);
    other.host.kernel = Some("6.12.0".into());
    other.host.governor = Some("performance".into());
    other.host.cpu.model = Some("Xeon".into());
    other.tool.commit = None;
    other.negotiated[0].suite = crate::model::suite::Suite::Aes256GcmSha384;
    other.started_at = "2026-12-01T00:00:00Z".into();
    let document = runs(vec![run(), other], 0.05);
    let found: Vec<_> = document.differences.iter().map(|d| format!("{}.{}", d.section, d.setting)).collect();
    assert_eq!(found, ["negotiated.handshakes", "tool.commit", "host.cpu.model", "host.governor", "host.kernel"]);
    assert!(document.differences.iter().all(|found| !found.needs_anyway && found.values.len() == 2));
}

#[test]
fn a_document_that_cannot_be_relied_on_makes_nothing_conclusive() {
    let mut invalid = slower(1.5);
    invalid.verdict.valid = false;
    invalid.verdict.reasons.push(Remark { code: "scheduling_gap".into(), text: "kept from running".into() });
    let document = runs(vec![run(), invalid], 0.05);
    assert_eq!((document.outcome, codes(&document)), (Outcome::Inconclusive, vec!["unreliable"]));
    assert!(document.reasons[0].text.contains("doc-1") && document.reasons[0].text.contains("kept from running"));
    let mut interrupted = run();
    interrupted.interrupted = true;
    assert_eq!(runs(vec![interrupted, run()], 0.05).outcome, Outcome::Inconclusive);
    // That too little was measured is another thing than that something else made a difference.
    for (verdict, code) in [(TrustVerdict::Inconclusive, "inconclusive"), (TrustVerdict::NotTrusted, "not_trusted")] {
        let mut doubtful = suites(3000.0, 0.5);
        (doubtful.trustworthy.verdict, doubtful.trustworthy.trusted) = (verdict, false);
        let document = suites_of(vec![suites(3000.0, 0.5), doubtful], how(0.05, false)).unwrap();
        assert_eq!((document.outcome, codes(&document)), (Outcome::Inconclusive, vec!["unreliable"]));
        assert_eq!(document.documents[1].unreliable[0].code, code);
    }
}

#[test]
fn suites_are_compared_by_cpu() {
    let document = suites_of(vec![suites(3000.0, 0.5), suites_elsewhere()], how(0.05, false)).unwrap();
    let chacha = |measure: &str| {
        let is = |row: &&Row| {
            row.measure == measure && row.subject.suite == Some(crate::model::suite::Suite::EcdheEcdsaChaCha20)
        };
        document.rows.iter().find(is).unwrap()
    };
    let download = chacha("bytes_per_s");
    assert_eq!((download.subject.object_bytes, download.leading), (Some(1 << 20), true));
    // 200 × 1.75 against 30 × 0.5 objects a second.
    assert!((download.versus_reference[0].ratio.unwrap() - 350.0 / 15.0).abs() < 1e-9);
    let words: Vec<_> =
        download.versus_baseline.iter().map(|versus| versus.as_ref().map(|versus| versus.verdict.as_str())).collect();
    assert_eq!(words, [Some("slower"), Some("faster")]);
    // The baseline again is no suite.
    assert_eq!(document.rows.iter().filter(|row| row.leading).count(), 6);
    assert_eq!(document.outcome, Outcome::Pass);
    let slower = suites_of(vec![suites_elsewhere(), suites(3000.0, 0.5)], how(0.05, false)).unwrap();
    assert_eq!(slower.outcome, Outcome::Regression);
}

#[test]
fn response_times_at_other_rates_and_rates_of_other_sides_are_not_compared() {
    let mut other = suites(3001.0, 0.5);
    for arm in &mut other.arms {
        arm.estimate.common_rate_per_s = Some(1200.0);
        arm.rate_of = "both".into();
    }
    let document = suites_of(vec![suites(3000.0, 0.5), other], how(0.05, false)).unwrap();
    let response = versus(&document, "response_p50_ns");
    assert_eq!((response.ratio, response.why), (None, Some(Why::OtherRate)));
    assert_eq!(versus(&document, "rate_per_s").why, Some(Why::OtherLimit));
    assert_eq!((document.outcome, codes(&document)), (Outcome::Inconclusive, vec!["other_limit"]));
}

#[test]
fn arms_that_not_all_have_are_refused_and_then_left_out_of_the_verdict() {
    let chacha = crate::model::suite::Suite::EcdheEcdsaChaCha20;
    let mut other = suites(3001.0, 0.5);
    other.arms.retain(|arm| arm.suite != chacha);
    other.arms[0].baseline = false;
    let documents = vec![suites(3000.0, 0.5), other];
    let refused = suites_of(documents.clone(), how(0.05, false)).unwrap_err().to_string();
    for part in ["measured_only_here", "download 1048576 ECDHE-ECDSA-CHACHA20-POLY1305 ecdsa", "and none"] {
        assert!(refused.contains(part), "'{part}' is not in: {refused}");
    }
    let document = suites_of(documents, how(0.05, true)).unwrap();
    let gone = document.rows.iter().find(|row| row.subject.suite == Some(chacha)).unwrap();
    assert_eq!((gone.figures[1], gone.versus_reference[0].why), (None, Some(Why::Missing)));
    assert_eq!(document.outcome, Outcome::Pass);
}

proptest! {
    /// Whatever the times: a ratio is that of the figures, and a verdict agrees with the interval and the tolerance.
    #[test]
    fn a_verdict_agrees_with_its_interval(factor in 0.2_f64..5.0, tolerance in 0.0_f64..0.9) {
        prop_assume!((factor - 1.0).abs() > 1e-3);
        let document = runs(vec![run(), slower(factor)], tolerance);
        let found = versus(&document, "service_p50_ns");
        let (ratio, low, high) = (found.ratio.unwrap(), found.low.unwrap(), found.high.unwrap());
        prop_assert!((ratio / factor - 1.0).abs() < 1e-5 && low <= ratio && ratio <= high);
        match found.verdict {
            Verdict::Worse => prop_assert!(low > 1.0 + tolerance),
            Verdict::Better => prop_assert!(high < 1.0 / (1.0 + tolerance)),
            Verdict::NoDifference => prop_assert!(high <= 1.0 + tolerance),
            Verdict::CannotTell => prop_assert!(high > 1.0 + tolerance),
        }
        let expected = match found.verdict {
            Verdict::Worse => Outcome::Regression,
            Verdict::CannotTell => Outcome::Inconclusive,
            _ => document.outcome,
        };
        prop_assert_eq!(document.outcome, expected);
    }
}

#[test]
fn a_crypto_document_is_compared_part_by_part() {
    let document = |factor: f64, threads: u64| {
        let mut document = crate::record::crypto::fixture::document();
        document.interrupted = false;
        for row in &mut document.primitives {
            row.speed.ns *= factor;
            (row.speed.ns_low, row.speed.ns_high) =
                (row.speed.ns_low.map(|ns| ns * factor), row.speed.ns_high.map(|ns| ns * factor));
        }
        (document.plan.threads, document.plan.time_s) = (vec![1, threads], 0.001 * factor);
        document
    };
    let compared = |other| {
        let documents = Documents::Crypto(named(vec![document(1.0, 8), other]));
        compare(&documents, how(0.05, false), OffsetDateTime::UNIX_EPOCH)
    };
    let found = compared(document(2.0, 4)).unwrap();
    assert_eq!(found.outcome, Outcome::Regression);
    let worse = found.rows.iter().filter(|row| row.versus_reference[0].verdict == Verdict::Worse);
    assert!(worse.clone().count() > 0 && worse.clone().all(|row| row.subject.part.as_deref() == Some("primitives")));
    // How many threads a machine has, and what a budget left for each measurement, is told and no more.
    let settings: Vec<_> = found.differences.iter().map(|found| (found.setting.as_str(), found.needs_anyway)).collect();
    assert_eq!(settings, [("threads", false), ("time_s", false)]);
    // What OpenSSL prints once has no interval, and what leaves work out is in no row.
    let openssl = found.rows.iter().filter(|row| row.subject.provider.as_deref() == Some("openssl"));
    assert!(openssl.clone().all(|row| !row.leading && row.versus_reference[0].why == Some(Why::NoInterval)));
    assert!(
        openssl.clone().count() > 0
            && openssl.clone().all(|row| row.subject.algorithm.as_deref() != Some("AES-128-CBC-HMAC-SHA256"))
    );
    let mut sizes = document(1.0, 8);
    sizes.plan.record_bytes.pop();
    sizes.plan.providers.pop();
    let refused = compared(sizes).unwrap_err().to_string();
    assert!(refused.contains("record_bytes is 64, 256") && refused.contains("providers is aws-lc, ring"), "{refused}");
    let mut early = document(1.0, 8);
    early.interrupted = true;
    assert_eq!(compared(early).unwrap().outcome, Outcome::Inconclusive);
}
