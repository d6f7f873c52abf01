//! The trial of the embedded endpoint: each of the nine suites by itself, full handshakes and small requests.

use std::num::NonZeroUsize;
use std::time::Duration;

use time::OffsetDateTime;

use super::run::{self, MeteredServer, Surroundings};
use crate::engine::control::StopFlag;
use crate::engine::{Addresses, Event};
use crate::host;
use crate::model::load::{LoadChoice, LoadPlan, RequestsPerConnection};
use crate::model::plan::RunPlan;
use crate::model::request::{ExpectStatus, Method, RequestPlan};
use crate::model::suite::Suite;
use crate::model::target::{HttpsUrl, Target};
use crate::model::tls::{TlsChoice, TlsPlan, Trust};
use crate::record::run::RunDocument;
use crate::record::trial::{SCHEMA, SuiteTrial, TrialDocument};
use crate::target::{Config, Server, ca};
use crate::tls::config::ClientMaterial;

/// Connections of each run; enough to keep one core of server busy.
const CONNECTIONS: usize = 16;

/// How long each suite's handshakes and requests are measured, and warmed up.
const HANDSHAKES_FOR: Duration = Duration::from_millis(1000);
const REQUESTS_FOR: Duration = Duration::from_millis(1500);
const WARMUP: Duration = Duration::from_millis(200);

/// Why the trial could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The endpoint could not be started.
    #[error("the embedded endpoint could not be started: {0}")]
    Target(#[from] crate::target::TargetError),
    /// The authority's certificate could not be handed over.
    #[error("a temporary file could not be written: {0}")]
    Temporary(String),
    /// A suite could not be run.
    #[error("{suite}: {reason}")]
    Suite {
        /// Which.
        suite: Suite,
        /// Why.
        reason: String,
    },
}

/// What the trial tells while it goes.
pub enum Step<'a> {
    /// A suite's turn: which, the how-manieth of how many.
    Suite(Suite, usize, usize),
    /// Something of the run under way.
    Run(Event<'a>),
}

/// Makes the trial. The generator runs on this process's first core and the endpoint on its second, where there are two.
///
/// # Errors
/// [`TrialError`] when the endpoint or a suite cannot be run at all.
pub fn run(stop: &StopFlag, observe: &mut dyn FnMut(Step<'_>)) -> Result<TrialDocument, TrialError> {
    let started_at = OffsetDateTime::now_utc();
    let two_cores = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
    let mut config = Config::new(std::net::SocketAddr::from(([127, 0, 0, 1], 0)), 1);
    config.pin = two_cores.then(|| vec![1]);
    let server = Server::start(&config)?;
    let temporary = |error: &dyn std::fmt::Display| TrialError::Temporary(error.to_string());
    let folder = tempfile::tempdir().map_err(|error| temporary(&error))?;
    let ca_file = folder.path().join("ca.pem");
    ca::write_pem(&ca_file, server.ca_pem()).map_err(|error| temporary(&error))?;
    let total = Suite::all().len();
    let mut suites = Vec::with_capacity(total);
    let mut tool = None;
    for (index, suite) in Suite::all().enumerate() {
        if stop.is_raised() {
            break;
        }
        observe(Step::Suite(suite, index, total));
        let failed = |reason: String| TrialError::Suite { suite, reason };
        let mut one = |per_connection, duration| -> Result<_, TrialError> {
            let plan = plan(&server, suite, &ca_file, per_connection, duration, two_cores).map_err(failed)?;
            tool.get_or_insert_with(|| run::tool(&plan));
            execute(&plan, &server, stop, observe).map_err(failed)
        };
        let handshakes = one(RequestsPerConnection::HandshakeOnly, HANDSHAKES_FOR);
        if stop.is_raised() {
            break;
        }
        let handshakes = handshakes?;
        let requests = one(RequestsPerConnection::Unlimited, REQUESTS_FOR)?;
        suites.push(SuiteTrial { suite, handshakes, requests });
    }
    let tool = tool.ok_or_else(|| TrialError::Temporary("interrupted before the first suite".to_owned()))?;
    Ok(TrialDocument {
        schema: SCHEMA.to_owned(),
        tool,
        host: host::facts::read(),
        started_at: run::stamp(started_at),
        interrupted: stop.is_raised(),
        cores: two_cores.then_some((0, 1)),
        suites,
    })
}

fn plan(
    server: &Server,
    suite: Suite,
    ca_file: &std::path::Path,
    per_connection: RequestsPerConnection,
    duration: Duration,
    pin: bool,
) -> Result<RunPlan, String> {
    let url: HttpsUrl = format!("https://{}/", server.addr()).parse()?;
    let request = RequestPlan {
        method: Method::get(),
        path: url.path.clone(),
        host: url.authority.clone(),
        headers: Vec::new(),
        body_bytes: None,
        expect_status: ExpectStatus::default(),
        body: Vec::new().into(),
    };
    let choice = TlsChoice { suites: vec![suite], ..TlsChoice::default() };
    let mut tls = TlsPlan::new(choice)?;
    tls.trust = Trust::Ca(ca_file.to_owned());
    let load = LoadChoice {
        connections: NonZeroUsize::new(CONNECTIONS),
        threads: Some(NonZeroUsize::MIN),
        pin,
        duration: Some(duration),
        warmup: Some(WARMUP),
        requests_per_connection: Some(per_connection),
        ..LoadChoice::default()
    };
    let load = LoadPlan::new(load, NonZeroUsize::MIN, 0)?;
    Ok(RunPlan { target: Target::new(url), request, tls, load })
}

fn execute(
    plan: &RunPlan,
    server: &Server,
    stop: &StopFlag,
    observe: &mut dyn FnMut(Step<'_>),
) -> Result<RunDocument, String> {
    let material = ClientMaterial::load(&plan.tls).map_err(|error| error.to_string())?;
    let addresses = Addresses { used: vec![server.addr()], dropped: Vec::new() };
    let cpu = || Some(server.counters().cpu);
    let server = Some(MeteredServer { cpu: &cpu, resolution: Duration::from_nanos(1), source: "embedded" });
    let around = Surroundings { material: &material, addresses: &addresses, server, stop };
    run::run(plan, &around, &mut |event| observe(Step::Run(event))).map_err(|error| error.to_string())
}
