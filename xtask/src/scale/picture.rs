//! A panel for each curve, both axes logarithmic: measured points, and a line of what grows as theory says.

use super::Curve;
use std::fmt::Write as _;

const PANEL: (f64, f64) = (360.0, 250.0);
/// Where a panel's axes are: left, right, top, bottom.
const AXES: [f64; 4] = [60.0, 340.0, 40.0, 205.0];

/// The picture.
pub fn svg(curves: &[Curve]) -> String {
    let (width, height) = (PANEL.0 * 2.0, PANEL.1 * curves.len().div_ceil(2) as f64);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (i, curve) in curves.iter().enumerate() {
        let (x, y) = ((i % 2) as f64 * PANEL.0, (i / 2) as f64 * PANEL.1);
        writeln!(text, "<g transform=\"translate({x} {y})\">\n{}</g>", panel(curve)).expect("a string takes it");
    }
    text + "</svg>\n"
}

/// The decades around some numbers.
fn decades(numbers: impl Iterator<Item = f64> + Clone) -> (i32, i32) {
    let least = numbers.clone().fold(f64::INFINITY, f64::min).log10().floor() as i32;
    let most = numbers.fold(0.0, f64::max).log10().ceil() as i32;
    (least, most.max(least + 1))
}

fn panel(curve: &Curve) -> String {
    let [left, right, top, bottom] = AXES;
    let (xs, ys) = (decades(curve.points.iter().map(|p| p.x)), decades(curve.points.iter().map(|p| p.microseconds)));
    let along = |v: f64, (from, to): (i32, i32)| (v.log10() - f64::from(from)) / f64::from(to - from);
    let x = |v: f64| left + along(v, xs) * (right - left);
    let y = |v: f64| bottom - along(v, ys) * (bottom - top);
    let mut text = format!("<text x=\"{left}\" y=\"22\" font-size=\"14\">µs against {}</text>\n", curve.x);
    for decade in xs.0..=xs.1 {
        let at = x(10f64.powi(decade));
        text += &format!(
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top}\" y2=\"{bottom}\" stroke=\"#dddddd\"/>\n\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
            bottom + 18.0,
            10f64.powi(decade)
        );
    }
    for decade in ys.0..=ys.1 {
        let at = y(10f64.powi(decade));
        text += &format!(
            "<line x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#dddddd\"/>\n\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
            left - 6.0,
            at + 4.0,
            10f64.powi(decade)
        );
    }
    let line = |points: Vec<(f64, f64)>| {
        let points: Vec<String> = points.into_iter().map(|(a, b)| format!("{:.1},{:.1}", x(a), y(b))).collect();
        points.join(" ")
    };
    // Through the last point, where least is spent on anything else.
    let last = curve.points.last().expect("a curve has points");
    let least = 10f64.powi(ys.0);
    let theory = curve.points.iter().map(|p| (p.x, p.work * last.microseconds / last.work)).filter(|p| p.1 >= least);
    let measured = curve.points.iter().map(|p| (p.x, p.microseconds));
    text += &format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#999999\" stroke-dasharray=\"4 3\"/>\n\
         <polyline points=\"{}\" fill=\"none\" stroke=\"#1f6fb4\" stroke-width=\"2\"/>\n",
        line(theory.collect()),
        line(measured.clone().collect())
    );
    for (a, b) in measured {
        text += &format!("<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#1f6fb4\"/>\n", x(a), y(b));
    }
    text + &format!(
        "<text x=\"{right}\" y=\"{}\" text-anchor=\"end\" fill=\"#777777\">dashed: {}</text>\n",
        bottom + 36.0,
        curve.theory
    )
}
