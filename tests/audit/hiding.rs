//! A suite outside the policy that shows only to those who look: with one of two certificates, with one group, under another name, at
//! another address.

use std::collections::BTreeSet;

use shakedown::model::survey::Version;
use shakedown::record::audit::FindingOutcome;

use super::command::{BINARY, Expected, audit, audit_by};
use super::common::fixture::free_port;
use super::common::hosts::Hosts;
use super::haproxy::{Bind, Haproxy, write_certificates};
use super::hello::{Hello, alert};
use super::nginx::{Nginx, Site};
use super::openssl::{SServer, openssl};
use super::proxy::{Deed, Proxy};
use super::truth::{self, SIX, six_and};
use super::world::{HOST, World, days};

/// What hides.
const EXTRA: &str = "ECDHE-RSA-AES256-GCM-SHA384";
const FOUND: Expected<'_> = Expected::broken(&["suites.none_outside"])
    .saying(&[("suites.none_outside", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")]);

/// A second name, in the certificate too.
const SECOND: &str = "second.test";

#[test]
#[ignore = "needs nginx and openssl"]
fn with_one_certificate_of_two() {
    let world = World::new();
    let pair = world.pair("site", &[HOST]);
    // The ECDSA suites come first, and a client that can have them never sees the others.
    let ciphers =
        [&format!("ECDHE-ECDSA-AES128-GCM-SHA256:{EXTRA}"), "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-CCM"];
    let sites = ciphers.map(|ciphers| Site { more: "ssl_prefer_server_ciphers on;", ..Site::new(&pair, ciphers) });
    let _nginx = Nginx::start(world.root(), &sites);
    let ecdsa = Expected::broken(&["suites.none_outside"])
        .saying(&[("suites.none_outside", "TLS_ECDHE_ECDSA_WITH_AES_256_CCM")]);
    for (site, expected) in sites.iter().zip([FOUND, ecdsa]) {
        let audited = audit(&site.url(), &["--ca", world.ca()]);
        audited.assert(site.ciphers, &expected);
        assert_eq!(audited.accepted(Some(HOST)), truth::of(site.ciphers, &[Version::Tls12]), "{}", site.ciphers);
    }
}

#[test]
#[ignore = "needs nginx and openssl"]
fn with_one_group_only() {
    let world = World::new();
    let pair = world.pair("site", &[HOST]);
    let extra = six_and(EXTRA);
    let curves = ["secp521r1", "X448"].map(|curve| format!("ssl_ecdh_curve {curve};"));
    let sites = [(&extra, &curves[0]), (&extra, &curves[1])];
    let sites = sites.map(|(ciphers, curve)| Site { more: curve, ..Site::new(&pair, ciphers) });
    let _nginx = Nginx::start(world.root(), &sites);
    for site in &sites {
        let audited = audit(&site.url(), &["--ca", world.ca()]);
        // rustls and our CBC suites have neither group: what the server chose is what is known, and no handshake shows that a suite can be used.
        audited.assert(site.more, &FOUND.leaving(&["suites.one_of"]));
        assert_eq!(audited.accepted(Some(HOST)), truth::of(&extra, &[Version::Tls12]), "{}", site.more);
    }
    // TLS 1.3 asks the client to come again with the group.
    let tls13 = ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"];
    let args = ["-tls1_3", "-groups", "P-521", "-ciphersuites", &tls13.join(":")];
    let server = SServer::start(world.root(), &pair, &args);
    let audited = audit(&server.url(), &["--ca", world.ca()]);
    let suites: BTreeSet<_> =
        audited.accepted(Some(HOST)).iter().map(|(version, suite, _)| (*version, *suite)).collect();
    assert_eq!(suites, tls13.iter().map(|suite| (Version::Tls13, suite.parse().unwrap())).collect());
    for group in ["brainpoolP512r1", "secp256k1"] {
        let args = ["-tls1_2", "-groups", group, "-cipher", &extra];
        let server = SServer::start(world.root(), &pair, &args);
        let audited = audit(&server.url(), &["--ca", world.ca()]);
        audited.assert(group, &FOUND.leaving(&["suites.one_of"]));
        assert_eq!(audited.accepted(Some(HOST)), truth::of(&extra, &[Version::Tls12]), "{group}");
    }
}

/// An Ed25519 certificate that has expired, beside good ones of both usual kinds: only a client that offers its scheme alone is shown it.
#[test]
#[ignore = "needs nginx and openssl"]
fn a_third_certificate() {
    let world = World::new();
    let mut identities = world.pair("site", &[HOST]).to_vec();
    // In the older form of PKCS#8, which OpenSSL reads.
    openssl(world.root(), &["genpkey", "-algorithm", "ed25519", "-out", "ed25519.pem"]);
    let key = std::fs::read_to_string(world.root().join("ed25519.pem")).unwrap();
    let key = rcgen::KeyPair::from_pem(&key).unwrap();
    let expired = |params: &mut rcgen::CertificateParams| (params.not_before, params.not_after) = (days(-30), days(-2));
    identities.push(world.authority.issue_for("third", key, &[HOST], expired));
    let (six, tls13) = (SIX.join(":"), "TLSv1.3");
    let sites = [Site::new(&identities, &six), Site { protocols: tls13, ..Site::new(&identities, &six) }];
    let _nginx = Nginx::start(world.root(), &sites);
    for site in &sites {
        let audited = audit(&site.url(), &["--ca", world.ca()]);
        let found = &audited.document.certificates;
        assert!(found.iter().any(|one| one.key.contains("Ed25519") && one.days_left < 0), "{}", audited.told());
        assert_eq!(audited.outcome("validity"), FindingOutcome::Fail, "{}", audited.told());
    }
}

/// Something in front of the server refuses hellos that offer what no client should, or too much.
#[test]
#[ignore = "needs openssl"]
fn behind_a_filter_of_hellos() {
    let world = World::new();
    let pair = world.pair("site", &[HOST]);
    let args = [
        "-cipher",
        "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-SHA:AES128-SHA:@SECLEVEL=0",
        "-min_protocol",
        "TLSv1",
    ];
    let server = SServer::start(world.root(), &pair, &args);
    let port = server.port;
    // NULL, RC4 and anonymous suites; any that is older than AES; more than twenty.
    type Filter = fn(&Hello) -> bool;
    let filters: [(&str, Filter); 3] = [
        ("bad suites", |hello| {
            [0x0002, 0x003b, 0x0004, 0x0005, 0x001b, 0x0034, 0xc006].iter().any(|code| hello.offers(*code))
        }),
        ("old suites", |hello| hello.suites.iter().any(|code| *code < 0x002f)),
        ("many suites", |hello| hello.suites.len() > 20),
    ];
    for (what, refuses) in filters {
        let proxy = Proxy::start(port, move |hello| if refuses(hello) { Deed::Say(alert(40)) } else { Deed::Forward });
        let audited = audit(&proxy.url(), &["--ca", world.ca()]);
        assert_eq!(audited.outcome("versions.lowest"), FindingOutcome::Fail, "{what}: {}", audited.told());
        assert_eq!(audited.outcome("suites.one_of"), FindingOutcome::Pass, "{what}: {}", audited.told());
        assert_eq!(audited.outcome("suites.none_outside"), FindingOutcome::Fail, "{what}: {}", audited.told());
        for suite in ["TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"] {
            assert!(audited.told().contains(suite), "{what}: {suite}: {}", audited.told());
        }
    }
}

#[test]
#[ignore = "needs nginx, haproxy and openssl"]
fn under_a_name_that_the_certificate_has() {
    let world = World::new();
    let (pair, six, extra) = (world.pair("site", &[HOST, SECOND]), SIX.join(":"), six_and(EXTRA));
    let first = Site::new(&pair, &six);
    let second = Site { port: first.port, name: SECOND, ..Site::new(&pair, &extra) };
    // haproxy has the suites of each certificate in a list.
    write_certificates(world.root(), "site.pem", &pair);
    let list = format!("site.pem [ciphers {extra}] {SECOND}\nsite.pem [ciphers {six}] {HOST}\n");
    std::fs::write(world.root().join("list"), list).unwrap();
    let bind = Bind::with(&format!("ssl crt-list list ssl-max-ver TLSv1.2 ciphers {six}"));
    let (nginx_url, haproxy_url) = (first.url(), bind.url());
    let _nginx = Nginx::start(world.root(), &[first, second]);
    let _haproxy = Haproxy::start(world.root(), &[bind]);
    for url in [&nginx_url, &haproxy_url] {
        let audited = audit(url, &["--ca", world.ca()]);
        audited.assert(url, &FOUND);
        assert_eq!(audited.accepted(Some(HOST)), truth::of(&six, &[Version::Tls12]), "{url}");
        assert_eq!(audited.accepted(Some(SECOND)), truth::of(&extra, &[Version::Tls12]), "{url}");
    }
}

#[test]
#[ignore = "needs nginx and openssl"]
fn under_a_name_that_only_the_user_knows() {
    let world = World::new();
    let (pair, other, six, extra) =
        (world.pair("site", &[HOST]), world.pair("other", &[SECOND]), SIX.join(":"), six_and(EXTRA));
    let first = Site::new(&pair, &six);
    let second = Site { port: first.port, name: SECOND, ..Site::new(&other, &extra) };
    let url = first.url();
    let _nginx = Nginx::start(world.root(), &[first, second]);
    audit(&url, &["--ca", world.ca()]).assert("without the name", &Expected::PASS);
    let audited = audit(&url, &["--ca", world.ca(), "--also-sni", SECOND]);
    audited.assert("with the name", &FOUND);
    assert_eq!(audited.accepted(Some(SECOND)), truth::of(&extra, &[Version::Tls12]));
}

#[test]
#[ignore = "needs nginx and openssl"]
fn without_a_name() {
    let world = World::new();
    let (pair, six, extra) = (world.pair("site", &[HOST]), SIX.join(":"), six_and(EXTRA));
    // The first server block is the one for those who send no name.
    let default = Site { name: "_", ..Site::new(&pair, &extra) };
    let named = Site { port: default.port, ..Site::new(&pair, &six) };
    let url = named.url();
    let _nginx = Nginx::start(world.root(), &[default, named]);
    let audited = audit(&url, &["--ca", world.ca()]);
    audited.assert("without SNI", &FOUND);
    assert_eq!(audited.accepted(Some(HOST)), truth::of(&six, &[Version::Tls12]));
    assert_eq!(audited.accepted(None), truth::of(&extra, &[Version::Tls12]));
}

/// Servers for several hosts refuse those who name none of them, which is no trouble.
#[test]
#[ignore = "needs nginx and openssl"]
fn a_server_may_refuse_whoever_does_not_name_it() {
    let world = World::new();
    let (pair, six) = (world.pair("site", &[HOST]), SIX.join(":"));
    let default = Site { name: "_", more: "ssl_reject_handshake on;", ..Site::new(&pair, &six) };
    let named = Site { port: default.port, ..Site::new(&pair, &six) };
    let url = named.url();
    let _nginx = Nginx::start(world.root(), &[default, named]);
    let audited = audit(&url, &["--ca", world.ca()]);
    audited.assert("refused without SNI", &Expected::PASS);
    assert!(audited.accepted(None).is_empty(), "{:?}", audited.document.accepted);
}

/// A name with several addresses, which exists nowhere else.
const SEVERAL: &str = "several.test";

#[test]
#[ignore = "needs nginx, openssl and unshare"]
fn at_a_second_address() {
    let world = World::new();
    let (pair, six, extra) = (world.pair("site", &[SEVERAL]), SIX.join(":"), six_and(EXTRA));
    for second in ["127.0.0.2", "::1"] {
        let good = Site { name: SEVERAL, ..Site::new(&pair, &six) };
        let bad = Site { port: good.port, name: SEVERAL, ..Site::new(&pair, &extra) };
        let at = if second.contains(':') { format!("[{second}]") } else { second.to_owned() };
        let _nginx = Nginx::at(world.root(), &[("127.0.0.1", &good), (&at, &bad)]);
        let hosts = Hosts::new(SEVERAL, &["127.0.0.1", second]);
        let url = format!("https://{SEVERAL}:{}/", good.port);
        let audited = audit_by(hosts.command(BINARY), &url, &["--ca", world.ca()]);
        audited.assert(second, &FOUND);
        let where_found: Vec<_> =
            audited.document.accepted.iter().filter(|a| a.suite.openssl() == Some(EXTRA)).collect();
        let expected = format!("{at}:{}", good.port);
        assert!(where_found.iter().all(|accepted| accepted.address == expected), "{where_found:?}");
        assert!(audited.document.target.addresses.contains(&expected), "{:?}", audited.document.target);
    }
}

#[test]
#[ignore = "needs nginx and unshare"]
fn an_address_that_does_not_answer_is_not_passed_over() {
    let world = World::new();
    let (pair, six) = (world.pair("site", &[SEVERAL]), SIX.join(":"));
    let site = Site { port: free_port(), name: SEVERAL, ..Site::new(&pair, &six) };
    let _nginx = Nginx::start(world.root(), std::slice::from_ref(&site));
    let hosts = Hosts::new(SEVERAL, &["127.0.0.1", "127.0.0.2"]);
    let url = format!("https://{SEVERAL}:{}/", site.port);
    let audited = audit_by(hosts.command(BINARY), &url, &["--ca", world.ca(), "--budget", "15s"]);
    assert_eq!(audited.code, 3, "{}", audited.told());
    assert!(audited.told().contains("127.0.0.2"), "{}", audited.told());
}
