//! Sealing all records of a lane, one loop for each library, so that nothing is decided within it.

use aws_lc_rs::aead as lc;
use ring::aead as rg;
use rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::{ContentType, ProtocolVersion};

use super::{AAD, FILL, Records, TAG, cbc_encrypter, lc_algorithm, lc_key, nonce, rg_algorithm, rg_key};
use crate::bench::BenchError;
use crate::model::suite::RecordCipher;
use crate::model::tls::Provider;

/// A sealing key, and how many records it has sealed.
pub(super) struct Sealer {
    key: Key,
    seq: u64,
}

enum Key {
    /// What rustls takes for AES-GCM: it refuses to use a nonce twice.
    AwsLcTls(lc::TlsRecordSealingKey),
    AwsLc(lc::LessSafeKey),
    Ring(Box<rg::LessSafeKey>),
    Suite(Box<dyn MessageEncrypter>),
}

/// Bytes of a CBC record's payload: IV, then plaintext, tag and padding to whole blocks.
pub(super) fn cbc_payload_len(plain: usize) -> usize {
    cbc_encrypter(Provider::AwsLc).encrypted_payload_len(plain)
}

impl Sealer {
    pub(super) fn new(provider: Provider, cipher: RecordCipher) -> Self {
        let key = match (provider, lc_algorithm(cipher), rg_algorithm(cipher)) {
            (Provider::AwsLc, Some(algorithm), _) if cipher == RecordCipher::ChaCha20Poly1305 => {
                Key::AwsLc(lc_key(algorithm))
            }
            (Provider::AwsLc, Some(algorithm), _) => {
                let key = vec![FILL; algorithm.key_len()];
                let key = lc::TlsRecordSealingKey::new(algorithm, lc::TlsProtocolId::TLS13, &key);
                Key::AwsLcTls(key.expect("both AES-GCM algorithms have such a key"))
            }
            (Provider::Ring, _, Some(algorithm)) => Key::Ring(Box::new(rg_key(algorithm))),
            _ => Key::Suite(cbc_encrypter(provider)),
        };
        Self { key, seq: 0 }
    }

    /// Seals each record in place. The CBC suite cannot: its records are made in memory of their own, as rustls has them made, and
    /// `keep` says whether they are put into the lane.
    pub(super) fn seal(&mut self, records: &mut Records, keep: bool) -> Result<(), BenchError> {
        let first = self.seq;
        self.seq += records.count() as u64;
        let done = match &mut self.key {
            Key::AwsLcTls(key) => by_aws_lc_tls(records, first, key),
            Key::AwsLc(key) => by_aws_lc(records, first, key),
            Key::Ring(key) => by_ring(records, first, key),
            Key::Suite(encrypter) => by_suite(records, first, encrypter.as_mut(), keep),
        };
        done.ok_or_else(|| BenchError::new("sealing a record", "refused"))
    }
}

// The loops are written out, in the form that costs least beside the library's function: a closure, an index or an iterator would be a
// measurable part of a small record, most of all in a test's build.

fn by_aws_lc_tls(records: &mut Records, first: u64, key: &mut lc::TlsRecordSealingKey) -> Option<()> {
    let (plain, wire, stride) = (records.plain, records.wire, records.stride);
    let (mut rest, mut seq) = (records.bytes.as_mut_slice(), first);
    while rest.len() >= stride {
        let (record, tail) = rest.split_at_mut(stride);
        let (content, tag) = record[..wire].split_at_mut(plain);
        let nonce = lc::Nonce::assume_unique_for_key(nonce(seq));
        match key.seal_in_place_separate_tag(nonce, lc::Aad::from(AAD), content) {
            Ok(sealed) => tag[..TAG].copy_from_slice(sealed.as_ref()),
            Err(_) => return None,
        }
        (rest, seq) = (tail, seq + 1);
    }
    Some(())
}

fn by_aws_lc(records: &mut Records, first: u64, key: &lc::LessSafeKey) -> Option<()> {
    let (plain, wire, stride) = (records.plain, records.wire, records.stride);
    let (mut rest, mut seq) = (records.bytes.as_mut_slice(), first);
    while rest.len() >= stride {
        let (record, tail) = rest.split_at_mut(stride);
        let (content, tag) = record[..wire].split_at_mut(plain);
        let nonce = lc::Nonce::assume_unique_for_key(nonce(seq));
        match key.seal_in_place_separate_tag(nonce, lc::Aad::from(AAD), content) {
            Ok(sealed) => tag[..TAG].copy_from_slice(sealed.as_ref()),
            Err(_) => return None,
        }
        (rest, seq) = (tail, seq + 1);
    }
    Some(())
}

fn by_ring(records: &mut Records, first: u64, key: &rg::LessSafeKey) -> Option<()> {
    let (plain, wire, stride) = (records.plain, records.wire, records.stride);
    let (mut rest, mut seq) = (records.bytes.as_mut_slice(), first);
    while rest.len() >= stride {
        let (record, tail) = rest.split_at_mut(stride);
        let (content, tag) = record[..wire].split_at_mut(plain);
        let nonce = rg::Nonce::assume_unique_for_key(nonce(seq));
        match key.seal_in_place_separate_tag(nonce, rg::Aad::from(AAD), content) {
            Ok(sealed) => tag[..TAG].copy_from_slice(sealed.as_ref()),
            Err(_) => return None,
        }
        (rest, seq) = (tail, seq + 1);
    }
    Some(())
}

fn by_suite(records: &mut Records, first: u64, encrypter: &mut dyn MessageEncrypter, keep: bool) -> Option<()> {
    let (plain, count) = (records.plain, records.count());
    for index in 0..count {
        let record = records.record(index);
        let message = OutboundPlainMessage {
            typ: ContentType::ApplicationData,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(&record[..plain]),
        };
        let sealed = encrypter.encrypt(message, first + index as u64).ok()?;
        if keep {
            record.copy_from_slice(sealed.payload.as_ref());
        }
    }
    Some(())
}
