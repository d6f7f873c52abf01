//! haproxy, which has its own TLS settings and its own HTTP parser: its log of requests, and its counts of connections and handshakes.

use std::collections::HashMap;
use std::fs::{self, File};
use std::process::{Command, Stdio};

use shakedown::model::suite::{KeyType, Suite};
use shakedown::record::run::RunDocument;
use tempfile::TempDir;

use super::fixture::{Process, free_port, get};
use super::generator::{assert_no_failure, assert_only, document, sent};
use super::identity::Authority;

struct Haproxy {
    _process: Process,
    folder: TempDir,
    port: u16,
    plain_port: u16,
    ca: String,
    /// What was read of the log already.
    seen: usize,
    /// What was counted already.
    counted: Counts,
}

/// A line of the log: one request.
#[derive(Debug)]
struct Line {
    protocol: String,
    cipher: String,
    key: KeyType,
    status: String,
    resumed: bool,
    /// The first on its connection.
    first: bool,
}

/// What haproxy counts itself: connections, and handshakes by their kind.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counts {
    accepted: u64,
    full: u64,
    resumed: u64,
    failed: u64,
}

/// What happened since the log was last read.
struct Log {
    lines: Vec<Line>,
    counts: Counts,
}

impl Line {
    fn parse(line: &str) -> Self {
        let [protocol, cipher, key, status, resumed, first] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line:?}")
        };
        let key = match key {
            "rsaEncryption" => KeyType::Rsa,
            "id-ecPublicKey" => KeyType::Ecdsa,
            other => panic!("a key of type {other}"),
        };
        let [protocol, cipher, status] = [protocol, cipher, status].map(str::to_owned);
        Self { protocol, cipher, key, status, resumed: resumed == "1", first: first == "1" }
    }
}

impl Counts {
    /// From haproxy's statistics, whose columns have names.
    fn parse(answer: &str) -> Self {
        let (_, table) = answer.split_once("# ").expect("a head row");
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        let mut rows = reader.deserialize::<HashMap<String, String>>().map(Result::unwrap);
        let row = rows.find(|row| row["pxname"] == "secure" && row["svname"] == "FRONTEND").expect("its row");
        let count = |name: &str| row[name].parse().unwrap_or_else(|_| panic!("{name} of {row:?}"));
        Self {
            accepted: count("conn_tot"),
            full: count("ssl_sess"),
            resumed: count("ssl_reused_sess"),
            failed: count("ssl_failed_handshake"),
        }
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            accepted: self.accepted - earlier.accepted,
            full: self.full - earlier.full,
            resumed: self.resumed - earlier.resumed,
            failed: self.failed - earlier.failed,
        }
    }
}

impl Haproxy {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let authority = Authority::new(root, "authority");
        let identities = authority.pair();
        for (identity, name) in identities.iter().zip(["site.pem.rsa", "site.pem.ecdsa"]) {
            let both = [&identity.cert, &identity.key].map(|path| fs::read_to_string(path).unwrap()).concat();
            fs::write(root.join(name), both).unwrap();
        }
        let (port, plain_port) = (free_port(), free_port());
        fs::write(root.join("haproxy.cfg"), configuration(port, plain_port)).unwrap();
        let child = Command::new("haproxy")
            .args(["-db", "-f", "haproxy.cfg"])
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(File::create(root.join("log")).unwrap())
            .stderr(File::create(root.join("stderr")).unwrap())
            .spawn()
            .expect("haproxy is installed, and in the PATH");
        let mut process = Process(child);
        process.wait_until("haproxy", || get(plain_port, "/;csv").is_some_and(|text| text.contains("200 OK")));
        let ca = authority.cert.display().to_string();
        Self { _process: process, folder, port, plain_port, ca, seen: 0, counted: Counts::default() }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/", self.port)
    }

    /// What is new since the last call: one thread takes events in their order, so after an answer to us all is counted.
    fn log(&mut self) -> Log {
        let counts = Counts::parse(&get(self.plain_port, "/;csv").expect("haproxy still answers"));
        let text = fs::read_to_string(self.folder.path().join("log")).unwrap();
        let lines = text.lines().filter_map(|line| line.strip_prefix("tls ")).skip(self.seen);
        let lines: Vec<_> = lines.map(Line::parse).collect();
        self.seen += lines.len();
        let since = counts.since(self.counted);
        self.counted = counts;
        Log { lines, counts: since }
    }
}

fn configuration(port: u16, plain_port: u16) -> String {
    format!(
        "global
    log stdout format raw local0
    nbthread 1
    maxconn 256
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 10s
    timeout http-keep-alive 10s
frontend plain
    bind 127.0.0.1:{plain_port}
    stats enable
    stats uri /
    stats show-modules
frontend secure
    bind 127.0.0.1:{port} ssl crt site.pem ssl-min-ver TLSv1.2 ciphers ALL:!aNULL
    log global
    option dontlognull
    log-format 'tls %[ssl_fc_protocol] %[ssl_fc_cipher] %[ssl_f_key_alg] %ST %[ssl_fc_is_resumed] %[http_first_req]'
    http-request return status 200 content-type text/plain string ok
"
    )
}

/// That all the counts are haproxy's own, exactly, but for connections that nobody waited for when the run ended: these may have got
/// further there than the document knows, and are no more than there are connections.
fn assert_agrees(document: &RunDocument, log: &Log) {
    assert_no_failure(document);
    assert_eq!(log.lines.len() as u64, sent(document), "{:?}", document.counts);
    let (connections, counts) = (&document.connections, &log.counts);
    let handshakes = &connections.handshakes;
    let cut_off = counts.accepted.checked_sub(connections.opened).expect("haproxy saw every connection");
    assert!(cut_off <= document.plan.connections, "{counts:?}, {connections:?}");
    let full = handshakes.full + handshakes.full_with_hrr + connections.priming;
    let resumed = handshakes.resumed + handshakes.resumed_with_hrr;
    for (what, counted, told) in [("full", counts.full, full), ("resumed", counts.resumed, resumed)] {
        assert!((told..=told + cut_off).contains(&counted), "{what}: {counts:?}, {connections:?}");
    }
    assert!(counts.failed <= cut_off, "{counts:?}, {connections:?}");
    let first = log.lines.iter().filter(|line| line.first).count() as u64;
    assert!(first <= connections.opened, "{first} connections brought a request: {connections:?}");
}

/// That `suite` was spoken, on every request, with a certificate of its type.
fn assert_suite(document: &RunDocument, log: &Log, suite: Suite) {
    assert_only(document, suite);
    assert_agrees(document, log);
    let version = suite.version().to_string();
    for line in &log.lines {
        assert_eq!((&*line.protocol, &*line.cipher, &*line.status), (&*version, suite.openssl(), "200"));
        assert!(suite.key_type().is_none_or(|key| key == line.key), "{suite}: {line:?}");
    }
}

#[test]
#[ignore = "needs haproxy"]
fn it_counts_the_same_with_each_suite_alone() {
    let mut server = Haproxy::start();
    for suite in Suite::all() {
        // A handshake alone ends in order here: a reset may reach the server before it has read the client's last word.
        let handshakes = ["--requests-per-connection", "0", "--close", "fin"];
        for pace in [&[][..], &["--requests-per-connection", "1"], &handshakes, &["--rate", "300/s"]] {
            let args = [&["--suite", suite.iana(), "--ca", &server.ca], pace].concat();
            let document = document(&server.url(), &args);
            let log = server.log();
            assert_suite(&document, &log, suite);
            assert!(log.lines.iter().all(|line| !line.resumed), "{suite} {pace:?}");
            assert_eq!(document.connections.handshakes.total(), document.connections.handshakes.full);
        }
    }
}

#[test]
#[ignore = "needs haproxy"]
fn a_handshake_that_ends_in_a_reset_was_begun_at_the_server_at_least() {
    let mut server = Haproxy::start();
    for suite in Suite::all() {
        let args = ["--suite", suite.iana(), "--requests-per-connection", "0", "--close", "reset", "--ca", &server.ca];
        let document = document(&server.url(), &args);
        let counts = server.log().counts;
        assert_no_failure(&document);
        assert_only(&document, suite);
        assert_eq!(counts.full + counts.failed, counts.accepted, "{suite}");
        let told = document.connections.opened;
        assert!((told..=told + document.plan.connections).contains(&counts.accepted), "{suite}: {counts:?}");
    }
}

#[test]
#[ignore = "needs haproxy"]
fn each_suite_resumes_as_often_as_it_says() {
    let mut server = Haproxy::start();
    for suite in Suite::all() {
        let args = ["--suite", suite.openssl(), "--resumption", "resumed", "--requests-per-connection", "1"];
        let document = document(&server.url(), &[&args[..], &["--ca", &server.ca]].concat());
        let log = server.log();
        assert_suite(&document, &log, suite);
        assert!(log.lines.iter().all(|line| line.resumed && line.first), "{suite}");
        let connections = &document.connections;
        assert!(connections.priming > 0 && connections.handshakes.full == 0, "{suite}: {connections:?}");
    }
}

#[test]
#[ignore = "needs haproxy"]
fn the_certificate_of_tls_1_3_is_the_one_asked_for() {
    let mut server = Haproxy::start();
    for suite in Suite::all().filter(|suite| suite.key_type().is_none()) {
        for (name, key) in [("rsa", KeyType::Rsa), ("ecdsa", KeyType::Ecdsa)] {
            let args = ["--suite", suite.iana(), "--cert-type", name, "--ca", &server.ca];
            let document = document(&server.url(), &[&args[..], &["--requests-per-connection", "5"]].concat());
            let log = server.log();
            assert_suite(&document, &log, suite);
            assert!(log.lines.iter().all(|line| line.key == key), "{suite} with {name}");
        }
    }
}
