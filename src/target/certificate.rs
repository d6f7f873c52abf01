//! Which of the two certificates a client is shown.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, SignatureScheme};

use super::ca::{Issued, Leaf};
use crate::model::suite::{KeyType, Suite, TlsVersion};

/// Picks the certificate whose key fits the suite that will be negotiated.
#[derive(Debug)]
pub(super) struct Resolver {
    suites: Vec<Suite>,
    rsa: Arc<CertifiedKey>,
    ecdsa: Arc<CertifiedKey>,
}

impl Resolver {
    /// A resolver for a server that speaks `suites`, with keys loaded by `provider`.
    pub(super) fn new(suites: &[Suite], issued: Issued, provider: &CryptoProvider) -> Result<Self, rustls::Error> {
        let load = |leaf: Leaf| -> Result<Arc<CertifiedKey>, rustls::Error> {
            Ok(Arc::new(CertifiedKey::new(leaf.chain, provider.key_provider.load_private_key(leaf.key)?)))
        };
        Ok(Self { suites: suites.to_vec(), rsa: load(issued.rsa)?, ecdsa: load(issued.ecdsa)? })
    }

    fn key(&self, key_type: KeyType) -> &Arc<CertifiedKey> {
        match key_type {
            KeyType::Rsa => &self.rsa,
            KeyType::Ecdsa => &self.ecdsa,
        }
    }

    /// The type of key for a client that offers `offered` and verifies `schemes`. The hello's version is not shown to a resolver,
    /// but rustls prefers TLS 1.3, and a common suite of TLS 1.3 is offered only by those who speak it.
    ///
    /// Where nothing fits, any answer will do: rustls then finds no common suite, or no common scheme, and sends the alert that
    /// says so, whereas `None` would send `access_denied`.
    fn choose(&self, offered: &[CipherSuite], schemes: &[SignatureScheme]) -> KeyType {
        let common = offered
            .iter()
            .filter_map(|suite| Suite::from_code(u16::from(*suite)))
            .filter(|suite| self.suites.contains(suite));
        if common.clone().any(|suite| suite.version() == TlsVersion::V13) {
            let ecdsa = self.ecdsa.key.choose_scheme(schemes).is_some();
            return if ecdsa { KeyType::Ecdsa } else { KeyType::Rsa };
        }
        // The first of the client's suites that can be served decides, as it will when rustls chooses the suite.
        common
            .filter_map(Suite::key_type)
            .find(|key_type| self.key(*key_type).key.choose_scheme(schemes).is_some())
            .unwrap_or(KeyType::Rsa)
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(self.key(self.choose(hello.cipher_suites(), hello.signature_schemes()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use KeyType::{Ecdsa, Rsa};
    use SignatureScheme as S;

    #[test]
    fn the_clients_offer_decides() {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let all: Vec<Suite> = Suite::all().collect();
        let resolver = Resolver::new(&all, Issued::new(&[]).unwrap(), &provider).unwrap();
        let both = [S::ECDSA_NISTP256_SHA256, S::RSA_PSS_SHA256, S::RSA_PKCS1_SHA256];
        let rsa_only = [S::RSA_PSS_SHA256, S::RSA_PKCS1_SHA256];
        let (tls13, ecdsa12, rsa12) = (Suite::Aes128GcmSha256, Suite::EcdheEcdsaAes128Gcm, Suite::EcdheRsaChaCha20);
        for (offer, schemes, expected) in [
            (vec![tls13], &both[..], Ecdsa),
            (vec![tls13], &rsa_only, Rsa),
            (vec![tls13, rsa12], &both, Ecdsa),
            (vec![rsa12, ecdsa12], &both, Rsa),
            (vec![ecdsa12, rsa12], &both, Ecdsa),
            (vec![ecdsa12, rsa12], &rsa_only, Rsa),
            (vec![rsa12], &both, Rsa),
            (vec![ecdsa12], &both, Ecdsa),
        ] {
            let codes: Vec<_> = offer.iter().map(|suite| CipherSuite::from(suite.code())).collect();
            assert_eq!(resolver.choose(&codes, schemes), expected, "{offer:?} {schemes:?}");
        }
        let narrow = Resolver { suites: vec![rsa12], ..resolver };
        let offer = [tls13, ecdsa12, rsa12].map(|suite| CipherSuite::from(suite.code()));
        assert_eq!(narrow.choose(&offer, &both), Rsa, "suites that the server lacks do not count");
    }
}
