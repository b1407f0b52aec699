//! Every reader and every data set known by name: good files, and every way a file can be bad.

use folder::Folder;
use schuss::data::readers::{default_folders, named, readers};
use schuss::data::{ClassWeights, Dataset, Features, Options, Pipeline, Schema, Step, Targets, Task, open, open_for};
use schuss::random::Stream;
use schuss::registry::Argument;
use schuss::{Error, Kind, Result};
use std::collections::HashSet;
use std::fmt::Debug;
use std::io::Write;
use std::path::{Path, PathBuf};

mod folder;

fn gz(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn idx(dims: &[u32], data: &[u8]) -> Vec<u8> {
    let header = [0, 0, 8, dims.len() as u8].into_iter().chain(dims.iter().flat_map(|n| n.to_be_bytes()));
    header.chain(data.iter().copied()).collect()
}

const PIXELS: [u8; 18] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 255];

/// Three images of 2 × 3 pixels to train with, two to test with; labels start at 1.
fn images() -> Folder {
    Folder::new()
        .with("x-train-images-idx3-ubyte.gz", gz(idx(&[3, 2, 3], &PIXELS)))
        .with("x-train-labels-idx1-ubyte", idx(&[3], &[1, 4, 2]))
        .with("T10K-images.idx3-ubyte", idx(&[2, 2, 3], &PIXELS[6..]))
        .with("T10K-labels.idx1-ubyte.gz", gz(idx(&[2], &[4, 1])))
}

fn with(settings: &[(&str, &str)]) -> Options {
    let value = |s: &str| match s.strip_prefix('+') {
        Some(list) => Argument::List(list.split('+').map(|s| Argument::Text(s.into())).collect()),
        None => Argument::Text(s.into()),
    };
    Options { settings: settings.iter().map(|(n, v)| (n.to_string(), value(v))).collect(), ..Options::default() }
}

/// The error's code, after a look at what every error must be: one line, of bounded length.
fn code<T: Debug>(result: Result<T>) -> &'static str {
    let e = result.expect_err("an error");
    let text = e.to_string();
    assert!(!text.contains('\n') && text.len() < 1500, "{text}");
    e.code()
}

#[test]
fn every_entry_is_documented_and_can_be_made() {
    let reader_pages = readers().entries().iter().map(|e| (e.name, e.page)).collect::<Vec<_>>();
    let named_pages = named().entries().iter().map(|e| (e.name, e.page)).collect::<Vec<_>>();
    let mut seen = HashSet::new();
    for (name, page) in reader_pages.into_iter().chain(named_pages) {
        assert!(seen.insert(name), "{name} twice");
        assert!(!page.summary.is_empty() && !page.source.is_empty(), "{name}");
    }
    for reader in readers().names() {
        readers().make(reader, &[]).unwrap();
    }
    for name in named().names() {
        named().make(name, &[]).unwrap();
        let nowhere = Options { folders: vec![PathBuf::from("no-such-folder")], ..Options::default() };
        match open(name, Task::Classes, &nowhere) {
            Ok(loaded) => assert!(loaded.files.iter().all(|f| f.size > 0 && f.sha256.len() == 64)),
            Err(e) => {
                assert_eq!(e.code(), "data-missing");
                let place = Path::new("no-such-folder").join(name).display().to_string();
                let files = named().make(name, &[]).unwrap().files.split(' ').next().unwrap();
                assert!(e.message().contains(&place) && e.message().contains(files), "{e}");
            }
        }
    }
}

#[test]
fn every_reader_refuses_rubbish() {
    let noise: Vec<u8> = (0..4096).map(|i| Stream::named(1, "noise").bits(i) as u8).collect();
    let rubbish = Folder::new()
        .with("empty", "")
        .with("noise", &noise)
        .with("noise.gz", [&[0x1f, 0x8b, 8, 0][..], &noise].concat())
        .with("zeros", [0; 100])
        .with("commas", vec![b','; 1 << 20]);
    let schema = Schema { columns: vec!["a".into(), "b".into()], ..Schema::of(&[2], Vec::new()) };
    for name in readers().names() {
        let reader = readers().make(name, &[]).unwrap();
        for file in ["empty", "noise", "noise.gz", "zeros", "commas", "missing", ""] {
            let path = rubbish.0.join(file);
            reader.reads(&path);
            code(reader.load(&path, Task::Classes));
            code(reader.load(&path, Task::Numbers));
            code(reader.load_for(&path, &schema, true));
            code(reader.load_for(&path, &schema, false));
        }
        #[cfg(unix)]
        code(reader.load(Path::new("/dev/zero"), Task::Classes));
    }
}

#[test]
fn the_digits_are_part_of_the_program() {
    let digits = open("digits", Task::Classes, &Options::default()).unwrap();
    let train = &digits.train;
    assert_eq!((train.len(), &train.shape[..], &digits.test), (1797, &[8, 8][..], &None));
    let Features::U8(pixels) = &train.features else { panic!("pixels are bytes") };
    assert_eq!(pixels[..16], [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]);
    assert_eq!(pixels.iter().max(), Some(&16));
    assert_eq!(train.class_counts(), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    assert_eq!(digits.schema.classes, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!(digits.pipeline(train), Pipeline::scale(1.0 / 16.0));
    let (rest, part) = train.split(0.2, Stream::named(0, "test")).unwrap();
    assert_eq!((rest.len(), part.len()), (1438, 359));

    let again = open_for("digits", &digits.schema, true, &Options::default()).unwrap();
    assert_eq!((&again.data, again.files), (train, digits.files));
    let inputs = open_for("digits", &digits.schema, false, &Options::default()).unwrap().data;
    assert_eq!((inputs.targets, inputs.features), (Targets::None, train.features.clone()));
    // The model's label map decides what number a class is.
    let turned = Schema { classes: digits.schema.classes.iter().rev().cloned().collect(), ..digits.schema.clone() };
    let turned = open_for("digits", &turned, true, &Options::default()).unwrap().data;
    assert_eq!(turned.class_counts()[0], 180);
    // A table with the digits' columns is read for a model of the digits.
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/digits.csv.gz"));
    let Ok(bytes) = bytes else { return println!("skipped: the table of digits is not beside the sources") };
    let folder = Folder::new().with("d.csv.gz", bytes);
    let table = open_for(folder.0.join("d.csv.gz"), &digits.schema, true, &Options::default()).unwrap().data;
    assert_eq!((&table.targets, &table.shape), (&train.targets, &train.shape));
}

#[test]
fn idx_folders_are_read() {
    let folder = images();
    let loaded = open(&folder.0, Task::Classes, &Options::default()).unwrap();
    assert_eq!(loaded.train.shape, [2, 3]);
    assert_eq!(loaded.train.features, Features::U8(PIXELS.to_vec()));
    // Classes are the labels that occur.
    assert_eq!(loaded.schema.classes, ["1", "2", "4"]);
    assert_eq!(loaded.train.targets, Targets::Classes(vec![0, 2, 1]));
    let test = loaded.test.as_ref().unwrap();
    assert_eq!((test.len(), &test.targets), (2, &Targets::Classes(vec![2, 0])));
    assert_eq!(loaded.pipeline(&loaded.train), Pipeline::scale(1.0 / 255.0));
    let sizes: Vec<u64> = loaded.files.iter().map(|f| f.size).collect();
    assert_eq!((sizes.len(), sizes[1], sizes[2]), (4, 11, 28));
    // Python: hashlib.sha256(bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 4, 2])).hexdigest()
    assert_eq!(loaded.files[1].sha256, "b08c5697641f80a0f5c600f0e3eb565287ee346aeca427d47364dedc7acc8518");

    let read = |targets| open_for(&folder.0, &loaded.schema, targets, &Options::default()).unwrap();
    assert_eq!(read(true).data, *test);
    let inputs = read(false);
    assert_eq!((&inputs.data.targets, &inputs.data.features), (&Targets::None, &test.features));
    assert_eq!(inputs.files.len(), 1);
    let one = folder.0.join("x-train-images-idx3-ubyte.gz");
    let inputs = open_for(&one, &loaded.schema, false, &Options::default()).unwrap().data;
    assert_eq!(inputs.features, loaded.train.features);
    assert_eq!(code(open_for(&one, &loaded.schema, true, &Options::default())), "idx-labels-missing");
    assert_eq!(code(open(&one, Task::Classes, &Options::default())), "idx-labels-missing");
    let other = Schema { shape: vec![3, 2], ..loaded.schema.clone() };
    assert_eq!(code(open_for(&one, &other, false, &Options::default())), "sample-shape");
    let other = Schema { classes: vec!["1".into(), "2".into()], ..loaded.schema.clone() };
    assert_eq!(code(open_for(&folder.0, &other, true, &Options::default())), "unknown-class");

    // The packed file beside the same one unpacked is passed over, hidden files are too, and names may be given.
    let folder = folder
        .with("x-train-labels-idx1-ubyte.gz", gz(idx(&[3], &[1, 4, 2])))
        .with("._x-train-images-idx3-ubyte.gz", "not read")
        .with("classes.txt", "-\none\n two \nthree\nfour\n");
    let loaded = open(&folder.0, Task::Classes, &Options::default()).unwrap();
    assert_eq!((loaded.schema.classes.join(" "), loaded.files.len()), ("one two four".into(), 5));
    let folder = folder.without("T10K-images.idx3-ubyte").without("T10K-labels.idx1-ubyte.gz");
    assert_eq!(open(&folder.0, Task::Classes, &Options::default()).unwrap().test, None);
    let all = open_for(&folder.0, &loaded.schema, true, &Options::default()).unwrap().data;
    assert_eq!(all, loaded.train);
}

#[test]
fn damaged_idx_files_are_one_error_each() {
    let (images_name, labels_name) = ("x-train-images-idx3-ubyte.gz", "x-train-labels-idx1-ubyte");
    let good = idx(&[3, 2, 3], &PIXELS);
    let mut wrong_sum = gz(&good);
    let n = wrong_sum.len();
    wrong_sum[n - 6] ^= 1;
    let image_cases: Vec<(&str, Vec<u8>)> = vec![
        ("idx-cut: offset 0: found 0 bytes", vec![]),
        ("idx-cut: offset 0: found 3 bytes", vec![0, 0, 8]),
        ("idx-cut: offset 4: found 11 bytes of sizes; expected 12", good[..15].to_vec()),
        ("idx-cut: offset 16: found 0 bytes; the header announces 18", good[..16].to_vec()),
        ("idx-cut: offset 16: found 17 bytes; the header announces 18", good[..33].to_vec()),
        ("idx-cut: offset 16: found 17 bytes; the header announces 18", gz(&good[..33])),
        ("idx-cut: offset 16: found 18 bytes; the header announces 4000000000", idx(&[1_000_000_000, 2, 2], &PIXELS)),
        (
            "idx-cut: offset 16: found 18 bytes; the header announces 4000000000",
            gz(idx(&[1_000_000_000, 2, 2], &PIXELS)),
        ),
        ("idx-trailing: offset 34: found more bytes", [&good[..], &[0]].concat()),
        ("idx-trailing: offset 34: found more bytes", gz([&good[..], &[0]].concat())),
        ("idx-magic: offset 0: found bytes 01 00", [&[1][..], &good[1..]].concat()),
        ("idx-type: offset 2: found type 0x0d; expected 0x08", [&[0, 0, 13][..], &good[3..]].concat()),
        ("idx-dimensions: offset 3: found 1 dimensions; expected 2 to 4", idx(&[18], &PIXELS)),
        ("idx-dimensions: offset 3: found 5 dimensions", idx(&[3, 1, 1, 2, 3], &PIXELS)),
        ("idx-empty: offset 4: found sizes [0, 2, 3]", idx(&[0, 2, 3], &[])),
        ("idx-empty: offset 4: found sizes [3, 0, 3]", idx(&[3, 0, 3], &[])),
        ("idx-too-large: offset 4: found sizes [4294967295, 4294967295, 4294967295]", idx(&[u32::MAX; 3], &PIXELS)),
        ("idx-too-large: offset 4: found sizes [65536, 65536, 2]", gz(idx(&[65536, 65536, 2], &PIXELS))),
        ("gzip-cut: offset 16: ", gz(&good)[..n - 20].to_vec()),
        ("gzip-cut: offset 34: ", gz(&good)[..n - 1].to_vec()),
        ("gzip-damaged: offset 34: ", wrong_sum),
        ("gzip-damaged: offset 0: ", [&[0x1f, 0x8b, 7, 0][..], &good].concat()),
        ("gzip-damaged: offset 34: ", [&gz(&good)[..], b"rest of another file"].concat()),
        ("gzip-damaged: 2 bytes behind its end", [&gz(&good)[..], b"xy"].concat()),
        ("gzip-damaged: 2 bytes behind its end", [gz(&good[..9]), gz(&good[9..]), b"\x1fx".into()].concat()),
        ("counts-differ: 3 labels; ", idx(&[2, 3, 3], &PIXELS)),
        ("sample-shape: ", idx(&[3, 3, 2], &PIXELS)),
    ];
    let check = |file: &str, expected: &str, folder: Folder| {
        let e = open(&folder.0, Task::Classes, &Options::default()).expect_err(expected);
        let (expected_code, part) = expected.split_once(": ").unwrap();
        assert_eq!(code(Err::<(), Error>(e.clone())), expected_code, "{e}");
        let place = folder.0.join(file).display().to_string().trim_end_matches(std::path::MAIN_SEPARATOR).to_owned();
        assert!(e.message().contains(&place) && e.message().contains(part), "{expected}: {e}");
    };
    for (expected, bytes) in image_cases {
        let file = if expected.starts_with("counts") {
            labels_name
        } else if expected.starts_with("sample") {
            ""
        } else {
            images_name
        };
        check(file, expected, images().with(images_name, bytes));
    }
    let label_cases: Vec<(&str, Vec<u8>)> = vec![
        ("counts-differ: 2 labels; ", idx(&[2], &[1, 2])),
        ("idx-dimensions: offset 3: found 3 dimensions; expected 1", idx(&[3, 1, 1], &[1, 2, 3])),
        ("idx-cut: offset 8: found 2 bytes; the header announces 3", idx(&[3], &[1, 2])),
    ];
    for (expected, bytes) in label_cases {
        check(labels_name, expected, images().with(labels_name, bytes));
    }
    // Label 4 of the test part is none of the training part's.
    check(
        "T10K-labels.idx1-ubyte.gz",
        "label-out-of-range: offset 8: found label 4",
        images().with(labels_name, idx(&[3], &[1, 3, 2])),
    );
    check(labels_name, "label-out-of-range: found label 2; 2 classes are named", images().with("labels.txt", "a\nb"));
    check(
        "",
        "single-class: every target is `1`",
        images()
            .with(labels_name, idx(&[3], &[1, 1, 1]))
            .without("T10K-images.idx3-ubyte")
            .without("T10K-labels.idx1-ubyte.gz"),
    );
    for names in ["a\n\nb\nc\nd", "a\nb\nc\nb\nd", &"x\n".repeat(300), "\u{0}\n\n"] {
        check("classes.txt", "class-names: line ", images().with("classes.txt", names));
    }
    check("classes.txt", "class-names: not UTF-8", images().with("classes.txt", b"\xff"));
    check("", "idx-several-files: 2 files could be the same part", images().with("y-train-images", "x"));
    for other in [gz(idx(&[3], &[1, 4, 1])), gz(idx(&[4], &[1, 4, 2, 2])), b"no gzip file at all".into(), Vec::new()] {
        let twice = images().with(&format!("{labels_name}.gz"), other);
        check("", "idx-several-files: and differ: x-train-labels-idx1-ubyte and x-train-labels-idx1-ubyte.gz", twice);
    }
    check("", "idx-file-missing: there is no file *labels* for *images*, of train", images().without(labels_name));
    check(
        "",
        "idx-file-missing: there is no file *images* for *labels*, of test",
        images().without("T10K-images.idx3-ubyte"),
    );
    check("", "idx-file-missing: there is no file *train*images*", images().without(images_name).without(labels_name));
}

const TABLE: &str = "\u{feff}\"width\";depth;note;kind\r\n1,5;2;a;10\r\n";

#[test]
fn tables_are_read() {
    let folder = Folder::new()
        .with("t.csv", "b,name,y,a\n1,\"x, \"\"y\"\"\",10,-2.5\n\n2,,9,1e2\r\n3,z,10,.5")
        .with("t.csv.gz", gz("b;y;a;c\n1;red;2;0\n3;blue;4;0\n"))
        .with("tab.TSV", "a\tb\n1\t2\n3\t4\n")
        .with("more.txt", "a,extra,y,b\n5,?,9,6\n7,,10,8\n");
    let path = |name: &str| folder.0.join(name);
    let options = with(&[("target", "y"), ("drop", "+name")]);
    let t = open(path("t.csv"), Task::Classes, &options).unwrap();
    assert_eq!(t.train.features, Features::F32(vec![1.0, -2.5, 2.0, 100.0, 3.0, 0.5]));
    assert_eq!((t.schema.columns.join(" "), t.schema.target.as_deref()), ("b a".into(), Some("y")));
    // Numbers as names of classes are in the order of numbers.
    assert_eq!((t.schema.classes.join(" "), &t.train.targets), ("9 10".into(), &Targets::Classes(vec![1, 0, 1])));
    assert_eq!((t.scale, t.test.is_none(), t.files.len()), (None, true, 1));
    let pipeline = t.pipeline(&t.train);
    let Some(Step::Standardize { mean, .. }) = pipeline.simple() else { panic!("columns are standardised") };
    assert_eq!(mean[0], 2.0);

    let numbers = open(path("t.csv"), Task::Numbers, &options).unwrap();
    assert_eq!(numbers.train.targets, Targets::Numbers { width: 1, values: vec![10.0, 9.0, 10.0] });
    assert!(numbers.schema.classes.is_empty());
    let named = open(path("t.csv.gz"), Task::Classes, &with(&[("target", "y")])).unwrap();
    assert_eq!(
        (named.schema.classes.join(" "), named.train.targets),
        ("blue red".into(), Targets::Classes(vec![1, 0]))
    );
    let tabs = open(path("tab.TSV"), Task::Numbers, &Options::default()).unwrap();
    assert_eq!((tabs.train.features, tabs.schema.target.as_deref()), (Features::F32(vec![1.0, 3.0]), Some("b")));

    // For a model: columns by name in the model's order, the model's label map, other columns passed over.
    let more = |targets| open_for(path("more.txt"), &t.schema, targets, &Options::default()).unwrap().data;
    assert_eq!(more(false).features, Features::F32(vec![6.0, 5.0, 8.0, 7.0]));
    assert_eq!((more(false).targets, more(false).classes), (Targets::None, t.schema.classes.clone()));
    assert_eq!(more(true).targets, Targets::Classes(vec![0, 1]));
    let more = open_for(path("more.txt"), &numbers.schema, true, &Options::default()).unwrap().data;
    assert_eq!(more.targets, Targets::Numbers { width: 1, values: vec![9.0, 10.0] });
    let schema: Schema = serde_json::from_str(&serde_json::to_string(&t.schema).unwrap()).unwrap();
    assert_eq!(schema, t.schema);
}

#[test]
fn damaged_tables_are_one_error_each() {
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);
    let many = format!("{}\n", "a,".repeat(100_001));
    let long = format!("a,{}\n1,2\n", "b".repeat(257));
    let endless = format!("a,b\n\"{}", "x".repeat(3 << 20));
    let classes: String = (0..65_537).map(|i| format!("1,{i}\n")).collect();
    let classes = format!("a,b\n{classes}");
    let wide: String = (0..1000).map(|i| format!("c{i},")).collect::<String>() + "y\n";
    let cases: &[Case] = &[
        ("", "csv-no-rows: the file is empty", &[]),
        ("\n\r\n\n", "csv-no-rows: the file is empty", &[]),
        ("a,b\n", "csv-no-rows: no rows behind the header", &[]),
        ("1,2\n3,4\n", "csv-no-header: line 1: all cells are numbers", &[]),
        ("a,a,b\n1,2,3\n", "csv-duplicate-column: line 1: two columns are named \"a\"", &[]),
        (",b\n1,2\n", "csv-unnamed-column: column 1 has no name", &[]),
        ("b\n1\n2\n", "csv-no-features: no column is left", &[]),
        ("a,b\n1,2\n", "csv-no-features: no column is left", &[("drop", "+a")]),
        ("a,b\n1,2\n", "csv-target-dropped: leaves out column `b`, which is the target", &[("drop", "+b")]),
        ("a,b\n1,2\n", "csv-target-dropped: named by `data.target`", &[("target", "a"), ("drop", "+a")]),
        ("a,b\n1,2\n3\n", "csv-ragged: line 3: found 1 cells; expected 2", &[]),
        ("a,b\n\n1,2\n\n3,4,5\n", "csv-ragged: line 5: found more than 2 cells; expected 2", &[]),
        ("a,b\n1,x\n2,y\n,z\n", "csv-empty-cell: line 4, column `a`: the cell is empty", &[]),
        ("a,b\n1,x\n2,\n", "csv-empty-cell: line 3, column `b`: the cell is empty; expected the name of a class", &[]),
        ("a,b\n1,x\n2.0.1,y\n", "csv-not-a-number: line 3, column `a`: found \"2.0.1\"", &[]),
        ("a,b\n\"1\n\",x\n0x1,y\n", "csv-not-a-number: line 4, column `a`: found \"0x1\"", &[]),
        ("a,b\n1,x\nNaN,y\n", "csv-not-finite: line 3, column `a`: found \"NaN\"", &[]),
        ("a,b\n1,x\n-inf,y\n", "csv-not-finite: line 3, column `a`: found \"-inf\"", &[]),
        ("a,b\n1,x\n1e39,y\n", "csv-not-finite: line 3, column `a`: found \"1e39\"", &[]),
        ("a,b\n1,x\n2,\"y\n3,z\n", "csv-quote: line 3: a quote has no end", &[]),
        ("a,b\n1,x\n2,\"y\"z\n", "csv-quote: line 3: ", &[]),
        ("a,b\n1,x\n2,x\n", "single-class: every target is `x`", &[]),
        ("width,b\n1,2\n", "unknown-column: no column `widht`; did you mean `width`?", &[("target", "widht")]),
        ("a,b\n1,2\n", "unknown-column: no column `c`", &[("drop", "+c")]),
        ("a,b\n1,2\n", "unknown-setting: no setting `tarket`; did you mean `target`?", &[("tarket", "b")]),
        ("a,b\n1,2\n", "value-not-allowed: `drop` is \"b\"; allowed is a list of names", &[("drop", "b")]),
        (&many, "csv-columns: line 1: more than 100000 columns", &[]),
        (&long, "csv-long-name: line 1: ", &[]),
        (&endless, "csv-long-cell: line 2: a cell is longer than", &[]),
        (&classes, "too-many-classes: line 65538, column `b`: more than 65536 classes", &[]),
        (&wide, "unknown-column: c39 … (1001 in all)", &[("target", "nothing like it")]),
    ];
    for (text, expected, settings) in cases {
        let (expected_code, part) = expected.split_once(": ").unwrap();
        for (name, bytes) in [("t.csv", text.as_bytes().to_vec()), ("t.csv.gz", gz(text))] {
            let folder = Folder::new().with(name, bytes);
            let path = folder.0.join(name);
            let e = open(&path, Task::Classes, &with(settings)).expect_err(expected);
            assert_eq!(code(Err::<(), Error>(e.clone())), expected_code, "{e}");
            let about_a_file = !["unknown-setting", "value-not-allowed"].contains(&expected_code);
            assert!(!about_a_file || e.message().starts_with(&path.display().to_string()), "{e}");
            assert!(e.message().contains(part), "{expected}: {e}");
        }
    }
    let open_bytes = |name: &str, bytes: &[u8], task| {
        let folder = Folder::new().with(name, bytes);
        open(folder.0.join(name), task, &Options::default())
    };
    // A decimal comma is not a number; a byte order mark, quotes and Windows' line ends are nothing to worry about.
    let e = open_bytes("t.csv", TABLE.as_bytes(), Task::Numbers).unwrap_err();
    assert!(e.message().contains("line 2, column `width`: found \"1,5\""), "{e}");
    assert_eq!(code(open_bytes("t.csv", b"a,b\n1,text\n", Task::Numbers)), "csv-not-a-number");
    assert_eq!(code(open_bytes("t.csv", b"a,\xff\n1,2\n", Task::Numbers)), "csv-not-text");
    assert_eq!(code(open_bytes("t.csv", b"a,b\n1,\xff\n", Task::Classes)), "csv-not-text");
    // Fewer whole numbers, or numbers with several rows each, may be names.
    let numbers =
        |n: usize, of: &dyn Fn(usize) -> String| -> String { (0..n).map(|i| format!("1,{}\n", of(i))).collect() };
    for rows in [numbers(19, &|i| i.to_string()), numbers(60, &|i| (i % 30).to_string()), "1,.5\n1,1\n".into()] {
        assert!(open_bytes("t.csv", format!("a,b\n{rows}").as_bytes(), Task::Classes).is_ok(), "{rows}");
    }
    // Spaces in quotes belong to the cell.
    let spaced = open_bytes("t.csv", b"a,\" b\"\n\" 1 \", x \n2,\" x\"\n", Task::Classes).unwrap();
    assert_eq!((spaced.schema.classes, spaced.schema.target), (vec![" x".into(), "x".into()], Some(" b".into())));
    let packed = gz("a,b\n1,2\n".repeat(1000));
    assert_eq!(code(open_bytes("t.csv.gz", &packed[..packed.len() - 4], Task::Numbers)), "csv-not-a-number");
    let packed = gz(format!("a,b\n{}", "1,2\n".repeat(1000)));
    assert_eq!(code(open_bytes("t.csv.gz", &packed[..packed.len() - 4], Task::Numbers)), "gzip-cut");
}

#[test]
fn tables_that_do_not_fit_the_model_are_refused() {
    let folder = Folder::new().with("t.csv", "length,width,kind\n1,2,oak\n").with("n.csv", "a,b\n1,2\n");
    let schema = Schema {
        shape: vec![2],
        columns: vec!["length".into(), "width".into()],
        target: Some("kind".into()),
        classes: vec!["oak".into(), "elm".into()],
        highest: None,
    };
    let read = |name: &str, schema: &Schema, targets, options: &Options| {
        open_for(folder.0.join(name), schema, targets, options)
    };
    let plain = Options::default();
    assert_eq!(read("t.csv", &schema, true, &plain).unwrap().data.targets, Targets::Classes(vec![0]));
    assert_eq!(code(read("n.csv", &schema, false, &plain)), "unknown-column");
    assert_eq!(code(read("t.csv", &schema, true, &with(&[("target", "width")]))), "csv-column-twice");
    assert_eq!(code(read("t.csv", &Schema { target: None, ..schema.clone() }, true, &plain)), "csv-no-target");
    assert_eq!(code(read("t.csv", &Schema { shape: vec![3], ..schema.clone() }, true, &plain)), "sample-shape");
    let twice = Schema { columns: vec!["width".into(), "width".into()], ..schema.clone() };
    assert_eq!(code(read("t.csv", &twice, false, &plain)), "csv-column-twice");
    let ash = Schema { classes: vec!["ash".into(), "elm".into()], ..schema.clone() };
    let e = read("t.csv", &ash, true, &plain).unwrap_err();
    assert!(e.code() == "unknown-class" && e.message().contains("line 2, column `kind`"), "{e}");
    let images = Schema { shape: vec![28, 28], columns: Vec::new(), ..schema };
    let e = read("t.csv", &images, false, &plain).unwrap_err();
    assert!(e.code() == "csv-no-features" && e.message().contains("the model takes images [28, 28]"), "{e}");
}

#[test]
fn no_change_of_a_byte_and_no_cut_makes_a_reader_panic() {
    let schema = Schema {
        shape: vec![2, 3],
        columns: vec!["a".into(), "b".into()],
        target: None,
        classes: Vec::new(),
        highest: None,
    };
    let table = b"a;b;\"c\"\n1;2.5;x\r\n3;\"4\";y\n".to_vec();
    let image = idx(&[3, 2, 3], &PIXELS);
    let mut tried = 0;
    for (name, good) in [
        ("t.csv", &table),
        ("x-train-images-ubyte", &image),
        ("t.csv.gz", &gz(&table)),
        ("images-ubyte.gz", &gz(&image)),
    ] {
        let folder = Folder::new().with("x-train-labels-ubyte", idx(&[3], &[0, 1, 2]));
        let path = folder.0.join(name);
        let mut read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            for result in
                [open(&path, Task::Classes, &Options::default()), open(&folder.0, Task::Classes, &Options::default())]
            {
                if let Err(e) = result {
                    assert!(!e.to_string().contains('\n'), "{e}");
                }
            }
            open_for(&path, &schema, false, &Options::default()).ok();
            tried += 1;
        };
        for i in 0..good.len() {
            read(&good[..i]);
            for change in [0x01, 0x80, 0xff, good[i] ^ b'"', good[i] ^ b'\n'] {
                let mut bytes = good.clone();
                bytes[i] ^= change;
                read(&bytes);
            }
        }
    }
    assert!(tried > 500);
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let folder = Folder::new().with("picture.png", b"\x89PNG");
    let options = Options { folders: vec![folder.0.clone()], ..Options::default() };
    let e = open("mnits", Task::Classes, &options).unwrap_err();
    assert_eq!((e.kind(), e.code()), (Kind::File, "no-data"));
    assert!(e.message().contains("did you mean `mnist`?"), "{e}");
    let e = open(folder.0.join("picture.png"), Task::Classes, &options).unwrap_err();
    assert!(e.code() == "unknown-format" && readers().names().iter().all(|n| e.message().contains(n)), "{e}");
    assert_eq!(code(open(&folder.0, Task::Classes, &options)), "unknown-format");
    let e = open("digits", Task::Classes, &with(&[("target", "x")])).unwrap_err();
    assert!(e.code() == "unknown-setting", "{e}");
    let none = Options { folders: Vec::new(), ..Options::default() };
    assert_eq!(code(open("mnist", Task::Classes, &none)), "data-missing");
    // A path with a line end in it is still one line of error.
    assert_eq!(code(open("no\nsuch", Task::Classes, &options)), "no-data");
}

/// Reads a file in a process of its own and tells how much memory that took.
#[cfg(target_os = "linux")]
fn peak_of_reading(path: &Path) -> usize {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "read_one_file_and_tell_the_peak", "--nocapture"])
        .env("SCHUSS_TEST_FILE", path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let peak = text.lines().find_map(|line| line.split_once("peak KiB ")?.1.trim().parse::<usize>().ok());
    peak.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr))) << 10
}

#[cfg(target_os = "linux")]
#[test]
fn read_one_file_and_tell_the_peak() {
    let Some(path) = std::env::var_os("SCHUSS_TEST_FILE") else { return };
    let schema = Schema { columns: vec!["a".into(), "b".into()], ..Schema::of(&[2], Vec::new()) };
    open(&path, Task::Classes, &Options::default()).err();
    open_for(&path, &schema, false, &Options::default()).err();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    println!("\npeak KiB {}", peak.trim().trim_end_matches("kB"));
}

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_in_proportion_to_the_file() {
    const SIZE: usize = 24 << 20;
    let mut lying = idx(&[4_000_000_000, 1], &[]);
    lying.resize(SIZE, 7);
    let cases = [
        ("lying-idx2-ubyte", lying.clone()),
        ("lying-idx2-ubyte.gz", gz(idx(&[4_000_000_000, 1], &PIXELS))),
        ("commas.csv", vec![b','; SIZE]),
        ("commas-below.csv", [b"a,b\n".to_vec(), vec![b','; SIZE]].concat()),
        ("rows.csv", [b"a,b\n".to_vec(), b"1,2\n".repeat(SIZE / 4)].concat()),
        ("quote.csv", [b"a,b\n\"".to_vec(), vec![b'x'; SIZE]].concat()),
        ("names.csv", [b"a".to_vec(), vec![b'x'; SIZE]].concat()),
    ];
    for (name, bytes) in cases {
        let size = bytes.len();
        let folder = Folder::new().with(name, bytes);
        let peak = peak_of_reading(&folder.0.join(name));
        println!("{name}: {size} bytes, peak {peak}");
        assert!(peak <= (64 << 20) + 4 * size, "{name} of {size} bytes took {peak}");
    }
}

/// The folder of real data, if there is one.
fn real_data() -> Option<PathBuf> {
    let folder = std::env::var_os("SCHUSS_DATA_DIR").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: SCHUSS_DATA_DIR is not set");
    }
    folder
}

#[test]
fn mnist_and_fashion_mnist() {
    let Some(folder) = real_data() else { return };
    assert_eq!(default_folders(), [folder]);
    for (name, labels, tested) in [("mnist", [5, 0, 4, 1], [7, 2, 1, 0]), ("fashion-mnist", [9, 0, 0, 3], [9, 2, 1, 1])]
    {
        let data = open(name, Task::Classes, &Options::default()).unwrap();
        let test = data.test.as_ref().unwrap();
        assert_eq!((data.train.len(), test.len(), &data.schema.shape[..]), (60_000, 10_000, &[28, 28][..]));
        assert_eq!(data.schema.classes.len(), 10);
        assert_eq!(test.class_counts().iter().sum::<usize>(), 10_000);
        let first = |data: &Dataset| match &data.targets {
            Targets::Classes(labels) => labels[..4].to_vec(),
            other => panic!("{other:?}"),
        };
        assert_eq!((first(&data.train), first(test)), (labels.to_vec(), tested.to_vec()));
        let balanced = ClassWeights::Balanced.of(&data.train).unwrap();
        if name == "fashion-mnist" {
            assert_eq!(balanced, [1.0; 10]);
        } else {
            // 5,923 zeros.
            assert_eq!(balanced[0], 60_000.0 / (10.0 * 5923.0));
        }
        let inputs = open_for(name, &data.schema, false, &Options::default()).unwrap().data;
        assert_eq!(inputs.features, test.features);
    }
}

#[test]
fn tables_of_real_data() {
    let Some(folder) = real_data() else { return };
    let open =
        |name: &str, task, settings: &[(&str, &str)]| open(folder.join("tabular").join(name), task, &with(settings));
    let wine = open("winequality-white.csv", Task::Classes, &[]).unwrap();
    assert_eq!((wine.train.len(), wine.schema.shape[0], wine.schema.columns[0].as_str()), (4898, 11, "fixed acidity"));
    assert_eq!(wine.schema.classes.join(" "), "3 4 5 6 7 8 9");
    assert_eq!(wine.train.class_counts(), [20, 163, 1457, 2198, 880, 175, 5]);
    let (rest, part) = wine.train.split(0.2, Stream::named(3, "test")).unwrap();
    assert_eq!((part.class_counts(), rest.len()), (vec![4, 33, 291, 440, 176, 35, 1], 3918));
    let wine = open("winequality-white.csv", Task::Numbers, &[("drop", "+pH")]).unwrap();
    assert!(matches!(&wine.train.targets, Targets::Numbers { width: 1, values } if values[..3] == [6.0, 6.0, 6.0]));
    assert_eq!(wine.schema.shape, [10]);
    let e = open("seaborn_penguins.csv", Task::Classes, &[("target", "species"), ("drop", "+island+sex")]).unwrap_err();
    assert!(e.message().contains("line 5, column `bill_length_mm`: the cell is empty"), "{e}");
    let e = open("titanic.csv", Task::Classes, &[("target", "Survived")]).unwrap_err();
    assert!(e.message().contains("line 2, column `Name`: found \"Braund, Mr. Owen Harris\""), "{e}");
}
