//! The house rules that no compiler checks: which room may import which, where a crate may appear, where printing happens, and how
//! long files and functions may be. `docs/architecture.md` explains them; this test fails when one is broken.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with its floor. A room imports rooms on lower floors only; two rooms on one floor do not import each other.
const FLOORS: [(&str, u8); 17] = [
    ("units", 0),
    ("model", 1),
    ("stats", 2),
    ("pacing", 2),
    ("http", 2),
    ("tls", 2),
    ("certs", 2),
    ("record", 3),
    ("engine", 4),
    ("target", 4),
    ("host", 4),
    ("probe", 4),
    ("bench", 4),
    ("experiment", 5),
    ("report", 5),
    ("live", 5),
    ("cli", 6),
];

/// Rooms that may import less than their floor allows: documents know nothing that runs, and rendering knows documents only. `model` is
/// open to both for its names (suites, failure kinds).
const NARROW: [(&str, &[&str]); 2] =
    [("record", &["units", "model", "stats"]), ("report", &["units", "model", "record"])];

/// Crates that belong to certain rooms, by the name that they have in code.
const CONFINED: [(&str, &[&str]); 12] = [
    ("mio", &["engine"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("rust_xlsxwriter", &["report"]),
    ("indicatif", &["cli"]),
    ("signal_hook", &["cli"]),
    ("rustls", &["tls", "target", "engine", "probe", "bench"]),
    ("webpki", &["certs"]),
    ("tokio", &["target"]),
    ("tokio_rustls", &["target"]),
    ("hyper", &["target"]),
];

/// The rooms that may print.
const PRINTERS: [&str; 1] = ["cli"];
const PRINT_MACROS: [&str; 5] = ["println", "eprintln", "print", "eprint", "dbg"];
const UNFINISHED: [&str; 2] = ["todo", "unimplemented"];

const MAX_FILE: usize = 500;
const MAX_FUNCTION: usize = 70;
const MAX_MAIN: usize = 40;

/// A source file, ready to be judged.
struct Source {
    /// Relative to the package, such as `src/engine/worker.rs`.
    path: String,
    text: String,
    /// Without comments and the contents of literals; lines stay where they are.
    code: String,
    /// `code` without what is compiled for tests only.
    shipped: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let code = without_comments_and_literals(text);
        let shipped = without_test_items(&code);
        Self { path: path.to_owned(), text: text.to_owned(), code, shipped }
    }

    /// The room: the first component below `src`. `None` for the roots of the library and the binary, and outside `src`.
    fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let room = inside.split('/').next()?.trim_end_matches(".rs");
        (!matches!(room, "lib" | "main")).then_some(room)
    }

    /// How many modules deep the file is: 1 for `src/units.rs` and `src/cli/mod.rs`, 2 for `src/cli/run.rs`.
    fn depth(&self) -> usize {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        inside.split('/').count()
    }
}

/// Every rule that `source` breaks, as sentences; `test_only` where the whole file is compiled for tests only.
fn violations(source: &Source, test_only: bool) -> Vec<String> {
    let mut found = sizes(source);
    for name in UNFINISHED {
        if calls(&source.code, name) {
            found.push(format!("{name}! is not a state to submit"));
        }
    }
    let Some(room) = source.room().filter(|_| !test_only) else { return found };
    found.extend(imports(source, room));
    for (name, rooms) in CONFINED {
        if uses_crate(&source.shipped, name) && !rooms.contains(&room) {
            found.push(format!("the crate {name} belongs to {} only", rooms.join(", ")));
        }
    }
    for name in PRINT_MACROS {
        if calls(&source.shipped, name) && !PRINTERS.contains(&room) {
            found.push(format!("{name}! belongs to {} only", PRINTERS.join(", ")));
        }
    }
    found
}

fn sizes(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    if !source.text.starts_with("//!") {
        found.push("the file does not begin with its one responsibility (//!)".to_owned());
    }
    let lines = source.text.lines().count();
    let most = if source.path == "src/main.rs" { MAX_MAIN } else { MAX_FILE };
    if lines > most {
        found.push(format!("{lines} lines, at most {most}"));
    }
    for (name, lines) in functions(&source.code) {
        if lines > MAX_FUNCTION {
            found.push(format!("fn {name} has {lines} lines, at most {MAX_FUNCTION}"));
        }
    }
    found
}

fn imports(source: &Source, room: &str) -> Vec<String> {
    let floor = |name: &str| FLOORS.iter().find(|(room, _)| *room == name).map(|(_, floor)| *floor);
    let Some(own) = floor(room) else { return vec![format!("the room {room} has no floor in tests/architecture.rs")] };
    let narrow = NARROW.iter().find(|(name, _)| *name == room).map(|(_, rooms)| *rooms);
    let mut found = Vec::new();
    for import in imported_rooms(source) {
        let Some(other) = floor(&import) else {
            found.push(format!("crate::{import} is no room"));
            continue;
        };
        if import == room {
            continue;
        }
        if other >= own {
            found.push(format!("{room} (floor {own}) imports {import} (floor {other})"));
        } else if narrow.is_some_and(|rooms| !rooms.contains(&import.as_str())) {
            found.push(format!("{room} may not know {import}"));
        }
    }
    found
}

/// The rooms that the shipped part of a file names: by `crate::x`, in `crate::{x, y::z}`, or by enough `super::`.
fn imported_rooms(source: &Source) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    let code: String =
        source.shipped.split_whitespace().collect::<Vec<_>>().join(" ").replace(":: ", "::").replace(" ::", "::");
    let climb = "super::".repeat(source.depth());
    for root in ["crate::", &climb] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| is_word(c) || c == ':') || code[..at].ends_with("super::") {
                continue;
            }
            let rest = &code[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => rooms.extend(first_names(group)),
                None => rooms.extend(first_word(rest)),
            }
        }
    }
    rooms
}

/// The first path component of each member of a `{…}` group whose opening brace is already passed.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut expected) = (0_usize, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expected = true,
            c if is_word(c) && expected => {
                names.extend(first_word(&group[at..]));
                expected = false;
            }
            _ => {}
        }
    }
    names
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| is_word(*c)).collect();
    (!word.is_empty()).then_some(word)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether `code` names a crate: as the first component of a path, or in `use name` itself.
fn uses_crate(code: &str, name: &str) -> bool {
    words(code, name).any(|(before, after)| {
        let path = after.trim_start().starts_with("::") || before.trim_end().ends_with("use");
        let head = before.trim_end();
        // `a::mio::b` is a module of ours; `::mio::b` is the crate.
        let inner = head.strip_suffix("::").is_some_and(|rest| rest.ends_with(|c: char| is_word(c) || c == '>'));
        path && !inner
    })
}

/// Whether `code` calls the macro `name`.
fn calls(code: &str, name: &str) -> bool {
    words(code, name).any(|(_, after)| after.starts_with('!') && !after.starts_with("!="))
}

/// What stands before and after each occurrence of `name` as a whole word.
fn words<'c>(code: &'c str, name: &'c str) -> impl Iterator<Item = (&'c str, &'c str)> {
    code.match_indices(name).map(move |(at, _)| (&code[..at], &code[at + name.len()..])).filter(|(before, after)| {
        !before.chars().next_back().is_some_and(is_word) && !after.chars().next().is_some_and(is_word)
    })
}

/// Each function with its length in lines, from `fn` to the closing brace.
fn functions(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (before, after) in words(code, "fn") {
        let Some(name) = first_word(after.trim_start()) else { continue };
        let Some(end) = item_end(after) else { continue };
        let _ = before;
        found.push((name, after[..end].matches('\n').count() + 1));
    }
    found
}

/// Where the item that begins at the start of `code` ends: after its block, or after its semicolon.
fn item_end(code: &str) -> Option<usize> {
    let (mut brackets, mut braces) = (0_usize, 0_usize);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.checked_sub(1)?,
            '{' => braces += 1,
            '}' => {
                braces = braces.checked_sub(1)?;
                if braces == 0 && brackets == 0 {
                    return Some(at + 1);
                }
            }
            ';' if braces == 0 && brackets == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// `code` with each item under `#[cfg(test)]` blanked out.
fn without_test_items(code: &str) -> String {
    let mut rest = code.to_owned();
    while let Some(at) = rest.find("#[cfg(test)]") {
        let end = item_end(&rest[at + 1..]).map_or(rest.len(), |end| at + 1 + end);
        let blank = blanked(&rest[at..end]);
        rest.replace_range(at..end, &blank);
    }
    rest
}

fn blanked(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect()
}

/// `text` with comments and the contents of strings and characters blanked out.
fn without_comments_and_literals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after_word = out.chars().next_back().is_some_and(is_word);
        let skip = skipped(rest, after_word);
        let taken = if skip == 0 { c.len_utf8() } else { skip };
        let (head, tail) = rest.split_at(taken);
        out.push_str(&if skip == 0 { head.to_owned() } else { blanked(head) });
        rest = tail;
    }
    out
}

/// How many bytes of a comment or a literal `text` begins with; 0 for none.
fn skipped(text: &str, after_word: bool) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    let raw = text.trim_start_matches('b');
    if !after_word && raw.starts_with('r') && text.len() - raw.len() <= 1 {
        let hashes = raw[1..].chars().take_while(|c| *c == '#').count();
        if raw[1 + hashes..].starts_with('"') {
            let open = text.len() - raw.len() + hashes + 2;
            let close = format!("\"{}", "#".repeat(hashes));
            return text[open..].find(&close).map_or(text.len(), |at| open + at + close.len());
        }
    }
    if text.starts_with('"') {
        return quoted(text, '"');
    }
    let mut chars = text.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some('\''), Some('\\'), _) => quoted(text, '\''),
        (Some('\''), Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0,
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let here = &text[at..];
        if here.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a literal between two `quote`s, escapes included.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(below: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(below) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders {
        rust_files(&package().join(folder), &mut paths);
    }
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(package()).unwrap().to_string_lossy().into_owned();
        Source::new(&name, &fs::read_to_string(path).unwrap())
    };
    paths.iter().map(read).collect()
}

/// The files, or the folders, of modules declared by `#[cfg(test)] mod name;`.
fn test_modules(source: &Source) -> Vec<String> {
    let home = match source.path.rsplit_once('/') {
        Some((folder, "mod.rs" | "lib.rs")) => folder.to_owned(),
        _ => source.path.trim_end_matches(".rs").to_owned(),
    };
    let declared = source.code.match_indices("#[cfg(test)]").filter_map(|(at, mark)| {
        let item = source.code[at + mark.len()..].trim_start();
        let item = item.strip_prefix("pub(super) ").or_else(|| item.strip_prefix("pub(crate) ")).unwrap_or(item);
        let name = first_word(item.strip_prefix("mod ")?)?;
        item["mod ".len() + name.len()..].starts_with(';').then_some(name)
    });
    declared.flat_map(|name| [format!("{home}/{name}.rs"), format!("{home}/{name}/")]).collect()
}

#[test]
fn every_room_keeps_the_rules() {
    let sources = sources(&["src", "tests", "fuzz/fuzz_targets"]);
    assert!(sources.iter().any(|source| source.path == "src/engine/worker.rs"), "the sources were not found");
    let for_tests: Vec<_> = sources.iter().flat_map(test_modules).collect();
    let test_only =
        |path: &str| for_tests.iter().any(|test| path == test || (test.ends_with('/') && path.starts_with(test)));
    let mut broken = Vec::new();
    for source in &sources {
        let found = violations(source, test_only(&source.path));
        broken.extend(found.into_iter().map(|rule| format!("{}: {rule}", source.path)));
    }
    assert!(broken.is_empty(), "rules broken:\n{}", broken.join("\n"));
}

#[test]
fn each_rule_fails_when_it_is_broken() {
    let long_file = "//! x\n".to_owned() + &"// x\n".repeat(MAX_FILE);
    let long_main = "//! x\n".to_owned() + &"// x\n".repeat(MAX_MAIN);
    let long_function = format!("//! x\nfn long(x: [u8; 2]) {{\n{}}}\n", "    f();\n".repeat(MAX_FUNCTION));
    let cases = [
        ("src/stats/a.rs", "//! x\nuse crate::engine::run;", "stats (floor 2) imports engine (floor 4)"),
        ("src/stats/a.rs", "//! x\nuse crate::{\n    model::x,\n    http::y,\n};", "imports http (floor 2)"),
        ("src/stats/a.rs", "//! x\nfn f() { super::super::cli::main() }", "imports cli"),
        ("src/units.rs", "//! x\nuse super::model::load;", "imports model"),
        ("src/report/a.rs", "//! x\nfn f(x: crate::stats::X) {}", "report may not know stats"),
        ("src/record/a.rs", "//! x\nuse crate::host;", "imports host"),
        ("src/attic/a.rs", "//! x\n", "no floor"),
        ("src/stats/a.rs", "//! x\nuse mio::Poll;", "mio belongs"),
        ("src/target/a.rs", "//! x\nfn f() -> ::mio::Poll {}", "mio belongs"),
        ("src/engine/a.rs", "//! x\nuse clap::Parser;", "clap belongs"),
        ("src/engine/a.rs", "//! x\nuse indicatif::ProgressBar;", "indicatif belongs"),
        ("src/cli/a.rs", "//! x\nuse rustls::ClientConfig;", "rustls belongs"),
        ("src/report/a.rs", "//! x\nfn f() { println!(\"x\") }", "println! belongs"),
        ("src/engine/a.rs", "//! x\nfn f() { eprintln!(\"x\") }", "eprintln! belongs"),
        ("src/engine/a.rs", "use std::fmt;", "does not begin"),
        ("src/engine/a.rs", "//! x\nfn f() { todo!() }", "todo!"),
        ("src/engine/a.rs", "//! x\n#[cfg(test)]\nmod tests { fn f() { unimplemented!() } }", "unimplemented!"),
        ("src/engine/a.rs", &long_file, "501 lines, at most 500"),
        ("src/main.rs", &long_main, "41 lines, at most 40"),
        ("tests/a.rs", &long_function, "fn long has 72 lines"),
    ];
    for (path, text, expected) in cases {
        let found = violations(&Source::new(path, text), false);
        assert!(found.iter().any(|rule| rule.contains(expected)), "{path}: {text:.80}: {found:?} lacks '{expected}'");
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    let cases = [
        ("src/cli/a.rs", "//! x\nuse crate::{engine, report::text};\nfn f() { println!(\"x\") }"),
        ("src/engine/a.rs", "//! x\nuse super::worker;\nuse mio::Poll;\nuse crate::tls;"),
        (
            "src/stats/a.rs",
            "//! [`crate::cli`] is named in words only.\n// use mio::Poll;\n/* crate::cli /* todo!() */ */",
        ),
        (
            "src/stats/a.rs",
            "//! x\nfn f<'a>(x: &'a str) -> bool { x == \"crate::cli todo!()\" || x == r#\"mio::\"#\" }",
        ),
        (
            "src/stats/a.rs",
            "//! x\n#[cfg(test)]\nmod tests {\n    use crate::engine;\n    fn f() { println!(\"{{\") }\n}",
        ),
        ("src/stats/a.rs", "//! x\nuse super::mio::Poll;\nfn f(c: char) -> bool { c == '{' || c == '\\'' }"),
    ];
    for (path, text) in cases {
        let found = violations(&Source::new(path, text), false);
        assert!(found.is_empty(), "{path}: {text}: {found:?}");
    }
    let parent = Source::new("src/http/response.rs", "//! x\n#[cfg(test)]\nmod tests;\nmod real;\n");
    assert_eq!(test_modules(&parent), ["src/http/response/tests.rs", "src/http/response/tests/"]);
}
