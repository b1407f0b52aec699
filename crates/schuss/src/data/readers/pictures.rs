//! Folders of pictures, one folder a class.

use super::file::{self, reason};
use super::picture::{self, Format, Wanted};
use super::{AnyReader, FileRecord, Loaded, Reader, Samples, Schema, Task, show};
use crate::data::{Dataset, Features, Source, Stored, Targets};
use crate::error::{Error, Result};
use crate::registry::{Allowed, Default, Entry, Page, Setting};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) const ENTRY: Entry<AnyReader> = Entry {
    name: "pictures",
    page: Page {
        summary: "a folder of PNG or JPEG pictures, a folder a class, with or without train/ and val/ or test/ above; to \
                  predict, also one picture or a folder of them",
        equation: "",
        source: "W3C, Portable Network Graphics, third edition; ITU-T T.81 (JPEG); Keras 3, \
                 keras.utils.image_dataset_from_directory, for the settings' names",
        differs: "What a file is, its contents decide. Hidden files and folders, other formats, and folders within a class are \
                  passed over and counted. Sizes are the median ones unless given, and change by bilinear interpolation that \
                  smooths when it shrinks, as Pillow's; Keras takes 256 × 256 and does not smooth. Proportions are not kept. \
                  Alpha is dropped. A picture may have 64 Mi pixels.",
    },
    settings: &[
        Setting {
            name: "image_size",
            default: Default::Ints(&[]),
            allowed: Allowed::Ints(1, 16_384),
            doc: "height and width that pictures are brought to [the median ones of the training part]",
        },
        Setting {
            name: "color_mode",
            default: Default::Text("auto"),
            allowed: Allowed::OneOf(&["auto", "rgb", "grayscale"]),
            doc: "auto: rgb if a picture of the training part has colours",
        },
        Setting {
            name: "memory",
            default: Default::Int(4096),
            allowed: Allowed::Int(1, 1 << 20),
            doc: "MiB that decoded pictures may take; those behind are decoded anew in each epoch, ahead of the steps",
        },
    ],
    make: |settings| {
        let size = match settings.ints("image_size").as_slice() {
            [] => None,
            &[height, width] => Some((height, width)),
            other => {
                let message = format!("`image_size` is {other:?}; it is a height and a width, as [128, 128]");
                return Err(Error::value("value-not-allowed", message));
            }
        };
        let channels = match settings.text("color_mode") {
            "rgb" => Some(3),
            "grayscale" => Some(1),
            _ => None,
        };
        Ok(Arc::new(Pictures { size, channels, memory: settings.usize("memory") << 20 }))
    },
};

/// Reads folders of pictures.
#[derive(Clone, Copy, Debug)]
pub struct Pictures {
    size: Option<(usize, usize)>,
    channels: Option<usize>,
    /// Bytes.
    memory: usize,
}

/// Bytes of pictures that are decoded ahead at most; and no more than a quarter of what pictures may take.
const AHEAD: usize = 64 << 20;

/// Entries of a folder that are looked at to see whether there are pictures in it.
const LOOKED_AT: usize = 200;

const TRAIN: &[&str] = &["train", "training"];
const VALIDATION: &[&str] = &["val", "valid", "validation"];
const TEST: &[&str] = &["test", "testing"];

impl Reader for Pictures {
    fn reads(&self, path: &Path) -> bool {
        if path.is_file() {
            return matches!(format_of(path), Ok(Some(_)));
        }
        // Above the pictures stands at most a class, and above that a part.
        fn has(folder: &Path, deeper: usize) -> bool {
            let Ok(entries) = folder.read_dir() else { return false };
            let mut paths: Vec<PathBuf> = entries.take(LOOKED_AT).flatten().map(|e| e.path()).collect();
            paths.retain(|p| !hidden(p));
            let picture = |p: &PathBuf| matches!(format_of(p), Ok(Some(_)));
            paths.iter().any(picture) || deeper > 0 && paths.iter().any(|p| p.is_dir() && has(p, deeper - 1))
        }
        path.is_dir() && has(path, 2)
    }

    fn least_shape(&self) -> Option<Vec<usize>> {
        let (height, width) = self.size?;
        Some([height, width].into_iter().chain(self.channels.filter(|&n| n > 1)).collect())
    }

    fn load(&self, path: &Path, _: Task) -> Result<Loaded> {
        let mut passed = PassedOver::default();
        let [train, validation, test] = parts(path, &mut passed)?;
        let train = train.expect("there is always a training part");
        let wanted = self.wanted(&train.files)?;
        // A held-out part alone is for testing.
        let (validation, test) = if test.is_none() { (None, validation) } else { (validation, test) };
        let classes = train.classes.clone();
        let all =
            [Some(&train), validation.as_ref(), test.as_ref()].iter().flatten().map(|part| part.files.len()).sum();
        let (mut digests, mut size) = (Vec::new(), 0);
        let mut part = |part: Part| {
            let (features, files) = self.decode(&part.files, all, wanted)?;
            for (name, record) in part.files.iter().zip(files) {
                size += record.size;
                let name = name.strip_prefix(path).unwrap_or(name);
                digests.extend_from_slice(format!("{} {}\n", record.sha256, show(name)).as_bytes());
            }
            part.dataset(features, wanted, &classes)
        };
        let (train, validation, test) =
            (part(train)?, validation.map(&mut part).transpose()?, test.map(&mut part).transpose()?);
        let schema = Schema::of(&train.shape, classes);
        let record = FileRecord { size, ..FileRecord::of(show(path), &digests) };
        let notes = passed.notes();
        let loaded = Loaded::new(train, test, vec![record], schema);
        Ok(Loaded { validation, scale: Some(1.0 / 255.0), notes, ..loaded })
    }

    fn load_for(&self, path: &Path, schema: &Schema, targets: bool) -> Result<Samples> {
        let Some(wanted) = Wanted::of(&schema.shape) else {
            let message =
                format!("{}: these are pictures; the model takes samples of shape {:?}", show(path), schema.shape);
            return Err(Error::shape("sample-shape", message));
        };
        let mut passed = PassedOver::default();
        let flat = if path.is_dir() { pictures_in(path, &mut passed)? } else { vec![path.to_owned()] };
        let part = match (targets, flat.is_empty()) {
            (false, false) => Part { files: flat, labels: Vec::new(), classes: Vec::new() },
            (true, false) if path.is_file() => {
                let message =
                    format!("{}: one picture has no target; give a folder that has a folder a class", show(path));
                return Err(Error::file("pictures-no-classes", message));
            }
            _ => {
                passed = PassedOver::default();
                let [train, validation, test] = parts(path, &mut passed)?;
                test.or(validation).or(train).expect("there is always a training part")
            }
        };
        let (features, files) = self.decode(&part.files, part.files.len(), wanted)?;
        let name = |p: &PathBuf| show(p.strip_prefix(path).ok().filter(|p| !p.as_os_str().is_empty()).unwrap_or(p));
        let names = part.files.iter().map(name).collect();
        let mut data = part.dataset(features, wanted, &part.classes)?;
        data.shape.clone_from(&schema.shape);
        data.targets = match targets {
            true => schema.translate(data.targets, &data.classes).map_err(|e| e.at(show(path)))?,
            false => Targets::None,
        };
        data.classes.clone_from(&schema.classes);
        Ok(Samples { data, files, names, notes: passed.notes() })
    }
}

impl Pictures {
    /// What pictures become: as the settings say, else as the training part has them.
    fn wanted(&self, files: &[PathBuf]) -> Result<Wanted> {
        let ((height, width), channels) = match (self.size, self.channels) {
            (Some(size), Some(channels)) => (size, channels),
            (size, channels) => {
                let headers = each(files.len(), |i| {
                    let (bytes, _) = file::read(&files[i])?;
                    picture::header(&files[i], &bytes, still(&files[i], &bytes)?)
                })?;
                let median = |mut all: Vec<usize>| {
                    all.sort_unstable();
                    all[(all.len() - 1) / 2]
                };
                let own = || {
                    let [heights, widths] = [|h: &picture::Header| h.height, |h: &picture::Header| h.width]
                        .map(|of| headers.iter().map(of).collect());
                    (median(heights), median(widths))
                };
                let colour = headers.iter().any(|h| h.colour);
                (size.unwrap_or_else(own), channels.unwrap_or(if colour { 3 } else { 1 }))
            }
        };
        Ok(Wanted { height, width, channels })
    }

    /// All pictures of a part, one after another: as many as may be in memory, which all `all` pictures share; those behind
    /// them when they are asked for. Each is decoded once here, so that what is damaged is told before training.
    fn decode(&self, files: &[PathBuf], all: usize, wanted: Wanted) -> Result<(Features, Vec<FileRecord>)> {
        let room = (self.memory / wanted.len()).min(all) * files.len() / all;
        let ahead = if room == files.len() { 0 } else { room.div_ceil(4).min(AHEAD / wanted.len()) };
        let kept = room - ahead;
        let mut pixels = vec![0; kept * wanted.len()];
        let slots = Mutex::new(pixels.chunks_exact_mut(wanted.len()).map(Some).collect::<Vec<_>>());
        let records = each(files.len(), |i| {
            let slot = slots.lock().unwrap_or_else(PoisonError::into_inner).get_mut(i).and_then(Option::take);
            match slot {
                Some(slot) => read(&files[i], wanted, slot),
                None => read(&files[i], wanted, &mut vec![0; wanted.len()]),
            }
        })?;
        drop(slots);
        let features = if kept == files.len() {
            Features::U8(pixels)
        } else {
            Features::Stored(Stored::new(Album { files: files.to_vec(), wanted, pixels, ahead }))
        };
        Ok((features, records))
    }
}

/// Pictures of which the first are decoded, and the others wait in their files.
struct Album {
    files: Vec<PathBuf>,
    wanted: Wanted,
    pixels: Vec<u8>,
    /// How many may be decoded before they are asked for.
    ahead: usize,
}

impl std::fmt::Debug for Album {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Album({} pictures)", self.files.len())
    }
}

impl Source for Album {
    fn len(&self) -> usize {
        self.files.len()
    }
    fn sample_len(&self) -> usize {
        self.wanted.len()
    }
    fn kept(&self) -> usize {
        self.pixels.len()
    }
    fn at_hand(&self, index: u32) -> bool {
        (index as usize) < self.pixels.len() / self.wanted.len()
    }
    fn ahead(&self) -> usize {
        self.ahead
    }
    fn read(&self, index: u32, to: &mut [u8]) -> Result<()> {
        let (i, n) = (index as usize, self.wanted.len());
        match self.pixels.get(i * n..(i + 1) * n) {
            Some(pixels) => to.copy_from_slice(pixels),
            None => return read(&self.files[i], self.wanted, to).map(|_| ()),
        }
        Ok(())
    }
}

/// Reads and decodes a picture.
fn read(path: &Path, wanted: Wanted, to: &mut [u8]) -> Result<FileRecord> {
    let (bytes, record) = file::read(path)?;
    picture::decode(path, &bytes, still(path, &bytes)?, wanted, to)?;
    Ok(record)
}

/// What a file is, now that it is read.
fn still(path: &Path, bytes: &[u8]) -> Result<Format> {
    Format::of(bytes)
        .ok_or_else(|| Error::file("file-changed", format!("{}: it was changed while it was read", show(path))))
}

/// Does something for each number below `n` on several threads. The error is that of the least number that has one.
fn each<T: Send>(n: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(n);
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let run = || {
        let mut done = Vec::new();
        while !stop.load(Relaxed) {
            let i = next.fetch_add(1, Relaxed);
            if i >= n {
                break;
            }
            let result = work(i);
            stop.fetch_or(result.is_err(), Relaxed);
            done.push((i, result));
        }
        done
    };
    let mut all: Vec<(usize, Result<T>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let results = threads.into_iter().map(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        results.flatten().collect()
    });
    // Numbers are taken in order, so all below one that failed are here.
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, result)| result).collect()
}

/// The pictures of a part, class after class.
struct Part {
    files: Vec<PathBuf>,
    labels: Vec<u32>,
    classes: Vec<String>,
}

impl Part {
    /// Of these pixels, with the label map of the training part.
    fn dataset(&self, features: Features, wanted: Wanted, classes: &[String]) -> Result<Dataset> {
        let place = |name: &String| {
            let place = classes.iter().position(|c| c == name);
            place.map(|c| c as u32).ok_or_else(|| super::unknown_class(name, classes))
        };
        let places = self.classes.iter().map(place).collect::<Result<Vec<u32>>>()?;
        let mut shape = vec![wanted.height, wanted.width];
        if wanted.channels > 1 {
            shape.push(wanted.channels);
        }
        let targets = match self.classes.is_empty() {
            true => Targets::None,
            false => Targets::Classes(self.labels.iter().map(|&c| places[c as usize]).collect()),
        };
        Ok(Dataset { shape, features, targets, weights: None, classes: classes.to_vec() })
    }
}

/// What was passed over: how many of what, and one of them.
#[derive(Default)]
struct PassedOver {
    hidden: usize,
    others: usize,
    folders: usize,
    first: Option<PathBuf>,
}

impl PassedOver {
    fn notes(&self) -> Vec<String> {
        let counts =
            [(self.hidden, "hidden"), (self.others, "of other formats"), (self.folders, "folders within a class")];
        let counts: Vec<String> =
            counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let first = self.first.iter().map(|p| format!("passed over: {}; the first is {}", counts.join(", "), show(p)));
        first.collect()
    }
    fn see(&mut self, path: &Path) {
        self.first.get_or_insert_with(|| path.to_owned());
    }
}

fn hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b".") || name == OsStr::new("__MACOSX")
}

/// What a file's first bytes say it is; none if that is no picture.
fn format_of(path: &Path) -> Result<Option<Format>> {
    match file::start::<8>(path) {
        Err(_) if is_named_otherwise(path) => Ok(None),
        start => Ok(start?.and_then(|start| Format::of(&start))),
    }
}

/// Is it by its name no picture, so that it may be passed over unread?
fn is_named_otherwise(path: &Path) -> bool {
    path.extension().is_some_and(|e| !["png", "jpg", "jpeg"].iter().any(|name| e.eq_ignore_ascii_case(name)))
}

/// Is it a folder, or leads a link to one? The error is about a link that leads nowhere.
fn is_folder(path: &Path) -> Result<bool> {
    match path.metadata() {
        Err(_) if is_named_otherwise(path) => Ok(false),
        metadata => metadata.map(|m| m.is_dir()).map_err(|e| file::unreadable(path, &e)),
    }
}

/// A folder's entries, by name; hidden ones are passed over.
fn entries(folder: &Path, passed: &mut PassedOver) -> Result<Vec<PathBuf>> {
    let unreadable =
        |e: std::io::Error| Error::file("file-unreadable", format!("{}: can't be read: {}", show(folder), reason(&e)));
    let read = folder.read_dir().and_then(|entries| entries.collect::<Result<Vec<_>, _>>()).map_err(unreadable)?;
    let mut paths: Vec<PathBuf> = read.iter().map(std::fs::DirEntry::path).collect();
    paths.sort();
    for path in paths.extract_if(.., |p| hidden(p)) {
        passed.hidden += 1;
        passed.see(&path);
    }
    Ok(paths)
}

/// The pictures that lie in a folder.
fn pictures_in(folder: &Path, passed: &mut PassedOver) -> Result<Vec<PathBuf>> {
    let mut pictures = Vec::new();
    for path in entries(folder, passed)? {
        if is_folder(&path)? {
            passed.folders += 1;
        } else if format_of(&path)?.is_some() {
            pictures.push(path);
            continue;
        } else {
            passed.others += 1;
        }
        passed.see(&path);
    }
    Ok(pictures)
}

/// Parts to train, to validate, to test with: those that are there. Without a folder `train` that has classes in it, all
/// is the training part.
fn parts(path: &Path, passed: &mut PassedOver) -> Result<[Option<Part>; 3]> {
    if !path.is_dir() {
        let message = format!("{}: one picture has no class; give a folder that has a folder a class", show(path));
        return Err(Error::file("pictures-no-classes", message));
    }
    let all = entries(path, &mut PassedOver::default())?;
    let named = |names: &[&str]| {
        let is = |p: &&PathBuf| {
            let name = p.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            p.is_dir() && names.contains(&name.as_str())
        };
        all.iter().find(is)
    };
    let has_folders = |p: &&PathBuf| p.read_dir().is_ok_and(|mut e| e.any(|e| e.is_ok_and(|e| e.path().is_dir())));
    let Some(train) = named(TRAIN).filter(has_folders) else {
        return Ok([Some(part(path, passed)?), None, None]);
    };
    let found = [Some(train), named(VALIDATION), named(TEST)];
    for other in entries(path, passed)?.iter().filter(|p| !found.contains(&Some(p))) {
        passed.others += 1;
        passed.see(other);
    }
    let mut parts = [None, None, None];
    for (slot, folder) in parts.iter_mut().zip(found) {
        *slot = folder.map(|folder| part(folder, passed)).transpose()?;
    }
    Ok(parts)
}

/// The classes in a folder.
fn part(folder: &Path, passed: &mut PassedOver) -> Result<Part> {
    let mut part = Part { files: Vec::new(), labels: Vec::new(), classes: Vec::new() };
    for path in entries(folder, passed)? {
        if !is_folder(&path)? {
            passed.others += 1;
            passed.see(&path);
            continue;
        }
        let files = pictures_in(&path, passed)?;
        if files.is_empty() {
            let message = format!("{}: no PNG or JPEG picture is in this folder of a class", show(&path));
            return Err(Error::file("empty-class", message));
        }
        let name = show(Path::new(path.file_name().unwrap_or_default()));
        part.labels.extend(std::iter::repeat_n(part.classes.len() as u32, files.len()));
        part.files.extend(files);
        part.classes.push(name);
    }
    if part.classes.is_empty() {
        let message = format!("{}: there is no folder of a class in it", show(folder));
        return Err(Error::file("pictures-no-classes", message));
    }
    Ok(part)
}
