//! Folders of pictures: files of every kind, folders of every layout, and every way they can be bad.

use folder::Folder;
use schuss::data::readers::Loaded;
use schuss::data::{Dataset, Features, Options, Samples, Targets, Task, open, open_for};
use schuss::layers::{Dense, Flatten};
use schuss::random::Stream;
use schuss::registry::Argument;
use schuss::{Error, FitOptions, Model, Result, Sequential};
use serde_json::Value;
use std::path::Path;

mod folder;

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap().as_bytes();
    let digit = |b: u8| (b as char).to_digit(16).unwrap() as u8;
    hex.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn cases() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../../../testdata/pictures.json")).unwrap();
    file["cases"].as_array().unwrap().clone()
}

/// The file of a case.
fn picture(name: &str) -> Vec<u8> {
    bytes(&cases().iter().find(|case| case["name"] == name).unwrap_or_else(|| panic!("no case {name}"))["file"])
}

fn with(settings: &[(&str, Argument)]) -> Options {
    let settings = settings.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    Options { settings, ..Options::default() }
}

fn size(height: i64, width: i64) -> (&'static str, Argument) {
    ("image_size", Argument::List(vec![Argument::Int(height), Argument::Int(width)]))
}

fn mode(words: &str) -> (&'static str, Argument) {
    ("color_mode", Argument::Text(words.into()))
}

fn load(path: &Path, settings: &[(&str, Argument)]) -> Result<Loaded> {
    open(path, Task::Classes, &with(settings))
}

fn labels(data: &Dataset) -> Vec<u32> {
    match &data.targets {
        Targets::Classes(labels) => labels.clone(),
        other => panic!("{other:?}"),
    }
}

fn pixels(data: &Dataset) -> &[u8] {
    match &data.features {
        Features::U8(pixels) => pixels,
        other => panic!("{other:?}"),
    }
}

/// The error's code and message, of one line.
fn code<T>(result: Result<T>) -> (&'static str, String) {
    let e: Error = result.err().expect("an error");
    assert!(!e.to_string().contains('\n') && e.to_string().len() < 1500, "{e}");
    (e.code(), e.message().to_owned())
}

#[test]
fn every_kind_of_file_is_read_turned_and_resized_as_by_pillow() {
    for case in cases() {
        let name = case["name"].as_str().unwrap();
        let folder = Folder::new().with("a/x", bytes(&case["file"])).with("b/y", bytes(&case["file"]));
        let own = load(&folder.0, &[]).unwrap_or_else(|e| panic!("{name}: {e}")).train;
        let [height, width] = [0, 1].map(|i| case["size"][i].as_u64().unwrap() as usize);
        let grey = case["grey"].as_bool().unwrap();
        assert_eq!(own.shape, if grey { vec![height, width] } else { vec![height, width, 3] }, "{name}");
        for output in case["outputs"].as_array().unwrap() {
            let shape: Vec<usize> =
                output["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
            let colours = if shape.len() == 3 { "rgb" } else { "grayscale" };
            let data = load(&folder.0, &[size(shape[0] as i64, shape[1] as i64), mode(colours)]).unwrap().train;
            assert_eq!(data.shape, shape, "{name}");
            // JPEG leaves rounding and the conversion of colours open. Both directions are rounded to bytes one after the
            // other, and Pillow 13 takes rows first where that is faster.
            let resized = shape[0] != height && shape[1] != width;
            let bound = if name.starts_with("jpeg") { 3 } else { u8::from(resized) };
            let want = bytes(&output["pixels"]);
            let found = &pixels(&data)[..want.len()];
            let worst = found.iter().zip(&want).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(worst <= bound, "{name} {shape:?}: differs by {worst}");
        }
    }
}

/// Two classes with a picture of colours and a grey one, 19 × 26 and 23 × 17.
fn two() -> Folder {
    Folder::new().with("cat/1.png", picture("png rgb")).with("dog/1.JPG", picture("jpeg grey"))
}

#[test]
fn folders_with_and_without_parts_are_read() {
    let folder = two()
        .with("cat/2", picture("jpeg progressive"))
        .with("cat/.hidden.png", picture("png rgb"))
        .with("cat/notes.txt", "no picture")
        .with("cat/cut.png", b"\x89PNG")
        .with("dog/more/1.png", picture("png rgb"))
        .with(".cache/1.png", picture("png rgb"))
        .with("readme.md", "# pictures");
    let loaded = load(&folder.0, &[]).unwrap();
    assert_eq!((labels(&loaded.train), loaded.schema.classes.join(" ")), (vec![0, 0, 1], "cat dog".into()));
    // The median of 19, 19, 23 and of 26, 26, 17.
    assert_eq!((loaded.train.shape.as_slice(), loaded.scale), ([19, 26, 3].as_slice(), Some(1.0 / 255.0)));
    assert!(loaded.test.is_none() && loaded.validation.is_none() && loaded.files.len() == 1);
    let notes = loaded.notes.join("\n");
    assert!(notes.contains("2 hidden, 3 of other formats, 1 folders within a class"), "{notes}");
    assert!(load(&two().0, &[]).unwrap().notes.is_empty());
    // The record is of all files and their names.
    let other = folder.with("cat/2", picture("jpeg rgb"));
    assert_ne!(load(&other.0, &[]).unwrap().files, loaded.files);

    let parts = |names: [&str; 3]| {
        let folder = Folder::new();
        names.iter().fold(folder, |folder, name| {
            let folder = folder.with(&format!("{name}/cat/1.png"), picture("png rgb"));
            folder.with(&format!("{name}/dog/1.png"), picture("png rgb"))
        })
    };
    let all = load(&parts(["train", "Val", "test"]).0, &[]).unwrap();
    assert_eq!([&all.train, &all.validation.unwrap(), &all.test.unwrap()].map(Dataset::len), [2, 2, 2]);
    // What is kept apart alone is to test with.
    let two_parts = load(&parts(["train", "validation", "train"]).0, &[]).unwrap();
    assert!(two_parts.validation.is_none() && two_parts.test.unwrap().len() == 2);
    // A class may be called train.
    let trains = Folder::new().with("train/1.png", picture("png rgb")).with("plane/1.png", picture("png rgb"));
    assert_eq!(load(&trains.0, &[]).unwrap().schema.classes.join(" "), "plane train");
    let unknown = parts(["train", "test", "test"]).with("test/cow/1.png", picture("png rgb"));
    let (code, message) = code(load(&unknown.0, &[]));
    assert!(code == "unknown-class" && message.contains("cow"), "{message}");
}

#[test]
fn a_model_reads_pictures_of_its_own_sizes() {
    let folder = two();
    let loaded = load(&folder.0, &[size(8, 6)]).unwrap();
    let read = |path: &str, targets| -> Result<Samples> {
        open_for(folder.0.join(path), &loaded.schema, targets, &Options::default())
    };
    let all = read("", true).unwrap();
    assert_eq!((&all.data, all.names), (&loaded.train, vec!["cat/1.png".to_owned(), "dog/1.JPG".into()]));
    let inputs = read("", false).unwrap().data;
    assert_eq!((inputs.features, inputs.targets), (loaded.train.features.clone(), Targets::None));
    // One picture, and a folder of pictures without classes.
    let one = read("dog/1.JPG", false).unwrap();
    assert_eq!((pixels(&one.data), one.data.len()), (&pixels(&loaded.train)[8 * 6 * 3..], 1));
    assert_eq!(read("cat", false).unwrap().names, ["1.png"]);
    assert_eq!(code(read("dog/1.JPG", true)).0, "pictures-no-classes");
    let mut schema = loaded.schema.clone();
    schema.classes = vec!["dog".into(), "cat".into()];
    let turned = open_for(&folder.0, &schema, true, &Options::default()).unwrap().data;
    assert_eq!(labels(&turned), [1, 0]);
    schema.classes = vec!["dog".into(), "cow".into()];
    assert_eq!(code(open_for(&folder.0, &schema, true, &Options::default())).0, "unknown-class");
    schema.shape = vec![11];
    assert_eq!(code(open_for(&folder.0, &schema, false, &Options::default())).0, "sample-shape");
    // A model of grey pictures.
    schema.shape = vec![8, 6];
    assert_eq!(open_for(&folder.0, &schema, false, &Options::default()).unwrap().data.shape, [8, 6]);
}

#[test]
fn what_is_bad_is_one_error_with_its_path() {
    let is = |folder: Folder, file: &str, expected: &str| {
        let (code, message) = code(load(&folder.0, &[]));
        let place = folder.0.join(file).display().to_string();
        assert!(code == expected && message.starts_with(place.trim_end_matches('/')), "{expected}: {code}: {message}");
    };
    let (png, jpeg) = (picture("png rgb"), picture("jpeg rgb"));
    is(two().with("cat/2.png", &png[..png.len() / 2]), "cat/2.png", "picture-damaged");
    is(two().with("cat/2.png", &png[..20]), "cat/2.png", "picture-damaged");
    is(two().with("cat/2.jpg", &jpeg[..jpeg.len() / 2]), "cat/2.jpg", "picture-cut");
    is(two().with("cat/2.jpg", &jpeg[..jpeg.len() - 1]), "cat/2.jpg", "picture-cut");
    is(two().with("cat/2.jpg", &jpeg[..20]), "cat/2.jpg", "picture-damaged");
    let mut changed = png.clone();
    changed[60] ^= 1;
    is(two().with("cat/2.png", &changed), "cat/2.png", "picture-damaged");
    is(two().with("cow/notes.txt", "none"), "cow", "empty-class");
    is(two().without("dog/1.JPG"), "dog", "empty-class");
    is(Folder::new().with("cat/1.png", &png), "", "single-class");
    is(Folder::new().with("1.png", &png), "", "pictures-no-classes");
    let one = Folder::new().with("1.png", &png);
    assert_eq!(code(load(&one.0.join("1.png"), &[])).0, "pictures-no-classes");
    let empty = Folder::new().with("cat/notes.txt", "none");
    assert_eq!(code(load(&empty.0, &[])).0, "unknown-format");
    #[cfg(unix)]
    for (name, class) in [("cat/2.jpg", 0), ("cow", 0), ("cat/pipe.png", 1)] {
        let folder = two();
        let path = folder.0.join(name);
        match class {
            0 => std::os::unix::fs::symlink("nowhere", &path).unwrap(),
            _ => assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success()),
        }
        is(folder, name, "file-unreadable");
    }
    // What would be passed over is, whether it can be read or not.
    #[cfg(unix)]
    {
        let folder = two();
        std::os::unix::fs::symlink("nowhere", folder.0.join("cat/notes.txt")).unwrap();
        assert!(load(&folder.0, &[]).is_ok());
    }
    // The first of several that are bad is the one that is named, whichever thread is faster.
    let many = (0..40).fold(two(), |folder, i| folder.with(&format!("cat/{i:03}.png"), &png[..40 + i]));
    for _ in 0..5 {
        assert!(code(load(&many.0, &[])).1.contains("000.png"));
    }
    assert_eq!(code(load(&two().0, &[("image_size", Argument::List(vec![Argument::Int(5)]))])).0, "value-not-allowed");
    assert_eq!(code(load(&two().0, &[mode("cmyk")])).0, "value-not-allowed");
}

#[test]
fn a_header_that_announces_much_is_not_believed() {
    // 60,000 × 60,000 in a file of a few hundred bytes.
    let mut png = picture("png rgb");
    png[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let mut crc = flate2::Crc::new();
    crc.update(&png[12..29]);
    png[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    let mut jpeg = picture("jpeg rgb");
    let at = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg[at + 5..at + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    let mut empty = png.clone();
    empty[16..20].fill(0);
    let folder = two().with("cat/2", &empty);
    assert_eq!(code(load(&folder.0, &[])).0, "picture-empty");
    for bytes in [png, jpeg] {
        let folder = two().with("cat/2", &bytes);
        for settings in [&[][..], &[size(8, 8), mode("rgb")]] {
            let (code, message) = code(load(&folder.0, settings));
            assert!(code == "picture-too-large" && message.contains("cat/2: "), "{code} {message}");
        }
    }
}

#[test]
fn no_change_of_a_byte_and_no_cut_makes_it_panic() {
    for name in ["png grey and alpha", "png palette", "jpeg progressive", "jpeg orientation 6"] {
        let good = picture(name);
        let folder = two();
        let read = |bytes: &[u8]| {
            std::fs::write(folder.0.join("cat/1.png"), bytes).unwrap();
            if let Err(e) = load(&folder.0, &[size(5, 5)]) {
                assert!(!e.to_string().contains('\n'), "{e}");
            }
        };
        for i in 0..good.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[i] ^= change;
                read(&bytes);
            }
        }
        (0..good.len()).step_by(3).for_each(|n| read(&good[..n]));
    }
}

/// A folder of `n` pictures of two classes, none like another.
fn many(n: usize) -> Folder {
    let all: Vec<Vec<u8>> = cases().iter().map(|case| bytes(&case["file"])).collect();
    (0..n).fold(Folder::new(), |folder, i| {
        let class = ["cat", "dog"][i % 2];
        folder.with(&format!("{class}/{i:03}"), &all[i % all.len()])
    })
}

#[test]
fn what_does_not_fit_into_memory_gives_the_same_bits() {
    // 120 pictures of 190 × 190: 12 MiB, and 1 MiB may be kept.
    let folder = many(120);
    let settings = |memory| [size(190, 190), mode("rgb"), ("memory", Argument::Int(memory))];
    let (whole, part) = (load(&folder.0, &settings(64)).unwrap(), load(&folder.0, &settings(1)).unwrap());
    let Features::Stored(stored) = &part.train.features else { panic!("12 MiB are kept in 1") };
    assert_eq!((stored.len(), whole.files), (pixels(&whole.train).len(), part.files));
    assert!(stored.len() > 10 << 20 && stored.kept() <= 1 << 20 && part.train.bytes() < 2 << 20);
    let trained = |data: &Dataset, threads| {
        let mut model = small(95, threads);
        let options = FitOptions { epochs: 2, seed: 3, batch_size: Some(16.into()), ..FitOptions::default() };
        let history = model.fit(data, options).unwrap();
        (history.get("loss"), model)
    };
    let (history, mut model) = trained(&whole.train, 2);
    for threads in [1, 3] {
        let (again, other) = trained(&part.train, threads);
        assert_eq!((again, other.weights()), (history.clone(), model.weights()));
    }
    let stream = Stream::named(0, "test");
    let [a, b] = [&whole.train, &part.train].map(|data| data.split(0.3, stream).unwrap().1);
    assert_eq!((a.len(), &a.targets), (b.len(), &b.targets));
    assert_eq!(model.predict(&a).unwrap(), model.predict(&b).unwrap());
    // A file that is gone is an error of the step that needs it: the same one, whoever finds it first.
    for file in std::fs::read_dir(folder.0.join("dog")).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let e = model.predict(&part.train).unwrap_err();
    assert!(e.code() == "file-unreadable" && e.message().contains("dog"), "{e}");
    let errors = [1, 2, 3, 3, 3].map(|threads| {
        let options = FitOptions { seed: 3, batch_size: Some(16.into()), ..FitOptions::default() };
        let e = small(95, threads).fit(&part.train, options).unwrap_err();
        assert!(e.code() == "file-unreadable" && e.message().contains("dog"), "{e}");
        e.message().to_owned()
    });
    assert!(errors.iter().all(|e| *e == errors[0]), "{errors:?}");
}

#[test]
fn all_parts_share_the_memory() {
    // 60 pictures of 106 KiB, 20 of which are held out.
    let all: Vec<Vec<u8>> = cases().iter().map(|case| bytes(&case["file"])).collect();
    let folder = (0..60).fold(Folder::new(), |folder, i| {
        let part = ["train", "train", "test"][i % 3];
        folder.with(&format!("{part}/{}/{i}", ["cat", "dog"][i / 3 % 2]), &all[i % all.len()])
    });
    let settings = |memory| [size(190, 190), mode("rgb"), ("memory", Argument::Int(memory))];
    let kept = |data: &Dataset| match &data.features {
        Features::Stored(stored) => (stored.kept(), false),
        _ => (pixels(data).len(), true),
    };
    let loaded = load(&folder.0, &settings(2)).unwrap();
    let [(train, _), (test, _)] = [kept(&loaded.train), kept(&loaded.test.unwrap())];
    assert!(train + test <= 2 << 20 && train > 1 << 20 && test > 400 << 10, "{train} {test}");
    let loaded = load(&folder.0, &settings(7)).unwrap();
    assert!(kept(&loaded.train).1 && kept(&loaded.test.unwrap()).1);
}

/// A model of a random part of each picture, as it is and mixed with that of another one.
fn small(side: usize, threads: usize) -> Model {
    let layers = Sequential::new(&[side, side, 3]).add(Flatten).add(Dense::new(2).activation("softmax"));
    let crop = format!("random_crop(height={side}, width={side})");
    let model = Model::new(layers).threads(threads).augment(&[crop.as_str(), "random_flip", "cut_mix"]).unwrap();
    model.compile("adam", "categorical_crossentropy", &["accuracy"]).unwrap()
}

/// Trains on a folder in a process of its own: by how many bytes its memory has grown at most, and what came of it.
#[cfg(target_os = "linux")]
fn peak_of_training(folder: &Path, memory: usize, threads: usize) -> (usize, String) {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "train_on_a_folder_and_tell_the_peak", "--nocapture"])
        .env("SCHUSS_TEST_PICTURES", folder)
        .env("SCHUSS_TEST_MEMORY", memory.to_string())
        .env("SCHUSS_TEST_THREADS", threads.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = |what: &str| text.lines().find_map(|line| Some(line.split_once(what)?.1.trim().to_owned()));
    let [peak, bits] = ["peak KiB ", "bits "].map(told);
    match (peak.and_then(|peak| peak.parse::<usize>().ok()), bits) {
        (Some(peak), Some(bits)) => (peak << 10, bits),
        _ => panic!("{text}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn train_on_a_folder_and_tell_the_peak() {
    let Some(folder) = std::env::var_os("SCHUSS_TEST_PICTURES") else { return };
    let number = |name| std::env::var(name).unwrap().parse::<usize>().unwrap();
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap().trim();
        peak.trim_end_matches("kB").trim().parse::<usize>().unwrap()
    };
    let before = peak();
    let memory = ("memory", Argument::Int(number("SCHUSS_TEST_MEMORY") as i64));
    let loaded = load(Path::new(&folder), &[size(256, 256), mode("rgb"), memory]).unwrap();
    let (train, validation) = loaded.train.split(0.2, Stream::named(0, "test")).unwrap();
    drop(loaded.train);
    let validation = Some(&validation);
    let options = FitOptions { epochs: 2, batch_size: Some(16.into()), validation, ..FitOptions::default() };
    let mut model = small(32, number("SCHUSS_TEST_THREADS"));
    let history = model.fit(&train, options).unwrap();
    // A line of its own, behind what the test's harness writes.
    println!("\npeak KiB {}", peak() - before);
    let weights = model.weights();
    let mut numbers = weights.iter().flat_map(|w| w.values.iter().map(|x| x.to_bits()));
    let bits = numbers.by_ref().fold(0u64, |hash, x| hash.wrapping_mul(0x100_0000_01b3) ^ u64::from(x));
    println!("bits {bits:x} {:?} {:?}", history.get("loss"), history.get("val_loss"));
}

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_below_what_is_allowed_on_a_folder_ten_times_as_large() {
    // 320 pictures of 192 KiB, 60 MiB, of which 6 may be in memory.
    let folder = many(320);
    let (whole, bits) = peak_of_training(&folder.0, 64, 2);
    // Decoders, the model and what the system keeps for each thread. That was 10 MiB.
    let beside = 16 << 20;
    println!("in memory: {} KiB", whole >> 10);
    assert!(whole > 60 << 20, "a measure that misses {whole} of 60 MiB shows nothing");
    for threads in [1, 2, 3] {
        let (peak, again) = peak_of_training(&folder.0, 6, threads);
        println!("{threads} threads: {} KiB", peak >> 10);
        assert_eq!(again, bits, "{threads} threads");
        assert!(peak < (6 << 20) + beside, "{threads} threads: {peak}");
    }
}

#[test]
fn photographs_of_flowers() {
    let Some(folder) = std::env::var_os("SCHUSS_DATA_DIR") else {
        return println!("skipped: SCHUSS_DATA_DIR is not set");
    };
    let start = std::time::Instant::now();
    let loaded = load(&Path::new(&folder).join("flowers"), &[]).unwrap();
    println!("{:?}", start.elapsed());
    assert_eq!((loaded.train.len(), loaded.train.shape.as_slice()), (4317, [128, 128, 3].as_slice()));
    assert_eq!(loaded.schema.classes, ["daisy", "dandelion", "rose", "sunflower", "tulip"]);
    assert!(loaded.notes.is_empty());
}
