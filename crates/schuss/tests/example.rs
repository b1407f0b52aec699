//! The example of the README runs.

#[path = "../examples/digits.rs"]
#[allow(dead_code)]
mod digits;

#[test]
fn it_runs() {
    digits::main().unwrap();
}
