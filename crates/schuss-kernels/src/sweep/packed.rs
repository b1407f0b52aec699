//! Sweeps over elements whose states are packed: unpacked, swept over and packed again in registers.

use super::{Elementwise, Lanes, MOST_SLOTS, Sweep};
use crate::Isa;
use crate::codec::{self, BLOCK, Codec, GROUP, Packing};
use crate::lane::{for_rows, prefetch_near};

/// A block of elements, and their states.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'a> {
    /// Numbers that are the same for every element.
    pub at: &'a [f32],
    /// Rows.
    pub rows: usize,
    /// Elements of a row.
    pub cols: usize,
    /// The elements.
    pub theta: *mut f32,
    /// Elements of a row of the whole array.
    pub width: usize,
    /// The derivatives.
    pub g: *const f32,
    /// From one row of them to the next.
    pub g_stride: usize,
    /// The states.
    pub states: &'a [*mut f32],
    /// How they are packed.
    pub codecs: &'a [Codec],
    /// The key of random bits.
    pub key: u64,
    /// The place of the first element in the whole array.
    pub first: usize,
}

impl Sweep {
    /// Sweeps over a block of elements whose states are packed, and packs them again. False if any new number is not
    /// finite, except NaN in packed states alone whose fraction begins with 111, which no arithmetic makes. The bits are the same for every cut into blocks whose columns begin with a codec's block, and on every
    /// instruction set.
    ///
    /// # Safety
    /// This machine has `isa`; `theta` can be written, `g` read, at every element of the block, and the states at every
    /// block of packed numbers that it touches; no two of them overlap.
    ///
    /// # Panics
    /// If there are not `at()` numbers or not `slots()` states.
    pub unsafe fn run_packed(&self, isa: Isa, block: &Packed) -> bool {
        assert!(block.at.len() == self.at && block.states.len() == self.slots, "wrong count of numbers or states");
        assert!(block.codecs.len() == self.slots, "wrong count of codecs");
        // SAFETY: the counts are right, the rest is the caller's promise.
        unsafe { self.packed[isa as usize](block) }
    }
}

pub(super) type Run = unsafe fn(&Packed) -> bool;

/// How many elements ahead memory is asked for what will be needed: measured, 6 to 8 percent. So much is computed on each
/// element that the machine does not look far enough ahead by itself.
const AHEAD: usize = 512;
/// Words of a line of memory.
const LINE: usize = 16;

/// Where the elements of a register are.
#[derive(Clone, Copy)]
struct Place {
    /// From the first element on.
    theta: usize,
    /// From the first derivative on.
    g: usize,
    /// From a state's first packed block on.
    block: usize,
    /// How many elements, perhaps fewer than a register has.
    count: usize,
}

/// # Safety
/// As [`Sweep::run_packed`].
#[inline(always)]
pub(super) unsafe fn sweep<V: Packing, R: Elementwise>(p: &Packed) -> bool {
    let keep = V::splat(f64::from(p.at[0]));
    let at = R::At::<V>::gather(|i| V::splat(f64::from(p.at[i + 1])));
    let mut wrong = (V::splat(0.0), V::worst());
    let blocks = p.width.div_ceil(BLOCK);
    let place = |row: usize, col: usize| Place {
        theta: row * p.width + col,
        g: row * p.g_stride + col,
        block: row * blocks + col / BLOCK,
        count: p.cols.saturating_sub(col),
    };
    let (mut row, mut col) = (0, 0);
    while row < p.rows && col < p.cols {
        let mut places = [place(row, col); GROUP];
        // SAFETY: the caller's promise.
        unsafe {
            if places[0].count >= GROUP * V::COUNT {
                group::<V, R, true>(p, places, GROUP, keep, at, &mut wrong);
                col += GROUP * V::COUNT;
                if col >= p.cols {
                    (row, col) = (row + 1, 0);
                }
            } else {
                // Ends of rows, and beginnings of others.
                let mut registers = 0;
                while registers < GROUP && row < p.rows {
                    places[registers..].fill(place(row, col));
                    registers += 1;
                    col += V::COUNT;
                    if col >= p.cols && col.is_multiple_of(BLOCK) {
                        (row, col) = (row + 1, 0);
                    }
                }
                group::<V, R, false>(p, places, registers, keep, at, &mut wrong);
            }
        }
    }
    wrong.0.is_zero() && V::finite(wrong.1)
}

/// Takes [`GROUP`] registers of elements: whole ones, which lie one behind the other, or the first few of any.
#[inline(always)]
unsafe fn group<V: Packing, R: Elementwise, const WHOLE: bool>(
    p: &Packed,
    places: [Place; GROUP],
    registers: usize,
    keep: V,
    at: R::At<V>,
    wrong: &mut (V, V::Worst),
) {
    let slots = R::State::<V>::COUNT;
    let zero = V::splat(0.0);
    let mut states = [[zero; GROUP]; MOST_SLOTS];
    // SAFETY: the caller's promise.
    unsafe {
        // Half a block may lie behind a row's end: nothing is read or written there.
        let whole = |i: usize| WHOLE || places[i].count >= V::COUNT;
        let part = |i: usize| V::part(places[i].count);
        let load = |from: *const f32, i: usize| if whole(i) { V::load(from) } else { V::load_part(from, part(i)) };
        let store = |x: V, to: *mut f32, i: usize| if whole(i) { x.store(to) } else { x.store_part(to, part(i)) };
        let theta = |i: usize| if WHOLE { places[0].theta + i * V::COUNT } else { places[i].theta };
        let g = |i: usize| if WHOLE { places[0].g + i * V::COUNT } else { places[i].g };
        let block = |i: usize| if WHOLE { places[0].block + i * V::COUNT / BLOCK } else { places[i].block };
        for_rows!(s < slots: {
            let (codec, state) = (*p.codecs.get_unchecked(s), *p.states.get_unchecked(s));
            if codec == Codec::F32 {
                for_rows!(i < GROUP: { states[s][i] = load(state.wrapping_add(theta(i)), i); }, 0 1 2 3);
            } else {
                let at = |i: usize| state.add(block(i) * codec.words()).cast_const();
                if WHOLE {
                    // A group's words begin in two lines of memory at most that the one before has not asked for.
                    let ahead = at(0).wrapping_add(AHEAD / BLOCK * codec.words());
                    prefetch_near(ahead);
                    prefetch_near(ahead.wrapping_add(LINE));
                }
                states[s] = V::unpack(codec, [at(0), at(1), at(2), at(3)]);
            }
        }, 0 1 2 3 4 5 6 7);
        for_rows!(i < GROUP: {
            if WHOLE || i < registers {
                let old = R::State::<V>::gather(|s| states[s][i]);
                let to = p.theta.wrapping_add(theta(i));
                if WHOLE {
                    prefetch_near(to.wrapping_add(AHEAD));
                    prefetch_near(p.g.wrapping_add(g(i) + AHEAD));
                }
                let (mut new, kept) = R::step(at, keep * load(to, i), load(p.g.wrapping_add(g(i)), i), old);
                store(new, to, i);
                for_rows!(s < slots: { states[s][i] = kept.get(s); }, 0 1 2 3 4 5 6 7);
                if !whole(i) {
                    // What stands behind a row's end must not be its block's greatest.
                    new = new.keep(part(i));
                    for_rows!(s < slots: { states[s][i] = states[s][i].keep(part(i)); }, 0 1 2 3 4 5 6 7);
                }
                // 0 · x is 0 for a finite x, else NaN, which no sum loses.
                wrong.0 = new.times_plus(zero, wrong.0);
            }
        }, 0 1 2 3);
        let mut bits = [0; GROUP];
        for_rows!(s < slots: {
            if s.is_multiple_of(2) {
                let key = p.key.wrapping_add((s as u64).wrapping_mul(codec::APART));
                for_rows!(i < GROUP: {
                    bits[i] = codec::bits(key, p.first + theta(i));
                }, 0 1 2 3);
            }
            let (codec, state) = (*p.codecs.get_unchecked(s), *p.states.get_unchecked(s));
            if codec == Codec::F32 {
                for_rows!(i < GROUP: {
                    if WHOLE || i < registers {
                        store(states[s][i], state.wrapping_add(theta(i)), i);
                        wrong.0 = states[s][i].times_plus(zero, wrong.0);
                    }
                }, 0 1 2 3);
            } else {
                let half = |i: usize| codec::half(bits[i], s % 2 == 1);
                let to = |i: usize| state.add(block(i) * codec.words());
                let (halves, to) = ([half(0), half(1), half(2), half(3)], [to(0), to(1), to(2), to(3)]);
                V::pack::<WHOLE>(codec, states[s], halves, to, registers, &mut wrong.1);
            }
        }, 0 1 2 3 4 5 6 7);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{half, pack_block_at, unpacked};
    use crate::lane::Lane;
    use crate::random::fill_uniform;

    /// A rule with three states, of which the first has signs.
    struct Rule;

    impl Elementwise for Rule {
        type At<L: Lane> = [L; 2];
        type State<L: Lane> = [L; 3];
        #[inline(always)]
        fn step<L: Lane>([rate, small]: [L; 2], theta: L, g: L, [m, v, u]: [L; 3]) -> (L, [L; 3]) {
            let m = m + (g - m) * L::splat(0.1);
            let v = v + (g.square() - v) * L::splat(0.01);
            let u = u.max(v);
            (theta - rate * m / (u.sqrt() + small), [m, v, u])
        }
    }

    /// In places that are not there it makes 0 / 0.
    struct Quotient;

    impl Elementwise for Quotient {
        type At<L: Lane> = [L; 1];
        type State<L: Lane> = [L; 1];
        #[inline(always)]
        fn step<L: Lane>([rate]: [L; 1], theta: L, g: L, [m]: [L; 1]) -> (L, [L; 1]) {
            (theta - rate * g / g, [m + L::splat(1.0) * g / g])
        }
    }

    const AT: [f32; 3] = [0.99, 0.1, 1e-6];
    const CODECS: [[Codec; 3]; 4] = [
        [Codec::Signed8, Codec::Positive8, Codec::Positive8],
        [Codec::Bf16, Codec::Bf16, Codec::Bf16],
        [Codec::F32, Codec::Positive8, Codec::F32],
        [Codec::Signed8, Codec::F32, Codec::Bf16],
    ];

    fn random(stream: u64, len: usize) -> Vec<f32> {
        let mut x = vec![0.0; len];
        fill_uniform(Isa::Portable, [3, 4], stream, 0, &mut x);
        // Of many sizes, some 0.
        x.iter().map(|x| (x - 0.5).powi(5) * if *x < 0.1 { 0.0 } else { 1.0 }).collect()
    }

    #[derive(Clone)]
    struct Arrays {
        rows: usize,
        cols: usize,
        codecs: [Codec; 3],
        theta: Vec<f32>,
        states: [Vec<f32>; 3],
    }

    impl Arrays {
        fn new(rows: usize, cols: usize, codecs: [Codec; 3]) -> Arrays {
            let states = codecs.map(|codec| vec![0.0; rows * codec.len(cols)]);
            Arrays { rows, cols, codecs, theta: random(0, rows * cols), states }
        }
        fn start(&self, s: usize, row: usize, col: usize) -> usize {
            let codec = self.codecs[s];
            row * codec.len(self.cols) + if codec == Codec::F32 { col } else { col / BLOCK * codec.words() }
        }
        /// Sweeps over a part.
        fn run(
            &mut self,
            isa: Isa,
            g: &[f32],
            key: u64,
            (row, rows): (usize, usize),
            (col, cols): (usize, usize),
        ) -> bool {
            let first = row * self.cols + col;
            let starts = [0, 1, 2].map(|s| self.start(s, row, col));
            let mut s = 0;
            let states = self.states.each_mut().map(|state| {
                s += 1;
                state[starts[s - 1]..].as_mut_ptr()
            });
            let block = Packed {
                at: &AT,
                rows,
                cols,
                theta: self.theta[first..].as_mut_ptr(),
                width: self.cols,
                g: g[first..].as_ptr(),
                g_stride: self.cols,
                states: &states,
                codecs: &self.codecs,
                key,
                first,
            };
            // SAFETY: the part is within the arrays.
            unsafe { Sweep::of::<Rule>().run_packed(isa, &block) }
        }
        /// The same by the plain sweep over unpacked numbers, one block packed after the other.
        fn by_parts(&mut self, g: &[f32], key: u64) {
            let mut plain = [0, 1, 2].map(|s| unpacked(self.codecs[s], &self.states[s], self.cols));
            let [m, v, u] = &mut plain;
            assert!(Sweep::of::<Rule>().run(Isa::Portable, &AT, &mut self.theta, g, &mut [m, v, u]));
            for (s, plain) in plain.iter().enumerate() {
                for row in 0..self.rows {
                    for col in (0..self.cols).step_by(BLOCK) {
                        let (start, at) = (self.start(s, row, col), row * self.cols + col);
                        let numbers = &plain[at..at + BLOCK.min(self.cols - col)];
                        if self.codecs[s] == Codec::F32 {
                            self.states[s][start..start + numbers.len()].copy_from_slice(numbers);
                            continue;
                        }
                        let bits = codec::bits(key.wrapping_add((s as u64 / 2 * 2).wrapping_mul(codec::APART)), at);
                        pack_block_at(self.codecs[s], numbers, half(bits, s % 2 == 1), &mut self.states[s][start..]);
                    }
                }
            }
        }
        fn bits(&self) -> Vec<u32> {
            self.states.iter().chain([&self.theta]).flatten().map(|x| x.to_bits()).collect()
        }
    }

    #[test]
    fn it_is_unpacking_sweeping_and_packing_on_every_instruction_set_and_in_every_cut() {
        for codecs in CODECS {
            for (rows, cols) in [(1, 64), (3, 16), (2, 200), (5, 90), (9, 21), (4, 144), (1, 17)] {
                let mut want = Arrays::new(rows, cols, codecs);
                let mut found: Vec<_> = Isa::all_available().map(|isa| (isa, want.clone(), want.clone())).collect();
                for update in 1..6 {
                    let (g, key) = (random(update, rows * cols), codec::key(1, update, 2));
                    want.by_parts(&g, key);
                    for (isa, whole, cut) in &mut found {
                        assert!(whole.run(*isa, &g, key, (0, rows), (0, cols)));
                        assert_eq!(whole.bits(), want.bits(), "{codecs:?} {rows} x {cols} {isa:?}");
                        let (up, left) = (rows / 2, (cols / 2).next_multiple_of(BLOCK).min(cols));
                        for (row, rows) in [(0, up), (up, rows - up)] {
                            for (col, cols) in [(0, left), (left, cols - left)] {
                                assert!(rows == 0 || cols == 0 || cut.run(*isa, &g, key, (row, rows), (col, cols)));
                            }
                        }
                        assert_eq!(cut.bits(), want.bits(), "{codecs:?} {rows} x {cols} {isa:?}, cut");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_found_wherever_it_stands() {
        let (rows, cols) = (2, 90);
        for codecs in CODECS {
            for isa in Isa::all_available() {
                for place in 0..rows * cols {
                    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                        let (mut arrays, mut g) = (Arrays::new(rows, cols, codecs), random(1, rows * cols));
                        let mut bad_theta = arrays.clone();
                        bad_theta.theta[place] = bad;
                        assert!(!bad_theta.run(isa, &g, 1, (0, rows), (0, cols)), "{codecs:?} {isa:?} {place} {bad}");
                        g[place] = bad;
                        assert!(!arrays.run(isa, &g, 1, (0, rows), (0, cols)), "{codecs:?} {isa:?} {place} {bad}");
                    }
                }
            }
        }
    }

    /// As above, where the element does not show it.
    #[test]
    fn what_is_not_finite_in_a_state_alone_is_found() {
        struct Kept;
        impl Elementwise for Kept {
            type At<L: Lane> = [L; 0];
            type State<L: Lane> = [L; 1];
            #[inline(always)]
            fn step<L: Lane>(_: [L; 0], theta: L, g: L, _: [L; 1]) -> (L, [L; 1]) {
                (theta, [g])
            }
        }
        for codec in [Codec::F32, Codec::Bf16, Codec::Signed8, Codec::Positive8] {
            for isa in Isa::all_available() {
                for (place, bad) in (0..100).flat_map(|i| [(i, f32::NAN), (i, -f32::NAN), (i, f32::INFINITY), (i, 1.0)])
                {
                    let (mut theta, mut g, mut state) = ([1.0f32; 100], [1.0f32; 100], vec![0.0; codec.len(100)]);
                    g[place] = bad;
                    let block = Packed {
                        at: &[1.0],
                        rows: 1,
                        cols: 100,
                        theta: theta.as_mut_ptr(),
                        width: 100,
                        g: g.as_ptr(),
                        g_stride: 100,
                        states: &[state.as_mut_ptr()],
                        codecs: &[codec],
                        key: 1,
                        first: 0,
                    };
                    // SAFETY: the arrays are as long as said.
                    let finite = unsafe { Sweep::of::<Kept>().run_packed(isa, &block) };
                    assert_eq!(finite, bad == 1.0, "{codec:?} {isa:?} {place} {bad}");
                }
            }
        }
    }

    #[test]
    fn unused_places_do_not_count() {
        for codec in [Codec::F32, Codec::Bf16, Codec::Signed8] {
            for isa in Isa::all_available() {
                for cols in [16, 21, 63, 70] {
                    let (mut theta, g) = (vec![1.0; 3 * cols], vec![2.0; 3 * cols]);
                    let mut state = vec![0.0; 3 * codec.len(cols)];
                    let block = Packed {
                        at: &[1.0, 0.5],
                        rows: 3,
                        cols,
                        theta: theta.as_mut_ptr(),
                        width: cols,
                        g: g.as_ptr(),
                        g_stride: cols,
                        states: &[state.as_mut_ptr()],
                        codecs: &[codec],
                        key: 1,
                        first: 0,
                    };
                    // SAFETY: the arrays are as long as said.
                    assert!(unsafe { Sweep::of::<Quotient>().run_packed(isa, &block) }, "{codec:?} {isa:?} {cols}");
                    assert!(unpacked(codec, &state, cols).iter().all(|x| *x == 1.0), "{codec:?} {isa:?} {cols}");
                }
            }
        }
    }
}
