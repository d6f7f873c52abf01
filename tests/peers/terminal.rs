//! The progress line, on a terminal that `script` makes: it tells the rate and the failures, and is gone at the end.

use std::process::{Command, Stdio};

use shakedown::record::run::RunDocument;

use super::generator::BINARY;
use super::nginx::Nginx;

/// What a run of a second and a half wrote to its terminal, and its document.
fn on_a_terminal(server: &Nginx, path: &str, more: &str) -> (String, RunDocument) {
    let folder = tempfile::tempdir().unwrap();
    let (out, json) = (folder.path().join("out"), folder.path().join("document.json"));
    // Only stderr is the terminal.
    let run = format!(
        "stty rows 40 cols 120; exec '{BINARY}' run {} --ca '{}' -c 2 -t 1 --rate 50/s --arrivals constant --warmup 0 --duration 1500ms --json \
         --out '{}' {more} > '{}'",
        server.url(path),
        server.ca,
        out.display(),
        json.display()
    );
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &run, "/dev/null"])
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .expect("script is installed");
    let document = std::fs::read_to_string(json).unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let document = serde_json::from_str(&document).unwrap_or_else(|error| panic!("{error}: {shown}"));
    (shown, document)
}

/// What stays on a terminal's screen of what was written to it: a carriage return goes back to the line's start, `ESC [ 2 K` clears the
/// line, `ESC [ A` goes up; other control sequences change no text.
fn screen(written: &str) -> Vec<String> {
    let (mut lines, mut row, mut column) = (vec![Vec::new()], 0_usize, 0);
    let mut rest = written.chars();
    while let Some(c) = rest.next() {
        match c {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                lines.resize(lines.len().max(row + 1), Vec::new());
            }
            '\x1b' => {
                assert_eq!(rest.next(), Some('['), "{written:?}");
                let (parameter, rest_after) = rest.as_str().split_at(rest.as_str().find(char::is_alphabetic).unwrap());
                match (&rest_after[..1], parameter) {
                    ("K", "2") => lines[row].clear(),
                    ("K", "" | "0") => lines[row].truncate(column),
                    ("A", up) => row = row.saturating_sub(up.parse().unwrap_or(1)),
                    _ => {}
                }
                rest = rest_after[1..].chars();
            }
            c => {
                let line: &mut Vec<char> = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
    }
    lines.into_iter().map(|line| line.into_iter().collect::<String>().trim().to_owned()).collect()
}

/// That no line of the progress is left, whatever else the run had to say.
fn assert_gone(shown: &str) {
    let left = screen(shown);
    let progress =
        |line: &&String| [" req/s", " failed", "draining", "measuring", "━"].iter().any(|part| line.contains(part));
    assert_eq!(left.iter().filter(progress).count(), 0, "{left:?}");
}

#[test]
#[ignore = "needs nginx and script"]
fn the_progress_line_tells_rate_and_failures_and_is_gone_at_the_end() {
    let server = Nginx::start("");
    for (path, failing) in [("/", false), ("/missing", true)] {
        let (shown, document) = on_a_terminal(&server, path, "");
        let counts = &document.counts;
        assert_eq!((counts.failed, counts.succeeded), if failing { (75, 0) } else { (0, 75) }, "{counts:?}");
        // Twice at least: figures change each half second.
        let figures = |what: &str| -> Vec<f64> {
            let before = shown.match_indices(what).map(|(at, _)| shown[..at].trim_end());
            before.map(|text| text.rsplit("  ").next().unwrap().trim().parse().unwrap()).collect()
        };
        let (rates, failed) = (figures("req/s"), figures("failed"));
        assert!(failed.len() >= 2, "{shown:?}");
        // Answers of half a second, at fifty a second; where none is right there is no rate of them.
        assert!(failing || rates.len() == failed.len(), "{shown:?}");
        assert!(
            rates.iter().all(|rate| if failing { *rate == 0.0 } else { (30.0..=70.0).contains(rate) }),
            "{rates:?}"
        );
        let most = failed.iter().copied().fold(0.0, f64::max);
        assert!(if failing { (20.0..=75.0).contains(&most) } else { most == 0.0 }, "{failed:?}");
        assert!(shown.contains("measuring") && shown.contains("p99 ") && shown.contains("2 open"), "{shown:?}");
        assert_gone(&shown);
    }
}

#[test]
#[ignore = "needs nginx and script"]
fn whoever_wants_no_progress_gets_none() {
    let server = Nginx::start("");
    for option in ["--no-progress", "--quiet"] {
        let (shown, document) = on_a_terminal(&server, "/", option);
        assert_eq!(document.counts.succeeded, 75);
        assert!(!shown.contains("req/s") && !shown.contains("measuring") && !shown.contains('\x1b'), "{shown:?}");
    }
}

#[test]
fn the_screen_is_that_of_a_terminal() {
    assert_eq!(screen("warning\r\nabc\rx"), ["warning", "xbc"]);
    assert_eq!(screen("abc 1 req/s\r\x1b[2Kdone"), ["done"]);
    assert_eq!(screen("abcdef\r\x1b[1Cz\r\x1b[K"), [""]);
    assert_eq!(screen("a\r\nb\r\x1b[1A\x1b[2Kc"), ["c", "b"]);
}

/// What `report` of a document writes to a terminal in this environment.
fn reported(environment: &[(&str, &str)]) -> String {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/run-open");
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &format!("exec '{BINARY}' report '{golden}'"), "/dev/null"]);
    command.env("TERM", "xterm").env_remove("NO_COLOR").envs(environment.iter().copied()).stdin(Stdio::null());
    String::from_utf8(command.output().expect("script is installed").stdout).unwrap().replace("\r\n", "\n")
}

#[test]
#[ignore = "needs script"]
fn a_verdict_is_coloured_on_a_terminal_alone_and_not_for_those_who_want_none() {
    let plain =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/run-open/summary.txt")).unwrap();
    let coloured = reported(&[]);
    assert!(
        coloured.starts_with("\x1b[1;31mINVALID\x1b[0m  ") && coloured.contains("\x1b[1;33mWARNING\x1b[0m  "),
        "{coloured:?}"
    );
    // Nothing else is different, and no server or user has a say in it.
    let bare = ["\x1b[1;31m", "\x1b[1;33m", "\x1b[1;32m", "\x1b[0m"]
        .iter()
        .fold(coloured, |text, code| text.replace(code, ""));
    assert_eq!(bare, plain);
    assert_eq!(reported(&[("NO_COLOR", "1")]), plain);
    assert_eq!(reported(&[("TERM", "dumb")]), plain);
}
