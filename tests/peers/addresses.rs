//! A name with several addresses: they are used in turn, each by the sessions that it gave itself, and what does not answer is left out.
//!
//! The name is known to the command alone.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};

use rustix::net::{AddressFamily, SocketAddrV4, SocketType};
use shakedown::model::suite::KeyType;
use tempfile::NamedTempFile;

use super::common::hosts::Hosts;
use super::fixture::free_port;
use super::generator::{BINARY, Ran, assert_no_failure, document, document_of, refusal_of, run_by, sent};
use super::identity::Authority;
use super::nginx::{Log, Nginx};
use super::suites::assert_agrees;

/// What the servers are called. It exists nowhere else.
const NAME: &str = "several.test";

/// Three addresses that every Linux machine has.
const THREE: [&str; 3] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];

/// A run against [`NAME`], which has these addresses.
fn run(ips: &[&str], port: u16, args: &[&str]) -> Ran {
    let hosts = Hosts::new(NAME, ips);
    run_by(hosts.command(BINARY), &format!("https://{NAME}:{port}/"), &[args, &["--json"]].concat())
}

/// nginx at these addresses, all on `port`, with a certificate for [`NAME`].
fn nginx(ips: &[&str], port: u16) -> Nginx {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let identity = authority.issue("several", KeyType::Ecdsa, &[NAME, "localhost"], |_| {});
    let listen: String = ips.iter().map(|ip| format!("listen {} ssl;", at(ip, port))).collect();
    Nginx::with(folder, authority, &[identity], &listen)
}

/// As documents and configurations have it.
fn at(ip: &str, port: u16) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

/// Connections that brought a request, and requests, by the address that nginx was reached at.
fn by_address(log: &Log) -> BTreeMap<&str, (u64, u64)> {
    let mut seen = HashSet::new();
    let mut found = BTreeMap::new();
    for line in &log.lines {
        let (connections, requests): &mut (u64, u64) = found.entry(line.address.as_str()).or_default();
        *connections += u64::from(seen.insert(line.connection));
        *requests += 1;
    }
    found
}

/// That all of `ips` were reached, and none more than `slack` times oftener than another.
fn assert_even(ips: &[&str], counts: &[u64], slack: u64, what: &str) {
    assert_eq!(counts.len(), ips.len(), "{what}");
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(*least > 0 && most - least <= slack, "{what}: {counts:?} at {ips:?}");
}

#[test]
#[ignore = "needs nginx and unshare"]
fn connections_go_to_the_addresses_in_turn() {
    let port = free_port();
    let mut server = nginx(&THREE, port);
    // How far the addresses may differ in connections: those that are open at the end may have had no request yet.
    let variants: [(&[&str], u64); 7] = [
        (&["-c", "6"], 0),
        (&["-c", "3", "-t", "3"], 0),
        (&["-c", "6", "-t", "2"], 0),
        (&["-c", "6", "--rate", "300/s"], 0),
        (&["-c", "6", "--requests-per-connection", "1"], 6),
        (&["-c", "6", "-t", "2", "--requests-per-connection", "2"], 6),
        (&["-c", "32", "--rate", "200/s", "--unit", "sessions", "--requests-per-connection", "2"], 1),
    ];
    for (variant, slack) in variants {
        for tls in ["1.2", "1.3"] {
            let ran = run(&THREE, port, &[variant, &["--tls", tls, "--ca", &server.ca]].concat());
            let (document, log) = (document_of(&ran), server.log());
            assert_no_failure(&document);
            assert_agrees(&document, &log);
            assert_eq!(document.target.addresses, THREE.map(|ip| at(ip, port)));
            assert!(document.target.dropped_addresses.is_empty(), "{:?}", document.target);
            assert!(!ran.stderr.contains("left out"), "{}", ran.stderr);
            let connections: Vec<_> = by_address(&log).into_values().map(|(connections, _)| connections).collect();
            assert_even(&THREE, &connections, slack, &format!("{variant:?} over TLS {tls}"));
        }
    }
}

#[test]
#[ignore = "needs nginx and unshare"]
fn requests_are_spread_over_the_addresses() {
    let port = free_port();
    let mut server = nginx(&THREE, port);
    // The longest idle connection is next, so that arrivals take turns; and where each has its own connection, those do.
    let open = ["-c", "6", "--rate", "300/s", "--arrivals", "constant"];
    let one_each = ["-c", "6", "--requests-per-connection", "1"];
    for args in [&open[..], &one_each] {
        let limit = ["--requests", "90", "--warmup", "0", "--duration", "20s", "--ca", &server.ca];
        let document = document_of(&run(&THREE, port, &[args, &limit].concat()));
        let log = server.log();
        assert_no_failure(&document);
        assert_agrees(&document, &log);
        let requests: Vec<_> = by_address(&log).into_values().map(|(_, requests)| requests).collect();
        assert_eq!(requests.iter().sum::<u64>(), 90);
        assert_even(&THREE, &requests, 6, &format!("{args:?}"));
    }
}

/// A listener whose queue is full, so that a SYN gets no answer; what fills it comes along.
fn deaf(ip: Ipv4Addr, port: u16) -> (TcpListener, Vec<TcpStream>) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddrV4::new(ip, port)).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let brief = std::time::Duration::from_millis(200);
    let fill = std::iter::from_fn(|| TcpStream::connect_timeout(&(ip, port).into(), brief).ok()).collect();
    (socket.into(), fill)
}

#[test]
#[ignore = "needs nginx and unshare"]
fn an_address_that_does_not_answer_is_left_out() {
    let port = free_port();
    let mut server = nginx(&["127.0.0.1", "127.0.0.3"], port);
    let _deaf = deaf(Ipv4Addr::new(127, 0, 0, 4), port);
    let ips = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"];
    let ran = run(&ips, port, &["--connect-timeout", "500ms", "--ca", &server.ca]);
    let (document, log) = (document_of(&ran), server.log());
    assert_no_failure(&document);
    assert_eq!(document.target.addresses, [at("127.0.0.1", port), at("127.0.0.3", port)]);
    let dropped = document.target.dropped_addresses.iter().map(|dropped| (&*dropped.address, &*dropped.reason));
    let (refused, silent) = (at("127.0.0.2", port), at("127.0.0.4", port));
    let expected = [(&*refused, "connect_refused"), (&*silent, "connect_timeout")];
    assert_eq!(dropped.collect::<Vec<_>>(), expected);
    for (address, why) in expected {
        let warning = format!("warning: {address} does not answer ({why}) and is left out");
        assert_eq!(ran.stderr.lines().filter(|line| *line == warning).count(), 1, "{}", ran.stderr);
    }
    // Each that answers was tried with one connection more, which brought nothing.
    assert_eq!(log.accepted, document.connections.opened + 2);
    assert_eq!(log.len(), sent(&document));
    let connections = by_address(&log).into_iter().map(|(ip, (connections, _))| (ip, connections));
    assert_eq!(connections.collect::<Vec<_>>(), [("127.0.0.1", 2), ("127.0.0.3", 2)]);
}

#[test]
#[ignore = "needs unshare"]
fn where_no_address_answers_the_run_says_why() {
    let why = refusal_of(run(&THREE, free_port(), &["--insecure"]));
    assert!(why.contains("connect_refused"), "{why}");
}

#[test]
#[ignore = "needs nginx and unshare"]
fn a_session_is_resumed_at_the_address_that_gave_it() {
    // Two servers, neither of which can read the other's tickets.
    let (ips, port) = (["127.0.0.1", "127.0.0.2"], free_port());
    let mut servers = ips.map(|ip| nginx(&[ip], port));
    let authorities = NamedTempFile::new().unwrap();
    let certificates = servers.each_ref().map(|server| std::fs::read_to_string(&server.ca).unwrap());
    std::fs::write(authorities.path(), certificates.concat()).unwrap();
    let ca = authorities.path().to_str().unwrap();
    for (tls, threads) in [("1.2", "1"), ("1.3", "1"), ("1.2", "2"), ("1.3", "2")] {
        let args = ["--tls", tls, "-t", threads, "--resumption", "resumed", "--requests-per-connection", "1"];
        let document = document_of(&run(&ips, port, &[&args[..], &["--ca", ca]].concat()));
        assert_no_failure(&document);
        let connections = &document.connections;
        assert_eq!((connections.handshakes.full, connections.resumption_refused), (0, 0), "{connections:?}");
        let logs = servers.each_mut().map(Nginx::log);
        assert!(logs.iter().flat_map(|log| &log.lines).all(|line| line.reused && line.nth == 1), "TLS {tls}");
        let requests = logs.each_ref().map(Log::len);
        assert_eq!(requests.iter().sum::<u64>(), sent(&document));
        assert_even(&ips, &requests, document.plan.connections, &format!("TLS {tls}, {threads} threads"));
    }
}

#[test]
#[ignore = "needs nginx and unshare"]
fn the_share_that_resumes_is_the_same_at_each_address() {
    let port = free_port();
    let mut server = nginx(&THREE, port);
    for (share, resumed) in [("0.5", 0.5), ("0.3333333", 1.0 / 3.0)] {
        for ips in [&THREE[..2], &THREE] {
            let args = ["-c", "6", "--resumption", share, "--requests-per-connection", "1", "--ca", &server.ca];
            let document = document_of(&run(ips, port, &args));
            let log = server.log();
            assert_no_failure(&document);
            for ip in ips {
                let lines = || log.lines.iter().filter(|line| line.address == *ip);
                let found = lines().filter(|line| line.reused).count() as f64 / lines().count() as f64;
                assert!((found - resumed).abs() < 0.1, "{share} over {ips:?}: {found} at {ip}");
            }
        }
    }
}

#[test]
#[ignore = "needs nginx and unshare"]
fn both_families_are_used_unless_one_is_asked_for() {
    let (ips, port) = (["127.0.0.1", "::1"], free_port());
    let mut server = nginx(&ips, port);
    for (family, expected) in [(&[][..], &ips[..]), (&["--ipv4"], &ips[..1]), (&["--ipv6"], &ips[1..])] {
        let document = document_of(&run(&ips, port, &[family, &["--ca", &server.ca]].concat()));
        let log = server.log();
        assert_no_failure(&document);
        let used: BTreeSet<_> = document.target.addresses.iter().cloned().collect();
        assert_eq!(used, expected.iter().map(|ip| at(ip, port)).collect());
        let each = 4 / expected.len() as u64;
        let connections = by_address(&log).into_iter().map(|(ip, (connections, _))| (ip, connections));
        assert_eq!(connections.collect::<Vec<_>>(), expected.iter().map(|ip| (*ip, each)).collect::<Vec<_>>());
    }
}

#[test]
#[ignore = "needs nginx"]
fn localhost_is_whatever_this_machine_says() {
    let port = free_port();
    let mut server = nginx(&["127.0.0.1", "::1"], port);
    let expected: BTreeSet<_> = ("localhost", port).to_socket_addrs().unwrap().collect();
    let document = document(&format!("https://localhost:{port}/"), &["--ca", &server.ca]);
    let log = server.log();
    assert_no_failure(&document);
    let used: BTreeSet<_> = document.target.addresses.iter().map(|address| address.parse().unwrap()).collect();
    assert_eq!(used, expected);
    let seen: BTreeSet<_> = by_address(&log).into_keys().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect();
    assert_eq!(seen, expected);
}
