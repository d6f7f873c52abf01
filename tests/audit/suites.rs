//! Which suites a server has: exactly the policy's, one of them, none, or one more, which must be found by its name.

use std::collections::BTreeSet;

use shakedown::model::suite::KeyType;
use shakedown::model::survey::Version;

use super::command::{Audited, Expected, audit};
use super::haproxy::{Bind, Haproxy, write_certificates};
use super::nginx::{Nginx, Site};
use super::openssl::{Everything, SServer};
use super::truth::{self, SIX, Spoken, six_and};
use super::world::{HOST, World};

/// Cipher strings, and how the audit of a server with them ends.
struct Row {
    ciphers: String,
    expected: Expected<'static>,
}

const OUTSIDE: &[&str] = &["suites.none_outside"];
const NEITHER: &[&str] = &["suites.none_outside", "suites.one_of"];

/// The six; each alone; none; the six and one of `more`, which comes with its IANA name.
fn rows(more: &[(&'static str, &'static [(&'static str, &'static str)])]) -> Vec<Row> {
    let mut rows = vec![
        Row { ciphers: SIX.join(":"), expected: Expected::PASS },
        Row {
            ciphers: "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384".to_owned(),
            expected: Expected::broken(NEITHER).saying(&[
                ("suites.none_outside", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
                ("suites.none_outside", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
            ]),
        },
    ];
    rows.extend(SIX.map(|suite| Row { ciphers: suite.to_owned(), expected: Expected::PASS }));
    let extra = |&(suite, words): &(&str, &'static [(&'static str, &'static str)])| Row {
        ciphers: six_and(suite),
        expected: Expected::broken(OUTSIDE).saying(words),
    };
    rows.extend(more.iter().map(extra));
    rows
}

/// Suites that no server should have, one of each kind; all need what nginx and haproxy have anyway.
const EXTRA: [(&str, &[(&str, &str)]); 11] = [
    ("ECDHE-RSA-AES256-GCM-SHA384", &[("suites.none_outside", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")]),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", &[("suites.none_outside", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")]),
    ("ECDHE-RSA-AES128-SHA", &[("suites.none_outside", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")]),
    ("AES128-SHA", &[("suites.none_outside", "TLS_RSA_WITH_AES_128_CBC_SHA")]),
    ("AES128-GCM-SHA256", &[("suites.none_outside", "TLS_RSA_WITH_AES_128_GCM_SHA256")]),
    ("ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0", &[("suites.none_outside", "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8")]),
    ("AES256-CCM8:@SECLEVEL=0", &[("suites.none_outside", "TLS_RSA_WITH_AES_256_CCM_8")]),
    ("ECDHE-RSA-CAMELLIA128-SHA256", &[("suites.none_outside", "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256")]),
    ("ECDHE-ECDSA-ARIA256-GCM-SHA384", &[("suites.none_outside", "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384")]),
    ("AECDH-AES128-SHA:@SECLEVEL=0", &[("suites.none_outside", "TLS_ECDH_anon_WITH_AES_128_CBC_SHA")]),
    ("NULL-SHA256:@SECLEVEL=0", &[("suites.none_outside", "TLS_RSA_WITH_NULL_SHA256")]),
];

/// That the audit ended as it should, and that it saw exactly what the server accepts by its name.
fn assert_row(server: &str, row: &Row, audited: &Audited, truth: &BTreeSet<Spoken>) {
    let what = format!("{server} with {}", row.ciphers);
    audited.assert(&what, &row.expected);
    assert_eq!(&audited.accepted(Some(HOST)), truth, "{what}");
}

fn truth_of(row: &Row) -> BTreeSet<Spoken> {
    truth::vouched_for(&row.ciphers, &[Version::Tls12], &["RSA", "ECDSA", "None"])
}

#[test]
#[ignore = "needs nginx and openssl"]
fn nginx_is_seen_as_it_is_configured() {
    let world = World::new();
    let pair = world.pair("site", &[HOST]);
    let rows = rows(&EXTRA);
    let sites: Vec<_> = rows.iter().map(|row| Site::new(&pair, &row.ciphers)).collect();
    let _nginx = Nginx::start(world.root(), &sites);
    for (row, site) in rows.iter().zip(&sites) {
        let (audited, truth) = (audit(&site.url(), &["--ca", world.ca()]), truth_of(row));
        assert_row("nginx", row, &audited, &truth);
        assert_eq!(audited.accepted(None), truth, "nginx with {}, without SNI", row.ciphers);
    }
}

#[test]
#[ignore = "needs haproxy and openssl"]
fn haproxy_is_seen_as_it_is_configured() {
    let world = World::new();
    write_certificates(world.root(), "site.pem", &world.pair("site", &[HOST]));
    let diffie_hellman: (&str, &[(&str, &str)]) =
        ("DHE-RSA-AES128-GCM-SHA256", &[("suites.none_outside", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256")]);
    let rows = rows(&[&EXTRA[..], &[diffie_hellman]].concat());
    let binds: Vec<_> = rows.iter().map(|row| Bind::new(&row.ciphers)).collect();
    let _haproxy = Haproxy::start(world.root(), &binds);
    for (row, bind) in rows.iter().zip(&binds) {
        let (audited, truth) = (audit(&bind.url(), &["--ca", world.ca()]), truth_of(row));
        assert_row("haproxy", row, &audited, &truth);
        // Whoever names no host meets the first certificate that was loaded, and never the other.
        let first = truth.iter().filter(|(_, _, key)| *key != Some(KeyType::Rsa)).copied().collect();
        assert_eq!(audited.accepted(None), first, "haproxy with {}, without SNI", row.ciphers);
    }
}

#[test]
#[ignore = "needs openssl"]
fn openssl_is_seen_as_it_is_configured() {
    let world = World::new();
    let pair = world.pair("site", &[HOST]);
    let diffie_hellman: (&str, &[(&str, &str)]) =
        ("DHE-RSA-AES256-SHA256", &[("suites.none_outside", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256")]);
    for row in rows(&[diffie_hellman, EXTRA[0], EXTRA[3]]) {
        let server = SServer::start(world.root(), &pair, &["-tls1_2", "-cipher", &row.ciphers]);
        assert_row("s_server", &row, &audit(&server.url(), &["--ca", world.ca()]), &truth_of(&row));
    }
}

#[test]
#[ignore = "needs openssl"]
fn suites_with_a_shared_key_are_found_though_nobody_here_has_the_key() {
    let world = World::new();
    let pair = world.pair("site", &[HOST]);
    for (suite, name, by) in [
        ("PSK-AES128-GCM-SHA256", "TLS_PSK_WITH_AES_128_GCM_SHA256", "PSK"),
        ("ECDHE-PSK-AES256-CBC-SHA384", "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384", "PSK"),
        ("RSA-PSK-CHACHA20-POLY1305", "TLS_RSA_PSK_WITH_CHACHA20_POLY1305_SHA256", "RSA"),
    ] {
        let ciphers = six_and(suite);
        let server = SServer::start(world.root(), &pair, &["-tls1_2", "-psk", "0102", "-cipher", &ciphers]);
        let audited = audit(&server.url(), &["--ca", world.ca()]);
        audited.assert(suite, &Expected::broken(OUTSIDE).saying(&[("suites.none_outside", name)]));
        let truth = truth::vouched_for(&ciphers, &[Version::Tls12], &["RSA", "ECDSA", by]);
        assert_eq!(audited.accepted(Some(HOST)), truth, "{suite}");
    }
}

/// Everything that the library has, weak as it may be, in each version that it can be made to speak.
#[test]
#[ignore = "needs openssl"]
fn nothing_that_openssl_can_speak_is_overlooked() {
    let world = World::new();
    let everything = Everything::new(world.root(), &world.pair("site", &[HOST]));
    let versions = [Version::Tls10, Version::Tls11, Version::Tls12];
    let truth = truth::vouched_for(Everything::CIPHERS, &versions, &["RSA", "ECDSA", "DSS", "PSK", "None"]);
    let server = SServer::start(world.root(), &everything.identities, &Everything::args());
    let audited = audit(&server.url(), &["--ca", world.ca()]);
    let accepted = audited.accepted(Some(HOST));
    let missed: Vec<_> = truth.difference(&accepted).collect();
    let invented: Vec<_> = accepted.difference(&truth).collect();
    assert!(missed.is_empty() && invented.is_empty(), "missed: {missed:?}\ninvented: {invented:?}\n{}", audited.told());
    assert_eq!(audited.code, 1, "{}", audited.told());
}
