//! Labels, wrapped paragraphs and aligned columns of plain text, safe to show in a terminal.

/// The column at which text after a label begins.
const INDENT: usize = 14;

/// Where paragraphs wrap.
const WIDTH: usize = 80;

/// How wide rows of columns may be where nobody says otherwise: no table of ours is wider.
pub const FULL: usize = 100;

/// What stands between two columns.
const BETWEEN: usize = 2;

/// The least width of a paragraph, however much stands before it.
const MIN_BODY: usize = 20;

/// Stands for a space at which a line must not break, as in `12.4 ms`; shown as an ordinary one.
const SOLID: char = '\u{a0}';

/// `text` as one word, which no line break divides.
pub(super) fn solid(text: &str) -> String {
    text.replace(' ', &SOLID.to_string())
}

/// `text` without what a terminal would obey instead of show: control characters, and those that hide text or turn its
/// direction. They become U+FFFD, so that a reader sees that something was there.
pub(super) fn clean(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().map(|c| if obeyed(c) { '\u{fffd}' } else { c }).collect()
}

/// `text` with no break within a number such as `1 234 567`.
fn whole_numbers(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let is_digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
    let joins =
        |at: usize| at > 0 && is_digit(at - 1) && (1..=3).all(|ahead| is_digit(at + ahead)) && !is_digit(at + 4);
    chars.iter().enumerate().map(|(at, c)| if *c == ' ' && joins(at) { SOLID } else { *c }).collect()
}

/// Text as it grows. All that is added is cleaned of what a terminal would obey: servers and users had a hand in it.
pub(crate) struct Page {
    text: String,
    entries: Vec<(String, String)>,
    columns: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self::within(FULL)
    }
}

impl Page {
    /// An empty page whose tables are folded where they are wider than `columns`.
    pub(crate) fn within(columns: usize) -> Self {
        Self { text: String::new(), entries: Vec::new(), columns }
    }

    /// `label`, and `body` wrapped beside it.
    pub(crate) fn line(&mut self, label: &str, body: &str) {
        let body = whole_numbers(&clean(body));
        self.hang(label, INDENT, &body);
        self.entries.push((clean(label), body));
    }

    /// Several texts as one paragraph, separated by commas, broken only between words.
    pub(super) fn list(&mut self, label: &str, items: &[String]) {
        self.line(label, &items.join(", "));
    }

    /// Numbers with what they count, one below the other, the numbers right-aligned.
    pub(super) fn counted(&mut self, label: &str, rows: &[(String, String)]) {
        let width = rows.iter().map(|(number, _)| number.chars().count()).max().unwrap_or(0);
        for (i, (number, text)) in rows.iter().enumerate() {
            let head = format!("{:INDENT$}{number:>width$}  ", if i == 0 { label } else { "" });
            self.hang(&head, INDENT + width + 2, &clean(text));
        }
    }

    /// Columns under their names: the first left-aligned, the others right-aligned. A table that is too wide for the page comes in parts, one below the
    /// other, which all have the first column.
    pub(super) fn columns(&mut self, head: &[&str], rows: &[Vec<String>]) {
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([head[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
        for part in parts(&widths, self.columns) {
            for row in [&head].into_iter().chain(rows) {
                let cell = |column: usize| row.get(column).map(|cell| clean(cell)).unwrap_or_default();
                // A line of its own between groups of rows stands in each part.
                let mut line = format!("{:width$}", cell(0), width = widths.first().copied().unwrap_or(0));
                for column in part.clone().filter(|column| *column < row.len()) {
                    line += &format!("{:BETWEEN$}{:>width$}", "", cell(column), width = widths[column]);
                }
                self.push(&line);
            }
        }
    }

    /// A line of its own above a table.
    pub(super) fn heading(&mut self, text: &str) {
        for line in wrap(&whole_numbers(&clean(text)), self.columns) {
            self.push(&line);
        }
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// The labels with their texts, unwrapped, for a page that sets them in its own way; without tables.
    pub(super) fn entries(&self) -> &[(String, String)] {
        &self.entries
    }

    /// All of it.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn hang(&mut self, head: &str, indent: usize, body: &str) {
        let mut start = format!("{:indent$}", clean(head));
        for line in wrap(body, WIDTH.saturating_sub(indent).max(MIN_BODY)) {
            self.push(&(start + &line));
            start = " ".repeat(indent);
        }
    }

    fn push(&mut self, line: &str) {
        self.text.push_str(line.replace(SOLID, " ").trim_end());
        self.text.push('\n');
    }
}

/// The columns after the first in as few ranges as fit into `most` beside it, each of about as many columns.
fn parts(widths: &[usize], most: usize) -> Vec<std::ops::Range<usize>> {
    let first = widths.first().copied().unwrap_or(0);
    let wide = |range: &std::ops::Range<usize>| {
        first + widths[range.clone()].iter().map(|width| width + BETWEEN).sum::<usize>()
    };
    let others = widths.len().saturating_sub(1);
    let cut = |count: usize| -> Vec<std::ops::Range<usize>> {
        let each = others.div_ceil(count).max(1);
        (1..widths.len()).step_by(each).map(|from| from..(from + each).min(widths.len())).collect()
    };
    let fits = |parts: &Vec<std::ops::Range<usize>>| parts.iter().all(|part| wide(part) <= most);
    // A column that is too wide by itself is not cut.
    (1..=others.max(1)).map(cut).find(fits).unwrap_or_else(|| cut(others.max(1)))
}

/// Lines of at most `width` characters, broken at spaces, and within a word only where that alone is longer.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if used > 0 && used + 1 + word.chars().count() <= width {
            line.push(' ');
            used += 1;
        } else if used > 0 {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        for c in word.chars() {
            if used == width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += 1;
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paragraphs_wrap_at_spaces_and_quantities_stay_whole() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap(&format!("aa {}", solid("1 234")), 5), ["aa".to_owned(), solid("1 234")]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn a_number_is_not_broken_between_its_thousands() {
        let joined = |text: &str| whole_numbers(text).replace(SOLID, "_");
        for (text, expected) in [
            ("the limit is 20 000 and", "the limit is 20_000 and"),
            ("1 234 567", "1_234_567"),
            ("3 of 4000, 12 34, x 123", "3 of 4000, 12 34, x 123"),
        ] {
            assert_eq!(joined(text), expected);
        }
    }

    #[test]
    fn columns_align_by_characters() {
        let mut page = Page::default();
        page.columns(&["", "p50"], &[vec!["a".into(), "≥1 µs".into()], vec!["bcd".into(), "–".into()]]);
        assert_eq!(page.finish(), "       p50\na    ≥1 µs\nbcd      –\n");
    }

    #[test]
    fn a_table_that_is_too_wide_comes_in_parts() {
        let rows =
            vec![vec!["row".to_owned(), "1".into(), "22".into(), "333".into()], vec!["— a line of its own —".into()]];
        let head = ["name", "a", "b", "c"];
        let shown = |columns: usize| {
            let mut page = Page::within(columns);
            page.columns(&head, &rows);
            page.finish()
        };
        assert_eq!(shown(80).lines().count(), 3);
        assert_eq!(shown(30).lines().next(), Some("name                   a   b"));
        assert_eq!(shown(30).lines().nth(3), Some("name                     c"));
        assert_eq!(shown(1).lines().count(), 9, "a column that is too wide is not cut");
    }

    proptest! {
        #[test]
        fn parts_hold_each_column_once_and_fit(widths in prop::collection::vec(1_usize..30, 1..12), most in 20_usize..120) {
            let found = parts(&widths, most);
            prop_assert_eq!(found.iter().cloned().flatten().collect::<Vec<_>>(), (1..widths.len()).collect::<Vec<_>>());
            for part in &found {
                let wide = widths[0] + widths[part.clone()].iter().map(|width| width + BETWEEN).sum::<usize>();
                prop_assert!(wide <= most || part.len() == 1, "{part:?} of {widths:?} is {wide} wide");
            }
        }

        #[test]
        fn nothing_that_a_terminal_obeys_gets_through(text in "(?s).{0,300}") {
            let mut page = Page::default();
            page.line("label", &text);
            page.counted("label", &[(text.clone(), text.clone())]);
            let shown = page.finish();
            prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        }

        #[test]
        fn no_wrapped_line_is_too_long_and_no_word_is_lost(text in "[a-z ]{0,200}", width in 1_usize..40) {
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|line| line.chars().count() <= width));
            prop_assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        }
    }
}
