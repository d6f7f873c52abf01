//! Chromium, which opens the golden pages as a person does: at the widths of a telephone, a window and a large screen, in light and in dark, with
//! nothing to complain of in its console and nothing asked of any network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const WIDTHS: [u32; 3] = [390, 1000, 1920];

/// The page of each kind of document.
const KINDS: [&str; 8] =
    ["run-open", "suites", "capacity", "crypto", "audit", "compare-runs", "plan-capacity", "trial"];

/// What the browser did with a page.
pub(super) struct Opened {
    pub(super) screenshot: Vec<u8>,
    /// What its console says.
    pub(super) console: Vec<String>,
    /// What it asked of a network.
    pub(super) asked: Vec<String>,
}

/// Opens the page at `url` in a browser with a profile of its own.
pub(super) fn open(url: &str, width: u32, dark: bool) -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let (screenshot, log) = (folder.path().join("page.png"), folder.path().join("net.json"));
    let ended = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"])
        .args(["--disable-component-update", "--disable-sync", "--enable-logging=stderr"])
        // No name has an address: what is asked for is seen in the log, and goes nowhere. Live pages come from this machine.
        .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("--window-size={width},900"))
        .arg(format!("--blink-settings=preferredColorScheme={}", if dark { 0 } else { 1 }))
        .arg(format!("--log-net-log={}", log.display()))
        .arg(format!("--screenshot={}", screenshot.display()))
        .arg(url)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{url}: {told}");
    Opened {
        screenshot: fs::read(screenshot).unwrap(),
        console: told.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect(),
        asked: asked(&serde_json::from_slice(&fs::read(log).unwrap()).unwrap()),
    }
}

/// The URLs of a net log that pages have asked for; the browser's own questions have no initiator.
fn asked(log: &Value) -> Vec<String> {
    let events = log["events"].as_array().unwrap();
    let of_page = |event: &&Value| event["params"]["initiator"].as_str().is_some_and(|by| by != "not an origin");
    let urls = events.iter().filter(of_page).filter_map(|event| event["params"]["url"].as_str());
    urls.filter(|url| !url.starts_with("file:") && !url.starts_with("data:")).map(str::to_owned).collect()
}

fn at(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn golden(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(kind).join("report.html")
}

#[test]
#[ignore = "needs chromium"]
fn a_browser_opens_every_page_in_peace() {
    for kind in KINDS {
        for width in WIDTHS {
            let [light, dark] = [false, true].map(|dark| open(&at(&golden(kind)), width, dark));
            for opened in [&light, &dark] {
                assert_eq!(opened.console, [""; 0], "{kind} at {width}");
                assert_eq!(opened.asked, [""; 0], "{kind} at {width}");
            }
            assert_ne!(light.screenshot, dark.screenshot, "{kind} at {width} does not mind the scheme");
        }
    }
}

#[test]
#[ignore = "needs chromium"]
fn the_policy_of_a_page_stops_what_it_must_not_do() {
    let page = fs::read_to_string(golden("run-open")).unwrap();
    let evil = r#"<script>console.error("ran")</script><img src="http://evil.example/a.png"></body>"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    fs::write(&path, page.replace("</body>", evil)).unwrap();
    let opened = open(&at(&path), 1000, false);
    assert!(opened.asked.is_empty(), "{:?}", opened.asked);
    let told = opened.console.join("\n");
    assert!(told.contains("Content Security Policy") && !told.contains("\"ran\""), "{told}");
    // Without the policy both would be seen: so the absence of both is worth something.
    let policy = page.find("<meta http-equiv").unwrap();
    let end = policy + page[policy..].find('>').unwrap() + 1;
    fs::write(&path, format!("{}{}", &page[..policy], &page[end..]).replace("</body>", evil)).unwrap();
    let opened = open(&at(&path), 1000, false);
    assert!(opened.console.join("\n").contains("ran"), "{:?}", opened.console);
    assert!(opened.asked.iter().any(|url| url.contains("evil.example")), "{:?}", opened.asked);
}
