//! The data of a chart: a table below it, and the same as CSV to save.

use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::report::table::{self, Cell};

/// What a data URL need not encode, beyond letters and digits.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b',').remove(b'~');

/// Cells as CSV has them: numbers unrounded, units in the names of columns, nothing where there is no figure.
pub(super) struct Table {
    file: String,
    cells: table::Table,
}

impl Table {
    /// A table that is saved as `file`.
    pub(super) fn new(file: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        Self { file: file.to_owned(), cells: table::Table { columns, rows: Vec::new() } }
    }

    /// One row more, with a cell for each column.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.cells.rows.push(cells);
    }

    fn csv(&self) -> String {
        let mut bytes: Vec<u8> = Vec::new();
        // Writing to memory does not fail; what would is left out rather than a reason to lose the page.
        let _ = self.cells.csv(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The table, folded, with a link that saves it.
    pub(super) fn render(&self) -> Markup {
        let csv = self.csv();
        let data = format!("data:text/csv;charset=utf-8,{}", utf8_percent_encode(&csv, KEPT));
        let table::Table { columns, rows } = &self.cells;
        html! {
            details {
                summary { "Data (" (rows.len()) @if rows.len() == 1 { " row)" } @else { " rows)" } }
                p.note { a download=(self.file) href=(data) { "Save as " (self.file) } }
                div.wide { table {
                    thead { tr { @for name in columns { th { (name) } } } }
                    tbody { @for row in rows { tr { @for cell in row {
                        td class=[cell.is_number().then_some("n")] { (cell.words()) }
                    } } } }
                } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::table::{real, text};

    #[test]
    fn cells_harm_neither_page_nor_sheet() {
        let mut table = Table::new("x.csv", &["a", "b_ns"]);
        table.row(vec![text("<b>=\u{7}\""), real(-5.0)]);
        table.row(vec![text("=1+1"), Cell::Empty]);
        let page = table.render().into_string();
        assert!(page.contains("<td>&lt;b&gt;=\u{7}&quot;</td><td class=\"n\">-5</td>"), "{page}");
        assert!(!page.contains("<b>") && table.csv().contains("'=1+1"), "{}", table.csv());
        assert!(page.contains("href=\"data:text/csv;charset=utf-8,a,b_ns%0D%0A"), "{page}");
    }
}
