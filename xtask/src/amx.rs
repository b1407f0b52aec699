//! AMX's instructions in an emulator: a disk that boots into a comparison of them with the loop that stands for them.

use crate::Result;
use crate::command::{command, options, root, run, target};
use std::fs;

/// Builds the disk, runs it in Bochs, and fails unless all numbers agree.
pub fn amx(args: &[String]) -> Result {
    let [bochs] = options(args, [("bochs", "bochs")])?;
    let (from, to) = (root().join("crates/schuss-kernels/boot"), target().join("amx"));
    fs::create_dir_all(&to).map_err(|e| format!("{}: {e}", to.display()))?;
    let path = |name: &str| to.join(name).to_string_lossy().into_owned();
    let source = |name: &str| from.join(name).to_string_lossy().into_owned();
    let script = format!("link-arg=-T{}", source("link.ld"));
    run(command(
        "rustc",
        &[
            "--edition=2024",
            "--crate-name=amx",
            "-Copt-level=2",
            "-Cpanic=abort",
            "-Crelocation-model=static",
            "-Cforce-unwind-tables=no",
            "-Clink-arg=-nostdlib",
            "-Clink-arg=-static",
            "-Clink-arg=-no-pie",
            "-Clink-arg=-Wl,--build-id=none",
            "-C",
            &script,
            "-o",
            &path("program.elf"),
            &source("main.rs"),
        ],
    ))?;
    run(command("objcopy", &["-O", "binary", &path("program.elf"), &path("program.bin")]))?;
    let program = fs::read(path("program.bin")).map_err(|e| format!("program.bin: {e}"))?;
    let sectors = program.len().div_ceil(512);
    let defined = format!("SECTORS={sectors}");
    run(command("as", &["--64", "--defsym", &defined, "-o", &path("boot.o"), &source("boot.s")]))?;
    run(command(
        "ld",
        &["-Ttext=0x7c00", "-e", "_boot", "--oformat=binary", "-o", &path("boot.bin"), &path("boot.o")],
    ))?;
    let mut disk = fs::read(path("boot.bin")).map_err(|e| format!("boot.bin: {e}"))?;
    disk.extend(program);
    // Whole cylinders, of 16 heads and 63 sectors.
    disk.resize(disk.len().next_multiple_of(512 * 16 * 63), 0);
    let cylinders = disk.len() / (512 * 16 * 63);
    fs::write(path("disk.img"), disk).map_err(|e| format!("disk.img: {e}"))?;
    let settings = format!(
        "megs: 64\ncpu: model=sapphire_rapids, count=1, ips=100000000, reset_on_triple_fault=0\ndisplay_library: rfb, options=\"timeout=0\"\nboot: disk\n\
         ata0-master: type=disk, path={}, mode=flat, cylinders={cylinders}, heads=16, spt=63\n\
         port_e9_hack: enabled=1\nlog: {}\npanic: action=fatal\nerror: action=report\n",
        path("disk.img"),
        path("bochs.log"),
    );
    fs::write(path("bochsrc"), settings).map_err(|e| format!("bochsrc: {e}"))?;
    // It ends with a status of its own once the program tells it to.
    let said = command(&bochs, &["-q", "-unlock", "-f", &path("bochsrc")]).output();
    let said = said.map_err(|e| format!("{bochs}: {e}"))?.stdout;
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> =
        said.lines().filter(|line| line.contains("tiles") || line.contains("numbers wrong")).collect();
    lines.iter().for_each(|line| println!("{line}"));
    if lines.iter().any(|line| line.contains(", 0 numbers wrong")) {
        Ok(())
    } else {
        Err(format!("they do not agree; see {}", path("bochs.log")))
    }
}
