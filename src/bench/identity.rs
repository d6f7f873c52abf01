//! An authority and two server certificates, made for the handshakes of one measurement and kept in memory.

use std::io::Write;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, RsaKeySize};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::BenchError;
use crate::model::suite::KeyType;

/// The name that the certificates are for; RFC 6761 keeps it from being anyone's.
const NAME: &str = "bench.invalid";

/// An ECDSA P-256 authority, and an RSA-2048 and an ECDSA P-256 certificate that it issued.
pub struct Identity {
    authority_pem: String,
    rsa: Leaf,
    ecdsa: Leaf,
}

/// A certificate and its key.
pub(super) struct Leaf {
    pub(super) chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Leaf {
    /// The private key, PKCS#8.
    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.serialize_der().into())
    }

    /// The content of the public key's bit string, as a signature's check needs it.
    pub(super) fn public_key(&self) -> &[u8] {
        self.key.public_key_raw()
    }
}

impl Identity {
    /// Makes all three; takes 0.1 s or more, nearly all of it for the RSA key.
    ///
    /// # Errors
    /// [`BenchError`], when the random source fails.
    pub fn new() -> Result<Self, BenchError> {
        Self::generate().map_err(BenchError::at("making certificates"))
    }

    fn generate() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new([])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(rcgen::DnType::CommonName, "shakedown bench CA");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?)?;
        let issue = |key: KeyPair| -> Result<Leaf, rcgen::Error> {
            let certificate = CertificateParams::new([NAME.to_owned()])?.signed_by(&key, &authority)?;
            Ok(Leaf { chain: vec![certificate.der().clone()], key })
        };
        let rsa = issue(KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048)?)?;
        let ecdsa = issue(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?)?;
        Ok(Self { authority_pem: authority.pem(), rsa, ecdsa })
    }

    pub(super) fn leaf(&self, key_type: KeyType) -> &Leaf {
        match key_type {
            KeyType::Rsa => &self.rsa,
            KeyType::Ecdsa => &self.ecdsa,
        }
    }

    /// The name that the certificates are for.
    pub(super) fn name() -> ServerName<'static> {
        ServerName::try_from(NAME).expect("a constant that is a DNS name")
    }

    /// The authority in a file, for as long as it is held.
    pub(super) fn authority_file(&self) -> Result<tempfile::NamedTempFile, BenchError> {
        let mut file = tempfile::NamedTempFile::new().map_err(BenchError::at("writing a temporary file"))?;
        file.write_all(self.authority_pem.as_bytes()).map_err(BenchError::at("writing a temporary file"))?;
        Ok(file)
    }
}
