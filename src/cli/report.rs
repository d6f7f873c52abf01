//! `shakedown report DOC`: renders a result again, without a rerun.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::de::DeserializeOwned;

use super::exit::Failed;
use super::output;
use crate::record::folder::{self, DOCUMENT};
use crate::record::live::Reading;
use crate::record::{audit, capacity, compare, crypto, plan, run, suites, trial};
use crate::report::{self, hdr, html, openmetrics, xlsx};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The summary for people
    Text,
    /// The table of its command: summary.csv of run, suites.csv of suites and of the trial, crypto.csv, compare.csv, audit.csv, capacity.csv, plan.csv
    Csv,
    /// The page with charts that stands in a results folder as report.html
    Html,
    /// A workbook: the verdict, every table with typed cells and filters, and charts
    Xlsx,
    /// Of run only: the latencies by the second as an HdrHistogram log (.hlog)
    Hdr,
    /// Of run only: the percentiles of --latency as HdrHistogram's tools plot them (.hgrm), in milliseconds
    Hgrm,
    /// Of run only: OpenMetrics, for Prometheus
    Openmetrics,
    /// Of run only: series.csv, a row for each second
    CsvSeries,
    /// Of run only: quantiles.csv, a row for each quantile of each latency
    CsvQuantiles,
}

/// A result rendered again, as text, CSV, a page or a workbook, without a rerun
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// A results folder of any command, or the result.json in it
    #[arg(value_name = "DOC")]
    document: PathBuf,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Which latency --format hgrm is about: connect, handshake_full, handshake_resumed, first_byte, service, response or dispatch_lag; by default
    /// the first of response, service, handshake_full and handshake_resumed that was measured
    #[arg(long, value_name = "NAME")]
    latency: Option<String>,
    /// Writes to this file, which must be new, instead of to stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replaces --out if it is there
    #[arg(long, requires = "out")]
    overwrite: bool,
}

/// Shows the result in `folder` as text, and where its page is, if it has one.
pub(super) fn show(folder: &Path) -> Result<ExitCode, Failed> {
    let (document, out) = (folder.to_owned(), None);
    let code = execute(&ReportArgs { document, format: Format::Text, latency: None, out, overwrite: false })?;
    let page = folder.join(html::FILE);
    if page.exists() {
        output::print(|out| writeln!(out, "\npage          {}", page.display()))?;
    }
    Ok(code)
}

pub(super) fn execute(args: &ReportArgs) -> Result<ExitCode, Failed> {
    if args.format == Format::Xlsx && args.out.is_none() && io::stdout().is_terminal() {
        return Err(Failed::usage("--format xlsx: a workbook is nothing for a terminal: name a file with --out FILE"));
    }
    let path = if args.document.is_dir() { args.document.join(DOCUMENT) } else { args.document.clone() };
    let schema = folder::schema_of(&path).map_err(Failed::could_not_run)?;
    match schema.as_str() {
        trial::SCHEMA => render(args, &path, &schema, report::trial::text_in, [trial_csv, html::trial, xlsx::trial])?,
        crypto::SCHEMA => {
            render(args, &path, &schema, report::crypto::text_in, [report::crypto::csv, html::crypto, xlsx::crypto])?;
        }
        audit::SCHEMA => {
            render(args, &path, &schema, report::audit::text_in, [report::audit::csv, html::audit, xlsx::audit])?;
        }
        suites::SCHEMA => {
            render(args, &path, &schema, report::suites::text_in, [report::suites::csv, html::suites, xlsx::suites])?;
        }
        capacity::SCHEMA => {
            render(
                args,
                &path,
                &schema,
                report::capacity::text_in,
                [report::capacity::csv, html::capacity, xlsx::capacity],
            )?;
        }
        plan::SCHEMA => {
            render(args, &path, &schema, report::plan::text_in, [report::plan::csv, html::plan, xlsx::plan])?;
        }
        compare::SCHEMA => {
            render(
                args,
                &path,
                &schema,
                report::compare::text_in,
                [report::compare::csv, html::compare, xlsx::compare],
            )?;
        }
        // Of another kind, it is refused with what was expected.
        _ => {
            let document: run::RunDocument = folder::load(&path, run::SCHEMA).map_err(Failed::could_not_run)?;
            let latency = latency(&document, args)?;
            write(args, |out| match args.format {
                Format::Text => report::text::run_in(&document, columns(args), out),
                Format::Csv => report::csv::summary(&document, out),
                Format::Html => html::run(&document, out),
                Format::Xlsx => xlsx::run(&document, out),
                Format::Openmetrics => openmetrics::write(&Reading::of(&document), out),
                Format::Hdr => hdr::hlog(&document, out),
                Format::Hgrm => latency.map_or(Ok(()), |latency| hdr::hgrm(latency, out)),
                Format::CsvSeries => report::csv::series(&document, out),
                Format::CsvQuantiles => report::csv::quantiles(&document, out),
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The latency that `--format hgrm` is about; `None` for another format.
fn latency<'a>(document: &'a run::RunDocument, args: &ReportArgs) -> Result<Option<&'a run::Latency>, Failed> {
    if args.format != Format::Hgrm {
        return match args.latency {
            Some(_) => Err(Failed::usage("--latency goes with --format hgrm only".to_owned())),
            None => Ok(None),
        };
    }
    let measured = document.latency.named().into_iter().filter_map(|(name, latency)| Some((name, latency?)));
    let measured: Vec<_> = measured.collect();
    let wanted = match &args.latency {
        Some(name) => std::slice::from_ref(name).iter().map(String::as_str).collect(),
        None => vec!["response", "service", "handshake_full", "handshake_resumed"],
    };
    let find = |name: &str| measured.iter().find(|(other, _)| *other == name).map(|(_, latency)| *latency);
    wanted.into_iter().find_map(find).map(Some).ok_or_else(|| {
        let names: Vec<_> = measured.iter().map(|(name, _)| *name).collect();
        let asked = args.latency.as_deref().unwrap_or("hgrm");
        Failed::usage(format!("--latency '{asked}': this run measured {}", names.join(", ")))
    })
}

/// The comparison of suites that a trial holds.
fn trial_csv(document: &trial::TrialDocument, out: &mut dyn Write) -> io::Result<()> {
    report::suites::csv(&document.suites, out)
}

type Renderer<D> = fn(&D, &mut dyn Write) -> io::Result<()>;

/// Writes a document that has these four renderings only: text, its table, page and workbook.
fn render<D: DeserializeOwned>(
    args: &ReportArgs,
    path: &Path,
    schema: &str,
    text: fn(&D, usize, &mut dyn Write) -> io::Result<()>,
    [csv, html, xlsx]: [Renderer<D>; 3],
) -> Result<(), Failed> {
    let document: D = folder::load(path, schema).map_err(Failed::could_not_run)?;
    let renderer = match args.format {
        Format::Text => return write(args, |out| text(&document, columns(args), out)),
        Format::Csv => csv,
        Format::Html => html,
        Format::Xlsx => xlsx,
        Format::Hdr | Format::Hgrm | Format::Openmetrics | Format::CsvSeries | Format::CsvQuantiles => {
            let path = path.display();
            return Err(Failed::usage(format!(
                "--format: {path} is a {schema}, which has text, csv, html and xlsx only"
            )));
        }
    };
    write(args, |out| renderer(&document, out))
}

/// How wide a text may be where it goes: a file is no terminal.
fn columns(args: &ReportArgs) -> usize {
    if args.out.is_some() { report::FULL } else { output::columns() }
}

/// Writes to where the options say.
fn write(args: &ReportArgs, fill: impl Fn(&mut dyn Write) -> io::Result<()>) -> Result<(), Failed> {
    match &args.out {
        Some(file) => output::to_file(file, args.overwrite, &fill),
        None if args.format == Format::Text => output::print_text(fill),
        None => output::print(fill),
    }
}
