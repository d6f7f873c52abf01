//! The prober against servers whose answers are known: scripted ones that misbehave in each way that could be taken for a refusal, and
//! OpenSSL and nginx, whose configuration is the truth. What is accepted has to be found, and what is not found has to be refused or left
//! open: nothing that a server speaks may be missing without a word.

#[path = "../common/mod.rs"]
mod common;
mod misbehaviour;
mod nginx;
mod openssl;
mod responder;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use shakedown::model::registry::SuiteCode;
use shakedown::model::survey::{Answer, Depth, Place, Version};
use shakedown::probe::{Limits, Prober};

/// Enough for any test; fast, since nothing here minds.
pub(crate) const LIMITS: Limits = Limits {
    per_second: 2000.0,
    connections: 20_000,
    total: Duration::from_secs(300),
    answer: Duration::from_secs(20),
    back_off: Duration::from_secs(10),
};

/// What is accepted, as pairs of version and suite.
pub(crate) type Suites = BTreeSet<(Version, SuiteCode)>;

/// What `place` accepts under `sni`.
pub(crate) fn probe(address: SocketAddr, sni: Option<&str>, limits: Limits, depth: Depth) -> Place {
    let mut heard = 0;
    let mut prober = Prober::new(limits, &|| false, |progress| heard = progress.connections);
    let place = prober.place(address, sni, depth);
    let used = prober.connections();
    drop(prober);
    assert_eq!(heard, used);
    assert!(used <= limits.connections);
    place
}

/// The suites of `names` in one version.
pub(crate) fn suites(version: Version, names: &[&str]) -> Suites {
    names.iter().map(|name| (version, name.parse().unwrap())).collect()
}

/// What was found.
pub(crate) fn accepted(place: &Place) -> Suites {
    place.accepted.iter().map(|row| (row.version, row.suite)).collect()
}

/// Nothing is found that is not there, and what is there and was not found is an open question.
pub(crate) fn assert_no_false_answer(place: &Place, truth: &Suites) {
    let found = accepted(place);
    assert!(found.is_subset(truth), "not there: {:?}", found.difference(truth).collect::<Vec<_>>());
    for (version, suite) in truth.difference(&found) {
        let open = place.open.iter().any(|open| open.version == *version && open.suites.contains(suite));
        assert!(open, "{version} {suite} is neither found nor open: {:?}", place.open);
        let verdict = &place.versions.iter().find(|(known, _)| known == version).unwrap().1;
        assert!(!matches!(verdict, Answer::Refused(_)), "{version} {verdict:?}");
    }
}

/// Everything is found, and nothing is open.
pub(crate) fn assert_exact(place: &Place, truth: &Suites) {
    assert_no_false_answer(place, truth);
    assert!(place.open.is_empty(), "{:?}", place.open);
    assert_eq!(&accepted(place), truth);
    for (version, answer) in &place.versions {
        let spoken = truth.iter().any(|(known, _)| known == version);
        let expected = if spoken { *answer == Answer::Accepted(()) } else { matches!(answer, Answer::Refused(_)) };
        assert!(expected, "{version}: {answer:?}");
    }
}
