//! `PUT /v1/posture`: sets how much is allowed, for the mesh, a route, an environment or an issuer.

use ledger::entry::{FactScope, Posture, PostureChange};
use serde::Deserialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};
use warrant::formats;

use super::{CallContext, Natural, Resource, check_reason, malformed, read};
use crate::authority::problem::ApiError;
use crate::authority::statements::ConditionScope;
use crate::schema::{Environment, PlainName, Reason, Stance, words};

/// A call to set a posture, in its valid form. Whether it loosens one, and then replaces the newest, the ledger's
/// writer decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostureCall {
    scope: FactScope,
    /// Empty for the mesh.
    subject: String,
    stance: Posture,
    reason: String,
    replaces: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    scope: FactScope,
    subject: Option<String>,
    stance: Posture,
    reason: String,
    replaces: Option<Natural>,
}

impl ToSchema for PostureCall {}

/// What `subject` is, and whether there is one, depends on `scope`.
impl PartialSchema for PostureCall {
    fn schema() -> RefOr<Schema> {
        let forms = FactScope::ALL.iter().map(|scope| {
            let form = ObjectBuilder::new()
                .property("scope", words([scope.word()]))
                .property("stance", Stance::schema())
                .property("reason", Reason::schema())
                .property("replaces", Natural::schema());
            let form = ["scope", "stance", "reason"].into_iter().fold(form, ObjectBuilder::required);
            let subject = match scope {
                FactScope::Mesh => return form,
                FactScope::Environment => Environment::schema(),
                FactScope::Route | FactScope::Issuer => PlainName::schema(),
            };
            form.property("subject", subject).required("subject")
        });
        let says = "How much is allowed, and where. A call that allows more than before names in `replaces` the newest \
                    entry of its scope and subject.";
        forms.fold(OneOfBuilder::new().description(Some(says)), OneOfBuilder::item).into()
    }
}

impl PostureCall {
    /// Reads the body of a call.
    pub fn read(body: &[u8]) -> Result<PostureCall, ApiError> {
        let Members { scope, subject, stance, reason, replaces } = read(body)?;
        check_reason(&reason)?;
        let subject = match (scope, subject) {
            (FactScope::Mesh, None) => String::new(),
            (FactScope::Mesh, Some(_)) => return Err(malformed("`subject` is not allowed for the mesh")),
            (FactScope::Route | FactScope::Environment | FactScope::Issuer, None) => {
                return Err(malformed("`subject` is missing: name the route, the environment or the issuer"));
            }
            (FactScope::Environment, Some(subject)) => match ConditionScope::parse(&subject) {
                Some(ConditionScope::Environment { .. }) => subject,
                Some(ConditionScope::Mesh) | None => {
                    return Err(malformed("`subject` is not of the form `dimension=value`"));
                }
            },
            (FactScope::Route | FactScope::Issuer, Some(subject)) if formats::is_plain(&subject) => subject,
            (FactScope::Route | FactScope::Issuer, Some(_)) => {
                return Err(malformed("`subject` is not the name of a route or an issuer"));
            }
        };
        Ok(PostureCall { scope, subject, stance, reason, replaces: replaces.map(Natural::get) })
    }

    /// Of what the permission is asked.
    #[must_use]
    pub fn resource(&self) -> Resource {
        match self.scope {
            FactScope::Mesh => Resource::Mesh,
            FactScope::Route => Resource::Route(self.subject.clone()),
            FactScope::Environment => Resource::Environment(self.subject.clone()),
            FactScope::Issuer => Resource::Issuer(self.subject.clone()),
        }
    }

    #[must_use]
    pub const fn stance(&self) -> Posture {
        self.stance
    }

    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The entry that it asks for.
    #[must_use]
    pub fn entry(self, context: &CallContext<'_>) -> PostureChange {
        PostureChange {
            bundle: Some(context.bundle),
            by: context.by.to_string(),
            reason: self.reason,
            replaces: self.replaces,
            scope: self.scope,
            stance: self.stance,
            subject: self.subject,
            was: None,
        }
    }
}
