//! `shakedown suites URL`: every allowed suite against one endpoint, compared.

mod dry_run;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::{OutputArgs, PoolArgs, RequestArgs, ServerArgs, TlsArgs, duration, named_suites, seed, whole};
use super::exit::{Failed, INCONCLUSIVE, one_line};
use super::policy_check::{self, ProfileArgs};
use super::server_process::{ServerProcess, are_apart};
use super::{load, output, signals};
use crate::engine::Addresses;
use crate::experiment::audit::label;
use crate::experiment::suites::{self, CannotCompare, Step, Surroundings};
use crate::host::limits;
use crate::model::policy::Policy;
use crate::model::profile::Profile;
use crate::model::suite::Suite;
use crate::model::suites::{Extent, Objects, ROUNDS, SuitesChoice, SuitesPlan, WorkloadKind};
use crate::model::tls::TlsPlan;
use crate::record::folder::{DOCUMENT, ResultsFolder};
use crate::record::suites::{SuitesDocument, TrustVerdict};
use crate::report;
use crate::units::{self, ByteCount, Percent};

/// What is compared where neither the command line nor a profile says so.
const DEFAULT_SIZES: [u64; 3] = [1 << 10, 16 << 10, 1 << 20];
const DEFAULT_ROUNDS: u32 = 10;
const DEFAULT_TRIAL: Duration = Duration::from_millis(300);

const AFTER_HELP: &str = "\
Small requests go to the URL. Downloads and uploads go to the paths of `shakedown serve` unless --download and --upload say \
otherwise; what the endpoint does not have is left out, and told.

Examples:
  shakedown suites https://api.example.com/health --dry-run
      what would be compared, and how long it takes
  shakedown suites https://api.example.com/health --workload full,request
      all suites, by new connections and by the URL's own request
  shakedown suites https://files.example.com/ --workload download --download '/objects/{bytes}' --size 16KiB,1MiB
      all suites, by downloads of the endpoint's own objects

Exit codes: 0 can be trusted; 2 wrong usage; 3 NOT TRUSTED, INCONCLUSIVE or interrupted; 4 nothing could be compared.";

/// Every allowed suite against one endpoint, compared
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
// What these options mean to a comparison is not quite what they mean to a single run.
#[command(mut_arg("suites", |arg| arg.help("The cipher suites that are compared, IANA or OpenSSL names [default: the nine]")
    .long_help(compared_suites())))]
#[command(mut_arg("cert_type", |arg| arg.help("The kind of certificate that the suites are used with; any: each kind by itself")))]
#[command(mut_arg("connections", |arg| arg.help("Connections of each run [default: 64]")))]
#[command(mut_arg("timeout", |arg| arg.help("The longest wait for an answer, and for the end of what a run has begun [default: 10s]")))]
#[command(mut_arg("quiet", |arg| arg.help("Prints no table and shows no progress; warnings, errors and a result that cannot be trusted still go to stderr")))]
pub(super) struct SuitesArgs {
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    tls: TlsArgs,
    /// What the suites are compared by: full, resumed, request, download, upload [default: all]
    #[arg(long = "workload", value_name = "NAME[,NAME]", value_delimiter = ',', help_heading = "Comparison")]
    workloads: Vec<WorkloadKind>,
    /// Sizes of downloads and uploads [default: 1KiB,16KiB,1MiB]
    #[arg(long = "size", value_name = "SIZE[,SIZE]", value_delimiter = ',', help_heading = "Comparison")]
    sizes: Vec<ByteCount>,
    /// Where an object of a size is; {bytes} stands for the size
    #[arg(long, value_name = "PATH", default_value = "/bytes/{bytes}", help_heading = "Comparison")]
    download: String,
    /// Where an object may be sent by POST
    #[arg(long, value_name = "PATH", default_value = "/sink", help_heading = "Comparison")]
    upload: String,
    /// What the others are compared with; it must be taken [default: AES128-GCM of TLS 1.2, or what comes nearest, for each type of certificate]
    #[arg(long, value_name = "SUITE", help_heading = "Comparison")]
    baseline: Option<Suite>,
    #[arg(long, value_name = "N", value_parser = rounds, allow_hyphen_values = true, help = rounds_help(), help_heading = "Comparison")]
    rounds: Option<u32>,
    /// Measured time of each run, 100ms or more; a round has two runs for each suite and workload [default: 300ms]
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, help_heading = "Comparison")]
    trial: Option<Duration>,
    /// The rate at which response times are compared, as a share of what the slowest suite carries: 5% to 95%
    #[arg(
        long,
        value_name = "PERCENT",
        allow_hyphen_values = true,
        default_value = "50%",
        help_heading = "Comparison"
    )]
    load_share: Percent,
    /// Repeats the orders and arrivals of an earlier comparison
    #[arg(long, value_name = "N", value_parser = seed, allow_hyphen_values = true, help_heading = "Comparison")]
    seed: Option<u64>,
    #[command(flatten)]
    pool: PoolArgs,
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// Shows what would be compared, how long it takes, and what will not fit; looks up the name, and sends nothing to the target
    #[arg(long, conflicts_with = "json", help_heading = None::<&str>)]
    dry_run: bool,
    #[command(flatten)]
    server: ServerArgs,
}

fn rounds(text: &str) -> Result<u32, String> {
    whole(text, "a whole number such as 10")
}

fn rounds_help() -> String {
    let (least, most) = (ROUNDS.start(), ROUNDS.end());
    format!(
        "Rounds that are measured, {least} to {most}, each with every suite under every workload, in shuffled order \
         [default: {DEFAULT_ROUNDS}]"
    )
}

fn compared_suites() -> String {
    named_suites("The cipher suites that are compared, separated by commas; all nine if none is named:")
}

impl SuitesArgs {
    fn plan(&self, profile: Option<&Profile>) -> Result<SuitesPlan, Failed> {
        let defaults = profile.map(|profile| profile.suites.clone()).unwrap_or_default();
        let workloads = Some(self.workloads.clone()).filter(|named| !named.is_empty());
        let sizes = Some(self.sizes.clone()).filter(|named| !named.is_empty()).or(defaults.sizes);
        let choice = SuitesChoice {
            workloads: workloads.or(defaults.workloads).unwrap_or_default(),
            sizes: sizes.map_or(DEFAULT_SIZES.to_vec(), |sizes| sizes.iter().map(|size| size.0).collect()),
            objects: Objects::new(&self.download, &self.upload).map_err(Failed::usage)?,
            baseline: self.baseline.or(defaults.baseline),
            rounds: self.rounds.or(defaults.rounds).unwrap_or(DEFAULT_ROUNDS),
            trial: self.trial.or(defaults.trial).unwrap_or(DEFAULT_TRIAL),
            load_share: Some(self.load_share.as_fraction()),
            every_certificate: true,
            seed: self.seed.unwrap_or_else(load::fresh_seed),
            load: load::pool(&self.pool).or(profile.map(|profile| profile.load.only_pool()).unwrap_or_default()),
            cores: load::cores(),
        };
        let (target, request) = (load::target(&self.request)?, load::request(&self.request)?);
        SuitesPlan::new(target, request, self.tls_plan(profile)?, choice).map_err(Failed::usage)
    }

    /// Suites that are named are compared whatever a policy says of them; the rows say it too.
    fn tls_plan(&self, profile: Option<&Profile>) -> Result<TlsPlan, Failed> {
        let tls = load::tls_plan(&self.tls)?;
        match profile.and_then(|profile| profile.policy.as_ref()) {
            Some(policy) if self.tls.suites.is_empty() => policy_check::allowed(&tls, policy),
            _ => Ok(tls),
        }
    }
}

pub(super) fn execute(args: &SuitesArgs) -> Result<ExitCode, Failed> {
    let profile = args.profile.load()?;
    let plan = args.plan(profile.as_ref())?;
    if let Some(policy) =
        profile.as_ref().and_then(|profile| profile.policy.as_ref()).filter(|_| args.tls.suites.is_empty())
    {
        let beyond = policy_check::beyond(policy);
        if !beyond.is_empty() {
            output::warn(&format!(
                "{} allows suites that are not compared, since this program has not them: {}",
                policy.name,
                beyond.join(", ")
            ));
        }
    }
    let server = ServerProcess::named(&args.server)?;
    // A limit that cannot be raised is judged as it is.
    let _ = limits::raise_nofile();
    if args.dry_run {
        return dry_run::execute(&plan, &args.output);
    }
    let folder = output::folder(&args.output, "suites", &plan.target().url.endpoint.host.to_string())?;
    let policy = profile.and_then(|profile| profile.policy);
    match compare_and_write(args, &plan, server.as_ref(), policy.as_ref(), &folder) {
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
    policy: Option<&Policy>,
    folder: &ResultsFolder,
) -> Result<SuitesDocument, Failed> {
    let url = &plan.target().url.text;
    let addresses = Addresses::resolve(plan.target(), plan.load().0.connect_timeout)
        .map_err(|failure| Failed::could_not_run(format!("{url}: {failure}")))?;
    for (address, why) in &addresses.dropped {
        output::warn(&format!("{address} does not answer ({why}) and is left out"));
    }
    for shortfall in dry_run::shortfalls(plan, addresses.used.len()) {
        output::warn(&shortfall.text);
    }
    let stop = signals::stop_on_signal(folder)?;
    let checked = policy_check::first(policy, plan.target(), &plan.tls().trust, &addresses.used, &stop)?;
    let apart = are_apart(&addresses, server);
    let server = server.map(ServerProcess::metered);
    let around = Surroundings { addresses: &addresses, server, apart, stop: &stop };
    let bar = bar(!(args.output.quiet || args.output.no_progress));
    let result = suites::run(plan, &around, &mut |step| {
        if let (Step::Begins(extent), false) = (&step, args.output.quiet) {
            bar.suspend(|| eprintln!("{}", how_long(*extent)));
        }
        show(&bar, &step);
    });
    bar.finish_and_clear();
    let mut document = result.map_err(|error| match error {
        CannotCompare::Setup(error) => Failed::could_not_run(error),
        error => Failed::could_not_run(format!("{url}: {error}")),
    })?;
    if let Some((policy, check)) = checked {
        label::suites(&mut document, policy, check);
    }
    document.label = args.output.label.label();
    let written = folder.write_all(&[
        (DOCUMENT, &|out| output::json(&document, out)),
        ("suites.csv", &|out| report::suites::csv(&document, out)),
        (report::html::FILE, &|out| report::html::suites(&document, out)),
    ]);
    written.map_err(|error| output::not_written(&error, args.output.json, &document))?;
    Ok(document)
}

fn conclude(args: &SuitesArgs, document: &SuitesDocument, folder: &ResultsFolder) -> Result<ExitCode, Failed> {
    if args.output.json {
        output::print_json(document)?;
    } else if !args.output.quiet {
        output::print_text(|out| {
            report::suites::text_in(document, output::columns(), out)?;
            writeln!(out, "\nwritten to {}", folder.path().display())
        })?;
    }
    let why = match (document.interrupted, document.trustworthy.verdict) {
        (true, _) => "INTERRUPTED: only complete rounds are in the result".to_owned(),
        (false, TrustVerdict::NotTrusted) => format!("NOT TRUSTED: {}", document.trustworthy.text),
        (false, TrustVerdict::Inconclusive) => format!("INCONCLUSIVE: {}", document.trustworthy.text),
        (false, TrustVerdict::Trusted) => return Ok(ExitCode::SUCCESS),
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
            let round = if *round == 0 { "first round".to_owned() } else { format!("round {round}/{rounds}") };
            bar.set_prefix(format!("{round}  {left}"));
            bar.set_message(format!("{workload}: {arm}"));
        }
        Step::Begins(_) | Step::Run(_) => {}
    }
}

/// How much a comparison is, and about how long it takes.
fn how_long(extent: Extent) -> String {
    format!(
        "about {}: {} runs of {} rows (suites under workloads, controls included)",
        in_minutes(extent.about()),
        units::count(extent.runs as u64),
        units::count(extent.rows as u64)
    )
}

/// A length of time to the second or minute, as nobody waits more exactly.
pub(super) fn in_minutes(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}
