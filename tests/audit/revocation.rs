//! Revocation: by lists, by stapled responses, and what neither can tell.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::SerialNumber;
use shakedown::model::suite::KeyType;
use shakedown::record::audit::FindingOutcome;
use time::{Duration, OffsetDateTime};

use super::command::{Audited, audit};
use super::common::identity::{Authority, Identity};
use super::nginx::{Nginx, Site};
use super::openssl::openssl;
use super::proxy::{Deed, Proxy};
use super::truth::SIX;
use super::world::{HOST, World, issue};

/// The serial numbers of the leaf and of the intermediate.
const LEAF: u64 = 0x1234_5678;
const MIDDLE: u64 = 0x2345_6789;

const GOOD: &[FindingOutcome] = &[FindingOutcome::Pass];
const UNASKED: &[FindingOutcome] = &[FindingOutcome::NotAsked];
const UNTOLD: &[FindingOutcome] = &[FindingOutcome::Inconclusive];
const REVOKED: &[FindingOutcome] = &[FindingOutcome::Fail];
const REVOKED_OR_UNTOLD: &[FindingOutcome] = &[FindingOutcome::Fail, FindingOutcome::Inconclusive];
/// One certificate is good and nothing is known of the other: the verdict's line names it.
const HALF: &[FindingOutcome] = UNASKED;
/// What is there says nothing of this certificate: it may be the same as if nothing were there, but it is no answer.
const NO_ANSWER: &[FindingOutcome] = &[FindingOutcome::NotAsked, FindingOutcome::Inconclusive];

/// An authority, one below it, and the certificate of a server.
struct Chain {
    world: World,
    middle: Authority,
    leaf: Identity,
    /// The leaf with the intermediate.
    sent: Identity,
}

impl Chain {
    fn new() -> Self {
        let world = World::new();
        let middle =
            world.authority.subordinate("middle", |params| params.serial_number = Some(SerialNumber::from(MIDDLE)));
        let leaf = issue(&middle, "leaf", KeyType::Ecdsa, &[HOST], |params| {
            params.serial_number = Some(SerialNumber::from(LEAF));
        });
        let whole = [&leaf.cert, &middle.cert].map(|path| fs::read_to_string(path).unwrap()).concat();
        let sent = Identity { cert: world.root().join("sent.pem"), key: leaf.key.clone() };
        fs::write(&sent.cert, whole).unwrap();
        Self { world, middle, leaf, sent }
    }
}

/// That revocation came out as one of `outcomes`, and that the audit ended accordingly, nothing else being wrong.
fn assert_revocation(what: &str, audited: &Audited, outcomes: &[FindingOutcome]) {
    let outcome = audited.outcome("revocation");
    assert!(outcomes.contains(&outcome), "{what}: expected {outcomes:?}: {}", audited.told());
    let code = match outcome {
        FindingOutcome::Fail => 1,
        FindingOutcome::Inconclusive => 3,
        _ => 0,
    };
    assert_eq!(audited.code, code, "{what}: {}", audited.told());
    if outcome == FindingOutcome::NotAsked {
        assert!(audited.document.verdict.contains("revocation"), "{what}: {}", audited.document.verdict);
    }
}

#[test]
#[ignore = "needs nginx"]
fn by_lists() {
    let chain = Chain::new();
    let (world, middle, six) = (&chain.world, &chain.middle, SIX.join(":"));
    let site = Site::new(std::slice::from_ref(&chain.sent), &six);
    let _nginx = Nginx::start(world.root(), std::slice::from_ref(&site));
    let (fresh, stale) = (Duration::hours(20), Duration::hours(-2));
    // Another authority of the same name, which has no say.
    let other = tempfile::tempdir().unwrap();
    let forger = Authority::new(other.path(), "middle");
    let of_leaf = middle.revoke("leaf-good", &[1, 2], fresh);
    let of_middle = world.authority.revoke("middle-good", &[1, 2], fresh);
    let leaf_revoked = middle.revoke("leaf-revoked", &[1, LEAF], fresh);
    let middle_revoked = world.authority.revoke("middle-revoked", &[MIDDLE], fresh);
    // A number in the list of another issuer is another certificate.
    let confused = world.authority.revoke("confused", &[LEAF], fresh);
    let old = middle.revoke("stale", &[1], stale);
    let old_revoked = middle.revoke("stale-revoked", &[LEAF], stale);
    let forged = forger.revoke("forged", &[1], fresh);
    let elsewhere = Authority::new(other.path(), "elsewhere").revoke("elsewhere", &[1], fresh);
    let rows: [(&str, &[&PathBuf], &[FindingOutcome]); 13] = [
        // What was asked for could not be done.
        ("only the list of another authority", &[&elsewhere], UNTOLD),
        ("no list", &[], UNASKED),
        ("both lists", &[&of_leaf, &of_middle], GOOD),
        ("a revoked leaf", &[&leaf_revoked, &of_middle], REVOKED),
        ("a revoked leaf, one list", &[&leaf_revoked], REVOKED),
        ("a revoked intermediate", &[&of_leaf, &middle_revoked], REVOKED),
        ("a revoked intermediate, one list", &[&middle_revoked], REVOKED),
        ("the list of the other issuer", &[&of_leaf, &confused], GOOD),
        ("only the list for the leaf", &[&of_leaf], HALF),
        ("only the list for the intermediate", &[&of_middle], HALF),
        ("a stale list", &[&old, &of_middle], UNTOLD),
        ("stale, and revoked even then", &[&old_revoked, &of_middle], REVOKED_OR_UNTOLD),
        ("a forged list", &[&forged, &of_middle], NO_ANSWER),
    ];
    for (what, lists, outcomes) in &rows {
        let lists = lists.iter().map(|list| list.display().to_string()).collect::<Vec<_>>().join(",");
        let mut args = vec!["--ca", world.ca()];
        if !lists.is_empty() {
            args.extend(["--crl", &lists]);
        }
        assert_revocation(what, &audit(&site.url(), &args), outcomes);
    }
}

/// What a response says of the leaf.
struct Status<'a> {
    file: &'a str,
    /// `V`, or `R` and since when.
    index: String,
    signer: &'a Authority,
    days: &'a str,
}

/// An OCSP response, made by OpenSSL's responder from its index of certificates.
fn response(root: &Path, chain: &Chain, status: &Status<'_>, certificate: &Identity) -> PathBuf {
    let name = |kind: &str| format!("{}.{kind}", status.file);
    fs::write(root.join(name("index")), &status.index).unwrap();
    let path = |path: &Path| path.display().to_string();
    let (issuer, leaf) = (path(&chain.middle.cert), path(&certificate.cert));
    let request = ["ocsp", "-no_nonce", "-issuer", &issuer, "-cert", &leaf, "-reqout"];
    openssl(root, &[&request[..], &[&name("request")]].concat());
    let (signer, key) = (path(&status.signer.cert), path(&status.signer.key()));
    let answer = ["ocsp", "-index", &name("index"), "-CA", &issuer, "-rsigner", &signer, "-rkey", &key];
    let times = ["-ndays", status.days, "-reqin", &name("request"), "-respout", &name("ocsp")];
    openssl(root, &[&answer[..], &times].concat());
    root.join(name("ocsp"))
}

/// A line of the index (openssl-ca): status, expiry, when revoked, serial number, file, subject.
fn index(revoked: bool, serial: u64) -> String {
    let stamp = |at: OffsetDateTime| format!("{:02}{:02}{:02}000000Z", at.year() % 100, u8::from(at.month()), at.day());
    let now = OffsetDateTime::now_utc();
    let (expiry, since) = (stamp(now + Duration::days(70)), stamp(now - Duration::days(5)));
    let (flag, since) = if revoked { ("R", format!("{since},keyCompromise")) } else { ("V", String::new()) };
    format!("{flag}\t{expiry}\t{since}\t{serial:08X}\tunknown\t/CN={HOST}\n")
}

#[test]
#[ignore = "needs nginx and openssl"]
fn by_staples() {
    let chain = Chain::new();
    let (world, root, six) = (&chain.world, chain.world.root(), SIX.join(":"));
    let stranger = Authority::new(root, "stranger");
    let twin = issue(&chain.middle, "twin", KeyType::Ecdsa, &[HOST], |params| {
        params.serial_number = Some(SerialNumber::from(LEAF + 1));
    });
    let status = |file, revoked, signer, days| Status { file, index: index(revoked, LEAF), signer, days };
    let make = |status: Status<'_>| response(root, &chain, &status, &chain.leaf);
    let of_twin = Status { file: "twin", index: index(false, LEAF + 1), signer: &chain.middle, days: "7" };
    // What a responder says that is too busy (RFC 6960, 4.2.1).
    let try_later = root.join("later.ocsp");
    fs::write(&try_later, [0x30, 3, 0x0a, 1, 3]).unwrap();
    let rows = [
        ("good", make(status("good", false, &chain.middle, "7")), GOOD),
        ("revoked", make(status("revoked", true, &chain.middle, "7")), REVOKED),
        ("signed by a stranger", make(status("strange", false, &stranger, "7")), NO_ANSWER),
        ("of another certificate", response(root, &chain, &of_twin, &twin), NO_ANSWER),
        (
            "unknown to the responder",
            make(Status { index: index(false, 7), ..status("unknown", false, &chain.middle, "7") }),
            NO_ANSWER,
        ),
        ("try later", try_later, NO_ANSWER),
    ];
    let staples = rows.each_ref().map(|row| format!("ssl_stapling on; ssl_stapling_file {};", row.1.display()));
    let sites: Vec<_> =
        staples.iter().map(|more| Site { more, ..Site::new(std::slice::from_ref(&chain.sent), &six) }).collect();
    let _nginx = Nginx::start(root, &sites);
    // With the intermediate known to be good the staple is all that decides.
    let of_middle = world.authority.revoke("middle-good", &[1], Duration::hours(20)).display().to_string();
    for ((what, _, outcomes), site) in rows.iter().zip(&sites) {
        let audited = audit(&site.url(), &["--ca", world.ca(), "--crl", &of_middle]);
        assert_revocation(what, &audited, outcomes);
        assert!(audited.document.certificates.iter().all(|c| !c.staple.is_empty()), "{what}");
    }
    let revoked = audit(&sites[1].url(), &["--ca", world.ca()]);
    assert_revocation("revoked, no list", &revoked, REVOKED);
}

#[test]
#[ignore = "needs nginx and openssl"]
fn by_a_staple_that_is_sent_elsewhere_or_now_and_then() {
    let chain = Chain::new();
    let (world, root, six) = (&chain.world, chain.world.root(), SIX.join(":"));
    let make = |file, revoked| {
        let status = Status { file, index: index(revoked, LEAF), signer: &chain.middle, days: "7" };
        format!("ssl_stapling on; ssl_stapling_file {};", response(root, &chain, &status, &chain.leaf).display())
    };
    let (good, revoked) = (make("good", false), make("revoked", true));
    let own = std::slice::from_ref(&chain.sent);
    // The first of a port is what a client without a name gets.
    let nameless = Site { name: "other.test", more: &revoked, ..Site::new(own, &six) };
    let named = Site { port: nameless.port, more: &good, ..Site::new(own, &six) };
    let (one, other) = (Site { more: &good, ..Site::new(own, &six) }, Site { more: &revoked, ..Site::new(own, &six) });
    let (by_name, ports) = (named.url(), (one.port, other.port));
    let _nginx = Nginx::start(root, &[nameless, named, one, other]);
    let of_middle = world.authority.revoke("middle-good", &[1], Duration::hours(20)).display().to_string();
    // Two servers behind one address, of which every seventh connection meets the second.
    let proxy =
        Proxy::start(ports.0, move |hello| if hello.nth % 7 == 3 { Deed::ForwardTo(ports.1) } else { Deed::Forward });
    for (what, url) in [("where no name is sent", by_name), ("now and then", proxy.url())] {
        let audited = audit(&url, &["--ca", world.ca(), "--crl", &of_middle]);
        assert_revocation(what, &audited, REVOKED);
    }
}
