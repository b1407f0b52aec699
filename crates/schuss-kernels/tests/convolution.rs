//! Convolutions and their derivatives against naive sums in f64, on every instruction set of the machine.

use schuss_kernels::convolution::{Geometry, Target, convolve, kernel_of, kernel_scratch_len, scratch_len};
use schuss_kernels::product::Tile;
use schuss_kernels::random::fill_uniform;
use schuss_kernels::{Buffer, Isa};

fn numbers(n: usize, stream: u64) -> Buffer {
    let mut all = Buffer::zeros(n);
    fill_uniform(Isa::Portable, [5, 5], stream, 0, &mut all);
    all.iter_mut().for_each(|x| *x -= 0.5);
    all
}

/// Calls f with the places in x, w and y of each product of one image.
fn each_product(g: &Geometry, mut f: impl FnMut(usize, usize, usize)) {
    let places = |sizes: [usize; 3]| {
        let [a, b, c] = sizes;
        (0..a * b * c).map(move |i| [i / c / b, i / c % b, i % c])
    };
    let (ins, outs) = (g.channels / g.groups, g.outputs / g.groups);
    for (p, out) in places(g.output).enumerate() {
        for (t, tap) in places(g.size).enumerate() {
            let at: Option<Vec<usize>> = (0..3)
                .map(|i| (out[i] * g.strides[i] + tap[i] * g.dilation[i]).checked_sub(g.before[i]))
                .zip(g.input)
                .map(|(at, n)| at.filter(|at| *at < n))
                .collect();
            let Some(at) = at else { continue };
            let place = (at[0] * g.input[1] + at[1]) * g.input[2] + at[2];
            for n in 0..g.outputs {
                for c in 0..ins {
                    let x = place * g.channels + n / outs * ins + c;
                    f(x, (t * ins + c) * g.outputs + n, p * g.outputs + n);
                }
            }
        }
    }
}

fn geometry(input: [usize; 3], channels: usize, outputs: usize, size: [usize; 3]) -> Geometry {
    Geometry {
        input,
        channels,
        output: std::array::from_fn(|i| input[i] + 1 - size[i]),
        outputs,
        size,
        strides: [1; 3],
        dilation: [1; 3],
        before: [0; 3],
        groups: 1,
    }
}

/// The same with so much padding in front, and as many outputs as these.
fn padded(g: Geometry, before: [usize; 3], output: [usize; 3]) -> Geometry {
    Geometry { before, output, ..g }
}

fn cases() -> Vec<Geometry> {
    let g = geometry;
    vec![
        // Lines longer than what is handed on at once, and than a strip.
        g([1, 2, 62], 3, 5, [1, 1, 3]),
        g([1, 3, 133], 1, 17, [1, 2, 2]),
        padded(g([1, 4, 57], 2, 33, [1, 3, 3]), [0, 1, 1], [1, 4, 57]),
        // Channels and outputs on both sides of one and two registers.
        padded(g([1, 5, 6], 16, 16, [1, 3, 3]), [0, 1, 1], [1, 5, 6]),
        padded(g([1, 7, 5], 31, 47, [1, 3, 3]), [0, 1, 1], [1, 7, 5]),
        g([1, 4, 4], 70, 66, [1, 1, 1]),
        // Padding in front only, behind only; outputs that leave a part of the input unseen.
        padded(g([1, 5, 5], 3, 4, [1, 3, 3]), [0, 2, 2], [1, 5, 5]),
        padded(g([1, 5, 5], 3, 4, [1, 3, 3]), [0, 0, 0], [1, 4, 5]),
        g([1, 6, 7], 2, 3, [1, 2, 2]),
        // Steps, also wider than the window; dilation; three axes.
        Geometry { strides: [1, 2, 2], output: [1, 3, 4], ..padded(g([1, 6, 7], 5, 18, [1, 3, 3]), [0, 0, 1], [1; 3]) },
        Geometry { strides: [1, 3, 4], output: [1, 2, 2], ..g([1, 6, 7], 3, 4, [1, 2, 3]) },
        Geometry { strides: [1, 2, 2], output: [1, 3, 4], ..g([1, 6, 7], 8, 20, [1, 1, 1]) },
        Geometry { dilation: [1, 2, 3], output: [1, 4, 3], ..g([1, 8, 9], 4, 6, [1, 3, 3]) },
        Geometry { dilation: [1, 2, 1], strides: [1, 2, 3], output: [1, 2, 3], ..g([1, 8, 9], 4, 6, [1, 3, 3]) },
        Geometry { strides: [2, 1, 2], output: [2, 2, 2], ..padded(g([3, 2, 4], 3, 9, [2, 2, 2]), [1, 1, 0], [1; 3]) },
        // Groups, and every channel by itself.
        Geometry { groups: 2, ..padded(g([1, 5, 6], 6, 34, [1, 3, 3]), [0, 1, 1], [1, 5, 6]) },
        Geometry { groups: 3, strides: [1, 2, 1], output: [1, 3, 5], ..g([1, 6, 6], 6, 9, [1, 2, 2]) },
        Geometry { groups: 4, ..g([1, 5, 4], 4, 8, [1, 2, 2]) },
        Geometry { groups: 37, ..padded(g([1, 6, 11], 37, 37, [1, 3, 3]), [0, 1, 1], [1, 6, 11]) },
        Geometry { groups: 5, strides: [1, 2, 2], output: [1, 3, 3], ..g([1, 7, 7], 5, 5, [1, 3, 3]) },
        Geometry { groups: 18, ..g([1, 2, 70], 18, 18, [1, 1, 6]) },
    ]
}

/// Sums of up to a thousand products below 1/4.
fn close(what: &str, found: &[f32], want: &[f64]) {
    for (i, (found, want)) in found.iter().zip(want).enumerate() {
        assert!((f64::from(*found) - want).abs() < 1e-5, "{what}: number {i} is {found} instead of {want}");
    }
}

#[test]
fn all_agree_with_naive_sums() {
    const IMAGES: usize = 3;
    for isa in Isa::all_available() {
        for g in cases() {
            g.check();
            let (xs, ys) = (g.input_len(), g.output_len());
            let (x, y, w) = (numbers(IMAGES * xs, 1), numbers(IMAGES * ys, 2), numbers(g.kernel_rows() * g.outputs, 3));
            let (mut outputs, mut inputs, mut kernel) =
                (vec![0.0; IMAGES * ys], vec![0.0; IMAGES * xs], vec![0.0; w.len()]);
            for image in 1..IMAGES {
                each_product(&g, |i, k, o| {
                    let (i, o) = (image * xs + i, image * ys + o);
                    outputs[o] += f64::from(x[i]) * f64::from(w[k]);
                    inputs[i] += f64::from(y[o]) * f64::from(w[k]);
                    kernel[k] += f64::from(x[i]) * f64::from(y[o]);
                });
            }
            let what = format!("{} {g:?}", isa.name());
            for turned in [false, true] {
                let (from, channels, want) = if turned { (&y, g.channels, &inputs) } else { (&x, g.outputs, &outputs) };
                let mut scratch = numbers(scratch_len(isa, &g, turned), 4);
                let (mut stored, mut tiles) = (vec![0.0; want.len()], vec![0.0; want.len()]);
                // SAFETY: the buffers hold three images; the first one is left out.
                unsafe {
                    let mut target = Target::Store { to: stored.as_mut_ptr(), stride: channels };
                    convolve(isa, &g, turned, 1..IMAGES, from.as_ptr(), w.as_ptr(), &mut scratch, &mut target);
                    let mut done = |t: Tile| {
                        for row in 0..t.rows {
                            for col in 0..t.cols {
                                tiles[(t.row + row) * channels + t.col + col] += *t.ptr.add(row * t.stride + col);
                            }
                        }
                    };
                    let mut target = Target::Tiles(&mut done);
                    convolve(isa, &g, turned, 1..IMAGES, from.as_ptr(), w.as_ptr(), &mut scratch, &mut target);
                }
                close(&format!("{what} turned {turned}"), &stored, want);
                assert!(stored == tiles, "{what} turned {turned}: handed on in tiles it is something else");
            }
            let mut scratch = numbers(kernel_scratch_len(isa, &g), 4);
            let (mut whole, mut parts) = (numbers(w.len(), 6), numbers(w.len(), 7));
            // SAFETY: as above.
            unsafe {
                let (x, y) = (x.as_ptr(), y.as_ptr());
                kernel_of(isa, &g, 1..IMAGES, x, y, whole.as_mut_ptr(), false, &mut scratch);
                kernel_of(isa, &g, 1..2, x, y, parts.as_mut_ptr(), false, &mut scratch);
                kernel_of(isa, &g, 2..IMAGES, x, y, parts.as_mut_ptr(), true, &mut scratch);
            }
            close(&format!("{what} kernel"), &whole, &kernel);
            assert!(whole[..] == parts[..], "{what}: the kernel in parts is another");
        }
    }
}

#[test]
#[should_panic(expected = "windows leave the padded input")]
fn a_window_that_leaves_its_input_is_refused() {
    Geometry { output: [1, 9, 3], ..geometry([1, 5, 5], 1, 1, [1, 3, 3]) }.check();
}
