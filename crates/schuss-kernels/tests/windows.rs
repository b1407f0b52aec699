//! Windows and copies against naive loops, for every instruction set that the machine has.

use schuss_kernels::convolution::{Geometry, Target};
use schuss_kernels::copies::{self, Piece};
use schuss_kernels::product::Beside;
use schuss_kernels::windows::{self, WindowMap};
use schuss_kernels::{Isa, random};

const ALL: [WindowMap; 7] = [
    WindowMap::Max,
    WindowMap::Select,
    WindowMap::Scatter,
    WindowMap::Sum { mean: false },
    WindowMap::Sum { mean: true },
    WindowMap::Spread { mean: false },
    WindowMap::Spread { mean: true },
];

fn geometry(input: [usize; 3], size: [usize; 3], strides: [usize; 3], before: [usize; 3], channels: usize) -> Geometry {
    let output = std::array::from_fn(|i| (input[i] + 2 * before[i] - size[i]) / strides[i] + 1);
    let (outputs, groups, dilation) = (channels, 1, [1; 3]);
    Geometry { input, channels, output, outputs, size, strides, dilation, before, groups }
}

fn geometries() -> Vec<Geometry> {
    let mut all = Vec::new();
    for channels in [1, 3, 17, 33, 70] {
        all.push(geometry([1, 7, 6], [1, 2, 2], [1, 2, 2], [0; 3], channels));
        all.push(geometry([1, 7, 6], [1, 3, 3], [1, 2, 1], [0, 1, 1], channels));
        all.push(geometry([3, 4, 5], [2, 2, 3], [1, 3, 2], [1, 0, 1], channels));
        all.push(geometry([1, 1, 9], [1, 1, 2], [1, 1, 3], [0; 3], channels));
    }
    // More channels, and more windows, than go into a block.
    all.push(geometry([1, 3, 2], [1, 2, 2], [1, 1, 1], [0; 3], 2500));
    all.push(geometry([1, 40, 45], [1, 2, 2], [1, 1, 1], [0, 1, 1], 2));
    all
}

fn numbers(n: usize, stream: u32) -> Vec<f32> {
    (0..n as u32).map(|i| random::philox([stream, 7], [i, 0, 0, 0])[0] as f32 / 2f32.powi(31) - 1.0).collect()
}

/// Places of each window, row-major, those in the image.
fn places(g: &Geometry) -> Vec<Vec<usize>> {
    let mut all = Vec::new();
    let range = |sizes: [usize; 3]| {
        (0..sizes.iter().product()).map(move |i| [i / sizes[2] / sizes[1], i / sizes[2] % sizes[1], i % sizes[2]])
    };
    for o in range(g.output) {
        let mut own = Vec::new();
        for t in range(g.size) {
            let at: Vec<Option<usize>> = (0..3)
                .map(|i| (o[i] * g.strides[i] + t[i]).checked_sub(g.before[i]).filter(|p| *p < g.input[i]))
                .collect();
            if let [Some(d), Some(h), Some(w)] = at[..] {
                own.push((d * g.input[1] + h) * g.input[2] + w);
            }
        }
        all.push(own);
    }
    all
}

/// As `windows::run` has it, one number after another.
fn naive(f: WindowMap, g: &Geometry, images: usize, x: &[f32], v: &[f32]) -> Vec<f32> {
    let (input, output, c) = (g.input_len(), g.output_len(), g.channels);
    let mut y = vec![0.0; images * if f.back() { input } else { output }];
    for image in 0..images {
        for (p, places) in places(g).iter().enumerate() {
            for channel in 0..c {
                let at = |place: usize| image * input + place * c + channel;
                let own = image * output + p * c + channel;
                let first = || {
                    let better = |a: f32, b: f32| a > b || (a.is_nan() && !b.is_nan());
                    places.iter().copied().reduce(|best, p| if better(x[at(p)], x[at(best)]) { p } else { best })
                };
                match f {
                    WindowMap::Max => y[own] = x[at(first().unwrap())],
                    WindowMap::Select => y[own] = v[at(first().unwrap())],
                    WindowMap::Scatter => y[at(first().unwrap())] += v[own],
                    WindowMap::Sum { mean } => {
                        let sum = places.iter().fold(0.0, |s, p| s + x[at(*p)]);
                        y[own] = if mean { sum / places.len() as f32 } else { sum };
                    }
                    WindowMap::Spread { mean } => {
                        let d = if mean { x[own] / places.len() as f32 } else { x[own] };
                        places.iter().for_each(|p| y[at(*p)] += d);
                    }
                }
            }
        }
    }
    y
}

/// By tiles or straight to memory.
fn run(isa: Isa, f: WindowMap, g: &Geometry, images: usize, (x, v): (&[f32], &[f32]), by_tiles: bool) -> Vec<f32> {
    let mut y = vec![f32::NAN; images * if f.back() { g.input_len() } else { g.output_len() }];
    let mut scratch = vec![f32::NAN; windows::scratch_len(f, g)];
    let (to, c) = (y.as_mut_ptr(), g.channels);
    let mut done = |t: schuss_kernels::product::Tile| {
        for row in 0..t.rows {
            // SAFETY: a tile's numbers can be read, and lie within what is made.
            let from = unsafe { std::slice::from_raw_parts(t.ptr.add(row * t.stride), t.cols) };
            let at = (t.row + row) * c + t.col;
            y[at..at + t.cols].copy_from_slice(from);
        }
    };
    let mut target =
        if by_tiles { Target::Tiles(&mut done, Beside::default()) } else { Target::Store { to, stride: c } };
    // SAFETY: the arrays are as long as the geometry says.
    unsafe { windows::run(isa, f, g, 0..images, x.as_ptr(), v.as_ptr(), &mut scratch, &mut target) };
    y
}

fn bits(x: &[f32]) -> Vec<u32> {
    // All NaN are one.
    x.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}

#[test]
fn every_window_map_is_that_of_naive_loops() {
    for g in geometries() {
        windows::check(&g);
        for f in ALL {
            let images = 2;
            let spread = matches!(f, WindowMap::Spread { .. });
            let mut x = numbers(images * if spread { g.output_len() } else { g.input_len() }, 1);
            let v = numbers(images * if f == WindowMap::Scatter { g.output_len() } else { g.input_len() }, 2);
            for odd in [None, Some(f32::NAN), Some(f32::INFINITY), Some(f32::NEG_INFINITY)] {
                // Equal numbers side by side, and now and then one that is not finite.
                x.chunks_mut(7).for_each(|c| c[0] = odd.unwrap_or(0.25));
                for isa in Isa::all_available() {
                    for by_tiles in [false, true] {
                        let found = run(isa, f, &g, images, (&x, &v), by_tiles);
                        let wanted = naive(f, &g, images, &x, &v);
                        assert!(bits(&found) == bits(&wanted), "{f:?} of {g:?}, {isa:?}, {odd:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn samples_are_put_together() {
    // Of samples of 2 × 3 the last two columns, between zeros, beside samples of 1 × 4 taken as they are.
    let (a, b) = (numbers(12, 1), numbers(8, 2));
    let pieces = [
        Piece { from: 1, to: 1, axes: vec![(2, 3, 4)], width: 2 },
        Piece { from: 0, to: 8, axes: Vec::new(), width: 4 },
    ];
    assert_eq!(pieces[0].ends(), (6, 7));
    let mut y = vec![f32::NAN; 24];
    let sources = [(a.as_ptr(), 6), (b.as_ptr(), 4)];
    let mut target = Target::Store { to: y.as_mut_ptr(), stride: 4 };
    // SAFETY: pieces lie within the arrays.
    unsafe { copies::run(2, &|i| &pieces[i], &|i| sources[i], true, 0..2, (3, 4), &mut [], &mut target) };
    for (i, y) in y.chunks(12).enumerate() {
        let (a, b) = (&a[6 * i..], &b[4 * i..]);
        assert_eq!(y, [0.0, a[1], a[2], 0.0, 0.0, a[4], a[5], 0.0, b[0], b[1], b[2], b[3]]);
    }
}
