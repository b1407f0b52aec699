//! Updates whose states are packed.

use super::run::Run;
use super::{STATES, Update, View};
use crate::codec::{self, Codec};
use crate::product::Tile;
use crate::sweep::Packed;
use std::sync::atomic::Ordering;

impl Update {
    /// Is any of its states packed?
    pub(super) fn packed(&self) -> bool {
        self.codecs.iter().any(|codec| *codec != Codec::F32)
    }
}

impl Run<'_> {
    /// An update whose states are packed.
    pub(super) unsafe fn update_packed(&self, update: &Update, tile: Tile, result: *mut f32) {
        let (row, col, width) = (tile.row, tile.col, update.theta.row_stride);
        let mut states = [std::ptr::null_mut(); STATES];
        // SAFETY: checked when the program was made; tiles begin with a block.
        unsafe {
            for (s, (view, codec)) in update.states.iter().zip(&update.codecs).enumerate() {
                states[s] = match codec {
                    Codec::F32 => self.at(*view, row, col),
                    _ => self.at(View { offset: view.offset + col / codec::BLOCK * codec.words(), ..*view }, row, 0),
                };
            }
            let block = Packed {
                at: std::slice::from_raw_parts(self.at(update.at, 0, 0), update.sweep.at()),
                rows: tile.rows,
                cols: tile.cols,
                theta: self.at(update.theta, row, col),
                g: result,
                g_stride: tile.stride,
                states: &states[..update.states.len()],
                codecs: &update.codecs,
                key: codec::key(self.moment.seed, self.moment.update, update.array),
                first: row * width + col,
                width,
            };
            if !update.sweep.run_packed(self.isa, &block) {
                self.finite.store(false, Ordering::Relaxed);
            }
        }
    }
}
