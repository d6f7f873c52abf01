//! Colours for people at a terminal: of the word alone that begins a line and judges, such as a verdict. Without colour it says the same.

use std::io::{self, IsTerminal, Write};

const GOOD: &str = "\x1b[1;32m";
const BAD: &str = "\x1b[1;31m";
const CAUTION: &str = "\x1b[1;33m";
const RESET: &str = "\x1b[0m";

/// Words that begin a line, and their colours.
const WORDS: [(&str, &str); 23] = [
    ("VALID", GOOD),
    ("PASS", GOOD),
    ("pass", GOOD),
    ("TRUSTED", GOOD),
    ("CAPACITY", GOOD),
    ("NO REGRESSION", GOOD),
    ("INVALID", BAD),
    ("FAIL", BAD),
    ("NOT TRUSTED", BAD),
    ("NO CAPACITY", BAD),
    ("REGRESSION", BAD),
    ("NOT TO BE RELIED ON", BAD),
    ("NOT VERIFIED", CAUTION),
    ("KEY LOG", CAUTION),
    ("INCONCLUSIVE", CAUTION),
    ("inconclusive", CAUTION),
    ("INTERRUPTED", CAUTION),
    ("WARNING", CAUTION),
    ("warning", CAUTION),
    ("REFUSED", CAUTION),
    ("NO FIGURE", CAUTION),
    ("POOR FIT", CAUTION),
    ("not asked", CAUTION),
];

/// Whether `out` is to have colours: a terminal that knows them, and nobody who set `NO_COLOR` to anything (<https://no-color.org>).
pub(super) fn wanted(out: &impl IsTerminal) -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    out.is_terminal() && set("NO_COLOR").is_none() && set("TERM").is_some_and(|term| term != "dumb")
}

/// Lines on their way to a terminal.
pub(super) struct Painted<W: Write> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> Painted<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, line: Vec::new() }
    }

    fn paint(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        // The word is a label, with more beside it or nothing.
        let labels = |(word, _): &&(&str, &str)| {
            line.strip_prefix(word.as_bytes()).is_some_and(|rest| {
                rest.starts_with(b"  ") || rest.starts_with(b"\n") || (word.len() >= 12 && rest.starts_with(b" "))
            })
        };
        match WORDS.iter().find(labels) {
            Some((word, colour)) => {
                write!(self.out, "{colour}{word}{RESET}")?;
                self.out.write_all(&line[word.len()..])
            }
            None => self.out.write_all(&line),
        }
    }
}

impl<W: Write> Write for Painted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.paint()?;
            }
        }
        Ok(bytes.len())
    }

    /// What is left of a line is written, too.
    fn flush(&mut self) -> io::Result<()> {
        self.paint()?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(text: &str) -> String {
        let mut out = Painted::new(Vec::new());
        // In pieces, as writers send them.
        for byte in text.as_bytes() {
            out.write_all(&[*byte]).unwrap();
        }
        out.flush().unwrap();
        String::from_utf8(out.out).unwrap()
    }

    #[test]
    fn only_the_word_that_begins_a_line_is_coloured() {
        assert_eq!(painted("INVALID       do not rely\n"), format!("{BAD}INVALID{RESET}       do not rely\n"));
        assert_eq!(
            painted("NOT VERIFIED  x\npass          y"),
            format!("{CAUTION}NOT VERIFIED{RESET}  x\n{GOOD}pass{RESET}          y")
        );
        for plain in ["", "VALIDITY      x\n", "a VALID word\n", "  FAIL\n", "PASSED  x\n", "failed 3\n"] {
            assert_eq!(painted(plain), plain);
        }
    }

    #[test]
    fn without_its_colours_a_text_is_what_it_was() {
        let text = "VALID         the generator kept up\nWARNING       shared_host\n\ntarget        x\nINCONCLUSIVE\n";
        let bare = [GOOD, BAD, CAUTION, RESET].iter().fold(painted(text), |text, code| text.replace(code, ""));
        assert_eq!(bare, text);
    }
}
