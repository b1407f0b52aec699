//! What is refused leaves nothing behind, and says how to go on.

mod folder;

use folder::{Folder, refused};
use std::fs;
use std::process::{Command, Output};

/// The command where no file may be longer than so many blocks of a shell.
#[cfg(unix)]
fn with_short_files(folder: &Folder, blocks: u32, args: &str) -> Output {
    let schuss = folder.command(args);
    let mut shell = Command::new("sh");
    let exec = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
    shell.arg("-c").arg(exec).arg(schuss.get_program()).args(schuss.get_args());
    shell.current_dir(&folder.0).env("HOME", &folder.0).env_remove("SCHUSS_DATA_DIR").output().unwrap()
}

#[test]
fn a_run_that_can_not_start_makes_no_folder() {
    let folder = Folder::new("no-start");
    let rows: String = (0..40).map(|i| format!("{i},{}.5\n", i * 7 % 40)).collect();
    folder.write("numbers.csv", format!("x,y\n{rows}"));
    for (args, code) in [
        ("--set train.monitor=foo", "unknown-monitor"),
        ("--patience 3", "patience-without-validation"),
        ("--set train.reduce_on_plateau.patience=0", "plateau-without-validation"),
        ("--set train.reduce_on_plateau.monitor=foo", "unknown-monitor"),
        ("--data numbers.csv --loss mse --set data.sampling=balanced", "sampling-without-classes"),
    ] {
        refused(&folder, &format!("train {args} --epochs 1 --out run"), 2, code);
        assert!(!folder.0.join("run").exists(), "{args}");
    }
    folder.text("train --epochs 1 --out run");
}

#[test]
fn what_can_not_be_written_is_told_and_the_run_goes_on_later() {
    let folder = Folder::new("short-files");
    fs::create_dir(folder.0.join("mine")).unwrap();
    for out in ["run", "mine"] {
        let output = with_short_files(&folder, 0, &format!("train --epochs 1 --out {out}"));
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && errors.ends_with("[write-failed]\n"), "{errors}");
        let left = fs::read_dir(folder.0.join(out)).map(|entries| entries.count()).ok();
        assert_eq!(left, (out == "mine").then_some(0), "nothing is left of {out} but what was there");
    }
    // The recipe fits, a snapshot does not.
    let output = with_short_files(&folder, 20, "train --epochs 1 --out run");
    let errors = String::from_utf8(output.stderr).unwrap();
    let last = errors.lines().last().unwrap_or_default();
    assert!(output.status.code() == Some(1) && last.contains("last.safetensors: can't be written"), "{errors}");
    assert!(last.contains("go on with: schuss train --resume run"), "{errors}");
    folder.text("train --resume run");
    assert!(folder.0.join("run/model.safetensors").exists());
}
