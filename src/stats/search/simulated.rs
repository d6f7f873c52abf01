//! Servers of which the truth is known, and searches against them: a queue is simulated arrival by arrival, so that times depend on each other as
//! those of a real one do.

use std::time::Duration;

use super::super::batches::Batches;
use super::super::judge::{self, Flow};
use super::super::recorder::{CoarseRecorder, Recorder};
use super::super::simulation::Random;
use super::super::summary::estimates_with;
use super::{Bounds, End, Fault, Next, Order, Search, Settings, Trial, Verdict};

/// Slices of a window, as the engine makes them.
const SLICES: usize = 40;

/// Load before the window.
const WARMUP: f64 = 0.5;

/// What is under way when the window ends has this long to end.
const DRAIN: f64 = 10.0;

/// A server that takes one at a time, first come first served, for exponential times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queue {
    /// Completions per second, if it is never idle.
    pub(super) rate: f64,
    /// After so many seconds of one trial it takes twice as long.
    pub(super) tires_after: f64,
    /// It stands still for two seconds from this second of the search on.
    pub(super) stalls_at: f64,
    /// The generator makes no more than this.
    pub(super) generator: f64,
}

impl Queue {
    pub(super) fn new(rate: f64) -> Self {
        Self { rate, tires_after: f64::INFINITY, stalls_at: f64::INFINITY, generator: f64::INFINITY }
    }

    /// The limit of p99 of response that is just met at `load`: ln 100 ÷ (μ − λ).
    pub(super) fn p99_ns(&self, load: f64) -> u64 {
        (100_f64.ln() / (self.rate - load) * 1e9) as u64
    }

    /// A trial that begins at second `now` of the search, judged against a limit of p99.
    pub(super) fn trial(&self, order: Order, limit_ns: u64, now: f64, random: &mut Random) -> Trial {
        let length = order.duration.as_secs_f64();
        let slice_s = length / SLICES as f64;
        let (mut recorder, mut batches) = (Recorder::new(), Batches::new(64));
        let mut slices = vec![CoarseRecorder::new(); SLICES + 1];
        let mut flow = vec![Flow::default(); SLICES];
        let place = |at: f64| ((at - WARMUP) / slice_s).floor();
        let within = |at: f64| (WARMUP..WARMUP + length).contains(&at);
        let (mut at, mut free) = (0.0, 0.0_f64);
        loop {
            at += random.exponential() / order.load;
            if at >= WARMUP + length {
                break;
            }
            let mut begin = free.max(at);
            if (self.stalls_at..self.stalls_at + 2.0).contains(&(now + begin)) {
                begin = self.stalls_at + 2.0 - now;
            }
            let slowness = if begin > self.tires_after { 2.0 } else { 1.0 };
            free = begin + random.exponential() * slowness / self.rate;
            if within(free) {
                flow[place(free) as usize].ended += 1.0;
            }
            if within(at) {
                flow[place(at) as usize].arrived += 1.0;
                let end = free.min(WARMUP + length + DRAIN);
                let ns = ((end - at) * 1e9) as u64;
                if end < free {
                    recorder.record_censored(ns);
                } else {
                    recorder.record(ns);
                }
                slices[(place(end) as usize).min(SLICES)].record(ns);
            }
        }
        slices.iter().for_each(|slice| batches.push(slice));
        let judged = judge::latency(&estimates_with(&recorder, &batches, 0.99), 0.99, limit_ns, false);
        let overloaded = judge::backlog(&flow).is_some_and(|backlog| backlog.overloaded);
        let (verdict, leans_bad) = Verdict::of(&[judged], overloaded, Fault::None, order.load > self.generator);
        Trial { order, verdict, leans_bad }
    }
}

/// What a search found, and how.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) bounds: Bounds,
    pub(super) end: End,
    pub(super) trials: Vec<Trial>,
}

pub(super) fn settings(p99_of: f64) -> Settings {
    Settings {
        min: p99_of,
        start: 10.0 * p99_of,
        max: None,
        precision: 0.05,
        trial: Duration::from_secs(2),
        longest: Duration::from_secs(30),
        confirm: Duration::from_secs(60),
        budget: Duration::from_secs(600),
        overhead: Duration::from_secs_f64(1.5),
        arrivals: 2000.0,
    }
}

/// Searches with a budget, by what `make` says of each trial at each second.
pub(super) fn search(settings: Settings, budget: f64, mut make: impl FnMut(Order, f64) -> Trial) -> Found {
    let mut search = Search::new(settings);
    let mut now = 0.0;
    loop {
        match search.next(Duration::from_secs_f64((budget - now).max(0.0))) {
            Next::End(end) => return Found { bounds: search.bounds(), end, trials: search.trials },
            Next::Trial(order) => {
                let trial = make(order, now);
                now += order.duration.as_secs_f64() + settings.overhead.as_secs_f64();
                assert!(now <= budget + 1e-6, "{order:?} does not fit into the budget");
                search.record(trial);
            }
        }
    }
}

/// Searches `queue` for the load at which p99 is that of `load`, with ten minutes.
pub(super) fn find(queue: &Queue, load: f64, settings: Settings, seed: u64) -> Found {
    let mut random = Random::new(seed);
    let limit_ns = queue.p99_ns(load);
    search(settings, 600.0, |order, now| queue.trial(order, limit_ns, now, &mut random))
}
