//! Revocation lists, held against how they were made, and against what webpki says of the same path.

use std::time::Duration;

use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use time::macros::datetime;
use webpki::{BorrowedCertRevocationList, EndEntityCert, Error, ExpirationPolicy, KeyUsage, RevocationOptionsBuilder};

use super::super::testing::{
    Authority, ECDSA_SHA256, HOST, Look, NOW, authority_params, below, generalized, issued, params, parts, pem, root,
    signed, tlv, trusting,
};
use super::*;

const MADE: OffsetDateTime = datetime!(2030-06-10 00:00 UTC);
const DUE: OffsetDateTime = datetime!(2030-06-20 00:00 UTC);
const REVOKED: OffsetDateTime = datetime!(2030-06-01 06:30 UTC);

/// A list that revokes these serial numbers for a compromised key, in force from [`MADE`] to [`DUE`].
fn list_params(serials: &[&[u8]]) -> CertificateRevocationListParams {
    let revoked = |serial: &&[u8]| RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial),
        revocation_time: REVOKED,
        reason_code: Some(RevocationReason::KeyCompromise),
        invalidity_date: Some(MADE),
    };
    CertificateRevocationListParams {
        this_update: MADE,
        next_update: DUE,
        crl_number: SerialNumber::from(7),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    }
}

fn list(issuer: &Authority, params: &CertificateRevocationListParams) -> Vec<Crl> {
    Crl::from_bytes(params.signed_by(issuer).unwrap().der()).unwrap()
}

/// A server with its chain, and what is asked of the lists.
struct World {
    root: Authority,
    middle: Authority,
    server: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let root = root("the root");
        let middle = below("the middle", &root);
        let server = issued(&params(&[HOST]), &middle);
        Self { root, middle, server }
    }

    /// What is said of the server's certificate and of the intermediate; webpki must agree on the path as a whole.
    fn statuses(&self, crls: &[Crl], now: OffsetDateTime) -> [CrlStatus; 2] {
        let sent = [&self.server[..], self.middle.der()];
        let found = Look { crls, now, ..Look::at(&sent, &trusting(&[self.root.der()])) }.inspect();
        let statuses = [0, 1].map(|at: usize| found.certificates[at].crl.clone());
        let good = |status: &CrlStatus| matches!(status, CrlStatus::NotRevoked { .. });
        let all_good = statuses.iter().all(good);
        let any_revoked = statuses.iter().any(|status| matches!(status, CrlStatus::Revoked(_)));
        match self.webpki(crls, now) {
            Ok(()) => assert!(all_good, "webpki says good: {statuses:?}"),
            Err(Error::CertRevoked) => assert!(any_revoked, "webpki says revoked: {statuses:?}"),
            Err(error) => assert!(!all_good, "webpki says {error}: {statuses:?}"),
        }
        statuses
    }

    fn webpki(&self, crls: &[Crl], now: OffsetDateTime) -> Result<(), Error> {
        let lists: Vec<_> = crls
            .iter()
            .map(|crl| BorrowedCertRevocationList::from_der(&crl.der).map(Into::into))
            .collect::<Result<_, _>>()?;
        let lists: Vec<_> = lists.iter().collect();
        let options = RevocationOptionsBuilder::new(&lists).map_err(|_| Error::UnknownRevocationStatus)?;
        let options = options.with_expiration_policy(ExpirationPolicy::Enforce).build();
        let server = CertificateDer::from(&self.server[..]);
        let middle = [self.middle.der().clone()];
        let moment = UnixTime::since_unix_epoch(Duration::from_secs(now.unix_timestamp() as u64));
        let roots = trusting(&[self.root.der()]);
        let (algorithms, usage) = (webpki::ALL_VERIFICATION_ALGS, KeyUsage::server_auth());
        let server = EndEntityCert::try_from(&server)?;
        server.verify_for_usage(algorithms, &roots.anchors, &middle, moment, usage, Some(options), None).map(|_| ())
    }
}

const GOOD: CrlStatus = CrlStatus::NotRevoked { this_update: MADE, next_update: DUE };
const NONE: CrlStatus = CrlStatus::Undecided(Undecided::NoList);

fn revoked() -> CrlStatus {
    CrlStatus::Revoked(Revocation { at: REVOKED, reason: Reason::read(&[1]) })
}

#[test]
fn each_certificate_has_its_own_answer() {
    let world = World::new();
    let (empty_middle, empty_root) = (list(&world.middle, &list_params(&[])), list(&world.root, &list_params(&[&[9]])));
    assert_eq!(world.statuses(&[], NOW), [NONE, NONE]);
    assert_eq!(world.statuses(&empty_middle, NOW), [GOOD, NONE]);
    assert_eq!(world.statuses(&empty_root, NOW), [NONE, GOOD]);
    let both = [empty_middle, empty_root].concat();
    assert_eq!(world.statuses(&both, NOW), [GOOD, GOOD]);
    assert_eq!(revoked().to_string(), "revoked on 2030-06-01 (keyCompromise)");

    let server = list(&world.middle, &list_params(&[&[1], &parts(&world.server).2]));
    assert_eq!(world.statuses(&[server.clone(), both.clone()].concat(), NOW), [revoked(), GOOD]);
    // webpki asks the first list only; here each is asked.
    let parsed = Parsed::read(0, &world.server).unwrap();
    assert_eq!(status(&[both.clone(), server].concat(), &parsed, issuer(&world).as_ref(), NOW), revoked());
    let middle = list(&world.root, &list_params(&[&parts(world.middle.der()).2]));
    assert_eq!(world.statuses(&[middle, both].concat(), NOW), [GOOD, revoked()]);
    // The same serial number, but of another issuer.
    let other = list(&world.root, &list_params(&[&parts(&world.server).2]));
    assert_eq!(world.statuses(&other, NOW), [NONE, GOOD]);
}

#[test]
fn a_root_is_on_no_list_and_a_revoked_certificate_is_found_without_a_path() {
    let world = World::new();
    let crls = list(&world.middle, &list_params(&[&parts(&world.server).2]));
    let sent = [&world.server[..], world.middle.der(), world.root.der()];
    let mozilla = super::super::Roots::mozilla();
    let found = Look { crls: &crls, ..Look::at(&sent, &mozilla) }.inspect();
    assert!(!found.path.is_trusted());
    let statuses: Vec<_> = found.certificates.iter().map(|cert| cert.crl.clone()).collect();
    assert_eq!(statuses, [revoked(), NONE, CrlStatus::Root]);
    // Without the intermediate, nothing is known that could have signed the list.
    let alone = Look { crls: &crls, ..Look::at(&[&world.server], &mozilla) }.inspect();
    assert_eq!(alone.leaf().crl, CrlStatus::Undecided(Undecided::IssuerUnknown));
}

#[test]
fn only_a_list_in_force_says_that_a_certificate_is_not_revoked() {
    let world = World::new();
    let good = list(&world.middle, &list_params(&[]));
    let bad = list(&world.middle, &list_params(&[&parts(&world.server).2]));
    let stale = CrlStatus::Undecided(Undecided::Stale { next_update: DUE });
    let early = CrlStatus::Undecided(Undecided::NotYet { this_update: MADE });
    let second = time::Duration::SECOND;
    for (now, expected) in [(MADE - second, early), (MADE, GOOD), (DUE - second, GOOD), (DUE, stale)] {
        assert_eq!(world.statuses(&good, now)[0], expected, "{now}");
        // What was revoked stays so, whether the list is in force or not.
        assert_eq!(world.statuses(&bad, now)[0], revoked(), "{now}");
    }
}

#[test]
fn a_list_by_anybody_else_says_nothing() {
    let world = World::new();
    let why = |crls: &[Crl]| world.statuses(crls, NOW)[0].clone();
    let twin = below("the middle", &world.root);
    let forged = list(&twin, &list_params(&[&parts(&world.server).2]));
    assert_eq!(why(&forged), CrlStatus::Undecided(Undecided::BadSignature));
    let stranger = list(&root("a stranger"), &list_params(&[&parts(&world.server).2]));
    assert_eq!(why(&stranger), NONE);
    // One good list beside them is enough, wherever it stands.
    let good = list(&world.middle, &list_params(&[]));
    assert_eq!(why(&[good.clone(), forged.clone()].concat()), GOOD);
    assert_eq!(
        status(&[forged, good].concat(), &Parsed::read(0, &world.server).unwrap(), issuer(&world).as_ref(), NOW),
        GOOD
    );

    let mut damaged = list_params(&[]).signed_by(&world.middle).unwrap().der().to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(why(&Crl::from_bytes(&damaged).unwrap()), CrlStatus::Undecided(Undecided::BadSignature));
}

/// The key of the intermediate, as the issuer of the server's certificate.
fn issuer(world: &World) -> Option<Issuer<'static>> {
    let (name, spki, _) = parts(world.middle.der());
    Some(Issuer { name: name.leak(), spki: spki.leak(), may_sign_crls: true })
}

#[test]
fn an_authority_that_may_not_sign_lists_says_nothing() {
    let mut params = authority_params("the middle");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let root = root("the root");
    let key = KeyPair::generate().unwrap();
    let for_lists =
        Authority::signed_by(params.clone(), KeyPair::from_pem(&key.serialize_pem()).unwrap(), &root).unwrap();
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let middle = Authority::signed_by(params, key, &root).unwrap();
    let server = issued(&super::super::testing::params(&[HOST]), &middle);
    let crls = list(&for_lists, &list_params(&[]));
    let world = World { root, middle, server };
    assert_eq!(world.statuses(&crls, NOW)[0], CrlStatus::Undecided(Undecided::NotPermitted));
    let world = World { middle: for_lists, ..world };
    assert_eq!(world.statuses(&crls, NOW)[0], GOOD);
}

#[test]
fn the_scope_of_a_list_is_kept() {
    let mut world = World::new();
    let scoped = |world: &World, uri: &str, scope| {
        let mut params = list_params(&[]);
        let distribution_point = CrlDistributionPoint { uris: vec![uri.to_owned()] };
        params.issuing_distribution_point = Some(CrlIssuingDistributionPoint { distribution_point, scope });
        list(&world.middle, &params)
    };
    let out = CrlStatus::Undecided(Undecided::OutOfScope);
    let (here, there) = ("http://crl.example/here", "http://crl.example/there");
    let mut with_points = params(&[HOST]);
    with_points.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![here.to_owned()] }];
    world.server = issued(&with_points, &world.middle);
    let facts = Look::at(&[&world.server], &trusting(&[world.root.der()])).inspect().leaf().facts.clone();
    assert_eq!(facts.crl_urls, [here]);
    for (uri, scope, expected) in [
        (here, None, &GOOD),
        (here, Some(CrlScope::UserCertsOnly), &GOOD),
        (here, Some(CrlScope::CaCertsOnly), &out),
        (there, None, &out),
    ] {
        assert_eq!(world.statuses(&scoped(&world, uri, scope), NOW)[0], *expected, "{uri}");
    }
    // A certificate without distribution points: a list from one point may be a part. webpki takes it for the whole.
    world.server = issued(&params(&[HOST]), &world.middle);
    let server = Parsed::read(0, &world.server).unwrap();
    assert_eq!(status(&scoped(&world, here, None), &server, issuer(&world).as_ref(), NOW), out);
}

/// A list made by hand: what stands before the issuer's name, after the times, and after the entries.
fn by_hand(issuer: &Authority, version: &[u8], next: &[u8], entries: &[u8], extensions: &[u8]) -> Vec<u8> {
    let name = tlv(0x30, &[&parts(issuer.der()).0]);
    let tbs = tlv(0x30, &[version, ECDSA_SHA256, &name, &generalized(MADE), next, entries, extensions]);
    signed(&tbs, issuer.key(), &[])
}

#[test]
fn lists_of_version_1_and_without_an_end() {
    let world = World::new();
    let serial = tlv(2, &[&parts(&world.server).2]);
    let entries = tlv(0x30, &[&tlv(0x30, &[&serial, &generalized(REVOKED)])]);
    let none = Revocation { at: REVOKED, reason: None };
    let next = generalized(DUE);
    let old = |entries: &[u8], next: &[u8]| {
        let crls = Crl::from_bytes(&by_hand(&world.middle, &[], next, entries, &[])).unwrap();
        world.statuses(&crls, NOW)[0].clone()
    };
    assert_eq!(old(&entries, &next), CrlStatus::Revoked(none));
    let server = Parsed::read(0, &world.server).unwrap();
    let crls = Crl::from_bytes(&by_hand(&world.middle, &[], &next, &[], &[])).unwrap();
    assert_eq!(status(&crls, &server, issuer(&world).as_ref(), NOW), GOOD);
    assert_eq!(old(&[], &[]), CrlStatus::Undecided(Undecided::NoNextUpdate { this_update: MADE }));
    assert_eq!(old(&entries, &[]), CrlStatus::Revoked(none));
}

#[test]
fn lists_that_are_not_the_whole_truth_are_refused() {
    let world = World::new();
    let version: &[u8] = &[2, 1, 1];
    let next = generalized(DUE);
    let extension = |id: u8, critical: &[u8], value: &[u8]| {
        tlv(0x30, &[&tlv(6, &[&[0x55, 0x1d, id]]), critical, &tlv(4, &[value])])
    };
    let critical: &[u8] = &[1, 1, 0xff];
    let of_list = |extension: &[u8]| tlv(0xa0, &[&tlv(0x30, &[extension])]);
    let entry =
        |extension: &[u8]| tlv(0x30, &[&tlv(0x30, &[&[2, 1, 5], &generalized(REVOKED), &tlv(0x30, &[extension])])]);
    let delta = of_list(&extension(27, critical, &[2, 1, 3]));
    let indirect = of_list(&extension(28, critical, &[0x30, 3, 0x84, 1, 0xff]));
    let unknown = of_list(&extension(99, critical, &[5, 0]));
    let of_another = entry(&extension(29, critical, &[0x30, 0]));
    let ragged = tlv(0x30, &[&tlv(0x30, &[&[2, 1, 5]])]);
    for (entries, extensions, expected) in [
        (&[][..], &delta, "it is a delta list"),
        (&[], &indirect, "it is an indirect list"),
        (&[], &unknown, "a critical extension that is not understood"),
        (&of_another, &Vec::new(), "one of its entries has a critical extension"),
        (&ragged, &Vec::new(), "one of its entries cannot be read"),
    ] {
        let der = by_hand(&world.middle, version, &next, entries, extensions);
        let error = Crl::from_bytes(&der).unwrap_err().to_string();
        assert!(error.starts_with("revocation list 1 in it cannot be used: ") && error.contains(expected), "{error}");
    }
    // What is not critical does no harm, but some reasons are not all.
    let harmless = by_hand(&world.middle, version, &next, &[], &of_list(&extension(99, &[], &[5, 0])));
    assert_eq!(world.statuses(&Crl::from_bytes(&harmless).unwrap(), NOW)[0], GOOD);
    let some = of_list(&extension(28, critical, &[0x30, 4, 0x83, 2, 6, 0x40]));
    let crls = Crl::from_bytes(&by_hand(&world.middle, version, &next, &[], &some)).unwrap();
    assert_eq!(world.statuses(&crls, NOW)[0], CrlStatus::Undecided(Undecided::OutOfScope));
}

#[test]
fn files_hold_any_number_in_pem_or_one_in_der() {
    let world = World::new();
    let one = list_params(&[]).signed_by(&world.middle).unwrap();
    let two = list_params(&[]).signed_by(&world.root).unwrap();
    let text = format!("both lists\n{}{}", one.pem().unwrap(), pem("X509 CRL", two.der()));
    assert_eq!(world.statuses(&Crl::from_bytes(text.as_bytes()).unwrap(), NOW), [GOOD, GOOD]);
    for (bytes, expected) in [
        (&b"nothing"[..], "it has no revocation list, neither in PEM nor in DER"),
        (b"", "it has no revocation list"),
        (pem("CERTIFICATE", world.middle.der()).as_bytes(), "it has no revocation list"),
        (world.middle.der(), "revocation list 1 in it cannot be used: it is no revocation list in DER"),
        (b"-----BEGIN X509 CRL-----\nAA\n", "it is not valid PEM"),
        (pem("X509 CRL", &[0x30, 0]).as_bytes(), "revocation list 1 in it cannot be used"),
    ] {
        let error = Crl::from_bytes(bytes).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
