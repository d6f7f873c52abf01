//! The generator's own faults void a run, and the server's do not: a generator that is stopped or starved says so, a server that
//! stands still as long is measured. And a run that the user ends is written down as what it was.

mod common;

use std::process::{Child, Command};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use common::noise::{alone, despite_noise};
use common::server::{Answer, Server};
use common::{assert_only_noise, quantile_s, reasons, start, start_by};
use rustix::process::Signal;
use shakedown::record::run::RunDocument;

/// For how long the generator, or the server, is stopped.
const STOP: Duration = Duration::from_millis(500);

/// Four measured seconds in an open loop, with connections enough for all that arrive in a stop.
const OPEN: [&str; 12] =
    ["--rate", "400/s", "--arrivals", "constant", "-c", "256", "-t", "1", "--warmup", "300ms", "--duration", "4s"];

/// A server that takes its time, so that a signal finds requests under way.
fn slow_server() -> Server {
    Server::start(|_| {
        std::thread::sleep(Duration::from_millis(2));
        Answer::ok()
    })
}

/// The document of a run that is ended by Ctrl-C once the server has seen `requests_before`; it ends at once.
fn interrupted(server: &Server, args: &[&str], requests_before: u64) -> RunDocument {
    let running = start(server, args);
    server.await_requests(requests_before);
    let interrupted = Instant::now();
    running.signal(Signal::INT);
    let ended = running.wait();
    assert!(interrupted.elapsed() < Duration::from_secs(3), "{:?}", interrupted.elapsed());
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    ended.document()
}

/// The document of a run whose generator is stopped for [`STOP`] in the middle of the window.
fn with_stopped_generator(args: &[&str], requests_before: u64) -> RunDocument {
    let server = slow_server();
    let running = start(&server, args);
    server.await_requests(requests_before);
    running.signal(Signal::STOP);
    std::thread::sleep(STOP);
    running.signal(Signal::CONT);
    let ended = running.wait();
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let document = ended.document();
    assert!(!document.verdict.valid);
    assert_only_noise(&document);
    document
}

#[test]
fn an_open_loop_whose_generator_was_stopped_is_not_valid() {
    let _alone = alone();
    let document = with_stopped_generator(&OPEN, 300);
    assert!(reasons(&document).contains(&"dispatch_lag"), "{:?}", document.verdict);
    let longest = document.client.workers[0].dispatch_lag_max_ns.unwrap();
    assert!(longest >= 450_000_000, "{longest} ns");
}

#[test]
fn a_closed_loop_whose_generator_was_stopped_is_not_valid() {
    let _alone = alone();
    let args = ["-c", "2", "-t", "1", "--warmup", "300ms", "--duration", "3s"];
    let document = with_stopped_generator(&args, 500);
    assert_eq!(reasons(&document), ["scheduling_gap"]);
    assert!(document.client.workers[0].scheduling_gap_max_ns >= 450_000_000, "{:?}", document.client.workers);
}

#[test]
fn a_server_that_stands_still_as_long_is_measured() {
    let _alone = alone();
    despite_noise(|| {
        let first = Mutex::new(None::<Instant>);
        let server = Server::start(move |request| {
            let since = first.lock().unwrap().get_or_insert(request.arrived).elapsed();
            let (from, to) = (Duration::from_secs(2), Duration::from_secs(2) + STOP);
            std::thread::sleep(if since >= from { to.saturating_sub(since) } else { Duration::ZERO });
            Answer::ok()
        });
        let document = start(&server, &OPEN).wait().document();
        assert_only_noise(&document);
        // An eighth of the window stood still: the slowest hundredth waited for nearly all of it.
        let p99 = quantile_s(document.latency.response.as_ref(), 0.99);
        assert!((0.42..0.7).contains(&p99), "{p99} s");
        if document.verdict.valid { Ok(()) } else { Err(format!("{:?}", document.verdict.reasons)) }
    });
}

/// Processes that do nothing but compute, ended when dropped.
struct Rivals(Vec<Child>);

impl Drop for Rivals {
    fn drop(&mut self) {
        for rival in &mut self.0 {
            let _ = rival.kill().and_then(|()| rival.wait());
        }
    }
}

/// `program` on the first core only.
fn pinned(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0", program]);
    command
}

/// The document of a run on a core that it shares with so many rivals, which must not be valid.
fn starved(rivals: usize, args: &[&str]) -> RunDocument {
    let rival = || pinned("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
    let _rivals = Rivals((0..rivals).map(|_| rival()).collect());
    let server = Server::start(|_| Answer::ok());
    let phases = ["-t", "1", "--warmup", "300ms", "--duration", "2s"];
    let ended = start_by(pinned(env!("CARGO_BIN_EXE_shakedown")), &server, &[args, &phases].concat()).wait();
    let document = ended.document();
    assert_eq!(ended.code, Some(3), "{rivals} rivals, {args:?}: {:?}", document.verdict);
    document
}

#[test]
#[ignore = "needs taskset"]
fn a_starved_generator_is_not_valid() {
    let _alone = alone();
    let document = starved(6, &["--rate", "4000/s", "-c", "32"]);
    let found = reasons(&document);
    assert!(found.contains(&"dispatch_lag") || found.contains(&"scheduling_gap"), "{found:?}");
}

#[test]
#[ignore = "needs taskset"]
fn one_rival_is_enough_in_a_closed_loop() {
    let _alone = alone();
    // The worker waits inside the poll, on the run queue: no sleep is too long and no work is interrupted.
    for connections in ["1", "8", "64"] {
        let document = starved(1, &["-c", connections]);
        assert_eq!(reasons(&document), ["scheduling_gap"], "{connections} connections: {:?}", document.verdict);
    }
}

#[test]
fn ctrl_c_in_the_drain_lets_it_go_on_and_is_told() {
    let _alone = alone();
    let server = Server::start(|request| {
        // Whoever comes in the window's second half is answered in the drain.
        if request.index >= 40 {
            std::thread::sleep(Duration::from_millis(900));
        }
        Answer::ok()
    });
    let args = ["--rate", "40/s", "--arrivals", "constant", "-c", "64", "-t", "1", "--warmup", "0"];
    let running = start(&server, &[&args[..], &["--duration", "2s"]].concat());
    server.await_requests(80);
    std::thread::sleep(Duration::from_millis(200));
    running.signal(Signal::INT);
    let ended = running.wait();
    let document = ended.document();
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(document.interrupted && document.throughput.window_s >= 2.0, "{:?}", document.throughput);
    assert_eq!((document.counts.succeeded, document.counts.failed), (80, 0));
    let told = document.verdict.reasons.iter().find(|reason| reason.code == "interrupted").expect("it is told");
    assert!(told.text.contains("the window itself is complete"), "{}", told.text);
}

#[test]
fn a_run_ended_by_ctrl_c_is_written_as_interrupted() {
    let _alone = alone();
    for pace in [&["--rate", "200/s", "--arrivals", "constant"][..], &["-t", "2"]] {
        let server = slow_server();
        let document = interrupted(&server, &[pace, &["-c", "8", "--warmup", "0", "--duration", "30s"]].concat(), 100);
        assert!(document.interrupted && reasons(&document).contains(&"interrupted"), "{:?}", document.verdict);
        let counts = &document.counts;
        assert!(counts.scheduled >= 100 && counts.failed == 0, "what was under way has finished: {counts:?}");
        assert_eq!(server.seen(), counts.sent + counts.warmup.sent);
        assert!(document.throughput.window_s < 10.0, "{:?}", document.throughput);
    }
}

#[test]
fn ctrl_c_in_the_warm_up_ends_the_run_at_once() {
    let _alone = alone();
    for pace in [&["--rate", "100/s"][..], &["-t", "2"]] {
        let server = slow_server();
        let document = interrupted(&server, &[pace, &["-c", "8", "--warmup", "15s", "--duration", "15s"]].concat(), 50);
        assert!(document.interrupted && document.counts.scheduled == 0, "{:?}", document.counts);
        assert_eq!(server.seen(), document.counts.warmup.sent);
    }
}

#[test]
fn the_second_ctrl_c_ends_the_process() {
    let _alone = alone();
    let server = Server::start(|request| if request.index < 20 { Answer::ok() } else { Answer::Hang });
    let running = start(&server, &["-c", "2", "--warmup", "0", "--duration", "30s", "--timeout", "20s"]);
    server.await_requests(22);
    running.signal(Signal::INT);
    // Signals of one kind do not queue: the first must have been taken before the second comes.
    std::thread::sleep(Duration::from_millis(500));
    running.signal(Signal::INT);
    let interrupted = Instant::now();
    let ended = running.wait();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(interrupted.elapsed() < Duration::from_secs(3), "{:?}", interrupted.elapsed());
    assert!(ended.stdout.is_empty());
    assert!(!ended.out().exists(), "a folder without a result stays");
}
