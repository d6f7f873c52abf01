//! Reading responses: no bytes may panic or stall the reader, and how they are split must not matter.
//!
//! The input's first byte holds two flags and a count, 0 to 63; so many bytes follow that say where to split; the rest
//! is the stream.

use shakedown::http::response::{Progress, Response, ResponseReader};
use shakedown::http::{EndError, HttpError};

/// How one stream was read: each complete response, then what ended it.
type Reading = (Vec<Response>, Result<Result<Response, EndError>, HttpError>);

/// Reads the stream in `pieces` as with pipelined requests.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>, head_only: bool, clean: bool) -> Reading {
    let mut reader = ResponseReader::new();
    let mut responses = Vec::new();
    reader.begin(head_only);
    for mut piece in pieces {
        while !piece.is_empty() {
            let used = match reader.push(piece) {
                Ok((used, Progress::NeedMore)) => {
                    assert_eq!(used, piece.len(), "bytes left without a word");
                    used
                }
                Ok((used, Progress::Complete(response))) => {
                    assert!(0 < used && used <= piece.len(), "no progress");
                    responses.push(response);
                    reader.begin(head_only);
                    used
                }
                Err(error) => {
                    assert_eq!(reader.push(piece), Err(error), "an error must stay");
                    return (responses, Err(error));
                }
            };
            piece = &piece[used..];
        }
    }
    (responses, Ok(reader.end(clean)))
}

/// `bytes` cut into pieces, whose lengths are the squares of `roots`, over and over: short ones, and some that reach
/// the bound of a head.
fn split<'a>(mut bytes: &'a [u8], roots: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut lengths = roots.iter().filter(|root| **root > 0).map(|root| usize::from(*root).pow(2)).cycle();
    std::iter::from_fn(move || {
        let length = lengths.next().unwrap_or(usize::MAX).min(bytes.len());
        let (piece, rest) = bytes.split_at(length);
        bytes = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The property.
pub(crate) fn check(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    let (head_only, clean) = (first & 1 != 0, first & 2 != 0);
    let (roots, stream) = rest.split_at(usize::from(first >> 2).min(rest.len()));
    let whole = read(std::iter::once(stream), head_only, clean);
    assert_eq!(read(split(stream, roots), head_only, clean), whole);
}
