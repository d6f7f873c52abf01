//! nginx with as many TLS servers as a test wants, in one process.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use super::common::fixture::{Process, free_port, get};
use super::common::identity::Identity;

/// A TLS server among those of one process.
pub(crate) struct Site<'a> {
    pub(crate) port: u16,
    /// The name by which it is chosen.
    pub(crate) name: &'a str,
    pub(crate) identities: &'a [Identity],
    /// OpenSSL's cipher string.
    pub(crate) ciphers: &'a str,
    pub(crate) protocols: &'a str,
    /// Further directives.
    pub(crate) more: &'a str,
}

impl<'a> Site<'a> {
    /// TLS 1.2 with these suites, on a port of its own.
    pub(crate) fn new(identities: &'a [Identity], ciphers: &'a str) -> Self {
        Self { port: free_port(), name: "localhost", identities, ciphers, protocols: "TLSv1.2", more: "" }
    }

    /// Its URL, by the name that the certificates are for.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/", self.port)
    }

    /// Its block in the configuration, which listens at `ip`.
    fn block(&self, ip: &str) -> String {
        let Self { port, name, identities, ciphers, protocols, more } = self;
        let certificate = |identity: &Identity| {
            format!("ssl_certificate {}; ssl_certificate_key {};", identity.cert.display(), identity.key.display())
        };
        let certificates: String = identities.iter().map(certificate).collect();
        format!(
            "server {{ listen {ip}:{port} ssl; server_name {name}; {certificates} ssl_protocols {protocols}; \
             ssl_ciphers {ciphers}; {more} location / {{ return 200 'ok'; }} }}\n"
        )
    }
}

/// The process, which ends with this.
pub(crate) struct Nginx {
    _process: Process,
}

impl Nginx {
    /// Serves `sites` at 127.0.0.1, with its files in `root`.
    pub(crate) fn start(root: &Path, sites: &[Site<'_>]) -> Self {
        Self::at(root, &sites.iter().map(|site| ("127.0.0.1", site)).collect::<Vec<_>>())
    }

    /// The same, each at the address that is given with it.
    pub(crate) fn at(root: &Path, sites: &[(&str, &Site<'_>)]) -> Self {
        let status_port = free_port();
        let servers: String = sites.iter().map(|(ip, site)| site.block(ip)).collect();
        // One process, so that killing it leaves none.
        let configuration = format!(
            "daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log error.log;
events {{ worker_connections 512; }}
http {{
access_log off; server_names_hash_bucket_size 128;
{}
server {{ listen 127.0.0.1:{status_port}; location / {{ stub_status; }} }}
{servers}}}
",
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|name| format!("{name}_temp_path {name};"))
                .concat()
        );
        fs::write(root.join("nginx.conf"), configuration).unwrap();
        let child = Command::new("nginx")
            .arg("-p")
            .arg(root)
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(root.join("nginx.stderr")).unwrap())
            .spawn()
            .expect("nginx is installed, and in the PATH");
        let mut process = Process(child);
        process.wait_until("nginx", || get(status_port, "/").is_some_and(|text| text.contains("Active connections")));
        Self { _process: process }
    }
}
