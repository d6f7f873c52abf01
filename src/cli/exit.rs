//! Exit codes, and the one line that goes with each.

use std::fmt::Display;
use std::process::ExitCode;

/// The command worked, and the answer is no: something is worse than it may be.
pub(super) const NO: u8 = 1;

/// The usage is wrong: an option is named, with the way out.
const USAGE: u8 = 2;

/// The figures cannot be trusted, or the run was ended early.
pub(super) const INCONCLUSIVE: u8 = 3;

/// Nothing could be run: no handshake ever succeeded, a file is missing, a folder cannot be written.
const COULD_NOT_RUN: u8 = 4;

/// The second Ctrl-C: as shells report a process that SIGINT ended.
pub(super) const INTERRUPTED_TWICE: i32 = 130;

/// A command that ended without a result.
#[derive(Debug)]
pub(super) enum Failed {
    /// Exit 2.
    Usage(String),
    /// Exit 4.
    CouldNotRun(String),
}

impl Failed {
    pub(super) fn usage(message: impl Display) -> Self {
        Self::Usage(message.to_string())
    }

    pub(super) fn could_not_run(message: impl Display) -> Self {
        Self::CouldNotRun(message.to_string())
    }

    /// What went wrong.
    pub(super) fn message(&self) -> &str {
        match self {
            Self::Usage(message) | Self::CouldNotRun(message) => message,
        }
    }

    /// The same failure, with what it is a failure of before it.
    pub(super) fn within(self, what: &str) -> Self {
        match self {
            Self::Usage(message) => Self::Usage(format!("{what}: {message}")),
            Self::CouldNotRun(message) => Self::CouldNotRun(format!("{what}: {message}")),
        }
    }

    /// Says on stderr what went wrong, and gives the exit code.
    pub(super) fn tell(self) -> ExitCode {
        let (message, code) = match self {
            Self::Usage(message) => (message, USAGE),
            Self::CouldNotRun(message) => (message, COULD_NOT_RUN),
        };
        eprintln!("error: {}", one_line(&message));
        ExitCode::from(code)
    }
}

/// `text` as one line that a terminal shows and does not obey, whatever was typed or read into it.
pub(super) fn one_line(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
