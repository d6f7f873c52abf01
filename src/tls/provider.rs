//! The crypto provider of a plan: exactly its suites and its groups, in its order, from the library that it names.

use std::sync::Arc;

use rustls::SupportedCipherSuite;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs, ring};

use super::cbc;
use crate::model::suite::{Group, KeyType, Suite};
use crate::model::tls::Provider;

/// A provider that offers `suites` and `groups` and nothing else, in that order.
///
/// # Panics
/// If `groups` has one that the library cannot compute ([`Provider::groups`]); a `TlsPlan` never does.
pub fn provider(library: Provider, suites: &[Suite], groups: &[Group]) -> Arc<CryptoProvider> {
    let base = match library {
        Provider::AwsLc => aws_lc_rs::default_provider(),
        Provider::Ring => ring::default_provider(),
    };
    Arc::new(CryptoProvider {
        cipher_suites: suites.iter().map(|suite| cipher_suite(library, *suite)).collect(),
        kx_groups: groups.iter().map(|group| kx_group(library, *group)).collect(),
        ..base
    })
}

/// A provider with all nine suites and every group of the library: what a server needs to serve any plan.
pub fn everything(library: Provider) -> Arc<CryptoProvider> {
    provider(library, &Suite::all().collect::<Vec<_>>(), library.groups())
}

/// rustls' implementation of `suite` by `library`; ours for the CBC suites.
pub fn cipher_suite(library: Provider, suite: Suite) -> SupportedCipherSuite {
    use aws_lc_rs::cipher_suite as lc;
    use ring::cipher_suite as rg;
    let (from_aws_lc, from_ring) = match suite {
        Suite::Aes128GcmSha256 => (lc::TLS13_AES_128_GCM_SHA256, rg::TLS13_AES_128_GCM_SHA256),
        Suite::Aes256GcmSha384 => (lc::TLS13_AES_256_GCM_SHA384, rg::TLS13_AES_256_GCM_SHA384),
        Suite::ChaCha20Poly1305Sha256 => (lc::TLS13_CHACHA20_POLY1305_SHA256, rg::TLS13_CHACHA20_POLY1305_SHA256),
        Suite::EcdheEcdsaAes128Gcm => {
            (lc::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, rg::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
        }
        Suite::EcdheRsaAes128Gcm => {
            (lc::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, rg::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
        }
        Suite::EcdheEcdsaChaCha20 => {
            (lc::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, rg::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)
        }
        Suite::EcdheRsaChaCha20 => {
            (lc::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, rg::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)
        }
        Suite::EcdheEcdsaAes128Cbc => return cbc::suite(library, KeyType::Ecdsa),
        Suite::EcdheRsaAes128Cbc => return cbc::suite(library, KeyType::Rsa),
    };
    match library {
        Provider::AwsLc => from_aws_lc,
        Provider::Ring => from_ring,
    }
}

/// The library's implementation of `group`.
fn kx_group(library: Provider, group: Group) -> &'static dyn SupportedKxGroup {
    use aws_lc_rs::kx_group as lc;
    use ring::kx_group as rg;
    match (library, group) {
        (Provider::AwsLc, Group::X25519) => lc::X25519,
        (Provider::AwsLc, Group::Secp256r1) => lc::SECP256R1,
        (Provider::AwsLc, Group::Secp384r1) => lc::SECP384R1,
        (Provider::AwsLc, Group::X25519MlKem768) => lc::X25519MLKEM768,
        (Provider::Ring, Group::X25519) => rg::X25519,
        (Provider::Ring, Group::Secp256r1) => rg::SECP256R1,
        (Provider::Ring, Group::Secp384r1) => rg::SECP384R1,
        (Provider::Ring, Group::X25519MlKem768) => panic!("ring has no ML-KEM; a TLS plan refuses {group} with it"),
    }
}

#[cfg(test)]
mod tests {
    use rustls::ClientConfig;

    use super::*;
    use crate::model::suite::TlsVersion;
    use crate::tls::testing;

    fn client(library: Provider, suites: &[Suite], groups: &[Group]) -> Arc<ClientConfig> {
        let config = ClientConfig::builder_with_provider(provider(library, suites, groups))
            .with_safe_default_protocol_versions()
            .or_else(|_| {
                let version = if suites[0].version() == TlsVersion::V12 {
                    &rustls::version::TLS12
                } else {
                    &rustls::version::TLS13
                };
                ClientConfig::builder_with_provider(provider(library, suites, groups))
                    .with_protocol_versions(&[version])
            })
            .unwrap();
        Arc::new(config.with_root_certificates(testing::roots()).with_no_client_auth())
    }

    #[test]
    fn each_suite_carries_data_both_ways_between_both_libraries() {
        let data: Vec<u8> = (0..100_000u32).map(|i| (i.wrapping_mul(i) >> 3) as u8).collect();
        for suite in Suite::all() {
            for (ours, theirs) in [(Provider::AwsLc, Provider::Ring), (Provider::Ring, Provider::AwsLc)] {
                for key_type in [KeyType::Rsa, KeyType::Ecdsa] {
                    if suite.key_type().is_some_and(|needed| needed != key_type) {
                        continue;
                    }
                    let server = Arc::new(testing::server_config(theirs, testing::server_identity(key_type)));
                    let config = client(ours, &[suite], &[Group::X25519]);
                    let mut pair = testing::handshake(&config, &server, testing::HOST).unwrap();
                    let negotiated = pair.client.negotiated_cipher_suite().unwrap();
                    assert_eq!(u16::from(negotiated.suite()), suite.code());
                    assert!(pair.carry(&data, true) == data, "{suite} {ours:?}: upload differs");
                    assert!(pair.carry(&data, false) == data, "{suite} {ours:?}: download differs");
                }
            }
        }
    }

    #[test]
    fn each_group_is_negotiated_when_it_alone_is_offered() {
        let server = Arc::new(testing::server_config(Provider::AwsLc, testing::server_identity(KeyType::Ecdsa)));
        for library in [Provider::AwsLc, Provider::Ring] {
            for group in library.groups() {
                let config = client(library, &[Suite::Aes128GcmSha256], &[*group]);
                let pair = testing::handshake(&config, &server, testing::HOST).unwrap();
                let negotiated = pair.client.negotiated_key_exchange_group().unwrap();
                assert_eq!(u16::from(negotiated.name()), group.code());
            }
        }
    }

    #[test]
    fn the_order_is_the_plans() {
        let suites: Vec<_> = Suite::all().collect();
        let reversed: Vec<_> = suites.iter().rev().copied().collect();
        let made = provider(Provider::Ring, &reversed, &[Group::Secp384r1, Group::X25519]);
        let codes: Vec<_> = made.cipher_suites.iter().map(|suite| u16::from(suite.suite())).collect();
        assert_eq!(codes, reversed.iter().map(|suite| suite.code()).collect::<Vec<_>>());
        assert_eq!(made.kx_groups.iter().map(|group| u16::from(group.name())).collect::<Vec<_>>(), [0x18, 0x1d]);
        assert_eq!(everything(Provider::AwsLc).kx_groups.len(), 4);
    }
}
