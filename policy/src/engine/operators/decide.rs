//! The answer of `operators.cedar` to a call of the API.

use std::collections::{BTreeMap, HashMap, HashSet};

use cedar_policy::{Context, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression, Schema};
use serde_json::Value;
use warrant::Denial;

use crate::documents::groups::Groups;
use crate::documents::operators::{OperatorContext, OperatorPrincipal, OperatorQuery, OperatorResource};
use crate::engine::decide::{NotPermitted, Permitted, answer, internal, not_permitted};
use crate::engine::names::Type;
use crate::engine::policies::Advice;
use crate::engine::stack;

/// The compiled policies.
#[derive(Debug)]
pub(crate) struct OperatorSlice {
    pub(super) policies: PolicySet,
    pub(super) advice: BTreeMap<String, Advice>,
    pub(super) schema: Schema,
    /// The schema as Cedar's JSON.
    pub(super) json: Value,
    pub(super) mesh: String,
    /// The team of each route.
    pub(super) teams: BTreeMap<String, String>,
    /// A route of each kind that the policies can tell apart.
    pub(super) of_each_kind: Vec<String>,
}

/// Who may call the API: the policies, with the groups of `identities.yaml`.
#[derive(Clone, Copy, Debug)]
pub struct Operators<'a> {
    slice: &'a OperatorSlice,
    groups: &'a Groups,
}

impl<'a> Operators<'a> {
    pub(crate) fn new(slice: &'a OperatorSlice, groups: &'a Groups) -> Self {
        Self { slice, groups }
    }

    /// Whether the policies permit this call, and which of them decided. Nobody may do anything to a route that does not
    /// exist, because it has no team. A call that does not have the members of its action is `internal`.
    pub fn decide(self, query: &OperatorQuery) -> Result<Permitted, NotPermitted> {
        stack::on_a_deep_stack(|| self.judge(query)).unwrap_or_else(|| Err(internal()))
    }

    /// The names of the policies, sorted.
    pub fn policies(self) -> Vec<String> {
        self.slice.advice.keys().cloned().collect()
    }

    /// Routes, one of each kind that the policies can tell apart: who may do nothing to these may do nothing to any route.
    /// However many routes there are, these are few.
    pub fn routes_of_each_kind(self) -> impl Iterator<Item = &'a str> {
        self.slice.of_each_kind.iter().map(String::as_str)
    }

    /// Whether a route exists. Nobody may do anything to one that does not.
    pub fn has_route(self, name: &str) -> bool {
        self.slice.teams.contains_key(name)
    }

    /// The schema that the policies are validated against, as Cedar's JSON.
    pub fn schema(self) -> Value {
        self.slice.json.clone()
    }

    fn judge(self, query: &OperatorQuery) -> Result<Permitted, NotPermitted> {
        let Some((resource, about)) = self.resource(&query.resource) else {
            return Err(not_permitted(Denial::PolicyDenied, Vec::new(), &self.slice.advice));
        };
        let (request, entities) = self.request(query, resource, about).ok_or_else(internal)?;
        answer(&self.slice.policies, &self.slice.advice, &request, &entities)
    }

    fn request(
        self,
        query: &OperatorQuery,
        resource: EntityUid,
        about: Entity,
    ) -> Option<(Request, Entities)> {
        let caller = self.caller(query)?;
        let action = Type::Action.entity(query.action.word())?;
        let context = Context::from_pairs(members(&query.context)?).ok()?;
        let request = Request::new(caller.uid(), action, resource, context, Some(&self.slice.schema)).ok()?;
        Some((request, Entities::from_entities([caller, about], None).ok()?))
    }

    fn caller(self, query: &OperatorQuery) -> Option<Entity> {
        let kind = match &query.principal {
            OperatorPrincipal::Agent(_) => Type::Agent,
            OperatorPrincipal::Person(_) => Type::Person,
        };
        let name = query.principal.name();
        let groups = query.groups.iter().map(String::as_str).chain(self.groups.of(name));
        let parents: Option<HashSet<_>> = groups.map(|group| Type::Group.entity(group)).collect();
        Some(Entity::new_no_attrs(kind.entity(name)?, parents?))
    }

    /// The entity that the call is about; `None` for a route that does not exist.
    fn resource(self, resource: &OperatorResource) -> Option<(EntityUid, Entity)> {
        let (uid, attributes) = match resource {
            OperatorResource::Mesh => (Type::Mesh.entity(&self.slice.mesh)?, HashMap::new()),
            OperatorResource::Environment(name) => (Type::Environment.entity(name)?, HashMap::new()),
            OperatorResource::Issuer(iss) => (Type::Issuer.entity(iss)?, HashMap::new()),
            OperatorResource::Route(name) => {
                let team = Type::Team.entity(self.slice.teams.get(name)?)?;
                let team = RestrictedExpression::new_entity_uid(team);
                (Type::Route.entity(name)?, HashMap::from([("team".to_owned(), team)]))
            }
        };
        Some((uid.clone(), Entity::new(uid, attributes, HashSet::new()).ok()?))
    }
}

/// The members that the call has.
fn members(context: &OperatorContext) -> Option<Vec<(String, RestrictedExpression)>> {
    let text = |text: &String| RestrictedExpression::new_string(text.clone());
    let word = |kind: Type, word: &str| kind.entity(word).map(RestrictedExpression::new_entity_uid);
    let mut all = Vec::new();
    if let Some(kind) = context.kind {
        all.push(("kind".to_owned(), word(Type::Kind, kind.word())?));
    }
    if let Some(stance) = context.stance {
        all.push(("stance".to_owned(), word(Type::Posture, stance.word())?));
    }
    all.extend(context.value.as_ref().map(|value| ("value".to_owned(), text(value))));
    all.extend(context.reason.as_ref().map(|reason| ("reason".to_owned(), text(reason))));
    Some(all)
}
