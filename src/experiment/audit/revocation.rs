//! The rule about revocation: what staples and lists say of the certificates of a chain.

use super::certificates::{Fared, counting, fails, fared, which};
use super::remedy;
use crate::certs::{CrlStatus, Inspection, Staple, Undecided};
use crate::record::audit::FindingOutcome;

/// What the user's lists are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    /// None were given: nobody asked for that.
    NotGiven,
    /// One at least speaks of a certificate that was sent.
    Used,
    /// None does, so that what was asked for could not be done.
    Unused,
}

impl Lists {
    /// What they are good for with the chains that are judged.
    pub(super) fn of<'a>(given: bool, mut chains: impl Iterator<Item = &'a Inspection>) -> Self {
        let used = |inspection: &Inspection| {
            inspection
                .certificates
                .iter()
                .any(|one| !matches!(one.crl, CrlStatus::Root | CrlStatus::Undecided(Undecided::NoList)))
        };
        match (given, chains.any(used)) {
            (false, _) => Self::NotGiven,
            (true, true) => Self::Used,
            (true, false) => Self::Unused,
        }
    }
}

/// How a chain fares.
pub(super) fn revocation(inspection: &Inspection, lists: Lists) -> Fared {
    let (mut revoked, mut undecided, mut good, mut unasked) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for certificate in counting(inspection) {
        let staple = if certificate.position == 0 { &inspection.staple } else { &Staple::NotSent };
        let of = |what: &dyn std::fmt::Display| format!("{}: {what}", which(certificate));
        match (staple, &certificate.crl) {
            (Staple::Revoked(_), _) => revoked.push(of(&format!("{staple}, by the stapled OCSP response"))),
            (_, CrlStatus::Revoked(_)) => revoked.push(of(&format!("{}, by its authority's list", certificate.crl))),
            (Staple::Good { .. }, _) => good.push(of(&format!("{staple}, by the stapled OCSP response"))),
            (_, CrlStatus::NotRevoked { .. }) => good.push(of(&certificate.crl)),
            (_, CrlStatus::Root) => {}
            (Staple::NotSent, CrlStatus::Undecided(Undecided::NoList)) if lists == Lists::Unused => {
                undecided.push(of(&"no staple, and of the lists given by --crl none is of its authority"));
            }
            (Staple::NotSent, CrlStatus::Undecided(Undecided::NoList)) => {
                let how = if certificate.position == 0 { "neither a staple nor a list" } else { "no list" };
                unasked.push(of(&how));
            }
            (Staple::NotSent, CrlStatus::Undecided(_)) => undecided.push(of(&certificate.crl)),
            (_, CrlStatus::Undecided(Undecided::NoList)) => undecided.push(of(&format!("the staple: {staple}"))),
            (_, CrlStatus::Undecided(why)) => undecided.push(of(&format!("the staple: {staple}; the list: {why}"))),
        }
    }
    let text = [&revoked, &undecided, &good, &unasked].map(|part| part.join("; "));
    let text = text.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    if !revoked.is_empty() {
        let advice = "replace the certificate at once, and find out why it was revoked";
        return fails(text, vec![remedy::advice(advice)]);
    }
    let must_staple = inspection.leaf().facts.must_staple && inspection.staple == Staple::NotSent;
    if must_staple {
        let text = format!("the certificate demands a stapled OCSP response (RFC 7633) and none is sent; {text}");
        return fails(text, remedy::stapling());
    }
    if !undecided.is_empty() {
        let mut remedies = remedy::stapling();
        if lists == Lists::Unused {
            remedies.insert(0, remedy::advice("give the lists of these certificates' own authorities with --crl"));
        }
        return Fared { outcome: FindingOutcome::Inconclusive, observed: text, remedies };
    }
    match (good.is_empty(), unasked.is_empty()) {
        (false, true) => fared(FindingOutcome::Pass, text),
        // Of a part as of the whole: the verdict's line has to name what nobody knows.
        (_, false) => Fared { outcome: FindingOutcome::NotAsked, observed: text, remedies: remedy::stapling() },
        (true, true) => fared(FindingOutcome::NotAsked, "a self-signed certificate: no authority could revoke it"),
    }
}
