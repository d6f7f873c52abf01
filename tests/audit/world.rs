//! A folder with an authority in it, and certificates as a good server has them.

use std::path::Path;

use rcgen::{CertificateParams, DistinguishedName, DnType};
use shakedown::model::suite::KeyType;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use super::common::identity::{Authority, Identity};

/// The host under test, where a test does not say otherwise.
pub(crate) const HOST: &str = "localhost";

/// What the servers of a test share; its files go with it.
pub(crate) struct World {
    folder: TempDir,
    pub(crate) authority: Authority,
    ca: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path(), "authority");
        let ca = authority.cert.display().to_string();
        Self { folder, authority, ca }
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The authority's certificate, for `--ca`.
    pub(crate) fn ca(&self) -> &str {
        &self.ca
    }

    /// An RSA and an ECDSA certificate for `names`.
    pub(crate) fn pair(&self, file: &str, names: &[&str]) -> [Identity; 2] {
        [(KeyType::Rsa, "rsa"), (KeyType::Ecdsa, "ecdsa")]
            .map(|(key, kind)| issue(&self.authority, &format!("{file}-{kind}"), key, names, |_| {}))
    }

    /// An ECDSA certificate for [`HOST`], with whatever else `edit` puts in.
    pub(crate) fn issue(&self, file: &str, edit: impl FnOnce(&mut CertificateParams)) -> Identity {
        issue(&self.authority, file, KeyType::Ecdsa, &[HOST], edit)
    }
}

/// A certificate by `authority` for `names`, the first of which is the common name too; valid from a month ago for a hundred days.
pub(crate) fn issue(
    authority: &Authority,
    file: &str,
    key: KeyType,
    names: &[&str],
    edit: impl FnOnce(&mut CertificateParams),
) -> Identity {
    authority.issue(file, key, names, |params| {
        params.distinguished_name = common_name(names.first().copied());
        (params.not_before, params.not_after) = (days(-30), days(70));
        edit(params);
    })
}

/// A subject with this common name alone.
pub(crate) fn common_name(name: Option<&str>) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    if let Some(name) = name {
        subject.push(DnType::CommonName, name);
    }
    subject
}

/// So many days from now.
pub(crate) fn days(days: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::days(days)
}
