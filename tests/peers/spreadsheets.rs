//! LibreOffice, which opens the CSV files as a person does who double-clicks them: each row must come out with the right number of columns,
//! each number as a number, and no cell as a formula. The files are the golden ones: one of each format, with the awkward values in them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What the spreadsheet made of a cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Empty,
    Number(f64),
    /// True, or false: shown as words, counted as 1 or 0.
    Truth(bool),
    Text(String),
    /// A day, such as 2024-12-03.
    Day(String),
    /// A time, a currency, a formula: nothing that the file has.
    Other(String),
}

/// What separates a folder of golden files from a file in it, in the name of a copy.
const SEPARATOR: &str = "--";

/// Copies every golden CSV into `folder`, under a name of its own, and gives the names without their ending.
fn copy_golden(folder: &Path) -> Vec<String> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut names = Vec::new();
    for kind in fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()) {
        for file in fs::read_dir(&kind).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|ending| ending == "csv") {
                let of = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
                let name = format!("{}{SEPARATOR}{}", of(&kind), of(&file));
                fs::copy(&file, folder.join(format!("{name}.csv"))).unwrap();
                names.push(name);
            }
        }
    }
    names
}

/// Has LibreOffice open each CSV in `folder` and save it as flat XML, with nobody looking on. Comma, double quote, UTF-8 and English number
/// formats are named, as its dialogue offers them; the rest is as it comes: nothing quoted is taken for text, dates and formulas are not asked for.
fn open_all(folder: &Path, names: &[String]) {
    let profile = format!("-env:UserInstallation=file://{}", folder.join("profile").display());
    let mut command = Command::new("soffice");
    command.args([&profile, "--headless", "--infilter=Text - txt - csv (StarCalc):44,34,76,1,,1033"]);
    command.args(["--convert-to", "fods", "--outdir"]).arg(folder);
    command.args(names.iter().map(|name| folder.join(format!("{name}.csv"))));
    let ended = command.stdin(Stdio::null()).output().expect("soffice can be run");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{told}");
    for name in names {
        assert!(folder.join(format!("{name}.fods")).exists(), "{name} was not opened: {told}");
    }
}

/// The value of an attribute of a tag.
fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

fn unescaped(xml: &str) -> String {
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    named.iter().fold(xml.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

/// The text of a cell between its tags: its paragraphs, with the runs of spaces that the format writes as tags of their own.
fn content(xml: &str) -> String {
    let (mut text, mut rest) = (String::new(), xml);
    while let Some((before, after)) = rest.split_once('<') {
        let (tag, tail) = after.split_once('>').unwrap();
        // Between tags that are not of text there is only indentation.
        text.push_str(if before.trim().is_empty() && before.contains('\n') { "" } else { before });
        if tag.starts_with("text:s") && tag.ends_with('/') {
            text.push_str(&" ".repeat(attribute(tag, "text:c").map_or(1, |n| n.parse().unwrap())));
        }
        rest = tail;
    }
    unescaped(&text)
}

fn cell(tag: &str, inside: &str) -> Cell {
    if attribute(tag, "table:formula").is_some() {
        return Cell::Other(tag.to_owned());
    }
    match attribute(tag, "office:value-type") {
        None => Cell::Empty,
        Some("float") => Cell::Number(attribute(tag, "office:value").unwrap().parse().unwrap()),
        Some("boolean") => Cell::Truth(attribute(tag, "office:boolean-value") == Some("true")),
        Some("string") => Cell::Text(content(inside)),
        Some("date") => attribute(tag, "office:date-value")
            .filter(|value| is_day(value))
            .map_or(Cell::Other(tag.to_owned()), |value| Cell::Day(value.to_owned())),
        Some(_) => Cell::Other(tag.to_owned()),
    }
}

/// Whether it is a day by ISO 8601: spreadsheets take it for one, and so do people.
fn is_day(text: &str) -> bool {
    let digits = |text: &str, n| text.len() == n && text.bytes().all(|byte| byte.is_ascii_digit());
    matches!(text.split('-').collect::<Vec<_>>()[..], [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2))
}

/// The rows of a table in flat XML, without the empty cells at the end of each, and without empty rows.
pub(super) fn rows(xml: &str) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    for row in xml.split("<table:table-row").skip(1).map(|rest| rest.split("</table:table-row>").next().unwrap()) {
        let mut cells = Vec::new();
        for rest in row.split("<table:table-cell").skip(1) {
            let (tag, inside) = rest.split_once('>').unwrap();
            let inside = inside.split("</table:table-cell>").next().unwrap();
            let times = attribute(tag, "table:number-columns-repeated").map_or(1, |n| n.parse::<usize>().unwrap());
            let found = if tag.ends_with('/') { cell(tag, "") } else { cell(tag, inside) };
            // A row of empty cells goes on to the last column that there can be.
            cells.extend(std::iter::repeat_n(found, times.min(1000)));
        }
        while cells.last() == Some(&Cell::Empty) {
            cells.pop();
        }
        if !cells.is_empty() {
            rows.push(cells);
        }
    }
    rows
}

/// What `field` must come out as.
fn expected(field: &str) -> Cell {
    match field {
        "" => Cell::Empty,
        "true" | "false" => Cell::Truth(field == "true"),
        field if is_day(field) => Cell::Day(field.to_owned()),
        // XML has no control characters.
        field => field.parse().map_or(Cell::Text(field.replace(|c: char| c.is_ascii_control(), "")), Cell::Number),
    }
}

/// Whether both are the same, to the 15 digits that the spreadsheet saves of a number, and the 20 decimals that it reads.
fn is_same(found: &Cell, expected: &Cell) -> bool {
    match (found, expected) {
        (Cell::Number(found), Cell::Number(expected)) => (found - expected).abs() <= expected.abs() * 1e-14 + 1e-20,
        _ => found == expected,
    }
}

/// Which format a golden file is of: the name that it has in its folder.
fn format_of(name: &str) -> &str {
    name.split_once(SEPARATOR).unwrap().1
}

#[test]
#[ignore = "needs soffice"]
fn every_csv_opens_with_its_columns_and_numbers_as_numbers() {
    let folder = TempDir::new().unwrap();
    let names = copy_golden(folder.path());
    for format in ["summary", "series", "quantiles", "suites", "crypto", "compare", "audit", "capacity", "plan"] {
        assert!(names.iter().any(|name| format_of(name) == format), "no golden file of {format}");
    }
    open_all(folder.path(), &names);
    for name in &names {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).from_path(folder.path().join(format!("{name}.csv"))).unwrap();
        let written: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let opened = rows(&fs::read_to_string(folder.path().join(format!("{name}.fods"))).unwrap());
        assert_eq!(opened.len(), written.len(), "{name}: rows");
        let columns = written[0].len();
        assert_eq!(opened[0].len(), columns, "{name}: every column has a name");
        let mut numbers = 0;
        for (line, (written, opened)) in (1..).zip(written.iter().zip(&opened)) {
            assert!(opened.len() <= columns, "{name}, row {line}: {} cells for {columns} columns", opened.len());
            for (column, field) in written.iter().enumerate() {
                let found = opened.get(column).unwrap_or(&Cell::Empty);
                let expected = expected(field);
                assert!(
                    is_same(found, &expected),
                    "{name}, row {line}, column {}: {found:?}, not {expected:?}",
                    column + 1
                );
                numbers += usize::from(matches!(found, Cell::Number(_)));
            }
        }
        // An audit has verdicts, and no figures.
        let figures = if format_of(name) == "audit" { numbers == 0 } else { numbers + 1 >= written.len() };
        assert!(figures, "{name}: {numbers} numbers in {} rows", written.len());
    }
}

#[test]
fn what_a_spreadsheet_writes_is_read_as_it_is() {
    let xml = "<table:table-row table:style-name=\"ro1\">\n <table:table-cell office:value-type=\"string\">\n  <text:p>a&amp;<text:s text:c=\"2\"/>b</text:p>\n \
        </table:table-cell><table:table-cell table:number-columns-repeated=\"2\"/>\
        <table:table-cell office:value-type=\"float\" office:value=\"1.5\"><text:p>2</text:p></table:table-cell>\
        <table:table-cell table:formula=\"of:=1\" office:value-type=\"float\" office:value=\"1\"><text:p>1</text:p></table:table-cell>\
        <table:table-cell office:value-type=\"date\" office:date-value=\"2026-01-01\"/>\
        <table:table-cell office:value-type=\"date\" office:date-value=\"2026-01-01T12:00:00\"/><table:table-cell/></table:table-row>\
        <table:table-row table:number-rows-repeated=\"9\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>";
    let found = rows(xml);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0][..4], [Cell::Text("a&  b".into()), Cell::Empty, Cell::Empty, Cell::Number(1.5)]);
    assert!(
        matches!(&found[0][4..], [Cell::Other(_), Cell::Day(day), Cell::Other(_)] if day == "2026-01-01"),
        "{found:?}"
    );
}
