//! A picture of what becomes of pictures: a contact sheet.

use super::stages::{Epoch, Frame, Sizes};
use super::{Dataset, Pipeline};
use crate::error::{Error, Result};
use flate2::read::ZlibEncoder;
use flate2::{Compression, Crc};
use std::io::Read;

/// Pixels on a side below which pictures are shown greater.
const SHOWN: usize = 96;
/// Pixels between pictures.
const GAP: usize = 4;

/// A row for each of these samples: the picture as it was read, then as training gets it in each of the epochs, before it
/// is brought to another scale. `highest` is the value that is white. In PNG.
///
/// Errors: samples that are no pictures, or have other than 1 or 3 channels.
pub fn contact_sheet(
    data: &Dataset,
    pipeline: &Pipeline,
    samples: &[u32],
    epochs: &[Epoch],
    highest: f32,
) -> Result<Vec<u8>> {
    let own = Sizes::of(&data.shape)?;
    if ![1, 3].contains(&own.channels) {
        let message = format!("pictures with 1 or 3 channels can be shown; samples have shape {:?}", data.shape);
        return Err(Error::shape("not-pictures", message));
    }
    let before = pipeline.before_scaling();
    let made = before.output_sizes(&data.shape)?.unwrap_or(own);
    let plain = Pipeline::new(Vec::new());
    let factor = SHOWN.div_ceil(own.height.max(own.width).max(1)).max(1);
    let cell = [own.height.max(made.height) * factor + GAP, own.width.max(made.width) * factor + GAP];
    let (height, width) = (cell[0] * samples.len() + GAP, cell[1] * (1 + epochs.len()) + GAP);
    let mut sheet = vec![255u8; height * width * 3];
    let mut frame = Frame::default();
    for (row, &index) in samples.iter().enumerate() {
        for column in 0..=epochs.len() {
            let (sizes, pipeline, draws) = match column {
                0 => (own, &plain, None),
                n => (made, &before, Some(epochs[n - 1])),
            };
            let mut pixels = vec![0.0; sizes.len()];
            pipeline.make(data, index, draws, &mut frame, &mut pixels);
            let (top, left) = (GAP + row * cell[0], GAP + column * cell[1]);
            for y in 0..sizes.height * factor {
                for x in 0..sizes.width * factor {
                    let pixel = &pixels[(y / factor * sizes.width + x / factor) * sizes.channels..][..sizes.channels];
                    let to = &mut sheet[((top + y) * width + left + x) * 3..][..3];
                    for (c, to) in to.iter_mut().enumerate() {
                        *to = (pixel[c % sizes.channels] / highest * 255.0).round().clamp(0.0, 255.0) as u8;
                    }
                }
            }
        }
    }
    Ok(png(&sheet, width))
}

/// A PNG file of these rows of red, green and blue (W3C PNG, sections 5, 7 and 11: eight bits, no filter).
fn png(pixels: &[u8], width: usize) -> Vec<u8> {
    let height = pixels.len() / (3 * width);
    let mut rows = Vec::with_capacity(pixels.len() + height);
    for row in pixels.chunks_exact(3 * width) {
        rows.push(0);
        rows.extend_from_slice(row);
    }
    let mut packed = ZlibEncoder::new(rows.as_slice(), Compression::default());
    let mut data = Vec::new();
    packed.read_to_end(&mut data).expect("memory is read");
    let sizes = [width, height].map(|n| (n as u32).to_be_bytes()).concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", [&sizes[..], &[8, 2, 0, 0, 0]].concat()), (b"IDAT", data), (b"IEND", Vec::new())] {
        let chunk = [&kind[..], &data].concat();
        let mut crc = Crc::new();
        crc.update(&chunk);
        file.extend_from_slice(&(data.len() as u32).to_be_bytes());
        file.extend_from_slice(&chunk);
        file.extend_from_slice(&crc.sum().to_be_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Step;
    use crate::data::stages;
    use crate::random::Stream;
    use crate::registry::Argument;

    #[test]
    fn the_first_column_is_the_picture_itself_and_the_others_are_as_in_training() {
        let data = Dataset::images([0, 50, 100, 150, 200, 250, 16, 32], &[2, 2], [0, 1], 2).unwrap();
        let mode = [("mode".to_owned(), Argument::Text("horizontal".into()))];
        let flip = stages::registry().make("random_flip", &mode).unwrap();
        let pipeline = Pipeline::scale(1.0 / 255.0).behind(vec![flip], &data).unwrap();
        assert!(matches!(pipeline.steps()[1], Step::Scale { .. }));
        let epochs: Vec<Epoch> = (0..6).map(|e| Epoch::new(Stream::named(0, "augment"), e)).collect();
        let png = contact_sheet(&data, &pipeline, &[1], &epochs, 255.0).unwrap();
        let image = image::load_from_memory(&png).unwrap().into_rgb8();
        // 2 pixels become 96, with 4 between.
        assert_eq!(image.dimensions(), (7 * 100 + 4, 104));
        let left = |column: u32| image.get_pixel(4 + column * 100 + 10, 14).0;
        let right = |column: u32| image.get_pixel(4 + column * 100 + 90, 14).0;
        assert_eq!((left(0), right(0)), ([200; 3], [250; 3]));
        let turned = (1..7).filter(|&c| (left(c), right(c)) == ([250; 3], [200; 3])).count();
        let same = (1..7).filter(|&c| (left(c), right(c)) == ([200; 3], [250; 3])).count();
        assert!(turned > 0 && same > 0 && turned + same == 6, "{turned} {same}");
    }
}
