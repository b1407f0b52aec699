//! A step on augmented pictures allocates nothing once each thread has had its first samples. It stands alone in its file:
//! allocations are counted for the whole process.

use schuss::choice::{Choice, several};
use schuss::data::stages::Epoch;
use schuss::data::stages::Stage;
use schuss::data::{Dataset, Pipeline};
use schuss::layers::{Dense, Flatten};
use schuss::optimizers::Pace;
use schuss::plan::{Batch, Machine, Options, Spec, Sums};
use schuss::random::Stream;
use schuss::{Sequential, losses, optimizers, target::TargetKind};
use schuss_kernels::{Isa, allocations::Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

#[test]
fn a_step_on_augmented_pictures_allocates_nothing() {
    let n = 24;
    let pixels: Vec<u8> = (0..n * 8 * 8 * 3).map(|i| (i % 251) as u8).collect();
    let labels: Vec<u32> = (0..n as u32).map(|i| i % 2).collect();
    let data = Dataset::images(pixels, &[8, 8, 3], labels, 2).unwrap();
    let loss = losses::registry().make("categorical_crossentropy", &[]).unwrap();
    let optimizer = optimizers::registry().make("adam", &[]).unwrap();
    for words in [
        "random_crop(padding=2), random_flip, random_rotation(factor=0.1), per_image_standardization",
        "random_contrast(factor=0.5), random_brightness(factor=0.2), random_saturation(factor=[0.2, 0.8]), random_erasing",
        "random_flip, rand_augment(num_ops=4), cut_mix, random_crop(height=8, width=8, padding=3, fill_mode='reflect')",
    ] {
        let stage = |words: &str| Choice::<Stage>::from(words).get().unwrap().clone();
        let stages = several(words).into_iter().map(stage).collect();
        let pipeline = Pipeline::scale(1.0 / 255.0).behind(stages, &data).unwrap();
        let model = Sequential::new(&[8, 8, 3]).add(Flatten).add(Dense::new(2).activation("softmax"));
        for threads in [1, 2, 3] {
            let spec = Spec {
                model: &model,
                loss: &loss,
                metrics: &[],
                optimizer: Some(&optimizer),
                target: TargetKind::Class(2),
                weighted: false,
                frozen: &|_| false,
            };
            let options = Options { without: vec!["serial".into()], ..Options::new(threads, Isa::detect()) };
            let make = if pipeline.mixes() { Machine::mixing } else { Machine::new };
            let mut machine = make(&spec, options).unwrap();
            let indices: Vec<u32> = (0..n as u32).collect();
            let mut sums = Sums::new(0);
            let mut epoch = 0;
            let mut steps = |count| {
                for _ in 0..count {
                    let draws = Some(Epoch::new(Stream::named(0, "augment"), epoch));
                    let batch = Batch { data: &data, pipeline: &pipeline, indices: &indices, draws };
                    machine.update(&batch, Pace::default(), &mut sums).unwrap();
                    machine.evaluate(&Batch { draws: None, ..batch }, &mut sums).unwrap();
                    epoch += 1;
                }
            };
            // Each thread has its first samples before what is measured.
            steps(5);
            assert_eq!(ALLOCATOR.least(|| steps(20)), 0, "{words}, {threads} threads");
        }
    }
}
