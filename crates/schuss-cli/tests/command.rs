//! The command as users run it: from data to a model and back, killed and resumed, and every kind of wrong input.

mod folder;

use folder::{Folder, refused};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn event<'a>(events: &'a [Value], name: &str) -> &'a Value {
    events.iter().find(|e| e["event"] == name).unwrap_or_else(|| panic!("no event {name} among {events:?}"))
}

#[test]
fn alone_it_trains_the_digits_and_says_what_to_type_next() {
    let folder = Folder::new("alone");
    for _ in 0..2 {
        let output = folder.run("");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success() && text.contains("next:") && text.contains("test"), "{text}");
    }
    let runs: Vec<_> = fs::read_dir(folder.0.join("runs")).unwrap().collect();
    assert_eq!(runs.len(), 2, "each run has a folder of its own");
}

#[test]
fn from_data_to_a_model_and_back() {
    let folder = Folder::new("round");
    let events = folder.events("train --epochs 12 --seed 3 --out a --json");
    let epochs: Vec<_> = events.iter().filter(|e| e["event"] == "epoch").collect();
    assert_eq!(epochs.len(), 12);
    assert!(epochs[0]["loss"].as_f64() > epochs[11]["loss"].as_f64());
    let end = events.last().unwrap();
    assert!(end["event"] == "end" && end["test_accuracy"].as_f64().unwrap() > 0.93, "{end}");
    assert!(end["samples_per_second"].as_f64().unwrap() > 0.0 && end["out"] == "a");
    for file in ["recipe.toml", "data.json", "history.csv", "model.safetensors"] {
        assert!(!folder.read(&format!("a/{file}")).is_empty());
    }
    let table = folder.text("evaluate a/model.safetensors --data digits");
    assert!(table.contains("precision") && table.contains("support"), "{table}");
    let lines = folder.text("predict a/model.safetensors digits");
    assert_eq!(lines.lines().next(), Some("class,0,1,2,3,4,5,6,7,8,9"));
    assert_eq!(lines.lines().count(), 1798);
    let row: Vec<f64> = lines.lines().nth(1).unwrap().split(',').map(|x| x.parse().unwrap()).collect();
    assert!((row[1..].iter().sum::<f64>() - 1.0).abs() < 1e-5);

    // The same seed gives the same file, whatever the threads; a written recipe gives the same run.
    folder.text("train --epochs 12 --seed 3 --out b --threads 3 --json");
    assert!(folder.read("a/model.safetensors") == folder.read("b/model.safetensors"));
    folder.text("train a/recipe.toml --out c --json");
    assert!(folder.read("a/model.safetensors") == folder.read("c/model.safetensors"));
    folder.text("train --epochs 12 --seed 4 --out d --json");
    assert!(folder.read("a/model.safetensors") != folder.read("d/model.safetensors"));

    // Weights of another run, and parameters that stay as they are.
    folder.text("train --epochs 1 --weights a/model.safetensors --freeze dense/.* --learning-rate 0.01 --out e --json");
    assert!(folder.read("a/model.safetensors") != folder.read("e/model.safetensors"));
}

#[test]
fn the_best_weights_come_back() {
    let folder = Folder::new("best");
    let events = folder.events("train --validation 0.2 --patience 3 --epochs 200 --learning-rate 0.02 --out a --json");
    let epochs: Vec<&Value> = events.iter().filter(|e| e["event"] == "epoch").collect();
    assert!(epochs.len() < 200, "it stopped early");
    assert!(epochs.iter().all(|e| e["val_loss"].is_number() && e["val_accuracy"].is_number()));
}

#[test]
fn a_killed_run_ends_as_one_never_killed() {
    let folder = Folder::new("kill");
    let train = "train --epochs 60 --seed 5 --set train.snapshot_seconds=0.05 --json --out";
    folder.text(&format!("{train} whole"));
    let (model, history) = (folder.read("whole/model.safetensors"), folder.history("whole"));
    let mut middle = 0;
    for (i, wait) in [5u64, 60, 150, 250, 400, 550].into_iter().enumerate() {
        let out = format!("killed-{i}");
        let mut child =
            folder.command(&format!("{train} {out}")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Before the folder has its recipe there is nothing to resume.
        let start = Instant::now();
        while !folder.0.join(&out).join("recipe.toml").exists() && start.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(wait));
        let _ = child.kill();
        child.wait().unwrap();
        let events = folder.events(&format!("train --resume {out} --json"));
        assert_eq!(events.last().unwrap()["event"], "end");
        if let Some(resume) = events.iter().find(|e| e["event"] == "resume") {
            middle += u32::from(resume["step"].as_u64().unwrap() > 0);
        }
        assert!(folder.read(&format!("{out}/model.safetensors")) == model, "killed after {wait} ms");
        assert_eq!(folder.history(&out), history);
    }
    println!("{middle} of 6 went on in the middle of an epoch");
    // After the end, resuming tells the end again and changes nothing.
    let events = folder.events("train --resume whole --json");
    event(&events, "end");
    assert!(folder.read("whole/model.safetensors") == model);
}

/// As a scheduler of jobs ends a process.
#[cfg(unix)]
#[test]
fn a_run_that_is_asked_to_end_keeps_what_it_learned() {
    let folder = Folder::new("term");
    let train = "train --epochs 60 --seed 5 --set train.snapshot_seconds=1000 --json --out";
    folder.text(&format!("{train} whole"));
    let mut command = folder.command(&format!("{train} ended"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(events.any(|line| line.unwrap().contains("\"epoch\":2,")));
    let killed = Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status().unwrap();
    assert!(killed.success());
    events.for_each(drop);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(143) && text.contains("--resume ended"), "{:?} {text}", output.status);
    let events = folder.events("train --resume ended --json");
    assert!(event(&events, "resume")["epoch"].as_u64().unwrap() > 1, "{events:?}");
    assert!(folder.read("ended/model.safetensors") == folder.read("whole/model.safetensors"));
}

#[test]
fn changed_data_are_refused_when_resuming() {
    let folder = Folder::new("changed");
    let table = |n: usize| {
        let row = |i: usize| format!("{},{},{}\n", i % 7, (i * i) % 5, if i.is_multiple_of(2) { "yes" } else { "no" });
        format!("a,b,answer\n{}", (0..n).map(row).collect::<String>())
    };
    folder.write("t.csv", table(60));
    folder.text("train --data t.csv --epochs 2 --out a --json");
    folder.write("t.csv", table(61));
    let output = folder.run("train --resume a --json");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && text.contains("[") && text.contains("t.csv"), "{text}");
    // A model of a table needs its columns, in any order.
    folder.write("new.csv", "b,a\n1,2\n3,4\n");
    assert_eq!(folder.text("predict a/model.safetensors new.csv").lines().count(), 3);
}

#[test]
fn numbers_are_learnt_too() {
    let folder = Folder::new("numbers");
    let row = |i: usize| format!("{},{},{}\n", i % 11, i % 7, 2 * (i % 11) + 3 * (i % 7));
    folder.write("t.csv", format!("a,b,y\n{}", (0..400).map(row).collect::<String>()));
    let events = folder.events("train --data t.csv --target y --loss mse --epochs 60 --batch-size 32 --out a --json");
    assert!(event(&events, "end")["test_loss"].as_f64().unwrap() < 1.0, "{events:?}");
}

#[test]
fn wrong_input_gets_one_line() {
    let folder = Folder::new("wrong");
    folder.write("ragged.csv", "a,b,c\n1,2,x\n1,2\n");
    folder.write("words.csv", "a,b,c\n1,two,x\n3,4,y\n");
    folder.write("broken.toml", "[train\n");
    folder.write("other.safetensors", "no model at all");
    fs::create_dir_all(folder.0.join("idx")).unwrap();
    for (name, bytes) in [
        // Says that it has a million images of 28 × 28.
        ("train-images-idx3-ubyte", &[0, 0, 8, 3, 0, 15, 66, 64, 0, 0, 0, 28, 0, 0, 0, 28, 1, 2][..]),
        ("train-labels-idx1-ubyte", &[0, 0, 8, 1, 0, 0, 0, 2, 1, 0]),
        ("t10k-images-idx3-ubyte", &[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9]),
        ("t10k-labels-idx1-ubyte", &[0, 0, 8, 1, 0, 0, 0, 1, 1]),
    ] {
        folder.write(&format!("idx/{name}"), bytes);
    }
    folder.text("train --epochs 1 --out done --json");
    let whole = folder.read("done/model.safetensors");
    folder.write("cut.safetensors", &whole[..whole.len() / 2]);
    let mut altered = whole.clone();
    altered[20] ^= 1;
    folder.write("altered.safetensors", altered);
    for (args, status, code) in [
        ("train --optimizer adma", 2, "unknown-name"),
        ("train --model mpl", 2, "unknown-name"),
        ("train --loss cros", 2, "unknown-name"),
        ("train --set optimizer.beta_3=0.9", 2, "unknown-setting"),
        ("train --set optimizer.beta_1=1.5", 2, "value-not-allowed"),
        ("train --threads 20000", 2, "value-not-allowed"),
        ("bench --work tiny --threads 20000", 2, "value-not-allowed"),
        ("bench --work tiny --optimizer lbfgs", 2, "several-passes"),
        ("bench --work tiny --set beta_1=0.5", 2, "settings-of-no-optimizer"),
        ("trace --optimizer adam --start 1,1 --surface beale --steps 99999999999", 2, "value-not-allowed"),
        ("train --learning-rate nan", 2, "value-not-allowed"),
        ("train --learning-rate -1", 2, "value-not-allowed"),
        ("train --set model.units=[0]", 2, "value-not-allowed"),
        ("train --epochs 1 --out done", 1, "folder-exists"),
        ("train --schedule cosin", 2, "unknown-name"),
        ("train --schedule cosine(alhpa=0.1)", 2, "unknown-setting"),
        ("train --schedule cosine(warmup=-5)", 2, "value-not-allowed"),
        ("train --schedule noam --out long", 2, "schedule-too-long"),
        ("train --optimizer sgd --schedule one_cycle --out still", 2, "schedule-without-momentum"),
        ("schedule cosin", 2, "unknown-name"),
        ("schedule cosine(decay_steps=11) --steps 10", 2, "schedule-too-long"),
        ("schedule cosine --steps 0", 2, "value-not-allowed"),
        ("schedule cosine --epochs -1", 2, "value-not-allowed"),
        ("schedule cosine --steps 9 --batch-size full", 2, "full-batch-without-data"),
        ("schedule cosine --steps 9 --data digits", 2, "wrong-arguments"),
        ("schedule cosine --steps 9 --plot no/where.svg", 1, "write-failed"),
        ("train --augment flip", 2, "unknown-name"),
        ("train --optimizer adam:flax", 2, "unknown-name"),
        ("train --data nowhere", 1, "no-data"),
        ("explain adma", 2, "unknown-name"),
    ] {
        refused(&folder, args, status, code);
    }
    // Whatever the code: one line, the right exit code, the file's name.
    for (args, name) in [
        ("train --data ragged.csv", "ragged.csv"),
        ("train --data words.csv", "words.csv"),
        ("train --data idx", "train-images"),
        ("train broken.toml", "broken.toml"),
        ("train --data mnist", "mnist"),
        ("train --resume nowhere", "nowhere"),
        ("predict other.safetensors digits", "other.safetensors"),
        ("predict cut.safetensors digits", "cut.safetensors"),
        ("predict altered.safetensors digits", "altered.safetensors"),
        ("predict done/model.safetensors nowhere", "nowhere"),
    ] {
        let output = folder.run(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        assert!(matches!(code, Some(1 | 2)), "schuss {args}: {code:?} {errors}");
        assert!(
            errors.lines().count() == 1 && errors.contains(name) && errors.trim_end().ends_with(']'),
            "schuss {args}: {errors}"
        );
    }
    // Nothing was left behind by what was refused.
    assert!(!folder.0.join("runs").exists(), "a run that is refused leaves no folder");
}

#[test]
fn a_run_that_leaves_the_finite_numbers_stops_there() {
    let folder = Folder::new("finite");
    let output = folder.run("train --optimizer sgd --learning-rate 1e30 --epochs 3 --out a");
    let errors = String::from_utf8_lossy(&output.stderr);
    let line = errors.lines().find(|l| l.starts_with("error:")).unwrap_or_default();
    assert!(output.status.code() == Some(1) && line.contains("epoch 1") && line.contains("step"), "{errors}");
    assert!(!Path::new(&folder.0.join("a/model.safetensors")).exists());
}

#[test]
fn whatever_is_listed_can_be_explained() {
    let folder = Folder::new("list");
    let list = folder.text("list");
    let mut names = 0;
    for line in list.lines().filter(|l| l.starts_with("  ")) {
        let name = line.split_whitespace().next().unwrap();
        assert!(folder.text(&format!("explain {name}")).contains(name));
        names += 1;
    }
    assert!(names > 50, "{names} names");
    assert!(folder.text("summary --plan").contains("phase 1"));
    assert!(folder.text("--help").contains("train") && folder.text("--version").starts_with("schuss "));
    let line = folder.text("bench --work tiny --seconds 0.1 --json");
    let row: Value = serde_json::from_str(line.trim()).unwrap();
    assert!(row["peer"] == "schuss" && row["samples_per_s"].as_f64().unwrap() > 0.0, "{row}");
    let line = folder.text("bench --work tiny --optimizer lion --set beta_1=0.8 --seconds 0.1 --json");
    assert!(line.contains(r#""optimizer":"lion""#), "{line}");
}

#[test]
fn a_schedule_is_shown_drawn_and_followed() {
    let folder = Folder::new("schedule");
    // 1437 digits by 128 are 12 steps an epoch.
    let steps =
        folder.events("schedule one_cycle(warmup='1epoch') --epochs 4 --learning-rate 0.01 --json --plot a.svg");
    assert_eq!(steps.len(), 48);
    let rate = |i: usize| steps[i]["learning_rate"].as_f64().unwrap();
    assert!(rate(0) == 0.0 && steps[12]["epoch"] == 2 && (rate(12) - 0.01 / 25.0).abs() < 1e-15);
    assert!(steps.iter().all(|s| s["momentum"].as_f64().is_some_and(|m| (0.84..0.96).contains(&m))));
    let picture = String::from_utf8(folder.read("a.svg")).unwrap();
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
    assert_eq!(picture.matches("<polyline").count(), 2, "rate and momentum");
    let table = folder.text("schedule cosine --steps 1000 --epochs 10");
    assert!(table.lines().count() == 22 && table.lines().last().unwrap().starts_with("999"), "{table}");

    // Training goes by the rates that are shown: the last one of each epoch is in its history.
    folder.text("train --schedule one_cycle(warmup='1epoch') --epochs 4 --learning-rate 0.01 --out run --json");
    let history = folder.history("run");
    let column = history[0].split(',').position(|c| c == "learning_rate").unwrap();
    for (epoch, row) in history[1..].iter().enumerate() {
        let found: f64 = row.split(',').nth(column).unwrap().parse().unwrap();
        assert_eq!(found, rate(12 * epoch + 11), "epoch {}", epoch + 1);
    }
    let explained = folder.text("explain one_cycle");
    assert!(explained.contains("pct_start") && explained.contains("every schedule takes"), "{explained}");
    assert!(folder.text("list schedule").lines().count() > 14);
}

#[test]
fn a_trace_shows_every_step_of_an_optimizer() {
    let folder = Folder::new("trace");
    folder.write("g.csv", "0.5,-1,0\n\n1e-20, 2 ,1e20\n");
    let text = folder.text(
        "trace --optimizer sgd --set learning_rate=0.5 --set momentum=0.5 --start 1,2,-3 --gradients g.csv --state",
    );
    let rows: Vec<Vec<f64>> = (text.lines())
        .map(|line| line.trim_start_matches("# v ").split(',').map(|x| x.parse().unwrap()).collect())
        .collect();
    let want = [[0.75, 2.5, -3.0], [-0.25, 0.5, 0.0], [0.625, 1.75, -5e19], [-0.125, -0.75, -5e19]];
    assert_eq!(rows, want);
    assert!(text.starts_with("7.5000000000000000e-1,"), "seventeen digits: {text}");
    let events = folder.events(
        "trace --optimizer adam --set use_ema=true --start 1,1,1,1 --shape 2x2 --surface quadratic --steps 3 --json",
    );
    assert_eq!(events.len(), 3);
    assert_eq!(events[2]["step"], 3);
    assert_eq!(events[2]["state"]["m"].as_array().unwrap().len(), 4);
    assert_eq!(events[2]["state"]["evaluated"], events[2]["state"]["average"]);
    let found = folder.text("trace --optimizer lbfgs --start=-1.2,1 --surface rosenbrock --steps 4");
    assert!(found.lines().last().unwrap().starts_with("9.999"), "{found}");
    let single = folder.text("trace --optimizer adam --start 1,-1 --surface rosenbrock --steps 5 --precision f32");
    let double = folder.text("trace --optimizer adam --start 1,-1 --surface rosenbrock --steps 5");
    assert_ne!(single, double);
    let last = |text: &str| text.lines().last().unwrap().split(',').next().unwrap().parse::<f64>().unwrap();
    assert!((last(&single) - last(&double)).abs() < 1e-6);
    folder.write("short.csv", "1,2,3\n1,2\n");
    folder.write("bad.csv", "1,2,x\n");
    folder.write("empty.csv", "\n");
    for (args, code) in [
        ("--optimizer sgd --start 1,2,3 --gradients short.csv", "wrong-count"),
        ("--optimizer sgd --start 1,2,3 --gradients bad.csv", "not-a-number"),
        ("--optimizer sgd --start 1,2,3 --gradients empty.csv", "no-gradients"),
        ("--optimizer sgd --start 1,2,3 --gradients none.csv", "file-unreadable"),
        ("--optimizer sgd --start 1,2,3", "wrong-arguments"),
        ("--optimizer lbfgs --start 1,2,3 --gradients g.csv", "needs-a-function"),
        ("--optimizer sgd --set sam_rho=0.05 --start 1,2,3 --gradients g.csv", "needs-a-function"),
        ("--optimizer sgd --start 1,2,3 --surface beale", "wrong-count"),
        ("--optimizer sgd --start 1,2 --surface rosenbrok", "unknown-name"),
        ("--optimizer sdg --start 1,2 --surface beale", "unknown-name"),
        ("--optimizer sgd --start 1,nan --surface beale", "not-a-number"),
        ("--optimizer sgd --start 1,2 --shape 3x1 --surface beale", "value-not-allowed"),
        ("--optimizer sgd --start 1,2 --surface beale --precision f16", "value-not-allowed"),
        ("--optimizer sgd --start 9,9 --surface rosenbrock", "not-finite"),
    ] {
        let output = folder.run(&format!("trace {args}"));
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && errors.trim_end().ends_with(&format!("[{code}]")), "{args}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{args}: {errors}");
    }
}

#[test]
fn an_optimizer_is_said_in_other_words_and_proved() {
    let folder = Folder::new("port");
    let run = |args: &[&str]| {
        let output = folder.command("port").args(args).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap(), output.status.code())
    };
    let (text, _, code) = run(&["--from", "keras", "--to", "torch", "SGD(0.1, momentum=0.9)"]);
    assert_eq!(code, Some(0));
    assert!(text.starts_with("SGD(lr=0.1, momentum=0.9)\nequal: "), "{text}");
    assert!(text.contains("equal at a constant rate only"), "{text}");
    let (text, ..) = run(&["--from", "torch", "--to", "keras", "AdamW(lr=3e-4, weight_decay=0.05)"]);
    assert!(text.starts_with("AdamW(learning_rate=0.0003, weight_decay=0.05, epsilon=1e-8)\nnone is equal"), "{text}");
    let (text, ..) = run(&["--from", "torch", "--to", "keras", "AdamW(lr=3e-4)", "--json"]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["equal"], false);
    assert!(answer["difference"].as_f64().is_some_and(|x| x > 1e-12 && x < answer["way"].as_f64().unwrap()), "{text}");
    let (text, ..) = run(&["--from", "keras", "--to", "torch", "Lion()"]);
    assert!(text.starts_with("none is equal, nor near\n"), "{text}");
    for (args, name) in [
        (["--from", "kreas", "--to", "torch", "Adam()"], "unknown-name"),
        (["--from", "keras", "--to", "torch", "Adam(0.1"], "bad-call"),
        (["--from", "keras", "--to", "torch", "Adam(lr=0.1)"], "unknown-argument"),
    ] {
        let (_, errors, code) = run(&args);
        assert_eq!((errors.lines().count(), code), (1, Some(2)), "{errors}");
        assert!(errors.trim_end().ends_with(&format!("[{name}]")), "{errors}");
    }
}

#[test]
fn a_rate_that_means_something_else_elsewhere_is_told_once() {
    let folder = Folder::new("caution");
    for (args, told) in [
        ("--optimizer adadelta", true),
        ("--optimizer rmsprop --learning-rate 0.05", true),
        ("--optimizer adadelta:torch", false),
        ("--optimizer rmsprop", false),
    ] {
        let output = folder.run(&format!("train {args} --epochs 1"));
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(errors.matches("warning: ").count(), usize::from(told), "{args}: {errors}");
    }
}

/// A file of `testdata/pictures.json`.
fn picture(name: &str) -> Vec<u8> {
    let file: Value = serde_json::from_str(include_str!("../../../testdata/pictures.json")).unwrap();
    let case = file["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap();
    let hex = case["file"].as_str().unwrap().as_bytes();
    hex.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn pictures_are_trained_on_shown_and_predicted_by_name() {
    let folder = Folder::new("pictures");
    for (class, kind) in [("cat", "png rgb"), ("dog", "jpeg progressive")] {
        fs::create_dir_all(folder.0.join("pets").join(class)).unwrap();
        (0..6).for_each(|i| folder.write(&format!("pets/{class}/{i}"), picture(kind)));
    }
    folder.write("pets/cat/notes.txt", "no picture");
    let data = "--data pets --set data.image_size=[8,9] --augment random_flip,random_crop(padding=1)";
    let output = folder.run(&format!(
        "train {data} --epochs 2 --set train.flip_averaging=true --set train.shift_averaging=1 --out run"
    ));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && told.contains("passed over: 1 of other formats"), "{told}");
    assert!(String::from_utf8_lossy(&folder.read("run/recipe.toml")).contains("padding=1"));

    let text = folder.text("predict run/model.safetensors pets/dog/0 pets");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines.len()), ("file,class,cat,dog", 14));
    assert!(lines[1].starts_with("pets/dog/0,") && lines[2].starts_with("pets/cat/0,"), "{text}");
    let objects = folder.events("predict run/model.safetensors pets/dog --json --flip-averaging");
    assert_eq!((objects.len(), objects[0]["file"].as_str()), (6, Some("0")));
    let scores = &folder.events("evaluate run/model.safetensors --data pets --json --flip-averaging")[0];
    assert_eq!(scores["samples"], 12);
    assert!(scores["accuracy"].as_f64().is_some() && scores["loss"].as_f64().is_some_and(f64::is_finite));

    // Views have shares of the outputs for them alone: half for the picture, a quarter each for it moved.
    let of = |options: &str| -> Vec<f64> {
        let objects = folder.events(&format!("predict run/model.safetensors pets --json {options}"));
        objects.iter().map(|o| o["probabilities"]["cat"].as_f64().unwrap()).collect()
    };
    let (alone, moved) = (of(""), of("--shift-averaging 2"));
    assert!(alone != moved && of("--shift-averaging 2 --flip-averaging") != moved);
    assert_eq!(of("--shift-averaging 0"), alone);
    refused(&folder, "predict run/model.safetensors pets/dog --shift-averaging 8", 2, "shift-too-large");
    refused(&folder, "train --data digits --set train.shift_averaging=8 --out no", 2, "shift-too-large");
    folder.write("t.csv", "a,b\n1,x\n2,y\n3,x\n4,y\n");
    refused(&folder, "train --data t.csv --set train.flip_averaging=true --out no", 2, "not-pictures");
    assert!(!folder.0.join("no").exists(), "what can't be tested is not trained");

    let text = folder.text(&format!("data show {data} --samples 3 --columns 2 --out sheet.png"));
    assert!(text.starts_with("sheet.png: 3 samples"), "{text}");
    assert!(folder.read("sheet.png").starts_with(b"\x89PNG\r\n\x1a\n"));
    refused(&folder, "data show --data pets --augment random_flip --out no/where.png", 1, "write-failed");
    refused(&folder, "train --data pets --sampling even", 2, "wrong-arguments");
    refused(&folder, "train --data pets --set data.sampling=even", 2, "value-not-allowed");
    refused(&folder, "train --augment random_saturation --out grey", 2, "not-colour");
}
