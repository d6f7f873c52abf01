//! The nine cipher suites, the TLS versions and the key-exchange groups that a plan can name.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A protocol version of TLS that the engine speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2, RFC 5246.
    #[serde(rename = "TLSv1.2")]
    V12,
    /// TLS 1.3, RFC 8446.
    #[serde(rename = "TLSv1.3")]
    V13,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V12 => "TLSv1.2",
            Self::V13 => "TLSv1.3",
        })
    }
}

/// The kind of key in the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyType {
    /// An RSA key.
    Rsa,
    /// An elliptic-curve key (or an EdDSA one).
    Ecdsa,
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa => "rsa",
            Self::Ecdsa => "ecdsa",
        })
    }
}

/// How a suite protects its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum RecordCipher {
    /// AES-128-GCM.
    #[serde(rename = "AES-128-GCM")]
    Aes128Gcm,
    /// AES-256-GCM.
    #[serde(rename = "AES-256-GCM")]
    Aes256Gcm,
    /// ChaCha20-Poly1305.
    #[serde(rename = "ChaCha20-Poly1305")]
    ChaCha20Poly1305,
    /// AES-128-CBC with HMAC-SHA256, MAC-then-encrypt (RFC 5246, 6.2.3.2).
    #[serde(rename = "AES-128-CBC-HMAC-SHA256")]
    Aes128CbcSha256,
}

impl RecordCipher {
    /// All four, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Aes128Gcm, Self::Aes256Gcm, Self::ChaCha20Poly1305, Self::Aes128CbcSha256];

    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes128Gcm => "AES-128-GCM",
            Self::Aes256Gcm => "AES-256-GCM",
            Self::ChaCha20Poly1305 => "ChaCha20-Poly1305",
            Self::Aes128CbcSha256 => "AES-128-CBC-HMAC-SHA256",
        }
    }
}

/// One of the nine suites: the policy's six of TLS 1.2, and TLS 1.3's three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // the variants are the registered names
pub enum Suite {
    #[serde(rename = "TLS_AES_128_GCM_SHA256")]
    Aes128GcmSha256,
    #[serde(rename = "TLS_AES_256_GCM_SHA384")]
    Aes256GcmSha384,
    #[serde(rename = "TLS_CHACHA20_POLY1305_SHA256")]
    ChaCha20Poly1305Sha256,
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")]
    EcdheEcdsaAes128Gcm,
    #[serde(rename = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")]
    EcdheRsaAes128Gcm,
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")]
    EcdheEcdsaChaCha20,
    #[serde(rename = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256")]
    EcdheRsaChaCha20,
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256")]
    EcdheEcdsaAes128Cbc,
    #[serde(rename = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256")]
    EcdheRsaAes128Cbc,
}

/// What the IANA registry and OpenSSL say of one suite.
struct Facts {
    suite: Suite,
    code: u16,
    iana: &'static str,
    openssl: &'static str,
    key_type: Option<KeyType>,
    cipher: RecordCipher,
}

/// IANA "TLS Cipher Suites" registry; OpenSSL names as in `openssl ciphers -stdname`. In the order in which they are offered.
const FACTS: [Facts; 9] = {
    use KeyType::{Ecdsa, Rsa};
    use RecordCipher::{Aes128CbcSha256, Aes128Gcm, Aes256Gcm, ChaCha20Poly1305};
    const fn row(
        suite: Suite,
        code: u16,
        iana: &'static str,
        openssl: &'static str,
        key_type: Option<KeyType>,
        cipher: RecordCipher,
    ) -> Facts {
        Facts { suite, code, iana, openssl, key_type, cipher }
    }
    [
        row(Suite::Aes128GcmSha256, 0x1301, "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256", None, Aes128Gcm),
        row(Suite::Aes256GcmSha384, 0x1302, "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384", None, Aes256Gcm),
        row(
            Suite::ChaCha20Poly1305Sha256,
            0x1303,
            "TLS_CHACHA20_POLY1305_SHA256",
            "TLS_CHACHA20_POLY1305_SHA256",
            None,
            ChaCha20Poly1305,
        ),
        row(
            Suite::EcdheEcdsaAes128Gcm,
            0xc02b,
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            Some(Ecdsa),
            Aes128Gcm,
        ),
        row(
            Suite::EcdheRsaAes128Gcm,
            0xc02f,
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "ECDHE-RSA-AES128-GCM-SHA256",
            Some(Rsa),
            Aes128Gcm,
        ),
        row(
            Suite::EcdheEcdsaChaCha20,
            0xcca9,
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            Some(Ecdsa),
            ChaCha20Poly1305,
        ),
        row(
            Suite::EcdheRsaChaCha20,
            0xcca8,
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            "ECDHE-RSA-CHACHA20-POLY1305",
            Some(Rsa),
            ChaCha20Poly1305,
        ),
        row(
            Suite::EcdheEcdsaAes128Cbc,
            0xc023,
            "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
            "ECDHE-ECDSA-AES128-SHA256",
            Some(Ecdsa),
            Aes128CbcSha256,
        ),
        row(
            Suite::EcdheRsaAes128Cbc,
            0xc027,
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
            "ECDHE-RSA-AES128-SHA256",
            Some(Rsa),
            Aes128CbcSha256,
        ),
    ]
};

impl Suite {
    /// All nine, in the order in which they are offered when none is named.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        FACTS.iter().map(|facts| facts.suite)
    }

    fn facts(self) -> &'static Facts {
        // The table is in the order of the variants; a test holds it to that.
        &FACTS[self as usize]
    }

    /// The two bytes that stand for the suite in a hello.
    pub fn code(self) -> u16 {
        self.facts().code
    }

    /// The suite with this code, if it is one of the nine.
    pub fn from_code(code: u16) -> Option<Self> {
        FACTS.iter().find(|facts| facts.code == code).map(|facts| facts.suite)
    }

    /// The name in the IANA registry, such as `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`.
    pub fn iana(self) -> &'static str {
        self.facts().iana
    }

    /// OpenSSL's name, such as `ECDHE-RSA-AES128-GCM-SHA256`; the IANA name for TLS 1.3.
    pub fn openssl(self) -> &'static str {
        self.facts().openssl
    }

    /// The only version in which the suite can be negotiated.
    pub fn version(self) -> TlsVersion {
        if self.facts().key_type.is_some() { TlsVersion::V12 } else { TlsVersion::V13 }
    }

    /// The certificate key that the suite demands; `None` for TLS 1.3, where the signature schemes decide.
    pub fn key_type(self) -> Option<KeyType> {
        self.facts().key_type
    }

    /// How records are protected.
    pub fn cipher(self) -> RecordCipher {
        self.facts().cipher
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.iana())
    }
}

/// A name that is not one of the nine suites.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{name}' is not a suite that shakedown speaks; nearest: {nearest} (the nine are listed by `shakedown run --help`)"
)]
pub struct UnknownSuite {
    name: String,
    nearest: String,
}

impl FromStr for Suite {
    type Err = UnknownSuite;

    fn from_str(text: &str) -> Result<Self, UnknownSuite> {
        let name = text.trim().to_ascii_uppercase().replace("TLS13_", "TLS_");
        if let Some(facts) = FACTS.iter().find(|facts| name == facts.iana || name == facts.openssl) {
            return Ok(facts.suite);
        }
        let known = FACTS.iter().flat_map(|facts| [facts.openssl, facts.iana]);
        Err(UnknownSuite { name: text.trim().to_owned(), nearest: nearest(&name, known) })
    }
}

/// The two of `known` that are most like `name`, for "did you mean".
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut ranked: Vec<_> = known.map(|known| (edit_distance(name, known), known)).collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked.iter().take(2).map(|(_, known)| *known).collect::<Vec<_>>().join(", ")
}

/// Levenshtein's distance, for "did you mean".
pub(crate) fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A key-exchange group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // the variants are the registered names
pub enum Group {
    #[serde(rename = "X25519")]
    X25519,
    #[serde(rename = "secp256r1")]
    Secp256r1,
    #[serde(rename = "secp384r1")]
    Secp384r1,
    #[serde(rename = "X25519MLKEM768")]
    X25519MlKem768,
}

impl Group {
    /// All groups that a plan can name; classical ones first, X25519 before the rest.
    pub const ALL: [Self; 4] = [Self::X25519, Self::Secp256r1, Self::Secp384r1, Self::X25519MlKem768];

    /// The name in the IANA registry "TLS Supported Groups".
    pub fn iana(self) -> &'static str {
        match self {
            Self::X25519 => "X25519",
            Self::Secp256r1 => "secp256r1",
            Self::Secp384r1 => "secp384r1",
            Self::X25519MlKem768 => "X25519MLKEM768",
        }
    }

    /// The two bytes that stand for the group in a hello.
    pub fn code(self) -> u16 {
        match self {
            Self::X25519 => 0x001d,
            Self::Secp256r1 => 0x0017,
            Self::Secp384r1 => 0x0018,
            Self::X25519MlKem768 => 0x11ec,
        }
    }

    /// Whether the group exists in TLS 1.3 only.
    pub fn tls13_only(self) -> bool {
        self == Self::X25519MlKem768
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.iana())
    }
}

/// A name that is not one of the groups.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a group that shakedown speaks; these are: X25519, P-256 (secp256r1), P-384 (secp384r1), X25519MLKEM768"
)]
pub struct UnknownGroup(String);

impl FromStr for Group {
    type Err = UnknownGroup;

    fn from_str(text: &str) -> Result<Self, UnknownGroup> {
        match text.trim().to_ascii_lowercase().as_str() {
            "x25519" => Ok(Self::X25519),
            "p-256" | "p256" | "secp256r1" | "prime256v1" => Ok(Self::Secp256r1),
            "p-384" | "p384" | "secp384r1" => Ok(Self::Secp384r1),
            "x25519mlkem768" => Ok(Self::X25519MlKem768),
            _ => Err(UnknownGroup(text.trim().to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_variants() {
        for suite in Suite::all() {
            assert_eq!(suite.facts().suite, suite);
            assert_eq!(Suite::from_code(suite.code()), Some(suite));
            assert_eq!(serde_json::to_value(suite).unwrap(), suite.iana());
        }
        for group in Group::ALL {
            assert_eq!(serde_json::to_value(group).unwrap(), group.iana());
        }
        for cipher in RecordCipher::ALL {
            assert_eq!(serde_json::to_value(cipher).unwrap(), cipher.name());
        }
    }

    #[test]
    fn both_styles_of_name_are_read() {
        for suite in Suite::all() {
            assert_eq!(suite.iana().parse::<Suite>().unwrap(), suite);
            assert_eq!(suite.openssl().to_lowercase().parse::<Suite>().unwrap(), suite);
        }
        assert_eq!("TLS13_AES_128_GCM_SHA256".parse::<Suite>().unwrap(), Suite::Aes128GcmSha256);
        assert_eq!("p-256".parse::<Group>().unwrap(), Group::Secp256r1);
    }

    #[test]
    fn an_unknown_suite_names_its_neighbours() {
        let error = "ECDHE-RSA-AES256-GCM-SHA384".parse::<Suite>().unwrap_err().to_string();
        assert!(error.contains("nearest: ECDHE-RSA-AES128-GCM-SHA256"), "{error}");
        let error = "ECDHE-RSA-AES128-SHA".parse::<Suite>().unwrap_err().to_string();
        assert!(error.contains("ECDHE-RSA-AES128-SHA256"), "{error}");
    }
}
