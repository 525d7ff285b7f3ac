//! `POST /v1/revocations`: revokes a warrant, a lineage, a key or a holder.

use ledger::entry::{Revocation, RevocationTarget};
use serde::Deserialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};
use warrant::{Thumbprint, formats};

use super::{CallContext, Resource, check_reason, malformed, read};
use crate::authority::problem::ApiError;
use crate::schema::{Jti, PlainName, Reason, Thumbprint as ThumbprintText, WarrantPath, words};

/// No root lives longer than a day, so nothing that a path or a lineage names is valid after this time.
const PATH_AND_LINEAGE_SECONDS: u64 = 25 * 3600;

/// A call to revoke something, in its valid form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationCall {
    what: RevocationTarget,
    value: String,
    /// Empty for keys and holders, which mean the same under every issuer.
    iss: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    what: RevocationTarget,
    value: String,
    iss: Option<String>,
    reason: String,
}

impl ToSchema for RevocationCall {}

/// What `value` is, and whether there is an `iss`, depends on `what`.
impl PartialSchema for RevocationCall {
    fn schema() -> RefOr<Schema> {
        let forms = RevocationTarget::ALL.iter().map(|what| {
            let (value, has_issuer) = match what {
                RevocationTarget::Path => (WarrantPath::schema(), true),
                RevocationTarget::Lineage => (Jti::schema(), true),
                RevocationTarget::Key => (ThumbprintText::schema(), false),
                RevocationTarget::Subject => (PlainName::schema(), false),
            };
            let form = ObjectBuilder::new()
                .property("what", words([what.word()]))
                .property("value", value)
                .property("reason", Reason::schema());
            let form = ["what", "value", "reason"].into_iter().fold(form, ObjectBuilder::required);
            if has_issuer { form.property("iss", PlainName::schema()).required("iss") } else { form }
        });
        let says = "What is revoked, and why. `iss` names the issuer of the root of a path or a lineage.";
        forms.fold(OneOfBuilder::new().description(Some(says)), OneOfBuilder::item).into()
    }
}

impl RevocationCall {
    /// Reads the body of a call.
    pub fn read(body: &[u8]) -> Result<RevocationCall, ApiError> {
        let Members { what, value, iss, reason } = read(body)?;
        check_reason(&reason)?;
        let form = match what {
            RevocationTarget::Path => {
                (value.split('/').all(formats::is_jti), "the `jti`s of a warrant's links, joined with `/`")
            }
            RevocationTarget::Lineage => (formats::is_jti(&value), "the `txn` of a root"),
            RevocationTarget::Key => {
                (Thumbprint::parse(&value).is_some(), "the thumbprint of a key in base64url")
            }
            RevocationTarget::Subject => (formats::is_plain(&value), "the name of a holder"),
        };
        if let (false, expected) = form {
            return Err(malformed(format!("`value` is not {expected}")));
        }
        let iss = match (what, iss) {
            (RevocationTarget::Path | RevocationTarget::Lineage, Some(iss)) if formats::is_plain(&iss) => iss,
            (RevocationTarget::Path | RevocationTarget::Lineage, Some(_) | None) => {
                return Err(malformed("`iss` must name the issuer of the root"));
            }
            (RevocationTarget::Key | RevocationTarget::Subject, None) => String::new(),
            (RevocationTarget::Key | RevocationTarget::Subject, Some(_)) => {
                return Err(malformed(
                    "`iss` is not allowed: a key or a holder is revoked under every issuer",
                ));
            }
        };
        Ok(RevocationCall { what, value, iss, reason })
    }

    /// Of what the permission is asked.
    #[must_use]
    pub fn resource(&self) -> Resource {
        if self.iss.is_empty() { Resource::Mesh } else { Resource::Issuer(self.iss.clone()) }
    }

    #[must_use]
    pub const fn what(&self) -> RevocationTarget {
        self.what
    }

    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The entry that it asks for.
    #[must_use]
    pub fn entry(self, context: &CallContext<'_>) -> Revocation {
        let until = match self.what {
            RevocationTarget::Path | RevocationTarget::Lineage => {
                Some(context.now.plus(PATH_AND_LINEAGE_SECONDS).get())
            }
            RevocationTarget::Key | RevocationTarget::Subject => None,
        };
        Revocation {
            bundle: Some(context.bundle),
            by: context.by.to_string(),
            iss: self.iss,
            reason: self.reason,
            until,
            value: self.value,
            was: None,
            what: self.what,
        }
    }
}
