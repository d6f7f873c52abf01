//! Other documents under a policy: what the short form of the audit said of their endpoint, and which of their suites it allows.

use crate::model::policy::{Policy, Standing};
use crate::model::suite::Suite;
use crate::record::audit::{AuditDocument, AuditOutcome, PolicyCheck};
use crate::record::capacity::CapacityDocument;
use crate::record::run::{Remark, RunDocument};
use crate::record::suites::SuitesDocument;

/// What an audit says, for a document of another kind.
pub fn check(audit: &AuditDocument) -> PolicyCheck {
    PolicyCheck {
        name: audit.policy.name.clone(),
        version: audit.policy.version.clone(),
        outcome: audit.outcome,
        verdict: audit.verdict.clone(),
    }
}

/// Labels a search for capacity and each of its runs, as [`run`] does.
pub fn capacity(document: &mut CapacityDocument, runs: &mut [RunDocument], policy: &Policy, check: PolicyCheck) {
    for each in runs.iter_mut() {
        run(each, policy, check.clone());
    }
    let rows = runs.iter().flat_map(|run| &run.negotiated);
    let outside = rows.filter(|row| row.standing == Some(Standing::Outside)).map(|row| row.count).sum();
    document.warnings.extend(not_met(&check));
    document.warnings.extend(used_outside(outside, policy));
    document.policy = Some(check);
}

/// Labels a run: each suite that was negotiated, and a warning where the policy is not met or one of them is outside.
pub fn run(document: &mut RunDocument, policy: &Policy, check: PolicyCheck) {
    let mut outside = 0;
    for row in &mut document.negotiated {
        let standing = policy.standing(row.suite.into());
        row.standing = Some(standing);
        outside += if standing == Standing::Outside { row.count } else { 0 };
    }
    document.verdict.warnings.extend(not_met(&check));
    document.verdict.warnings.extend(used_outside(outside, policy));
    document.policy = Some(check);
}

/// Labels a comparison: each row's suite, and a warning where the policy is not met or some are outside.
pub fn suites(document: &mut SuitesDocument, policy: &Policy, check: PolicyCheck) {
    let mut outside: Vec<Suite> = Vec::new();
    for arm in &mut document.arms {
        let standing = policy.standing(arm.suite.into());
        arm.standing = Some(standing);
        if standing == Standing::Outside && !outside.contains(&arm.suite) {
            outside.push(arm.suite);
        }
    }
    document.warnings.extend(not_met(&check));
    if !outside.is_empty() {
        let names = outside.iter().map(|suite| suite.openssl()).collect::<Vec<_>>().join(", ");
        let text = format!("{} does not allow {names}", policy.name);
        document.warnings.push(Remark { code: "outside_policy".to_owned(), text });
    }
    document.policy = Some(check);
}

fn used_outside(handshakes: u64, policy: &Policy) -> Option<Remark> {
    let text = format!(
        "{handshakes} handshakes used a suite that {} does not allow: their figures will not hold after it is gone",
        policy.name
    );
    (handshakes > 0).then(|| Remark { code: "outside_policy".to_owned(), text })
}

fn not_met(check: &PolicyCheck) -> Option<Remark> {
    let what = match check.outcome {
        AuditOutcome::Pass => return None,
        AuditOutcome::Fail => "the endpoint does not meet",
        AuditOutcome::Inconclusive => "it cannot be told whether the endpoint meets",
    };
    Some(Remark { code: "policy".to_owned(), text: format!("{what} {}: {}", check.name, check.verdict) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::profile::{Profile, bundled_text};
    use crate::record::fixture;

    fn policy(text: &str) -> Policy {
        Profile::parse("test", text).unwrap().policy.unwrap()
    }

    fn checked(outcome: AuditOutcome) -> PolicyCheck {
        PolicyCheck { name: "p".to_owned(), version: "1".to_owned(), outcome, verdict: "why".to_owned() }
    }

    #[test]
    fn what_is_outside_is_labelled_and_told() {
        let push = bundled_text("push-provisioning").unwrap();
        let strict = push.replace("tls13 = \"permit\"", "tls13 = \"strict\"");
        let codes = |document: &RunDocument| -> Vec<String> {
            document.verdict.warnings.iter().map(|warning| warning.code.clone()).collect()
        };
        let before = fixture::closed_loop();
        let is_13 = before.negotiated[0].suite.key_type().is_none();
        for (text, standing) in [(push, Standing::PermittedByVersion), (&strict, Standing::Outside)] {
            let mut document = before.clone();
            run(&mut document, &policy(text), checked(AuditOutcome::Pass));
            let expected = if is_13 { standing } else { Standing::Named };
            assert_eq!(document.negotiated[0].standing, Some(expected));
            assert_eq!(codes(&document).contains(&"outside_policy".to_owned()), expected == Standing::Outside);
            assert!(!codes(&document).contains(&"policy".to_owned()));
            assert_eq!(document.policy.unwrap().outcome, AuditOutcome::Pass);
        }
        let mut failed = before;
        run(&mut failed, &policy(push), checked(AuditOutcome::Fail));
        assert!(codes(&failed).contains(&"policy".to_owned()));
    }

    #[test]
    fn each_row_of_a_comparison_is_labelled() {
        let strict = bundled_text("push-provisioning").unwrap().replace("tls13 = \"permit\"", "tls13 = \"strict\"");
        let mut document = fixture::suites();
        suites(&mut document, &policy(&strict), checked(AuditOutcome::Inconclusive));
        for arm in &document.arms {
            let expected = if arm.suite.key_type().is_some() { Standing::Named } else { Standing::Outside };
            assert_eq!(arm.standing, Some(expected));
        }
        let codes: Vec<_> = document.warnings.iter().map(|warning| warning.code.as_str()).collect();
        assert!(codes.ends_with(&["policy", "outside_policy"]), "{codes:?}");
    }

    #[test]
    fn a_search_for_capacity_tells_what_its_trials_used() {
        let strict = bundled_text("push-provisioning").unwrap().replace("tls13 = \"permit\"", "tls13 = \"strict\"");
        let mut document = fixture::capacity();
        let before = document.warnings.len();
        let mut runs = [fixture::open_loop(), fixture::open_loop()];
        let outside = |run: &RunDocument| -> u64 {
            run.negotiated.iter().filter(|row| row.suite.key_type().is_none()).map(|row| row.count).sum()
        };
        let expected = outside(&runs[0]) * 2;
        capacity(&mut document, &mut runs, &policy(&strict), checked(AuditOutcome::Pass));
        assert!(expected > 0 && runs.iter().all(|run| run.policy.is_some()));
        assert_eq!(document.warnings.len(), before + 1);
        assert!(document.warnings[before].text.starts_with(&format!("{expected} handshakes")));
    }
}
