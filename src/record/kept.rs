//! The runs that a results folder keeps: every document in it, of whatever kind.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::audit::{self, AuditDocument};
use super::capacity::{self, CapacityDocument};
use super::compare::{self, CompareDocument};
use super::crypto::{self, CryptoDocument};
use super::folder::{self, DOCUMENT, LoadError};
use super::label::Label;
use super::plan::{self, PlanDocument};
use super::run::{self, RunDocument};
use super::suites::{self, SuitesDocument};
use super::trial::{self, TrialDocument};

/// A document of any kind.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // each is the document of the command of the same name
pub enum Document {
    Run(Box<RunDocument>),
    Suites(Box<SuitesDocument>),
    Capacity(Box<CapacityDocument>),
    Audit(Box<AuditDocument>),
    Crypto(Box<CryptoDocument>),
    Compare(Box<CompareDocument>),
    Plan(Box<PlanDocument>),
    Trial(Box<TrialDocument>),
}

impl Document {
    /// When it was measured: RFC 3339, UTC.
    pub fn started_at(&self) -> &str {
        match self {
            Self::Run(document) => &document.started_at,
            Self::Suites(document) => &document.started_at,
            Self::Capacity(document) => &document.started_at,
            Self::Audit(document) => &document.started_at,
            Self::Crypto(document) => &document.started_at,
            Self::Compare(document) => &document.started_at,
            Self::Plan(document) => &document.started_at,
            Self::Trial(document) => &document.started_at,
        }
    }

    /// What the user calls it.
    pub fn label(&self) -> &Label {
        match self {
            Self::Run(document) => &document.label,
            Self::Suites(document) => &document.label,
            Self::Capacity(document) => &document.label,
            Self::Audit(document) => &document.label,
            Self::Crypto(document) => &document.label,
            Self::Compare(document) => &document.label,
            Self::Plan(document) => &document.label,
            Self::Trial(document) => &document.label,
        }
    }
}

/// The document at `path` (a results folder, or the file itself), of whatever kind.
///
/// # Errors
/// [`LoadError`]; of a schema that is not known, with that of a run as what was expected.
pub fn load(path: &Path) -> Result<Document, LoadError> {
    let schema = folder::schema_of(path)?;
    Ok(match schema.as_str() {
        suites::SCHEMA => Document::Suites(folder::load(path, &schema)?),
        capacity::SCHEMA => Document::Capacity(folder::load(path, &schema)?),
        audit::SCHEMA => Document::Audit(folder::load(path, &schema)?),
        crypto::SCHEMA => Document::Crypto(folder::load(path, &schema)?),
        compare::SCHEMA => Document::Compare(folder::load(path, &schema)?),
        plan::SCHEMA => Document::Plan(folder::load(path, &schema)?),
        trial::SCHEMA => Document::Trial(folder::load(path, &schema)?),
        _ => Document::Run(folder::load(path, run::SCHEMA)?),
    })
}

/// One folder with a document in it.
#[derive(Debug)]
pub struct Kept {
    /// The folder.
    pub path: PathBuf,
    /// The document, or why it cannot be read.
    pub document: Result<Document, LoadError>,
}

/// What the folders in `parent` keep, the newest first; documents that cannot be read come last. Folders without a document, as of a run that is
/// still going on, are left out.
///
/// # Errors
/// Those of reading `parent`.
pub fn list(parent: &Path) -> io::Result<Vec<Kept>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        if path.join(DOCUMENT).is_file() {
            found.push(Kept { document: load(&path), path });
        }
    }
    // RFC 3339 in UTC: the order of the texts is that of the moments.
    let at = |kept: &Kept| kept.document.as_ref().map(|document| document.started_at().to_owned()).ok();
    found.sort_by(|a, b| at(b).cmp(&at(a)).then_with(|| a.path.cmp(&b.path)));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(kind: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(kind)
    }

    #[test]
    fn the_newest_come_first_and_what_cannot_be_read_last() {
        let parent = tempfile::tempdir().unwrap();
        let keep = |name: &str, text: &str| {
            fs::create_dir(parent.path().join(name)).unwrap();
            fs::write(parent.path().join(name).join(DOCUMENT), text).unwrap();
        };
        let run = fs::read_to_string(golden("run-open").join(DOCUMENT)).unwrap();
        keep("b-older", &run.replace("2026-11-23T23:40:42Z", "2025-01-02T03:04:05Z"));
        keep("a-newer", &run);
        keep("c-broken", "{\"schema\": \"shakedown.run/1\"}");
        keep("d-unknown", "{\"schema\": \"shakedown.run/99\"}");
        fs::create_dir(parent.path().join("under-way")).unwrap();
        fs::write(parent.path().join("a file"), "").unwrap();
        let found = list(parent.path()).unwrap();
        let names: Vec<_> = found.iter().map(|kept| kept.path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a-newer", "b-older", "c-broken", "d-unknown"]);
        assert!(found[..2].iter().all(|kept| matches!(kept.document, Ok(Document::Run(_)))));
        assert!(matches!(found[2].document, Err(LoadError::Damaged { .. })));
        assert!(matches!(&found[3].document, Err(LoadError::OtherSchema { found, .. }) if found == "shakedown.run/99"));
        assert!(list(&parent.path().join("none")).is_err());
    }

    /// Documents as earlier versions wrote them. These files are never written again: a document that no longer opens here no longer opens for
    /// those who kept one.
    #[test]
    fn documents_of_earlier_versions_still_open() {
        let old = golden("old");
        let mut kinds = Vec::new();
        for entry in fs::read_dir(&old).unwrap() {
            let path = entry.unwrap().path();
            let document = load(&path).unwrap_or_else(|error| panic!("{error}"));
            assert!(document.label().is_none() && !document.started_at().is_empty(), "{}", path.display());
            let kind = std::mem::discriminant(&document);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        assert_eq!(kinds.len(), 7, "one of each kind but the trial is kept in {}", old.display());
    }
}
