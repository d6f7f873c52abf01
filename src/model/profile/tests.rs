//! Profiles read, and what is wrong in them told with line and column.

use super::*;
use crate::model::policy::{Standing, Tls13Suites};

const GOOD: &str = include_str!("../../../profiles/push-provisioning.toml");

fn error(text: &str) -> String {
    Profile::parse("mine.toml", text).unwrap_err().to_string()
}

/// The line and column at which `needle` begins in `text`, in words as an error has them.
fn at(text: &str, needle: &str) -> String {
    let offset = text.find(needle).unwrap();
    let line = text[..offset].matches('\n').count() + 1;
    let column = offset - text[..offset].rfind('\n').unwrap_or(0);
    format!("mine.toml:{line}:{column}: ")
}

#[test]
fn every_bundled_profile_is_read_under_its_own_name() {
    for name in bundled() {
        let profile = Profile::parse(name, bundled_text(name).unwrap()).unwrap();
        assert_eq!(profile.name, name);
        assert!(profile.policy.is_some());
    }
    assert_eq!(bundled_text("push"), None);
}

#[test]
fn the_policy_says_what_its_source_says() {
    let policy = Profile::parse("p", GOOD).unwrap().policy.unwrap();
    let codes: Vec<u16> = policy.one_of.demand.allowed().iter().map(|suite| suite.0).collect();
    assert_eq!(codes, [0xc02b, 0xc02f, 0xcca9, 0xcca8, 0xc023, 0xc027]);
    assert_eq!(policy.lowest.demand, Version::Tls12);
    assert_eq!(
        (policy.lowest.level, policy.one_of.level, policy.none_outside.level),
        (Level::Must, Level::Must, Level::Should)
    );
    assert_eq!(policy.one_of.demand.tls13(), Some(Tls13Suites::Permit));
    assert!(policy.roots.demand.agreed_allowed);
    assert_eq!(policy.standing(SuiteCode(0x1301)), Standing::PermittedByVersion);
    assert_eq!(policy.standing(SuiteCode(0xc030)), Standing::Outside);
}

#[test]
fn an_unknown_suite_is_told_with_its_place() {
    let text = GOOD.replace("\"ECDHE-RSA-AES128-SHA256\"", "\"ECDHE-RSA-AES128-SHA255\"");
    let error = error(&text);
    assert!(error.starts_with(&at(&text, "\"ECDHE-RSA-AES128-SHA255\"")), "{error}");
    assert!(error.contains("nearest: ECDHE-RSA-AES128-SHA"), "{error}");
}

#[test]
fn an_unknown_key_is_told_with_its_place() {
    let text = GOOD.replace("lowest =", "lovest =");
    let error = error(&text);
    assert!(error.starts_with(&at(&text, "lovest")), "{error}");
    assert!(error.contains("unknown field `lovest`"), "{error}");
}

#[test]
fn what_is_missing_or_no_toml_is_told() {
    let missing = GOOD.replace("[policy.chain]\nlevel = \"must\"\n", "");
    assert!(error(&missing).contains("missing field `chain`"), "{}", error(&missing));
    let broken = GOOD.replace("tls13 = \"permit\"", "tls13 = \"permit");
    assert!(
        error(&broken)
            .starts_with(&format!("mine.toml:{}:", broken[..broken.find("tls13 =").unwrap()].lines().count() + 1))
    );
    let level = GOOD.replacen("level = \"must\"", "level = \"may\"", 1);
    assert!(error(&level).starts_with(&at(&level, "\"may\"")), "{}", error(&level));
}

#[test]
fn contradictions_are_errors() {
    let high = GOOD.replace("lowest = \"TLSv1.2\"", "lowest = \"TLSv1.3\"");
    assert!(error(&high).contains("nothing could be accepted"));
    let both = GOOD.replace("    \"ECDHE-RSA-AES128-SHA256\",", "    \"TLS_AES_128_GCM_SHA256\",");
    assert!(error(&both).starts_with(&at(&both, "\"permit\"\n\n[policy.suites.one_of]")), "{}", error(&both));
    let twice = GOOD.replace("\"ECDHE-RSA-AES128-SHA256\"", "\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"");
    assert!(error(&twice).contains("named twice"));
    let other = GOOD.replace("lowest = \"TLSv1.2\"", "lowest = \"TLSv1.4\"");
    assert!(error(&other).contains("these are: SSLv3, TLSv1.0"));
    let name = GOOD.replace("name = \"push-provisioning\"", "name = \"a b\"");
    assert!(error(&name).starts_with(&at(&name, "\"a b\"")));
}

#[test]
fn a_profile_may_carry_a_load_and_a_comparison() {
    let text = format!(
        "{GOOD}\n[load]\nrate = \"2000/s\"\nconnections = 128\nduration = \"20s\"\narrivals = \"constant\"\nrequests_per_connection = 10\n\
         [suites]\nworkloads = [\"full\", \"request\"]\nsizes = [\"64KiB\"]\nbaseline = \"ECDHE-RSA-AES128-GCM-SHA256\"\nrounds = 8\n"
    );
    let profile = Profile::parse("mine.toml", &text).unwrap();
    assert_eq!(profile.load.rate.unwrap().as_per_second(), 2000.0);
    assert_eq!(profile.load.connections.unwrap().get(), 128);
    assert_eq!(profile.load.duration, Some(std::time::Duration::from_secs(20)));
    assert_eq!(profile.load.threads, None);
    assert_eq!(profile.suites.rounds, Some(8));
    assert_eq!(profile.suites.sizes.unwrap()[0].0, 65_536);
    for (from, to, at_text, word) in [
        ("\"2000/s\"", "\"fast\"", "\"fast\"", "fast"),
        ("connections = 128", "connections = 0", "0\nduration", "whole number"),
        ("arrivals = \"constant\"", "arrivals = \"bursts\"", "\"bursts\"", "poisson, constant"),
        ("rounds = 8", "rouns = 8", "rouns", "unknown field"),
        ("\"request\"", "\"requests\"", "\"requests\"", "not a workload"),
    ] {
        let changed = text.replace(from, to);
        let error = error(&changed);
        assert!(error.starts_with(&at(&changed, at_text)) && error.contains(word), "{error}");
    }
}

#[test]
fn stages_and_objectives_are_read_and_contradict_nothing() {
    let stages =
        "[scenario]\nname = \"launch\"\n[[scenario.stage]]\nkind = \"hold\"\nrate = \"200/s\"\nfor = \"10s\"\n";
    let text = format!("{GOOD}\n{stages}[slo]\nobjectives = [\"response p99 < 50ms\", \"errors < 0.1%\"]\n");
    let profile = Profile::parse("p", &text).unwrap();
    let objectives: Vec<_> = profile.slo.iter().map(ToString::to_string).collect();
    assert_eq!(objectives, ["response p99 < 50ms", "errors < 0.1%"]);
    assert_eq!(profile.load.scenario.unwrap().length().as_secs(), 10);

    let wrong = text.replace("p99 < 50ms", "p99 < fast");
    assert!(error(&wrong).starts_with(&at(&wrong, "\"response p99 < fast\"")), "{}", error(&wrong));
    let both = format!("{text}[load]\nduration = \"30s\"\n");
    let told = error(&both);
    assert!(told.starts_with(&at(&both, "[scenario]")) && told.contains("contradicts 'duration' of [load]"), "{told}");
}

#[test]
fn what_the_template_has_in_comments_is_right_too() {
    let template = bundled_text("template").unwrap();
    let (policy, sections) = template.split_once("# What follows is no policy").unwrap();
    let uncommented = |line: &str| line.strip_prefix("# ").unwrap_or(line).to_owned() + "\n";
    let lines = sections.lines().skip(2).map(uncommented);
    // The load's amount contradicts the scenario: one or the other is in a profile.
    let text: String =
        lines.filter(|line| !line.starts_with("rate = \"2000/s\"  ") && !line.starts_with("duration")).collect();
    let profile = Profile::parse("p", &format!("{policy}\n{text}")).unwrap();
    assert!(profile.load.scenario.is_some() && profile.load.connections.is_some());
    assert_eq!(profile.slo.len(), 2);
    assert_eq!(profile.suites.workloads.unwrap().len(), 2);
}
