//! Names in certificates: what a client may come under, and what is no match for it.

use rcgen::{CertificateParams, SanType};
use shakedown::model::suite::KeyType;
use shakedown::record::audit::FindingOutcome;

use super::command::{Expected, audit};
use super::common::identity::Identity;
use super::nginx::{Nginx, Site};
use super::truth::SIX;
use super::world::{World, common_name, issue};

/// A host, a certificate's common name and the names in subjectAltName, and how the audit ends.
struct Row {
    host: &'static str,
    common_name: Option<&'static str>,
    names: &'static [&'static str],
    expected: Expected<'static>,
}

const SAN: &[&str] = &["name.san"];
const CN: &[&str] = &["name.cn"];
const BOTH: &[&str] = &["name.cn", "name.san"];

const fn row(
    host: &'static str,
    common_name: Option<&'static str>,
    names: &'static [&'static str],
    broken: &'static [&'static str],
) -> Row {
    let expected = if broken.is_empty() { Expected::PASS } else { Expected::broken(broken) };
    Row { host, common_name, names, expected }
}

const ROWS: [Row; 15] = [
    row("api.example.test", Some("api.example.test"), &["api.example.test"], &[]),
    row("API.Example.TEST", Some("api.example.test"), &["api.example.test"], &[]),
    row("api.example.test", Some("api.example.test"), &["other.example.test", "api.example.test"], &[]),
    row("api.example.test", Some("*.example.test"), &["*.example.test"], &[]),
    row("a.b.example.test", Some("*.example.test"), &["*.example.test"], BOTH),
    row("example.test", Some("*.example.test"), &["*.example.test"], BOTH),
    row("api.example.test", Some("*.*.test"), &["*.*.test"], BOTH),
    row("api.example.test", Some("other.example.test"), &["other.example.test"], BOTH),
    row("notexample.test", Some("example.test"), &["example.test"], BOTH),
    row("api.example.test", Some("api.example.test"), &[], SAN),
    row("api.example.test", Some("api.example.test"), &["other.example.test"], SAN),
    row("api.example.test", Some("the endpoint"), &["api.example.test"], CN),
    // Without a common name the subjectAltName stands for it.
    row("api.example.test", None, &["api.example.test"], &[]),
    row("127.0.0.1", None, &["127.0.0.1"], &[]),
    row("127.0.0.1", None, &["localhost", "127.0.0.2"], BOTH),
];

/// The certificate of a row; an empty list of names leaves the extension out.
fn identity(world: &World, nth: usize, row: &Row) -> Identity {
    issue(&world.authority, &format!("names-{nth}"), KeyType::Ecdsa, row.names, |params: &mut CertificateParams| {
        params.distinguished_name = common_name(row.common_name);
    })
}

#[test]
#[ignore = "needs nginx"]
fn a_name_matches_or_does_not() {
    let (world, six) = (World::new(), SIX.join(":"));
    let identities: Vec<_> = ROWS.iter().enumerate().map(|(nth, row)| [identity(&world, nth, row)]).collect();
    let sites: Vec<_> = identities.iter().map(|identity| Site::new(identity, &six)).collect();
    let _nginx = Nginx::start(world.root(), &sites);
    for (row, site) in ROWS.iter().zip(&sites) {
        let what = format!("{} with CN {:?} and {:?}", row.host, row.common_name, row.names);
        let (url, to) = (format!("https://{}:{}/", row.host, site.port), format!("127.0.0.1:{}", site.port));
        let audited = audit(&url, &["--ca", world.ca(), "--connect-to", &to]);
        audited.assert(&what, &row.expected);
    }
}

#[test]
#[ignore = "needs nginx"]
fn only_musts_may_decide() {
    let (world, six) = (World::new(), SIX.join(":"));
    let identity = [world.issue("cn", |params| params.distinguished_name = common_name(Some("the endpoint")))];
    let site = Site::new(&identity, &six);
    let _nginx = Nginx::start(world.root(), std::slice::from_ref(&site));
    for (level, code) in [("should", 1), ("must", 0)] {
        let audited = audit(&site.url(), &["--ca", world.ca(), "--level", level]);
        assert_eq!(audited.code, code, "{level}: {}", audited.told());
        assert_eq!(audited.outcome("name.cn"), FindingOutcome::Fail, "{level}: {}", audited.told());
    }
}

#[test]
#[ignore = "needs nginx"]
fn an_address_is_no_dns_name() {
    let (world, six) = (World::new(), SIX.join(":"));
    // An address that is written as a DNS name, which some issuers did.
    let identity = [world.issue("ip-as-name", |params| {
        params.distinguished_name = common_name(None);
        params.subject_alt_names = vec![SanType::DnsName("127.0.0.1".try_into().unwrap())];
    })];
    let site = Site::new(&identity, &six);
    let _nginx = Nginx::start(world.root(), std::slice::from_ref(&site));
    let audited = audit(&format!("https://127.0.0.1:{}/", site.port), &["--ca", world.ca()]);
    assert_eq!(audited.outcome("name.san"), FindingOutcome::Fail, "{}", audited.told());
    assert_eq!(audited.code, 1);
}

#[test]
#[ignore = "needs nginx"]
fn the_name_given_as_sni_is_the_one_that_counts() {
    let (world, six) = (World::new(), SIX.join(":"));
    let identity = [issue(&world.authority, "sni", KeyType::Ecdsa, &["api.example.test"], |_| {})];
    let site = Site::new(&identity, &six);
    let _nginx = Nginx::start(world.root(), std::slice::from_ref(&site));
    let args = ["--ca", world.ca(), "--sni", "api.example.test"];
    audit(&site.url(), &args).assert("with --sni", &Expected::PASS);
    audit(&site.url(), &args[..2]).assert("without", &Expected::broken(BOTH));
}
