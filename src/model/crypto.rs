//! What `crypto` measures, by name: libraries, operations, record sizes, parts of a handshake.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tls::Provider;

/// The sizes of records that are measured, in bytes of plaintext: from a small request to a full record.
pub const RECORD_BYTES: [usize; 5] = [64, 256, 1024, 4096, 16384];

/// A library whose cryptography is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Library {
    /// AWS-LC, through aws-lc-rs.
    AwsLc,
    /// *ring*, with RustCrypto's AES-CBC.
    Ring,
    /// The machine's own OpenSSL, through its `openssl speed`.
    #[serde(rename = "openssl")]
    OpenSsl,
}

impl Library {
    /// All three, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::AwsLc, Self::Ring, Self::OpenSsl];

    /// The name in documents and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::AwsLc => Provider::AwsLc.name(),
            Self::Ring => Provider::Ring.name(),
            Self::OpenSsl => "openssl",
        }
    }

    /// The rustls provider; `None` for a library that is measured from outside.
    pub fn provider(self) -> Option<Provider> {
        match self {
            Self::AwsLc => Some(Provider::AwsLc),
            Self::Ring => Some(Provider::Ring),
            Self::OpenSsl => None,
        }
    }
}

impl From<Provider> for Library {
    fn from(provider: Provider) -> Self {
        match provider {
            Provider::AwsLc => Self::AwsLc,
            Provider::Ring => Self::Ring,
        }
    }
}

/// What is done to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Encrypted and authenticated.
    Seal,
    /// Verified and decrypted.
    Open,
}

impl Direction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Seal, Self::Open];

    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Open => "open",
        }
    }
}

/// A public-key algorithm of the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // the variants are the algorithms' names
pub enum PublicKey {
    X25519,
    #[serde(rename = "P-256")]
    P256,
    #[serde(rename = "P-384")]
    P384,
    #[serde(rename = "ML-KEM-768")]
    MlKem768,
    #[serde(rename = "ECDSA-P256-SHA256")]
    EcdsaP256,
    #[serde(rename = "RSA-2048-PSS-SHA256")]
    Rsa2048,
}

impl PublicKey {
    /// All six, in the order in which they are shown.
    pub const ALL: [Self; 6] = [Self::X25519, Self::P256, Self::P384, Self::MlKem768, Self::EcdsaP256, Self::Rsa2048];

    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::X25519 => "X25519",
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::MlKem768 => "ML-KEM-768",
            Self::EcdsaP256 => "ECDSA-P256-SHA256",
            Self::Rsa2048 => "RSA-2048-PSS-SHA256",
        }
    }

    /// What a handshake does with it.
    pub fn operations(self) -> &'static [Operation] {
        match self {
            Self::X25519 | Self::P256 | Self::P384 => &[Operation::Generate, Operation::Agree],
            Self::MlKem768 => &[Operation::Generate, Operation::Encapsulate, Operation::Decapsulate],
            Self::EcdsaP256 | Self::Rsa2048 => &[Operation::Sign, Operation::Verify],
        }
    }

    /// Whether `provider` has it: only aws-lc has ML-KEM.
    pub fn is_in(self, provider: Provider) -> bool {
        self != Self::MlKem768 || provider == Provider::AwsLc
    }
}

/// One operation of a public-key algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// A fresh pair of keys.
    Generate,
    /// The shared secret of own and peer's key.
    Agree,
    /// A secret and its ciphertext for the peer's key: the server's part of a KEM.
    Encapsulate,
    /// The secret in a ciphertext: the client's part.
    Decapsulate,
    /// A signature: the server's part.
    Sign,
    /// Its check: the client's part.
    Verify,
}

impl Operation {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Agree => "agree",
            Self::Encapsulate => "encapsulate",
            Self::Decapsulate => "decapsulate",
            Self::Sign => "sign",
            Self::Verify => "verify",
        }
    }
}

/// How a handshake begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Handshake {
    /// With a certificate.
    Full,
    /// With a ticket.
    Resumed,
}

impl Handshake {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_people_read_the_same_names() {
        let named = |value: serde_json::Value, name: &str| assert_eq!(value, name);
        Library::ALL.iter().for_each(|x| named(serde_json::to_value(x).unwrap(), x.name()));
        Direction::ALL.iter().for_each(|x| named(serde_json::to_value(x).unwrap(), x.name()));
        for key in PublicKey::ALL {
            named(serde_json::to_value(key).unwrap(), key.name());
            key.operations().iter().for_each(|x| named(serde_json::to_value(x).unwrap(), x.name()));
        }
        [Handshake::Full, Handshake::Resumed].iter().for_each(|x| named(serde_json::to_value(x).unwrap(), x.name()));
    }
}
