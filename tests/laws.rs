//! The laws that every figure obeys, checked with the built binary against servers that are not ours and keep their own log: what was
//! scheduled arrives, a queue's waiting is measured in full, each misbehaviour has its name, and the generator's own faults void a run.

mod common;

use std::io::Write;
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

use common::server::{Answer, Entry, Server, wait_for_the_end};
use common::{assert_only_noise, despite_noise, only_failures, quantile_s, run, start};
use shakedown::model::failure::FailureKind;
use shakedown::model::load::Arrivals;
use shakedown::pacing::Schedule;
use shakedown::record::run::RunDocument;
use shakedown::units::Rate;

/// Held for writing by tests that look at the clock, which nothing else may disturb.
static MACHINE: RwLock<()> = RwLock::new(());

macro_rules! alone {
    () => {
        let _alone = MACHINE.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    };
}

macro_rules! beside_others {
    () => {
        let _beside_others = MACHINE.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    };
}

/// `found` is `expected` within 1 % and a millisecond; both in seconds.
fn close(what: &str, found: f64, expected: f64) -> Result<(), String> {
    let tolerated = 0.01 * expected + 0.001;
    let off = (found - expected).abs();
    if off <= tolerated { Ok(()) } else { Err(format!("{what}: {found} s in the document, {expected} s in truth")) }
}

/// The value at quantile `q` of `values`, as the smallest that at least this share does not exceed.
fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// The arrivals of the schedule that `document` says was in force, in seconds after its zero: those before the window, and those in it.
fn schedule(document: &RunDocument) -> (Vec<f64>, Vec<f64>) {
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
fn of_window(document: &RunDocument, server: &Server) -> Vec<Entry> {
    let log = server.log();
    let counts = &document.counts;
    assert_eq!(log.len() as u64, counts.sent + counts.warmup.sent, "what was sent is what arrived");
    log[counts.warmup.sent as usize..].to_vec()
}

/// A server whose answers wait, all together, whenever `stalls` says that it stands still: start and end, after the first request.
fn stalling(stalls: &'static [(f64, f64)], work: Duration) -> Server {
    let first = Mutex::new(None::<Instant>);
    Server::start(move |request| {
        let zero = *first.lock().unwrap().get_or_insert(request.arrived);
        if !work.is_zero() {
            std::thread::sleep(work);
        }
        let now = zero.elapsed().as_secs_f64();
        if let Some((_, end)) = stalls.iter().find(|(from, to)| (*from..*to).contains(&now)) {
            std::thread::sleep(Duration::from_secs_f64(end - now));
        }
        Answer::ok()
    })
}

const STALLS: &[(f64, f64)] = &[(1.5, 2.5), (5.5, 6.5)];

#[test]
fn a_stall_is_felt_by_all_who_arrive_during_it() {
    alone!();
    despite_noise(|| {
        let server = stalling(STALLS, Duration::ZERO);
        let document = run(
            &server,
            &["--rate", "200/s", "--arrivals", "constant", "-c", "256", "-t", "1"]
                .iter()
                .chain(&["--warmup", "500ms", "--duration", "8s"])
                .copied()
                .collect::<Vec<_>>(),
        );
        assert_only_noise(&document);
        let entries = of_window(&document, &server);
        let (before, intended) = schedule(&document);
        assert_eq!((entries.len(), before.len()), (intended.len(), 100));
        let log = server.log();
        // The schedule's zero, from the earliest that any arrival came after its time: the first of them is at zero.
        let zero = log[0].arrived;
        let early = before.iter().chain(&intended).zip(&log);
        let lead = early.map(|(at, entry)| (entry.arrived - zero).as_secs_f64() - at).fold(f64::MAX, f64::min);
        let served = |entry: &Entry| (entry.completed.unwrap() - zero).as_secs_f64() - lead;
        let by_log: Vec<f64> = intended.iter().zip(&entries).map(|(at, entry)| served(entry) - at).collect();
        let stall_of = |at: f64| STALLS.iter().find(|(from, to)| (*from..*to).contains(&at));
        let by_schedule: Vec<f64> = intended.iter().map(|at| stall_of(*at).map_or(0.0, |(_, end)| end - at)).collect();
        for q in [0.95, 0.99] {
            let found = quantile_s(document.latency.response.as_ref(), q);
            let (logged, computed) = (quantile(&by_log, q), quantile(&by_schedule, q));
            close(&format!("response p{} by the server's log", q * 100.0), found, logged)?;
            close(&format!("response p{} by arithmetic", q * 100.0), found, computed)?;
        }
        // A quiet machine has nothing to hold against the generator.
        if document.verdict.valid { Ok(()) } else { Err(format!("{:?}", document.verdict.reasons)) }
    });
}

#[test]
fn a_closed_loop_omits_the_stall() {
    alone!();
    let server = stalling(STALLS, Duration::from_millis(5));
    let document = run(&server, &["-c", "4", "-t", "1", "--warmup", "500ms", "--duration", "5s"]);
    assert_only_noise(&document);
    assert!(document.latency.response.is_none(), "a closed loop has no response time to show");
    let service = document.latency.service.as_ref();
    // Four requests of thousands saw the stall: the maximum tells of it, the 99th percentile does not.
    let (p99, max) = (quantile_s(service, 0.99), service.unwrap().max_ns.unwrap() as f64 / 1e9);
    assert!(p99 < 0.5 && max > 0.9, "p99 {p99} s, maximum {max} s");
    assert_eq!(server.seen(), document.counts.sent + document.counts.warmup.sent);
}

/// A sequence of numbers between 0 and 1 that a seed repeats (xorshift64*, Vigna 2016).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        ((bits >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
}

/// One server with a queue before it: each request is done a random time, of mean `mean`, after the one before it or its own arrival.
fn queueing(mean: f64, seed: u64) -> Server {
    let state = Mutex::new((Random(seed), None::<Instant>));
    Server::start(move |request| {
        let done = {
            let (random, busy_until) = &mut *state.lock().unwrap();
            let work = Duration::from_secs_f64(-random.next().ln() * mean);
            let begins = busy_until.map_or(request.arrived, |busy| busy.max(request.arrived));
            *busy_until.insert(begins + work)
        };
        std::thread::sleep(done.saturating_duration_since(Instant::now()));
        Answer::ok()
    })
}

#[test]
fn a_queue_is_measured_as_its_server_saw_it() {
    alone!();
    despite_noise(|| {
        let server = queueing(0.0025, 0x5eed);
        let args = ["--rate", "200/s", "--seed", "11", "-c", "64", "-t", "2", "--warmup", "500ms", "--duration", "8s"];
        let document = run(&server, &args);
        assert_only_noise(&document);
        let entries = of_window(&document, &server);
        let waits: Vec<f64> = entries.iter().map(|e| (e.completed.unwrap() - e.arrived).as_secs_f64()).collect();
        // At a load of a half a queue forms: half of the requests take longer than the mean service alone.
        assert!(quantile(&waits, 0.5) > 0.002, "the server was no queue");
        let n = waits.len() as f64;
        for q in [0.5, 0.9, 0.99] {
            let found = quantile_s(document.latency.response.as_ref(), q);
            // Where values lie far apart, the neighbour in rank is as good.
            let (low, high) = (quantile(&waits, q - 1.0 / n), quantile(&waits, q + 1.0 / n));
            close(&format!("response p{}", q * 100.0), found, found.clamp(low, high))?;
        }
        Ok(())
    });
}

/// A run against a quick server, in which exactly what the schedule has is scheduled, sent and seen.
fn as_drawn(law: &str, threads: &str) -> (RunDocument, Vec<Entry>) {
    let server = Server::start(|_| Answer::ok());
    let args = ["--rate", "250/s", "--arrivals", law, "--seed", "7", "-c", "32", "-t", threads];
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

#[test]
fn constant_arrivals_are_as_drawn_whatever_the_threads() {
    alone!();
    despite_noise(|| {
        let mut scheduled = Vec::new();
        for threads in ["1", "2"] {
            let (document, entries) = as_drawn("constant", threads);
            scheduled.push(document.counts.scheduled);
            let first = entries[0].arrived;
            let line: Vec<_> =
                entries.iter().enumerate().map(|(k, e)| ((e.arrived - first).as_secs_f64(), k as f64)).collect();
            let rate = slope(&line);
            if (rate / 250.0 - 1.0).abs() > 0.001 {
                return Err(format!("{rate}/s arrived instead of 250/s, with {threads} threads"));
            }
        }
        assert_eq!(scheduled, [500, 500]);
        Ok(())
    });
}

#[test]
fn poisson_arrivals_are_as_drawn_whatever_the_threads() {
    alone!();
    despite_noise(|| {
        let mut scheduled = Vec::new();
        for threads in ["1", "2"] {
            let (document, entries) = as_drawn("poisson", threads);
            scheduled.push(document.counts.scheduled);
            let (_, intended) = schedule(&document);
            let times: Vec<_> = entries.iter().map(|e| (e.arrived - entries[0].arrived).as_secs_f64()).collect();
            let mut late: Vec<_> = times.iter().zip(&intended).map(|(t, at)| t - (at - intended[0])).collect();
            late.sort_by(f64::total_cmp);
            // Each came at its own time: the middle half within two milliseconds of the schedule, but for a common shift.
            let spread = late[late.len() * 3 / 4] - late[late.len() / 4];
            if spread > 0.002 {
                return Err(format!("arrivals spread over {spread} s around the schedule, with {threads} threads"));
            }
        }
        assert_eq!(scheduled[0], scheduled[1]);
        Ok(())
    });
}

/// Twenty requests in a closed loop of two connections, after which the server has seen as many as were sent.
const TWENTY: [&str; 10] = ["-c", "2", "-t", "1", "--requests", "20", "--warmup", "0", "--duration", "10s"];

/// The failure of all twenty requests when each is answered with `answer`.
fn all_fail(answer: impl Fn() -> Answer + Send + Sync + 'static) -> (RunDocument, FailureKind, String) {
    beside_others!();
    let server = Server::start(move |_| answer());
    let document = run(&server, &TWENTY);
    assert_only_noise(&document);
    assert_eq!((document.counts.attempted, document.counts.failed), (20, 20));
    assert_eq!(server.seen(), document.counts.sent);
    assert!(document.latency.service.is_none(), "failures are not in the histograms");
    assert!(document.verdict.warnings.iter().any(|warning| warning.code == "no_success"));
    let detail = document.failure_details.iter().find(|detail| detail.of == "counts").unwrap().clone();
    assert_eq!(only_failures(&document, detail.kind), detail.n, "{:?}", document.failure_details);
    (document, detail.kind, detail.detail)
}

#[test]
fn a_reset_after_the_head() {
    assert_eq!(all_fail(|| Answer::Reset).1, FailureKind::Reset);
}

#[test]
fn a_close_before_any_byte() {
    let kind = |notify| all_fail(move || Answer::Close { bytes: Vec::new(), notify }).1;
    assert_eq!((kind(true), kind(false)), (FailureKind::ClosedEarly, FailureKind::ClosedEarly));
}

#[test]
fn half_a_body() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf!";
    let kind = |notify| all_fail(move || Answer::Close { bytes: half.to_vec(), notify }).1;
    assert_eq!((kind(true), kind(false)), (FailureKind::Truncated, FailureKind::Truncated));
}

/// An answer whose body ends with the connection.
const DELIMITED_BY_CLOSE: &[u8] = b"HTTP/1.1 200 OK\r\n\r\nall there is";

#[test]
fn a_body_that_ends_without_close_notify_may_be_cut_short() {
    let kind = all_fail(|| Answer::Close { bytes: DELIMITED_BY_CLOSE.to_vec(), notify: false }).1;
    assert_eq!(kind, FailureKind::Truncated);
}

#[test]
fn a_body_that_ends_with_close_notify_is_complete() {
    beside_others!();
    let server = Server::start(|_| Answer::Close { bytes: DELIMITED_BY_CLOSE.to_vec(), notify: true });
    let document = run(&server, &TWENTY);
    assert_eq!((document.counts.succeeded, document.counts.failed), (20, 0), "{:?}", document.failure_details);
    assert_eq!((server.seen(), document.counts.sent), (20, 20));
}

#[test]
fn garbage_instead_of_http() {
    let (_, kind, detail) = all_fail(|| Answer::Close { bytes: b"SSH-2.0-OpenSSH\r\n\r\n".to_vec(), notify: true });
    assert_eq!(kind, FailureKind::HttpProtocol);
    assert!(!detail.is_empty());
}

#[test]
fn a_status_that_is_no_success() {
    let busy = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let (document, kind, detail) = all_fail(|| Answer::Send(busy.to_vec()));
    assert_eq!((kind, detail.as_str()), (FailureKind::Status, "503"));
    assert_eq!(document.connections.opened, 2, "the connections stay open");
}

#[test]
fn no_answer_is_a_timeout_and_censors_the_response() {
    beside_others!();
    let server = Server::start(|request| if request.index % 4 == 0 { Answer::ok() } else { Answer::Hang });
    let args = ["--rate", "40/s", "-c", "40", "-t", "1", "--timeout", "300ms", "--warmup", "0", "--duration", "2s"];
    let document = run(&server, &args);
    assert_only_noise(&document);
    let timeouts = only_failures(&document, FailureKind::Timeout);
    assert!(timeouts > document.counts.succeeded && document.counts.succeeded > 0, "{:?}", document.counts);
    let response = document.latency.response.as_ref().unwrap();
    assert_eq!(response.censored, timeouts + document.counts.unsent);
    assert_eq!(response.count, document.counts.succeeded);
    let median = response.quantile(0.5).unwrap();
    assert!(median.at_least, "more than half have no known end: {median:?}");
    assert!(median.ns.is_none_or(|ns| ns >= 300_000_000), "{median:?}");
    assert_eq!(server.seen(), document.counts.sent);
}

#[test]
fn a_request_on_a_connection_just_closed_is_sent_once_more() {
    beside_others!();
    let server = Server::start(|request| match (request.index % 2, Answer::ok()) {
        (0, Answer::Send(bytes)) => Answer::Abandon { bytes, after: Duration::from_millis(10) },
        (_, answer) => answer,
    });
    let document = run(&server, &TWENTY);
    assert_eq!((document.counts.succeeded, document.counts.failed), (20, 0), "{:?}", document.failure_details);
    assert!(document.counts.retried >= 5, "{:?}", document.counts);
    assert_eq!((server.seen(), document.counts.sent), (20, 20), "a request not read was not served");
}

#[test]
fn idle_connections_that_the_server_closes_lose_no_request() {
    beside_others!();
    let server = Server::start(|_| {
        let Answer::Send(bytes) = Answer::ok() else { unreachable!("ok() is sent") };
        Answer::Abandon { bytes, after: Duration::from_millis(15) }
    });
    let args = ["--rate", "50/s", "--arrivals", "constant", "-c", "4", "-t", "1", "--warmup", "0", "--duration", "1s"];
    let document = run(&server, &args);
    assert_only_noise(&document);
    assert_eq!((document.counts.succeeded, document.counts.failed), (50, 0), "{:?}", document.failure_details);
    assert_eq!(server.seen(), document.counts.sent);
    assert!(document.connections.opened >= 50, "{:?}", document.connections);
}

/// What a server may say in place of its ServerHello.
const NO_HELLOS: [&[u8]; 2] = [b"HTTP/1.1 400 Bad Request\r\n\r\n", &[0x16, 3, 3, 0, 8, 99, 1, 2, 3, 4, 5, 6, 7]];

#[test]
fn no_tls_at_all_cannot_be_run() {
    beside_others!();
    for bytes in NO_HELLOS {
        let server = Server::start_with(
            |_| Answer::Hang,
            move |_, tcp| {
                // The end comes after the client's, so that it is no reset.
                let _ = tcp.write_all(bytes).and_then(|()| wait_for_the_end(tcp));
                false
            },
        );
        let ended = start(&server, &TWENTY).wait();
        assert_eq!(ended.code, Some(4), "{}", ended.stderr);
        assert!(ended.stderr.contains("tls_protocol") && ended.stdout.is_empty(), "{}", ended.stderr);
        assert!(!ended.out().exists(), "an empty folder stays");
    }
}

#[test]
fn tls_that_ends_in_mid_run_is_counted() {
    beside_others!();
    for bytes in NO_HELLOS {
        let server = Server::start_with(
            |_| Answer::ok(),
            move |connection, tcp| {
                if connection >= 4 {
                    let _ = tcp.write_all(bytes).and_then(|()| wait_for_the_end(tcp));
                }
                connection < 4
            },
        );
        let document = run(&server, &[&TWENTY[..], &["--requests-per-connection", "1"]].concat());
        assert_only_noise(&document);
        let failed = only_failures(&document, FailureKind::TlsProtocol);
        assert_eq!((document.counts.succeeded, document.counts.attempted), (4, 4 + failed));
        assert_eq!((server.seen(), document.counts.sent), (4, 4));
        assert_eq!(document.connections.failures.get(&FailureKind::TlsProtocol), Some(&failed));
    }
}

#[test]
fn a_handshake_that_never_ends_cannot_be_run() {
    beside_others!();
    let server = Server::start_with(
        |_| Answer::Hang,
        |_, tcp| {
            let _ = wait_for_the_end(tcp);
            false
        },
    );
    let ended = start(&server, &[&TWENTY[..], &["--connect-timeout", "200ms"]].concat()).wait();
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(ended.stderr.contains("timeout: handshake") && ended.stdout.is_empty(), "{}", ended.stderr);
    assert!(!ended.out().exists(), "an empty folder stays");
}

#[test]
fn as_many_requests_as_asked_for_are_measured() {
    beside_others!();
    let open = ["--rate", "200/s", "-c", "8", "-t", "2", "--requests", "31"];
    let fewer_than_connections = ["-c", "8", "-t", "2", "--requests", "3"];
    let each_its_own = ["-c", "4", "-t", "2", "--requests", "21", "--requests-per-connection", "1"];
    for (args, asked) in [(&open[..], 31), (&fewer_than_connections, 3), (&each_its_own, 21)] {
        for warmup in ["0", "200ms"] {
            let server = Server::start(|_| {
                std::thread::sleep(Duration::from_millis(5));
                Answer::ok()
            });
            let document = run(&server, &[args, &["--warmup", warmup, "--duration", "10s"]].concat());
            assert_only_noise(&document);
            let counts = &document.counts;
            assert_eq!((counts.scheduled, counts.succeeded), (asked, asked), "{args:?} after {warmup}: {counts:?}");
            assert_eq!(server.seen(), counts.sent + counts.warmup.sent, "{args:?} after {warmup}");
            assert!(warmup != "0" || counts.warmup.sent == 0, "{args:?}: {counts:?}");
        }
    }
}

#[test]
fn arrivals_that_find_no_connection_are_unsent_and_censor_the_response() {
    beside_others!();
    let server = Server::start(|_| Answer::Hang);
    let args = ["--rate", "60/s", "-c", "2", "-t", "1", "--timeout", "400ms", "--warmup", "0", "--duration", "2s"];
    let document = run(&server, &args);
    assert_only_noise(&document);
    let timeouts = only_failures(&document, FailureKind::Timeout);
    let counts = &document.counts;
    assert!(counts.unsent > timeouts && counts.succeeded == 0, "{counts:?}");
    assert_eq!(counts.scheduled, schedule(&document).1.len() as u64);
    let response = document.latency.response.as_ref().unwrap();
    assert_eq!((response.count, response.censored), (0, counts.unsent + timeouts));
    let known = response.quantiles.iter().filter(|quantile| quantile.ns.is_some());
    assert!(known.clone().count() > 0 && known.clone().all(|quantile| quantile.at_least), "{response:?}");
    assert!(document.verdict.warnings.iter().any(|warning| warning.code == "unsent"), "{:?}", document.verdict);
    assert_eq!(server.seen(), counts.sent);
}

#[test]
fn sessions_carry_the_requests_that_were_planned() {
    beside_others!();
    let server = Server::start(|_| Answer::ok());
    let args = ["--rate", "60/s", "--unit", "sessions", "--requests-per-connection", "3", "-c", "32", "-t", "2"];
    let document = run(&server, &[&args[..], &["--warmup", "200ms", "--duration", "1500ms"]].concat());
    assert_only_noise(&document);
    let counts = &document.counts;
    let (before, inside) = schedule(&document);
    assert_eq!((counts.unit.as_str(), counts.scheduled), ("sessions", inside.len() as u64));
    assert_eq!((counts.succeeded, counts.sent), (counts.scheduled, 3 * counts.scheduled));
    assert_eq!((server.seen(), counts.warmup.sent), (counts.sent + counts.warmup.sent, 3 * before.len() as u64));
    assert_eq!(document.connections.opened, (before.len() + inside.len()) as u64);
    let in_threes = server.log().iter().fold(std::collections::BTreeMap::new(), |mut per, entry| {
        *per.entry(entry.connection).or_insert(0) += 1;
        per
    });
    assert!(in_threes.values().all(|requests| *requests == 3), "{in_threes:?}");
}
