//! The generator against published numbers, and that a number depends on its index alone.

use schuss_kernels::Isa;
use schuss_kernels::random::{block, fill_uniform, philox, uniform, uniform_f64};

/// `kat_vectors` of Random123: philox4x32, 10 rounds.
#[test]
fn known_answers() {
    const ALL: u32 = u32::MAX;
    assert_eq!(philox([0, 0], [0; 4]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    assert_eq!(philox([ALL, ALL], [ALL; 4]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
    assert_eq!(philox([0xa409_3822, 0x299f_31d0], pi), [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
}

#[test]
fn words_become_numbers_below_one() {
    assert_eq!(uniform(0), 0.0);
    assert_eq!(uniform(0xff), 0.0);
    assert_eq!(uniform(1 << 31), 0.5);
    assert_eq!(uniform(u32::MAX), 1.0 - f32::EPSILON / 2.0);
    assert_eq!(uniform_f64(0, 0), 0.0);
    assert_eq!(uniform_f64(1 << 31, 0), 0.5);
    assert_eq!(uniform_f64(0, 1 << 11), 0.5f64.powi(53));
    assert_eq!(uniform_f64(u32::MAX, u32::MAX), 1.0 - f64::EPSILON / 2.0);
}

#[test]
fn a_number_depends_on_its_index_alone() {
    let key = [7, 8];
    for isa in Isa::all_available() {
        // The last one crosses from the counter's first word to its second.
        for base in [0u64, 1, 1 << 34] {
            let stream = 0x0123_4567_89ab_cdef;
            let start = base.saturating_sub(300) & !3;
            let mut all = vec![-1.0; 600];
            fill_uniform(isa, key, stream, start, &mut all);
            for (i, x) in all.iter().enumerate() {
                let index = start + i as u64;
                assert_eq!(*x, uniform(block(key, stream, index / 4)[(index % 4) as usize]), "{} {i}", isa.name());
            }
            for (from, len) in [(0, 0), (1, 1), (1, 2), (2, 300), (3, 1), (5, 128), (7, 515), (64, 64)] {
                let mut part = vec![-1.0; len];
                fill_uniform(isa, key, stream, start + from as u64, &mut part);
                assert_eq!(part, all[from..from + len], "{} {from} {len}", isa.name());
            }
        }
    }
}

#[test]
fn streams_and_keys_differ_and_fill_the_interval() {
    let draw = |key, stream| {
        let mut x = vec![0.0; 100_000];
        fill_uniform(Isa::detect(), key, stream, 0, &mut x);
        x
    };
    let all = [draw([0, 0], 0), draw([1, 0], 0), draw([0, 1], 0), draw([0, 0], 1), draw([0, 0], 1 << 32)];
    for (i, x) in all.iter().enumerate() {
        let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / x.len() as f64;
        // Five standard deviations of the mean: 5 · √(1/12) / √100000.
        assert!((mean - 0.5).abs() < 0.0046, "{mean}");
        for other in &all[..i] {
            let equal = x.iter().zip(other).filter(|(x, y)| x == y).count();
            assert!(equal < 10, "{equal}");
        }
    }
}
