//! What makes running a program safe: every place is within its space, and threads keep out of each other's way.

use super::{Call, Finish, OPERANDS, Phase, STATES, View, Work};
use crate::Isa;
use crate::codec::{self, Codec};
use crate::convolution::{self, Method};
use crate::tape::Argument;
use crate::windows::{self, WindowMap};
use std::ops::Range;

/// Places that a call touches: `rows` × `cols` elements of a view.
#[derive(Clone, Debug)]
struct Touch {
    view: View,
    rows: Range<usize>,
    cols: Range<usize>,
    write: bool,
}

/// Panics with the call's name if the list is wrong.
pub(super) fn check(isa: Isa, phases: &[Phase], finishes: &[Finish], sizes: &[usize]) {
    for finish in finishes {
        check_finish(finish);
    }
    for (number, phase) in phases.iter().enumerate() {
        let mut all: Vec<(usize, usize, &str, Touch)> = Vec::new();
        for (thread, calls) in phase.threads.iter().enumerate() {
            for call in calls {
                for touch in touches(isa, call, finishes) {
                    let name = &*call.name;
                    let size = sizes.get(touch.view.space as usize).copied();
                    let within = size.is_some_and(|n| start(&touch) < end(&touch) && end(&touch) <= n);
                    assert!(within, "{name} leaves its space: {touch:?} of {size:?}");
                    all.push((start(&touch), thread, name, touch));
                }
            }
        }
        // By space and place: only touches that begin before the end of an earlier one can meet it. What is touched
        // alike by one thread, as a kernel for every slice of images, counts once.
        let key = |t: &Touch| {
            let strides = (t.view.row_stride, t.view.col_stride);
            (strides, t.view.offset, (t.rows.start, t.rows.end), (t.cols.start, t.cols.end), t.write)
        };
        all.sort_by_key(|(begin, thread, _, t)| (t.view.space, *begin, *thread, key(t)));
        all.dedup_by(|a, b| a.1 == b.1 && a.3.view.space == b.3.view.space && key(&a.3) == key(&b.3));
        let mut open: Vec<&(usize, usize, &str, Touch)> = Vec::new();
        for this in &all {
            let (begin, thread, name, touch) = this;
            open.retain(|o| o.3.view.space == touch.view.space && end(&o.3) > *begin);
            let meets = |o: &&&(usize, usize, &str, Touch)| {
                o.1 != *thread && (o.3.write || touch.write) && overlap(&o.3, touch)
            };
            if let Some((_, _, other, at)) = open.iter().find(meets) {
                panic!("in phase {number}, {name} and {other} of another thread meet: {touch:?} and {at:?}");
            }
            open.push(this);
        }
    }
}

fn check_finish(finish: &Finish) {
    assert!(finish.operands.len() <= OPERANDS, "a finish has too many operands");
    assert!(finish.operands.iter().all(|v| v.col_stride <= 1), "an operand's columns are not side by side");
    for (place, i) in finish.tape.iter().enumerate() {
        for argument in i.used() {
            let right = match argument {
                Argument::Result(r) => *r < place,
                Argument::Operand(o) => *o < finish.operands.len(),
                Argument::Block | Argument::Number(_) => true,
            };
            assert!(right, "an instruction reads what is not there: {i:?}");
        }
    }
    for (what, to) in &finish.stores {
        let right = match what {
            Argument::Block => true,
            Argument::Result(r) => *r < finish.tape.len(),
            _ => false,
        };
        assert!(right && to.col_stride == 1, "a finish stores what is not there: {what:?} to {to:?}");
    }
    if let Some(u) = &finish.update {
        assert!(u.states.len() <= STATES && u.states.len() == u.sweep.slots(), "an update has a wrong count of states");
        assert!(u.codecs.len() == u.states.len(), "an update has a wrong count of codecs");
        let stride = u.theta.row_stride;
        let same = |v: &View, stride: usize| v.col_stride == 1 && v.row_stride == stride;
        let states = u.states.iter().zip(&u.codecs).all(|(v, codec)| same(v, codec.len(stride)));
        assert!(same(&u.theta, stride) && states, "an update's arrays are laid out differently");
        assert!(u.at.col_stride == 1, "an update's numbers are not side by side");
    }
}

fn touches(isa: Isa, call: &Call, finishes: &[Finish]) -> Vec<Touch> {
    let (rows, cols) = (&call.rows, &call.cols);
    let mut all = Vec::new();
    let mut touch = |view: View, rows: &Range<usize>, cols: &Range<usize>, write: bool| {
        if !rows.is_empty() && !cols.is_empty() {
            // A matrix that begins in front of its space is seen from the first number that is there.
            let first = view.offset.wrapping_add(rows.start * view.row_stride + cols.start * view.col_stride);
            let (view, rows, cols) = match first < view.offset {
                true => (View { offset: first, ..view }, 0..rows.len(), 0..cols.len()),
                false => (view, rows.clone(), cols.clone()),
            };
            all.push(Touch { view, rows, cols, write });
        }
    };
    let one = &(0..1);
    match &call.work {
        Work::Product { a, b, k, .. } => {
            touch(*a, rows, &(0..*k), false);
            touch(*b, &(0..*k), cols, false);
        }
        Work::Map => {}
        Work::SumRows { source, rows: summed, onto } => {
            let source = &finishes[*source];
            assert!(rows.len() <= 1, "sums make one row");
            assert!(source.stores.is_empty() && source.update.is_none(), "what is summed is not kept");
            assert!(!source.tape.is_empty() || source.operands.len() == 1, "there is nothing to sum");
            source.operands.iter().for_each(|v| touch(*v, summed, cols, false));
            onto.iter().for_each(|v| touch(*v, rows, cols, false));
        }
        Work::Moments { x, with, places, to } => {
            let whole = cols.start == 0 && cols.end == to.row_stride && cols.end == 2 * x.row_stride;
            assert!(whole && x.col_stride == 1 && to.col_stride == 1 && *places > 0, "moments are taken of whole rows");
            let seen = rows.start * places..rows.end * places;
            touch(*x, &seen, &(0..x.row_stride), false);
            if let Some((u, m)) = with {
                let same = (u.row_stride, u.col_stride) == (x.row_stride, 1) && m.col_stride == 1;
                assert!(same, "factors are laid out differently");
                touch(*u, &seen, &(0..x.row_stride), false);
                touch(*m, one, &(0..x.row_stride), false);
            }
            touch(*to, rows, cols, true);
        }
        Work::Convolve { geometry, turned, method, factors, x, w } => {
            geometry.check();
            method.check(geometry);
            let (from, to) = (geometry.input_places(), geometry.output_places());
            let (from, to) = if *turned { (to, from) } else { (from, to) };
            let (channels, outputs) = (geometry.channels, geometry.outputs);
            let (channels, made) = if *turned { (outputs, channels) } else { (channels, outputs) };
            let whole = rows.start.is_multiple_of(to) && rows.end.is_multiple_of(to) && *cols == (0..made);
            assert!(whole, "a convolution makes whole images: {rows:?} of {to}, {cols:?}");
            assert!(*x == View { row_stride: channels, col_stride: 1, ..*x }, "images are dense");
            let [height, width] = match method {
                Method::Winograd => convolution::points(isa, *factors, geometry, *turned),
                _ => [geometry.kernel_rows(), outputs],
            };
            assert!(*w == View { row_stride: width, col_stride: 1, ..*w }, "kernels are dense");
            touch(*x, &(rows.start / to * from..rows.end / to * from), &(0..channels), false);
            touch(*w, &(0..height), &(0..width), false);
        }
        Work::Points { geometry, turned, factors, w, to } => {
            geometry.check();
            Method::Winograd.check(geometry);
            let [panels, width] = convolution::points(isa, *factors, geometry, *turned);
            assert!(rows.end <= panels && *cols == (0..width), "panels are made whole: {rows:?} of {panels}, {cols:?}");
            assert!(*w == View { row_stride: geometry.outputs, col_stride: 1, ..*w }, "kernels are dense");
            assert!(*to == View { row_stride: width, col_stride: 1, ..*to }, "panels lie one after another");
            touch(*w, &(0..geometry.kernel_rows()), &(0..geometry.outputs), false);
            touch(*to, rows, cols, true);
        }
        Work::KernelOf { geometry, method, images, x, y, to, .. } => {
            geometry.check();
            method.check(geometry);
            let (height, outputs) = (geometry.kernel_rows(), geometry.outputs);
            let whole = rows.len() == height && rows.start.is_multiple_of(height) && *cols == (0..outputs);
            assert!(whole, "one whole kernel is made: {rows:?} of {height}, {cols:?}");
            assert!(*x == View { row_stride: geometry.channels, col_stride: 1, ..*x }, "images are dense");
            assert!([*y, *to].iter().all(|v| (v.row_stride, v.col_stride) == (outputs, 1)), "outputs are dense");
            let seen = |places: usize| images.start * places..images.end * places;
            touch(*x, &seen(geometry.input_places()), &(0..geometry.channels), false);
            touch(*y, &seen(geometry.output_places()), cols, false);
            touch(*to, rows, cols, true);
        }
        Work::Windows { f, geometry, x, v } => {
            windows::check(geometry);
            let (inputs, outputs, channels) = (geometry.input_places(), geometry.output_places(), geometry.channels);
            let places = if f.back() { inputs } else { outputs };
            let whole = rows.start.is_multiple_of(places) && rows.end.is_multiple_of(places) && *cols == (0..channels);
            assert!(whole, "windows are taken of whole images: {rows:?} of {places}, {cols:?}");
            assert!(v.is_some() == f.takes_two(), "a number of arrays that {f:?} does not take");
            let images = rows.start / places..rows.end / places;
            let of = |places: usize| images.start * places..images.end * places;
            let dense = |view: &View| *view == View { row_stride: channels, col_stride: 1, ..*view };
            assert!(dense(x) && v.as_ref().is_none_or(dense), "images are dense");
            let spread = matches!(f, WindowMap::Spread { .. });
            touch(*x, &of(if spread { outputs } else { inputs }), cols, false);
            v.iter().for_each(|v| touch(*v, &of(if f.back() { outputs } else { inputs }), cols, false));
            let stored = call.finish.into_iter().flat_map(|finish| &finishes[finish].stores);
            assert!(stored.into_iter().all(|(_, v)| dense(v)), "images are dense");
        }
        Work::Arrange { pieces, zeros: _, places } => {
            let len = places * cols.len();
            let whole = rows.start.is_multiple_of(*places) && rows.end.is_multiple_of(*places) && cols.start == 0;
            assert!(whole, "samples are made whole: {rows:?} of {places}, {cols:?}");
            for (from, piece) in pieces {
                let (own, made) = piece.ends();
                assert!(made <= len && from.col_stride == 1, "a piece leaves its sample: {piece:?} of {len}");
                touch(*from, &(rows.start / places..rows.end / places), &(piece.from..own), false);
            }
            let stored = call.finish.into_iter().flat_map(|finish| &finishes[finish].stores);
            assert!(stored.into_iter().all(|(_, v)| v.row_stride == cols.end), "samples are dense");
        }
        Work::Fold { x, width, .. } => {
            assert!(x.col_stride == 1 && *cols == (0..1), "a fold gives one column");
            touch(*x, rows, &(0..*width), false);
        }
        Work::RowMap { x, y, .. } => {
            assert!(x.col_stride == 1 && y.col_stride == 1 && cols.start == 0, "rows are taken whole");
            touch(*x, rows, cols, false);
            touch(*y, rows, cols, true);
        }
        Work::Sweep { g } => {
            let finish = &finishes[call.finish.expect("a sweep has a finish")];
            let alone = finish.tape.is_empty() && finish.stores.is_empty() && finish.update.is_some();
            assert!(alone && g.col_stride == 1, "a sweep is an update alone");
            touch(*g, rows, cols, false);
        }
        Work::OneHot { labels, y } => {
            assert!(y.col_stride == 1 && cols.start == 0, "rows are taken whole");
            touch(*labels, rows, one, false);
            touch(*y, rows, cols, true);
        }
        Work::InTopK { x, labels, y, .. } => {
            assert!(x.col_stride == 1 && cols.start == 0, "rows are taken whole");
            touch(*x, rows, cols, false);
            touch(*labels, rows, one, false);
            touch(*y, rows, one, true);
        }
        Work::CrossEntropy(c) => {
            let dense = [Some(c.logits), c.dense, c.gradient.map(|(_, v)| v)];
            assert!(cols.start == 0 && dense.iter().flatten().all(|v| v.col_stride == 1), "rows are taken whole");
            assert!(c.labels.is_some() != c.dense.is_some(), "a cross-entropy has one target");
            assert!(c.in_top.is_none() || c.labels.is_some(), "ranks need an index");
            touch(c.logits, rows, cols, false);
            c.labels.iter().for_each(|v| touch(*v, rows, one, false));
            c.dense.iter().for_each(|v| touch(*v, rows, cols, false));
            c.entropy.iter().for_each(|v| touch(*v, rows, one, true));
            c.in_top.iter().for_each(|(_, v)| touch(*v, rows, one, true));
            if let Some((d, v)) = c.gradient {
                touch(d, rows, one, false);
                touch(v, rows, cols, true);
            }
        }
        Work::Symmetric { x, old, now, y, .. } => {
            assert!(rows == cols && rows.start == 0, "a matrix is taken whole");
            assert!(call.finish.is_none(), "what is made of a matrix is kept as it is");
            touch(*x, rows, cols, false);
            touch(*old, rows, cols, false);
            touch(*now, one, one, false);
            touch(*y, rows, cols, true);
        }
        Work::Spread { from, axes, y } => {
            let (last, others) = axes.split_last().expect("a spread has axes");
            let height: usize = others.iter().map(|a| a.0).product();
            assert!(height >= rows.end && *cols == (0..last.0) && last.1 <= 1, "a spread takes rows whole: {axes:?}");
            assert!((y.row_stride, y.col_stride) == (last.0, 1), "a spread makes a dense array");
            // Whole steps along the first axis; all of it for rows that don't make up whole ones.
            let step = height / others.first().map_or(1, |a| a.0);
            let first = others.first().map_or((1, 0), |a| *a);
            let (from_step, to_step) = match rows.start.is_multiple_of(step) && rows.end.is_multiple_of(step) {
                true => (rows.start / step, rows.end / step),
                false => (0, first.0),
            };
            let rest: usize = axes[1.min(axes.len() - 1)..].iter().map(|(size, stride)| (size - 1) * stride).sum();
            let rest = if others.is_empty() { (last.0 - 1) * last.1 } else { rest };
            let seen = from_step * first.1..(to_step.max(1) - 1) * first.1 + rest + 1;
            touch(View { row_stride: 0, col_stride: 1, ..*from }, one, &seen, false);
            touch(*y, rows, cols, true);
        }
    }
    if let Some(finish) = call.finish {
        let finish = &finishes[finish];
        finish.operands.iter().for_each(|v| touch(*v, rows, cols, false));
        finish.stores.iter().for_each(|(_, v)| touch(*v, rows, cols, true));
        if let Some(u) = &finish.update {
            touch(u.at, one, &(0..u.sweep.at()), false);
            touch(u.theta, rows, cols, true);
            for (v, codec) in u.states.iter().zip(&u.codecs) {
                let ends = cols.end.is_multiple_of(codec::BLOCK) || cols.end == u.theta.row_stride;
                let whole = cols.start.is_multiple_of(codec::BLOCK) && ends;
                assert!(*codec == Codec::F32 || whole, "columns of packed numbers are whole blocks: {cols:?}");
                touch(*v, rows, &(codec.len(cols.start)..codec.len(cols.end)), true);
            }
        }
    }
    all
}

fn start(t: &Touch) -> usize {
    t.view.offset.saturating_add(t.rows.start * t.view.row_stride + t.cols.start * t.view.col_stride)
}

fn end(t: &Touch) -> usize {
    t.view.offset.saturating_add((t.rows.end - 1) * t.view.row_stride + (t.cols.end - 1) * t.view.col_stride + 1)
}

/// Do two touches share a place? May say yes where they don't, never no where they do.
fn overlap(a: &Touch, b: &Touch) -> bool {
    if a.view.space != b.view.space {
        return false;
    }
    if start(a) >= end(b) || start(b) >= end(a) {
        return false;
    }
    // Parts of matrices with one and the same long stride are rectangles in a grid as wide as it, whose lines may be
    // taken to begin where either matrix begins.
    let meet = |p: &Range<usize>, q: &Range<usize>| p.start < q.end && q.start < p.end;
    let apart = |origin: usize| match (rectangle(a, origin), rectangle(b, origin)) {
        (Some((w, top, left)), Some((v, t, l))) if w == v => !(meet(&top, &t) && meet(&left, &l)),
        _ => false,
    };
    !apart(a.view.offset) && !apart(b.view.offset)
}

/// Width of the grid, rows and columns in it, if no line of the touch goes over the grid's edge.
fn rectangle(t: &Touch, origin: usize) -> Option<(usize, Range<usize>, Range<usize>)> {
    let ((width, lines), across) = match (t.view.row_stride, t.view.col_stride) {
        (w, 1) if w > 1 => ((w, &t.rows), &t.cols),
        (1, w) if w > 1 => ((w, &t.cols), &t.rows),
        _ => return None,
    };
    let offset = t.view.offset + width - origin % width;
    let (top, left) = (offset / width, offset % width);
    let wraps = left + across.end > width;
    (!wraps).then(|| (width, top + lines.start..top + lines.end, left + across.start..left + across.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(offset: usize, row_stride: usize, col_stride: usize, rows: Range<usize>, cols: Range<usize>) -> Touch {
        Touch { view: View { space: 0, offset, row_stride, col_stride }, rows, cols, write: true }
    }

    /// The rule against all places, one by one.
    #[test]
    fn overlap_never_misses() {
        let places = |t: &Touch| {
            let at = |r: usize, c: usize| t.view.offset + r * t.view.row_stride + c * t.view.col_stride;
            let mut all: Vec<usize> =
                t.rows.clone().flat_map(|r| t.cols.clone().map(move |c| (r, c))).map(|(r, c)| at(r, c)).collect();
            all.sort_unstable();
            all
        };
        let mut some = Vec::new();
        for offset in [0, 3, 7, 10, 16, 23] {
            for (rs, cs) in [(7, 1), (1, 7), (0, 1), (1, 0), (1, 1)] {
                for (r0, r1, c0, c1) in [(0, 2, 0, 3), (1, 3, 3, 6), (0, 3, 3, 4), (2, 3, 0, 7)] {
                    some.push(touch(offset, rs, cs, r0..r1, c0..c1));
                }
            }
        }
        for a in &some {
            for b in &some {
                let (p, q) = (places(a), places(b));
                let share = p.iter().any(|x| q.binary_search(x).is_ok());
                assert!(!share || overlap(a, b), "{a:?} and {b:?} meet");
            }
        }
        let halves = (touch(0, 7, 1, 0..3, 0..3), touch(0, 7, 1, 0..3, 3..7));
        assert!(!overlap(&halves.0, &halves.1), "columns of one matrix are apart");
    }
}
