//! Verifies a server's certificate: in full at first sight, by comparison while it stays the same to the byte.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Certificate;

use super::trust::Anchors;
use crate::model::suite::KeyType;
use crate::model::tls::Verify;
use crate::model::x509::{Currency, Term};

/// Chains that are remembered. A server has one certificate for each kind of key, and a farm of servers a few more.
const REMEMBERED: usize = 8;

/// The verifier of one configuration: the chain's path and validity, the name, and the signature of the handshake.
///
/// Names are matched against subjectAltName only, with wildcards as in RFC 9525, 6.3. Revocation is not checked.
#[derive(Debug)]
pub struct ChainVerifier {
    /// `None`: nothing is checked.
    anchors: Option<Arc<Anchors>>,
    algorithms: WebPkiSupportedAlgorithms,
    schemes: Vec<SignatureScheme>,
    /// `None`: every chain is walked. A configuration belongs to one worker, so that the lock is never contended.
    seen: Option<Mutex<Vec<Seen>>>,
}

/// A chain that was verified for a name.
#[derive(Debug)]
struct Seen {
    name: ServerName<'static>,
    chain: Vec<CertificateDer<'static>>,
    /// The end of the server certificate's validity: a chain that was good must not outlive it within a long run.
    not_after: UnixTime,
}

impl ChainVerifier {
    /// A verifier that trusts `anchors`, offers the signature schemes of `provider` that fit `cert_type`, and walks a chain as
    /// often as `verify` says.
    pub(super) fn new(
        anchors: Option<Arc<Anchors>>,
        provider: &CryptoProvider,
        cert_type: Option<KeyType>,
        verify: Verify,
    ) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        let fits = |scheme: &SignatureScheme| cert_type.is_none_or(|wanted| key_type(*scheme) == Some(wanted));
        Self {
            anchors,
            algorithms,
            schemes: algorithms.supported_schemes().into_iter().filter(fits).collect(),
            seen: match verify {
                Verify::Once => Some(Mutex::new(Vec::with_capacity(REMEMBERED))),
                Verify::Every => None,
            },
        }
    }

    /// Walks the chain, and gives the end of the server certificate's validity.
    fn walk(
        &self,
        anchors: &Anchors,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<UnixTime, Error> {
        let (_, x509) = parse_x509_certificate(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        if anchors.given.iter().any(|given| given == end_entity) {
            check_validity(&x509, now)?;
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
        } else {
            let walked = ParsedCertificate::try_from(end_entity).and_then(|parsed| {
                let algorithms = self.algorithms.all;
                verify_server_cert_signed_by_trust_anchor(&parsed, &anchors.roots, intermediates, now, algorithms)?;
                verify_server_name(&parsed, name)
            });
            walked.map_err(|error| explain(error, &x509))?;
        }
        Ok(unix_time(x509.validity().not_after.timestamp()))
    }

    fn was_seen(&self, chain: &[&[CertificateDer<'_>]; 2], name: &ServerName<'_>, now: UnixTime) -> bool {
        let Some(seen) = &self.seen else { return false };
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let len = chain[0].len() + chain[1].len();
        seen.iter().any(|known| {
            known.chain.len() == len
                && known.chain.iter().eq(chain.iter().copied().flatten())
                && known.name == *name
                && now <= known.not_after
        })
    }

    fn remember(&self, chain: &[&[CertificateDer<'_>]; 2], name: &ServerName<'_>, not_after: UnixTime) {
        let Some(seen) = &self.seen else { return };
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() == REMEMBERED {
            seen.remove(0);
        }
        let chain = chain.iter().copied().flatten().map(|cert| cert.clone().into_owned()).collect();
        seen.push(Seen { name: name.to_owned(), chain, not_after });
    }

    /// Checks the handshake's signature with `check`, unless nothing is checked at all. A scheme that was not offered is refused: for
    /// rustls, any that the library can compute would do.
    fn check_signature(
        &self,
        signature: &DigitallySignedStruct,
        check: impl FnOnce(&WebPkiSupportedAlgorithms) -> Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.anchors.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        if !self.schemes.contains(&signature.scheme) {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        check(&self.algorithms)
    }
}

impl ServerCertVerifier for ChainVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(anchors) = &self.anchors else { return Ok(ServerCertVerified::assertion()) };
        let chain = [std::slice::from_ref(end_entity), intermediates];
        if !self.was_seen(&chain, server_name, now) {
            let not_after = self.walk(anchors, end_entity, intermediates, server_name, now)?;
            self.remember(&chain, server_name, not_after);
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(signature, |algorithms| verify_tls12_signature(message, cert, signature, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(signature, |algorithms| verify_tls13_signature(message, cert, signature, algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

/// The kind of key that makes signatures of this scheme; `None` for one that rustls does not verify.
pub(super) fn key_type(scheme: SignatureScheme) -> Option<KeyType> {
    match scheme {
        SignatureScheme::RSA_PKCS1_SHA256
        | SignatureScheme::RSA_PKCS1_SHA384
        | SignatureScheme::RSA_PKCS1_SHA512
        | SignatureScheme::RSA_PSS_SHA256
        | SignatureScheme::RSA_PSS_SHA384
        | SignatureScheme::RSA_PSS_SHA512 => Some(KeyType::Rsa),
        SignatureScheme::ECDSA_NISTP256_SHA256
        | SignatureScheme::ECDSA_NISTP384_SHA384
        | SignatureScheme::ECDSA_NISTP521_SHA512
        | SignatureScheme::ED25519 => Some(KeyType::Ecdsa),
        _ => None,
    }
}

/// Validity in time of a certificate that is trusted as such.
fn check_validity(cert: &X509Certificate<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let (not_before, not_after) = (cert.validity().not_before.timestamp(), cert.validity().not_after.timestamp());
    match (Term { not_before, not_after }).at(i64::try_from(now.as_secs()).unwrap_or(i64::MAX)) {
        Currency::NotYet => Err(CertificateError::NotValidYetContext { time: now, not_before: unix_time(not_before) }),
        Currency::Current => Ok(()),
        Currency::Over => Err(CertificateError::ExpiredContext { time: now, not_after: unix_time(not_after) }),
    }
}

fn unix_time(seconds: i64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// What stops webpki first in a self-signed certificate may be its form, such as a CA flag; what is wrong with it is that nobody
/// named it.
fn explain(error: Error, cert: &X509Certificate<'_>) -> Error {
    match error {
        Error::InvalidCertificate(CertificateError::Other(_)) if cert.issuer() == cert.subject() => {
            CertificateError::UnknownIssuer.into()
        }
        error => error,
    }
}

#[cfg(test)]
mod tests;
