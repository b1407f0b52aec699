//! The loop: what it adds up, what it keeps, when it stops, and that stopping leaves no trace.

use schuss::choice::{Choice, several};
use schuss::data::stages::Stage;
use schuss::data::{Dataset, Features, Pipeline, Source, Stored};
use schuss::layers::{Dense, Dropout, Flatten};
use schuss::losses::{AnyLoss, CategoricalCrossentropy, MeanSquaredError, SparseCategoricalCrossentropy};
use schuss::metrics::{Accuracy, AnyMetric};
use schuss::model::Sequential;
use schuss::optimizers::{self, Group, Optimizer, Pace};
use schuss::plan::{Batch, Machine, Options, Spec, Sums};
use schuss::random::Stream;
use schuss::registry::Argument;
use schuss::train::{
    BatchSize, Callback, Event, FitOptions, Flow, Mode, Origin, Outcome, ReduceOnPlateau, Run, Snapshot, State,
    evaluate, fit, parameters,
};
use schuss::{Kind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

mod testdata;

#[path = "../examples/digits.rs"]
mod digits;

#[test]
fn the_example_runs() {
    digits::main().unwrap();
}

/// What a test trains: everything but the machine.
struct Case {
    model: Sequential,
    loss: AnyLoss,
    metrics: Vec<AnyMetric>,
    optimizer: Optimizer,
    data: Dataset,
    validation: Dataset,
    pipeline: Pipeline,
    threads: usize,
}

/// Points in the plane, of class 1 where their product is positive.
fn quadrants(n: usize, name: &str) -> Dataset {
    let s = Stream::named(5, name);
    let x: Vec<f32> = (0..2 * n as u64).map(|i| s.uniform(i) as f32 * 2.0 - 1.0).collect();
    let y: Vec<u32> = x.chunks(2).map(|p| u32::from(p[0] * p[1] > 0.0)).collect();
    Dataset::classes(x, &[2], y, 2).unwrap()
}

fn optimizer(name: &str, learning_rate: f64) -> Optimizer {
    optimizers::registry().make(name, &[("learning_rate".into(), Argument::Float(learning_rate))]).unwrap()
}

/// At a rate of 0.05, unless told otherwise.
fn with(name: &str, settings: &[(&str, Argument)]) -> Optimizer {
    let rate = ("learning_rate".to_owned(), Argument::Float(0.05));
    let given: Vec<_> = std::iter::once(rate).chain(settings.iter().map(|(n, v)| (n.to_string(), v.clone()))).collect();
    optimizers::registry().make(name, &given).unwrap()
}

/// Optimizers with something done around their rules.
fn around() -> Vec<(&'static str, Vec<(&'static str, Argument)>)> {
    use Argument::{Bool, Float, Int};
    let dynamic = || ("loss_scale", Argument::Text("dynamic".into()));
    let text = |s: &str| Argument::Text(s.into());
    vec![
        ("adam", vec![("gradient_accumulation_steps", Int(3))]),
        ("nadam", vec![("gradient_accumulation_steps", Int(2)), ("use_ema", Bool(true)), ("ema_momentum", Float(0.9))]),
        ("sgd", vec![("use_ema", Bool(true)), ("ema_overwrite_frequency", Int(4)), ("weight_decay", Float(0.01))]),
        ("momentum", vec![dynamic(), ("initial_scale", Float(1e36)), ("dynamic_growth_steps", Int(3))]),
        ("adam", vec![("global_clipnorm", Float(0.1)), ("weight_decay", Float(0.1))]),
        ("adamw", vec![("cautious", Bool(true))]),
        ("schedule_free_adamw:paper", vec![("weight_decay", Float(0.1)), ("exclude_from_weight_decay", text("bias"))]),
        ("adam", vec![("sam_rho", Float(0.05)), ("use_ema", Bool(true))]),
        ("nadam", vec![("sam_rho", Float(0.1)), dynamic(), ("lookahead_steps", Int(4))]),
        ("momentum", vec![("lookahead_steps", Int(3)), ("gradient_accumulation_steps", Int(2))]),
        ("lbfgs", vec![("history_size", Int(2)), ("max_iter", Int(3))]),
    ]
}

impl Case {
    fn new(optimizer: Optimizer) -> Self {
        let hidden = Dense::new(7).activation("tanh").kernel_regularizer("l2(0.01)");
        Case {
            model: Sequential::new(&[2]).add(hidden).add(Dropout::new(0.3)).add(Dense::new(2).activation("softmax")),
            loss: Arc::new(SparseCategoricalCrossentropy::default()),
            metrics: vec![Arc::new(Accuracy)],
            optimizer,
            data: quadrants(37, "train"),
            validation: quadrants(19, "validation"),
            pipeline: Pipeline::scale(1.0),
            threads: 1,
        }
    }
    /// Without random layers and penalties.
    fn plain() -> Self {
        let model =
            Sequential::new(&[2]).add(Dense::new(7).activation("tanh")).add(Dense::new(2).activation("softmax"));
        Case { model, ..Case::new(with("sgd", &[])) }
    }
    fn machine(&self) -> Machine {
        let spec = Spec {
            model: &self.model,
            loss: &self.loss,
            metrics: &self.metrics,
            optimizer: Some(&self.optimizer),
            target: self.data.target_kind().unwrap(),
            weighted: self.data.weights.is_some(),
            frozen: &|_| false,
        };
        let isa = schuss_kernels::Isa::chosen().unwrap();
        let make = if self.pipeline.mixes() { Machine::mixing } else { Machine::new };
        make(&spec, Options { seed: 3, ..Options::new(self.threads, isa) }).unwrap()
    }
    fn fit(
        &self,
        machine: &mut Machine,
        options: &FitOptions,
        from: Origin,
        callback: &mut dyn Callback,
    ) -> Result<Outcome> {
        let Case { data, pipeline, optimizer, metrics, .. } = self;
        fit(&mut Run { machine, data, pipeline, optimizer, metrics }, options, from, &mut [callback])
    }
    fn options(&self) -> FitOptions<'_> {
        let validation = Some(&self.validation);
        FitOptions { epochs: 3, batch_size: Some(8.into()), seed: 3, validation, ..FitOptions::default() }
    }
    /// Trains from the start; the outcome, and the bits of the weights.
    fn run(&self, options: &FitOptions) -> (Outcome, Vec<u32>) {
        let mut machine = self.machine();
        let outcome = self.fit(&mut machine, options, Origin::Start, &mut quiet()).unwrap();
        (outcome, bits(&machine))
    }
}

fn quiet() -> impl Callback {
    |_: &Event, _: &State| Ok(Flow::Continue)
}

fn bits(machine: &Machine) -> Vec<u32> {
    parameters(machine).iter().flat_map(|a| a.values.iter().map(|x| x.to_bits())).collect()
}

/// Interrupts after so many steps, and keeps what there is to go on from.
fn interrupt_after<'a>(steps: usize, kept: &'a mut Option<Snapshot>) -> impl Callback + 'a {
    let mut seen = 0;
    move |event: &Event, state: &State| {
        seen += usize::from(matches!(event, Event::Step { .. }));
        if matches!(event, Event::Interrupt) {
            *kept = Some(state.snapshot());
        }
        Ok(if seen == steps && matches!(event, Event::Step { .. }) { Flow::Interrupt } else { Flow::Continue })
    }
}

#[test]
fn a_run_that_is_resumed_at_any_step_ends_with_the_same_bits() {
    let plain = optimizers::registry().names().into_iter().map(|name| (name, vec![]));
    for (name, settings) in plain.chain(around()) {
        let case = Case::new(with(name, &settings));
        let options = FitOptions { patience: Some(2), ..case.options() };
        let whole = case.run(&options);
        let steps = 5 * whole.0.history.rows.len();
        for step in 1..=steps {
            let mut kept = None;
            let error = case.fit(&mut case.machine(), &options, Origin::Start, &mut interrupt_after(step, &mut kept));
            assert_eq!(error.unwrap_err().kind(), Kind::Interrupted);
            let mut machine = case.machine();
            let mut resumed = None;
            let mut hear = |event: &Event, _: &State| {
                if let Event::Resume { epoch, step } = *event {
                    resumed = Some((epoch, step));
                }
                Ok(Flow::Continue)
            };
            let from = Origin::Snapshot(Box::new(kept.unwrap()));
            let outcome = case.fit(&mut machine, &options, from, &mut hear).unwrap();
            assert_eq!((&outcome, bits(&machine)), (&whole.0, whole.1.clone()), "{name}, {settings:?}, step {step}");
            assert_eq!(resumed, Some(((step - 1) / 5 + 1, (step - 1) % 5 + 1)));
        }
    }
}

/// Pictures in a source that is in memory, but for what is asked of it: up to five are made ahead, each in its own time.
#[derive(Debug)]
struct Slow {
    pixels: Vec<u8>,
    sample: usize,
    reads: Arc<AtomicUsize>,
}

impl Source for Slow {
    fn len(&self) -> usize {
        self.pixels.len() / self.sample
    }
    fn sample_len(&self) -> usize {
        self.sample
    }
    fn ahead(&self) -> usize {
        5
    }
    fn read(&self, index: u32, to: &mut [u8]) -> Result<()> {
        let reads = self.reads.fetch_add(1, Ordering::Relaxed) as u64;
        sleep(Duration::from_micros((u64::from(index) * 7919 + reads * 31) % 50));
        to.copy_from_slice(&self.pixels[index as usize * self.sample..][..self.sample]);
        Ok(())
    }
}

/// 37 pictures to train with, 19 to validate, with everything random done to them.
fn augmented(threads: usize) -> Case {
    let pictures = |n: usize, name: &str| {
        let s = Stream::named(5, name);
        let labels: Vec<u32> = (0..n as u32).map(|i| i % 2).collect();
        let pixels: Vec<u8> = (0..n as u64 * 192).map(|i| s.bits(i) as u8 / (1 + (i / 192 % 2) as u8)).collect();
        Dataset::images(pixels, &[8, 8, 3], labels, 2).unwrap()
    };
    let data = pictures(37, "train");
    let words = "random_rotation(factor=0.1), random_flip, random_contrast(factor=0.5), random_erasing, \
                 rand_augment(num_ops=2), cut_mix, random_crop(height=6, width=6, padding=1)";
    let stages = several(words).into_iter().map(|w| Choice::<Stage>::from(w).get().unwrap().clone()).collect();
    Case {
        model: Sequential::new(&[6, 6, 3]).add(Flatten).add(Dropout::new(0.3)).add(Dense::new(2).activation("softmax")),
        loss: Arc::new(CategoricalCrossentropy::default()),
        validation: pictures(19, "validation"),
        pipeline: Pipeline::scale(1.0 / 255.0).behind(stages, &data).unwrap(),
        data,
        threads,
        ..Case::new(optimizer("adam", 0.01))
    }
}

/// The same pictures, and how often one of them is made, when they are not in memory.
fn stored(data: &Dataset) -> (Dataset, Arc<AtomicUsize>) {
    let Features::U8(pixels) = &data.features else { panic!("pictures are bytes") };
    let reads = Arc::new(AtomicUsize::new(0));
    let source = Slow { pixels: pixels.clone(), sample: data.sample_len(), reads: reads.clone() };
    (Dataset { features: Features::Stored(Stored::new(source)), ..data.clone() }, reads)
}

#[test]
fn an_augmented_run_is_resumed_at_any_step_on_any_number_of_threads() {
    let whole = augmented(1).run(&augmented(1).options());
    for step in 1..=15 {
        for threads in [1, 2, 3] {
            // Stopped on one number of threads in memory, resumed on another beyond it, and the other way round.
            let mut case = augmented(threads);
            let mut other = augmented(1 + threads % 3);
            let beyond = if step % 2 == 0 { &mut case } else { &mut other };
            beyond.data = stored(&beyond.data).0;
            let mut kept = None;
            let mut interrupt = interrupt_after(step, &mut kept);
            let error = case.fit(&mut case.machine(), &case.options(), Origin::Start, &mut interrupt);
            assert_eq!(error.unwrap_err().kind(), Kind::Interrupted);
            drop(interrupt);
            let mut machine = other.machine();
            let from = Origin::Snapshot(Box::new(kept.unwrap()));
            let outcome = other.fit(&mut machine, &other.options(), from, &mut quiet()).unwrap();
            assert_eq!((outcome, bits(&machine)), whole, "step {step}, {threads} threads");
        }
    }
}

#[test]
fn what_is_not_in_memory_is_made_once_for_each_use_and_let_go() {
    let whole = augmented(1).run(&augmented(1).options());
    for threads in [1, 2, 3] {
        let (mut case, mut reads) = (augmented(threads), [0, 1].map(|_| Arc::default()));
        (case.data, reads[0]) = stored(&case.data);
        (case.validation, reads[1]) = stored(&case.validation);
        assert_eq!(case.run(&case.options()), whole, "{threads} threads");
        // Each epoch each picture and the one it is mixed with; to validate, each picture.
        assert_eq!(reads.each_ref().map(|r| r.load(Ordering::Relaxed)), [3 * 2 * 37, 3 * 19]);
        drop(case);
        assert_eq!(reads.each_ref().map(Arc::strong_count), [1, 1], "a thread keeps the pictures");
    }
    // Without the last step, which would be smaller.
    let options = FitOptions { drop_remainder: true, validation: None, ..augmented(1).options() };
    let (mut case, whole) = (augmented(2), augmented(2).run(&options));
    let reads;
    (case.data, reads) = stored(&case.data);
    assert_eq!(case.run(&options), whole);
    assert_eq!(reads.load(Ordering::Relaxed), 3 * 2 * 32);
}

#[test]
fn a_snapshot_after_the_end_gives_the_same_end() {
    let case = Case::new(optimizer("adam", 0.05));
    let (options, mut last) = (case.options(), None);
    let mut machine = case.machine();
    let mut keep = |event: &Event, state: &State| {
        if let Event::Epoch { .. } = event {
            last = Some(state.snapshot());
        }
        Ok(Flow::Continue)
    };
    let whole = case.fit(&mut machine, &options, Origin::Start, &mut keep).unwrap();
    let mut again = case.machine();
    let from = Origin::Snapshot(Box::new(last.unwrap()));
    assert_eq!(case.fit(&mut again, &options, from, &mut quiet()).unwrap(), whole);
    assert_eq!(bits(&again), bits(&machine));
}

#[test]
fn threads_change_no_bit() {
    let runs = [1, 2, 3, 4, 7].map(|threads| {
        let case = Case { threads, ..Case::new(optimizer("adam", 0.05)) };
        case.run(&case.options())
    });
    runs.iter().for_each(|r| assert_eq!(*r, runs[0]));
}

#[test]
fn the_best_weights_are_kept_and_patience_is_counted() {
    // A rate at which the validation loss goes up and down.
    let case = Case::new(optimizer("sgd", 3.0));
    let options = FitOptions { epochs: 40, ..case.options() };
    let best = |values: &[f64]| (0..values.len()).fold(0, |b, i| if values[i] < values[b] { i } else { b });
    for patience in [None, Some(1), Some(3)] {
        let mut machine = case.machine();
        let options = FitOptions { patience, ..options.clone() };
        let mut told = Vec::new();
        let mut hear = |event: &Event, _: &State| {
            if let Event::Epoch { best: true, row } = event {
                told.push(row.epoch);
            }
            Ok(Flow::Continue)
        };
        let outcome = case.fit(&mut machine, &options, Origin::Start, &mut hear).unwrap();
        let losses = outcome.history.get("val_loss");
        let epoch = best(&losses);
        assert_eq!((outcome.best, told.last()), (Some(epoch + 1), Some(&(epoch + 1))));
        assert!(epoch + 1 < losses.len(), "a case in which the last epoch is the best shows nothing");
        let scores = evaluate(&mut machine, &case.validation, &case.pipeline, &case.metrics).unwrap();
        assert_eq!(scores.loss, losses[epoch]);
        match patience {
            None => assert_eq!((losses.len(), outcome.early), (40, false)),
            Some(p) => assert_eq!((losses.len(), outcome.early), (epoch + 1 + p, true)),
        }
    }
    let without = FitOptions { validation: None, ..options };
    assert_eq!(case.run(&without).0.best, None);
}

#[test]
fn monitor_mode_and_min_delta_say_what_is_better() {
    let case = Case::new(optimizer("sgd", 3.0));
    let options = FitOptions { epochs: 20, ..case.options() };
    let epoch_of = |options: FitOptions| {
        let outcome = case.run(&options).0;
        (outcome.best.unwrap() - 1, outcome.history)
    };
    let (epoch, history) = epoch_of(FitOptions { monitor: Some("val_accuracy".into()), ..options.clone() });
    let values = history.get("val_accuracy");
    assert!(values.iter().all(|v| *v <= values[epoch]) && values[..epoch].iter().all(|v| *v < values[epoch]));
    let worst = FitOptions { monitor: Some("loss".into()), mode: Some(Mode::Max), validation: None, ..options.clone() };
    let (epoch, history) = epoch_of(worst);
    assert!(history.get("loss").iter().all(|v| *v <= history.get("loss")[epoch]));
    // No epoch is better than the first by 100.
    let outcome = case.run(&FitOptions { patience: Some(4), min_delta: 100.0, ..options }).0;
    assert_eq!(outcome.history.rows.len(), 5);
}

#[test]
fn a_number_that_is_not_finite_stops_the_run_at_its_step() {
    let case = Case { loss: Arc::new(MeanSquaredError), ..Case::new(optimizer("sgd", 1e30)) };
    let case = Case { model: Sequential::new(&[2]).add(Dense::new(2)), ..case };
    let mut steps = 0;
    let mut count = |event: &Event, _: &State| {
        steps += usize::from(matches!(event, Event::Step { .. }));
        Ok(Flow::Continue)
    };
    let error = case.fit(&mut case.machine(), &case.options(), Origin::Start, &mut count).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::NotFinite, "not-finite"));
    let place = format!("epoch 1, step {}: ", steps + 1);
    assert!(steps >= 1 && error.message().starts_with(&place), "{error}");
    assert!(error.message().contains("dense/"), "{error}");
}

#[test]
fn the_columns_are_means_as_keras_has_them() {
    // At a rate of 0 nothing moves, so the mean over an epoch's batches is that of all samples at once.
    let plain = Case::new(optimizer("sgd", 0.0));
    let hidden = Dense::new(7).activation("tanh").kernel_regularizer("l2(0.01)");
    let model = Sequential::new(&[2]).add(hidden).add(Dense::new(2).activation("softmax"));
    let weights: Vec<f32> = (0..37).map(|i| (i % 5) as f32 / 2.0).collect();
    let weighted = plain.data.clone().with_weights(weights).unwrap();
    for data in [plain.data.clone(), weighted] {
        let case = Case { model: model.clone(), data, ..Case::new(optimizer("sgd", 0.0)) };
        let row = case.run(&case.options()).0.history.rows.remove(2);
        let mut machine = case.machine();
        for (prefix, data) in [("", &case.data), ("val_", &case.validation)] {
            let scores = evaluate(&mut machine, data, &case.pipeline, &case.metrics).unwrap();
            // Sums of the same f32 numbers in another order.
            let close = |name: &str, x: f64| {
                let found = row.get(&format!("{prefix}{name}")).unwrap();
                assert!((found - x).abs() < 1e-6 * x.abs(), "{prefix}{name}: {found}, {x}");
            };
            close("loss", scores.loss);
            close("accuracy", scores.metrics[0].1);
        }
        let names: Vec<&str> = row.values.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(names, ["loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]);
    }
}

#[test]
fn batches_are_cut_as_told() {
    let case = Case::new(optimizer("sgd", 0.01));
    let full = Case { optimizer: optimizer("gradient_descent", 0.01), ..Case::new(optimizer("sgd", 0.01)) };
    // Batch size, leave out the rest?, steps in an epoch, samples in an epoch.
    let size = |n| Some(BatchSize::Samples(n));
    let cases = [
        (&case, size(8), false, 5, 37),
        (&case, size(8), true, 4, 32),
        (&case, size(37), true, 1, 37),
        (&case, size(1000), true, 1, 37),
        (&case, Some(BatchSize::Full), false, 1, 37),
        (&case, None, false, 1, 37),
        (&full, None, false, 1, 37),
        (&full, size(36), false, 2, 37),
    ];
    for (case, batch_size, drop_remainder, steps, samples) in cases {
        let mut seen = 0;
        let mut count = |event: &Event, _: &State| {
            seen += usize::from(matches!(event, Event::Step { .. }));
            Ok(Flow::Continue)
        };
        let options = FitOptions { epochs: 2, batch_size, drop_remainder, ..FitOptions::default() };
        let outcome = case.fit(&mut case.machine(), &options, Origin::Start, &mut count).unwrap();
        assert_eq!((seen, outcome.samples), (2 * steps, 2 * samples), "{batch_size:?}");
    }
}

#[test]
fn each_epoch_has_its_own_order_and_a_seed_its_own_run() {
    let case = Case::new(optimizer("sgd", 0.05));
    let run = |seed| case.run(&FitOptions { seed, validation: None, ..case.options() });
    assert_eq!(run(3), run(3));
    assert_ne!(run(3).1, run(4).1);
    // With a rate of 0 and no dropout the loss of the first batch alone tells which samples are in it.
    let still = Case {
        model: Sequential::new(&[2]).add(Dense::new(2).activation("softmax")),
        ..Case::new(optimizer("sgd", 0.0))
    };
    let mut first = Vec::new();
    let mut hear = |event: &Event, state: &State| {
        if let Event::Step { step: 1, .. } = event {
            first.push(state.running()[0].1);
        }
        Ok(Flow::Continue)
    };
    still.fit(&mut still.machine(), &still.options(), Origin::Start, &mut hear).unwrap();
    assert!(first[0] != first[1] && first[1] != first[2], "{first:?}");
}

#[test]
fn a_listener_can_end_a_run() {
    let case = Case::new(optimizer("sgd", 0.05));
    let mut stop = |event: &Event, _: &State| {
        Ok(if matches!(event, Event::Step { epoch: 2, step: 3, .. }) { Flow::Stop } else { Flow::Continue })
    };
    let outcome = case.fit(&mut case.machine(), &case.options(), Origin::Start, &mut stop).unwrap();
    assert_eq!((outcome.history.rows.len(), outcome.samples, outcome.early), (2, 37 + 24, true));
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let case = Case::new(optimizer("sgd", 0.05));
    let good = || FitOptions { validation: None, ..case.options() };
    let text = |t: &str| Some(t.to_owned());
    let cases = [
        (FitOptions { patience: Some(0), ..case.options() }, "patience-zero"),
        (FitOptions { patience: Some(1), ..good() }, "patience-without-validation"),
        (FitOptions { min_delta: f64::NAN, ..good() }, "min-delta"),
        (FitOptions { min_delta: -1.0, ..good() }, "min-delta"),
        (FitOptions { monitor: text("acuracy"), ..good() }, "unknown-monitor"),
        (FitOptions { monitor: text("val_loss"), ..good() }, "unknown-monitor"),
        (FitOptions { batch_size: Some(0.into()), ..good() }, "batch-size"),
    ];
    for (options, code) in cases {
        let error = case.fit(&mut case.machine(), &options, Origin::Start, &mut quiet()).unwrap_err();
        assert_eq!(error.code(), code);
    }
    assert_eq!(case.run(&FitOptions { monitor: text("accuracy"), ..good() }).0.history.rows.len(), 3);
}

#[test]
fn a_snapshot_of_another_model_is_refused() {
    let case = Case::new(optimizer("adam", 0.05));
    let mut kept = None;
    case.fit(&mut case.machine(), &case.options(), Origin::Start, &mut interrupt_after(3, &mut kept)).unwrap_err();
    let snapshot = kept.unwrap();
    let refused = |case: &Case, snapshot: Snapshot| {
        let from = Origin::Snapshot(Box::new(snapshot));
        let error = case.fit(&mut case.machine(), &case.options(), from, &mut quiet()).unwrap_err();
        assert_eq!(error.code(), "snapshot-of-another-model");
    };
    refused(&Case::new(optimizer("sgd", 0.05)), snapshot.clone());
    refused(&Case { metrics: Vec::new(), ..Case::new(optimizer("adam", 0.05)) }, snapshot.clone());
    let mut reshaped = snapshot;
    reshaped.variables[0].shape.reverse();
    refused(&case, reshaped);
}

#[test]
fn gradients_of_several_batches_make_one_update() {
    let one = Case { optimizer: with("adam", &[]), ..Case::plain() };
    let three = Case { optimizer: with("adam", &[("gradient_accumulation_steps", Argument::Int(3))]), ..Case::plain() };
    let (mut a, mut b) = (one.machine(), three.machine());
    let (mut sums, indices) = (Sums::new(1), (0..37).collect::<Vec<u32>>());
    for _ in 0..4 {
        // The mean over three parts of equal size is the mean over all.
        let batch = Batch { data: &one.data, pipeline: &one.pipeline, indices: &indices[..36], draws: None };
        a.update(&batch, Pace::default(), &mut sums).unwrap();
        for part in indices[..36].chunks(12) {
            let before = bits(&b);
            b.update(&Batch { indices: part, ..batch }, Pace::default(), &mut sums).unwrap();
            assert_eq!(bits(&b) == before, part[0] < 24, "only the third batch updates");
        }
    }
    assert_eq!((a.updates(), b.updates()), (4, 4));
    for (x, y) in parameters(&a).iter().zip(parameters(&b)) {
        assert!(x.values.iter().zip(&y.values).all(|(x, y)| (x - y).abs() < 1e-5), "{}", x.name);
    }
}

#[test]
fn a_dynamic_loss_scale_leaves_out_updates_that_overflow_and_changes_no_other() {
    let settings = [
        ("loss_scale", Argument::Text("dynamic".into())),
        ("initial_scale", Argument::Float(2f64.powi(120))),
        ("dynamic_growth_steps", Argument::Int(4)),
    ];
    // Samples of so great a weight that gradients overflow at first.
    let case = |optimizer: Optimizer| {
        let model = Sequential::new(&[2]).add(Dense::new(2).activation("softmax"));
        let data = Dataset { weights: Some(vec![65536.0; 37]), ..quadrants(37, "train") };
        Case { model, optimizer, data, ..Case::plain() }
    };
    let (scaled, plain) = (case(with("adam", &settings)), case(with("adam", &[])));
    let (mut a, mut b) = (scaled.machine(), plain.machine());
    let (mut sums, indices) = (Sums::new(1), (0..16).collect::<Vec<u32>>());
    let batch = Batch { data: &scaled.data, pipeline: &scaled.pipeline, indices: &indices, draws: None };
    let mut scales = Vec::new();
    let start = bits(&a);
    for _ in 0..20 {
        let before = (a.updates(), bits(&a));
        a.update(&batch, Pace::default(), &mut sums).unwrap();
        assert_eq!(a.updates() == before.0, bits(&a) == before.1);
        scales.push(a.progress().1[0].log2());
        if a.updates() > before.0 {
            b.update(&batch, Pace::default(), &mut sums).unwrap();
            // Powers of two change no bit.
            assert_eq!(bits(&a), bits(&b));
        }
    }
    assert!(sums.finite && start != bits(&a));
    assert!(scales[0] == 119.0 && a.updates() < 20, "the first ones overflow: {scales:?}");
    assert!(scales.windows(2).any(|w| w[1] == w[0] + 1.0), "it grows again: {scales:?}");
}

#[test]
fn averages_are_evaluated_and_kept_at_the_end() {
    let settings = [("use_ema", Argument::Bool(true)), ("ema_momentum", Argument::Float(0.9))];
    let (averaged, plain) = (Case::new(with("sgd", &settings)), Case::new(with("sgd", &[])));
    let options = FitOptions { validation: None, ..averaged.options() };
    let mut machine = averaged.machine();
    averaged.fit(&mut machine, &options, Origin::Start, &mut quiet()).unwrap();
    let kept = parameters(&machine);
    machine.show_trained();
    let (trained, other) = (bits(&machine), plain.run(&options));
    assert_eq!(trained, other.1, "averages do not change the training");
    // The mean of 15 steps' weights, by hand.
    let mut machine = plain.machine();
    let mut mean: Option<Vec<f64>> = None;
    let mut average = |event: &Event, state: &State| {
        if matches!(event, Event::Step { .. }) {
            let now: Vec<f64> = parameters(state.machine()).iter().flat_map(|a| &a.values).map(|&x| x.into()).collect();
            let old = mean.take().unwrap_or(now.clone());
            mean = Some(old.iter().zip(&now).map(|(m, x)| 0.9 * m + 0.1 * x).collect());
        }
        Ok(Flow::Continue)
    };
    plain.fit(&mut machine, &options, Origin::Start, &mut average).unwrap();
    for (x, y) in kept.iter().flat_map(|a| &a.values).zip(mean.unwrap()) {
        assert!((f64::from(*x) - y).abs() < 1e-6, "{x} is not {y}");
    }
}

#[test]
fn groups_have_their_own_rule_and_rate() {
    let mut optimizer = with("adam", &[]);
    let group = |pattern: &str, optimizer: Optimizer| Group { pattern: pattern.parse().unwrap(), optimizer };
    let still = with("sgd", &[("learning_rate", Argument::Float(0.0))]);
    optimizer.groups = vec![group("^dense/bias$", still), group("bias", with("momentum", &[]))];
    let case = Case { optimizer, ..Case::plain() };
    let mut machine = case.machine();
    let start = parameters(&machine);
    case.fit(&mut machine, &case.options(), Origin::Start, &mut quiet()).unwrap();
    for (was, is) in start.iter().zip(parameters(&machine)) {
        assert_eq!(was.values == is.values, was.name == "dense/bias", "{}", was.name);
    }
    let names: Vec<&str> = machine.variables().list().iter().map(|v| v.name.as_str()).collect();
    assert!(names.contains(&"dense_1/bias/v") && names.contains(&"dense/kernel/m") && !names.contains(&"dense/bias/m"));
    let mut empty = with("adam", &[]);
    empty.groups = vec![group("conv", with("sgd", &[]))];
    let case = Case { optimizer: empty, ..Case::plain() };
    let spec = Spec {
        model: &case.model,
        loss: &case.loss,
        metrics: &case.metrics,
        optimizer: Some(&case.optimizer),
        target: case.data.target_kind().unwrap(),
        weighted: false,
        frozen: &|_| false,
    };
    let isa = schuss_kernels::Isa::chosen().unwrap();
    let error = Machine::new(&spec, Options { seed: 3, ..Options::new(1, isa) }).err().unwrap();
    assert_eq!(error.code(), "empty-group");
}

#[test]
fn what_excludes_each_other_is_refused() {
    use Argument::{Bool, Float, Int, Text};
    let cases = [
        (vec![("clipnorm", Float(1.0)), ("global_clipnorm", Float(1.0))], "two-kinds-of-clipping"),
        (vec![("ema_overwrite_frequency", Int(5))], "no-average"),
        (vec![("exclude_from_weight_decay", Text("(".into()))], "bad-expression"),
        (vec![("weight_decay", Float(-0.1))], "value-not-allowed"),
        (vec![("gradient_accumulation_steps", Int(0))], "value-not-allowed"),
        (vec![("use_ema", Bool(true)), ("ema_momentum", Float(1.0))], "value-not-allowed"),
        (vec![("loss_scale", Text("static".into())), ("initial_scale", Float(1e37))], "loss-scale-too-great"),
        (vec![("decay", Text("l1".into()))], "value-not-allowed"),
        (vec![("clip_norm", Float(1.0))], "unknown-setting"),
    ];
    for (settings, code) in cases {
        let given: Vec<_> = settings.iter().map(|(n, v)| (n.to_string(), v.clone())).collect();
        assert_eq!(optimizers::registry().make("adam", &given).unwrap_err().code(), code, "{settings:?}");
    }
}

/// A schedule that moves the momentum too, and a rate that is scaled, on top of one another.
fn scheduled(case: &Case) -> FitOptions<'_> {
    let schedule = "linear(length='1 epoch') then one_cycle(pct_start=0.5, warmup=2)".parse().unwrap();
    // Nothing gets better by that much.
    let reduce = ReduceOnPlateau { factor: 0.5, patience: 1, min_delta: 9.0, cooldown: 1, ..Default::default() };
    FitOptions { epochs: 5, schedule: Some(schedule), reduce_on_plateau: Some(reduce), ..case.options() }
}

#[test]
fn every_step_is_as_fast_as_the_schedule_has_it() {
    let case = Case::plain();
    let schedule = Some("cosine(warmup='1 epoch', warmup_start=0.5)".parse().unwrap());
    let options = FitOptions { schedule, epochs: 4, validation: None, ..case.options() };
    let timetable = options.timetable(&case.optimizer, case.data.len()).unwrap().unwrap();
    let steps = options.steps(&case.optimizer, case.data.len()).unwrap().1 as u64;
    let mut machine = case.machine();
    let outcome = case.fit(&mut machine, &options, Origin::Start, &mut quiet()).unwrap();
    let last = |epoch: u64| case.optimizer.learning_rate * timetable.at(epoch * steps - 1).factor;
    assert_eq!(outcome.history.get("learning_rate"), [1, 2, 3, 4].map(last));
    // A listener that scales a constant rate makes the same steps, but for roundings of the factor.
    let mut next = 0;
    let mut scale = |event: &Event, _: &State| {
        let factor = |t: u64| timetable.at(t).factor;
        Ok(match event {
            Event::Start { .. } => Flow::ScaleRate(factor(0)),
            Event::Step { .. } => {
                next += 1;
                Flow::ScaleRate(factor(next) / factor(next - 1))
            }
            _ => Flow::Continue,
        })
    };
    let unscheduled = FitOptions { schedule: None, ..options.clone() };
    let mut scaled = case.machine();
    let by_hand = case.fit(&mut scaled, &unscheduled, Origin::Start, &mut scale).unwrap();
    let weights = |m: &Machine| parameters(m).into_iter().flat_map(|a| a.values).collect::<Vec<f32>>();
    let (a, b) = (weights(&machine), weights(&scaled));
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-6 * (1.0 + a.abs())), "{a:?}\n{b:?}");
    let rates = |o: &Outcome| o.history.get("learning_rate");
    testdata::assert_near("rates", &rates(&by_hand), &rates(&outcome), 1e-14);
    let constant = case.run(&unscheduled);
    assert_ne!(bits(&machine), constant.1);
    // A constant schedule is none.
    let schedule = Some("constant".parse().unwrap());
    assert_eq!(case.run(&FitOptions { schedule, ..options }).1, constant.1);
}

#[test]
fn a_scheduled_run_is_resumed_to_the_same_bits() {
    for name in ["momentum", "adam"] {
        let case = Case::new(with(name, &[]));
        let options = scheduled(&case);
        let whole = case.run(&options);
        let rates = whole.0.history.get("learning_rate");
        let timetable = options.timetable(&case.optimizer, case.data.len()).unwrap().unwrap();
        let planned = |epoch: usize| case.optimizer.learning_rate * timetable.at(5 * epoch as u64 + 4).factor;
        assert!((0..5).any(|e| rates[e] < 0.9 * planned(e)), "{name}: no plateau is reached: {rates:?}");
        for step in 1..=25 {
            let mut kept = None;
            let error = case.fit(&mut case.machine(), &options, Origin::Start, &mut interrupt_after(step, &mut kept));
            assert_eq!(error.unwrap_err().kind(), Kind::Interrupted);
            let mut machine = case.machine();
            let from = Origin::Snapshot(Box::new(kept.unwrap()));
            let outcome = case.fit(&mut machine, &options, from, &mut quiet()).unwrap();
            assert_eq!((&outcome, bits(&machine)), (&whole.0, whole.1.clone()), "{name}, step {step}");
        }
    }
}

#[test]
fn a_schedule_that_does_not_fit_is_one_error() {
    let case = Case::new(with("sgd", &[]));
    let fitted = |options: &FitOptions| case.fit(&mut case.machine(), options, Origin::Start, &mut quiet());
    let code = |options: FitOptions| fitted(&options).unwrap_err().code();
    let schedule = |words: &str| FitOptions { schedule: Some(words.parse().unwrap()), ..case.options() };
    assert_eq!(code(schedule("cosine(warmup='4 epochs')")), "schedule-too-long");
    assert_eq!(code(schedule("one_cycle")), "schedule-without-momentum");
    assert!(fitted(&schedule("one_cycle(cycle_momentum=false)")).is_ok());
    let reduce = |reduce: ReduceOnPlateau| FitOptions { reduce_on_plateau: Some(reduce), ..case.options() };
    let monitor = |name: &str| ReduceOnPlateau { monitor: Some(name.into()), ..Default::default() };
    assert_eq!(code(reduce(ReduceOnPlateau { factor: 1.0, ..Default::default() })), "reduce-on-plateau");
    assert_eq!(code(reduce(monitor("val_los"))), "unknown-monitor");
    let without = FitOptions { validation: None, ..reduce(ReduceOnPlateau::default()) };
    assert_eq!(code(without), "plateau-without-validation");
    let mut wild = |_: &Event, _: &State| Ok(Flow::ScaleRate(f64::NAN));
    let refused = case.fit(&mut case.machine(), &case.options(), Origin::Start, &mut wild);
    assert_eq!(refused.unwrap_err().code(), "scale-rate");
}

#[test]
fn plateaus_are_where_keras_finds_them() {
    #[derive(serde::Deserialize)]
    struct Plateau {
        name: String,
        mode: String,
        factor: f64,
        patience: usize,
        min_delta: f64,
        cooldown: usize,
        min_lr: f64,
        learning_rate: f64,
        values: Vec<f64>,
        rates: Vec<f64>,
    }
    for case in testdata::cases::<Plateau>("plateau.json") {
        let Plateau { factor, patience, min_delta, cooldown, min_lr, .. } = case;
        let reduce = ReduceOnPlateau { monitor: None, mode: None, factor, patience, min_delta, cooldown, min_lr };
        let factors = reduce.factors(case.mode.parse().unwrap(), case.learning_rate, &case.values);
        let mut rate = case.learning_rate;
        for (epoch, (factor, expected)) in factors.iter().zip(&case.rates).enumerate() {
            rate *= factor;
            // Some roundings of factors.
            assert!((rate - expected).abs() <= 1e-14 * expected, "{}, epoch {epoch}: {rate}, {expected}", case.name);
        }
        assert!(case.rates.last().is_some_and(|r| *r < case.learning_rate) && factors.len() == case.rates.len());
    }
}
