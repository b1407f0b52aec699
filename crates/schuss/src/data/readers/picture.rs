//! One picture, PNG or JPEG, from its bytes to pixels.

use super::resample::resample;
use super::show;
use crate::error::{Error, Result};
use image::metadata::Orientation;
use image::{DynamicImage, ImageFormat, load_from_memory_with_format};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Pixels that a picture may have: 64 Mi. While it is decoded it takes up to 9 bytes a pixel.
const MOST_PIXELS: u64 = 64 << 20;

/// Pictures with more pixels than this are decoded one at a time, so that memory does not grow with threads.
const LARGE: usize = 8 << 20;

/// What a file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Png,
    Jpeg,
}

impl Format {
    /// Of a file with these bytes at its start, if it is one of the two.
    pub fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Format::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
            _ => None,
        }
    }
}

/// What a picture's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Rows, once it is turned as it says.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Has it colours?
    pub colour: bool,
    orientation: Orientation,
}

/// What a picture is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub height: usize,
    pub width: usize,
    /// 1 or 3.
    pub channels: usize,
}

impl Wanted {
    /// Bytes of the result.
    pub fn len(self) -> usize {
        self.height * self.width * self.channels
    }
    /// For samples of this shape, if pictures can be.
    pub fn of(shape: &[usize]) -> Option<Self> {
        match *shape {
            [height, width] => Some(Wanted { height, width, channels: 1 }),
            [height, width, channels @ (1 | 3)] => Some(Wanted { height, width, channels }),
            _ => None,
        }
    }
}

/// Reads a picture's header, and of a JPEG file whether it goes on to its end mark: what decodes it fills up what is
/// missing.
pub(super) fn header(path: &Path, bytes: &[u8], format: Format) -> Result<Header> {
    let raw = match format {
        Format::Png => png_header(bytes),
        Format::Jpeg => {
            let (raw, ends) = jpeg_header(bytes);
            if raw.is_some() && !ends {
                let message = format!("{}: offset {}: the JPEG file ends before its end mark", show(path), bytes.len());
                return Err(Error::format("picture-cut", message));
            }
            raw
        }
    };
    let Some(Raw { height, width, colour, exif }) = raw else {
        let message = format!("{}: the picture is damaged: no size is found in its header", show(path));
        return Err(Error::format("picture-damaged", message));
    };
    if width == 0 || height == 0 {
        let message = format!("{}: the picture has {height} × {width} pixels; it has at least one", show(path));
        return Err(Error::format("picture-empty", message));
    }
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        let most = MOST_PIXELS >> 20;
        let message =
            format!("{}: the picture has {height} × {width} pixels; allowed are {most} Mi in all", show(path));
        return Err(Error::format("picture-too-large", message));
    }
    let orientation = exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    let (width, height) = match orientation {
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => {
            (height, width)
        }
        _ => (width, height),
    };
    Ok(Header { height: height as usize, width: width as usize, colour, orientation })
}

/// A header as it stands in the file.
struct Raw<'a> {
    height: u32,
    width: u32,
    colour: bool,
    exif: Option<&'a [u8]>,
}

/// W3C PNG, section 5.2: IHDR is the first chunk, 13 bytes long; in eXIf are EXIF data.
fn png_header(bytes: &[u8]) -> Option<Raw<'_>> {
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    let (mut at, mut exif) = (8, None);
    while let (Some(length), Some(kind)) = (number(at), bytes.get(at + 4..at + 8)) {
        let end = (at + 8).checked_add(length as usize)?;
        match kind {
            b"eXIf" => exif = bytes.get(at + 8..end),
            b"IDAT" => break,
            _ => {}
        }
        at = end.checked_add(4)?;
    }
    // Colour types: 0 grey, 2 colours, 3 palette, 4 grey and alpha, 6 colours and alpha.
    Some(Raw { width: number(16)?, height: number(20)?, colour: ![0, 4].contains(bytes.get(25)?), exif })
}

/// ITU-T T.81, B.1: marks, most of them with a length; a frame's header has sizes and the number of components. And
/// whether the end mark comes.
fn jpeg_header(bytes: &[u8]) -> (Option<Raw<'_>>, bool) {
    let (mut at, mut frame, mut exif) = (2, None, None);
    while let Some(&[mark, kind]) = bytes.get(at..at + 2) {
        match (mark, kind) {
            (0xff, 0xd9) => return (frame.map(|f: Raw| Raw { exif, ..f }), true),
            // Bytes to fill up.
            (0xff, 0xff) => at += 1,
            // 0xff within data, and marks that have no length.
            (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => at += 2,
            (0xff, _) => {
                let Some(&[high, low]) = bytes.get(at + 2..at + 4) else { break };
                let end = at + 2 + usize::from(u16::from_be_bytes([high, low])).max(2);
                let inside = bytes.get(at + 4..end).unwrap_or_default();
                match (kind, inside) {
                    // Frames, but not tables of codes (c4), extensions (c8) and arithmetic conditions (cc).
                    (0xc0..=0xcf, &[_, h1, h0, w1, w0, components, ..]) if ![0xc4, 0xc8, 0xcc].contains(&kind) => {
                        let number = |a, b| u32::from(u16::from_be_bytes([a, b]));
                        let (height, width) = (number(h1, h0), number(w1, w0));
                        frame.get_or_insert(Raw { height, width, colour: components > 1, exif: None });
                    }
                    (0xe1, [b'E', b'x', b'i', b'f', 0, 0, rest @ ..]) => exif = exif.or(Some(rest)),
                    _ => {}
                }
                at = end;
            }
            // Data go on to the next mark.
            _ => at += bytes[at..].iter().position(|&b| b == 0xff).unwrap_or(bytes.len()),
        }
    }
    (frame.map(|f| Raw { exif, ..f }), false)
}

/// Decodes a picture, turns it as its EXIF data say, and brings it to the wanted channels and sizes.
///
/// Alpha is dropped; grey is 0.299 R + 0.587 G + 0.114 B, as in Pillow.
pub(super) fn decode(path: &Path, bytes: &[u8], format: Format, wanted: Wanted, to: &mut [u8]) -> Result<()> {
    static ONE_LARGE: Mutex<()> = Mutex::new(());
    let header = header(path, bytes, format)?;
    let large = header.height * header.width > LARGE;
    let _alone = large.then(|| ONE_LARGE.lock().unwrap_or_else(PoisonError::into_inner));
    let format = match format {
        Format::Png => ImageFormat::Png,
        Format::Jpeg => ImageFormat::Jpeg,
    };
    let mut image = load_from_memory_with_format(bytes, format).map_err(|e| {
        let what = e.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        let message = format!("{}: the picture is damaged, or of a kind that is not read: {what}", show(path));
        Error::format("picture-damaged", message)
    })?;
    image.apply_orientation(header.orientation);
    let sizes = [image.height() as usize, image.width() as usize];
    let pixels = match (wanted.channels, image) {
        (1, DynamicImage::ImageLuma8(grey)) => grey.into_raw(),
        (1, image) if !header.colour => image.into_luma8().into_raw(),
        (1, image) => {
            let grey = |p: &[u8; 3]| {
                let [r, g, b] = p.map(u32::from);
                ((19_595 * r + 38_470 * g + 7_471 * b + 0x8000) >> 16) as u8
            };
            image.into_rgb8().into_raw().as_chunks::<3>().0.iter().map(grey).collect()
        }
        (_, image) => image.into_rgb8().into_raw(),
    };
    resample(&pixels, sizes, to, [wanted.height, wanted.width], wanted.channels);
    Ok(())
}
