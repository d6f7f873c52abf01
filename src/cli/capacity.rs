//! `shakedown capacity URL --slo …`: the highest load that an endpoint carries within its objectives.

mod dry_run;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;

use super::args::{ArrivalsArg, OutputArgs, PoolArgs, RequestArgs, ServerArgs, TlsArgs, UnitArg, duration, seed};
use super::exit::{Failed, INCONCLUSIVE, NO, one_line};
use super::policy_check::{self, ProfileArgs};
use super::server_process::{ServerProcess, are_apart};
use super::suites::{bar, in_minutes};
use super::{load, output, signals};
use crate::engine::Addresses;
use crate::experiment::audit::label;
use crate::experiment::capacity::{self, Found, Step};
use crate::experiment::plan::{Prediction, predict};
use crate::experiment::run::Surroundings;
use crate::host::limits;
use crate::model::capacity::{CapacityChoice, CapacityPlan};
use crate::model::load::{LoadChoice, RequestsPerConnection};
use crate::model::policy::Policy;
use crate::model::profile::Profile;
use crate::model::slo::Slo;
use crate::model::tls::Resumption;
use crate::record::capacity::CapacityDocument;
use crate::record::folder::{DOCUMENT, Filler, FolderError, ResultsFolder};
use crate::report;
use crate::stats::search::Bounds;
use crate::tls::config::ClientMaterial;
use crate::units::{self, Percent, Rate};

const AFTER_HELP: &str = "\
Objectives: 'LATENCY QUANTILE < TIME' with connect, handshake_full, handshake_resumed, first_byte, service or response; 'errors < SHARE';
'achieved > SHARE' of what is offered. 'errors < 1%' goes with them unless one speaks of errors.

Examples:
  shakedown capacity https://api.example.com/health --slo 'response p99 < 50ms' --slo 'errors < 0.1%'
      the highest rate of requests, to within 2 %, in ten minutes at most
  shakedown capacity https://api.example.com/ --unit sessions --slo 'response p95 < 200ms'
      full handshakes; --resumption resumed for resumed ones
  shakedown capacity https://api.example.com/ --slo 'response p99.9 < 1s' --max 20k/s --budget 3m --confirm 20s
      is 20 000/s carried, and what if not
  shakedown capacity https://api.example.com/ --slo 'response p99 < 50ms' --unit sessions --resumption 0.8 --requests-per-connection 12 \\
      --verify-mix full/ --verify-mix resumed/ --verify-mix requests/
      sessions of 12 requests, beside what earlier searches of each kind of work predict of them

Exit codes: 0 a capacity was found, be it bounded by the server, the client or --max; 1 not even the lowest load meets the objectives;
2 wrong usage; 3 nothing was known when the time was up, or interrupted; 4 nothing could be run.";

/// The highest load that an endpoint carries within its objectives
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct CapacityArgs {
    #[command(flatten)]
    request: RequestArgs,
    /// An objective that a load must meet, such as 'response p99 < 50ms'; may be given several times
    #[arg(long = "slo", value_name = "OBJECTIVE", help_heading = "Objectives")]
    slo: Vec<Slo>,
    /// The first load [default: 100/s]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true, help_heading = "Search")]
    start: Option<Rate>,
    /// The lowest load that is tried [default: 10/s]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true, help_heading = "Search")]
    min: Option<Rate>,
    /// The highest load that is tried [default: no end]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true, help_heading = "Search")]
    max: Option<Rate>,
    /// How wide the answer's interval may be, as a share of its upper end [default: 2%]
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, help_heading = "Search")]
    precision: Option<Percent>,
    /// The time for all; what is known by then is the answer [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, help_heading = "Search")]
    budget: Option<Duration>,
    /// How long the lower end must hold; 0 for no soak [default: 60s, or a tenth of --budget]
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, help_heading = "Search")]
    confirm: Option<Duration>,
    /// Measured time of the shortest trials; they are made longer where they cannot tell [default: 2s]
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, help_heading = "Search")]
    trial: Option<Duration>,
    /// Load before each window; doubled where response times still fall within it [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, help_heading = "Search")]
    warmup: Option<Duration>,
    /// The arrival process [default: poisson]
    #[arg(long, value_enum, value_name = "LAW", help_heading = "Load")]
    arrivals: Option<ArrivalsArg>,
    /// What arrives [default: requests; sessions with --requests-per-connection 0]
    #[arg(long, value_enum, value_name = "UNIT", help_heading = "Load")]
    unit: Option<UnitArg>,
    /// Requests on each connection: a number, 'unlimited', or 0 for handshakes only [default: unlimited; sessions: 0]
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = "Load")]
    requests_per_connection: Option<RequestsPerConnection>,
    /// Repeats the arrivals of an earlier search, trial by trial
    #[arg(long, value_name = "N", value_parser = seed, allow_hyphen_values = true, help_heading = "Load")]
    seed: Option<u64>,
    /// Spins instead of sleeping for the last TIME before an arrival, such as 20us [default: 0]
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, help_heading = "Load")]
    spin: Option<Duration>,
    /// A document of capacity for one kind of work (full handshakes, resumed ones, requests) in the mix that is searched here: what they predict is held
    /// against what is found; may be given several times
    #[arg(long, value_name = "DOC", help_heading = "Mix")]
    verify_mix: Vec<PathBuf>,
    /// Shows the plan as understood, what is missing and what will not fit; looks up the name, and sends nothing to the target
    #[arg(long, conflicts_with = "json", help_heading = None::<&str>)]
    dry_run: bool,
    #[command(flatten)]
    pool: PoolArgs,
    #[command(flatten)]
    tls: TlsArgs,
    /// New connections: full, resumed, or the share that resumes, such as 0.8
    #[arg(long, value_name = "KIND", default_value = "full", allow_hyphen_values = true, help_heading = "TLS")]
    resumption: Resumption,
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

impl CapacityArgs {
    fn plan(&self, profile: Option<&Profile>) -> Result<CapacityPlan, Failed> {
        let objectives = || profile.map(|profile| profile.slo.clone()).unwrap_or_default();
        // How much arrives, and for how long, is what is searched for.
        let defaults = profile.map(|profile| profile.load.without_amount()).unwrap_or_default();
        let load = LoadChoice {
            arrivals: self.arrivals.map(Into::into),
            unit: self.unit.map(Into::into),
            requests_per_connection: self.requests_per_connection,
            seed: self.seed,
            spin: self.spin,
            ..load::pool(&self.pool)
        };
        let choice = CapacityChoice {
            slo: if self.slo.is_empty() { objectives() } else { self.slo.clone() },
            min: self.min,
            start: self.start,
            max: self.max,
            precision: self.precision,
            trial: self.trial,
            warmup: self.warmup,
            budget: self.budget,
            confirm: self.confirm,
            load: load.or(defaults),
        };
        let (target, request) = (load::target(&self.request)?, load::request(&self.request)?);
        let mut tls = load::tls_plan(&self.tls)?;
        tls.resumption = self.resumption;
        let plan = CapacityPlan::new(target, request, tls, choice, load::cores(), load::fresh_seed());
        let plan = plan.map_err(Failed::usage)?;
        load::warn_of_rare_resumption(plan.first());
        Ok(plan)
    }
}

/// What the documents of `--verify-mix` predict of the search.
fn predicted(args: &CapacityArgs, plan: &CapacityPlan) -> Result<Option<Prediction>, Failed> {
    if args.verify_mix.is_empty() {
        return Ok(None);
    }
    let sources = args.verify_mix.iter().map(|path| Ok((path.display().to_string(), super::plan::source(path)?)));
    let sources = sources.collect::<Result<Vec<_>, Failed>>()?;
    let refused = |error| Failed::usage(format!("--verify-mix: {error}"));
    predict(&sources, plan.first()).map(Some).map_err(refused)
}

pub(super) fn execute(args: &CapacityArgs) -> Result<ExitCode, Failed> {
    let profile = args.profile.load()?;
    let plan = args.plan(profile.as_ref())?;
    let predicted = predicted(args, &plan)?;
    if args.dry_run {
        let words = predicted.as_ref().map(ToString::to_string);
        return dry_run::execute(&plan, words.as_deref(), &args.output);
    }
    let server = ServerProcess::named(&args.server)?;
    // A limit that cannot be raised is judged as it is.
    let _ = limits::raise_nofile();
    let material = ClientMaterial::load(&plan.first().tls).map_err(Failed::could_not_run)?;
    let folder = output::folder(&args.output, "capacity", &plan.first().target.url.endpoint.host.to_string())?;
    let policy = profile.and_then(|profile| profile.policy);
    let found = search(args, &plan, &material, server.as_ref(), policy.as_ref(), &folder);
    match found.and_then(|found| keep(args, found, predicted.as_ref(), &folder)) {
        Ok(document) => conclude(args, &document, &folder),
        Err(failed) => {
            folder.discard();
            Err(failed)
        }
    }
}

fn search(
    args: &CapacityArgs,
    plan: &CapacityPlan,
    material: &ClientMaterial,
    server: Option<&ServerProcess>,
    policy: Option<&Policy>,
    folder: &ResultsFolder,
) -> Result<Found, Failed> {
    let first = plan.first();
    let url = &first.target.url.text;
    let addresses = Addresses::resolve(&first.target, first.load.connect_timeout)
        .map_err(|failure| Failed::could_not_run(format!("{url}: {failure}")))?;
    for (address, why) in &addresses.dropped {
        output::warn(&format!("{address} does not answer ({why}) and is left out"));
    }
    let stop = signals::stop_on_signal(folder)?;
    let checked = policy_check::first(policy, &first.target, &first.tls.trust, &addresses.used, &stop)?;
    let apart = are_apart(&addresses, server);
    let server = server.map(ServerProcess::metered);
    let around = Surroundings { material, addresses: &addresses, server, apart, stop: &stop };
    let bar = bar(!(args.output.quiet || args.output.no_progress));
    let budget = plan.search().budget;
    let result = capacity::run(plan, &around, &mut |step| show(&bar, &step, budget));
    bar.finish_and_clear();
    let mut found = result.map_err(|error| Failed::could_not_run(format!("{url}: {error}")))?;
    if let Some((policy, check)) = checked {
        label::capacity(&mut found.document, &mut found.runs, policy, check);
    }
    if let Some(why) = material.key_log_failure() {
        output::warn(&format!("--key-log: {why}"));
    }
    Ok(found)
}

/// Writes what was found, with its name and what was predicted of it.
fn keep(
    args: &CapacityArgs,
    mut found: Found,
    predicted: Option<&Prediction>,
    folder: &ResultsFolder,
) -> Result<CapacityDocument, Failed> {
    found.document.label = args.output.label.label();
    found.document.prediction = predicted.map(|predicted| predicted.beside(&found.document.capacity));
    write(folder, &found).map_err(|error| output::not_written(&error, args.output.json, &found.document))?;
    Ok(found.document)
}

/// The document, the table, and each trial in full.
fn write(folder: &ResultsFolder, found: &Found) -> Result<(), FolderError> {
    let document = &found.document;
    let json = |out: &mut dyn io::Write| output::json(document, out);
    let csv = |out: &mut dyn io::Write| report::capacity::csv(document, out);
    let page = |out: &mut dyn io::Write| report::html::capacity(document, out);
    let fill = |run| move |out: &mut dyn io::Write| output::json(run, out);
    let numbered = (1..).zip(&found.runs);
    let trials: Vec<_> = numbered.map(|(number, run)| (format!("trials/{number:03}.json"), fill(run))).collect();
    let mut files: Vec<(&str, Filler<'_>)> =
        vec![(DOCUMENT, &json), ("capacity.csv", &csv), (report::html::FILE, &page)];
    files.extend(trials.iter().map(|(name, fill)| (name.as_str(), fill as Filler<'_>)));
    folder.write_all(&files)
}

fn conclude(args: &CapacityArgs, document: &CapacityDocument, folder: &ResultsFolder) -> Result<ExitCode, Failed> {
    if args.output.json {
        output::print_json(document)?;
    } else if !args.output.quiet {
        output::print_text(|out| {
            report::capacity::text_in(document, output::columns(), out)?;
            writeln!(out, "\nwritten to {}", folder.path().display())
        })?;
    }
    let (code, word) = match (document.interrupted, document.capacity.outcome.as_str()) {
        (false, "found") => return Ok(ExitCode::SUCCESS),
        (false, "missed") => (NO, "NO CAPACITY"),
        (true, _) => (INCONCLUSIVE, "INTERRUPTED"),
        (false, _) => (INCONCLUSIVE, "INCONCLUSIVE"),
    };
    // Where the text that says so is not shown, the exit code needs a word.
    if args.output.json || args.output.quiet {
        eprintln!("{}", one_line(&format!("{word}: {}", document.capacity.text)));
    }
    Ok(ExitCode::from(code))
}

fn show(bar: &ProgressBar, step: &Step<'_>, budget: Duration) {
    if let Step::Trial { number, order, bounds, left } = step {
        bar.set_length(budget.as_millis() as u64);
        bar.set_position(budget.saturating_sub(*left).as_millis() as u64);
        bar.set_prefix(format!("{}  at most {} left", interval(bounds), in_minutes(*left)));
        let window = units::duration(order.duration);
        bar.set_message(format!(
            "trial {number}: {}/s for {window}, {}",
            units::decimal(order.load),
            order.purpose.name()
        ));
    }
    bar.tick();
}

/// What is known so far.
fn interval(bounds: &Bounds) -> String {
    match (bounds.lower, bounds.ceiling()) {
        (Some(low), Some(high)) => format!("{} to {}/s", units::decimal(low), units::decimal(high)),
        (Some(low), None) => format!("≥ {}/s", units::decimal(low)),
        (None, Some(high)) => format!("< {}/s", units::decimal(high)),
        (None, None) => "nothing known yet".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_what_is_known() {
        let of = |lower, upper, client| interval(&Bounds { lower, upper, client, ..Bounds::default() });
        assert_eq!(of(None, None, None), "nothing known yet");
        assert_eq!(of(Some(50.0), None, None), "≥ 50/s");
        assert_eq!(of(None, Some(80.0), None), "< 80/s");
        assert_eq!(of(Some(50.0), Some(80.0), Some(60.0)), "50 to 60/s");
    }
}
