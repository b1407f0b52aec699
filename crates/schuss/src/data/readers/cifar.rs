//! CIFAR-10 and CIFAR-100 in their binary layout.

use super::{AnyReader, FileRecord, Loaded, Reader, Samples, Schema, Task, file, show};
use crate::data::{Dataset, Features, Targets};
use crate::error::{Error, Result};
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::ScopedJoinHandle;

pub(super) const ENTRY: Entry<AnyReader> = Entry {
    name: "cifar",
    page: Page {
        summary: "a folder of CIFAR's binary files, data_batch_1.bin to data_batch_5.bin and test_batch.bin (CIFAR-10), or \
                  train.bin and test.bin (CIFAR-100), plain or .xz; to predict, also one such file",
        equation: "",
        source: "A. Krizhevsky, Learning multiple layers of features from tiny images, 2009; the binary version of \
                 https://www.cs.toronto.edu/~kriz/cifar.html",
        differs: "The files hold a picture as three planes; samples are [32, 32, 3], channels last. Classes are named by \
                  batches.meta.txt, fine_label_names.txt or coarse_label_names.txt in the folder, else by number. A \
                  batch may have fewer pictures than the original.",
    },
    settings: SETTINGS,
    make: |settings| Ok(Arc::new(Cifar { coarse: settings.text("label_mode") == "coarse" })),
};

pub(super) const SETTINGS: &[Setting] = &[Setting {
    name: "label_mode",
    default: Default::Text("fine"),
    allowed: Allowed::OneOf(&["fine", "coarse"]),
    doc: "of CIFAR-100: its 100 classes, or the 20 that they make up",
}];

/// Pixels on a side, and channels.
const SIDE: usize = 32;
const CHANNELS: usize = 3;
const PLANE: usize = SIDE * SIDE;
const PICTURE: usize = CHANNELS * PLANE;

/// Reads CIFAR's binary files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cifar {
    /// Of CIFAR-100: the 20 coarse classes.
    pub coarse: bool,
}

/// Which of the two it is, and so how files are laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    Ten,
    Hundred,
}

/// A file of the layout, and the most pictures that it has.
struct Job {
    layout: Layout,
    path: PathBuf,
    pictures: usize,
}

impl Layout {
    /// The names of its files, without an ending, and the most pictures in each.
    fn parts(self) -> [(&'static [&'static str], usize); 2] {
        match self {
            Layout::Ten => [
                (&["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"], 10_000),
                (&["test_batch"], 10_000),
            ],
            Layout::Hundred => [(&["train"], 50_000), (&["test"], 10_000)],
        }
    }
    /// Bytes before the pixels: CIFAR-100 has the coarse label first.
    fn labels(self) -> usize {
        if self == Layout::Ten { 1 } else { 2 }
    }
    /// Of a folder that has its first file.
    fn of(folder: &Path) -> Option<Self> {
        [Layout::Ten, Layout::Hundred].into_iter().find(|l| find(folder, l.parts()[0].0[0]).is_some())
    }
    /// Of a file, by its name.
    fn of_file(path: &Path) -> Option<Job> {
        let name = path.file_name()?.to_str()?;
        let stem = name.strip_suffix(".xz").unwrap_or(name).strip_suffix(".bin")?;
        [Layout::Ten, Layout::Hundred].into_iter().find_map(|layout| {
            let (_, pictures) = layout.parts().into_iter().find(|(names, _)| names.contains(&stem))?;
            Some(Job { layout, path: path.to_owned(), pictures })
        })
    }
}

/// The file of this name, plain before packed.
fn find(folder: &Path, stem: &str) -> Option<PathBuf> {
    [".bin", ".bin.xz"].iter().map(|end| folder.join(format!("{stem}{end}"))).find(|p| p.is_file())
}

impl Reader for Cifar {
    fn reads(&self, path: &Path) -> bool {
        if path.is_dir() { Layout::of(path).is_some() } else { path.is_file() && Layout::of_file(path).is_some() }
    }

    fn load(&self, path: &Path, _: Task) -> Result<Loaded> {
        let layout = folder(path)?;
        let [train, test] = jobs(layout, path);
        let (train, test) = (train?, test.unwrap_or_default());
        let n = train.len();
        let (mut parts, mut files) = read_all(&train.into_iter().chain(test).collect::<Vec<_>>())?;
        let classes = self.classes(layout, path, &mut files)?;
        let mut test = parts.split_off(n);
        let train = self.dataset(layout, &mut parts, &classes)?;
        let test = (!test.is_empty()).then(|| self.dataset(layout, &mut test, &classes)).transpose()?;
        let schema = Schema::of(&train.shape, classes);
        Ok(Loaded { scale: Some(1.0 / 255.0), ..Loaded::new(train, test, files, schema) })
    }

    fn load_for(&self, path: &Path, schema: &Schema, targets: bool) -> Result<Samples> {
        let (layout, jobs) = match Layout::of_file(path).filter(|_| path.is_file()) {
            Some(job) => (job.layout, vec![job]),
            None => {
                let layout = folder(path)?;
                let [train, test] = jobs(layout, path);
                (layout, test.or(train)?)
            }
        };
        let (mut parts, mut files) = read_all(&jobs)?;
        let mut data = pictures(&mut parts);
        if targets {
            let home = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
            // The model's label map says which of the two sets of labels it was trained on.
            let mut with =
                |coarse| Ok::<_, Error>((Cifar { coarse }, Cifar { coarse }.classes(layout, home, &mut files)?));
            let (mut cifar, mut classes) = with(self.coarse)?;
            if layout == Layout::Hundred && classes.iter().any(|c| !schema.classes.contains(c)) {
                let (other, names) = with(!self.coarse)?;
                if names.iter().all(|c| schema.classes.contains(c)) {
                    (cifar, classes) = (other, names);
                }
            }
            let labels = Targets::Classes(cifar.labels(layout, &parts, classes.len())?);
            data.targets = schema.translate(labels, &classes).map_err(|e| e.at(show(path)))?;
        }
        data.classes.clone_from(&schema.classes);
        Ok(Samples::new(data, files))
    }
}

/// The layout of what must be a folder of it.
fn folder(path: &Path) -> Result<Layout> {
    if !path.is_dir() {
        let message =
            format!("{}: it is not a folder; to train and to evaluate, give the folder of the files", show(path));
        return Err(Error::file("cifar-no-folder", message));
    }
    Layout::of(path).ok_or_else(|| missing(path, "data_batch_1 or train"))
}

fn missing(folder: &Path, what: &str) -> Error {
    let message = format!("{}: there is no file {what} with the ending .bin or .bin.xz", show(folder));
    Error::file("cifar-file-missing", message)
}

/// The files of both parts, or which is missing.
fn jobs(layout: Layout, folder: &Path) -> [Result<Vec<Job>>; 2] {
    layout.parts().map(|(names, pictures)| {
        let job = |name: &&str| {
            let path = find(folder, name).ok_or_else(|| missing(folder, name))?;
            Ok(Job { layout, path, pictures })
        };
        names.iter().map(job).collect()
    })
}

/// Files that are read at the same time at most: an .xz file's dictionary is in memory beside its contents meanwhile.
const AT_ONCE: usize = 4;

/// The contents of files; the error is the first file's that has one.
fn read_all(jobs: &[Job]) -> Result<(Vec<Part>, Vec<FileRecord>)> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(AT_ONCE);
    let next = AtomicUsize::new(0);
    let take = || std::iter::from_fn(|| Some(next.fetch_add(1, Relaxed)).filter(|i| *i < jobs.len()));
    let read_some = || take().map(|i| (i, read(&jobs[i]))).collect::<Vec<_>>();
    let mut all = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..threads).map(|_| scope.spawn(read_some)).collect();
        let join = |r: ScopedJoinHandle<_>| r.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        readers.into_iter().flat_map(join).collect::<Vec<_>>()
    });
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, read)| read).collect()
}

/// What is in a file.
struct Part {
    file: String,
    /// For each picture its label, or the coarse and the fine one.
    labels: Vec<u8>,
    /// Channels last.
    pixels: Vec<u8>,
}

/// Reads a file. The layout says how long it may be, whatever an .xz file says of itself.
fn read(job: &Job) -> Result<(Part, FileRecord)> {
    let size = job.layout.labels() + PICTURE;
    let most = size * job.pictures;
    let packed = file::start(&job.path)?.is_some_and(|first: [u8; 6]| file::is_xz(&first));
    let (mut bytes, record) = if packed { unpack(&job.path, most)? } else { file::read(&job.path)? };
    let file = show(&job.path);
    if bytes.is_empty() || bytes.len() > most || !bytes.len().is_multiple_of(size) {
        let n = bytes.len();
        let found = if n > most { format!("more than {most} bytes") } else { format!("{n} bytes") };
        let message = format!("{file}: found {found}; expected 1 to {} pictures of {size} bytes each", job.pictures);
        return Err(Error::format("cifar-size", message));
    }
    let n = bytes.len() / size;
    let labels = bytes.chunks_exact(size).flat_map(|record| &record[..job.layout.labels()]).copied().collect();
    // Where the file's bytes are, as there is less of the pictures: the files are all read at once, and large.
    let mut planes = [0; PICTURE];
    for i in 0..n {
        let from = i * size + job.layout.labels();
        planes.copy_from_slice(&bytes[from..from + PICTURE]);
        let (red, rest) = planes.split_at(PLANE);
        let (green, blue) = rest.split_at(PLANE);
        let to = &mut bytes[i * PICTURE..(i + 1) * PICTURE];
        for (((pixel, r), g), b) in to.chunks_exact_mut(CHANNELS).zip(red).zip(green).zip(blue) {
            pixel.copy_from_slice(&[*r, *g, *b]);
        }
    }
    bytes.truncate(n * PICTURE);
    Ok((Part { file, labels, pixels: bytes }, record))
}

/// What is in an .xz file, up to a byte more than `most`. The file itself is never in memory as a whole.
fn unpack(path: &Path, most: usize) -> Result<(Vec<u8>, FileRecord)> {
    let mut stream = BufReader::with_capacity(64 << 10, file::Stream::open(path)?);
    let mut contents = Vec::with_capacity(most + 1);
    let done = file::unxz(&mut stream).take(most as u64 + 1).read_to_end(&mut contents);
    done.map_err(|e| file::damaged_xz(path, format!("offset {}", contents.len()), &e))?;
    Ok((contents, stream.into_inner().record(path)?))
}

impl Cifar {
    /// How many classes there are, and the file of their names.
    fn names(self, layout: Layout) -> (usize, &'static str) {
        match (layout, self.coarse) {
            (Layout::Ten, _) => (10, "batches.meta.txt"),
            (Layout::Hundred, true) => (20, "coarse_label_names.txt"),
            (Layout::Hundred, false) => (100, "fine_label_names.txt"),
        }
    }
    /// The label map.
    fn classes(self, layout: Layout, folder: &Path, files: &mut Vec<FileRecord>) -> Result<Vec<String>> {
        let (count, name) = self.names(layout);
        let path = folder.join(name);
        if !path.is_file() {
            return Ok((0..count).map(|c| c.to_string()).collect());
        }
        let (bytes, record) = file::read(&path)?;
        files.push(record);
        let bad = |what: &str| {
            let message = format!("{}: {what}; expected {count} different names, one a line", show(&path));
            Error::format("class-names", message)
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| bad("it is not UTF-8 text"))?;
        let mut names: Vec<String> = Vec::new();
        // The original has empty lines at its end.
        for name in text.lines().map(str::trim).filter(|name| !name.is_empty()) {
            if names.len() == count || names.iter().any(|n| n == name) {
                return Err(bad(&format!("name {} is one too many, or a repetition", names.len() + 1)));
            }
            names.push(name.to_owned());
        }
        if names.len() < count { Err(bad(&format!("found {} names", names.len()))) } else { Ok(names) }
    }
    /// The label of each picture, one file after another.
    fn labels(self, layout: Layout, parts: &[Part], classes: usize) -> Result<Vec<u32>> {
        let of_picture = layout.labels();
        let place = if self.coarse && layout == Layout::Hundred { 0 } else { of_picture - 1 };
        let mut labels = Vec::new();
        for part in parts {
            for (i, all) in part.labels.chunks_exact(of_picture).enumerate() {
                let label = all[place];
                if usize::from(label) >= classes {
                    let offset = i * (of_picture + PICTURE) + place;
                    let message =
                        format!("{}: offset {offset}: found label {label}; labels are 0 to {}", part.file, classes - 1);
                    return Err(Error::value("label-out-of-range", message));
                }
                labels.push(u32::from(label));
            }
        }
        Ok(labels)
    }
    fn dataset(self, layout: Layout, parts: &mut [Part], classes: &[String]) -> Result<Dataset> {
        let targets = Targets::Classes(self.labels(layout, parts, classes.len())?);
        let pixels = pictures(parts);
        Ok(Dataset { targets, classes: classes.to_vec(), ..pixels })
    }
}

/// The pictures of several files, one file after another, without targets; those of a file are given up once they are
/// among the others.
fn pictures(parts: &mut [Part]) -> Dataset {
    let mut pixels = Vec::with_capacity(parts.iter().map(|part| part.pixels.len()).sum());
    parts.iter_mut().for_each(|part| pixels.extend_from_slice(&std::mem::take(&mut part.pixels)));
    let (shape, features) = (vec![SIDE, SIDE, CHANNELS], Features::U8(pixels));
    Dataset { shape, features, targets: Targets::None, weights: None, classes: Vec::new() }
}
