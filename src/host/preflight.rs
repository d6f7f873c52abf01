//! What will not fit: a run's needs against the limits, before anything is sent. Pure; each shortfall names the numbers and
//! the way out.

use std::time::Duration;

use super::limits::Limits;
use crate::units::{bytes, count};

/// Descriptors that a process holds whatever the load: standard streams, files of the run, libraries.
const DESCRIPTORS_FIXED: u64 = 48;

/// Descriptors that a worker holds besides its connections: poll, timer, waker, and some to spare.
const DESCRIPTORS_PER_THREAD: u64 = 8;

/// How long Linux keeps a port in TIME_WAIT (`TCP_TIMEWAIT_LEN`), in seconds.
const TIME_WAIT_S: f64 = 60.0;

/// How long it does so where `net.ipv4.tcp_tw_reuse` applies, in seconds (`tcp_tw_reuse_delay`, 1 s unless changed).
const TIME_WAIT_REUSED_S: f64 = 1.0;

/// What a run needs of this machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Needs {
    /// Connections open at the same time, at most.
    pub connections: u64,
    /// Local addresses that connections go out from; 0 and 1 both mean one.
    pub sources: usize,
    /// Pairs of address and port that connections go to; 0 and 1 both mean one.
    pub destinations: usize,
    /// Whether the target is on this machine.
    pub loopback: bool,
    /// Whether the server runs in this process, which then holds both ends of each connection.
    pub server_in_process: bool,
    /// Workers.
    pub threads: usize,
    /// Whether connections are opened anew during the run.
    pub reconnects: bool,
    /// Whether a close ends in FIN, which leaves the port in TIME_WAIT (`--close fin`).
    pub close_is_fin: bool,
    /// Connections opened anew over the whole run; `None` where nobody can know, as in a closed loop.
    pub expected_new_connections: Option<f64>,
    /// The whole run: warm-up and measure window.
    pub duration: Duration,
    /// Memory for each connection, with the kernel's buffers, in bytes.
    pub bytes_per_connection: u64,
    /// Memory whatever the number of connections, in bytes.
    pub fixed_bytes: u64,
}

/// Something that will not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    /// `local_ports`, `local_descriptors` or `memory`; the first two are the names that failures and verdicts use.
    pub code: &'static str,
    /// Whether the run is bound to fail; otherwise it may, and the text says on what that depends.
    pub certain: bool,
    /// The numbers and the way out, as a sentence.
    pub text: String,
}

/// Everything that will not fit. Assumes that [`super::limits::raise_nofile`] is called before the run, that connections
/// are spread evenly over sources and destinations, and that a port may serve several destinations at once. A limit that
/// could not be read bounds nothing.
pub fn check(needs: &Needs, limits: &Limits) -> Vec<Shortfall> {
    [descriptors(needs, limits), ports(needs, limits), memory(needs, limits)].into_iter().flatten().collect()
}

fn descriptors(needs: &Needs, limits: &Limits) -> Option<Shortfall> {
    let each = if needs.server_in_process { 2 } else { 1 };
    let overhead = DESCRIPTORS_FIXED + DESCRIPTORS_PER_THREAD * needs.threads as u64;
    let needed = needs.connections.saturating_mul(each).saturating_add(overhead);
    let limit = limits.descriptors_hard;
    if needed <= limit {
        return None;
    }
    let both_ends = if needs.server_in_process { " (both ends are in this process)" } else { "" };
    let fewer = match limit.saturating_sub(overhead) / each {
        0 => String::new(),
        most => format!("use --connections {most} or fewer, or "),
    };
    Some(Shortfall {
        code: "local_descriptors",
        certain: true,
        text: format!(
            "{} need {} descriptors{both_ends}, but the limit is {} and cannot be raised by this user (hard limit): \
             {fewer}raise it as root, with `ulimit -Hn {needed}` or in /etc/security/limits.conf",
            connections(needs.connections),
            count(needed),
            count(limit),
        ),
    })
}

fn ports(needs: &Needs, limits: &Limits) -> Option<Shortfall> {
    let range = limits.ports?;
    // Each pair of a source and a destination has the whole range for itself.
    let pairs = (needs.sources.max(1) as u64).saturating_mul(needs.destinations.max(1) as u64);
    let tuples = pairs.saturating_mul(range.size());
    let place = Place { pairs, sources: needs.sources.max(1), first: range.first, last: range.last, tuples };
    if needs.connections > tuples {
        let text = format!(
            "{} {} need {} local ports, but {}: use --connections {tuples} or fewer, {WIDEN}",
            connections(needs.connections),
            place.destinations(needs.destinations.max(1)),
            count(needs.connections.div_ceil(pairs)),
            place.has(limits.ports_in_use),
        );
        return Some(Shortfall { code: "local_ports", certain: true, text });
    }
    if !(needs.reconnects && needs.close_is_fin) {
        return None;
    }
    let reused = match limits.time_wait_reuse {
        Some(1) => true,
        Some(2) => needs.loopback,
        _ => false,
    };
    time_wait(needs, &place, if reused { TIME_WAIT_REUSED_S } else { TIME_WAIT_S })
}

const WIDEN: &str = "add local addresses with --source-ip, or widen net.ipv4.ip_local_port_range";

/// Local ports, in words.
struct Place {
    pairs: u64,
    sources: usize,
    first: u16,
    last: u16,
    /// Ports times pairs of source and destination.
    tuples: u64,
}

impl Place {
    fn destinations(&self, destinations: usize) -> String {
        let to = if destinations == 1 { "to one address".to_owned() } else { format!("to {destinations} addresses") };
        if self.sources == 1 { to } else { format!("{to} from {} local addresses", self.sources) }
    }

    fn has(&self, in_use: Option<u64>) -> String {
        let each = if self.pairs == 1 { "" } else { " each" };
        let used = match in_use {
            Some(n) if n > 0 => format!(" ({} of them in use now)", count(n)),
            _ => String::new(),
        };
        format!("the range {}–{} has {}{each}{used}", self.first, self.last, count(self.tuples / self.pairs))
    }
}

/// `--close fin`: whether the ports that are open and those that wait, for `wait_s` seconds each, exceed what there is.
fn time_wait(needs: &Needs, place: &Place, wait_s: f64) -> Option<Shortfall> {
    let free = (place.tuples - needs.connections) as f64;
    let sustained = free / wait_s;
    let supply = format!("{} local ports (range {}–{}", count(place.tuples), place.first, place.last)
        + match place.pairs {
            1 => ")",
            _ => ", over all pairs of addresses)",
        };
    let remedy = "use --close reset, add local addresses with --source-ip, or widen net.ipv4.ip_local_port_range";
    let held = format!("--close fin holds the port of a closed connection for {wait_s:.0} s");
    let Some(opened) = needs.expected_new_connections else {
        let text = format!(
            "{held}, and {supply} bear {} new connections/s: a closed loop may open more, and then fails for want of \
             ports: {remedy}",
            count(sustained as u64)
        );
        return Some(Shortfall { code: "local_ports", certain: false, text });
    };
    let duration_s = needs.duration.as_secs_f64();
    // What was opened within one wait is what waits at once; a run shorter than that keeps all of it.
    let waiting = if duration_s > wait_s { opened * wait_s / duration_s } else { opened };
    (waiting > free).then(|| Shortfall {
        code: "local_ports",
        certain: true,
        text: format!(
            "{held}: {} new connections in {duration_s:.0} s need {} ports at once beside those of the {} open ones, \
             but there are {supply}: {remedy}",
            count(opened.round() as u64),
            count(waiting.round() as u64),
            count(needs.connections),
        ),
    })
}

fn memory(needs: &Needs, limits: &Limits) -> Option<Shortfall> {
    let available = limits.memory_available_bytes?;
    let needed = needs.connections.saturating_mul(needs.bytes_per_connection).saturating_add(needs.fixed_bytes);
    if needed <= available {
        return None;
    }
    let fewer = match available.saturating_sub(needs.fixed_bytes).checked_div(needs.bytes_per_connection) {
        None | Some(0) => String::new(),
        Some(most) => format!("use --connections {most} or fewer, or "),
    };
    Some(Shortfall {
        code: "memory",
        certain: false,
        text: format!(
            "{} need about {} of memory ({} each), but {} are available: {fewer}free some",
            connections(needs.connections),
            bytes(needed as f64),
            bytes(needs.bytes_per_connection as f64),
            bytes(available as f64),
        ),
    })
}

fn connections(n: u64) -> String {
    if n == 1 { "1 connection".to_owned() } else { format!("{} connections", count(n)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::limits::PortRange;

    const LIMITS: Limits = Limits {
        descriptors_soft: 1024,
        descriptors_hard: 1 << 20,
        ports: Some(PortRange { first: 32_768, last: 60_999 }),
        ports_in_use: Some(0),
        time_wait_reuse: Some(2),
        memory_available_bytes: Some(8 << 30),
        somaxconn: Some(4096),
    };

    const NEEDS: Needs = Needs {
        connections: 64,
        sources: 0,
        destinations: 1,
        loopback: false,
        server_in_process: false,
        threads: 2,
        reconnects: false,
        close_is_fin: false,
        expected_new_connections: Some(0.0),
        duration: Duration::from_secs(30),
        bytes_per_connection: 20 << 10,
        fixed_bytes: 64 << 20,
    };

    fn texts(needs: Needs, limits: Limits) -> Vec<String> {
        check(&needs, &limits).into_iter().map(|shortfall| format!("{}: {}", shortfall.code, shortfall.text)).collect()
    }

    #[test]
    fn a_modest_run_fits() {
        assert_eq!(texts(NEEDS, LIMITS), Vec::<String>::new());
    }

    #[test]
    fn descriptors_count_every_end_and_the_fixed_ones() {
        let limits = Limits { descriptors_hard: 20_000, ..LIMITS };
        let needs = Needs { connections: 20_000, ..NEEDS };
        assert_eq!(
            texts(needs, limits),
            ["local_descriptors: 20 000 connections need 20 064 descriptors, but the limit is 20 000 and cannot be \
              raised by this user (hard limit): use --connections 19936 or fewer, or raise it as root, with \
              `ulimit -Hn 20064` or in /etc/security/limits.conf"]
        );
        assert_eq!(texts(Needs { connections: 19_936, ..needs }, limits).len(), 0);
        let both = Needs { connections: 9_968, server_in_process: true, ..needs };
        assert_eq!(texts(both, limits).len(), 0);
        let text = &texts(Needs { connections: 9_969, ..both }, limits)[0];
        assert!(text.contains("20 002 descriptors (both ends") && text.contains("--connections 9968 "), "{text}");
        let tiny = &texts(NEEDS, Limits { descriptors_hard: 10, ..LIMITS })[0];
        assert!(!tiny.contains("--connections"), "{tiny}");
    }

    #[test]
    fn ports_are_counted_for_each_pair_of_addresses() {
        let needs = Needs { connections: 40_000, ..NEEDS };
        assert_eq!(
            texts(needs, Limits { ports_in_use: Some(1200), ..LIMITS }),
            ["local_ports: 40 000 connections to one address need 40 000 local ports, but the range 32768–60999 has \
              28 232 (1 200 of them in use now): use --connections 28232 or fewer, add local addresses with \
              --source-ip, or widen net.ipv4.ip_local_port_range"]
        );
        assert_eq!(texts(Needs { sources: 2, ..needs }, LIMITS).len(), 0);
        assert_eq!(texts(Needs { destinations: 2, ..needs }, LIMITS).len(), 0);
        let text = &texts(Needs { connections: 90_000, sources: 3, ..needs }, LIMITS)[0];
        assert!(text.contains("to one address from 3 local addresses need 30 000 local ports"), "{text}");
        assert!(text.contains("has 28 232 each: use --connections 84696"), "{text}");
        assert_eq!(texts(needs, Limits { ports: None, ..LIMITS }).len(), 0, "an unknown range bounds nothing");
    }

    #[test]
    fn time_wait_matters_only_after_fin() {
        let needs = Needs {
            connections: 232,
            reconnects: true,
            close_is_fin: true,
            expected_new_connections: Some(60_000.0),
            ..NEEDS
        };
        let text = &texts(needs, LIMITS)[0];
        assert!(text.contains("for 60 s: 60 000 new connections in 30 s need 60 000 ports at once"), "{text}");
        assert!(text.contains("--close reset"), "{text}");
        for (fits, needs) in [
            (true, Needs { close_is_fin: false, ..needs }),
            (true, Needs { reconnects: false, ..needs }),
            (true, Needs { loopback: true, ..needs }),
            (true, Needs { sources: 3, ..needs }),
            (true, Needs { expected_new_connections: Some(28_000.0), ..needs }),
            (false, Needs { expected_new_connections: Some(28_001.0), ..needs }),
            // 60 of 600 s: a tenth of 280 000 waits at once.
            (true, Needs { expected_new_connections: Some(280_000.0), duration: Duration::from_secs(600), ..needs }),
            (false, Needs { expected_new_connections: Some(290_000.0), duration: Duration::from_secs(600), ..needs }),
        ] {
            assert_eq!(check(&needs, &LIMITS).is_empty(), fits, "{needs:?}");
        }
        let never = Limits { time_wait_reuse: Some(0), ..LIMITS };
        assert!(!check(&Needs { loopback: true, ..needs }, &never).is_empty());
    }

    #[test]
    fn a_closed_loop_is_told_what_rate_the_ports_bear() {
        let needs =
            Needs { connections: 232, reconnects: true, close_is_fin: true, expected_new_connections: None, ..NEEDS };
        let found = check(&needs, &LIMITS);
        assert!(!found[0].certain);
        assert!(found[0].text.contains("bear 466 new connections/s"), "{}", found[0].text);
    }

    #[test]
    fn memory_is_an_estimate() {
        let needs = Needs { connections: 1_000_000, sources: 64, ..NEEDS };
        let limits = Limits { descriptors_hard: u64::MAX, ..LIMITS };
        assert_eq!(
            texts(needs, limits),
            ["memory: 1 000 000 connections need about 19.1 GiB of memory (20.0 KiB each), but 8.00 GiB are \
              available: use --connections 416153 or fewer, or free some"]
        );
        assert!(check(&needs, &limits).iter().all(|shortfall| !shortfall.certain));
        assert_eq!(texts(needs, Limits { memory_available_bytes: None, ..limits }).len(), 0);
    }
}
