//! What trained models say of data, and what is not to be asked of them.

mod folder;

use folder::{Folder, refused};
use serde_json::Value;
use std::fs;

/// A table of two classes, `c0` and `c1`, by the sign of a sum.
fn two_classes() -> String {
    let row = |i: usize| {
        let (a, b) = ((i * 37 % 101) as f64 / 50.0 - 1.0, (i * 53 % 97) as f64 / 48.0 - 1.0);
        format!("{a},{b},{}\n", if a + 0.4 * b > 0.3 { "c1" } else { "c0" })
    };
    format!("a,b,kind\n{}", (0..60).map(row).collect::<String>())
}

/// Layers that end in so many numbers, of any size.
fn layers(units: usize) -> String {
    format!("model={{layers=[{{kind='dense',units=4,activation='tanh'}},{{kind='dense',units={units}}}]}}")
}

fn train_on_table(folder: &Folder, loss: &str, units: usize, out: &str) {
    let (data, layers) = ("train --data t.csv --epochs 20 --learning-rate 0.05 --set data.test=0", layers(units));
    let accuracies = "metrics=['accuracy','binary_accuracy(threshold=0)']";
    let metrics = if units == 1 { accuracies } else { "metrics=['accuracy']" };
    folder.text(&format!("{data} --loss {loss} --out {out} --set {layers} --set {metrics} --json"));
}

#[test]
fn a_single_output_without_a_sigmoid_means_its_class_from_above_0() {
    let folder = Folder::new("single");
    folder.write("t.csv", two_classes());
    for (out, loss, key) in [
        ("logits", "binary_crossentropy(from_logits=true)", "probabilities"),
        ("margins", "hinge", "scores"),
        ("squares", "squared_hinge", "scores"),
    ] {
        train_on_table(&folder, loss, 1, out);
        let scores = &folder.events(&format!("evaluate {out}/model.safetensors --data t.csv --json"))[0];
        let right: f64 = (scores["classes"].as_array().unwrap().iter())
            .map(|c| c["recall"].as_f64().unwrap() * c["support"].as_f64().unwrap())
            .sum();
        // Asked for by name, and as every table is counted.
        assert_eq!(scores["accuracy"], scores["binary_accuracy"], "{loss}");
        assert!((scores["accuracy"].as_f64().unwrap() - right / 60.0).abs() < 1e-9, "{loss}: {scores}");
        let threshold = if key == "probabilities" { 0.5 } else { 0.0 };
        let answers = folder.events(&format!("predict {out}/model.safetensors t.csv --json"));
        let number = |answer: &Value| answer[key]["c1"].as_f64().unwrap();
        assert!(answers.iter().all(|a| (number(a) > threshold) == (a["class"] == "c1")), "{loss}");
        assert!(answers.iter().any(|a| a["class"] == "c0") && answers.iter().any(|a| a["class"] == "c1"), "{loss}");
        let head = folder.text(&format!("predict {out}/model.safetensors t.csv"));
        let wanted = if key == "probabilities" { "class,c1" } else { "class,score_c1" };
        assert_eq!(head.lines().next(), Some(wanted), "{loss}");
    }
}

#[test]
fn logits_of_several_classes_are_shown_as_probabilities() {
    let folder = Folder::new("softmax");
    folder.write("t.csv", two_classes());
    train_on_table(&folder, "sparse_categorical_crossentropy(from_logits=true)", 2, "run");
    for answer in folder.events("predict run/model.safetensors t.csv --json") {
        let [c0, c1] = ["c0", "c1"].map(|c| answer["probabilities"][c].as_f64().unwrap());
        assert!((c0 + c1 - 1.0).abs() < 1e-6 && c0 > 0.0 && (c1 > c0) == (answer["class"] == "c1"), "{answer}");
    }
    // A model by name leaves its softmax out by itself.
    folder
        .text("train --epochs 1 --loss sparse_categorical_crossentropy --set loss.from_logits=true --out named --json");
}

#[test]
fn several_files_are_told_apart_and_answered_all_or_none() {
    let folder = Folder::new("several");
    folder.write("t.csv", two_classes());
    folder.write("u.csv", "a,b\n0.5,0.5\n");
    folder.write("words.csv", "a,b\n0.5,x\n");
    train_on_table(&folder, "hinge", 1, "run");
    refused(&folder, "predict run/model.safetensors t.csv nowhere.csv", 1, "no-data");
    let output = folder.run("predict run/model.safetensors t.csv words.csv");
    assert!(!output.status.success() && output.stdout.is_empty());
    let text = folder.text("predict run/model.safetensors t.csv u.csv");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines.len()), ("file,class,score_c1", 62));
    assert!(lines[60].starts_with("t.csv,c") && lines[61].starts_with("u.csv,c"), "{text}");
    let answers = folder.events("predict run/model.safetensors u.csv t.csv --json");
    assert_eq!((answers[0]["file"].as_str(), answers[1]["file"].as_str()), (Some("u.csv"), Some("t.csv")));
    // Of one file nothing is to be told.
    assert!(folder.text("predict run/model.safetensors u.csv").starts_with("class,score_c1\n"));
}

#[test]
fn pictures_are_no_digits_of_the_program() {
    let folder = Folder::new("sixteen");
    folder.text("train --epochs 1 --out run --json");
    let text = folder.text("data show --samples 1 --columns 1 --out a.png");
    assert!(text.starts_with("a.png: 1 samples"));
    refused(&folder, "predict run/model.safetensors a.png", 2, "other-pixels");
    let idx = |kind: u8, sizes: &[u8]| {
        [&[0, 0, 8, kind][..], &sizes.iter().flat_map(|&n| [0, 0, 0, n]).collect::<Vec<_>>()].concat()
    };
    folder.write("images-idx3-ubyte", [idx(3, &[1, 8, 8]), vec![200; 64]].concat());
    refused(&folder, "predict run/model.safetensors images-idx3-ubyte", 2, "other-pixels");
    folder.text("evaluate run/model.safetensors --data digits");
}

#[test]
fn the_events_of_a_run_say_which_epochs_were_the_best_and_where_the_model_is() {
    let folder = Folder::new("events");
    let train = "train --validation 0.2 --patience 1 --epochs 60 --learning-rate 0.03 --seed 2 --json --out run";
    let events = folder.events(train);
    let mut best = events.iter().filter(|e| e["best"] == true).filter_map(|e| e["epoch"].as_u64());
    let end = events.last().unwrap();
    assert_eq!(best.next_back(), end["kept_epoch"].as_u64(), "{end}");
    assert!(events.iter().any(|e| e["best"] == false) && end["stopped_early"] == true, "{end}");
    assert_eq!(
        end["model"].as_str().map(str::to_owned),
        Some(format!("run{}model.safetensors", std::path::MAIN_SEPARATOR))
    );
}

#[test]
fn the_names_of_classes_do_not_steer_the_terminal() {
    let folder = Folder::new("names");
    let rows = two_classes().replace("c1", "\u{1b}[31mred").replace("c0", "\"two\nlines\"");
    folder.write("t.csv", rows);
    train_on_table(&folder, "hinge", 1, "run");
    let table = folder.text("evaluate run/model.safetensors --data t.csv");
    assert!(!table.contains('\u{1b}') && table.contains("\\u{1b}[31mred") && table.contains("two\\nlines"), "{table}");
    folder.write("u.csv", "a,b,kind\n1,2,\u{1b}[32mgreen\n");
    let output = folder.run("evaluate run/model.safetensors --data u.csv");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.lines().count() == 1 && !errors.contains('\u{1b}') && errors.contains("[unknown-class]"),
        "{errors}"
    );
}

#[test]
fn a_picture_is_written_to_a_file_of_its_kind_only() {
    for (command, ending, other) in
        [("schedule cosine --steps 9 --plot", "svg", "png"), ("data show --samples 1 --columns 1 --out", "png", "svg")]
    {
        let folder = Folder::new(&format!("kind-{ending}"));
        for bad in [format!("a.{other}"), "a.jpg".into(), "a".into()] {
            refused(&folder, &format!("{command} {bad}"), 2, "picture-ending");
            assert!(!folder.0.join(bad).exists());
        }
        let file = format!("a.{ending}");
        folder.write(&file, "what I wrote yesterday");
        refused(&folder, &format!("{command} {file}"), 1, "file-exists");
        assert_eq!(folder.read(&file), b"what I wrote yesterday");
        fs::remove_file(folder.0.join(&file)).unwrap();
        folder.text(&format!("{command} {file}"));
        let first = folder.read(&file);
        folder.text(&format!("{command} {file}"));
        assert_eq!(folder.read(&file), first, "a picture of its kind is replaced");
    }
    let folder = Folder::new("kind-none");
    folder.write("t.csv", two_classes());
    let output = folder.run("data show --data t.csv --out b.png");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.starts_with("error: t.csv: ") && errors.contains("[not-pictures]"), "{errors}");
}

#[test]
fn what_is_no_model_is_told_by_its_file() {
    let folder = Folder::new("none");
    folder.text("train --epochs 1 --out run --json");
    folder.write("k.keras", "PK");
    for (args, code, names) in [
        ("summary k.keras", "no-model", "k.keras"),
        ("evaluate run/checkpoints/last.safetensors --data digits", "snapshot-no-model", "last.safetensors"),
        ("train --weights run/checkpoints/last.safetensors --out no", "snapshot-no-model", "last.safetensors"),
    ] {
        refused(&folder, args, 1, code);
        let errors = String::from_utf8(folder.run(args).stderr).unwrap();
        assert!(errors.contains(names), "{errors}");
    }
    folder.write("empty.csv", "");
    let output = folder.run("trace --optimizer sgd --start 1 --gradients empty.csv");
    assert!(String::from_utf8(output.stderr).unwrap().contains("it must have a row for each step"));
    refused(&folder, "train --loss binary_crossentropy(from_logit=true) --out no", 2, "unknown-setting");
    assert!(!folder.0.join("no").exists());
}
