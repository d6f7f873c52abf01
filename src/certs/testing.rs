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
    pub(super) staple: Option<Vec<u8>>,
    pub(super) host: &'a str,
    pub(super) now: OffsetDateTime,
}

impl<'a> Look<'a> {
    pub(super) fn at(sent: &'a [&'a [u8]], roots: &'a Roots) -> Self {
        Self { sent, roots, crls: &[], staple: None, host: HOST, now: NOW }
    }

    pub(super) fn inspect(self) -> Inspection {
        let host: Host = self.host.parse().unwrap();
        let certificates = self.sent.iter().map(|der| der.to_vec()).collect();
        let chain = SentChain { key: None, certificates, staple: self.staple };
        let context = Context { host: &host, trust: self.roots, crls: self.crls, now: self.now };
        inspect(&chain, &context).unwrap()
    }
}
