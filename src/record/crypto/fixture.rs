//! A hand-made document for tests, with the awkward values that a real one has seldom all at once.

use super::{
    AeadRow, CoreFrequency, CpuShare, CryptoDocument, CryptoPlanRecord, FrequencyRecord, HandshakeRow, OpenSslRecord,
    OpenSslRun, OperationSpeed, PrimitiveRow, RecordLayerRow, RecordSpeed, SCHEMA,
};
use crate::model::crypto::{Direction, Handshake, Library, PublicKey, RECORD_BYTES};
use crate::model::suite::{Group, KeyType, RecordCipher, Suite, TlsVersion};
use crate::record::fixture;
use crate::record::run::{Remark, Tool};

/// Records that take `ns` each, give or take a 32nd where there are repetitions.
fn records(record_bytes: u64, threads: u64, ns: f64, repetitions: u64) -> RecordSpeed {
    let bytes = (record_bytes * threads) as f64 * 1e9;
    let (fast, slow) = (ns / 1.03125, ns * 1.03125);
    let known = |value: f64| (repetitions > 1).then_some(value);
    RecordSpeed {
        bytes_per_s: bytes / ns,
        bytes_per_s_low: known(bytes / slow),
        bytes_per_s_high: known(bytes / fast),
        ns_per_record: ns,
        ns_per_record_low: known(fast),
        ns_per_record_high: known(slow),
        repetitions,
    }
}

fn operation(ns: f64, repetitions: u64) -> OperationSpeed {
    let known = |value: f64| (repetitions > 1).then_some(value);
    OperationSpeed { ns, ns_low: known(ns / 1.03125), ns_high: known(ns * 1.03125), per_s: 1e9 / ns, repetitions }
}

/// Nanoseconds for a record of `bytes`: some for each, and some for each byte.
fn record_ns(cipher: RecordCipher, bytes: u64) -> f64 {
    let (each, per_byte) = match cipher {
        RecordCipher::Aes128Gcm => (64.0, 0.0625),
        RecordCipher::Aes256Gcm => (72.0, 0.078125),
        RecordCipher::ChaCha20Poly1305 => (128.0, 0.375),
        RecordCipher::Aes128CbcSha256 => (512.0, 1.25),
    };
    each + per_byte * bytes as f64
}

/// A factor by which each library and direction differs, so that none can be taken for another.
fn differing(provider: Library, direction: Direction) -> f64 {
    let library = match provider {
        Library::AwsLc => 1.0,
        Library::Ring => 1.25,
        Library::OpenSsl => 1.5,
    };
    if direction == Direction::Open { library + 0.125 } else { library }
}

fn aead() -> Vec<AeadRow> {
    let mut rows = Vec::new();
    for threads in [1, 8] {
        for algorithm in RecordCipher::ALL {
            for provider in Library::ALL {
                for direction in Direction::ALL {
                    for record_bytes in RECORD_BYTES.map(|n| n as u64) {
                        let openssl = provider == Library::OpenSsl;
                        // As a budget has it: one thread, some sizes.
                        if openssl && (threads > 1 || record_bytes == 256 || record_bytes == 4096) {
                            continue;
                        }
                        let ns = record_ns(algorithm, record_bytes) * differing(provider, direction);
                        let speed = records(record_bytes, threads, ns, if openssl { 1 } else { 12 });
                        let whole_record = !openssl || algorithm != RecordCipher::Aes128CbcSha256;
                        let row =
                            AeadRow { algorithm, provider, direction, record_bytes, threads, whole_record, speed };
                        rows.push(row);
                    }
                }
            }
        }
    }
    rows
}

fn record_layer() -> Vec<RecordLayerRow> {
    let mut rows = Vec::new();
    for suite in [Suite::Aes128GcmSha256, Suite::EcdheEcdsaAes128Cbc] {
        for provider in [Library::AwsLc, Library::Ring] {
            for direction in Direction::ALL {
                for record_bytes in RECORD_BYTES.map(|n| n as u64) {
                    let ns = record_ns(suite.cipher(), record_bytes) * differing(provider, direction) + 64.0;
                    let (version, speed) = (suite.version(), records(record_bytes, 1, ns, 12));
                    rows.push(RecordLayerRow { suite, version, provider, direction, record_bytes, speed });
                }
            }
        }
    }
    rows
}

fn primitives() -> Vec<PrimitiveRow> {
    let mut rows = Vec::new();
    for algorithm in PublicKey::ALL {
        for (n, op) in (1_u32..).zip(algorithm.operations()) {
            for provider in Library::ALL {
                let openssl = provider == Library::OpenSsl;
                let lacks = provider.provider().is_some_and(|provider| !algorithm.is_in(provider));
                if lacks || (openssl && algorithm != PublicKey::EcdsaP256) {
                    continue;
                }
                let speed = operation(
                    f64::from(n) * 16384.0 * differing(provider, Direction::Seal),
                    if openssl { 1 } else { 12 },
                );
                rows.push(PrimitiveRow { algorithm, operation: *op, provider, speed });
            }
        }
    }
    rows
}

fn handshakes() -> Vec<HandshakeRow> {
    let row = |suite: Suite, certificate, group, handshake, us: f64| {
        [Library::AwsLc, Library::Ring].map(|provider| HandshakeRow {
            suite,
            version: suite.version(),
            certificate,
            group,
            handshake,
            provider,
            client: operation(us * 1000.0 * differing(provider, Direction::Open), 12),
            server: operation(us * 500.0 * differing(provider, Direction::Seal), 12),
        })
    };
    let (v13, v12) = (Suite::Aes128GcmSha256, Suite::EcdheRsaAes128Cbc);
    debug_assert_eq!((v13.version(), v12.version()), (TlsVersion::V13, TlsVersion::V12));
    let (x25519, hybrid) = (Some(Group::X25519), Some(Group::X25519MlKem768));
    let mut rows = Vec::new();
    rows.extend(row(v13, Some(KeyType::Ecdsa), x25519, Handshake::Full, 256.0));
    rows.extend(row(v13, Some(KeyType::Rsa), x25519, Handshake::Full, 512.0));
    rows.extend(row(v13, None, x25519, Handshake::Resumed, 128.0));
    rows.extend(row(v13, Some(KeyType::Ecdsa), hybrid, Handshake::Full, 320.0).into_iter().take(1));
    rows.extend(row(v12, Some(KeyType::Rsa), x25519, Handshake::Full, 640.0));
    rows.extend(row(v12, None, None, Handshake::Resumed, 32.0));
    rows
}

fn remark(code: &str, text: &str) -> Remark {
    Remark { code: code.to_owned(), text: text.to_owned() }
}

/// A whole document: eight threads, an OpenSSL of which a part was run, a machine that was busy.
pub(crate) fn document() -> CryptoDocument {
    let run = fixture::open_loop();
    CryptoDocument {
        label: Default::default(),
        schema: SCHEMA.to_owned(),
        tool: Tool { crypto: "aws-lc ring".to_owned(), ..run.tool },
        host: run.host,
        started_at: "2026-11-25T07:00:00Z".to_owned(),
        interrupted: false,
        plan: CryptoPlanRecord {
            providers: Library::ALL.to_vec(),
            threads: vec![1, 8],
            repetitions: 12,
            time_s: 0.005,
            warmup_s: 0.00125,
            budget_s: Some(120.0),
            seed: 42,
            record_bytes: RECORD_BYTES.map(|n| n as u64).to_vec(),
            working_set_bytes: 262_144,
        },
        frequency: FrequencyRecord {
            before: Some(CoreFrequency { min_mhz: 1500.0, mean_mhz: 2000.5, max_mhz: 2500.0 }),
            after: None,
        },
        cpu_share: CpuShare { one_thread: Some(0.998), several_threads: Some(0.75) },
        openssl: OpenSslRecord {
            version: Some("OpenSSL 3.0.19 27 Jan 2026 (Library: OpenSSL 3.0.19 27 Jan 2026)".to_owned()),
            missing: Some("openssl speed -evp x: exit status: 1: x is an unknown cipher or digest".to_owned()),
            runs: vec![OpenSslRun {
                command: "openssl speed -mr -seconds 1 -bytes 16384 -aead -evp aes-128-gcm".to_owned(),
                printed: "+F:25:AES-128-GCM:15065000000.00".to_owned(),
            }],
        },
        warnings: vec![remark("busy_cores", "other programs had 25 % of the time of all cores")],
        aead: aead(),
        record_layer: record_layer(),
        primitives: primitives(),
        handshakes: handshakes(),
        advice: vec![
            remark(
                "small_records",
                "For small records (64 B to 1 KiB) with aws-lc, ring and openssl prefer AES-128-GCM.",
            ),
            remark(
                "order",
                "No two algorithms are seen to change places for large records (4 KiB and 16 KiB) between aws-lc and ring.",
            ),
        ],
    }
}
