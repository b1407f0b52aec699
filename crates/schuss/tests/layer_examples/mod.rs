//! Layers on inputs of odd sizes, for the tests over the table.

use schuss::activations;
use schuss::layers::*;
use schuss::model::{INPUT, Network};
use std::sync::Arc;

/// Layers on inputs of these sizes, at least one of each kind.
pub fn examples() -> Vec<(Vec<usize>, AnyLayer)> {
    let dense = || Dense::new(3).bias_initializer("constant(0.25)");
    let example = |input: &[usize], layer: AnyLayer| (input.to_vec(), layer);
    let mut all = vec![
        example(&[17], Arc::new(dense())),
        example(&[1], Arc::new(Dense::new(1).use_bias(false))),
        example(&[5, 7], Arc::new(dense().activation("tanh"))),
        example(&[7], Arc::new(dense().kernel_regularizer("l1_l2(0.5, 0.25)").bias_regularizer("l2(0.5)"))),
        example(&[5], Arc::new(Activation::new("softmax"))),
        example(&[3], Arc::new(BatchNormalization::new())),
        example(&[2, 3], Arc::new(BatchNormalization::new().epsilon(0.5).scale(false))),
        example(&[2, 2, 3], Arc::new(BatchNormalization::new().center(false))),
        example(&[17, 3], Arc::new(Dropout::new(0.3))),
        example(&[], Arc::new(Flatten)),
        example(&[3, 5, 2], Arc::new(Flatten)),
        example(&[6, 5], Arc::new(Reshape::new(&[2, 15]))),
        example(&[6, 5], Arc::new(Take::new(7, &[4, 3]))),
        example(&[100], Arc::new(QuadraticDeep)),
        example(&[2, 3], Arc::new(StochasticDepth::new(0.4))),
        example(&[2, 3], Arc::new(Rescaling { scale: 0.25, offset: -1.5 })),
        example(&[3, 4, 2], Arc::new(WhiteningConv2D::new(2, 0.0005))),
    ];
    all.extend(MERGES.map(|kind| example(&[3, 2], registry().make(kind, &[]).unwrap())));
    all.push(example(&[3, 2], Arc::new(Concatenate::new(1))));
    all.extend(image_examples());
    all.extend(activations::registry().names().into_iter().map(|a| example(&[5], Arc::new(dense().activation(a)))));
    all
}

/// Layers that take several inputs.
pub const MERGES: [&str; 7] = ["add", "average", "concatenate", "maximum", "minimum", "multiply", "subtract"];

/// Adds the layer behind the last one: a layer of several inputs takes that and functions of it.
pub fn push(model: &mut Network, layer: &AnyLayer) {
    if !MERGES.contains(&layer.kind()) {
        return model.push(None, layer.clone());
    }
    let x = model.layers().last().map_or(INPUT.to_owned(), |l| l.name.clone());
    let left = model.connect(None, Arc::new(Activation::new("tanh")), &[&x]);
    let right = model.connect(None, Arc::new(Activation::new("softsign")), &[&x]);
    let all = [left.as_str(), &right, &x];
    model.connect(None, layer.clone(), if layer.kind() == "subtract" { &all[..2] } else { &all });
}

/// Layers over images, at odd sizes.
fn image_examples() -> Vec<(Vec<usize>, AnyLayer)> {
    let mut all: Vec<(Vec<usize>, AnyLayer)> = Vec::new();
    let mut add = |input: &[usize], layer: AnyLayer| all.push((input.to_vec(), layer));
    let start = "constant(0.25)";
    add(&[7, 2], Arc::new(Conv1D::new(3, [3]).padding("causal").dilation_rate([2]).bias_initializer(start)));
    add(&[5, 4, 3], Arc::new(Conv2D::new(2, [3, 2]).strides([2, 1]).padding("same").activation("tanh")));
    add(&[4, 5, 4], Arc::new(Conv2D::new(6, [2, 2]).groups(2).kernel_regularizer("l2(0.5)").use_bias(false)));
    add(&[3, 4, 3, 2], Arc::new(Conv3D::new(2, [2, 2, 3]).padding("same").strides([1, 2, 1])));
    let transpose = || Conv2DTranspose::new(2, [3, 2]).bias_initializer(start);
    add(&[3, 4, 2], Arc::new(transpose().strides([2, 2]).padding("same")));
    add(&[2, 3, 3], Arc::new(transpose().strides([2, 3])));
    add(&[2, 3, 1], Arc::new(transpose().strides([3, 2]).output_padding([2, 0])));
    add(&[3, 2, 2], Arc::new(transpose().dilation_rate([2, 1])));
    add(&[5, 4, 3], Arc::new(DepthwiseConv2D::new([3, 2]).depth_multiplier(2).padding("same").activation("sigmoid")));
    add(&[4, 5, 2], Arc::new(SeparableConv2D::new(3, [2, 3]).strides([2, 1]).depth_multiplier(2)));
    add(&[7, 3], Arc::new(MaxPooling1D::new([3]).strides([2]).padding("same")));
    add(&[5, 6, 2], Arc::new(MaxPooling2D::new([2, 2])));
    add(&[3, 4, 5, 2], Arc::new(MaxPooling3D::new([2, 1, 2])));
    add(&[7, 3], Arc::new(AveragePooling1D::new([3]).padding("same")));
    add(&[5, 6, 2], Arc::new(AveragePooling2D::new([3, 2]).strides([1, 2]).padding("same")));
    add(&[3, 4, 3, 2], Arc::new(AveragePooling3D::new([2, 2, 3])));
    add(&[5, 3], Arc::new(GlobalMaxPooling1D::new()));
    add(&[3, 4, 2], Arc::new(GlobalMaxPooling2D::new().keepdims(true)));
    add(&[3, 2, 2, 3], Arc::new(GlobalMaxPooling3D::new()));
    add(&[5, 3], Arc::new(GlobalAveragePooling1D::new()));
    add(&[3, 4, 2], Arc::new(GlobalAveragePooling2D::new()));
    add(&[3, 2, 2, 3], Arc::new(GlobalAveragePooling3D::new().keepdims(true)));
    add(&[7], Arc::new(LayerNormalization::new()));
    add(&[3, 2, 5], Arc::new(LayerNormalization::new().axis(&[1, 3]).epsilon(0.1)));
    add(&[7], Arc::new(RMSNormalization::new()));
    add(&[3, 4, 2], Arc::new(RMSNormalization::new().axis(&[-2, -1])));
    add(&[3, 2, 6], Arc::new(GroupNormalization::new(3).epsilon(0.01)));
    add(&[4, 2], Arc::new(GroupNormalization::new(-1)));
    add(&[3, 4, 5], Arc::new(SpatialDropout2D::new(0.4)));
    add(&[3, 2, 2], Arc::new(ZeroPadding2D::new([[1, 0], [2, 1]])));
    add(&[5, 4, 3], Arc::new(Cropping2D::new([[1, 2], [0, 1]])));
    add(&[3, 2, 2], Arc::new(UpSampling2D::new([2, 3])));
    add(&[3, 2, 2], Arc::new(UpSampling2D::new([2, 3]).interpolation("bilinear")));
    add(&[17], Arc::new(ReLU::new()));
    add(&[17], Arc::new(ReLU::new().max_value(0.7).negative_slope(0.1).threshold(0.25)));
    add(&[5, 3], Arc::new(LeakyReLU::new(0.3)));
    add(&[5, 3], Arc::new(ELU::new(0.7)));
    add(&[5, 3], Arc::new(Softmax));
    add(&[3, 2, 5], Arc::new(PReLU::new().shared_axes(&[1, 2]).alpha_initializer(start)));
    add(&[5], Arc::new(PReLU::new().alpha_regularizer("l2(0.5)")));
    // So many places of 17 samples are summed in parts.
    add(&[6, 6, 2], Arc::new(PReLU::new().shared_axes(&[1, 2]).alpha_initializer(start)));
    all
}
