//! Hand-made documents to compare: runs that last long enough for a rate's interval, and comparisons of suites on two CPUs.

use time::OffsetDateTime;

use super::{Documents, How, compare};
use crate::model::crypto::{Direction, Library};
use crate::model::suite::{KeyType, Suite};
use crate::model::suites as load;
use crate::record::compare::{CompareDocument, Comparer};
use crate::record::run::{Latencies, Latency, RunDocument, SeriesRow};
use crate::record::suites::{
    ArmRecord, Estimates, Figure, RESUMPTION, SCHEMA, SuitesDocument, SuitesPlanRecord, TrustVerdict, Trustworthy,
    Versus,
};
use crate::record::{crypto, fixture};
use crate::stats::compare::Tolerance;

/// Comparisons of every kind, with the names of their folders of golden files.
pub(crate) fn all() -> [(&'static str, CompareDocument); 3] {
    let how = |anyway| How { tolerance: Tolerance::new(0.05).unwrap(), anyway, after: None };
    let tool = || Comparer { version: "0.1.0".into(), commit: Some("1ec41a7".into()) };
    let of = |documents, anyway| {
        let document = compare(&documents, how(anyway), OffsetDateTime::UNIX_EPOCH).unwrap();
        // The program that is tested has another commit each day.
        CompareDocument { tool: tool(), ..document }
    };
    let mut longer = slower(1.25);
    (longer.plan.duration_s, longer.host.kernel) = (60.0, None);
    longer.client.cpu_ns_per_request = Some(17_000.0);
    let runs = [("before", run()), ("after", longer), ("=later", fixture::open_loop())];
    let cpus = [("epyc", suites(3000.0, 0.5)), ("pi", suites_elsewhere()), ("again", suites(3000.0, 0.5))];
    let faster = || {
        let mut document = crypto::fixture::document();
        document.interrupted = false;
        // A few of each part: there are hundreds.
        document.aead.retain(|row| row.record_bytes == 16384 && row.direction == Direction::Open);
        document.record_layer.truncate(2);
        document.primitives.truncate(3);
        document.handshakes.retain(|row| row.provider == Library::AwsLc);
        document
    };
    let mut slower = faster();
    slower.host.cpu.model = Some("Cortex-A72".into());
    for row in &mut slower.handshakes {
        for speed in [&mut row.client, &mut row.server] {
            (speed.ns, speed.per_s) = (speed.ns * 3.0, speed.per_s / 3.0);
            (speed.ns_low, speed.ns_high) = (speed.ns_low.map(|ns| ns * 3.0), speed.ns_high.map(|ns| ns * 3.0));
        }
    }
    [
        ("compare-runs", of(Documents::Runs(runs.map(named).into()), true)),
        ("compare-suites", of(Documents::Suites(cpus.map(named).into()), false)),
        ("compare-crypto", of(Documents::Crypto([("fast", faster()), ("slow", slower)].map(named).into()), false)),
    ]
}

fn named<D>((path, document): (&str, D)) -> (String, D) {
    (path.to_owned(), document)
}

/// A closed loop over 30 s, whose rate goes up and down by 1 %, and whose times have intervals of ±1 %.
pub(crate) fn run() -> RunDocument {
    let closed = fixture::closed_loop();
    let second = |n: u64| SeriesRow {
        t_s: n as f64,
        requests: 41_133 + if n.is_multiple_of(2) { 411 } else { 0 } - 411 * u64::from(n.is_multiple_of(3)),
        ..SeriesRow::default()
    };
    let sure = |latency: &Option<Latency>| {
        let mut latency = latency.clone()?;
        for record in &mut latency.quantiles {
            (record.low_ns, record.high_ns) = (record.ns.map(|ns| ns / 100 * 99), record.ns.map(|ns| ns / 100 * 101));
        }
        Some(latency)
    };
    RunDocument {
        series: (1..=30).map(second).collect(),
        latency: Latencies {
            first_byte: sure(&closed.latency.first_byte),
            service: sure(&closed.latency.service),
            ..closed.latency.clone()
        },
        ..closed
    }
}

/// `run` with all of `service` this many times as long.
pub(crate) fn slower(factor: f64) -> RunDocument {
    let mut document = run();
    let times = |ns: Option<u64>| ns.map(|ns| (ns as f64 * factor).round() as u64);
    for record in &mut document.latency.service.as_mut().unwrap().quantiles {
        (record.ns, record.low_ns, record.high_ns) = (times(record.ns), times(record.low_ns), times(record.high_ns));
    }
    document
}

/// ±2 % around `value`.
fn figure(value: f64) -> Option<Figure> {
    Some(Figure { value, low: Some(value / 1.02), high: Some(value * 1.02) })
}

fn versus(ratio: f64) -> Versus {
    Versus {
        measure: "rate".into(),
        ratio: Some(ratio),
        low: Some(ratio / 1.05),
        high: Some(ratio * 1.05),
        p: Some(0.001),
        verdict: if ratio > 1.05 {
            "faster"
        } else if ratio < 0.95 {
            "slower"
        } else {
            "no_difference"
        }
        .into(),
        limited_by: None,
    }
}

/// The arms that are measured, with how fast each is against the baseline, which comes first.
const ARMS: [(Suite, f64); 3] =
    [(Suite::EcdheEcdsaAes128Gcm, 1.0), (Suite::EcdheEcdsaChaCha20, 0.5), (Suite::Aes128GcmSha256, 1.0)];

fn arms(workload: &str, object: Option<(load::Direction, u64)>, rate: f64, chacha: f64) -> Vec<ArmRecord> {
    let arm = |(suite, ratio): (Suite, f64), control: bool| {
        let ratio = if suite == Suite::EcdheEcdsaChaCha20 { chacha } else { ratio };
        let baseline = suite == ARMS[0].0 && !control;
        let estimate = Estimates {
            rounds: 7,
            rate_per_s: figure(rate * ratio),
            bytes_per_s: object.and_then(|(_, bytes)| figure(rate * ratio * bytes as f64)),
            client_cpu_ns: figure(1e9 / rate / ratio),
            server_cpu_ns: figure(1.5e9 / rate / ratio),
            common_rate_per_s: Some(1000.0),
            responses: 2800,
            response_p50_ns: figure(250_000.0 / ratio),
            response_p99_ns: Some(Figure { value: 900_000.0 / ratio, low: None, high: None }),
            ..Estimates::default()
        };
        ArmRecord {
            suite,
            standing: None,
            version: suite.version(),
            certificate: KeyType::Ecdsa,
            workload: workload.into(),
            direction: object.map(|(direction, _)| direction),
            object_bytes: object.map(|(_, bytes)| bytes),
            baseline,
            control,
            limited_by: None,
            rate_of: "server".into(),
            groups: vec![],
            rounds: vec![],
            estimate,
            versus_baseline: (!baseline).then(|| versus(ratio)),
            also_versus_baseline: vec![],
        }
    };
    ARMS.into_iter().map(|suite| arm(suite, false)).chain([arm(ARMS[0], true)]).collect()
}

/// A comparison of three suites under two workloads; ChaCha20 is `chacha` times as fast as AES.
pub(crate) fn suites(rate: f64, chacha: f64) -> SuitesDocument {
    let run = fixture::closed_loop();
    let mut all = arms("full_handshake", None, rate / 10.0, 1.0);
    all.extend(arms("bulk", Some((load::Direction::Download, 1 << 20)), rate / 100.0, chacha));
    SuitesDocument {
        label: Default::default(),
        schema: SCHEMA.into(),
        tool: run.tool,
        host: run.host,
        target: run.target,
        plan: SuitesPlanRecord {
            rounds: 7,
            trial_s: 0.4,
            warmup_s: 0.1,
            load_share: Some(0.5),
            seed: 7,
            connections: 64,
            threads: 2,
            pin: false,
            path: "/".into(),
            baseline: None,
            resumption: RESUMPTION.into(),
            groups: vec!["X25519".into()],
            crypto: "aws-lc".into(),
            record_bytes: 16_384,
            trust: "mozilla".into(),
            verify: "once".into(),
            insecure: false,
            tolerance: 0.01,
            confidence: 0.95,
        },
        started_at: run.started_at,
        interrupted: false,
        trustworthy: Trustworthy {
            verdict: TrustVerdict::Trusted,
            trusted: true,
            noise_floor: Some(0.02),
            text: "no difference".into(),
            workloads: vec![],
        },
        policy: None,
        warnings: vec![],
        arms: all,
        refused: vec![],
    }
}

/// The same elsewhere: a CPU without AES instructions, where ChaCha20 is the faster one.
pub(crate) fn suites_elsewhere() -> SuitesDocument {
    let mut document = suites(20_000.0, 1.75);
    document.host.cpu.model = Some("Cortex-A72".into());
    document.host.cpu.features = vec!["neon".into()];
    document.host.cpu.threads = 4;
    document.host.kernel = Some("6.6.31".into());
    document.host.governor = Some("ondemand".into());
    document
}
