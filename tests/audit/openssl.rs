//! `openssl s_server`, which speaks with one client at a time, and OpenSSL's other commands.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use super::common::fixture::{Process, free_port};
use super::common::identity::Identity;

/// One server, which ends with this.
pub(crate) struct SServer {
    _process: Process,
    pub(crate) port: u16,
}

impl SServer {
    /// With these certificates and `args`, and its files in `root`.
    pub(crate) fn start(root: &Path, identities: &[Identity], args: &[&str]) -> Self {
        let port = free_port();
        let output = root.join(format!("s_server.{port}"));
        let mut command = Command::new("openssl");
        command.args(["s_server", "-www", "-accept", &format!("127.0.0.1:{port}")]);
        let names = [["-cert", "-key"], ["-dcert", "-dkey"]];
        // More than two go by another way, which leaves out those given by these.
        let extra = identities.len() > names.len();
        for (nth, identity) in identities.iter().enumerate() {
            let [cert, key] = if extra { ["-xcert", "-xkey"] } else { names[nth] };
            command.arg(cert).arg(&identity.cert).arg(key).arg(&identity.key);
        }
        if extra {
            command.arg("-cert").arg(&identities[0].cert).arg("-key").arg(&identities[0].key);
        }
        // What it sends of a chain is in the same file as the certificate.
        if let Some(identity) = identities.first() {
            command.arg("-cert_chain").arg(&identity.cert);
        }
        let child = command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(File::create(&output).unwrap())
            .stderr(File::create(root.join(format!("s_server.{port}.stderr"))).unwrap())
            .spawn()
            .expect("the openssl command is installed");
        let mut process = Process(child);
        process.wait_until("s_server", || fs::read_to_string(&output).unwrap().contains("ACCEPT"));
        Self { _process: process, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/", self.port)
    }
}

/// Runs `openssl` with `args` in `root`, which must work.
pub(crate) fn openssl(root: &Path, args: &[&str]) {
    let output = Command::new("openssl").args(args).current_dir(root).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What makes a server speak everything that the library has up to TLS 1.2, weak as it may be.
pub(crate) struct Everything {
    pub(crate) identities: Vec<Identity>,
}

impl Everything {
    /// SRP needs a file of its own, and its suites no server here.
    pub(crate) const CIPHERS: &str = "ALL:COMPLEMENTOFALL:-SRP:@SECLEVEL=0";

    /// With `pair`, and a DSA certificate, which only OpenSSL's own commands make.
    pub(crate) fn new(root: &Path, pair: &[Identity; 2]) -> Self {
        let [key, cert] = ["dsa.key", "dsa.pem"];
        openssl(root, &["dsaparam", "-out", "dsa.params", "1024"]);
        let request = ["req", "-x509", "-newkey", "dsa:dsa.params", "-nodes", "-subj", "/CN=localhost", "-days", "9"];
        openssl(root, &[&request[..], &["-keyout", key, "-out", cert]].concat());
        let mut identities = pair.to_vec();
        identities.push(Identity { cert: root.join(cert), key: root.join(key) });
        Self { identities }
    }

    /// The options beside the certificates.
    pub(crate) fn args() -> [&'static str; 8] {
        ["-min_protocol", "TLSv1", "-max_protocol", "TLSv1.2", "-psk", "0102", "-cipher", Self::CIPHERS]
    }
}
