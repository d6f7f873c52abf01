//! The rule by which the timing tests excuse a failure is itself no excuse.

use super::common::noise::{Judgement, Try, judge};

/// The judgement of tries, each given as a letter: passed, failed on a calm machine, failed while disturbed. And how many were made.
fn judged(tries: &str, strict: bool) -> (Judgement, usize) {
    let mut made = 0;
    let tries = tries.chars().map(|letter| {
        made += 1;
        let result = if letter == 'p' { Ok(()) } else { Err("slow".to_owned()) };
        Try { result, calm: letter == 'c' }
    });
    let (judgement, _) = judge(tries, strict);
    (judgement, made)
}

#[test]
fn one_success_passes() {
    assert_eq!(judged("pcccc", true), (Judgement::Passed, 1));
    assert_eq!(judged("ccp", true), (Judgement::Passed, 3));
    assert_eq!(judged("ddddp", false), (Judgement::Passed, 5));
}

#[test]
fn failures_on_a_calm_machine_fail() {
    assert_eq!(judged("ccccc", false), (Judgement::Failed, 3));
    assert_eq!(judged("dcdcd", false), (Judgement::Failed, 5));
    assert_eq!(judged("dcddd", true), (Judgement::Failed, 5));
}

#[test]
fn a_machine_that_was_never_calm_judges_nothing() {
    assert_eq!(judged("ddddd", true), (Judgement::NotJudged, 5));
    assert_eq!(judged("dcddd", false), (Judgement::NotJudged, 5));
}
