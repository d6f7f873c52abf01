//! The rules about versions and suites, over observations made by hand.

use super::suites::findings;
use crate::model::policy::Policy;
use crate::model::profile::{Profile, bundled_text};
use crate::model::registry::SuiteCode;
use crate::model::survey::{AcceptedSuite, Answer, Confirmed, OpenQuestion, Place, Refusal, Trouble, Version};
use crate::record::audit::{Finding, FindingOutcome};

const HOST: &str = "api.example.com";
const PROTOCOL_VERSION: u8 = 70;

fn policy(tls13: &str) -> Policy {
    let text =
        bundled_text("push-provisioning").unwrap().replace("tls13 = \"permit\"", &format!("tls13 = \"{tls13}\""));
    Profile::parse("test", &text).unwrap().policy.unwrap()
}

/// A place that accepts these suites, and refuses every version in which it accepts none.
fn place(sni: Option<&str>, suites: &[(Version, &str)]) -> Place {
    let answer = |version: Version| {
        if suites.iter().any(|(at, _)| *at == version) {
            Answer::Accepted(())
        } else {
            Answer::Refused(Refusal::Alert(PROTOCOL_VERSION))
        }
    };
    Place {
        address: "192.0.2.1:443".parse().unwrap(),
        sni: sni.map(str::to_owned),
        versions: Version::ALL.map(|version| (version, answer(version))).to_vec(),
        accepted: suites
            .iter()
            .map(|(version, suite)| AcceptedSuite {
                version: *version,
                suite: suite.parse().unwrap(),
                certificate: None,
                confirmed: Confirmed::Yes,
            })
            .collect(),
        open: Vec::new(),
        preference: Vec::new(),
        groups: Vec::new(),
        traits: Vec::new(),
        chains: Vec::new(),
    }
}

const NAMED: (Version, &str) = (Version::Tls12, "ECDHE-RSA-AES128-GCM-SHA256");
const OUTSIDE: (Version, &str) = (Version::Tls12, "AES256-GCM-SHA384");
const OF_13: (Version, &str) = (Version::Tls13, "TLS_AES_128_GCM_SHA256");
const OF_13_OUTSIDE: (Version, &str) = (Version::Tls13, "TLS_AES_256_GCM_SHA384");

fn outcomes(policy: &Policy, places: &[Place]) -> [FindingOutcome; 3] {
    let findings = findings(policy, places, Some(HOST));
    ["versions.lowest", "suites.one_of", "suites.none_outside"].map(|rule| find(&findings, rule).outcome)
}

fn find<'a>(findings: &'a [Finding], rule: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.rule == rule).unwrap()
}

use FindingOutcome::{Fail, Inconclusive, Pass, Warn};

#[test]
fn what_keeps_to_the_list_passes() {
    let places = [place(Some(HOST), &[NAMED, OF_13]), place(None, &[NAMED, OF_13])];
    assert_eq!(outcomes(&policy("permit"), &places), [Pass, Pass, Pass]);
    let findings = findings(&policy("permit"), &places, Some(HOST));
    let named = find(&findings, "suites.tls13");
    assert_eq!(named.outcome, Warn);
    assert!(named.observed.contains("not named: TLS_AES_128_GCM_SHA256"), "{}", named.observed);
}

#[test]
fn one_suite_outside_is_found_wherever_it_is() {
    let policy = policy("permit");
    for at in [Some(HOST), None, Some("other.example.com")] {
        let places = [place(Some(HOST), &[NAMED]), place(at, &[NAMED, OUTSIDE])];
        assert_eq!(outcomes(&policy, &places), [Pass, Pass, Fail]);
        let findings = findings(&policy, &places, Some(HOST));
        let found = find(&findings, "suites.none_outside");
        assert!(found.observed.contains("AES256-GCM-SHA384 (TLS_RSA_WITH_AES_256_GCM_SHA384)"), "{}", found.observed);
        assert!(
            found.remedies.iter().any(|remedy| remedy.text.starts_with("ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:"))
        );
    }
    let unregistered = place(Some(HOST), &[NAMED, (Version::Tls12, "0xFEFE")]);
    assert_eq!(outcomes(&policy, &[unregistered]), [Pass, Pass, Fail]);
}

#[test]
fn an_old_version_fails_with_all_of_its_suites() {
    let places = [place(Some(HOST), &[NAMED, (Version::Tls10, "ECDHE-RSA-AES128-SHA")])];
    assert_eq!(outcomes(&policy("permit"), &places), [Fail, Pass, Fail]);
}

#[test]
fn suites_of_tls13_count_as_the_profile_says() {
    let both = [place(Some(HOST), &[NAMED, OF_13, OF_13_OUTSIDE])];
    assert_eq!(outcomes(&policy("permit"), &both), [Pass, Pass, Pass]);
    assert_eq!(outcomes(&policy("map"), &both), [Pass, Pass, Fail]);
    assert_eq!(outcomes(&policy("strict"), &both), [Pass, Pass, Fail]);
    let one = [place(Some(HOST), &[OF_13])];
    assert_eq!(outcomes(&policy("permit"), &one), [Pass, Fail, Pass], "what is not named is none of the six");
    assert_eq!(outcomes(&policy("map"), &one), [Pass, Pass, Pass]);
    assert_eq!(outcomes(&policy("strict"), &one), [Pass, Fail, Fail]);
}

#[test]
fn what_is_open_never_passes() {
    let policy = policy("permit");
    let question = |suites: &[&str]| OpenQuestion {
        version: Version::Tls12,
        suites: suites.iter().map(|name| name.parse().unwrap()).collect(),
        question: "64 suites".to_owned(),
        trouble: Trouble::Timeout,
    };
    let mut open = place(Some(HOST), &[NAMED]);
    open.open = vec![question(&["AES256-SHA"])];
    assert_eq!(outcomes(&policy, &[open.clone()]), [Pass, Pass, Inconclusive]);
    open.open = vec![question(&[])];
    assert_eq!(outcomes(&policy, &[open.clone()]), [Pass, Pass, Inconclusive]);
    open.open = vec![question(&["ECDHE-RSA-CHACHA20-POLY1305"])];
    assert_eq!(outcomes(&policy, &[open]), [Pass, Pass, Pass], "a named suite may be accepted or not");
    let mut none = place(Some(HOST), &[OUTSIDE]);
    none.open = vec![question(&["ECDHE-RSA-CHACHA20-POLY1305"])];
    assert_eq!(outcomes(&policy, &[none]), [Pass, Inconclusive, Fail]);
}

#[test]
fn a_version_that_cannot_be_told_or_was_not_asked_never_passes() {
    let policy = policy("permit");
    for answer in [Answer::Inconclusive(Trouble::Reset), Answer::NotAsked("too little time")] {
        let mut at = place(Some(HOST), &[NAMED]);
        at.versions[1].1 = answer;
        assert_eq!(outcomes(&policy, &[at])[0], Inconclusive);
    }
    let mut missing = place(Some(HOST), &[NAMED]);
    missing.versions.remove(0);
    assert_eq!(outcomes(&policy, &[missing])[0], Inconclusive);
}

#[test]
fn a_suite_that_is_chosen_but_carries_no_handshake_is_not_one_of_them() {
    let mut at = place(Some(HOST), &[NAMED]);
    at.accepted[0].confirmed = Confirmed::Failed("alert handshake_failure".to_owned());
    assert_eq!(outcomes(&policy("permit"), &[at]), [Pass, Inconclusive, Pass]);
}

#[test]
fn one_address_without_a_suite_of_the_list_fails() {
    let mut other = place(Some(HOST), &[OUTSIDE]);
    other.address = "192.0.2.2:443".parse().unwrap();
    let findings = findings(&policy("permit"), &[place(Some(HOST), &[NAMED]), other], Some(HOST));
    let one_of = find(&findings, "suites.one_of");
    assert_eq!(one_of.outcome, Fail);
    assert!(one_of.observed.contains("192.0.2.2:443"), "{}", one_of.observed);
}

#[test]
fn an_endpoint_without_any_answer_passes_nothing() {
    let mut dead = place(Some(HOST), &[]);
    for (_, answer) in &mut dead.versions {
        *answer = Answer::Inconclusive(Trouble::Connect("refused".to_owned()));
    }
    let all = SuiteCode::registered().collect();
    dead.open = vec![OpenQuestion {
        version: Version::Tls12,
        suites: all,
        question: "every suite".to_owned(),
        trouble: Trouble::Connect("refused".to_owned()),
    }];
    assert_eq!(outcomes(&policy("permit"), &[dead]), [Inconclusive; 3]);
    assert!(outcomes(&policy("permit"), &[]).iter().all(|outcome| *outcome != Pass));
}
