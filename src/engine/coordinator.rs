//! Spawns the workers, lets them start together, listens to their slices while the run lasts, and merges what they leave behind.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustls::pki_types::ServerName;

use super::clock::{Clock, Ns};
use super::control::StopFlag;
use super::intervals::Intervals;
use super::ledger::{Failures, Ledger, Metric, Slice};
use super::opening::may_pass;
use super::outcome::{CannotRun, Outcome, Second, WorkerOutcome};
use super::shared::{Report, Shared};
use super::worker::{Worker, WorkerResult};
use crate::model::load::{AbortRule, LoadPlan};
use crate::model::plan::RunPlan;
use crate::stats::batches::Batches;
use crate::stats::recorder::CoarseRecorder;
use crate::tls::config::ClientMaterial;

/// Batches kept for the intervals.
const BATCHES: usize = 64;

/// Failed attempts, with no success in the whole run, after which it is given up: at once where trying again would not help, else when
/// every attempt has had the time of `--connect-timeout`.
const HOPELESS: u64 = 8;

/// Refused resumptions, with none accepted in the whole run, after which a run that asks for nothing else is given up. More than may be
/// refused by chance while a server changes its ticket key.
const ALWAYS_REFUSED: u64 = 64;

/// How often the coordinator looks up, if nothing tells it to earlier.
const LOOK_UP: Duration = Duration::from_millis(20);

/// How long workers may need to see the schedule's zero before it comes.
const LEAD: Ns = 10_000_000;

/// What the run tells while it goes.
#[derive(Debug)]
pub enum Event<'a> {
    /// The workers make and open connections.
    Opening,
    /// The schedule has begun; the measure window follows after the warm-up.
    Warmup,
    /// The measure window is open.
    WindowOpened,
    /// What all workers did in one slice of the window, and how far the window has got.
    Slice {
        /// The merged slice.
        slice: &'a Slice,
        /// Since the window's start.
        at: Duration,
        /// The slice's length.
        length: Duration,
    },
    /// The measure window is over; what is under way may finish.
    WindowClosed,
}

/// The length of a slice: a fraction of a second that divides it, so that a window has about forty at least. A window that `--requests`
/// bounds may be much shorter than planned.
fn slice_length(load: &LoadPlan) -> Ns {
    const LENGTHS_MS: [u64; 7] = [1000, 500, 200, 100, 50, 20, 10];
    let most = if load.max_requests.is_some() { 20 } else { u64::MAX };
    let wanted = (load.duration.as_millis() as u64 / 40).min(most);
    let ms = LENGTHS_MS.into_iter().find(|ms| *ms <= wanted).unwrap_or(10);
    ms * 1_000_000
}

/// Makes the load that `plan` describes on `addresses`, and tells `observe` how it goes.
///
/// # Errors
/// [`CannotRun`] when there is nothing to report: no handshake succeeded, no session could be had to resume, no worker could be made.
pub fn run(
    plan: &RunPlan,
    material: &ClientMaterial,
    addresses: &[SocketAddr],
    stop: &StopFlag,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<Outcome, CannotRun> {
    let stop = &stop.of_a_run();
    let name = plan.target.server_name.to_string();
    let bare = name.trim_start_matches('[').trim_end_matches(']').to_owned();
    let server_name = ServerName::try_from(bare).map_err(|_| CannotRun::ServerName(name))?;
    let (reports, inbox) = channel();
    let clock = Clock::start();
    let slice_ns = slice_length(&plan.load);
    let shared = Shared::new(plan, material, addresses, server_name, clock, slice_ns, stop, reports);
    let workers = (0..plan.load.threads())
        .map(|index| Worker::new(&shared, index))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| CannotRun::Worker(error.to_string()))?;
    std::thread::scope(|scope| {
        let mut handles = Vec::with_capacity(workers.len());
        for (index, worker) in workers.into_iter().enumerate() {
            let pin = plan.load.pin;
            let spawned = std::thread::Builder::new().name(format!("worker-{index}")).spawn_scoped(scope, move || {
                if pin {
                    bind_to_core(index);
                }
                worker.run()
            });
            match spawned {
                Ok(handle) => handles.push(handle),
                Err(error) => {
                    stop.raise();
                    return Err(CannotRun::Worker(error.to_string()));
                }
            }
        }
        Coordinator::new(&shared, observe).follow(&inbox, handles)
    })
}

/// Binds the calling thread to the `index`-th core that the process may use. A refusal leaves the thread where it was.
fn bind_to_core(index: usize) {
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
    if let Some(core) = cores.get(index % cores.len().max(1)) {
        let mut set = CpuSet::new();
        set.set(*core);
        let _ = sched_setaffinity(None, &set);
    }
}

/// The state of a run as its coordinator knows it.
struct Coordinator<'a, 'p> {
    shared: &'a Shared<'p>,
    observe: &'a mut dyn FnMut(Event<'_>),
    ready: usize,
    zero: Option<Ns>,
    window_opened: bool,
    window_closed: bool,
    /// Workers whose window is over.
    closed: usize,
    early_failures: Failures,
    /// Those of them that would fail again.
    lasting_failures: u64,
    /// Resumptions refused before any was accepted, and whether the run was given up for it.
    refused: u64,
    never_resumed: bool,
    no_ticket: Option<SocketAddr>,
    /// Slices that not all workers have handed over, with how many have.
    partial: BTreeMap<u64, (Slice, usize)>,
    second: Option<Slice>,
    tail: Slice,
    batches: [Batches; Metric::COUNT],
    slice_rates: Vec<f64>,
    seconds: Vec<Second>,
    intervals: Intervals,
    finished: u64,
    failed: u64,
    aborted_at: Option<f64>,
}

impl<'a, 'p> Coordinator<'a, 'p> {
    fn new(shared: &'a Shared<'p>, observe: &'a mut dyn FnMut(Event<'_>)) -> Self {
        Self {
            shared,
            observe,
            ready: 0,
            zero: None,
            window_opened: false,
            window_closed: false,
            closed: 0,
            early_failures: Failures::default(),
            lasting_failures: 0,
            refused: 0,
            never_resumed: false,
            no_ticket: None,
            partial: BTreeMap::new(),
            second: None,
            tail: Slice::new(0),
            batches: std::array::from_fn(|_| Batches::new(BATCHES)),
            slice_rates: Vec::new(),
            seconds: Vec::new(),
            intervals: Intervals::of(shared.plan.load.duration),
            finished: 0,
            failed: 0,
            aborted_at: None,
        }
    }

    /// Listens until all workers have ended, and merges what they leave behind.
    fn follow(
        mut self,
        inbox: &Receiver<Report>,
        handles: Vec<ScopedJoinHandle<'_, std::io::Result<WorkerResult>>>,
    ) -> Result<Outcome, CannotRun> {
        (self.observe)(Event::Opening);
        while handles.iter().any(|handle| !handle.is_finished()) {
            match inbox.recv_timeout(self.until_next_edge()) {
                Ok(report) => self.take(report),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.watch_phases();
        }
        for report in inbox.try_iter() {
            self.take(report);
        }
        self.watch_phases();
        let results = handles.into_iter().map(|handle| match handle.join() {
            Ok(result) => result.map_err(|error| CannotRun::Worker(error.to_string())),
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let results = results.collect::<Result<Vec<_>, _>>()?;
        self.finish(results)
    }

    fn take(&mut self, report: Report) {
        match report {
            Report::Ready => {
                self.ready += 1;
                if self.ready == self.shared.plan.load.threads() && !self.hopeless() {
                    let zero = self.shared.clock.now() + LEAD;
                    self.zero = Some(zero);
                    self.shared.begin_at(zero);
                    (self.observe)(Event::Warmup);
                } else if self.ready == self.shared.plan.load.threads() {
                    self.shared.stop.raise();
                }
            }
            Report::Slice(slice) => self.take_slice(*slice),
            Report::Tail(slice) => self.tail.merge(&slice),
            Report::FailedBeforeAny(failure) => {
                self.early_failures.add(&failure, 1);
                self.lasting_failures += u64::from(!may_pass(&failure));
                let patience = self.shared.plan.load.connect_timeout.as_nanos() as Ns;
                let counted = if self.shared.clock.now() < patience {
                    self.lasting_failures
                } else {
                    self.early_failures.total()
                };
                if self.hopeless() && counted >= HOPELESS {
                    self.shared.stop.raise();
                }
            }
            Report::RefusedBeforeAny => {
                self.refused += 1;
                let nothing_else = self.shared.plan.tls.resumption.share() == 1.0;
                if nothing_else && self.refused >= ALWAYS_REFUSED && !self.shared.any_resumed() {
                    self.never_resumed = true;
                    self.shared.stop.raise();
                }
            }
            Report::WindowClosed => self.closed += 1,
            Report::NoTicket(address) => {
                if self.shared.any_connected() {
                    self.no_ticket = Some(address);
                    self.shared.stop.raise();
                }
            }
        }
    }

    /// Whether attempts have failed and none has succeeded.
    fn hopeless(&self) -> bool {
        !self.shared.any_connected() && self.early_failures.total() > 0
    }

    /// The window's planned start and end, once the schedule has begun.
    fn window(&self) -> Option<(Ns, Ns)> {
        let load = &self.shared.plan.load;
        let from = self.zero? + load.warmup.as_nanos() as Ns;
        Some((from, from + load.duration.as_nanos() as Ns))
    }

    /// How long to wait for reports: the window's edges are not to be missed, since the server's CPU time is read there.
    fn until_next_edge(&self) -> Duration {
        let Some((from, to)) = self.window() else { return LOOK_UP };
        let now = self.shared.clock.now();
        let edge = if self.window_opened { to } else { from };
        if edge > now { LOOK_UP.min(Duration::from_nanos(edge - now)) } else { LOOK_UP }
    }

    fn watch_phases(&mut self) {
        let Some((from, to)) = self.window() else { return };
        let now = self.shared.clock.now();
        let all_closed = self.closed == self.shared.plan.load.threads();
        if !self.window_opened && now >= from {
            self.window_opened = true;
            (self.observe)(Event::WindowOpened);
        }
        if self.window_opened && !self.window_closed && (now >= to || all_closed) {
            self.window_closed = true;
            (self.observe)(Event::WindowClosed);
        }
    }

    fn take_slice(&mut self, slice: Slice) {
        let index = slice.index;
        let workers = self.shared.plan.load.threads();
        let (merged, handed_over) = self.partial.entry(index).or_insert_with(|| (Slice::new(index), 0));
        merged.merge(&slice);
        *handed_over += 1;
        if *handed_over == workers
            && let Some((complete, _)) = self.partial.remove(&index)
        {
            self.complete_slice(&complete);
        }
    }

    fn complete_slice(&mut self, slice: &Slice) {
        self.push_latencies(slice);
        let length = self.shared.slice_ns;
        self.slice_rates.push(slice.finished as f64 / (length as f64 / 1e9));
        self.finished += slice.finished;
        self.failed += slice.failures;
        self.check_abort_rule();
        let end = (slice.index + 1) * length;
        self.intervals.add(slice, end);
        let (at, length) = (Duration::from_nanos(end), Duration::from_nanos(length));
        (self.observe)(Event::Slice { slice, at, length });
        let second = self.second.get_or_insert_with(|| Slice::new(slice.index));
        second.merge(slice);
        second.open_connections = slice.open_connections;
        second.index = slice.index;
        if end.is_multiple_of(1_000_000_000) {
            self.close_second();
        }
    }

    fn push_latencies(&mut self, slice: &Slice) {
        for (batches, latency) in self.batches.iter_mut().zip(&slice.latencies) {
            match latency {
                Some(latency) => batches.push(latency),
                None => batches.push(&CoarseRecorder::new()),
            }
        }
    }

    fn close_second(&mut self) {
        let Some(slice) = self.second.take() else { return };
        let pair = |metric: Metric| {
            let latency = slice.latencies[metric as usize].as_ref()?;
            Some((latency.quantile(0.5)?, latency.quantile(0.99)?))
        };
        self.seconds.push(Second {
            end: Duration::from_nanos((slice.index + 1) * self.shared.slice_ns).min(self.shared.plan.load.duration),
            requests: slice.requests,
            failures: slice.failures,
            handshakes: slice.handshakes,
            open_connections: slice.open_connections,
            service: pair(Metric::Service),
            response: pair(Metric::Response),
            dispatch_lag_max_ns: slice.dispatch_lag_max_ns,
        });
    }

    fn check_abort_rule(&mut self) {
        let Some(rule) = self.shared.plan.load.abort_on.filter(|_| self.finished >= AbortRule::MIN_SAMPLE) else {
            return;
        };
        let share = self.failed as f64 / self.finished as f64;
        if share > rule.errors_above.as_fraction() && self.aborted_at.is_none() {
            self.aborted_at = Some(share);
            self.shared.stop.raise();
        }
    }

    fn finish(mut self, results: Vec<WorkerResult>) -> Result<Outcome, CannotRun> {
        for (_, (slice, _)) in std::mem::take(&mut self.partial) {
            self.complete_slice(&slice);
        }
        self.close_second();
        let tail = std::mem::replace(&mut self.tail, Slice::new(0));
        self.push_latencies(&tail);
        if let Some(address) = self.no_ticket {
            return Err(CannotRun::NoTicket { address });
        }
        let mut ledger = Ledger::new();
        let mut workers = Vec::with_capacity(results.len());
        let took: Option<Vec<Ns>> = results.iter().map(|result| result.storm_took).collect();
        let storm_took = took.and_then(|took| took.into_iter().max()).map(Duration::from_nanos);
        for WorkerResult { ledger: one, usage, window, storm_took: _ } in results {
            ledger.merge(&one);
            // One that `--requests` left nothing to do was watched for no time that says anything.
            let share = if window.is_zero() || usage.watched.is_zero() {
                0.0
            } else {
                usage.busy.div_duration_f64(usage.watched)
            };
            workers.push(WorkerOutcome {
                busy: share.min(1.0),
                cpu: usage.cpu,
                dispatch_lag_max_ns: one.latencies[Metric::DispatchLag as usize].max_ns(),
                gaps: usage.gaps,
                watched: usage.watched,
                window,
            });
        }
        if let Some(why) = self.nothing_to_describe(&ledger) {
            return Err(why);
        }
        let interrupted = self.shared.stop.is_raised() && self.aborted_at.is_none();
        let window = workers.iter().map(|worker| worker.window).max().unwrap_or_default();
        // In a slice that some worker did not see to its end, the rate is not that of all.
        let complete = workers.iter().map(|worker| worker.window.as_nanos() as Ns / self.shared.slice_ns).min();
        self.slice_rates.truncate(complete.unwrap_or(0) as usize);
        if let Some(last) = self.seconds.last_mut() {
            // A run that ended early ended within its last slice.
            last.end = last.end.min(window);
        }
        let drained = self.shared.clock.now().saturating_sub(self.window().map_or(0, |(from, _)| from));
        Ok(Outcome {
            ledger,
            intervals: self.intervals.finish(window.as_nanos() as Ns, &tail, drained),
            batches: self.batches,
            slice_rates: self.slice_rates,
            seconds: self.seconds,
            window,
            storm_took,
            workers,
            interrupted,
            aborted_at: self.aborted_at,
            clock_disagreement: self.shared.clock.disagreement(),
            elapsed: Duration::from_nanos(self.shared.clock.now()),
        })
    }

    /// Why the run was none: no connection at all, or none of the only kind that was asked for.
    fn nothing_to_describe(&self, ledger: &Ledger) -> Option<CannotRun> {
        if !self.shared.any_connected() {
            let most = ledger.connect_failures.iter().max_by_key(|(_, n)| *n);
            return Some(match most {
                Some((failure, n)) => {
                    CannotRun::NoHandshake { failure: failure.clone(), mixed: n < ledger.connect_failures.total() }
                }
                None => CannotRun::Interrupted,
            });
        }
        let only_resumed = self.shared.plan.tls.resumption.share() == 1.0;
        let (refused, resumed) = (ledger.counts.resumption_refused, ledger.negotiated.keys().any(|key| key.resumed));
        // A run that the user ended early may just not have come to the first: it keeps its document.
        let decided = self.never_resumed || !self.shared.stop.is_raised();
        (only_resumed && refused > 0 && !resumed && decided).then_some(CannotRun::NeverResumed { refused })
    }
}
