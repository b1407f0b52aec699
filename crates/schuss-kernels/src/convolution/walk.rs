//! Windows that move over an image, and where what they see lies in memory.

use super::{Geometry, Kernels};

pub(super) fn product(sizes: [usize; 3]) -> usize {
    sizes.iter().product()
}

/// What a walk over an image computes at each of its windows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    /// The image's sizes and numbers a place.
    pub(super) from: [usize; 3],
    pub(super) channels: usize,
    /// How far its places are apart once zeros are between them.
    pub(super) spread: [usize; 3],
    /// Zeros in front; below 0, places that no window sees.
    pub(super) before: [isize; 3],
    /// Sizes of what windows move over: the image, or the copy with zeros.
    pub(super) pitch: [usize; 3],
    /// Is there a copy?
    pub(super) copy: bool,
    /// Windows.
    pub(super) to: [usize; 3],
    pub(super) strides: [usize; 3],
    pub(super) size: [usize; 3],
    pub(super) dilation: [usize; 3],
    pub(super) groups: usize,
}

/// A derivative by inputs that lie some steps apart, which see only some places of the window: how many places, the
/// first of them, and how many inputs there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Residue {
    pub(super) size: [usize; 3],
    pub(super) first: [usize; 3],
    pub(super) to: [usize; 3],
    /// Zeros in front, or, below 0, outputs that are seen by none.
    pub(super) before: [isize; 3],
}

impl Residue {
    /// For inputs `r`, `r` + strides and so on.
    pub(super) fn new(g: &Geometry, r: [usize; 3]) -> Self {
        let first: [usize; 3] = std::array::from_fn(|i| (r[i] + g.before[i]) % g.strides[i]);
        let size: [usize; 3] = std::array::from_fn(|i| g.size[i].saturating_sub(first[i]).div_ceil(g.strides[i]));
        let to = std::array::from_fn(|i| g.input[i].saturating_sub(r[i]).div_ceil(g.strides[i]));
        // Input r sees output (r + before − first) / stride with its first place, and the ones before with the others.
        let before = std::array::from_fn(|i| {
            let output = (r[i] + g.before[i] - first[i]) / g.strides[i];
            size[i] as isize - 1 - output as isize
        });
        Residue { size, first, to, before }
    }
}

impl Walk {
    /// Over inputs.
    pub(super) fn forward(kernels: &Kernels, g: &Geometry) -> Self {
        if g.pointwise() {
            return Self::rows(kernels, g, g.channels);
        }
        let padded: [usize; 3] = std::array::from_fn(|i| (g.output[i] - 1) * g.strides[i] + g.reach(i));
        let copy = kernels.rounds || (0..3).any(|i| g.before[i] > 0 || padded[i] > g.input[i]);
        Walk {
            from: g.input,
            channels: g.channels,
            spread: [1; 3],
            before: g.before.map(|n| n as isize),
            pitch: if copy { padded } else { g.input },
            copy,
            to: g.output,
            strides: g.strides,
            size: g.size,
            dilation: g.dilation,
            groups: g.groups,
        }
    }
    /// Over outputs, to inputs.
    pub(super) fn turned(kernels: &Kernels, g: &Geometry) -> Self {
        if g.pointwise() {
            return Self::rows(kernels, g, g.outputs);
        }
        let before: [isize; 3] = std::array::from_fn(|i| (g.reach(i) - 1 - g.before[i]) as isize);
        let pitch: [usize; 3] = std::array::from_fn(|i| g.input[i] + g.reach(i) - 1);
        Walk {
            from: g.output,
            channels: g.outputs,
            spread: g.strides,
            before,
            pitch,
            copy: kernels.rounds || pitch != g.output || g.strides != [1; 3],
            to: g.input,
            strides: [1; 3],
            size: g.size,
            dilation: g.dilation,
            groups: g.groups,
        }
    }
    /// Over outputs, to the inputs of a residue.
    pub(super) fn residue(kernels: &Kernels, g: &Geometry, r: &Residue) -> Self {
        let pitch = std::array::from_fn(|i| (r.to[i] + r.size[i]).saturating_sub(1));
        Walk {
            from: g.output,
            channels: g.outputs,
            spread: [1; 3],
            before: r.before,
            pitch,
            copy: kernels.rounds || pitch != g.output || r.before != [0; 3],
            to: r.to,
            strides: [1; 3],
            size: r.size,
            dilation: [1; 3],
            groups: g.groups,
        }
    }
    /// An image as one row of places.
    fn rows(kernels: &Kernels, g: &Geometry, channels: usize) -> Self {
        let row = [1, 1, product(g.input)];
        let ones = [1; 3];
        Walk {
            from: row,
            channels,
            spread: ones,
            before: [0; 3],
            pitch: row,
            copy: kernels.rounds,
            to: row,
            strides: ones,
            size: ones,
            dilation: ones,
            groups: g.groups,
        }
    }
    pub(super) fn image_len(&self) -> usize {
        product(self.from) * self.channels
    }
    /// Numbers of the copy.
    pub(super) fn copied(&self) -> usize {
        if self.copy { product(self.pitch) * self.channels } else { 0 }
    }
    /// Does one stretch hold what a window sees along the last axis?
    pub(super) fn joined(&self) -> bool {
        self.dilation[2] == 1 && self.groups == 1
    }
    /// Numbers of a stretch.
    pub(super) fn stretch(&self) -> usize {
        if self.joined() { self.size[2] * self.channels } else { self.channels / self.groups }
    }
    /// Where the stretches of a window begin, from its first place on, in the order of the kernel's rows.
    pub(super) fn stretches(&self, group: usize) -> impl Iterator<Item = usize> + use<> {
        let w = *self;
        let last = if w.joined() { 1 } else { w.size[2] };
        (0..w.size[0] * w.size[1] * last).map(move |i| {
            let at = [i / last / w.size[1], i / last % w.size[1], i % last];
            let place =
                (at[0] * w.dilation[0] * w.pitch[1] + at[1] * w.dilation[1]) * w.pitch[2] + at[2] * w.dilation[2];
            place * w.channels + group * (w.channels / w.groups)
        })
    }
    /// Where the windows of the i-th row of windows begin.
    pub(super) fn row(&self, i: usize) -> usize {
        let at = [i / self.to[1] * self.strides[0], i % self.to[1] * self.strides[1]];
        (at[0] * self.pitch[1] + at[1]) * self.pitch[2] * self.channels
    }
    /// Rows of windows.
    pub(super) fn row_count(&self) -> usize {
        self.to[0] * self.to[1]
    }
    /// Copies an image to where its zeros are already.
    pub(super) unsafe fn fill(&self, kernels: &Kernels, from: *const f32, to: *mut f32) {
        let c = self.channels;
        // Where a place of the image is in the copy, if windows see it there.
        let at = |i: usize, place: usize| self.before[i] + (place * self.spread[i]) as isize;
        let within = |i: usize| {
            let seen = move |place: &usize| (0..self.pitch[i] as isize).contains(&at(i, *place));
            (0..self.from[i]).filter(seen)
        };
        let (Some(left), width) = (within(2).next(), within(2).count()) else { return };
        for d in within(0) {
            for h in within(1) {
                let source = ((d * self.from[1] + h) * self.from[2] + left) * c;
                let row = at(0, d) as usize * self.pitch[1] + at(1, h) as usize;
                let target = (row * self.pitch[2] + at(2, left) as usize) * c;
                // SAFETY: places of the image and of the copy.
                unsafe {
                    let from = from.add(source);
                    if self.spread[2] == 1 {
                        (kernels.copy)(from, kernels.place(to, target), width * c);
                    } else {
                        for i in 0..width {
                            (kernels.copy)(from.add(i * c), kernels.place(to, target + i * self.spread[2] * c), c);
                        }
                    }
                }
            }
        }
    }
}
