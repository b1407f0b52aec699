//! Updates whose states are packed.

use super::{Run, STATES, Update, View};
use crate::codec::{self, Codec, Rounding};
use crate::product::Tile;
use std::sync::atomic::Ordering;

impl Update {
    /// Is any of its states packed?
    pub(super) fn packed(&self) -> bool {
        self.codecs.iter().any(|codec| *codec != Codec::F32)
    }
}

/// Numbers of packed states that are unpacked at a time.
const UNPACKED: usize = 256;

impl Run<'_> {
    /// An update whose states are packed: unpacked, swept over and packed again some numbers at a time.
    pub(super) unsafe fn update_packed(&self, update: &Update, tile: Tile, result: *mut f32) {
        let key = codec::key(self.moment.seed, self.moment.update, update.array);
        let mut plain = [[0.0f32; UNPACKED]; STATES];
        let mut pointers = [std::ptr::null_mut(); STATES];
        for row in 0..tile.rows {
            for col in (0..tile.cols).step_by(UNPACKED) {
                let n = UNPACKED.min(tile.cols - col);
                let (i, j) = (tile.row + row, tile.col + col);
                // SAFETY: checked when the program was made; tiles begin with a block.
                unsafe {
                    let place = |s: usize| {
                        let (view, words) = (update.states[s], update.codecs[s].words());
                        self.at(View { offset: view.offset + j / codec::BLOCK * words, ..view }, i, 0)
                    };
                    for (s, codec) in update.codecs.iter().enumerate() {
                        pointers[s] = plain[s].as_mut_ptr();
                        match codec {
                            Codec::F32 => pointers[s] = self.at(update.states[s], i, j),
                            _ => codec::unpack(self.isa, *codec, place(s), n.div_ceil(codec::BLOCK), pointers[s]),
                        }
                    }
                    let at = std::slice::from_raw_parts(self.at(update.at, 0, 0), update.sweep.at());
                    let (theta, g) = (self.at(update.theta, i, j), result.add(row * tile.stride + col));
                    let states = &pointers[..update.states.len()];
                    if !update.sweep.run_block(self.isa, at, 1, n, theta, 0, g, 0, states) {
                        self.finite.store(false, Ordering::Relaxed);
                    }
                    for (s, codec) in update.codecs.iter().enumerate().filter(|(_, codec)| **codec != Codec::F32) {
                        // Two states share a number's random bits.
                        let how = Rounding::Random { key: key.wrapping_add(s as u32 / 2), upper: s % 2 == 1 };
                        let first = i * update.theta.row_stride + j;
                        let blocks = n.div_ceil(codec::BLOCK);
                        codec::pack(self.isa, *codec, how, first, pointers[s], blocks, place(s));
                    }
                }
            }
        }
    }
}
