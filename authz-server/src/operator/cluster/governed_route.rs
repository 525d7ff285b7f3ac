//! The object GovernedRoute as the client of Kubernetes knows it. `spec` stays the text that was sent: only the readers of documents say
//! what it means, and a text that cannot be read must be the fault of its object, and not end the list of all others. For the same
//! reason nothing else is read that an author can nest, like `metadata.managedFields`.

use std::borrow::Cow;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::operator::conditions::Condition;
use crate::operator::gather::SeenObject;
use crate::operator::objects::{RouteKey, RouteObject, SpecText};

/// The operator writes three conditions.
const CONDITIONS_AT_MOST: usize = 8;
/// No status that the operator writes is as long.
const LONGEST_STATUS: usize = 64 * 1024;

#[derive(Clone, Debug, Deserialize)]
pub(super) struct GovernedRoute {
    #[serde(deserialize_with = "flat")]
    pub metadata: ObjectMeta,
    #[serde(default)]
    pub spec: Option<Box<RawValue>>,
    /// One that cannot be read is written again.
    #[serde(default)]
    pub status: Option<Box<RawValue>>,
}

/// The part of the metadata that the operator uses, and a watch needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FlatMeta {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
}

fn flat<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let FlatMeta { name, namespace, uid, resource_version, generation, creation_timestamp } =
        FlatMeta::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name,
        namespace,
        uid,
        resource_version,
        generation,
        creation_timestamp,
        ..ObjectMeta::default()
    })
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
        let status = self.status.as_deref().map_or("", RawValue::get);
        let status: Value = match status.len() <= LONGEST_STATUS {
            true => serde_json::from_str(status).unwrap_or_default(),
            false => Value::Null,
        };
        let conditions = status.get("conditions").cloned().unwrap_or_default();
        let mut conditions: Vec<Condition> = serde_json::from_value(conditions).unwrap_or_default();
        conditions.truncate(CONDITIONS_AT_MOST);
        let spec = SpecText::of(self.spec.as_deref().map_or("null", RawValue::get));
        let object = RouteObject { key, generation, created, spec };
        SeenObject { object, conditions }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::WatchEvent;

    use super::*;

    /// One team's object must not blind the operator for all others.
    #[test]
    fn an_object_that_is_nested_too_deeply_is_read_and_is_at_fault_alone() {
        let deep = |levels: usize| format!("{}1{}", "{\"f:a\":".repeat(levels), "}".repeat(levels));
        let object = |levels: usize| {
            format!(
                "{{\"apiVersion\":\"portcullis.dev/v1alpha1\",\"kind\":\"GovernedRoute\",\"metadata\":{{\"name\":\"deep\",\"namespace\":\"payments\",\"generation\":3,\"resourceVersion\":\"7\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\",\"managedFields\":[{{\"fieldsV1\":{0}}}]}},\"spec\":{0},\"status\":{0}}}",
                deep(levels)
            )
        };
        for levels in [1, 200, 5000] {
            let event = format!("{{\"type\":\"ADDED\",\"object\":{}}}", object(levels));
            let event: WatchEvent<GovernedRoute> = serde_json::from_str(&event).unwrap();
            let WatchEvent::Added(read) = event else { panic!("{event:?}") };
            assert_eq!(read.metadata.resource_version.as_deref(), Some("7"));
            let seen = read.into_seen();
            assert_eq!((seen.object.key.to_string().as_str(), seen.object.generation), ("payments/deep", 3));
            assert_eq!(seen.object.spec.read().is_ok(), levels == 1);
            let list = format!(
                "{{\"kind\":\"GovernedRouteList\",\"apiVersion\":\"portcullis.dev/v1alpha1\",\"metadata\":{{}},\"items\":[{}]}}",
                object(levels)
            );
            let list: kube::core::ObjectList<GovernedRoute> = serde_json::from_str(&list).unwrap();
            assert_eq!(list.items.len(), 1);
        }
    }
}
