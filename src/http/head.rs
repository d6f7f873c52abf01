//! A response's head: from the status line and the headers to how the content is framed (RFC 9112, 6.3).

use std::mem::MaybeUninit;

use super::error::HttpError;
use super::response::MAX_HEADERS;

/// How the end of the content is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is no content.
    Empty,
    /// So many bytes, at least one.
    Length(u64),
    /// By the chunked coding.
    Chunked,
    /// By the end of the stream.
    UntilClose,
}

/// What a head says that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The head's length in bytes, with the empty line.
    pub(super) len: usize,
    /// The status, 100 to 999.
    pub(super) status: u16,
    /// How the content is framed.
    pub(super) framing: Framing,
    /// Whether the connection may carry another request after the content.
    pub(super) reusable: bool,
}

/// Parses the head at the start of `bytes`; `None` if it is not complete there. `head_only`: the request was HEAD.
pub(super) fn parse(bytes: &[u8], head_only: bool) -> Result<Option<Head>, HttpError> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let status = config.parse_response_with_uninit_headers(&mut response, bytes, &mut headers);
    let httparse::Status::Complete(len) = status.map_err(of_httparse)? else {
        return Ok(None);
    };
    let status = response.code.filter(|code| *code >= 100).ok_or(HttpError::StatusLine)?;
    let http10 = response.version == Some(0);
    let fields = Fields::collect(response.headers);
    let framing = if head_only || status < 200 || status == 204 || status == 304 {
        // RFC 9112, 6.3, rule 1: whatever the headers say.
        Framing::Empty
    } else {
        fields.framing(http10)?
    };
    let kept = !fields.close && (!http10 || fields.keep_alive);
    Ok(Some(Head { len, status, framing, reusable: kept && framing != Framing::UntilClose }))
}

/// Our word for an error of the head's parser.
fn of_httparse(error: httparse::Error) -> HttpError {
    match error {
        httparse::Error::Version => HttpError::Version,
        httparse::Error::Status => HttpError::StatusLine,
        httparse::Error::TooManyHeaders => HttpError::TooManyHeaders,
        httparse::Error::HeaderName
        | httparse::Error::HeaderValue
        | httparse::Error::NewLine
        | httparse::Error::Token => HttpError::Header,
    }
}

/// The headers that decide on framing and reuse. Errors in them are kept until it is known that they matter.
#[derive(Debug, Default)]
struct Fields {
    /// Content-Length, all values together.
    length: Option<Result<u64, HttpError>>,
    /// Transfer-Encoding, all values together.
    encoding: Option<Encoding>,
    /// `Connection: close` was there.
    close: bool,
    /// `Connection: keep-alive` was there.
    keep_alive: bool,
}

/// What was read so far of the list of transfer codings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// No coding yet.
    Nothing,
    /// Codings, none of them `chunked`.
    Other,
    /// `chunked` is the last.
    Chunked,
    /// Not a list that can be trusted.
    Malformed,
}

impl Fields {
    fn collect(headers: &[httparse::Header<'_>]) -> Self {
        let mut fields = Self::default();
        for header in headers {
            if header.name.eq_ignore_ascii_case("content-length") {
                fields.length = Some(length(fields.length, header.value));
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                let before = fields.encoding.unwrap_or(Encoding::Nothing);
                fields.encoding = Some(elements(header.value).fold(before, Encoding::then));
            } else if header.name.eq_ignore_ascii_case("connection") {
                for option in elements(header.value) {
                    fields.close |= option.eq_ignore_ascii_case(b"close");
                    fields.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
        }
        fields
    }

    /// RFC 9112, 6.3, rules 3 to 8, for a response that may have content.
    fn framing(&self, http10: bool) -> Result<Framing, HttpError> {
        match (self.encoding, self.length) {
            (None, None) => Ok(Framing::UntilClose),
            (None, Some(length)) => length.map(|n| if n == 0 { Framing::Empty } else { Framing::Length(n) }),
            // The recipient may let chunked win; but who sends both has a bug, or an attacker, in the way.
            (Some(_), Some(_)) => Err(HttpError::LengthAndEncoding),
            (Some(_), None) if http10 => Err(HttpError::EncodingInHttp10),
            (Some(Encoding::Chunked), None) => Ok(Framing::Chunked),
            (Some(Encoding::Other), None) => Ok(Framing::UntilClose),
            (Some(Encoding::Nothing | Encoding::Malformed), None) => Err(HttpError::TransferEncoding),
        }
    }
}

impl Encoding {
    /// The list with one more coding.
    fn then(self, coding: &[u8]) -> Self {
        let name = coding.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        let chunked = name.eq_ignore_ascii_case(b"chunked");
        match self {
            // Nothing may follow `chunked`. A quoted parameter may hold a comma, and no server has use for one.
            Self::Malformed | Self::Chunked => Self::Malformed,
            _ if coding.contains(&b'"') || (chunked && name.len() < coding.len()) => Self::Malformed,
            _ if chunked => Self::Chunked,
            Self::Nothing | Self::Other => Self::Other,
        }
    }
}

/// The elements of a comma-separated list, without the empty ones (RFC 9110, 5.6.1).
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Content-Length with one more header: a decimal number or a list of equal ones, equal to those `before`.
fn length(before: Option<Result<u64, HttpError>>, value: &[u8]) -> Result<u64, HttpError> {
    let mut agreed = before.transpose()?;
    for element in value.split(|b| *b == b',') {
        let next = decimal(element.trim_ascii()).ok_or(HttpError::ContentLength)?;
        if agreed.is_some_and(|agreed| agreed != next) {
            return Err(HttpError::LengthsDiffer);
        }
        agreed = Some(next);
    }
    agreed.ok_or(HttpError::ContentLength)
}

/// A number of digits only: no sign, which `u64::from_str` would accept.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
