//! IDX files, as MNIST, Fashion-MNIST and EMNIST come in.
//!
//! Two zero bytes, a type (8: unsigned bytes), the number of dimensions, each dimension as a big-endian u32, the data.

use super::{AnyReader, FileRecord, Loaded, Reader, Samples, Schema, Task, file, show};
use crate::data::{Dataset, Features, Targets};
use crate::error::{Error, Result};
use crate::registry::{Entry, Page};
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const ENTRY: Entry<AnyReader> = Entry {
    name: "idx",
    page: Page {
        summary: "a folder of IDX files *train*images*, *train*labels* and, to test with, *t10k* or *test*, plain or .gz; \
                  to predict, also one file of images",
        equation: "",
        source: "Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, 1998",
        differs: "Unsigned bytes only, at most 4 GiB. Classes are the labels that the training part has, which may start at \
                  1. A file classes.txt or labels.txt in the folder names them: its first line is the name of label 0.",
    },
    settings: &[],
    make: |_| Ok(Arc::new(Idx)),
};

/// Reads IDX files.
#[derive(Clone, Copy, Debug)]
pub struct Idx;

impl Reader for Idx {
    fn reads(&self, path: &Path) -> bool {
        if path.is_dir() {
            return Folder::scan(path).is_ok_and(|f| f.images.iter().any(|files| !files.is_empty()));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let named = name.contains("ubyte") || name.contains(".idx") || name.contains("-idx");
        path.is_file() && (named || matches!(file::start(path), Ok(Some([0, 0, _, 1..=4]))))
    }

    fn load(&self, path: &Path, _: Task) -> Result<Loaded> {
        let folder = Folder::of(path)?;
        let [train, test] = [folder.pair(TRAIN)?, folder.pair(TEST)?];
        let train = train.ok_or_else(|| folder.missing("*train*images*"))?;
        let jobs: Vec<Job> = train.into_iter().chain(test.into_iter().flatten()).collect();
        let (mut arrays, mut files) = read_all(&jobs)?;
        let names = folder.names(&mut files)?;
        let test = arrays.split_off(2);
        let map = LabelMap::new(&arrays[1], names.as_deref())?;
        let part = |arrays: Vec<Array>| map.dataset(arrays);
        let train = part(arrays)?;
        let test = (!test.is_empty()).then(|| part(test)).transpose()?;
        let (shape, classes) = (train.shape.clone(), train.classes.clone());
        let schema = Schema::of(&shape, classes);
        Ok(Loaded { scale: Some(1.0 / 255.0), ..Loaded::new(train, test, files, schema) })
    }

    fn load_for(&self, path: &Path, schema: &Schema, targets: bool) -> Result<Samples> {
        if !targets {
            let images = if path.is_dir() { Folder::scan(path)?.some_images()? } else { path.to_owned() };
            let (mut arrays, files) = read_all(&[Job { path: images, ranks: IMAGES }])?;
            let images = arrays.remove(0);
            let data = images.dataset(Targets::None, schema.classes.clone());
            return Ok(Samples::new(data, files));
        }
        let folder = Folder::of(path)?;
        let pair = match folder.pair(TEST)? {
            None => folder.pair(TRAIN)?,
            test => test,
        };
        let (arrays, mut files) =
            read_all(&pair.ok_or_else(|| folder.missing("*test*images*, *t10k*images* or *train*images*"))?)?;
        let map = LabelMap::new(&arrays[1], folder.names(&mut files)?.as_deref())?;
        let mut data = map.dataset(arrays)?;
        data.targets = schema.translate(data.targets, &data.classes).map_err(|e| e.at(show(path)))?;
        data.classes.clone_from(&schema.classes);
        Ok(Samples::new(data, files))
    }
}

/// The files in a folder that names tell apart; `[TRAIN]`, `[TEST]`.
struct Folder {
    path: PathBuf,
    images: [Vec<PathBuf>; 2],
    labels: [Vec<PathBuf>; 2],
}

const TRAIN: usize = 0;
const TEST: usize = 1;

impl Folder {
    /// Of a path that must be a folder.
    fn of(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Self::scan(path);
        }
        let message = format!("{}: one file has no labels; give the folder that has images and labels", show(path));
        Err(Error::file("idx-labels-missing", message))
    }

    fn scan(path: &Path) -> Result<Self> {
        let mut folder = Folder { path: path.to_owned(), images: Default::default(), labels: Default::default() };
        let unreadable = |e| file::unreadable(path, &e);
        let entries = path.read_dir().and_then(|entries| entries.collect::<Result<Vec<_>, _>>()).map_err(unreadable)?;
        let mut files: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).filter(|p| p.is_file()).collect();
        files.sort();
        for file in &files {
            let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            let part = match () {
                () if name.starts_with('.') => continue,
                // The same file unpacked lies beside it, which is looked at when it is read.
                () if name.ends_with(".gz") && files.binary_search(&file.with_extension("")).is_ok() => continue,
                () if name.contains("train") => TRAIN,
                () if name.contains("t10k") || name.contains("test") => TEST,
                () => continue,
            };
            if name.contains("images") {
                folder.images[part].push(file.clone());
            } else if name.contains("labels") {
                folder.labels[part].push(file.clone());
            }
        }
        Ok(folder)
    }

    /// Images and labels of a part, both or none.
    fn pair(&self, part: usize) -> Result<Option<[Job; 2]>> {
        let pattern = ["train", "test or t10k"][part];
        match (self.one(&self.images[part])?, self.one(&self.labels[part])?) {
            (Some(images), Some(labels)) => {
                Ok(Some([Job { path: images, ranks: IMAGES }, Job { path: labels, ranks: LABELS }]))
            }
            (None, None) => Ok(None),
            (Some(_), None) => Err(self.missing(&format!("*labels* for *images*, of {pattern}"))),
            (None, Some(_)) => Err(self.missing(&format!("*images* for *labels*, of {pattern}"))),
        }
    }

    /// The images to test with, else those to train with.
    fn some_images(&self) -> Result<PathBuf> {
        let images = match self.one(&self.images[TEST])? {
            None => self.one(&self.images[TRAIN])?,
            test => test,
        };
        images.ok_or_else(|| self.missing("*test*images*, *t10k*images* or *train*images*"))
    }

    fn one(&self, files: &[PathBuf]) -> Result<Option<PathBuf>> {
        match files {
            [] => Ok(None),
            [one] => {
                let packed = one.with_added_extension("gz");
                if packed.is_file() && !file::is_packed(one, &packed)? {
                    return Err(self.several(2, one, &packed, "and differ:"));
                }
                Ok(Some(one.clone()))
            }
            [a, b, ..] => Err(self.several(files.len(), a, b, "as")),
        }
    }

    fn several(&self, n: usize, a: &Path, b: &Path, how: &str) -> Error {
        let name = |p: &Path| show(Path::new(p.file_name().unwrap_or_default()));
        let (folder, a, b) = (show(&self.path), name(a), name(b));
        let message =
            format!("{folder}: {n} files could be the same part, {how} {a} and {b}; keep one of each in a folder");
        Error::file("idx-several-files", message)
    }

    fn missing(&self, what: &str) -> Error {
        Error::file("idx-file-missing", format!("{}: there is no file {what} (plain or .gz)", show(&self.path)))
    }

    /// The names of labels 0, 1 … if a file says them.
    fn names(&self, files: &mut Vec<FileRecord>) -> Result<Option<Vec<String>>> {
        let paths = ["classes.txt", "labels.txt"].map(|name| self.path.join(name));
        let Some(path) = paths.into_iter().find(|p| p.is_file()) else { return Ok(None) };
        let (bytes, record) = file::read(&path)?;
        files.push(record);
        let bad =
            |what: &str| Error::format("class-names", format!("{}: {what}; expected one name a line", show(&path)));
        let text = std::str::from_utf8(&bytes).map_err(|_| bad("it is not UTF-8 text"))?;
        let mut names: Vec<String> = Vec::new();
        for name in text.lines().map(str::trim) {
            if name.is_empty() || names.len() == 256 || names.iter().any(|n| n == name) {
                return Err(bad(&format!("line {} is empty, a repetition, or above line 256", names.len() + 1)));
            }
            names.push(name.to_owned());
        }
        Ok(Some(names))
    }
}

/// Which class each label is: classes are the labels that occur, in their order.
struct LabelMap {
    class: [Option<u32>; 256],
    classes: Vec<String>,
    from: String,
}

impl LabelMap {
    fn new(labels: &Array, names: Option<&[String]>) -> Result<Self> {
        let mut occurs = [false; 256];
        labels.data.iter().for_each(|&label| occurs[usize::from(label)] = true);
        let from = labels.file.clone();
        let mut map = LabelMap { class: [None; 256], classes: Vec::new(), from };
        for label in (0..256).filter(|&label| occurs[label]) {
            let name = match names {
                None => label.to_string(),
                Some(names) => names.get(label).cloned().ok_or_else(|| {
                    let message = format!(
                        "{}: found label {label}; {} classes are named, from label 0 on",
                        labels.file,
                        names.len()
                    );
                    Error::value("label-out-of-range", message)
                })?,
            };
            map.class[label] = Some(map.classes.len() as u32);
            map.classes.push(name);
        }
        Ok(map)
    }

    /// From images and labels.
    fn dataset(&self, arrays: Vec<Array>) -> Result<Dataset> {
        let [images, labels] = <[Array; 2]>::try_from(arrays).expect("images and labels are read together");
        let (n, m) = (images.dims[0], labels.dims[0]);
        if n != m {
            let message = format!("{}: {m} labels; {} has {n} images", labels.file, images.file);
            return Err(Error::format("counts-differ", message));
        }
        let class = |(i, &label): (usize, &u8)| {
            self.class[usize::from(label)].ok_or_else(|| {
                let message = format!(
                    "{}: offset {}: found label {label}, which {} does not have",
                    labels.file,
                    8 + i,
                    self.from
                );
                Error::value("label-out-of-range", message)
            })
        };
        let targets = labels.data.iter().enumerate().map(class).collect::<Result<_>>()?;
        Ok(images.dataset(Targets::Classes(targets), self.classes.clone()))
    }
}

/// What is in a file.
#[derive(Debug)]
struct Array {
    file: String,
    dims: Vec<usize>,
    data: Vec<u8>,
}

impl Array {
    fn dataset(self, targets: Targets, classes: Vec<String>) -> Dataset {
        let shape = self.dims[1..].to_vec();
        Dataset { shape, features: Features::U8(self.data), targets, weights: None, classes }
    }
}

/// A file to read, and how many dimensions it may have.
struct Job {
    path: PathBuf,
    ranks: RangeInclusive<usize>,
}

const IMAGES: RangeInclusive<usize> = 2..=4;
const LABELS: RangeInclusive<usize> = 1..=1;

/// Reads files at the same time; the error is the first file's that has one.
fn read_all(jobs: &[Job]) -> Result<(Vec<Array>, Vec<FileRecord>)> {
    let read = |job: &Job| {
        let (bytes, record) = file::read(&job.path)?;
        let array = if file::is_gzip(&bytes) {
            array(&job.path, file::gunzip(&bytes, u64::MAX), &job.ranks)
        } else {
            array(&job.path, bytes.as_slice(), &job.ranks)
        };
        Ok((array?, record))
    };
    std::thread::scope(|scope| {
        let readers: Vec<_> = jobs.iter().map(|job| scope.spawn(move || read(job))).collect();
        readers.into_iter().map(|r| r.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// Reads the contents of a file. What the header announces is compared with what comes: no more is read, and memory
/// grows with what has been read.
fn array(path: &Path, mut input: impl Read, ranks: &RangeInclusive<usize>) -> Result<Array> {
    const TAKEN_AT_ONCE: usize = 64 << 20;
    let file = show(path);
    let mut take = |offset: usize, n: usize| {
        let mut bytes = Vec::with_capacity(n.min(TAKEN_AT_ONCE));
        let read = input.by_ref().take(n as u64).read_to_end(&mut bytes);
        read.map_err(|e| file::damaged(path, format!("offset {offset}"), &e))?;
        Ok(bytes)
    };
    let format = |code, offset, message: String| Error::format(code, format!("{file}: offset {offset}: {message}"));
    let start = take(0, 4)?;
    let &[a, b, kind, rank] = start.as_slice() else {
        return Err(format("idx-cut", 0, format!("found {} bytes; expected a header of at least 8", start.len())));
    };
    if (a, b) != (0, 0) {
        return Err(format("idx-magic", 0, format!("found bytes {a:02x} {b:02x}; an IDX file starts with 00 00")));
    }
    if kind != 8 {
        return Err(format("idx-type", 2, format!("found type {kind:#04x}; expected 0x08, unsigned bytes")));
    }
    let rank = usize::from(rank);
    if !ranks.contains(&rank) {
        let expected = if *ranks == LABELS { "1, as labels have" } else { "2 to 4, as images have" };
        return Err(format("idx-dimensions", 3, format!("found {rank} dimensions; expected {expected}")));
    }
    let sizes = take(4, 4 * rank)?;
    if sizes.len() < 4 * rank {
        return Err(format("idx-cut", 4, format!("found {} bytes of sizes; expected {}", sizes.len(), 4 * rank)));
    }
    let dims: Vec<u32> = sizes.chunks_exact(4).map(|c| u32::from_be_bytes([c[0], c[1], c[2], c[3]])).collect();
    if dims.contains(&0) {
        return Err(format("idx-empty", 4, format!("found sizes {dims:?}; none may be 0")));
    }
    let announced = dims.iter().try_fold(1u64, |n, &k| n.checked_mul(u64::from(k))).filter(|&n| n <= file::GZIP_LIMIT);
    let Some(announced) = announced.and_then(|n| usize::try_from(n).ok()) else {
        let message = format!("found sizes {dims:?}; their product may be at most {} bytes", file::GZIP_LIMIT);
        return Err(format("idx-too-large", 4, message));
    };
    let offset = 4 + 4 * rank;
    let data = take(offset, announced)?;
    if data.len() < announced {
        let found = data.len();
        return Err(format(
            "idx-cut",
            offset,
            format!("found {found} bytes; the header announces {announced} ({dims:?})"),
        ));
    }
    if !take(offset + announced, 1)?.is_empty() {
        let message = format!("found more bytes; the header announces no more than {announced} ({dims:?})");
        return Err(format("idx-trailing", offset + announced, message));
    }
    Ok(Array { file, dims: dims.into_iter().map(|n| n as usize).collect(), data })
}
