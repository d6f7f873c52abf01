//! Every format, byte for byte, against the files in `tests/golden`. After a wanted change:
//! `UPDATE_GOLDEN=1 cargo test --lib golden`, and read the difference.

use std::io;
use std::path::{Path, PathBuf};

use super::{csv, suites, text, trial};
use crate::record::fixture;
use crate::record::run::RunDocument;

type Renderer = fn(&RunDocument, &mut dyn io::Write) -> io::Result<()>;

#[test]
fn each_format_is_as_it_was() {
    let json: Renderer = |document, out| {
        serde_json::to_writer_pretty(&mut *out, document)?;
        out.write_all(b"\n")
    };
    let formats: [(&str, Renderer); 5] = [
        ("result.json", json),
        ("summary.txt", text::run),
        ("summary.csv", csv::summary),
        ("series.csv", csv::series),
        ("quantiles.csv", csv::quantiles),
    ];
    let documents = [
        ("run-open", fixture::open_loop()),
        ("run-closed", fixture::closed_loop()),
        ("run-handshakes", fixture::handshakes()),
    ];
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut rendered: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for (folder, document) in &documents {
        for (name, render) in formats {
            let mut out = Vec::new();
            render(document, &mut out).unwrap();
            rendered.push((golden.join(folder).join(name), out));
        }
    }
    for (folder, document) in [("suites", fixture::suites()), ("suites-untrusted", fixture::untrusted_suites())] {
        let (mut result, mut table, mut rows) = (serde_json::to_vec_pretty(&document).unwrap(), Vec::new(), Vec::new());
        result.push(b'\n');
        suites::text(&document, &mut table).unwrap();
        suites::csv(&document, &mut rows).unwrap();
        let files = [("result.json", result), ("summary.txt", table), ("suites.csv", rows)];
        rendered.extend(files.map(|(name, out)| (golden.join(folder).join(name), out)));
    }
    let document = fixture::trial();
    let (mut table, mut suites) = (Vec::new(), Vec::new());
    trial::text(&document, &mut table).unwrap();
    trial::csv(&document, &mut suites).unwrap();
    rendered.extend([(golden.join("trial/summary.txt"), table), (golden.join("trial/suites.csv"), suites)]);
    compare(&rendered);
}

fn compare(rendered: &[(PathBuf, Vec<u8>)]) {
    let mut differing = Vec::new();
    for (path, rendered) in rendered {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, rendered).unwrap();
        } else if std::fs::read(path).ok().as_ref() != Some(rendered) {
            differing.push(path);
        }
    }
    assert!(differing.is_empty(), "UPDATE_GOLDEN=1 accepts what changed in {differing:?}");
}
