//! The results folder: where a run's files go, whole or not at all, and how a document is read back.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use time::{OffsetDateTime, UtcOffset};

use super::run::{self, RunDocument};

/// The document's name within a results folder.
pub const DOCUMENT: &str = "result.json";

/// The longest host name that a folder's name takes over, in characters.
const MAX_HOST: usize = 60;

/// Why a results folder cannot be used, and the way out.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It holds something already.
    #[error(
        "{} is not empty (it holds '{holds}'): name another folder with --out DIR, or add --overwrite to replace files \
         of the same names",
        path.display()
    )]
    NotEmpty {
        /// The folder.
        path: PathBuf,
        /// One of the names in it.
        holds: String,
    },
    /// There is a file where the folder should be.
    #[error("{} is a file, not a folder: name another place with --out DIR", path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}; name a folder on a disk that can be written to with --out DIR", path.display())]
    Io {
        /// What was tried, such as `create`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl FolderError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// What writes a file's content.
pub type Filler<'a> = &'a dyn Fn(&mut dyn Write) -> io::Result<()>;

/// A folder that exists and can be written to.
#[derive(Debug, Clone)]
pub struct ResultsFolder {
    path: PathBuf,
    /// The folders that did not exist before, outermost first.
    created: Vec<PathBuf>,
}

impl ResultsFolder {
    /// The folder `path`, created with its parents where it does not exist, and proved to be writable. It must be empty
    /// unless `overwrite` is set: then files of the same names are replaced, and all others stay.
    ///
    /// # Errors
    /// [`FolderError`], and then nothing that was created is left behind.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self, FolderError> {
        refuse_what_is_there(path, overwrite)?;
        let created = missing_folders(path);
        let folder = Self { path: path.to_owned(), created };
        let usable = fs::create_dir_all(path).map_err(FolderError::io("create", path)).and_then(|()| folder.probe());
        match usable {
            Ok(()) => Ok(folder),
            Err(error) => {
                folder.discard();
                Err(error)
            }
        }
    }

    /// Whether [`ResultsFolder::create`] would take `path`, as far as can be told without creating anything.
    ///
    /// # Errors
    /// As [`ResultsFolder::create`].
    pub fn check(path: &Path, overwrite: bool) -> Result<(), FolderError> {
        refuse_what_is_there(path, overwrite)?;
        let there = path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new(""));
        // With a dot behind it, so that a file in its place is none.
        let usable = access(there.join("."), Access::WRITE_OK | Access::EXEC_OK);
        usable.map_err(|error| FolderError::io("create", path)(error.into()))
    }

    /// A new folder `parent/<UTC stamp>-<command>-<host>`, such as `results/20261123T234042Z-run-example.com`; a name
    /// that is taken gets `-2`, `-3` and so on.
    ///
    /// # Errors
    /// [`FolderError::Io`], [`FolderError::NotAFolder`].
    pub fn create_default(parent: &Path, at: OffsetDateTime, command: &str, host: &str) -> Result<Self, FolderError> {
        let name = default_name(at, command, host);
        let mut folder = Self { path: parent.join(&name), created: missing_folders(parent) };
        let made = fs::create_dir_all(parent).map_err(FolderError::io("create", parent));
        match made.and_then(|()| folder.claim(parent, &name)).and_then(|()| folder.probe()) {
            Ok(()) => Ok(folder),
            Err(error) => {
                folder.discard();
                Err(error)
            }
        }
    }

    /// Creates `parent/name`, or the first of `name-2`, `name-3`… that is free. Only the kernel can say who was first, where
    /// two runs begin in the same second.
    fn claim(&mut self, parent: &Path, name: &str) -> Result<(), FolderError> {
        let mut number = 1_u32;
        while let Err(error) = fs::create_dir(&self.path) {
            if error.kind() != io::ErrorKind::AlreadyExists {
                return Err(FolderError::io("create", &self.path)(error));
            }
            number += 1;
            self.path = parent.join(format!("{name}-{number}"));
        }
        self.created.push(self.path.clone());
        Ok(())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one file, and returns its path; see [`ResultsFolder::write_all`].
    ///
    /// # Errors
    /// [`FolderError::Io`]; the file is then as it was before.
    pub fn write(&self, name: &str, fill: impl Fn(&mut dyn Write) -> io::Result<()>) -> Result<PathBuf, FolderError> {
        self.write_all(&[(name, &fill)])?;
        Ok(self.path.join(name))
    }

    /// Writes files by calling what fills them: all under temporary names, flushed to the disk, and then all renamed, so that no reader
    /// ever sees half of one, and a disk that is full leaves none of them. A name may have a folder of its own before it, as in `trials/001.json`.
    ///
    /// # Errors
    /// [`FolderError::Io`], where a filler or the disk failed; the files are then as they were before.
    pub fn write_all(&self, files: &[(&str, Filler<'_>)]) -> Result<(), FolderError> {
        let within: BTreeSet<&Path> = files.iter().filter_map(|(name, _)| Path::new(name).parent()).collect();
        let within: Vec<PathBuf> = within.into_iter().map(|folder| self.path.join(folder)).collect();
        let new: Vec<&PathBuf> = within.iter().filter(|folder| !folder.exists()).collect();
        let written = self.write_into(&within, files);
        if written.is_err() {
            // Refused where something is in it: then it stays.
            new.into_iter().for_each(|folder| drop(fs::remove_dir(folder)));
        }
        written
    }

    fn write_into(&self, within: &[PathBuf], files: &[(&str, Filler<'_>)]) -> Result<(), FolderError> {
        for folder in within {
            fs::create_dir_all(folder).map_err(FolderError::io("create", folder))?;
        }
        let mut complete = Vec::with_capacity(files.len());
        for (name, fill) in files {
            let path = self.path.join(name);
            let file = self.complete(&path, fill).map_err(FolderError::io("write", &path))?;
            complete.push((file, path));
        }
        for (file, path) in complete {
            file.persist(&path).map_err(|error| FolderError::io("write", &path)(error.error))?;
        }
        // The new names are safe only when the folders themselves are on the disk.
        for folder in within {
            let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(FolderError::io("write to", folder))?;
        }
        Ok(())
    }

    /// A temporary file with all that `fill` writes, on the disk.
    fn complete(&self, path: &Path, fill: Filler<'_>) -> io::Result<tempfile::NamedTempFile> {
        let file = self.temporary(path)?;
        // By way of the plain file: errors of tempfile's own would name the temporary one.
        let mut out = BufWriter::new(file.as_file());
        fill(&mut out)?;
        out.flush()?;
        drop(out);
        file.as_file().sync_all()?;
        Ok(file)
    }

    /// A temporary file beside `path`.
    fn temporary(&self, path: &Path) -> io::Result<tempfile::NamedTempFile> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // tempfile's own files are private, and its errors name them; results are ordinary files, as the umask has them.
        tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(".tmp")
            .make_in(path.parent().unwrap_or(&self.path), |path| fs::File::create_new(path))
    }

    /// Proves that files can be written here, before a run that would otherwise be lost.
    fn probe(&self) -> Result<(), FolderError> {
        let written = self.temporary(&self.path.join("probe")).and_then(|file| file.as_file().write_all(b"probe"));
        written.map_err(FolderError::io("write to", &self.path))
    }

    /// Removes again what was created for this run, as far as it is empty: for a run that could not start.
    pub fn discard(&self) {
        for folder in self.created.iter().rev() {
            // Refused where something is in it: then it stays.
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
}

/// Refuses a file, and unless it is to be written over, a folder with something in it.
fn refuse_what_is_there(path: &Path, overwrite: bool) -> Result<(), FolderError> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => return Err(FolderError::NotAFolder { path: path.to_owned() }),
        Ok(_) if !overwrite => {
            if let Some(entry) = fs::read_dir(path).map_err(FolderError::io("read", path))?.next() {
                let name = entry.map_err(FolderError::io("read", path))?.file_name();
                let holds = name.to_string_lossy().escape_debug().to_string();
                return Err(FolderError::NotEmpty { path: path.to_owned(), holds });
            }
        }
        _ => {}
    }
    Ok(())
}

/// Of `path` and its parents those that do not exist, outermost first.
fn missing_folders(path: &Path) -> Vec<PathBuf> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let mut missing: Vec<_> = path.ancestors().take_while(is_missing).map(Path::to_owned).collect();
    missing.reverse();
    missing
}

/// `<UTC stamp>-<command>-<host>`, with only letters, digits, `.`, `_` and `-` in it.
fn default_name(at: OffsetDateTime, command: &str, host: &str) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let host: String = bare.chars().take(MAX_HOST).map(safe).collect();
    let host = match host.trim_matches('.') {
        "" => "host",
        name => name,
    };
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z-{command}-{host}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// Why a document could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not JSON with a `schema`.
    #[error("{} is not a result of shakedown ({source}): name a results folder, or its {DOCUMENT}", path.display())]
    NotADocument {
        /// The file.
        path: PathBuf,
        /// Where reading ended.
        source: serde_json::Error,
    },
    /// It is another kind of document, or another version.
    #[error("{} has the schema {found:?}, and this needs {expected:?}", path.display())]
    OtherSchema {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What was needed.
        expected: String,
    },
    /// It says that it is such a document, and is not.
    #[error("{} is damaged: it does not hold what {schema} demands ({source})", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The schema.
        schema: String,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
}

/// The file of `path`: itself, or the document in it where it is a folder.
fn document_path(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(DOCUMENT) } else { path.to_owned() }
}

fn read_text(path: &Path) -> Result<String, LoadError> {
    fs::read_to_string(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })
}

fn schema_in(path: &Path, text: &str) -> Result<String, LoadError> {
    #[derive(Deserialize)]
    struct Header {
        schema: String,
    }
    let header: Header =
        serde_json::from_str(text).map_err(|source| LoadError::NotADocument { path: path.to_owned(), source })?;
    Ok(header.schema)
}

/// The schema of the document at `path` (a results folder, or the file itself), such as `shakedown.run/1`.
///
/// # Errors
/// [`LoadError::Read`], [`LoadError::NotADocument`].
pub fn schema_of(path: &Path) -> Result<String, LoadError> {
    let path = document_path(path);
    schema_in(&path, &read_text(&path)?)
}

/// The document at `path` (a results folder, or the file itself), which must be of `schema`.
///
/// # Errors
/// [`LoadError`], with the schema that was found where it is another one.
pub fn load<T: DeserializeOwned>(path: &Path, schema: &str) -> Result<T, LoadError> {
    let path = document_path(path);
    let text = read_text(&path)?;
    let found = schema_in(&path, &text)?;
    if found != schema {
        return Err(LoadError::OtherSchema { path, found, expected: schema.to_owned() });
    }
    serde_json::from_str(&text).map_err(|source| LoadError::Damaged { path, schema: found, source })
}

/// The load run at `path` (a results folder, or the file itself).
///
/// # Errors
/// [`LoadError`].
pub fn load_run(path: &Path) -> Result<RunDocument, LoadError> {
    load(path, run::SCHEMA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    /// 2026-11-23 23:40:42 UTC, seen from elsewhere.
    fn at() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_795_477_242).unwrap().to_offset(UtcOffset::from_hms(5, 30, 0).unwrap())
    }

    #[test]
    fn the_default_name_suits_every_file_system() {
        for (host, expected) in [
            ("example.com", "example.com"),
            ("[::1]", "__1"),
            ("10.0.0.1:8443", "10.0.0.1_8443"),
            ("../../etc/passwd", "_.._etc_passwd"),
            ("münchen.de", "m_nchen.de"),
            ("...", "host"),
            ("", "host"),
        ] {
            assert_eq!(default_name(at(), "run", host), format!("20261123T234042Z-run-{expected}"), "{host}");
        }
        assert!(default_name(at(), "run", &"x".repeat(300)).len() < 100);
    }

    #[test]
    fn a_taken_default_name_is_numbered() {
        let base = tempfile::tempdir().unwrap();
        let parent = base.path().join("results");
        let names: Vec<_> = (0..3)
            .map(|_| ResultsFolder::create_default(&parent, at(), "run", "h").unwrap().path().to_owned())
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["20261123T234042Z-run-h", "20261123T234042Z-run-h-2", "20261123T234042Z-run-h-3"]);
    }

    #[test]
    fn a_folder_must_be_empty_unless_overwritten() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("a/b");
        let folder = ResultsFolder::create(&path, false).unwrap();
        let file = folder.write("x.csv", |out| out.write_all(b"one")).unwrap();
        let error = ResultsFolder::create(&path, false).unwrap_err().to_string();
        for part in [path.to_str().unwrap(), "x.csv", "--out DIR", "--overwrite"] {
            assert!(error.contains(part), "{error}");
        }
        let folder = ResultsFolder::create(&path, true).unwrap();
        folder.write("x.csv", |out| out.write_all(b"two")).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert!(ResultsFolder::create(&file, true).unwrap_err().to_string().contains("is a file"));
    }

    #[test]
    fn a_failed_write_leaves_the_file_as_it_was() {
        let base = tempfile::tempdir().unwrap();
        let folder = ResultsFolder::create(base.path(), false).unwrap();
        folder.write("result.json", |out| out.write_all(b"whole")).unwrap();
        let error = folder.write("result.json", |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("disk on fire"))
        });
        let error = error.unwrap_err().to_string();
        assert!(error.contains("result.json") && error.contains("disk on fire") && error.contains("--out"), "{error}");
        let names: Vec<_> = fs::read_dir(base.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["result.json"], "no temporary file stays");
        assert_eq!(fs::read(base.path().join("result.json")).unwrap(), b"whole");
    }

    #[test]
    fn files_are_written_together_or_not_at_all() {
        let base = tempfile::tempdir().unwrap();
        let folder = ResultsFolder::create(base.path(), false).unwrap();
        let full: Filler<'_> = &|_| Err(io::Error::from(io::ErrorKind::StorageFull));
        let fine: Filler<'_> = &|out| out.write_all(b"fine");
        let error = folder.write_all(&[("result.json", fine), ("summary.csv", full)]).unwrap_err().to_string();
        assert!(error.contains("summary.csv:") && !error.contains(".summary.csv."), "{error}");
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0, "a result without its tables would look whole");
        folder.write_all(&[("result.json", fine), ("summary.csv", fine)]).unwrap();
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_name_may_have_a_folder_of_its_own() {
        let base = tempfile::tempdir().unwrap();
        let folder = ResultsFolder::create(base.path(), false).unwrap();
        let full: Filler<'_> = &|_| Err(io::Error::from(io::ErrorKind::StorageFull));
        let fine: Filler<'_> = &|out| out.write_all(b"fine");
        folder.write_all(&[("trials/001.json", fine), ("trials/002.json", full)]).unwrap_err();
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0, "no empty folder stays");
        folder.write_all(&[("result.json", fine), ("trials/001.json", fine)]).unwrap();
        assert_eq!(fs::read(base.path().join("trials/001.json")).unwrap(), b"fine");
        folder.write_all(&[("trials/001.json", full)]).unwrap_err();
        assert_eq!(fs::read(base.path().join("trials/001.json")).unwrap(), b"fine");
    }

    #[test]
    fn a_place_that_cannot_be_written_to_is_found_before_the_run() {
        let error = ResultsFolder::create(Path::new("/proc/shakedown/results"), false).unwrap_err().to_string();
        assert!(error.contains("cannot create /proc/shakedown/results") && error.contains("--out DIR"), "{error}");
    }

    #[test]
    fn discard_removes_only_what_was_created_and_is_empty() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("a/b");
        ResultsFolder::create(&path, false).unwrap().discard();
        assert!(base.path().exists() && !base.path().join("a").exists());
        let kept = ResultsFolder::create_default(&path, at(), "run", "h").unwrap();
        let file = kept.write("x", |out| out.write_all(b"x")).unwrap();
        kept.discard();
        assert!(file.exists());
        ResultsFolder::create(base.path(), true).unwrap().discard();
        assert!(base.path().exists());
    }

    #[test]
    fn a_document_survives_the_folder_and_a_foreign_one_is_named() {
        let base = tempfile::tempdir().unwrap();
        let folder = ResultsFolder::create(base.path(), false).unwrap();
        let document = fixture::open_loop();
        let file = folder.write(DOCUMENT, |out| Ok(serde_json::to_writer_pretty(out, &document)?)).unwrap();
        assert!(load_run(base.path()).unwrap() == document && load_run(&file).unwrap() == document);
        for (text, parts) in [
            (r#"{"schema":"shakedown.suites/1"}"#, ["shakedown.suites/1", "shakedown.run/1"]),
            (r#"{"schema":"shakedown.run/1"}"#, ["damaged", "missing field"]),
            ("{}", ["not a result of shakedown", "results folder"]),
            ("PNG", ["not a result of shakedown", "results folder"]),
        ] {
            folder.write(DOCUMENT, |out| out.write_all(text.as_bytes())).unwrap();
            let error = load_run(base.path()).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
        assert!(schema_of(&base.path().join("none")).unwrap_err().to_string().contains("cannot read"));
    }
}
