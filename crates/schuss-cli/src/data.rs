//! `schuss data`.

use crate::arguments::{self, DataCommand};
use crate::output::{Output, Result};
use crate::picture::Format;
use crate::train::recipe_of;
use schuss::data::readers::file::show;
use schuss::recipe::{Setup, Tables};

/// Looks at data.
pub fn data(command: &DataCommand, out: &mut Output) -> Result {
    match command {
        DataCommand::Show(arguments) => contact_sheet(arguments, out),
    }
}

/// Draws what training gets to see.
fn contact_sheet(arguments: &arguments::DataShow, out: &mut Output) -> Result {
    Format::Png.check("--out", &arguments.out)?;
    let tables = Tables::default();
    let recipe = recipe_of(arguments.recipe.as_deref(), &arguments.shortcuts, &tables)?;
    let setup = Setup::new(recipe.resolve(&tables)?, &tables)?;
    let (rows, epochs) = (arguments.samples as usize, arguments.columns as usize);
    let png = setup.contact_sheet(rows, epochs)?;
    Format::Png.write("--out", &arguments.out, &png)?;
    out.line(format!(
        "{}: {} samples; each as it was read, then as it is in {epochs} epochs",
        show(&arguments.out),
        rows.min(setup.train.len())
    ))
}
