//! The chunked transfer coding (RFC 9112, 7.1): where a body's chunks, extensions and trailers end. Data is skipped.
//!
//! Lines must end in CR LF. Spaces after a size, which some servers pad with, and extensions are passed over; so are
//! trailers, once they look like fields.

use super::error::HttpError;
use super::response::{MAX_CHUNK_LINE, MAX_HEAD_BYTES};

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The first digit of a chunk's size.
    SizeStart,
    /// Further digits.
    Size,
    /// Spaces after the digits.
    SizePadding,
    /// Extensions, from the first `;` on.
    Extension,
    /// The LF that ends a chunk's line.
    LineLf,
    /// A chunk's data.
    Data,
    /// The CR after a chunk's data.
    DataCr,
    /// The LF after a chunk's data.
    DataLf,
    /// The first byte of a trailer, or the CR of the last line.
    TrailerStart,
    /// The rest of a trailer's name.
    TrailerName,
    /// A trailer's value.
    TrailerValue,
    /// The LF that ends a trailer.
    TrailerLf,
    /// The LF that ends the body.
    EndLf,
    /// Nothing: the body is complete.
    Done,
}

/// The state of one body in the chunked coding.
#[derive(Debug)]
pub(super) struct ChunkReader {
    step: Step,
    /// The length of the line so far, in bytes; once in the trailers, of all of them.
    line: u32,
    /// The size as read so far; within the data, the bytes that remain.
    size: u64,
}

/// What [`ChunkReader::push`] made of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkRead {
    /// Bytes consumed.
    pub(super) used: usize,
    /// Bytes of content among them.
    pub(super) content: u64,
    /// Whether the body is complete.
    pub(super) done: bool,
}

impl ChunkReader {
    /// At the start of a body.
    pub(super) fn new() -> Self {
        Self { step: Step::SizeStart, line: 0, size: 0 }
    }

    /// Consumes `bytes` up to the end of the body.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<ChunkRead, HttpError> {
        let (mut used, mut content) = (0, 0);
        while used < bytes.len() && self.step != Step::Done {
            if self.step == Step::Data {
                let skipped = usize::try_from(self.size).unwrap_or(usize::MAX).min(bytes.len() - used);
                used += skipped;
                content += skipped as u64;
                self.size -= skipped as u64;
                if self.size == 0 {
                    self.step = Step::DataCr;
                }
            } else {
                self.step = self.next(bytes[used])?;
                used += 1;
            }
        }
        Ok(ChunkRead { used, content, done: self.step == Step::Done })
    }

    /// The step after `byte`, which is not data.
    fn next(&mut self, byte: u8) -> Result<Step, HttpError> {
        match self.step {
            Step::SizeStart | Step::Size | Step::SizePadding | Step::Extension | Step::LineLf => {
                self.next_in_line(byte)
            }
            Step::DataCr if byte == b'\r' => Ok(Step::DataLf),
            Step::DataLf if byte == b'\n' => Ok(Step::SizeStart),
            Step::DataCr | Step::DataLf => Err(HttpError::ChunkEnd),
            Step::TrailerStart
            | Step::TrailerName
            | Step::TrailerValue
            | Step::TrailerLf
            | Step::EndLf
            | Step::Data
            | Step::Done => self.next_in_trailers(byte),
        }
    }

    /// The step after `byte` in a chunk's line: size, extensions, CR LF.
    fn next_in_line(&mut self, byte: u8) -> Result<Step, HttpError> {
        self.line += 1;
        if self.line > MAX_CHUNK_LINE {
            return Err(HttpError::ChunkLineTooLong);
        }
        match (self.step, byte) {
            (Step::LineLf, b'\n') => {
                self.line = 0;
                Ok(if self.size == 0 { Step::TrailerStart } else { Step::Data })
            }
            (Step::LineLf, _) => Err(HttpError::ChunkLine),
            (Step::Extension, b'\r') => Ok(Step::LineLf),
            (Step::Extension, _) if is_text(byte) => Ok(Step::Extension),
            (Step::Extension, _) => Err(HttpError::ChunkLine),
            (Step::SizeStart | Step::Size, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                self.size = self.size.checked_mul(16).ok_or(HttpError::ChunkSizeOverflow)? | u64::from(digit);
                Ok(Step::Size)
            }
            (Step::Size | Step::SizePadding, b' ' | b'\t') => Ok(Step::SizePadding),
            (Step::Size | Step::SizePadding, b';') => Ok(Step::Extension),
            (Step::Size | Step::SizePadding, b'\r') => Ok(Step::LineLf),
            (Step::Size | Step::SizePadding, b'\n') => Err(HttpError::ChunkLine),
            _ => Err(HttpError::ChunkSize),
        }
    }

    /// The step after `byte` behind the last chunk: fields, then an empty line.
    ///
    /// The names are checked because a body that lacks its empty line would otherwise swallow the next response's
    /// status line as a trailer.
    fn next_in_trailers(&mut self, byte: u8) -> Result<Step, HttpError> {
        self.line += 1;
        if self.line as usize > MAX_HEAD_BYTES {
            return Err(HttpError::TrailersTooLarge);
        }
        match (self.step, byte) {
            (Step::TrailerStart, b'\r') => Ok(Step::EndLf),
            (Step::EndLf, b'\n') => Ok(Step::Done),
            (Step::TrailerName, b':') => Ok(Step::TrailerValue),
            (Step::TrailerStart | Step::TrailerName, _) if is_token(byte) => Ok(Step::TrailerName),
            (Step::TrailerValue, b'\r') => Ok(Step::TrailerLf),
            (Step::TrailerValue, _) if is_text(byte) => Ok(Step::TrailerValue),
            (Step::TrailerLf, b'\n') => Ok(Step::TrailerStart),
            _ => Err(HttpError::Trailer),
        }
    }
}

/// A byte of a token (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A byte of a field's value: tab, space, visible ASCII, or above ASCII.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The content's length and the bytes consumed of a complete body.
    fn read(body: &[u8]) -> Result<(u64, usize), HttpError> {
        let read = ChunkReader::new().push(body)?;
        assert!(read.done, "incomplete");
        Ok((read.content, read.used))
    }

    #[test]
    fn bodies_end_where_they_should() {
        let table: [(&[u8], u64); 9] = [
            (b"0\r\n\r\n", 0),
            (b"5\r\nhello\r\n0\r\n\r\n", 5),
            (b"5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n", 11),
            (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", 20),
            (b"1 \t\r\n\r\r\n0\r\n\r\n", 1),
            (b"1;name=\"a;b\"\r\n\n\r\n0;last\r\n\r\n", 1),
            (b"1 ; name = value\r\nx\r\n0\r\n\r\n", 1),
            (b"00000000000000000000001\r\nx\r\n0\r\n\r\n", 1),
            (b"0\r\nX-Sum: 1\r\nX-Empty:\r\n\r\n", 0),
        ];
        for (body, content) in table {
            let with_successor = [body, b"HTTP/1.1 200"].concat();
            let text = String::from_utf8_lossy(body);
            assert_eq!(read(&with_successor), Ok((content, body.len())), "{text:?}");
        }
    }

    #[test]
    fn malformed_bodies_are_refused() {
        let table: [(&[u8], HttpError); 19] = [
            (b"\r\n", HttpError::ChunkSize),
            (b"x\r\n", HttpError::ChunkSize),
            (b" 1\r\n", HttpError::ChunkSize),
            (b"-1\r\n", HttpError::ChunkSize),
            (b"0x1\r\n", HttpError::ChunkSize),
            (b"1 1\r\n", HttpError::ChunkSize),
            (b";a\r\n", HttpError::ChunkSize),
            (b"10000000000000000\r\n", HttpError::ChunkSizeOverflow),
            (b"1\nx\r\n", HttpError::ChunkLine),
            (b"1\rx\r\n", HttpError::ChunkLine),
            (b"1;a\nx\r\n", HttpError::ChunkLine),
            (b"1;\0\r\n", HttpError::ChunkLine),
            (b"1\r\nxy\r\n", HttpError::ChunkEnd),
            (b"1\r\nx\n", HttpError::ChunkEnd),
            (b"1\r\nx\rx", HttpError::ChunkEnd),
            (b"0\r\n\n", HttpError::Trailer),
            (b"0\r\nno field\r\n", HttpError::Trailer),
            (b"0\r\nHTTP/1.1 200 OK\r\n", HttpError::Trailer),
            (b"0\r\nA: b\r\n folded\r\n", HttpError::Trailer),
        ];
        for (body, error) in table {
            assert_eq!(ChunkReader::new().push(body), Err(error), "{:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn sizes_go_up_to_64_bits() {
        let mut reader = ChunkReader::new();
        assert_eq!(reader.push(b"FfffFFFFffffffff\r\nxx"), Ok(ChunkRead { used: 20, content: 2, done: false }));
        assert_eq!(reader.size, u64::MAX - 2);
    }

    #[test]
    fn lines_and_trailers_are_bounded() {
        let padded = |zeros: usize| [vec![b'0'; zeros], b"\r\n\r\n".to_vec()].concat();
        let longest = MAX_CHUNK_LINE as usize - 2;
        assert_eq!(read(&padded(longest)), Ok((0, longest + 4)));
        assert_eq!(read(&padded(longest + 1)), Err(HttpError::ChunkLineTooLong));

        let trailer = |value: usize| [b"0\r\nX:", vec![b'v'; value].as_slice(), b"\r\n\r\n"].concat();
        let longest = MAX_HEAD_BYTES - "X:\r\n\r\n".len();
        assert_eq!(read(&trailer(longest)), Ok((0, longest + 9)));
        assert_eq!(read(&trailer(longest + 1)), Err(HttpError::TrailersTooLarge));
    }
}
