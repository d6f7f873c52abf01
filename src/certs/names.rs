//! Whether a certificate is for a host: by its subject's alternative names, which is what TLS clients check, and by its common
//! names, which is what some policies speak of.

use std::fmt;
use std::net::IpAddr;

use rustls_pki_types::{CertificateDer, DnsName, ServerName};
use webpki::{EndEntityCert, Error};

use super::facts::Facts;
use super::path::words;
use crate::model::target::Host;

/// Whether a certificate is for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Whether one of the subject's alternative names is the host's (RFC 9525, 6.3): the rule that the load engine keeps, too.
    pub san_match: bool,
    /// Whether one of the common names is, by the same rule (RFC 6125, 6.4.4).
    pub cn_match: bool,
    /// Why no alternative name matches, where that can be said.
    pub why_not: Option<Mismatch>,
}

/// Why no alternative name is the host's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// There are none, and the common name is the host's.
    OnlyCommonName,
    /// There are none.
    NoAlternativeNames,
    /// A wildcard stands for one label, and the host has more there (RFC 9525, 6.3).
    WildcardTooDeep(String),
    /// A wildcard does not stand for the name below which it is: `*.example.com` is not `example.com`.
    WildcardNeedsLabel(String),
    /// A name has a `*` other than as its whole first label.
    WildcardMisplaced(String),
    /// The host is an address, which must be an `iPAddress` name; it is there as a DNS name only.
    AddressAsDnsName,
    /// TLS clients do not take the certificate at all, whatever its names; why.
    NotTaken(String),
    /// The names are others.
    Others,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnlyCommonName => f.write_str("the name is in the common name only, and there is no subjectAltName"),
            Self::NoAlternativeNames => f.write_str("the certificate has no name in subjectAltName"),
            Self::WildcardTooDeep(name) => write!(f, "the wildcard in {name} stands for one label only"),
            Self::WildcardNeedsLabel(name) => write!(f, "{name} needs a label in the place of its wildcard"),
            Self::WildcardMisplaced(name) => write!(f, "{name} has a wildcard that is not its whole first label"),
            Self::AddressAsDnsName => f.write_str("the address is there as a DNS name, not as an iPAddress"),
            Self::NotTaken(why) => f.write_str(why),
            Self::Others => f.write_str("the certificate is for other names"),
        }
    }
}

/// Holds the names of the certificate `der`, whose facts are `facts`, against `host`.
pub(super) fn names(der: &[u8], facts: &Facts, host: &Host) -> Names {
    let cn_match = facts.common_names.iter().any(|name| is_host(name, host));
    let (san_match, why_not) = match by_webpki(der, host) {
        Ok(true) => (true, None),
        Ok(false) => (false, Some(why_not(facts, host, cn_match))),
        Err(error) => (false, Some(Mismatch::NotTaken(words(&error)))),
    };
    Names { san_match, cn_match, why_not }
}

/// What webpki says of the alternative names; an error where it does not take the certificate.
fn by_webpki(der: &[u8], host: &Host) -> Result<bool, Error> {
    let name = match host {
        Host::Name(name) => DnsName::try_from(name.as_str()).ok().map(ServerName::DnsName),
        Host::Ip(ip) => Some(ServerName::IpAddress((*ip).into())),
    };
    let cert = CertificateDer::from(der);
    let cert = EndEntityCert::try_from(&cert)?;
    Ok(name.is_some_and(|name| cert.verify_is_valid_for_subject_name(&name).is_ok()))
}

/// Whether one presented name is the host's: equal without regard to case, or with `*` as its whole first label, which stands for
/// exactly one label (RFC 9525, 6.3) and leaves at least two others.
pub(super) fn is_host(presented: &str, host: &Host) -> bool {
    match host {
        Host::Ip(ip) => presented.parse::<IpAddr>().is_ok_and(|presented| presented == *ip),
        Host::Name(host) => {
            let host = host.strip_suffix('.').unwrap_or(host);
            match presented.strip_prefix("*.") {
                None => !presented.is_empty() && !presented.contains('*') && presented.eq_ignore_ascii_case(host),
                Some(parent) => {
                    let rest = host.split_once('.').filter(|(first, _)| !first.is_empty()).map(|(_, rest)| rest);
                    is_wildcards_parent(parent) && rest.is_some_and(|rest| rest.eq_ignore_ascii_case(parent))
                }
            }
        }
    }
}

/// Whether a wildcard may stand before this name: it has two labels at least, and no wildcard itself.
fn is_wildcards_parent(parent: &str) -> bool {
    !parent.contains('*') && parent.split('.').count() >= 2 && parent.split('.').all(|label| !label.is_empty())
}

fn why_not(facts: &Facts, host: &Host, cn_match: bool) -> Mismatch {
    if facts.dns_names.is_empty() && facts.ip_addresses.is_empty() {
        return if cn_match { Mismatch::OnlyCommonName } else { Mismatch::NoAlternativeNames };
    }
    let host = match host {
        Host::Ip(_) => {
            let as_dns = facts.dns_names.iter().any(|name| is_host(name, host));
            return if as_dns { Mismatch::AddressAsDnsName } else { Mismatch::Others };
        }
        Host::Name(name) => name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase(),
    };
    for name in &facts.dns_names {
        let lower = name.to_ascii_lowercase();
        let Some((before, parent)) = lower.split_once('.').filter(|_| lower.contains('*')) else { continue };
        if before != "*" || !is_wildcards_parent(parent) {
            // Only where it was meant for this host, as far as its end tells.
            let end = lower.rsplit('*').next().unwrap_or_default();
            if host.ends_with(end) {
                return Mismatch::WildcardMisplaced(name.clone());
            }
        } else if host == parent {
            return Mismatch::WildcardNeedsLabel(name.clone());
        } else if host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.')) {
            return Mismatch::WildcardTooDeep(name.clone());
        }
    }
    Mismatch::Others
}

#[cfg(test)]
mod tests;
