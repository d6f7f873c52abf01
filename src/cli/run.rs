//! `shakedown run URL`: one load run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::args::{LoadArgs, OutputArgs, RequestArgs, ServerArgs, TlsArgs};
use super::exit::{Failed, INCONCLUSIVE, one_line};
use super::live::{Live, LiveArgs};
use super::policy_check::{self, ProfileArgs};
use super::progress::Progress;
use super::server_process::{ServerProcess, are_apart};
use super::{dry_run, hint, load, output, signals};
use crate::engine::Addresses;
use crate::experiment::audit::label;
use crate::experiment::run::Surroundings;
use crate::host::limits;
use crate::host::limits::Limits;
use crate::host::preflight::{self, Needs, Shortfall};
use crate::model::load::{Close, Pace, RequestsPerConnection, Unit};
use crate::model::plan::RunPlan;
use crate::model::policy::Policy;
use crate::model::profile::Profile;
use crate::model::scenario::Scenario;
use crate::model::tls::Resumption;
use crate::record::folder::ResultsFolder;
use crate::record::run::{Remark, RunDocument};
use crate::tls::config::ClientMaterial;
use crate::{experiment, report};

/// What one open connection takes: rustls and our own state, and the kernel's socket with small buffers.
const BYTES_PER_CONNECTION: u64 = 10 * 1024;

/// What a run takes whatever its size: code, recorders and buffers of a few workers.
const FIXED_BYTES: u64 = 64 << 20;

const AFTER_HELP: &str = "\
Examples:
  shakedown run https://api.example.com/health
      closed loop: 64 connections, each sends when it has its answer, for 30 s
  shakedown run https://api.example.com/health --rate 2000/s
      open loop: 2000 requests arrive each second, whatever the server does
  shakedown run https://api.example.com/ --requests-per-connection 0 --tls 1.3
      full handshakes only
  shakedown run https://localhost:8443/ --ca ca.pem --resumption 0.8 --requests-per-connection 10
      an authority of your own; four of five connections resume a session

Values:
  TIME  a number with its unit, h, m (or min), s, ms, us or ns: 30s, 1m30s, 250ms
  RATE  2000/s, 1.5k/s, 600/min        SIZE  512, 16KiB, 1MiB, 10MB

Exit codes: 0 valid; 2 wrong usage; 3 INVALID, interrupted or aborted; 4 nothing could be run, or with --dry-run: something that the plan
needs is missing, or will surely not fit.";

/// One load run against an HTTPS endpoint
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct RunArgs {
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    load: LoadArgs,
    /// Open loop in stages, from a TOML file: steps, ramps, spikes and pauses, instead of --rate and --duration
    #[arg(long, value_name = "FILE", help_heading = "Load", conflicts_with_all = ["rate", "duration", "requests"])]
    scenario: Option<PathBuf>,
    #[command(flatten)]
    tls: TlsArgs,
    /// New connections: full, resumed, or the share that resumes, such as 0.8
    #[arg(long, value_name = "KIND", default_value = "full", allow_hyphen_values = true, help_heading = "TLS")]
    resumption: Resumption,
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// Shows the plan as understood, what is missing and what will not fit; looks up the name, and sends nothing to the target
    #[arg(long, conflicts_with = "json", help_heading = None::<&str>)]
    dry_run: bool,
    #[command(flatten)]
    live: LiveArgs,
    #[command(flatten)]
    server: ServerArgs,
}

impl RunArgs {
    fn scenario(&self) -> Result<Option<Scenario>, Failed> {
        let Some(path) = &self.scenario else { return Ok(None) };
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failed::could_not_run(format!("--scenario {name}: {error}")))?;
        let parsed = Scenario::parse(&name, &text).map_err(|error| Failed::usage(format!("--scenario {error}")))?;
        Ok(Some(parsed))
    }

    fn plan(&self, profile: Option<&Profile>) -> Result<RunPlan, Failed> {
        let mut tls = load::tls_plan(&self.tls)?;
        tls.resumption = self.resumption;
        let plan = RunPlan {
            target: load::target(&self.request)?,
            request: load::request(&self.request)?,
            tls,
            load: load::load_plan(
                &self.load,
                self.scenario()?,
                profile.map(|profile| profile.load.clone()).unwrap_or_default(),
            )?,
        };
        load::warn_of_rare_resumption(&plan);
        Ok(plan)
    }
}

pub(super) fn execute(args: &RunArgs) -> Result<ExitCode, Failed> {
    let profile = args.profile.load()?;
    let plan = args.plan(profile.as_ref())?;
    let server = ServerProcess::named(&args.server)?;
    // A limit that cannot be raised is judged as it is.
    let _ = limits::raise_nofile();
    if args.dry_run {
        return dry_run::execute(&plan, &args.output);
    }
    let material = ClientMaterial::load(&plan.tls).map_err(Failed::could_not_run)?;
    let folder = output::folder(&args.output, "run", &plan.target.url.endpoint.host.to_string())?;
    let policy = profile.and_then(|profile| profile.policy);
    match load_and_write(args, &plan, &material, server.as_ref(), policy.as_ref(), &folder) {
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
    server: Option<&ServerProcess>,
    policy: Option<&Policy>,
    folder: &ResultsFolder,
) -> Result<RunDocument, Failed> {
    // Where that cannot be, nothing has been asked of the target yet.
    let live = Live::start(&args.live, plan)?;
    let addresses = Addresses::resolve(&plan.target, plan.load.connect_timeout)
        .map_err(|failure| Failed::could_not_run(format!("{}: {failure}", plan.target.url.text)))?;
    for (address, why) in &addresses.dropped {
        output::warn(&format!("{address} does not answer ({why}) and is left out"));
    }
    for shortfall in shortfalls(plan, addresses.used.len()) {
        output::warn(&shortfall.text);
    }
    let stop = signals::stop_on_signal(folder)?;
    let checked = policy_check::first(policy, &plan.target, &plan.tls.trust, &addresses.used, &stop)?;
    let apart = are_apart(&addresses, server);
    let server = server.map(ServerProcess::metered);
    let around = Surroundings { material, addresses: &addresses, server, apart, stop: &stop };
    let quiet = args.output.quiet || args.output.no_progress;
    let mut progress = Progress::new(plan, !quiet);
    let result = experiment::run::run(plan, &around, &mut |event| {
        progress.observe(&event);
        live.see(&event);
    });
    progress.finish();
    let mut document = result.map_err(|error| hint::cannot_run(&plan.target, &plan.tls.trust, &addresses, &error))?;
    if let Some((policy, check)) = checked {
        label::run(&mut document, policy, check);
    }
    if let Some(why) = material.key_log_failure() {
        output::warn(&format!("--key-log: {why}"));
    }
    document.label = args.output.label.label();
    output::write_run(folder, &document).map_err(|error| output::not_written(&error, args.output.json, &document))?;
    Ok(document)
}

fn conclude(args: &RunArgs, document: &RunDocument, folder: &ResultsFolder) -> Result<ExitCode, Failed> {
    if args.output.json {
        output::print_json(document)?;
    } else if !args.output.quiet {
        output::print_text(|out| {
            report::text::run_in(document, output::columns(), out)?;
            writeln!(out, "\nwritten to {}", folder.path().display())
        })?;
    }
    let verdict = &document.verdict;
    // Where the summary that says so is not shown, the exit code needs a word.
    let unseen = args.output.json || args.output.quiet;
    if verdict.valid {
        if let Some(warning) = verdict.warnings.iter().find(|warning| unseen && warning.code == "no_success") {
            output::warn(&format!("{}: {}", warning.code, warning.text));
        }
        return Ok(ExitCode::SUCCESS);
    }
    if unseen {
        eprintln!("{}", one_line(&invalid(&verdict.reasons)));
    }
    Ok(ExitCode::from(INCONCLUSIVE))
}

/// Why a run is INVALID: the first reason in words, and the codes of all that follow.
fn invalid(reasons: &[Remark]) -> String {
    let Some((first, rest)) = reasons.split_first() else { return "INVALID".to_owned() };
    let rest: Vec<_> = rest.iter().map(|reason| reason.code.as_str()).collect();
    let more = if rest.is_empty() { String::new() } else { format!(" (and {})", rest.join(", ")) };
    format!("INVALID: {}: {}{more}", first.code, first.text)
}

/// What `plan` will not find on this machine, with `destinations` addresses to connect to.
pub(super) fn shortfalls(plan: &RunPlan, destinations: usize) -> Vec<Shortfall> {
    preflight::check(&needs(plan, destinations), &Limits::read())
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

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::model::load::{LoadChoice, LoadPlan};
    use crate::model::request::{ExpectStatus, Method, RequestPlan};
    use crate::model::target::Target;
    use crate::model::tls::{TlsChoice, TlsPlan};

    #[test]
    fn an_invalid_run_is_told_in_one_line_with_its_reasons() {
        let reason = |code: &str| Remark { code: code.to_owned(), text: format!("{code} in words") };
        assert_eq!(invalid(&[reason("clock")]), "INVALID: clock: clock in words");
        let three = ["aborted", "clock", "interrupted"].map(reason);
        assert_eq!(invalid(&three), "INVALID: aborted: aborted in words (and clock, interrupted)");
    }

    #[test]
    fn ports_are_counted_for_every_address() {
        let target = Target::new("https://localhost/".parse().unwrap());
        let ports = Limits::read().ports.unwrap().size() as usize;
        let load = LoadChoice { connections: NonZeroUsize::new(ports + 1), ..LoadChoice::default() };
        let plan = RunPlan {
            target,
            request: RequestPlan {
                method: Method::get(),
                path: "/".to_owned(),
                host: "localhost".to_owned(),
                headers: Vec::new(),
                body_bytes: None,
                expect_status: ExpectStatus::default(),
                body: Vec::new().into(),
            },
            tls: TlsPlan::new(TlsChoice::default()).unwrap(),
            load: LoadPlan::new(load, NonZeroUsize::MIN, 0).unwrap(),
        };
        let lacks_ports = |n| shortfalls(&plan, n).iter().any(|shortfall| shortfall.code == "local_ports");
        assert!(lacks_ports(1) && !lacks_ports(2));
    }
}
