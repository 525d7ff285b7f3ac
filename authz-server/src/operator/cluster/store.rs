//! Keeps what was signed in one ConfigMap. Each update names the version that was read before, so Kubernetes refuses it if another
//! operator has written since: then nothing that this one signed is published.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};

use super::{CallError, answered};
use crate::operator::state::{SignedState, StateError};

const CONFLICT: u16 = 409;
const NOT_FOUND: u16 = 404;

#[derive(Clone, Debug)]
pub struct StateStore {
    api: Api<ConfigMap>,
    namespace: String,
    name: String,
}

/// A state, and where it was read.
#[derive(Clone, Debug)]
pub struct StoredState {
    pub state: SignedState,
    /// `None` if the object does not exist yet.
    object: Option<ConfigMap>,
}

impl StoredState {
    /// Whether this is the same object in the same version.
    pub fn is_same(&self, other: &StoredState) -> bool {
        let version = |stored: &StoredState| {
            let metadata = stored.object.as_ref().map(|object| object.metadata.clone())?;
            Some((metadata.uid, metadata.resource_version))
        };
        version(self) == version(other)
    }
}

/// Why a state cannot be read or written.
#[derive(Debug)]
pub enum StoreError {
    /// Another operator has written since it was read.
    Conflict,
    Call(String),
    Damaged(String),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoreError::Conflict => f.write_str("another operator has signed since"),
            StoreError::Call(what) | StoreError::Damaged(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for StoreError {}

impl StateStore {
    pub fn new(client: Client, namespace: &str, name: &str) -> StateStore {
        let api = Api::namespaced(client, namespace);
        StateStore { api, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    pub async fn read(&self) -> Result<StoredState, StoreError> {
        let object =
            answered(self.api.get_opt(&self.name)).await.map_err(|error| self.failed("read", &error))?;
        let Some(object) = object else {
            return Ok(StoredState { state: SignedState::default(), object: None });
        };
        let members = object.binary_data.clone().unwrap_or_default();
        let members = members.into_iter().map(|(name, bytes)| (name, bytes.0)).collect();
        let damaged = |error: StateError| {
            StoreError::Damaged(format!("ConfigMap {}/{}: {error}", self.namespace, self.name))
        };
        let state = SignedState::of_members(&members).map_err(damaged)?;
        Ok(StoredState { state, object: Some(object) })
    }

    /// Writes a state in place of the one that was read. `None` if it is too large; then nothing is written.
    pub async fn write(
        &self,
        before: &StoredState,
        state: SignedState,
    ) -> Result<Option<StoredState>, StoreError> {
        let Some(members) = state.to_members() else { return Ok(None) };
        let binary_data = members.into_iter().map(|(name, bytes)| (name, ByteString(bytes))).collect();
        let parameters = PostParams::default();
        let written = match &before.object {
            Some(object) => {
                let object = ConfigMap { binary_data: Some(binary_data), ..object.clone() };
                answered(self.api.replace(&self.name, &parameters, &object)).await
            }
            None => {
                let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
                let object = ConfigMap { metadata, binary_data: Some(binary_data), ..ConfigMap::default() };
                answered(self.api.create(&parameters, &object)).await
            }
        };
        match written {
            Ok(object) => Ok(Some(StoredState { state, object: Some(object) })),
            Err(CallError { code: CONFLICT, .. }) => Err(StoreError::Conflict),
            // It was deleted since.
            Err(CallError { code: NOT_FOUND, .. }) if before.object.is_some() => Err(StoreError::Conflict),
            Err(error) => Err(self.failed("write", &error)),
        }
    }

    fn failed(&self, what: &str, error: &CallError) -> StoreError {
        StoreError::Call(format!("cannot {what} the ConfigMap {}/{}: {error}", self.namespace, self.name))
    }
}
