//! From an error of rustls to a failure of ours, with the reason in words.

use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error, InvalidMessage, PeerIncompatible, PeerMisbehaved};
use time::OffsetDateTime;

use crate::model::failure::{Failure, FailureKind};

/// The detail of a certificate that leads to no root that is trusted.
pub const UNKNOWN_ISSUER: &str = "unknown issuer: no path to a trusted root";

/// How the detail begins of a certificate that is for other names.
pub const NAME_MISMATCH: &str = "name mismatch";

/// The detail of a certificate that is for no name at all.
pub const NO_NAME: &str = "name mismatch: the certificate has no subjectAltName, so it is for no name";

/// The failure that `error` is at a server: as [`classify`], with what a server can say of its client.
pub fn classify_at_server(error: &Error) -> Failure {
    match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            Failure::new(FailureKind::TlsProtocol, "not a TLS record: does the client speak TLS?")
        }
        Error::PeerIncompatible(why) => Failure::new(
            FailureKind::NegotiatedOther,
            format!("the offer does not fit: {}", words(&format!("{why:?}"))),
        ),
        other => classify(other),
    }
}

/// The failure that `error` is at a client.
///
/// - A refused certificate is [`FailureKind::Certificate`], whatever alert went out.
/// - An alert that the peer sent is [`FailureKind::TlsAlert`], by its name in the IANA registry "TLS Alerts".
/// - A peer that picked a version, suite, group, protocol or signature scheme that was not offered is
///   [`FailureKind::NegotiatedOther`]: it does speak TLS, but not what was asked for.
/// - All else is [`FailureKind::TlsProtocol`]: a broken message, a record that failed authentication, a peer without something
///   that TLS demands.
///
/// The details hold nothing that changes from one connection to the next, so that equal failures count as equal.
pub fn classify(error: &Error) -> Failure {
    let (kind, detail) = match error {
        Error::InvalidCertificate(why) => (FailureKind::Certificate, certificate(why)),
        Error::NoCertificatesPresented => (FailureKind::Certificate, "the server presented none".to_owned()),
        Error::UnsupportedNameType => {
            (FailureKind::Certificate, "the target's name is of no kind that can be checked".to_owned())
        }
        Error::AlertReceived(alert) => (FailureKind::TlsAlert, alert_name(u8::from(*alert))),
        Error::PeerMisbehaved(why) => (misbehaviour(why), words(&format!("{why:?}"))),
        Error::PeerIncompatible(why) => (incompatibility(why), words(&format!("{why:?}"))),
        Error::DecryptError => (FailureKind::TlsProtocol, "a record failed authentication".to_owned()),
        Error::PeerSentOversizedRecord => (FailureKind::TlsProtocol, "a record longer than TLS allows".to_owned()),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            (FailureKind::TlsProtocol, "not a TLS record: does the port speak TLS?".to_owned())
        }
        Error::InvalidMessage(why) => {
            (FailureKind::TlsProtocol, format!("invalid message: {}", words(&format!("{why:?}"))))
        }
        other => (FailureKind::TlsProtocol, other.to_string()),
    };
    Failure::new(kind, detail)
}

fn misbehaviour(why: &PeerMisbehaved) -> FailureKind {
    use PeerMisbehaved as M;
    match why {
        M::CipherSuiteDifferedOnRetry
        | M::IllegalHelloRetryRequestWithUnofferedCipherSuite
        | M::IllegalHelloRetryRequestWithUnofferedNamedGroup
        | M::IllegalHelloRetryRequestWithUnsupportedVersion
        | M::SelectedDifferentCipherSuiteAfterRetry
        | M::SelectedTls12UsingTls13VersionExtension
        | M::SelectedUnofferedApplicationProtocol
        | M::SelectedUnofferedCipherSuite
        | M::SelectedUnofferedKxGroup
        | M::SelectedUnusableCipherSuiteForVersion
        | M::SignedHandshakeWithUnadvertisedSigScheme
        | M::SignedKxWithWrongAlgorithm
        | M::WrongGroupForKeyShare => FailureKind::NegotiatedOther,
        _ => FailureKind::TlsProtocol,
    }
}

fn incompatibility(why: &PeerIncompatible) -> FailureKind {
    use PeerIncompatible as I;
    match why {
        I::ServerDoesNotSupportTls12Or13
        | I::ServerTlsVersionIsDisabledByOurConfig
        | I::NoCipherSuitesInCommon
        | I::NoKxGroupsInCommon => FailureKind::NegotiatedOther,
        _ => FailureKind::TlsProtocol,
    }
}

/// Why a certificate was refused.
fn certificate(why: &CertificateError) -> String {
    use CertificateError as C;
    match why {
        C::ExpiredContext { not_after, .. } => format!("expired on {}", moment(*not_after)),
        C::Expired => "expired".to_owned(),
        C::NotValidYetContext { not_before, .. } => format!("not valid before {}", moment(*not_before)),
        C::NotValidYet => "not valid yet".to_owned(),
        C::NotValidForNameContext { presented, .. } if presented.is_empty() => NO_NAME.to_owned(),
        C::NotValidForNameContext { presented, .. } => {
            let names: Vec<_> = presented.iter().map(|name| bare_name(name)).collect();
            format!("{NAME_MISMATCH}: the certificate is for {}", names.join(", "))
        }
        C::NotValidForName => NAME_MISMATCH.to_owned(),
        C::UnknownIssuer => UNKNOWN_ISSUER.to_owned(),
        C::Revoked => "revoked".to_owned(),
        C::UnknownRevocationStatus => "revocation status unknown".to_owned(),
        C::BadSignature => "bad signature".to_owned(),
        C::BadEncoding => "bad encoding".to_owned(),
        C::UnhandledCriticalExtension => "it has a critical extension that is not understood".to_owned(),
        C::UnsupportedSignatureAlgorithmContext { .. } => "signed with an algorithm that is not supported".to_owned(),
        C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "signed with an algorithm that does not fit the key".to_owned()
        }
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => "not for server authentication".to_owned(),
        C::Other(error) => words(&error.to_string()),
        other => words(&format!("{other:?}")),
    }
}

/// A date, and in brackets the time of day.
fn moment(time: UnixTime) -> String {
    let moment = i64::try_from(time.as_secs()).ok().and_then(|secs| OffsetDateTime::from_unix_timestamp(secs).ok());
    moment.map_or_else(
        || format!("second {} of the Unix epoch", time.as_secs()),
        |at| format!("{} ({:02}:{:02}:{:02} UTC)", at.date(), at.hour(), at.minute(), at.second()),
    )
}

/// `DnsName("a.example")` and `IpAddress(10.0.0.1)`, as webpki writes names, without their wrapping.
fn bare_name(name: &str) -> String {
    let Some((_, inner)) = name.split_once('(') else { return name.to_owned() };
    let inner = inner.trim_end_matches(')').trim_matches('"');
    // An address is written as addresses are: the library has `0::1` for `::1`.
    inner.parse::<std::net::IpAddr>().map_or_else(|_| inner.to_owned(), |ip| ip.to_string())
}

/// `SelectedUnofferedCipherSuite` as "selected unoffered cipher suite"; text that has spaces already stays as it is.
fn words(name: &str) -> String {
    if name.contains(' ') {
        return name.to_owned();
    }
    let mut text = String::with_capacity(name.len() + 8);
    for (at, c) in name.char_indices() {
        if at > 0 && c.is_ascii_uppercase() {
            text.push(' ');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

/// An alert's name in the IANA registry, by its code; `alert_` and the number where it has none.
pub fn alert_name(code: u8) -> String {
    let name = match code {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        21 => "decryption_failed",
        22 => "record_overflow",
        30 => "decompression_failure",
        40 => "handshake_failure",
        41 => "no_certificate",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        60 => "export_restriction",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        111 => "certificate_unobtainable",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        114 => "bad_certificate_hash_value",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        117 => "general_error",
        120 => "no_application_protocol",
        121 => "ech_required",
        _ => return format!("alert_{code}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use rustls::pki_types::ServerName;
    use rustls::{AlertDescription, OtherError, PeerMisbehaved as M};

    use super::*;

    fn at(secs: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(secs))
    }

    fn mismatch(presented: &[&str]) -> CertificateError {
        CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("x.example").unwrap(),
            presented: presented.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_refused_certificate_gives_its_reason_in_words() {
        use CertificateError as C;
        let time = at(1_800_000_000);
        let other = C::Other(OtherError(Arc::new(std::io::Error::other("CaUsedAsEndEntity"))));
        for (why, expected) in [
            (C::ExpiredContext { time, not_after: at(1_704_153_600) }, "expired on 2024-01-02 (00:00:00 UTC)"),
            (C::Expired, "expired"),
            (
                C::NotValidYetContext { time, not_before: at(2_000_000_001) },
                "not valid before 2033-05-18 (03:33:21 UTC)",
            ),
            (C::NotValidYet, "not valid yet"),
            (
                C::ExpiredContext { time, not_after: at(u64::MAX) },
                "expired on second 18446744073709551615 of the Unix epoch",
            ),
            (
                mismatch(&["DnsName(\"a.example\")", "IpAddress(10.0.0.1)"]),
                "name mismatch: the certificate is for a.example, 10.0.0.1",
            ),
            (mismatch(&[]), "name mismatch: the certificate has no subjectAltName, so it is for no name"),
            (C::NotValidForName, "name mismatch"),
            (C::UnknownIssuer, "unknown issuer: no path to a trusted root"),
            (C::Revoked, "revoked"),
            (C::UnknownRevocationStatus, "revocation status unknown"),
            (C::BadSignature, "bad signature"),
            (C::BadEncoding, "bad encoding"),
            (C::UnhandledCriticalExtension, "it has a critical extension that is not understood"),
            (C::InvalidPurpose, "not for server authentication"),
            (C::ApplicationVerificationFailure, "application verification failure"),
            (other, "ca used as end entity"),
        ] {
            assert_eq!(classify(&why.into()), Failure::new(FailureKind::Certificate, expected));
        }
        assert_eq!(classify(&Error::NoCertificatesPresented).kind, FailureKind::Certificate);
    }

    #[test]
    fn alerts_have_their_registered_names() {
        for (alert, name) in [
            (AlertDescription::HandshakeFailure, "handshake_failure"),
            (AlertDescription::UnknownCA, "unknown_ca"),
            (AlertDescription::UnrecognisedName, "unrecognized_name"),
            (AlertDescription::UnknownPSKIdentity, "unknown_psk_identity"),
            (AlertDescription::EncryptedClientHelloRequired, "ech_required"),
            (AlertDescription::Unknown(200), "alert_200"),
        ] {
            assert_eq!(classify(&Error::AlertReceived(alert)), Failure::new(FailureKind::TlsAlert, name));
        }
        // Every alert that rustls has a name for has one here, the same but for its spelling.
        for code in 0..=255u8 {
            let alert = AlertDescription::from(code);
            let ours = alert_name(u8::from(alert)).replace('_', "");
            let theirs = format!("{alert:?}").to_lowercase().replace("unrecognised", "unrecognized");
            let known = !matches!(alert, AlertDescription::Unknown(_));
            assert!(!known || ours == theirs || code == 121, "{ours} and {theirs}");
        }
    }

    #[test]
    fn what_was_not_offered_is_told_apart_from_what_is_broken() {
        use FailureKind::{NegotiatedOther, TlsProtocol};
        for (error, kind, detail) in [
            (M::SelectedUnofferedCipherSuite.into(), NegotiatedOther, "selected unoffered cipher suite"),
            (M::SelectedUnofferedKxGroup.into(), NegotiatedOther, "selected unoffered kx group"),
            (
                M::SelectedUnofferedApplicationProtocol.into(),
                NegotiatedOther,
                "selected unoffered application protocol",
            ),
            (
                M::SignedHandshakeWithUnadvertisedSigScheme.into(),
                NegotiatedOther,
                "signed handshake with unadvertised sig scheme",
            ),
            (
                PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into(),
                NegotiatedOther,
                "server tls version is disabled by our config",
            ),
            (M::IncorrectBinder.into(), TlsProtocol, "incorrect binder"),
            (PeerIncompatible::NullCompressionRequired.into(), TlsProtocol, "null compression required"),
            (Error::DecryptError, TlsProtocol, "a record failed authentication"),
            (Error::PeerSentOversizedRecord, TlsProtocol, "a record longer than TLS allows"),
            (InvalidMessage::InvalidContentType.into(), TlsProtocol, "not a TLS record: does the port speak TLS?"),
            (InvalidMessage::InvalidCcs.into(), TlsProtocol, "invalid message: invalid ccs"),
            (Error::General("odd".to_owned()), TlsProtocol, "unexpected error: odd"),
        ] {
            assert_eq!(classify(&error), Failure::new(kind, detail));
        }
    }
}
