//! Functions of a few numbers that optimizers are tried on, with their gradients.

use crate::error::{Error, Result};
use crate::registry::{Entry, Page, Registry};

/// A function to walk down.
#[derive(Clone, Copy, Debug)]
pub struct Surface {
    /// How many numbers it takes; nothing for any count.
    pub dimensions: Option<usize>,
    /// Its value.
    pub value: fn(&[f64]) -> f64,
    /// Its gradient.
    pub gradient: fn(&[f64]) -> Vec<f64>,
}

/// Every surface. Adding one: its entry, and its name here.
pub fn surfaces() -> Registry<Surface> {
    Registry::new("surface", [BEALE, QUADRATIC, ROSENBROCK])
}

const fn page(summary: &'static str, equation: &'static str, source: &'static str) -> Page {
    Page { summary, equation, source, differs: "" }
}

const ROSENBROCK: Entry<Surface> = Entry {
    name: "rosenbrock",
    page: page(
        "a banana: a curved valley with a flat floor; least at (1, 1)",
        "f(x, y) = (1 − x)² + 100 (y − x²)²",
        "Rosenbrock 1960, https://doi.org/10.1093/comjnl/3.3.175",
    ),
    settings: &[],
    make: |_| {
        Ok(Surface {
            dimensions: Some(2),
            value: |t| (1.0 - t[0]).powi(2) + 100.0 * (t[1] - t[0] * t[0]).powi(2),
            gradient: |t| {
                let off = t[1] - t[0] * t[0];
                vec![-2.0 * (1.0 - t[0]) - 400.0 * t[0] * off, 200.0 * off]
            },
        })
    },
};

const BEALE: Entry<Surface> = Entry {
    name: "beale",
    page: page(
        "a plain with steep walls; least at (3, 0.5)",
        "f(x, y) = (1.5 − x + x y)² + (2.25 − x + x y²)² + (2.625 − x + x y³)²",
        "Beale 1958, On an iterative method for finding a local minimum of a function of more than one variable",
    ),
    settings: &[],
    make: |_| {
        Ok(Surface {
            dimensions: Some(2),
            value: |t| beale(t).iter().map(|x| x * x).sum(),
            gradient: |t| {
                let (x, y) = (t[0], t[1]);
                let sum = |f: &dyn Fn(i32) -> f64| (1..4).zip(beale(t)).map(|(n, part)| 2.0 * part * f(n)).sum();
                vec![sum(&|n| y.powi(n) - 1.0), sum(&|n| x * f64::from(n) * y.powi(n - 1))]
            },
        })
    },
};

fn beale(t: &[f64]) -> [f64; 3] {
    let of = |constant: f64, n: i32| constant - t[0] + t[0] * t[1].powi(n);
    [of(1.5, 1), of(2.25, 2), of(2.625, 3)]
}

const QUADRATIC: Entry<Surface> = Entry {
    name: "quadratic",
    page: page("a bowl ten times as steep along each further axis; least at 0", "f(x) = ½ Σ 10ⁱ xᵢ²", "-"),
    settings: &[],
    make: |_| {
        Ok(Surface {
            dimensions: None,
            value: |t| t.iter().enumerate().map(|(i, x)| 0.5 * 10f64.powi(i as i32) * x * x).sum(),
            gradient: |t| t.iter().enumerate().map(|(i, x)| 10f64.powi(i as i32) * x).collect(),
        })
    },
};

impl Surface {
    /// An error if it does not take so many numbers.
    pub fn takes(&self, count: usize) -> Result<()> {
        match self.dimensions {
            Some(n) if n != count => {
                Err(Error::shape("wrong-count", format!("the surface takes {n} numbers, and the start has {count}")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_those_of_the_values() {
        for entry in surfaces().entries() {
            let s = surfaces().make(entry.name, &[]).unwrap();
            for at in [[0.3, -0.7], [1.5, 2.0], [-1.0, 0.1]] {
                for (i, slope) in (s.gradient)(&at).into_iter().enumerate() {
                    let h = 1e-6;
                    let f = |by: f64| {
                        let mut moved = at;
                        moved[i] += by;
                        (s.value)(&moved)
                    };
                    let want = (f(h) - f(-h)) / (2.0 * h);
                    assert!(
                        (slope - want).abs() <= 1e-5 * want.abs().max(1.0),
                        "{} {at:?}: {slope}, {want}",
                        entry.name
                    );
                }
            }
        }
        let least = |name: &str, at: &[f64]| (surfaces().make(name, &[]).unwrap().value)(at);
        assert_eq!((least("rosenbrock", &[1.0, 1.0]), least("beale", &[3.0, 0.5])), (0.0, 0.0));
    }
}
