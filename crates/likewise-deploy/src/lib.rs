//! What Kubernetes would be told, as typed objects.
//!
//! `.ci/manifests` renders `deploy/kubernetes` and `deploy/helm` into `deploy/rendered`, and checks each object by
//! itself against the schemas of Kubernetes. What no schema sees is checked by the tests of this crate, which need
//! neither helm nor a network: that objects fit each other, the image, and the settings and routes of a node.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::object::{Kind, Object};

pub mod object;

/// All objects of one rendering.
pub struct Rendering {
    /// The file's name, without its ending.
    pub name: String,
    /// The objects, as they stand in the file.
    pub objects: Vec<Value>,
}

/// The root of the project.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The text of a file of the project.
///
/// # Panics
/// Where it can't be read.
#[must_use]
pub fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a YAML file of the project; those that hold nothing are left out.
///
/// # Panics
/// Where it can't be read, or is no YAML.
#[must_use]
pub fn documents(path: &str) -> Vec<Value> {
    let documents = serde_saphyr::from_multiple(&text(path));
    let documents: Vec<Value> = documents.unwrap_or_else(|error| panic!("{path}: {error}"));
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// All renderings, by name.
///
/// # Panics
/// Where they can't be read.
#[must_use]
pub fn renderings() -> Vec<Rendering> {
    let folder = std::fs::read_dir(root().join("deploy/rendered")).expect("run `.ci/manifests`");
    let names = folder.map(|entry| entry.expect("an entry can be read").file_name());
    let mut names: Vec<String> =
        names.map(|name| name.into_string().expect("names are UTF-8")).collect();
    names.sort();
    let read = |file: String| Rendering {
        objects: documents(&format!("deploy/rendered/{file}")),
        name: file.trim_end_matches(".yaml").to_owned(),
    };
    names.into_iter().map(read).collect()
}

/// The rendering of this name.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn rendering(name: &str) -> Rendering {
    let mut all = renderings().into_iter();
    all.find(|rendering| rendering.name == name).unwrap_or_else(|| panic!("no rendering {name}"))
}

impl Rendering {
    /// The objects of a kind.
    ///
    /// # Panics
    /// Where an object is none of its kind.
    #[must_use]
    pub fn all<T: Kind>(&self) -> Vec<T> {
        let typed = |object: &Value| match Object::typed(object) {
            Ok((typed, _)) => T::of(typed),
            Err(error) => panic!("{}: {}: {error}", self.name, object["kind"]),
        };
        self.objects.iter().filter_map(typed).collect()
    }

    /// The only object of a kind.
    ///
    /// # Panics
    /// Where there is none, or more than one.
    #[must_use]
    pub fn the<T: Kind>(&self) -> T {
        let mut all = self.all();
        assert_eq!(all.len(), 1, "{}", self.name);
        all.remove(0)
    }
}
