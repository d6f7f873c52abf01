//! `shakedown` without a command: the trial of the embedded endpoint. A demonstration, not a verdict: it exits with 0 when it worked.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::OutputArgs;
use super::exit::Failed;
use super::{output, signals};
use crate::experiment::trial::{self, Step};
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
    let bar = bar(!args.quiet);
    let result = trial::run(&stop, &mut |step| {
        if let Step::Suite(suite, index, total) = step {
            bar.set_length(total as u64);
            bar.set_position(index as u64);
            bar.set_message(suite.openssl());
        }
    });
    bar.finish_and_clear();
    let document = match result {
        Ok(document) => document,
        Err(error) => {
            folder.discard();
            return Err(Failed::could_not_run(error));
        }
    };
    let written = output::write_document(&folder, &document)
        .and_then(|()| folder.write("suites.csv", |out| report::trial::csv(&document, out)));
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

fn bar(wanted: bool) -> ProgressBar {
    let shown = wanted && std::io::stderr().is_terminal();
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target);
    // The template is a constant: a mistake in it would show in every trial.
    if let Ok(style) = ProgressStyle::with_template("{bar:16} suite {pos}/{len}  {msg}  about {eta} left") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(250));
    bar
}
