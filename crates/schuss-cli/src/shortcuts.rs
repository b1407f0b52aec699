//! The flags that stand for paths of a recipe: one table, which the command line, its help and the recipe walk.

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, FromArgMatches};
use schuss::recipe::Recipe;
use schuss::{Error, Result};

/// A flag that stands for a path.
struct Shortcut {
    flag: &'static str,
    value: &'static str,
    path: &'static str,
    literal: bool,
    help: &'static str,
}

const fn text(flag: &'static str, value: &'static str, path: &'static str, help: &'static str) -> Shortcut {
    Shortcut { flag, value, path, literal: false, help }
}

/// Its value is a number where it looks like one.
const fn literal(flag: &'static str, value: &'static str, path: &'static str, help: &'static str) -> Shortcut {
    Shortcut { flag, value, path, literal: true, help }
}

/// In the order in which they are applied: a thing goes before its settings, as its name puts away the settings of the
/// one that a recipe file has.
const SHORTCUTS: &[Shortcut] = &[
    text(
        "data",
        "NAME|PATH",
        "data.name",
        "a data set's name, else a file or a folder (./digits for one of that name) [the embedded digits]",
    ),
    text("target", "COLUMN", "data.target", "the column to predict [the last one]"),
    literal(
        "validation",
        "SHARE",
        "data.validation",
        "the share to validate with after each epoch; keeps the best epoch",
    ),
    text(
        "augment",
        "LIST",
        "data.augment",
        "what is done to pictures, as \"random_crop(padding=4), random_flip\" [see `schuss list augmentation`]",
    ),
    text("class-weight", "WEIGHTS", "data.class_weight", "balanced, or CLASS=WEIGHT with commas between"),
    text("model", "SPEC", "model", "a model known by name, as mlp or \"mlp(units=[64])\" [see `schuss list model`]"),
    text(
        "optimizer",
        "SPEC",
        "optimizer",
        "how the parameters move, as adam or \"adam(beta_1=0.8)\" [see `schuss list optimizer`]",
    ),
    literal("learning-rate", "X", "optimizer.learning_rate", "its step size [its own default]"),
    text("schedule", "SPEC", "schedule", "how the rate goes, as \"cosine(warmup='1 epoch')\" [constant]"),
    text("loss", "SPEC", "loss", "what is made small, as mse or \"huber(2.0)\" [see `schuss list loss`]"),
    literal("epochs", "N", "train.epochs", "passes over the data"),
    literal("batch-size", "N|full", "train.batch_size", "samples in a step [128]"),
    literal("patience", "N", "train.patience", "stop after so many epochs without a better one"),
    literal("seed", "N", "train.seed", "what every random number depends on [0]"),
    literal("threads", "N", "train.threads", "threads; the result is the same for any number [all cores]"),
    text("precision", "P", "train.precision", "what products are made of while training: f32, bf16, f32x3, auto [f32]"),
    text("weights", "FILE", "train.weights", "start from the tensors of a model file, by name"),
    text("freeze", "REGEX", "train.freeze", "parameters that stay as they are, by name"),
];

/// What the command line says about a recipe: values for flags, and `--set`.
#[derive(Clone, Debug)]
pub struct Shortcuts {
    flags: Vec<(&'static str, String)>,
    set: Vec<String>,
}

fn all() -> impl Iterator<Item = &'static Shortcut> {
    SHORTCUTS.iter()
}

/// Something on the command line that says what stands at a path.
struct Said {
    path: String,
    shown: String,
}

impl Said {
    /// By an assignment; a text that is none is told when it is applied.
    fn by_set(assignment: &str) -> Self {
        let path = assignment.split_once('=').map_or("", |(path, _)| path.trim()).to_owned();
        Said { path, shown: format!("--set {assignment}") }
    }
    /// Is what was said before about the same, or put away by this?
    fn undoes(&self, before: &Said) -> bool {
        // A thing's name in the place of the thing says the same as its name does; things come before their settings.
        let name = |path: &str| if Recipe::is_thing(path) { format!("{path}.name") } else { path.to_owned() };
        let below = before.path.strip_prefix(&self.path).is_some_and(|rest| rest.starts_with('.'));
        let below = below && !Recipe::is_thing(&self.path);
        !self.path.is_empty() && (below || name(&self.path) == name(&before.path))
    }
}

/// Refuses what undoes something said before: nobody knows which one is meant.
fn once(said: &[Said]) -> Result<()> {
    for (i, later) in said.iter().enumerate() {
        if let Some(first) = said[..i].iter().find(|before| later.undoes(before)) {
            let message = format!("`{}` would undo `{}`; one of them must go", later.shown, first.shown);
            return Err(Error::value("said-twice", message));
        }
    }
    Ok(())
}

/// Applies assignments in their order, each below `place` if there is one.
pub fn assign(recipe: &mut Recipe, place: &str, assignments: &[String]) -> Result<()> {
    once(&assignments.iter().map(|a| Said::by_set(a)).collect::<Vec<_>>())?;
    apply(recipe, place, assignments)
}

fn apply<'a>(recipe: &mut Recipe, place: &str, assignments: impl IntoIterator<Item = &'a String>) -> Result<()> {
    assignments.into_iter().try_for_each(|assignment| recipe.assign(&format!("{place}{}", assignment.trim())))
}

impl Shortcuts {
    /// Was nothing given?
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty() && self.set.is_empty()
    }
    /// What was given that says something else of a recipe than what stands at these paths.
    pub fn other_than(&self, paths: &[&str]) -> Option<String> {
        self.said().into_iter().find(|said| !paths.contains(&said.path.as_str())).map(|said| said.shown)
    }
    /// All that was given, in the order in which it is applied.
    fn said(&self) -> Vec<Said> {
        let value = |s: &Shortcut| self.flags.iter().find(|(flag, _)| *flag == s.flag).map(|(_, value)| value);
        let said = |s: &Shortcut| Some(Said { path: s.path.into(), shown: format!("--{} {}", s.flag, value(s)?) });
        let flags = all().filter_map(said);
        flags.chain(self.set.iter().map(|a| Said::by_set(a))).collect()
    }
    /// Changes the recipe: first each `--set` of a thing as a whole, then flags, in the order of the table, then each other
    /// `--set` in the order given.
    pub fn apply(&self, recipe: &mut Recipe) -> Result<()> {
        once(&self.said())?;
        let (things, others): (Vec<&String>, Vec<&String>) =
            self.set.iter().partition(|assignment| Recipe::is_thing(&Said::by_set(assignment).path));
        apply(recipe, "", things)?;
        for shortcut in all() {
            let Some((_, value)) = self.flags.iter().find(|(flag, _)| *flag == shortcut.flag) else { continue };
            match (value.parse::<i64>(), value.parse::<f64>()) {
                (Ok(whole), _) if shortcut.literal => recipe.set(shortcut.path, whole)?,
                (_, Ok(number)) if shortcut.literal => recipe.set(shortcut.path, number)?,
                _ => recipe.set(shortcut.path, value.as_str())?,
            }
        }
        apply(recipe, "", others)
    }
}

impl Args for Shortcuts {
    fn augment_args(command: Command) -> Command {
        let flag = |s: &Shortcut| {
            let arg = Arg::new(s.flag).long(s.flag).value_name(s.value).help(s.help).action(ArgAction::Set);
            // A minus is no flag here: a learning rate of -1 is told to be out of range.
            arg.allow_hyphen_values(s.literal).hide(s.help.is_empty())
        };
        let set = Arg::new("set").long("set").value_name("PATH=VALUE").action(ArgAction::Append);
        let set = set.help("anything else of a recipe, as train.snapshot_seconds=5 or model.units=[256,128]");
        let group = ArgGroup::new("shortcuts").multiple(true).args(all().map(|s| s.flag)).arg("set");
        command.next_help_heading("Recipe").args(all().map(flag)).arg(set).group(group)
    }
    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Shortcuts {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let value = |s: &'static Shortcut| Some((s.flag, matches.get_one::<String>(s.flag)?.clone()));
        let set = matches.get_many::<String>("set").unwrap_or_default().cloned().collect();
        Ok(Shortcuts { flags: all().filter_map(value).collect(), set })
    }
    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
