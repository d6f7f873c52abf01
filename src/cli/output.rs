//! Where results go: the folder, its files, and what is printed.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use time::OffsetDateTime;

use super::args::OutputArgs;
use super::exit::{Failed, one_line};
use crate::record::folder::{DOCUMENT, FolderError, ResultsFolder};
use crate::record::run::RunDocument;
use crate::report;

/// Where runs are kept when `--out` names no folder.
const RESULTS: &str = "results";

/// The folder that the options ask for, proved to be writable before anything is sent.
pub(super) fn folder(args: &OutputArgs, command: &str, host: &str) -> Result<ResultsFolder, Failed> {
    let created = match &args.out {
        Some(path) => ResultsFolder::create(path, args.overwrite),
        None => ResultsFolder::create_default(Path::new(RESULTS), OffsetDateTime::now_utc(), command, host),
    };
    created.map_err(|error| match error {
        FolderError::NotEmpty { .. } | FolderError::NotAFolder { .. } => Failed::usage(format!("--out: {error}")),
        FolderError::Io { .. } => Failed::could_not_run(error),
    })
}

/// Writes `document` as `result.json`.
pub(super) fn write_document(folder: &ResultsFolder, document: &impl Serialize) -> Result<(), FolderError> {
    folder.write(DOCUMENT, |out| json(document, out)).map(|_| ())
}

/// Writes a run's document and its CSV files.
pub(super) fn write_run(folder: &ResultsFolder, document: &RunDocument) -> Result<(), FolderError> {
    write_document(folder, document)?;
    folder.write("summary.csv", |out| report::csv::summary(document, out))?;
    folder.write("series.csv", |out| report::csv::series(document, out))?;
    folder.write("quantiles.csv", |out| report::csv::quantiles(document, out))?;
    Ok(())
}

/// Prints `document` on stdout as JSON.
pub(super) fn print_json(document: &impl Serialize) -> Result<(), Failed> {
    print(|out| json(document, out))
}

fn json(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    out.write_all(b"\n")
}

/// Writes to stdout; a reader that has gone away is nobody's fault.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failed> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failed::could_not_run(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says on stderr, in one line, what a user should know before a run.
pub(super) fn warn(text: &str) {
    eprintln!("warning: {}", one_line(text));
}
