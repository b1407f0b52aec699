//! Starting from the numbers of another model.

use super::Resolved;
use crate::data::FileRecord;
use crate::error::{Error, Result};
use crate::plan::Machine;
use crate::store::{Tensor, Tensors};
use std::borrow::Cow;
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
    /// Tensors that have another shape or type than the parameter of their name, or numbers that are not finite: what they
    /// are, and what is wanted.
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
        file.refuse_snapshot().map_err(|e| e.at(format!("train.weights: {path}")))?;
        let transfer = Self::write(file, machine);
        if transfer.taken.is_empty() {
            let why = match transfer.misfits.as_slice() {
                [] => format!("no tensor is named as a parameter of the model, which has {}", some(&transfer.missing)),
                misfits => format!("nothing can be taken over: {}", some(misfits)),
            };
            return Err(Error::value("no-weights-fit", format!("train.weights: {path}: {why}")));
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
            match fitting(&tensor, wanted) {
                Ok(values) => {
                    variables.write(place, &values);
                    transfer.taken.push(tensor.name);
                }
                Err(misfit) => transfer.misfits.push(misfit),
            }
        }
        let names = parameters.iter().map(|p| variables.list()[*p].name.clone());
        transfer.missing = names.filter(|n| !transfer.taken.contains(n)).collect();
        transfer
    }
}

/// The numbers of a tensor for a parameter of this shape, or why it can't have them.
fn fitting<'a>(tensor: &'a Tensor, wanted: &[usize]) -> std::result::Result<Cow<'a, [f32]>, String> {
    let (name, found, kind) = (&tensor.name, &tensor.shape, tensor.numbers.kind());
    if found != wanted {
        return Err(format!("{name} is {kind} {found:?}, wanted is F32 {wanted:?}"));
    }
    let values = tensor.numbers.single();
    let values = values.ok_or_else(|| format!("{name} is {kind}, wanted is F32; F64, F16 and BF16 are converted"))?;
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(values),
        Some(i) => Err(format!("{name}: number {i} is {}, allowed are finite ones", values[i])),
    }
}

/// The first of a list, and how many there are more.
fn some(list: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = list[..list.len().min(SHOWN)].join("; ");
    if list.len() > SHOWN { format!("{shown}; and {} more", list.len() - SHOWN) } else { shown }
}
