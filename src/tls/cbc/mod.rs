//! The two CBC suites of TLS 1.2, which rustls does not have, as rustls cipher suites.
//!
//! `TLS_ECDHE_{ECDSA,RSA}_WITH_AES_128_CBC_SHA256` (RFC 5289, 3.1) protect a record by MAC-then-encrypt with an explicit IV
//! (RFC 5246, 6.2.3.2). A policy allows them, so they have to be measured, and a measurement must not weaken the session:
//!
//! - Every bad record ends in the same error, whatever was wrong with it (RFC 5246, 7.2.2, `bad_record_mac`).
//! - Padding and MAC are checked without a branch or an index that depends on the padding, and the number of SHA-256
//!   compressions is the same for every padding (`open.rs`). The libraries' safe interfaces hash a prefix of a length that is
//!   secret here, so what remains of Lucky 13 is the time of copying a partial block inside them: nanoseconds, not the
//!   compression (some hundred cycles) that the attack measures.
//! - Each record's IV is fresh from the provider's random source, drawn in batches.
//!
//! rustls does not negotiate encrypt-then-MAC (RFC 7366), so a peer never uses it.

mod open;
mod primitives;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, KeyBlockShape, MessageDecrypter, MessageEncrypter,
    OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls12AeadAlgorithm, UnsupportedOperationError,
    make_tls12_aad,
};
use rustls::{CipherSuite, CipherSuiteCommon, ConnectionTrafficSecrets, Error, SupportedCipherSuite, Tls12CipherSuite};

use crate::model::suite::KeyType;
use crate::model::tls::Provider;
use primitives::{Decryptor, Encryptor, Mac, draw_iv};

/// Bytes in a block of AES, and so in an IV.
const BLOCK: usize = 16;
/// Bytes in an AES-128 key.
const KEY: usize = 16;
/// Bytes in an HMAC-SHA256 tag, and in its key (RFC 5246, appendix C).
const TAG: usize = 32;
/// The most plaintext that a record may carry (RFC 5246, 6.2.1).
const MAX_PLAINTEXT: usize = 1 << 14;
/// Records under one key: rustls' bound for AES-GCM (full records, advantage 2^-60). It rests on collisions of 16-byte
/// blocks, and CBC meets those at the same rate.
const MAX_RECORDS: u64 = 1 << 24;

static AWS_LC: Aes128CbcSha256 = Aes128CbcSha256 { provider: Provider::AwsLc };
static RING: Aes128CbcSha256 = Aes128CbcSha256 { provider: Provider::Ring };

static AWS_LC_ECDSA: LazyLock<Tls12CipherSuite> = LazyLock::new(|| {
    use rustls::crypto::aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 as GCM;
    derive(GCM, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, &AWS_LC)
});
static AWS_LC_RSA: LazyLock<Tls12CipherSuite> = LazyLock::new(|| {
    use rustls::crypto::aws_lc_rs::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 as GCM;
    derive(GCM, CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, &AWS_LC)
});
static RING_ECDSA: LazyLock<Tls12CipherSuite> = LazyLock::new(|| {
    use rustls::crypto::ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 as GCM;
    derive(GCM, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, &RING)
});
static RING_RSA: LazyLock<Tls12CipherSuite> = LazyLock::new(|| {
    use rustls::crypto::ring::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 as GCM;
    derive(GCM, CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, &RING)
});

/// The CBC suite for a certificate of type `key_type`, computed by `provider`'s library.
pub fn suite(provider: Provider, key_type: KeyType) -> SupportedCipherSuite {
    let suite: &'static Tls12CipherSuite = match (provider, key_type) {
        (Provider::AwsLc, KeyType::Ecdsa) => &AWS_LC_ECDSA,
        (Provider::AwsLc, KeyType::Rsa) => &AWS_LC_RSA,
        (Provider::Ring, KeyType::Ecdsa) => &RING_ECDSA,
        (Provider::Ring, KeyType::Rsa) => &RING_RSA,
    };
    SupportedCipherSuite::Tls12(suite)
}

/// The suite `name`: everything but the record protection is that of `gcm`, which shares its key exchange, signature and hash.
fn derive(gcm: SupportedCipherSuite, name: CipherSuite, records: &'static Aes128CbcSha256) -> Tls12CipherSuite {
    let SupportedCipherSuite::Tls12(gcm) = gcm else { unreachable!("the GCM suites named above are of TLS 1.2") };
    Tls12CipherSuite {
        common: CipherSuiteCommon {
            suite: name,
            hash_provider: gcm.common.hash_provider,
            confidentiality_limit: MAX_RECORDS,
        },
        prf_provider: gcm.prf_provider,
        kx: gcm.kx,
        sign: gcm.sign,
        aead_alg: records,
    }
}

/// AES-128-CBC with HMAC-SHA256 as rustls sees it: a factory of record protections.
struct Aes128CbcSha256 {
    provider: Provider,
}

impl Tls12AeadAlgorithm for Aes128CbcSha256 {
    fn encrypter(&self, mac_key: AeadKey, aes_key: &[u8], _: &[u8]) -> Box<dyn MessageEncrypter> {
        Box::new(Sealer {
            provider: self.provider,
            mac: Mac::new(self.provider, mac_key.as_ref()),
            cipher: Encryptor::new(self.provider, key(aes_key)),
        })
    }

    fn decrypter(&self, mac_key: AeadKey, aes_key: &[u8]) -> Box<dyn MessageDecrypter> {
        Box::new(Opener {
            mac: Mac::new(self.provider, mac_key.as_ref()),
            cipher: Decryptor::new(self.provider, key(aes_key)),
        })
    }

    /// The key block is client MAC, server MAC, client key, server key (RFC 5246, 6.3). rustls cuts it into client key, server
    /// key, client IV, server IV: so the MAC keys travel as its keys, and the AES keys as its IVs.
    fn key_block_shape(&self) -> KeyBlockShape {
        KeyBlockShape { enc_key_len: TAG, fixed_iv_len: KEY, explicit_nonce_len: 0 }
    }

    fn extract_keys(
        &self,
        _: AeadKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

fn key(bytes: &[u8]) -> &[u8; KEY] {
    bytes.try_into().expect("rustls cuts the key block to the shape that it was given")
}

/// Protects outgoing records.
struct Sealer {
    provider: Provider,
    mac: Mac,
    cipher: Encryptor,
}

impl MessageEncrypter for Sealer {
    fn encrypt(&mut self, msg: OutboundPlainMessage<'_>, seq: u64) -> Result<OutboundOpaqueMessage, Error> {
        let plain_len = msg.payload.len();
        let total = self.encrypted_payload_len(plain_len);
        let mut payload = PrefixedPayload::with_capacity(total);
        let iv = draw_iv(self.provider)?;
        payload.extend_from_slice(&iv);
        payload.extend_from_chunks(&msg.payload);
        let header = make_tls12_aad(seq, msg.typ, msg.version, plain_len);
        let tag = self.mac.tag(&header, &payload.as_ref()[BLOCK..]);
        payload.extend_from_slice(&tag);
        // Between 1 and 16 bytes, each of which says how many others there are (RFC 5246, 6.2.3.2).
        let padding = total - BLOCK - plain_len - TAG;
        payload.extend_from_slice(&[(padding - 1) as u8; BLOCK][..padding]);
        self.cipher.encrypt(&iv, &mut payload.as_mut()[BLOCK..])?;
        Ok(OutboundOpaqueMessage::new(msg.typ, msg.version, payload))
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        // IV, then plaintext, MAC and at least one byte of padding up to a whole block.
        BLOCK + (payload_len + TAG + 1).next_multiple_of(BLOCK)
    }
}

/// Opens incoming records.
struct Opener {
    mac: Mac,
    cipher: Decryptor,
}

impl MessageDecrypter for Opener {
    fn decrypt<'a>(&mut self, mut msg: InboundOpaqueMessage<'a>, seq: u64) -> Result<InboundPlainMessage<'a>, Error> {
        let (typ, version) = (msg.typ, msg.version);
        let Some((iv, body)) = msg.payload.split_first_chunk_mut::<BLOCK>() else { return Err(Error::DecryptError) };
        // The length is public. Padding and MAC fill three blocks at the least, whatever the plaintext.
        if body.len() < (TAG + 1).next_multiple_of(BLOCK) || body.len() % BLOCK != 0 {
            return Err(Error::DecryptError);
        }
        self.cipher.decrypt(iv, body)?;
        let header = |len| make_tls12_aad(seq, typ, version, len);
        let plain_len = open::verify(&self.mac, header, body).ok_or(Error::DecryptError)?;
        if plain_len > MAX_PLAINTEXT {
            return Err(Error::PeerSentOversizedRecord);
        }
        Ok(msg.into_plain_message_range(BLOCK..BLOCK + plain_len))
    }
}
