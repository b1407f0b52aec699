//! Tensors and one text in a safetensors file.

use super::atomic;
use crate::data::FileRecord;
use crate::data::readers::file::show;
use crate::error::{Error, Result};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorInfo, View};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The one key of the metadata.
const KEY: &str = "schuss";
/// In the text: the SHA-256 of everything else.
const SHA256: &str = "sha256";

/// The numbers of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// 32 bits each.
    F32(Vec<f32>),
    /// 64 bits each.
    F64(Vec<f64>),
    /// 16 bits each in the file, which 32 bits hold wholly: the type's name in the format.
    Half(&'static str, Vec<f32>),
    /// Of another type, which is not read: its name in the format.
    Other(String),
}

/// A named array.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// `dense/kernel`.
    pub name: String,
    /// Its sizes.
    pub shape: Vec<usize>,
    /// Its numbers, row-major.
    pub numbers: Numbers,
}

impl Numbers {
    /// The type's name in the format.
    pub fn kind(&self) -> &str {
        match self {
            Numbers::F32(_) => "F32",
            Numbers::F64(_) => "F64",
            Numbers::Half(kind, _) => kind,
            Numbers::Other(kind) => kind,
        }
    }
    /// With 32 bits each, the nearest ones; none of a type that is not read.
    pub fn single(&self) -> Option<Cow<'_, [f32]>> {
        match self {
            Numbers::F32(x) | Numbers::Half(_, x) => Some(Cow::Borrowed(x)),
            Numbers::F64(x) => Some(x.iter().map(|&x| x as f32).collect()),
            Numbers::Other(_) => None,
        }
    }
}

impl Tensor {
    /// As they stand in the file.
    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(match &self.numbers {
            Numbers::F32(x) => x.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Numbers::F64(x) => x.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Numbers::Half(..) | Numbers::Other(_) => Vec::new(),
        })
    }
}

/// What a safetensors file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensors {
    /// The tensors, by name.
    pub tensors: Vec<Tensor>,
    /// The text that says what they are; none in files of others.
    pub text: Option<Value>,
}

impl Tensors {
    /// The file's bytes. Equal contents give equal bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut tensors: Vec<&Tensor> = self.tensors.iter().collect();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        let stored = || tensors.iter().map(|t| (t.name.as_str(), Stored(t)));
        let metadata = self.text.clone().map(|mut text| {
            let digest = digest(&text, stored().map(|(name, s)| (name, s.dtype(), s.0.shape.as_slice(), s.0.bytes())));
            if let Value::Object(object) = &mut text {
                object.insert(SHA256.into(), digest.into());
            }
            HashMap::from([(KEY.to_owned(), canonical(&text))])
        });
        safetensors::serialize(stored(), metadata).map_err(|e| Error::format("not-storable", format!("tensors: {e}")))
    }
    /// Writes the file as a whole, or leaves what is there.
    pub fn write(&self, path: &Path) -> Result<()> {
        atomic::replace(path, &self.to_bytes()?)
    }
    /// Reads a file of anyone.
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_bytes(&bytes_of(path)?).map_err(|e| e.at(show(path)))
    }
    /// Reads a file of anyone, with what is needed to know it again.
    pub fn read_recorded(path: &Path) -> Result<(Self, FileRecord)> {
        let bytes = bytes_of(path)?;
        let tensors = Self::from_bytes(&bytes).map_err(|e| e.at(show(path)))?;
        Ok((tensors, FileRecord::of(show(path), &bytes)))
    }
    /// From a file's bytes, whatever they are.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| refuse(&e, bytes))?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| refuse(&e, bytes))?;
        let mut views: Vec<_> = file.iter().collect();
        views.sort_by(|a, b| a.0.cmp(b.0));
        let text = header.metadata().as_ref().and_then(|m| m.get(KEY)).map(|text| {
            let parsed = || Error::format("file-altered", "the text under `schuss` in the metadata is not JSON");
            serde_json::from_str::<Value>(text).map_err(|_| parsed())
        });
        let text = text.transpose()?.map(|mut text| {
            let stored = text.as_object_mut().and_then(|o| o.shift_remove(SHA256));
            let parts = views.iter().map(|(name, v)| (*name, v.dtype(), v.shape(), Cow::Borrowed(v.data())));
            if stored != Some(Value::String(digest(&text, parts))) {
                return Err(Error::format(
                    "file-altered",
                    "the file was altered after it was written: its SHA-256 differs",
                ));
            }
            Ok(text)
        });
        let tensors = views.iter().map(|(name, v)| Tensor {
            name: (*name).to_owned(),
            shape: v.shape().to_vec(),
            numbers: match v.dtype() {
                Dtype::F32 => Numbers::F32(v.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
                Dtype::F64 => Numbers::F64(v.data().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect()),
                Dtype::BF16 => Numbers::Half("BF16", halves(v.data(), |x| f32::from_bits(u32::from(x) << 16))),
                Dtype::F16 => Numbers::Half("F16", halves(v.data(), f16)),
                other => Numbers::Other(other.to_string()),
            },
        });
        Ok(Tensors { tensors: tensors.collect(), text: text.transpose()? })
    }
}

fn halves(bytes: &[u8], number: impl Fn(u16) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| number(u16::from_le_bytes(*b))).collect()
}

/// IEEE 754 binary16: a sign, 5 bits of exponent, 10 of fraction.
fn f16(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// All bytes of a file (not of a device or a pipe, which may have no end).
fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    let unreadable = |e| atomic::failed("file-unreadable", path, "can't be read", &e);
    let size = path.metadata().map_err(unreadable)?;
    if !size.is_file() {
        return Err(Error::file("file-unreadable", format!("{}: can't be read: it is not a file", show(path))));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|f| f.take(size.len()).read_to_end(&mut bytes)).map_err(unreadable)?;
    Ok(bytes)
}

/// The SHA-256 of bytes, in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// JSON with sorted keys and no spaces: equal values are equal texts.
pub(super) fn canonical(value: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(object) => {
                let mut pairs: Vec<_> = object.iter().collect();
                pairs.sort_by(|a, b| a.0.cmp(b.0));
                Value::Object(pairs.into_iter().map(|(k, v)| (k.clone(), sorted(v))).collect::<Map<_, _>>())
            }
            Value::Array(list) => Value::Array(list.iter().map(sorted).collect()),
            other => other.clone(),
        }
    }
    sorted(value).to_string()
}

/// A tensor as the format takes it: its bytes are made when they are asked for, one tensor's at a time.
#[derive(Clone, Copy)]
struct Stored<'a>(&'a Tensor);

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        match &self.0.numbers {
            Numbers::F32(_) => Dtype::F32,
            Numbers::F64(_) => Dtype::F64,
            other => unreachable!("numbers of type {} are read from files of others only", other.kind()),
        }
    }
    fn shape(&self) -> &[usize] {
        &self.0.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        self.0.bytes()
    }
    fn data_len(&self) -> usize {
        match &self.0.numbers {
            Numbers::F32(x) => size_of_val(x.as_slice()),
            Numbers::F64(x) => size_of_val(x.as_slice()),
            Numbers::Half(..) | Numbers::Other(_) => 0,
        }
    }
}

/// The SHA-256 of a text and tensors in the order of their names, in hexadecimal digits.
fn digest<'a>(text: &Value, parts: impl Iterator<Item = (&'a str, Dtype, &'a [usize], Cow<'a, [u8]>)>) -> String {
    let mut sha = Sha256::new();
    sha.update(canonical(text));
    for (name, dtype, shape, bytes) in parts {
        sha.update(format!("\n{name:?} {dtype} {shape:?}\n"));
        sha.update(&bytes);
    }
    hex(&sha.finalize())
}

/// The beginning of a value, for a message.
pub(super) fn short(value: &Value) -> String {
    const SHOWN: usize = 80;
    let text = value.to_string();
    if text.chars().count() <= SHOWN { text } else { text.chars().take(SHOWN).chain(['…']).collect() }
}

/// The header's first tensor that is not described as one: what it is called, and how it is described.
fn misdescribed(bytes: &[u8]) -> Option<(String, Value)> {
    let length = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    let header = bytes.get(8..)?.get(..usize::try_from(length).ok()?)?;
    let Value::Object(tensors) = serde_json::from_slice(header).ok()? else { return None };
    let bad = |(name, t): &(String, Value)| name != "__metadata__" && TensorInfo::deserialize(t).is_err();
    tensors.into_iter().find(bad)
}

fn refuse(e: &SafeTensorError, bytes: &[u8]) -> Error {
    use SafeTensorError as E;
    let size = bytes.len();
    match e {
        E::InvalidHeaderDeserialization(_) if let Some((name, found)) = misdescribed(bytes) => {
            let message = format!(
                "tensor {} is described as {}; it has a dtype (F32, F64, F16, BF16, I64 …), a shape and data_offsets",
                name.escape_debug(),
                short(&found)
            );
            Error::format("bad-tensors", message)
        }
        E::MetadataIncompleteBuffer => {
            let message =
                format!("the file has {size} bytes, which is not what its header announces: it is cut, or altered");
            Error::format("file-cut", message)
        }
        E::HeaderTooSmall
        | E::InvalidHeaderLength
        | E::HeaderTooLarge
        | E::InvalidHeader(_)
        | E::InvalidHeaderDeserialization(_) => {
            let message = format!("{size} bytes that do not start with a safetensors header: another format, or cut");
            Error::format("not-safetensors", message)
        }
        _ => Error::format("bad-tensors", format!("the safetensors header contradicts itself: {e}")),
    }
}
