//! CIFAR's binary files: good ones, packed ones, and every way they can be bad.

use folder::Folder;
use lzma_rust2::{XzOptions, XzWriter};
use schuss::data::{Dataset, Features, Options, Schema, Targets, Task, open, open_for};
use schuss::registry::Argument;
use std::io::Write;

mod folder;

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// Pictures with these labels before them; the n-th has red n, green 100 + n, blue 200 + n, and its first pixel is 1, 2, 3.
fn records(labels: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (n, labels) in labels.iter().enumerate() {
        bytes.extend_from_slice(labels);
        for (first, rest) in [(1, n), (2, 100 + n), (3, 200 + n)] {
            bytes.push(first);
            bytes.extend([rest as u8; 1023]);
        }
    }
    bytes
}

fn ten() -> Folder {
    let batch = |labels: &[u8]| records(&labels.iter().map(std::slice::from_ref).collect::<Vec<_>>());
    Folder::new()
        .with("data_batch_1.bin", batch(&[3, 0]))
        .with("data_batch_2.bin.xz", xz(&batch(&[9])))
        .with("data_batch_3.bin", batch(&[1]))
        .with("data_batch_4.bin", batch(&[1]))
        .with("data_batch_5.bin", batch(&[7, 7, 8]))
        .with("test_batch.bin.xz", xz(&batch(&[5, 6])))
}

fn hundred() -> Folder {
    Folder::new()
        .with("train.bin", records(&[&[19, 99], &[0, 1], &[4, 0]]))
        .with("test.bin.xz", xz(&records(&[&[4, 0]])))
}

fn labels(data: &Dataset) -> Vec<u32> {
    match &data.targets {
        Targets::Classes(labels) => labels.clone(),
        other => panic!("{other:?}"),
    }
}

fn code(folder: &Folder) -> (&'static str, String) {
    let e = open(&folder.0, Task::Classes, &Options::default()).expect_err("an error");
    assert!(!e.to_string().contains('\n'), "{e}");
    (e.code(), e.message().to_owned())
}

#[test]
fn planes_become_channels_and_batches_stand_in_their_order() {
    let folder = ten();
    let loaded = open(&folder.0, Task::Classes, &Options::default()).unwrap();
    assert_eq!((labels(&loaded.train), &loaded.train.shape[..]), (vec![3, 0, 9, 1, 1, 7, 7, 8], &[32, 32, 3][..]));
    let Features::U8(pixels) = &loaded.train.features else { panic!("pixels are bytes") };
    assert_eq!(pixels[..9], [1, 2, 3, 0, 100, 200, 0, 100, 200]);
    assert_eq!(pixels[3072..3081], [1, 2, 3, 1, 101, 201, 1, 101, 201]);
    assert_eq!(
        (loaded.schema.classes.join(""), loaded.files.len(), loaded.scale),
        ("0123456789".into(), 6, Some(1.0 / 255.0))
    );
    let test = loaded.test.unwrap();
    assert_eq!(labels(&test), [5, 6]);

    let names: String = (0..10).map(|i| format!("thing {i}\n")).collect();
    let folder = folder.with("batches.meta.txt", names + "\n");
    let loaded = open(&folder.0, Task::Classes, &Options::default()).unwrap();
    assert_eq!((loaded.schema.classes[3].as_str(), loaded.files.len()), ("thing 3", 7));
    // For a model: the test part, its label map; a file alone has pictures, and labels too.
    let schema = Schema { classes: loaded.schema.classes.iter().rev().cloned().collect(), ..loaded.schema };
    let read = |path: &str, targets| open_for(folder.0.join(path), &schema, targets, &Options::default()).unwrap().data;
    assert_eq!(labels(&read("", true)), [4, 3]);
    assert_eq!((read("", false).targets, read("", false).features), (Targets::None, test.features));
    assert_eq!(read("data_batch_5.bin", false).len(), 3);
    assert_eq!(labels(&read("data_batch_2.bin.xz", true)), [0]);
}

#[test]
fn cifar_100_has_fine_and_coarse_labels() {
    let folder = hundred();
    let of = |mode: &str| {
        let settings = vec![("label_mode".to_owned(), Argument::Text(mode.into()))];
        open(&folder.0, Task::Classes, &Options { settings, ..Options::default() })
    };
    let (fine, coarse) = (of("fine").unwrap(), of("coarse").unwrap());
    assert_eq!((labels(&fine.train), fine.schema.classes.len()), (vec![99, 1, 0], 100));
    assert_eq!((labels(&coarse.train), coarse.schema.classes.len()), (vec![19, 0, 4], 20));
    assert_eq!(of("both").unwrap_err().code(), "value-not-allowed");
    let Features::U8(pixels) = &fine.train.features else { panic!("pixels are bytes") };
    assert_eq!(pixels[3072..3078], [1, 2, 3, 1, 101, 201]);
    // The model's label map says which labels are meant.
    let again = |schema| labels(&open_for(&folder.0, schema, true, &Options::default()).unwrap().data);
    assert_eq!((again(&fine.schema), again(&coarse.schema)), (vec![0], vec![4]));
}

#[test]
fn damaged_files_are_one_error_each() {
    let good = records(&[&[3], &[0]]);
    let packed = xz(&good);
    let (cut, mut changed) = (packed[..packed.len() - 9].to_vec(), packed.clone());
    let middle = packed.len() / 2;
    changed[middle] ^= 0x55;
    // The header's size of the dictionary: 4 GiB − 1.
    let mut greedy = packed.clone();
    let place = greedy[..24].iter().rposition(|&b| b == 0x21).unwrap() + 2;
    greedy[place] = 40;
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    let end = 12 + (usize::from(greedy[12]) + 1) * 4;
    let sum = crc(&greedy[12..end - 4]);
    greedy[end - 4..end].copy_from_slice(&sum);
    let long = xz(&vec![0; 3073 * 10_001]);
    let cases: Vec<(&str, &str, Vec<u8>)> = vec![
        ("cifar-size", "found 0 bytes", vec![]),
        ("cifar-size", "found 6145 bytes; expected 1 to 10000 pictures of 3073", good[1..].to_vec()),
        ("cifar-size", "found more than 30730000 bytes", vec![0; 3073 * 10_001]),
        ("cifar-size", "found more than 30730000 bytes", long),
        ("cifar-size", "found 6145 bytes", xz(&good[1..])),
        ("label-out-of-range", "offset 3073: found label 10; labels are 0 to 9", records(&[&[3], &[10]])),
        ("xz-cut", "", cut),
        ("xz-cut", "", packed[..8].to_vec()),
        ("xz-damaged", "", changed),
        ("xz-too-large", "72 MiB", greedy),
        ("xz-damaged", "", [&packed[..], b"more"].concat()),
    ];
    for (expected, part, bytes) in cases {
        let folder = ten().with("data_batch_1.bin", bytes);
        let (code, message) = code(&folder);
        assert_eq!(code, expected, "{message}");
        assert!(message.contains("data_batch_1.bin: ") && message.contains(part), "{message}");
    }
    assert_eq!(code(&ten().without("data_batch_4.bin")).0, "cifar-file-missing");
    // Without a test part, one is cut off the training part.
    assert!(open(&ten().without("test_batch.bin.xz").0, Task::Classes, &Options::default()).unwrap().test.is_none());
    for names in ["a\nb\n", &"a\n".repeat(10), &(0..11).map(|i| format!("{i}\n")).collect::<String>()] {
        assert_eq!(code(&ten().with("batches.meta.txt", names)).0, "class-names");
    }
    assert_eq!(code(&ten().with("batches.meta.txt", b"\xff")).0, "class-names");
    let schema = Schema { shape: vec![32, 32], columns: Vec::new(), target: None, classes: Vec::new(), highest: None };
    let e = open_for(&ten().0, &schema, false, &Options::default()).unwrap_err();
    assert_eq!(e.code(), "sample-shape");
    let one = open(ten().0.join("data_batch_1.bin"), Task::Classes, &Options::default());
    assert!(one.is_err());
}

#[test]
fn no_change_of_a_byte_and_no_cut_makes_it_panic() {
    let packed = xz(&records(&[&[3], &[0]]));
    let folder = ten();
    for i in 0..packed.len() {
        for change in [1, 0x80, 0xff] {
            let mut bytes = packed.clone();
            bytes[i] ^= change;
            std::fs::write(folder.0.join("data_batch_2.bin.xz"), &bytes).unwrap();
            open(&folder.0, Task::Classes, &Options::default()).err();
        }
        std::fs::write(folder.0.join("data_batch_2.bin.xz"), &packed[..i]).unwrap();
        assert!(open(&folder.0, Task::Classes, &Options::default()).is_err(), "cut at {i}");
    }
}

#[test]
fn cifar_10() {
    if std::env::var_os("SCHUSS_DATA_DIR").is_none() {
        return println!("skipped: SCHUSS_DATA_DIR is not set");
    }
    let start = std::time::Instant::now();
    let data = open("cifar10", Task::Classes, &Options::default()).unwrap();
    println!("{:?}", start.elapsed());
    let test = data.test.as_ref().unwrap();
    assert_eq!((data.train.class_counts(), test.class_counts()), (vec![5000; 10], vec![1000; 10]));
    // The labels that the page of the data set shows: the first picture is a frog, the first to test with a cat.
    assert_eq!(
        (labels(&data.train)[..5].to_vec(), labels(test)[..5].to_vec()),
        (vec![6, 9, 9, 4, 1], vec![3, 8, 8, 0, 6])
    );
    assert_eq!((data.schema.classes[6].as_str(), data.schema.classes[9].as_str()), ("frog", "truck"));
    // Means of the channels, 0.4914, 0.4822, 0.4465 of 255 as published by many; 93 pictures are copies.
    let Features::U8(pixels) = &data.train.features else { panic!("pixels are bytes") };
    for (channel, mean) in [(0, 0.4914), (1, 0.4822), (2, 0.4465)] {
        let sum: u64 = pixels.iter().skip(channel).step_by(3).map(|&x| u64::from(x)).sum();
        let found = sum as f64 / (pixels.len() / 3) as f64 / 255.0;
        assert!((found - mean).abs() < 2e-4, "{channel}: {found}");
    }
}
