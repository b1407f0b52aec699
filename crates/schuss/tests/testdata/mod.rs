//! Cases as data: `testdata/*.json`, made by `xtask/oracle`.
// Not every test that includes this needs all of it.
#![allow(dead_code)]

use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// All cases of a file.
pub fn cases<T: DeserializeOwned>(file: &str) -> Vec<T> {
    #[derive(Deserialize)]
    struct File<T> {
        cases: Vec<T>,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let cases = serde_json::from_str::<File<T>>(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())).cases;
    assert!(!cases.is_empty(), "{file} has no cases");
    cases
}

/// Are the numbers equal to `tolerance` · (1 + the size of the number expected)? A NaN is not equal to anything.
#[track_caller]
pub fn assert_near(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: another number of numbers");
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= tolerance * (1.0 + e.abs()), "{what}, number {i}: {f} is not {e}");
    }
}
