//! The answer of `issuance.cedar` to a request for a root.

use std::collections::{BTreeMap, HashSet};

use cedar_policy::{Context, Entities, Entity, PolicySet, Request, RestrictedExpression, Schema};
use serde_json::Value;
use warrant::Denial;

use super::schema::ISSUE;
use crate::documents::groups::Groups;
use crate::documents::issuance::GrantLimits;
use crate::documents::issuance::{HolderKeyOrigin, IssueQuery, StarterQuery};
use crate::documents::times::rfc3339;
use crate::engine::decide::{NotPermitted, answer, internal, not_permitted};
use crate::engine::names::Type;
use crate::engine::policies::Advice;
use crate::engine::stack;

/// The compiled policies.
#[derive(Debug)]
pub(crate) struct IssuanceSlice {
    pub(super) policies: PolicySet,
    pub(super) advice: BTreeMap<String, Advice>,
    /// What each permit is for.
    pub(super) permits: BTreeMap<String, Permit>,
    pub(super) schema: Schema,
    /// The schema as Cedar's JSON.
    pub(super) json: Value,
    pub(super) mesh: String,
}

/// What a permit says beside its conditions.
#[derive(Clone, Debug)]
pub(super) struct Permit {
    pub(super) grant: String,
    pub(super) limits: GrantLimits,
    /// Whether it names the case that a certificate speaks for a key that is not its own.
    pub(super) names_other_keys: bool,
    /// Whether it names the case that the starter did not say who may act.
    pub(super) names_may_act: bool,
}

impl Permit {
    /// Two cases are permitted only where the author of the permit thought of them.
    fn is_for(&self, query: &IssueQuery) -> bool {
        let is_other_key = query.key == HolderKeyOrigin::Other;
        let is_unasked = query.starter.as_ref().is_some_and(|starter| !starter.may_act);
        (self.names_other_keys || !is_other_key) && (self.names_may_act || !is_unasked)
    }
}

/// A grant that a holder may have, by one permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermittedGrant {
    /// The id of the permit.
    pub policy: String,
    pub grant: String,
    pub limits: GrantLimits,
}

/// Who may have a warrant: the policies, with the groups of `identities.yaml`.
#[derive(Clone, Copy, Debug)]
pub struct Issuance<'a> {
    slice: &'a IssuanceSlice,
    groups: &'a Groups,
}

impl<'a> Issuance<'a> {
    pub(crate) fn new(slice: &'a IssuanceSlice, groups: &'a Groups) -> Self {
        Self { slice, groups }
    }

    /// The grants that this holder may have, sorted by the id of their permit; never none.
    pub fn decide(self, query: &IssueQuery) -> Result<Vec<PermittedGrant>, NotPermitted> {
        stack::on_a_deep_stack(|| self.judge(query)).unwrap_or_else(|| Err(internal()))
    }

    /// The names of the policies, sorted.
    pub fn policies(self) -> Vec<String> {
        self.slice.advice.keys().cloned().collect()
    }

    /// The schema that the policies are validated against, as Cedar's JSON.
    pub fn schema(self) -> Value {
        self.slice.json.clone()
    }

    fn judge(self, query: &IssueQuery) -> Result<Vec<PermittedGrant>, NotPermitted> {
        let (request, entities) = self.request(query).ok_or_else(internal)?;
        let permitted = answer(&self.slice.policies, &self.slice.advice, &request, &entities)?;
        let grants: Vec<_> =
            permitted.policies.into_iter().filter_map(|policy| self.granted(policy, query)).collect();
        if grants.is_empty() {
            return Err(not_permitted(Denial::PolicyDenied, Vec::new(), &self.slice.advice));
        }
        Ok(grants)
    }

    fn granted(self, policy: String, query: &IssueQuery) -> Option<PermittedGrant> {
        let permit = self.slice.permits.get(&policy).filter(|permit| permit.is_for(query))?;
        Some(PermittedGrant { policy, grant: permit.grant.clone(), limits: permit.limits })
    }

    fn request(self, query: &IssueQuery) -> Option<(Request, Entities)> {
        let holder = Type::Agent.entity(&query.holder)?;
        let groups: Option<HashSet<_>> =
            self.groups.of(&query.holder).map(|group| Type::Group.entity(group)).collect();
        let mesh = Type::Mesh.entity(&self.slice.mesh)?;
        let context = Context::from_pairs(context(query)?).ok()?;
        let action = Type::Action.entity(ISSUE)?;
        let request =
            Request::new(holder.clone(), action, mesh.clone(), context, Some(&self.slice.schema)).ok()?;
        let entities = [Entity::new_no_attrs(holder, groups?), Entity::with_uid(mesh)];
        Some((request, Entities::from_entities(entities, None).ok()?))
    }
}

fn context(query: &IssueQuery) -> Option<Vec<(String, RestrictedExpression)>> {
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let posture = Type::Posture.entity(query.posture.name())?;
    let mut all = vec![
        ("cnf".to_owned(), text(query.key.word())),
        ("now".to_owned(), RestrictedExpression::new_datetime(rfc3339(query.now.get()))),
        ("posture".to_owned(), RestrictedExpression::new_entity_uid(posture)),
        ("roots".to_owned(), RestrictedExpression::new_long(i64::try_from(query.roots).ok()?)),
    ];
    if let Some(StarterQuery { iss, sub, may_act }) = &query.starter {
        let members = [
            ("iss".to_owned(), text(iss)),
            ("sub".to_owned(), text(sub)),
            ("may_act".to_owned(), RestrictedExpression::new_bool(*may_act)),
        ];
        all.push(("starter".to_owned(), RestrictedExpression::new_record(members).ok()?));
    }
    if let Some(iss) = &query.token {
        let members = [("iss".to_owned(), text(iss))];
        all.push(("token".to_owned(), RestrictedExpression::new_record(members).ok()?));
    }
    Some(all)
}
