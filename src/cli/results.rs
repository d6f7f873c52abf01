//! `shakedown results`: the runs kept in a results folder, the newest first.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::exit::Failed;
use super::output::{self, RESULTS};
use super::report;
use crate::record::kept;
use crate::report::results::{self, KeptRow};

/// What made a document.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindArg {
    Run,
    Suites,
    Capacity,
    Audit,
    Crypto,
    Compare,
    Plan,
    Trial,
}

/// The runs kept in a results folder, the newest first: when, where, what, verdict
#[derive(Debug, Args)]
pub(super) struct ResultsArgs {
    /// The folder with the results' folders in it
    #[arg(value_name = "DIR", default_value = RESULTS)]
    folder: PathBuf,
    /// Only what these commands made
    #[arg(long, value_enum, value_name = "KIND", value_delimiter = ',')]
    kind: Vec<KindArg>,
    /// Only where the URL has this in it
    #[arg(long, value_name = "TEXT")]
    target: Option<String>,
    /// Only what has all of these tags
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = super::args::count::<std::num::NonZeroUsize>, allow_hyphen_values = true)]
    last: Option<std::num::NonZeroUsize>,
    /// Shows the newest of them, as `shakedown report` does, and where its page is
    #[arg(long, conflicts_with_all = ["json", "last"])]
    open: bool,
    /// Prints the list as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(args: &ResultsArgs) -> Result<ExitCode, Failed> {
    let shown = args.folder.display();
    let kept = kept::list(&args.folder).map_err(|error| {
        let way_out = if error.kind() == io::ErrorKind::NotFound {
            ": nothing was kept here yet; name the folder that the results' folders are in"
        } else {
            ""
        };
        Failed::could_not_run(format!("cannot read {shown}: {error}{way_out}"))
    })?;
    let mut rows: Vec<KeptRow> = kept.iter().map(KeptRow::of).filter(|row| is_wanted(args, row)).collect();
    if args.open {
        let newest =
            rows.first().ok_or_else(|| Failed::could_not_run(format!("nothing in {shown} is what was asked for")))?;
        return report::show(Path::new(&newest.path));
    }
    if let Some(last) = args.last {
        rows.truncate(last.get());
    }
    if args.json {
        output::print_json(&rows)?;
    } else {
        output::print(|out| results::text(&rows, &args.folder, out))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn is_wanted(args: &ResultsArgs, row: &KeptRow) -> bool {
    let names = args.kind.iter().filter_map(|kind| Some(kind.to_possible_value()?.get_name().to_owned()));
    let of_kind = args.kind.is_empty() || names.into_iter().any(|name| row.kind.as_deref() == Some(&name));
    let at_target = |text: &String| row.target.as_ref().is_some_and(|target| target.contains(text.as_str()));
    let tagged = args.tags.iter().all(|tag| row.tags.contains(tag));
    of_kind && tagged && args.target.as_ref().is_none_or(at_target)
}
