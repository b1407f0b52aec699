//! What a convolution is.

use super::product;

/// A convolution of images `[spatial…, channels]` with 1 to 3 spatial axes, the missing ones in front of size 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Spatial sizes of the input.
    pub input: [usize; 3],
    /// Numbers at each of its places.
    pub channels: usize,
    /// Spatial sizes of the output.
    pub output: [usize; 3],
    /// Numbers at each of its places.
    pub outputs: usize,
    /// Sizes of the window.
    pub size: [usize; 3],
    /// From one window to the next.
    pub strides: [usize; 3],
    /// From one place of the window to the next.
    pub dilation: [usize; 3],
    /// Places of padding in front.
    pub before: [usize; 3],
    /// Parts that channels and outputs are cut into.
    pub groups: usize,
}

impl Geometry {
    /// Numbers of an input image.
    pub fn input_len(&self) -> usize {
        product(self.input) * self.channels
    }
    /// Places of an input image.
    pub fn input_places(&self) -> usize {
        product(self.input)
    }
    /// Places of an output image.
    pub fn output_places(&self) -> usize {
        product(self.output)
    }
    /// Numbers of an output image.
    pub fn output_len(&self) -> usize {
        product(self.output) * self.outputs
    }
    /// Rows of the kernel: places of the window times channels of a group.
    pub fn kernel_rows(&self) -> usize {
        product(self.size) * self.channels / self.groups
    }
    /// Panics if the parts don't fit together: then a walk would leave its image.
    pub fn check(&self) {
        let divides = |n: usize| self.groups > 0 && n.is_multiple_of(self.groups);
        let groups = divides(self.channels) && divides(self.outputs);
        assert!(groups && self.channels > 0 && self.outputs > 0, "groups must divide channels and outputs: {self:?}");
        for i in 0..3 {
            let least = self.size[i].min(self.strides[i]).min(self.dilation[i]).min(self.input[i]).min(self.output[i]);
            assert!(least > 0, "a convolution without a place: {self:?}");
            let span = (self.output[i] - 1) * self.strides[i] + self.reach(i);
            let fits = self.before[i] < self.reach(i) && span < self.before[i] + self.input[i] + self.reach(i);
            assert!(fits, "windows leave the padded input: {self:?}");
        }
    }
    pub(super) fn reach(&self, axis: usize) -> usize {
        (self.size[axis] - 1) * self.dilation[axis] + 1
    }
    /// Does every channel go through a kernel of its own?
    pub(super) fn depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.channels && self.channels == self.outputs
    }
    /// Do inputs some steps apart see different places of the window?
    pub(super) fn strided(&self) -> bool {
        self.strides != [1; 3] && self.dilation == [1; 3] && !self.depthwise()
    }
    /// Every place within the strides.
    pub(super) fn residues(&self) -> impl Iterator<Item = [usize; 3]> + use<> {
        let s = self.strides;
        (0..product(s)).map(move |i| [i / s[1] / s[2], i / s[2] % s[1], i % s[2]])
    }
    /// Is each output a product of one place alone, so that images are but rows?
    pub(super) fn pointwise(&self) -> bool {
        self.size == [1; 3] && self.strides == [1; 3] && self.input == self.output
    }
}
