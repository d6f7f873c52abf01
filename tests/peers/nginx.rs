//! nginx on a free port of 127.0.0.1, and its log.

use std::collections::HashSet;
use std::fmt::Write;
use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::fixture::{PATIENCE, Process, free_port, get};
use super::identity::{Authority, Identity};

/// All of the policy's suites for TLS 1.2; those of TLS 1.3 are on by default.
const CIPHERS: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:\
                       ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256";

/// The size of the file at `/64k`.
pub(crate) const SMALL: usize = 64 << 10;

/// The size of the file at `/1m`.
pub(crate) const LARGE: usize = 1 << 20;

/// The body at `/`.
pub(crate) const OK: &str = "ok\n";

/// A server with a certificate of each type, and its log.
pub(crate) struct Nginx {
    _process: Process,
    folder: TempDir,
    port: u16,
    status_port: u16,
    /// Who issued its certificates, and may issue others.
    pub(crate) authority: Authority,
    /// The authority's certificate, for `--ca`.
    pub(crate) ca: String,
    /// What was read of the log already.
    seen: usize,
    accepted: u64,
}

/// A line of the log: one request.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) connection: u64,
    pub(crate) nth: u64,
    pub(crate) protocol: String,
    pub(crate) cipher: String,
    pub(crate) curve: String,
    pub(crate) reused: bool,
    pub(crate) status: u16,
    pub(crate) method: String,
    pub(crate) bytes_sent: u64,
    pub(crate) request_bytes: u64,
    pub(crate) client: String,
    /// Which of its addresses was connected to.
    pub(crate) address: String,
}

impl Line {
    fn parse(line: &str) -> Self {
        let fields: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| fields[at].parse().unwrap_or_else(|_| panic!("field {at} of {line:?}"));
        Self {
            connection: number(0),
            nth: number(1),
            protocol: fields[2].to_owned(),
            cipher: fields[3].to_owned(),
            curve: fields[4].to_owned(),
            reused: fields[5] == "r",
            status: number(6) as u16,
            method: fields[7].to_owned(),
            bytes_sent: number(8),
            request_bytes: number(9),
            client: fields[10].to_owned(),
            address: fields[11].to_owned(),
        }
    }
}

/// What happened since the log was last read.
pub(crate) struct Log {
    pub(crate) lines: Vec<Line>,
    /// Connections accepted, with or without a request.
    pub(crate) accepted: u64,
}

impl Log {
    /// How many different connections brought a request.
    pub(crate) fn connections(&self) -> u64 {
        self.lines.iter().map(|line| line.connection).collect::<HashSet<_>>().len() as u64
    }

    pub(crate) fn len(&self) -> u64 {
        self.lines.len() as u64
    }
}

impl Nginx {
    /// A server with both certificates, and `settings` among those of the TLS server.
    pub(crate) fn start(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path(), "authority");
        let identities = authority.pair();
        Self::with(folder, authority, &identities, settings)
    }

    /// A server with certificates chosen by the test.
    pub(crate) fn with(folder: TempDir, authority: Authority, identities: &[Identity], settings: &str) -> Self {
        let root = folder.path();
        fs::create_dir(root.join("html")).unwrap();
        fs::write(root.join("html/64k"), vec![b'x'; SMALL]).unwrap();
        fs::write(root.join("html/1m"), vec![b'x'; LARGE]).unwrap();
        let (port, status_port) = (free_port(), free_port());
        fs::write(root.join("nginx.conf"), configuration(port, status_port, identities, settings)).unwrap();
        let child = Command::new("nginx")
            .arg("-p")
            .arg(root)
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(root.join("stderr")).unwrap())
            .spawn()
            .expect("nginx is installed, and in the PATH");
        let mut process = Process(child);
        let ready = || get(status_port, "/").is_some_and(|text| text.contains("Active connections"));
        process.wait_until("nginx", ready);
        let ca = authority.cert.display().to_string();
        let mut server = Self { _process: process, folder, port, status_port, authority, ca, seen: 0, accepted: 0 };
        // From here on only connections of the test count.
        server.log();
        server
    }

    /// The URL of `path`, by name: what is checked of the certificate too.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Where it listens, for `--connect-to`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// What was logged since the last call. nginx is one process here and takes events in their order: with the answer to a
    /// request of ours it has seen everything that was sent before, so nothing has to be waited for.
    pub(crate) fn log(&mut self) -> Log {
        let status = get(self.status_port, "/").expect("nginx still answers");
        // "server accepts handled requests" and then the three numbers; this very request is one of them.
        let numbers = status.lines().skip_while(|line| !line.starts_with("server accepts")).nth(1).unwrap();
        let accepted: u64 = numbers.split_whitespace().next().unwrap().parse().unwrap();
        let text = fs::read_to_string(self.folder.path().join("access.log")).unwrap();
        let lines: Vec<_> = text.lines().skip(self.seen).map(Line::parse).collect();
        self.seen += lines.len();
        let since = accepted - self.accepted - 1;
        self.accepted = accepted;
        Log { lines, accepted: since }
    }

    /// The same, where nginx only notices in its own time that requests have ended: waits for `requests` lines.
    pub(crate) fn log_of(&mut self, requests: u64) -> Log {
        let mut log = self.log();
        let start = Instant::now();
        while log.len() < requests && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
            let more = self.log();
            log.lines.extend(more.lines);
            log.accepted += more.accepted;
        }
        log
    }
}

fn configuration(port: u16, status_port: u16, identities: &[Identity], settings: &str) -> String {
    let mut certificates = String::new();
    for Identity { cert, key } in identities {
        let (cert, key) = (cert.display(), key.display());
        writeln!(certificates, "ssl_certificate {cert}; ssl_certificate_key {key};").unwrap();
    }
    let temp =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| format!("{name}_temp_path {name};")).join(" ");
    // One process, so that killing it leaves none. A request's line is written as it ends: no buffer.
    format!(
        "daemon off; master_process off; worker_processes 1; pid nginx.pid;
error_log error.log info;
events {{ worker_connections 256; }}
http {{
    {temp}
    keepalive_requests 1000000; client_max_body_size 8m;
    log_format tls '$connection $connection_requests $ssl_protocol $ssl_cipher $ssl_curve $ssl_session_reused '
                   '$status $request_method $bytes_sent $request_length $ssl_client_verify $server_addr';
    limit_req_zone $server_name zone=paced:1m rate=500r/s;
    server {{ listen 127.0.0.1:{status_port}; access_log off; location / {{ stub_status; }} }}
    server {{
        listen 127.0.0.1:{port} ssl; server_name localhost; root html;
        {certificates}
        ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers {CIPHERS};
        access_log access.log tls;
        {settings}
        location = / {{ return 200 '{OK}'; }}
        location / {{ dav_methods PUT; }}
    }}
}}
"
    )
}
