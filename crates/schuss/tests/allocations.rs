//! A step allocates nothing once its plan is made.

mod cases;

use schuss::data::{Dataset, Features, Pipeline, Targets};
use schuss::optimizers::Pace;
use schuss::plan::{Batch, Machine, Options, Spec, Sums};
use schuss::registry::Argument;
use schuss::{optimizers, target::TargetKind};
use schuss_kernels::{Isa, allocations::Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

#[test]
fn a_step_allocates_nothing() {
    for case in cases::cases().iter().filter(|c| matches!(c.target, TargetKind::Class(_)) && !c.weighted) {
        for threads in [1, 2, 3] {
            let climbing =
                vec![("sam_rho".to_owned(), Argument::Float(0.05)), ("lookahead_steps".into(), Argument::Int(3))];
            let plain = optimizers::registry().names().into_iter().map(|name| (name, vec![]));
            for (optimizer, settings) in plain.chain([("adam", climbing)]) {
                let n = 64;
                let optimizer = optimizers::registry().make(optimizer, &settings).unwrap();
                // A search keeps places to go back to.
                if !optimizer.evaluates_once() && settings.is_empty() {
                    continue;
                }
                // A step of so many products takes long, and its update is that of the other cases.
                if case.name == "image_tiles" && optimizer.name != "adam" {
                    continue;
                }
                let spec = Spec {
                    model: &case.model,
                    loss: &case.loss,
                    metrics: &case.metrics,
                    optimizer: Some(&optimizer),
                    target: case.target,
                    weighted: false,
                    frozen: &|_| false,
                };
                let options = Options { without: vec!["serial".into()], ..Options::new(threads, Isa::detect()) };
                let mut machine = Machine::new(&spec, options).unwrap();
                let width: usize = case.model.input().iter().product();
                let data = Dataset {
                    shape: case.model.input().to_vec(),
                    features: Features::U8(vec![1; n * width]),
                    targets: Targets::Classes(vec![1; n]),
                    weights: None,
                    classes: Vec::new(),
                };
                let indices: Vec<u32> = (0..n as u32).collect();
                let pipeline = Pipeline::scale(1.0 / 255.0);
                let batch = Batch { data: &data, pipeline: &pipeline, indices: &indices, draws: None };
                let mut sums = Sums::new(case.metrics.len());
                machine.update(&batch, Pace::default(), &mut sums).unwrap();
                machine.evaluate(&batch, &mut sums).unwrap();
                // Some rules make something anew every tenth step, or later: once is enough.
                let steps = if threads == 2 { 20 } else { 3 };
                let least = ALLOCATOR.least(|| {
                    for _ in 0..steps {
                        machine.update(&batch, Pace::default(), &mut sums).unwrap();
                        machine.evaluate(&batch, &mut sums).unwrap();
                    }
                });
                assert_eq!(least, 0, "{} with {}, {threads} threads", case.name, optimizer.name);
            }
        }
    }
}
