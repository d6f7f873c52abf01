//! `shakedown report DOC`: renders a result again, without a rerun.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::exit::Failed;
use super::output;
use crate::record::folder::{self, DOCUMENT};
use crate::record::{crypto, run, trial};
use crate::report;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// The summary for people
    Text,
    /// One row
    Csv,
    /// One row for each second
    CsvSeries,
    /// One row for each quantile of each latency
    CsvQuantiles,
}

/// Render a result again: text or CSV, without a rerun
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// A results folder, or the result.json in it
    #[arg(value_name = "DOC")]
    document: PathBuf,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) fn execute(args: &ReportArgs) -> Result<ExitCode, Failed> {
    let path = if args.document.is_dir() { args.document.join(DOCUMENT) } else { args.document.clone() };
    let schema = folder::schema_of(&path).map_err(Failed::could_not_run)?;
    if schema == trial::SCHEMA {
        let document: trial::TrialDocument = folder::load(&path, trial::SCHEMA).map_err(Failed::could_not_run)?;
        output::print(|out| match args.format {
            Format::Text => report::trial::text(&document, out),
            Format::Csv | Format::CsvSeries | Format::CsvQuantiles => report::trial::csv(&document, out),
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    if schema == crypto::SCHEMA {
        let document: crypto::CryptoDocument = folder::load(&path, crypto::SCHEMA).map_err(Failed::could_not_run)?;
        output::print(|out| match args.format {
            Format::Text => report::crypto::text(&document, out),
            Format::Csv | Format::CsvSeries | Format::CsvQuantiles => report::crypto::csv(&document, out),
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let document: run::RunDocument = folder::load(&path, run::SCHEMA).map_err(Failed::could_not_run)?;
    output::print(|out| match args.format {
        Format::Text => report::text::run(&document, out),
        Format::Csv => report::csv::summary(&document, out),
        Format::CsvSeries => report::csv::series(&document, out),
        Format::CsvQuantiles => report::csv::quantiles(&document, out),
    })?;
    Ok(ExitCode::SUCCESS)
}
