//! What holds for every response and every way to split its bytes, checked on generated ones.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// How one stream of responses was read: each complete response, then what ended it.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    responses: Vec<Response>,
    end: Result<Result<Response, EndError>, HttpError>,
}

/// Reads a stream that comes in `pieces` as the engine would with pipelined requests, and ends cleanly or not.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, head_only: bool, clean: bool) -> Reading {
    let mut reader = ResponseReader::new();
    let mut responses = Vec::new();
    reader.begin(head_only);
    for mut piece in pieces {
        while !piece.is_empty() {
            match reader.push(piece) {
                Ok((used, Progress::NeedMore)) => {
                    assert_eq!(used, piece.len(), "bytes left without a word");
                    piece = &[];
                }
                Ok((used, Progress::Complete(response))) => {
                    assert!(0 < used && used <= piece.len(), "no progress");
                    responses.push(response);
                    piece = &piece[used..];
                    reader.begin(head_only);
                }
                Err(error) => return Reading { responses, end: Err(error) },
            }
        }
    }
    Reading { responses, end: Ok(reader.end(clean)) }
}

/// `bytes` cut into pieces of the lengths in `cuts`, over and over; a length of 0 gives an empty piece.
fn cut<'a>(mut bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in cuts.iter().cycle().take(if cuts.iter().all(|c| *c == 0) { 0 } else { usize::MAX }) {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at((*length).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

/// A response as bytes, and what should be read from it. One that ends with the stream has `ends_stream`.
#[derive(Debug, Clone)]
struct Sample {
    bytes: Vec<u8>,
    expected: Response,
    ends_stream: bool,
}

fn interim() -> impl Strategy<Value = String> {
    let one = prop_oneof![
        Just("HTTP/1.1 100 Continue\r\n\r\n"),
        Just("HTTP/1.1 102 Processing\r\nContent-Length: 7\r\n\r\n"),
        Just("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ];
    vec(one, 0..4).prop_map(|all| all.concat())
}

/// A body in the chunked coding, with sizes in either case, extensions and trailers.
fn chunked() -> impl Strategy<Value = (Vec<u8>, u64)> {
    let extension = prop_oneof![Just(""), Just(" ;a"), Just(";name=value"), Just(";q=\"1;2\""), Just("  ")];
    let chunk = (vec(any::<u8>(), 1..300), extension, 0_usize..4, any::<bool>());
    let trailers = prop_oneof![Just(""), Just("X-Sum: 0\r\n"), Just("A:\r\nB: c\r\n")];
    (vec(chunk, 0..6), trailers).prop_map(|(chunks, trailers)| {
        let (mut bytes, mut content) = (Vec::new(), 0);
        for (data, extension, zeros, upper) in chunks {
            let size = format!("{}{:x}", "0".repeat(zeros), data.len());
            let size = if upper { size.to_uppercase() } else { size };
            bytes.extend_from_slice(format!("{size}{extension}\r\n").as_bytes());
            bytes.extend_from_slice(&data);
            bytes.extend_from_slice(b"\r\n");
            content += data.len() as u64;
        }
        bytes.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
        (bytes, content)
    })
}

/// The framing's header, the body's bytes, the content's length, and whether it ends with the stream.
fn body() -> impl Strategy<Value = (String, Vec<u8>, u64, bool)> {
    let content = || vec(any::<u8>(), 0..3000);
    prop_oneof![
        content().prop_map(|b| (format!("Content-Length: {}\r\n", b.len()), b.clone(), b.len() as u64, false)),
        chunked().prop_map(|(b, content)| ("Transfer-Encoding: chunked\r\n".to_owned(), b, content, false)),
        content().prop_map(|b| (String::new(), b.clone(), b.len() as u64, true)),
    ]
}

fn sample() -> impl Strategy<Value = Sample> {
    let status = (200_u16..600).prop_filter("has content", |s| ![204, 304].contains(s));
    let headers = vec("X-[A-Za-z-]{0,12}: ?[ -~]{0,40}\r\n", 0..8).prop_map(|all| all.concat());
    (interim(), status, headers, body(), any::<bool>()).prop_map(|(interim, status, headers, body, close)| {
        let (framing, body, body_bytes, ends_stream) = body;
        let connection = if close { "Connection: close\r\n" } else { "" };
        let head = format!("{interim}HTTP/1.1 {status} Some Reason\r\n{headers}{framing}{connection}\r\n");
        let expected = Response { status, reusable: !close && !ends_stream, body_bytes };
        Sample { bytes: [head.as_bytes(), &body].concat(), expected, ends_stream }
    })
}

proptest! {
    /// Responses one behind the other are told apart, and read the same whole, in pieces and byte by byte.
    #[test]
    fn responses_are_read_the_same_however_split(
        samples in vec(sample(), 1..4),
        cuts in vec(0_usize..200, 0..20),
        clean: bool,
    ) {
        let last = samples.iter().position(|s| s.ends_stream).map_or(samples.len(), |i| i + 1);
        let samples = &samples[..last];
        let bytes: Vec<u8> = samples.iter().flat_map(|s| s.bytes.clone()).collect();

        let whole = read([&bytes[..]], false, clean);
        let mut expected: Vec<_> = samples.iter().map(|s| s.expected).collect();
        let end = match samples.last() {
            Some(last) if last.ends_stream => {
                expected.pop();
                if clean { Ok(last.expected) } else { Err(EndError::Truncated) }
            }
            _ => Err(EndError::NothingReceived),
        };
        prop_assert_eq!(&whole, &Reading { responses: expected, end: Ok(end) });
        prop_assert_eq!(&read(cut(&bytes, &cuts), false, clean), &whole);
        prop_assert_eq!(&read(bytes.chunks(1), false, clean), &whole);
    }

    /// A response cut short is never taken for a whole one.
    #[test]
    fn a_prefix_is_truncated(sample in sample(), at in any::<prop::sample::Index>()) {
        let prefix = &sample.bytes[..at.index(sample.bytes.len())];
        let reading = read([prefix], false, false);
        prop_assert_eq!(reading.responses, vec![]);
        let nothing = prefix.is_empty();
        prop_assert_eq!(reading.end, Ok(Err(if nothing { EndError::NothingReceived } else { EndError::Truncated })));
    }

    /// A response with some of its bytes changed never panics, and reads the same however it is split.
    #[test]
    fn damage_is_read_the_same_however_split(
        sample in sample(),
        damage in vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b',')]), 1..6),
        cuts in vec(0_usize..100, 0..10),
        head_only: bool,
        clean: bool,
    ) {
        let mut bytes = sample.bytes;
        for (index, value) in damage {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        let whole = read([&bytes[..]], head_only, clean);
        prop_assert_eq!(&read(cut(&bytes, &cuts), head_only, clean), &whole);
        prop_assert_eq!(&read(bytes.chunks(1), head_only, clean), &whole);
    }

    /// Arbitrary bytes, alone or behind something that starts well, never panic nor stall.
    #[test]
    fn arbitrary_bytes_are_read_the_same_however_split(
        start in prop_oneof![
            Just(""),
            Just("HTTP/1.1 "),
            Just("HTTP/1.1 200 OK\r\n"),
            Just("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Just("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"),
        ],
        rest in vec(any::<u8>(), 0..300),
        cuts in vec(0_usize..50, 0..10),
        clean: bool,
    ) {
        let bytes = [start.as_bytes(), &rest].concat();
        prop_assert_eq!(read(cut(&bytes, &cuts), false, clean), read([&bytes[..]], false, clean));
    }

    /// A head beyond the bound is refused however it comes, and nothing beyond the bound is kept.
    #[test]
    fn oversize_heads_are_refused(
        line in "[a-z]{1,20}: [ -~]{800,2000}\r\n",
        cuts in vec(1_usize..20_000, 0..10),
    ) {
        let bytes = format!("HTTP/1.1 200 OK\r\n{}", line.repeat(MAX_HEAD_BYTES / line.len() + 1));
        let refused = Reading { responses: vec![], end: Err(HttpError::HeadTooLarge) };
        prop_assert_eq!(read(cut(bytes.as_bytes(), &cuts), false, true), refused);
    }
}
