//! A workbook in the making: tables become sheets of typed cells. Every text is written as a text, so that nothing in it is run, linked or
//! taken for a number.

use std::io;

use rust_xlsxwriter::{Chart, DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, Worksheet, XlsxError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::table::{Cell, Table};

/// The most rows that a sheet has, its header not counted.
const MAX_ROWS: usize = 1_048_575;

/// The most columns that a sheet has.
const MAX_COLUMNS: usize = 16_384;

/// The longest text that a cell holds, in UTF-16 units.
const MAX_TEXT: usize = 32_767;

/// Beyond this a number of a spreadsheet, which is a double, is no longer exact: it is written as a text.
const MAX_WHOLE: u64 = 1 << 53;

/// Widths of columns, in characters.
const WIDTHS: (usize, usize) = (9, 70);

/// How many rows of a table the width of a column is chosen by.
const WIDTH_ROWS: usize = 200;

/// The rows of a sheet that one chart takes.
const CHART_ROWS: u32 = 25;

/// The sheet of all charts.
const CHARTS: &str = "charts";

/// A workbook in the making.
pub(super) struct Book {
    book: Workbook,
    header: Format,
    moment: Format,
    text: Format,
}

fn failed(error: XlsxError) -> io::Error {
    io::Error::other(error)
}

impl Book {
    /// An empty one; its date of creation is the document's, so that the same document gives the same file.
    pub(super) fn new(started_at: &str) -> Self {
        let mut book = Workbook::new();
        if let Some(at) = excel_moment(started_at) {
            book.set_properties(&DocProperties::new().set_creation_datetime(&at));
        }
        Self {
            book,
            header: Format::new().set_bold().set_align(FormatAlign::Top),
            moment: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss\" UTC\"").set_align(FormatAlign::Top),
            text: Format::new().set_align(FormatAlign::Top).set_text_wrap(),
        }
    }

    /// A sheet with `table`: its header stays in sight, and filters.
    ///
    /// # Errors
    /// More rows or columns than a sheet holds.
    pub(super) fn table(&mut self, name: &str, table: &Table) -> io::Result<()> {
        if table.rows.len() > MAX_ROWS {
            return Err(io::Error::other(format!(
                "{} rows for the sheet '{name}', and a sheet holds {MAX_ROWS}: the CSV formats have no such limit",
                table.rows.len()
            )));
        }
        if table.columns.len() > MAX_COLUMNS {
            let columns = table.columns.len();
            let told = format!(
                "{columns} columns for the sheet '{name}', and a sheet holds {MAX_COLUMNS}: the CSV formats have no such limit"
            );
            return Err(io::Error::other(told));
        }
        let Self { book, header, moment, text } = self;
        let sheet = book.add_worksheet().set_name(name).map_err(failed)?;
        fill(sheet, table, header, moment, text).map_err(failed)
    }

    /// A sheet with `charts`, one below the other, if there are any.
    pub(super) fn charts(&mut self, charts: Vec<Chart>) -> io::Result<()> {
        if charts.is_empty() {
            return Ok(());
        }
        let sheet = self.book.add_worksheet().set_name(CHARTS).map_err(failed)?;
        for (place, mut chart) in (0..).zip(charts) {
            chart.set_width(960).set_height(CHART_ROWS * 20 - 20);
            sheet.insert_chart(place * CHART_ROWS, 0, &chart).map_err(failed)?;
        }
        // Printed, no chart is cut in two.
        sheet.set_portrait().set_print_fit_to_pages(1, 0);
        Ok(())
    }

    /// Writes it to `out`.
    ///
    /// # Errors
    /// Only those of `out`.
    pub(super) fn finish(mut self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(&self.book.save_to_buffer().map_err(failed)?)
    }
}

/// A moment as spreadsheets count it, to the second; `None` where it is none, or has a fraction of a second that would be lost.
fn excel_moment(text: &str) -> Option<ExcelDateTime> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok().filter(|at| at.nanosecond() == 0)?;
    ExcelDateTime::from_timestamp(at.unix_timestamp()).ok()
}

/// What a cell can hold of `text`. XML has no control characters, and a reader should see that they were there: each becomes its picture (U+2400
/// and so on).
fn shown(text: &str) -> String {
    let mut units = 0;
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let c = match c {
            '\n' | '\t' => c,
            '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
            '\x7f' => '\u{2421}',
            '\u{80}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            c => c,
        };
        units += c.len_utf16();
        if units >= MAX_TEXT {
            shown.push('…');
            break;
        }
        shown.push(c);
    }
    shown
}

fn fill(
    sheet: &mut Worksheet,
    table: &Table,
    header: &Format,
    moment: &Format,
    text: &Format,
) -> Result<(), XlsxError> {
    let Some(last) = table.columns.len().checked_sub(1) else { return Ok(()) };
    for (column, name) in (0..).zip(&table.columns) {
        sheet.write_string_with_format(0, column, shown(name), header)?;
        let texts = table.rows.iter().take(WIDTH_ROWS).map(|row| length(&row[usize::from(column)]));
        let width = texts.chain([name.chars().count() + 3]).max().unwrap_or_default();
        sheet.set_column_width(column, width.clamp(WIDTHS.0, WIDTHS.1) as f64)?;
    }
    for (row, cells) in (1..).zip(&table.rows) {
        for (column, cell) in (0..).zip(cells) {
            match cell {
                Cell::Empty => {}
                Cell::Text(words) => drop(sheet.write_string_with_format(row, column, shown(words), text)?),
                Cell::Moment(at) => match excel_moment(at) {
                    Some(at) => drop(sheet.write_datetime_with_format(row, column, at, moment)?),
                    None => drop(sheet.write_string_with_format(row, column, shown(at), text)?),
                },
                Cell::Whole(n) if *n > MAX_WHOLE => drop(sheet.write_string(row, column, n.to_string())?),
                Cell::Whole(n) => drop(sheet.write_number(row, column, *n as f64)?),
                Cell::Real(n) => drop(sheet.write_number(row, column, *n)?),
                Cell::Truth(truth) => drop(sheet.write_boolean(row, column, *truth)?),
            }
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    // At most as many as a sheet has, by the check before; columns are the program's own.
    sheet.autofilter(0, 0, table.rows.len() as u32, last as u16)?;
    Ok(())
}

/// How wide a cell would like to be, in characters.
fn length(cell: &Cell) -> usize {
    match cell {
        Cell::Empty => 0,
        Cell::Text(text) => text.lines().map(|line| line.chars().count()).max().unwrap_or_default() + 1,
        Cell::Moment(_) => 24,
        Cell::Whole(_) | Cell::Real(_) => 12,
        Cell::Truth(_) => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cell_cannot_hold_is_seen_to_have_been_there() {
        assert_eq!(shown("a\0b\x1b[31m\r\n\t\x7f\u{9b}\u{ffff}"), "a␀b␛[31m␍\n\t␡\u{fffd}\u{fffd}");
        for long in ["x".repeat(MAX_TEXT + 5), "😀".repeat(MAX_TEXT)] {
            let shown = shown(&long);
            assert!(shown.ends_with('…') && shown.encode_utf16().count() <= MAX_TEXT, "{}", shown.len());
        }
    }

    #[test]
    fn more_rows_than_a_sheet_holds_are_refused_and_not_cut_off() {
        let table = Table { columns: vec!["n".to_owned()], rows: vec![Vec::new(); MAX_ROWS + 1] };
        let refused = Book::new("").table("series", &table).unwrap_err().to_string();
        assert!(refused.contains("1048576 rows for the sheet 'series'") && refused.contains("CSV"), "{refused}");
    }

    #[test]
    fn only_whole_seconds_of_utc_are_moments() {
        assert!(excel_moment("2026-11-23T23:40:42Z").is_some());
        for text in ["2026-11-23T23:40:42.5Z", "yesterday", "", "=NOW()", "0001-01-01T00:00:00Z"] {
            assert!(excel_moment(text).is_none(), "{text}");
        }
    }
}
