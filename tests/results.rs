//! What is done with results that are there: a workbook written to a file, the list of runs that are kept, names and tags; and what shells and
//! manuals know of the commands.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{binary, names_in, refuse};
use tempfile::TempDir;

/// `args` end with `code`, and an error that holds all of `parts`.
fn assert_refused_by(args: &[&str], code: i32, parts: &[&str]) {
    let refusal = refuse(args);
    assert_eq!(refusal.code, Some(code), "{args:?}: {}", refusal.stderr);
    for part in parts {
        assert!(refusal.stderr.contains(part), "{args:?}: '{part}' is not in: {}", refusal.stderr);
    }
}

/// A golden document.
fn golden(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(kind)
}

#[test]
fn a_report_is_written_to_a_new_file_whole_or_not_at_all() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("book.xlsx");
    let report = |more: &[&str]| {
        let args = ["report", golden("suites").to_str().unwrap(), "--format", "xlsx"].map(str::to_owned);
        let ended = binary().current_dir(folder.path()).args(args).args(more).output().unwrap();
        (ended.status.code(), ended.stdout, String::from_utf8(ended.stderr).unwrap())
    };
    let (code, printed, _) = report(&[]);
    assert!(code == Some(0) && printed.starts_with(b"PK"));
    assert_eq!(report(&["--out", "book.xlsx"]).0, Some(0));
    assert!(fs::read(&file).unwrap() == printed, "the same document gives the same workbook");
    fs::write(&file, "kept").unwrap();
    let (code, _, told) = report(&["--out", "book.xlsx"]);
    assert!(code == Some(2) && told.contains("book.xlsx is there already") && told.contains("--overwrite"), "{told}");
    assert_eq!(fs::read(&file).unwrap(), b"kept");
    assert_eq!(report(&["--out", "book.xlsx", "--overwrite"]).0, Some(0));
    assert!(fs::read(&file).unwrap() == printed);
    assert_eq!(report(&["--out", "."]).0, Some(2));
    assert_eq!(report(&["--out", "no/such/folder.xlsx"]).0, Some(4));
    assert_eq!(names_in(folder.path()), ["book.xlsx"], "nothing half-written stays");
}

#[test]
fn what_is_kept_is_listed_by_kind_and_target() {
    let list = |args: &[&str]| {
        let ended = binary().arg("results").arg(golden("")).args(args).arg("--json").output().unwrap();
        assert!(ended.status.success());
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&ended.stdout).unwrap();
        rows
    };
    let all = list(&[]);
    let at = |row: &serde_json::Value| row["started_at"].as_str().unwrap().to_owned();
    assert!(all.len() > 10 && all.windows(2).all(|two| at(&two[0]) >= at(&two[1])), "the newest first");
    let audits = list(&["--kind", "audit,capacity"]);
    assert!(audits.len() == 3 && audits.iter().all(|row| row["kind"] == "audit" || row["kind"] == "capacity"));
    assert_eq!(list(&["--kind", "audit", "--target", "api.example.com"])[0]["verdict"], "FAIL");
    assert_eq!((list(&["--target", "nowhere.example"]).len(), list(&["--last", "2"]).len()), (0, 2));
    let open = |args: &[&str]| binary().arg("results").arg(golden("")).args(args).arg("--open").output().unwrap();
    let opened = open(&["--kind", "audit"]);
    let text = String::from_utf8(opened.stdout).unwrap();
    let summary = fs::read_to_string(golden("audit/summary.txt")).unwrap();
    assert!(
        text.starts_with(&summary) && text.contains("page          ") && text.ends_with("/report.html\n"),
        "{text}"
    );
    assert_eq!(open(&["--target", "nowhere.example"]).status.code(), Some(4));
    assert_refused_by(&["results", "none"], 4, &["cannot read none", "name the folder"]);
    assert_refused_by(&["results", "--kind", "x"], 2, &["--kind 'x'", "capacity"]);
}

#[test]
fn shells_and_manuals_know_the_commands() {
    let printed = |args: &[&str]| String::from_utf8(binary().args(args).output().unwrap().stdout).unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        assert!(["capacity", "connect-concurrency", "completions"].iter().all(|word| script.contains(word)), "{shell}");
    }
    assert!(printed(&["man"]).contains(".TH shakedown 1"));
    let run = printed(&["man", "run"]);
    assert!(run.contains(".TH shakedown-run 1") && run.contains("connect\\-concurrency"), "{run}");
    assert_refused_by(&["man", "x"], 2, &["'x' is no command", "capacity"]);
    assert_refused_by(&["completions", "tcsh"], 2, &["'tcsh'", "bash, zsh or fish"]);
}

#[test]
fn names_and_tags_are_kept_and_found() {
    let parent = TempDir::new().unwrap();
    let compare = |out: &str, label: &[&str]| {
        let documents = [golden("run-open"), golden("run-closed")];
        let out = parent.path().join(out);
        let args = ["--anyway", "--json", "--out", out.to_str().unwrap()];
        let ended = binary().arg("compare").args(documents).args(args).args(label).output().unwrap();
        let printed: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
        let kept = fs::read(out.join("result.json")).unwrap();
        assert!(kept == ended.stdout, "what is printed is what is kept");
        printed
    };
    let named = compare("named", &["--name", "before go-live", "--tag", "nginx", "--tag", "ecdsa"]);
    assert_eq!(named["label"], serde_json::json!({"name": "before go-live", "tags": ["nginx", "ecdsa"]}));
    assert_eq!(compare("plain", &[]).get("label"), None);
    let list = |args: &[&str]| {
        let ended = binary().arg("results").arg(parent.path()).args(args).output().unwrap();
        String::from_utf8(ended.stdout).unwrap()
    };
    let told = list(&["--tag", "ecdsa", "--tag", "nginx"]);
    assert!(told.contains("before go-live, tagged nginx, ecdsa") && !told.contains("plain"), "{told}");
    assert!(list(&[]).contains("plain"));
    assert!(list(&["--tag", "ecdsa", "--tag", "apache"]).contains("no such results"));
    assert_refused_by(&["crypto", "--name", " "], 2, &["--name", "one line"]);
}
