//! haproxy with as many TLS ports as a test wants, in one process.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use super::common::fixture::{Process, free_port};
use super::common::identity::Identity;

/// A port with its own TLS settings.
pub(crate) struct Bind {
    pub(crate) port: u16,
    /// The rest of the line.
    options: String,
}

impl Bind {
    /// TLS 1.2 with both certificates, which [`write_certificates`] has written to `root`, and these suites.
    pub(crate) fn new(ciphers: &str) -> Self {
        let options = format!("ssl crt site.pem ciphers {ciphers} ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.2");
        Self { port: free_port(), options }
    }

    /// With these options altogether.
    pub(crate) fn with(options: &str) -> Self {
        Self { port: free_port(), options: options.to_owned() }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/", self.port)
    }
}

/// Writes certificates with their keys as `{name}.rsa` and `{name}.ecdsa`, of which haproxy makes one.
pub(crate) fn write_certificates(root: &Path, name: &str, [rsa, ecdsa]: &[Identity; 2]) {
    for (identity, kind) in [(rsa, "rsa"), (ecdsa, "ecdsa")] {
        let both = [&identity.cert, &identity.key].map(|path| fs::read_to_string(path).unwrap()).concat();
        fs::write(root.join(format!("{name}.{kind}")), both).unwrap();
    }
}

/// The process, which ends with this.
pub(crate) struct Haproxy {
    _process: Process,
}

impl Haproxy {
    /// Serves all of `binds`, with its files in `root`.
    pub(crate) fn start(root: &Path, binds: &[Bind]) -> Self {
        let lines: String =
            binds.iter().map(|Bind { port, options }| format!("    bind 127.0.0.1:{port} {options}\n")).collect();
        let configuration = format!(
            "global
    nbthread 1
    maxconn 256
    tune.ssl.default-dh-param 2048
    ssl-default-bind-options ssl-min-ver TLSv1.0
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 10s
frontend secure
{lines}    http-request return status 200 content-type text/plain string ok
"
        );
        fs::write(root.join("haproxy.cfg"), configuration).unwrap();
        let child = Command::new("haproxy")
            .args(["-db", "-f", "haproxy.cfg"])
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(root.join("haproxy.stderr")).unwrap())
            .spawn()
            .expect("haproxy is installed, and in the PATH");
        let mut process = Process(child);
        process.wait_until("haproxy", || binds.iter().all(|bind| TcpStream::connect(("127.0.0.1", bind.port)).is_ok()));
        Self { _process: process }
    }
}
