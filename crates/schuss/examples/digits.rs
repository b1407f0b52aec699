//! Handwritten digits and a loss of one's own: `cargo run --release -p schuss --example digits`.
use schuss::data::{Features, Options, Targets, Task, open};
use schuss::graph::{Graph, Value};
use schuss::{Dataset, FitOptions, Model, Sequential, layers::Dense, losses::Loss, target::Target};

/// Σ (p − y)² over the classes (Brier 1950).
#[derive(Debug)]
struct Brier;

impl Loss for Brier {
    fn kind(&self) -> &'static str {
        "brier"
    }
    fn build(&self, g: &mut Graph, prediction: Value, target: Target) -> schuss::Result<Value> {
        let y = target.distribution(g, prediction)?;
        let error = g.subtract(prediction, y)?;
        let square = g.square(error)?;
        let sum = g.sum_last(square)?;
        g.drop_last(sum)
    }
}

/// Trains on 1500 digits, and measures the rest.
pub fn main() -> schuss::Result<()> {
    let digits = open("digits", Task::Classes, &Options::default())?.train;
    let (Features::U8(pixels), Targets::Classes(y)) = (digits.features, digits.targets) else { unreachable!() };
    let x: Vec<f32> = pixels.iter().map(|&p| f32::from(p) / 16.0).collect();
    let train = Dataset::classes(&x[..1500 * 64], &[64], &y[..1500], 10)?;
    let test = Dataset::classes(&x[1500 * 64..], &[64], &y[1500..], 10)?;

    let layers =
        Sequential::new(&[64]).add(Dense::new(128).activation("relu")).add(Dense::new(10).activation("softmax"));
    let mut model = Model::new(layers).compile("adam(0.003)", Brier, &["accuracy"])?;
    let history = model.fit(&train, FitOptions { epochs: 15, ..Default::default() })?;
    let (scores, outputs) = (model.evaluate(&test)?, model.predict(&test)?);

    println!("loss {:.3?}\ntest {scores:.3?}\n{} is {:.2?}", history.get("loss"), y[1500], &outputs[..10]);
    assert!(scores.metrics[0].1 > 0.85);
    Ok(())
}
