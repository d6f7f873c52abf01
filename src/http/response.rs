//! Responses of HTTP/1.1 and 1.0, read from plaintext as it comes: where each ends, and what it says of the connection.
//!
//! The rules are those of RFC 9112, 6.3; where it leaves a choice, the one is taken that cannot mistake one response's
//! bytes for another's:
//! - Content-Length with Transfer-Encoding is an error, as are Content-Length values that differ; equal ones are one.
//! - Transfer-Encoding in HTTP/1.0 is an error. A coding other than chunked ends with the stream.
//! - HEAD, 204 and 304 have no content, whatever their headers say.
//! - Interim responses (1xx) are passed over, 101 is an error.
//! - Heads may have bare LFs, and empty lines before them, as the `httparse` crate allows; chunked framing may not.

use super::chunked::ChunkReader;
use super::error::{EndError, HttpError};
use super::head::{self, Framing};

/// The largest head, in bytes, with its empty line; also the bound of a body's trailers.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The most headers in one head.
pub const MAX_HEADERS: usize = 100;

/// The most interim responses (1xx) before a final one.
pub const MAX_INTERIM: u8 = 32;

/// The longest line of a chunk, in bytes: size, extensions, CR LF.
pub const MAX_CHUNK_LINE: u32 = 4096;

/// How much is copied at a time behind the part of a head that came earlier, in bytes. What follows the head in the
/// same read is copied with it, so this keeps the buffer, which stays with the connection, near the head's size.
const HEAD_STEP: usize = 2048;

/// A complete response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// The status of the final response, 200 to 999.
    pub status: u16,
    /// Whether the connection may carry another request, as far as the response says.
    pub reusable: bool,
    /// The content's length in bytes, without chunked framing.
    pub body_bytes: u64,
}

/// What is known after some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The response goes on.
    NeedMore,
    /// The response is complete.
    Complete(Response),
}

/// Where in a response the next byte is.
#[derive(Debug)]
enum State {
    /// Behind it: none is awaited.
    Idle,
    /// In the head, or before it.
    Head,
    /// In content with so many bytes left, at least one.
    Length(u64),
    /// In content with the chunked coding.
    Chunked(ChunkReader),
    /// In content that ends with the stream.
    UntilClose,
    /// Behind an error, which stays.
    Failed(HttpError),
}

/// Reads the responses of one connection, one after another.
///
/// It allocates only where a head is split over reads, and keeps that buffer for the connection's next responses.
#[derive(Debug)]
pub struct ResponseReader {
    state: State,
    /// The part of a head that came so far; empty when none did.
    head: Vec<u8>,
    /// Content so far, in bytes.
    body_bytes: u64,
    /// The final response's status.
    status: u16,
    /// Whether the connection may carry another request.
    reusable: bool,
    /// The request was HEAD.
    head_only: bool,
    /// Interim responses so far.
    interim: u8,
}

impl ResponseReader {
    /// A reader that awaits no response yet.
    pub fn new() -> Self {
        let (head, state) = (Vec::new(), State::Idle);
        Self { state, head, body_bytes: 0, status: 0, reusable: false, head_only: false, interim: 0 }
    }

    /// Starts a new response; `head_only`: the request was HEAD. What was known of an earlier one is dropped.
    pub fn begin(&mut self, head_only: bool) {
        let Self { state, head, body_bytes, status, reusable, head_only: only, interim } = self;
        *state = State::Head;
        head.clear();
        (*body_bytes, *status, *reusable, *only, *interim) = (0, 0, false, head_only, 0);
    }

    /// Consumes plaintext. Returns how many bytes were consumed, and what is known.
    ///
    /// With [`Progress::NeedMore`] all were consumed. With [`Progress::Complete`] fewer may have been: the rest is the
    /// next response's where requests are pipelined, and otherwise nothing that was asked for; the caller decides, and
    /// should not reuse the connection then, whatever [`Response::reusable`] says.
    ///
    /// # Errors
    ///
    /// The first error of a response stays until [`ResponseReader::begin`]. Bytes without a response begun, or after
    /// a complete one, are [`HttpError::Unasked`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(usize, Progress), HttpError> {
        let mut used = 0;
        while used < bytes.len() {
            match self.advance(&bytes[used..]) {
                Ok((n, Progress::NeedMore)) => used += n,
                Ok((n, complete)) => return Ok((used + n, complete)),
                Err(error) => {
                    self.state = State::Failed(error);
                    return Err(error);
                }
            }
        }
        Ok((used, Progress::NeedMore))
    }

    /// The stream ended; `clean`: with close_notify. The reader awaits nothing from then on.
    ///
    /// # Errors
    ///
    /// [`EndError::NothingReceived`] if no byte of the response came, or none was begun; [`EndError::Truncated`] if
    /// the response is incomplete, which without close_notify includes content that ends with the stream.
    pub fn end(&mut self, clean: bool) -> Result<Response, EndError> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::UntilClose if clean => Ok(self.response()),
            State::Idle => Err(EndError::NothingReceived),
            State::Head if self.head.is_empty() && self.interim == 0 => Err(EndError::NothingReceived),
            State::Head | State::Length(_) | State::Chunked(_) | State::UntilClose | State::Failed(_) => {
                Err(EndError::Truncated)
            }
        }
    }

    /// Consumes at least one of `bytes`, of which there is at least one, within one state.
    fn advance(&mut self, bytes: &[u8]) -> Result<(usize, Progress), HttpError> {
        match &mut self.state {
            State::Head => self.advance_head(bytes),
            State::Length(left) => {
                let skipped = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= skipped as u64;
                let done = *left == 0;
                self.body_bytes += skipped as u64;
                Ok((skipped, if done { self.complete() } else { Progress::NeedMore }))
            }
            State::Chunked(chunks) => {
                let read = chunks.push(bytes)?;
                self.body_bytes += read.content;
                Ok((read.used, if read.done { self.complete() } else { Progress::NeedMore }))
            }
            State::UntilClose => {
                self.body_bytes += bytes.len() as u64;
                Ok((bytes.len(), Progress::NeedMore))
            }
            State::Idle => Err(HttpError::Unasked),
            State::Failed(error) => Err(*error),
        }
    }

    /// Consumes what belongs to the head: parsed in place where it is complete in `bytes`, else gathered.
    ///
    /// A head in many pieces is parsed from its start with each; [`MAX_HEAD_BYTES`] bounds what that costs. So errors
    /// show with the byte that makes them, however the bytes are split.
    fn advance_head(&mut self, bytes: &[u8]) -> Result<(usize, Progress), HttpError> {
        let before = self.head.len();
        let room = MAX_HEAD_BYTES - before;
        let (piece, parsed) = if before == 0 {
            let piece = &bytes[..bytes.len().min(room)];
            let parsed = head::parse(piece, self.head_only)?;
            if parsed.is_none() {
                self.head.extend_from_slice(piece);
            }
            (piece, parsed)
        } else {
            let piece = &bytes[..bytes.len().min(room).min(HEAD_STEP)];
            self.head.extend_from_slice(piece);
            (piece, head::parse(&self.head, self.head_only)?)
        };
        let Some(head) = parsed else {
            let full = self.head.len() == MAX_HEAD_BYTES;
            return if full { Err(HttpError::HeadTooLarge) } else { Ok((piece.len(), Progress::NeedMore)) };
        };
        self.head.clear();
        Ok((head.len - before, self.take_head(head)?))
    }

    /// Acts on a complete head.
    fn take_head(&mut self, head: head::Head) -> Result<Progress, HttpError> {
        match head.status {
            101 => return Err(HttpError::Upgrade),
            100..200 if self.interim == MAX_INTERIM => return Err(HttpError::TooManyInterim),
            100..200 => {
                self.interim += 1;
                return Ok(Progress::NeedMore);
            }
            _ => (self.status, self.reusable) = (head.status, head.reusable),
        }
        self.state = match head.framing {
            Framing::Empty => return Ok(self.complete()),
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunked(ChunkReader::new()),
            Framing::UntilClose => State::UntilClose,
        };
        Ok(Progress::NeedMore)
    }

    /// Ends the response.
    fn complete(&mut self) -> Progress {
        self.state = State::Idle;
        Progress::Complete(self.response())
    }

    /// What is known of the response.
    fn response(&self) -> Response {
        Response { status: self.status, reusable: self.reusable, body_bytes: self.body_bytes }
    }
}

impl Default for ResponseReader {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
