//! What a certificate says of itself.

use std::net::IpAddr;

use time::OffsetDateTime;
use x509_parser::prelude::{GeneralName, ParsedExtension};

use super::algorithms::{self, Key};
use super::parsed::{Parsed, clean, uri};
use crate::model::x509::{Currency, may_sign};

/// Seconds in a day.
const DAY: i64 = 86_400;

/// What a certificate says of itself. Names are as the certificate has them, without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The subject's distinguished name, such as `CN=server.example, O=Example`.
    pub subject: String,
    /// The issuer's distinguished name.
    pub issuer: String,
    /// The serial number in lower-case hexadecimal, without leading zeros.
    pub serial: String,
    /// The subject's common names, as they come.
    pub common_names: Vec<String>,
    /// The DNS names among the subject's alternative names.
    pub dns_names: Vec<String>,
    /// The addresses among them.
    pub ip_addresses: Vec<IpAddr>,
    /// The first moment at which it is valid.
    pub not_before: OffsetDateTime,
    /// The last moment at which it is valid.
    pub not_after: OffsetDateTime,
    /// Its public key.
    pub key: Key,
    /// The algorithm of the signature on it, such as `ecdsa-with-SHA256`.
    pub signature_algorithm: String,
    /// Whether that algorithm's hash is MD2, MD5 or SHA-1, for which collisions can be made.
    pub broken_hash: bool,
    /// Whether it names itself as its issuer.
    pub self_issued: bool,
    /// Whether it may sign other certificates.
    pub is_authority: bool,
    /// Whether its extended key usage has server authentication (RFC 5280, 4.2.1.12); `None`: it has no such extension, and so no limit.
    pub server_auth: Option<bool>,
    /// Whether it demands a stapled OCSP response (RFC 7633).
    pub must_staple: bool,
    /// Where its issuer publishes revocation lists.
    pub crl_urls: Vec<String>,
    /// Where its issuer answers OCSP requests.
    pub ocsp_urls: Vec<String>,
    /// Where its issuer's certificate can be had.
    pub issuer_urls: Vec<String>,
}

/// Whether a certificate is valid in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// It is.
    Valid {
        /// Whole days until it ends.
        days_left: i64,
    },
    /// It was.
    Expired {
        /// Its last valid moment.
        since: OffsetDateTime,
    },
    /// It will be.
    NotYetValid {
        /// Its first valid moment.
        until: OffsetDateTime,
    },
}

impl Facts {
    pub(super) fn of(cert: &Parsed<'_>) -> Self {
        let validity = cert.x509.validity();
        let (mut dns_names, mut ip_addresses) = (Vec::new(), Vec::new());
        let (mut ocsp_urls, mut issuer_urls, mut server_auth) = (Vec::new(), Vec::new(), None);
        for extension in cert.extensions() {
            match extension {
                ParsedExtension::SubjectAlternativeName(names) => {
                    for name in &names.general_names {
                        match name {
                            GeneralName::DNSName(name) => dns_names.push(clean(name)),
                            GeneralName::IPAddress(bytes) => ip_addresses.extend(address(bytes)),
                            _ => {}
                        }
                    }
                }
                ParsedExtension::ExtendedKeyUsage(usage) => server_auth = Some(usage.server_auth),
                ParsedExtension::AuthorityInfoAccess(access) => {
                    for access in &access.accessdescs {
                        let GeneralName::URI(url) = access.access_location else { continue };
                        // id-ad-ocsp and id-ad-caIssuers (RFC 5280, 4.2.2.1).
                        match access.access_method.to_id_string().as_str() {
                            "1.3.6.1.5.5.7.48.1" => ocsp_urls.push(clean(url)),
                            "1.3.6.1.5.5.7.48.2" => issuer_urls.push(clean(url)),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Self {
            subject: cert.subject_name(),
            issuer: cert.issuer_name(),
            serial: hex(cert.serial),
            common_names: common_names(cert),
            dns_names,
            ip_addresses,
            not_before: validity.not_before.to_datetime(),
            not_after: validity.not_after.to_datetime(),
            key: Key::of(cert.spki),
            signature_algorithm: algorithms::signature_name(cert.signed.algorithm),
            broken_hash: algorithms::is_broken(cert.signed.algorithm),
            self_issued: cert.is_self_issued(),
            is_authority: may_sign(cert.der),
            server_auth,
            must_staple: cert.must_staple(),
            crl_urls: cert.distribution_points().unwrap_or_default().into_iter().filter_map(uri).collect(),
            ocsp_urls,
            issuer_urls,
        }
    }

    /// From the first valid moment to the last, in days, begun ones included.
    pub fn period_days(&self) -> i64 {
        let seconds = self.not_after.unix_timestamp() - self.not_before.unix_timestamp();
        // Both ends belong to it.
        (seconds + DAY).div_euclid(DAY)
    }
}

/// Whether `cert` is valid at `now`.
pub(super) fn validity(cert: &Parsed<'_>, now: OffsetDateTime) -> Validity {
    let (term, times) = (cert.term(), cert.x509.validity());
    match term.at(now.unix_timestamp()) {
        Currency::NotYet => Validity::NotYetValid { until: times.not_before.to_datetime() },
        Currency::Over => Validity::Expired { since: times.not_after.to_datetime() },
        Currency::Current => Validity::Valid { days_left: (term.not_after - now.unix_timestamp()).div_euclid(DAY) },
    }
}

fn common_names(cert: &Parsed<'_>) -> Vec<String> {
    cert.x509.subject().iter_common_name().filter_map(|name| name.as_str().ok().map(clean)).collect()
}

/// The address in an `iPAddress` name (RFC 5280, 4.2.1.6); `None` for another length.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() { "00".to_owned() } else { bytes.iter().map(|byte| format!("{byte:02x}")).collect() }
}

#[cfg(test)]
mod tests;
