//! `shakedown` without a command: the trial of the embedded endpoint. A demonstration, not a verdict: it exits with 0 when it worked.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::args::OutputArgs;
use super::exit::Failed;
use super::{load, output, signals, suites};
use crate::experiment::trial;
use crate::report;

/// What the trial takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Without a command")]
pub(super) struct TrialArgs {
    /// The folder for all outputs, new or empty [default: results/<UTC stamp>-trial-localhost]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Writes into --out even if it is not empty
    #[arg(long)]
    overwrite: bool,
    /// Prints the document, and only it, on stdout
    #[arg(long)]
    json: bool,
    /// Prints no table and shows no progress
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn execute(args: &TrialArgs) -> Result<ExitCode, Failed> {
    let output = OutputArgs {
        out: args.out.clone(),
        overwrite: args.overwrite,
        json: args.json,
        quiet: args.quiet,
        no_progress: false,
    };
    let folder = output::folder(&output, "trial", "localhost")?;
    let stop = signals::stop_on_signal()?;
    let bar = suites::bar(!args.quiet);
    let result = trial::run(load::fresh_seed(), &stop, &mut |step| suites::show(&bar, &step));
    bar.finish_and_clear();
    let document = match result {
        Ok(document) => document,
        Err(error) => {
            folder.discard();
            return Err(Failed::could_not_run(error));
        }
    };
    let written = output::write_document(&folder, &document)
        .and_then(|()| folder.write("suites.csv", |out| report::suites::csv(&document.suites, out)));
    written.map_err(Failed::could_not_run)?;
    if args.json {
        output::print_json(&document)?;
    } else if !args.quiet {
        output::print(|out| {
            report::trial::text(&document, out)?;
            writeln!(out, "\nwritten to {}", folder.path().display())
        })?;
    }
    Ok(ExitCode::SUCCESS)
}
