//! Real handshakes with certificates that are right, and with every kind that is wrong.

use rcgen::{CertificateParams, DistinguishedName, DnType, date_time_ymd};
use rustls::ClientConfig;

use super::*;
use crate::model::failure::{Failure, FailureKind};
use crate::model::suite::Suite;
use crate::model::tls::{Provider, TlsChoice, TlsPlan, Trust};
use crate::tls::config::ClientMaterial;
use crate::tls::failure::classify;
use crate::tls::testing::{self, HOST, Identity, params};

fn choice(provider: Provider) -> TlsPlan {
    TlsPlan::new(TlsChoice { provider, ..TlsChoice::default() }).unwrap()
}

fn connect(client: &Arc<ClientConfig>, identity: &Identity, host: &str) -> Result<testing::Pair, Error> {
    testing::handshake(client, &Arc::new(testing::server_config(Provider::AwsLc, identity)), host)
}

/// What a client that trusts only the test authority makes of `identity`.
fn refusal(identity: &Identity, host: &str) -> String {
    let mut details: Vec<_> = [Provider::AwsLc, Provider::Ring]
        .into_iter()
        .map(|provider| {
            let error = connect(&testing::trusting(choice(provider)).full, identity, host).err().expect("refused");
            let failure = classify(&error);
            assert_eq!(failure.kind, FailureKind::Certificate, "{error}");
            failure.detail().to_owned()
        })
        .collect();
    details.dedup();
    assert_eq!(details.len(), 1, "the libraries differ: {details:?}");
    details.remove(0)
}

fn issued(params: &CertificateParams) -> Identity {
    testing::issued(params, KeyType::Ecdsa)
}

fn trusting_file(text: &str, verify: Verify) -> Arc<ClientConfig> {
    let file = testing::file(text);
    let mut plan = choice(Provider::AwsLc);
    plan.trust = Trust::Ca(file.path().into());
    plan.verify = verify;
    ClientMaterial::load(&plan).unwrap().configs(1).full
}

#[test]
fn a_good_certificate_is_accepted_again_and_again() {
    for provider in [Provider::AwsLc, Provider::Ring] {
        for verify in [Verify::Once, Verify::Every] {
            let mut plan = choice(provider);
            plan.verify = verify;
            let client = testing::trusting(plan).full;
            for kind in [KeyType::Rsa, KeyType::Ecdsa, KeyType::Rsa] {
                connect(&client, testing::server_identity(kind), HOST).unwrap();
            }
            // The name is checked though the chain is known.
            let error = connect(&client, testing::server_identity(KeyType::Rsa), "other.example").err().unwrap();
            assert_eq!(classify(&error).kind, FailureKind::Certificate);
        }
    }
}

#[test]
fn validity_is_checked_at_both_ends() {
    let mut expired = params(&[HOST]);
    expired.not_before = date_time_ymd(2023, 1, 2);
    expired.not_after = date_time_ymd(2024, 1, 2);
    assert_eq!(refusal(&issued(&expired), HOST), "expired on 2024-01-02 (00:00:00 UTC)");
    let mut early = params(&[HOST]);
    early.not_before = date_time_ymd(2999, 5, 6);
    early.not_after = date_time_ymd(3000, 1, 1);
    assert_eq!(refusal(&issued(&early), HOST), "not valid before 2999-05-06 (00:00:00 UTC)");
}

#[test]
fn names_are_matched_against_the_subject_alternative_names() {
    let two = issued(&params(&["a.example", "b.example"]));
    assert_eq!(refusal(&two, HOST), "name mismatch: the certificate is for a.example, b.example");
    let client = testing::trusting(choice(Provider::AwsLc)).full;
    connect(&client, &two, "b.example").unwrap();

    let wildcard = issued(&params(&["*.wild.example", "10.1.2.3"]));
    connect(&client, &wildcard, "one.wild.example").unwrap();
    connect(&client, &wildcard, "10.1.2.3").unwrap();
    for host in ["two.labels.wild.example", "wild.example", "10.1.2.4"] {
        let expected = "name mismatch: the certificate is for *.wild.example, 10.1.2.3";
        assert_eq!(refusal(&wildcard, host), expected, "{host}");
    }

    let mut common_name_only = params(&[]);
    common_name_only.distinguished_name.push(DnType::CommonName, HOST);
    let detail = refusal(&issued(&common_name_only), HOST);
    assert_eq!(detail, "name mismatch: the certificate has no subjectAltName, so it is for no name");
}

#[test]
fn an_unknown_issuer_is_refused() {
    let stranger = testing::new_authority("shakedown test authority");
    let key = testing::new_key(KeyType::Ecdsa);
    let cert = params(&[HOST]).signed_by(&key, &stranger).unwrap();
    // Issued by the same name, but by another key.
    let forged = Identity { chain: vec![cert.der().clone()], pem: cert.pem(), key };
    assert!(["unknown issuer: no path to a trusted root", "bad signature"].contains(&refusal(&forged, HOST).as_str()));

    let unknown = testing::new_authority("somebody else");
    let key = testing::new_key(KeyType::Ecdsa);
    let cert = params(&[HOST]).signed_by(&key, &unknown).unwrap();
    let unknown = Identity { chain: vec![cert.der().clone(), unknown.der().clone()], pem: cert.pem(), key };
    assert_eq!(refusal(&unknown, HOST), "unknown issuer: no path to a trusted root");
}

#[test]
fn a_certificate_for_another_purpose_is_refused() {
    let mut client_only = params(&[HOST]);
    client_only.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    assert_eq!(refusal(&issued(&client_only), HOST), "not for server authentication");
}

#[test]
fn a_self_signed_certificate_is_trusted_if_and_only_if_it_is_given() {
    let plain = params(&[HOST]);
    // As `openssl req -x509` makes it: with the flag of an authority.
    let mut with_ca_flag = params(&[HOST]);
    with_ca_flag.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    for params in [plain, with_ca_flag] {
        let identity = testing::self_signed(&params, KeyType::Ecdsa);
        assert_eq!(refusal(&identity, HOST), "unknown issuer: no path to a trusted root");
        let client = trusting_file(&identity.pem, Verify::Once);
        connect(&client, &identity, HOST).unwrap();
        let error = connect(&client, &identity, "other.example").err().unwrap();
        let expected = "name mismatch: the certificate is for server.example";
        assert_eq!(classify(&error), Failure::new(FailureKind::Certificate, expected));
        // Another certificate of the same name is another certificate.
        let twin = testing::self_signed(&params, KeyType::Ecdsa);
        assert_eq!(classify(&connect(&client, &twin, HOST).err().unwrap()).kind, FailureKind::Certificate);
    }
}

#[test]
fn a_given_certificate_still_expires() {
    let mut expired = params(&[HOST]);
    expired.not_before = date_time_ymd(2023, 1, 2);
    expired.not_after = date_time_ymd(2024, 1, 2);
    let identity = testing::self_signed(&expired, KeyType::Ecdsa);
    let error = connect(&trusting_file(&identity.pem, Verify::Every), &identity, HOST).err().unwrap();
    assert_eq!(classify(&error).detail(), "expired on 2024-01-02 (00:00:00 UTC)");
}

#[test]
fn a_given_server_certificate_vouches_for_no_other() {
    let server_key = testing::new_key(KeyType::Ecdsa);
    let mut server = params(&["trusted.example"]);
    server.distinguished_name = DistinguishedName::new();
    server.distinguished_name.push(DnType::CommonName, "a server");
    let given = server.self_signed(&server_key).unwrap();
    let issuer = rcgen::Issuer::from_params(&server, &server_key);
    let key = testing::new_key(KeyType::Ecdsa);
    let cert = params(&[HOST]).signed_by(&key, &issuer).unwrap();
    let identity = Identity { chain: vec![cert.der().clone()], pem: cert.pem(), key };
    let error = connect(&trusting_file(&given.pem(), Verify::Once), &identity, HOST).err().unwrap();
    assert_eq!(classify(&error).detail(), "unknown issuer: no path to a trusted root");
}

#[test]
fn insecure_accepts_anything() {
    let mut plan = choice(Provider::Ring);
    plan.trust = Trust::Insecure;
    let client = ClientMaterial::load(&plan).unwrap().configs(1).full;
    let identity = testing::self_signed(&params(&["other.example"]), KeyType::Rsa);
    connect(&client, &identity, HOST).unwrap();
}

#[test]
fn the_handshake_signature_is_checked_though_the_chain_is_known() {
    let client = testing::trusting(choice(Provider::AwsLc)).full;
    let good = testing::server_identity(KeyType::Ecdsa);
    connect(&client, good, HOST).unwrap();
    // The same chain, shown by one who does not hold its key.
    let thief = rustls::sign::CertifiedKey::new(
        good.chain.clone(),
        rustls::crypto::aws_lc_rs::sign::any_supported_type(
            &testing::self_signed(&params(&[]), KeyType::Ecdsa).key_der(),
        )
        .unwrap(),
    );
    let resolver = rustls::sign::SingleCertAndKey::from(thief);
    let server = rustls::ServerConfig::builder_with_provider(crate::tls::provider::everything(Provider::AwsLc))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    let error = testing::handshake(&client, &Arc::new(server), HOST).err().unwrap();
    assert_eq!(classify(&error), Failure::new(FailureKind::Certificate, "bad signature"));
}

#[test]
fn the_certificate_type_narrows_what_is_offered_and_accepted() {
    for (wanted, other) in [(KeyType::Rsa, KeyType::Ecdsa), (KeyType::Ecdsa, KeyType::Rsa)] {
        for suites in [vec![Suite::Aes128GcmSha256], Vec::new()] {
            let plan = TlsPlan::new(TlsChoice { cert_type: Some(wanted), suites, ..TlsChoice::default() }).unwrap();
            let client = testing::trusting(plan).full;
            connect(&client, testing::server_identity(wanted), HOST).unwrap();
            assert!(connect(&client, testing::server_identity(other), HOST).is_err());
        }
    }
}

#[test]
fn few_chains_are_remembered_and_no_failure_is() {
    let provider = crate::tls::provider::everything(Provider::AwsLc);
    let anchors = Anchors { roots: testing::roots(), given: Vec::new() };
    let verifier = ChainVerifier::new(Some(Arc::new(anchors)), &provider, None, Verify::Once);
    let now = UnixTime::now();
    let known = || verifier.seen.as_ref().unwrap().lock().unwrap().len();
    let chain = &testing::server_identity(KeyType::Ecdsa).chain[0];
    let verify = |name: &str, now| {
        verifier.verify_server_cert(chain, &[], &ServerName::try_from(name.to_owned()).unwrap(), &[], now)
    };
    verify("other.example", now).unwrap_err();
    assert_eq!(known(), 0);
    for _ in 0..3 {
        verify(HOST, now).unwrap();
        assert_eq!(known(), 1);
    }
    // An authentic chain that was remembered is walked again once it has expired.
    let late = UnixTime::since_unix_epoch(Duration::from_secs(40_000_000_000_000));
    assert!(verify(HOST, late).is_err());
    let identities: Vec<_> = (0..2 * REMEMBERED).map(|_| issued(&params(&[HOST]))).collect();
    for identity in &identities {
        verifier.verify_server_cert(&identity.chain[0], &[], &ServerName::try_from(HOST).unwrap(), &[], now).unwrap();
    }
    assert_eq!(known(), REMEMBERED);
}
