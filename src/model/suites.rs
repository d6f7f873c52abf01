//! A comparison of suites: which arms, under which workloads, in which order, and the plan of each of its runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::load::{LoadChoice, LoadPlan, RequestsPerConnection, Unit};
use super::plan::RunPlan;
use super::request::{Method, RequestPlan};
use super::suite::{KeyType, RecordCipher, Suite, TlsVersion};
use super::target::Target;
use super::tls::{Resumption, TlsPlan};
use crate::units::{ByteCount, Rate};

mod extent;

pub use extent::Extent;

/// Which way an object goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the server.
    Download,
    /// To the server.
    Upload,
}

impl Direction {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Upload => "upload",
        }
    }
}

/// What an arm is loaded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Workload {
    /// New connections with full handshakes, and nothing sent.
    FullHandshake,
    /// New connections that resume a session, and nothing sent.
    ResumedHandshake,
    /// The plan's own request on kept connections.
    Request,
    /// An object of so many bytes, on kept connections.
    Bulk(Direction, u64),
}

impl Workload {
    /// The name in documents, which leaves direction and size out.
    pub fn name(self) -> &'static str {
        match self {
            Self::FullHandshake => "full_handshake",
            Self::ResumedHandshake => "resumed_handshake",
            Self::Request => "request",
            Self::Bulk(..) => "bulk",
        }
    }

    /// What is counted: handshakes or requests.
    pub fn counts_handshakes(self) -> bool {
        matches!(self, Self::FullHandshake | Self::ResumedHandshake)
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FullHandshake => f.write_str("full handshakes"),
            Self::ResumedHandshake => f.write_str("resumed handshakes"),
            Self::Request => f.write_str("small requests"),
            Self::Bulk(direction, bytes) => write!(f, "{} of {}", direction.name(), ByteCount(*bytes)),
        }
    }
}

/// A kind of workload, as on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // as those of `Workload`
pub enum WorkloadKind {
    FullHandshake,
    ResumedHandshake,
    Request,
    Download,
    Upload,
}

impl WorkloadKind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] =
        [Self::FullHandshake, Self::ResumedHandshake, Self::Request, Self::Download, Self::Upload];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::FullHandshake => "full",
            Self::ResumedHandshake => "resumed",
            Self::Request => "request",
            Self::Download => "download",
            Self::Upload => "upload",
        }
    }
}

impl FromStr for WorkloadKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text.trim());
        found.ok_or_else(|| format!("'{text}' is not a workload; use some of {}", names()))
    }
}

/// One thing that is compared: a suite with one type of certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arm {
    /// The suite.
    pub suite: Suite,
    /// The type of the server's certificate.
    pub certificate: KeyType,
    /// Whether this is the baseline again under another name, to show what differs where nothing does.
    pub control: bool,
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.suite.openssl())?;
        if self.suite.key_type().is_none() {
            write!(f, " ({})", self.certificate)?;
        }
        f.write_str(if self.control { ", again" } else { "" })
    }
}

/// How hard an arm is loaded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Intensity {
    /// As much as it takes: a closed loop.
    Full,
    /// Arrivals at this rate, whatever it could take.
    At(Rate),
}

/// Where objects of a size are found at the endpoint, and where they may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objects {
    /// Path and query of a download; `{bytes}` stands for the size.
    download: String,
    /// Path and query of an upload.
    upload: String,
}

/// What stands for an object's size in the path of a download.
const SIZE: &str = "{bytes}";

impl Objects {
    /// The paths, each of which must start with `/`; that of downloads must hold `{bytes}`.
    ///
    /// # Errors
    /// A sentence that names the option and what it should look like.
    pub fn new(download: &str, upload: &str) -> Result<Self, String> {
        for (option, path) in [("--download", download), ("--upload", upload)] {
            if !path.starts_with('/') || path.contains(|c: char| c.is_control() || c == ' ' || !c.is_ascii()) {
                return Err(format!(
                    "{option} '{path}' is not a path such as /files/1; percent-encode what is not ASCII"
                ));
            }
        }
        if !download.contains(SIZE) {
            return Err(format!("--download '{download}' does not say where the size goes; write it as /bytes/{SIZE}"));
        }
        Ok(Self { download: download.to_owned(), upload: upload.to_owned() })
    }

    /// The path of a download of `bytes`.
    pub fn download(&self, bytes: u64) -> String {
        self.download.replace(SIZE, &bytes.to_string())
    }
}

/// What a user chose of a comparison, beyond target, request and TLS.
#[derive(Debug, Clone)]
pub struct SuitesChoice {
    /// `--workload`; empty: all.
    pub workloads: Vec<WorkloadKind>,
    /// `--size`, for downloads and uploads.
    pub sizes: Vec<u64>,
    /// Where the objects are.
    pub objects: Objects,
    /// `--baseline`
    pub baseline: Option<Suite>,
    /// `--rounds`
    pub rounds: u32,
    /// `--trial`
    pub trial: Duration,
    /// `--load-share`: the common rate at which response times are taken, as a share of what the slowest arm carries; `None`: none are.
    pub load_share: Option<f64>,
    /// Whether the suites of TLS 1.3 are used with each type of certificate, or with the first only.
    pub every_certificate: bool,
    /// `--seed`
    pub seed: u64,
    /// Connections, threads and the like; pace, unit and times are each trial's own.
    pub load: LoadChoice,
    /// The hardware threads that this process may use.
    pub cores: NonZeroUsize,
}

/// A comparison, complete. Built by [`SuitesPlan::new`], so that each of its runs has a plan.
#[derive(Debug, Clone)]
pub struct SuitesPlan {
    target: Target,
    request: RequestPlan,
    tls: TlsPlan,
    choice: SuitesChoice,
    workloads: Vec<Workload>,
    arms: Vec<Arm>,
    /// The bodies of uploads, shared by all runs.
    bodies: BTreeMap<u64, Arc<[u8]>>,
}

/// The fewest rounds that an interval can be made of, and the most that anybody would wait for.
pub const ROUNDS: std::ops::RangeInclusive<u32> = 5..=1000;

/// The largest object.
const MAX_OBJECT: u64 = 1 << 30;

/// The shortest time in which anything can be measured.
const MIN_TRIAL: Duration = Duration::from_millis(100);

/// How long each trial is loaded before it is measured, as a share of the measured time.
const WARMUP_SHARE: f64 = 0.2;

impl SuitesPlan {
    /// The comparison of the suites of `tls` with each type of certificate that it allows.
    ///
    /// # Errors
    /// A sentence that names the option that is out of range, or that contradicts another.
    pub fn new(target: Target, request: RequestPlan, tls: TlsPlan, choice: SuitesChoice) -> Result<Self, String> {
        if !ROUNDS.contains(&choice.rounds) {
            return Err(format!(
                "--rounds {} is out of range; use {} to {}",
                choice.rounds,
                ROUNDS.start(),
                ROUNDS.end()
            ));
        }
        if choice.load_share.is_some_and(|share| !(0.05..=0.95).contains(&share)) {
            return Err("--load-share is out of range; use 5% to 95%".to_owned());
        }
        if tls.resumption != Resumption::Full {
            return Err("--resumption is chosen by the workloads here; use --workload full,resumed".to_owned());
        }
        let arms = arms(&tls, choice.every_certificate);
        if let Some(baseline) = choice.baseline
            && !arms.iter().any(|arm| arm.suite == baseline)
        {
            return Err(format!("--baseline {baseline} is not one of the suites that are compared; add it to --suite"));
        }
        if choice.trial < MIN_TRIAL {
            return Err(format!("--trial {:?} is too short to measure anything; use at least 100ms", choice.trial));
        }
        let workloads = workloads(&choice)?;
        let sizes = workloads.iter().filter_map(|workload| match workload {
            Workload::Bulk(Direction::Upload, bytes) => Some(*bytes),
            _ => None,
        });
        let bodies = sizes.map(|bytes| (bytes, vec![b'x'; bytes as usize].into())).collect();
        let plan = Self { target, request, tls, choice, workloads, arms, bodies };
        // Whatever a run's plan could object to shows in the first.
        for workload in &plan.workloads {
            plan.run_plan(plan.arms[0], *workload, Intensity::Full, 0)?;
        }
        Ok(plan)
    }

    /// The arms, controls left out, in the order in which they are shown: those of one certificate type together.
    pub fn arms(&self) -> &[Arm] {
        &self.arms
    }

    /// The workloads, in the order in which they are shown.
    pub fn workloads(&self) -> &[Workload] {
        &self.workloads
    }

    /// How many rounds are measured.
    pub fn rounds(&self) -> u32 {
        self.choice.rounds
    }

    /// The measured time of each run.
    pub fn trial(&self) -> Duration {
        self.choice.trial
    }

    /// What decides the orders and the arrivals.
    pub fn seed(&self) -> u64 {
        self.choice.seed
    }

    /// The common rate as a share of what the slowest arm carries, where response times are taken at one.
    pub fn load_share(&self) -> Option<f64> {
        self.choice.load_share
    }

    /// The load of every run, as far as it is the same for all, and the time for which each is loaded before it is measured.
    pub fn load(&self) -> (LoadPlan, Duration) {
        let run = self.run_plan(self.arms[0], self.workloads[0], Intensity::Full, 0);
        let load = run.expect("this plan was made when the comparison was").load;
        (load, self.choice.trial.mul_f64(WARMUP_SHARE))
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The request of [`Workload::Request`].
    pub fn request(&self) -> &RequestPlan {
        &self.request
    }

    /// TLS as it is the same for all arms: groups, trust, provider.
    pub fn tls(&self) -> &TlsPlan {
        &self.tls
    }

    /// `--baseline`, where it names one.
    pub fn named_baseline(&self) -> Option<Suite> {
        self.choice.baseline
    }

    /// Of the `accepted` arms with this type of certificate, the one that the others are compared with: `--baseline`, or the first of
    /// AES-128-GCM in TLS 1.2, AES-128-GCM in TLS 1.3, any.
    pub fn baseline(&self, accepted: &[Arm], certificate: KeyType) -> Option<Arm> {
        let rank = |arm: &Arm| {
            let gcm = arm.suite.cipher() == RecordCipher::Aes128Gcm;
            (self.choice.baseline != Some(arm.suite), !(gcm && arm.suite.version() == TlsVersion::V12), !gcm)
        };
        accepted.iter().filter(|arm| arm.certificate == certificate).min_by_key(|arm| rank(arm)).copied()
    }

    /// The order of `count` things in a round, the same for the same seed: `what` tells orders of one round apart.
    pub fn order(&self, round: u32, what: u64, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        let mut random = fastrand::Rng::with_seed(self.choice.seed ^ (u64::from(round) << 32) ^ (what << 16));
        random.shuffle(&mut order);
        order
    }

    /// The plan of one run. All arms of a round see the same arrivals.
    ///
    /// # Errors
    /// A sentence that names the option that the run could not do with.
    pub fn run_plan(&self, arm: Arm, workload: Workload, load: Intensity, round: u32) -> Result<RunPlan, String> {
        let mut tls = self.tls.narrowed(arm.suite, arm.certificate)?;
        if workload == Workload::ResumedHandshake {
            tls.resumption = Resumption::Resumed;
        }
        let rate = match load {
            Intensity::Full => None,
            Intensity::At(rate) => Some(rate),
        };
        let handshakes = workload.counts_handshakes();
        let choice = LoadChoice {
            rate,
            seed: rate.map(|_| self.choice.seed.wrapping_add(u64::from(round))),
            unit: (handshakes && rate.is_some()).then_some(Unit::Sessions),
            duration: Some(self.choice.trial),
            warmup: Some(self.warmup(arm, workload, rate.is_some(), round)),
            requests_per_connection: Some(if handshakes {
                RequestsPerConnection::HandshakeOnly
            } else {
                RequestsPerConnection::Unlimited
            }),
            ..self.choice.load.clone()
        };
        let load = LoadPlan::new(choice, self.choice.cores, self.choice.seed)?;
        Ok(RunPlan { target: self.target.clone(), request: self.request_of(workload), tls, load })
    }

    /// How long a run is loaded before it is measured. At full load connections that wait for the same server run in step, and a window
    /// holds a whole number of their turns: at which point of a turn it begins must be chance, or every round would be off by the same.
    fn warmup(&self, arm: Arm, workload: Workload, paced: bool, round: u32) -> Duration {
        let warmup = self.choice.trial.mul_f64(WARMUP_SHARE);
        if paced {
            return warmup;
        }
        let mut hasher = DefaultHasher::new();
        (self.choice.seed, round, arm, workload).hash(&mut hasher);
        warmup.mul_f64(0.5 + fastrand::Rng::with_seed(hasher.finish()).f64())
    }

    /// A run of one piece of work, to see whether the endpoint takes it.
    ///
    /// # Errors
    /// As [`SuitesPlan::run_plan`].
    pub fn probe_plan(&self, arm: Arm, workload: Workload) -> Result<RunPlan, String> {
        let mut plan = self.run_plan(arm, workload, Intensity::Full, 0)?;
        plan.load = LoadPlan::new(
            LoadChoice {
                connections: Some(NonZeroUsize::MIN),
                threads: Some(NonZeroUsize::MIN),
                max_requests: std::num::NonZeroU64::new(1),
                warmup: Some(Duration::ZERO),
                duration: Some(plan.load.timeout.max(Duration::from_secs(1))),
                requests_per_connection: Some(plan.load.requests_per_connection()),
                ..self.choice.load.clone()
            },
            NonZeroUsize::MIN,
            self.choice.seed,
        )?;
        Ok(plan)
    }

    fn request_of(&self, workload: Workload) -> RequestPlan {
        match workload {
            Workload::FullHandshake | Workload::ResumedHandshake | Workload::Request => self.request.clone(),
            Workload::Bulk(Direction::Download, bytes) => RequestPlan {
                method: Method::get(),
                path: self.choice.objects.download(bytes),
                body_bytes: None,
                body: Vec::new().into(),
                ..self.request.clone()
            },
            Workload::Bulk(Direction::Upload, bytes) => RequestPlan {
                method: Method::post(),
                path: self.choice.objects.upload.clone(),
                body_bytes: Some(bytes),
                body: self.bodies.get(&bytes).cloned().unwrap_or_default(),
                ..self.request.clone()
            },
        }
    }
}

/// Every suite with every type of certificate that it can be used with; with the first of them only, unless `every_certificate`.
fn arms(tls: &TlsPlan, every_certificate: bool) -> Vec<Arm> {
    let types =
        [KeyType::Ecdsa, KeyType::Rsa].into_iter().filter(|kind| tls.cert_type().is_none_or(|wanted| wanted == *kind));
    let with = |certificate| {
        let fitting = tls.suites().iter().filter(move |suite| suite.key_type().is_none_or(|kind| kind == certificate));
        fitting.map(move |suite| Arm { suite: *suite, certificate, control: false })
    };
    let mut arms: Vec<Arm> = types.flat_map(with).collect();
    if !every_certificate {
        let mut seen = BTreeSet::new();
        arms.retain(|arm| seen.insert(arm.suite));
    }
    arms
}

fn workloads(choice: &SuitesChoice) -> Result<Vec<Workload>, String> {
    let mut sizes = choice.sizes.clone();
    sizes.sort_unstable();
    sizes.dedup();
    if let Some(size) = sizes.iter().find(|size| !(1..=MAX_OBJECT).contains(*size)) {
        return Err(format!("--size {} is out of range; use 1B to 1GiB", ByteCount(*size)));
    }
    let wanted = |kind: &WorkloadKind| choice.workloads.is_empty() || choice.workloads.contains(kind);
    let of_kind = |kind| match kind {
        WorkloadKind::FullHandshake => vec![Workload::FullHandshake],
        WorkloadKind::ResumedHandshake => vec![Workload::ResumedHandshake],
        WorkloadKind::Request => vec![Workload::Request],
        WorkloadKind::Download => sizes.iter().map(|size| Workload::Bulk(Direction::Download, *size)).collect(),
        WorkloadKind::Upload => sizes.iter().map(|size| Workload::Bulk(Direction::Upload, *size)).collect(),
    };
    let workloads: Vec<_> = WorkloadKind::ALL.into_iter().filter(wanted).flat_map(of_kind).collect();
    if workloads.is_empty() {
        return Err("--workload download,upload need a --size, such as --size 16KiB".to_owned());
    }
    Ok(workloads)
}

#[cfg(test)]
mod tests;
