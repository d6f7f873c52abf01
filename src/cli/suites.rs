//! `shakedown suites URL`: every allowed suite against one endpoint, compared.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::{OutputArgs, PoolArgs, RequestArgs, ServerArgs, TlsArgs, duration};
use super::exit::{Failed, INCONCLUSIVE, one_line};
use super::server_process::{ServerProcess, are_apart};
use super::{load, output, signals};
use crate::engine::Addresses;
use crate::experiment::suites::{self, CannotCompare, Step, Surroundings};
use crate::host::limits;
use crate::model::suite::Suite;
use crate::model::suites::{Objects, SuitesChoice, SuitesPlan, WorkloadKind};
use crate::record::folder::{DOCUMENT, ResultsFolder};
use crate::record::suites::SuitesDocument;
use crate::report;
use crate::units::{ByteCount, Percent};

/// Every allowed suite against one endpoint, compared
#[derive(Debug, Args)]
#[command(
    after_help = "Small requests go to the URL. Downloads and uploads go to the paths of `shakedown serve` unless --download and \
                        --upload say otherwise; what the endpoint does not have is left out, and told."
)]
pub(super) struct SuitesArgs {
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    tls: TlsArgs,
    /// What the suites are compared by: full, resumed, request, download, upload [default: all]
    #[arg(long = "workload", value_name = "NAME", value_delimiter = ',', help_heading = "Comparison")]
    workloads: Vec<WorkloadKind>,
    /// Sizes of downloads and uploads
    #[arg(long = "size", value_name = "SIZE", value_delimiter = ',', default_values = ["1KiB", "16KiB", "1MiB"], help_heading = "Comparison")]
    sizes: Vec<ByteCount>,
    /// Where an object of a size is; {bytes} stands for the size
    #[arg(long, value_name = "PATH", default_value = "/bytes/{bytes}", help_heading = "Comparison")]
    download: String,
    /// Where an object may be sent by POST
    #[arg(long, value_name = "PATH", default_value = "/sink", help_heading = "Comparison")]
    upload: String,
    /// What the others are compared with [default: AES128-GCM of TLS 1.2, for each type of certificate]
    #[arg(long, value_name = "SUITE", help_heading = "Comparison")]
    baseline: Option<Suite>,
    /// Rounds that are measured, each with every suite under every workload, in shuffled order
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Comparison")]
    rounds: u32,
    /// Measured time of each run; a round has two for each suite and workload
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "300ms", help_heading = "Comparison")]
    trial: Duration,
    /// The rate at which response times are compared, as a share of what the slowest suite carries
    #[arg(long, value_name = "PERCENT", default_value = "50%", help_heading = "Comparison")]
    load_share: Percent,
    /// Repeats the orders and arrivals of an earlier comparison
    #[arg(long, value_name = "N", help_heading = "Comparison")]
    seed: Option<u64>,
    #[command(flatten)]
    pool: PoolArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

impl SuitesArgs {
    fn plan(&self) -> Result<SuitesPlan, Failed> {
        let choice = SuitesChoice {
            workloads: self.workloads.clone(),
            sizes: self.sizes.iter().map(|size| size.0).collect(),
            objects: Objects::new(&self.download, &self.upload).map_err(Failed::usage)?,
            baseline: self.baseline,
            rounds: self.rounds,
            trial: self.trial,
            load_share: Some(self.load_share.as_fraction()),
            every_certificate: true,
            seed: self.seed.unwrap_or_else(load::fresh_seed),
            load: load::pool(&self.pool),
            cores: load::cores(),
        };
        let (target, request) = (load::target(&self.request)?, load::request(&self.request)?);
        SuitesPlan::new(target, request, load::tls_plan(&self.tls)?, choice).map_err(Failed::usage)
    }
}

pub(super) fn execute(args: &SuitesArgs) -> Result<ExitCode, Failed> {
    let plan = args.plan()?;
    let server = ServerProcess::named(&args.server)?;
    // A limit that cannot be raised is judged as it is.
    let _ = limits::raise_nofile();
    let folder = output::folder(&args.output, "suites", &plan.target().url.endpoint.host.to_string())?;
    match compare_and_write(args, &plan, server.as_ref(), &folder) {
        Ok(document) => conclude(args, &document, &folder),
        Err(failed) => {
            folder.discard();
            Err(failed)
        }
    }
}

fn compare_and_write(
    args: &SuitesArgs,
    plan: &SuitesPlan,
    server: Option<&ServerProcess>,
    folder: &ResultsFolder,
) -> Result<SuitesDocument, Failed> {
    let url = &plan.target().url.text;
    let addresses = Addresses::resolve(plan.target(), plan.load().0.connect_timeout)
        .map_err(|failure| Failed::could_not_run(format!("{url}: {failure}")))?;
    for (address, why) in &addresses.dropped {
        output::warn(&format!("{address} does not answer ({why}) and is left out"));
    }
    let stop = signals::stop_on_signal(folder)?;
    let apart = are_apart(&addresses, server);
    let server = server.map(ServerProcess::metered);
    let around = Surroundings { addresses: &addresses, server, apart, stop: &stop };
    let bar = bar(!(args.output.quiet || args.output.no_progress));
    let result = suites::run(plan, &around, &mut |step| show(&bar, &step));
    bar.finish_and_clear();
    let document = result.map_err(|error| match error {
        CannotCompare::Setup(error) => Failed::could_not_run(error),
        error => Failed::could_not_run(format!("{url}: {error}")),
    })?;
    let written = folder.write_all(&[
        (DOCUMENT, &|out| output::json(&document, out)),
        ("suites.csv", &|out| report::suites::csv(&document, out)),
    ]);
    written.map_err(|error| output::not_written(&error, args.output.json, &document))?;
    Ok(document)
}

fn conclude(args: &SuitesArgs, document: &SuitesDocument, folder: &ResultsFolder) -> Result<ExitCode, Failed> {
    if args.output.json {
        output::print_json(document)?;
    } else if !args.output.quiet {
        output::print(|out| {
            report::suites::text(document, out)?;
            writeln!(out, "\nwritten to {}", folder.path().display())
        })?;
    }
    let why = match (document.interrupted, document.trustworthy.trusted) {
        (true, _) => "INTERRUPTED: only complete rounds are in the result".to_owned(),
        (false, false) => format!("NOT TRUSTED: {}", document.trustworthy.text),
        (false, true) => return Ok(ExitCode::SUCCESS),
    };
    // Where the table that says so is not shown, the exit code needs a word.
    if args.output.json || args.output.quiet {
        eprintln!("{}", one_line(&why));
    }
    Ok(ExitCode::from(INCONCLUSIVE))
}

pub(super) fn bar(wanted: bool) -> ProgressBar {
    let shown = wanted && std::io::stderr().is_terminal();
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(1), target);
    // The template is a constant: a mistake in it would show in every comparison.
    if let Ok(style) = ProgressStyle::with_template("{bar:20} {prefix}  {wide_msg}") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

pub(super) fn show(bar: &ProgressBar, step: &Step<'_>) {
    match step {
        Step::Asking(arm) => {
            bar.set_prefix("asking");
            bar.set_message(arm.to_string());
        }
        Step::Trial { arm, workload, round, rounds, done, total, left } => {
            bar.set_length(*total as u64);
            bar.set_position(*done as u64);
            let left = left.map_or(String::new(), |left| format!("about {} left", in_minutes(left)));
            bar.set_prefix(format!("round {round}/{rounds}  {left}"));
            bar.set_message(format!("{workload}: {arm}"));
        }
        Step::Run(_) => {}
    }
}

/// A length of time to the second or minute, as nobody waits more exactly.
pub(super) fn in_minutes(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}
