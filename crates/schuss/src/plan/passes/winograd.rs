//! How a convolution's products are made: all of them, a quarter of them, or those that are not 0.
//!
//! Decided by the graph, its sizes and what the machine has, so that a network is the same function for any number of threads. The
//! derivatives of a convolution that is pooled at once often stay as they are: most numbers they are made of are 0, and
//! products with 0 are left out.

use super::Pass;
use crate::graph::Value;
use crate::graph::ops::greater::Greater;
use crate::graph::ops::multiply::Multiply;
use crate::graph::ops::pool_scatter::PoolScatter;
use crate::plan::list::{Kernel, List};
use schuss_kernels::convolution::{self, Method};

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
    let isa = list.isa;
    match kernel {
        Kernel::Convolve { x, geometry, turned, factors, .. } => {
            Some(convolution::method(isa, *factors, geometry, *turned, nonzero(list, *x)))
        }
        Kernel::Correlate { y, geometry, parts, factors, .. } => {
            Some(convolution::kernel_method(isa, *factors, geometry, list.batch / parts, nonzero(list, *y)))
        }
        _ => None,
    }
}

/// Of numbers behind a rectifier, the share that is likely to have been let through.
const RECTIFIED: f64 = 0.75;

/// Which share of the numbers is likely not to be 0: where windows of a pooling had their greatest number, if that was let
/// through by a rectifier.
fn nonzero(list: &List, v: Value) -> f64 {
    let g = list.graph;
    let keeps_zeros = g.operation::<Multiply>(v).is_some();
    if g.operation::<Greater>(v).is_some() {
        RECTIFIED
    } else if g.operation::<PoolScatter>(v).is_some() {
        let count = |v: Value| list.sizes(v).iter().product::<usize>() as f64;
        let windows = g.node(v).inputs[1];
        nonzero(list, windows) * count(windows) / count(v)
    } else if keeps_zeros {
        g.node(v).inputs.iter().map(|x| nonzero(list, *x)).fold(1.0, f64::min)
    } else {
        1.0
    }
}
