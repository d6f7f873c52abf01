//! JSON Schemas of the documents, made from the types that write them: `docs/schema` keeps them. After a wanted change: `UPDATE_GOLDEN=1 cargo test --lib
//! schema`, and read the difference. That real documents keep to them is held in `tests/peers/schemas.rs`, by a validator of someone else's.

use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::{audit, capacity, compare, crypto, plan, run, suites, trial};

/// The schema of a document that says of itself that it is a `name`.
fn of<D: JsonSchema>(name: &str) -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<D>().to_value();
    schema["title"] = json!(name);
    schema["properties"]["schema"] = json!({"const": name});
    schema
}

#[test]
fn each_schema_is_that_of_its_documents() {
    let all = [
        ("run", of::<run::RunDocument>(run::SCHEMA)),
        ("suites", of::<suites::SuitesDocument>(suites::SCHEMA)),
        ("crypto", of::<crypto::CryptoDocument>(crypto::SCHEMA)),
        ("compare", of::<compare::CompareDocument>(compare::SCHEMA)),
        ("audit", of::<audit::AuditDocument>(audit::SCHEMA)),
        ("capacity", of::<capacity::CapacityDocument>(capacity::SCHEMA)),
        ("plan", of::<plan::PlanDocument>(plan::SCHEMA)),
        ("trial", of::<trial::TrialDocument>(trial::SCHEMA)),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema");
    let mut changed = Vec::new();
    for (name, schema) in all {
        let file = folder.join(format!("{name}.schema.json"));
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if fs::read_to_string(&file).ok().as_deref() != Some(text.as_str()) {
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                fs::create_dir_all(&folder).unwrap();
                fs::write(&file, text).unwrap();
            } else {
                changed.push(file);
            }
        }
    }
    assert!(changed.is_empty(), "UPDATE_GOLDEN=1 accepts what changed in {changed:?}");
}
