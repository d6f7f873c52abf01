//! Names: the cases of RFC 9525, and agreement with webpki.

use proptest::prelude::*;
use rcgen::DnType;

use super::super::testing::{Look, params, self_signed, trusting};
use super::*;

/// The verdict on a certificate with this common name and these alternative names.
fn of(common: &str, alternative: &[&str], host: &str) -> Names {
    let mut params = params(alternative);
    params.distinguished_name.push(DnType::CommonName, common);
    let server = self_signed(&params);
    Look { host, ..Look::at(&[&server], &trusting(&[&server])) }.inspect().names
}

fn why(common: &str, alternative: &[&str], host: &str) -> Mismatch {
    let names = of(common, alternative, host);
    assert!(!names.san_match, "{alternative:?} and {host}");
    names.why_not.unwrap()
}

#[test]
fn alternative_names_and_common_names_are_told_apart() {
    let both = Names { san_match: true, cn_match: true, why_not: None };
    assert_eq!(of("server.example", &["server.example"], "server.example"), both);
    assert_eq!(of("Server.Example", &["SERVER.example"], "server.example"), both);
    assert_eq!(of("other", &["other.example", "server.example"], "server.example"), Names { cn_match: false, ..both });
    let only = Names { san_match: false, cn_match: true, why_not: Some(Mismatch::OnlyCommonName) };
    assert_eq!(of("server.example", &[], "server.example"), only);
    assert_eq!(of("*.example.com", &[], "www.example.com"), only);
    assert_eq!(why("other", &[], "server.example"), Mismatch::NoAlternativeNames);
    assert_eq!(why("server.example", &["other.example"], "server.example"), Mismatch::Others);
}

#[test]
fn a_wildcard_stands_for_one_whole_label() {
    let wild = "*.example.com".to_owned();
    assert!(of("x", &["*.example.com"], "www.example.com").san_match);
    assert_eq!(why("x", &["*.example.com"], "a.b.example.com"), Mismatch::WildcardTooDeep(wild.clone()));
    assert_eq!(why("x", &["*.example.com"], "example.com"), Mismatch::WildcardNeedsLabel(wild));
    assert_eq!(why("x", &["*.example.com"], "www.example.org"), Mismatch::Others);
    assert_eq!(why("x", &["*.example.com"], "badexample.com"), Mismatch::Others);
    for misplaced in ["w*.example.com", "www.*.com", "*.*.com", "*w.example.com"] {
        assert_eq!(why("x", &[misplaced], "www.example.com"), Mismatch::WildcardMisplaced(misplaced.to_owned()));
    }
    for (common, host, expected) in [
        ("*.example.com", "www.example.com", true),
        ("*.example.com", "a.b.example.com", false),
        ("*.example.com", "example.com", false),
        ("*.com", "example.com", false),
        ("*", "localhost", false),
        ("w*.example.com", "www.example.com", false),
        ("localhost", "localhost", true),
    ] {
        assert_eq!(of(common, &["other.example"], host).cn_match, expected, "{common} and {host}");
    }
}

#[test]
fn an_address_is_matched_as_an_address() {
    assert!(of("x", &["192.0.2.7"], "192.0.2.7").san_match);
    assert!(of("x", &["2001:db8::1"], "[2001:db8::1]").san_match);
    assert_eq!(why("x", &["192.0.2.7"], "192.0.2.8"), Mismatch::Others);
    assert_eq!(why("192.0.2.7", &[], "192.0.2.7"), Mismatch::OnlyCommonName);
    let facts = of("x", &["192.0.2.7"], "server.example");
    assert_eq!(facts.why_not, Some(Mismatch::Others));
}

#[test]
fn an_address_written_as_a_dns_name_does_not_count() {
    let mut params = params(&[]);
    params.subject_alt_names = vec![rcgen::SanType::DnsName("192.0.2.7".try_into().unwrap())];
    let server = self_signed(&params);
    let names = Look { host: "192.0.2.7", ..Look::at(&[&server], &trusting(&[&server])) }.inspect().names;
    assert_eq!(names.why_not, Some(Mismatch::AddressAsDnsName));
    // A wildcard is for no address.
    params.subject_alt_names = vec![rcgen::SanType::DnsName("*.0.2.7".try_into().unwrap())];
    let server = self_signed(&params);
    let names = Look { host: "192.0.2.7", ..Look::at(&[&server], &trusting(&[&server])) }.inspect().names;
    assert!(!names.san_match && !names.cn_match);
}

#[test]
fn a_certificate_that_clients_do_not_take_is_for_no_name() {
    let mut params = params(&["server.example"]);
    let mut unknown = rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
    unknown.set_criticality(true);
    params.custom_extensions = vec![unknown];
    let authority = super::super::testing::root("the root");
    let server = super::super::testing::issued(&params, &authority);
    let found = Look::at(&[&server], &trusting(&[authority.der()])).inspect();
    let why = "a certificate has a critical extension that is not understood".to_owned();
    let none = Names { san_match: false, cn_match: false, why_not: Some(Mismatch::NotTaken(why.clone())) };
    assert_eq!(found.names, none);
    assert_eq!(found.path, super::super::Path::None(super::super::Broken::Other(why)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The rule for common names is webpki's rule for alternative names.
    #[test]
    fn one_rule_holds_for_both_kinds(
        presented in "(\\*\\.|[ab]\\.|\\*a\\.){0,3}(a|b|com)",
        host in "([ab]\\.){0,3}(a|b|com)",
    ) {
        let names = of(&presented, &[&presented], &host);
        prop_assert_eq!(names.san_match, names.cn_match, "{} and {}", presented, host);
        prop_assert_eq!(names.why_not.is_none(), names.san_match);
    }
}
