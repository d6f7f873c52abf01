//! What a user may get wrong, and what is said about it: one line that names the option and the way out, the exit code, nothing on
//! stdout, and nothing left behind. And what a user gets when all is right.

mod common;

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use common::server::{Answer, Server};
use common::{binary, names_in, start};
use tempfile::TempDir;

/// Nothing listens here: what is refused before it is sent need not find anything.
const URL: &str = "https://127.0.0.1:1/";

/// What the binary did when it was asked for something that cannot be.
struct Refusal {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs the binary with `run` and `args`, in a folder of its own where it leaves nothing.
fn refuse(args: &[&str]) -> Refusal {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a/b");
    let ended = binary().current_dir(folder.path()).arg("run").args(args).arg("--out").arg(&out).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let refusal = Refusal { code: ended.status.code(), stdout: text(ended.stdout), stderr: text(ended.stderr) };
    assert_eq!(names_in(folder.path()), [""; 0], "{args:?} left something behind");
    refusal
}

/// `args` end with `code`, an error that holds all of `parts`, and no word on stdout.
fn assert_refused(args: &[&str], code: i32, parts: &[&str]) {
    let Refusal { code: found, stdout, stderr } = refuse(args);
    assert_eq!(found, Some(code), "{args:?}: {stderr}");
    assert!(stdout.is_empty() && stderr.starts_with("error: ") && !stderr.contains("panicked"), "{args:?}: {stderr}");
    // clap adds its own usage below; our own sentences are one line.
    let by_clap = stderr.contains("try '--help'");
    assert!(by_clap || stderr.trim_end().lines().count() == 1, "{args:?}: {stderr}");
    assert!(!by_clap || code == 2, "{args:?}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{args:?}: '{part}' is not in: {stderr}");
    }
}

#[test]
fn a_wrong_value_is_named_with_what_was_expected() {
    assert_refused(&["http://127.0.0.1:1/"], 2, &["http://127.0.0.1:1/", "https:// only"]);
    assert_refused(&["--rate", "5"], 2, &["<URL>"]);
    assert_refused(&[URL, "--rate=-5"], 2, &["--rate", "2000/s"]);
    for (option, value, parts) in [
        ("--suite", "TLS_AES_128_GCM", &["nearest: TLS_AES_128_GCM_SHA256"][..]),
        ("--suite", "ECDHE-RSA-AES256-SHA", &["nearest: ECDHE-RSA-AES128-SHA256"]),
        ("--group", "P-257", &["P-256", "X25519"]),
        ("--rate", "0", &["2000/s"]),
        ("--rate", "fast", &["2000/s"]),
        ("--rate", "5/fortnight", &["600/min"]),
        ("--duration", "30", &["30s"]),
        ("--duration", "0", &["too short", "100ms"]),
        ("--timeout", "soon", &["30s"]),
        ("--connections", "0", &[]),
        ("--threads", "0", &[]),
        ("--connections", "many", &[]),
        ("--requests-per-connection", "some", &[]),
        ("--resumption", "1.5", &["between 0 and 1"]),
        ("--expect-status", "99", &["2xx"]),
        ("--abort-on", "rubbish", &["errors > 50%"]),
        ("--header", "nocolon", &["Name: value"]),
        ("--header", "A: b\r\nC: d", &[]),
        ("--tls", "1.1", &["1.2", "1.3"]),
        ("--body-size", "huge", &["16KiB"]),
        ("--source-ip", "203.0.113.9", &["cannot be used on this machine"]),
        ("--server-pid", "999999999", &["no process"]),
        ("--bogus", "x", &["unexpected argument"]),
    ] {
        assert_refused(&[URL, option, value], 2, &[&[option], parts].concat());
    }
}

#[test]
fn contradictions_name_both_sides() {
    for (args, parts) in [
        (&["--seed", "3"][..], &["--seed", "--rate"][..]),
        (&["--arrivals", "poisson"], &["--arrivals", "--rate"]),
        (&["--unit", "sessions"], &["--unit sessions", "--requests-per-connection"]),
        (&["--requests-per-connection", "0", "--rate", "5", "--unit", "requests"], &["--unit requests"]),
        (&["--tls", "1.2", "--suite", "TLS_AES_128_GCM_SHA256"], &["TLS_AES_128_GCM_SHA256", "--tls"]),
        (&["--tls", "1.3", "--suite", "ECDHE-RSA-AES128-SHA256"], &["AES_128_CBC_SHA256", "--tls"]),
        (&["--insecure", "--ca", "x"], &["--insecure", "--ca"]),
        (&["--cert", "x"], &["--key"]),
        (&["--key", "x"], &["--cert"]),
        (&["--body", "x", "--body-size", "3"], &["--body", "--body-size"]),
        (&["--ipv4", "--ipv6"], &["--ipv4", "--ipv6"]),
        (&["--source-ip", "127.0.0.1,::1"], &["--source-ip", "one family"]),
        (&["--source-ip", "::1"], &["--source-ip", "families differ"]),
    ] {
        assert_refused(&[&[URL], args].concat(), 2, parts);
    }
}

#[test]
fn what_cannot_be_reached_is_said_once() {
    // A label of 64 characters is no name: no resolver is asked.
    let nowhere = format!("https://{}.test/", "a".repeat(64));
    assert_refused(&[&nowhere, "--insecure", "--sni", "localhost"], 4, &[&nowhere, "resolve"]);
    assert_refused(&[URL, "--insecure", "--ipv6"], 4, &["resolve", "127.0.0.1"]);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let closed = format!("https://127.0.0.1:{port}/");
    assert_refused(&[&closed, "--insecure"], 4, &[&closed, "connect_refused"]);
    assert_refused(&[&closed, "--insecure", "--rate", "10", "-c", "3"], 4, &["connect_refused"]);
    assert_refused(&[&closed, "--insecure", "--json"], 4, &["connect_refused"]);
}

#[test]
fn files_that_do_not_serve_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.pem");
    fs::write(&garbage, "nothing that begins or ends\n").unwrap();
    let broken = folder.path().join("broken.pem");
    fs::write(&broken, "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n").unwrap();
    let (one, other) = (Server::start(|_| Answer::ok()), Server::start(|_| Answer::ok()));
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (garbage, broken) = (path(&garbage), path(&broken));
    let (cert, key, wrong_key) = (path(&one.ca()), path(&one.key()), path(&other.key()));
    let missing = path(&folder.path().join("missing"));
    for (args, parts) in [
        (&["--ca", &missing][..], &["--ca", &missing, "No such file"][..]),
        (&["--ca", &garbage], &["--ca", &garbage, "BEGIN CERTIFICATE"]),
        (&["--ca", &broken], &["--ca", &broken]),
        (&["--ca", &path(folder.path())], &["--ca"]),
        (&["--insecure", "--cert", &missing, "--key", &key], &[&missing, "No such file"]),
        (&["--insecure", "--cert", &cert, "--key", &missing], &[&missing, "No such file"]),
        (&["--insecure", "--cert", &cert, "--key", &garbage], &[&garbage]),
        (&["--insecure", "--cert", &garbage, "--key", &key], &[&garbage]),
        (&["--insecure", "--cert", &cert, "--key", &wrong_key], &[&wrong_key]),
        (&["--insecure", "--body", &missing], &["--body", &missing, "No such file"]),
        (&["--insecure", "--key-log", &format!("{missing}/log")], &["key log", &missing]),
    ] {
        assert_refused(&[&[one.url().as_str()], args].concat(), 4, parts);
    }
    assert_eq!((one.seen(), other.seen()), (0, 0));
}

#[test]
fn a_server_that_is_not_trusted_is_not_loaded() {
    let (server, other) = (Server::start(|_| Answer::ok()), Server::start(|_| Answer::ok()));
    let ca = other.ca();
    assert_refused(&[&server.url(), "--ca", ca.to_str().unwrap()], 4, &["certificate"]);
    assert_refused(&[&server.url()], 4, &["certificate"]);
    assert_eq!(server.seen(), 0);
}

#[test]
fn a_place_that_cannot_be_written_to_is_found_before_anything_is_sent() {
    let server = Server::start(|_| Answer::ok());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "precious").unwrap();
    for (out, code, parts) in [
        (file.clone(), 2, &["--out", "is a file"][..]),
        (folder.path().to_owned(), 2, &["--out", "file", "--overwrite"]),
        (file.join("below"), 4, &["--out"]),
        ("/proc/shakedown/results".into(), 4, &["/proc/shakedown/results", "--out"]),
    ] {
        let ended = binary().args(["run", &server.url(), "--insecure", "--out"]).arg(&out).output().unwrap();
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(code), "{}: {stderr}", out.display());
        assert!(parts.iter().all(|part| stderr.contains(part)), "{}: {stderr}", out.display());
        assert!(stderr.trim_end().lines().count() == 1 && ended.stdout.is_empty(), "{stderr}");
    }
    assert_eq!((names_in(folder.path()), fs::read_to_string(&file).unwrap()), (vec!["file".into()], "precious".into()));
    assert_eq!(server.seen(), 0);
}

#[test]
fn a_dry_run_sends_nothing_and_writes_nothing() {
    let accepted = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = std::sync::Arc::clone(&accepted);
    let on_accept = move |_, _: &mut std::net::TcpStream| {
        seen.store(true, std::sync::atomic::Ordering::SeqCst);
        true
    };
    let server = Server::start_with(|_| Answer::ok(), on_accept);
    let args = [&server.url(), "--insecure", "--dry-run", "--rate", "77/s", "-c", "12"];
    let Refusal { code, stdout, stderr } = refuse(&args);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(stdout.contains("77/s") && stdout.contains("12 connections") && stdout.contains(&server.url()), "{stdout}");
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(!accepted.load(std::sync::atomic::Ordering::SeqCst), "something was connected to");
}

/// The rows of a CSV file, each with as many cells as the header.
fn table(folder: &Path, name: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_path(folder.join(name)).unwrap();
    let cells = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let header = cells(reader.headers().unwrap());
    let rows = reader.records().map(|record| cells(&record.unwrap())).collect();
    (header, rows)
}

const QUICK: [&str; 8] = ["-c", "2", "--requests", "50", "--warmup", "0", "--duration", "5s"];

#[test]
fn a_run_leaves_its_document_and_its_tables() {
    let server = Server::start(|_| Answer::ok());
    let ended = start(&server, &QUICK).wait();
    let document = ended.document();
    assert_eq!((document.counts.attempted, document.counts.succeeded, server.seen()), (50, 50, 50));
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);
    assert_eq!(names_in(&ended.out()), ["quantiles.csv", "result.json", "series.csv", "summary.csv"]);
    for (name, columns, least) in [
        ("summary.csv", &["service_p99_ns", "requests_per_s", "succeeded"][..], 1),
        ("quantiles.csv", &["ns", "low_ns", "high_ns"], 7),
        ("series.csv", &["t_s", "requests", "service_p50_ns"], 1),
    ] {
        let (header, rows) = table(&ended.out(), name);
        assert!(columns.iter().all(|column| header.iter().any(|h| h == column)), "{name}: {header:?}");
        assert!(rows.len() >= least, "{name} has {} rows", rows.len());
        let formula = |cell: &String| cell.starts_with(['=', '+', '@', '\t']);
        assert!(!rows.iter().flatten().any(formula), "{name}: {rows:?}");
        // Whatever is a length of time, a size or a rate says in which unit.
        let bare = ["duration", "timeout", "bytes_in", "p50", "p99", "mean", "max", "min"];
        assert!(!header.iter().any(|column| bare.contains(&column.as_str())), "{name}: {header:?}");
    }
    let again = binary().args(["report"]).arg(ended.out()).output().unwrap();
    assert!(again.status.success() && !again.stdout.is_empty());
}

#[test]
fn quiet_and_json_print_what_they_say() {
    let server = Server::start(|_| Answer::ok());
    let output = |more: &[&str]| -> (Option<i32>, String, String, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let mut command = binary();
        command.args(["run", &server.url(), "--insecure"]).args(QUICK).args(more).arg("--out").arg(folder.path());
        let ended = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (ended.status.code(), text(ended.stdout), text(ended.stderr), folder)
    };
    // A busy machine may void a run; what is printed is the same.
    let ended_well = |code| code == Some(0) || code == Some(3);
    let (code, stdout, stderr, folder) = output(&[]);
    assert!(
        ended_well(code) && stdout.contains(&format!("written to {}", folder.path().display())),
        "{stdout}{stderr}"
    );
    assert!(stdout.contains("--insecure"), "what was not checked is said: {stdout}");
    let (code, stdout, stderr, _folder) = output(&["--quiet"]);
    assert!(ended_well(code) && stdout.is_empty() && stderr.is_empty(), "{stdout}{stderr}");
    let (code, stdout, stderr, _folder) = output(&["--quiet", "--json"]);
    assert!(ended_well(code) && stderr.is_empty(), "{stderr}");
    assert!(serde_json::from_str::<serde_json::Value>(&stdout).unwrap().is_object());
    // Written over where that is asked for; other files stay.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    fs::write(folder.path().join("result.json"), "old").unwrap();
    let mut command = binary();
    command.args(["run", &server.url(), "--insecure", "--overwrite", "--quiet"]).args(QUICK);
    assert!(ended_well(command.arg("--out").arg(folder.path()).status().unwrap().code()));
    assert_eq!(fs::read_to_string(folder.path().join("notes.txt")).unwrap(), "mine");
    assert!(shakedown::record::folder::load_run(folder.path()).is_ok());
}
