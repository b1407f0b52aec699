//! Convolutions with windows of 3 × 3 by a quarter of the products.
//!
//! Decided by sizes alone, so that a network is the same function for any number of threads. The derivatives of a
//! convolution that is pooled at once stay as they are: most numbers they are made of are 0, and products with 0 are left
//! out.

use super::Pass;
use crate::graph::Value;
use crate::graph::ops::bfloat16::Bfloat16;
use crate::graph::ops::multiply::Multiply;
use crate::graph::ops::pool_scatter::PoolScatter;
use crate::plan::list::{Kernel, List};
use schuss_kernels::convolution::{Method, suits_winograd, suits_winograd_kernel};

/// The pass.
pub const PASS: Pass = Pass {
    name: "winograd",
    summary: "convolutions with windows of 3×3 take a quarter of the products (the numbers differ in the last digit)",
    run,
};

fn run(list: &mut List) {
    let methods: Vec<Option<Method>> = list.steps.iter().map(|step| method(list, &step.kernel)).collect();
    for (step, chosen) in list.steps.iter_mut().zip(methods) {
        if let (Kernel::Convolve { method, .. } | Kernel::Correlate { method, .. }, Some(m)) =
            (&mut step.kernel, chosen)
        {
            *method = m;
        }
    }
}

fn method(list: &List, kernel: &Kernel) -> Option<Method> {
    let suits = match kernel {
        Kernel::Convolve { x, geometry, turned, .. } => {
            suits_winograd(geometry, *turned) && !(*turned && scattered(list, *x))
        }
        Kernel::Correlate { y, geometry, parts, .. } => {
            suits_winograd_kernel(geometry, list.batch / parts) && !scattered(list, *y)
        }
        _ => false,
    };
    suits.then_some(Method::Winograd)
}

/// Is it 0 where no window of a pooling had its greatest number?
fn scattered(list: &List, v: Value) -> bool {
    let g = list.graph;
    let factor = |x: &Value| scattered(list, *x);
    let keeps_zeros = g.operation::<Multiply>(v).is_some() || g.operation::<Bfloat16>(v).is_some();
    g.operation::<PoolScatter>(v).is_some() || (keeps_zeros && g.node(v).inputs.iter().any(factor))
}
