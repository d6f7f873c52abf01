//! Files with certificates and keys, as `--ca`, `--cert` and `--key` name them: any bytes are taken, or refused in one line.

use std::path::Path;

use shakedown::model::tls::{ClientIdentity, Provider, TlsChoice, TlsPlan, Trust};
use shakedown::tls::config::ClientMaterial;

/// Plans in which `path` is the authority, or both halves of the client's identity.
fn plans(path: &Path) -> impl Iterator<Item = TlsPlan> {
    [Provider::AwsLc, Provider::Ring].into_iter().flat_map(move |provider| {
        let choice = TlsChoice { provider, ..TlsChoice::default() };
        let mut trusting = TlsPlan::new(choice).expect("the defaults fit each other");
        let mut showing = trusting.clone();
        trusting.trust = Trust::Ca(path.to_owned());
        showing.trust = Trust::Insecure;
        showing.identity = Some(ClientIdentity { cert: path.to_owned(), key: path.to_owned() });
        [trusting, showing]
    })
}

/// The property.
pub(crate) fn check(input: &[u8]) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), input).expect("room for it");
    for plan in plans(file.path()) {
        match ClientMaterial::load(&plan) {
            Ok(material) => drop(material.configs(1)),
            Err(error) => {
                let told = error.to_string();
                assert!(!told.contains('\n'), "more than a line: {told:?}");
                assert!(told.contains(&*file.path().to_string_lossy()), "which file? {told}");
            }
        }
    }
}
