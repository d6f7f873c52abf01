//! `shakedown run URL`: one load run.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::args::{self, LoadArgs, OutputArgs, RequestArgs, TlsArgs};
use super::exit::{Failed, INCONCLUSIVE};
use super::progress::Progress;
use super::{load, output, signals};
use crate::engine::Addresses;
use crate::experiment::run::{MeteredServer, Surroundings};
use crate::host::limits::Limits;
use crate::host::preflight::{self, Needs};
use crate::host::{cputime, limits};
use crate::model::load::{Close, Pace, RequestsPerConnection, Unit};
use crate::model::plan::RunPlan;
use crate::model::suite::Suite;
use crate::record::folder::ResultsFolder;
use crate::record::run::RunDocument;
use crate::tls::config::ClientMaterial;
use crate::{experiment, report, units};

/// What one open connection takes: rustls and our own state, and the kernel's socket with small buffers.
const BYTES_PER_CONNECTION: u64 = 10 * 1024;

/// What a run takes whatever its size: code, recorders and buffers of a few workers.
const FIXED_BYTES: u64 = 64 << 20;

/// One load run against an HTTPS endpoint
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// Shows the plan as understood, and what will not fit; sends nothing
    #[arg(long)]
    dry_run: bool,
    /// Reads the server's CPU time from this process and its children (same machine)
    #[arg(long, value_name = "PID", value_parser = args::pid, allow_hyphen_values = true)]
    server_pid: Option<u32>,
}

impl RunArgs {
    fn plan(&self) -> Result<RunPlan, Failed> {
        Ok(RunPlan {
            target: load::target(&self.request)?,
            request: load::request(&self.request)?,
            tls: load::tls_plan(&self.tls)?,
            load: load::load_plan(&self.load)?,
        })
    }
}

pub(super) fn execute(args: &RunArgs) -> Result<ExitCode, Failed> {
    let plan = args.plan()?;
    if let Some(pid) = args.server_pid {
        cputime::process_tree_cpu(pid).map_err(|error| {
            Failed::usage(format!("--server-pid {pid}: the CPU time of this process cannot be read: {error}"))
        })?;
    }
    // A limit that cannot be raised is judged as it is.
    let _ = limits::raise_nofile();
    let shortfalls = preflight::check(&needs(&plan, 1), &Limits::read());
    if args.dry_run {
        return dry_run(&plan, &shortfalls);
    }
    for shortfall in &shortfalls {
        eprintln!("warning: {}", shortfall.text);
    }
    let material = ClientMaterial::load(&plan.tls).map_err(Failed::could_not_run)?;
    let folder = output::folder(&args.output, "run", &plan.target.url.endpoint.host.to_string())?;
    match load_and_write(args, &plan, &material, &folder) {
        Ok(document) => conclude(args, &document, &folder),
        Err(failed) => {
            folder.discard();
            Err(failed)
        }
    }
}

fn load_and_write(
    args: &RunArgs,
    plan: &RunPlan,
    material: &ClientMaterial,
    folder: &ResultsFolder,
) -> Result<RunDocument, Failed> {
    let addresses = Addresses::resolve(&plan.target, plan.load.connect_timeout)
        .map_err(|failure| Failed::could_not_run(format!("{}: {failure}", plan.target.url.text)))?;
    for (address, why) in &addresses.dropped {
        eprintln!("warning: {address} does not answer ({why}) and is left out");
    }
    let stop = signals::stop_on_signal()?;
    let source = args.server_pid.map(|pid| format!("pid {pid}"));
    let cpu = || args.server_pid.and_then(|pid| cputime::process_tree_cpu(pid).ok());
    let server = source.as_deref().map(|source| MeteredServer { cpu: &cpu, source });
    let around = Surroundings { material, addresses: &addresses, server, stop: &stop };
    let quiet = args.output.quiet || args.output.no_progress;
    let mut progress = Progress::new(plan.load.duration, !quiet);
    let result = experiment::run::run(plan, &around, &mut |event| progress.observe(&event));
    progress.finish();
    let document = result.map_err(|error| Failed::could_not_run(format!("{}: {error}", plan.target.url.text)))?;
    if let Some(why) = material.key_log_failure() {
        eprintln!("warning: --key-log: {why}");
    }
    output::write_run(folder, &document).map_err(Failed::could_not_run)?;
    Ok(document)
}

fn conclude(args: &RunArgs, document: &RunDocument, folder: &ResultsFolder) -> Result<ExitCode, Failed> {
    if args.output.json {
        output::print_json(document)?;
    } else if !args.output.quiet {
        output::print(|out| {
            report::text::run(document, out)?;
            writeln!(out, "\nwritten to {}", folder.path().display())
        })?;
    }
    Ok(if document.verdict.valid { ExitCode::SUCCESS } else { ExitCode::from(INCONCLUSIVE) })
}

/// What `plan` needs of this machine, with `destinations` addresses.
fn needs(plan: &RunPlan, destinations: usize) -> Needs {
    let load = &plan.load;
    let per_session = !matches!(load.requests_per_connection(), RequestsPerConnection::Unlimited);
    let duration = load.warmup + load.duration;
    let expected = match (load.pace(), load.unit(), load.requests_per_connection()) {
        (Pace::Open { rate, .. }, Unit::Sessions, _) => Some(rate.as_per_second() * duration.as_secs_f64()),
        (Pace::Open { rate, .. }, Unit::Requests, RequestsPerConnection::Exactly(n)) => {
            Some(rate.as_per_second() * duration.as_secs_f64() / n.get() as f64)
        }
        _ => None,
    };
    Needs {
        connections: load.connections() as u64,
        sources: plan.target.source_ips.len().max(1),
        destinations,
        loopback: plan.target.is_loopback(),
        server_in_process: false,
        threads: load.threads(),
        reconnects: per_session,
        close_is_fin: load.close == Close::Fin,
        expected_new_connections: expected,
        duration,
        bytes_per_connection: BYTES_PER_CONNECTION,
        fixed_bytes: FIXED_BYTES,
    }
}

fn dry_run(plan: &RunPlan, shortfalls: &[preflight::Shortfall]) -> Result<ExitCode, Failed> {
    output::print(|out| {
        describe_plan(plan, out)?;
        for shortfall in shortfalls {
            writeln!(out, "{:<14}{}", "will not fit", shortfall.text)?;
        }
        if shortfalls.is_empty() {
            writeln!(out, "{:<14}ports, descriptors and memory suffice", "fits")?;
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn describe_plan(plan: &RunPlan, out: &mut dyn Write) -> std::io::Result<()> {
    let RunPlan { target, request, tls, load } = plan;
    let time = |duration: Duration| units::duration(duration);
    let body = request.body_bytes.map_or(String::new(), |n| format!(", body of {}", units::bytes(n as f64)));
    writeln!(
        out,
        "{:<14}{} {}{body}; success: {}",
        "request",
        request.method.as_str(),
        target.url.text,
        request.expect_status
    )?;
    writeln!(out, "{:<14}{}, certificate for {}", "connects to", target.dial(), target.server_name)?;
    let pace = match load.pace() {
        Pace::Closed => "closed loop".to_owned(),
        Pace::Open { rate, arrivals, seed } => {
            format!("open loop, {rate} {} {} arrivals, seed {seed}", arrivals.name(), load.unit().name())
        }
    };
    let per_connection = match load.requests_per_connection() {
        RequestsPerConnection::Unlimited => "unlimited requests each".to_owned(),
        RequestsPerConnection::Exactly(n) => format!("{n} requests each"),
        RequestsPerConnection::HandshakeOnly => "handshakes only".to_owned(),
    };
    let (connections, threads) = (load.connections(), load.threads());
    writeln!(out, "{:<14}{pace}; {connections} connections, {per_connection}; {threads} threads", "load")?;
    let (warmup, duration, timeout) = (time(load.warmup), time(load.duration), time(load.timeout));
    writeln!(out, "{:<14}warm-up {warmup}, measured {duration}, drain at most {timeout}", "time")?;
    let names = |names: Vec<&str>| names.join(", ");
    let all = tls.suites().len() == Suite::all().len();
    let suites =
        if all { "all nine".to_owned() } else { names(tls.suites().iter().map(|suite| suite.iana()).collect()) };
    writeln!(out, "{:<14}{suites}", "suites")?;
    writeln!(out, "{:<14}{}", "groups", names(tls.groups().iter().map(|group| group.iana()).collect()))?;
    let resumed = units::share(tls.resumption.share());
    writeln!(out, "{:<14}{resumed} of new connections resume; library {}", "handshakes", tls.provider().name())
}
