//! What the kernel allows this process: descriptors, local ports, memory, the listen backlog.

use std::collections::BTreeSet;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{kib_field, read_trimmed};

/// The ports that the kernel gives to outgoing connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    /// The lowest.
    pub first: u16,
    /// The highest, which is still part of it.
    pub last: u16,
}

impl PortRange {
    /// How many ports it holds.
    pub fn size(self) -> u64 {
        u64::from(self.last.saturating_sub(self.first)) + 1
    }

    /// Reads `/proc/sys/net/ipv4/ip_local_port_range`, such as `32768\t60999`.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split_whitespace().map(str::parse);
        let (first, last) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        (first <= last).then_some(Self { first, last })
    }

    fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

/// What the kernel allows. `None`: it could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Descriptors that this process may open now; `u64::MAX` where there is no limit.
    pub descriptors_soft: u64,
    /// What [`raise_nofile`] can raise that to; `u64::MAX` where there is no limit.
    pub descriptors_hard: u64,
    /// The local ports for outgoing connections.
    pub ports: Option<PortRange>,
    /// How many ports of that range some socket holds now (IPv4 or IPv6, TIME_WAIT included). A port held towards one
    /// destination may serve another at the same time, so that this is the most that can be missing.
    pub ports_in_use: Option<u64>,
    /// `net.ipv4.tcp_tw_reuse`: 0 never, 1 always, 2 on loopback.
    pub time_wait_reuse: Option<u8>,
    /// Memory that can be had without swapping, in bytes; the control group's limit counts.
    pub memory_available_bytes: Option<u64>,
    /// The longest backlog of a listening socket.
    pub somaxconn: Option<u32>,
}

impl Limits {
    /// The limits as they are now. Walks the socket tables, which takes milliseconds for each 10 000 sockets.
    pub fn read() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let ports = read_trimmed("/proc/sys/net/ipv4/ip_local_port_range").and_then(|text| PortRange::parse(&text));
        Self {
            descriptors_soft: current.unwrap_or(u64::MAX),
            descriptors_hard: maximum.unwrap_or(u64::MAX),
            ports,
            ports_in_use: ports.and_then(count_ports_in_use),
            time_wait_reuse: read_number("/proc/sys/net/ipv4/tcp_tw_reuse"),
            memory_available_bytes: memory_available(),
            somaxconn: read_number("/proc/sys/net/core/somaxconn"),
        }
    }
}

/// Raises the limit of open descriptors as far as this user may, and returns what holds now (`u64::MAX`: no limit).
///
/// # Errors
/// What the kernel said, where it refused a limit that it had promised.
pub fn raise_nofile() -> io::Result<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(maximum.unwrap_or(u64::MAX))
}

fn read_number<T: std::str::FromStr>(path: &str) -> Option<T> {
    read_trimmed(path)?.parse().ok()
}

fn count_ports_in_use(range: PortRange) -> Option<u64> {
    let v4 = std::fs::read_to_string("/proc/net/tcp").ok()?;
    // A kernel without IPv6 has no such file, and then no such sockets.
    let v6 = std::fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    let held: BTreeSet<u16> = local_ports(&v4).chain(local_ports(&v6)).filter(|port| range.contains(*port)).collect();
    Some(held.len() as u64)
}

/// The local ports of a table such as `/proc/net/tcp`, whose second column is `ADDRESS:PORT` in hexadecimal.
fn local_ports(table: &str) -> impl Iterator<Item = u16> {
    table.lines().skip(1).filter_map(|line| {
        let (_, port) = line.split_whitespace().nth(1)?.rsplit_once(':')?;
        u16::from_str_radix(port, 16).ok()
    })
}

/// The least of what the machine and the control group (version 2, as a container sees its own) leave.
fn memory_available() -> Option<u64> {
    let machine = kib_field(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable");
    let group_limit: Option<u64> = read_number("/sys/fs/cgroup/memory.max");
    let group_used: Option<u64> = read_number("/sys/fs/cgroup/memory.current");
    let group = group_limit.zip(group_used).map(|(limit, used)| limit.saturating_sub(used));
    [machine, group].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn port_ranges_include_both_ends() {
        let range = PortRange::parse("32768\t60999\n").unwrap();
        assert_eq!(range.size(), 28_232);
        assert!(range.contains(32_768) && range.contains(60_999) && !range.contains(61_000));
        assert_eq!(PortRange::parse("0 65535").unwrap().size(), 65_536);
        for text in ["", "1", "9 1", "1 70000", "a b"] {
            assert_eq!(PortRange::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_socket_table_gives_local_ports() {
        let table = "  sl  local_address rem_address   st\n\
            0: 0100007F:1F90 00000000:0000 0A 0\n\
            1: 00000000000000000000000001000000:C350 00000000000000000000000001000000:1F90 06 0\nrubbish\n2: x\n";
        assert_eq!(local_ports(table).collect::<Vec<_>>(), [8080, 50_000]);
    }

    #[test]
    fn the_limit_can_be_raised_to_the_hard_one() {
        let hard = Limits::read().descriptors_hard;
        assert_eq!(raise_nofile().unwrap(), hard);
        assert_eq!(Limits::read().descriptors_soft, hard);
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_never_an_error(text in "(?s).{0,200}") {
            PortRange::parse(&text);
            local_ports(&text).count();
        }
    }
}
