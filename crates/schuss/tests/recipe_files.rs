//! The files in recipes/: each can be run, is what its head says, and reaches what it promises.

use schuss::recipe::{Recipe, Tables, Training};
use std::path::{Path, PathBuf};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let mut files: Vec<_> = folder.read_dir().expect("recipes/").map(|f| f.expect("an entry").path()).collect();
    files.sort();
    files
}

#[test]
fn every_recipe_of_the_digits_reaches_what_it_promises() {
    let out = std::env::temp_dir().join(format!("schuss-recipe-files-{}", std::process::id()));
    let mut optimizers = Vec::new();
    for (i, file) in files().iter().enumerate() {
        let text = std::fs::read_to_string(file).unwrap();
        let promised: f64 =
            text.split("accuracy of at least ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
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
