//! An authority that lives as long as the server, and the two server certificates that it issues.

use std::fs::File;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    RsaKeySize,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

/// How long the certificates are valid from now. They also are valid for the hour before, for clients whose clock is behind.
const VALID_FOR: Duration = Duration::days(7);
const VALID_SINCE: Duration = Duration::hours(1);

/// Why certificates could not be made or written.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// A key or certificate could not be generated; names that are neither a DNS name nor an address end here.
    #[error("{0}")]
    Generate(#[from] rcgen::Error),
    /// The authority's certificate could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A server certificate and its key.
pub(super) struct Leaf {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// What was issued: an ECDSA P-256 authority, whose private key is forgotten at once, and an RSA-2048 and an ECDSA P-256
/// certificate for the same names.
pub struct Issued {
    ca_pem: String,
    pub(super) rsa: Leaf,
    pub(super) ecdsa: Leaf,
}

impl Issued {
    /// Makes a fresh authority and both certificates, for `localhost`, `127.0.0.1`, `::1` and `extra_names` (DNS names or IP
    /// addresses). Takes 0.1 s or more, nearly all of it for the RSA key.
    ///
    /// # Errors
    /// [`CaError::Generate`] when a name does not fit into a certificate.
    pub fn new(extra_names: &[String]) -> Result<Self, CaError> {
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        for name in extra_names {
            let name = canonical(name);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        // One moment for all: a certificate must not outlive its authority, not even by the second in which it was made.
        let now = OffsetDateTime::now_utc();
        let mut params = parameters(&[], "shakedown ephemeral CA", now)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let ca_pem = params.self_signed(&ca_key)?.pem();
        let issuer = Issuer::new(params, ca_key);
        let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let ecdsa = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        Ok(Self { ca_pem, rsa: issue(&issuer, &names, &rsa, now)?, ecdsa: issue(&issuer, &names, &ecdsa, now)? })
    }

    /// The authority's certificate, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }
}

/// An address in its shortest form, a DNS name in lower case: one name, one spelling.
fn canonical(name: &str) -> String {
    let bare = name.trim().trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().map_or_else(|_| bare.to_ascii_lowercase(), |ip| ip.to_string())
}

fn parameters(names: &[String], common_name: &str, now: OffsetDateTime) -> Result<CertificateParams, CaError> {
    let mut params = CertificateParams::new(names)?;
    params.not_before = now - VALID_SINCE;
    params.not_after = now + VALID_FOR;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

fn issue(issuer: &Issuer<'_, KeyPair>, names: &[String], key: &KeyPair, now: OffsetDateTime) -> Result<Leaf, CaError> {
    // Policies that speak of the common name mean the host's.
    let mut params = parameters(names, names.first().map_or("localhost", String::as_str), now)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(key, issuer)?;
    Ok(Leaf {
        chain: vec![certificate.der().clone()],
        key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
    })
}

/// Writes the authority's certificate to `path`, readable by all, so that another process sees the whole file or none: it goes
/// to a temporary file in the same directory, which then takes the name.
///
/// # Errors
/// [`CaError::Write`] with the path and what the system said.
pub fn write_pem(path: &Path, pem: &str) -> Result<(), CaError> {
    let attempt = || -> io::Result<()> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // By way of the plain file: errors of tempfile's own would name the temporary one.
        let file = tempfile::Builder::new().make_in(directory, |path| File::create_new(path))?;
        file.as_file().write_all(pem.as_bytes())?;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    attempt().map_err(|source| CaError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

    #[test]
    fn both_certificates_hold_the_names_and_are_signed_by_the_authority() {
        let extra = ["Example.TEST".to_owned(), "[::1]".to_owned(), "192.0.2.7".to_owned()];
        let issued = Issued::new(&extra).unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(issued.ca_pem().as_bytes()).unwrap();
        let ca = pem.parse_x509().unwrap();
        let constraints = ca.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && constraints.value.ca);
        for (leaf, algorithm) in [(&issued.rsa, "1.2.840.113549.1.1.1"), (&issued.ecdsa, "1.2.840.10045.2.1")] {
            let (_, certificate) = X509Certificate::from_der(&leaf.chain[0]).unwrap();
            assert_eq!(certificate.public_key().algorithm.algorithm.to_id_string(), algorithm);
            assert_eq!(certificate.issuer(), ca.subject());
            assert!(certificate.validity().is_valid());
            assert!(certificate.validity().not_after <= ca.validity().not_after);
            let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
            assert_eq!(names.len(), 5, "{names:?}");
            assert!(names.contains(&GeneralName::DNSName("example.test")));
            assert!(names.contains(&GeneralName::IPAddress(&[192, 0, 2, 7])));
        }
    }

    #[test]
    fn a_name_that_no_certificate_can_hold_is_refused() {
        assert!(matches!(Issued::new(&["bücher.example".to_owned()]), Err(CaError::Generate(_))));
    }

    #[test]
    fn the_file_is_replaced_whole_and_a_missing_directory_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        write_pem(&path, "first, and longer").unwrap();
        write_pem(&path, "second").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        for (path, cause) in [
            (directory.path().join("none/ca.pem"), "No such file or directory (os error 2)"),
            (directory.path().to_owned(), "Is a directory (os error 21)"),
        ] {
            let error = write_pem(&path, "x").unwrap_err().to_string();
            assert_eq!(error, format!("cannot write {}: {cause}", path.display()));
        }
    }
}
