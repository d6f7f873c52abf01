//! The answers: a path and a method in, a response out, without copying or allocating what is the same every time.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::counters::Counters;

/// The most that `/bytes/N` answers with: 1 GiB.
pub const MAX_BYTES: u64 = 1 << 30;
/// The longest that `/delay/MS` waits, in milliseconds.
pub const MAX_DELAY_MS: u64 = 60_000;
/// The body of `/` and of `/delay/MS`, in bytes.
pub const SMALL_BYTES: u64 = 64;

/// What bodies are cut from: lines of 64 bytes. Four full records of TLS, so that a long body is written in large steps.
static BLOCK: [u8; 1 << 16] = {
    let line = b"shakedown endpoint: sixty-four bytes, the same in every line --\n";
    let mut block = [0; 1 << 16];
    let mut i = 0;
    while i < block.len() {
        block[i] = line[i % line.len()];
        i += 1;
    }
    block
};

/// A response's body: `remaining` bytes, repeated from `block`, counted as they leave.
#[derive(Debug)]
pub(super) struct Payload {
    block: Bytes,
    remaining: u64,
    counters: Arc<Counters>,
}

impl Payload {
    fn of_block(counters: &Arc<Counters>, remaining: u64) -> Self {
        Self { block: Bytes::from_static(&BLOCK), remaining, counters: Arc::clone(counters) }
    }

    fn text(counters: &Arc<Counters>, text: String) -> Self {
        Self { remaining: text.len() as u64, block: Bytes::from(text), counters: Arc::clone(counters) }
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        if self.remaining == 0 {
            self.counters.responses.fetch_add(1, Relaxed);
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let length = self.remaining.min(self.block.len() as u64);
        self.remaining -= length;
        self.counters.bytes_out.fetch_add(length, Relaxed);
        Poll::Ready(Some(Ok(Frame::data(self.block.slice(..length as usize)))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    /// This many bytes, after this wait.
    Answer(u64, Duration),
    Sink,
    BadNumber,
    Unknown,
}

fn route(path: &str) -> Route {
    if path == "/" {
        Route::Answer(SMALL_BYTES, Duration::ZERO)
    } else if let Some(number) = path.strip_prefix("/bytes/") {
        parse(number, MAX_BYTES).map_or(Route::BadNumber, |bytes| Route::Answer(bytes, Duration::ZERO))
    } else if let Some(number) = path.strip_prefix("/delay/") {
        parse(number, MAX_DELAY_MS).map_or(Route::BadNumber, |ms| Route::Answer(SMALL_BYTES, Duration::from_millis(ms)))
    } else if path == "/sink" {
        Route::Sink
    } else {
        Route::Unknown
    }
}

/// A number of digits only, at most `limit`.
fn parse(number: &str, limit: u64) -> Option<u64> {
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|number| digits && *number <= limit)
}

/// Answers one request, which it counts first.
///
/// # Errors
/// When the request's body breaks off: the connection then ends without an answer.
pub(super) async fn answer(
    counters: Arc<Counters>,
    request: Request<Incoming>,
) -> Result<Response<Payload>, hyper::Error> {
    counters.requests.fetch_add(1, Relaxed);
    let head = request.method() == Method::HEAD;
    let get = head || request.method() == Method::GET;
    Ok(match route(request.uri().path()) {
        Route::Answer(bytes, wait) if get => {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            if head { head_only(&counters, bytes) } else { body(Payload::of_block(&counters, bytes)) }
        }
        Route::Sink if request.method() == Method::POST => {
            let received = drain(&counters, request.into_body()).await?;
            body(Payload::text(&counters, received.to_string()))
        }
        Route::Answer(..) => refuse(&counters, StatusCode::METHOD_NOT_ALLOWED, Some("GET, HEAD")),
        Route::Sink => refuse(&counters, StatusCode::METHOD_NOT_ALLOWED, Some("POST")),
        Route::BadNumber => refuse(&counters, StatusCode::BAD_REQUEST, None),
        Route::Unknown => refuse(&counters, StatusCode::NOT_FOUND, None),
    })
}

/// Reads a body to its end and returns its length in bytes.
async fn drain(counters: &Counters, mut body: Incoming) -> Result<u64, hyper::Error> {
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            received += data.len() as u64;
            counters.bytes_in.fetch_add(data.len() as u64, Relaxed);
        }
    }
    Ok(received)
}

/// 200 with `payload`; hyper writes the length that the payload knows.
fn body(payload: Payload) -> Response<Payload> {
    let mut response = Response::new(payload);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// What `GET` would answer, without the body: its length is said, not sent.
fn head_only(counters: &Arc<Counters>, bytes: u64) -> Response<Payload> {
    let mut response = body(Payload::of_block(counters, 0));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    response
}

fn refuse(counters: &Arc<Counters>, status: StatusCode, allow: Option<&'static str>) -> Response<Payload> {
    let mut response = Response::new(Payload::of_block(counters, 0));
    *response.status_mut() = status;
    if let Some(methods) = allow {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_the_table_says() {
        let small = |ms| Route::Answer(64, Duration::from_millis(ms));
        for (path, expected) in [
            ("/", small(0)),
            ("/bytes/0", Route::Answer(0, Duration::ZERO)),
            ("/bytes/1073741824", Route::Answer(MAX_BYTES, Duration::ZERO)),
            ("/bytes/1073741825", Route::BadNumber),
            ("/bytes/", Route::BadNumber),
            ("/bytes/+1", Route::BadNumber),
            ("/bytes/99999999999999999999", Route::BadNumber),
            ("/bytes/1/2", Route::BadNumber),
            ("/delay/60000", small(60_000)),
            ("/delay/60001", Route::BadNumber),
            ("/delay/-1", Route::BadNumber),
            ("/sink", Route::Sink),
            ("/sink/", Route::Unknown),
            ("/byte/1", Route::Unknown),
        ] {
            assert_eq!(route(path), expected, "{path}");
        }
    }

    #[test]
    fn a_body_is_cut_from_the_block_and_counted_to_the_byte() {
        let counters = Arc::new(Counters::default());
        let mut payload = Payload::of_block(&counters, 100_000);
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut sizes = Vec::new();
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut payload).poll_frame(&mut context) {
            sizes.push(frame.data_ref().unwrap().len());
        }
        assert_eq!(sizes, [65_536, 34_464]);
        assert_eq!(counters.responses.load(Relaxed), 0, "counted when the connection lets go of it");
        drop(payload);
        drop(Payload::of_block(&counters, 1));
        assert_eq!((counters.responses.load(Relaxed), counters.bytes_out.load(Relaxed)), (1, 100_000));
    }
}
