//! How many times as fast as the best of the others, a bar for each workload.

use super::{All, OWN, best};

const WIDTH: f64 = 640.0;
const LEFT: f64 = 90.0;
const BAR: f64 = 22.0;
const BETWEEN: f64 = 10.0;
const TOP: f64 = 44.0;

/// The picture; workloads that nobody else was timed on are left out.
pub fn svg(works: &[&str], all: &All) -> String {
    let mut bars: Vec<(&str, &str, f64)> = Vec::new();
    for work in works {
        if let (Some(own), Some((peer, other))) = (all.get(&((*work).to_owned(), OWN.to_owned())), best(work, all)) {
            bars.push((work, peer, other.fastest() / own.fastest()));
        }
    }
    let most = bars.iter().map(|b| b.2).fold(1.0, f64::max);
    let (scale, bottom) = ((WIDTH - LEFT - 150.0) / most, TOP + bars.len() as f64 * (BAR + BETWEEN));
    let height = bottom + 16.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"16\" y=\"24\" font-size=\"15\">Training steps: how many times as fast as the best other library</text>\n"
    );
    for (i, (work, peer, ratio)) in bars.into_iter().enumerate() {
        let (y, width) = (TOP + i as f64 * (BAR + BETWEEN), ratio * scale);
        let (line, end) = (y + BAR - 6.0, LEFT + width + 8.0);
        text += &format!(
            "<text x=\"{:.0}\" y=\"{line}\" text-anchor=\"end\">{work}</text>\n\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"#1f6fb4\"/>\n\
             <text x=\"{end:.1}\" y=\"{line}\">{ratio:.2} <tspan fill=\"#666666\">{peer}</tspan></text>\n",
            LEFT - 10.0
        );
    }
    let one = LEFT + scale;
    text += &format!(
        "<line x1=\"{one:.1}\" x2=\"{one:.1}\" y1=\"{}\" y2=\"{bottom}\" stroke=\"#cc3333\" stroke-dasharray=\"4 3\"/>\n</svg>\n",
        TOP - 8.0
    );
    text
}
