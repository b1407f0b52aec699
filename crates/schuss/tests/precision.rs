//! Training with products of bfloat16: it learns, it differs from f32 by as much as 8 bits do, and what it made is
//! evaluated in f32.

use schuss::data::Dataset;
use schuss::graph::Precision;
use schuss::layers::{Conv2D, Dense, Flatten};
use schuss::random::Stream;
use schuss::{FitOptions, Model, Sequential};

/// Pictures that are brighter in one of their halves.
fn pictures() -> Dataset {
    let stream = Stream::named(3, "pixels");
    let labels: Vec<u32> = (0..200).map(|i| i % 2).collect();
    let pixel = |i: usize| {
        let (picture, column) = (i / 64, i % 8);
        let bright = (column < 4) == (labels[picture] == 0);
        (stream.uniform(i as u64) * 120.0) as u8 + if bright { 60 } else { 0 }
    };
    Dataset::images((0..200 * 64).map(pixel).collect::<Vec<u8>>(), &[8, 8, 1], labels.clone(), 2).unwrap()
}

fn trained(precision: Precision, data: &Dataset) -> Model {
    let layers = Sequential::new(&[8, 8, 1])
        .add(Conv2D::new(8, [3, 3]).activation("relu"))
        .add(Flatten)
        .add(Dense::new(32).activation("relu"))
        .add(Dense::new(2).activation("softmax"));
    let model = Model::new(layers).precision(precision);
    let mut model = model.compile("adam(0.01)", "sparse_categorical_crossentropy", &["accuracy"]).unwrap();
    model.fit(data, FitOptions { epochs: 4, batch_size: Some(20.into()), ..FitOptions::default() }).unwrap();
    model
}

#[test]
fn every_precision_learns_and_is_evaluated_in_f32() {
    let data = pictures();
    let outputs = |model: &mut Model| model.predict(&data).unwrap();
    let mut full = trained(Precision::F32, &data);
    let full = outputs(&mut full);
    for (precision, most) in [(Precision::Bf16, 0.2), (Precision::F32x3, 2e-3)] {
        let mut model = trained(precision, &data);
        let scores = model.evaluate(&data).unwrap();
        assert!(scores.metrics[0].1 > 0.95, "{precision:?}: {scores:?}");
        let own = outputs(&mut model);
        let apart = own.iter().zip(&full).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart > 0.0 && apart < most, "{precision:?}: outputs part by {apart}");
        // The same weights in a model that knows nothing of it.
        let mut model = model.precision(Precision::F32);
        assert_eq!(outputs(&mut model), own, "{precision:?}");
    }
}
