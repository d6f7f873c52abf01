//! What an open connection costs the generator in memory while nothing happens on it: resident bytes of its process, as the kernel counts
//! them, with many connections against few. The endpoint is another process.

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::endpoint::Endpoint;
use common::noise::{alone, cpu_ticks};
use common::{Running, binary, start_at};
use rustix::process::{Resource, Signal, getrlimit};

/// Connections in the small run.
const FEW: u64 = 500;

/// Connections in the large run, if so many descriptors may be had.
const MANY: u64 = 4_000;

/// How long a run may take to have its connections open.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes of the process that are in memory.
fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the run goes on");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    1024 * line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
}

/// Waits until the process has `connections` sockets, and then nothing to do for a while.
fn wait_until_idle(running: &Running, connections: u64) {
    let begun = Instant::now();
    let pid = running.pid();
    let is_socket = |entry: fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    let sockets = || {
        let entries = fs::read_dir(format!("/proc/{pid}/fd")).expect("the run goes on");
        entries.flatten().map(is_socket).filter(|is| *is).count() as u64
    };
    let mut idle_since = None;
    while idle_since.is_none_or(|since: Instant| since.elapsed() < Duration::from_millis(500)) {
        assert!(begun.elapsed() < PATIENCE, "{} of {connections} connections after {PATIENCE:?}", sockets());
        let before = cpu_ticks(&pid.to_string());
        std::thread::sleep(Duration::from_millis(100));
        if sockets() < connections || cpu_ticks(&pid.to_string()) > before {
            idle_since = None;
        } else {
            idle_since.get_or_insert_with(Instant::now);
        }
    }
}

/// Resident bytes of a run with this many connections, all of them idle.
fn idle_run(endpoint: &Endpoint, connections: u64, args: &[&str]) -> u64 {
    let count = connections.to_string();
    // One request, at the schedule's zero, and the next in an hour.
    let load =
        ["-c", &count, "-t", "1", "--rate", "1/h", "--arrivals", "constant", "--warmup", "0", "--duration", "2m"];
    let running = start_at(binary(), &endpoint.url("/").text, &endpoint.ca(), &[&load[..], args].concat());
    wait_until_idle(&running, connections);
    let resident = resident_bytes(running.pid());
    running.signal(Signal::INT);
    let document = running.wait().document();
    let handshakes = &document.connections.handshakes;
    assert_eq!((handshakes.total(), document.connections.failed), (connections, 0), "{:?}", document.connections);
    assert_eq!(handshakes.resumed, if args.contains(&"resumed") { connections } else { 0 });
    resident
}

/// Resident bytes for each further connection.
fn per_connection(endpoint: &Endpoint, args: &[&str]) -> f64 {
    let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let many = MANY.min(limit.saturating_sub(100));
    assert!(many > 2 * FEW, "only {limit} descriptors may be had");
    let few = idle_run(endpoint, FEW, args);
    (idle_run(endpoint, many, args) as f64 - few as f64) / (many - FEW) as f64
}

/// How a connection came to be, and the most that it may keep, in KiB. The goal is that of the first.
const CASES: [(&[&str], f64); 4] = [
    (&["--suite", "TLS_AES_128_GCM_SHA256"], 5.0),
    (&["--suite", "ECDHE-ECDSA-AES128-GCM-SHA256"], 5.0),
    (&["--suite", "ECDHE-ECDSA-AES128-SHA256"], 7.0),
    (&["--suite", "TLS_AES_128_GCM_SHA256", "--resumption", "resumed"], 7.0),
];

#[test]
fn an_idle_connection_is_small() {
    let _alone = alone();
    let endpoint = Endpoint::start(&[]);
    for (args, most_kib) in CASES {
        let bytes = per_connection(&endpoint, args);
        println!("{}: {bytes:.0} bytes for a connection", args.join(" "));
        // Less than a key schedule and a socket's state is nothing that was measured.
        assert!(bytes > 500.0 && bytes <= most_kib * 1024.0, "{args:?}: {bytes} bytes, {most_kib} KiB at most");
    }
}
