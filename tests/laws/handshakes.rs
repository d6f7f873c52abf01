//! Handshakes that go wrong in mid-run, and one that is only slow: each has its kind, and costs no more memory than any other.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shakedown::model::failure::FailureKind;
use shakedown::record::run::RunDocument;

use super::common::noise::beside_others;
use super::common::server::{Answer, Server, wait_for_the_end};
use super::common::{assert_only_noise, binary, check_identities, only_failures, run, start_at};

/// Twenty handshakes, each with a request.
const TWENTY: [&str; 12] =
    ["-c", "2", "-t", "1", "--requests", "20", "--requests-per-connection", "1", "--warmup", "0", "--duration", "20s"];

/// How many connections are served as they should be, before others come.
const GOOD: usize = 4;

/// Runs [`TWENTY`] against a server that does `misdeed` to each connection after the first few. All of those fail in the handshake, and
/// the document says of what kind, with its detail.
fn fails_as(misdeed: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> (RunDocument, FailureKind, String) {
    let _beside = beside_others();
    let server = Server::start_with(
        |_| Answer::ok(),
        move |connection, tcp| {
            if connection >= GOOD {
                misdeed(tcp);
            }
            connection < GOOD
        },
    );
    let document = run(&server, &TWENTY);
    assert_only_noise(&document);
    let detail = document.failure_details.iter().find(|detail| detail.of == "counts").unwrap().clone();
    let failed = only_failures(&document, detail.kind);
    assert_eq!((document.counts.succeeded, failed), (GOOD as u64, 20 - GOOD as u64), "{:?}", document.failure_details);
    assert_eq!((server.seen(), document.counts.sent), (GOOD as u64, GOOD as u64));
    assert_eq!(document.connections.failures.get(&detail.kind), Some(&failed), "{:?}", document.connections);
    assert_eq!(detail.n, failed, "one detail for all: {:?}", document.failure_details);
    (document, detail.kind, detail.detail)
}

/// Reads the ClientHello, all of it: an end before that would be a reset.
fn read_hello(tcp: &mut TcpStream) {
    let mut header = [0; 5];
    if tcp.read_exact(&mut header).is_ok() {
        let mut hello = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
        let _ = tcp.read_exact(&mut hello);
    }
}

/// A record of TLS 1.2 with handshake data in it.
fn handshake_record(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[0x16, 3, 3][..], &length, payload].concat()
}

#[test]
fn an_end_after_the_hello_is_closed_early() {
    let (_, kind, _) = fails_as(|tcp| {
        read_hello(tcp);
        let _ = tcp.shutdown(std::net::Shutdown::Write).and_then(|()| wait_for_the_end(tcp));
    });
    assert_eq!(kind, FailureKind::ClosedEarly);
}

#[test]
fn an_end_in_the_middle_of_a_message_is_closed_early() {
    // 100 bytes were promised, ten came.
    let begun = handshake_record(&[2, 0, 0, 100, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8]);
    for length in [begun.len(), 4, 5, 7] {
        let begun = begun[..length].to_vec();
        let (_, kind, _) = fails_as(move |tcp| {
            read_hello(tcp);
            let _ = tcp.write_all(&begun);
            let _ = tcp.shutdown(std::net::Shutdown::Write).and_then(|()| wait_for_the_end(tcp));
        });
        assert_eq!(kind, FailureKind::ClosedEarly, "after {length} bytes");
    }
}

#[test]
fn a_reset_after_the_hello_is_a_reset() {
    let (_, kind, _) = fails_as(|tcp| {
        read_hello(tcp);
        let _ = rustix::net::sockopt::set_socket_linger(tcp, Some(Duration::ZERO));
    });
    assert_eq!(kind, FailureKind::Reset);
}

/// Much more than a client may take of a handshake, and more than a socket's buffers hold.
const FLOOD: usize = 64 << 20;

/// Sends `first` and then `again` and `again`, until the client has had enough. Where it takes a whole [`FLOOD`], `endured` says so.
fn flood(tcp: &mut TcpStream, first: &[u8], again: &[u8], endured: &AtomicUsize) {
    read_hello(tcp);
    if tcp.write_all(first).is_err() {
        return;
    }
    let block = again.repeat((1 << 16) / again.len());
    for _ in 0..FLOOD / block.len() {
        if tcp.write_all(&block).is_err() {
            return;
        }
    }
    endured.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn a_handshake_without_end_is_cut_off() {
    let longest = u32::MAX.to_be_bytes();
    // A message longer than any may be; the longest that may be, a byte a record; and records that say nothing.
    let variants = [
        (handshake_record(&[2, longest[1], longest[2], longest[3]]), handshake_record(&[0; 4096])),
        (handshake_record(&[2, 0, 0xff, 0xff]), handshake_record(&[0])),
        (handshake_record(&[2, 0, 0xff, 0xff]), [0x14, 3, 3, 0, 1, 1].to_vec()),
    ];
    // What a run takes whose handshakes fail in the same number, and at once.
    let (brief, ..) = fails_as(|tcp| {
        read_hello(tcp);
        let _ = tcp.write_all(&[0; 64]).and_then(|()| wait_for_the_end(tcp));
    });
    let ordinary = brief.client.peak_rss_bytes;
    for (nth, (first, again)) in variants.into_iter().enumerate() {
        let endured = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&endured);
        let (document, kind, detail) = fails_as(move |tcp| flood(tcp, &first, &again, &counter));
        assert_eq!(kind, FailureKind::TlsProtocol, "variant {nth}: {detail}");
        assert_eq!(endured.load(Ordering::Relaxed), 0, "variant {nth}: {FLOOD} bytes were taken");
        let more = document.client.peak_rss_bytes.zip(ordinary).map(|(flooded, other)| flooded.saturating_sub(other));
        assert!(more.is_some_and(|more| more < 4 << 20), "variant {nth}: {more:?} bytes of memory more");
    }
}

/// A ServerHello of TLS 1.2 that picks a suite nobody offered: TLS_RSA_WITH_AES_128_CBC_SHA.
fn hello_with_another_suite() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    // No session, the suite, no compression, and as extension that renegotiation is secure (RFC 5746).
    body.extend([0, 0x00, 0x2f, 0, 0, 5, 0xff, 0x01, 0, 1, 0]);
    handshake_record(&[&[2, 0, 0, body.len() as u8][..], &body].concat())
}

#[test]
fn a_suite_that_was_not_offered_is_negotiated_other() {
    let (_, kind, detail) = fails_as(|tcp| {
        read_hello(tcp);
        let _ = tcp.write_all(&hello_with_another_suite()).and_then(|()| wait_for_the_end(tcp));
    });
    assert_eq!((kind, detail.as_str()), (FailureKind::NegotiatedOther, "selected unoffered cipher suite"));
}

/// A way to `server` that hands on what it says in pieces of `piece` bytes, each by itself.
fn in_pieces(server: &Server, piece: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let behind = server.url().parse::<shakedown::model::target::HttpsUrl>().unwrap().endpoint.port;
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let mut upstream = TcpStream::connect(("127.0.0.1", behind)).unwrap();
            client.set_nodelay(true).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
            std::thread::spawn(move || {
                // Either end may go first.
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Both);
            });
            std::thread::spawn(move || {
                let (mut buffer, mut client) = (vec![0; piece], client);
                while let Ok(read @ 1..) = upstream.read(&mut buffer) {
                    if client.write_all(&buffer[..read]).is_err() {
                        break;
                    }
                    std::thread::sleep(Duration::from_micros(200));
                }
                let _ = client.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    port
}

#[test]
fn what_comes_in_pieces_is_put_together() {
    let _beside = beside_others();
    for (tls, piece) in [("1.2", 1), ("1.3", 1), ("1.2", 97), ("1.3", 97)] {
        let server = Server::start(|_| Answer::ok());
        let url = format!("https://127.0.0.1:{}/", in_pieces(&server, piece));
        let document =
            start_at(binary(), &url, &server.ca(), &[&TWENTY[..], &["--tls", tls]].concat()).wait().document();
        assert_only_noise(&document);
        check_identities(&document);
        let counts = &document.counts;
        assert_eq!((counts.succeeded, counts.failed), (20, 0), "TLS {tls}: {:?}", document.failure_details);
        assert_eq!((server.seen(), document.connections.opened), (20, 20), "TLS {tls} by {piece}");
    }
}
