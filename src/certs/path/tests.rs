//! Paths: where they lead and why they break, held against how the certificates were made.

use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, NameConstraints};
use time::macros::datetime;

use super::super::testing::{
    Authority, HOST, Look, authority_params, below, issued, params, root, self_signed, trusting,
};
use super::super::{Inspection, Roots, Validity};
use super::*;

/// A root, an authority below it, and a server's certificate below that.
fn three() -> (Authority, Authority, Vec<u8>) {
    let root = root("the root");
    let middle = below("the middle", &root);
    let server = issued(&params(&[HOST]), &middle);
    (root, middle, server)
}

fn look(sent: &[&[u8]], roots: &Roots) -> Inspection {
    Look::at(sent, roots).inspect()
}

fn authority(via: &[usize]) -> Path {
    Path::GivenAuthority { root: "CN=the root".to_owned(), via: via.to_vec() }
}

#[test]
fn a_chain_leads_to_the_agreed_root_in_whatever_order() {
    let (root, middle, server) = three();
    let roots = trusting(&[root.der()]);
    let found = look(&[&server, middle.der()], &roots);
    assert_eq!((&found.path, found.path.members()), (&authority(&[1]), vec![0, 1]));
    assert!(found.order.in_order && found.order.roots.is_empty());

    let with_root = look(&[&server, middle.der(), root.der()], &roots);
    assert_eq!((&with_root.path, &with_root.order.roots), (&authority(&[1]), &vec![2]));
    assert!(with_root.order.in_order);

    let swapped = look(&[&server, root.der(), middle.der()], &roots);
    assert_eq!(swapped.path, authority(&[2]));
    assert!(!swapped.order.in_order && swapped.order.unrelated.is_empty());

    let stranger = super::super::testing::root("a stranger");
    let crowd = look(&[&server, stranger.der(), middle.der(), middle.der()], &roots);
    assert_eq!(crowd.path, authority(&[2]));
    assert_eq!((&crowd.order.unrelated, &crowd.order.duplicates), (&vec![1], &vec![3]));
    assert!(crowd.order.in_order, "without the stranger, the order is right: {:?}", crowd.order);
}

#[test]
fn what_is_missing_and_what_is_unknown() {
    let (root, middle, server) = three();
    let (ours, mozilla) = (trusting(&[root.der()]), Roots::mozilla());
    let missing = Path::None(Broken::MissingIntermediate { issuer: "CN=the middle".to_owned(), urls: Vec::new() });
    assert_eq!(look(&[&server], &ours).path, missing);
    assert_eq!(look(&[&server], &mozilla).path, missing);
    let unknown = |sent| Path::None(Broken::UnknownRoot { root: "CN=the root".to_owned(), sent });
    assert_eq!(look(&[&server, middle.der()], &mozilla).path, unknown(false));
    assert_eq!(look(&[&server, middle.der(), root.der()], &mozilla).path, unknown(true));
    // A root that was not agreed on, of the same name.
    let twin = super::super::testing::root("the root");
    let forged = look(&[&server, middle.der()], &trusting(&[twin.der()])).path;
    assert_eq!(forged, Path::None(Broken::BadSignature));
}

#[test]
fn a_self_signed_certificate_is_trusted_if_and_only_if_it_is_given() {
    let plain = params(&[HOST]);
    let mut with_flag = params(&[HOST]);
    with_flag.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    for params in [plain, with_flag] {
        let server = self_signed(&params);
        for roots in [Roots::mozilla(), trusting(&[&self_signed(&params)])] {
            let found = look(&[&server], &roots);
            assert_eq!(found.path, Path::None(Broken::SelfSigned));
            assert!(!found.path.is_trusted() && found.path.members().is_empty());
        }
        let pinned = trusting(&[&server]);
        assert_eq!(look(&[&server], &pinned).path, Path::Pinned { self_signed: true });
        let late = Look { now: datetime!(2031-01-01 00:00 UTC), ..Look::at(&[&server], &pinned) }.inspect();
        let expired =
            Broken::OutOfTerm { positions: vec![0], otherwise: Some(Box::new(Path::Pinned { self_signed: true })) };
        assert_eq!(late.path, Path::None(expired));
    }
    // Pinned though somebody else signed it, as the load engine does.
    let (_, middle, server) = three();
    assert_eq!(look(&[&server, middle.der()], &trusting(&[&server])).path, Path::Pinned { self_signed: false });
    // A server's own certificate vouches for no other.
    let key = KeyPair::generate().unwrap();
    let parent = params(&[HOST]);
    let child = params(&[HOST]).signed_by(&KeyPair::generate().unwrap(), &Issuer::from_params(&parent, &key)).unwrap();
    let parent = parent.self_signed(&key).unwrap();
    let path = look(&[child.der(), parent.der()], &trusting(&[parent.der()])).path;
    assert!(!path.is_trusted(), "{path:?}");
}

#[test]
fn validity_is_told_of_each_certificate_and_of_the_path() {
    let (root, middle, server) = three();
    let roots = trusting(&[root.der()]);
    let days = look(&[&server, middle.der()], &roots);
    assert_eq!(days.leaf().validity, Validity::Valid { days_left: 44 });
    assert_eq!(days.leaf().facts.period_days(), 91);
    let cases = [
        (datetime!(2030-05-01 00:00 UTC), Validity::Valid { days_left: 90 }, true),
        (datetime!(2030-07-30 00:00 UTC), Validity::Valid { days_left: 0 }, true),
        (datetime!(2030-04-30 23:59:59 UTC), Validity::NotYetValid { until: datetime!(2030-05-01 00:00 UTC) }, false),
        (datetime!(2030-07-30 00:00:01 UTC), Validity::Expired { since: datetime!(2030-07-30 00:00 UTC) }, false),
    ];
    for (now, validity, trusted) in cases {
        let found = Look { now, ..Look::at(&[&server, middle.der()], &roots) }.inspect();
        assert_eq!(found.leaf().validity, validity);
        let out = Broken::OutOfTerm { positions: vec![0], otherwise: Some(Box::new(authority(&[1]))) };
        assert_eq!(found.path, if trusted { authority(&[1]) } else { Path::None(out) });
    }
    // With an unknown root, that is what is wrong, whatever the time.
    let (sent, mozilla) = ([&server[..], middle.der()], Roots::mozilla());
    let late = Look { now: datetime!(2031-01-01 00:00 UTC), ..Look::at(&sent, &mozilla) }.inspect();
    assert!(matches!(late.path, Path::None(Broken::UnknownRoot { .. })));
}

#[test]
fn an_intermediate_that_has_expired_is_named() {
    let root = root("the root");
    let mut old = authority_params("the middle");
    old.not_after = datetime!(2030-06-01 00:00 UTC);
    let middle = Authority::signed_by(old, KeyPair::generate().unwrap(), &root).unwrap();
    let server = issued(&params(&[HOST]), &middle);
    let found = look(&[&server, middle.der()], &trusting(&[root.der()]));
    let out = |at| Path::None(Broken::OutOfTerm { positions: vec![at], otherwise: Some(Box::new(authority(&[at]))) });
    assert_eq!(found.path, out(1));
    // What has expired as well, but has no part in it, is left out.
    let mut stranger = authority_params("a stranger");
    stranger.not_after = datetime!(2030-06-01 00:00 UTC);
    let stranger = Authority::self_signed(stranger, KeyPair::generate().unwrap()).unwrap();
    let path = look(&[&server, stranger.der(), middle.der()], &trusting(&[root.der()])).path;
    assert_eq!(path, out(2));
    assert_eq!(found.certificates[1].validity, Validity::Expired { since: datetime!(2030-06-01 00:00 UTC) });

    let mut older = authority_params("the middle");
    older.not_after = datetime!(2030-04-01 00:00 UTC);
    let middle = Authority::signed_by(older, KeyPair::generate().unwrap(), &root).unwrap();
    let server = issued(&params(&[HOST]), &middle);
    let found = look(&[&server, middle.der()], &trusting(&[root.der()]));
    assert_eq!(found.path, Path::None(Broken::OutOfTerm { positions: vec![1], otherwise: None }));
}

#[test]
fn certificates_that_must_not_do_what_they_do() {
    let root = root("the root");
    let roots = trusting(&[root.der()]);
    let broken = |sent: &[&[u8]]| match look(sent, &roots).path {
        Path::None(broken) => broken,
        trusted => panic!("{trusted:?}"),
    };
    let mut client_only = params(&[HOST]);
    client_only.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    assert_eq!(broken(&[&issued(&client_only, &root)]), Broken::NotForServers);

    let mut flagged = params(&[HOST]);
    flagged.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(broken(&[&issued(&flagged, &root)]), Broken::AuthorityAsServer);

    // Somebody's server certificate signs another.
    let key = KeyPair::generate().unwrap();
    let parent_params = params(&["parent.example"]);
    let parent = parent_params.signed_by(&key, &root).unwrap();
    let issuer = Issuer::from_params(&parent_params, &key);
    let child = params(&[HOST]).signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    assert_eq!(broken(&[child.der(), parent.der()]), Broken::NotAnAuthority);

    let mut limited = authority_params("limited");
    limited.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("other.example".to_owned())],
        excluded_subtrees: Vec::new(),
    });
    let limited = Authority::signed_by(limited, KeyPair::generate().unwrap(), &root).unwrap();
    assert_eq!(broken(&[&issued(&params(&[HOST]), &limited), limited.der()]), Broken::NameConstraint);

    let mut short = authority_params("short");
    short.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let short = Authority::signed_by(short, KeyPair::generate().unwrap(), &root).unwrap();
    let deeper = below("deeper", &short);
    let server = issued(&params(&[HOST]), &deeper);
    assert_eq!(broken(&[&server, deeper.der(), short.der()]), Broken::PathLength);
}

#[test]
fn a_damaged_signature_and_an_old_algorithm_are_told_apart() {
    let root = root("the root");
    let roots = trusting(&[root.der()]);
    let server = issued(&params(&[HOST]), &root);
    let mut damaged = server.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(look(&[&damaged], &roots).path, Path::None(Broken::BadSignature));
    // ecdsa-with-SHA256 becomes ecdsa-with-SHA224, which nobody takes.
    let (from, to) = ([0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1]);
    let mut old = server.clone();
    for at in 0..old.len() - from.len() {
        if old[at..].starts_with(&from) {
            old[at..at + to.len()].copy_from_slice(&to);
        }
    }
    let found = look(&[&old], &roots);
    assert_eq!(found.leaf().facts.signature_algorithm, "ecdsa-with-SHA224");
    assert!(
        matches!(&found.path, Path::None(Broken::Unsupported(what)) if what.contains("SHA224")),
        "{:?}",
        found.path
    );
}

#[test]
fn mozillas_roots_have_names_and_a_path_to_one_says_so() {
    let mozilla = Roots::mozilla();
    assert!(mozilla.anchors.iter().any(|anchor| name_of(&anchor.subject).contains("CN=ISRG Root X1")));
    let (root, middle, server) = three();
    // Nobody here can sign for them, so ours is put among them.
    let anchors = [mozilla.anchors, trusting(&[root.der()]).anchors].concat();
    let roots = Roots { anchors, ..Roots::mozilla() };
    let path = look(&[&server, middle.der()], &roots).path;
    assert_eq!(path, Path::Mozilla { root: "CN=the root".to_owned(), via: vec![1] });
}
