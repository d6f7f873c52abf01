//! What `--dry-run` finds before anything is sent, and what is said of settings that have less effect than they seem to.

mod common;

use std::fs;

use common::server::{Answer, Server};
use common::{Refusal, names_in, refuse, unwrapped};

/// Nothing listens here, and nothing asks.
const URL: &str = "https://127.0.0.1:1/";

#[test]
fn a_dry_run_sends_nothing_and_writes_nothing() {
    let accepted = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = std::sync::Arc::clone(&accepted);
    let on_accept = move |_, _: &mut std::net::TcpStream| {
        seen.store(true, std::sync::atomic::Ordering::SeqCst);
        true
    };
    let server = Server::start_with(|_| Answer::ok(), on_accept);
    let args = [&server.url(), "--insecure", "--dry-run", "--rate", "77/s", "-c", "12"];
    let Refusal { code, stdout, stderr } = refuse(&[&["run"], &args[..]].concat());
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(stdout.starts_with("NOT VERIFIED  --insecure"), "{stdout}");
    let stdout = unwrapped(&stdout);
    assert!(stdout.contains("77/s") && stdout.contains("12 connections") && stdout.contains(&server.url()), "{stdout}");
    let args =
        [&server.url(), "--insecure", "--dry-run", "--cert-type", "rsa", "--size", "1KiB", "--rounds", "5", "-c", "12"];
    let Refusal { code, stdout, stderr } = refuse(&[&["suites"], &args[..]].concat());
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let stdout = unwrapped(&stdout);
    // Six arms and a control under five workloads, in eleven runs each.
    for part in ["NOT VERIFIED --insecure", "385 runs of 35 rows", "12 connections", &server.url(), " fits ports"] {
        assert!(stdout.contains(part), "'{part}' is not in: {stdout}");
    }
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(!accepted.load(std::sync::atomic::Ordering::SeqCst), "something was connected to");
}

#[test]
fn a_dry_run_counts_the_ports_of_every_address_and_goes_on_without_any() {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let ends: Vec<u64> = range.split_whitespace().map(|end| end.parse().unwrap()).collect();
    let ports = ends[1] - ends[0] + 1;
    let lacks = |stdout: &str| stdout.contains("local ports, but the range");
    let dry = |url: &str, connections: u64| {
        let refusal = refuse(&["run", url, "--dry-run", "-c", &connections.to_string()]);
        let stdout = unwrapped(&refusal.stdout);
        let well = !lacks(&stdout) && !stdout.contains("NOT FOUND") && !stdout.contains("WILL NOT FIT");
        assert_eq!(
            (refusal.code, refusal.stderr.is_empty()),
            (Some(if well { 0 } else { 4 }), well),
            "{url}: {stdout}"
        );
        assert_eq!(refusal.stderr.starts_with("error: this cannot be run as planned"), !well, "{}", refusal.stderr);
        stdout
    };
    let of_suites = refuse(&["suites", "https://127.0.0.1/", "--dry-run", "-c", &(ports + 1).to_string()]).stdout;
    assert_eq!(unwrapped(&of_suites).matches("local ports, but the range").count(), 1, "{of_suites}");
    assert!(lacks(&dry("https://127.0.0.1/", ports + 1)) && !lacks(&dry("https://127.0.0.1/", ports)));
    // As many as the resolver knows here: one or two.
    let known = std::net::ToSocketAddrs::to_socket_addrs(&("localhost", 443)).unwrap();
    let known = known.collect::<std::collections::BTreeSet<_>>();
    let all = ports * known.len() as u64;
    let stdout = dry("https://localhost/", all);
    assert!(!lacks(&stdout) && lacks(&dry("https://localhost/", all + 1)), "{stdout}");
    assert!(known.iter().all(|address| stdout.contains(&address.to_string())), "{stdout}");
    // A label of 64 characters is no name: no resolver is asked.
    let stdout = dry(&format!("https://{}.test/", "a".repeat(64)), ports + 1);
    assert!(stdout.contains("NOT FOUND") && stdout.contains("one address") && lacks(&stdout), "{stdout}");
}

#[test]
fn a_dry_run_finds_what_the_run_would_miss_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "precious").unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (missing, file, log) = (path("missing"), path("file"), path("keys.log"));
    let (below, out) = (path("file/below"), path("a/b"));
    for (args, code, parts) in [
        (&["--ca", &missing][..], 4, &["--ca", &missing][..]),
        (&["--insecure", "--cert", &missing, "--key", &file], 4, &["--cert", &missing]),
        (&["--insecure", "--key-log", &below], 4, &["key log", &below]),
        (&["--insecure", "--key-log", &format!("{missing}/log")], 4, &["key log", "missing/log"]),
        (&["--insecure", "--out", &file], 2, &["--out", "is a file"]),
        (&["--insecure", "--out", folder.path().to_str().unwrap()], 2, &["--out", "not empty", "--overwrite"]),
        (&["--insecure", "--out", &below], 4, &[&below, "--out"]),
        (&["--ca", &missing, "--out", &file], 4, &["for 2 reasons; the first", &missing]),
    ] {
        let found = refuse(&[&["run", URL, "--dry-run"], args].concat());
        assert_eq!(found.code, Some(code), "{args:?}: {}", found.stderr);
        assert!(found.stdout.contains("NOT USABLE") && found.stdout.contains("connects to"), "{}", found.stdout);
        assert!(found.stderr.starts_with("error: this cannot be run as planned") && found.stderr.lines().count() == 1);
        for part in parts {
            assert!(found.stderr.contains(part), "{args:?}: '{part}' is not in: {}", found.stderr);
        }
    }
    let fits = refuse(&["run", URL, "--dry-run", "--insecure", "--key-log", &log, "--out", &out]);
    assert_eq!((fits.code, fits.stderr.as_str()), (Some(0), ""));
    assert!(fits.stdout.lines().all(|line| line.chars().count() <= 80), "{}", fits.stdout);
    assert_eq!((names_in(folder.path()), fs::read_to_string(&file).unwrap()), (vec!["file".into()], "precious".into()));
}

#[test]
fn what_has_no_effect_is_said() {
    for (args, part, plan) in [
        (&["-t", "99", "-c", "3"][..], "--threads 99: 3 will run", "; 3 threads"),
        (&["--resumption", "0.5"], "add --requests-per-connection N", "50 % of new connections resume"),
    ] {
        let found = refuse(&[&["run", URL, "--insecure", "--dry-run"], args].concat());
        assert_eq!(found.code, Some(0), "{}", found.stderr);
        assert!(found.stderr.starts_with("warning: ") && found.stderr.contains(part), "{}", found.stderr);
        assert!(unwrapped(&found.stdout).contains(plan), "{}", found.stdout);
    }
    let quiet = ["--threads", "3", "-c", "3", "--resumption", "0.5", "--requests-per-connection", "2"];
    assert_eq!(refuse(&[&["run", URL, "--insecure", "--dry-run"], &quiet[..]].concat()).stderr, "");
}
