//! Hand-made documents for tests, with the awkward values that a real run has seldom all at once.

mod audit;
mod capacity;
mod histograms;
mod suites;
mod trial;

use std::collections::BTreeMap;

use super::run::{
    ClientCost, Connections, Counts, Cpu, DroppedAddress, FailureDetail, Handshakes, Host, Latencies, Latency,
    Negotiated, PlanRecord, QuantileRecord, Remark, RunDocument, SCHEMA, SeriesRow, ServerCost, TargetRecord,
    Throughput, Tool, Verdict, WarmupCounts, WorkerCost,
};
use crate::model::failure::FailureKind;
use crate::model::suite::{Group, Suite, TlsVersion};

pub(crate) use audit::audit;
pub(crate) use capacity::{capacity, no_capacity};
pub(crate) use suites::{suites, untrusted_suites};
pub(crate) use trial::{interrupted_trial, trial};

/// A distribution around `p50`, in nanoseconds, in which every quantile is known with its interval.
fn latency(count: u64, p50: u64) -> Latency {
    let quantiles = [(0.5, 100), (0.75, 130), (0.9, 180), (0.95, 240), (0.99, 410), (0.999, 980), (0.9999, 2100)];
    Latency {
        count,
        censored: 0,
        min_ns: Some(p50 / 2),
        mean_ns: Some(p50 as f64 * 1.125),
        max_ns: Some(p50 * 30),
        stddev_ns: Some(p50 as f64 * 0.5),
        over_range: 0,
        histogram: None,
        quantiles: quantiles
            .map(|(q, percent)| {
                let ns = p50 * percent / 100;
                QuantileRecord {
                    q,
                    ns: Some(ns),
                    low_ns: Some(ns / 20 * 19),
                    high_ns: Some(ns / 20 * 21),
                    at_least: false,
                }
            })
            .to_vec(),
    }
}

fn remark(code: &str, text: &str) -> Remark {
    Remark { code: code.to_owned(), text: text.to_owned() }
}

fn plan() -> PlanRecord {
    PlanRecord {
        loop_kind: "closed".into(),
        unit: "requests".into(),
        rate_per_s: None,
        arrivals: None,
        seed: None,
        connections: 64,
        connect_concurrency: 256,
        threads: 2,
        pin: false,
        duration_s: 30.0,
        warmup_s: 3.0,
        max_requests: None,
        requests_per_connection: None,
        timeout_s: 10.0,
        connect_timeout_s: 5.0,
        close: "reset".into(),
        abort_on_errors_above: None,
        spin_s: 0.0,
        method: "GET".into(),
        path: "/".into(),
        host_header: "shop.example".into(),
        headers: vec![],
        body_bytes: None,
        expect_status: "2xx".into(),
        tls_versions: vec![TlsVersion::V12, TlsVersion::V13],
        suites: Suite::all().collect(),
        groups: vec![Group::X25519, Group::Secp256r1],
        cert_type: "any".into(),
        resumption_share: 0.0,
        trust: "mozilla".into(),
        ca_file: None,
        verify: "once".into(),
        insecure: false,
        client_certificate: None,
        sni: "shop.example".into(),
        alpn: vec!["http/1.1".into()],
        connect_to: None,
        source_ips: vec![],
        key_log: None,
        crypto: "aws-lc".into(),
        scenario: None,
    }
}

fn host() -> Host {
    Host {
        cpu: Cpu {
            model: Some("AMD EPYC 7763 64-Core Processor".into()),
            vendor: Some("AuthenticAMD".into()),
            cores: Some(64),
            threads: 128,
            features: vec!["aes".into(), "vaes".into()],
        },
        memory_bytes: Some(8 << 30),
        os: Some("Debian GNU/Linux 12 (bookworm)".into()),
        kernel: Some("6.1.0".into()),
        governor: None,
        virtualized: Some(true),
    }
}

fn client() -> ClientCost {
    ClientCost {
        cpu_s: 22.2,
        cpu_ns_per_request: Some(17_990.0),
        cpu_ns_per_handshake: None,
        cpu_s_per_gb: Some(13.2),
        peak_rss_bytes: Some(34 << 20),
        workers: vec![worker(0.375), worker(0.3671875)],
    }
}

/// A closed loop in which all went well: valid, TLS 1.3 only.
pub(crate) fn closed_loop() -> RunDocument {
    RunDocument {
        label: Default::default(),
        storm_recovered_s: None,
        schema: SCHEMA.into(),
        tool: Tool { version: "0.1.0".into(), commit: Some("1ec41a7".into()), crypto: "aws-lc".into() },
        host: host(),
        target: TargetRecord {
            url: "https://shop.example/".into(),
            addresses: vec!["192.0.2.10:443".into()],
            dropped_addresses: vec![],
            server_name: "shop.example".into(),
        },
        plan: plan(),
        started_at: "2026-11-23T23:40:42Z".into(),
        interrupted: false,
        verdict: Verdict { valid: true, limited_by: None, reasons: vec![], warnings: vec![] },
        policy: None,
        counts: Counts {
            unit: "requests".into(),
            scheduled: 1_233_990,
            attempted: 1_233_990,
            sent: 1_233_990,
            succeeded: 1_233_990,
            warmup: WarmupCounts { sent: 120_345, succeeded: 120_345, failed: 0 },
            ..Counts::default()
        },
        connections: Connections {
            opened: 64,
            closed: 64,
            handshakes: Handshakes { full: 64, ..Handshakes::default() },
            ..Connections::default()
        },
        negotiated: vec![Negotiated {
            version: TlsVersion::V13,
            suite: Suite::Aes128GcmSha256,
            group: Some(Group::X25519),
            handshake: "full".into(),
            count: 64,
            standing: None,
        }],
        failure_details: vec![],
        latency: Latencies {
            connect: Some(Latency { quantiles: few_samples(), ..latency(64, 84_000) }),
            handshake_full: Some(Latency { quantiles: few_samples(), ..latency(64, 1_200_000) }),
            first_byte: Some(latency(1_233_990, 1_410_000)),
            service: Some(latency(1_233_990, 1_440_000)),
            ..Latencies::default()
        },
        throughput: Throughput {
            requests_per_s: 41_133.0,
            handshakes_per_s: 0.0,
            bytes_in_per_s: 52_650_240.0,
            bytes_out_per_s: 3_290_640.0,
            window_s: 30.0,
        },
        client: client(),
        server: None,
        series: vec![SeriesRow {
            t_s: 1.0,
            requests: 41_200,
            open_connections: 64,
            service_p50_ns: Some(1_440_000),
            service_p99_ns: Some(5_900_000),
            ..SeriesRow::default()
        }],
        intervals: Vec::new(),
    }
}

fn worker(busy: f64) -> WorkerCost {
    WorkerCost { busy, cpu_s: busy * 32.0, dispatch_lag_max_ns: None, scheduling_gap_max_ns: 210_000 }
}

/// What 64 values can say: a median with an interval, a 90th percentile without, and no tail.
fn few_samples() -> Vec<QuantileRecord> {
    let record = |q, ns, low_ns, high_ns| QuantileRecord { q, ns, low_ns, high_ns, at_least: false };
    vec![
        record(0.5, Some(84_000), Some(80_100), Some(91_000)),
        record(0.9, Some(160_000), None, None),
        record(0.99, None, None, None),
        record(0.999, None, None, None),
    ]
}

/// An open loop in which nearly everything went wrong: invalid, limited by the client, not verified, failures of many
/// kinds, quantiles that are lower bounds, text that a terminal or a spreadsheet would obey.
pub(crate) fn open_loop() -> RunDocument {
    let closed = closed_loop();
    let mut response = latency(58_800, 2_840_000);
    response.censored = 1_190;
    for record in response.quantiles.iter_mut().filter(|record| record.q > 0.9) {
        record.at_least = true;
        record.high_ns = None;
    }
    let mut handshake_resumed = latency(40, 640_000);
    handshake_resumed.quantiles = few_samples();
    RunDocument {
        target: TargetRecord {
            url: "=HYPERLINK(\"https://shop.example/\u{1b}[31m\",\"x\")".into(),
            addresses: vec!["192.0.2.10:443".into(), "[2001:db8::10]:443".into()],
            dropped_addresses: vec![DroppedAddress {
                address: "192.0.2.11:443".into(),
                reason: "connect_refused".into(),
            }],
            server_name: "shop.example".into(),
        },
        plan: awkward_plan(),
        interrupted: true,
        verdict: awkward_verdict(),
        counts: awkward_counts(),
        connections: awkward_connections(),
        negotiated: awkward_negotiated(),
        failure_details: awkward_details(),
        latency: Latencies {
            handshake_resumed: Some(handshake_resumed),
            first_byte: Some(latency(58_800, 1_410_000)),
            service: Some(latency(58_800, 1_440_000)),
            response: Some(Latency { histogram: Some(histograms::whole(5_000)), ..response }),
            dispatch_lag: Some(Latency { over_range: 3, max_ns: Some(3_600_000_000_000), ..latency(58_810, 9_400) }),
            ..closed.latency.clone()
        },
        throughput: Throughput {
            requests_per_s: 4_790.9,
            handshakes_per_s: 0.25,
            bytes_in_per_s: 612.0,
            bytes_out_per_s: 0.0,
            window_s: 12.285,
        },
        client: ClientCost {
            cpu_s: 23.9,
            cpu_ns_per_request: None,
            cpu_ns_per_handshake: None,
            cpu_s_per_gb: None,
            peak_rss_bytes: None,
            workers: (0..12).map(|n| worker(0.90625 + f64::from(n) / 256.0)).collect(),
        },
        server: Some(ServerCost {
            cpu_s: 11.1,
            cpu_ns_per_request: Some(188_300.0),
            cpu_ns_per_handshake: None,
            source: "pid 4711".into(),
            resolution_s: 0.01,
        }),
        series: vec![
            SeriesRow { t_s: 1.0, failures: 12, dispatch_lag_max_ns: Some(20_000_000), ..SeriesRow::default() },
            SeriesRow { t_s: 2.0, requests: 4_800, response_p99_ns: Some(9_000_000), ..SeriesRow::default() },
        ],
        intervals: histograms::intervals(100_000),
        ..closed
    }
}

fn awkward_plan() -> PlanRecord {
    PlanRecord {
        loop_kind: "open".into(),
        rate_per_s: Some(5000.0),
        arrivals: Some("poisson".into()),
        seed: Some(7),
        threads: 12,
        resumption_share: 0.5,
        max_requests: Some(1_000_000),
        requests_per_connection: Some(1000),
        method: "POST".into(),
        body_bytes: Some(16_384),
        trust: "insecure".into(),
        insecure: true,
        key_log: Some("keys.log".into()),
        client_certificate: Some("client.pem".into()),
        ..plan()
    }
}

fn awkward_verdict() -> Verdict {
    Verdict {
        valid: false,
        limited_by: Some("client".into()),
        reasons: vec![
            remark(
                "dispatch_lag",
                "requests started late: the p99 of the dispatch lag is 38.5 ms, and 1.16 ms is allowed (10 % of the p99 of \
                 response)",
            ),
            remark("interrupted", "ended by the user after 12.3 s of 30 s"),
        ],
        warnings: vec![remark("shared_cores", "generator and server run on the same cores: each slows the other")],
    }
}

fn awkward_counts() -> Counts {
    Counts {
        unit: "requests".into(),
        scheduled: 60_000,
        unsent: 1_000,
        attempted: 59_000,
        sent: 58_990,
        succeeded: 58_800,
        failed: 200,
        failures: BTreeMap::from([
            (FailureKind::Status, 150),
            (FailureKind::Timeout, 30),
            (FailureKind::TlsAlert, 19),
            (FailureKind::Truncated, 1),
        ]),
        retried: 3,
        warmup: WarmupCounts { sent: 15_000, succeeded: 14_998, failed: 2 },
    }
}

fn awkward_connections() -> Connections {
    Connections {
        opened: 108,
        closed: 108,
        failed: 2,
        failures: BTreeMap::from([(FailureKind::ConnectTimeout, 2)]),
        handshakes: Handshakes { full: 60, full_with_hrr: 4, resumed: 40, resumed_with_hrr: 0 },
        priming: 4,
        resumption_refused: 1,
    }
}

fn awkward_negotiated() -> Vec<Negotiated> {
    let row = |suite: Suite, group, handshake: &str, count| Negotiated {
        version: suite.version(),
        suite,
        group,
        handshake: handshake.into(),
        count,
        standing: None,
    };
    vec![
        row(Suite::EcdheEcdsaChaCha20, Some(Group::Secp256r1), "full", 60),
        row(Suite::EcdheEcdsaChaCha20, None, "resumed", 40),
        row(Suite::Aes128GcmSha256, Some(Group::X25519MlKem768), "full_with_hrr", 4),
    ]
}

fn awkward_details() -> Vec<FailureDetail> {
    let row = |kind, detail: &str, n, of: &str| FailureDetail { kind, detail: detail.into(), n, of: of.into() };
    vec![
        row(FailureKind::Status, "503", 140, "counts"),
        row(FailureKind::Status, "500", 9, "counts"),
        row(
            FailureKind::TlsAlert,
            "@SUM(A1)\u{7}\u{202e}internal_error, which the server may say at length: ",
            19,
            "counts",
        ),
        row(FailureKind::ConnectTimeout, "192.0.2.10:443", 2, "connections"),
    ]
}

/// Handshakes only, in an open loop of sessions: no request, no service time, a server in this process.
pub(crate) fn handshakes() -> RunDocument {
    let closed = closed_loop();
    RunDocument {
        plan: PlanRecord {
            loop_kind: "open".into(),
            unit: "sessions".into(),
            rate_per_s: Some(2000.0),
            arrivals: Some("constant".into()),
            seed: Some(1),
            warmup_s: 0.0,
            requests_per_connection: Some(0),
            trust: "ca".into(),
            ca_file: Some("ca.pem".into()),
            tls_versions: vec![TlsVersion::V13],
            ..plan()
        },
        counts: Counts {
            unit: "sessions".into(),
            scheduled: 60_000,
            attempted: 60_000,
            succeeded: 60_000,
            ..Counts::default()
        },
        connections: Connections {
            opened: 60_000,
            closed: 60_000,
            handshakes: Handshakes { full: 60_000, ..Handshakes::default() },
            ..Connections::default()
        },
        negotiated: vec![Negotiated { count: 60_000, ..closed.negotiated[0].clone() }],
        latency: Latencies {
            connect: Some(latency(60_000, 61_000)),
            handshake_full: Some(latency(60_000, 940_000)),
            response: Some(latency(60_000, 1_020_000)),
            dispatch_lag: Some(latency(60_000, 9_000)),
            ..Latencies::default()
        },
        throughput: Throughput { requests_per_s: 0.0, handshakes_per_s: 1_999.7, ..closed.throughput },
        client: ClientCost { cpu_ns_per_request: None, cpu_ns_per_handshake: Some(112_400.0), ..closed.client },
        server: Some(ServerCost {
            cpu_s: 9.2,
            cpu_ns_per_request: None,
            cpu_ns_per_handshake: Some(153_000.0),
            source: "embedded".into(),
            resolution_s: 1e-9,
        }),
        series: vec![],
        ..closed_loop()
    }
}
