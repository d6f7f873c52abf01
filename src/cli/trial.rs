//! `shakedown` without a command: the trial of the embedded endpoint. A demonstration, not a verdict: it exits with 0 when it worked, whatever
//! it found, and with 3 where the user ended it.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::args::{LabelArgs, OutputArgs};
use super::exit::{Failed, INCONCLUSIVE};
use super::{crypto, load, output, signals, suites};
use crate::experiment::trial::{self, Step};
use crate::record::folder::{DOCUMENT, Filler, FolderError, ResultsFolder};
use crate::record::trial::TrialDocument;
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
    #[command(flatten)]
    label: LabelArgs,
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
        label: args.label.clone(),
        json: args.json,
        quiet: args.quiet,
        no_progress: false,
    };
    let folder = output::folder(&output, "trial", "localhost")?;
    let stop = signals::stop_on_signal(&folder)?;
    let (of_suites, of_crypto) = (suites::bar(!args.quiet), crypto::bar(!args.quiet));
    let result = trial::run(load::fresh_seed(), &stop, &mut |step| match step {
        Step::Suites(step) => suites::show(&of_suites, &step),
        Step::Crypto(step) => {
            of_suites.finish_and_clear();
            crypto::show(&of_crypto, &step);
        }
    });
    of_suites.finish_and_clear();
    of_crypto.finish_and_clear();
    let mut document = match result {
        Ok(document) => document,
        Err(error) => {
            folder.discard();
            return Err(Failed::could_not_run(error));
        }
    };
    document.label = args.label.label();
    write(&folder, &document).map_err(|error| output::not_written(&error, args.json, &document))?;
    if args.json {
        output::print_json(&document)?;
    } else if !args.quiet {
        output::print_text(|out| {
            report::trial::text_in(&document, output::columns(), out)?;
            writeln!(out, "\nwritten to {}", folder.path().display())
        })?;
    }
    Ok(if document.interrupted { ExitCode::from(INCONCLUSIVE) } else { ExitCode::SUCCESS })
}

fn write(folder: &ResultsFolder, document: &TrialDocument) -> Result<(), FolderError> {
    let json = |out: &mut dyn Write| output::json(document, out);
    let suites = |out: &mut dyn Write| report::suites::csv(&document.suites, out);
    let page = |out: &mut dyn Write| report::html::trial(document, out);
    let mut files: Vec<(&str, Filler<'_>)> =
        vec![(DOCUMENT, &json), ("suites.csv", &suites), (report::html::FILE, &page)];
    let audit = document.audit.as_ref().map(|audit| move |out: &mut dyn Write| report::audit::csv(audit, out));
    if let Some(audit) = &audit {
        files.push(("audit.csv", audit));
    }
    let crypto = document.crypto.as_ref().map(|crypto| move |out: &mut dyn Write| report::crypto::csv(crypto, out));
    if let Some(crypto) = &crypto {
        files.push(("crypto.csv", crypto));
    }
    folder.write_all(&files)
}
