//! nginx with two certificates, stapling and names: order of preference, and what is information only.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use shakedown::model::survey::{Answer, Depth, Place, Preference, Version};
use tempfile::TempDir;

use super::common::fixture::{Process, free_port};
use super::common::identity::Authority;
use super::{LIMITS, accepted, assert_exact, probe, suites};

struct Nginx {
    _process: Process,
    _folder: TempDir,
    address: SocketAddr,
}

impl Nginx {
    /// A default server with `default`, and another for the name `other.example` with `named`.
    fn start(default: &str, named: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let certificates: String = Authority::new(root, "authority")
            .pair()
            .iter()
            .map(|one| format!("ssl_certificate {}; ssl_certificate_key {};\n", one.cert.display(), one.key.display()))
            .collect();
        let port = free_port();
        let config = format!(
            "daemon off; master_process off; worker_processes 1; pid {root}/pid; error_log {root}/error;\n\
             events {{ }}\n\
             http {{ access_log off; client_body_temp_path {root}/a; proxy_temp_path {root}/b; fastcgi_temp_path {root}/c;\n\
             uwsgi_temp_path {root}/d; scgi_temp_path {root}/e;\n\
             {certificates}\
             server {{ listen 127.0.0.1:{port} ssl http2 default_server; server_name localhost; {default} return 204; }}\n\
             server {{ listen 127.0.0.1:{port} ssl http2; server_name other.example; {named} return 204; }}\n\
             }}\n",
            root = root.display(),
        );
        fs::write(root.join("conf"), config).unwrap();
        let child = Command::new("nginx")
            .args(["-e", "stderr", "-p", &root.display().to_string(), "-c", "conf"])
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        let mut process = Process(child);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        process.wait_until("nginx", || TcpStream::connect(address).is_ok());
        Self { _process: process, _folder: folder, address }
    }
}

fn fact<'p>(place: &'p Place, name: &str) -> &'p Answer<String> {
    &place.traits.iter().find(|fact| fact.name == name).unwrap().answer
}

#[test]
#[ignore = "needs nginx"]
fn another_name_has_other_suites() {
    let six = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"];
    let protocols = "ssl_protocols TLSv1.2;";
    let named = format!("{protocols} ssl_ciphers {}:ECDHE-RSA-AES256-SHA384;", six.join(":"));
    let server = Nginx::start(&format!("{protocols} ssl_ciphers {};", six.join(":")), &named);
    let base = suites(Version::Tls12, &six);
    let place = |sni| probe(server.address, sni, LIMITS, Depth::Short);
    assert_exact(&place(None), &base);
    assert_exact(&place(Some("localhost")), &base);
    assert_exact(&place(Some("other.example")), &(&base | &suites(Version::Tls12, &["ECDHE-RSA-AES256-SHA384"])));
}

#[test]
#[ignore = "needs nginx"]
fn order_and_facts_are_as_configured() {
    let ciphers = "ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384;";
    for (prefer, expected) in [("on", Preference::Server), ("off", Preference::Client)] {
        let server = Nginx::start(&format!("{ciphers} ssl_prefer_server_ciphers {prefer};"), "");
        let place = probe(server.address, Some("localhost"), LIMITS, Depth::Full);
        assert!(place.open.is_empty(), "{:?}", place.open);
        assert_eq!(accepted(&place).len(), 5, "{:?}", place.accepted);
        for (version, order) in &place.preference {
            assert_eq!(*order, Answer::Accepted(expected), "{version}");
        }
        assert_eq!(place.preference.len(), 2);
        let is =
            |name: &str, words: &str| assert_eq!(*fact(&place, name), Answer::Accepted(words.to_owned()), "{name}");
        is("compression", "no");
        is("secure_renegotiation", "yes");
        is("extended_master_secret", "yes");
        is("alpn", "h2, http/1.1");
        is("ocsp_stapling", "no");
        let group = |code| place.groups.iter().find(|(group, _)| *group == code).unwrap().1.clone();
        assert_eq!(group(0x001d), Answer::Accepted(()));
        assert!(matches!(group(0x0001), Answer::Refused(_)));
    }
}
