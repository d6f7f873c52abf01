//! What was negotiated, in the model's words.

use rustls::pki_types::CertificateDer;
use rustls::{NamedGroup, ProtocolVersion, SupportedCipherSuite};
use x509_parser::nom::Parser;
use x509_parser::oid_registry::{
    OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION, OID_PKCS1_RSASSAPSS, OID_SIG_ED448, OID_SIG_ED25519,
};
use x509_parser::prelude::X509CertificateParser;

use crate::model::suite::{Group, KeyType, Suite, TlsVersion};

/// The kind of key in a certificate, by the algorithm of its subjectPublicKeyInfo (RFC 3279, 2.3; RFC 8410, 3); `None` where it
/// is neither, or the certificate cannot be parsed.
pub fn peer_key_type(cert: &CertificateDer<'_>) -> Option<KeyType> {
    // The extensions are of no interest, and the most of the work.
    let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
    let (_, cert) = parser.parse(cert).ok()?;
    let algorithm = &cert.public_key().algorithm.algorithm;
    if [OID_PKCS1_RSAENCRYPTION, OID_PKCS1_RSASSAPSS].contains(algorithm) {
        Some(KeyType::Rsa)
    } else if [OID_KEY_TYPE_EC_PUBLIC_KEY, OID_SIG_ED25519, OID_SIG_ED448].contains(algorithm) {
        Some(KeyType::Ecdsa)
    } else {
        None
    }
}

/// The suite, if it is one of the nine.
pub fn suite_of(suite: SupportedCipherSuite) -> Option<Suite> {
    Suite::from_code(suite.suite().into())
}

/// The group, if it is one that a plan can name.
pub fn group_of(group: NamedGroup) -> Option<Group> {
    Group::ALL.into_iter().find(|known| known.code() == u16::from(group))
}

/// The version, if it is 1.2 or 1.3.
pub fn version_of(version: ProtocolVersion) -> Option<TlsVersion> {
    match version {
        ProtocolVersion::TLSv1_2 => Some(TlsVersion::V12),
        ProtocolVersion::TLSv1_3 => Some(TlsVersion::V13),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tls::Provider;
    use crate::tls::{provider, testing};

    #[test]
    fn what_was_negotiated_is_named() {
        for library in [Provider::AwsLc, Provider::Ring] {
            let everything = provider::everything(library);
            let suites: Vec<_> = everything.cipher_suites.iter().map(|suite| suite_of(*suite).unwrap()).collect();
            assert_eq!(suites, Suite::all().collect::<Vec<_>>());
            let groups: Vec<_> = everything.kx_groups.iter().map(|group| group_of(group.name()).unwrap()).collect();
            assert_eq!(groups, library.groups());
        }
        assert_eq!(group_of(NamedGroup::secp521r1), None);
        assert_eq!(version_of(ProtocolVersion::TLSv1_2), Some(TlsVersion::V12));
        assert_eq!(version_of(ProtocolVersion::TLSv1_1), None);
    }

    #[test]
    fn the_key_in_a_certificate_is_known() {
        for kind in [KeyType::Rsa, KeyType::Ecdsa] {
            assert_eq!(peer_key_type(&testing::server_identity(kind).chain[0]), Some(kind));
        }
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let cert = testing::params(&[testing::HOST]).self_signed(&key).unwrap();
        assert_eq!(peer_key_type(cert.der()), Some(KeyType::Ecdsa));
        assert_eq!(peer_key_type(&CertificateDer::from(vec![0x30, 0])), None);
    }
}
