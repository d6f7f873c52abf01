//! Authorities and certificates, made for each test.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa, KeyIdMethod,
    KeyPair, RevokedCertParams, SerialNumber,
};
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use shakedown::model::suite::KeyType;
use time::{Duration, OffsetDateTime};

/// Names that the servers' certificates are for, where a test does not say otherwise.
pub(crate) const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// A certificate with its key, as PEM files.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Identity {
    fn write(folder: &Path, name: &str, cert: &str, key: &KeyPair) -> Self {
        let identity =
            Self { cert: folder.join(format!("{name}.cert.pem")), key: folder.join(format!("{name}.key.pem")) };
        fs::write(&identity.cert, cert).unwrap();
        fs::write(&identity.key, key.serialize_pem()).unwrap();
        identity
    }
}

/// A key of this type: P-256 or RSA-2048.
pub(crate) fn key(key_type: KeyType) -> KeyPair {
    let algorithm = match key_type {
        KeyType::Rsa => &PKCS_RSA_SHA256,
        KeyType::Ecdsa => &PKCS_ECDSA_P256_SHA256,
    };
    KeyPair::generate_for(algorithm).unwrap()
}

/// What an authority's certificate says.
fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params
}

/// An authority, which writes what it issues into a folder.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    /// Its own certificate.
    pub(crate) cert: PathBuf,
}

impl Authority {
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        Self::write(folder, name, CertifiedIssuer::self_signed(authority(name), key(KeyType::Ecdsa)).unwrap())
    }

    /// An authority below this one, with whatever else `edit` puts into its certificate.
    pub(crate) fn subordinate(&self, name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority(name);
        edit(&mut params);
        Self::write(&self.folder, name, CertifiedIssuer::signed_by(params, key(KeyType::Ecdsa), &self.issuer).unwrap())
    }

    fn write(folder: &Path, name: &str, issuer: CertifiedIssuer<'static, KeyPair>) -> Self {
        let cert = folder.join(format!("{name}.pem"));
        fs::write(&cert, issuer.pem()).unwrap();
        Self { issuer, folder: folder.to_owned(), cert }
    }

    /// The file of its private key.
    pub(crate) fn key(&self) -> PathBuf {
        let path = self.cert.with_extension("key.pem");
        fs::write(&path, self.issuer.key().serialize_pem()).unwrap();
        path
    }

    /// A list of revoked certificates that was valid for a day until `until` from now, as a PEM file.
    pub(crate) fn revoke(&self, file: &str, serials: &[u64], until: Duration) -> PathBuf {
        let now = OffsetDateTime::now_utc();
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now - Duration::days(10),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: now + until - Duration::days(1),
            next_update: now + until,
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let path = self.folder.join(format!("{file}.crl"));
        fs::write(&path, list.signed_by(&self.issuer).unwrap().pem().unwrap()).unwrap();
        path
    }

    /// A certificate for `names`, with whatever else `edit` puts in.
    pub(crate) fn issue(
        &self,
        file: &str,
        key_type: KeyType,
        names: &[&str],
        edit: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        self.issue_for(file, key(key_type), names, edit)
    }

    /// The same, for a key of any type.
    pub(crate) fn issue_for(
        &self,
        file: &str,
        key: KeyPair,
        names: &[&str],
        edit: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let mut params = CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, file);
        edit(&mut params);
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Identity::write(&self.folder, file, &cert.pem(), &key)
    }

    /// One certificate of each type for [`NAMES`].
    pub(crate) fn pair(&self) -> [Identity; 2] {
        [(KeyType::Rsa, "rsa"), (KeyType::Ecdsa, "ecdsa")]
            .map(|(key_type, file)| self.issue(file, key_type, &NAMES, |_| {}))
    }
}

/// A certificate for [`NAMES`] that no authority has signed.
pub(crate) fn self_signed(folder: &Path) -> Identity {
    let key = key(KeyType::Ecdsa);
    let cert = CertificateParams::new(NAMES.map(str::to_owned)).unwrap().self_signed(&key).unwrap();
    Identity::write(folder, "self-signed", &cert.pem(), &key)
}
