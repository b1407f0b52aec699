//! Curves as SVG pictures.

use std::fmt::Write;

/// A curve: a number for each step, from 0 on.
pub struct Panel<'a> {
    /// What the numbers are.
    pub name: &'a str,
    /// One for each step that has one.
    pub values: Vec<Option<f64>>,
    /// Does the axis begin at 0?
    pub from_zero: bool,
}

const WIDTH: f64 = 760.0;
const PANEL: f64 = 280.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 56.0;
const BETWEEN: f64 = 56.0;

/// Panels below each other over the same steps.
pub fn svg(title: &str, panels: &[Panel]) -> String {
    let height = TOP + panels.len() as f64 * (PANEL + BETWEEN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>{0}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"14\">{0}</text>\n",
        escaped(&shortened(title, 90))
    );
    for (i, p) in panels.iter().enumerate() {
        panel(&mut out, p, TOP + i as f64 * (PANEL + BETWEEN), i + 1 == panels.len());
    }
    out += "</svg>\n";
    out
}

fn panel(out: &mut String, p: &Panel, top: f64, is_last: bool) {
    let (right, bottom) = (WIDTH - RIGHT, top + PANEL);
    let (min, max) = p.values.iter().flatten().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
    let (min, max) = if p.from_zero { (min.min(0.0), max) } else { (min, max) };
    // A constant has no height of its own.
    let (min, max) =
        if max > min { (min, max) } else { (min - 0.5 * min.abs().max(1e-9), max + 0.5 * max.abs().max(1e-9)) };
    let last = (p.values.len().max(2) - 1) as f64;
    let x = |step: f64| LEFT + step / last * (right - LEFT);
    let y = |value: f64| bottom - (value - min) / (max - min) * (PANEL - 10.0);
    // Into a string, writing does not fail.
    let mut line = |text: String| writeln!(out, "{text}").unwrap_or_default();
    for tick in ticks(min, max) {
        let (y, label) = (y(tick), shown(tick));
        line(format!("<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/>"));
        line(format!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>", LEFT - 8.0, y + 4.0));
    }
    for tick in ticks(0.0, last).into_iter().filter(|t| t.fract() == 0.0) {
        let (x, label) = (x(tick), shown(tick));
        line(format!("<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom}\" y2=\"{}\" stroke=\"#333333\"/>", bottom + 5.0));
        line(format!("<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", bottom + 18.0));
    }
    line(format!("<path d=\"M{LEFT} {top} V{bottom} H{right}\" fill=\"none\" stroke=\"#333333\"/>"));
    line(format!("<text x=\"{LEFT}\" y=\"{}\">{}</text>", top - 6.0, escaped(p.name)));
    if is_last {
        line(format!("<text x=\"{right}\" y=\"{}\" text-anchor=\"end\">step</text>", bottom + 36.0));
    }
    let columns = (right - LEFT) as usize;
    let mut start = 0;
    for part in p.values.chunk_by(|a, b| a.is_some() == b.is_some()) {
        let values: Vec<f64> = part.iter().copied().flatten().collect();
        let points = kept(&values, columns).map(|i| format!("{:.2},{:.2}", x((start + i) as f64), y(values[i])));
        let points = points.collect::<Vec<_>>().join(" ");
        let first = start;
        start += part.len();
        if let [value] = values[..] {
            let (x, y) = (x(first as f64), y(value));
            line(format!("<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"3\" fill=\"#1f6fb4\"/>"));
        } else if !points.is_empty() {
            let style = "fill=\"none\" stroke=\"#1f6fb4\" stroke-width=\"1.8\" stroke-linejoin=\"round\"";
            line(format!("<polyline points=\"{points}\" {style}/>"));
        }
    }
}

/// The places of the points to draw: all, or of each column of the picture the first, least, greatest and last.
fn kept(values: &[f64], columns: usize) -> impl Iterator<Item = usize> + '_ {
    let size = if values.len() > 4 * columns { values.len().div_ceil(columns) } else { 1 };
    values.chunks(size).enumerate().flat_map(move |(c, chunk)| {
        let by_value = |a: &usize, b: &usize| chunk[*a].total_cmp(&chunk[*b]);
        let (least, most) = ((0..chunk.len()).min_by(by_value), (0..chunk.len()).max_by(by_value));
        let mut places: Vec<usize> = [Some(0), least, most, Some(chunk.len() - 1)].into_iter().flatten().collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().map(move |i| c * size + i)
    })
}

/// Round numbers from `min` to `max`, about five.
fn ticks(min: f64, max: f64) -> Vec<f64> {
    let rough = (max - min) / 5.0;
    let unit = 10f64.powf(rough.log10().floor());
    let width = [1.0, 2.0, 5.0, 10.0].into_iter().find(|m| m * unit >= rough * 0.999).unwrap_or(10.0) * unit;
    let first = (min / width - 1e-9).ceil() as i64;
    // A product of whole numbers and a power of ten, so that 3 × 0.1 is shown as 0.3.
    (0..12).map(|i| (first + i) as f64 * width).take_while(|t| *t <= max + 1e-9 * width).collect()
}

fn shown(x: f64) -> String {
    if x == 0.0 {
        return "0".into();
    }
    let text =
        if (1e-3..1e7).contains(&x.abs()) { format!("{x:.6}") } else { return format!("{x:.1e}").replace(".0e", "e") };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).chain(['…']).collect() }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 100.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(0.85, 0.95).len(), 5);
        assert_eq!([0.0, 0.3, 1500.0, 2e-4, 1.25e-7].map(shown), ["0", "0.3", "1500", "2e-4", "1.2e-7"]);
    }

    #[test]
    fn a_picture_keeps_every_peak_and_its_title() {
        let values: Vec<f64> = (0..100_000).map(|i| if i == 77_777 { 3.0 } else { 1.0 }).collect();
        let places: Vec<usize> = kept(&values, 700).collect();
        assert!(places.contains(&77_777) && places.len() < 4 * 701 && places.is_sorted());
        let whole = values.into_iter().map(Some).collect();
        let picture = svg("a < b & \"c\"", &[Panel { name: "rate", values: whole, from_zero: true }]);
        assert!(picture.contains("<title>a &lt; b &amp; &quot;c&quot;</title>"));
        assert!(!picture.contains("NaN") && !picture.contains("inf"));
        for flat in [vec![Some(0.0)], vec![Some(2.0), Some(2.0)], vec![None, Some(1.0), None, Some(2.0)]] {
            let parts = flat.iter().flatten().count().min(flat.len() / 2).max(1);
            let picture = svg("flat", &[Panel { name: "rate", values: flat.clone(), from_zero: false }]);
            assert!(!picture.contains("NaN") && !picture.contains("inf"), "{flat:?}: {picture}");
            assert_eq!(picture.matches("<polyline").count() + picture.matches("<circle").count(), parts, "{flat:?}");
        }
        for alone in [vec![Some(0.5)], vec![None, Some(0.5), None]] {
            let picture = svg("alone", &[Panel { name: "rate", values: alone, from_zero: true }]);
            assert!(picture.contains("<circle cx=\""), "a point is seen: {picture}");
        }
    }
}
