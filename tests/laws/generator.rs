//! What the generator says about itself, held against what the kernel says about its process: CPU time, cores; and that it is on time
//! to a fraction of a millisecond, with spinning and without.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use shakedown::record::run::RunDocument;

use super::common::endpoint::Endpoint;
use super::common::noise::{alone, beside_others, cpu_ticks, despite_noise};
use super::common::server::{Answer, Server};
use super::common::{assert_only_noise, binary, quantile_s, run, start, start_at};

/// CPU time of the process up to its end, for which is waited: the kernel keeps the figure until the parent has asked for the exit code.
fn cpu_s_at_the_end(pid: u32) -> f64 {
    let begun = Instant::now();
    let ended = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('Z')
    };
    while !ended() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the run does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
    cpu_ticks(&pid.to_string()) as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// A closed loop against `endpoint`: its document, and the CPU time of its whole process.
fn with_its_cpu_s(endpoint: &Endpoint, args: &[&str]) -> (RunDocument, f64) {
    let load = ["-c", "16", "--warmup", "0"];
    let running = start_at(binary(), &endpoint.url("/").text, &endpoint.ca(), &[&load[..], args].concat());
    let whole = cpu_s_at_the_end(running.pid());
    (running.wait().document(), whole)
}

#[test]
fn the_cpu_time_is_what_the_kernel_counted_for_the_process() {
    let _alone = alone();
    let endpoint = Endpoint::start(&[]);
    for threads in ["1", "2"] {
        // What a run costs beside its window: the start, the connections' opening, the document.
        let (_, beside) = with_its_cpu_s(&endpoint, &["-t", threads, "--requests", "1"]);
        let (document, whole) = with_its_cpu_s(&endpoint, &["-t", threads, "--duration", "3s"]);
        assert_only_noise(&document);
        let counted = document.client.cpu_s;
        assert!(counted > 0.3, "{threads} threads: {counted} s of CPU time are no full speed");
        let by_worker: f64 = document.client.workers.iter().map(|worker| worker.cpu_s).sum();
        assert!((by_worker - counted).abs() < 1e-6, "{:?}", document.client);
        // A few ticks of 10 ms either way; and what the coordinator does while the window is open.
        let told =
            format!("{threads} threads: {counted} s in the document, {whole} s of the process, {beside} s beside");
        assert!(counted <= whole + 0.02, "{told}");
        assert!(counted >= 0.9 * (whole - beside) - 0.04, "{told}");
    }
}

/// The cores that a thread may use, as the kernel writes them.
fn cores_of(status: &str) -> String {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.expect("the kernel says so").trim().to_owned()
}

/// A kernel's list of cores, such as `0-3,8`.
fn listed(cores: &str) -> Vec<String> {
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        (first.parse::<u32>().unwrap()..=last.parse().unwrap()).map(|core| core.to_string()).collect::<Vec<_>>()
    };
    cores.split(',').flat_map(range).collect()
}

/// The cores that each worker of a run may use, while it goes on.
fn cores_of_workers(args: &[&str]) -> Vec<String> {
    let server = Server::start(|_| {
        std::thread::sleep(Duration::from_millis(2));
        Answer::ok()
    });
    let load = ["-c", "6", "--warmup", "0", "--duration", "30s"];
    let running = start(&server, &[&load[..], args].concat());
    server.await_requests(20);
    let tasks = fs::read_dir(format!("/proc/{}/task", running.pid())).unwrap();
    let mut workers: Vec<(String, String)> = tasks
        .filter_map(|task| {
            let task = task.unwrap().path();
            let name = fs::read_to_string(task.join("comm")).unwrap().trim().to_owned();
            let cores = cores_of(&fs::read_to_string(task.join("status")).unwrap());
            name.starts_with("worker-").then_some((name, cores))
        })
        .collect();
    running.signal(Signal::INT);
    running.wait().document();
    workers.sort();
    workers.into_iter().map(|(_, cores)| cores).collect()
}

#[test]
fn pinned_workers_have_a_core_each_in_turn() {
    let _beside = beside_others();
    let all = cores_of(&fs::read_to_string("/proc/self/status").unwrap());
    let each: Vec<String> = listed(&all).into_iter().cycle().take(3).collect();
    assert_eq!(cores_of_workers(&["-t", "3", "--pin"]), each);
    assert_eq!(cores_of_workers(&["-t", "3"]), [all.as_str(); 3]);
}

/// Arrivals per second whose gaps are no multiple of a millisecond.
const RATE: &str = "300/s";

/// The median by which arrivals were late, in seconds; and how busy the only worker was, and its CPU time over the window's length.
fn lateness(law: &str, spin: &str) -> (f64, f64, f64) {
    let server = Server::start(|_| Answer::ok());
    let args = ["--rate", RATE, "--arrivals", law, "--seed", "3", "-c", "16", "-t", "1", "--spin", spin];
    let document = run(&server, &[&args[..], &["--warmup", "200ms", "--duration", "2s"]].concat());
    assert_only_noise(&document);
    assert_eq!(document.counts.failed, 0, "{:?}", document.failure_details);
    let worker = &document.client.workers[0];
    let lag = document.latency.dispatch_lag.as_ref();
    // All but those few that found no connection free are in it.
    assert!(lag.is_some_and(|lag| lag.count > document.counts.scheduled * 9 / 10), "{lag:?}");
    (quantile_s(lag, 0.5), worker.busy, worker.cpu_s / document.throughput.window_s)
}

#[test]
fn arrivals_are_on_time_to_a_tenth_of_a_millisecond() {
    let _alone = alone();
    for law in ["constant", "poisson"] {
        despite_noise(|| {
            let (late, ..) = lateness(law, "0");
            // A timer of whole milliseconds would be late by half of one.
            if late < 100e-6 {
                Ok(())
            } else {
                Err(format!("{law}: half of the arrivals were late by {late} s or more"))
            }
        });
    }
}

#[test]
fn spinning_is_no_later_and_no_work() {
    let _alone = alone();
    despite_noise(|| {
        let (late, ..) = lateness("constant", "0");
        // For almost a third of the time: the gaps are of 3.3 ms.
        let (late_spinning, busy, cpu) = lateness("constant", "1ms");
        if cpu < 0.25 {
            return Err(format!("it did not spin: {cpu} of a core"));
        }
        if late_spinning > late.max(20e-6) {
            return Err(format!("late by {late_spinning} s with spinning, {late} s without"));
        }
        if busy < 0.2 { Ok(()) } else { Err(format!("{busy} busy at {RATE}, with {cpu} of a core")) }
    });
}
