//! haproxy, which has its own TLS settings and its own HTTP parser, and its log.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use shakedown::model::suite::Suite;
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
    seen: usize,
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
        process.wait_until("haproxy", || get(plain_port).is_some_and(|text| text.contains("200 OK")));
        let ca = authority.cert.display().to_string();
        Self { _process: process, folder, port, plain_port, ca, seen: 0 }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/", self.port)
    }

    /// The lines since the last call: one thread takes events in their order, so after an answer to us all is logged.
    fn log(&mut self) -> Vec<Vec<String>> {
        get(self.plain_port).expect("haproxy still answers");
        let text = fs::read_to_string(self.folder.path().join("log")).unwrap();
        let lines = text.lines().filter_map(|line| line.split_once("tls ")).skip(self.seen);
        let lines: Vec<Vec<String>> = lines.map(|(_, fields)| fields.split(' ').map(str::to_owned).collect()).collect();
        self.seen += lines.len();
        lines
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
    http-request return status 200 content-type text/plain string ok
frontend secure
    bind 127.0.0.1:{port} ssl crt site.pem ssl-min-ver TLSv1.2 ciphers ALL:!aNULL
    log global
    option dontlognull
    log-format 'tls %sslv %sslc %ST %[ssl_fc_is_resumed]'
    http-request return status 200 content-type text/plain string ok
"
    )
}

const SUITES: [Suite; 5] = [
    Suite::Aes256GcmSha384,
    Suite::EcdheEcdsaAes128Gcm,
    Suite::EcdheRsaChaCha20,
    Suite::EcdheRsaAes128Cbc,
    Suite::EcdheEcdsaAes128Cbc,
];

#[test]
#[ignore = "needs haproxy"]
fn its_log_has_every_request() {
    let mut server = Haproxy::start();
    for suite in SUITES {
        for more in [&[][..], &["--requests-per-connection", "1"], &["--rate", "300/s"]] {
            let args = [&["--suite", suite.iana(), "--ca", &server.ca], more].concat();
            let document = document(&server.url(), &args);
            let log = server.log();
            assert_no_failure(&document);
            assert_only(&document, suite);
            assert_eq!(log.len() as u64, sent(&document), "{suite} {more:?}: {:?}", document.counts);
            let version = suite.version().to_string();
            for line in &log {
                assert_eq!(line, &[&version, suite.openssl(), "200", "0"]);
            }
        }
    }
}

#[test]
#[ignore = "needs haproxy"]
fn it_resumes_as_often_as_it_says() {
    let mut server = Haproxy::start();
    for tls in ["1.2", "1.3"] {
        let args = ["--tls", tls, "--resumption", "resumed", "--requests-per-connection", "1", "--ca", &server.ca];
        let document = document(&server.url(), &args);
        let log = server.log();
        assert_no_failure(&document);
        assert_eq!(log.len() as u64, sent(&document));
        assert!(log.iter().all(|line| line[3] == "1"), "TLS {tls}");
        assert_eq!(document.connections.handshakes.full, 0);
    }
}
