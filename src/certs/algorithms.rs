//! Names and sizes of keys and signature algorithms, and which of them are too weak.

use std::fmt;

use super::der::{self, Reader};
use super::signature;

/// The least size of an RSA key in bits: the CA/Browser Forum's Baseline Requirements, 6.1.5, and what Mozilla's roots sign.
pub const MIN_RSA_BITS: u32 = 2048;
/// The least size of an elliptic curve's field in bits (the same).
const MIN_CURVE_BITS: u32 = 256;

/// A public key: its algorithm and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Such as `RSA`, `ECDSA P-256`, `Ed25519`, or the identifier of another.
    pub algorithm: String,
    /// The size of the modulus, or of the curve's field, in bits; `None` where it is not known.
    pub bits: Option<u32>,
    weak: bool,
}

impl Key {
    /// Of the content of a SubjectPublicKeyInfo.
    pub(super) fn of(spki: &[u8]) -> Self {
        let unknown = || Self { algorithm: "unreadable".to_owned(), bits: None, weak: true };
        let Some((identifier, _)) = signature::key(spki) else { return unknown() };
        let mut reader = Reader::new(identifier);
        let Some(id) = reader.take(der::OID) else { return unknown() };
        let named = |algorithm: &str, bits: Option<u32>, least: u32| Self {
            algorithm: algorithm.to_owned(),
            bits,
            weak: bits.is_none_or(|bits| bits < least),
        };
        match dotted(id).as_str() {
            "1.2.840.113549.1.1.1" => named("RSA", rsa_bits(spki), MIN_RSA_BITS),
            "1.2.840.113549.1.1.10" => named("RSA-PSS", rsa_bits(spki), MIN_RSA_BITS),
            "1.2.840.10045.2.1" => {
                let curve = reader.take(der::OID).map(dotted).unwrap_or_default();
                let (name, bits) = match curve.as_str() {
                    "1.2.840.10045.3.1.1" => ("P-192", Some(192)),
                    "1.3.132.0.33" => ("P-224", Some(224)),
                    "1.2.840.10045.3.1.7" => ("P-256", Some(256)),
                    "1.3.132.0.10" => ("secp256k1", Some(256)),
                    "1.3.132.0.34" => ("P-384", Some(384)),
                    "1.3.132.0.35" => ("P-521", Some(521)),
                    "1.3.36.3.3.2.8.1.1.7" => ("brainpoolP256r1", Some(256)),
                    "1.3.36.3.3.2.8.1.1.11" => ("brainpoolP384r1", Some(384)),
                    "1.3.36.3.3.2.8.1.1.13" => ("brainpoolP512r1", Some(512)),
                    "" => ("with parameters of its own", None),
                    other => (other, None),
                };
                named(&format!("ECDSA {name}"), bits, MIN_CURVE_BITS)
            }
            "1.3.101.112" => named("Ed25519", Some(256), 0),
            "1.3.101.113" => named("Ed448", Some(448), 0),
            "1.2.840.10040.4.1" => Self { algorithm: "DSA".to_owned(), bits: None, weak: true },
            "2.16.840.1.101.3.4.3.17" => Self { algorithm: "ML-DSA-44".to_owned(), bits: None, weak: false },
            "2.16.840.1.101.3.4.3.18" => Self { algorithm: "ML-DSA-65".to_owned(), bits: None, weak: false },
            "2.16.840.1.101.3.4.3.19" => Self { algorithm: "ML-DSA-87".to_owned(), bits: None, weak: false },
            other => named(other, None, 0),
        }
    }

    /// Whether it is below what the CA/Browser Forum's Baseline Requirements, 6.1.5, ask for: RSA below 2048 bits, a curve below 256
    /// bits, DSA, or of a size or kind that is not known.
    pub fn is_weak(&self) -> bool {
        self.weak
    }
}

impl fmt::Display for Key {
    /// Such as `RSA 2048` and `ECDSA P-256`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bits {
            Some(bits) if self.algorithm.starts_with("RSA") => write!(f, "{} {bits}", self.algorithm),
            _ => f.write_str(&self.algorithm),
        }
    }
}

/// The bits of an RSA key's modulus (RFC 8017, A.1.1); `None` where the key is no RSA key.
pub(super) fn rsa_bits(spki: &[u8]) -> Option<u32> {
    let (identifier, key) = signature::key(spki)?;
    let id = dotted(Reader::new(identifier).take(der::OID)?);
    if !matches!(id.as_str(), "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10") {
        return None;
    }
    let modulus = Reader::new(key).inside(der::SEQUENCE)?.take(der::INTEGER)?;
    let first = modulus.iter().position(|byte| *byte != 0)?;
    let bits = (modulus.len() - first) * 8 - usize::try_from(modulus[first].leading_zeros()).ok()?;
    u32::try_from(bits).ok()
}

/// The name of a signature algorithm, from the content of its identifier: such as `sha256WithRSAEncryption`.
pub(super) fn signature_name(identifier: &[u8]) -> String {
    let Some((id, hash)) = split(identifier) else { return "an algorithm that cannot be read".to_owned() };
    let name = match id.as_str() {
        "1.2.840.113549.1.1.2" => "md2WithRSAEncryption",
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.14" => "sha224WithRSAEncryption",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.113549.1.1.10" => {
            return format!("RSASSA-PSS with {}", hash.map_or("an unknown hash", Hash::name));
        }
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.1" => "ecdsa-with-SHA224",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.2.840.10040.4.3" => "dsa-with-SHA1",
        "2.16.840.1.101.3.4.3.2" => "dsa-with-SHA256",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        other => other,
    };
    name.to_owned()
}

/// Whether a signature algorithm uses a hash for which collisions can be made: MD2, MD5, SHA-1.
pub(super) fn is_broken(identifier: &[u8]) -> bool {
    split(identifier).is_some_and(|(id, hash)| match id.as_str() {
        "1.2.840.113549.1.1.10" => hash == Some(Hash::Sha1),
        id => matches!(
            id,
            "1.2.840.113549.1.1.2"
                | "1.2.840.113549.1.1.4"
                | "1.2.840.113549.1.1.5"
                | "1.2.840.10045.4.1"
                | "1.2.840.10040.4.3"
        ),
    })
}

/// A hash algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// By the content of its identifier.
    pub(super) fn read(identifier: &[u8]) -> Option<Self> {
        match dotted(Reader::new(identifier).take(der::OID)?).as_str() {
            "1.3.14.3.2.26" => Some(Self::Sha1),
            "2.16.840.1.101.3.4.2.1" => Some(Self::Sha256),
            "2.16.840.1.101.3.4.2.2" => Some(Self::Sha384),
            "2.16.840.1.101.3.4.2.3" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }
}

/// The identifier in dotted form; for RSASSA-PSS also its hash, which is SHA-1 where none is named (RFC 4055, 3.1).
fn split(identifier: &[u8]) -> Option<(String, Option<Hash>)> {
    let mut reader = Reader::new(identifier);
    let id = dotted(reader.take(der::OID)?);
    let hash = match reader.optional(der::SEQUENCE)? {
        None => None,
        Some(parameters) => match Reader::new(parameters).optional(der::explicit(0))? {
            None => Some(Hash::Sha1),
            Some(hash) => Hash::read(Reader::new(hash).take(der::SEQUENCE)?),
        },
    };
    Some((id, hash))
}

/// An object identifier as numbers with dots (X.690, 8.19); one that is none comes out as its bytes.
fn dotted(content: &[u8]) -> String {
    let mut numbers = Vec::new();
    let mut number = 0_u64;
    for byte in content {
        let Some(next) = number.checked_mul(128) else { return format!("{content:02x?}") };
        number = next + u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            numbers.push(std::mem::take(&mut number));
        }
    }
    let Some((first, others)) = numbers.split_first() else { return format!("{content:02x?}") };
    let top = (*first / 40).min(2);
    let all = [top, first - top * 40].into_iter().chain(others.iter().copied());
    all.map(|number| number.to_string()).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_written_with_dots() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]), "1.2.840.113549.1.1.11");
        assert_eq!(dotted(&[0x2b, 0x65, 0x70]), "1.3.101.112");
        assert_eq!(dotted(&[0x88, 0x37, 3]), "2.999.3");
        assert_eq!(dotted(&[]), "[]");
        assert_eq!(dotted(&[0xff; 12]).len(), "[ff, ff, ff, ff, ff, ff, ff, ff, ff, ff, ff, ff]".len());
    }

    #[test]
    fn the_hash_of_pss_is_in_its_parameters() {
        let pss = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
        let sha1 = [&pss[..], &[0x30, 0]].concat();
        assert_eq!(signature_name(&sha1), "RSASSA-PSS with SHA-1");
        assert!(is_broken(&sha1));
        let hash = [0x30, 13, 0xa0, 11, 0x30, 9, 6, 7, 0x60, 0x86, 0x48, 1, 0x65, 3, 4];
        assert_eq!(signature_name(&[&pss[..], &hash].concat()), "RSASSA-PSS with an unknown hash");
        let sha256 = [0x30, 15, 0xa0, 13, 0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
        let sha256 = [&pss[..], &sha256].concat();
        assert_eq!(signature_name(&sha256), "RSASSA-PSS with SHA-256");
        assert!(!is_broken(&sha256));
    }
}
