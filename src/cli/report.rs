//! `shakedown report DOC`: renders a result again, without a rerun.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::exit::Failed;
use super::output;
use crate::record::folder::{self, DOCUMENT};
use crate::record::{run, trial};
use crate::report;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// The summary for people
    Text,
    /// summary.csv: one row for the run; of a trial, suites.csv: a row for each suite and workload
    Csv,
    /// series.csv: one row for each second
    CsvSeries,
    /// quantiles.csv: one row for each quantile of each latency
    CsvQuantiles,
}

/// A result rendered again, as text or CSV, without a rerun
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
        match args.format {
            Format::Text => output::print(|out| report::trial::text(&document, out))?,
            Format::Csv => output::print(|out| report::trial::csv(&document, out))?,
            Format::CsvSeries | Format::CsvQuantiles => {
                let path = path.display();
                return Err(Failed::usage(format!("--format: {path} is a trial, which has text and csv only")));
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    #[test]
    fn a_trial_has_no_table_of_seconds() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(DOCUMENT), serde_json::to_vec(&fixture::trial()).unwrap()).unwrap();
        for format in [Format::CsvSeries, Format::CsvQuantiles] {
            let refused = execute(&ReportArgs { document: folder.path().to_owned(), format }).unwrap_err();
            assert!(matches!(refused, Failed::Usage(text) if text.contains("text and csv only")));
        }
    }
}
