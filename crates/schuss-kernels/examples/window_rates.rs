//! How fast windows are: numbers of the image read or written a second, one thread.
//!
//!     cargo run --release -p schuss-kernels --example window_rates

use schuss_kernels::convolution::{Geometry, Target};
use schuss_kernels::windows::{self, WindowMap};
use schuss_kernels::{Buffer, Isa};
use std::time::Instant;

fn main() {
    println!("{:>30} {:>9} {:>10} {:>10}", "windows", "isa", "ns/image", "G/s");
    for (side, channels, size, stride) in [(24, 32, 2, 2), (32, 64, 3, 2), (8, 64, 8, 8), (26, 3, 2, 2)] {
        let output = (side - size) / stride + 1;
        let three = |n: usize| [1, n, n];
        let g = Geometry {
            input: three(side),
            channels,
            output: three(output),
            outputs: channels,
            size: three(size),
            strides: three(stride),
            dilation: [1; 3],
            before: [0; 3],
            groups: 1,
        };
        windows::check(&g);
        // On cache lines, as programs have them.
        let (mut x, d, mut y) =
            (Buffer::zeros(g.input_len()), Buffer::zeros(g.output_len()), Buffer::zeros(g.input_len()));
        x.iter_mut().enumerate().for_each(|(i, x)| *x = (i * 7919 % 1009) as f32);
        for f in [WindowMap::Max, WindowMap::Scatter, WindowMap::Sum { mean: true }, WindowMap::Spread { mean: true }] {
            for isa in Isa::all_available() {
                let mut scratch = vec![0.0; windows::scratch_len(f, &g)];
                let first = if matches!(f, WindowMap::Spread { .. }) { &d } else { &x };
                let mut best = f64::INFINITY;
                for _ in 0..200 {
                    let start = Instant::now();
                    let mut target = Target::Store { to: y.as_mut_ptr(), stride: channels };
                    // SAFETY: the arrays are as long as the geometry says.
                    unsafe { windows::run(isa, f, &g, 0..1, first.as_ptr(), d.as_ptr(), &mut scratch, &mut target) };
                    best = best.min(start.elapsed().as_secs_f64());
                }
                let what = format!("{f:?} {side}²×{channels}, {size}² by {stride}");
                println!(
                    "{what:>30} {:>9} {:>10.0} {:>10.2}",
                    isa.name(),
                    best * 1e9,
                    g.input_len() as f64 / best / 1e9
                );
            }
        }
    }
}
