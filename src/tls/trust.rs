//! The roots that a plan trusts, read once before the run.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::files::{self, TlsSetupError};
use crate::model::tls::Trust;
use crate::model::x509::may_sign;

/// What a certificate may lead to.
#[derive(Debug)]
pub(super) struct Anchors {
    /// The authorities: a path ends at one of them.
    pub(super) roots: RootCertStore,
    /// The certificates that a user named, byte for byte: a server that shows one of them needs no path.
    pub(super) given: Vec<CertificateDer<'static>>,
}

/// The anchors of `trust`; `None` where nothing is checked.
pub(super) fn load(trust: &Trust) -> Result<Option<Arc<Anchors>>, TlsSetupError> {
    let anchors = match trust {
        Trust::Mozilla => {
            Anchors { roots: webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(), given: Vec::new() }
        }
        Trust::System => Anchors { roots: system()?, given: Vec::new() },
        Trust::Ca(path) => from_file(path)?,
        Trust::Insecure => return Ok(None),
    };
    Ok(Some(Arc::new(anchors)))
}

/// The operating system's roots. Those that cannot be parsed are left out, as every store has some; none at all is an error.
fn system() -> Result<RootCertStore, TlsSetupError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let cause = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(TlsSetupError::NoSystemRoots { cause });
    }
    Ok(roots)
}

/// Authorities and server certificates from a file. Only a certificate that may sign others becomes a root: a server's own
/// certificate must not vouch for another one.
fn from_file(path: &Path) -> Result<Anchors, TlsSetupError> {
    const WHAT: &str = "the file of --ca";
    let given = files::certificates(WHAT, path)?;
    let mut roots = RootCertStore::empty();
    for (number, cert) in (1..).zip(&given) {
        if may_sign(cert) {
            roots.add(cert.clone()).map_err(|error| TlsSetupError::Certificate {
                what: WHAT,
                path: path.into(),
                number,
                cause: error.to_string(),
            })?;
        }
    }
    Ok(Anchors { roots, given })
}
