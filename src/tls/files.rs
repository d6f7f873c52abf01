//! Certificates and keys from PEM files, with refusals that name the file, what is wrong in it, and the way out.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::parse_x509_certificate;

/// What can be wrong with the files and stores that a TLS plan names.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// The file cannot be opened or read.
    #[error("cannot read {what} '{path}': {source}; check the path and its permissions")]
    Read {
        /// What the file was to be.
        what: &'static str,
        /// Its path, as given.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The file is damaged PEM.
    #[error("{what} '{path}' is not valid PEM: {cause}; write it again, e.g. with `openssl x509` or `openssl pkey`")]
    Pem {
        /// What the file was to be.
        what: &'static str,
        /// Its path, as given.
        path: PathBuf,
        /// Where the parser stopped.
        cause: String,
    },
    /// The file holds nothing of the kind.
    #[error("{what} '{path}' has no {expected}; {remedy}")]
    Empty {
        /// What the file was to be.
        what: &'static str,
        /// Its path, as given.
        path: PathBuf,
        /// The PEM section that is missing.
        expected: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A certificate in the file cannot be parsed.
    #[error("certificate {number} in {what} '{path}' is not valid X.509: {cause}; remove it or export it again")]
    Certificate {
        /// What the file was to be.
        what: &'static str,
        /// Its path, as given.
        path: PathBuf,
        /// Which one, from 1.
        number: usize,
        /// Why.
        cause: String,
    },
    /// The private key is not that of the first certificate.
    #[error(
        "the client key '{key}' does not belong to the first certificate in '{cert}'; give the pair that was issued together, the client's own certificate first"
    )]
    KeyMismatch {
        /// The certificate's path.
        cert: PathBuf,
        /// The key's path.
        key: PathBuf,
    },
    /// The cryptography library does not take the key.
    #[error(
        "the client key '{key}' cannot be used with --crypto {provider}: {cause}; use an RSA (2048 bits or more), P-256, P-384 or Ed25519 key"
    )]
    Key {
        /// The key's path.
        key: PathBuf,
        /// The library.
        provider: &'static str,
        /// Its answer.
        cause: String,
    },
    /// The operating system offers no roots.
    #[error(
        "the operating system has no trusted roots that can be read ({cause}); install them (e.g. the package ca-certificates), set SSL_CERT_FILE, or name an authority with --ca"
    )]
    NoSystemRoots {
        /// The first cause, or "none found".
        cause: String,
    },
    /// The key log cannot be written.
    #[error(
        "cannot append to the key log '{path}': {source}; choose a path that can be written, or leave --key-log out"
    )]
    KeyLog {
        /// Its path, as given.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
}

/// Every certificate in a PEM file; at least one, and each parses as X.509.
pub(super) fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let text = read(what, path)?;
    let certs = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| damaged(what, path, &error))?;
    if certs.is_empty() {
        let remedy = "it should hold at least one, in PEM; DER is converted by `openssl x509 -inform DER`";
        return Err(TlsSetupError::Empty { what, path: path.into(), expected: "-----BEGIN CERTIFICATE-----", remedy });
    }
    for (number, cert) in (1..).zip(&certs) {
        parse_x509_certificate(cert).map_err(|error| TlsSetupError::Certificate {
            what,
            path: path.into(),
            number,
            cause: error.to_string(),
        })?;
    }
    Ok(certs)
}

/// The first private key in a PEM file: PKCS#8, SEC1 or PKCS#1.
pub(super) fn private_key(what: &'static str, path: &Path) -> Result<PrivateKeyDer<'static>, TlsSetupError> {
    PrivateKeyDer::from_pem_slice(&read(what, path)?).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsSetupError::Empty {
            what,
            path: path.into(),
            expected: "private key",
            remedy: "it should hold one in PEM, not encrypted; `openssl pkey` decrypts and converts",
        },
        error => damaged(what, path, &error),
    })
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsSetupError> {
    std::fs::read(path).map_err(|source| TlsSetupError::Read { what, path: path.into(), source })
}

fn damaged(what: &'static str, path: &Path, error: &pem::Error) -> TlsSetupError {
    let cause = match error {
        // Its own words show the bytes as numbers.
        pem::Error::MissingSectionEnd { end_marker } => {
            format!("the line -----END {}----- is missing", String::from_utf8_lossy(end_marker))
        }
        other => other.to_string(),
    };
    TlsSetupError::Pem { what, path: path.into(), cause }
}
