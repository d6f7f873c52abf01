//! Versions that must not be spoken, and the three ways to count the suites of TLS 1.3.

use std::fs;
use std::path::{Path, PathBuf};

use shakedown::model::suite::KeyType;
use shakedown::model::survey::Version;
use shakedown::record::audit::FindingOutcome;

use super::command::{Expected, audit};
use super::haproxy::{Bind, Haproxy, write_certificates};
use super::hello::server_hello;
use super::nginx::{Nginx, Site};
use super::proxy::{Deed, Proxy};
use super::truth::{self, SIX, Spoken, six_and};
use super::world::{HOST, World};

/// What old versions can be spoken with at all, in OpenSSL 3.
const OLD: &str = "ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0";

const BROKEN: &[&str] = &["suites.none_outside", "versions.lowest"];

#[test]
#[ignore = "needs nginx, haproxy and openssl"]
fn old_versions_are_found_and_named() {
    let world = World::new();
    let (pair, six) = (world.pair("site", &[HOST]), six_and(OLD));
    let rows: [(&str, &str, &[Version], Expected<'_>); 3] = [
        (
            "TLSv1 TLSv1.1 TLSv1.2",
            "TLSv1.0",
            &[Version::Tls10, Version::Tls11, Version::Tls12],
            Expected::broken(BROKEN).saying(&[("versions.lowest", "TLSv1.0"), ("versions.lowest", "TLSv1.1")]),
        ),
        (
            "TLSv1.1 TLSv1.2",
            "TLSv1.1",
            &[Version::Tls11, Version::Tls12],
            Expected::broken(BROKEN).saying(&[("versions.lowest", "TLSv1.1")]),
        ),
        ("TLSv1.2", "TLSv1.2", &[Version::Tls12], Expected::broken(&["suites.none_outside"])),
    ];
    let sites: Vec<_> = rows.iter().map(|row| Site { protocols: row.0, ..Site::new(&pair, &six) }).collect();
    write_certificates(world.root(), "site.pem", &pair);
    let options = |row: &(&str, &str, _, _)| {
        Bind::with(&format!("ssl crt site.pem ciphers {six} ssl-min-ver {} ssl-max-ver TLSv1.2", row.1))
    };
    let binds: Vec<_> = rows.iter().map(options).collect();
    let _nginx = Nginx::start(world.root(), &sites);
    let _haproxy = Haproxy::start(world.root(), &binds);
    for ((row, site), bind) in rows.iter().zip(&sites).zip(&binds) {
        let truth = truth::of(&six, row.2);
        // haproxy shows its ECDSA certificate only to those who say that they want one, which versions before TLS 1.2 cannot.
        let rsa = |spoken: &&Spoken| spoken.0 >= Version::Tls12 || spoken.2 == Some(KeyType::Rsa);
        let of_haproxy = truth.iter().filter(rsa).copied().collect();
        for (url, truth) in [(site.url(), &truth), (bind.url(), &of_haproxy)] {
            let audited = audit(&url, &["--ca", world.ca()]);
            audited.assert(row.0, &row.3);
            assert_eq!(&audited.accepted(Some(HOST)), truth, "{} at {url}", row.0);
        }
    }
}

/// In front of nginx with the six, and itself the server for those who come with an old version.
#[test]
#[ignore = "needs nginx"]
fn a_version_that_no_library_speaks_any_more() {
    let world = World::new();
    let (pair, six) = (world.pair("site", &[HOST]), SIX.join(":"));
    let site = Site::new(&pair, &six);
    let _nginx = Nginx::start(world.root(), std::slice::from_ref(&site));
    for (version, words) in [(0x0300, "SSLv3"), (0x0301, "TLSv1.0"), (0x0302, "TLSv1.1")] {
        let proxy = Proxy::start(site.port, move |hello| {
            let offered = hello.suites.first().copied().unwrap_or_default();
            if hello.asks_for() == version { Deed::Say(server_hello(version, offered)) } else { Deed::Forward }
        });
        let audited = audit(&proxy.url(), &["--ca", world.ca(), "--timeout", "2s"]);
        assert_eq!(audited.code, 1, "{words}: {}", audited.told());
        let finding = audited.findings("versions.lowest")[0];
        assert_eq!(finding.outcome, FindingOutcome::Fail, "{words}: {}", audited.told());
        for other in ["SSLv3", "TLSv1.0", "TLSv1.1"] {
            assert_eq!(finding.observed.contains(other), other == words, "{words}: {}", finding.observed);
        }
    }
}

/// The bundled policy with another way to count the suites of TLS 1.3, as a file of the user's.
fn policy(folder: &Path, mode: &str) -> PathBuf {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/push-provisioning.toml");
    let bundled = fs::read_to_string(bundled).unwrap();
    let changed = bundled.replace("tls13 = \"permit\"", &format!("tls13 = \"{mode}\""));
    assert_eq!(changed == bundled, mode == "permit");
    let path = folder.join(format!("{mode}.toml"));
    fs::write(&path, changed).unwrap();
    path
}

#[test]
#[ignore = "needs nginx and openssl"]
fn the_three_ways_to_count_suites_of_tls_1_3() {
    const ALL: [&str; 3] = ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_256_GCM_SHA384"];
    const OUTSIDE: Expected<'_> = Expected::broken(&["suites.none_outside"]);
    const NOT_ONE: Expected<'_> = Expected::broken(&["suites.one_of"]);
    const NEITHER: Expected<'_> = Expected::broken(&["suites.none_outside", "suites.one_of"]);
    const LARGE: &[(&str, &str)] = &[("suites.none_outside", "TLS_AES_256_GCM_SHA384")];
    let world = World::new();
    let (pair, six) = (world.pair("site", &[HOST]), SIX.join(":"));
    // Whether TLS 1.2 is spoken too, how many of the suites above, and how it ends with permit, map, strict.
    let rows = [
        (true, &ALL[..], [Expected::PASS, OUTSIDE.saying(LARGE), OUTSIDE.saying(LARGE)]),
        (true, &ALL[..2], [Expected::PASS, Expected::PASS, OUTSIDE.saying(&[("suites.none_outside", ALL[1])])]),
        (false, &ALL[..2], [NOT_ONE, Expected::PASS, NEITHER]),
        (false, &ALL[2..], [NOT_ONE, NEITHER.saying(LARGE), NEITHER.saying(LARGE)]),
    ];
    let suites = rows.each_ref().map(|row| format!("ssl_conf_command Ciphersuites {};", row.1.join(":")));
    let sites: Vec<_> = rows
        .iter()
        .zip(&suites)
        .map(|(row, more)| {
            let protocols = if row.0 { "TLSv1.2 TLSv1.3" } else { "TLSv1.3" };
            Site { protocols, more, ..Site::new(&pair, &six) }
        })
        .collect();
    let _nginx = Nginx::start(world.root(), &sites);
    for ((tls12, tls13, expected), site) in rows.iter().zip(&sites) {
        let mut truth = truth::of_tls13(tls13);
        if *tls12 {
            truth.extend(truth::of(&six, &[Version::Tls12]));
        }
        for (mode, expected) in ["permit", "map", "strict"].into_iter().zip(expected) {
            let policy = policy(world.root(), mode).display().to_string();
            let audited = audit(&site.url(), &["--ca", world.ca(), "--profile", &policy]);
            audited.assert(&format!("{mode}, TLS 1.2: {tls12}, {tls13:?}"), expected);
            assert_eq!(audited.accepted(Some(HOST)), truth, "{mode} {tls13:?}");
            let not_named: Vec<_> = audited.document.findings.iter().filter(|f| f.rule == "suites.tls13").collect();
            assert_eq!(!not_named.is_empty(), mode == "permit", "{mode}: {}", audited.told());
            for name in not_named.iter().flat_map(|_| *tls13) {
                assert!(not_named[0].observed.contains(name), "{name}: {}", not_named[0].observed);
            }
        }
    }
}

/// Certificates of TLS 1.3 are encrypted: without a handshake none is seen, and nothing can be said of it.
#[test]
#[ignore = "needs nginx"]
fn a_suite_of_tls_1_3_that_nobody_here_speaks() {
    let world = World::new();
    let pair = world.pair("site", &[HOST]);
    let more = "ssl_conf_command Ciphersuites TLS_AES_128_CCM_8_SHA256;";
    let site = Site { protocols: "TLSv1.3", more, ..Site::new(&pair, "DEFAULT") };
    let _nginx = Nginx::start(world.root(), std::slice::from_ref(&site));
    let strict = policy(world.root(), "strict").display().to_string();
    let audited = audit(&site.url(), &["--ca", world.ca(), "--profile", &strict]);
    assert_eq!(audited.code, 1, "{}", audited.told());
    let outside = audited.findings("suites.none_outside")[0];
    assert!(outside.observed.contains("TLS_AES_128_CCM_8_SHA256"), "{}", audited.told());
    for rule in ["name.san", "roots", "validity", "chain"] {
        assert_eq!(audited.outcome(rule), FindingOutcome::Inconclusive, "{}", audited.told());
    }
}
