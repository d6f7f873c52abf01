//! Where results go: the folder, its files, and what is printed.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use serde::Serialize;
use time::OffsetDateTime;

use super::args::OutputArgs;
use super::colour::{self, Painted};
use super::exit::{Failed, one_line};
use crate::record::folder::{DOCUMENT, Filler, FolderError, ResultsFolder};
use crate::record::run::RunDocument;
use crate::report;

/// Where runs are kept when `--out` names no folder.
pub(super) const RESULTS: &str = "results";

/// The narrowest terminal that tables are folded for.
const NARROWEST: usize = 80;

/// The folder that the options ask for, proved to be writable before anything is sent.
pub(super) fn folder(args: &OutputArgs, command: &str, host: &str) -> Result<ResultsFolder, Failed> {
    let created = match &args.out {
        Some(path) => ResultsFolder::create(path, args.overwrite),
        None => ResultsFolder::create_default(Path::new(RESULTS), OffsetDateTime::now_utc(), command, host),
    };
    created.map_err(|error| unusable(&error))
}

/// Whether [`folder`] would be had, as far as can be told without creating it.
pub(super) fn check_folder(args: &OutputArgs) -> Result<(), Failed> {
    let checked = match &args.out {
        Some(path) => ResultsFolder::check(path, args.overwrite),
        // What it holds does not matter: a new folder is made in it.
        None => ResultsFolder::check(Path::new(RESULTS), true),
    };
    checked.map_err(|error| unusable(&error))
}

fn unusable(error: &FolderError) -> Failed {
    match error {
        FolderError::NotEmpty { .. } | FolderError::NotAFolder { .. } => Failed::usage(format!("--out: {error}")),
        FolderError::Io { .. } => Failed::could_not_run(error),
    }
}

/// Writes a run's document, its page and its CSV files.
pub(super) fn write_run(folder: &ResultsFolder, document: &RunDocument) -> Result<(), FolderError> {
    folder.write_all(&[
        (DOCUMENT, &|out| json(document, out)),
        ("summary.csv", &|out| report::csv::summary(document, out)),
        ("series.csv", &|out| report::csv::series(document, out)),
        ("quantiles.csv", &|out| report::csv::quantiles(document, out)),
        (report::html::FILE, &|out| report::html::run(document, out)),
    ])
}

/// Prints what was measured all the same where it could not be written, if it is to be printed at all: it would be lost.
pub(super) fn not_written(error: &FolderError, wants_json: bool, document: &impl Serialize) -> Failed {
    if wants_json && let Err(failed) = print_json(document) {
        return failed;
    }
    Failed::could_not_run(error)
}

/// Prints `document` on stdout as JSON.
pub(super) fn print_json(document: &impl Serialize) -> Result<(), Failed> {
    print(|out| json(document, out))
}

/// Writes `document` as JSON.
pub(super) fn json(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    out.write_all(b"\n")
}

/// How wide a text for people may be on stdout: as wide as the terminal that it is, if that is no wider than our tables ever are.
pub(super) fn columns() -> usize {
    if !io::stdout().is_terminal() {
        return report::FULL;
    }
    let told = rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    told.filter(|columns| *columns > 0).map_or(report::FULL, |columns| columns.clamp(NARROWEST, report::FULL))
}

/// Writes a text for people to stdout, with colours where that is a terminal.
pub(super) fn print_text(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failed> {
    if !colour::wanted(&io::stdout()) {
        return print(write);
    }
    print(|out| {
        let mut painted = Painted::new(out);
        write(&mut painted)?;
        painted.flush()
    })
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

/// Writes the file `path` whole or not at all; one that is there is replaced only with `overwrite`.
pub(super) fn to_file(path: &Path, overwrite: bool, fill: Filler<'_>) -> Result<(), Failed> {
    let shown = path.display();
    if path.is_dir() {
        return Err(Failed::usage(format!("--out: {shown} is a folder: name a file")));
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // tempfile's own files are private; results are ordinary files, as the umask has them.
    let written = tempfile::Builder::new().make_in(folder, |path| fs::File::create_new(path)).and_then(|file| {
        let mut out = io::BufWriter::new(file.as_file());
        fill(&mut out)?;
        out.flush()?;
        drop(out);
        if overwrite {
            file.persist(path).map_err(|error| error.error)
        } else {
            file.persist_noclobber(path).map_err(|error| error.error)
        }
    });
    match written {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Failed::usage(format!("--out: {shown} is there already: name another file, or add --overwrite")))
        }
        Err(error) => Err(Failed::could_not_run(format!("cannot write {shown}: {error}"))),
    }
}

/// Says on stderr, in one line, what was found before a run.
pub(super) fn note(text: &str) {
    eprintln!("{}", one_line(text));
}

/// Says on stderr, in one line, what a user should know before a run.
pub(super) fn warn(text: &str) {
    eprintln!("warning: {}", one_line(text));
}
