//! Certificate revocation lists (RFC 5280, 5): what they say of a certificate, and whether they may say it.
//!
//! webpki tells of a whole path only, and only of lists of version 2; here each certificate has its own answer, and an answer that could
//! not be had is never "not revoked".

use std::collections::HashMap;
use std::fmt;

use rustls_pki_types::CertificateRevocationListDer;
use time::OffsetDateTime;

use super::chain::Issuer;
use super::der::{self, Reader};
use super::parsed::{Parsed, full_names, without_zeros};
use super::revoked::{Reason, Revocation};
use super::roots::{Unreadable, sections};
use super::signature::{Checked, Signed};

/// Extensions by the content of their identifiers: 2.5.29.20, .27, .28, .35; of entries: .21, .24, .29.
const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 20];
const DELTA_INDICATOR: &[u8] = &[0x55, 0x1d, 27];
const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 28];
const AUTHORITY_KEY: &[u8] = &[0x55, 0x1d, 35];
const REASON_CODE: &[u8] = &[0x55, 0x1d, 21];
const INVALIDITY_DATE: &[u8] = &[0x55, 0x1d, 24];
/// The end of `DEFAULT FALSE`: whatever is not zero is true.
const FALSE: &[u8] = &[0];

/// A revocation list that could be read. Its signature is checked against each issuer for which it is asked.
#[derive(Debug, Clone)]
pub struct Crl {
    der: Vec<u8>,
    /// The content of the issuer's Name.
    issuer: Vec<u8>,
    this_update: OffsetDateTime,
    next_update: Option<OffsetDateTime>,
    /// By serial number without leading zeros.
    revoked: HashMap<Vec<u8>, Revocation>,
    scope: Scope,
}

/// Of which certificates a list speaks (RFC 5280, 5.2.5).
#[derive(Debug, Clone, Default)]
struct Scope {
    /// The names of the point from which it is distributed; `None`: not restricted by that.
    points: Option<Vec<Vec<u8>>>,
    only_servers: bool,
    only_authorities: bool,
    only_attributes: bool,
    only_some_reasons: bool,
}

/// What the revocation lists say of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrlStatus {
    /// It signed itself, as roots do: there is no issuer whose list could speak of it.
    Root,
    /// Its issuer revoked it.
    Revoked(Revocation),
    /// A list that is complete for it and in force does not have it.
    NotRevoked {
        /// When the list was issued.
        this_update: OffsetDateTime,
        /// When the next is due.
        next_update: OffsetDateTime,
    },
    /// It cannot be told.
    Undecided(Undecided),
}

/// Why revocation lists do not tell, the least telling cause first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Undecided {
    /// None of them is by its issuer.
    NoList,
    /// The list is by its issuer's name, but nothing is known to check its signature with: no certificate of the issuer is at hand whose
    /// key provably signed the certificate.
    IssuerUnknown,
    /// The issuer's key may not sign revocation lists, as its key usage says.
    NotPermitted,
    /// The signature on the list is of a kind that is not taken; which.
    Unsupported(String),
    /// The list bears the issuer's name, but not a signature by the key that signed the certificate.
    BadSignature,
    /// The list speaks of other certificates of the issuer, or of some reasons only.
    OutOfScope,
    /// The list does not say until when it holds.
    NoNextUpdate {
        /// When it was issued.
        this_update: OffsetDateTime,
    },
    /// The list is not in force yet.
    NotYet {
        /// When it was issued.
        this_update: OffsetDateTime,
    },
    /// The list is out of date.
    Stale {
        /// When the next was due.
        next_update: OffsetDateTime,
    },
}

impl fmt::Display for CrlStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("it signed itself, so no issuer's list speaks of it"),
            Self::Revoked(revocation) => revocation.fmt(f),
            Self::NotRevoked { this_update, .. } => write!(f, "not revoked, by the list of {}", this_update.date()),
            Self::Undecided(why) => why.fmt(f),
        }
    }
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoList => f.write_str("no revocation list of its issuer is given"),
            Self::IssuerUnknown => f.write_str("the list cannot be checked: no key of the issuer is at hand"),
            Self::NotPermitted => f.write_str("its issuer may not sign revocation lists"),
            Self::Unsupported(what) => write!(f, "the list cannot be checked: it is signed with {what}"),
            Self::BadSignature => f.write_str("the list is not signed with its issuer's key"),
            Self::OutOfScope => f.write_str("the list of its issuer does not speak of certificates like it"),
            Self::NoNextUpdate { .. } => f.write_str("the list does not say until when it holds"),
            Self::NotYet { this_update } => write!(f, "the list is not in force before {}", this_update.date()),
            Self::Stale { next_update } => write!(f, "the list is out of date since {}", next_update.date()),
        }
    }
}

impl Crl {
    /// The lists in a file's bytes, PEM (any number) or DER (one). Delta and indirect lists are refused: what they leave out is revoked
    /// elsewhere. So is one with a critical extension that is not understood (RFC 5280, 5.2).
    pub fn from_bytes(bytes: &[u8]) -> Result<Vec<Self>, Unreadable> {
        const WHAT: &str = "revocation list";
        let ders = sections::<CertificateRevocationListDer<'static>>(bytes, WHAT)?;
        let read = |(number, der): (usize, Vec<u8>)| {
            Self::read(der).map_err(|cause| Unreadable::Item { what: WHAT, number, cause: cause.to_owned() })
        };
        (1..).zip(ders).map(read).collect()
    }

    fn read(der: Vec<u8>) -> Result<Self, &'static str> {
        const BAD: &str = "it is no revocation list in DER";
        let signed = Signed::parse(&der).ok_or(BAD)?;
        let mut tbs = Reader::new(der::only(der::SEQUENCE, signed.tbs).ok_or(BAD)?);
        let head = |tbs: &mut Reader<'_>| {
            // Version 1 has no number (RFC 5280, 5.1.2.1).
            tbs.optional(der::INTEGER)?.is_none_or(|version| version == [1]).then_some(())?;
            // RFC 5280, 5.1.2.2: the same algorithm inside and outside the signature.
            (tbs.take(der::SEQUENCE)? == signed.algorithm).then_some(())?;
            let issuer = tbs.take(der::SEQUENCE)?.to_vec();
            Some((issuer, tbs.time()?, tbs.optional_time()?))
        };
        let (issuer, this_update, next_update) = head(&mut tbs).ok_or(BAD)?;
        let revoked = match tbs.optional(der::SEQUENCE).ok_or(BAD)? {
            Some(entries) => entries_of(entries)?,
            None => HashMap::new(),
        };
        let scope = match tbs.optional(der::explicit(0)).ok_or(BAD)? {
            Some(extensions) => Scope::read(extensions)?,
            None => Scope::default(),
        };
        tbs.end().ok_or(BAD)?;
        Ok(Self { issuer, this_update, next_update, revoked, scope, der })
    }

    /// What this list says of `cert`.
    fn ask(&self, cert: &Parsed<'_>, issuer: Option<&Issuer<'_>>, now: OffsetDateTime) -> CrlStatus {
        use CrlStatus::Undecided as No;
        if self.issuer != cert.issuer {
            return No(Undecided::NoList);
        }
        let Some(issuer) = issuer else { return No(Undecided::IssuerUnknown) };
        if !issuer.may_sign_crls {
            return No(Undecided::NotPermitted);
        }
        match Signed::parse(&self.der).map(|signed| signed.check(issuer.spki)) {
            Some(Checked::Good) => {}
            Some(Checked::Unsupported(what)) => return No(Undecided::Unsupported(what)),
            Some(Checked::Bad) | None => return No(Undecided::BadSignature),
        }
        // An issuer uses a serial number once (RFC 5280, 4.1.2.2), and what it revoked stays so: age and scope do not matter.
        if let Some(revocation) = self.revoked.get(cert.serial) {
            return CrlStatus::Revoked(*revocation);
        }
        if !self.scope.covers(cert) {
            return No(Undecided::OutOfScope);
        }
        let this_update = self.this_update;
        match self.next_update {
            _ if now < this_update => No(Undecided::NotYet { this_update }),
            None => No(Undecided::NoNextUpdate { this_update }),
            Some(next_update) if now >= next_update => No(Undecided::Stale { next_update }),
            Some(next_update) => CrlStatus::NotRevoked { this_update, next_update },
        }
    }
}

/// What all lists together say of `cert`: one that revokes it settles it, then one in force that does not have it.
pub(super) fn status(crls: &[Crl], cert: &Parsed<'_>, issuer: Option<&Issuer<'_>>, now: OffsetDateTime) -> CrlStatus {
    let mut settled = CrlStatus::Undecided(Undecided::NoList);
    for crl in crls {
        match (crl.ask(cert, issuer, now), &settled) {
            (CrlStatus::Revoked(revocation), _) => return CrlStatus::Revoked(revocation),
            (CrlStatus::Undecided(why), CrlStatus::Undecided(known)) if why > *known => {
                settled = CrlStatus::Undecided(why);
            }
            (CrlStatus::Undecided(_), _) => {}
            (told, _) => settled = told,
        }
    }
    settled
}

/// The entries of a list, by serial number.
fn entries_of(entries: &[u8]) -> Result<HashMap<Vec<u8>, Revocation>, &'static str> {
    const BAD: &str = "one of its entries cannot be read";
    let mut reader = Reader::new(entries);
    let mut found = HashMap::new();
    while !reader.is_empty() {
        let mut entry = reader.inside(der::SEQUENCE).ok_or(BAD)?;
        let serial = without_zeros(entry.take(der::INTEGER).ok_or(BAD)?).to_vec();
        let at = entry.time().ok_or(BAD)?;
        let extensions = entry.optional(der::SEQUENCE).ok_or(BAD)?.unwrap_or_default();
        entry.end().ok_or(BAD)?;
        let mut reason = None;
        for (id, critical, value) in der::extensions(extensions).ok_or(BAD)? {
            match id {
                REASON_CODE => reason = Some(der::only(der::ENUMERATED, value).and_then(Reason::read).ok_or(BAD)?),
                INVALIDITY_DATE => {}
                // Such as the issuer of an entry, which only indirect lists have (RFC 5280, 5.3.3).
                _ if critical => return Err("one of its entries has a critical extension that is not understood"),
                _ => {}
            }
        }
        found.insert(serial, Revocation { at, reason });
    }
    Ok(found)
}

impl Scope {
    /// From a list's extensions.
    fn read(explicit: &[u8]) -> Result<Self, &'static str> {
        const BAD: &str = "its extensions cannot be read";
        let extensions = der::only(der::SEQUENCE, explicit).and_then(der::extensions).ok_or(BAD)?;
        let mut scope = Self::default();
        for (id, critical, value) in extensions {
            match id {
                CRL_NUMBER | AUTHORITY_KEY => {}
                DELTA_INDICATOR => {
                    return Err("it is a delta list, which says only what has changed; give the complete one");
                }
                ISSUING_DISTRIBUTION_POINT => {
                    let (read, indirect) = Self::of_point(value).ok_or(BAD)?;
                    if indirect {
                        return Err("it is an indirect list, which speaks for several issuers; give the issuer's own");
                    }
                    scope = read;
                }
                _ if critical => return Err("it has a critical extension that is not understood"),
                _ => {}
            }
        }
        Ok(scope)
    }

    /// From an IssuingDistributionPoint; also whether the list is an indirect one.
    fn of_point(value: &[u8]) -> Option<(Self, bool)> {
        let mut point = Reader::new(der::only(der::SEQUENCE, value)?);
        let name = point.optional(der::explicit(0))?;
        let points = match name {
            Some(name) => Some(full_names(name)?.into_iter().map(<[u8]>::to_vec).collect()),
            None => None,
        };
        let mut flag = |number| Some(point.optional(der::implicit(number))?.is_some_and(|value| value != FALSE));
        let only_servers = flag(1)?;
        let only_authorities = flag(2)?;
        let only_some_reasons = flag(3)?;
        let indirect = flag(4)?;
        let only_attributes = flag(5)?;
        point.end()?;
        Some((Self { points, only_servers, only_authorities, only_attributes, only_some_reasons }, indirect))
    }

    /// Whether a list of this scope that does not have `cert` says that it is not revoked (RFC 5280, 6.3.3, b and d).
    fn covers(&self, cert: &Parsed<'_>) -> bool {
        let kind = if cert.x509.is_ca() { !self.only_servers } else { !self.only_authorities };
        let point = self.points.as_ref().is_none_or(|points| {
            let own = cert.distribution_points().unwrap_or_default();
            own.iter().any(|name| points.iter().any(|point| point == name))
        });
        kind && point && !self.only_attributes && !self.only_some_reasons
    }
}

#[cfg(test)]
mod tests;
