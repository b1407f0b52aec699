//! Every layer of the table: its derivatives, with respect to input and parameters, against central differences, and a
//! stack of them against Keras in float64 (`testdata/training/dense.json`, made by `xtask/oracle/training.py`).

mod derivatives;
mod layer_examples;
mod table;
mod testdata;

use layer_examples::examples;
use schuss::graph::ops::input::Source;
use schuss::graph::{Moment, Reference, Tensor, Value, backpropagate};
use schuss::layers::*;
use schuss::model::{Objective, Sequential};
use schuss::registry::{Argument, Settings};
use schuss::target::TargetKind;
use schuss::{activations, build::Built, losses};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// For settings that are words, some that are not the default.
fn words(layer: &str, setting: &str) -> &'static str {
    match (layer, setting) {
        (_, "activation") => "leaky_relu(0.125)",
        (_, "kernel_initializer") => "he_normal",
        (_, "bias_initializer" | "alpha_initializer") => "constant(0.5)",
        (_, "beta_initializer" | "moving_mean_initializer") => "constant(0.25)",
        (_, "gamma_initializer" | "moving_variance_initializer") => "constant(2.0)",
        (_, "depthwise_initializer" | "pointwise_initializer") => "he_normal",
        (_, "alpha_regularizer" | "depthwise_regularizer" | "gamma_regularizer") => "l1(0.25)",
        (_, "beta_regularizer" | "pointwise_regularizer") => "l2(0.25)",
        (_, "kernel_regularizer") => "l1_l2(l1=0.25, l2=0.125)",
        (_, "bias_regularizer") => "l2(0.5)",
        _ => panic!("what is `{setting}` of {layer}?"),
    }
}

fn built(input: &[usize], layer: &AnyLayer, training: bool) -> schuss::Result<Built> {
    let mut model = Sequential::new(input);
    layer_examples::push(&mut model, layer);
    model.build(training)
}

fn error(input: &[usize], layer: impl Layer + 'static) -> String {
    built(input, &(Arc::new(layer) as AnyLayer), true).map(|_| ()).expect_err("that does not fit").to_string()
}

#[test]
fn entries_are_documented_and_made_again_from_their_settings() {
    table::check(&registry(), words, |l| (l.kind(), l.settings()));
}

#[test]
fn derivatives_are_those_of_central_differences() {
    let batch = 3;
    for (input, layer) in examples() {
        for training in [true, false] {
            let built = built(&input, &layer, training).unwrap();
            let Built { mut graph, input: x, output, parameters, buffers, penalties, .. } = built;
            let mut leaves = vec![x];
            leaves.extend(parameters.iter().map(|p| graph.find(Source::Parameter, &p.name).unwrap()));
            let c = graph.input(Source::Data, "c", graph.shape(output).clone());
            leaves.push(c);
            let product = graph.multiply(c, output).unwrap();
            let mut loss = graph.sum(product).unwrap();
            for penalty in penalties {
                loss = graph.add(loss, penalty).unwrap();
            }
            let sizes = |v: &Value| graph.shape(*v).sizes(batch);
            let mut point: Vec<Tensor> =
                leaves.iter().enumerate().map(|(i, v)| derivatives::random(&sizes(v), 7, &format!("{i}"))).collect();
            let all: Vec<usize> = (0..leaves.len()).collect();
            for buffer in &buffers {
                // Moving statistics, of which a variance is positive; nothing is differentiated by them.
                leaves.push(graph.find(Source::Parameter, &buffer.name).unwrap());
                point.push(Tensor::full(&buffer.shape, 0.75));
            }
            let found = derivatives::check_at(&mut graph, batch, loss, &leaves, &point, &all, 1);
            assert_eq!(found, Ok(()), "{layer:?} on {input:?}, training: {training}");
        }
    }
    let seen: BTreeSet<_> = examples().iter().map(|(_, layer)| layer.kind()).collect();
    assert_eq!(seen, registry().names().into_iter().collect(), "a layer has no example");
}

#[derive(Deserialize)]
struct Case {
    name: String,
    layers: Vec<BTreeMap<String, Argument>>,
    loss: String,
    loss_settings: BTreeMap<String, Argument>,
    kernel_l2: f64,
    input_shape: [usize; 2],
    input: Vec<f64>,
    target: Vec<f64>,
    sample_weight: Option<Vec<f64>>,
    shapes: Vec<Vec<usize>>,
    start: Vec<Vec<f64>>,
    loss_at_start: f64,
    gradients_at_start: Vec<Vec<f64>>,
}

#[test]
fn losses_and_gradients_of_a_stack_are_those_of_keras() {
    for case in testdata::cases::<Case>("training/dense.json") {
        let [batch, inputs] = case.input_shape;
        let mut model = Sequential::new(&[inputs]);
        for settings in &case.layers {
            let mut given: Vec<_> = settings.clone().into_iter().collect();
            if case.kernel_l2 > 0.0 {
                given.push(("kernel_regularizer".into(), Argument::Text(format!("l2({:?})", case.kernel_l2))));
            }
            model.push(None, registry().make("dense", &given).unwrap());
        }
        let settings: Vec<_> = case.loss_settings.clone().into_iter().collect();
        let loss = losses::registry().make(&case.loss, &settings).unwrap();
        let outputs = case.shapes.last().unwrap()[0];
        let kind = match case.target.len() {
            n if n == batch => TargetKind::Class(outputs),
            _ => TargetKind::Numbers(outputs),
        };
        let weighted = case.sample_weight.is_some();
        let mut objective = Objective::new(&model, &loss, &[], kind, weighted, true, |_| true).unwrap();
        let g = &mut objective.graph;
        let sum = g.sum(objective.losses).unwrap();
        let mut total = g.scale(sum, 1.0 / batch as f64).unwrap();
        if let Some(penalty) = objective.penalty {
            total = g.add(total, penalty).unwrap();
        }
        let mut wanted = vec![total];
        wanted.extend(objective.gradients.iter().map(|(_, gradient)| *gradient));

        let mut reference = Reference::new(g, batch);
        let mut set = |source, name: &str, data: &[f64]| {
            let sizes = g.shape(g.find(source, name).unwrap()).sizes(batch);
            reference.set(source, name, Tensor::new(&sizes, data.to_vec()));
        };
        set(Source::Data, "x", &case.input);
        set(Source::Data, "y", &case.target);
        set(Source::Setting, "scale", &[1.0 / batch as f64]);
        if objective.penalty.is_some() {
            set(Source::Setting, "share", &[1.0]);
        }
        if let Some(weight) = &case.sample_weight {
            set(Source::Data, "weight", weight);
        }
        for ((parameter, shape), start) in objective.parameters.iter().zip(&case.shapes).zip(&case.start) {
            assert_eq!(&parameter.shape, shape, "{}", parameter.name);
            set(Source::Parameter, &parameter.name, start);
        }
        let found = reference.run(&wanted);
        testdata::assert_near(&case.name, &found[0].data, &[case.loss_at_start], 1e-13);
        assert_eq!(found.len() - 1, case.gradients_at_start.len());
        for ((found, expected), parameter) in found[1..].iter().zip(&case.gradients_at_start).zip(&objective.parameters)
        {
            testdata::assert_near(&format!("{}, {}", case.name, parameter.name), &found.data, expected, 1e-13);
        }
    }
}

#[test]
fn shapes_are_those_of_keras() {
    let shape = |input: &[usize], layer: AnyLayer| {
        let built = built(input, &layer, true).unwrap();
        built.graph.shape(built.output).to_string()
    };
    assert_eq!(shape(&[4], Arc::new(Dense::new(3))), "[batch, 3]");
    assert_eq!(shape(&[2, 4], Arc::new(Dense::new(3))), "[batch, 2, 3]");
    assert_eq!(shape(&[], Arc::new(Flatten)), "[batch, 1]");
    assert_eq!(shape(&[2, 3, 4], Arc::new(Flatten)), "[batch, 24]");
    assert_eq!(shape(&[2, 6], Arc::new(Reshape::new(&[3, 2, 2]))), "[batch, 3, 2, 2]");
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let starts = |error: String, with: &str| assert!(error.starts_with(with), "{error}");
    starts(error(&[], Dense::new(3)), "layer dense: the input is [batch] and must be [batch, …, inputs] [dense-input]");
    starts(error(&[4], Dense::new(0)), "layer dense: parameter dense/kernel of shape [4, 0] has no elements");
    starts(error(&[4], Reshape::new(&[3])), "layer reshape: reshape: shape [batch, 4] does not become [batch, 3]");
    starts(error(&[4], Dropout::new(1.0)), "layer dropout: `rate` is 1.0; allowed is a number from 0 to below 1");
    starts(error(&[4], Dropout::new(f64::NAN)), "layer dropout: `rate` is NaN");
    starts(
        error(&[], BatchNormalization::new()),
        "layer batch_normalization: the input is [batch] and must be [batch, …, channels] [normalization-input]",
    );
    starts(error(&[4], BatchNormalization::new().momentum(1.0)), "layer batch_normalization: `momentum` is 1.0");
    starts(error(&[4], BatchNormalization::new().epsilon(0.0)), "layer batch_normalization: `epsilon` is 0.0");
    starts(
        error(&[4], BatchNormalization::new().gamma_initializer("one")),
        "layer batch_normalization: no initializer",
    );
    let whitening = || WhiteningConv2D::new(3, 0.1);
    starts(error(&[4, 4], whitening()), "layer whitening_conv2d: the input is [batch, 4, 4] and must be");
    starts(error(&[2, 4, 1], whitening()), "layer whitening_conv2d: ");
    starts(error(&[4], QuadraticDeep), "layer quadratic_deep: the input is [batch, 4] and must be [batch, 100]");
    starts(
        error(&[4], StochasticDepth::new(-0.5)),
        "layer stochastic_depth: `rate` is -0.5; allowed is a number from 0",
    );
    starts(error(&[4], Activation::new("rleu")), "layer activation: no activation `rleu`; did you mean `relu`?");
    let dense = || Dense::new(1);
    starts(
        error(&[4], dense().activation("relu(1)")),
        "layer dense: activation `relu(1)`: more values than its 0 settings",
    );
    starts(error(&[4], dense().kernel_initializer("xavier")), "layer dense: no initializer `xavier`");
    starts(error(&[4], dense().bias_initializer("zero")), "layer dense: no initializer `zero`; did you mean `zeros`?");
    starts(error(&[4], dense().kernel_regularizer("l2(-1)")), "layer dense: regularizer l2: `l2` is -1");
    starts(error(&[4], dense().bias_regularizer("l3")), "layer dense: no regularizer `l3`; did you mean");

    let given = [("units".into(), Argument::Int(3)), ("kernel_initializer".into(), Argument::Text("he".into()))];
    starts(registry().make("dense", &given).unwrap_err().to_string(), "layer dense: no initializer `he`");
    let given = [("activation".into(), Argument::Text("tahn".into()))];
    starts(registry().make("activation", &given).unwrap_err().to_string(), "layer activation: no activation `tahn`");
}

#[test]
fn images_that_do_not_fit_are_refused_by_name_and_shapes() {
    let is = |error: String, expected: &str| assert_eq!(error, expected);
    let conv = || Conv2D::new(4, [3, 3]);
    is(
        error(&[28, 28], conv()),
        "layer conv2d: the input is [batch, 28, 28] and must be [batch, height, width, channels]; a layer `reshape` with \
         target_shape [28, 28, 1] before it adds an axis of one channel [image-axes]",
    );
    is(
        error(&[28], MaxPooling2D::new([2, 2])),
        "layer max_pooling2d: the input is [batch, 28] and must be [batch, height, width, channels] [image-axes]",
    );
    is(
        error(&[2, 5, 3], conv()),
        "layer conv2d: the window reaches 3 along spatial axis 0, and the input [2, 5] has 2 there [window]",
    );
    is(
        error(&[5, 5, 3], conv().dilation_rate([1, 3])),
        "layer conv2d: the window reaches 7 along spatial axis 1, and the input [5, 5] has 5 there [window]",
    );
    is(
        error(&[5, 1, 3], MaxPooling2D::new([2, 2])),
        "layer max_pooling2d: max_pool: the window reaches 2 along spatial axis 1, and the input [5, 1] has 1 there \
         [window]",
    );
    let starts = |error: String, with: &str| assert!(error.starts_with(with), "{error}");
    starts(
        error(&[5, 5, 3], conv().strides([0, 1])),
        "layer conv2d: window [3, 3], strides [0, 1], dilation [1, 1]: each",
    );
    starts(error(&[5, 5, 3], conv().strides([0, 1]).padding("same")), "layer conv2d: window [3, 3], strides [0, 1]");
    starts(error(&[5, 5, 3], Conv2D::new(4, [0, 3])), "layer conv2d: window [0, 3]");
    starts(
        error(&[5, 5, 3], Conv2D::new(0, [3, 3])),
        "layer conv2d: parameter conv2d/kernel of shape [3, 3, 3, 0] has no",
    );
    let both = conv().strides([2, 1]).dilation_rate([1, 2]);
    let message = "strides [2, 1] and dilation_rate [1, 2]: only one of them may exceed 1 [strides-and-dilation]";
    is(error(&[9, 9, 3], both), &format!("layer conv2d: {message}"));
    let both = Conv2DTranspose::new(4, [3, 3]).strides([2, 1]).dilation_rate([1, 2]);
    is(error(&[9, 9, 3], both), &format!("layer conv2d_transpose: {message}"));
    is(
        error(&[5, 5, 3], conv().groups(2)),
        "layer conv2d: 2 groups do not divide the 3 channels of [batch, 5, 5, 3] and 4 filters [groups]",
    );
    starts(error(&[5, 5, 3], conv().groups(0)), "layer conv2d: 0 groups do not divide");
    starts(error(&[5, 5, 3], Conv2D::new(4, [3, 3]).groups(3)), "layer conv2d: 3 groups do not divide the 3 channels");
    starts(
        error(&[5, 5, 3], conv().padding("full")),
        "layer conv2d: `padding` is \"full\"; allowed is one of valid, same",
    );
    starts(
        error(&[5, 5, 3], conv().padding("causal")),
        "layer conv2d: `padding` is \"causal\"; allowed is one of valid",
    );
    starts(
        error(&[5, 5, 3], DepthwiseConv2D::new([6, 1])),
        "layer depthwise_conv2d: the window reaches 6 along spatial",
    );
    starts(error(&[5, 5], DepthwiseConv2D::new([2, 1])), "layer depthwise_conv2d: the input is [batch, 5, 5] and must");
    starts(error(&[5, 5, 3], SeparableConv2D::new(2, [1, 6])), "layer separable_conv2d: the window reaches 6");
    starts(error(&[5], GlobalAveragePooling2D::new()), "layer global_average_pooling2d: the input is [batch, 5] and");
    starts(error(&[5, 5], SpatialDropout2D::new(0.5)), "layer spatial_dropout2d: the input is [batch, 5, 5] and");
    starts(error(&[5, 5, 1], SpatialDropout2D::new(1.0)), "layer spatial_dropout2d: `rate` is 1.0; allowed is");
    let padded = Conv2DTranspose::new(2, [3, 3]).output_padding([1, 0]);
    starts(error(&[5, 5, 1], padded), "layer conv2d_transpose: `output_padding` is 1 and must be below the stride, 1");
    starts(error(&[5, 5, 1], Conv2DTranspose::new(2, [3, 0])), "layer conv2d_transpose: window [3, 0], strides [1, 1]");
    starts(
        error(&[5, 5, 1], Conv2DTranspose::new(2, [3, 3]).strides([0, 1])),
        "layer conv2d_transpose: window [3, 3], str",
    );
    starts(
        error(&[5, 5, 1], Conv2DTranspose::new(2, [3, 3]).padding("no")),
        "layer conv2d_transpose: `padding` is \"no\"",
    );
    is(
        error(&[3, 5, 1], Cropping2D::new([[1, 2], [0, 0]])),
        "layer cropping2d: cutting [[1, 2], [0, 0]] off [batch, 3, 5, 1] leaves nothing [nothing-left]",
    );
    starts(
        error(&[3, 5, 1], ZeroPadding2D::new([[usize::MAX, 1], [0, 0]])),
        "layer zero_padding2d: pad: [batch, 3, 5, 1]",
    );
    starts(error(&[3, 5, 1], UpSampling2D::new([0, 1])), "layer up_sampling2d: factors [0, 1] do not make sense for");
    starts(
        error(&[3, 5, 1], UpSampling2D::new([1, 1]).interpolation("cubic")),
        "layer up_sampling2d: `interpolation` is",
    );
    is(
        error(&[4, 6], GroupNormalization::new(4)),
        "layer group_normalization: 4 groups do not divide the channels, the last axis of [batch, 4, 6] [groups]",
    );
    starts(error(&[], GroupNormalization::new(1)), "layer group_normalization: 1 groups do not divide the channels");
    starts(error(&[4], LayerNormalization::new().axis(&[0])), "layer layer_normalization: `axis` is [0]; allowed are");
    starts(error(&[4], LayerNormalization::new().axis(&[1, -1])), "layer layer_normalization: `axis` is [1, -1]");
    starts(error(&[4], RMSNormalization::new().axis(&[])), "layer rms_normalization: `axis` is empty");
    starts(
        error(&[4], PReLU::new().shared_axes(&[2])),
        "layer prelu: `shared_axes` has 2; allowed are axes of [batch, 4]",
    );
    starts(error(&[4], ReLU::new().threshold(2.0).max_value(1.0)), "layer relu: `max_value` 1 is below `threshold` 2");

    let make = |name: &str, given: &[(&str, Argument)]| {
        let given: Vec<_> = given.iter().map(|(n, a)| (n.to_string(), a.clone())).collect();
        registry().make(name, &given).map(|_| ()).unwrap_err().to_string()
    };
    let ints = |all: &[i64]| Argument::List(all.iter().map(|&i| Argument::Int(i)).collect());
    let (filters, size) = (("filters", Argument::Int(3)), ("kernel_size", Argument::Int(3)));
    starts(
        make("conv2d", &[filters.clone(), ("kernel_size", ints(&[3, 3, 3]))]),
        "layer conv2d: `kernel_size` is [3, 3, 3]; allowed is one whole number, or 2 of them",
    );
    starts(
        make("conv2d", &[filters.clone(), size.clone(), ("strides", Argument::Int(0))]),
        "layer conv2d: `strides` is 0; allowed is a whole number from 1 to 1048576, or a list of them",
    );
    starts(
        make("conv1d", &[filters, size, ("padding", Argument::Text("sme".into()))]),
        "layer conv1d: `padding` is \"sme\"",
    );
    starts(
        make("zero_padding2d", &[("padding", ints(&[1, 2, 3]))]),
        "layer zero_padding2d: `padding` is [1, 2, 3]; allowed",
    );
    starts(make("average_pooling2d", &[]), "layer average_pooling2d: `pool_size` is missing");
}

#[test]
fn words_and_things_are_the_same() {
    let by_words = Dense::new(3).activation("relu").kernel_initializer("he_normal").kernel_regularizer("l2");
    let by_things = Dense::new(3)
        .activation(activations::Relu)
        .kernel_initializer(schuss::initializers::HeNormal)
        .kernel_regularizer(schuss::regularizers::L2 { l2: 0.01 });
    assert_eq!(by_words.settings(), by_things.settings());
    assert_eq!(by_words.settings().text("kernel_regularizer"), "l2(0.01)");
    // The builder's defaults are the table's.
    let made = registry().make("dense", &[("units".into(), Argument::Int(3))]).unwrap();
    assert_eq!(made.settings(), Dense::new(3).settings());
}

#[test]
fn parameters_start_as_they_are_told() {
    let start = |layer: Dense| -> Vec<_> {
        let built = built(&[4], &(Arc::new(layer) as AnyLayer), true).unwrap();
        built.parameters.iter().map(|p| (p.name.clone(), p.shape.clone(), p.initializer.kind())).collect()
    };
    let parameter = |name: &str, shape: &[usize], kind| (format!("dense/{name}"), shape.to_vec(), kind);
    let kernel = |kind| parameter("kernel", &[4, 3], kind);
    assert_eq!(start(Dense::new(3)), [kernel("glorot_uniform"), parameter("bias", &[3], "zeros")]);
    let told = Dense::new(3).kernel_initializer("lecun_normal").bias_initializer("ones");
    assert_eq!(start(told), [kernel("lecun_normal"), parameter("bias", &[3], "ones")]);
    assert_eq!(start(Dense::new(3).use_bias(false)), [kernel("glorot_uniform")]);
}

fn dropped(layers: &[AnyLayer], names: &[&str], training: bool, moment: Moment, n: usize) -> Vec<f64> {
    let mut model = Sequential::new(&[n]);
    layers.iter().zip(names).for_each(|(l, name)| model.push(Some(name), l.clone()));
    let built = model.build(training).unwrap();
    let mut reference = Reference::new(&built.graph, 1).at(moment);
    reference.set(Source::Data, "x", Tensor::full(&[1, n], 1.0));
    reference.run(&[built.output]).remove(0).data
}

#[test]
fn dropout_keeps_the_mean_and_does_nothing_at_evaluation() {
    let n = 100_000;
    let moment = Moment { seed: 3, update: 5, position: 0 };
    for rate in [0.0, 0.2, 0.5, 0.9] {
        let layer: [AnyLayer; 1] = [Arc::new(Dropout::new(rate))];
        assert!(dropped(&layer, &["a"], false, moment, n).iter().all(|y| *y == 1.0));
        let y = dropped(&layer, &["a"], true, moment, n);
        assert!(y.iter().all(|y| *y == 0.0 || *y == 1.0 / (1.0 - rate)), "{rate}");
        let mean = y.iter().sum::<f64>() / n as f64;
        // Four standard errors.
        let error = 4.0 * (rate / (1.0 - rate) / n as f64).sqrt();
        assert!((mean - 1.0).abs() <= error, "{rate}: mean {mean}");
    }
}

#[test]
fn dropout_draws_anew_for_each_update_layer_and_use() {
    let layer: AnyLayer = Arc::new(Dropout::new(0.5));
    let moment = Moment { seed: 3, update: 5, position: 0 };
    let of = |names: &[&str], moment| dropped(&vec![layer.clone(); names.len()], names, true, moment, 4000);
    let share =
        |y: &[f64], z: &[f64]| y.iter().zip(z).filter(|(y, z)| (**y != 0.0) == (**z != 0.0)).count() as f64 / 4000.0;
    let first = of(&["a"], moment);
    assert_eq!(first, of(&["a"], moment));
    let others =
        [of(&["b"], moment), of(&["a"], Moment { update: 6, ..moment }), of(&["a"], Moment { seed: 4, ..moment })];
    for other in &others {
        // Half of the masks agree by chance; four standard errors.
        assert!((share(&first, other) - 0.5).abs() < 0.032);
    }
    // The same layer twice leaves out three quarters: its second mask is another one.
    let twice = of(&["a", "a"], moment);
    let kept = twice.iter().filter(|y| **y != 0.0).count() as f64 / 4000.0;
    assert!((kept - 0.25).abs() < 0.028, "{kept}");
}

#[test]
fn rescaling_multiplies_and_adds() {
    let layer: AnyLayer = Arc::new(Rescaling { scale: 0.5, offset: -1.0 });
    let built = built(&[3], &layer, true).unwrap();
    let mut reference = Reference::new(&built.graph, 1);
    reference.set(Source::Data, "x", Tensor::new(&[1, 3], vec![2.0, -4.0, 0.0]));
    assert_eq!(reference.run(&[built.output])[0].data, [0.0, -3.0, -1.0]);
}

#[test]
fn stochastic_depth_leaves_out_whole_samples_and_keeps_the_mean() {
    let n = 20_000;
    let of = |training, update| {
        let mut model = Sequential::new(&[3]);
        model.push(None, Arc::new(StochasticDepth::new(0.25)));
        let built = model.build(training).unwrap();
        let mut reference = Reference::new(&built.graph, n).at(Moment { seed: 3, update, position: 0 });
        reference.set(Source::Data, "x", Tensor::full(&[n, 3], 1.0));
        reference.run(&[built.output]).remove(0).data
    };
    assert!(of(false, 0).iter().all(|y| *y == 1.0));
    let y = of(true, 0);
    assert!(y.chunks(3).all(|s| s.iter().all(|y| *y == s[0] && (*y == 0.0 || *y == 1.0 / 0.75))));
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    // Four standard errors.
    assert!((mean - 1.0).abs() < 4.0 * (0.25 / 0.75 / n as f64).sqrt(), "{mean}");
    assert_ne!(y, of(true, 1));
}

#[test]
fn a_layer_used_twice_has_its_parameters_once() {
    let layer: AnyLayer = Arc::new(Dense::new(4).kernel_regularizer("l2"));
    let mut model = Sequential::new(&[4]);
    model.push(Some("a"), layer.clone());
    model.push(Some("a"), layer);
    let built = model.build(true).unwrap();
    let names: Vec<_> = built.parameters.iter().map(|p| p.name.as_str()).collect();
    assert_eq!((names, built.penalties.len()), (vec!["a/kernel", "a/bias"], 1));
}

#[test]
fn gradients_pass_a_custom_layer() {
    #[derive(Debug)]
    struct Twice;
    impl Layer for Twice {
        fn kind(&self) -> &'static str {
            "twice"
        }
        fn build(&self, build: &mut schuss::build::Build, x: Value) -> schuss::Result<Value> {
            build.graph.scale(x, 2.0)
        }
    }
    let Built { mut graph, input, output, .. } = Sequential::new(&[3]).add(Twice).build(true).unwrap();
    let sum = graph.sum(output).unwrap();
    let gradient = backpropagate(&mut graph, sum, &[input]).unwrap()[0];
    assert_eq!(graph.constant_value(gradient), Some(2.0));
    assert_eq!(Twice.settings(), Settings::default());
}
