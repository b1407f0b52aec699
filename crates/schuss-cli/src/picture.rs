//! Pictures that a command writes.

use crate::output::Result;
use schuss::Error;
use schuss::data::readers::file::show;
use schuss::store::atomic;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What a picture is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Pixels.
    Png,
    /// Curves.
    Svg,
}

impl Format {
    /// How its files end.
    fn ending(self) -> &'static str {
        match self {
            Format::Png => "png",
            Format::Svg => "svg",
        }
    }
    /// Does such a file start like this?
    fn starts(self, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        match self {
            Format::Png => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
            Format::Svg => text.trim_start_matches('\u{feff}').trim_start().starts_with('<') && text.contains("<svg"),
        }
    }
    /// Refuses a path whose ending says something else, and one where something else is. Asked before the work.
    pub fn check(self, flag: &str, path: &Path) -> Result {
        if is_device(path) {
            return Ok(());
        }
        let (ending, shown) = (self.ending(), show(path));
        if path.extension().is_none_or(|e| !e.eq_ignore_ascii_case(ending)) {
            let message = format!("{flag} {shown}: a picture of this kind is written to a file that ends in .{ending}");
            return Err(Error::value("picture-ending", message).into());
        }
        if path.symlink_metadata().is_ok() && !self.is_at(path) {
            let message =
                format!("{flag} {shown}: there is something that is no .{ending} picture; it is not replaced");
            return Err(Error::file("file-exists", message).into());
        }
        Ok(())
    }
    fn is_at(self, path: &Path) -> bool {
        let mut start = Vec::new();
        let regular = path.metadata().is_ok_and(|m| m.is_file());
        let read = regular && File::open(path).and_then(|f| f.take(1 << 12).read_to_end(&mut start)).is_ok();
        read && (start.is_empty() || self.starts(&start))
    }
    /// Writes it, as a whole or not at all.
    pub fn write(self, flag: &str, path: &Path, bytes: &[u8]) -> Result {
        self.check(flag, path)?;
        if is_device(path) {
            let failed = |e| Error::file("write-failed", format!("{flag} {}: can't be written: {e}", show(path)));
            return Ok(std::fs::write(path, bytes).map_err(failed)?);
        }
        Ok(atomic::replace(path, bytes)?)
    }
}

/// Is it a terminal, a pipe or the like, which keeps nothing?
fn is_device(path: &Path) -> bool {
    path.metadata().is_ok_and(|m| !m.is_file() && !m.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_known_by_their_first_bytes() {
        assert!(Format::Png.starts(b"\x89PNG\r\n\x1a\nmore") && !Format::Png.starts(b"<svg/>"));
        assert!(Format::Svg.starts(b"<svg xmlns=''>") && Format::Svg.starts(b"\xef\xbb\xbf<?xml?>\n<!-- --><svg>"));
        assert!(!Format::Svg.starts(b"see <svg>") && !Format::Svg.starts(b""));
    }
}
