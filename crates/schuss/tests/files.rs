//! Model files from outside: whatever bytes they hold, loading gives a model or one error, never a panic; and equal
//! models are equal files. The example of the README runs.

use schuss::layers::Dense;
use schuss::{Dataset, FitOptions, Model, Sequential};
use std::fs;
use std::path::PathBuf;

#[path = "../examples/digits.rs"]
#[allow(dead_code)]
mod digits;

#[test]
fn the_example_runs() {
    digits::main().unwrap();
}

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("schuss-files-{}-{name}", std::process::id()))
}

/// A small model that was trained a little, in a file.
fn saved(name: &str) -> PathBuf {
    let x: Vec<f32> = (0..40).map(|i| (i * 7 % 11) as f32 / 11.0).collect();
    let y: Vec<u32> = (0..10).map(|i| i % 3).collect();
    let data = Dataset::classes(x, &[4], y, 3).unwrap();
    let layers = Sequential::new(&[4]).add(Dense::new(5).activation("relu")).add(Dense::new(3).activation("softmax"));
    let mut model = Model::new(layers).compile("adam", "sparse_categorical_crossentropy", &["accuracy"]).unwrap();
    model.fit(&data, FitOptions { epochs: 2, ..Default::default() }).unwrap();
    let path = path(name);
    model.save(&path).unwrap();
    path
}

#[test]
fn equal_models_are_equal_files_and_come_back() {
    let (a, b) = (saved("a"), saved("b"));
    assert!(fs::read(&a).unwrap() == fs::read(&b).unwrap());
    let mut model = Model::load(&a).unwrap();
    let again = path("again");
    model.save(&again).unwrap();
    assert!(fs::read(&a).unwrap() == fs::read(&again).unwrap());
    let x = Dataset::inputs([0.1, 0.2, 0.3, 0.4], &[4]).unwrap();
    assert_eq!(model.predict(&x).unwrap(), Model::load(&b).unwrap().predict(&x).unwrap());
    [a, b, again].iter().for_each(|p| fs::remove_file(p).unwrap());
}

#[test]
fn damaged_files_give_one_error() {
    let file = saved("whole");
    let bytes = fs::read(&file).unwrap();
    let damaged = path("damaged");
    let mut refused = 0;
    let mut load = |bytes: &[u8], what: &str| {
        fs::write(&damaged, bytes).unwrap();
        if let Err(e) = Model::load(&damaged) {
            let text = e.to_string();
            assert!(text.lines().count() == 1 && text.contains("damaged"), "{what}: {text}");
            refused += 1;
        }
    };
    for n in 0..bytes.len() {
        load(&bytes[..n], &format!("cut to {n}"));
    }
    assert_eq!(refused, bytes.len(), "every cut file is refused");
    let mut load_changed = |i: usize, to: u8| {
        let mut other = bytes.clone();
        other[i] = to;
        fs::write(&damaged, other).unwrap();
        // A changed weight is a model like any other; that nothing panics is what is tested.
        let _ = Model::load(&damaged);
    };
    for i in 0..bytes.len() {
        [0, 0xff, bytes[i] ^ 1, bytes[i] ^ 0x80].into_iter().for_each(|to| load_changed(i, to));
    }
    [file, damaged].iter().for_each(|p| fs::remove_file(p).unwrap());
}
