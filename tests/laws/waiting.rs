//! How long requests wait: a stall is felt by all who arrive during it, and a queue is measured as its server saw it.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::arrivals::{of_window, schedule};
use super::common::noise::{alone, despite_noise};
use super::common::server::{Answer, Entry, Server};
use super::common::{assert_only_noise, quantile_s, run};

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

/// What everybody waits for who arrives in a stall, by the server's log and by arithmetic; the rest waits for nobody.
fn a_stall_is_felt_by_all_who_arrive_during_it(law: &str) {
    let _alone = alone();
    despite_noise(|| {
        let server = stalling(STALLS, Duration::ZERO);
        let args = ["--rate", "200/s", "--arrivals", law, "--seed", "5", "-c", "256", "-t", "1"];
        let document = run(&server, &[&args[..], &["--warmup", "500ms", "--duration", "8s"]].concat());
        assert_only_noise(&document);
        let entries = of_window(&document, &server);
        let (before, intended) = schedule(&document);
        assert_eq!((entries.len(), intended.len() as u64), (intended.len(), document.counts.scheduled));
        let log = server.log();
        // The schedule's zero, from the earliest that any arrival came after its time.
        let first = log[0].arrived;
        let early = before.iter().chain(&intended).zip(&log);
        let lead = early.map(|(at, entry)| (entry.arrived - first).as_secs_f64() - at).fold(f64::MAX, f64::min);
        let served = |entry: &Entry| (entry.completed.unwrap() - first).as_secs_f64() - lead;
        let by_log: Vec<f64> = intended.iter().zip(&entries).map(|(at, entry)| served(entry) - at).collect();
        // The server counts from the first arrival.
        let stall_of = |at: f64| STALLS.iter().find(|(from, to)| (*from..*to).contains(&at));
        let waits = intended.iter().map(|at| at - before[0]).map(|at| stall_of(at).map_or(0.0, |(_, end)| end - at));
        let by_schedule: Vec<f64> = waits.collect();
        for q in [0.5, 0.9, 0.95, 0.99] {
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
fn a_stall_is_felt_by_all_constant_arrivals() {
    a_stall_is_felt_by_all_who_arrive_during_it("constant");
}

#[test]
fn a_stall_is_felt_by_all_poisson_arrivals() {
    a_stall_is_felt_by_all_who_arrive_during_it("poisson");
}

#[test]
fn a_closed_loop_omits_the_stall() {
    let _alone = alone();
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

/// What a queue at half its load makes of arrivals by this law, held against the server's log.
fn a_queue_is_measured_as_its_server_saw_it(law: &str) {
    let _alone = alone();
    despite_noise(|| {
        let server = queueing(0.0025, 0x5eed);
        let args = ["--rate", "200/s", "--arrivals", law, "--seed", "11", "-c", "64", "-t", "2"];
        let document = run(&server, &[&args[..], &["--warmup", "500ms", "--duration", "8s"]].concat());
        assert_only_noise(&document);
        let entries = of_window(&document, &server);
        let waits: Vec<f64> = entries.iter().map(|e| (e.completed.unwrap() - e.arrived).as_secs_f64()).collect();
        // The work alone has a median of 1.73 ms (ln 2 times its mean). At a load of a half a queue forms: 3.47 ms where arrivals are
        // random (M/M/1), 2.17 ms where they are even (D/M/1: the mean over 1 - s, where s = exp(-2 (1 - s)) = 0.203).
        assert!(quantile(&waits, 0.5) > 0.0019, "the server was no queue");
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

#[test]
fn a_queue_of_random_arrivals_is_measured_as_its_server_saw_it() {
    a_queue_is_measured_as_its_server_saw_it("poisson");
}

#[test]
fn a_queue_of_even_arrivals_is_measured_as_its_server_saw_it() {
    a_queue_is_measured_as_its_server_saw_it("constant");
}
