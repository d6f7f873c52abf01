//! The embedded endpoint in a process of its own: what it costs is not the generator's.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use shakedown::model::target::HttpsUrl;
use tempfile::TempDir;

use super::binary;

/// `shakedown serve` on a free port, ended when dropped.
pub(crate) struct Endpoint {
    child: Child,
    folder: TempDir,
    base: String,
}

impl Endpoint {
    /// One thread, and `args` beside.
    pub(crate) fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = binary();
        command.args(["serve", "--listen", "127.0.0.1:0", "-t", "1", "--write-ca"]).arg(folder.path().join("ca.pem"));
        let mut child = command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Self { child, folder, base: base.trim_end_matches('/').to_owned() }
    }

    /// The URL of `path`.
    pub(crate) fn url(&self, path: &str) -> HttpsUrl {
        format!("{}{path}", self.base).parse().unwrap()
    }

    /// The process's number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The authority's certificate, for `--ca`.
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
