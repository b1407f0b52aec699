//! The digits that are part of the program.

use super::{FileRecord, Loaded, Named, Reader, Samples, Schema, Task, csv};
use crate::data::{Dataset, Features, Targets};
use crate::error::Result;
use crate::registry::{Entry, Page};
use std::path::Path;
use std::sync::Arc;

pub(super) const ENTRY: Entry<Named> = Entry {
    name: "digits",
    page: Page {
        summary: "1,797 handwritten digits, 8 × 8 pixels, part of the program",
        equation: "",
        source: "E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, 1998, UCI Machine Learning Repository, \
                 CC BY 4.0 (its test part)",
        differs: "",
    },
    settings: &[],
    make: |_| Ok(Named { reader: Arc::new(Digits), folders: &[], files: "" }),
};

const BYTES: &[u8] = include_bytes!("../../../data/digits.csv.gz");

/// Values are 0 to 16.
const HIGHEST: f32 = 16.0;

/// Reads the digits; paths mean nothing to it.
#[derive(Debug)]
struct Digits;

impl Reader for Digits {
    fn reads(&self, _: &Path) -> bool {
        false
    }

    fn load(&self, _: &Path, _: Task) -> Result<Loaded> {
        let file = FileRecord::of("digits.csv.gz (part of the program)".into(), BYTES);
        let table = csv::Csv::default().parse(Path::new(&file.path), BYTES, csv::Wanted::All(Task::Classes))?;
        let Features::F32(values) = table.data.features else { unreachable!("tables are numbers") };
        let pixels = Features::U8(values.into_iter().map(|x| x as u8).collect());
        let train = Dataset { shape: vec![8, 8], features: pixels, ..table.data };
        let schema = Schema { shape: train.shape.clone(), highest: Some(HIGHEST), ..table.schema };
        Ok(Loaded { scale: Some(1.0 / HIGHEST), ..Loaded::new(train, None, vec![file], schema) })
    }

    fn load_for(&self, path: &Path, schema: &Schema, targets: bool) -> Result<Samples> {
        let Loaded { train: mut data, files, .. } = self.load(path, Task::Classes)?;
        data.targets = if targets { schema.translate(data.targets, &data.classes)? } else { Targets::None };
        data.classes.clone_from(&schema.classes);
        Ok(Samples::new(data, files))
    }

    fn highest(&self) -> Option<f32> {
        Some(HIGHEST)
    }
}
