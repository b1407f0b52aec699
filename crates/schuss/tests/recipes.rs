//! Recipes: what they may say, what they come to, and runs in folders.

use schuss::data::FileRecord;
use schuss::layers::{AnyLayer, Layer};
use schuss::recipe::{Recipe, Tables, Training};
use schuss::registry::{Entry, Page};
use schuss::store::{SnapshotFile, Tensors};
use schuss::train::{Callback, Event, FitOptions, Flow, State};
use schuss::{Dataset, Error, Kind, Model, Sequential};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder for one test, removed after it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("schuss-recipes-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn recipe(assignments: &[&str]) -> Recipe {
    let mut recipe = Recipe::default();
    assignments.iter().for_each(|a| recipe.assign(a).unwrap());
    recipe
}

fn resolved(recipe: &Recipe) -> Result<String, Error> {
    Ok(recipe.resolve(&Tables::default())?.to_toml())
}

#[test]
fn an_empty_recipe_is_the_digits_with_an_mlp_and_adam() {
    let expected = "\
[data]
name = \"digits\"
test = 0.2
validation = 0.0
seed = 0
drop_remainder = false
augment = []
sampling = \"shuffled\"
class_weight = \"\"

[model]
name = \"mlp\"
units = [512, 512]
activation = \"relu\"
dropout = 0.0

[optimizer]
name = \"adam\"
learning_rate = 0.001
beta_1 = 0.9
beta_2 = 0.999
epsilon = 0.0000001
amsgrad = false

[loss]
name = \"sparse_categorical_crossentropy\"
from_logits = false

[train]
epochs = 30
batch_size = \"auto\"
shuffle = \"every_epoch\"
seed = 0
threads = \"auto\"
precision = \"f32\"
patience = \"none\"
monitor = \"auto\"
mode = \"auto\"
min_delta = 0.0
snapshot_seconds = 20.0
flip_averaging = false
shift_averaging = 0
weights = \"\"
freeze = \"\"
";
    assert_eq!(resolved(&Recipe::default()).unwrap(), expected);
}

#[test]
fn any_path_can_be_set() {
    // Assignments, and lines of what they come to.
    let cases: &[(&[&str], &[&str])] = &[
        (&["optimizer.beta_1=0.95"], &["beta_1 = 0.95", "name = \"adam\""]),
        (&["model.units=[256,128]"], &["units = [256, 128]"]),
        (&["model.units = []"], &["units = []"]),
        (&["data.drop_remainder=true"], &["drop_remainder = true"]),
        (&["optimizer=nag"], &["name = \"nag\"", "momentum = 0.9"]),
        (&["optimizer=sgd", "optimizer.momentum=0.5"], &["name = \"sgd\"", "momentum = 0.5"]),
        (&["optimizer.learning_rate=1"], &["learning_rate = 1.0"]),
        (&["optimizer='adam(beta_1=0.8)'"], &["name = \"adam\"", "beta_1 = 0.8"]),
        (
            &["optimizer='adamw (beta_1=0.8, weight_decay=0.1)'", "optimizer.dialect=torch", "optimizer.beta_1=0.7"],
            &["name = \"adamw:torch\"", "beta_1 = 0.7", "weight_decay = 0.1"],
        ),
        (&["model='mlp(units=[64])'", "model.activation=tanh"], &["units = [64]", "activation = \"tanh\""]),
        (&["loss=mse"], &["name = \"mean_squared_error\""]),
        (&["loss=huber", "loss.delta=2.5"], &["name = \"huber\"", "delta = 2.5"]),
        (&["model='linear'"], &["name = \"linear\""]),
        (&["data=mnist", "data.validation=0.1"], &["name = \"mnist\"", "validation = 0.1"]),
        (&["data.target=quality", "data.drop=['id']"], &["target = \"quality\"", "drop = [\"id\"]"]),
        (&["data.class_weight='1=2,7=0.5'"], &["class_weight = \"1=2,7=0.5\""]),
        (&["train.batch_size=full"], &["batch_size = \"full\""]),
        (
            &["train.batch_size=64", "train.patience=3", "train.threads=2"],
            &["batch_size = 64", "patience = 3", "threads = 2"],
        ),
        (&["train.seed=7"], &["seed = 7\ndrop_remainder", "seed = 7\nthreads"]),
        (&["train.seed=7", "data.seed=1"], &["seed = 1\ndrop_remainder", "seed = 7\nthreads"]),
        (
            &["metrics=['accuracy', 'top_k_categorical_accuracy(3)']"],
            &["metrics = [\"accuracy\", \"top_k_categorical_accuracy(3)\"]"],
        ),
        (&["metrics=acc"], &["metrics = [\"accuracy\"]"]),
        (
            &[
                "model.layers=[{kind='flatten'}, {kind='dense', units=5}, {kind='dense', name='out', units=10, activation='softmax'}]",
            ],
            &["kind = \"dense\"\nname = \"dense\"\nunits = 5\nactivation = \"linear\"", "name = \"out\""],
        ),
        (&["model.layers=[{kind='dense', units=5}]", "model.layers.0.units=6"], &["units = 6"]),
        (&["schedule=cosine", "schedule.alpha=0.1"], &["[schedule]\nname = \"cosine\"", "alpha = 0.1", "warmup = 0"]),
        (&["schedule.name='one_cycle(pct_start=0.25)'", "schedule.warmup=3"], &["pct_start = 0.25", "warmup = 3"]),
        (&["schedule.name='one_cycle(pct_start=0.25)'", "schedule.pct_start=0.5"], &["pct_start = 0.5"]),
        (
            &["schedule=\"linear(length='5 epochs') then cosine\""],
            &["[[schedule]]\nname = \"linear\"", "length = \"5 epochs\"", "[[schedule]]\nname = \"cosine\""],
        ),
        (
            &["schedule=[{name='linear', length='5 epochs'}, 'cosine']"],
            &["[[schedule]]\nname = \"linear\"", "length = \"5 epochs\"", "[[schedule]]\nname = \"cosine\""],
        ),
        (
            &["train.reduce_on_plateau={}", "train.reduce_on_plateau.patience=3"],
            &["[train.reduce_on_plateau]\nmonitor = \"val_loss\"", "patience = 3", "min_lr = 0"],
        ),
    ];
    for (assignments, lines) in cases {
        let recipe = recipe(assignments);
        let text = resolved(&recipe).unwrap_or_else(|e| panic!("{assignments:?}: {e}"));
        lines.iter().for_each(|line| assert!(text.contains(line), "{assignments:?}: no {line} in\n{text}"));
        // Written out and resolved again it is the same.
        assert_eq!(resolved(&Recipe::from_toml(&text).unwrap()).unwrap(), text);
    }
    for entry in Tables::default().optimizers.entries() {
        let text = resolved(&recipe(&[&format!("optimizer={}", entry.name)])).unwrap();
        assert!(text.contains(&format!("[optimizer]\nname = \"{}\"", entry.name)));
        assert_eq!(resolved(&Recipe::from_toml(&text).unwrap()).unwrap(), text);
    }
}

#[test]
fn what_a_recipe_may_not_say_is_one_error() {
    // An assignment, the error's code, and what the message says.
    let cases = [
        ("optimzer.name=sgd", "unknown-setting", "recipe: no setting `optimzer`; did you mean `optimizer`?"),
        ("train.epoch=3", "unknown-setting", "train: no setting `epoch`; did you mean `epochs`?"),
        ("data.vaildation=0.1", "unknown-setting", "data: no setting `vaildation`; did you mean `validation`?"),
        ("data.tagret=x", "unknown-setting", "did you mean `target`?"),
        ("optimizer.beta1=0.9", "unknown-setting", "optimizer adam: no setting `beta1`; did you mean `beta_1`?"),
        (
            "optimizer='adam(beta1=0.9)'",
            "unknown-setting",
            "optimizer adam: no setting `beta1`; did you mean `beta_1`?",
        ),
        ("optimizer='adam(beta_1=0.9'", "words-not-understood", "the last character is not `)`"),
        ("model='mlp(unit=[64])'", "unknown-setting", "did you mean `units`?"),
        ("optimizer=adma", "unknown-name", "no optimizer `adma`; did you mean `adam`?"),
        ("model=mpl", "unknown-name", "no model `mpl`; did you mean `mlp`?"),
        ("loss=msee", "unknown-name", "no loss `msee`"),
        ("metrics=['accurcy']", "unknown-name", "no metric `accurcy`; did you mean `accuracy`?"),
        ("model.units=[0]", "value-not-allowed", "model mlp: `units` is [0]"),
        ("model.activation=7", "value-not-allowed", "`activation` is 7"),
        ("train.epochs=0", "value-not-allowed", "train: `epochs` is 0; allowed is a whole number"),
        ("train.epochs=2.5", "value-not-allowed", "`epochs` is 2.5"),
        (
            "train.batch_size=0",
            "value-not-allowed",
            "`batch_size` is 0; allowed is a whole number of at least 1, or full",
        ),
        ("train.batch_size=half", "value-not-allowed", "`batch_size` is \"half\""),
        ("train.patience=0", "value-not-allowed", "`patience` is 0"),
        ("train.snapshot_seconds=0", "value-not-allowed", "allowed is a finite number above 0"),
        ("optimizer.learning_rate=nan", "value-not-allowed", "`learning_rate` is NaN"),
        ("optimizer.learning_rate=-1", "value-not-allowed", "`learning_rate` is -1"),
        ("data.validation=1.0", "value-not-allowed", "`validation` is 1.0"),
        ("train.precision=fp16", "value-not-allowed", "bf16"),
        ("optimizer=adam:flax", "unknown-name", "adam:torch"),
        ("optimizer.dialect=flax", "unknown-name", "adam:torch"),
        ("optimizer.dialect=3", "recipe-type", "`dialect` is 3"),
        ("optimizer.groups=3", "recipe-type", "[[optimizer.groups]]"),
        ("optimizer.groups=[{name='sgd'}]", "recipe-type", "has no match"),
        ("optimizer.groups=[{match='('}]", "bad-expression", "optimizer.groups.0"),
        ("optimizer.groups=[{match='bias', clipnorm=1.0}]", "not-in-a-group", "`clipnorm`"),
        ("optimizer.groups=[{match='bias', learning_rate=-1.0}]", "value-not-allowed", "optimizer.groups.0"),
        ("schedule=cosin", "unknown-name", "no schedule `cosin`; did you mean `cosine`?"),
        ("schedule.name=cosin", "unknown-name", "did you mean `cosine`?"),
        ("schedule.alpha=0.1", "recipe-type", "a table with a name"),
        ("schedule=5", "recipe-type", "`schedule` is 5"),
        ("schedule=[]", "recipe-type", "`schedule` is []"),
        ("schedule=[5]", "recipe-type", "`schedule.0` is 5"),
        ("schedule={name='cosine', alhpa=0.1}", "unknown-setting", "did you mean `alpha`?"),
        ("schedule={name='cosine', decay_steps=-5}", "value-not-allowed", "`decay_steps` is -5; allowed is a length"),
        ("schedule={name='cosine', decay_steps=1979-05-27}", "recipe-type", "schedule: `decay_steps` is"),
        ("schedule=[{name='step'}]", "value-missing", "`step_size` is missing"),
        ("train.reduce_on_plateau=5", "recipe-type", "[train.reduce_on_plateau]"),
        ("train.reduce_on_plateau.factor=1", "value-not-allowed", "from 0 to below 1"),
        ("train.reduce_on_plateau.patiense=1", "unknown-setting", "did you mean `patience`?"),
        ("augment.flip=true", "unknown-setting", "no setting `augment`"),
        ("data.augment=3", "recipe-type", "[[data.augment]]"),
        ("data.augment=random_flop", "unknown-name", "did you mean `random_flip`?"),
        ("train=5", "recipe-type", "`train` is 5; it is a table"),
        ("optimizer.name=5", "recipe-type", "`name` is 5; it is text"),
        ("train.seed={a=1}", "recipe-type", "train: `seed` is"),
        ("train.seed=1979-05-27", "recipe-type", "train: `seed` is"),
        ("metrics=5", "recipe-type", "`metrics` is 5"),
        ("model.layers=[]", "recipe-type", "[[model.layers]]"),
        ("model.layers=[{units=5}]", "recipe-type", "has no kind"),
        ("model.layers=[{kind='dense'}]", "value-missing", "model.layers.0: layer dense: `units` is missing"),
        ("model.layers=[{kind='lambda'}]", "unknown-name", "no layer `lambda`"),
        ("model={name='mlp', layers=[{kind='flatten'}]}", "unknown-setting", "model with layers: no setting `name`"),
    ];
    for (assignment, code, words) in cases {
        let error = resolved(&recipe(&[assignment])).expect_err(assignment);
        assert_eq!(error.code(), code, "{assignment}: {error}");
        assert!(error.message().contains(words) && !error.message().contains('\n'), "{assignment}: {error}");
    }
    let assigned = |text: &str| Recipe::default().assign(text).unwrap_err().code();
    for (text, code) in [
        ("train.epochs", "recipe-assignment"),
        ("train.epochs=", "recipe-value"),
        ("train.epochs=[1", "recipe-value"),
        ("train..epochs=1", "recipe-path"),
        ("=1", "recipe-path"),
        ("train.=1", "recipe-path"),
    ] {
        assert_eq!(assigned(text), code, "{text}");
    }
    let mut list = recipe(&["model.layers=[{kind='flatten'}]"]);
    assert_eq!(list.assign("model.layers.1.units=3").unwrap_err().code(), "recipe-path");
    let error = Recipe::from_toml("[train]\nseed = 18446744073709551615").unwrap_err();
    assert!(
        error.message().contains("line 2: a whole number is too large; the largest is 9223372036854775807"),
        "{error}"
    );
    let error = Recipe::from_toml("[train]\nepochs = 3\nepochs = 4").unwrap_err();
    assert!(error.code() == "recipe-not-toml" && error.message().contains("line 3"), "{error}");
}

#[test]
fn everything_in_every_table_is_explained() {
    let tables = Tables::default();
    for listed in tables.list() {
        let found = tables.explain(listed.name).unwrap();
        assert!(found.iter().any(|f| f.table == listed.table), "{}", listed.name);
        assert!(!listed.page.summary.is_empty(), "{}", listed.name);
        listed.settings.iter().for_each(|s| assert!(!s.doc.is_empty(), "{}: {}", listed.name, s.name));
    }
    assert_eq!(tables.explain("mse").unwrap()[0].name, "mean_squared_error");
    assert!(tables.explain("adma").unwrap_err().message().contains("did you mean `adam`"));
}

/// A table with two classes that a line parts, and a column of no use.
fn table(path: &Path, rows: u32) {
    let row = |i: u32| {
        let (a, b) = (f64::from(i * 37 % 101), f64::from(i * 61 % 97));
        format!("{i},{a},{b},{}\n", if a > b { "right" } else { "left" })
    };
    fs::write(path, String::from("id,a,b,side\n") + &(0..rows).map(row).collect::<String>()).unwrap();
}

/// A small run on that table: 80 samples to train on, 5 steps in each of 4 epochs.
fn small(folder: &Folder) -> Recipe {
    let data = folder.file("data.csv");
    table(&data, 125);
    let mut recipe = recipe(&["data.drop=['id']", "model.units=[6]", "train.epochs=4", "train.batch_size=16"]);
    recipe.set("data.name", data.to_str().unwrap()).unwrap();
    recipe.assign("data.validation=0.2").unwrap();
    recipe.assign("train.threads=1").unwrap();
    recipe
}

fn quiet() -> impl Callback {
    |_: &Event, _: &State| Ok(Flow::Continue)
}

fn start(recipe: &Recipe, folder: &Path) -> Result<Training, Error> {
    Training::start(recipe, Some(folder), &Tables::default())
}

fn resume(folder: &Path) -> Result<Training, Error> {
    Training::resume(folder, &Tables::default())
}

/// The history without its column of seconds, the last one.
fn history(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("history.csv")).unwrap();
    text.lines().map(|l| l.rsplit_once(',').unwrap().0.to_owned()).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let name = |e: std::io::Result<fs::DirEntry>| e.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_run_leaves_its_folder_and_its_model_predicts_by_itself() {
    let folder = Folder::new("run");
    let (recipe, out) = (small(&folder), folder.file("out"));
    let training = start(&recipe, &out).unwrap();
    // Before the first step.
    assert_eq!(names(&out), ["checkpoints", "data.json", "recipe.toml"]);
    let record = fs::read_to_string(out.join("data.json")).unwrap();
    assert!(record.contains("data.csv") && record.contains("sha256") && record.contains("\"size\""));
    let text = fs::read_to_string(out.join("recipe.toml")).unwrap();
    assert!(text.starts_with("metrics = [\"accuracy\"]"), "{text}");
    let report = training.run(&mut [&mut quiet()]).unwrap();
    assert_eq!(names(&out), ["checkpoints", "data.json", "history.csv", "model.safetensors", "recipe.toml"]);
    assert_eq!(names(&out.join("checkpoints")), ["best.safetensors", "last.safetensors", "lock"]);
    let lines = history(&out);
    assert_eq!(lines[0], "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate");
    assert_eq!(lines.len(), 5);
    let best = fs::read(out.join("checkpoints/best.safetensors")).unwrap();
    assert_eq!(best, fs::read(out.join("model.safetensors")).unwrap());
    let (test, support): (_, usize) = (report.test.clone().unwrap(), report.classes.iter().map(|c| c.support).sum());
    assert_eq!((support, report.outcome.samples), (25, 4 * 80));
    assert!(report.samples_per_second() > 0.0);

    // The model by itself: on a table whose columns stand in another order, and without the one of no use.
    let mut model = Model::load(out.join("model.safetensors")).unwrap();
    let schema = model.schema().unwrap().clone();
    assert_eq!((schema.columns.join(","), schema.classes.join(",")), ("a,b".into(), "left,right".into()));
    let setup = resume(&out).unwrap();
    let data = setup.setup().test.clone().unwrap();
    assert_eq!(model.evaluate(&data).unwrap(), test);
    assert_eq!(model.class_table(&data).unwrap(), report.classes);
    fs::write(folder.file("new.csv"), "b,a\n1,90\n90,1\n").unwrap();
    let new = schuss::data::open_for(folder.file("new.csv"), &schema, false, &Default::default()).unwrap().data;
    assert_eq!(new.len(), 2);
    assert_eq!(model.predict(&new).unwrap().len(), 4);
}

/// Ends the process, as far as a test can: breaks off after so many steps without a word.
fn die_after(steps: usize) -> impl Callback {
    let mut seen = 0;
    move |event: &Event, _: &State| {
        seen += usize::from(matches!(event, Event::Step { .. }));
        if seen == steps { Err(Error::value("died", "the process was killed")) } else { Ok(Flow::Continue) }
    }
}

#[test]
fn a_run_that_was_killed_at_any_step_ends_in_the_same_files() {
    let folder = Folder::new("killed");
    let mut recipe = small(&folder);
    // The rate is part of it: planned, and scaled as nothing gets better by that much.
    recipe.assign("schedule=\"linear(length='1 epoch') then one_cycle\"").unwrap();
    recipe.assign("train.reduce_on_plateau={patience=1, min_delta=9.0, factor=0.5}").unwrap();
    let whole = folder.file("whole");
    start(&recipe, &whole).unwrap().run(&mut []).unwrap();
    let model = fs::read(whole.join("model.safetensors")).unwrap();
    // A snapshot whenever the last one is written.
    recipe.assign("train.snapshot_seconds=1e-9").unwrap();
    let mut places = Vec::new();
    for step in 1..=20 {
        let out = folder.file(&format!("killed-{step}"));
        let error = start(&recipe, &out).unwrap().run(&mut [&mut die_after(step)]).unwrap_err();
        assert_eq!(error.code(), "died");
        assert!(!out.join("model.safetensors").exists());
        let mut hear = |event: &Event, _: &State| {
            if let Event::Resume { epoch, step } = *event {
                places.push(5 * (epoch - 1) + step);
            }
            Ok(Flow::Continue)
        };
        resume(&out).unwrap().run(&mut [&mut hear]).unwrap();
        assert_eq!(fs::read(out.join("model.safetensors")).unwrap(), model, "step {step}");
        assert_eq!(history(&out), history(&whole));
    }
    assert!(places.len() == 20 && places.iter().enumerate().all(|(i, place)| *place <= i + 1), "{places:?}");
    assert!(
        places.iter().any(|place| place % 5 != 0),
        "a case that never resumes within an epoch shows little: {places:?}"
    );
}

#[test]
fn a_run_is_resumed_before_its_first_snapshot_after_interruption_and_after_its_end() {
    let folder = Folder::new("resumed");
    let recipe = small(&folder);
    let whole = folder.file("whole");
    start(&recipe, &whole).unwrap().run(&mut []).unwrap();
    let (model, rows) = (fs::read(whole.join("model.safetensors")).unwrap(), history(&whole));
    let ends_alike = |out: &Path, place: Option<(usize, usize)>| {
        let mut found = None;
        let mut hear = |event: &Event, _: &State| {
            if let Event::Resume { epoch, step } = *event {
                found = Some((epoch, step));
            }
            Ok(Flow::Continue)
        };
        resume(out).unwrap().run(&mut [&mut hear]).unwrap();
        assert_eq!(found, place);
        assert_eq!(fs::read(out.join("model.safetensors")).unwrap(), model);
        assert_eq!(history(out), rows);
        assert_eq!(fs::read(out.join("checkpoints/best.safetensors")).unwrap(), model);
    };
    // Killed before there was anything.
    let out = folder.file("early");
    drop(start(&recipe, &out).unwrap());
    fs::write(out.join("checkpoints/.last.safetensors.1.part"), "half a snapshot").unwrap();
    ends_alike(&out, Some((1, 0)));
    assert!(!names(&out.join("checkpoints")).iter().any(|n| n.ends_with("part")));
    // Interrupted.
    let out = folder.file("interrupted");
    let mut stop = |event: &Event, _: &State| {
        Ok(if matches!(event, Event::Step { epoch: 3, step: 2, .. }) { Flow::Interrupt } else { Flow::Continue })
    };
    let error = start(&recipe, &out).unwrap().run(&mut [&mut stop]).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
    // A torn last line, as of a process that was killed.
    let text = fs::read_to_string(out.join("history.csv")).unwrap();
    fs::write(out.join("history.csv"), text + "3,0.").unwrap();
    ends_alike(&out, Some((3, 2)));
    // Ended: nothing is left to do, and the end is the same; with or without its files.
    ends_alike(&out, None);
    fs::remove_file(out.join("model.safetensors")).unwrap();
    fs::remove_file(out.join("checkpoints/best.safetensors")).unwrap();
    ends_alike(&out, None);
}

#[test]
fn a_run_folder_is_refused_when_something_is_in_its_way_or_was_changed() {
    let folder = Folder::new("refused");
    let recipe = small(&folder);
    let code = |r: Result<Training, Error>| r.err().expect("refused").code();
    let out = folder.file("out");
    assert_eq!(code(resume(&folder.file("none"))), "no-run");
    assert_eq!(code(resume(&folder.0)), "no-run");
    assert_eq!(code(start(&recipe, &folder.0)), "folder-exists");
    assert_eq!(code(start(&recipe, &folder.file("data.csv"))), "folder-unusable");
    assert_eq!(code(start(&recipe, &folder.file("data.csv/out"))), "folder-unusable");
    fs::create_dir(&out).unwrap();
    let training = start(&recipe, &out).unwrap();
    assert_eq!(code(start(&recipe, &out)), "folder-exists");
    assert_eq!(code(resume(&out)), "run-in-use");
    training.run(&mut []).unwrap();

    let last = out.join("checkpoints/last.safetensors");
    let good = fs::read(&last).unwrap();
    fs::write(&last, &good[..good.len() - 1]).unwrap();
    assert_eq!(code(resume(&out)), "file-cut");
    fs::write(&last, &good).unwrap();

    let text = fs::read_to_string(out.join("recipe.toml")).unwrap();
    fs::write(out.join("recipe.toml"), text.replace("epochs = 4", "epochs = 5")).unwrap();
    let e = resume(&out).err().expect("refused");
    assert!(e.code() == "recipe-changed" && e.message().contains("recipe.toml: the recipe was changed"), "{e}");
    assert!(e.message().contains(": train.epochs was 4, is 5; it goes on"), "{e}");
    fs::write(out.join("recipe.toml"), text.replace("epochs =", "epoch =")).unwrap();
    let e = resume(&out).err().expect("refused");
    assert!(e.code() == "unknown-setting" && e.message().contains("recipe.toml: train: no setting"), "{e}");
    // How it is computed may change: no bit does.
    fs::write(out.join("recipe.toml"), text.replace("threads = 1", "threads = 2")).unwrap();
    assert!(resume(&out).unwrap().warnings().is_empty());
    fs::write(out.join("recipe.toml"), &text).unwrap();

    let mut file = SnapshotFile::read(&last).unwrap();
    file.written.isa = "none".into();
    // As earlier versions wrote it.
    file.written.recipe = FileRecord::of(String::new(), file.written.recipe.as_bytes()).sha256;
    file.write(&last).unwrap();
    assert!(resume(&out).unwrap().warnings()[0].contains("instruction set none"));

    table(&folder.file("data.csv"), 124);
    assert_eq!(code(resume(&out)), "data-changed");
    let record = fs::read_to_string(out.join("data.json")).unwrap();
    fs::write(out.join("data.json"), record.replace('{', "[")).unwrap();
    assert_eq!(code(resume(&out)), "bad-data-json");
}

#[test]
fn a_run_starts_from_weights_and_keeps_what_is_frozen() {
    let folder = Folder::new("weights");
    let recipe = small(&folder);
    let first = folder.file("first");
    start(&recipe, &first).unwrap().run(&mut []).unwrap();
    let model = first.join("model.safetensors");
    let with = |assignments: &[&str], out: &str| {
        let mut recipe = recipe.clone();
        recipe.set("train.weights", model.to_str().unwrap()).unwrap();
        assignments.iter().for_each(|a| recipe.assign(a).unwrap());
        start(&recipe, &folder.file(out))
    };
    let tensors = |path: &Path| Tensors::read(path).unwrap().tensors;
    let training = with(&["train.freeze='^dense/'"], "frozen").unwrap();
    let transfer = training.transfer().unwrap().clone();
    assert_eq!(transfer.taken, ["dense/bias", "dense/kernel", "dense_1/bias", "dense_1/kernel"]);
    assert!(transfer.missing.is_empty() && transfer.unmatched.is_empty() && transfer.misfits.is_empty());
    training.run(&mut []).unwrap();
    let (was, is) = (tensors(&model), tensors(&folder.file("frozen/model.safetensors")));
    for (was, is) in was.iter().zip(&is) {
        assert_eq!(was.name.starts_with("dense/"), was == is, "{}", was.name);
    }

    let transfer = with(&["model.units=[6, 3]"], "deeper").unwrap().transfer().unwrap().clone();
    assert_eq!(transfer.taken, ["dense/bias", "dense/kernel"]);
    assert_eq!(transfer.missing, ["dense_1/kernel", "dense_1/bias", "dense_2/kernel", "dense_2/bias"]);
    let misfits = ["dense_1/bias is F32 [2], wanted is F32 [3]", "dense_1/kernel is F32 [6, 2], wanted is F32 [6, 3]"];
    assert_eq!(transfer.misfits, misfits);
    let layers = "model={layers=[{kind='dense', units=6}, {kind='dense', name='o', units=2, activation='softmax'}]}";
    let transfer = with(&[layers], "other");
    assert_eq!(transfer.unwrap().transfer().unwrap().unmatched, ["dense_1/bias", "dense_1/kernel"]);

    let code = |assignments: &[&str], out: &str| with(assignments, out).err().expect("refused").code();
    assert_eq!(code(&["model.units=[7]", "model.layers=[{kind='dense', name='o', units=2}]"], "a"), "unknown-setting");
    assert_eq!(code(&["train.freeze='^conv'"], "b"), "nothing-frozen");
    assert_eq!(code(&["train.freeze='dense'"], "c"), "all-frozen");
    assert_eq!(code(&["train.freeze='('"], "d"), "bad-expression");
    let layers = "model={layers=[{kind='dense', name='o', units=2, activation='softmax'}]}";
    assert_eq!(code(&[layers], "e"), "no-weights-fit");
    assert_eq!(code(&["train.weights=none.safetensors"], "f"), "file-unreadable");
    // Nothing was left behind.
    assert!(["a", "b", "c", "d", "e", "f"].iter().all(|out| !folder.file(out).exists()));
}

#[test]
fn what_does_not_fit_the_data_is_said_with_its_place() {
    let folder = Folder::new("misfits");
    let recipe = small(&folder);
    let message = |assignment: &str| {
        let mut recipe = recipe.clone();
        recipe.assign(assignment).unwrap();
        start(&recipe, &folder.file("out")).err().expect(assignment).to_string()
    };
    let cases = [
        ("data.test=0.001", "data.test: "),
        ("data.validation=0.001", "data.validation: "),
        ("data.class_weight='up=2'", "data.class_weight: "),
        ("data.class_weight=balance", "data.class_weight: "),
        ("data.target=sied", "did you mean `side`"),
        ("model={layers=[{kind='dense', units=3, activation='softmax'}]}", "sparse_categorical_crossentropy"),
    ];
    for (assignment, words) in cases {
        let message = message(assignment);
        assert!(message.contains(words) && !message.contains('\n'), "{assignment}: {message}");
    }
}

#[test]
fn every_loss_has_a_model_that_fits_it() {
    let folder = Folder::new("losses");
    let tables = Tables::default();
    let numbers: String = (0..60).map(|i| format!("{},{},{}\n", i % 7, i % 11, (i % 7) * 2 + i % 11)).collect();
    for entry in tables.losses.entries() {
        let mut recipe = small(&folder);
        let out = folder.file(entry.name);
        recipe.assign(&format!("loss={}", entry.name)).unwrap();
        // The joint loss is that of numbers unless it is told others.
        let numeric = entry.name.starts_with("mean_") || ["huber", "joint"].contains(&entry.name);
        if numeric {
            fs::write(folder.file("data.csv"), String::from("a,b,c\n") + &numbers).unwrap();
            recipe.assign("data.drop=[]").unwrap();
        }
        let report = start(&recipe, &out).unwrap().run(&mut []).unwrap();
        let losses = report.outcome.history.get("loss");
        assert!(losses[3] < losses[0], "{}: {losses:?}", entry.name);
        // Of numbers, the loss says it all.
        assert_eq!(report.classes.is_empty(), numeric);
        assert_eq!(report.test.unwrap().metrics.is_empty(), report.classes.is_empty());
    }
}

#[test]
fn weighted_classes_are_trained_and_plain_ones_are_validated() {
    let folder = Folder::new("class-weights");
    let mut recipe = small(&folder);
    recipe.assign("data.class_weight='left=0'").unwrap();
    recipe.assign("train.epochs=60").unwrap();
    let report = start(&recipe, &folder.file("out")).unwrap().run(&mut []).unwrap();
    // Only `right` counts in training, so the loss comes near 0 there, and nowhere else.
    let last = |column: &str| *report.outcome.history.get(column).last().unwrap();
    assert!(last("loss") < 0.2 && last("val_loss") > 1.0, "{} and {}", last("loss"), last("val_loss"));
}

/// A layer that no table has: x + 1.
#[derive(Debug)]
struct PlusOne;

impl Layer for PlusOne {
    fn kind(&self) -> &'static str {
        "plus_one"
    }
    fn build(&self, build: &mut schuss::build::Build, x: schuss::graph::Value) -> schuss::Result<schuss::graph::Value> {
        let one = build.graph.constant(1.0)?;
        build.graph.add(x, one)
    }
}

#[test]
fn a_layer_of_ones_own_is_saved_and_loaded_with_a_table_that_has_it() {
    let folder = Folder::new("own-layer");
    let path = folder.file("model.safetensors");
    let data = Dataset::classes([0.0, 1.0, 2.0, 3.0], &[1], [0, 0, 1, 1], 2).unwrap();
    let layers = Sequential::new(&[1]).add(PlusOne).add(schuss::layers::Dense::new(2).activation("softmax"));
    let mut model = Model::new(layers).compile("sgd", "sparse_categorical_crossentropy", &["accuracy"]).unwrap();
    assert_eq!(model.predict(&data).unwrap_err().code(), "not-fitted");
    model.fit(&data, FitOptions::default()).unwrap();
    model.save(&path).unwrap();
    assert_eq!(Model::load(&path).err().unwrap().code(), "unknown-name");
    let mut tables = Tables::default();
    let page = Page { summary: "x + 1", equation: "", source: "", differs: "" };
    let make = |_: &schuss::registry::Settings| Ok(std::sync::Arc::new(PlusOne) as AnyLayer);
    tables.layers.add(Entry { name: "plus_one", page, settings: &[], make });
    let mut loaded = Model::load_with(&path, &tables).unwrap();
    assert_eq!(loaded.predict(&data).unwrap(), model.predict(&data).unwrap());
    let wide = Dataset::inputs([1.0, 2.0], &[2]).unwrap();
    assert_eq!(loaded.predict(&wide).unwrap_err().code(), "sample-shape");
    assert_eq!(loaded.evaluate(&Dataset::inputs([1.0], &[1]).unwrap()).unwrap_err().code(), "no-targets");
}

#[test]
fn dialects_and_groups_are_written_down_and_read_again() {
    let group = "optimizer.groups=[{match='bias$', learning_rate=0.5}, {match='o/', name='sgd', dialect='torch'}]";
    let given = recipe(&["optimizer.name=rmsprop", "optimizer.dialect=torch", "optimizer.global_clipnorm=2", group]);
    let text = resolved(&given).unwrap();
    for line in
        ["name = \"rmsprop:torch\"", "rho = 0.99", "global_clipnorm = 2.0", "match = \"bias$\"", "name = \"sgd:torch\""]
    {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    // A group without a name has the optimizer's own settings.
    assert_eq!(text.matches("name = \"rmsprop:torch\"").count(), 2);
    assert!(!text.contains("clipnorm = 0"), "what is as usual is not written");
    assert_eq!(resolved(&Recipe::from_toml(&text).unwrap()).unwrap(), text);
    assert_eq!(resolved(&recipe(&["optimizer=adam:keras"])).unwrap(), resolved(&recipe(&["optimizer=adam"])).unwrap());
}
