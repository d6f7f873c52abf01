//! Makes the measurements of a plan: round by round, each round in an order of its own, so that what drifts (the core's frequency, other
//! programs) meets all alike.

use std::time::{Duration, Instant};

use super::CryptoError;
use super::plan::{Arm, CryptoPlan, MEASURED_SHARE, PREPARING, SHORTEST, quota};
use crate::bench::exchange::Exchange;
use crate::bench::handshake::Handshakes;
use crate::bench::lane::{Lane, LaneSpec};
use crate::bench::openssl::{Printed, Speed};
use crate::bench::record_layer::RecordLayer;
use crate::bench::signature::Signature;
use crate::bench::timing::{Quota, Sample, Stopwatch, repetition, together};
use crate::bench::{BenchError, Identity};
use crate::engine::control::StopFlag;
use crate::model::crypto::Operation;
use crate::pacing::mix;

/// What is told while it goes: about how much of how much is done, and what comes next.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// About what has been spent.
    pub done: Duration,
    /// About what all of it takes.
    pub total: Duration,
    /// What comes next.
    pub next: &'a str,
}

/// What was measured, in the order of the plan.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// Per arm, per part (of two: the sender's and the receiver's, the client's and the server's), nanoseconds for each repetition.
    pub(super) ns: Vec<[Vec<f64>; 2]>,
    /// The measuring threads' shares of the processor, for one thread and for several.
    pub(super) cpu_shares: [Vec<f64>; 2],
    /// What OpenSSL printed.
    pub(super) printed: Vec<(Speed, Printed)>,
    /// What it could not do.
    pub(super) missing: Vec<BenchError>,
}

/// An arm that is ready to be measured again and again.
enum Ready {
    Records(LaneSpec, usize),
    RecordLayer(RecordLayer, usize),
    Exchange(Exchange),
    Signature(Signature),
    Handshakes(Box<Handshakes>),
}

/// Measures all of `plan`, or as much of it as there is time for until `stop` is raised.
pub(super) fn measure(
    plan: &CryptoPlan,
    stop: &StopFlag,
    observe: &mut dyn FnMut(Step<'_>),
) -> Result<Measured, CryptoError> {
    let mut progress = Progress::new(plan, observe);
    progress.tell(Duration::ZERO, "keys and certificates");
    let (identity, watch) = (Identity::new()?, Stopwatch::default());
    let mut ready = plan.arms.iter().map(|arm| prepare(arm, &identity)).collect::<Result<Vec<_>, _>>()?;
    let mut measured = Measured { ns: vec![Default::default(); ready.len()], ..Measured::default() };
    let mut pace = Pace::start(plan);
    for round in 0..plan.repetitions {
        let quota = pace.quota(round);
        for turn in order(plan, round) {
            if stop.is_raised() {
                return Ok(measured);
            }
            match turn {
                Turn::Own(index) => {
                    progress.tell(plan.repetition_takes(), plan.arms[index].kind());
                    let began = Instant::now();
                    let (parts, sample) = ready[index].measure(&watch, quota)?;
                    pace.took(began.elapsed(), quota);
                    measured.add(index, parts, sample, plan.arms[index].threads() > 1);
                }
                Turn::OpenSsl(index) => {
                    let speed = plan.speeds[index];
                    progress.tell(speed.duration(), "openssl speed");
                    measured.run_openssl(plan, speed, stop);
                }
            }
        }
    }
    Ok(measured)
}

/// Keeps the whole within its budget where the machine is slower than planned, or busy: repetitions to come are made shorter.
struct Pace<'p> {
    plan: &'p CryptoPlan,
    began: Instant,
    /// What repetitions have taken beyond their quota, together and on how many.
    beyond: Duration,
    repetitions: u32,
}

impl<'p> Pace<'p> {
    fn start(plan: &'p CryptoPlan) -> Self {
        Self { plan, began: Instant::now(), beyond: Duration::ZERO, repetitions: 0 }
    }

    fn took(&mut self, time: Duration, quota: Quota) {
        self.beyond += time.saturating_sub(quota.warmup + quota.measured);
        self.repetitions += 1;
    }

    /// For a repetition of round number `round`: the planned one, or as much as is left for it.
    fn quota(&self, round: usize) -> Quota {
        let plan = self.plan;
        let (Some(budget), true) = (plan.budget, self.repetitions > 0) else { return plan.quota };
        let openssl = plan.speeds.iter().enumerate().filter(|(index, _)| index % plan.repetitions >= round);
        let left = budget
            .saturating_sub(PREPARING + self.began.elapsed())
            .saturating_sub(openssl.map(|(_, speed)| speed.duration()).sum());
        let each = left.div_f64((plan.arms.len() * (plan.repetitions - round)) as f64);
        let measured = each.saturating_sub(self.beyond / self.repetitions).mul_f64(MEASURED_SHARE);
        quota(measured.clamp(SHORTEST, plan.quota.measured))
    }
}

/// One measurement in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Own(usize),
    OpenSsl(usize),
}

/// The turns of one round in the order that the seed gives: each arm, and this round's share of what OpenSSL is run for.
fn order(plan: &CryptoPlan, round: usize) -> Vec<Turn> {
    let own = (0..plan.arms.len()).map(Turn::Own);
    let openssl = (0..plan.speeds.len()).filter(|index| index % plan.repetitions == round).map(Turn::OpenSsl);
    let mut turns: Vec<Turn> = own.chain(openssl).collect();
    // A random key for each turn puts them into random order.
    let mut keyed: Vec<(u64, Turn)> = (0_u64..)
        .zip(turns.drain(..))
        .map(|(number, turn)| (mix(plan.seed ^ mix((round as u64) << 32 | number)), turn))
        .collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, turn)| turn).collect()
}

fn prepare(arm: &Arm, identity: &Identity) -> Result<Ready, BenchError> {
    Ok(match *arm {
        Arm::Records(spec, threads) => {
            Lane::prove(spec)?;
            Ready::Records(spec, threads)
        }
        Arm::RecordLayer { provider, suite, record_bytes } => {
            Ready::RecordLayer(RecordLayer::new(provider, suite, identity)?, record_bytes)
        }
        Arm::PublicKey { provider, algorithm, operation: operation @ (Operation::Sign | Operation::Verify) } => {
            let signature = Signature::new(provider, algorithm, operation, identity)?;
            Ready::Signature(signature.ok_or_else(|| BenchError::absent(algorithm.name()))?)
        }
        Arm::PublicKey { provider, algorithm, operation } => {
            let exchange = Exchange::new(provider, algorithm, operation)?;
            Ready::Exchange(exchange.ok_or_else(|| BenchError::absent(algorithm.name()))?)
        }
        Arm::Handshakes(spec) => Ready::Handshakes(Box::new(Handshakes::new(spec, identity)?)),
    })
}

impl Ready {
    /// One repetition: how many parts it has, and what they took.
    fn measure(&mut self, watch: &Stopwatch, quota: Quota) -> Result<(usize, Sample<2>), BenchError> {
        let one = |sample: Sample<1>| (1, Sample { ns: [sample.ns[0], f64::NAN], cpu_share: sample.cpu_share });
        Ok(match self {
            Self::Records(spec, 1) => one(repetition(&mut Lane::new(*spec)?, watch, quota)?),
            Self::Records(spec, threads) => one(together(*threads, || Lane::new(*spec), watch, quota)?),
            Self::RecordLayer(layer, record_bytes) => {
                (2, repetition(&mut layer.connect(*record_bytes)?, watch, quota)?)
            }
            Self::Exchange(exchange) => one(repetition(exchange, watch, quota)?),
            Self::Signature(signature) => one(repetition(signature, watch, quota)?),
            Self::Handshakes(handshakes) => (2, repetition(handshakes.as_mut(), watch, quota)?),
        })
    }
}

impl Measured {
    fn add(&mut self, index: usize, parts: usize, sample: Sample<2>, several: bool) {
        for (kept, ns) in self.ns[index].iter_mut().zip(sample.ns).take(parts) {
            kept.push(ns);
        }
        self.cpu_shares[usize::from(several)].push(sample.cpu_share);
    }

    fn run_openssl(&mut self, plan: &CryptoPlan, speed: Speed, stop: &StopFlag) {
        let Some(Ok(openssl)) = &plan.openssl else { return };
        match openssl.run(speed, &|| stop.is_raised()) {
            Ok(Some(printed)) => self.printed.push((speed, printed)),
            // A terminal's Ctrl-C ends the command too: what is missing then is not its fault.
            Ok(None) => {}
            Err(error) => self.missing.push(error),
        }
    }
}

impl Arm {
    /// What is measured, for the progress line.
    fn kind(self) -> &'static str {
        match self {
            Self::Records(spec, _) => spec.cipher.name(),
            Self::RecordLayer { .. } => "record layer",
            Self::PublicKey { algorithm, .. } => algorithm.name(),
            Self::Handshakes(_) => "handshakes",
        }
    }

    fn threads(self) -> usize {
        if let Self::Records(_, threads) = self { threads } else { 1 }
    }
}

/// How far it has got, by what each piece is expected to take.
struct Progress<'o> {
    observe: &'o mut dyn FnMut(Step<'_>),
    done: Duration,
    total: Duration,
}

impl<'o> Progress<'o> {
    fn new(plan: &CryptoPlan, observe: &'o mut dyn FnMut(Step<'_>)) -> Self {
        let own = plan.repetition_takes().mul_f64((plan.arms.len() * plan.repetitions) as f64);
        let total = own + plan.speeds.iter().map(|speed| speed.duration()).sum::<Duration>();
        Self { observe, done: Duration::ZERO, total }
    }

    /// `next` is about to be done, and takes about `takes`.
    fn tell(&mut self, takes: Duration, next: &str) {
        (self.observe)(Step { done: self.done, total: self.total, next });
        self.done += takes;
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::super::plan::CryptoChoice;
    use super::*;
    use crate::model::crypto::Library;

    #[test]
    fn a_slow_machine_gets_shorter_repetitions_and_no_fast_one_longer_ones() {
        let choice = CryptoChoice { libraries: vec![Library::Ring], ..CryptoChoice::default() };
        let mut plan = CryptoPlan::new(choice, NonZeroUsize::MIN, 7).unwrap();
        let after = |plan: &CryptoPlan, time: Duration| {
            let mut pace = Pace::start(plan);
            assert_eq!(pace.quota(0), plan.quota, "nothing is known yet");
            pace.took(time, plan.quota);
            pace.quota(1)
        };
        let planned = plan.quota.warmup + plan.quota.measured;
        assert_eq!(after(&plan, planned), plan.quota);
        let slower = after(&plan, planned + planned / 2);
        assert!(slower.measured < plan.quota.measured && slower.measured > SHORTEST, "{slower:?}");
        assert_eq!(after(&plan, planned * 100).measured, SHORTEST);
        plan.budget = None;
        assert_eq!(after(&plan, planned * 100), plan.quota, "what was asked for is kept");
    }

    #[test]
    fn each_round_has_every_arm_once_in_an_order_of_its_own() {
        let choice = CryptoChoice { libraries: vec![Library::Ring], ..CryptoChoice::default() };
        let mut plan = CryptoPlan::new(choice, NonZeroUsize::MIN, 7).unwrap();
        plan.speeds = vec![Speed::PublicKey(crate::model::crypto::PublicKey::X25519); 30];
        let rounds: Vec<_> = (0..plan.repetitions).map(|round| order(&plan, round)).collect();
        for round in &rounds {
            let mut own: Vec<_> = round.iter().filter(|turn| matches!(turn, Turn::Own(_))).copied().collect();
            assert!(!own.is_sorted());
            own.sort_unstable();
            assert_eq!(own, (0..plan.arms.len()).map(Turn::Own).collect::<Vec<_>>());
        }
        assert_ne!(rounds[0], rounds[1]);
        let openssl = rounds.iter().flatten().filter(|turn| matches!(turn, Turn::OpenSsl(_)));
        let mut openssl: Vec<_> = openssl.copied().collect();
        openssl.sort_unstable();
        assert_eq!(openssl, (0..30).map(Turn::OpenSsl).collect::<Vec<_>>());
        assert_eq!(order(&plan, 3), rounds[3], "the seed gives the order again");
    }
}
