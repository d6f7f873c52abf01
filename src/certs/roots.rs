//! What both sides agreed to trust: Mozilla's roots, or certificates that a user named.

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use webpki::anchor_from_trusted_cert;

use super::parsed::Parsed;
use crate::model::x509::may_sign;

/// Trusted roots, and certificates that are trusted as they are.
#[derive(Debug, Clone)]
pub struct Roots {
    pub(super) kind: Kind,
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    /// The certificates that were named, byte for byte: a server that shows one of them needs no path.
    pub(super) given: Vec<CertificateDer<'static>>,
}

/// Whose roots they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Mozilla,
    Given,
}

/// What is wrong with a file of certificates or revocation lists; the caller knows its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The PEM armour is damaged.
    #[error("it is not valid PEM: {0}")]
    Pem(String),
    /// There is nothing of the kind in it.
    #[error("it has no {0}, neither in PEM nor in DER")]
    Nothing(&'static str),
    /// One of what it holds cannot be used.
    #[error("{what} {number} in it cannot be used: {cause}")]
    Item {
        /// `certificate` or `revocation list`.
        what: &'static str,
        /// Which one, from 1.
        number: usize,
        /// Why.
        cause: String,
    },
}

impl Roots {
    /// The roots of Mozilla's programme, as the crate webpki-roots has them.
    pub fn mozilla() -> Self {
        Self { kind: Kind::Mozilla, anchors: webpki_roots::TLS_SERVER_ROOTS.to_vec(), given: Vec::new() }
    }

    /// Authorities and servers' certificates, PEM (any number) or DER (one). Only a certificate that may sign others becomes a root,
    /// as in the load engine: a server's own certificate must not vouch for another one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        let ders = sections::<CertificateDer<'static>>(bytes, "certificate")?;
        let given: Vec<CertificateDer<'static>> = ders.into_iter().map(CertificateDer::from).collect();
        let mut anchors = Vec::new();
        for (number, cert) in (1..).zip(&given) {
            let unusable = |cause| Unreadable::Item { what: "certificate", number, cause };
            Parsed::read(0, cert).map_err(unusable)?;
            if may_sign(cert) {
                let anchor = anchor_from_trusted_cert(cert).map_err(|error| unusable(error.to_string()))?;
                anchors.push(anchor.to_owned());
            }
        }
        Ok(Self { kind: Kind::Given, anchors, given })
    }
}

/// The DER of each PEM section of one kind, or `bytes` themselves where they are no PEM.
pub(super) fn sections<T: PemObject + AsRef<[u8]>>(
    bytes: &[u8],
    what: &'static str,
) -> Result<Vec<Vec<u8>>, Unreadable> {
    // DER begins with a sequence, whose tag is the character 0.
    if bytes.first() == Some(&super::der::SEQUENCE) {
        return Ok(vec![bytes.to_vec()]);
    }
    let sections = T::pem_slice_iter(bytes).map(|section| section.map(|section| section.as_ref().to_vec()));
    let sections: Vec<_> = sections.collect::<Result<_, _>>().map_err(|error| Unreadable::Pem(error.to_string()))?;
    if sections.is_empty() { Err(Unreadable::Nothing(what)) } else { Ok(sections) }
}
