//! The rules about certificates that everything which trusts them shares: who may sign others, and when one is in force.

use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Version;

/// Whether a certificate in DER is an authority's: by its basic constraints (RFC 5280, 4.2.1.9), or so old that it could have none.
/// A certificate that cannot be parsed is not.
pub fn may_sign(certificate: &[u8]) -> bool {
    parse_x509_certificate(certificate).is_ok_and(|(_, cert)| cert.is_ca() || cert.version() == X509Version::V1)
}

/// When a certificate is in force, both ends included (RFC 5280, 4.1.2.5); seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// `notBefore`.
    pub not_before: i64,
    /// `notAfter`.
    pub not_after: i64,
}

/// Where a moment lies, seen from a [`Term`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Currency {
    /// Before it begins.
    NotYet,
    /// Within it.
    Current,
    /// After its end.
    Over,
}

impl Term {
    /// Where `now`, in seconds since 1970, lies.
    pub fn at(self, now: i64) -> Currency {
        if now < self.not_before {
            Currency::NotYet
        } else if now > self.not_after {
            Currency::Over
        } else {
            Currency::Current
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_term_belong_to_it() {
        let term = Term { not_before: 10, not_after: 20 };
        let at = [9, 10, 20, 21].map(|now| term.at(now));
        assert_eq!(at, [Currency::NotYet, Currency::Current, Currency::Current, Currency::Over]);
    }

    #[test]
    fn only_an_authority_may_sign() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(["server.example".to_owned()]).unwrap();
        assert!(!may_sign(params.self_signed(&key).unwrap().der()));
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        assert!(may_sign(params.self_signed(&key).unwrap().der()));
        assert!(!may_sign(b"no certificate"));
    }
}
