//! An object of one of the kinds that are used here. They are read in this place alone: the code that reads a pod is
//! large, and each place that asks for it by type would have it built once more.

use k8s_openapi::Resource;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::de::DeserializeOwned;
use serde_json::{Error, Value};

/// A type of objects.
pub trait Kind: Sized {
    /// The object, if it is of this type.
    fn of(object: Object) -> Option<Self>;
}

fn read<T: DeserializeOwned>(object: &Value) -> Result<(Box<T>, Vec<String>), Error> {
    let mut unknown = Vec::new();
    let typed = serde_ignored::deserialize(object, |path| {
        unknown.push(path.to_string().replace("?.", ""))
    })?;
    Ok((Box::new(typed), unknown))
}

macro_rules! kinds {
    ($($kind:ident)*) => {
        /// An object by its kind.
        pub enum Object {
            $(#[doc = stringify!($kind)] $kind(Box<$kind>),)*
            /// Of a kind that there is no type for here.
            Other(Value),
        }

        impl Object {
            /// An object as its type, and the paths of the keys that the type does not know.
            ///
            /// # Errors
            /// Where it is not what its kind says.
            pub fn typed(object: &Value) -> Result<(Self, Vec<String>), Error> {
                $(if object["apiVersion"] == $kind::API_VERSION && object["kind"] == $kind::KIND {
                    let (typed, unknown) = read(object)?;
                    return Ok((Self::$kind(typed), unknown));
                })*
                Ok((Self::Other(object.clone()), Vec::new()))
            }
        }

        $(impl Kind for $kind {
            fn of(object: Object) -> Option<Self> {
                match object {
                    Object::$kind(typed) => Some(*typed),
                    _ => None,
                }
            }
        })*
    };
}

kinds! {
    ConfigMap Ingress NetworkPolicy Pod PodDisruptionBudget Secret Service ServiceAccount StatefulSet
}
