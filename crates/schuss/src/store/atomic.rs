//! Files that are there as a whole or not at all.

use crate::data::readers::file::show;
use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Replaces a file, or makes it: written beside it, synced, read back, renamed; then the folder is synced. After an
/// error the old file is as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = beside(path)?;
    let result = write_checked(&beside, bytes)
        .and_then(|()| fs::rename(&beside, path))
        .and_then(|()| sync_folder(path.parent().unwrap_or(Path::new(""))));
    result.map_err(|e| {
        // It may not be there, or not removable: the error that counts is the first one.
        let _ = fs::remove_file(&beside);
        failed("write-failed", path, "can't be written", &e)
    })
}

/// Removes what an ended process left beside files of this folder.
pub(super) fn clear(folder: &Path) -> Result<()> {
    let unreadable = |e| failed("file-unreadable", folder, "can't be read", &e);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') && name.ends_with(SUFFIX) {
            fs::remove_file(&path).map_err(|e| failed("write-failed", &path, "can't be removed", &e))?;
        }
    }
    Ok(())
}

/// The error of an action on a file.
pub(super) fn failed(code: &'static str, path: &Path, what: &str, e: &io::Error) -> Error {
    Error::file(code, format!("{}: {what}: {e}", show(path)))
}

const SUFFIX: &str = ".part";

fn beside(path: &Path) -> Result<PathBuf> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().ok_or_else(|| Error::file("no-file-name", format!("{}: no file name", show(path))))?);
    name.push(format!(".{}{SUFFIX}", std::process::id()));
    Ok(path.with_file_name(name))
}

fn write_checked(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    let (mut file, mut found) = (File::open(path)?, [0; 1 << 16]);
    for expected in bytes.chunks(found.len()) {
        let found = &mut found[..expected.len()];
        file.read_exact(found)?;
        if found != expected {
            return Err(io::Error::other("other bytes were read back than were written"));
        }
    }
    Ok(())
}

/// So that the name outlives a loss of power. Windows has no such thing.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
