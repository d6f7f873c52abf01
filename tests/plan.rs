//! `shakedown plan` from outside: what it refuses and how, its exit codes, and what it leaves in its folder. The comparison of suites is
//! the one that the renderers are tested with.

mod common;

use std::fs;
use std::path::Path;

use common::{binary, names_in};
use serde_json::Value;
use tempfile::TempDir;

/// What the binary did.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs `shakedown plan` with `args` in `folder`.
fn plan(folder: &TempDir, args: &[&str]) -> Ended {
    let ended = binary().current_dir(folder.path()).arg("plan").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: ended.status.code(), stdout: text(ended.stdout), stderr: text(ended.stderr) }
}

/// A folder with `suites.json`, `untrusted.json` and `run.json`.
fn documents() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, of) in [("suites.json", "suites"), ("untrusted.json", "suites-untrusted"), ("run.json", "run-closed")] {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(of).join("result.json");
        fs::copy(golden, folder.path().join(name)).unwrap();
    }
    folder
}

#[test]
fn a_plan_is_printed_kept_and_rendered_again() {
    let folder = documents();
    let ended = plan(&folder, &["suites.json", "--demand", "200k req/s", "--sessions", "1000000", "--out", "out"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("storm: 1 000 000 sessions") && ended.stdout.contains("written to out"),
        "{}",
        ended.stdout
    );
    assert_eq!(names_in(&folder.path().join("out")), ["plan.csv", "report.html", "result.json"]);
    let document: Value = serde_json::from_slice(&fs::read(folder.path().join("out/result.json")).unwrap()).unwrap();
    assert_eq!(document["schema"], "shakedown.plan/1");
    // 200 000 ÷ (81 920 × 0.98) = 2.49, ÷ 0.7 = 3.56: 4, and one to spare.
    assert_eq!(document["rows"][0]["answer"]["servers_with_spare"], 5);
    for (format, of) in [("text", None), ("csv", Some("out/plan.csv"))] {
        let again = binary().current_dir(folder.path()).args(["report", "out", "--format", format]).output().unwrap();
        let again = String::from_utf8(again.stdout).unwrap();
        match of {
            Some(file) => assert_eq!(again, fs::read_to_string(folder.path().join(file)).unwrap()),
            None => assert!(ended.stdout.starts_with(&again), "{again}"),
        }
    }
    let json = plan(&folder, &["suites.json", "--mix", "200 sessions/s, 2 requests each", "--json", "--out", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap()["demand"]["requests_per_s"], 400.0);
}

#[test]
fn nonsense_is_refused_in_one_line_and_leaves_no_folder() {
    let folder = documents();
    for (args, code, says) in [
        (&["suites.json"][..], 2, "--demand"),
        (&["suites.json", "--demand", "20000 cats/s"], 2, "20000 cats/s"),
        (&["suites.json", "--demand", "20000 req/s", "--mix", "10 req/s"], 2, "given twice"),
        (&["suites.json", "--mix", "80% resumed"], 2, "--mix: no rate"),
        (&["suites.json", "--demand", "500 sessions/s, 80% resumed"], 2, "resumed handshakes is not known"),
        (&["suites.json", "--demand", "5 req/s", "--headroom", "100%"], 2, "--headroom 100%"),
        (&["suites.json", "--demand", "5 req/s", "--headroom", "-1%"], 2, "--headroom '-1%'"),
        (&["suites.json", "--demand", "5 req/s", "--spare", "-1"], 2, "--spare '-1'"),
        (&["suites.json", "--demand", "5 req/s", "--sessions", "0"], 2, "--sessions '0'"),
        (&["suites.json", "suites.json", "--demand", "5 req/s"], 2, "name one of them"),
        (&["run.json", "--demand", "5 req/s"], 2, "shakedown.run/1"),
        (&["nowhere.json", "--demand", "5 req/s"], 4, "nowhere.json"),
    ] {
        let ended = plan(&folder, args);
        assert_eq!(ended.code, Some(code), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(says) && ended.stderr.lines().count() == 1, "{args:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    }
    assert_eq!(names_in(folder.path()), ["run.json", "suites.json", "untrusted.json"]);
}

#[test]
fn what_is_not_trusted_is_inconclusive() {
    let folder = documents();
    let args = ["untrusted.json", "--demand", "500 sessions/s", "--out", "out"];
    let ended = plan(&folder, &args);
    assert_eq!(ended.code, Some(3));
    assert!(ended.stdout.starts_with("INCONCLUSIVE"), "{}", ended.stdout);
    let quiet = plan(&folder, &[&args[..], &["--quiet", "--overwrite"]].concat());
    assert!(
        quiet.code == Some(3) && quiet.stderr.starts_with("INCONCLUSIVE: untrusted.json is NOT TRUSTED"),
        "{}",
        quiet.stderr
    );
}
