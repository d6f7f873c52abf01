//! Session secrets in NSS key log format, for Wireshark.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Access, access};
use rustls::KeyLog;

use super::files::TlsSetupError;

/// A key log that every worker appends to. It is for looking into a run, not for measuring: each handshake writes to the file.
#[derive(Debug)]
pub struct KeyLogFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    failed: Option<io::Error>,
}

impl KeyLogFile {
    /// Opens `path` for appending; a new file can be read by its owner only, as whoever reads it reads the traffic.
    ///
    /// # Errors
    /// [`TlsSetupError::KeyLog`] if it cannot be opened or created.
    pub fn open(path: &Path) -> Result<Self, TlsSetupError> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| TlsSetupError::KeyLog { path: path.into(), source })?;
        Ok(Self { path: path.into(), state: Mutex::new(State { file, failed: None }) })
    }

    /// Whether [`KeyLogFile::open`] would take `path`, as far as can be told without creating it.
    ///
    /// # Errors
    /// As [`KeyLogFile::open`].
    pub fn check(path: &Path) -> Result<(), TlsSetupError> {
        let tried = match OpenOptions::new().append(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // With a dot behind it, so that a file in its place is none.
                let folder = path.parent().unwrap_or(path).join(".");
                access(&folder, Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from)
            }
            other => other.map(drop),
        };
        tried.map_err(|source| TlsSetupError::KeyLog { path: path.into(), source })
    }

    /// Why the log is incomplete, if it is: the first write that failed. Nothing is written after it.
    pub fn failure(&self) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failed.as_ref().map(|error| format!("the key log '{}' is incomplete: {error}", self.path.display()))
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut line = String::with_capacity(label.len() + 2 * (client_random.len() + secret.len()) + 3);
        line.push_str(label);
        for part in [client_random, secret] {
            line.push(' ');
            for byte in part {
                write!(line, "{byte:02x}").expect("a String takes whatever is written");
            }
        }
        line.push('\n');
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failed.is_none() {
            // One write a line, so that lines of other processes that append to the file do not come between.
            state.failed = state.file.write_all(line.as_bytes()).err();
        }
    }
}
