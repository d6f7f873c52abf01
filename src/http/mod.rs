//! HTTP/1.1 without I/O: requests are encoded once, before the run; responses are read from whatever bytes have come.
//!
//! Nothing here owns a socket, a buffer of the connection or a clock. The engine hands plaintext to
//! [`response::ResponseReader`] and learns when a response is complete, how much content it carried and whether the
//! connection may carry another request. A response's content is skipped, never kept.

mod chunked;
mod error;
mod head;
pub mod request;
pub mod response;

pub use error::{EndError, HttpError};
