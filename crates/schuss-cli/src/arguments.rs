//! The command line.

use crate::shortcuts::Shortcuts;
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use schuss::plan::MOST_THREADS;
use schuss::{Error, Result};
use std::path::PathBuf;

/// How many threads are asked for, if any number is.
pub fn threads(asked: Option<usize>) -> Result<Option<usize>> {
    match asked {
        Some(n) if !(1..=MOST_THREADS).contains(&n) => {
            let message = format!("--threads is {n}; allowed is a whole number from 1 to {MOST_THREADS}");
            Err(Error::value("value-not-allowed", message))
        }
        asked => Ok(asked),
    }
}

const EXAMPLES: &str = "\
Examples:
  schuss                                          train on the embedded digits
  schuss train --data mnist --epochs 5            MNIST, from the folder that SCHUSS_DATA_DIR names
  schuss train --data table.csv --target species --validation 0.1 --patience 10
  schuss train --resume runs/2025-01-31-1         go on where a run was stopped or killed
  schuss predict runs/2025-01-31-1/model.safetensors new.csv
  schuss list · schuss explain mlp                what there is, and what it does

Environment: SCHUSS_DATA_DIR has mnist/, fashion-mnist/ and cifar10/; SCHUSS_ISA, portable, avx2, avx512 or neon,
forces an instruction set.
Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted (143 by SIGTERM).";

/// Trains, evaluates and uses neural networks. Alone: trains on the embedded digits
#[derive(Debug, Parser)]
#[command(name = "schuss", after_help = EXAMPLES, disable_help_subcommand = true)]
#[command(help_template = "{about}\n\n{usage-heading} {usage}\n\n{all-args}{after-help}\n")]
pub struct Arguments {
    /// Print name, version and instruction set
    #[arg(short = 'V', long)]
    pub version: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a model, or go on with a run
    #[command(
        override_usage = "schuss train [RECIPE.toml] [OPTIONS]\n       schuss train --resume DIR [--threads N] [--json]"
    )]
    Train(Box<Train>),
    /// Measure a model on data: loss, metrics, and each class
    Evaluate(Evaluate),
    /// Ask a model about data: a class and its probabilities for each sample
    Predict(Predict),
    /// Show a model: its layers, their shapes and parameters, the plan of its training step
    Summary(Box<Summary>),
    /// List what can be named: models, layers, losses, data sets and so on
    List(List),
    /// Explain anything that is listed: equation, settings, source
    Explain(Explain),
    /// Look at data
    Data {
        /// At what.
        #[command(subcommand)]
        command: DataCommand,
    },
    /// Time training steps
    Bench(Bench),
    /// Show where an optimizer goes on given gradients, without a model
    Trace(Trace),
    /// Say an optimizer of one library in the words of another, and prove it
    Port(Port),
    /// Show the learning rate of every step of a run, without running it
    Schedule(Schedule),
}

/// `schuss train`.
#[derive(Args, Debug)]
pub struct Train {
    /// A run written down; what it leaves out is as usual
    #[arg(value_name = "RECIPE.toml")]
    pub recipe: Option<PathBuf>,
    /// Flags that stand for paths of the recipe.
    #[command(flatten)]
    pub shortcuts: Shortcuts,
    /// The run's folder [runs/<date>-<n>]
    #[arg(long, value_name = "DIR", help_heading = "Run")]
    pub out: Option<PathBuf>,
    /// Go on with the run in this folder, as if it had never stopped
    #[arg(long, value_name = "DIR", help_heading = "Run", conflicts_with_all = ["recipe", "out"])]
    pub resume: Option<PathBuf>,
    /// One JSON object a line on standard output, all else on standard error
    #[arg(long, help_heading = "Run")]
    pub json: bool,
}

/// Views of pictures.
#[derive(Args, Debug)]
pub struct Views {
    /// With the mean of the outputs for each picture and for its mirror image
    #[arg(long)]
    pub flip_averaging: bool,
    /// With each picture moved by so many pixels, too: half for where it is, a quarter each for down and right, up and left
    #[arg(long, value_name = "PIXELS", default_value_t = 0, hide_default_value = true)]
    pub shift_averaging: usize,
}

/// `schuss evaluate`.
#[derive(Args, Debug)]
pub struct Evaluate {
    /// The model
    #[arg(value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    /// A data set's name, a file or a folder; its test part, if it keeps one apart
    #[arg(long, value_name = "NAME|PATH")]
    pub data: PathBuf,
    #[command(flatten)]
    pub views: Views,
    /// Threads [all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// `schuss predict`.
#[derive(Args, Debug)]
pub struct Predict {
    /// The model
    #[arg(value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    /// Files or folders of the kind that the model was trained on, or a data set's name
    #[arg(value_name = "FILE", required = true)]
    pub data: Vec<PathBuf>,
    #[command(flatten)]
    pub views: Views,
    /// Threads [all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// One JSON object a line instead of a table with commas
    #[arg(long)]
    pub json: bool,
}

/// `schuss summary`.
#[derive(Args, Debug)]
pub struct Summary {
    /// A model known by name, a recipe, or a trained model [the usual recipe]
    #[arg(value_name = "NAME|RECIPE.toml|MODEL.safetensors")]
    pub what: Option<PathBuf>,
    /// Flags that stand for paths of the recipe.
    #[command(flatten)]
    pub shortcuts: Shortcuts,
    /// The plan of a training step too: phases and kernel calls
    #[arg(long, help_heading = "Summary")]
    pub plan: bool,
}

/// `schuss list`.
#[derive(Args, Debug)]
pub struct List {
    /// Only of this kind, as model or loss
    pub kind: Option<String>,
}

/// `schuss explain`.
#[derive(Args, Debug)]
pub struct Explain {
    /// A name that `schuss list` shows
    pub name: String,
}

/// `schuss data`.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Draw pictures as training gets to see them: each as it was read, then as it is in several epochs
    Show(Box<DataShow>),
}

/// `schuss data show`.
#[derive(Args, Debug)]
pub struct DataShow {
    /// A run written down
    #[arg(value_name = "RECIPE.toml")]
    pub recipe: Option<PathBuf>,
    /// Flags that stand for paths of the recipe.
    #[command(flatten)]
    pub shortcuts: Shortcuts,
    /// The picture
    #[arg(long, value_name = "FILE.png", help_heading = "Show")]
    pub out: PathBuf,
    /// Samples, a row each
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64), help_heading = "Show")]
    pub samples: u16,
    /// Epochs, a column each. It is not `--epochs`, which is how long training takes
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=64), help_heading = "Show")]
    pub columns: u16,
}

/// `schuss bench`.
#[derive(Args, Debug)]
pub struct Bench {
    /// Workloads with commas between, or all
    #[arg(long, value_name = "A,B|all", default_value = "all")]
    pub work: String,
    /// Optimizers in place of the work's own (of Adam for adam10m): names with commas between, or all
    #[arg(long, value_name = "A,B|all")]
    pub optimizer: Option<String>,
    /// One of those optimizers' settings, as state=int8
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// What products are made of: f32, bf16, f32x3, auto
    #[arg(long, value_name = "P", default_value = "f32")]
    pub precision: String,
    /// Threads [all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Seconds for each workload
    #[arg(long, value_name = "S", default_value_t = 4.0)]
    pub seconds: f64,
    /// Show where the time of a workload's step goes, kernel by kernel
    #[arg(long, value_name = "WORK", conflicts_with_all = ["work", "limits"])]
    pub profile: Option<String>,
    /// Show what the machine can do at best
    #[arg(long, conflicts_with = "work")]
    pub limits: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `schuss trace`.
#[derive(Args, Debug)]
pub struct Trace {
    /// The optimizer [see `schuss list optimizer`]
    #[arg(long, value_name = "NAME")]
    pub optimizer: String,
    /// One of its settings, as beta_1=0.85
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Where it starts: numbers with commas between
    #[arg(long, value_name = "X,Y,…", allow_hyphen_values = true)]
    pub start: String,
    /// A table of gradients with commas between, one row a step
    #[arg(long, value_name = "FILE.csv", conflicts_with = "surface")]
    pub gradients: Option<PathBuf>,
    /// A function whose gradients are taken instead: rosenbrock, beale, quadratic
    #[arg(long, value_name = "NAME")]
    pub surface: Option<String>,
    /// Steps on a surface [100]; gradients of a table say how many there are
    #[arg(long, value_name = "N", conflicts_with = "gradients")]
    pub steps: Option<usize>,
    /// The parameter's sizes, as 2x2 [one row]
    #[arg(long, value_name = "SIZES")]
    pub shape: Option<String>,
    /// What is computed in: f64 or f32
    #[arg(long, value_name = "P", default_value = "f64")]
    pub precision: String,
    /// What the optimizer keeps too, in lines that begin with #
    #[arg(long)]
    pub state: bool,
    /// One JSON object a line: step, theta, state
    #[arg(long)]
    pub json: bool,
}

/// `schuss port`.
#[derive(Args, Debug)]
pub struct Port {
    /// The optimizer as it stands in a program, as "AdamW(lr=3e-4, weight_decay=0.05)"
    #[arg(value_name = "CALL")]
    pub call: String,
    /// Whose words those are: keras, torch, optax, paper
    #[arg(long, value_name = "DIALECT")]
    pub from: String,
    /// Whose words are wanted
    #[arg(long, value_name = "DIALECT")]
    pub to: String,
    /// A JSON object
    #[arg(long)]
    pub json: bool,
}

/// `schuss schedule`.
#[derive(Args, Debug)]
pub struct Schedule {
    /// The schedule, as "one_cycle(pct_start=0.25)" or "linear(length='5 epochs') then cosine"
    #[arg(value_name = "SPEC")]
    pub spec: String,
    /// Steps of the run; no data are read
    #[arg(long, value_name = "N", conflicts_with = "data")]
    pub steps: Option<usize>,
    /// Passes over the data [30; 1 with --steps]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub epochs: Option<String>,
    /// Samples in a step [128]
    #[arg(long, value_name = "N|full", allow_hyphen_values = true)]
    pub batch_size: Option<String>,
    /// A data set's name, a file or a folder [the embedded digits]
    #[arg(long, value_name = "NAME|PATH")]
    pub data: Option<String>,
    /// Whose learning rate it is, unless one is given [see `schuss list optimizer`]
    #[arg(long, value_name = "NAME")]
    pub optimizer: Option<String>,
    /// The rate that is scaled [the optimizer's default]
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub learning_rate: Option<String>,
    /// Draw it
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// One JSON object a line for each step, counted from 0
    #[arg(long)]
    pub json: bool,
}

/// What is on the command line: arguments, or text that was asked for (help).
pub fn parse() -> Result<Result<Arguments, String>, Error> {
    match Arguments::try_parse() {
        Ok(arguments) => Ok(Ok(arguments)),
        Err(e) => match e.kind() {
            ErrorKind::DisplayHelp => Ok(Err(e.render().to_string().trim_end().to_owned())),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Err(Error::value("wrong-arguments", incomplete(&e.render().to_string())))
            }
            _ => Err(Error::value("wrong-arguments", in_one_line(&e.render().to_string()))),
        },
    }
}

/// What there is to say where clap shows its help.
fn incomplete(help: &str) -> String {
    let usage = help.lines().find_map(|line| line.strip_prefix("Usage: ")).unwrap_or("schuss COMMAND");
    format!("the command is not complete; it is: {usage}; see --help")
}

/// What clap says in several paragraphs: what is wrong, and a tip.
fn in_one_line(text: &str) -> String {
    let told = text.split("\nUsage:").next().unwrap_or_default();
    let told = told.split("\nFor more information").next().unwrap_or_default();
    let told = told.strip_prefix("error: ").unwrap_or(told);
    let paragraphs: Vec<String> =
        told.split("\n\n").map(|p| p.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let told = paragraphs.iter().map(|p| p.trim_start_matches("tip: ")).filter(|p| !p.is_empty()).collect::<Vec<_>>();
    told.join("; ") + "; see --help"
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        let said = |args: &[&str]| {
            let error = Arguments::try_parse_from(args).unwrap_err();
            in_one_line(&error.render().to_string())
        };
        let unknown = said(&["schuss", "train", "--epoch", "5"]);
        assert!(unknown.starts_with("unexpected argument '--epoch' found; a similar argument exists: '--epochs'"));
        assert!(said(&["schuss", "evaluate"]).contains("<MODEL.safetensors>"));
        assert!(said(&["schuss", "train", "--resume", "x", "--out", "y"]).contains("--resume"));
        assert!(!said(&["schuss", "tarin"]).contains('\n'));
        let alone = Arguments::try_parse_from(["schuss", "data"]).unwrap_err();
        assert_eq!(alone.kind(), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
        assert!(incomplete(&alone.render().to_string()).contains("it is: schuss data <COMMAND>"));
    }
}
