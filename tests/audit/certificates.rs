//! Certificates: their time, their chain, their root, of each kind that a server has.

use std::fs;

use rcgen::{CertificateParams, KeyPair};
use shakedown::model::suite::KeyType;
use shakedown::record::audit::FindingOutcome;

use super::command::{Expected, audit};
use super::common::identity::{Authority, Identity};
use super::nginx::{Nginx, Site};
use super::truth::SIX;
use super::world::{HOST, World, days, issue};

/// `identity` with these certificates after its own, in the file that a server sends.
fn chained(identity: &Identity, file: &str, more: &[&Authority]) -> Identity {
    let mut pem = fs::read_to_string(&identity.cert).unwrap();
    pem.extend(more.iter().map(|authority| fs::read_to_string(&authority.cert).unwrap()));
    let cert = identity.cert.with_file_name(format!("{file}.chain.pem"));
    fs::write(&cert, pem).unwrap();
    Identity { cert, key: identity.key.clone() }
}

/// A self-signed certificate for [`HOST`].
fn self_signed(world: &World) -> Identity {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    params.distinguished_name = super::world::common_name(Some(HOST));
    (params.not_before, params.not_after) = (days(-30), days(70));
    let identity = Identity { cert: world.root().join("self.pem"), key: world.root().join("self.key.pem") };
    fs::write(&identity.cert, params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(&identity.key, key.serialize_pem()).unwrap();
    identity
}

/// What is not valid now leads to no root now.
const EXPIRED: &[&str] = &["validity"];
const ROOTS: &[&str] = &["roots"];

#[test]
#[ignore = "needs nginx"]
fn each_fault_is_the_one_that_is_told() {
    let (world, six) = (World::new(), SIX.join(":"));
    let middle = world.authority.subordinate("middle", |_| {});
    let below = middle.subordinate("below", |_| {});
    let late =
        world.authority.subordinate("late", |params| (params.not_before, params.not_after) = (days(-90), days(-1)));
    let leaf = |authority: &Authority, file: &str| issue(authority, file, KeyType::Ecdsa, &[HOST], |_| {});
    let valid = |file: &str, from: i64, to: i64| {
        world.issue(file, |params| (params.not_before, params.not_after) = (days(from), days(to)))
    };
    let (under_middle, under_below) = (leaf(&middle, "under-middle"), leaf(&below, "under-below"));
    let pinned = self_signed(&world);
    let pin = pinned.cert.display().to_string();
    let ca = Some(world.ca());
    let [rsa, _] = world.pair("mixed", &[HOST]);
    let rows: Vec<(&str, Vec<Identity>, Option<&str>, Expected<'_>)> = vec![
        ("good", vec![valid("good", -1, 40)], ca, Expected::PASS),
        ("expired", vec![valid("expired", -90, -1)], ca, Expected::broken(EXPIRED)),
        ("not yet valid", vec![valid("early", 1, 90)], ca, Expected::broken(EXPIRED)),
        ("the second expired", vec![rsa, valid("expired2", -90, -1)], ca, Expected::broken(EXPIRED)),
        ("through an intermediate", vec![chained(&under_middle, "whole", &[&middle])], ca, Expected::PASS),
        ("through two", vec![chained(&under_below, "both", &[&below, &middle])], ca, Expected::PASS),
        ("with the root", vec![chained(&under_middle, "root", &[&middle, &world.authority])], ca, Expected::PASS),
        (
            "an expired intermediate",
            vec![chained(&leaf(&late, "late-leaf"), "late", &[&late])],
            ca,
            Expected::broken(EXPIRED),
        ),
        ("self-signed", vec![pinned.clone()], None, Expected::broken(ROOTS)),
        ("self-signed and pinned", vec![pinned.clone()], Some(&pin), Expected::PASS),
        ("self-signed, another pinned", vec![pinned], ca, Expected::broken(ROOTS)),
    ];
    let sites: Vec<_> = rows.iter().map(|row| Site::new(&row.1, &six)).collect();
    let _nginx = Nginx::start(world.root(), &sites);
    for ((what, _, ca, expected), site) in rows.iter().zip(&sites) {
        let trust = ca.map_or_else(Vec::new, |ca| vec!["--ca", ca]);
        audit(&site.url(), &trust).assert(what, expected);
    }
}

/// An issuer that was not sent and is no trusted root may be a missing intermediate or an unknown root: there is no path in either case.
#[test]
#[ignore = "needs nginx"]
fn without_a_path_to_a_root_nothing_passes() {
    let (world, six) = (World::new(), SIX.join(":"));
    let stranger = Authority::new(world.root(), "stranger");
    let middle = world.authority.subordinate("middle", |_| {});
    let below = middle.subordinate("below", |_| {});
    let leaf = |authority: &Authority, file: &str| issue(authority, file, KeyType::Ecdsa, &[HOST], |_| {});
    let (under_middle, under_below) = (leaf(&middle, "under-middle"), leaf(&below, "under-below"));
    let ca = Some(world.ca());
    let rows = [
        ("a missing intermediate", under_middle.clone(), ca),
        ("one of two missing", chained(&under_below, "gap", &[&below]), ca),
        ("the wrong intermediate", chained(&under_middle, "wrong", &[&below]), ca),
        ("an unknown root", leaf(&stranger, "strange"), ca),
        ("unknown to Mozilla", leaf(&world.authority, "private"), None),
    ];
    let identities = rows.each_ref().map(|row| [row.1.clone()]);
    let sites = identities.each_ref().map(|identity| Site::new(identity, &six));
    let _nginx = Nginx::start(world.root(), &sites);
    for ((what, _, ca), site) in rows.iter().zip(&sites) {
        let trust = ca.map_or_else(Vec::new, |ca| vec!["--ca", ca]);
        let audited = audit(&site.url(), &trust);
        assert_eq!((audited.code, audited.outcome("roots")), (1, FindingOutcome::Fail), "{what}: {}", audited.told());
    }
}

/// TLS up to 1.2 demands the order (RFC 5246, 7.4.2), and there are clients that rely on it.
#[test]
#[ignore = "needs nginx"]
fn a_chain_in_the_wrong_order_is_told() {
    let (world, six) = (World::new(), SIX.join(":"));
    let middle = world.authority.subordinate("middle", |_| {});
    let below = middle.subordinate("below", |_| {});
    let leaf = issue(&below, "leaf", KeyType::Ecdsa, &[HOST], |_| {});
    let identity = [chained(&leaf, "disorder", &[&middle, &below])];
    let site = Site::new(&identity, &six);
    let _nginx = Nginx::start(world.root(), std::slice::from_ref(&site));
    let audited = audit(&site.url(), &["--ca", world.ca()]);
    let outcome = audited.outcome("chain");
    assert!(matches!(outcome, FindingOutcome::Fail | FindingOutcome::Warn), "{}", audited.told());
    assert!(audited.findings("chain").iter().any(|finding| finding.observed.contains("order")), "{}", audited.told());
}

#[test]
#[ignore = "needs nginx"]
fn the_document_holds_the_certificates_that_were_sent() {
    let (world, six) = (World::new(), SIX.join(":"));
    let pair = world.pair("site", &[HOST, "second.test"]);
    let site = Site::new(&pair, &six);
    let _nginx = Nginx::start(world.root(), std::slice::from_ref(&site));
    let audited = audit(&site.url(), &["--ca", world.ca()]);
    let certificates = &audited.document.certificates;
    let kinds: Vec<_> = certificates.iter().filter_map(|certificate| certificate.key_type).collect();
    assert!(kinds.len() == 2 && kinds.contains(&KeyType::Rsa) && kinds.contains(&KeyType::Ecdsa), "{certificates:?}");
    for certificate in certificates {
        assert_eq!(certificate.names, [HOST, "second.test"]);
        assert_eq!(certificate.common_names, [HOST]);
        assert!((69..=70).contains(&certificate.days_left), "{}", certificate.days_left);
        assert_eq!(certificate.chain.len(), 1, "{certificate:?}");
    }
}
