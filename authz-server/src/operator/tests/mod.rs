//! Tests of the operator's pure core, over the small base of the crate `policy`.

mod definition;
mod documentation;
mod hostile;
mod settling;
pub(super) mod signing;

use std::collections::BTreeMap;

use policy::authoring::{Grounds, RouteDocuments};
use policy::{Base, Files, Parcel, open_base};
use serde_json::{Value, json};
use warrant::{AwsLcVerifier, Seconds};

use super::objects::{CompleteList, RouteKey, RouteObject, SpecText};
use super::quota::{Counted, Quota};
use super::settle::{Foundation, Settled, settle};
use super::verdict::{Refusal, Standing, Verdict};
use crate::policy_fixture::{NOW, PAY_FILE, TestKey, edit, expected, files, parcel, trust};

/// The seed of the key that signs routes.
pub(super) const SIGNER: u8 = 40;

pub(super) const QUOTA: Quota = Quota { of_namespace: 100, of_cluster: 1000 };

/// Three teams: `refunds` has its ground inside that of `payments`, `ledger` on another host.
pub(super) fn base_files() -> Files {
    let mut files = files();
    let key = TestKey::new(SIGNER).jwk();
    edit(
        &mut files,
        "mesh.yaml",
        "  notes:",
        &format!("  routesBy: {{threshold: 1, keys: [{key}]}}\n  notes:"),
    );
    edit(
        &mut files,
        "teams.yaml",
        "  payments:\n",
        "  refunds:\n    ground: [{host: payments.shop, prefix: /v1/payments/refunds/all}]\n    floors: {holder: mtls, environment: {region: [eu-1]}}\n  ledger:\n    ground: [{host: localhost, prefix: /ledger}]\n    ungoverned: [{host: localhost, methods: [GET], path: /ledger/healthz}]\n  payments:\n",
    );
    files.remove(PAY_FILE);
    files
}

pub(super) fn base_parcel(files: &Files, version: u64) -> Parcel {
    parcel(files, version, &trust(1, &[10]), &trust(1, &[10]), &[], &[10])
}

pub(super) fn opened(parcel: &Parcel) -> Base {
    open_base(parcel, &expected(&trust(1, &[10])), &AwsLcVerifier).unwrap()
}

/// A cluster over a base, and what was signed last.
pub(super) struct Cluster {
    pub(super) base: Base,
    grounds: Grounds,
    pub(super) signed: Files,
    pub(super) quota: Quota,
    objects: BTreeMap<RouteKey, RouteObject>,
    clock: i64,
}

impl Cluster {
    pub(super) fn new() -> Cluster {
        let base = opened(&base_parcel(&base_files(), 1));
        let grounds = Grounds::of(&base).unwrap();
        Cluster { base, grounds, signed: Files::new(), quota: QUOTA, objects: BTreeMap::new(), clock: 0 }
    }

    pub(super) fn apply(&mut self, namespace: &str, name: &str, spec: Value) {
        self.clock = self.clock.saturating_add(1);
        let key = RouteKey { namespace: namespace.into(), name: name.into() };
        let before = self.objects.get(&key);
        let (generation, created) =
            before.map_or((1, self.clock), |before| (before.generation.saturating_add(1), before.created));
        self.objects.insert(
            key.clone(),
            RouteObject { key, generation, created, spec: SpecText::of(&spec.to_string()) },
        );
    }

    pub(super) fn delete(&mut self, namespace: &str, name: &str) {
        let key = RouteKey { namespace: namespace.into(), name: name.into() };
        assert!(self.objects.remove(&key).is_some());
    }

    pub(super) fn foundation(&self) -> Foundation<'_> {
        Foundation { base: &self.base, grounds: &self.grounds, signed: &self.signed, quota: self.quota }
    }

    pub(super) fn list(&self) -> CompleteList {
        CompleteList::of_finished(self.objects.values().cloned().collect())
    }

    pub(super) fn settle(&self) -> Settled {
        settle(&self.foundation(), &self.list(), Seconds::new(NOW)).unwrap()
    }

    /// Builds, and takes what was built for signed.
    pub(super) fn sign(&mut self) -> Settled {
        let settled = self.settle();
        self.signed = super::signing::files_of_teams(&settled.built, &self.base);
        // What is signed now is built again from itself.
        let again = self.settle();
        assert_eq!(super::signing::files_of_teams(&again.built, &self.base), self.signed);
        settled
    }

    /// What was built for this route, as JSON.
    pub(super) fn signed_spec(&self, team: &str, name: &str) -> Option<Value> {
        let documents = RouteDocuments::of_files(team, name, &self.signed)?;
        Some(documents.route_value()["spec"].clone())
    }
}

pub(super) fn verdict<'a>(settled: &'a Settled, namespace: &str, name: &str) -> &'a Verdict {
    let key = RouteKey { namespace: namespace.into(), name: name.into() };
    &settled.verdicts[&key]
}

pub(super) fn standing<'a>(settled: &'a Settled, namespace: &str, name: &str) -> &'a Standing {
    match verdict(settled, namespace, name) {
        Verdict::Refused { instead, .. } => instead,
        Verdict::Accepted { .. } => panic!("{namespace}/{name} is accepted"),
    }
}

pub(super) fn is_accepted(settled: &Settled, namespace: &str, name: &str) -> bool {
    verdict(settled, namespace, name).is_accepted()
}

pub(super) fn why<'a>(settled: &'a Settled, namespace: &str, name: &str) -> &'a Refusal {
    match verdict(settled, namespace, name) {
        Verdict::Refused { why, .. } => why,
        Verdict::Accepted { .. } => panic!("{namespace}/{name} is accepted"),
    }
}

/// A good route on this path of payments.shop.
pub(super) fn route(path: &str) -> Value {
    on("payments.shop", path)
}

pub(super) fn on(host: &str, path: &str) -> Value {
    json!({
        "match": [{"hosts": [host], "methods": ["POST"], "paths": [path]}],
        "require": {"holder": "mtls", "use": "once", "maxLifetime": "60s"},
        "callers": ["group:payments-agents"],
    })
}

pub(super) fn with(mut spec: Value, key: &str, value: Value) -> Value {
    spec[key] = value;
    spec
}

/// A route that does not build.
pub(super) fn broken(path: &str) -> Value {
    with(route(path), "callers", json!(["group:nobody"]))
}
