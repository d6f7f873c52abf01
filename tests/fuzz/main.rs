//! What the fuzz targets check, fed with their seeds and with damaged copies of these, so that neither can rot where no fuzzer runs.
//! `fuzz/README.md` says how to look further.

mod cbc_record;
mod certificate;
mod chain;
mod document;
mod http_response;
mod options;
mod pem;
mod tls_answer;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names in a folder, without their endings.
fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

/// The files of a target's seeds. Documents have those that the renderers are tested with.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = if target == "document" {
        let documents =
            names("tests/golden").into_iter().map(|name| root().join("tests/golden").join(name).join("result.json"));
        documents.filter(|file| file.exists()).collect()
    } else {
        let folder = root().join("fuzz/seeds").join(target);
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    files.sort();
    let mut seeds: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    if target == "pem" {
        // No private key is kept in the repository.
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        seeds.push((made.cert.pem() + &made.signing_key.serialize_pem()).into_bytes());
    }
    seeds
}

/// How a copy is damaged at one place.
#[derive(Debug, Clone)]
enum Damage {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    End(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let some = || proptest::collection::vec(any::<u8>(), 1..4);
    // What means something in one of the formats.
    let words: [&[u8]; 12] =
        [b"\\u001b", b"\\n", b"\\u0000", b"=", b"-", b"1e308", b"null", b"9999999999", b"\r\n", b"-----", b"%", b"/"];
    let word = proptest::sample::select(words.to_vec());
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        4 => (any::<Index>(), 0u8..8).prop_map(|(at, bit)| Damage::Flip(at, 1 << bit)),
        2 => (any::<Index>(), some()).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        2 => (any::<Index>(), word).prop_map(|(at, word)| Damage::Insert(at, word.to_vec())),
        2 => (any::<Index>(), 1usize..32).prop_map(|(at, length)| Damage::Remove(at, length)),
        1 => any::<Index>().prop_map(Damage::End),
    ]
}

fn damaged(seed: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for damage in damages {
        if bytes.is_empty() {
            break;
        }
        match damage {
            Damage::Set(at, byte) => *at.get_mut(&mut bytes) = *byte,
            Damage::Flip(at, mask) => *at.get_mut(&mut bytes) ^= mask,
            Damage::Insert(at, some) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, some.iter().copied());
            }
            Damage::Remove(at, length) => {
                let at = at.index(bytes.len());
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            Damage::End(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
    bytes
}

/// Feeds `check` with the target's seeds, and with copies that are damaged in a few places.
fn feed(target: &str, check: fn(&[u8])) {
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "{target} has no seed");
    seeds.iter().for_each(|seed| check(seed));
    let config = ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() };
    let copies = (any::<Index>(), proptest::collection::vec(damage(), 0..6));
    proptest!(config, |((seed, damages) in copies)| check(&damaged(&seeds[seed.index(seeds.len())], &damages)));
    proptest!(config, |(bytes in proptest::collection::vec(any::<u8>(), 0..200))| check(&bytes));
}

macro_rules! targets {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            feed(stringify!($name), $name::check);
        })*

        /// All of them.
        const TARGETS: &[&str] = &[$(stringify!($name)),*];
    };
}

targets!(cbc_record, certificate, chain, document, http_response, options, pem, tls_answer);

#[test]
fn each_is_a_target_of_the_fuzzer_too() {
    let expected: BTreeSet<String> = TARGETS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names("fuzz/fuzz_targets"), expected);
    let mut checks = names("tests/fuzz");
    checks.remove("main");
    assert_eq!(checks, expected);
    let manifest: toml::Table = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap().parse().unwrap();
    let binaries = manifest["bin"].as_array().unwrap().iter();
    let binaries: BTreeSet<_> = binaries.map(|binary| binary["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(binaries, expected);
    let readme = fs::read_to_string(root().join("fuzz/README.md")).unwrap();
    for name in TARGETS {
        assert!(readme.contains(&format!("| `{name}` |")), "fuzz/README.md says nothing of {name}");
    }
}
