//! From a name to sockets: resolution, the choice of addresses, non-blocking connects, and what their errors mean.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream as BlockingStream, ToSocketAddrs};
use std::time::Duration;

use mio::net::TcpStream;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};

use crate::model::failure::{Failure, FailureKind};
use crate::model::target::{Host, Target};

/// The addresses of a target, and those that were left out because they did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// Used in turn; never empty.
    pub used: Vec<SocketAddr>,
    /// Left out, and why.
    pub dropped: Vec<(SocketAddr, Failure)>,
}

impl Addresses {
    /// Looks up the target's name. Where it has several addresses, each is tried with one TCP connection, and those that do not answer
    /// are left out; if none does, all are kept, so that the run itself says why.
    ///
    /// # Errors
    /// Those of [`Addresses::look_up`].
    pub fn resolve(target: &Target, connect_timeout: Duration) -> Result<Self, Failure> {
        let found = Self::look_up(target)?;
        Ok(if found.len() == 1 {
            Self { used: found, dropped: Vec::new() }
        } else {
            Self::try_all(found, connect_timeout)
        })
    }

    /// The addresses of the target's name, those that a run would try; nothing is sent to them.
    ///
    /// # Errors
    /// [`FailureKind::Resolve`] with the reason, when there is no address of the wanted family.
    pub fn look_up(target: &Target) -> Result<Vec<SocketAddr>, Failure> {
        let endpoint = target.dial();
        let mut found: Vec<SocketAddr> = match &endpoint.host {
            Host::Ip(ip) => vec![SocketAddr::new(*ip, endpoint.port)],
            Host::Name(name) => (name.as_str(), endpoint.port)
                .to_socket_addrs()
                .map_err(|error| Failure::new(FailureKind::Resolve, format!("{name}: {error}")))?
                .collect(),
        };
        let mut seen = std::collections::HashSet::new();
        found.retain(|address| target.family.admits(address.ip()) && seen.insert(*address));
        if let Some(first) = target.source_ips.first() {
            found.retain(|address| address.is_ipv4() == first.is_ipv4());
        }
        if found.is_empty() {
            let detail = format!("{} has no address of the family that was asked for", endpoint.host);
            return Err(Failure::new(FailureKind::Resolve, detail));
        }
        Ok(found)
    }

    fn try_all(found: Vec<SocketAddr>, connect_timeout: Duration) -> Self {
        let mut used = Vec::new();
        let mut dropped = Vec::new();
        for address in &found {
            match BlockingStream::connect_timeout(address, connect_timeout) {
                Ok(_) => used.push(*address),
                Err(error) => dropped.push((*address, connect_failure(&error))),
            }
        }
        if used.is_empty() { Self { used: found, dropped: Vec::new() } } else { Self { used, dropped } }
    }
}

/// Begins a connect to `address`, from `source` where one is given. The socket is non-blocking and sends small segments at once.
pub(super) fn dial(address: SocketAddr, source: Option<IpAddr>) -> Result<TcpStream, Failure> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let begin = || -> io::Result<TcpStream> {
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        if let Some(source) = source {
            rustix::net::bind(&socket, &SocketAddr::new(source, 0))?;
        }
        match rustix::net::connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from_std(BlockingStream::from(socket))),
            Err(error) => Err(error.into()),
        }
    };
    begin().map_err(|error| connect_failure(&error))
}

/// Makes the close of `stream` a reset, which frees the port at once.
pub(super) fn close_by_reset(stream: &TcpStream) {
    // A socket that is already dead cannot take the option, and needs it no more.
    let _ = sockopt::set_socket_linger(stream, Some(Duration::ZERO));
}

/// What an error of `connect` means.
pub(super) fn connect_failure(error: &io::Error) -> Failure {
    use io::ErrorKind as E;
    match Errno::from_io_error(error) {
        Some(Errno::MFILE | Errno::NFILE) => return FailureKind::LocalDescriptors.into(),
        Some(Errno::ADDRNOTAVAIL | Errno::ADDRINUSE | Errno::AGAIN) => return FailureKind::LocalPorts.into(),
        _ => {}
    }
    match error.kind() {
        E::ConnectionRefused => FailureKind::ConnectRefused.into(),
        E::TimedOut | E::WouldBlock => FailureKind::ConnectTimeout.into(),
        E::ConnectionReset | E::BrokenPipe | E::ConnectionAborted => FailureKind::Reset.into(),
        _ => Failure::new(FailureKind::ConnectUnreachable, error.to_string()),
    }
}

/// What an error of `read` or `write` on an established connection means.
pub(super) fn io_failure(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            FailureKind::Reset.into()
        }
        io::ErrorKind::TimedOut => Failure::new(FailureKind::Timeout, "the network gave up"),
        _ => Failure::new(FailureKind::Reset, error.to_string()),
    }
}
