//! `openssl s_server` in many configurations; what is true of each says `openssl ciphers`, which expands the same string.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use shakedown::model::registry::SuiteCode;
use shakedown::model::suite::KeyType;
use shakedown::model::survey::{Answer, Confirmed, Depth, Place, Version};
use tempfile::TempDir;

use super::common::fixture::{Process, free_port};
use super::common::identity::Authority;
use super::{LIMITS, Suites, assert_exact, probe, suites};

const SIX: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:\
    ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256";

/// A server with certificates of these kinds, one client at a time.
struct SServer {
    _process: Process,
    _folder: TempDir,
    address: SocketAddr,
}

impl SServer {
    fn start(kinds: &[KeyType], args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let [rsa, ecdsa] = Authority::new(root, "authority").pair();
        let port = free_port();
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-WWW"]).args(args);
        for (kind, [cert, key]) in kinds.iter().zip([["-cert", "-key"], ["-dcert", "-dkey"]]) {
            let identity = if *kind == KeyType::Rsa { &rsa } else { &ecdsa };
            command.arg(cert).arg(&identity.cert).arg(key).arg(&identity.key);
        }
        if kinds.is_empty() {
            command.arg("-nocert");
        }
        let child = command
            .current_dir(root)
            .stdin(Stdio::piped())
            .stdout(File::create(root.join("out")).unwrap())
            .stderr(File::create(root.join("log")).unwrap())
            .spawn()
            .expect("the openssl command is installed");
        let mut process = Process(child);
        let out = root.join("out");
        process.wait_until("s_server", || fs::read_to_string(&out).unwrap().contains("ACCEPT"));
        Self { _process: process, _folder: folder, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    fn place(&self, depth: Depth) -> Place {
        probe(self.address, Some("localhost"), LIMITS, depth)
    }
}

const BOTH: [KeyType; 2] = [KeyType::Rsa, KeyType::Ecdsa];

/// What `ciphers` stands for in `version` with certificates of these kinds, as `openssl ciphers` has it.
fn expanded(version: Version, ciphers: &str, kinds: &[KeyType], psk: bool) -> Suites {
    let flag = match version {
        Version::Tls10 => "-tls1",
        Version::Tls11 => "-tls1_1",
        _ => "-tls1_2",
    };
    let mut command = Command::new("openssl");
    command.args(["ciphers", "-stdname", "-s", flag]).args(psk.then_some("-psk")).arg(ciphers);
    let output = command.output().expect("the openssl command is installed");
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    // No server here has a DSS certificate.
    let codes = names.filter(|name| !name.contains("_DSS_")).map(|name| name.parse::<SuiteCode>().unwrap());
    let usable = |suite: &SuiteCode| !suite.tls13_only() && suite.key_type().is_none_or(|kind| kinds.contains(&kind));
    let found: Suites = codes.filter(usable).map(|suite| (version, suite)).collect();
    assert!(!found.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    found
}

#[test]
#[ignore = "needs openssl"]
fn the_six_and_each_of_them_alone_are_confirmed() {
    for ciphers in std::iter::once(SIX).chain(SIX.split(':')) {
        let server = SServer::start(&BOTH, &["-tls1_2", "-cipher", ciphers]);
        let place = server.place(Depth::Short);
        assert_exact(&place, &expanded(Version::Tls12, ciphers, &BOTH, false));
        for row in &place.accepted {
            assert_eq!((row.certificate, &row.confirmed), (row.suite.key_type(), &Confirmed::Yes), "{}", row.suite);
        }
        let kinds = place.chains.iter().filter_map(|chain| chain.key).count();
        assert_eq!(kinds, place.chains.len());
        assert_eq!(kinds, if ciphers == SIX { 2 } else { 1 });
    }
}

#[test]
#[ignore = "needs openssl"]
fn one_suite_too_many_is_found_by_name() {
    let extras = [
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-CCM8",
        "AES128-SHA",
        "DHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-CAMELLIA128-SHA256",
        "ARIA128-GCM-SHA256",
        "DHE-PSK-CHACHA20-POLY1305",
        "PSK-NULL-SHA",
        "AECDH-NULL-SHA",
    ];
    for extra in extras {
        let ciphers = format!("{SIX}:{extra}:@SECLEVEL=0");
        let server =
            SServer::start(&BOTH, &["-tls1_2", "-cipher", &ciphers, "-psk", "00112233445566778899aabbccddeeff"]);
        let place = server.place(Depth::Short);
        assert_exact(&place, &(&suites(Version::Tls12, &[extra]) | &expanded(Version::Tls12, SIX, &BOTH, false)));
        let row = place.accepted.iter().find(|row| row.suite.openssl() == Some(extra)).unwrap();
        assert!(matches!(row.confirmed, Confirmed::NotSpoken | Confirmed::Yes), "{row:?}");
    }
}

#[test]
#[ignore = "needs openssl"]
fn everything_that_the_library_has_is_found_in_each_version() {
    let ciphers = "ALL:COMPLEMENTOFALL:!SRP:@SECLEVEL=0";
    let flags = [(Version::Tls10, "-tls1"), (Version::Tls11, "-tls1_1"), (Version::Tls12, "-tls1_2")];
    for (version, flag) in flags {
        for kinds in [&BOTH[..], &[KeyType::Rsa], &[KeyType::Ecdsa]] {
            let server = SServer::start(kinds, &[flag, "-cipher", ciphers, "-psk", "00112233445566778899aabbccddeeff"]);
            // The RSA-PSK suites show an RSA certificate.
            let truth = expanded(version, ciphers, kinds, true);
            assert!(truth.len() > 20, "{version} {kinds:?}: {}", truth.len());
            assert_exact(&server.place(Depth::Short), &truth);
        }
    }
}

#[test]
#[ignore = "needs openssl"]
fn tls_1_3_is_confirmed_with_each_kind_of_certificate() {
    let names = ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256"];
    for kinds in [&BOTH[..], &[KeyType::Rsa], &[KeyType::Ecdsa]] {
        let server = SServer::start(kinds, &["-tls1_3", "-ciphersuites", &names.join(":")]);
        let place = server.place(Depth::Full);
        assert_exact(&place, &suites(Version::Tls13, &names));
        for name in &names[..2] {
            let rows: Vec<_> = place.accepted.iter().filter(|row| row.suite.to_string() == *name).collect();
            assert!(rows.iter().all(|row| row.confirmed == Confirmed::Yes), "{rows:?}");
            assert_eq!(rows.iter().filter_map(|row| row.certificate).collect::<Vec<_>>(), kinds);
        }
        assert_eq!(place.chains.len(), kinds.len());
        let hybrid = place.traits.iter().find(|fact| fact.name == "X25519MLKEM768").unwrap();
        assert!(matches!(hybrid.answer, Answer::Accepted(_)), "{hybrid:?}");
    }
}

#[test]
#[ignore = "needs openssl"]
fn groups_that_rustls_cannot_compute_are_found() {
    for (openssl, code) in [("P-521", 0x0019), ("brainpoolP384r1", 0x001b), ("X448", 0x001e), ("secp256k1", 0x0016)] {
        let ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
        let server = SServer::start(&[KeyType::Rsa], &["-tls1_2", "-cipher", ciphers, "-groups", openssl]);
        let place = server.place(Depth::Full);
        assert_exact(&place, &suites(Version::Tls12, &[ciphers]));
        assert_eq!(place.accepted[0].confirmed, Confirmed::NotSpoken);
        for (group, answer) in &place.groups {
            let expected =
                if *group == code { *answer == Answer::Accepted(()) } else { matches!(answer, Answer::Refused(_)) };
            assert!(expected, "{openssl}: group {group:#06x}: {answer:?}");
        }
    }
    let server = SServer::start(&[KeyType::Rsa], &["-tls1_3", "-groups", "P-521"]);
    let place = server.place(Depth::Full);
    assert_eq!(place.accepted.len(), 3, "{:?}", place.accepted);
    assert!(place.accepted.iter().all(|row| row.confirmed == Confirmed::NotSpoken), "{:?}", place.accepted);
}
