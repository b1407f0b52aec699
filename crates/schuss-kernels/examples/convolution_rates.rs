//! How fast convolutions run on one thread: `cargo run --release -p schuss-kernels --example convolution_rates`.
//!
//! Each line: a layer of a known network, and GFLOP/s of the outputs, of the derivative by the inputs and of the
//! derivative by the kernel, counting what the definition counts (products with padding too), the fastest of some runs over eight images; behind the
//! comma by Winograd's products, where a plan may take them. The last two columns: derivatives three quarters of which are
//! 0, as behind a pooling, whose products are left out.

use schuss_kernels::convolution::{
    Geometry, Method, Target, convolve, kernel_of, kernel_scratch_len, scratch_len, suits_winograd,
    suits_winograd_kernel,
};
use schuss_kernels::{Buffer, Isa};
use std::time::Instant;

const IMAGES: usize = 8;

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
        "{:<34} {:>12} {:>12} {:>12} {:>12} {:>12}",
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
        ("mobilenet: 16² 64→64 1×1", geometry(16, 64, 64, 1, 1, true)),
        ("mobilenet: 16² 64 apart 3×3", Geometry { groups: 64, ..geometry(16, 64, 64, 3, 1, true) }),
    ];
    for (name, g) in layers {
        let flop = 2.0 * (g.output_places() * g.kernel_rows() * g.outputs) as f64;
        let flop = flop * IMAGES as f64;
        let fill = |n: usize| {
            let mut b = Buffer::zeros(n);
            b.iter_mut().enumerate().for_each(|(i, x)| *x = (i % 17) as f32 / 17.0 - 0.4);
            b
        };
        let rates = |methods: &[Method], f: &mut dyn FnMut(Method)| {
            let mut one = |method| {
                let mut fastest = f64::INFINITY;
                for _ in 0..25 {
                    let start = Instant::now();
                    f(method);
                    fastest = fastest.min(start.elapsed().as_secs_f64());
                }
                format!("{:.0}", flop / fastest / 1e9)
            };
            methods.iter().map(|method| one(*method)).collect::<Vec<_>>().join(", ")
        };
        let methods = |suits: bool| if suits { &[Method::Plain, Method::Winograd][..] } else { &[Method::Plain] };
        let convolved = |turned: bool, methods: &[Method]| {
            let (mut from, to) = match turned {
                false => (fill(IMAGES * g.input_len()), fill(IMAGES * g.output_len())),
                true => (fill(IMAGES * g.output_len()), fill(IMAGES * g.input_len())),
            };
            if methods == [Method::Sparse] {
                pooled(&g, &mut from);
            }
            let (w, mut to, stride) =
                (fill(g.kernel_rows() * g.outputs), to, if turned { g.channels } else { g.outputs });
            rates(methods, &mut |method| {
                let mut scratch = Buffer::zeros(scratch_len(isa, &g, turned, method));
                let mut target = Target::Store { to: to.as_mut_ptr(), stride };
                // SAFETY: the buffers hold so many images, and the scratch is long enough.
                unsafe {
                    convolve(isa, &g, turned, 0..IMAGES, from.as_ptr(), w.as_ptr(), method, &mut scratch, &mut target);
                }
            })
        };
        let (x, mut y) = (fill(IMAGES * g.input_len()), fill(IMAGES * g.output_len()));
        let mut w = fill(g.kernel_rows() * g.outputs);
        let mut kernel = |methods: &[Method], y: &Buffer| {
            rates(methods, &mut |method| {
                let mut scratch = Buffer::zeros(kernel_scratch_len(isa, &g, method));
                let (x, y, w) = (x.as_ptr(), y.as_ptr(), w.as_mut_ptr());
                // As in a plan, some images at a time.
                for images in [0..IMAGES / 2, IMAGES / 2..IMAGES] {
                    let add = images.start > 0;
                    // SAFETY: as above.
                    unsafe { kernel_of(isa, &g, images, x, y, w, add, method, &mut scratch) };
                }
            })
        };
        let dense = kernel(methods(suits_winograd_kernel(&g, IMAGES, 1.0)), &y);
        pooled(&g, &mut y);
        let sparse = kernel(&[Method::Sparse], &y);
        let (outputs, inputs) = (
            convolved(false, methods(suits_winograd(&g, false, 1.0))),
            convolved(true, methods(suits_winograd(&g, true, 1.0))),
        );
        let sparse_inputs = convolved(true, &[Method::Sparse]);
        println!("{name:<34} {outputs:>12} {inputs:>12} {dense:>12} {sparse_inputs:>12} {sparse:>12}");
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
