//! The OCSP response that a server staples to its certificate (RFC 6066, 8; RFC 6960): what it says, and whether it may say it.

use std::fmt;

use aws_lc_rs::digest::{self, Algorithm};
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::ParsedExtension;

use super::algorithms::Hash;
use super::chain::Issuer;
use super::der::{self, Reader};
use super::parsed::{Parsed, without_zeros};
use super::revoked::{Reason, Revocation};
use super::signature::{self, Checked, Signed};
use crate::model::x509::Currency;

/// `id-pkix-ocsp-basic`, 1.3.6.1.5.5.7.48.1.1.
const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 1];
/// How long a response holds that does not say: the longest that the CA/Browser Forum's Baseline Requirements, 4.9.10, allow.
const LONGEST: Duration = Duration::days(10);
/// The certificates in a response that are looked at.
const RESPONDERS: usize = 8;

/// What the stapled response says of the server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Staple {
    /// There is none.
    NotSent,
    /// Not revoked.
    Good {
        /// When the responder knew it.
        this_update: OffsetDateTime,
        /// When it will know more; `None`: it does not say.
        next_update: Option<OffsetDateTime>,
    },
    /// Revoked.
    Revoked(Revocation),
    /// The responder does not know the certificate.
    Unknown,
    /// The responder gave no answer, and the server stapled that.
    Unsuccessful(Refused),
    /// It is good, but too old to count, or from the future.
    Stale {
        /// When the responder knew it.
        this_update: OffsetDateTime,
        /// When it should have been replaced.
        next_update: Option<OffsetDateTime>,
    },
    /// It does not count.
    Invalid(Fault),
}

/// A responder's refusal (RFC 6960, 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The request was not understood.
    MalformedRequest,
    /// Something is wrong in the responder.
    InternalError,
    /// The responder is busy.
    TryLater,
    /// The request must be signed.
    SigRequired,
    /// The client may not ask, or the responder is not responsible.
    Unauthorized,
    /// A number that is not defined.
    Other(u8),
}

/// Why a response does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It cannot be read.
    Unreadable,
    /// It is not about this certificate.
    OtherCertificate,
    /// Nothing is known to check its signature with: no certificate of the issuer is at hand whose key provably signed the certificate.
    IssuerUnknown,
    /// It is signed neither by the issuer's key nor by that of a responder in it whom the issuer appointed.
    BadSignature,
    /// It is signed in a way that is not taken; which.
    Unsupported(String),
}

impl fmt::Display for Staple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent => f.write_str("none"),
            Self::Good { this_update, .. } => write!(f, "good, as of {}", this_update.date()),
            Self::Revoked(revocation) => revocation.fmt(f),
            Self::Unknown => f.write_str("the responder does not know the certificate"),
            Self::Unsuccessful(refused) => write!(f, "the responder's refusal: {refused}"),
            Self::Stale { next_update: Some(next), .. } => {
                write!(f, "good, but not in force: due again on {}", next.date())
            }
            Self::Stale { this_update, .. } => write!(f, "good, but not in force: of {}", this_update.date()),
            Self::Invalid(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for Refused {
    /// The name in RFC 6960.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MalformedRequest => f.write_str("malformedRequest"),
            Self::InternalError => f.write_str("internalError"),
            Self::TryLater => f.write_str("tryLater"),
            Self::SigRequired => f.write_str("sigRequired"),
            Self::Unauthorized => f.write_str("unauthorized"),
            Self::Other(code) => write!(f, "status {code}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("a response that cannot be read"),
            Self::OtherCertificate => f.write_str("a response about another certificate"),
            Self::IssuerUnknown => f.write_str("a response that cannot be checked: no key of the issuer is at hand"),
            Self::BadSignature => {
                f.write_str("a response that neither the issuer nor a responder appointed by it signed")
            }
            Self::Unsupported(what) => write!(f, "a response that cannot be checked: it is signed with {what}"),
        }
    }
}

/// A BasicOCSPResponse, taken apart.
struct Basic<'a> {
    signed: Signed<'a>,
    answers: Vec<Answer<'a>>,
    certificates: Vec<&'a [u8]>,
}

/// What a response says of one certificate.
struct Answer<'a> {
    hash: Option<Hash>,
    issuer_name_hash: &'a [u8],
    issuer_key_hash: &'a [u8],
    serial: &'a [u8],
    said: Said,
    this_update: OffsetDateTime,
    next_update: Option<OffsetDateTime>,
}

#[derive(Clone, Copy)]
enum Said {
    Good,
    Revoked(Revocation),
    Unknown,
}

/// Judges each of `responses`, stapled to `cert`, and takes the worst: a certificate that one of them calls revoked is revoked, however often another
/// that was signed before is sent.
pub(super) fn worst(
    responses: &[Vec<u8>],
    cert: &Parsed<'_>,
    issuer: Option<&Issuer<'_>>,
    now: OffsetDateTime,
) -> Staple {
    let grave = |staple: &Staple| match staple {
        Staple::NotSent => 0,
        Staple::Good { .. } => 1,
        Staple::Unknown | Staple::Unsuccessful(_) | Staple::Stale { .. } | Staple::Invalid(_) => 2,
        Staple::Revoked(_) => 3,
    };
    responses.iter().map(|response| judge(response, cert, issuer, now)).max_by_key(grave).unwrap_or(Staple::NotSent)
}

/// Judges `response`, stapled to `cert`, whose issuer is `issuer` where that is known.
pub(super) fn judge(response: &[u8], cert: &Parsed<'_>, issuer: Option<&Issuer<'_>>, now: OffsetDateTime) -> Staple {
    let basic = match open(response) {
        Some(Ok(basic)) => basic,
        Some(Err(refused)) => return Staple::Unsuccessful(refused),
        None => return Staple::Invalid(Fault::Unreadable),
    };
    let Some(issuer) = issuer else { return Staple::Invalid(Fault::IssuerUnknown) };
    let about: Vec<_> = basic.answers.iter().filter(|answer| answer.is_about(cert, issuer)).collect();
    if about.is_empty() {
        return Staple::Invalid(Fault::OtherCertificate);
    }
    if let Err(fault) = check(&basic, issuer, now) {
        return Staple::Invalid(fault);
    }
    let said = about.iter().map(|answer| answer.staple(now));
    // Several answers are one too many; the worst counts.
    let rank = |staple: &Staple| match staple {
        Staple::Revoked(_) => 0,
        Staple::Unknown => 1,
        Staple::Stale { .. } => 2,
        _ => 3,
    };
    said.min_by_key(rank).unwrap_or(Staple::Invalid(Fault::OtherCertificate))
}

impl Answer<'_> {
    /// Whether its CertID names the certificate and its issuer.
    fn is_about(&self, cert: &Parsed<'_>, issuer: &Issuer<'_>) -> bool {
        let algorithm: &Algorithm = match self.hash {
            Some(Hash::Sha1) => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Some(Hash::Sha256) => &digest::SHA256,
            Some(Hash::Sha384) => &digest::SHA384,
            Some(Hash::Sha512) => &digest::SHA512,
            None => return false,
        };
        let key = signature::key(issuer.spki).map(|(_, key)| key);
        self.serial == cert.serial
            && self.issuer_name_hash == digest::digest(algorithm, &der::sequence(issuer.name)).as_ref()
            && key.is_some_and(|key| self.issuer_key_hash == digest::digest(algorithm, key).as_ref())
    }

    /// What it comes to at `now` (RFC 6960, 4.2.2.1). A revocation stays one, however old.
    fn staple(&self, now: OffsetDateTime) -> Staple {
        let (this_update, next_update) = (self.this_update, self.next_update);
        let until = next_update.or_else(|| this_update.checked_add(LONGEST));
        let in_force = this_update <= now && until.is_some_and(|until| now < until);
        match self.said {
            Said::Revoked(revocation) => Staple::Revoked(revocation),
            Said::Unknown => Staple::Unknown,
            Said::Good if in_force => Staple::Good { this_update, next_update },
            Said::Good => Staple::Stale { this_update, next_update },
        }
    }
}

/// Whether the issuer, or a responder that it appointed, signed the response (RFC 6960, 4.2.2.2).
fn check(basic: &Basic<'_>, issuer: &Issuer<'_>, now: OffsetDateTime) -> Result<(), Fault> {
    let by_issuer = basic.signed.check(issuer.spki);
    if by_issuer == Checked::Good {
        return Ok(());
    }
    let certificates = basic.certificates.iter().take(RESPONDERS);
    let responders = certificates.filter_map(|der| Parsed::read(0, der).ok()).filter(|responder| {
        responder.issuer == issuer.name
            && responder
                .extensions()
                .any(|e| matches!(e, ParsedExtension::ExtendedKeyUsage(usage) if usage.ocsp_signing))
            && responder.term().at(now.unix_timestamp()) == Currency::Current
            && responder.signed.check(issuer.spki) == Checked::Good
    });
    let mut unsupported = match by_issuer {
        Checked::Unsupported(what) => Some(what),
        _ => None,
    };
    for responder in responders {
        match basic.signed.check(responder.spki) {
            Checked::Good => return Ok(()),
            Checked::Bad => unsupported = None,
            Checked::Unsupported(what) => unsupported = Some(what),
        }
    }
    Err(unsupported.map_or(Fault::BadSignature, Fault::Unsupported))
}

/// Takes an OCSPResponse apart: `None` where it cannot be read, the inner error where it has no answer.
fn open(response: &[u8]) -> Option<Result<Basic<'_>, Refused>> {
    let mut outer = Reader::new(der::only(der::SEQUENCE, response)?);
    let status = match outer.take(der::ENUMERATED)? {
        [status] => *status,
        _ => return None,
    };
    let refused = match status {
        0 => None,
        1 => Some(Refused::MalformedRequest),
        2 => Some(Refused::InternalError),
        3 => Some(Refused::TryLater),
        5 => Some(Refused::SigRequired),
        6 => Some(Refused::Unauthorized),
        other => Some(Refused::Other(other)),
    };
    if let Some(refused) = refused {
        return Some(Err(refused));
    }
    let mut bytes = Reader::new(der::only(der::SEQUENCE, outer.take(der::explicit(0))?)?);
    outer.end()?;
    (bytes.take(der::OID)? == BASIC).then_some(())?;
    let basic = bytes.take(der::OCTET_STRING)?;
    bytes.end()?;
    read_basic(basic).map(Ok)
}

fn read_basic(bytes: &[u8]) -> Option<Basic<'_>> {
    let mut reader = Reader::new(der::only(der::SEQUENCE, bytes)?);
    let signed = Signed::read(&mut reader)?;
    let mut certificates = Vec::new();
    if let Some(list) = reader.optional(der::explicit(0))? {
        let mut list = Reader::new(der::only(der::SEQUENCE, list)?);
        while !list.is_empty() {
            certificates.push(list.value(der::SEQUENCE)?.whole);
        }
    }
    reader.end()?;
    // ResponseData: version, responder, when it was made, answers, extensions.
    let mut data = Reader::new(der::only(der::SEQUENCE, signed.tbs)?);
    data.optional(der::explicit(0))?;
    // Who the responder says it is does not matter: its key does.
    data.any().filter(|id| id.tag == der::explicit(1) || id.tag == der::explicit(2))?;
    data.time()?;
    let mut list = data.inside(der::SEQUENCE)?;
    if let Some(extensions) = data.optional(der::explicit(1))? {
        understood(extensions)?;
    }
    data.end()?;
    let mut answers = Vec::new();
    while !list.is_empty() {
        answers.push(read_answer(list.inside(der::SEQUENCE)?)?);
    }
    Some(Basic { signed, answers, certificates })
}

fn read_answer(mut answer: Reader<'_>) -> Option<Answer<'_>> {
    let mut id = answer.inside(der::SEQUENCE)?;
    let hash = Hash::read(id.take(der::SEQUENCE)?);
    let issuer_name_hash = id.take(der::OCTET_STRING)?;
    let issuer_key_hash = id.take(der::OCTET_STRING)?;
    let serial = without_zeros(id.take(der::INTEGER)?);
    id.end()?;
    let status = answer.any()?;
    let said = if status.tag == der::implicit(0) && status.content.is_empty() {
        Said::Good
    } else if status.tag == der::implicit(2) && status.content.is_empty() {
        Said::Unknown
    } else if status.tag == der::explicit(1) {
        let mut info = Reader::new(status.content);
        let at = info.time()?;
        let reason = match info.optional(der::explicit(0))? {
            Some(reason) => Some(der::only(der::ENUMERATED, reason).and_then(Reason::read)?),
            None => None,
        };
        info.end()?;
        Said::Revoked(Revocation { at, reason })
    } else {
        return None;
    };
    let this_update = answer.time()?;
    let next_update = match answer.optional(der::explicit(0))? {
        Some(next) => {
            let mut next = Reader::new(next);
            let time = next.time()?;
            next.end()?;
            Some(time)
        }
        None => None,
    };
    if let Some(extensions) = answer.optional(der::explicit(1))? {
        understood(extensions)?;
    }
    answer.end()?;
    Some(Answer { hash, issuer_name_hash, issuer_key_hash, serial, said, this_update, next_update })
}

/// That no extension is critical: none is understood.
fn understood(explicit: &[u8]) -> Option<()> {
    let extensions = der::extensions(der::only(der::SEQUENCE, explicit)?)?;
    extensions.iter().all(|(_, critical, _)| !critical).then_some(())
}

#[cfg(test)]
mod tests;
