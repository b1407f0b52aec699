//! Starting from tensors of others: of every type that is converted, and what is said of those that can't be taken over.

mod folder;

use folder::Folder;
use schuss::recipe::{Recipe, Tables, Training};
use schuss::{Error, store::Tensors};
use std::path::Path;

/// A safetensors file with these tensors: name, type, shape, bytes.
fn file(tensors: &[(&str, &str, &[usize], Vec<u8>)]) -> Vec<u8> {
    let (mut header, mut data) = (Vec::new(), Vec::new());
    for (name, kind, shape, bytes) in tensors {
        let (start, end) = (data.len(), data.len() + bytes.len());
        header.push(format!(r#""{name}":{{"dtype":"{kind}","shape":{shape:?},"data_offsets":[{start},{end}]}}"#));
        data.extend_from_slice(bytes);
    }
    let header = format!("{{{}}}", header.join(","));
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

/// A model of one dense layer, from weights: its bias, and the file's tensors that did not fit.
fn bias_from(folder: &Folder, bytes: &[u8]) -> Result<(Vec<f32>, Vec<String>), Error> {
    let (path, out) = (folder.0.join("w.safetensors"), folder.0.join("run"));
    std::fs::write(&path, bytes).unwrap();
    let _ = std::fs::remove_dir_all(&out);
    let mut recipe = Recipe::from_toml(
        "data = 'digits'\n[train]\nfreeze = 'bias'\nepochs = 1\n[[model.layers]]\nkind = 'flatten'\n\
         [[model.layers]]\nkind = 'dense'\nunits = 10\nactivation = 'softmax'",
    )?;
    recipe.set("train.weights", path.to_str().unwrap())?;
    let training = Training::start(&recipe, Some(&out), &Tables::default())?;
    let misfits = training.transfer().unwrap().misfits.clone();
    training.run(&mut [])?;
    Ok((bias(&out.join("model.safetensors")), misfits))
}

fn bias(model: &Path) -> Vec<f32> {
    let tensors = Tensors::read(model).unwrap().tensors;
    tensors.iter().find(|t| t.name == "dense/bias").unwrap().numbers.single().unwrap().into_owned()
}

const NUMBERS: [f32; 10] = [0.0, 1.0, -1.5, 0.333_251_95, 65504.0, -2.0, 6.103_515_6e-5, 5.960_464_5e-8, 0.25, -0.0];

#[test]
fn numbers_of_other_types_are_converted() {
    let folder = Folder::new();
    let bits = |all: [u16; 10]| all.iter().flat_map(|b| b.to_le_bytes()).collect::<Vec<u8>>();
    // 0, 1, -1.5, 1365/4096, the greatest, -2, the least with all digits, the least of all, 1/4, -0.
    let half = bits([0, 0x3c00, 0xbe00, 0x3555, 0x7bff, 0xc000, 0x0400, 0x0001, 0x3400, 0x8000]);
    let brain = bits(NUMBERS.map(|x| (x.to_bits() >> 16) as u16));
    let double = NUMBERS.iter().flat_map(|&x| f64::from(x).to_le_bytes()).collect();
    let single: Vec<u8> = NUMBERS.iter().flat_map(|x| x.to_le_bytes()).collect();
    let cut = NUMBERS.map(|x| f32::from_bits(x.to_bits() & 0xffff_0000));
    for (kind, bytes, want) in
        [("F32", single, NUMBERS), ("F64", double, NUMBERS), ("F16", half, NUMBERS), ("BF16", brain, cut)]
    {
        let (found, misfits) = bias_from(&folder, &file(&[("dense/bias", kind, &[10], bytes)])).unwrap();
        assert!(found.iter().zip(want).all(|(a, b)| a.to_bits() == b.to_bits()), "{kind}: {found:?}");
        assert!(misfits.is_empty(), "{kind}: {misfits:?}");
    }
}

#[test]
fn why_nothing_fits_is_said() {
    let folder = Folder::new();
    let refused = |bytes: Vec<u8>| bias_from(&folder, &bytes).unwrap_err();
    let with = |place: usize, x: f32| {
        let mut numbers = NUMBERS;
        numbers[place] = x;
        numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()
    };
    let huge: Vec<u8> = [1e300f64; 10].iter().flat_map(|x| x.to_le_bytes()).collect();
    for (kind, shape, bytes, why) in [
        ("F32", &[10][..], with(3, f32::NAN), "dense/bias: number 3 is NaN, allowed are finite ones"),
        ("F64", &[10], huge, "dense/bias: number 0 is inf, allowed are finite ones"),
        ("I32", &[10], with(0, 0.0), "dense/bias is I32, wanted is F32"),
        ("F32", &[2, 5], with(0, 0.0), "dense/bias is F32 [2, 5], wanted is F32 [10]"),
    ] {
        let error = refused(file(&[("dense/bias", kind, shape, bytes)]));
        assert_eq!(error.code(), "no-weights-fit");
        assert!(error.message().contains(why), "{error}");
    }
    let error = refused(file(&[("fc.bias", "F32", &[10], with(0, 0.0))]));
    assert!(error.message().contains("no tensor is named as a parameter of the model, which has dense/"), "{error}");
}
