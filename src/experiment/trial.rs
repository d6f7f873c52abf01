//! The trial of the embedded endpoint: every suite compared on this machine, in less than 90 s.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use time::OffsetDateTime;

use super::audit::{self, CannotAudit};
use super::crypto::{self, CryptoChoice, CryptoError, CryptoPlan, QUICK_BUDGET};
use super::run::{self, MeteredServer};
use super::suites::{self, CannotCompare, Surroundings};
use crate::engine::Addresses;
use crate::engine::control::StopFlag;
use crate::host;
use crate::model::audit::{AskLimits, AuditPlan};
use crate::model::load::LoadChoice;
use crate::model::profile::{Profile, bundled_text};
use crate::model::request::RequestPlan;
use crate::model::suites::{Objects, SuitesChoice, SuitesPlan, WorkloadKind};
use crate::model::target::{HttpsUrl, Target};
use crate::model::tls::{TlsChoice, TlsPlan, Trust};
use crate::record::audit::AuditDocument;
use crate::record::crypto::CryptoDocument;
use crate::record::trial::{SCHEMA, TrialDocument};
use crate::target::{Config, Server, ca};

/// What the trial tells while it goes.
pub enum Step<'a> {
    /// Something of the comparison of suites.
    Suites(suites::Step<'a>),
    /// Something of the measurement of cryptography.
    Crypto(crypto::Step<'a>),
}

/// Connections of each run; enough to keep one core of server busy.
const CONNECTIONS: usize = 16;

/// Rounds, and the measured time of each run: as few and short as can be judged, since somebody waits for it. More rounds of shorter runs
/// tell more: with five there are four degrees of freedom, and intervals of a hundred comparisons are twice as wide as with seven.
const ROUNDS: u32 = 7;
const RUN: Duration = Duration::from_millis(100);

/// The size of the downloads: large enough that the cipher counts more than the request.
const DOWNLOAD: u64 = 256 << 10;

/// The policy that the endpoint is held against, and connections per second while it is: nobody else uses it.
const POLICY: &str = "push-provisioning";
const LOOPBACK_PACE: f64 = 5_000.0;

/// Why the trial could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The endpoint could not be started.
    #[error("the embedded endpoint could not be started: {0}")]
    Target(#[from] crate::target::TargetError),
    /// The authority's certificate could not be handed over.
    #[error("a temporary file could not be written: {0}")]
    Temporary(std::io::Error),
    /// The same, as the endpoint says it.
    #[error(transparent)]
    Authority(#[from] ca::CaError),
    /// The comparison has no plan.
    #[error("{0}")]
    Plan(String),
    /// Nothing could be compared.
    #[error(transparent)]
    Comparison(#[from] CannotCompare),
    /// The endpoint could not be audited.
    #[error(transparent)]
    Audit(CannotAudit),
    /// The cryptography could not be measured.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Makes the trial. The generator runs on this process's first core and the endpoint on its second, where there are two.
///
/// # Errors
/// [`TrialError`] when the endpoint cannot be run, or none of the suites.
pub fn run(seed: u64, stop: &StopFlag, observe: &mut dyn FnMut(Step<'_>)) -> Result<TrialDocument, TrialError> {
    let started_at = OffsetDateTime::now_utc();
    let cores = match host::cputime::own_cores()[..] {
        [first, second, ..] => Some((first, second)),
        _ => None,
    };
    let two_cores = cores.is_some();
    let mut config = Config::new(SocketAddr::from(([127, 0, 0, 1], 0)), 1);
    config.pin = cores.map(|(_, second)| vec![second]);
    let server = Server::start(&config)?;
    let folder = tempfile::tempdir().map_err(TrialError::Temporary)?;
    let ca_file = folder.path().join("ca.pem");
    ca::write_pem(&ca_file, server.ca_pem())?;
    let plan = plan(server.addr(), ca_file.clone(), two_cores, seed).map_err(TrialError::Plan)?;
    let cpu = || Some(server.counters().cpu);
    let metered = MeteredServer { cpu: &cpu, resolution: Duration::from_nanos(1), source: "embedded" };
    let addresses = Addresses { used: vec![server.addr()], dropped: Vec::new() };
    let around = Surroundings { addresses: &addresses, server: Some(metered), apart: two_cores, stop };
    let audit = audit_endpoint(&plan, server.addr(), &ca_file, stop).map_err(TrialError::Audit)?;
    let suites = suites::run(&plan, &around, &mut |step| observe(Step::Suites(step)))?;
    server.stop();
    let crypto = if stop.is_raised() { None } else { measure_crypto(seed, stop, observe)? };
    Ok(TrialDocument {
        label: Default::default(),
        schema: SCHEMA.to_owned(),
        tool: run::tool(plan.tls().provider()),
        host: host::facts::read(),
        started_at: run::stamp(started_at),
        interrupted: stop.is_raised(),
        cores,
        audit,
        suites,
        crypto,
    })
}

/// The endpoint against the policy that this project was made for; `None` where the user ended it.
fn audit_endpoint(
    plan: &SuitesPlan,
    address: SocketAddr,
    ca: &Path,
    stop: &StopFlag,
) -> Result<Option<AuditDocument>, CannotAudit> {
    let profile = bundled_text(POLICY).and_then(|text| Profile::parse(POLICY, text).ok());
    let policy = profile.and_then(|profile| profile.policy).expect("a test reads every bundled profile");
    let limits = AskLimits { connections_per_second: LOOPBACK_PACE, ..AskLimits::default() };
    let plan = AuditPlan { ca: Some(ca.to_owned()), limits, ..AuditPlan::new(plan.target().clone(), policy) };
    let stopped = || stop.is_raised();
    let document = audit::run(&plan, &audit::Surroundings { addresses: &[address], stopped: &stopped }, &mut |_| ())?;
    Ok((!document.interrupted).then_some(document))
}

/// A quick look at the cryptography by itself.
fn measure_crypto(
    seed: u64,
    stop: &StopFlag,
    observe: &mut dyn FnMut(Step<'_>),
) -> Result<Option<CryptoDocument>, TrialError> {
    let choice = CryptoChoice { budget: Some(QUICK_BUDGET), seed: Some(seed), ..CryptoChoice::default() };
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let plan = CryptoPlan::new(choice, cores, seed).map_err(TrialError::Plan)?;
    match crypto::run(&plan, stop, &mut |step| observe(Step::Crypto(step))) {
        // What was compared until then is worth having.
        Err(CryptoError::Interrupted) => Ok(None),
        result => Ok(Some(result?)),
    }
}

/// Every suite once, under each workload, at full load only.
fn plan(server: SocketAddr, ca_file: PathBuf, pin: bool, seed: u64) -> Result<SuitesPlan, String> {
    // By the name that its certificates have as their common name, as an endpoint would be reached.
    let url: HttpsUrl = format!("https://localhost:{}/", server.port()).parse()?;
    let request = RequestPlan::get(&url);
    let mut tls = TlsPlan::new(TlsChoice::default())?;
    tls.trust = Trust::Ca(ca_file);
    let choice = SuitesChoice {
        workloads: vec![
            WorkloadKind::FullHandshake,
            WorkloadKind::ResumedHandshake,
            WorkloadKind::Request,
            WorkloadKind::Download,
        ],
        sizes: vec![DOWNLOAD],
        objects: Objects::new("/bytes/{bytes}", "/sink")?,
        baseline: None,
        rounds: ROUNDS,
        trial: RUN,
        load_share: None,
        every_certificate: false,
        seed,
        load: LoadChoice {
            connections: NonZeroUsize::new(CONNECTIONS),
            threads: Some(NonZeroUsize::MIN),
            pin,
            ..LoadChoice::default()
        },
        cores: NonZeroUsize::MIN,
    };
    SuitesPlan::new(Target::new(url), request, tls, choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What somebody waits for whoever types the program's name.
    const PROMISED: Duration = Duration::from_secs(90);

    #[test]
    fn what_is_planned_fits_into_what_is_promised() {
        let plan = plan(([127, 0, 0, 1], 1).into(), PathBuf::from("ca.pem"), true, 7).unwrap();
        let extent = plan.greatest_extent();
        assert_eq!(extent.rows, 4 * (9 + 2), "four workloads, nine suites, a control for each type of certificate");
        assert_eq!(extent.runs, extent.rows * (1 + ROUNDS as usize));
        // A run in five may be made again; the cryptography ends with its budget.
        let planned = extent.about().mul_f64(1.2) + QUICK_BUDGET;
        assert!(planned < PROMISED.mul_f64(0.95), "{planned:?} of {extent:?}");
    }
}
