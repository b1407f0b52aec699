//! Prints the times of Adam's update, nanoseconds a number on one thread, with state in full and packed: of arrays in
//! cache and of long ones. `cargo run --release -p schuss-kernels --example update_rates [word]`.

use schuss_kernels::lane::Lane;
use schuss_kernels::sweep::Packed;
use schuss_kernels::{Buffer, Codec, Elementwise, Isa, Sweep};
use std::time::Instant;

struct Adam;

impl Elementwise for Adam {
    type At<L: Lane> = [L; 5];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>([alpha, beta_1, beta_2, epsilon, over]: [L; 5], theta: L, g: L, [m, v]: [L; 2]) -> (L, [L; 2]) {
        let (m, v) = (m + (g - m) * beta_1, v + (g.square() - v) * beta_2);
        (theta - alpha * m / (over * v.sqrt() + epsilon), [m, v])
    }
}

const AT: [f32; 6] = [1.0, 1e-3, 0.1, 1e-3, 1e-7, 1.0];
const CODECS: [(&str, [Codec; 2]); 3] = [
    ("f32", [Codec::F32, Codec::F32]),
    ("bf16", [Codec::Bf16, Codec::Bf16]),
    ("int8", [Codec::Signed8, Codec::Positive8]),
];

fn main() {
    let word = std::env::args().nth(1).unwrap_or_default();
    let isa = Isa::chosen().unwrap();
    for (rows, cols) in [(1, 4096), (4, 1000), (1000, 1000), (10000, 1000), (14, 32), (100, 16)] {
        for (name, codecs) in CODECS {
            let line = format!("{name:5} {rows} x {cols}");
            if !line.contains(&word) {
                continue;
            }
            let n = rows * cols;
            let (mut theta, mut g) = (Buffer::zeros(n), Buffer::zeros(n));
            let mut states = codecs.map(|codec| Buffer::zeros(rows * codec.len(cols)));
            schuss_kernels::random::fill_uniform(isa, [1, 2], 3, 0, &mut theta);
            schuss_kernels::random::fill_uniform(isa, [1, 2], 4, 0, &mut g);
            g.iter_mut().for_each(|g| *g -= 0.5);
            let pointers = [states[0].as_mut_ptr(), states[1].as_mut_ptr()];
            let sweep = Sweep::of::<Adam>();
            let mut key = 1u64;
            let mut best = f64::MAX;
            let begin = Instant::now();
            let mut calls = 1;
            while begin.elapsed().as_millis() < 500 {
                let start = Instant::now();
                for _ in 0..calls {
                    key = key.wrapping_mul(0x9E37_79B9_0000_0001).wrapping_add(7);
                    let block = Packed {
                        at: &AT,
                        rows,
                        cols,
                        theta: theta.as_mut_ptr(),
                        g: g.as_ptr(),
                        g_stride: cols,
                        states: &pointers,
                        codecs: &codecs,
                        key,
                        first: 0,
                        width: cols,
                    };
                    // SAFETY: the arrays are as long as said.
                    let finite = unsafe {
                        match codecs[0] {
                            Codec::F32 => {
                                let (theta, g) = (block.theta, block.g);
                                sweep.run_block(isa, &AT, rows, cols, theta, cols, g, cols, &pointers, rows > 1)
                            }
                            _ => sweep.run_packed(isa, &block),
                        }
                    };
                    assert!(finite);
                }
                let each = start.elapsed().as_secs_f64() / f64::from(calls);
                best = best.min(each);
                calls = (50e-6 / each).ceil().max(1.0) as u32;
            }
            println!("{line:18} {:.3} ns a number", best * 1e9 / n as f64);
        }
    }
}
