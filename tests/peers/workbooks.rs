//! Workbooks (`report --format xlsx`) as others read them: openpyxl, cell by cell with its type, and LibreOffice. What they find must be what the CSV
//! files and the document say, also where a server's words try to be a formula, markup or a command for the terminal.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::common::binary;
use super::spreadsheets::{Cell, rows};

/// Debian's own interpreter, for which its packages are; another may stand first in the path.
const PYTHON: &str = "/usr/bin/python3";

/// Prints each sheet as JSON: its name, what stays in sight, its filter, and its cells as [type, value].
const DUMP: &str = r#"
import json, sys, zipfile, openpyxl
book = openpyxl.load_workbook(sys.argv[1])
def cell(c):
    return [c.data_type, c.value.isoformat() + "Z" if c.is_date and c.value is not None else c.value, bool(c.hyperlink)]
sheets = [{"name": s.title, "frozen": s.freeze_panes, "filter": s.auto_filter.ref, "rows": [[cell(c) for c in row] for row in s.iter_rows()]} for s in book]
names = zipfile.ZipFile(sys.argv[1]).namelist()
charts = sum(name.startswith("xl/charts/chart") for name in names)
json.dump({"sheets": sheets, "charts": charts, "macros": any("vba" in n or "external" in n for n in names)}, sys.stdout)
"#;

/// Texts that something might run, or that are no text where nobody looks at types.
const HOSTILE: [&str; 9] = [
    "=1+1",
    "=HYPERLINK(\"https://evil.example/\",\"x\")",
    "@SUM(A1)",
    "+cmd|' /C calc'!A0",
    "{=1+1}",
    "<script>alert(1)</script>&amp;]]>\"'",
    "https://evil.example/",
    "1e5",
    "a\u{1b}[31m\u{0}\u{7}_x0041_",
];

/// What a workbook must show of `text`: control characters as their pictures.
fn shown(text: &str) -> String {
    let picture = |c: char| match c {
        '\n' | '\t' => c,
        c if c < ' ' => char::from_u32(0x2400 + u32::from(c)).unwrap(),
        c => c,
    };
    text.chars().map(picture).collect()
}

fn golden(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(kind)
}

/// Has the binary write `document` as a workbook into `folder`.
fn workbook(document: &Path, folder: &Path, name: &str) -> PathBuf {
    let file = folder.join(format!("{name}.xlsx"));
    let ended = binary().arg("report").arg(document).args(["--format", "xlsx", "--out"]).arg(&file).output().unwrap();
    assert!(ended.status.success(), "{name}: {}", String::from_utf8_lossy(&ended.stderr));
    file
}

/// What openpyxl finds in `file`.
fn dumped(file: &Path) -> Value {
    let ended = Command::new(PYTHON).args(["-c", DUMP]).arg(file).output().expect("python3 can be run");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    serde_json::from_slice(&ended.stdout).unwrap()
}

fn sheet<'v>(book: &'v Value, name: &str) -> &'v Value {
    book["sheets"]
        .as_array()
        .unwrap()
        .iter()
        .find(|sheet| sheet["name"] == name)
        .unwrap_or_else(|| panic!("no sheet {name}"))
}

/// The records of a golden CSV file.
fn records(kind: &str, file: &str) -> Vec<csv::StringRecord> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(golden(kind).join(file)).unwrap();
    reader.records().map(Result::unwrap).collect()
}

/// Whether a cell that openpyxl read, [type, value, is a link], is what the CSV has as `field`.
fn is_same(cell: &Value, field: &str) -> bool {
    let (of, value) = (cell[0].as_str().unwrap(), &cell[1]);
    let text = field.strip_prefix('\'').unwrap_or(field);
    match of {
        "n" if value.is_null() => field.is_empty(),
        "n" => field.parse::<f64>().ok() == value.as_f64(),
        "b" => field == if value.as_bool().unwrap() { "true" } else { "false" },
        "d" => field == value.as_str().unwrap(),
        // A number is no text, unless a spreadsheet's numbers cannot hold it.
        "s" => shown(text) == value.as_str().unwrap() && !field.parse::<f64>().is_ok_and(|n| n.abs() < 9e15),
        _ => false,
    }
}

/// Sheets, each with its CSV file.
type Tables = &'static [(&'static str, &'static str)];

/// Golden documents, the sheets with the tables of their CSV files, and how many charts there must be at least: none where there was no second to show.
const BOOKS: [(&str, Tables, u64); 9] = [
    ("run-open", &[("run", "summary.csv"), ("series", "series.csv"), ("quantiles", "quantiles.csv")], 2),
    ("run-closed", &[("run", "summary.csv"), ("series", "series.csv"), ("quantiles", "quantiles.csv")], 2),
    ("run-handshakes", &[("run", "summary.csv"), ("series", "series.csv"), ("quantiles", "quantiles.csv")], 0),
    ("suites", &[("suites", "suites.csv")], 1),
    ("capacity", &[("capacity", "capacity.csv")], 1),
    ("crypto", &[("crypto", "crypto.csv")], 0),
    ("audit", &[("audit", "audit.csv")], 0),
    ("compare-runs", &[("compare", "compare.csv")], 0),
    ("plan-suites", &[("plan", "plan.csv")], 0),
];

#[test]
#[ignore = "needs python3-openpyxl"]
fn openpyxl_reads_every_value_with_its_type() {
    let folder = TempDir::new().unwrap();
    for (kind, tables, charts) in BOOKS {
        let book = dumped(&workbook(&golden(kind).join("result.json"), folder.path(), kind));
        assert!(book["charts"].as_u64().unwrap() >= charts, "{kind}: {}", book["charts"]);
        assert_eq!(book["sheets"][0]["name"], "summary", "{kind}");
        assert_eq!(book["macros"], false, "{kind}");
        for (name, file) in tables {
            let (sheet, written) = (sheet(&book, name), records(kind, file));
            assert_eq!(sheet["frozen"], "A2", "{kind} {name}");
            assert!(sheet["filter"].as_str().is_some_and(|range| range.starts_with("A1:")), "{kind} {name}");
            let found = sheet["rows"].as_array().unwrap();
            assert_eq!(found.len(), written.len(), "{kind} {name}: rows");
            for (line, (found, written)) in (1..).zip(found.iter().zip(&written)) {
                let found = found.as_array().unwrap();
                assert_eq!(found.len(), written.len(), "{kind} {name}, row {line}");
                for (cell, field) in found.iter().zip(written) {
                    assert!(is_same(cell, field), "{kind} {name}, row {line}: {cell} for {field:?}");
                }
            }
        }
    }
}

/// Replaces every text that is not a name which the program itself parses, and returns how many there were.
fn poison(value: &mut Value, next: &mut usize) {
    match value {
        Value::String(text) => {
            HOSTILE[*next % HOSTILE.len()].clone_into(text);
            *next += 1;
        }
        Value::Array(all) => all.iter_mut().for_each(|value| poison(value, next)),
        Value::Object(all) => all.values_mut().for_each(|value| poison(value, next)),
        _ => {}
    }
}

#[test]
#[ignore = "needs python3-openpyxl"]
fn words_of_a_server_stay_words() {
    let folder = TempDir::new().unwrap();
    for kind in ["run-open", "suites", "capacity", "audit"] {
        let text = fs::read_to_string(golden(kind).join("result.json")).unwrap();
        let mut document: Value = serde_json::from_str(&text).unwrap();
        let mut poisoned = 0;
        for part in ["target", "host", "started_at", "warnings"] {
            poison(&mut document[part], &mut poisoned);
        }
        if let Some(verdict) = document.get_mut("verdict") {
            poison(verdict, &mut poisoned);
        }
        assert!(poisoned > 5, "{kind}");
        let file = folder.path().join("result.json");
        fs::write(&file, serde_json::to_string(&document).unwrap()).unwrap();
        let book = dumped(&workbook(&file, folder.path(), &format!("hostile-{kind}")));
        let url = shown(document["target"]["url"].as_str().unwrap());
        let mut urls = 0;
        for sheet in book["sheets"].as_array().unwrap() {
            for cell in sheet["rows"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap()) {
                assert!(matches!(cell[0].as_str(), Some("s" | "n" | "b" | "d")), "{kind} {}: {cell}", sheet["name"]);
                assert_eq!(cell[2], false, "{kind}: a link in {cell}");
                urls += usize::from(cell[1] == url);
            }
        }
        assert!(urls >= 2, "{kind}: {url:?} stands in {urls} cells");
    }
}

#[test]
#[ignore = "needs soffice"]
fn libreoffice_opens_every_workbook_with_the_same_values() {
    let folder = TempDir::new().unwrap();
    let files: Vec<_> =
        BOOKS.iter().map(|(kind, ..)| workbook(&golden(kind).join("result.json"), folder.path(), kind)).collect();
    let mut command = Command::new("soffice");
    command.arg(format!("-env:UserInstallation=file://{}", folder.path().join("profile").display()));
    command.args(["--headless", "--convert-to", "fods", "--outdir"]).arg(folder.path()).args(&files);
    let ended = command.stdin(Stdio::null()).output().expect("soffice can be run");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    for (kind, tables, charts) in BOOKS {
        let xml = fs::read_to_string(folder.path().join(format!("{kind}.fods"))).unwrap();
        assert!(xml.matches("<draw:object").count() as u64 >= charts, "{kind}: the charts are there");
        for (name, file) in tables {
            let start = format!("<table:table table:name=\"{name}\"");
            let (_, table) = xml.split_once(&start).unwrap_or_else(|| panic!("{kind}: no sheet {name}"));
            let (found, written) = (rows(table.split("</table:table>").next().unwrap()), records(kind, file));
            assert_eq!(found.len(), written.len(), "{kind} {name}: rows");
            for (line, (found, written)) in (1..).zip(found.iter().zip(&written)) {
                for (column, field) in written.iter().enumerate() {
                    let cell = found.get(column).unwrap_or(&Cell::Empty);
                    assert!(is_opened(cell, field), "{kind} {name}, row {line}: {cell:?} for {field:?}");
                }
            }
        }
    }
}

/// Whether LibreOffice shows what the CSV has as `field`, to the 15 digits that it saves of a number.
fn is_opened(cell: &Cell, field: &str) -> bool {
    match cell {
        Cell::Empty => field.is_empty(),
        Cell::Number(found) => field.parse::<f64>().is_ok_and(|n| (found - n).abs() <= n.abs() * 1e-14 + 1e-20),
        Cell::Truth(found) => field == if *found { "true" } else { "false" },
        Cell::Text(found) => *found == shown(field.strip_prefix('\'').unwrap_or(field)),
        // Its own way to have a truth value of a workbook, which the file has as a plain one: openpyxl checks that.
        Cell::Other(tag) if tag.contains("\"of:=TRUE()\"") => field == "true",
        Cell::Other(tag) if tag.contains("\"of:=FALSE()\"") => field == "false",
        // A moment; its value is openpyxl's to check.
        Cell::Day(_) | Cell::Other(_) => field.ends_with('Z') && !format!("{cell:?}").contains("formula"),
    }
}
