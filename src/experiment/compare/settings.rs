//! In what documents differ beside their figures: field by field, whatever fields there are, so that none is forgotten.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::suites;
use crate::record::compare::Differing;
use crate::record::crypto::CryptoDocument;
use crate::record::run::RunDocument;
use crate::record::suites::{ArmRecord, SuitesDocument};

/// What it means that documents differ in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Nothing.
    None,
    /// It is told.
    Told,
    /// It is told, and no figure is compared unless the user says so.
    Refused,
}

/// In what runs differ.
pub(super) fn of_runs(documents: &[(String, RunDocument)]) -> Vec<Differing> {
    let mut all = section("plan", documents, |document| value(&document.plan), weight_in_plan);
    all.extend(section("negotiated", documents, negotiated, |_| Weight::Told));
    all.extend(section("tool", documents, |document| value(&document.tool), weight_of_tool));
    all.extend(section("host", documents, |document| value(&document.host), |_| Weight::Told));
    all.extend(section("target", documents, |document| value(&document.target), |_| Weight::Told));
    all
}

/// In what comparisons of suites differ.
pub(super) fn of_suites(documents: &[(String, SuitesDocument)]) -> Vec<Differing> {
    let mut all = section("plan", documents, |document| value(&document.plan), weight_in_plan);
    all.extend(arms(documents));
    all.extend(section("tool", documents, |document| value(&document.tool), weight_of_tool));
    all.extend(section("host", documents, |document| value(&document.host), |_| Weight::Told));
    all.extend(section("target", documents, |document| value(&document.target), |_| Weight::Told));
    all
}

/// In what measurements of cryptography differ.
pub(super) fn of_crypto(documents: &[(String, CryptoDocument)]) -> Vec<Differing> {
    let budgeted = documents.iter().all(|(_, document)| document.plan.budget_s.is_some());
    let weight = |setting: &str| match setting {
        // As many as the machine has: which rows there are, and not how they were measured.
        "threads" => Weight::Told,
        // What the budget left for each.
        "time_s" | "warmup_s" if budgeted => Weight::Told,
        _ => weight_in_plan(setting),
    };
    let mut all = section("plan", documents, |document| value(&document.plan), weight);
    all.extend(section(
        "openssl",
        documents,
        |document| json!({ "version": document.openssl.version }),
        |_| Weight::Told,
    ));
    all.extend(section("tool", documents, |document| value(&document.tool), weight_of_tool));
    all.extend(section("host", documents, |document| value(&document.host), |_| Weight::Told));
    all
}

/// Every setting of a plan weighs, unless it is known not to.
fn weight_in_plan(setting: &str) -> Weight {
    match setting {
        // Another seed is another sample of the same thing.
        "seed" => Weight::None,
        _ => Weight::Refused,
    }
}

/// The plan says which library was used.
fn weight_of_tool(setting: &str) -> Weight {
    if setting == "crypto" { Weight::None } else { Weight::Told }
}

/// Which suites were measured under which workloads, and what they were compared with, is written in no plan.
fn arms(documents: &[(String, SuitesDocument)]) -> Vec<Differing> {
    let key = |arm: &&ArmRecord| {
        let bytes = arm.object_bytes.map(|bytes| format!(" {bytes}")).unwrap_or_default();
        let direction = arm.direction.map(|direction| format!(" {}", direction.name())).unwrap_or_default();
        format!("{}{direction}{bytes} {} {}", arm.workload, arm.suite.openssl(), arm.certificate)
    };
    let measured: Vec<BTreeSet<String>> =
        documents.iter().map(|(_, document)| suites::arms(document).map(|arm| key(&arm)).collect()).collect();
    let everywhere: BTreeSet<String> = measured.iter().cloned().reduce(|a, b| &a & &b).unwrap_or_default();
    let only: Vec<Value> = measured.iter().map(|found| value(&(found - &everywhere))).collect();
    let baselines: Vec<Value> = documents
        .iter()
        .map(|(_, document)| {
            let baselines = suites::arms(document).filter(|arm| arm.baseline);
            let named = baselines.map(|arm| format!("{} {}", arm.suite.openssl(), arm.certificate));
            value(&named.collect::<BTreeSet<String>>())
        })
        .collect();
    let field = |setting: &str, values: Vec<Value>| {
        let differ = values.windows(2).any(|pair| pair[0] != pair[1]);
        differ.then(|| Differing {
            section: "arms".to_owned(),
            setting: setting.to_owned(),
            values,
            needs_anyway: true,
        })
    };
    [field("measured_only_here", only), field("baseline", baselines)].into_iter().flatten().collect()
}

/// What was negotiated, whatever the numbers: a server that changed its mind is another server.
fn negotiated(document: &RunDocument) -> Value {
    let row = |row: &crate::record::run::Negotiated| {
        let group = row.group.map(|group| format!(" {group}")).unwrap_or_default();
        format!("{} {}{group} {}", row.version, row.suite, row.handshake)
    };
    let all: BTreeSet<String> = document.negotiated.iter().map(row).collect();
    json!({ "handshakes": all })
}

fn value(part: &impl Serialize) -> Value {
    // Plain data: numbers, texts and lists of them always have a JSON form.
    serde_json::to_value(part).unwrap_or_default()
}

/// The fields of `part`, called `section`, in which the documents differ, with what each has.
fn section<D>(
    section: &str,
    documents: &[(String, D)],
    part: fn(&D) -> Value,
    weight: impl Fn(&str) -> Weight,
) -> Vec<Differing> {
    let fields: Vec<Vec<(String, Value)>> = documents.iter().map(|(_, document)| fields(&part(document))).collect();
    let mut names: Vec<&String> = fields.iter().flatten().map(|(name, _)| name).collect();
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    let one = |setting: &String| {
        let of = |fields: &Vec<(String, Value)>| {
            let found = fields.iter().find(|(name, _)| name == setting).map(|(_, value)| value.clone());
            found.unwrap_or(Value::Null)
        };
        let values: Vec<Value> = fields.iter().map(of).collect();
        let weight = weight(setting);
        let differs = values.windows(2).any(|pair| told(setting, &pair[0]) != told(setting, &pair[1]));
        (differs && weight != Weight::None).then(|| Differing {
            section: section.to_owned(),
            setting: setting.clone(),
            values,
            needs_anyway: weight == Weight::Refused,
        })
    };
    names.into_iter().filter_map(one).collect()
}

/// What counts of a value: of a file that is only read or written, whether there is one, and not where it lies.
fn told(setting: &str, value: &Value) -> Value {
    match setting {
        "ca_file" | "key_log" => Value::Bool(!value.is_null()),
        _ => value.clone(),
    }
}

/// All fields of an object, those of objects in it under `outer.inner`. A list is one field.
fn fields(of: &Value) -> Vec<(String, Value)> {
    let Value::Object(object) = of else { return Vec::new() };
    let inner = |(name, value): (&String, &Value)| match value {
        Value::Object(_) => {
            fields(value).into_iter().map(|(inner, value)| (format!("{name}.{inner}"), value)).collect()
        }
        _ => vec![(name.clone(), value.clone())],
    };
    object.iter().flat_map(inner).collect()
}

/// The settings with what each document has, in one line.
pub(super) fn in_words(settings: &[Differing]) -> String {
    let words = |differing: &Differing| {
        let values: Vec<String> = differing.values.iter().map(value_in_words).collect();
        format!("{} is {}", differing.setting, values.join(" and "))
    };
    settings.iter().map(words).collect::<Vec<_>>().join("; ")
}

fn value_in_words(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(all) if all.is_empty() => "none".to_owned(),
        Value::Array(all) => all.iter().map(value_in_words).collect::<Vec<_>>().join(", "),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        other => other.to_string(),
    }
}
