//! Agreement with other scanners, sslscan and testssl.sh, on which suites a server has in which version. Where they differ the reason is
//! known, and is what the test expects; `docs/audit.md` tells it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use shakedown::model::registry::SuiteCode;
use shakedown::model::survey::Version;

use super::command::{Audited, audit};
use super::haproxy::{Bind, Haproxy, write_certificates};
use super::nginx::{Nginx, Site};
use super::openssl::{Everything, SServer};
use super::truth::{SIX, six_and};
use super::world::{HOST, World};

type Pairs = BTreeSet<(Version, SuiteCode)>;

/// What the audit saw under [`HOST`], without the certificates, which the others do not tell apart.
fn seen(audited: &Audited) -> Pairs {
    audited.accepted(Some(HOST)).into_iter().map(|(version, suite, _)| (version, suite)).collect()
}

/// What sslscan accepts at 127.0.0.1:`port`.
fn sslscan(port: u16) -> Pairs {
    let only_suites = ["heartbleed", "renegotiation", "compression", "fallback", "groups", "check-certificate"];
    let output = Command::new("sslscan")
        .args(only_suites.map(|what| format!("--no-{what}")))
        .args(["--xml=-", "--show-cipher-ids", &format!("--sni-name={HOST}"), &format!("127.0.0.1:{port}")])
        .stdin(Stdio::null())
        .output()
        .expect("sslscan is installed");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("</ssltest>"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let of = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap_or_else(|| panic!("{name} in {line}"));
        rest.split_once('"').unwrap().0.to_owned()
    };
    let ciphers = text.lines().filter(|line| line.contains("<cipher "));
    ciphers.map(|line| (version(&of(line, "sslversion")), code(of(line, "id").trim_start_matches("0x")))).collect()
}

/// What testssl.sh accepts at `localhost:port`.
fn testssl(root: &Path, port: u16) -> Pairs {
    let found = root.join("testssl.json");
    let status = Command::new("testssl")
        .args(["--quiet", "--color", "0", "--warnings", "off", "-E", "--jsonfile"])
        .arg(&found)
        .arg(format!("{HOST}:{port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("testssl is installed");
    let text = std::fs::read_to_string(&found).unwrap_or_else(|error| panic!("testssl ended with {status}: {error}"));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    // Such as cipher-tls1_2_xc02f.
    let ids = rows.iter().filter_map(|row| row["id"].as_str()?.strip_prefix("cipher-"));
    ids.map(|id| {
        let (name, suite) = id.rsplit_once("_x").unwrap_or_else(|| panic!("{id}"));
        (version(name), code(suite))
    })
    .collect()
}

fn version(name: &str) -> Version {
    match name {
        "TLSv1.0" | "tls1" => Version::Tls10,
        "TLSv1.1" | "tls1_1" => Version::Tls11,
        "TLSv1.2" | "tls1_2" => Version::Tls12,
        "TLSv1.3" | "tls1_3" => Version::Tls13,
        other => panic!("a version called {other}"),
    }
}

fn code(hex: &str) -> SuiteCode {
    // testssl.sh leaves out a first byte that is 0.
    format!("0x{hex:0>4}").parse().unwrap()
}

/// A server with both certificates and three versions, old suites and new.
#[test]
#[ignore = "needs nginx, sslscan and testssl"]
fn all_three_see_the_same() {
    let world = World::new();
    let pair = world.pair("site", &[HOST]);
    let ciphers = six_and("AES128-SHA:CAMELLIA256-SHA:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-SHA:@SECLEVEL=0");
    let site = Site { protocols: "TLSv1.1 TLSv1.2 TLSv1.3", ..Site::new(&pair, &ciphers) };
    let _nginx = Nginx::start(world.root(), std::slice::from_ref(&site));
    let ours = seen(&audit(&site.url(), &["--ca", world.ca()]));
    assert_eq!(sslscan(site.port), ours, "sslscan");
    assert_eq!(testssl(world.root(), site.port), ours, "testssl.sh");
}

/// sslscan offers what its OpenSSL does without a pre-shared key: not one of the suites that need one.
#[test]
#[ignore = "needs sslscan and openssl"]
fn sslscan_sees_all_but_suites_with_a_shared_key() {
    let world = World::new();
    let everything = Everything::new(world.root(), &world.pair("site", &[HOST]));
    let server = SServer::start(world.root(), &everything.identities, &Everything::args());
    let ours = seen(&audit(&server.url(), &["--ca", world.ca()]));
    let theirs = sslscan(server.port);
    let with_key = |(_, suite): &&(Version, SuiteCode)| suite.iana().is_some_and(|name| name.contains("PSK"));
    let (only_ours, only_theirs): (Vec<_>, Vec<_>) =
        (ours.difference(&theirs).collect(), theirs.difference(&ours).collect());
    assert!(only_theirs.is_empty(), "{only_theirs:?}");
    assert!(!only_ours.is_empty() && only_ours.iter().all(with_key), "{only_ours:?}");
}

/// haproxy shows its ECDSA certificate to whoever offers one suite for it, had or not, and then has no RSA suite. sslscan strikes out only
/// what was accepted, so that it never comes without one.
#[test]
#[ignore = "needs haproxy and sslscan"]
fn sslscan_sees_one_certificate_of_haproxys_two() {
    let world = World::new();
    write_certificates(world.root(), "site.pem", &world.pair("site", &[HOST]));
    let binds = [Bind::new(&SIX.join(":"))];
    let _haproxy = Haproxy::start(world.root(), &binds);
    let ours = seen(&audit(&binds[0].url(), &["--ca", world.ca()]));
    let theirs = sslscan(binds[0].port);
    let ecdsa = |(_, suite): &(Version, SuiteCode)| suite.iana().is_some_and(|name| name.contains("_ECDSA_"));
    assert_eq!(ours.len(), SIX.len());
    assert_eq!(theirs, ours.into_iter().filter(ecdsa).collect());
}
