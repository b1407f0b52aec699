//! What is refused leaves nothing behind, and says how to go on.

mod folder;

use folder::{Folder, refused};
use std::fs;
use std::process::{Command, Output};

/// The command where no file may be longer than so many blocks of a shell.
#[cfg(unix)]
fn with_short_files(folder: &Folder, blocks: u32, args: &str) -> Output {
    let schuss = folder.command(args);
    let mut shell = Command::new("sh");
    let exec = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
    shell.arg("-c").arg(exec).arg(schuss.get_program()).args(schuss.get_args());
    shell.current_dir(&folder.0).env("HOME", &folder.0).env_remove("SCHUSS_DATA_DIR").output().unwrap()
}

#[test]
fn a_run_that_can_not_start_makes_no_folder() {
    let folder = Folder::new("no-start");
    let rows: String = (0..40).map(|i| format!("{i},{}.5\n", i * 7 % 40)).collect();
    folder.write("numbers.csv", format!("x,y\n{rows}"));
    for (args, code) in [
        ("--set train.monitor=foo", "unknown-monitor"),
        ("--patience 3", "patience-without-validation"),
        ("--set train.reduce_on_plateau.patience=0", "plateau-without-validation"),
        ("--set train.reduce_on_plateau.monitor=foo", "unknown-monitor"),
        ("--data numbers.csv --loss mse --set data.sampling=balanced", "sampling-without-classes"),
    ] {
        refused(&folder, &format!("train {args} --epochs 1 --out run"), 2, code);
        assert!(!folder.0.join("run").exists(), "{args}");
    }
    folder.text("train --epochs 1 --out run");
}

#[cfg(unix)]
#[test]
fn what_can_not_be_written_is_told_and_the_run_goes_on_later() {
    let folder = Folder::new("short-files");
    fs::create_dir(folder.0.join("mine")).unwrap();
    for out in ["run", "mine"] {
        let output = with_short_files(&folder, 0, &format!("train --epochs 1 --out {out}"));
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && errors.ends_with("[write-failed]\n"), "{errors}");
        let left = fs::read_dir(folder.0.join(out)).map(|entries| entries.count()).ok();
        assert_eq!(left, (out == "mine").then_some(0), "nothing is left of {out} but what was there");
    }
    // The recipe fits, a snapshot does not.
    let output = with_short_files(&folder, 20, "train --epochs 1 --out run");
    let errors = String::from_utf8(output.stderr).unwrap();
    let last = errors.lines().last().unwrap_or_default();
    assert!(output.status.code() == Some(1) && last.contains("last.safetensors: can't be written"), "{errors}");
    assert!(last.contains("go on with: schuss train --resume run"), "{errors}");
    folder.text("train --resume run");
    assert!(folder.0.join("run/model.safetensors").exists());
}

#[test]
fn what_is_said_twice_is_refused() {
    let folder = Folder::new("twice");
    folder.write("g.csv", "1,2\n");
    for (args, both) in [
        ("train --optimizer sgd --set optimizer.name=adam", ["--optimizer sgd", "--set optimizer.name=adam"]),
        ("train --epochs 2 --set train.epochs=0", ["--epochs 2", "--set train.epochs=0"]),
        ("train --set train.seed=1 --set train.seed=2", ["--set train.seed=1", "--set train.seed=2"]),
        ("train --set model=mlp --set model.name=lenet5", ["--set model=mlp", "--set model.name=lenet5"]),
        (
            "trace --optimizer adam --start 1,2 --gradients g.csv --set beta_1=0 --set beta_1=0",
            ["beta_1=0", "beta_1=0"],
        ),
        ("train --class-weight 0=1,0=2", ["1", "2"]),
        ("trace --optimizer adam --start 1,2 --gradients g.csv --steps 5", ["--gradients", "--steps"]),
    ] {
        let output = folder.run(args);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && errors.lines().count() == 1, "{args}: {errors}");
        assert!(both.iter().all(|said| errors.contains(said)), "{args}: {errors}");
    }
    assert!(!folder.0.join("runs").exists());
    // A thing as a whole comes before its settings, in whatever order they are said.
    folder.text("train --learning-rate 0.5 --set optimizer=sgd --epochs 1 --out run");
    let recipe = String::from_utf8(folder.read("run/recipe.toml")).unwrap();
    assert!(recipe.contains("name = \"sgd\"") && recipe.contains("learning_rate = 0.5"), "{recipe}");
}

#[test]
fn numbers_are_no_classes_unless_a_loss_says_so() {
    let folder = Folder::new("numbers");
    let table = |y: &dyn Fn(u32) -> String| {
        let rows: String = (0..120).map(|i| format!("{i},{}\n", y(i))).collect();
        format!("x,y\n{rows}")
    };
    folder.write("fractions.csv", table(&|i| format!("{}.5", i * 7 % 120)));
    folder.write("many.csv", table(&|i| (i * i).to_string()));
    for data in ["fractions.csv", "many.csv"] {
        refused(&folder, &format!("train --data {data} --validation 0.1 --out run"), 2, "classes-of-numbers");
    }
    assert!(!folder.0.join("run").exists());
    folder.text("summary mlp --data fractions.csv --set data.test=0");
    let classes = "--loss sparse_categorical_crossentropy --set data.test=0";
    folder.text(&format!("train --data fractions.csv {classes} --epochs 1 --out classes"));
    folder.text("train --data fractions.csv --loss mse --epochs 1 --out numbers");
    // Half of the rows are of two classes; digits that begin with 0 are a name.
    folder.write("few.csv", table(&|i| if i < 60 { i % 2 } else { i }.to_string()));
    folder.write("codes.csv", table(&|i| format!("{i:05}")));
    for (i, data) in ["few.csv", "codes.csv"].into_iter().enumerate() {
        folder.text(&format!("train --data {data} --set data.test=0 --epochs 1 --out ok{i}"));
    }
}

#[test]
fn a_model_that_gives_no_probabilities_is_not_trained_for_them() {
    let folder = Folder::new("end");
    let layers = "{kind='flatten'},{kind='dense',units=10}";
    folder.write("linear.toml", format!("model = {{layers = [{layers}]}}\n[train]\nepochs = 1\n"));
    refused(&folder, "train linear.toml --out run", 2, "not-probabilities");
    assert!(!folder.0.join("run").exists());
    folder.text("train linear.toml --set loss.from_logits=true --out run");
    folder.text("evaluate run/model.safetensors --data digits");
}

#[test]
fn a_recipe_s_errors_name_its_file_and_those_of_flags_do_not() {
    let folder = Folder::new("recipe-file");
    folder.write("bad.toml", "[data]\nfoo = 1\n");
    folder.write("good.toml", "[train]\nepochs = 1\n");
    let error = |args: &str| String::from_utf8(folder.run(args).stderr).unwrap();
    for command in ["train", "summary", "data show --out a.png"] {
        let found = error(&format!("{command} bad.toml"));
        assert!(found.starts_with("error: bad.toml: data: no setting `foo`"), "{found}");
    }
    let found = error("train good.toml --set data.foo=1");
    assert!(found.starts_with("error: data: no setting"), "{found}");
    #[cfg(unix)]
    refused(&folder, "train /dev/zero", 1, "file-too-long");
    #[cfg(unix)]
    refused(&folder, "trace --optimizer adam --start 1,2 --gradients /dev/zero", 1, "file-too-long");
}

#[test]
fn a_run_goes_on_with_other_threads_and_with_nothing_else() {
    let folder = Folder::new("resume-with");
    folder.text("train --epochs 1 --out run");
    let whole = folder.read("run/model.safetensors");
    fs::remove_file(folder.0.join("run/model.safetensors")).unwrap();
    folder.text("train --resume run --threads 1");
    folder.text("train --resume run --set train.snapshot_seconds=5 --set train.threads=2");
    assert!(folder.read("run/model.safetensors") == whole);
    for other in ["--seed 1", "--set train.epochs=3"] {
        let errors = String::from_utf8(folder.run(&format!("train --resume run {other} --threads 1")).stderr).unwrap();
        assert!(errors.contains(&format!("`{other}` can't be given")) && errors.contains("train.threads"), "{errors}");
    }
}

#[test]
fn a_model_that_has_no_room_is_refused_before_pictures_are_decoded_for_it() {
    let folder = Folder::new("no-room");
    for class in ["a", "b"] {
        fs::create_dir_all(folder.0.join("pets").join(class)).unwrap();
        // What is behind the first bytes is looked at later.
        folder.write(&format!("pets/{class}/1.png"), b"\x89PNG\r\n\x1a\n");
    }
    let wide = "--set model.units=[8388608]";
    refused(&folder, &format!("train --data pets --set data.image_size=[16384,16384] {wide}"), 2, "too-large");
    refused(&folder, "train --data pets --set data.image_size=[8,8]", 1, "picture-damaged");
}

#[test]
fn an_empty_variable_is_none() {
    let folder = Folder::new("variable");
    let output = folder.command("--version").env("SCHUSS_ISA", "").output().unwrap();
    assert!(output.status.success());
}
