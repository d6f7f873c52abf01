//! `shakedown suites` as a user runs it: what an endpoint refuses is told and has no row, a known cost is found, and what is written is
//! what was measured. Short runs: the figures scatter, the identities hold.

mod common;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use common::binary;
use common::endpoint::Endpoint;
use common::noise::{alone, beside_others, despite_noise};
use common::server::{Answer, Server};
use rustix::process::{Pid, Signal, kill_process};
use shakedown::model::suite::{KeyType, Suite};
use shakedown::model::suites::Direction;
use shakedown::record::suites::{ArmRecord, SuitesDocument, TrustVerdict, Versus};
use tempfile::TempDir;

/// A comparison under way.
struct Running {
    child: Child,
    folder: TempDir,
}

/// Starts `suites URL`, five short rounds where `args` do not say otherwise.
fn start(url: &str, ca: &Path, args: &[&str]) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary();
    command.args(["suites", url, "--json", "--no-progress", "--ca"]).arg(ca).args(args);
    for (name, value) in [("--rounds", "5"), ("--trial", "100ms"), ("-c", "4"), ("-t", "1")] {
        if !args.contains(&name) {
            command.args([name, value]);
        }
    }
    command.arg("--out").arg(folder.path().join("out"));
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    Running { child, folder }
}

impl Running {
    /// The document of a comparison that ended with one: the same on stdout and on disk, and all that every document promises.
    fn document(self) -> SuitesDocument {
        let output = self.child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let document: SuitesDocument =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
        let out = self.folder.path().join("out");
        let kept = std::fs::read(out.join("result.json")).unwrap();
        assert_eq!(serde_json::from_slice::<SuitesDocument>(&kept).unwrap(), document);
        let conclusive = document.trustworthy.trusted && !document.interrupted;
        assert_eq!(output.status.code(), Some(if conclusive { 0 } else { 3 }), "{stderr}");
        let table = std::fs::read_to_string(out.join("suites.csv")).unwrap();
        let again = binary().arg("report").arg(&out).args(["--format", "csv"]).output().unwrap();
        assert_eq!(String::from_utf8(again.stdout).unwrap(), table);
        assert_eq!(
            csv::Reader::from_reader(table.as_bytes()).records().map(Result::unwrap).count(),
            document.arms.len()
        );
        check(&document);
        document
    }

    /// Asks for the end, as Ctrl-C does.
    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// What is said when there is nothing to compare: exit 4, one line, nothing left behind.
    fn refusal(self) -> String {
        let output = self.child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4), "{stderr}");
        assert!(output.stdout.is_empty() && stderr.lines().count() == 1, "{stderr}");
        assert!(!self.folder.path().join("out").exists());
        stderr
    }
}

fn compare(url: &str, ca: &Path, args: &[&str]) -> SuitesDocument {
    start(url, ca, args).document()
}

type Place<'a> = (&'a str, Option<Direction>, Option<u64>);

fn place(arm: &ArmRecord) -> Place<'_> {
    (&arm.workload, arm.direction, arm.object_bytes)
}

/// The identities that hold whatever was measured.
fn check(document: &SuitesDocument) {
    let trust = &document.trustworthy;
    assert_eq!(trust.trusted, trust.verdict == TrustVerdict::Trusted);
    let of_arms: Vec<_> = document.arms.chunk_by(|a, b| place(a) == place(b)).map(|rows| place(&rows[0])).collect();
    let judged: Vec<_> =
        trust.workloads.iter().map(|of| (of.workload.as_str(), of.direction, of.object_bytes)).collect();
    assert_eq!(judged, of_arms);
    assert_eq!(trust.noise_floor, trust.workloads.iter().filter_map(|of| of.noise_floor).reduce(f64::max));
    let worst = trust.workloads.iter().any(|of| of.verdict == TrustVerdict::NotTrusted);
    assert_eq!(worst, trust.verdict == TrustVerdict::NotTrusted, "{trust:?}");
    for arm in &document.arms {
        let beside =
            || document.arms.iter().filter(|other| place(other) == place(arm) && other.certificate == arm.certificate);
        let baselines: Vec<_> = beside().filter(|other| other.baseline).collect();
        let controls: Vec<_> = beside().filter(|other| other.control).collect();
        assert_eq!((baselines.len(), controls.len()), (1, 1), "{:?}", place(arm));
        assert_eq!(controls[0].suite, baselines[0].suite);
        assert!(!(arm.control && arm.baseline));
        assert_eq!(arm.versus_baseline.is_none(), arm.baseline);
        let same = beside().filter(|other| (other.suite, other.control) == (arm.suite, arm.control)).count();
        assert_eq!(same, 1, "{} twice under {:?}", arm.suite, place(arm));
        assert!(arm.suite.key_type().is_none_or(|kind| kind == arm.certificate));
        check_figures(document, arm, baselines[0]);
        let was_refused = document.refused.iter().any(|refused| {
            refused.workload.is_none()
                && (refused.suite, refused.certificate) == (Some(arm.suite), Some(arm.certificate))
        });
        assert!(!was_refused, "{} was refused and has a row", arm.suite);
    }
}

/// A row's figures are those of its rounds: within what they measured, and the ratio the mean of theirs.
fn check_figures(document: &SuitesDocument, arm: &ArmRecord, baseline: &ArmRecord) {
    let rounds: BTreeSet<u32> = arm.rounds.iter().map(|round| round.round).collect();
    assert_eq!(rounds.len(), arm.rounds.len());
    assert!(rounds.iter().all(|round| (1..=document.plan.rounds).contains(round)));
    let rates: Vec<f64> = arm.rounds.iter().filter_map(|round| round.rate_per_s).collect();
    assert_eq!(arm.estimate.rounds as usize, rates.len());
    assert_eq!(arm.estimate.rate_per_s.is_some(), !rates.is_empty());
    if let Some(rate) = arm.estimate.rate_per_s {
        let (least, most) = (rates.iter().copied().fold(f64::MAX, f64::min), rates.iter().copied().fold(0.0, f64::max));
        assert!(least * 0.999_999 <= rate.value && rate.value <= most * 1.000_001, "{rate:?} of {rates:?}");
        let bytes = arm.estimate.bytes_per_s.map(|figure| figure.value);
        assert_eq!(bytes.is_some(), arm.object_bytes.is_some());
        assert!(bytes.is_none_or(|bytes| (bytes / rate.value - arm.object_bytes.unwrap() as f64).abs() < 1e-3));
    }
    let of = |round: u32| baseline.rounds.iter().find(|other| other.round == round)?.rate_per_s;
    let logs = arm.rounds.iter().filter_map(|round| Some((round.rate_per_s? / of(round.round)?).ln()));
    let logs: Vec<f64> = logs.collect();
    let Some(Versus { ratio, low, high, verdict, limited_by, .. }) = &arm.versus_baseline else { return };
    assert_eq!(limited_by.is_some(), arm.limited_by.is_some() && baseline.limited_by.is_some());
    assert_eq!((ratio.is_some(), verdict == "too_few"), (!logs.is_empty(), logs.len() < 5));
    if let Some(ratio) = ratio {
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        assert!((ratio.ln() - mean).abs() < 1e-9, "{ratio} of {logs:?}");
    }
    if let (Some(low), Some(high)) = (low, high) {
        let expected = if *low > 1.0 {
            "faster"
        } else if *high < 1.0 {
            "slower"
        } else {
            "no_difference"
        };
        // Where the client limited one of the two only, the ratio is a bound, and only what it cannot turn is said.
        let stands = match (arm.limited_by.is_some(), baseline.limited_by.is_some()) {
            (true, false) => expected == "faster",
            (false, true) => expected == "slower",
            _ => true,
        };
        assert_eq!(verdict, if stands { expected } else { "bound" });
    }
}

/// The suites that have rows, each with the certificate's type.
fn shown(document: &SuitesDocument) -> BTreeSet<(Suite, KeyType)> {
    document.arms.iter().map(|arm| (arm.suite, arm.certificate)).collect()
}

/// The suites that were refused whatever the workload.
fn refused(document: &SuitesDocument) -> BTreeSet<(Suite, KeyType)> {
    let whole = document.refused.iter().filter(|refused| refused.workload.is_none());
    whole.map(|refused| (refused.suite.unwrap(), refused.certificate.unwrap())).collect()
}

#[test]
fn of_an_endpoint_that_has_four_of_the_nine_five_are_refused_by_their_alert() {
    let _others = beside_others();
    let four = [Suite::Aes256GcmSha384, Suite::EcdheEcdsaAes128Gcm, Suite::EcdheRsaChaCha20, Suite::EcdheRsaAes128Cbc];
    let endpoint = Endpoint::start(&["--suite", &four.map(Suite::iana).join(",")]);
    let document = compare(&endpoint.url("/").text, &endpoint.ca(), &["--workload", "request"]);
    let with_types = |wanted: bool| {
        let suites = Suite::all().filter(|suite| four.contains(suite) == wanted);
        let types = |suite: Suite| suite.key_type().map_or(vec![KeyType::Ecdsa, KeyType::Rsa], |kind| vec![kind]);
        suites.flat_map(|suite| types(suite).into_iter().map(move |kind| (suite, kind))).collect::<BTreeSet<_>>()
    };
    assert_eq!((shown(&document), refused(&document)), (with_types(true), with_types(false)));
    for refused in &document.refused {
        assert_eq!(refused.why, "tls_alert: handshake_failure", "{refused:?}");
    }
    // Five arms and a control for each type of certificate.
    assert_eq!(document.arms.len(), 7);
    let baseline = |kind| document.arms.iter().find(|arm| arm.baseline && arm.certificate == kind).unwrap().suite;
    assert_eq!(baseline(KeyType::Ecdsa), Suite::EcdheEcdsaAes128Gcm);
    assert_eq!(document.arms.iter().filter(|arm| arm.certificate == KeyType::Rsa && arm.baseline).count(), 1);
}

#[test]
fn an_endpoint_that_resumes_nothing_is_told_and_the_rest_is_measured() {
    let _others = beside_others();
    let endpoint = Endpoint::start(&["--no-tickets"]);
    let pid = endpoint.pid().to_string();
    let suites = "TLS_AES_128_GCM_SHA256,ECDHE-ECDSA-AES128-GCM-SHA256";
    let args = [
        "--suite",
        suites,
        "--cert-type",
        "ecdsa",
        "--workload",
        "full,resumed",
        "--server-pid",
        &pid,
        "--trial",
        "400ms",
    ];
    let document = compare(&endpoint.url("/").text, &endpoint.ca(), &args);
    assert!(document.arms.iter().all(|arm| arm.workload == "full_handshake"));
    assert_eq!(document.arms.len(), 3);
    let [told] = &document.refused[..] else { panic!("{:?}", document.refused) };
    assert_eq!((told.suite, told.workload.as_deref()), (None, Some("resumed handshakes")));
    assert!(told.why.contains("no session"), "{told:?}");
    // The server's CPU time is read from the kernel, and is at most what one thread can use. Where others took the machine from it that may
    // have been too little to read, which is said.
    let too_little = document.warnings.iter().find(|warning| warning.code == "server_cpu");
    let without = document.arms.iter().filter(|arm| arm.estimate.server_cpu_ns.is_none()).count();
    assert_eq!(too_little.is_some(), without > 0, "{:?}", document.warnings);
    assert!(
        too_little.is_none_or(|warning| warning.text.starts_with(&format!("{without} of 3 rows"))),
        "{too_little:?}"
    );
    for arm in document.arms.iter().filter(|arm| arm.estimate.server_cpu_ns.is_some()) {
        let (Some(cpu), Some(rate)) = (arm.estimate.server_cpu_ns, arm.estimate.rate_per_s) else {
            panic!("a cost and no rate: {arm:?}");
        };
        assert!(cpu.value > 0.0 && cpu.value * rate.value < 1.2e9, "{cpu:?} at {rate:?}");
    }
}

#[test]
fn objects_that_the_endpoint_does_not_have_are_told_and_left_out() {
    let _others = beside_others();
    let endpoint = Endpoint::start(&[]);
    let (url, ca) = (endpoint.url("/").text, endpoint.ca());
    let suite = ["--suite", "TLS_AES_128_GCM_SHA256", "--cert-type", "rsa", "--size", "1KiB"];
    let other_size = ["--workload", "request,download,upload", "--download", "/bytes/{bytes}0"];
    let document = compare(&url, &ca, &[&suite[..], &other_size].concat());
    let [told] = &document.refused[..] else { panic!("{:?}", document.refused) };
    assert_eq!(told.workload.as_deref(), Some("download of 1.00 KiB"));
    assert!(told.why.contains("/bytes/10240 answers with 10.0 KiB instead of 1.00 KiB"), "{told:?}");
    let rows: Vec<_> = document.arms.iter().map(place).collect();
    let upload = ("bulk", Some(Direction::Upload), Some(1024));
    assert_eq!(rows, [("request", None, None), ("request", None, None), upload, upload]);
    let nowhere = ["--workload", "download", "--download", "/nowhere/{bytes}"];
    let why = start(&url, &ca, &[&suite[..], &nowhere].concat()).refusal();
    assert!(why.contains("none of the workloads could be run: status: 404"), "{why}");
}

/// What the server below chooses whatever it is offered: ECDHE-ECDSA-AES128-GCM-SHA256.
const CHOSEN: u16 = 0xc02b;

/// A ServerHello of TLS 1.2 that chooses [`CHOSEN`] (RFC 5246, 7.4.1.3).
fn server_hello() -> Vec<u8> {
    let body = [&[3, 3][..], &[7; 32], &[0], &CHOSEN.to_be_bytes(), &[0]].concat();
    let message = [&[2, 0, 0, body.len() as u8][..], &body].concat();
    [&[22, 3, 3, 0, message.len() as u8][..], &message].concat()
}

/// Whether the ClientHello at the beginning of `tcp` offers [`CHOSEN`]; it is left there to be read.
fn offers_the_chosen(tcp: &TcpStream) -> bool {
    let mut hello = [0; 4096];
    // Record header 5, message header 4, version 2, random 32; then session id and suites, each after its length.
    let mut seen = 0;
    while seen < 5 || seen < 5 + usize::from(hello[3]) * 256 + usize::from(hello[4]) {
        match tcp.peek(&mut hello) {
            Ok(0) | Err(_) => return false,
            Ok(n) => seen = n,
        }
    }
    let suites = 44 + usize::from(hello[43]);
    let length = usize::from(hello[suites]) * 256 + usize::from(hello[suites + 1]);
    hello[suites + 2..][..length].chunks(2).any(|suite| suite == CHOSEN.to_be_bytes())
}

#[test]
fn a_server_that_ignores_the_suite_that_was_asked_for_gives_it_no_row() {
    let _others = beside_others();
    let server = Server::start_with(
        |_| Answer::ok(),
        |_, tcp| {
            let takes = offers_the_chosen(tcp);
            if !takes {
                let mut rest = [0; 4096];
                // The client says what it makes of it, and goes.
                let _ =
                    tcp.read(&mut rest).and_then(|_| tcp.write_all(&server_hello())).and_then(|()| tcp.read(&mut rest));
            }
            takes
        },
    );
    let asked =
        "ECDHE-ECDSA-AES128-GCM-SHA256,ECDHE-ECDSA-CHACHA20-POLY1305,ECDHE-ECDSA-AES128-SHA256,TLS_AES_128_GCM_SHA256";
    let document =
        compare(&server.url(), &server.ca(), &["--suite", asked, "--cert-type", "ecdsa", "--workload", "request"]);
    assert_eq!(shown(&document), BTreeSet::from([(Suite::EcdheEcdsaAes128Gcm, KeyType::Ecdsa)]));
    let others = [Suite::EcdheEcdsaChaCha20, Suite::EcdheEcdsaAes128Cbc, Suite::Aes128GcmSha256];
    assert_eq!(refused(&document), others.map(|suite| (suite, KeyType::Ecdsa)).into());
    for refused in &document.refused {
        let kind = refused.why.split(':').next().unwrap();
        assert!(matches!(kind, "negotiated_other" | "tls_protocol"), "{refused:?}");
    }
}

#[test]
fn what_the_user_ends_holds_only_rounds_that_were_complete() {
    let _others = beside_others();
    // Four connections are answered every 10 ms: 40 requests at full load and 20 at half of it in each run of 100 ms, with the warm-up
    // 72 for each of two rows in a round.
    let server = Server::start(|_| {
        std::thread::sleep(Duration::from_millis(10));
        Answer::ok()
    });
    let args = [
        "--suite",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "--cert-type",
        "ecdsa",
        "--workload",
        "request",
        "--rounds",
        "100",
    ];
    let running = start(&server.url(), &server.ca(), &args);
    server.await_requests(1500);
    running.interrupt();
    let document = running.document();
    assert!(document.interrupted);
    let complete = document.arms.iter().flat_map(|arm| &arm.rounds).map(|round| round.round).max().unwrap();
    assert!((2..50).contains(&complete), "{complete}");
    for arm in &document.arms {
        let rounds: Vec<u32> = arm.rounds.iter().map(|round| round.round).collect();
        assert_eq!(rounds, (1..=complete).collect::<Vec<_>>(), "every run of these rounds was made");
    }
}

/// One suite with one certificate, by requests; a hundred rounds, which nobody waits for.
const LONG: [&str; 8] =
    ["--suite", "ECDHE-ECDSA-AES128-GCM-SHA256", "--cert-type", "ecdsa", "--workload", "request", "--rounds", "100"];

#[test]
fn what_the_user_ends_before_a_round_is_complete_is_told_as_that() {
    let _others = beside_others();
    let slow = Server::start(|_| {
        std::thread::sleep(Duration::from_millis(10));
        Answer::ok()
    });
    // The first round, which is not counted, has two runs of 100 ms and their warm-ups, of four connections each.
    let running = start(&slow.url(), &slow.ca(), &LONG);
    slow.await_requests(10);
    running.interrupt();
    let document = running.document();
    assert!(document.interrupted && document.arms.len() == 2, "{:?}", document.arms);
    assert!(document.arms.iter().all(|arm| arm.rounds.is_empty() && arm.estimate.rate_per_s.is_none()));
    assert_eq!((document.trustworthy.verdict, document.refused.len()), (TrustVerdict::Inconclusive, 0));

    // While it is still asked for: what gave no answer until then is not refused.
    let silent = Server::start(|_| Answer::Hang);
    let running = start(&silent.url(), &silent.ca(), &[&LONG[..], &["--timeout", "1s"]].concat());
    silent.await_requests(1);
    running.interrupt();
    let document = running.document();
    assert!(document.interrupted && document.arms.is_empty() && document.refused.is_empty(), "{document:?}");
}

#[test]
fn a_second_interruption_ends_it_at_once_and_leaves_nothing() {
    let _others = beside_others();
    let silent = Server::start(|_| Answer::Hang);
    let running = start(&silent.url(), &silent.ca(), &LONG);
    silent.await_requests(1);
    running.interrupt();
    // It says so, and then drains for as long as an answer may take.
    let mut said = [0; 8];
    let Running { mut child, folder } = running;
    child.stderr.as_mut().unwrap().read_exact(&mut said).unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!folder.path().join("out").exists());
}

#[test]
fn a_baseline_that_is_refused_is_not_replaced() {
    let _others = beside_others();
    let endpoint = Endpoint::start(&["--suite", "TLS_AES_128_GCM_SHA256,ECDHE-RSA-AES128-GCM-SHA256"]);
    let (url, ca) = (endpoint.url("/").text, endpoint.ca());
    let why = start(&url, &ca, &["--workload", "request", "--baseline", "ECDHE-RSA-CHACHA20-POLY1305"]).refusal();
    for part in [
        "--baseline TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 is refused (tls_alert: handshake_failure)",
        "what is taken (TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)",
    ] {
        assert!(why.contains(part), "{why}");
    }
    let document = compare(&url, &ca, &["--workload", "request", "--baseline", "TLS_AES_128_GCM_SHA256"]);
    assert_eq!(document.plan.baseline, Some(Suite::Aes128GcmSha256));
    assert!(document.arms.iter().filter(|arm| arm.baseline).all(|arm| arm.suite == Suite::Aes128GcmSha256));
    assert!(document.warnings.iter().all(|warning| warning.code != "baseline_replaced"));
}

#[test]
fn a_suite_that_costs_a_tenth_more_is_found() {
    let _alone = alone();
    despite_noise(|| {
        let server = Server::start(|request| {
            // From 8 to 12 ms: connections that went in step would end in whole batches, and a window would cut off a part of one.
            let time = Duration::from_millis(8) + Duration::from_micros(request.index as u64 * 1237 % 4001);
            let slow = request.suite == rustls::CipherSuite::TLS13_AES_256_GCM_SHA384;
            std::thread::sleep(time.mul_f64(if slow { 1.1 } else { 1.0 }));
            Answer::ok()
        });
        let suites = "TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384";
        let args = ["--suite", suites, "--cert-type", "ecdsa", "--workload", "request", "-c", "8", "--trial", "200ms"];
        let document = compare(&server.url(), &server.ca(), &args);
        for arm in &document.arms {
            let Some(rate) = &arm.versus_baseline else { continue };
            let (truth, expected) =
                if arm.suite == Suite::Aes256GcmSha384 { (10.0 / 11.0, "slower") } else { (1.0, "no_difference") };
            let (low, high) = rate.low.zip(rate.high).ok_or("too few rounds")?;
            if rate.verdict != expected || !(low..=high).contains(&truth) {
                return Err(format!("{} should be {truth}, {expected}: {rate:?}", arm.suite));
            }
            // On a busy machine there may be too few response times that can be used.
            let response = arm.also_versus_baseline.iter().find(|versus| versus.measure == "response_p50");
            let Some((low, high)) = response.and_then(|versus| versus.low.zip(versus.high)) else { continue };
            if !(low..=high).contains(&truth.recip()) {
                return Err(format!("{} should take {}: {response:?}", arm.suite, truth.recip()));
            }
        }
        if document.trustworthy.trusted { Ok(()) } else { Err(document.trustworthy.text) }
    });
}
