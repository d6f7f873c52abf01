//! One worker: a thread with its own poll, slots, schedule, timers, recorders and TLS configurations. This file is its loop and
//! its phases; what it does with a connection is in `drive`, with work in `dispatch`, with the end of either in `finish`.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

use super::clock::Ns;
use super::gaps::{GapWatch, Usage};
use super::ledger::{Ledger, Slice};
use super::session::{OutBuffer, Session};
use super::shared::{Report, Shared};
use super::slot::Slot;
use super::spare::Spares;
use super::storm::StormWatch;
use super::timers::Timers;
use crate::model::load::{LoadPlan, Pace};
use crate::pacing::{Schedule, Shape};
use crate::tls::config::ClientConfigs;

/// The token of the timer; those of connections are below it.
const TIMER: Token = Token(usize::MAX);

/// How long a worker sleeps at most: it then looks at the stop flag, and learns whether it was woken in time.
const HEARTBEAT: Duration = Duration::from_millis(5);

/// The read buffer, lent to each connection in turn: sixteen full records.
const READ_BUFFER: usize = 256 * 1024;

/// Room for a flight or a chunk of a body; grows if a flight is larger.
const OUT_BUFFER: usize = 80 * 1024;

/// Where a worker stands in the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Sessions are being made, to be resumed later.
    Priming,
    /// The connections are being opened.
    Opening,
    /// Everything is open; the other workers may not be so far.
    Ready,
    /// The schedule runs.
    Running,
    /// Nothing new starts; what is under way may finish.
    Draining,
    /// Everything is closed.
    Ended,
}

/// The measure window, as this worker sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Start.
    pub(super) from: Ns,
    /// End; moved ahead where the run ends early.
    pub(super) to: Ns,
    /// Whether the start has passed, and the end.
    pub(super) opened: bool,
    pub(super) closed: bool,
}

impl Window {
    pub(super) fn contains(&self, at: Ns) -> bool {
        (self.from..self.to).contains(&at)
    }
}

/// What a worker leaves behind.
#[derive(Debug)]
pub(super) struct WorkerResult {
    pub(super) ledger: Ledger,
    /// What it used within the window.
    pub(super) usage: Usage,
    /// The window's true length.
    pub(super) window: Duration,
    /// Where there was a storm: how long it took until as many connections were open as before.
    pub(super) storm_took: Option<Ns>,
}

/// How the worker polled.
struct Slept {
    /// When it had asked to be woken at the latest.
    wanted: Ns,
    /// Whether it did not wait, since an arrival is so near that it spins.
    spinning: bool,
}

/// One worker; see the module's description.
pub(super) struct Worker<'s> {
    pub(super) shared: &'s Shared<'s>,
    pub(super) poll: Poll,
    timer: OwnedFd,
    /// For which moment the timer is armed.
    timer_armed: Option<Ns>,
    pub(super) slots: Vec<Slot>,
    /// Idle connections, the longest idle one first; entries of closed ones are passed over.
    pub(super) idle: VecDeque<(usize, u32)>,
    /// Connections being opened with no work bound to them; entries of others are passed over.
    pub(super) unbound: VecDeque<usize>,
    /// Slots without a connection that arrivals may take (open loop).
    pub(super) free: VecDeque<usize>,
    pub(super) schedule: Option<Schedule>,
    pub(super) timers: Timers,
    /// By address.
    pub(super) configs: Vec<ClientConfigs>,
    pub(super) read_buffer: Vec<u8>,
    pub(super) out: OutBuffer,
    pub(super) spares: Spares,
    pub(super) ledger: Ledger,
    pub(super) phase: Phase,
    pub(super) window: Window,
    /// The next moment that the window's bookkeeping must not miss: its start, a slice's end, its end.
    next_edge: Ns,
    /// The schedule's zero.
    pub(super) zero: Ns,
    /// Work under way, and when work last ended.
    pub(super) in_flight: usize,
    pub(super) last_end: Ns,
    pub(super) open_connections: u64,
    pub(super) opening: super::opening::Opening,
    /// What is left over of the share of resumed connections, by address: one for all would keep step with the addresses' turn.
    pub(super) resume_credit: Vec<f64>,
    /// Connections begun; chooses addresses and sources in turn.
    pub(super) begun: usize,
    /// The storm, where the scenario has one.
    pub(super) storm: Option<StormWatch>,
    gaps: GapWatch,
}

impl<'s> Worker<'s> {
    /// The worker `index` of the run, with its share of the connections; nothing is sent yet.
    pub(super) fn new(shared: &'s Shared<'s>, index: usize) -> io::Result<Self> {
        let load = &shared.plan.load;
        let workers = load.threads();
        let share = |total: usize| total / workers + usize::from(index < total % workers);
        let count = share(load.connections());
        let schedule = match (load.pace(), load.scenario()) {
            (Pace::Closed, _) => None,
            (Pace::Open { arrivals, seed, .. }, Some(scenario)) => {
                let shape = Shape::new(load.warmup, scenario.stages());
                Some(Schedule::shaped(arrivals, shape, seed, index, workers))
            }
            (Pace::Open { rate, arrivals, seed }, None) => Some(Schedule::new(arrivals, rate, seed, index, workers)),
        };
        let poll = Poll::new()?;
        let timer =
            rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        let configs = shared.addresses.iter().map(|_| shared.material.configs(count + 8)).collect();
        Ok(Self {
            shared,
            poll,
            timer,
            timer_armed: None,
            slots: std::iter::repeat_with(Slot::default).take(count).collect(),
            idle: VecDeque::with_capacity(2 * count),
            unbound: VecDeque::with_capacity(2 * count),
            free: VecDeque::with_capacity(count),
            schedule,
            timers: Timers::default(),
            configs,
            read_buffer: vec![0; READ_BUFFER],
            out: OutBuffer::with_capacity(OUT_BUFFER),
            spares: Spares::default(),
            ledger: Ledger::new(),
            phase: Phase::Priming,
            window: Window { from: Ns::MAX, to: Ns::MAX, opened: false, closed: false },
            next_edge: Ns::MAX,
            zero: Ns::MAX,
            in_flight: 0,
            last_end: 0,
            open_connections: 0,
            opening: super::opening::Opening::default(),
            resume_credit: vec![0.0; shared.addresses.len()],
            begun: index,
            storm: storm(load, index),
            gaps: GapWatch::new(&shared.clock),
        })
    }

    /// Runs to the end of the run.
    pub(super) fn run(mut self) -> io::Result<WorkerResult> {
        let mut events = Events::with_capacity(1024);
        // The clocks are the thread's: the watch begins on the thread that it watches.
        self.gaps = GapWatch::new(&self.shared.clock);
        self.warm_up_crypto();
        self.begin_priming();
        let mut now = self.shared.clock.now();
        while self.phase != Phase::Ended {
            let Slept { wanted, spinning } = self.sleep(&mut events, now)?;
            let woke = self.shared.clock.now();
            self.gaps.woke(wanted, woke);
            for event in &events {
                if event.token() != TIMER {
                    let seen = self.on_event(event);
                    // A batch of events may take longer than a slice, or than a short window: what is used is noted where it belongs.
                    if seen >= self.next_edge {
                        self.cross_window_edges(seen);
                    }
                }
            }
            self.tick(self.shared.clock.now());
            let slept = std::mem::replace(&mut now, self.shared.clock.now());
            if spinning && events.is_empty() {
                self.gaps.spun(slept, now);
            } else {
                self.gaps.worked(woke, now);
            }
        }
        let tail = std::mem::replace(&mut self.ledger.slice, Slice::new(0));
        self.shared.report(Report::Tail(Box::new(tail)));
        Ok(WorkerResult {
            ledger: self.ledger,
            storm_took: self.storm.as_ref().and_then(StormWatch::took),
            usage: self.gaps.finish(),
            window: if self.window.opened {
                Duration::from_nanos(self.window.to - self.window.from)
            } else {
                Duration::ZERO
            },
        })
    }

    /// Makes a hello and throws it away: the library seeds its random generator at a thread's first use, for tens of milliseconds that
    /// would otherwise be the first connection's.
    fn warm_up_crypto(&self) {
        // Should it fail, the first connection will fail in the same way, and say so.
        let _ = Session::new(&self.configs[0].full, &self.shared.server_name);
    }

    /// Waits for events until something is due at the latest, and says when that was.
    fn sleep(&mut self, events: &mut Events, now: Ns) -> io::Result<Slept> {
        let mut wanted = now + HEARTBEAT.as_nanos() as Ns;
        if let Some(due) = self.timers.next() {
            wanted = wanted.min(due.max(now));
        }
        // mio rounds up to milliseconds: good enough for timeouts, and nothing else waits for it.
        let mut timeout = Duration::from_nanos(wanted - now);
        wanted = now + (timeout.as_nanos() as Ns).div_ceil(1_000_000) * 1_000_000;
        let mut spinning = false;
        if let Some(arrival) = self.next_wake() {
            let spin = self.shared.plan.load.spin.as_nanos() as Ns;
            if arrival.saturating_sub(spin) <= now {
                timeout = Duration::ZERO;
                wanted = now.max(arrival);
                spinning = arrival > now;
            } else {
                self.arm_timer(arrival - spin, now)?;
                wanted = wanted.min(arrival);
            }
        }
        match self.poll.poll(events, Some(timeout)) {
            // A process that was stopped and continued comes back so too: it may be later than wanted.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(Slept { wanted, spinning })
            }
            Err(error) => Err(error),
            Ok(()) => Ok(Slept { wanted, spinning }),
        }
    }

    /// The next arrival that could be served, if there is one in this run.
    fn next_wake(&self) -> Option<Ns> {
        if self.phase != Phase::Running || (self.idle.is_empty() && self.free.is_empty() && self.unbound.is_empty()) {
            return None;
        }
        self.next_arrival()
    }

    /// Arms the timer for `at`, unless it is armed for it already. A relative time: the two clocks drift apart.
    fn arm_timer(&mut self, at: Ns, now: Ns) -> io::Result<()> {
        if self.timer_armed == Some(at) {
            return Ok(());
        }
        self.timer_armed = Some(at);
        let delay = at - now;
        let value =
            Timespec { tv_sec: (delay / 1_000_000_000).cast_signed(), tv_nsec: (delay % 1_000_000_000).cast_signed() };
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = Itimerspec { it_interval: zero, it_value: value };
        rustix::time::timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &spec)?;
        Ok(())
    }

    /// What the clock demands: phases, the window's edges, timeouts, arrivals.
    fn tick(&mut self, now: Ns) {
        self.fire_timers(now);
        if self.shared.stop.is_raised() {
            self.end_early(now);
        }
        match self.phase {
            Phase::Priming => self.prime(now),
            Phase::Opening => self.open_more(now),
            Phase::Ready => self.start_when_all_are_ready(now),
            Phase::Running => self.run_on(now),
            Phase::Draining => self.drain(now),
            Phase::Ended => {}
        }
    }

    fn fire_timers(&mut self, now: Ns) {
        while let Some(slot) = self.timers.pop(now) {
            let mut deadline = self.slots[slot].deadline;
            let expired = self.timers.expired(slot, &mut deadline, now);
            self.slots[slot].deadline = deadline;
            if expired {
                self.on_deadline(slot, now);
            }
        }
    }

    /// This worker's connections are open.
    pub(super) fn become_ready(&mut self) {
        self.phase = Phase::Ready;
        self.shared.report(Report::Ready);
    }

    fn start_when_all_are_ready(&mut self, now: Ns) {
        let Some(zero) = self.shared.epoch() else { return };
        if now < zero {
            return;
        }
        let load = &self.shared.plan.load;
        let from = zero + load.warmup.as_nanos() as Ns;
        self.zero = zero;
        self.window = Window { from, to: from + load.duration.as_nanos() as Ns, opened: false, closed: false };
        self.next_edge = from;
        if let Some(storm) = &mut self.storm {
            storm.begin_at(from);
        }
        self.phase = Phase::Running;
        self.start_work(now);
        self.run_on(now);
    }

    fn run_on(&mut self, now: Ns) {
        self.weather(now);
        self.dispatch_due(now);
        self.cross_window_edges(now);
        if now >= self.window.to {
            self.phase = Phase::Draining;
            self.drain(now);
        } else if self.has_done_what_was_asked() {
            // The window ends just after the last of it, so that its rate is that of all of it: at once, where this worker had none.
            let end = (self.last_end + 1).clamp(self.window.from, self.window.to);
            self.end_window(end, self.shared.clock.now());
        }
    }

    /// Notes the costs at the window's edges, and hands over the slices that are complete.
    fn cross_window_edges(&mut self, now: Ns) {
        if !self.window.opened && now >= self.window.from {
            self.window.opened = true;
            self.gaps.open_window(self.window.from, now);
        }
        if !self.window.opened || self.window.closed {
            return;
        }
        let length = self.shared.slice_ns;
        while now.min(self.window.to) >= self.window.from + (self.ledger.slice.index + 1) * length {
            self.hand_over_slice();
        }
        self.next_edge = self.window.to.min(self.window.from + (self.ledger.slice.index + 1) * length);
        if now >= self.window.to {
            self.window.closed = true;
            self.next_edge = Ns::MAX;
            self.gaps.close_window(now);
            if self.window.to > self.window.from + self.ledger.slice.index * length {
                self.hand_over_slice();
            }
            self.shared.report(Report::WindowClosed);
        }
    }

    fn hand_over_slice(&mut self) {
        let next = Slice::new(self.ledger.slice.index + 1);
        let mut slice = std::mem::replace(&mut self.ledger.slice, next);
        slice.open_connections = self.open_connections;
        self.shared.report(Report::Slice(Box::new(slice)));
    }

    /// Ends the window now, from outside: the user or a rule has ended the run.
    fn end_early(&mut self, now: Ns) {
        match self.phase {
            Phase::Priming | Phase::Opening | Phase::Ready => {
                self.close_all(now);
            }
            Phase::Running if now < self.window.to => self.end_window(now, now),
            // What is under way in the drain may finish all the same: the window is complete.
            Phase::Running | Phase::Draining | Phase::Ended => {}
        }
    }

    /// Ends the window at `to`, before its planned end and not after `now`.
    fn end_window(&mut self, to: Ns, now: Ns) {
        // Before the window has opened it becomes empty, and nothing of the warm-up is still to come.
        self.window.from = self.window.from.min(to);
        self.window.to = to;
        self.cross_window_edges(now);
        self.phase = Phase::Draining;
    }

    /// Whether all the work that `--requests` asks for has been given out and has ended.
    fn has_done_what_was_asked(&self) -> bool {
        let given_out = match &self.schedule {
            Some(schedule) => !self.shared.is_wanted(schedule.peek().index),
            None => self.shared.grants_are_spent(),
        };
        self.window.opened && self.in_flight == 0 && given_out
    }

    /// Lets work that was intended in the window finish, for as long as a timeout.
    fn drain(&mut self, now: Ns) {
        self.cross_window_edges(now);
        self.dispatch_due(now);
        let over = now >= self.window.to + self.shared.plan.load.timeout.as_nanos() as Ns;
        if over || (self.in_flight == 0 && self.next_arrival().is_none()) {
            self.give_up_waiting(now);
            self.close_all(now);
        }
    }
}

/// The part of worker `index` in the storm of `load`'s scenario.
fn storm(load: &LoadPlan, index: usize) -> Option<StormWatch> {
    let plan = load.scenario()?.storm()?;
    let Pace::Open { seed, .. } = load.pace() else { return None };
    Some(StormWatch::new(plan, seed, index))
}
