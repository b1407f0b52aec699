//! What came of each epoch.

/// One epoch: `loss`, the metrics, the same with `val_` where there is validation, `learning_rate`, and `seconds` since
/// the start.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The numbers by name, in the order of the columns.
    pub values: Vec<(String, f64)>,
}

impl Row {
    /// One of the numbers.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(n, _)| n == name).map(|(_, x)| *x)
    }
}

/// What came of all epochs so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// A row for each epoch.
    pub rows: Vec<Row>,
}

impl History {
    /// The names of the numbers; none before the first epoch.
    pub fn columns(&self) -> Vec<&str> {
        self.rows.first().map_or(Vec::new(), |r| r.values.iter().map(|(n, _)| n.as_str()).collect())
    }
    /// One number over all epochs.
    pub fn get(&self, name: &str) -> Vec<f64> {
        self.rows.iter().filter_map(|r| r.get(name)).collect()
    }
}
