//! What is wrong in a TOML file of a user's, and where: the one place that turns a byte of a text into line and column.

use std::fmt;

use serde::de::DeserializeOwned;
use toml::Spanned;

/// What is wrong in a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct TomlError {
    /// The file's path, or its name where it is bundled.
    pub file: String,
    /// From 1 on.
    pub line: usize,
    /// In characters, from 1 on.
    pub column: usize,
    /// What is wrong, and the way out.
    pub message: String,
}

/// What is wrong, and at which byte of the text.
pub(super) struct Fault {
    at: usize,
    message: String,
}

impl Fault {
    pub(super) fn at<T>(value: &Spanned<T>, message: impl fmt::Display) -> Self {
        Self { at: value.span().start, message: message.to_string() }
    }

    pub(super) fn locate(self, file: &str, text: &str) -> TomlError {
        let before = text.get(..self.at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        TomlError { file: file.to_owned(), line, column, message: self.message }
    }
}

/// Reads the values of a file; what they mean is not looked at yet.
pub(super) fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, TomlError> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Fault { at, message: error.message().replace('\n', " ") }.locate(file, text)
    })
}
