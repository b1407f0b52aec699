//! Which tiles cover the outputs, and where they stand.

use super::{IN, LACKS, POINTS};
use std::ops::Range;

/// Tiles along an axis: those of four outputs, then those of three.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cover {
    pub long: usize,
    pub short: usize,
}

/// A tile's length along an axis: its place in tables.
pub(super) const LONG: usize = 0;
pub(super) const SHORT: usize = 1;
/// Outputs of either along an axis.
pub(super) const OUTS: [usize; 2] = [4, 3];

impl Cover {
    /// The one of the fewest points, and then of the fewest tiles, for so many outputs.
    pub fn of(outputs: usize) -> Self {
        let with = |short: usize| Cover { long: outputs.saturating_sub(3 * short).div_ceil(4), short };
        (0..4).map(with).min_by_key(|c| (c.points(), c.tiles())).expect("four")
    }
    pub fn tiles(&self) -> usize {
        self.long + self.short
    }
    /// Points of all tiles.
    pub fn points(&self) -> usize {
        IN * self.long + (IN - 1) * self.short
    }
    /// Outputs that are covered: as many as there are, or more.
    pub fn outputs(&self) -> usize {
        OUTS[LONG] * self.long + OUTS[SHORT] * self.short
    }
    /// The length of the i-th tile, and its first output.
    pub fn tile(&self, i: usize) -> (usize, usize) {
        match i.checked_sub(self.long) {
            None => (LONG, OUTS[LONG] * i),
            Some(i) => (SHORT, OUTS[LONG] * self.long + OUTS[SHORT] * i),
        }
    }
}

/// Where the tiles of some lines stand at each point, so that those that have the point stand together: first those whose
/// lines are short, then those that are long in both, those whose columns are short, those that are short in both.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    columns: Cover,
    /// Where each of the four begins, by the length of lines and of columns.
    starts: [[usize; 2]; 2],
    all: usize,
}

impl Order {
    /// Of so many long and short lines.
    pub fn new(lines: Cover, columns: Cover) -> Self {
        let long = lines.short * columns.long;
        let narrow = long + lines.long * columns.long;
        let small = narrow + lines.long * columns.short;
        Order { columns, starts: [[long, narrow], [0, small]], all: small + lines.short * columns.short }
    }
    /// Where the tiles of the n-th line of a length begin, those of the given columns.
    pub fn start(&self, line: usize, n: usize, column: usize) -> usize {
        self.starts[line][column] + n * [self.columns.long, self.columns.short][column]
    }
    /// Those that have a point.
    pub fn at(&self, point: usize) -> Range<usize> {
        let [[long, narrow], [_, small]] = self.starts;
        match [point / IN == LACKS, point % IN == LACKS] {
            [false, false] => 0..self.all,
            [false, true] => 0..narrow,
            [true, false] => long..small,
            [true, true] => long..narrow,
        }
    }
    /// From one point to the next, for so many numbers of each tile: an odd number of cache lines, or all points would fall
    /// to the same few places of the cache.
    pub fn step(&self, numbers: usize) -> usize {
        super::point_step(self.all * numbers)
    }
}

/// As many as so many whole tiles: those of three outputs have fewer points.
pub(super) fn whole_tiles([lines, columns]: [Cover; 2]) -> f64 {
    (lines.points() * columns.points()) as f64 / POINTS as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_all_outputs_once() {
        for n in 1..200usize {
            let cover = Cover::of(n);
            let mut next = 0;
            for i in 0..cover.tiles() {
                let (length, first) = cover.tile(i);
                assert_eq!(first, next);
                next += OUTS[length];
            }
            assert!(next == cover.outputs() && (n..n + 3).contains(&next), "{n}: {cover:?}");
            let all = |short: usize| Cover { long: (n.max(3 * short) - 3 * short).div_ceil(4), short };
            assert!((0..8).all(|short| cover.points() <= all(short).points()), "{n}: {cover:?}");
        }
        assert_eq!([Cover::of(6), Cover::of(10)], [Cover { long: 0, short: 2 }, Cover { long: 1, short: 2 }]);
    }

    #[test]
    fn every_tile_stands_where_its_points_are() {
        for (lines, columns) in [([2, 3], [4, 1]), ([0, 2], [1, 2]), ([3, 0], [0, 2]), ([1, 0], [1, 0])] {
            let [lines, columns] = [lines, columns].map(|[long, short]| Cover { long, short });
            let order = Order::new(lines, columns);
            let mut seen = vec![0; order.all];
            for (line, count) in [(LONG, lines.long), (SHORT, lines.short)] {
                for (column, tiles) in [(LONG, columns.long), (SHORT, columns.short)] {
                    for n in 0..count {
                        let start = order.start(line, n, column);
                        for (tile, count) in seen.iter_mut().enumerate().skip(start).take(tiles) {
                            *count += 1;
                            for point in 0..POINTS {
                                let lacks = [(point / IN, line), (point % IN, column)]
                                    .iter()
                                    .any(|&(i, length)| i == LACKS && length == SHORT);
                                assert_eq!(order.at(point).contains(&tile), !lacks, "{order:?} {point} {tile}");
                            }
                        }
                    }
                }
            }
            assert!(seen.iter().all(|&n| n == 1), "{order:?}: {seen:?}");
        }
    }
}
