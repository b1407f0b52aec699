//! Training steps of candle and burn on workloads of `schuss bench`, a line of JSON for each:
//! `RUSTFLAGS='-C target-cpu=native' cargo run --release --manifest-path benchmarks/peers/Cargo.toml -- tiny`.
//!
//! A step is everything on a batch in memory: forwards, loss, backwards, update. Numbers are random, as time does not depend
//! on them.

use std::time::{Duration, Instant};

/// A workload: its name, units of each layer, the batch, and whether the optimizer is Adam at 1e-3 or SGD at 0.1.
const WORKS: &[(&str, &[usize], usize, bool)] =
    &[("tiny", &[64, 32, 10], 16, false), ("logreg", &[784, 10], 32, false), ("mlp", &[784, 512, 512, 10], 128, true)];

/// Anything between 0 and 1.
fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i * 37 % 101) as f32 / 101.0).collect()
}

fn labels(n: usize) -> Vec<i64> {
    (0..n as i64).map(|i| i * 7 % 10).collect()
}

/// Times a step for two seconds, after some that warm up, and prints the median and the least.
fn report(peer: &str, work: &str, batch: usize, mut step: impl FnMut()) {
    (0..50).for_each(|_| step());
    let (mut times, begin) = (Vec::new(), Instant::now());
    while begin.elapsed() < Duration::from_secs(2) {
        let start = Instant::now();
        step();
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let (median, least) = (times[times.len() / 2], times[0]);
    let rate = batch as f64 / median * 1e3;
    println!(
        "{}",
        serde_json::json!({"peer": peer, "work": work, "step_ms": median, "min_ms": least, "samples_per_s": rate})
    );
}

mod with_candle {
    use super::{labels, numbers, report};
    use candle_core::{DType, Device, Result, Tensor};
    use candle_nn::{AdamW, Module, Optimizer, ParamsAdamW, SGD, VarBuilder, VarMap, linear, loss};

    enum Rule {
        Sgd(SGD),
        Adam(AdamW),
    }

    pub fn time(work: &str, widths: &[usize], batch: usize, adam: bool) -> Result<()> {
        let (device, map) = (Device::Cpu, VarMap::new());
        let vars = VarBuilder::from_varmap(&map, DType::F32, &device);
        let layers = widths.windows(2).enumerate();
        let layers: Vec<_> = layers.map(|(i, w)| linear(w[0], w[1], vars.pp(i.to_string()))).collect::<Result<_>>()?;
        let x = Tensor::from_vec(numbers(batch * widths[0]), (batch, widths[0]), &device)?;
        let y = Tensor::from_vec(labels(batch), batch, &device)?;
        let mut rule = match adam {
            false => Rule::Sgd(SGD::new(map.all_vars(), 0.1)?),
            true => Rule::Adam(AdamW::new(
                map.all_vars(),
                ParamsAdamW { lr: 1e-3, weight_decay: 0.0, ..Default::default() },
            )?),
        };
        let mut step = || -> Result<()> {
            let mut h = x.clone();
            for (i, layer) in layers.iter().enumerate() {
                h = layer.forward(&h)?;
                if i + 1 < layers.len() {
                    h = h.relu()?;
                }
            }
            let loss = loss::cross_entropy(&h, &y)?;
            match &mut rule {
                Rule::Sgd(rule) => rule.backward_step(&loss),
                Rule::Adam(rule) => rule.backward_step(&loss),
            }
        };
        step()?;
        report("candle", work, batch, || step().expect("it went well once"));
        Ok(())
    }
}

mod with_burn {
    use super::{labels, numbers, report};
    use burn::module::Module;
    use burn::nn::loss::CrossEntropyLossConfig;
    use burn::nn::{Linear, LinearConfig};
    use burn::optim::{AdamConfig, GradientsParams, SgdConfig};
    use burn::prelude::*;
    use burn::tensor::activation::relu;

    #[derive(Module, Debug)]
    struct Mlp {
        layers: Vec<Linear>,
    }

    impl Mlp {
        fn forward(&self, mut x: Tensor<2>) -> Tensor<2> {
            for (i, layer) in self.layers.iter().enumerate() {
                x = layer.forward(x);
                if i + 1 < self.layers.len() {
                    x = relu(x);
                }
            }
            x
        }
    }

    pub fn time(work: &str, widths: &[usize], batch: usize, adam: bool) {
        let device = Device::flex().autodiff();
        let layers = widths.windows(2).map(|w| LinearConfig::new(w[0], w[1]).init(&device)).collect();
        let mut model = Some(Mlp { layers });
        let x = Tensor::<2>::from_data(TensorData::new(numbers(batch * widths[0]), [batch, widths[0]]), &device);
        let y = Tensor::<1, Int>::from_data(TensorData::new(labels(batch), [batch]), &device);
        let loss = CrossEntropyLossConfig::new().init(&device);
        let (mut rule, rate) = if adam { (AdamConfig::new().init(), 1e-3) } else { (SgdConfig::new().init(), 0.1) };
        report("burn-flex", work, batch, || {
            let now = model.take().expect("it is put back");
            let gradients = loss.forward(now.forward(x.clone()), y.clone()).backward();
            let gradients = GradientsParams::from_grads(gradients, &now);
            model = Some(rule.step(rate, now, gradients));
        });
    }
}

fn main() {
    let asked = std::env::args().nth(1).unwrap_or_default();
    for &(work, widths, batch, adam) in WORKS.iter().filter(|w| asked.is_empty() || w.0 == asked) {
        if let Err(e) = with_candle::time(work, widths, batch, adam) {
            eprintln!("candle, {work}: {e}");
        }
        with_burn::time(work, widths, batch, adam);
    }
}
