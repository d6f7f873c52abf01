//! A server that goes away in mid-run: what cannot be connected to is counted by its kind, in a document.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrV4, SocketFlags, SocketType};
use shakedown::model::failure::FailureKind;
use shakedown::model::target::HttpsUrl;

use super::common::noise::beside_others;
use super::common::server::{Answer, Server};
use super::common::{assert_only_noise, binary, start_at};

/// Connections that are let through.
const GOOD: usize = 4;

/// A way to `server` for the first few connections. What becomes of its listener then is `afterwards`' to say; its thread gives what is
/// to be kept until the run is over. No backlog: one connection may wait to be accepted, and further ones get no answer.
fn front<T: Send + 'static>(
    server: &Server,
    afterwards: impl FnOnce(TcpListener) -> T + Send + 'static,
) -> (u16, JoinHandle<T>) {
    // Not for the processes that are started meanwhile: they would keep it open.
    let (family, stream, own) = (AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC);
    let socket = rustix::net::socket_with(family, stream, own, None).unwrap();
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let listener = TcpListener::from(socket);
    let port = listener.local_addr().unwrap().port();
    let behind = server.url().parse::<HttpsUrl>().unwrap().endpoint.port;
    let thread = std::thread::spawn(move || {
        for client in listener.incoming().flatten().take(GOOD) {
            let upstream = TcpStream::connect((Ipv4Addr::LOCALHOST, behind)).unwrap();
            for (from, to) in [(&client, &upstream), (&upstream, &client)] {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                std::thread::spawn(move || {
                    // Either end may go first.
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Both);
                });
            }
        }
        afterwards(listener)
    });
    (port, thread)
}

/// How the connections fail that are not let through, of sixteen.
fn fails_as<T: Send + 'static>(
    afterwards: impl FnOnce(TcpListener) -> T + Send + 'static,
) -> BTreeMap<FailureKind, u64> {
    let _beside = beside_others();
    let server = Server::start(|_| Answer::ok());
    let (port, thread) = front(&server, afterwards);
    let load =
        ["-c", "2", "-t", "1", "--requests", "16", "--requests-per-connection", "1", "--connect-concurrency", "1"];
    let times = ["--warmup", "0", "--duration", "20s", "--connect-timeout", "300ms"];
    let url = format!("https://127.0.0.1:{port}/");
    let ended = start_at(binary(), &url, &server.ca(), &[&load[..], &times].concat()).wait();
    let document = ended.document();
    drop(thread.join().unwrap());
    assert_only_noise(&document);
    let (counts, connections) = (&document.counts, &document.connections);
    assert_eq!((counts.succeeded, counts.failed), (GOOD as u64, 16 - GOOD as u64), "{:?}", document.failure_details);
    assert_eq!((server.seen(), connections.opened), (counts.sent, GOOD as u64));
    assert_eq!(counts.failures, connections.failures);
    counts.failures.clone()
}

#[test]
fn a_server_that_is_gone_refuses() {
    let mut failures = fails_as(drop);
    let refused = failures.remove(&FailureKind::ConnectRefused).unwrap_or(0);
    // One may have come between: its SYN when the backlog was full, or itself when the listener went.
    assert!(failures.values().sum::<u64>() <= 1 && refused >= 15 - GOOD as u64, "{refused} refused, {failures:?}");
    assert!(
        failures.keys().all(|kind| [FailureKind::ConnectTimeout, FailureKind::Reset].contains(kind)),
        "{failures:?}"
    );
}

#[test]
fn a_server_that_accepts_no_more_times_out() {
    let mut failures = fails_as(|listener| {
        // Whoever waits to be accepted keeps the others out.
        let address = listener.local_addr().unwrap();
        let brief = Duration::from_millis(100);
        let fill: Vec<_> = std::iter::from_fn(|| TcpStream::connect_timeout(&address, brief).ok()).collect();
        (listener, fill)
    });
    // One or two connections could wait to be accepted, and had no answer to their hello.
    let handshakes = failures.remove(&FailureKind::Timeout).unwrap_or(0);
    assert!(handshakes <= 2, "{handshakes} handshakes had no answer, {failures:?}");
    assert_eq!(failures.keys().collect::<Vec<_>>(), [&FailureKind::ConnectTimeout]);
}
