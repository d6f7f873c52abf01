//! Whether a handshake agreed on what the plan asked for. rustls refuses what it did not offer; that this holds for every connection is
//! looked at here, since a row under a wrong name would be worse than a failure.

use super::session::Agreed;
use crate::model::failure::{Failure, FailureKind};
use crate::model::suite::KeyType;
use crate::model::tls::TlsPlan;

/// What the server showed beside the suite.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    /// The type of key in its certificate, where it showed one.
    pub(super) key_type: Option<KeyType>,
    /// The protocol that ALPN agreed on.
    pub(super) alpn: Option<&'a [u8]>,
}

/// What was agreed on, if it is what `plan` asked for; `None` was agreed on where it cannot be named.
pub(super) fn as_asked(plan: &TlsPlan, agreed: Option<Agreed>, shown: Shown<'_>) -> Result<Agreed, Failure> {
    let other = |detail: String| Failure::new(FailureKind::NegotiatedOther, detail);
    let agreed = agreed.ok_or_else(|| other("a suite that cannot be named".to_owned()))?;
    if !plan.suites().contains(&agreed.suite) || !plan.versions().contains(&agreed.version) {
        return Err(other(format!("{} with {}", agreed.version, agreed.suite)));
    }
    if let Some(group) = agreed.group.filter(|group| !plan.groups().contains(group)) {
        return Err(other(format!("group {group}")));
    }
    if let (Some(wanted), Some(shown)) = (plan.cert_type(), shown.key_type)
        && wanted != shown
    {
        return Err(other(format!("certificate of type {shown}")));
    }
    match shown.alpn {
        Some(protocol) if protocol != b"http/1.1" => Err(other(format!("ALPN {}", String::from_utf8_lossy(protocol)))),
        _ => Ok(agreed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::suite::{Group, Suite, TlsVersion};
    use crate::model::tls::TlsChoice;

    const AGREED: Agreed = Agreed {
        version: TlsVersion::V12,
        suite: Suite::EcdheRsaAes128Gcm,
        group: Some(Group::X25519),
        resumed: false,
        retried_hello: false,
    };

    const SHOWN: Shown<'static> = Shown { key_type: Some(KeyType::Rsa), alpn: Some(b"http/1.1") };

    fn plan() -> TlsPlan {
        let choice = TlsChoice {
            suites: vec![Suite::EcdheRsaAes128Gcm],
            groups: vec![Group::X25519],
            cert_type: Some(KeyType::Rsa),
            ..TlsChoice::default()
        };
        TlsPlan::new(choice).unwrap()
    }

    #[test]
    fn what_was_asked_for_passes() {
        assert_eq!(as_asked(&plan(), Some(AGREED), SHOWN), Ok(AGREED));
        // A resumption of TLS 1.2 exchanges no key and may show no certificate.
        let resumed = Agreed { group: None, resumed: true, ..AGREED };
        assert_eq!(as_asked(&plan(), Some(resumed), Shown { key_type: None, alpn: None }), Ok(resumed));
    }

    #[test]
    fn anything_else_is_a_failure_of_its_own_kind() {
        let cases = [
            (None, SHOWN, "cannot be named"),
            (Some(Agreed { suite: Suite::EcdheRsaChaCha20, ..AGREED }), SHOWN, "CHACHA20"),
            (Some(Agreed { version: TlsVersion::V13, ..AGREED }), SHOWN, "TLSv1.3"),
            (Some(Agreed { group: Some(Group::Secp256r1), ..AGREED }), SHOWN, "group secp256r1"),
            (Some(AGREED), Shown { key_type: Some(KeyType::Ecdsa), ..SHOWN }, "type ecdsa"),
            (Some(AGREED), Shown { alpn: Some(b"h2"), ..SHOWN }, "ALPN h2"),
        ];
        for (agreed, shown, detail) in cases {
            let failure = as_asked(&plan(), agreed, shown).unwrap_err();
            assert_eq!(failure.kind, FailureKind::NegotiatedOther);
            assert!(failure.detail().contains(detail), "{failure}");
        }
    }
}
