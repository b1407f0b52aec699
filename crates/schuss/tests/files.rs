//! Files of models and runs: what is written is read, and what is damaged is refused with one error.

use schuss::data::{Dataset, Pipeline};
use schuss::layers::{Dense, Dropout};
use schuss::store::{ModelFile, Numbers, SnapshotFile, Tensor, Tensors, Written, atomic};
use schuss::train::{Array, Best, History, Progress, Row, Snapshot};
use schuss::{Error, FitOptions, Kind, Model, Sequential};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder for one test, removed after it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("schuss-files-{name}-{}", std::process::id()));
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

fn data() -> Dataset {
    let x: Vec<f32> = (0..60).map(|i| ((i * 7) % 11) as f32 / 11.0).collect();
    let y: Vec<u32> = x.chunks(3).map(|s| u32::from(s[0] > s[1])).collect();
    Dataset::classes(x, &[3], y, 2).unwrap()
}

fn trained() -> Model {
    let layers = Sequential::new(&[3])
        .add(Dense::new(4).activation("relu").kernel_regularizer("l2(0.001)"))
        .add(Dropout::new(0.25))
        .add(Dense::new(2).activation("softmax"));
    let model = Model::new(layers).pipeline(Pipeline::columns(vec![0.5; 3], vec![2.0; 3]));
    let mut model = model.compile("adam", "sparse_categorical_crossentropy", &["accuracy"]).unwrap();
    model.fit(&data(), FitOptions { epochs: 2, seed: 1, ..FitOptions::default() }).unwrap();
    model
}

#[test]
fn a_model_is_read_as_it_was_written_and_equal_models_are_equal_files() {
    let folder = Folder::new("round-trip");
    let (one, two, three) = (folder.file("one"), folder.file("two"), folder.file("three"));
    let mut model = trained();
    model.save(&one).unwrap();
    trained().save(&two).unwrap();
    assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
    let mut loaded = Model::load(&one).unwrap();
    loaded.save(&three).unwrap();
    assert_eq!(fs::read(&one).unwrap(), fs::read(&three).unwrap());
    assert_eq!(loaded.predict(&data()).unwrap(), model.predict(&data()).unwrap());
    assert_eq!(loaded.evaluate(&data()).unwrap(), model.evaluate(&data()).unwrap());
    assert_eq!(loaded.summary().unwrap(), model.summary().unwrap());
    // It goes on from its weights once it has an optimizer.
    assert_eq!(loaded.fit(&data(), FitOptions::default()).unwrap_err().code(), "not-compiled");
    let mut again = loaded.compile("sgd", "sparse_categorical_crossentropy", &[]).unwrap();
    assert_eq!(again.weights(), model.weights());
    again.fit(&data(), FitOptions::default()).unwrap();
    assert_ne!(again.weights(), model.weights());
}

#[test]
fn the_format_is_safetensors_with_one_key_of_canonical_json() {
    let folder = Folder::new("format");
    let path = folder.file("model.safetensors");
    trained().save(&path).unwrap();
    let bytes = fs::read(path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let metadata = header["__metadata__"].as_object().unwrap();
    assert_eq!(metadata.keys().collect::<Vec<_>>(), ["schuss"]);
    let text = metadata["schuss"].as_str().unwrap();
    let found: Value = serde_json::from_str(text).unwrap();
    assert_eq!(found["format"], 1);
    assert_eq!(found["model"]["schema"], json!({"classes": ["0", "1"], "columns": [], "shape": [3], "target": null}));
    assert_eq!(found["model"]["target"], json!({"classes": 2}));
    assert_eq!(found["model"]["layers"][1]["layer"], json!({"kind": "dropout", "settings": {"rate": 0.25}}));
    // No space, sorted keys.
    assert!(
        !text.contains(": ")
            && text.starts_with(r#"{"format":1,"model":{"layers":[{"layer":{"kind":"dense","settings":"#)
    );
    for (name, shape) in [("dense/kernel", [3, 4].as_slice()), ("dense_1/bias", &[2])] {
        assert_eq!(header[name]["shape"], json!(shape));
        assert_eq!(header[name]["dtype"], "F32");
    }
}

/// What reading these bytes as a model comes to.
fn load(path: &Path, bytes: &[u8]) -> Result<Model, Error> {
    fs::write(path, bytes).unwrap();
    Model::load(path)
}

#[test]
fn a_damaged_model_is_one_error_and_never_a_panic() {
    let folder = Folder::new("damaged");
    let path = folder.file("model.safetensors");
    let model = trained();
    model.save(&path).unwrap();
    let good = fs::read(&path).unwrap();
    let one_line =
        |e: &Error| assert!(e.message().starts_with(&*path.to_string_lossy()) && !e.message().contains('\n'), "{e}");
    let cut = folder.file("cut");
    for length in 0..good.len() {
        let error = load(&cut, &good[..length]).err().expect("a cut file is refused");
        assert!(["not-safetensors", "file-cut"].contains(&error.code()), "{length}: {error}");
    }
    let mut refused = 0;
    for place in 0..good.len() {
        for mask in [0x01, 0x20, 0x80] {
            let mut bytes = good.clone();
            bytes[place] ^= mask;
            match load(&path, &bytes) {
                Err(error) => {
                    one_line(&error);
                    assert!([Kind::Format, Kind::Shape].contains(&error.kind()), "{place}: {error}");
                    refused += 1;
                }
                // One kind of space in the header's padding for another.
                Ok(read) => assert_eq!(read.weights(), model.weights(), "{place}"),
            }
        }
    }
    assert!(refused > 3 * good.len() - 30, "{refused} of {}", 3 * good.len());
    let longer = [good.as_slice(), &[0]].concat();
    assert_eq!(load(&path, &longer).err().unwrap().code(), "file-cut");
}

/// A safetensors file with this header.
fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn files_of_others_and_headers_that_lie_are_refused() {
    let folder = Folder::new("foreign");
    let path = folder.file("model.safetensors");
    let huge = [u64::MAX.to_le_bytes(), [0; 8]].concat();
    let shape = r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#;
    let far = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,9999999999999]}}"#;
    let strange = r#"{"a":{"dtype":"Q7","shape":[1],"data_offsets":[0,4]}}"#;
    let plain = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let text = r#"{"__metadata__":{"schuss":"not json"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    let cases = [
        (Vec::new(), "not-safetensors"),
        (b"PK\x03\x04 a zip file of Keras".to_vec(), "not-safetensors"),
        (huge, "not-safetensors"),
        (with_header("[]", &[]), "not-safetensors"),
        (with_header(&deep, &[]), "not-safetensors"),
        (with_header(shape, &[0; 4]), "bad-tensors"),
        (with_header(far, &[0; 4]), "bad-tensors"),
        (with_header(strange, &[0; 4]), "bad-tensors"),
        (with_header("{}", &[]), "no-model"),
        (with_header(plain, &[0; 4]), "no-model"),
        (with_header(text, &[0; 4]), "file-altered"),
    ];
    for (i, (bytes, code)) in cases.iter().enumerate() {
        let error = load(&path, bytes).err().expect("refused");
        assert_eq!(error.code(), *code, "case {i}");
        assert!(!error.message().contains("expected"), "{error}");
    }
    assert_eq!(Model::load(folder.file("none")).err().unwrap().code(), "file-unreadable");
    assert_eq!(Model::load(&folder.0).err().unwrap().code(), "file-unreadable");
}

#[test]
fn a_model_that_contradicts_itself_is_refused() {
    let folder = Folder::new("contradictions");
    let path = folder.file("model.safetensors");
    trained().save(&path).unwrap();
    let good = Tensors::read(&path).unwrap();
    type Change = fn(&mut Tensors);
    fn text(t: &mut Tensors) -> &mut Value {
        t.text.as_mut().unwrap()
    }
    let cases: &[(&str, Change)] = &[
        ("tensor-missing", |t| drop(t.tensors.remove(0))),
        ("tensor-shape", |t| t.tensors[0].shape = vec![2, 2]),
        ("tensor-shape", |t| t.tensors[0].shape = vec![1, 4]),
        ("tensor-unknown", |t| {
            t.tensors.push(Tensor { name: "dense_2/kernel".into(), shape: vec![1], numbers: Numbers::F32(vec![0.0]) });
        }),
        ("tensor-type", |t| t.tensors[0].numbers = Numbers::F64(vec![0.0; 4])),
        ("tensor-not-finite", |t| t.tensors[0].numbers = Numbers::F32(vec![0.0, f32::NAN, 0.0, 0.0])),
        ("model-format", |t| text(t)["format"] = json!(2)),
        ("no-model", |t| text(t)["format"] = json!("one")),
        ("model-description", |t| text(t)["model"] = json!([])),
        ("model-description", |t| text(t)["model"]["more"] = json!(1)),
        ("model-description", |t| text(t)["model"]["target"] = json!({"classes": 3})),
        ("model-description", |t| text(t)["model"]["schema"]["shape"] = json!([u32::MAX, u32::MAX, u32::MAX])),
        ("pipeline-shape", |t| text(t)["model"]["schema"]["shape"] = json!([4])),
        ("unknown-name", |t| text(t)["model"]["layers"][0]["layer"]["kind"] = json!("lambda")),
        ("unknown-setting", |t| text(t)["model"]["layers"][0]["layer"]["settings"]["code"] = json!("x")),
        ("value-not-allowed", |t| text(t)["model"]["layers"][1]["layer"]["settings"]["rate"] = json!(2)),
        ("tensor-shape", |t| text(t)["model"]["layers"][0]["layer"]["settings"]["units"] = json!(2_000_000_000)),
        ("tensor-missing", |t| text(t)["model"]["layers"][0]["name"] = json!("other")),
        ("unknown-name", |t| text(t)["model"]["loss"]["kind"] = json!("mine")),
        ("model-description", |t| text(t)["model"]["schema"]["classes"] = json!(["0", "0"])),
        ("model-description", |t| text(t)["model"]["schema"]["columns"] = json!(["a", "b"])),
        ("model-description", |t| text(t)["model"]["schema"]["columns"] = json!(["a", "b", "a"])),
        ("model-description", |t| text(t)["model"]["schema"]["shape"] = json!([-3])),
        ("model-description", |t| text(t)["model"]["pipeline"] = json!({"kind": "shift"})),
    ];
    for (i, (code, change)) in cases.iter().enumerate() {
        let mut tensors = good.clone();
        change(&mut tensors);
        let kernel = tensors.tensors.iter().find(|t| t.name == "dense/bias");
        if let (Some(t), "tensor-shape") = (kernel, *code) {
            // A file with such a shape is no safetensors file unless the count of numbers fits.
            assert!(t.shape.iter().product::<usize>() == 4, "case {i}");
        }
        fs::write(&path, tensors.to_bytes().unwrap()).unwrap();
        let error = Model::load(&path).err().expect("refused");
        assert_eq!(error.code(), *code, "case {i}: {error}");
        assert!(error.message().starts_with(&*path.to_string_lossy()), "{error}");
        // Not the words of the library that reads JSON.
        let foreign = ["expected", "variant", "struct", "line 1", "usize"];
        assert!(foreign.iter().all(|word| !error.message().contains(word)), "{error}");
    }
}

fn snapshot() -> SnapshotFile {
    let array = |name: &str| Array { name: name.into(), shape: vec![2], values: vec![1.5, -0.0] };
    let row = |epoch: usize| Row {
        epoch,
        // Numbers that text would not keep.
        values: vec![("loss".into(), 0.1 + epoch as f64), ("ratio".into(), f64::from_bits(0x7ff8_0000_0000_0123))],
    };
    let mut progress = Progress::new(1);
    progress.epoch = 2;
    progress.step = 7;
    progress.running.loss = 1.0 / 3.0;
    progress.running.penalty = 1e-300;
    progress.running.metrics = vec![f64::INFINITY];
    progress.running.weight = 12.25;
    progress.running.samples = 56;
    progress.history = History { rows: vec![row(1), row(2)] };
    progress.best = Best { epoch: Some((1, 1.1)), weights: vec![array("dense/bias")], reference: Some(1.3), wait: 1 };
    progress.stopped = true;
    progress.seconds = 0.1;
    progress.samples = 1 << 60;
    let variables = vec![array("dense/bias"), array("dense/bias/m")];
    let written = Written { version: "1".into(), isa: "portable".into(), recipe: "abc".into() };
    SnapshotFile {
        written,
        snapshot: Snapshot { progress, updates: 99, memory: vec![0.3, f64::MIN_POSITIVE], variables },
    }
}

#[test]
fn a_snapshot_keeps_every_bit() {
    let folder = Folder::new("snapshot");
    let path = folder.file("last.safetensors");
    let wanted = snapshot();
    wanted.clone().write(&path).unwrap();
    let found = SnapshotFile::read(&path).unwrap();
    // Not `==`, for which NaN is not itself.
    assert_eq!(format!("{found:?}"), format!("{wanted:?}"));
    let bits = |s: &SnapshotFile| s.snapshot.progress.history.rows[0].values[1].1.to_bits();
    assert_eq!(bits(&found), bits(&wanted));
    let mut start = snapshot();
    start.snapshot.progress = Progress::new(0);
    start.clone().write(&path).unwrap();
    assert_eq!(SnapshotFile::read(&path).unwrap(), start);
    assert_eq!(SnapshotFile::read_if_there(&folder.file("none")).unwrap(), None);
}

#[test]
fn a_damaged_snapshot_is_one_error() {
    let folder = Folder::new("bad-snapshot");
    let path = folder.file("last.safetensors");
    snapshot().write(&path).unwrap();
    let good = fs::read(&path).unwrap();
    for place in (0..good.len()).step_by(3) {
        for bytes in [good[..place].to_vec(), good.iter().enumerate().map(|(i, b)| b ^ u8::from(i == place)).collect()]
        {
            fs::write(&path, bytes).unwrap();
            let error = SnapshotFile::read(&path).expect_err("refused");
            assert_eq!(error.kind(), Kind::Format, "{place}: {error}");
        }
    }
    // Complete and sealed, and yet no snapshot.
    fs::write(&path, &good).unwrap();
    let tensors = Tensors::read(&path).unwrap();
    type Change = fn(&mut Tensors);
    let changes: &[Change] = &[
        |t| t.tensors.retain(|t| t.name != "numbers/running"),
        |t| t.text.as_mut().unwrap()["epoch"] = json!(3),
        |t| t.text.as_mut().unwrap()["metrics"] = json!(usize::MAX - 5),
        |t| t.text.as_mut().unwrap()["best_epoch"] = Value::Null,
        |t| t.text.as_mut().unwrap()["format"] = json!(0),
        |t| t.text.as_mut().unwrap()["columns"] = json!([]),
        |t| t.text = None,
        |t| t.tensors[0].name = "elsewhere".into(),
        |t| t.tensors.iter_mut().filter(|t| t.name == "numbers/seconds").for_each(|t| t.shape = vec![0]),
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut changed = tensors.clone();
        change(&mut changed);
        for t in &mut changed.tensors {
            if let (Numbers::F64(x), [0]) = (&mut t.numbers, t.shape.as_slice()) {
                x.clear();
            }
        }
        changed.write(&path).unwrap();
        assert_eq!(SnapshotFile::read(&path).expect_err("refused").code(), "bad-snapshot", "change {i}");
    }
    trained().save(&path).unwrap();
    assert_eq!(SnapshotFile::read(&path).expect_err("refused").code(), "bad-snapshot");
    snapshot().write(&path).unwrap();
    let error = ModelFile::read(&path).expect_err("refused");
    assert!(error.code() == "snapshot-no-model" && error.message().contains("--resume"), "{error}");
}

#[test]
fn a_file_that_cannot_be_written_is_one_error_and_leaves_the_old_one() {
    let folder = Folder::new("unwritable");
    let path = folder.file("file");
    atomic::replace(&path, b"old").unwrap();
    for bad in [path.join("inside"), folder.file("none").join("file"), folder.file(&"x".repeat(300))] {
        let error = atomic::replace(&bad, b"new").unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::File, "write-failed"));
        assert!(error.message().starts_with(&*bad.to_string_lossy()));
    }
    // A folder stands in the way of the new name: written, but not renamed.
    fs::create_dir(folder.file("way")).unwrap();
    assert_eq!(atomic::replace(&folder.file("way"), b"new").unwrap_err().code(), "write-failed");
    assert_eq!(atomic::replace(Path::new("/"), b"new").unwrap_err().code(), "no-file-name");
    atomic::replace(&path, &[7; 200_000]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), [7; 200_000]);
    // Nothing half done is left.
    let mut names: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["file", "way"]);
}
