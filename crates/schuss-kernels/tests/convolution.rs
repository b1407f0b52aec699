//! Convolutions and their derivatives against naive sums in f64, on every instruction set of the machine.

use schuss_kernels::convolution::{
    Geometry, Method, Target, convolve, kernel_method, kernel_of, kernel_scratch_len, method, points,
    points_scratch_len, scratch_len, to_points, together,
};
use schuss_kernels::product::Factors::{self, Bf16, F32};
use schuss_kernels::product::{Beside, Tile};
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

/// The kernel at its points, where a method takes that; made panel by panel.
fn at_points(isa: Isa, factors: Factors, g: &Geometry, turned: bool, method: Method, w: &Buffer) -> Option<Buffer> {
    (method == Method::Winograd).then(|| {
        let [panels, len] = points(isa, factors, g, turned);
        let mut scratch = numbers(points_scratch_len(isa, factors, g, turned), 5);
        let mut to = numbers(panels * len, 8);
        for i in 0..panels {
            // SAFETY: there is room for so many panels, and the scratch is long enough.
            unsafe { to_points(isa, factors, g, turned, i..i + 1, w.as_ptr(), to.as_mut_ptr(), &mut scratch) };
        }
        to
    })
}

/// Images of inputs and outputs, the first of which is left out, and a kernel.
struct Images {
    g: Geometry,
    x: Buffer,
    y: Buffer,
    w: Buffer,
}

const IMAGES: usize = 3;

impl Images {
    /// Of the outputs one in `every` is not 0.
    fn new(g: Geometry, every: usize) -> Self {
        g.check();
        let mut y = numbers(IMAGES * g.output_len(), 2);
        y.iter_mut().enumerate().filter(|(i, _)| i * 7 % 11 % every > 0).for_each(|(_, y)| *y = 0.0);
        Images { g, x: numbers(IMAGES * g.input_len(), 1), y, w: numbers(g.kernel_rows() * g.outputs, 3) }
    }
    /// The same, each number rounded to bfloat16.
    fn rounded(&self) -> Self {
        let rounded = |x: &Buffer| {
            let mut y = Buffer::zeros(x.len());
            y.iter_mut().zip(x.iter()).for_each(|(y, x)| *y = schuss_kernels::math::bfloat16(*x));
            y
        };
        Images { g: self.g, x: rounded(&self.x), y: rounded(&self.y), w: rounded(&self.w) }
    }
    /// Outputs, inputs and the kernel as naive sums.
    fn naive(&self) -> [Vec<f64>; 3] {
        let (g, x, y, w) = (&self.g, &self.x, &self.y, &self.w);
        let (xs, ys) = (g.input_len(), g.output_len());
        let (mut outputs, mut inputs, mut kernel) =
            (vec![0.0; IMAGES * ys], vec![0.0; IMAGES * xs], vec![0.0; w.len()]);
        for image in 1..IMAGES {
            each_product(g, |i, k, o| {
                let (i, o) = (image * xs + i, image * ys + o);
                outputs[o] += f64::from(x[i]) * f64::from(w[k]);
                inputs[i] += f64::from(y[o]) * f64::from(w[k]);
                kernel[k] += f64::from(x[i]) * f64::from(y[o]);
            });
        }
        [outputs, inputs, kernel]
    }
    /// The outputs or, if turned, the inputs; stored, and handed on in tiles.
    fn convolved(&self, isa: Isa, factors: Factors, turned: bool, method: Method) -> Vec<f32> {
        let g = &self.g;
        let (from, channels, len) =
            if turned { (&self.y, g.channels, self.x.len()) } else { (&self.x, g.outputs, self.y.len()) };
        let mut scratch = numbers(scratch_len(isa, factors, g, turned, method), 4);
        let (mut stored, mut tiles) = (vec![0.0; len], vec![0.0; len]);
        let points = at_points(isa, factors, g, turned, method, &self.w);
        let (from, w) = (from.as_ptr(), points.as_ref().unwrap_or(&self.w).as_ptr());
        // SAFETY: the buffers hold three images; the first one is left out.
        unsafe {
            let mut target = Target::Store { to: stored.as_mut_ptr(), stride: channels };
            convolve(isa, factors, g, turned, 1..IMAGES, from, w, method, &mut scratch, &mut target);
            let mut done = |t: Tile| {
                for row in 0..t.rows {
                    for col in 0..t.cols {
                        tiles[(t.row + row) * channels + t.col + col] += *t.ptr.add(row * t.stride + col);
                    }
                }
            };
            let mut target = Target::Tiles(&mut done, Beside::default());
            convolve(isa, factors, g, turned, 1..IMAGES, from, w, method, &mut scratch, &mut target);
        }
        assert!(stored == tiles, "{} {g:?} turned {turned}: in tiles it is something else", isa.name());
        stored
    }
    /// The kernel's derivative, as a whole and, where images are not summed together, in parts.
    fn kernel(&self, isa: Isa, factors: Factors, method: Method) -> Vec<f32> {
        let g = &self.g;
        let apart = method != Method::Winograd || together(g) == 1;
        let mut scratch = numbers(kernel_scratch_len(isa, factors, g, method), 4);
        let (mut whole, mut parts) = (numbers(self.w.len(), 6), numbers(self.w.len(), 7));
        // SAFETY: as above.
        unsafe {
            let (x, y) = (self.x.as_ptr(), self.y.as_ptr());
            kernel_of(isa, factors, g, 1..IMAGES, x, y, whole.as_mut_ptr(), false, method, &mut scratch);
            kernel_of(isa, factors, g, 1..2, x, y, parts.as_mut_ptr(), false, method, &mut scratch);
            kernel_of(isa, factors, g, 2..IMAGES, x, y, parts.as_mut_ptr(), true, method, &mut scratch);
        }
        assert!(!apart || whole[..] == parts[..], "{} {g:?}: the kernel in parts is another", isa.name());
        whole.to_vec()
    }
}

#[test]
fn all_agree_with_naive_sums() {
    for isa in Isa::all_available() {
        for g in cases() {
            let images = Images::new(g, 1);
            let [outputs, inputs, kernel] = images.naive();
            let what = format!("{} {g:?}", isa.name());
            close(&format!("{what} outputs"), &images.convolved(isa, F32, false, Method::Look), &outputs);
            close(&format!("{what} inputs"), &images.convolved(isa, F32, true, Method::Look), &inputs);
            close(&format!("{what} kernel"), &images.kernel(isa, F32, Method::Look), &kernel);
        }
    }
}

/// Windows and channels enough that leaving products out pays, and all that may be odd about it.
fn with_zeros() -> Vec<Geometry> {
    let g = geometry;
    let wide = [(64, 96), (32, 64), (150, 40), (208, 33), (3, 64), (16, 16)];
    let wide = wide.map(|(channels, outputs)| padded(g([1, 9, 8], channels, outputs, [1, 3, 3]), [0, 1, 1], [1, 9, 8]));
    let more = [
        g([1, 11, 12], 3, 40, [1, 5, 5]),
        g([2, 7, 150], 5, 9, [2, 4, 3]),
        Geometry { strides: [1, 2, 2], output: [1, 4, 4], ..g([1, 9, 9], 20, 30, [1, 3, 3]) },
        Geometry { dilation: [1, 2, 1], output: [1, 5, 7], ..g([1, 9, 9], 20, 30, [1, 3, 3]) },
    ];
    cases().into_iter().chain(wide).chain(more).collect()
}

/// Bits, where both zeros are one.
fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| (x + 0.0).to_bits()).collect()
}

#[test]
fn products_with_zeros_may_be_left_out() {
    for isa in Isa::all_available() {
        for g in with_zeros() {
            for every in [1, 4, 11] {
                let images = Images::new(g, every);
                let what = format!("{} {g:?}, one in {every}", isa.name());
                let inputs = images.convolved(isa, F32, true, Method::Plain);
                let kernel = images.kernel(isa, F32, Method::Plain);
                if every == 4 {
                    let [_, naive_inputs, naive_kernel] = images.naive();
                    close(&what, &inputs, &naive_inputs);
                    close(&what, &kernel, &naive_kernel);
                }
                for method in [Method::Sparse, Method::Look] {
                    assert!(
                        bits(&images.convolved(isa, F32, true, method)) == bits(&inputs),
                        "{what}, {method:?}: inputs"
                    );
                    assert!(bits(&images.kernel(isa, F32, method)) == bits(&kernel), "{what}, {method:?}: kernel");
                }
            }
        }
    }
}

/// Pictures of 3 × 3 windows: sides that tiles fit and leave over, channels on both sides of registers and panels, all
/// paddings there are, and more tiles than are taken together.
fn windows_of_three() -> Vec<Geometry> {
    let sides =
        [(8, 8, 16, 16), (9, 6, 17, 33), (4, 13, 40, 8), (5, 5, 9, 70), (30, 17, 8, 20), (1, 2, 3, 5), (3, 4, 1, 1)];
    let same = |(height, width, channels, outputs): (usize, usize, usize, usize)| {
        let g = geometry([1, height.max(3), width.max(3)], channels, outputs, [1, 3, 3]);
        padded(Geometry { input: [1, height, width], ..g }, [0, 1, 1], [1, height, width])
    };
    let all = |before: [usize; 2], behind: [usize; 2]| {
        let output = [1, 7 + before[0] + behind[0] - 2, 10 + before[1] + behind[1] - 2];
        padded(geometry([1, 7, 10], 12, 18, [1, 3, 3]), [0, before[0], before[1]], output)
    };
    let paddings = [all([0, 0], [0, 0]), all([2, 2], [0, 0]), all([0, 1], [2, 1]), all([2, 2], [2, 2])];
    // Inputs in the last lines that no window sees.
    let unseen = padded(geometry([1, 9, 9], 10, 10, [1, 3, 3]), [0; 3], [1, 5, 6]);
    sides.into_iter().map(same).chain(paddings).chain([unseen]).collect()
}

#[test]
fn a_quarter_of_the_products_is_enough() {
    for isa in Isa::all_available() {
        for g in windows_of_three() {
            let images = Images::new(g, 1);
            let [outputs, inputs, kernel] = images.naive();
            let what = format!("{} {g:?}", isa.name());
            close(&format!("{what} outputs"), &images.convolved(isa, F32, false, Method::Winograd), &outputs);
            close(&format!("{what} inputs"), &images.convolved(isa, F32, true, Method::Winograd), &inputs);
            close(&format!("{what} kernel"), &images.kernel(isa, F32, Method::Winograd), &kernel);
        }
    }
}

/// Panels of a kernel that is too wide to stay near come back from their points some at a time; tiles of an image that has
/// more than fit are summed in groups before that.
#[test]
fn wide_kernels_and_large_images_are_taken_in_parts() {
    for (height, width, channels, outputs) in [(4, 3, 90, 100), (36, 16, 40, 40)] {
        let g = geometry([1, height, width], channels, outputs, [1, 3, 3]);
        let images = Images::new(padded(g, [0, 1, 1], [1, height, width]), 1);
        let [_, _, kernel] = images.naive();
        for isa in Isa::all_available() {
            close(isa.name(), &images.kernel(isa, F32, Method::Winograd), &kernel);
        }
    }
}

/// Where a call begins and ends changes no bit, as long as it parts no images that are summed together.
#[test]
fn images_are_summed_in_groups_that_do_not_depend_on_the_call() {
    let g = padded(geometry([1, 8, 8], 20, 24, [1, 3, 3]), [0, 1, 1], [1, 8, 8]);
    let group = together(&g);
    assert!(group > 1, "one image alone is enough: {group}");
    let (isa, all) = (Isa::detect(), 3 * group + 1);
    let (x, y) = (numbers(all * g.input_len(), 1), numbers(all * g.output_len(), 2));
    let mut scratch = numbers(kernel_scratch_len(isa, F32, &g, Method::Winograd), 4);
    let mut sum = |borders: &[usize]| {
        let mut w = numbers(g.kernel_rows() * g.outputs, 3);
        for (i, call) in borders.windows(2).enumerate() {
            let (x, y, w) = (x.as_ptr(), y.as_ptr(), w.as_mut_ptr());
            // SAFETY: the buffers hold so many images.
            unsafe { kernel_of(isa, F32, &g, call[0]..call[1], x, y, w, i > 0, Method::Winograd, &mut scratch) };
        }
        w.to_vec()
    };
    let whole = sum(&[1, all]);
    assert!(whole == sum(&[1, group, 3 * group, all]));
    assert!(whole != sum(&[1, group + 1, all]), "it does not matter how images are grouped");
}

/// The products that are left out cost about a bit: the error stays near that of the plain sum.
#[test]
fn a_quarter_of_the_products_loses_a_bit() {
    let isa = Isa::detect();
    let error = |found: &[f32], want: &[f64]| {
        let squares: f64 = found.iter().zip(want).map(|(f, w)| (f64::from(*f) - w).powi(2)).sum();
        (squares / want.len() as f64).sqrt()
    };
    // Tiles of four outputs, of three, of both.
    for side in [16, 9, 7] {
        let g = padded(geometry([1, side, side], 64, 64, [1, 3, 3]), [0, 1, 1], [1, side, side]);
        assert!(
            [method(isa, F32, &g, false, 1.0), method(isa, F32, &g, true, 1.0), kernel_method(isa, F32, &g, 8, 1.0)]
                == [Method::Winograd; 3]
        );
        let images = Images::new(g, 1);
        let naive = images.naive();
        let errors = |method| {
            let found = [
                images.convolved(isa, F32, false, method),
                images.convolved(isa, F32, true, method),
                images.kernel(isa, F32, method),
            ];
            std::array::from_fn::<f64, 3, _>(|i| error(&found[i], &naive[i]))
        };
        let (plain, fewer) = (errors(Method::Plain), errors(Method::Winograd));
        for (what, (plain, fewer)) in ["outputs", "inputs", "kernel"].iter().zip(plain.into_iter().zip(fewer)) {
            println!("{side}² {what}: {:.2}", fewer / plain);
            assert!(fewer < 3.0 * plain, "{side}² {what}: {fewer:.2e} where the plain sum has {plain:.2e}");
        }
    }
}

/// Factors are rounded and nothing else: sums are those of the rounded numbers, whatever multiplies. Where that is f32, bit
/// for bit.
#[test]
fn factors_are_rounded_on_the_way() {
    let all: Vec<Geometry> = with_zeros().into_iter().chain(windows_of_three()).collect();
    for isa in Isa::all_available() {
        for g in &all {
            let images = Images::new(*g, 4);
            let rounded = images.rounded();
            let [outputs, inputs, kernel] = rounded.naive();
            let tiled = windows_of_three().contains(g).then_some(Method::Winograd);
            for method in [Method::Plain, Method::Look, Method::Sparse].into_iter().chain(tiled) {
                let what = format!("{} {g:?} {method:?}", isa.name());
                let found = [
                    images.convolved(isa, Bf16, false, method),
                    images.convolved(isa, Bf16, true, method),
                    images.kernel(isa, Bf16, method),
                ];
                close(&format!("{what} outputs"), &found[0], &outputs);
                close(&format!("{what} inputs"), &found[1], &inputs);
                close(&format!("{what} kernel"), &found[2], &kernel);
                if isa.name() != "avx512" || matches!(method, Method::Sparse | Method::Winograd) {
                    let plain = [
                        rounded.convolved(isa, F32, false, method),
                        rounded.convolved(isa, F32, true, method),
                        rounded.kernel(isa, F32, method),
                    ];
                    assert!(
                        found.iter().zip(&plain).all(|(x, y)| bits(x) == bits(y)),
                        "{what}: not f32 of rounded numbers"
                    );
                }
            }
        }
    }
}

/// The choices that were measured (`examples/convolution_rates.rs`), with a margin on both sides of each border.
#[test]
fn the_method_that_was_fastest_is_chosen() {
    let square = |side: usize, channels, outputs, size: usize| {
        let g = geometry([1, side, side], channels, outputs, [1, size, size]);
        padded(g, [0, size / 2, size / 2], [1, side, side])
    };
    let (isa, winograd, look) = (Isa::Portable, Method::Winograd, Method::Look);
    // Of few channels and of other windows than 3 × 3 all products are taken.
    for (side, channels, outputs, size) in [(32, 3, 64, 3), (28, 1, 32, 3), (14, 32, 64, 5), (16, 64, 64, 1)] {
        let g = square(side, channels, outputs, size);
        let all =
            [method(isa, F32, &g, false, 1.0), method(isa, F32, &g, true, 1.0), kernel_method(isa, F32, &g, 8, 1.0)];
        assert_eq!(all, [look; 3], "{g:?}");
    }
    for (side, channels) in [(32, 16), (16, 32), (8, 64), (15, 256)] {
        let g = square(side, channels, channels, 3);
        let all =
            [method(isa, F32, &g, false, 1.0), method(isa, F32, &g, true, 1.0), kernel_method(isa, F32, &g, 8, 1.0)];
        assert_eq!(all, [winograd; 3], "{g:?}");
        // Where one number of ten is something, nine are sooner left out; of three, two are not.
        let some = |nonzero| [method(isa, F32, &g, true, nonzero), kernel_method(isa, F32, &g, 8, nonzero)];
        assert_eq!([some(0.1), some(0.3)], [[look; 2], [winograd; 2]], "{g:?}");
    }
    let small = square(32, 16, 16, 3);
    assert_eq!([0.2, 0.27].map(|nonzero| method(isa, F32, &small, true, nonzero)), [look, winograd]);
    // The sums of a large kernel come from far away for every number.
    assert_eq!(kernel_method(isa, F32, &square(7, 256, 256, 3), 8, 0.15), winograd);
    // Small images pay for the inputs, and for the kernel if there are several.
    let tiny = square(3, 256, 256, 3);
    assert_eq!(method(isa, F32, &tiny, true, 1.0), winograd);
    assert_eq!([1, 8].map(|images| kernel_method(isa, F32, &tiny, images, 1.0)), [look, winograd]);
    // Tiles that hang over do not.
    let one = Geometry { input: [1; 3], ..geometry([1, 3, 3], 256, 256, [1, 3, 3]) };
    assert_eq!(method(isa, F32, &padded(one, [0, 1, 1], [1; 3]), false, 1.0), look);
    // A unit for bfloat16 takes all products where leaving some out gains less; without one it is as in f32.
    let rounded = method(Isa::detect(), Bf16, &square(14, 32, 64, 5), false, 1.0);
    assert!([Method::Plain, look].contains(&rounded), "{rounded:?}");
    assert_eq!(method(isa, Bf16, &square(32, 16, 16, 3), false, 1.0), winograd);
}

#[test]
#[should_panic(expected = "windows leave the padded input")]
fn a_window_that_leaves_its_input_is_refused() {
    Geometry { output: [1, 9, 3], ..geometry([1, 5, 5], 1, 1, [1, 3, 3]) }.check();
}

#[test]
#[should_panic(expected = "no plain windows of 3 × 3")]
fn a_method_that_a_convolution_does_not_bear_is_refused() {
    Method::Winograd.check(&Geometry { strides: [1, 2, 2], output: [1, 2, 2], ..geometry([1, 5, 5], 8, 8, [1, 3, 3]) });
}
