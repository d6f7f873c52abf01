//! What `crypto` measures, how often and for how long: from what a user chose to a plan that fits into a budget.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::bench::BenchError;
use crate::bench::handshake::HandshakeSpec;
use crate::bench::lane::LaneSpec;
use crate::bench::openssl::{OpenSsl, Speed};
use crate::bench::timing::Quota;
use crate::model::crypto::{Direction, Handshake, Library, Operation, PublicKey, RECORD_BYTES};
use crate::model::suite::{Group, KeyType, RecordCipher, Suite, TlsVersion};
use crate::model::tls::Provider;
use crate::units;

/// How long the whole takes where nothing is said: all that `openssl speed` is run for, 87 s where there are several cores, and half a
/// minute for the rest.
pub const BUDGET: Duration = Duration::from_secs(120);

/// How long a quick look takes.
pub const QUICK_BUDGET: Duration = Duration::from_secs(10);

/// Repetitions where nothing is said: the first of these for which the budget suffices. 12 let the interval leave out the two extremes
/// on either side; 6 are the fewest that give one.
const REPETITIONS: [usize; 2] = [12, crate::stats::order::MIN_REPETITIONS];

/// The shortest repetition: many slices, and long against what happens between them.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);

/// The longest: a connection under TLS 1.2 must not run out of records within it.
const LONGEST: Duration = Duration::from_secs(1);

/// Of a budget, what preparing takes once (keys, certificates), and what it takes for each repetition (filling records, connecting).
pub(super) const PREPARING: Duration = Duration::from_millis(800);
const PREPARING_EACH: Duration = Duration::from_micros(600);

/// Of a repetition, the part that counts; the rest is warm-up.
pub(super) const MEASURED_SHARE: f64 = 0.8;

/// Of a budget, the part that `openssl speed` may take, which measures for a second each time and no less: half of it, and what is left
/// when this program's own measurements have [`OWN_TIME`].
const OPENSSL_SHARE: f64 = 0.5;

/// What suffices for this program's own measurements.
const OWN_TIME: Duration = Duration::from_secs(30);

/// What a user chose; empty or `None` where nothing was said.
#[derive(Debug, Clone, Default)]
pub struct CryptoChoice {
    /// `--provider`
    pub libraries: Vec<Library>,
    /// `--threads`
    pub threads: Vec<NonZeroUsize>,
    /// `--repetitions`
    pub repetitions: Option<NonZeroUsize>,
    /// `--time`: of each repetition
    pub time: Option<Duration>,
    /// `--budget`
    pub budget: Option<Duration>,
    /// `--openssl`: the command, by name or path
    pub openssl: Option<PathBuf>,
    /// `--seed`
    pub seed: Option<u64>,
}

/// Everything that decides what is measured.
#[derive(Debug, Clone)]
pub struct CryptoPlan {
    /// What was asked for, each once.
    pub(super) libraries: Vec<Library>,
    /// The numbers of threads for records, each once, lowest first.
    pub(super) threads: Vec<usize>,
    pub(super) repetitions: usize,
    pub(super) quota: Quota,
    pub(super) budget: Option<Duration>,
    pub(super) seed: u64,
    /// `None` where it was not asked for; an error where it cannot be run.
    pub(super) openssl: Option<Result<OpenSsl, BenchError>>,
    /// What `openssl speed` is run for.
    pub(super) speeds: Vec<Speed>,
    /// What it would be run for if the budget were longer.
    pub(super) left_out: Vec<Speed>,
    /// What is measured by this program.
    pub(super) arms: Vec<Arm>,
}

/// One of this program's own measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arm {
    /// Records of one algorithm, by so many threads.
    Records(LaneSpec, usize),
    /// Records through a connection.
    RecordLayer { provider: Provider, suite: Suite, record_bytes: usize },
    /// A public-key operation.
    PublicKey { provider: Provider, algorithm: PublicKey, operation: Operation },
    /// Handshakes.
    Handshakes(HandshakeSpec),
}

impl CryptoPlan {
    /// The plan of `choice` on a machine with `cores` hardware threads. Asks the OpenSSL that is to be measured for its version.
    ///
    /// # Errors
    /// A sentence that names the option that does not fit, and the way out.
    pub fn new(choice: CryptoChoice, cores: NonZeroUsize, seed: u64) -> Result<Self, String> {
        let CryptoChoice { libraries, threads, repetitions, time, budget, openssl, seed: chosen_seed } = choice;
        let libraries = each_once(if libraries.is_empty() { Library::ALL.to_vec() } else { libraries });
        let threads = if threads.is_empty() {
            vec![1, cores.get()]
        } else {
            threads.into_iter().map(NonZeroUsize::get).collect()
        };
        let threads = each_once(threads);
        // Threads that wait for each other's cores measure the scheduler.
        if let Some(too_many) = threads.iter().find(|n| **n > cores.get()) {
            return Err(format!(
                "--threads {too_many} is more than this machine's {cores} hardware threads, and they would wait for each other; \
                 name at most {cores}"
            ));
        }
        let openssl = libraries
            .contains(&Library::OpenSsl)
            .then(|| OpenSsl::find(&openssl.unwrap_or_else(|| PathBuf::from("openssl"))));
        let arms = arms(&libraries, &threads);
        let runs = if openssl.as_ref().is_some_and(Result::is_ok) { speeds(&threads) } else { Vec::new() };
        let (speeds, left_out, repetitions, quota, budget) = match time {
            Some(time) => {
                if !(SHORTEST..=LONGEST).contains(&time) {
                    return Err(format!(
                        "--time {}: a repetition takes between {} and {}",
                        units::duration(time),
                        units::duration(SHORTEST),
                        units::duration(LONGEST)
                    ));
                }
                let speeds = runs.into_iter().flatten().collect();
                (speeds, Vec::new(), repetitions.map_or(REPETITIONS[0], NonZeroUsize::get), quota(time), None)
            }
            None => {
                let budget = budget.unwrap_or(BUDGET);
                let for_openssl = budget.mul_f64(OPENSSL_SHARE).max(budget.saturating_sub(OWN_TIME));
                let (speeds, left_out) = within(runs, if arms.is_empty() { budget } else { for_openssl });
                if let (true, true, Some(Ok(_))) = (arms.is_empty(), speeds.is_empty(), &openssl) {
                    return Err(format!(
                        "--budget {} is too short for openssl speed, which measures for a second each time: {} s suffice",
                        units::duration(budget),
                        RecordCipher::ALL.len()
                    ));
                }
                let left = budget.saturating_sub(speeds.iter().map(|speed| speed.duration()).sum());
                let (repetitions, quota) = fit(left, arms.len(), repetitions, budget)?;
                (speeds, left_out, repetitions, quota, Some(budget))
            }
        };
        let seed = chosen_seed.unwrap_or(seed);
        Ok(Self { libraries, threads, repetitions, quota, budget, seed, openssl, speeds, left_out, arms })
    }

    /// The least budget, in whole seconds, in which `openssl speed` is run for all.
    pub(super) fn budget_for_all(&self) -> Duration {
        let openssl: Duration = self.speeds.iter().chain(&self.left_out).map(|speed| speed.duration()).sum();
        if self.arms.is_empty() { openssl } else { (openssl * 2).min(openssl + OWN_TIME) }
    }

    /// About how long one repetition of one of this program's own measurements takes.
    pub(super) fn repetition_takes(&self) -> Duration {
        self.quota.warmup + self.quota.measured + PREPARING_EACH
    }
}

fn each_once<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort_unstable();
    values.dedup();
    values
}

pub(super) fn quota(measured: Duration) -> Quota {
    Quota { warmup: measured.mul_f64(1.0 / MEASURED_SHARE - 1.0), measured }
}

/// How often and how long each of `arms` is measured, so that all of it takes `left`.
fn fit(left: Duration, arms: usize, chosen: Option<NonZeroUsize>, budget: Duration) -> Result<(usize, Quota), String> {
    let offered = chosen.map_or(REPETITIONS.to_vec(), |n| vec![n.get()]);
    if arms == 0 {
        return Ok((offered[0], quota(SHORTEST)));
    }
    let time = |repetitions: usize| {
        let each = left.saturating_sub(PREPARING).div_f64((arms * repetitions) as f64);
        each.saturating_sub(PREPARING_EACH).mul_f64(MEASURED_SHARE)
    };
    if let Some(repetitions) = offered.iter().find(|n| time(**n) >= SHORTEST) {
        return Ok((*repetitions, quota(time(*repetitions).min(LONGEST))));
    }
    let fewest = offered.last().copied().unwrap_or(1);
    // What OpenSSL takes of a longer budget is unknown here: half of it at the most.
    let needed = (SHORTEST.div_f64(MEASURED_SHARE) + PREPARING_EACH).mul_f64((arms * fewest) as f64) + PREPARING;
    let seconds = needed.div_f64(1.0 - OPENSSL_SHARE).as_secs_f64().ceil();
    let budget = units::duration(budget);
    Err(format!(
        "--budget {budget} is too short for {fewest} repetitions of {arms} measurements: {seconds} s suffice; or measure less with \
         --provider, --threads or --repetitions"
    ))
}

/// As many of `groups`, in their order, as fit into `time`, and the rest; a group is measured whole or not at all.
fn within(groups: Vec<Vec<Speed>>, time: Duration) -> (Vec<Speed>, Vec<Speed>) {
    let mut taken = Duration::ZERO;
    let fits = |group: &&Vec<Speed>| {
        taken += group.iter().map(|speed| speed.duration()).sum::<Duration>();
        taken <= time
    };
    let fitting = groups.iter().take_while(fits).count();
    let (measured, left_out) = groups.split_at(fitting);
    (measured.concat(), left_out.concat())
}

/// What `openssl speed` could be run for, in groups, the most telling first: the four algorithms at one size in one direction, so that they
/// can be compared; one public-key algorithm.
fn speeds(threads: &[usize]) -> Vec<Vec<Speed>> {
    let records = |threads: usize, sizes: &[usize]| -> Vec<Vec<Speed>> {
        let of = |record_bytes: usize, direction: Direction| {
            RecordCipher::ALL.map(|cipher| Speed::Cipher { cipher, direction, record_bytes, threads }).to_vec()
        };
        sizes.iter().flat_map(|size| Direction::ALL.map(|direction| of(*size, direction))).collect()
    };
    let [smallest, small, middle, large, largest] = RECORD_BYTES;
    let one = threads.iter().copied().min().unwrap_or(1);
    let keys = [PublicKey::X25519, PublicKey::EcdsaP256, PublicKey::Rsa2048, PublicKey::P256, PublicKey::P384];
    let mut groups = records(one, &[largest, smallest, middle]);
    groups.extend(keys.map(|algorithm| vec![Speed::PublicKey(algorithm)]));
    groups.extend(records(one, &[large, small]));
    for several in threads.iter().copied().filter(|n| *n != one) {
        groups.extend(records(several, &[largest, smallest, middle, large, small]));
    }
    groups
}

/// This program's own measurements, by kind.
fn arms(libraries: &[Library], threads: &[usize]) -> Vec<Arm> {
    let mut arms = Vec::new();
    for provider in libraries.iter().filter_map(|library| library.provider()) {
        for cipher in RecordCipher::ALL {
            for direction in Direction::ALL {
                for record_bytes in RECORD_BYTES {
                    let spec = LaneSpec { provider, cipher, direction, record_bytes };
                    arms.extend(threads.iter().map(|threads| Arm::Records(spec, *threads)));
                }
            }
        }
        for suite in record_layer_suites() {
            arms.extend(RECORD_BYTES.map(|record_bytes| Arm::RecordLayer { provider, suite, record_bytes }));
        }
        for algorithm in PublicKey::ALL.into_iter().filter(|algorithm| algorithm.is_in(provider)) {
            let operations = algorithm.operations().iter();
            arms.extend(operations.map(|operation| Arm::PublicKey { provider, algorithm, operation: *operation }));
        }
        arms.extend(handshakes(provider).into_iter().map(Arm::Handshakes));
    }
    arms
}

/// One suite for each record protection in each version: the key in the certificate makes no difference to records.
fn record_layer_suites() -> impl Iterator<Item = Suite> {
    Suite::all().filter(|suite| suite.key_type() != Some(KeyType::Rsa))
}

/// Each suite with each kind of key, full and resumed, over X25519; and the other groups with the first suite.
fn handshakes(provider: Provider) -> Vec<HandshakeSpec> {
    let spec = |suite, key_type, group, kind| HandshakeSpec { provider, suite, key_type, group, kind };
    let mut specs = Vec::new();
    for suite in Suite::all() {
        let keys = suite.key_type().map_or(vec![KeyType::Ecdsa, KeyType::Rsa], |key_type| vec![key_type]);
        specs.extend(keys.iter().map(|key_type| spec(suite, *key_type, Group::X25519, Handshake::Full)));
        // A resumption shows no certificate.
        specs.push(spec(suite, keys[0], Group::X25519, Handshake::Resumed));
    }
    let first = Suite::Aes128GcmSha256;
    debug_assert_eq!(first.version(), TlsVersion::V13);
    for group in provider.groups().iter().copied().filter(|group| *group != Group::X25519) {
        specs.push(spec(first, KeyType::Ecdsa, group, Handshake::Full));
    }
    specs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(choice: CryptoChoice) -> Result<CryptoPlan, String> {
        CryptoPlan::new(choice, NonZeroUsize::new(4).unwrap(), 1)
    }

    /// A choice that needs no OpenSSL.
    fn own() -> CryptoChoice {
        CryptoChoice { libraries: vec![Library::Ring, Library::AwsLc, Library::Ring], ..CryptoChoice::default() }
    }

    #[test]
    fn all_that_was_asked_for_is_measured_once() {
        let plan = plan(own()).unwrap();
        assert_eq!(
            (plan.libraries.as_slice(), plan.threads.as_slice()),
            (&[Library::AwsLc, Library::Ring][..], &[1, 4][..])
        );
        let records = plan.arms.iter().filter(|arm| matches!(arm, Arm::Records(..))).count();
        assert_eq!(records, 2 * 4 * 2 * 5 * 2, "libraries, algorithms, directions, sizes, numbers of threads");
        let layer = plan.arms.iter().filter(|arm| matches!(arm, Arm::RecordLayer { .. })).count();
        assert_eq!(layer, 2 * 6 * 5);
        let mut seen = plan.arms.iter().map(|arm| format!("{arm:?}")).collect::<Vec<_>>();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), plan.arms.len());
        let ml_kem =
            plan.arms.iter().filter(|arm| matches!(arm, Arm::PublicKey { algorithm: PublicKey::MlKem768, .. }));
        assert!(
            ml_kem.clone().count() == 3
                && ml_kem.clone().all(|arm| matches!(arm, Arm::PublicKey { provider: Provider::AwsLc, .. }))
        );
        for suite in Suite::all() {
            for kind in [Handshake::Full, Handshake::Resumed] {
                let found = plan
                    .arms
                    .iter()
                    .any(|arm| matches!(arm, Arm::Handshakes(spec) if spec.suite == suite && spec.kind == kind));
                assert!(found, "{suite} {kind:?}");
            }
        }
    }

    #[test]
    fn the_budget_is_kept() {
        for (budget, expected) in [(5, 6), (120, 12), (600, 12)] {
            let budget = Duration::from_secs(budget);
            let plan = plan(CryptoChoice { budget: Some(budget), ..own() }).unwrap();
            assert_eq!(plan.repetitions, expected, "{budget:?}");
            let takes = plan.repetition_takes().mul_f64((plan.arms.len() * plan.repetitions) as f64) + PREPARING;
            // But for the nanoseconds that rounding adds to each.
            let most = budget + Duration::from_millis(1);
            assert!(takes <= most && takes > budget.mul_f64(0.9), "{takes:?} of {budget:?}");
            assert!(plan.quota.measured >= SHORTEST);
        }
    }

    #[test]
    fn what_openssl_takes_is_bounded_and_comparable() {
        for (seconds, ciphers, keys) in [(1, 0, 0), (4, 4, 0), (10, 8, 0), (30, 24, 4), (300, 80, 5)] {
            let (taken, left_out) = within(speeds(&[1, 4]), Duration::from_secs(seconds));
            assert_eq!(taken.len() + left_out.len(), 85, "what is not measured is known");
            let found = taken.iter().filter(|speed| matches!(speed, Speed::Cipher { .. })).count();
            assert_eq!((found, taken.len() - found), (ciphers, keys), "{seconds} s");
            assert_eq!(found % RecordCipher::ALL.len(), 0, "each algorithm at each size, or none");
            let mut once = taken.iter().map(|speed| format!("{speed:?}")).collect::<Vec<_>>();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), taken.len());
        }
    }

    #[test]
    fn the_default_covers_all_that_openssl_can_do() {
        let groups = speeds(&[1, 4]);
        for threads in [1, 4] {
            for (cipher, direction) in RecordCipher::ALL.into_iter().flat_map(|c| Direction::ALL.map(|d| (c, d))) {
                for record_bytes in RECORD_BYTES {
                    let wanted = Speed::Cipher { cipher, direction, record_bytes, threads };
                    assert!(groups.concat().contains(&wanted), "{wanted:?}");
                }
            }
        }
        let (measured, left_out) = within(groups, BUDGET.saturating_sub(OWN_TIME));
        assert_eq!((measured.len(), left_out.len()), (85, 0));
    }

    #[test]
    fn what_does_not_fit_names_the_option_and_the_way_out() {
        let budget = plan(CryptoChoice { budget: Some(Duration::from_secs(1)), ..own() }).unwrap_err();
        assert!(budget.contains("--budget 1s") && budget.contains("--provider"), "{budget}");
        let time = plan(CryptoChoice { time: Some(Duration::from_micros(3)), ..own() }).unwrap_err();
        assert!(time.contains("--time 3us") && time.contains("1ms"), "{time}");
        let of = |n: usize| CryptoChoice { threads: vec![NonZeroUsize::new(n).unwrap()], ..own() };
        let threads = plan(of(5)).unwrap_err();
        assert!(threads.contains("--threads 5") && threads.contains("4 hardware threads"), "{threads}");
        assert!(plan(of(4)).is_ok());
        let nowhere = CryptoChoice { openssl: Some("/nowhere/openssl".into()), ..CryptoChoice::default() };
        // Beside others it is only missing.
        let beside = plan(nowhere).unwrap();
        assert!(beside.speeds.is_empty() && matches!(beside.openssl, Some(Err(_))));
    }
}
