//! Starting from the numbers of another model.

use super::Resolved;
use crate::data::FileRecord;
use crate::error::{Error, Result};
use crate::plan::Machine;
use crate::store::{Numbers, Tensors};
use std::path::Path;

/// What came of starting from another model's tensors, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transfer {
    /// Parameters and buffers that were taken over.
    pub taken: Vec<String>,
    /// Those that the file has no tensor for: they start as they are drawn.
    pub missing: Vec<String>,
    /// Tensors of the file that the model has no parameter or buffer for.
    pub unmatched: Vec<String>,
    /// Tensors that have another shape or type than the parameter of their name: what they are, and what is wanted.
    pub misfits: Vec<String>,
}

impl Transfer {
    /// From the file that the recipe names, if it names one.
    pub(super) fn of(recipe: &Resolved, machine: &mut Machine) -> Result<Option<(Self, FileRecord)>> {
        let path = recipe.train.text("weights");
        if path.is_empty() {
            return Ok(None);
        }
        let (file, record) = Tensors::read_recorded(Path::new(path)).map_err(|e| e.at("train.weights"))?;
        let transfer = Self::write(file, machine);
        if transfer.taken.is_empty() {
            let wanted = transfer.missing.join(", ");
            let message = format!("train.weights: {path}: no tensor fits a parameter of the model, which has {wanted}");
            return Err(Error::value("no-weights-fit", message));
        }
        Ok(Some((transfer, record)))
    }
    fn write(file: Tensors, machine: &mut Machine) -> Self {
        let mut transfer = Transfer::default();
        let variables = machine.variables_mut();
        let parameters: Vec<usize> = variables.weights().collect();
        for tensor in file.tensors {
            let Some(&place) = parameters.iter().find(|p| variables.list()[**p].name == tensor.name) else {
                transfer.unmatched.push(tensor.name);
                continue;
            };
            let wanted = &variables.list()[place].shape;
            match &tensor.numbers {
                Numbers::F32(values) if *wanted == tensor.shape && values.iter().all(|x| x.is_finite()) => {
                    variables.write(place, values);
                    transfer.taken.push(tensor.name);
                }
                numbers => {
                    let (name, found, kind) = (&tensor.name, &tensor.shape, numbers.kind());
                    transfer.misfits.push(format!("{name} is {kind} {found:?}, wanted is F32 {wanted:?}, finite"));
                }
            }
        }
        let names = parameters.iter().map(|p| variables.list()[*p].name.clone());
        transfer.missing = names.filter(|n| !transfer.taken.contains(n)).collect();
        transfer
    }
}
