//! The object GovernedRoute as the client of Kubernetes knows it. `spec` stays as it was sent: only the readers of documents say what
//! it means.

use std::borrow::Cow;
use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::operator::gather::SeenObject;
use crate::operator::objects::{LONGEST_SPEC, RouteKey, RouteObject};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct GovernedRoute {
    pub metadata: ObjectMeta,
    #[serde(default)]
    pub spec: Value,
    /// One that cannot be read is written again.
    #[serde(default)]
    pub status: Value,
}

impl Resource for GovernedRoute {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "GovernedRoute".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "portcullis.dev".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1alpha1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "governedroutes".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl GovernedRoute {
    pub(super) fn key(&self) -> RouteKey {
        RouteKey {
            namespace: self.metadata.namespace.clone().unwrap_or_default(),
            name: self.metadata.name.clone().unwrap_or_default(),
        }
    }

    /// What the operator keeps of it.
    pub(super) fn into_seen(self) -> SeenObject {
        let key = self.key();
        let created = self.metadata.creation_timestamp.map_or(i64::MAX, |time| time.0.as_second());
        let generation = self.metadata.generation.unwrap_or_default();
        let conditions = self.status.get("conditions").cloned().unwrap_or_default();
        let conditions = serde_json::from_value(conditions).unwrap_or_default();
        let bytes = self.spec.to_string().len();
        let spec = if bytes <= LONGEST_SPEC { self.spec } else { Value::Null };
        let object = RouteObject { key, generation, created, spec: Arc::new(spec), bytes };
        SeenObject { object, conditions }
    }
}
