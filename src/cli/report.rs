//! `shakedown report DOC`: renders a result again, without a rerun.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::de::DeserializeOwned;

use super::exit::Failed;
use super::output;
use crate::record::folder::{self, DOCUMENT};
use crate::record::{audit, capacity, compare, crypto, plan, run, suites, trial};
use crate::report::{self, xlsx};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The summary for people
    Text,
    /// The table of its command: summary.csv of run, suites.csv of suites and of the trial, crypto.csv, compare.csv, audit.csv, capacity.csv, plan.csv
    Csv,
    /// Of run only: series.csv, a row for each second
    CsvSeries,
    /// Of run only: quantiles.csv, a row for each quantile of each latency
    CsvQuantiles,
    /// A workbook: the verdict, every table with typed cells and filters, and charts
    Xlsx,
}

/// A result rendered again, as text, CSV or a workbook, without a rerun
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// A results folder of run, suites, crypto, compare or the trial, or the result.json in it
    #[arg(value_name = "DOC")]
    document: PathBuf,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Writes to this file, which must be new, instead of to stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replaces --out if it is there
    #[arg(long, requires = "out")]
    overwrite: bool,
}

pub(super) fn execute(args: &ReportArgs) -> Result<ExitCode, Failed> {
    if args.format == Format::Xlsx && args.out.is_none() && io::stdout().is_terminal() {
        return Err(Failed::usage("--format xlsx: a workbook is nothing for a terminal: name a file with --out FILE"));
    }
    let path = if args.document.is_dir() { args.document.join(DOCUMENT) } else { args.document.clone() };
    let schema = folder::schema_of(&path).map_err(Failed::could_not_run)?;
    match schema.as_str() {
        trial::SCHEMA => render(args, &path, trial::SCHEMA, report::trial::text, trial_csv, xlsx::trial)?,
        crypto::SCHEMA => render(args, &path, &schema, report::crypto::text, report::crypto::csv, xlsx::crypto)?,
        audit::SCHEMA => render(args, &path, &schema, report::audit::text, report::audit::csv, xlsx::audit)?,
        suites::SCHEMA => render(args, &path, &schema, report::suites::text, report::suites::csv, xlsx::suites)?,
        capacity::SCHEMA => {
            render(args, &path, &schema, report::capacity::text, report::capacity::csv, xlsx::capacity)?;
        }
        plan::SCHEMA => render(args, &path, &schema, report::plan::text, report::plan::csv, xlsx::plan)?,
        compare::SCHEMA => render(args, &path, &schema, report::compare::text, report::compare::csv, xlsx::compare)?,
        // Of another kind, it is refused with what was expected.
        _ => {
            let document: run::RunDocument = folder::load(&path, run::SCHEMA).map_err(Failed::could_not_run)?;
            write(args, |out| match args.format {
                Format::Text => report::text::run(&document, out),
                Format::Csv => report::csv::summary(&document, out),
                Format::CsvSeries => report::csv::series(&document, out),
                Format::CsvQuantiles => report::csv::quantiles(&document, out),
                Format::Xlsx => xlsx::run(&document, out),
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The comparison of suites that a trial holds.
fn trial_csv(document: &trial::TrialDocument, out: &mut dyn Write) -> io::Result<()> {
    report::suites::csv(&document.suites, out)
}

type Renderer<D> = fn(&D, &mut dyn Write) -> io::Result<()>;

/// Writes a document that has one table.
fn render<D: DeserializeOwned>(
    args: &ReportArgs,
    path: &Path,
    schema: &str,
    text: Renderer<D>,
    csv: Renderer<D>,
    xlsx: Renderer<D>,
) -> Result<(), Failed> {
    let document: D = folder::load(path, schema).map_err(Failed::could_not_run)?;
    let renderer = match args.format {
        Format::Text => text,
        Format::Csv => csv,
        Format::Xlsx => xlsx,
        Format::CsvSeries | Format::CsvQuantiles => {
            let path = path.display();
            return Err(Failed::usage(format!("--format: {path} is a {schema}, which has text, csv and xlsx only")));
        }
    };
    write(args, |out| renderer(&document, out))
}

/// Writes to where the options say.
fn write(args: &ReportArgs, fill: impl Fn(&mut dyn Write) -> io::Result<()>) -> Result<(), Failed> {
    match &args.out {
        Some(file) => output::to_file(file, args.overwrite, &fill),
        None => output::print(fill),
    }
}
