//! `shakedown compare` from outside: what it refuses and how, its exit codes, and what it leaves in its folder. The documents are
//! those that the renderers are tested with.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{binary, names_in};
use serde_json::Value;
use tempfile::TempDir;

/// What the binary did.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs `shakedown compare` with `args` in `folder`.
fn compare(folder: &TempDir, args: &[&str]) -> Ended {
    let ended = binary().current_dir(folder.path()).arg("compare").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: ended.status.code(), stdout: text(ended.stdout), stderr: text(ended.stderr) }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).join("result.json")
}

/// A folder with copies of documents: `run.json`, `open.json`, `crypto.json`, and `slow.json`, which is `run.json` with all of
/// `service` twice as long.
fn documents() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, of) in [("run.json", "run-closed"), ("open.json", "run-open"), ("crypto.json", "crypto")] {
        fs::copy(golden(of), folder.path().join(name)).unwrap();
    }
    slower(&folder, "slow.json", 200);
    folder
}

/// Puts `name` into `folder`: `run.json` with all of `service` at `percent`.
fn slower(folder: &TempDir, name: &str, percent: u64) {
    let mut slow: Value = serde_json::from_str(&fs::read_to_string(golden("run-closed")).unwrap()).unwrap();
    for quantile in slow["latency"]["service"]["quantiles"].as_array_mut().unwrap() {
        for field in ["ns", "low_ns", "high_ns"] {
            quantile[field] = (quantile[field].as_u64().unwrap() * percent / 100).into();
        }
    }
    fs::write(folder.path().join(name), slow.to_string()).unwrap();
}

const GIVEN: [&str; 4] = ["crypto.json", "open.json", "run.json", "slow.json"];

#[test]
fn what_cannot_be_compared_is_refused_in_one_line_and_leaves_nothing() {
    let folder = documents();
    for (name, text) in
        [("text", "PNG"), ("other", r#"{"schema":"shakedown.compare/1"}"#), ("half", r#"{"schema":"shakedown.run/1"}"#)]
    {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let given = names_in(folder.path());
    for (args, code, parts) in [
        (&[][..], 2, &["<DOC>... is missing", "shakedown compare"][..]),
        (&["run.json"], 2, &["run.json stands alone", "at least two"]),
        (
            &["run.json", "crypto.json"],
            2,
            &["run.json is a shakedown.run/1", "crypto.json a shakedown.crypto/1", "one kind"],
        ),
        (&["other", "other"], 2, &["other is a shakedown.compare/1", "cannot be compared", "run, suites or crypto"]),
        (&["run.json", "none.json"], 4, &["cannot read none.json"]),
        (&["run.json", "text"], 4, &["text is not a result of shakedown"]),
        (&["run.json", "half"], 4, &["half is damaged", "missing field"]),
        (&["run.json", "run.json", "--tolerance", "5"], 2, &["--tolerance '5' is not a percentage", "0.1%"]),
        (&["run.json", "run.json", "--tolerance", "-5%"], 2, &["--tolerance '-5%' is not a percentage"]),
        (&["run.json", "run.json", "--tolerance", "100%"], 2, &["--tolerance 100%", "less than 100%"]),
        (&["run.json", "--after", "slow.json"], 2, &["--after needs at least 4 runs", "2 were named"]),
        (
            &["run.json", "slow.json", "--after", "run.json", "slow.json"],
            2,
            &["run.json and run.json are the same measurement", "name each run once"],
        ),
        (&["crypto.json", "--after", "crypto.json"], 2, &["--after takes repeated runs", "shakedown.crypto/1"]),
        (&["run.json", "run.json", "--out", "."], 2, &["--out", "not empty", "--overwrite"]),
        (&["run.json", "run.json", "--out", "text"], 2, &["--out", "is a file"]),
        (
            &["run.json", "open.json"],
            2,
            &[
                "loop_kind is closed and open",
                "method is GET and POST",
                "threads is 2 and 12",
                "rate_per_s is not set and 5000",
                "--anyway",
            ],
        ),
    ] {
        let Ended { code: found, stdout, stderr } = compare(&folder, args);
        assert_eq!((found, stdout.as_str()), (Some(code), ""), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "{args:?}: {stderr}");
        for part in parts {
            assert!(stderr.contains(part), "{args:?}: '{part}' is not in: {stderr}");
        }
        assert_eq!(names_in(folder.path()), given, "{args:?} left something behind");
    }
}

#[test]
fn the_exit_code_is_the_answer() {
    for (args, code, word) in [
        (&["run.json", "run.json"][..], 0, ""),
        (&["crypto.json", "crypto.json"], 0, ""),
        (&["slow.json", "run.json"], 3, "INCONCLUSIVE: "),
        (&["run.json", "slow.json"], 1, "REGRESSION: service p50 worse by more than 5 %"),
        (&["run.json", "slow.json", "--tolerance", "99%"], 3, "INCONCLUSIVE: "),
        (&["run.json", "open.json", "--anyway"], 3, "INCONCLUSIVE: open.json cannot be relied on"),
    ] {
        for quiet in [&["--quiet"][..], &["--json"]] {
            let folder = documents();
            let Ended { code: found, stdout, stderr } = compare(&folder, &[args, quiet].concat());
            assert_eq!(found, Some(code), "{args:?}: {stderr}");
            assert_eq!((stdout.is_empty(), stderr.lines().count()), (quiet[0] == "--quiet", usize::from(code != 0)));
            assert!(stderr.starts_with(word), "{args:?}: {stderr}");
        }
    }
}

#[test]
fn repeated_runs_tell_what_two_runs_cannot() {
    let folder = documents();
    for (name, percent) in [("old.json", 101), ("new-1.json", 120), ("new-2.json", 121)] {
        slower(&folder, name, percent);
    }
    // A fifth: single runs with intervals as wide as these may differ by nearly as much, and repeats show that these do not.
    let two = compare(&folder, &["run.json", "new-1.json", "--quiet"]);
    assert_eq!(two.code, Some(3), "{}", two.stderr);
    assert!(two.stderr.contains("repeat both, and name the repeats with --after"), "{}", two.stderr);
    let four = ["run.json", "old.json", "--after", "new-1.json", "new-2.json", "--out", "out"];
    let Ended { code, stdout, stderr } = compare(&folder, &four);
    assert_eq!((code, stderr.as_str()), (Some(1), ""), "{stdout}");
    let stdout = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "REGRESSION surely worse than in A by more than 5\u{a0}%: service p50",
        "A run.json and its repeat old.json:",
        "B new-1.json and its repeat new-2.json:",
        "intervals hold what differed from run to run",
    ] {
        let part = part.replace('\u{a0}', " ");
        assert!(stdout.replace('\u{a0}', " ").contains(&part), "'{part}' is not in: {stdout}");
    }
}

#[test]
fn a_comparison_leaves_a_document_that_renders_again() {
    let folder = documents();
    let Ended { code, stdout, stderr } = compare(&folder, &["run.json", "slow.json", "--out", "out"]);
    assert_eq!((code, stderr.as_str()), (Some(1), ""));
    assert!(stdout.starts_with("REGRESSION") && stdout.ends_with("written to out\n"), "{stdout}");
    assert_eq!(names_in(&folder.path().join("out")), ["compare.csv", "report.html", "result.json"]);
    let report = |format: &str| {
        let ended = binary().current_dir(folder.path()).args(["report", "out", "--format", format]).output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stdout).unwrap())
    };
    let (code, text) = report("text");
    assert_eq!((code, format!("{text}\nwritten to out\n")), (Some(0), stdout));
    let written = fs::read_to_string(folder.path().join("out/compare.csv")).unwrap();
    assert_eq!(report("csv"), (Some(0), written.clone()));
    assert_eq!(report("csv-series").0, Some(2));
    let mut reader = csv::Reader::from_reader(written.as_bytes());
    let column =
        |name: &str, reader: &mut csv::Reader<&[u8]>| reader.headers().unwrap().iter().position(|h| h == name).unwrap();
    let [document, measure, value, ratio, verdict] =
        ["document", "measure", "value", "ratio", "verdict"].map(|name| column(name, &mut reader));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let of = |path: &str| rows.iter().find(|row| &row[document] == path && &row[measure] == "service_p50_ns").unwrap();
    assert_eq!([&of("run.json")[value], &of("run.json")[ratio], &of("run.json")[verdict]], ["1440000", "", ""]);
    assert_eq!(
        [&of("slow.json")[value], &of("slow.json")[ratio], &of("slow.json")[verdict]],
        ["2880000", "2", "worse"]
    );
    // Without --out, in a new folder of its own.
    let again = compare(&folder, &["run.json", "run.json", "--quiet"]);
    assert_eq!(again.code, Some(0));
    let kept = names_in(&folder.path().join("results"));
    assert!(kept.len() == 1 && kept[0].ends_with("-compare-run"), "{kept:?}");
    assert!(GIVEN.iter().all(|name| folder.path().join(name).exists()));
}
