//! `shakedown report DOC`: renders a result again, without a rerun.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::de::DeserializeOwned;

use super::exit::Failed;
use super::output;
use crate::record::folder::{self, DOCUMENT};
use crate::record::{audit, capacity, compare, crypto, plan, run, suites, trial};
use crate::report;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// The summary for people
    Text,
    /// The table of its command: summary.csv of run, suites.csv of suites and of the trial, crypto.csv, compare.csv, audit.csv, capacity.csv, plan.csv
    Csv,
    /// The page: charts with their data, to open in a browser
    Html,
    /// Of run only: series.csv, a row for each second
    CsvSeries,
    /// Of run only: quantiles.csv, a row for each quantile of each latency
    CsvQuantiles,
}

/// A result rendered again, as text, CSV or a page, without a rerun
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// A results folder of run, suites, crypto, compare or the trial, or the result.json in it
    #[arg(value_name = "DOC")]
    document: PathBuf,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) fn execute(args: &ReportArgs) -> Result<ExitCode, Failed> {
    let path = if args.document.is_dir() { args.document.join(DOCUMENT) } else { args.document.clone() };
    let schema = folder::schema_of(&path).map_err(Failed::could_not_run)?;
    match schema.as_str() {
        trial::SCHEMA => {
            any_kind(&path, args.format, trial::SCHEMA, [report::trial::text, trial_csv, report::html::trial])?;
        }
        crypto::SCHEMA => any_kind(
            &path,
            args.format,
            crypto::SCHEMA,
            [report::crypto::text, report::crypto::csv, report::html::crypto],
        )?,
        audit::SCHEMA => {
            any_kind(
                &path,
                args.format,
                audit::SCHEMA,
                [report::audit::text, report::audit::csv, report::html::audit],
            )?;
        }
        suites::SCHEMA => any_kind(
            &path,
            args.format,
            suites::SCHEMA,
            [report::suites::text, report::suites::csv, report::html::suites],
        )?,
        capacity::SCHEMA => {
            any_kind(
                &path,
                args.format,
                capacity::SCHEMA,
                [report::capacity::text, report::capacity::csv, report::html::capacity],
            )?;
        }
        plan::SCHEMA => {
            any_kind(&path, args.format, plan::SCHEMA, [report::plan::text, report::plan::csv, report::html::plan])?;
        }
        compare::SCHEMA => {
            any_kind(
                &path,
                args.format,
                compare::SCHEMA,
                [report::compare::text, report::compare::csv, report::html::compare],
            )?;
        }
        // Of another kind, it is refused with what was expected.
        _ => {
            let document: run::RunDocument = folder::load(&path, run::SCHEMA).map_err(Failed::could_not_run)?;
            output::print(|out| match args.format {
                Format::Text => report::text::run(&document, out),
                Format::Csv => report::csv::summary(&document, out),
                Format::Html => report::html::run(&document, out),
                Format::CsvSeries => report::csv::series(&document, out),
                Format::CsvQuantiles => report::csv::quantiles(&document, out),
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

/// Prints a document that has these three renderings only: text, CSV and page.
fn any_kind<D: DeserializeOwned>(
    path: &Path,
    format: Format,
    schema: &str,
    [text, csv, html]: [Renderer<D>; 3],
) -> Result<(), Failed> {
    let document: D = folder::load(path, schema).map_err(Failed::could_not_run)?;
    match format {
        Format::Text => output::print(|out| text(&document, out)),
        Format::Csv => output::print(|out| csv(&document, out)),
        Format::Html => output::print(|out| html(&document, out)),
        Format::CsvSeries | Format::CsvQuantiles => {
            let path = path.display();
            Err(Failed::usage(format!("--format: {path} is a {schema}, which has text, csv and html only")))
        }
    }
}
