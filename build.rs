//! Tells the program which commit it was built from: `SHAKEDOWN_COMMIT`, where that is known, and `SHAKEDOWN_VERSION` for people.
//!
//! The commit is that of the git repository whose root is this package, with `-dirty` where what the program is made of differs from
//! it. Outside of one (a packaged source, a vendored copy) it is unknown, unless whoever builds sets `SHAKEDOWN_COMMIT` in the
//! environment. Nothing here fails for want of git.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the program is made of: the build looks again when one of these changes, and only a difference in them is told.
const SOURCES: [&str; 5] = ["src", "profiles", "Cargo.toml", "Cargo.lock", "build.rs"];

fn main() {
    println!("cargo::rerun-if-env-changed=SHAKEDOWN_COMMIT");
    for source in SOURCES {
        watch(Path::new(source));
    }
    let given = std::env::var("SHAKEDOWN_COMMIT").ok().filter(|commit| !commit.is_empty());
    let version = env!("CARGO_PKG_VERSION");
    match given.or_else(commit) {
        Some(commit) => {
            println!("cargo::rustc-env=SHAKEDOWN_COMMIT={commit}");
            println!("cargo::rustc-env=SHAKEDOWN_VERSION={version} ({commit})");
        }
        None => println!("cargo::rustc-env=SHAKEDOWN_VERSION={version}"),
    }
}

/// A path that does not exist would have the build look again every time.
fn watch(path: &Path) {
    if path.exists() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

fn commit() -> Option<String> {
    let root = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?);
    if root.canonicalize().ok()? != Path::new(".").canonicalize().ok()? {
        return None;
    }
    // Whatever moves HEAD is written to its log; where there is none, to HEAD or to the branch that it names.
    let mut places = vec!["HEAD".to_owned(), "logs/HEAD".to_owned(), "packed-refs".to_owned()];
    places.extend(git(&["symbolic-ref", "--quiet", "HEAD"]));
    for place in places {
        if let Some(path) = git(&["rev-parse", "--git-path", &place]) {
            watch(Path::new(&path));
        }
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let status = [&["status", "--porcelain", "--untracked-files=no", "--"][..], &SOURCES].concat();
    let dirty = !git(&status)?.is_empty();
    Some(if dirty { commit + "-dirty" } else { commit })
}

/// What git says, in this package's directory; `None` where it fails or is not there.
fn git(args: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    // Set where git itself runs the build, as in a hook: they might name another repository.
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    let output =
        command.arg("--no-optional-locks").args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
