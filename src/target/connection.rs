//! One connection from accept to close: the handshake, then HTTP/1.1 until either side ends it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::counters::{Counters, OpenConnection};
use super::service::answer;
use super::socket::Socket;
use crate::model::failure::{Failure, FailureKind};
use crate::tls::failure;

/// How long a client may take for its handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// What all connections of a thread share.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) acceptor: TlsAcceptor,
    pub(super) http: http1::Builder,
    pub(super) counters: Arc<Counters>,
    /// True once the server stops: idle connections then close, and others after the answer they are at.
    pub(super) stopping: watch::Receiver<bool>,
}

/// Serves one connection. Its end is not an error of the server, whoever caused it.
pub(super) async fn serve(stream: TcpStream, open: OpenConnection, mut context: Context) {
    let Some(tls) = handshake(stream, &mut context).await else { return };
    let counters = Arc::clone(&context.counters);
    let service = service_fn(move |request| answer(Arc::clone(&counters), request));
    let connection = context.http.serve_connection(TokioIo::new(tls), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        biased;
        _ = connection.as_mut() => true,
        _ = context.stopping.wait_for(|stopping| *stopping) => false,
    };
    if !ended {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
    drop(open);
}

/// Makes the TLS session and counts how it went.
async fn handshake(
    stream: TcpStream,
    Context { acceptor, counters, stopping, .. }: &mut Context,
) -> Option<TlsStream<Socket>> {
    let accept = acceptor.accept(Socket::new(stream)).into_fallible();
    let outcome = tokio::select! {
        biased;
        outcome = timeout(HANDSHAKE_TIMEOUT, accept) => outcome,
        // Not a failure: nobody waits for this session any more.
        _ = stopping.wait_for(|stopping| *stopping) => return None,
    };
    match outcome {
        Ok(Ok(mut tls)) => {
            counters.count_handshake(tls.get_ref().1);
            tls.get_mut().0.begin_serving();
            Some(tls)
        }
        Ok(Err((error, socket))) => {
            counters.count_failed(&cause(&error, socket.into_broken()).to_string());
            None
        }
        Err(_) => {
            counters.count_failed(FailureKind::Timeout.name());
            None
        }
    }
}

/// Why a handshake failed, without numbers or addresses that would make each one distinct: what rustls found wrong, or else how the
/// connection broke.
fn cause(error: &io::Error, broken: Option<io::Error>) -> Failure {
    use io::ErrorKind as E;
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return failure::classify_at_server(error);
    }
    match broken.map_or_else(|| error.kind(), |broken| broken.kind()) {
        E::ConnectionReset | E::BrokenPipe | E::ConnectionAborted => FailureKind::Reset.into(),
        E::UnexpectedEof => FailureKind::ClosedEarly.into(),
        E::TimedOut => FailureKind::Timeout.into(),
        other => Failure::new(FailureKind::Reset, other.to_string()),
    }
}
