//! Answers made byte by byte: whole, cut, damaged, and not TLS at all.

use proptest::prelude::*;

use super::*;

/// A record of this type.
fn record(kind: u8, fragment: &[u8]) -> Vec<u8> {
    let length = u16::try_from(fragment.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3], &length[..], fragment].concat()
}

/// A handshake message.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], &u32::try_from(body.len()).unwrap().to_be_bytes()[1..], body].concat()
}

fn hello_body(version: [u8; 2], random: &[u8; 32], suite: [u8; 2], extensions: &[u8]) -> Vec<u8> {
    let mut body = [&version[..], random, &[0], &suite, &[0]].concat();
    if !extensions.is_empty() {
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
    }
    body
}

/// A whole flight of TLS 1.2, as handshake messages.
fn flight_12() -> Vec<u8> {
    let extensions = [0xff, 1, 0, 1, 0, 0, 16, 0, 5, 0, 3, 2, b'h', b'2'];
    let hello = message(2, &hello_body([3, 3], &[7; 32], [0xc0, 0x2f], &extensions));
    let certificate = message(11, &[0, 0, 9, 0, 0, 2, 0x30, 0, 0, 0, 1, 0x31]);
    let status = message(22, &[1, 0, 0, 3, 1, 2, 3]);
    let exchange = message(12, &[3, 0, 0x19, 1, 4]);
    [hello, certificate, status, exchange, message(14, &[])].concat()
}

fn read(bytes: &[u8]) -> (Result<bool, Garbage>, Flight) {
    let mut reader = Reader::default();
    let end = reader.feed(bytes);
    (end, reader.into_flight())
}

#[test]
fn a_flight_is_read_however_it_is_packed() {
    let messages = flight_12();
    let (end, whole) = read(&record(22, &messages));
    assert_eq!(end, Ok(true));
    let hello = whole.hello.as_ref().unwrap();
    assert_eq!((hello.version, hello.suite, hello.retry), (0x0303, 0xc02f, false));
    assert_eq!(hello.extensions, [0xff01, 16]);
    assert_eq!(hello.alpn.as_deref(), Some(&b"h2"[..]));
    assert_eq!(whole.certificates, [vec![0x30, 0], vec![0x31]]);
    assert_eq!(whole.staple, Some(vec![1, 2, 3]));
    assert_eq!(whole.agreement(true), Some(Agreement::Group(0x19)));
    for size in [1, 3, 50] {
        let pieces: Vec<u8> = messages.chunks(size).flat_map(|piece| record(22, piece)).collect();
        assert_eq!(read(&pieces), (Ok(true), whole.clone()));
    }
}

#[test]
fn tls_1_3_ends_with_its_hello() {
    let extensions = [0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 0x19];
    let retry = hello_body([3, 3], &RETRY, [0x13, 2], &extensions);
    let (end, flight) = read(&[record(22, &message(2, &retry)), record(23, &[9; 40])].concat());
    let hello = flight.hello.unwrap();
    assert_eq!(end, Ok(true));
    assert_eq!((hello.version, hello.suite, hello.retry, hello.group), (0x0304, 0x1302, true, Some(0x19)));
}

#[test]
fn alerts_end_an_answer_and_warnings_do_not() {
    assert_eq!(read(&record(21, &[2, 40])).1.alert, Some(40));
    assert_eq!(read(&record(21, &[1, 0])).1.alert, Some(0));
    let mut reader = Reader::default();
    assert_eq!(reader.feed(&record(21, &[1, 112])), Ok(false));
    assert!(reader.is_silent());
    assert_eq!(reader.feed(&record(22, &flight_12())), Ok(true));
    assert!(reader.flight().hello.is_some() && reader.flight().alert.is_none());
    assert!(read(&record(21, &[2])).0.is_err());
}

#[test]
fn what_is_not_tls_is_named() {
    let hint = |bytes: &[u8]| read(bytes).0.unwrap_err().to_string();
    assert!(hint(b"HTTP/1.1 400 Bad Request\r\n\r\n").contains("HTTP"));
    assert!(hint(b"<html>").contains("HTTP"));
    assert!(hint(b"SSH-2.0-x\r\n").contains("SSH"));
    assert!(hint(b"220 mail ready\r\n").contains("mail"));
    assert!(hint(&[0x80, 3, 4, 0, 1, 0]).contains("not TLS") || hint(&[0x80, 3, 4, 0, 1, 0]).contains("SSL 2"));
    assert!(hint(&record(23, b"x")).contains("before a hello"));
    assert!(hint(&[22, 3, 3, 0xff, 0xff]).contains("65535"));
    assert!(hint(&record(22, &[2, 0xff, 0xff, 0xff])).contains("bytes"));
    assert!(hint(&record(22, &message(2, &[3, 3, 1]))).contains("ServerHello"));
    assert!(hint(&record(22, &message(11, &[0, 0, 0]))).contains("before a hello"));
}

#[test]
fn an_answer_without_end_is_given_up() {
    let mut reader = Reader::default();
    let warnings = record(21, &[1, 90]).repeat(1000);
    let fed = (0..100).find_map(|_| reader.feed(&warnings).err());
    assert_eq!(fed, Some(Garbage("an answer without end".to_owned())));
}

#[test]
fn the_prime_of_a_key_exchange_has_no_leading_zeros() {
    let exchange = message(12, &[0, 3, 0, 0xff, 1, 0, 1, 2]);
    let hello = message(2, &hello_body([3, 1], &[7; 32], [0, 0x33], &[]));
    let (_, flight) = read(&record(22, &[hello, exchange].concat()));
    assert_eq!(flight.agreement(false), Some(Agreement::Prime(vec![0xff, 1])));
    assert_eq!(flight.agreement(true), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_alike_however_they_are_cut(
        start in prop_oneof![Just(0usize), 0usize..200],
        damage in proptest::collection::vec((0usize..200, any::<u8>()), 0..4),
        noise in proptest::collection::vec(any::<u8>(), 0..100),
        cut in 1usize..40,
    ) {
        let mut bytes = record(22, &flight_12());
        for (at, byte) in damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        bytes.drain(..start.min(bytes.len()));
        bytes.extend(noise);
        let (end, whole) = read(&bytes);
        let mut reader = Reader::default();
        let mut last = Ok(false);
        for piece in bytes.chunks(cut) {
            last = reader.feed(piece);
        }
        if !bytes.is_empty() {
            prop_assert_eq!(last, end);
        }
        prop_assert_eq!(reader.into_flight(), whole);
    }
}
