//! What is said of comparisons with a known fault: of the controls, of the noise, of the runs.

use super::*;
use crate::model::suite::Group;
use crate::record::fixture;

/// All workloads of a comparison in which nothing is wrong: no run was disturbed, and no baseline differs from itself by more than 7 %.
fn arms() -> Vec<ArmRecord> {
    let mut arms = fixture::suites().arms;
    arms.iter_mut().flat_map(|arm| &mut arm.rounds).for_each(|round| round.disturbed = false);
    arms
}

/// The arms of the how-manieth workload.
fn of_workload(arms: &mut [ArmRecord], place: usize) -> &mut [ArmRecord] {
    let size = 8;
    &mut arms[place * size..][..size]
}

/// The interval of its controls under the how-manieth workload.
fn widen(arms: &mut [ArmRecord], place: usize, interval: (f64, f64)) {
    for arm in of_workload(arms, place).iter_mut().filter(|arm| arm.control) {
        let versus = arm.versus_baseline.as_mut().unwrap();
        (versus.low, versus.high) = (Some(interval.0), Some(interval.1));
    }
}

#[test]
fn each_workload_has_a_noise_floor_of_its_own() {
    let mut arms = arms();
    let trust = of(&arms);
    assert_eq!((trust.verdict, trust.workloads.len()), (TrustVerdict::Trusted, 10), "{}", trust.text);
    assert!(trust.text.contains("less than 6.5 %"), "{}", trust.text);
    widen(&mut arms, 3, (0.8, 1.125));
    widen(&mut arms, 4, (0.9, 1.5));
    let trust = of(&arms);
    let floor =
        |place: usize| (trust.workloads[place].verdict, (trust.workloads[place].noise_floor.unwrap() * 1e3).round());
    assert_eq!(floor(2), (TrustVerdict::Trusted, 65.0));
    assert_eq!(floor(3), (TrustVerdict::Trusted, 200.0));
    assert_eq!(floor(4), (TrustVerdict::Inconclusive, 500.0));
    assert_eq!(
        (trust.verdict, trust.noise_floor.map(|floor| (floor * 1e3).round())),
        (TrustVerdict::Trusted, Some(500.0))
    );
    assert!(trust.text.ends_with("; 1 of 10 workloads tell little, and say so"), "{}", trust.text);
    assert!(trust.workloads[4].text.contains("differ by 50 % or more"), "{:?}", trust.workloads[4]);
}

#[test]
fn noise_that_hides_half_of_the_workloads_is_no_trust() {
    let mut arms = arms();
    (0..4).for_each(|place| widen(&mut arms, place, (0.7, 1.3)));
    assert!(of(&arms).trusted);
    widen(&mut arms, 4, (0.2, 5.5));
    let trust = of(&arms);
    assert_eq!((trust.verdict, trust.trusted), (TrustVerdict::Inconclusive, false));
    assert!(trust.text.contains("5 of 10 workloads") && trust.text.contains("by a factor of 5.50"), "{}", trust.text);
}

#[test]
fn runs_most_of_which_were_disturbed_are_no_trust() {
    let mut arms = arms();
    let mut rounds = arms.iter_mut().flat_map(|arm| &mut arm.rounds).collect::<Vec<_>>();
    let half = rounds.len() / 2;
    rounds.iter_mut().take(half).for_each(|round| round.disturbed = true);
    // Half is not most; but half of the workloads tell little.
    assert_eq!(of(&arms).verdict, TrustVerdict::Inconclusive);
    for round in arms.iter_mut().skip(8).flat_map(|arm| &mut arm.rounds) {
        round.disturbed = false;
    }
    let trust = of(&arms);
    assert_eq!((trust.verdict, trust.workloads[0].verdict), (TrustVerdict::Trusted, TrustVerdict::Inconclusive));
    assert!(trust.workloads[0].text.contains("in 8 of 8 runs"), "{:?}", trust.workloads[0]);
    arms.iter_mut().flat_map(|arm| &mut arm.rounds).for_each(|round| round.disturbed = true);
    let trust = of(&arms);
    assert_eq!(trust.verdict, TrustVerdict::Inconclusive);
    assert!(
        trust.text.starts_with("in 80 of 80 runs at full load the generator was kept from running"),
        "{}",
        trust.text
    );
}

#[test]
fn a_baseline_that_differs_from_itself_weighs_more_than_noise() {
    let mut arms = arms();
    (0..10).for_each(|place| widen(&mut arms, place, (0.5, 2.0)));
    let control = of_workload(&mut arms, 6).iter_mut().find(|arm| arm.control).unwrap();
    control.also_versus_baseline[0].verdict = "slower".into();
    let trust = of(&arms);
    assert_eq!((trust.verdict, trust.workloads[6].verdict), (TrustVerdict::NotTrusted, TrustVerdict::NotTrusted));
    assert_eq!(trust.workloads[5].verdict, TrustVerdict::Inconclusive);
    assert!(trust.text.starts_with("1 of 60 comparisons"), "{}", trust.text);
}

#[test]
fn a_baseline_that_could_not_be_compared_with_itself_leaves_all_open() {
    assert_eq!(of(&[]).verdict, TrustVerdict::Inconclusive);
    let mut arms = arms();
    let control = of_workload(&mut arms, 6).iter_mut().find(|arm| arm.control).unwrap();
    control.versus_baseline.as_mut().unwrap().verdict = "too_few".into();
    let trust = of(&arms);
    assert_eq!((trust.verdict, trust.workloads[6].verdict), (TrustVerdict::Inconclusive, TrustVerdict::Inconclusive));
    assert!(trust.text.contains("too few valid rounds"), "{}", trust.text);
    arms.retain(|arm| !arm.control);
    assert_eq!(of(&arms).verdict, TrustVerdict::Inconclusive, "without controls nobody knows");
}

#[test]
fn arms_that_agree_on_different_groups_are_not_trusted() {
    let mut arms = arms();
    arms[1].groups = vec![Group::Secp384r1];
    let trust = of(&arms);
    assert_eq!((trust.verdict, trust.workloads[0].verdict), (TrustVerdict::NotTrusted, TrustVerdict::NotTrusted));
    assert_eq!(trust.workloads[1].verdict, TrustVerdict::Trusted);
    let why = trust.text;
    assert!(why.contains("X25519") && why.contains("secp384r1") && why.contains("--group"), "{why}");
    // A resumption of TLS 1.2 exchanges no key: that is no other group.
    arms[1].groups.clear();
    assert!(of(&arms).trusted);
}
