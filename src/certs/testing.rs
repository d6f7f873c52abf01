//! What the tests of this room share: certificates made on the spot, and the moment at which they are looked at.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use time::OffsetDateTime;
use time::macros::datetime;

use super::{Context, Crl, Inspection, Roots, inspect};
use crate::model::survey::SentChain;
use crate::model::target::Host;

/// When everything is looked at, unless a test says otherwise.
pub(super) const NOW: OffsetDateTime = datetime!(2030-06-15 12:00 UTC);

/// The host for which certificates are, unless a test says otherwise.
pub(super) const HOST: &str = "server.example";

pub(super) type Authority = CertifiedIssuer<'static, KeyPair>;

/// The parameters of an authority of this name.
pub(super) fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (datetime!(2020-01-01 00:00 UTC), datetime!(2040-01-01 00:00 UTC));
    params
}

/// A root of its own.
pub(super) fn root(name: &str) -> Authority {
    CertifiedIssuer::self_signed(authority_params(name), KeyPair::generate().unwrap()).unwrap()
}

/// An authority below another.
pub(super) fn below(name: &str, issuer: &Authority) -> Authority {
    CertifiedIssuer::signed_by(authority_params(name), KeyPair::generate().unwrap(), issuer).unwrap()
}

/// The parameters of a server's certificate with these alternative names and the common name "a server", valid at [`NOW`].
pub(super) fn params(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "a server");
    (params.not_before, params.not_after) = (datetime!(2030-05-01 00:00 UTC), datetime!(2030-07-30 00:00 UTC));
    params
}

/// A server's certificate in DER.
pub(super) fn issued(params: &CertificateParams, issuer: &Authority) -> Vec<u8> {
    params.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().der().to_vec()
}

/// A server's certificate with its own signature, in DER.
pub(super) fn self_signed(params: &CertificateParams) -> Vec<u8> {
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

/// The certificates that trust `certificates` only.
pub(super) fn trusting(certificates: &[&[u8]]) -> Roots {
    let pem: String = certificates.iter().map(|der| pem("CERTIFICATE", der)).collect();
    Roots::from_bytes(pem.as_bytes()).unwrap()
}

/// A PEM section.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in der.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let index = (bits >> (18 - 6 * at) & 63) as usize;
            text.push(if at <= group.len() { char::from(ALPHABET[index]) } else { '=' });
        }
        // A line holds any number of whole groups up to 16.
        if text.len() - text.rfind('\n').unwrap() > 64 {
            text.push('\n');
        }
    }
    format!("{}\n-----END {label}-----\n", text.trim_end())
}

/// A look at what was sent: the certificates, for [`HOST`], at [`NOW`].
pub(super) struct Look<'a> {
    pub(super) sent: &'a [&'a [u8]],
    pub(super) roots: &'a Roots,
    pub(super) crls: &'a [Crl],
    pub(super) staples: Vec<Vec<u8>>,
    pub(super) host: &'a str,
    pub(super) now: OffsetDateTime,
}

impl<'a> Look<'a> {
    pub(super) fn at(sent: &'a [&'a [u8]], roots: &'a Roots) -> Self {
        Self { sent, roots, crls: &[], staples: Vec::new(), host: HOST, now: NOW }
    }

    pub(super) fn inspect(self) -> Inspection {
        let host: Host = self.host.parse().unwrap();
        let certificates = self.sent.iter().map(|der| der.to_vec()).collect();
        let chain = SentChain { key: None, certificates, staples: self.staples };
        let context = Context { host: &host, trust: self.roots, crls: self.crls, now: self.now };
        inspect(&chain, &context).unwrap()
    }
}

/// `ecdsa-with-SHA256`, as an AlgorithmIdentifier.
pub(super) const ECDSA_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

/// A value in DER, of its parts.
pub(super) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    // Only the tag differs from a sequence.
    let mut whole = super::der::sequence(&parts.concat());
    whole[0] = tag;
    whole
}

/// A GeneralizedTime.
pub(super) fn generalized(at: OffsetDateTime) -> Vec<u8> {
    let (date, time) = (at.date(), at.time());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    tlv(0x18, &[format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z").as_bytes()])
}

/// `tbs`, signed: the three parts of a certificate, a list or a response, and what follows them.
pub(super) fn signed(tbs: &[u8], key: &KeyPair, after: &[u8]) -> Vec<u8> {
    let signature = tlv(3, &[&[0], &rcgen::SigningKey::sign(key, tbs).unwrap()]);
    tlv(0x30, &[tbs, ECDSA_SHA256, &signature, after])
}

/// The content of the subject's Name, the content of the SubjectPublicKeyInfo, and the serial number of a certificate.
pub(super) fn parts(der: &[u8]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let parsed = super::parsed::Parsed::read(0, der).unwrap();
    (parsed.subject.to_vec(), parsed.spki.to_vec(), parsed.x509.raw_serial().to_vec())
}
