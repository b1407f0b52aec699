//! The settings of a recipe that belong to no entry of a table.

use crate::graph::Precision;
use crate::plan::MOST_THREADS;
use crate::registry::{Allowed, Default, Page, Setting};

const fn setting(name: &'static str, default: Default, allowed: Allowed, doc: &'static str) -> Setting {
    Setting { name, default, allowed, doc }
}

/// `[data]`, but for the settings of readers.
pub const DATA: &[Setting] = &[
    setting("name", Default::Text("digits"), Allowed::Text, "a name from the list of data sets, or a path"),
    setting("test", Default::Float(0.2), Allowed::Fraction, "the share to test with, where the data keep none apart"),
    setting("validation", Default::Float(0.0), Allowed::Fraction, "the share of the training part to validate with"),
    setting(
        "seed",
        Default::Int(0),
        Allowed::Int(0, i64::MAX),
        "what the shares are drawn by; train.seed unless given",
    ),
    setting("drop_remainder", Default::Bool(false), Allowed::Bool, "leave out a last batch that is smaller?"),
    setting(
        "augment",
        Default::Texts(&[]),
        Allowed::Texts,
        "what is done to pictures, in order: [\"random_crop(padding=4)\", \"random_flip(mode='horizontal')\"]",
    ),
    setting(
        "sampling",
        Default::Text("shuffled"),
        Allowed::OneOf(&["shuffled", "balanced"]),
        "what an epoch takes: every sample once, or as many, every class equally often",
    ),
    setting(
        "class_weight",
        Default::Text(""),
        Allowed::Text,
        "how much each class counts in the loss and the metrics of training: balanced, or spam=2,ham=0.5",
    ),
];

/// `[train]`.
pub const TRAIN: &[Setting] = &[
    setting("epochs", Default::Int(30), Allowed::Int(1, u32::MAX as i64), "passes over the training part"),
    setting(
        "batch_size",
        Default::Text("auto"),
        Allowed::IntOr(1, i64::MAX, &["full", "auto"]),
        "samples in a step; auto is 128, or full for an optimizer that is made for that",
    ),
    setting(
        "shuffle",
        Default::Text("every_epoch"),
        Allowed::OneOf(&["every_epoch", "once"]),
        "when the order of samples is drawn: anew for every epoch, or at the start for all",
    ),
    setting("seed", Default::Int(0), Allowed::Int(0, i64::MAX), "what every random number depends on"),
    setting(
        "threads",
        Default::Text("auto"),
        Allowed::IntOr(1, MOST_THREADS as i64, &["auto"]),
        "auto: as many as the machine has",
    ),
    setting(
        "precision",
        Default::Text("f32"),
        Allowed::OneOf(Precision::NAMES),
        "what the factors of products are while training: f32, rounded to bfloat16, cut into two numbers of it, or \
         (auto) the fastest of those that learn as well as f32",
    ),
    setting(
        "patience",
        Default::Text("none"),
        Allowed::IntOr(1, i64::MAX, &["none"]),
        "stop after so many epochs without a better one",
    ),
    setting("monitor", Default::Text("auto"), Allowed::Text, "what says which epoch is the best; auto: val_loss"),
    setting("mode", Default::Text("auto"), Allowed::OneOf(&["auto", "min", "max"]), "is less of it better, or more?"),
    setting(
        "min_delta",
        Default::Float(0.0),
        Allowed::NotNegative,
        "what counts as better for patience: by more than this",
    ),
    setting("snapshot_seconds", Default::Float(20.0), Allowed::Positive, "seconds from one snapshot to the next"),
    setting(
        "flip_averaging",
        Default::Bool(false),
        Allowed::Bool,
        "test with the mean of the outputs for a picture and for its mirror image?",
    ),
    setting(
        "shift_averaging",
        Default::Int(0),
        Allowed::Int(0, 4096),
        "test with a picture moved by so many pixels, too: half for where it is, a quarter each for down and right, up and \
         left; 0 for none",
    ),
    setting("weights", Default::Text(""), Allowed::Text, "a model file to start from"),
    setting(
        "freeze",
        Default::Text(""),
        Allowed::Text,
        "parameters and moving statistics that stay as they are: a regular expression on names",
    ),
];

/// `[train.reduce_on_plateau]`.
pub const REDUCE_ON_PLATEAU: &[Setting] = &[
    setting("monitor", Default::Text("val_loss"), Allowed::Text, "the column of the history that should get better"),
    setting("mode", Default::Text("auto"), Allowed::OneOf(&["auto", "min", "max"]), "is less of it better, or more?"),
    setting("factor", Default::Float(0.1), Allowed::Fraction, "what the rate is multiplied by"),
    setting(
        "patience",
        Default::Int(10),
        Allowed::Int(0, u32::MAX as i64),
        "after so many epochs in a row that were not better",
    ),
    setting("min_delta", Default::Float(0.0001), Allowed::NotNegative, "better means by more than this"),
    setting(
        "cooldown",
        Default::Int(0),
        Allowed::Int(0, u32::MAX as i64),
        "epochs after a reduction that do not count",
    ),
    setting("min_lr", Default::Float(0.0), Allowed::NotNegative, "the rate does not fall below this"),
];

const fn page(summary: &'static str) -> Page {
    Page { summary, equation: "", source: "", differs: "" }
}

/// The tables of a recipe, for lists and explanations.
pub const PAGES: &[(&str, Page, &[Setting])] = &[
    ("data", page("what is trained on, and how it is shared out"), DATA),
    ("train", page("how long, in which steps, from where"), TRAIN),
    (
        "reduce_on_plateau",
        Page {
            summary: "[train.reduce_on_plateau]: scale the rate whenever epochs have stopped getting better",
            equation: "",
            source: "Keras 3, keras.callbacks.ReduceLROnPlateau",
            differs: "As in Keras, and it goes with a schedule: both scale the optimizer's learning_rate, and min_lr is \
                      what is left of that before the schedule.",
        },
        REDUCE_ON_PLATEAU,
    ),
];

/// Tables of a recipe that say what thing is used: a name, and the thing's own settings.
pub const THINGS: &[&str] = &["data", "model", "optimizer", "schedule", "loss"];

/// All keys at the top of a recipe.
pub const TOP: &[&str] = &["data", "model", "optimizer", "schedule", "loss", "metrics", "train"];
