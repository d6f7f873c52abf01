//! Stapled responses, written by hand as RFC 6960 has them and signed with the authorities' keys.

use rcgen::{CustomExtension, ExtendedKeyUsagePurpose, KeyPair};
use time::macros::datetime;

use super::super::testing::{
    Authority, HOST, Look, NOW, below, generalized, issued, params, parts, root, signed, tlv, trusting,
};
use super::*;

const KNOWN: OffsetDateTime = datetime!(2030-06-14 00:00 UTC);
const DUE: OffsetDateTime = datetime!(2030-06-18 00:00 UTC);
const GOOD: Staple = Staple::Good { this_update: KNOWN, next_update: Some(DUE) };

/// A server with its chain.
struct World {
    root: Authority,
    middle: Authority,
    server: Vec<u8>,
}

/// What a response says, and how it is made.
struct Response<'a> {
    about: &'a [u8],
    issuer: &'a Authority,
    sha256: bool,
    status: Vec<u8>,
    this_update: OffsetDateTime,
    next_update: Option<OffsetDateTime>,
    key: &'a KeyPair,
    certificates: &'a [&'a [u8]],
}

impl World {
    fn new() -> Self {
        let root = root("the root");
        let middle = below("the middle", &root);
        let server = issued(&params(&[HOST]), &middle);
        Self { root, middle, server }
    }

    /// A response that says that all is well.
    fn good(&self) -> Response<'_> {
        Response {
            about: &self.server,
            issuer: &self.middle,
            sha256: false,
            status: vec![0x80, 0],
            this_update: KNOWN,
            next_update: Some(DUE),
            key: self.middle.key(),
            certificates: &[],
        }
    }

    fn judge(&self, staple: Vec<u8>) -> Staple {
        self.judge_all(vec![staple])
    }

    fn judge_all(&self, staples: Vec<Vec<u8>>) -> Staple {
        let sent = [&self.server[..], self.middle.der()];
        Look { staples, ..Look::at(&sent, &trusting(&[self.root.der()])) }.inspect().staple
    }
}

impl Response<'_> {
    fn answer(&self) -> Vec<u8> {
        let (name, spki, _) = parts(self.issuer.der());
        let key = signature::key(&spki).unwrap().1;
        let (algorithm, id): (_, &[u8]) = if self.sha256 {
            (&digest::SHA256, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1])
        } else {
            (&digest::SHA1_FOR_LEGACY_USE_ONLY, &[0x2b, 14, 3, 2, 26])
        };
        let hash = |bytes: &[u8]| tlv(4, &[digest::digest(algorithm, bytes).as_ref()]);
        let name = hash(&tlv(0x30, &[&name]));
        let serial = tlv(2, &[&parts(self.about).2]);
        let id = tlv(0x30, &[&tlv(0x30, &[&tlv(6, &[id]), &[5, 0]]), &name, &hash(key), &serial]);
        let next = self.next_update.map(|next| tlv(0xa0, &[&generalized(next)])).unwrap_or_default();
        tlv(0x30, &[&id, &self.status, &generalized(self.this_update), &next])
    }

    fn der(&self) -> Vec<u8> {
        let answers = tlv(0x30, &[&self.answer()]);
        response(&answers, self.key, self.certificates, &[])
    }
}

/// A whole response, of its answers.
fn response(answers: &[u8], key: &KeyPair, certificates: &[&[u8]], extensions: &[u8]) -> Vec<u8> {
    let responder = tlv(0xa2, &[&tlv(4, &[&[7; 20]])]);
    let data = tlv(0x30, &[&responder, &generalized(NOW), answers, extensions]);
    let certificates = match certificates {
        [] => Vec::new(),
        some => tlv(0xa0, &[&tlv(0x30, some)]),
    };
    let basic = signed(&data, key, &certificates);
    let bytes = tlv(0x30, &[&tlv(6, &[BASIC]), &tlv(4, &[&basic])]);
    tlv(0x30, &[&[0x0a, 1, 0], &tlv(0xa0, &[&bytes])])
}

/// `[1] RevokedInfo`, with a reason or without.
fn revoked_info(at: OffsetDateTime, reason: Option<u8>) -> Vec<u8> {
    let reason = reason.map(|code| tlv(0xa0, &[&[0x0a, 1, code]])).unwrap_or_default();
    tlv(0xa1, &[&generalized(at), &reason])
}

#[test]
fn what_the_responder_says_is_told() {
    let world = World::new();
    assert_eq!(world.judge(world.good().der()), GOOD);
    assert_eq!(world.judge(Response { sha256: true, ..world.good() }.der()), GOOD);
    let at = datetime!(2030-06-01 06:30 UTC);
    for (code, reason) in [(Some(1), Reason::read(&[1])), (None, None)] {
        let staple = world.judge(Response { status: revoked_info(at, code), ..world.good() }.der());
        assert_eq!(staple, Staple::Revoked(Revocation { at, reason }));
    }
    assert_eq!(world.judge(Response { status: vec![0x82, 0], ..world.good() }.der()), Staple::Unknown);
    let found = Look::at(&[&world.server], &trusting(&[world.root.der()])).inspect();
    assert_eq!(found.staple, Staple::NotSent);
}

#[test]
fn a_refusal_is_no_answer() {
    let world = World::new();
    for (code, refused, name) in [
        (1, Refused::MalformedRequest, "malformedRequest"),
        (2, Refused::InternalError, "internalError"),
        (3, Refused::TryLater, "tryLater"),
        (4, Refused::Other(4), "status 4"),
        (5, Refused::SigRequired, "sigRequired"),
        (6, Refused::Unauthorized, "unauthorized"),
    ] {
        assert_eq!(world.judge(vec![0x30, 3, 0x0a, 1, code]), Staple::Unsuccessful(refused));
        assert_eq!(refused.to_string(), name);
    }
}

#[test]
fn only_a_response_in_force_is_good() {
    let world = World::new();
    let at = |this_update, next_update| world.judge(Response { this_update, next_update, ..world.good() }.der());
    let second = Duration::SECOND;
    for (this_update, next_update, good) in [
        (NOW, Some(DUE), true),
        (NOW + second, Some(DUE), false),
        (KNOWN, Some(NOW + second), true),
        (KNOWN, Some(NOW), false),
        (NOW - LONGEST + second, None, true),
        (NOW - LONGEST, None, false),
    ] {
        let staple = at(this_update, next_update);
        let told =
            if good { Staple::Good { this_update, next_update } } else { Staple::Stale { this_update, next_update } };
        assert_eq!(staple, told);
    }
    // A revocation stays one.
    let old = Response { next_update: Some(KNOWN), status: revoked_info(KNOWN, None), ..world.good() };
    assert_eq!(world.judge(old.der()), Staple::Revoked(Revocation { at: KNOWN, reason: None }));
}

#[test]
fn a_response_about_another_certificate_or_by_another_key_does_not_count() {
    let world = World::new();
    let invalid = |response: Response<'_>| match world.judge(response.der()) {
        Staple::Invalid(fault) => fault,
        counts => panic!("{counts:?}"),
    };
    let other = issued(&params(&[HOST]), &world.middle);
    assert_eq!(invalid(Response { about: &other, ..world.good() }), Fault::OtherCertificate);
    // The same serial number of another issuer, and of an issuer of the same name with another key.
    for name in ["another", "the middle"] {
        let issuer = below(name, &world.root);
        let fault = invalid(Response { issuer: &issuer, key: issuer.key(), ..world.good() });
        assert_eq!(fault, Fault::OtherCertificate);
    }
    assert_eq!(invalid(Response { key: world.root.key(), ..world.good() }), Fault::BadSignature);
    let (sent, roots) = ([&world.server[..]], trusting(&[world.root.der()]));
    let alone = Look { staples: vec![world.good().der()], ..Look::at(&sent, &roots) };
    assert_eq!(alone.inspect().staple, Staple::Invalid(Fault::IssuerUnknown));
}

#[test]
fn a_responder_counts_if_the_issuer_appointed_it() {
    let world = World::new();
    let key = KeyPair::generate().unwrap();
    let appointed = |issuer: &Authority, purpose: ExtendedKeyUsagePurpose, days: i64| {
        let mut params = params(&[]);
        params.extended_key_usages = vec![purpose];
        params.not_after = NOW + Duration::days(days);
        params.signed_by(&key, issuer).unwrap().der().to_vec()
    };
    let by = |certificates: &[&[u8]]| world.judge(Response { key: &key, certificates, ..world.good() }.der());
    let responder = appointed(&world.middle, ExtendedKeyUsagePurpose::OcspSigning, 9);
    assert_eq!(by(&[&responder]), GOOD);
    assert_eq!(by(&[world.middle.der(), &responder]), GOOD);
    let bad = Staple::Invalid(Fault::BadSignature);
    assert_eq!(by(&[]), bad);
    assert_eq!(by(&[&appointed(&world.middle, ExtendedKeyUsagePurpose::ServerAuth, 9)]), bad, "no purpose of it");
    assert_eq!(by(&[&appointed(&world.root, ExtendedKeyUsagePurpose::OcspSigning, 9)]), bad, "another issuer");
    assert_eq!(by(&[&appointed(&below("the middle", &world.root), ExtendedKeyUsagePurpose::OcspSigning, 9)]), bad);
    assert_eq!(by(&[&appointed(&world.middle, ExtendedKeyUsagePurpose::OcspSigning, -1)]), bad, "expired");
    // Appointed, but another key signed.
    let other = Response { key: world.root.key(), certificates: &[&responder], ..world.good() };
    assert_eq!(world.judge(other.der()), bad);
}

#[test]
fn of_several_answers_the_worst_counts() {
    let world = World::new();
    let revoked = Response { status: revoked_info(KNOWN, None), ..world.good() };
    let other = issued(&params(&[HOST]), &world.middle);
    let other = Response { about: &other, status: revoked_info(KNOWN, None), ..world.good() };
    let of = |answers: &[Vec<u8>]| {
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        world.judge(response(&tlv(0x30, &answers), world.middle.key(), &[], &[]))
    };
    assert_eq!(of(&[other.answer(), world.good().answer()]), GOOD);
    let both = of(&[world.good().answer(), revoked.answer()]);
    assert_eq!(both, Staple::Revoked(Revocation { at: KNOWN, reason: None }));
    assert_eq!(of(&[]), Staple::Invalid(Fault::OtherCertificate));
}

#[test]
fn of_several_the_worst_counts() {
    let world = World::new();
    let good = world.good().der();
    let revoked = Response { status: revoked_info(KNOWN, None), ..world.good() }.der();
    let later = vec![0x30, 3, 0x0a, 1, 3];
    assert_eq!(world.judge_all(vec![]), Staple::NotSent);
    assert_eq!(world.judge_all(vec![good.clone(), good.clone()]), GOOD);
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let all = [&good, &revoked, &later];
        let staple = world.judge_all(order.map(|at| all[at].clone()).to_vec());
        assert_eq!(staple, Staple::Revoked(Revocation { at: KNOWN, reason: None }));
    }
    assert_eq!(world.judge_all(vec![good, later]), Staple::Unsuccessful(Refused::TryLater));
}

#[test]
fn what_is_not_understood_does_not_count() {
    let world = World::new();
    let unreadable = Staple::Invalid(Fault::Unreadable);
    let good = world.good().der();
    for end in 0..good.len() {
        assert_eq!(world.judge(good[..end].to_vec()), unreadable, "{end} bytes");
    }
    assert_eq!(world.judge([&good[..], &[0]].concat()), unreadable);
    let answers = tlv(0x30, &[&world.good().answer()]);
    let extension = |critical: &[u8]| {
        let extension = tlv(0x30, &[&[6, 1, 42], critical, &[4, 0]]);
        tlv(0xa1, &[&tlv(0x30, &[&extension])])
    };
    let with = |critical: &[u8]| world.judge(response(&answers, world.middle.key(), &[], &extension(critical)));
    assert_eq!(with(&[]), GOOD);
    assert_eq!(with(&[1, 1, 0xff]), unreadable);
    // Any change to what is signed is noticed.
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 4;
        let staple = world.judge(changed);
        assert!(!matches!(staple, Staple::Good { .. }) || staple == GOOD, "byte {at}: {staple:?}");
    }
}

#[test]
fn a_certificate_may_demand_a_staple() {
    let authority = root("the root");
    let mut params = params(&[HOST]);
    let demands = |params: &rcgen::CertificateParams| {
        let server = issued(params, &authority);
        Look::at(&[&server], &trusting(&[authority.der()])).inspect().leaf().facts.must_staple
    };
    assert!(!demands(&params));
    for (features, expected) in
        [(vec![0x30, 3, 2, 1, 5], true), (vec![0x30, 3, 2, 1, 17], false), (vec![0x30, 6, 2, 1, 17, 2, 1, 5], true)]
    {
        let extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], features);
        params.custom_extensions = vec![extension];
        assert_eq!(demands(&params), expected);
    }
}
