//! Text files that the command reads itself.

use schuss::data::readers::file::show;
use schuss::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// All of a file, which is refused where it is longer than so many bytes: a device may have no end.
pub fn read_text(path: &Path, what: &str, longest: u64) -> Result<String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(longest + 1).read_to_string(&mut text));
    read.map_err(|e| Error::file("file-unreadable", format!("{}: {what} can't be read: {e}", show(path))))?;
    if text.len() as u64 > longest {
        let message = format!("{}: {what} is longer than {longest} bytes, which is the most allowed", show(path));
        return Err(Error::file("file-too-long", message));
    }
    Ok(text)
}
