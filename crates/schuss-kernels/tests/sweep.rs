//! Sweeps: the same bits on every instruction set and in every cut; what is not finite is found.

use schuss_kernels::lane::Lane;
use schuss_kernels::random::fill_uniform;
use schuss_kernels::{Elementwise, Isa, Sweep};

/// A rule that uses every operation. No number beside an element stays as it was.
struct Rule;

impl Elementwise for Rule {
    type At<L: Lane> = [L; 3];
    type State<L: Lane> = [L; 2];
    #[inline(always)]
    fn step<L: Lane>([rate, small, keep]: [L; 3], theta: L, g: L, [m, v]: [L; 2]) -> (L, [L; 2]) {
        let m = keep * m + (L::splat(1.0) - keep) * g;
        let v = v + g.square();
        let step = rate * m / (v.sqrt() + small);
        let bounded = step.max(-L::splat(0.3)).min(L::splat(0.3));
        let pulled = L::select(g.abs().less(L::splat(0.1)), bounded, bounded + small * g.sign());
        (theta - pulled, [m, v])
    }
}

/// Without numbers beside the elements.
struct Plain;

impl Elementwise for Plain {
    type At<L: Lane> = [L; 1];
    type State<L: Lane> = [L; 0];
    #[inline(always)]
    fn step<L: Lane>([rate]: [L; 1], theta: L, g: L, _: [L; 0]) -> (L, [L; 0]) {
        // 0 / 0 in the unused places of a tail: must not count as not finite.
        (theta - rate * g / g, [])
    }
}

const AT: [f32; 4] = [0.99, 0.1, 1e-3, 0.9];

fn random(stream: u64, len: usize) -> Vec<f32> {
    let mut x = vec![0.0; len];
    fill_uniform(Isa::Portable, [3, 4], stream, 0, &mut x);
    x.iter().map(|x| x - 0.5).collect()
}

struct Arrays {
    theta: Vec<f32>,
    g: Vec<f32>,
    m: Vec<f32>,
    v: Vec<f32>,
}

impl Arrays {
    fn new(len: usize) -> Arrays {
        let v = random(3, len).iter().map(|x| x * x).collect();
        Arrays { theta: random(0, len), g: random(1, len), m: random(2, len), v }
    }

    fn run(&mut self, isa: Isa) -> bool {
        Sweep::of::<Rule>().run(isa, &AT, &mut self.theta, &self.g, &mut [&mut self.m, &mut self.v])
    }

    fn bits(&self) -> Vec<u32> {
        [&self.theta, &self.m, &self.v].into_iter().flatten().map(|x| x.to_bits()).collect()
    }
}

#[test]
fn counts() {
    let sweep = Sweep::of::<Rule>();
    assert_eq!((sweep.at(), sweep.slots()), (4, 2));
    let sweep = Sweep::of::<Plain>();
    assert_eq!((sweep.at(), sweep.slots()), (2, 0));
}

#[test]
fn every_instruction_set_gives_the_bits_of_one_lane() {
    let [keep, rule @ ..] = AT;
    for len in [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 100, 1000] {
        let mut alone = Arrays::new(len);
        for i in 0..len {
            let state = [alone.m[i], alone.v[i]];
            (alone.theta[i], [alone.m[i], alone.v[i]]) = Rule::step(rule, keep * alone.theta[i], alone.g[i], state);
        }
        for isa in Isa::all_available() {
            let mut arrays = Arrays::new(len);
            assert!(arrays.run(isa));
            assert_eq!(arrays.bits(), alone.bits(), "{} {len}", isa.name());
        }
    }
}

#[test]
fn the_reference_is_the_rule_in_f64() {
    let mut arrays = Arrays::new(50);
    let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let (mut theta, g) = (wide(&arrays.theta), wide(&arrays.g));
    let mut states = [wide(&arrays.m), wide(&arrays.v)];
    let before = theta.clone();
    Sweep::of::<Rule>().reference(&AT.map(f64::from), &mut theta, &g, &mut states);
    assert!(arrays.run(Isa::detect()));
    for (x, y) in [(&arrays.theta, &theta), (&arrays.m, &states[0]), (&arrays.v, &states[1])] {
        for (x, y) in x.iter().zip(y) {
            // A few roundings of numbers below 1.
            assert!((f64::from(*x) - y).abs() < 1e-6, "{x} {y}");
        }
    }
    assert!(theta.iter().zip(before).all(|(x, y)| *x != y));
}

#[test]
fn a_block_is_part_of_the_whole() {
    let (height, stride, g_stride) = (9, 61, 40);
    for isa in Isa::all_available() {
        for (row, col, rows, cols) in [(0, 0, 9, 40), (1, 3, 7, 37), (2, 16, 1, 16), (8, 39, 1, 1), (0, 5, 9, 0)] {
            let mut whole = Arrays::new(height * stride);
            let mut block = Arrays::new(height * stride);
            let g = random(9, rows * g_stride);
            whole.g.fill(0.25);
            for i in 0..rows {
                for j in 0..cols {
                    whole.g[(row + i) * stride + col + j] = g[i * g_stride + j];
                }
            }
            assert!(whole.run(isa));
            let at = row * stride + col;
            // SAFETY: the block is within the arrays.
            let fine = unsafe {
                let states = [block.m.as_mut_ptr().add(at), block.v.as_mut_ptr().add(at)];
                let theta = block.theta.as_mut_ptr().add(at);
                Sweep::of::<Rule>().run_block(isa, &AT, rows, cols, theta, stride, g.as_ptr(), g_stride, &states, true)
            };
            assert!(fine);
            let before = Arrays::new(height * stride).bits();
            let len = before.len() / 3;
            for (i, (x, (y, z))) in block.bits().into_iter().zip(whole.bits().into_iter().zip(before)).enumerate() {
                let (r, c) = (i % len / stride, i % len % stride);
                let within = (row..row + rows).contains(&r) && (col..col + cols).contains(&c);
                assert_eq!(x, if within { y } else { z }, "{} {i}", isa.name());
            }
        }
    }
}

#[test]
fn what_is_not_finite_is_found_wherever_it_stands() {
    for isa in Isa::all_available() {
        for len in [1, 5, 16, 37] {
            for place in 0..len {
                for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    for array in 0..4 {
                        let mut arrays = Arrays::new(len);
                        match array {
                            0 => arrays.theta[place] = bad,
                            1 => arrays.g[place] = bad,
                            2 => arrays.m[place] = bad,
                            _ => arrays.v[place] = bad.abs(),
                        }
                        assert!(!arrays.run(isa), "{} {len} {place} {bad}", isa.name());
                    }
                }
            }
        }
    }
}

#[test]
fn unused_places_of_a_tail_do_not_count() {
    for isa in Isa::all_available() {
        for len in 1..40 {
            let (mut theta, g) = (random(0, len), vec![2.0; len]);
            assert!(Sweep::of::<Plain>().run(isa, &[1.0, 0.5], &mut theta, &g, &mut []), "{} {len}", isa.name());
        }
    }
}
