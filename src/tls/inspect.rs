//! A client that takes any certificate and keeps what the server showed: to see what an endpoint has, before anyone judges it.
//!
//! The handshake's signature is checked all the same: without it, what was shown would not have to be the server's.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme, SupportedCipherSuite};

use super::provider::{cipher_suite, provider};
use super::verifier::key_type;
use crate::model::registry::SuiteCode;
use crate::model::suite::{Group, KeyType};
use crate::model::tls::Provider;

/// The certificates that a server showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// In DER, in the order in which they came.
    pub certificates: Vec<Vec<u8>>,
    /// The stapled OCSP response, in DER.
    pub staple: Option<Vec<u8>>,
}

/// Keeps what a server shows in one handshake.
#[derive(Debug)]
pub struct Witness {
    algorithms: WebPkiSupportedAlgorithms,
    schemes: Vec<SignatureScheme>,
    shown: Mutex<Shown>,
}

impl Witness {
    /// What was shown; empty before the handshake.
    pub fn shown(&self) -> Shown {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn check(
        &self,
        signature: &DigitallySignedStruct,
        check: impl FnOnce(&WebPkiSupportedAlgorithms) -> Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        if !self.schemes.contains(&signature.scheme) {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        check(&self.algorithms)
    }
}

/// Which certificates a server may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificates {
    /// Any.
    All,
    /// Those with a key of this kind.
    Of(KeyType),
    /// Those that sign by the scheme of this code (IANA "TLS SignatureScheme").
    Signing(u16),
}

/// A configuration for one handshake with `suite` alone, with one of `certificates`, and with these ALPN protocols. `None` if rustls and our CBC
/// suites do not have the suite, or rustls no such scheme.
pub fn inspecting(
    suite: SuiteCode,
    certificates: Certificates,
    alpn: &[&str],
    send_name: bool,
) -> Option<(Arc<ClientConfig>, Arc<Witness>)> {
    let suite = spoken(suite)?;
    let groups = [Group::X25519, Group::Secp256r1, Group::Secp384r1];
    let base = provider(Provider::AwsLc, &[], &groups);
    let provider = Arc::new(CryptoProvider { cipher_suites: vec![suite], ..(*base).clone() });
    let algorithms = provider.signature_verification_algorithms;
    let fits = |scheme: &SignatureScheme| match certificates {
        Certificates::All => true,
        Certificates::Of(wanted) => key_type(*scheme) == Some(wanted),
        Certificates::Signing(code) => u16::from(*scheme) == code,
    };
    let schemes: Vec<_> = algorithms.supported_schemes().into_iter().filter(fits).collect();
    if schemes.is_empty() {
        return None;
    }
    let witness = Arc::new(Witness { algorithms, schemes, shown: Mutex::default() });
    let version = match suite {
        SupportedCipherSuite::Tls12(_) => &rustls::version::TLS12,
        SupportedCipherSuite::Tls13(_) => &rustls::version::TLS13,
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("the suite's own version has a suite and a group")
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.enable_sni = send_name;
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Some((Arc::new(config), witness))
}

/// The suite, if it is one of the nine or another of rustls's own.
fn spoken(suite: SuiteCode) -> Option<SupportedCipherSuite> {
    let ours = suite.spoken().map(|suite| cipher_suite(Provider::AwsLc, suite));
    ours.or_else(|| aws_lc_rs::ALL_CIPHER_SUITES.iter().copied().find(|known| u16::from(known.suite()) == suite.0))
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificates = std::iter::once(end_entity).chain(intermediates).map(|der| der.to_vec()).collect();
        let staple = (!ocsp_response.is_empty()).then(|| ocsp_response.to_vec());
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Shown { certificates, staple };
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check(signature, |algorithms| verify_tls12_signature(message, cert, signature, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check(signature, |algorithms| verify_tls13_signature(message, cert, signature, algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::suite::Suite;
    use crate::tls::testing;

    #[test]
    fn what_the_server_shows_is_kept_for_each_suite() {
        for suite in Suite::all() {
            for kind in [KeyType::Rsa, KeyType::Ecdsa] {
                if suite.key_type().is_some_and(|needed| needed != kind) {
                    continue;
                }
                let identity = testing::server_identity(kind);
                let server = Arc::new(testing::server_config(Provider::AwsLc, identity));
                let (config, witness) = inspecting(suite.into(), Certificates::Of(kind), &[], true).unwrap();
                assert_eq!(witness.shown(), Shown::default());
                testing::handshake(&config, &server, "any.example").unwrap();
                let expected: Vec<_> = identity.chain.iter().map(|der| der.to_vec()).collect();
                assert_eq!(witness.shown(), Shown { certificates: expected, staple: None });
            }
        }
    }

    #[test]
    fn the_wrong_kind_of_certificate_is_no_handshake() {
        let server = Arc::new(testing::server_config(Provider::AwsLc, testing::server_identity(KeyType::Rsa)));
        let (config, _) =
            inspecting(Suite::Aes128GcmSha256.into(), Certificates::Of(KeyType::Ecdsa), &[], true).unwrap();
        assert!(testing::handshake(&config, &server, testing::HOST).is_err());
    }

    #[test]
    fn rustls_has_more_than_the_nine_but_not_all() {
        let has = |name: &str| inspecting(name.parse().unwrap(), Certificates::All, &[], true).is_some();
        assert!(has("ECDHE-RSA-AES256-GCM-SHA384"));
        assert!(!has("AES128-SHA") && !has("TLS_AES_128_CCM_SHA256"));
    }
}
