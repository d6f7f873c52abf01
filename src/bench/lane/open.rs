//! Opening all records of a lane, one loop for each library, so that nothing is decided within it.

use aws_lc_rs::aead as lc;
use ring::aead as rg;
use rustls::crypto::cipher::{InboundOpaqueMessage, MessageDecrypter};
use rustls::{ContentType, ProtocolVersion};

use super::{AAD, FILL, Records, cbc_decrypter, lc_algorithm, lc_key, nonce, rg_algorithm, rg_key};
use crate::bench::BenchError;
use crate::model::suite::RecordCipher;
use crate::model::tls::Provider;

/// Bytes of a CBC record's IV, which stand before its plaintext.
const IV: usize = 16;

/// An opening key. It opens the records with the sequence numbers from 0.
pub(super) enum Opener {
    AwsLcTls(lc::TlsRecordOpeningKey),
    AwsLc(lc::LessSafeKey),
    Ring(Box<rg::LessSafeKey>),
    Suite(Box<dyn MessageDecrypter>),
}

impl Opener {
    pub(super) fn new(provider: Provider, cipher: RecordCipher) -> Self {
        match (provider, lc_algorithm(cipher), rg_algorithm(cipher)) {
            (Provider::AwsLc, Some(algorithm), _) if cipher == RecordCipher::ChaCha20Poly1305 => {
                Self::AwsLc(lc_key(algorithm))
            }
            (Provider::AwsLc, Some(algorithm), _) => {
                let key = vec![FILL; algorithm.key_len()];
                let key = lc::TlsRecordOpeningKey::new(algorithm, lc::TlsProtocolId::TLS13, &key);
                Self::AwsLcTls(key.expect("both AES-GCM algorithms have such a key"))
            }
            (Provider::Ring, _, Some(algorithm)) => Self::Ring(Box::new(rg_key(algorithm))),
            _ => Self::Suite(cbc_decrypter(provider)),
        }
    }

    /// Where in an opened record the plaintext begins.
    pub(super) fn skipped(&self) -> usize {
        if matches!(self, Self::Suite(_)) { IV } else { 0 }
    }

    /// Opens each record in place.
    pub(super) fn open(&mut self, records: &mut Records) -> Result<(), BenchError> {
        let done = match self {
            Self::AwsLcTls(key) => by_aws_lc_tls(records, key),
            Self::AwsLc(key) => by_aws_lc(records, key),
            Self::Ring(key) => by_ring(records, key),
            Self::Suite(decrypter) => by_suite(records, decrypter.as_mut()),
        };
        if done { Ok(()) } else { Err(BenchError::new("opening a record", "refused")) }
    }
}

// As in sealing, in the form that costs least beside the library's function.

fn by_aws_lc_tls(records: &mut Records, key: &lc::TlsRecordOpeningKey) -> bool {
    let (wire, stride) = (records.wire, records.stride);
    let (mut rest, mut seq) = (records.bytes.as_mut_slice(), 0);
    while rest.len() >= stride {
        let (record, tail) = rest.split_at_mut(stride);
        let nonce = lc::Nonce::assume_unique_for_key(nonce(seq));
        if key.open_in_place(nonce, lc::Aad::from(AAD), &mut record[..wire]).is_err() {
            return false;
        }
        (rest, seq) = (tail, seq + 1);
    }
    true
}

fn by_aws_lc(records: &mut Records, key: &lc::LessSafeKey) -> bool {
    let (wire, stride) = (records.wire, records.stride);
    let (mut rest, mut seq) = (records.bytes.as_mut_slice(), 0);
    while rest.len() >= stride {
        let (record, tail) = rest.split_at_mut(stride);
        let nonce = lc::Nonce::assume_unique_for_key(nonce(seq));
        if key.open_in_place(nonce, lc::Aad::from(AAD), &mut record[..wire]).is_err() {
            return false;
        }
        (rest, seq) = (tail, seq + 1);
    }
    true
}

fn by_ring(records: &mut Records, key: &rg::LessSafeKey) -> bool {
    let (wire, stride) = (records.wire, records.stride);
    let (mut rest, mut seq) = (records.bytes.as_mut_slice(), 0);
    while rest.len() >= stride {
        let (record, tail) = rest.split_at_mut(stride);
        let nonce = rg::Nonce::assume_unique_for_key(nonce(seq));
        if key.open_in_place(nonce, rg::Aad::from(AAD), &mut record[..wire]).is_err() {
            return false;
        }
        (rest, seq) = (tail, seq + 1);
    }
    true
}

fn by_suite(records: &mut Records, decrypter: &mut dyn MessageDecrypter) -> bool {
    let count = records.count();
    (0..count).all(|index| {
        let (typ, version) = (ContentType::ApplicationData, ProtocolVersion::TLSv1_2);
        decrypter.decrypt(InboundOpaqueMessage::new(typ, version, records.record(index)), index as u64).is_ok()
    })
}
