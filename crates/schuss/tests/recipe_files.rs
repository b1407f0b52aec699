//! The files in recipes/: each can be run, is what its head says, and reaches what it promises.

use schuss::recipe::{Recipe, Tables, Training};
use schuss::schedules::Span;
use schuss::target::TargetKind;
use std::path::{Path, PathBuf};

fn files(start: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let mut files: Vec<_> = folder.read_dir().expect("recipes/").map(|f| f.expect("an entry").path()).collect();
    files.retain(|f| f.file_name().expect("a file").to_string_lossy().starts_with(start));
    files.sort();
    files
}

/// The number behind these words.
fn number(text: &str, words: &str) -> f64 {
    let number = text.split(words).nth(1).and_then(|rest| rest.split([' ', ',']).next());
    number.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no number behind `{words}`"))
}

#[test]
fn every_recipe_of_the_digits_reaches_what_it_promises() {
    let out = std::env::temp_dir().join(format!("schuss-recipe-files-{}", std::process::id()));
    let mut optimizers = Vec::new();
    for (i, file) in files("digits").iter().enumerate() {
        let text = std::fs::read_to_string(file).unwrap();
        let promised = number(&text, "accuracy of at least ");
        let mut recipe = Recipe::from_toml(&text).unwrap();
        recipe.set("train.threads", 1i64).unwrap();
        recipe.set("train.seed", 1 + i as i64).unwrap();
        optimizers.push(recipe.resolve(&Tables::default()).unwrap().optimizer.name);
        let training = Training::start(&recipe, Some(&out.join(i.to_string())), &Tables::default()).unwrap();
        let report = training.run(&mut []).unwrap();
        let scores = report.test.expect("the digits keep a test part");
        let accuracy = scores.metrics.iter().find(|m| m.0 == "accuracy").unwrap().1;
        assert!(accuracy >= promised, "{}: {accuracy} is below {promised}", file.display());
    }
    std::fs::remove_dir_all(&out).unwrap();
    optimizers.sort_unstable();
    let nine = ["adadelta", "adagrad", "adam", "gradient_descent", "momentum", "nadam", "nag", "rmsprop", "sgd"];
    assert_eq!(optimizers, nine);
}

#[test]
fn the_quadratic_ends_where_deepobs_ends() {
    let out = std::env::temp_dir().join(format!("schuss-recipe-files-quadratic-{}", std::process::id()));
    let files = files("quadratic_deep");
    assert_eq!(files.len(), 3);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let (mean, deviation) = (number(&text, "test loss of "), number(&text, " ± "));
        let losses: Vec<f64> = (42..47i64)
            .map(|seed| {
                let mut recipe = Recipe::from_toml(&text).unwrap();
                recipe.set("train.threads", 1i64).unwrap();
                recipe.set("train.seed", seed).unwrap();
                let training = Training::start(&recipe, Some(&out.join(seed.to_string())), &Tables::default()).unwrap();
                let loss = training.run(&mut []).unwrap().test.expect("a part to test with").loss;
                std::fs::remove_dir_all(&out).unwrap();
                loss
            })
            .collect();
        // Ten seeds there and five here: three standard errors of the difference of two such means.
        let error = 3.0 * deviation * (1.0f64 / 10.0 + 1.0 / 5.0).sqrt();
        let found = losses.iter().sum::<f64>() / losses.len() as f64;
        assert!((found - mean).abs() < error, "{}: {found} of {losses:?}", file.display());
    }
}

#[test]
fn every_recipe_is_understood_and_says_where_it_comes_from() {
    let tables = Tables::default();
    for file in files("") {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        assert!(text.contains(&format!("`schuss train recipes/{name}`")) && text.contains("# Expected: "), "{name}");
        let recipe = Recipe::from_toml(&text).unwrap().resolve(&tables).unwrap_or_else(|e| panic!("{name}: {e}"));
        let (per_epoch, learning_rate) = (390.0, recipe.optimizer.learning_rate);
        let updates = per_epoch * 10.0;
        let span = Span { updates, updates_per_epoch: per_epoch, samples_per_update: 128.0, learning_rate };
        if let Some(schedule) = &recipe.schedule {
            schedule.for_run(&span).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        let sample: &[usize] = match name.split('-').next().unwrap() {
            "cifar10" => &[32, 32, 3],
            "flowers" => &[64, 64, 3],
            "quadratic_deep" => &[100],
            _ => &[28, 28],
        };
        let model = recipe.layers(sample, TargetKind::Class(10)).unwrap();
        model.build(true).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(name.starts_with("digits") || text.contains("# Source: "), "{name} names no source");
    }
}
