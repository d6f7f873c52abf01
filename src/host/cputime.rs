//! What a process has cost: CPU time of a server and its workers, peak memory of this process.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use super::kib_field;

/// What `/proc/PID/stat` says of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// User and system time of the process, all its threads, and those of its children that have ended and were waited for.
    ticks: u64,
}

impl Stat {
    /// Reads a line such as `1 (nginx: master) S 0 …` (man 5 proc_pid_stat). The name may hold spaces and parentheses, so
    /// that the fields are counted from the last `)`.
    fn parse(line: &str) -> Option<Self> {
        let (_, fields) = line.rsplit_once(')')?;
        // From field 3, the state: 4 is the parent, 14 to 17 are utime, stime, cutime and cstime.
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let parent = fields.get(1)?.parse().ok()?;
        let mut ticks = 0_u64;
        for field in fields.get(11..15)? {
            // The children's fields are signed in the kernel, and never negative.
            ticks = ticks.checked_add(field.parse().ok()?)?;
        }
        Some(Self { parent, ticks })
    }
}

/// The step in which the kernel counts the CPU time of processes.
pub fn tick() -> Duration {
    Duration::from_secs(1) / u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100)
}

/// Whether the process `pid` with its descendants and this one are bound to different cores, all their threads, so that neither takes
/// time from the other; `false` where that cannot be known.
pub fn runs_on_other_cores(pid: u32) -> bool {
    let Ok(processes) = processes() else { return false };
    let theirs = tree(&processes, pid).map(|pids| cores_of(&pids));
    let mine = cores_of(&[std::process::id()]);
    theirs.is_some_and(|theirs| !theirs.is_empty() && !mine.is_empty() && mine.is_disjoint(&theirs))
}

/// The cores that this process may run on, ascending; empty where the kernel does not say.
pub fn own_cores() -> Vec<usize> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    allowed_cores(&status).unwrap_or_default().into_iter().map(|core| core as usize).collect()
}

/// The cores that any thread of these processes may run on. A process that has ended has none.
fn cores_of(pids: &[u32]) -> BTreeSet<u32> {
    let threads = pids.iter().filter_map(|pid| std::fs::read_dir(format!("/proc/{pid}/task")).ok()).flatten().flatten();
    let statuses = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok());
    statuses.filter_map(|status| allowed_cores(&status)).flatten().collect()
}

/// The `Cpus_allowed_list` of a process's status, such as `0-3,8`.
fn allowed_cores(status: &str) -> Option<BTreeSet<u32>> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut cores = BTreeSet::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        // No machine has more; a list that says so is none.
        if last >= 1 << 16 {
            return None;
        }
        cores.extend(first..=last);
    }
    Some(cores)
}

/// CPU time, user and system, that the process `pid` and all its descendants have used since each began. Children that
/// have ended and were waited for stay counted, so that the figure only grows while the tree lives; a process that was
/// adopted by another parent leaves the tree. The kernel counts in ticks, as a rule of 10 ms.
///
/// # Errors
/// `NotFound` where no process has that number, and whatever reading `/proc` says.
pub fn process_tree_cpu(pid: u32) -> io::Result<Duration> {
    let processes = processes()?;
    let ticks = tree_ticks(&processes, pid)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no process {pid} on this machine")))?;
    Ok(Duration::from_secs_f64(ticks as f64 * tick().as_secs_f64()))
}

/// All processes of this machine.
fn processes() -> io::Result<BTreeMap<u32, Stat>> {
    let mut processes = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end while the list is walked: it is then no longer part of any tree.
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).ok().and_then(|line| Stat::parse(&line));
        if let Some(stat) = stat {
            processes.insert(number, stat);
        }
    }
    Ok(processes)
}

/// `root` and its descendants; `None` where `root` is not there.
fn tree(processes: &BTreeMap<u32, Stat>, root: u32) -> Option<Vec<u32>> {
    let mut all = vec![*processes.get_key_value(&root)?.0];
    let mut generation = all.clone();
    // Whoever is reached has a chain of parents that ends at the root, and the root is not reached twice: this ends.
    while !generation.is_empty() {
        generation = processes
            .iter()
            .filter(|(pid, stat)| **pid != root && generation.contains(&stat.parent))
            .map(|(pid, _)| *pid)
            .collect();
        all.extend(&generation);
    }
    Some(all)
}

/// The ticks of `root` and its descendants; `None` where `root` is not there.
fn tree_ticks(processes: &BTreeMap<u32, Stat>, root: u32) -> Option<u64> {
    Some(tree(processes, root)?.iter().map(|pid| processes[pid].ticks).sum())
}

/// The most memory that this process has had resident, in bytes; `None` where the kernel does not say.
pub fn peak_rss_bytes() -> Option<u64> {
    kib_field(&std::fs::read_to_string("/proc/self/status").ok()?, "VmHWM")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_may_hold_parentheses_and_spaces() {
        let line = "42 (a ) S 1 (b) c) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 99";
        assert_eq!(Stat::parse(line), Some(Stat { parent: 7, ticks: 127 }));
        for text in ["", "42 (x", "42 (x) S", "42 (x) S 7 1 1 0 -1 0 1 2 3 4 100 20 3"] {
            assert_eq!(Stat::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_tree_is_the_process_and_all_its_descendants() {
        let stat = |parent, ticks| Stat { parent, ticks };
        let processes = BTreeMap::from([
            (1, stat(0, 1)),
            (10, stat(1, 10)),
            (11, stat(10, 100)),
            (12, stat(11, 1000)),
            (13, stat(1, 10_000)),
        ]);
        assert_eq!(tree_ticks(&processes, 10), Some(1110));
        assert_eq!(tree_ticks(&processes, 12), Some(1000));
        assert_eq!(tree_ticks(&processes, 99), None);
        let cycle = BTreeMap::from([(1, stat(3, 1)), (2, stat(1, 1)), (3, stat(2, 1))]);
        assert_eq!(tree_ticks(&cycle, 1), Some(3));
    }

    #[test]
    fn cores_are_ranges_and_single_numbers() {
        let cores = |list: &str| allowed_cores(&format!("Name:\tx\nCpus_allowed_list:\t{list}\n"));
        assert_eq!(cores("0-2,5"), Some(BTreeSet::from([0, 1, 2, 5])));
        assert_eq!(cores("7"), Some(BTreeSet::from([7])));
        for list in ["", "a", "1-", "-1", "0-4294967295"] {
            assert_eq!(cores(list), None, "{list}");
        }
        assert_eq!(allowed_cores("Name:\tx\n"), None);
        assert!(!runs_on_other_cores(std::process::id()), "a process shares its cores with itself");
        assert!(!runs_on_other_cores(u32::MAX));
    }

    #[test]
    fn this_process_has_used_time_and_memory() {
        let start = std::time::Instant::now();
        let before = process_tree_cpu(std::process::id()).unwrap();
        let mut sink = 0_u64;
        while process_tree_cpu(std::process::id()).unwrap() == before {
            assert!(start.elapsed() < Duration::from_secs(30), "no tick was counted");
            sink = (0..1_000_000).fold(sink, |sum, n| std::hint::black_box(sum ^ n));
        }
        assert!(peak_rss_bytes().unwrap() > 1 << 16);
        assert_eq!(process_tree_cpu(u32::MAX).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_never_an_error(text in "(?s).{0,200}") {
            Stat::parse(&text);
        }
    }
}
