//! The signature of a handshake, made and checked by the functions of rustls' providers, over a message as long as that of TLS 1.3.

use std::hint::black_box;

use rustls::SignatureScheme;
use rustls::pki_types::SignatureVerificationAlgorithm;
use rustls::sign::Signer;

use super::timing::{Stopwatch, Work};
use super::{BenchError, Identity};
use crate::model::crypto::{Operation, PublicKey};
use crate::model::suite::KeyType;
use crate::model::tls::Provider;
use crate::tls::provider::everything;

/// What a server signs in TLS 1.3 with a hash of 32 bytes: 64 spaces, 33 bytes of context, a zero, the hash (RFC 8446, 4.4.3).
const MESSAGE: [u8; 64 + 33 + 1 + 32] = [b' '; 130];

/// Signing or checking, with one key.
pub struct Signature {
    signer: Box<dyn Signer>,
    verifier: &'static dyn SignatureVerificationAlgorithm,
    public_key: Vec<u8>,
    signature: Vec<u8>,
    signs: bool,
}

impl Signature {
    /// `operation` of `algorithm` by `library` with the key of `identity`; `None` where it is no signature.
    ///
    /// # Errors
    /// [`BenchError`] if the library does not take the key, refuses its own signature, or takes one for another message.
    pub fn new(
        library: Provider,
        algorithm: PublicKey,
        operation: Operation,
        identity: &Identity,
    ) -> Result<Option<Self>, BenchError> {
        let (key_type, scheme) = match algorithm {
            PublicKey::EcdsaP256 => (KeyType::Ecdsa, SignatureScheme::ECDSA_NISTP256_SHA256),
            PublicKey::Rsa2048 => (KeyType::Rsa, SignatureScheme::RSA_PSS_SHA256),
            _ => return Ok(None),
        };
        if !algorithm.operations().contains(&operation) {
            return Ok(None);
        }
        let wrong = |why: &str| BenchError::new(algorithm.name(), why);
        let (provider, leaf) = (everything(library), identity.leaf(key_type));
        let key = provider.key_provider.load_private_key(leaf.key()).map_err(|error| wrong(&error.to_string()))?;
        let signer = key.choose_scheme(&[scheme]).ok_or_else(|| wrong("the key does not sign so"))?;
        // TLS 1.3 tries the first only (WebPkiSupportedAlgorithms::mapping).
        let mapping = provider.signature_verification_algorithms.mapping;
        let known = mapping.iter().find(|(known, _)| *known == scheme).and_then(|(_, algorithms)| algorithms.first());
        let verifier = *known.ok_or_else(|| wrong("the library does not check it"))?;
        let signature = signer.sign(&MESSAGE).map_err(|error| wrong(&error.to_string()))?;
        let public_key = leaf.public_key().to_vec();
        verifier.verify_signature(&public_key, &MESSAGE, &signature).map_err(|_| wrong("it refuses its signature"))?;
        if verifier.verify_signature(&public_key, &MESSAGE[1..], &signature).is_ok() {
            return Err(wrong("it takes a signature of another message"));
        }
        Ok(Some(Self { signer, verifier, public_key, signature, signs: operation == Operation::Sign }))
    }
}

impl Work<1> for Signature {
    fn operations(&self) -> usize {
        1
    }

    fn slice(&mut self, watch: &Stopwatch) -> Result<[f64; 1], BenchError> {
        let start = watch.read();
        if self.signs {
            black_box(self.signer.sign(&MESSAGE).map_err(BenchError::at("signing"))?);
        } else {
            let checked = self.verifier.verify_signature(&self.public_key, &MESSAGE, &self.signature);
            checked.map_err(|_| BenchError::new("checking a signature", "refused"))?;
        }
        Ok([watch.since(start)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_libraries_sign_and_check_with_both_keys() {
        let (identity, watch) = (Identity::new().unwrap(), Stopwatch::default());
        for library in [Provider::AwsLc, Provider::Ring] {
            for algorithm in PublicKey::ALL {
                for operation in algorithm.operations() {
                    let made = Signature::new(library, algorithm, *operation, &identity).unwrap();
                    assert_eq!(made.is_some(), matches!(operation, Operation::Sign | Operation::Verify));
                    if let Some(mut made) = made {
                        assert!(made.slice(&watch).unwrap()[0] > 0.0);
                    }
                }
            }
        }
    }
}
