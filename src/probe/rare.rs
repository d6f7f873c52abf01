//! Certificates that only some signature schemes bring to light: a server may keep an Ed25519 one beside its others, and show it to few.

use crate::model::registry::SuiteCode;
use crate::model::suite::KeyType;
use crate::model::survey::{OpenQuestion, Trouble, Version};
use crate::tls::inspect::Certificates;

use super::ask::Heard;
use super::confirm::Outcome;
use super::examine::{Examination, Pass};
use super::lists::{Class, Schemes, candidates, class};

/// What TLS 1.2 is asked for, and the kind of suite that it comes with.
const IN_THE_CLEAR: [(Schemes, KeyType); 2] = [(Schemes::EdDsa, KeyType::Ecdsa), (Schemes::Pss, KeyType::Rsa)];

/// Schemes that TLS 1.3 is asked for one by one, in which each stands for one kind of key: Ed25519, and the curves P-256, P-384 and P-521.
const ENCRYPTED: [(u16, &str); 4] = [(0x0807, "Ed25519"), (0x0403, "P-256"), (0x0503, "P-384"), (0x0603, "P-521")];

impl Examination<'_, '_> {
    /// Asks for them in TLS 1.2, where they are sent in the clear, and in TLS 1.3, by whole handshakes. The chains are kept with all others.
    pub(super) fn rare_certificates(&mut self) {
        if let Some(first) = self.pass_of(Version::Tls12) {
            for (schemes, kind) in IN_THE_CLEAR {
                self.in_the_clear_with(Pass { schemes, ..first }, kind);
            }
        }
        if let Some(suite) =
            self.found.iter().find(|found| found.pass.version == Version::Tls13).map(|found| found.suite)
        {
            for (code, name) in ENCRYPTED {
                self.encrypted_with(suite, code, name);
            }
        }
    }

    fn pass_of(&self, version: Version) -> Option<Pass> {
        self.found.iter().find(|found| found.pass.version == version).map(|found| found.pass)
    }

    fn in_the_clear_with(&mut self, pass: Pass, kind: KeyType) {
        let fits = |suite: &SuiteCode| class(*suite) == Class::Usual && suite.key_type() == Some(kind);
        let suites: Vec<_> = candidates().into_iter().filter(fits).take(self.chunk()).collect();
        match self.interview.ask(&pass.hello(self.interview.sni.as_deref(), suites.clone())) {
            Heard::Accepted(suite, flight) => self.accept(pass, suite, *flight),
            // It has none.
            Heard::Refused(_) | Heard::Other(..) => {}
            Heard::Open(trouble) => self.unknown(Version::Tls12, pass.schemes.words(), trouble),
        }
    }

    fn encrypted_with(&mut self, suite: SuiteCode, code: u16, name: &str) {
        match self.handshake(suite, Certificates::Signing(code), &[]) {
            Outcome::Done { shown, .. } => {
                self.interview.keep_chain(&shown.certificates, shown.staple.as_deref());
            }
            Outcome::Alert(_) | Outcome::Failed(_) | Outcome::NotSpoken => {}
            Outcome::Trouble(trouble) => {
                self.unknown(Version::Tls13, &format!("with a certificate for {name}"), trouble);
            }
        }
    }

    fn unknown(&mut self, version: Version, what: &str, trouble: Trouble) {
        let question = format!("a handshake {what}");
        self.open.push(OpenQuestion { version, suites: Vec::new(), question, trouble });
    }
}
