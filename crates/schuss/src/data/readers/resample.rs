//! Pictures of bytes brought to other sizes.

/// Bits behind the point of a weight: a sum of bytes times weights stays below 2³¹.
const BITS: u32 = 22;

/// The pixels that make one of the result, from the first on, and their weights, which add up to about 2²².
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// Weights for each of `want` pixels made from `have`: a triangle around the middle of the pixel, one pixel of the result
/// to each side, but at least one of the source.
fn taps(have: usize, want: usize) -> Vec<Taps> {
    let scale = have as f64 / want as f64;
    let reach = scale.max(1.0);
    // A factor, not a division, so that ties fall as in Pillow.
    let narrow = 1.0 / reach;
    let of = |i: usize| {
        let middle = (i as f64 + 0.5) * scale;
        let first = ((middle - reach + 0.5) as isize).max(0) as usize;
        let end = ((middle + reach + 0.5) as usize).min(have);
        let weight = |x: usize| (1.0 - ((x as f64 - middle + 0.5) * narrow).abs()).max(0.0);
        let all: Vec<f64> = (first..end).map(weight).collect();
        let sum: f64 = all.iter().sum();
        let fixed = |w: &f64| (w / sum * f64::from(1 << BITS) + 0.5) as i32;
        Taps { first, weights: all.iter().map(fixed).collect() }
    };
    (0..want).map(of).collect()
}

fn rounded(sum: i32) -> u8 {
    ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8
}

/// Brings rows of pixels with so many channels from sizes (height, width) to others. It is what Pillow does for `BILINEAR`:
/// columns first, then rows, each rounded to bytes. Pillow 13 takes rows first where that is faster, which may differ by 1.
pub(super) fn resample(from: &[u8], [height, width]: [usize; 2], to: &mut [u8], [h, w]: [usize; 2], channels: usize) {
    let narrow;
    let from = if width == w {
        from
    } else {
        let taps = taps(width, w);
        let mut out = vec![0; height * w * channels];
        for (row, out) in from.chunks_exact(width * channels).zip(out.chunks_exact_mut(w * channels)) {
            match channels {
                3 => across::<3>(row, &taps, out),
                _ => across::<1>(row, &taps, out),
            }
        }
        narrow = out;
        &narrow
    };
    if height == h {
        return to.copy_from_slice(from);
    }
    let row = w * channels;
    let mut sums = vec![0i32; row];
    for (out, Taps { first, weights }) in to.chunks_exact_mut(row).zip(taps(height, h)) {
        sums.fill(0);
        for (line, weight) in from.chunks_exact(row).skip(first).zip(weights) {
            sums.iter_mut().zip(line).for_each(|(sum, &x)| *sum += i32::from(x) * weight);
        }
        out.iter_mut().zip(&sums).for_each(|(x, &sum)| *x = rounded(sum));
    }
}

fn across<const C: usize>(row: &[u8], taps: &[Taps], out: &mut [u8]) {
    let (pixels, out) = (row.as_chunks::<C>().0, out.as_chunks_mut::<C>().0);
    for (out, Taps { first, weights }) in out.iter_mut().zip(taps) {
        let mut sums = [0i32; C];
        for (pixel, weight) in pixels[*first..].iter().zip(weights) {
            for c in 0..C {
                sums[c] += i32::from(pixel[c]) * weight;
            }
        }
        *out = sums.map(rounded);
    }
}
