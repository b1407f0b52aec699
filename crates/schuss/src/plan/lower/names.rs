//! What steps are called in listings and profiles.

use super::super::list::{Kernel, Step, Writes};
use super::super::moments::Of;
use super::Lowering;
use crate::graph::Value;
use crate::graph::ops::input::{Input, Source};
use schuss_kernels::convolution::Method;
use schuss_kernels::product::Factors;
use schuss_kernels::windows::WindowMap;

impl Lowering<'_> {
    /// What a step is called in listings.
    pub(super) fn name(&self, step: &Step) -> String {
        let list = self.list;
        let word = |v: Value| match list.graph.operation::<Input>(list.stored_as(v)) {
            Some(leaf) => leaf.name.clone(),
            None => format!("v{}", v.index()),
        };
        let turned = |v: Value, t: bool| format!("{}{}", word(v), if t { "ᵀ" } else { "" });
        let by = |method: Method| match method {
            Method::Winograd => ", winograd",
            Method::Sparse => ", sparse",
            Method::Plain | Method::Look => "",
        };
        let taken = |factors: Factors| match factors {
            Factors::F32 => "",
            Factors::Bf16 => ", rounded",
            Factors::Cut => ", cut in two",
        };
        let what = match &step.kernel {
            Kernel::Map => "map".into(),
            Kernel::Product { a, b, transpose_a, transpose_b, factors } => {
                let rounded = taken(*factors);
                format!("product {} · {}{rounded}", turned(*a, *transpose_a), turned(*b, *transpose_b))
            }
            Kernel::Sum { x } => format!("sum {}", word(*x)),
            Kernel::SumParts { x, parts } => format!("sum {} in {parts} parts", word(*x)),
            Kernel::SampleMoments { x, with: None } => format!("sums and deviations of {}", word(*x)),
            Kernel::SampleMoments { x, with: Some([u, m]) } => {
                format!("sums of {} and times {} − {}", word(*x), word(*u), word(*m))
            }
            Kernel::AllMoments { of, moments, .. } => {
                let of = match of {
                    Of::Sums => "sums",
                    Of::Products => "products",
                    Of::Deviations { .. } => "deviations",
                };
                format!("{of} of all of {}", word(*moments))
            }
            Kernel::Convolve { x, w, turned, method, factors, .. } => {
                let turned = if *turned { ", turned" } else { "" };
                format!("convolution {} ∗ {}{turned}{}{}", word(*x), word(*w), by(*method), taken(*factors))
            }
            Kernel::Correlate { x, y, parts, method, factors, .. } => {
                let how = format!("{}{}", by(*method), taken(*factors));
                format!("kernel of convolution {} to {} in {parts} parts{how}", word(*x), word(*y))
            }
            Kernel::Windows { f, x, v, .. } => {
                let what = match f {
                    WindowMap::Max => "max pool",
                    WindowMap::Select => "select by pool",
                    WindowMap::Sum { mean: false } => "sum of windows",
                    WindowMap::Sum { mean: true } => "mean of windows",
                    WindowMap::Scatter => "scatter by pool",
                    WindowMap::Spread { .. } => "spread to windows",
                };
                let words: Vec<String> = std::iter::once(*x).chain(*v).map(word).collect();
                format!("{what} {}", words.join(", "))
            }
            Kernel::Arrange { pieces, zeros, .. } => {
                let words: Vec<String> = pieces.iter().map(|p| word(p.0)).collect();
                format!("pieces of {}{}", words.join(", "), if *zeros { ", zeros around" } else { "" })
            }
            Kernel::Spread { x } => format!("spread {}", word(*x)),
            Kernel::Fold { f, x } => format!("{} {}", format!("{f:?}").to_lowercase(), word(*x)),
            Kernel::RowMap { f, x } => format!("{} {}", format!("{f:?}").to_lowercase(), word(*x)),
            Kernel::OneHot { labels } => format!("one_hot {}", word(*labels)),
            Kernel::Symmetric { f, x, .. } => format!("{} {}", format!("{f:?}").to_lowercase(), word(*x)),
            Kernel::InTopK { k, scores, .. } => format!("in_top_{k} {}", word(*scores)),
            Kernel::CrossEntropy(c) => {
                let parts = [("loss", c.loss.is_some()), ("gradient", c.gradient.is_some())];
                let mut parts: Vec<String> = parts.iter().filter(|p| p.1).map(|p| p.0.into()).collect();
                parts.extend(c.in_top.map(|(k, _)| format!("in_top_{k}")));
                format!("softmax_cross_entropy {} ({})", word(c.logits), parts.join(", "))
            }
        };
        let made: Vec<String> = step.makes().into_iter().filter(|v| self.kept[v.index()]).map(word).collect();
        let write = step.write.map(|w| match w.kind {
            Writes::Update => format!("{} updated", self.parameter(w.place)),
            Writes::Assign => format!("{} set", self.parameter(w.place)),
            Writes::Accumulate => format!("gradient of {} added up", self.parameter(w.place)),
        });
        let made: Vec<String> = made.into_iter().chain(write).collect();
        format!("{} = {what}", made.join(", "))
    }
    fn parameter(&self, place: usize) -> String {
        let is = |(name, _): &(String, Value)| (self.store.place)(name) == place;
        self.list.graph.inputs(Source::Parameter).into_iter().find(is).map_or_else(String::new, |p| p.0)
    }
}
