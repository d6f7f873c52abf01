//! A table of typed cells, from which both the CSV files and the sheets of a workbook are written: what is a number, a moment or a text is
//! decided once, where the document is still known.

use std::io;

use csv::{Terminator, WriterBuilder};

/// One cell. A figure that does not exist is empty, never 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Cell {
    /// Nothing.
    #[default]
    Empty,
    /// Words, whatever they look like.
    Text(String),
    /// A moment, RFC 3339.
    Moment(String),
    /// A whole number.
    Whole(u64),
    /// A finite number.
    Real(f64),
    /// Yes or no.
    Truth(bool),
}

impl Cell {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::Empty
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Whole(_) | Self::Real(_))
    }

    /// What it says: numbers with as many digits as they need to be read back unchanged, and never an exponent.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) | Self::Moment(text) => text.clone(),
            Self::Whole(n) => n.to_string(),
            Self::Real(n) => n.to_string(),
            Self::Truth(truth) => truth.to_string(),
        }
    }

    /// The field of a CSV file. A spreadsheet runs a text that begins with one of these characters, in the East Asian width too, unless
    /// an apostrophe comes first (OWASP, "CSV Injection").
    fn field(&self) -> String {
        let runs = |c| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠');
        match self {
            Self::Text(text) | Self::Moment(text) if text.starts_with(runs) => format!("'{text}"),
            _ => self.words(),
        }
    }
}

/// A text cell, or an empty one.
pub(super) fn text(value: &str) -> Cell {
    if value.is_empty() { Cell::Empty } else { Cell::Text(value.to_owned()) }
}

/// A text cell, or an empty one.
pub(super) fn maybe(value: Option<&str>) -> Cell {
    value.map(text).unwrap_or_default()
}

/// A moment as documents hold it: RFC 3339, UTC.
pub(super) fn moment(value: &str) -> Cell {
    if value.is_empty() { Cell::Empty } else { Cell::Moment(value.to_owned()) }
}

/// A whole number, or an empty cell.
pub(super) fn whole(value: impl Into<Option<u64>>) -> Cell {
    value.into().map_or(Cell::Empty, Cell::Whole)
}

/// A number, or an empty cell.
pub(super) fn real(value: impl Into<Option<f64>>) -> Cell {
    value.into().filter(|n| n.is_finite()).map_or(Cell::Empty, Cell::Real)
}

pub(super) fn truth(value: bool) -> Cell {
    Cell::Truth(value)
}

/// Column names with the cells of one row, in order.
pub(super) type Named = Vec<(String, Cell)>;

/// One header row, and rows of as many cells.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table whose cells are each a function of what a row is of.
    pub(super) fn of<R>(columns: Vec<(String, impl Fn(&R) -> Cell)>, rows: &[R]) -> Self {
        let cells = |row| columns.iter().map(|(_, cell)| cell(row)).collect();
        let rows = rows.iter().map(cells).collect();
        Self { columns: columns.into_iter().map(|(name, _)| name).collect(), rows }
    }

    /// A table of rows that all have the same names; without rows, it is empty altogether.
    pub(super) fn named(rows: Vec<Named>) -> Self {
        let columns = rows.first().map(|row| row.iter().map(|(name, _)| name.clone()).collect()).unwrap_or_default();
        Self { columns, rows: rows.into_iter().map(|row| row.into_iter().map(|(_, cell)| cell).collect()).collect() }
    }

    /// The place of the column `name`, from 0.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// Writes it as CSV by RFC 4180, UTF-8.
    ///
    /// # Errors
    /// Only those of `out`.
    pub(super) fn csv(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let mut csv = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        if !self.columns.is_empty() {
            csv.write_record(&self.columns)?;
        }
        for row in &self.rows {
            csv.write_record(row.iter().map(Cell::field))?;
        }
        csv.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_a_formula_and_numbers_stay_numbers() {
        for value in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"] {
            assert_eq!(text(value).field(), format!("'{value}"));
        }
        for value in ["", "https://a/=", "'=1", "1-1"] {
            assert_eq!(text(value).field(), value);
        }
        assert_eq!(
            [real(-0.5), real(1e21), real(f64::NAN)].map(|cell| cell.field()),
            ["-0.5", "1000000000000000000000", ""]
        );
        assert_eq!([whole(None), whole(0)].map(|cell| cell.field()), ["", "0"]);
    }
}
