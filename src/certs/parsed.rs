//! A certificate taken apart, as the other files of this room look at it.

use x509_parser::prelude::{FromDer, ParsedExtension, X509Certificate, X509Extension, X509Name};

use super::der::{self, Reader};
use super::signature::Signed;
use crate::model::x509::Term;

/// `id-pe-tlsfeature` (RFC 7633, 4), `id-ce-cRLDistributionPoints` (RFC 5280, 4.2.1.13).
const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";
const CRL_DISTRIBUTION_POINTS: &str = "2.5.29.31";
/// `status_request` (RFC 6066, 8): the feature that makes a staple a must.
const STATUS_REQUEST: &[u8] = &[5];

/// A certificate that could be read. Names, keys and serials are compared as bytes, as webpki does.
#[derive(Debug)]
pub(super) struct Parsed<'a> {
    /// Where it stood in what was sent, from 0.
    pub(super) position: usize,
    pub(super) der: &'a [u8],
    pub(super) x509: X509Certificate<'a>,
    pub(super) signed: Signed<'a>,
    /// The content of the subject's Name.
    pub(super) subject: &'a [u8],
    /// The content of the issuer's Name.
    pub(super) issuer: &'a [u8],
    /// The content of the SubjectPublicKeyInfo.
    pub(super) spki: &'a [u8],
    /// The serial number without leading zeros.
    pub(super) serial: &'a [u8],
}

impl<'a> Parsed<'a> {
    /// Reads a certificate in DER; what is wrong with it, in words.
    pub(super) fn read(position: usize, der: &'a [u8]) -> Result<Self, String> {
        let (rest, x509) =
            X509Certificate::from_der(der).map_err(|error| format!("it is no X.509 certificate: {error}"))?;
        if !rest.is_empty() {
            return Err(format!("{} bytes follow the certificate", rest.len()));
        }
        let parts = || {
            let signed = Signed::parse(der)?;
            let mut tbs = Reader::new(der::only(der::SEQUENCE, signed.tbs)?);
            tbs.optional(der::explicit(0))?;
            let serial = tbs.take(der::INTEGER)?;
            tbs.take(der::SEQUENCE)?;
            let issuer = tbs.take(der::SEQUENCE)?;
            tbs.take(der::SEQUENCE)?;
            let subject = tbs.take(der::SEQUENCE)?;
            let spki = tbs.take(der::SEQUENCE)?;
            Some((signed, without_zeros(serial), issuer, subject, spki))
        };
        let (signed, serial, issuer, subject, spki) = parts().ok_or("it is not written in DER")?;
        Ok(Self { position, der, x509, signed, subject, issuer, spki, serial })
    }

    /// Whether it names itself as its issuer, as a root does.
    pub(super) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    pub(super) fn term(&self) -> Term {
        let validity = self.x509.validity();
        Term { not_before: validity.not_before.timestamp(), not_after: validity.not_after.timestamp() }
    }

    pub(super) fn subject_name(&self) -> String {
        name(self.x509.subject())
    }

    pub(super) fn issuer_name(&self) -> String {
        name(self.x509.issuer())
    }

    /// The extensions that x509-parser understood.
    pub(super) fn extensions(&self) -> impl Iterator<Item = &ParsedExtension<'a>> {
        self.x509.iter_extensions().map(X509Extension::parsed_extension)
    }

    /// Whether its key may sign revocation lists: as its key usage says (RFC 5280, 4.2.1.3), or it has none.
    pub(super) fn may_sign_crls(&self) -> bool {
        self.extensions().all(|extension| match extension {
            ParsedExtension::KeyUsage(usage) => usage.crl_sign(),
            _ => true,
        })
    }

    /// Whether it demands that an OCSP response is stapled (RFC 7633).
    pub(super) fn must_staple(&self) -> bool {
        self.raw_extension(TLS_FEATURE).is_some_and(|value| {
            let Some(features) = der::only(der::SEQUENCE, value) else { return false };
            let mut features = Reader::new(features);
            std::iter::from_fn(|| features.take(der::INTEGER)).any(|feature| feature == STATUS_REQUEST)
        })
    }

    /// The full names of its CRL distribution points, each a GeneralName with its tag; `None` where it has no such extension, or one
    /// that cannot be read.
    pub(super) fn distribution_points(&self) -> Option<Vec<&'a [u8]>> {
        let mut points = Reader::new(der::only(der::SEQUENCE, self.raw_extension(CRL_DISTRIBUTION_POINTS)?)?);
        let mut names = Vec::new();
        while !points.is_empty() {
            if let Some(name) = points.inside(der::SEQUENCE)?.optional(der::explicit(0))? {
                names.extend(full_names(name)?);
            }
        }
        Some(names)
    }

    fn raw_extension(&self, id: &str) -> Option<&'a [u8]> {
        self.x509
            .iter_extensions()
            .find(|extension| extension.oid.to_id_string() == id)
            .map(|extension| extension.value)
    }
}

/// The GeneralNames of a DistributionPointName's `fullName`; none where it is relative to the issuer.
pub(super) fn full_names(point: &[u8]) -> Option<Vec<&[u8]>> {
    let mut names = Vec::new();
    if let Some(full) = Reader::new(point).optional(der::explicit(0))? {
        let mut reader = Reader::new(full);
        while !reader.is_empty() {
            names.push(reader.any()?.whole);
        }
    }
    Some(names)
}

/// The text of a GeneralName that is a URI.
pub(super) fn uri(general_name: &[u8]) -> Option<String> {
    let content = der::only(der::implicit(6), general_name)?;
    std::str::from_utf8(content).ok().map(clean)
}

/// An integer's content without leading zeros, so that two ways to write one number are one.
pub(super) fn without_zeros(integer: &[u8]) -> &[u8] {
    let first = integer.iter().position(|byte| *byte != 0).unwrap_or(integer.len());
    &integer[first..]
}

/// A distinguished name in words.
fn name(name: &X509Name<'_>) -> String {
    let text = clean(&name.to_string());
    if text.is_empty() { "(no name)".to_owned() } else { text }
}

/// A distinguished name in words, of the content of its DER.
pub(super) fn name_of(content: &[u8]) -> String {
    let whole = der::sequence(content);
    X509Name::from_der(&whole).map_or_else(|_| "(a name that cannot be read)".to_owned(), |(_, parsed)| name(&parsed))
}

/// `text` without control characters: it comes from a stranger and goes to a terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
