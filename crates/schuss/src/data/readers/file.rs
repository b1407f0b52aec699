//! Whole files, with what is needed to know them again.

use crate::error::{Error, Result};
use flate2::Crc;
use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::{Display, Write as _};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// Contents of gzip files may be as long as this, whatever the file announces: 4 GiB.
pub const GZIP_LIMIT: u64 = 4 << 30;

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Where it was.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

impl FileRecord {
    /// Of a file with these bytes.
    pub fn of(path: String, bytes: &[u8]) -> Self {
        Self::new(path, bytes.len() as u64, &Sha256::digest(bytes))
    }
    fn new(path: String, size: u64, digest: &[u8]) -> Self {
        let sha256 = digest.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a string takes it");
            hex
        });
        FileRecord { path, size, sha256 }
    }
}

/// A path for a message of one line.
pub fn show(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains(char::is_control) { text.escape_debug().to_string() } else { text }
}

/// What the system says, without its error number.
pub(super) fn reason(e: &io::Error) -> String {
    match e.kind() {
        ErrorKind::NotFound => "no such file or folder".into(),
        ErrorKind::PermissionDenied => "not allowed to read it".into(),
        _ => e.to_string(),
    }
}

/// An error of reading this file or folder.
pub(super) fn unreadable(path: &Path, e: &io::Error) -> Error {
    Error::file("file-unreadable", format!("{}: can't be read: {}", show(path), reason(e)))
}

fn not_a_file() -> io::Error {
    io::Error::other("it is not a file")
}

/// A file, and how long it is; not a device or a pipe, which may have no end.
fn open(path: &Path) -> io::Result<(File, fs::Metadata)> {
    // Opening a pipe would wait for a writer.
    if !path.metadata()?.is_file() {
        return Err(not_a_file());
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(not_a_file()) }
}

/// All bytes of a file.
pub(super) fn read(path: &Path) -> Result<(Vec<u8>, FileRecord)> {
    let inner = || {
        let (file, metadata) = open(path)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(usize::try_from(metadata.len()).unwrap_or(usize::MAX)).map_err(io::Error::other)?;
        file.take(metadata.len()).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = inner().map_err(|e| unreadable(path, &e))?;
    let record = FileRecord::of(show(path), &bytes);
    Ok((bytes, record))
}

/// The first bytes of a file, of its contents if it is gzip; none if there are not so many. The error is that it can't be
/// read, as a device or a pipe, which may wait for ever.
pub(super) fn start<const N: usize>(path: &Path) -> Result<Option<[u8; N]>> {
    let read = || {
        let mut bytes = Vec::new();
        open(path)?.0.take(64 << 10).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|e| unreadable(path, &e))?;
    let mut first = [0; N];
    let read = if is_gzip(&bytes) {
        gunzip(&bytes, N as u64).read_exact(&mut first)
    } else {
        bytes.as_slice().read_exact(&mut first)
    };
    Ok(read.ok().map(|()| first))
}

/// A file that is read a part at a time, with what is needed to know it again.
pub(super) struct Stream {
    file: File,
    size: u64,
    sum: Sha256,
}

impl Stream {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let (file, _) = open(path).map_err(|e| unreadable(path, &e))?;
        Ok(Stream { file, size: 0, sum: Sha256::new() })
    }
    /// Of all of the file.
    pub(super) fn record(mut self, path: &Path) -> Result<FileRecord> {
        io::copy(&mut self, &mut io::sink()).map_err(|e| unreadable(path, &e))?;
        Ok(FileRecord::new(show(path), self.size, &self.sum.finalize()))
    }
}

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(out)?;
        self.size += n as u64;
        self.sum.update(&out[..n]);
        Ok(n)
    }
}

/// Do these bytes start like a gzip file?
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Is the second file, of gzip, the first one packed, by the length and the checksum that it ends with?
pub(super) fn is_packed(plain: &Path, packed: &Path) -> Result<bool> {
    let end = || {
        let mut end = [0; 8];
        let mut file = File::open(packed)?;
        if file.metadata()?.len() < 18 {
            return Ok(None);
        }
        file.seek(SeekFrom::End(-8))?;
        file.read_exact(&mut end)?;
        let [a, b, c, d, e, f, g, h] = end;
        Ok(Some((u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))))
    };
    let sum = || {
        let (mut sum, mut file, mut bytes) = (Crc::new(), File::open(plain)?, vec![0; 1 << 20]);
        loop {
            match file.read(&mut bytes)? {
                0 => return Ok((sum.sum(), sum.amount())),
                n => sum.update(&bytes[..n]),
            }
        }
    };
    let (end, sum) = (end().map_err(|e| unreadable(packed, &e))?, sum().map_err(|e| unreadable(plain, &e))?);
    Ok(end == Some(sum))
}

/// The contents of a gzip file; an error where they become longer than `limit`.
pub(super) fn gunzip(bytes: &[u8], limit: u64) -> impl Read {
    Limited { inner: Members(GzDecoder::new(bytes)), left: limit }
}

/// The parts of a gzip file one after another, and nothing behind them.
struct Members<'a>(GzDecoder<&'a [u8]>);

impl Read for Members<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.0.read(out)?;
            let rest = *self.0.get_ref();
            if n > 0 || out.is_empty() || rest.is_empty() {
                return Ok(n);
            }
            if !is_gzip(rest) {
                let message = format!("{} bytes behind its end are none of it", rest.len());
                return Err(io::Error::new(ErrorKind::InvalidData, message));
            }
            self.0 = GzDecoder::new(rest);
        }
    }
}

/// What a dictionary of an .xz file may take, in KiB: what `xz -9` uses, and a little more.
const XZ_MEMORY: u32 = 72 << 10;

/// Do these bytes start like an .xz file?
pub(super) fn is_xz(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0])
}

/// The contents of an .xz file. Nothing limits how long they are: take no more than can be right.
pub(super) fn unxz(from: impl Read) -> impl Read {
    XzReader::new_mem_limit(from, true, XZ_MEMORY)
}

struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        self.left = self.left.checked_sub(n as u64).ok_or(ErrorKind::FileTooLarge)?;
        Ok(n)
    }
}

/// An error of decoding an .xz file at `place` of its contents.
pub(super) fn damaged_xz(path: &Path, place: impl Display, e: &io::Error) -> Error {
    let path = show(path);
    match e.kind() {
        ErrorKind::UnexpectedEof => {
            Error::format("xz-cut", format!("{path}: {place}: the .xz file ends before its contents do"))
        }
        ErrorKind::OutOfMemory => {
            let message =
                format!("{path}: {place}: the .xz file needs more than {} MiB to be unpacked", XZ_MEMORY >> 10);
            Error::format("xz-too-large", message)
        }
        _ => Error::format("xz-damaged", format!("{path}: {place}: the .xz file is damaged: {e}")),
    }
}

/// An error of decoding a gzip file at `place` of its contents (an offset or a line).
pub(super) fn damaged(path: &Path, place: impl Display, e: &io::Error) -> Error {
    let path = show(path);
    match e.kind() {
        ErrorKind::UnexpectedEof => {
            Error::format("gzip-cut", format!("{path}: {place}: the gzip file ends before its contents do"))
        }
        ErrorKind::FileTooLarge => {
            let message = format!("{path}: {place}: the contents of the gzip file are longer than is allowed");
            Error::format("gzip-too-large", message)
        }
        _ => Error::format("gzip-damaged", format!("{path}: {place}: the gzip file is damaged: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn contents_longer_than_the_limit_are_refused() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&[7; 1000]).unwrap();
        let bytes = encoder.finish().unwrap();
        let read = |limit| gunzip(&bytes, limit).read_to_end(&mut Vec::new());
        assert_eq!(read(1000).unwrap(), 1000);
        let e = damaged(Path::new("x.gz"), "line 1", &read(999).unwrap_err());
        assert_eq!(e.code(), "gzip-too-large");
    }

    #[test]
    fn a_file_is_known_by_its_hash() {
        // FIPS 180-2, appendix B.1: the message "abc".
        let record = FileRecord::of("x".into(), b"abc");
        assert_eq!(record.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(record.size, 3);
    }
}
