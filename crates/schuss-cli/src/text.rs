//! Numbers, times and tables as people read them.

/// Four digits behind the point, or an exponent where those would not tell.
pub fn number(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 || (0.001..1e6).contains(&size) { format!("{x:.4}") } else { format!("{x:.3e}") }
}

/// `1,234,567`.
pub fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `950/s`, `46.1k/s`, `1.52M/s`.
pub fn rate(per_second: f64) -> String {
    match per_second {
        x if x >= 1e6 => format!("{:.2}M/s", x / 1e6),
        x if x >= 1e4 => format!("{:.1}k/s", x / 1e3),
        x => format!("{x:.0}/s"),
    }
}

/// `0.9 s`, `1:05`, `2:00:07`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{minutes}:{rest:02}"),
        _ => format!("{hours}:{minutes:02}:{rest:02}"),
    }
}

/// Text as a terminal shows it: what would steer it, or turn the direction of what follows, is written out.
pub fn plain(text: &str) -> String {
    let steers = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let shown = |c: char| if steers(c) { c.escape_debug().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// Places that a text takes on a terminal: two for a sign of East Asia or a picture, none for what joins the sign before.
fn width(text: &str) -> usize {
    let places = |c: char| match u32::from(c) {
        0x300..=0x36f | 0x200b..=0x200f | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f => 2,
        0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1f64f | 0x1f680..=0x1f9ff | 0x20000..=0x3fffd => 2,
        _ => 1,
    };
    text.chars().map(places).sum()
}

/// Rows with their cells under each other: the first column flush left, the others as `right` says.
pub fn table(rows: &[Vec<String>], right: bool) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    let widest = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|cell| width(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    let cell = |(c, text): (usize, &String)| {
        let space = " ".repeat(widths[c] - width(text));
        if right && c > 0 { format!("{space}{text}") } else { format!("{text}{space}") }
    };
    let row = |r: &Vec<String>| r.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end().to_owned();
    rows.iter().map(row).collect()
}

/// Lines of at most `width` characters, broken at spaces.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is a line");
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= width {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// A cell of a CSV table, quoted where it must be.
pub fn csv_cell(text: &str) -> String {
    // Readers take spaces at the ends away where there are no quotes.
    let quoted = text.contains([',', '"', '\n', '\r']) || text.trim() != text;
    if quoted { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!(["0.1235", "0.0000", "1.235e-4", "-2.000e6"], [0.12345678, 0.0, 0.000123456, -2e6].map(number));
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1000, 1234567].map(count));
        assert_eq!(["950/s", "46.1k/s", "1.52M/s"], [950.2, 46_123.0, 1_520_000.0].map(rate));
        assert_eq!(["0.9 s", "59.4 s", "1:05", "2:00:07"], [0.91, 59.4, 65.2, 7207.0].map(duration));
        assert_eq!(["a", "\"a,b\"", "\"say \"\"a\"\"\""], ["a", "a,b", "say \"a\""].map(csv_cell));
        assert_eq!(["\" a\"", "a b"], [" a", "a b"].map(csv_cell));
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(plain("a\u{1b}[31m\n\u{202e}ü猫"), "a\\u{1b}[31m\\n\\u{202e}ü猫");
        assert_eq!(table(&[vec!["a\rb".to_owned(), "c\n".into()]], false), ["a\\rb  c\\n"]);
    }

    #[test]
    fn cells_stand_under_each_other() {
        let rows = [vec!["é".to_owned(), "1".into()], vec!["bcd".into(), "23".into(), "x".into()]];
        assert_eq!(table(&rows, true), ["é     1", "bcd  23  x"]);
        assert_eq!(table(&rows, false), ["é    1", "bcd  23  x"]);
        let rows = [vec!["猫".to_owned(), "1".into()], vec!["e\u{301}bc".into(), "2".into()]];
        assert_eq!(table(&rows, true), ["猫   1", "e\u{301}bc  2"]);
        assert_eq!(wrap("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrap("", 4), [""]);
    }
}
