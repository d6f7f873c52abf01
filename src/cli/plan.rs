//! `shakedown plan DOC... --demand R`: how many servers a demand needs, by what was measured of one.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use time::OffsetDateTime;

use super::args::{OutputArgs, count};
use super::exit::{Failed, INCONCLUSIVE, one_line};
use super::output;
use crate::experiment::plan::{self, Ask, Source};
use crate::model::demand::{Clauses, Demand};
use crate::record::folder::{self, DOCUMENT, FolderError, ResultsFolder};
use crate::record::plan::PlanDocument;
use crate::record::{capacity, suites, trial};
use crate::report;
use crate::units::Percent;

const AFTER_HELP: &str = "\
Examples:
  shakedown plan results/capacity --demand '20000 req/s'
      servers for 20 000 requests/s on kept connections, each 30 % free, and one to spare
  shakedown plan full/ resumed/ requests/ --mix '200 new sessions/s, 80% resumed, 12 requests each of 4KiB'
      by three searches for capacity, of full handshakes, resumed ones, and requests
  shakedown plan suites/ --demand '500 sessions/s, 80% resumed' --sessions 1000000
      for each suite, and how long a million sessions take to come back after a restart

Exit codes: 0 planned; 2 wrong usage, or a demand that the documents do not answer; 3 a document is NOT TRUSTED; 4 a document
cannot be read.";

/// How many servers a demand needs, by what was measured of one
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct PlanArgs {
    /// Results folders of capacity and suites, or the result.json in them; all of one kind of server
    #[arg(value_name = "DOC", required = true)]
    documents: Vec<PathBuf>,
    /// What all servers together must carry, such as '20000 req/s', '500 sessions/s' or '800 MB/s of 64KiB'
    #[arg(long, value_name = "DEMAND", required_unless_present = "mix", allow_hyphen_values = true)]
    demand: Option<Clauses>,
    /// What the demand is made of, such as '80% resumed, 12 requests each of 4KiB'; may hold the rate itself
    #[arg(long, value_name = "MIX", allow_hyphen_values = true)]
    mix: Option<Clauses>,
    /// The share of each server's capacity that stays free at the demand
    #[arg(long, value_name = "PERCENT", default_value = "30%", allow_hyphen_values = true)]
    headroom: Percent,
    /// Servers beyond those that are needed
    #[arg(long, value_name = "N", default_value = "1", value_parser = spare, allow_hyphen_values = true)]
    spare: u32,
    /// Sessions that come back after a restart: how long until all are there again
    #[arg(long, value_name = "N", value_parser = count::<NonZeroU64>, allow_hyphen_values = true)]
    sessions: Option<NonZeroU64>,
    #[command(flatten)]
    output: OutputArgs,
}

fn spare(text: &str) -> Result<u32, String> {
    text.trim().parse().map_err(|_| format!("'{}' is not a whole number of servers, such as 0, 1 or 2", text.trim()))
}

pub(super) fn execute(args: &PlanArgs) -> Result<ExitCode, Failed> {
    let ask = ask(args)?;
    let mut sources = Vec::new();
    for path in &args.documents {
        sources.push((path.display().to_string(), source(path)?));
    }
    let mut document = plan::plan(&sources, &ask, OffsetDateTime::now_utc()).map_err(Failed::usage)?;
    document.label = args.output.label.label();
    let folder = output::folder(&args.output, "plan", "servers")?;
    if let Err(error) = write(&folder, &document) {
        folder.discard();
        return Err(output::not_written(&error, args.output.json, &document));
    }
    if args.output.json {
        output::print_json(&document)?;
    } else if !args.output.quiet {
        output::print_text(|out| {
            report::plan::text_in(&document, output::columns(), out)?;
            writeln!(out, "\nwritten to {}", folder.path().display())
        })?;
    }
    if document.reasons.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    // Where the text that says so is not shown, the exit code needs a word.
    if args.output.json || args.output.quiet {
        let reasons: Vec<&str> = document.reasons.iter().map(|reason| reason.text.as_str()).collect();
        eprintln!("{}", one_line(&format!("INCONCLUSIVE: {}", reasons.join("; "))));
    }
    Ok(ExitCode::from(INCONCLUSIVE))
}

/// What is asked, from both options together.
fn ask(args: &PlanArgs) -> Result<Ask, Failed> {
    if args.headroom.as_fraction() >= 1.0 {
        return Err(Failed::usage(format!(
            "--headroom {}: nothing would be left to use; name less than 100%",
            args.headroom
        )));
    }
    let given = [("--demand", &args.demand), ("--mix", &args.mix)];
    let given = || given.into_iter().filter_map(|(option, clauses)| Some((option, clauses.as_ref()?)));
    let options: Vec<&str> = given().map(|(option, _)| option).collect();
    let refused = |error: String| Failed::usage(format!("{}: {error}", options.join(" and ")));
    let clauses =
        given().try_fold(Clauses::default(), |all, (_, clauses)| all.with(clauses.clone())).map_err(refused)?;
    let demand = Demand::new(&clauses).map_err(refused)?;
    Ok(Ask {
        text: clauses.text().to_owned(),
        demand,
        headroom: args.headroom,
        spare: args.spare,
        sessions: args.sessions,
    })
}

/// The document at `path`, as a source of capacities.
pub(super) fn source(path: &Path) -> Result<Source, Failed> {
    let schema = folder::schema_of(path).map_err(Failed::could_not_run)?;
    match schema.as_str() {
        capacity::SCHEMA => Ok(Source::Capacity(Box::new(folder::load(path, &schema).map_err(Failed::could_not_run)?))),
        suites::SCHEMA => Ok(Source::Suites(Box::new(folder::load(path, &schema).map_err(Failed::could_not_run)?))),
        trial::SCHEMA => Err(Failed::usage(format!(
            "{} is a {schema}: it measured this program's own endpoint, not a server of yours; name documents of capacity or suites",
            path.display()
        ))),
        _ => Err(Failed::usage(format!(
            "{} is a {schema}, which says no server's capacity: name documents of capacity or suites",
            path.display()
        ))),
    }
}

fn write(folder: &ResultsFolder, document: &PlanDocument) -> Result<(), FolderError> {
    folder.write_all(&[
        (DOCUMENT, &|out| output::json(document, out)),
        ("plan.csv", &|out| report::plan::csv(document, out)),
        (report::html::FILE, &|out| report::html::plan(document, out)),
    ])
}
