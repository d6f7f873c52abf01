//! The second stage of the options: what clap read becomes plans of the model, and contradictions become sentences.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use super::args::{
    AlpnArg, ArrivalsArg, CertTypeArg, CloseArg, CryptoArg, LoadArgs, PoolArgs, RequestArgs, RootsArg, TlsArg, TlsArgs,
    UnitArg, VerifyArg,
};
use super::exit::Failed;
use super::output;
use crate::model::load::{Arrivals, Close, LoadChoice, LoadPlan, RequestsPerConnection, Unit};
use crate::model::plan::RunPlan;
use crate::model::request::{Method, RequestPlan};
use crate::model::scenario::Scenario;
use crate::model::suite::{KeyType, TlsVersion};
use crate::model::target::{Family, Host, Target};
use crate::model::tls::{ClientIdentity, Provider, TlsChoice, TlsPlan, Trust, Verify};

/// The largest body that is kept in memory.
const MAX_BODY: u64 = 1 << 30;

/// The hardware threads that this process may use.
pub(super) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// A seed that differs from run to run; it is written into the document, so that the run can be repeated.
pub(super) fn fresh_seed() -> u64 {
    RandomState::new().hash_one(std::process::id()) >> 32
}

impl From<ArrivalsArg> for Arrivals {
    fn from(arg: ArrivalsArg) -> Self {
        match arg {
            ArrivalsArg::Poisson => Self::Poisson,
            ArrivalsArg::Constant => Self::Constant,
        }
    }
}

impl From<UnitArg> for Unit {
    fn from(arg: UnitArg) -> Self {
        match arg {
            UnitArg::Requests => Self::Requests,
            UnitArg::Sessions => Self::Sessions,
        }
    }
}

/// The load that the options choose, and where they say nothing, `defaults`.
pub(super) fn load_plan(args: &LoadArgs, scenario: Option<Scenario>, defaults: LoadChoice) -> Result<LoadPlan, Failed> {
    let choice = LoadChoice {
        rate: args.rate,
        arrivals: args.arrivals.map(Into::into),
        seed: args.seed,
        unit: args.unit.map(Into::into),
        duration: args.duration,
        warmup: args.warmup,
        max_requests: args.requests,
        requests_per_connection: args.requests_per_connection,
        abort_on: args.abort_on,
        spin: args.spin,
        scenario,
        ..pool(&args.pool)
    };
    let plan = LoadPlan::new(choice.or(defaults), cores(), fresh_seed()).map_err(Failed::usage)?;
    if let Some(asked) = args.pool.threads.filter(|asked| asked.get() > plan.threads()) {
        let (n, connections) = (plan.threads(), plan.connections());
        output::warn(&format!(
            "--threads {asked}: {n} will run, since there are no more --connections than {connections}"
        ));
    }
    Ok(plan)
}

/// What is chosen of the connections, and nothing else.
pub(super) fn pool(args: &PoolArgs) -> LoadChoice {
    LoadChoice {
        connections: args.connections,
        connect_concurrency: args.connect_concurrency,
        threads: args.threads,
        pin: args.pin,
        timeout: args.timeout,
        connect_timeout: args.connect_timeout,
        close: match args.close {
            CloseArg::Reset => Close::Reset,
            CloseArg::Fin => Close::Fin,
        },
        ..LoadChoice::default()
    }
}

/// Says so where resumption has less effect than asked for.
pub(super) fn warn_of_rare_resumption(plan: &RunPlan) {
    if plan.tls.resumption.share() > 0.0 && plan.load.requests_per_connection() == RequestsPerConnection::Unlimited {
        output::warn(&format!(
            "--resumption is of new connections, and with any number of requests on each there are few: those that are opened at \
             the start ({}), and one for each that the server ends; add --requests-per-connection N",
            plan.load.connections()
        ));
    }
}

pub(super) fn tls_plan(args: &TlsArgs) -> Result<TlsPlan, Failed> {
    let choice = TlsChoice {
        version: match args.tls {
            TlsArg::V12 => Some(TlsVersion::V12),
            TlsArg::V13 => Some(TlsVersion::V13),
            TlsArg::Any => None,
        },
        suites: args.suites.clone(),
        groups: args.groups.clone(),
        cert_type: match args.cert_type {
            CertTypeArg::Rsa => Some(KeyType::Rsa),
            CertTypeArg::Ecdsa => Some(KeyType::Ecdsa),
            CertTypeArg::Any => None,
        },
        provider: match args.crypto {
            CryptoArg::AwsLc => Provider::AwsLc,
            CryptoArg::Ring => Provider::Ring,
        },
    };
    let mut plan = TlsPlan::new(choice).map_err(Failed::usage)?;
    plan.trust = match (&args.ca, args.roots, args.insecure) {
        (Some(path), _, _) => Trust::Ca(path.clone()),
        (None, _, true) => Trust::Insecure,
        (None, Some(RootsArg::System), false) => Trust::System,
        (None, Some(RootsArg::Mozilla) | None, false) => Trust::Mozilla,
    };
    plan.verify = match args.verify {
        VerifyArg::Once => Verify::Once,
        VerifyArg::Every => Verify::Every,
    };
    plan.identity = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => Some(ClientIdentity { cert: cert.clone(), key: key.clone() }),
        (Some(cert), None) => {
            let message = format!("--cert {} is nothing without its key; add --key FILE", cert.display());
            return Err(Failed::Usage(message));
        }
        (None, Some(key)) => {
            let message = format!("--key {} is nothing without its certificate; add --cert FILE", key.display());
            return Err(Failed::Usage(message));
        }
        (None, None) => None,
    };
    if matches!(args.alpn, AlpnArg::None) {
        plan.alpn.clear();
    }
    plan.key_log.clone_from(&args.key_log);
    if plan.excludes_ecdsa_certificates() {
        output::warn(
            "--group lists no curve of ECDSA certificates: in TLS 1.2 it also says which certificates can be used, and OpenSSL servers \
             refuse the ECDSA suites then; add P-256",
        );
    }
    Ok(plan)
}

pub(super) fn target(args: &RequestArgs) -> Result<Target, Failed> {
    let mut target = Target::new(args.url.clone());
    target.connect_to.clone_from(&args.connect_to);
    if let Some(name) = &args.sni {
        target.server_name = name.clone();
    }
    target.family = match (args.ipv4, args.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    };
    let v4 = args.source_ip.iter().filter(|ip| ip.is_ipv4()).count();
    if v4 != 0 && v4 != args.source_ip.len() {
        return Err(Failed::usage("--source-ip mixes IPv4 and IPv6; give addresses of one family"));
    }
    if let (Some(source), Host::Ip(destination)) = (args.source_ip.first(), &target.dial().host)
        && source.is_ipv4() != destination.is_ipv4()
    {
        return Err(Failed::usage(format!("--source-ip {source} cannot reach {destination}: the families differ")));
    }
    for source in &args.source_ip {
        check_source(*source)?;
    }
    target.source_ips.clone_from(&args.source_ip);
    Ok(target)
}

/// A source address that is not this machine's would fail each connect with a misleading reason.
fn check_source(source: IpAddr) -> Result<(), Failed> {
    match std::net::UdpSocket::bind((source, 0)) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failed::usage(format!("--source-ip {source} cannot be used on this machine: {error}"))),
    }
}

pub(super) fn request(args: &RequestArgs) -> Result<RequestPlan, Failed> {
    let body = match (&args.body, args.body_size) {
        (Some(path), _) => Some(read_body(path)?),
        (None, Some(size)) if size.0 > MAX_BODY => {
            return Err(Failed::usage(format!("--body-size {size} is more than the 1 GiB that is kept in memory")));
        }
        (None, Some(size)) => Some(vec![b'x'; size.0 as usize].into()),
        (None, None) => None,
    };
    let method = args.method.clone().unwrap_or_else(|| if body.is_some() { Method::post() } else { Method::get() });
    Ok(RequestPlan {
        method,
        path: args.url.path.clone(),
        host: args.url.authority.clone(),
        headers: args.headers.clone(),
        body_bytes: body.as_ref().map(|body| body.len() as u64),
        expect_status: args.expect_status.clone(),
        body: body.unwrap_or_default(),
    })
}

fn read_body(path: &Path) -> Result<Arc<[u8]>, Failed> {
    let describe = |error: std::io::Error| Failed::could_not_run(format!("--body {}: {error}", path.display()));
    let length = std::fs::metadata(path).map_err(describe)?.len();
    if length > MAX_BODY {
        let message = format!("--body {} is larger than the 1 GiB that is kept in memory", path.display());
        return Err(Failed::usage(message));
    }
    Ok(std::fs::read(path).map_err(describe)?.into())
}
