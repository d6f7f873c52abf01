//! Judging times on a machine that others use too: what the machine did meanwhile is measured, and only a calm machine judges.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// Held for writing by tests that look at the clock, which no other test of this process may disturb.
static MACHINE: RwLock<()> = RwLock::new(());

/// While it is held no other test that asks for the machine runs.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// While it is held no test runs that must be alone.
pub(crate) fn beside_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// How often something is tried.
const TRIES: usize = 5;

/// Failures on a calm machine that settle it at once. One alone may still have met a short burst of someone else's.
const SETTLED: usize = 3;

/// The machine is calm where others use at most this share of one core.
const CALM: f64 = 0.10;

/// How long others are watched before another try.
const GLANCE: Duration = Duration::from_millis(250);

/// How long all the tests of this process together may wait for a calm machine.
const WAIT_BUDGET: Duration = Duration::from_secs(120);

/// One try: what became of it, and whether the machine was calm meanwhile.
pub(crate) struct Try {
    pub(crate) result: Result<(), String>,
    pub(crate) calm: bool,
}

/// What several tries say together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Passed,
    /// It fails on a calm machine.
    Failed,
    /// The machine was never calm enough to tell.
    NotJudged,
}

/// One success is enough: noise makes nothing better than it is. A failure counts where the machine was calm: three times at once, or
/// when all tries are over twice, and once where `strict`. What was told of the failures comes along.
pub(crate) fn judge(tries: impl Iterator<Item = Try>, strict: bool) -> (Judgement, String) {
    let (mut calm_failures, mut told) = (0, String::new());
    for Try { result, calm } in tries {
        let Err(why) = result else { return (Judgement::Passed, told) };
        told += &format!("{}: {why}\n", if calm { "calm" } else { "disturbed" });
        calm_failures += usize::from(calm);
        if calm_failures == SETTLED {
            break;
        }
    }
    let failed = calm_failures >= if strict { 1 } else { 2 };
    (if failed { Judgement::Failed } else { Judgement::NotJudged }, told)
}

/// Tries what another process on this machine may spoil, as often as [`judge`] needs. Where even the last try was disturbed nothing
/// can be said, and that is told on stderr. With `CI` in the environment one failure on a calm machine is enough.
pub(crate) fn despite_noise(attempt: impl Fn() -> Result<(), String>) {
    let strict = std::env::var_os("CI").is_some();
    let tries = (0..TRIES).map(|made| {
        if made > 0 {
            wait_for_calm();
        }
        let before = Ticks::read();
        let result = attempt();
        Try { result, calm: before.others_since() <= CALM }
    });
    let (judgement, told) = judge(tries, strict);
    match judgement {
        Judgement::Passed => {}
        Judgement::Failed => panic!("on a calm machine:\n{told}"),
        // Not by a macro: that would be kept from view as the output of a test that passed.
        Judgement::NotJudged => {
            let test = std::thread::current();
            let name = test.name().unwrap_or("a test");
            let _ = writeln!(std::io::stderr(), "{name} was not judged, others used the machine:\n{told}");
        }
    }
}

/// Waits until the machine is calm, or the budget for it is used up.
fn wait_for_calm() {
    static WAITED_MS: AtomicU64 = AtomicU64::new(0);
    loop {
        let before = Ticks::read();
        std::thread::sleep(GLANCE);
        if before.others_since() <= CALM {
            return;
        }
        let waited = WAITED_MS.fetch_add(GLANCE.as_millis() as u64, Ordering::Relaxed);
        if Duration::from_millis(waited) >= WAIT_BUDGET {
            return;
        }
    }
}

/// CPU time that a process, given by its number or as `self`, has used with the children that it has waited for, in the kernel's ticks.
pub(crate) fn cpu_ticks(process: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("the process is there");
    // After the name comes the state, and as the 11th to 14th after it utime, stime, cutime, cstime (man 5 proc_pid_stat).
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().skip(11).take(4).map(|field| field.parse::<u64>().unwrap()).sum()
}

/// CPU time used so far, in the kernel's ticks: by everything on this machine, the hypervisor's other guests included, and by this
/// process with the children that it has waited for.
struct Ticks {
    at: Instant,
    all: u64,
    own: u64,
}

impl Ticks {
    fn read() -> Self {
        let numbers =
            |fields: &str| fields.split_whitespace().map(|field| field.parse().unwrap()).collect::<Vec<u64>>();
        // "cpu", then user, nice, system, idle, iowait, irq, softirq, steal (man 5 proc_stat).
        let stat = std::fs::read_to_string("/proc/stat").unwrap();
        let machine = numbers(stat.lines().next().unwrap().trim_start_matches("cpu"));
        // From the field after the name: state, and as the 11th to 14th after it utime, stime, cutime, cstime (man 5 proc_pid_stat).
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let own: Vec<&str> = fields.split_whitespace().skip(11).take(4).collect();
        Self {
            at: Instant::now(),
            all: [0, 1, 2, 7].iter().filter_map(|field| machine.get(*field)).sum(),
            own: numbers(&own.join(" ")).iter().sum(),
        }
    }

    /// How much of one core others have used since, 1 for all of it.
    fn others_since(&self) -> f64 {
        let now = Self::read();
        let elapsed = (now.at - self.at).as_secs_f64() * rustix::param::clock_ticks_per_second() as f64;
        let others = (now.all - self.all).saturating_sub(now.own - self.own);
        others as f64 / elapsed
    }
}
