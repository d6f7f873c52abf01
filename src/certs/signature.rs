//! Whether a certificate, a revocation list or an OCSP response was signed by a key: all three are written as
//! `tbs || signatureAlgorithm || signature` (RFC 5280, 4.1.1 and 5.1.1; RFC 6960, 4.2.1).

use rustls_pki_types::SignatureVerificationAlgorithm;

use super::algorithms;
use super::der::{self, Reader};

/// What is signed, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    /// The signed bytes, tag and length included.
    pub(super) tbs: &'a [u8],
    /// The content of the algorithm's identifier.
    pub(super) algorithm: &'a [u8],
    signature: &'a [u8],
}

/// What came of checking a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Checked {
    /// The key made it.
    Good,
    /// The key did not make it.
    Bad,
    /// It cannot be told: the algorithm or the key is of a kind, or a size, that is not taken any more; which, in words.
    Unsupported(String),
}

impl<'a> Signed<'a> {
    /// Reads the three parts; what follows them is left in `reader`.
    pub(super) fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let tbs = reader.value(der::SEQUENCE)?.whole;
        let algorithm = reader.take(der::SEQUENCE)?;
        let signature = reader.bits()?;
        Some(Self { tbs, algorithm, signature })
    }

    /// Reads a certificate or a revocation list: a sequence of the three parts and nothing more.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut inner = Reader::new(der::only(der::SEQUENCE, bytes)?);
        let signed = Self::read(&mut inner)?;
        inner.end()?;
        Some(signed)
    }

    /// Whether the key made the signature; `spki` is the content of the key's SubjectPublicKeyInfo.
    pub(super) fn check(&self, spki: &[u8]) -> Checked {
        let Some((key_algorithm, key)) = key(spki) else {
            return Checked::Unsupported("a public key that cannot be read".to_owned());
        };
        if let Some(bits) = algorithms::rsa_bits(spki).filter(|bits| *bits < algorithms::MIN_RSA_BITS) {
            return Checked::Unsupported(format!("an RSA key of {bits} bits"));
        }
        let fits = |taken: &&&dyn SignatureVerificationAlgorithm| {
            taken.signature_alg_id().as_ref() == self.algorithm && taken.public_key_alg_id().as_ref() == key_algorithm
        };
        // Several may fit: there is one for each library, and for each range of key sizes.
        let mut fitting = webpki::ALL_VERIFICATION_ALGS.iter().filter(fits).peekable();
        if fitting.peek().is_none() {
            return Checked::Unsupported(algorithms::signature_name(self.algorithm));
        }
        let good = fitting.any(|taken| taken.verify_signature(key, self.tbs, self.signature).is_ok());
        if good { Checked::Good } else { Checked::Bad }
    }
}

/// The algorithm's identifier (content) and the key's bits, of the content of a SubjectPublicKeyInfo.
pub(super) fn key(spki: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader::new(spki);
    let algorithm = reader.take(der::SEQUENCE)?;
    let key = reader.bits()?;
    reader.end()?;
    Some((algorithm, key))
}
