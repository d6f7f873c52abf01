//! A client's socket, which survives that the client goes away while the handshake is under way.
//!
//! A handshake is complete at the server once the client's Finished has been read. A client that wants no more than the handshake
//! may reset the connection in the same moment, and the server meets the reset when it reads on, or when it sends its session
//! tickets. tokio-rustls takes either for a failure of the handshake, and lets go of the session with what it knows. So until the
//! handshake is over, this socket shows a reset as the end of the stream, and lets what is sent to nobody vanish: rustls then sees
//! all that the client has sent, and its own state says whether the handshake was completed.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A socket in one of two phases: it forgives until [`Socket::begin_serving`], and then tells every error.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    handshaking: bool,
    /// How the connection broke during the handshake.
    broken: Option<io::Error>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, handshaking: true, broken: None }
    }

    /// How the connection broke during the handshake, if it did.
    pub(super) fn into_broken(self) -> Option<io::Error> {
        self.broken
    }

    /// Ends the handshake's phase.
    pub(super) fn begin_serving(&mut self) {
        self.handshaking = false;
    }

    /// `result`, or `instead` where it says during the handshake that the client has gone.
    fn forgive<T>(&mut self, result: Poll<io::Result<T>>, instead: T) -> Poll<io::Result<T>> {
        match result {
            Poll::Ready(Err(error)) if self.handshaking && has_gone(&error) => {
                self.broken.get_or_insert(error);
                Poll::Ready(Ok(instead))
            }
            other => other,
        }
    }
}

/// Whether the peer's end is no more. Nothing that is tried on such a socket ever waits.
fn has_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(context, buf);
        // Nothing was put into the buffer: the end of the stream.
        self.forgive(result, ())
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, buf);
        self.forgive(result, buf.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, bufs);
        self.forgive(result, bufs.iter().map(|buf| buf.len()).sum())
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
