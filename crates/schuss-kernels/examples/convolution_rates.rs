//! How fast convolutions run on one thread: `cargo run --release -p schuss-kernels --example convolution_rates [word]`.
//!
//! Each line: a layer of a known network, and GFLOP/s of the outputs, of the derivative by the inputs and of the
//! derivative by the kernel, counting what the definition counts (products with padding too), the fastest of some runs over
//! 64 images: all products in f32; by Winograd's, where a plan may take them; all products of factors that are rounded to
//! bfloat16. The last two columns: derivatives three quarters of which are 0, as behind a pooling, whose products are left
//! out.

use schuss_kernels::convolution::{
    Geometry, Method, Target, convolve, kernel_method, kernel_of, kernel_scratch_len, method, points, scratch_len,
    to_points,
};
use schuss_kernels::product::Factors;
use schuss_kernels::{Buffer, Isa};
use std::time::Instant;

const IMAGES: usize = 64;

fn geometry(side: usize, channels: usize, outputs: usize, size: usize, stride: usize, same: bool) -> Geometry {
    let out = if same { side.div_ceil(stride) } else { (side - size) / stride + 1 };
    let padding = if same { ((out - 1) * stride + size).saturating_sub(side) } else { 0 };
    Geometry {
        input: [1, side, side],
        channels,
        output: [1, out, out],
        outputs,
        size: [1, size, size],
        strides: [1, stride, stride],
        dilation: [1; 3],
        before: [0, padding / 2, padding / 2],
        groups: 1,
    }
}

fn main() {
    let isa = Isa::detect();
    println!("{}, one thread, GFLOP/s", isa.name());
    println!(
        "{:<34} {:>14} {:>14} {:>14} {:>12} {:>12}",
        "layer", "outputs", "inputs", "kernel", "inputs, 1/4", "kernel, 1/4"
    );
    let layers = [
        ("convnet 1: 28² 1→32 3×3", geometry(28, 1, 32, 3, 1, false)),
        ("convnet 2: 13² 32→64 3×3", geometry(13, 32, 64, 3, 1, false)),
        ("2c2d 2: 14² 32→64 5×5 same", geometry(14, 32, 64, 5, 1, true)),
        ("3c3d 1: 32² 3→64 5×5", geometry(32, 3, 64, 5, 1, false)),
        ("3c3d 2: 14² 64→96 3×3", geometry(14, 64, 96, 3, 1, false)),
        ("3c3d 3: 6² 96→128 3×3 same", geometry(6, 96, 128, 3, 1, true)),
        ("resnet 1: 32² 16→16 3×3 same", geometry(32, 16, 16, 3, 1, true)),
        ("resnet 2: 32² 16→32 3×3 /2", geometry(32, 16, 32, 3, 2, true)),
        ("resnet 2: 16² 32→32 3×3 same", geometry(16, 32, 32, 3, 1, true)),
        ("resnet 3: 8² 64→64 3×3 same", geometry(8, 64, 64, 3, 1, true)),
        ("airbench: 15² 64→256 3×3 same", geometry(15, 64, 256, 3, 1, true)),
        ("airbench: 7² 256→256 3×3 same", geometry(7, 256, 256, 3, 1, true)),
        ("airbench: 31² 24→64 3×3 same", geometry(31, 24, 64, 3, 1, true)),
        ("airbench: 3² 256→256 3×3 same", geometry(3, 256, 256, 3, 1, true)),
        ("mobilenet: 16² 64→64 1×1", geometry(16, 64, 64, 1, 1, true)),
        ("mobilenet: 16² 64 apart 3×3", Geometry { groups: 64, ..geometry(16, 64, 64, 3, 1, true) }),
    ];
    let word = std::env::args().nth(1).unwrap_or_default();
    for (name, g) in layers.into_iter().filter(|(name, _)| name.contains(&word)) {
        let flop = 2.0 * (g.output_places() * g.kernel_rows() * g.outputs) as f64;
        let flop = flop * IMAGES as f64;
        let fill = |n: usize| {
            let mut b = Buffer::zeros(n);
            b.iter_mut().enumerate().for_each(|(i, x)| *x = (i % 17) as f32 / 17.0 - 0.4);
            b
        };
        let rates = |methods: &[(Factors, Method)], f: &mut dyn FnMut(Factors, Method)| {
            let mut one = |(factors, method)| {
                let mut fastest = f64::INFINITY;
                for _ in 0..25 {
                    let start = Instant::now();
                    f(factors, method);
                    fastest = fastest.min(start.elapsed().as_secs_f64());
                }
                format!("{:.0}", flop / fastest / 1e9)
            };
            methods.iter().map(|method| one(*method)).collect::<Vec<_>>().join(", ")
        };
        let sparse = [(Factors::F32, Method::Sparse)];
        let methods = |chosen: Method| {
            let all = [(Factors::F32, Method::Plain), (Factors::F32, chosen), (Factors::Bf16, Method::Plain)];
            all.into_iter().filter(|(_, m)| matches!(m, Method::Plain | Method::Winograd)).collect::<Vec<_>>()
        };
        let convolved = |turned: bool, methods: &[(Factors, Method)]| {
            let (mut from, to) = match turned {
                false => (fill(IMAGES * g.input_len()), fill(IMAGES * g.output_len())),
                true => (fill(IMAGES * g.output_len()), fill(IMAGES * g.input_len())),
            };
            if methods == sparse {
                pooled(&g, &mut from);
            }
            let (w, mut to, stride) =
                (fill(g.kernel_rows() * g.outputs), to, if turned { g.channels } else { g.outputs });
            let len = |(factors, method): &(Factors, Method)| scratch_len(isa, *factors, &g, turned, *method);
            let mut scratch = Buffer::zeros(methods.iter().map(len).max().unwrap_or(0));
            rates(methods, &mut |factors, method| {
                let points = if method == Method::Winograd { points(isa, factors, &g, turned) } else { [0, 0] };
                let mut own = Buffer::zeros(points[0] * points[1]);
                let w = if own.is_empty() {
                    w.as_ptr()
                } else {
                    let (w, to) = (w.as_ptr(), own.as_mut_ptr());
                    // SAFETY: there is room for all panels; the scratch is longer than that.
                    unsafe { to_points(isa, factors, &g, turned, 0..points[0], w, to, &mut scratch) };
                    own.as_ptr()
                };
                let mut target = Target::Store { to: to.as_mut_ptr(), stride };
                // SAFETY: the buffers hold so many images, and the scratch is long enough.
                unsafe {
                    convolve(isa, factors, &g, turned, 0..IMAGES, from.as_ptr(), w, method, &mut scratch, &mut target);
                }
            })
        };
        let (x, mut y) = (fill(IMAGES * g.input_len()), fill(IMAGES * g.output_len()));
        let mut w = fill(g.kernel_rows() * g.outputs);
        let mut kernel = |methods: &[(Factors, Method)], y: &Buffer| {
            let len = |(factors, method): &(Factors, Method)| kernel_scratch_len(isa, *factors, &g, *method);
            let mut scratch = Buffer::zeros(methods.iter().map(len).max().unwrap_or(0));
            rates(methods, &mut |factors, method| {
                let (x, y, w) = (x.as_ptr(), y.as_ptr(), w.as_mut_ptr());
                // As in a plan, some images at a time.
                for images in [0..IMAGES / 2, IMAGES / 2..IMAGES] {
                    let add = images.start > 0;
                    // SAFETY: as above.
                    unsafe { kernel_of(isa, factors, &g, images, x, y, w, add, method, &mut scratch) };
                }
            })
        };
        let dense = kernel(&methods(kernel_method(isa, Factors::F32, &g, IMAGES, 1.0)), &y);
        pooled(&g, &mut y);
        let sparse_kernel = kernel(&sparse, &y);
        let [outputs, inputs] =
            [false, true].map(|turned| convolved(turned, &methods(method(isa, Factors::F32, &g, turned, 1.0))));
        let sparse_inputs = convolved(true, &sparse);
        println!("{name:<34} {outputs:>14} {inputs:>14} {dense:>14} {sparse_inputs:>12} {sparse_kernel:>12}");
    }
}

/// Leaves one number in each square of four, as behind a pooling.
fn pooled(g: &Geometry, y: &mut [f32]) {
    for (place, numbers) in y.chunks_mut(g.outputs).enumerate() {
        let (line, column) = (place / g.output[2] % g.output[1], place % g.output[2]);
        let square = line / 2 * g.output[2] + column / 2;
        for (channel, x) in numbers.iter_mut().enumerate() {
            let winner = (square * 7 + channel * 13) / 3 % 4;
            if winner != line % 2 * 2 + column % 2 {
                *x = 0.0;
            }
        }
    }
}
