//! The points of DeepOBS' quadratic problem, which are part of the program.

use super::file::{GZIP_LIMIT, gunzip};
use super::{FileRecord, Loaded, Named, Reader, Samples, Schema, Task};
use crate::data::{Dataset, Targets};
use crate::error::Result;
use crate::registry::{Entry, Page};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

pub(super) const ENTRY: Entry<Named> = Entry {
    name: "quadratic_deep",
    page: Page {
        summary: "1,000 points of 100 normal numbers to train on and 896 to test with, each with the target 0",
        equation: "x ~ N(0, 0.6²), from NumPy's RandomState(42) and (43)",
        source: "Schneider, Balles and Hennig 2019, DeepOBS, https://arxiv.org/abs/1903.05499, data set quadratic",
        differs: "DeepOBS draws 1,000 points to test with and measures in whole batches of 128: these 896.",
    },
    settings: &[],
    make: |_| Ok(Named { reader: Arc::new(QuadraticDeep), folders: &[], files: "" }),
};

/// All points, row-major, as `xtask/oracle/quadratic_deep.py` writes them.
const BYTES: &[u8] = include_bytes!("../../../data/quadratic_deep_points.f32.gz");
/// Numbers in a point.
const SIZE: usize = 100;
/// Points to train on; the others are to test with.
const TRAIN: usize = 1000;

/// Reads the points; paths mean nothing to it.
#[derive(Debug)]
struct QuadraticDeep;

impl Reader for QuadraticDeep {
    fn reads(&self, _: &Path) -> bool {
        false
    }
    fn load(&self, _: &Path, _: Task) -> Result<Loaded> {
        let file = FileRecord::of("quadratic_deep_points.f32.gz (part of the program)".into(), BYTES);
        let mut bytes = Vec::new();
        gunzip(BYTES, GZIP_LIMIT).read_to_end(&mut bytes).expect("the program's own points are whole");
        let numbers: Vec<f32> = bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let (train, test) = numbers.split_at(TRAIN * SIZE);
        let data = |x: &[f32]| Dataset::numbers(x, &[SIZE], vec![0.0; x.len() / SIZE], 1);
        let schema = Schema::of(&[SIZE], Vec::new());
        let loaded = Loaded::new(data(train)?, Some(data(test)?), vec![file], schema);
        Ok(Loaded { scale: Some(1.0), ..loaded })
    }
    fn load_for(&self, path: &Path, _: &Schema, targets: bool) -> Result<Samples> {
        let Loaded { test, files, .. } = self.load(path, Task::Numbers)?;
        let mut data = test.expect("it keeps a part to test with");
        if !targets {
            data.targets = Targets::None;
        }
        Ok(Samples::new(data, files))
    }
}
