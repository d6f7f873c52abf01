//! What `crypto` measures against loops over the libraries' own interfaces, written apart from it and taken in alternation with it.

mod common;

use std::time::{Duration, Instant};

use common::noise::{alone, despite_noise};
use shakedown::bench::Identity;
use shakedown::bench::exchange::Exchange;
use shakedown::bench::lane::{Lane, LaneSpec};
use shakedown::bench::signature::Signature;
use shakedown::bench::timing::{Quota, Stopwatch, repetition};
use shakedown::model::crypto::{Direction, Operation, PublicKey};
use shakedown::model::suite::RecordCipher;
use shakedown::model::tls::Provider;

/// How far both may be apart.
const TOLERANCE: f64 = 0.05;

/// The same of the CBC suite: where its records come to lie in memory is chance, and decides about a tenth of the time in a test's build.
const TOLERANCE_OF_CBC: f64 = 0.15;

/// Rounds in alternation.
const ROUNDS: usize = 15;

/// How long each side has in a round.
const TIME: Duration = Duration::from_millis(4);

const QUOTA: Quota = Quota { warmup: Duration::from_millis(1), measured: TIME };

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Nanoseconds that one call of `action` takes: the median over batches of `batch`, `refill` before each outside the time.
fn timed<S>(state: &mut S, batch: usize, refill: impl Fn(&mut S), action: impl Fn(&mut S, usize)) -> f64 {
    let (began, mut times) = (Instant::now(), Vec::new());
    while began.elapsed() < TIME || times.len() < 5 {
        refill(state);
        let start = Instant::now();
        (0..batch).for_each(|i| action(state, i));
        times.push(start.elapsed().as_nanos() as f64 / batch as f64);
    }
    median(times)
}

/// What a turn of either loop costs by itself in a test's build, in nanoseconds: a record of 64 bytes takes tens of them, and where the code
/// comes to lie decides.
const OF_A_LOOP: f64 = 4.0;

/// What sealing a record of the CBC suite may take more in one place of the heap than in another: rustls has it made in memory of its own.
const OF_THE_HEAP: f64 = 32.0;

/// That `ours` and `theirs` take the same time, taken in alternation: to a share of `tolerance`, and `either_way` nanoseconds beside.
fn assert_same(
    what: &str,
    (tolerance, either_way): (f64, f64),
    mut ours: impl FnMut() -> f64,
    mut theirs: impl FnMut() -> f64,
) -> Result<(), String> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        a.push(ours());
        b.push(theirs());
    }
    let (a, b) = (median(a), median(b));
    let told = format!("{what}: {a:.1} ns here, {b:.1} ns by the independent loop");
    println!("{told}");
    if (a - b).abs() <= tolerance * b + either_way { Ok(()) } else { Err(told) }
}

/// The independent loop over aws-lc-rs and *ring*: one key, records in memory of their own, 13 bytes of additional data.
mod independent {
    use super::{RecordCipher, timed};

    const BATCH: usize = 32;

    macro_rules! loops {
        ($library:ident) => {
            pub(super) mod $library {
                use ::$library::aead;

                use super::*;

                fn key(cipher: RecordCipher) -> aead::LessSafeKey {
                    let algorithm = match cipher {
                        RecordCipher::Aes128Gcm => &aead::AES_128_GCM,
                        RecordCipher::Aes256Gcm => &aead::AES_256_GCM,
                        RecordCipher::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
                        RecordCipher::Aes128CbcSha256 => unreachable!("no AEAD of the library's"),
                    };
                    let bytes: Vec<u8> = (1..=algorithm.key_len() as u8).collect();
                    aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, &bytes).unwrap())
                }

                fn nonce(number: u64) -> aead::Nonce {
                    let mut bytes = [9; 12];
                    bytes[..8].copy_from_slice(&number.to_le_bytes());
                    aead::Nonce::assume_unique_for_key(bytes)
                }

                /// Nanoseconds to seal a record of `len` bytes.
                pub(in super::super) fn seal(cipher: RecordCipher, len: usize) -> f64 {
                    let mut state = (key(cipher), vec![3_u8; len + 16], 0_u64);
                    timed(
                        &mut state,
                        BATCH,
                        |_| (),
                        |(key, record, number), _| {
                            *number += 1;
                            let (content, tail) = record.split_at_mut(len);
                            let aad = aead::Aad::from([7; 13]);
                            let tag = key.seal_in_place_separate_tag(nonce(*number), aad, content).unwrap();
                            tail.copy_from_slice(tag.as_ref());
                        },
                    )
                }

                /// Nanoseconds to open one.
                pub(in super::super) fn open(cipher: RecordCipher, len: usize) -> f64 {
                    let key = key(cipher);
                    let seal = |number: usize| {
                        let mut record = vec![3_u8; len];
                        let (nonce, aad) = (nonce(number as u64), aead::Aad::from([7; 13]));
                        let tag = key.seal_in_place_separate_tag(nonce, aad, &mut record).unwrap();
                        record.extend_from_slice(tag.as_ref());
                        record
                    };
                    let sealed: Vec<_> = (0..BATCH).map(seal).collect();
                    let mut state = sealed.clone();
                    timed(
                        &mut state,
                        BATCH,
                        |records| records.clone_from(&sealed),
                        |records, i| {
                            key.open_in_place(nonce(i as u64), aead::Aad::from([7; 13]), &mut records[i]).unwrap();
                        },
                    )
                }
            }
        };
    }

    loops!(aws_lc_rs);
    loops!(ring);
}

#[test]
fn records_take_what_an_independent_loop_takes() {
    let _alone = alone();
    let watch = Stopwatch::default();
    for cipher in [RecordCipher::Aes128Gcm, RecordCipher::Aes256Gcm, RecordCipher::ChaCha20Poly1305] {
        for record_bytes in [64, 1024, 16384] {
            for provider in [Provider::AwsLc, Provider::Ring] {
                for direction in Direction::ALL {
                    let spec = LaneSpec { provider, cipher, direction, record_bytes };
                    let ours = || repetition(&mut Lane::new(spec).unwrap(), &watch, QUOTA).unwrap().ns[0];
                    let theirs = || match (provider, direction) {
                        (Provider::AwsLc, Direction::Seal) => independent::aws_lc_rs::seal(cipher, record_bytes),
                        (Provider::AwsLc, Direction::Open) => independent::aws_lc_rs::open(cipher, record_bytes),
                        (Provider::Ring, Direction::Seal) => independent::ring::seal(cipher, record_bytes),
                        (Provider::Ring, Direction::Open) => independent::ring::open(cipher, record_bytes),
                    };
                    despite_noise(|| assert_same(&format!("{spec:?}"), (TOLERANCE, OF_A_LOOP), ours, theirs));
                }
            }
        }
    }
}

/// The CBC suite, whose interface is that of rustls: this program's loop over it, written apart from the one that is measured.
mod cbc_suite {
    use std::hint::black_box;

    use rustls::crypto::cipher::{
        AeadKey, InboundOpaqueMessage, MessageEncrypter, OutboundChunks, OutboundPlainMessage,
    };
    use rustls::{ContentType, ProtocolVersion, SupportedCipherSuite, Tls12CipherSuite};
    use shakedown::model::suite::KeyType;
    use shakedown::tls::cbc;

    use super::{Provider, timed};

    /// A multiple of the 64 records for which IVs are drawn at once: of shorter batches most would draw none, and their median would leave out
    /// what it costs.
    const BATCH: u64 = 64;

    fn suite(provider: Provider) -> &'static Tls12CipherSuite {
        let SupportedCipherSuite::Tls12(suite) = cbc::suite(provider, KeyType::Rsa) else {
            panic!("a suite of TLS 1.2")
        };
        suite
    }

    fn encrypt(encrypter: &mut dyn MessageEncrypter, content: &[u8], number: u64) -> Vec<u8> {
        let message = OutboundPlainMessage {
            typ: ContentType::ApplicationData,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(content),
        };
        encrypter.encrypt(message, number).unwrap().payload.as_ref().to_vec()
    }

    /// Nanoseconds to seal a record of `len` bytes.
    pub(super) fn seal(provider: Provider, len: usize) -> f64 {
        let content = vec![3_u8; len];
        let mut state = (suite(provider).aead_alg.encrypter(AeadKey::from([5; 32]), &[6; 16], &[]), 0_u64);
        timed(
            &mut state,
            BATCH as usize,
            |_| (),
            |(encrypter, number), _| {
                *number += 1;
                let message = OutboundPlainMessage {
                    typ: ContentType::ApplicationData,
                    version: ProtocolVersion::TLSv1_2,
                    payload: OutboundChunks::Single(&content),
                };
                black_box(encrypter.encrypt(message, *number).unwrap());
            },
        )
    }

    /// Nanoseconds to open one.
    pub(super) fn open(provider: Provider, len: usize) -> f64 {
        let algorithm = suite(provider).aead_alg;
        let mut encrypter = algorithm.encrypter(AeadKey::from([5; 32]), &[6; 16], &[]);
        let sealed: Vec<_> = (0..BATCH).map(|number| encrypt(encrypter.as_mut(), &vec![3; len], number)).collect();
        let mut state = (algorithm.decrypter(AeadKey::from([5; 32]), &[6; 16]), sealed.clone());
        timed(
            &mut state,
            BATCH as usize,
            |(_, records)| records.clone_from(&sealed),
            |(decrypter, records), i| {
                let (typ, version) = (ContentType::ApplicationData, ProtocolVersion::TLSv1_2);
                let record = InboundOpaqueMessage::new(typ, version, &mut records[i]);
                assert_eq!(decrypter.decrypt(record, i as u64).unwrap().payload.len(), len);
            },
        )
    }
}

#[test]
fn records_of_the_cbc_suite_take_what_an_independent_loop_takes() {
    let _alone = alone();
    let watch = Stopwatch::default();
    let cipher = RecordCipher::Aes128CbcSha256;
    for record_bytes in [64, 1024, 16384] {
        for provider in [Provider::AwsLc, Provider::Ring] {
            for direction in Direction::ALL {
                let spec = LaneSpec { provider, cipher, direction, record_bytes };
                let ours = || repetition(&mut Lane::new(spec).unwrap(), &watch, QUOTA).unwrap().ns[0];
                let theirs = || match direction {
                    Direction::Seal => cbc_suite::seal(provider, record_bytes),
                    Direction::Open => cbc_suite::open(provider, record_bytes),
                };
                let heap = if direction == Direction::Seal { OF_THE_HEAP } else { 0.0 };
                despite_noise(|| assert_same(&format!("{spec:?}"), (TOLERANCE_OF_CBC, OF_A_LOOP + heap), ours, theirs));
            }
        }
    }
}

/// The independent loops over public keys: what rustls adds to each (a box, a copy of the public key) is small against it.
mod public_keys {
    use std::hint::black_box;

    use rcgen::{KeyPair, RsaKeySize};

    use super::timed;

    const BATCH: usize = 2;

    /// As long as what TLS 1.3 signs.
    const MESSAGE: [u8; 130] = [0x20; 130];

    /// An RSA-2048 key.
    pub(super) fn rsa() -> KeyPair {
        KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
    }

    macro_rules! loops {
        ($library:ident, $agree:expr, $ecdsa:expr, $modulus:expr) => {
            pub(super) mod $library {
                use ::$library::agreement::{
                    Algorithm, ECDH_P256, ECDH_P384, EphemeralPrivateKey, UnparsedPublicKey, X25519,
                };
                use ::$library::rand::SystemRandom;
                use ::$library::signature::{self, EcdsaKeyPair, KeyPair as _, RsaKeyPair};

                use super::*;
                use crate::PublicKey;

                fn group(key: PublicKey) -> &'static Algorithm {
                    match key {
                        PublicKey::X25519 => &X25519,
                        PublicKey::P256 => &ECDH_P256,
                        _ => &ECDH_P384,
                    }
                }

                pub(in super::super) fn generate(key: PublicKey) -> f64 {
                    let (group, random) = (group(key), SystemRandom::new());
                    let one = |_: &mut (), _| {
                        let key = EphemeralPrivateKey::generate(group, &random).unwrap();
                        black_box(key.compute_public_key().unwrap());
                        black_box(key);
                    };
                    timed(&mut (), BATCH, |()| (), one)
                }

                pub(in super::super) fn agree(key: PublicKey) -> f64 {
                    let (group, random) = (group(key), SystemRandom::new());
                    let fresh = || EphemeralPrivateKey::generate(group, &random).unwrap();
                    let peer = fresh().compute_public_key().unwrap();
                    let refill = |keys: &mut Vec<_>| *keys = (0..BATCH).map(|_| fresh()).collect();
                    timed(&mut Vec::new(), BATCH, refill, |keys: &mut Vec<EphemeralPrivateKey>, _| {
                        let peer = UnparsedPublicKey::new(group, peer.as_ref());
                        black_box($agree(keys.pop().unwrap(), peer));
                    })
                }

                fn ecdsa() -> EcdsaKeyPair {
                    let algorithm = &signature::ECDSA_P256_SHA256_ASN1_SIGNING;
                    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
                    $ecdsa(algorithm, pkcs8.as_ref())
                }

                pub(in super::super) fn ecdsa_sign() -> f64 {
                    let (key, random) = (ecdsa(), SystemRandom::new());
                    timed(
                        &mut (),
                        BATCH,
                        |()| (),
                        |(), _| {
                            black_box(key.sign(&random, &MESSAGE).unwrap());
                        },
                    )
                }

                pub(in super::super) fn ecdsa_verify() -> f64 {
                    let (key, random) = (ecdsa(), SystemRandom::new());
                    let made = key.sign(&random, &MESSAGE).unwrap();
                    let public = key.public_key().as_ref();
                    timed(
                        &mut (),
                        BATCH,
                        |()| (),
                        |(), _| {
                            let public = signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, public);
                            public.verify(&MESSAGE, made.as_ref()).unwrap();
                        },
                    )
                }

                fn pss(key: &RsaKeyPair) -> Vec<u8> {
                    let mut made = vec![0; $modulus(key)];
                    key.sign(&signature::RSA_PSS_SHA256, &SystemRandom::new(), &MESSAGE, &mut made).unwrap();
                    made
                }

                pub(in super::super) fn rsa_sign(key: &KeyPair) -> f64 {
                    let key = RsaKeyPair::from_pkcs8(&key.serialize_der()).unwrap();
                    timed(&mut (), BATCH, |()| (), |(), _| drop(black_box(pss(&key))))
                }

                pub(in super::super) fn rsa_verify(key: &KeyPair) -> f64 {
                    let made = pss(&RsaKeyPair::from_pkcs8(&key.serialize_der()).unwrap());
                    timed(
                        &mut (),
                        BATCH,
                        |()| (),
                        |(), _| {
                            let algorithm = &signature::RSA_PSS_2048_8192_SHA256;
                            let public = signature::UnparsedPublicKey::new(algorithm, key.public_key_raw());
                            public.verify(&MESSAGE, &made).unwrap();
                        },
                    )
                }
            }
        };
    }

    loops!(
        aws_lc_rs,
        |key, peer| ::aws_lc_rs::agreement::agree_ephemeral(key, peer, (), |secret| Ok(secret[0])).unwrap(),
        |algorithm, der| EcdsaKeyPair::from_pkcs8(algorithm, der).unwrap(),
        |key: &RsaKeyPair| key.public_modulus_len()
    );
    loops!(
        ring,
        |key, peer| ::ring::agreement::agree_ephemeral(key, &peer, |secret| secret[0]).unwrap(),
        |algorithm, der| EcdsaKeyPair::from_pkcs8(algorithm, der, &SystemRandom::new()).unwrap(),
        |key: &RsaKeyPair| key.public().modulus_len()
    );

    /// ML-KEM-768, which only aws-lc has.
    pub(super) mod ml_kem {
        use ::aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768};

        use super::*;

        pub(in super::super) fn generate() -> f64 {
            timed(
                &mut (),
                BATCH,
                |()| (),
                |(), _| {
                    let key = DecapsulationKey::generate(&ML_KEM_768).unwrap();
                    black_box(key.encapsulation_key().unwrap().key_bytes().unwrap());
                    black_box(key);
                },
            )
        }

        pub(in super::super) fn encapsulate() -> f64 {
            let key = DecapsulationKey::generate(&ML_KEM_768).unwrap().encapsulation_key().unwrap();
            let bytes = key.key_bytes().unwrap();
            timed(
                &mut (),
                BATCH,
                |()| (),
                |(), _| {
                    drop(black_box(EncapsulationKey::new(&ML_KEM_768, bytes.as_ref()).unwrap().encapsulate().unwrap()));
                },
            )
        }

        pub(in super::super) fn decapsulate() -> f64 {
            let key = DecapsulationKey::generate(&ML_KEM_768).unwrap();
            let (ciphertext, _) = key.encapsulation_key().unwrap().encapsulate().unwrap();
            timed(
                &mut (),
                BATCH,
                |()| (),
                |(), _| {
                    drop(black_box(key.decapsulate(Ciphertext::from(ciphertext.as_ref())).unwrap()));
                },
            )
        }
    }
}

#[test]
fn public_keys_take_what_an_independent_loop_takes() {
    use public_keys::{aws_lc_rs, ml_kem, ring};
    let _alone = alone();
    let (watch, identity, rsa) = (Stopwatch::default(), Identity::new().unwrap(), public_keys::rsa());
    let ours = |provider, algorithm, operation| match operation {
        Operation::Sign | Operation::Verify => {
            let mut work = Signature::new(provider, algorithm, operation, &identity).unwrap().unwrap();
            repetition(&mut work, &watch, QUOTA).unwrap().ns[0]
        }
        _ => {
            let mut work = Exchange::new(provider, algorithm, operation).unwrap().unwrap();
            repetition(&mut work, &watch, QUOTA).unwrap().ns[0]
        }
    };
    for provider in [Provider::AwsLc, Provider::Ring] {
        for algorithm in PublicKey::ALL.into_iter().filter(|key| key.is_in(provider)) {
            for operation in algorithm.operations() {
                let lc = provider == Provider::AwsLc;
                let theirs = || match (algorithm, operation) {
                    (PublicKey::MlKem768, Operation::Generate) => ml_kem::generate(),
                    (PublicKey::MlKem768, Operation::Encapsulate) => ml_kem::encapsulate(),
                    (PublicKey::MlKem768, _) => ml_kem::decapsulate(),
                    (PublicKey::EcdsaP256, Operation::Sign) if lc => aws_lc_rs::ecdsa_sign(),
                    (PublicKey::EcdsaP256, _) if lc => aws_lc_rs::ecdsa_verify(),
                    (PublicKey::EcdsaP256, Operation::Sign) => ring::ecdsa_sign(),
                    (PublicKey::EcdsaP256, _) => ring::ecdsa_verify(),
                    (PublicKey::Rsa2048, Operation::Sign) if lc => aws_lc_rs::rsa_sign(&rsa),
                    (PublicKey::Rsa2048, _) if lc => aws_lc_rs::rsa_verify(&rsa),
                    (PublicKey::Rsa2048, Operation::Sign) => ring::rsa_sign(&rsa),
                    (PublicKey::Rsa2048, _) => ring::rsa_verify(&rsa),
                    (_, Operation::Generate) if lc => aws_lc_rs::generate(algorithm),
                    (_, Operation::Generate) => ring::generate(algorithm),
                    _ if lc => aws_lc_rs::agree(algorithm),
                    _ => ring::agree(algorithm),
                };
                let what = format!("{} {} by {}", algorithm.name(), operation.name(), provider.name());
                despite_noise(|| {
                    assert_same(&what, (TOLERANCE, 0.0), || ours(provider, algorithm, *operation), theirs)
                });
            }
        }
    }
}
