//! Why bytes are not a response: short, distinct messages that never quote what the server sent.

/// How a response breaks HTTP/1.1, or goes beyond what is accepted of a server. The connection is of no further use.
///
/// Each message is fixed, so that failures can be counted by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The answer does not begin as HTTP/1.0 or HTTP/1.1 does.
    #[error("the answer is not HTTP/1.0 or HTTP/1.1")]
    Version,
    /// The status line is malformed, or its code is below 100.
    #[error("malformed status line")]
    StatusLine,
    /// A header's name, value or line end is malformed.
    #[error("malformed header")]
    Header,
    /// More than [`MAX_HEADERS`](super::response::MAX_HEADERS) headers.
    #[error("too many headers")]
    TooManyHeaders,
    /// A head longer than [`MAX_HEAD_BYTES`](super::response::MAX_HEAD_BYTES).
    #[error("the head is too large")]
    HeadTooLarge,
    /// 101 Switching Protocols, though no upgrade was asked for.
    #[error("101 without a request to upgrade")]
    Upgrade,
    /// More than [`MAX_INTERIM`](super::response::MAX_INTERIM) responses of class 1xx before the final one.
    #[error("too many interim responses")]
    TooManyInterim,
    /// A Content-Length that is not a decimal number of at most 64 bits.
    #[error("malformed content-length")]
    ContentLength,
    /// Several Content-Length values that differ.
    #[error("contradictory content-length values")]
    LengthsDiffer,
    /// Content-Length together with Transfer-Encoding.
    #[error("both content-length and transfer-encoding")]
    LengthAndEncoding,
    /// A Transfer-Encoding that is empty, holds parameters of `chunked` or quotes, or names `chunked` anywhere but last.
    #[error("malformed transfer-encoding")]
    TransferEncoding,
    /// A Transfer-Encoding in an HTTP/1.0 response.
    #[error("transfer-encoding in HTTP/1.0")]
    EncodingInHttp10,
    /// A chunk that does not start with a hexadecimal size.
    #[error("malformed chunk size")]
    ChunkSize,
    /// A chunk size of more than 64 bits.
    #[error("chunk size over 64 bits")]
    ChunkSizeOverflow,
    /// A chunk extension with a control character, or a chunk's line that does not end in CR LF.
    #[error("malformed chunk line")]
    ChunkLine,
    /// A chunk's line, size and extensions, longer than [`MAX_CHUNK_LINE`](super::response::MAX_CHUNK_LINE).
    #[error("the chunk line is too long")]
    ChunkLineTooLong,
    /// A chunk's data that is not followed by CR LF.
    #[error("chunk longer than its size")]
    ChunkEnd,
    /// A trailer field that is malformed.
    #[error("malformed trailer")]
    Trailer,
    /// Trailers longer than [`MAX_HEAD_BYTES`](super::response::MAX_HEAD_BYTES) in total.
    #[error("the trailers are too large")]
    TrailersTooLarge,
    /// Bytes though no response is awaited.
    #[error("bytes that no request asked for")]
    Unasked,
}

/// Why the end of the stream did not complete a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndError {
    /// The stream ended before the response's first byte: an idle connection that was closed, as far as can be told.
    #[error("closed before the answer began")]
    NothingReceived,
    /// The stream ended within the response, or without close_notify where its end is the end of the content.
    #[error("closed in the middle of the answer")]
    Truncated,
}
