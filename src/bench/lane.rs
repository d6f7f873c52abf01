//! Records sealed or opened one after the other, by the functions that rustls' providers call for TLS.
//!
//! A lane is what one thread needs: a key, and records that pass by in turn, [`WORKING_SET`] bytes of them at the most, so that main memory
//! is not what is measured. Each record has a nonce of its own, its sequence number mixed into an IV
//! as in TLS 1.3, and 13 bytes of additional data, as many as in TLS 1.2 (RFC 5246, 6.2.3.3) and in `openssl speed -aead`. Plaintext is
//! sealed in place and the tag put behind it.
//!
//! Opening destroys the ciphertext. It is put back from a sealed copy before each slice, outside the time.

mod open;
mod seal;

use aws_lc_rs::aead as lc;
use ring::aead as rg;
use rustls::SupportedCipherSuite;
use rustls::Tls12CipherSuite;
use rustls::crypto::cipher::{AeadKey, MessageDecrypter, MessageEncrypter};

use super::BenchError;
use super::timing::{Stopwatch, Work};
use crate::model::crypto::Direction;
use crate::model::suite::{KeyType, RecordCipher};
use crate::model::tls::Provider;
use crate::tls::cbc;

/// The most bytes of records that pass by before the first is used again.
pub const WORKING_SET: usize = 256 << 10;

/// The most records of a slice: small ones would otherwise make a slice so long that it is seldom left alone.
pub(super) const MAX_RECORDS: usize = 256;

/// Records are whole cache lines apart, so that each lies alike.
const ALIGN: usize = 64;
/// Bytes of a tag of GCM and of Poly1305.
const TAG: usize = 16;
/// Bytes of an AES-128 key.
const AES_128_KEY: usize = 16;
const NONCE: usize = 12;
/// As long as that of TLS 1.2.
const AAD: [u8; 13] = [FILL; 13];

/// What the plaintext, the keys, the IV and the additional data are made of: their values do not change the time.
const FILL: u8 = 0xa7;

/// What a lane does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneSpec {
    /// Whose code.
    pub provider: Provider,
    /// Which algorithm.
    pub cipher: RecordCipher,
    /// Sealing or opening.
    pub direction: Direction,
    /// Bytes of plaintext in each record, at least 1 and at most 2^14.
    pub record_bytes: usize,
}

/// One thread's records, and the key that they are sealed or opened with.
pub struct Lane {
    records: Records,
    /// What opening begins with; empty where the lane seals.
    sealed: Vec<u8>,
    action: Action,
}

enum Action {
    Seal(seal::Sealer),
    Open(open::Opener),
}

/// Records side by side, each with room for what sealing adds.
struct Records {
    bytes: Vec<u8>,
    /// From the start of one record to that of the next.
    stride: usize,
    /// Plaintext of each.
    plain: usize,
    /// Ciphertext of each, with what belongs to it.
    wire: usize,
}

impl Records {
    fn new(spec: LaneSpec) -> Self {
        let wire = match spec.cipher {
            RecordCipher::Aes128CbcSha256 => seal::cbc_payload_len(spec.record_bytes),
            _ => spec.record_bytes + TAG,
        };
        let stride = wire.next_multiple_of(ALIGN);
        let count = (WORKING_SET / stride).clamp(1, MAX_RECORDS);
        Self { bytes: vec![FILL; stride * count], stride, plain: spec.record_bytes, wire }
    }

    fn count(&self) -> usize {
        self.bytes.len() / self.stride
    }

    /// Record number `index`.
    fn record(&mut self, index: usize) -> &mut [u8] {
        let start = index * self.stride;
        &mut self.bytes[start..start + self.wire]
    }

    /// Whether some record has `holds` said of it.
    fn any(&mut self, mut holds: impl FnMut(&[u8]) -> bool) -> bool {
        (0..self.count()).any(|index| holds(self.record(index)))
    }
}

impl Lane {
    /// A lane whose records are ready: sealed already where it is to open them.
    ///
    /// # Errors
    /// [`BenchError`] if sealing fails.
    pub fn new(spec: LaneSpec) -> Result<Self, BenchError> {
        let mut records = Records::new(spec);
        let mut sealer = seal::Sealer::new(spec.provider, spec.cipher);
        if spec.direction == Direction::Seal {
            return Ok(Self { records, sealed: Vec::new(), action: Action::Seal(sealer) });
        }
        sealer.seal(&mut records, true)?;
        let sealed = records.bytes.clone();
        Ok(Self { records, sealed, action: Action::Open(open::Opener::new(spec.provider, spec.cipher)) })
    }

    /// Proves that what `spec` seals is not the plaintext, opens to the plaintext again, and does not open once it is changed.
    ///
    /// # Errors
    /// [`BenchError`] if that is not so.
    pub fn prove(spec: LaneSpec) -> Result<(), BenchError> {
        let wrong = |why| Err(BenchError::new(format!("{} by {}", spec.cipher.name(), spec.provider.name()), why));
        let Self { mut records, sealed, action } = Self::new(LaneSpec { direction: Direction::Open, ..spec })?;
        let Action::Open(mut opener) = action else { return wrong("nothing to open") };
        let skip = opener.skipped();
        let plain = skip..skip + records.plain;
        if records.any(|record| record[plain.clone()].iter().all(|byte| *byte == FILL)) {
            return wrong("sealed records are the plaintext");
        }
        opener.open(&mut records)?;
        if records.any(|record| record[plain.clone()].iter().any(|byte| *byte != FILL)) {
            return wrong("sealed records do not open to the plaintext");
        }
        records.bytes.copy_from_slice(&sealed);
        records.bytes[skip] ^= 1;
        if opener.open(&mut records).is_ok() {
            return wrong("a changed record opens");
        }
        Ok(())
    }
}

impl Work<1> for Lane {
    fn operations(&self) -> usize {
        self.records.count()
    }

    fn slice(&mut self, watch: &Stopwatch) -> Result<[f64; 1], BenchError> {
        match &mut self.action {
            Action::Seal(sealer) => {
                let start = watch.read();
                sealer.seal(&mut self.records, false)?;
                Ok([watch.since(start)])
            }
            Action::Open(opener) => {
                self.records.bytes.copy_from_slice(&self.sealed);
                let start = watch.read();
                opener.open(&mut self.records)?;
                Ok([watch.since(start)])
            }
        }
    }
}

/// The nonce of record number `seq`, by the rule of TLS 1.3 (RFC 8446, 5.3): the IV, its last eight bytes mixed with the number.
/// Inlined even where nothing else is: a call would be a part of what a small record takes.
#[inline(always)]
fn nonce(seq: u64) -> [u8; NONCE] {
    let mut nonce = [FILL; NONCE];
    nonce[NONCE - 8..].copy_from_slice(&(seq ^ u64::from_be_bytes([FILL; 8])).to_be_bytes());
    nonce
}

fn lc_key(cipher: &'static lc::Algorithm) -> lc::LessSafeKey {
    let key = vec![FILL; cipher.key_len()];
    lc::LessSafeKey::new(lc::UnboundKey::new(cipher, &key).expect("the key is as long as the algorithm says"))
}

fn rg_key(cipher: &'static rg::Algorithm) -> rg::LessSafeKey {
    let key = vec![FILL; cipher.key_len()];
    rg::LessSafeKey::new(rg::UnboundKey::new(cipher, &key).expect("the key is as long as the algorithm says"))
}

/// aws-lc's algorithm; `None` for the CBC suite, which is ours.
fn lc_algorithm(cipher: RecordCipher) -> Option<&'static lc::Algorithm> {
    match cipher {
        RecordCipher::Aes128Gcm => Some(&lc::AES_128_GCM),
        RecordCipher::Aes256Gcm => Some(&lc::AES_256_GCM),
        RecordCipher::ChaCha20Poly1305 => Some(&lc::CHACHA20_POLY1305),
        RecordCipher::Aes128CbcSha256 => None,
    }
}

/// *ring*'s algorithm.
fn rg_algorithm(cipher: RecordCipher) -> Option<&'static rg::Algorithm> {
    match cipher {
        RecordCipher::Aes128Gcm => Some(&rg::AES_128_GCM),
        RecordCipher::Aes256Gcm => Some(&rg::AES_256_GCM),
        RecordCipher::ChaCha20Poly1305 => Some(&rg::CHACHA20_POLY1305),
        RecordCipher::Aes128CbcSha256 => None,
    }
}

/// The engine's own CBC suite; both certificates' suites have the same record protection.
fn cbc_suite(provider: Provider) -> &'static Tls12CipherSuite {
    match cbc::suite(provider, KeyType::Ecdsa) {
        SupportedCipherSuite::Tls12(suite) => suite,
        SupportedCipherSuite::Tls13(_) => unreachable!("the CBC suites are of TLS 1.2"),
    }
}

fn cbc_encrypter(provider: Provider) -> Box<dyn MessageEncrypter> {
    cbc_suite(provider).aead_alg.encrypter(AeadKey::from([FILL; 32]), &[FILL; AES_128_KEY], &[])
}

fn cbc_decrypter(provider: Provider) -> Box<dyn MessageDecrypter> {
    cbc_suite(provider).aead_alg.decrypter(AeadKey::from([FILL; 32]), &[FILL; AES_128_KEY])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::timing::{Quota, repetition};
    use crate::model::crypto::RECORD_BYTES;

    fn specs() -> impl Iterator<Item = LaneSpec> {
        [Provider::AwsLc, Provider::Ring].into_iter().flat_map(|provider| {
            RecordCipher::ALL.into_iter().flat_map(move |cipher| {
                Direction::ALL.into_iter().flat_map(move |direction| {
                    RECORD_BYTES.map(|record_bytes| LaneSpec { provider, cipher, direction, record_bytes })
                })
            })
        })
    }

    #[test]
    fn every_lane_does_what_it_says_for_as_many_slices_as_one_likes() {
        let watch = Stopwatch::default();
        for spec in specs() {
            Lane::prove(spec).unwrap();
            let mut lane = Lane::new(spec).unwrap_or_else(|error| panic!("{spec:?}: {error}"));
            assert!(lane.operations() >= 8 && lane.records.bytes.len() <= WORKING_SET, "{spec:?}");
            for _ in 0..3 {
                assert!(lane.slice(&watch).unwrap()[0] > 0.0, "{spec:?}");
            }
        }
    }

    /// What one library seals the other opens: neither the nonce, nor the additional data, nor the tag is left out.
    #[test]
    fn the_libraries_open_each_others_records() {
        for spec in specs().filter(|spec| spec.direction == Direction::Open) {
            let mut records = Records::new(spec);
            seal::Sealer::new(spec.provider, spec.cipher).seal(&mut records, true).unwrap();
            let other = if spec.provider == Provider::Ring { Provider::AwsLc } else { Provider::Ring };
            let mut opener = open::Opener::new(other, spec.cipher);
            opener.open(&mut records).unwrap_or_else(|error| panic!("{spec:?}: {error}"));
            let skip = opener.skipped();
            assert!(!records.any(|record| record[skip..skip + spec.record_bytes].iter().any(|b| *b != FILL)));
        }
    }

    #[test]
    fn no_nonce_comes_twice() {
        let mut seen: Vec<_> = (0..10_000).map(nonce).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 10_000);
    }

    #[test]
    fn a_longer_record_takes_longer_but_less_per_byte() {
        let watch = Stopwatch::default();
        let quota = Quota { warmup: Duration::from_micros(200), measured: Duration::from_millis(4) };
        for provider in [Provider::AwsLc, Provider::Ring] {
            for cipher in RecordCipher::ALL {
                let ns = |record_bytes| {
                    let spec = LaneSpec { provider, cipher, direction: Direction::Seal, record_bytes };
                    repetition(&mut Lane::new(spec).unwrap(), &watch, quota).unwrap().ns[0]
                };
                let (small, large) = (ns(64), ns(16384));
                assert!(
                    large > 2.0 * small && large < 256.0 * small,
                    "{provider:?} {cipher:?}: {small} and {large} ns"
                );
            }
        }
    }
}
