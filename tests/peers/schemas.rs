//! The JSON Schemas in `docs/schema` against documents, by Python's `jsonschema`: those that the renderers are tested with, those that the repository keeps of
//! real runs, and one that is made here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::common::server::{Answer, Server};
use super::common::start;

/// Debian's own interpreter, for which its packages are.
const PYTHON: &str = "/usr/bin/python3";

/// Validates each of the documents by the schema that it names, and prints what is wrong with it.
const VALIDATE: &str = r#"
import json, sys, jsonschema
for path in sys.argv[2:]:
    document = json.load(open(path))
    kind = document["schema"].split(".")[1].split("/")[0]
    schema = json.load(open(f"{sys.argv[1]}/{kind}.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for error in list(jsonschema.Draft202012Validator(schema).iter_errors(document))[:3]:
        print(path, error.json_path, error.message[:200])
"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What is wrong with `documents`.
fn wrong(documents: &[PathBuf]) -> String {
    let ended =
        Command::new(PYTHON).args(["-c", VALIDATE]).arg(root().join("docs/schema")).args(documents).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap()
}

/// Every `result.json` below `folder`.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(documents(&entry));
        } else if entry.file_name().is_some_and(|name| name == "result.json") {
            found.push(entry);
        }
    }
    found
}

#[test]
#[ignore = "needs python3-jsonschema"]
fn documents_keep_to_their_schemas() {
    let server = Server::start(|_| Answer::ok());
    let ended =
        start(&server, &["--duration", "1s", "--warmup", "0s", "-c", "2", "--name", "one", "--tag", "two"]).wait();
    let mut all = documents(&root().join("tests/golden"));
    all.extend(documents(&root().join("results")));
    all.push(ended.out().join("result.json"));
    assert!(all.len() > 10, "{all:?}");
    assert_eq!(wrong(&all), "");
    // Not everything keeps to them.
    let folder = tempfile::tempdir().unwrap();
    let mut document: Value = serde_json::from_slice(&fs::read(all.last().unwrap()).unwrap()).unwrap();
    document["counts"]["sent"] = "many".into();
    document.as_object_mut().unwrap().remove("verdict");
    let broken = folder.path().join("result.json");
    fs::write(&broken, document.to_string()).unwrap();
    let told = wrong(&[broken]);
    assert!(told.contains("'verdict' is a required property") && told.contains("$.counts.sent"), "{told}");
}
