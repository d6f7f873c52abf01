//! This machine and its processes: what the processor is, what the kernel allows, what a run needs of it, and the CPU time
//! of a server that runs here. Reads `/proc` and `/sys`; what cannot be read is `None`, never a guess.

pub mod cputime;
pub mod facts;
pub mod frequency;
pub mod limits;
pub mod preflight;

/// The value of the first `key: value` line of a `/proc` file, in bytes where the kernel writes `kB`.
fn kib_field(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    let kib: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// A small text file of the kernel's, trimmed; `None` where it is missing, unreadable or empty.
fn read_trimmed(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
