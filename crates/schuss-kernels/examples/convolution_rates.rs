//! How fast convolutions run on one thread: `cargo run --release -p schuss-kernels --example convolution_rates`.
//!
//! Each line: a layer of a known network, and GFLOP/s of the outputs, of the derivative by the inputs and of the
//! derivative by the kernel, counting what the definition counts (products with padding too), medians of some runs.

use schuss_kernels::convolution::{Geometry, Target, Zeros, convolve, kernel_of, kernel_scratch_len, scratch_len};
use schuss_kernels::{Buffer, Isa};
use std::time::Instant;

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
    println!("{:<34} {:>8} {:>8} {:>8}", "layer", "outputs", "inputs", "kernel");
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
        // Some MFLOP a call.
        let images = (4e7 / flop).ceil().clamp(1.0, 256.0) as usize;
        let fill = |n: usize| {
            let mut b = Buffer::zeros(n);
            b.iter_mut().enumerate().for_each(|(i, x)| *x = (i % 17) as f32 / 17.0 - 0.4);
            b
        };
        let (mut x, mut y) = (fill(images * g.input_len()), fill(images * g.output_len()));
        let mut w = fill(g.kernel_rows() * g.outputs);
        let longest = scratch_len(isa, &g, false).max(scratch_len(isa, &g, true)).max(kernel_scratch_len(isa, &g));
        let mut scratch = Buffer::zeros(longest);
        let rate = |f: &mut dyn FnMut()| {
            let mut seconds: Vec<f64> = (0..25)
                .map(|_| {
                    let start = Instant::now();
                    f();
                    start.elapsed().as_secs_f64()
                })
                .collect();
            seconds.sort_by(f64::total_cmp);
            flop * images as f64 / seconds[seconds.len() / 2] / 1e9
        };
        // SAFETY: the buffers hold so many images, and the scratch is long enough.
        let outputs = rate(&mut || unsafe {
            let mut target = Target::Store { to: y.as_mut_ptr(), stride: g.outputs };
            convolve(isa, &g, false, 0..images, x.as_ptr(), w.as_ptr(), Zeros::Look, &mut scratch, &mut target);
        });
        // SAFETY: as above.
        let inputs = rate(&mut || unsafe {
            let mut target = Target::Store { to: x.as_mut_ptr(), stride: g.channels };
            convolve(isa, &g, true, 0..images, y.as_ptr(), w.as_ptr(), Zeros::Look, &mut scratch, &mut target);
        });
        let x = fill(images * g.input_len());
        // SAFETY: as above.
        let kernel = rate(&mut || unsafe {
            kernel_of(isa, &g, 0..images, x.as_ptr(), y.as_ptr(), w.as_mut_ptr(), false, Zeros::Look, &mut scratch);
        });
        println!("{name:<34} {outputs:>8.0} {inputs:>8.0} {kernel:>8.0}");
    }
}
