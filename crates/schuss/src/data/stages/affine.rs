//! Pictures moved, turned and stretched: a value for each pixel from where the transform says it comes from.

use super::{Frame, Sizes};
use crate::registry::Settings;

/// What may lie outside a picture.
pub(super) const FILL_MODES: &[&str] = &["reflect", "wrap", "nearest", "constant"];

/// What lies outside a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outside {
    Reflect,
    Wrap,
    Nearest,
    Constant,
}

/// How values between and outside pixels are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampling {
    outside: Outside,
    bilinear: bool,
    value: f32,
}

impl Sampling {
    pub fn of(settings: &Settings) -> Self {
        let outside = match settings.text("fill_mode") {
            "reflect" => Outside::Reflect,
            "wrap" => Outside::Wrap,
            "nearest" => Outside::Nearest,
            _ => Outside::Constant,
        };
        let (bilinear, value) = (settings.text("interpolation") == "bilinear", settings.f64("fill_value") as f32);
        Sampling { outside, bilinear, value }
    }
    /// The pixel that stands at `i` of `n`, if one does.
    fn place(self, i: i64, n: usize) -> Option<usize> {
        let len = n as i64;
        if (0..len).contains(&i) {
            return Some(i as usize);
        }
        let inside = match self.outside {
            Outside::Reflect => {
                let i = i.rem_euclid(2 * len);
                if i < len { i } else { 2 * len - 1 - i }
            }
            Outside::Wrap => i.rem_euclid(len),
            Outside::Nearest => i.clamp(0, len - 1),
            Outside::Constant => return None,
        };
        Some(inside as usize)
    }
}

/// The pixel (x, y) that comes out stood at (a₀x + a₁y + a₂, b₀x + b₁y + b₂) of what went in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    pub a: [f64; 3],
    pub b: [f64; 3],
}

/// Coordinates stay below this, whatever the parameters, so that they are whole numbers of a computer.
const FAR: f64 = 1e9;

impl Affine {
    /// Transforms a picture.
    pub fn apply(&self, sampling: Sampling, frame: &mut Frame) {
        let sizes = frame.sizes();
        frame.replace(sizes, |from, to| match sizes.channels {
            1 => self.fill::<1>(sampling, sizes, from, to),
            3 => self.fill::<3>(sampling, sizes, from, to),
            _ => self.fill_any(sampling, sizes, from, to),
        });
    }
    fn source(&self, x: usize, y: usize) -> (f64, f64) {
        let (x, y) = (x as f64, y as f64);
        let at = |m: [f64; 3]| (m[0] * x + m[1] * y + m[2]).clamp(-FAR, FAR);
        (at(self.a), at(self.b))
    }
    fn fill<const C: usize>(&self, sampling: Sampling, sizes: Sizes, from: &[f32], to: &mut [f32]) {
        let (pixels, out) = (from.as_chunks::<C>().0, to.as_chunks_mut::<C>().0);
        let Sizes { height, width, .. } = sizes;
        let pixel = |x: i64, y: i64| match (sampling.place(x, width), sampling.place(y, height)) {
            (Some(x), Some(y)) => pixels[y * width + x],
            _ => [sampling.value; C],
        };
        for (y, row) in out.chunks_exact_mut(width).enumerate() {
            for (x, to) in row.iter_mut().enumerate() {
                let (sx, sy) = self.source(x, y);
                if !sampling.bilinear {
                    *to = pixel(sx.round_ties_even() as i64, sy.round_ties_even() as i64);
                    continue;
                }
                let (left, top) = (sx.floor(), sy.floor());
                let (u, v) = ((sx - left) as f32, (sy - top) as f32);
                let (x0, y0) = (left as i64, top as i64);
                let inside = x0 >= 0 && y0 >= 0 && x0 + 1 < width as i64 && y0 + 1 < height as i64;
                let [a, b, c, d] = if inside {
                    let place = y0 as usize * width + x0 as usize;
                    [pixels[place], pixels[place + 1], pixels[place + width], pixels[place + width + 1]]
                } else {
                    [pixel(x0, y0), pixel(x0 + 1, y0), pixel(x0, y0 + 1), pixel(x0 + 1, y0 + 1)]
                };
                let [wa, wb, wc, wd] = [(1.0 - v) * (1.0 - u), (1.0 - v) * u, v * (1.0 - u), v * u];
                for i in 0..C {
                    to[i] = a[i] * wa + b[i] * wb + c[i] * wc + d[i] * wd;
                }
            }
        }
    }
    /// For other numbers of channels.
    fn fill_any(&self, sampling: Sampling, sizes: Sizes, from: &[f32], to: &mut [f32]) {
        let Sizes { height, width, channels } = sizes;
        let pixel = |x: i64, y: i64, c: usize| match (sampling.place(x, width), sampling.place(y, height)) {
            (Some(x), Some(y)) => from[(y * width + x) * channels + c],
            _ => sampling.value,
        };
        for (i, to) in to.chunks_exact_mut(channels).enumerate() {
            let (sx, sy) = self.source(i % width, i / width);
            let (left, top) = (sx.floor(), sy.floor());
            let (u, v) = ((sx - left) as f32, (sy - top) as f32);
            let (x, y) = (left as i64, top as i64);
            for (c, to) in to.iter_mut().enumerate() {
                *to = if sampling.bilinear {
                    let above = pixel(x, y, c) * ((1.0 - v) * (1.0 - u)) + pixel(x + 1, y, c) * ((1.0 - v) * u);
                    above + pixel(x, y + 1, c) * (v * (1.0 - u)) + pixel(x + 1, y + 1, c) * (v * u)
                } else {
                    pixel(sx.round_ties_even() as i64, sy.round_ties_even() as i64, c)
                };
            }
        }
    }
}
