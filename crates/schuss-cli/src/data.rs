//! `schuss data`.

use crate::arguments::{self, DataCommand};
use crate::output::{Output, Result};
use crate::train::recipe_of;
use schuss::Error;
use schuss::data::readers::file::show;
use schuss::recipe::{Setup, Tables};
use std::fs;

/// Looks at data.
pub fn data(command: &DataCommand, out: &mut Output) -> Result {
    match command {
        DataCommand::Show(arguments) => contact_sheet(arguments, out),
    }
}

/// Draws what training gets to see.
fn contact_sheet(arguments: &arguments::DataShow, out: &mut Output) -> Result {
    let tables = Tables::default();
    let recipe = recipe_of(arguments.recipe.as_deref(), &arguments.shortcuts, &tables)?;
    let setup = Setup::new(recipe.resolve(&tables)?, &tables)?;
    let (rows, epochs) = (arguments.samples as usize, arguments.columns as usize);
    let png = setup.contact_sheet(rows, epochs)?;
    fs::write(&arguments.out, &png)
        .map_err(|e| Error::file("write-failed", format!("{}: can't be written: {e}", show(&arguments.out))))?;
    out.line(format!(
        "{}: {} samples; each as it was read, then as it is in {epochs} epochs",
        show(&arguments.out),
        rows.min(setup.train.len())
    ))
}
