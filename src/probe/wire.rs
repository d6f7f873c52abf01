//! One connection: a hello out, an answer back, within a time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::model::survey::Trouble;

use super::flight::{Flight, Reader};

/// How often a read looks whether it has been stopped.
const GLANCE: Duration = Duration::from_millis(100);

/// The alert close_notify in the clear: the end of a handshake that nobody goes on with.
const CLOSE_NOTIFY: [u8; 2] = [1, 0];

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// A hello, and what followed it.
    Hello(Box<Flight>),
    /// A fatal alert.
    Alert(u8),
    /// The end, without a word.
    Closed,
    /// Neither.
    Trouble(Trouble),
}

/// Connects, until `deadline`.
pub(super) fn connect(address: SocketAddr, deadline: Instant) -> Result<TcpStream, Trouble> {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let socket = TcpStream::connect_timeout(&address, left).map_err(|error| match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Trouble::Connect("no answer in time".to_owned()),
        ErrorKind::ConnectionRefused => Trouble::Connect("connection refused".to_owned()),
        ErrorKind::ConnectionReset => Trouble::Reset,
        _ => Trouble::Connect(error.to_string()),
    })?;
    // Where it cannot be set the hello leaves a moment later.
    let _ = socket.set_nodelay(true);
    Ok(socket)
}

/// Sends `hello` and reads the answer until nothing more is to be had in the clear, `deadline` or `stop`.
pub(super) fn exchange(address: SocketAddr, hello: &[u8], deadline: Instant, stop: &dyn Fn() -> bool) -> Reply {
    let mut socket = match connect(address, deadline) {
        Ok(socket) => socket,
        Err(trouble) => return Reply::Trouble(trouble),
    };
    let mut reader = Reader::default();
    let end = write(&mut socket, hello, deadline).and_then(|()| read(&mut socket, &mut reader, deadline, stop));
    let version = hello.get(1..3).unwrap_or(&[3, 1]);
    let bye = [&[21], version, &[0, 2], &CLOSE_NOTIFY].concat();
    // Who has gone need not be told.
    let _ = socket.write(&bye);
    let _ = socket.shutdown(Shutdown::Both);
    reply(reader, end)
}

/// How reading ended, where it ended by itself.
enum End {
    /// All is there.
    Whole,
    /// The server closed.
    Eof,
}

fn write(socket: &mut TcpStream, hello: &[u8], deadline: Instant) -> Result<(), Trouble> {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    socket.set_write_timeout(Some(left)).and_then(|()| socket.write_all(hello)).or_else(|error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(Trouble::Timeout),
        // A server that refuses at once may have closed already: what it said is still to be read.
        _ => Ok(()),
    })
}

fn read(
    socket: &mut TcpStream,
    reader: &mut Reader,
    deadline: Instant,
    stop: &dyn Fn() -> bool,
) -> Result<End, Trouble> {
    let mut buffer = [0; 4096];
    loop {
        if stop() {
            return Err(Trouble::Interrupted);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Trouble::Timeout);
        }
        let _ = socket.set_read_timeout(Some(left.min(GLANCE)));
        match socket.read(&mut buffer) {
            Ok(0) => return Ok(End::Eof),
            Ok(count) => match reader.feed(&buffer[..count]) {
                Ok(false) => {}
                Ok(true) => return Ok(End::Whole),
                Err(garbage) => return Err(Trouble::Garbage(garbage.to_string())),
            },
            Err(error) if again(&error) => {}
            Err(_) => return Err(Trouble::Reset),
        }
    }
}

/// Whether a read that failed so may be tried again.
pub(super) fn again(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// A hello counts however the answer ended after it: the server had chosen.
fn reply(reader: Reader, end: Result<End, Trouble>) -> Reply {
    if reader.flight().hello.is_some() {
        return Reply::Hello(Box::new(reader.into_flight()));
    }
    match (end, reader.flight().alert) {
        (_, Some(alert)) => Reply::Alert(alert),
        (Ok(_), None) if reader.is_silent() => Reply::Closed,
        // It closed in the middle of an answer.
        (Ok(_), None) => Reply::Trouble(Trouble::Reset),
        (Err(trouble), None) => Reply::Trouble(trouble),
    }
}
