//! Where a chain leads: to a trusted root, to a certificate that was agreed on, or nowhere, and why.

use std::fmt;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;
use webpki::{EndEntityCert, Error, KeyUsage};

use super::chain::Links;
use super::facts::Facts;
use super::parsed::{Parsed, clean, name_of};
use super::roots::{Kind, Roots};
use super::signature::Checked;
use crate::model::x509::Currency;

/// Where the chain leads at the moment of the inspection, names and revocation left aside. The path is webpki's, as in the load engine,
/// and may use the certificates in another order than they were sent in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// To a root of Mozilla's programme.
    Mozilla {
        /// The root's distinguished name.
        root: String,
        /// The certificates between the server's own and the root, by position in what was sent.
        via: Vec<usize>,
    },
    /// To an authority that was agreed on.
    GivenAuthority {
        /// The authority's distinguished name.
        root: String,
        /// As above.
        via: Vec<usize>,
    },
    /// The server's certificate is itself one that was agreed on, byte for byte.
    Pinned {
        /// Whether it is signed with its own key.
        self_signed: bool,
    },
    /// Nowhere.
    None(Broken),
}

/// Why a chain leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// The server's certificate is signed with its own key, and nobody agreed on it.
    SelfSigned,
    /// Nothing was sent that certifies the server's own certificate, and its issuer is no trusted root. (A root of the server's own
    /// that signed the certificate directly looks the same.)
    MissingIntermediate {
        /// The issuer's distinguished name.
        issuer: String,
        /// Where the issuer's certificate can be had, as the server's says.
        urls: Vec<String>,
    },
    /// The chain goes up to a root that is not trusted. (An intermediate that is missing further up looks the same if the root was
    /// not sent.)
    UnknownRoot {
        /// The root's distinguished name.
        root: String,
        /// Whether the root itself was sent.
        sent: bool,
    },
    /// It would lead to a trusted root, but not at this moment.
    OutOfTerm {
        /// The certificates that have expired or are not valid yet, by position.
        positions: Vec<usize>,
        /// The path of another moment; `None` where the certificates are never valid together.
        otherwise: Option<Box<Path>>,
    },
    /// A signature is not by the key of the issuer that is named.
    BadSignature,
    /// A signature or a key is of a kind or size that is not taken any more; which.
    Unsupported(String),
    /// The certificate's extended key usage does not have server authentication.
    NotForServers,
    /// The server's own certificate is an authority's.
    AuthorityAsServer,
    /// A certificate signed another but is no authority's.
    NotAnAuthority,
    /// An authority above it may not issue for its names.
    NameConstraint,
    /// An authority above it may not have so many below it.
    PathLength,
    /// Something else; what, in words.
    Other(String),
}

impl Path {
    /// Whether it leads somewhere.
    pub fn is_trusted(&self) -> bool {
        !matches!(self, Self::None(_))
    }

    /// The certificates of the path that were sent, the server's own first, the root excluded; empty where there is no path.
    pub fn members(&self) -> Vec<usize> {
        match self {
            Self::Mozilla { via, .. } | Self::GivenAuthority { via, .. } => {
                std::iter::once(0).chain(via.iter().copied()).collect()
            }
            Self::Pinned { .. } => vec![0],
            Self::None(_) => Vec::new(),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mozilla { root, .. } => write!(f, "it leads to '{root}' of Mozilla's programme"),
            Self::GivenAuthority { root, .. } => write!(f, "it leads to '{root}', given by --ca"),
            Self::Pinned { .. } => f.write_str("it is itself given by --ca"),
            Self::None(why) => write!(f, "it leads to no trusted root: {why}"),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfSigned => f.write_str("the certificate is self-signed, and not one that was agreed on"),
            Self::MissingIntermediate { issuer, .. } => {
                write!(
                    f,
                    "no certificate of its issuer '{issuer}' was sent, which is no trusted root: an intermediate is missing, \
                     or that is a root on which nobody agreed"
                )
            }
            Self::UnknownRoot { root, sent: true } => write!(f, "it goes up to '{root}', which is no trusted root"),
            Self::UnknownRoot { root, sent: false } => {
                write!(f, "it goes up to '{root}', which was not sent and is no trusted root")
            }
            Self::OutOfTerm { otherwise: Some(path), .. } => write!(f, "not valid at this time; otherwise {path}"),
            Self::OutOfTerm { otherwise: None, .. } => f.write_str("its certificates are never valid together"),
            Self::BadSignature => f.write_str("a signature in it is not by the issuer's key"),
            Self::Unsupported(what) => write!(f, "it uses {what}, which is not taken"),
            Self::NotForServers => f.write_str("the certificate is not for server authentication"),
            Self::AuthorityAsServer => f.write_str("the server's own certificate is an authority's"),
            Self::NotAnAuthority => f.write_str("a certificate in it signed another but is no authority's"),
            Self::NameConstraint => f.write_str("an authority in it may not issue for this name"),
            Self::PathLength => f.write_str("an authority in it may not have so many below it"),
            Self::Other(cause) => f.write_str(cause),
        }
    }
}

/// Finds where `certs`, the server's own first, lead at `now`.
pub(super) fn find(certs: &[Parsed<'_>], links: &Links, roots: &Roots, now: OffsetDateTime) -> Path {
    if let Some(pinned) = pinned(certs, links, roots, now) {
        return pinned;
    }
    let error = match walk(certs, roots, now.unix_timestamp()) {
        Ok(path) => return path,
        Err(error) => error,
    };
    if links.is_self_signed(0) {
        return Path::None(Broken::SelfSigned);
    }
    if !is_about_time(&error) {
        return Path::None(explain(&error, certs, links, roots));
    }
    // Is time all that is wrong? The ends of the terms are the moments at which everything is valid, if there is one.
    let mut deeper = None;
    for moment in certs.iter().flat_map(|cert| [cert.term().not_before, cert.term().not_after]) {
        match walk(certs, roots, moment) {
            Ok(path) => return out_of_term(certs, now, Some(path)),
            Err(error) if !is_about_time(&error) => deeper = Some(error),
            _ => {}
        }
    }
    match deeper {
        Some(error) => Path::None(explain(&error, certs, links, roots)),
        None => out_of_term(certs, now, None),
    }
}

/// The server's certificate is trusted as it is if it was given, as long as it is valid; the load engine does so, too.
fn pinned(certs: &[Parsed<'_>], links: &Links, roots: &Roots, now: OffsetDateTime) -> Option<Path> {
    let leaf = certs.first().filter(|leaf| roots.given.iter().any(|given| given.as_ref() == leaf.der))?;
    let pinned = Path::Pinned { self_signed: links.is_self_signed(0) };
    Some(match leaf.term().at(now.unix_timestamp()) {
        Currency::Current => pinned,
        Currency::NotYet | Currency::Over => {
            Path::None(Broken::OutOfTerm { positions: vec![0], otherwise: Some(Box::new(pinned)) })
        }
    })
}

/// `path` is what would be found at another moment: only what it uses matters. Without one, all that is not valid is named.
fn out_of_term(certs: &[Parsed<'_>], now: OffsetDateTime, path: Option<Path>) -> Path {
    let members = path.as_ref().map(Path::members);
    let out = certs.iter().filter(|cert| cert.term().at(now.unix_timestamp()) != Currency::Current);
    let positions = out.map(|cert| cert.position);
    let positions = positions.filter(|at| members.as_ref().is_none_or(|members| members.contains(at))).collect();
    Path::None(Broken::OutOfTerm { positions, otherwise: path.map(Box::new) })
}

/// Has webpki look for a path at a moment, in seconds since 1970.
fn walk(certs: &[Parsed<'_>], roots: &Roots, moment: i64) -> Result<Path, Error> {
    let ders: Vec<_> = certs.iter().map(|cert| CertificateDer::from(cert.der)).collect();
    let Some((leaf, others)) = ders.split_first() else { return Err(Error::BadDer) };
    let leaf = EndEntityCert::try_from(leaf)?;
    let moment = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(moment).unwrap_or(0)));
    let usage = KeyUsage::server_auth();
    let algorithms = webpki::ALL_VERIFICATION_ALGS;
    let path = leaf.verify_for_usage(algorithms, &roots.anchors, others, moment, usage, None, None)?;
    let position = |der: &[u8]| certs.iter().find(|cert| cert.der == der).map(|cert| cert.position);
    let via = path.intermediate_certificates().filter_map(|cert| position(&cert.der())).collect();
    let root = name_of(&path.anchor().subject);
    Ok(match roots.kind {
        Kind::Mozilla => Path::Mozilla { root, via },
        Kind::Given => Path::GivenAuthority { root, via },
    })
}

fn is_about_time(error: &Error) -> bool {
    matches!(error, Error::CertExpired { .. } | Error::CertNotValidYet { .. })
}

fn explain(error: &Error, certs: &[Parsed<'_>], links: &Links, roots: &Roots) -> Broken {
    match error {
        Error::UnknownIssuer => unknown_issuer(certs, links),
        Error::InvalidSignatureForPublicKey
        | Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => signature(error, certs, roots),
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => Broken::NotForServers,
        Error::CaUsedAsEndEntity => Broken::AuthorityAsServer,
        Error::EndEntityUsedAsCa => Broken::NotAnAuthority,
        Error::NameConstraintViolation => Broken::NameConstraint,
        Error::PathLenConstraintViolated => Broken::PathLength,
        other => Broken::Other(words(other)),
    }
}

/// What else webpki finds wrong, in words.
pub(super) fn words(error: &Error) -> String {
    let known = match error {
        Error::UnsupportedCertVersion => "a certificate is not of version 3",
        Error::UnsupportedCriticalExtension => "a certificate has a critical extension that is not understood",
        Error::CertDistrusted => "a certificate in the path is distrusted by name",
        Error::SignatureAlgorithmMismatch => "a certificate names two algorithms for its signature",
        Error::InvalidCertValidity => "a certificate ends before it begins",
        Error::InvalidSerialNumber => "a certificate has a serial number that is not allowed",
        Error::MaximumPathDepthExceeded => "the path is too long",
        Error::MaximumSignatureChecksExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => "there are too many possible paths",
        // The names of its errors are words, if technical ones.
        other => return format!("a certificate is refused: {}", clean(&other.to_string())),
    };
    known.to_owned()
}

/// No issuer is known: the certificates are followed up to the last, and its issuer named.
fn unknown_issuer(certs: &[Parsed<'_>], links: &Links) -> Broken {
    let top = links.top();
    if links.is_self_signed(top) {
        Broken::UnknownRoot { root: certs[top].subject_name(), sent: true }
    } else if top == 0 {
        Broken::MissingIntermediate { issuer: certs[0].issuer_name(), urls: Facts::of(&certs[0]).issuer_urls }
    } else {
        Broken::UnknownRoot { root: certs[top].issuer_name(), sent: false }
    }
}

/// webpki says "invalid signature" of a key that is too short as well. Roots' own signatures do not count.
fn signature(error: &Error, certs: &[Parsed<'_>], roots: &Roots) -> Broken {
    for cert in certs.iter().filter(|cert| !cert.is_self_issued()) {
        let sent = certs.iter().map(|issuer| (issuer.subject, issuer.spki));
        let known = roots.anchors.iter().map(|root| (root.subject.as_ref(), root.subject_public_key_info.as_ref()));
        for (_, spki) in sent.chain(known).filter(|(subject, _)| *subject == cert.issuer) {
            if let Checked::Unsupported(what) = cert.signed.check(spki) {
                return Broken::Unsupported(what);
            }
        }
    }
    match error {
        Error::InvalidSignatureForPublicKey => Broken::BadSignature,
        other => Broken::Other(words(other)),
    }
}

#[cfg(test)]
mod tests;
