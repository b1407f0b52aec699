//! The command in a folder of its own.

// Each test file takes what it needs of it.
#![allow(dead_code)]

use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A folder of its own for a test, removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("schuss-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), bytes).unwrap();
    }
    pub fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_schuss"));
        command.current_dir(&self.0).args(args.split_whitespace()).env_remove("SCHUSS_DATA_DIR");
        // No data of the user's are found by name.
        command.env("XDG_CACHE_HOME", self.0.join("cache")).env("HOME", &self.0);
        command
    }
    pub fn run(&self, args: &str) -> Output {
        self.command(args).output().unwrap()
    }
    /// What a run that succeeds prints on standard output.
    pub fn text(&self, args: &str) -> String {
        let output = self.run(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "schuss {args}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }
    pub fn events(&self, args: &str) -> Vec<Value> {
        self.text(args).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }
    /// `history.csv` without the column that no two runs share.
    pub fn history(&self, run: &str) -> Vec<String> {
        let text = String::from_utf8(self.read(&format!("{run}/history.csv"))).unwrap();
        let skip = text.lines().next().unwrap().split(',').position(|c| c == "seconds");
        let row = |l: &str| {
            l.split(',').enumerate().filter(|(i, _)| Some(*i) != skip).map(|(_, c)| c).collect::<Vec<_>>().join(",")
        };
        text.lines().map(row).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One line on standard error, with its code; nothing on standard output; the exit code.
pub fn refused(folder: &Folder, args: &str, status: i32, code: &str) {
    let output = folder.run(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "schuss {args}: {errors}");
    assert!(errors.lines().count() == 1 && errors.contains(&format!("[{code}]")), "schuss {args}: {errors}");
    assert!(output.stdout.is_empty(), "schuss {args}");
}
