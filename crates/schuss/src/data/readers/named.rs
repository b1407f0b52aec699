//! Data sets known by name.

use super::{AnyReader, cifar, digits, idx, quadratic_deep};
use crate::error::{Error, Result};
use crate::registry::{Entry, Page, Registry};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Every data set known by name. Adding one: its entry, and its name here.
pub fn named() -> Registry<Named> {
    Registry::new("data set", [digits::ENTRY, MNIST, FASHION_MNIST, CIFAR10, CIFAR100, quadratic_deep::ENTRY])
}

/// A data set known by name.
#[derive(Clone, Debug)]
pub struct Named {
    /// What reads it.
    pub reader: AnyReader,
    /// What its folder may be called; none if it is part of the program.
    pub folders: &'static [&'static str],
    /// The files in it, in words.
    pub files: &'static str,
}

const IDX_FILES: &str = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and \
    t10k-labels-idx1-ubyte (as they are, or .gz)";

const MNIST: Entry<Named> = Entry {
    name: "mnist",
    page: Page {
        summary: "70,000 handwritten digits, 28 × 28 pixels, 10,000 of them to test with",
        equation: "",
        source: "Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, 1998",
        differs: "",
    },
    settings: &[],
    make: |_| Ok(Named { reader: Arc::new(idx::Idx), folders: &["mnist"], files: IDX_FILES }),
};

const FASHION_MNIST: Entry<Named> = Entry {
    name: "fashion-mnist",
    page: Page {
        summary: "70,000 pictures of clothes, 28 × 28 pixels, 10,000 of them to test with",
        equation: "",
        source: "H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST, 2017, arXiv 1708.07747",
        differs: "",
    },
    settings: &[],
    make: |_| Ok(Named { reader: Arc::new(idx::Idx), folders: &["fashion-mnist"], files: IDX_FILES }),
};

const CIFAR10: Entry<Named> = Entry {
    name: "cifar10",
    page: Page {
        summary: "60,000 colour pictures of ten things, 32 × 32 pixels, 10,000 of them to test with",
        equation: "",
        source: "A. Krizhevsky, Learning multiple layers of features from tiny images, 2009",
        differs: "",
    },
    settings: &[],
    make: |_| {
        let folders = &["cifar10", "cifar-10", "cifar-10-batches-bin"];
        let files = "data_batch_1.bin to data_batch_5.bin and test_batch.bin (as they are, or .bin.xz)";
        Ok(Named { reader: Arc::new(cifar::Cifar::default()), folders, files })
    },
};

const CIFAR100: Entry<Named> = Entry {
    name: "cifar100",
    page: Page {
        summary: "60,000 colour pictures of a hundred things, 32 × 32 pixels, 10,000 of them to test with",
        equation: "",
        source: "A. Krizhevsky, Learning multiple layers of features from tiny images, 2009",
        differs: "",
    },
    settings: cifar::SETTINGS,
    make: |settings| {
        let reader = Arc::new(cifar::Cifar { coarse: settings.text("label_mode") == "coarse" });
        let folders = &["cifar100", "cifar-100", "cifar-100-binary"];
        Ok(Named { reader, folders, files: "train.bin and test.bin (as they are, or .bin.xz)" })
    },
};

impl Named {
    /// Where it is, or an error that says where to put which files.
    pub(super) fn path(&self, name: &str, folders: &[PathBuf]) -> Result<PathBuf> {
        let Some(own) = self.folders.first() else { return Ok(PathBuf::from(name)) };
        let places = || folders.iter().flat_map(|f| self.folders.iter().map(move |own| f.join(own)));
        if let Some(found) = places().find(|p| p.is_dir()) {
            return Ok(found);
        }
        let looked = places().map(|p| super::show(&p)).collect::<Vec<_>>().join(" or ");
        let looked = if looked.is_empty() { format!("a folder {own} (no folder to look in is known)") } else { looked };
        let message = format!(
            "{name} is not there: put {} into {looked}, or set SCHUSS_DATA_DIR to the folder that has {own}/",
            self.files
        );
        Err(Error::file("data-missing", message))
    }
}

/// Where data known by name are looked for: the folder that the environment variable SCHUSS_DATA_DIR names, else the
/// folder `schuss` in the user's cache.
pub fn default_folders() -> Vec<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(folder) = variable("SCHUSS_DATA_DIR") {
        return vec![folder];
    }
    let absolute = variable("XDG_CACHE_HOME").filter(|p| p.is_absolute());
    let cache = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library").join("Caches"))
    } else {
        absolute.or_else(|| variable("HOME").map(|home| home.join(".cache")))
    };
    cache.iter().map(|folder: &PathBuf| Path::join(folder, "schuss")).collect()
}
