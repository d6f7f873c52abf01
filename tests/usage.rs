//! What a user may get wrong, and what is said about it: one line that names the option and the way out, the exit code, nothing on
//! stdout, and nothing left behind. And what a user gets when all is right.

mod common;

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use common::server::{Answer, Server};
use common::{Refusal, binary, names_in, refuse, start, unwrapped};
use tempfile::TempDir;

/// Nothing listens here: what is refused before it is sent need not find anything.
const URL: &str = "https://127.0.0.1:1/";

/// `args` end with `code`, one line of error that holds all of `parts`, and no word on stdout.
fn assert_refused_by(args: &[&str], code: i32, parts: &[&str]) {
    let Refusal { code: found, stdout, stderr } = refuse(args);
    assert_eq!(found, Some(code), "{args:?}: {stderr}");
    assert!(stdout.is_empty() && stderr.starts_with("error: ") && !stderr.contains("panicked"), "{args:?}: {stderr}");
    assert!(stderr.ends_with('\n') && stderr.lines().count() == 1, "{args:?}: {stderr}");
    assert!(!stderr.trim_end().contains(char::is_control), "{args:?}: {stderr:?}");
    for part in parts {
        assert!(stderr.contains(part), "{args:?}: '{part}' is not in: {stderr}");
    }
}

/// The same of the command `run`.
fn assert_refused(args: &[&str], code: i32, parts: &[&str]) {
    assert_refused_by(&[&["run", "--out", "a/b"], args].concat(), code, parts);
}

#[test]
fn a_wrong_value_is_named_with_what_was_expected() {
    assert_refused(&["http://127.0.0.1:1/"], 2, &["http://127.0.0.1:1/", "https:// only"]);
    assert_refused(&["--rate", "5"], 2, &["<URL> is missing", "shakedown run <URL>"]);
    for (option, value, parts) in [
        ("--suite", "TLS_AES_128_GCM", &["nearest: TLS_AES_128_GCM_SHA256"][..]),
        ("--suite", "ECDHE-RSA-AES256-SHA", &["nearest: ECDHE-RSA-AES128-SHA256"]),
        ("--group", "P-257", &["P-256", "X25519"]),
        ("--rate", "0", &["2000/s"]),
        ("--rate", "-5", &["2000/s"]),
        ("--rate", "fast", &["2000/s"]),
        ("--rate", "5/fortnight", &["600/min"]),
        ("--duration", "30", &["30s"]),
        ("--duration", "-1s", &["30s"]),
        ("--warmup", "-1s", &["30s"]),
        ("--timeout", "soon", &["30s"]),
        ("--connections", "0", &["from 1 on"]),
        ("--connections", "-1", &["from 1 on"]),
        ("--connections", "many", &["from 1 on"]),
        ("--connections", "99999999999999999999", &["counted"]),
        ("--connect-concurrency", "0", &["from 1 on"]),
        ("--threads", "0", &["from 1 on"]),
        ("--requests", "0", &["from 1 on"]),
        ("--seed", "-1", &["from 0 on"]),
        ("--requests-per-connection", "some", &["'unlimited'", "0 for handshakes only"]),
        ("--resumption", "1.5", &["between 0 and 1"]),
        ("--resumption", "-0.5", &["between 0 and 1"]),
        ("--expect-status", "99", &["2xx"]),
        ("--abort-on", "rubbish", &["errors > 50%"]),
        ("--header", "nocolon", &["Name: value"]),
        ("--tls", "1.1", &["1.2, 1.3 or any"]),
        ("--body-size", "huge", &["16KiB"]),
        ("--body-size", "-1", &["16KiB"]),
        ("--source-ip", "1.2.3", &["192.0.2.7"]),
        ("--server-pid", "x", &["the number of a process"]),
        ("--connect-to", "host", &["HOST:PORT"]),
    ] {
        assert_refused(&[URL, option, value], 2, &[&[&*format!("error: {option} '{value}' is not ")], parts].concat());
    }
    for (option, value, parts) in [
        ("--duration", "0", &["--duration 0s", "too short", "100ms"][..]),
        ("--timeout", "0", &["--timeout 0s", "1ms to 1h"]),
        ("--header", "A: b\r\nC: d", &["--header 'A: b\u{fffd}\u{fffd}C: d'", "control character"]),
        ("--method", "CONNECT", &["--method 'CONNECT'", "tunnel"]),
        ("--source-ip", "203.0.113.9", &["--source-ip 203.0.113.9", "cannot be used on this machine"]),
        ("--server-pid", "999999999", &["--server-pid 999999999", "no process"]),
        ("--bogus", "x", &["--bogus is not an option of `shakedown run`", "`shakedown run --help`"]),
        ("--conections", "5", &["--conections", "did you mean --connections?"]),
        ("--insecure", "yes", &["'yes' is one argument too many"]),
        ("--insecure=yes", "--quiet", &["--insecure takes no further value, and 'yes' is one"]),
        ("--rate", "--json", &["--rate '--json' is not a rate"]),
        ("--json", "--json", &["--json is given more than once"]),
        ("--json", "--rate", &["--rate needs a value: --rate <RATE>"]),
        ("--json", "--tls", &["--tls needs a value", "1.2, 1.3 or any"]),
    ] {
        assert_refused(&[URL, option, value], 2, parts);
    }
}

#[test]
fn every_command_refuses_in_one_line() {
    for (args, code, parts) in [
        (&["bogus"][..], 2, &["'bogus' is no command", "`shakedown --help`"][..]),
        (&["serv"], 2, &["'serv' is no command", "did you mean serve?"]),
        (&["help", "bogus"], 2, &["'bogus' is no command"]),
        (&[URL], 2, &["`shakedown run https://127.0.0.1:1/`"]),
        (&["--bogus"], 2, &["--bogus is not an option of `shakedown`"]),
        (&["serve", "--rate", "5"], 2, &["--rate is not an option of `shakedown serve`; it is one of `shakedown run`"]),
        (&["serve", "--conections", "5"], 2, &["did you mean --connections of `shakedown run`?"]),
        (&["crypto", "--server-pid", "5"], 2, &["it is one of `shakedown run` and `shakedown suites`"]),
        (&["--json", "run", URL], 2, &["--json stands before the command", "`shakedown run … --json`"]),
        (&["suites", URL, "--duration", "5s"], 2, &["--duration is not an option of `shakedown suites`", "--trial"]),
        (&["suites", URL, "--warmup", "5s"], 2, &["--warmup", "a fifth of --trial"]),
        (&["suites", URL, "--rate", "5"], 2, &["--rate", "--load-share"]),
        (&["suites", URL, "--resumption", "full"], 2, &["--resumption", "--workload full,resumed"]),
        (&["suites", URL, "--bogus"], 2, &["--bogus is not an option of `shakedown suites`", "--help"]),
        (&["suites", URL, "--rounds", "4"], 2, &["--rounds 4", "5 to 1000"]),
        (&["suites", URL, "--rounds", "-1"], 2, &["--rounds '-1'", "whole number"]),
        (&["suites", URL, "--trial", "10"], 2, &["--trial '10'", "250ms"]),
        (&["suites", URL, "--seed", "x"], 2, &["--seed 'x'", "from 0 on"]),
        (&["suites", URL, "--dry-run", "--json"], 2, &["--dry-run contradicts --json"]),
        (&["run", URL, "--rate", "--method", "GET"], 2, &["--rate needs a value, and --method is none"]),
        (
            // Before the name is looked up.
            &["run", "https://nowhere.invalid/", "--listen", "0.0.0.0:0"],
            2,
            &["--listen: 0.0.0.0:0 can be reached from elsewhere", "--listen-anywhere"],
        ),
        (&["run", URL, "--listen-anywhere"], 2, &["--listen"]),
        (&["report"], 2, &["<DOC> is missing"]),
        (&["report", "missing"], 4, &["cannot read missing: No such file"]),
        (
            &["report", "/", "--format", "xml"],
            2,
            &["--format 'xml'", "text, csv, html, xlsx, hdr, hgrm, openmetrics, csv-series or csv-quantiles"],
        ),
        (&["serve", "--threads", "0"], 2, &["--threads '0'", "from 1 on"]),
        (&["serve", "--threads", "2000"], 2, &["--threads 2000", "between 1 and 1024"]),
        (&["serve", "--listen", "here"], 2, &["--listen 'here'", "127.0.0.1:8443"]),
        (
            &["serve", "--listen", "203.0.113.9:0"],
            4,
            &["--listen", "203.0.113.9:0", "no address of this machine: 0.0.0.0:0"],
        ),
        (&["serve", "--listen", "127.0.0.1:0", "--name", "bücher"], 2, &["--name bücher", "DNS names"]),
        (&["serve", "--listen", "127.0.0.1:0", "--write-ca", "a/ca.pem"], 4, &["--write-ca", "a/ca.pem: No such file"]),
    ] {
        assert_refused_by(args, code, parts);
    }
}

#[test]
fn a_search_that_cannot_be_made_is_refused_with_the_way_out() {
    let slo = ["--slo", "response p99 < 50ms"];
    for (args, parts) in [
        (&[][..], &["--slo is missing", "--slo 'response p99 < 50ms'"][..]),
        (&["--slo", "response p99 50ms"], &["--slo", "'response p99 50ms'", "no < or >"]),
        (&["--slo", "latency p99 < 50ms"], &["handshake_full"]),
        (&["--slo", "handshake_full p99 < 50ms"], &["--slo 'handshake_full p99 < 50ms'", "--unit sessions"]),
        (&[&slo[..], &["--max", "5/s", "--start", "9/s"]].concat(), &["--start 9/s", "--max 5/s"]),
        (&[&slo[..], &["--min", "fast"]].concat(), &["--min 'fast'", "2000/s"]),
        (&[&slo[..], &["--precision", "0%"]].concat(), &["--precision 0%", "0.1% to 50%"]),
        (&[&slo[..], &["--precision", "2"]].concat(), &["--precision '2'", "percentage"]),
        (&[&slo[..], &["--trial", "1ms"]].concat(), &["--trial 1ms", "500ms"]),
        (&[&slo[..], &["--budget", "5s"]].concat(), &["--budget 5s", "30s at least"]),
        (&[&slo[..], &["--confirm", "10m"]].concat(), &["--confirm 10m", "--confirm 0"]),
        (&[&slo[..], &["--unit", "requests", "--requests-per-connection", "0"]].concat(), &["--unit requests"]),
        (&[&slo[..], &["--rate", "5/s"]].concat(), &["--rate is not an option of `shakedown capacity`"]),
    ] {
        assert_refused_by(&[&["capacity", URL], args].concat(), 2, parts);
    }
}

#[test]
fn the_version_names_the_commit_that_was_built() {
    let Refusal { code, stdout, stderr } = refuse(&["--version"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let Some(commit) = option_env!("SHAKEDOWN_COMMIT") else {
        assert_eq!(stdout, format!("shakedown {}\n", env!("CARGO_PKG_VERSION")));
        return;
    };
    assert_eq!(stdout, format!("shakedown {} ({commit})\n", env!("CARGO_PKG_VERSION")));
    // Whoever builds may name a commit; what the build script found is the repository's own.
    if let Some(hash) = commit.strip_suffix("-dirty").or(Some(commit)).filter(|hash| hash.len() == 12) {
        let mut git = std::process::Command::new("git");
        git.args(["rev-parse", "HEAD"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        let Ok(head) = git.output() else { return };
        assert!(String::from_utf8(head.stdout).unwrap().starts_with(hash), "{commit}");
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
        (&["--cert", "x"], &["--cert x", "add --key FILE"]),
        (&["--key", "x"], &["--key x", "add --cert FILE"]),
        (&["--body", "x", "--body-size", "3"], &["--body", "--body-size"]),
        (&["--ipv4", "--ipv6"], &["--ipv4", "--ipv6"]),
        (&["--dry-run", "--json"], &["--dry-run contradicts --json"]),
        (&["--spin", "20us"], &["--spin", "--rate"]),
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
    let way_out = format!("error: {closed}: no TLS connection could be made: connect_refused; nothing listens there");
    assert_refused(&[&closed, "--insecure"], 4, &[&way_out]);
    let named = format!("https://localhost:{port}/");
    assert_refused(&[&named, "--insecure", "--ipv4"], 4, &[&format!("{named} at 127.0.0.1:{port}: ")]);
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
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let cut = folder.path().join("cut.pem");
    fs::write(&cut, "-----BEGIN CERTIFICATE-----\nQUJD\n").unwrap();
    let missing = path(&folder.path().join("missing"));
    let (empty, cut, directory) = (path(&empty), path(&cut), path(folder.path()));
    for (args, parts) in [
        (&["--ca", &missing][..], &["--ca", &missing, "No such file"][..]),
        (&["--ca", &garbage], &["--ca", &garbage, "BEGIN CERTIFICATE"]),
        (&["--ca", &empty], &["--ca", &empty, "BEGIN CERTIFICATE"]),
        (&["--ca", &broken], &["--ca", &broken]),
        (&["--ca", &cut], &["--ca", &cut, "-----END CERTIFICATE----- is missing"]),
        (&["--ca", &directory], &["--ca", &directory, "Is a directory"]),
        (&["--insecure", "--cert", &missing, "--key", &key], &["--cert", &missing, "No such file"]),
        (&["--insecure", "--cert", &directory, "--key", &key], &["--cert", &directory, "Is a directory"]),
        (&["--insecure", "--cert", &garbage, "--key", &key], &["--cert", &garbage, "BEGIN CERTIFICATE"]),
        (&["--insecure", "--cert", &cut, "--key", &key], &["--cert", &cut, "is missing"]),
        (&["--insecure", "--cert", &cert, "--key", &missing], &["--key", &missing, "No such file"]),
        (&["--insecure", "--cert", &cert, "--key", &directory], &["--key", &directory, "Is a directory"]),
        (&["--insecure", "--cert", &cert, "--key", &garbage], &["--key", &garbage, "private key"]),
        (&["--insecure", "--cert", &cert, "--key", &empty], &["--key", &empty, "private key"]),
        (&["--insecure", "--cert", &cert, "--key", &wrong_key], &[&wrong_key]),
        (&["--insecure", "--body", &missing], &["--body", &missing, "No such file"]),
        (&["--insecure", "--body", &directory], &["--body", &directory, "Is a directory"]),
        (&["--insecure", "--key-log", &format!("{missing}/log")], &["key log", "--key-log", &missing]),
        (&["--insecure", "--key-log", &directory], &["key log", "--key-log", &directory]),
    ] {
        assert_refused(&[&[one.url().as_str()], args].concat(), 4, parts);
    }
    assert_eq!((one.seen(), other.seen()), (0, 0));
}

#[test]
fn a_server_that_is_not_trusted_is_not_loaded() {
    let (server, other) = (Server::start(|_| Answer::ok()), Server::start(|_| Answer::ok()));
    let ca = other.ca();
    let ca = ca.to_str().unwrap();
    assert_refused(
        &[&server.url(), "--ca", ca],
        4,
        &["certificate", &format!("no certificate in {ca} vouches for it")],
    );
    assert_refused(&[&server.url()], 4, &["certificate", "--ca FILE"]);
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
fn help_of_help_is_help() {
    for args in [&["help", "--help"][..], &["help", "run", "-h"]] {
        let Refusal { code, stdout, stderr } = refuse(args);
        assert_eq!((code, stderr.as_str(), stdout.contains("Usage: shakedown")), (Some(0), "", true), "{args:?}");
    }
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
    assert_eq!(document.tool.commit.as_deref(), option_env!("SHAKEDOWN_COMMIT"));
    assert_silent_if_valid(ended.code, &ended.stderr);
    assert_eq!(names_in(&ended.out()), ["quantiles.csv", "report.html", "result.json", "series.csv", "summary.csv"]);
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
fn a_valid_run_in_which_all_failed_says_so_beside_the_verdict() {
    let server = Server::start(|_| Answer::Send(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n".to_vec()));
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary();
    let ended = command.args(["run", &server.url(), "--insecure"]).args(QUICK).arg("--out").arg(folder.path()).output();
    let stdout = unwrapped(&String::from_utf8(ended.unwrap().stdout).unwrap());
    let told =
        ["VALID but 100 % of the requests failed: status: 503 ", "INVALID do not rely on these figures (100 % of the "];
    assert!(told.iter().any(|start| stdout.starts_with(start)), "{stdout}");
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary();
    command.args(["run", &server.url(), "--insecure", "--quiet"]).args(QUICK).arg("--out").arg(folder.path());
    let ended = command.output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    let start = if ended.status.success() { "warning: no_success: none of the 50 attempted" } else { "INVALID: " };
    assert!(stderr.starts_with(start) && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn a_servers_process_that_ends_early_is_told() {
    let process = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
    let pid = process.id().to_string();
    let running = std::sync::Mutex::new(Some(process));
    let server = Server::start(move |_| {
        if let Some(mut process) = running.lock().unwrap().take() {
            process.kill().and_then(|()| process.wait()).unwrap();
        }
        Answer::ok()
    });
    let document = start(&server, &[&QUICK[..], &["--server-pid", &pid]].concat()).wait().document();
    let told = document.verdict.warnings.iter().find(|warning| warning.code == "server_cpu");
    assert!(told.is_some_and(|warning| warning.text.contains(&format!("did pid {pid} run"))), "{told:?}");
    assert!(document.server.is_none());
}

/// Without the summary, stderr has one line that says why a run is INVALID, and nothing else.
fn assert_silent_if_valid(code: Option<i32>, stderr: &str) {
    match code {
        Some(0) => assert_eq!(stderr, ""),
        _ => assert!(stderr.starts_with("INVALID: ") && stderr.lines().count() == 1, "{code:?}: {stderr}"),
    }
}

#[test]
fn an_invalid_run_says_so_even_where_nothing_else_is_printed() {
    let server = Server::start(|_| Answer::Send(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n".to_vec()));
    for (more, stdout_empty) in [(&["--quiet"][..], true), (&["--json"], false), (&["--quiet", "--json"], false)] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = binary();
        command.args(["run", &server.url(), "--insecure", "--abort-on", "errors > 50%", "-c", "2", "--warmup", "0"]);
        let ended = command.args(more).arg("--out").arg(folder.path()).output().unwrap();
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), ended.stdout.is_empty()), (Some(3), stdout_empty), "{stderr}");
        assert!(stderr.starts_with("INVALID: ") && stderr.contains("aborted"), "{more:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
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
    assert!(ended_well(code) && stdout.is_empty(), "{stdout}{stderr}");
    assert_silent_if_valid(code, &stderr);
    let (code, stdout, stderr, _folder) = output(&["--quiet", "--json"]);
    assert!(ended_well(code), "{stderr}");
    assert_silent_if_valid(code, &stderr);
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
