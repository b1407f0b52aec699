//! Run folders: what a run was told, what it read, how far it came, what came of it.

use super::atomic::{clear, failed, replace};
use crate::data::FileRecord;
use crate::data::readers::file::show;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a run read: `data.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecord {
    /// The files of the data set.
    pub files: Vec<FileRecord>,
    /// The file that the first weights came from.
    pub weights: Option<FileRecord>,
}

impl DataRecord {
    /// Is what was read now what was read then? Paths may differ.
    pub fn check(&self, now: &DataRecord) -> Result<()> {
        let then: Vec<&FileRecord> = self.files.iter().chain(&self.weights).collect();
        let now: Vec<&FileRecord> = now.files.iter().chain(&now.weights).collect();
        if then.len() != now.len() {
            let message = format!("the run read {} files, now there are {}", then.len(), now.len());
            return Err(Error::file("data-changed", message));
        }
        for (then, now) in then.iter().zip(now) {
            if (then.size, &then.sha256) != (now.size, &now.sha256) {
                let message = format!(
                    "{} was changed since the run started: it had {} bytes and SHA-256 {:.12}…, now {} and {:.12}…",
                    now.path, then.size, then.sha256, now.size, now.sha256
                );
                return Err(Error::file("data-changed", message));
            }
        }
        Ok(())
    }
}

/// A folder of one run, locked against other processes.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    // The system unlocks it when the process ends, however it does.
    _lock: File,
}

/// Why a record can't be read.
fn misread(e: &serde_json::Error) -> String {
    match e.is_data() {
        true => "it is not what a run writes: {files: [{path, size, sha256}], weights: such a file or null}".into(),
        false => format!("line {}, column {}: it is no JSON, or cut", e.line(), e.column()),
    }
}

impl RunFolder {
    /// Refuses a folder that has something in it.
    pub fn check_free(path: &Path) -> Result<()> {
        let mut entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(failed("folder-unusable", path, "can't be the folder of a run", &e)),
        };
        if entries.next().is_none() {
            return Ok(());
        }
        let message = format!("{}: exists and is not empty; name another folder, or go on with resume", show(path));
        Err(Error::file("folder-exists", message))
    }
    /// Makes the folder (`runs/<date>-<n>` unless given) with `recipe.toml` and `data.json` in it.
    pub fn create(path: Option<&Path>, recipe: &str, data: &DataRecord) -> Result<Self> {
        let unmade = |path: &Path, e| failed("write-failed", path, "can't be made", &e);
        let (path, there) = match path {
            Some(path) => {
                Self::check_free(path)?;
                let there = path.exists();
                fs::create_dir_all(path).map_err(|e| unmade(path, e))?;
                (path.to_owned(), there)
            }
            None => {
                let runs = Path::new("runs");
                fs::create_dir_all(runs).map_err(|e| unmade(runs, e))?;
                (next(runs).map_err(|e| unmade(runs, e))?, false)
            }
        };
        Self::fill(&path, recipe, data).inspect_err(|_| {
            // These are removed while they are empty only. The error that counts is the first one.
            let _ = fs::remove_dir(path.join("checkpoints"));
            let _ = if there { Ok(()) } else { fs::remove_dir(&path) };
        })
    }
    fn fill(path: &Path, recipe: &str, data: &DataRecord) -> Result<Self> {
        let checkpoints = path.join("checkpoints");
        fs::create_dir_all(&checkpoints).map_err(|e| failed("write-failed", &checkpoints, "can't be made", &e))?;
        let folder = Self::lock(path.to_owned())?;
        let record = serde_json::to_string_pretty(data).expect("text and whole numbers") + "\n";
        let files = [("data.json", record.as_str()), ("recipe.toml", recipe)];
        let write = |(name, text): (&str, &str)| replace(&path.join(name), text.as_bytes());
        files.into_iter().try_for_each(write).inspect_err(|_| {
            for name in ["data.json", "recipe.toml", "checkpoints/lock"] {
                let _ = fs::remove_file(path.join(name));
            }
        })?;
        Ok(folder)
    }
    /// The folder of a run that is to go on, its `recipe.toml` and its `data.json`.
    pub fn open(path: &Path) -> Result<(Self, String, DataRecord)> {
        let read = |name: &str| {
            let file = path.join(name);
            fs::read_to_string(&file).map_err(|e| match e.kind() {
                ErrorKind::NotFound => {
                    let message = format!("{}: no such file, so {} is no folder of a run", show(&file), show(path));
                    Error::file("no-run", message)
                }
                _ => failed("file-unreadable", &file, "can't be read", &e),
            })
        };
        let (recipe, record) = (read("recipe.toml")?, read("data.json")?);
        let record = serde_json::from_str(&record).map_err(|e| {
            Error::format("bad-data-json", format!("{}: {}", show(&path.join("data.json")), misread(&e)))
        })?;
        let checkpoints = path.join("checkpoints");
        fs::create_dir_all(&checkpoints).map_err(|e| failed("write-failed", &checkpoints, "can't be made", &e))?;
        let folder = Self::lock(path.to_owned())?;
        clear(&folder.path)?;
        clear(&checkpoints)?;
        Ok((folder, recipe, record))
    }
    fn lock(path: PathBuf) -> Result<Self> {
        let file = path.join("checkpoints").join("lock");
        let unlocked = |e| failed("write-failed", &file, "can't be locked", &e);
        let lock = File::options().create(true).append(true).open(&file).map_err(unlocked)?;
        match lock.try_lock() {
            Ok(()) => Ok(RunFolder { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::file("run-in-use", format!("{}: another process is at work on this run", show(&path))))
            }
            // Some network file systems have no locks; the run goes on without.
            Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => Ok(RunFolder { path, _lock: lock }),
            Err(TryLockError::Error(e)) => Err(unlocked(e)),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// The history of its epochs.
    pub fn history(&self) -> PathBuf {
        self.path.join("history.csv")
    }
    /// The snapshot it goes on from.
    pub fn last(&self) -> PathBuf {
        self.path.join("checkpoints").join("last.safetensors")
    }
    /// The model of the best epoch so far.
    pub fn best(&self) -> PathBuf {
        self.path.join("checkpoints").join("best.safetensors")
    }
    /// What came of it: there when the run has ended.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }
}

/// Makes the first folder of today that is not there yet.
fn next(runs: &Path) -> std::io::Result<PathBuf> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (year, month, day) = date(seconds / 86_400);
    let mut n = 1;
    loop {
        let path = runs.join(format!("{year:04}-{month:02}-{day:02}-{n}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => n += 1,
            Err(e) => return Err(e),
        }
    }
}

/// Year, month and day of so many days after 1970-01-01 (Hinnant, chrono-compatible low-level date algorithms).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn days_are_dates() {
        // `date -u -d @$((86400 * days)) +%F`
        let cases = [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (19_782, (2024, 2, 29)),
            (20_088, (2024, 12, 31)),
            (20_089, (2025, 1, 1)),
            (47_541, (2100, 3, 1)),
        ];
        for (days, expected) in cases {
            assert_eq!(date(days), expected);
        }
    }
}
