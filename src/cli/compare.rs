//! `shakedown compare DOC DOC...`: documents of one kind side by side.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use time::OffsetDateTime;

use super::args::OutputArgs;
use super::exit::{Failed, INCONCLUSIVE, NO, one_line};
use super::output;
use crate::experiment::compare::{self, Documents, How};
use crate::record::compare::{CompareDocument, Outcome};
use crate::record::folder::{self, DOCUMENT, FolderError, ResultsFolder};
use crate::record::{crypto, run, suites, trial};
use crate::report;
use crate::stats::compare::Tolerance;
use crate::units::{self, Percent};

const AFTER_HELP: &str = "\
Examples:
  shakedown compare results/before results/after
      two runs: exit code 1 if a figure is surely worse by more than 5 %
  shakedown compare epyc/ xeon/ graviton/ --anyway --out cpus
      comparisons of suites on three CPUs: a table in the terminal, and compare.csv for a pivot table

  shakedown compare before-1 before-2 before-3 --after after-1 after-2 after-3
      repeated runs: how much runs differ among themselves is then known, and smaller differences are told

Exit codes: 0 no leading figure can be worse by more than the tolerance; 1 one surely is; 2 wrong usage, or plans that
differ; 3 nobody can tell: a document is INVALID, not trusted or inconclusive itself, or an interval too wide;
4 a document cannot be read.";

/// Documents of one kind side by side: CPUs, releases, days
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct CompareArgs {
    /// Results folders, or the result.json in them; the others are compared with the first
    #[arg(value_name = "DOC", required = true)]
    documents: Vec<PathBuf>,
    /// Repeated runs: those named before are repeats of the reference, and these of what is compared with it
    #[arg(long, value_name = "DOC", num_args = 1..)]
    after: Vec<PathBuf>,
    /// Compares documents whose plans differ, all the same; what differs is listed
    #[arg(long)]
    anyway: bool,
    /// By how much a figure may be worse: what surely is by more is a regression
    #[arg(long, value_name = "PERCENT", default_value = "5%", allow_hyphen_values = true)]
    tolerance: Percent,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn execute(args: &CompareArgs) -> Result<ExitCode, Failed> {
    let tolerance = Tolerance::new(args.tolerance.as_fraction())
        .ok_or_else(|| Failed::usage(format!("--tolerance {}: name less than 100%", args.tolerance)))?;
    let (paths, after) = sides(args);
    if let [only] = paths.as_slice() {
        let text = format!("DOC: {} stands alone; name at least two documents, the reference first", only.display());
        return Err(Failed::Usage(text));
    }
    let documents = load(&paths)?;
    let how = How { tolerance, anyway: args.anyway, after };
    let mut document = compare::compare(&documents, how, OffsetDateTime::now_utc()).map_err(Failed::usage)?;
    document.label = args.output.label.label();
    let kind = document.kind.trim_start_matches("shakedown.").split('/').next().unwrap_or_default().to_owned();
    let folder = output::folder(&args.output, "compare", &kind)?;
    if let Err(error) = write(&folder, &document) {
        folder.discard();
        return Err(output::not_written(&error, args.output.json, &document));
    }
    conclude(args, &document, &folder)
}

/// All documents in one list, and where the second side begins if they are repeated runs of two.
fn sides(args: &CompareArgs) -> (Vec<PathBuf>, Option<usize>) {
    let all = args.documents.iter().chain(&args.after).cloned().collect();
    (all, (!args.after.is_empty()).then_some(args.documents.len()))
}

fn write(folder: &ResultsFolder, document: &CompareDocument) -> Result<(), FolderError> {
    folder.write_all(&[
        (DOCUMENT, &|out| output::json(document, out)),
        ("compare.csv", &|out| report::compare::csv(document, out)),
        (report::html::FILE, &|out| report::html::compare(document, out)),
    ])
}

fn conclude(args: &CompareArgs, document: &CompareDocument, folder: &ResultsFolder) -> Result<ExitCode, Failed> {
    if args.output.json {
        output::print_json(document)?;
    } else if !args.output.quiet {
        output::print_text(|out| {
            report::compare::text_in(document, output::columns(), out)?;
            writeln!(out, "\nwritten to {}", folder.path().display())
        })?;
    }
    // Where the table that says so is not shown, the exit code needs a word.
    let (code, word) = match document.outcome {
        Outcome::Pass => return Ok(ExitCode::SUCCESS),
        Outcome::Regression => {
            let more = units::share(document.plan.tolerance);
            (NO, format!("REGRESSION: {} worse by more than {more}", report::compare::worse(document)))
        }
        Outcome::Inconclusive => {
            let reasons: Vec<&str> = document.reasons.iter().map(|reason| reason.text.as_str()).collect();
            (INCONCLUSIVE, format!("INCONCLUSIVE: {}", reasons.join("; ")))
        }
    };
    if args.output.json || args.output.quiet {
        eprintln!("{}", one_line(&word));
    }
    Ok(ExitCode::from(code))
}

/// Reads all documents, which must be of one kind.
fn load(paths: &[PathBuf]) -> Result<Documents, Failed> {
    let mut found: Vec<(&PathBuf, String)> = Vec::new();
    for path in paths {
        found.push((path, folder::schema_of(path).map_err(Failed::could_not_run)?));
    }
    let (first, schema) = &found[0];
    let other = found.iter().find(|(_, other)| kind(other) != kind(schema));
    if let Some((path, other)) = other {
        return Err(Failed::usage(format!(
            "{} is a {schema} and {} a {other}: name documents of one kind",
            first.display(),
            path.display()
        )));
    }
    let named = |path: &Path| path.display().to_string();
    match kind(schema) {
        run::SCHEMA => Ok(Documents::Runs(each(&found, |path, _| Ok((named(path), folder::load_run(path)?)))?)),
        suites::SCHEMA => {
            Ok(Documents::Suites(each(&found, |path, schema| Ok((named(path), suites_of(path, schema)?)))?))
        }
        crypto::SCHEMA => {
            Ok(Documents::Crypto(each(&found, |path, schema| Ok((named(path), folder::load(path, schema)?)))?))
        }
        _ => Err(Failed::usage(format!(
            "{} is a {schema}, which cannot be compared: name documents of run, suites or crypto",
            first.display()
        ))),
    }
}

/// What a document is compared as: a trial is a comparison of suites.
fn kind(schema: &str) -> &str {
    if schema == trial::SCHEMA { suites::SCHEMA } else { schema }
}

fn suites_of(path: &Path, schema: &str) -> Result<suites::SuitesDocument, folder::LoadError> {
    if schema == trial::SCHEMA {
        return Ok(folder::load::<trial::TrialDocument>(path, schema)?.suites);
    }
    folder::load(path, schema)
}

fn each<D>(
    found: &[(&PathBuf, String)],
    read: impl Fn(&Path, &str) -> Result<D, folder::LoadError>,
) -> Result<Vec<D>, Failed> {
    found.iter().map(|(path, schema)| read(path, schema)).collect::<Result<_, _>>().map_err(Failed::could_not_run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::compare::fixture;
    use crate::record::fixture::closed_loop;

    #[test]
    fn a_trial_is_compared_by_its_suites() {
        let folder = tempfile::tempdir().unwrap();
        let (run, suites) = (closed_loop(), fixture::suites(3000.0, 0.5));
        let trial = trial::TrialDocument {
            label: Default::default(),
            schema: trial::SCHEMA.into(),
            tool: run.tool,
            host: run.host,
            started_at: run.started_at,
            interrupted: false,
            cores: Some((0, 1)),
            suites: suites.clone(),
            crypto: None,
            audit: None,
        };
        let paths = ["trial.json", "suites.json"].map(|name| folder.path().join(name));
        std::fs::write(&paths[0], serde_json::to_vec(&trial).unwrap()).unwrap();
        std::fs::write(&paths[1], serde_json::to_vec(&suites).unwrap()).unwrap();
        let Documents::Suites(loaded) = load(&paths).unwrap() else { panic!("no comparisons of suites") };
        assert!(
            loaded.iter().zip(&paths).all(|((name, document), path)| Path::new(name) == path && *document == suites)
        );
        // Half of one is no trial.
        std::fs::write(&paths[1], r#"{"schema":"shakedown.trial/1"}"#).unwrap();
        assert!(matches!(load(&paths).unwrap_err(), Failed::CouldNotRun(text) if text.contains("is damaged")));
    }
}
