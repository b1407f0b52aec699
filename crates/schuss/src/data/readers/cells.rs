//! The cells of a table in text (RFC 4180), one at a time.
//!
//! One at a time, so a line of a million empty cells takes no more memory than one cell; and with the number of the
//! line that every cell stands in, blank lines and line ends inside quotes counted.

use std::io::{self, BufRead};

/// No cell is longer than this.
pub(super) const LONGEST: usize = 1 << 20;

/// Why there is no next cell.
#[derive(Debug)]
pub(super) enum Fault {
    /// The input failed.
    Read(io::Error),
    /// A quote that was opened in this line has no end, or ends in the middle of a cell.
    Quote(u64),
    /// A cell that starts in this line is longer than [`LONGEST`].
    Long(u64),
}

impl From<io::Error> for Fault {
    fn from(e: io::Error) -> Self {
        Fault::Read(e)
    }
}

/// What stands between two delimiters.
#[derive(Default)]
pub(super) struct Cell {
    /// Without the quotes around it.
    pub bytes: Vec<u8>,
    /// Was it in quotes? Spaces are part of it then.
    pub quoted: bool,
}

/// A table in text.
pub(super) struct Cells<R> {
    input: R,
    delimiter: u8,
    line: u64,
}

impl<R: BufRead> Cells<R> {
    /// Finds the delimiter (`,`, `;` or a tab: the most frequent one of the first line) and passes over a byte order mark.
    pub fn new(mut input: R) -> io::Result<Self> {
        let start = input.fill_buf()?;
        let mark = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let (mut counts, mut quoted) = ([0usize; 3], false);
        let blank = start[mark..].iter().take_while(|b| b"\r\n".contains(b)).count();
        for &byte in start[mark + blank..].iter().take_while(|b| !b"\r\n".contains(b)) {
            quoted ^= byte == b'"';
            if let (false, Some(i)) = (quoted, b",;\t".iter().position(|&d| d == byte)) {
                counts[i] += 1;
            }
        }
        let most = (0..3).rev().max_by_key(|&i| counts[i]).expect("there are three");
        input.consume(mark);
        Ok(Cells { input, delimiter: b",;\t"[most], line: 1 })
    }

    /// The line that the next byte stands in.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Goes to the next row, over blank lines. False at the end.
    pub fn row(&mut self) -> Result<bool, Fault> {
        loop {
            match self.peek()? {
                None => return Ok(false),
                Some(b'\n') => self.input.consume(1),
                Some(b'\r') => {
                    self.input.consume(1);
                    if self.peek()? == Some(b'\n') {
                        self.input.consume(1);
                    }
                }
                Some(_) => return Ok(true),
            }
            self.line += 1;
        }
    }

    /// Reads the next cell of the row into `cell`. Is there another one behind it?
    pub fn cell(&mut self, cell: &mut Cell) -> Result<bool, Fault> {
        let Cell { bytes, quoted } = cell;
        bytes.clear();
        let (line, delimiter) = (self.line, self.delimiter);
        *quoted = self.peek()? == Some(b'"');
        if *quoted {
            self.quoted(bytes)?;
        }
        let inside = bytes.len();
        let end = self.until(bytes, line, |b| b == delimiter || b == b'\n' || b == b'\r')?;
        if *quoted && bytes.len() > inside {
            return Err(Fault::Quote(line));
        }
        if end == Some(delimiter) {
            self.input.consume(1);
        }
        Ok(end == Some(delimiter))
    }

    fn quoted(&mut self, cell: &mut Vec<u8>) -> Result<(), Fault> {
        let line = self.line;
        self.input.consume(1);
        loop {
            let start = cell.len();
            let end = self.until(cell, line, |b| b == b'"')?;
            self.line += cell[start..].iter().filter(|&&b| b == b'\n').count() as u64;
            if end.is_none() {
                return Err(Fault::Quote(line));
            }
            self.input.consume(1);
            if self.peek()? != Some(b'"') {
                return Ok(());
            }
            self.input.consume(1);
            cell.push(b'"');
        }
    }

    /// Moves bytes into `cell` up to the first that is `wanted`, which is returned and stays; none at the end.
    fn until(&mut self, cell: &mut Vec<u8>, line: u64, wanted: impl Fn(u8) -> bool) -> Result<Option<u8>, Fault> {
        loop {
            let bytes = self.input.fill_buf()?;
            let end = bytes.iter().position(|&b| wanted(b));
            let found = end.map(|i| bytes[i]);
            let taken = end.unwrap_or(bytes.len());
            if cell.len() + taken > LONGEST {
                return Err(Fault::Long(line));
            }
            cell.extend_from_slice(&bytes[..taken]);
            self.input.consume(taken);
            if found.is_some() || taken == 0 {
                return Ok(found);
            }
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.input.fill_buf()?.first().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows as `line: cell|cell`, read through a buffer of `buffer` bytes.
    fn rows(text: &[u8], buffer: usize) -> Result<Vec<String>, Fault> {
        let mut cells = Cells::new(io::BufReader::with_capacity(buffer, text))?;
        let (mut cell, mut rows) = (Cell::default(), Vec::new());
        while cells.row()? {
            let mut row = format!("{}: ", cells.line());
            while cells.cell(&mut cell)? {
                row += &format!("{}|", String::from_utf8_lossy(&cell.bytes));
            }
            rows.push(row + &String::from_utf8_lossy(&cell.bytes));
        }
        Ok(rows)
    }

    #[test]
    fn rows_cells_quotes_and_lines() {
        let text = b"\xef\xbb\xbf\na,\"b\"\r\n\r\n\"x,\"\"y\"\"\nz\",\n1,2";
        assert_eq!(rows(text, 4096).unwrap(), ["2: a|b", "4: x,\"y\"\nz|", "6: 1|2"]);
        // However the bytes arrive, once the first line is there.
        assert_eq!(rows(text, 16).unwrap(), rows(text, 4096).unwrap());
        assert_eq!(rows(b"a\rb\r", 9).unwrap(), ["1: a", "2: b"]);
        assert!(rows(b"", 9).unwrap().is_empty());
    }

    #[test]
    fn the_delimiter_is_the_most_frequent_of_the_first_line() {
        assert_eq!(rows(b"\"a,b,c,d\";b;c\n1;2;3", 99).unwrap(), ["1: a,b,c,d|b|c", "2: 1|2|3"]);
        assert_eq!(rows(b"a\tb\n1,5\t2", 99).unwrap(), ["1: a|b", "2: 1,5|2"]);
        assert_eq!(rows(b"a,b;c", 99).unwrap(), ["1: a|b;c"]);
    }

    #[test]
    fn bad_quotes_and_endless_cells_are_faults() {
        assert!(matches!(rows(b"a,b\n1,\"2\n3,4\n", 99), Err(Fault::Quote(2))));
        assert!(matches!(rows(b"a,b\n\"1\"2,3\n", 99), Err(Fault::Quote(2))));
        assert!(rows(&vec![b'x'; LONGEST], 99).is_ok());
        assert!(matches!(rows(&vec![b'x'; LONGEST + 1], 99), Err(Fault::Long(1))));
    }
}
