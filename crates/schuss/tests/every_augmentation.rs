//! Every stage for pictures: equal to Keras at the same parameters; draws within what its settings say; and training with
//! it the same for every number of threads.

use schuss::choice::Choice;
use schuss::data::stages::{Draws, Epoch, Frame, Sizes, Stage, registry};
use schuss::data::{Dataset, Pipeline, Step};
use schuss::layers::{Dense, Flatten};
use schuss::random::Stream;
use schuss::registry::Argument;
use schuss::{FitOptions, Model, Sequential};
use serde_json::Value;
use std::collections::HashSet;

fn stage(words: &str) -> Stage {
    Choice::<Stage>::from(words).get().unwrap_or_else(|e| panic!("{words}: {e}")).clone()
}

fn list(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn sizes(value: &Value) -> Sizes {
    Sizes::of(&list(value).iter().map(|&n| n as usize).collect::<Vec<_>>()).unwrap()
}

#[test]
fn every_stage_is_documented_and_made_again_from_its_settings() {
    for entry in registry().entries() {
        for text in [entry.page.summary, entry.page.equation, entry.page.source] {
            assert!(!text.is_empty() && text.trim() == text && !text.contains("  "), "{}: {text:?}", entry.name);
        }
        assert!(entry.settings.iter().all(|s| !s.doc.is_empty()), "{}", entry.name);
    }
    for words in WORDS {
        let one = stage(words);
        let given: Vec<(String, Argument)> =
            one.settings().iter().map(|(name, v)| (name.to_owned(), v.clone())).collect();
        let again = registry().make(one.kind(), &given).unwrap();
        assert_eq!(one, again);
    }
    let kinds: HashSet<&str> = WORDS.iter().map(|words| stage(words).kind()).collect();
    assert_eq!(kinds.len(), registry().names().len(), "each stage has words");
}

/// Each stage with settings.
const WORDS: &[&str] = &[
    "random_flip(mode='horizontal')",
    "alternating_flip",
    "random_crop(padding=2)",
    "random_crop(height=3, width=4, padding=1, fill_mode='reflect')",
    "random_translation(height_factor=[-0.25, 0.5], width_factor=0.5)",
    "random_rotation(factor=0.125)",
    "random_zoom(height_factor=[-0.25, 0.5])",
    "random_zoom(height_factor=0.25, width_factor=0.5)",
    "random_contrast(factor=[0.25, 0.5])",
    "random_brightness(factor=0.25, clip=false)",
    "random_saturation(factor=[0.25, 0.75])",
    "random_saturation(multiplier=[0.5, 1.5])",
    "random_erasing(factor=[1, 1], scale=[0.25, 0.5])",
    "cutout(size=3)",
    "random_shear(x_factor=0.5)",
    "random_color_degeneration(factor=0.5)",
    "random_sharpness(factor=0.25)",
    "random_posterization(factor=4)",
    "solarization(addition_factor=0.25, threshold_factor=[0.25, 0.5])",
    "auto_contrast",
    "equalization",
    "rand_augment(num_ops=3, factor=0.75)",
    "mix_up(alpha=0.5)",
    "cut_mix(factor=[0.5, 1])",
    "resizing(height=3, width=9)",
    "center_crop(height=3, width=2)",
    "rescaling(scale=0.5, offset=1)",
    "normalization(mean=[1, 2, 3], variance=[4, 5, 6])",
    "per_image_standardization",
];

#[test]
fn transforms_are_those_of_keras_at_the_same_parameters() {
    let file: Value = serde_json::from_str(include_str!("../../../testdata/augmentation.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let mut seen = HashSet::new();
    for case in cases {
        let (name, stage) = (case["name"].as_str().unwrap(), stage(case["stage"].as_str().unwrap()));
        seen.insert(stage.kind());
        let pixels: Vec<f32> = list(&case["image"]).iter().map(|&x| x as f32).collect();
        let mut frame = Frame::new(sizes(&case["shape"]), &pixels);
        let mut parameters = stage.transform().rest(frame.sizes()).unwrap_or_default();
        let given = list(&case["parameters"]);
        parameters.numbers[..given.len()].copy_from_slice(&given);
        let expected = stage.transform().output(frame.sizes()).unwrap();
        if stage.transform().mixes() {
            let other: Vec<f32> = list(&case["other"]).iter().map(|&x| x as f32).collect();
            let other = Frame::new(frame.sizes(), &other);
            stage.transform().mix(&parameters, &mut frame, &other);
            let share = stage.transform().share(&parameters, frame.sizes());
            assert!((share - case["share"].as_f64().unwrap()).abs() < 1e-12, "{name}: {share}");
        }
        stage.transform().apply(&parameters, &mut frame);
        assert_eq!((frame.sizes(), frame.sizes()), (sizes(&case["output_shape"]), expected), "{name}");
        for (i, (&found, want)) in frame.pixels().iter().zip(list(&case["output"])).enumerate() {
            // f32 arithmetic on numbers up to 255.
            let bound = 1e-5 * want.abs().max(20.0);
            assert!((f64::from(found) - want).abs() <= bound, "{name}: number {i} is {found} instead of {want}");
        }
    }
    assert_eq!(seen.len(), registry().names().len(), "{seen:?}");
}

const SIZES: Sizes = Sizes { height: 6, width: 5, channels: 3 };

/// The n-th parameter over many draws.
fn drawn(words: &str, n: usize) -> Vec<f64> {
    let (stage, stream) = (stage(words), Stream::named(5, "test"));
    let draw = |i| stage.transform().draw(SIZES, &mut Draws::new(stream.part(i))).numbers[n];
    (0..4000).map(draw).collect()
}

/// Uniform between two numbers: the range is kept and filled, and the mean is within 5 standard errors.
fn uniform(words: &str, n: usize, low: f64, high: f64) {
    let all = drawn(words, n);
    let (least, most) = (all.iter().copied().fold(f64::MAX, f64::min), all.iter().copied().fold(f64::MIN, f64::max));
    let width = high - low;
    assert!(
        least >= low && most <= high && least < low + 0.01 * width && most > high - 0.01 * width,
        "{words}: {least} {most}"
    );
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    assert!((mean - (low + high) / 2.0).abs() < 5.0 * width / (12.0 * all.len() as f64).sqrt(), "{words}: {mean}");
}

/// Each of the whole numbers up to a last one, about equally often.
fn whole(words: &str, n: usize, last: usize) {
    let all = drawn(words, n);
    for value in 0..=last {
        let (count, share) = (all.iter().filter(|x| **x == value as f64).count() as f64, 1.0 / (last + 1) as f64);
        let deviation = (all.len() as f64 * share * (1.0 - share)).sqrt();
        assert!((count - all.len() as f64 * share).abs() < 5.0 * deviation, "{words}: {value} came {count} times");
    }
}

#[test]
fn draws_are_what_the_settings_say() {
    uniform("random_translation(height_factor=0.5, width_factor=[-0.25, 0.75])", 0, -0.5, 0.5);
    uniform("random_translation(height_factor=0.5, width_factor=[-0.25, 0.75])", 1, -0.25, 0.75);
    uniform("random_rotation(factor=0.125)", 0, -0.125, 0.125);
    uniform("random_zoom(height_factor=[-0.25, 0.5])", 0, 0.75, 1.5);
    assert_eq!(drawn("random_zoom(height_factor=0.5)", 0), drawn("random_zoom(height_factor=0.5)", 1));
    uniform("random_zoom(height_factor=0.5, width_factor=0.25)", 1, 0.75, 1.25);
    uniform("random_contrast(factor=[0.25, 0.5])", 0, 0.75, 1.5);
    uniform("random_contrast(factor=0.8)", 0, 0.2, 1.8);
    uniform("random_brightness(factor=[-0.5, 0.25], value_range=[-1, 1])", 0, -1.0, 0.5);
    uniform("random_saturation(multiplier=[0.5, 1.5])", 0, 0.5, 1.5);
    let strong = drawn("random_saturation(factor=[0.5, 0.75])", 0);
    assert!(strong.iter().all(|x| (0.999..3.001).contains(x)) && strong.iter().any(|x| *x > 2.9));
    uniform("random_sharpness(factor=0.5)", 0, 0.0, 0.5);
    uniform("random_color_degeneration(factor=[0.25, 0.5])", 0, 0.25, 0.5);
    uniform("solarization(addition_factor=0.5, threshold_factor=[0.25, 0.5])", 0, 0.0, 127.5);
    uniform("solarization(addition_factor=0.5, threshold_factor=[0.25, 0.5])", 1, 63.75, 127.5);
    uniform("random_shear(x_factor=0.5, y_factor=0.25)", 0, -0.5, 0.5);
    uniform("random_shear(x_factor=0.5, y_factor=0.25)", 1, -0.25, 0.25);
    let posterised = drawn("random_posterization(factor=4)", 0);
    assert_eq!((1..=4).map(|b| posterised.contains(&f64::from(b))).collect::<Vec<_>>(), [true, true, true, false]);
    whole("rand_augment(num_ops=4)", 0, 10);
    whole("rand_augment(num_ops=4)", 9, 10);
    whole("random_crop(height=3, width=4, padding=1)", 0, 5);
    whole("random_crop(height=3, width=4, padding=1)", 1, 3);
    whole("random_crop(padding=4)", 1, 8);
    whole("random_flip", 0, 1);
    whole("random_flip", 1, 1);
    assert!(drawn("random_flip(mode='horizontal')", 1).iter().all(|x| *x == 0.0));
    assert_ne!(drawn("random_flip", 0), drawn("random_flip", 1));
    whole("cutout(size=3)", 0, 5);
    whole("random_erasing(factor=[0.5, 0.5])", 0, 1);
    let [top, bottom] = [1, 2].map(|n| drawn("random_erasing(scale=[0.25, 0.25])", n));
    assert!(top.iter().zip(&bottom).all(|(a, b)| (b - a - 3.0).abs() < 1e-9 && *a >= 0.0 && *b <= 6.0));
}

#[test]
fn erased_places_hold_noise_within_the_range() {
    let stage = stage("random_erasing(factor=[1, 1], scale=[1, 1])");
    let picture = |i| {
        let mut frame = Frame::new(SIZES, &[7.0; 90]);
        let parameters = stage.transform().draw(SIZES, &mut Draws::new(Stream::named(i, "test")));
        stage.transform().apply(&parameters, &mut frame);
        frame.pixels().to_vec()
    };
    let (one, two) = (picture(1), picture(2));
    assert_eq!(one, picture(1));
    assert_ne!(one, two);
    // Half of all are below 0 and become 0; few are above 255.
    let zeros = one.iter().chain(&two).filter(|x| **x == 0.0).count();
    assert!((60..120).contains(&zeros) && one.iter().all(|x| (0.0..=255.0).contains(x) && *x != 7.0));
}

/// Colour pictures of two classes.
fn pictures() -> Dataset {
    let stream = Stream::named(1, "pictures");
    let (n, side) = (40, 8);
    let pixels: Vec<u8> = (0..n * side * side * 3).map(|i| stream.bits(i) as u8).collect();
    Dataset::images(pixels, &[8, 8, 3], (0..40).map(|i| i % 2).collect::<Vec<u32>>(), 2).unwrap()
}

fn row(pipeline: &Pipeline, data: &Dataset, index: u32, draws: Option<Epoch>) -> Vec<f32> {
    let shape = pipeline.output_shape(&data.shape).unwrap();
    let mut out = vec![0.0; shape.iter().product()];
    pipeline.make(data, index, draws, &mut Frame::default(), &mut out);
    out
}

#[test]
fn outside_training_random_stages_do_nothing_but_keep_sizes() {
    let data = pictures();
    for words in WORDS {
        let stage = stage(words);
        let Ok(pipeline) = Pipeline::scale(1.0).behind(vec![stage.clone()], &data) else { panic!("{words}") };
        let plain = row(&Pipeline::scale(1.0), &data, 3, None);
        let rest = row(&pipeline, &data, 3, None);
        if stage.transform().is_random() {
            let crops = stage.kind() == "random_crop" && stage.settings().usize("height") > 0;
            assert_eq!(rest == plain, !crops, "{words}");
            let stream = Stream::named(3, "augment");
            let drawn: Vec<_> = (0..8).map(|epoch| row(&pipeline, &data, 3, Some(Epoch::new(stream, epoch)))).collect();
            assert!(drawn.iter().any(|d| *d != rest), "{words}");
            assert!(drawn.iter().all(|d| d.len() == rest.len() && d.iter().all(|x| x.is_finite())), "{words}");
        } else {
            assert_eq!(row(&pipeline, &data, 3, Some(Epoch::new(Stream::named(3, "augment"), 0))), rest, "{words}");
        }
    }
    // The middle 3 × 4 of 8 × 8: rows from 2, columns from 2.
    let crop = Pipeline::new(vec![Step::Stage(stage("random_crop(height=3, width=4, padding=1)"))]);
    assert_eq!(crop.output_shape(&[8, 8, 3]).unwrap(), [3, 4, 3]);
    let (whole, part) = (row(&Pipeline::scale(1.0), &data, 0, None), row(&crop, &data, 0, None));
    assert_eq!(part[..12], whole[(2 * 8 + 2) * 3..][..12]);
}

/// The mean and the variance of draws from Beta(a, a) are 1/2 and 1 / (4 (2a + 1)); bounds of about 5 standard errors.
#[test]
fn shares_are_of_the_beta_distribution() {
    for alpha in [0.2, 1.0, 3.0] {
        let all = drawn(&format!("mix_up(alpha={alpha})"), 0);
        let n = all.len() as f64;
        let mean = all.iter().sum::<f64>() / n;
        let variance = all.iter().map(|x| (x - 0.5).powi(2)).sum::<f64>() / n;
        let expected = 0.25 / (2.0 * alpha + 1.0);
        assert!((mean - 0.5).abs() < 5.0 * (expected / n).sqrt(), "{alpha}: {mean}");
        assert!(
            (variance / expected - 1.0).abs() < 0.12 && all.iter().all(|x| (0.0..=1.0).contains(x)),
            "{alpha}: {variance}"
        );
    }
    // Of Beta(1, 1), every tenth of 0 … 1 is as probable.
    let even = drawn("mix_up(alpha=1)", 0);
    for tenth in 0..10 {
        let count = even.iter().filter(|x| (**x * 10.0) as usize == tenth).count();
        assert!((300..500).contains(&count), "{tenth}: {count}");
    }
}

/// With a = 1 the share λ is uniform, and so is the rectangle's share of the area, 1 − λ: its sides are its roots.
#[test]
fn rectangles_of_cut_mix_have_the_drawn_area_and_lie_within_the_picture() {
    let (stage, stream) = (stage("cut_mix(factor=[1, 1])"), Stream::named(5, "test"));
    let shares: Vec<f64> = (0..4000)
        .map(|i| {
            let drawn = stage.transform().draw(SIZES, &mut Draws::new(stream.part(i)));
            let [top, bottom, left, right, ..] = drawn.numbers;
            assert!(top >= 0.0 && bottom <= 6.0 && left >= 0.0 && right <= 5.0, "{drawn:?}");
            assert!(((bottom - top) / 6.0 - (right - left) / 5.0).abs() < 1e-9, "{drawn:?}");
            stage.transform().share(&drawn, SIZES)
        })
        .collect();
    for tenth in 0..10 {
        let count = shares.iter().filter(|x| (**x * 10.0) as usize == tenth).count();
        assert!((300..500).contains(&count), "{tenth}: {count}");
    }
}

#[test]
fn pictures_are_mixed_with_the_partners_of_the_same_epoch_and_so_are_targets() {
    let data = pictures();
    let stages = ["random_flip", "mix_up(alpha=1)", "random_crop(padding=1)"].map(stage);
    let pipeline = Pipeline::scale(1.0).behind(stages.into(), &data).unwrap();
    let epoch = Epoch::new(Stream::named(3, "augment"), 2);
    let mut partners = HashSet::new();
    for index in 0..40 {
        let (partner, share) = pipeline.mixture(&data, index, Some(epoch));
        assert!(partner < 40 && (0.0..=1.0).contains(&share));
        partners.insert(partner);
        let without = Pipeline::scale(1.0).behind(vec![stage("random_flip")], &data).unwrap();
        let blend: Vec<f32> = row(&without, &data, index, Some(epoch))
            .iter()
            .zip(row(&without, &data, partner, Some(epoch)))
            .map(|(x, y)| share * x + (1.0 - share) * y)
            .collect();
        // What comes behind the mixing sees the blend: here only the first stages are compared.
        let two = Pipeline::scale(1.0).behind(["random_flip", "mix_up(alpha=1)"].map(stage).into(), &data).unwrap();
        assert_eq!(row(&two, &data, index, Some(epoch)), blend);
        assert_eq!(pipeline.mixture(&data, index, None), (index, 1.0));
    }
    assert!(partners.len() > 15, "{partners:?}");
    assert_eq!(row(&pipeline, &data, 0, None), row(&Pipeline::scale(1.0), &data, 0, None));
    let twice = Pipeline::scale(1.0).behind(["mix_up", "cut_mix"].map(stage).into(), &data);
    assert_eq!(twice.unwrap_err().code(), "mixed-twice");
}

/// One step on mixed samples moves the parameters as the gradient of the loss with mixed targets does: of a linear model with a
/// softmax that is xᵀ(p − y), where p = 1/2 at weights 0.
#[test]
fn training_hits_the_mixed_targets() {
    let data = Dataset::images((0..24).map(|i| i * 10).collect::<Vec<u8>>(), &[2, 3], [0, 1, 0, 1], 2).unwrap();
    let layers =
        Sequential::new(&[2, 3]).add(Flatten).add(Dense::new(2).activation("softmax").kernel_initializer("zeros"));
    let fit = |loss: &str| {
        let model = Model::new(layers.clone()).pipeline(Pipeline::scale(1.0)).augment(&["cut_mix"]).unwrap();
        let mut model = model.compile("sgd(1.0)", loss, &["accuracy"]).unwrap();
        let options = FitOptions { seed: 7, batch_size: Some(4.into()), ..FitOptions::default() };
        model.fit(&data, options).map(|_| model)
    };
    assert_eq!(fit("sparse_categorical_crossentropy").err().unwrap().code(), "not-a-label");
    let model = fit("categorical_crossentropy").unwrap();
    let epoch = Epoch::new(Stream::named(7, "augment"), 0);
    let pipeline = Pipeline::scale(1.0).behind(vec![stage("cut_mix")], &data).unwrap();
    let (mut kernel, mut shares) = ([[0.0f64; 2]; 6], Vec::new());
    for index in 0..4u32 {
        let (partner, share) = pipeline.mixture(&data, index, Some(epoch));
        let mut target = [0.0; 2];
        target[index as usize % 2] += f64::from(share);
        target[partner as usize % 2] += 1.0 - f64::from(share);
        shares.push(target[0]);
        for (kernel, x) in kernel.iter_mut().zip(row(&pipeline, &data, index, Some(epoch))) {
            kernel.iter_mut().zip(target).for_each(|(k, y)| *k -= f64::from(x) * (0.5 - y) / 4.0);
        }
    }
    assert!(shares.iter().any(|s| *s > 0.0 && *s < 1.0), "{shares:?}");
    let weights = model.weights();
    let found = &weights.iter().find(|a| a.name.ends_with("kernel")).unwrap().values;
    for (found, want) in found.iter().zip(kernel.as_flattened()) {
        assert!((f64::from(*found) - want).abs() <= 1e-4 * want.abs().max(1.0), "{found} instead of {want}");
    }
}

#[test]
fn what_does_not_fit_is_one_error() {
    let code = |words: &str| Choice::<Stage>::from(words).get().map(|s| s.kind()).unwrap_err().code();
    for words in [
        "random_rotation",
        "random_contrast(factor=2)",
        "random_translation(height_factor=[0.5, 0.25], width_factor=0)",
        "random_zoom(height_factor=0.5, width_factor='x')",
        "random_brightness(factor=0.5, value_range=[255, 0])",
        "random_saturation(multiplier=[2, 1])",
        "random_erasing(fill_value='x')",
        "normalization(mean=[1])",
        "normalization(mean=[1], variance=[-1])",
        "random_flip(mode='diagonal')",
        "random_crop(padding=-1)",
        "cutout(size=0)",
    ] {
        assert!(["value-not-allowed", "value-missing"].contains(&code(words)), "{words}: {}", code(words));
    }
    assert_eq!(code("random_flop"), "unknown-name");
    let fits = |words: &str, shape: &[usize]| {
        let data = Dataset::images(vec![0; shape.iter().product()], shape, [0], 1).unwrap();
        Pipeline::scale(1.0).behind(vec![stage(words)], &data).unwrap_err().code()
    };
    assert_eq!(fits("random_flip", &[12]), "not-pictures");
    assert_eq!(fits("random_flip", &[2, 2, 2, 2]), "not-pictures");
    assert_eq!(fits("random_saturation(factor=0.5)", &[4, 4]), "not-colour");
    assert_eq!(fits("random_crop(height=5)", &[4, 4]), "crop-too-large");
    assert_eq!(fits("random_crop(padding=4, fill_mode='reflect')", &[4, 4]), "padding-too-large");
    assert_eq!(fits("center_crop(height=4, width=5)", &[4, 4]), "crop-too-large");
    assert_eq!(fits("normalization(mean=[1, 2], variance=[1, 1])", &[4, 4, 3]), "channels-differ");
}

fn trained(threads: usize, stages: &[&str]) -> Model {
    let layers = Sequential::new(&[6, 6, 3]).add(Flatten).add(Dense::new(2).activation("softmax"));
    let model = Model::new(layers).threads(threads).augment(stages).unwrap();
    let mut model = model.compile("adam", "sparse_categorical_crossentropy", &["accuracy"]).unwrap();
    let options = FitOptions { epochs: 3, seed: 4, batch_size: Some(12.into()), ..FitOptions::default() };
    model.fit(&pictures(), options).unwrap();
    model
}

#[test]
fn training_is_the_same_for_every_number_of_threads_and_comes_back_from_a_file() {
    let stages = [
        "random_rotation(factor=0.1)",
        "random_crop(height=6, width=6, padding=2)",
        "random_flip",
        "random_contrast(factor=0.5)",
        "random_erasing",
        "normalization",
    ];
    let mut one = trained(1, &stages);
    for threads in [2, 3, 7] {
        assert_eq!(trained(threads, &stages).weights(), one.weights(), "{threads}");
    }
    assert_ne!(trained(1, &["random_crop(height=6, width=6)", "normalization"]).weights(), one.weights());
    let path = std::env::temp_dir().join(format!("schuss-augmentation-{}", std::process::id()));
    one.save(&path).unwrap();
    let mut loaded = Model::load(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let data = pictures();
    assert_eq!(loaded.predict(&data).unwrap(), one.predict(&data).unwrap());
    assert_eq!(loaded.evaluate(&data).unwrap(), one.evaluate(&data).unwrap());
}
