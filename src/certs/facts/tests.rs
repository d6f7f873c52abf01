//! Facts, held against how the certificates were made.

use rcgen::{
    CrlDistributionPoint, CustomExtension, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, PublicKeyData,
    SerialNumber, SignatureAlgorithm,
};
use time::macros::datetime;

use super::super::testing::{Authority, HOST, Look, authority_params, issued, params, root, tlv, trusting};
use super::super::{Broken, Path};
use super::*;

fn facts(der: &[u8]) -> Facts {
    Facts::of(&Parsed::read(0, der).unwrap())
}

/// A public RSA key of 1024 bits. Nobody has the private one, nor needs it.
struct Short(Vec<u8>);

impl Short {
    fn new() -> Self {
        let modulus = [&[0, 0xc1][..], &[0x5b; 127]].concat();
        Self(tlv(0x30, &[&tlv(2, &[&modulus]), &[2, 3, 1, 0, 1]]))
    }
}

impl PublicKeyData for Short {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

#[test]
fn a_certificate_says_what_was_put_into_it() {
    let authority = root("the root");
    let mut made = params(&["Server.example", "*.wild.example", "192.0.2.7", "2001:db8::1"]);
    made.serial_number = Some(SerialNumber::from_slice(&[0x00, 0x9f, 1]));
    made.distinguished_name.push(DnType::OrganizationName, "Evil\u{1b}[31m\u{7} Inc");
    made.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    made.crl_distribution_points = vec![CrlDistributionPoint { uris: vec!["http://crl.example/1".to_owned()] }];
    let access = |id: u8, url: &str| {
        let id = tlv(6, &[&[0x2b, 6, 1, 5, 5, 7, 48, id]]);
        tlv(0x30, &[&id, &tlv(0x86, &[url.as_bytes()])])
    };
    let accesses = tlv(0x30, &[&access(1, "http://ocsp.example"), &access(2, "http://ca.example/ca.der")]);
    made.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], accesses)];
    let found = facts(&issued(&made, &authority));
    assert_eq!(found.subject, "CN=a server, O=Evil\u{fffd}[31m\u{fffd} Inc");
    assert_eq!((found.issuer.as_str(), found.serial.as_str()), ("CN=the root", "9f01"));
    assert_eq!(found.common_names, ["a server"]);
    assert_eq!(found.dns_names, ["Server.example", "*.wild.example"]);
    assert_eq!(found.ip_addresses, ["192.0.2.7", "2001:db8::1"].map(|ip| ip.parse::<IpAddr>().unwrap()));
    assert_eq!((found.not_before, found.not_after), (datetime!(2030-05-01 0:00 UTC), datetime!(2030-07-30 0:00 UTC)));
    assert_eq!((found.key.to_string().as_str(), found.key.bits), ("ECDSA P-256", Some(256)));
    assert_eq!((found.signature_algorithm.as_str(), found.broken_hash), ("ecdsa-with-SHA256", false));
    assert_eq!((found.server_auth, found.is_authority, found.self_issued), (Some(true), false, false));
    assert_eq!(found.crl_urls, ["http://crl.example/1"]);
    assert_eq!(found.ocsp_urls, ["http://ocsp.example"]);
    assert_eq!(found.issuer_urls, ["http://ca.example/ca.der"]);
    let above = facts(authority.der());
    assert_eq!((above.server_auth, above.is_authority, above.self_issued), (None, true, true));
}

#[test]
fn keys_are_named_and_weighed() {
    let authority = root("the root");
    let of = |key: &KeyPair| facts(params(&[HOST]).signed_by(key, &authority).unwrap().der()).key;
    for (algorithm, name, bits) in [
        (&rcgen::PKCS_RSA_SHA256, "RSA 2048", 2048),
        (&rcgen::PKCS_ECDSA_P256_SHA256, "ECDSA P-256", 256),
        (&rcgen::PKCS_ECDSA_P384_SHA384, "ECDSA P-384", 384),
        (&rcgen::PKCS_ECDSA_P521_SHA512, "ECDSA P-521", 521),
        (&rcgen::PKCS_ED25519, "Ed25519", 256),
    ] {
        let key = of(&KeyPair::generate_for(algorithm).unwrap());
        assert_eq!((key.to_string().as_str(), key.bits, key.is_weak()), (name, Some(bits), false));
    }
    let short = facts(params(&[HOST]).signed_by(&Short::new(), &authority).unwrap().der()).key;
    assert_eq!((short.to_string().as_str(), short.is_weak()), ("RSA 1024", true));
}

#[test]
fn an_authority_with_a_short_key_leads_nowhere() {
    let root = root("the root");
    let params_of_middle = authority_params("the middle");
    let middle = params_of_middle.signed_by(&Short::new(), &root).unwrap();
    let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let issuer = Issuer::from_params(&params_of_middle, &key);
    let server = params(&[HOST]).signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    let found = Look::at(&[server.der(), middle.der()], &trusting(&[root.der()])).inspect();
    assert_eq!(found.path, Path::None(Broken::Unsupported("an RSA key of 1024 bits".to_owned())));
    assert!(found.order.in_order);
}

#[test]
fn a_signature_with_sha1_is_told_and_not_taken() {
    let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let root = Authority::self_signed(authority_params("the root"), key).unwrap();
    let mut server = issued(&params(&[HOST]), &root);
    assert_eq!(facts(&server).signature_algorithm, "sha256WithRSAEncryption");
    // 1.2.840.113549.1.1.11 becomes .5, inside the signature and outside.
    let (from, to) = ([0xf7, 0x0d, 1, 1, 11], [0xf7, 0x0d, 1, 1, 5]);
    for at in 0..server.len() - from.len() {
        if server[at..].starts_with(&from) {
            server[at..at + to.len()].copy_from_slice(&to);
        }
    }
    let found = Look::at(&[&server], &trusting(&[root.der()])).inspect();
    let told = &found.leaf().facts;
    assert_eq!((told.signature_algorithm.as_str(), told.broken_hash), ("sha1WithRSAEncryption", true));
    assert_eq!(found.path, Path::None(Broken::Unsupported("sha1WithRSAEncryption".to_owned())));
}
