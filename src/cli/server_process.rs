//! The server's process that `--server-pid` names: proved to be there, and read at the edges of each window.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::args::ServerArgs;
use super::exit::Failed;
use crate::engine::Addresses;
use crate::experiment::run::MeteredServer;
use crate::host::cputime;

/// A process whose CPU time can be read.
pub(super) struct ServerProcess {
    pid: u32,
    source: String,
    cpu: Box<dyn Fn() -> Option<Duration>>,
}

impl ServerProcess {
    /// The process that was named, if one was.
    pub(super) fn named(args: &ServerArgs) -> Result<Option<Self>, Failed> {
        let Some(pid) = args.server_pid else { return Ok(None) };
        cputime::process_tree_cpu(pid).map_err(|error| {
            Failed::usage(format!("--server-pid {pid}: the CPU time of this process cannot be read: {error}"))
        })?;
        let cpu = Box::new(move || cputime::process_tree_cpu(pid).ok());
        Ok(Some(Self { pid, source: format!("pid {pid}"), cpu }))
    }

    pub(super) fn metered(&self) -> MeteredServer<'_> {
        MeteredServer { cpu: &*self.cpu, resolution: cputime::tick(), source: &self.source }
    }

    /// Whether it is known to run on other cores than this process.
    fn is_apart(&self) -> bool {
        cputime::runs_on_other_cores(self.pid)
    }
}

/// Whether this process and what it loads are known not to share cores: on machines of their own, or bound to different ones.
pub(super) fn are_apart(addresses: &Addresses, server: Option<&ServerProcess>) -> bool {
    let local = || addresses.used.iter().any(|address| is_here(*address));
    server.map_or_else(|| !local(), ServerProcess::is_apart)
}

/// Whether the address is this machine's own: the kernel then answers from the very same. A UDP socket asks it, and sends nothing.
fn is_here(address: SocketAddr) -> bool {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let source =
        UdpSocket::bind((any, 0)).and_then(|socket| socket.connect(address).and_then(|()| socket.local_addr()));
    address.ip().is_loopback() || source.is_ok_and(|source| source.ip() == address.ip())
}
