//! Lengths of a run: `500 steps`, `3 epochs`, `60000 samples`, `30 %`.

use std::str::FromStr;

/// How a length is written, for errors.
pub const WRITTEN: &str = "500 (steps), \"3 epochs\", \"60000 samples\", \"30 %\"";

/// Part of a run. What is stated in epochs, samples or a share means the same for any batch size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// So many batches.
    Steps(f64),
    /// So many passes over the data.
    Epochs(f64),
    /// So many samples, counted anew in each epoch.
    Samples(f64),
    /// So many hundredths of the run.
    Percent(f64),
}

impl Length {
    /// The number in it, whatever it counts.
    pub fn amount(self) -> f64 {
        let (Length::Steps(x) | Length::Epochs(x) | Length::Samples(x) | Length::Percent(x)) = self;
        x
    }
}

impl FromStr for Length {
    type Err = ();
    /// A finite number of at least 0, and what it counts; alone, it counts steps.
    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.trim();
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || "+-.eE".contains(c));
        // The e of `3epochs` is no exponent.
        let number = text[..text.len() - unit.len()].trim_end_matches(['e', 'E']);
        let amount = number.parse::<f64>().ok().filter(|x| x.is_finite() && *x >= 0.0).ok_or(())?;
        match text[number.len()..].trim() {
            "" | "step" | "steps" => Ok(Length::Steps(amount)),
            "epoch" | "epochs" => Ok(Length::Epochs(amount)),
            "sample" | "samples" => Ok(Length::Samples(amount)),
            "%" => Ok(Length::Percent(amount)),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read() {
        let cases = [
            ("500", Length::Steps(500.0)),
            ("1 step", Length::Steps(1.0)),
            (" 0.5 epochs ", Length::Epochs(0.5)),
            ("3epochs", Length::Epochs(3.0)),
            ("6e4 samples", Length::Samples(6e4)),
            ("30%", Length::Percent(30.0)),
        ];
        for (text, length) in cases {
            assert_eq!(text.parse(), Ok(length), "{text}");
        }
        for text in ["", "steps", "-5 steps", "3 weeks", "nan", "inf epochs", "1e999", "3 epochs 2", "--3"] {
            assert_eq!(text.parse::<Length>(), Err(()), "{text}");
        }
    }
}
