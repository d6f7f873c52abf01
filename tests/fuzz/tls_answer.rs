//! A server's answer to a ClientHello, as the prober reads it: any bytes, in any pieces, and nothing that was not sent may come out.

use shakedown::probe::flight::{Agreement, Flight, Garbage, MAX_ANSWER, Reader};

fn read(pieces: impl Iterator<Item = impl AsRef<[u8]>>) -> (Result<bool, Garbage>, Flight) {
    let mut reader = Reader::default();
    let mut end = Ok(false);
    for piece in pieces {
        end = reader.feed(piece.as_ref());
    }
    (end, reader.into_flight())
}

/// The property: no panic, the same reading however the bytes are cut, and certificates and suites that stand in the bytes.
pub(crate) fn check(input: &[u8]) {
    let (end, flight) = read(std::iter::once(input));
    for size in [1, 3, 17] {
        let (cut_end, cut) = read(input.chunks(size));
        assert_eq!(cut, flight);
        assert!(input.is_empty() || cut_end == end);
    }
    if end == Ok(true) {
        assert!(flight.hello.is_some() || flight.alert.is_some());
    }
    let sent: usize = flight.certificates.iter().map(Vec::len).sum();
    assert!(sent <= input.len() && sent <= MAX_ANSWER);
    if let Some(hello) = &flight.hello {
        assert!(hello.extensions.len() * 4 <= input.len());
    } else {
        assert!(flight.certificates.is_empty() && flight.staple.is_none() && flight.key_exchange.is_none());
    }
    for elliptic in [false, true] {
        if let Some(Agreement::Prime(prime)) = flight.agreement(elliptic) {
            assert!(!elliptic && prime.first() != Some(&0) && prime.len() <= input.len());
        }
    }
}
